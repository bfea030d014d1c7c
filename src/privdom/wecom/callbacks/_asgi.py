"""A callback address as an ASGI app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, TypeAlias

from privdom._port import AsyncPort
from privdom.errors import UsageError
from privdom.wecom.callbacks import _http
from privdom.wecom.callbacks.receiver import Callbacks


__all__ = ["asgi"]

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_AsgiApp: TypeAlias = Callable[[_Message, _Receive, _Send], Awaitable[None]]


def asgi(callbacks: Callbacks) -> _AsgiApp:
    """
    Return *callbacks* as an ASGI app: to mount in Starlette, FastAPI or Django, or to run by itself.

    It answers a GET with the check of the address and a POST with an empty 200 once
    its message is committed, which happens in a thread; with 403 what WeCom did not
    sign, 405 other verbs, 413 a body of more than 262,144 bytes, and 500 when the
    inbox fails, so that WeCom sends again. Its path does not matter.
    """
    # An object, and no function: those a Starlette Route would call with a request.
    return _Asgi(callbacks)


class _Asgi:
    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._port = AsyncPort()

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            msg = f"a callback address speaks HTTP, not {scope['type']}: mount it elsewhere"
            raise UsageError(msg)
        answer = await self._answer(scope, receive)
        if answer is None:
            return
        status, content = answer
        fields = [(name.lower().encode(), value.encode()) for name, value in _http.headers(status, content)]
        await send({"type": "http.response.start", "status": int(status), "headers": fields})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: _Message, receive: _Receive) -> _http.Answer | None:
        """Return the answer, or None if the client has gone."""
        method: str = scope["method"]
        refused = _http.refuse(method, _declared(scope))
        if refused is not None:
            return refused
        body = b"" if method == "GET" else await _read(receive)
        if body is None:
            return None
        query: str = scope["query_string"].decode("latin-1")
        # The event loop must not wait for the disk.
        return await self._port.offload(partial(_http.answer, self._callbacks, method, query, body))

    def __repr__(self) -> str:
        return f"<asgi of {self._callbacks!r}>"


def _declared(scope: _Message) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-length"), "")


async def _read(receive: _Receive) -> bytes | None:
    """Return the body, of one that is too long only so much as shows it, or None if the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")[: _http.MAX_BODY + 1 - len(body)]
        if len(body) > _http.MAX_BODY or not message.get("more_body", False):
            return bytes(body)


async def _live(receive: _Receive, send: _Send) -> None:
    """Tell the server that there is nothing to start or to stop: the store belongs to whoever made it."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
