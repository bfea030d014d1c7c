"""Staff publish moments; customers see them, like them and comment on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from privdom._facts import limits
from privdom.sandbox import Quota
from tests.sandbox.conftest import STAFF, Api, sign_in


JOB = timedelta(seconds=10)


def make(api: Api, text: str = "新品", **body: Any) -> str:
    api = sign_in(api.box, api.client)
    answer = api.post("add_moment_task", text={"content": text}, **body)
    assert answer["errcode"] == 0, answer
    api.box.advance(JOB)
    return api.get("get_moment_task_result", jobid=answer["jobid"])["result"]["moment_id"]


def patient(api: Api) -> Api:
    """Have nobody publish anything by themselves."""
    for userid in STAFF:
        api.box.set_staff(userid, confirm_delay="never")
    return api


def statuses(api: Api, moment_id: str) -> dict[str, int]:
    rows = sign_in(api.box, api.client).post("get_moment_task", moment_id=moment_id)["task_list"]
    return {row["userid"]: row["publish_status"] for row in rows}


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["external_userid"] for row in answer["customer_list"]]


def test_staff_publish_in_their_own_time(api: Api) -> None:
    """As late as they would confirm a message, and never where they never would."""
    api.box.set_staff("anna", confirm_delay=timedelta(minutes=30))
    api.box.set_staff("ben", confirm_delay="never")
    moment_id = make(api)
    before = statuses(api, moment_id)
    api.box.advance(timedelta(minutes=30))
    half = statuses(api, moment_id)
    api.box.advance(timedelta(hours=2))

    assert {"anna": 0, "ben": 0, "chen": 0} == before
    assert 1 == half["anna"]
    assert {"anna": 1, "ben": 0, "chen": 1} == statuses(api, moment_id)
    assert {"anna", "chen"} == {entry.staff for entry in api.box.record.publications}


def test_audience(api: Api) -> None:
    """A moment is for the customers of the moment it is published; who has left does not see it."""
    patient(api)
    friend, gone = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["anna"])
    api.box.customer_deletes_staff(gone, "anna")
    moment_id = make(api)
    api.box.staff_publishes(moment_id, "anna")
    api.box.add_customer(staff=["anna"])
    body = {"moment_id": moment_id, "userid": "anna"}

    assert [friend, gone] == ids(api.post("get_moment_customer_list", **body))
    assert {"anna"} == {row["userid"] for row in api.post("get_moment_customer_list", **body)["customer_list"]}
    assert [friend] == ids(api.post("get_moment_send_result", **body))
    (entry,) = api.box.record.publications
    assert ("新品", (friend, gone), (friend,)) == (entry.text, entry.customers, entry.seen_by)


def test_tags(api: Api) -> None:
    """A moment for a tag is only for those who wear it when it is published."""
    patient(api)
    tag, other = api.add_tags("vip", "old")
    worn = api.box.add_customer(staff=["anna"], tags=[tag])
    api.box.add_customer(staff=["anna"], tags=[other])
    moment_id = make(api, visible_range={"external_contact_list": {"tag_list": [tag]}})
    api.box.staff_publishes(moment_id, "anna")

    assert [worn] == ids(api.post("get_moment_customer_list", moment_id=moment_id, userid="anna"))


def test_seen_at_most(api: Api) -> None:
    """A customer sees four moments of the corp a month, in UTC+8."""
    patient(api)
    customer = api.box.add_customer(staff=["anna"])
    seen = []
    for i in range(6):
        if i == 5:
            api.box.advance(timedelta(days=31))
        moment_id = make(api, str(i))
        api.box.staff_publishes(moment_id, "anna")
        seen.append(
            ids(sign_in(api.box, api.client).post("get_moment_send_result", moment_id=moment_id, userid="anna"))
        )

    assert [[customer]] * 4 + [[], [customer]] == seen


def test_own_moments(api: Api) -> None:
    """What staff publish by themselves is listed under their name, three a day are seen, and it has no tasks."""
    customer = api.box.add_customer(staff=["anna"])
    own = [api.box.staff_posts("anna", f"day {i}") for i in range(4)]
    now = int(api.box.clock.now().timestamp())
    window = {"start_time": now - 1, "end_time": now + 1}
    listed = api.post("get_moment_list", **window, creator="anna")["moment_list"]
    seen = [ids(api.post("get_moment_send_result", moment_id=i, userid="anna")) for i in own]

    assert own == [row["moment_id"] for row in listed]
    assert listed == api.post("get_moment_list", **window, creator="ANNA")["moment_list"]
    assert {("anna", 1)} == {(row["creator"], row["create_type"]) for row in listed}
    assert own == [row["moment_id"] for row in api.post("get_moment_list", **window, filter_type=1)["moment_list"]]
    assert [] == api.post("get_moment_list", **window, filter_type=0)["moment_list"]
    assert [[customer], [customer], [customer], []] == seen
    assert [41067, 41067] == [
        api.post("get_moment_task", moment_id=own[0])["errcode"],
        api.post("cancel_moment_task", moment_id=own[0])["errcode"],
    ]
    assert 41061 == api.post("get_moment_comments", moment_id=own[0], userid="ben")["errcode"]
    assert 40088 == api.get("get_moment_task_result", jobid="")["errcode"]


def test_right_to_publish(api: Api) -> None:
    """Staff in the range of a moment strategy that withdraws `send_moment` publish nothing, until they may again."""
    shop = api.box.add_department("门店")
    api.box.add_staff("dora", department=shop)
    free, bound = {"type": 1, "userid": "anna"}, {"type": 2, "partyid": shop}
    body = {"strategy_name": "s", "admin_list": ["anna"]}
    api.post("moment_strategy/create", **body, range=[free, bound])
    strict = api.post("moment_strategy/create", **body, range=[bound], privilege={"send_moment": False})
    strategy_id = strict["strategy_id"]
    moment_id = make(api)
    api.box.advance(timedelta(hours=2))
    before = statuses(api, moment_id)
    with pytest.raises(ValueError, match="dora may not publish moments"):
        api.box.staff_posts("dora", "hi")
    rights = {"send_moment": True, "view_moment_list": False}
    sign_in(api.box, api.client).post("moment_strategy/edit", strategy_id=strategy_id, privilege=rights)
    api.box.staff_publishes(moment_id, "dora")

    assert {"anna": 1, "ben": 1, "chen": 1, "dora": 0} == before
    assert 1 == statuses(api, moment_id)["dora"]
    assert api.box.staff_posts("dora", "hi")


def test_right_to_publish_of_a_strategy_that_is_gone(api: Api) -> None:
    """It binds nobody any more."""
    body = {"strategy_name": "s", "admin_list": ["anna"], "range": [{"type": 1, "userid": "anna"}]}
    made = api.post("moment_strategy/create", **body, privilege={"send_moment": False})
    api.post("moment_strategy/del", strategy_id=made["strategy_id"])

    assert api.box.staff_posts("anna", "hi")


def test_caps_can_be_lifted(corp: Callable[..., Api]) -> None:
    """Where there is no limit, everybody sees everything."""
    api = corp(staff_moments_seen_per_day=None)
    customer = api.box.add_customer(staff=["anna"])
    own = [api.box.staff_posts("anna", f"day {i}") for i in range(4)]

    assert [customer] == ids(api.post("get_moment_send_result", moment_id=own[3], userid="anna"))


def test_reactions(api: Api) -> None:
    """Likes count once, comments each time; either stands under who it was, with its time."""
    customer = api.box.add_customer(staff=["anna"])
    own = api.box.staff_posts("anna", "hi")
    now = int(api.box.clock.now().timestamp())
    for _ in range(2):
        api.box.customer_likes(customer, own, "anna")
        api.box.customer_comments(customer, own, "anna")
        api.box.staff_likes("anna", own)
    api.box.staff_comments("anna", own)
    answer = api.post("get_moment_comments", moment_id=own, userid="anna")

    by_customer = {"external_userid": customer, "create_time": now}
    by_staff = {"userid": "anna", "create_time": now}
    assert [by_customer, by_customer, by_staff] == answer["comment_list"]
    assert [by_customer, by_staff] == answer["like_list"]
    assert 0 == api.box.pending_callbacks


def test_nobody_answers_what_they_cannot_see(api: Api) -> None:
    """Acts that could not happen are mistakes of the test."""
    patient(api)
    stranger = api.box.add_customer(staff=["ben"])
    moment_id = make(api)
    own = api.box.staff_posts("anna", "hi")
    for wrong in (
        lambda: api.box.staff_publishes("momNo", "anna"),
        lambda: api.box.staff_publishes(own, "ben"),
        lambda: api.box.staff_comments("anna", moment_id),
        lambda: api.box.staff_likes("ben", own),
        lambda: api.box.customer_likes(stranger, own, "anna"),
        lambda: api.box.customer_comments(stranger, "momNo", "anna"),
        lambda: api.box.staff_posts("anna", ""),
    ):
        with pytest.raises(ValueError):
            wrong()


def test_cancel(api: Api) -> None:
    """What was published stays, the others never publish it; to cancel twice is no mistake."""
    api.box.set_staff("anna", confirm_delay=timedelta(0))
    api.box.set_staff("ben", confirm_delay=timedelta(minutes=5))
    api.box.set_staff("chen", confirm_delay="never")
    moment_id = make(api)
    codes = [api.post("cancel_moment_task", moment_id=moment_id)["errcode"] for _ in range(2)]
    api.box.advance(timedelta(hours=1))
    api.box.staff_publishes(moment_id, "chen")

    assert [0, 0] == codes
    assert {"anna": 1, "ben": 0, "chen": 0} == statuses(api, moment_id)
    (shown,) = api.box.state()["moments"]  # type: ignore[misc]
    assert shown["cancelled"]
    assert ["anna"] == [userid for userid, published in shown["published"].items() if published]


def test_dispatch(corp: Callable[..., Api]) -> None:
    """For a while after it was made, nothing is known of a moment; it can be stopped all the same."""
    api = patient(corp(moment_dispatch_time=timedelta(minutes=1)))
    moment_id = make(api)
    body = {"moment_id": moment_id, "userid": "anna"}
    paths = ("get_moment_task", "get_moment_customer_list", "get_moment_send_result", "get_moment_comments")
    early = [api.post(path, **body)["errcode"] for path in paths]
    api.box.advance(timedelta(minutes=1))

    assert [41079] * 4 == early
    assert [0, 41062, 41062, 41062] == [api.post(path, **body)["errcode"] for path in paths]
    assert 0 == api.post("cancel_moment_task", moment_id=moment_id)["errcode"]


@pytest.mark.parametrize(
    ("path", "errcode", "change"),
    [
        ("get_moment_task", 41059, {"moment_id": ""}),
        ("get_moment_task", 41060, {"moment_id": "momNo"}),
        ("get_moment_task", 50100, {"cursor": "x"}),
        ("get_moment_customer_list", 41059, {"moment_id": None}),
        ("get_moment_customer_list", 41009, {"userid": ""}),
        ("get_moment_customer_list", 60111, {"userid": "nobody"}),
        ("get_moment_customer_list", 41062, {}),
        ("get_moment_send_result", 41060, {"moment_id": "momNo"}),
        ("get_moment_send_result", 41061, {"userid": "dora"}),
        ("get_moment_comments", 41062, {}),
        ("get_moment_comments", 40058, {"moment_id": 5}),
        ("cancel_moment_task", 41059, {"moment_id": ""}),
        ("cancel_moment_task", 41060, {"moment_id": "momNo"}),
    ],
)
def test_mistakes(api: Api, path: str, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode, and lists are empty with it."""
    moment_id = make(patient(api))
    api.box.add_staff("dora")
    answer = api.post(path, **{"moment_id": moment_id, "userid": "anna", **change})

    assert errcode == answer["errcode"]
    assert [] == [item for value in answer.values() if isinstance(value, list) for item in value]


def test_pages(corp: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages hold as many as asked for; a limit above the most means the default."""
    monkeypatch.setattr(limits, "MOMENT_RECORD_PAGE_DEFAULT", 2)
    monkeypatch.setattr(limits, "MOMENT_SENT_TO_PAGE_DEFAULT", 2)
    api = patient(corp(moment_quota=Quota(1000, 60)))
    customers = [api.box.add_customer(staff=["anna"]) for _ in range(3)]
    moment_id = make(api)
    api.box.staff_publishes(moment_id, "anna")
    body = {"moment_id": moment_id, "userid": "anna"}
    for path, rows, limit in (
        ("get_moment_task", "task_list", 1001),
        ("get_moment_customer_list", "customer_list", 1001),
        ("get_moment_send_result", "customer_list", 5001),
    ):
        first = api.post(path, **body, limit=limit)
        last = api.post(path, **body, limit=limit, cursor=first["next_cursor"])
        assert ([2, 1], "") == ([len(first[rows]), len(last[rows])], last["next_cursor"])
        assert 3 == len(api.post(path, **body, limit=3)[rows])

    assert customers == ids(api.post("get_moment_send_result", **body, limit=5))


def test_jobs_that_overtake_each_other(api: Api) -> None:
    """Moments are listed in the order in which they were made, whichever was asked for first."""
    patient(api)
    now = int(api.box.clock.now().timestamp())
    assert 0 == api.post("add_moment_task", text={"content": "slow"})["errcode"]
    api.box.change_rules(moment_job_time=timedelta(0))
    assert 0 == api.post("add_moment_task", text={"content": "fast"})["errcode"]
    api.box.advance(JOB)
    window = {"start_time": now - 1, "end_time": now + 60, "limit": 1}
    first = api.post("get_moment_list", **window)
    last = api.post("get_moment_list", **window, cursor=first["next_cursor"])

    texts = [row["text"]["content"] for row in first["moment_list"] + last["moment_list"]]
    assert ["fast", "slow"] == texts
