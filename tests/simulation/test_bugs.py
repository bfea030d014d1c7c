"""The simulation has teeth: each planted bug shows."""

from __future__ import annotations

import os

import pytest

from tests.simulation.bugs import BUGS, Bug, first_catch


# A run of the stress session looks from the first seed on, others from one that is known to show it.
SHORT = 200
SEEDS = int(os.environ.get("PRIVDOM_BUG_SEEDS", "0"))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_planted(bug: Bug) -> None:
    """A mistake in what the promise stands on breaks it within so many seeds, unless another guard covers it."""
    first, count = (0, SEEDS) if SEEDS else (bug.seen, SHORT)
    catch = first_catch(bug, range(first, first + (SHORT if bug.guarded else count)))

    print(f"{bug.name}: {'no run shows it' if catch is None else f'seed {catch.seed}: {catch.fault}'}")
    assert (catch is None) == bug.guarded
