"""
What is to be done, as a pure function of a number, so that the judge need not believe any database.

A wave has eleven calls of four kinds. What a call does at WeCom is known by its
marks: the customers of a message or a transfer, the remark of a contact way, the
names of tags. Each mark stands in one call only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs

from privdom.outbox import BROADCAST, CONTACT_WAY, CORP_TAG, TRANSFER, DesiredTags, Kind, Outbox, Subject, Unit
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import Link, NewMessage
from privdom.wecom.tags import AddTagsRequest
from privdom.wecom.transfers import TransferRequest
from privdom.wecom.wire import loads


SENDERS = [f"staff{i:02}" for i in range(32)]
TAKEOVERS = ["new0", "new1", "new2"]
LABELS = [f"标签{i}" for i in range(5)]
UNITS = 11
_AT_ONCE = 4


@attrs.frozen
class Step:
    """One call, as it is planned."""

    kind: Kind[Any, Any]
    request: Any
    subjects: tuple[Subject, ...] = ()
    unit_id: str | None = None


def steps(wave: int) -> Iterator[Step]:
    """The calls of a wave; those about customers are known by the ledger, the others by their id."""
    link = Link(title="新品", url="https://shop.example/new")
    for sender in _senders(wave):
        plain = NewMessage(
            text=f"第 {wave} 轮，{sender}", sender=sender, external_userid=_customers(wave, sender, "text")
        )
        yield Step(BROADCAST, plain, _subjects(plain.external_userid, wave))
        # Equal to those of other waves, but for the customers.
        linked = NewMessage(
            text="看看", attachments=[link], sender=sender, external_userid=_customers(wave, sender, "link")
        )
        yield Step(BROADCAST, linked, _subjects(linked.external_userid, wave))
    handover, takeover = SENDERS[wave % len(SENDERS)], TAKEOVERS[wave % len(TAKEOVERS)]
    given = TransferRequest(handover, takeover, _customers(wave, handover, "given"))
    yield Step(TRANSFER, given, _subjects(given.external_userid, wave))
    yield Step(CONTACT_WAY, NewContactWay(type=1, user=[handover], remark=f"海报 {wave}"), unit_id=f"way {wave}")
    yield Step(CORP_TAG, AddTagsRequest(["甲", "乙"], group_name=f"第 {wave} 轮"), unit_id=f"tags {wave}")


def wishes(wave: int, tag_ids: list[str]) -> list[tuple[str, str, str, bool]]:
    """The tags that a wave wants on a relation, and the one that it wants no longer."""
    sender = SENDERS[wave % len(SENDERS)]
    number = wave // len(SENDERS)
    relation = (sender, _regular(sender))
    wanted, unwanted = tag_ids[number % len(tag_ids)], tag_ids[(number - 1) % len(tag_ids)]
    return [(*relation, wanted, True), (*relation, unwanted, False)]


def plan(store: Store, outbox: Outbox, tags: DesiredTags, corp_id: str, tag_ids: list[str], wave: int) -> None:
    """Plan a wave, each call in a transaction of its own, and its wishes together with the last one."""
    for number, step in enumerate(steps(wave), 1):
        with store.begin() as conn:
            outbox.plan(conn, step.kind, step.request, owner="job", subjects=step.subjects, unit_id=step.unit_id)
            if number == UNITS:
                tags.want(conn, corp_id, "job", wishes(wave, tag_ids))


def corp(box: Sandbox, waves: int) -> list[str]:
    """Fill the corp with everybody whom so many waves are about; return the ids of the tags they want."""
    for staff in (*SENDERS, *TAKEOVERS):
        box.add_staff(staff)
    for sender in SENDERS:
        box.add_customer(_regular(sender), staff=[sender])
    for wave in range(waves):
        for step in steps(wave):
            staff = getattr(step.request, "sender", None) or getattr(step.request, "handover_userid", "")
            for subject in step.subjects:
                box.add_customer(subject.subject, staff=[staff])
    return list(box.admin_adds_tags("等级", LABELS).values())


def marks(unit: Unit) -> list[str]:
    """What a unit will have done at WeCom."""
    request = loads(unit.request.encode())
    match unit.kind:
        case "broadcast" | "transfer":
            return list(request["external_userid"])
        case "contact_way":
            return [request["remark"].partition(" #")[0]]
        case _:
            return [f"{request['group_name']}/{tag['name']}" for tag in request["tag"]]


def expected(waves: int) -> Counter[str]:
    """The marks of so many waves, each once."""
    found: Counter[str] = Counter()
    for wave in range(waves):
        for step in steps(wave):
            found.update(subject.subject for subject in step.subjects)
        found.update([f"海报 {wave}", f"第 {wave} 轮/甲", f"第 {wave} 轮/乙"])
    return found


def done(box: Sandbox) -> Counter[str]:
    """The marks that WeCom has by its own record, as often as it has them."""
    found: Counter[str] = Counter()
    for message in box.record.messages:
        # A second message that was cancelled was made all the same.
        found.update(message.recipients if message.kind == "created" else ())
    # A second transfer is turned down, and shows that it was asked for.
    found.update(t.external_userid for t in box.record.transfers if t.outcome in {"started", "rejected"})
    state: dict[str, Any] = box.state()
    found.update(str(way["remark"]).partition(" #")[0] for way in state["codes"].values())
    found.update(f"{tag['group']}/{tag['name']}" for tag in state["tags"].values() if tag["group"] != "等级")
    return found


def worn(box: Sandbox) -> dict[str, set[str]]:
    """The ids of the tags that regular customers wear, by staff."""
    customers: Any = box.state()["customers"]
    return {sender: set(customers[_regular(sender)]["followers"][sender]["tags"]) for sender in SENDERS}


def wished(waves: int, tag_ids: list[str]) -> dict[str, set[str]]:
    """The ids of the tags that they should wear after so many waves."""
    found: dict[str, set[str]] = {sender: set() for sender in SENDERS}
    for wave in range(waves):
        for sender, _, tag, wanted in wishes(wave, tag_ids):
            (found[sender].add if wanted else found[sender].discard)(tag)
    return found


def _senders(wave: int) -> list[str]:
    start = wave * _AT_ONCE
    return [SENDERS[(start + i) % len(SENDERS)] for i in range(_AT_ONCE)]


def _customers(wave: int, staff: str, what: str) -> tuple[str, ...]:
    return tuple(f"wm{wave}-{staff}-{what}-{i}" for i in range(2))


def _regular(sender: str) -> str:
    return f"wm-{sender}"


def _subjects(customers: tuple[str, ...], wave: int) -> tuple[Subject, ...]:
    return tuple(Subject(customer, f"wave {wave}") for customer in customers)
