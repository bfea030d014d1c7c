"""The service of points: the ledger through its public names, on both ports and both databases."""

from __future__ import annotations

import itertools

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from sqlalchemy import select

from privdom._port import Port
from privdom.errors import UsageError
from privdom.events import CustomerMoved, EventLog, FollowAdded, PointsCrossed
from privdom.mirror import tables as mirror
from privdom.sandbox import Sandbox
from privdom.scoring import (
    AsyncScoring,
    Balance,
    CustomerEvent,
    Entry,
    PointRule,
    ScoreReport,
    ScoreRules,
    Scoring,
    Threshold,
    amount_over,
)
from privdom.store import Store, sql
from privdom.wecom.client import AsyncWeCom, WeCom
from tests.conftest import OnPort
from tests.scoring import cdnow
from tests.scoring.corp import follow, known_tags, wanted_tags


CORP = "ww0123456789abcdef"
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
RULES = ScoreRules(
    rules=(
        PointRule("buy", "purchase", 10),
        PointRule("big", "purchase", 15, when=amount_over(100)),
        PointRule("share", "share", 20, cap_per_day=2),
        PointRule("first", "purchase", 5, once=True),
    ),
    thresholds=(Threshold("super", 100, "超级用户", drop_below=60), Threshold("known", 30)),
)
TAGS = {"超级用户": "et-super"}


class At:
    """A clock that stands still."""

    def __init__(self, now: datetime = NOON) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment


def event(
    event_id: str, kind: str = "purchase", who: str = "wm1", at: datetime = NOON, amount: Any = 200
) -> CustomerEvent:
    return CustomerEvent(event_id, kind, who, at, amount if kind == "purchase" else None)


def purchases(n: int, who: str = "wm1") -> list[CustomerEvent]:
    return [event(f"{who}-{i}", who=who) for i in range(n)]


@pytest.fixture
def corp(store: Store) -> Store:
    """A store whose mirror knows two customers, their staff and the tag."""
    follow(store, CORP, [("li", "wm1"), ("wang", "wm1"), ("li", "wm2")])
    known_tags(store, CORP, "积分", TAGS)
    return store


@pytest.fixture
def do(on_port: OnPort) -> Callable[..., Any]:
    """Run a scenario with a scoring service, on both ports."""

    def do(store: Store, scenario: Callable[[AsyncScoring], Any], rules: ScoreRules = RULES, **kwargs: Any) -> Any:
        async def on(port: Port) -> Any:
            return await scenario(AsyncScoring(AsyncWeCom.on(port, CORP, "secret"), store, rules, **kwargs))

        return on_port(on, clock=At())

    return do


def dump(store: Store) -> dict[str, Any]:
    """Return all that the ledger and those around it hold."""
    with store.read() as conn:
        rows = conn.execute(select(mirror.fact.c.name, mirror.fact.c.external_userid, mirror.fact.c.value))
        found: dict[str, Any] = {"facts": sorted(tuple(row) for row in rows), "tags": wanted_tags(conn, CORP)}
    with store.begin() as conn:
        found["log"] = [event for _, event in EventLog.read(conn, CORP, "a test")]
    scoring = Scoring(WeCom(CORP, "secret"), store, RULES)
    found["top"] = scoring.top(100)
    # What is rolled back may use numbers up.
    found["history"] = [
        [attrs.evolve(entry, id=0) for entry in scoring.history(balance.external_userid, limit=1000)]
        for balance in found["top"]
    ]
    return found


class TestRecord:
    def test_report(self, corp: Store, do: Callable[..., Any]) -> None:
        """Events become entries; the report says how many, and a replay changes nothing."""
        shares = [event(f"s{i}", "share") for i in range(3)]

        async def scenario(scoring: AsyncScoring) -> tuple[ScoreReport, ...]:
            first = await scoring.record([*purchases(2), *shares, event("x", "scan")])
            again = await scoring.record([*shares, *purchases(2)])
            assert 95 == await scoring.balance("wm1")
            assert 0 == await scoring.balance("nobody")
            assert (await scoring.check()).ok
            return first, again

        first, again = do(corp, scenario)

        assert ScoreReport("points", 6, new=7, known=0, capped=2, points=95, crossed=1) == first
        assert ScoreReport("points", 5, new=0, known=7, capped=2, points=0, crossed=0) == again

    def test_crossing(self, corp: Store, do: Callable[..., Any]) -> None:
        """A threshold is told once, and its tag wanted on every relation of the customer."""

        async def scenario(scoring: AsyncScoring) -> None:
            await scoring.record(purchases(3))
            await scoring.record(purchases(4))
            await scoring.record(purchases(5))

        do(corp, scenario)

        found = dump(corp)
        assert [
            PointsCrossed("points", "wm1", "known", 80, NOON),
            PointsCrossed("points", "wm1", "super", 105, NOON),
        ] == found["log"]
        assert {("li", "wm1", "et-super", True), ("wang", "wm1", "et-super", True)} == found["tags"]
        assert [("points.points", "wm1", 130)] == found["facts"]

    def test_drop(self, corp: Store, do: Callable[..., Any]) -> None:
        """Below drop_below the tag goes; it comes back with the full balance, and nobody is told twice."""
        rules = ScoreRules(
            rules=(PointRule("buy", "purchase", 50), PointRule("complaint", "complaint", -10)),
            thresholds=RULES.thresholds[:1],
        )
        tags: list[bool] = []

        async def scenario(scoring: AsyncScoring) -> None:
            await scoring.record([event("b1"), event("b2")])
            for i in range(5):
                await scoring.record([event(f"c{i}", "complaint")])
                with corp.read() as conn:
                    tags.append(all(present for *_, present in wanted_tags(conn, CORP)))
            await scoring.record([event("b3")])

        do(corp, scenario, rules)

        assert [True, True, True, True, False] == tags
        assert {("li", "wm1", "et-super", True), ("wang", "wm1", "et-super", True)} == dump(corp)["tags"]
        assert [PointsCrossed("points", "wm1", "super", 100, NOON)] == dump(corp)["log"]

    def test_missing_tag(self, store: Store, do: Callable[..., Any]) -> None:
        """Where the mirror does not know the tag, nothing is stored and the message says what to do."""

        async def scenario(scoring: AsyncScoring) -> None:
            with pytest.raises(UsageError, match=r"积分/超级用户.*ensure_tags"):
                await scoring.record(purchases(1))

        do(store, scenario)

        assert () == dump(store)["top"]

    @pytest.mark.parametrize("batch", [1, 3, 5000])
    def test_batches(self, corp: Store, do: Callable[..., Any], batch: int) -> None:
        """Where the batches end makes no difference to sums and limits."""
        days = [event(f"d{i}", "share", at=NOON + timedelta(hours=i)) for i in range(30)]

        async def scenario(scoring: AsyncScoring) -> int:
            await scoring.record([*purchases(2), *days, *purchases(2), *days])
            return await scoring.balance("wm1")

        assert 55 + 20 * 2 * 2 == do(corp, scenario, batch=batch)

    def test_batch_refused(self, store: Store) -> None:
        """A batch holds at least one event."""
        with pytest.raises(UsageError, match="batch"):
            Scoring(WeCom(CORP, "secret"), store, RULES, batch=0)

    def test_accounts(self, corp: Store, do: Callable[..., Any]) -> None:
        """Accounts do not touch each other: the same event pays in both."""

        async def scenario(scoring: AsyncScoring) -> int:
            await scoring.record(purchases(1))
            return await scoring.balance("wm1")

        other = ScoreRules("growth", (PointRule("buy", "purchase", 1),))

        assert (30, 1) == (do(corp, scenario), do(corp, scenario, other))
        assert ["growth", "points"] == sorted(name.removeprefix("points.") for name, *_ in dump(corp)["facts"])

    def test_new_rule(self, corp: Store, do: Callable[..., Any]) -> None:
        """A rule added later pays for events that are told again, the others do not pay twice."""

        async def scenario(scoring: AsyncScoring) -> int:
            await scoring.record(purchases(1))
            return await scoring.balance("wm1")

        buy = PointRule("buy", "purchase", 10)

        assert 10 == do(corp, scenario, ScoreRules(rules=(buy,)))
        assert 17 == do(corp, scenario, ScoreRules(rules=(buy, PointRule("double", "purchase", 7))))


class TestReverse:
    def test_entry(self, corp: Store, do: Callable[..., Any]) -> None:
        """An entry is taken back once, by another that points at it, and its event stays paid."""

        async def scenario(scoring: AsyncScoring) -> tuple[Entry, ...]:
            await scoring.record(purchases(1))
            entry = next(e for e in await scoring.history("wm1") if e.rule == "big")
            assert await scoring.reverse(entry, "refund")
            assert not await scoring.reverse(entry.id, "refund")
            await scoring.record(purchases(1))
            assert 15 == await scoring.balance("wm1")
            assert (await scoring.check()).ok
            with pytest.raises(UsageError, match="no entry"):
                await scoring.reverse((await scoring.history("wm1"))[0], "undo the undo")
            with pytest.raises(UsageError, match="no entry 999"):
                await scoring.reverse(999, "refund")
            with pytest.raises(UsageError, match="reason"):
                await scoring.reverse(entry, " ")
            return entry, *await scoring.history("wm1", limit=1)

        entry, newest = do(corp, scenario)

        assert (-15, entry.id, "refund", "big") == (newest.points, newest.reverses, newest.reason, newest.rule)

    def test_event(self, corp: Store, do: Callable[..., Any]) -> None:
        """All that an event brought is taken back together, and the tag follows the balance."""

        async def scenario(scoring: AsyncScoring) -> tuple[int, int, int]:
            await scoring.record(purchases(4))
            back = await scoring.reverse_event("wm1-1", "refund"), await scoring.reverse_event("wm1-2", "refund")
            again = await scoring.reverse_event("wm1-1", "refund")
            assert 55 == await scoring.balance("wm1")
            assert 0 == await scoring.reverse_event("no such order", "refund")
            return *back, again

        assert (2, 2, 0) == do(corp, scenario)
        assert {False} == {present for *_, present in dump(corp)["tags"]}

    def test_once_stays_used(self, corp: Store, do: Callable[..., Any]) -> None:
        """Taking an entry back frees no place under a limit, so that replays stay without effect."""

        async def scenario(scoring: AsyncScoring) -> int:
            await scoring.record(purchases(1))
            await scoring.reverse_event("wm1-0", "refund")
            await scoring.record(purchases(2))
            return await scoring.balance("wm1")

        assert 25 == do(corp, scenario)


class TestAdvance:
    def test_new_relation(self, corp: Store, do: Callable[..., Any]) -> None:
        """Relations that begin later get the tag too, whether added or moved."""

        async def scenario(scoring: AsyncScoring) -> list[int]:
            await scoring.record(purchases(4))
            with corp.begin() as conn:
                EventLog.append(
                    conn,
                    CORP,
                    FollowAdded("zhao", "wm1", "", NOON),
                    FollowAdded("zhao", "wm2", "", NOON),
                    CustomerMoved("wm1", "li", "qian", NOON),
                )
            return [await scoring.advance(), await scoring.advance()]

        assert [3, 0] == do(corp, scenario)
        staff = {staff for staff, who, _, present in dump(corp)["tags"] if who == "wm1" and present}
        assert {"li", "wang", "zhao", "qian"} == staff
        assert {"wm1"} == {who for _, who, *_ in dump(corp)["tags"]}

    def test_lost_threshold(self, corp: Store, do: Callable[..., Any]) -> None:
        """Who has lost a threshold gets no tag on a new relation."""

        async def scenario(scoring: AsyncScoring) -> None:
            await scoring.record(purchases(4))
            await scoring.reverse_event("wm1-1", "refund")
            await scoring.reverse_event("wm1-2", "refund")
            with corp.begin() as conn:
                EventLog.append(conn, CORP, FollowAdded("zhao", "wm1", "", NOON))
            await scoring.advance()

        do(corp, scenario)

        assert "zhao" not in {staff for staff, *_ in dump(corp)["tags"]}


class Crash(Exception):
    pass


class TestCrash:
    def test_record(self, corp: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A run that dies at any statement and is started again leaves what an undisturbed one leaves."""
        events = [*purchases(6), *purchases(3, "wm2"), event("s", "share")]
        undisturbed = Store(f"sqlite:///{tmp_path}/undisturbed.db")
        follow(undisturbed, CORP, [("li", "wm1"), ("wang", "wm1"), ("li", "wm2")])
        known_tags(undisturbed, CORP, "积分", TAGS)
        Scoring(WeCom(CORP, "secret", clock=At()), undisturbed, RULES, batch=2).record(events)
        upsert = sql.upsert
        steps = itertools.count()

        def dies(fatal: int) -> Callable[..., None]:
            def upsert_or_die(*args: Any, **kwargs: Any) -> None:
                upsert(*args, **kwargs)
                if next(steps) == fatal:
                    raise Crash

            return upsert_or_die

        scoring = Scoring(WeCom(CORP, "secret", clock=At()), corp, RULES, batch=2)
        for fatal in range(0, 40, 3):
            steps = itertools.count()
            monkeypatch.setattr(sql, "upsert", dies(fatal))
            try:
                scoring.record(events)
            except Crash:
                continue
        monkeypatch.undo()
        scoring.record(events)

        assert dump(undisturbed) == dump(corp)


class TestTogether:
    def test_two_writers(self, corp: Store) -> None:
        """Two that tell the same events at once, in other orders, pay once and cross once."""
        events = [event(f"e{i}", "share" if i % 3 else "purchase", f"wm{i % 5}") for i in range(200)]

        def tell(order: list[CustomerEvent]) -> ScoreReport:
            return Scoring(WeCom(CORP, "secret", clock=At()), corp, RULES, batch=20).record(order)

        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(tell, [events, events[::-1]])

        scoring = Scoring(WeCom(CORP, "secret"), corp, RULES)
        assert sum(b.points for b in scoring.top(10)) == one.points + other.points
        assert scoring.check().ok
        alone = Scoring(WeCom(CORP, "secret"), Store("sqlite://"), attrs.evolve(RULES, thresholds=()))
        assert alone.record(events).points == one.points + other.points
        crossed = [(e.threshold, e.external_userid) for e in dump(corp)["log"]]
        assert len(set(crossed)) == len(crossed) == one.crossed + other.crossed


class TestQueries:
    def test_top(self, corp: Store, do: Callable[..., Any]) -> None:
        """The highest balances come first, equal ones by id."""

        async def scenario(scoring: AsyncScoring) -> tuple[Balance, ...]:
            await scoring.record([*purchases(1, "wm3"), *purchases(2, "wm2"), *purchases(1, "wm1")])
            return await scoring.top(2)

        assert (Balance("wm2", 55), Balance("wm1", 30)) == do(corp, scenario)

    def test_check_finds_meddling(self, corp: Store, do: Callable[..., Any]) -> None:
        """A balance that somebody changed, and one without a ledger, are found."""
        table = mirror.fact.metadata.tables["privdom_points_balance"]

        async def scenario(scoring: AsyncScoring) -> str:
            await scoring.record(purchases(1))
            with corp.begin() as conn:
                conn.execute(table.update().values(points=7))
                conn.execute(
                    table.insert().values(
                        corp_id=CORP, account="points", external_userid="wm9", points=1, changed_at=NOON
                    )
                )
            check = await scoring.check()
            assert (("wm1", 30, 7), ("wm9", 0, 1)) == check.off
            assert not check.ok
            return repr(check)

        assert do(corp, scenario) == (
            "LedgerCheck of 'points': 1 customers, 30 points, 2 off\n"
            "  wm1: ledger 30, balance 7\n"
            "  wm9: ledger 0, balance 1"
        )

    def test_reprs(self, corp: Store) -> None:
        """Reports read like small tables."""
        scoring = Scoring(WeCom(CORP, "secret", clock=At()), corp, RULES)

        assert "<Scoring 'points' of ww0123456789abcdef: 4 rules>" == repr(scoring)
        assert RULES is scoring.rules
        assert repr(scoring.record(purchases(3))).splitlines()[:3] == [
            "ScoreReport of 'points'",
            "  events              3  told",
            "  new                 7  entries written",
        ]
        assert "LedgerCheck of 'points': 1 customers, 80 points, balances agree" == repr(scoring.check())


class TestEnsureTags:
    def test_creates_missing(self, store: Store, on_port: OnPort, sandbox: Sandbox) -> None:
        """Missing tags are created once, and the mirror knows them afterwards."""

        async def scenario(port: Port) -> tuple[tuple[str, ...], tuple[str, ...]]:
            wecom = AsyncWeCom.on(port, sandbox.corp_id, sandbox.secret)
            scoring = AsyncScoring(wecom, store, RULES)
            created = await scoring.ensure_tags(), await scoring.ensure_tags()
            await scoring.record(purchases(4))
            return created

        assert (("超级用户",), ()) == on_port(scenario, transport=sandbox.transport)

    def test_nothing_to_create(self, store: Store) -> None:
        """Without tags nobody is asked."""
        assert () == Scoring(WeCom(CORP, "secret"), store, ScoreRules(rules=RULES.rules)).ensure_tags()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/points.db") as store:
        yield store


class TestRealPurchases:
    RULES = ScoreRules(rules=RULES.rules[:2])

    def test_sample(self, store: Store) -> None:
        """The balances of real purchases equal those counted straight from the file."""
        scoring = Scoring(WeCom(CORP, "secret"), store, self.RULES, batch=50)
        scoring.record(cdnow.purchases(cdnow.SMALL))

        assert cdnow.counted(cdnow.SMALL) == {b.external_userid: b.points for b in scoring.top(1000)}

    def test_all(self, sqlite: Store, shared: Path) -> None:
        """So do those of all 69,659 purchases, told once and once more."""
        path = shared / cdnow.LARGE
        scoring = Scoring(WeCom(CORP, "secret"), sqlite, self.RULES)
        report = scoring.record(cdnow.purchases(path))
        again = scoring.record(cdnow.purchases(path))

        expected = cdnow.counted(path)
        assert (69_659, sum(expected.values())) == (report.events, report.points)
        assert (0, report.new) == (again.new, again.known)
        assert expected == {b.external_userid: b.points for b in scoring.top(100_000)}
        assert scoring.check().ok
