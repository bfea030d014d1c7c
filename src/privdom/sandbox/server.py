"""The sandbox as a real HTTP/1.1 server on this machine."""

from __future__ import annotations

import asyncio
import json
import threading

from collections.abc import Callable, Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from privdom.sandbox import console, control, guard
from privdom.sandbox.router import Reply, Request


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["serve", "serving"]

_REASONS: Final = {
    200: "OK",
    206: "Partial Content",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
}
_HEAD_LIMIT: Final = 65_536


def _reply(status: int, answer: bytes) -> Reply:
    return Reply(answer, status)


def _told(buffer: bytearray, start: int, length: str) -> tuple[bytes, int] | None:
    """Return the body of the told *length* and where it ends, None while it is incomplete; ValueError: no length."""
    if not length.isdecimal():
        raise ValueError
    end = start + int(length)
    return (bytes(buffer[start:end]), end) if len(buffer) >= end else None


def _chunks(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    """Return the body that comes in chunks and where it ends, None while it is incomplete; ValueError: no chunks."""
    parts: list[bytes] = []
    size = -1
    while (line := buffer.find(b"\r\n", start)) >= 0:
        if size == 0:  # trailers, up to an empty line
            if line == start:
                return b"".join(parts), line + 2
            start = line + 2
            continue
        digits = bytes(buffer[start:line]).partition(b";")[0].strip()
        if not digits.isalnum():
            raise ValueError
        size = int(digits, 16)
        start = line + 2
        if size:
            parts.append(bytes(buffer[start : start + size]))
            start += size + 2
    return None


class _Connection(asyncio.Protocol):
    """
    One connection of a client, kept alive; requests are answered in order.

    Hand-written because it is several times as fast as http.server: a request
    is a few lines of text, and asyncio sets TCP_NODELAY itself.
    """

    def __init__(self, box: Sandbox, commands: ThreadPoolExecutor, names: Collection[str]) -> None:
        self._box, self._commands, self._names = box, commands, names
        self._buffer = bytearray()
        self._busy = False
        self._bare = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._ip = str(peer[0]) if peer else "127.0.0.1"

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def _work(self) -> None:
        while not self._busy and self._transport is not None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _HEAD_LIMIT:
                    self._transport.close()
                return
            first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {
                name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            coding = headers.get("transfer-encoding", "").lower()
            if coding not in ("", "chunked"):
                self._refuse(501, b"of transfer encodings only chunked is known here")
                return
            try:
                framed = (
                    _chunks(self._buffer, end + 4)
                    if coding
                    else _told(self._buffer, end + 4, headers.get("content-length", "0"))
                )
            except ValueError:
                self._refuse(400, b"the length of the body cannot be read")
                return
            if framed is None:
                # Asked and answered once: before any of the body is there.
                if headers.get("expect", "").lower() == "100-continue" and len(self._buffer) == end + 4:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body, behind = framed
            del self._buffer[:behind]
            self._answer(first, headers, body)

    def _refuse(self, status: int, why: bytes) -> None:
        # Where the next request begins is not known any more.
        self._bare = False
        self._write(Reply(why, status, "text/plain"), last=True)
        self._transport = None

    def _answer(self, first: str, headers: dict[str, str], body: bytes) -> None:
        last = headers.get("connection", "").lower() == "close"
        method, _, rest = first.partition(" ")
        self._bare = method == "HEAD"
        target = rest.rpartition(" ")[0]
        path, _, query = target.partition("?")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        if console.is_page(path):
            if why := guard.refusal(method, headers, self._names):
                self._write(Reply(why.encode(), 403, "text/plain; charset=utf-8"), last=last)
                return
            self._later(partial(console.answer, self._box, method, path, parameters, body, headers), last=last)
            return
        path = unquote(path)
        if path.startswith(control.PREFIX):
            if why := guard.refusal(method, headers, self._names):
                self._write(Reply(json.dumps({"error": why}).encode(), 403), last=last)
                return
            command = path.removeprefix(control.PREFIX).strip("/")
            self._later(lambda: _reply(*control.run(self._box, command, body, method=method)), last=last)
            return
        request = Request(method, path, parameters, body, self._ip, headers)
        arriving = self._box.arriving(request)
        reply = arriving.__enter__()
        if reply.delay:
            self._busy = True
            asyncio.get_running_loop().call_later(reply.delay, self._finish, arriving, reply, last)
        else:
            arriving.__exit__(None, None, None)
            self._write(reply, last=last)

    def _finish(self, arriving: AbstractContextManager[Reply], reply: Reply, last: bool) -> None:
        arriving.__exit__(None, None, None)
        self._busy = False
        self._write(reply, last=last)
        self._work()

    def _later(self, answer: Callable[[], Reply], *, last: bool) -> None:
        # In a thread: delivering a callback waits for a receiver, who may call the API meanwhile.
        self._busy = True
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._commands, answer)

        def done(future: asyncio.Future[Reply]) -> None:
            self._busy = False
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                self._write(future.result(), last=last)
            else:
                # Somebody waits for an answer, whatever went wrong.
                self._write(Reply(json.dumps({"error": repr(error)}).encode(), 500), last=last)
                loop.call_exception_handler({"message": "the sandbox failed", "exception": error})
            self._work()

        work.add_done_callback(done)

    def _write(self, reply: Reply, *, last: bool = False) -> None:
        if self._transport is None:
            return
        if reply.dropped:
            # Over a socket a refused connection cannot be told from a lost call: the line breaks without an answer.
            self._transport.abort()
            self._transport = None
            return
        last = last or reply.missing > 0
        lines = [
            f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(reply.body) + reply.missing}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
            f"Connection: {'close' if last else 'keep-alive'}",
        ]
        head = "".join(f"{line}\r\n" for line in lines) + "\r\n"
        # Names of files stand in heads as they are, in UTF-8.
        self._transport.write(head.encode() + (b"" if self._bare else reply.body))
        if last:
            self._transport.close()


async def serve(
    box: Sandbox,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    names: Collection[str] = (),
    ready: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """
    Serve *box* until *stop* is set; *ready* gets the base URL.

    *names* are hosts with dots in them by which people reach the console, besides *host*.
    """
    commands = ThreadPoolExecutor(thread_name_prefix="sandbox")
    known = {name.lower() for name in (host, *names)}
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(box, commands, known), host, port, backlog=512
    )
    try:
        ready(f"http://{host}:{server.sockets[0].getsockname()[1]}")
        await stop.wait()
    finally:
        server.close()
        commands.shutdown(wait=False, cancel_futures=True)


@contextmanager
def serving(box: Sandbox, *, port: int = 0) -> Generator[str, None, None]:
    """Serve *box* from a thread of this process; gives the base URL."""
    started = threading.Event()
    found: list[str] = []
    ending: list[Callable[[], object]] = []

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ending.append(lambda: loop.call_soon_threadsafe(stop.set))

        def ready(url: str) -> None:
            found.append(url)
            started.set()

        await serve(box, port=port, ready=ready, stop=stop)

    failures: list[OSError] = []

    def work() -> None:
        try:
            asyncio.run(main())
        except OSError as e:
            failures.append(e)
            started.set()

    thread = threading.Thread(target=work, name="sandbox", daemon=True)
    thread.start()
    started.wait()
    if failures:
        raise failures[0]
    try:
        yield found[0]
    finally:
        ending[0]()
        thread.join()
