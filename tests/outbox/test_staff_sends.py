"""What staff send on their own counts too, once it was read from WeCom's records."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from privdom._port import BlockingPort, Port, run
from privdom.errors import QuotaExceeded, UsageError
from privdom.outbox import BROADCAST, SERVICE, AsyncOutbox, FrequencyRule, Gate, ReachCap, Subject
from privdom.outbox.gate import CHINA
from privdom.sandbox import Fault, acts, sending
from privdom.store import Store
from tests.conftest import OnPort
from tests.outbox.corp import Corp, plan, text_message


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
