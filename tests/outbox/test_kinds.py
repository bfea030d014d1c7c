"""What is special to the kinds: whom a look-up counts, what it leaves to a person, and what keeps its order."""

from __future__ import annotations

import json

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from privdom._port import Port
from privdom.errors import ApiError, UsageError
from privdom.outbox import (
    CONTACT_WAY_UPDATE,
    GROUP_TRANSFER,
    JOIN_WAY,
    JOIN_WAY_UPDATE,
    MOMENT,
    REMARK,
    REMIND,
    AsyncOutbox,
    Policy,
    UnitState,
)
from privdom.sandbox import Fault, Sandbox
from privdom.store import Store
from privdom.wecom._content import Image
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.codes import ContactWayUpdate
from privdom.wecom.contacts import RemarkRequest
from privdom.wecom.groups import TransferGroupsRequest
from privdom.wecom.join_ways import JoinWayUpdate, NewJoinWay
from privdom.wecom.messages import RemindRequest
from privdom.wecom.moments import NewMoment
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from tests.conftest import OnPort
from tests.outbox.corp import (
    BLIND,
    SETTLE,
    UPDATES,
    Corp,
    HookedPort,
    Points,
    contact_way_update,
    group_transfer,
    items,
    plan,
    remind,
    run_out,
    unit,
)


LOST = Fault("lost_response", "onjob_transfer")
GONE = Fault("lost_request", "onjob_transfer")


# Groups.


def _owners(corp: Corp) -> list[str]:
    state: Any = corp.box.state()["groups"]
    return [state[chat_id]["owner"] for chat_id in corp.groups]


@pytest.mark.parametrize("lost", [False, True])
def test_groups_left_out(on_port: OnPort, store: Store, lost: bool) -> None:
    """Which groups stay is told by WeCom's answer; after a lost one, by their owners, as far as those can tell."""
    corp = Corp()
    mine, gone, his = corp.groups[0], corp.groups[1], corp.box.add_group("wrhis", owner="li")
    request = TransferGroupsRequest([mine, gone, his, "wrnobodys"], "LI")

    async def scenario(port: Port) -> dict[str, tuple[str, int | None]]:
        outbox = corp.outbox(port, store)
        corp.box.dismiss_group(gone)
        if lost:
            corp.box.faults.add(LOST)
        report = plan(store, outbox, GROUP_TRANSFER, request)
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.CONFIRMED, None) == (held.state, held.remote_id)
        return items(store, outbox, report.unit_id)

    became = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    why = [("unseen", None)] * 2 if lost else [("failed", 49008), ("failed", 90501)]
    assert [("sent", None), *why, ("failed", 90504)] == [became[c] for c in (mine, gone, "wrnobodys", his)]
    assert 1 == corp.calls("onjob_transfer")


def test_groups_that_moved_already(on_port: OnPort, store: Store) -> None:
    """A lost call for groups that the new owner has anyway has nothing left to do."""
    corp = Corp()
    his = [corp.box.add_group(owner="li") for _ in range(2)]

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(GONE)
        report = plan(store, outbox, GROUP_TRANSFER, TransferGroupsRequest(his, "li"))
        await run_out(corp, store, outbox)
        assert dict.fromkeys(his, ("failed", 90504)) == items(store, outbox, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 0 == corp.calls("onjob_transfer")


def test_groups_refused_the_second_time(on_port: OnPort, store: Store) -> None:
    """A repeat that WeCom answers in full is believed, though the new owner had one of the groups from the start."""
    corp = Corp()
    mine, his = corp.groups[0], corp.box.add_group(owner="li")

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(GONE)
        report = plan(store, outbox, GROUP_TRANSFER, TransferGroupsRequest([mine, his], "li"))
        await outbox.tick()
        corp.box.dismiss_group(mine)
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.CONFIRMED, 2) == (held.state, held.attempt)
        assert {mine: ("failed", 49008), his: ("failed", 90504)} == items(store, outbox, report.unit_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_groups_moved_by_somebody_else(on_port: OnPort, store: Store) -> None:
    """What somebody else did with a group in the meantime is not undone by a repeat, under either policy."""
    corp = Corp()
    corp.box.add_staff("wang")

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(GONE)
        report = plan(store, outbox, GROUP_TRANSFER, group_transfer(corp))
        await outbox.tick()
        corp.ask("groupchat/onjob_transfer", chat_id_list=corp.groups[:1], new_owner="wang")
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert UnitState.PARKED == held.state
        assert "somebody else" in (held.reason or "")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert ["wang", "zhang", "zhang", "zhang"] == _owners(corp)


@pytest.mark.parametrize(
    ("takes", "end"), [(timedelta(minutes=4), UnitState.CONFIRMED), (timedelta(hours=1), UnitState.PARKED)]
)
def test_groups_that_take_their_time(on_port: OnPort, store: Store, takes: timedelta, end: UnitState) -> None:
    """Where the owner changes later than assumed, a repeat is no second transfer, and the look-up has the last word."""
    corp = Corp(group_transfer_time=takes)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, GROUP_TRANSFER, group_transfer(corp))
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert end == held.state
        if end is UnitState.CONFIRMED:
            assert {("sent", None)} == set(items(store, outbox, report.unit_id).values())

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    corp.box.advance(takes)
    assert ["li", "li", "li", "zhang"] == _owners(corp)
    assert 3 == sum(not entry.errcode for entry in corp.box.record.group_transfers)


def test_groups_wait_for_each_other(on_port: OnPort, store: Store) -> None:
    """Of two transfers of one group to different staff, the one planned later stays, though the first lands late."""
    corp = Corp()
    corp.box.add_staff("wang")

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("late_acceptance", "onjob_transfer", delay=60))
        first = plan(store, outbox, GROUP_TRANSFER, group_transfer(corp, 1))
        second = plan(
            store,
            outbox,
            GROUP_TRANSFER,
            TransferGroupsRequest(corp.groups[:1], "wang"),
            subjects=[(corp.groups[0], "again", "")],
        )
        await run_out(corp, store, outbox)
        for report in (first, second):
            assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert "wang" == _owners(corp)[0]


def test_groups_are_not_read_for_ever(on_port: OnPort, store: Store) -> None:
    """Once a look-up has found a transfer of groups, the watch for a second one reads none of them."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(LOST)
        report = plan(store, outbox, GROUP_TRANSFER, group_transfer(corp))
        while unit(store, outbox, report.unit_id).state is not UnitState.CONFIRMED:
            corp.box.advance(timedelta(minutes=1))
            await outbox.tick()
        read = corp.calls("groupchat/get")
        assert 1 < (await run_out(corp, store, outbox)).swept
        assert read == corp.calls("groupchat/get")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_owners_cannot_be_read(on_port: OnPort, store: Store) -> None:
    """A transfer of groups whose owners cannot be read yet is not called yet; a look-up that fails decides nothing."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_request", "groupchat/get"))
        report = plan(store, outbox, GROUP_TRANSFER, group_transfer(corp))
        assert 1 == (await outbox.tick()).released
        corp.box.faults.add(LOST)
        corp.box.advance(timedelta(seconds=15))
        assert 1 == (await outbox.tick()).unknown
        corp.box.faults.add(Fault("quota", "groupchat/get", times=2))
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == corp.calls("onjob_transfer")


# Moments.


def test_moments_for_a_person(on_port: OnPort, store: Store) -> None:
    """A lost moment is parked with all of its text that WeCom shows, for a person to choose from."""
    corp = Corp()
    corp.ask("add_moment_task", text={"content": "新品 到店"})
    corp.box.advance(timedelta(hours=1))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(Fault("lost_response", "add_moment_task"))
        report = plan(store, outbox, MOMENT, NewMoment("新品  到店"))
        corp.ask("add_moment_task", text={"content": "别的"})
        await run_out(corp, store, outbox)
        seen = await outbox.parked.inspect(report.unit_id or "")
        (candidate,) = seen.candidates
        assert "WeCom shows: 1" in (seen.trouble or "")
        assert corp.box.record.moments[-1].moment_id == candidate.done.remote_id
        await outbox.parked.confirm(report.unit_id or "", candidate.done.remote_id or "", "ann")
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.CONFIRMED, candidate.done.remote_id) == (held.state, held.remote_id)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == corp.calls("add_moment_task")


def test_moments_of_pictures(on_port: OnPort, store: Store) -> None:
    """Pictures come back under other ids, so that a lost moment without a text shows nothing to choose from."""
    corp = Corp(moment_job_time=timedelta(0))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_response", "add_moment_task"))
        report = plan(store, outbox, MOMENT, NewMoment("", [Image("m")]))
        await run_out(corp, store, outbox)
        seen = await outbox.parked.inspect(report.unit_id or "")
        assert (UnitState.PARKED, ()) == (seen.unit.state, seen.candidates)
        assert "without a text" in (seen.trouble or "")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_moments_months_later(on_port: OnPort, store: Store) -> None:
    """A moment called again by a person after months is looked for in all the time since."""
    corp = Corp(moment_job_time=timedelta(0))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_response", "add_moment_task", times=2))
        report = plan(store, outbox, MOMENT, NewMoment("新品"))
        await run_out(corp, store, outbox)
        corp.box.advance(timedelta(days=70))
        await outbox.parked.resend(report.unit_id or "", "ann")
        await run_out(corp, store, outbox)
        assert 2 == len((await outbox.parked.inspect(report.unit_id or "")).candidates)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


class _Answers(HookedPort):
    """A port on which the first call of a path is refused with an errcode."""

    refusal: tuple[str, int] | None = None

    async def send(self, request: Any) -> Any:
        if self.refusal is not None and request.url.path.endswith(self.refusal[0]):
            errcode, self.refusal = self.refusal[1], None
            return httpx.Response(200, json={"errcode": errcode, "errmsg": "x"})
        return await self._port.send(request)


def test_moments_in_a_crowd(on_port: OnPort, store: Store) -> None:
    """Too many jobs at once (41078) only take time."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        answers: Any = _Answers(port, Points())
        answers.refusal = ("add_moment_task", 41078)
        outbox = corp.outbox(answers, store)
        report = plan(store, outbox, MOMENT, NewMoment("新品"))
        assert 1 == (await outbox.tick()).released
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_ten_moments_a_minute(on_port: OnPort, store: Store) -> None:
    """However many moments are planned, WeCom never has to refuse one for its ten a minute."""
    corp = Corp()

    def seconds() -> float:
        return corp.box.clock.now().timestamp()

    corp.box = Sandbox(monotonic=seconds)
    corp.box.add_staff("zhang")

    async def scenario(port: Port) -> None:
        quotas = MemoryQuotas(monotonic=seconds)
        wecom = AsyncWeCom.on(port, corp.box.corp_id, corp.box.secret, quotas=quotas, retry=Retry(attempts=1))
        outbox = AsyncOutbox(wecom, store)
        ids = [plan(store, outbox, MOMENT, NewMoment(f"第{i}条")).unit_id for i in range(25)]
        await run_out(corp, store, outbox)
        assert {UnitState.CONFIRMED} == {unit(store, outbox, unit_id).state for unit_id in ids}

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    calls = [call for call in corp.box.record.calls if call.path.endswith("add_moment_task")]
    assert [0] * 25 == [call.errcode for call in calls]
    for i, call in enumerate(calls[10:]):
        assert timedelta(minutes=1) < call.at - calls[i].at


# Reminders.


def test_reminded_too_often(on_port: OnPort, store: Store) -> None:
    """The fourth reminder of a message in 24 hours is refused, and a person may send a lost one again."""
    corp = Corp(confirm_after=timedelta(days=9), confirm_within=timedelta(days=9))
    request = remind(corp)

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(Fault("lost_request", "remind_groupmsg_send"))
        lost = plan(store, outbox, REMIND, request).unit_id
        others = [plan(store, outbox, REMIND, request).unit_id for _ in range(3)]
        await run_out(corp, store, outbox, hours=1)
        assert [UnitState.PARKED, *[UnitState.CONFIRMED] * 3] == [
            unit(store, outbox, unit_id).state for unit_id in (lost, *others)
        ]
        more = plan(store, outbox, REMIND, request).unit_id
        await run_out(corp, store, outbox, hours=1)
        held = unit(store, outbox, more)
        assert UnitState.REFUSED == held.state
        assert "41094" in (held.reason or "")
        corp.box.advance(timedelta(days=1))
        await outbox.parked.resend(lost or "", "ann")
        await run_out(corp, store, outbox)
        assert UnitState.CONFIRMED == unit(store, outbox, lost).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 4 == len(corp.box.record.reminders)


# Join ways.


def test_join_ways_end(on_port: OnPort, store: Store) -> None:
    """Under `resend` a join way whose every call gets lost is parked in the end, and a person may find one of them."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, policy=Policy.RESEND)
        corp.box.faults.add(Fault("lost_response", "add_join_way", times=0))
        report = plan(store, outbox, JOIN_WAY, NewJoinWay(chat_id_list=corp.groups))
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.PARKED, 3) == (held.state, held.attempt)
        with pytest.raises(ApiError):
            await outbox.parked.confirm(held.id, "nothing", "ann")
        found = corp.of("join_ways")[0]
        await outbox.parked.confirm(held.id, found, "ann")
        held = unit(store, outbox, report.unit_id)
        assert (UnitState.CONFIRMED, found) == (held.state, held.remote_id)
        assert {"config_id": found} == json.loads(held.answer or "")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 3 == len(corp.of("join_ways"))


# Changes.


@pytest.mark.parametrize("what", UPDATES)
def test_change_for_as_long_as_it_takes(on_port: OnPort, store: Store, what: str) -> None:
    """A change is made again until it is answered, further and further apart, and what is planned later waits."""
    corp = Corp()
    kind, make, path = UPDATES[what]

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_request", path, times=12))
        began = corp.box.clock.now()
        first, second = (plan(store, outbox, kind, make(corp, remark=text)).unit_id for text in ("一", "二"))
        await run_out(corp, store, outbox, hours=5)
        held = unit(store, outbox, first)
        assert (UnitState.CONFIRMED, 13) == (held.state, held.attempt)
        assert held.settled_at is not None
        assert timedelta(hours=1) < held.settled_at - began
        assert UnitState.CONFIRMED == unit(store, outbox, second).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert "二" == corp.remark(what)


@pytest.mark.parametrize("doubtful", [False, True])
def test_change_refused(on_port: OnPort, store: Store, doubtful: bool) -> None:
    """A refused change is over, after a lost call too, which it says; it is not left for a person to bring back later."""
    corp = Corp()
    corp.box.add_customer("wmstranger", staff=["li"])
    request = RemarkRequest("zhang", corp.customers[0], remark="一")

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        if doubtful:
            corp.box.faults.add(Fault("lost_response", "/remark"))
        report = plan(store, outbox, REMARK, request)
        if doubtful:
            await outbox.tick()
        corp.box.staff_deletes_customer("zhang", corp.customers[0])
        await run_out(corp, store, outbox)
        held = unit(store, outbox, report.unit_id)
        assert UnitState.REFUSED == held.state
        assert doubtful == ("may have been carried out" in (held.reason or ""))

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_changes_of_others_do_not_wait(on_port: OnPort, store: Store) -> None:
    """Only changes of the same thing wait for each other."""
    corp = Corp()
    mine, other = (str(corp.ask("add_contact_way", type=1, scene=2, user=[u])["config_id"]) for u in ("zhang", "li"))

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        corp.box.faults.add(Fault("lost_request", "update_contact_way", subject=mine))
        for config_id in (mine, mine, other):
            plan(store, outbox, CONTACT_WAY_UPDATE, ContactWayUpdate(config_id, remark="一"))
        report = await outbox.drain()
        assert (1, 1) == (report.unknown, report.confirmed)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_remark_planned_once(on_port: OnPort, store: Store) -> None:
    """A remark may name its customer, and is then planned once for each step, as a message is."""
    corp = Corp()
    request = RemarkRequest("zhang", corp.customers[0], remark="一", remark_mobiles=[])

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        subjects = [(corp.customers[0], "greeted", "")]
        assert plan(store, outbox, REMARK, request, subjects=subjects).planned
        report = plan(store, outbox, REMARK, request, subjects=subjects)
        assert (None, 1) == (report.unit_id, len(report.already))
        await run_out(corp, store, outbox)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 1 == corp.calls("/remark")


MISTAKES: dict[str, tuple[Any, Callable[[Corp], Any], list[tuple[str, str, str]], str]] = {
    "other groups": (GROUP_TRANSFER, group_transfer, [("wrother", "x", "")], "just the groups"),
    "a customer of a join way": (JOIN_WAY, BLIND["join_way"][1], [("wm1", "x", "")], "no customer yet"),
    "a customer of a change": (CONTACT_WAY_UPDATE, contact_way_update, [("wm1", "x", "")], "concerns no customer"),
    "a customer of a join way's change": (
        JOIN_WAY_UPDATE,
        lambda corp: JoinWayUpdate("c", chat_id_list=corp.groups),
        [("wm1", "x", "")],
        "concerns no customer",
    ),
    "an odd way": (CONTACT_WAY_UPDATE, lambda _: ContactWayUpdate("c" * 201, remark="x"), [], "201 characters"),
    "a customer of a moment": (MOMENT, BLIND["moment"][1], [("wm1", "x", "")], "never at customers"),
    "a customer of a reminder": (REMIND, remind, [("wm1", "x", "")], "goes to staff"),
    "an odd message": (REMIND, lambda _: RemindRequest("m" * 201), [], "201 characters"),
    "another customer": (REMARK, lambda _: RemarkRequest("a", "wm1", remark="x"), [("wm2", "x", "")], "its customer"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_plan_refused(on_port: OnPort, store: Store, case: str) -> None:
    """Whom a plan names must be whom its request is about."""
    corp = Corp()
    kind, make, subjects, message = MISTAKES[case]

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        with pytest.raises(UsageError, match=message):
            plan(store, outbox, kind, make(corp), subjects=subjects)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


class _Ahead:
    """A port whose clock is fast, as another machine's may be."""

    def __init__(self, port: Port, by: timedelta) -> None:
        self._port, self._by = port, by

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def now(self) -> Any:
        return self._port.now() + self._by


@pytest.mark.parametrize("what", UPDATES)
def test_clocks_apart(on_port: OnPort, store: Store, what: str) -> None:
    """A worker whose clock is fast lets no newer change go while the lost one may still land."""
    corp = Corp()
    kind, make, path = UPDATES[what]

    async def scenario(port: Port) -> None:
        ahead: Any = _Ahead(port, SETTLE - timedelta(seconds=1))
        slow, fast = corp.outbox(port, store), corp.outbox(ahead, store)
        for text in ("一", "二"):
            plan(store, slow, kind, make(corp, text))
        corp.box.faults.add(Fault("late_acceptance", path, delay=100))
        assert 1 == (await slow.tick(1)).unknown
        for _ in range(40):
            corp.box.advance(timedelta(seconds=5))
            await fast.drain()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert "二" == corp.remark(what)
