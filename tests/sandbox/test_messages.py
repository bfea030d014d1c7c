"""Mass messages: tasks, confirmation, caps, lists; and welcome messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import Api, sign_in


HOURS = timedelta(hours=3)


def _again(api: Api) -> Api:
    return sign_in(api.box, api.client)


def _tasks(api: Api, msgid: str) -> list[tuple[str, int]]:
    return [(t["userid"], t["status"]) for t in _again(api).post("get_groupmsg_task", msgid=msgid)["task_list"]]


def _results(api: Api, msgid: str, userid: str) -> dict[str, int]:
    answer = _again(api).post("get_groupmsg_send_result", msgid=msgid, userid=userid)
    return {row.get("external_userid") or row["chat_id"]: row["status"] for row in answer["send_list"]}


def test_confirm(api: Api) -> None:
    """Nothing is sent until the staff confirm; then task and results have a time."""
    api.box.set_staff("anna", confirm_delay=timedelta(minutes=30))
    customer = api.box.add_customer(staff=["anna"])
    msgid = api.send(external_userid=[customer])

    assert [("anna", 0)] == _tasks(api, msgid)
    assert {customer: 0} == _results(api, msgid, "anna")
    api.box.advance(timedelta(minutes=30))
    assert [("anna", 2)] == _tasks(api, msgid)
    assert {customer: 1} == _results(api, msgid, "anna")
    delivered = api.box.record.deliveries[0]
    assert (msgid, "hi", "anna", customer, 1) == (
        delivered.msgid,
        delivered.text,
        delivered.staff,
        delivered.target,
        delivered.status,
    )


def test_never(api: Api) -> None:
    """Some staff never confirm."""
    api.box.set_staff("anna", confirm_delay="never")
    msgid = api.send(external_userid=[api.box.add_customer(staff=["anna"])])
    api.box.advance(timedelta(days=60))

    assert [("anna", 0)] == _tasks(api, msgid)


def test_never_confirm_rate(corp: Callable[..., Api]) -> None:
    """A rule says which share of staff never confirms."""
    api = corp(never_confirm_rate=1.0)
    msgid = api.send(external_userid=[api.box.add_customer(staff=["anna"])])
    api.box.advance(timedelta(days=1))

    assert [("anna", 0)] == _tasks(api, msgid)


def test_by_hand(api: Api) -> None:
    """A test may have staff confirm at once; once only."""
    customer = api.box.add_customer(staff=["anna"])
    msgid = api.send(external_userid=[customer])
    api.box.staff_confirms(msgid, "anna")
    api.box.staff_confirms(msgid, "anna")
    api.box.advance(HOURS)

    assert 1 == len(api.box.record.deliveries)
    with pytest.raises(ValueError, match="no task"):
        api.box.staff_confirms(msgid, "ben")


def test_who_sends(api: Api) -> None:
    """With no sender, whoever chatted last sends; with no chat, the newest relation."""
    talked, silent = (api.box.add_customer(staff=["anna", "ben"]) for _ in range(2))
    api.box.customer_writes(talked, "anna")
    msgid = api.send(external_userid=[talked, silent])

    assert {"anna": {talked: 0}, "ben": {silent: 0}} == {
        userid: _results(api, msgid, userid) for userid in ("anna", "ben")
    }


def test_all_of_sender(api: Api) -> None:
    """A sender alone stands for all their customers; with tags, for those who wear them."""
    x, y = api.add_tags("x", "y")
    plain = api.box.add_customer(staff=["anna"])
    tagged = api.box.add_customer(staff=["anna"], tags=[x])
    bens = api.box.add_customer(staff=["ben"], tags=[x, y])

    def reached(**body: Any) -> set[str]:
        msgid = api.send(**body)
        return {i for userid in ("anna", "ben") for i in _results(api, msgid, userid)}

    one, both = [{"tag_list": [x, y]}], [{"tag_list": [x]}, {"tag_list": [y]}]
    assert {plain, tagged} == reached(sender="anna")
    assert {tagged} == reached(sender="anna", tag_filter={"group_list": one})
    assert {tagged, bens} == reached(tag_filter={"group_list": one})
    assert {bens} == reached(tag_filter={"group_list": both})


def test_fail_list(api: Api) -> None:
    """Who cannot be sent to is in fail_list; if nobody remains, the call is 41048."""
    mine, bens = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["ben"])
    body = {"sender": "anna", "text": {"content": "x"}}
    answer = api.post("add_msg_template", **body, external_userid=[mine, bens, "wmNo", mine])

    assert [bens, "wmNo"] == answer["fail_list"]
    assert 41048 == api.post("add_msg_template", **body, external_userid=[bens])["errcode"]
    assert ((mine,), (bens, "wmNo")) == (
        api.box.record.messages[0].recipients,
        api.box.record.messages[0].fail_list,
    )


_LINK = {"msgtype": "link", "link": {"title": "t", "url": "https://a"}}


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40063, {"text": {}}),
        (40058, {"text": {"content": "字" * 1334}}),
        (41064, {"attachments": [_LINK] * 10}),
        (41065, {"attachments": [{"msgtype": "voice"}]}),
        (41065, {"attachments": [{"msgtype": "link"}]}),
        (41016, {"attachments": [{"msgtype": "link", "link": {"url": "https://a"}}]}),
        (41006, {"attachments": [{"msgtype": "image", "image": {}}]}),
        (41006, {"attachments": [{"msgtype": "file", "file": {}}]}),
        (40063, {"attachments": [{"msgtype": "miniprogram", "miniprogram": {"title": "t"}}]}),
        (0, {"attachments": [_LINK, {"msgtype": "image", "image": {"media_id": "m"}}]}),
        (0, {"attachments": [{"msgtype": "video", "video": {"media_id": "m"}}], "text": None}),
        (40063, {"external_userid": None}),
        (40058, {"chat_type": "many"}),
        (41009, {"chat_type": "group"}),
        (60111, {"sender": "nobody"}),
        (40068, {"external_userid": None, "tag_filter": {"group_list": [{"tag_list": ["etNo"]}]}}),
        (0, {"tag_filter": {"group_list": [{"tag_list": ["etNo"]}]}}),
    ],
)
def test_content(api: Api, errcode: int, change: dict[str, object]) -> None:
    """A message is refused for what it says or whom it names."""
    api.box.add_customer("wmX", staff=["anna"])
    body = {"text": {"content": "hi"}, "external_userid": ["wmX"], **change}

    assert errcode == api.post("add_msg_template", **body)["errcode"]


def test_no_friend_any_more(api: Api) -> None:
    """A customer who left before the staff confirmed gets status 2."""
    left, gone = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["anna"])
    msgid = api.send(external_userid=[left, gone])
    api.box.customer_deletes_staff(left, "anna")
    api.box.staff_deletes_customer("anna", gone)
    api.box.advance(HOURS)

    assert {left: 2, gone: 2} == _results(api, msgid, "anna")


@pytest.mark.parametrize(("cap", "most"), [("month", 31), ("week", 7), ("day", 1)])
def test_caps(corp: Callable[..., Api], cap: str, most: int) -> None:
    """A customer receives so many messages a period, the staff's own counted; the next one is status 3."""
    api = corp(receive_cap=cap)
    customer = api.box.add_customer(staff=["anna"])
    for i in range(most):
        api.box.staff_sends("anna", f"m{i}", [customer])
    over = api.send(external_userid=[customer])
    api.box.advance(HOURS)

    assert {customer: 3} == _results(api, over, "anna")
    assert [1] * most + [3] == [entry.status for entry in api.box.record.deliveries]


def test_cap_starts_anew(corp: Callable[..., Api]) -> None:
    """Days are counted in UTC+8."""
    api = corp(receive_cap="day")
    customer = api.box.add_customer(staff=["anna"])
    for hour in (15, 16):
        api.box.advance_to(datetime(2026, 1, 6, hour, tzinfo=UTC))
        api.box.staff_sends("anna", f"at {hour}", [customer])

    assert [1, 1] == [entry.status for entry in api.box.record.deliveries]


def test_cap_number(corp: Callable[..., Api]) -> None:
    """The cap may be another number."""
    api = corp(receive_cap_number=0)
    api.box.staff_sends("anna", "x", [api.box.add_customer(staff=["anna"])])

    assert [3] == [entry.status for entry in api.box.record.deliveries]


def test_cancel(api: Api) -> None:
    """A cancelled message reaches nobody who had not got it; questions about it are 41093, so is cancelling twice."""
    msgid = api.send(external_userid=[api.box.add_customer(staff=["anna"])])
    assert 0 == api.post("cancel_groupmsg_send", msgid=msgid)["errcode"]
    api.box.advance(HOURS)
    api = _again(api)

    assert [] == api.box.record.deliveries
    assert [41093, 41093] == [
        api.post("get_groupmsg_task", msgid=msgid)["errcode"],
        api.post("cancel_groupmsg_send", msgid=msgid)["errcode"],
    ]
    assert ["created", "cancelled"] == [entry.kind for entry in api.box.record.messages]
    api.box.change_rules(second_cancel_errcode=0, cancelled_tasks_hidden=False)
    assert 0 == api.post("cancel_groupmsg_send", msgid=msgid)["errcode"]
    assert [("anna", 0)] == _tasks(api, msgid)


def test_dispatching(corp: Callable[..., Api]) -> None:
    """For a while a new message answers 41063."""
    api = corp(dispatch_time=timedelta(seconds=30))
    msgid = api.send(external_userid=[api.box.add_customer(staff=["anna"])])

    assert 41063 == api.post("get_groupmsg_task", msgid=msgid)["errcode"]
    api.box.advance(timedelta(seconds=30))
    assert 0 == api.post("get_groupmsg_task", msgid=msgid)["errcode"]


def test_list_while_dispatching(corp: Callable[..., Api]) -> None:
    """By a rule the list answers 41063 as well, while one that it would show is being dispatched; other lists do not."""
    api = corp(dispatch_time=timedelta(seconds=30), list_while_dispatching_errcode=41063)
    msgid = api.send(external_userid=[api.box.add_customer(staff=["anna"])])
    now = int(api.box.clock.now().timestamp())
    query = {"start_time": now - 9, "end_time": now}

    def codes() -> list[int]:
        return [api.post("get_groupmsg_list_v2", **query, chat_type=kind)["errcode"] for kind in ("single", "group")]

    assert [41063, 0] == codes()
    api.box.advance(timedelta(seconds=30))
    assert [0, 0] == codes()
    assert [msgid] == [message["msgid"] for message in _listed(api)]


def test_unknown_message(api: Api) -> None:
    """No msgid is 41046, an unknown one 41047; staff without a task have no results."""
    msgid = api.send(external_userid=[api.box.add_customer(staff=["anna"])])

    assert 41046 == api.post("get_groupmsg_task")["errcode"]
    assert 41047 == api.post("cancel_groupmsg_send", msgid="msgNo")["errcode"]
    assert {} == _results(api, msgid, "ben")


def _listed(api: Api, **body: Any) -> list[dict[str, Any]]:
    now = int(api.box.clock.now().timestamp())
    query = {"chat_type": "single", "start_time": now - 86_400, "end_time": now, **body}
    answer = _again(api).post("get_groupmsg_list_v2", **query)
    assert 0 == answer["errcode"], answer
    return answer["group_msg_list"]


def test_listing(corp: Callable[..., Api]) -> None:
    """The list shows content but neither sender nor status; creator only for the staff's own; late by a rule."""
    api = corp(list_lag=timedelta(minutes=5))
    customer = api.box.add_customer(staff=["anna"])
    msgid = api.send("hello", external_userid=[customer], attachments=[_LINK])
    own = api.box.staff_sends("anna", "own", [customer])
    created = int(api.box.clock.now().timestamp())

    assert [] == _listed(api)
    api.box.advance(timedelta(minutes=5))
    corps = {
        "msgid": msgid,
        "create_time": created,
        "create_type": 0,
        "text": {"content": "hello"},
        "attachments": [_LINK],
    }
    assert [corps] == _listed(api, filter_type=0)
    assert [(own, "anna", 1)] == [(m["msgid"], m["creator"], m["create_type"]) for m in _listed(api, creator="anna")]
    assert [] == _listed(api, chat_type="group")


def test_listed_content(api: Api) -> None:
    """Of an image the list shows one of the two ways, media_id before pic_url; of anything only what WeCom knows."""
    image = {"msgtype": "image", "image": {"media_id": "m", "pic_url": "https://p", "size": 3}}
    link = {"msgtype": "link", "link": {"title": "t", "url": "https://a", "desc": None, "colour": "red"}, "more": 1}
    api.send(external_userid=[api.box.add_customer(staff=["anna"])], attachments=[image, link])

    [message] = _listed(api)
    assert [{"msgtype": "image", "image": {"media_id": "m"}}, _LINK] == message["attachments"]


def test_listing_pages(api: Api) -> None:
    """A limit above 100 falls back to 50, and every message comes once."""
    customer = api.box.add_customer(staff=["anna"])
    sent = [api.send(f"m{i}", external_userid=[customer]) for i in range(53)]
    now = int(api.box.clock.now().timestamp())
    query = {"chat_type": "single", "start_time": now, "end_time": now, "limit": 101}
    first = api.post("get_groupmsg_list_v2", **query)
    last = api.post("get_groupmsg_list_v2", **query, cursor=first["next_cursor"])

    assert 50 == len(first["group_msg_list"])
    assert sent == [m["msgid"] for m in first["group_msg_list"] + last["group_msg_list"]]


def test_listing_window(api: Api) -> None:
    """A window is at most a month."""
    query = {"chat_type": "single", "start_time": 1, "end_time": 32 * 86_400 + 1}

    assert 40058 == api.post("get_groupmsg_list_v2", **query)["errcode"]


def test_to_groups(api: Api) -> None:
    """A message to groups goes to those of the sender; unsent groups are not listed."""
    mine, gone = api.box.add_group(owner="anna"), api.box.add_group(name="b", owner="anna")
    bens = api.box.add_group(owner="ben")
    body = {"chat_type": "group", "sender": "anna", "text": {"content": "x"}}
    answer = api.post("add_msg_template", **body, chat_id_list=[mine, gone, bens, "wrNo"])
    everything = api.send(chat_type="group", sender="anna")

    assert [bens, "wrNo"] == answer["fail_list"]
    assert {} == _results(api, answer["msgid"], "anna")
    api.box.dismiss_group(gone)
    api.box.advance(HOURS)
    assert {mine: 1, gone: 2} == _results(api, answer["msgid"], "anna")
    assert {mine: 1, gone: 2} == _results(api, everything, "anna")
    assert 41048 == _again(api).post("add_msg_template", **body, chat_id_list=["wrNo"])["errcode"]


def _welcome(api: Api, code: str, **body: Any) -> int:
    return _again(api).post("send_welcome_msg", welcome_code=code, **{"text": {"content": "hi"}, **body})["errcode"]


def _scanned(api: Api, name: str = "新客") -> Any:
    api.post("add_contact_way", type=1, scene=2, user=["anna"], state="door")
    return api.box.scan("door", name)


def test_welcome_once(api: Api) -> None:
    """A welcome code works once; later it is 41051, unknown or after 20 seconds 41050, absent 41049."""
    found = _scanned(api)

    assert [0, 41051] == [_welcome(api, found.welcome_code), _welcome(api, found.welcome_code)]
    api.box.advance(timedelta(seconds=21))
    assert [41050, 41050, 41049] == [_welcome(api, code) for code in (found.welcome_code, "x", "")]
    assert [("anna", found.external_userid, "hi")] == [
        (e.staff, e.external_userid, e.text) for e in api.box.record.welcomes
    ]


@pytest.mark.parametrize(("seconds", "errcode"), [(20, 0), (21, 41050)])
def test_welcome_in_time(api: Api, seconds: int, errcode: int) -> None:
    """A welcome code lives for 20 virtual seconds."""
    found = _scanned(api)
    api.box.advance(timedelta(seconds=seconds))

    assert errcode == _welcome(api, found.welcome_code)


def test_welcome_while_chatting(api: Api) -> None:
    """Once the two chat, the code is 41051."""
    found = _scanned(api)
    api.box.customer_writes(found.external_userid, "anna")

    assert 41051 == _welcome(api, found.welcome_code)


def test_no_welcome_for_who_chatted_before(api: Api) -> None:
    """A customer who comes back brings a welcome code only if the two never chatted; who chatted last is kept in mind."""
    talked, silent = (api.box.add_customer(staff=["anna", "ben"]) for _ in range(2))
    api.box.customer_writes(talked, "anna")
    for customer in (talked, silent):
        api.box.customer_deletes_staff(customer, "anna")
    codes = [api.box.befriend("anna", customer) for customer in (talked, silent)]
    api.box.customer_deletes_staff(talked, "ben")
    api.box.befriend("ben", talked)

    assert [False, True] == [bool(code) for code in codes]
    assert {talked: 0} == _results(api, api.send(external_userid=[talked]), "anna")


def test_no_welcome_for_wecom_users(api: Api) -> None:
    """A customer who is on WeCom brings no welcome code."""
    customer = api.box.add_customer(type=2)

    assert "" == api.box.befriend("anna", customer)


def test_remind(api: Api) -> None:
    """Whoever has not sent a message is reminded of it, three times in 24 hours, until it is cancelled."""
    customers = [api.box.add_customer(staff=[userid]) for userid in ("anna", "ben")]
    msgid = api.send(external_userid=customers)
    api.box.staff_confirms(msgid, "anna")
    codes = [_again(api).post("remind_groupmsg_send", msgid=msgid)["errcode"] for _ in range(4)]
    api.box.advance(timedelta(hours=24))
    api.box.set_staff("ben", confirm_delay="never")
    codes.append(_again(api).post("remind_groupmsg_send", msgid=msgid)["errcode"])
    _again(api).post("cancel_groupmsg_send", msgid=msgid)
    codes.append(_again(api).post("remind_groupmsg_send", msgid=msgid)["errcode"])

    assert [0, 0, 0, 41094, 0, 41093] == codes
    assert [("ben",)] * 3 == [entry.staff for entry in api.box.record.reminders[:3]]
    assert [41046, 41047] == [_again(api).post("remind_groupmsg_send", msgid=m)["errcode"] for m in ("", "x")]
