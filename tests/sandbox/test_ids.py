"""Ids turned into other ids."""

from __future__ import annotations

import pytest

from tests.sandbox.calls import get, post
from tests.sandbox.conftest import Api


TMP = "idconvert/convert_tmp_external_userid"
CUSTOMER = "externalcontact/from_service_external_userid"
STAFF = "batch/openuserid_to_userid"
OPENID = "externalcontact/convert_to_openid"


def test_openid(api: Api) -> None:
    """It is the one that a sign-in tells, and no two customers have the same."""
    a, b = api.box.add_customer(staff=["anna"]), api.box.add_customer(staff=["anna"])
    answers = [post(api, OPENID, external_userid=customer) for customer in (a, b)]

    assert get(api, "auth/getuserinfo", code=api.box.sign_in(a))["openid"] == answers[0]["openid"]
    assert answers[0]["openid"] != answers[1]["openid"]


@pytest.mark.parametrize(("errcode", "external_userid"), [(41035, ""), (40096, "wmNobody"), (41056, "woSomebody")])
def test_no_openid(api: Api, errcode: int, external_userid: str) -> None:
    """Only customers on WeChat have one."""
    assert errcode == post(api, OPENID, external_userid=external_userid)["errcode"]


def test_no_openid_of_others(api: Api) -> None:
    """Neither a user of WeCom nor somebody whom nobody follows."""
    wecom_user = api.box.add_customer("wmOnWeCom", staff=["anna"], type=2)
    stranger = api.box.add_customer()

    assert [41056, 84061] == [post(api, OPENID, external_userid=i)["errcode"] for i in (wecom_user, stranger)]


def test_temporary_ids(api: Api) -> None:
    """A customer is found under the kind of business where they were met, and no other."""
    customer = api.box.add_customer(staff=["anna"])
    met, filled = api.box.tmp_id(customer, business_type=1), api.box.tmp_id(customer)
    answer = post(api, TMP, business_type=2, user_type=1, tmp_external_userid_list=[met, filled, "ouX"])
    others = post(api, TMP, business_type=2, user_type=4, tmp_external_userid_list=[filled])

    assert [{"tmp_external_userid": filled, "external_userid": customer}] == answer["results"]
    assert [met, "ouX"] == answer["invalid_tmp_external_userid_list"]
    assert ([], [filled]) == (others["results"], others["invalid_tmp_external_userid_list"])


def test_temporary_ids_of_strangers(api: Api) -> None:
    """Whom nobody follows any more is not told."""
    customer = api.box.add_customer(staff=["anna"])
    filled = api.box.tmp_id(customer)
    api.box.staff_deletes_customer("anna", customer)
    answer = post(api, TMP, business_type=2, user_type=1, tmp_external_userid_list=[filled])

    assert ([], [filled]) == (answer["results"], answer["invalid_tmp_external_userid_list"])


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40063, {"business_type": None}),
        (40058, {"business_type": 4}),
        (40063, {"user_type": None}),
        (40058, {"user_type": 5}),
        (40063, {"tmp_external_userid_list": []}),
        (40058, {"tmp_external_userid_list": [f"ou{i}" for i in range(101)]}),
    ],
)
def test_mistakes_with_temporary_ids(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode."""
    body = {"business_type": 1, "user_type": 1, "tmp_external_userid_list": ["ou1"], **change}

    assert errcode == post(api, TMP, **body)["errcode"]


def test_ids_of_a_providers_app(api: Api) -> None:
    """Staff and customers are found under the ids of that app, and of no other."""
    customer = api.box.add_customer(staff=["anna"])
    theirs, staff = api.box.alias(customer, agent_id=7), api.box.alias("anna", agent_id=7)
    found = post(api, CUSTOMER, external_userid=theirs, source_agentid=7)
    people = post(api, STAFF, open_userid_list=[staff, theirs], source_agentid=7)

    assert (customer, True) == (found["external_userid"], theirs.startswith("wm"))
    assert [{"open_userid": staff, "userid": "anna"}] == people["userid_list"]
    assert [theirs] == people["invalid_open_userid_list"]
    assert 40096 == post(api, CUSTOMER, external_userid=theirs, source_agentid=8)["errcode"]
    assert [staff] == post(api, STAFF, open_userid_list=[staff], source_agentid=8)["invalid_open_userid_list"]


def test_mistakes_with_ids_of_providers(api: Api) -> None:
    """Each mistake has its errcode."""
    stranger = api.box.alias(api.box.add_customer(), agent_id=7)

    assert 41011 == post(api, CUSTOMER, external_userid="wm1")["errcode"]
    assert 41035 == post(api, CUSTOMER, source_agentid=7)["errcode"]
    assert 84061 == post(api, CUSTOMER, external_userid=stranger, source_agentid=7)["errcode"]
    assert 41011 == post(api, STAFF, open_userid_list=["wo1"])["errcode"]
    assert 40063 == post(api, STAFF, source_agentid=7)["errcode"]
    assert 40058 == post(api, STAFF, source_agentid=7, open_userid_list=["wo1"] * 1_001)["errcode"]


def test_nobody_has_other_ids(api: Api) -> None:
    """Who is neither staff nor customer is a slip of the test."""
    with pytest.raises(ValueError, match="there is no customer 'nobody'"):
        api.box.alias("nobody", agent_id=7)
    with pytest.raises(ValueError, match="there is no customer 'wmNobody'"):
        api.box.tmp_id("wmNobody")
