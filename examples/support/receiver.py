"""A callback address on this machine: a plain HTTP server around the library's receiver."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

from privdom.errors import CallbackError
from privdom.wecom.callbacks import Callbacks


__all__ = ["listening"]


@contextmanager
def listening(callbacks: Callbacks) -> Generator[str, None, None]:
    """Take callbacks in while the block runs; gives the address to tell WeCom."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One small answer a request: waiting to fill packets only costs time.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer(callbacks.handle_get)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))

            def keep(query: dict[str, str]) -> str:
                callbacks.handle_post(query, body)
                return ""

            self._answer(keep)

        def _answer(self, handle: Callable[[dict[str, str]], str]) -> None:
            try:
                status, text = 200, handle(dict(parse_qsl(urlsplit(self.path).query)))
            except CallbackError:
                status, text = 403, ""
            payload = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            """Say nothing: the URL holds the signature."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback"
    finally:
        server.shutdown()
        server.server_close()
