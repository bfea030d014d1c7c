"""
Desired tags: which corp tags the modules want on which relation, and how they get there.

An owner says what it wants of a relation of staff and customer. Several wishes
become one mark_tag; a tag goes only when no owner wants it any more, and only
if one of them had asked for it.

mark_tag leads to the same state however often it arrives, so a push that broke
off is simply made again: but not before the calls of the last one cannot land
any more, or an old one could undo a new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import attrs

from sqlalchemy import Connection

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, core_of
from privdom.errors import NotACustomer, PrivdomError, UsageError
from privdom.outbox import wishes
from privdom.outbox._twins import same
from privdom.outbox.rules import judge
from privdom.outbox.settings import OutboxSettings
from privdom.outbox.verdicts import Refuse, Release
from privdom.outbox.wish_rules import Pushed, Task
from privdom.store import Store, sql
from privdom.wecom import _values
from privdom.wecom._values import Done
from privdom.wecom.client import AsyncWeCom, WeCom
from privdom.wecom.tags import MarkTagRequest
from privdom.wecom.wire import dumps, unstructure


__all__ = ["AsyncDesiredTags", "DesiredTags", "PushReport", "TagCounts"]

R = TypeVar("R")

# As many relations wait for the end of a lease if a worker dies, for each lane.
_BATCH = 100
# While one lane is at the database, the calls of the other go on.
_LANES = 2
# How long after its claim calls of a batch are written. Longer than a batch takes; waiting for a quota counts too.
_WINDOW = timedelta(minutes=5)
_FULL = 40144


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


@attrs.frozen
class _Window:
    """Until when calls of a claim may be written, on both clocks."""

    until_monotonic: float
    until: datetime


@attrs.frozen
class _End:
    """How a lane ended."""

    report: PushReport
    error: Exception | None = None


def _blames_a_tag(errcode: int) -> bool:
    from privdom._facts.errcodes import ERRCODES  # noqa: PLC0415 - 369 rows that only an error needs

    fact = ERRCODES.get(errcode)
    # Staff who are gone (60111) do not come back for a smaller call.
    return fact is None or fact.category != "contacts"


def _checked(change: tuple[str, str, str, bool]) -> tuple[str, str, str, bool]:
    """Return a wish as it is kept, if a call can carry it and the columns hold it."""
    staff, customer, tag, present = change
    _values.customer_id(customer, "customer")
    _values.check_chars(customer, "customer", wishes.ID_CHARS)
    _values.text_id(tag, "tag id")
    _values.check_chars(tag, "tag id", wishes.ID_CHARS)
    return _spelt(staff, "staff"), customer, tag, present


def _spelt(staff: str, name: str) -> str:
    """Return the one spelling under which staff are kept."""
    # Ids of staff are case-insensitive at WeCom: in two spellings a relation would have two calls at once, and the
    # wishes on the one would not be seen when a tag goes from the other.
    return _values.staff_id(staff, name).lower()


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
        self._slots = wecom.port.slots(self._settings.tags_in_flight)

    def want(self, conn: Connection, corp_id: str, owner: str, changes: Iterable[tuple[str, str, str, bool]]) -> None:
        """
        Say in your transaction which tags *owner* wants on which relation, and which no longer.

        What is wanted already costs nothing. A tag that staff put on by hand
        counts as the owner's once it is wanted.

        Args:
            conn: Your transaction, of the store's database.
            corp_id: The corp.
            owner: Who wants it, such as ``tiering:vip``: each owner speaks for itself.
            changes: (staff, customer, tag id, whether it is wanted); the last word on each tag counts. Staff are the
                same in any case.

        Raises:
            UsageError: The owner or an id is empty, longer than 64 characters or of another kind; nothing is stored.
        """
        if not owner:
            msg = "owner= is empty: a wish belongs to somebody, who alone can take it back"
            raise UsageError(msg)
        _values.check_chars(owner, "owner=", wishes.ID_CHARS)
        checked: list[tuple[str, str, str, bool]] = []
        for i, change in enumerate(changes):
            try:
                checked.append(_checked(change))
            except UsageError as e:
                msg = f"changes[{i}]: {e}"
                raise UsageError(msg) from None
        wishes.want(conn, corp_id, owner, checked, self._wecom.port.now())

    def move(self, conn: Connection, corp_id: str, moves: Iterable[tuple[str, str, str]]) -> int:
        """
        Let the wishes on customers follow them to other staff, in your transaction; return how many wishes did.

        Who is handed over to the same staff keeps the wishes as they are, and does not count.

        Args:
            conn: Your transaction, of the store's database.
            corp_id: The corp.
            moves: (customer, handover, takeover), each customer once.

        Raises:
            UsageError: A customer stands there twice, or the id of staff cannot be one; nothing is moved.
        """
        ways: dict[str, tuple[str, str]] = {}
        for i, (customer, handover, takeover) in enumerate(moves):
            if customer in ways:
                msg = f"moves[{i}]: a customer is moved twice: make it two calls of move(), in their order"
                raise UsageError(msg)
            try:
                ways[customer] = (_spelt(handover, "handover"), _spelt(takeover, "takeover"))
            except UsageError as e:
                msg = f"moves[{i}]: {e}"
                raise UsageError(msg) from None
        ways = {customer: way for customer, way in ways.items() if way[0] != way[1]}
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

        It ends early where nothing of a batch gets through, as when a quota is used
        up or WeCom is out of reach; `next_at` says when to call again.

        Raises:
            UsageError: The store is joined to a transaction of a host.
            PrivdomError: No token is to be had. Nothing is in hand then; call again later.
        """
        self._store.commits_itself("a push")
        await self._wecom.token()
        lanes = min(_LANES, limit)
        if lanes < 1:
            return PushReport()
        shares = [limit // lanes + (i < limit % lanes) for i in range(lanes)]
        ends = [end async for end in self._wecom.port.map(self._push_lane, shares, lanes)]
        for end in ends:
            if end.error is not None:
                raise end.error
        return sum((end.report for end in ends), PushReport())

    async def _push_lane(self, limit: int) -> _End:
        total = PushReport()
        while limit > 0:
            try:
                claimed, part = await self._push_batch(min(limit, _BATCH))
            except Exception as e:  # noqa: BLE001 - raised again when the calls of the other lane are recorded
                return _End(total, e)
            total += part
            if part.later == claimed:
                break
            limit -= claimed
        return _End(total)

    async def _push_batch(self, limit: int) -> tuple[int, PushReport]:
        port, corp_id = self._wecom.port, self._wecom.corp_id
        # Again, since it may have been refused: without one, each relation would have to wait longer than the next.
        await self._wecom.token()
        # Both before the claim, so that waiting for the database counts too.
        now = port.now()
        window = _Window(port.monotonic() + _WINDOW.total_seconds(), now + _WINDOW)
        lease = _WINDOW + self._horizon
        claimed = await self._write(partial(wishes.claim, corp_id=corp_id, now=now, lease=lease, limit=limit))
        if not claimed:
            return 0, PushReport()
        tasks = await self._write(partial(wishes.take, corp_id=corp_id, claimed=claimed))
        if not tasks:
            # This worker slept, and others took over.
            return len(claimed), PushReport()
        push = partial(self._push_one, window)
        results = [result async for result in port.map(push, tasks, self._settings.tags_in_flight)]
        # A clock that is set back meanwhile must not bring the next call forward.
        now = max(now, port.now())
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

    async def _push_one(self, window: _Window, task: Task) -> Pushed:
        done: set[str] = set()
        failed: dict[str, int] = {}
        # Room is made first.
        rest = deque(sql.chunks((*task.remove, *task.add), limits.MARK_TAG_TAGS))
        while rest:
            tags = rest.popleft()
            part = await self._mark(window, task, tags)
            if part.no_relation or part.wait is not None:
                return attrs.evolve(part, done=frozenset(done), failed=failed)
            done |= part.done
            if len(tags) > 1 and part.failed and _blames_a_tag(part.failed[tags[0]]):
                # One bad tag turns the whole call down, and WeCom does not say which.
                rest.extendleft([tags[len(tags) // 2 :], tags[: len(tags) // 2]])
                continue
            failed.update(part.failed)
            if _FULL in part.failed.values():
                # There is no room for any other either, and what was to go is gone.
                failed.update({tag: _FULL for left in rest for tag in left})
                break
        return Pushed(task, frozenset(done), failed)

    async def _mark(self, window: _Window, task: Task, tags: list[str]) -> Pushed:
        staff, customer = task.claimed.staff, task.claimed.customer
        off = set(task.remove)
        add, remove = [tag for tag in tags if tag not in off], [tag for tag in tags if tag in off]
        try:
            body = dumps(unstructure(MarkTagRequest(staff, customer, add, remove)))
        except UsageError:
            # `want` takes none, but there may be one from before it looked, and it must not hold up a whole batch.
            return Pushed(task, failed=dict.fromkeys(tags, 0))
        async with self._slots:
            # A machine that was suspended may have lost its lease without a second of the other clock.
            if self._wecom.port.now() > window.until:
                return Pushed(task, wait=timedelta(0))
            try:
                await self._wecom.session.once(endpoints.MARK_TAG, body, Done, until=window.until_monotonic)
            except NotACustomer:
                return Pushed(task, no_relation=True)
            except PrivdomError as e:
                match judge(e, task.claimed.attempt + 1):
                    case Refuse(code=code):
                        return Pushed(task, failed=dict.fromkeys(tags, code or 0))
                    case Release(wait=wait):
                        return Pushed(task, wait=wait)
                    case _:
                        # It may still land: not before that is over may another one be sent.
                        return Pushed(task, wait=self._horizon, unsure=True)
        return Pushed(task, frozenset(tags))

    @property
    def _horizon(self) -> timedelta:
        """How long after it was written a call may still land, by the clock of any worker: theirs may differ by settle."""
        return self._settings.longest_call(self._wecom.timeout) + 2 * self._settings.settle

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
