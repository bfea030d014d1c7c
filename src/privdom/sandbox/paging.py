"""Pages and opaque cursors: a cursor fits only the listing and the filters that it came from."""

from __future__ import annotations

import binascii

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import TypeVar

from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields


__all__ = ["Cursors", "lenient_limit", "page"]

T = TypeVar("T")


class Cursors:
    """Makes and reads the cursors of one listing, *parts* being its path and filters."""

    def __init__(self, seed: int, *parts: object) -> None:
        self._seed, self._parts = seed, parts

    def _seal(self, position: int) -> str:
        return digest(self._seed, "cursor", position, *self._parts)[:16]

    def make(self, position: int) -> str:
        """Return the cursor that goes on after *position*."""
        return urlsafe_b64encode(f"{position:x}.{self._seal(position)}".encode()).decode().rstrip("=")

    def read(self, cursor: str) -> int:
        """
        Return the position in *cursor*; 0 for the first page.

        Raises:
            WeComError: 50100, the cursor is not of this listing.
        """
        if not cursor:
            return 0
        try:
            text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
            number, _, seal = text.partition(".")
            position = int(number, 16)
        except (binascii.Error, ValueError) as e:
            raise WeComError(50100) from e
        if seal != self._seal(position):
            raise WeComError(50100)
        return position


def lenient_limit(body: Fields, default: int, most: int) -> int:
    """Return how many items a page may have; one that is too large is not an error: the default applies."""
    limit = body.integer("limit", default, low=0)
    return limit if 0 < limit <= most else default


def page(
    items: Iterable[tuple[int, T]], limit: int, cursors: Cursors, cursor: str, *, after: int | None = None
) -> tuple[list[T], str]:
    """
    Return one page of *items* and the next cursor, empty at the end.

    *items* come with growing positions, which stay when others go away, so that
    a change between two pages makes nothing come twice or get lost.
    """
    position = cursors.read(cursor) if after is None else after
    found: list[T] = []
    last = position
    for number, item in items:
        if number <= position:
            continue
        if len(found) == limit:
            return found, cursors.make(last)
        found.append(item)
        last = number
    return found, ""
