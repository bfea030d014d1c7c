"""People sign in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.calls import get, post
from tests.sandbox.conftest import Api, sign_in


def user(api: Api, code: str) -> dict[str, Any]:
    answer = get(api, "auth/getuserinfo", code=code)
    return {name: value for name, value in answer.items() if name != "errmsg"}


def test_staff(api: Api) -> None:
    """Staff are known by their userid, and by nothing else."""
    assert {"errcode": 0, "userid": "anna"} == user(api, api.box.sign_in("anna"))


def test_outsiders(api: Api) -> None:
    """A customer has an openid, always the same, and an external_userid while somebody follows them."""
    customer = api.box.add_customer(staff=["anna"])
    first = user(api, api.box.sign_in(customer))
    api.box.staff_deletes_customer("anna", customer)
    second = user(api, api.box.sign_in(customer))

    assert customer == first["external_userid"]
    assert {"errcode": 0, "openid": first["openid"]} == second
    assert first["openid"].startswith("o")


def test_a_code_works_once(api: Api) -> None:
    """The second call with a code is refused, and so are an unknown one and none."""
    code = api.box.sign_in("anna")

    assert [0, 42022, 40029, 41008] == [user(api, text)["errcode"] for text in (code, code, "x", "")]


def test_a_code_lives_five_minutes(api: Api) -> None:
    """Then it is too old."""
    codes = [api.box.sign_in("anna"), api.box.sign_in("anna")]
    api.box.advance(timedelta(seconds=299))
    assert 0 == user(api, codes[0])["errcode"]
    api.box.advance(timedelta(seconds=1))

    assert 42003 == user(api, codes[1])["errcode"]


def test_what_staff_show(api: Api) -> None:
    """Everything they agreed to; of the rest gender and avatar stand for nothing."""
    fields = ["gender", "avatar", "qr_code", "mobile", "email", "biz_mail", "address"]
    whole, part = (
        post(api, "auth/getuserdetail", user_ticket=user(api, code)["user_ticket"])
        for code in (
            api.box.sign_in("anna", private=True),
            api.box.sign_in("anna", private=True, shares=["mobile"]),
        )
    )

    assert ("anna", True) == (whole["userid"], all(whole[name] for name in fields))
    assert whole["mobile"] == part["mobile"]
    assert ("0", False) == (part["gender"], whole["avatar"] == part["avatar"])
    assert not {"email", "qr_code", "biz_mail", "address"} & set(part)


def test_a_user_ticket_lives_half_an_hour(api: Api) -> None:
    """And is as good as none without a private sign-in."""
    ticket = user(api, api.box.sign_in("anna", private=True))["user_ticket"]
    api.box.advance(timedelta(seconds=1_799))
    answers = [post(api, "auth/getuserdetail", user_ticket=text)["errcode"] for text in (ticket, "x", "")]
    api.box.advance(timedelta(seconds=1))

    assert [0, 84015, 84015] == answers
    assert 84014 == post(sign_in(api.box, api.client), "auth/getuserdetail", user_ticket=ticket)["errcode"]


def test_who_has_left_shows_nothing(api: Api) -> None:
    """The ticket of staff who resigned is of no use."""
    ticket = user(api, api.box.sign_in("anna", private=True))["user_ticket"]
    api.box.staff_resigns("anna")

    assert 60111 == post(api, "auth/getuserdetail", user_ticket=ticket)["errcode"]


def test_strangers_do_not_sign_in(api: Api) -> None:
    """Who is neither staff nor customer, and what staff cannot show, are slips of the test."""
    with pytest.raises(ValueError, match="there is no customer 'nobody'"):
        api.box.sign_in("nobody")
    with pytest.raises(ValueError, match="not shoe_size"):
        api.box.sign_in("anna", private=True, shares=["shoe_size"])
