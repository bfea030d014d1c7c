"""Strategies of customers and of moments: trees of ranges that are made, read page by page, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import attrs
import pytest

from privdom._port import AsyncPort
from privdom.errors import BadRequest, CursorLoop, NoPermission, UsageError
from privdom.sandbox import Rules, Sandbox
from privdom.wecom import unstructure
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.moment_strategies import EditMomentStrategyRequest, MomentPrivilege, NewMomentStrategy
from privdom.wecom.strategies import (
    CustomerPrivilege,
    CustomerStrategy,
    DeleteStrategyRequest,
    EditCustomerStrategyRequest,
    GetStrategyRequest,
    ListStrategiesRequest,
    NewCustomerStrategy,
    RangeNode,
    RangeType,
    StrategyRangeRequest,
)
from tests.chapters.conftest import Corp, Scripted


@attrs.frozen
class Kind:
    """What differs between the two chapters."""

    chapter: str
    new: Any
    privilege: Any
    edit: Any
    right: str
    rights: int


KINDS = {
    "customers": Kind(
        "strategies", NewCustomerStrategy, CustomerPrivilege, EditCustomerStrategyRequest, "share_customer", 21
    ),
    "moments": Kind(
        "moment_strategies", NewMomentStrategy, MomentPrivilege, EditMomentStrategyRequest, "send_moment", 3
    ),
}
ANNA, BEN, CHEN = map(RangeNode.staff, ("anna", "ben", "chen"))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return one of the two chapters after the other."""
    return KINDS[request.param]


def _new(kind: Kind, *nodes: RangeNode, **more: Any) -> Any:
    return kind.new(**{"strategy_name": "华东", "admin_list": ["anna"], "range": nodes or [ANNA], **more})


def test_a_strategy_is_made_read_changed_and_deleted(corp: Corp, kind: Kind) -> None:
    """The whole life of a strategy, read back at each step."""
    shop = corp.box.add_department("门店")

    async def scenario(wecom: AsyncWeCom) -> list[Any]:
        strategies: Any = getattr(wecom, kind.chapter)
        made = await strategies.create(_new(kind, ANNA, privilege=kind.privilege(**{kind.right: False})))
        before = await strategies.get(made.strategy_id)
        await strategies.edit(
            made.strategy_id,
            strategy_name="华南",
            admin_list=["ben", "chen"],
            privilege=attrs.evolve(before.privilege, **{kind.right: True}),
            range_add=[BEN, RangeNode.department(shop)],
            range_del=[ANNA],
        )
        after = await strategies.get(made.strategy_id)
        nodes = [node async for node in strategies.each_in_range(made.strategy_id)]
        await strategies.delete(made.strategy_id)
        with pytest.raises(BadRequest):
            await strategies.get(made.strategy_id)
        return [made.strategy_id, before, after, nodes]

    strategy_id, before, after, nodes = corp(scenario)

    assert (strategy_id, 0, "华东", ("anna",)) == (
        before.strategy_id,
        before.parent_id,
        before.strategy_name,
        before.admin_list,
    )
    assert corp.box.clock.now() == before.create_time
    told = [getattr(before.privilege, a.name) for a in attrs.fields(kind.privilege) if a.name != "extra"]
    assert (kind.rights, 1) == (len(told), told.count(False))
    assert not getattr(before.privilege, kind.right)
    assert (True, "华南", ("ben", "chen")) == (
        getattr(after.privilege, kind.right),
        after.strategy_name,
        after.admin_list,
    )
    assert [BEN, RangeNode.department(shop)] == nodes


def test_what_is_not_given_stays(corp: Corp, kind: Kind) -> None:
    """An edit of the name leaves admins, rights and range alone."""

    async def scenario(wecom: AsyncWeCom) -> list[Any]:
        strategies: Any = getattr(wecom, kind.chapter)
        made = await strategies.create(_new(kind, ANNA, BEN, privilege=kind.privilege(**{kind.right: False})))
        before = await strategies.get(made.strategy_id)
        await strategies.edit(made.strategy_id, strategy_name="华北")
        page = await strategies.range(made.strategy_id, limit=1)
        return [before, await strategies.get(made.strategy_id), page]

    before, after, page = corp(scenario)

    assert attrs.evolve(before, strategy_name="华北") == after
    assert ((ANNA,), True) == (page.range, bool(page.next_cursor))


def test_lists_are_followed_page_by_page(corp: Corp, kind: Kind) -> None:
    """Strategies and nodes come once each, over any number of pages, from any cursor on."""

    async def scenario(wecom: AsyncWeCom) -> list[Any]:
        strategies: Any = getattr(wecom, kind.chapter)
        made = [(await strategies.create(_new(kind, ANNA, BEN, CHEN))).strategy_id for _ in range(3)]
        first = await strategies.list(limit=2)
        rest = [page async for page in strategies.list_pages(cursor=first.next_cursor, limit=2)]
        ranges = [page async for page in strategies.range_pages(made[0], limit=2)]
        return [made, first, rest, ranges, [i async for i in strategies.each()]]

    made, first, rest, ranges, each = corp(scenario)

    assert made == each == [s.strategy_id for page in (first, *rest) for s in page.strategy]
    assert [[ANNA, BEN], [CHEN]] == [list(page.range) for page in ranges]
    assert "" == ranges[-1].next_cursor == rest[-1].next_cursor


def test_a_child_has_the_rights_of_its_parent_and_a_part_of_its_range(corp: Corp, kind: Kind) -> None:
    """What lies outside is refused; what the parent loses, its children lose."""

    async def scenario(wecom: AsyncWeCom) -> list[Any]:
        strategies: Any = getattr(wecom, kind.chapter)
        top = await strategies.create(_new(kind, ANNA, BEN, privilege=kind.privilege(**{kind.right: False})))
        with pytest.raises(NoPermission, match="60030"):
            await strategies.create(_new(kind, CHEN, parent_id=top.strategy_id))
        child = await strategies.create(_new(kind, ANNA, BEN, parent_id=top.strategy_id))
        await strategies.edit(top.strategy_id, range_del=[ANNA])
        return [
            top.strategy_id,
            await strategies.get(child.strategy_id),
            [node async for node in strategies.each_in_range(child.strategy_id)],
        ]

    top, child, nodes = corp(scenario)

    assert (top, False) == (child.parent_id, getattr(child.privilege, kind.right))
    assert [BEN] == nodes


def test_a_cursor_that_comes_twice_is_an_error(scripted: Callable[..., Any], kind: Kind) -> None:
    """Following it would never end."""

    async def each(wecom: AsyncWeCom) -> list[int]:
        return [i async for i in getattr(wecom, kind.chapter).each()]

    async def each_in_range(wecom: AsyncWeCom) -> list[RangeNode]:
        return [node async for node in getattr(wecom, kind.chapter).each_in_range(1)]

    script = Scripted(list=[{"strategy": [], "next_cursor": "A"}], get_range=[{"range": [], "next_cursor": "A"}])
    with pytest.raises(CursorLoop):
        scripted(each, script)
    with pytest.raises(CursorLoop):
        scripted(each_in_range, script)


def test_creations_and_edits_of_a_client_wait_for_each_other(kind: Kind) -> None:
    """WeCom refuses two at once (45035); tasks of one client need not care."""
    box = Sandbox(rules=Rules(latency=0.01))
    box.add_staff("anna")

    async def main() -> None:
        wecom = AsyncWeCom.on(AsyncPort(transport=box.transport), box.corp_id, box.secret)
        strategies: Any = getattr(wecom, kind.chapter)
        made = await strategies.create(_new(kind))
        async with anyio.create_task_group() as tasks:
            for name in ("a", "b", "c"):
                tasks.start_soon(strategies.create, _new(kind, strategy_name=name))
                tasks.start_soon(lambda name=name: strategies.edit(made.strategy_id, strategy_name=name))
        await wecom.close()

    anyio.run(main)

    assert {0} == {call.errcode for call in box.record.calls}


REFUSED: dict[str, tuple[Callable[[Kind], object], str]] = {
    "no name": (lambda k: _new(k, strategy_name=""), "strategy_name is empty"),
    "no admins": (lambda k: _new(k, admin_list=[]), "admin_list is empty"),
    "one bare admin": (lambda k: _new(k, admin_list="anna"), "put it in brackets"),
    "21 admins": (lambda k: _new(k, admin_list=[f"s{i}" for i in range(21)]), "takes 20 at a time"),
    "an admin twice": (lambda k: _new(k, admin_list=["anna", "anna"]), "names the same id twice"),
    "no nodes": (lambda k: _new(k, range=[]), "range is empty"),
    "one bare node": (lambda k: _new(k, range=ANNA), "put it in brackets"),
    "a node twice": (lambda k: _new(k, ANNA, ANNA), "names the same node twice"),
    "a negative parent": (lambda k: _new(k, parent_id=-1), "parent_id is -1"),
    "rights under a parent": (
        lambda k: _new(k, parent_id=1, privilege=k.privilege()),
        "a strategy has the rights of its parent",
    ),
    "nothing to change": (lambda k: k.edit(1), "there is nothing to change"),
    "no strategy to change": (lambda k: k.edit(0, strategy_name="x"), "strategy_id is 0"),
    "a name taken away": (lambda k: k.edit(1, strategy_name=""), "strategy_name is empty"),
    "admins taken away": (lambda k: k.edit(1, admin_list=[]), "admin_list is empty"),
    "a part of the rights": (lambda k: k.edit(1, privilege=k.privilege(**{k.right: True})), "privilege does not tell"),
    "a node added twice": (lambda k: k.edit(1, range_add=[ANNA, ANNA]), "range_add names the same node twice"),
    "a node removed twice": (lambda k: k.edit(1, range_del=[ANNA, ANNA]), "range_del names the same node twice"),
    "a node added and removed": (lambda k: k.edit(1, range_add=[ANNA], range_del=[ANNA]), "a node stands both in"),
    "3001 nodes": (
        lambda k: k.edit(1, range_add=[RangeNode.department(i) for i in range(1, 3_002)]),
        "takes 3000 at a time",
    ),
    "no strategy to read": (lambda _: GetStrategyRequest(0), "strategy_id is 0"),
    "no strategy to delete": (lambda _: DeleteStrategyRequest(0), "strategy_id is 0"),
    "no range": (lambda _: StrategyRangeRequest(0), "strategy_id is 0"),
    "a page too long": (lambda _: ListStrategiesRequest(limit=1_001), "limit is 1001"),
    "a page of the range too long": (lambda _: StrategyRangeRequest(1, limit=0), "limit is 0"),
    "a node of nobody": (lambda _: RangeNode.staff(""), "userid is empty"),
    "a node of department 0": (lambda _: RangeNode.department(0), "partyid is 0"),
    "a node of both": (lambda _: RangeNode(RangeType.STAFF, "anna", 1), "a node is a staff or a department"),
    "a department with staff": (lambda _: RangeNode(2, "anna", 1), "a partyid and no userid"),
    "a node of a third kind": (lambda _: RangeNode(3), "type is 3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(kind: Kind, case: str) -> None:
    """The message says what is wrong."""
    make, message = REFUSED[case]

    with pytest.raises(UsageError) as caught:
        make(kind)

    assert message in str(caught.value)


def test_a_call_for_customers_takes_a_hundred_nodes() -> None:
    """WeCom documents that number for customer strategies only."""
    nodes = [RangeNode.department(i) for i in range(1, 102)]

    with pytest.raises(UsageError, match="takes 100 at a time"):
        _new(KINDS["customers"], *nodes)
    with pytest.raises(UsageError, match="takes 100 at a time"):
        EditCustomerStrategyRequest(1, range_add=nodes[:60], range_del=nodes[60:])
    assert len(nodes) == len(_new(KINDS["moments"], *nodes).range)


def test_a_basic_right_cannot_be_withdrawn() -> None:
    """It may be left out, in an edit too."""
    with pytest.raises(UsageError, match="contact_me, join_room: a basic right cannot be withdrawn"):
        CustomerPrivilege(contact_me=False, join_room=False)
    rights = {a.name: False for a in attrs.fields(CustomerPrivilege) if a.name != "extra"}
    basic = ("view_customer_list", "view_customer_data", "view_room_list", "contact_me", "join_room")
    withdrawn = CustomerPrivilege(**{name: value for name, value in rights.items() if name not in basic})

    assert withdrawn == EditCustomerStrategyRequest(1, privilege=withdrawn).privilege


def test_what_can_succeed_is_sent_as_it_is(kind: Kind) -> None:
    """What was not given is left out."""
    made = _new(kind, ANNA, RangeNode.department(2))
    nodes = [{"type": 1, "userid": "anna"}, {"type": 2, "partyid": 2}]

    assert {"strategy_name": "华东", "admin_list": ["anna"], "range": nodes} == unstructure(made)
    assert {"strategy_id": 1, "range_del": [{"type": 1, "userid": "ben"}]} == unstructure(kind.edit(1, range_del=[BEN]))


def test_a_strategy_without_rights_is_understood() -> None:
    """What WeCom does not tell is None."""
    assert CustomerStrategy(1).privilege == CustomerPrivilege()
    assert CustomerStrategy(1).privilege.share_customer is None


def test_a_chapter_says_whose_it_is(corp: Corp, kind: Kind) -> None:
    """And no secret."""

    async def scenario(wecom: AsyncWeCom) -> str:
        return repr(getattr(wecom, kind.chapter))

    name = "".join(part.title() for part in kind.chapter.split("_"))
    assert f"<Async{name} of {corp.box.corp_id}>" == corp(scenario)
