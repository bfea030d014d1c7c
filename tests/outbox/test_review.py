"""Ways in which something could be sent twice, lost, stuck or recorded wrongly, each closed."""

from __future__ import annotations

import json
import threading

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sqlalchemy import select

from privdom import WeCom
from privdom._port import Port
from privdom.errors import ApiError, UsageError
from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    TRANSFER,
    AsyncDesiredTags,
    Outbox,
    OutboxSettings,
    Policy,
    Subject,
    UnitState,
    transitions,
)
from privdom.outbox.tables import audit
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.codes import ContactWayUpdate, NewContactWay
from privdom.wecom.messages import NewMessage
from tests.conftest import OnPort
from tests.outbox.corp import (
    FREE,
    Corp,
    HookedPort,
    Points,
    items,
    link_message,
    plan,
    run_out,
    text_message,
    transfer,
    unit,
)
from tests.postgres import new_database


LOST = Fault("lost_response", "add_msg_template")
GONE = Fault("lost_request", "add_msg_template")
SLOW_STAFF: dict[str, Any] = {"confirm_after": timedelta(hours=30), "confirm_within": timedelta(hours=31)}


def _log(store: Store, unit_id: str | None) -> list[str]:
    with store.read() as conn:
        return list(conn.scalars(select(audit.c.action).where(audit.c.unit_id == unit_id).order_by(audit.c.seq)))


def _again(corp: Corp, occurrence: str = "again") -> list[Subject]:
    return [Subject(c, "hello", occurrence) for c in corp.customers[:3]]


# What a person says.


def test_way_confirmed_by_person(on_port: OnPort, store: Store) -> None:
    """A contact way that a person finds has its QR code in the answer, as if WeCom had answered; a wrong id has not."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox, codes = corp.outbox(port, store), corp.wecom(port).codes
        corp.box.faults.add(Fault("lost_response", "add_contact_way"))
        report = plan(store, outbox, CONTACT_WAY, NewContactWay(type=1, user=["zhang"]))
        await outbox.drain()
        (config_id,) = [config_id async for config_id in codes.each()]
        await codes.update(ContactWayUpdate(config_id, remark="changed"))
        await run_out(corp, store, outbox)
        assert UnitState.PARKED == unit(store, outbox, report.unit_id).state
        with pytest.raises(ApiError):
            await outbox.parked.confirm(report.unit_id or "", "nothing", "ann")
        assert UnitState.PARKED == unit(store, outbox, report.unit_id).state
        await outbox.parked.confirm(report.unit_id or "", config_id, "ann")
        held = unit(store, outbox, report.unit_id)
        answer = json.loads(held.answer or "")
        assert (UnitState.CONFIRMED, config_id) == (held.state, answer["config_id"])
        assert answer["qr_code"]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


# Lanes.


def test_planned_for_later(on_port: OnPort, store: Store) -> None:
    """A message for next week does not hold up what its sender has to send today; retried ones keep their turn."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        later = corp.box.clock.now() + timedelta(days=7)
        planned = plan(store, outbox, BROADCAST, text_message(corp, "下周"), not_before=later)
        plan(store, outbox, BROADCAST, text_message(corp, "一"), subjects=_again(corp, "1"))
        plan(store, outbox, BROADCAST, text_message(corp, "二"), subjects=_again(corp, "2"))
        corp.box.faults.add(Fault("connect_refused", "add_msg_template"))
        with store.read() as conn:
            assert corp.box.clock.now() == outbox.next_at(conn)
        assert 1 == (await outbox.tick()).released
        assert not await outbox.tick()
        await run_out(corp, store, outbox, hours=1)
        assert UnitState.READY == unit(store, outbox, planned.unit_id).state
        with store.read() as conn:
            assert later == outbox.next_at(conn)
        await run_out(corp, store, outbox, hours=24 * 8)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert ["一", "二", "下周"] == [m.text for m in corp.box.record.messages]


def test_due_at_once(on_port: OnPort, store: Store) -> None:
    """When the moment of a planned message has come, it and the others of its lane still go one after the other."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        soon = corp.box.clock.now() + timedelta(hours=1)
        plan(store, outbox, BROADCAST, text_message(corp, "三"), not_before=soon)
        plan(store, outbox, BROADCAST, text_message(corp, "一"), subjects=_again(corp, "1"))
        plan(store, outbox, BROADCAST, text_message(corp, "二"), subjects=_again(corp, "2"), not_before=soon)
        corp.box.advance(timedelta(hours=2))
        assert 3 == (await outbox.drain()).confirmed

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert ["一", "三", "二"] == [m.text for m in corp.box.record.messages]


# What is refused before it is stored.


def test_id_of_another_corp(on_port: OnPort, store: Store) -> None:
    """An id that another corp of the database has given is refused, not taken for planned already."""
    corps = Corp(1), Corp(2)
    assert corps[0].box.corp_id != corps[1].box.corp_id

    async def scenario(port: Port) -> None:
        first, second = (corp.outbox(port, store) for corp in corps)
        plan(store, first, BROADCAST, text_message(corps[0]), unit_id="launch")
        with pytest.raises(UsageError, match="another corp"):
            plan(store, second, BROADCAST, text_message(corps[1]), unit_id="launch")
        assert 3 == len(plan(store, second, BROADCAST, text_message(corps[1])).planned)

    on_port(scenario, transport=corps[0].box.transport, clock=corps[0].box.clock)


@pytest.mark.parametrize(
    "options",
    [
        {"unit_id": "x" * 65},
        {"unit_id": ""},
        {"owner": "x" * 65},
        {"lane": "x" * 256},
        {"subjects": [Subject("wm0customer0", "x" * 129)]},
        {"subjects": [Subject("wm0customer0", "x", "y" * 65)]},
        {"not_before": datetime(2030, 1, 1)},  # noqa: DTZ001 - the mistake
    ],
)
def test_keys_too_long(on_port: OnPort, store: Store, options: dict[str, Any]) -> None:
    """Keys that a database would cut or refuse, and moments without a time zone, are refused by name."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        with pytest.raises(UsageError, match=next(iter(options)).removesuffix("s")):
            plan(store, outbox, BROADCAST, text_message(corp, count=1), **options)
        with store.read() as conn:
            assert () == outbox.units(conn)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


# Look-ups.


def test_case_of_sender(on_port: OnPort, store: Store) -> None:
    """A sender is the same in upper and lower case, for the look-up and for the lane."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(LOST)
        message = NewMessage(text="你好", sender="Zhang", external_userid=corp.customers[:3])
        first = plan(store, outbox, BROADCAST, message)
        second = plan(store, outbox, BROADCAST, text_message(corp), subjects=_again(corp))
        await outbox.tick()
        assert UnitState.READY == unit(store, outbox, second.unit_id).state
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, first.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 2 == len(corp.messages())


def test_cancelled_without_mark(on_port: OnPort, store: Store) -> None:
    """A cancelled message hides its senders, so that without a mark it may be anybody's: parked."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(GONE)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        await outbox.drain()
        customer = corp.box.add_customer("wmofli", staff=["li"])
        other = await corp.wecom(port).messages.add(NewMessage(text="你好", sender="li", external_userid=[customer]))
        await corp.wecom(port).messages.cancel(other.msgid)
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.PARKED, None) == (held.state, held.remote_id)
        assert "cancelled" in (held.reason or "")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_rival_given_up(on_port: OnPort, store: Store) -> None:
    """What turns up late of a unit that was given up is not taken for another one of its content."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        # Both calls get lost; the first is carried out just after the second.
        corp.box.faults.add(Fault("late_acceptance", "add_msg_template", delay=170))
        corp.box.faults.add(GONE)
        first = plan(store, outbox, BROADCAST, text_message(corp)).unit_id or ""
        second = plan(store, outbox, BROADCAST, text_message(corp), subjects=_again(corp)).unit_id
        while unit(store, outbox, first).state is not UnitState.PARKED:
            with store.read() as conn:
                corp.box.advance_to(outbox.next_at(conn) or corp.box.clock.now())
            await outbox.tick()
        await outbox.parked.drop(first, "ann")
        await run_out(corp, store, outbox)
        assert UnitState.PARKED == unit(store, outbox, second).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


# Second tasks.


def test_colleague_not_cancelled(on_port: OnPort, store: Store) -> None:
    """One call makes one task: whatever else looks like it afterwards is a colleague's, and stays."""
    corp = Corp(**SLOW_STAFF)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        await run_out(corp, store, outbox, hours=1)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state
        await corp.wecom(port).messages.add(text_message(corp))
        assert 0 == (await run_out(corp, store, outbox)).cancelled
        assert ["found", "suspected_second"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 2 == len(corp.messages())


class _OtherMsgid(HookedPort):
    """A port by which add_msg_template tells another msgid than the list, as one report says of WeCom."""

    async def send(self, request: Any) -> Any:
        response = await self._port.send(request)
        if request.url.path.endswith("add_msg_template"):
            return httpx.Response(200, json={**response.json(), "msgid": "another"})
        return response


def test_msgid_differs(on_port: OnPort, store: Store) -> None:
    """A task is not cancelled as a second one while the list does not show the first."""
    corp = Corp(**SLOW_STAFF)

    async def scenario(port: Port) -> None:
        other: Any = _OtherMsgid(port, Points())
        outbox = corp.outbox(other, store, policy=Policy.RESEND)
        corp.box.faults.add(GONE)
        report = plan(store, outbox, BROADCAST, link_message(corp))
        await run_out(corp, store, outbox)
        assert "another" == unit(store, outbox, report.unit_id).remote_id
        assert ["resent", "suspected_second"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


def test_first_cancelled_by_person(on_port: OnPort, store: Store) -> None:
    """If somebody stopped one of two tasks, the other one is not cancelled too."""
    corp = Corp(list_lag=timedelta(minutes=20), **SLOW_STAFF)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, BROADCAST, link_message(corp))
        while unit(store, outbox, report.unit_id).state is not UnitState.CONFIRMED:
            with store.read() as conn:
                corp.box.advance_to(outbox.next_at(conn) or corp.box.clock.now())
            await outbox.tick()
        await corp.wecom(port).messages.cancel(unit(store, outbox, report.unit_id).remote_id or "")
        assert 0 == (await run_out(corp, store, outbox)).cancelled
        # Once staff have sent the other one, it is what the unit came to.
        assert ["resent", "suspected_second", "took_second"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


def test_second_cannot_be_cancelled(on_port: OnPort, store: Store) -> None:
    """A second task that WeCom does not let us cancel stands in the audit, and is cancelled later if that works."""
    corp = Corp(list_lag=timedelta(minutes=20), **SLOW_STAFF)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(LOST)
        corp.box.faults.add(Fault("quota", "cancel_groupmsg_send"))
        report = plan(store, outbox, BROADCAST, link_message(corp))
        assert 1 == (await run_out(corp, store, outbox)).cancelled
        assert ["resent", "suspected_second", "cancelled_second"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


# Second attempts.


def test_transfer_runs_already(on_port: OnPort, store: Store) -> None:
    """A second attempt that WeCom refuses because the first one runs is no failure of the customers."""
    corp = Corp()
    path = "transfer_customer"

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("late_acceptance", path, delay=3600))
        report = plan(store, outbox, TRANSFER, transfer(corp))
        await run_out(corp, store, outbox, hours=0.5)
        assert UnitState.PARKED == unit(store, outbox, report.unit_id).state
        corp.box.advance(timedelta(hours=2))
        await outbox.parked.resend(report.unit_id or "", "ann")
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state
        assert {("sent", None)} == set(items(store, outbox, report.unit_id).values())

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 3 == sum(t.outcome == "started" for t in corp.box.record.transfers)


def test_refused_in_doubt(on_port: OnPort, store: Store) -> None:
    """A refusal of the second attempt says nothing about the first: a person decides."""
    corp = Corp(list_lag=timedelta(hours=3))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        await outbox.tick()
        for customer in corp.customers[:3]:
            corp.box.staff_deletes_customer("zhang", customer)
        await run_out(corp, store, outbox, hours=1)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.PARKED, 2) == (held.state, held.attempt)
        assert "41048" in (held.reason or "")
        assert {("parked", None)} == set(items(store, outbox, report.unit_id).values())
        assert ["resent", "parked"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_resends_end(on_port: OnPort, store: Store) -> None:
    """Under `resend`, a unit whose every call gets lost is parked in the end, not sent for ever."""
    corp = Corp(list_lag=timedelta(days=30))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(Fault("lost_response", "add_msg_template", times=0))
        report = plan(store, outbox, BROADCAST, text_message(corp))
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.PARKED, 3) == (held.state, held.attempt)
        assert ["resent", "resent", "parked"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


# Slow workers.


class _Late(HookedPort):
    """A port on which *meanwhile* happens between ARM and the call, which then never leaves."""

    meanwhile: Any = None

    async def send(self, request: Any) -> Any:
        if request.url.path.endswith("add_msg_template") and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
            raise httpx.PoolTimeout("full")
        return await self._port.send(request)


def test_never_left_but_late(on_port: OnPort, store: Store) -> None:
    """A worker that learns too late that its call never left tells the person who has to decide."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        late: Any = _Late(port, Points())
        zombie, other = corp.outbox(late, store), corp.outbox(port, store)
        report = plan(store, other, BROADCAST, text_message(corp))

        async def taken_over() -> None:
            await run_out(corp, store, other, hours=0.5)

        late.meanwhile = taken_over
        await zombie.tick()
        entry = (await other.parked.inspect(report.unit_id or "")).history[-1]
        assert ("late_answer", None) == (entry.action, entry.remote_id)
        assert "NotSent" in entry.note

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


class _Tired(HookedPort):
    """A port on which the seventh look into the list takes so long that *meanwhile* happens first."""

    meanwhile: Any = None
    looks = 0

    async def send(self, request: Any) -> Any:
        if request.url.path.endswith("get_groupmsg_list_v2"):
            self.looks += 1
            if self.looks == 7:
                await self.meanwhile()
        return await self._port.send(request)


def test_slow_lookups(on_port: OnPort, store: Store) -> None:
    """Look-ups that take longer together than a lease are recorded as they are done, not lost to another worker."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        tired: Any = _Tired(port, Points())
        slow, other = corp.outbox(tired, store, in_flight=1), corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_response", "add_msg_template", times=0))
        for i in range(8):
            staff = corp.box.add_staff(f"staff{i}")
            customer = corp.box.add_customer(f"wmof{i}", staff=[staff])
            message = NewMessage(text="你好", sender=staff, external_userid=[customer])
            plan(store, other, BROADCAST, message, subjects=[(customer, "x", "")])
        assert 8 == (await other.drain()).unknown
        corp.box.advance(timedelta(minutes=2))

        async def meanwhile() -> None:
            corp.box.advance(timedelta(minutes=6))
            assert 2 == (await other.tick()).confirmed

        tired.meanwhile = meanwhile
        assert 6 == (await slow.tick()).confirmed

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


# Hosts.


def test_a_host_cannot_take_a_call_back(on_port: OnPort, store: Store) -> None:
    """A store joined to a host's transaction plans, but makes no call: a roll-back would forget it."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        with store.begin() as conn:
            inside = store.joined(conn)
            outbox = corp.outbox(port, inside)
            tags = AsyncDesiredTags(corp.wecom(port), inside)
            assert outbox.plan(conn, BROADCAST, text_message(corp), owner="me", subjects=_again(corp)).unit_id
            for work, said in ((outbox.tick, "a tick"), (outbox.drain, "a tick"), (tags.push, "a push")):
                with pytest.raises(UsageError, match=f"^{said} commits step by step: give it a store of its own"):
                    await work()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_a_sweep_beside_a_confirmation(postgresql_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another worker confirms while a sweep asks the database about it is not taken for a second one."""
    corp = Corp()
    called, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    class Slow(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = corp.box.transport.handle_request(request)
            if request.url.path.endswith("add_msg_template"):
                called.set()
                assert go_on.wait(20)
            return response

    def outbox_on(transport: httpx.BaseTransport, store: Store) -> Outbox:
        wecom = WeCom(corp.box.corp_id, corp.box.secret, transport=transport, clock=corp.box.clock)
        return Outbox(wecom, store, OutboxSettings(policy=Policy.RESEND, gate=FREE))

    with new_database(postgresql_server) as url, Store(url) as store:
        sweeping, sending = outbox_on(corp.box.transport, store), outbox_on(Slow(), store)

        def plan_for(outbox: Outbox, day: str) -> str:
            with store.begin() as conn:
                report = outbox.plan(conn, BROADCAST, text_message(corp), owner="me", subjects=_again(corp, day))
            assert report.unit_id
            return report.unit_id

        corp.box.faults.add(GONE)
        first = plan_for(sweeping, "monday")
        for _ in range(4):
            sweeping.tick()
            corp.box.advance(timedelta(minutes=2))
        sweeping.tick()
        with store.read() as conn:
            swept_at = sweeping.unit(conn, first).due_at
        assert swept_at is not None
        corp.box.advance_to(swept_at - timedelta(seconds=10))
        second = plan_for(sending, "tuesday")
        worker = threading.Thread(target=sending.tick)
        worker.start()
        assert called.wait(20)

        def between(name: str) -> Callable[..., Any]:
            original = getattr(transitions, name)

            def ask(*args: Any) -> Any:
                asked.append(name)
                if len(asked) == 2:
                    go_on.set()
                    worker.join()
                return original(*args)

            return ask

        for name in ("taken", "rivals"):
            monkeypatch.setattr(transitions, name, between(name))
        corp.box.advance(timedelta(seconds=20))
        report = sweeping.tick()
        monkeypatch.undo()

        assert {"taken", "rivals"} == set(asked)
        assert (1, 0) == (report.swept, report.cancelled)
        with store.read() as conn:
            assert UnitState.CONFIRMED == sending.unit(conn, second).state
    assert 2 == len(corp.messages())
