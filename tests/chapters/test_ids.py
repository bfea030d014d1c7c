"""Ids turned into other ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from privdom.errors import NotACustomer, UsageError
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.ids import (
    ConvertCustomerRequest,
    ConvertedStaff,
    ConvertedStaffId,
    ConvertedTmpId,
    ConvertedTmpIds,
    ConvertStaffRequest,
    ConvertTmpIdsRequest,
    OpenIdRequest,
    TmpIdBusiness,
    TmpIdUser,
)
from tests.chapters.conftest import Corp, Scripted


def test_the_openid_of_a_customer(corp: Corp) -> None:
    """It is the one under which they sign in."""
    customer = corp.box.add_customer(staff=["anna"])
    code = corp.box.sign_in(customer)

    async def scenario(wecom: AsyncWeCom) -> tuple[str, str]:
        return await wecom.ids.openid(customer), (await wecom.oauth.user(code)).openid

    openid, signed_in = corp(scenario)

    assert openid == signed_in != ""


def test_a_stranger_has_no_openid(corp: Corp) -> None:
    """The error says that they are no customer."""

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.ids.openid("wmNobody")

    with pytest.raises(NotACustomer):
        corp(scenario)


def test_who_filled_in_the_form(corp: Corp) -> None:
    """Temporary ids become customers; what is none is named."""
    customer = corp.box.add_customer(staff=["anna"])
    tmp = corp.box.tmp_id(customer, business_type=2)

    async def scenario(wecom: AsyncWeCom) -> ConvertedTmpIds:
        return await wecom.ids.from_tmp([tmp, "ouX"], business_type=TmpIdBusiness.FORM)

    assert ConvertedTmpIds((ConvertedTmpId(tmp, customer),), ("ouX",)) == corp(scenario)


def test_staff_of_other_corps(scripted: Callable[..., Any]) -> None:
    """They come with their corp."""
    row = {"tmp_external_userid": "ou1", "corpid": "ww2", "userid": "li"}
    script = Scripted(convert_tmp_external_userid=[{"results": [row]}])

    async def scenario(wecom: AsyncWeCom) -> ConvertedTmpIds:
        return await wecom.ids.from_tmp(["ou1"], business_type=1, user_type=TmpIdUser.CHAIN)

    assert (ConvertedTmpId("ou1", corpid="ww2", userid="li"),) == scripted(scenario, script).results
    assert b'"user_type":3' in script.bodies[0]


def test_ids_of_a_providers_app(corp: Corp) -> None:
    """Customers one by one, staff many at a time."""
    customer = corp.box.add_customer(staff=["anna"])
    theirs, anna = corp.box.alias(customer, agent_id=7), corp.box.alias("anna", agent_id=7)

    async def scenario(wecom: AsyncWeCom) -> tuple[str, ConvertedStaff]:
        return await wecom.ids.customer(theirs, 7), await wecom.ids.staff([anna, "woX"], 7)

    found, staff = corp(scenario)

    assert customer == found
    assert ConvertedStaff((ConvertedStaffId(anna, "anna"),), ("woX",)) == staff


def test_ids_of_another_app(corp: Corp) -> None:
    """They are nobody's."""

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.ids.customer("wmTheirs", 8)

    with pytest.raises(NotACustomer):
        corp(scenario)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: OpenIdRequest("zhangsan"), "must begin with wm or wo"),
        (lambda: OpenIdRequest("woABC"), "only customers on WeChat"),
        (lambda: ConvertTmpIdsRequest(4, 1, ["a"]), "business_type is 4: it must be one of"),
        (lambda: ConvertTmpIdsRequest(1, 5, ["a"]), "user_type is 5"),
        (lambda: ConvertTmpIdsRequest(1, 1, []), "tmp_external_userids is empty"),
        (lambda: ConvertTmpIdsRequest(1, 1, "ou1"), "put it in brackets"),
        (lambda: ConvertTmpIdsRequest(1, 1, ["a", "a"]), "the same id twice"),
        (lambda: ConvertTmpIdsRequest(1, 1, [str(i) for i in range(101)]), "takes 100 at a time"),
        (lambda: ConvertCustomerRequest("x", 1), "must begin with wm or wo"),
        (lambda: ConvertCustomerRequest("wm1", -1), "source_agent_id is -1"),
        (lambda: ConvertStaffRequest([], 1), "open_userids is empty"),
        (lambda: ConvertStaffRequest([str(i) for i in range(1_001)], 1), "takes 1000 at a time"),
        (lambda: ConvertStaffRequest(["a"], -1), "source_agent_id is -1"),
    ],
)
def test_what_cannot_succeed_is_refused(make: Callable[[], object], what: str) -> None:
    """On construction, with what to do instead."""
    with pytest.raises(UsageError, match=what):
        make()
