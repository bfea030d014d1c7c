"""What is planned in a run: a unit of each kind, and how WeCom's own record tells how often it happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import attrs

from sqlalchemy import Connection

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
    AsyncOutbox,
    Kind,
    Subject,
)
from privdom.sandbox import Sandbox
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers import ROUTES
from privdom.sandbox.world import Call
from privdom.wecom.codes import ContactWayUpdate, NewContactWay
from privdom.wecom.contacts import RemarkRequest
from privdom.wecom.groups import TransferGroupsRequest
from privdom.wecom.join_ways import JoinWayUpdate, NewJoinWay
from privdom.wecom.messages import Link, NewMessage, RemindRequest, WelcomeRequest
from privdom.wecom.moments import NewMoment
from privdom.wecom.tags import AddTagsRequest
from privdom.wecom.transfers import TransferRequest


__all__ = ["KINDS", "Corp", "Order", "orders_of"]


class Corp:
    """Three staff, two of them with customers and one with groups, in a sandbox."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        for staff in ("zhang", "li", "wu"):
            # Nobody confirms before the run is over, so that what is sent twice can still be cancelled.
            box.add_staff(staff, confirm_delay="never")
        self.customers = {
            staff: tuple(box.add_customer(f"wm-{staff}-{i}", staff=[staff]) for i in range(4))
            for staff in ("zhang", "li")
        }
        self.groups = tuple(box.add_group(f"wr-{i}", owner="li") for i in range(3))

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """Return WeCom's answer to a call that no network and no record knows of."""
        return ROUTES[f"/cgi-bin/externalcontact/{path}"].handle(self.box._world, Call(path, {}, Fields(body)))


@attrs.frozen(eq=False)
class Order:
    """One unit to be planned, and how often what it asks for has happened."""

    name: str
    kind: Kind[Any, Any]
    request: Any
    happened: Callable[[], int]
    """How often it happened to whom it happened most; what it made and WeCom has cancelled does not count."""
    subjects: tuple[Subject, ...] = ()
    after: timedelta = timedelta(0)
    """Not before this time after the beginning."""
    ambiguous: bool = False
    """Whether another order looks the same to a look-up, so that it may be parked."""
    deadline: bool = False
    """Whether it may come too late to be worth anything."""
    blind: bool = False
    """Whether nothing can be looked up, so that a lost call is parked under either policy."""
    harmless: bool = False
    """Whether a second one harms nobody, so that it may happen under the policy to resend."""
    changes: bool = False
    """Whether it writes a state, which others write too."""
    overtaken: bool = False
    """Whether a later order writes the same state, so that nothing of this one remains."""

    def plan(self, conn: Connection, outbox: AsyncOutbox, begin: Any) -> None:
        """Plan it; again is harmless, which is what a planner that died relies on."""
        outbox.plan(
            conn,
            self.kind,
            self.request,
            owner=self.name,
            subjects=self.subjects,
            # Whom a unit is about stands in the ledger, which keeps it from being planned twice; others have their id.
            unit_id=None if self.subjects else self.name,
            not_before=begin + self.after if self.after else None,
        )


def _message(corp: Corp, name: str, text: str, staff: str, count: int, *, link: bool = False, **options: Any) -> Order:
    customers = corp.customers[staff][:count]
    attachments = [Link(title="新品", url=f"https://shop.example/{name}")] if link else []

    def happened() -> int:
        record = corp.box.record.messages
        gone = {m.msgid for m in record if m.kind == "cancelled"}
        return sum(
            m.kind == "created" and m.msgid not in gone and m.text == text and set(m.recipients) == set(customers)
            for m in record
        )

    request = NewMessage(text=text, attachments=attachments, sender=staff, external_userid=customers)
    return Order(name, BROADCAST, request, happened, tuple(Subject(c, name) for c in customers), **options)


def _text(corp: Corp, name: str) -> Order:
    return _message(corp, name, f"你好 {name}", "zhang", 3)


def _link(corp: Corp, name: str) -> Order:
    return _message(corp, name, f"看看 {name}", "zhang", 4, link=True)


def _twins(corp: Corp, name: str) -> tuple[Order, ...]:
    # Of equal text and sender, the first for some of whom the second is for.
    return tuple(
        _message(corp, f"{name}-{count}", "早安", "li", count, ambiguous=True, after=timedelta(seconds=count))
        for count in (2, 3)
    )


def _transfer(corp: Corp, name: str) -> Order:
    customers = corp.customers["li"][:3]

    def happened() -> int:
        counts = Counter(t.external_userid for t in corp.box.record.transfers if t.outcome == "started")
        return max((counts[c] for c in customers), default=0)

    request = TransferRequest("li", "wu", customers)
    return Order(name, TRANSFER, request, happened, tuple(Subject(c, name) for c in customers))


def _contact_way(corp: Corp, name: str) -> Order:
    def happened() -> int:
        return sum(way.remark.startswith(f"{name} #") for way in corp.box._world.state.ways.values())

    return Order(name, CONTACT_WAY, NewContactWay(type=1, user=["zhang"], remark=name), happened)


def _corp_tag(corp: Corp, name: str) -> Order:
    def happened() -> int:
        return sum(group.name == name for group in corp.box._world.state.tag_groups.values())

    return Order(name, CORP_TAG, AddTagsRequest(["甲", "乙"], group_name=name), happened)


def _welcome(corp: Corp, name: str) -> Order:
    newcomer = corp.box.add_customer(f"wm-{name}", staff=[])
    code = corp.box.befriend("wu", newcomer)

    def happened() -> int:
        return sum(w.welcome_code == code for w in corp.box.record.welcomes)

    return Order(name, WELCOME, WelcomeRequest(code, "欢迎"), happened, deadline=True)


def _group_transfer(corp: Corp, name: str) -> Order:
    def happened() -> int:
        return max(len(corp.box._world.state.groups[chat].given) for chat in corp.groups)

    request = TransferGroupsRequest(corp.groups, "wu")
    return Order(name, GROUP_TRANSFER, request, happened, tuple(Subject(c, name) for c in corp.groups))


def _join_way(corp: Corp, name: str) -> Order:
    def happened() -> int:
        return sum(way.remark == name for way in corp.box._world.state.join_ways.values())

    return Order(name, JOIN_WAY, NewJoinWay(chat_id_list=corp.groups, remark=name), happened, harmless=True)


def _moment(corp: Corp, name: str) -> Order:
    def happened() -> int:
        return sum(moment.text == name for moment in corp.box._world.state.moments.values())

    return Order(name, MOMENT, NewMoment(name), happened, blind=True)


def _remind(corp: Corp, name: str) -> Order:
    msgid = corp.ask(
        "add_msg_template", text={"content": name}, sender="li", external_userid=list(corp.customers["li"])
    )["msgid"]

    def happened() -> int:
        return len(corp.box._world.state.messages[msgid].reminded)

    return Order(name, REMIND, RemindRequest(msgid), happened, blind=True)


def _changes(
    kind: Kind[Any, Any], make: Callable[[str], Any], state: Callable[[], str], name: str
) -> tuple[Order, ...]:
    """Return three changes of one thing, each due a second after the one before."""

    def happened(text: str) -> int:
        return int(state() == text)

    texts = [f"{name}-{i}" for i in range(3)]
    return tuple(
        Order(
            text,
            kind,
            make(text),
            partial(happened, text),
            after=timedelta(seconds=i),
            changes=True,
            overtaken=text != texts[-1],
        )
        for i, text in enumerate(texts, 1)
    )


def _remark(corp: Corp, name: str) -> tuple[Order, ...]:
    customer = corp.customers["zhang"][0]

    def state() -> str:
        return corp.box._world.state.customers[customer].follows["zhang"].remark

    return _changes(REMARK, lambda text: RemarkRequest("zhang", customer, remark=text), state, name)


def _way_update(corp: Corp, name: str) -> tuple[Order, ...]:
    config_id = corp.ask("add_contact_way", type=1, scene=2, user=["zhang"])["config_id"]

    def state() -> str:
        return corp.box._world.state.ways[config_id].remark

    return _changes(CONTACT_WAY_UPDATE, lambda text: ContactWayUpdate(config_id, remark=text), state, name)


def _join_update(corp: Corp, name: str) -> tuple[Order, ...]:
    config_id = corp.ask("groupchat/add_join_way", scene=2, chat_id_list=list(corp.groups))["config_id"]

    def make(text: str) -> JoinWayUpdate:
        return JoinWayUpdate.of(config_id, NewJoinWay(chat_id_list=corp.groups, remark=text))

    def state() -> str:
        return corp.box._world.state.join_ways[config_id].remark

    return _changes(JOIN_WAY_UPDATE, make, state, name)


KINDS: dict[str, Callable[[Corp, str], Order | tuple[Order, ...]]] = {
    "text": _text,
    "link": _link,
    "twins": _twins,
    "transfer": _transfer,
    "groups": _group_transfer,
    "way": _contact_way,
    "way_update": _way_update,
    "join_way": _join_way,
    "join_update": _join_update,
    "moment": _moment,
    "remind": _remind,
    "remark": _remark,
    "tag": _corp_tag,
    "welcome": _welcome,
}
"""By name, what makes an order, or several that belong together."""


def orders_of(corp: Corp, kinds: Sequence[str]) -> tuple[Order, ...]:
    """Return an order of each of *kinds*, one of which may stand there several times."""
    orders: list[Order] = []
    for i, kind in enumerate(kinds):
        made = KINDS[kind](corp, f"{kind}-{i}")
        orders += [made] if isinstance(made, Order) else made
    return tuple(orders)
