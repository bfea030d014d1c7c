"""The promise, in every weather that a seed can make."""

from __future__ import annotations

import os
import subprocess
import sys

from pathlib import Path

import pytest

from tests.simulation.orders import KINDS
from tests.simulation.run import Weather, plan_of, simulate, worst


SEEDS = int(os.environ.get("PRIVDOM_SEEDS", "2000"))
_PARTS = 20
_DETERMINISM = """
from tests.simulation.orders import KINDS
from tests.simulation.run import plan_of, simulate
for seed in (3, 80, 239):
    print(sorted(simulate(plan_of(seed)).counts.items()))
"""


@pytest.mark.parametrize("part", range(_PARTS))
def test_promise(part: int) -> None:
    """Nothing happens twice and nothing is lost within the fault model; outside of it, under park, nothing happens twice."""
    bad = [v for seed in range(part, SEEDS, _PARTS) if not (v := simulate(plan_of(seed))).ok]

    assert not bad, worst(bad)


def test_weathers() -> None:
    """The seeds of one run show every weather, every kind of unit, and all that can befall a call."""
    plans = [plan_of(seed) for seed in range(500)]

    assert set(Weather) == {plan.weather for plan in plans}
    assert set(KINDS) == {kind for plan in plans for kind in plan.kinds}
    assert 10 == len({fate for plan in plans for fate, _ in plan.chances.fates})


def test_same_again() -> None:
    """One seed is one story, in any process: what it shows can be looked at again."""
    stories = [
        subprocess.run(
            [sys.executable, "-c", _DETERMINISM],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert stories[0] == stories[1] != ""
