"""A small corp in the sandbox, an outbox that works for it, and requests of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from privdom._port import Port
from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    CONTACT_WAY_UPDATE,
    CORP_TAG,
    GROUP_TRANSFER,
    JOIN_WAY,
    JOIN_WAY_UPDATE,
    MOMENT,
    REMARK,
    REMIND,
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
    UnitState,
)
from privdom.sandbox import Rules, Sandbox
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers import ROUTES
from privdom.sandbox.world import Call
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.codes import ContactWayUpdate, NewContactWay
from privdom.wecom.contacts import RemarkRequest
from privdom.wecom.groups import TransferGroupsRequest
from privdom.wecom.join_ways import JoinWayUpdate, NewJoinWay
from privdom.wecom.messages import Link, NewMessage, RemindRequest, WelcomeRequest
from privdom.wecom.moments import NewMoment
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from privdom.wecom.tags import AddTagsRequest
from privdom.wecom.transfers import TransferRequest
from privdom.wecom.wire import dumps, unstructure


SETTLE = timedelta(seconds=60)
FREE = Gate(cap=None)
NOON = datetime(2026, 8, 3, 4, tzinfo=UTC)


class Crash(BaseException):
    """The end of a process, in the middle of anything."""


class Corp:
    """Staff zhang and li, of whom zhang has ten customers and four groups."""

    def __init__(self, seed: int = 0, **rules: Any) -> None:
        self.box = Sandbox(seed, rules=Rules(**rules))
        self.staff = [self.box.add_staff("zhang"), self.box.add_staff("li")]
        self.customers = [self.box.add_customer(f"wm{seed}customer{i}", staff=["zhang"]) for i in range(10)]
        self.groups = [self.box.add_group(f"wr{seed}group{i}", owner="zhang") for i in range(4)]

    def wecom(self, port: Port) -> AsyncWeCom:
        """A client that repeats nothing by itself, since its pauses are real time."""
        return AsyncWeCom.on(port, self.box.corp_id, self.box.secret, quotas=MemoryQuotas(), retry=Retry(attempts=1))

    def outbox(self, port: Port, store: Store, **settings: Any) -> AsyncOutbox:
        return AsyncOutbox(self.wecom(port), store, OutboxSettings(**{"gate": FREE, "settle": SETTLE, **settings}))

    def tags(self, port: Port, store: Store) -> AsyncDesiredTags:
        return AsyncDesiredTags(self.wecom(port), store, OutboxSettings(settle=SETTLE))

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """WeCom's answer to a call that no port, no fault and no record knows of."""
        return ROUTES[f"/cgi-bin/externalcontact/{path}"].handle(self.box._world, Call(path, {}, Fields(body)))

    def of(self, what: str) -> list[str]:
        """The ids of what WeCom has of a kind."""
        state: Any = self.box.state()[what]
        return list(state)

    def remark(self, what: str) -> str:
        """The remark that was written last."""
        if what == "remark":
            return str(self.box._world.state.follow("zhang", self.customers[0]).remark)  # type: ignore[union-attr]
        state: Any = self.box.state()["codes" if what == "contact_way_update" else "join_ways"]
        return str(next(iter(state.values()))["remark"])

    def messages(self, text: str = "") -> list[tuple[str, ...]]:
        """The recipients of each mass message that WeCom has of this text, cancelled ones left out."""
        gone = {m.msgid for m in self.box.record.messages if m.kind == "cancelled"}
        made = [m for m in self.box.record.messages if m.kind == "created" and m.msgid not in gone]
        return [m.recipients for m in made if text in m.text]

    def calls(self, path: str) -> int:
        """How often WeCom carried out a call of this path."""
        return sum(c.accepted and c.errcode == 0 for c in self.box.record.calls if c.path.endswith(path))


def names_of(request: Any) -> tuple[str, ...]:
    """Whom a request names, customers or groups, where a plan must name them too."""
    match request:
        case NewMessage():
            return (*request.external_userid, *request.chat_id_list)
        case TransferRequest():
            return request.external_userid
        case TransferGroupsRequest():
            return request.chat_id_list
        case _:
            return ()


def plan(store: Store, outbox: AsyncOutbox, kind: Kind[Any, Any], request: Any, **options: Any) -> GateReport:
    """Plan in a transaction of its own, the recipients as subjects."""
    options.setdefault("owner", "test")
    options.setdefault("subjects", [Subject(name, "hello") for name in names_of(request)])
    with store.begin() as conn:
        return outbox.plan(conn, kind, request, **options)


def bare_unit(kind: Kind[Any, Any], request: Any, /, **values: Any) -> Unit:
    """A unit that stands in no database, for what only a kind decides."""
    same = {
        "id": "u1",
        "corp_id": "ww1",
        "kind": kind.name,
        "owner": "test",
        "category": "",
        "lane": kind.lane(request) or "u1",
        "state": UnitState.CALLING,
        "policy": Policy.PARK,
        "request": dumps(unstructure(request)).decode(),
        "fingerprint": kind.fingerprint(request),
        "nonce": "NONCE",
        "attempt": 1,
        "fence": 0,
        "created_at": NOON,
        "due_at": None,
        "armed_at": NOON,
        "absent_seen": None,
        "lookups": 0,
        "suspect": False,
        "prepared": None,
        "remote_id": None,
        "answer": None,
        "reason": None,
        "settled_at": None,
    }
    return Unit(**same | values)


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


def group_transfer(corp: Corp, count: int = 3) -> TransferGroupsRequest:
    return TransferGroupsRequest(corp.groups[:count], "li")


def contact_way_update(corp: Corp, remark: str = "新") -> ContactWayUpdate:
    """A change of the one contact way there is."""
    ways = corp.of("codes")
    config_id = ways[0] if ways else corp.ask("add_contact_way", type=1, scene=2, user=["zhang"])["config_id"]
    return ContactWayUpdate(config_id, remark=remark)


def join_way_update(corp: Corp, remark: str = "新") -> JoinWayUpdate:
    """A change of the one join way there is."""
    ways = corp.of("join_ways")
    config_id = ways[0] if ways else corp.ask("groupchat/add_join_way", scene=2, chat_id_list=corp.groups)["config_id"]
    return JoinWayUpdate.of(config_id, NewJoinWay(chat_id_list=corp.groups, remark=remark))


def remark(corp: Corp, remark: str = "新") -> RemarkRequest:
    return RemarkRequest("zhang", corp.customers[0], remark=remark)


def remind(corp: Corp) -> RemindRequest:
    """A reminder of a message that zhang has not sent."""
    made = corp.ask("add_msg_template", text={"content": "催一下"}, sender="zhang", external_userid=corp.customers)
    return RemindRequest(made["msgid"])


REQUESTS: dict[str, tuple[Kind[Any, Any], Callable[[Corp], Any], str]] = {
    "text": (BROADCAST, text_message, "add_msg_template"),
    "link": (BROADCAST, link_message, "add_msg_template"),
    "transfer": (TRANSFER, transfer, "transfer_customer"),
    "group_transfer": (GROUP_TRANSFER, group_transfer, "onjob_transfer"),
    "contact_way": (CONTACT_WAY, lambda _: NewContactWay(type=1, user=["zhang"], remark="海报"), "add_contact_way"),
    "corp_tag": (CORP_TAG, lambda _: AddTagsRequest(["甲", "乙"], group_name="等级"), "add_corp_tag"),
}
"""The kinds whose lost calls are looked up: kind, request, path."""


UPDATES: dict[str, tuple[Kind[Any, Any], Callable[..., Any], str]] = {
    "contact_way_update": (CONTACT_WAY_UPDATE, contact_way_update, "update_contact_way"),
    "join_way_update": (JOIN_WAY_UPDATE, join_way_update, "update_join_way"),
    "remark": (REMARK, remark, "/remark"),
}
"""The kinds whose lost calls are made again, since they only write a state: kind, request with a remark, path."""

BLIND: dict[str, tuple[Kind[Any, Any], Callable[[Corp], Any], str]] = {
    "join_way": (JOIN_WAY, lambda corp: NewJoinWay(chat_id_list=corp.groups), "add_join_way"),
    "moment": (MOMENT, lambda _: NewMoment("新品到店"), "add_moment_task"),
    "remind": (REMIND, remind, "remind_groupmsg_send"),
}
"""The kinds of which nothing tells what became of a lost call: kind, request, path."""


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
