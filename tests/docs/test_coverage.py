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


def test_nothing_is_missing(shared: Path) -> None:
    """Of WeCom's customer contact, and of what an app needs beside it, no endpoint is missing."""
    facts = shared / "wecom"
    customer_contact = (facts / "official_endpoints.txt").read_text(encoding="utf-8").split()
    platform = yaml.safe_load((facts / "platform.yaml").read_text(encoding="utf-8"))["endpoints"]
    beside = [row["path"].removeprefix(_ROOT) for row in platform if str(row["path"]).startswith(_ROOT)]
    assert len(customer_contact) > 80
    assert len(beside) > 15

    assert set() == {*customer_contact, *beside} - {e.path.removeprefix(_ROOT) for e in ENDPOINTS}
