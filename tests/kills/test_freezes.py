"""A worker is frozen for longer than its lease by SIGSTOP, and wakes up when others have done its work."""

from __future__ import annotations

import signal
import time

from collections import Counter
from pathlib import Path

import attrs
import pytest

from privdom.outbox import Policy, Unit, UnitState
from tests.kills import job
from tests.kills.harness import Harness, Nursery
from tests.kills.worker import Times


POINTS = ("after_arm", "before_check", "after_call", "in_look_up")
# A frozen process stands still in all its threads, each of which could be anywhere: one call at a time.
TIMES = Times(in_flight=1)


def _freeze(harness: Harness, slot: int, point: str) -> None:
    harness.want(slot, harness.task("worker", slot, freeze_at=point))
    harness.live(lambda: harness.is_stopped(slot), f"a worker stops {point}")


def _thaw(harness: Harness, slot: int) -> None:
    harness.signal(slot, signal.SIGCONT)
    harness.live_through_ticks([slot])


def _ends(harness: Harness) -> set[Unit]:
    # Sweeps go on, and count the fence up.
    return {attrs.evolve(u, due_at=None, fence=0) for u in harness.units()}


@pytest.mark.parametrize("policy", Policy)
def test_frozen_for_long(nursery: Nursery, database: str, tmp_path: Path, policy: Policy) -> None:
    """Whoever wakes up after others took over neither calls nor decides any more."""
    with Harness(nursery, database, tmp_path, workers=len(POINTS) + 1, policy=policy, waves=1, times=TIMES) as harness:
        harness.plan(1)
        frozen: set[str] = set()
        for slot, point in enumerate(POINTS[:3]):
            _freeze(harness, slot, point)
            frozen |= {u.id for u in harness.units() if u.state is UnitState.CALLING}
        harness.live(lambda: harness.due() >= 1, "a call is due for its look-up")
        _freeze(harness, 3, POINTS[3])
        harness.want(4, harness.task("worker", 4))
        harness.live(lambda: not harness.open(), "nobody waits for those who are frozen")
        decided = _ends(harness)
        for slot in range(len(POINTS)):
            _thaw(harness, slot)
        assert decided == _ends(harness)
        harness.finish()
        judgement = harness.judge()

        assert not judgement.duplicates
        assert not judgement.lost
        assert not judgement.wrong
        # Each leaves a note of what it knew: two that they have not called, one what WeCom answered.
        assert 3 == len(frozen)
        assert frozen == {u for u, history in harness.verdicts().items() if "late_answer" in dict(history)}
        assert (0 if policy is Policy.RESEND else 2) == judgement.parked
        verdicts = dict(judgement.verdicts)
        # On a machine that stalls, a call made again may be found before its answer is recorded.
        assert verdicts.pop("found") >= 1
        assert {("resent" if policy is Policy.RESEND else "parked"): 2, "late_answer": 3} == verdicts


def test_frozen_at_the_socket_within_the_model(nursery: Nursery, database: str, tmp_path: Path) -> None:
    """A pause between the last check and the socket that is shorter than ``settle`` does no harm."""
    with Harness(nursery, database, tmp_path, workers=2, policy=Policy.RESEND, waves=1, times=TIMES) as harness:
        harness.plan(1)
        _freeze(harness, 0, "at_socket")
        harness.want(1, harness.task("worker", 1))
        time.sleep(TIMES.settle / 2)
        _thaw(harness, 0)
        harness.live(lambda: not harness.open(), "everything is settled")
        harness.finish()

        assert job.expected(1) == job.done(harness.box)
        assert {UnitState.CONFIRMED} == {u.state for u in harness.units()}


@pytest.mark.parametrize("policy", Policy)
def test_frozen_at_the_socket_beyond_the_model(nursery: Nursery, database: str, tmp_path: Path, policy: Policy) -> None:
    """Where the pause is longer, `PARK` still calls once, and after `RESEND` the second message is cancelled."""
    with Harness(nursery, database, tmp_path, workers=2, policy=policy, waves=1, times=TIMES) as harness:
        harness.plan(1)
        _freeze(harness, 0, "at_socket")
        [victim] = [u for u in harness.units() if u.state is UnitState.CALLING]
        harness.want(1, harness.task("worker", 1))
        harness.live(lambda: not harness.open(), "nobody waits for who is frozen")
        _thaw(harness, 0)
        made = Counter(m.recipients for m in harness.box.record.messages if m.kind == "created")
        mine = tuple(job.marks(victim))
        if policy is Policy.PARK:
            assert 1 == made[mine]
            assert UnitState.PARKED == harness.unit(victim.id).state
            return
        assert 2 == made[mine]
        harness.live(lambda: any(m.kind == "cancelled" for m in harness.box.record.messages), "the second is cancelled")
        [gone] = [m.msgid for m in harness.box.record.messages if m.kind == "cancelled"]
        [left] = [m.msgid for m in harness.box.record.messages if m.recipients == mine and m.msgid != gone]
        assert left == harness.unit(victim.id).remote_id
