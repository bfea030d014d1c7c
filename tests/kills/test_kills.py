"""Workers and planners are killed, in each phase of a call and at random moments."""

from __future__ import annotations

import os

from pathlib import Path

import attrs
import pytest

from privdom.outbox import Policy
from tests.kills.harness import PHASES, Harness, Nursery, Odds


KILLS = int(os.environ.get("PRIVDOM_KILLS", "100"))
"""How many processes are killed on each database."""


@pytest.mark.parametrize(
    ("workers", "policy", "share"),
    [
        pytest.param(1, Policy.RESEND, 0.3, id="one_worker"),
        pytest.param(3, Policy.RESEND, 0.4, id="three_workers"),
        pytest.param(3, Policy.PARK, 0.3, id="three_workers_park"),
    ],
)
def test_kills(nursery: Nursery, database: str, tmp_path: Path, workers: int, policy: Policy, share: float) -> None:
    """Nothing happens twice, nothing is lost, only what a kill hit is parked, and no doubt lasts longer than it may."""
    kills = int(KILLS * share)
    with Harness(
        nursery, database, tmp_path, workers=workers, policy=policy, seed=kills, waves=200 + 6 * kills
    ) as harness:
        # At least one of each phase, and the rest as it comes.
        for phase in PHASES:
            harness.run(1, Odds(call=0.3, phases=(phase,)))
        harness.run(kills - len(PHASES) - 1, Odds(call=0.2, look_up=0.01, pause=(10, 80)))
        # The last one leaves a doubt that nobody disturbs.
        harness.run(1, Odds(call=1.0, phases=("never_arrives",)))
        harness.finish_planning()
        harness.finish()
        judgement = harness.judge()

        assert judgement.clean, f"{attrs.asdict(judgement)}\n{harness.diagnosis()}"
        assert kills <= sum(judgement.kills.values())
        assert set(PHASES) <= judgement.kills.keys()
        assert judgement.measured > 0
        assert (judgement.parked > 0) == (policy is Policy.PARK)
