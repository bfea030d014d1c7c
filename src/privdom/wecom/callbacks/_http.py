"""What a receiver answers, whatever server it runs in."""

from __future__ import annotations

from http import HTTPStatus
from logging import getLogger
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from privdom.errors import CallbackError
from privdom.wecom.callbacks.receiver import Callbacks
from privdom.wecom.callbacks.xml import MAX_BYTES


__all__ = ["MAX_BODY", "Answer", "answer", "headers", "refuse"]

Answer: TypeAlias = tuple[HTTPStatus, bytes]

# What is larger could not be read either.
MAX_BODY: Final = MAX_BYTES
_METHODS: Final = ("GET", "POST")
# Python refuses to read numbers of some thousand digits.
_DIGITS: Final = 12

_log = getLogger("privdom.wecom")


def refuse(method: str, declared: str) -> Answer | None:
    """Return the answer to a request whose body need not be read; *declared* is its Content-Length, or empty."""
    if method not in _METHODS:
        return HTTPStatus.METHOD_NOT_ALLOWED, b""
    # A length that is none is the server's business; what is read counts.
    if declared.isdecimal() and (len(declared) > _DIGITS or int(declared) > MAX_BODY):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b""
    return None


def answer(callbacks: Callbacks, method: str, query: str, body: bytes) -> Answer:
    """Return the answer to a GET, or to a POST, whose message is committed first."""
    if len(body) > MAX_BODY:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b""
    params = dict(parse_qsl(query, keep_blank_values=True))
    try:
        if method == "GET":
            return HTTPStatus.OK, callbacks.handle_get(params).encode()
        callbacks.handle_post(params, body)
    except CallbackError as e:
        _log.warning("a callback was refused: %s: %s", type(e).__name__, e)
        return HTTPStatus.FORBIDDEN, b""
    except Exception as e:  # noqa: BLE001 - whatever it is, WeCom must send again
        # Its message may hold what was to be stored.
        _log.error("a callback was not kept, WeCom is asked to send it again: %s", type(e).__name__)
        return HTTPStatus.INTERNAL_SERVER_ERROR, b""
    return HTTPStatus.OK, b""


def headers(status: HTTPStatus, content: bytes) -> list[tuple[str, str]]:
    """Return the headers of an answer."""
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        fields.append(("Allow", ", ".join(_METHODS)))
    return fields
