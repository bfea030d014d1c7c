"""Callbacks keep the mirror equal to the corp, in whatever order and number they come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from shutil import copy
from typing import Any

import attrs
import pytest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from privdom._port import BlockingPort, Port, run
from privdom.errors import Refused
from privdom.events import CustomerMoved, Dispatcher, EventLog, SqlInbox, TransferFailed
from privdom.events.inbox import inbox_table
from privdom.mirror import Follow, MirrorHandler, follows, handler, move_follows
from privdom.sandbox import Rules, Sandbox
from privdom.store import Store
from privdom.testing import listen
from privdom.wecom import callbacks as wire
from privdom.wecom.client import WeCom
from tests.conftest import OnPort
from tests.mirror.corp import Door, client, mirror, mirrored, small_corp, told, truth, work


def pair_of(box: Sandbox, number: int = 0) -> tuple[str, str]:
    """Return a staff and a customer whom nobody else follows."""
    state: Any = box.state()
    alone = [(*one["followers"], who) for who, one in sorted(state["customers"].items()) if len(one["followers"]) == 1]
    return alone[number]


def relation(store: Store, corp_id: str, staff: str, customer: str) -> Follow | None:
    with store.read() as conn:
        return next(follows(conn, corp_id, [staff], [customer]), None)


def fold(box: Sandbox, store: Store, events: Sequence[wire.Event], port: Port | None = None) -> None:
    """Work *events* one after the other."""
    port = port or BlockingPort(transport=box.transport, clock=box.clock)
    one = MirrorHandler(client(box, port))
    for event in events:
        write = run(one.handle(event))
        if write is not None:
            with store.begin() as conn:
                write(conn)


def arrived(store: Store) -> list[wire.Event]:
    with store.read() as conn:
        return [wire.parse_event(xml) for xml in conn.execute(select(inbox_table.c.xml)).scalars()]


def test_callbacks_keep_the_mirror_equal(on_port: OnPort, store: Store) -> None:
    """Adds, edits, deletions, tags and groups arrive by callback, and no full sync is needed."""
    box = small_corp(customers=30)
    listen(box, SqlInbox(store))
    state: Any = box.state()
    (staff, gone), (other, edited) = pair_of(box, 0), pair_of(box, 1)
    chats, tags = sorted(state["groups"]), sorted(state["tags"])

    async def scenario(port: Port) -> int:
        await mirror(box, port, store).sync()
        new = box.scan("store_shanghai", "新客").external_userid
        box.staff_edits_customer(other, edited, remark="改了", add_tags=tags[:1])
        box.staff_deletes_customer(staff, gone)
        box.create_group("新群", owner=staff, members=[new])
        box.dismiss_group(chats[0])
        box.join_group(chats[1], [new])
        box.rename_group(chats[2], "换了")
        box.admin_adds_tags("新组", ["一", "二"])
        box.admin_edits_tag(tags[1], name="换了")
        box.admin_deletes_tag(tags[2])
        return await work(box, port, store)

    done = on_port(scenario, transport=box.transport, clock=box.clock)
    held = mirrored(store, box.corp_id)
    held["customers"].pop(gone)  # known until the next full sync

    assert done > 8
    assert truth(box) == held
    assert [("+", "-staff")] == [tuple(sorted(sign for sign, _, _ in told(store, box.corp_id)))]


def test_a_first_sync_does_not_swallow_an_add(on_port: OnPort, store: Store) -> None:
    """An add whose relation the first sync has read before its callback is told to the log, once."""
    box = small_corp(customers=5)
    listen(box, SqlInbox(store))

    async def scenario(port: Port) -> None:
        scanned = box.scan("store_shanghai")
        await mirror(box, port, store).sync()
        await work(box, port, store)
        box.staff_edits_customer(scanned.staff_userid, scanned.external_userid, remark="x")
        await work(box, port, store)

    on_port(scenario, transport=box.transport, clock=box.clock)

    assert ["+"] == [sign for sign, _, _ in told(store, box.corp_id)]


def test_a_later_sync_makes_up_for_lost_callbacks_once(on_port: OnPort, store: Store) -> None:
    """What a sync has told the log, a callback that comes after all does not tell again."""
    box = small_corp(customers=5)
    listen(box, SqlInbox(store))
    staff, customer = pair_of(box)

    async def scenario(port: Port) -> None:
        await mirror(box, port, store).sync()
        scanned = box.scan("store_shanghai")
        box.staff_deletes_customer(staff, customer)
        await mirror(box, port, store).sync()
        assert {("+", scanned.staff_userid, scanned.external_userid), ("-sync", staff, customer)} == set(
            told(store, box.corp_id)
        )
        await work(box, port, store)

    on_port(scenario, transport=box.transport, clock=box.clock)

    assert 2 == len(told(store, box.corp_id))


def test_a_customer_who_deletes_the_staff_stays_and_may_come_back(on_port: OnPort, store: Store) -> None:
    """The relation is marked, not removed; another add clears the mark; each turn is told once, repeats are not."""
    box = small_corp(customers=5)
    listen(box, SqlInbox(store))
    staff, customer = pair_of(box)
    seen: list[bool] = []

    async def scenario(port: Port) -> None:
        await mirror(box, port, store).sync()
        for act in ("leave", "return", "leave"):
            box.advance(timedelta(minutes=1))
            if act == "leave":
                box.customer_deletes_staff(customer, staff)
            else:
                box.befriend(staff, customer)
            await work(box, port, store)
            held = relation(store, box.corp_id, staff, customer)
            assert held is not None
            seen.append(held.deleted_by_customer_at is not None)

    on_port(scenario, transport=box.transport, clock=box.clock)
    fold(box, store, arrived(store))
    box.staff_deletes_customer(staff, customer)
    fold(box, store, arrived(store)[-1:])

    assert [True, False, True] == seen
    assert ["-customer", "+", "-customer"] == [sign for sign, _, _ in told(store, box.corp_id)]
    assert None is relation(store, box.corp_id, staff, customer)


@attrs.frozen
class Day:
    """A corp as it is in the evening, the callbacks of its day, and the mirror of its morning."""

    box: Sandbox
    history: list[wire.Event]
    morning: Path


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Return an eventful day."""
    morning = tmp_path_factory.mktemp("day") / "morning.db"
    box = small_corp(customers=6, groups=2)
    with Store(f"sqlite:///{morning}") as store:
        run(mirror(box, BlockingPort(transport=box.transport, clock=box.clock), store).sync())
    state: Any = box.state()
    chats, tags = sorted(state["groups"]), sorted(state["tags"])
    (one, gone), (two, back), (three, left) = (pair_of(box, number) for number in range(3))
    member = next(one for one in state["groups"][chats[1]]["members"] if one.startswith("wm"))
    with Store("sqlite://") as store:
        listen(box, SqlInbox(store))
        for act in (
            lambda: box.staff_deletes_customer(one, gone),
            lambda: box.staff_deletes_customer(two, back),
            lambda: box.befriend(two, back, state="again"),
            lambda: box.customer_deletes_staff(left, three),
            lambda: box.staff_edits_customer(two, back, remark="x", add_tags=tags[:2]),
            lambda: box.scan("store_shanghai", "新客"),
            lambda: box.admin_deletes_tag(tags[2]),
            lambda: box.admin_adds_tags("新组", ["一"]),
            lambda: box.dismiss_group(chats[0]),
            lambda: box.leave_group(chats[1], [member]),
        ):
            box.advance(timedelta(minutes=5))
            act()
        box.deliver()
        return Day(box, arrived(store), morning)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), before=st.sampled_from(["nothing", "morning", "evening"]))
def test_order_and_repeats_do_not_matter(day: Day, tmp_path: Path, data: st.DataObject, before: str) -> None:
    """Late, repeated and shuffled callbacks end in the corp as it is; the log is told nothing twice."""
    box, history = day.box, day.history
    repeats = data.draw(st.lists(st.sampled_from(history), max_size=8))
    events = data.draw(st.permutations(history + repeats))
    port = BlockingPort(transport=box.transport, clock=box.clock)
    (tmp_path / "copy.db").unlink(missing_ok=True)
    if before == "morning":
        copy(day.morning, tmp_path / "copy.db")
    with Store(f"sqlite:///{tmp_path}/copy.db") as store:
        if before == "evening":
            run(mirror(box, port, store).sync())
        fold(box, store, events)
        held, wanted, signs = mirrored(store, box.corp_id), truth(box), told(store, box.corp_id)
        run(mirror(box, port, store).sync())
        after = mirrored(store, box.corp_id)

    about = {event.external_user_id for event in history if isinstance(event, wire.CustomerEvent)}
    there = {pair: one for pair, one in wanted["follows"].items() if before != "nothing" or pair[1] in about}
    assert there == held["follows"]
    assert wanted["groups"].keys() >= held["groups"].keys()
    assert wanted == after
    assert all(signs.count(sign) == 1 for sign in signs)


def _half_add(box: Sandbox, staff: str, customer: str) -> wire.CustomerHalfAdded:
    return wire.CustomerHalfAdded(
        corp_id=box.corp_id, create_time=box.clock.now(), user_id=staff, external_user_id=customer, state="door"
    )


def test_a_half_add_is_known_before_wecom_lists_it(store: Store) -> None:
    """A customer whom the staff has not confirmed yet is there, survives a sync, and is told once, confirmed or not."""
    box = small_corp(customers=5)
    port = BlockingPort(transport=box.transport, clock=box.clock)
    run(mirror(box, port, store).sync())
    staff = sorted(truth(box)["staff"])[0]
    fold(box, store, [_half_add(box, staff, "wmHalf")] * 2)
    waiting = relation(store, box.corp_id, staff, "wmHalf")
    run(mirror(box, port, store).sync())
    still = relation(store, box.corp_id, staff, "wmHalf")
    listen(box, SqlInbox(store))
    box.advance(timedelta(minutes=1))
    box.befriend(staff, box.add_customer("wmHalf", "新客"), state="door")
    box.deliver()
    fold(box, store, arrived(store))
    confirmed = relation(store, box.corp_id, staff, "wmHalf")

    assert waiting is not None
    assert ("door", False) == (waiting.state, waiting.confirmed)
    assert waiting == still
    assert confirmed is not None
    assert ("door", True) == (confirmed.state, confirmed.confirmed)
    assert [("+", staff, "wmHalf")] == told(store, box.corp_id)
    assert truth(box) == mirrored(store, box.corp_id)


def test_a_half_add_that_comes_late_does_not_revive(store: Store) -> None:
    """If the deletion was handled before it, the half add changes nothing."""
    box = small_corp(customers=5)
    staff = sorted(truth(box)["staff"])[0]
    half = _half_add(box, staff, "wmHalf")
    box.advance(timedelta(minutes=1))
    deleted = wire.CustomerDeleted(
        corp_id=box.corp_id, create_time=box.clock.now(), user_id=staff, external_user_id="wmHalf"
    )
    fold(box, store, [deleted, half])

    assert None is relation(store, box.corp_id, staff, "wmHalf")
    assert [] == told(store, box.corp_id)

    box.advance(timedelta(minutes=1))
    fold(box, store, [_half_add(box, staff, "wmHalf"), deleted])

    assert None is relation(store, box.corp_id, staff, "wmHalf")


def test_a_transfer_is_told_as_one(on_port: OnPort, store: Store) -> None:
    """The handover's loss is told as a transfer, the takeover's gain as an add; recording the move changes nothing more."""
    box = small_corp(customers=20)
    listen(box, SqlInbox(store))
    handover, customer = pair_of(box)
    takeover = next(one for one in sorted(truth(box)["staff"]) if one != handover)

    async def scenario(port: Port) -> None:
        await mirror(box, port, store).sync()
        await client(box, port).transfers.start(handover, takeover, [customer])
        box.advance(timedelta(hours=25))
        await work(box, port, store)

    on_port(scenario, transport=box.transport, clock=box.clock)
    before = mirrored(store, box.corp_id)
    with store.begin() as conn:
        move_follows(conn, box.corp_id, [CustomerMoved(customer, handover, takeover, box.clock.now())])

    assert truth(box) == before == mirrored(store, box.corp_id)
    assert {("-transfer", handover, customer), ("+", takeover, customer)} == set(told(store, box.corp_id))


def test_wecom_is_asked_once_for_a_customer_in_a_run(on_port: OnPort, store: Store) -> None:
    """Two events of one customer share the answer if they came in before it was asked for; a later one does not."""
    box = small_corp(customers=5)
    listen(box, SqlInbox(store))
    staff, customer = pair_of(box)
    door = Door(box)
    asked: list[int] = []

    async def scenario(port: Port) -> None:
        await mirror(box, port, store).sync()
        for remarks in (["一", "二"], ["三"]):
            for remark in remarks:
                box.advance(timedelta(minutes=1))
                box.staff_edits_customer(staff, customer, remark=remark)
            door.calls.clear()
            assert await work(box, port, store) == len(remarks)
            asked.append(door.calls.count("externalcontact/get"))

    on_port(scenario, transport=door, clock=box.clock)

    assert [1, 1] == asked
    assert truth(box) == mirrored(store, box.corp_id)


def test_a_failed_transfer_is_told(on_port: OnPort, store: Store) -> None:
    """The log says who should have taken over whom, and why not."""
    box = small_corp(customers=20)
    box.rules = Rules(refusal_rate=1.0)
    listen(box, SqlInbox(store))
    handover, customer = pair_of(box)
    takeover = next(one for one in sorted(truth(box)["staff"]) if one != handover)

    async def scenario(port: Port) -> None:
        await client(box, port).transfers.start(handover, takeover, [customer])
        box.advance(timedelta(hours=25))
        await work(box, port, store)

    on_port(scenario, transport=box.transport, clock=box.clock)
    with store.begin() as conn:
        events = [event for _, event in EventLog.read(conn, box.corp_id, "t")]

    assert [(customer, takeover, "customer_refused")] == [
        (event.external_userid, event.takeover_userid, event.reason)
        for event in events
        if isinstance(event, TransferFailed)
    ]


def test_a_group_read_too_early_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If WeCom still tells the version from before the event, it is asked once more after a moment."""
    monkeypatch.setattr(handler, "_GROUP_LAG", 0.0)
    box = small_corp(customers=20)
    chat_id = sorted(truth(box)["groups"])[0]
    door = Door(box)
    port = BlockingPort(transport=door, clock=box.clock)
    run(mirror(box, port, store).sync())
    listen(box, SqlInbox(store))
    stale = run(client(box, port).groups.get(chat_id))
    box.join_group(chat_id, ["wmLate"])
    box.deliver()
    answers = iter([{"group_chat": {"chat_id": chat_id, "member_version": stale.member_version}}])
    door.rules["externalcontact/groupchat/get"] = lambda _: next(answers, None)
    fold(box, store, arrived(store), port)

    assert truth(box) == mirrored(store, box.corp_id)


def test_a_refusal_keeps_the_message_for_later(store: Store) -> None:
    """What WeCom refuses for another reason than absence is raised, and the dispatcher tries again."""
    box = small_corp(customers=5)
    listen(box, SqlInbox(store))
    door = Door(box)
    door.refuse("externalcontact/groupchat/get", 48002)
    door.refuse("externalcontact/get", 84074)
    box.create_group(owner=sorted(truth(box)["staff"])[0])
    box.scan("store_shanghai")
    box.deliver()
    port = BlockingPort(transport=door, clock=box.clock)
    for event in arrived(store):
        with pytest.raises(Refused):
            fold(box, store, [event], port)


def test_other_events_are_left_to_others(store: Store) -> None:
    """An event that says nothing about the mirror needs no call and writes nothing."""
    box = small_corp(customers=5)
    door = Door(box)
    port = BlockingPort(transport=door, clock=box.clock)
    approved = wire.MsgAuditApproved(
        corp_id=box.corp_id, create_time=box.clock.now(), user_id="x", external_user_id="wmX"
    )
    unknown = wire.parse_event(b"<xml><Event>new_one</Event></xml>")
    fold(box, store, [approved, unknown], port)

    assert [] == door.calls


def test_a_shuffle_reads_the_order_again(store: Store) -> None:
    """Of one group, or of all if WeCom names none; a tag group that is gone takes its tags along."""
    box = small_corp(customers=5)
    port = BlockingPort(transport=box.transport, clock=box.clock)
    at = {"corp_id": box.corp_id, "create_time": box.clock.now()}
    fold(box, store, [wire.TagsShuffled(**at)])
    everything = mirrored(store, box.corp_id)["tags"]
    fold(box, store, [wire.TagDeleted(**at, id="etNoSuchGroup", tag_type="tag_group")])
    groups = run(client(box, port).tags.list())
    fold(box, store, [wire.TagUpdated(**at, id=groups[0].group_id, tag_type="tag_group")])

    assert truth(box)["tags"] == everything == mirrored(store, box.corp_id)["tags"]

    for tag in groups[0].tag:
        box.admin_deletes_tag(tag.id)
    fold(box, store, [wire.TagDeleted(**at, id=groups[0].group_id, tag_type="tag_group")])

    assert truth(box)["tags"] == mirrored(store, box.corp_id)["tags"]


def test_the_blocking_client_will_do(store: Store) -> None:
    """A handler takes either client, and says whose it is."""
    box = small_corp(customers=5)
    listen(box, SqlInbox(store))
    box.scan("store_shanghai")
    box.deliver()
    with WeCom(box.corp_id, box.secret, transport=box.transport, clock=box.clock) as wecom:
        one = MirrorHandler(wecom)

        assert 1 == Dispatcher(wecom, store, [one]).run()
        assert f"<MirrorHandler of {box.corp_id}>" == repr(one)
    assert ["+"] == [sign for sign, _, _ in told(store, box.corp_id)]
