"""Customers who are transferred in the middle of a journey."""

from __future__ import annotations

from datetime import timedelta

from tests.conftest import OnPort
from tests.sop.world import WELCOME, World, in_world

from privdom.events import CustomerMoved, FollowRemoved
from privdom.mirror import facts
from privdom.sandbox import Fault, Sandbox
from privdom.sop import Journey, Step
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
