"""
``python -m bench``: measure, print a table, write bench-result.json, fail where a limit is passed.

All but ``scale``, which takes many minutes: ``python -m bench scale``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys

from pathlib import Path

import attrs

import privdom

from bench.harness import Figure, table


MODULES = ("decode", "callback", "importtime", "http", "outbox", "tags")
LONG = ("scale",)
RESULT = Path("bench-result.json")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(MODULES + LONG)}")
    chosen = parser.parse_args(argv).modules or MODULES
    if unknown := set(chosen) - set(MODULES + LONG):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")

    figures: list[Figure] = []
    for module in chosen:
        figures += importlib.import_module(f"bench.{module}").figures()

    print(table(figures))
    result = {
        "privdom": privdom.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "figures": [attrs.asdict(f) | {"ok": f.ok} for f in figures],
    }
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if all(f.ok for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
