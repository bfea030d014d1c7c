"""How many relations a second get their desired tags: against the same calls without a database, and against a quota."""

from __future__ import annotations

import tempfile
import time

from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import attrs
import httpx

from sqlalchemy import insert
from tests.postgres import running_server

from bench.harness import Figure, compare
from privdom._port import AsyncPort, BlockingPort, Port, run
from privdom.outbox import AsyncDesiredTags, wishes
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.quota import MemoryQuotas, QuotaSettings, Window
from privdom.wecom.wire import dumps


_CORP = "wwbench"
_RELATIONS = 600
_LATENCY = 0.02
# WeCom's quota is 10,000 a minute, and the bench must not wait for it.
_QUOTA = 10_000 / 60
_FREE = QuotaSettings(per_corp=(Window(10**9, 60),), per_ip=(Window(10**9, 60),))
# Nineteen twentieths on a quiet machine.
_LIMIT = 0.75
# What the corp has already, which must not matter.
_SETTLED = 50_000
_numbers = count()


class _Stub(httpx.MockTransport):
    """A WeCom that accepts everything after a while."""

    def __init__(self, latency: float) -> None:
        super().__init__(self._answer)
        self._latency = latency

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if self._latency:
            time.sleep(self._latency)
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if self._latency:
            await anyio.sleep(self._latency)
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        token = {"access_token": "token", "expires_in": 7200} if request.url.path.endswith("gettoken") else {}
        return httpx.Response(200, content=dumps({"errcode": 0, "errmsg": "ok", **token}))


@attrs.frozen
class _Setting:
    """A database, a port, and how long WeCom takes."""

    store: Store
    port: str
    latency: float

    def run(self, scenario: Callable[[Port, AsyncWeCom], Coroutine[Any, Any, float]]) -> float:
        stub = _Stub(self.latency)

        async def main(port: Port) -> float:
            wecom = AsyncWeCom.on(port, _CORP, "secret", quotas=MemoryQuotas(_FREE))
            await wecom.token()
            seconds = await scenario(port, wecom)
            await port.close()
            return _RELATIONS / seconds

        if self.port == "blocking":
            return run(main(BlockingPort(transport=stub)))
        return anyio.run(main, AsyncPort(transport=stub))

    def pushed(self) -> float:
        """Relations a second that `push` brings to WeCom and records."""
        changes = [("zhangsan", f"wm{next(_numbers):012}", "et1", True) for _ in range(_RELATIONS)]
        with self.store.begin() as conn:
            wishes.want(conn, _CORP, "bench", changes, datetime.now(UTC))

        async def scenario(_: Port, wecom: AsyncWeCom) -> float:
            tags = AsyncDesiredTags(wecom, self.store)
            began = time.perf_counter()
            report = await tags.push(_RELATIONS)
            seconds = time.perf_counter() - began
            assert report.pushed == _RELATIONS
            return seconds

        return self.run(scenario)

    def called(self) -> float:
        """Calls a second of the bare client, five at a time."""

        async def scenario(port: Port, wecom: AsyncWeCom) -> float:
            async def mark(customer: str) -> None:
                await wecom.tags.mark("zhangsan", customer, add=["et1"])

            began = time.perf_counter()
            async for _ in port.map(mark, [f"wm{i:012}" for i in range(_RELATIONS)], 5):
                pass
            return time.perf_counter() - began

        return self.run(scenario)


def _fill(store: Store) -> None:
    rest = {"corp_id": _CORP, "tag_id": "et1", "owner": "bench", "wanted": True, "state": "pushed", "added": True}
    rows = [rest | {"staff": f"staff{i % 50}", "customer": f"wm{i:012}"} for i in range(_SETTLED)]
    with store.begin() as conn:
        conn.execute(insert(wishes.wish), rows)


def figures() -> list[Figure]:
    """Measure pushes on both databases and both ports."""
    found: list[Figure] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running_server())
        urls = [f"sqlite:///{folder}/bench.db", *([f"{server}/postgres"] if server else [])]
        for url in urls:
            store = stack.enter_context(Store(url))
            _fill(store)
            slow = partial(_Setting, store, latency=_LATENCY)
            found += [
                compare(
                    f"push tags, {store.dialect}, {port} (bare calls)",
                    slow(port).pushed,
                    slow(port).called,
                    limit=_LIMIT,
                    unit="a second",
                    better="higher",
                    repeats=3,
                )
                for port in ("async", "blocking")
            ]
            at_once = _Setting(store, "async", 0.0)
            found.append(
                compare(
                    f"push tags, {store.dialect}, no latency (quota)",
                    at_once.pushed,
                    lambda: _QUOTA,
                    limit=1.0,
                    unit="a second",
                    better="higher",
                    repeats=3,
                )
            )
    return found
