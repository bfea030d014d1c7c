"""A callback address as a plain ASGI and as a plain WSGI app: what it answers, reads, keeps and logs."""

from __future__ import annotations

import io
import logging

from collections.abc import Callable, Iterable, Sequence
from threading import Event as Flag
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import anyio
import attrs
import pytest

from privdom.errors import UsageError
from privdom.wecom.callbacks import Callbacks, Crypto, InboxMessage, asgi, wsgi


CORP = "wx5823bf96d3bd56c7"
CRYPTO = Crypto("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", CORP)
CAP = 262_144
ADDED = (
    f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>sys</FromUserName><CreateTime>1403610513</CreateTime>"
    "<MsgType>event</MsgType><Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType>"
    "<UserID>zhangsan</UserID><ExternalUserID>wmANNA</ExternalUserID></xml>"
)


@attrs.define
class Memory:
    """An inbox that keeps its messages in a list, or fails."""

    kept: list[InboxMessage] = attrs.Factory(list)
    broken: bool = False

    def put(self, message: InboxMessage) -> bool:
        if self.broken:
            msg = f"disk full at {message.xml!r}"
            raise OSError(msg)
        self.kept.append(message)
        return True


@attrs.frozen
class Reply:
    status: int
    headers: dict[str, str]
    content: bytes


@attrs.define
class Unread:
    """A body of which too much must not be read."""

    data: io.BytesIO
    read_so_far: int = 0
    most: int = 0

    def read(self, size: int) -> bytes:
        chunk = self.data.read(size)
        self.read_so_far += len(chunk)
        self.most = max(self.most, size)
        return chunk


def by_wsgi(callbacks: Callbacks, method: str, query: str, chunks: Sequence[bytes], declared: bool = True) -> Reply:
    """Ask the WSGI app, watched by the standard library's checker."""
    body = b"".join(chunks)
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body))}
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO(body)
    if not declared:
        del environ["CONTENT_LENGTH"]
        environ["wsgi.input_terminated"] = True
    answered: list[Any] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        answered.extend((status, headers))
        return lambda data: None

    answer: Any = validator(wsgi(callbacks))(environ, start_response)
    content = b"".join(answer)
    answer.close()
    return Reply(int(answered[0].split()[0]), {name.lower(): value for name, value in answered[1]}, content)


def by_asgi(callbacks: Callbacks, method: str, query: str, chunks: Sequence[bytes], declared: bool = True) -> Reply:
    """Ask the ASGI app."""
    size = str(sum(map(len, chunks))).encode()
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": query.encode(),
        "headers": [(b"content-length", size)] if declared else [],
    }
    parts = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages: list[dict[str, Any]] = [*parts, {"type": "http.request"}]
    start, body = anyio.run(converse, asgi(callbacks), scope, messages)
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], headers, body["body"])


async def converse(app: Any, scope: dict[str, Any], messages: Iterable[dict[str, Any]]) -> list[Any]:
    """Return what *app* sends when it receives *messages*."""
    sent: list[Any] = []
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(coming)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Reply]:
    """Ask one of the two apps."""
    asker: Callable[..., Reply] = request.param
    return asker


def signed(text: str = ADDED) -> tuple[dict[str, str], str, bytes]:
    """Return the query, the encrypted text and the body of a callback."""
    packet = CRYPTO.encrypt(text, timestamp="1409659813", nonce="n1")
    signature = packet.partition("<MsgSignature><![CDATA[")[2][:40]
    encrypted = packet.partition("<Encrypt><![CDATA[")[2].partition("]")[0]
    return {"msg_signature": signature, "timestamp": "1409659813", "nonce": "n1"}, encrypted, packet.encode()


def test_a_callback_is_kept_and_then_acknowledged(ask: Callable[..., Reply]) -> None:
    """The answer is 200 and empty; the body may come in pieces, its length told or not."""
    query, _, body = signed()
    for chunks in ([body], [body[:100], body[100:]]):
        for declared in (True, False):
            inbox = Memory()
            reply = ask(Callbacks(CRYPTO, inbox), "POST", urlencode(query), chunks, declared)

            assert (200, b"") == (reply.status, reply.content)
            assert reply.headers["content-length"] == "0"
            assert [ADDED.encode()] == [message.xml for message in inbox.kept]


def test_the_check_of_the_address_is_answered(ask: Callable[..., Reply]) -> None:
    """The text that WeCom encrypted comes back alone, and nothing is kept."""
    query, encrypted, _ = signed("5927782489442352469")
    inbox = Memory()
    reply = ask(Callbacks(CRYPTO, inbox), "GET", urlencode({**query, "echostr": encrypted}), [])

    assert (200, b"5927782489442352469") == (reply.status, reply.content)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert inbox.kept == []


def test_strangers_are_refused(ask: Callable[..., Reply]) -> None:
    """Without WeCom's signature, or without anything, the answer is 403, and nothing is kept."""
    query, encrypted, body = signed()
    inbox = Memory()
    callbacks = Callbacks(CRYPTO, inbox)
    forged = urlencode({**query, "nonce": "other"})

    assert ask(callbacks, "POST", forged, [body]).status == 403
    assert ask(callbacks, "POST", "", [body]).status == 403
    assert ask(callbacks, "POST", "%ff=%&&;nonce", [b"\xff"]).status == 403
    assert ask(callbacks, "POST", urlencode(query), []).status == 403
    assert ask(callbacks, "GET", forged + "&" + urlencode({"echostr": encrypted}), []).status == 403
    assert inbox.kept == []


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE", "OPTIONS"])
def test_other_verbs_are_refused(ask: Callable[..., Reply], method: str) -> None:
    """The answer is 405, and says which verbs there are."""
    reply = ask(Callbacks(CRYPTO, Memory()), method, "", [])

    assert (405, "GET, POST", b"") == (reply.status, reply.headers["allow"], reply.content)


@pytest.mark.parametrize("declared", [True, False])
def test_a_large_body_is_refused(ask: Callable[..., Reply], declared: bool) -> None:
    """More than the cap is 413, whether its length was told or not; as much as the cap is looked at."""
    callbacks = Callbacks(CRYPTO, Memory())
    chunks = [b"x" * 65_536] * 4

    assert ask(callbacks, "POST", "", [*chunks, b"x"], declared).status == 413
    assert ask(callbacks, "POST", "", chunks, declared).status == 403


def status_of(body: Unread, **told: Any) -> int:
    """Return the status that the WSGI app answers to a POST with *body*."""
    statuses: list[str] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda data: None

    answer: Any = wsgi(Callbacks(CRYPTO, Memory()))
    assert list(answer({"REQUEST_METHOD": "POST", "wsgi.input": body, **told}, start_response)) == [b""]
    return int(statuses[0].split()[0])


@pytest.mark.parametrize(
    ("told", "expected"), [({"CONTENT_LENGTH": "1000000"}, 0), ({"wsgi.input_terminated": True}, CAP + 1)]
)
def test_too_much_is_not_read(told: dict[str, Any], expected: int) -> None:
    """Of a body that is too long, nothing is read if its length was told, and else one byte more than the cap."""
    body = Unread(io.BytesIO(b"x" * 1_000_000))

    assert status_of(body, **told) == 413
    assert expected == body.read_so_far
    assert body.most <= 65_536


@pytest.mark.parametrize(
    "length", ["", "-5", "soon", "9" * 5000, "²"], ids=["empty", "negative", "word", "huge", "square"]
)
def test_a_length_that_is_none_does_no_harm(length: str) -> None:
    """A length that cannot be a number of bytes reads nothing, and is refused."""
    body = Unread(io.BytesIO(b"x" * 100))

    assert (413 if len(length) > 100 else 403) == status_of(body, CONTENT_LENGTH=length)
    assert body.read_so_far == 0


def test_a_failing_inbox_asks_for_it_again(ask: Callable[..., Reply]) -> None:
    """When the commit fails the answer is 500, and what WeCom sends again is kept."""
    query, _, body = signed()
    inbox = Memory(broken=True)
    callbacks = Callbacks(CRYPTO, inbox)

    assert ask(callbacks, "POST", urlencode(query), [body]).status == 500
    inbox.broken = False
    assert ask(callbacks, "POST", urlencode(query), [body]).status == 200
    assert len(inbox.kept) == 1


def test_nothing_personal_is_logged(ask: Callable[..., Reply], caplog: pytest.LogCaptureFixture) -> None:
    """Logs say what went wrong, and neither whom it was about nor how it was signed."""
    caplog.set_level(logging.DEBUG)
    query, encrypted, body = signed()
    ask(Callbacks(CRYPTO, Memory()), "POST", urlencode(query), [body])
    assert [] == [record for record in caplog.records if record.name.startswith("privdom")]

    ask(Callbacks(CRYPTO, Memory()), "POST", urlencode({**query, "nonce": "x"}), [body])
    ask(Callbacks(CRYPTO, Memory(broken=True)), "POST", urlencode(query), [body])
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("privdom")]

    assert len(messages) == 2
    assert "BadSignature" in messages[0]
    assert messages[1].endswith("OSError")
    for text in ("wmANNA", "zhangsan", query["msg_signature"], encrypted[:20]):
        assert text not in caplog.text


def test_the_event_loop_goes_on_while_the_inbox_commits() -> None:
    """The commit waits in a thread for something that only the event loop can do."""
    query, _, body = signed()
    flag = Flag()

    class Slow(Memory):
        def put(self, message: InboxMessage) -> bool:
            assert flag.wait(10)
            return super().put(message)

    inbox = Slow()
    scope = {"type": "http", "method": "POST", "query_string": urlencode(query).encode(), "headers": []}
    sent: list[Any] = []

    async def main() -> None:
        async def one() -> None:
            sent.extend(await converse(asgi(Callbacks(CRYPTO, inbox)), scope, [{"type": "http.request", "body": body}]))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            await anyio.sleep(0.01)
            flag.set()

    anyio.run(main)

    assert [200] == [message["status"] for message in sent if "status" in message]
    assert len(inbox.kept) == 1


def test_a_client_that_has_gone_gets_no_answer() -> None:
    """Half a body is neither kept nor answered."""
    query, _, body = signed()
    inbox = Memory()
    scope = {"type": "http", "method": "POST", "query_string": urlencode(query).encode(), "headers": []}
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body[:50], "more_body": True},
        {"type": "http.disconnect"},
    ]

    assert anyio.run(converse, asgi(Callbacks(CRYPTO, inbox)), scope, messages) == []
    assert inbox.kept == []


def test_the_server_may_start_and_stop_it() -> None:
    """A server that tells apps of its life gets its answers."""
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = anyio.run(converse, asgi(Callbacks(CRYPTO, Memory())), {"type": "lifespan"}, messages)

    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [message["type"] for message in sent]


def test_other_protocols_are_a_mistake() -> None:
    """Who mounts it for WebSockets is told."""
    with pytest.raises(UsageError, match="not websocket"):
        anyio.run(converse, asgi(Callbacks(CRYPTO, Memory())), {"type": "websocket"}, [])


def test_reprs_name_the_corp() -> None:
    """Both say whose callbacks they take."""
    callbacks = Callbacks(CRYPTO, Memory())

    assert repr(asgi(callbacks)) == f"<asgi of <Callbacks for '{CORP}'>>"
    assert repr(wsgi(callbacks)) == f"<wsgi of <Callbacks for '{CORP}'>>"
