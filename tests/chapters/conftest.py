"""A client of a small corp, on both ports."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import attrs
import httpx
import pytest

from privdom._port import Port
from privdom.sandbox import Sandbox
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.quota import MemoryQuotas
from tests.conftest import OnPort


T = TypeVar("T")
STAFF = ("anna", "ben", "chen")


@attrs.frozen
class Corp:
    """A corp with three staff, and a way to talk to it."""

    box: Sandbox
    _on_port: OnPort

    def __call__(self, scenario: Callable[[AsyncWeCom], Coroutine[Any, Any, T]]) -> T:
        async def on(port: Port) -> T:
            return await scenario(AsyncWeCom.on(port, self.box.corp_id, self.box.secret, quotas=MemoryQuotas()))

        return self._on_port(on, transport=self.box.transport, clock=self.box.clock)


@pytest.fixture
def corp(on_port: OnPort, sandbox: Sandbox) -> Corp:
    """Run ``async def scenario(wecom)`` against the sandbox, on a blocking and on an async port."""
    for userid in STAFF:
        sandbox.add_staff(userid, userid.title())
    return Corp(sandbox, on_port)


class Scripted:
    """Answers each path with the scripted answers, one after the other, the last one for ever."""

    def __init__(self, **answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.bodies: list[bytes] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/gettoken"):
            return httpx.Response(200, json={"errcode": 0, "access_token": "t", "expires_in": 7200})
        self.bodies.append(request.content)
        left = self.answers[request.url.path.rpartition("/")[2]]
        answer = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", **answer})


@pytest.fixture
def scripted(on_port: OnPort) -> Callable[..., Any]:
    """Run ``async def scenario(wecom)`` against scripted answers, on a blocking and on an async port."""

    def talk(scenario: Callable[[AsyncWeCom], Coroutine[Any, Any, T]], script: Scripted) -> T:
        async def on(port: Port) -> T:
            return await scenario(AsyncWeCom.on(port, "ww1", "secret"))

        return on_port(on, transport=script.transport)

    return talk
