"""What scenarios of journeys share: a corp in the sandbox, and days that pass in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection
from tests.conftest import OnPort

from privdom._port import Port
from privdom.events import DomainEvent, EventLog
from privdom.outbox import AsyncOutbox, OutboxSettings
from privdom.sandbox import Sandbox
from privdom.sop import AsyncJourneys, CollectReport, Day, Journey, Step
from privdom.store import Store
from privdom.wecom import AsyncWeCom
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry


T = TypeVar("T")

WELCOME = Journey(
    "welcome",
    [
        Step("hello", timedelta(hours=2), "感谢关注！"),
        Step("offer", Day(1, time(10)), "新客专享九折"),
        Step("ask", Day(3, time(20)), "用得还好吗？"),
    ],
)


class World:
    """One corp, and what works for it. A crash makes another World on the same sandbox and store."""

    def __init__(self, port: Port, sandbox: Sandbox, store: Store, settings: OutboxSettings | None = None) -> None:
        self.sandbox = sandbox
        self.store = store
        # Faults are meant to be seen here, not repeated away in real seconds.
        quotas, retry = MemoryQuotas(), Retry(2, 0, 0, 0)
        self.wecom = AsyncWeCom.on(port, sandbox.corp_id, sandbox.secret, quotas=quotas, retry=retry)
        self.outbox = AsyncOutbox(self.wecom, store, settings)
        self.journeys = AsyncJourneys(self.wecom, store, self.outbox)

    def customers(self, count: int, staff: str = "ann") -> list[str]:
        return [self.sandbox.add_customer(staff=[staff]) for _ in range(count)]

    async def begin(self, customers: list[str], journey: Journey = WELCOME, staff: str = "ann") -> None:
        await self.journeys.save(journey)
        await self.journeys.enrol(journey.id, [(staff, customer) for customer in customers])

    async def turn(self) -> CollectReport:
        """Do once what a loop or cron would do."""
        await self.journeys.advance()
        await self.outbox.drain()
        await self.journeys.advance()
        return await self.journeys.collect()

    async def days(self, count: float) -> None:
        """Let days pass, with a turn whenever anybody has something to do."""
        end = self.sandbox.clock.now() + timedelta(days=count)
        while self.sandbox.clock.now() < end:
            await self.turn()
            await self.wait(end)
        await self.turn()

    async def wait(self, end: datetime) -> None:
        """Let time pass until anybody has something to do, at most until *end*."""
        moments = [await self.journeys.next_at(), self.write(self.outbox.next_at), self.sandbox.next_at(), end]
        soonest = self.sandbox.clock.now() + timedelta(minutes=10)
        self.sandbox.advance_to(min(max(moment, soonest) for moment in moments if moment is not None))

    async def states(self, customer: str) -> dict[str, tuple[str, str]]:
        """Return state and reason of each step of a customer; of several occurrences the last."""
        return {s.step_id: (s.state.value, s.reason) for s in await self.journeys.steps(customer)}

    def received(self) -> Counter[tuple[str, str]]:
        """Return how often each customer received each text, as the sandbox knows it."""
        return Counter((d.target, d.text) for d in self.sandbox.record.deliveries if d.status == 1)

    def log(self, *events: DomainEvent) -> None:
        with self.store.begin() as conn:
            EventLog.append(conn, self.sandbox.corp_id, *events)

    def events(self, kind: str) -> list[Any]:
        with self.store.begin() as conn:
            return [event for _, event in EventLog.read(conn, self.sandbox.corp_id, f"test {kind}", [kind])]

    def write(self, work: Callable[[Connection], T]) -> T:
        with self.store.begin() as conn:
            return work(conn)


def in_world(
    on_port: OnPort,
    sandbox: Sandbox,
    store: Store,
    scenario: Callable[[World], Any],
    settings: OutboxSettings | None = None,
) -> None:
    """Run ``async def scenario(world)`` on a port."""

    async def on(port: Port) -> None:
        world = World(port, sandbox, store, settings)
        async with world.wecom:
            await scenario(world)

    on_port(on, transport=sandbox.transport, clock=sandbox.clock)


class Crash(BaseException):
    """The process dies here; nothing in the library may catch it."""


class CrashingStore(Store):
    """A store after, or before, some of whose commits the process dies."""

    def __init__(self, url: str, crashes: set[tuple[int, bool]]) -> None:
        super().__init__(url)
        self.writes = 0
        self._crashes = crashes

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with super().begin() as conn:
            yield conn
            self.writes += 1
            number = self.writes
            if (number, False) in self._crashes:
                raise Crash
        if (number, True) in self._crashes:
            raise Crash
