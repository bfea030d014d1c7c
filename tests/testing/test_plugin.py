"""The pytest plugin, used the way a suite of a user's would."""

from __future__ import annotations

import pytest


pytest_plugins = ["pytester"]

SUITE = """
from datetime import timedelta

pytest_plugins = ["privdom.testing"]


def test_blocking(sandbox, wecom, virtual_clock):
    sandbox.add_staff("zhangsan")
    before = virtual_clock.now()
    sandbox.advance(timedelta(days=1))

    assert virtual_clock.now() - before == timedelta(days=1)
    assert wecom.staff.get("zhangsan").userid == "zhangsan"


def test_awaiting(sandbox, async_wecom):
    import anyio

    async def ask():
        return await async_wecom.staff.serving()

    sandbox.add_staff("lisi")

    assert anyio.run(ask) == ("lisi",)


def test_each_test_has_a_corp_of_its_own(wecom):
    assert wecom.staff.serving() == ()
"""


def test_the_fixtures_give_a_corp_clients_and_a_clock(pytester: pytest.Pytester) -> None:
    """A suite that names the plugin gets an empty WeCom for each test, and clients that talk to it."""
    pytester.makepyfile(SUITE)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")

    result.assert_outcomes(passed=3)
