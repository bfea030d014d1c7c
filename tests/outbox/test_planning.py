"""Planning: once, frozen, in the caller's transaction."""

from __future__ import annotations

import json

from datetime import timedelta
from typing import Any

import attrs
import pytest

from privdom._port import Port, run
from privdom.errors import UsageError
from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    CORP_TAG,
    TRANSFER,
    WELCOME,
    AsyncOutbox,
    GateReport,
    Kind,
    Subject,
    UnitState,
)
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import Link, MiniProgram, NewMessage, WelcomeRequest
from privdom.wecom.tags import AddTagsRequest
from tests.conftest import OnPort
from tests.outbox.corp import Corp, items, link_message, plan, run_out, text_message, transfer, unit


@pytest.fixture
def corp() -> Corp:
    return Corp()


@pytest.fixture
def outbox(corp: Corp, store: Store) -> AsyncOutbox:
    from privdom._port import BlockingPort

    return corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store)


def test_planned_twice(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A subject planned before under the same key is left out; the new ones form a unit of their own."""
    first = plan(store, outbox, BROADCAST, text_message(corp, count=3))
    again = plan(store, outbox, BROADCAST, text_message(corp, count=3))
    more = plan(store, outbox, BROADCAST, text_message(corp, count=5))

    assert (3, None, 3) == (len(first.planned), again.unit_id, len(again.already))
    assert (3, 2) == (len(more.already), len(more.planned))
    run(run_out(corp, store, outbox))
    assert [3, 2] == [len(r) for r in corp.messages()]


def test_own_id(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A unit planned again under an id of the caller's stays as it is."""
    way = NewContactWay(type=1, user=["zhang"])
    first = plan(store, outbox, CONTACT_WAY, way, unit_id="poster-7")
    again = plan(store, outbox, CONTACT_WAY, attrs.evolve(way, remark="另一个"), unit_id="poster-7")

    assert "poster-7" == first.unit_id == again.unit_id
    assert "另一个" not in unit(store, outbox, "poster-7").request


def test_rolled_back(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A plan goes with the caller's transaction."""
    with pytest.raises(ZeroDivisionError), store.begin() as conn:
        outbox.plan(conn, BROADCAST, text_message(corp), owner="x", subjects=[(c, "s", "") for c in corp.customers[:3]])
        raise ZeroDivisionError

    with store.read() as conn:
        assert () == outbox.units(conn)
        assert outbox.next_at(conn) is None


def _planned(store: Store, outbox: AsyncOutbox, request: NewMessage) -> dict[str, Any]:
    report = plan(store, outbox, BROADCAST, request)
    return json.loads(unit(store, outbox, report.unit_id).request)


def test_marks(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """The mark goes into the query of the first link that has room, or into a mini program's page."""
    program = MiniProgram("商城", pic_media_id="m", appid="wx1", page="pages/index")
    link = Link(title="新品", url="https://shop.example/new?from=wecom#top")
    long = Link(title="长", url="https://shop.example/?" + "x" * 2020)
    bodies: list[str] = []
    for i, attachments in enumerate([[link, program], [long, link], [program]]):
        message = NewMessage(attachments=attachments, sender="zhang", external_userid=[corp.customers[i]])
        bodies.append(json.dumps(_planned(store, outbox, message)))

    assert ["from=wecom&pd=" in bodies[0], "#top" in bodies[0], "pages/index?pd=" in bodies[0]] == [True, True, False]
    assert ["xxx&pd" in bodies[1], "from=wecom&pd=" in bodies[1]] == [False, True]
    assert "pages/index?pd=" in bodies[2]


@pytest.mark.parametrize(
    ("kind", "request_", "subjects", "message"),
    [
        (BROADCAST, NewMessage(text="x", external_userid=["wm1"]), ["wm1"], "name the sender"),
        (BROADCAST, NewMessage(text="x", sender="zhang"), [], "name the recipients"),
        (BROADCAST, NewMessage(text="x", sender="zhang", external_userid=["wm1"]), ["wm2"], "just the recipients"),
        (BROADCAST, NewMessage(text="x", sender="z", external_userid=["wm1"]), ["wm1", "wm1"], "stands twice"),
        (CONTACT_WAY, NewContactWay(type=1, user=["zhang"], remark="十" * 19), [], "at most 18"),
        (CONTACT_WAY, NewContactWay(type=1, user=["zhang"]), ["wm1"], "no customer"),
        (CORP_TAG, AddTagsRequest(["a"], group_name="b"), ["wm1"], "no customer"),
        (WELCOME, WelcomeRequest("code", "hi"), ["wm1", "wm2"], "for one customer"),
    ],
)
def test_refused(
    store: Store, outbox: AsyncOutbox, kind: Kind[Any, Any], request_: Any, subjects: list[str], message: str
) -> None:
    """A request that could not be looked up, or is about somebody else, is refused before anything is stored."""
    with pytest.raises(UsageError, match=message):
        plan(store, outbox, kind, request_, subjects=[Subject(s, "a") for s in subjects])
    with store.read() as conn:
        assert () == outbox.units(conn)


def test_refused_transfer(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A transfer is about just its customers, and in the lane of its pair."""
    with pytest.raises(UsageError, match="just the customers"):
        plan(store, outbox, TRANSFER, transfer(corp), subjects=[])
    with pytest.raises(UsageError, match="leave lane= out"):
        plan(store, outbox, TRANSFER, transfer(corp), lane="mine")


def test_unknown_kind(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A kind that nobody registered cannot be planned."""

    class Other(type(BROADCAST)):  # type: ignore[misc]
        name = "other"

    with pytest.raises(UsageError, match="knows no kind 'other'"):
        plan(store, outbox, Other(), text_message(corp))


def test_drop(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A unit that was not called can be dropped, once, and the same planned again."""
    report = plan(store, outbox, BROADCAST, text_message(corp))
    assert report.unit_id is not None
    with store.begin() as conn:
        assert outbox.drop(conn, report.unit_id)
        assert not outbox.drop(conn, report.unit_id)
    again = plan(store, outbox, BROADCAST, text_message(corp))
    run(run_out(corp, store, outbox))

    assert 3 == len(again.planned)
    assert 1 == len(corp.messages())
    assert UnitState.DROPPED == unit(store, outbox, report.unit_id).state
    with store.begin() as conn:
        assert not outbox.drop(conn, again.unit_id or "")


def test_units(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Units are found by owner, lane and state; an unknown id says so; reprs show neither content nor people."""
    plan(store, outbox, BROADCAST, link_message(corp), owner="sop")
    report = plan(store, outbox, TRANSFER, transfer(corp), subjects=[(c, "wave", "") for c in corp.customers[:3]])
    with store.read() as conn:
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, owner="sop")]
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, lane="message:zhang")]
        assert ["broadcast", "transfer"] == [u.kind for u in outbox.units(conn, states=[UnitState.READY])]
        shown = repr((outbox.units(conn), report, outbox))
        with pytest.raises(UsageError, match="no unit nothing"):
            outbox.unit(conn, "nothing")
    assert not [secret for secret in ("看看", "shop.example", corp.customers[0]) if secret in shown]
    assert "<3>" in shown


def test_not_before(corp: Corp, store: Store, on_port: OnPort) -> None:
    """A unit is not called before its time."""
    later = corp.box.clock.now() + timedelta(hours=3)

    async def scenario(port: Port) -> GateReport:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, BROADCAST, text_message(corp), not_before=later)
        assert not await outbox.tick()
        with store.read() as conn:
            assert later == outbox.next_at(conn)
        corp.box.advance_to(later)
        assert 1 == (await outbox.tick()).confirmed
        assert {("sent", None)} == set(items(store, outbox, report.unit_id).values())
        return report

    assert later == on_port(scenario, transport=corp.box.transport, clock=corp.box.clock).due_at
