"""Read the fields of a request's body, as strictly as WeCom does."""

from __future__ import annotations

import re

from collections.abc import Mapping
from typing import Final, cast

from privdom.sandbox.errors import WeComError


__all__ = ["Fields"]


# As many digits as 64 bits hold.
_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")


def _wrong(name: str, expected: str) -> WeComError:
    return WeComError(40058, f"field `{name}` unexpected, expect type `{expected}`")


def _octets(value: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError as e:  # half of a surrogate pair, which JSON can name and no text holds
        raise WeComError(40033) from e


class Fields:
    """One JSON object. A field that is null counts as absent."""

    def __init__(self, data: Mapping[str, object]) -> None:
        self._data = data

    def __contains__(self, name: str) -> bool:
        return self._data.get(name) is not None

    def text(self, name: str, *, absent: int | None = None, chars: int | None = None, octets: int | None = None) -> str:
        """Return a text, empty where it is absent, unless that is the errcode *absent*."""
        value = self._data.get(name)
        if value is None or value == "":
            if absent is not None:
                raise WeComError(absent)
            return ""
        if not isinstance(value, str):
            raise _wrong(name, "String")
        size = _octets(value)
        if (chars is not None and len(value) > chars) or (octets is not None and size > octets):
            raise WeComError(40058, f"field `{name}` exceed max length {chars or octets}")
        return value

    def integer(
        self, name: str, default: int = 0, *, absent: int | None = None, low: int | None = None, high: int | None = None
    ) -> int:
        """Return a number; digits in a text will do, since SDKs send them."""
        value = self._data.get(name)
        if value is None or value == "":
            if absent is not None:
                raise WeComError(absent)
            return default
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)
        if not isinstance(value, int):
            raise _wrong(name, "Integer")
        if (low is not None and value < low) or (high is not None and value > high):
            raise WeComError(40058, f"field `{name}` out of range")
        return int(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false; 0 and 1 will do."""
        value = self._data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        raise _wrong(name, "Boolean")

    def _list(self, name: str, most: int | None) -> list[object]:
        value = self._data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise _wrong(name, "Array")
        items = cast("list[object]", value)
        if most is not None and len(items) > most:
            raise WeComError(40058, f"field `{name}` exceed max length {most}")
        return items

    def texts(self, name: str, *, most: int | None = None) -> list[str]:
        """Return a list of texts, empty where it is absent."""
        items = self._list(name, most)
        for item in items:
            if not isinstance(item, str):
                raise _wrong(name, "Array<String>")
            _octets(item)
        return cast("list[str]", items)

    def integers(self, name: str) -> list[int]:
        """Return a list of numbers, empty where it is absent."""
        items: list[int] = []
        for item in self._list(name, None):
            if isinstance(item, str) and _NUMBER.fullmatch(item):
                items.append(int(item))
            elif isinstance(item, int):
                items.append(item)
            else:
                raise _wrong(name, "Array<Integer>")
        return items

    def child(self, name: str) -> Fields | None:
        """Return an object, or None where it is absent."""
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _wrong(name, "Object")
        return Fields(cast("dict[str, object]", value))

    def children(self, name: str, *, most: int | None = None) -> list[Fields]:
        """Return a list of objects, empty where it is absent."""
        found: list[Fields] = []
        for item in self._list(name, most):
            if not isinstance(item, dict):
                raise _wrong(name, "Array<Object>")
            found.append(Fields(cast("dict[str, object]", item)))
        return found

    def raw(self) -> dict[str, object]:
        """Return the object itself, to be kept and given back."""
        return dict(self._data)
