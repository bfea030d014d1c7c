"""Figures on staff and groups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from privdom.errors import BadRequest, CursorLoop, NotUnderstood, UsageError
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.groups import OwnerFilter
from privdom.wecom.statistics import (
    GroupDay,
    GroupDaysRequest,
    GroupFigures,
    GroupOrder,
    GroupOwnerFigures,
    GroupStatisticsRequest,
    StaffDay,
    StaffStatisticsRequest,
)
from tests.chapters.conftest import Corp, Scripted


# The clock of the corp stands at 2026-01-05 09:00 UTC, which is 17:00 there.
MONDAY, TUESDAY, WEDNESDAY = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)
DAY = timedelta(days=1)
OWNERS = OwnerFilter(["anna"])
# Midnight in UTC+8.
BEGINNING = datetime(2026, 1, 4, 16, tzinfo=UTC)


def test_the_figures_of_staff_tell_what_happened(corp: Corp) -> None:
    """One row a day, which begins at midnight in UTC+8."""
    friend = corp.box.add_customer()
    corp.box.befriend("anna", friend)
    corp.box.customer_writes(friend, "anna")
    corp.box.advance(timedelta(minutes=3))
    corp.box.staff_writes("anna", friend)
    corp.box.advance(2 * DAY)

    async def scenario(wecom: AsyncWeCom) -> tuple[tuple[StaffDay, ...], tuple[StaffDay, ...]]:
        return (
            await wecom.statistics.staff(["anna", "ben"], start=MONDAY, end=TUESDAY),
            await wecom.statistics.staff(departments=[1], start=TUESDAY, end=TUESDAY),
        )

    both, quiet = corp(scenario)

    busy = StaffDay(BEGINNING, chat_cnt=1, message_cnt=1, reply_percentage=100.0, avg_reply_time=3, new_contact_cnt=1)
    assert (busy, StaffDay(BEGINNING + DAY)) == both
    assert (StaffDay(BEGINNING + DAY),) == quiet


def test_the_figures_of_groups_tell_what_happened(corp: Corp) -> None:
    """By owner and by day; what is new is of the days asked for, totals are of all time."""
    mine = corp.box.create_group(owner="anna", members=["ben"])
    corp.box.create_group(owner="ben")
    corp.box.advance(DAY)
    corp.box.join_group(mine, ["chen"])
    corp.box.member_writes(mine, "chen")
    corp.box.advance(DAY)

    async def scenario(wecom: AsyncWeCom) -> tuple[list[GroupOwnerFigures], tuple[GroupDay, ...], tuple[GroupDay, ...]]:
        owners = ["anna", "ben", "chen"]
        figures = wecom.statistics.each_group(owners, MONDAY, TUESDAY, order_by=GroupOrder.MEMBERS, order_asc=True)
        return (
            [item async for item in figures],
            await wecom.statistics.groups_by_day(["anna"], MONDAY, TUESDAY),
            await wecom.statistics.groups_by_day(owners, TUESDAY),
        )

    by_owner, by_day, (together,) = corp(scenario)

    first = GroupFigures(new_chat_cnt=1, chat_total=1, member_total=2)
    second = GroupFigures(chat_total=1, chat_has_msg=1, new_member_cnt=1, member_total=3, member_has_msg=1, msg_total=1)
    assert (GroupDay(BEGINNING, first), GroupDay(BEGINNING + DAY, second)) == by_day
    assert ["ben", "anna"] == [item.owner for item in by_owner]
    assert (1, 1, 3) == (
        by_owner[1].data.new_chat_cnt,
        by_owner[1].data.new_member_cnt,
        by_owner[1].data.member_total,
    )
    assert (2, 4) == (together.data.chat_total, together.data.member_total)


def test_offsets_are_followed_and_owners_asked_for_in_blocks(corp: Corp) -> None:
    """Any number of owners comes whole, page by page."""
    owners = [corp.box.add_staff(f"s{i:03}") for i in range(103)]
    for owner in owners:
        corp.box.add_group(owner=owner)
    corp.box.advance(DAY)

    async def scenario(wecom: AsyncWeCom) -> tuple[list[int], list[str]]:
        sizes = [len(page.items) async for page in wecom.statistics.group_pages(owners, MONDAY, limit=60)]
        rest = [item.owner async for item in wecom.statistics.each_group(owners, MONDAY, offset=98)]
        return sizes, rest

    sizes, rest = corp(scenario)

    assert [60, 40, 3] == sizes
    assert owners[98:] == rest


def test_days_that_are_not_over_or_not_kept_are_refused(corp: Corp) -> None:
    """WeCom says so, not the client, which does not know its clock."""

    async def scenario(wecom: AsyncWeCom) -> None:
        for day in (MONDAY, MONDAY - 181 * DAY):
            with pytest.raises(BadRequest, match="40058"):
                await wecom.statistics.groups(["anna"], day)

    corp(scenario)


def test_days_are_sent_as_midnights_in_utc_8(scripted: Callable[..., Any]) -> None:
    """A date is the day there; an aware moment lies in it."""
    script = Scripted(
        get_user_behavior_data=[{}],
        statistic=[{"total": 0, "next_offset": 0}],
        statistic_group_by_day=[{"items": None}],
    )
    late = datetime(2026, 1, 4, 16, 30, tzinfo=UTC)

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.statistics.staff(["anna"], start=MONDAY, end=late)
        await wecom.statistics.groups(["anna"], late, TUESDAY, order_by=3, order_asc=True, offset=2, limit=5)
        await wecom.statistics.groups_by_day(["anna"], MONDAY)

    scripted(scenario, script)

    assert [
        b'{"userid":["anna"],"start_time":1767542400,"end_time":1767542400}',
        (
            b'{"owner_filter":{"userid_list":["anna"]},"day_begin_time":1767542400,"day_end_time":1767628800,'
            b'"order_by":3,"order_asc":1,"offset":2,"limit":5}'
        ),
        b'{"owner_filter":{"userid_list":["anna"]},"day_begin_time":1767542400}',
    ] == script.bodies


def test_an_offset_that_leads_back_ends_the_listing(scripted: Callable[..., Any]) -> None:
    """What came before it was yielded."""
    page = {"total": 9, "next_offset": 1, "items": [{"owner": "anna", "data": {}}]}
    script = Scripted(statistic=[page])
    seen: list[str] = []

    async def scenario(wecom: AsyncWeCom) -> None:
        async for page in wecom.statistics.group_pages(["anna"], MONDAY):
            seen.extend(item.owner for item in page.items)

    with pytest.raises(CursorLoop, match="the offset 1 after 1"):
        scripted(scenario, script)

    assert ["anna", "anna"] == seen


@pytest.mark.parametrize(("sent", "share"), [(60.25, 60.25), (100, 100.0), ("60.25", 60.25), ("", 0.0), (None, None)])
def test_a_share_comes_as_any_number(scripted: Callable[..., Any], sent: object, share: float | None) -> None:
    """With decimals, whole, or as text; None says that there is none."""
    row = {"stat_time": 1767542400, "reply_percentage": sent}
    script = Scripted(get_user_behavior_data=[{"behavior_data": [row]}])

    async def scenario(wecom: AsyncWeCom) -> tuple[StaffDay, ...]:
        return await wecom.statistics.staff(["anna"], start=MONDAY, end=MONDAY)

    assert (StaffDay(BEGINNING, reply_percentage=share),) == scripted(scenario, script)


@pytest.mark.parametrize("sent", ["many", "nan", [], True])
def test_a_share_that_is_no_number_is_not_understood(scripted: Callable[..., Any], sent: object) -> None:
    """The message names the field."""
    row = {"stat_time": 1767542400, "reply_percentage": sent}
    script = Scripted(get_user_behavior_data=[{"behavior_data": [row]}])

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.statistics.staff(["anna"], start=MONDAY, end=MONDAY)

    with pytest.raises(NotUnderstood, match=r"behavior_data\[0\].reply_percentage is not a number"):
        scripted(scenario, script)


def staff(start: date = MONDAY, end: date = MONDAY, **who: Any) -> StaffStatisticsRequest:
    return StaffStatisticsRequest(**{"userid": ["anna"], **who}, start_time=start, end_time=end)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nobody": (lambda: staff(userid=[]), "nobody is asked for"),
    "a bare userid": (lambda: staff(userid="anna"), "put it in brackets"),
    "101 staff": (lambda: staff(userid=[f"s{i}" for i in range(101)]), "takes 100"),
    "101 departments": (lambda: staff(partyid=range(101)), "departments holds 101"),
    "backwards": (lambda: staff(TUESDAY, MONDAY), "the last day lies before the first"),
    "32 days": (lambda: staff(MONDAY, MONDAY + 31 * DAY), "more than 30 days apart"),
    "no zone": (lambda: staff(datetime(2026, 1, 5)), "give a date"),  # noqa: DTZ001 - what is to be refused
    "no owners": (lambda: OwnerFilter([]), "owners is empty"),
    "groups backwards": (lambda: GroupStatisticsRequest(OWNERS, TUESDAY, MONDAY), "before the first"),
    "groups of 32 days": (lambda: GroupStatisticsRequest(OWNERS, MONDAY, MONDAY + 31 * DAY), "30 days apart"),
    "a fifth order": (lambda: GroupStatisticsRequest(OWNERS, MONDAY, order_by=5), "order_by is 5"),
    "neither up nor down": (lambda: GroupStatisticsRequest(OWNERS, MONDAY, order_asc=2), "order_asc is 2"),
    "before the first": (lambda: GroupStatisticsRequest(OWNERS, MONDAY, offset=-1), "offset is -1"),
    "groups limit": (lambda: GroupStatisticsRequest(OWNERS, MONDAY, limit=1001), "limit is 1001"),
    "days backwards": (lambda: GroupDaysRequest(OWNERS, TUESDAY, MONDAY), "before the first"),
    "days too many": (lambda: GroupDaysRequest(OWNERS, MONDAY, MONDAY + 31 * DAY), "30 days apart"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(case: str) -> None:
    """The message says what is wrong and what to do."""
    ask, message = REFUSED[case]

    with pytest.raises(UsageError, match=message):
        ask()


def test_a_month_of_31_days_is_one_question() -> None:
    """Both ends count, and 30 days lie between them."""
    assert GroupDaysRequest(OWNERS, date(2026, 1, 1), date(2026, 1, 31)).day_end_time
