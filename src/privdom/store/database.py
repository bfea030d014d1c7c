"""The store: one database, reached through short transactions."""

from __future__ import annotations

import os
import sqlite3

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from privdom.errors import StoreError, UsageError
from privdom.store.engine import DIALECTS, make_engine
from privdom.store.schema import metadata, prepare, restore_path, rough_count, use_schema


if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from privdom._port import Port


__all__ = ["Store"]

R = TypeVar("R")

# The rest of what SQLite calls operational are mistakes in a statement.
_LOST = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
}


class Store:
    """
    A database, SQLite or PostgreSQL, with the tables of this library.

    It connects at first use, and creates the tables it misses. Threads share it;
    after a fork the child opens connections of its own.

    Args:
        url: ``sqlite:///privdom.db``, ``sqlite://`` (in memory), ``postgresql://user:password@host/name``, or an
            Engine of yours, which keeps its own settings and stays yours to dispose of.
        schema: The PostgreSQL schema that holds the tables; by default the first of the search path.

    Raises:
        UsageError: The URL is wrong, its database is not supported, or a driver is not installed.
    """

    def __init__(self, url: str | Engine, *, schema: str | None = None) -> None:
        self._own = not isinstance(url, Engine)
        self._engine = url if isinstance(url, Engine) else make_engine(url)
        self._schema = schema
        self._prepared = 0
        self._dropped: list[object] = []
        self._pid = os.getpid()
        if self._engine.dialect.name not in DIALECTS or self._engine.dialect.is_async:
            driver = f"{self._engine.dialect.name}+{self._engine.dialect.driver}"
            msg = f"{driver} is not supported: pass a plain (not async) engine of SQLite or PostgreSQL"
            raise UsageError(msg)
        if schema is not None and self.dialect == "sqlite":
            msg = "SQLite has no schemas: leave schema= out, and use one file for each"
            raise UsageError(msg)

    @property
    def dialect(self) -> str:
        """``"sqlite"`` or ``"postgresql"``."""
        return self._engine.dialect.name

    @property
    def borrowed(self) -> bool:
        """Whether this store works inside a host's transaction, and so must stay in the host's thread."""
        return False

    def commits_itself(self, who: str) -> None:
        """
        Refuse a store that cannot commit by itself, for *who* must have something durable before it goes on.

        Raises:
            UsageError: It is joined to a transaction of a host.
        """
        if self.borrowed:
            msg = f"{who} commits step by step: give it a store of its own, not one joined to a transaction"
            raise UsageError(msg)

    @property
    def is_prepared(self) -> bool:
        """Whether this store has seen all tables in the database that are registered by now."""
        # Modules register their tables when they are imported, which may be after the first use.
        return self._prepared == len(metadata.tables)

    @contextmanager
    def begin(self) -> Generator[Connection, None, None]:
        """
        Open a write transaction: committed at the end of the block, rolled back by an exception.

        In SQLite it is the only one of the whole file, and waits up to 60 s to
        become so. Keep it short, and never make a call to WeCom inside.

        Raises:
            StoreError: A newer release of this library wrote the database; or it cannot be reached, or was lost on the
                way. If that was at the end of the block, it may be committed all the same.
        """
        with _told():
            self._ready()
            with self._connect() as conn, conn.begin():
                self._start(conn, "BEGIN IMMEDIATE")
                yield conn

    @contextmanager
    def read(self) -> Generator[Connection, None, None]:
        """
        Open a transaction that can only read; the database refuses writes.

        Raises:
            StoreError: As for `begin`.
        """
        with _told():
            self._ready()
            if self.dialect == "postgresql":
                with self._connect().execution_options(postgresql_readonly=True) as conn:
                    self._start(conn, "")
                    yield conn
                return
            with self._connect() as conn:
                self._start(conn, "BEGIN")
                # Straight to the driver, here and below: SQLAlchemy would take as long as for a query.
                connection = _driver(conn)
                connection.execute("PRAGMA query_only = ON")
                try:
                    yield conn
                finally:
                    connection.execute("PRAGMA query_only = OFF")

    def joined(self, connection: Connection | Session) -> Store:
        """
        Return a store that works inside a transaction of yours.

        Its begin() and read() hand out *connection* (of a Session, the connection
        that it uses), and never commit nor roll back: that is up to you. On
        PostgreSQL it should be READ COMMITTED, as it is by default.
        """
        return _JoinedStore(self, connection)

    async def offload(self, port: Port, fn: Callable[[], R]) -> R:
        """Run *fn*, which uses this store, off the event loop, unless a host's connection keeps it in this thread."""
        return fn() if self.borrowed else await port.offload(fn)

    def close(self) -> None:
        """Close the idle connections. The store opens new ones if it is used again."""
        if self._own:
            self._engine.dispose(close=self._pid == os.getpid())

    def _ready(self) -> None:
        if self._pid != os.getpid():
            # The parent still uses these connections: kept, never shut down.
            self._dropped.append(self._engine.pool)
            self._engine.dispose(close=False)
            self._prepared, self._pid = 0, os.getpid()
        if not self.is_prepared:
            with self._connect() as conn, conn.begin():
                self._start(conn, "BEGIN IMMEDIATE")
                prepared = prepare(conn, self._schema)
            self._prepared = prepared

    def _connect(self) -> Connection:
        try:
            conn = self._engine.connect()
        except PoolTimeout as e:
            msg = "no connection got free: end one transaction before you begin another in the same thread"
            raise StoreError(msg) from e
        # What waits for a lock must then see what the other one wrote.
        return conn.execution_options(isolation_level="READ COMMITTED") if self.dialect == "postgresql" else conn

    def _start(self, conn: Connection, begin: str) -> None:
        if not conn.in_transaction():
            conn.begin()
        if self.dialect == "sqlite":
            connection = _driver(conn)
            # pysqlite begins late and without a lock, or not at all if its isolation level is None; an engine of
            # the host's may have begun already, without a lock too.
            if connection.in_transaction:
                connection.rollback()
            # An engine of the host's may delete its journal to commit. FULL does not sync the folder then, and a power
            # loss could bring the journal back, and undo the intent of a call that was made.
            connection.execute("PRAGMA synchronous = EXTRA")
            conn.exec_driver_sql(begin)
        elif self._schema is not None:
            use_schema(conn, self._schema)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        msg = "a Store holds connections and cannot be pickled: pass its URL, and open another Store there"
        raise TypeError(msg)

    def __repr__(self) -> str:
        url = self._engine.url
        where = "".join(f" {part}" for part in (url.host, url.database, self._schema) if part)
        return f"<Store {self.dialect}{where}{self._contents()}>"

    def _contents(self) -> str:
        # A repr must neither open the first connection nor wait for one.
        pool = self._engine.pool
        if not self._prepared or not isinstance(pool, QueuePool) or not pool.checkedin():
            return ""
        try:
            with self.read() as conn:
                rows = rough_count(conn, self._schema)
        except (SQLAlchemyError, StoreError) as e:
            return f": {type(e).__name__}"
        return f": {self._prepared} tables, about {rows:,} rows"


@contextmanager
def _told() -> Generator[None, None, None]:
    """Tell by an error of ours that the database is away, which is nobody's mistake and passes."""
    try:
        yield
    except DBAPIError as e:
        if not _is_lost(e):
            raise
        msg = f"the database cannot be reached, or was lost in a transaction ({type(e.orig).__name__}): try again"
        raise StoreError(msg) from e


def _driver(conn: Connection) -> sqlite3.Connection:
    connection: sqlite3.Connection = conn.connection.dbapi_connection  # type: ignore[assignment]
    return connection


def _is_lost(error: DBAPIError) -> bool:
    if not isinstance(error, OperationalError) or not isinstance(error.orig, sqlite3.Error):
        return error.connection_invalidated or isinstance(error, OperationalError)
    # The low byte is the kind, the rest its details.
    return getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _LOST


class _JoinedStore(Store):
    """A store inside a transaction that belongs to somebody else."""

    def __init__(self, store: Store, connection: Connection | Session) -> None:
        self.__dict__.update(store.__dict__)
        self._store = store
        self._borrowed_connection = connection

    @property
    def borrowed(self) -> bool:
        return True

    @contextmanager
    def begin(self) -> Generator[Connection, None, None]:
        with self._join("BEGIN IMMEDIATE") as conn:
            yield conn

    @contextmanager
    def read(self) -> Generator[Connection, None, None]:
        with self._join("BEGIN") as conn:
            yield conn

    @contextmanager
    def _join(self, begin: str) -> Generator[Connection, None, None]:
        lent = self._borrowed_connection
        conn = lent if isinstance(lent, Connection) else lent.connection()
        connection: Any = conn.connection.dbapi_connection
        if conn.dialect.name != self.dialect:
            msg = (
                f"this connection is to {conn.dialect.name}, the store to {self.dialect}: join one of the same database"
            )
            raise UsageError(msg)
        if not conn.in_transaction():
            conn.begin()
        if self.dialect == "sqlite":
            if not connection.in_transaction:
                conn.exec_driver_sql(begin)
        elif connection.autocommit:
            msg = "this connection commits every statement by itself: begin a transaction on it first"
            raise UsageError(msg)
        path = None if self._schema is None else use_schema(conn, self._schema)
        # Tables made in this transaction vanish if the host rolls back, so they are looked for each time until a
        # transaction of our own has seen them.
        if not self._store.is_prepared:
            prepare(conn, self._schema)
        yield conn
        if path is not None:
            restore_path(conn, path)

    def joined(self, connection: Connection | Session) -> Store:
        return _JoinedStore(self._store, connection)

    def close(self) -> None:
        """Do nothing: the connection is the host's."""

    def __repr__(self) -> str:
        return f"<Store {self.dialect} joined to a transaction of the host>"
