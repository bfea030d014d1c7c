"""Migrations against the sandbox: waves, refusals, full takeover staff, lost answers, crashes."""

from __future__ import annotations

import csv

from collections import Counter
from datetime import timedelta

import attrs
import pytest

from privdom._port import BlockingPort, run
from privdom.errors import NotSent, UsageError
from privdom.events import CustomerMoved, EventLog, SqlInbox, TransferFailed, TransferRefused, WaveFinished
from privdom.migration import ItemState, Migration, Policy, VipLast
from privdom.mirror import follows, set_facts
from privdom.outbox import AsyncDesiredTags, OutboxSettings
from privdom.sandbox import Fault, Rules
from privdom.store import Store
from privdom.store.engine import make_engine
from privdom.testing import listen
from privdom.wecom import WeCom
from tests.migration.corp import PLAN, Corp, Crash, CrashingStore, fill_mirror, new_sandbox, policy


DAY = timedelta(days=1)


@pytest.fixture
def memory():
    return Store("sqlite://")


def log_of(store: Store, box, kind: str):
    with store.begin() as conn:
        return [event for _, event in EventLog.read(conn, box.corp_id, "test", [kind])]


def staff_of(store: Store, box, staff: str) -> set[str]:
    with store.read() as conn:
        return {follow.external_userid for follow in follows(conn, box.corp_id, staff=[staff])}


def test_everybody_moves_in_waves(on_port, memory):
    """Without refusals every customer moves once, wave after wave, and the report says so."""
    box = new_sandbox({"ann": 5, "bob": 4}, takeover={"tom": 100, "una": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        takeover = {"tom": None, "una": 50}
        plan = await corp.migration.plan(PLAN, handover=["ann", "bob"], takeover=takeover, policy=policy(wave_size=4))
        await corp.drive()
        return plan, await corp.migration.report(PLAN), corp.starts()

    plan, report, starts = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (9, 3) == (plan.moves, plan.estimate.waves)
    assert report.finished
    assert 100.0 == report.total.moved_percent
    assert {1: 4, 2: 4, 3: 1} == {wave: tally.succeeded for wave, tally in report.waves.items()}
    assert [1] * 9 == list(starts.values())
    assert [1, 2, 3] == [event.wave for event in log_of(memory, box, WaveFinished.kind)]


def test_a_wave_starts_when_the_one_before_has_settled(on_port, memory):
    """The second wave is handed to WeCom a day after the first, not before."""
    box = new_sandbox({"ann": 6}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy(wave_size=3))
        await corp.drive()

    start = box.clock.now()
    on_port(scenario, transport=box.transport, clock=box.clock)
    days = Counter((e.at - start) // DAY for e in box.record.transfers if e.outcome == "started")

    assert {0: 3, 1: 3} == days


def test_success_moves_the_customer_everywhere(on_port, memory):
    """A success moves the relation in the mirror and the tags wished for, and is announced."""
    box = new_sandbox({"ann": 3}, takeover={"tom": 100})
    tag = box.admin_adds_tags("level", ["VIP"])["VIP"]
    fill_mirror(memory, box)
    due = box.clock.now() + DAY

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        tags = AsyncDesiredTags(corp.wecom, memory)
        with memory.begin() as conn:
            tags.want(conn, box.corp_id, "tiering:vip", [("ann", "wm-ann-001", tag, True)])
        await tags.push()
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        await corp.drive()
        await tags.push()

    on_port(scenario, transport=box.transport, clock=box.clock)
    customers = {f"wm-ann-{i:03}" for i in range(3)}

    assert customers == staff_of(memory, box, "tom")
    assert set() == staff_of(memory, box, "ann")
    assert [("ann", (tag,)), ("tom", (tag,))] == [(change.staff, change.added) for change in box.record.tag_changes]
    assert {CustomerMoved(c, "ann", "tom", due) for c in customers} == set(log_of(memory, box, CustomerMoved.kind))


@pytest.mark.parametrize("events", [True, False], ids=["by events", "by results"])
def test_refusals_and_a_full_takeover_are_told_apart(on_port, memory, events):
    """Some customers refuse, one takeover staff is full: each ends in a state of its own, by events or by polling."""
    # Their real capacity is below what the plan believes.
    box = new_sandbox({"ann": 14, "bob": 6}, takeover={"tom": 3, "una": 100})
    box.rules = Rules(refusal_rate=0.3)
    fill_mirror(memory, box)
    if events:
        listen(box, SqlInbox(memory))

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        takeover = {"tom": 10, "una": 10}
        await corp.migration.plan(PLAN, handover=["ann", "bob"], takeover=takeover, policy=policy())
        await corp.drive(events=events)
        return await corp.migration.report(PLAN)

    report = on_port(scenario, transport=box.transport, clock=box.clock)
    ends = Counter(entry.outcome for entry in box.record.transfers)
    tally = report.total

    assert (ends["succeeded"], ends["refused"], ends["full"]) == (tally.succeeded, tally.refused, tally.capacity)
    assert min(tally.succeeded, tally.refused, tally.capacity) > 0
    assert 20 == tally.succeeded + tally.refused + tally.capacity
    assert 3 == report.takeovers["tom"].succeeded
    assert {"refused": tally.refused, "capacity": tally.capacity} == Counter(
        event.reason for event in log_of(memory, box, TransferRefused.kind)
    )
    assert f"refused {tally.refused_percent:.1f} %" in repr(report)


def test_a_refusal_settles_its_item_at_once(on_port, memory):
    """A failed transfer that WeCom reports ends its item before the 24 hours are over."""
    box = new_sandbox({"ann": 2}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        await corp.step()
        await corp.step()
        with memory.begin() as conn:
            failed = [
                TransferFailed(f"wm-ann-00{i}", "tom", reason) for i, reason in enumerate(["customer_refused", "?"])
            ]
            EventLog.append(conn, box.corp_id, *failed)
        await corp.step()
        return [item async for item in corp.migration.items(PLAN)]

    first, second = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (ItemState.REFUSED, "customer_refused") == (first.state, first.reason)
    assert (ItemState.FAILED, "?") == (second.state, second.reason)


def test_failures_of_earlier_attempts_do_not_count(on_port, memory):
    """A failure that was reported before the wave was submitted, or that is older than it, settles nothing."""
    box = new_sandbox({"ann": 1}, takeover={"tom": 100})
    fill_mirror(memory, box)
    failed = TransferFailed("wm-ann-000", "tom", "customer_refused")

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        with memory.begin() as conn:
            EventLog.append(conn, box.corp_id, failed)
        await corp.step()
        with memory.begin() as conn:
            EventLog.append(conn, box.corp_id, attrs.evolve(failed, at=box.clock.now() - DAY))
        await corp.step()
        return await corp.states()

    assert {"waiting": 1} == on_port(scenario, transport=box.transport, clock=box.clock)


def test_errcodes_of_single_customers_decide_their_items(on_port, memory):
    """Customers whom WeCom turns down at once end as capacity, cooldown or failed; the others of the call go on."""
    box = new_sandbox({"ann": 4}, takeover={"una": 100})
    fill_mirror(memory, box)
    twice, gone, moving, fine = (f"wm-ann-{i:03}" for i in range(4))
    for _ in range(2):
        _transfer(box, twice, "una")
        box.set_staff("una", capacity=0)
        box.advance(2 * DAY)
        box.set_staff("una", capacity=100)
    box.staff_deletes_customer("ann", gone)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"una": 100}, policy=policy())
        _transfer(box, moving, "una")
        await corp.step()
        await corp.step()
        return {item.external_userid: (item.state, item.errcode) async for item in corp.migration.items(PLAN)}

    expected = {
        twice: (ItemState.COOLDOWN, 40128),
        gone: (ItemState.FAILED, 40131),
        moving: (ItemState.FAILED, 40129),
        fine: (ItemState.WAITING, 0),
    }

    assert expected == on_port(scenario, transport=box.transport, clock=box.clock)


def _transfer(box, customer: str, takeover: str) -> None:
    with WeCom(box.corp_id, box.secret, transport=box.transport, clock=box.clock) as wecom:
        wecom.transfers.start("ann", takeover, [customer])


def test_a_takeover_that_is_full_from_the_start(on_port, memory):
    """Where WeCom finds the takeover staff full at once, the items end as capacity with errcode 40099."""
    box = new_sandbox({"ann": 2}, takeover={"tom": 0})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": 10}, policy=policy())
        await corp.drive()
        return [(item.state, item.errcode) async for item in corp.migration.items(PLAN)]

    assert [(ItemState.CAPACITY, 40099)] * 2 == on_port(scenario, transport=box.transport, clock=box.clock)


def test_a_call_that_is_refused_as_a_whole(on_port, memory):
    """Where WeCom refuses the call, all its customers fail with its errcode, and the plan goes on."""
    box = new_sandbox({"ann": 2, "bob": 2}, takeover={"tom": 100, "una": 100})
    fill_mirror(memory, box)
    box.set_staff("una", serving=False)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann", "bob"], takeover={"tom": 2, "una": 2}, policy=policy())
        await corp.drive()
        return await corp.migration.report(PLAN), [i async for i in corp.migration.items(PLAN, ItemState.FAILED)]

    report, failed = on_port(scenario, transport=box.transport, clock=box.clock)

    assert report.finished
    assert (2, 2) == (report.takeovers["tom"].succeeded, report.takeovers["una"].failed)
    assert {84074} == {item.errcode for item in failed}
    assert all(item.reason.startswith("refused: ") for item in failed)


def test_a_lost_answer_is_found_again(on_port, memory):
    """Where the answer of a call is lost, its transfers are found in the results; nobody is transferred twice."""
    box = new_sandbox({"ann": 4}, takeover={"tom": 100})
    fill_mirror(memory, box)
    box.faults.add(Fault("lost_response", "transfer_customer"))

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy(wave_size=2))
        await corp.drive()
        return await corp.migration.report(PLAN), corp.starts()

    report, starts = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (True, 4) == (report.finished, report.total.succeeded)
    assert [1] * 4 == list(starts.values())


def test_a_lost_answer_with_a_refusal_in_it(on_port, memory):
    """Where a lost answer turned a customer down, who is missing in the results, that one fails and the others move."""
    box = new_sandbox({"ann": 3}, takeover={"tom": 100})
    fill_mirror(memory, box)
    box.staff_deletes_customer("ann", "wm-ann-001")
    box.faults.add(Fault("lost_response", "transfer_customer"))

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        await corp.drive()
        return await corp.migration.report(PLAN), [i async for i in corp.migration.items(PLAN, ItemState.FAILED)]

    report, (failed,) = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (True, 2) == (report.finished, report.total.succeeded)
    assert ("wm-ann-001", "the call arrived, but WeCom shows no transfer of this customer") == (
        failed.external_userid,
        failed.reason,
    )


def test_a_parked_call_does_not_hold_up_other_waves(on_port, memory):
    """Customers of a call that nobody can find stay submitted, the later waves go on, and a person ends it."""
    box = new_sandbox({"ann": 4}, takeover={"tom": 100})
    fill_mirror(memory, box)
    box.faults.add(Fault("lost_request", "transfer_customer"))

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy(wave_size=2))
        await corp.drive()
        between = await corp.migration.report(PLAN)
        shown = [item.reason async for item in corp.migration.items(PLAN, ItemState.SUBMITTED)]
        nothing = await corp.migration.next_at(PLAN)
        (unit,) = await corp.outbox.parked.list()
        await corp.outbox.parked.resend(unit.id, by="eve")
        await corp.outbox.drain()
        await corp.drive()
        return between, shown, nothing, await corp.migration.report(PLAN), corp.starts()

    between, shown, nothing, report, starts = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (False, 2, 2) == (between.finished, between.total.parked, between.total.succeeded)
    assert all(reason.startswith("parked: ") for reason in shown)
    assert nothing is None
    assert (True, 4) == (report.finished, report.total.succeeded)
    assert [1] * 4 == list(starts.values())


def test_a_parked_call_that_shows_up_after_all(on_port, memory):
    """Where WeCom carries a call out after it was parked, the results settle its customers without anybody's help."""
    box = new_sandbox({"ann": 2}, takeover={"tom": 100})
    fill_mirror(memory, box)
    box.faults.add(Fault("late_acceptance", "transfer_customer", delay=3600))

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        await corp.drive()
        return await corp.migration.report(PLAN), corp.starts()

    report, starts = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (True, 2) == (report.finished, report.total.succeeded)
    assert [1] * 2 == list(starts.values())


def test_a_unit_that_a_person_drops(on_port, memory):
    """Customers of a parked call that a person gives up fail, and are not tried again."""
    box = new_sandbox({"ann": 2}, takeover={"tom": 100})
    fill_mirror(memory, box)
    box.faults.add(Fault("lost_request", "transfer_customer"))

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        await corp.drive()
        (unit,) = await corp.outbox.parked.list()
        await corp.outbox.parked.drop(unit.id, by="eve")
        await corp.drive()
        return await corp.migration.report(PLAN), corp.starts()

    report, starts = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (True, 2) == (report.finished, report.total.failed)
    assert not starts


def test_results_that_cannot_be_read_end_with_patience(on_port, memory):
    """Where WeCom does not tell the results of a pair, as of staff who has left, its customers fail after a while."""
    box = new_sandbox({"ann": 2, "bob": 2}, takeover={"tom": 100, "una": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann", "bob"], takeover={"tom": 2, "una": 2}, policy=policy())
        await corp.step()
        await corp.step()
        del box._world.state.staff["bob"]
        await corp.drive()
        return await corp.migration.report(PLAN)

    report = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (2, 2) == (report.takeovers["tom"].succeeded, report.takeovers["una"].failed)
    assert report.finished


def test_without_a_connection_nothing_is_lost(on_port, memory):
    """Where results cannot be asked for at all, the step fails and a later one goes on."""
    box = new_sandbox({"ann": 2}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        await corp.step()
        await corp.step()
        box.advance(DAY)
        box.faults.add(Fault("connect_refused", "transfer_result", times=0))
        with pytest.raises(NotSent):
            await corp.step()
        box.faults.clear()
        await corp.drive()
        return await corp.migration.report(PLAN)

    assert 2 == on_port(scenario, transport=box.transport, clock=box.clock).total.succeeded


def test_results_are_polled_no_more_than_needed(on_port, memory):
    """Advancing every minute asks for results once when they are due, and then only every ten minutes."""
    box = new_sandbox({"ann": 2}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        await corp.step()
        await corp.step()
        # WeCom believes it to be earlier than it is.
        due = await corp.migration.next_at(PLAN)
        before = len(box.record.calls)
        for _ in range(30):
            await corp.migration.advance(PLAN)
            box.clock.move(box.clock.now() + timedelta(minutes=1))
        waiting = len(box.record.calls) - before
        box.clock.move(due)
        for _ in range(21):
            await corp.migration.advance(PLAN)
            box.clock.move(box.clock.now() + timedelta(minutes=1))
        return waiting, sum(call.path.endswith("transfer_result") for call in box.record.calls[before:])

    assert (0, 3) == on_port(scenario, transport=box.transport, clock=box.clock)


def test_a_plan_is_made_once(on_port, memory):
    """Planning again under the same id returns the stored plan, whatever has changed since."""
    box = new_sandbox({"ann": 10}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        first = await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": 5}, policy=policy(wave_size=2))
        box.advance(DAY)
        second = await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None})
        return first, second, await corp.states()

    first, second, states = on_port(scenario, transport=box.transport, clock=box.clock)

    assert first == second
    assert {"planned": 5, "left_out": 5} == states


def test_the_plan_can_be_read_before_anything_happens(on_port, memory):
    """The summary shows what each takeover staff gets, who stays and why, warnings and cost."""
    box = new_sandbox({"ann": 12}, takeover={"tom": 100}, overlap=2)
    fill_mirror(memory, box)
    listen(box, SqlInbox(memory))
    box.customer_deletes_staff("wm-ann-011", "ann")
    with memory.begin() as conn:
        set_facts(conn, box.corp_id, "tier.quality", {"wm-ann-005": "A", "wm-ann-006": "B"}, box.clock.now())

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.work()
        with memory.begin() as conn:
            corp.outbox.suppress(conn, ["wm-ann-007"], reason="asked for it")
        rules = policy(wave_size=3, vip_last=VipLast("tier.quality", ["A"]))
        return await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": 9}, policy=rules)

    plan = on_port(scenario, transport=box.transport, clock=box.clock)

    assert "<Plan spring: 7 move, 5 stay, 1 warnings>" == repr(plan)
    assert [
        "Migration spring: 7 customers move from 1 staff to 1, 5 stay",
        "",
        "takeover  capacity  has  takes  of them VIP  then has",
        "tom              9    2      7            1         9",
        "",
        "stay, already_friend: 2",
        "stay, gone: 1",
        "stay, suppressed: 1",
        "stay, no_capacity: 1",
        "WARNING: capacity short by 1: name more takeover staff, or move a smaller share",
        "3 calls in 3 waves of at most 3, 3 days at least",
    ] == plan.summary().splitlines()


def test_two_plans_do_not_share_a_customer(on_port, memory):
    """A customer who is about to move in one plan is left out of another, and takes room there."""
    box = new_sandbox({"ann": 3, "bob": 2}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan("first", handover=["ann"], takeover={"tom": 4}, policy=policy())
        return await corp.migration.plan("second", handover=["ann", "bob"], takeover={"tom": 4}, policy=policy())

    plan = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (1, 3) == (plan.moves, plan.parts[0].load)
    assert {"moving": 3, "no_capacity": 1} == plan.left_out


def test_a_customer_rests_after_two_migrations(on_port, memory):
    """After two transfers in 90 days a third plan leaves the customer out, with the day of return."""
    box = new_sandbox({"ann": 1}, takeover={"tom": 100})
    fill_mirror(memory, box)
    start = box.clock.now()

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        for i, (handover, takeover) in enumerate([("ann", "tom"), ("tom", "ann"), ("ann", "tom")]):
            plan_id = f"{i}"
            await corp.migration.plan(plan_id, handover=[handover], takeover={takeover: None}, policy=policy())
            while not (progress := await corp.migration.advance(plan_id)).finished:
                if not await corp.outbox.drain():
                    box.advance_to(progress.next_at)
        return [item.reason async for item in corp.migration.items("2")]

    reasons = on_port(scenario, transport=box.transport, clock=box.clock)

    assert [f"cooldown until {start + timedelta(days=90):%Y-%m-%d}"] == reasons


def test_steps_tell_what_they_did(on_port, memory):
    """Each step returns what it did and when the next can do something."""
    box = new_sandbox({"ann": 3}, takeover={"tom": 100})
    fill_mirror(memory, box)
    now = box.clock.now()

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy())
        steps = [await corp.migration.advance(PLAN)]
        await corp.outbox.drain()
        settled = await corp.migration.next_at(PLAN)
        steps.append(await corp.migration.advance(PLAN))
        box.advance(DAY)
        steps += [await corp.migration.advance(PLAN), await corp.migration.advance(PLAN)]
        return steps, settled, await corp.migration.next_at(PLAN)

    steps, settled, at_end = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (3, now) == (steps[0].submitted, steps[0].next_at)
    assert now == settled
    assert now + DAY == steps[1].next_at
    assert (3, (1,), True) == (steps[2].settled, steps[2].waves_finished, steps[2].finished)
    assert at_end is None
    assert [
        "<Progress spring: 3 submitted, 0 settled, next at 2026-01-05 09:00:00 UTC>",
        "<Progress spring: 0 submitted, 0 settled, next at 2026-01-06 09:00:00 UTC>",
        "<Progress spring: 0 submitted, 3 settled, finished>",
        "<Progress spring: 0 submitted, 0 settled, finished>",
    ] == list(map(repr, steps))


def test_an_empty_plan_finishes_at_once(on_port, memory):
    """A plan in which nobody moves is finished by its first step."""
    box = new_sandbox({"ann": 1}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy(share=0.0))
        return await corp.migration.advance(PLAN), await corp.migration.report(PLAN)

    progress, report = on_port(scenario, transport=box.transport, clock=box.clock)

    assert progress.finished
    assert (0, 0.0) == (report.total.total, report.total.moved_percent)
    assert {"outside_share": 1} == report.left_out


def test_the_customers_of_a_plan_can_be_exported(on_port, memory, tmp_path):
    """export_csv writes a row for each customer, those who stay included."""
    box = new_sandbox({"ann": 1005}, takeover={"tom": 5000})
    fill_mirror(memory, box)
    path = tmp_path / "spring.csv"

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None})
        count = await corp.migration.export_csv(PLAN, path)
        return count, [item async for item in corp.migration.items(PLAN)]

    count, items = on_port(scenario, transport=box.transport, clock=box.clock)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))

    assert 1005 == count
    assert [item.external_userid for item in items] == [row["external_userid"] for row in rows]
    assert {"planned": 804, "left_out": 201} == Counter(row["state"] for row in rows)
    assert "<Item wm-ann-000 ann -> tom wave 1 planned>" == repr(items[0])


BAD = [
    ({"handover": ["ann"], "takeover": {"ann": None}}, "hand over and take over"),
    ({"handover": [], "takeover": {"tom": None}}, "at least one"),
    ({"handover": ["ann"], "takeover": {}}, "at least one"),
    ({"handover": "ann", "takeover": {"tom": None}}, "list"),
    ({"handover": ["ann"], "takeover": {"tom": -1}}, "capacity"),
    ({"handover": ["nobody"], "takeover": {"tom": None}}, "'nobody'"),
    ({"handover": ["ann"], "takeover": {"Tom": None}}, "'Tom'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_stored(on_port, memory, arguments, message):
    """A plan that makes no sense raises UsageError, and there is no plan afterwards."""
    box = new_sandbox({"ann": 1}, takeover={"tom": 100})
    fill_mirror(memory, box)

    async def scenario(port):
        corp = Corp.on(port, box, memory)
        with pytest.raises(UsageError, match=message):
            await corp.migration.plan(PLAN, **arguments)
        with pytest.raises(UsageError, match="no plan 'spring'"):
            await corp.migration.report(PLAN)

    on_port(scenario, transport=box.transport, clock=box.clock)


@pytest.mark.parametrize("plan_id", ["", "x" * 51])
def test_a_plan_needs_a_short_name(on_port, memory, plan_id):
    """A plan_id is 1 to 50 characters long."""

    async def scenario(port):
        corp = Corp.on(port, new_sandbox({}, takeover={"tom": 1}), memory)
        with pytest.raises(UsageError, match="50"):
            await corp.migration.plan(plan_id, handover=["ann"], takeover={"tom": None})

    on_port(scenario)


@pytest.mark.parametrize("method", ["advance", "next_at", "report"])
def test_an_unknown_plan_is_a_usage_error(on_port, memory, method):
    """Everything but plan() refuses a plan that is not there."""

    async def scenario(port):
        corp = Corp.on(port, new_sandbox({}, takeover={"tom": 1}), memory)
        with pytest.raises(UsageError, match="make it with plan"):
            await getattr(corp.migration, method)("none")

    on_port(scenario)


def test_the_blocking_twin(memory):
    """Migration does the same without await, with an outbox of its own."""
    box = new_sandbox({"ann": 2}, takeover={"tom": 100})
    fill_mirror(memory, box)
    with WeCom(box.corp_id, box.secret, transport=box.transport, clock=box.clock) as wecom:
        migration = Migration(wecom, memory)
        plan = migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=Policy(share=0.5))
        progress = migration.advance(PLAN)
        items = list(migration.items(PLAN, ItemState.SUBMITTED))

    assert (1, 1, 1) == (plan.moves, progress.submitted, len(items))
    assert repr(migration).startswith("<Migration of ww")


def _disturbed_corp():
    box = new_sandbox({"ann": 5, "bob": 3}, takeover={"tom": 2, "una": 100})
    box.rules = Rules(refusal_rate=0.3)
    return box


def _run(box, engine, *, store_class=Store, crash=None):
    """Migrate in one process, which may crash at the end of a transaction; return the report unless it did."""
    store = store_class(engine)
    if crash is not None:
        store.crash(crash[0], committed=crash[1])
    port = BlockingPort(transport=box.transport, clock=box.clock)

    async def scenario():
        corp = Corp.on(port, box, store, OutboxSettings(policy="resend"))
        takeover = {"tom": 4, "una": 4}
        await corp.migration.plan(PLAN, handover=["ann", "bob"], takeover=takeover, policy=policy(wave_size=5))
        await corp.drive()
        return await corp.migration.report(PLAN), corp.starts()

    try:
        return run(scenario())
    except Crash:
        return None


@pytest.mark.parametrize("committed", [False, True], ids=["rolled back", "committed"])
def test_a_crash_at_any_step_changes_nothing(committed):
    """Whichever transaction a process dies in, the next one goes on, and the end is that of an undisturbed run."""
    box = _disturbed_corp()
    engine = make_engine("sqlite://")
    fill_mirror(Store(engine), box)
    expected, _ = _run(box, engine)
    crashes = 0
    while True:
        crashes += 1
        box, engine = _disturbed_corp(), make_engine("sqlite://")
        fill_mirror(Store(engine), box)
        done = _run(box, engine, store_class=CrashingStore, crash=(crashes, committed))
        if done is not None:
            break
        report, starts = _run(box, engine)

        assert expected == report, f"after transaction {crashes}"
        assert {1} == set(starts.values())

    assert crashes > 10


@pytest.mark.parametrize("kind", ["lost_response", "lost_request", "connect_refused", "busy", "truncated", "html"])
def test_a_fault_on_the_way_changes_nothing(kind):
    """Whatever goes wrong with one call, customers are transferred once and the report is that of a quiet day."""
    box = _disturbed_corp()
    engine = make_engine("sqlite://")
    fill_mirror(Store(engine), box)
    expected, _ = _run(box, engine)
    box, engine = _disturbed_corp(), make_engine("sqlite://")
    fill_mirror(Store(engine), box)
    box.faults.add(Fault(kind, "transfer_customer", after_change=kind in {"busy", "truncated", "html"}))
    report, starts = _run(box, engine)

    assert expected == report
    assert {1} == set(starts.values())


def test_two_processes_at_once_on_any_database(on_port, store, database):
    """Two processes that take turns at every step move each customer once, on SQLite and on PostgreSQL."""
    box = _disturbed_corp()
    fill_mirror(store, box)
    listen(box, SqlInbox(store))

    async def scenario(port):
        with Store(database) as other_store:
            corp, other = Corp.on(port, box, store), Corp.on(port, box, other_store)
            takeover = {"tom": 4, "una": 4}
            for one in (corp, other):
                await one.migration.plan(PLAN, handover=["ann", "bob"], takeover=takeover, policy=policy(wave_size=5))
            for _ in range(20):
                for one in (corp, other):
                    await one.step()
                box.advance(timedelta(hours=7))
                await corp.work()
            return await other.migration.report(PLAN), corp.starts()

    report, starts = on_port(scenario, transport=box.transport, clock=box.clock)

    assert report.finished
    assert {1} == set(starts.values())
    assert 8 == report.total.succeeded + report.total.refused + report.total.capacity
