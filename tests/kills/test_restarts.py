"""PostgreSQL is restarted in the middle of everything."""

from __future__ import annotations

import os

from pathlib import Path

import attrs

from privdom.outbox import Policy
from tests.kills.harness import Harness, Nursery
from tests.postgres import server


RESTARTS = int(os.environ.get("PRIVDOM_RESTARTS", "4"))


def test_restarts(nursery: Nursery, tmp_path: Path) -> None:
    """Workers and planners get a `StoreError`, go on when the database is there again, and nothing is twice or lost."""
    with (
        server(fsync=True) as (url, restart),
        Harness(
            nursery, f"{url}/postgres", tmp_path, workers=3, policy=Policy.RESEND, waves=200 + 20 * RESTARTS
        ) as harness,
    ):
        for _ in range(RESTARTS):
            harness.restart(restart)
        harness.finish_planning()
        harness.finish()
        judgement = harness.judge()

        assert judgement.clean, f"{attrs.asdict(judgement)}\n{harness.diagnosis()}"
        assert {"StoreError"} == harness.errors().keys()
