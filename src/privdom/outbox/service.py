"""The outbox: plan calls to WeCom in your own transaction, and have each made once."""

from __future__ import annotations

import uuid

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, select, update

from privdom._port import Blocking, blocking, core_of
from privdom.errors import UsageError
from privdom.events import EventLog
from privdom.outbox import asking, gate_store, planning, transitions
from privdom.outbox._twins import same
from privdom.outbox.budgets import Budget, Forecast, Touch
from privdom.outbox.calling import call_round
from privdom.outbox.context import Context
from privdom.outbox.gate import MARKETING
from privdom.outbox.kind import Kind
from privdom.outbox.kinds import KINDS
from privdom.outbox.parked import AsyncParked, Parked
from privdom.outbox.recovery import recover
from privdom.outbox.settings import OutboxSettings, Policy, policy_of
from privdom.outbox.staff_sends import StaffSends, learn
from privdom.outbox.tables import ledger, unit
from privdom.outbox.units import HELD, GateReport, ItemResult, ItemState, TickReport, Unit, UnitState
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom, WeCom


__all__ = ["AsyncOutbox", "Outbox", "context_of", "tick_until"]

Q = TypeVar("Q")


class AsyncOutbox:
    """
    Calls to WeCom that must happen once, awaited; `Outbox` is the same, blocking.

    Any number of processes may work on one database. Nothing runs by itself: an
    `AsyncWorker` is the loop, or call `tick` from a queue or cron; `next_at` says when it is worth it.

    Args:
        wecom: The client of the corp and app that calls.
        store: Where units are kept.
        settings: Times, limits, policy and the gate.
        kinds: Further kinds of calls besides those of this library.
    """

    def __init__(
        self,
        wecom: AsyncWeCom,
        store: Store,
        settings: OutboxSettings | None = None,
        *,
        kinds: Iterable[Kind[Any, Any]] = (),
    ) -> None:
        by_name: Mapping[str, Kind[Any, Any]] = {kind.name: kind for kind in (*KINDS, *kinds)}
        self._ctx = Context(
            wecom, store, settings or OutboxSettings(), by_name, EventLog(store), worker=uuid.uuid4().hex[:16]
        )
        self.parked = AsyncParked(self._ctx)

    @property
    def settings(self) -> OutboxSettings:
        """The settings it was made with."""
        return self._ctx.settings

    def plan(
        self,
        conn: Connection,
        kind: Kind[Q, Any],
        request: Q,
        *,
        owner: str,
        subjects: Iterable[tuple[str, str, str]] = (),
        category: str = MARKETING,
        lane: str | None = None,
        not_before: datetime | None = None,
        unit_id: str | None = None,
        policy: Policy | None = None,
    ) -> GateReport:
        """
        Store the intent to make one call, in your transaction; nothing is sent yet.

        The content is frozen here. Subjects held back by the gate, or planned
        before under the same key, are left out of the request; the others form
        the unit. Planning the same again is harmless: the ledger has one row for
        each step, subject and occurrence.

        Args:
            conn: Your transaction, of the store's database.
            kind: What to call, such as ``BROADCAST``.
            request: That kind's request, such as a ``NewMessage``.
            owner: Who hears of the end, as the ``owner`` of `UnitSettled`.
            subjects: For whom, and why: (subject, step, occurrence), as in `Subject`.
            category: What the gate takes a message for; ``"service"`` may use the gate's reserve.
            lane: Units of a lane are called one after the other. By default the kind knows.
            not_before: Not called earlier; quiet hours move it further.
            unit_id: An id of your own: planned again under it, a unit stays as it is.
            policy: What to do when nobody can tell whether WeCom has it; by default the settings'.

        Raises:
            UsageError: The request is not of this kind, cannot be looked up after a lost answer, or is not about just
                these subjects; or one of the other arguments means nothing.
        """
        ctx = self._ctx
        if kind.name not in ctx.kinds:
            msg = f"this outbox knows no kind {kind.name!r}: pass it as one of kinds="
            raise UsageError(msg)
        return planning.plan(
            conn,
            ctx.corp_id,
            kind,
            request,
            gate=ctx.settings.gate,
            now=ctx.port.now(),
            owner=owner,
            subjects=subjects,
            category=category,
            lane=lane,
            not_before=not_before,
            unit_id=unit_id,
            policy=ctx.settings.policy if policy is None else policy_of(policy),
        )

    def drop(self, conn: Connection, unit_id: str) -> bool:
        """
        Give up a unit that was not called yet; return False if it is not ``ready``.

        Its subjects may be planned again under the same keys, unless an earlier
        call of this unit may have reached WeCom.
        """
        now = self._ctx.port.now()
        dropped = conn.execute(
            update(unit)
            .where(unit.c.corp_id == self._ctx.corp_id, unit.c.id == unit_id, unit.c.state == UnitState.READY)
            .values(state=UnitState.DROPPED, due_at=None, settled_at=now)
        )
        if dropped.rowcount != 1:
            return False
        held = self.unit(conn, unit_id)
        never = [ledger.c.unit_id == unit_id]
        if held.suspect:
            transitions.set_items(conn, unit_id, ItemState.DROPPED, now)
            never.append(ledger.c.state.in_(HELD))
        conn.execute(delete(ledger).where(*never))
        self._ctx.tell(conn, [(held, UnitState.DROPPED)])
        return True

    def unit(self, conn: Connection, unit_id: str) -> Unit:
        """
        Return one unit.

        Raises:
            UsageError: There is none of this id.
        """
        found = transitions.load(conn, unit.c.corp_id == self._ctx.corp_id, unit.c.id == unit_id)
        if not found:
            msg = f"there is no unit {unit_id} of this corp"
            raise UsageError(msg)
        return found[0]

    def units(
        self,
        conn: Connection,
        *,
        owner: str | None = None,
        lane: str | None = None,
        states: Iterable[UnitState] | None = None,
        limit: int = 1000,
    ) -> tuple[Unit, ...]:
        """Return the oldest units that fit."""
        where = [unit.c.corp_id == self._ctx.corp_id]
        if owner is not None:
            where.append(unit.c.owner == owner)
        if lane is not None:
            where.append(unit.c.lane == lane)
        if states is not None:
            where.append(unit.c.state.in_(list(states)))
        return tuple(transitions.load(conn, *where, limit=limit))

    def items(self, conn: Connection, unit_id: str) -> tuple[ItemResult, ...]:
        """Return what became of each subject of a unit."""
        return transitions.items(conn, unit_id)

    def suppress(self, conn: Connection, subjects: Iterable[str], *, reason: str, category: str | None = None) -> None:
        """
        Put customers or groups on the list of those who must not be messaged.

        It holds for all calls that begin from now on, also of what is planned
        already. A call whose fate is unknown is not taken back.

        Args:
            subjects: External_userids or chat_ids.
            category: Hold back only messages of this category; None: all messages.

        Raises:
            UsageError: The category is empty, something is too long, or *subjects* is one bare text.
        """
        gate_store.suppress(conn, self._ctx.corp_id, subjects, reason, self._ctx.port.now(), category)

    def allow(self, conn: Connection, subjects: Iterable[str], *, category: str | None = None) -> None:
        """
        Take back what `suppress` did for the same *category*.

        Who is on the list for everything and for a category stays on it for the other one.

        Raises:
            UsageError: As `suppress`.
        """
        gate_store.allow(conn, self._ctx.corp_id, subjects, category)

    def budget(
        self,
        conn: Connection,
        subjects: Iterable[str],
        *,
        category: str = MARKETING,
        at: datetime | None = None,
    ) -> dict[str, Budget]:
        """
        Return how many more messages of *category* may reach each customer or group: an upper bound.

        It counts what is planned, what was or may have been sent, and what staff
        were seen to send on their own (`learn_staff_sends`).

        Args:
            subjects: External_userids or chat_ids.
            category: As in `plan`.
            at: For which moment, which quiet hours move on; by default now.

        Raises:
            UsageError: *at* has no time zone, or *subjects* is one bare text.
        """
        ctx = self._ctx
        gate, now = ctx.settings.gate, ctx.port.now()
        return asking.budget(conn, ctx.corp_id, subjects, gate=gate, category=category, at=at, now=now)

    def forecast(self, conn: Connection, subjects: Iterable[str], touches: Iterable[Touch]) -> Forecast:
        """
        Return how many messages of a plan the gate would let through if it were planned now: an upper bound.

        Each touch goes to each subject, in the order of their moments; what the
        gate holds back leaves its place to later ones. Nothing is stored.

        Args:
            subjects: External_userids or chat_ids.
            touches: When, and of which category.

        Raises:
            UsageError: *subjects* is one bare text.
        """
        ctx = self._ctx
        return asking.forecast(conn, ctx.corp_id, subjects, touches, gate=ctx.settings.gate, now=ctx.port.now())

    def next_at(self, conn: Connection) -> datetime | None:
        """Return the earliest moment at which `tick` has something to do, None if never; it may be past."""
        ctx = self._ctx
        waiting = select(func.min(unit.c.due_at)).where(
            unit.c.corp_id == ctx.corp_id,
            unit.c.due_at.is_not(None),
            unit.c.state != UnitState.READY,
            unit.c.kind.in_(list(ctx.kinds)),
        )
        moments = [conn.scalar(waiting)]
        for reaches in (False, True):
            kinds = [name for name, kind in ctx.kinds.items() if kind.reaches is reaches]
            due_at = transitions.next_head(conn, ctx.corp_id, kinds)
            if due_at is not None:
                # Held back by quiet hours now, or then.
                moments.append(ctx.settings.gate.open_at(max(due_at, ctx.port.now())) if reaches else due_at)
        return min((moment for moment in moments if moment is not None), default=None)

    async def tick(self, budget: int = 100) -> TickReport:
        """
        Do what is due: look lost calls up, then call up to *budget* units, one of each lane at a time.

        Safe to be called from anywhere at any time, also several times at once.

        Raises:
            UsageError: The store is joined to a transaction of a host. What is called must be known before, come what
                may, and a transaction may be rolled back.
            PrivdomError: No token is to be had. Nothing was armed; call again later.
        """
        return await tick_until(self._ctx, budget, lambda: False)

    async def drain(self) -> TickReport:
        """Tick until nothing is due any more; what waits for a later moment stays."""
        total = TickReport()
        while report := await self.tick():
            total += report
        return total

    async def learn_staff_sends(self, *, overlap: timedelta = timedelta(hours=2)) -> StaffSends:
        """
        Read from WeCom's records what staff sent on their own, so that the gate counts it (documentation 93338).

        It reads the windows that the gate looks at, and goes on where it stopped
        the last time. What was read stays, whatever happens. Call it now and then,
        and before large plans.

        Args:
            overlap: How far before that point to look again, for what WeCom shows late.

        Raises:
            PrivdomError: WeCom cannot be asked, or not any more: a quota, for example. Call it again later.
        """
        return await learn(self._ctx, overlap)

    def __repr__(self) -> str:
        return f"<AsyncOutbox of {self._ctx.corp_id} in {self._ctx.store!r}>"


async def tick_until(ctx: Context, budget: int, stopped: Callable[[], bool]) -> TickReport:
    """Do what `AsyncOutbox.tick` does, but begin no more calls once *stopped* says so."""
    ctx.store.commits_itself("a tick")
    report = await recover(ctx, budget)
    while budget > 0 and not stopped():
        due, part = await call_round(ctx, min(budget, ctx.settings.in_flight))
        report += part
        if not due:
            break
        budget -= due
    return report


def context_of(outbox: AsyncOutbox) -> Context:
    """Return what an outbox works with, for other parts of the engine."""
    return outbox._ctx  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


class Outbox(Blocking[AsyncOutbox]):
    """
    Calls to WeCom that must happen once, blocking; `AsyncOutbox` is the same, awaited.

    Any number of processes may work on one database. Nothing runs by itself: a
    `Worker` is the loop, or call `tick` from a queue or cron; `next_at` says when it is worth it.

    Args:
        wecom: The client of the corp and app that calls.
        store: Where units are kept.
        settings: Times, limits, policy and the gate.
        kinds: Further kinds of calls besides those of this library.
    """

    def __init__(
        self,
        wecom: WeCom,
        store: Store,
        settings: OutboxSettings | None = None,
        *,
        kinds: Iterable[Kind[Any, Any]] = (),
    ) -> None:
        super().__init__(AsyncOutbox(core_of(wecom), store, settings, kinds=kinds))
        self.parked = Parked(self._core.parked)

    @property
    def settings(self) -> OutboxSettings:
        """The settings it was made with."""
        return self._core.settings

    plan = same(AsyncOutbox.plan)
    drop = same(AsyncOutbox.drop)
    unit = same(AsyncOutbox.unit)
    units = same(AsyncOutbox.units)
    items = same(AsyncOutbox.items)
    suppress = same(AsyncOutbox.suppress)
    allow = same(AsyncOutbox.allow)
    budget = same(AsyncOutbox.budget)
    forecast = same(AsyncOutbox.forecast)
    next_at = same(AsyncOutbox.next_at)
    tick = blocking(AsyncOutbox.tick)
    drain = blocking(AsyncOutbox.drain)
    learn_staff_sends = blocking(AsyncOutbox.learn_staff_sends)
