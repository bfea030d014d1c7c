"""Bodies that are never whole in memory: a request's, read piece by piece, and an answer's, taken chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import httpx


if TYPE_CHECKING:
    from privdom._port.protocol import Port


__all__ = ["CHUNK_BYTES", "Incoming", "Outgoing"]

CHUNK_BYTES = 65_536
"""How much of a body is in memory at a time."""


class Outgoing(httpx.SyncByteStream, httpx.AsyncByteStream):
    """
    A request's body, for blocking and async clients alike; reading it may block.

    Args:
        port: on an async one each piece is read beside the event loop.
        pieces: begins to read from the start, and yields no empty piece; where it
            holds a file open, that ends with the generator.
    """

    def __init__(self, port: Port, pieces: Callable[[], Generator[bytes, None, None]]) -> None:
        self._port, self._pieces = port, pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with closing(self._pieces()) as pieces:
            read = partial(next, pieces, b"")
            while piece := await self._port.offload(read):
                yield piece


class Incoming:
    """The head of an answer whose body is still to come."""

    def __init__(self, response: httpx.Response, chunks: AsyncGenerator[bytes, None]) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.chunks = chunks
        """The body, at most `CHUNK_BYTES` at a time."""

    def __repr__(self) -> str:
        return f"<Incoming {self.status}>"
