from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import database, postgresql_server, postgresql_tables

from privdom.sandbox import Sandbox
from privdom.store import Store


__all__ = ["database", "postgresql_server", "postgresql_tables", "sandbox", "store"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A corp with the staff ann and bob."""
    with Sandbox(seed=7) as sandbox:
        sandbox.add_staff("ann")
        sandbox.add_staff("bob")
        yield sandbox


@pytest.fixture
def store() -> Iterator[Store]:
    """A store in memory; the tests that ask for `database` run on PostgreSQL too."""
    with Store("sqlite://") as store:
        yield store
