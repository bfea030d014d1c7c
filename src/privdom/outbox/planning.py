"""PLAN: the gate, the ledger and the frozen request, in the caller's transaction."""

from __future__ import annotations

import hashlib
import uuid

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, String, and_, delete, func, insert, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite

from privdom.errors import UsageError
from privdom.outbox.gate import Decision, Gate, decide
from privdom.outbox.kind import Kind
from privdom.outbox.settings import Policy
from privdom.outbox.tables import ledger, suppression, unit
from privdom.outbox.units import GateReport, ItemState, Subject, UnitState
from privdom.store import sql
from privdom.wecom.wire import dumps, unstructure


__all__ = ["allow", "plan", "suppress"]

Q = TypeVar("Q")


def plan(
    conn: Connection,
    corp_id: str,
    kind: Kind[Q, Any],
    request: Q,
    *,
    gate: Gate,
    now: datetime,
    owner: str,
    subjects: Iterable[tuple[str, str, str]],
    lane: str | None,
    not_before: datetime | None,
    unit_id: str | None,
    policy: Policy,
) -> GateReport:
    """Store one unit and its ledger rows; see `AsyncOutbox.plan`."""
    rows = [Subject(*row) for row in subjects]
    names = [row.subject for row in rows]
    if len(set(names)) < len(names):
        msg = "a subject stands twice in this plan: one call carries one message for each, so make two units"
        raise UsageError(msg)
    kind.check(request, names)
    _check_keys(rows, unit_id=unit_id, owner=owner, lane=lane)
    if not_before is not None and not_before.utcoffset() is None:
        msg = "not_before must be aware: datetime(..., tzinfo=...)"
        raise UsageError(msg)
    if unit_id is not None:
        whose = conn.scalar(select(unit.c.corp_id).where(unit.c.id == unit_id))
        if whose == corp_id:
            return GateReport(unit_id, already=tuple(rows))
        if whose is not None:
            msg = f"another corp of this database has a unit {unit_id!r}: make the id longer by the corp's"
            raise UsageError(msg)
    new_id = unit_id or uuid.uuid4().hex
    forced = kind.lane(request)
    if lane is not None and forced is not None and lane != forced:
        msg = f"a {kind.name} like this one takes the lane {forced!r}: leave lane= out"
        raise UsageError(msg)

    due_at = max(now, not_before) if not_before is not None else now
    if kind.reaches:
        due_at = gate.open_at(due_at)
        decision = _pass(conn, corp_id, names, gate, due_at)
    else:
        decision = Decision(tuple(names), (), ())
    report = _write_ledger(conn, corp_id, rows, decision, new_id, reach=kind.reaches, at=due_at)
    if rows and not report.planned:
        return report
    if len(report.planned) < len(rows):
        request = kind.narrow(request, {row.subject for row in report.planned})
    nonce = hashlib.sha256(f"{corp_id}/{new_id}".encode()).hexdigest()[:10]
    conn.execute(
        insert(unit).values(
            id=new_id,
            corp_id=corp_id,
            kind=kind.name,
            owner=owner,
            lane=forced or lane or new_id,
            state=UnitState.READY,
            policy=policy,
            request=dumps(unstructure(kind.mark(request, nonce))).decode(),
            fingerprint=hashlib.sha256(f"{kind.name}/{kind.fingerprint(request)}".encode()).hexdigest(),
            nonce=nonce,
            attempt=0,
            fence=0,
            created_at=now,
            due_at=due_at,
            lookups=0,
            suspect=False,
        )
    )
    return report


def _check_keys(rows: Iterable[Subject], *, unit_id: str | None, owner: str, lane: str | None) -> None:
    # PostgreSQL would refuse what is too long, SQLite would take it.
    keys = [(unit.c.id, "unit_id", unit_id), (unit.c.owner, "owner", owner), (unit.c.lane, "lane", lane)]
    for row in rows:
        keys += [(ledger.c[name], f"the {name} of a subject", getattr(row, name)) for name in Subject._fields]
    for column, name, value in keys:
        longest = column.type.length if isinstance(column.type, String) else None
        if value is not None and longest is not None and len(value) > longest:
            msg = f"{name} has {len(value)} characters, and at most {longest} fit"
            raise UsageError(msg)
    if unit_id == "":
        msg = "unit_id is empty: give an id of your own, or None"
        raise UsageError(msg)


def _pass(conn: Connection, corp_id: str, names: Sequence[str], gate: Gate, at: datetime) -> Decision:
    # Two plans at once could each find room for the last message of a customer. SQLite lets only one in anyway.
    if conn.dialect.name == "postgresql":
        conn.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"privdom outbox gate {corp_id}"}
        )
    silenced: set[str] = set()
    used: dict[str, int] = {}
    limit = None if gate.cap is None else gate.cap.limit_at(at, gate.zone)
    for chunk in sql.chunks(names):
        silenced.update(
            conn.scalars(
                select(suppression.c.subject).where(suppression.c.corp_id == corp_id, suppression.c.subject.in_(chunk))
            )
        )
        if gate.cap is None:
            continue
        start, end = gate.cap.window(at, gate.zone)
        # What is planned and late may still land in this window, so it counts here too.
        counts = or_(
            and_(ledger.c.state == ItemState.PLANNED, ledger.c.at < end),
            and_(
                ledger.c.state.in_([ItemState.SENT, ItemState.UNSEEN, ItemState.PARKED]),
                ledger.c.at >= start,
                ledger.c.at < end,
            ),
        )
        query = (
            select(ledger.c.subject, func.count())
            .where(ledger.c.corp_id == corp_id, ledger.c.reach, ledger.c.subject.in_(chunk), counts)
            .group_by(ledger.c.subject)
        )
        used.update((subject, count) for subject, count in conn.execute(query))
    return decide(names, used=used, limit=limit, suppressed=silenced)


def _write_ledger(
    conn: Connection,
    corp_id: str,
    rows: Sequence[Subject],
    decision: Decision,
    unit_id: str,
    *,
    reach: bool,
    at: datetime,
) -> GateReport:
    states = {
        **dict.fromkeys(decision.allowed, ItemState.PLANNED),
        **dict.fromkeys(decision.capped, ItemState.CAPPED),
        **dict.fromkeys(decision.suppressed, ItemState.SUPPRESSED),
    }
    values: list[dict[str, Any]] = [
        {
            "corp_id": corp_id,
            "step": row.step,
            "subject": row.subject,
            "occurrence": row.occurrence,
            "unit_id": unit_id if states[row.subject] is ItemState.PLANNED else None,
            "state": states[row.subject],
            "code": None,
            "reach": reach,
            "at": at,
        }
        for row in rows
    ]
    # In one order everywhere, or two plans of the same subjects could wait for each other.
    values.sort(key=lambda v: (v["step"], v["subject"], v["occurrence"]))
    written: set[Subject] = set()
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(ledger).on_conflict_do_nothing().returning(ledger.c.subject, ledger.c.step, ledger.c.occurrence)
    )
    for chunk in sql.chunks(values):
        written.update(Subject(*row) for row in conn.execute(statement, chunk))
    found: dict[ItemState | None, list[Subject]] = {}
    for row in rows:
        found.setdefault(states[row.subject] if row in written else None, []).append(row)
    planned = tuple(found.get(ItemState.PLANNED, ()))
    return GateReport(
        unit_id=unit_id if planned or not rows else None,
        planned=planned,
        capped=tuple(found.get(ItemState.CAPPED, ())),
        suppressed=tuple(found.get(ItemState.SUPPRESSED, ())),
        already=tuple(found.get(None, ())),
        due_at=at,
    )


def suppress(conn: Connection, corp_id: str, subjects: Iterable[str], reason: str, at: datetime) -> None:
    """Put *subjects* on the list of those who must not be messaged."""
    rows = [{"corp_id": corp_id, "subject": s, "reason": reason, "at": at} for s in sorted(set(subjects))]
    sql.upsert(conn, suppression, rows, keys=["corp_id", "subject"])


def allow(conn: Connection, corp_id: str, subjects: Iterable[str]) -> None:
    """Take *subjects* off that list."""
    for chunk in sql.chunks(subjects):
        conn.execute(delete(suppression).where(suppression.c.corp_id == corp_id, suppression.c.subject.in_(chunk)))
