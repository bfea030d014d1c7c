"""Follow WeCom's cursors and offsets, and never in a circle."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from privdom.errors import CursorLoop, UsageError
from privdom.wecom import _values


__all__ = ["blocks", "follow_cursor", "follow_offset"]


class Page(Protocol):
    """An answer that may go on: an empty ``next_cursor`` is the end."""

    @property
    def next_cursor(self) -> str: ...


P = TypeVar("P", bound=Page)


async def follow_cursor(fetch: Callable[[str], Coroutine[Any, Any, P]], cursor: str) -> AsyncGenerator[P, None]:
    """
    Yield the page at *cursor* and all that come after it.

    Raises:
        CursorLoop: WeCom sent a cursor that was used before; every page before that was yielded.
    """
    used = {cursor}
    while True:
        page = await fetch(cursor)
        yield page
        cursor = page.next_cursor
        if not cursor:
            return
        if cursor in used:
            msg = f"WeCom sent the same cursor twice, after {len(used)} pages: start again later, with the last good cursor"
            raise CursorLoop(msg)
        used.add(cursor)


class OffsetPage(Protocol):
    """An answer that may go on: a ``next_offset`` that is ``total`` is the end."""

    @property
    def total(self) -> int: ...

    @property
    def next_offset(self) -> int: ...


N = TypeVar("N", bound=OffsetPage)


async def follow_offset(fetch: Callable[[int], Coroutine[Any, Any, N]], offset: int) -> AsyncGenerator[N, None]:
    """
    Yield the page at *offset* and all that come after it.

    Raises:
        CursorLoop: WeCom sent an offset that leads back; every page before that was yielded.
    """
    while True:
        page = await fetch(offset)
        yield page
        if page.next_offset >= page.total:
            return
        if page.next_offset <= offset:
            msg = (
                f"WeCom sent the offset {page.next_offset} after {offset}: start again later, with the last good offset"
            )
            raise CursorLoop(msg)
        offset = page.next_offset


def blocks(userids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """
    Yield the userids of staff in parts of *size*.

    Raises:
        UsageError: Before the first part: an id of another kind, or one twice, whose items would come twice.
    """
    if isinstance(userids, str):
        msg = "give a list of ids, not one text"
        raise UsageError(msg)
    _values.staff_ids(userids, "userids")
    for i in range(0, len(userids), size):
        yield userids[i : i + size]
