"""
Desired tags: which corp tags the modules want on which relation, and how they get there.

An owner says what it wants of a relation of staff and customer. Several wishes
become one mark_tag; a tag goes only when no owner wants it any more, and only
if one of them had asked for it.

mark_tag leads to the same state however often it arrives, so a push that broke
off is simply made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import attrs

from sqlalchemy import Connection

from privdom._facts import endpoints
from privdom._port import Blocking, blocking, core_of
from privdom.errors import NotACustomer, PrivdomError, UsageError
from privdom.outbox import wishes
from privdom.outbox._twins import same
from privdom.outbox.rules import judge
from privdom.outbox.settings import OutboxSettings
from privdom.outbox.verdicts import Refuse, Release
from privdom.outbox.wishes import Pushed, Task
from privdom.store import Store
from privdom.wecom._values import Done
from privdom.wecom.client import AsyncWeCom, WeCom
from privdom.wecom.tags import MarkTagRequest
from privdom.wecom.wire import dumps, unstructure


__all__ = ["AsyncDesiredTags", "DesiredTags", "PushReport", "TagCounts"]

R = TypeVar("R")

_BATCH = 100
# Much longer than a batch takes. Calls are not written any more when half of it has passed, so that none of this
# worker can come after one of the next.
_LEASE = timedelta(minutes=15)


@attrs.frozen
class PushReport:
    """What a push did, in relations."""

    pushed: int = 0
    """As wished now."""
    failed: int = 0
    """WeCom refused at least one tag."""
    no_relation: int = 0
    later: int = 0
    """To be tried again."""

    @property
    def done(self) -> int:
        """How many relations it had in hand."""
        return self.pushed + self.failed + self.no_relation + self.later

    def __add__(self, other: PushReport) -> PushReport:
        mine, theirs = attrs.astuple(self), attrs.astuple(other)
        return PushReport(*(a + b for a, b in zip(mine, theirs, strict=True)))

    def __bool__(self) -> bool:
        return self.done > 0


@attrs.frozen
class TagCounts:
    """How many wishes stand how."""

    pending: int = 0
    pushed: int = 0
    failed: int = 0
    no_relation: int = 0


class AsyncDesiredTags:
    """
    The tags that modules want, and the way they get to WeCom, awaited; `DesiredTags` is the same, blocking.

    Args:
        wecom: The client of the corp and app that marks.
        store: Where wishes are kept.
        settings: How many calls at once (``tags_in_flight``), and ``settle``.
    """

    def __init__(self, wecom: AsyncWeCom, store: Store, settings: OutboxSettings | None = None) -> None:
        self._wecom = wecom
        self._store = store
        self._settings = settings or OutboxSettings()

    def want(self, conn: Connection, corp_id: str, owner: str, changes: Iterable[tuple[str, str, str, bool]]) -> None:
        """
        Say in your transaction which tags *owner* wants on which relation, and which no longer.

        What is wanted already costs nothing. A tag that staff put on by hand
        counts as the owner's once it is wanted.

        Args:
            conn: Your transaction, of the store's database.
            corp_id: The corp.
            owner: Who wants it, such as ``tiering:vip``: each owner speaks for itself.
            changes: (staff, customer, tag id, whether it is wanted); the last word on each tag counts.

        Raises:
            UsageError: The owner is empty.
        """
        if not owner:
            msg = "owner= is empty: a wish belongs to somebody, who alone can take it back"
            raise UsageError(msg)
        wishes.want(conn, corp_id, owner, changes, self._wecom.port.now())

    def move(self, conn: Connection, corp_id: str, moves: Iterable[tuple[str, str, str]]) -> int:
        """
        Let the wishes on customers follow them to other staff, in your transaction; return how many wishes did.

        Args:
            conn: Your transaction, of the store's database.
            corp_id: The corp.
            moves: (customer, handover, takeover), each customer once.

        Raises:
            UsageError: A customer stands there twice.
        """
        ways: dict[str, tuple[str, str]] = {}
        for customer, handover, takeover in moves:
            if customer in ways:
                msg = f"{customer} is moved twice: make it two calls of move(), in their order"
                raise UsageError(msg)
            ways[customer] = (handover, takeover)
        return wishes.move(conn, corp_id, ways, self._wecom.port.now())

    def pending(self, conn: Connection) -> TagCounts:
        """Return how many wishes of the corp stand how."""
        return TagCounts(**wishes.count(conn, self._wecom.corp_id))

    def next_at(self, conn: Connection) -> datetime | None:
        """Return the earliest moment at which `push` has something to do, None if never."""
        return wishes.next_at(conn, self._wecom.corp_id)

    async def push(self, limit: int = 1000) -> PushReport:
        """
        Bring up to *limit* relations to what is wanted of them (WeCom documentation 92118).

        Raises:
            PrivdomError: No token is to be had. Nothing was changed; call again later.
        """
        total = PushReport()
        while limit > 0:
            claimed, part = await self._push_batch(min(limit, _BATCH))
            total += part
            if not claimed:
                break
            limit -= claimed
        return total

    async def _push_batch(self, limit: int) -> tuple[int, PushReport]:
        port, corp_id = self._wecom.port, self._wecom.corp_id
        await self._wecom.token()
        until = port.monotonic() + _LEASE.total_seconds() / 2
        now = port.now()
        claimed = await self._write(partial(wishes.claim, corp_id=corp_id, now=now, lease=_LEASE, limit=limit))
        if not claimed:
            return 0, PushReport()
        tasks = await self._write(partial(wishes.take, corp_id=corp_id, claimed=claimed))
        push = partial(self._push_one, until)
        results = [result async for result in port.map(push, tasks, self._settings.tags_in_flight)]
        now = port.now()
        # What was cut off before is pushed again when its lease is over; what is done should not have to be.
        with port.shield():
            kept = await self._write(partial(wishes.record, corp_id=corp_id, results=results, now=now))
        report = PushReport(
            pushed=sum(p.wait is None and not p.failed and not p.no_relation for p in kept),
            failed=sum(p.wait is None and bool(p.failed) for p in kept),
            no_relation=sum(p.no_relation for p in kept),
            later=sum(p.wait is not None for p in kept),
        )
        return len(claimed), report

    async def _push_one(self, until: float, task: Task) -> Pushed:
        if not task.add and not task.remove:
            return Pushed(task)
        whole = await self._mark(until, task, task.add, task.remove)
        if not whole.failed or len(task.add) + len(task.remove) == 1:
            return whole
        # One bad tag turns the whole call down, and WeCom does not say which. Room is made first.
        done: set[str] = set()
        failed: dict[str, int] = {}
        for tag in (*task.remove, *task.add):
            single = ((tag,), ()) if tag in task.add else ((), (tag,))
            part = await self._mark(until, task, *single)
            if part.no_relation or part.wait is not None:
                return attrs.evolve(part, done=frozenset(done), failed=failed)
            done |= part.done
            failed.update(part.failed)
        return Pushed(task, frozenset(done), failed)

    async def _mark(self, until: float, task: Task, add: tuple[str, ...], remove: tuple[str, ...]) -> Pushed:
        body = dumps(unstructure(MarkTagRequest(task.staff, task.customer, add, remove)))
        try:
            await self._wecom.session.once(endpoints.MARK_TAG, body, Done, until=until)
        except NotACustomer:
            return Pushed(task, no_relation=True)
        except PrivdomError as e:
            match judge(e, task.attempt + 1):
                case Refuse(code=code):
                    return Pushed(task, failed=dict.fromkeys((*add, *remove), code or 0))
                case Release(wait=wait):
                    return Pushed(task, wait=wait)
                case _:
                    # It may still land: not before that is over may another one be sent.
                    return Pushed(task, wait=self._settings.settle)
        return Pushed(task, frozenset((*add, *remove)))

    async def _write(self, fn: Callable[[Connection], R]) -> R:
        def work() -> R:
            with self._store.begin() as conn:
                return fn(conn)

        return await self._store.offload(self._wecom.port, work)

    def __repr__(self) -> str:
        return f"<AsyncDesiredTags of {self._wecom.corp_id}>"


class DesiredTags(Blocking[AsyncDesiredTags]):
    """
    The tags that modules want, and the way they get to WeCom, blocking; `AsyncDesiredTags` is the same, awaited.

    Args:
        wecom: The client of the corp and app that marks.
        store: Where wishes are kept.
        settings: How many calls at once (``tags_in_flight``), and ``settle``.
    """

    def __init__(self, wecom: WeCom, store: Store, settings: OutboxSettings | None = None) -> None:
        super().__init__(AsyncDesiredTags(core_of(wecom), store, settings))

    want = same(AsyncDesiredTags.want)
    move = same(AsyncDesiredTags.move)
    pending = same(AsyncDesiredTags.pending)
    next_at = same(AsyncDesiredTags.next_at)
    push = blocking(AsyncDesiredTags.push)
