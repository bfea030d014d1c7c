"""Migrations against the sandbox: waves, refusals, full takeover staff, lost answers, crashes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from tests.migration.corp import PLAN, Corp, fill_mirror, new_sandbox, policy

from privdom.sandbox import Rules
from privdom.store import Store


@pytest.fixture
def memory() -> Store:
    return Store("sqlite://")


def test_everybody_moves_in_waves(on_port, memory):
    """Without refusals every customer moves, wave after wave, and the report says so."""
    box = new_sandbox({"ann": 5, "bob": 4}, takeover={"tom": 100, "una": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        plan = await corp.migration.plan(
            PLAN, handover=["ann", "bob"], takeover={"tom": None, "una": 50}, policy=policy(wave_size=4)
        )
        await corp.drive()
        return plan, await corp.migration.report(PLAN), corp.starts()

    plan, report, starts = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (9, 3) == (plan.moves, plan.estimate.waves)
    assert report.finished
    assert 100.0 == report.total.moved_percent
    assert {1: 4, 2: 4, 3: 1} == {wave: tally.succeeded for wave, tally in report.waves.items()}
    assert {1} == set(starts.values())
    assert 9 == len(starts)
