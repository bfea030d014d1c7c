"""Customer acquisition links, from making one to what its customers write."""

from __future__ import annotations

import re

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from privdom.errors import BadRequest, CursorLoop, Refused, UsageError
from privdom.wecom.acquisition import (
    AcquisitionLink,
    AcquisitionLinkDetails,
    AcquisitionLinkUpdate,
    AcquisitionQuota,
    ChatInfoRequest,
    DeleteLinkRequest,
    GetLinkRequest,
    LinkChat,
    LinkChatInfo,
    LinkChatStatus,
    LinkCustomer,
    LinkCustomersRequest,
    LinkPriority,
    LinkPriorityType,
    LinkRange,
    LinkStatistics,
    LinkStatisticsRequest,
    ListLinksRequest,
    NewAcquisitionLink,
)
from privdom.wecom.client import AsyncWeCom
from tests.chapters.conftest import Corp, Scripted


DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what is to be refused
ANNA = LinkRange(user_list=["anna"])


def test_links_are_made_read_changed_and_deleted(corp: Corp) -> None:
    """A link keeps its id and its address while what stands behind it changes."""

    async def scenario(wecom: AsyncWeCom) -> tuple[AcquisitionLink, list[AcquisitionLinkDetails], list[list[str]]]:
        priority = LinkPriority(LinkPriorityType.NAMED_STAFF, ["chen"])
        made = await wecom.acquisition.create(
            NewAcquisitionLink(link_name="门店", range=ANNA, priority_option=priority)
        )
        seen = [await wecom.acquisition.get(made.link_id)]
        listed = [[link_id async for link_id in wecom.acquisition.each()]]
        change = AcquisitionLinkUpdate(
            made.link_id, link_name="直播", range=LinkRange(department_list=[1]), skip_verify=False
        )
        await wecom.acquisition.update(change)
        seen.append(await wecom.acquisition.get(made.link_id))
        await wecom.acquisition.delete(made.link_id)
        listed.append([link_id async for link_id in wecom.acquisition.each()])
        return made, seen, listed

    made, (before, after), listed = corp(scenario)

    assert ("门店", corp.box.clock.now()) == (made.link_name, made.create_time)
    assert made.url.startswith("https://work.weixin.qq.com/ca/")
    assert (made.link_id, made.url) == (before.link.link_id, before.link.url) == (after.link.link_id, after.link.url)
    assert (ANNA, True) == (before.range, before.link.skip_verify)
    assert LinkPriority(2, ["chen"]) == before.priority_option == after.priority_option
    assert ("直播", LinkRange(department_list=[1]), False) == (
        after.link.link_name,
        after.range,
        after.link.skip_verify,
    )
    assert [[made.link_id], []] == listed


def test_what_comes_of_a_link(corp: Corp) -> None:
    """Who opens a link, who is won by it and who writes is counted, and costs uses."""
    now = corp.box.clock.now()

    async def make(wecom: AsyncWeCom) -> AcquisitionLink:
        return await wecom.acquisition.create(NewAcquisitionLink(link_name="门店", range=ANNA))

    async def read(wecom: AsyncWeCom) -> tuple[LinkStatistics, list[LinkCustomer], AcquisitionQuota]:
        counts = await wecom.acquisition.statistics(link.link_id, now, now)
        customers = [customer async for customer in wecom.acquisition.each_customer(link.link_id)]
        return counts, customers, await wecom.acquisition.quota()

    link = corp(make)
    corp.box.add_link_uses(50, expires=now + 90 * DAY)
    won = corp.box.open_link(link.url_for("直播 间&1"))
    corp.box.open_link(link.link_id, adds=False)
    corp.box.customer_writes(won.external_userid, "anna")
    counts, customers, quota = corp(read)

    assert LinkStatistics(2, 1) == counts
    assert [LinkCustomer(won.external_userid, "anna", LinkChatStatus.HAS_WRITTEN, "直播 间&1")] == customers
    assert (50, 49, [49]) == (quota.total, quota.balance, [part.balance for part in quota.quota_list])
    # Midnight in China on the day of expiry.
    assert [datetime(2026, 4, 4, 16, tzinfo=UTC)] == [part.expire_date for part in quota.quota_list]


def test_a_chat_key_tells_who_wrote(corp: Corp) -> None:
    """The third message brings a key, and the key the two and the link."""

    async def make(wecom: AsyncWeCom) -> AcquisitionLink:
        return await wecom.acquisition.create(NewAcquisitionLink(link_name="门店", range=ANNA))

    link = corp(make)
    corp.box.add_link_uses(1)
    won = corp.box.open_link(link.link_id, "door")
    for _ in range(3):
        corp.box.customer_writes(won.external_userid, "anna")
    corp.box.on_callback(lambda params, body: 200)
    corp.box.deliver()
    (key,) = re.findall(r"<ChatKey><!\[CDATA\[(\w+)\]", corp.box.record.callbacks[-1].xml)

    async def ask(wecom: AsyncWeCom) -> LinkChat:
        return await wecom.acquisition.chat_info(key)

    assert LinkChat(LinkChatInfo(3, link.link_id, "door"), "anna", won.external_userid) == corp(ask)
    corp.box.advance(timedelta(minutes=31))
    with pytest.raises(Refused, match="41201"):
        corp(ask)


@pytest.mark.parametrize("method", ["get", "delete", "customers"])
def test_a_link_that_is_not_there_is_refused(corp: Corp, method: str) -> None:
    """Nothing is made up for it."""

    async def scenario(wecom: AsyncWeCom) -> None:
        await getattr(wecom.acquisition, method)("cawcdeNo")

    with pytest.raises(BadRequest):
        corp(scenario)


def test_pages_are_followed(scripted: Callable[..., Any]) -> None:
    """Links and customers come from all pages, and no cursor is used twice."""
    links = [{"link_id_list": ["a", "b"], "next_cursor": "2"}, {"link_id_list": ["c"], "next_cursor": ""}]
    won = {"external_userid": "wmA", "userid": "anna", "chat_status": 9, "state": "x"}
    customers = [{"customer_list": [won], "next_cursor": "2"}, {"customer_list": None, "next_cursor": "2"}]
    script = Scripted(list_link=links, customer=customers)

    async def scenario(wecom: AsyncWeCom) -> tuple[list[str], list[LinkCustomer]]:
        ids = [link_id async for link_id in wecom.acquisition.each()]
        customers = wecom.acquisition.each_customer("a")
        found = [await anext(customers)]
        with pytest.raises(CursorLoop):
            await anext(customers)
        return ids, found

    ids, found = scripted(scenario, script)

    assert ["a", "b", "c"] == ids
    assert [LinkCustomer("wmA", "anna", LinkChatStatus(9), "x")] == found
    assert [
        b'{"limit":100}',
        b'{"cursor":"2","limit":100}',
        b'{"link_id":"a","limit":1000}',
        b'{"link_id":"a","cursor":"2","limit":1000}',
    ] == script.bodies


def test_an_id_that_wecom_tells_is_kept(scripted: Callable[..., Any]) -> None:
    """Older answers name the link."""
    script = Scripted(get=[{"link": {"link_id": "caOther"}}])

    async def scenario(wecom: AsyncWeCom) -> AcquisitionLinkDetails:
        return await wecom.acquisition.get("ca1")

    assert AcquisitionLinkDetails(AcquisitionLink("caOther")) == scripted(scenario, script)


def test_what_a_new_link_sends(scripted: Callable[..., Any]) -> None:
    """What is left to WeCom is left out."""
    script = Scripted(create_link=[{"link": {"link_id": "ca1"}}])

    async def scenario(wecom: AsyncWeCom) -> AcquisitionLink:
        return await wecom.acquisition.create(
            NewAcquisitionLink(link_name="x", range=ANNA, priority_option=LinkPriority(1))
        )

    assert AcquisitionLink("ca1") == scripted(scenario, script)
    assert [b'{"link_name":"x","range":{"user_list":["anna"]},"priority_option":{"priority_type":1}}'] == script.bodies


def test_addresses_of_channels() -> None:
    """A channel is quoted in the address, and the whole address in the scheme of WeChat; without an address is none."""
    link = AcquisitionLink(url="https://work.weixin.qq.com/ca/x")

    assert "https://work.weixin.qq.com/ca/x?customer_channel=a%20%26%E5%BA%97" == link.url_for("a &店")
    assert (
        "weixin://biz/ww/profile/https%3A%2F%2Fwork.weixin.qq.com%2Fca%2Fx%3Fcustomer_channel%3Dshop"
        == link.scheme_for("shop")
    )
    for bad in ("", "x" * 65, "店" * 22):
        with pytest.raises(UsageError, match="customer_channel has"):
            link.url_for(bad)
        with pytest.raises(UsageError, match="customer_channel has"):
            link.scheme_for(bad)
    for make in (AcquisitionLink("ca1").url_for, AcquisitionLink("ca1").scheme_for):
        with pytest.raises(UsageError, match="has no url"):
            make("shop")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (LinkRange, "nobody stands behind this link"),
        (lambda: LinkRange(user_list="anna"), "put it in brackets"),
        (lambda: LinkRange(user_list=["a", "a"]), "the same id twice"),
        (lambda: LinkRange(user_list=[f"u{i}" for i in range(501)]), "takes 500"),
        (lambda: LinkPriority(3), "must be one of"),
        (lambda: LinkPriority(2), "priority_userid_list is empty"),
        (lambda: LinkPriority(1, ["anna"]), "for LinkPriorityType.NAMED_STAFF"),
        (lambda: LinkPriority(2, [f"u{i}" for i in range(1_001)]), "takes 1000"),
        (lambda: NewAcquisitionLink(link_name="", range=ANNA), "link_name has 0"),
        (lambda: NewAcquisitionLink(link_name="x" * 31, range=ANNA), "link_name has 31"),
        (lambda: AcquisitionLinkUpdate("", link_name="x"), "link_id is empty"),
        (lambda: AcquisitionLinkUpdate("ca1"), "nothing to change"),
        (lambda: AcquisitionLinkUpdate("ca1", link_name=""), "link_name has 0"),
        (lambda: ListLinksRequest(limit=0), "limit is 0"),
        (lambda: ListLinksRequest(limit=101), "limit is 101"),
        (lambda: GetLinkRequest(""), "link_id is empty"),
        (lambda: DeleteLinkRequest(""), "link_id is empty"),
        (lambda: LinkCustomersRequest(""), "link_id is empty"),
        (lambda: LinkCustomersRequest("ca1", limit=1_001), "limit is 1001"),
        (lambda: LinkStatisticsRequest("", START, START), "link_id is empty"),
        (lambda: LinkStatisticsRequest("ca1", NAIVE, START), "start has no time zone"),
        (lambda: LinkStatisticsRequest("ca1", START, NAIVE), "end has no time zone"),
        (lambda: LinkStatisticsRequest("ca1", START, START - DAY), "start is after end"),
        (lambda: LinkStatisticsRequest("ca1", START, START + 31 * DAY), "31 days apart"),
        (lambda: ChatInfoRequest(""), "chat_key is empty"),
    ],
)
def test_what_wecom_would_refuse(make: Callable[[], object], message: str) -> None:
    """Each mistake is named before anything is sent."""
    with pytest.raises(UsageError, match=message):
        make()


def test_days_are_those_of_china() -> None:
    """30 days apart in UTC+8 are allowed, whatever the hours."""
    late = datetime(2026, 1, 1, 15, 59, tzinfo=UTC)

    assert LinkStatisticsRequest("ca1", late - timedelta(hours=23), late + 30 * DAY)
    with pytest.raises(UsageError, match="31 days apart"):
        LinkStatisticsRequest("ca1", late, late + 30 * DAY + timedelta(minutes=1))


def test_a_chat_key_is_not_printed() -> None:
    """Whoever has it learns who wrote to whom."""
    assert "secret-key" not in repr(ChatInfoRequest("secret-key"))
