"""Decisions as values: what an error means, how long to wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from privdom.errors import CursorLoop, MayHaveArrived, NotSent, PrivdomError, api_error
from privdom.outbox.rules import back_off, judge, judge_preparation
from privdom.outbox.verdicts import Doubt, Refuse, Release


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
