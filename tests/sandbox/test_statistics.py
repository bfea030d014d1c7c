"""Figures on staff and groups are counted from what happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in


# The corp's clock begins at 17:00 of a Monday, in UTC+8.
MONDAY = 1_767_542_400
DAY = 86_400
ALL = {"userid_list": ["anna", "ben", "chen"]}


def staff(api: Api, start: int = MONDAY, end: int = MONDAY, **body: Any) -> list[dict[str, Any]]:
    answer = sign_in(api.box, api.client).post(
        "get_user_behavior_data", **{"userid": ["anna", "ben"], "start_time": start, "end_time": end, **body}
    )
    assert answer["errcode"] == 0, answer
    return answer["behavior_data"]


def groups(api: Api, start: int = MONDAY, **body: Any) -> dict[str, Any]:
    answer = sign_in(api.box, api.client).post(
        "groupchat/statistic", **{"day_begin_time": start, "owner_filter": ALL, **body}
    )
    assert answer["errcode"] == 0, answer
    return answer


def figures(api: Api, start: int = MONDAY, **body: Any) -> dict[str, dict[str, int]]:
    return {row["owner"]: row["data"] for row in groups(api, start, **body)["items"]}


def by_day(api: Api, start: int = MONDAY, end: int = MONDAY, **body: Any) -> list[dict[str, int]]:
    answer = sign_in(api.box, api.client).post(
        "groupchat/statistic_group_by_day",
        **{"day_begin_time": start, "day_end_time": end, "owner_filter": ALL, **body},
    )
    assert answer["errcode"] == 0, answer
    assert list(range(start, end + 1, DAY)) == [row["stat_time"] for row in answer["items"]]
    return [row["data"] for row in answer["items"]]


def test_staff(api: Api) -> None:
    """Customers who come and go, and messages, are counted on their day, for everybody asked for together."""
    api.post("add_contact_way", type=2, scene=2, user=["anna"], state="door")
    first = api.box.scan("door").external_userid
    second = api.box.add_customer(staff=["anna", "ben"])
    for _ in range(2):
        api.box.staff_writes("anna", first)
    api.box.staff_writes("ben", second)
    api.box.advance(timedelta(hours=7))
    api.box.staff_writes("anna", second)
    api.box.customer_deletes_staff(first, "anna")
    api.box.staff_deletes_customer("anna", second)
    api.box.advance(timedelta(days=1))
    monday, tuesday = staff(api, MONDAY, MONDAY + DAY)
    (anna,) = staff(api, userid=["anna"])

    assert {
        "stat_time": MONDAY,
        "new_contact_cnt": 3,
        "chat_cnt": 2,
        "message_cnt": 3,
        "negative_feedback_cnt": 0,
        "new_apply_cnt": 0,
    } == monday
    assert (1, 1, 1, 0) == tuple(
        tuesday[name] for name in ("chat_cnt", "message_cnt", "negative_feedback_cnt", "new_contact_cnt")
    )
    assert (2, 1, 2) == (anna["new_contact_cnt"], anna["chat_cnt"], anna["message_cnt"])


def test_replies(api: Api) -> None:
    """Of the chats that customers began, some were answered the same day; waiting is averaged over those."""
    quick, slow, late, mine = (api.box.add_customer(staff=["anna"]) for _ in range(4))
    api.box.staff_writes("anna", mine)
    for customer in (quick, slow, late, mine):
        api.box.customer_writes(customer, "anna")
    api.box.advance(timedelta(minutes=2))
    api.box.staff_writes("anna", quick)
    api.box.customer_writes(quick, "anna")
    api.box.advance(timedelta(minutes=4))
    api.box.staff_writes("anna", quick)
    api.box.staff_writes("anna", slow)
    api.box.advance(timedelta(days=1))
    api.box.staff_writes("anna", late)
    api.box.customer_writes(slow, "anna")
    api.box.advance(timedelta(days=1))
    monday, tuesday = staff(api, MONDAY, MONDAY + DAY)

    assert (66.67, 4) == (monday["reply_percentage"], monday["avg_reply_time"])
    assert 0.0 == tuesday["reply_percentage"]
    assert "avg_reply_time" not in tuesday


@pytest.mark.parametrize("counted", [True, False])
def test_mass_messages(corp: Callable[..., Api], counted: bool) -> None:
    """What staff send to many at once counts, unless a rule says otherwise; what was not received never does."""
    api = corp(mass_messages_counted=counted)
    friend, gone = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["anna"])
    api.box.customer_deletes_staff(gone, "anna")
    group = api.box.add_group(owner="anna")
    api.box.staff_sends("anna", "hi", [friend, gone])
    msgid = api.send(sender="anna", chat_type="group", chat_id_list=[group])
    api.box.staff_confirms(msgid, "anna")
    api.box.advance(timedelta(days=1))

    assert [int(counted)] * 2 == [staff(api)[0][name] for name in ("chat_cnt", "message_cnt")]
    data = figures(api)["anna"]
    assert [int(counted)] * 3 == [data[name] for name in ("msg_total", "chat_has_msg", "member_has_msg")]


def test_days_of_staff(api: Api) -> None:
    """A day is told when it is over; times are brought down to midnight in UTC+8."""
    api.box.add_customer(staff=["anna"])
    assert [] == staff(api)
    api.box.advance(timedelta(hours=7))
    (row,) = staff(api, MONDAY + 5, MONDAY + 5 * DAY - 1)

    assert (MONDAY, 1) == (row["stat_time"], row["new_contact_cnt"])


def test_departments(api: Api) -> None:
    """Departments stand for everybody in and under them."""
    sales = api.box.add_department("销售")
    api.box.add_staff("dora", department=api.box.add_department("一组", parent=sales))
    api.box.add_customer(staff=["dora", "anna"])
    api.box.advance(timedelta(days=1))

    assert 1 == staff(api, userid=[], partyid=[sales])[0]["new_contact_cnt"]
    assert 2 == staff(api, userid=["dora"], partyid=[1])[0]["new_contact_cnt"]


def test_customers_of_the_past(api: Api) -> None:
    """Whoever the stage was set with counts on the day given for them."""
    api.box.add_customer(staff=["anna"], created=api.box.clock.now() - timedelta(days=2))

    assert [1, 0] == [row["new_contact_cnt"] for row in staff(api, MONDAY - 2 * DAY, MONDAY)]


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40063, {"userid": []}),
        (40058, {"userid": ["anna"] * 101}),
        (40058, {"partyid": [1] * 101}),
        (60111, {"userid": ["nobody"]}),
        (60003, {"partyid": [99]}),
        (40063, {"start_time": None}),
        (40063, {"end_time": None}),
        (40058, {"end_time": MONDAY - 3 * DAY}),
        (40058, {"start_time": MONDAY - 32 * DAY}),
        (40058, {"start_time": MONDAY - 181 * DAY, "end_time": MONDAY - 180 * DAY}),
    ],
)
def test_mistakes_of_staff(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode."""
    body = {"userid": ["anna"], "start_time": MONDAY - 2 * DAY, "end_time": MONDAY - DAY, **change}

    assert errcode == api.post("get_user_behavior_data", **body)["errcode"]


def test_groups(api: Api) -> None:
    """What is new is of the days asked for, totals are those of the last; who was there from the start is not new."""
    group = api.box.create_group(owner="anna", members=["wmA", "wmB"])
    api.box.member_writes(group, "wmA")
    api.box.advance(timedelta(days=1))
    api.box.join_group(group, ["wmC", "ben"])
    api.box.join_group(group, ["wmC"])
    api.box.leave_group(group, ["wmA"])
    api.box.member_writes(group, "wmB")
    api.box.member_writes(group, "wmB")
    api.box.create_group(owner="anna")
    api.box.advance(timedelta(days=1))
    monday, tuesday = by_day(api, MONDAY, MONDAY + DAY)

    assert {
        "new_chat_cnt": 1,
        "chat_total": 1,
        "chat_has_msg": 1,
        "new_member_cnt": 0,
        "member_total": 3,
        "member_has_msg": 1,
        "msg_total": 1,
    } == monday
    assert {
        "new_chat_cnt": 1,
        "chat_total": 2,
        "chat_has_msg": 1,
        "new_member_cnt": 2,
        "member_total": 5,
        "member_has_msg": 1,
        "msg_total": 3,
    } == tuesday
    assert {"anna": {**tuesday, "new_chat_cnt": 2}} == figures(api, day_end_time=MONDAY + DAY)
    assert {"anna": monday} == figures(api, MONDAY + 3_600)


def test_groups_that_go(api: Api) -> None:
    """A dissolved group counts until that day; a given one counts for whoever owned it."""
    gone, given = (api.box.create_group(owner="anna") for _ in range(2))
    api.box.advance(timedelta(days=1))
    api.box.dismiss_group(gone)
    sign_in(api.box, api.client).post("groupchat/onjob_transfer", chat_id_list=[given], new_owner="ben")
    api.box.advance(timedelta(days=1))

    assert {"anna": 2} == {owner: data["chat_total"] for owner, data in figures(api).items()}
    tuesday = figures(api, MONDAY + DAY)
    assert ["ben"] == list(tuesday)
    assert (1, 0, 1, 2) == tuple(
        tuesday["ben"][name] for name in ("chat_total", "new_chat_cnt", "new_member_cnt", "member_total")
    )
    assert [0] == [day["chat_total"] for day in by_day(api, owner_filter={"userid_list": ["chen"]})]


def test_order_and_pages(api: Api) -> None:
    """Owners are sorted by the figure asked for, and come in pages with an offset."""
    for owner, size in (("anna", 1), ("ben", 3), ("chen", 2)):
        api.box.create_group(owner=owner, members=[f"wm{i}" for i in range(size)])
    api.box.create_group(owner="chen")
    api.box.advance(timedelta(days=1))

    def order(**body: Any) -> list[str]:
        return [row["owner"] for row in groups(api, **body)["items"]]

    assert ["chen", "anna", "ben"] == order()
    assert ["anna", "ben", "chen"] == order(order_by=2, order_asc=1)
    assert ["anna", "ben", "chen"] == order(order_by=3)
    assert ["ben", "chen", "anna"] == order(order_by=4)
    pages = [groups(api, offset=offset, limit=2) for offset in (0, 2, 9)]
    assert [(3, 2), (3, 3), (3, 3)] == [(page["total"], page["next_offset"]) for page in pages]
    assert [2, 1, 0] == [len(page["items"]) for page in pages]


def test_all_owners(corp: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without owners, all staff are meant, unless they are too many."""
    api = corp()
    for owner in ("anna", "ben"):
        api.box.create_group(owner=owner)
    api.box.advance(timedelta(days=1))

    assert {"anna", "ben"} == figures(api, owner_filter=None).keys()
    assert [2] == [day["chat_total"] for day in by_day(api, owner_filter={})]
    monkeypatch.setattr(limits, "STATISTICS_UNFILTERED_STAFF", 2)
    api = sign_in(api.box, api.client)
    assert 81017 == api.post("groupchat/statistic", day_begin_time=MONDAY)["errcode"]


@pytest.mark.parametrize("path", ["groupchat/statistic", "groupchat/statistic_group_by_day"])
@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40063, {"day_begin_time": None}),
        (40058, {"day_begin_time": MONDAY}),
        (40058, {"day_end_time": MONDAY}),
        (40058, {"day_end_time": MONDAY - 3 * DAY}),
        (40058, {"day_begin_time": MONDAY - 32 * DAY, "day_end_time": MONDAY - DAY}),
        (40058, {"day_begin_time": MONDAY - 181 * DAY}),
        (60111, {"owner_filter": {"userid_list": ["nobody"]}}),
        (40058, {"owner_filter": {"userid_list": ["anna"] * 101}}),
    ],
)
def test_mistakes_of_groups(api: Api, path: str, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode; today is not over."""
    answer = api.post(path, **{"day_begin_time": MONDAY - 2 * DAY, "owner_filter": ALL, **change})

    assert (errcode, []) == (answer["errcode"], answer["items"])


@pytest.mark.parametrize("change", [{"order_by": 5}, {"order_asc": 2}, {"offset": -1}, {"limit": 0}, {"limit": 1001}])
def test_mistakes_of_pages(api: Api, change: dict[str, object]) -> None:
    """What is out of range is refused."""
    body = {"day_begin_time": MONDAY - DAY, "owner_filter": ALL, **change}

    assert 40058 == api.post("groupchat/statistic", **body)["errcode"]


def test_only_members_write(api: Api) -> None:
    """Nobody writes in a group that they are not in."""
    group = api.box.add_group(owner="anna")
    for wrong in (lambda: api.box.member_writes(group, "ben"), lambda: api.box.member_writes("wrNo", "anna")):
        with pytest.raises(ValueError):
            wrong()
