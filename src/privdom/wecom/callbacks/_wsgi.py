"""A callback address as a WSGI app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from privdom.wecom.callbacks import _http
from privdom.wecom.callbacks.receiver import Callbacks


if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


__all__ = ["wsgi"]

_CHUNK = 65_536


def wsgi(callbacks: Callbacks) -> WSGIApplication:
    """
    Return *callbacks* as a WSGI app: to mount in Flask or Django, or to run by itself.

    It answers a GET with the check of the address and a POST with an empty 200 once
    its message is committed; with 403 what WeCom did not sign, 405 other verbs, 413
    a body of more than 262,144 bytes, and 500 when the inbox fails, so that WeCom
    sends again. Its path does not matter.
    """
    return _Wsgi(callbacks)


class _Wsgi:
    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method: str = environ["REQUEST_METHOD"]
        refused = _http.refuse(method, environ.get("CONTENT_LENGTH", ""))
        if refused is None:
            body = b"" if method == "GET" else _read(environ)
            status, content = _http.answer(self._callbacks, method, environ.get("QUERY_STRING", ""), body)
        else:
            status, content = refused
        start_response(f"{int(status)} {status.phrase}", _http.headers(status, content))
        return [content]

    def __repr__(self) -> str:
        return f"<wsgi of {self._callbacks!r}>"


def _read(environ: WSGIEnvironment) -> bytes:
    """Return the body, of one that is too long only so much as shows it."""
    declared: str = environ.get("CONTENT_LENGTH", "")
    left = int(declared) if declared.isdecimal() else 0
    # Where the length is not told, only some servers let reading come to an end.
    if not left and environ.get("wsgi.input_terminated"):
        left = _http.MAX_BODY + 1
    stream = environ["wsgi.input"]
    body = bytearray()
    while left:
        chunk: bytes = stream.read(min(left, _CHUNK))
        if not chunk:
            break
        body += chunk
        left -= len(chunk)
    return bytes(body)
