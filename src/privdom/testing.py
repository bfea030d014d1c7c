"""
A pytest plugin for suites of yours: a whole WeCom, clients of it, and its clock.

::

    pytest_plugins = ["privdom.testing"]  # in conftest.py


    def test_a_customer_is_tagged(sandbox, wecom): ...
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from privdom.sandbox import Sandbox, VirtualClock
from privdom.wecom.client import AsyncWeCom, WeCom
from privdom.wecom.quota import MemoryQuotas


__all__ = ["async_wecom", "sandbox", "virtual_clock", "wecom"]


@pytest.fixture
def sandbox() -> Sandbox:
    """Return an empty corp, whose clock moves only when told; ``sandbox.populate()`` fills it."""
    return Sandbox()


@pytest.fixture
def virtual_clock(sandbox: Sandbox) -> VirtualClock:
    """Return the sandbox's clock; ``sandbox.advance(timedelta(days=1))`` moves it."""
    return sandbox.clock


@pytest.fixture
def wecom(sandbox: Sandbox) -> Generator[WeCom, None, None]:
    """Return a blocking client of the sandbox, on its clock, with a quota of its own."""
    transport, clock = sandbox.transport, sandbox.clock
    with WeCom(sandbox.corp_id, sandbox.secret, transport=transport, clock=clock, quotas=MemoryQuotas()) as client:
        yield client


@pytest.fixture
def async_wecom(sandbox: Sandbox) -> AsyncWeCom:
    """Return an awaiting client of the sandbox, on its clock, with a quota of its own."""
    transport, clock = sandbox.transport, sandbox.clock
    return AsyncWeCom(sandbox.corp_id, sandbox.secret, transport=transport, clock=clock, quotas=MemoryQuotas())
