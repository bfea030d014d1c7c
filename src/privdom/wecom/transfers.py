"""
Customers handed from one staff to another, serving or resigned.

WeCom documentation 92125 and 94088 (在职继承), 92124, 94081 and 94082 (离职继承).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._pages import follow_cursor
from privdom.wecom._values import Model, OpenInt
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncTransfers",
    "ResignedTransferRequest",
    "TransferItem",
    "TransferPage",
    "TransferRecord",
    "TransferRequest",
    "TransferResultRequest",
    "TransferStarted",
    "TransferStatus",
    "Transfers",
    "UnassignedCustomer",
    "UnassignedPage",
    "UnassignedRequest",
]


class TransferStatus(OpenInt):
    """What became of one customer's transfer."""

    DONE = 1
    WAITING = 2
    CUSTOMER_REFUSED = 3
    TAKEOVER_FULL = 4
    NO_RECORD = 5


@attrs.frozen(repr=False, weakref_slot=False)
class TransferItem(Model):
    """
    What WeCom said to one customer's transfer: 0 started the wait of 24 hours.

    Otherwise 40096 (no customer of handover), 40099 (takeover has too many),
    40100 or 40129 (a transfer runs already), 40128 (twice in 90 days), 40131
    (handover does not follow them) ...
    """

    external_userid: str
    errcode: int
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class TransferStarted(Model):
    """What WeCom said to each customer's transfer."""

    customer: tuple[TransferItem, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    @property
    def accepted(self) -> tuple[str, ...]:
        """The customers whose wait of 24 hours has begun."""
        return tuple(item.external_userid for item in self.customer if item.errcode == 0)

    @property
    def refused(self) -> tuple[TransferItem, ...]:
        """The customers who stay, each with an errcode."""
        return tuple(item for item in self.customer if item.errcode != 0)


@attrs.frozen(repr=False, weakref_slot=False)
class TransferRecord(Model):
    """One attempt at one customer's transfer; several attempts are several records that nothing tells apart."""

    external_userid: str
    status: TransferStatus
    takeover_time: datetime | None = None
    """When it happened, or will where the customer does not refuse; None after a refusal."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class TransferPage(Model):
    """Up to 1,000 records; an empty ``next_cursor`` is the end."""

    customer: tuple[TransferRecord, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class UnassignedCustomer(Model):
    """A customer whose staff has resigned: once for each of them."""

    handover_userid: str
    external_userid: str
    dimission_time: datetime | None = None
    """When that staff resigned."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class UnassignedPage(Model):
    """Up to 1,000 customers; ``is_last`` and an empty ``next_cursor`` are the end."""

    info: tuple[UnassignedCustomer, ...] = ()
    is_last: bool = False
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def _check_pair(handover: str, takeover: str) -> None:
    _values.staff_id(handover, "handover_userid")
    _values.staff_id(takeover, "takeover_userid")
    # WeCom does not tell upper from lower case in userids.
    if handover.lower() == takeover.lower():
        msg = "handover and takeover are the same staff: give two"
        raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class TransferRequest(Model):
    """1 to 100 customers to hand over, and what WeCom tells them when it is done."""

    handover_userid: str
    takeover_userid: str
    external_userid: tuple[str, ...] = attrs.field(converter=_values.texts)
    transfer_success_msg: str = ""

    def __attrs_post_init__(self) -> None:
        _check_pair(self.handover_userid, self.takeover_userid)
        _values.customer_ids(self.external_userid, "external_userids", at_least=1, at_most=limits.TRANSFER_CUSTOMERS)
        _values.check_chars(self.transfer_success_msg, "success_msg", limits.TRANSFER_MSG_CHARS)


@attrs.frozen(repr=False, weakref_slot=False)
class ResignedTransferRequest(Model):
    """1 to 100 customers of a staff who has resigned."""

    handover_userid: str
    takeover_userid: str
    external_userid: tuple[str, ...] = attrs.field(converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        _check_pair(self.handover_userid, self.takeover_userid)
        _values.customer_ids(self.external_userid, "external_userids", at_least=1, at_most=limits.TRANSFER_CUSTOMERS)


@attrs.frozen(repr=False, weakref_slot=False)
class UnassignedRequest(Model):
    """Which page of unassigned customers to read, 1 to 1,000 a page: by cursor, or by number, as of old."""

    page_id: int | None = None
    cursor: str = ""
    page_size: int = limits.UNASSIGNED_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.page_size, "page_size", 1, limits.UNASSIGNED_PAGE)
        if self.page_id is None:
            return
        if self.cursor:
            msg = "a page is named by cursor or by page_id, not by both: leave page_id out"
            raise UsageError(msg)
        _values.check_range(self.page_id, "page_id", 0, limits.UNASSIGNED_BY_PAGE_ID)
        if self.page_id * self.page_size >= limits.UNASSIGNED_BY_PAGE_ID:
            msg = f"page_id reaches only the first {limits.UNASSIGNED_BY_PAGE_ID:,} customers: go on by cursor"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class TransferResultRequest(Model):
    """Whose transfers to read."""

    handover_userid: str
    takeover_userid: str
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        _check_pair(self.handover_userid, self.takeover_userid)


class AsyncTransfers:
    """
    Customers handed from one staff to another (在职继承), who may have resigned (离职继承).

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def start(
        self,
        handover_userid: str,
        takeover_userid: str,
        external_userids: Iterable[str],
        *,
        success_msg: str = "",
    ) -> TransferStarted:
        """
        Ask WeCom to hand customers over in 24 hours, unless they refuse (WeCom documentation 92125).

        A customer can be transferred twice in 90 days. Never repeat a call that
        may have arrived: after a refusal or after 24 hours a second one starts
        the second transfer. Both staff must have logged in within a year.

        Args:
            handover_userid: the staff who follows them now.
            takeover_userid: the staff who takes over, in the app's visible range.
            external_userids: 1 to 100 customers of handover.
            success_msg: what WeCom tells the customers, at most 200 characters; its own text if empty.

        Returns:
            An errcode for each customer; the outcome is told by `result` and by events.

        Raises:
            UsageError: The same staff twice, too many customers, an id of another kind.
            MayHaveArrived: Compare `result` with what it was before.
            Refused: For all of them: not verified (40098), not logged in for a year (40205) ...
        """
        request = TransferRequest(handover_userid, takeover_userid, external_userids, success_msg)
        return await self._session.call(endpoints.TRANSFER, request, TransferStarted)

    async def result(self, handover_userid: str, takeover_userid: str, *, cursor: str = "") -> TransferPage:
        """
        Return a page of the transfers between two staff, at most 1,000 (WeCom documentation 94088).

        Raises:
            UsageError: The same staff twice, an id of another kind.
        """
        request = TransferResultRequest(handover_userid, takeover_userid, cursor)
        return await self._session.call(endpoints.TRANSFER_RESULT, request, TransferPage)

    async def result_pages(
        self, handover_userid: str, takeover_userid: str, *, cursor: str = ""
    ) -> AsyncGenerator[TransferPage, None]:
        """
        Yield every page of `result`, from *cursor* on, for callers that store pages and cursors together.

        Raises:
            UsageError: The same staff twice, an id of another kind.
            CursorLoop: WeCom sent a cursor twice.
        """

        def fetch(at: str) -> Coroutine[Any, Any, TransferPage]:
            return self.result(handover_userid, takeover_userid, cursor=at)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_result(
        self, handover_userid: str, takeover_userid: str, *, cursor: str = ""
    ) -> AsyncGenerator[TransferRecord, None]:
        """
        Yield every transfer between two staff (WeCom documentation 94088).

        Raises:
            UsageError: The same staff twice, an id of another kind.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.result_pages(handover_userid, takeover_userid, cursor=cursor)) as pages:
            async for page in pages:
                for record in page.customer:
                    yield record

    async def unassigned(
        self, *, cursor: str = "", page_size: int = limits.UNASSIGNED_PAGE, page_id: int | None = None
    ) -> UnassignedPage:
        """
        Return a page of the customers whose staff has resigned (WeCom documentation 92124).

        Staff who leave only groups behind are not told here: `wecom.groups.list`
        finds these groups where ``owners`` names who resigned.

        Args:
            cursor: the ``next_cursor`` of the page before.
            page_size: 1 to 1,000.
            page_id: the number of the page, from 0; WeCom's old way, without cursors, for the first 50,000 customers.

        Raises:
            UsageError: A size out of range, both a cursor and a number, a number too large.
        """
        request = UnassignedRequest(page_id, cursor, page_size)
        return await self._session.call(endpoints.UNASSIGNED_LIST, request, UnassignedPage)

    async def unassigned_pages(
        self, *, cursor: str = "", page_size: int = limits.UNASSIGNED_PAGE
    ) -> AsyncGenerator[UnassignedPage, None]:
        """
        Yield every page of `unassigned`, from *cursor* on, for callers that store pages and cursors together.

        Raises:
            UsageError: A size out of range.
            CursorLoop: WeCom sent a cursor twice.
        """

        def fetch(at: str) -> Coroutine[Any, Any, UnassignedPage]:
            return self.unassigned(cursor=at, page_size=page_size)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page
                if page.is_last:
                    return

    async def each_unassigned(self, *, cursor: str = "") -> AsyncGenerator[UnassignedCustomer, None]:
        """
        Yield every customer whose staff has resigned, once for each of these staff (WeCom documentation 92124).

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.unassigned_pages(cursor=cursor)) as pages:
            async for page in pages:
                for customer in page.info:
                    yield customer

    async def start_resigned(
        self, handover_userid: str, takeover_userid: str, external_userids: Iterable[str]
    ) -> TransferStarted:
        """
        Ask WeCom to hand customers of a staff who has resigned over in 24 hours (WeCom documentation 94081).

        A customer who refuses, or for whom takeover has no room, is lost: no
        second transfer is possible. Never repeat a call that may have arrived.
        Handover must have resigned within a year; takeover must have logged in
        within a year. No message tells the customers.

        Args:
            handover_userid: the staff who has resigned.
            takeover_userid: the staff who takes over, in the app's visible range.
            external_userids: 1 to 100 customers of handover, as `unassigned` tells them.

        Returns:
            An errcode for each customer; the outcome is told by `result_resigned` and by events.

        Raises:
            UsageError: The same staff twice, too many customers, an id of another kind.
            MayHaveArrived: Compare `result_resigned` with what it was before.
            Refused: For all of them: handover has not resigned (40097), takeover is not verified (40098) ...
        """
        request = ResignedTransferRequest(handover_userid, takeover_userid, external_userids)
        return await self._session.call(endpoints.RESIGNED_TRANSFER, request, TransferStarted)

    async def result_resigned(self, handover_userid: str, takeover_userid: str, *, cursor: str = "") -> TransferPage:
        """
        Return a page of the transfers from a staff who has resigned, at most 1,000 (WeCom documentation 94082).

        Only those to this one takeover; for any other the page is empty.

        Raises:
            UsageError: The same staff twice, an id of another kind.
        """
        request = TransferResultRequest(handover_userid, takeover_userid, cursor)
        return await self._session.call(endpoints.RESIGNED_TRANSFER_RESULT, request, TransferPage)

    async def result_resigned_pages(
        self, handover_userid: str, takeover_userid: str, *, cursor: str = ""
    ) -> AsyncGenerator[TransferPage, None]:
        """
        Yield every page of `result_resigned`, from *cursor* on, for callers that store pages and cursors together.

        Raises:
            UsageError: The same staff twice, an id of another kind.
            CursorLoop: WeCom sent a cursor twice.
        """

        def fetch(at: str) -> Coroutine[Any, Any, TransferPage]:
            return self.result_resigned(handover_userid, takeover_userid, cursor=at)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_result_resigned(
        self, handover_userid: str, takeover_userid: str, *, cursor: str = ""
    ) -> AsyncGenerator[TransferRecord, None]:
        """
        Yield every transfer from a staff who has resigned to one takeover (WeCom documentation 94082).

        Raises:
            UsageError: The same staff twice, an id of another kind.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.result_resigned_pages(handover_userid, takeover_userid, cursor=cursor)) as pages:
            async for page in pages:
                for record in page.customer:
                    yield record

    def __repr__(self) -> str:
        return f"<AsyncTransfers of {self._session.corp_id}>"


class Transfers(Blocking[AsyncTransfers]):
    """Customers handed from one staff to another, who may have resigned; `AsyncTransfers`, blocking."""

    start = blocking(AsyncTransfers.start)
    result = blocking(AsyncTransfers.result)
    result_pages = blocking_iter(AsyncTransfers.result_pages)
    each_result = blocking_iter(AsyncTransfers.each_result)
    unassigned = blocking(AsyncTransfers.unassigned)
    unassigned_pages = blocking_iter(AsyncTransfers.unassigned_pages)
    each_unassigned = blocking_iter(AsyncTransfers.each_unassigned)
    start_resigned = blocking(AsyncTransfers.start_resigned)
    result_resigned = blocking(AsyncTransfers.result_resigned)
    result_resigned_pages = blocking_iter(AsyncTransfers.result_resigned_pages)
    each_result_resigned = blocking_iter(AsyncTransfers.each_result_resigned)
