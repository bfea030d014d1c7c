"""What is left, decided from counts and moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from privdom.outbox import Budget, Touch
from privdom.outbox.budgets import budget_of, possible
from privdom.outbox.gate import Bound


NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def _bound(rule: str, limit: int, days: int = 1, **whose: str) -> Bound:
    return Bound(rule, NOW, NOW + days * DAY, limit, NOW + days * DAY, **whose)


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ((0, 0, 0), Budget(2, "long", NOW + 3 * DAY)),
        ((1, 0, 0), Budget(1, "short", NOW + DAY)),
        ((2, 2, 0), Budget(0, "long", NOW + 3 * DAY)),
        ((5, 0, 0), Budget(0, "short", NOW + DAY)),
        ((0, 0, 9), Budget(0, "wide", NOW + 2 * DAY)),
    ],
)
def test_what_binds(used: tuple[int, ...], expected: Budget) -> None:
    """The limit that leaves least is told, of equal ones the one that lasts longest; never less than nothing is left."""
    bounds = [_bound("short", 2), _bound("long", 2, 3), _bound("wide", 9, 2)]

    assert expected == budget_of(used, bounds, suppressed=False)
    assert Budget(0, "suppressed", None) == budget_of(used, bounds, suppressed=True)


def test_nothing_binds() -> None:
    """Without limits nothing is told, but that somebody opted out."""
    assert Budget(None, None, None) == budget_of((), [], suppressed=False)
    assert Budget(0, "suppressed", None) == budget_of((), [], suppressed=True)


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        (NOW - timedelta(microseconds=1), True),
        (NOW, False),
        (NOW + DAY - timedelta(microseconds=1), False),
        (NOW + DAY, True),
    ],
)
def test_possible_by_window(at: datetime, fits: bool) -> None:
    """Only what a subject had in the window counts, its start included and its end not."""
    assert (fits,) == possible([(at, "news")], [(Touch(NOW), NOW, [_bound("x", 1)])], [])


def test_possible_one_after_another() -> None:
    """What goes out leaves less to what follows; what is held back leaves its place; each category by its limits."""
    both = [_bound("all", 2), _bound("news", 1, only="news")]
    touches = [
        (Touch(NOW, "gone"), NOW, both[:1]),
        (Touch(NOW, "news"), NOW, both),
        (Touch(NOW, "news"), NOW, both),
        (Touch(NOW, "survey"), NOW, both[:1]),
        (Touch(NOW, "survey"), NOW, both[:1]),
        (Touch(NOW, "free"), NOW, []),
    ]
    had = [(NOW - DAY, "news")]

    assert (False, True, False, True, False, True) == possible(had, touches, {"gone"})
    assert [(NOW - DAY, "news")] == had
    assert () == possible(had, [], set())
