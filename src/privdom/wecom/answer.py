"""Read one answer of WeCom: JSON with an errcode, or an error that says what came instead."""

from __future__ import annotations

import logging

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from privdom._facts.endpoints import Endpoint
from privdom.errors import NotUnderstood, api_error
from privdom.wecom.wire import loads, structure


__all__ = ["is_file", "read_answer"]

T = TypeVar("T")

_log = logging.getLogger("privdom.wecom")

# The only text that tells something which no errcode does.
_READ_IN_PART = "wrong json format"
_OF_REFUSALS = ("", "application/json", "text/json", "text/html", "text/plain")


def read_answer(endpoint: Endpoint, body: bytes | str, answer: type[T], *, status: int = 200) -> T:
    """
    Return the typed answer. Where WeCom could not read the whole request and went on all the same, that is logged.

    Raises:
        NotUnderstood: The body is not the JSON object of an answer, or is shaped in another way.
        ApiError: WeCom answered with an errcode other than 0.
    """
    try:
        data: Any = loads(body.encode() if isinstance(body, str) else body)
    except ValueError:
        msg = f"{endpoint.path} answered HTTP {status} with {len(body)} bytes that are not JSON ({_kind(body)})"
        raise NotUnderstood(msg) from None
    if not isinstance(data, dict) or "errcode" not in data:
        msg = f"{endpoint.path} answered HTTP {status} with JSON that has no errcode"
        raise NotUnderstood(msg)
    fields = cast("dict[str, Any]", data)
    errcode, errmsg = fields.pop("errcode"), fields.pop("errmsg", "")
    try:
        code = int(errcode)
    except (TypeError, ValueError):
        msg = f"{endpoint.path} answered with an errcode that is no number"
        raise NotUnderstood(msg) from None
    if code != 0:
        raise api_error(code, str(errmsg), path=endpoint.path, doc_url=endpoint.url)
    if _READ_IN_PART in str(errmsg):
        _log.warning(
            "%s: WeCom read only a part of the request, and did that: is a field of another type?", endpoint.path
        )
    return structure(fields, answer)


def is_file(status: int, headers: Mapping[str, str]) -> bool:
    """
    Tell whether an answer whose content may be a file is one.

    WeCom refuses with status 200 too, in JSON; but a file may hold JSON, which
    only its ``Content-Disposition`` tells apart.
    """
    if status not in (200, 206):
        return False
    if headers.get("Content-Disposition"):
        return True
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind not in _OF_REFUSALS


def _kind(body: bytes | str) -> str:
    head = (body if isinstance(body, bytes) else body.encode())[:64].lstrip().lower()
    if not head:
        return "nothing at all"
    if head.startswith(b"<"):
        return "it looks like a web page: is a proxy or a gateway between you and WeCom?"
    return "cut off, or no JSON at all"
