"""Several workers on one database at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import update

from privdom._port import BlockingPort, run
from privdom.outbox import BROADCAST, UnitState
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
