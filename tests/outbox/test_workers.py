"""Several workers on one database at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import update

from privdom._port import BlockingPort, run
from privdom.outbox import BROADCAST, Gate, ReachCap, TickReport, UnitState
from privdom.outbox.tables import unit as unit_table
from privdom.store import Store
from privdom.wecom.messages import NewMessage
from tests.outbox.corp import Corp, plan, run_out, text_message, unit


def test_at_once(store: Store) -> None:
    """Four workers share forty units of ten lanes: each is called once, and each lane keeps its order."""
    corp = Corp(latency=0.002)
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
    outbox = corp.outbox(port, store)
    for lane in range(10):
        staff = corp.box.add_staff(f"staff{lane}")
        customer = corp.box.add_customer(f"wmof{lane}", staff=[staff])
        for i in range(4):
            message = NewMessage(text=f"{lane}/{i}", sender=staff, external_userid=[customer])
            plan(store, outbox, BROADCAST, message, subjects=[(customer, str(i), "")])

    def work(_: int) -> int:
        worker = corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store)
        confirmed = 0
        for _ in range(12):
            confirmed += run(worker.tick()).confirmed
        return confirmed

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(work, range(4)))
    run(run_out(corp, store, outbox))

    texts = [m.text for m in corp.box.record.messages]
    assert 40 == len(texts) == len(set(texts))
    assert 40 >= done > 0
    for lane in range(10):
        assert [f"{lane}/{i}" for i in range(4)] == [t for t in texts if t.startswith(f"{lane}/")]


def test_late_number(store: Store) -> None:
    """A unit with an earlier number that appears while a later one of its lane is in flight waits for it."""
    corp = Corp()
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
    outbox = corp.outbox(port, store)
    first = plan(store, outbox, BROADCAST, text_message(corp, "一")).unit_id
    second = plan(
        store, outbox, BROADCAST, text_message(corp, "二"), subjects=[(c, "b", "") for c in corp.customers[:3]]
    ).unit_id
    with store.begin() as conn:
        conn.execute(update(unit_table).where(unit_table.c.id == second).values(state="calling", due_at=None))

    assert not run(outbox.tick())
    assert UnitState.READY == unit(store, outbox, first).state


def test_last_message(store: Store) -> None:
    """Of many staff whose messages to one customer are called at once, as many get through as the cap allows."""
    corp = Corp(latency=0.002)
    capped = Gate(cap=ReachCap("day", 3))
    free = corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store)
    staff = [corp.box.add_staff(f"staff{i}") for i in range(12)]
    customer = corp.box.add_customer("wmshared", staff=staff)
    for sender in staff:
        message = NewMessage(text=sender, sender=sender, external_userid=[customer])
        plan(store, free, BROADCAST, message, subjects=[(customer, sender, "")])

    def work(_: int) -> TickReport:
        port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
        worker = corp.outbox(port, store, gate=capped, in_flight=2)
        return run(worker.drain())

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(work, range(4)))
    reports.append(run(run_out(corp, store, corp.outbox(free._ctx.port, store, gate=capped))))

    assert 3 == len(corp.messages())
    assert 9 == sum(report.held for report in reports)


def test_plans_at_once(store: Store) -> None:
    """Of many plans at once while others are called, no customer gets more than the cap allows."""
    corp = Corp(latency=0.002)
    gate = Gate(cap=ReachCap("day", 3))
    staff = [corp.box.add_staff(f"staff{i}") for i in range(8)]
    customers = [corp.box.add_customer(f"wmshared{i}", staff=staff) for i in range(3)]
    with store.begin():
        pass

    def work(i: int) -> int:
        worker = corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store, gate=gate)
        message = NewMessage(text=staff[i], sender=staff[i], external_userid=customers)
        report = plan(store, worker, BROADCAST, message, subjects=[(c, staff[i], "") for c in customers])
        run(worker.drain())
        return len(report.planned)

    with ThreadPoolExecutor(4) as pool:
        planned = sum(pool.map(work, range(8)))
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
    run(run_out(corp, store, corp.outbox(port, store, gate=gate)))

    assert 9 == planned
    assert [3] * 3 == [sum(customer in r for r in corp.messages()) for customer in customers]
