"""Both databases, and the nursery of all processes that are killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kills.harness import Nursery
from tests.postgres import database, postgresql_server, postgresql_tables


__all__ = ["database", "postgresql_server", "postgresql_tables"]


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Forks the processes of all tests, since it takes a second to start."""
    nursery = Nursery(tmp_path_factory.mktemp("nursery") / "errors.txt")
    yield nursery
    nursery.close()
