"""
The gate: whom a message may reach, and when.

Pure: moments and counts come in, decisions come out. A customer held back here
is told apart by name, so that nobody behind is blocked and a journey can go on
without the message.
"""

from __future__ import annotations

import calendar

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from typing import Literal, TypeAlias, get_args

import attrs

from privdom.errors import UsageError


__all__ = [
    "CHINA",
    "MARKETING",
    "SERVICE",
    "STAFF",
    "Bound",
    "Decision",
    "FrequencyRule",
    "Gate",
    "QuietHours",
    "ReachCap",
    "decide",
]

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""The time zone WeCom counts its own quotas in."""
MARKETING = "marketing"
"""The category of a message that names none."""
SERVICE = "service"
"""The category that a `Gate` keeps its ``reserve`` for."""
STAFF = ""
"""The category of what staff send on their own: none that a plan can have."""

Period: TypeAlias = Literal["day", "week", "month"]
_PERIODS = get_args(Period)
_A_MOMENT = timedelta(microseconds=1)


def _window(per: Period, at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the first moment of the calendar's window that holds *at*, and the first one after it, in UTC."""
    day = at.astimezone(zone).date()
    if per == "day":
        first, last = day, day
    elif per == "week":
        first = day - timedelta(days=day.weekday())
        last = first + timedelta(days=6)
    else:
        first, last = day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
    midnight = time(tzinfo=zone)
    # In UTC: two moments of one zone are compared by their wall clocks, which a change to winter time sets back.
    start = datetime.combine(first, midnight).astimezone(UTC)
    return start, datetime.combine(last + timedelta(days=1), midnight).astimezone(UTC)


@attrs.frozen
class QuietHours:
    """
    Hours in which no message goes out, every day: from *start* up to *end*, over midnight if *end* is earlier.

    Raises:
        UsageError: Both are the same, which could mean always or never.
    """

    start: time
    end: time

    def __attrs_post_init__(self) -> None:
        if self.start == self.end:
            msg = "quiet hours that start when they end could mean always or never: leave them out, or change one"
            raise UsageError(msg)

    def contain(self, local: time) -> bool:
        """Whether it is quiet at this local time; *end* itself is not."""
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


@attrs.frozen
class ReachCap:
    """
    How many messages may reach one customer, or one customer group, in a day, week (from Monday) or month of UTC+8.

    Without a limit it is WeCom's own (documentation 92135): 1 a day, 7 a week,
    or as many a month as the month has days, as the admin console is set. It
    counts what we plan and what staff were seen to send on their own. WeCom
    counts on delivery, so that it may deliver less than this allows; such
    recipients show status 3 in the send result.

    Raises:
        UsageError: The limit is negative (0 lets nothing through), or there is no such window.
    """

    per: Period = "month"
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.per not in _PERIODS:
            msg = f"a reach cap has one of WeCom's windows, not {self.per!r}: give 'day', 'week' or 'month'"
            raise UsageError(msg)
        if self.limit is not None and self.limit < 0:
            msg = f"a reach cap of {self.limit} means nothing: give 0 or more, or None for WeCom's own limit"
            raise UsageError(msg)

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """Return the first moment of the window that holds *at*, and the first one after it, in UTC."""
        return _window(self.per, at, CHINA)

    def limit_at(self, at: datetime) -> int:
        """Return how many messages the window that holds *at* allows."""
        if self.limit is not None:
            return self.limit
        local = at.astimezone(CHINA)
        return {"day": 1, "week": 7, "month": calendar.monthrange(local.year, local.month)[1]}[self.per]


@attrs.frozen
class FrequencyRule:
    """
    How many messages of one category a customer, or a customer group, may have.

    Args:
        limit: 0 lets none through. A rule that should not hold is left out of the `Gate`.
        per: A day, week (from Monday) or month of the gate's zone, or a time span that ends with each message:
            ``timedelta(days=7)`` means that no seven days hold more.
        category: Whose messages it counts and holds back; None: all, service messages and those of staff included.

    Raises:
        UsageError: The limit is negative, there is no such window, the span is not longer than nothing, or the
            category is empty.
    """

    limit: int
    per: Period | timedelta = "week"
    category: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit < 0:
            msg = f"a frequency rule of {self.limit} means nothing: give 0 or more, or leave the rule out"
            raise UsageError(msg)
        if not isinstance(self.per, timedelta) and self.per not in _PERIODS:
            msg = f"a frequency rule has a window, not {self.per!r}: give 'day', 'week', 'month', or a timedelta"
            raise UsageError(msg)
        if isinstance(self.per, timedelta) and self.per <= timedelta(0):
            msg = "the span of a frequency rule must be longer than nothing"
            raise UsageError(msg)
        if self.category == "":
            msg = "the category of a frequency rule is empty: name one, or give None for all"
            raise UsageError(msg)

    def __str__(self) -> str:
        span = f"in {self.per}" if isinstance(self.per, timedelta) else f"a {self.per}"
        return f"{self.limit} {span} of {self.category or 'all categories'}"


@attrs.frozen
class Bound:
    """One limit at one moment: at most ``limit`` messages that it counts, from ``start`` up to ``end``."""

    rule: str
    start: datetime
    end: datetime
    limit: int
    until: datetime
    """When all that it counts now has left its window."""
    only: str | None = None
    """The only category that it counts."""
    spared: str | None = None
    """The only category that it does not count."""

    def counts(self, category: str) -> bool:
        """Whether a message of *category* counts."""
        return category != self.spared and self.only in {None, category}


def _rules(values: Iterable[FrequencyRule]) -> tuple[FrequencyRule, ...]:
    return tuple(values)


@attrs.frozen
class Gate:
    """
    The rules that every mass message to customers and groups must pass.

    Args:
        cap: What WeCom allows; None: no cap.
        rules: Rules of your own.
        reserve: How many messages of the cap's window are kept for the category ``"service"``: all others together,
            those of staff included, get no more than the rest.
        quiet: When no message goes out; None: at no time.
        zone: The time zone of the quiet hours and of the rules. WeCom's cap is in UTC+8, wherever the corp is.

    Raises:
        UsageError: The reserve is negative, or there is no cap to keep it from.
    """

    cap: ReachCap | None = attrs.field(factory=ReachCap)
    quiet: QuietHours | None = None
    zone: tzinfo = CHINA
    rules: tuple[FrequencyRule, ...] = attrs.field(default=(), converter=_rules)
    reserve: int = 0

    def __attrs_post_init__(self) -> None:
        if self.reserve < 0:
            msg = "reserve must not be negative: 0 keeps nothing"
            raise UsageError(msg)
        if self.reserve and self.cap is None:
            msg = "there is no cap to keep a reserve from: give cap=, or leave reserve out"
            raise UsageError(msg)

    def open_at(self, at: datetime) -> datetime:
        """Return *at* if no quiet hours hold it, otherwise the moment they end."""
        while self.quiet is not None and self.quiet.contain((local := at.astimezone(self.zone)).time()):
            # Where clocks are set back, the end may come twice: the one on the same side of the change counts.
            end = datetime.combine(local.date(), self.quiet.end, self.zone).replace(fold=local.fold)
            if local.time() >= self.quiet.end:
                end = datetime.combine(local.date() + timedelta(days=1), self.quiet.end, self.zone)
            at = end.astimezone(at.tzinfo)
        return at

    def bounds(self, at: datetime, category: str) -> tuple[Bound, ...]:
        """Return what limits a message of *category* at this moment."""
        at = at.astimezone(UTC)
        found: list[Bound] = []
        if self.cap is not None:
            start, end = self.cap.window(at)
            limit = self.cap.limit_at(at)
            found.append(Bound(f"the reach cap of {limit} a {self.cap.per}", start, end, limit, end))
            if self.reserve and category != SERVICE:
                name = f"the reserve of {self.reserve} for {SERVICE}"
                found.append(Bound(name, start, end, max(limit - self.reserve, 0), end, spared=SERVICE))
        for rule in self.rules:
            if rule.category not in {None, category}:
                continue
            if isinstance(rule.per, timedelta):
                start, end, until = at - rule.per + _A_MOMENT, at + _A_MOMENT, at + rule.per
            else:
                start, end = _window(rule.per, at, self.zone)
                until = end
            found.append(Bound(f"the rule {rule}", start, end, rule.limit, until, only=rule.category))
        return tuple(found)


@attrs.frozen
class Decision:
    """Who passes the gate, in the order given, and who is held back by what."""

    allowed: tuple[str, ...]
    capped: tuple[str, ...]
    suppressed: tuple[str, ...]


def decide(
    subjects: Iterable[str], *, used: Mapping[str, Sequence[int]], bounds: Sequence[Bound], suppressed: Set[str]
) -> Decision:
    """
    Sort *subjects* into those who may be reached and those who may not.

    Args:
        used: How many messages each has had that count, by bound; absent means none.
        bounds: What limits this message.
        suppressed: Who must not get it at all.
    """
    allowed: list[str] = []
    capped: list[str] = []
    silenced: list[str] = []
    nothing = (0,) * len(bounds)
    for subject in subjects:
        if subject in suppressed:
            silenced.append(subject)
        elif any(count >= bound.limit for count, bound in zip(used.get(subject, nothing), bounds, strict=True)):
            capped.append(subject)
        else:
            allowed.append(subject)
    return Decision(tuple(allowed), tuple(capped), tuple(silenced))
