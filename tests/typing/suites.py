"""User code of the pytest plugin, which mypy and pyright must understand; it is read, not run."""

from __future__ import annotations

from typing import assert_type

import pytest

from privdom.events import SqlInbox
from privdom.outbox import Outbox
from privdom.sandbox import Sandbox, VirtualClock
from privdom.store import Store
from privdom.testing import Failing, Fault, FaultKind, every_fault, listen
from privdom.wecom import AsyncWeCom, WeCom
from privdom.wecom.callbacks import Event, InboxMessage


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    sandbox.add_staff("zhangsan")
    return sandbox


@every_fault("mark_tag")
def test_a_call(sandbox: Sandbox, wecom: WeCom, failing: Failing, fault: Fault) -> None:
    with failing(fault) as planned:
        wecom.staff.serving()
    assert_type(planned, Fault)
    assert_type(sandbox.faults.struck(), list[Fault])


@every_fault("add_msg_template", times=2, without=["quota", "late_acceptance"])
async def test_an_awaited_call(async_wecom: AsyncWeCom, failing: Failing, fault: Fault) -> None:
    with failing("lost_response", "add_msg_template"), failing("duplicate_callback"), failing(Fault("slow", delay=1)):
        await async_wecom.staff.serving()


@pytest.mark.parametrize("kind", ["busy", "html"])
def test_a_kind(kind: FaultKind, failing: Failing) -> None:
    with failing(kind, "mark_tag"):
        pass


def test_what_comes(callbacks: list[Event], inbox: SqlInbox, outbox: Outbox, store: Store, clock: VirtualClock) -> None:
    for event in callbacks:
        assert_type(event.corp_id, str)


class Mine:
    def put(self, message: InboxMessage) -> bool:
        return True


def mistakes(sandbox: Sandbox, failing: Failing) -> None:
    listen(sandbox, Mine())
    listen(sandbox, object())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    failing("lost_respons", "mark_tag")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    failing(Fault("busy"), "mark_tag")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    every_fault("mark_tag", without=["slwo"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
