"""How a database gets its tables, and keeps up with releases."""

from __future__ import annotations

import subprocess
import sys

from pathlib import Path

import pytest

from sqlalchemy import Column, Connection, Integer, Table, inspect, select, text

from privdom.errors import StoreError
from privdom.store import Store, metadata, schema
from privdom.store.schema import Upgrade


_BOTH = """
import sys
import privdom.mirror
from privdom.store import Store
with Store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    with store.begin():
        pass
"""


def _tables(store: Store) -> set[str]:
    with store.read() as conn:
        return set(inspect(conn).get_table_names())


def _versions(store: Store) -> list[tuple[int, str]]:
    with store.read() as conn:
        return [tuple(row) for row in conn.execute(text("SELECT version, name FROM privdom_schema ORDER BY version"))]


def test_tables_are_made_at_first_use(store: Store) -> None:
    """A fresh database has all registered tables after the first transaction, and says which schema they are."""
    assert {name for name in metadata.tables if name.startswith("privdom_")} <= _tables(store)
    assert [(1, "created")] == _versions(store)


def test_tables_of_a_module_imported_later_are_made_too(store: Store) -> None:
    """A table that is registered after the first use is there at the next."""
    assert "privdom_test_late" not in _tables(store)

    late = Table("privdom_test_late", metadata, Column("id", Integer, primary_key=True))
    try:
        assert "privdom_test_late" in _tables(store)
    finally:
        metadata.remove(late)


def test_two_processes_may_start_at_once(database: str) -> None:
    """Of processes that meet in an empty database, each finds its tables."""
    command = [sys.executable, "-c", _BOTH, database]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for one in both:
        assert one.stdout is not None
        assert "ready\n" == one.stdout.readline()
    for one in both:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    errors = [one.communicate()[1] for one in both]

    assert ["", "", ""] == errors
    assert [0, 0, 0] == [one.returncode for one in both]


def test_a_database_of_a_newer_release_is_refused(database: str) -> None:
    """The error tells to upgrade the package, and nothing is touched."""
    with Store(database) as store, store.begin() as conn:
        conn.execute(text("INSERT INTO privdom_schema (version, name) VALUES (99, 'from the future')"))
    with Store(database) as store, pytest.raises(StoreError, match="pip install -U privdom"):
        store.begin().__enter__()


def test_upgrades_are_applied_once_and_in_order(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of an older release gets what it lacks; a fresh one starts at the newest version."""
    ran: list[int] = []
    upgrades = tuple(Upgrade(n, f"step {n}", lambda conn, n=n: ran.append(n)) for n in (2, 3))
    with Store(database) as store, store.begin():
        pass
    monkeypatch.setattr(schema, "UPGRADES", upgrades)
    for _ in range(2):
        with Store(database) as store:
            with store.begin():
                pass
            versions = _versions(store)

    assert [2, 3] == ran
    assert [(1, "created"), (2, "step 2"), (3, "step 3")] == versions

    with Store("sqlite://") as fresh:
        assert [(3, "created")] == _versions(fresh)
    assert [2, 3] == ran


def test_an_upgrade_that_breaks_off_starts_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash in the middle, nothing of the upgrade is there, and the next start does it whole."""

    def break_off(conn: Connection) -> None:
        conn.execute(text("CREATE TABLE privdom_test_upgraded (x INTEGER)"))
        raise ZeroDivisionError

    def work(conn: Connection) -> None:
        conn.execute(text("CREATE TABLE privdom_test_upgraded (x INTEGER)"))

    with Store(database) as store, store.begin():
        pass
    monkeypatch.setattr(schema, "UPGRADES", (Upgrade(2, "add a table", break_off),))
    with Store(database) as store, pytest.raises(ZeroDivisionError):
        store.begin().__enter__()
    monkeypatch.setattr(schema, "UPGRADES", (Upgrade(2, "add a table", work),))
    with Store(database) as store:
        assert "privdom_test_upgraded" in _tables(store)
        assert [(1, "created"), (2, "add a table")] == _versions(store)


def test_tables_made_for_a_host_vanish_with_its_rollback(database: str) -> None:
    """A joined store makes missing tables in the host's transaction, and again if that is rolled back."""
    store = Store(database)
    with Store(database) as other, other._engine.connect() as host:
        for _ in range(2):
            with store.joined(host).begin() as conn:
                count = conn.execute(select(text("count(*)")).select_from(text("privdom_schema"))).scalar_one()
            host.rollback()

            assert 1 == count
            assert [] == inspect(host).get_table_names()
            host.rollback()
    store.close()


def test_the_library_s_tables_are_told_by_their_prefix() -> None:
    """Every table begins with privdom_, so that a host can leave them out of its own tools."""
    import privdom.mirror  # noqa: F401 - registers its tables

    assert [] == [name for name in metadata.tables if not name.startswith("privdom_")]


def test_importing_the_package_loads_no_database_library() -> None:
    """SQLAlchemy is imported with the store, not before."""
    code = "import sys, privdom, privdom.errors; sys.exit('sqlalchemy' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parent).returncode
