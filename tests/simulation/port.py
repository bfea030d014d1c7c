"""A port on which every wait is a decision of the simulation: to go on, to pause, or to die."""

from __future__ import annotations

import contextlib
import types

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol, TypeVar

import attrs
import httpx


__all__ = ["Crash", "Point", "Process", "SimPort", "Simulated", "Wait", "point", "wait"]

A = TypeVar("A")
R = TypeVar("R")


class Crash(BaseException):
    """The end of a process, in the middle of anything."""


@attrs.frozen
class Point:
    """A place where a process may die, be paused, or be overtaken by others."""

    name: str


@attrs.frozen
class Wait:
    """Nothing to do for so many seconds."""

    seconds: float


Step = Point | Wait


@types.coroutine
def _give(step: Step) -> Generator[Step, None, None]:
    yield step


async def point(name: str) -> None:
    """Let the simulation decide what happens here."""
    await _give(Point(name))


async def wait(seconds: float) -> None:
    """Let *seconds* of virtual time pass for this process."""
    await _give(Wait(max(seconds, 0.0)))


class Simulated(Protocol):
    """What a port needs of the world around it."""

    def seconds(self) -> float:
        """Return virtual seconds since the beginning."""
        ...

    def now(self) -> datetime:
        """Return virtual civil time, as WeCom has it."""
        ...

    def choose(self, n: int) -> int:
        """Return one of *n* numbers by chance."""
        ...

    async def exchange(self, process: Process, request: httpx.Request, checked_at: float) -> httpx.Response:
        """Write *request*, and give the answer or fail."""
        ...


@attrs.define(eq=False)
class Process:
    """One process, with a clock of its own that may be wrong by *skew*."""

    name: str
    skew: timedelta = timedelta(0)
    wake: float = 0.0
    lives: int = 0
    coroutine: Coroutine[Step, None, None] | None = None


class SimPort:
    """
    The port of one process.

    All that it does, transactions, exchanges, locks, is a `Point` before and after.
    """

    def __init__(self, world: Simulated, process: Process) -> None:
        self._world, self._process = world, process

    async def send(self, request: httpx.Request) -> httpx.Response:
        # The caller has looked at the clock right before: between that and the first byte a process may be paused.
        checked_at = self._world.seconds()
        await point("http:before")
        response = await self._world.exchange(self._process, request, checked_at)
        await point("http:after")
        return response

    async def sleep(self, seconds: float) -> None:
        await wait(seconds)

    def now(self) -> datetime:
        return self._world.now() + self._process.skew

    def monotonic(self) -> float:
        return self._world.seconds()

    def lock(self) -> _Slots:
        return _Slots(1)

    def slots(self, n: int) -> _Slots:
        return _Slots(n)

    async def map(
        self, fn: Callable[[A], Coroutine[Any, Any, R]], items: Iterable[A], limit: int
    ) -> AsyncGenerator[R, None]:
        rest = iter(items)
        while block := list(islice(rest, limit * 8)):
            for result in await self._together([fn(item) for item in block], limit):
                yield result

    async def _together(self, coroutines: list[Coroutine[Any, Any, R]], limit: int) -> list[R]:
        # Whose turn it is, of those in flight, is chance too; a crash closes all of them.
        results: dict[int, R] = {}
        wakes: dict[int, float] = {}
        queue = list(range(len(coroutines)))
        try:
            while queue or wakes:
                while queue and len(wakes) < limit:
                    wakes[queue.pop(0)] = 0.0
                now = self._world.seconds()
                ready = [i for i, at in wakes.items() if at <= now]
                if not ready:
                    await _give(Wait(min(wakes.values()) - now))
                    continue
                i = ready[self._world.choose(len(ready))]
                try:
                    step = coroutines[i].send(None)
                except StopIteration as e:
                    results[i] = e.value
                    del wakes[i]
                    continue
                if isinstance(step, Wait):
                    wakes[i] = now + step.seconds
                else:
                    await _give(step)
        finally:
            for coroutine in coroutines:
                # Not close(): CPython 3.11 leaves the async generators inside marked as running.
                with contextlib.suppress(Crash, StopIteration, RuntimeError):
                    coroutine.throw(Crash())
        return [results[i] for i in range(len(coroutines))]

    async def offload(self, fn: Callable[[], R]) -> R:
        await point("tx:before")
        result = fn()
        await point("tx:after")
        return result

    def shield(self) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()

    async def close(self) -> None:
        pass

    def __repr__(self) -> str:
        return f"<SimPort of {self._process.name}>"


class _Slots:
    """A semaphore for the tasks of one process."""

    def __init__(self, n: int) -> None:
        self._free = n

    async def __aenter__(self) -> None:
        while not self._free:
            await wait(0.01)
        self._free -= 1

    async def __aexit__(self, *exc: object) -> None:
        self._free += 1
