"""
The only module that knows whether we block or await.

Everything above is written once, as ``async def`` functions that await nothing
but a `Port`, and each other. On an `AsyncPort` they are ordinary coroutines. On
a `BlockingPort` nothing ever suspends, so `run` drives a coroutine to its result
in the caller's own thread, without an event loop.
"""

from __future__ import annotations

import atexit
import inspect
import os
import threading
import time
import weakref

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, suppress
from contextvars import Context, copy_context
from datetime import UTC, datetime
from functools import partial, wraps
from itertools import islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx


__all__ = [
    "AsyncPort",
    "Bell",
    "Blocking",
    "BlockingPort",
    "Clock",
    "Mutex",
    "Port",
    "SystemClock",
    "blocking",
    "blocking_iter",
    "core_of",
    "in_thread",
    "maybe_await",
    "run",
]

A = TypeVar("A")
C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")
P = ParamSpec("P")

# httpx's async pool gets slow with the number of connections it has to look
# through (encode/httpcore#1035), so several small pools beat a large one.
_CONNECTIONS_PER_CLIENT = 8
_CLIENTS = 8
# `map` hands out its items in blocks of this many times the limit: a bounded
# amount waits in memory, and no task group is open while the caller consumes.
_BLOCKS_PER_LIMIT = 8


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


class _TaskBell:
    """A bell for the tasks of any event loop."""

    def __init__(self) -> None:
        self._rung = False
        # Each wakes one waiter. Read and changed in single steps, so that no lock is needed: a signal handler would
        # wait for ever for one that the code it has interrupted holds.
        self._wakers: list[Callable[[], object]] = []

    @property
    def rung(self) -> bool:
        return self._rung

    def ring(self) -> None:
        self._rung = True
        for wake in tuple(self._wakers):
            # Its event loop has ended meanwhile.
            with suppress(RuntimeError):
                wake()

    async def wait(self, seconds: float) -> bool:
        event = anyio.Event()
        wake = partial(_from_anywhere(), event.set)
        self._wakers.append(wake)
        try:
            with anyio.move_on_after(seconds):
                # Only now: who rings from here on finds the waker.
                if not self._rung:
                    await event.wait()
        finally:
            self._wakers.remove(wake)
        return self._rung


def _from_anywhere() -> Callable[[Callable[[], object]], object]:
    """Return the function by which other threads and signal handlers have the running event loop call something."""
    token: Any = anyio.lowlevel.current_token()
    loop = getattr(token, "native_token", token)
    soon: Callable[[Callable[[], object]], object] = (
        loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon
    )
    return soon


class AsyncPort:
    """Awaits, on asyncio or trio."""

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 10.0,
        proxy: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._timeout = timeout
        self._proxy = proxy
        self._transport = transport
        self._clock: Clock = clock or SystemClock()
        self._clients: list[httpx.AsyncClient] = []
        self._load: list[int] = []
        self._dropped: list[object] = []
        self._pid = os.getpid()
        self._loop: object = None

    def _ready(self) -> None:
        if self._pid != os.getpid():
            # The parent still uses these sockets: kept, never shut down.
            self._dropped.append(self._clients)
            self._clients, self._pid, self._loop = [], os.getpid(), None
        loop = anyio.lowlevel.current_token()
        if self._loop is None:
            self._loop = loop
        elif self._loop != loop:
            msg = "this client was opened on another event loop: make one AsyncWeCom for each loop"
            raise RuntimeError(msg)
        if not self._clients:
            if self._transport is not None:
                self._clients = [httpx.AsyncClient(transport=self._transport, timeout=self._timeout)]
            else:
                limits = httpx.Limits(
                    max_connections=_CONNECTIONS_PER_CLIENT, max_keepalive_connections=_CONNECTIONS_PER_CLIENT
                )
                self._clients = [
                    httpx.AsyncClient(limits=limits, timeout=self._timeout, proxy=self._proxy) for _ in range(_CLIENTS)
                ]
            self._load = [0] * len(self._clients)

    async def send(self, request: httpx.Request) -> httpx.Response:
        self._ready()
        load = self._load
        i = load.index(min(load))
        load[i] += 1
        try:
            return await self._clients[i].send(request)
        finally:
            load[i] -= 1

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return time.monotonic()

    def lock(self) -> AbstractAsyncContextManager[object]:
        return anyio.Lock()

    def slots(self, n: int) -> AbstractAsyncContextManager[object]:
        return anyio.Semaphore(n)

    def bell(self) -> Bell:
        return _TaskBell()

    async def map(
        self, fn: Callable[[A], Coroutine[Any, Any, R]], items: Iterable[A], limit: int
    ) -> AsyncGenerator[R, None]:
        rest = iter(items)
        while block := list(islice(rest, limit * _BLOCKS_PER_LIMIT)):
            for result in await self._map_block(fn, block, limit):
                yield result

    async def _map_block(self, fn: Callable[[A], Coroutine[Any, Any, R]], items: list[A], limit: int) -> list[R]:
        results: dict[int, R] = {}
        failures: list[Exception] = []
        gate = anyio.CapacityLimiter(limit)

        async def one(i: int, item: A) -> None:
            async with gate:
                try:
                    results[i] = await fn(item)
                except Exception as e:  # noqa: BLE001 - raised again below, bare instead of in a group
                    failures.append(e)
                    tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for i, item in enumerate(items):
                tasks.start_soon(one, i, item)
        if failures:
            raise failures[0]
        return [results[i] for i in range(len(items))]

    async def offload(self, fn: Callable[[], R]) -> R:
        return await anyio.to_thread.run_sync(fn)

    def shield(self) -> AbstractContextManager[object]:
        return anyio.CancelScope(shield=True)

    async def close(self) -> None:
        clients, self._clients, self._loop = self._clients, [], None
        if self._pid != os.getpid():
            self._dropped.append(clients)
            return
        for client in clients:
            await client.aclose()

    def __repr__(self) -> str:
        return "<AsyncPort>"


class _ThreadSlots:
    """A semaphore that looks async, and forgets its holders when the process has forked."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._free = threading.Semaphore(n)
        self._pid = os.getpid()

    async def __aenter__(self) -> None:
        if self._pid != os.getpid():
            self._free, self._pid = threading.Semaphore(self._n), os.getpid()
        self._free.acquire()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._free.release()


class Mutex:
    """A plain lock for a few lines that never wait; it forgets its holder when the process has forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def __enter__(self) -> None:
        if self._pid != os.getpid():
            self._lock, self._pid = threading.Lock(), os.getpid()
        self._lock.acquire()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._lock.release()


class _ThreadBell:
    """A bell for threads, in a queue that a signal handler may write to; an Event could wait for itself there."""

    def __init__(self) -> None:
        self._rung = False
        self._strokes: SimpleQueue[None] = SimpleQueue()

    @property
    def rung(self) -> bool:
        return self._rung

    def ring(self) -> None:
        self._rung = True
        self._strokes.put(None)

    async def wait(self, seconds: float) -> bool:
        if not self._rung:
            with suppress(Empty):
                self._strokes.get(timeout=max(seconds, 0))
                # One stroke wakes one waiter, who wakes the next.
                self._strokes.put(None)
        return self._rung


class BlockingPort:
    """Looks async, never suspends."""

    def __init__(
        self,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 10.0,
        proxy: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._timeout = timeout
        self._proxy = proxy
        self._transport = transport
        self._clock: Clock = clock or SystemClock()
        self._client: httpx.Client | None = None
        self._dropped: list[object] = []
        self._pid = os.getpid()
        self._opening = threading.Lock()

    def _ready(self) -> httpx.Client:
        if self._pid != os.getpid():
            # The parent still uses these sockets: kept, never shut down.
            self._dropped.append(self._client)
            self._client, self._pid, self._opening = None, os.getpid(), threading.Lock()
        client = self._client
        if client is None:
            with self._opening:
                client = self._client
                if client is None:
                    proxy = self._proxy if self._transport is None else None
                    client = httpx.Client(transport=self._transport, timeout=self._timeout, proxy=proxy)
                    self._client = client
        return client

    async def send(self, request: httpx.Request) -> httpx.Response:
        return self._ready().send(request)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return time.monotonic()

    def lock(self) -> AbstractAsyncContextManager[object]:
        return _ThreadSlots(1)

    def slots(self, n: int) -> AbstractAsyncContextManager[object]:
        return _ThreadSlots(n)

    def bell(self) -> Bell:
        return _ThreadBell()

    async def map(
        self, fn: Callable[[A], Coroutine[Any, Any, R]], items: Iterable[A], limit: int
    ) -> AsyncGenerator[R, None]:
        rest = iter(items)
        while block := list(islice(rest, limit * _BLOCKS_PER_LIMIT)):
            for result in self._map_block(fn, block, limit):
                yield result

    def _map_block(self, fn: Callable[[A], Coroutine[Any, Any, R]], items: list[A], limit: int) -> list[R]:
        if limit == 1 or len(items) == 1:
            return [run(fn(item)) for item in items]
        results: dict[int, R] = {}
        failures: list[BaseException] = []

        def one(context: Context, i: int, item: A) -> None:
            if failures:
                return
            try:
                results[i] = context.run(lambda: run(fn(item)))
            except BaseException as e:  # noqa: BLE001 - raised again below, in the caller's thread
                failures.append(e)

        # Threads start with an empty context, but the caller's request ids and
        # loggers live there.
        with ThreadPoolExecutor(min(limit, len(items)), thread_name_prefix="privdom") as pool:
            for i, item in enumerate(items):
                pool.submit(one, copy_context(), i, item)
        if failures:
            raise failures[0]
        return [results[i] for i in range(len(items))]

    async def offload(self, fn: Callable[[], R]) -> R:
        return fn()

    @contextmanager
    def shield(self) -> Generator[None, None, None]:
        yield

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if self._pid != os.getpid():
            self._dropped.append(client)
            return
        client.close()

    def __repr__(self) -> str:
        return "<BlockingPort>"


def run(coro: Coroutine[Any, Any, T]) -> T:
    """
    Return the result of *coro*, which must not suspend.

    Raises:
        RuntimeError: It awaited something other than a blocking port.
    """
    try:
        coro.send(None)
    except StopIteration as e:
        result: T = e.value
        return result
    finally:
        coro.close()
    name = getattr(coro, "__qualname__", "this coroutine")
    msg = f"{name} awaited something other than its port, so it cannot run without an event loop"
    raise RuntimeError(msg)


class _Thread:
    """A thread that ends when it is told to, or when the interpreter does."""

    def __init__(self, work: Callable[[], object], stop: Callable[[], None], name: str) -> None:
        self.failure: BaseException | None = None
        self._work = work
        self._stop = stop
        self._pid = os.getpid()
        # Threads start with an empty context, but the caller's request ids and loggers live there.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name=name, daemon=True)
        # atexit would be too late: by then ThreadPoolExecutor takes nothing in any more, in the middle of the work. So
        # this is how concurrent.futures itself hears of the end.
        at_exit = getattr(threading, "_register_atexit", atexit.register)
        at_exit(partial(_end, weakref.ref(self)))
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as e:  # noqa: BLE001 - raised again in the caller's thread
            self.failure = e

    def end(self) -> None:
        # After a fork the thread is the parent's.
        if self._pid == os.getpid():
            self._stop()
            self._thread.join()


def _end(thread: weakref.ref[_Thread]) -> None:
    if (alive := thread()) is not None:
        alive.end()


@contextmanager
def in_thread(work: Callable[[], object], stop: Callable[[], None], name: str) -> Generator[None, None, None]:
    """
    Do *work* in a thread beside the block; at its end call *stop*, wait for the thread, and raise what it raised.

    Where the interpreter ends inside the block, *stop* is called and the thread
    waited for while it can still start threads of its own.
    """
    thread = _Thread(work, stop, name)
    try:
        yield
    finally:
        thread.end()
    if thread.failure is not None:
        raise thread.failure


class Blocking(Generic[C]):
    """Base of the blocking classes: holds the async twin that they run."""

    def __init__(self, core: C) -> None:
        self._core = core

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, method in vars(cls).items():
            if hasattr(method, "__wrapped__"):
                method.__qualname__ = f"{cls.__qualname__}.{name}"
                method.__module__ = cls.__module__

    def __repr__(self) -> str:
        return repr(self._core).replace("<Async", "<", 1)


def core_of(twin: Blocking[C]) -> C:
    """Return the async core of a blocking object."""
    return twin._core  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Make the blocking twin of an async *method*."""

    @wraps(method)
    def twin(self: Blocking[Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(method(core_of(self), *args, **kwargs))

    return twin


async def _next(source: AsyncGenerator[T, None]) -> T:
    return await source.__anext__()


def blocking_iter(
    method: Callable[Concatenate[Any, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """Make the blocking twin of an async generator *method*."""

    @wraps(method)
    def twin(self: Blocking[Any], /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        source = method(core_of(self), *args, **kwargs)
        try:
            while True:
                try:
                    yield run(_next(source))
                except StopAsyncIteration:
                    return
        finally:
            run(source.aclose())

    # help() should promise what the twin returns.
    shape = inspect.signature(method)
    answer = str(shape.return_annotation).replace("AsyncGenerator[", "Iterator[").replace(", None]", "]")
    twin.__signature__ = shape.replace(return_annotation=answer)  # type: ignore[attr-defined]
    return twin
