"""A process dies at each single point of its work, and at each pair of them."""

from __future__ import annotations

import os

from collections.abc import Iterator

import pytest

from tests.simulation.orders import KINDS
from tests.simulation.run import Plan, Verdict, Weather, simulate, worst
from tests.simulation.world import Chances, Fate


# A call that is looked up passes three times as many points, which makes nine times as many pairs.
_LONG = "PRIVDOM_PAIRS" in os.environ


def _plan(kind: str, first: Fate) -> Plan:
    return Plan(1, Weather.RESEND, Chances(first=first), (kind,), workers=1, sweep_for=1.0)


def _crashes(plan: Plan, before: tuple[int, ...] = ()) -> Iterator[Verdict]:
    """Yield what comes of dying at each point after *before*, as long as the work goes."""
    point = before[-1] if before else 0
    while True:
        point += 1
        verdict = simulate(plan, crash_at=(*before, point))
        if verdict.counts["crashes"] <= len(before):
            return
        yield verdict


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        *((kind, first) for kind in KINDS for first in ("well", "lost_response")),
        ("link", "lost_request"),
        ("text", "late"),
    ],
)
def test_each_point(kind: str, first: Fate) -> None:
    """Whatever transaction or exchange a process has just begun or ended when it dies, each unit happens once."""
    verdicts = list(_crashes(_plan(kind, first)))

    bad = [v for v in verdicts if not v.ok]
    assert not bad, worst(bad)
    # Plan, arm, call, confirm: each with a point before and after.
    assert len(verdicts) >= 8


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("link", "well"),
        ("transfer", "well"),
        pytest.param(
            "text",
            "lost_response",
            marks=pytest.mark.skipif(not _LONG, reason="too many pairs for every run: nox -s stress tries them"),
        ),
    ],
)
def test_each_pair(kind: str, first: Fate) -> None:
    """The same where the process that takes over dies too, at each later point."""
    plan = _plan(kind, first)
    runs, bad = 0, []
    point = 0
    while (one := simulate(plan, crash_at=(point := point + 1,))).counts["crashes"]:
        assert one.ok
        for verdict in _crashes(plan, (point,)):
            runs += 1
            if not verdict.ok:
                bad.append(verdict)

    assert not bad, worst(bad)
    assert runs > 100
