"""The port that awaits, on asyncio or trio."""

from __future__ import annotations

import os
import time

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx

from privdom._port.protocol import BLOCKS_PER_LIMIT, Bell, Clock, SystemClock
from privdom._port.streams import CHUNK_BYTES, Incoming


__all__ = ["AsyncPort"]

A = TypeVar("A")
R = TypeVar("R")

# httpx's async pool gets slow with the number of connections it has to look
# through (encode/httpcore#1035), so several small pools beat a large one.
_CONNECTIONS_PER_CLIENT = 8
_CLIENTS = 8


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


async def _body(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for chunk in response.aiter_bytes(CHUNK_BYTES):
        yield chunk


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

    @asynccontextmanager
    async def stream(self, request: httpx.Request) -> AsyncGenerator[Incoming, None]:
        self._ready()
        load = self._load
        i = load.index(min(load))
        load[i] += 1
        try:
            response = await self._clients[i].send(request, stream=True)
            try:
                async with aclosing(_body(response)) as chunks:
                    yield Incoming(response, chunks)
            finally:
                await response.aclose()
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
        while block := list(islice(rest, limit * BLOCKS_PER_LIMIT)):
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
