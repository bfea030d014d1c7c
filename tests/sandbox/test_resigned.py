"""Staff who resign, and what becomes of their customers, groups and codes."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in, staffed


DAY = timedelta(days=1)


def _again(api: Api) -> Api:
    return sign_in(api.box, api.client)


def _start(api: Api, *customers: str, handover: str = "anna", takeover: str = "ben") -> list[int]:
    body = {"handover_userid": handover, "takeover_userid": takeover, "external_userid": list(customers)}
    return [row["errcode"] for row in _again(api).post("resigned/transfer_customer", **body)["customer"]]


def _results(api: Api, handover: str = "anna", takeover: str = "ben") -> list[tuple[int, int]]:
    answer = _again(api).post("resigned/transfer_result", handover_userid=handover, takeover_userid=takeover)
    return [(row["status"], row["takeover_time"]) for row in answer["customer"]]


def _unassigned(api: Api) -> list[str]:
    return [row["external_userid"] for row in _again(api).post("get_unassigned_list")["info"]]


def _events(api: Api) -> list[tuple[str, ...]]:
    """Return what was told, in process only."""
    api.box.on_callback(lambda params, body: 200)  # type: ignore[union-attr]
    api.box.deliver()
    told = [{e.tag: e.text or "" for e in ET.fromstring(entry.xml)} for entry in api.box.record.callbacks]
    return [(e["ChangeType"], e.get("UserID", ""), e.get("FailReason", "")) for e in told]


def _in_process(**rules: Any) -> Api:
    box = staffed(**rules)
    return sign_in(box, httpx.Client(transport=box.transport, base_url="https://wecom"))


def test_gone(api: Api) -> None:
    """Who resigns is in no list and follows nobody any more; apps of the corp are told nothing."""
    customer, shared = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["anna", "ben"])
    api.box.staff_resigns("Anna")

    assert 60111 == api.get("user/get", userid="anna")["errcode"]
    assert ["ben", "chen"] == api.get("get_follow_user_list")["follow_user"]
    assert ["ben", "chen"] == [one["userid"] for one in api.get("user/list", department_id=1)["userlist"]]
    assert 60111 == api.get("list", userid="anna")["errcode"]
    assert 84061 == api.get("get", external_userid=customer)["errcode"]
    assert ["ben"] == [one["userid"] for one in api.get("get", external_userid=shared)["follow_user"]]
    assert 0 == api.box.pending_callbacks
    snapshot: Any = api.box.state()
    assert ["anna"] == list(snapshot["former_staff"])
    assert [("anna", customer), ("anna", shared)] == [
        (one["handover"], one["external_userid"]) for one in snapshot["unassigned"]
    ]
    with pytest.raises(ValueError, match="no staff"):
        api.box.staff_resigns("anna")


def test_unassigned(api: Api) -> None:
    """The list tells who left whom and when, by cursor, with a flag on the last page."""
    mine = [api.box.add_customer(f"wm{i}", staff=["anna"]) for i in range(3)]
    api.box.add_customer(staff=["ben"])
    when = int(api.box.clock.now().timestamp())
    api.box.staff_resigns("anna")
    first = api.post("get_unassigned_list", page_size=2)
    second = api.post("get_unassigned_list", page_size=2, cursor=first["next_cursor"], page_id=7)

    assert [{"handover_userid": "anna", "external_userid": one, "dimission_time": when} for one in mine] == [
        *first["info"],
        *second["info"],
    ]
    assert [False, True] == [first["is_last"], second["is_last"]]
    assert "" == second["next_cursor"]
    assert (50100, []) == tuple(api.post("get_unassigned_list", cursor="x")[name] for name in ("errcode", "info"))


def test_unassigned_by_number(api: Api) -> None:
    """The old way has no cursor, and an end."""
    mine = [api.box.add_customer(f"wm{i}", staff=["anna"]) for i in range(3)]
    api.box.staff_resigns("anna")
    pages = [api.post("get_unassigned_list", page_size=2, page_id=number) for number in range(3)]

    assert [mine[:2], mine[2:], []] == [[row["external_userid"] for row in page["info"]] for page in pages]
    assert [False, True, True] == [page["is_last"] for page in pages]
    assert not any("next_cursor" in page for page in pages)
    # Some clients send both on the first call, and go on by cursor.
    assert api.post("get_unassigned_list", page_size=2, page_id=0, cursor="")["next_cursor"]


@pytest.mark.parametrize("body", [{"page_size": 1_001}, {"page_id": -1}, {"page_id": 50}])
def test_unassigned_mistakes(api: Api, body: dict[str, object]) -> None:
    """Pages too large or too far away are refused."""
    assert 40058 == api.post("get_unassigned_list", **body)["errcode"]


def test_done_after_a_day(api: Api) -> None:
    """A transfer waits for 24 hours, then the customer is the takeover's, added by way 202."""
    customer = api.box.add_customer(staff=["anna"], remark="李总")
    api.box.staff_resigns("anna")
    due = int((api.box.clock.now() + DAY).timestamp())

    assert [0] == _start(api, customer)
    assert ([(2, due)], [customer]) == (_results(api), _unassigned(api))
    api.box.advance(DAY)
    assert ([(1, due)], []) == (_results(api), _unassigned(api))
    (follow,) = _again(api).get("get", external_userid=customer)["follow_user"]
    assert ("ben", 202, "") == (follow["userid"], follow["add_way"], follow["remark"])
    assert [("started", True), ("succeeded", True)] == [(e.outcome, e.resigned) for e in api.box.record.transfers]
    assert [40131] == _start(api, customer)


def test_events() -> None:
    """The takeover is told of a new customer; that the old one is gone is told only under another rule."""
    expected = ("add_external_contact", "ben", "")
    for rule, more in ((False, []), (True, [("del_external_contact", "anna", "")])):
        api = _in_process(resigned_transfer_tells_handover=rule)
        customer = api.box.add_customer(staff=["anna"])
        api.box.staff_resigns("anna")
        _start(api, customer)
        api.box.advance(DAY)

        assert [*more, expected] == _events(api)
        assert not any("DELETE_BY_TRANSFER" in entry.xml for entry in api.box.record.callbacks)


def test_refused() -> None:
    """A customer who refuses is lost: nobody follows them, and nobody can have them assigned."""
    api = _in_process(refusal_rate=1.0)
    customer = api.box.add_customer(staff=["anna"])
    api.box.staff_resigns("anna")
    _start(api, customer)
    api.box.advance(DAY)

    assert ([(3, 0)], []) == (_results(api), _unassigned(api))
    assert [40131] == _start(api, customer)
    assert 84061 == _again(api).get("get", external_userid=customer)["errcode"]
    assert [("transfer_fail", "ben", "customer_refused")] == _events(api)


def test_full() -> None:
    """Takeover staff who are full are 40099 at once; who fill up in the day lose the customer for the corp."""
    api = _in_process()
    a, b = (api.box.add_customer(one, staff=["anna"]) for one in ("wmA", "wmB"))
    api.box.staff_resigns("anna")
    api.box.set_staff("ben", capacity=0)
    assert [40099] == _start(api, a)
    api.box.set_staff("ben", capacity=1)
    assert [0, 0] == _start(api, a, b)
    api.box.advance(DAY)

    assert {1, 4} == {status for status, _ in _results(api)}
    assert [] == _unassigned(api)
    assert [("add_external_contact", "ben", ""), ("transfer_fail", "ben", "customer_limit_exceed")] == _events(api)


def test_takeover_resigns_too(api: Api) -> None:
    """Then the transfer fails for want of room."""
    customer = api.box.add_customer(staff=["anna"])
    api.box.staff_resigns("anna")
    _start(api, customer)
    api.box.staff_resigns("ben")
    api.box.advance(DAY)

    assert ["started", "full"] == [entry.outcome for entry in api.box.record.transfers]
    assert [] == _unassigned(api)


def test_friends_already(api: Api) -> None:
    """A takeover who follows the customer already hears nothing, and keeps them."""
    customer = api.box.add_customer(staff=["anna", "ben"])
    api.box.staff_resigns("anna")
    api.box.set_staff("ben", capacity=1)

    assert [0] == _start(api, customer)
    api.box.advance(DAY)
    assert 1 == _results(api)[0][0]
    assert 0 == api.box.pending_callbacks


def test_left_before(api: Api) -> None:
    """A customer who had left the old staff reads as one who refuses."""
    customer = api.box.add_customer(staff=["anna"])
    api.box.customer_deletes_staff(customer, "anna")
    api.box.staff_resigns("anna")
    _start(api, customer)
    api.box.advance(DAY)

    assert [(3, 0)] == _results(api)


def test_errcodes_per_customer(api: Api) -> None:
    """Each customer gets an errcode of their own: unknown, no relation, running."""
    mine, bens = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["ben"])
    api.box.staff_resigns("anna")

    assert [40096, 40131, 0] == _start(api, "wmNo", bens, mine)
    assert [40100] == _start(api, mine, takeover="chen")
    assert [1, 0] == [len(_results(api, takeover=takeover)) for takeover in ("ben", "chen")]


def test_no_third_within_90_days_is_for_staff_at_work(api: Api) -> None:
    """Transfers from who resigned neither are limited nor count."""
    customer = api.box.add_customer(staff=["anna"])
    body = {"external_userid": [customer]}
    for handover, takeover in (("anna", "ben"), ("ben", "anna")):
        api.post("transfer_customer", handover_userid=handover, takeover_userid=takeover, **body)
        api.box.advance(DAY)
        api = _again(api)
    api.box.staff_resigns("anna")
    assert [0] == _start(api, customer)
    api.box.advance(91 * DAY)
    for handover, takeover in (("ben", "chen"), ("chen", "ben")):
        answer = _again(api).post("transfer_customer", handover_userid=handover, takeover_userid=takeover, **body)
        assert [0] == [row["errcode"] for row in answer["customer"]]
        api.box.advance(DAY)


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (41035, {"external_userid": []}),
        (40058, {"external_userid": ["x"] * 101}),
        (41009, {"handover_userid": ""}),
        (60111, {"handover_userid": "nobody"}),
        (40097, {"handover_userid": "chen"}),
        (41009, {"takeover_userid": ""}),
        (60111, {"takeover_userid": "nobody"}),
        (84074, {"takeover_userid": "dora"}),
        (40130, {"takeover_userid": "Anna"}),
    ],
)
def test_whole_call(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Some mistakes refuse the whole call."""
    api.box.add_staff("dora", serving=False)
    api.box.staff_resigns("anna")
    body = {"handover_userid": "anna", "takeover_userid": "ben", "external_userid": ["x"], **change}

    assert errcode == api.post("resigned/transfer_customer", **body)["errcode"]


@pytest.mark.parametrize(
    ("errcode", "handover", "takeover"),
    [
        (40097, "chen", "ben"),
        (60111, "nobody", "ben"),
        (41009, "", "ben"),
        (60111, "anna", "nobody"),
        (41009, "anna", ""),
    ],
)
def test_whose_results(api: Api, errcode: int, handover: str, takeover: str) -> None:
    """Results are asked of who resigned, and of who is there to take over."""
    api.box.staff_resigns("anna")
    body = {"handover_userid": handover, "takeover_userid": takeover}

    assert errcode == api.post("resigned/transfer_result", **body)["errcode"]


def test_a_year(api: Api) -> None:
    """After a year it is too late."""
    customer = api.box.add_customer(staff=["anna"])
    api.box.staff_resigns("anna")
    body = {"handover_userid": "anna", "takeover_userid": "ben", "external_userid": [customer]}
    api.box.advance(365 * DAY + timedelta(seconds=1))

    assert 40205 == _again(api).post("resigned/transfer_customer", **body)["errcode"]


def test_waiting_hidden(corp: Callable[..., Api]) -> None:
    """Under another rule, customers whose 24 hours run are not in the list."""
    api = corp(waiting_still_unassigned=False)
    customer = api.box.add_customer(staff=["anna"])
    api.box.staff_resigns("anna")

    assert [customer] == _unassigned(api)
    _start(api, customer)
    assert [] == _unassigned(api)


def test_rejected_listed(corp: Callable[..., Api]) -> None:
    """Attempts turned down at once are listed as refused where the rules say so."""
    api = corp(rejected_transfers_listed=True)
    bens = api.box.add_customer(staff=["ben"])
    api.box.staff_resigns("anna")

    assert [40131] == _start(api, bens)
    assert [(3, 0)] == _results(api)


def test_pages_of_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results come in pages of their own."""
    monkeypatch.setattr(limits, "TRANSFER_RESULT_PAGE", 2)
    api = _in_process()
    customers = [api.box.add_customer(f"wm{i}", staff=["anna"]) for i in range(3)]
    api.box.staff_resigns("anna")
    _start(api, *customers)
    pair = {"handover_userid": "anna", "takeover_userid": "ben"}
    first = api.post("resigned/transfer_result", **pair)
    second = api.post("resigned/transfer_result", **pair, cursor=first["next_cursor"])
    rows = [*first["customer"], *second["customer"]]

    assert customers == [row["external_userid"] for row in rows]
    assert ("", 50100) == (
        second["next_cursor"],
        api.post("resigned/transfer_result", **pair, cursor="x")["errcode"],
    )


def test_two_kinds_of_results(api: Api) -> None:
    """Transfers from when the staff were at work are in the other list, which no longer knows them."""
    first, second = (api.box.add_customer(one, staff=["anna"]) for one in ("wmA", "wmB"))
    api.post("transfer_customer", handover_userid="anna", takeover_userid="ben", external_userid=[first])
    api.box.staff_resigns("anna")
    _start(api, second)

    assert 1 == len(_results(api))
    assert 60111 == api.post("transfer_result", handover_userid="anna", takeover_userid="ben")["errcode"]


def test_resigns_meanwhile() -> None:
    """An on-the-job transfer goes on when the old staff resigns; who refuses stays unassigned."""
    for rate, unassigned, status in ((0.0, [], 1), (1.0, ["wmA"], 3)):
        api = _in_process(refusal_rate=rate)
        api.box.add_customer("wmA", staff=["anna"])
        api.post("transfer_customer", handover_userid="anna", takeover_userid="ben", external_userid=["wmA"])
        api.box.staff_resigns("anna")
        api.box.advance(DAY)

        assert unassigned == _unassigned(api)
        snapshot: Any = api.box.state()
        assert [(status, False)] == [(one["status"], one["resigned"]) for one in snapshot["transfers"]]


def test_comes_back(api: Api) -> None:
    """Staff at work win over who resigned under the same id."""
    customer = api.box.add_customer(staff=["anna"])
    api.box.staff_resigns("anna")
    api.box.add_staff("ANNA")
    body = {"handover_userid": "anna", "takeover_userid": "ben", "external_userid": [customer]}

    assert [customer] == _unassigned(api)
    assert 40097 == api.post("resigned/transfer_customer", **body)["errcode"]


def test_groups(api: Api) -> None:
    """Groups of who resigned have the status 1, keep their owner, and are listed where this owner is named."""
    mine, bens = api.box.add_group("wrA", owner="anna"), api.box.add_group("wrB", owner="ben")
    api.box.staff_resigns("anna")

    def listed(status: int, *owners: str) -> list[tuple[str, int]]:
        named = {"owner_filter": {"userid_list": list(owners)}} if owners else {}
        rows = api.post("groupchat/list", status_filter=status, limit=10, **named)["group_chat_list"]
        return [(row["chat_id"], row["status"]) for row in rows]

    assert [[(bens, 0)], []] == [listed(0), listed(1)]
    both = ("anna", "ben")
    assert [[(mine, 1), (bens, 0)], [(mine, 1)], []] == [listed(status, *both) for status in (0, 1, 2)]
    shown = api.post("groupchat/get", chat_id=mine, need_name=1)["group_chat"]
    assert ("anna", ["Anna"]) == (shown["owner"], [one["name"] for one in shown["member_list"]])
    failed = api.post("groupchat/onjob_transfer", chat_id_list=[mine], new_owner="ben")["failed_chat_list"]
    assert [90502] == [row["errcode"] for row in failed]


def test_codes(api: Api) -> None:
    """A code still names who resigned, and leads to the others; where nobody is left, a scan fails."""
    way = {"type": 2, "scene": 2, "user": ["anna", "ben"]}
    config_id = api.post("add_contact_way", **way)["config_id"]
    api.box.staff_resigns("anna")

    assert ["anna", "ben"] == api.post("get_contact_way", config_id=config_id)["contact_way"]["user"]
    assert {"ben"} == {api.box.scan(config_id).staff_userid for _ in range(5)}
    api.box.staff_resigns("ben")
    with pytest.raises(ValueError, match="have left"):
        api.box.scan(config_id)


def test_tasks(api: Api) -> None:
    """Who resigned confirms nothing any more."""
    customer = api.box.add_customer(staff=["anna"])
    api.send(sender="anna", external_userid=[customer])
    api.box.staff_resigns("anna")
    api.box.advance(DAY)

    assert [] == api.box.record.deliveries


def test_one_at_a_time() -> None:
    """Two calls at once for the same staff are a conflict; for another they are not, nor one after the other."""
    box = staffed(latency=0.4)
    customers = [box.add_customer(staff=[userid]) for userid in ("anna", "ben")]
    for userid in ("anna", "ben"):
        box.staff_resigns(userid)
    with httpx.Client(transport=box.transport, base_url="https://wecom", timeout=30) as client:
        api = sign_in(box, client)
        codes: list[int] = []

        def call(handover: str, customer: str) -> None:
            body = {"handover_userid": handover, "takeover_userid": "chen", "external_userid": [customer]}
            codes.append(api.post("resigned/transfer_customer", **body)["errcode"])

        calls = [("anna", customers[0]), ("anna", customers[0]), ("ben", customers[1])]
        threads = [threading.Thread(target=call, args=arguments) for arguments in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        call("anna", customers[0])

    assert [0, 0, 0, 45035] == sorted(codes)
