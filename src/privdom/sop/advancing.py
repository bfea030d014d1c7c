"""Take in what has happened, take back what must not go out, and plan what is due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from privdom.events import CustomerMoved, DomainEvent, FollowRemoved, JourneyLeft, UnitSettled
from privdom.mirror import facts
from privdom.outbox import BROADCAST, ItemState, UnitState
from privdom.sop.context import OWNER, Context
from privdom.sop.report import AdvanceReport
from privdom.sop.rules import EnrolmentState, Journey, StepState
from privdom.sop.store import enrolments, journeys, steps
from privdom.sop.store.enrolments import LOST
from privdom.sop.store.steps import GIVEN_UP, SENT_BEFORE, Group, Outcome
from privdom.sop.store.tables import lock
from privdom.wecom.messages import NewMessage


__all__ = ["EVENTS_AT_ONCE", "consume", "finish", "plan", "take_back"]

_KINDS = (UnitSettled.kind, CustomerMoved.kind, FollowRemoved.kind)
EVENTS_AT_ONCE = 500

LEFT_OUT = "left out of the task by WeCom"
OVER_CAP = "held back by the reach cap"
OPTED_OUT = "on the list of those who must not be messaged"


def consume(ctx: Context) -> AdvanceReport:
    """Act on a batch of events, and move the cursor past them, in one transaction."""
    corp_id, now = ctx.corp_id, ctx.port.now()
    left: list[JourneyLeft] = []
    capped = 0
    with ctx.log.batch(corp_id, OWNER, _KINDS, EVENTS_AT_ONCE) as batch:
        conn = batch.connection
        lock(conn, corp_id)
        for event in _grouped(event for _, event in batch.events):
            match event:
                case list():
                    moved = enrolments.move(conn, corp_id, event)
                    steps.again(conn, corp_id, now, customers=[move.external_userid for move in event])
                    ctx.set_facts(conn, moved, EnrolmentState.ACTIVE, now)
                case UnitSettled(owner=owner) if owner == OWNER:
                    capped += _settle(ctx, conn, event.unit_id, UnitState(event.state), now)
                case FollowRemoved(by=by) if by != "transfer":
                    ended = enrolments.leave(
                        conn, corp_id, [event.external_userid], LOST, now, staff_userid=event.staff_userid
                    )
                    left += ctx.ended(conn, ended, EnrolmentState.EXITED, LOST, now)
                case _:
                    pass
        ctx.log.append(conn, corp_id, *left)
    return AdvanceReport(events=len(batch.events), exited=len(left), capped=capped)


def _grouped(events: Iterable[DomainEvent]) -> Iterator[DomainEvent | list[CustomerMoved]]:
    """Yield *events* in their order, moves that follow each other as one list in which each customer stands once."""
    moves: dict[str, CustomerMoved] = {}
    for event in events:
        if moves and not (isinstance(event, CustomerMoved) and event.external_userid not in moves):
            yield list(moves.values())
            moves = {}
        if isinstance(event, CustomerMoved):
            moves[event.external_userid] = event
        else:
            yield event
    if moves:
        yield list(moves.values())


def _settle(ctx: Context, conn: Connection, unit_id: str, state: UnitState, now: datetime) -> int:
    """Settle the steps of a unit; return how many of them the gate held back right before the call."""
    corp_id = ctx.corp_id
    unsettled = (StepState.PLANNED, StepState.PARKED)
    items = ctx.outbox.items(conn, unit_id)
    held = 0
    for item_state, why in ((ItemState.CAPPED, OVER_CAP), (ItemState.SUPPRESSED, OPTED_OUT)):
        if names := [item.subject for item in items if item.state is item_state]:
            held += steps.settle(conn, corp_id, unit_id, unsettled, Outcome(StepState.CAPPED, why, now), names)
    reason = ctx.outbox.unit(conn, unit_id).reason or ""
    match state:
        case UnitState.CONFIRMED:
            steps.settle(conn, corp_id, unit_id, unsettled, Outcome(StepState.CONFIRMED, "", now))
            left_out = [item.subject for item in items if item.state is ItemState.FAILED]
            failed = Outcome(StepState.FAILED, LEFT_OUT, now)
            steps.settle(conn, corp_id, unit_id, (StepState.CONFIRMED,), failed, left_out)
            steps.again(conn, corp_id, now, unit_id=unit_id)
        case UnitState.REFUSED:
            steps.settle(conn, corp_id, unit_id, unsettled, Outcome(StepState.REFUSED, reason, now))
            steps.again(conn, corp_id, now, unit_id=unit_id)
        case UnitState.PARKED:
            steps.settle(conn, corp_id, unit_id, (StepState.PLANNED,), Outcome(StepState.PARKED, reason, now))
        case _:
            steps.settle(conn, corp_id, unit_id, unsettled, Outcome(StepState.REFUSED, GIVEN_UP, now))
    return held


async def take_back(ctx: Context, now: datetime) -> None:
    """
    Drop units that hold steps which should not go out this way any more; what is being called settles first.

    The tables say which these are, so that it does not matter who changed them, and whether they crashed. One unit
    in each transaction: the outbox locks a unit first and the event log then, and so must we.
    """

    def drop(conn: Connection, unit_id: str) -> None:
        if ctx.outbox.drop(conn, unit_id):
            steps.take_back(conn, ctx.corp_id, unit_id, now)

    for unit_id in await ctx.read(lambda conn: steps.stale_units(conn, ctx.corp_id, now)):
        await ctx.write(partial(drop, unit_id=unit_id))


def plan(conn: Connection, ctx: Context, group: Group, now: datetime, send_at: datetime) -> tuple[AdvanceReport, bool]:
    """Plan one call for *group*; also return whether there may be more to plan for it."""
    corp_id = ctx.corp_id
    recipients = steps.due_recipients(conn, corp_id, group, now, send_at)
    more = len(recipients) == steps.MOST_RECIPIENTS
    journey = journeys.load(conn, corp_id, group.journey_id, group.version)
    left = _exit_by_facts(ctx, conn, journey, [r.external_userid for r in recipients], now)
    gone = {event.external_userid for event in left}
    staying = [r for r in recipients if r.external_userid not in gone]
    if not staying:
        ctx.log.append(conn, corp_id, *left)
        return AdvanceReport(exited=len(gone)), more
    step = journey.step(group.step_id)
    report = ctx.outbox.plan(
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
        category=journey.category,
    )
    if report.unit_id is not None:
        steps.plan(conn, corp_id, group, [s.subject for s in report.planned], report.unit_id, now)
    for subjects, state, reason in (
        (report.capped, StepState.CAPPED, OVER_CAP),
        (report.suppressed, StepState.CAPPED, OPTED_OUT),
        # The outbox has dropped a unit that a person had let it call again: nothing proves that nothing was sent.
        (report.already, StepState.FAILED, SENT_BEFORE),
    ):
        steps.mark(conn, corp_id, group, [s.subject for s in subjects], Outcome(state, reason, now))
    ctx.log.append(conn, corp_id, *left)
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
    ctx: Context, conn: Connection, journey: Journey, customers: list[str], now: datetime
) -> list[JourneyLeft]:
    """End the enrolments of those of *customers* whom a fact lets leave."""
    if not journey.exits:
        return []
    leaving: defaultdict[str, list[str]] = defaultdict(list)
    for name, values in facts(conn, ctx.corp_id, journey.exits, customers).items():
        if (fact := journey.exit_fact(values)) is not None:
            leaving[fact].append(name)
    left: list[JourneyLeft] = []
    for fact, names in leaving.items():
        reason = f"fact {fact}"
        ended = enrolments.leave(conn, ctx.corp_id, names, reason, now, journey_id=journey.id)
        left += ctx.ended(conn, ended, EnrolmentState.EXITED, reason, now)
    return left


def finish(ctx: Context, conn: Connection, now: datetime) -> bool:
    """End a page of enrolments that are complete; return whether there were any."""
    ended = enrolments.finished(conn, ctx.corp_id, now)
    ctx.log.append(conn, ctx.corp_id, *ctx.ended(conn, ended, EnrolmentState.DONE, "done", now))
    return bool(ended)
