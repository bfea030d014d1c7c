"""Acquisition links: what they cost, whom they win, what is told of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from privdom._facts import limits
from privdom.sandbox import Sandbox
from tests.sandbox.conftest import Api, sign_in, staffed


DAY = timedelta(days=1)
SPOT = "customer_acquisition/"


def _again(api: Api) -> Api:
    return sign_in(api.box, api.client)


def _create(api: Api, *users: str, **body: Any) -> str:
    answer = api.post(f"{SPOT}create_link", link_name="门店", range={"user_list": list(users) or ["anna"]}, **body)
    assert answer["errcode"] == 0, answer
    return answer["link"]["link_id"]


def _listening(**rules: Any) -> tuple[Sandbox, Api]:
    box = staffed(**rules)
    box.on_callback(lambda params, body: 200)
    client = httpx.Client(transport=box.transport, base_url="https://wecom")
    return box, sign_in(box, client)


def _told(box: Sandbox) -> list[dict[str, Any]]:
    box.deliver()
    events = [{e.tag: e.text for e in ET.fromstring(entry.xml)} for entry in box.record.callbacks]
    return [event for event in events if event["Event"] == "customer_acquisition"]


def _kinds(box: Sandbox) -> list[str]:
    return [event["ChangeType"] for event in _told(box)]


def test_life(api: Api) -> None:
    """A link is made, read, changed, listed and deleted; today's answer does not repeat its id."""
    link_id = _create(api, "anna", "ANNA", "ben", skip_verify=False)
    made = api.post(f"{SPOT}get", link_id=link_id)
    change = {"link_name": "直播", "range": {"department_list": [1]}, "skip_verify": True, "mark_source": False}
    assert api.post(f"{SPOT}update_link", link_id=link_id, **change)["errcode"] == 0
    priority = {"priority_type": 2, "priority_userid_list": ["chen"]}
    assert api.post(f"{SPOT}update_link", link_id=link_id, priority_option=priority)["errcode"] == 0
    after = api.post(f"{SPOT}get", link_id=link_id)
    listed = api.post(f"{SPOT}list_link")["link_id_list"]
    gone = [api.post(f"{SPOT}{verb}", link_id=link_id)["errcode"] for verb in ("delete_link", "delete_link", "get")]

    assert {"link_name", "url", "create_time", "skip_verify", "mark_source"} == set(made["link"])
    assert ("门店", False, True) == (
        made["link"]["link_name"],
        made["link"]["skip_verify"],
        made["link"]["mark_source"],
    )
    assert {"user_list": ["anna", "ben"], "department_list": []} == made["range"]
    assert "priority_option" not in made
    assert ("直播", True, False) == (
        after["link"]["link_name"],
        after["link"]["skip_verify"],
        after["link"]["mark_source"],
    )
    assert {"user_list": [], "department_list": [1]} == after["range"]
    assert priority == after["priority_option"]
    assert made["link"]["url"] == after["link"]["url"]
    assert [link_id] == listed
    assert [0, 40058, 40058] == gone
    assert 0 == api.box.pending_callbacks


def test_same_content_makes_two(api: Api) -> None:
    """A second call makes a second link."""
    assert _create(api) != _create(api)


def test_pages(api: Api) -> None:
    """Links are listed in the order they were made, and a cursor fits only its listing."""
    made = [_create(api) for _ in range(3)]
    first = api.post(f"{SPOT}list_link", limit=2)
    second = api.post(f"{SPOT}list_link", limit=2, cursor=first["next_cursor"])

    assert [made[:2], made[2:]] == [first["link_id_list"], second["link_id_list"]]
    assert "" == second["next_cursor"]
    assert [50100, 50100] == [
        api.post(f"{SPOT}list_link", cursor="x")["errcode"],
        api.post(f"{SPOT}customer", link_id=made[0], cursor=first["next_cursor"])["errcode"],
    ]


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40058, {"link_name": ""}),
        (40058, {"link_name": "x" * 31}),
        (40058, {"range": None}),
        (40058, {"range": {"user_list": []}}),
        (40058, {"range": {"user_list": ["anna"] * 501}}),
        (60111, {"range": {"user_list": ["nobody"]}}),
        (84074, {"range": {"user_list": ["dora"]}}),
        (60003, {"range": {"department_list": [99]}}),
        (40058, {"priority_option": {}}),
        (40058, {"priority_option": {"priority_type": 3}}),
        (40058, {"priority_option": {"priority_type": 2}}),
        (40058, {"priority_option": {"priority_type": 2, "priority_userid_list": ["anna"] * 1_001}}),
        (60111, {"priority_option": {"priority_type": 2, "priority_userid_list": ["nobody"]}}),
    ],
)
def test_mistakes(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode, on making a link and on changing it, and changes nothing."""
    api.box.add_staff("dora", serving=False)
    body = {"link_name": "x", "range": {"user_list": ["anna"]}, **change}
    link_id = _create(api)
    before = api.post(f"{SPOT}get", link_id=link_id)
    errcodes = [api.post(f"{SPOT}create_link", **body)["errcode"]]
    # A change of nothing changes nothing.
    if None not in change.values():
        errcodes.append(api.post(f"{SPOT}update_link", **{"link_id": link_id, "link_name": "y", **change})["errcode"])

    assert {errcode} == set(errcodes)
    assert before == api.post(f"{SPOT}get", link_id=link_id)
    assert [link_id] == api.post(f"{SPOT}list_link")["link_id_list"]


def test_too_many_staff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Departments count by their staff."""
    monkeypatch.setattr(limits, "ACQUISITION_STAFF", 2)
    _, api = _listening()

    body = {"link_name": "x", "range": {"department_list": [1]}}
    assert 40058 == api.post(f"{SPOT}create_link", **body)["errcode"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("list_link", {"limit": 101}),
        ("get", {}),
        ("update_link", {"link_name": "x"}),
        ("delete_link", {"link_id": "caNo"}),
        ("customer", {}),
        ("statistic", {"link_id": "caNo", "start_time": 1, "end_time": 1}),
    ],
)
def test_no_link(api: Api, path: str, body: dict[str, object]) -> None:
    """A link that is not named or not there, and a page too long, are bad parameters."""
    assert 40058 == api.post(SPOT + path, **body)["errcode"]


def test_rules(corp: Callable[..., Api]) -> None:
    """How many links there can be, and whose trade may prefer staff, is a matter of rules."""
    api = corp(links_per_corp=1, special_trade=False)
    body = {"link_name": "x", "range": {"user_list": ["anna"]}}

    assert 41200 == api.post(f"{SPOT}create_link", **body, priority_option={"priority_type": 1})["errcode"]
    assert [0, 41095] == [api.post(f"{SPOT}create_link", **body)["errcode"] for _ in range(2)]


def test_open(api: Api) -> None:
    """Who opens a link is added by way 16 with the channel, once, and costs one use."""
    api.box.add_link_uses(2)
    link_id = _create(api)
    won = api.box.open_link(f"https://work.weixin.qq.com/ca/{link_id}?customer_channel=door", name="安娜")
    again = api.box.open_link(link_id, "other", external_userid=won.external_userid)
    follow = api.get("get", external_userid=won.external_userid)["follow_user"][0]
    rows = api.post(f"{SPOT}customer", link_id=link_id)
    quota = api.get("customer_acquisition_quota")

    assert ("anna", "door", link_id) == (won.staff_userid, won.state, won.link_id)
    assert won.welcome_code
    assert ("anna", "") == (again.staff_userid, again.welcome_code)
    assert ("anna", 16, "door") == (follow["userid"], follow["add_way"], follow["state"])
    assert [{"external_userid": won.external_userid, "userid": "anna", "chat_status": 0, "state": "door"}] == rows[
        "customer_list"
    ]
    assert (2, 1) == (quota["total"], quota["balance"])
    snapshot: Any = api.box.state()
    assert 1 == snapshot["link_uses"]
    assert ["door"] == [row["state"] for row in snapshot["acquisition_links"][link_id]["customers"]]


def test_channel_is_cut(api: Api) -> None:
    """At 64 bytes, and never within a character."""
    link_id = _create(api)

    assert "店" * 21 == api.box.open_link(link_id, "店" * 30, adds=False).state


def test_nobody(api: Api) -> None:
    """Without uses, without room, and for who only looks, nobody is added; an unknown link is a mistake of the test."""
    link_id = _create(api)
    no_uses = api.box.open_link(link_id)
    api.box.add_link_uses(1)
    looked = api.box.open_link(link_id, adds=False)
    api.box.set_staff("anna", capacity=0)
    full = api.box.open_link(link_id)

    assert {("", "")} == {(one.staff_userid, one.welcome_code) for one in (no_uses, looked, full)}
    assert [] == api.post(f"{SPOT}customer", link_id=link_id)["customer_list"]
    with pytest.raises(ValueError, match="there is no link"):
        api.box.open_link("caNo")


def test_exhausted(corp: Callable[..., Api]) -> None:
    """Under another rule links win customers without any uses."""
    api = corp(exhausted_links_add=True)

    assert "anna" == api.box.open_link(_create(api)).staff_userid
    assert 0 == api.get("customer_acquisition_quota")["balance"]


def test_total(corp: Callable[..., Api]) -> None:
    """What the total counts is a matter of rules."""
    api = corp(link_total="used")
    api.box.add_link_uses(5)
    api.box.open_link(_create(api))

    assert (1, 4) == tuple(api.get("customer_acquisition_quota")[name] for name in ("total", "balance"))


def test_uses_by_day(api: Api) -> None:
    """What expires first is used first; uses of one day in China are told together, and go at their hour."""
    start = datetime(2026, 1, 10, 15, 0, tzinfo=UTC)
    for count, when in ((3, start + 2 * DAY), (1, start), (2, start + timedelta(minutes=30))):
        api.box.add_link_uses(count, expires=when)
    api.box.open_link(_create(api))
    first, second = (int((day - timedelta(hours=23)).timestamp()) for day in (start, start + 2 * DAY))

    assert [{"expire_date": first, "balance": 2}, {"expire_date": second, "balance": 3}] == api.get(
        "customer_acquisition_quota"
    )["quota_list"]
    api.box.advance_to(start + timedelta(minutes=30))
    assert (6, 3) == tuple(_again(api).get("customer_acquisition_quota")[name] for name in ("total", "balance"))


@pytest.mark.parametrize(("count", "days"), [(0, 1), (1, 0), (1, -1)])
def test_no_uses(api: Api, count: int, days: int) -> None:
    """Nobody gets no uses, or some that have expired."""
    with pytest.raises(ValueError, match="at least one use"):
        api.box.add_link_uses(count, expires=api.box.clock.now() + days * DAY)


def test_priority(api: Api) -> None:
    """A link may lead to whom the customer knows: in the whole corp, or among the named."""
    api.box.add_link_uses(9)
    known = api.box.add_customer(staff=["chen", "ben"])
    left = api.box.add_customer(staff=["chen"])
    api.box.customer_deletes_staff(left, "chen")
    everybody = _create(api, priority_option={"priority_type": 1})
    named = _create(api, priority_option={"priority_type": 2, "priority_userid_list": ["ben"]})

    assert {"priority_type": 1} == api.post(f"{SPOT}get", link_id=everybody)["priority_option"]
    assert "chen" == api.box.open_link(everybody, external_userid=known).staff_userid
    assert "ben" == api.box.open_link(named, external_userid=known).staff_userid
    assert "anna" == api.box.open_link(everybody, external_userid=left).staff_userid
    assert "anna" == api.box.open_link(named).staff_userid
    assert 7 == api.get("customer_acquisition_quota")["balance"]


def test_statistics(api: Api) -> None:
    """People are counted by days in China, both ends included."""
    api.box.add_link_uses(9)
    link_id, other = _create(api), _create(api)
    api.box.advance_to(datetime(2026, 1, 5, 15, 59, tzinfo=UTC))
    monday = int(api.box.clock.now().timestamp())
    won = api.box.open_link(link_id).external_userid
    api.box.open_link(link_id, external_userid=won)
    api.box.open_link(other)
    api.box.advance(timedelta(minutes=1))
    api.box.open_link(link_id, external_userid=won, adds=False)
    api.box.open_link(link_id, adds=False)
    tuesday = int(api.box.clock.now().timestamp())

    def counts(start: int, end: int) -> tuple[int, int]:
        answer = _again(api).post(f"{SPOT}statistic", link_id=link_id, start_time=start, end_time=end)
        return answer["click_link_customer_cnt"], answer["new_customer_cnt"]

    assert [(1, 1), (2, 0), (2, 1)] == [
        counts(monday - 3_600, monday),
        counts(tuesday, tuesday + 3_600),
        counts(monday, tuesday),
    ]


def test_statistics_span(api: Api) -> None:
    """At most 30 days, forwards, of the last 180, and both times are given."""
    link_id, now = _create(api), int(api.box.clock.now().timestamp())

    def errcode(start: int | None, end: int | None) -> int:
        times = {"start_time": start and now + start * 86_400, "end_time": end and now + end * 86_400}
        return int(api.post(f"{SPOT}statistic", link_id=link_id, **times)["errcode"])

    assert [0, 0, 40058, 40058, 40058, 40058, 40058] == [
        errcode(-31, -1),
        errcode(-180, -150),
        errcode(-32, -1),
        errcode(-1, -2),
        errcode(-181, -160),
        errcode(None, -1),
        errcode(-1, None),
    ]


def test_chat_status(api: Api) -> None:
    """Who has written shows, also a WeCom user, of whom no event tells."""
    api.box.add_link_uses(2)
    link_id = _create(api)
    other = api.box.add_customer("woB", type=2)
    api.box.open_link(link_id, external_userid=other)
    quiet = api.box.open_link(link_id).external_userid
    before = api.box.pending_callbacks
    api.box.customer_writes(other, "anna")
    rows = api.post(f"{SPOT}customer", link_id=link_id)["customer_list"]

    assert {other: 1, quiet: 0} == {row["external_userid"]: row["chat_status"] for row in rows}
    assert before == api.box.pending_callbacks


def test_parted(api: Api) -> None:
    """Who has parted still came by the link; who comes back is one customer and two uses."""
    api.box.add_link_uses(3)
    link_id = _create(api)
    customer = api.box.open_link(link_id).external_userid
    api.box.staff_deletes_customer("anna", customer)
    assert [customer] == [c["external_userid"] for c in api.post(f"{SPOT}customer", link_id=link_id)["customer_list"]]
    api.box.open_link(link_id, external_userid=customer)

    assert 1 == len(api.post(f"{SPOT}customer", link_id=link_id)["customer_list"])
    assert 1 == api.get("customer_acquisition_quota")["balance"]


def test_chat_info(api: Api) -> None:
    """A key is needed, and must be right."""
    assert [41201, 41201] == [
        api.post(f"{SPOT}get_chat_info")["errcode"],
        api.post(f"{SPOT}get_chat_info", chat_key="x")["errcode"],
    ]


def test_events_of_a_customer() -> None:
    """Opening, asking, the first message and the 3rd, 5th and 10th, and leaving are told; channel and key stand in them."""
    box, api = _listening()
    box.add_link_uses(30)
    link_id = _create(api)
    won = box.open_link(link_id, "door").external_userid
    for _ in range(10):
        box.customer_writes(won, "anna")
    box.customer_deletes_staff(won, "anna")
    events = _told(box)
    keys = [event["ChatKey"] for event in events if "ChatKey" in event]
    told = [api.post(f"{SPOT}get_chat_info", chat_key=key) for key in keys]

    assert [
        *("open_profile", "friend_request", "customer_start_chat"),
        *("message_from_customer", "message_from_customer", "message_from_customer", "del_follow_user"),
    ] == [event["ChangeType"] for event in events]
    assert {link_id} == {event["LinkId"] for event in events}
    assert ["door", "door", "door"] == [event["State"] for event in events if "State" in event]
    assert {("anna", won)} == {(e["UserID"], e["ExternalUserID"]) for e in events if "UserID" in e}
    assert ["UserID" in event for event in events] == [False, False, True, False, False, False, True]
    assert [(3, "door"), (5, "door"), (10, "door")] == [
        (one["chat_info"]["recv_msg_cnt"], one["chat_info"]["state"]) for one in told
    ]
    added = next(entry.xml for entry in box.record.callbacks if entry.change_type == "add_external_contact")
    assert "<State><![CDATA[door]]></State>" in added
    box.advance(timedelta(minutes=30))
    assert 0 == api.post(f"{SPOT}get_chat_info", chat_key=keys[0])["errcode"]
    box.advance(timedelta(seconds=1))
    assert 41201 == api.post(f"{SPOT}get_chat_info", chat_key=keys[0])["errcode"]


def test_no_channel_no_state() -> None:
    """Nor is an opened profile told where the trade is another, nor anything of a WeCom user."""
    box, api = _listening(special_trade=False)
    box.add_link_uses(30)
    link_id = _create(api)
    box.open_link(link_id)
    box.open_link(link_id, external_userid=box.add_customer("woB", type=2))
    (asked,) = _told(box)

    assert ("friend_request", None) == (asked["ChangeType"], asked.get("State"))


def test_another_way_is_not_the_links() -> None:
    """A customer who came by the link to one staff, and by a card to another, writes to the latter in private."""
    box, api = _listening(special_trade=False)
    box.add_link_uses(30)
    won = box.open_link(_create(api)).external_userid
    box.befriend("ben", won)
    box.customer_writes(won, "ben")
    box.customer_deletes_staff(won, "ben")

    assert ["friend_request"] == _kinds(box)


def test_balance_events() -> None:
    """Uses run low below 20, run out at 0, and are back when an admin buys some."""
    box, api = _listening(special_trade=False)
    link_id = _create(api)
    box.admin_buys_link_uses(20)
    box.admin_buys_link_uses(1)
    assert ["balance_increased"] == _kinds(box)
    box.open_link(link_id)
    assert ["balance_increased", "friend_request"] == _kinds(box)
    for _ in range(20):
        box.open_link(link_id)
    box.open_link(link_id)
    box.admin_buys_link_uses(1)

    assert ["balance_increased", "balance_low", "balance_exhausted", "balance_increased"] == [
        kind for kind in _kinds(box) if kind != "friend_request"
    ]


def test_expiry_events() -> None:
    """14, 7, 3, 2 days and 1 before they expire, uses that are left are told; when they are gone, the balance is."""
    box, _ = _listening()
    expires = box.clock.now() + 10 * DAY
    box.add_link_uses(25, expires=expires)
    box.add_link_uses(1, expires=expires + DAY)
    box.advance(9 * DAY)
    soon = [(event["ExpireTime"], event["ExpireQuotaNum"]) for event in _told(box)]
    box.advance(2 * DAY)

    when = str(int(expires.timestamp()))
    assert [(when, "25")] * 4 == [event for event in soon if event[1] == "25"]
    assert ["balance_low", "balance_exhausted"] == [kind for kind in _kinds(box) if kind.startswith("balance")]
    assert 0 == box.state()["link_uses"]


def test_used_up_before_they_expire() -> None:
    """Nothing is told of uses that are no longer there."""
    box, api = _listening(special_trade=False)
    box.add_link_uses(1, expires=box.clock.now() + 10 * DAY)
    box.open_link(_create(api))
    box.advance(11 * DAY)

    assert ["friend_request", "balance_exhausted"] == _kinds(box)


def test_unavailable() -> None:
    """Once all staff behind a link are full, off or gone it is told, once; and again after somebody could."""
    box, api = _listening(special_trade=False)
    box.add_link_uses(50)
    link_id = _create(api, "anna", "ben")
    box.set_staff("anna", capacity=1)
    box.befriend("anna", box.add_customer())
    assert [] == _kinds(box)
    box.set_staff("ben", serving=False)
    box.set_staff("ben", capacity=9)
    assert 1 == _kinds(box).count("link_unavailable")
    box.set_staff("ben", serving=True)
    box.staff_resigns("ben")
    box.open_link(link_id)

    assert 2 == _kinds(box).count("link_unavailable")
    assert {link_id} == {event["LinkId"] for event in _told(box) if event["ChangeType"] == "link_unavailable"}


def test_unavailable_again() -> None:
    """Room that comes and goes without anybody opening the link is noticed: by who is deleted, and by who is new."""
    box, api = _listening()
    box.add_staff("dora", department=7, capacity=1)
    api.post(f"{SPOT}create_link", link_name="x", range={"department_list": [7]})
    customer = box.add_customer()
    box.befriend("dora", customer)
    box.staff_deletes_customer("dora", customer)
    box.befriend("dora", customer)
    box.add_staff("emil", department=7, capacity=1)
    box.befriend("emil", customer)

    assert ["link_unavailable"] * 3 == _kinds(box)


def test_unavailable_by_a_transfer() -> None:
    """A transfer may fill the last place."""
    box, api = _listening()
    box.set_staff("ben", capacity=1)
    _create(api, "ben")
    customer = box.add_customer(staff=["anna"])
    api.post("transfer_customer", handover_userid="anna", takeover_userid="ben", external_userid=[customer])
    box.advance(DAY)

    assert ["link_unavailable"] == _kinds(box)


def test_deleted_in_the_console() -> None:
    """An admin who deletes a link is told of; the API is silent."""
    box, api = _listening()
    link_id, other = _create(api), _create(api)
    box.admin_deletes_link(link_id)
    api.post(f"{SPOT}delete_link", link_id=other)

    assert [("delete_link", link_id)] == [(event["ChangeType"], event["LinkId"]) for event in _told(box)]
    with pytest.raises(ValueError, match="there is no link"):
        box.admin_deletes_link(link_id)


def test_over_a_socket(api: Api) -> None:
    """All that people do with links is at hand in another process."""
    api.box.admin_buys_link_uses(1, expires=api.box.clock.now() + DAY)
    link_id = _create(api)
    api.box.open_link(link_id)
    api.box.admin_deletes_link(link_id)

    assert 40058 == api.post(f"{SPOT}get", link_id=link_id)["errcode"]
