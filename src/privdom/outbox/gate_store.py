"""
What the gate asks the database: what has reached whom, and who opted out.

A message counts from the moment it is certainly or possibly at WeCom: a row that
is confirmed, parked or given up after a call, by the moment that was recorded,
which is never before the call was accepted; and, whatever its moment, a row of a
unit whose call is under way or in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, or_, select, text, true, update

from privdom.errors import UsageError
from privdom.outbox.gate import Bound, Decision, decide
from privdom.outbox.tables import check_length, ledger, suppression, unit
from privdom.outbox.units import HELD, ItemState, UnitState
from privdom.store import sql
from privdom.wecom._values import texts


__all__ = [
    "LATE",
    "allow",
    "counts",
    "held_back",
    "hold",
    "lock",
    "moments",
    "postpone",
    "suppress",
    "suppressed",
    "waiting",
]

LATE = timedelta(hours=1)
"""How late a call may be before its rows get another moment: rarely, since that writes as much as a confirmation."""

Who: TypeAlias = "Sequence[str] | Select[str]"

# What is or may be at WeCom. A person gives up only what was parked.
_REACHED = (ItemState.SENT, ItemState.UNSEEN, ItemState.PARKED, ItemState.DROPPED)
_PLANNED = ledger.c.state == ItemState.PLANNED
_IN_DOUBT = or_(unit.c.state.in_([UnitState.CALLING, UnitState.UNCERTAIN]), unit.c.suspect)
_EVERYBODY = ""


def lock(conn: Connection, corp_id: str) -> None:
    """
    Let nobody else of this corp pass the gate before this transaction ends.

    Two at once could each find room for the last message of a customer. SQLite
    lets only one write anyway. Taken before rows are locked or written.
    """
    if conn.dialect.name == "postgresql":
        key = {"key": f"privdom outbox gate {corp_id}"}
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)


def held_back(
    conn: Connection,
    corp_id: str,
    unit_id: str,
    *,
    category: str,
    bounds: Sequence[Bound],
    now: datetime,
    slack: timedelta | None = None,
) -> Decision:
    """
    Return who of a unit's planned subjects may not be reached; ``allowed`` names only some of the others.

    Args:
        slack: At ARM, how long a call may take to be accepted: what is only planned elsewhere does not count then, or
            two units could each give way to the other. None: when it is planned.
    """
    mine = ledger.alias("mine")
    who = select(mine.c.subject).where(mine.c.unit_id == unit_id, mine.c.state == ItemState.PLANNED)
    silenced = suppressed(conn, corp_id, who, category)
    used = counts(conn, corp_id, who, bounds, now=now, slack=slack, but=unit_id, reached=True) if bounds else {}
    # Where nothing is allowed, those who have had nothing are held back too.
    names = conn.scalars(who) if any(bound.limit <= 0 for bound in bounds) else used.keys() | silenced
    return decide(sorted(names), used=used, bounds=bounds, suppressed=silenced)


def counts(
    conn: Connection,
    corp_id: str,
    who: Who,
    bounds: Sequence[Bound],
    *,
    now: datetime,
    slack: timedelta | None = None,
    but: str | None = None,
    reached: bool = False,
) -> dict[str, tuple[int, ...]]:
    """
    Return how many messages of each subject count for each of *bounds*; who has none may be absent.

    Args:
        but: A unit whose own rows do not count.
        reached: Leave out whoever is below all limits.
    """
    numbers = [func.sum(case((_counts(bound, now, slack), 1), else_=0)) for bound in bounds]
    floor = min(bound.start for bound in bounds) - LATE - (slack or timedelta(0))
    # Only a unit knows whether its call is in doubt.
    rows = ledger if slack is None else ledger.outerjoin(unit, and_(unit.c.id == ledger.c.unit_id, _PLANNED))
    query = (
        select(ledger.c.subject, *numbers)
        .select_from(rows)
        .where(
            ledger.c.corp_id == corp_id,
            ledger.c.subject.in_(who),
            ledger.c.at >= floor,
            ledger.c.reach,
            ledger.c.state.in_([*_REACHED, ItemState.PLANNED]),
            ledger.c.unit_id.is_distinct_from(but) if but is not None else true(),
        )
        .group_by(ledger.c.subject)
    )
    if reached:
        query = query.having(or_(*(number >= bound.limit for number, bound in zip(numbers, bounds, strict=True))))
    return {row[0]: tuple(int(number) for number in row[1:]) for row in conn.execute(query)}


def _counts(bound: Bound, now: datetime, slack: timedelta | None) -> ColumnElement[bool]:
    # No upper bound: what is recorded is past, whatever the clocks of two workers say.
    there = and_(~_PLANNED, ledger.c.at >= bound.start)
    if slack is not None:
        waiting = and_(_PLANNED, _IN_DOUBT)
    elif bound.start > now:
        waiting = and_(_PLANNED, ledger.c.at >= bound.start, ledger.c.at < bound.end)
    else:
        # What is late will land in this window.
        waiting = and_(_PLANNED, ledger.c.at < bound.end)
    category: ColumnElement[bool] = true()
    if bound.only is not None:
        category = ledger.c.category == bound.only
    elif bound.spared is not None:
        category = ledger.c.category != bound.spared
    return and_(or_(there, waiting), category)


def moments(
    conn: Connection, corp_id: str, subjects: Sequence[str], since: datetime, now: datetime
) -> dict[str, list[tuple[datetime, str]]]:
    """Return when each of *subjects* had, or shall have, a message that counts, and of which category."""
    query = select(ledger.c.subject, ledger.c.at, ledger.c.category, ledger.c.state).where(
        ledger.c.corp_id == corp_id,
        ledger.c.subject.in_(subjects),
        ledger.c.at >= since - LATE,
        ledger.c.reach,
        ledger.c.state.in_([*_REACHED, ItemState.PLANNED]),
    )
    found: dict[str, list[tuple[datetime, str]]] = {}
    for row in conn.execute(query):
        # What is late goes out now.
        at = max(row.at, now) if row.state == ItemState.PLANNED else row.at
        found.setdefault(row.subject, []).append((at, row.category))
    return found


def hold(conn: Connection, unit_id: str, decision: Decision, *, values: Mapping[str, Any] | None = None) -> None:
    """Mark those of a unit's subjects whom *decision* holds back; *values* are set besides."""
    for state, names in ((ItemState.CAPPED, decision.capped), (ItemState.SUPPRESSED, decision.suppressed)):
        for chunk in sql.chunks(names):
            theirs = (ledger.c.unit_id == unit_id, ledger.c.subject.in_(chunk), ledger.c.state.not_in(HELD))
            conn.execute(update(ledger).where(*theirs).values(state=state, **(values or {})))


def waiting(conn: Connection, unit_id: str) -> set[str]:
    """Return the subjects of a unit that are still planned."""
    return set(conn.scalars(select(ledger.c.subject).where(ledger.c.unit_id == unit_id, _PLANNED)))


def postpone(conn: Connection, unit_id: str, now: datetime) -> None:
    """Give the rows of a unit that is called late the moment of the call, by which they count."""
    mine = (ledger.c.unit_id == unit_id, _PLANNED)
    at = conn.scalar(select(ledger.c.at).where(*mine).limit(1))
    if at is not None and at < now - LATE:
        conn.execute(update(ledger).where(*mine).values(at=now))


def suppressed(conn: Connection, corp_id: str, who: Who, category: str) -> set[str]:
    """Return who of *who* must not get a message of *category*."""
    query = select(suppression.c.subject).where(
        suppression.c.corp_id == corp_id,
        suppression.c.category.in_([_EVERYBODY, category]),
        suppression.c.subject.in_(who),
    )
    return set(conn.scalars(query))


def suppress(
    conn: Connection, corp_id: str, subjects: Iterable[str], reason: str, at: datetime, category: str | None
) -> None:
    """Put *subjects* on the list of those who must not be messaged."""
    same = {"corp_id": corp_id, "category": _listed_as(category), "reason": reason, "at": at}
    rows = [same | {"subject": subject} for subject in _listed(subjects)]
    sql.upsert(conn, suppression, rows, keys=["corp_id", "subject", "category"])


def allow(conn: Connection, corp_id: str, subjects: Iterable[str], category: str | None) -> None:
    """Take *subjects* off that list."""
    of = (suppression.c.corp_id == corp_id, suppression.c.category == _listed_as(category))
    for chunk in sql.chunks(_listed(subjects)):
        conn.execute(delete(suppression).where(*of, suppression.c.subject.in_(chunk)))


def _listed(subjects: Iterable[str]) -> list[str]:
    names = sorted(set(texts(subjects)))
    check_length(suppression.c.subject, "a subject", max(names, key=len, default=""))
    return names


def _listed_as(category: str | None) -> str:
    if category is None:
        return _EVERYBODY
    if not category:
        msg = "the category is empty: name one, or give None for all messages"
        raise UsageError(msg)
    check_length(suppression.c.category, "category", category)
    return category
