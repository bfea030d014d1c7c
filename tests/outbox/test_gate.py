"""The gate: whom a message may reach, and when."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom._port import Port
from privdom.errors import UsageError
from privdom.outbox import BROADCAST, FrequencyRule, Gate, QuietHours, ReachCap, Subject
from privdom.outbox.gate import CHINA, Bound, decide
from privdom.outbox.kinds import KINDS
from privdom.store import Store
from privdom.wecom.messages import NewMessage
from tests.conftest import OnPort
from tests.outbox.corp import Corp, items, plan, run_out, text_message


moments = st.integers(1_704_067_200, 1_830_211_200).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from([CHINA, UTC, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")])
times = st.times().map(lambda t: t.replace(second=0, microsecond=0, fold=0))
hours = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: QuietHours(*pair))
subjects = st.lists(st.sampled_from([f"wm{i}" for i in range(12)]), unique=True)


@given(moments, hours, zones)
def test_never_quiet(at: datetime, quiet: QuietHours, zone: tzinfo) -> None:
    """The moment the gate gives is never in quiet hours, never before the one asked for, and within two days."""
    opens = Gate(quiet=quiet, zone=zone).open_at(at)

    assert not quiet.contain(opens.astimezone(zone).time())
    assert timedelta(0) <= opens - at < timedelta(days=2)
    assert opens == at or quiet.contain(at.astimezone(zone).time())


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-01T21:59", "2026-03-01T21:59"),
        ("2026-03-01T22:00", "2026-03-02T08:00"),
        ("2026-03-02T00:30", "2026-03-02T08:00"),
        ("2026-03-02T08:00", "2026-03-02T08:00"),
    ],
)
def test_over_midnight(at: str, expected: str) -> None:
    """Quiet hours may span midnight, and their end is not quiet."""
    gate = Gate(quiet=QuietHours(time(22), time(8)))

    opens = gate.open_at(datetime.fromisoformat(at).replace(tzinfo=CHINA))

    assert datetime.fromisoformat(expected).replace(tzinfo=CHINA) == opens


@given(subjects, st.dictionaries(st.sampled_from([f"wm{i}" for i in range(12)]), st.integers(0, 5)), st.integers(0, 4))
def test_cap(names: list[str], used: dict[str, int], limit: int) -> None:
    """Nobody passes who has had as many as the cap allows, and everybody else does, in order."""
    start, end = ReachCap().window(datetime(2026, 2, 10, tzinfo=UTC))
    bound = Bound("the cap", start, end, limit, end)
    counts = {name: (count,) for name, count in used.items()}
    decision = decide(names, used=counts, bounds=[bound], suppressed={"wm0"})

    assert [n for n in names if n != "wm0" and used.get(n, 0) < limit] == list(decision.allowed)
    assert sorted(names) == sorted((*decision.allowed, *decision.capped, *decision.suppressed))
    assert set(decision.suppressed) <= {"wm0"}


@given(moments, st.sampled_from(["day", "week", "month"]), zones)
def test_window(at: datetime, per: str, zone: tzinfo) -> None:
    """A moment lies in its window, and the next window begins where it ends, in WeCom's zone and the gate's."""
    gate = Gate(cap=ReachCap(per), rules=[FrequencyRule(1, per)], zone=zone)  # type: ignore[arg-type]

    for now, after in zip(gate.bounds(at, "a"), gate.bounds(at + timedelta(days=32), "a"), strict=True):
        assert now.start <= at < now.end
        assert now.end <= after.start
    assert ReachCap(per).window(gate.bounds(at, "a")[0].end)[0] == gate.bounds(at, "a")[0].end  # type: ignore[arg-type]
    rule = gate.bounds(at, "a")[1]
    assert rule.end == gate.bounds(rule.end, "a")[1].start
    assert time(0) == rule.start.astimezone(zone).time()


@pytest.mark.parametrize(("per", "expected"), [("day", 1), ("week", 7), ("month", 28)])
def test_own_limit(per: str, expected: int) -> None:
    """Without a number the cap is WeCom's own."""
    assert expected == ReachCap(per).limit_at(datetime(2026, 2, 10, tzinfo=UTC))  # type: ignore[arg-type]
    assert 0 == ReachCap("day", 0).limit_at(datetime(2026, 2, 10, tzinfo=UTC))


def test_bad_rules() -> None:
    """Rules that could mean anything are refused."""
    with pytest.raises(UsageError, match="always or never"):
        QuietHours(time(8), time(8))
    with pytest.raises(UsageError, match="0 or more"):
        ReachCap("day", -1)
    with pytest.raises(UsageError, match="0 or more"):
        FrequencyRule(-1)
    with pytest.raises(UsageError, match="longer than nothing"):
        FrequencyRule(1, timedelta(0))
    with pytest.raises(UsageError, match="None for all"):
        FrequencyRule(1, category="")
    with pytest.raises(UsageError, match="not be negative"):
        Gate(reserve=-1)
    with pytest.raises(UsageError, match="no cap to keep"):
        Gate(cap=None, reserve=2)


def test_bounds() -> None:
    """Each category has the cap, the reserve unless it is for it, and its rules; staff's own count as any category."""
    gate = Gate(rules=[FrequencyRule(0, "day", "survey"), FrequencyRule(9, timedelta(days=7))], reserve=40)
    at = datetime(2026, 2, 10, tzinfo=UTC)

    def counted(category: str) -> list[tuple[int, list[bool]]]:
        return [(b.limit, [b.counts(c) for c in ("service", "survey", "")]) for b in gate.bounds(at, category)]

    everything = [True, True, True]
    assert [(28, everything), (9, everything)] == counted("service")
    assert [(28, everything), (0, [False, True, True]), (9, everything)] == counted("marketing")
    assert (0, [False, True, False]) in counted("survey")
    assert "7 days" in gate.bounds(at, "service")[1].rule


def test_no_distinction() -> None:
    """What a look-up can tell apart does not change when the gate leaves recipients out."""
    for kind in KINDS:
        if kind.reaches:
            request = NewMessage(text="x", sender="zhang", external_userid=["wm1", "wm2"])
            assert kind.fingerprint(request) == kind.fingerprint(kind.narrow(request, {"wm1"}))


def test_capped_advance(on_port: OnPort, store: Store) -> None:
    """Who has reached the cap or is suppressed is named, gets a row, and holds nobody else up."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, gate=Gate(cap=ReachCap("day")))
        with store.begin() as conn:
            outbox.suppress(conn, [corp.customers[2]], reason="asked not to")
        plan(store, outbox, BROADCAST, text_message(corp, "一", 1))
        second = plan(
            store, outbox, BROADCAST, text_message(corp, "二", 4), subjects=[(c, "b", "") for c in corp.customers[:4]]
        )

        assert (corp.customers[0],) == tuple(s.subject for s in second.capped)
        assert (corp.customers[2],) == tuple(s.subject for s in second.suppressed)
        await run_out(corp, store, outbox)
        assert dict.fromkeys((corp.customers[1], corp.customers[3]), ("sent", None)) == items(
            store, outbox, second.unit_id
        )

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert [(corp.customers[1], corp.customers[3])] == [tuple(sorted(r)) for r in corp.messages("二")]


def test_all_capped(on_port: OnPort, store: Store) -> None:
    """A plan of which nobody is left makes no unit; taken off the list, a customer is reached again."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        with store.begin() as conn:
            outbox.suppress(conn, corp.customers, reason="holiday")
        report = plan(store, outbox, BROADCAST, text_message(corp))
        assert (None, 3) == (report.unit_id, len(report.suppressed))
        with store.begin() as conn:
            outbox.allow(conn, corp.customers)
        again = [Subject(c, "hello", "2") for c in corp.customers[:3]]
        assert 3 == len(plan(store, outbox, BROADCAST, text_message(corp), subjects=again).planned)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_quiet(on_port: OnPort, store: Store) -> None:
    """A message planned for quiet hours waits for their end, also where it was due before and is late."""
    corp = Corp()
    gate = Gate(cap=None, quiet=QuietHours(time(22), time(8)))
    evening = corp.box.clock.now().astimezone(CHINA).replace(hour=21, minute=59)
    corp.box.advance_to(evening)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, gate=gate)
        early = plan(store, outbox, BROADCAST, text_message(corp, "早"))
        corp.box.advance(timedelta(minutes=2))
        late = plan(
            store, outbox, BROADCAST, text_message(corp, "晚"), subjects=[(c, "l", "") for c in corp.customers[:3]]
        )
        morning = evening.replace(hour=8, minute=0) + timedelta(days=1)
        assert evening == early.due_at
        assert morning == late.due_at
        assert not await outbox.tick()
        with store.read() as conn:
            assert morning == outbox.next_at(conn)
        corp.box.advance_to(morning)
        await outbox.drain()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert 2 == len(corp.messages())
