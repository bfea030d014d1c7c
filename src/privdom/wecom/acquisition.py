"""Customer acquisition links (获客助手): WeCom documentation 97297, 97298, 97375, 100130."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._pages import follow_cursor
from privdom.wecom._values import Done, Model, OpenInt
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "Acquisition",
    "AcquisitionLink",
    "AcquisitionLinkDetails",
    "AcquisitionLinkPage",
    "AcquisitionLinkUpdate",
    "AcquisitionQuota",
    "AsyncAcquisition",
    "ChatInfoRequest",
    "CreatedAcquisitionLink",
    "DeleteLinkRequest",
    "ExpiringQuota",
    "GetLinkRequest",
    "LinkChat",
    "LinkChatInfo",
    "LinkChatStatus",
    "LinkCustomer",
    "LinkCustomerPage",
    "LinkCustomersRequest",
    "LinkPriority",
    "LinkPriorityType",
    "LinkRange",
    "LinkStatistics",
    "LinkStatisticsRequest",
    "ListLinksRequest",
    "NewAcquisitionLink",
]

# WeCom's days are those of UTC+8.
_WECOM_TIME = timezone(timedelta(hours=8), "UTC+8")
_IN_WECHAT = "weixin://biz/ww/profile/"


class LinkPriorityType(OpenInt):
    """Among whom a link looks for staff whom the customer knows already."""

    WHOLE_CORP = 1
    NAMED_STAFF = 2


class LinkChatStatus(OpenInt):
    """Whether a customer has written to the staff whom the link led to."""

    NOT_WRITTEN = 0
    HAS_WRITTEN = 1
    UNKNOWN = 2


@attrs.frozen(repr=False, weakref_slot=False)
class LinkRange(Model):
    """The staff behind a link, by themselves and by department: at most 500 people in all."""

    user_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    department_list: tuple[int, ...] = attrs.field(default=(), converter=_values.numbers)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        if not self.user_list and not self.department_list:
            msg = "nobody stands behind this link: give user_list or department_list"
            raise UsageError(msg)
        _values.staff_ids(self.user_list, "user_list", at_most=limits.ACQUISITION_STAFF)


@attrs.frozen(repr=False, weakref_slot=False)
class LinkPriority(Model):
    """Lead a customer to staff who follow them already, in the whole corp or among up to 1,000 who are named."""

    priority_type: LinkPriorityType = attrs.field(converter=LinkPriorityType)
    priority_userid_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.priority_type, "priority_type")
        named = self.priority_type is LinkPriorityType.NAMED_STAFF
        if self.priority_userid_list and not named:
            msg = "priority_userid_list is for LinkPriorityType.NAMED_STAFF: leave it out, or give that type"
            raise UsageError(msg)
        _values.staff_ids(
            self.priority_userid_list,
            "priority_userid_list",
            at_least=1 if named else 0,
            at_most=limits.ACQUISITION_PRIORITY_STAFF,
        )


@attrs.frozen(repr=False, weakref_slot=False)
class AcquisitionLink(Model):
    """A link as WeCom keeps it."""

    link_id: str = ""
    link_name: str = ""
    url: str = ""
    create_time: datetime | None = None
    skip_verify: bool | None = None
    """Whether customers are added without being confirmed."""
    mark_source: bool | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def url_for(self, customer_channel: str) -> str:
        """
        Return the address of one channel: WeCom reports it as ``state`` of each customer who comes by it.

        Raises:
            UsageError: *customer_channel* is empty or has more than 64 bytes (WeCom would cut it without a word), or
                this link has no ``url``.
        """
        if not self.url:
            msg = "this link has no url: take one that create or get returned"
            raise UsageError(msg)
        _values.check_bytes(customer_channel, "customer_channel", limits.ACQUISITION_CHANNEL_BYTES, at_least=1)
        return f"{self.url}?customer_channel={quote(customer_channel, safe='')}"

    def scheme_for(self, customer_channel: str) -> str:
        """
        Return the same for buttons that open WeChat by its scheme (``weixin://``).

        Raises:
            UsageError: *customer_channel* is empty or has more than 64 bytes, or this link has no ``url``.
        """
        return _IN_WECHAT + quote(self.url_for(customer_channel), safe="")


@attrs.frozen(repr=False, weakref_slot=False)
class AcquisitionLinkDetails(Model):
    """A link, the staff behind it, and whom it prefers."""

    link: AcquisitionLink
    range: LinkRange | None = None
    priority_option: LinkPriority | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CreatedAcquisitionLink(Model):
    """The link that was made."""

    link: AcquisitionLink
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class AcquisitionLinkPage(Model):
    """Up to 100 ids of links; an empty ``next_cursor`` is the end."""

    link_id_list: tuple[str, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class LinkCustomer(Model):
    """A customer who came by a link, and the staff who got them."""

    external_userid: str
    userid: str
    chat_status: LinkChatStatus = LinkChatStatus.UNKNOWN
    state: str = ""
    """The ``customer_channel`` they came by."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class LinkCustomerPage(Model):
    """Up to 1,000 customers; an empty ``next_cursor`` is the end."""

    customer_list: tuple[LinkCustomer, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ExpiringQuota(Model):
    """Uses that will be lost on one day."""

    expire_date: datetime | None = None
    """The beginning of that day in UTC+8; at which hour they go depends on when they were bought."""
    balance: int = 0
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class AcquisitionQuota(Model):
    """How many uses the corp has of its links."""

    total: int = 0
    """Of all times."""
    balance: int = 0
    """What is left."""
    quota_list: tuple[ExpiringQuota, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class LinkStatistics(Model):
    """What came of one link."""

    click_link_customer_cnt: int = 0
    new_customer_cnt: int = 0
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class LinkChatInfo(Model):
    """How much a customer has written, and where they came from."""

    recv_msg_cnt: int = 0
    """How many messages the staff got: 3, 5 or 10."""
    link_id: str = ""
    state: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class LinkChat(Model):
    """What a chat key stands for."""

    chat_info: LinkChatInfo
    userid: str = ""
    external_userid: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewAcquisitionLink(Model):
    """
    A link to make. None leaves the choice to WeCom.

    Args:
        link_name: 1 to 30 characters.
        range: the staff behind it, at most 500, departments counted by their staff.
        skip_verify: whether customers are added without being confirmed; WeCom's default is true.
        priority_option: lead customers to whom they know; only for corps of some trades.
        mark_source: only for apps of the kind 营销获客; WeCom's default is true.
    """

    link_name: str
    range: LinkRange
    skip_verify: bool | None = None
    priority_option: LinkPriority | None = None
    mark_source: bool | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_chars(self.link_name, "link_name", limits.ACQUISITION_NAME_CHARS, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class AcquisitionLinkUpdate(Model):
    """
    What to change of a link; None leaves it as it is.

    ``range`` and ``priority_option`` replace what was there as a whole. The
    address of the link stays the same.
    """

    link_id: str
    link_name: str | None = attrs.field(default=None, kw_only=True)
    range: LinkRange | None = attrs.field(default=None, kw_only=True)
    skip_verify: bool | None = attrs.field(default=None, kw_only=True)
    priority_option: LinkPriority | None = attrs.field(default=None, kw_only=True)
    mark_source: bool | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.link_id, "link_id")
        _values.check_chars(self.link_name, "link_name", limits.ACQUISITION_NAME_CHARS, at_least=1)
        changes = (self.link_name, self.range, self.skip_verify, self.priority_option, self.mark_source)
        if all(change is None for change in changes):
            msg = "there is nothing to change: give at least one of link_name, range, skip_verify ..."
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class ListLinksRequest(Model):
    """Which page of links to read, 1 to 100 a page."""

    cursor: str = ""
    limit: int = limits.ACQUISITION_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.limit, "limit", 1, limits.ACQUISITION_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class GetLinkRequest(Model):
    """Which link to read."""

    link_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.link_id, "link_id")


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteLinkRequest(Model):
    """Which link to delete."""

    link_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.link_id, "link_id")


@attrs.frozen(repr=False, weakref_slot=False)
class LinkCustomersRequest(Model):
    """Whose customers to read: one link's, 1 to 1,000 a page."""

    link_id: str
    cursor: str = ""
    limit: int = limits.ACQUISITION_CUSTOMER_PAGE

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.link_id, "link_id")
        _values.check_range(self.limit, "limit", 1, limits.ACQUISITION_CUSTOMER_PAGE)


def _day(moment: datetime, name: str) -> date:
    if moment.tzinfo is None:
        msg = f"{name} has no time zone: give a datetime such as datetime(2026, 1, 2, tzinfo=UTC)"
        raise UsageError(msg)
    return moment.astimezone(_WECOM_TIME).date()


@attrs.frozen(repr=False, weakref_slot=False)
class LinkStatisticsRequest(Model):
    """Of which link to count, and from which day to which."""

    link_id: str
    start_time: datetime
    end_time: datetime

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.link_id, "link_id")
        # WeCom reads days, both included, so one moment may be both ends.
        days = (_day(self.end_time, "end") - _day(self.start_time, "start")).days
        if self.end_time < self.start_time:
            msg = "start is after end: exchange them"
            raise UsageError(msg)
        if days > limits.ACQUISITION_STATISTICS_DAYS:
            msg = (
                f"start and end are {days} days apart, and WeCom counts {limits.ACQUISITION_STATISTICS_DAYS} at a time:"
                " ask for one part after the other"
            )
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class ChatInfoRequest(Model):
    """Which chat to read about."""

    chat_key: str = attrs.field(metadata=_values.HIDDEN)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.chat_key, "chat_key")


class AsyncAcquisition:
    """
    Customer acquisition links: addresses that open the page on which a customer adds staff.

    An app sees and manages only the links that it made itself. Every method
    raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, *, cursor: str = "", limit: int = limits.ACQUISITION_PAGE) -> AcquisitionLinkPage:
        """
        Return a page of the ids of all links that are still valid (WeCom documentation 97297).

        Args:
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 100.

        Raises:
            UsageError: A limit out of range.
        """
        return await self._session.call(
            endpoints.ACQUISITION_LIST, ListLinksRequest(cursor, limit), AcquisitionLinkPage
        )

    async def list_pages(
        self, *, cursor: str = "", limit: int = limits.ACQUISITION_PAGE
    ) -> AsyncGenerator[AcquisitionLinkPage, None]:
        """
        Yield every page of `list`, from *cursor* on, for callers that store pages and cursors together.

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(follow_cursor(lambda at: self.list(cursor=at, limit=limit), cursor)) as pages:
            async for page in pages:
                yield page

    async def each(self, *, cursor: str = "") -> AsyncGenerator[str, None]:
        """
        Yield the id of every link that is still valid (WeCom documentation 97297).

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.list_pages(cursor=cursor)) as pages:
            async for page in pages:
                for link_id in page.link_id_list:
                    yield link_id

    async def get(self, link_id: str) -> AcquisitionLinkDetails:
        """
        Return a link and the staff behind it (WeCom documentation 97297).

        WeCom leaves out the id today; here it stands in ``link.link_id`` all the same.

        Raises:
            UsageError: *link_id* is empty.
            Refused: There is no such link, or another app made it.
        """
        details = await self._session.call(endpoints.ACQUISITION_GET, GetLinkRequest(link_id), AcquisitionLinkDetails)
        if details.link.link_id:
            return details
        return attrs.evolve(details, link=attrs.evolve(details.link, link_id=link_id))

    async def create(self, link: NewAcquisitionLink) -> AcquisitionLink:
        """
        Make a link (WeCom documentation 97297).

        Each customer who comes by it takes one of the uses that the corp has bought; see `quota`.

        Raises:
            MayHaveArrived: Look for its name with `each` and `get` before you repeat.
            NoPermission: A staff is outside the app's visible range, or not one who serves customers.
            Refused: The corp has too many links (41095), its trade may not prefer staff (41200) ...
        """
        return (await self._session.call(endpoints.ACQUISITION_CREATE, link, CreatedAcquisitionLink)).link

    async def update(self, change: AcquisitionLinkUpdate) -> None:
        """
        Change a link (WeCom documentation 97297).

        Raises:
            NoPermission: A staff is outside the app's visible range.
            Refused: There is no such link, or another app made it.
        """
        await self._session.call(endpoints.ACQUISITION_UPDATE, change, Done)

    async def delete(self, link_id: str) -> None:
        """
        Delete a link; its address leads nowhere then (WeCom documentation 97297).

        Raises:
            UsageError: *link_id* is empty.
            Refused: There is no such link, perhaps any more.
        """
        await self._session.call(endpoints.ACQUISITION_DELETE, DeleteLinkRequest(link_id), Done)

    async def customers(
        self, link_id: str, *, cursor: str = "", limit: int = limits.ACQUISITION_CUSTOMER_PAGE
    ) -> LinkCustomerPage:
        """
        Return a page of the customers who came by a link (WeCom documentation 97298).

        A customer comes once for each staff whom the link led them to.

        Args:
            link_id: the link.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000.

        Raises:
            UsageError: *link_id* is empty, a limit out of range.
            Refused: There is no such link, or another app made it.
        """
        request = LinkCustomersRequest(link_id, cursor, limit)
        return await self._session.call(endpoints.ACQUISITION_CUSTOMERS, request, LinkCustomerPage)

    async def customer_pages(
        self, link_id: str, *, cursor: str = "", limit: int = limits.ACQUISITION_CUSTOMER_PAGE
    ) -> AsyncGenerator[LinkCustomerPage, None]:
        """
        Yield every page of `customers`, from *cursor* on, for callers that store pages and cursors together.

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """

        def fetch(at: str) -> Coroutine[Any, Any, LinkCustomerPage]:
            return self.customers(link_id, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_customer(self, link_id: str, *, cursor: str = "") -> AsyncGenerator[LinkCustomer, None]:
        """
        Yield every customer who came by a link, once for each staff (WeCom documentation 97298).

        Raises:
            UsageError: *link_id* is empty.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.customer_pages(link_id, cursor=cursor)) as pages:
            async for page in pages:
                for customer in page.customer_list:
                    yield customer

    async def quota(self) -> AcquisitionQuota:
        """Return how many uses the corp has left, and which of them expire when (WeCom documentation 97375)."""
        return await self._session.call(endpoints.ACQUISITION_QUOTA, None, AcquisitionQuota)

    async def statistics(self, link_id: str, start: datetime, end: datetime) -> LinkStatistics:
        """
        Return how many customers opened a link and how many were won by it (WeCom documentation 97375).

        WeCom counts whole days of UTC+8, those of *start* and *end* included, of the last 180 days.

        Args:
            link_id: the link.
            start: aware.
            end: aware, at most 30 days after *start*.

        Raises:
            UsageError: *link_id* is empty, a time without a zone, start after end, too many days.
        """
        request = LinkStatisticsRequest(link_id, start, end)
        return await self._session.call(endpoints.ACQUISITION_STATISTICS, request, LinkStatistics)

    async def chat_info(self, chat_key: str) -> LinkChat:
        """
        Return who wrote to whom, and how often, where a callback only gave a key (WeCom documentation 100130).

        Args:
            chat_key: of the event that a staff got the 3rd, 5th or 10th message; good for 30 minutes.

        Raises:
            UsageError: *chat_key* is empty.
            Refused: The key is wrong or too old (41201).
        """
        return await self._session.call(endpoints.ACQUISITION_CHAT_INFO, ChatInfoRequest(chat_key), LinkChat)

    def __repr__(self) -> str:
        return f"<AsyncAcquisition of {self._session.corp_id}>"


class Acquisition(Blocking[AsyncAcquisition]):
    """Customer acquisition links; `AsyncAcquisition`, blocking."""

    list = blocking(AsyncAcquisition.list)
    list_pages = blocking_iter(AsyncAcquisition.list_pages)
    each = blocking_iter(AsyncAcquisition.each)
    get = blocking(AsyncAcquisition.get)
    create = blocking(AsyncAcquisition.create)
    update = blocking(AsyncAcquisition.update)
    delete = blocking(AsyncAcquisition.delete)
    customers = blocking(AsyncAcquisition.customers)
    customer_pages = blocking_iter(AsyncAcquisition.customer_pages)
    each_customer = blocking_iter(AsyncAcquisition.each_customer)
    quota = blocking(AsyncAcquisition.quota)
    statistics = blocking(AsyncAcquisition.statistics)
    chat_info = blocking(AsyncAcquisition.chat_info)
