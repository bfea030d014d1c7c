"""The gate: whom a message may reach, and when."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom._port import Port
from privdom.errors import UsageError
from privdom.outbox import BROADCAST, FrequencyRule, Gate, QuietHours, ReachCap, Subject
from privdom.outbox.gate import CHINA, Bound, Decision, decide
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


@pytest.mark.parametrize("per", ["weekly", "year", "Day", "", 7, None])
def test_bad_windows(per: Any) -> None:
    """A window of another name than the three there are is refused, instead of being taken for a month."""
    with pytest.raises(UsageError, match=f"not {per!r}: give 'day', 'week', 'month', or a timedelta$"):
        FrequencyRule(2, per)
    with pytest.raises(UsageError, match=f"not {per!r}: give 'day', 'week' or 'month'$"):
        ReachCap(per)


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


TUESDAY = datetime(2026, 2, 10, 12, tzinfo=UTC)


def test_exact_bounds() -> None:
    """Each limit has its window: the cap and its reserve in WeCom's zone, rules in the gate's, spans by the message."""
    rules = [FrequencyRule(2), FrequencyRule(3, timedelta(days=7), "survey"), FrequencyRule(4, "day", "news")]
    gate = Gate(rules=rules, reserve=5, zone=UTC)
    start, end = datetime(2026, 1, 31, 16, tzinfo=UTC), datetime(2026, 2, 28, 16, tzinfo=UTC)
    week = datetime(2026, 2, 9, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    a_week = timedelta(days=7)

    assert (
        Bound("the reach cap of 28 a month", start, end, 28, end),
        Bound("the reserve of 5 for service", start, end, 23, end, spared="service"),
        Bound("the rule 2 a week of all categories", week, week + a_week, 2, week + a_week),
        Bound(
            "the rule 3 in 7 days, 0:00:00 of survey",
            TUESDAY - a_week + moment,
            TUESDAY + moment,
            3,
            TUESDAY + a_week,
            only="survey",
        ),
    ) == gate.bounds(TUESDAY.astimezone(CHINA), "survey")
    assert "the rule 4 a day of news" == gate.bounds(TUESDAY, "news")[-1].rule
    assert (UTC, UTC) == (gate.bounds(TUESDAY.astimezone(CHINA), "survey")[-1].start.tzinfo, week.tzinfo)


def test_no_room_for_others() -> None:
    """A reserve as large as the cap leaves nothing to others, and a larger one not less; without one there is none."""
    assert [(7, None), (0, "service")] == [
        (b.limit, b.spared) for b in Gate(cap=ReachCap("week"), reserve=9).bounds(TUESDAY, "a")
    ]
    assert [(7, None)] == [(b.limit, b.spared) for b in Gate(cap=ReachCap("week")).bounds(TUESDAY, "a")]
    assert [1, 0] == [b.limit for b in Gate(cap=ReachCap("day"), reserve=1).bounds(TUESDAY, "a")]


@pytest.mark.parametrize(
    ("per", "day", "first", "last"),
    [
        ("day", 10, "2026-02-10", "2026-02-11"),
        ("week", 9, "2026-02-09", "2026-02-16"),
        ("week", 15, "2026-02-09", "2026-02-16"),
        ("month", 1, "2026-02-01", "2026-03-01"),
        ("month", 28, "2026-02-01", "2026-03-01"),
    ],
)
def test_exact_window(per: str, day: int, first: str, last: str) -> None:
    """Days, weeks from Monday and months begin at midnight of WeCom's zone, and are told in UTC."""
    expected = tuple(datetime.fromisoformat(f"{date}T00:00+08:00") for date in (first, last))
    for hour in (0, 23):
        window = ReachCap(per).window(datetime(2026, 2, day, hour, 59, tzinfo=CHINA))  # type: ignore[arg-type]
        assert expected == window
        assert (UTC, UTC) == (window[0].tzinfo, window[1].tzinfo)


def test_limits_by_wecoms_month() -> None:
    """How many days a month has is asked of WeCom's zone."""
    assert 31 == ReachCap().limit_at(datetime(2026, 2, 28, 16, tzinfo=UTC))
    assert 28 == ReachCap().limit_at(datetime(2026, 2, 28, 15, 59, tzinfo=UTC))


def test_gate_of_nothing() -> None:
    """A gate has WeCom's cap by itself, in its zone, and no quiet hours; limits of nothing are allowed."""
    gate = Gate()

    assert (ReachCap(), None, CHINA, (), 0) == (gate.cap, gate.quiet, gate.zone, gate.rules, gate.reserve)
    assert TUESDAY == gate.open_at(TUESDAY)
    assert () == Gate(cap=None).bounds(TUESDAY, "a")
    assert 0 == FrequencyRule(0).limit
    assert timedelta(microseconds=1) == FrequencyRule(1, timedelta(microseconds=1)).per


def test_quiet_hours_of_one_day() -> None:
    """Hours within one day hold what falls into them until their end that day; the moment keeps its zone."""
    gate = Gate(quiet=QuietHours(time(8), time(22)), zone=UTC)
    held = gate.open_at(TUESDAY.astimezone(CHINA))

    assert (TUESDAY.replace(hour=22), CHINA) == (held, held.tzinfo)
    assert TUESDAY.replace(hour=22) == gate.open_at(TUESDAY.replace(hour=8))
    assert TUESDAY.replace(hour=7, minute=59) == gate.open_at(TUESDAY.replace(hour=7, minute=59))


def test_clocks_set_back_in_quiet_hours() -> None:
    """Where clocks are set back and the end comes twice, the one on the same side of the change counts."""
    zone = ZoneInfo("America/New_York")
    gate = Gate(quiet=QuietHours(time(1), time(1, 30)), zone=zone)
    first, second = (datetime(2026, 11, 1, 1, 10, fold=fold, tzinfo=zone) for fold in (0, 1))

    assert datetime(2026, 11, 1, 5, 30, tzinfo=UTC) == gate.open_at(first.astimezone(UTC))
    assert datetime(2026, 11, 1, 6, 30, tzinfo=UTC) == gate.open_at(second.astimezone(UTC))


def test_decided_by_any_bound() -> None:
    """One limit that is reached is enough, and who had nothing is held back by a limit of nothing only."""
    one, two = (Bound("x", TUESDAY, TUESDAY, limit, TUESDAY) for limit in (1, 2))
    nobody = Bound("x", TUESDAY, TUESDAY, 0, TUESDAY)
    used = {"a": (0, 1), "b": (1, 0), "c": (0, 2), "e": (1, 2)}

    decision = decide(["e", "d", "c", "b", "a"], used=used, bounds=[one, two], suppressed={"e"})
    assert Decision(allowed=("d", "a"), capped=("c", "b"), suppressed=("e",)) == decision
    assert Decision((), ("d",), ()) == decide(["d"], used={}, bounds=[nobody], suppressed=set())


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
