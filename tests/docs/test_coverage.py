"""Every endpoint is built as a whole: client, classes, sandbox; and what WeCom has beyond them is known."""

from __future__ import annotations

import inspect

from pathlib import Path

import pytest
import yaml

from privdom import AsyncWeCom, WeCom
from privdom._facts.endpoints import ENDPOINTS, GETTOKEN, Endpoint
from privdom.sandbox.handlers import ROUTES
from privdom.wecom.parse import CLASSES


_ROOT = "/cgi-bin/"

# What WeCom documents and this library does not call yet.
MISSING: set[str] = {
    "auth/getuserdetail",
    "auth/getuserinfo",
    "department/get",
    "department/list",
    "department/simplelist",
    "externalcontact/add_intercept_rule",
    "externalcontact/add_product_album",
    "externalcontact/add_strategy_tag",
    "externalcontact/cancel_moment_task",
    "externalcontact/close_temp_chat",
    "externalcontact/contact_list",
    "externalcontact/customer_acquisition/create_link",
    "externalcontact/customer_acquisition/customer",
    "externalcontact/customer_acquisition/delete_link",
    "externalcontact/customer_acquisition/get",
    "externalcontact/customer_acquisition/get_chat_info",
    "externalcontact/customer_acquisition/list_link",
    "externalcontact/customer_acquisition/statistic",
    "externalcontact/customer_acquisition/update_link",
    "externalcontact/customer_acquisition_quota",
    "externalcontact/customer_strategy/create",
    "externalcontact/customer_strategy/del",
    "externalcontact/customer_strategy/edit",
    "externalcontact/customer_strategy/get",
    "externalcontact/customer_strategy/get_range",
    "externalcontact/customer_strategy/list",
    "externalcontact/del_contact_way",
    "externalcontact/del_intercept_rule",
    "externalcontact/del_strategy_tag",
    "externalcontact/delete_product_album",
    "externalcontact/edit_strategy_tag",
    "externalcontact/get_intercept_rule",
    "externalcontact/get_intercept_rule_list",
    "externalcontact/get_moment_comments",
    "externalcontact/get_moment_customer_list",
    "externalcontact/get_moment_send_result",
    "externalcontact/get_moment_task",
    "externalcontact/get_product_album",
    "externalcontact/get_product_album_list",
    "externalcontact/get_strategy_tag_list",
    "externalcontact/get_unassigned_list",
    "externalcontact/get_user_behavior_data",
    "externalcontact/group_welcome_template/add",
    "externalcontact/group_welcome_template/del",
    "externalcontact/group_welcome_template/edit",
    "externalcontact/group_welcome_template/get",
    "externalcontact/groupchat/statistic",
    "externalcontact/groupchat/statistic_group_by_day",
    "externalcontact/groupchat/transfer",
    "externalcontact/moment_strategy/create",
    "externalcontact/moment_strategy/del",
    "externalcontact/moment_strategy/edit",
    "externalcontact/moment_strategy/get",
    "externalcontact/moment_strategy/get_range",
    "externalcontact/moment_strategy/list",
    "externalcontact/opengid_to_chatid",
    "externalcontact/resigned/transfer_customer",
    "externalcontact/resigned/transfer_result",
    "externalcontact/update_intercept_rule",
    "externalcontact/update_product_album",
    "get_api_domain_ip",
    "get_jsapi_ticket",
    "getcallbackip",
    "media/upload_attachment",
    "message/recall",
    "message/send",
    "message/update_template_card",
    "ticket/get",
    "user/list_id",
    "user/simplelist",
}


@pytest.mark.parametrize("client", [WeCom, AsyncWeCom])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.client)
def test_each_endpoint_has_a_method(client: type[WeCom | AsyncWeCom], endpoint: Endpoint) -> None:
    """`Endpoint.client` leads to a documented method, on the blocking and on the awaited client."""
    found = client("ww1", "secret")
    for name in endpoint.client.split("."):
        found = getattr(found, name)

    assert inspect.ismethod(found)
    assert inspect.getdoc(found)
    assert client is AsyncWeCom or not inspect.iscoroutinefunction(found)


def test_each_endpoint_has_a_route_and_classes() -> None:
    """The sandbox plays every endpoint, tokens at its door; and nothing else stands in either table."""
    paths = {endpoint.path for endpoint in ENDPOINTS}

    assert len(paths) == len(ENDPOINTS)
    assert paths - {GETTOKEN.path} == set(ROUTES)
    assert paths == set(CLASSES)


def test_each_endpoint_is_named_once() -> None:
    """No two endpoints share a method, so that its page tells which one is called."""
    assert sorted({endpoint.client for endpoint in ENDPOINTS}) == sorted(endpoint.client for endpoint in ENDPOINTS)


def test_what_is_missing_is_known(shared: Path) -> None:
    """Of WeCom's customer contact, and of what an app needs beside it, exactly the listed endpoints are missing."""
    facts = shared / "wecom"
    customer_contact = (facts / "official_endpoints.txt").read_text(encoding="utf-8").split()
    platform = yaml.safe_load((facts / "platform.yaml").read_text(encoding="utf-8"))["endpoints"]
    beside = [row["path"].removeprefix(_ROOT) for row in platform if str(row["path"]).startswith(_ROOT)]
    assert len(customer_contact) > 80
    assert len(beside) > 15

    assert {*customer_contact, *beside} - {e.path.removeprefix(_ROOT) for e in ENDPOINTS} == MISSING
