"""The service of points: tells events to the ledger, and the world of what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from privdom._port import Blocking, blocking, core_of
from privdom.errors import UsageError
from privdom.events import CustomerMoved, EventLog, FollowAdded, PointsCrossed
from privdom.mirror import followers, set_facts, tag_ids
from privdom.mirror.tags import ensure_tags
from privdom.outbox import AsyncDesiredTags
from privdom.scoring.report import Balance, Entry, LedgerCheck, ScoreReport
from privdom.scoring.rules import Crossing, CustomerEvent, ScoreRules, candidates, cross, limit
from privdom.scoring.store import Ledger
from privdom.store import Store, sql
from privdom.wecom.client import AsyncWeCom, WeCom


__all__ = ["AsyncScoring", "Scoring"]

R = TypeVar("R")

# How many events of the log one transaction of `advance` takes.
_EVENTS_AT_ONCE = 500
_RELATIONS = (FollowAdded.kind, CustomerMoved.kind)


class AsyncScoring:
    """
    One account of points, kept for the customers of one corp.

    Rules live in your code, entries in the database: an event is paid by the rules
    of the moment it is told. Tell an old event again after adding a rule, and the
    new rule pays for it, the others do not pay twice.

    Args:
        wecom: The corp.
        store: The database.
        rules: What brings points, and what a balance leads to.
        batch: How many events one transaction of `record` takes.
    """

    def __init__(self, wecom: AsyncWeCom, store: Store, rules: ScoreRules, *, batch: int = 5000) -> None:
        if batch < 1:
            msg = "batch must be 1 or more"
            raise UsageError(msg)
        self._rules = rules
        self._wecom = wecom
        self._store = store
        self._batch = batch
        self._corp_id = wecom.corp_id
        self._ledger = Ledger(wecom.corp_id, rules.account)
        self._log = EventLog(store)
        self._tags = AsyncDesiredTags(wecom, store)
        self._owner = f"scoring:{rules.account}"

    @property
    def rules(self) -> ScoreRules:
        """What brings points, and what a balance leads to."""
        return self._rules

    async def record(self, events: Iterable[CustomerEvent]) -> ScoreReport:
        """
        Write what *events* bring to the ledger.

        Each batch is one transaction with its balances, facts, crossings and wanted
        tags. Telling the same events again changes nothing; so after a crash, tell
        them all again. A threshold is judged by the balance at the end of a batch.

        Raises:
            UsageError: A tag of a threshold is not there: see `ensure_tags`.
        """
        report = ScoreReport(self.rules.account)
        for some in sql.chunks(events, self._batch):
            report += await self._write(partial(self._record, events=some))
        return report

    def _record(self, conn: Connection, events: Sequence[CustomerEvent]) -> ScoreReport:
        self._ledger.lock(conn)
        awards = candidates(self.rules, events)
        known = self._ledger.known(conn, awards)
        fresh = [award for award in awards if award.key not in known]
        granted, capped = limit(self.rules, fresh, self._ledger.used(conn, self.rules, fresh))
        self._ledger.add(conn, granted)
        gains: dict[str, int] = {}
        for award in granted:
            gains[award.external_userid] = gains.get(award.external_userid, 0) + award.points
        crossed = self._settle(conn, gains)
        points = sum(gains.values())
        return ScoreReport(
            self.rules.account, len(events), len(granted), len(awards) - len(fresh), len(capped), points, crossed
        )

    def _settle(self, conn: Connection, gains: Mapping[str, int]) -> int:
        """Move balances by *gains* and let the thresholds follow; return how many were reached for the first time."""
        if not gains:
            return 0
        now = self._wecom.port.now()
        before = self._ledger.balances(conn, gains)
        balances = {who: before.get(who, 0) + gain for who, gain in gains.items()}
        self._ledger.set_balances(conn, balances, now)
        set_facts(conn, self._corp_id, f"points.{self.rules.account}", balances, now)
        if not self.rules.thresholds:
            return 0
        tags = self._tag_ids(conn)
        held = self._ledger.crossings(conn, balances)
        crossed = [
            (threshold, who, crossing, balance)
            for who, balance in balances.items()
            for threshold in self.rules.thresholds
            if (crossing := cross(threshold, held.get((threshold.id, who)), balance)) is not None
        ]
        self._ledger.set_crossings(conn, crossed, now)
        staff = followers(conn, self._corp_id, [who for _, who, _, _ in crossed])
        wanted = [
            (staff_userid, who, tags[threshold.id], crossing is not Crossing.LOST)
            for threshold, who, crossing, _ in crossed
            if threshold.id in tags
            for staff_userid in staff.get(who, ())
        ]
        self._tags.want(conn, self._corp_id, self._owner, wanted)
        reached = [
            PointsCrossed(self.rules.account, who, threshold.id, balance, now)
            for threshold, who, crossing, balance in crossed
            if crossing is Crossing.REACHED
        ]
        self._log.append(conn, self._corp_id, *reached)
        return len(reached)

    def _tag_ids(self, conn: Connection) -> dict[str, str]:
        """Return the tag id of each threshold that has a tag."""
        names = [threshold.tag for threshold in self.rules.thresholds if threshold.tag is not None]
        try:
            found = tag_ids(conn, self._corp_id, [f"{self.rules.tag_group}/{name}" for name in names])
        except UsageError as e:
            msg = f"{e}, or let ensure_tags() create it"
            raise UsageError(msg) from None
        return {
            threshold.id: found[f"{self.rules.tag_group}/{threshold.tag}"]
            for threshold in self.rules.thresholds
            if threshold.tag is not None
        }

    async def balance(self, external_userid: str) -> int:
        """Return what a customer has now; 0 for one who never earned anything."""
        return (await self._read(lambda conn: self._ledger.balances(conn, [external_userid]))).get(external_userid, 0)

    async def top(self, n: int = 10) -> tuple[Balance, ...]:
        """Return the *n* highest balances, the highest first."""
        return await self._read(lambda conn: self._ledger.top(conn, n))

    async def history(self, external_userid: str, *, limit: int = 100) -> tuple[Entry, ...]:
        """Return the last *limit* entries of a customer, the newest first."""
        return await self._read(lambda conn: self._ledger.history(conn, external_userid, limit))

    async def reverse(self, entry: Entry | int, reason: str) -> bool:
        """
        Take an entry back, by a negative one that points at it; return False if it was taken back before.

        Its event stays paid: telling it again brings nothing.

        Raises:
            UsageError: There is no such entry, it is itself a reversal, or no reason is given.
        """
        number = entry.id if isinstance(entry, Entry) else entry

        def work(conn: Connection) -> bool:
            found = self._ledger.entries(conn, number=number)
            if not found or found[0].reverses is not None:
                msg = f"account {self.rules.account!r} has no entry {number} that rules made"
                raise UsageError(msg)
            return bool(self._reverse(conn, found, reason))

        return await self._change(reason, work)

    async def reverse_event(self, event_id: str, reason: str) -> int:
        """
        Take back all that an event brought, such as a refunded order; return how many entries that were.

        Raises:
            UsageError: No reason is given.
        """
        return await self._change(
            reason, lambda conn: self._reverse(conn, self._ledger.entries(conn, source_event=event_id), reason)
        )

    async def check(self) -> LedgerCheck:
        """Compare every balance with the sum of its entries; they always agree unless somebody wrote to the tables."""
        return await self._read(self._ledger.check)

    async def advance(self) -> int:
        """
        Give customers who hold a threshold its tag on relations that began since; return how many events were read.

        Call it now and then, as after new customers were folded into the mirror.

        Raises:
            UsageError: A tag of a threshold is not there: see `ensure_tags`.
        """
        read = 0
        while handled := await self._write(self._follow_log):
            read += handled
        return read

    def _follow_log(self, conn: Connection) -> int:
        # Behind the same lock as crossings: those of transactions before this one are seen here, and those after it
        # see the relations of the events read here.
        self._ledger.lock(conn)
        events = self._log.read(conn, self._corp_id, self._owner, kinds=_RELATIONS, limit=_EVENTS_AT_ONCE)
        if not events:
            return 0
        begun = {
            (event.takeover_userid if isinstance(event, CustomerMoved) else event.staff_userid, event.external_userid)
            for _, event in events
            if isinstance(event, (CustomerMoved, FollowAdded))
        }
        held = self._ledger.crossings(conn, {who for _, who in begun})
        tags = self._tag_ids(conn) if any(held.values()) else {}
        holds: dict[str, list[str]] = {}
        for (threshold, who), still in held.items():
            if still and threshold in tags:
                holds.setdefault(who, []).append(tags[threshold])
        wanted = [(staff, who, tag_id, True) for staff, who in sorted(begun) for tag_id in holds.get(who, ())]
        self._tags.want(conn, self._corp_id, self._owner, wanted)
        self._log.advance(conn, self._corp_id, self._owner, events[-1][0])
        return len(events)

    async def ensure_tags(self) -> tuple[str, ...]:
        """
        Create the corp tags of the thresholds that WeCom does not have; return their names.

        Looks before it creates, so it is safe to call again whatever became of the
        call before. All of them are in the mirror afterwards.

        Raises:
            MayHaveArrived: WeCom's answer was lost: call it again.
        """
        names = [threshold.tag for threshold in self.rules.thresholds if threshold.tag is not None]
        return await ensure_tags(self._wecom, self._store, self.rules.tag_group, names)

    async def _change(self, reason: str, work: Callable[[Connection], R]) -> R:
        if not reason.strip():
            msg = "say why: reason must not be empty"
            raise UsageError(msg)
        return await self._write(work)

    def _reverse(self, conn: Connection, entries: Sequence[Entry], reason: str) -> int:
        self._ledger.lock(conn)
        now = self._wecom.port.now()
        done = self._ledger.reverse(conn, entries, reason, now, self.rules.day(now))
        losses: dict[str, int] = {}
        for entry in done:
            losses[entry.external_userid] = losses.get(entry.external_userid, 0) - entry.points
        self._settle(conn, losses)
        return len(done)

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
        return f"<AsyncScoring {self.rules.account!r} of {self._corp_id}: {len(self.rules.rules)} rules>"


class Scoring(Blocking[AsyncScoring]):
    """One account of points, kept for the customers of one corp; see `AsyncScoring`."""

    def __init__(self, wecom: WeCom, store: Store, rules: ScoreRules, *, batch: int = 5000) -> None:
        super().__init__(AsyncScoring(core_of(wecom), store, rules, batch=batch))

    @property
    def rules(self) -> ScoreRules:
        """What brings points, and what a balance leads to."""
        return self._core.rules

    record = blocking(AsyncScoring.record)
    balance = blocking(AsyncScoring.balance)
    top = blocking(AsyncScoring.top)
    history = blocking(AsyncScoring.history)
    reverse = blocking(AsyncScoring.reverse)
    reverse_event = blocking(AsyncScoring.reverse_event)
    check = blocking(AsyncScoring.check)
    advance = blocking(AsyncScoring.advance)
    ensure_tags = blocking(AsyncScoring.ensure_tags)
