"""The way in for a client in the same process: an httpx transport, for blocking and async clients alike."""

from __future__ import annotations

import time

from collections.abc import Callable
from contextlib import AbstractContextManager

import anyio
import httpx

from privdom.sandbox.router import Reply, Request


__all__ = ["SandboxTransport"]


class SandboxTransport(httpx.MockTransport):
    """Hands requests to the sandbox without a socket. Safe to use from several threads and clients at once."""

    def __init__(self, arriving: Callable[[Request], AbstractContextManager[Reply]]) -> None:
        super().__init__(self._answer)
        self._arriving = arriving

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a blocking client."""
        request.read()
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer an async client."""
        await request.aread()
        with self._arriving(_read(request)) as reply:
            if reply.delay:
                await anyio.sleep(reply.delay)
        return _response(reply, request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._arriving(_read(request)) as reply:
            if reply.delay:
                time.sleep(reply.delay)
        return _response(reply, request)

    def __repr__(self) -> str:
        return "<SandboxTransport>"


def _read(request: httpx.Request) -> Request:
    url = request.url
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method, url.path, dict(url.params), request.content, headers=headers)


def _response(reply: Reply, request: httpx.Request) -> httpx.Response:
    if reply.dropped == "refused":
        msg = "the sandbox refuses the connection"
        raise httpx.ConnectError(msg, request=request)
    if reply.dropped:
        msg = "the sandbox does not answer"
        raise httpx.ReadTimeout(msg, request=request)
    headers = {"Content-Type": reply.content_type, **reply.headers}
    if reply.missing:
        headers["Content-Length"] = str(len(reply.body) + reply.missing)
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    return httpx.Response(reply.status, headers=encoded, content=reply.body)
