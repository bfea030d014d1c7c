"""The port that blocks: it looks async and never suspends, in threads where several things go on at once."""

from __future__ import annotations

import os
import threading
import time

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager, suppress
from contextvars import Context, copy_context
from datetime import datetime
from itertools import islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

import httpx

from privdom._port.protocol import BLOCKS_PER_LIMIT, Bell, Clock, SystemClock
from privdom._port.streams import CHUNK_BYTES, Incoming
from privdom._port.twins import run


__all__ = ["BlockingPort"]

A = TypeVar("A")
R = TypeVar("R")


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


async def _body(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    for chunk in response.iter_bytes(CHUNK_BYTES):
        yield chunk


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

    @asynccontextmanager
    async def stream(self, request: httpx.Request) -> AsyncGenerator[Incoming, None]:
        response = self._ready().send(request, stream=True)
        try:
            async with aclosing(_body(response)) as chunks:
                yield Incoming(response, chunks)
        finally:
            response.close()

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
        while block := list(islice(rest, limit * BLOCKS_PER_LIMIT)):
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
