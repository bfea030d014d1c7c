"""Contact ways and scans."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import Api


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
        (40058, {"state": "x" * 31}),
        (40058, {"is_temp": True}),
        (40058, {"is_temp": "yes"}),
        (40058, {"conclusions": "x"}),
        (40063, {"conclusions": {}}),
        (41006, {"conclusions": {"image": {}}}),
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
    assert 41044 == api.post("update_contact_way", config_id="no")["errcode"]
    assert 41043 == api.post("get_contact_way")["errcode"]
    button = _add(api, scene=1)
    assert 41042 == api.post("update_contact_way", config_id=button, style=9)["errcode"]


def test_listing(api: Api) -> None:
    """Codes are listed by the time they were made, ids only, page by page."""
    codes = [_add(api, state=f"s{i}") for i in range(3)]
    first = api.post("list_contact_way", limit=2)
    last = api.post("list_contact_way", limit=2, cursor=first["next_cursor"])

    assert [{"config_id": code} for code in codes] == first["contact_way"] + last["contact_way"]
    assert "" == last["next_cursor"]
    assert [] == api.post("list_contact_way", start_time=1, end_time=2)["contact_way"]
    assert 40058 == api.post("list_contact_way", start_time=2, end_time=1)["errcode"]


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
    api.box.scan(code, "一")
    with pytest.raises(ValueError, match="temporary"):
        api.box.scan(code, "二")
    api.box.advance(timedelta(seconds=60))
    assert 41044 == api.post("update_contact_way", config_id=other, remark="x")["errcode"]


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


def test_scan_full(api: Api) -> None:
    """Staff who are full get nobody; where all are, the scan fails."""
    code = _add(api)
    api.box.set_staff("anna", capacity=0)

    assert {"ben"} == {api.box.scan(code, f"c{i}").staff_userid for i in range(5)}
    api.box.set_staff("ben", capacity=5)
    with pytest.raises(ValueError, match="as many customers"):
        api.box.scan(code, "late")
    with pytest.raises(ValueError, match="no code"):
        api.box.scan("nowhere", "lost")


def test_exclusive(api: Api) -> None:
    """An exclusive code leads customers to staff they know."""
    code = _add(api, is_exclusive=True)
    customers = [api.box.add_customer(staff=["ben"]) for _ in range(5)]

    assert {"ben"} == {api.box.scan(code, external_userid=customer).staff_userid for customer in customers}
