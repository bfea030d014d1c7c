"""What the core may wait for: the protocols that both ports fulfil."""

from __future__ import annotations

import inspect

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import httpx

from privdom._port.streams import Incoming


__all__ = ["BLOCKS_PER_LIMIT", "Bell", "Clock", "Port", "SystemClock", "maybe_await"]

A = TypeVar("A")
R = TypeVar("R")

BLOCKS_PER_LIMIT = 8
"""
`Port.map` hands out its items in blocks of this many times the limit: a bounded
amount waits in memory, and no task group is open while the caller consumes.
"""


class Clock(Protocol):
    """Civil time: what is stored, and what schedules go by. May be virtual."""

    def now(self) -> datetime:
        """Return the present moment, aware."""
        ...


class SystemClock:
    """The machine's own clock, in UTC."""

    def now(self) -> datetime:
        """Return the present moment, aware."""
        return datetime.now(UTC)

    def __repr__(self) -> str:
        return "SystemClock()"


class Bell(Protocol):
    """Ends a wait early. Once rung it stays so, and may be rung from any thread, task or signal handler."""

    @property
    def rung(self) -> bool:
        """Whether it was rung."""
        ...

    def ring(self) -> None:
        """Wake whoever waits, and let nobody wait any more."""
        ...

    async def wait(self, seconds: float) -> bool:
        """Wait in real time until it is rung, at most *seconds*; return whether it was."""
        ...


class Port(Protocol):
    """What the core may wait for."""

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Write *request* once and return the whole answer."""
        ...

    def stream(self, request: httpx.Request) -> AbstractAsyncContextManager[Incoming]:
        """Write *request* once and give the head of the answer; its body is read within the block."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        ...

    def now(self) -> datetime:
        """Return civil time, which may be virtual; it is what gets stored."""
        ...

    def monotonic(self) -> float:
        """Return real seconds; they rule time-outs, quotas and the check at the socket."""
        ...

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return a new lock for the tasks or threads of this process."""
        ...

    def slots(self, n: int) -> AbstractAsyncContextManager[object]:
        """Return a gate that lets *n* tasks or threads of this process in at a time."""
        ...

    def bell(self) -> Bell:
        """Return a new bell."""
        ...

    def map(self, fn: Callable[[A], Coroutine[Any, Any, R]], items: Iterable[A], limit: int) -> AsyncGenerator[R, None]:
        """
        Yield ``fn(item)`` for each of *items*, in their order, at most *limit* in flight.

        *fn* returns its result and changes nothing that it closes over. The
        first error comes out bare, and nothing more is started after it.
        """
        ...

    async def offload(self, fn: Callable[[], R]) -> R:
        """Return ``fn()``, which may block, without blocking other tasks."""
        ...

    def shield(self) -> AbstractContextManager[object]:
        """Return a context in which cancellation waits."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


async def maybe_await(value: Awaitable[R] | R) -> R:
    """Return what a user's callback gave, which may be plain or async."""
    if inspect.isawaitable(value):
        return await value
    return value
