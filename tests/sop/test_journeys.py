"""Journeys against the sandbox: who is enrolled, what is sent, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from sqlalchemy import literal, select, union_all
from tests.conftest import OnPort
from tests.sop.world import WELCOME, World, in_world

from privdom.errors import UsageError
from privdom.events import FollowRemoved
from privdom.mirror import Subjects, facts, set_facts
from privdom.outbox import Outbox, OutboxSettings
from privdom.outbox.gate import Gate, QuietHours, ReachCap
from privdom.sandbox import Rules, Sandbox
from privdom.sop import Day, EnrolmentState, Journey, Journeys, Step, StepState
from privdom.store import Store
from privdom.wecom import WeCom
from privdom.wecom.messages import Image, Link


HELLO = Journey("welcome", [Step("hello", timedelta(hours=2), "感谢关注！")])


def test_every_step_reaches_every_customer_once(on_port: OnPort, sandbox: Sandbox, database: str) -> None:
    """Three steps go to three customers of two staff, each once, each not before it is due."""

    async def scenario(world: World) -> None:
        enrolled_at = sandbox.clock.now()
        mine, theirs = world.customers(2), world.customers(1, "bob")
        await world.begin(mine)
        await world.begin(theirs, staff="bob")

        await world.days(5)

        expected = {(who, step.text): 1 for who in mine + theirs for step in WELCOME.steps}
        assert expected == world.received()
        for who in mine + theirs:
            assert {"hello": ("sent", ""), "offer": ("sent", ""), "ask": ("sent", "")} == await world.states(who)
        first = min(d.at for d in sandbox.record.deliveries)
        assert enrolled_at + timedelta(hours=2) <= first
        senders = {(d.target, d.staff) for d in sandbox.record.deliveries}
        assert {(who, "ann") for who in mine} | {(who, "bob") for who in theirs} == senders
        assert 9 == len(world.events("step_sent"))
        assert {(who, "done") for who in mine + theirs} == {
            (e.external_userid, e.reason) for e in world.events("journey_left")
        }
        assert 3 == len(world.events("journey_entered"))
        report = await world.journeys.report("welcome")
        assert {EnrolmentState.DONE: 3} == report.enrolments
        assert 3 == report["ask"][StepState.SENT]
        assert "welcome version 1: 3 done\n  hello: 3 sent" in str(report)
        assert await world.journeys.next_at() is None

    with Store(database) as store:
        in_world(on_port, sandbox, store, scenario)


def test_customers_of_one_staff_share_a_task(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """What is due at once from one staff is one task to confirm; different steps never are."""

    async def scenario(world: World) -> None:
        await world.begin(world.customers(5), Journey("a", [Step("x", timedelta(0), "x")]))
        await world.begin(world.customers(2), Journey("b", [Step("x", timedelta(0), "y")]))

        report = await world.journeys.advance()
        await world.outbox.drain()

        assert (2, 7) == (report.units, report.planned)
        assert [5, 2] == [len(m.recipients) for m in sandbox.record.messages]

    in_world(on_port, sandbox, store, scenario)


def test_enrolling_again_changes_nothing(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A customer enters a journey once, with the first staff given, whatever is told later."""

    async def scenario(world: World) -> None:
        one, two = world.customers(2)
        await world.journeys.save(HELLO)

        assert 1 == await world.journeys.enrol("welcome", [("ann", one), ("bob", one)])
        assert 1 == await world.journeys.enrol("welcome", [("bob", one), ("ann", two)])

        assert ["ann"] == [step.staff_userid for step in await world.journeys.steps(one)]
        known = world.write(lambda conn: facts(conn, sandbox.corp_id, ["journey.welcome"]))
        assert {one: {"journey.welcome": "active"}, two: {"journey.welcome": "active"}} == known

    in_world(on_port, sandbox, store, scenario)


def test_subjects_of_a_query(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Subjects may come from a table of the host's, as everywhere."""

    async def scenario(world: World) -> None:
        one, two = world.customers(2)
        mine = [
            select(literal("ann").label("staff_userid"), literal(who).label("external_userid")) for who in (one, two)
        ]
        subjects = Subjects.select(select(union_all(*mine).subquery()))
        with pytest.raises(UsageError, match="there is no journey"):
            await world.journeys.enrol("welcome", subjects)
        await world.journeys.save(HELLO)

        assert 2 == await world.journeys.enrol("welcome", subjects)
        assert 0 == await world.journeys.enrol("welcome", subjects)
        assert ["ann"] == [step.staff_userid for step in await world.journeys.steps(one)]

    in_world(on_port, sandbox, store, scenario)


def test_mistakes_store_nothing(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A journey that is not there and ids that WeCom would not take are refused at once."""

    async def scenario(world: World) -> None:
        [one] = world.customers(1)
        for call in (
            world.journeys.enrol("welcome", [("ann", one)]),
            world.journeys.enrol("welcome", []),
            world.journeys.pause("welcome"),
            world.journeys.report("welcome"),
        ):
            with pytest.raises(UsageError, match="there is no journey 'welcome'"):
                await call
        await world.journeys.save(HELLO)
        with pytest.raises(UsageError, match="external_userid"):
            await world.journeys.enrol("welcome", [("ann", one), ("ann", "ann")])
        assert () == await world.journeys.steps(one)
        with pytest.raises(KeyError):
            (await world.journeys.report("welcome"))["bye"]

    in_world(on_port, sandbox, store, scenario)


def test_versions(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A changed journey is a new version for those who enrol from then on; an unchanged one is none."""

    async def scenario(world: World) -> None:
        early, late = world.customers(2)
        first = Journey(
            "welcome",
            [
                Step("hello", timedelta(hours=2), "旧", window=timedelta(hours=5)),
                Step("offer", Day(2, time(9, 30)), attachments=[Link("九折", "https://example.com/9")]),
                Step("photo", Day(3), attachments=[Image(pic_url="https://example.com/p.png")]),
            ],
            exits=["paid"],
            reentry=timedelta(days=9, microseconds=1),
        )
        await world.begin([early], first)
        assert 1 == await world.journeys.save(first)

        await world.begin([late], HELLO)
        await world.days(4)

        assert 2 == await world.journeys.save(HELLO)
        assert [1, 1, 1] == [step.version for step in await world.journeys.steps(early)]
        assert [2] == [step.version for step in await world.journeys.steps(late)]
        assert (1, 1) == (world.received()[early, "旧"], world.received()[late, "感谢关注！"])
        report = await world.journeys.report("welcome")
        assert (2, ["hello", "offer", "photo"]) == (report.version, [step.step_id for step in report.steps])

    in_world(on_port, sandbox, store, scenario)


def test_reentry(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Whoever has finished may enter again once reentry has passed, and gets the steps once more."""

    async def scenario(world: World) -> None:
        journey = Journey("welcome", HELLO.steps, reentry=timedelta(days=7))
        [one] = world.customers(1)
        await world.begin([one], journey)
        assert 0 == await world.journeys.enrol("welcome", [("ann", one)])
        await world.days(3)
        assert 0 == await world.journeys.enrol("welcome", [("ann", one)])
        await world.days(7)

        assert 1 == await world.journeys.enrol("welcome", [("ann", one)])
        await world.days(3)

        assert 2 == world.received()[one, "感谢关注！"]
        assert [0, 1] == [step.occurrence for step in await world.journeys.steps(one)]

    in_world(on_port, sandbox, store, scenario)


def test_staff_who_never_confirm(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """When the window closes the task is cancelled, its steps are missed with the reason, and later ones go on."""

    async def scenario(world: World) -> None:
        sandbox.set_staff("ann", confirm_delay="never")
        [one] = world.customers(1)
        await world.begin([one])

        await world.days(1.5)
        assert ("missed", "not confirmed by staff before its window closed") == (await world.states(one))["hello"]
        assert ["created", "created", "cancelled"] == [m.kind for m in sandbox.record.messages]
        sandbox.set_staff("ann", confirm_delay=timedelta(minutes=5))
        await world.days(4)

        assert {(one, "用得还好吗？"): 1} == world.received()
        assert ("missed", "not confirmed by staff before its window closed") == (await world.states(one))["offer"]
        assert EnrolmentState.DONE in (await world.journeys.report("welcome")).enrolments

    in_world(on_port, sandbox, store, scenario)


def test_what_staff_confirm_too_late_is_not_sent(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Nobody gets a message after its window, even if nothing of ours ran for days and staff confirm then."""

    async def scenario(world: World) -> None:
        sandbox.set_staff("ann", confirm_delay=timedelta(days=9))
        [one] = world.customers(1)
        await world.begin([one], HELLO)
        await world.days(2)

        sandbox.advance(timedelta(days=20))
        await world.turn()

        assert not world.received()
        assert ("missed", "not confirmed by staff before its window closed") == (await world.states(one))["hello"]

    in_world(on_port, sandbox, store, scenario)


def test_a_cancel_by_an_admin_is_found_out(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Of a task that somebody else has stopped nothing can be read; its steps are missed when their window closes."""

    async def scenario(world: World) -> None:
        sandbox.set_staff("ann", confirm_delay="never")
        [one] = world.customers(1)
        await world.begin([one], HELLO)
        await world.days(0.2)
        await world.wecom.messages.cancel(sandbox.record.messages[0].msgid)

        await world.days(0.2)
        assert ("confirmed", "") == (await world.states(one))["hello"]
        await world.days(1)

        assert ("missed", "not confirmed by staff before its window closed") == (await world.states(one))["hello"]

    in_world(on_port, sandbox, store, scenario)


def test_downtime(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """After days without us, what is still in its window goes out, and what is not is missed with the reason."""

    async def scenario(world: World) -> None:
        [one] = world.customers(1)
        await world.begin([one])

        sandbox.advance_to(datetime(2026, 1, 8, 13, tzinfo=UTC))
        await world.days(2)

        late = ("missed", "could not be planned before its window closed")
        assert {"hello": late, "offer": late, "ask": ("sent", "")} == await world.states(one)
        assert {(one, "用得还好吗？"): 1} == world.received()

    in_world(on_port, sandbox, store, scenario)


def test_a_unit_that_waits_too_long_is_taken_back(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A call that was planned in its window, but not made, is dropped when the window has closed."""

    async def scenario(world: World) -> None:
        [one] = world.customers(1)
        await world.begin([one], HELLO)
        sandbox.advance(timedelta(hours=3))
        await world.journeys.advance()
        assert ("planned", "") == (await world.states(one))["hello"]

        sandbox.advance(timedelta(days=3))
        await world.days(1)

        assert not sandbox.record.messages
        assert ("missed", "could not be planned before its window closed") == (await world.states(one))["hello"]

    in_world(on_port, sandbox, store, scenario)


def test_paused_means_nothing_is_sent(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """While a journey is paused nothing is planned, what is planned is taken back, and resume goes on."""

    async def scenario(world: World) -> None:
        [one] = world.customers(1)
        await world.begin([one])
        sandbox.advance(timedelta(hours=2))
        await world.journeys.advance()

        await world.journeys.pause("welcome")
        assert (await world.journeys.report("welcome")).paused
        assert "version 1, paused" in str(await world.journeys.report("welcome"))
        await world.days(2.5)
        assert not sandbox.record.messages
        await world.journeys.resume("welcome")
        await world.days(4)

        paused = ("missed", "the journey was paused until its window closed")
        assert {"hello": paused, "offer": paused, "ask": ("sent", "")} == await world.states(one)

    in_world(on_port, sandbox, store, scenario)


def test_quiet_hours(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """What falls due at night is planned for the morning, unless its window closes before."""

    async def scenario(world: World) -> None:
        journey = Journey(
            "night",
            [
                Step("soon", Day(0, time(23)), "a", window=timedelta(hours=4)),
                Step("later", Day(1, time(0)), "b", window=timedelta(hours=12)),
            ],
        )
        [one] = world.customers(1)
        await world.begin([one], journey)
        await world.days(2)

        assert {(one, "b"): 1} == world.received()
        created = sandbox.record.messages[0].at.astimezone(UTC)
        assert datetime(2026, 1, 6, 0, tzinfo=UTC) <= created
        assert ("missed", "could not be planned before its window closed") == (await world.states(one))["soon"]

    night = QuietHours(time(22), time(8))
    in_world(on_port, sandbox, store, scenario, OutboxSettings(gate=Gate(quiet=night)))


def test_capped_customers_go_on(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A customer whom the gate holds back misses that step, with the reason, and stays in the journey."""

    async def scenario(world: World) -> None:
        one, two = world.customers(2)
        world.write(lambda conn: world.outbox.suppress(conn, [two], reason="asked us to stop"))
        await world.begin([one], Journey("other", [Step("x", timedelta(hours=1), "x")]))
        await world.begin([one, two])

        await world.days(5)

        capped = ("capped", "held back by the reach cap")
        silent = ("capped", "on the list of those who must not be messaged")
        assert {"x": ("sent", ""), "hello": capped, "offer": ("sent", ""), "ask": ("sent", "")} == await world.states(
            one
        )
        assert {"hello": silent, "offer": silent, "ask": silent} == await world.states(two)
        assert {EnrolmentState.DONE: 2} == (await world.journeys.report("welcome")).enrolments

    in_world(on_port, sandbox, store, scenario, OutboxSettings(gate=Gate(cap=ReachCap("day"))))


def test_held_back_before_the_call(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A customer who opts out between plan and call misses that step and stays, whether others get it or nobody."""

    async def scenario(world: World) -> None:
        one, two, alone = *world.customers(2), *world.customers(1, "bob")
        await world.begin([one, two], HELLO)
        await world.journeys.enrol(HELLO.id, [("bob", alone)])
        sandbox.advance(timedelta(hours=2))
        assert 2 == (await world.journeys.advance()).units
        world.write(lambda conn: world.outbox.suppress(conn, [two, alone], reason="asked us to stop"))
        await world.outbox.drain()
        assert 2 == (await world.journeys.advance()).capped

        await world.days(1)

        silent = ("capped", "on the list of those who must not be messaged")
        assert {"hello": silent} == await world.states(two) == await world.states(alone)
        assert {"hello": ("sent", "")} == await world.states(one)
        assert {EnrolmentState.DONE: 3} == (await world.journeys.report(HELLO.id)).enrolments

    in_world(on_port, sandbox, store, scenario)


def test_category(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A journey's messages pass the gate under its category."""

    async def scenario(world: World) -> None:
        [one] = world.customers(1)
        world.write(lambda conn: world.outbox.suppress(conn, [one], reason="no ads", category="marketing"))
        await world.begin([one], HELLO)
        await world.begin([one], Journey("care", [Step("care", timedelta(hours=1), "x")], category="service"))

        await world.days(1)

        assert {"hello": "capped", "care": "sent"} == {k: v for k, (v, _) in (await world.states(one)).items()}

    in_world(on_port, sandbox, store, scenario)


def test_what_wecom_does_not_deliver(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A customer who had too many messages is capped, one who has deleted the staff failed, as WeCom tells it."""

    async def scenario(world: World) -> None:
        full, gone, stranger = *world.customers(2), sandbox.add_customer()
        sandbox.rules = Rules(receive_cap="day")
        await world.begin([full, gone, stranger], HELLO)
        sandbox.advance(timedelta(hours=2))
        sandbox.staff_sends("ann", "hi", [full])
        await world.journeys.advance()
        await world.outbox.drain()
        sandbox.customer_deletes_staff(gone, "ann")

        await world.days(1)

        assert ("capped", "had as many mass messages as WeCom delivers") == (await world.states(full))["hello"]
        assert ("failed", "not a customer of the staff when the staff sent it") == (await world.states(gone))["hello"]
        assert ("failed", "left out of the task by WeCom") == (await world.states(stranger))["hello"]

    in_world(on_port, sandbox, store, scenario)


def test_a_refused_call(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """If WeCom refuses the whole task, its steps are refused, with WeCom's reason."""

    async def scenario(world: World) -> None:
        stranger = sandbox.add_customer()
        await world.begin([stranger], HELLO)

        await world.days(1)

        state, reason = (await world.states(stranger))["hello"]
        assert "refused" == state
        assert "41048" in reason

    in_world(on_port, sandbox, store, scenario)


def test_exit(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Customers who leave by hand get nothing more, neither what waits nor what is planned; the others do."""

    async def scenario(world: World) -> None:
        one, two = world.customers(2)
        await world.begin([one, two])
        sandbox.advance(timedelta(hours=2))
        await world.journeys.advance()

        assert 1 == await world.journeys.exit([one], "complained", journey_id="welcome")
        assert 0 == await world.journeys.exit([one], "complained")
        await world.days(5)

        assert dict.fromkeys(["hello", "offer", "ask"], ("exited", "complained")) == await world.states(one)
        assert {(two, step.text): 1 for step in WELCOME.steps} == world.received()
        assert [(one, "complained"), (two, "done")] == [
            (e.external_userid, e.reason) for e in world.events("journey_left")
        ]

    in_world(on_port, sandbox, store, scenario)


def test_a_fact_lets_leave(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Whoever has a fact that the journey names leaves when their next step is due; a false one does not count."""

    async def scenario(world: World) -> None:
        paid, browsing, new = world.customers(3)
        await world.begin([paid, browsing, new], Journey("welcome", WELCOME.steps, exits=("shop.paid",)))
        await world.days(0.5)
        world.write(
            lambda conn: set_facts(conn, sandbox.corp_id, "shop.paid", {paid: 99.0, browsing: 0}, sandbox.clock.now())
        )
        await world.days(4)

        left = ("exited", "fact shop.paid")
        assert {"hello": ("sent", ""), "offer": left, "ask": left} == await world.states(paid)
        assert {"hello": ("sent", ""), "offer": ("sent", ""), "ask": ("sent", "")} == await world.states(browsing)
        assert {EnrolmentState.EXITED: 1, EnrolmentState.DONE: 2} == (await world.journeys.report("welcome")).enrolments

    in_world(on_port, sandbox, store, scenario)


def test_everybody_left_by_a_fact(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """If nobody is left for a task there is none."""

    async def scenario(world: World) -> None:
        [paid] = world.customers(1)
        await world.begin([paid], Journey("welcome", HELLO.steps, exits=("paid",)))
        world.write(lambda conn: set_facts(conn, sandbox.corp_id, "paid", {paid: True}, sandbox.clock.now()))
        await world.days(1)

        assert not sandbox.record.messages
        assert ("exited", "fact paid") == (await world.states(paid))["hello"]

    in_world(on_port, sandbox, store, scenario)


def test_lost_customers_leave(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Who is no customer of the staff any more leaves; being lost by another staff means nothing."""

    async def scenario(world: World) -> None:
        one, two = world.customers(2)
        await world.begin([one, two], HELLO)
        now = sandbox.clock.now()
        world.log(FollowRemoved("ann", one, "customer", now), FollowRemoved("bob", two, "staff", now))

        assert 1 == (await world.journeys.advance()).exited
        await world.days(1)

        assert ("exited", "not a customer of the staff any more") == (await world.states(one))["hello"]
        assert {(two, "感谢关注！"): 1} == world.received()

    in_world(on_port, sandbox, store, scenario)


def test_next_at(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """A loop is told when the next step is due, and when a window closes."""

    async def scenario(world: World) -> None:
        sandbox.set_staff("ann", confirm_delay="never")
        start = sandbox.clock.now()
        assert await world.journeys.next_at() is None
        await world.begin(world.customers(1), HELLO)

        assert start + timedelta(hours=2) == await world.journeys.next_at()
        sandbox.advance(timedelta(hours=2))
        await world.turn()
        assert start + timedelta(hours=26) == await world.journeys.next_at()
        await world.days(1)
        await world.turn()
        await world.begin(world.customers(1), HELLO)
        due = sandbox.clock.now() + timedelta(hours=2)
        assert due == await world.journeys.next_at()
        await world.journeys.pause("welcome")

        assert due + timedelta(hours=24) == await world.journeys.next_at()

    in_world(on_port, sandbox, store, scenario)


def test_the_blocking_twin(sandbox: Sandbox, store: Store) -> None:
    """The blocking class does the same without await."""
    one = sandbox.add_customer(staff=["ann"])
    with WeCom(sandbox.corp_id, sandbox.secret, transport=sandbox.transport, clock=sandbox.clock) as wecom:
        outbox = Outbox(wecom, store)
        journeys = Journeys(wecom, store, outbox, tz=UTC)
        journeys.save(Journey("welcome", [Step("hello", Day(0, time(10)), "您好")]))
        journeys.enrol("welcome", [("ann", one)])
        for _ in range(4):
            journeys.advance()
            outbox.drain()
            journeys.advance()
            journeys.collect()
            sandbox.advance(timedelta(hours=2))

        assert [StepState.SENT] == [step.state for step in journeys.steps(one)]
        assert datetime(2026, 1, 5, 10, tzinfo=UTC) == journeys.steps(one)[0].due_at
        assert f"<Journeys of {sandbox.corp_id}" in repr(journeys)


def test_a_host_enrols_in_its_own_transaction(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """With a store joined to a host's transaction, a roll-back takes the enrolment back."""

    async def scenario(world: World) -> None:
        [one] = world.customers(1)
        await world.journeys.save(HELLO)

        class RolledBack(Exception):
            pass

        with pytest.raises(RolledBack), store.begin() as conn:
            inside = World(world.wecom.port, sandbox, store.joined(conn)).journeys
            assert 1 == await inside.enrol("welcome", [("ann", one)])
            raise RolledBack

        assert () == await world.journeys.steps(one)

    in_world(on_port, sandbox, store, scenario)
