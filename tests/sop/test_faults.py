"""Journeys when answers get lost and processes die: the sandbox's own record is the judge."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import OnPort
from tests.sop.world import WELCOME, Crash, CrashingStore, World, in_world

from privdom._port import BlockingPort, run
from privdom.errors import QuotaExceeded
from privdom.events import CustomerMoved
from privdom.outbox import OutboxSettings, Policy
from privdom.sandbox import Fault, Rules, Sandbox
from privdom.sop import FINAL, Journey, Step, StepState
from privdom.store import Store
from privdom.testing import Failing, FaultKind


HELLO = Journey("welcome", [Step("hello", timedelta(hours=2), "感谢关注！")])


@pytest.mark.parametrize("kind", ["lost_response", "connect_refused", "busy", "html"])
def test_a_lost_answer(on_port: OnPort, sandbox: Sandbox, store: Store, failing: Failing, kind: FaultKind) -> None:
    """Whatever happens to the first call, nobody gets a step twice, and each step ends with a reason."""

    async def scenario(world: World) -> None:
        customers = world.customers(3)
        await world.begin(customers)

        with failing(Fault(kind, "add_msg_template", after_change=True)):
            await world.days(5)

        assert {(who, step.text): 1 for who in customers for step in WELCOME.steps} == world.received()
        assert {"sent"} == {state for who in customers for state, _ in (await world.states(who)).values()}

    in_world(on_port, sandbox, store, scenario)


def test_a_call_that_nobody_can_find(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A lost request is parked: a final state, until a person says what became of it."""

    async def scenario(world: World) -> None:
        one = world.customers(1)[0]
        await world.begin([one])
        sandbox.faults.add(Fault("lost_request", "add_msg_template"))
        await world.days(0.5)

        state, reason = (await world.states(one))["hello"]
        assert "parked" == state
        assert reason
        [unit] = await world.outbox.parked.list()
        await world.outbox.parked.resend(unit.id, by="li")
        await world.days(5)

        assert {(one, step.text): 1 for step in WELCOME.steps} == world.received()

    in_world(on_port, sandbox, store, scenario)


def test_a_parked_call_that_is_given_up(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """What a person gives up is refused, and is never planned again."""

    async def scenario(world: World) -> None:
        one = world.customers(1)[0]
        await world.begin([one], HELLO)
        sandbox.faults.add(Fault("lost_request", "add_msg_template"))
        await world.days(0.5)
        [unit] = await world.outbox.parked.list()
        await world.outbox.parked.drop(unit.id, by="li")

        await world.days(1)

        assert ("refused", "given up in the outbox") == (await world.states(one))["hello"]
        assert not world.received()

    in_world(on_port, sandbox, store, scenario)


def test_a_resent_unit_is_not_planned_anew(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A unit that was called once, and is dropped by us before it is called again, may have arrived: it ends there."""

    async def scenario(world: World) -> None:
        one = world.customers(1)[0]
        await world.begin([one], Journey("welcome", [Step("hello", timedelta(0), "您好", window=timedelta(days=9))]))
        sandbox.faults.add(Fault("lost_request", "add_msg_template"))
        await world.days(0.5)
        [unit] = await world.outbox.parked.list()
        await world.outbox.parked.resend(unit.id, by="li")
        await world.journeys.pause("welcome")
        await world.journeys.resume("welcome")

        await world.days(1)

        assert world.received()[one, "您好"] <= 1
        assert "confirmed" not in (await world.states(one))["hello"]

    in_world(on_port, sandbox, store, scenario)


def test_what_was_given_up_does_not_follow_a_transfer(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A call of unknown fate that a person gave up is not made again for the takeover: it may have arrived."""

    async def scenario(world: World) -> None:
        one = world.customers(1)[0]
        await world.begin([one], HELLO)
        sandbox.faults.add(Fault("lost_request", "add_msg_template"))
        await world.days(0.5)
        [unit] = await world.outbox.parked.list()
        await world.outbox.parked.drop(unit.id, by="li")
        await world.turn()
        sandbox.befriend("bob", one)
        world.log(CustomerMoved(one, "ann", "bob", sandbox.clock.now()))

        await world.days(1)

        assert ["refused"] == [step.state for step in await world.journeys.steps(one)]
        assert not world.received()

    in_world(on_port, sandbox, store, scenario)


def test_several_workers(on_port: OnPort, sandbox: Sandbox, database: str) -> None:
    """Any number of processes may do the work at once: nothing is sent, or told, twice."""

    async def scenario(world: World) -> None:
        customers = world.customers(3)
        await world.begin(customers)
        workers = [World(world.wecom.port, sandbox, world.store) for _ in range(3)]

        while sandbox.clock.now() < datetime(2026, 1, 10, tzinfo=UTC):
            async for _ in world.wecom.port.map(World.turn, workers, len(workers)):
                pass
            await world.wait(datetime(2026, 1, 10, tzinfo=UTC))

        assert {(who, step.text): 1 for who in customers for step in WELCOME.steps} == world.received()
        assert 9 == len(world.events("step_sent"))
        assert 3 == len(world.events("journey_left"))

    with Store(database) as store:
        in_world(on_port, sandbox, store, scenario)


def test_results_that_wecom_does_not_tell_yet(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """While a task is being dispatched, or may not be read, its steps stay as they are."""

    async def scenario(world: World) -> None:
        sandbox.rules = Rules(dispatch_time=timedelta(hours=1))
        one = world.customers(1)[0]
        await world.begin([one], HELLO)
        sandbox.advance(timedelta(hours=2))
        await world.journeys.advance()
        await world.outbox.drain()
        await world.journeys.advance()

        assert 1 == (await world.journeys.collect()).unreadable
        sandbox.advance(timedelta(hours=5))
        sandbox.faults.add(Fault("html", "get_groupmsg_task", times=2))
        assert 1 == (await world.journeys.collect()).unreadable
        sandbox.faults.add(Fault("quota", "get_groupmsg_task", times=2))
        with pytest.raises(QuotaExceeded):
            await world.journeys.collect()
        report = await world.journeys.collect()

        assert (1, 0, 0) == (report.sent, report.open, report.unreadable)

    in_world(on_port, sandbox, store, scenario)


WRITES = 220


@settings(max_examples=15, deadline=None)
@given(
    crashes=st.sets(st.tuples(st.integers(1, WRITES), st.booleans()), max_size=4),
    policy=st.sampled_from(Policy),
    seed=st.integers(0, 99),
)
def test_crashes(crashes: set[tuple[int, bool]], policy: Policy, seed: int) -> None:
    """
    Wherever the process dies, right before or after a commit, the next one goes on from the tables.

    Nobody gets a step twice, every step ends with a reason, and tables and sandbox agree on what was sent: with a
    staff who never confirms, a transfer in the middle, and a lost answer.
    """
    _live(crashes, policy, seed)


def test_no_crash() -> None:
    """The life that is cut short above has as many transactions as there are places to die in it."""
    assert _live(set(), Policy.PARK, 0) >= WRITES


def _live(crashes: set[tuple[int, bool]], policy: Policy, seed: int) -> int:
    """Lead four customers through a journey, in as many processes as it takes; return the number of transactions."""
    with Sandbox(seed=seed) as sandbox, CrashingStore("sqlite://", crashes) as store:
        sandbox.add_staff("ann")
        sandbox.add_staff("bob")
        sandbox.add_staff("eve", confirm_delay="never")
        mine = [sandbox.add_customer(staff=["ann"]) for _ in range(3)]
        pairs = [*(("ann", who) for who in mine), ("eve", sandbox.add_customer(staff=["eve"]))]
        sandbox.faults.add(Fault("lost_response", "add_msg_template"))

        def survive(work: Callable[[World], Coroutine[Any, Any, object]]) -> None:
            while True:
                port = BlockingPort(transport=sandbox.transport, clock=sandbox.clock)
                try:
                    run(work(World(port, sandbox, store, OutboxSettings(policy=policy))))
                except Crash:
                    continue
                return

        async def begin(world: World) -> None:
            await world.journeys.save(WELCOME)
            await world.journeys.enrol("welcome", pairs)

        async def tell(world: World) -> None:
            world.log(CustomerMoved(mine[0], "ann", "bob", sandbox.clock.now()))

        def until(end: datetime) -> None:
            while sandbox.clock.now() < end:
                survive(World.turn)
                survive(lambda world: world.wait(end))
            survive(World.turn)

        start = sandbox.clock.now()
        survive(begin)
        until(start + timedelta(days=1, hours=4))
        sandbox.befriend("bob", mine[0])
        sandbox.staff_deletes_customer("ann", mine[0])
        survive(tell)
        until(start + timedelta(days=6))

        async def judge(world: World) -> None:
            received = world.received()
            assert {1} >= set(received.values())
            for _, who in pairs:
                steps = await world.journeys.steps(who)
                assert {step.id for step in WELCOME.steps} == {step.step_id for step in steps}
                assert all(step.state in FINAL for step in steps)
                assert all(step.reason or step.state is StepState.SENT for step in steps)
                sent = {WELCOME.step(step.step_id).text for step in steps if step.state is StepState.SENT}
                assert {text for target, text in received if target == who} == sent
            if not crashes:
                assert {(who, step.text): 1 for who in mine for step in WELCOME.steps} == received

        writes = store.writes
        survive(judge)
        return writes
