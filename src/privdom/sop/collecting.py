"""Read what became of the tasks that staff have, and close those whose windows have closed."""

from __future__ import annotations

import logging

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from privdom.errors import ApiError, AuthError, CursorLoop, NotUnderstood, QuotaExceeded, Refused, StillDispatching
from privdom.events import StepSent
from privdom.sop.context import Context
from privdom.sop.report import CollectReport
from privdom.sop.rules import StepState
from privdom.sop.store import steps
from privdom.sop.store.steps import OpenUnit, Outcome
from privdom.wecom.messages import SendResult, SendStatus, TaskStatus


__all__ = ["collect"]

log = logging.getLogger("privdom.sop")

# WeCom's words for a task that nobody can send any more: unknown, and stopped (97611).
_STOPPED = frozenset({41046, 41047, 41093})

NOT_CONFIRMED = "not confirmed by staff before its window closed"
NOT_DELIVERED = "confirmed by staff, but not delivered before its window closed"
NOT_A_CUSTOMER = "not a customer of the staff when the staff sent it"
TOO_MANY = "had as many mass messages as WeCom delivers"


async def collect(ctx: Context, unit: OpenUnit) -> CollectReport:
    now = ctx.port.now()
    over = now >= unit.ends_at
    msgid = (await ctx.read(lambda conn: ctx.outbox.unit(conn, unit.unit_id))).remote_id or ""
    try:
        results = await (_close(ctx, msgid, unit) if over else _results_so_far(ctx, msgid, unit))
    except (AuthError, QuotaExceeded):
        # The others would fare no better, and WeCom locks out whoever insists.
        raise
    except (Refused, NotUnderstood, CursorLoop) as e:
        if not isinstance(e, StillDispatching):
            log.warning("the result of broadcast %s cannot be read yet: %s", unit.unit_id, e)
        return CollectReport(unreadable=1)
    return await ctx.write(lambda conn: _record(ctx, conn, unit, results, over, now))


async def _results_so_far(ctx: Context, msgid: str, unit: OpenUnit) -> list[SendResult]:
    messages = ctx.wecom.messages
    try:
        # One short answer spares the pages of a task that its staff has not touched.
        confirmed = [task async for task in messages.each_task(msgid) if task.status is not TaskStatus.NOT_SENT]
        return [r async for r in messages.each_result(msgid, unit.staff_userid)] if confirmed else []
    except ApiError as e:
        if e.errcode in _STOPPED:
            return []
        raise


async def _close(ctx: Context, msgid: str, unit: OpenUnit) -> list[SendResult]:
    """Return the final results of a task: whoever is not sent in them never will be."""
    messages = ctx.wecom.messages
    results: list[SendResult] = []
    for last in (False, True):
        try:
            results = [r async for r in messages.each_result(msgid, unit.staff_userid)]
            if last or (results and all(r.status is not SendStatus.NOT_SENT for r in results)):
                return results
            await messages.cancel(msgid)
        except ApiError as e:
            # Of a stopped task WeCom may tell nothing more, so what it told before counts.
            if e.errcode not in _STOPPED:
                raise
    return results


def _record(
    ctx: Context, conn: Connection, unit: OpenUnit, results: Iterable[SendResult], over: bool, now: datetime
) -> CollectReport:
    corp_id = ctx.corp_id
    pending = steps.in_unit(conn, corp_id, unit.unit_id)
    counts: Counter[StepState] = Counter()
    sent: list[StepSent] = []
    confirmed = False
    by_outcome: defaultdict[Outcome, list[str]] = defaultdict(list)
    for result in results:
        outcome = _outcome(result, now)
        confirmed = confirmed or outcome is not None
        if outcome is None or result.external_userid not in pending:
            continue
        pending.discard(result.external_userid)
        by_outcome[outcome].append(result.external_userid)
        if outcome.state is StepState.SENT:
            sent.append(StepSent(unit.journey_id, unit.step_id, result.external_userid, outcome.at))
    if over and pending:
        reason = NOT_DELIVERED if confirmed else NOT_CONFIRMED
        by_outcome[Outcome(StepState.MISSED, reason, now)] += sorted(pending)
        pending.clear()
    for outcome, customers in by_outcome.items():
        counts[outcome.state] += steps.settle(conn, corp_id, unit.unit_id, (StepState.CONFIRMED,), outcome, customers)
    again = steps.again(conn, corp_id, now, unit_id=unit.unit_id)
    ctx.log.append(conn, corp_id, *sent)
    return CollectReport(
        sent=counts[StepState.SENT],
        failed=counts[StepState.FAILED],
        capped=counts[StepState.CAPPED],
        missed=counts[StepState.MISSED],
        again=again,
        open=len(pending),
    )


def _outcome(result: SendResult, now: datetime) -> Outcome | None:
    """Return what a row of get_groupmsg_send_result says, None if nothing yet."""
    match result.status:
        case SendStatus.SENT:
            return Outcome(StepState.SENT, "", result.send_time or now)
        case SendStatus.NOT_A_FRIEND:
            return Outcome(StepState.FAILED, NOT_A_CUSTOMER, now)
        case SendStatus.OVER_LIMIT:
            return Outcome(StepState.CAPPED, TOO_MANY, now)
        case _:
            return None
