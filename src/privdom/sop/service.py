"""The service of journeys: plans what is due, and finds out what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, tzinfo
from functools import partial
from itertools import islice

from sqlalchemy import Connection

from privdom._port import Blocking, blocking, core_of
from privdom.events import EventLog, JourneyEntered
from privdom.mirror import Subjects
from privdom.outbox import AsyncOutbox, Outbox
from privdom.sop import advancing, collecting
from privdom.sop.context import Context
from privdom.sop.report import AdvanceReport, CollectReport, JourneyReport, StepInstance
from privdom.sop.rules import CHINA, EnrolmentState, Journey
from privdom.sop.store import enrolments, journeys, steps
from privdom.store import Store, sql
from privdom.wecom import AsyncWeCom, WeCom
from privdom.wecom.messages import NewMessage


__all__ = ["AsyncJourneys", "Journeys"]

# How many customers one transaction enrols.
_ENROL_AT_ONCE = 2000
# How many broadcasts are asked about at once; their answers are paged, and quotas are shared with others.
_READ_AT_ONCE = 4


class AsyncJourneys:
    """
    Journeys of one corp: steps that reach each customer once, or end with a reason why not.

    Nothing runs by itself. `advance` plans what is due, the outbox's ``tick`` creates the tasks at WeCom, where staff
    confirm them, and `collect` reads what was delivered; any number of processes may call them at any time.

    Args:
        wecom: The corp and app that sends.
        store: The database.
        outbox: Makes the calls; its gate holds caps and quiet hours.
        tz: The time zone of the `Day` s of steps.
    """

    def __init__(self, wecom: AsyncWeCom, store: Store, outbox: AsyncOutbox, *, tz: tzinfo = CHINA) -> None:
        self._ctx = Context(wecom, store, outbox, tz, EventLog(store))

    async def save(self, journey: Journey) -> int:
        """
        Store *journey* and return its version, a new one if it differs from the latest.

        Customers finish the version they entered by; who enrols from now on gets this one.
        """
        now = self._ctx.port.now()
        return await self._ctx.write(lambda conn: journeys.save(conn, self._ctx.corp_id, journey, now))

    async def enrol(self, journey_id: str, subjects: Subjects | Iterable[tuple[str, str]]) -> int:
        """
        Let *subjects* enter the latest version of a journey; return how many did.

        Who is in it already, or was, stays as they are, unless its ``reentry`` has passed: so enrolling the same again
        is harmless, and after a crash is what you do. Each customer enters once, with the first staff given.
        Sets the fact ``journey.<id>``, which tells the state of their enrolment.

        Args:
            subjects: Pairs (staff_userid, external_userid), written in pages, or `Subjects`, read and written in one
                transaction.

        Raises:
            UsageError: There is no such journey, or WeCom would not take an id; the page is not written.
        """
        now = self._ctx.port.now()
        if isinstance(subjects, Subjects):
            return await self._ctx.write(lambda conn: self._enrol_all(conn, journey_id, subjects, now))
        count = 0
        rest = iter(subjects)
        while True:
            page = list(islice(rest, _ENROL_AT_ONCE))
            count += await self._ctx.write(partial(self._enrol, journey_id=journey_id, pairs=page, now=now))
            if len(page) < _ENROL_AT_ONCE:
                return count

    def _enrol_all(self, conn: Connection, journey_id: str, subjects: Subjects, now: datetime) -> int:
        pairs = ((one.staff_userid, one.external_userid) for one in subjects.read(conn, self._ctx.corp_id))
        pages = [self._enrol(conn, journey_id, page, now) for page in sql.chunks(pairs, _ENROL_AT_ONCE)]
        return sum(pages)

    def _enrol(self, conn: Connection, journey_id: str, pairs: list[tuple[str, str]], now: datetime) -> int:
        _check(pairs)
        number, _ = journeys.find(conn, self._ctx.corp_id, journey_id)
        journey = journeys.load(conn, self._ctx.corp_id, journey_id, number)
        entered = enrolments.enrol(conn, self._ctx.corp_id, journey, number, pairs, at=now, tz=self._ctx.tz)
        self._ctx.set_facts(conn, [(journey_id, name) for name in entered], EnrolmentState.ACTIVE, now)
        self._ctx.log.append(conn, self._ctx.corp_id, *(JourneyEntered(journey_id, name, now) for name in entered))
        return len(entered)

    async def exit(self, customers: Iterable[str], reason: str, *, journey_id: str | None = None) -> int:
        """
        Let *customers* leave a journey, or all; return how many enrolments ended.

        Steps that WeCom has already, or is being called for, go on; everything else ends with *reason*.
        """
        names = list(customers)
        now = self._ctx.port.now()

        def work(conn: Connection) -> int:
            ended = enrolments.leave(conn, self._ctx.corp_id, names, reason, now, journey_id=journey_id)
            self._ctx.log.append(
                conn, self._ctx.corp_id, *self._ctx.ended(conn, ended, EnrolmentState.EXITED, reason, now)
            )
            return len(ended)

        count = await self._ctx.write(work)
        await advancing.take_back(self._ctx, now)
        return count

    async def pause(self, journey_id: str) -> None:
        """
        Plan nothing of a journey until `resume`.

        Units that are not called yet are taken back; tasks that WeCom has already stay with the staff. A step whose
        window closes meanwhile is missed.

        Raises:
            UsageError: There is no such journey.
        """
        await self._ctx.write(lambda conn: journeys.pause(conn, self._ctx.corp_id, journey_id, True))
        await advancing.take_back(self._ctx, self._ctx.port.now())

    async def resume(self, journey_id: str) -> None:
        """
        Go on with a paused journey.

        Raises:
            UsageError: There is no such journey.
        """
        await self._ctx.write(lambda conn: journeys.pause(conn, self._ctx.corp_id, journey_id, False))

    async def advance(self) -> AdvanceReport:
        """
        Take in what has happened, and plan what is due.

        Call it when `next_at` says so, and after each tick of the outbox. Each of its transactions can be the last
        one before a crash; the next call goes on from there.
        """
        ctx = self._ctx
        total = AdvanceReport()
        while True:
            part = await ctx.store.offload(ctx.port, partial(advancing.consume, ctx))
            total += part
            if part.events < advancing.EVENTS_AT_ONCE:
                break
        now = ctx.port.now()
        await advancing.take_back(ctx, now)
        total += AdvanceReport(missed=await ctx.write(lambda conn: steps.miss(conn, ctx.corp_id, now)))
        send_at = ctx.outbox.settings.gate.open_at(now)
        for group in await ctx.read(lambda conn: steps.due_groups(conn, ctx.corp_id, now, send_at)):
            more = True
            while more:
                part, more = await ctx.write(partial(advancing.plan, ctx=ctx, group=group, now=now, send_at=send_at))
                total += part
        while await ctx.write(lambda conn: advancing.finish(ctx, conn, now)):
            pass
        return total

    async def collect(self) -> CollectReport:
        """
        Read from WeCom what became of the tasks that staff have, until each customer's result is known.

        When the last window of a task closes, what staff have not confirmed is cancelled.
        Call it every few minutes while `report` shows confirmed steps.

        Raises:
            PrivdomError: WeCom cannot be reached; what was read is stored. Call again later.
        """
        total = CollectReport()
        units = await self._ctx.read(lambda conn: steps.open_units(conn, self._ctx.corp_id))
        async for part in self._ctx.port.map(partial(collecting.collect, self._ctx), units, _READ_AT_ONCE):
            total += part
        return total

    async def report(self, journey_id: str) -> JourneyReport:
        """
        Return how many customers stand where, over all versions of a journey.

        Raises:
            UsageError: There is no such journey.
        """
        return await self._ctx.read(lambda conn: journeys.report(conn, self._ctx.corp_id, journey_id))

    async def steps(self, external_userid: str, journey_id: str | None = None) -> tuple[StepInstance, ...]:
        """Return the steps of one customer, in the order in which they are due."""
        return await self._ctx.read(lambda conn: steps.instances(conn, self._ctx.corp_id, external_userid, journey_id))

    async def next_at(self) -> datetime | None:
        """Return when `advance` or `collect` will next have something to do by the clock alone; None: never."""
        ctx = self._ctx
        now = ctx.port.now()

        def look(conn: Connection) -> list[datetime | None]:
            due = steps.next_due(conn, ctx.corp_id)
            return [
                # Quiet hours hold it back.
                None if due is None else ctx.outbox.settings.gate.open_at(max(due, now)),
                steps.next_close(conn, ctx.corp_id),
                enrolments.next_end(conn, ctx.corp_id, now),
            ]

        moments = await ctx.read(look)
        return min((moment for moment in moments if moment is not None), default=None)

    def __repr__(self) -> str:
        return f"<AsyncJourneys of {self._ctx.corp_id} in {self._ctx.store!r}>"


def _check(pairs: Iterable[tuple[str, str]]) -> None:
    """Refuse ids that add_msg_template would not take once their steps are due."""
    by_staff: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for staff_userid, external_userid in pairs:
        by_staff[staff_userid][external_userid] = None
    for staff_userid, customers in by_staff.items():
        NewMessage(text="-", sender=staff_userid, external_userid=tuple(customers))


class Journeys(Blocking[AsyncJourneys]):
    """`AsyncJourneys`, blocking."""

    def __init__(self, wecom: WeCom, store: Store, outbox: Outbox, *, tz: tzinfo = CHINA) -> None:
        super().__init__(AsyncJourneys(core_of(wecom), store, core_of(outbox), tz=tz))

    save = blocking(AsyncJourneys.save)
    enrol = blocking(AsyncJourneys.enrol)
    exit = blocking(AsyncJourneys.exit)
    pause = blocking(AsyncJourneys.pause)
    resume = blocking(AsyncJourneys.resume)
    advance = blocking(AsyncJourneys.advance)
    collect = blocking(AsyncJourneys.collect)
    report = blocking(AsyncJourneys.report)
    steps = blocking(AsyncJourneys.steps)
    next_at = blocking(AsyncJourneys.next_at)
