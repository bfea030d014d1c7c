"""What staff send on their own counts too, once it was read from WeCom's records."""

from __future__ import annotations

import hashlib
import json

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sqlalchemy import select

from privdom._port import BlockingPort, Port, run
from privdom.errors import QuotaExceeded, UsageError
from privdom.outbox import BROADCAST, SERVICE, AsyncOutbox, FrequencyRule, Gate, ReachCap, Subject
from privdom.outbox.gate import CHINA
from privdom.outbox.staff_sends import _earliest, _read_to, _remember, _slices, _store
from privdom.outbox.tables import ledger
from privdom.sandbox import Fault, acts, sending
from privdom.store import Store
from privdom.wecom.messages import ChatType, MessageRecord, SendResult, SendStatus
from tests.conftest import OnPort
from tests.outbox.corp import Corp, HookedPort, Points, plan, text_message


NOON = datetime(2026, 3, 20, 12, tzinfo=CHINA)


def left(store: Store, outbox: AsyncOutbox, subjects: list[str], **options: Any) -> list[int | None]:
    with store.read() as conn:
        found = outbox.budget(conn, subjects, **options)
    return [found[subject].left for subject in subjects]


@pytest.fixture
def corp() -> Corp:
    corp = Corp()
    corp.box.advance_to(NOON)
    return corp


def at_once(corp: Corp, store: Store, gate: Gate) -> AsyncOutbox:
    return corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store, gate=gate)


def to_group(corp: Corp, text: str, chat_id: str) -> None:
    """Have the owner of a group send a mass message to it."""
    world = corp.box._world
    targets, _ = sending.groups_of(world, "zhang", [chat_id])
    sending.create(world, "group", text, [], targets, [], creator="zhang")


def test_counted(corp: Corp, store: Store, on_port: OnPort) -> None:
    """What staff sent takes from the budgets of customers and groups, once, however often it is read."""
    chat = corp.box.add_group(owner="zhang", members=corp.customers[:2])
    gate = Gate(cap=ReachCap("week", 3), rules=[FrequencyRule(1, "day", "survey"), FrequencyRule(2, "day")], reserve=1)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, gate=gate)
        corp.box.staff_sends("zhang", "在吗", corp.customers[:2])
        to_group(corp, "大家好", chat)
        plan(store, outbox, BROADCAST, text_message(corp, "活动", 3))
        await outbox.tick()

        first = await outbox.learn_staff_sends()
        again = await outbox.learn_staff_sends()

        assert (2, 3, NOON) == (first.tasks, first.learnt, first.up_to)
        assert 0 == again.learnt
        who = [*corp.customers[1:4], chat]
        assert [0, 1, 2, 1] == left(store, outbox, who)
        assert [0, 1, 2, 1] == left(store, outbox, who, category=SERVICE)
        assert [0, 1, 1, 1] == left(store, outbox, who, category="survey")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_before_the_call(corp: Corp, store: Store) -> None:
    """What staff sent between plan and call leaves no room for the call."""
    outbox = at_once(corp, store, Gate(cap=ReachCap("day", 1)))
    plan(store, outbox, BROADCAST, text_message(corp, "活动", 3))
    corp.box.staff_sends("zhang", "在吗", corp.customers[:2])
    run(outbox.learn_staff_sends())
    run(outbox.drain())

    assert [(corp.customers[2],)] == corp.messages("活动")


def test_the_window(corp: Corp, store: Store) -> None:
    """All windows are read the first time, and only what is new the next; what was not delivered does not count."""
    outbox = at_once(corp, store, Gate(rules=[FrequencyRule(3, timedelta(days=45))]))
    gone = corp.box.add_customer("wmgone", staff=["zhang"])
    corp.box.customer_deletes_staff(gone, "zhang")
    for text in "一二":
        corp.box.advance(timedelta(days=20, minutes=7))
        corp.box.staff_sends("zhang", text, [corp.customers[0], gone])
    corp.box.advance(timedelta(hours=3))
    first = run(outbox.learn_staff_sends())

    assert (2, 2) == (first.tasks, first.learnt)
    assert [1, 3] == left(store, outbox, [corp.customers[0], gone])
    corp.box.staff_sends("zhang", "三", corp.customers[:1])
    corp.box.advance(timedelta(minutes=5))
    assert 1 == run(outbox.learn_staff_sends()).tasks
    assert [0] == left(store, outbox, corp.customers[:1])
    corp.box.advance(timedelta(hours=3))
    run(outbox.learn_staff_sends())
    assert 0 == run(outbox.learn_staff_sends()).tasks


def test_goes_on(corp: Corp, store: Store, on_port: OnPort) -> None:
    """A quota that runs out comes out; what was read stays, and the next time goes on from there."""
    corp.box.advance_to(NOON - timedelta(days=3))
    for day in range(3):
        corp.box.staff_sends("zhang", f"day {day}", corp.customers[:2])
        corp.box.advance(timedelta(days=1))
    third = list(corp.box._world.state.messages)[-1]
    corp.box.faults.add(Fault("quota", "get_groupmsg_send_result", subject=third))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, gate=Gate())
        with pytest.raises(QuotaExceeded):
            await outbox.learn_staff_sends()
        assert [29, 29] == left(store, outbox, corp.customers[:2])
        rest = await outbox.learn_staff_sends()
        assert rest.tasks < 3
        assert [28, 28] == left(store, outbox, corp.customers[:2])

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_not_told_yet(corp: Corp, store: Store) -> None:
    """A message of which WeCom cannot tell yet whom it reached is read again, and holds up none behind it."""
    corp = Corp(dispatch_time=timedelta(hours=5))
    corp.box.advance_to(NOON)
    outbox = at_once(corp, store, Gate())
    corp.box.staff_sends("zhang", "早", corp.customers[:1])
    corp.box.advance(timedelta(hours=4))
    early = run(outbox.learn_staff_sends(overlap=timedelta(0)))
    corp.box.advance(timedelta(hours=4))
    late = run(outbox.learn_staff_sends(overlap=timedelta(0)))

    assert (1, 0, NOON) == (early.tasks, early.learnt, early.up_to)
    assert (1, 1) == (late.tasks, late.learnt)


def test_cancelled(corp: Corp, store: Store) -> None:
    """A message that was cancelled tells nothing, and is passed over; one of another trouble is not."""
    outbox = at_once(corp, store, Gate())
    msgid = corp.box.staff_sends("zhang", "早", corp.customers[:1])
    run(outbox._ctx.wecom.messages.cancel(msgid))

    assert (1, 0) == (run(outbox.learn_staff_sends()).tasks, run(outbox.learn_staff_sends()).learnt)
    corp.box.faults.add(Fault("busy", "get_groupmsg_list_v2", times=0))
    with pytest.raises(Exception, match="-1"):
        run(outbox.learn_staff_sends())


def test_nobody_counts(corp: Corp, store: Store) -> None:
    """Where no limit counts what staff send, nothing is read; and no plan can pass for theirs."""
    outbox = at_once(corp, store, Gate(cap=None, rules=[FrequencyRule(1, "day", "survey")]))
    corp.box.staff_sends("zhang", "早", corp.customers[:1])

    assert 0 == run(outbox.learn_staff_sends()).tasks
    assert 0 == corp.calls("get_groupmsg_list_v2")
    with pytest.raises(UsageError, match="on their own"):
        plan(store, outbox, BROADCAST, text_message(corp, "x", 1), subjects=[Subject(corp.customers[0], "@staff")])


def test_long_msgid(corp: Corp, store: Store) -> None:
    """Messages whose ids would not fit into the ledger are told apart all the same."""
    outbox = at_once(corp, store, Gate())
    messages = corp.box._world.state.messages
    for text in "一二":
        msgid = acts.staff_sends(corp.box._world, "zhang", text, corp.customers[:1])
        message = messages.pop(msgid)
        message.msgid = f"msg{'x' * 70}{text}"
        messages[message.msgid] = message

    assert 2 == run(outbox.learn_staff_sends()).learnt
    assert 0 == run(outbox.learn_staff_sends()).learnt


# Piece by piece.


def test_slices() -> None:
    """Time is read in days, each a second further back, so that none falls between two."""
    day, second = timedelta(days=1), timedelta(seconds=1)

    assert [] == list(_slices(NOON, NOON))
    assert [
        (NOON - second, NOON + day),
        (NOON + day - second, NOON + 2 * day),
        (NOON + 2 * day - second, NOON + 2 * day + second),
    ] == list(_slices(NOON, NOON + 2 * day + second))


@pytest.mark.parametrize(
    ("gate", "days"),
    [
        (Gate(cap=None), 0),
        (Gate(cap=ReachCap("day")), 0.5),
        (Gate(), 19.5),
        (Gate(cap=None, rules=[FrequencyRule(1, timedelta(days=45))]), 45),
        (Gate(rules=[FrequencyRule(1, timedelta(days=45), "survey")]), 19.5),
        (Gate(cap=None, rules=[FrequencyRule(1, timedelta(days=45), "survey"), FrequencyRule(1, "day")]), 0.5),
        (Gate(cap=ReachCap("week"), reserve=2), 4.5),
    ],
)
def test_how_far_back(corp: Corp, store: Store, gate: Gate, days: float) -> None:
    """It reads the longest window of the limits that count what staff send, and nothing where none does."""
    since = _earliest(at_once(corp, store, gate)._ctx, NOON)

    assert timedelta(days=days) - (NOON - since) in {timedelta(0), timedelta(microseconds=1)}


def _rows(store: Store) -> list[tuple[Any, ...]]:
    with store.read() as conn:
        return [tuple(row) for row in conn.execute(select(ledger).order_by(ledger.c.subject))]


def test_rows(store: Store) -> None:
    """Whom a message reached has a row, without a unit or a category, at the moment it was sent as far as that is told."""
    sent, made = NOON - timedelta(hours=1), NOON - timedelta(hours=2)
    results = [
        SendResult("zhang", SendStatus.SENT, external_userid="wm2", send_time=sent),
        SendResult("zhang", SendStatus.SENT, external_userid="wm1"),
        SendResult("zhang", SendStatus.SENT, chat_id="wr1", send_time=sent),
        SendResult("zhang", SendStatus.OVER_LIMIT, external_userid="wm3"),
        SendResult("zhang", SendStatus.NOT_SENT, external_userid="wm4"),
    ]
    with store.begin() as conn:
        found = [_store(conn, "ww1", MessageRecord("m1", create_time=made), results, NOON) for _ in range(2)]

    def row(subject: str, at: datetime, occurrence: str = "m1") -> tuple[Any, ...]:
        return ("ww1", "@staff", subject, occurrence, None, "sent", None, True, "", at)

    assert [3, 0] == found
    assert [row("wm1", made), row("wm2", sent), row("wr1", sent)] == _rows(store)


@pytest.mark.parametrize("chars", [64, 65])
def test_occurrences(store: Store, chars: int) -> None:
    """A message is known by its id, or by the hash of one that would not fit; one without a moment counts from now."""
    msgid = "m" * chars
    with store.begin() as conn:
        _store(conn, "ww1", MessageRecord(msgid), [SendResult("z", SendStatus.SENT, external_userid="wm1")], NOON)

    ((_, _, _, occurrence, *_, at),) = _rows(store)
    assert (msgid if chars == 64 else hashlib.sha256(msgid.encode()).hexdigest(), NOON) == (occurrence, at)


def test_how_far_it_read(store: Store) -> None:
    """How far it read is kept for each corp and kind of chat."""
    later = NOON + timedelta(days=1)
    with store.begin() as conn:
        _remember(conn, "ww1", ChatType.SINGLE, later)
        _remember(conn, "ww1", ChatType.SINGLE, NOON)
        _remember(conn, "ww1", ChatType.GROUP, later)

        assert [NOON, later, None] == [
            _read_to(conn, *key)
            for key in (("ww1", ChatType.SINGLE), ("ww1", ChatType.GROUP), ("ww2", ChatType.SINGLE))
        ]


class _Sparse(HookedPort):
    """A port on which WeCom tells neither who sent a message nor when, and one recipient at a time."""

    async def send(self, request: Any) -> Any:
        if request.url.path.endswith("get_groupmsg_send_result"):
            body = json.loads(request.content) | {"limit": 1}
            request = httpx.Request(request.method, request.url, json=body)
        response = await self._port.send(request)
        if not request.url.path.endswith(("get_groupmsg_list_v2", "get_groupmsg_send_result")):
            return response
        said = response.json()
        for entry in (*said.get("group_msg_list", ()), *said.get("send_list", ())):
            for name in ("creator", "create_time", "send_time"):
                entry.pop(name, None)
        return httpx.Response(200, json=said)


def test_told_sparsely(corp: Corp, store: Store, on_port: OnPort) -> None:
    """A message of which nothing but its tasks tell the sender is read page by page, and counts from now."""

    async def scenario(port: Port) -> None:
        sparse: Any = _Sparse(port, Points())
        outbox = corp.outbox(sparse, store, gate=Gate())
        corp.box.advance(timedelta(hours=1))
        corp.box.staff_sends("zhang", "在吗", corp.customers[:3])
        corp.box.advance(timedelta(hours=1))

        assert 3 == (await outbox.learn_staff_sends(overlap=timedelta(minutes=1))).learnt
        assert 0 == (await outbox.learn_staff_sends(overlap=timedelta(hours=3))).learnt

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert [(c, corp.box.clock.now()) for c in sorted(corp.customers[:3])] == [
        (row[2], row[-1]) for row in _rows(store)
    ]
