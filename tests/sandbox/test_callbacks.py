"""Callbacks: what fires, how it is signed, what happens when nobody listens."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import yaml

from privdom.sandbox import Fault, RemoteSandbox, Sandbox, crypto
from tests.sandbox.conftest import sign_in, staffed


class Receiver:
    """Takes callbacks, or refuses them."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self.up = box, True
        self.seen: list[dict[str, Any]] = []
        self.raw: list[bytes] = []

    def __call__(self, params: dict[str, str], body: bytes) -> int:
        if not self.up:
            raise ConnectionError
        encrypted = ET.fromstring(body).findtext("Encrypt") or ""
        signature = crypto.sign(self.box.callback_token, params["timestamp"], params["nonce"], encrypted)
        assert signature == params["msg_signature"]
        message, receive_id = crypto.decrypt(self.box.encoding_aes_key, encrypted)
        assert receive_id == self.box.corp_id
        self.raw.append(body)
        root = ET.fromstring(message)
        self.seen.append({e.tag: [i.text for i in e] if len(e) else e.text for e in root})
        return 200

    @property
    def kinds(self) -> list[str]:
        return [event["ChangeType"] for event in self.seen]


def _box() -> tuple[Sandbox, Receiver]:
    box = staffed()
    receiver = Receiver(box)
    box.on_callback(receiver)
    return box, receiver


def test_vectors(shared: Path) -> None:
    """The crypto agrees with the published vectors."""
    data = yaml.safe_load((shared / "wecom" / "crypto.yaml").read_text("utf-8"))
    for vector in data["test_vectors"]:
        key, text = vector["encoding_aes_key"], vector["plaintext"].encode()
        random = bytes.fromhex(vector["random_16_hex"])
        plain, receive_id = crypto.decrypt(key, vector["encrypt"])

        assert vector["receive_id"] == receive_id
        assert text == plain.rstrip(b"\n")
        assert vector["encrypt"] == crypto.encrypt(key, plain, receive_id, random)
        assert vector["msg_signature"] == crypto.sign(
            vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"]
        )


def test_keys() -> None:
    """A made-up key has 43 letters and digits."""
    for seed in range(50):
        key = Sandbox(seed).encoding_aes_key
        assert len(key) == 43
        assert key.isalnum()


def test_events() -> None:
    """What people do fires events with WeCom's fields."""
    box, receiver = _box()
    customer = box.add_customer(staff=["anna"])
    tag = box.admin_adds_tags("等级", ["x", "y"])
    box.admin_edits_tag(tag["x"], name="z")
    box.staff_edits_customer("anna", customer, remark="李总", add_tags=[tag["x"]], remove_tags=[tag["y"]])
    box.admin_deletes_tag(tag["x"])
    box.customer_deletes_staff(customer, "anna")
    code = box.befriend("ben", customer, state="card")
    box.staff_deletes_customer("ben", customer)
    group = box.create_group(owner="anna")
    box.join_group(group, [customer])
    box.leave_group(group, [customer])
    box.dismiss_group(group)
    assert [] == receiver.seen
    assert 13 == box.pending_callbacks
    assert 13 == box.deliver()

    assert [
        *("create", "create", "create", "update", "edit_external_contact", "delete", "del_follow_user"),
        *("add_external_contact", "del_external_contact", "create", "update", "update", "dismiss"),
    ] == receiver.kinds
    added = next(e for e in receiver.seen if e["ChangeType"] == "add_external_contact")
    assert ("ben", customer, "card", code, "sys", box.corp_id) == (
        added["UserID"],
        added["ExternalUserID"],
        added["State"],
        added["WelcomeCode"],
        added["FromUserName"],
        added["ToUserName"],
    )
    joined, left = (e for e in receiver.seen if e.get("UpdateDetail"))
    assert ("add_member", "3", [customer], joined["CurMemVer"]) == (
        joined["UpdateDetail"],
        joined["JoinScene"],
        joined["MemChangeList"],
        left["LastMemVer"],
    )


def test_nobody_listens() -> None:
    """Without a receiver callbacks wait, however much time passes."""
    box = staffed()
    customer = box.add_customer(staff=["anna"])
    box.customer_deletes_staff(customer, "anna")
    box.advance(timedelta(days=3))
    assert (0, 1) == (box.deliver(), box.pending_callbacks)
    receiver = Receiver(box)
    box.on_callback(receiver)
    box.advance(timedelta(seconds=1))

    assert ["del_follow_user"] == receiver.kinds


def _event(box: Sandbox) -> None:
    box.customer_deletes_staff(box.add_customer(staff=["anna"]), "anna")


def test_receiver_comes_back() -> None:
    """While the clock stands still nothing is lost, however often the delivery fails."""
    box, receiver = _box()
    receiver.up = False
    _event(box)
    assert [0] * 9 == [box.deliver() for _ in range(9)]
    receiver.up = True

    assert (1, 0) == (box.deliver(), box.deliver())
    assert ("delivered", 10) == (box.record.callbacks[0].outcome, box.record.callbacks[0].attempts)


def test_retries() -> None:
    """A failed callback is retried three times as the clock moves, and then lost."""
    box, receiver = _box()
    receiver.up = False
    _event(box)
    box.advance(timedelta(seconds=14))
    assert 1 == box.pending_callbacks
    box.advance(timedelta(seconds=1))

    assert 0 == box.pending_callbacks
    assert [("lost", 4)] == [(entry.outcome, entry.attempts) for entry in box.record.callbacks]


def test_retry_succeeds() -> None:
    """A receiver that is back in time gets the retry, encrypted anew."""
    box, receiver = _box()
    receiver.up = False
    _event(box)
    box.advance(timedelta(seconds=4))
    receiver.up = True
    box.advance(timedelta(seconds=1))

    assert ["del_follow_user"] == receiver.kinds


def test_faults() -> None:
    """A callback can get lost, or come twice: the same message in another packet."""
    box, receiver = _box()
    box.faults.add(Fault("lost_callback"))
    box.faults.add(Fault("duplicate_callback"))
    _event(box)
    _event(box)
    box.deliver()

    assert ["lost", "duplicated"] == [entry.outcome for entry in box.record.callbacks]
    assert 2 == len(receiver.seen)
    assert receiver.seen[0] == receiver.seen[1]
    assert receiver.raw[0] != receiver.raw[1]


def test_receiver_calls_back() -> None:
    """A receiver may call the API, and welcome the customer, while it is being told."""
    box, receiver = _box()
    told: list[int] = []
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)

        def welcome(params: dict[str, str], body: bytes) -> int:
            receiver(params, body)
            code = receiver.seen[-1]["WelcomeCode"]
            told.append(api.post("send_welcome_msg", welcome_code=code, text={"content": "hi"})["errcode"])
            return 200

        box.on_callback(welcome)
        box.befriend("anna", box.add_customer())
        box.deliver()

    assert [0] == told
    assert 1 == len(box.record.welcomes)


def test_random_faults() -> None:
    """Random faults of callbacks spare the calls."""
    box, receiver = _box()
    box.faults.random(1.0, ["duplicate_callback"])
    _event(box)
    box.deliver()

    assert 2 == len(receiver.seen)


def test_odd_text() -> None:
    """Text that would end a CDATA section arrives whole."""
    box, receiver = _box()
    box.befriend("anna", box.add_customer(), state="a]]>b")
    box.deliver()

    assert "a]]>b" == receiver.seen[0]["State"]


@contextmanager
def _listening(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _params(self) -> dict[str, str]:
            return dict(parse_qsl(urlsplit(self.path).query))

        def _say(self, status: int, text: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self._say(200, crypto.decrypt(receiver.box.encoding_aes_key, self._params()["echostr"])[0])

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._say(receiver(self._params(), body))

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_over_a_socket() -> None:
    """Callbacks are posted to a URL, which can be asked to prove itself first."""
    with staffed() as box, box.serving() as base, RemoteSandbox(base) as remote:
        with pytest.raises(ValueError, match="callback_url"):
            remote.verify_callback_url()
        receiver = Receiver(box)
        with _listening(receiver) as url:
            remote.set_callback(url, token="t0ken")
            assert remote.verify_callback_url()
            customer = remote.add_customer(staff=["anna"])
            remote.customer_deletes_staff(customer, "anna")

            assert (1, 0) == (remote.deliver(), remote.pending_callbacks)
            assert (url, "t0ken") == (remote.callback_url, remote.callback_token)
            box.close()
        remote.callback_url = None
        assert ["del_follow_user"] == receiver.kinds
        assert None is remote.callback_url
