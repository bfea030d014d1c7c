"""Where processes share small texts, each changed in one step: a table of a store, or Redis."""

from __future__ import annotations

import inspect
import time

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, Connection, String, Table, Text, func, select

from privdom.errors import StoreError, UsageError
from privdom.store import Store, metadata, sql


__all__ = ["Change", "Place", "RedisClient", "RedisPlace", "SqlPlace"]

R = TypeVar("R")

Change = Callable[[str | None, float], tuple[str | None, R]]
"""From what is there and the time of the place in seconds, make what is to be there, None: leave it, and a result."""

shared_table = Table(
    "privdom_shared",
    metadata,
    Column("name", String(512), primary_key=True),
    # Empty for what belongs to an address and not to a corp.
    Column("corp_id", String(64), nullable=False),
    Column("value", Text, nullable=False),
)


class Place(Protocol):
    """Keeps texts by name. Its methods block."""

    def read(self, name: str) -> str | None:
        """Return the text, None if there is none."""
        ...

    def change(self, name: str, corp_id: str, change: Change[R], keep: float) -> R:
        """
        Change the text while nobody else does, and return the result of *change*, which may be called again.

        *keep* is for how many seconds the text is worth anything.
        """
        ...


class SqlPlace:
    """
    The table of a store.

    Its time is that of the server for PostgreSQL. For SQLite, whose processes are
    all on one machine, it is the machine's monotonic clock, which they share and
    which nobody sets.
    """

    def __init__(self, store: Store, who: str) -> None:
        store.commits_itself(who)
        self._store = store

    def read(self, name: str) -> str | None:
        with self._store.read() as conn:
            value: str | None = conn.scalar(select(shared_table.c.value).where(shared_table.c.name == name))
        return value

    def change(self, name: str, corp_id: str, change: Change[R], keep: float) -> R:
        with self._store.begin() as conn:
            locked = _locked(conn, name)
            if locked is None:
                # There must be a row to lock: of two that come first, one waits here for the other.
                sql.insert_ignore(conn, shared_table, [{"name": name, "corp_id": corp_id, "value": ""}])
                locked = _locked(conn, name)
            assert locked is not None
            value, now = locked
            new, result = change(value or None, now)
            if new is not None:
                conn.execute(shared_table.update().where(shared_table.c.name == name).values(value=new))
        return result


def _locked(conn: Connection, name: str) -> tuple[str, float] | None:
    """
    Lock a text, and return it with the time, None if there is none.

    The time is taken when the lock is held: who comes later must not see an earlier one.
    """
    mine = select(shared_table.c.value).where(shared_table.c.name == name).with_for_update()
    if conn.dialect.name == "sqlite":
        value = conn.scalar(mine)
        return None if value is None else (value, time.monotonic())
    held = mine.cte("held").prefix_with("MATERIALIZED", dialect="postgresql")
    row = conn.execute(select(held.c.value, func.extract("epoch", func.clock_timestamp()))).one_or_none()
    return None if row is None else (row[0], float(row[1]))


class RedisClient(Protocol):
    """What is needed of a client: ``redis.Redis`` and ``valkey.Valkey`` are some."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return its answer."""
        ...


_READ = "local t = redis.call('TIME') return {redis.call('GET', KEYS[1]) or '', t[1], t[2]}"
_SWAP = (
    "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1"
)


class RedisPlace:
    """Keys of a Redis or Valkey server, whose time is that of the server."""

    def __init__(self, redis: RedisClient | str, prefix: str) -> None:
        client = _client(redis) if isinstance(redis, str) else redis
        if inspect.iscoroutinefunction(client.execute_command):
            msg = "this Redis client awaits: pass a plain one, redis.Redis(...), also to AsyncWeCom, which uses threads"
            raise UsageError(msg)
        self._redis = client
        self._prefix = prefix

    def read(self, name: str) -> str | None:
        return _text(self._do("GET", self._prefix + name)) or None

    def change(self, name: str, corp_id: str, change: Change[R], keep: float) -> R:
        del corp_id
        key = self._prefix + name
        while True:
            seen, seconds, micros = self._do("EVAL", _READ, 1, key)
            value = _text(seen)
            new, result = change(value or None, int(seconds) + int(micros) / 1e6)
            if new is None or self._do("EVAL", _SWAP, 1, key, value, new, int(keep * 1000)):
                return result

    def _do(self, *command: Any) -> Any:
        # Raised below, outside of the except block: a client's errors may quote the command, or its password.
        try:
            return self._redis.execute_command(*command)
        except Exception as e:  # noqa: BLE001 - a client of whichever library
            kind = type(e).__name__
        msg = f"Redis cannot be reached, or refused a command ({kind}): try again"
        raise StoreError(msg)


def _client(url: str) -> RedisClient:
    try:
        redis: Any = import_module("redis")
    except ModuleNotFoundError as e:
        msg = "the client of Redis is not installed: pip install 'privdom[redis]'"
        raise UsageError(msg) from e
    try:
        client: RedisClient = redis.Redis.from_url(url)
    except ValueError:
        # Without its cause: that may quote the URL, and with it a password.
        msg = "this is not the URL of a Redis: write it like redis://user:password@host:6379/0"
        raise UsageError(msg) from None
    return client


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
