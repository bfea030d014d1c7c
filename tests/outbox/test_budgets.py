"""What is left to customers and groups, before anything is planned."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from privdom._port import BlockingPort, run
from privdom.errors import UsageError
from privdom.outbox import (
    BROADCAST,
    SERVICE,
    AsyncOutbox,
    Budget,
    FrequencyRule,
    Gate,
    QuietHours,
    ReachCap,
    Subject,
    Touch,
)
from privdom.outbox.gate import CHINA
from privdom.store import Store, sql
from privdom.wecom.messages import NewMessage
from tests.outbox.corp import Corp, plan, text_message


NOON = datetime(2026, 3, 31, 12, tzinfo=CHINA)
APRIL = datetime(2026, 4, 1, tzinfo=CHINA)


@pytest.fixture
def corp() -> Corp:
    corp = Corp()
    corp.box.advance_to(NOON)
    return corp


def outbox_of(corp: Corp, store: Store, gate: Gate) -> AsyncOutbox:
    return corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store, gate=gate)


def budgets(store: Store, outbox: AsyncOutbox, subjects: list[str], **options: Any) -> list[Budget]:
    with store.read() as conn:
        found = outbox.budget(conn, subjects, **options)
    return [found[subject] for subject in subjects]


class TestBudget:
    def test_left(self, corp: Corp, store: Store) -> None:
        """What was sent and what is planned is taken off; who had nothing has it all, in the next month too."""
        outbox = outbox_of(corp, store, Gate())
        plan(store, outbox, BROADCAST, text_message(corp, "一", 2))
        run(outbox.tick())
        plan(store, outbox, BROADCAST, text_message(corp, "二", 1), subjects=[Subject(corp.customers[0], "b")])

        now = budgets(store, outbox, corp.customers[:3])
        assert [29, 30, 31] == [b.left for b in now]
        assert {("the reach cap of 31 a month", APRIL)} == {(b.by, b.until) for b in now}
        assert [30] * 3 == [b.left for b in budgets(store, outbox, corp.customers[:3], at=APRIL)]

    def test_what_binds(self, corp: Corp, store: Store) -> None:
        """The tightest limit of the category is named; of equal ones the one that lasts longest."""
        rules = [FrequencyRule(1, "day", "survey"), FrequencyRule(1, timedelta(days=9), "survey")]
        outbox = outbox_of(corp, store, Gate(reserve=30, rules=rules))
        with store.begin() as conn:
            outbox.suppress(conn, corp.customers[:1], reason="left", category="news")

        [survey] = budgets(store, outbox, corp.customers[:1], category="survey")
        assert (1, NOON + timedelta(days=9)) == (survey.left, survey.until)
        assert "9 days" in (survey.by or "")
        [ads] = budgets(store, outbox, corp.customers[:1])
        assert (1, "the reserve of 30 for service") == (ads.left, ads.by)
        assert [31] == [b.left for b in budgets(store, outbox, corp.customers[:1], category=SERVICE)]
        assert [Budget(0, "suppressed", None)] == budgets(store, outbox, corp.customers[:1], category="news")

    def test_never_below_zero(self, corp: Corp, store: Store) -> None:
        """Where more was sent than a rule made later allows, nothing is left."""
        free = outbox_of(corp, store, Gate(cap=None))
        assert [Budget(None, None, None)] == budgets(store, free, corp.customers[:1])
        for name in "一二":
            plan(store, free, BROADCAST, text_message(corp, name), subjects=[(c, name, "") for c in corp.customers[:3]])

        outbox = outbox_of(corp, store, Gate(cap=ReachCap("month", 1)))
        assert [0] == [b.left for b in budgets(store, outbox, corp.customers[:1])]

    def test_agrees(self, corp: Corp, store: Store) -> None:
        """As many can be planned as the budget says, and not one more; groups have a budget of their own."""
        chat = corp.box.add_group(owner="zhang", members=corp.customers[:3])
        outbox = outbox_of(corp, store, Gate(cap=ReachCap("week"), rules=[FrequencyRule(3, timedelta(days=30))]))
        message = NewMessage(text="x", chat_type="group", sender="zhang", chat_id_list=[chat])
        [budget] = budgets(store, outbox, [chat])
        planned = [bool(plan(store, outbox, BROADCAST, message, subjects=[(chat, str(i), "")]).planned) for i in "1234"]

        assert 3 == budget.left
        assert [True, True, True, False] == planned
        assert [0, 3] == [b.left for b in budgets(store, outbox, [chat, corp.customers[0]])]

    def test_naive(self, corp: Corp, store: Store) -> None:
        """A moment without a time zone is refused."""
        outbox = outbox_of(corp, store, Gate())
        with pytest.raises(UsageError, match="aware"):
            budgets(store, outbox, [], at=datetime(2026, 4, 1))  # noqa: DTZ001
        with pytest.raises(UsageError, match="aware"):
            Touch(datetime(2026, 4, 1))  # noqa: DTZ001


class TestForecast:
    def test_plan(self, corp: Corp, store: Store) -> None:
        """Each touch tells whom it could reach, and who runs out is named."""
        outbox = outbox_of(corp, store, Gate(cap=ReachCap("month", 3)))
        plan(store, outbox, BROADCAST, text_message(corp, "一", 2))
        with store.begin() as conn:
            outbox.suppress(conn, corp.customers[9:], reason="left")
        moments = [APRIL + timedelta(days=1), NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=2)]
        with store.read() as conn:
            forecast = outbox.forecast(conn, corp.customers, [Touch(at) for at in moments])

        assert (40, 34) == (forecast.asked, forecast.possible)
        assert [9, 9, 9, 7] == [t.possible for t in forecast.touches]
        assert {corp.customers[0]: 1, corp.customers[1]: 1, corp.customers[9]: 4} == forecast.short
        assert corp.customers[0] not in repr(forecast)
        assert "possible=34" in repr(forecast)

    def test_moments(self, corp: Corp, store: Store) -> None:
        """What is past goes out now, what falls into quiet hours when they end, in that window."""
        outbox = outbox_of(corp, store, Gate(cap=ReachCap("day"), quiet=QuietHours(time(22), time(8))))
        with store.read() as conn:
            touches = [Touch(NOON - timedelta(days=1)), Touch(NOON.replace(hour=23)), Touch(APRIL)]
            forecast = outbox.forecast(conn, corp.customers[:1], touches)

        assert [NOON, APRIL.replace(hour=8), APRIL.replace(hour=8)] == [t.at for t in forecast.touches]
        assert [1, 1, 0] == [t.possible for t in forecast.touches]

    def test_agrees(self, corp: Corp, store: Store) -> None:
        """Planned as asked, in the order of time, just those are held back whom the forecast names."""
        rules = [FrequencyRule(2, timedelta(days=3)), FrequencyRule(1, "day", "survey")]
        outbox = outbox_of(corp, store, Gate(cap=ReachCap("week"), rules=rules))
        plan(store, outbox, BROADCAST, text_message(corp, "一", 1))
        touches = [Touch(NOON + timedelta(hours=h), c) for h, c in ((1, "survey"), (5, "survey"), (30, "x"), (73, "x"))]
        with store.read() as conn:
            forecast = outbox.forecast(conn, corp.customers[:3], touches)
        planned = [
            len(
                plan(
                    store,
                    outbox,
                    BROADCAST,
                    text_message(corp, str(i)),
                    subjects=[(c, str(i), "") for c in corp.customers[:3]],
                    category=touch.category,
                    not_before=touch.at,
                ).planned
            )
            for i, touch in enumerate(touches)
        ]

        assert planned == [t.possible for t in forecast.touches]
        assert 0 < sum(planned) < 12

    def test_nothing(self, corp: Corp, store: Store) -> None:
        """A plan of nothing, or without limits, is possible."""
        with store.read() as conn:
            assert 0 == outbox_of(corp, store, Gate()).forecast(conn, corp.customers, []).asked
            free = outbox_of(corp, store, Gate(cap=None)).forecast(conn, corp.customers, [Touch(NOON)])
        assert 10 == free.possible

    def test_order_of_time(self, corp: Corp, store: Store) -> None:
        """Of two touches of which one takes the place of the other, the earlier one goes out, wherever it stands."""
        outbox = outbox_of(corp, store, Gate(cap=ReachCap("day", 1)))
        with store.read() as conn:
            forecast = outbox.forecast(conn, corp.customers[:1], [Touch(NOON + timedelta(hours=h)) for h in (2, 1, 3)])

        assert [0, 1, 0] == [t.possible for t in forecast.touches]
        assert {corp.customers[0]: 2} == forecast.short

    def test_category(self, corp: Corp, store: Store) -> None:
        """Who opted out of one category could get the others; who did of all, nothing."""
        outbox = outbox_of(corp, store, Gate(cap=None))
        with store.begin() as conn:
            outbox.suppress(conn, corp.customers[:1], reason="no news", category="news")
            outbox.suppress(conn, corp.customers[1:2], reason="nothing")
            forecast = outbox.forecast(conn, corp.customers[:3], [Touch(NOON, "news"), Touch(NOON, "survey")])

        assert [1, 2] == [t.possible for t in forecast.touches]
        assert {corp.customers[0]: 1, corp.customers[1]: 2} == forecast.short

    def test_many(self, corp: Corp, store: Store) -> None:
        """More subjects than a statement takes are all counted, each once."""
        names = [f"wm{i}" for i in range(sql.CHUNK + 1)]
        outbox = outbox_of(corp, store, Gate(cap=ReachCap("day", 1)))
        with store.read() as conn:
            forecast = outbox.forecast(conn, [*names, *names], [Touch(NOON), Touch(NOON)])
            budgets = outbox.budget(conn, [*names, *names])

        assert (2 * len(names), len(names), len(names)) == (forecast.asked, forecast.possible, len(forecast.short))
        assert names == list(budgets)
