"""A clock that moves only when told, and the agenda of what falls due on the way."""

from __future__ import annotations

import heapq

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import attrs


__all__ = ["CHINA", "Agenda", "Job", "VirtualClock"]

CHINA: Final = timezone(timedelta(hours=8))
"""WeCom counts days, weeks and months in UTC+8."""


class VirtualClock:
    """Civil time of the sandbox: aware, in UTC, standing still until `Sandbox.advance_to` moves it."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            msg = "the time must be aware: give it a tzinfo, such as datetime.UTC"
            raise ValueError(msg)
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        """Return the present moment, aware."""
        return self._now

    def timestamp(self) -> int:
        """Return the present moment in unix seconds, as WeCom's fields have it."""
        return int(self._now.timestamp())

    def move(self, when: datetime) -> None:
        """Move forward; an earlier time changes nothing."""
        if when > self._now:
            self._now = when.astimezone(UTC)

    def __repr__(self) -> str:
        return f"<VirtualClock {self._now:%Y-%m-%d %H:%M:%S} UTC>"


@attrs.frozen(order=True)
class Job:
    """
    Something that falls due.

    Jobs run in the order of ``when``, then of ``key``, which holds ids only, so
    that the order in which they were booked does not matter. ``unlocked`` jobs
    talk to somebody else's process and run without the lock on the state.
    """

    when: datetime
    key: str
    number: int
    action: Callable[[], None] = attrs.field(order=False)
    unlocked: bool = attrs.field(order=False, default=False)


class Agenda:
    """What will happen, by time."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._booked = 0

    def book(self, when: datetime, key: str, action: Callable[[], None], *, unlocked: bool = False) -> None:
        """Have *action* run when the clock passes *when*."""
        self._booked += 1
        heapq.heappush(self._jobs, Job(when, key, self._booked, action, unlocked))

    def due(self, until: datetime) -> Job | None:
        """Take the next job that falls due by *until*."""
        if self._jobs and self._jobs[0].when <= until:
            return heapq.heappop(self._jobs)
        return None

    def next_at(self) -> datetime | None:
        """Return when the next job falls due."""
        return self._jobs[0].when if self._jobs else None

    def __len__(self) -> int:
        return len(self._jobs)
