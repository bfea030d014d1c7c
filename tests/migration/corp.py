"""A corp in the sandbox whose customers migrate, and what drives it through virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import attrs

from sqlalchemy import Connection

from privdom._port import Port
from privdom.events import AsyncDispatcher
from privdom.migration import AsyncMigration, Policy
from privdom.mirror import Mirror, MirrorHandler
from privdom.outbox import AsyncOutbox, OutboxSettings
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.wecom import AsyncWeCom, WeCom


PLAN = "spring"


class Crash(Exception):
    """The process dies."""


class CrashingStore(Store):
    """A store whose process dies at the end of one of its transactions, before or after the commit."""

    def crash(self, at: int, *, committed: bool) -> None:
        self._left, self._committed = at, committed

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self._left -= 1
        with super().begin() as conn:
            yield conn
            if self._left == 0 and not self._committed:
                raise Crash
        if self._left == 0:
            raise Crash


def new_sandbox(follows: Mapping[str, int], *, takeover: Mapping[str, int], seed: int = 1, overlap: int = 0) -> Sandbox:
    """Return a sandbox of handover staff with so many customers each, and takeover staff with so much room."""
    box = Sandbox(seed)
    for userid in follows:
        box.add_staff(userid)
    for userid, capacity in takeover.items():
        box.add_staff(userid, capacity=capacity)
    first = next(iter(takeover))
    for userid, count in follows.items():
        for i in range(count):
            box.add_customer(f"wm-{userid}-{i:03}", staff=[userid, first] if i < overlap else [userid])
    return box


def fill_mirror(store: Store, box: Sandbox) -> None:
    """Let the mirror know what the corp holds."""
    with WeCom(box.corp_id, box.secret, transport=box.transport, clock=box.clock) as wecom:
        Mirror(wecom, store).sync()


@attrs.define
class Corp:
    """One process that migrates customers of a sandbox."""

    box: Sandbox
    store: Store
    wecom: AsyncWeCom
    outbox: AsyncOutbox
    migration: AsyncMigration
    dispatcher: AsyncDispatcher

    @classmethod
    def on(cls, port: Port, box: Sandbox, store: Store, settings: OutboxSettings | None = None) -> Corp:
        wecom = AsyncWeCom.on(port, box.corp_id, box.secret)
        outbox = AsyncOutbox(wecom, store, settings)
        dispatcher = AsyncDispatcher(wecom, store, [MirrorHandler(wecom)])
        return cls(box, store, wecom, outbox, AsyncMigration(wecom, store, outbox), dispatcher)

    async def work(self) -> None:
        """Take what WeCom has reported into the mirror and the event log."""
        self.box.deliver()
        while await self.dispatcher.run():
            pass

    async def step(self) -> bool:
        """Do what can be done now; return whether the plan is finished."""
        progress = await self.migration.advance(PLAN)
        await self.outbox.drain()
        return progress.finished

    async def drive(self, *, events: bool = False) -> None:
        """Go through time until the plan is finished, or nothing is left to wait for."""
        for _ in range(500):
            if await self.step():
                return
            moments = [await self.migration.next_at(PLAN), await self.outbox_next_at()]
            now = self.box.clock.now()
            if moments[0] is not None and moments[0] <= now:
                continue
            waiting = [moment for moment in moments if moment is not None]
            if not waiting:
                return
            # Not later than an hour, so that callbacks come in between.
            soon = min(max(min(waiting), now), now + timedelta(hours=1)) if events else max(min(waiting), now)
            self.box.advance_to(max(soon, now + timedelta(seconds=1)))
            if events:
                await self.work()
        msg = "the migration does not end"
        raise AssertionError(msg)

    async def outbox_next_at(self) -> datetime | None:
        with self.store.read() as conn:
            return self.outbox.next_at(conn)

    async def states(self) -> Counter[str]:
        """Return how many items are in each state."""
        return Counter([str(item.state) async for item in self.migration.items(PLAN)])

    def starts(self) -> Counter[str]:
        """Return how often a transfer of each customer started, by the sandbox's own record."""
        return Counter(e.external_userid for e in self.box.record.transfers if e.outcome == "started")


def policy(**changes: object) -> Policy:
    """Return a policy that moves everybody, with *changes*."""
    return attrs.evolve(Policy(share=1.0), **changes)
