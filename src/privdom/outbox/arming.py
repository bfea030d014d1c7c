"""
ARM: claim what is due, and let what reaches people pass the gate once more.

A unit may have been planned long ago, or be late: somebody opted out since, or it
lands in another window than the one in which it was counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs

from sqlalchemy import Connection, update

from privdom.outbox import gate_store, transitions
from privdom.outbox.context import Context
from privdom.outbox.tables import unit as unit_table
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Park, Skip, Verdict
from privdom.wecom.wire import dumps, unstructure


__all__ = ["Arming", "arm"]


@attrs.frozen
class Arming:
    """What may be called now, and what is not called any more."""

    armed: Sequence[Unit]
    ended: Sequence[tuple[Unit, Verdict]]


def arm(ctx: Context, conn: Connection, peeked: Sequence[Unit], now: datetime, notes: Mapping[str, str]) -> Arming:
    """
    Move those of *peeked* to ``calling`` that are still free and pass the gate.

    Args:
        notes: What each was told by its kind's `prepare`.
    """
    kinds = ctx.kinds
    if any(kinds[unit.kind].reaches for unit in peeked):
        gate_store.lock(conn, ctx.corp_id)
    # The hour may have come since they were peeked at.
    quiet = ctx.settings.gate.open_at(now) > now
    due_at = {name: now + (kind.patience or ctx.horizon + ctx.settings.settle) for name, kind in kinds.items()}
    calm: list[Unit] = []
    armed: list[Unit] = []
    ended: list[tuple[Unit, Verdict]] = []
    for unit in transitions.free(conn, ctx.corp_id, peeked, now):
        if not kinds[unit.kind].reaches:
            calm.append(unit)
        elif not quiet:
            if (verdict := _pass(ctx, conn, unit, now)) is not None:
                ended.append((unit, verdict))
                continue
            # One after the other: the next one counts this one.
            armed += transitions.arm(conn, [unit], now=now, due_at=due_at, worker=ctx.worker, prepared=notes)
    armed += transitions.arm(conn, calm, now=now, due_at=due_at, worker=ctx.worker, prepared=notes)
    return Arming(armed, ended)


def _pass(ctx: Context, conn: Connection, unit: Unit, now: datetime) -> Verdict | None:
    """Leave out of *unit* whom the gate holds back; return what becomes of it if it is not called."""
    decision = gate_store.held_back(
        conn,
        ctx.corp_id,
        unit.id,
        category=unit.category,
        bounds=ctx.settings.gate.bounds(now, unit.category),
        now=now,
        slack=ctx.horizon + ctx.settings.settle,
    )
    held = {*decision.capped, *decision.suppressed}
    if held and unit.suspect:
        # An earlier call may be there: the same bytes, or none, or a look-up would not know it again.
        return Park(f"not called again: the gate holds back {len(held)} of its recipients by now")
    if held:
        gate_store.hold(conn, unit.id, decision, values={"at": now})
        left = gate_store.waiting(conn, unit.id)
        if not left:
            return Skip("the gate holds all its recipients back")
        request = ctx.kind_of(unit).narrow(ctx.request_of(unit), left)
        conn.execute(
            update(unit_table).where(unit_table.c.id == unit.id).values(request=dumps(unstructure(request)).decode())
        )
    gate_store.postpone(conn, unit.id, now)
    return None
