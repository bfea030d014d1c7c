"""Read and write JSON, with orjson where it is installed, to the same effect."""

from __future__ import annotations

import json

from typing import Any, NoReturn

from privdom.errors import UsageError


try:
    import orjson
except ImportError:  # the extra `speed` is not installed
    orjson = None  # type: ignore[assignment]

__all__ = ["dumps", "loads"]


def loads(body: bytes) -> Any:
    """
    Read JSON, with orjson where it is installed.

    WeCom passes on what customers type into their names: raw control
    characters, halves of emoji. Neither may cost a page of a hundred customers,
    so what is strictly no JSON is read once more, leniently.

    Raises:
        ValueError: It is no JSON, however lenient.
    """
    if orjson is not None:
        try:
            return orjson.loads(body)
        except ValueError:
            pass
    text = body.decode("utf-8", "replace")
    try:
        data = json.loads(text, strict=False, parse_constant=_refuse_constant)
    except RecursionError:
        msg = "nested too deeply"
        raise ValueError(msg) from None
    return _whole_characters(data) if "\\ud" in text.lower() else data


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON"
    raise ValueError(msg)


def _whole_characters(data: Any) -> Any:
    """Replace halves of surrogate pairs, which no database and no other JSON library takes."""
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if data.__class__ is list:
        return [_whole_characters(item) for item in data]
    if data.__class__ is dict:
        return {_whole_characters(name): _whole_characters(item) for name, item in data.items()}
    return data


def dumps(value: object) -> bytes:
    """
    Write JSON as UTF-8, the same bytes with and without orjson.

    Raises:
        UsageError: The text holds half of an emoji.
    """
    try:
        if orjson is not None:
            return orjson.dumps(value)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except (UnicodeEncodeError, TypeError) as e:
        msg = "this cannot be written as JSON: use plain values, numbers of 64 bits, whole characters (no half of an emoji)"
        raise UsageError(msg) from e
