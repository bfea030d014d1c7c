"""
The gate: whom a message may reach, and when.

Pure: moments and counts come in, decisions come out. A customer held back here
is told apart by name, so that nobody behind is blocked and a journey can go on
without the message.
"""

from __future__ import annotations

import calendar

from collections.abc import Iterable, Mapping, Set
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Literal

import attrs

from privdom.errors import UsageError


__all__ = ["CHINA", "Decision", "Gate", "QuietHours", "ReachCap", "decide"]

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""The time zone WeCom counts its own quotas in."""


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
    How many messages may reach one customer, or one customer group, in a calendar day, week (from Monday) or month.

    Without a limit it is WeCom's own (documentation 92135): 1 a day, 7 a week,
    or as many a month as the month has days, as the admin console is set. WeCom
    counts on delivery and members' own messages too, so that it may deliver less
    than this allows; such recipients show status 3 in the send result.

    Raises:
        UsageError: The limit is negative. 0 lets nothing through.
    """

    per: Literal["day", "week", "month"] = "month"
    limit: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            msg = f"a reach cap of {self.limit} means nothing: give 0 or more, or None for WeCom's own limit"
            raise UsageError(msg)

    def window(self, at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
        """Return the first moment of the window that holds *at*, and the first one after it."""
        day = at.astimezone(zone).date()
        if self.per == "day":
            first, last = day, day
        elif self.per == "week":
            first = day - timedelta(days=day.weekday())
            last = first + timedelta(days=6)
        else:
            first, last = day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])
        midnight = time(tzinfo=zone)
        return datetime.combine(first, midnight), datetime.combine(last + timedelta(days=1), midnight)

    def limit_at(self, at: datetime, zone: tzinfo) -> int:
        """Return how many messages the window that holds *at* allows."""
        if self.limit is not None:
            return self.limit
        local = at.astimezone(zone)
        return {"day": 1, "week": 7, "month": calendar.monthrange(local.year, local.month)[1]}[self.per]


@attrs.frozen
class Gate:
    """The rules that every message to customers must pass; None leaves a rule out."""

    cap: ReachCap | None = attrs.field(factory=ReachCap)
    quiet: QuietHours | None = None
    zone: tzinfo = CHINA

    def open_at(self, at: datetime) -> datetime:
        """Return *at* if no quiet hours hold it, otherwise the moment they end."""
        while self.quiet is not None and self.quiet.contain((local := at.astimezone(self.zone)).time()):
            # Where clocks are set back, the end may come twice: the one on the same side of the change counts.
            end = datetime.combine(local.date(), self.quiet.end, self.zone).replace(fold=local.fold)
            if local.time() >= self.quiet.end:
                end = datetime.combine(local.date() + timedelta(days=1), self.quiet.end, self.zone)
            at = end.astimezone(at.tzinfo)
        return at


@attrs.frozen
class Decision:
    """Who passes the gate, in the order given, and who is held back by what."""

    allowed: tuple[str, ...]
    capped: tuple[str, ...]
    suppressed: tuple[str, ...]


def decide(subjects: Iterable[str], *, used: Mapping[str, int], limit: int | None, suppressed: Set[str]) -> Decision:
    """
    Sort *subjects* into those who may be reached and those who may not.

    Args:
        used: How many messages each has had in the window; absent means none.
        limit: How many the window allows; None: any number.
        suppressed: Who must not be messaged at all.
    """
    allowed: list[str] = []
    capped: list[str] = []
    silenced: list[str] = []
    for subject in subjects:
        if subject in suppressed:
            silenced.append(subject)
        elif limit is not None and used.get(subject, 0) >= limit:
            capped.append(subject)
        else:
            allowed.append(subject)
    return Decision(tuple(allowed), tuple(capped), tuple(silenced))
