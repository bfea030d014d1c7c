from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from privdom.sandbox import Sandbox
from privdom.store import Store
from tests.conftest import OnPort
from tests.livecodes.corp import Corp
from tests.postgres import database, postgresql_server, postgresql_tables


__all__ = ["database", "play", "play_on_databases", "postgresql_server", "postgresql_tables", "sandbox"]

Play = Callable[[Callable[[Corp], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A corp on a Monday, 09:00 in China, with four staff."""
    with Sandbox(seed=11, now=datetime(2026, 3, 2, 1, 0, tzinfo=UTC)) as sandbox:
        for userid in ("ann", "bob", "cat", "dan"):
            sandbox.add_staff(userid)
        yield sandbox


def _player(on_port: OnPort, sandbox: Sandbox, store: Store) -> Play:
    def run(scenario: Callable[[Corp], Coroutine[Any, Any, None]]) -> None:
        on_port(lambda port: scenario(Corp(port, sandbox, store)), transport=sandbox.transport, clock=sandbox.clock)

    return run


@pytest.fixture
def play(on_port: OnPort, sandbox: Sandbox, store: Store) -> Play:
    """Play a scenario with a corp, on both ports."""
    return _player(on_port, sandbox, store)


@pytest.fixture
def play_on_databases(on_port: OnPort, sandbox: Sandbox, database: str) -> Iterator[Play]:
    """The same, on SQLite and on PostgreSQL."""
    with Store(database) as store:
        yield _player(on_port, sandbox, store)
