"""User code of acquisition links, resigned staff and those who were served; it is read, not run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from typing import assert_type

from privdom.wecom import (
    AcquisitionLink,
    AcquisitionLinkDetails,
    AcquisitionLinkPage,
    AcquisitionLinkUpdate,
    AcquisitionQuota,
    AsyncWeCom,
    LinkChat,
    LinkCustomer,
    LinkCustomerPage,
    LinkPriority,
    LinkRange,
    LinkStatistics,
    NewAcquisitionLink,
    ServedContact,
    ServedPage,
    TransferPage,
    TransferRecord,
    TransferStarted,
    UnassignedCustomer,
    UnassignedPage,
    WeCom,
)


def blocking(wecom: WeCom, start: datetime, end: datetime) -> None:
    link = NewAcquisitionLink(link_name="x", range=LinkRange(["a"], [1]), priority_option=LinkPriority(2, ["b"]))
    assert_type(wecom.acquisition.create(link), AcquisitionLink)
    assert_type(wecom.acquisition.list(limit=3), AcquisitionLinkPage)
    assert_type(wecom.acquisition.list_pages(), Iterator[AcquisitionLinkPage])
    assert_type(wecom.acquisition.each(), Iterator[str])
    assert_type(wecom.acquisition.get("c"), AcquisitionLinkDetails)
    wecom.acquisition.update(AcquisitionLinkUpdate("c", range=LinkRange(["a", "b"])))
    wecom.acquisition.delete("c")
    assert_type(wecom.acquisition.customers("c", cursor="x"), LinkCustomerPage)
    assert_type(wecom.acquisition.each_customer("c"), Iterator[LinkCustomer])
    assert_type(wecom.acquisition.quota(), AcquisitionQuota)
    assert_type(wecom.acquisition.statistics("c", start, end), LinkStatistics)
    assert_type(wecom.acquisition.chat_info("k"), LinkChat)
    assert_type(wecom.transfers.unassigned(page_size=3), UnassignedPage)
    assert_type(wecom.transfers.unassigned_pages(), Iterator[UnassignedPage])
    assert_type(wecom.transfers.each_unassigned(), Iterator[UnassignedCustomer])
    assert_type(wecom.transfers.start_resigned("a", "b", ["wm1"]), TransferStarted)
    assert_type(wecom.transfers.result_resigned("a", "b"), TransferPage)
    assert_type(wecom.transfers.each_result_resigned("a", "b"), Iterator[TransferRecord])
    assert_type(wecom.contacts.served(), ServedPage)
    assert_type(wecom.contacts.each_served(), Iterator[ServedContact])
    wecom.codes.delete("c")
    wecom.codes.close_temp_chat("a", "wm1")


async def awaited(wecom: AsyncWeCom) -> None:
    assert_type(await wecom.acquisition.get("c"), AcquisitionLinkDetails)
    assert_type(wecom.acquisition.each(), AsyncGenerator[str, None])
    async for customer in wecom.transfers.each_unassigned():
        assert_type(customer.dimission_time, datetime | None)


def mistakes(wecom: WeCom) -> None:
    wecom.acquisition.statistics("c", 1, 2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    NewAcquisitionLink(link_name="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
