"""What a person sees of a unit in doubt, and what becomes of it by a decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import httpx
import pytest

from sqlalchemy import select, update

from privdom._port import Port
from privdom.errors import MayHaveArrived, UsageError
from privdom.events import EventLog, UnitSettled
from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    CORP_TAG,
    REMIND,
    TRANSFER,
    AsyncOutbox,
    AuditEntry,
    ItemState,
    Unit,
    UnitState,
)
from privdom.outbox.tables import audit
from privdom.outbox.tables import unit as unit_table
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import NewMessage
from privdom.wecom.tags import AddedTags, AddTagsRequest
from privdom.wecom.wire import loads, structure
from tests.conftest import OnPort
from tests.outbox.corp import SETTLE, Corp, items, plan, remind, run_out, transfer, unit


def _put(store: Store, unit_id: str, **values: Any) -> None:
    with store.begin() as conn:
        conn.execute(update(unit_table).where(unit_table.c.id == unit_id).values(values))


async def _parked(corp: Corp, store: Store, outbox: AsyncOutbox, unit_id: str) -> Unit:
    """Plan, lose and park the transfer of a customer, and let a minute pass."""
    customer = corp.customers[len(unit_id)]
    request = attrs.evolve(transfer(corp), external_userid=(customer,))
    plan(store, outbox, TRANSFER, request, unit_id=unit_id, owner="me", subjects=[(customer, "wave", "")])
    corp.box.faults.add(Fault("lost_request", "transfer_customer"))
    for _ in range(3):
        await outbox.tick()
        corp.box.advance(timedelta(minutes=4))
    held = unit(store, outbox, unit_id)
    assert UnitState.PARKED == held.state
    return held


async def _parked_message(corp: Corp, store: Store, outbox: AsyncOutbox, unit_id: str) -> Unit:
    """Do the same with a mass message, which has an id at WeCom."""
    customer = corp.customers[len(unit_id)]
    message = NewMessage(text=unit_id, sender="zhang", external_userid=[customer])
    plan(store, outbox, BROADCAST, message, unit_id=unit_id, owner="me")
    corp.box.faults.add(Fault("lost_request", "add_msg_template"))
    for _ in range(3):
        await outbox.tick()
        corp.box.advance(timedelta(minutes=4))
    held = unit(store, outbox, unit_id)
    assert UnitState.PARKED == held.state
    return held


def _told(store: Store, corp: Corp) -> list[UnitSettled]:
    with store.begin() as conn:
        return [event for _, event in EventLog.read(conn, corp.box.corp_id, "test") if isinstance(event, UnitSettled)]


def _history(store: Store, held: Unit) -> tuple[AuditEntry, ...]:
    with store.read() as conn:
        rows = conn.execute(select(audit).where(audit.c.unit_id == held.id).order_by(audit.c.seq))
        return tuple(AuditEntry(r.at, r.by, r.action, r.remote_id, r.note) for r in rows)


def test_inspect(on_port: OnPort, store: Store) -> None:
    """A person sees the unit, its subjects, what WeCom shows now or why it cannot be asked, and who decided what."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        held = await _parked(corp, store, outbox, "a")
        await _parked(corp, store, outbox, "bb")
        history = _history(store, held)
        with store.read() as conn:
            results = outbox.items(conn, "a")
        assert [(corp.customers[1], ItemState.PARKED)] == [(item.subject, item.state) for item in results]
        seen = await outbox.parked.inspect("a")
        assert (held, results, (), None) == (seen.unit, seen.items, seen.candidates, seen.trouble)
        assert history == seen.history
        assert [("engine", "parked", None, held.reason)] == [(e.by, e.action, e.remote_id, e.note) for e in history]

        corp.box.faults.add(Fault("lost_response", "transfer_result"))
        seen = await outbox.parked.inspect("a")
        assert (held, results, (), history) == (seen.unit, seen.items, seen.candidates, seen.history)
        assert MayHaveArrived.__name__ in (seen.trouble or "")

        _put(store, "a", prepared=None)
        seen = await outbox.parked.inspect("a")
        assert (attrs.evolve(held, prepared=None), results, ()) == (seen.unit, seen.items, seen.candidates)
        assert ("it is not known what transfers there were before the call", history) == (seen.trouble, seen.history)

        _put(store, "a", armed_at=None)
        seen = await outbox.parked.inspect("a")
        assert (attrs.evolve(held, prepared=None, armed_at=None), results, ()) == (
            seen.unit,
            seen.items,
            seen.candidates,
        )
        assert ("it was never called", history) == (seen.trouble, seen.history)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_history_in_order(on_port: OnPort, store: Store) -> None:
    """Decisions are told in the order in which they were taken, whole."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        held = await _parked_message(corp, store, outbox, "a")
        await outbox.parked.confirm("a", "found by hand", "zoe")
        _put(store, "a", state=UnitState.PARKED, remote_id=None)
        await outbox.parked.drop("a", "ann")
        history = (await outbox.parked.inspect("a")).history
        now, note = corp.box.clock.now(), f"was parked: {held.reason}"
        assert (
            AuditEntry(now, "zoe", "confirmed", "found by hand", note),
            AuditEntry(now, "ann", "dropped", None, "was parked: None"),
        ) == history[1:]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_confirmed_by_person(on_port: OnPort, store: Store) -> None:
    """A unit that a person found is sent to all its subjects, watched like any that was in doubt, and told of."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        held = await _parked_message(corp, store, outbox, "a")
        other = await _parked_message(corp, store, outbox, "bb")
        now = corp.box.clock.now()
        await outbox.parked.confirm("a", "task", "ann")
        state = {"state": UnitState.CONFIRMED, "remote_id": "task", "reason": None, "settled_at": now}
        assert attrs.evolve(held, **state, due_at=now + SETTLE) == unit(store, outbox, "a")
        assert {corp.customers[1]: ("sent", None)} == items(store, outbox, "a")
        assert UnitSettled("a", "me", "confirmed", now) == _told(store, corp)[-1]
        with pytest.raises(UsageError, match="task belongs to another unit"):
            await outbox.parked.confirm("bb", "task", "ann")
        assert other == unit(store, outbox, "bb")
        assert 1 == len(_history(store, other))

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_confirmed_without_id(on_port: OnPort, store: Store) -> None:
    """Of kinds to which WeCom gives no id one unit after the other is confirmed without one, and an id is refused."""
    corp = Corp()
    request = remind(corp)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        for unit_id in ("r1", "r2"):
            plan(store, outbox, REMIND, request, unit_id=unit_id)
            corp.box.faults.add(Fault("lost_request", "remind_groupmsg_send"))
            await run_out(corp, store, outbox)
        await _parked(corp, store, outbox, "a")
        for unit_id in ("r1", "r2", "a"):
            for wrong in ("", "msg1"):
                with pytest.raises(UsageError, match=r"WeCom gives a (remind|transfer) no id: pass None$"):
                    await outbox.parked.confirm(unit_id, wrong, "ann")
            await outbox.parked.confirm(unit_id, None, "ann")
            held = unit(store, outbox, unit_id)
            assert (UnitState.CONFIRMED, None) == (held.state, held.remote_id)
        assert () == await outbox.parked.list()
        assert [None, None] == [entry.remote_id for entry in _history(store, held)]
        await run_out(corp, store, outbox)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_confirmed_with_id(on_port: OnPort, store: Store) -> None:
    """Of kinds to which WeCom gives an id a unit is confirmed only by it, and what does not fit is no id."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        held = await _parked_message(corp, store, outbox, "a")
        for wrong in (None, ""):
            with pytest.raises(UsageError, match="a broadcast is confirmed by its id at WeCom"):
                await outbox.parked.confirm("a", wrong, "ann")
        with pytest.raises(UsageError, match="remote_id has 129 characters, and at most 128 fit"):
            await outbox.parked.confirm("a", "m" * 129, "ann")
        with pytest.raises(UsageError, match="by has 65 characters, and at most 64 fit"):
            await outbox.parked.confirm("a", "m" * 128, "a" * 65)
        assert held == unit(store, outbox, "a")
        await outbox.parked.confirm("a", "m" * 128, "a" * 64)
        assert "m" * 128 == unit(store, outbox, "a").remote_id

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_tags_confirmed_by_person(on_port: OnPort, store: Store) -> None:
    """Tags that a person confirms have their ids in the answer, as many as there are; where there are none, they wait."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox, tags = corp.outbox(port, store), corp.wecom(port).tags
        corp.box.faults.add(Fault("lost_request", "add_corp_tag"))
        plan(store, outbox, CORP_TAG, AddTagsRequest(["甲", "乙"], group_name="等级"), unit_id="u1")
        await run_out(corp, store, outbox)
        with pytest.raises(UsageError, match="WeCom shows none of these tags"):
            await outbox.parked.confirm("u1", None, "ann")
        assert UnitState.PARKED == unit(store, outbox, "u1").state

        made = await tags.add(["丙", "乙"], group_name="等级")
        await outbox.parked.confirm("u1", None, "ann")
        answer = structure(loads((unit(store, outbox, "u1").answer or "").encode()), AddedTags)
        assert (made.group_id, [made.tag[1].id]) == (answer.tag_group.group_id, [t.id for t in answer.tag_group.tag])

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_tags_in_groups_of_one_name(on_port: OnPort, store: Store) -> None:
    """Where WeCom shows several groups of one name, a person confirms the one that has more of the tags."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_request", "add_corp_tag"))
        plan(store, outbox, CORP_TAG, AddTagsRequest(["甲", "乙"], group_name="等级"), unit_id="u1")
        await run_out(corp, store, outbox)
        groups = [
            {"group_id": group, "group_name": "等级", "tag": [{"id": name, "name": name} for name in names]}
            for group, names in (("one", "甲"), ("both", "甲乙"), ("other", "乙"))
        ]
        send = port.send

        async def shown(request: Any) -> Any:
            if request.url.path.endswith("get_corp_tag_list"):
                return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "tag_group": groups})
            return await send(request)

        port.send = shown  # type: ignore[method-assign]
        await outbox.parked.confirm("u1", None, "ann")

        answer = structure(loads((unit(store, outbox, "u1").answer or "").encode()), AddedTags)
        assert "both" == answer.tag_group.group_id

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_resent_by_person(on_port: OnPort, store: Store) -> None:
    """A unit that a person lets go again is due at once, and counts for the cap on this day."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        held = await _parked(corp, store, outbox, "a")
        other = await _parked(corp, store, outbox, "bb")
        now = corp.box.clock.now()
        await outbox.parked.resend("a", "ann")
        state = {"state": UnitState.READY, "reason": None, "due_at": now, "settled_at": None}
        assert attrs.evolve(held, **state) == unit(store, outbox, "a")
        with store.read() as conn:
            assert [(ItemState.PLANNED, now)] == [(item.state, item.at) for item in outbox.items(conn, "a")]
            assert [ItemState.PARKED] == [item.state for item in outbox.items(conn, "bb")]
        assert AuditEntry(now, "ann", "resent", None, f"was parked: {held.reason}") == _history(store, held)[-1]
        assert other == unit(store, outbox, "bb")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_dropped_by_person(on_port: OnPort, store: Store) -> None:
    """A unit that a person gives up is never due again, and told of."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        held = await _parked(corp, store, outbox, "a")
        other = await _parked(corp, store, outbox, "bb")
        now = corp.box.clock.now()
        await outbox.parked.drop("a", "ann")
        assert attrs.evolve(held, state=UnitState.DROPPED, settled_at=now) == unit(store, outbox, "a")
        assert {corp.customers[1]: ("dropped", None)} == items(store, outbox, "a")
        assert {corp.customers[2]: ("parked", None)} == items(store, outbox, "bb")
        assert UnitSettled("a", "me", "dropped", now) == _told(store, corp)[-1]
        assert other == unit(store, outbox, "bb")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize("by", ["", "engine"])
def test_nobody_decides(on_port: OnPort, store: Store, by: str) -> None:
    """A decision has a person's name; without one, or under the engine's, nothing changes."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        held = await _parked(corp, store, outbox, "a")
        for decision in (
            outbox.parked.drop("a", by),
            outbox.parked.resend("a", by),
            outbox.parked.confirm("a", None, by),
        ):
            with pytest.raises(UsageError, match="names the person"):
                await decision
        assert held == unit(store, outbox, "a")
        assert 1 == len(_history(store, held))

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_nothing_to_decide(on_port: OnPort, store: Store) -> None:
    """Only a parked unit of this corp can be decided on."""
    corp, stranger = Corp(), Corp(1)

    async def scenario(port: Port) -> None:
        outbox, theirs = corp.outbox(port, store), stranger.outbox(port, store)
        await _parked(corp, store, outbox, "a")
        plan(store, outbox, CONTACT_WAY, NewContactWay(type=1, user=["zhang"]), unit_id="ready")
        for who, unit_id, message in (
            (outbox, "ready", "is ready, not parked"),
            (outbox, "nothing", "no unit nothing"),
            (theirs, "a", "no unit a of this corp"),
        ):
            for decision in (
                who.parked.drop(unit_id, "ann"),
                who.parked.resend(unit_id, "ann"),
                who.parked.confirm(unit_id, None, "ann"),
            ):
                with pytest.raises(UsageError, match=message):
                    await decision
        with pytest.raises(UsageError, match="no unit a of this corp"):
            await theirs.parked.inspect("a")
        assert () == await theirs.parked.list()
        assert ["a"] == [held.id for held in await outbox.parked.list()]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
