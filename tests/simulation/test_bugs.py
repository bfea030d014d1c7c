"""The simulation has teeth: each planted bug shows."""

from __future__ import annotations

import os

import pytest

from tests.simulation.bugs import BUGS, Bug, first_catch


# A run of the stress session looks long enough for the rarest; others are content with those that show soon.
SHORT = 200
SEEDS = int(os.environ.get("PRIVDOM_BUG_SEEDS", SHORT))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_planted(bug: Bug) -> None:
    """A mistake in what the promise stands on breaks it within so many seeds, unless another guard covers it."""
    if bug.rare and SEEDS < 5000:
        pytest.skip("shows too seldom for a short run: set PRIVDOM_BUG_SEEDS=5000")

    catch = first_catch(bug, range(min(SEEDS, SHORT) if bug.guarded else SEEDS))

    print(f"{bug.name}: {'no run shows it' if catch is None else f'seed {catch.seed}: {catch.fault}'}")
    assert (catch is None) == bug.guarded
