"""RECOVER and AFTER: look up lost calls at WeCom, and watch out for second ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import attrs

from sqlalchemy import Connection

from privdom.errors import PrivdomError, Refused
from privdom.outbox import transitions
from privdom.outbox.context import Context
from privdom.outbox.kind import Candidate, Finding, Found, Kind
from privdom.outbox.rules import Lookup, decide, look_failed
from privdom.outbox.units import TickReport, Unit, UnitState
from privdom.outbox.verdicts import Confirm, Done, Park, Refuse, Release, Verdict


__all__ = ["recover"]

_CANCELLED, _SUSPECTED = "cancelled_second", "suspected_second"


@attrs.frozen
class _Looked:
    unit: Unit
    finding: Finding | PrivdomError
    seconds: tuple[tuple[Candidate, bool], ...] = ()
    """Of a confirmed unit: further tasks found, and whether each was cancelled."""
    instead: Done | None = None
    """What it is from now on: staff have sent the second one, and the first is cancelled."""


async def recover(ctx: Context, limit: int) -> TickReport:
    """Look up to *limit* units up that are due for it."""
    report = TickReport()
    while limit > 0:
        # Few at a time: what is claimed must be done before its lease ends, or another worker begins anew.
        looked, part = await _look_round(ctx, min(limit, ctx.settings.in_flight))
        report += part
        if not looked:
            break
        limit -= looked
    return report


async def _look_round(ctx: Context, limit: int) -> tuple[int, TickReport]:
    now = ctx.port.now()

    def claim(conn: Connection) -> list[Unit]:
        return transitions.claim(
            conn,
            ctx.corp_id,
            list(ctx.kinds),
            now=now,
            lease=ctx.settings.lookup_lease,
            worker=ctx.worker,
            limit=limit,
        )

    claimed = await ctx.write(claim) if await ctx.read(partial(_any_due, ctx, now)) else []
    if not claimed:
        return 0, TickReport()
    looked = [look async for look in ctx.port.map(partial(_look, ctx), claimed, ctx.settings.in_flight)]
    # A clock that is set back meanwhile must not bring the next look forward.
    now = max(now, ctx.port.now())
    with ctx.port.shield():
        return len(claimed), await ctx.write(lambda conn: _settle(ctx, conn, looked, now))


def _any_due(ctx: Context, now: datetime, conn: Connection) -> bool:
    # A look before the leap: most ticks find nothing, and need not take the write lock for it.
    return transitions.any_to_claim(conn, ctx.corp_id, list(ctx.kinds), now)


async def _look(ctx: Context, unit: Unit) -> _Looked:
    kind = ctx.kind_of(unit)
    try:
        finding = await kind.find(ctx.wecom, unit, ctx.request_of(unit), ctx.settings.clock_skew)
        if unit.state is not UnitState.CONFIRMED or not isinstance(finding, Found):
            return _Looked(unit, finding)
        others = await ctx.read(partial(_others, unit, finding.candidates))
        mine = next((c for c in finding.candidates if c.done.remote_id == unit.remote_id), None)
        sent = next((c for c, ours, _ in others if ours and c.sent), None)
        if sent and mine and mine.gone:
            return _Looked(unit, finding, instead=sent.done)
        if sent and mine and not mine.sent and await _undo(ctx, kind, mine):
            return _Looked(unit, finding, ((mine, True),), sent.done)
        there = mine is not None and not mine.gone
        seconds: list[tuple[Candidate, bool]] = []
        for candidate, ours, noted in others:
            # The first must be there beside the second, or customers could be left with none.
            cancelled = there and ours and await _undo(ctx, kind, candidate)
            if cancelled or not noted:
                seconds.append((candidate, cancelled))
        return _Looked(unit, finding, tuple(seconds))
    except PrivdomError as e:
        return _Looked(unit, e)


async def _undo(ctx: Context, kind: Kind[Any, Any], second: Candidate) -> bool:
    try:
        return await kind.undo(ctx.wecom, second.done.remote_id or "")
    except Refused:
        # Noted, at least; perhaps the next sweep has more luck.
        return False


def _others(unit: Unit, candidates: Collection[Candidate], conn: Connection) -> list[tuple[Candidate, bool, bool]]:
    """Return what may be a second one, whether it surely is, so that it is taken back, and whether it is noted."""
    ids = {c.done.remote_id for c in candidates if c.done.remote_id}
    # Rivals first: one that is confirmed between the two statements is then at least known.
    rivals = transitions.rivals(conn, unit)
    known = transitions.taken(conn, unit, ids) | transitions.audited(conn, unit.id, [_CANCELLED])
    noted = transitions.audited(conn, unit.id, [_SUSPECTED])
    others = [c for c in candidates if c.done.remote_id in ids - known - {unit.remote_id}]
    # One call makes one task.
    twice = unit.attempt > 1
    return [(c, twice and (c.certain or (c.whole and not rivals)), c.done.remote_id in noted) for c in others]


def _settle(ctx: Context, conn: Connection, looked: Sequence[_Looked], now: datetime) -> TickReport:
    report = TickReport()
    settled: list[tuple[Unit, UnitState]] = []
    for look in looked:
        if look.unit.state is UnitState.CONFIRMED:
            report += _swept(ctx, conn, look, now)
            continue
        verdict = _verdict(ctx, conn, look, now)
        at = ctx.counts_from(look.unit, now)
        if not transitions.apply(conn, look.unit, verdict, now=now, at=at, settle=ctx.settings.settle):
            continue
        match verdict:
            case Confirm(done):
                _note(conn, look.unit, now, "found", "a look-up found it", done.remote_id)
                settled.append((look.unit, UnitState.CONFIRMED))
                report += TickReport(confirmed=1)
            case Park(reason):
                _note(conn, look.unit, now, "parked", reason)
                settled.append((look.unit, UnitState.PARKED))
                report += TickReport(parked=1)
            case Refuse(reason=reason):
                _note(conn, look.unit, now, "refused", reason)
                settled.append((look.unit, UnitState.REFUSED))
                report += TickReport(refused=1)
            case Release(reason=reason):
                _note(conn, look.unit, now, "resent", reason)
                report += TickReport(released=1)
            case _:
                report += TickReport(looked_up=1)
    ctx.tell(conn, settled)
    return report


def _verdict(ctx: Context, conn: Connection, look: _Looked, now: datetime) -> Verdict:
    unit, finding = look.unit, look.finding
    candidates = finding.candidates if isinstance(finding, Found) else ()
    # Before what is taken, as in a sweep.
    rivals = bool(candidates) and transitions.rivals(conn, unit)
    lookup = Lookup(
        now=now,
        policy=unit.policy,
        absent_seen=unit.absent_seen,
        failures=unit.lookups,
        resent=transitions.resent(conn, unit),
        attempts=unit.attempt,
        undoes=ctx.kind_of(unit).undoes,
        settings=ctx.settings,
        taken=transitions.taken(conn, unit, {c.done.remote_id for c in candidates if c.done.remote_id}),
        rivals=rivals,
    )
    return look_failed(finding, lookup) if isinstance(finding, PrivdomError) else decide(finding, lookup)


def _swept(ctx: Context, conn: Connection, look: _Looked, now: datetime) -> TickReport:
    unit = look.unit
    for candidate, cancelled in look.seconds:
        if cancelled:
            _note(conn, unit, now, _CANCELLED, "a second task of this unit was cancelled", candidate.done.remote_id)
        else:
            _note(conn, unit, now, _SUSPECTED, "this could be a second task of this unit", candidate.done.remote_id)
    age = now - (unit.settled_at or now)
    # Twice as far apart each time: late twins come soon, if at all. A sweep that saw nothing is none.
    wait = ctx.settings.settle if isinstance(look.finding, PrivdomError) else max(age, ctx.settings.settle)
    again = now + wait if age < ctx.settings.sweep_for else None
    values: dict[str, Any] = {}
    if look.instead is not None:
        values = {"remote_id": look.instead.remote_id, "answer": look.instead.answer}
        _note(
            conn, unit, now, "took_second", "staff have sent this one, the first is cancelled", look.instead.remote_id
        )
    transitions.transit(conn, unit, to=UnitState.CONFIRMED, since=[UnitState.CONFIRMED], due_at=again, **values)
    return TickReport(swept=1, cancelled=sum(cancelled for _, cancelled in look.seconds))


def _note(conn: Connection, unit: Unit, at: datetime, action: str, note: str, remote_id: str | None = None) -> None:
    transitions.append_audit(conn, unit, at=at, by="engine", action=action, note=note, remote_id=remote_id)
