"""The service of journeys: plans what is due, and finds out what became of it."""

from __future__ import annotations

import logging

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from itertools import islice
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, Select

from privdom._port import Blocking, blocking, core_of
from privdom.errors import ApiError, Refused, StillDispatching, UsageError
from privdom.events import CustomerMoved, EventLog, FollowRemoved, JourneyEntered, JourneyLeft, StepSent, UnitSettled
from privdom.mirror import facts, set_facts
from privdom.outbox import BROADCAST, AsyncOutbox, ItemState, Outbox, UnitState
from privdom.sop.report import AdvanceReport, CollectReport, JourneyReport, StepInstance
from privdom.sop.rules import CHINA, EnrolmentState, Journey, StepState
from privdom.sop.store import enrolments, journeys, steps
from privdom.sop.store.enrolments import LOST
from privdom.sop.store.steps import Group, OpenUnit, Outcome
from privdom.sop.store.tables import lock
from privdom.store import Store
from privdom.wecom import AsyncWeCom, WeCom
from privdom.wecom.messages import NewMessage, SendResult, SendStatus


__all__ = ["AsyncJourneys", "Journeys", "Subjects"]

T = TypeVar("T")
Subjects: TypeAlias = Iterable[tuple[str, str]] | Select[str, str]
"""Pairs (staff_userid, external_userid), or a Select in the store's database with these two columns."""

log = logging.getLogger("privdom.sop")

OWNER = "sop"
_KINDS = (UnitSettled.kind, CustomerMoved.kind, FollowRemoved.kind)
_EVENTS_AT_ONCE = 500
# How many customers one transaction enrols.
_ENROL_AT_ONCE = 2000
# How many broadcasts are asked about at once; their answers are paged, and quotas are shared with others.
_READ_AT_ONCE = 4
# WeCom's words for a task that nobody can send any more: stopped, and unknown (97611).
_STOPPED = frozenset({41046, 41047, 41093})

NOT_CONFIRMED = "not confirmed by staff before its window closed"
NOT_DELIVERED = "confirmed by staff, but not delivered before its window closed"
NOT_A_CUSTOMER = "not a customer of the staff when the staff sent it"
TOO_MANY = "had as many mass messages as WeCom delivers"
LEFT_OUT = "left out of the task by WeCom"
GIVEN_UP = "given up in the outbox"
SENT_BEFORE = "may have been sent by an earlier call"


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
        self._wecom = wecom
        self._store = store
        self._outbox = outbox
        self._tz = tz
        self._corp_id = wecom.corp_id
        self._port = wecom.port
        self._log = EventLog(store)

    async def save(self, journey: Journey) -> int:
        """
        Store *journey* and return its version, a new one if it differs from the latest.

        Customers finish the version they entered by; who enrols from now on gets this one.
        """
        now = self._port.now()
        return await self._write(lambda conn: journeys.save(conn, self._corp_id, journey, now))

    async def enrol(self, journey_id: str, subjects: Subjects) -> int:
        """
        Let *subjects* enter the latest version of a journey; return how many did.

        Who is in it already, or was, stays as they are, unless its ``reentry`` has passed: so enrolling the same again
        is harmless, and after a crash is what you do. Each customer enters once, with the first staff given.
        Sets the fact ``journey.<id>``, which tells the state of their enrolment.

        Args:
            subjects: Pairs (staff_userid, external_userid), or a Select with these columns.

        Raises:
            UsageError: There is no such journey, or a column is missing.
        """
        now = self._port.now()
        count = 0
        if isinstance(subjects, Select):
            _check_columns(subjects)
            return await self._write(lambda conn: self._enrol_selected(conn, journey_id, subjects, now))
        rest = iter(subjects)
        while True:
            page = list(islice(rest, _ENROL_AT_ONCE))
            count += await self._write(lambda conn, page=page: self._enrol(conn, journey_id, page, now))
            if not page:
                return count

    def _enrol_selected(self, conn: Connection, journey_id: str, query: Select[str, str], now: datetime) -> int:
        columns = query.selected_columns
        pairs = conn.execute(query.with_only_columns(columns["staff_userid"], columns["external_userid"]))
        count = 0
        for page in pairs.partitions(_ENROL_AT_ONCE):
            count += self._enrol(conn, journey_id, [(row[0], row[1]) for row in page], now)
        return count + self._enrol(conn, journey_id, [], now)

    def _enrol(self, conn: Connection, journey_id: str, pairs: Iterable[tuple[str, str]], now: datetime) -> int:
        number, _ = journeys.find(conn, self._corp_id, journey_id)
        journey = journeys.load(conn, self._corp_id, journey_id, number)
        entered = enrolments.enrol(conn, self._corp_id, journey, number, pairs, at=now, tz=self._tz)
        self._set_facts(conn, [(journey_id, name) for name in entered], EnrolmentState.ACTIVE, now)
        self._log.append(conn, self._corp_id, *(JourneyEntered(journey_id, name, now) for name in entered))
        return len(entered)

    async def exit(self, customers: Iterable[str], reason: str, *, journey_id: str | None = None) -> int:
        """
        Let *customers* leave a journey, or all; return how many enrolments ended.

        Steps that WeCom has already, or is being called for, go on; everything else ends with *reason*.
        """
        names = list(customers)
        now = self._port.now()

        def work(conn: Connection) -> int:
            ended = enrolments.leave(conn, self._corp_id, names, reason, now, journey_id=journey_id)
            self._log.append(conn, self._corp_id, *self._ended(conn, ended, EnrolmentState.EXITED, reason, now))
            return len(ended)

        count = await self._write(work)
        await self._take_back(now)
        return count

    async def pause(self, journey_id: str) -> None:
        """
        Plan nothing of a journey until `resume`.

        Units that are not called yet are taken back; tasks that WeCom has already stay with the staff. A step whose
        window closes meanwhile is missed.

        Raises:
            UsageError: There is no such journey.
        """
        await self._write(lambda conn: journeys.pause(conn, self._corp_id, journey_id, True))
        await self._take_back(self._port.now())

    async def resume(self, journey_id: str) -> None:
        """
        Go on with a paused journey.

        Raises:
            UsageError: There is no such journey.
        """
        await self._write(lambda conn: journeys.pause(conn, self._corp_id, journey_id, False))

    async def advance(self) -> AdvanceReport:
        """
        Take in what has happened, and plan what is due.

        Call it when `next_at` says so, and after each tick of the outbox. Each of its transactions can be the last
        one before a crash; the next call goes on from there.
        """
        total = AdvanceReport()
        while True:
            part = await self._offload(self._consume)
            total += part
            if part.events < _EVENTS_AT_ONCE:
                break
        now = self._port.now()
        send_at = self._outbox.settings.gate.open_at(now)
        await self._take_back(now)
        total += AdvanceReport(missed=await self._write(lambda conn: steps.miss(conn, self._corp_id, now)))
        for group in await self._read(lambda conn: steps.due_groups(conn, self._corp_id, now, send_at)):
            more = True
            while more:
                part, more = await self._write(lambda conn, group=group: self._plan(conn, group, now, send_at))
                total += part
        while await self._write(lambda conn: self._finish(conn, now)):
            pass
        return total

    def _consume(self) -> AdvanceReport:
        corp_id, now = self._corp_id, self._port.now()
        left: list[JourneyLeft] = []
        with self._log.batch(corp_id, OWNER, _KINDS, _EVENTS_AT_ONCE) as batch:
            conn = batch.connection
            lock(conn, corp_id)
            for _, event in batch.events:
                match event:
                    case UnitSettled(owner=owner) if owner == OWNER:
                        self._settle(conn, event.unit_id, UnitState(event.state), now)
                    case CustomerMoved():
                        customer = event.external_userid
                        moved = enrolments.move(conn, corp_id, customer, event.handover_userid, event.takeover_userid)
                        self._set_facts(conn, [(j, customer) for j in moved], EnrolmentState.ACTIVE, now)
                    case FollowRemoved(by=by) if by != "transfer":
                        ended = enrolments.leave(
                            conn, corp_id, [event.external_userid], LOST, now, staff_userid=event.staff_userid
                        )
                        left += self._ended(conn, ended, EnrolmentState.EXITED, LOST, now)
                    case _:
                        pass
            self._log.append(conn, corp_id, *left)
        return AdvanceReport(events=len(batch.events), exited=len(left))

    def _settle(self, conn: Connection, unit_id: str, state: UnitState, now: datetime) -> None:
        corp_id = self._corp_id
        unsettled = (StepState.PLANNED, StepState.PARKED)
        reason = self._outbox.unit(conn, unit_id).reason or ""
        match state:
            case UnitState.CONFIRMED:
                steps.settle(conn, corp_id, unit_id, unsettled, Outcome(StepState.CONFIRMED, "", now))
                items = self._outbox.items(conn, unit_id)
                left_out = [item.subject for item in items if item.state is ItemState.FAILED]
                failed = Outcome(StepState.FAILED, LEFT_OUT, now)
                steps.settle(conn, corp_id, unit_id, (StepState.CONFIRMED,), failed, left_out)
                steps.again(conn, corp_id, unit_id, now)
            case UnitState.REFUSED:
                steps.settle(conn, corp_id, unit_id, unsettled, Outcome(StepState.REFUSED, reason, now))
                steps.again(conn, corp_id, unit_id, now)
            case UnitState.PARKED:
                steps.settle(conn, corp_id, unit_id, (StepState.PLANNED,), Outcome(StepState.PARKED, reason, now))
            case _:
                steps.settle(conn, corp_id, unit_id, unsettled, Outcome(StepState.REFUSED, GIVEN_UP, now))

    async def _take_back(self, now: datetime) -> None:
        """
        Drop units that hold steps which should not go out this way any more; what is being called settles first.

        The tables say which these are, so that it does not matter who changed them, and whether they crashed. One unit
        in each transaction: the outbox locks a unit first and the event log then, and so must we.
        """

        def drop(conn: Connection, unit_id: str) -> None:
            if self._outbox.drop(conn, unit_id):
                steps.take_back(conn, self._corp_id, unit_id, now)

        for unit_id in await self._read(lambda conn: steps.stale_units(conn, self._corp_id, now)):
            await self._write(lambda conn, unit_id=unit_id: drop(conn, unit_id))

    def _plan(self, conn: Connection, group: Group, now: datetime, send_at: datetime) -> tuple[AdvanceReport, bool]:
        """Plan one call for *group*; also return whether there may be more to plan for it."""
        corp_id = self._corp_id
        recipients = steps.due_recipients(conn, corp_id, group, now, send_at)
        more = len(recipients) == steps.MOST_RECIPIENTS
        journey = journeys.load(conn, corp_id, group.journey_id, group.version)
        left = self._exit_by_facts(conn, journey, [r.external_userid for r in recipients], now)
        gone = {event.external_userid for event in left}
        staying = [r for r in recipients if r.external_userid not in gone]
        if not staying:
            self._log.append(conn, corp_id, *left)
            return AdvanceReport(exited=len(gone)), more
        step = journey.step(group.step_id)
        report = self._outbox.plan(
            conn,
            BROADCAST,
            NewMessage(
                text=step.text,
                attachments=step.attachments,
                external_userid=tuple(r.external_userid for r in staying),
                sender=group.staff_userid,
            ),
            owner=OWNER,
            subjects=[(r.external_userid, f"{journey.id}/{step.id}", str(r.occurrence)) for r in staying],
        )
        if report.unit_id is not None:
            steps.plan(conn, corp_id, group, [s.subject for s in report.planned], report.unit_id, now)
        for subjects, state, reason in (
            (report.capped, StepState.CAPPED, "held back by the reach cap"),
            (report.suppressed, StepState.CAPPED, "on the list of those who must not be messaged"),
            # The outbox has dropped a unit that a person had let it call again: nothing proves that nothing was sent.
            (report.already, StepState.FAILED, SENT_BEFORE),
        ):
            steps.mark(conn, corp_id, group, [s.subject for s in subjects], Outcome(state, reason, now))
        self._log.append(conn, corp_id, *left)
        return (
            AdvanceReport(
                units=int(report.unit_id is not None),
                planned=len(report.planned),
                capped=len(report.capped) + len(report.suppressed),
                exited=len(gone),
            ),
            more,
        )

    def _exit_by_facts(
        self, conn: Connection, journey: Journey, customers: list[str], now: datetime
    ) -> list[JourneyLeft]:
        """End the enrolments of those of *customers* whom a fact lets leave."""
        if not journey.exits:
            return []
        leaving: defaultdict[str, list[str]] = defaultdict(list)
        for name, values in facts(conn, self._corp_id, journey.exits, customers).items():
            if (fact := journey.exit_fact(values)) is not None:
                leaving[fact].append(name)
        left: list[JourneyLeft] = []
        for fact, names in leaving.items():
            reason = f"fact {fact}"
            ended = enrolments.leave(conn, self._corp_id, names, reason, now, journey_id=journey.id)
            left += self._ended(conn, ended, EnrolmentState.EXITED, reason, now)
        return left

    def _finish(self, conn: Connection, now: datetime) -> bool:
        ended = enrolments.finished(conn, self._corp_id, now)
        self._log.append(conn, self._corp_id, *self._ended(conn, ended, EnrolmentState.DONE, "done", now))
        return bool(ended)

    async def collect(self) -> CollectReport:
        """
        Read from WeCom what became of the tasks that staff have, until each customer's result is known.

        When the last window of a task closes, what staff have not confirmed is cancelled.
        Call it every few minutes while `report` shows confirmed steps.

        Raises:
            PrivdomError: WeCom cannot be reached; what was read is stored. Call again later.
        """
        total = CollectReport()
        units = await self._read(lambda conn: steps.open_units(conn, self._corp_id))
        async for part in self._port.map(self._collect, units, _READ_AT_ONCE):
            total += part
        return total

    async def _collect(self, unit: OpenUnit) -> CollectReport:
        now = self._port.now()
        over = now >= unit.ends_at
        msgid = (await self._read(lambda conn: self._outbox.unit(conn, unit.unit_id))).remote_id or ""
        try:
            results = await (self._close(msgid, unit) if over else self._results_so_far(msgid, unit))
        except StillDispatching:
            return CollectReport(unreadable=1)
        except Refused as e:
            log.warning("the result of broadcast %s cannot be read yet: %s", unit.unit_id, e)
            return CollectReport(unreadable=1)
        return await self._write(lambda conn: self._record(conn, unit, results, over, now))

    async def _results_so_far(self, msgid: str, unit: OpenUnit) -> list[SendResult]:
        messages = self._wecom.messages
        try:
            # One short answer spares the pages of a task that its staff has not touched.
            confirmed = [task async for task in messages.each_task(msgid) if task.status is not SendStatus.UNSENT]
            return [r async for r in messages.each_result(msgid, unit.staff_userid)] if confirmed else []
        except ApiError as e:
            if e.errcode in _STOPPED:
                return []
            raise

    async def _close(self, msgid: str, unit: OpenUnit) -> list[SendResult]:
        """Return the final results of a task: whoever is not sent in them never will be."""
        messages = self._wecom.messages
        results: list[SendResult] = []
        for last in (False, True):
            try:
                results = [r async for r in messages.each_result(msgid, unit.staff_userid)]
                if last or (results and all(r.status is not SendStatus.UNSENT for r in results)):
                    return results
                await messages.cancel(msgid)
            except ApiError as e:
                # Of a stopped task WeCom may tell nothing more, so what it told before counts.
                if e.errcode not in _STOPPED:
                    raise
        return results

    def _record(
        self, conn: Connection, unit: OpenUnit, results: Iterable[SendResult], over: bool, now: datetime
    ) -> CollectReport:
        corp_id = self._corp_id
        pending = steps.in_unit(conn, corp_id, unit.unit_id)
        counts: Counter[StepState] = Counter()
        sent: list[StepSent] = []
        confirmed = False
        by_outcome: defaultdict[Outcome, list[str]] = defaultdict(list)
        for result in results:
            outcome = _outcome(result, now)
            confirmed = confirmed or outcome is not None
            if outcome is None or result.external_userid not in pending:
                continue
            pending.discard(result.external_userid)
            by_outcome[outcome].append(result.external_userid)
            if outcome.state is StepState.SENT:
                sent.append(StepSent(unit.journey_id, unit.step_id, result.external_userid, outcome.at))
        if over and pending:
            reason = NOT_DELIVERED if confirmed else NOT_CONFIRMED
            by_outcome[Outcome(StepState.MISSED, reason, now)] += sorted(pending)
            pending.clear()
        for outcome, customers in by_outcome.items():
            counts[outcome.state] += steps.settle(
                conn, corp_id, unit.unit_id, (StepState.CONFIRMED,), outcome, customers
            )
        again = steps.again(conn, corp_id, unit.unit_id, now)
        self._log.append(conn, corp_id, *sent)
        return CollectReport(
            sent=counts[StepState.SENT],
            failed=counts[StepState.FAILED],
            capped=counts[StepState.CAPPED],
            missed=counts[StepState.MISSED],
            again=again,
            open=len(pending),
        )

    async def report(self, journey_id: str) -> JourneyReport:
        """
        Return how many customers stand where, over all versions of a journey.

        Raises:
            UsageError: There is no such journey.
        """
        return await self._read(lambda conn: journeys.report(conn, self._corp_id, journey_id))

    async def steps(self, external_userid: str, journey_id: str | None = None) -> tuple[StepInstance, ...]:
        """Return the steps of one customer, in the order in which they are due."""
        return await self._read(lambda conn: steps.instances(conn, self._corp_id, external_userid, journey_id))

    async def next_at(self) -> datetime | None:
        """Return when `advance` or `collect` will next have something to do by the clock alone; None: never."""
        return await self._read(lambda conn: steps.next_moment(conn, self._corp_id))

    def _set_facts(
        self, conn: Connection, whose: Iterable[tuple[str, str]], state: EnrolmentState, now: datetime
    ) -> None:
        values: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for journey_id, external_userid in whose:
            values[journey_id][external_userid] = state.value
        for journey_id in sorted(values):
            set_facts(conn, self._corp_id, f"journey.{journey_id}", values[journey_id], now)

    def _ended(
        self, conn: Connection, whose: list[tuple[str, str]], state: EnrolmentState, reason: str, now: datetime
    ) -> list[JourneyLeft]:
        """Set the facts of enrolments that have ended, and return the events to log last in the transaction."""
        self._set_facts(conn, whose, state, now)
        return [JourneyLeft(journey_id, external_userid, reason, now) for journey_id, external_userid in whose]

    async def _offload(self, work: Callable[[], T]) -> T:
        return await self._store.offload(self._port, work)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._store.read() as conn:
                return work(conn)

        return await self._offload(transaction)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def transaction() -> T:
            with self._store.begin() as conn:
                lock(conn, self._corp_id)
                return work(conn)

        return await self._offload(transaction)

    def __repr__(self) -> str:
        return f"<AsyncJourneys of {self._corp_id} in {self._store!r}>"


def _check_columns(query: Select[str, str]) -> None:
    names = set(query.selected_columns.keys())
    if missing := {"staff_userid", "external_userid"} - names:
        msg = f"the Select has no column {' and no column '.join(sorted(missing))}: label them so"
        raise UsageError(msg)


def _outcome(result: SendResult, now: datetime) -> Outcome | None:
    """Return what a row of get_groupmsg_send_result says, None if nothing yet."""
    match result.status:
        case SendStatus.SENT:
            return Outcome(StepState.SENT, "", result.send_time or now)
        case SendStatus.NOT_A_FRIEND:
            return Outcome(StepState.FAILED, NOT_A_CUSTOMER, now)
        case SendStatus.CAPPED:
            return Outcome(StepState.CAPPED, TOO_MANY, now)
        case _:
            return None


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
