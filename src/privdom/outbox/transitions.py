"""
The steps of a unit's life in SQL.

Each step compares the state and the fence before it sets them, so that of two
workers who believe that a unit is theirs only one gets its way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from privdom.outbox.settings import Policy
from privdom.outbox.tables import audit, ledger, unit
from privdom.outbox.units import HELD, ItemResult, ItemState, Unit, UnitState
from privdom.outbox.verdicts import Confirm, Done, Doubt, LookAgain, Park, Refuse, Release, Skip, Verdict
from privdom.store import UtcTime, sql


__all__ = [
    "any_to_claim",
    "append_audit",
    "apply",
    "arm",
    "audited",
    "built_any_claimable",
    "built_heads",
    "claim",
    "confirm",
    "free",
    "heads",
    "items",
    "load",
    "next_head",
    "peek",
    "resent",
    "rivals",
    "set_items",
    "taken",
    "transit",
]

_FIELDS = [column for column in unit.c if column.name not in {"seq", "worker"}]
_IN_FLIGHT = [UnitState.CALLING, UnitState.UNCERTAIN]
_NEVER = datetime.max.replace(tzinfo=UTC)
# Databases use a partial index only where they can see its condition, which a parameter hides.
_OPEN: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in (UnitState.READY, *_IN_FLIGHT)]


def _unit(row: Row[Any]) -> Unit:
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its public name
    values["state"], values["policy"] = UnitState(values["state"]), Policy(values["policy"])
    return Unit(**values)


def load(conn: Connection, *where: ColumnElement[bool], limit: int | None = None, lock: bool = False) -> list[Unit]:
    """Return the units that satisfy *where*, oldest first."""
    query = select(*_FIELDS).where(*where).order_by(unit.c.seq).limit(limit)
    return [_unit(row) for row in conn.execute(query.with_for_update() if lock else query)]


def items(conn: Connection, unit_id: str) -> tuple[ItemResult, ...]:
    """Return what became of each subject of a unit."""
    rows = conn.execute(
        select(ledger.c.subject, ledger.c.step, ledger.c.occurrence, ledger.c.state, ledger.c.code, ledger.c.at)
        .where(ledger.c.unit_id == unit_id)
        .order_by(ledger.c.subject, ledger.c.step, ledger.c.occurrence)
    )
    return tuple(ItemResult(r.subject, r.step, r.occurrence, ItemState(r.state), r.code, r.at) for r in rows)


def _turn(one: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Return what puts the ready units of a lane in order: who was called before keeps the turn, then who is due."""
    return case((one.c.attempt > 0, 0), else_=1), one.c.due_at, one.c.seq


def heads(corp_id: str, kinds: Collection[str]) -> Select[*tuple[Any, ...]]:
    """
    Select the ready units of these kinds that are the first of their lanes, most urgent first.

    It is executed with ``now``, when they must be due, and ``limit``.
    """
    return built_heads(corp_id, frozenset(kinds))


def _build_heads(corp_id: str, kinds: frozenset[str]) -> Select[*tuple[Any, ...]]:
    other = unit.alias("other")
    blocked = exists().where(
        other.c.corp_id == unit.c.corp_id,
        other.c.lane == unit.c.lane,
        other.c.state.in_(_OPEN),
        or_(
            # A transaction that began earlier may commit later, so a later number can be in flight already.
            other.c.state.in_(_IN_FLIGHT),
            and_(other.c.state == UnitState.READY, tuple_(*_turn(other)) < tuple_(*_turn(unit))),
        ),
    )
    return (
        select(*_FIELDS)
        .where(
            unit.c.corp_id == corp_id,
            unit.c.due_at <= bindparam("now"),
            unit.c.state == UnitState.READY,
            unit.c.kind.in_(kinds),
            ~blocked,
        )
        .order_by(unit.c.due_at, unit.c.seq)
        .limit(bindparam("limit"))
    )


def _build_any_claimable(corp_id: str, kinds: frozenset[str]) -> Select[bool]:
    return select(exists().where(*_claimable(corp_id, kinds)))


# Every tick asks these, and building a statement costs more than running it.
built_heads = lru_cache(maxsize=256)(_build_heads)
built_any_claimable = lru_cache(maxsize=256)(_build_any_claimable)


def peek(conn: Connection, corp_id: str, kinds: Collection[str], now: datetime, limit: int) -> list[Unit]:
    """Return the heads that are due, without claiming them."""
    return [_unit(row) for row in conn.execute(heads(corp_id, kinds), {"now": now, "limit": limit})]


def next_head(conn: Connection, corp_id: str, kinds: Collection[str]) -> datetime | None:
    """Return when the first of the heads is due."""
    row = conn.execute(heads(corp_id, kinds), {"now": _NEVER, "limit": 1}).first()
    return row.due_at if row else None


def free(conn: Connection, corp_id: str, peeked: Sequence[Unit], now: datetime) -> list[Unit]:
    """Return those of *peeked* that are still the ready heads of their lanes and due, locked, most urgent first."""
    seen = {u.id: u.fence for u in peeked}
    query = heads(corp_id, {u.kind for u in peeked}).where(unit.c.id.in_(list(seen)))
    if conn.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True, of=unit)
    rows = conn.execute(query, {"now": now, "limit": len(seen)})
    return [u for u in map(_unit, rows) if u.fence == seen[u.id]]


def arm(
    conn: Connection,
    free: Sequence[Unit],
    *,
    now: datetime,
    due_at: Mapping[str, datetime],
    worker: str,
    prepared: Mapping[str, str],
) -> list[Unit]:
    """
    Move units that are `free` to ``calling``; return them as armed.

    Args:
        due_at: By kind, when the look-up begins if no answer has come.
    """
    if not free:
        return []
    moment = literal(now, UtcTime)
    # The select has locked these rows, in SQLite the whole file; the state is compared all the same.
    armed = conn.scalars(
        update(unit)
        .where(unit.c.id.in_([u.id for u in free]), unit.c.state == UnitState.READY)
        .values(
            state=UnitState.CALLING,
            fence=unit.c.fence + 1,
            attempt=unit.c.attempt + 1,
            worker=worker,
            # What an earlier attempt may have made must stay in the window of the look-up.
            armed_at=case((unit.c.suspect, func.coalesce(unit.c.armed_at, moment)), else_=moment),
            due_at=case({kind: literal(due, UtcTime) for kind, due in due_at.items()}, value=unit.c.kind),
            absent_seen=None,
            lookups=0,
            reason=None,
        )
        .returning(unit.c.id)
    ).all()
    # For the same reason the first attempt's view of the time before stays.
    keep = {u.id for u in free if u.suspect and u.prepared is not None}
    notes = [{"key": i, "text": prepared[i]} for i in armed if i in prepared and i not in keep]
    if notes:
        conn.execute(update(unit).where(unit.c.id == bindparam("key")).values(prepared=bindparam("text")), notes)
    return load(conn, unit.c.id.in_(list(armed)))


def _claimable(corp_id: str, kinds: Collection[str]) -> list[ColumnElement[bool]]:
    states = [*_IN_FLIGHT, UnitState.CONFIRMED]
    return [
        unit.c.corp_id == corp_id,
        unit.c.due_at <= bindparam("now"),
        unit.c.state.in_(states),
        unit.c.kind.in_(kinds),
    ]


def any_to_claim(conn: Connection, corp_id: str, kinds: Collection[str], now: datetime) -> bool:
    """Return whether `claim` would find something."""
    return bool(conn.scalar(built_any_claimable(corp_id, frozenset(kinds)), {"now": now}))


def claim(
    conn: Connection, corp_id: str, kinds: Collection[str], *, now: datetime, lease: timedelta, worker: str, limit: int
) -> list[Unit]:
    """Take over units that are due for a look-up: lost calls become ``uncertain``, confirmed ones are swept."""
    query = select(unit.c.id).where(*_claimable(corp_id, kinds)).order_by(unit.c.due_at).limit(limit)
    if conn.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    ids = conn.scalars(query, {"now": now}).all()
    if not ids:
        return []
    mine = and_(unit.c.id.in_(ids), unit.c.due_at <= now)
    taken_over = {"fence": unit.c.fence + 1, "worker": worker, "due_at": now + lease}
    conn.execute(
        update(unit).where(mine, unit.c.state == UnitState.CONFIRMED).values(taken_over),
    )
    conn.execute(
        update(unit)
        .where(mine, unit.c.state.in_(_IN_FLIGHT))
        .values(state=UnitState.UNCERTAIN, suspect=True, **taken_over),
    )
    return load(conn, unit.c.id.in_(ids), unit.c.worker == worker, unit.c.due_at == now + lease)


def transit(
    conn: Connection, held: Unit, *, to: UnitState, since: Sequence[UnitState] = _IN_FLIGHT, **values: Any
) -> bool:
    """Move *held* to another state if its fence is still the one we hold; return whether it was."""
    statement = (
        update(unit)
        .where(unit.c.id == held.id, unit.c.fence == held.fence, unit.c.state.in_(since))
        .values(state=to, **values)
    )
    return conn.execute(statement).rowcount == 1


def apply(
    conn: Connection,
    held: Unit,
    verdict: Verdict,
    *,
    now: datetime,
    at: datetime,
    settle: timedelta,
    since: Sequence[UnitState] = _IN_FLIGHT,
) -> bool:
    """
    Carry out *verdict* on a unit; return False if somebody else holds it by now.

    Args:
        at: By which moment its call counts for caps and rules, if it may have been made.
    """
    match verdict:
        case Confirm(done, twice):
            sweep_after = timedelta(0) if twice else settle
            return confirm(conn, held, done, now=now, at=at, settle=sweep_after, since=since)
        case Refuse(reason, code):
            moved = transit(conn, held, to=UnitState.REFUSED, since=since, reason=reason, due_at=None, settled_at=now)
            if moved:
                set_items(conn, held.id, ItemState.REFUSED, now, code=code)
            return moved
        case Park(reason):
            moved = transit(conn, held, to=UnitState.PARKED, since=since, reason=reason, due_at=None, settled_at=now)
            if moved:
                set_items(conn, held.id, ItemState.PARKED, at if held.attempt else None)
            return moved
        case Skip(reason):
            return transit(conn, held, to=UnitState.DROPPED, since=since, reason=reason, due_at=None, settled_at=now)
        case Release(wait, reason, doubt):
            suspect = held.suspect or doubt
            return transit(
                conn, held, to=UnitState.READY, since=since, reason=reason, due_at=now + wait, suspect=suspect
            )
        case Doubt(reason, look_after):
            due = {} if look_after is None else {"due_at": now + look_after}
            return transit(conn, held, to=held.state, since=since, reason=reason, suspect=True, **due)
        case LookAgain(wait, reason, absent, failed):
            return transit(
                conn,
                held,
                to=held.state,
                since=since,
                reason=reason,
                due_at=now + wait,
                # Only failures in a row count, and only look-ups in a row prove anything.
                lookups=held.lookups + 1 if failed else 0,
                absent_seen=(held.absent_seen or now) if absent else (held.absent_seen if failed else None),
            )


def confirm(
    conn: Connection,
    held: Unit,
    done: Done,
    *,
    now: datetime,
    at: datetime | None,
    settle: timedelta,
    since: Sequence[UnitState] = _IN_FLIGHT,
) -> bool:
    """
    Record that WeCom has *held*, and what became of each subject.

    Args:
        at: By which moment it counts for caps and rules; None: as before.
    """
    moved = transit(
        conn,
        held,
        to=UnitState.CONFIRMED,
        since=since,
        remote_id=done.remote_id,
        answer=done.answer,
        reason=None,
        settled_at=now,
        # A call that was answered at once was written once. Any other may have a twin.
        due_at=now + settle if held.suspect else None,
    )
    if moved:
        set_items(conn, held.id, ItemState.SENT, at)
        special = [
            {"key": subject, "to": item.state, "errcode": item.code}
            for subject, item in sorted(done.items.items())
            if item.state is not ItemState.SENT
        ]
        if special:
            conn.execute(
                update(ledger)
                .where(ledger.c.unit_id == held.id, ledger.c.subject == bindparam("key"))
                .values(state=bindparam("to"), code=bindparam("errcode")),
                special,
            )
    return moved


def set_items(conn: Connection, unit_id: str, to: ItemState, at: datetime | None, *, code: int | None = None) -> None:
    """Set the ledger rows of those whom a unit is for by now; None leaves the moment that counts for caps as it is."""
    values: dict[str, Any] = {"state": to, "code": code} | ({} if at is None else {"at": at})
    theirs = (ledger.c.unit_id == unit_id, ledger.c.state.not_in(HELD))
    conn.execute(update(ledger).where(*theirs).values(values))


def taken(conn: Connection, held: Unit, remote_ids: Collection[str]) -> set[str]:
    """Return those of *remote_ids* that are known to be other units'."""
    found: set[str] = set()
    for chunk in sql.chunks(remote_ids):
        query = select(unit.c.remote_id).where(
            unit.c.corp_id == held.corp_id,
            unit.c.kind == held.kind,
            unit.c.remote_id.in_(chunk),
            unit.c.id != held.id,
        )
        found.update(conn.scalars(query))
    return found


def rivals(conn: Connection, held: Unit) -> bool:
    """Whether another unit of the same content was called and nobody knows its fate."""
    doubtful = or_(
        unit.c.state.in_([UnitState.CALLING, UnitState.UNCERTAIN, UnitState.PARKED]),
        # To be called again, or given up, and an earlier call may have arrived.
        and_(unit.c.suspect, unit.c.state.in_([UnitState.READY, UnitState.DROPPED])),
    )
    query = select(func.count()).where(
        unit.c.corp_id == held.corp_id,
        unit.c.fingerprint == held.fingerprint,
        unit.c.id != held.id,
        doubtful,
    )
    return bool(conn.scalar(query))


def append_audit(
    conn: Connection, held: Unit, *, at: datetime, by: str, action: str, note: str, remote_id: str | None = None
) -> None:
    """Record who decided what about a unit in doubt."""
    conn.execute(
        insert(audit).values(
            corp_id=held.corp_id, unit_id=held.id, at=at, by=by, action=action, remote_id=remote_id, note=note
        )
    )


def resent(conn: Connection, held: Unit) -> int:
    """Return how often the engine, not a person, has let a unit be called again."""
    query = select(func.count()).where(audit.c.unit_id == held.id, audit.c.action == "resent", audit.c.by == "engine")
    return conn.scalar(query) or 0


def audited(conn: Connection, unit_id: str, actions: Collection[str]) -> set[str]:
    """Return the ids of tasks about which one of *actions* stands in the audit of a unit."""
    query = select(audit.c.remote_id).where(
        audit.c.unit_id == unit_id, audit.c.action.in_(actions), audit.c.remote_id.is_not(None)
    )
    return set(conn.scalars(query))
