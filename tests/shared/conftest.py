"""Each place that processes can share: SQLite, PostgreSQL, Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import new_database, postgresql_server, postgresql_tables
from tests.redis_server import redis_server, redis_url
from tests.shared.places import Place


__all__ = ["postgresql_server", "postgresql_tables", "redis_server", "redis_url"]


@pytest.fixture(scope="session")
def postgresql_place(postgresql_server: str, postgresql_tables: str) -> Iterator[Place]:
    """One database for all tests, since another one takes longer than most of them."""
    with new_database(postgresql_server, postgresql_tables) as url:
        place = Place(url)
        yield place
        place.close()


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place in which nothing is."""
    if request.param == "postgresql":
        place: Place = request.getfixturevalue("postgresql_place")
        place.clear()
        yield place
        return
    place = Place(
        f"sqlite:///{tmp_path}/privdom.db" if request.param == "sqlite" else request.getfixturevalue("redis_url")
    )
    yield place
    place.close()
