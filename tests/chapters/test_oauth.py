"""People sign in to pages with WeCom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from privdom.errors import BadRequest, UsageError
from privdom.sandbox import Fault
from privdom.wecom import WeCom
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.contacts import Gender
from privdom.wecom.oauth import OAuthScope, SignedIn, SignedInRequest, StaffDetail, StaffDetailRequest
from privdom.wecom.retry import Retry
from tests.chapters.conftest import Corp, Scripted


HOME = "https://crm.example.com/home?a=1&b=2"


def test_where_to_send_the_browser() -> None:
    """The address is WeCom's, with all that it needs, in WeCom's order; nothing is called."""
    wecom = WeCom("ww1", "secret")
    base = wecom.oauth.login_url(HOME, state="x7")
    private = wecom.oauth.login_url(HOME, scope="snsapi_privateinfo", agent_id=1_000_002)

    assert (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=ww1"
        "&redirect_uri=https%3A%2F%2Fcrm.example.com%2Fhome%3Fa%3D1%26b%3D2"
        "&response_type=code&scope=snsapi_base&state=x7#wechat_redirect"
    ) == base
    query = parse_qs(urlsplit(private).query)
    assert (["snsapi_privateinfo"], ["1000002"], [HOME]) == (query["scope"], query["agentid"], query["redirect_uri"])
    assert "state" not in query


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"redirect_uri": "crm.example.com"}, "redirect_uri must be a whole address"),
        ({"redirect_uri": HOME, "state": "a b"}, "state must be at most 128 letters and digits"),
        ({"redirect_uri": HOME, "state": "a" * 129}, "at most 128"),
        ({"redirect_uri": HOME, "scope": "snsapi_privateinfo"}, "needs agent_id"),
        ({"redirect_uri": HOME, "scope": "snsapi_userinfo"}, "scope is 'snsapi_userinfo': it must be one of"),
        ({"redirect_uri": HOME, "agent_id": -1}, "agent_id is -1"),
    ],
)
def test_what_cannot_be_an_address_is_refused(arguments: dict[str, Any], what: str) -> None:
    """With what to do instead."""
    with pytest.raises(UsageError, match=what):
        WeCom("ww1", "secret").oauth.login_url(**arguments)


def test_the_address_needs_no_waiting(corp: Corp) -> None:
    """It is made at once on both sides."""

    async def scenario(wecom: AsyncWeCom) -> str:
        return wecom.oauth.login_url(HOME, scope=OAuthScope.BASE)

    assert f"appid={corp.box.corp_id}&" in corp(scenario)


def test_staff_sign_in(corp: Corp) -> None:
    """Who they are, and what they agreed to show."""
    codes = [corp.box.sign_in("anna"), corp.box.sign_in("ben", private=True, shares=["mobile", "gender"])]

    async def scenario(wecom: AsyncWeCom) -> tuple[SignedIn, SignedIn, StaffDetail]:
        anna, ben = await wecom.oauth.user(codes[0]), await wecom.oauth.user(codes[1])
        return anna, ben, await wecom.oauth.detail(ben.user_ticket)

    anna, ben, detail = corp(scenario)

    assert SignedIn("anna") == anna
    assert ("ben", "ben") == (ben.userid, detail.userid)
    assert (True, "") == (bool(detail.mobile), detail.email)
    assert detail.gender in (Gender.MALE, Gender.FEMALE)
    assert detail.mobile not in repr(detail)
    assert ben.user_ticket not in repr(ben)


def test_customers_sign_in(corp: Corp) -> None:
    """With an openid, and with their id while somebody follows them."""
    customer = corp.box.add_customer(staff=["anna"])
    stranger = corp.box.add_customer()
    codes = [corp.box.sign_in(customer), corp.box.sign_in(stranger)]

    async def scenario(wecom: AsyncWeCom) -> list[SignedIn]:
        return [await wecom.oauth.user(code) for code in codes]

    known, unknown = corp(scenario)

    assert (customer, "") == (known.external_userid, unknown.external_userid)
    assert "" == known.userid
    assert known.openid != unknown.openid
    assert known.openid not in repr(known)


@pytest.mark.parametrize(
    ("errcode", "code", "minutes"), [(40029, "wrong", 0), (42003, "", 5), (42022, "used", 0)], ids=str
)
def test_a_code_that_is_no_good(corp: Corp, errcode: int, code: str, minutes: int) -> None:
    """Wrong, too old, or used."""
    good = corp.box.sign_in("anna")
    corp.box.advance(timedelta(minutes=minutes))

    async def scenario(wecom: AsyncWeCom) -> object:
        if code == "used":
            await wecom.oauth.user(good)
        return await wecom.oauth.user("wrong" if code == "wrong" else good)

    with pytest.raises(BadRequest) as caught:
        corp(scenario)
    assert errcode == caught.value.errcode


def test_a_lost_answer_uses_the_code_up(corp: Corp) -> None:
    """The client asks again, WeCom refuses, and the browser has to go round once more."""
    code = corp.box.sign_in("anna")
    corp.box.faults.add(Fault("lost_response", "auth/getuserinfo"))

    async def scenario(wecom: AsyncWeCom) -> object:
        wecom.session.retry = Retry(first_wait=0.0)
        return await wecom.oauth.user(code)

    with pytest.raises(BadRequest) as caught:
        corp(scenario)
    assert 42022 == caught.value.errcode


def test_a_ticket_that_is_no_good(corp: Corp) -> None:
    """Too old, or none."""
    code = corp.box.sign_in("anna", private=True)

    async def scenario(wecom: AsyncWeCom) -> list[int]:
        signed_in = await wecom.oauth.user(code)
        corp.box.advance(timedelta(minutes=30))
        codes = []
        for ticket in (signed_in.user_ticket, "wrong"):
            with pytest.raises(BadRequest) as caught:
                await wecom.oauth.detail(ticket)
            codes.append(caught.value.errcode)
        return codes

    assert [84014, 84015] == corp(scenario)


def test_a_linked_corp(scripted: Callable[..., Any]) -> None:
    """Its staff come with the corp before the userid; document apps get one more ticket."""
    script = Scripted(getuserinfo=[{"userid": "wwOther/zhangsan", "user_doc_ticket": "hush"}])

    async def scenario(wecom: AsyncWeCom) -> SignedIn:
        return await wecom.oauth.user("code")

    signed_in = scripted(scenario, script)

    assert ("wwOther/zhangsan", "hush") == (signed_in.userid, signed_in.user_doc_ticket)
    assert "hush" not in repr(signed_in)


def test_requests_hide_and_check_what_they_hold() -> None:
    """A code and a ticket are secrets while they live."""
    assert "hush" not in repr(SignedInRequest("hush")) + repr(StaffDetailRequest("hush"))
    with pytest.raises(UsageError, match="code is empty"):
        SignedInRequest("")
    with pytest.raises(UsageError, match="user_ticket is empty"):
        StaffDetailRequest("")
