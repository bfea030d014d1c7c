"""What is planned in a run: a unit of each kind, and how WeCom's own record tells how often it happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import attrs

from sqlalchemy import Connection

from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    CORP_TAG,
    TRANSFER,
    WELCOME,
    AsyncOutbox,
    Kind,
    Subject,
)
from privdom.sandbox import Sandbox
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import Link, NewMessage, WelcomeRequest
from privdom.wecom.tags import AddTagsRequest
from privdom.wecom.transfers import TransferRequest


__all__ = ["KINDS", "Corp", "Order", "orders_of"]


class Corp:
    """Two staff with four customers each, in a sandbox."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        for staff in ("zhang", "li", "wu"):
            # Nobody confirms before the run is over, so that what is sent twice can still be cancelled.
            box.add_staff(staff, confirm_delay="never")
        self.customers = {
            staff: tuple(box.add_customer(f"wm-{staff}-{i}", staff=[staff]) for i in range(4)) for staff in ("zhang", "li")
        }


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

    def plan(self, conn: Connection, outbox: AsyncOutbox, begin: Any) -> None:
        """Plan it; again is harmless, which is what a planner that died relies on."""
        outbox.plan(
            conn,
            self.kind,
            self.request,
            owner="simulation",
            subjects=self.subjects,
            unit_id=self.name,
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


def _twin(corp: Corp, name: str) -> Order:
    # Of equal text and sender, for others.
    return _message(corp, name, "早安", "li", 2 + int(name[-1]) % 2, ambiguous=True, after=timedelta(seconds=5))


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


KINDS: dict[str, Callable[[Corp, str], Order]] = {
    "text": _text,
    "link": _link,
    "twin": _twin,
    "transfer": _transfer,
    "way": _contact_way,
    "tag": _corp_tag,
    "welcome": _welcome,
}


def orders_of(corp: Corp, kinds: Sequence[str]) -> tuple[Order, ...]:
    """Return an order of each of *kinds*, one of which may stand there several times."""
    return tuple(KINDS[kind](corp, f"{kind}-{i}") for i, kind in enumerate(kinds))
