"""
What the gate would still let through: upper bounds, before anything is planned.

Upper bounds, since staff send on their own, others plan too, and customers opt out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import attrs

from privdom.errors import UsageError
from privdom.outbox.gate import MARKETING, Bound
from privdom.outbox.units import counted


__all__ = ["Budget", "Forecast", "Touch", "TouchForecast", "budget_of", "possible"]

_SUPPRESSED = "suppressed"


@attrs.frozen
class Budget:
    """How many more messages of a category may reach one customer or one group at a moment: an upper bound."""

    left: int | None
    """None: nothing limits them."""
    by: str | None
    """What leaves the least: the reach cap, the reserve, a rule, or that the subject is suppressed."""
    until: datetime | None
    """When all that this counts now has left its window, in UTC; None: never by itself."""


def _aware(_: object, attribute: attrs.Attribute[datetime], value: datetime) -> None:
    if value.utcoffset() is None:
        msg = f"the {attribute.name} of a touch must be aware: datetime(..., tzinfo=...)"
        raise UsageError(msg)


@attrs.frozen
class Touch:
    """One message of a plan, to every subject of it."""

    at: datetime = attrs.field(validator=_aware)
    category: str = MARKETING


@attrs.frozen
class TouchForecast:
    """Whom one touch could reach."""

    touch: Touch
    at: datetime
    """When it would go out: not in the past, and not in quiet hours."""
    possible: int
    """How many subjects it could reach."""


@attrs.frozen
class Forecast:
    """How many of a plan's messages the gate would let through, if nothing else were sent: an upper bound."""

    asked: int
    possible: int
    touches: tuple[TouchForecast, ...]
    """In the order given."""
    short: Mapping[str, int] = attrs.field(repr=counted)
    """Who would not get all of them, and how many they would miss."""


def budget_of(used: Sequence[int], bounds: Sequence[Bound], *, suppressed: bool) -> Budget:
    """Return what is left to a subject who has *used* so many of each of *bounds*."""
    if suppressed:
        return Budget(0, _SUPPRESSED, None)
    left = [(max(bound.limit - count, 0), bound) for count, bound in zip(used, bounds, strict=True)]
    if not left:
        return Budget(None, None, None)
    least = min(number for number, _ in left)
    # Of several that leave as little, the one that does so longest.
    binding = max((bound for number, bound in left if number == least), key=lambda bound: bound.until)
    return Budget(least, binding.rule, binding.until)


def possible(
    had: Collection[tuple[datetime, str]],
    touches: Sequence[tuple[Touch, datetime, Sequence[Bound]]],
    suppressed: Collection[str],
) -> tuple[bool, ...]:
    """
    Return which of *touches*, in the order of time, could reach a subject.

    Args:
        had: When the subject had, or shall have, a message, and of which category.
        touches: Each with its moment, and what limits it then.
        suppressed: The categories of which the subject must get nothing.
    """
    had = list(had)
    reached: list[bool] = []
    for touch, at, bounds in touches:
        fits = touch.category not in suppressed and all(
            sum(bound.counts(category) and bound.start <= when < bound.end for when, category in had) < bound.limit
            for bound in bounds
        )
        if fits:
            had.append((at, touch.category))
        reached.append(fits)
    return tuple(reached)
