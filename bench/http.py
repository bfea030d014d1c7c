"""
How many calls a second leave with 64 in flight, each answered after 100 ms: against bare httpx, and bare aiohttp.

No client can pass 640 a second here. The connections that the default client opens are counted by the server.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from urllib.request import urlopen

import aiohttp
import anyio
import httpx

from httpx_aiohttp import AiohttpTransport

from bench.harness import Figure, compare
from privdom import AsyncWeCom
from privdom.wecom.quota import MemoryQuotas, QuotaSettings, Window


_IN_FLIGHT = 64
_CALLS = 1_280
_LATENCY = 0.1
_PATH = "/cgi-bin/externalcontact/list"
_COUNT = "/connections"
_ANSWER = json.dumps(
    {
        "errcode": 0,
        "errmsg": "ok",
        "access_token": "t",
        "expires_in": 7_200,
        "external_userid": [f"wmSXW0DAAAzsAU9fNWJTyVKOcTBH{i:04}" for i in range(20)],
    }
).encode()


class _Late(asyncio.Protocol):
    """Answers each request after a while."""

    opened = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._rest = b""
        type(self).opened += 1

    def data_received(self, data: bytes) -> None:
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in requests:
            if _COUNT.encode() in request.partition(b"\r\n")[0]:
                self._answer(str(self.opened).encode())
            else:
                asyncio.get_running_loop().call_later(_LATENCY, self._answer, _ANSWER)

    def _answer(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _serve(ready: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Late, "127.0.0.1", 0, backlog=512)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


@contextmanager
def _server() -> Generator[str, None, None]:
    """Serve from a process of its own, so that it does not take the clients' time."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _rate(scenario: Callable[[str], Awaitable[float]], url: str) -> Callable[[], float]:
    return lambda: anyio.run(scenario, url)


async def _per_second(call: Callable[[], Awaitable[object]]) -> float:
    """Return how many calls a second come back, with so many in flight all the time."""
    left = iter(range(_CALLS))

    async def caller() -> None:
        for _ in left:
            await call()

    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(_IN_FLIGHT):
            tasks.start_soon(caller)
    return _CALLS / (time.perf_counter() - began)


def _client(url: str, transport: httpx.AsyncBaseTransport | None = None) -> AsyncWeCom:
    endless = (Window(10**9, 60),)
    quotas = MemoryQuotas(QuotaSettings(per_corp=endless, per_ip=endless))
    return AsyncWeCom("ww0123456789abcdef", "secret", base_url=url, quotas=quotas, transport=transport)


async def _ours(url: str, transport: httpx.AsyncBaseTransport | None = None) -> float:
    async with _client(url, transport) as wecom:
        await wecom.contacts.list("zhangsan")  # the token comes before the clock starts
        return await _per_second(lambda: wecom.contacts.list("zhangsan"))


async def _ours_over_aiohttp(url: str) -> float:
    return await _ours(url, AiohttpTransport())


async def _bare_httpx(url: str) -> float:
    async with httpx.AsyncClient(base_url=url, timeout=10.0) as client:

        async def call() -> object:
            return (await client.get(_PATH, params={"userid": "zhangsan", "access_token": "t"})).json()

        await call()
        return await _per_second(call)


async def _bare_aiohttp(url: str) -> float:
    async with aiohttp.ClientSession(url) as client:

        async def call() -> object:
            async with client.get(_PATH, params={"userid": "zhangsan", "access_token": "t"}) as answer:
                return await answer.json()

        await call()
        return await _per_second(call)


def _opened(url: str) -> float:
    """Return how many connections the default client opens for all these calls."""

    def count() -> int:
        with urlopen(f"{url}{_COUNT}") as answer:
            return int(answer.read())

    before = count()
    anyio.run(_ours, url)
    return float(count() - before - 1)


def figures() -> list[Figure]:
    """Measure calls a second, and connections."""
    with _server() as url:
        opened = _opened(url)
        return [
            compare(
                "calls, 64 in flight (httpx)",
                _rate(_ours, url),
                _rate(_bare_httpx, url),
                limit=1.2,
                unit="a second",
                better="higher",
                repeats=5,
            ),
            compare(
                "the same over aiohttp (aiohttp)",
                _rate(_ours_over_aiohttp, url),
                _rate(_bare_aiohttp, url),
                limit=0.85,
                unit="a second",
                better="higher",
                repeats=5,
            ),
            Figure(
                "connections opened (64 in flight)",
                ours=opened,
                reference=float(_IN_FLIGHT),
                unit="connections",
                ratio=opened / _IN_FLIGHT,
                limit=1.0,
            ),
        ]
