"""Receivers of callbacks in four frameworks: what WeCom signs arrives through each, and the rest of the site stays."""

from __future__ import annotations

import importlib

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import anyio
import httpx
import pytest

from privdom.events import Dispatcher, Router, SqlInbox
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.testing import Failing
from privdom.wecom.callbacks import Callbacks, Crypto, CustomerAdded, wsgi
from privdom.wecom.client import WeCom


Ask = Callable[..., httpx.Response]
APPS = [
    ("fastapi_app", "/wecom/"),
    ("starlette_app", "/wecom"),
    ("django_app", "/wecom"),
    ("flask_app", "/wecom"),
]


def ask(app: Any, *, awaits: bool, method: str, path: str, **options: Any) -> httpx.Response:
    """Send one request to an app in this process."""
    if not awaits:
        with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="https://shop.example") as client:
            return client.request(method, path, **options)

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://shop.example") as client:
            return await client.request(method, path, **options)

    return anyio.run(main)


@pytest.fixture(params=APPS, ids=lambda app: app[0])
def mounted(
    request: pytest.FixtureRequest, sandbox: Sandbox, store: Store, monkeypatch: pytest.MonkeyPatch
) -> tuple[Ask, str]:
    """Return what asks the app that the corp's callbacks go to, and where in the app."""
    name, path = request.param
    monkeypatch.setenv("WECOM_TOKEN", sandbox.callback_token)
    monkeypatch.setenv("WECOM_AES_KEY", sandbox.encoding_aes_key)
    monkeypatch.setenv("WECOM_CORP_ID", sandbox.corp_id)
    app = importlib.import_module(f"examples.receivers.{name}").create_app(store)
    return partial(ask, app, awaits=name in {"fastapi_app", "starlette_app"}), path


def test_a_callback_arrives_through_the_framework(
    mounted: tuple[Ask, str], sandbox: Sandbox, store: Store, failing: Failing
) -> None:
    """A customer is added, WeCom posts to the mounted app, and the worker's function sees the event once."""
    send, path = mounted
    answers: list[httpx.Response] = []

    def receive(params: dict[str, str], body: bytes) -> int:
        answers.append(send(method="POST", path=path, params=params, content=body))
        return answers[-1].status_code

    sandbox.on_callback(receive)
    sandbox.add_staff("zhangsan")
    sandbox.befriend("zhangsan", sandbox.add_customer("wmANNA"), state="poster")
    with failing("duplicate_callback"):
        sandbox.deliver()
    seen: list[str] = []
    router = Router()

    @router.on(CustomerAdded, name="count")
    def count(event: CustomerAdded) -> None:
        seen.append(event.external_user_id)

    with WeCom(sandbox.corp_id, sandbox.secret) as wecom:
        worker = Dispatcher(wecom, store, router.handlers())

        assert [(200, b""), (200, b"")] == [(answer.status_code, answer.content) for answer in answers]
        assert worker.run() == 1
        assert worker.run() == 0
    assert seen == ["wmANNA"]


def test_the_address_is_checked_and_strangers_are_refused(
    mounted: tuple[Ask, str], sandbox: Sandbox, store: Store
) -> None:
    """WeCom's check gets the text it sent; nobody else gets anything; the rest of the site answers as before."""
    send, path = mounted
    crypto = Crypto(sandbox.callback_token, sandbox.encoding_aes_key, sandbox.corp_id)
    packet = crypto.encrypt("592778", timestamp="1", nonce="n")
    echo, signature = (
        packet.partition(f"<{name}><![CDATA[")[2].partition("]")[0] for name in ("Encrypt", "MsgSignature")
    )
    query = urlencode({"msg_signature": signature, "timestamp": "1", "nonce": "n", "echostr": echo})

    checked = send(method="GET", path=f"{path}?{query}")
    assert (200, "592778") == (checked.status_code, checked.text)
    assert send(method="GET", path=path).status_code == 403
    assert send(method="POST", path=path, content=b"<xml/>").status_code == 403
    assert send(method="PUT", path=path, content=b"<xml/>").status_code == 405
    assert send(method="POST", path=path, content=b"x" * 300_000).status_code == 413
    home = send(method="GET", path="/")
    assert (200, "the rest of the site") == (home.status_code, home.text)
    assert SqlInbox(store).failing(sandbox.corp_id) == ()


def test_a_plain_server_is_enough(sandbox: Sandbox, store: Store) -> None:
    """Over a socket, the standard library's own server with the receiver passes WeCom's check and takes callbacks in."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - its name in the base class

    sandbox.add_staff("zhangsan")
    callbacks = Callbacks(Crypto(sandbox.callback_token, sandbox.encoding_aes_key, sandbox.corp_id), SqlInbox(store))
    with make_server("127.0.0.1", 0, wsgi(callbacks), handler_class=Quiet) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            sandbox.callback_url = f"http://127.0.0.1:{server.server_port}/"
            sandbox.befriend("zhangsan", sandbox.add_customer("wmANNA"))

            assert sandbox.verify_callback_url()
            assert sandbox.deliver() == 1
        finally:
            server.shutdown()
            thread.join()
    with WeCom(sandbox.corp_id, sandbox.secret) as wecom:
        router = Router()
        router.on(CustomerAdded, name="count")(lambda event: None)
        assert Dispatcher(wecom, store, router.handlers()).run() == 1
