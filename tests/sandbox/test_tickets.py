"""Tickets of the JS-SDK."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from privdom.sandbox import Quota
from tests.sandbox.calls import get
from tests.sandbox.conftest import Api


def test_tickets(api: Api) -> None:
    """Corp and app have different tickets, each the same until it ends after two hours."""
    corp, app = get(api, "get_jsapi_ticket"), get(api, "ticket/get", type="agent_config")
    api.box.advance(timedelta(seconds=100))
    later = get(api, "get_jsapi_ticket")
    api.box.advance(timedelta(seconds=7_000))
    last = get(api, "get_jsapi_ticket")

    assert corp["ticket"] != app["ticket"]
    assert (7_200, 7_200) == (corp["expires_in"], app["expires_in"])
    assert (corp["ticket"], 7_100) == (later["ticket"], later["expires_in"])
    assert (corp["ticket"], 100) == (last["ticket"], last["expires_in"])


def test_a_new_ticket(api: Api) -> None:
    """After two hours there is another one."""
    old = get(api, "get_jsapi_ticket")["ticket"]
    api.box.advance(timedelta(seconds=7_199))
    assert old == get(api, "get_jsapi_ticket")["ticket"]
    api.box.advance(timedelta(seconds=1))
    from tests.sandbox.conftest import sign_in

    assert old != get(sign_in(api.box, api.client), "get_jsapi_ticket")["ticket"]


@pytest.mark.parametrize(
    ("path", "query"),
    [("ticket/get", {}), ("ticket/get", {"type": "jsapi"}), ("get_jsapi_ticket", {"type": "agent_config"})],
)
def test_types(api: Api, path: str, query: dict[str, str]) -> None:
    """The ticket of the app needs its type, that of the corp takes none."""
    assert 91040 == get(api, path, **query)["errcode"]


def test_hundred_an_hour(corp: Callable[..., Api]) -> None:
    """Both kinds count together."""
    api = corp(ticket_quota=Quota(3, 3_600))
    codes = [
        get(api, path, **query)["errcode"]
        for path, query in [("get_jsapi_ticket", {}), ("ticket/get", {"type": "agent_config"})] * 2
    ]

    assert [0, 0, 0, 45009] == codes
