"""The pytest plugin, loaded the way a suite of a user's would."""

from __future__ import annotations

import pytest


pytest_plugins = ["pytester"]

# Names are imported before pytest has loaded the plugin, and every warning is an error.
CONFTEST = """
from privdom.testing import Fault

pytest_plugins = ["privdom.testing"]
"""
INI = """
[pytest]
filterwarnings = error
"""

SUITE = """
from datetime import timedelta

import anyio
import pytest

clients = []


def test_blocking(sandbox, wecom, virtual_clock):
    sandbox.add_staff("zhangsan")
    before = virtual_clock.now()
    sandbox.advance(timedelta(days=1))

    assert virtual_clock.now() - before == timedelta(days=1)
    assert wecom.staff.get("zhangsan").userid == "zhangsan"
    clients.append(wecom._core.port._client)


def test_the_client_before_is_closed():
    assert [client.is_closed for client in clients] == [True]


@pytest.mark.anyio
async def test_awaiting(sandbox, async_wecom):
    sandbox.add_staff("lisi")

    assert await async_wecom.staff.serving() == ("lisi",)
    clients.append(async_wecom.port._clients[0])


def test_awaiting_on_a_loop_of_its_own(sandbox, async_wecom):
    sandbox.add_staff("lisi")

    assert anyio.run(async_wecom.staff.serving) == ("lisi",)
    clients.append(async_wecom.port._clients[0])


def test_the_clients_before_are_closed():
    assert [client.is_closed for client in clients] == [True] * 4


def test_each_test_has_a_corp_of_its_own(wecom):
    assert wecom.staff.serving() == ()
"""

FAILS = """
import pytest


@pytest.fixture
def busy(sandbox, wecom, failing):
    with failing("busy", "get_follow_user_list"):
        wecom.staff.serving()


def test_that_shows_its_calls(busy):
    assert False


def test_that_has_no_calls(sandbox):
    assert False


def test_of_something_else():
    sandbox = 7
    assert sandbox == 8


def test_whose_fault_strikes_nothing(wecom, failing):
    with failing("busy", "mark_tag"):
        wecom.staff.serving()
"""


def test_the_fixtures_give_a_corp_clients_and_a_clock(pytester: pytest.Pytester) -> None:
    """A suite that names the plugin gets an empty WeCom for each test, and clients of it that are closed behind it."""
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)
    pytester.makepyfile(SUITE)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")

    # One more, since anyio's plugin runs what is marked on asyncio and on trio.
    result.assert_outcomes(passed=7)


def test_a_failing_test_shows_what_wecom_was_asked(pytester: pytest.Pytester) -> None:
    """The report of a test that failed ends with the calls of its sandbox, with errcodes and faults."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(FAILS)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")

    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "*calls of the sandbox*",
            "2026-01-05 09:00:00  gettoken  ok",
            "2026-01-05 09:00:00  externalcontact/get_follow_user_list  -1  busy",
            "2026-01-05 09:00:00  externalcontact/get_follow_user_list  ok",
            '>       with failing("busy", "mark_tag"):',
            "*Failed: Fault(kind='busy', path='mark_tag'*the sandbox saw 1 x gettoken, 1 x externalcontact/*",
        ]
    )
    assert 2 == sum("calls of the sandbox" in line for line in result.outlines)


def test_nothing_is_loaded_unasked(pytester: pytest.Pytester) -> None:
    """A suite that does not name the plugin has none of its fixtures."""
    pytester.makepyfile("def test_a(sandbox): ...")

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(errors=1)


def test_a_client_alone_needs_no_database(pytester: pytest.Pytester) -> None:
    """Loaded by an option, and without a fixture that stores, it does not import SQLAlchemy."""
    pytester.makepyfile(
        """
        import sys

        def test_a(sandbox, wecom, async_wecom, failing, callbacks):
            assert "sqlalchemy" not in sys.modules
        """
    )

    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "privdom.testing").assert_outcomes(passed=1)
