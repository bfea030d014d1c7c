"""Lost calls are looked up, and nothing is taken for what it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from sqlalchemy import select

from privdom._port import Port
from privdom.events import EventLog
from privdom.outbox import BROADCAST, CONTACT_WAY, CORP_TAG, TRANSFER, AsyncOutbox, Policy, Subject, UnitState
from privdom.outbox.recovery import recover
from privdom.outbox.tables import audit
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import NewMessage
from privdom.wecom.tags import AddTagsRequest
from tests.conftest import OnPort
from tests.outbox.corp import (
    SETTLE,
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


LOST = Fault("lost_response", "add_msg_template")
GONE = Fault("lost_request", "add_msg_template")


def _log(store: Store, unit_id: str | None) -> list[str]:
    with store.read() as conn:
        return list(conn.scalars(select(audit.c.action).where(audit.c.unit_id == unit_id).order_by(audit.c.seq)))


def test_still_dispatching(on_port: OnPort, store: Store) -> None:
    """41063 is neither there nor absent: the look-up waits for as long as it takes."""
    corp = Corp(dispatch_time=timedelta(minutes=20))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        corp.box.faults.add(LOST)
        await run_out(corp, store, outbox, hours=1)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


def test_lag_parks(on_port: OnPort, store: Store) -> None:
    """A list that lags more than settle looks like absence: parked, and a person finds and confirms it later."""
    corp = Corp(list_lag=timedelta(hours=3))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        corp.box.faults.add(LOST)
        await run_out(corp, store, outbox, hours=1)
        (held,) = await outbox.parked.list()
        assert report.unit_id == held.id
        assert not (await outbox.parked.inspect(held.id)).candidates
        corp.box.advance(timedelta(hours=3))
        found = await outbox.parked.inspect(held.id)
        assert ["parked"] == [entry.action for entry in found.history]
        (candidate,) = found.candidates
        await outbox.parked.confirm(held.id, candidate.done.remote_id or "", "ann")
        assert UnitState.CONFIRMED == unit(store, outbox, held.id).state
        assert candidate.done.remote_id == unit(store, outbox, held.id).remote_id
        assert {("sent", None)} == set(items(store, outbox, held.id).values())
        assert ["parked", "confirmed"] == _log(store, held.id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


@pytest.mark.parametrize("make", [text_message, link_message])
def test_second_cancelled(on_port: OnPort, store: Store, make: Any) -> None:
    """Resent because the list lags, the second task is found by the sweep, cancelled before staff confirm, and audited."""
    corp = Corp(list_lag=timedelta(minutes=20), confirm_after=timedelta(hours=4), confirm_within=timedelta(hours=5))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        report = plan(store, outbox, BROADCAST, make(corp))
        corp.box.faults.add(LOST)
        total = await run_out(corp, store, outbox)
        assert 1 == total.cancelled
        assert (UnitState.CONFIRMED, 2) == (
            (held := unit(store, outbox, report.unit_id)).state,
            held.attempt,
        )
        assert ["resent", "cancelled_second"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert 1 == len(corp.messages())
    received = [d.target for d in corp.box.record.deliveries if d.status == 1]
    assert sorted(corp.customers[:3]) == sorted(received)


def test_several_park(on_port: OnPort, store: Store) -> None:
    """Two tasks that fit are for a person to tell apart."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        await outbox.drain()
        # Somebody makes the same message by another app.
        await corp.wecom(port).messages.add(text_message(corp))
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert UnitState.PARKED == held.state
        assert "2 tasks that could be this unit" in (held.reason or "")
        await outbox.parked.drop(held.id, "ann")
        assert {("dropped", None)} == set(items(store, outbox, held.id).values())
        given_up = unit(store, outbox, held.id)
        assert (UnitState.DROPPED, corp.box.clock.now()) == (given_up.state, given_up.settled_at)
        assert ["parked", "dropped"] == _log(store, held.id)
        assert not plan(store, outbox, BROADCAST, text_message(corp)).planned

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_oldest_parked(on_port: OnPort, store: Store) -> None:
    """Units that wait for a person come oldest first, as many as asked for."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_response", "add_contact_way", times=0))
        way = NewContactWay(type=1, user=["zhang"], is_temp=True)
        ids = [plan(store, outbox, CONTACT_WAY, way, unit_id=unit_id).unit_id for unit_id in "cab"]
        await run_out(corp, store, outbox)
        assert ids == [held.id for held in await outbox.parked.list()]
        assert ids[:2] == [held.id for held in await outbox.parked.list(limit=2)]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_second_way(on_port: OnPort, store: Store) -> None:
    """What cannot be taken back is not said to be: a second contact way stands in the audit, once, and stays."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox, codes = corp.outbox(port, store, policy=Policy.RESEND), corp.wecom(port).codes
        corp.box.faults.add(Fault("lost_request", "add_contact_way"))
        report = plan(store, outbox, CONTACT_WAY, NewContactWay(type=1, user=["zhang"]))
        await run_out(corp, store, outbox, hours=0.5)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.CONFIRMED, 2) == (held.state, held.attempt)
        await codes.add(NewContactWay(type=1, user=["zhang"], remark=f"#{held.nonce}"))
        assert 0 == (await run_out(corp, store, outbox)).cancelled
        assert ["resent", "suspected_second"] == _log(store, report.unit_id)
        assert 2 == len([config_id async for config_id in codes.each()])

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_rival_parks(on_port: OnPort, store: Store) -> None:
    """With another unit of the same content in doubt, a find proves nothing, unless it carries the mark."""
    corp = Corp()

    async def scenario(port: Port, make: Any) -> list[UnitState]:
        outbox = corp.outbox(port, store)
        units: list[Any] = []
        for occurrence, fault in (("1", GONE), ("2", LOST)):
            subjects = [Subject(c, make.__name__, occurrence) for c in corp.customers[:3]]
            corp.box.faults.add(fault)
            units.append(plan(store, outbox, BROADCAST, make(corp), subjects=subjects).unit_id)
            await run_out(corp, store, outbox, hours=1)
        return [unit(store, outbox, unit_id).state for unit_id in units]

    marked = on_port(lambda port: scenario(port, link_message), transport=corp.box.transport, clock=corp.box.clock)
    bare = on_port(lambda port: scenario(port, text_message), transport=corp.box.transport, clock=corp.box.clock)

    assert [UnitState.PARKED, UnitState.CONFIRMED] == marked
    assert [UnitState.PARKED, UnitState.PARKED] == bare


def test_other_recipients(on_port: OnPort, store: Store) -> None:
    """A task of the same text and sender to other customers is another one."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(GONE)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        await outbox.drain()
        other = NewMessage(text="你好", sender="zhang", external_userid=corp.customers[5:])
        await corp.wecom(port).messages.add(other)
        await run_out(corp, store, outbox)
        assert "two complete look-ups" in (unit(store, outbox, report.unit_id).reason or "")
        await outbox.parked.resend(report.unit_id or "", "ann")
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state
        assert {("sent", None)} == set(items(store, outbox, report.unit_id).values())

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == sum(set(r) == set(corp.customers[:3]) for r in corp.messages())


def test_fail_list(on_port: OnPort, store: Store) -> None:
    """Who is left out is told, by WeCom's answer or by the look-up."""
    corp = Corp()
    stranger = corp.box.add_customer("wmstranger", staff=["li"])
    recipients = [*corp.customers[:2], stranger]

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        ends: list[Any] = []
        for step in ("answered", "lost"):
            message = NewMessage(text=step, sender="zhang", external_userid=recipients)
            report = plan(store, outbox, BROADCAST, message, subjects=[(r, step, "") for r in recipients])
            if step == "lost":
                corp.box.faults.add(LOST)
            await run_out(corp, store, outbox)
            ends.append(items(store, outbox, report.unit_id)[stranger])
        assert [("failed", None), ("unseen", None)] == ends

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_groups(on_port: OnPort, store: Store) -> None:
    """A lost message to groups is told by text and sender, since its groups are hidden until it is sent."""
    corp = Corp()
    chats = [corp.box.add_group(owner="zhang"), corp.box.add_group(owner="zhang")]
    message = NewMessage(text="群公告", chat_type="group", sender="zhang", chat_id_list=chats)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, BROADCAST, message)
        await run_out(corp, store, outbox)
        assert dict.fromkeys(chats, ("sent", None)) == items(store, outbox, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


def test_cancelled_meanwhile(on_port: OnPort, store: Store) -> None:
    """A lost message that somebody cancelled is still found by its mark."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, BROADCAST, link_message(corp))
        await outbox.drain()
        await corp.wecom(port).messages.cancel(corp.box.record.messages[0].msgid)
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state
        assert {("unseen", None)} == set(items(store, outbox, report.unit_id).values())

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_listing_fails(on_port: OnPort, store: Store) -> None:
    """A look-up that fails now and then is repeated; one that goes on failing parks."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        ends: list[Any] = []
        for step, times in (("now and then", 3), ("always", 0)):
            corp.box.faults.add(LOST)
            corp.box.faults.add(Fault("lost_request", "get_groupmsg_list_v2", times=times))
            report = plan(
                store, outbox, BROADCAST, text_message(corp, step), subjects=[(c, step, "") for c in corp.customers[:3]]
            )
            await run_out(corp, store, outbox)
            ends.append(unit(store, outbox, report.unit_id))
        assert [UnitState.CONFIRMED, UnitState.PARKED] == [u.state for u in ends]
        assert "look-up failed" in ends[1].reason
        assert "MayHaveArrived" in ((await outbox.parked.inspect(ends[1].id)).trouble or "")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_temporary_way(on_port: OnPort, store: Store) -> None:
    """A lost temporary contact way cannot be looked up, and is parked."""
    corp = Corp()
    way = NewContactWay(type=1, user=["zhang"], is_temp=True)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(Fault("lost_response", "add_contact_way"))
        report = plan(store, outbox, CONTACT_WAY, way)
        await run_out(corp, store, outbox)
        assert UnitState.PARKED == unit(store, outbox, report.unit_id).state
        assert "no temporary" in ((await outbox.parked.inspect(report.unit_id or "")).trouble or "")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_tag_exists(on_port: OnPort, store: Store) -> None:
    """Tags that exist already count as made, unless only some of them do."""
    corp = Corp()
    corp.box.admin_adds_tags("等级", ["甲", "乙"])

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        ends: list[Any] = []
        for names in (["甲", "乙"], ["甲", "丙"]):
            report = plan(store, outbox, CORP_TAG, AddTagsRequest(names, group_name="等级"))
            await run_out(corp, store, outbox)
            ends.append(unit(store, outbox, report.unit_id))
        assert [UnitState.CONFIRMED, UnitState.PARKED] == [u.state for u in ends]
        assert "甲" in (ends[0].answer or "")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_refused(on_port: OnPort, store: Store) -> None:
    """A refusal settles the unit with its errcode, and its owner hears of it."""
    corp = Corp()
    nobody = NewMessage(text="x", sender="li", external_userid=corp.customers[:2])

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, BROADCAST, nobody, owner="sop")
        assert 1 == (await outbox.tick()).refused
        assert {("refused", 41048)} == set(items(store, outbox, report.unit_id).values())
        assert "41048" in (unit(store, outbox, report.unit_id).reason or "")
        with store.begin() as conn:
            ((_, event),) = EventLog.read(conn, corp.box.corp_id, "test")
        assert ("sop", "refused") == (event.owner, event.state)  # type: ignore[attr-defined]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_prepare_fails(on_port: OnPort, store: Store) -> None:
    """A transfer whose state before cannot be read is not called yet."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_request", "transfer_result"))
        report = plan(store, outbox, TRANSFER, transfer(corp))
        assert 1 == (await outbox.tick()).released
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.READY, 0) == (held.state, held.attempt)
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == corp.calls("transfer_customer")


class _Slow(HookedPort):
    """A port on which the first mass message takes so long that *meanwhile* happens first."""

    meanwhile: Any = None

    async def send(self, request: Any) -> Any:
        response = await self._port.send(request)
        if request.url.path.endswith("add_msg_template") and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return response


def test_zombie(on_port: OnPort, store: Store) -> None:
    """A worker that slept through its deadline cannot confirm any more; what it knows is kept in the audit."""
    corp = Corp(list_lag=timedelta(hours=1))

    async def scenario(port: Port) -> None:
        slow: Any = _Slow(port, Points())
        zombie = corp.outbox(slow, store)
        other = corp.outbox(port, store)
        report = plan(store, other, BROADCAST, text_message(corp))

        async def taken_over() -> None:
            await run_out(corp, store, other, hours=0.5)
            assert UnitState.PARKED == unit(store, other, report.unit_id).state

        slow.meanwhile = taken_over
        assert not await zombie.tick()
        assert UnitState.PARKED == unit(store, other, report.unit_id).state
        assert ["parked", "late_answer"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


def test_two_workers(on_port: OnPort, store: Store) -> None:
    """While one worker calls, another one finds only other lanes to work on."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        slow: Any = _Slow(port, Points())
        first, second = corp.outbox(slow, store), corp.outbox(port, store)
        for i in range(4):
            sender, people = (
                ("zhang", corp.customers[:2]) if i % 2 else ("li", [corp.box.add_customer(f"wmx{i}", staff=["li"])])
            )
            message = NewMessage(text=f"第{i}条", sender=sender, external_userid=people)
            plan(store, second, BROADCAST, message, subjects=[(p, str(i), "") for p in people])

        async def meanwhile() -> None:
            assert 0 == (await second.tick()).confirmed

        slow.meanwhile = meanwhile
        await first.drain()
        assert not await second.tick()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    texts = [m.text for m in corp.box.record.messages]
    assert sorted(texts) == [f"第{i}条" for i in range(4)]
    assert texts.index("第0条") < texts.index("第2条")
    assert texts.index("第1条") < texts.index("第3条")


def test_lane_waits(on_port: OnPort, store: Store) -> None:
    """In a lane the next unit goes when the one before is settled; other lanes do not wait."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(GONE)
        first = plan(store, outbox, BROADCAST, text_message(corp, "一"))
        second = plan(
            store, outbox, BROADCAST, text_message(corp, "二"), subjects=[(c, "b", "") for c in corp.customers[:3]]
        )
        plan(store, outbox, CONTACT_WAY, NewContactWay(type=1, user=["zhang"]))
        report = await outbox.drain()
        assert (1, 1) == (report.unknown, report.confirmed)
        assert UnitState.READY == unit(store, outbox, second.unit_id).state
        with store.read() as conn:
            at = outbox.next_at(conn)
        assert at is not None
        assert corp.box.clock.now() + SETTLE < at
        await run_out(corp, store, outbox)
        assert UnitState.PARKED == unit(store, outbox, first.unit_id).state
        assert UnitState.CONFIRMED == unit(store, outbox, second.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_horizon(on_port: OnPort, store: Store) -> None:
    """The look-up waits for the write budget, four steps of the HTTP time-out and settle, from ARM on."""
    corp = Corp()

    async def scenario(port: Port) -> AsyncOutbox:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(GONE)
        plan(store, outbox, BROADCAST, text_message(corp))
        await outbox.tick()
        with store.read() as conn:
            assert corp.box.clock.now() + timedelta(seconds=5 + 4 * 10) + SETTLE == outbox.next_at(conn)
        return outbox

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_too_late_to_write(on_port: OnPort, store: Store) -> None:
    """If too much time passed since ARM, nothing is written, and the unit is ready again."""
    corp = Corp()

    class Lazy(HookedPort):
        elapsed = 0.0

        def monotonic(self) -> float:
            self.elapsed += 10.0
            return self.elapsed

    async def scenario(port: Port) -> None:
        lazy: Any = Lazy(port, Points())
        outbox = corp.outbox(lazy, store)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        assert 1 == (await outbox.tick()).released
        assert UnitState.READY == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 0 == corp.calls("add_msg_template")


def test_no_token(on_port: OnPort, store: Store) -> None:
    """While no token is to be had, nothing is armed and the caller hears why."""
    from privdom.errors import NotSent

    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        corp.box.faults.add(Fault("connect_refused", "gettoken"))
        with pytest.raises(NotSent):
            await outbox.tick()
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.READY, 0) == (held.state, held.attempt)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_own_fault(on_port: OnPort, store: Store) -> None:
    """A fault of ours during one call comes out, after the other calls of the round are settled."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        kind: Any = outbox._ctx.kinds["broadcast"]

        class Broken(type(kind)):  # type: ignore[misc]
            name = "broken"

            def lane(self, request: Any) -> str:
                return "broken"

            def read(self, request: Any, answer: Any) -> Any:
                raise ZeroDivisionError

        outbox = AsyncOutbox(corp.wecom(port), store, outbox.settings, kinds=[Broken()])
        broken = plan(store, outbox, Broken(), text_message(corp, "坏"))
        fine = plan(
            store, outbox, BROADCAST, text_message(corp, "好"), subjects=[(c, "x", "") for c in corp.customers[:3]]
        )
        with pytest.raises(ZeroDivisionError):
            await outbox.tick()
        assert UnitState.CONFIRMED == unit(store, outbox, fine.unit_id).state
        assert UnitState.CALLING == unit(store, outbox, broken.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_decisions_checked(on_port: OnPort, store: Store) -> None:
    """A decision needs a name, a parked unit, and an id that is nobody else's."""
    from privdom.errors import UsageError

    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        sent = plan(store, outbox, BROADCAST, text_message(corp, "一"))
        await outbox.drain()
        corp.box.faults.add(GONE)
        held = plan(
            store, outbox, BROADCAST, text_message(corp, "二"), subjects=[(c, "b", "") for c in corp.customers[:3]]
        )
        await run_out(corp, store, outbox)
        known = unit(store, outbox, sent.unit_id).remote_id
        with pytest.raises(UsageError, match="not parked"):
            await outbox.parked.resend(sent.unit_id or "", "ann")
        with pytest.raises(UsageError, match="names the person"):
            await outbox.parked.resend(held.unit_id or "", "")
        with pytest.raises(UsageError, match="another unit"):
            await outbox.parked.confirm(held.unit_id or "", known or "", "ann")
        with pytest.raises(UsageError, match="no unit"):
            await outbox.parked.inspect("nothing")
        with store.begin() as conn:
            ready = outbox.plan(conn, CONTACT_WAY, NewContactWay(type=1, user=["zhang"]), owner="x")
        assert "never called" in ((await outbox.parked.inspect(ready.unit_id or "")).trouble or "")
        assert "AsyncParked of ww" in repr(outbox.parked)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_late_transfer(on_port: OnPort, store: Store) -> None:
    """A transfer that starts between the last look-up and the second call is not taken for what was there before."""
    corp = Corp()
    path = "transfer_customer"

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        report = plan(store, outbox, TRANSFER, transfer(corp))
        corp.box.faults.add(Fault("late_acceptance", path, delay=180))
        await outbox.tick()
        while unit(store, outbox, report.unit_id).state is not UnitState.READY:
            with store.read() as conn:
                corp.box.advance_to(outbox.next_at(conn) or corp.box.clock.now())
            await recover(outbox._ctx, 10)
        assert 0 == corp.calls(path)
        corp.box.advance(timedelta(seconds=30))
        corp.box.faults.add(Fault("lost_request", path))
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.CONFIRMED, 2) == (held.state, held.attempt)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    started = [t.external_userid for t in corp.box.record.transfers if t.outcome == "started"]
    assert corp.customers[:3] == sorted(started)


def test_months_later(on_port: OnPort, store: Store) -> None:
    """A unit resent by a person after months is found, though WeCom lists only a month at a time."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(GONE)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        await run_out(corp, store, outbox)
        corp.box.advance(timedelta(days=70))
        await outbox.parked.resend(report.unit_id or "", "ann")
        corp.box.faults.add(LOST)
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == len(corp.messages())


def test_failed_sweep_is_none(on_port: OnPort, store: Store) -> None:
    """A sweep that could not read the list is made again soon, so that a second task is cancelled as early as can be."""
    corp = Corp(list_lag=timedelta(minutes=20), confirm_after=timedelta(hours=4), confirm_within=timedelta(hours=5))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        plan(store, outbox, BROADCAST, text_message(corp))
        corp.box.faults.add(LOST)
        total = await run_out(corp, store, outbox, hours=0.25)
        assert (1, 0) == (total.released, total.cancelled)
        # From now on the list shows both; for an hour it cannot be read.
        corp.box.faults.add(Fault("busy", "get_groupmsg_list_v2", times=0))
        await run_out(corp, store, outbox, hours=1)
        corp.box.faults.clear()
        assert 1 == (await run_out(corp, store, outbox, hours=0.1)).cancelled

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_sent_one_stays(on_port: OnPort, store: Store) -> None:
    """Of two tasks of one unit the one that staff have sent stays, whichever came first, and the other is cancelled."""
    corp = Corp(list_lag=timedelta(minutes=20), never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        report = plan(store, outbox, BROADCAST, link_message(corp))
        corp.box.faults.add(LOST)
        await run_out(corp, store, outbox, hours=0.2)
        first, second = [m.msgid for m in corp.box.record.messages]
        assert second == unit(store, outbox, report.unit_id).remote_id
        corp.box.staff_confirms(first, "zhang")
        await run_out(corp, store, outbox)
        assert first == unit(store, outbox, report.unit_id).remote_id
        assert [second] == [m.msgid for m in corp.box.record.messages if m.kind == "cancelled"]
        assert ["resent", "cancelled_second", "took_second"] == _log(store, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert sorted(corp.customers[:3]) == sorted(d.target for d in corp.box.record.deliveries if d.status == 1)


def test_both_shown_at_once(on_port: OnPort, store: Store) -> None:
    """Two tasks that carry the mark of a unit that was called twice are its own: one stays, the other is cancelled."""
    corp = Corp(list_lag=timedelta(minutes=20), never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        report = plan(store, outbox, BROADCAST, link_message(corp))
        corp.box.faults.add(attrs.evolve(LOST, times=2))
        await outbox.drain()
        while unit(store, outbox, report.unit_id).attempt < 2:
            corp.box.advance(timedelta(seconds=30))
            await outbox.drain()
        # The answer to the second is lost too, and then the list shows both.
        corp.box.advance(timedelta(minutes=40))
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 2 == len([m for m in corp.box.record.messages if m.kind == "created"])
    assert 1 == len(corp.messages())


def test_clock_set_back(on_port: OnPort, store: Store) -> None:
    """A clock that is set back during a look-up does not bring the second one forward."""
    corp = Corp()

    class SetBack:
        """A port whose clock is set back by most of a settle time in the middle of the first look-up."""

        def __init__(self, port: Port) -> None:
            self._port, self.by = port, timedelta(0)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._port, name)

        def now(self) -> Any:
            return self._port.now() - self.by

        async def send(self, request: Any) -> Any:
            if request.url.path.endswith("get_groupmsg_list_v2"):
                self.by = SETTLE - timedelta(seconds=1)
            return await self._port.send(request)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        corp.box.faults.add(GONE)
        await outbox.tick()
        with store.read() as conn:
            corp.box.advance_to(outbox.next_at(conn) or corp.box.clock.now())
        looked_at = corp.box.clock.now()
        set_back: Any = SetBack(port)
        assert 1 == (await corp.outbox(set_back, store).tick()).looked_up
        held = unit(store, outbox, report.unit_id)
        assert (looked_at, looked_at + SETTLE) == (held.absent_seen, held.due_at)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
