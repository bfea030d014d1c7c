"""The gate right before a call: by category, and as long as a call can be on its way."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from privdom._port import Port
from privdom.outbox import BROADCAST, FrequencyRule, Gate, ItemState, ReachCap, Subject, UnitState
from privdom.outbox.gate import CHINA
from privdom.outbox.gate_store import LATE
from privdom.outbox.tables import unit as unit_table
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.messages import NewMessage
from tests.conftest import OnPort
from tests.outbox.corp import SETTLE, Corp, items, plan, text_message, unit


NOON = datetime(2026, 3, 31, 12, tzinfo=CHINA)
DAY = timedelta(days=1)


def test_opted_out_of_a_category(on_port: OnPort, store: Store) -> None:
    """Who wants no more messages of one category after the plan is left out of the call, in that category only."""
    corp = Corp()
    corp.box.advance_to(NOON)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        later = NOON + DAY
        ids = [
            plan(
                store,
                outbox,
                BROADCAST,
                text_message(corp, category),
                subjects=[Subject(c, category) for c in corp.customers[:3]],
                category=category,
                not_before=later,
            ).unit_id
            for category in ("survey", "news")
        ]
        with store.begin() as conn:
            outbox.suppress(conn, corp.customers[:1], reason="no surveys", category="survey")
        corp.box.advance_to(later)
        assert 2 == (await outbox.drain()).confirmed
        survey, news = (items(store, outbox, unit_id) for unit_id in ids)
        assert ["suppressed", "sent", "sent"] == [survey[c][0] for c in corp.customers[:3]]
        assert ["sent", "sent", "sent"] == [news[c][0] for c in corp.customers[:3]]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_rule_of_a_category(on_port: OnPort, store: Store) -> None:
    """Of two late messages of one category that land on one day, its rule lets one through; others it leaves alone."""
    corp = Corp()
    corp.box.advance_to(NOON)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, gate=Gate(cap=None, rules=[FrequencyRule(1, "day", "survey")]))
        ids = [
            plan(
                store,
                outbox,
                BROADCAST,
                text_message(corp, f"{category}{day}"),
                subjects=[Subject(c, category, f"{day}") for c in corp.customers[:3]],
                category=category,
                not_before=NOON + day * DAY,
            ).unit_id
            for category in ("survey", "news")
            for day in (1, 2)
        ]
        assert None not in ids
        corp.box.advance_to(NOON + 2 * DAY)
        report = await outbox.drain()
        assert (3, 1) == (report.confirmed, report.held)
        states = [unit(store, outbox, unit_id).state for unit_id in ids]
        assert [UnitState.CONFIRMED, UnitState.DROPPED, UnitState.CONFIRMED, UnitState.CONFIRMED] == states

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_in_doubt_since_yesterday(on_port: OnPort, store: Store) -> None:
    """A call of yesterday counts today while nobody knows, as long as WeCom may have accepted it after midnight."""
    corp = Corp(dispatch_time=timedelta(hours=6))
    both = corp.box.add_customer("wmboth", staff=["zhang", "li"])
    midnight = datetime(2026, 4, 1, tzinfo=CHINA)
    corp.box.faults.add(Fault("lost_response", "add_msg_template"))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, gate=Gate(cap=ReachCap("day", 1)))
        # Called when it was just not late enough for another moment, it can arrive within horizon and settle.
        first = midnight - LATE - outbox._ctx.horizon
        for sender, due in (("zhang", first), ("li", midnight)):
            message = NewMessage(text=sender, sender=sender, external_userid=[both])
            assert plan(store, outbox, BROADCAST, message, subjects=[Subject(both, sender)], not_before=due).planned
        corp.box.advance_to(first)
        assert 1 == (await outbox.tick()).unknown
        corp.box.advance_to(midnight + SETTLE)
        report = await outbox.tick()
        assert (1, 1) == (report.looked_up, report.held)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


def test_armed_together(on_port: OnPort, store: Store) -> None:
    """Units that are armed in one round are all called, but for those of which the gate leaves nobody."""
    corp = Corp()
    corp.box.advance_to(NOON)
    senders = [corp.box.add_staff(f"staff{i}") for i in range(4)]
    people = [corp.box.add_customer(f"wmof{sender}", staff=[sender]) for sender in senders]

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        ids = [
            plan(
                store,
                outbox,
                BROADCAST,
                NewMessage(text="你好", sender=sender, external_userid=[customer]),
                not_before=NOON + DAY,
            ).unit_id
            for sender, customer in zip(senders, people, strict=True)
        ]
        with store.begin() as conn:
            outbox.suppress(conn, people[1:3], reason="asked not to")
        corp.box.advance_to(NOON + 2 * DAY)
        report = await outbox.tick(4)
        assert (2, 2) == (report.confirmed, report.held)
        held = unit(store, outbox, ids[1])
        assert (UnitState.DROPPED, "the gate holds all its recipients back") == (held.state, held.reason)
        with store.read() as conn:
            (item,) = outbox.items(conn, ids[1] or "")
            workers = conn.scalars(select(unit_table.c.worker).order_by(unit_table.c.seq)).all()
        assert (ItemState.SUPPRESSED, NOON + 2 * DAY) == (item.state, item.at)
        worker = outbox._ctx.worker
        assert [worker, None, None, worker] == workers

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert [(people[0],), (people[3],)] == corp.messages()
