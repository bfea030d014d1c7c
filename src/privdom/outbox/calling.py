"""ARM, CALL, CONFIRM: one round of calls, each written to WeCom at most once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import attrs

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from privdom.errors import PrivdomError
from privdom.outbox import transitions
from privdom.outbox.arming import arm
from privdom.outbox.context import Context
from privdom.outbox.rules import judge, judge_preparation
from privdom.outbox.units import TickReport, Unit, UnitState
from privdom.outbox.verdicts import Confirm, Doubt, Park, Refuse, Release, Skip, Verdict


__all__ = ["call_round", "open_kinds"]


@attrs.frozen
class _Called:
    unit: Unit
    verdict: Verdict
    broken: Exception | None = None
    """A fault of ours in the middle of it; raised when the other calls are safe."""


@attrs.frozen
class _Prepared:
    unit: Unit
    note: str | None = None
    failure: Verdict | None = None


def open_kinds(ctx: Context, now: datetime) -> list[str]:
    """Return the names of the kinds that may be called at this hour."""
    quiet = ctx.settings.gate.open_at(now) > now
    return [name for name, kind in ctx.kinds.items() if not (kind.reaches and quiet)]


async def call_round(ctx: Context, limit: int) -> tuple[int, TickReport]:
    """Call up to *limit* units of distinct lanes at once; return how many were due, and what became of them."""
    now = ctx.port.now()
    kinds = open_kinds(ctx, now)
    peeked = await ctx.read(lambda conn: transitions.peek(conn, ctx.corp_id, kinds, now, limit))
    if not peeked:
        return 0, TickReport()
    # While no token is to be had, nothing is armed: a wrong secret or a lost network is no fault of the units.
    await ctx.wecom.token()
    prepared = [p async for p in ctx.port.map(partial(_prepare, ctx), peeked, ctx.settings.in_flight)]
    # A call cut off halfway would cost a look-up, and a person's time where that finds nothing. It is shorter to wait.
    with ctx.port.shield():
        report = await _call_armed(ctx, prepared)
    return len(peeked), report


async def _prepare(ctx: Context, unit: Unit) -> _Prepared:
    kind = ctx.kind_of(unit)
    if not kind.prepares:
        return _Prepared(unit)
    try:
        return _Prepared(unit, await kind.prepare(ctx.wecom, ctx.request_of(unit)))
    except PrivdomError as e:
        return _Prepared(unit, failure=judge_preparation(e, unit.attempt + 1, suspect=unit.suspect))


async def _call_armed(ctx: Context, prepared: Sequence[_Prepared]) -> TickReport:
    # Both before ARM, so that waiting for the database counts too.
    until = ctx.port.monotonic() + ctx.settings.write_budget.total_seconds()
    now = ctx.port.now()

    def work(conn: Connection) -> tuple[TickReport, Sequence[Unit]]:
        notes = {p.unit.id: p.note for p in prepared if p.note is not None}
        done = arm(ctx, conn, [p.unit for p in prepared if p.failure is None], now, notes)
        ended = [_Called(p.unit, p.failure) for p in prepared if p.failure is not None]
        ended += [_Called(unit, verdict) for unit, verdict in done.ended]
        return _settle(ctx, conn, ended, now, since=UnitState.READY), done.armed

    try:
        report, armed = await ctx.write(work)
    except IntegrityError:
        # Another worker has just armed a unit of one of these lanes: the index lets only one in. Next time, then.
        return TickReport()
    called = [c async for c in ctx.port.map(partial(_call, ctx, until), armed, ctx.settings.in_flight)]
    # A clock that is set back meanwhile must not bring what comes next forward.
    now = max(now, ctx.port.now())
    report += await ctx.write(lambda conn: _settle(ctx, conn, called, now, since=UnitState.CALLING))
    for c in called:
        if c.broken is not None:
            raise c.broken
    return report


async def _call(ctx: Context, until: float, unit: Unit) -> _Called:
    kind = ctx.kind_of(unit)
    try:
        answer = await ctx.wecom.session.once(kind.endpoint, unit.request.encode(), kind.answer, until=until)
        if unit.suspect and (doubt := kind.doubts(unit, answer)):
            return _Called(unit, Doubt(doubt, look_after=timedelta(0)))
        return _Called(unit, Confirm(kind.read(ctx.request_of(unit), answer)))
    except PrivdomError as e:
        return _Called(unit, kind.judge(e, unit, ctx.port.now()) or judge(e, unit.attempt, suspect=unit.suspect))
    except Exception as e:  # noqa: BLE001 - raised again once the other calls of the round are settled
        return _Called(unit, Doubt(f"{type(e).__name__} while it was called"), broken=e)


def _settle(
    ctx: Context, conn: Connection, called: Sequence[_Called], now: datetime, *, since: UnitState
) -> TickReport:
    report = TickReport()
    settled: list[tuple[Unit, UnitState]] = []
    for c in called:
        unit, verdict = c.unit, c.verdict
        held = transitions.apply(
            conn,
            unit,
            verdict,
            now=now,
            at=ctx.counts_from(unit, now),
            settle=ctx.settings.settle,
            since=[since],
        )
        match verdict:
            case Confirm(done) if not held:
                # Somebody took over, who cannot know what this worker knows.
                note = "WeCom's answer came after its look-up had begun"
                transitions.append_audit(
                    conn, unit, at=now, by="engine", action="late_answer", note=note, remote_id=done.remote_id
                )
            case Refuse(reason=reason) | Park(reason=reason) | Release(reason=reason) if not held:
                # Nor that.
                if since is UnitState.CALLING:
                    note = f"the call ended after its look-up had begun: {reason}"
                    transitions.append_audit(conn, unit, at=now, by="engine", action="late_answer", note=note)
            case _ if not held:
                pass
            case Confirm():
                settled.append((unit, UnitState.CONFIRMED))
                report += TickReport(confirmed=1)
            case Refuse():
                settled.append((unit, UnitState.REFUSED))
                report += TickReport(refused=1)
            case Park(reason):
                transitions.append_audit(conn, unit, at=now, by="engine", action="parked", note=reason)
                settled.append((unit, UnitState.PARKED))
                report += TickReport(parked=1)
            case Skip():
                settled.append((unit, UnitState.DROPPED))
                report += TickReport(held=1)
            case Release():
                report += TickReport(released=1)
            case _:
                report += TickReport(unknown=1)
    ctx.tell(conn, settled)
    return report
