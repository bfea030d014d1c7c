"""Customers who are transferred in the middle of a journey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from tests.conftest import OnPort
from tests.sop.world import WELCOME, World, in_world

from privdom._port import BlockingPort
from privdom.events import CustomerMoved, DomainEvent, EventLog, FollowRemoved, JourneyLeft
from privdom.mirror import facts
from privdom.sandbox import Fault, Sandbox
from privdom.sop import Journey, Step, advancing
from privdom.sop.advancing import consume
from privdom.sop.context import Context
from privdom.sop.store import enrolments
from privdom.sop.store.tables import enrolment, step
from privdom.store import Store


HELLO = Journey("welcome", [Step("hello", timedelta(hours=2), "感谢关注！")])


def transfer(world: World, customer: str, *, told: bool = True) -> None:
    """Let a customer go from ann to bob, as a migration would tell it."""
    world.sandbox.befriend("bob", customer)
    world.sandbox.staff_deletes_customer("ann", customer)
    if told:
        world.log(CustomerMoved(customer, "ann", "bob", world.sandbox.clock.now()))


def senders(world: World, customer: str) -> list[tuple[str, str]]:
    return [(d.staff, d.text) for d in world.sandbox.record.deliveries if d.target == customer and d.status == 1]


def test_what_waits_follows_to_the_takeover(on_port: OnPort, sandbox: Sandbox, database: str) -> None:
    """After a transfer the takeover sends the rest of the journey; the others stay with the handover."""

    async def scenario(world: World) -> None:
        moving, staying = world.customers(2)
        await world.begin([moving, staying])
        await world.days(0.5)
        transfer(world, moving)
        world.log(FollowRemoved("ann", moving, "transfer", sandbox.clock.now()))

        await world.days(5)

        assert [("ann", "感谢关注！"), ("bob", "新客专享九折"), ("bob", "用得还好吗？")] == senders(world, moving)
        assert [("ann", step.text) for step in WELCOME.steps] == senders(world, staying)

    with Store(database) as store:
        in_world(on_port, sandbox, store, scenario)


def test_a_ready_unit_is_taken_back(on_port: OnPort, sandbox: Sandbox, database: str) -> None:
    """If the handover's call is planned but not made, it is dropped, and both staff are planned anew."""

    async def scenario(world: World) -> None:
        moving, staying = world.customers(2)
        await world.begin([moving, staying], HELLO)
        sandbox.advance(timedelta(hours=2))
        await world.journeys.advance()
        transfer(world, moving)

        report = await world.journeys.advance()
        await world.days(1)

        assert (2, 2) == (report.units, report.planned)
        assert [("bob", "感谢关注！")] == senders(world, moving)
        assert [("ann", "感谢关注！")] == senders(world, staying)

    with Store(database) as store:
        in_world(on_port, sandbox, store, scenario)


def test_a_task_that_the_handover_sends_too_late(on_port: OnPort, sandbox: Sandbox, database: str) -> None:
    """A customer who moved before the handover confirmed gets the message from the takeover, once."""

    async def scenario(world: World) -> None:
        sandbox.set_staff("ann", confirm_delay=timedelta(hours=3))
        [moving] = world.customers(1)
        await world.begin([moving], HELLO)
        sandbox.advance(timedelta(hours=2))
        await world.turn()
        transfer(world, moving)

        await world.days(2)

        assert [("bob", "感谢关注！")] == senders(world, moving)
        first, second = await world.journeys.steps(moving)
        assert ("ann", "failed", "not a customer of the staff when the staff sent it") == (
            first.staff_userid,
            first.state,
            first.reason,
        )
        assert ("bob", "sent", 1) == (second.staff_userid, second.state, second.occurrence)

    with Store(database) as store:
        in_world(on_port, sandbox, store, scenario)


def test_a_second_transfer_is_not_followed_again(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A step is planned again once: if the takeover fails too, it has failed."""

    async def scenario(world: World) -> None:
        for staff in ("ann", "bob"):
            sandbox.set_staff(staff, confirm_delay=timedelta(hours=3))
        sandbox.add_staff("cai")
        [moving] = world.customers(1)
        await world.begin([moving], HELLO)
        sandbox.advance(timedelta(hours=2))
        await world.turn()
        transfer(world, moving)
        await world.days(0.2)
        assert [("failed", 0), ("confirmed", 1)] == [
            (s.state, s.occurrence) for s in await world.journeys.steps(moving)
        ]
        sandbox.befriend("cai", moving)
        sandbox.staff_deletes_customer("bob", moving)
        world.log(CustomerMoved(moving, "bob", "cai", sandbox.clock.now()))

        await world.days(2)

        assert [] == senders(world, moving)
        assert ["failed", "failed"] == [s.state for s in await world.journeys.steps(moving)]

    in_world(on_port, sandbox, store, scenario)


def test_a_call_under_way_settles_first(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A unit whose answer is lost is not taken back; WeCom had left the customer out, so the takeover sends it."""

    async def scenario(world: World) -> None:
        moving, staying = world.customers(2)
        await world.begin([moving, staying], HELLO)
        sandbox.advance(timedelta(hours=2))
        await world.journeys.advance()
        transfer(world, moving, told=False)
        sandbox.faults.add(Fault("lost_response", "add_msg_template"))
        await world.outbox.drain()
        world.log(CustomerMoved(moving, "ann", "bob", sandbox.clock.now()))
        await world.journeys.advance()
        assert ("planned", "") == (await world.states(moving))["hello"]

        await world.days(2)

        assert [("ann", "感谢关注！")] == senders(world, staying)
        assert len(senders(world, moving)) <= 1
        assert {"sent"} == {step.state.value for step in await world.journeys.steps(staying)}

    in_world(on_port, sandbox, store, scenario)


def test_a_refused_task_of_somebody_who_moved(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """If WeCom refuses a task since its only customer has moved, the takeover sends it."""

    async def scenario(world: World) -> None:
        [moving] = world.customers(1)
        await world.begin([moving], HELLO)
        sandbox.advance(timedelta(hours=2))
        await world.journeys.advance()
        transfer(world, moving, told=False)
        await world.outbox.drain()
        world.log(CustomerMoved(moving, "ann", "bob", sandbox.clock.now()))

        await world.days(2)

        assert [("bob", "感谢关注！")] == senders(world, moving)

    in_world(on_port, sandbox, store, scenario)


def test_a_sync_that_is_faster_than_the_transfer(on_port: OnPort, sandbox: Sandbox, database: str) -> None:
    """Who seemed lost, and then turns out to have moved, goes on with the takeover."""

    async def scenario(world: World) -> None:
        [moving] = world.customers(1)
        await world.begin([moving])
        await world.days(0.5)
        transfer(world, moving, told=False)
        world.log(FollowRemoved("ann", moving, "sync", sandbox.clock.now()))
        await world.turn()
        assert ("exited", "not a customer of the staff any more") == (await world.states(moving))["offer"]
        world.log(CustomerMoved(moving, "ann", "bob", sandbox.clock.now()))
        await world.turn()
        known = world.write(lambda conn: facts(conn, sandbox.corp_id, ["journey.welcome"]))
        assert {moving: {"journey.welcome": "active"}} == known

        await world.days(5)

        assert [("ann", "感谢关注！"), ("bob", "新客专享九折"), ("bob", "用得还好吗？")] == senders(world, moving)

    with Store(database) as store:
        in_world(on_port, sandbox, store, scenario)


def test_a_transfer_does_not_revive_an_older_enrolment(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Whoever was lost and has entered again with another staff is not in the journey twice."""

    async def scenario(world: World) -> None:
        [moving] = world.customers(1)
        await world.begin([moving], Journey("welcome", HELLO.steps, reentry=timedelta(0)))
        world.log(FollowRemoved("ann", moving, "sync", sandbox.clock.now()))
        await world.turn()
        transfer(world, moving, told=False)
        await world.journeys.enrol("welcome", [("bob", moving)])
        world.log(CustomerMoved(moving, "ann", "bob", sandbox.clock.now()))

        await world.days(2)

        assert [("bob", "感谢关注！")] == senders(world, moving)
        assert ["exited", "sent"] == [step.state for step in await world.journeys.steps(moving)]

    in_world(on_port, sandbox, store, scenario)


STAFF = st.sampled_from(["ann", "bob", "cai"])
CUSTOMERS = ["wm1", "wm2", "wm3", "wm4"]
AT = datetime(2026, 1, 2, tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(
    enrolled=st.dictionaries(st.sampled_from(CUSTOMERS), STAFF, min_size=1),
    sent=st.dictionaries(
        st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(["hello", "offer"])),
        st.sampled_from(["planned", "sent", "failed", "refused"]),
    ),
    events=st.lists(
        st.one_of(
            st.builds(CustomerMoved, st.sampled_from(CUSTOMERS), STAFF, STAFF, st.just(AT)),
            st.builds(FollowRemoved, STAFF, st.sampled_from(CUSTOMERS), st.just("sync"), st.just(AT)),
        ),
        max_size=12,
    ),
)
def test_many_moves_are_one_after_another(
    enrolled: dict[str, str], sent: dict[tuple[str, str], str], events: list[DomainEvent]
) -> None:
    """A batch of moves and losses in any order leaves what one event at a time leaves."""

    def outcome(at_once: int) -> list[Any]:
        with Sandbox(7, now=AT) as sandbox, Store("sqlite://") as store, pytest.MonkeyPatch.context() as patch:
            patch.setattr(advancing, "EVENTS_AT_ONCE", at_once)
            world = World(BlockingPort(transport=sandbox.transport, clock=sandbox.clock), sandbox, store)
            ctx = Context(world.wecom, store, world.outbox, UTC, EventLog(store))
            pairs = [(staff, customer) for customer, staff in enrolled.items()]
            with store.begin() as conn:
                enrolments.enrol(conn, sandbox.corp_id, WELCOME, 1, pairs, at=AT, tz=UTC)
                for (customer, step_id), state in sent.items():
                    c = step.c
                    conn.execute(
                        update(step).where(c.external_userid == customer, c.step_id == step_id).values(state=state)
                    )
            world.log(*events)
            while consume(ctx).events:
                pass
            with store.read() as conn:
                rows = [list(conn.execute(select(t).order_by(*t.primary_key))) for t in (enrolment, step)]
                known = facts(conn, sandbox.corp_id, ["journey.welcome"])
            return [rows, known, world.events(JourneyLeft.kind)]

    assert outcome(1) == outcome(500)


def test_more_moves_than_a_batch(on_port: OnPort, sandbox: Sandbox, database: str) -> None:
    """Each of hundreds of customers goes on with its own takeover, as its fact says."""

    async def scenario(world: World) -> None:
        customers = [f"wm{i:04}" for i in range(600)]
        takeovers = {customer: ("bob", "cai")[i % 2] for i, customer in enumerate(customers)}
        await world.begin([*customers, "wm-stays"])
        world.log(*(CustomerMoved(one, "ann", takeover, AT) for one, takeover in takeovers.items()))
        await world.journeys.advance()
        known = world.write(lambda conn: facts(conn, sandbox.corp_id, ["journey.welcome"]))
        with store.read() as conn:
            found = conn.execute(select(enrolment.c.external_userid, enrolment.c.staff_userid)).all()
            steps = conn.execute(select(step.c.external_userid, step.c.staff_userid).distinct()).all()

        assert {**takeovers, "wm-stays": "ann"} == dict(found) == dict(steps)
        assert len(steps) == len(customers) + 1 == len(known)

    with Store(database) as store:
        in_world(on_port, sandbox, store, scenario)
