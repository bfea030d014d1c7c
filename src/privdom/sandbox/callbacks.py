"""Callbacks of the corp: an ordered queue, delivery, retries, and what got lost."""

from __future__ import annotations

import threading

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol, cast

import attrs
import httpx

from privdom.sandbox import crypto
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import Agenda, VirtualClock
from privdom.sandbox.record import CallbackEntry, EventEntry, Record
from privdom.sandbox.rules import Rules


if TYPE_CHECKING:
    from privdom.sandbox.world import World


__all__ = ["CallbackDue", "Callbacks", "Pending", "Queue", "Receiver"]

Receiver = Callable[[dict[str, str], bytes], int]
"""Takes the query parameters and the body, returns an HTTP status."""

_OK: Final = 200


class CallbackFaults(Protocol):
    """What may go wrong with a callback."""

    def for_callback(self, xml: str) -> str:
        """Return the kind of fault that befalls this callback, or an empty text."""
        ...


@attrs.define
class Pending:
    """A callback that waits to be taken; ``booked`` while the agenda has its next attempt."""

    number: int
    event: str
    change_type: str
    xml: str = attrs.field(repr=False)
    attempts: int = 0
    retries: int = 0
    booked: bool = False


@attrs.define
class Queue:
    """The callbacks that wait, by number, which is the last one given."""

    pending: dict[int, Pending] = attrs.Factory(dict[int, Pending])
    number: int = 0


@attrs.frozen
class CallbackDue:
    """The next attempt at a callback."""

    number: int

    def run(self, world: World) -> None:
        """Try it."""
        world.callbacks.attempt(self.number)


def _element(name: str, value: object) -> str:
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, list):
        items = cast("list[object]", value)
        return f"<{name}>{''.join(_element('Item', item) for item in items)}</{name}>"
    text = str(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{text}]]></{name}>"


def _text(value: object) -> str:
    return ",".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)


class Callbacks:
    """
    Sends events to one receiver: a function in this process or a URL.

    Nothing is sent while WeCom's API is being called: only `deliver` and the
    clock's passing send.
    """

    def __init__(
        self,
        *,
        corp_id: str,
        seed: int,
        token: str,
        encoding_aes_key: str,
        clock: VirtualClock,
        agenda: Agenda,
        record: Record,
        rules: Callable[[], Rules],
        faults: CallbackFaults,
        lock: threading.RLock,
    ) -> None:
        self.token = token
        self.encoding_aes_key = encoding_aes_key
        self._corp_id, self._seed = corp_id, seed
        self._clock, self._agenda, self._record, self._rules, self._faults = clock, agenda, record, rules, faults
        self._lock = lock
        self._sending = threading.RLock()
        self._queue = Queue()
        self._receiver: Receiver | None = None
        self._client: httpx.Client | None = None

    @property
    def pending(self) -> int:
        """How many callbacks wait to be delivered."""
        return len(self._queue.pending)

    @property
    def connected(self) -> bool:
        """Whether somebody receives them."""
        return self._receiver is not None

    def receive(self, receiver: Receiver | None) -> None:
        """Deliver to *receiver* from now on."""
        with self._lock:
            self._receiver = receiver
            if receiver is not None:
                for item in self._queue.pending.values():
                    self._book(item, self._clock.now())

    def queue(self) -> Queue:
        """Return what waits; the caller holds the lock."""
        return self._queue

    def restore(self, queue: Queue, *, corp_id: str, seed: int, token: str, encoding_aes_key: str) -> None:
        """Go on with another queue, for whoever receives now; the caller holds the lock."""
        self._corp_id, self._seed, self.token, self.encoding_aes_key = corp_id, seed, token, encoding_aes_key
        self._queue = queue
        self.receive(self._receiver)

    def post_to(self, url: str) -> None:
        """Deliver to *url* from now on."""

        def post(params: dict[str, str], body: bytes) -> int:
            if self._client is None:
                self._client = httpx.Client(timeout=self._rules().callback_timeout, trust_env=False)
            headers = {"content-type": "text/xml"}
            return self._client.post(url, params=params, content=body, headers=headers).status_code

        self.receive(post)

    def close(self) -> None:
        """Close the connection to the receiver."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def emit(self, event: str, change_type: str, fields: Sequence[tuple[str, object]]) -> None:
        """Queue an event; the caller holds the lock."""
        self._queue.number += 1
        number = self._queue.number
        head: list[tuple[str, object]] = [
            ("ToUserName", self._corp_id),
            ("FromUserName", "sys"),
            ("CreateTime", self._clock.timestamp()),
            ("MsgType", "event"),
            ("Event", event),
        ]
        if change_type:
            head.append(("ChangeType", change_type))
        xml = f"<xml>{''.join(_element(name, value) for name, value in (*head, *fields))}</xml>"
        told = tuple((name, _text(value)) for name, value in fields)
        self._record.events.append(EventEntry(number, event, change_type, told, self._clock.now()))
        item = self._queue.pending[number] = Pending(number, event, change_type, xml)
        if self._receiver is not None:
            self._book(item, self._clock.now())

    def _book(self, item: Pending, when: datetime) -> None:
        if not item.booked:
            item.booked = True
            self._agenda.book(when, f"9:callback:{item.number:012}", CallbackDue(item.number), unlocked=True)

    def deliver(self) -> int:
        """Try everything that is pending, in order; return how many were taken. Nothing gets lost by this."""
        with self._sending:
            with self._lock:
                items = list(self._queue.pending.values())
            return sum(self._attempt(item) for item in items)

    def attempt(self, number: int) -> None:
        """Try a callback whose time has come; one that is not taken is booked again, or lost in the end."""
        with self._sending:
            item = self._queue.pending.get(number)
            if item is None:
                return
            item.booked = False
            if self._receiver is None:
                return
            waits = self._rules().callback_retries
            if not self._attempt(item):
                with self._lock:
                    if item.retries >= len(waits):
                        self._finish(item, "lost")
                    else:
                        self._book(item, self._clock.now() + waits[item.retries])
                        item.retries += 1

    def _attempt(self, item: Pending) -> bool:
        if item.number not in self._queue.pending or self._receiver is None:
            return False
        item.attempts += 1
        fault = self._faults.for_callback(item.xml) if item.attempts == 1 else ""
        if fault == "lost_callback":
            with self._lock:
                self._finish(item, "lost")
            return False
        if not self._send(item):
            return False
        if fault == "duplicate_callback":
            item.attempts += 1
            self._send(item)
        with self._lock:
            self._finish(item, "duplicated" if fault else "delivered")
        return True

    def _finish(self, item: Pending, outcome: Literal["delivered", "duplicated", "lost"]) -> None:
        if self._queue.pending.pop(item.number, None) is not None:
            self._record.callbacks.append(
                CallbackEntry(
                    item.number,
                    item.event,
                    item.change_type,
                    item.xml,
                    outcome,
                    item.attempts,
                    self._clock.now(),
                )
            )

    def _packet(self, number: int, attempt: int, text: str) -> tuple[dict[str, str], str]:
        # A repeated callback is encrypted anew, as from WeCom: only the message inside is the same.
        random = bytes.fromhex(digest(self._seed, "random", number, attempt))
        encrypted = crypto.encrypt(self.encoding_aes_key, text.encode(), self._corp_id, random)
        timestamp, nonce = str(self._clock.timestamp()), digest(self._seed, "nonce", number, attempt)[:10]
        signature = crypto.sign(self.token, timestamp, nonce, encrypted)
        return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}, encrypted

    def _send(self, item: Pending) -> bool:
        receiver = self._receiver
        if receiver is None:
            return False
        params, encrypted = self._packet(item.number, item.attempts, item.xml)
        body = f"<xml>{_element('ToUserName', self._corp_id)}{_element('Encrypt', encrypted)}</xml>"
        try:
            return receiver(params, body.encode()) == _OK
        except Exception:  # noqa: BLE001 - a receiver that fails is a receiver that is down
            return False

    def verify(self, url: str, text: str = "5927782489442352469") -> bool:
        """Ask *url* as WeCom does when an admin saves it; tell whether it gave the right answer."""
        params, encrypted = self._packet(0, 0, text)
        with httpx.Client(timeout=self._rules().callback_timeout, trust_env=False) as client:
            answer = client.get(url, params={**params, "echostr": encrypted})
        return answer.status_code == _OK and answer.text == text

    def __repr__(self) -> str:
        return f"<Callbacks {self.pending:,} pending>"
