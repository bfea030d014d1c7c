"""Migrations: plan, look at the plan, and advance it until every customer's fate is known."""

from __future__ import annotations

import csv
import logging

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import attrs

from sqlalchemy import Connection

from privdom._port import Blocking, blocking, blocking_iter, core_of
from privdom.errors import Refused, UsageError
from privdom.migration import gather
from privdom.migration import store as tables
from privdom.migration.report import Item, MigrationReport, Plan, PlanPart, Progress
from privdom.migration.rules import (
    Draft,
    Follow,
    ItemState,
    LeftOutReason,
    Policy,
    ResultRecord,
    Takeover,
    estimate,
    plan_items,
)
from privdom.migration.steps import fold_news, judge_results, submit
from privdom.outbox import AsyncDesiredTags, AsyncOutbox, Outbox
from privdom.store import Store
from privdom.wecom import AsyncWeCom, WeCom


__all__ = ["AsyncMigration", "Migration"]

R = TypeVar("R")
_log = logging.getLogger("privdom.migration")
Pair = tuple[str, str]

# With "migration:" before it, it names the owner of units in the outbox.
_PLAN_ID_CHARS = 50
_PAGE = 1000
_PAIRS_IN_FLIGHT = 4


class AsyncMigration:
    """
    Moves customers of some staff to others, in waves, awaited; `Migration` is the same, blocking.

    WeCom's on-the-job transfer (documentation 92125): a customer may refuse within 24 hours, and moves at most twice in
    90 days. ``plan`` decides and stores; nothing happens before ``advance``, one step that may be repeated at any time by
    anything: a loop, cron, a queue. The outbox makes the calls: drive it too.

    Args:
        wecom: the client.
        store: the database, whose mirror knows the customers.
        outbox: what makes the calls; by default one of its own on the same store.
    """

    def __init__(self, wecom: AsyncWeCom, store: Store, outbox: AsyncOutbox | None = None) -> None:
        self._wecom = wecom
        self._store = store
        self._outbox = outbox or AsyncOutbox(wecom, store)
        self._corp_id = wecom.corp_id
        self._tags = AsyncDesiredTags(wecom, store)

    async def plan(
        self,
        plan_id: str,
        *,
        handover: Sequence[str],
        takeover: Mapping[str, int | None],
        policy: Policy | None = None,
    ) -> Plan:
        """
        Decide who moves to whom and when, and store it; nothing is sent.

        The customers are those of the mirror: sync it before. A plan that exists is returned as it is.

        Args:
            plan_id: your name for it, at most 50 characters.
            handover: the staff who give their customers away.
            takeover: the staff who take them, each with the number of customers they may have in all, or None for the
                policy's ``capacity``.
            policy: how to treat customers; by default `Policy()`.

        Raises:
            UsageError: A staff is unknown, stands on both sides, or nobody is named; nothing was stored.
        """
        handover = _check(plan_id, handover, takeover)
        return await self._in_transaction(
            partial(self._plan, plan_id, handover, takeover, policy or Policy(), self._wecom.port.now())
        )

    async def advance(self, plan_id: str) -> Progress:
        """
        Do what can be done now, and return what it was.

        Folds the answers and refusals that came in, asks for the results of transfers whose 24 hours have passed (94088),
        and hands the next wave to the outbox when the one before has settled. Safe to repeat, to interrupt and to run
        twice at once.

        Raises:
            UsageError: There is no such plan.
            PrivdomError: WeCom could not be asked for results; what was learned before is stored.
        """
        await self._read(partial(self._need, plan_id))
        settled = await self._fold() + await self._poll(plan_id)
        now = self._wecom.port.now()
        step = partial(submit, outbox=self._outbox, corp_id=self._corp_id, plan_id=plan_id, now=now)
        while (done := await self._in_transaction(step)).again:
            settled += await self._fold()
        return Progress(
            plan_id=plan_id,
            submitted=done.items,
            settled=settled,
            waves_finished=done.waves_finished,
            finished=done.finished,
            next_at=None if done.finished else await self.next_at(plan_id),
        )

    async def next_at(self, plan_id: str) -> datetime | None:
        """
        Return when ``advance`` can do something next, the present moment if it can now.

        None: the plan is finished, or waits for somebody to look at parked calls.

        Raises:
            UsageError: There is no such plan.
        """
        return await self._read(partial(self._next_at, plan_id, self._wecom.port.now()))

    async def report(self, plan_id: str) -> MigrationReport:
        """
        Return how far the plan is: counts by state, in all, by wave and by takeover staff.

        Raises:
            UsageError: There is no such plan.
        """
        return await self._read(partial(self._report, plan_id))

    async def items(self, plan_id: str, state: ItemState | None = None) -> AsyncGenerator[Item, None]:
        """
        Yield the customers of the plan, those who stay included, by id.

        Args:
            plan_id: the plan.
            state: only those in this state.

        Raises:
            UsageError: There is no such plan.
        """
        await self._read(partial(self._need, plan_id))
        last: Item | None = None
        while True:
            page = await self._read(
                partial(
                    tables.page_of_items, corp_id=self._corp_id, plan_id=plan_id, state=state, after=last, size=_PAGE
                )
            )
            for item in page:
                yield item
            if len(page) < _PAGE:
                return
            last = page[-1]

    async def export_csv(self, plan_id: str, path: str | Path) -> int:
        """
        Write the customers of the plan to *path*, a row each, times in ISO 8601; return how many.

        Raises:
            UsageError: There is no such plan.
        """
        return await self._read(partial(self._export, plan_id, Path(path)))

    def _plan(
        self,
        plan_id: str,
        handover: tuple[str, ...],
        takeover: Mapping[str, int | None],
        policy: Policy,
        now: datetime,
        conn: Connection,
    ) -> Plan:
        tables.lock_planning(conn, self._corp_id)
        found = tables.find_plan(conn, self._corp_id, plan_id)
        if found is not None:
            return found
        gather.check_staff(conn, self._corp_id, [*handover, *takeover])
        takers = gather.takeovers(conn, self._corp_id, takeover, policy)
        follows = gather.follows(conn, self._corp_id, handover, tuple(takeover), policy)
        draft = plan_items(follows, takers, policy, gather.history(conn, self._corp_id, policy, now), now)
        plan = _outline(plan_id, handover, takers, follows, policy, draft, now)
        tables.add_plan(conn, self._corp_id, plan, draft)
        return plan

    def _need(self, plan_id: str, conn: Connection) -> Plan:
        plan = tables.find_plan(conn, self._corp_id, plan_id)
        if plan is None:
            msg = f"there is no plan {plan_id!r}: make it with plan()"
            raise UsageError(msg)
        return plan

    def _export(self, plan_id: str, path: Path, conn: Connection) -> int:
        self._need(plan_id, conn)
        find = partial(tables.page_of_items, conn, self._corp_id, plan_id, None, size=_PAGE)
        count = 0
        # With this mark Excel takes the file for what it is.
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(field.name for field in attrs.fields(Item))
            page = find(after=None)
            while page:
                writer.writerows(map(_cell, attrs.astuple(item)) for item in page)
                count += len(page)
                page = find(after=page[-1])
        return count

    async def _fold(self) -> int:
        """Fold the news; return how many items settled."""
        fold = partial(fold_news, outbox=self._outbox, corp_id=self._corp_id, now=self._wecom.port.now())
        settled, more = 0, True
        while more:
            folded, more = await self._in_transaction(fold)
            settled += folded
        return settled

    async def _poll(self, plan_id: str) -> int:
        """Ask WeCom for the results that are due; return how many items settled."""
        now = self._wecom.port.now()
        due = partial(tables.due_pairs, corp_id=self._corp_id, plan_id=plan_id, now=now)
        pairs = await self._read(due)
        settled = 0
        async with aclosing(self._wecom.port.map(self._results, pairs, _PAIRS_IN_FLIGHT)) as answers:
            async for pair, records in answers:
                judge = partial(
                    judge_results,
                    tags=self._tags,
                    corp_id=self._corp_id,
                    plan_id=plan_id,
                    pair=pair,
                    records=records,
                    now=now,
                )
                settled += await self._in_transaction(judge)
        return settled

    async def _results(self, pair: Pair) -> tuple[Pair, list[ResultRecord]]:
        try:
            async with aclosing(self._wecom.transfers.each_result(*pair)) as found:
                return pair, [ResultRecord(r.external_userid, r.status, r.takeover_time) async for r in found]
        except Refused as e:
            # One pair must not hold up the others. Its items look again later, and fail when patience ends.
            _log.warning("the transfers from %s to %s cannot be read: %s", *pair, e)
            return pair, []

    def _next_at(self, plan_id: str, now: datetime, conn: Connection) -> datetime | None:
        self._need(plan_id, conn)
        standing = tables.standing(conn, self._corp_id, plan_id)
        if standing is None:
            return None
        units = [self._outbox.unit(conn, unit_id) for unit_id in standing.units]
        if standing.can_submit or any(unit.state.settled for unit in units):
            return now
        moments = [standing.next_poll, *(unit.due_at for unit in units)]
        soonest = min((moment for moment in moments if moment is not None), default=None)
        return None if soonest is None else max(now, soonest)

    def _report(self, plan_id: str, conn: Connection) -> MigrationReport:
        return tables.report(conn, self._corp_id, self._need(plan_id, conn))

    async def _in_transaction(self, fn: Callable[[Connection], R]) -> R:
        def work() -> R:
            with self._store.begin() as conn:
                return fn(conn)

        return await self._store.offload(self._wecom.port, work)

    async def _read(self, fn: Callable[[Connection], R]) -> R:
        def work() -> R:
            with self._store.read() as conn:
                return fn(conn)

        return await self._store.offload(self._wecom.port, work)

    def __repr__(self) -> str:
        return f"<AsyncMigration of {self._corp_id} in {self._store!r}>"


class Migration(Blocking[AsyncMigration]):
    """
    Moves customers of some staff to others, in waves, blocking; `AsyncMigration` is the same, awaited.

    WeCom's on-the-job transfer (documentation 92125): a customer may refuse within 24 hours, and moves at most twice in
    90 days. ``plan`` decides and stores; nothing happens before ``advance``, one step that may be repeated at any time by
    anything: a loop, cron, a queue. The outbox makes the calls: drive it too.

    Args:
        wecom: the client.
        store: the database, whose mirror knows the customers.
        outbox: what makes the calls; by default one of its own on the same store.
    """

    def __init__(self, wecom: WeCom, store: Store, outbox: Outbox | None = None) -> None:
        super().__init__(AsyncMigration(core_of(wecom), store, None if outbox is None else core_of(outbox)))

    plan = blocking(AsyncMigration.plan)
    advance = blocking(AsyncMigration.advance)
    next_at = blocking(AsyncMigration.next_at)
    report = blocking(AsyncMigration.report)
    items = blocking_iter(AsyncMigration.items)
    export_csv = blocking(AsyncMigration.export_csv)


def _check(plan_id: str, handover: Sequence[str], takeover: Mapping[str, int | None]) -> tuple[str, ...]:
    if not 0 < len(plan_id) <= _PLAN_ID_CHARS:
        msg = f"a plan_id has 1 to {_PLAN_ID_CHARS} characters, not {len(plan_id)}"
        raise UsageError(msg)
    if isinstance(handover, str):
        msg = f"handover is a list of userids: give [{handover!r}]"
        raise UsageError(msg)
    if not handover or not takeover:
        msg = "name at least one handover and one takeover staff"
        raise UsageError(msg)
    both = sorted(set(handover).intersection(takeover))
    if both:
        msg = f"{', '.join(map(repr, both))} cannot hand over and take over in one plan: leave them out on one side"
        raise UsageError(msg)
    for userid, capacity in takeover.items():
        if capacity is not None and capacity < 0:
            msg = f"the capacity of {userid!r} must be 0 or more, or None for the policy's, not {capacity}"
            raise UsageError(msg)
    return tuple(sorted(set(handover)))


def _outline(
    plan_id: str,
    handover: tuple[str, ...],
    takers: Sequence[Takeover],
    follows: Iterable[Follow],
    policy: Policy,
    draft: Draft,
    now: datetime,
) -> Plan:
    vips = {(follow.handover_userid, follow.external_userid) for follow in follows if follow.vip}
    takes = Counter(move.takeover_userid for move in draft.items)
    vip = Counter(m.takeover_userid for m in draft.items if (m.handover_userid, m.external_userid) in vips)
    left_out = Counter(left.reason for left in draft.left_out)
    return Plan(
        plan_id=plan_id,
        created_at=now,
        handover=handover,
        policy=policy,
        parts=tuple(PlanPart(t.userid, t.capacity, t.load, takes[t.userid], vip[t.userid]) for t in takers),
        moves=len(draft.items),
        left_out={reason: left_out[reason] for reason in LeftOutReason if left_out[reason]},
        warnings=draft.warnings,
        estimate=estimate(draft.items),
    )


def _cell(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
