"""Decisions as values: what an error means, how long to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from privdom.errors import CursorLoop, MayHaveArrived, NotSent, PrivdomError, api_error
from privdom.outbox import OutboxSettings, Policy
from privdom.outbox.kind import Again, Candidate, Found, Lapsed, NotYet, Unclear
from privdom.outbox.rules import Lookup, back_off, decide, describe, judge, judge_preparation, look_failed
from privdom.outbox.verdicts import Confirm, Done, Doubt, LookAgain, Park, Refuse, Release, Verdict


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotSent("x"), timedelta(seconds=1)),
        (api_error(45009), timedelta(seconds=60)),
        (api_error(45033), timedelta(seconds=1)),
        (api_error(45035), timedelta(seconds=2)),
        (api_error(41063), timedelta(seconds=2)),
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
    assert Doubt(describe(error)) == judge(error, 1)
    assert Release(timedelta(seconds=20), describe(error)) == judge_preparation(error, 2)


@pytest.mark.parametrize(
    "error", [NotSent("x"), api_error(45009), api_error(45035), api_error(42001), api_error(45033), api_error(41063)]
)
def test_released_longer(error: PrivdomError) -> None:
    """What fails again waits twice as long, before the call and at it, and says why."""
    first, second = judge(error, 1), judge(error, 2)

    assert isinstance(first, Release)
    assert Release(2 * first.wait, describe(error)) == second
    assert second == judge_preparation(error, 2)


@pytest.mark.parametrize("error", [api_error(40001), api_error(60020), api_error(41001)])
def test_waits_for_repair(error: PrivdomError) -> None:
    """What somebody must repair is tried again at an even pace, however often it failed."""
    assert judge(error, 1) == judge(error, 9)
    assert describe(error) == judge(error, 1).reason


@pytest.mark.parametrize("errcode", [40128, 41094, 41210, 90507])
def test_too_long_to_wait_for(errcode: int) -> None:
    """A quota of days, or a transfer that runs, is a refusal: whoever planned the unit hears of it."""
    assert Refuse(describe(api_error(errcode)), errcode) == judge(api_error(errcode), 1)


def test_refused_in_doubt() -> None:
    """A refusal of a second call does not tell what became of the first, not even one that came before the call."""
    expected = Park(
        "refused now (errcode 41048: " + api_error(41048).meaning + "), but an earlier call may have arrived"
    )

    assert expected == judge(api_error(41048), 2, suspect=True)
    assert expected == judge_preparation(api_error(41048), 2, suspect=True)


def test_refuse() -> None:
    """A refusal is kept with its errcode, in our words: WeCom's may quote what was sent."""
    verdict = judge(api_error(41048, "no customer wm123 to send, hint: [1_2_3]"), 1)

    assert isinstance(verdict, Refuse)
    assert 41048 == verdict.code
    assert "wm123" not in verdict.reason
    assert f"errcode 41048: {api_error(41048).meaning}" == verdict.reason
    assert verdict == judge_preparation(api_error(41048), 1)


def test_back_off() -> None:
    """Each wait is twice the one before, up to 15 minutes, or the first where that is longer."""
    assert [1, 2, 4, 8] == [back_off(n).total_seconds() for n in (1, 2, 3, 4)]
    assert [1, 1] == [back_off(n).total_seconds() for n in (0, -1)]
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


def _candidate(remote_id: str | None, *, certain: bool = False, gone: bool = False, sent: bool = False) -> Candidate:
    return Candidate(Done(remote_id, None), certain, gone=gone, sent=sent)


def _confirm(remote_id: str) -> Confirm:
    return Confirm(Done(remote_id, None))


ABSENT = "WeCom does not show it"


@pytest.mark.parametrize(
    ("candidates", "changes", "expected"),
    [
        ([_candidate("a")], {}, _confirm("a")),
        ([_candidate("a"), _candidate("ours")], {}, _confirm("a")),
        ([_candidate("a"), _candidate("b", certain=True)], {"rivals": True}, _confirm("b")),
        ([_candidate("a", certain=True, gone=True)], {}, _confirm("a")),
        ([_candidate("a"), _candidate("b")], {}, Park("WeCom shows 2 tasks that could be this unit: a, b")),
        (
            [_candidate("a", certain=True), _candidate("b", certain=True)],
            {},
            Park("WeCom shows 2 tasks of this unit: a, b"),
        ),
        *(
            (
                [_candidate("a", certain=True, **a), _candidate("b", certain=True, **b)],
                {"undoes": True, "attempts": 2},
                attrs.evolve(_confirm(stays), twice=True),
            )
            for a, b, stays in [({}, {}, "a"), ({}, {"sent": True}, "b"), ({"gone": True}, {}, "b")]
        ),
        (
            [_candidate("a", certain=True), _candidate("b", certain=True)],
            {"undoes": True, "attempts": 1},
            Park("WeCom shows 2 tasks of this unit: a, b"),
        ),
        (
            [_candidate("a")],
            {"rivals": True},
            Park("a could be this unit or another one of the same content"),
        ),
        (
            [_candidate(None)],
            {"rivals": True},
            Park("one without an id could be this unit or another one of the same content"),
        ),
        (
            [_candidate("a", gone=True)],
            {},
            Park("a could be this unit, but was cancelled, and WeCom does not tell of whom it was"),
        ),
        ([], {}, LookAgain(SETTINGS.settle, ABSENT, absent=True)),
        (
            [_candidate("ours")],
            {"absent_seen": NOW - timedelta(seconds=59)},
            LookAgain(timedelta(seconds=1), ABSENT, absent=True),
        ),
        (
            [],
            {"absent_seen": NOW - timedelta(seconds=60)},
            Park("WeCom did not show it in two complete look-ups, which does not prove that it never will"),
        ),
        (
            [],
            {"absent_seen": NOW - timedelta(seconds=60), "policy": Policy.RESEND, "resent": 1},
            Release(timedelta(0), "WeCom did not show it in two complete look-ups: sent again"),
        ),
        (
            [],
            {"absent_seen": NOW - timedelta(seconds=60), "policy": Policy.RESEND, "resent": 2},
            Park("WeCom shows none of 3 calls, though each had its time"),
        ),
    ],
)
def test_decide(candidates: list[Candidate], changes: dict[str, Any], expected: Verdict) -> None:
    """One hit confirms, several park, and absence counts once it was seen twice, a settle time apart."""
    assert expected == decide(Found(tuple(candidates)), attrs.evolve(LOOKUP, **changes))


def test_decide_special() -> None:
    """What is still dispatched waits, what cannot be looked up parks, what is guarded is called again or lapses."""
    wait = timedelta(seconds=3)
    findings = [NotYet("a"), Unclear("b"), Again(wait, "c"), Lapsed("d")]
    expected = [LookAgain(SETTINGS.settle, "a"), Park("b"), Release(wait, "c"), Refuse("d")]

    assert expected == [decide(finding, LOOKUP) for finding in findings]


FAILED = "look-up failed: "
DISPATCHING, QUOTA, CONFLICT, UNSENT = api_error(41063), api_error(45009), api_error(45035), NotSent("x")
INHERITED = api_error(90507)


@pytest.mark.parametrize(
    ("harmless", "changes", "expected"),
    [
        (False, {}, Park("x")),
        (False, {"policy": Policy.RESEND}, Park("x")),
        (True, {}, Park("x")),
        (
            True,
            {"policy": Policy.RESEND, "resent": 1},
            Release(timedelta(0), "x; a second one harms nobody: called again"),
        ),
        (True, {"policy": Policy.RESEND, "resent": 2}, Park("none of 3 calls was answered; x")),
    ],
)
def test_decide_unclear(harmless: bool, changes: dict[str, Any], expected: Verdict) -> None:
    """What cannot be looked up is called again only where that harms nobody, the policy says so, and not for ever."""
    finding = Unclear("x", (_candidate("a", certain=True),), harmless=harmless)

    assert expected == decide(finding, attrs.evolve(LOOKUP, **changes))


@pytest.mark.parametrize(
    ("error", "failures", "expected"),
    [
        (DISPATCHING, 100, LookAgain(timedelta(seconds=60), FAILED + describe(DISPATCHING))),
        (QUOTA, 100, LookAgain(timedelta(seconds=60), FAILED + describe(QUOTA))),
        (CONFLICT, 100, LookAgain(timedelta(seconds=60), FAILED + describe(CONFLICT))),
        (UNSENT, 0, LookAgain(timedelta(seconds=45), FAILED + describe(UNSENT), failed=True)),
        (UNSENT, 3, LookAgain(timedelta(seconds=360), FAILED + describe(UNSENT), failed=True)),
        (UNSENT, 4, Park(FAILED + describe(UNSENT))),
        (INHERITED, 4, Park(FAILED + describe(INHERITED))),
    ],
)
def test_look_failed(error: PrivdomError, failures: int, expected: Verdict) -> None:
    """A look-up that fails is repeated, five times in a row at most; quotas and dispatching only take time."""
    settings = OutboxSettings(settle=timedelta(seconds=45))

    assert expected == look_failed(error, attrs.evolve(LOOKUP, failures=failures, settings=settings))


def test_long_settle() -> None:
    """Where WeCom is given longer to show things, a look-up that has to wait takes that time."""
    settings = OutboxSettings(settle=timedelta(minutes=5))
    verdict = look_failed(QUOTA, attrs.evolve(LOOKUP, settings=settings))

    assert LookAgain(timedelta(minutes=5), FAILED + describe(QUOTA)) == verdict
