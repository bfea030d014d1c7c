"""What an import costs a process that only wants the client."""

from __future__ import annotations

import subprocess
import sys
import time

from functools import partial

from bench.harness import Figure, compare


_MOST_MILLISECONDS = 10.0


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
    bare = compare(
        "import privdom, to a bare interpreter",
        ours=partial(_milliseconds, "import privdom"),
        reference=partial(_milliseconds, "pass"),
        unit="ms",
        limit=2.0,  # an interpreter alone takes about 10 ms
    )
    added = bare.ours - bare.reference
    return [
        bare,
        Figure(
            "what import privdom adds, to 10 ms",
            ours=added,
            reference=_MOST_MILLISECONDS,
            unit="ms",
            ratio=added / _MOST_MILLISECONDS,
            limit=1.0,
        ),
        compare(
            "from privdom import WeCom, to its dependencies alone",
            ours=partial(_milliseconds, client),
            reference=partial(_milliseconds, "import attrs, cattrs, httpx, tenacity"),
            unit="ms",
            limit=2.0,
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
