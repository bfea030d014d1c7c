"""
The worker: the loop that drives an outbox until it is told to stop.

::

    worker = Worker(outbox, tags=tags, jobs=[journeys.advance])
    worker.run(signals=(signal.SIGTERM, signal.SIGINT))
"""

from __future__ import annotations

import signal
import sqlite3

from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from logging import getLogger

import attrs

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from privdom._port import Bell, Blocking, blocking, core_of, in_thread, maybe_await, run
from privdom.errors import ApiError, PrivdomError, UsageError
from privdom.outbox._twins import same
from privdom.outbox.service import AsyncOutbox, Outbox, context_of, tick_until
from privdom.outbox.tags import AsyncDesiredTags, DesiredTags, PushReport
from privdom.outbox.units import TickReport


__all__ = ["AsyncWorker", "WorkReport", "Worker"]

_log = getLogger("privdom.outbox")
_POLL = timedelta(seconds=1)
_BUDGET = 100
_RELATIONS = 100
# Long enough to spare a database that is coming back, short enough for nobody to wonder whether the worker lives.
_RETRY_FIRST, _RETRY_MOST = 1.0, 60.0


@attrs.frozen
class WorkReport:
    """What a worker did from its start to its end."""

    rounds: int = 0
    units: TickReport = attrs.field(factory=TickReport)
    tags: PushReport = attrs.field(factory=PushReport)
    failures: int = 0
    """How often something failed and was put off; the log says what."""


class AsyncWorker:
    """
    Drives an outbox, awaited; `Worker` is the same, blocking.

    A round calls the jobs, pushes tags and ticks the outbox, in this order, so
    that what a job plans goes out in the same round. Then it waits until the
    outbox or the tags have something to do, at most *poll*, since other processes may plan.

    Any number of workers, in any number of processes and on any number of
    machines, may work on one database: each call is armed under a lock and a
    constraint by one of them, and what one leaves behind when it dies is looked
    up by the others. There is no leader; give all the same gate, settings and
    kinds, since what counts are those of the worker that calls. A worker more
    means more calls at once; WeCom's quotas are counted in each process.

    What passes by itself (WeCom or the network is down, no token is to be had,
    the database restarts) is logged once, and whatever failed is tried again
    after 1 s, 2 s ... 60 s, while the rest goes on. Any other error, such as a
    `UsageError` or a ``TypeError``, ends the worker and is raised.

    Nothing is started for you: let `run` be a task of a task group of yours.
    Cancelled, it finishes and records the calls under way first.

    Args:
        outbox: What to drive.
        tags: Desired tags to push, of the same database.
        jobs: What else to call in each round, without arguments; plain or async functions, such as
            ``journeys.advance``. A plain one runs in the event loop.
        poll: How long to wait at most between two rounds.
        budget: How many units to call at most in one round.

    Raises:
        UsageError: ``poll`` is not positive, or ``budget`` is less than 1.
    """

    def __init__(
        self,
        outbox: AsyncOutbox,
        *,
        tags: AsyncDesiredTags | None = None,
        jobs: Iterable[Callable[[], Awaitable[object] | object]] = (),
        poll: timedelta = _POLL,
        budget: int = _BUDGET,
    ) -> None:
        if poll <= timedelta(0):
            msg = f"poll must be longer than nothing, not {poll}"
            raise UsageError(msg)
        if budget < 1:
            msg = f"budget must be at least 1, not {budget}"
            raise UsageError(msg)
        self._outbox = outbox
        self._tags = tags
        self._jobs = tuple(jobs)
        self._poll = poll
        self._budget = budget
        # Of the runs under way, which may be several. Changed in single steps only, since `stop` may come from a
        # signal handler.
        self._bells: list[Bell] = []

    async def run(self, *, signals: Iterable[int] = ()) -> WorkReport:
        """
        Work until `stop`; return what was done.

        Args:
            signals: Signals that stop it, such as ``(SIGTERM, SIGINT)``; only in the main thread. Whoever handled
                them before does so again afterwards.

        Raises:
            UsageError: ``signals`` was given in another thread.
        """
        bell = context_of(self._outbox).port.bell()
        with self._started(bell), _stopped_by(signals, bell):
            return await self._work(bell)

    def stop(self) -> None:
        """
        Let the runs that have begun end: no more calls begin, and those under way are finished and recorded.

        These are at most ``in_flight``, of different lanes, or so many look-ups; a
        push of tags first does the relations that it has in hand, at most 100.

        Returns at once; from any thread or task, or a signal handler. Where
        nothing runs it does nothing, and a later `run` works as before.
        """
        for bell in tuple(self._bells):
            bell.ring()

    @contextmanager
    def _started(self, bell: Bell) -> Generator[None, None, None]:
        self._bells.append(bell)
        try:
            yield
        finally:
            self._bells.remove(bell)

    async def _work(self, bell: Bell) -> WorkReport:
        return await _Run(self._outbox, self._tags, self._jobs, self._poll, self._budget, bell).work()

    def __repr__(self) -> str:
        corp_id = context_of(self._outbox).corp_id
        what = ["the outbox"]
        if self._tags is not None:
            what.append("tags")
        if self._jobs:
            what.append(f"{len(self._jobs)} {'job' if len(self._jobs) == 1 else 'jobs'}")
        runs = len(self._bells)
        state = "not running" if not runs else "running" if runs == 1 else f"running {runs} times"
        return f"<AsyncWorker for {corp_id}: {', '.join(what)}; {state}>"


class Worker(Blocking[AsyncWorker]):
    """
    Drives an outbox, blocking; `AsyncWorker` is the same, awaited.

    A round calls the jobs, pushes tags and ticks the outbox, in this order, so
    that what a job plans goes out in the same round. Then it waits until the
    outbox or the tags have something to do, at most *poll*, since other processes may plan.

    Any number of workers, in any number of threads, processes and machines, may
    work on one database: each call is armed under a lock and a constraint by one
    of them, and what one leaves behind when it dies is looked up by the others.
    There is no leader; give all the same gate, settings and kinds, since what
    counts are those of the worker that calls. A worker more means more calls at
    once; WeCom's quotas are counted in each process.

    What passes by itself (WeCom or the network is down, no token is to be had,
    the database restarts) is logged once, and whatever failed is tried again
    after 1 s, 2 s ... 60 s, while the rest goes on. Any other error, such as a
    `UsageError` or a ``TypeError``, ends the worker and is raised.

    Args:
        outbox: What to drive.
        tags: Desired tags to push, of the same database.
        jobs: What else to call in each round, without arguments, such as ``journeys.advance``.
        poll: How long to wait at most between two rounds.
        budget: How many units to call at most in one round.

    Raises:
        UsageError: ``poll`` is not positive, or ``budget`` is less than 1.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        tags: DesiredTags | None = None,
        jobs: Iterable[Callable[[], object]] = (),
        poll: timedelta = _POLL,
        budget: int = _BUDGET,
    ) -> None:
        theirs = None if tags is None else core_of(tags)
        super().__init__(AsyncWorker(core_of(outbox), tags=theirs, jobs=jobs, poll=poll, budget=budget))

    run = blocking(AsyncWorker.run)
    stop = same(AsyncWorker.stop)

    def background(self) -> AbstractContextManager[None]:
        """
        Return a context manager that works in a thread of its own as long as its block lasts.

        Leaving the block stops the worker, and waits until the calls under way
        are finished and recorded; so does the end of the interpreter inside it. A
        signal that kills the process by default, such as SIGTERM, does not: handle it.

        An error that ends the worker is logged at once without its text, and
        raised when the block is left, unless the block itself raises.
        """
        return _background(core_of(self))


@contextmanager
def _background(core: AsyncWorker) -> Generator[None, None, None]:
    # Made here, so that a stop before the thread has come to anything is heard.
    bell = context_of(core._outbox).port.bell()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its other half

    def work() -> None:
        with core._started(bell):  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            run(core._work(bell))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    with in_thread(work, bell.ring, "privdom-worker"):
        yield


@contextmanager
def _stopped_by(signals: Iterable[int], bell: Bell) -> Generator[None, None, None]:
    before: dict[int, object] = {}

    def ring(_number: int, _frame: object) -> None:
        bell.ring()

    try:
        for number in signals:
            try:
                before[number] = signal.signal(number, ring)
            except ValueError as e:
                msg = "signals= works in the main thread only: leave it out, and call stop() from a handler of yours"
                raise UsageError(msg) from e
        yield
    finally:
        for number, handler in before.items():
            # None: it was not set from Python, and cannot be set again from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]


class _Part:
    """One thing that rounds do, and how it fares."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self.work = work
        self.failures = 0
        """In a row."""
        self.again_at = 0.0
        """When to try again after a failure, on the port's `monotonic`."""


class _Run:
    """A worker from its start to its end."""

    def __init__(
        self,
        outbox: AsyncOutbox,
        tags: AsyncDesiredTags | None,
        jobs: Iterable[Callable[[], Awaitable[object] | object]],
        poll: timedelta,
        budget: int,
        bell: Bell,
    ) -> None:
        self._outbox = outbox
        self._ctx = context_of(outbox)
        self._poll = poll.total_seconds()
        self._budget = budget
        self._bell = bell
        self._report = WorkReport()
        self._parts = [_Part(_name(job), _job(job)) for job in jobs]
        if tags is not None:
            self._parts.append(_Part("the push of tags", self._pushing(tags)))
        self._parts.append(_Part("the outbox", self._tick))
        # Found out anew in each round.
        self._busy = False
        self._moments: list[datetime] = []

    async def work(self) -> WorkReport:
        while not self._bell.rung:
            self._busy = False
            self._moments = []
            for part in self._parts:
                if not self._bell.rung and part.again_at <= self._ctx.port.monotonic():
                    await self._attempt(part)
            self._add(rounds=1)
            if not self._busy:
                await self._bell.wait(self._pause())
        return self._report

    async def _attempt(self, part: _Part) -> None:
        try:
            await part.work()
        except Exception as e:
            if not _passes(e):
                _log.error("the worker ends: %s raised %s", part.name, _what(e))
                raise
            if not part.failures:
                _log.warning("%s failed with %s; the worker goes on, and tries again", part.name, _what(e))
            # Bounded before it is raised: after days of failures the power would not fit a float.
            part.again_at = self._ctx.port.monotonic() + min(_RETRY_FIRST * 2 ** min(part.failures, 10), _RETRY_MOST)
            part.failures += 1
            self._add(failures=1)
        else:
            if part.failures:
                _log.info("%s works again, after %d failures", part.name, part.failures)
            part.failures, part.again_at = 0, 0.0

    async def _tick(self) -> None:
        left = self._budget
        # As many as one round of look-ups holds, so that a stop is heard between two of them.
        at_once = self._ctx.settings.in_flight
        while left > 0 and not self._bell.rung:
            part = await tick_until(self._ctx, min(left, at_once), lambda: self._bell.rung)
            if not part:
                break
            self._add(units=part)
            self._busy = True
            left -= part.done
        if not self._busy:
            await self._note(self._outbox.next_at)

    def _pushing(self, tags: AsyncDesiredTags) -> Callable[[], Awaitable[None]]:
        async def push() -> None:
            part = await tags.push(_RELATIONS)
            self._add(tags=part)
            if part:
                self._busy = True
            else:
                await self._note(tags.next_at)

        return push

    async def _note(self, next_at: Callable[[Connection], datetime | None]) -> None:
        moment = await self._ctx.read(next_at)
        if moment is not None:
            self._moments.append(moment)

    def _pause(self) -> float:
        """Return how long to wait; what is due although nothing was done is in the hands of another worker."""
        port = self._ctx.port
        now, clock = port.now(), port.monotonic()
        waits = [(moment - now).total_seconds() for moment in self._moments]
        waits += [part.again_at - clock for part in self._parts if part.failures]
        return min((wait for wait in waits if 0 < wait < self._poll), default=self._poll)

    def _add(
        self, rounds: int = 0, units: TickReport | None = None, tags: PushReport | None = None, failures: int = 0
    ) -> None:
        report = self._report
        self._report = WorkReport(
            report.rounds + rounds,
            report.units + units if units else report.units,
            report.tags + tags if tags else report.tags,
            report.failures + failures,
        )


def _job(job: Callable[[], Awaitable[object] | object]) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        await maybe_await(job())

    return call


def _name(job: object) -> str:
    return str(getattr(job, "__qualname__", type(job).__qualname__))


def _passes(error: Exception) -> bool:
    """Whether time may heal it."""
    match error:
        case UsageError() | ProgrammingError() | DataError() | NotSupportedError():
            return False
        case PrivdomError() | DBAPIError() | PoolTimeout() | sqlite3.OperationalError():
            return True
        case _:
            return False


def _what(error: Exception) -> str:
    # Its text may hold personal data, in the parameters of a statement for instance.
    return f"errcode {error.errcode}" if isinstance(error, ApiError) else type(error).__name__
