"""Departments, and staff in short."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sandbox.calls import get, post
from tests.sandbox.conftest import Api


def test_tree(api: Api) -> None:
    """A department is listed with all below it, whole or as ids, and read alone."""
    east = api.box.add_department("华东")
    shop = api.box.add_department("门店", parent=east)
    api.box.add_department("华南")

    tree = get(api, "department/list", id=east)["department"]
    places = get(api, "department/simplelist", id=east)["department_id"]
    whole = get(api, "department/simplelist")["department_id"]

    assert [(east, "华东", 1), (shop, "门店", east)] == [(d["id"], d["name"], d["parentid"]) for d in tree]
    assert [(east, 1), (shop, east)] == [(d["id"], d["parentid"]) for d in places]
    assert 4 == len(whole)
    assert tree[1] == get(api, "department/get", id=shop)["department"]


@pytest.mark.parametrize("path", ["department/list", "department/simplelist", "department/get"])
def test_unknown_department(api: Api, path: str) -> None:
    """There is no department 99, and none called x."""
    answers = [get(api, path, id=99), get(api, path, id="x")]

    assert [60003, 40058] == [answer["errcode"] for answer in answers]


def test_no_department(api: Api) -> None:
    """One department needs its id; so does the list of its staff."""
    assert 41019 == get(api, "department/get")["errcode"]
    assert 41019 == get(api, "user/simplelist")["errcode"]
    assert 60003 == get(api, "user/simplelist", department_id=99)["errcode"]


def test_staff_in_short(api: Api) -> None:
    """Only those directly in the department, without what is private."""
    shop = api.box.add_department("门店")
    api.box.add_staff("dora", "Dora", department=[1, shop])

    shown = get(api, "user/simplelist", department_id=shop)["userlist"]

    assert [{"userid": "dora", "name": "Dora", "department": [1, shop]}] == shown
    assert 4 == len(get(api, "user/simplelist", department_id=1)["userlist"])


def test_all_ids(api: Api) -> None:
    """A row for each department of each staff, page by page."""
    shop = api.box.add_department("门店")
    api.box.add_staff("dora", department=[1, shop])
    first = post(api, "user/list_id", limit=3)
    second = post(api, "user/list_id", limit=3, cursor=first["next_cursor"])
    rows = [(row["userid"], row["department"]) for row in first["dept_user"] + second["dept_user"]]

    assert [("anna", 1), ("ben", 1), ("chen", 1), ("dora", 1), ("dora", shop)] == rows
    assert "" == second["next_cursor"]
    assert rows == [(row["userid"], row["department"]) for row in post(api, "user/list_id")["dept_user"]]


def test_all_ids_while_staff_resign(api: Api) -> None:
    """A change between two pages makes nothing come twice or get lost."""
    first = post(api, "user/list_id", limit=2)
    api.box.staff_resigns("anna")
    second = post(api, "user/list_id", limit=2, cursor=first["next_cursor"])

    assert ["anna", "ben"] == [row["userid"] for row in first["dept_user"]]
    assert ["chen"] == [row["userid"] for row in second["dept_user"]]


@pytest.mark.parametrize(
    ("errcode", "change"), [(40058, {"limit": 0}), (40058, {"limit": 10_001}), (50100, {"cursor": "x"})]
)
def test_mistakes_in_lists_of_ids(api: Api, errcode: int, change: dict[str, object]) -> None:
    """A page holds 1 to 10,000, and only our own cursors go on."""
    assert errcode == post(api, "user/list_id", **change)["errcode"]


def test_only_the_directory_may_list_all_ids(corp: Callable[..., Api]) -> None:
    """The secret of an app is not enough."""
    answer = post(corp(contacts_sync=False), "user/list_id")

    assert (48002, []) == (answer["errcode"], answer["dept_user"])
