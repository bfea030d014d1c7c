"""The gate right before a call: what changed since it was planned."""

from __future__ import annotations

import json

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from privdom._port import BlockingPort, Port, run
from privdom.errors import UsageError
from privdom.events import EventLog, UnitSettled
from privdom.outbox import (
    BROADCAST,
    SERVICE,
    AsyncOutbox,
    FrequencyRule,
    Gate,
    GateReport,
    Policy,
    QuietHours,
    ReachCap,
    Subject,
    UnitState,
)
from privdom.outbox.gate import CHINA
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.messages import NewMessage
from tests.conftest import OnPort
from tests.outbox.corp import Corp, items, link_message, plan, run_out, unit


NOON = datetime(2026, 3, 31, 12, tzinfo=CHINA)
MONTH_END = datetime(2026, 3, 31, 23, 30, tzinfo=CHINA)


@pytest.fixture
def corp() -> Corp:
    corp = Corp()
    corp.box.advance_to(NOON)
    return corp


def at_once(corp: Corp, store: Store, **settings: Any) -> AsyncOutbox:
    return corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store, **settings)


def step(
    store: Store, outbox: AsyncOutbox, corp: Corp, name: str, count: int = 3, sender: str = "zhang", **options: Any
) -> GateReport:
    message = NewMessage(text=name, sender=sender, external_userid=corp.customers[:count])
    return plan(
        store, outbox, BROADCAST, message, subjects=[Subject(c, name) for c in corp.customers[:count]], **options
    )


def settled(corp: Corp, store: Store) -> list[tuple[str, str]]:
    with store.begin() as conn:
        read = EventLog(store).read(conn, corp.box.corp_id, "test", [UnitSettled.kind])
    return [(event.unit_id, event.state) for _, event in read if isinstance(event, UnitSettled)]


class TestOptOut:
    def test_between(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """Who opts out after the plan is left out of the call, whose mark and fingerprint stay; the rest get it."""

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store)
            report = plan(store, outbox, BROADCAST, link_message(corp), not_before=NOON + timedelta(days=2))
            before = unit(store, outbox, report.unit_id)
            with store.begin() as conn:
                outbox.suppress(conn, [corp.customers[1]], reason="asked not to")
            corp.box.advance(timedelta(days=2))
            assert 1 == (await outbox.tick()).confirmed

            after = unit(store, outbox, report.unit_id)
            assert (before.fingerprint, before.nonce) == (after.fingerprint, after.nonce)
            sent = json.loads(after.request)
            assert [corp.customers[0], corp.customers[2]] == sent["external_userid"]
            assert f"pd={before.nonce}" in sent["attachments"][0]["link"]["url"]
            assert 1 == sent["attachments"][0]["link"]["url"].count("pd=")
            states = items(store, outbox, report.unit_id)
            assert ["sent", "suppressed", "sent"] == [states[c][0] for c in corp.customers[:3]]

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert [(corp.customers[0], corp.customers[2])] == corp.messages()

    def test_everybody(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """A unit of which nobody is left is settled without a call, is heard of, and blocks nobody behind it."""

        async def scenario(port: Port) -> GateReport:
            outbox = corp.outbox(port, store)
            first = step(store, outbox, corp, "一", 2)
            step(store, outbox, corp, "二", 4)
            with store.begin() as conn:
                outbox.suppress(conn, corp.customers[:2], reason="asked not to")
            report = await outbox.drain()
            assert (1, 1) == (report.held, report.confirmed)
            assert UnitState.DROPPED == unit(store, outbox, first.unit_id).state
            assert {("suppressed", None)} == set(items(store, outbox, first.unit_id).values())
            return first

        first = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert [tuple(corp.customers[2:4])] == corp.messages()
        assert (first.unit_id, "dropped") == settled(corp, store)[0]

    def test_category(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """Who wants no messages of one category gets the others, until they want them again."""

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store)
            with store.begin() as conn:
                outbox.suppress(conn, corp.customers[:1], reason="no surveys", category="survey")
            assert 1 == len(step(store, outbox, corp, "一", category="survey").suppressed)
            assert 3 == len(step(store, outbox, corp, "二").planned)
            with store.begin() as conn:
                outbox.allow(conn, corp.customers[:1])
            assert 1 == len(step(store, outbox, corp, "三", category="survey").suppressed)
            with store.begin() as conn:
                outbox.allow(conn, corp.customers[:1], category="survey")
            assert 3 == len(step(store, outbox, corp, "四", category="survey").planned)

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    def test_after_a_refusal(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """A call that WeCom refused for now was not made, so that who opts out meanwhile is left out of the next."""
        corp.box.faults.add(Fault("quota", "add_msg_template"))

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store)
            step(store, outbox, corp, "一")
            assert 1 == (await outbox.tick()).released
            with store.begin() as conn:
                outbox.suppress(conn, corp.customers[:1], reason="asked not to")
            await run_out(corp, store, outbox)

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert [tuple(corp.customers[1:3])] == corp.messages()

    def test_after_a_lost_call(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """A call that may have arrived is repeated with the same bytes or, if the gate holds somebody back, parked."""
        corp.box.faults.add(Fault("lost_request", "add_msg_template"))

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store, policy=Policy.RESEND)
            report = step(store, outbox, corp, "一")
            before = unit(store, outbox, report.unit_id).request
            await outbox.tick()
            with store.begin() as conn:
                outbox.suppress(conn, corp.customers[:1], reason="asked not to")
            assert 1 == (await run_out(corp, store, outbox)).parked
            parked = unit(store, outbox, report.unit_id)
            assert before == parked.request
            assert "holds back 1" in (parked.reason or "")
            with store.begin() as conn:
                outbox.allow(conn, corp.customers[:1])
            await outbox.parked.resend(parked.id, by="chen")
            assert 1 == (await outbox.tick()).confirmed

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert [tuple(corp.customers[:3])] == corp.messages()

    def test_dropped(self, corp: Corp, store: Store) -> None:
        """All subjects of a dropped unit may be planned again, those whom the gate had left out of it too."""
        corp.box.faults.add(Fault("quota", "add_msg_template"))
        outbox = at_once(corp, store)
        report = step(store, outbox, corp, "一")
        with store.begin() as conn:
            outbox.suppress(conn, corp.customers[:1], reason="asked not to")
        run(outbox.tick())
        with store.begin() as conn:
            assert outbox.drop(conn, report.unit_id or "")

        again = step(store, outbox, corp, "一")
        assert (1, 2, 0) == (len(again.suppressed), len(again.planned), len(again.already))


class TestCaps:
    def test_late(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """A message that is late counts in the month in which it goes out, and who is over its cap is left out."""

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store, gate=Gate(cap=ReachCap("month", 1)))
            late = step(store, outbox, corp, "三月", 3)
            april = step(store, outbox, corp, "四月", 1, not_before=MONTH_END + timedelta(hours=1))
            assert (3, 1) == (len(late.planned), len(april.planned))
            corp.box.advance_to(MONTH_END + timedelta(days=1))
            await outbox.drain()
            assert UnitState.DROPPED == unit(store, outbox, april.unit_id).state
            assert 1 == len(step(store, outbox, corp, "五", 1).capped)

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert [tuple(corp.customers[:3])] == corp.messages()

    def test_a_little_late(self, corp: Corp, store: Store) -> None:
        """A message that was due just before the end of its window and went out after it counts in the next one."""
        outbox = at_once(corp, store, gate=Gate(cap=ReachCap("day", 1)))
        step(store, outbox, corp, "三月", not_before=MONTH_END)
        corp.box.advance_to(MONTH_END + timedelta(minutes=40))
        run(outbox.drain())

        assert 3 == len(step(store, outbox, corp, "四月").capped)

    def test_ahead(self, corp: Corp, store: Store) -> None:
        """What is planned for one month takes nothing of the next one's."""
        outbox = at_once(corp, store, gate=Gate(cap=ReachCap("month", 1)))
        step(store, outbox, corp, "三月")
        april = step(store, outbox, corp, "四月", not_before=MONTH_END + timedelta(hours=1))
        more = step(store, outbox, corp, "四月又", not_before=MONTH_END + timedelta(days=8))

        assert (3, 3) == (len(april.planned), len(more.capped))

    def test_one_after_the_other(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """Of two messages that are armed at once for the same customer, the one that fell due first takes the rest."""
        both = [corp.box.add_customer(f"wmboth{i}", staff=["zhang", "li"]) for i in range(2)]

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store, gate=Gate(cap=ReachCap("day", 1)))
            for day, sender in enumerate(("li", "zhang")):
                message = NewMessage(text=sender, sender=sender, external_userid=both)
                subjects = [Subject(c, sender) for c in both]
                due = NOON + timedelta(days=day)
                assert plan(store, outbox, BROADCAST, message, subjects=subjects, not_before=due).planned
            corp.box.advance(timedelta(days=1))
            report = await outbox.tick()
            assert (1, 1) == (report.confirmed, report.held)

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert [tuple(both)] == corp.messages("li")

    def test_in_doubt(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """A call that may have arrived counts while nobody knows, over the end of its window, and once it is found."""
        corp.box.faults.add(Fault("lost_response", "add_msg_template"))
        corp.box.advance_to(datetime(2026, 3, 31, 23, 59, 50, tzinfo=CHINA))
        both = corp.box.add_customer("wmboth", staff=["zhang", "li"])

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store, gate=Gate(cap=ReachCap("day", 1)))
            for sender, wait in (("zhang", 0), ("li", 20)):
                message = NewMessage(text=sender, sender=sender, external_userid=[both])
                due = corp.box.clock.now() + timedelta(seconds=wait)
                assert plan(store, outbox, BROADCAST, message, subjects=[Subject(both, sender)], not_before=due).planned
            await outbox.tick()
            corp.box.advance(timedelta(seconds=20))
            assert 1 == (await outbox.tick()).held
            assert 1 == (await run_out(corp, store, outbox, hours=1)).confirmed
            message = NewMessage(text="again", sender="li", external_userid=[both])
            assert 1 == len(plan(store, outbox, BROADCAST, message).capped)

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert 1 == len(corp.messages())

    def test_parked(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """What is parked or given up after a call counts in the window of that call, not in that of its plan."""
        corp.box.faults.add(Fault("lost_request", "add_msg_template"))

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store, gate=Gate(cap=ReachCap("month", 1)))
            report = step(store, outbox, corp, "三月")
            corp.box.advance_to(MONTH_END + timedelta(days=9))
            assert 1 == (await run_out(corp, store, outbox)).parked
            assert 3 == len(step(store, outbox, corp, "四月").capped)
            await outbox.parked.drop(report.unit_id or "", by="chen")
            assert 3 == len(step(store, outbox, corp, "四月又").capped)
            corp.box.advance(timedelta(days=31))
            assert 3 == len(step(store, outbox, corp, "五月").planned)

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    def test_found_by_a_person(self, corp: Corp, store: Store) -> None:
        """A parked message that a person finds much later counts when it was parked."""
        corp.box.faults.add(Fault("lost_request", "add_msg_template"))
        outbox = at_once(corp, store, gate=Gate(cap=ReachCap("month", 1)))
        report = step(store, outbox, corp, "三月")
        run(run_out(corp, store, outbox))
        corp.box.advance(timedelta(days=3))
        run(outbox.parked.confirm(report.unit_id or "", "msg1", by="chen"))

        assert 3 == len(step(store, outbox, corp, "四月").planned)


class TestRules:
    def test_reserve(self, corp: Corp, store: Store) -> None:
        """The reserve is left to service messages, which may use all there is."""
        outbox = at_once(corp, store, gate=Gate(cap=ReachCap("week", 3), reserve=1))
        found = [
            len(step(store, outbox, corp, str(i), category=category).planned)
            for i, category in enumerate(["news", "marketing", "news", SERVICE, SERVICE])
        ]

        assert [3, 3, 0, 3, 0] == found

    def test_service_first(self, corp: Corp, store: Store) -> None:
        """Service messages that went first leave to others what is not theirs by the reserve."""
        outbox = at_once(corp, store, gate=Gate(cap=ReachCap("week", 3), reserve=1))
        found = [
            len(step(store, outbox, corp, str(i), category=category).planned)
            for i, category in enumerate([SERVICE, "news", "news", "news"])
        ]

        assert [3, 3, 3, 0] == found

    def test_per_category(self, corp: Corp, store: Store) -> None:
        """A rule of one category counts and holds back that one only; 0 lets none through, not even the first."""
        rules = [FrequencyRule(1, "day", "survey"), FrequencyRule(0, "month", "lottery")]
        outbox = at_once(corp, store, gate=Gate(cap=None, rules=rules))
        found = [
            len(step(store, outbox, corp, str(i), category=category).planned)
            for i, category in enumerate(["survey", "survey", "news", "lottery"])
        ]

        assert [3, 0, 3, 0] == found

    def test_rolling(self, corp: Corp, store: Store, on_port: OnPort) -> None:
        """A rule over a time span looks back from each message, whatever the calendar says."""
        rule = FrequencyRule(1, timedelta(days=2))

        async def scenario(port: Port) -> None:
            outbox = corp.outbox(port, store, gate=Gate(cap=None, rules=[rule]))
            step(store, outbox, corp, "一")
            assert 3 == len(step(store, outbox, corp, "二", not_before=NOON + timedelta(hours=47, minutes=59)).capped)
            assert 3 == len(step(store, outbox, corp, "三", not_before=NOON + timedelta(hours=48)).planned)
            corp.box.advance(timedelta(hours=1))
            await outbox.drain()
            corp.box.advance(timedelta(hours=47))
            report = await outbox.drain()
            assert (0, 1) == (report.confirmed, report.held)

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    def test_no_category(self, corp: Corp, store: Store) -> None:
        """A category is a word that fits."""
        outbox = at_once(corp, store)
        for category in ("", "x" * 33):
            with pytest.raises(UsageError, match="category"):
                step(store, outbox, corp, "一", category=category)


class TestHours:
    def test_on_the_way(self, corp: Corp, store: Store) -> None:
        """A unit that was found before quiet hours and claimed in them is not called, nor before its time."""
        outbox = at_once(corp, store, gate=Gate(cap=None, quiet=QuietHours(time(22), time(8))))
        step(store, outbox, corp, "一")
        corp.box.advance_to(NOON.replace(hour=21, minute=59))
        port = outbox._ctx.port
        now: Callable[[], datetime] = port.now
        asked = 0

        def later() -> datetime:
            nonlocal asked
            asked += 1
            return now() if asked < 3 else now() + timedelta(minutes=2)

        port.now = later  # type: ignore[method-assign]
        run(outbox.tick())

        assert asked >= 3
        assert [] == corp.messages()
