"""PLAN: the gate, the ledger and the frozen request, in the caller's transaction."""

from __future__ import annotations

import hashlib
import uuid

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, insert, select, update

from privdom.errors import UsageError
from privdom.outbox import gate_store
from privdom.outbox.gate import Decision, Gate
from privdom.outbox.kind import Kind
from privdom.outbox.settings import Policy
from privdom.outbox.staff_sends import STEP
from privdom.outbox.tables import check_length, ledger, unit
from privdom.outbox.units import GateReport, ItemState, Subject, UnitState
from privdom.store import sql
from privdom.wecom.wire import dumps, unstructure


__all__ = ["plan"]

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
    category: str,
    lane: str | None,
    not_before: datetime | None,
    unit_id: str | None,
    policy: Policy,
) -> GateReport:
    """Store one unit and its ledger rows; see `AsyncOutbox.plan`."""
    rows = [row if isinstance(row, Subject) else Subject(*row) for row in subjects]
    _check(kind, request, rows)
    _check_keys(rows, unit_id=unit_id, owner=owner, category=category, lane=lane)
    if not_before is not None and not_before.utcoffset() is None:
        msg = "not_before must be aware: datetime(..., tzinfo=...)"
        raise UsageError(msg)
    if unit_id is not None and (there := _there(conn, corp_id, unit_id, rows)):
        return there
    new_id = unit_id or uuid.uuid4().hex
    lane = _lane(kind, request, lane)

    due_at = max(now, not_before) if not_before is not None else now
    if kind.reaches:
        due_at = gate.open_at(due_at)
        # Before the rows: two plans of the same subjects would wait for each other's rows and for the lock.
        gate_store.lock(conn, corp_id)
    else:
        category = ""
    nonce = hashlib.sha256(f"{corp_id}/{new_id}".encode()).hexdigest()[:10]
    row = {
        "id": new_id,
        "corp_id": corp_id,
        "kind": kind.name,
        "owner": owner,
        "category": category,
        "lane": lane or new_id,
        "state": UnitState.READY,
        "policy": policy,
        "nonce": nonce,
        "attempt": 0,
        "fence": 0,
        "created_at": now,
        "due_at": due_at,
        "lookups": 0,
        "suspect": False,
    }
    # An id of the caller's is taken before anything else is written: of two transactions that plan it at once, the
    # second one waits here for the first, and has nothing to take back.
    taken = unit_id is not None
    if taken and not sql.insert_ignore(conn, unit, [row | _content(kind, request, nonce)]):
        there = _there(conn, corp_id, new_id, rows)
        assert there is not None
        return there
    written = _write_ledger(conn, corp_id, rows, new_id, reach=kind.reaches, category=category, at=due_at)
    decision = Decision((), (), ())
    if kind.reaches and written:
        bounds = gate.bounds(due_at, category)
        decision = gate_store.held_back(conn, corp_id, new_id, category=category, bounds=bounds, now=now)
        gate_store.hold(conn, new_id, decision, values={"unit_id": None})
    report = _report(rows, written, decision, new_id, due_at)
    if rows and not report.planned:
        if taken:
            conn.execute(delete(unit).where(unit.c.id == new_id))
        return report
    narrowed = len(report.planned) < len(rows)
    if narrowed:
        request = kind.narrow(request, {row.subject for row in report.planned})
    if not taken:
        conn.execute(insert(unit).values(row | _content(kind, request, nonce)))
    elif narrowed:
        conn.execute(update(unit).where(unit.c.id == new_id).values(_content(kind, request, nonce)))
    return report


def _check(kind: Kind[Q, Any], request: Q, rows: Sequence[Subject]) -> None:
    if not isinstance(request, kind.request):
        msg = f"a {kind.name} takes a {kind.request.__name__}, not a {type(request).__name__}"
        raise UsageError(msg)
    names = [row.subject for row in rows]
    if len(set(names)) < len(names):
        msg = "a subject stands twice in this plan: one call carries one message for each, so make two units"
        raise UsageError(msg)
    kind.check(request, names)
    check_length(unit.c.kind, "the name of this kind", kind.name)


def _lane(kind: Kind[Q, Any], request: Q, lane: str | None) -> str | None:
    forced = kind.lane(request)
    if forced is None:
        return lane
    if lane not in {None, forced}:
        msg = f"a {kind.name} like this one takes the lane {forced!r}: leave lane= out"
        raise UsageError(msg)
    check_length(unit.c.lane, "the lane of this request", forced)
    return forced


def _there(conn: Connection, corp_id: str, unit_id: str, rows: Sequence[Subject]) -> GateReport | None:
    """Return the report on a unit that was planned before under an id of the caller's; None: there is none."""
    whose = conn.scalar(select(unit.c.corp_id).where(unit.c.id == unit_id))
    if whose is not None and whose != corp_id:
        msg = f"another corp of this database has a unit {unit_id!r}: make the id longer by the corp's"
        raise UsageError(msg)
    return GateReport(unit_id, already=tuple(rows)) if whose else None


def _content(kind: Kind[Q, Any], request: Q, nonce: str) -> dict[str, str]:
    return {
        "request": dumps(unstructure(kind.mark(request, nonce))).decode(),
        "fingerprint": hashlib.sha256(f"{kind.name}/{kind.fingerprint(request)}".encode()).hexdigest(),
    }


def _check_keys(rows: Sequence[Subject], *, unit_id: str | None, owner: str, category: str, lane: str | None) -> None:
    keys = [
        (unit.c.id, "unit_id", unit_id),
        (unit.c.owner, "owner", owner),
        (unit.c.category, "category", category),
        (unit.c.lane, "lane", lane),
    ]
    for i, name in enumerate(Subject._fields):
        longest_one = max(map(itemgetter(i), rows), key=len, default=None)
        keys.append((ledger.c[name], f"the {name} of a subject", longest_one))
    for column, name, value in keys:
        if value is not None:
            check_length(column, name, value)
    if unit_id == "":
        msg = "unit_id is empty: give an id of your own, or None"
        raise UsageError(msg)
    if any(row.step == STEP for row in rows):
        msg = f"the step {STEP!r} is for what staff send on their own: call yours otherwise"
        raise UsageError(msg)
    if not category:
        msg = "the category is empty: name one, such as 'marketing' or 'service'"
        raise UsageError(msg)


def _write_ledger(
    conn: Connection, corp_id: str, rows: Sequence[Subject], unit_id: str, *, reach: bool, category: str, at: datetime
) -> set[Subject]:
    """Write a row for each subject that has none of this key; return whose were written."""
    same = {
        "corp_id": corp_id,
        "unit_id": unit_id,
        "state": ItemState.PLANNED,
        "code": None,
        "reach": reach,
        "category": category,
        "at": at,
    }
    # In one order everywhere, or two plans of the same subjects could wait for each other.
    ordered = sorted(rows, key=itemgetter(1, 0, 2))
    each = {name: [row[i] for row in ordered] for i, name in enumerate(Subject._fields)}
    if not rows or sql.insert_each(conn, ledger, same, each) == len(rows):
        return set(rows)
    mine = select(*(ledger.c[name] for name in Subject._fields)).where(ledger.c.unit_id == unit_id)
    return {Subject(*row) for row in conn.execute(mine)}


def _report(
    rows: Sequence[Subject], written: Set[Subject], decision: Decision, unit_id: str, at: datetime
) -> GateReport:
    if len(written) == len(rows) and not decision.capped and not decision.suppressed:
        return GateReport(unit_id, planned=tuple(rows), due_at=at)
    held = dict.fromkeys(decision.capped, ItemState.CAPPED) | dict.fromkeys(decision.suppressed, ItemState.SUPPRESSED)
    found: dict[ItemState | None, list[Subject]] = {}
    for row in rows:
        state = held.get(row.subject, ItemState.PLANNED) if row in written else None
        found.setdefault(state, []).append(row)
    planned = tuple(found.get(ItemState.PLANNED, ()))
    return GateReport(
        unit_id=unit_id if planned or not rows else None,
        planned=planned,
        capped=tuple(found.get(ItemState.CAPPED, ())),
        suppressed=tuple(found.get(ItemState.SUPPRESSED, ())),
        already=tuple(found.get(None, ())),
        due_at=at,
    )
