"""Figures on staff and groups, day by day (统计管理): WeCom documentation 92132, 92133."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._pages import blocks, follow_offset
from privdom.wecom._values import Model, OpenInt
from privdom.wecom.groups import OwnerFilter
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncStatistics",
    "GroupDay",
    "GroupDays",
    "GroupDaysRequest",
    "GroupFigures",
    "GroupOrder",
    "GroupOwnerFigures",
    "GroupStatisticsPage",
    "GroupStatisticsRequest",
    "StaffDay",
    "StaffStatistics",
    "StaffStatisticsRequest",
    "Statistics",
]

_CHINA: Final = timezone(timedelta(hours=8))


class GroupOrder(OpenInt):
    """Which figure sorts the owners."""

    NEW_GROUPS = 1
    GROUPS = 2
    NEW_MEMBERS = 3
    MEMBERS = 4


@attrs.frozen(repr=False, weakref_slot=False)
class StaffDay(Model):
    """What staff and customers did on one day, summed over all staff that were asked for."""

    stat_time: datetime
    """When the day begins: midnight in UTC+8."""
    chat_cnt: int = 0
    """Customers to whom the staff wrote of their own accord."""
    message_cnt: int = 0
    """Messages that the staff sent to single customers."""
    reply_percentage: float | None = None
    """Of the chats that customers began, 0 to 100; None where they began none."""
    avg_reply_time: int | None = None
    """Minutes until the first reply; None where customers began no chat."""
    negative_feedback_cnt: int = 0
    """Customers who deleted or blocked a staff."""
    new_apply_cnt: int = 0
    """Requests to connect that the staff sent."""
    new_contact_cnt: int = 0
    """Customers whom the staff added."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class StaffStatistics(Model):
    """The figures of each day."""

    behavior_data: tuple[StaffDay, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupFigures(Model):
    """The figures of groups: what is new in the days asked for, and totals up to the last of them."""

    new_chat_cnt: int = 0
    chat_total: int = 0
    chat_has_msg: int = 0
    """Groups in which anybody ever wrote."""
    new_member_cnt: int = 0
    member_total: int = 0
    member_has_msg: int = 0
    """Members who ever wrote."""
    msg_total: int = 0
    migrate_trainee_chat_cnt: int | None = None
    """Groups that were moved; told to corps in education only."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupOwnerFigures(Model):
    """The figures of one owner's groups."""

    owner: str
    data: GroupFigures
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupStatisticsPage(Model):
    """Up to 1,000 owners; ``next_offset`` is ``total`` at the end."""

    items: tuple[GroupOwnerFigures, ...] = ()
    total: int = 0
    next_offset: int = 0
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupDay(Model):
    """The figures of one day, summed over the groups of all owners that were asked for."""

    stat_time: datetime
    """When the day begins: midnight in UTC+8."""
    data: GroupFigures
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupDays(Model):
    """The figures of each day."""

    items: tuple[GroupDay, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def _midnight(day: date) -> datetime:
    """Return when the day begins, or that in which an aware moment lies: WeCom's days are those of UTC+8."""
    if isinstance(day, datetime):
        if day.tzinfo is None:
            msg = "a datetime without a time zone may lie in either of two days: give a date"
            raise UsageError(msg)
        day = day.astimezone(_CHINA).date()
    return datetime.combine(day, time(), _CHINA)


def _midnight_or_none(day: date | None) -> datetime | None:
    return None if day is None else _midnight(day)


def _check_days(start: datetime, end: datetime) -> None:
    if end < start:
        msg = "the last day lies before the first: exchange them"
        raise UsageError(msg)
    if end - start > timedelta(days=limits.STATISTICS_SPAN_DAYS):
        msg = f"the days lie more than {limits.STATISTICS_SPAN_DAYS} days apart: ask for one part after the other"
        raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class StaffStatisticsRequest(Model):
    """Whose figures to read, and of which days: both ends are included."""

    userid: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    partyid: tuple[int, ...] = attrs.field(default=(), converter=_values.numbers)
    start_time: datetime = attrs.field(converter=_midnight, kw_only=True)
    end_time: datetime = attrs.field(converter=_midnight, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _values.staff_ids(self.userid, "userids", at_most=limits.STATISTICS_STAFF)
        _values.check_count(self.partyid, "departments", at_most=limits.STATISTICS_PARTIES)
        if not self.userid and not self.partyid:
            msg = "nobody is asked for: give userids or departments"
            raise UsageError(msg)
        _check_days(self.start_time, self.end_time)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupStatisticsRequest(Model):
    """Whose groups, which days (both ends are included), and in which order; 1 to 1,000 owners a page."""

    owner_filter: OwnerFilter
    day_begin_time: datetime = attrs.field(converter=_midnight)
    day_end_time: datetime | None = attrs.field(default=None, converter=_midnight_or_none)
    order_by: GroupOrder = attrs.field(default=GroupOrder.NEW_GROUPS, converter=GroupOrder)
    order_asc: int = 0
    offset: int = 0
    limit: int = limits.STATISTICS_PAGE

    def __attrs_post_init__(self) -> None:
        _check_days(self.day_begin_time, self.day_end_time or self.day_begin_time)
        _values.check_choice(self.order_by, "order_by")
        _values.check_range(self.order_asc, "order_asc", 0, 1)
        _values.check_range(self.offset, "offset", 0, 2**31 - 1)
        _values.check_range(self.limit, "limit", 1, limits.STATISTICS_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupDaysRequest(Model):
    """Whose groups, and which days: both ends are included."""

    owner_filter: OwnerFilter
    day_begin_time: datetime = attrs.field(converter=_midnight)
    day_end_time: datetime | None = attrs.field(default=None, converter=_midnight_or_none)

    def __attrs_post_init__(self) -> None:
        _check_days(self.day_begin_time, self.day_end_time or self.day_begin_time)


class AsyncStatistics:
    """
    Figures on staff and groups, day by day.

    Days are those of UTC+8: give a `date`, or an aware `datetime` that lies in
    the day. WeCom keeps the last 180 days, and has the figures of a day when it is
    over. Every method raises what a call can raise: `NotSent`, `MayHaveArrived`,
    `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def staff(
        self, userids: Iterable[str] = (), *, departments: Iterable[int] = (), start: date, end: date
    ) -> tuple[StaffDay, ...]:
        """
        Return what staff and their customers did on each day (WeCom documentation 92132).

        One row a day, summed over all of them: for the figures of each staff, ask once for each.

        Args:
            userids: at most 100 staff, in the app's visible range.
            departments: at most 100 departments.
            start: the first day.
            end: the last day, at most 30 days after the first.

        Raises:
            UsageError: Nobody or too many, a window too long, a time without a zone.
            Refused: The days are not kept any more, or somebody is not visible.
        """
        request = StaffStatisticsRequest(userids, departments, start_time=start, end_time=end)
        answer = await self._session.call(endpoints.STAFF_STATISTICS, request, StaffStatistics)
        return answer.behavior_data

    async def groups(
        self,
        owners: Sequence[str],
        start: date,
        end: date | None = None,
        *,
        order_by: GroupOrder | int = GroupOrder.NEW_GROUPS,
        order_asc: bool = False,
        offset: int = 0,
        limit: int = limits.STATISTICS_PAGE,
    ) -> GroupStatisticsPage:
        """
        Return a page of the figures of groups, by owner (WeCom documentation 92133).

        Args:
            owners: 1 to 100 staff, in the app's visible range.
            start: the first day.
            end: the last day, at most 30 days after the first; by default the first alone.
            order_by: which figure sorts the owners.
            order_asc: the smallest first.
            offset: the ``next_offset`` of the page before.
            limit: 1 to 1,000.

        Raises:
            UsageError: Nobody or too many, a window too long, a time without a zone, a limit out of range.
            Refused: The days are not over or not kept any more, or somebody is not visible.
        """
        request = GroupStatisticsRequest(OwnerFilter(owners), start, end, order_by, int(order_asc), offset, limit)
        return await self._session.call(endpoints.GROUP_STATISTICS, request, GroupStatisticsPage)

    async def group_pages(
        self,
        owners: Sequence[str],
        start: date,
        end: date | None = None,
        *,
        order_by: GroupOrder | int = GroupOrder.NEW_GROUPS,
        order_asc: bool = False,
        offset: int = 0,
        limit: int = limits.STATISTICS_PAGE,
    ) -> AsyncGenerator[GroupStatisticsPage, None]:
        """
        Yield every page of `groups`, from *offset* on, for callers that store pages and offsets together.

        Any number of owners, asked for and sorted in blocks of 100. An offset belongs to its
        block: to resume, leave out the owners of the blocks whose last page has come.

        Raises:
            UsageError: As `groups`.
            CursorLoop: WeCom sent an offset that leads back.
        """
        for block in blocks(owners, limits.GROUP_OWNERS):
            fetch = self._groups_of(block, start, end, order_by, limit, order_asc=order_asc)
            async with aclosing(follow_offset(fetch, offset)) as pages:
                async for page in pages:
                    yield page
            offset = 0

    def _groups_of(
        self,
        owners: Sequence[str],
        start: date,
        end: date | None,
        order_by: GroupOrder | int,
        limit: int,
        *,
        order_asc: bool,
    ) -> Callable[[int], Coroutine[Any, Any, GroupStatisticsPage]]:
        return lambda offset: self.groups(
            owners, start, end, order_by=order_by, order_asc=order_asc, offset=offset, limit=limit
        )

    async def each_group(
        self,
        owners: Sequence[str],
        start: date,
        end: date | None = None,
        *,
        order_by: GroupOrder | int = GroupOrder.NEW_GROUPS,
        order_asc: bool = False,
        offset: int = 0,
    ) -> AsyncGenerator[GroupOwnerFigures, None]:
        """
        Yield the figures of the groups of each owner (WeCom documentation 92133).

        Any number of owners, asked for and sorted in blocks of 100.

        Raises:
            UsageError: As `groups`.
            CursorLoop: WeCom sent an offset that leads back.
        """
        source = self.group_pages(owners, start, end, order_by=order_by, order_asc=order_asc, offset=offset)
        async with aclosing(source) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    async def groups_by_day(self, owners: Iterable[str], start: date, end: date | None = None) -> tuple[GroupDay, ...]:
        """
        Return the figures of groups on each day, summed over all owners (WeCom documentation 92133).

        Args:
            owners: 1 to 100 staff, in the app's visible range.
            start: the first day.
            end: the last day, at most 30 days after the first; by default the first alone.

        Raises:
            UsageError: Nobody or too many, a window too long, a time without a zone.
            Refused: The days are not over or not kept any more, or somebody is not visible.
        """
        request = GroupDaysRequest(OwnerFilter(owners), start, end)
        answer = await self._session.call(endpoints.GROUP_STATISTICS_BY_DAY, request, GroupDays)
        return answer.items

    def __repr__(self) -> str:
        return f"<AsyncStatistics of {self._session.corp_id}>"


class Statistics(Blocking[AsyncStatistics]):
    """Figures on staff and groups, day by day; `AsyncStatistics`, blocking."""

    staff = blocking(AsyncStatistics.staff)
    groups = blocking(AsyncStatistics.groups)
    group_pages = blocking_iter(AsyncStatistics.group_pages)
    each_group = blocking_iter(AsyncStatistics.each_group)
    groups_by_day = blocking(AsyncStatistics.groups_by_day)
