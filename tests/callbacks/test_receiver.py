"""A callback is committed before it is acknowledged, and only once."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import attrs
import pytest

from privdom._port import SystemClock
from privdom.errors import BadSignature, MalformedXml
from privdom.wecom.callbacks import Callbacks, Crypto, CustomerAdded, InboxMessage, UnknownEvent


CORP = "wx5823bf96d3bd56c7"
CRYPTO = Crypto("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", CORP)
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ADDED = (
    f"<xml><ToUserName>{CORP}</ToUserName><FromUserName>sys</FromUserName><CreateTime>1403610513</CreateTime>"
    "<MsgType>event</MsgType><Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType>"
    "<UserID>zhangsan</UserID><ExternalUserID>wo1</ExternalUserID></xml>"
)


class Fixed:
    def now(self) -> datetime:
        return NOW


@attrs.define
class Memory:
    """An inbox that keeps its messages in a dict, or fails."""

    kept: dict[str, InboxMessage] = attrs.Factory(dict)
    broken: bool = False

    def put(self, message: InboxMessage) -> bool:
        if self.broken:
            msg = "disk full"
            raise OSError(msg)
        new = message.digest not in self.kept
        self.kept[message.digest] = message
        return new


def request(xml: str, nonce: str = "n1") -> tuple[dict[str, str], bytes]:
    packet = CRYPTO.encrypt(xml, timestamp="1409659813", nonce=nonce)
    signature = packet.partition("<MsgSignature><![CDATA[")[2][:40]
    return {"msg_signature": signature, "timestamp": "1409659813", "nonce": nonce}, packet.encode()


def test_a_message_is_kept_with_its_digest_and_comes_back_typed() -> None:
    """What is in the inbox is the decrypted text, under its own hash, with corp and time."""
    inbox = Memory()
    event = Callbacks(CRYPTO, inbox, clock=Fixed()).handle_post(*request(ADDED))
    digest = sha256(ADDED.encode()).hexdigest()

    assert isinstance(event, CustomerAdded)
    assert {digest: InboxMessage(CORP, digest, ADDED.encode(), NOW)} == inbox.kept


def test_a_message_sent_again_is_acknowledged_and_kept_once() -> None:
    """WeCom's retry comes encrypted anew, yet is the same message."""
    inbox = Memory()
    callbacks = Callbacks(CRYPTO, inbox)
    first, second = callbacks.handle_post(*request(ADDED)), callbacks.handle_post(*request(ADDED, nonce="n2"))

    assert first == second
    assert len(inbox.kept) == 1


def test_two_customers_of_one_second_are_two_messages() -> None:
    """WeCom's own advice for telling messages apart would drop the second."""
    inbox = Memory()
    callbacks = Callbacks(CRYPTO, inbox)
    callbacks.handle_post(*request(ADDED))
    callbacks.handle_post(*request(ADDED.replace("wo1", "wo2")))

    assert len(inbox.kept) == 2


def test_a_failing_inbox_is_not_acknowledged() -> None:
    """When the commit fails its error comes out, so that the answer is not 200 and WeCom sends again."""
    callbacks = Callbacks(CRYPTO, Memory(broken=True))

    with pytest.raises(OSError, match="disk full"):
        callbacks.handle_post(*request(ADDED))


def test_nothing_untrusted_is_kept() -> None:
    """A message that nobody signed, or a body that is no callback, does not reach the inbox."""
    inbox = Memory()
    callbacks = Callbacks(CRYPTO, inbox)
    params, body = request(ADDED)

    with pytest.raises(BadSignature):
        callbacks.handle_post({**params, "nonce": "other"}, body)
    with pytest.raises(MalformedXml):
        callbacks.handle_post(params, b"<!DOCTYPE x><xml/>")
    assert inbox.kept == {}


@pytest.mark.parametrize("message", ["<xml><Event>cut", "", "<!DOCTYPE x><xml/>"])
def test_what_is_signed_but_cannot_be_read_is_kept(message: str) -> None:
    """WeCom does not send again what was acknowledged: even a message that is not XML stays in the inbox, whole."""
    inbox = Memory()

    event = Callbacks(CRYPTO, inbox).handle_post(*request(message))

    assert isinstance(event, UnknownEvent)
    assert [message.encode()] == [event.raw] == [kept.xml for kept in inbox.kept.values()]


@pytest.mark.parametrize("missing", ["msg_signature", "timestamp", "nonce"])
def test_a_query_without_its_signature_is_refused(missing: str) -> None:
    """A stranger's request is told what it lacks."""
    params, body = request(ADDED)
    del params[missing]

    with pytest.raises(BadSignature, match=f"no {missing}"):
        Callbacks(CRYPTO, Memory()).handle_post(params, body)


def test_a_message_that_names_no_corp_belongs_to_the_receiver() -> None:
    """The corp id of the settings stands in where a message has none."""
    inbox = Memory()
    Callbacks(CRYPTO, inbox).handle_post(*request("<xml><Event>new</Event></xml>"))

    assert [message.corp_id for message in inbox.kept.values()] == [CORP]


def test_the_check_of_the_address_is_answered() -> None:
    """A GET is answered with the decrypted echo text."""
    params, body = request("5927782489442352469")
    params["echostr"] = body.decode().partition("<Encrypt><![CDATA[")[2].partition("]")[0]

    assert Callbacks(CRYPTO, Memory()).handle_get(params) == "5927782489442352469"


def test_reprs_show_no_secret_and_no_message() -> None:
    """Logs may hold both objects."""
    message = InboxMessage(CORP, "d1", ADDED.encode(), SystemClock().now())

    assert f"<Callbacks for '{CORP}'>" == repr(Callbacks(CRYPTO, Memory()))
    assert "zhangsan" not in repr(message)
