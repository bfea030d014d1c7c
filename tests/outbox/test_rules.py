"""Decisions as values: what an error means, how long to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from privdom.errors import CursorLoop, MayHaveArrived, NotSent, PrivdomError, api_error
from privdom.outbox import OutboxSettings, Policy
from privdom.outbox.kind import Again, Candidate, Found, Lapsed, NotYet, Unclear
from privdom.outbox.rules import Lookup, back_off, decide, judge, judge_preparation, look_failed
from privdom.outbox.verdicts import Confirm, Done, Doubt, LookAgain, Park, Refuse, Release


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotSent("x"), timedelta(seconds=1)),
        (api_error(45009), timedelta(seconds=60)),
        (api_error(45033), timedelta(seconds=1)),
        (api_error(45035), timedelta(seconds=2)),
        (api_error(42001), timedelta(seconds=2)),
        (api_error(40001), timedelta(hours=1)),
        (api_error(60020), timedelta(minutes=10)),
        (api_error(41001), timedelta(minutes=10)),
    ],
)
def test_released(error: PrivdomError, expected: timedelta) -> None:
    """What WeCom has not carried out for now is ready again later; an app's trouble costs no planned work."""
    verdict = judge(error, 1)

    assert isinstance(verdict, Release)
    assert expected == verdict.wait


@pytest.mark.parametrize("error", [MayHaveArrived("x"), api_error(-1), CursorLoop("x")])
def test_doubt(error: PrivdomError) -> None:
    """Everything else that is not WeCom's refusal leaves the fate open, but not that of a mere reading."""
    assert isinstance(judge(error, 1), Doubt)
    assert isinstance(judge_preparation(error, 1), Release)


def test_refuse() -> None:
    """A refusal is kept with its errcode, in our words: WeCom's may quote what was sent."""
    verdict = judge(api_error(41048, "no customer wm123 to send, hint: [1_2_3]"), 1)

    assert isinstance(verdict, Refuse)
    assert 41048 == verdict.code
    assert "wm123" not in verdict.reason
    assert verdict == judge_preparation(api_error(41048), 1)


def test_back_off() -> None:
    """Each wait is twice the one before, up to 15 minutes, or the first where that is longer."""
    assert [1, 2, 4, 8] == [back_off(n).total_seconds() for n in (1, 2, 3, 4)]
    assert timedelta(minutes=15) == back_off(1000)
    assert timedelta(hours=2) == back_off(7, timedelta(hours=2))


SETTINGS = OutboxSettings(settle=timedelta(minutes=1))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
LOOKUP = Lookup(
    now=NOW,
    policy=Policy.PARK,
    absent_seen=None,
    failures=0,
    settings=SETTINGS,
    taken=frozenset({"ours"}),
    rivals=False,
)


def _candidate(remote_id: str, *, certain: bool = False) -> Candidate:
    return Candidate(Done(remote_id, None), certain)


@pytest.mark.parametrize(
    ("candidates", "changes", "expected"),
    [
        ([_candidate("a")], {}, Confirm),
        ([_candidate("a"), _candidate("ours")], {}, Confirm),
        ([_candidate("a"), _candidate("b", certain=True)], {"rivals": True}, Confirm),
        ([_candidate("a"), _candidate("b")], {}, Park),
        ([_candidate("a", certain=True), _candidate("b", certain=True)], {}, Park),
        ([_candidate("a")], {"rivals": True}, Park),
        ([], {}, LookAgain),
        ([_candidate("ours")], {"absent_seen": NOW - timedelta(seconds=59)}, LookAgain),
        ([], {"absent_seen": NOW - timedelta(seconds=60)}, Park),
        ([], {"absent_seen": NOW - timedelta(seconds=60), "policy": Policy.RESEND}, Release),
    ],
)
def test_decide(candidates: list[Candidate], changes: dict[str, Any], expected: type[object]) -> None:
    """One hit confirms, several park, and absence counts once it was seen twice, a settle time apart."""
    assert isinstance(decide(Found(tuple(candidates)), attrs.evolve(LOOKUP, **changes)), expected)


def test_decide_special() -> None:
    """What is still dispatched waits, what cannot be looked up parks, what is guarded is called again or lapses."""
    findings = [NotYet("x"), Unclear("x"), Again(timedelta(0), "x"), Lapsed("x")]

    assert [LookAgain, Park, Release, Refuse] == [type(decide(finding, LOOKUP)) for finding in findings]


@pytest.mark.parametrize(
    ("harmless", "changes", "expected"),
    [
        (False, {}, Park),
        (False, {"policy": Policy.RESEND}, Park),
        (True, {}, Park),
        (True, {"policy": Policy.RESEND, "resent": 1}, Release),
        (True, {"policy": Policy.RESEND, "resent": 2}, Park),
    ],
)
def test_decide_unclear(harmless: bool, changes: dict[str, Any], expected: type[object]) -> None:
    """What cannot be looked up is called again only where that harms nobody, the policy says so, and not for ever."""
    finding = Unclear("x", (_candidate("a", certain=True),), harmless=harmless)

    assert isinstance(decide(finding, attrs.evolve(LOOKUP, **changes)), expected)


@pytest.mark.parametrize(
    ("error", "failures", "expected"),
    [
        (api_error(41063), 100, LookAgain),
        (api_error(45009), 100, LookAgain),
        (NotSent("x"), 3, LookAgain),
        (NotSent("x"), 4, Park),
    ],
)
def test_look_failed(error: PrivdomError, failures: int, expected: type[object]) -> None:
    """A look-up that fails is repeated, five times in a row at most; quotas and dispatching only take time."""
    assert isinstance(look_failed(error, attrs.evolve(LOOKUP, failures=failures)), expected)
