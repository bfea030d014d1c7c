"""Each place that processes can share: SQLite, PostgreSQL, Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import new_database, postgresql_server, postgresql_tables
from tests.redis_server import redis_server, redis_url
from tests.shared.places import Place


__all__ = ["postgresql_server", "postgresql_tables", "redis_server", "redis_url"]


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A fresh place."""
    if request.param == "sqlite":
        place = Place(f"sqlite:///{tmp_path}/privdom.db")
        yield place
    elif request.param == "redis":
        place = Place(request.getfixturevalue("redis_url"))
        yield place
    else:
        server, tables = (request.getfixturevalue(name) for name in ("postgresql_server", "postgresql_tables"))
        with new_database(server, tables) as url:
            place = Place(url)
            yield place
            place.close()
        return
    place.close()
