"""Whatever owners, staff, customers, the network and the workers do, in whatever order, tags come out right."""

from __future__ import annotations

import json
import os

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar
from unittest import mock

import anyio
import httpx
import pytest

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from privdom._port import AsyncPort, BlockingPort, Port, run
from privdom.outbox import AsyncDesiredTags, OutboxSettings
from privdom.outbox import tags as tags_module
from privdom.sandbox import Fault
from privdom.store import Store
from tests.outbox.corp import SETTLE, Corp, Crash


EXAMPLES = int(os.environ.get("PRIVDOM_EXAMPLES", "40"))
OWNERS = ("tiering", "scoring")
STAFF = ("zhang", "li")
TAGS = ("金", "银", "无")
CUSTOMERS = 1
CALL_TIMEOUT = 40
Relation = tuple[str, str]

_staff = st.sampled_from(STAFF)
_who = st.integers(0, CUSTOMERS - 1)
_owner = st.sampled_from(OWNERS)
_changes = st.dictionaries(st.sampled_from(TAGS), st.booleans(), min_size=1)
_wish = st.tuples(_owner, _staff, _who, _changes)
_landing = st.sampled_from([5, 59, 61, CALL_TIMEOUT + int(SETTLE.total_seconds())])
# What happens to a call, and around it.
_happening = st.one_of(
    st.tuples(st.just("late_acceptance"), _landing),
    st.tuples(st.sampled_from(["fine", "lost_request", "lost_response", "busy", "quota", "connect_refused"])),
    st.tuples(st.sampled_from(["answer"]), st.sampled_from([45033, 45035, 60011])),
    st.tuples(st.sampled_from(["late_acceptance", "killed_late"]), _landing),
    st.tuples(st.sampled_from(["killed_before", "killed_after"])),
    st.tuples(st.sampled_from(["want_before", "want_after"]), _owner, _staff, _who, _changes),
    st.tuples(st.sampled_from(["push_before", "push_after"])),
    # After its answer a worker may stand still as long as it likes.
    st.tuples(st.just("asleep"), st.integers(1, 1200)),
    st.tuples(st.just("outslept"), _owner, _changes),
)


class _Wire:
    """A port on which things happen to calls of mark_tag; it judges what is in flight."""

    def __init__(self, port: Port, machine: TagMachine) -> None:
        self._port, self._machine = port, machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    async def send(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("mark_tag"):
            return await self._port.send(request)
        machine = self._machine
        body = json.loads(request.content)
        relation = body["userid"], body["external_userid"]
        machine.written(relation, body)
        happening: tuple[Any, ...] = machine.script.popleft() if machine.script else ("fine",)
        machine.flying.add(relation)
        try:
            response = await self._answered(request, happening, relation)
        except httpx.ConnectError:
            raise
        except httpx.HTTPError:
            machine.answered(relation, body, -1)
            raise
        finally:
            machine.flying.discard(relation)
        machine.answered(relation, body, response.json()["errcode"])
        await self._around(happening, "after")
        if happening[0] == "asleep":
            machine.sleep(happening[1])
            await machine.tags(self._port).push()
        if happening[0] == "outslept":
            await self._outslept(relation, *happening[1:])
        return response

    async def _outslept(self, relation: Relation, owner: str, changes: dict[str, bool]) -> None:
        """Another worker settles the relation, and one dies that begins with it anew."""
        machine = self._machine
        machine.sleep(1200)
        await machine.tags(self._port).push()
        machine.want(owner, relation[0], machine.customers.index(relation[1]), changes)
        machine.script.appendleft(("killed_before",))
        await machine.until_its_death(machine.tags(self._port).push)

    async def _answered(self, request: httpx.Request, happening: tuple[Any, ...], relation: Relation) -> httpx.Response:
        machine, kind = self._machine, happening[0]
        await self._around(happening, "before")
        if kind == "answer":
            machine.excuses += 1
            return httpx.Response(200, json={"errcode": happening[1], "errmsg": "no"})
        if kind in {"late_acceptance", "killed_late"}:
            machine.landing[relation] = machine.now() + timedelta(seconds=happening[1])
            machine.box.faults.add(Fault("late_acceptance", "mark_tag", delay=happening[1]))
        elif kind in {"lost_request", "lost_response", "busy", "quota", "connect_refused"}:
            machine.excuses += 1
            machine.box.faults.add(Fault(kind, "mark_tag"))
        elif kind == "killed_before":
            raise Crash
        try:
            response = await self._port.send(request)
        except httpx.HTTPError:
            if kind == "late_acceptance":
                machine.excuses += 1
            if kind == "killed_late":
                raise Crash from None
            raise
        if kind == "killed_after":
            raise Crash
        return response

    async def _around(self, happening: tuple[Any, ...], when: str) -> None:
        if happening[0] == f"want_{when}":
            self._machine.want(*happening[1:])
        elif happening[0] == f"push_{when}":
            await self._machine.tags(self._port).push()


class TagMachine(RuleBasedStateMachine):
    """Two owners, two staff with the same customers, three tags of which one does not exist."""

    kind: ClassVar[str]

    @initialize()
    def begin(self) -> None:
        # One call after the other, so that a failure can be repeated; pushes inside of calls still overlap.
        self.patch = mock.patch.object(tags_module, "_LANES", 1)
        self.patch.start()
        self.corp = Corp()
        self.box = self.corp.box
        self.tag = {**self.box.admin_adds_tags("等级", ["金", "银"]), "无": "etunknown"}
        self.customers = [self.box.add_customer(f"wm{i}", staff=STAFF) for i in range(CUSTOMERS)]
        self.store = Store("sqlite://")
        self.script: deque[tuple[Any, ...]] = deque()
        self.flying: set[Relation] = set()
        self.landing: dict[Relation, datetime] = {}
        self.wanted: dict[Relation, set[tuple[str, str]]] = {(s, c): set() for s in STAFF for c in self.customers}
        self.ever: set[tuple[Relation, str]] = set()
        self.put: set[tuple[Relation, str]] = set()
        self.in_hand: set[tuple[Relation, str]] = set()
        self.by_hand: set[tuple[Relation, str]] = set()
        self.refused: set[tuple[Relation, str]] = set()
        self.since = dict.fromkeys(self.wanted, 0)
        self.met = set(self.wanted)
        self.renewed: set[Relation] = set()
        self.left: set[Relation] = set()
        self.seen = self.changes = self.calls = self.excuses = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.settle()
            self.store.close()
            self.patch.stop()

    # What the wire tells.

    def written(self, relation: Relation, body: dict[str, Any]) -> None:
        self.calls += 1
        assert relation not in self.flying
        assert self.landing.get(relation, self.now()) <= self.now(), "an older call may still land"

    def answered(self, relation: Relation, body: dict[str, Any], code: int) -> None:
        tags = {(relation, tag) for tag in (*body.get("add_tag", ()), *body.get("remove_tag", ()))}
        if code in {0, -1}:
            self.put |= {(relation, tag) for tag in body.get("add_tag", ())}
        if code == 0:
            self.refused -= tags
        if code == 60011 and len(tags) == 1:
            # WeCom's last word, until somebody wants it again.
            self.refused |= tags
        if code in {40068, 60011}:
            # In halves.
            self.excuses += 2

    def now(self) -> datetime:
        return self.box.clock.now()

    def tags(self, port: Port) -> AsyncDesiredTags:
        wire: Any = _Wire(port, self)
        return AsyncDesiredTags(self.corp.wecom(wire), self.store, OutboxSettings(settle=SETTLE, tags_in_flight=1))

    def run(self, scenario: Callable[[Port], Awaitable[Any]]) -> Any:
        async def main(port: Port) -> Any:
            return await scenario(port)

        if self.kind == "blocking":
            return run(main(BlockingPort(transport=self.box.transport, clock=self.box.clock)))
        return anyio.run(main, AsyncPort(transport=self.box.transport, clock=self.box.clock))

    def _excused(self) -> None:
        """A worker that ends or loses its lease knows nothing of its calls: all are made again, and count as made."""
        self.excuses += 2 * len(self.wanted)
        self.put |= self.in_hand

    def sleep(self, seconds: int) -> None:
        self._excused()
        self.box.advance(timedelta(seconds=seconds))

    async def until_its_death(self, push: Callable[[], Awaitable[Any]]) -> None:
        try:
            await push()
        except (Crash, BaseExceptionGroup) as e:
            if isinstance(e, BaseExceptionGroup) and e.split(Crash)[1] is not None:
                raise
            self._excused()

    # What people and modules do.

    @rule(owner=_owner, staff=_staff, who=_who, changes=_changes)
    def want(self, owner: str, staff: str, who: int, changes: dict[str, bool]) -> None:
        relation = staff, self.customers[who]
        with self.store.begin() as conn:
            wishes = [(*relation, self.tag[name], present) for name, present in changes.items()]
            self._core().want(conn, self.box.corp_id, owner, wishes)
        self.changes += 1
        for name, present in changes.items():
            one = self.tag[name], owner
            self.wanted[relation] = self.wanted[relation] | {one} if present else self.wanted[relation] - {one}
            if present:
                self.ever.add((relation, self.tag[name]))
                self.in_hand.add((relation, self.tag[name]))

    def _core(self) -> AsyncDesiredTags:
        # It writes to the database only, so any port will do.
        return self.tags(BlockingPort(clock=self.box.clock))

    @rule(who=_who, way=st.permutations(STAFF))
    def move(self, who: int, way: list[str]) -> None:
        customer = self.customers[who]
        old, new = (way[0], customer), (way[1], customer)
        with self.store.begin() as conn:
            self._core().move(conn, self.box.corp_id, [(customer, way[0], way[1])])
        self.changes += 1
        self.wanted[new] = self.wanted[new] | self.wanted[old]
        self.wanted[old] = set()
        # The tags may have come along.
        self.ever |= {(new, tag) for relation, tag in self.ever if relation == old}
        self.put |= {(new, tag) for relation, tag in self.put | self.ever if relation == old}
        self.left.add(old)

    @rule(staff=_staff, who=_who, name=st.sampled_from(TAGS[:2]))
    def tag_by_hand(self, staff: str, who: int, name: str) -> None:
        relation = staff, self.customers[who]
        if relation in self.met:
            self.box.staff_edits_customer(*relation, add_tags=[self.tag[name]])
            self.by_hand.add((relation, self.tag[name]))

    @rule(staff=_staff, who=_who)
    def part_or_meet(self, staff: str, who: int) -> None:
        relation = staff, self.customers[who]
        if relation in self.met:
            self.box.staff_deletes_customer(*relation)
        else:
            self.box.befriend(*relation)
        self.met ^= {relation}
        self.since[relation] = len(self.box.record.tag_changes)
        self.renewed.add(relation)

    @rule(
        wishes=st.lists(_wish, min_size=1, max_size=4),
        script=st.lists(_happening, min_size=1, max_size=6),
        rest=st.integers(0, 120),
    )
    def work(self, wishes: list[Any], script: list[tuple[Any, ...]], rest: int) -> None:
        for wish in wishes:
            self.want(*wish)
        self.push(script)
        self.box.advance(timedelta(seconds=rest))

    @rule(owner=_owner, staff=_staff, who=_who, name=st.sampled_from(TAGS[:2]), script=st.lists(_happening, max_size=3))
    def waver(self, owner: str, staff: str, who: int, name: str, script: list[tuple[Any, ...]]) -> None:
        self.want(owner, staff, who, {name: True})
        if script:
            self.push(script)
        self.tag_by_hand(staff, who, name)
        self.want(owner, staff, who, {name: False})
        self.push([])

    @rule(owner=_owner, staff=_staff, who=_who, name=st.sampled_from(TAGS[:2]))
    def outsleep(self, owner: str, staff: str, who: int, name: str) -> None:
        self.want(owner, staff, who, {name: True})
        self.push([("outslept", owner, {name: False})])

    @rule(owners=st.permutations(OWNERS), staff=_staff, who=_who, name=st.sampled_from(TAGS[:2]))
    def leave_to_another(self, owners: list[str], staff: str, who: int, name: str) -> None:
        refused, put = owners
        self.want(refused, staff, who, {name: True})
        self.push([("answer", 60011)])
        for present in (True, False):
            self.want(put, staff, who, {name: present})
            self.push([])
        self.want(refused, staff, who, {name: False})

    def push(self, script: list[tuple[Any, ...]]) -> None:
        self.in_hand = {(relation, tag) for relation, wishes in self.wanted.items() for tag, _ in wishes}
        self.script.extend(script)
        self.run(lambda port: self.until_its_death(self.tags(port).push))
        self.script.clear()

    @rule()
    @precondition(lambda self: self.changes)
    def settle(self) -> None:
        for _ in range(200):
            with self.store.read() as conn:
                at = self._core().next_at(conn)
            if at is None:
                break
            self.box.advance_to(at)
            self.run(lambda port: self.tags(port).push())
        else:
            pytest.fail("there is always something left to push")
        self.box.advance(timedelta(minutes=5))
        for relation, wishes in self.wanted.items():
            if relation in self.met:
                self._judge(relation, {tag for tag, _ in wishes})

    def _judge(self, relation: Relation, wanted: set[str]) -> None:
        worn: set[str] = set()
        for change in self.box.record.tag_changes[self.since[relation] :]:
            if (change.staff, change.external_userid) == relation:
                worn = (worn | set(change.added)) - set(change.removed)
        refused = {tag for one, tag in self.refused if one == relation}
        if relation not in self.renewed:
            assert wanted - {self.tag["无"]} <= worn | refused
        if relation not in self.left:
            assert {tag for tag in worn - wanted - refused if (relation, tag) not in self.by_hand} == set()

    @invariant()
    def only_what_is_ours_goes(self) -> None:
        if not hasattr(self, "box"):
            return
        changes = self.box.record.tag_changes
        for change in changes[self.seen :]:
            relation = change.staff, change.external_userid
            if change.by_api:
                assert {(relation, tag) for tag in change.removed} <= self.ever & self.put
        self.seen = len(changes)

    @invariant()
    def no_more_calls_than_changes(self) -> None:
        if hasattr(self, "box"):
            assert self.calls <= self.changes + self.excuses


class BlockingTagMachine(TagMachine):
    kind = "blocking"


class AsyncTagMachine(TagMachine):
    kind = "async"


_settings = settings(max_examples=EXAMPLES, stateful_step_count=15, deadline=None)
TestBlocking = BlockingTagMachine.TestCase
TestBlocking.settings = _settings
TestAsync = AsyncTagMachine.TestCase
TestAsync.settings = settings(_settings, max_examples=max(EXAMPLES // 3, 1))
