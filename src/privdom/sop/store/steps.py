"""Statements on steps: what is due, what is in hand, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from privdom.sop.report import StepInstance
from privdom.sop.rules import EnrolmentState, StepState
from privdom.sop.store.tables import enrolment, journey, step
from privdom.store import sql


__all__ = [
    "Group",
    "OpenUnit",
    "Outcome",
    "Recipient",
    "again",
    "due_groups",
    "due_recipients",
    "in_unit",
    "instances",
    "mark",
    "miss",
    "next_close",
    "next_due",
    "open_units",
    "plan",
    "settle",
    "stale_units",
    "take_back",
]

_E, _S = enrolment.c, step.c
MOST_RECIPIENTS = 10_000
"""How many customers one add_msg_template takes (92135)."""

NOT_PLANNED = "could not be planned before its window closed"
GIVEN_UP = "given up in the outbox"
SENT_BEFORE = "may have been sent by an earlier call"
PAUSED = "the journey was paused until its window closed"
_INSTANCE = [field.name for field in attrs.fields(StepInstance)]
# Databases use a partial index only where they can see its condition, which a parameter hides.
_WAITING = _S.state == literal_column("'waiting'")
_IN_HAND = _S.state.in_([literal_column("'planned'"), literal_column("'confirmed'")])

_WHOSE = and_(
    _E.corp_id == _S.corp_id,
    _E.journey_id == _S.journey_id,
    _E.external_userid == _S.external_userid,
    _E.rotation == _S.rotation,
)


@attrs.frozen
class Group:
    """Due steps that one call can send: of one version, from one staff."""

    journey_id: str
    version: int
    step_id: str
    staff_userid: str


@attrs.frozen
class Recipient:
    """One customer of a group."""

    external_userid: str
    occurrence: int


@attrs.frozen
class OpenUnit:
    """A broadcast that WeCom has and whose result is not complete."""

    unit_id: str
    journey_id: str
    step_id: str
    staff_userid: str
    ends_at: datetime
    """When the last of its windows closes."""


@attrs.frozen
class Outcome:
    """What became of a step; the same for many customers."""

    state: StepState
    reason: str
    at: datetime


def _paused(corp_id: str) -> Select[str]:
    return select(journey.c.journey_id).where(journey.c.corp_id == corp_id, journey.c.paused)


def miss(conn: Connection, corp_id: str, now: datetime) -> int:
    """Mark what still waits after its window as missed; return how many."""
    why = case((_S.journey_id.in_(_paused(corp_id)), PAUSED), else_=NOT_PLANNED)
    late = (_S.corp_id == corp_id, _WAITING, _S.due_at <= now, _S.window_end <= now)
    return conn.execute(update(step).where(*late).values(state=StepState.MISSED, reason=why, at=now)).rowcount


def stale_units(conn: Connection, corp_id: str, now: datetime) -> list[str]:
    """
    Return the units that hold planned steps which must not go out like that.

    Their window has closed, their journey is paused, their enrolment has ended, or the customer has moved.
    """
    stale = or_(
        _S.window_end <= now,
        _S.journey_id.in_(_paused(corp_id)),
        _E.state != EnrolmentState.ACTIVE,
        _E.staff_userid != _S.staff_userid,
    )
    query = (
        select(_S.unit_id)
        .distinct()
        .join_from(step, enrolment, _WHOSE)
        .where(_S.corp_id == corp_id, _IN_HAND, _S.state == StepState.PLANNED, stale)
        .order_by(_S.unit_id)
    )
    return [unit_id for unit_id in conn.scalars(query) if unit_id is not None]


def due_groups(conn: Connection, corp_id: str, now: datetime, send_at: datetime) -> list[Group]:
    """Return what is due at *now* and may still be sent at *send_at*, in the order in which it fell due."""
    due = select(_S.journey_id, _S.version, _S.step_id, _S.staff_userid, _S.due_at)
    due = due.where(*_due(corp_id, now, send_at), _S.journey_id.not_in(_paused(corp_id)))
    # Found first, and grouped then: to spare itself the sorting, SQLite would look through all that wait.
    found = due.cte("due").prefix_with("MATERIALIZED")
    keys = (found.c.journey_id, found.c.version, found.c.step_id, found.c.staff_userid)
    query = select(*keys).group_by(*keys).order_by(func.min(found.c.due_at), *keys)
    return [Group(*row) for row in conn.execute(query)]


def due_recipients(conn: Connection, corp_id: str, group: Group, now: datetime, send_at: datetime) -> list[Recipient]:
    """Return as many customers of *group* as one call takes; none if its journey has been paused meanwhile."""
    query = (
        select(_S.external_userid, _S.occurrence)
        .where(*_due(corp_id, now, send_at), *_of(group), _S.journey_id.not_in(_paused(corp_id)))
        .order_by(_S.due_at, _S.external_userid)
        .limit(MOST_RECIPIENTS)
    )
    return [Recipient(*row) for row in conn.execute(query)]


def _due(corp_id: str, now: datetime, send_at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (_S.corp_id == corp_id, _WAITING, _S.due_at <= now, _S.window_end > send_at)


def _of(group: Group) -> tuple[ColumnElement[bool], ...]:
    return (
        _S.journey_id == group.journey_id,
        _S.version == group.version,
        _S.step_id == group.step_id,
        _S.staff_userid == group.staff_userid,
    )


def plan(conn: Connection, corp_id: str, group: Group, customers: Collection[str], unit_id: str, now: datetime) -> None:
    """Record that the steps of *customers* have become part of a unit."""
    values = {"state": StepState.PLANNED, "unit_id": unit_id, "at": now}
    for chunk in sql.chunks(customers):
        theirs = (_S.corp_id == corp_id, *_of(group), _S.external_userid.in_(chunk), _WAITING)
        conn.execute(update(step).where(*theirs).values(values))


def mark(conn: Connection, corp_id: str, group: Group, customers: Collection[str], outcome: Outcome) -> None:
    """Settle the waiting steps of *customers*, for whom no call is made."""
    for chunk in sql.chunks(customers):
        theirs = (_S.corp_id == corp_id, *_of(group), _S.external_userid.in_(chunk), _WAITING)
        conn.execute(update(step).where(*theirs).values(attrs.asdict(outcome)))


def take_back(conn: Connection, corp_id: str, unit_id: str, now: datetime) -> int:
    """Let the steps of a dropped unit wait again, or end where their enrolment has ended; return how many wait."""
    in_it = (_S.corp_id == corp_id, _S.unit_id == unit_id, _S.state == StepState.PLANNED)
    ended = exists().where(_WHOSE, _E.state != EnrolmentState.ACTIVE).correlate(step)
    reason = select(_E.reason).where(_WHOSE).correlate(step).scalar_subquery()
    staff = select(_E.staff_userid).where(_WHOSE).correlate(step).scalar_subquery()
    conn.execute(update(step).where(*in_it, ended).values(state=StepState.EXITED, reason=reason, at=now))
    return conn.execute(
        update(step).where(*in_it).values(state=StepState.WAITING, unit_id=None, staff_userid=staff, at=now)
    ).rowcount


def settle(
    conn: Connection,
    corp_id: str,
    unit_id: str,
    since: Sequence[StepState],
    outcome: Outcome,
    customers: Collection[str] | None = None,
) -> int:
    """Give the steps of a unit that are in one of the states *since* their outcome; return how many they were."""
    theirs = (_S.corp_id == corp_id, _S.unit_id == unit_id, _S.state.in_(since))
    statement = update(step).values(attrs.asdict(outcome))
    if customers is None:
        return conn.execute(statement.where(*theirs)).rowcount
    # The index on the unit would be read once for each customer: the primary key finds them one by one.
    where = conn.execute(
        select(_S.journey_id, _S.step_id).where(_S.corp_id == corp_id, _S.unit_id == unit_id).limit(1)
    ).first()
    if where is None:
        return 0
    count = 0
    for chunk in sql.chunks(customers):
        them = (_S.journey_id == where.journey_id, _S.step_id == where.step_id, _S.external_userid.in_(chunk))
        count += conn.execute(statement.where(*theirs, *them)).rowcount
    return count


def again(
    conn: Connection, corp_id: str, now: datetime, *, unit_id: str | None = None, customers: Iterable[str] = ()
) -> int:
    """
    Let steps of a unit or of customers wait once more for the takeover, who could not be reached by the handover.

    Once: a second occurrence of an enrolment is not repeated. Never what may have been sent, or a person gave up.
    Return how many.
    """
    values = {
        "corp_id": _S.corp_id,
        "journey_id": _S.journey_id,
        "step_id": _S.step_id,
        "external_userid": _S.external_userid,
        "occurrence": _S.occurrence + 1,
        "rotation": _S.rotation,
        "version": _S.version,
        "staff_userid": _E.staff_userid,
        "due_at": _S.due_at,
        "window_end": _S.window_end,
        "state": literal(StepState.WAITING.value),
        "reason": literal(""),
        "unit_id": literal(None),
        "at": literal(now, _S.at.type),
    }
    later = step.alias("later")
    query = (
        select(*values.values())
        .join_from(step, enrolment, _WHOSE)
        .where(
            _S.corp_id == corp_id,
            _S.state.in_([StepState.FAILED, StepState.REFUSED]),
            _S.reason.not_in([SENT_BEFORE, GIVEN_UP]),
            _S.window_end > now,
            _S.occurrence == _E.occurrence,
            _E.state == EnrolmentState.ACTIVE,
            _E.staff_userid != _S.staff_userid,
            ~exists().where(
                later.c.corp_id == _S.corp_id,
                later.c.journey_id == _S.journey_id,
                later.c.step_id == _S.step_id,
                later.c.external_userid == _S.external_userid,
                later.c.occurrence == _S.occurrence + 1,
            ),
        )
    )
    theirs = (
        [_S.unit_id == unit_id] if unit_id is not None else [_S.external_userid.in_(c) for c in sql.chunks(customers)]
    )
    return sum(conn.execute(insert(step).from_select(list(values), query.where(one))).rowcount for one in theirs)


def open_units(conn: Connection, corp_id: str) -> list[OpenUnit]:
    """Return the broadcasts whose result is not complete, those that end first in front."""
    keys = (_S.unit_id, _S.journey_id, _S.step_id, _S.staff_userid)
    query = (
        select(*keys, func.max(_S.window_end))
        .where(_S.corp_id == corp_id, _IN_HAND, _S.state == StepState.CONFIRMED)
        .group_by(*keys)
        .order_by(func.max(_S.window_end), _S.unit_id)
    )
    return [OpenUnit(*row) for row in conn.execute(query)]


def in_unit(conn: Connection, corp_id: str, unit_id: str) -> set[str]:
    """Return the customers of a unit whose result is still to come."""
    query = select(_S.external_userid)
    theirs = (_S.corp_id == corp_id, _S.unit_id == unit_id, _S.state == StepState.CONFIRMED)
    return set(conn.scalars(query.where(*theirs)))


def next_due(conn: Connection, corp_id: str) -> datetime | None:
    """Return when the next step falls due; it may be past."""
    mine = (_S.corp_id == corp_id, _WAITING, _S.journey_id.not_in(_paused(corp_id)))
    moment: datetime | None = conn.scalar(select(func.min(_S.due_at)).where(*mine))
    return moment


def next_close(conn: Connection, corp_id: str) -> datetime | None:
    """Return when the next window closes of a step that waits for staff, or for its journey to go on."""
    paused = conn.scalars(_paused(corp_id)).all()
    # One after the other: each has an index of its own.
    waits = [and_(_IN_HAND, _S.state == state) for state in (StepState.PLANNED, StepState.CONFIRMED)]
    waits += [and_(_WAITING, _S.journey_id == journey_id) for journey_id in paused]
    query = select(func.min(_S.window_end)).where(_S.corp_id == corp_id)
    moments = [conn.scalar(query.where(which)) for which in waits]
    return min((moment for moment in moments if moment is not None), default=None)


def instances(conn: Connection, corp_id: str, external_userid: str, journey_id: str | None) -> tuple[StepInstance, ...]:
    """Return the steps of a customer, in the order in which they are due."""
    fields: list[Column[Any]] = [_S[name] for name in _INSTANCE]
    query = select(*fields).where(_S.corp_id == corp_id, _S.external_userid == external_userid)
    if journey_id is not None:
        query = query.where(_S.journey_id == journey_id)
    rows = conn.execute(query.order_by(_S.due_at, _S.journey_id, _S.occurrence))
    return tuple(StepInstance(*row) for row in rows)
