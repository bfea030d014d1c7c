"""Staff, customers and their relations."""

from __future__ import annotations

from typing import Any

import pytest

from privdom.sandbox import Fault
from tests.sandbox.conftest import Api


def test_staff(api: Api) -> None:
    """Staff are found by userid, whatever its case, and by department with its children."""
    child = api.box.add_department("华东")
    api.box.add_staff("dora", "多拉", department=[child], serving=False)

    assert api.get("user/get", userid="DORA")["name"] == "多拉"
    assert api.get("user/get")["errcode"] == 41009
    assert [s["userid"] for s in api.get("user/list", department_id=1)["userlist"]] == ["anna", "ben", "chen"]
    assert len(api.get("user/list", department_id=1, fetch_child=1)["userlist"]) == 4
    assert [api.get("user/list", department_id=d)["errcode"] for d in (99, "", "x")] == [60003, 41019, 40058]
    assert api.get("get_follow_user_list")["follow_user"] == ["anna", "ben", "chen"]


def test_list(api: Api) -> None:
    """The customers of one staff come in one list; staff without any answer 84061."""
    ids = [api.box.add_customer(name=f"c{i}", staff=["anna"]) for i in range(3)]

    assert ids == api.get("list", userid="anna")["external_userid"]
    assert api.get("list", userid="ben")["errcode"] == 84061
    assert api.get("list")["errcode"] == 41009


def test_get(api: Api) -> None:
    """A customer comes with everyone who follows them, tags by name."""
    tag = api.add_tags("VIP")[0]
    customer = api.box.add_customer(
        "wmX", "王五", staff=["anna", "ben"], state="s1", gender=1, unionid="o1", tags=[tag]
    )
    answer = api.get("get", external_userid=customer)

    assert {"external_userid": "wmX", "name": "王五", "type": 1, "gender": 1, "unionid": "o1"}.items() <= answer[
        "external_contact"
    ].items()
    assert [follow["userid"] for follow in answer["follow_user"]] == ["anna", "ben"]
    assert answer["follow_user"][0]["state"] == "s1"
    assert [{"group_name": "等级", "tag_name": "VIP", "tag_id": tag, "type": 1}] == answer["follow_user"][0]["tags"]
    assert "next_cursor" not in answer


def test_followers_page(api: Api) -> None:
    """Followers come 500 a page; the last page has no next_cursor."""
    staff = [api.box.add_staff(f"s{i:03}") for i in range(501)]
    customer = api.box.add_customer(staff=staff)
    first = api.get("get", external_userid=customer)
    last = api.get("get", external_userid=customer, cursor=first["next_cursor"])

    assert staff == [f["userid"] for f in first["follow_user"] + last["follow_user"]]
    assert "next_cursor" not in last


def test_no_such_customer(api: Api) -> None:
    """An unknown id is 40096, a customer whom nobody follows 84061, none at all 41035."""
    lonely = api.box.add_customer()

    assert api.get("get", external_userid="x")["errcode"] == 40096
    assert api.get("get", external_userid=lonely)["errcode"] == 84061
    assert api.get("get")["errcode"] == 41035


def _all_pages(api: Api, path: str, field: str, **body: Any) -> list[dict[str, Any]]:
    rows, cursor = [], ""
    while True:
        answer = api.post(path, cursor=cursor, **body)
        rows += answer[field]
        cursor = answer["next_cursor"]
        if not cursor:
            return rows


def test_batch(api: Api) -> None:
    """A batch holds one row per relation, over all staff, page by page."""
    for i in range(7):
        api.box.add_customer(f"wm{i}", staff=["anna", "ben"] if i % 2 else ["anna"], corp_name="腾讯", type=2)
    rows = _all_pages(api, "batch/get_by_user", "external_contact_list", userid_list=["ben", "anna"], limit=2)

    assert [("ben", f"wm{i}") for i in (1, 3, 5)] + [("anna", f"wm{i}") for i in range(7)] == [
        (row["follow_info"]["userid"], row["external_contact"]["external_userid"]) for row in rows
    ]
    assert (
        rows[0]["external_contact"]["corp_name"],
        rows[0]["external_contact"]["corp_full_name"],
    ) == ("腾讯", "腾讯有限公司")


def test_batch_limits(api: Api) -> None:
    """A limit that is too large is cut to 100, the default is 50, over 100 staff are refused."""
    for _ in range(101):
        api.box.add_customer(staff=["anna"])

    def count(**body: int) -> int:
        return len(api.post("batch/get_by_user", userid_list=["anna"], **body)["external_contact_list"])

    assert (count(), count(limit=1000)) == (50, 100)
    assert api.post("batch/get_by_user", userid_list=["anna"] * 101)["errcode"] == 40058
    assert api.post("batch/get_by_user")["errcode"] == 40063


@pytest.mark.parametrize("limit", ["--5", "5-", "9" * 5_000, "½", "", 5.5, [5]])
def test_no_number(api: Api, limit: object) -> None:
    """What is no number is 40058, whatever it looks like; an empty text is as good as none."""
    answer = api.post("batch/get_by_user", userid_list=["anna"], limit=limit)

    assert (0 if limit == "" else 40058) == answer["errcode"]


def test_page_survives_changes(api: Api) -> None:
    """A customer who goes away between two pages makes no other one come twice or get lost."""
    ids = [api.box.add_customer(staff=["anna"]) for _ in range(4)]
    first = api.post("batch/get_by_user", userid_list=["anna"], limit=2)
    api.box.staff_deletes_customer("anna", ids[1])
    rest = api.post("batch/get_by_user", userid_list=["anna"], limit=2, cursor=first["next_cursor"])

    assert ids[2:] == [row["external_contact"]["external_userid"] for row in rest["external_contact_list"]]


@pytest.mark.parametrize("cursor", ["x", "MS5hYmM", "é", "====="])
def test_bad_cursor(api: Api, cursor: str) -> None:
    """A cursor that WeCom did not give, or gave for another listing, is 50100."""
    assert api.post("batch/get_by_user", userid_list=["anna"], cursor=cursor)["errcode"] == 50100


def test_cursor_of_other_filters(api: Api) -> None:
    """A cursor fits only the filters that it came from."""
    for _ in range(3):
        api.box.add_customer(staff=["anna", "ben"])
    cursor = api.post("batch/get_by_user", userid_list=["anna"], limit=1)["next_cursor"]

    assert api.post("batch/get_by_user", userid_list=["ben"], cursor=cursor)["errcode"] == 50100


def test_remark(api: Api) -> None:
    """A remark belongs to the relation and fires no event; remark_company reads back as remark_corp_name."""
    customer = api.box.add_customer(staff=["anna", "ben"])
    change = {"remark": "李总", "description": "老客", "remark_company": "腾讯", "remark_mobiles": ["138"]}

    assert api.post("remark", userid="anna", external_userid=customer, **change)["errcode"] == 0
    anna, ben = api.get("get", external_userid=customer)["follow_user"]
    assert (
        anna["remark"],
        anna["description"],
        anna["remark_corp_name"],
        anna["remark_mobiles"],
    ) == ("李总", "老客", "腾讯", ["138"])
    assert ben["remark"] != "李总"
    assert api.box.pending_callbacks == 0


def test_remark_mobiles(api: Api) -> None:
    """Numbers take the place of those before; one empty number clears them, and an empty list leaves them."""
    customer = api.box.add_customer(staff=["anna"])
    numbers = []
    for change in (["138", "139"], ["137"], [], [""]):
        assert 0 == api.post("remark", userid="anna", external_userid=customer, remark_mobiles=change)["errcode"]
        numbers.append(api.get("get", external_userid=customer)["follow_user"][0]["remark_mobiles"])

    assert [["138", "139"], ["137"], ["137"], []] == numbers


def test_remark_refused(api: Api) -> None:
    """A remark needs something to say, within its length, about a customer of that staff."""
    customer = api.box.add_customer(staff=["anna"])

    def codes(**change: Any) -> int:
        return api.post("remark", **{"userid": "anna", "external_userid": customer, **change})["errcode"]

    assert codes() == 40058
    assert codes(remark="x" * 21) == 40058
    assert codes(userid="ben", remark="x") == 84061
    assert codes(external_userid="wmNo", remark="x") == 40096


@pytest.mark.parametrize(
    "change", ['"remark": "\\ud83d"', '"description": "x\\udc00"', '"remark_mobiles": ["138", "\\ud83d"]']
)
def test_half_a_character(api: Api, change: str) -> None:
    """Half of an emoji is 40033, and leaves the customer as they were."""
    customer = api.box.add_customer(name="李四", staff=["anna"])
    body = f'{{"userid": "anna", "external_userid": "{customer}", {change}}}'.encode()
    path, params = "/cgi-bin/externalcontact/remark", {"access_token": api.token}

    assert 40033 == api.client.post(path, params=params, content=body).json()["errcode"]
    assert "李四" == api.get("get", external_userid=customer)["follow_user"][0]["remark"]


def test_half_open(api: Api) -> None:
    """A customer who deletes staff stays in the API; one whom staff delete does not."""
    customer = api.box.add_customer(staff=["anna", "ben"])
    api.box.customer_deletes_staff(customer, "anna")
    api.box.staff_deletes_customer("ben", customer)

    assert [follow["userid"] for follow in api.get("get", external_userid=customer)["follow_user"]] == ["anna"]
    assert _pending_types(api) == ["del_follow_user", "del_external_contact"]


def _pending_types(api: Api) -> list[str]:
    types: list[str] = []
    box = api.box
    api.box.faults.add(_LOSE_ALL)
    box.set_callback("http://127.0.0.1:9/")
    box.deliver()
    types += [entry.change_type for entry in box.record.callbacks]
    return types


_LOSE_ALL = Fault("lost_callback", times=0)
