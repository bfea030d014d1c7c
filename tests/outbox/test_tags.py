"""Desired tags: several owners, one call, and nothing taken off that was not ours."""

from __future__ import annotations

import json

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from privdom._port import Port
from privdom.errors import NotSent, UsageError
from privdom.outbox import AsyncDesiredTags, DesiredTags, OutboxSettings, PushReport, TagCounts, wishes
from privdom.outbox.wishes import push as push_table
from privdom.outbox.wishes import wish as wish_table
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.client import WeCom
from tests.conftest import OnPort
from tests.outbox.corp import SETTLE, Corp, Crash, HookedPort, HookedStore, Points


NOW = datetime(2026, 1, 2, tzinfo=UTC)
# Four times the client's ten seconds.
HORIZON = timedelta(seconds=40) + 2 * SETTLE


class Tagged(Corp):
    """A corp with four tags."""

    def __init__(self, seed: int = 0, **rules: Any) -> None:
        super().__init__(seed, **rules)
        self.tag = self.box.admin_adds_tags("等级", ["金", "银", "铜", "新"])

    def want(self, store: Store, tags: AsyncDesiredTags, owner: str, *changes: tuple[str, bool], who: int = 0) -> None:
        with store.begin() as conn:
            tags.want(
                conn,
                self.box.corp_id,
                owner,
                [("zhang", self.customers[who], self.tag[name], present) for name, present in changes],
            )

    def worn(self, who: int = 0, staff: str = "zhang") -> set[str]:
        """The names of the tags that a customer has, by the sandbox's record."""
        names = {tag_id: name for name, tag_id in self.tag.items()}
        have: set[str] = set()
        for change in self.box.record.tag_changes:
            if (change.staff, change.external_userid) == (staff, self.customers[who]):
                have = (have | set(change.added)) - set(change.removed)
        return {names.get(tag, tag) for tag in have}


def _counts(store: Store, tags: AsyncDesiredTags) -> TagCounts:
    with store.read() as conn:
        return tags.pending(conn)


def test_coalesced(on_port: OnPort, store: Store) -> None:
    """All wishes on a relation become one call, and what was taken back before the push none."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "tiering", ("金", True), ("银", True), ("银", False))
        corp.want(store, tags, "scoring", ("新", True), ("铜", True))
        corp.want(store, tags, "scoring", ("铜", False))
        corp.want(store, tags, "scoring", ("银", False))
        assert TagCounts(pending=3) == _counts(store, tags)
        assert PushReport(pushed=1) == await tags.push()
        assert {"金", "新"} == corp.worn()
        assert TagCounts(pushed=2) == _counts(store, tags)
        corp.want(store, tags, "tiering", ("金", True))
        assert not await tags.push()
        corp.want(store, tags, "tiering", ("金", False), ("银", True))
        assert PushReport(pushed=1) == await tags.push()
        assert {"银", "新"} == corp.worn()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 2 == corp.calls("mark_tag")


def test_owners(on_port: OnPort, store: Store) -> None:
    """A tag stays as long as one owner wants it; nobody takes off what no owner asked for."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.box.staff_edits_customer("zhang", corp.customers[0], add_tags=[corp.tag["铜"]])
        corp.want(store, tags, "a", ("金", True), ("铜", False))
        corp.want(store, tags, "b", ("金", True))
        await tags.push()
        corp.want(store, tags, "a", ("金", False))
        await tags.push()
        assert {"金", "铜"} == corp.worn()
        corp.want(store, tags, "b", ("金", False))
        await tags.push()
        assert {"铜"} == corp.worn()
        assert TagCounts() == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_many(on_port: OnPort, store: Store) -> None:
    """More relations than a batch holds are pushed, at most five calls at once, a limit of relations at a time."""
    corp = Tagged(latency=0.002)
    people = [corp.box.add_customer(f"wmmany{i}", staff=["li"]) for i in range(120)]

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "x", [("li", p, corp.tag["金"], True) for p in people])
        assert PushReport(pushed=10) == await tags.push(10)
        assert PushReport(pushed=110) == await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 120 == corp.calls("mark_tag")


def test_bad_tag(on_port: OnPort, store: Store) -> None:
    """One unknown tag fails alone; the others of the relation are pushed. Wanted again, it is tried again."""
    corp = Tagged()
    corp.tag["无"] = "etunknown"

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True), ("新", True))
        await tags.push()
        corp.want(store, tags, "x", ("银", True), ("无", True), ("新", False))
        assert PushReport(failed=1) == await tags.push()
        assert {"金", "银"} == corp.worn()
        assert TagCounts(pushed=2, failed=1) == _counts(store, tags)
        with store.read() as conn:
            assert [40068] == list(conn.scalars(select(wish_table.c.code).where(wish_table.c.state == "failed")))
        corp.want(store, tags, "x", ("无", True))
        assert PushReport(failed=1) == await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_no_relation(on_port: OnPort, store: Store) -> None:
    """A relation that is gone is recorded as such, and tried again when somebody wants it again."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.box.staff_deletes_customer("zhang", corp.customers[0])
        corp.want(store, tags, "x", ("金", True))
        assert PushReport(no_relation=1) == await tags.push()
        assert TagCounts(no_relation=1) == _counts(store, tags)
        corp.box.befriend("zhang", corp.customers[0])
        corp.want(store, tags, "x", ("金", True))
        assert PushReport(pushed=1) == await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("connect_refused", "mark_tag"),
        Fault("lost_request", "mark_tag"),
        Fault("lost_response", "mark_tag"),
        Fault("busy", "mark_tag", after_change=True),
        Fault("html", "mark_tag"),
        Fault("quota", "mark_tag"),
        Fault("expired_token", "mark_tag"),
    ],
    ids=lambda fault: fault.kind,
)
def test_faults(on_port: OnPort, store: Store, fault: Fault) -> None:
    """Whatever goes wrong, the relation is pushed again after a while."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True))
        corp.box.faults.add(fault)
        assert PushReport(later=1) == await tags.push()
        assert not await tags.push()
        with store.read() as conn:
            at = tags.next_at(conn)
        assert at is not None
        assert corp.box.clock.now() < at <= corp.box.clock.now() + HORIZON
        corp.box.advance_to(at)
        assert PushReport(pushed=1) == await tags.push()
        with store.read() as conn:
            assert tags.next_at(conn) is None

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert {"金"} == corp.worn()


def test_fault_among_singles(on_port: OnPort, store: Store) -> None:
    """Where tags are pushed one by one, what is done stays done when one of them has to wait."""
    corp = Tagged()
    corp.tag["无"] = "etunknown"

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True), ("银", True), ("无", True))
        # The body of a call for one tag alone.
        corp.box.faults.add(Fault("lost_request", "mark_tag", subject=f'"add_tag":["{corp.tag["银"]}"]'))
        assert PushReport(later=1) == await tags.push()
        corp.box.advance(HORIZON)
        assert await tags.push()
        assert {"金", "银"} == corp.worn()
        assert 0 == _counts(store, tags).pending

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_no_token(on_port: OnPort, store: Store) -> None:
    """While no token is to be had, nothing is claimed and the caller hears why."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True))
        corp.box.faults.add(Fault("connect_refused", "gettoken"))
        with pytest.raises(NotSent):
            await tags.push()
        assert PushReport(pushed=1) == await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_move(on_port: OnPort, store: Store) -> None:
    """Wishes follow a moved customer, meet what was wished for there, and are pushed again."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True), ("银", True))
        await tags.push()
        corp.box.befriend("li", corp.customers[0])
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "x", [("li", corp.customers[0], corp.tag["金"], True)])
            assert 2 == tags.move(conn, corp.box.corp_id, [(corp.customers[0], "zhang", "li")])
            assert 0 == tags.move(conn, corp.box.corp_id, [(corp.customers[0], "zhang", "li")])
        assert PushReport(pushed=1) == await tags.push()
        assert {"金", "银"} == corp.worn(staff="li")
        assert TagCounts(pushed=2) == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_move_twice(on_port: OnPort, store: Store) -> None:
    """A customer who stands in one call twice is refused, and nothing moves."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True))
        customer = corp.customers[0]
        with store.begin() as conn, pytest.raises(UsageError, match=r"moves\[1\].*moved twice") as caught:
            tags.move(conn, corp.box.corp_id, [(customer, "zhang", "li"), (customer, "li", "wang")])
        assert customer not in str(caught.value)
        assert PushReport(pushed=1) == await tags.push()
        assert {"金"} == corp.worn()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_move_to_the_same_staff(on_port: OnPort, store: Store) -> None:
    """A customer who stays where they are keeps the wishes, and nothing is pushed for it."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        for who in range(2):
            corp.want(store, tags, "x", ("金", True), who=who)
        await tags.push()
        corp.box.befriend("li", corp.customers[1])
        one, two = corp.customers[:2]
        with store.begin() as conn:
            assert 1 == tags.move(conn, corp.box.corp_id, [(one, "zhang", "Zhang"), (two, "zhang", "li")])
        assert TagCounts(pending=1, pushed=1) == _counts(store, tags)
        assert PushReport(pushed=1) == await tags.push()
        assert {"金"} == corp.worn() == corp.worn(1, staff="li")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_move_to_no_staff(store: Store) -> None:
    """Wishes move to somebody of the staff only: it is told which move names nobody, and nothing moves."""
    corp = Tagged()
    with WeCom(corp.box.corp_id, corp.box.secret, transport=corp.box.transport, clock=corp.box.clock) as wecom:
        tags = DesiredTags(wecom, store)
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "x", [("zhang", c, corp.tag["金"], True) for c in corp.customers])
            one, two = corp.customers[:2]
            for move, said in (((two, "zhang", ""), "takeover"), ((two, "", "li"), "handover")):
                with pytest.raises(UsageError, match=rf"moves\[1\]: {said} is empty"):
                    tags.move(conn, corp.box.corp_id, [(one, "zhang", "li"), move])
        assert PushReport(pushed=len(corp.customers)) == tags.push()


def test_case_of_staff(on_port: OnPort, store: Store) -> None:
    """Staff are the same in any case, as at WeCom: wishes for them meet in one call, and move together."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        spy: Any = _Spy(port)
        tags = corp.tags(spy, store)
        customer, tag = corp.customers[0], corp.tag["金"]
        with store.begin() as conn:
            for owner, staff in (("shop", "zhang"), ("crm", "ZHANG")):
                tags.want(conn, corp.box.corp_id, owner, [(staff, customer, tag, True)])
            tags.want(conn, corp.box.corp_id, "crm", [("zhang", customer, corp.tag["银"], True)])
            last = [(staff, customer, corp.tag["银"], staff == "zhang") for staff in ("zhang", "Zhang")]
            tags.want(conn, corp.box.corp_id, "crm", last)
        assert PushReport(pushed=1) == await tags.push()
        assert [("zhang", [tag])] == [(body["userid"], body["add_tag"]) for body in spy.bodies]
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "shop", [("Zhang", customer, tag, False)])
        assert PushReport(pushed=1) == await tags.push()
        assert {"金"} == corp.worn()
        corp.box.befriend("li", customer)
        with store.begin() as conn:
            assert 1 == tags.move(conn, corp.box.corp_id, [(customer, "Zhang", "Li")])
        assert PushReport(pushed=1) == await tags.push()
        assert {"金"} == corp.worn(staff="li")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_move_more_than_a_statement_takes(store: Store) -> None:
    """Wishes of thousands of customers each follow to the takeover of that customer."""
    ways = {f"wm{i:04}": (f"old{i % 7}", f"new{i % 5}") for i in range(1200)}
    with store.begin() as conn:
        wishes.want(conn, "ww1", "x", [(old, one, "t", True) for one, (old, _) in ways.items()], NOW)

        assert len(ways) == wishes.move(conn, "ww1", ways, NOW)
    with store.read() as conn:
        found = conn.execute(select(wish_table.c.customer, wish_table.c.staff)).all()

    assert {(one, new) for one, (_, new) in ways.items()} == {(row.customer, row.staff) for row in found}


_STAFF = st.sampled_from(["a", "b", "c"])
_CUSTOMERS = st.sampled_from(["wm1", "wm2", "wm3"])


@settings(max_examples=60, deadline=None)
@given(
    wanted=st.lists(st.tuples(st.sampled_from("xy"), _STAFF, _CUSTOMERS, st.sampled_from("tu"), st.booleans())),
    ways=st.dictionaries(_CUSTOMERS, st.lists(_STAFF, min_size=2, max_size=2, unique=True).map(tuple)),
)
def test_many_moves_are_one_after_another(
    wanted: list[tuple[str, str, str, str, bool]], ways: dict[str, tuple[str, str]]
) -> None:
    """Wishes move in one call as they do in a call for each customer."""
    with Store("sqlite://") as together, Store("sqlite://") as apart:
        for store in (together, apart):
            with store.begin() as conn:
                for owner, staff, customer, tag, present in wanted:
                    wishes.want(conn, "ww1", owner, [(staff, customer, tag, present)], NOW)
        with together.begin() as conn:
            count = wishes.move(conn, "ww1", ways, NOW)
        with apart.begin() as conn:
            counts = [wishes.move(conn, "ww1", {customer: way}, NOW) for customer, way in ways.items()]

        assert sum(counts) == count
        assert _rows(apart) == _rows(together)


def _rows(store: Store) -> list[list[Any]]:
    """All wishes, and what is to be pushed."""
    with store.read() as conn:
        return [list(conn.execute(select(t).order_by(*t.primary_key))) for t in (wish_table, push_table)]


def test_crash(on_port: OnPort, store: Store) -> None:
    """Wherever a push breaks off, the next one after its lease brings every relation to what is wanted."""
    point, died = 0, True
    while died:
        point += 1
        corp, points = Tagged(seed=point), Points(point)

        async def scenario(port: Port, corp: Tagged = corp, points: Points = points) -> None:
            safe = corp.tags(port, store)
            for who in range(3):
                corp.want(store, safe, "x", ("金", True), who=who)
            hooked: Any = HookedPort(port, points)
            try:
                await corp.tags(hooked, HookedStore(store, points)).push()
            except (Crash, BaseExceptionGroup):
                # Before anything was recorded: what may have been put on is ours to take off.
                for who in range(3):
                    corp.want(store, safe, "x", ("金", False), ("银", True), who=who)
                corp.box.advance(timedelta(minutes=15))
                await safe.push()
                assert [{"银"}] * 3 == [corp.worn(who) for who in range(3)]
            assert 0 == _counts(store, safe).pending

        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        died = points.passed >= point

    assert point > 10


def test_wish_during_push(on_port: OnPort, store: Store) -> None:
    """A wish that comes in during a push is not lost, and waits for its end."""
    corp = Tagged()

    class During(HookedPort):
        wished = False

        async def send(self, request: Any) -> Any:
            response = await self._port.send(request)
            if request.url.path.endswith("mark_tag") and not self.wished:
                self.wished = True
                other = corp.tags(self._port, store)
                corp.want(store, other, "x", ("金", False), ("银", True))
                assert not await other.push()
            return response

    async def scenario(port: Port) -> None:
        during: Any = During(port, Points())
        tags = corp.tags(during, store)
        corp.want(store, tags, "x", ("金", True))
        await tags.push()
        await tags.push()
        assert {"银"} == corp.worn()
        assert TagCounts(pushed=1) == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_slow_worker(on_port: OnPort, store: Store) -> None:
    """A worker whose lease is over records nothing over the next one's work."""
    corp = Tagged()

    class Slow(HookedPort):
        slept = False

        async def send(self, request: Any) -> Any:
            response = await self._port.send(request)
            if request.url.path.endswith("mark_tag") and not self.slept:
                self.slept = True
                corp.box.advance(timedelta(minutes=20))
                assert PushReport(pushed=1) == await corp.tags(self._port, store).push()
            return response

    async def scenario(port: Port) -> None:
        slow: Any = Slow(port, Points())
        tags = corp.tags(slow, store)
        corp.want(store, tags, "x", ("金", True))
        # One lane, or the other may be the one that takes over.
        assert not await tags.push(1)
        with store.read() as conn:
            assert [] == list(conn.execute(select(push_table.c.staff)))

    # Two calls of one relation cannot overlap in the sandbox, which is right: the first has been answered here.
    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_slow_worker_of_a_relation_that_began_anew(on_port: OnPort, store: Store) -> None:
    """A worker that slept until its relation was settled and wished for anew decides nothing for who holds it now."""
    corp = Tagged()

    def die() -> None:
        raise Crash

    class Slow(HookedPort):
        slept = False

        async def send(self, request: Any) -> Any:
            response = await self._port.send(request)
            if request.url.path.endswith("mark_tag") and not self.slept:
                self.slept = True
                corp.box.advance(timedelta(minutes=20))
                other = corp.tags(self._port, store)
                assert PushReport(pushed=1) == await other.push()
                corp.want(store, other, "x", ("金", False))
                dying: Any = _Spy(self._port, before=die)
                with pytest.raises((Crash, BaseExceptionGroup)):
                    await corp.tags(dying, store).push()
            return response

    async def scenario(port: Port) -> None:
        slow: Any = Slow(port, Points())
        tags = corp.tags(slow, store)
        corp.want(store, tags, "x", ("金", True))
        # One lane, or the other may be the one that takes over.
        assert not await tags.push(1)
        assert TagCounts(pending=1) == _counts(store, tags)
        corp.box.advance(timedelta(minutes=20))
        assert PushReport(pushed=1) == await tags.push()
        assert TagCounts() == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert set() == corp.worn()


def test_slow_worker_before_its_call(on_port: OnPort, store: Store) -> None:
    """A worker that slept between its claim and its calls makes none, and makes nothing of a newer wish its own."""
    corp = Tagged()

    class Slow(HookedPort):
        offloads = 0

        async def offload(self, fn: Any) -> Any:
            self.offloads += 1
            if self.offloads == 2:
                corp.box.advance(timedelta(minutes=20))
                other = corp.tags(self._port, store)
                corp.want(store, other, "x", ("金", False))
                assert PushReport(pushed=1) == await other.push()
                corp.want(store, other, "y", ("金", True))
            return await self._port.offload(fn)

    async def scenario(port: Port) -> None:
        slow: Any = Slow(port, Points())
        tags = corp.tags(slow, store)
        corp.want(store, tags, "x", ("金", True))
        assert not await tags.push(1)
        corp.box.staff_edits_customer("zhang", corp.customers[0], add_tags=[corp.tag["金"]])
        corp.want(store, tags, "y", ("金", False))
        assert PushReport(pushed=1) == await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert 0 == corp.calls("mark_tag")
    assert {"金"} == corp.worn()


def test_owner_needed(on_port: OnPort, store: Store) -> None:
    """A wish belongs to somebody; the settings bound what runs at once."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        with pytest.raises(UsageError, match="owner= is empty"):
            corp.want(store, tags, "", ("金", True))
        with pytest.raises(UsageError, match="owner= has 65 characters"):
            corp.want(store, tags, "o" * 65, ("金", True))
        assert "AsyncDesiredTags of ww" in repr(tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    with pytest.raises(UsageError, match="at least 1"):
        OutboxSettings(tags_in_flight=0)
    with pytest.raises(UsageError, match="longer than nothing"):
        OutboxSettings(settle=timedelta(0))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, "", "staff is empty"),
        (0, "z" * 65, "staff is longer than 64 bytes"),
        (0, "wm0customer-and-longer", "staff looks like the id of a customer"),
        (1, "", "customer is empty"),
        (1, "zhang", "customer must begin with wm or wo"),
        (1, "wm" + "c" * 63, "customer has 65 characters"),
        (2, "", "tag id is empty"),
        (2, "t" * 65, "tag id has 65 characters"),
    ],
)
def test_want_refuses(store: Store, place: int, value: str, said: str) -> None:
    """What no call could carry and no column hold is refused by its place, and nothing of its list is stored."""
    corp = Tagged()
    customer = corp.customers[0]
    change: list[Any] = ["zhang", customer, corp.tag["金"], True]
    change[place] = value
    with WeCom(corp.box.corp_id, corp.box.secret, transport=corp.box.transport, clock=corp.box.clock) as wecom:
        tags = DesiredTags(wecom, store)
        with store.begin() as conn:
            changes: list[Any] = [("zhang", customer, corp.tag["银"], True), change]
            with pytest.raises(UsageError, match=rf"changes\[1\]: {said}") as caught:
                tags.want(conn, corp.box.corp_id, "x", changes)
        with store.read() as conn:
            assert TagCounts() == tags.pending(conn)

    assert customer not in str(caught.value)
    assert len(value) < 20 or value not in str(caught.value)


def test_ids_as_long_as_they_may_be(store: Store) -> None:
    """Ids of 64 characters are taken and kept whole."""
    corp = Tagged()
    staff, customer = "z" * 64, "wm" + "c" * 62
    with WeCom(corp.box.corp_id, corp.box.secret, transport=corp.box.transport, clock=corp.box.clock) as wecom:
        tags = DesiredTags(wecom, store)
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "o" * 64, [(staff, customer, "t" * 64, True)])
        assert PushReport(failed=1) == tags.push()
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "o" * 64, [(staff, customer, "t" * 64, False)])
        assert PushReport(pushed=1) == tags.push()


@pytest.mark.parametrize(
    ("staff", "customer", "tag"),
    [("zhang", "", "银"), ("", "wm1", "银"), ("zhang", "wm1", "")],
    ids=["customer", "staff", "tag"],
)
def test_wish_that_no_call_can_carry(on_port: OnPort, store: Store, staff: str, customer: str, tag: str) -> None:
    """A wish in the database that no call can carry fails alone: those of the same push are pushed."""
    corp = Tagged()
    corp.box.add_customer("wm1", staff=["zhang"])

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        with store.begin() as conn:
            # As stored by a version that did not look.
            bad = (staff, customer, corp.tag.get(tag, tag), True)
            wishes.want(conn, corp.box.corp_id, "x", [bad, ("zhang", "wm1", corp.tag["金"], True)], NOW)
        for who in range(2):
            corp.want(store, tags, "x", ("金", True), who=who)
        report = await tags.push()
        assert (1, 0) == (report.failed, report.later)
        assert TagCounts(pushed=3, failed=1) == _counts(store, tags)
        with store.read() as conn:
            # No errcode: WeCom was not asked.
            assert [0] == conn.scalars(select(wish_table.c.code).where(wish_table.c.state == "failed")).all()
        assert not await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert 3 == corp.calls("mark_tag")


class _Spy(HookedPort):
    """A port that keeps the bodies of mark_tag, and runs something before a call or after its answer."""

    def __init__(self, port: Port, *, before: Any = None, after: Any = None) -> None:
        super().__init__(port, Points())
        self.bodies: list[dict[str, Any]] = []
        self._before, self._after = before, after

    async def send(self, request: Any) -> Any:
        if not request.url.path.endswith("mark_tag"):
            return await self._port.send(request)
        self.bodies.append(json.loads(request.content))
        if len(self.bodies) == 1 and self._before:
            self._before()
        try:
            return await self._port.send(request)
        finally:
            if len(self.bodies) == 1 and self._after:
                self._after()


def test_late_call_under_a_new_wish(on_port: OnPort, store: Store) -> None:
    """A wish that came in during a call of unknown fate waits until that call cannot land any more."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        during: Any = _Spy(port, after=lambda: corp.want(store, corp.tags(port, store), "x", ("金", False)))
        corp.want(store, corp.tags(port, store), "x", ("金", True))
        corp.box.faults.add(Fault("late_acceptance", "mark_tag", delay=HORIZON.total_seconds() - 1))
        assert PushReport(later=1) == await corp.tags(during, store).push()
        assert not await corp.tags(port, store).push()
        with store.read() as conn:
            at = corp.tags(port, store).next_at(conn)
        assert at == corp.box.clock.now() + HORIZON
        corp.box.advance(HORIZON)
        assert {"金"} == corp.worn()
        assert PushReport(pushed=1) == await corp.tags(port, store).push()
        assert set() == corp.worn()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_killed_while_a_call_is_on_its_way(on_port: OnPort, store: Store) -> None:
    """The lease of a worker that dies outlasts its calls, however long WeCom may take to carry them out."""
    corp = Tagged()
    settle = timedelta(hours=1)

    def die() -> None:
        raise Crash

    async def scenario(port: Port) -> None:
        dying: Any = _Spy(port, after=die)
        safe = AsyncDesiredTags(corp.wecom(port), store, OutboxSettings(settle=settle))
        corp.want(store, safe, "x", ("金", True))
        corp.box.faults.add(Fault("late_acceptance", "mark_tag", delay=settle.total_seconds()))
        with pytest.raises((Crash, BaseExceptionGroup)):
            await AsyncDesiredTags(corp.wecom(dying), store, OutboxSettings(settle=settle)).push()
        corp.want(store, safe, "x", ("金", False))
        corp.box.advance(2 * settle)
        assert not await safe.push()
        corp.box.advance(timedelta(minutes=10))
        assert PushReport(pushed=1) == await safe.push()
        assert set() == corp.worn()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_suspended_between_calls(on_port: OnPort, store: Store) -> None:
    """A machine that was suspended writes no call under a lease that may be over."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        asleep: Any = _Spy(port, after=lambda: corp.box.advance(timedelta(minutes=6)))
        for who in range(3):
            corp.want(store, corp.tags(port, store), "x", ("金", True), who=who)
        tags = AsyncDesiredTags(corp.wecom(asleep), store, OutboxSettings(settle=SETTLE, tags_in_flight=1))
        # After the first, two are put off and claimed anew.
        assert PushReport(pushed=3, later=2) == await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_refused_is_not_ours(on_port: OnPort, store: Store) -> None:
    """What staff put on by hand after WeCom had refused our call is not taken off when the wish ends."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True))
        corp.box.faults.add(Fault("quota", "mark_tag"))
        assert PushReport(later=1) == await tags.push()
        corp.box.staff_edits_customer("zhang", corp.customers[0], add_tags=[corp.tag["金"]])
        corp.want(store, tags, "x", ("金", False))
        corp.box.advance(timedelta(hours=1))
        assert PushReport(pushed=1) == await tags.push()
        assert {"金"} == corp.worn()
        assert TagCounts() == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_relation_gone_with_its_tags(on_port: OnPort, store: Store) -> None:
    """With a relation all its tags went, so that those wanted again are put on again, and no others taken off."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True), ("银", True), ("铜", True))
        await tags.push()
        corp.box.staff_deletes_customer("zhang", corp.customers[0])
        corp.want(store, tags, "x", ("新", True), ("铜", False))
        assert PushReport(no_relation=1) == await tags.push()
        assert TagCounts(no_relation=3) == _counts(store, tags)
        corp.box.befriend("zhang", corp.customers[0])
        corp.box.staff_edits_customer("zhang", corp.customers[0], add_tags=[corp.tag["银"]])
        corp.want(store, tags, "x", ("金", True), ("银", False))
        spy: Any = _Spy(port)
        assert PushReport(pushed=1) == await corp.tags(spy, store).push()
        assert [([corp.tag["金"]], None)] == [(b.get("add_tag"), b.get("remove_tag")) for b in spy.bodies]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_more_tags_than_a_call_takes(on_port: OnPort, store: Store) -> None:
    """Many tags go in calls of a thousand, those to take off first."""
    corp = Tagged()
    old = list(corp.box.admin_adds_tags("旧", [f"旧{i}" for i in range(1200)]).values())
    new = list(corp.box.admin_adds_tags("多", [f"多{i}" for i in range(2900)]).values())

    async def scenario(port: Port) -> None:
        spy: Any = _Spy(port)
        tags = corp.tags(spy, store)
        for wanted in (old, new):
            with store.begin() as conn:
                mine = [("zhang", corp.customers[0], tag, tag in wanted) for tag in (*old, *wanted)]
                tags.want(conn, corp.box.corp_id, "x", mine)
            assert PushReport(pushed=1) == await tags.push()
        sizes = [(len(b.get("remove_tag", ())), len(b.get("add_tag", ()))) for b in spy.bodies]
        assert [(0, 1000), (0, 200), (1000, 0), (200, 800), (0, 1000), (0, 1000), (0, 100)] == sizes
        assert set(new) == {tag for c in corp.box.record.tag_changes for tag in c.added} - set(old)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_bad_tag_among_many(on_port: OnPort, store: Store) -> None:
    """One unknown tag among many is found in a few calls, and all others are put on."""
    corp = Tagged()
    corp.tag |= corp.box.admin_adds_tags("多", [f"多{i}" for i in range(63)]) | {"无": "etunknown"}

    async def scenario(port: Port) -> None:
        spy: Any = _Spy(port)
        tags = corp.tags(spy, store)
        corp.want(store, tags, "x", *((name, True) for name in corp.tag if name.startswith("多")), ("无", True))
        assert PushReport(failed=1) == await tags.push()
        assert TagCounts(pushed=63, failed=1) == _counts(store, tags)
        assert len(spy.bodies) == 13

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_customer_full_of_tags(on_port: OnPort, store: Store) -> None:
    """Where a customer bears only some tags more, these are put on, and each other one is not tried alone."""
    corp = Tagged()
    hand = list(corp.box.admin_adds_tags("旧", [f"旧{i}" for i in range(2990)]).values())
    corp.tag |= corp.box.admin_adds_tags("多", [f"多{i}" for i in range(64)])
    corp.box.staff_edits_customer("zhang", corp.customers[0], add_tags=hand)

    async def scenario(port: Port) -> None:
        spy: Any = _Spy(port)
        tags = corp.tags(spy, store)
        corp.want(store, tags, "x", *((name, True) for name in corp.tag if name.startswith("多")))
        assert PushReport(failed=1) == await tags.push()
        assert TagCounts(pushed=10, failed=54) == _counts(store, tags)
        assert len(spy.bodies) < 16

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_staff_gone(on_port: OnPort, store: Store) -> None:
    """A refusal of the staff is not tried again with fewer tags."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        spy: Any = _Spy(port)
        tags = corp.tags(spy, store)
        with store.begin() as conn:
            wanted = [("nobody", corp.customers[0], tag, True) for tag in corp.tag.values()]
            tags.want(conn, corp.box.corp_id, "x", wanted)
        assert PushReport(failed=1) == await tags.push()
        assert TagCounts(failed=4) == _counts(store, tags)
        assert len(spy.bodies) == 1

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_failed_wish_of_another(on_port: OnPort, store: Store) -> None:
    """A wish that failed is not tried again because another owner withdraws the same one."""
    corp = Tagged()
    corp.tag["无"] = "etunknown"

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("无", True))
        corp.want(store, tags, "y", ("无", True))
        assert PushReport(failed=1) == await tags.push()
        calls = len(corp.box.record.calls)
        corp.want(store, tags, "y", ("无", False))
        assert PushReport(pushed=1) == await tags.push()
        assert calls == len(corp.box.record.calls)
        assert TagCounts(failed=1) == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_tag_of_a_failed_wish(on_port: OnPort, store: Store) -> None:
    """A tag that one owner put on after WeCom had refused it to another goes when neither wants it any more."""
    corp = Tagged()
    hand = list(corp.box.admin_adds_tags("旧", [f"旧{i}" for i in range(3000)]).values())

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.box.staff_edits_customer("zhang", corp.customers[0], add_tags=hand)
        corp.want(store, tags, "crm", ("金", True))
        assert PushReport(failed=1) == await tags.push()
        corp.box.staff_edits_customer("zhang", corp.customers[0], remove_tags=hand)
        for owner, present in (("shop", True), ("shop", False)):
            corp.want(store, tags, owner, ("金", present))
            assert PushReport(pushed=1) == await tags.push()
            assert {"金"} == corp.worn()
        corp.want(store, tags, "crm", ("金", False))
        assert PushReport(pushed=1) == await tags.push()
        assert TagCounts() == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert set() == corp.worn()


def test_nothing_gets_through(on_port: OnPort, store: Store) -> None:
    """Where nothing of a batch gets through, the rest is left alone."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        with store.begin() as conn:
            people = [f"wmmany{i}" for i in range(500)]
            tags.want(conn, corp.box.corp_id, "x", [("zhang", p, corp.tag["金"], True) for p in people])
        corp.box.faults.add(Fault("connect_refused", "mark_tag", times=0))
        report = await tags.push()
        assert PushReport(later=200) == report

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_clocks_apart(on_port: OnPort, store: Store) -> None:
    """A worker whose clock is fast takes no tag off while the lost call that puts it on may still land."""
    corp = Tagged()

    class Ahead:
        def __init__(self, port: Port) -> None:
            self._port = port

        def __getattr__(self, name: str) -> Any:
            return getattr(self._port, name)

        def now(self) -> Any:
            return self._port.now() + SETTLE - timedelta(seconds=1)

    async def scenario(port: Port) -> None:
        ahead: Any = Ahead(port)
        slow, fast = corp.tags(port, store), corp.tags(ahead, store)
        corp.want(store, slow, "x", ("金", True))
        corp.box.faults.add(Fault("late_acceptance", "mark_tag", delay=99))
        assert PushReport(later=1) == await slow.push()
        corp.want(store, slow, "x", ("金", False))
        for _ in range(40):
            corp.box.advance(timedelta(seconds=5))
            await fast.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert set() == corp.worn()


class _Lanes(AsyncDesiredTags):
    """Tags of which it is kept how many relations each lane takes."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.shares: list[int] = []

    async def _push_lane(self, limit: int) -> Any:
        self.shares.append(limit)
        return await super()._push_lane(limit)


@pytest.mark.parametrize(
    ("limit", "shares"),
    [(None, [500, 500]), (5, [3, 2]), (4, [2, 2]), (1, [1]), (0, [])],
)
def test_shares(on_port: OnPort, store: Store, limit: int | None, shares: list[int]) -> None:
    """Two lanes share what is to be pushed, and keep to the limit."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = _Lanes(corp.wecom(port), store, OutboxSettings(settle=SETTLE))
        with store.begin() as conn:
            wanted = [("zhang", customer, corp.tag["金"], True) for customer in corp.customers[:6]]
            tags.want(conn, corp.box.corp_id, "x", wanted)
        report = await (tags.push() if limit is None else tags.push(limit))
        assert sorted(shares) == sorted(tags.shares)
        assert PushReport(pushed=min(6, sum(shares))) == report

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_blocking_twin(store: Store) -> None:
    """The blocking twin works with the client, the store and the settings it is given."""
    corp = Tagged()
    chosen = OutboxSettings(settle=timedelta(seconds=7))
    with WeCom(corp.box.corp_id, corp.box.secret, transport=corp.box.transport, clock=corp.box.clock) as wecom:
        tags = DesiredTags(wecom, store, chosen)
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "x", [("zhang", corp.customers[0], corp.tag["金"], True)])

        assert timedelta(seconds=40 + 14) == tags._core._horizon
        assert PushReport(pushed=1) == tags.push()
        with store.read() as conn:
            assert TagCounts(pushed=1) == tags.pending(conn)


def test_trouble_in_one_lane(on_port: OnPort, store: Store) -> None:
    """What goes wrong in one lane comes out when the other has recorded its work."""
    corp = Tagged()

    class Failing(AsyncDesiredTags):
        async def _push_batch(self, limit: int) -> Any:
            if limit == 2:
                raise ZeroDivisionError
            return await super()._push_batch(limit)

    async def scenario(port: Port) -> None:
        tags = Failing(corp.wecom(port), store, OutboxSettings(settle=SETTLE))
        for who in range(5):
            corp.want(store, tags, "x", ("金", True), who=who)
        with pytest.raises(ZeroDivisionError):
            await tags.push(5)
        assert TagCounts(pending=2, pushed=3) == _counts(store, tags)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_held_up_between_calls(on_port: OnPort, store: Store) -> None:
    """What could not be written in the five minutes after its claim is not written, whatever the civil clock says."""
    corp = Tagged()

    class HeldUp(_Spy):
        def monotonic(self) -> float:
            return float(self._port.monotonic()) + (301 if self.bodies else 0)

    async def scenario(port: Port) -> None:
        held_up: Any = HeldUp(port)
        tags = AsyncDesiredTags(corp.wecom(held_up), store, OutboxSettings(settle=SETTLE, tags_in_flight=1))
        for who in range(3):
            corp.want(store, tags, "x", ("金", True), who=who)
        assert PushReport(pushed=1, later=2) == await tags.push()
        assert 1 == len(held_up.bodies)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_kept_when_one_has_to_wait(on_port: OnPort, store: Store) -> None:
    """What was put on and what was refused before one of the calls got lost is settled, and not pushed again."""
    corp = Tagged()
    corp.tag["无"] = "et0"
    done, *lost = sorted(tag for name, tag in corp.tag.items() if name not in {"无", "新"})
    names = {tag: name for name, tag in corp.tag.items()}

    async def scenario(port: Port) -> None:
        spy: Any = _Spy(port)
        tags = corp.tags(spy, store)
        corp.want(store, tags, "x", *((names[tag], True) for tag in ("et0", done, *lost)))
        corp.box.faults.add(Fault("lost_request", "mark_tag", subject=f'"add_tag":["{lost[0]}","{lost[1]}"]'))
        assert PushReport(later=1) == await tags.push()
        assert TagCounts(pending=2, pushed=1, failed=1) == _counts(store, tags)
        corp.box.advance(HORIZON)
        assert PushReport(pushed=1) == await tags.push()
        assert lost == spy.bodies[-1]["add_tag"]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_further_and_further_apart(on_port: OnPort, store: Store) -> None:
    """What fails again and again is tried after a second, two, four."""
    corp = Tagged()

    async def scenario(port: Port) -> None:
        tags = corp.tags(port, store)
        corp.want(store, tags, "x", ("金", True))
        corp.box.faults.add(Fault("connect_refused", "mark_tag", times=3))
        waits: list[float] = []
        for _ in range(3):
            assert PushReport(later=1) == await tags.push()
            with store.read() as conn:
                at = tags.next_at(conn)
            assert at is not None
            waits.append((at - corp.box.clock.now()).total_seconds())
            corp.box.advance_to(at)
        assert [1, 2, 4] == waits
        assert PushReport(pushed=1) == await tags.push()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
