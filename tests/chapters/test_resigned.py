"""Customers of staff who resigned: found, handed over, and followed to the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from privdom.errors import BadRequest, CursorLoop, NotACustomer, UsageError
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.groups import GroupFilter, GroupStatus, GroupSummary
from privdom.wecom.transfers import (
    ResignedTransferRequest,
    TransferPage,
    TransferRecord,
    TransferStarted,
    TransferStatus,
    UnassignedCustomer,
    UnassignedPage,
    UnassignedRequest,
)
from tests.chapters.conftest import Corp, Scripted


DAY = timedelta(days=1)


def test_customers_of_who_resigned_are_handed_over(corp: Corp) -> None:
    """They are unassigned, wait a day, and are the takeover's then."""
    mine = corp.box.add_customer(staff=["anna"])
    other = corp.box.add_customer(staff=["chen"])
    now = corp.box.clock.now()
    corp.box.staff_resigns("anna")

    async def start(wecom: AsyncWeCom) -> tuple[list[UnassignedCustomer], TransferStarted, list[TransferRecord]]:
        waiting = [customer async for customer in wecom.transfers.each_unassigned()]
        started = await wecom.transfers.start_resigned("anna", "ben", [mine, other])
        return waiting, started, [record async for record in wecom.transfers.each_result_resigned("anna", "ben")]

    async def after(wecom: AsyncWeCom) -> tuple[TransferPage, TransferPage, UnassignedPage, tuple[str, ...]]:
        return (
            await wecom.transfers.result_resigned("anna", "ben"),
            await wecom.transfers.result_resigned("anna", "chen"),
            await wecom.transfers.unassigned(),
            await wecom.contacts.list("ben"),
        )

    waiting, started, running = corp(start)
    corp.box.advance(DAY)
    done, none, left, bens = corp(after)

    assert [UnassignedCustomer("anna", mine, now)] == waiting
    assert (mine,) == started.accepted
    assert [(other, 40131)] == [(item.external_userid, item.errcode) for item in started.refused]
    assert [TransferRecord(mine, TransferStatus.WAITING, now + DAY)] == running
    assert [TransferStatus.DONE] == [record.status for record in done.customer]
    assert () == none.customer
    assert UnassignedPage((), is_last=True) == left
    assert (mine,) == bens


def test_who_still_works_here_has_no_unassigned_customers(corp: Corp) -> None:
    """40097 cannot succeed another time."""
    customer = corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.transfers.start_resigned("anna", "ben", [customer])

    with pytest.raises(BadRequest, match="40097"):
        corp(scenario)


def test_a_customer_of_who_resigned_is_nobodys(corp: Corp) -> None:
    """Until the transfer is done, nobody follows them; groups are found by the owner they had."""
    customer = corp.box.add_customer(staff=["anna"])
    group = corp.box.add_group(owner="anna")
    corp.box.staff_resigns("anna")

    async def ask(wecom: AsyncWeCom) -> None:
        await wecom.contacts.get(customer)

    async def groups(wecom: AsyncWeCom) -> list[GroupSummary]:
        return [one async for one in wecom.groups.each(owners=["anna"], status=GroupFilter.OWNER_RESIGNED)]

    with pytest.raises(NotACustomer):
        corp(ask)
    assert [GroupSummary(group, GroupStatus.OWNER_RESIGNED)] == corp(groups)


def test_the_last_page_is_told_by_a_flag(scripted: Callable[..., Any]) -> None:
    """A page is the last if WeCom says so, or gives no cursor."""
    one = {"handover_userid": "anna", "external_userid": "wmA", "dimission_time": 1767225600}
    pages = [
        {"info": [one], "is_last": False, "next_cursor": "2"},
        {"info": [one], "is_last": True, "next_cursor": "3"},
        {"info": None, "is_last": False},
    ]
    script = Scripted(get_unassigned_list=pages)

    async def scenario(wecom: AsyncWeCom) -> tuple[list[UnassignedCustomer], list[UnassignedCustomer]]:
        first = [customer async for customer in wecom.transfers.each_unassigned()]
        return first, [customer async for customer in wecom.transfers.each_unassigned(cursor="9")]

    customer = UnassignedCustomer("anna", "wmA", datetime(2026, 1, 1, tzinfo=UTC))

    assert ([customer, customer], []) == scripted(scenario, script)
    assert [
        b'{"page_size":1000}',
        b'{"cursor":"2","page_size":1000}',
        b'{"cursor":"9","page_size":1000}',
    ] == script.bodies


def test_pages_by_number(scripted: Callable[..., Any]) -> None:
    """WeCom's old way has no cursor."""
    script = Scripted(get_unassigned_list=[{"info": [], "is_last": True}])

    async def scenario(wecom: AsyncWeCom) -> UnassignedPage:
        return await wecom.transfers.unassigned(page_id=0, page_size=10)

    assert UnassignedPage((), is_last=True) == scripted(scenario, script)
    assert [b'{"page_id":0,"page_size":10}'] == script.bodies


@pytest.mark.parametrize("method", ["each_unassigned", "each_result_resigned"])
def test_no_cursor_is_followed_twice(scripted: Callable[..., Any], method: str) -> None:
    """A circle ends with an error."""
    page = {"info": [], "customer": [], "next_cursor": "2"}
    script = Scripted(get_unassigned_list=[page], transfer_result=[page])
    arguments = ("anna", "ben") if method == "each_result_resigned" else ()

    async def scenario(wecom: AsyncWeCom) -> None:
        async for _ in getattr(wecom.transfers, method)(*arguments):
            pass

    with pytest.raises(CursorLoop):
        scripted(scenario, script)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResignedTransferRequest("anna", "Anna", ["wm1"]), "the same staff"),
        (lambda: ResignedTransferRequest("", "anna", ["wm1"]), "handover_userid is empty"),
        (lambda: ResignedTransferRequest("ben", "", ["wm1"]), "takeover_userid is empty"),
        (lambda: ResignedTransferRequest("ben", "anna", []), "external_userids is empty"),
        (lambda: ResignedTransferRequest("ben", "anna", "wm1"), "put it in brackets"),
        (lambda: ResignedTransferRequest("ben", "anna", ["chen"]), "must begin with wm or wo"),
        (lambda: ResignedTransferRequest("ben", "anna", [f"wm{i}" for i in range(101)]), "takes 100"),
        (lambda: UnassignedRequest(page_size=0), "page_size is 0"),
        (lambda: UnassignedRequest(page_size=1_001), "page_size is 1001"),
        (lambda: UnassignedRequest(page_id=1, cursor="x"), "not by both"),
        (lambda: UnassignedRequest(page_id=-1), "page_id is -1"),
        (lambda: UnassignedRequest(page_id=50), "first 50,000"),
    ],
)
def test_what_wecom_would_refuse(make: Callable[[], object], message: str) -> None:
    """Each mistake is named before anything is sent."""
    with pytest.raises(UsageError, match=message):
        make()


def test_the_last_page_by_number() -> None:
    """The bound is on the customers before the page."""
    assert 49 == UnassignedRequest(page_id=49).page_id
