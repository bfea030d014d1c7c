"""
What the drivers of Python clients share.

Runs in the client's own environment, where nothing of this project is
installed. One JSON object comes on the first line of stdin; each call's
outcome goes out as a line of JSON, and the driver waits for a line back, so
that whoever listens can look at the sandbox before the next call.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import sys
import threading
import urllib.error
import urllib.request

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


STAGE: dict[str, Any] = json.loads(sys.stdin.readline())
# Clients may print: what they say must not come between the lines of JSON.
_OUT, sys.stdout = sys.stdout, sys.stderr
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def plain(value: Any) -> Any:
    """Return what a client gave as JSON-able data; files by their size and MD5."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(exclude_none=True))
    if hasattr(value, "content") and isinstance(value.content, bytes):
        return plain(value.content)
    if isinstance(value, bytes):
        return {"size": len(value), "md5": hashlib.md5(value).hexdigest()}
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)) or inspect.isgenerator(value):
        return [plain(inner) for inner in value]
    return value


def say(method: str, endpoint: str, **outcome: Any) -> None:
    """Tell what became of a call, and wait until it was heard."""
    line = {"method": method, "endpoint": f"/cgi-bin/{endpoint}", **outcome}
    print(json.dumps(line, ensure_ascii=False, default=str), file=_OUT, flush=True)
    if not sys.stdin.readline():
        sys.exit(1)


class Driver:
    """Calls the methods of *client* by their dotted names."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._loop = asyncio.new_event_loop()

    def __call__(self, method: str, endpoint: str, *args: Any, reads: Any = None, **kwargs: Any) -> Any:
        """
        Call a method, which is meant to reach *endpoint*, and tell; return its answer, or {} where it failed.

        *reads* is the client's own model of the answer, which must take it.
        """
        target = self._client
        for name in method.split("."):
            target = getattr(target, name)
        try:
            answer = target(*args, **kwargs)
            if inspect.isawaitable(answer):
                answer = self._loop.run_until_complete(answer)
            answer = list(answer) if inspect.isgenerator(answer) else answer
            if reads is not None:
                reads.model_validate(answer)
        except Exception as error:  # noqa: BLE001 - whatever a client raises is its answer
            say(method, endpoint, error=f"{type(error).__name__}: {error}")
            return {}
        say(method, endpoint, answer=plain(answer))
        return answer


def act(command: str, **arguments: Any) -> Any:
    """Have the people of the sandbox do something."""
    body = json.dumps(arguments).encode()
    request = urllib.request.Request(f"{STAGE['base_url']}/_sandbox/{command}", body)
    try:
        with _DIRECT.open(request) as response:
            return json.load(response)["result"]
    except urllib.error.HTTPError as error:
        # A sandbox that cannot do it: what the next calls find will say so.
        print(command, error, error.read().decode(), file=sys.stderr)
        return {}


def receive(client: str, verify: Callable[..., Any], decrypt: Callable[..., Any]) -> None:
    """
    Receive one callback of the sandbox over HTTP.

    *verify* gets signature, timestamp, nonce and echostr and gives the text
    inside; *decrypt* gets the body, signature, timestamp and nonce.
    """
    told: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, work: Callable[[dict[str, str]], Any]) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            try:
                text = work(query)
            except Exception as error:  # noqa: BLE001
                told.append(f"{type(error).__name__}: {error}")
                self.send_response(500)
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text if isinstance(text, bytes) else text.encode())

        def do_GET(self) -> None:
            self._answer(lambda q: verify(q["msg_signature"], q["timestamp"], q["nonce"], q["echostr"]))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))

            def work(q: dict[str, str]) -> str:
                text = decrypt(body, q["msg_signature"], q["timestamp"], q["nonce"])
                told.append(text.decode() if isinstance(text, bytes) else text)
                return "success"

            self._answer(work)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    act("set_callback", url=f"http://127.0.0.1:{server.server_port}/")
    say(f"{client}.verify", "callback/verify", answer={"accepted": act("verify_callback_url"), "told": list(told)})
    told.clear()
    act("scan", config_id_or_state=STAGE["code"], name="回调")
    act("deliver")
    say(f"{client}.decrypt", "callback/event", answer={"xml": told})
    act("set_callback", url=None)
    server.shutdown()
