"""Statements on enrolments: who is in which journey, with which staff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import attrs

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from privdom.events import CustomerMoved
from privdom.sop.rules import EnrolmentState, Journey, StepState, due_times
from privdom.sop.store.tables import enrolment, step
from privdom.store import sql


__all__ = ["LOST", "enrol", "finished", "leave", "move", "next_end"]

_E, _S = enrolment.c, step.c
# How many enrolments one statement ends.
_PAGE = 5000

# Databases use a partial index only where they can see its condition, which a parameter hides.
_ACTIVE = _E.state == literal_column("'active'")
_STILL_GOING = exists().where(
    _S.corp_id == _E.corp_id,
    _S.journey_id == _E.journey_id,
    _S.external_userid == _E.external_userid,
    _S.rotation == _E.rotation,
    _S.state.in_([StepState.WAITING, StepState.PLANNED, StepState.CONFIRMED]),
)

LOST = "not a customer of the staff any more"


def enrol(
    conn: Connection,
    corp_id: str,
    plan: Journey,
    number: int,
    pairs: Iterable[tuple[str, str]],
    *,
    at: datetime,
    tz: tzinfo,
) -> list[str]:
    """Enrol those customers of *pairs* (staff, customer) who may enter at *at*; return them."""
    due = due_times(plan, at, tz)
    ends_at = max(d.window_end for d in due)
    staff: dict[str, str] = {}
    for staff_userid, external_userid in pairs:
        staff.setdefault(external_userid, staff_userid)
    entered: list[str] = []
    for chunk in sql.chunks(staff):
        rotations = _next_rotations(conn, corp_id, plan, chunk, at)
        entered += rotations
        enrolments: list[dict[str, Any]] = []
        steps: list[dict[str, Any]] = []
        for external_userid, (rotation, occurrence) in rotations.items():
            common = {
                "corp_id": corp_id,
                "journey_id": plan.id,
                "external_userid": external_userid,
                "rotation": rotation,
                "version": number,
                "staff_userid": staff[external_userid],
                "occurrence": occurrence,
                "at": at,
            }
            enrolments.append(
                {**common, "enrolled_at": at, "ends_at": ends_at, "state": EnrolmentState.ACTIVE, "reason": ""}
            )
            steps += [{**common, "unit_id": None, **attrs.asdict(d)} for d in due]
        if enrolments:
            conn.execute(insert(enrolment), enrolments)
            conn.execute(insert(step), steps)
    return entered


def _next_rotations(
    conn: Connection, corp_id: str, plan: Journey, customers: Sequence[str], at: datetime
) -> dict[str, tuple[int, int]]:
    """Return those of *customers* who may enter: the number of their enrolment, and the occurrence of its steps."""
    mine = (_E.corp_id == corp_id, _E.journey_id == plan.id, _E.external_userid.in_(customers))
    query = select(_E.external_userid, _E.rotation, _E.state, _E.at).where(*mine).order_by(_E.rotation)
    latest = {row.external_userid: row for row in conn.execute(query)}
    free = {name: (0, 0) for name in customers if name not in latest}
    if plan.reentry is None:
        return free
    back = {
        name: row.rotation + 1
        for name, row in latest.items()
        if row.state != EnrolmentState.ACTIVE and row.at + plan.reentry <= at
    }
    last = select(_S.external_userid, func.max(_S.occurrence)).where(
        _S.corp_id == corp_id, _S.journey_id == plan.id, _S.external_userid.in_(list(back))
    )
    occurrences = {row[0]: row[1] + 1 for row in conn.execute(last.group_by(_S.external_userid))}
    return free | {name: (rotation, occurrences[name]) for name, rotation in back.items()}


def move(conn: Connection, corp_id: str, moves: Iterable[CustomerMoved]) -> list[tuple[str, str]]:
    """
    Let open enrolments follow to the takeover, with what waits of their steps; return (journey, customer) of each.

    A synchronisation may have seen that the handover lost the customer before the
    transfer was known: what ended for that reason goes on.

    Args:
        moves: Each customer once.
    """
    moved: list[tuple[str, str]] = []
    for chunk in sql.chunks(moves):
        ways = {(move.external_userid, move.handover_userid): move.takeover_userid for move in chunk}
        moved += _move_enrolments(conn, corp_id, ways)
        _move_steps(conn, corp_id, ways)
    return moved


def _move_enrolments(conn: Connection, corp_id: str, ways: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    newer = enrolment.alias("newer")
    lost = and_(
        _E.state == EnrolmentState.EXITED,
        _E.reason == LOST,
        ~exists().where(
            newer.c.corp_id == _E.corp_id,
            newer.c.journey_id == _E.journey_id,
            newer.c.external_userid == _E.external_userid,
            newer.c.rotation > _E.rotation,
        ),
    )
    theirs = (_E.corp_id == corp_id, _E.external_userid.in_([customer for customer, _ in ways]))
    query = select(_E.journey_id, _E.external_userid, _E.rotation, _E.staff_userid)
    rows = [
        {"journey": journey_id, "customer": customer, "number": rotation, "takeover": ways[customer, staff]}
        for journey_id, customer, rotation, staff in conn.execute(query.where(*theirs, or_(_ACTIVE, lost)))
        if (customer, staff) in ways
    ]
    if rows:
        conn.execute(
            update(enrolment)
            .where(*_one(corp_id))
            .values(staff_userid=bindparam("takeover"), state=EnrolmentState.ACTIVE, reason=""),
            rows,
        )
    return [(row["journey"], row["customer"]) for row in rows]


def _move_steps(conn: Connection, corp_id: str, ways: Mapping[tuple[str, str], str]) -> None:
    follows = (
        exists()
        .where(
            _E.corp_id == _S.corp_id,
            _E.journey_id == _S.journey_id,
            _E.external_userid == _S.external_userid,
            _E.rotation == _S.rotation,
            _E.state == EnrolmentState.ACTIVE,
            _E.staff_userid == bindparam("takeover"),
        )
        .correlate(step)
    )
    left = and_(_S.state == StepState.EXITED, _S.reason == LOST)
    conn.execute(
        update(step)
        .where(
            _S.corp_id == corp_id,
            _S.external_userid == bindparam("customer"),
            _S.staff_userid == bindparam("handover"),
            or_(_S.state == StepState.WAITING, left),
            follows,
        )
        .values(staff_userid=bindparam("takeover"), state=StepState.WAITING, reason=""),
        [{"customer": customer, "handover": staff, "takeover": ways[customer, staff]} for customer, staff in ways],
    )


def _one(corp_id: str) -> tuple[ColumnElement[bool], ...]:
    """Return what picks one enrolment of many in an executemany."""
    return (
        _E.corp_id == corp_id,
        _E.journey_id == bindparam("journey"),
        _E.external_userid == bindparam("customer"),
        _E.rotation == bindparam("number"),
    )


def leave(
    conn: Connection,
    corp_id: str,
    customers: Iterable[str],
    reason: str,
    at: datetime,
    *,
    journey_id: str | None = None,
    staff_userid: str | None = None,
) -> list[tuple[str, str]]:
    """End the open enrolments of *customers*; return (journey, customer) of each."""
    ended: list[tuple[str, str]] = []
    for chunk in sql.chunks(customers):
        for state, table, to in (
            (EnrolmentState.ACTIVE, enrolment, EnrolmentState.EXITED),
            (StepState.WAITING, step, StepState.EXITED),
        ):
            c = table.c
            where = [c.corp_id == corp_id, c.external_userid.in_(chunk), c.state == state]
            if journey_id is not None:
                where.append(c.journey_id == journey_id)
            if staff_userid is not None:
                where.append(c.staff_userid == staff_userid)
            statement = update(table).where(*where).values(state=to, reason=reason, at=at)
            if table is enrolment:
                found = conn.execute(statement.returning(c.journey_id, c.external_userid))
                ended += [(row.journey_id, row.external_userid) for row in found]
            else:
                conn.execute(statement)
    return ended


def finished(conn: Connection, corp_id: str, now: datetime) -> list[tuple[str, str]]:
    """End a page of the enrolments whose last window has closed and none of whose steps is open."""
    keys = (_E.journey_id, _E.external_userid, _E.rotation)
    query = select(*keys).where(_E.corp_id == corp_id, _ACTIVE, _E.ends_at <= now, ~_STILL_GOING).limit(_PAGE)
    rows = conn.execute(query).all()
    if rows:
        conn.execute(
            update(enrolment).where(*_one(corp_id)).values(state=EnrolmentState.DONE, at=now),
            [{"journey": j, "customer": c, "number": n} for j, c, n in rows],
        )
    return [(j, c) for j, c, _ in rows]


def next_end(conn: Connection, corp_id: str, now: datetime) -> datetime | None:
    """Return when `finished` will next find something; not what only waits for the result of its last step."""
    return conn.scalar(
        select(_E.ends_at)
        .where(_E.corp_id == corp_id, _ACTIVE, or_(_E.ends_at > now, ~_STILL_GOING))
        .order_by(_E.ends_at)
        .limit(1)
    )
