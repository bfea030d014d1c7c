"""The cost of a tick grows with what is due, not with who is enrolled."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scale import cost
from tests.postgres import new_database, postgresql_server


__all__ = ["postgresql_server"]

_FEW, _MANY = 30_000, 300_000


def _check(few: dict[str, int], many: dict[str, int], *, at_most: float) -> None:
    """No statement may cost much more; what costs next to nothing may have some levels more to go down in an index."""
    dear = {s: (few.get(s, 0), n) for s, n in many.items() if n > at_most * few.get(s, 0) + 50}
    assert {} == dear


@pytest.mark.parametrize("analysed", [False, True], ids=["plain", "analysed"])
def test_steps_of_sqlite(tmp_path: Path, analysed: bool) -> None:
    """With ten times as many enrolled, no statement takes more steps of SQLite's machine, whatever ANALYZE told it."""
    few = cost(f"sqlite:///{tmp_path}/few.db", _FEW, analysed=analysed)
    many = cost(f"sqlite:///{tmp_path}/many.db", _MANY, analysed=analysed)

    _check(few, many, at_most=1.1)


def test_pages_of_postgresql(postgresql_server: str) -> None:
    """With ten times as many enrolled, no statement touches many more pages of PostgreSQL."""
    with new_database(postgresql_server) as url:
        few = cost(url, _FEW)
    with new_database(postgresql_server) as url:
        many = cost(url, _MANY)

    # Of few, two who are due may stand in one page.
    _check(few, many, at_most=2.2)
