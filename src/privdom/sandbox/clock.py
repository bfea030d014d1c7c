"""A clock that moves only when told, and the agenda of what falls due on the way."""

from __future__ import annotations

import heapq

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, Protocol

import attrs


if TYPE_CHECKING:
    from privdom.sandbox.world import World


__all__ = ["CHINA", "Agenda", "Due", "Job", "VirtualClock"]

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

    def restore(self, when: datetime) -> None:
        """Stand at *when*, be it earlier or later."""
        self._now = when.astimezone(UTC)

    def __repr__(self) -> str:
        return f"<VirtualClock {self._now:%Y-%m-%d %H:%M:%S} UTC>"


class Due(Protocol):
    """What is to be done at some time: an attrs class of data only, so that a snapshot can hold it."""

    def run(self, world: World) -> None:
        """Do it."""
        ...


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
    due: Due = attrs.field(order=False)
    unlocked: bool = attrs.field(order=False, default=False)


@attrs.define
class Agenda:
    """What will happen, by time; ``jobs`` is a heap."""

    jobs: list[Job] = attrs.Factory(list[Job])
    booked: int = 0

    def book(self, when: datetime, key: str, due: Due, *, unlocked: bool = False) -> None:
        """Have *due* run when the clock passes *when*."""
        self.booked += 1
        heapq.heappush(self.jobs, Job(when, key, self.booked, due, unlocked))

    def take(self, until: datetime) -> Job | None:
        """Take the next job that falls due by *until*."""
        if self.jobs and self.jobs[0].when <= until:
            return heapq.heappop(self.jobs)
        return None

    def next_at(self) -> datetime | None:
        """Return when the next job falls due."""
        return self.jobs[0].when if self.jobs else None
