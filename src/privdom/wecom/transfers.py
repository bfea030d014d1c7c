"""Customers handed from one serving staff to another: WeCom documentation 92125, 94088."""

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
    "TransferItem",
    "TransferPage",
    "TransferRecord",
    "TransferRequest",
    "TransferResultRequest",
    "TransferStarted",
    "TransferStatus",
    "Transfers",
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
class TransferResultRequest(Model):
    """Whose transfers to read."""

    handover_userid: str
    takeover_userid: str
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        _check_pair(self.handover_userid, self.takeover_userid)


class AsyncTransfers:
    """
    Customers handed from one serving staff to another (在职继承).

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
        """Yield every page of `result`, from *cursor* on, for callers that store pages and cursors together."""

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

    def __repr__(self) -> str:
        return f"<AsyncTransfers of {self._session.corp_id}>"


class Transfers(Blocking[AsyncTransfers]):
    """Customers handed from one serving staff to another; `AsyncTransfers`, blocking."""

    start = blocking(AsyncTransfers.start)
    result = blocking(AsyncTransfers.result)
    result_pages = blocking_iter(AsyncTransfers.result_pages)
    each_result = blocking_iter(AsyncTransfers.each_result)
