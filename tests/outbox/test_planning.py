"""Planning: once, frozen, in the caller's transaction."""

from __future__ import annotations

import json

from datetime import timedelta
from typing import Any

import attrs
import pytest

from sqlalchemy import select, update

from privdom._port import BlockingPort, Port, run
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
from privdom.outbox.tables import suppression
from privdom.outbox.tables import unit as outbox_unit
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import ChatType, Link, MiniProgram, NewMessage, WelcomeRequest
from privdom.wecom.tags import AddTagsRequest
from tests.conftest import OnPort
from tests.outbox.corp import Corp, items, link_message, plan, run_out, text_message, transfer, unit


@pytest.fixture
def corp() -> Corp:
    return Corp()


@pytest.fixture
def outbox(corp: Corp, store: Store) -> AsyncOutbox:
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
    """A unit that was not called can be dropped, once and alone, and the same planned again."""
    report = plan(store, outbox, BROADCAST, text_message(corp))
    other = plan(store, outbox, TRANSFER, transfer(corp), subjects=[(c, "wave", "") for c in corp.customers[:3]])
    assert report.unit_id is not None
    with store.begin() as conn:
        assert outbox.drop(conn, report.unit_id)
        assert not outbox.drop(conn, report.unit_id)
    dropped = unit(store, outbox, report.unit_id)
    assert (UnitState.DROPPED, None, corp.box.clock.now()) == (dropped.state, dropped.due_at, dropped.settled_at)
    assert UnitState.READY == unit(store, outbox, other.unit_id).state
    again = plan(store, outbox, BROADCAST, text_message(corp))
    run(run_out(corp, store, outbox))

    assert 3 == len(again.planned)
    assert 1 == len(corp.messages())
    assert UnitState.DROPPED == unit(store, outbox, report.unit_id).state
    assert 3 == len(items(store, outbox, other.unit_id))
    with store.begin() as conn:
        assert not outbox.drop(conn, again.unit_id or "")


def test_drop_in_doubt(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Dropped after a call that may have arrived, the same cannot be planned again."""
    report = plan(store, outbox, BROADCAST, text_message(corp))
    with store.begin() as conn:
        conn.execute(update(outbox_unit).values(suspect=True))
        assert outbox.drop(conn, report.unit_id or "")

    assert dict.fromkeys(corp.customers[:3], ("dropped", None)) == items(store, outbox, report.unit_id)
    assert not plan(store, outbox, BROADCAST, text_message(corp)).planned


def test_another_corps(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """What one corp of a database has planned, suppressed or parked, another one neither sees nor touches."""
    stranger = Corp(1)
    theirs = stranger.outbox(BlockingPort(transport=stranger.box.transport, clock=corp.box.clock), store)
    report = plan(store, outbox, BROADCAST, text_message(corp))
    assert report.unit_id is not None
    with store.begin() as conn:
        outbox.suppress(conn, corp.customers[3:5], reason="asked not to")
        theirs.allow(conn, corp.customers[3:5])
        assert not theirs.drop(conn, report.unit_id)
        assert (1, 0) == (len(outbox.units(conn)), len(theirs.units(conn)))
        assert theirs.next_at(conn) is None
        with pytest.raises(UsageError, match="no unit"):
            theirs.unit(conn, report.unit_id)
        planned = theirs.plan(
            conn, BROADCAST, text_message(corp, count=5), owner="x", subjects=[(c, "b", "") for c in corp.customers[:5]]
        )
    assert (5, 0) == (len(planned.planned), len(planned.suppressed))
    assert 2 == len(plan(store, outbox, BROADCAST, text_message(corp, count=5)).suppressed)


def test_suppressed_again(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Who is suppressed twice has the last reason, and one word lifts it, for them alone."""
    with store.begin() as conn:
        outbox.suppress(conn, corp.customers[:2], reason="first")
        outbox.suppress(conn, corp.customers[:1], reason="last")
        assert ["last", "first"] == list(conn.scalars(select(suppression.c.reason).order_by(suppression.c.subject)))
        outbox.allow(conn, corp.customers[:1])

    report = plan(store, outbox, BROADCAST, text_message(corp))
    assert [corp.customers[1]] == [s.subject for s in report.suppressed]


def test_narrowed(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A request goes out for those only who were not planned before, and else as it was: groups and transfers too."""
    groups = [corp.box.add_group(owner="zhang") for _ in range(3)]
    for count in (1, 3):
        message = NewMessage(text="通知", sender="zhang", chat_type=ChatType.GROUP, chat_id_list=groups[:count])
        sent = plan(store, outbox, BROADCAST, message)
        subjects = [(c, "wave", "") for c in corp.customers[:count]]
        handed = plan(store, outbox, TRANSFER, transfer(corp, count), subjects=subjects)
    request = json.loads(unit(store, outbox, sent.unit_id).request)
    moved = json.loads(unit(store, outbox, handed.unit_id).request)

    assert ("通知", groups[1:]) == (request["text"]["content"], request["chat_id_list"])
    assert ("zhang", "li", corp.customers[1:3]) == (
        moved["handover_userid"],
        moved["takeover_userid"],
        moved["external_userid"],
    )


def test_units(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Units are found by owner, lane and state; an unknown id says so; reprs show neither content nor people."""
    plan(store, outbox, BROADCAST, link_message(corp), owner="sop")
    report = plan(store, outbox, TRANSFER, transfer(corp), subjects=[(c, "wave", "") for c in corp.customers[:3]])
    with store.read() as conn:
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, owner="sop")]
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, lane="message:zhang")]
        assert ["broadcast", "transfer"] == [u.kind for u in outbox.units(conn, states=[UnitState.READY])]
        assert [] == list(outbox.units(conn, states=[UnitState.CALLING]))
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, limit=1)]
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
