"""Addresses of WeCom's servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from privdom.wecom.client import AsyncWeCom
from tests.chapters.conftest import Corp, Scripted


async def both(wecom: AsyncWeCom) -> list[tuple[str, ...]]:
    return [await wecom.network.callback_ips(), await wecom.network.api_ips()]


def test_addresses_of_the_sandbox(corp: Corp) -> None:
    """Everything is on this machine."""
    assert [("127.0.0.1",)] * 2 == corp(both)


def test_ranges(scripted: Callable[..., Any]) -> None:
    """A range is passed on as WeCom writes it; none is an empty answer."""
    script = Scripted(getcallbackip=[{"ip_list": ["101.226.103.*", "1.2.3.4"]}], get_api_domain_ip=[{"ip_list": None}])

    assert [("101.226.103.*", "1.2.3.4"), ()] == scripted(both, script)
