"""
Quotas that several processes share: permits are taken in blocks from one count.

A permit is good in the sub-window in which it was counted, and nowhere else: so
the limit holds over all processes as it does in one. What a process did not use
of a block it gives back with its next question.
"""

from __future__ import annotations

import json

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from functools import cache, partial
from typing import Any

import attrs

from privdom._port import Mutex, Port
from privdom.errors import UsageError
from privdom.shared.places import Place, RedisClient, RedisPlace, SqlPlace
from privdom.store import Store
from privdom.wecom.quota import QuotaSettings, QuotaStore, SubWindows, Window


__all__ = ["RedisQuotas", "SqlQuotas"]

Key = tuple[str, str, str]

# A block is this part of what one sub-window took lately, and at most this part of
# what is left: little is stranded where a process stops, and nothing where the last
# permits go.
_PART = 2
_LONGEST_ADDRESS = 64


class _Quotas:
    """What both stores of counts have in common."""

    def __init__(self, place: Place, settings: QuotaSettings | None, address: str) -> None:
        if len(address) > _LONGEST_ADDRESS:
            msg = f"address is a name of at most {_LONGEST_ADDRESS} characters, such as the address itself"
            raise UsageError(msg)
        self.settings = settings or QuotaSettings()
        self._place = place
        self._address = address

    def on(self, port: Port) -> QuotaStore:
        """Return the counts as the clients of a port reach them."""
        return _Counted(port, self._place, self.settings, self._address)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class SqlQuotas(_Quotas):
    """
    Calls counted in a table of a `Store`: give it to every client of every process as ``quotas``.

    One clock rules: the server's for PostgreSQL; for SQLite the monotonic clock of
    the machine, which all its processes share. A process measures by its own
    monotonic clock how long its permits are good, from before it asked: an error of
    at most the way there and back, which only ends them early. A server's clock
    that is set back makes everybody wait for one window at most; one that is set
    forward may let as much more through as it jumped.

    Args:
        store: where; not one that is joined to a transaction.
        settings: what is allowed, the same in all processes. Its windows have 60 sub-windows, which should be longer
            than a transaction takes.
        address: a name for the address that these calls come from, where processes have several: WeCom counts by it, too.

    Raises:
        UsageError: The store is joined, or the name is too long.
    """

    def __init__(self, store: Store, settings: QuotaSettings | None = None, *, address: str = "") -> None:
        super().__init__(SqlPlace(store, "SqlQuotas"), settings, address)


class RedisQuotas(_Quotas):
    """
    Calls counted in Redis or Valkey: give it to every client of every process as ``quotas``.

    The clock is that of the server, with the same error as `SqlQuotas`. A server
    that forgets, after a failure without persistence for instance, begins to count
    anew.

    Args:
        redis: a plain (not async) client, such as ``redis.Redis(...)``, or the URL of a server.
        settings: what is allowed, the same in all processes.
        address: a name for the address that these calls come from, where processes have several.
        prefix: what the names of the keys in Redis begin with.

    Raises:
        UsageError: The client awaits, the extra ``redis`` is not installed, or the name is too long.
    """

    def __init__(
        self,
        redis: RedisClient | str,
        settings: QuotaSettings | None = None,
        *,
        address: str = "",
        prefix: str = "privdom:",
    ) -> None:
        super().__init__(RedisPlace(redis, prefix), settings, address)


@attrs.define
class _Block:
    """Permits of one key that this process may use, and how many it used lately."""

    lock: AbstractAsyncContextManager[object]
    left: int = 0
    good_until: float = 0.0
    """By the port's monotonic clock."""
    taken_at: float = 0.0
    """By the place's clock, as are the sub-windows."""
    lapses_at: float = 0.0
    used: int = 0
    used_before: int = 0

    def has(self, now: float) -> bool:
        return self.left > 0 and now < self.good_until

    def wanted(self, now: float, width: float) -> int:
        """How many to ask for, *now* by the place's clock: a part of what one sub-window took lately."""
        if now < self.lapses_at:
            lately = max(self.used, self.used_before)
        else:
            lately = self.used if now < self.lapses_at + width else 0
        return max(1, lately // _PART)

    def fill(self, grant: _Grant, width: float, asked_at: float) -> None:
        """Begin a new block that was asked for at *asked_at* by the port's clock."""
        if grant.at >= self.lapses_at:
            self.used_before, self.used = (self.used if grant.at < self.lapses_at + width else 0), 0
        self.left, self.taken_at, self.lapses_at = grant.n, grant.at, grant.lapses_at
        self.good_until = asked_at + (grant.lapses_at - grant.at)


@attrs.frozen
class _Grant:
    """What came of a question: *n* permits from *at* until *lapses_at*, or seconds to wait."""

    n: int
    wait: float
    at: float
    lapses_at: float


class _Counted:
    """The counts as one client reaches them, with its blocks."""

    def __init__(self, port: Port, place: Place, settings: QuotaSettings, address: str) -> None:
        self._port, self._place, self.settings, self._address = port, place, settings, address
        self._mutex = Mutex()
        self._keys = cache(settings.keys)
        self._blocks: dict[Key, _Block] = {}

    async def take(self, corp_id: str, host: str, path: str) -> float:
        """
        Count one call and return 0.0, or count nothing and return the seconds to wait.

        Raises:
            StoreError: The place that is counted in cannot be reached.
        """
        keys = self._keys(corp_id, host, path)
        while lacking := self._use(keys):
            for key in lacking:
                wait = await self._refill(key, keys[key])
                if wait:
                    return wait
        return 0.0

    def _use(self, keys: Iterable[Key]) -> list[Key]:
        """Use a permit of each key and return nothing, or use none and return which are lacking."""
        with self._mutex:
            now = self._port.monotonic()
            blocks = {key: self._block(key) for key in keys}
            lacking = [key for key, block in blocks.items() if not block.has(now)]
            if not lacking:
                for block in blocks.values():
                    block.left -= 1
                    block.used += 1
            return lacking

    def _block(self, key: Key) -> _Block:
        block = self._blocks.get(key)
        if block is None:
            block = self._blocks[key] = _Block(self._port.lock())
        return block

    async def _refill(self, key: Key, windows: tuple[Window, ...]) -> float:
        """Take a new block and return 0.0, or return the seconds to wait for one."""
        block = self._blocks[key]
        async with block.lock:
            with self._mutex:
                asked = self._port.monotonic()
                if block.has(asked):
                    return 0.0
                unused, block.left = block.left, 0
            corp_id, host, path = key
            name = f"quota:{corp_id or '@' + self._address}:{host}:{path}"
            change = partial(_granted, windows, block, unused)
            keep = max(window.seconds for window in windows) * 2
            grant = await self._port.offload(partial(self._place.change, name, corp_id, change, keep))
            with self._mutex:
                if grant.n:
                    block.fill(grant, SubWindows(windows).width, asked)
            return grant.wait

    def __repr__(self) -> str:
        return f"<quotas of {len(self._blocks)} keys>"


def _granted(
    windows: tuple[Window, ...], block: _Block, unused: int, text: str | None, now: float
) -> tuple[str | None, _Grant]:
    """Give back what was unused, and grant a new block of what is left."""
    counts = SubWindows(windows)
    data: dict[str, Any] = json.loads(text or "{}")
    set_back = counts.load(data, now)
    if unused:
        counts.give_back(block.taken_at, unused)
    room = counts.room(now)
    n = min(block.wanted(now, counts.width), max(1, room // _PART)) if room > 0 else 0
    wait = 0.0 if n else counts.wait(now)
    if n:
        counts.take(now, n)
    new = json.dumps({**data, **counts.dump()}) if n or unused or set_back else None
    return new, _Grant(n, wait, now, counts.lapses(now))
