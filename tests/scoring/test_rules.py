"""Point rules: what they refuse, what they award, and that order does not matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import UsageError
from privdom.scoring.rules import (
    CHINA,
    Award,
    Crossing,
    CustomerEvent,
    PointRule,
    ScoreRules,
    Threshold,
    amount_over,
    candidates,
    cross,
    limit,
    score,
)
from tests.scoring import cdnow


NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)

BUY = PointRule("buy", "purchase", 10)
BIG = PointRule("big", "purchase", 15, when=amount_over(100))
SHARE = PointRule("share", "share", 20)


def event(
    event_id: str = "e1", kind: str = "purchase", who: str = "wm1", at: datetime = NOON, amount: Any = None
) -> CustomerEvent:
    return CustomerEvent(event_id, kind, who, at, amount)


def sums(awards: Iterable[Award]) -> Counter[str]:
    total: Counter[str] = Counter()
    for award in awards:
        total[award.external_userid] += award.points
    return total


class TestCustomerEvent:
    @pytest.mark.parametrize(
        ("event_id", "kind", "who"), [("", "purchase", "wm1"), ("e1", "", "wm1"), ("e1", "purchase", "")]
    )
    def test_needs_its_texts(self, event_id: str, kind: str, who: str) -> None:
        """An event without an id, a kind or a customer is refused."""
        with pytest.raises(UsageError, match="needs an id"):
            event(event_id, kind, who)

    def test_naive_time(self) -> None:
        """A time without a zone is refused."""
        with pytest.raises(UsageError, match="aware"):
            event(at=datetime(2026, 3, 1))  # noqa: DTZ001

    @pytest.mark.parametrize("event_id", ["x" * 129, "order\0"])
    def test_unstorable_id(self, event_id: str) -> None:
        """An id that the ledger could not hold is refused."""
        with pytest.raises(UsageError, match="128 printable"):
            event(event_id)

    @pytest.mark.parametrize("amount", [99.9, True, "a lot", "NaN", Decimal("Infinity")])
    def test_inexact_amount(self, amount: Any) -> None:
        """An amount that is not exact and finite is refused."""
        with pytest.raises(UsageError, match="Decimal"):
            event(amount=amount)

    @pytest.mark.parametrize("amount", ["99.90", Decimal("99.90")])
    def test_exact_amount(self, amount: Any) -> None:
        """Texts and decimals mean the same amount."""
        assert Decimal("99.9") == event(amount=amount).amount


class TestPointRule:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"points": 0}, "other than 0"),
            ({"points": 1.5}, "whole number"),
            ({"points": True}, "whole number"),
            ({"on": ""}, "kind of event"),
            ({"id": ""}, "id of a rule"),
            ({"id": "a b"}, "id of a rule"),
            ({"cap_per_day": 0}, "cap_per_day"),
            ({"cap_per_day": -1}, "cap_per_day"),
            ({"cap_per_day": True}, "cap_per_day"),
            ({"cap_per_day": 1, "once": True}, "counts once"),
        ],
    )
    def test_refused(self, changes: dict[str, Any], says: str) -> None:
        """A rule that makes no sense cannot be made."""
        with pytest.raises(UsageError, match=says):
            PointRule(**{"id": "buy", "on": "purchase", "points": 10, **changes})

    def test_repr(self) -> None:
        """Its repr shows the condition as it was written."""
        assert "when=amount_over('100')" in repr(BIG)

    def test_amount_over_needs_amount(self) -> None:
        """amount_over refuses None, which would hold for nobody."""
        with pytest.raises(UsageError, match="needs an amount"):
            amount_over(None)  # type: ignore[arg-type]


class TestThreshold:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"id": "超级 用户"}, "id of a threshold"),
            ({"at_least": 99.5}, "whole number"),
            ({"tag": ""}, "tag of threshold 'super' must have"),
            ({"tag": "x" * 31}, "1 to 30"),
            ({"drop_below": 101}, "drop_below"),
            ({"drop_below": 1.5}, "drop_below"),
        ],
    )
    def test_refused(self, changes: dict[str, Any], says: str) -> None:
        """A threshold that makes no sense cannot be made."""
        with pytest.raises(UsageError, match=says):
            Threshold(**{"id": "super", "at_least": 100, **changes})

    @pytest.mark.parametrize(
        ("held", "balance", "crossing"),
        [
            (None, 99, None),
            (None, 100, Crossing.REACHED),
            (True, 100, None),
            (True, 80, None),
            (True, 79, Crossing.LOST),
            (False, 80, None),
            (False, 99, None),
            (False, 100, Crossing.REGAINED),
        ],
    )
    def test_cross(self, held: bool | None, balance: int, crossing: Crossing | None) -> None:
        """It is reached once, lost under drop_below, and regained at the full balance only."""
        assert crossing == cross(Threshold("super", 100, drop_below=80), held, balance)

    @given(st.integers())
    def test_kept(self, balance: int) -> None:
        """Without drop_below no balance takes it away."""
        assert cross(Threshold("super", 100), True, balance) is None


class TestScoreRules:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"account": "a:b"}, "name of an account"),
            ({"rules": ()}, "at least one"),
            ({"rules": (BUY, PointRule("buy", "share", 1))}, "rule id 'buy' stands twice"),
            ({"tag_group": ""}, "tag_group"),
            ({"thresholds": (Threshold("a", 1), Threshold("a", 2))}, "threshold id 'a' stands twice"),
            ({"thresholds": (Threshold("a", 1), Threshold("b", 1))}, "at_least 1 stands twice"),
            ({"thresholds": (Threshold("a", 1, "t"), Threshold("b", 2, "t"))}, "tag 't' stands twice"),
        ],
    )
    def test_refused(self, changes: dict[str, Any], says: str) -> None:
        """Rules that contradict each other are refused."""
        with pytest.raises(UsageError, match=says):
            ScoreRules(**{"rules": (BUY,), **changes})

    def test_untagged_thresholds(self) -> None:
        """Several thresholds may go without a tag."""
        assert ScoreRules(rules=[BUY], thresholds=[Threshold("a", 1), Threshold("b", 2)]).thresholds[1].tag is None

    def test_day(self) -> None:
        """Days begin at midnight in China unless another zone is given."""
        late, early = datetime(2026, 3, 1, 15, 59, tzinfo=UTC), datetime(2026, 3, 1, 16, 0, tzinfo=UTC)

        assert (CHINA, 1) == ((rules := ScoreRules(rules=[BUY])).timezone, rules.day(early) - rules.day(late))
        assert 0 == (utc := ScoreRules(rules=[BUY], timezone=UTC)).day(early) - utc.day(late)


class TestScore:
    def test_seed(self) -> None:
        """A purchase brings 10, one over 100 brings 15 more, a share brings 20."""
        rules = ScoreRules(rules=(BUY, BIG, SHARE))
        events = [
            event("e1", amount="100"),
            event("e2", amount="100.01"),
            event("e3", kind="share"),
            event("e4", kind="scan"),
            event("e5", who="wm2"),
        ]

        assert {"wm1": 10 + 25 + 20, "wm2": 10} == sums(score(rules, events))

    def test_same_event_twice(self) -> None:
        """An event that stands twice counts once, and for another customer again."""
        rules = ScoreRules(rules=(BUY,))

        assert {"wm1": 10, "wm2": 10} == sums(score(rules, [event(), event(), event(who="wm2")]))

    def test_once(self) -> None:
        """A rule that counts once counts once for each customer."""
        rules = ScoreRules(rules=(PointRule("first", "purchase", 50, once=True),))
        events = [event("e1"), event("e2", at=NOON + timedelta(days=1)), event("e3", who="wm2")]

        assert {"wm1": 50, "wm2": 50} == sums(score(rules, events))

    def test_cap(self) -> None:
        """A daily cap counts by customer and day."""
        rules = ScoreRules(rules=(PointRule("share", "share", 20, cap_per_day=2),))
        events = [event(f"e{i}", kind="share", at=NOON + timedelta(days=i // 3)) for i in range(5)]

        assert {"wm1": 80, "wm2": 20} == sums(score(rules, [*events, event(kind="share", who="wm2")]))

    def test_used_before(self) -> None:
        """What paid earlier takes its place under the limit."""
        rules = ScoreRules(
            rules=(PointRule("share", "share", 20, cap_per_day=2), PointRule("hi", "share", 1, once=True))
        )
        awards = candidates(rules, [event("e1", "share"), event("e2", "share")])
        day = awards[0].day

        granted, refused = limit(rules, awards, {("share", "wm1", day): 1, ("hi", "wm1", None): 1})

        assert [("share", "e1")] == [(a.rule, a.source_event) for a in granted]
        assert [("hi", "e1"), ("share", "e2"), ("hi", "e2")] == [(a.rule, a.source_event) for a in refused]

    def test_any_callable(self) -> None:
        """A condition may be any function of the event."""
        rules = ScoreRules(rules=(PointRule("wm2", "purchase", 5, when=lambda e: e.external_userid == "wm2"),))

        assert {"wm2": 5} == sums(score(rules, [event(), event(who="wm2")]))

    @given(
        st.lists(
            st.builds(
                event,
                st.integers(0, 30).map(str),
                st.sampled_from(["purchase", "share", "complaint"]),
                st.sampled_from(["wm1", "wm2"]),
                st.integers(0, 80).map(lambda h: NOON + timedelta(hours=h)),
                st.one_of(st.none(), st.integers(0, 200)),
            ),
            unique_by=lambda e: (e.id, e.external_userid),
        ),
        st.randoms(),
    )
    def test_order(self, events: list[CustomerEvent], random: Any) -> None:
        """The sums do not depend on the order of the events, nor on how often they are told."""
        rules = ScoreRules(
            rules=(
                BIG,
                PointRule("first", "purchase", 50, once=True),
                PointRule("share", "share", 20, cap_per_day=2),
                PointRule("complaint", "complaint", -10),
            )
        )
        shuffled = [*events, *events[: len(events) // 2]]
        random.shuffle(shuffled)

        assert sums(score(rules, events)) == sums(score(rules, shuffled))

    def test_cdnow_sample(self) -> None:
        """The points of real purchases equal those counted straight from the file."""
        assert cdnow.counted(cdnow.SMALL) == sums(score(ScoreRules(rules=(BUY, BIG)), cdnow.purchases(cdnow.SMALL)))

    def test_cdnow(self, shared: Path) -> None:
        """So do those of all 69,659 purchases."""
        path = shared / cdnow.LARGE

        assert cdnow.counted(path) == sums(score(ScoreRules(rules=(BUY, BIG)), cdnow.purchases(path)))
