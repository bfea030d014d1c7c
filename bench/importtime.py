"""What an import costs a process that only wants the client."""

from __future__ import annotations

import subprocess
import sys
import time

from functools import partial

from bench.harness import Figure, compare


def _milliseconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - start) * 1000


def _loaded(code: str, package: str) -> int:
    count = f"{code}; import sys; print(sum(m.partition('.')[0] == {package!r} for m in sys.modules))"
    return int(subprocess.run([sys.executable, "-c", count], check=True, capture_output=True, text=True).stdout)


def figures() -> list[Figure]:
    client = "from privdom import WeCom"
    alchemy = _loaded(client, "sqlalchemy")
    return [
        compare(
            "import privdom, to a bare interpreter",
            ours=partial(_milliseconds, "import privdom"),
            reference=partial(_milliseconds, "pass"),
            unit="ms",
            # The library's top loads `typing` and nothing else; an interpreter alone takes about 10 ms.
            limit=2.5,
        ),
        compare(
            "from privdom import WeCom, to its dependencies alone",
            ours=partial(_milliseconds, client),
            reference=partial(_milliseconds, "import attrs, cattrs, httpx, tenacity"),
            unit="ms",
            limit=1.5,
        ),
        Figure(
            "sqlalchemy modules that `from privdom import WeCom` loads",
            ours=alchemy,
            reference=_loaded("pass", "sqlalchemy"),
            unit="modules",
            ratio=alchemy,
            limit=0,
        ),
    ]
