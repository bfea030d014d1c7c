"""Tier schemes: what they refuse, and that every customer has exactly one tier that does not flap."""

from __future__ import annotations

import math

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import UsageError
from privdom.tiering.rules import (
    Band,
    Category,
    Dimension,
    Previous,
    Tier,
    TierRule,
    TierScheme,
    evaluate,
    suggest_bands,
)
from tests.tiering.schemes import PAYMENT, QUALITY, SOURCE, TABLE, TIERS, scheme


NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)

FACTS = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(["live", "shop", "ad", "tv", ""]),
        "points.points": st.one_of(st.integers(), st.floats(allow_nan=False)),
        "orders": st.integers(0, 4),
    },
)


class TestDimension:
    @pytest.mark.parametrize(
        ("bands", "says"),
        [
            ((), "at_least out"),
            ((Band("low", 0), Band("high", 1)), "some number would have no label"),
            ((Band("low"), Band("low", 1)), "stands twice"),
            ((Band("low"), Band("high", 2), Band("mid", 1)), "'mid' must begin above 'high'"),
            ((Band("low"), Band("mid", 1), Band("high", 1)), "overlap"),
            ((Band("low"), Band("mid", 10), Band("high", 20, 5)), "left below 'mid'"),
        ],
    )
    def test_refused(self, bands: tuple[Band, ...], says: str) -> None:
        """Bands that leave a gap or overlap are refused."""
        with pytest.raises(UsageError, match=says):
            Dimension("paid", "gmv", bands)

    @pytest.mark.parametrize(
        ("name", "fact", "default", "says"),
        [
            ("a-b", "x", 0, "dimension 'a-b'"),
            ("tier", "x", 0, "'tier'"),
            ("a", "", 0, "fact"),
            ("a", "x", math.nan, "default"),
        ],
    )
    def test_names(self, name: str, fact: str, default: float, says: str) -> None:
        """Its name, fact and default must be usable."""
        with pytest.raises(UsageError, match=says):
            Dimension(name, fact, (Band("all"),), default)

    @pytest.mark.parametrize(
        ("label", "at_least", "leave_below", "says"),
        [
            ("", 0, None, "label"),
            ("a", math.nan, None, "number"),
            ("a", math.inf, None, "number"),
            ("a", 1, 2, "above at_least"),
        ],
    )
    def test_band_refused(self, label: str, at_least: float, leave_below: float | None, says: str) -> None:
        """A band that nobody could enter or stay in is refused."""
        with pytest.raises(UsageError, match=says):
            Band(label, at_least, leave_below)

    @pytest.mark.parametrize(
        ("value", "previous", "label"),
        [
            (99, None, "low"),
            (100, None, "high"),
            (99, "high", "high"),
            (80, "high", "high"),
            (79.9, "high", "low"),
            (99, "low", "low"),
            (99, "no such label", "low"),
            (None, "high", "low"),
        ],
    )
    def test_hysteresis(self, value: float | None, previous: str | None, label: str) -> None:
        """A band is entered at at_least and left under leave_below; no fact counts as the default."""
        assert label == QUALITY.label(value, previous)

    def test_falls_through(self) -> None:
        """Who falls out of a high band keeps the band below it by that one's own floor."""
        paid = Dimension("paid", "gmv", (Band("low"), Band("mid", 100, 80), Band("high", 500, 400)))

        assert ["high", "mid", "mid", "low"] == [paid.label(x, "high") for x in (400, 399, 80, 79)]
        assert ["mid", "low"] == [paid.label(x, "low") for x in (100, 99)]

    @pytest.mark.parametrize("value", ["12", math.nan, [1]])
    def test_not_a_number(self, value: object) -> None:
        """A fact that holds no number is refused by its name, without showing it."""
        with pytest.raises(UsageError, match="'orders' must hold a number"):
            PAYMENT.label(value)

    @given(st.lists(st.floats(80, 100, exclude_max=True), min_size=1), st.sampled_from(["low", "high"]))
    def test_never_flaps(self, values: list[float], start: str) -> None:
        """However a number moves inside the room of hysteresis, the label stays."""
        label = start
        for value in values:
            label = QUALITY.label(value, label)
            assert start == label


class TestCategory:
    @pytest.mark.parametrize(
        ("value", "label"),
        [("live", "own"), ("ad", "paid"), ("tv", "other"), (None, "other"), (True, "yes"), (7, "seven")],
    )
    def test_label(self, value: object, label: str) -> None:
        """Values are looked up by their text; all others take the default."""
        labels = {**SOURCE.labels, "true": "yes", "7": "seven"}
        assert label == attrs.evolve(SOURCE, labels=labels).label(value)

    @pytest.mark.parametrize(("labels", "default"), [({"a": ""}, "x"), ({}, "")])
    def test_empty_label(self, labels: Mapping[str, str], default: str) -> None:
        """Labels are not empty."""
        with pytest.raises(UsageError, match="must not be empty"):
            Category("source", "channel", labels, default)


class TestTierScheme:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"id": "a b"}, "id of a scheme"),
            ({"dimensions": ()}, "needs dimensions"),
            ({"tiers": ()}, "needs dimensions and tiers"),
            ({"dwell": timedelta(-1)}, "dwell"),
            ({"tag_group": ""}, "tag_group"),
            ({"dimensions": (SOURCE, SOURCE)}, "dimension 'source' stands twice"),
            ({"tiers": (*TIERS, Tier("A"))}, "tier 'A' stands twice"),
            ({"tiers": (*TIERS, Tier("E", "A 高价值"))}, "tag 'A 高价值' stands twice"),
            ({"tiers": (*TIERS, Tier("E"))}, "leads to tier 'E'"),
            ({"table": (TierRule("X"),)}, r"TierRule\('X'\) leads to no tier"),
            ({"table": (TierRule("A", colour="red"),)}, "names no dimension"),
            ({"table": (TierRule("A", source="tv"),)}, "source has no label 'tv'; it has own, paid, other"),
            ({"table": (*TABLE, TierRule("A", source="own"))}, "can never apply"),
            ({"table": TABLE[:-1]}, "covers source=own, quality=low, payment=none"),
        ],
    )
    def test_refused(self, changes: dict[str, Any], says: str) -> None:
        """A scheme with a gap, an unreachable part or an unknown name is refused, and told by name."""
        with pytest.raises(UsageError, match=says):
            attrs.evolve(scheme(), **changes)

    def test_too_large(self) -> None:
        """A table with more combinations than anybody can oversee is refused."""
        bands = (Band("0"), *(Band(str(i), i) for i in range(1, 101)))
        dimensions = [Dimension(name, "x", bands) for name in ("a", "b")]
        with pytest.raises(UsageError, match="10201 combinations"):
            TierScheme("big", dimensions, [Tier("A")], [TierRule("A")])

    @pytest.mark.parametrize(("tier", "tag", "says"), [("", None, "id of a tier"), ("A", "", "tag of tier")])
    def test_tier_refused(self, tier: str, tag: str | None, says: str) -> None:
        """A tier needs an id, and a tag needs a name."""
        with pytest.raises(UsageError, match=says):
            Tier(tier, tag)

    def test_rule_without_labels(self) -> None:
        """A rule that allows no label of a dimension is refused."""
        with pytest.raises(UsageError, match="could never apply"):
            TierRule("A", source=())

    def test_rule_repr(self) -> None:
        """A rule shows itself as it is written."""
        rule = TierRule("A", source="own", payment=("first", "repeat"))

        assert "TierRule('A', source='own', payment=('first', 'repeat'))" == repr(rule)
        assert rule == eval(repr(rule))

    def test_every_combination(self) -> None:
        """Every combination of labels has exactly the tier of the first rule that covers it."""
        it = scheme()
        for labels in product(*(d.labels_in_order for d in it.dimensions)):
            named = dict(zip(("source", "quality", "payment"), labels, strict=True))
            assert next(rule.tier for rule in TABLE if rule.covers(named)) == it.tier_of(named)

    def test_facts(self) -> None:
        """It names the facts it reads, in order."""
        assert ("channel", "points.points", "orders") == scheme().facts


class TestEvaluate:
    def test_first(self) -> None:
        """The first decision names every label."""
        decision = evaluate(scheme(), {"channel": "ad", "points.points": 120, "orders": 2}, None, NOW)

        assert "A" == decision.tier
        assert "first: source paid, quality high, payment repeat" == decision.reason

    def test_change(self) -> None:
        """A change names the labels that changed."""
        before = Previous("D", {"source": "other", "quality": "low", "payment": "none"}, NOW)

        decision = evaluate(scheme(), {"orders": 1}, before, NOW)

        assert ("C", "payment none -> first") == (decision.tier, decision.reason)

    def test_unchanged(self) -> None:
        """Nothing new is said to be unchanged."""
        first = evaluate(scheme(), {}, None, NOW)

        assert "unchanged" == evaluate(scheme(), {}, Previous(first.tier, first.labels, NOW), NOW).reason

    def test_dwell(self) -> None:
        """A worse tier waits until the stay is over, a better one does not."""
        week = scheme(timedelta(days=7))
        labels = {"source": "other", "quality": "high", "payment": "repeat"}
        before = Previous("A", labels, NOW)

        held = evaluate(week, {"orders": 2}, before, NOW + timedelta(days=6))
        after = Previous(held.tier, held.labels, NOW)
        fallen = evaluate(week, {"orders": 2}, after, NOW + timedelta(days=7))
        risen = evaluate(week, {"orders": 2, "points.points": 100}, Previous("C", held.labels, NOW), NOW)

        assert ("A", "stays until 2026-03-08 04:00 UTC, then C") == (held.tier, held.reason)
        assert ("C", "by source other, quality low, payment repeat") == (fallen.tier, fallen.reason)
        assert "A" == risen.tier

    def test_tier_is_gone(self) -> None:
        """A tier that a newer version no longer has is left at once."""
        assert "D" == evaluate(scheme(timedelta(days=7)), {}, Previous("S", {}, NOW), NOW).tier

    @given(FACTS, st.lists(FACTS, max_size=4))
    def test_total(self, facts: Mapping[str, object], earlier: list[Mapping[str, object]]) -> None:
        """Whatever the facts and the past, there is one tier; judging again changes nothing."""
        it = scheme()
        previous = None
        for at in [*earlier, facts]:
            decision = evaluate(it, at, previous, NOW)
            assert it.tier_of(decision.labels) == decision.tier
            previous = Previous(decision.tier, decision.labels, NOW)

        again = evaluate(it, facts, previous, NOW)

        assert (decision.tier, decision.labels, "unchanged") == (again.tier, again.labels, again.reason)


class TestSuggestBands:
    def test_quantiles(self) -> None:
        """Bands begin at the quantiles."""
        assert (Band("q1"), Band("q2", 26), Band("q3", 51), Band("q4", 76)) == suggest_bands(range(1, 101), 4)

    def test_ties(self) -> None:
        """Quantiles that are the same become one."""
        assert (Band("q1"), Band("q2", 5)) == suggest_bands([1, 1, 1, 1, 5, 9], 3)

    @pytest.mark.parametrize(("values", "n"), [([], 2), ([1.0], 1)])
    def test_refused(self, values: list[float], n: int) -> None:
        """Without values there is nothing to split, and one band splits nothing."""
        with pytest.raises(UsageError, match="needs values"):
            suggest_bands(values, n)

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.integers(2, 10))
    def test_makes_a_dimension(self, values: list[float], n: int) -> None:
        """Whatever the values, the bands make a dimension."""
        assert len(Dimension("paid", "gmv", suggest_bands(values, n)).bands) <= n
