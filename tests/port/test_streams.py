"""Bodies in pieces, on both ports: read beside the event loop, and let go when nobody wants them any more."""

from __future__ import annotations

import threading

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing

import anyio
import httpx
import pytest

from privdom._port import AsyncPort, Outgoing, Port
from privdom._port.streams import CHUNK_BYTES
from privdom.sandbox import Sandbox
from tests.conftest import OnPort


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self.pieces, self.closed = pieces, False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def get(url: str = "http://x/") -> httpx.Request:
    return httpx.Request("GET", url)


def test_a_body_is_read_beside_the_event_loop(on_port: OnPort) -> None:
    """On the blocking port in the caller's own thread, on the async one in another; in order, and then closed."""
    threads: set[int] = set()
    closed: list[bool] = []

    def pieces() -> Generator[bytes, None, None]:
        try:
            for piece in (b"a", b"b", b"c"):
                threads.add(threading.get_ident())
                yield piece
        finally:
            closed.append(True)

    async def scenario(port: Port) -> bytes:
        request = httpx.Request("POST", "http://x/", headers={"Content-Length": "3"}, stream=Outgoing(port, pieces))
        return (await port.send(request)).content

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=request.content))
    assert b"abc" == on_port(scenario, transport=transport)
    assert (on_port.kind == "blocking") is (threads == {threading.get_ident()})
    assert [True] == closed


def test_a_body_that_nobody_reads_to_its_end_is_closed(on_port: OnPort) -> None:
    """Where the line breaks in the middle, the file behind the body does not stay open."""
    closed: list[bool] = []

    def pieces() -> Generator[bytes, None, None]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    async def scenario(port: Port) -> None:
        stream = Outgoing(port, pieces)
        if on_port.kind == "async":
            async with aclosing(stream.__aiter__()) as reading:  # type: ignore[type-var]
                assert b"a" == await anext(reading)
        else:
            assert b"a" == next(iter(stream))

    on_port(scenario)

    assert [True] == closed


def test_an_answer_is_taken_chunk_by_chunk(on_port: OnPort) -> None:
    """Its head is there first; then chunks of the same size, whatever came over the line; at the end it is closed."""
    body = _Body(b"a" * CHUNK_BYTES * 3, b"b", b"c" * CHUNK_BYTES)

    async def scenario(port: Port) -> list[int]:
        async with port.stream(get()) as incoming:
            assert (206, "x") == (incoming.status, incoming.headers["Content-Type"])
            assert "<Incoming 206>" == repr(incoming)
            lengths = [len(chunk) async for chunk in incoming.chunks]
        assert body.closed
        return lengths

    transport = httpx.MockTransport(lambda _: httpx.Response(206, headers={"Content-Type": "x"}, stream=body))
    assert [CHUNK_BYTES] * 4 + [1] == on_port(scenario, transport=transport)


def test_an_answer_that_is_given_up_is_closed(on_port: OnPort) -> None:
    """Before its first chunk, after it, and where the block fails."""
    bodies: list[_Body] = []

    def answer(_: httpx.Request) -> httpx.Response:
        bodies.append(_Body(b"a", b"b"))
        return httpx.Response(200, stream=bodies[-1])

    async def scenario(port: Port) -> None:
        async with port.stream(get()):
            pass
        async with port.stream(get()) as incoming:
            await anext(incoming.chunks)
        with pytest.raises(ZeroDivisionError):
            async with port.stream(get()) as incoming:
                await anext(incoming.chunks)
                raise ZeroDivisionError

    on_port(scenario, transport=httpx.MockTransport(answer))

    assert [True] * 3 == [body.closed for body in bodies]


def test_a_line_in_use_counts_until_the_answer_is_read() -> None:
    """The async port sends the next request over another of its small pools."""

    async def main(url: str) -> None:
        port = AsyncPort()
        async with port.stream(get(url)) as first, port.stream(get(url)) as second:
            assert [1, 1] == sorted(port._load)[-2:]
            for incoming in (first, second):
                assert [chunk async for chunk in incoming.chunks]
        assert 0 == sum(port._load)
        await port.close()

    with Sandbox().serving() as url:
        anyio.run(main, f"{url}/cgi-bin/gettoken")
