"""A small corp in the sandbox, an outbox that works for it, and requests of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from privdom._port import Port
from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    CORP_TAG,
    TRANSFER,
    WELCOME,
    AsyncDesiredTags,
    AsyncOutbox,
    Gate,
    GateReport,
    Kind,
    OutboxSettings,
    Policy,
    Subject,
    TickReport,
    Unit,
)
from privdom.sandbox import Rules, Sandbox
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import Link, NewMessage, WelcomeRequest
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from privdom.wecom.tags import AddTagsRequest
from privdom.wecom.transfers import TransferRequest


SETTLE = timedelta(seconds=60)
FREE = Gate(cap=None)


class Crash(BaseException):
    """The end of a process, in the middle of anything."""


class Corp:
    """Staff zhang and li, of whom zhang has ten customers."""

    def __init__(self, seed: int = 0, **rules: Any) -> None:
        self.box = Sandbox(seed, rules=Rules(**rules))
        self.staff = [self.box.add_staff("zhang"), self.box.add_staff("li")]
        self.customers = [self.box.add_customer(f"wm{seed}customer{i}", staff=["zhang"]) for i in range(10)]

    def wecom(self, port: Port) -> AsyncWeCom:
        """A client that repeats nothing by itself, since its pauses are real time."""
        return AsyncWeCom.on(port, self.box.corp_id, self.box.secret, quotas=MemoryQuotas(), retry=Retry(attempts=1))

    def outbox(self, port: Port, store: Store, **settings: Any) -> AsyncOutbox:
        return AsyncOutbox(self.wecom(port), store, OutboxSettings(**{"gate": FREE, "settle": SETTLE, **settings}))

    def tags(self, port: Port, store: Store) -> AsyncDesiredTags:
        return AsyncDesiredTags(self.wecom(port), store, OutboxSettings(settle=SETTLE))

    def messages(self, text: str = "") -> list[tuple[str, ...]]:
        """The recipients of each mass message that WeCom has of this text, cancelled ones left out."""
        gone = {m.msgid for m in self.box.record.messages if m.kind == "cancelled"}
        made = [m for m in self.box.record.messages if m.kind == "created" and m.msgid not in gone]
        return [m.recipients for m in made if text in m.text]

    def calls(self, path: str) -> int:
        """How often WeCom carried out a call of this path."""
        return sum(c.accepted and c.errcode == 0 for c in self.box.record.calls if c.path.endswith(path))


def plan(store: Store, outbox: AsyncOutbox, kind: Kind[Any, Any], request: Any, **options: Any) -> GateReport:
    """Plan in a transaction of its own, the recipients as subjects."""
    names = [*getattr(request, "external_userid", ()), *getattr(request, "chat_id_list", ())]
    options.setdefault("owner", "test")
    options.setdefault("subjects", [Subject(name, "hello") for name in names])
    with store.begin() as conn:
        return outbox.plan(conn, kind, request, **options)


def unit(store: Store, outbox: AsyncOutbox, unit_id: str | None) -> Unit:
    assert unit_id is not None
    with store.read() as conn:
        return outbox.unit(conn, unit_id)


def items(store: Store, outbox: AsyncOutbox, unit_id: str | None) -> dict[str, tuple[str, int | None]]:
    """What became of each subject."""
    assert unit_id is not None
    with store.read() as conn:
        return {item.subject: (item.state.value, item.code) for item in outbox.items(conn, unit_id)}


async def run_out(corp: Corp, store: Store, outbox: AsyncOutbox, hours: float = 48) -> TickReport:
    """Tick whenever there is something to do, until nothing is left."""
    total = TickReport()
    end = corp.box.clock.now() + timedelta(hours=hours)
    while True:
        total += await outbox.drain()
        with store.read() as conn:
            at = outbox.next_at(conn)
        if at is None or at > end:
            return total
        corp.box.advance_to(max(at, corp.box.clock.now() + timedelta(milliseconds=1)))


def text_message(corp: Corp, text: str = "你好", count: int = 3) -> NewMessage:
    return NewMessage(text=text, sender="zhang", external_userid=corp.customers[:count])


def link_message(corp: Corp, text: str = "看看", count: int = 3) -> NewMessage:
    link = Link(title="新品", url="https://shop.example/new?from=wecom#top")
    return NewMessage(text=text, attachments=[link], sender="zhang", external_userid=corp.customers[:count])


def transfer(corp: Corp, count: int = 3) -> TransferRequest:
    return TransferRequest("zhang", "li", corp.customers[:count])


REQUESTS: dict[str, tuple[Kind[Any, Any], Callable[[Corp], Any], str]] = {
    "text": (BROADCAST, text_message, "add_msg_template"),
    "link": (BROADCAST, link_message, "add_msg_template"),
    "transfer": (TRANSFER, transfer, "transfer_customer"),
    "contact_way": (CONTACT_WAY, lambda _: NewContactWay(type=1, user=["zhang"], remark="海报"), "add_contact_way"),
    "corp_tag": (CORP_TAG, lambda _: AddTagsRequest(["甲", "乙"], group_name="等级"), "add_corp_tag"),
}
"""The kinds whose lost calls are looked up: kind, request, path."""


def welcome(corp: Corp) -> WelcomeRequest:
    """A welcome message for somebody new."""
    code = corp.box.befriend("li", corp.customers[0])
    return WelcomeRequest(code, "欢迎")


WELCOME_KIND = WELCOME


class Points:
    """Counts the points at which a process can die, and has it die at one."""

    def __init__(self, crash_at: int | None = None) -> None:
        self.crash_at = crash_at
        self.passed = 0

    def pass_one(self) -> None:
        self.passed += 1
        if self.passed == self.crash_at:
            raise Crash


class HookedPort:
    """A port with a point before and after each HTTP exchange."""

    def __init__(self, port: Port, points: Points) -> None:
        self._port, self._points = port, points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    async def send(self, request: Any) -> Any:
        self._points.pass_one()
        response = await self._port.send(request)
        self._points.pass_one()
        return response


class HookedStore(Store):
    """A store with a point before each write transaction, before its commit, and after it."""

    def __init__(self, store: Store, points: Points) -> None:
        super().__init__(store._engine)
        self._points = points

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self._points.pass_one()
        with super().begin() as conn:
            yield conn
            self._points.pass_one()
        self._points.pass_one()


RESEND = Policy.RESEND
