"""Transactions: what commits, what does not, and who shares them."""

from __future__ import annotations

import os
import pickle
import sqlite3
import threading

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, Table, create_engine, event, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from privdom._port import AsyncPort, BlockingPort, run
from privdom.errors import StoreError, UsageError
from privdom.store import BigId, JsonText, Store, UtcTime, metadata
from privdom.store.engine import wal_is_safe


note = Table(
    "privdom_test_note",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at", UtcTime),
    Column("data", JsonText),
)


def _count(store: Store) -> int:
    with store.read() as conn:
        return conn.execute(select(func.count()).select_from(note)).scalar_one()


def _engine(database: str) -> Engine:
    return create_engine(database.replace("postgresql:", "postgresql+psycopg:"))


def test_begin_commits_at_the_end(store: Store) -> None:
    """What is written in a block is there after it."""
    with store.begin() as conn:
        conn.execute(insert(note), [{"data": 1}, {"data": 2}])

    assert 2 == _count(store)


def test_an_exception_rolls_back(store: Store) -> None:
    """Nothing of a block that raises stays."""
    with pytest.raises(ZeroDivisionError), store.begin() as conn:
        conn.execute(insert(note), {"data": 1})
        _ = 1 / 0

    assert 0 == _count(store)


def test_a_read_transaction_refuses_writes(store: Store) -> None:
    """A write in read() is an error, not lost in silence; the next transaction may write again."""
    with store.read() as conn, pytest.raises(DBAPIError):
        conn.execute(insert(note), {"data": 1})
    with store.begin() as conn:
        conn.execute(insert(note), {"data": 1})

    assert 1 == _count(store)


def test_threads_share_a_store(store: Store) -> None:
    """Writers in many threads take turns, and none is lost."""

    def work() -> None:
        for _ in range(5):
            with store.begin() as conn:
                conn.execute(insert(note), {"data": 1})

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 30 == _count(store)


def test_threads_take_turns_in_memory() -> None:
    """In memory too, where there is one connection, transactions do not mix."""
    with Store("sqlite://") as store:
        test_threads_share_a_store(store)


def test_an_in_memory_database_lives_as_long_as_its_store() -> None:
    """Transactions of one store in memory see the same data; another store sees none of it."""
    with Store("sqlite://") as one, Store("sqlite:///:memory:") as other:
        with one.begin() as conn:
            conn.execute(insert(note), {"data": 1})

        assert 1 == _count(one)
        assert 0 == _count(other)


def test_a_second_transaction_in_memory_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a transaction inside another one, where only one can be, ends in an error that explains it."""
    monkeypatch.setattr("privdom.store.engine._BUSY_SECONDS", 0.01)
    with Store("sqlite://") as store, store.begin(), pytest.raises(StoreError, match="end one transaction"):
        store.read().__enter__()


@pytest.mark.parametrize("use", ["connection", "session"])
def test_a_joined_store_leaves_the_commit_to_the_host(database: str, use: str) -> None:
    """What is done on a borrowed connection goes with the host's transaction: a rollback takes it back."""
    with Store(database) as store:
        engine = _engine(database)
        with Session(engine) if use == "session" else engine.connect() as host:
            joined = store.joined(host)
            with joined.begin() as conn:
                conn.execute(insert(note), {"data": 1})
            with joined.joined(host).read() as conn:
                seen = conn.execute(select(func.count()).select_from(note)).scalar_one()
            joined.close()
            host.rollback()

            assert 1 == seen
            assert 0 == _count(store)

            with joined.begin() as conn:
                conn.execute(insert(note), {"data": 1})
            host.commit()
        engine.dispose()

        assert 1 == _count(store)
        assert joined.borrowed
        assert not store.borrowed
        assert f"<Store {store.dialect} joined to a transaction of the host>" == repr(joined)


def test_an_exception_in_a_joined_block_is_the_hosts_to_handle(database: str) -> None:
    """A joined store does not roll the host back."""
    engine = _engine(database)
    with Store(database) as store, engine.connect() as host:
        with pytest.raises(ZeroDivisionError), store.joined(host).begin() as conn:
            conn.execute(insert(note), {"data": 1})
            _ = 1 / 0
        host.commit()

        assert 1 == _count(store)
    engine.dispose()


def test_a_connection_of_another_database_cannot_be_joined() -> None:
    """A store of PostgreSQL refuses a connection to SQLite; nothing is connected to find out."""
    engine = create_engine("sqlite://")
    with engine.connect() as host, pytest.raises(UsageError, match="same database"):
        Store("postgresql://h/d").joined(host).begin().__enter__()
    engine.dispose()


def test_a_connection_without_a_transaction_cannot_be_joined(database: str) -> None:
    """On PostgreSQL a connection that commits each statement by itself is refused; SQLite begins one."""
    engine = _engine(database)
    with Store(database) as store, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as host:
        if store.dialect == "postgresql":
            with pytest.raises(UsageError, match="begin a transaction"):
                store.joined(host).begin().__enter__()
        else:
            with store.joined(host).begin() as conn:
                conn.execute(insert(note), {"data": 1})
            host.rollback()

            assert 0 == _count(store)
    engine.dispose()


def test_an_engine_of_the_host_is_used_and_stays_open(database: str) -> None:
    """A store on an Engine works with its settings, and does not close it."""
    engine = _engine(database)
    if engine.dialect.name == "sqlite":
        # As a host may have it: transactions that begin without a lock.
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN"))
    store = Store(engine)
    with store, store.begin() as conn:
        conn.execute(insert(note), {"data": 1})

    assert 1 == _count(store)
    engine.dispose()


def test_a_host_s_sqlite_is_locked_from_the_first_statement_on(tmp_path: Path) -> None:
    """A write transaction holds the lock before it reads, on an engine of the host's too."""
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    event.listen(engine, "begin", lambda conn: conn.exec_driver_sql("BEGIN"))
    other = sqlite3.connect(tmp_path / "a.db", timeout=0)
    with Store(engine).begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    engine.dispose()


def test_sqlite_is_durable(tmp_path: Path) -> None:
    """Commits reach the disk before they return, and foreign keys are checked."""
    with Store(f"sqlite:///{tmp_path}/a.db") as store, store.begin() as conn:
        extra = conn.exec_driver_sql("PRAGMA synchronous").scalar_one()
        keys = conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one()
        mode = conn.exec_driver_sql("PRAGMA journal_mode").scalar_one()

    assert 3 == extra
    assert 1 == keys
    assert ("wal" if wal_is_safe(sqlite3.sqlite_version_info) else "truncate") == mode


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((3, 51, 2), False),
        ((3, 50, 7), True),
        ((3, 50, 6), False),
        ((3, 49, 9), False),
        ((3, 44, 6), True),
        ((3, 44, 5), False),
        ((3, 45, 0), False),
        ((3, 40, 1), False),
    ],
)
def test_wal_is_used_where_it_is_safe(version: tuple[int, ...], safe: bool) -> None:
    """Only versions with the correction of the log's reset use WAL."""
    assert safe == wal_is_safe(version)


def test_a_database_in_another_journal_mode_is_switched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file left in WAL by another program goes back to the rollback journal, unless somebody holds it open."""
    monkeypatch.setattr("privdom.store.engine.wal_is_safe", lambda version: False)
    other = sqlite3.connect(tmp_path / "a.db")
    other.execute("PRAGMA journal_mode = wal")
    other.execute("CREATE TABLE t (x)")
    with Store(f"sqlite:///{tmp_path}/a.db?timeout=0") as store, store.begin() as conn:
        held = conn.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    other.close()
    with Store(f"sqlite:///{tmp_path}/a.db") as store, store.begin() as conn:
        free = conn.exec_driver_sql("PRAGMA journal_mode").scalar_one()

    assert "wal" == held
    assert "truncate" == free


def test_a_forked_child_opens_connections_of_its_own(store: Store) -> None:
    """Parent and child go on writing after a fork, each through its own connections."""
    with store.begin() as conn:
        conn.execute(insert(note), {"data": "parent"})
    child = os.fork()
    if child == 0:  # pragma: no cover - a child that ends by os._exit saves no coverage
        status = 1
        try:
            with store.begin() as conn:
                conn.execute(insert(note), {"data": "child"})
            store.close()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    with store.begin() as conn:
        conn.execute(insert(note), {"data": "parent"})

    assert 0 == status
    assert 3 == _count(store)


def test_a_store_with_another_pid_forgets_its_connections(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork, the parent's idle connections are neither used nor closed."""
    engine, opened = _engine(database), list[Any]()
    event.listen(engine, "connect", lambda connection, _: opened.append(connection))
    store, mine = Store(engine), os.getpid()
    before = _count(store), len(opened)
    monkeypatch.setattr("privdom.store.database.os.getpid", lambda: mine + 1)
    after = _count(store), len(opened)
    for connection in opened:
        connection.execute("SELECT 1")  # each is open still
        connection.close()

    assert ((0, 1), (0, 2)) == (before, after)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("privdom.db", "sqlite:///privdom.db"),
        ("mysql://root:hunter2@h/d", "mysql is not supported"),
        ("postgresql+nosuch://root:hunter2@h/d", "no driver"),
        ("postgresql+psycopg2://root:hunter2@h/d", "pip install"),
        ("postgresql+asyncpg://root:hunter2@h/d", "asyncpg"),
        ("sqlite+aiosqlite://", "aiosqlite"),
    ],
)
def test_a_wrong_url_is_refused_with_advice(url: str, says: str) -> None:
    """The error says how to write it, and quotes no password."""
    with pytest.raises(UsageError, match=says) as caught:
        Store(url)

    assert "hunter2" not in str(caught.value)


def test_an_unsupported_engine_is_refused() -> None:
    """An engine of another database is no place for these tables."""
    engine = create_engine("sqlite://")
    engine.dialect.name = "oracle"

    with pytest.raises(UsageError, match="not supported"):
        Store(engine)


def test_sqlite_has_no_schemas() -> None:
    """schema= is for PostgreSQL."""
    with pytest.raises(UsageError, match="SQLite has no schemas"):
        Store("sqlite://", schema="crm")


def test_a_schema_keeps_the_tables_apart(database: str) -> None:
    """Two stores in two schemas of one database share nothing; the host's tables stay in reach."""
    if database.startswith("sqlite"):
        return
    engine = _engine(database)
    with engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE of_host (x integer)")
    with Store(database, schema='C"RM') as crm, Store(database) as plain, Store(database, schema='C"RM') as again:
        with crm.begin() as conn:
            conn.execute(insert(note), {"data": 1})
        with engine.begin() as host:
            with crm.joined(host).begin() as conn:
                conn.execute(insert(note), {"data": 1})
                conn.exec_driver_sql("INSERT INTO of_host VALUES (1)")
            path = host.exec_driver_sql("SHOW search_path").scalar_one()

        assert (2, 0, 2) == (_count(crm), _count(plain), _count(again))
        assert '"$user", public' == path
        assert 'C"RM' in repr(crm)
    engine.dispose()


def test_a_repr_tells_what_is_there(database: str) -> None:
    """It names the place, never the password, and counts roughly once the store is in use."""
    with Store(database) as store:
        before = repr(store)
        with store.begin() as conn:
            conn.execute(insert(note), [{"data": 1}] * 7)
            within = repr(store)

        assert before.startswith(f"<Store {store.dialect} ")
        assert within.startswith(f"<Store {store.dialect} ")
        assert " tables, about " in repr(store)
    assert "hunter2" not in repr(Store("postgresql://u:hunter2@h/d?password=hunter2"))


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/privdom.db", "postgresql://u@127.0.0.1:9/d"])
def test_a_database_that_is_away(url: str) -> None:
    """Who cannot reach the database gets an error of ours, at each way in."""
    with Store(url) as store:
        with pytest.raises(StoreError, match="cannot be reached"), store.read():
            pass
        with pytest.raises(StoreError, match="try again"), store.begin():
            pass


def test_a_connection_that_is_lost(database: str) -> None:
    """Who loses the connection in the middle of a transaction gets that error too, and a new connection next time."""
    if database.startswith("sqlite"):
        pytest.skip("a file has no connections to lose")
    import psycopg

    with Store(database) as store, psycopg.connect(database, autocommit=True) as other:
        with pytest.raises(StoreError, match="was lost"), store.begin() as conn:
            conn.execute(insert(note), {"data": 1})
            pid = conn.scalar(select(func.pg_backend_pid()))
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
            conn.execute(insert(note), {"data": 2})
        with store.begin() as conn:
            conn.execute(insert(note), {"data": 3})

        assert 1 == _count(store)


def test_a_mistake_in_a_statement(store: Store) -> None:
    """What is wrong with a statement of the caller's is told as SQLAlchemy tells it."""
    with pytest.raises(DBAPIError), store.begin() as conn:
        conn.exec_driver_sql("SELECT nothing FROM nowhere")
    with pytest.raises(DBAPIError), store.read() as conn:
        conn.execute(insert(note), {"data": 1})


def test_a_repr_survives_a_database_that_is_gone(tmp_path: Path) -> None:
    """It tells the kind of error instead of raising it."""
    with Store(f"sqlite:///{tmp_path}/a.db") as store:
        with store.begin():
            pass
        with sqlite3.connect(tmp_path / "a.db") as other:
            other.execute("DROP TABLE privdom_schema")
        other.close()

        assert repr(store).endswith(": OperationalError>")


def test_parameters_stay_out_of_errors(store: Store) -> None:
    """What a statement was to store, a phone number for instance, is not in the error's text."""
    with pytest.raises(DBAPIError) as caught, store.begin() as conn:
        conn.execute(insert(note), [{"id": 1, "data": "13800000000"}, {"id": 1, "data": "13800000001"}])

    assert "138000" not in str(caught.value).partition("DETAIL")[0]


def test_a_store_cannot_be_pickled() -> None:
    """The error says what to do instead."""
    with pytest.raises(TypeError, match="pass its URL"):
        pickle.dumps(Store("sqlite://"))


def test_offload_keeps_a_hosts_connection_in_its_thread(store: Store) -> None:
    """A store of its own goes to a worker thread of an async port; a joined one stays where the host is."""
    import anyio

    async def where(some: Store) -> bool:
        return threading.get_ident() == await some.offload(AsyncPort(), threading.get_ident)

    with store.begin() as conn:
        assert not anyio.run(where, store)
        assert anyio.run(where, store.joined(conn))
    assert threading.get_ident() == run(store.offload(BlockingPort(), threading.get_ident))


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=11))])))
def test_times_come_back_as_they_were(at: datetime) -> None:
    """A moment keeps its microsecond, whatever its zone; it comes back in UTC."""
    kind = UtcTime()
    stored = kind.process_bind_param(at, None)
    back = kind.process_result_value(stored, None)

    assert at == back
    assert back is not None
    assert timedelta(0) == back.utcoffset()


def test_times_and_json_are_stored(store: Store) -> None:
    """Both types keep their values, None and every character included."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    data = {"b": [1, None, "\0 ☃ 😀"], "a": 1.5}
    with store.begin() as conn:
        conn.execute(insert(note), [{"at": at, "data": data}, {"at": None, "data": None}])
    with store.read() as conn:
        rows = conn.execute(select(note.c.at, note.c.data).order_by(note.c.id)).all()

    assert [(at, data), (None, None)] == rows


def test_a_naive_time_is_refused(store: Store) -> None:
    """A datetime without a zone says nothing about when; the error comes bare."""
    with pytest.raises(UsageError, match="no time zone"), store.begin() as conn:
        conn.execute(insert(note), {"at": datetime(2026, 1, 2)})  # noqa: DTZ001 - that is the point
