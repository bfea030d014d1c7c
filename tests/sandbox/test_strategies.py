"""Strategies of customers and of moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from privdom._facts import limits
from privdom.sandbox import Sandbox
from privdom.sandbox.router import Request
from tests.sandbox.conftest import STAFF, Api, sign_in, staffed


ANNA = {"type": 1, "userid": "anna"}
BEN = {"type": 1, "userid": "ben"}
CHEN = {"type": 1, "userid": "chen"}
TREES = ("customer_strategy", "moment_strategy")


@pytest.fixture(params=TREES)
def tree(request: pytest.FixtureRequest) -> str:
    """Return one of the two trees after the other."""
    return request.param


def party(number: int) -> dict[str, int]:
    return {"type": 2, "partyid": number}


def body(*nodes: dict[str, Any], **more: object) -> dict[str, object]:
    return {"strategy_name": "华东", "admin_list": ["anna"], "range": list(nodes) or [ANNA], **more}


def create(api: Api, tree: str, *nodes: dict[str, Any], **more: object) -> int:
    answer = api.post(f"{tree}/create", **body(*nodes, **more))
    assert answer["errcode"] == 0, answer
    return answer["strategy_id"]


def nodes_of(api: Api, tree: str, strategy_id: int) -> list[dict[str, Any]]:
    return api.post(f"{tree}/get_range", strategy_id=strategy_id)["range"]


def test_life(api: Api, tree: str) -> None:
    """A strategy is made, read, changed and deleted; the next one gets a new number."""
    shop = api.box.add_department("门店")
    strategy_id = create(api, tree, ANNA)
    made = api.post(f"{tree}/get", strategy_id=strategy_id)["strategy"]
    change = {"strategy_name": "华南", "admin_list": ["ben"], "range_add": [BEN, party(shop)], "range_del": [ANNA]}
    assert api.post(f"{tree}/edit", strategy_id=strategy_id, **change)["errcode"] == 0
    after = api.post(f"{tree}/get", strategy_id=strategy_id)["strategy"]
    kept = api.box.state()["customer_strategies" if "customer" in tree else "moment_strategies"]
    nodes = nodes_of(api, tree, strategy_id)
    gone = [api.post(f"{tree}/{verb}", strategy_id=strategy_id)["errcode"] for verb in ("del", "del", "get")]

    assert (0, "华东", ["anna"]) == (made["parent_id"], made["strategy_name"], made["admin_list"])
    assert ("华南", ["ben"], made["create_time"]) == (
        after["strategy_name"],
        after["admin_list"],
        after["create_time"],
    )
    assert [BEN, party(shop)] == nodes
    assert {
        str(strategy_id): {
            "name": "华南",
            "parent_id": 0,
            "admins": ["ben"],
            "users": ["ben"],
            "departments": [shop],
        }
    } == kept
    assert [0, 40058, 40058] == gone
    assert strategy_id + 1 == create(api, tree)


def test_the_trees_are_apart(api: Api) -> None:
    """A strategy of customers is none of moments."""
    create(api, "customer_strategy")

    assert [1, 0] == [len(api.post(f"{tree}/list")["strategy"]) for tree in TREES]


def test_rights(api: Api, tree: str) -> None:
    """A right is true unless told otherwise; an edit replaces all, one without rights none; basic ones always stay."""
    right = "share_customer" if tree == "customer_strategy" else "send_moment"
    strategy_id = create(api, tree, privilege={right: False, "contact_me": False, "no_such_right": False})

    def withdrawn() -> list[str]:
        rights = api.post(f"{tree}/get", strategy_id=strategy_id)["strategy"]["privilege"]
        return [name for name, value in rights.items() if not value]

    seen = [withdrawn()]
    for privilege in ({}, None, {"manage_customer_tag": False, "view_moment_list": False}):
        api.post(f"{tree}/edit", strategy_id=strategy_id, strategy_name="x", privilege=privilege)
        seen.append(withdrawn())

    other = "manage_customer_tag" if tree == "customer_strategy" else "view_moment_list"
    assert [[right], [right], [right], [other]] == seen


def test_pages(api: Api, tree: str) -> None:
    """The last page of either list has no next_cursor at all; a cursor of elsewhere is 50100."""
    made = [create(api, tree, ANNA, BEN, CHEN) for _ in range(3)]
    api.post(f"{tree}/del", strategy_id=made[1])
    first = api.post(f"{tree}/list", limit=1)
    last = api.post(f"{tree}/list", limit=1, cursor=first["next_cursor"])
    nodes = api.post(f"{tree}/get_range", strategy_id=made[0], limit=2)
    rest = api.post(f"{tree}/get_range", strategy_id=made[0], limit=2, cursor=nodes["next_cursor"])
    codes = [
        api.post(f"{tree}/list", limit=1001)["errcode"],
        api.post(f"{tree}/list", cursor=nodes["next_cursor"])["errcode"],
        api.post(f"{tree}/get_range", strategy_id=made[2], cursor=nodes["next_cursor"])["errcode"],
        api.post(f"{tree}/get_range", strategy_id=made[0], limit=1001)["errcode"],
    ]

    assert [{"strategy_id": made[0]}] == first["strategy"]
    assert [{"strategy_id": made[2]}] == last["strategy"]
    assert ([ANNA, BEN], [CHEN]) == (nodes["range"], rest["range"])
    assert "next_cursor" not in last
    assert "next_cursor" not in rest
    assert [40058, 50100, 50100, 40058] == codes


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40063, {"strategy_name": ""}),
        (40063, {"admin_list": []}),
        (60111, {"admin_list": ["nobody"]}),
        (40058, {"admin_list": [f"s{i}" for i in range(21)]}),
        (40063, {"range": []}),
        (40063, {"range": [{"userid": "anna"}]}),
        (40058, {"range": [{"type": 3}]}),
        (41009, {"range": [{"type": 1}]}),
        (60111, {"range": [{"type": 1, "userid": "nobody"}]}),
        (40063, {"range": [{"type": 2}]}),
        (60003, {"range": [party(99)]}),
        (40058, {"parent_id": 99}),
        (40058, {"privilege": {"share_customer": "no", "send_moment": "no"}}),
    ],
)
def test_mistakes(api: Api, tree: str, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode, and makes nothing."""
    assert errcode == api.post(f"{tree}/create", **body(**change))["errcode"]
    assert [] == api.post(f"{tree}/list")["strategy"]


def test_mistakes_of_an_edit(api: Api, tree: str) -> None:
    """A call with a mistake changes nothing of the strategy."""
    strategy_id = create(api, tree)

    def code(**change: object) -> int:
        return api.post(f"{tree}/edit", **{"strategy_id": strategy_id, "strategy_name": "x", **change})["errcode"]

    codes = [
        code(strategy_id=None),
        code(strategy_id=99),
        code(admin_list=["nobody"]),
        code(range_add=[party(99)]),
        code(range_del=[{"type": 1, "userid": "nobody"}]),
        code(privilege={"share_customer": 5, "send_moment": 5}),
    ]

    assert [40063, 40058, 60111, 60003, 60111, 40058] == codes
    assert "华东" == api.post(f"{tree}/get", strategy_id=strategy_id)["strategy"]["strategy_name"]


def test_an_edit_that_comes_twice_changes_nothing_more(api: Api, tree: str) -> None:
    """Nodes that are there already, or not any more, are no mistake."""
    strategy_id = create(api, tree, ANNA, BEN)
    for _ in range(2):
        answer = api.post(f"{tree}/edit", strategy_id=strategy_id, range_add=[CHEN], range_del=[ANNA])
        assert 0 == answer["errcode"]

    assert [BEN, CHEN] == nodes_of(api, tree, strategy_id)


def test_a_range_lies_within_that_of_its_parent(api: Api, tree: str) -> None:
    """A department covers its staff and the departments under it; what a parent loses, those under it lose."""
    shop = api.box.add_department("门店")
    till = api.box.add_department("收银", parent=shop)
    api.box.add_staff("dai", department=till)
    top = create(api, tree, party(shop), BEN)
    under = {"parent_id": top}
    refused = [api.post(f"{tree}/create", **body(node, **under))["errcode"] for node in (ANNA, party(1))]
    child = create(api, tree, party(till), BEN, {"type": 1, "userid": "dai"}, **under)
    grandchild = create(api, tree, BEN, {"type": 1, "userid": "dai"}, parent_id=child)
    wider = api.post(f"{tree}/edit", strategy_id=child, range_add=[ANNA])["errcode"]
    assert 0 == api.post(f"{tree}/edit", strategy_id=top, range_del=[party(shop)])["errcode"]

    assert [60030, 60030, 60030] == [*refused, wider]
    assert [[BEN], [BEN]] == [nodes_of(api, tree, strategy_id) for strategy_id in (child, grandchild)]


def test_staff_who_resigned(api: Api, tree: str) -> None:
    """They stay in the ranges that name them until they are taken out, and stand in the way of no other change."""
    top = create(api, tree, party(1))
    child = create(api, tree, ANNA, BEN, CHEN, parent_id=top)
    for userid in ("ben", "chen"):
        api.box.staff_resigns(userid)
    codes = [
        api.post(f"{tree}/edit", strategy_id=top, strategy_name="全国")["errcode"],
        api.post(f"{tree}/edit", strategy_id=child, strategy_name="华南")["errcode"],
    ]
    named = nodes_of(api, tree, child)
    codes += [
        api.post(f"{tree}/edit", strategy_id=child, range_del=[CHEN])["errcode"],
        api.post(f"{tree}/edit", strategy_id=child, range_add=[CHEN])["errcode"],
    ]

    assert [0, 0, 0, 60111] == codes
    assert ([ANNA, BEN, CHEN], [ANNA, BEN]) == (named, nodes_of(api, tree, child))


def test_rights_come_from_the_top(api: Api, tree: str) -> None:
    """Under a parent, rights that are given are ignored, in an edit too."""
    right = "share_customer" if tree == "customer_strategy" else "send_moment"
    top = create(api, tree, privilege={right: False})
    child = create(api, tree, parent_id=top, privilege={right: True})
    grandchild = create(api, tree, parent_id=child)
    api.post(f"{tree}/edit", strategy_id=child, privilege={right: True})

    seen = [api.post(f"{tree}/get", strategy_id=i)["strategy"] for i in (top, child, grandchild)]
    assert [False] * 3 == [strategy["privilege"][right] for strategy in seen]
    assert [0, top, child] == [strategy["parent_id"] for strategy in seen]


def test_five_levels(api: Api, tree: str) -> None:
    """A sixth one is refused."""
    strategy_id = create(api, tree)
    for _ in range(4):
        strategy_id = create(api, tree, parent_id=strategy_id)

    assert 40058 == api.post(f"{tree}/create", **body(parent_id=strategy_id))["errcode"]


def test_a_parent_is_not_deleted(corp: Callable[..., Api], tree: str) -> None:
    """Unless the rules let it, and then all under it go as well."""
    api = corp()
    top = create(api, tree)
    child = create(api, tree, parent_id=top)
    create(api, tree, parent_id=child)
    refused = api.post(f"{tree}/del", strategy_id=top)["errcode"]
    api.box.change_rules(delete_parent_strategies=True)

    assert [40058, 0] == [refused, api.post(f"{tree}/del", strategy_id=top)["errcode"]]
    assert [] == api.post(f"{tree}/list")["strategy"]


def _local(box: Sandbox) -> Api:
    return sign_in(box, httpx.Client(transport=box.transport, base_url="https://wecom"))


def test_a_hundred_nodes_in_a_call_for_customers() -> None:
    """For moments that number is not documented; both hold 3,000."""
    box = staffed()
    for i in range(101):
        box.add_department(f"d{i}")
    many = [party(i) for i in range(2, 103)]
    api = _local(box)
    strategy_id = create(api, "customer_strategy", *many[:100])
    codes = [
        api.post("customer_strategy/create", **body(*many))["errcode"],
        api.post("customer_strategy/edit", strategy_id=strategy_id, range_add=many[:60], range_del=many[60:])[
            "errcode"
        ],
        api.post("moment_strategy/create", **body(*many))["errcode"],
    ]

    assert [40058, 40058, 0] == codes


def test_a_range_is_full(monkeypatch: pytest.MonkeyPatch, tree: str) -> None:
    """More nodes than a strategy can hold are refused."""
    monkeypatch.setattr(limits, "STRATEGY_NODES", 2)
    api = _local(staffed())
    strategy_id = create(api, tree, ANNA, BEN)
    codes = [
        api.post(f"{tree}/create", **body(ANNA, BEN, CHEN))["errcode"],
        api.post(f"{tree}/edit", strategy_id=strategy_id, range_add=[CHEN])["errcode"],
        api.post(f"{tree}/edit", strategy_id=strategy_id, range_add=[CHEN], range_del=[ANNA])["errcode"],
    ]

    assert [40058, 40058, 0] == codes


@pytest.mark.parametrize("verb", ["create", "edit"])
def test_one_at_a_time(tree: str, verb: str) -> None:
    """A second one in flight is 45035; one in the other tree is not concerned."""
    box = staffed()
    token = {"access_token": _local(box).token}

    def arriving(path: str) -> Any:
        return box.arriving(Request("POST", f"/cgi-bin/externalcontact/{path}/{verb}", token, b"{}"))

    (other,) = set(TREES) - {tree}
    with arriving(tree), arriving(tree) as conflict, arriving(other) as free:
        assert b'"errcode":45035' in conflict.body
        assert b'"errcode":40063' in free.body
    with arriving(tree) as after:
        assert b'"errcode":40063' in after.body


_NODES = [{"type": 1, "userid": userid} for userid in STAFF] + [party(number) for number in (1, 2, 3, 4)]
_SOME = st.lists(st.sampled_from(_NODES), max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), _SOME, _SOME), max_size=8))
def test_a_range_always_lies_within_that_of_its_parent(
    edits: list[tuple[int, list[dict[str, Any]], list[dict[str, Any]]]],
) -> None:
    """However three strategies, one under the other, are edited, nobody is covered whom the strategy above does not cover."""
    box = Sandbox(1)
    # 1 holds 2, which holds 3; 4 stands beside 2.
    for number, parent in ((2, 1), (3, 2), (4, 1)):
        box.add_department(f"d{number}", parent=parent, department_id=number)
    for userid, department in zip(STAFF, (2, 3, 4), strict=True):
        box.add_staff(userid, department=department)
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        for parent_id in range(3):
            create(api, "customer_strategy", *_NODES, parent_id=parent_id)
        for strategy_id, added, removed in edits:
            api.post("customer_strategy/edit", strategy_id=strategy_id, range_add=added, range_del=removed)

    strategies: Any = box.state()["customer_strategies"]
    for strategy in strategies.values():
        parent = strategies.get(str(strategy["parent_id"]))
        if parent is not None:
            assert _covered(strategy) <= _covered(parent)


def _covered(strategy: dict[str, Any]) -> set[object]:
    inside: dict[int, set[object]] = {
        1: {1, 2, 3, 4, *STAFF},
        2: {2, 3, "anna", "ben"},
        3: {3, "ben"},
        4: {4, "chen"},
    }
    return set(strategy["users"]).union(*(inside[number] for number in strategy["departments"]))
