"""Addresses of the servers."""

from __future__ import annotations

import pytest

from tests.sandbox.calls import get
from tests.sandbox.conftest import Api


@pytest.mark.parametrize("path", ["getcallbackip", "get_api_domain_ip"])
def test_addresses(api: Api, path: str) -> None:
    """This WeCom is on this machine only."""
    assert ["127.0.0.1"] == get(api, path)["ip_list"]
