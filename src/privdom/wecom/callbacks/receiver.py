"""
Takes callbacks in: verify, decrypt, commit to an inbox, then acknowledge.

WeCom waits five seconds and does not promise delivery, so nothing is worked on
here: what was committed is handled from the inbox, whatever happens to this
process. Documentation 90930.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Protocol

import attrs

from privdom._port import Clock, SystemClock
from privdom.errors import BadSignature
from privdom.wecom.callbacks.crypto import Crypto
from privdom.wecom.callbacks.events import Event, keep_event


__all__ = ["Callbacks", "Inbox", "InboxMessage"]


@attrs.frozen
class InboxMessage:
    """
    A callback to be kept.

    Attributes:
        corp_id: whom it is about.
        digest: SHA-256 of ``xml``, in hex: the same for a message sent again, another for each other message.
            WeCom's own advice, sender and second, would merge two customers added within one second.
        xml: the decrypted message.
        received_at: when it came in, aware.
    """

    corp_id: str
    digest: str
    xml: bytes = attrs.field(repr=False)
    received_at: datetime


class Inbox(Protocol):
    """Where callbacks are kept; `privdom.events.SqlInbox` is one."""

    def put(self, message: InboxMessage) -> bool:
        """Commit *message* durably; return False when a message with its corp and digest is there already."""
        ...


class Callbacks:
    """
    One callback address.

    Answer a GET with the text of `handle_get`, and a POST with an empty 200 when `handle_post` has returned.
    When it raises a `CallbackError`, answer 403; when it raises anything else, 500, and WeCom sends the message again.
    """

    def __init__(self, crypto: Crypto, inbox: Inbox, *, clock: Clock | None = None) -> None:
        self._crypto = crypto
        self._inbox = inbox
        self._clock: Clock = clock or SystemClock()

    def handle_get(self, params: Mapping[str, str]) -> str:
        """
        Return the answer to the check of the address; *params* are the URL-decoded query parameters.

        Raises:
            BadSignature, BadCiphertext, WrongReceiver: Answer with HTTP 403.
        """
        return self._crypto.verify_url(*_signed(params), _param(params, "echostr"))

    def handle_post(self, params: Mapping[str, str], body: bytes) -> Event:
        """
        Commit the message in *body* to the inbox and return its event; a message sent again is not kept twice.

        A message that is signed well but cannot be read is kept too, as an `UnknownEvent`.

        Raises:
            MalformedXml, BadSignature, BadCiphertext, WrongReceiver: Nothing was stored; answer with HTTP 403.
        """
        xml = self._crypto.decrypt(*_signed(params), body)
        event = keep_event(xml)
        corp_id = event.corp_id or self._crypto.receive_id
        self._inbox.put(InboxMessage(corp_id, sha256(xml).hexdigest(), xml, self._clock.now()))
        return event

    def __repr__(self) -> str:
        return f"<Callbacks for {self._crypto.receive_id!r}>"


def _signed(params: Mapping[str, str]) -> tuple[str, str, str]:
    return _param(params, "msg_signature"), _param(params, "timestamp"), _param(params, "nonce")


def _param(params: Mapping[str, str], name: str) -> str:
    value = params.get(name)
    if value is None:
        msg = f"the query has no {name}, so this is not a callback of WeCom"
        raise BadSignature(msg)
    return value
