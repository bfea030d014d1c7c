"""Contact ways and scans."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in


def _add(api: Api, **body: Any) -> str:
    answer = api.post("add_contact_way", **{"type": 2, "scene": 2, "user": ["anna", "ben"], **body})
    assert 0 == answer["errcode"], answer
    return answer["config_id"]


def test_add_and_get(api: Api) -> None:
    """A code reads back as it was made; a QR code has an address, a button a style."""
    code = _add(api, state="s", remark="r", party=["1"], skip_verify=False)
    button = _add(api, scene=1, style=2, type=1, user=["anna"])
    way = api.post("get_contact_way", config_id=code)["contact_way"]

    assert {"type": 2, "state": "s", "remark": "r", "party": [1], "user": ["anna", "ben"]}.items() <= way.items()
    assert (True, False) == ("qr_code" in way, way["skip_verify"])
    shown = api.post("get_contact_way", config_id=button)["contact_way"]
    assert (2, False) == (shown["style"], "qr_code" in shown)


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (41037, {"type": None}),
        (41038, {"scene": None}),
        (41039, {"type": 3}),
        (41040, {"scene": 3}),
        (41042, {"scene": 1, "style": 3}),
        (41041, {"type": 1}),
        (40063, {"type": 1, "user": []}),
        (40063, {"user": []}),
        (60111, {"user": ["nobody"]}),
        (84074, {"user": ["dora"]}),
        (60003, {"party": [99]}),
        (40058, {"party": ["x"]}),
        (40058, {"type": "--2"}),
        (40058, {"state": "x" * 31}),
        (40058, {"is_temp": True}),
        (40058, {"is_temp": "yes"}),
        (40058, {"conclusions": "x"}),
        (40063, {"conclusions": {}}),
        (41006, {"conclusions": {"image": {}}}),
        (40063, {"conclusions": {"text": {"content": ""}}}),
        (40058, {"conclusions": {"text": {"content": "长" * 1_334}}}),
        (40058, {"conclusions": {"link": {"title": "长" * 43, "url": "https://u"}}}),
        (40058, {"conclusions": {"link": {"title": "t", "url": "https://u", "desc": "d" * 513}}}),
        (40058, {"conclusions": {"miniprogram": {"title": "长" * 22}}}),
    ],
)
def test_refused(api: Api, errcode: int, change: dict[str, object]) -> None:
    """A code is refused with the errcode of what is wrong."""
    api.box.add_staff("dora", serving=False)

    assert (
        errcode == api.post("add_contact_way", **{"type": 2, "scene": 2, "user": ["anna", "ben"], **change})["errcode"]
    )


def test_too_many_staff(api: Api) -> None:
    """At most 100 staff stand behind a code, departments expanded."""
    department = api.box.add_department("大部门")
    for i in range(101):
        api.box.add_staff(f"s{i}", department=department)

    assert 41041 == api.post("add_contact_way", type=2, scene=2, party=[department])["errcode"]


def test_update(api: Api) -> None:
    """An update replaces the whole list of staff and leaves what it does not name."""
    code = _add(api, state="s", remark="r")
    assert 0 == api.post("update_contact_way", config_id=code, user=["chen"], remark="q")["errcode"]
    way = api.post("get_contact_way", config_id=code)["contact_way"]

    assert ("s", "q", ["chen"]) == (way["state"], way["remark"], way["user"])
    assert 0 == api.post("update_contact_way", config_id=code, user=None, party=[1])["errcode"]
    assert ["chen"] == api.post("get_contact_way", config_id=code)["contact_way"]["user"]
    assert 41044 == api.post("update_contact_way", config_id="no")["errcode"]
    assert 41043 == api.post("get_contact_way")["errcode"]
    button = _add(api, scene=1)
    assert 41042 == api.post("update_contact_way", config_id=button, style=9)["errcode"]


def test_update_of_departments_alone(api: Api) -> None:
    """Staff whom an update does not name stay, also those who resigned or may serve nobody any more."""
    code = _add(api, user=["anna", "ben", "chen"])
    api.box.staff_resigns("anna")
    api.box.set_staff("ben", serving=False)

    assert 0 == api.post("update_contact_way", config_id=code, party=[1])["errcode"]
    way = api.post("get_contact_way", config_id=code)["contact_way"]
    assert (["anna", "ben", "chen"], [1]) == (way["user"], way["party"])
    assert 60111 == api.post("update_contact_way", config_id=code, user=["anna"])["errcode"]


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (60111, {"user": ["nobody"]}),
        (40063, {"conclusions": {}}),
        (40058, {"skip_verify": "perhaps"}),
        (40058, {"expires_in": 0}),
        (40058, {"chat_expires_in": 15 * 86_400}),
    ],
)
def test_update_refused(api: Api, errcode: int, change: dict[str, object]) -> None:
    """An update that is refused changes nothing."""
    code = _add(api, type=1, user=["anna"], is_temp=True)
    before = api.post("get_contact_way", config_id=code)
    body = {"config_id": code, "user": ["ben"], "remark": "q", "state": "q", "skip_verify": False, **change}

    assert errcode == api.post("update_contact_way", **body)["errcode"]
    assert before == api.post("get_contact_way", config_id=code)


def test_listing(api: Api) -> None:
    """Codes are listed by the time they were made, ids only, page by page."""
    codes = [_add(api, state=f"s{i}") for i in range(3)]
    first = api.post("list_contact_way", limit=2)
    last = api.post("list_contact_way", limit=2, cursor=first["next_cursor"])

    assert [{"config_id": code} for code in codes] == first["contact_way"] + last["contact_way"]
    assert "" == last["next_cursor"]
    assert [] == api.post("list_contact_way", start_time=1, end_time=2)["contact_way"]
    assert 40058 == api.post("list_contact_way", start_time=2, end_time=1)["errcode"]


def test_listing_begins_ninety_days_ago(api: Api) -> None:
    """By default, whatever the end: an end before that needs a start."""
    code = _add(api)
    api.box.advance(timedelta(days=90))
    api = sign_in(api.box, api.client)
    end = int(api.box.clock.now().timestamp()) - 86_400

    assert [{"config_id": code}] == api.post("list_contact_way")["contact_way"]
    assert [{"config_id": code}] == api.post("list_contact_way", end_time=end)["contact_way"]
    assert 40058 == api.post("list_contact_way", end_time=end - 90 * 86_400)["errcode"]
    api.box.advance(timedelta(seconds=1))
    assert [] == api.post("list_contact_way")["contact_way"]


def test_temporary(api: Api) -> None:
    """A temporary code is never listed, serves one customer, and cannot be changed after its time."""
    body = {"type": 1, "user": ["anna"], "is_temp": True, "expires_in": 60, "unionid": "o"}
    code = _add(api, **body, conclusions={"text": {"content": "bye"}, "image": {"media_id": "m"}})
    other = _add(api, **body)

    assert [] == api.post("list_contact_way")["contact_way"]
    assert (
        0
        == api.post("update_contact_way", config_id=code, expires_in=90, conclusions={"text": {"content": "b"}})[
            "errcode"
        ]
    )
    assert 90 == api.post("get_contact_way", config_id=code)["contact_way"]["expires_in"]
    api.box.scan(code, external_userid=api.box.add_customer(unionid="o"))
    with pytest.raises(ValueError, match="temporary"):
        api.box.scan(code, "二")
    api.box.advance(timedelta(seconds=60))
    assert 41044 == api.post("update_contact_way", config_id=other, remark="x")["errcode"]


def test_temporary_ones_of_a_day(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many temporary codes a day (UTC+8), deleted ones included; they take none of the lasting ones' room."""
    monkeypatch.setattr(limits, "TEMP_CODES_PER_DAY", 1)
    monkeypatch.setattr(limits, "CODES_PER_CORP", 1)
    body = {"type": 1, "scene": 2, "user": ["anna"], "is_temp": True}
    code = _add(api, **body)
    api.post("del_contact_way", config_id=code)
    full = api.post("add_contact_way", **body)["errcode"]
    lasting = api.post("add_contact_way", **{**body, "is_temp": False})["errcode"]
    api.box.advance(timedelta(days=1))

    assert [41045, 0] == [full, lasting]
    assert _add(sign_in(api.box, api.client), **body)


def test_temporary_for_one(api: Api) -> None:
    """A temporary code with a unionid is for that customer only."""
    code = _add(api, type=1, user=["anna"], is_temp=True, unionid="o1")
    other, meant = api.box.add_customer(unionid="o2"), api.box.add_customer(unionid="o1")
    for stranger in (other, api.box.add_customer()):
        with pytest.raises(ValueError, match="for somebody else"):
            api.box.scan(code, external_userid=stranger)

    assert "anna" == api.box.scan(code, external_userid=meant).staff_userid


def test_temporary_is_used_by_adding(api: Api) -> None:
    """Who is connected already is not added, and leaves a temporary code to somebody who is."""
    friend = api.box.add_customer(staff=["anna"])
    code = _add(api, type=1, user=["anna"], is_temp=True)
    api.box.scan(code, external_userid=friend)

    assert api.box.scan(code, "新客").welcome_code
    with pytest.raises(ValueError, match="temporary"):
        api.box.scan(code, "又一")


def test_scan(api: Api) -> None:
    """A scan connects a customer with one of the staff, by state or config_id, and keeps the state."""
    _add(api, state="door")
    found = api.box.scan("door", "新客")
    follow = api.get("get", external_userid=found.external_userid)["follow_user"][0]

    assert found.staff_userid in ("anna", "ben")
    assert (found.staff_userid, "door", 1) == (follow["userid"], follow["state"], follow["add_way"])
    assert 1 == api.box.pending_callbacks


def test_scan_again(api: Api) -> None:
    """A customer who scans again meets the same staff, without event or welcome code; after leaving, with both."""
    code = _add(api)
    first = api.box.scan(code, external_userid="wmX")
    again = api.box.scan(code, external_userid="wmX")
    assert (first.staff_userid, "", 1) == (again.staff_userid, again.welcome_code, api.box.pending_callbacks)
    api.box.customer_deletes_staff("wmX", first.staff_userid)

    back = api.box.scan(code, external_userid="wmX")
    assert (first.staff_userid, True) == (back.staff_userid, back.welcome_code not in ("", first.welcome_code))


def test_nobody_leaves_twice(api: Api) -> None:
    """A customer who deleted a staff cannot do so again, and no event says that they did."""
    customer = api.box.add_customer(staff=["anna"])
    api.box.customer_deletes_staff(customer, "anna")
    with pytest.raises(ValueError, match="already"):
        api.box.customer_deletes_staff(customer, "anna")

    assert 1 == api.box.pending_callbacks


def test_scan_full(api: Api) -> None:
    """Staff who are full get nobody; where all are, the scan fails."""
    code = _add(api)
    api.box.set_staff("anna", capacity=0)

    assert {"ben"} == {api.box.scan(code, f"c{i}").staff_userid for i in range(5)}
    api.box.set_staff("ben", capacity=5)
    with pytest.raises(ValueError, match="as many customers"):
        api.box.scan(code, "late")
    for wrong in ("nowhere", ""):
        with pytest.raises(ValueError, match="no code"):
            api.box.scan(wrong, "lost")


def test_scan_serving(api: Api) -> None:
    """Staff of a department who may not serve customers get none."""
    department = api.box.add_department("门店")
    api.box.add_staff("dora", department=department, serving=False)
    api.box.add_staff("emil", department=department)
    code = _add(api, user=[], party=[department])

    assert {"emil"} == {api.box.scan(code, f"c{i}").staff_userid for i in range(5)}
    api.box.set_staff("emil", serving=False)
    with pytest.raises(ValueError, match="may serve"):
        api.box.scan(code, "late")


def test_exclusive_by_corp(api: Api) -> None:
    """An exclusive code leads people of one corp to the same staff, unless these are full."""
    exclusive, plain = _add(api, is_exclusive=True), _add(api)
    api.box.add_customer("woFirst", staff=["ben"], type=2, corp_name="示例公司")
    colleagues = [api.box.add_customer(f"wo{i}", type=2, corp_name="示例公司") for i in range(6)]
    strangers = [api.box.add_customer(f"woX{i}", type=2, corp_name=f"公司{i}") for i in range(6)]

    assert {"ben"} == {api.box.scan(exclusive, external_userid=one).staff_userid for one in colleagues[:4]}
    assert {"anna", "ben"} == {api.box.scan(exclusive, external_userid=one).staff_userid for one in strangers}
    api.box.set_staff("ben", capacity=0)
    assert "anna" == api.box.scan(exclusive, external_userid=colleagues[4]).staff_userid
    assert "anna" == api.box.scan(plain, external_userid=colleagues[5]).staff_userid


def test_exclusive(api: Api) -> None:
    """An exclusive code leads customers to staff they know."""
    code = _add(api, is_exclusive=True)
    customers = [api.box.add_customer(staff=["ben"]) for _ in range(5)]

    assert {"ben"} == {api.box.scan(code, external_userid=customer).staff_userid for customer in customers}
