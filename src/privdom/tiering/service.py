"""The service of tiers: judges customers by a scheme, and tells the world what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from privdom._port import Blocking, blocking, core_of, maybe_await
from privdom.errors import UsageError
from privdom.events import CustomerMoved, EventLog, FollowAdded, TierChanged
from privdom.mirror import customers, facts, followers, set_facts, tag_ids
from privdom.mirror.tags import ensure_tags
from privdom.outbox import AsyncDesiredTags
from privdom.store import Store, sql
from privdom.tiering.report import Distribution, TierChange, TierReport
from privdom.tiering.rules import TierScheme, evaluate
from privdom.tiering.store import (
    State,
    SweepAt,
    TierRows,
    customers_among,
)
from privdom.wecom.client import AsyncWeCom, WeCom


__all__ = ["AsyncTiering", "Tiering"]

R = TypeVar("R")

# How many events of the log one transaction of `advance` takes.
_EVENTS_AT_ONCE = 500
_CONSUMER = "tiering"
_RELATIONS = (FollowAdded.kind, CustomerMoved.kind)


class AsyncTiering:
    """
    The tiers of one corp's customers, by any number of schemes.

    Args:
        wecom: The corp.
        store: The database, with the mirror in it.
        page: How many customers one transaction of a sweep judges.
    """

    def __init__(self, wecom: AsyncWeCom, store: Store, *, page: int = 2000) -> None:
        if page < 1:
            msg = "page must be 1 or more"
            raise UsageError(msg)
        self._wecom = wecom
        self._store = store
        self._page = page
        self._corp_id = wecom.corp_id
        self._rows = TierRows(wecom.corp_id)
        self._log = EventLog(store)
        self._tags = AsyncDesiredTags(wecom, store)

    async def save(self, scheme: TierScheme) -> int:
        """
        Store *scheme* and return its version: the same as before if nothing differs, otherwise the next one.

        Customers are judged by the newest version from the next sweep on.
        """
        return await self._write(lambda conn: self._rows.save(conn, scheme, self._wecom.port.now()))

    async def scheme(self, scheme_id: str, *, version: int | None = None) -> TierScheme:
        """
        Return a scheme as it was saved, the newest version unless one is given.

        Raises:
            UsageError: There is none.
        """
        return (await self._read(lambda conn: self._rows.load(conn, scheme_id, version)))[0]

    async def sweep(
        self, scheme_id: str, progress: Callable[[TierReport], Awaitable[None] | None] | None = None
    ) -> TierReport:
        """
        Judge every customer in the mirror.

        Each page is one transaction: tiers, change log, events, facts and wanted tags
        together with how far the sweep has come. After a crash, call it again: it
        goes on where it stopped, or from the start if another version was saved.

        Args:
            scheme_id: The scheme to judge by.
            progress: Called after each page with the report so far; plain or async.

        Raises:
            UsageError: There is no such scheme, or a tag of it is not there: see `ensure_tags`.
        """
        report: TierReport | None = None
        going_on = True
        while going_on:
            page, going_on = await self._write(partial(self._sweep_page, scheme_id=scheme_id, first=report is None))
            report = page if report is None else report + page
            if progress is not None:
                await maybe_await(progress(report))
        assert report is not None
        return report

    def _sweep_page(self, conn: Connection, scheme_id: str, first: bool) -> tuple[TierReport, bool]:
        at = self._rows.lock(conn, scheme_id)
        scheme, version = self._rows.load(conn, scheme_id)
        after = at.after if at.version == version else ""
        page = [one.external_userid for one in customers(conn, self._corp_id, after=after, limit=self._page)]
        report = self._judge(conn, scheme, version, page, resumed=first and after != "")
        full = len(page) == self._page
        self._rows.set_sweep(conn, scheme_id, SweepAt(version, page[-1] if full else ""))
        return report, full

    async def refresh(self, scheme_id: str, external_userids: Iterable[str]) -> TierReport:
        """
        Judge these customers now, as after a purchase; those whom the mirror does not know are left out.

        Raises:
            UsageError: As for `sweep`.
        """
        report: TierReport | None = None
        wanted = dict.fromkeys(external_userids)
        for some in sql.chunks(wanted, self._page) if wanted else [[]]:
            page = await self._write(partial(self._refresh_page, scheme_id=scheme_id, wanted=some))
            report = page if report is None else report + page
        assert report is not None
        return report

    def _refresh_page(self, conn: Connection, scheme_id: str, wanted: Sequence[str]) -> TierReport:
        self._rows.lock(conn, scheme_id)
        scheme, version = self._rows.load(conn, scheme_id)
        return self._judge(conn, scheme, version, customers_among(conn, self._corp_id, wanted))

    def _judge(
        self,
        conn: Connection,
        scheme: TierScheme,
        version: int,
        judged: Sequence[str],
        *,
        resumed: bool = False,
    ) -> TierReport:
        """Judge these customers and write all that follows from it."""
        tags = self._tag_ids(conn, scheme)
        now = self._wecom.port.now()
        known = facts(conn, self._corp_id, scheme.facts, judged)
        before = self._rows.states(conn, scheme.id, judged)
        after: dict[str, State] = {}
        changes: list[TierChange] = []
        unreadable = 0
        for who in judged:
            was = before.get(who)
            try:
                decision = evaluate(scheme, known.get(who, {}), was, now)
            except UsageError:
                unreadable += 1
                continue
            moved = was is None or was.tier != decision.tier
            since = now if was is None or moved else was.since
            state = State(decision.tier, decision.labels, since, tags.get(decision.tier))
            if state != was:
                after[who] = state
            if moved:
                old = None if was is None else was.tier
                changes.append(TierChange(scheme.id, who, old, decision.tier, decision.reason, now))
        self._rows.set_states(conn, scheme.id, after)
        self._rows.log(conn, changes)
        set_facts(conn, self._corp_id, f"tier.{scheme.id}", {c.external_userid: c.after for c in changes}, now)
        self._want(conn, scheme.id, before, after)
        told = [TierChanged(c.scheme, c.external_userid, c.before, c.after, c.reason, c.at) for c in changes]
        self._log.append(conn, self._corp_id, *told)
        moves = Counter((change.before, change.after) for change in changes)
        return TierReport(scheme.id, version, len(judged), len(changes), moves, unreadable, resumed)

    def _want(self, conn: Connection, scheme_id: str, before: Mapping[str, State], after: Mapping[str, State]) -> None:
        """Want the new tag, and the old one no more, on every relation of the customers whose tag changed."""
        swaps: list[tuple[str, str | None, str | None]] = []
        for who, state in after.items():
            old = before[who].tag_id if who in before else None
            if old != state.tag_id:
                swaps.append((who, old, state.tag_id))
        staff = followers(conn, self._corp_id, [who for who, _, _ in swaps])
        wanted = [
            (staff_userid, who, tag_id, present)
            for who, old, new in swaps
            for staff_userid in staff.get(who, ())
            for tag_id, present in ((old, False), (new, True))
            if tag_id is not None
        ]
        self._tags.want(conn, self._corp_id, f"tiering:{scheme_id}", wanted)

    def _tag_ids(self, conn: Connection, scheme: TierScheme) -> dict[str, str]:
        """Return the tag id of each tier that has a tag."""
        names = [tier.tag for tier in scheme.tiers if tier.tag is not None]
        try:
            found = tag_ids(conn, self._corp_id, [f"{scheme.tag_group}/{name}" for name in names])
        except UsageError as e:
            msg = f"{e}, or let ensure_tags({scheme.id!r}) create it"
            raise UsageError(msg) from None
        return {tier.id: found[f"{scheme.tag_group}/{tier.tag}"] for tier in scheme.tiers if tier.tag is not None}

    async def tier(self, scheme_id: str, external_userid: str) -> str | None:
        """Return a customer's tier, or None for one who was not judged yet."""
        states = await self._read(lambda conn: self._rows.states(conn, scheme_id, [external_userid]))
        return states[external_userid].tier if external_userid in states else None

    async def distribution(self, scheme_id: str) -> Distribution:
        """
        Return how many customers each tier has.

        Raises:
            UsageError: There is no such scheme.
        """

        def work(conn: Connection) -> Distribution:
            scheme, _ = self._rows.load(conn, scheme_id)
            counts = self._rows.counts(conn, scheme_id)
            # Tiers of an older version stand last, until the next sweep.
            order = dict.fromkeys([*(tier.id for tier in scheme.tiers), *sorted(counts)])
            return Distribution(scheme_id, {tier: counts[tier] for tier in order})

        return await self._read(work)

    async def changes(
        self,
        scheme_id: str,
        *,
        external_userid: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> tuple[TierChange, ...]:
        """Return the last *limit* changes, the newest first, of one customer or from *since* on if given."""
        return await self._read(lambda conn: self._rows.changes(conn, scheme_id, external_userid, since, limit))

    async def advance(self) -> int:
        """
        Give customers the tags of their tiers on relations that began since; return how many events were read.

        Call it now and then, as after new customers were folded into the mirror.
        """
        read = 0
        while handled := await self._write(self._follow_log):
            read += handled
        return read

    def _follow_log(self, conn: Connection) -> int:
        # Behind the same locks as sweeps: tags of transactions before this one are seen here, and those after it see
        # the relations of the events read here.
        self._rows.lock_all(conn)
        events = self._log.read(conn, self._corp_id, _CONSUMER, kinds=_RELATIONS, limit=_EVENTS_AT_ONCE)
        if not events:
            return 0
        begun: dict[str, set[str]] = {}
        for _, event in events:
            if isinstance(event, FollowAdded):
                begun.setdefault(event.external_userid, set()).add(event.staff_userid)
            elif isinstance(event, CustomerMoved):
                begun.setdefault(event.external_userid, set()).add(event.takeover_userid)
        for wearer in self._rows.wearers(conn, begun):
            who = wearer.external_userid
            wanted = [(staff, who, wearer.tag_id, True) for staff in sorted(begun[who])]
            self._tags.want(conn, self._corp_id, f"tiering:{wearer.scheme}", wanted)
        self._log.advance(conn, self._corp_id, _CONSUMER, events[-1][0])
        return len(events)

    async def ensure_tags(self, scheme_id: str) -> tuple[str, ...]:
        """
        Create the corp tags of a scheme that WeCom does not have; return their names.

        Looks before it creates, so it is safe to call again whatever became of the
        call before. All of them are in the mirror afterwards.

        Raises:
            UsageError: There is no such scheme.
            MayHaveArrived: WeCom's answer was lost: call it again.
        """
        scheme = await self.scheme(scheme_id)
        names = [tier.tag for tier in scheme.tiers if tier.tag is not None]
        return await ensure_tags(self._wecom, self._store, scheme.tag_group, names)

    async def _read(self, work: Callable[[Connection], R]) -> R:
        def read() -> R:
            with self._store.read() as conn:
                return work(conn)

        return await self._store.offload(self._wecom.port, read)

    async def _write(self, work: Callable[[Connection], R]) -> R:
        def write() -> R:
            with self._store.begin() as conn:
                return work(conn)

        return await self._store.offload(self._wecom.port, write)

    def __repr__(self) -> str:
        return f"<AsyncTiering of {self._corp_id}>"


class Tiering(Blocking[AsyncTiering]):
    """The tiers of one corp's customers, by any number of schemes; see `AsyncTiering`."""

    def __init__(self, wecom: WeCom, store: Store, *, page: int = 2000) -> None:
        super().__init__(AsyncTiering(core_of(wecom), store, page=page))

    save = blocking(AsyncTiering.save)
    scheme = blocking(AsyncTiering.scheme)
    sweep = blocking(AsyncTiering.sweep)
    refresh = blocking(AsyncTiering.refresh)
    tier = blocking(AsyncTiering.tier)
    distribution = blocking(AsyncTiering.distribution)
    changes = blocking(AsyncTiering.changes)
    advance = blocking(AsyncTiering.advance)
    ensure_tags = blocking(AsyncTiering.ensure_tags)
