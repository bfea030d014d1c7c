"""The service of tiers: sweeps and what follows from them, on both ports and both databases."""

from __future__ import annotations

import itertools

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from privdom._port import Port
from privdom.errors import UsageError
from privdom.events import CustomerMoved, EventLog, FollowAdded, TierChanged
from privdom.mirror import AsyncMirror, facts, follows, set_facts, tag_ids
from privdom.outbox import AsyncDesiredTags
from privdom.sandbox import Sandbox
from privdom.store import Store, sql
from privdom.tiering import AsyncTiering, Tier, TierChange, Tiering, TierReport, TierRule
from privdom.wecom.client import AsyncWeCom, WeCom
from tests.conftest import OnPort
from tests.scoring.corp import follow, known_tags, wanted_tags
from tests.tiering.schemes import TABLE, TIERS, scheme


CORP = "ww0123456789abcdef"
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
TAGS = {"A 高价值": "et-a", "B 潜力": "et-b", "C 普通": "et-c"}
PAIRS = [("li", "wm1"), ("wang", "wm1"), ("li", "wm2"), ("li", "wm3"), ("li", "wm4")]
FACTS: dict[str, Mapping[str, Any]] = {
    "channel": {"wm1": "ad", "wm2": "live"},
    "points.points": {"wm1": 100, "wm3": 120},
    "orders": {"wm1": 2, "wm2": 1},
}


class At:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment


def learn(store: Store, **values: Mapping[str, Any]) -> None:
    """Write facts; a double underscore in a name stands for a dot."""
    with store.begin() as conn:
        for name, known in values.items():
            set_facts(conn, CORP, name.replace("__", "."), known, NOON)


def fill(store: Store) -> Store:
    follow(store, CORP, PAIRS)
    known_tags(store, CORP, "客户分层", TAGS)
    learn(store, **FACTS)
    return store


@pytest.fixture
def corp(store: Store) -> Store:
    """A store whose mirror knows four customers of four tiers, and the tags."""
    return fill(store)


@pytest.fixture
def clock() -> At:
    return At()


@pytest.fixture
def do(on_port: OnPort, clock: At) -> Callable[..., Any]:
    """Run a scenario with a tiering service, on both ports."""

    def do(store: Store, scenario: Callable[[AsyncTiering], Any], **kwargs: Any) -> Any:
        async def on(port: Port) -> Any:
            return await scenario(AsyncTiering(AsyncWeCom.on(port, CORP, "secret"), store, **kwargs))

        return on_port(on, clock=clock)

    return do


def present_tags(store: Store) -> set[tuple[str, str, str]]:
    """Return the tags wanted on relations."""
    with store.read() as conn:
        return {(staff, who, tag) for staff, who, tag, present in wanted_tags(conn, CORP) if present}


def log(store: Store) -> list[Any]:
    with store.begin() as conn:
        return [event for _, event in EventLog.read(conn, CORP, "a test", kinds=["tier_changed"])]


def dump(store: Store) -> dict[str, Any]:
    """Return all that tiering leaves behind."""
    tiering = Tiering(WeCom(CORP, "secret"), store)
    with store.read() as conn:
        kept = facts(conn, CORP, ["tier.value"])
    return {
        "facts": kept,
        "tags": present_tags(store),
        "log": log(store),
        "changes": tiering.changes("value"),
        "distribution": tiering.distribution("value"),
    }


class TestSave:
    def test_versions(self, corp: Store, do: Callable[..., Any]) -> None:
        """A scheme comes back as it was saved; only a different one is a new version."""

        async def scenario(tiering: AsyncTiering) -> None:
            first, second = scheme(), scheme(timedelta(days=7))
            assert [1, 1, 2, 2] == [await tiering.save(one) for one in (first, scheme(), second, second)]
            assert second == await tiering.scheme("value")
            assert first == await tiering.scheme("value", version=1)
            with pytest.raises(UsageError, match="no tier scheme 'value' version 3"):
                await tiering.scheme("value", version=3)
            for work in (tiering.scheme, tiering.sweep, tiering.distribution, tiering.ensure_tags):
                with pytest.raises(UsageError, match="no tier scheme 'gmv' here: save one first"):
                    await work("gmv")

        do(corp, scenario)


class TestSweep:
    @pytest.mark.parametrize("page", [1, 3, 4, 2000])
    def test_all_follows(self, corp: Store, do: Callable[..., Any], page: int) -> None:
        """A sweep writes tiers, change log, events, facts and exactly one tag per relation."""
        seen: list[int] = []

        async def scenario(tiering: AsyncTiering) -> TierReport:
            await tiering.save(scheme())
            report = await tiering.sweep("value", progress=lambda report: seen.append(report.customers))
            assert "A" == await tiering.tier("value", "wm1")
            assert await tiering.tier("value", "nobody") is None
            return report

        report = do(corp, scenario, page=page)

        moves: dict[tuple[str | None, str], int] = {(None, "A"): 1, (None, "B"): 2, (None, "D"): 1}
        assert TierReport("value", 1, 4, 4, moves) == report
        assert (sorted(seen), 4) == (seen, seen[-1])
        found = dump(corp)
        assert {"wm1": "A", "wm2": "B", "wm3": "B", "wm4": "D"} == {
            w: f["tier.value"] for w, f in found["facts"].items()
        }
        assert {
            ("li", "wm1", "et-a"),
            ("wang", "wm1", "et-a"),
            ("li", "wm2", "et-b"),
            ("li", "wm3", "et-b"),
        } == found["tags"]
        assert (
            TierChanged("value", "wm4", None, "D", "first: source other, quality low, payment none", NOON)
            in found["log"]
        )
        assert 4 == len(found["log"])
        assert {"A": 1, "B": 2, "C": 0, "D": 1} == found["distribution"].counts

    def test_again(self, corp: Store, do: Callable[..., Any]) -> None:
        """A second sweep over the same facts changes nothing."""

        async def scenario(tiering: AsyncTiering) -> TierReport:
            await tiering.save(scheme())
            await tiering.sweep("value")
            return await tiering.sweep("value")

        assert TierReport("value", 1, customers=4) == do(corp, scenario)
        assert 4 == len(log(corp))

    def test_change(self, corp: Store, do: Callable[..., Any], clock: At) -> None:
        """A change swaps the tag on every relation and is logged with its reason."""

        async def scenario(tiering: AsyncTiering) -> tuple[TierChange, ...]:
            await tiering.save(scheme())
            await tiering.sweep("value")
            clock.moment += timedelta(days=1)
            learn(corp, points__points={"wm1": 79}, orders={"wm3": 1})
            await tiering.sweep("value")
            assert 1 == len(await tiering.changes("value", since=clock.moment))
            assert 2 == len(await tiering.changes("value", external_userid="wm1"))
            return await tiering.changes("value", limit=1)

        changes = do(corp, scenario)

        assert (TierChange("value", "wm1", "A", "B", "quality high -> low", clock.moment),) == changes
        assert {("li", "wm1", "et-b"), ("wang", "wm1", "et-b")} == {t for t in present_tags(corp) if t[1] == "wm1"}

    def test_hysteresis_is_remembered(self, corp: Store, do: Callable[..., Any]) -> None:
        """Inside the room of hysteresis the stored label decides, so nobody flaps."""

        async def scenario(tiering: AsyncTiering) -> list[int]:
            await tiering.save(scheme())
            changed = [(await tiering.sweep("value")).changed]
            for points in (85, 99, 80, 79, 99, 100):
                learn(corp, points__points={"wm1": points})
                changed.append((await tiering.sweep("value")).changed)
            return changed

        assert [4, 0, 0, 0, 1, 0, 1] == do(corp, scenario)

    def test_dwell(self, corp: Store, do: Callable[..., Any], clock: At) -> None:
        """A demotion waits for the minimum stay, then comes by itself."""

        async def scenario(tiering: AsyncTiering) -> list[str | None]:
            await tiering.save(scheme(timedelta(days=7)))
            await tiering.sweep("value")
            learn(corp, orders={"wm1": 1})
            tiers: list[str | None] = []
            for _ in range(3):
                clock.moment += timedelta(days=3)
                await tiering.sweep("value")
                tiers.append(await tiering.tier("value", "wm1"))
            return tiers

        assert ["A", "A", "B"] == do(corp, scenario)

    def test_new_version(self, corp: Store, do: Callable[..., Any]) -> None:
        """Where a new version names another tag for a tier, tags are swapped without a change of tier."""
        tiers = (Tier("A", "C 普通"), *(attrs.evolve(tier, tag=None) for tier in TIERS[1:]))

        async def scenario(tiering: AsyncTiering) -> TierReport:
            await tiering.save(scheme())
            await tiering.sweep("value")
            await tiering.save(attrs.evolve(scheme(), tiers=tiers))
            return await tiering.sweep("value")

        assert TierReport("value", 2, customers=4) == do(corp, scenario)
        assert {("li", "wm1", "et-c"), ("wang", "wm1", "et-c")} == present_tags(corp)

    def test_tier_is_gone(self, corp: Store, do: Callable[..., Any]) -> None:
        """Tiers that a new version drops stand last in the distribution until the next sweep."""
        table = [rule for rule in TABLE if rule.tier != "D"]

        async def scenario(tiering: AsyncTiering) -> list[dict[str, int]]:
            await tiering.save(scheme())
            await tiering.sweep("value")
            await tiering.save(attrs.evolve(scheme(), tiers=TIERS[:3], table=table))
            found = [dict((await tiering.distribution("value")).counts)]
            await tiering.sweep("value")
            return [*found, dict((await tiering.distribution("value")).counts)]

        assert [{"A": 1, "B": 2, "C": 0, "D": 1}, {"A": 1, "B": 2, "C": 1}] == do(corp, scenario)

    def test_unreadable(self, corp: Store, do: Callable[..., Any]) -> None:
        """A fact of the wrong kind leaves its customer as is, and holds up nobody else."""

        async def scenario(tiering: AsyncTiering) -> TierReport:
            await tiering.save(scheme())
            learn(corp, orders={"wm2": "two"})
            return await tiering.sweep("value")

        report = do(corp, scenario)

        assert (4, 3, 1) == (report.customers, report.changed, report.unreadable)
        assert "3 changed, 1 unreadable" in repr(report)

    def test_missing_tags(self, store: Store, do: Callable[..., Any]) -> None:
        """Without the tags in the mirror nothing is judged, and the message says what to do."""
        follow(store, CORP, PAIRS)

        async def scenario(tiering: AsyncTiering) -> None:
            await tiering.save(scheme())
            with pytest.raises(UsageError, match=r"客户分层/A 高价值.*ensure_tags\('value'\)"):
                await tiering.sweep("value")

        do(store, scenario)

        assert [] == log(store)

    def test_no_customers(self, store: Store, do: Callable[..., Any]) -> None:
        """An empty mirror is swept too."""
        known_tags(store, CORP, "客户分层", TAGS)

        async def scenario(tiering: AsyncTiering) -> tuple[TierReport, TierReport]:
            await tiering.save(scheme())
            return await tiering.sweep("value"), await tiering.refresh("value", [])

        assert (TierReport("value", 1), TierReport("value", 1)) == do(store, scenario)

    def test_page_refused(self, store: Store) -> None:
        """A page holds at least one customer."""
        with pytest.raises(UsageError, match="page"):
            Tiering(WeCom(CORP, "secret"), store, page=0)

    def test_refresh(self, corp: Store, do: Callable[..., Any]) -> None:
        """Single customers can be judged at once; strangers are left out."""

        async def scenario(tiering: AsyncTiering) -> TierReport:
            await tiering.save(scheme())
            return await tiering.refresh("value", ["wm1", "stranger", "wm2", "wm1"])

        assert TierReport("value", 1, 2, 2, {(None, "A"): 1, (None, "B"): 1}) == do(corp, scenario, page=2)


class TestAdvance:
    def test_new_relation(self, corp: Store, do: Callable[..., Any]) -> None:
        """Relations that begin later get the tag of the tier, of every scheme."""
        other = attrs.evolve(scheme(), id="other", tiers=(Tier("X", "C 普通"),), table=(TierRule("X"),))

        async def scenario(tiering: AsyncTiering) -> list[int]:
            for one in (scheme(), other):
                await tiering.save(one)
                await tiering.sweep(one.id)
            with corp.begin() as conn:
                EventLog.append(
                    conn,
                    CORP,
                    FollowAdded("zhao", "wm1", "", NOON),
                    FollowAdded("zhao", "new", "", NOON),
                    CustomerMoved("wm2", "li", "qian", NOON),
                )
            return [await tiering.advance(), await tiering.advance()]

        assert [3, 0] == do(corp, scenario)
        assert {
            ("zhao", "wm1", "et-a"),
            ("zhao", "wm1", "et-c"),
            ("qian", "wm2", "et-b"),
            ("qian", "wm2", "et-c"),
        } == {tag for tag in present_tags(corp) if tag[0] in {"zhao", "qian"}}


class Crash(Exception):
    pass


class TestCrash:
    def test_sweep(self, corp: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A sweep that dies at any statement and is started again leaves what an undisturbed one leaves."""
        undisturbed = fill(Store(f"sqlite:///{tmp_path}/undisturbed.db"))
        for store in (undisturbed, corp):
            Tiering(WeCom(CORP, "secret"), store).save(scheme())
        Tiering(WeCom(CORP, "secret", clock=At()), undisturbed, page=1).sweep("value")
        tiering = Tiering(WeCom(CORP, "secret", clock=At()), corp, page=1)
        upsert = sql.upsert
        resumed = 0
        for fatal in range(12):
            steps = itertools.count()

            def upsert_or_die(*args: Any, steps: Any = steps, fatal: int = fatal, **kwargs: Any) -> None:
                upsert(*args, **kwargs)
                if next(steps) == fatal:
                    raise Crash

            monkeypatch.setattr(sql, "upsert", upsert_or_die)
            try:
                resumed += tiering.sweep("value").resumed
            except Crash:
                continue
        monkeypatch.undo()
        tiering.sweep("value")

        assert resumed
        assert dump(undisturbed) == dump(corp)

    def test_other_version(self, corp: Store, clock: At) -> None:
        """A sweep cut short starts over if another version was saved meanwhile."""

        def stop(_: TierReport) -> None:
            raise Crash

        tiering = Tiering(WeCom(CORP, "secret", clock=clock), corp, page=2)
        tiering.save(scheme())
        with pytest.raises(Crash):
            tiering.sweep("value", stop)
        tiering.save(scheme(timedelta(days=1)))
        report = tiering.sweep("value")

        assert (4, 2, False) == (report.customers, report.changed, report.resumed)


class TestReprs:
    def test_tables(self, corp: Store, clock: At) -> None:
        """Reports read like small tables."""
        tiering = Tiering(WeCom(CORP, "secret", clock=clock), corp, page=3)
        tiering.save(scheme())
        report = tiering.sweep("value")
        distribution = tiering.distribution("value")

        assert "<Tiering of ww0123456789abcdef>" == repr(tiering)
        assert repr(report).splitlines() == [
            "TierReport of 'value' v1: 4 customers judged, 4 changed",
            "  - -> B            2",
            "  - -> A            1",
            "  - -> D            1",
        ]
        assert "resumed" in repr(attrs.evolve(report, resumed=True))
        assert repr(distribution).splitlines() == [
            "Distribution of 'value': 4 customers",
            "  A            1   25.0%  ███████████████",
            "  B            2   50.0%  ██████████████████████████████",
            "  C            0    0.0%",
            "  D            1   25.0%  ███████████████",
        ]
        assert (1, 4) == (distribution["A"], distribution.customers)


class TestEnsureTags:
    def test_creates_missing(self, store: Store, on_port: OnPort, sandbox: Sandbox) -> None:
        """Missing tags are created once, and the sweep finds them."""

        async def scenario(port: Port) -> list[tuple[str, ...]]:
            tiering = AsyncTiering(AsyncWeCom.on(port, sandbox.corp_id, sandbox.secret), store)
            await tiering.save(scheme())
            created = [await tiering.ensure_tags("value"), await tiering.ensure_tags("value")]
            await tiering.sweep("value")
            return created

        assert [tuple(TAGS), ()] == on_port(scenario, transport=sandbox.transport)

    def test_made_meanwhile(self, store: Store, on_port: OnPort, sandbox: Sandbox) -> None:
        """A tag that somebody makes between the look and the call is taken as it is, and the others are made."""

        class Overtaken:
            """Whom an admin overtakes right before the first tags are made."""

            def __init__(self, port: Port) -> None:
                self._port, self.made = port, False

            def __getattr__(self, name: str) -> Any:
                return getattr(self._port, name)

            async def send(self, request: Any) -> Any:
                if request.url.path.endswith("add_corp_tag") and not self.made:
                    self.made = True
                    sandbox.admin_adds_tags(scheme().tag_group, [next(iter(TAGS))])
                return await self._port.send(request)

        async def scenario(port: Port) -> None:
            overtaken: Any = Overtaken(port)
            tiering = AsyncTiering(AsyncWeCom.on(overtaken, sandbox.corp_id, sandbox.secret), store)
            await tiering.save(scheme())
            await tiering.ensure_tags("value")
            assert overtaken.made
            await tiering.sweep("value")

        on_port(scenario, transport=sandbox.transport)
        names = [tag.name for tag in sandbox._world.state.tags.values()]
        assert sorted(TAGS) == sorted(names)

    def test_nothing_to_create(self, store: Store, do: Callable[..., Any]) -> None:
        """A scheme without tags asks nobody."""

        async def scenario(tiering: AsyncTiering) -> tuple[str, ...]:
            await tiering.save(attrs.evolve(scheme(), tiers=[Tier(tier.id) for tier in TIERS]))
            return await tiering.ensure_tags("value")

        assert () == do(store, scenario)


class TestWholeWay:
    def test_tags_arrive(self, store: Store, on_port: OnPort) -> None:
        """From a synced corp to tags that stand in WeCom: each relation wears the tag of its customer's tier."""
        box = Sandbox()
        box.populate(staff=2, customers=10, groups=0)

        async def scenario(port: Port) -> None:
            wecom = AsyncWeCom.on(port, box.corp_id, box.secret)
            mirror, tiering = AsyncMirror(wecom, store), AsyncTiering(wecom, store)
            await mirror.sync()
            await tiering.save(scheme())
            await tiering.ensure_tags("value")
            with store.begin() as conn:
                known = sorted({one.external_userid for one in follows(conn, box.corp_id)})
                set_facts(conn, box.corp_id, "points.points", dict.fromkeys(known[:4], 100), port.now())
                set_facts(conn, box.corp_id, "orders", dict.fromkeys(known[:2], 2), port.now())
            await tiering.sweep("value")
            tags = AsyncDesiredTags(wecom, store)
            while await tags.push():
                pass
            await mirror.sync()
            with store.read() as conn:
                ids = tag_ids(conn, box.corp_id, [f"客户分层/{name}" for name in TAGS])
                a, b, c = ids.values()
                worn = {one.external_userid: set(one.tag_ids) & {a, b, c} for one in follows(conn, box.corp_id)}
            assert worn == {who: {a} if i < 2 else {b} if i < 4 else set() for i, who in enumerate(known)}

        on_port(scenario, transport=box.transport, clock=box.clock)
