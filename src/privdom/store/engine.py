"""Engines set up so that what is committed stays committed."""

from __future__ import annotations

import sqlite3

from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from privdom.errors import UsageError


__all__ = ["DIALECTS", "make_engine"]

DIALECTS = ("sqlite", "postgresql")

_BUSY_SECONDS = 60


def make_engine(url: str | URL) -> Engine:
    """
    Return an engine for *url*; it connects when it is first used.

    Raises:
        UsageError: Not a URL, not SQLite or PostgreSQL, or the driver is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # Without its cause: that may quote the URL, and with it a password.
        msg = "this is not a database URL: write it like sqlite:///privdom.db or postgresql://user:password@host/name"
        raise UsageError(msg) from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in DIALECTS:
        msg = f"{backend} is not supported: use sqlite:///... or postgresql://..."
        raise UsageError(msg)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        return _sqlite(parsed) if backend == "sqlite" else _postgresql(parsed)
    except ModuleNotFoundError as e:
        msg = f"the driver of {parsed.drivername} is not installed: pip install {e.name}"
        raise UsageError(msg) from e
    except NoSuchModuleError:
        msg = f"SQLAlchemy knows no driver {parsed.drivername}: leave out what follows the +"
        raise UsageError(msg) from None


def _postgresql(url: URL) -> Engine:
    # Parameters stay out of errors and logs: they hold names, phones, tokens.
    return create_engine(url, pool_pre_ping=True, hide_parameters=True)


def _sqlite(url: URL) -> Engine:
    options: dict[str, Any] = {}
    if _in_memory(url):
        # The database lives as long as its one connection. A pool of one, unlike
        # StaticPool, also makes threads take turns instead of mixing transactions.
        options = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": _BUSY_SECONDS}
    engine = create_engine(
        url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True, **options
    )
    event.listen(engine, "connect", _set_up)
    return engine


def _in_memory(url: URL) -> bool:
    return url.database in {None, "", ":memory:"} or url.query.get("mode") == "memory"


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # Truncating the rollback journal is as durable as deleting it, and spares the flush of the folder: 1 ms against 14.
    mode = "wal" if wal_is_safe(sqlite3.sqlite_version_info) else "truncate"
    current = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if current not in {mode, "memory"}:
        # If somebody is writing, the next connection gets another chance; both modes are durable.
        with suppress(sqlite3.OperationalError):
            connection.execute(f"PRAGMA journal_mode = {mode}")


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """
    Return whether this SQLite may use WAL.

    Before 3.51.3 a write that meets the reset of the log at the wrong moment can
    corrupt the database; 3.50.7 and 3.44.6 have the correction too.
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
