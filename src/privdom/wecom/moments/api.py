"""Make moments, and follow who publishes, sees and answers them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.wecom._pages import follow_cursor
from privdom.wecom._values import Done
from privdom.wecom.messages.models import CreatorFilter
from privdom.wecom.moments.models import (
    CancelMomentRequest,
    ListMomentsRequest,
    MomentComments,
    MomentCommentsRequest,
    MomentCustomer,
    MomentCustomerPage,
    MomentCustomersRequest,
    MomentJob,
    MomentJobRequest,
    MomentJobResult,
    MomentPage,
    MomentRecord,
    MomentSentToPage,
    MomentSentToRequest,
    MomentTask,
    MomentTaskPage,
    MomentTasksRequest,
    MomentViewer,
    NewMoment,
)


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = ["AsyncMoments", "Moments"]


class AsyncMoments:
    """
    Moments (客户朋友圈) of the corp, which staff publish.

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, moment: NewMoment) -> MomentJob:
        """
        Have WeCom make a moment (WeCom documentation 95094).

        WeCom makes it in its own time, then the staff concerned get the task to
        publish it. At most 10 a minute and 100,000 a month for a corp.

        Raises:
            MayHaveArrived: Its job cannot be found again; `each` may show a moment of this text.
            Refused: Too many jobs at once (41078), too many this month (41210), media uploaded for something
                else (41072, 40007) ...
        """
        return await self._session.call(endpoints.MOMENT_ADD, moment, MomentJob)

    async def result(self, jobid: str) -> MomentJobResult:
        """
        Return how far WeCom is with a moment, and its id in the end (WeCom documentation 95094).

        Raises:
            UsageError: *jobid* is empty.
            Refused: There is no such job, or it is older than 24 hours (40088).
        """
        return await self._session.call(endpoints.MOMENT_RESULT, MomentJobRequest(jobid), MomentJobResult)

    async def list(
        self,
        start: datetime,
        end: datetime,
        *,
        creator: str | None = None,
        filter_type: CreatorFilter | int = CreatorFilter.BOTH,
        cursor: str = "",
        limit: int = limits.MOMENT_PAGE,
    ) -> MomentPage:
        """
        Return a page of moments (WeCom documentation 93333).

        Deleted ones are left out. The window is open on both sides.

        Args:
            start: aware.
            end: aware, at most 30 days after *start*.
            creator: only of this staff; what is made by API has none.
            filter_type: made by the corp, by staff, or both.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 20.

        Raises:
            UsageError: A window too long, a time without a zone, a limit out of range.
        """
        request = ListMomentsRequest(start, end, creator, filter_type, cursor, limit)
        return await self._session.call(endpoints.MOMENT_LIST, request, MomentPage)

    async def list_pages(
        self,
        start: datetime,
        end: datetime,
        *,
        creator: str | None = None,
        filter_type: CreatorFilter | int = CreatorFilter.BOTH,
        cursor: str = "",
        limit: int = limits.MOMENT_PAGE,
    ) -> AsyncGenerator[MomentPage, None]:
        """Yield every page of `list`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, MomentPage]:
            return self.list(start, end, creator=creator, filter_type=filter_type, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each(
        self,
        start: datetime,
        end: datetime,
        *,
        creator: str | None = None,
        filter_type: CreatorFilter | int = CreatorFilter.BOTH,
        cursor: str = "",
    ) -> AsyncGenerator[MomentRecord, None]:
        """
        Yield every moment of a window of at most 30 days (WeCom documentation 93333).

        The window is open on both sides: let the next one begin a second before this one ends.

        Raises:
            UsageError: A window too long, a time without a zone.
            CursorLoop: WeCom sent a cursor twice.
        """
        source = self.list_pages(start, end, creator=creator, filter_type=filter_type, cursor=cursor)
        async with aclosing(source) as pages:
            async for page in pages:
                for record in page.moment_list:
                    yield record

    async def cancel(self, moment_id: str) -> None:
        """
        Stop a moment of the corp for the staff who have not published it (WeCom documentation 97612).

        What was published stays.

        Raises:
            UsageError: *moment_id* is empty.
            Refused: There is no such moment (41060), or a staff made it (41067).
        """
        await self._session.call(endpoints.MOMENT_CANCEL, CancelMomentRequest(moment_id), Done)

    async def tasks(
        self, moment_id: str, *, cursor: str = "", limit: int = limits.MOMENT_RECORD_PAGE
    ) -> MomentTaskPage:
        """
        Return a page of the staff of a moment, and whether each has published it (WeCom documentation 93333).

        Args:
            moment_id: of the corp, ``mom...``; `result` and `each` tell it.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000; WeCom takes more for 500.

        Raises:
            UsageError: *moment_id* is empty, or a limit out of range.
            StillDispatching: WeCom has not told the staff yet (41079).
            Refused: There is no such moment (41060), or a staff made it (41067).
        """
        request = MomentTasksRequest(moment_id, cursor, limit)
        return await self._session.call(endpoints.MOMENT_TASKS, request, MomentTaskPage)

    async def task_pages(
        self, moment_id: str, *, cursor: str = "", limit: int = limits.MOMENT_RECORD_PAGE
    ) -> AsyncGenerator[MomentTaskPage, None]:
        """Yield every page of `tasks`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, MomentTaskPage]:
            return self.tasks(moment_id, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_task(self, moment_id: str, *, cursor: str = "") -> AsyncGenerator[MomentTask, None]:
        """
        Yield every staff of a moment, and whether they have published it (WeCom documentation 93333).

        Raises:
            UsageError: *moment_id* is empty.
            StillDispatching: WeCom has not told the staff yet (41079).
            Refused: There is no such moment (41060), or a staff made it (41067).
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.task_pages(moment_id, cursor=cursor)) as pages:
            async for page in pages:
                for task in page.task_list:
                    yield task

    async def customers(
        self, moment_id: str, userid: str, *, cursor: str = "", limit: int = limits.MOMENT_RECORD_PAGE
    ) -> MomentCustomerPage:
        """
        Return a page of the customers for whom a staff published a moment (WeCom documentation 93333).

        They were chosen, which is no proof that they can see it: `sent_to` tells who can.

        Args:
            moment_id: of the corp or of a staff.
            userid: the staff who published it.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000; WeCom takes more for 500.

        Raises:
            UsageError: An id of another kind, or a limit out of range.
            StillDispatching: WeCom has not told the staff yet (41079).
            Refused: There is no such moment (41060), it is not for this staff to publish (41061), or is not published
                yet (41062).
        """
        request = MomentCustomersRequest(moment_id, userid, cursor, limit)
        return await self._session.call(endpoints.MOMENT_CUSTOMERS, request, MomentCustomerPage)

    async def customer_pages(
        self, moment_id: str, userid: str, *, cursor: str = "", limit: int = limits.MOMENT_RECORD_PAGE
    ) -> AsyncGenerator[MomentCustomerPage, None]:
        """Yield every page of `customers`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, MomentCustomerPage]:
            return self.customers(moment_id, userid, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_customer(
        self, moment_id: str, userid: str, *, cursor: str = ""
    ) -> AsyncGenerator[MomentCustomer, None]:
        """
        Yield every customer for whom a staff published a moment (WeCom documentation 93333).

        Raises:
            UsageError: An id of another kind.
            StillDispatching: WeCom has not told the staff yet (41079).
            Refused: There is no such moment (41060), it is not for this staff to publish (41061), or is not published
                yet (41062).
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.customer_pages(moment_id, userid, cursor=cursor)) as pages:
            async for page in pages:
                for customer in page.customer_list:
                    yield customer

    async def sent_to(
        self, moment_id: str, userid: str, *, cursor: str = "", limit: int = limits.MOMENT_SENT_TO_PAGE
    ) -> MomentSentToPage:
        """
        Return a page of the customers who can really see a staff's moment (WeCom documentation 93333).

        Args:
            moment_id: of the corp or of a staff.
            userid: the staff who published it.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 5,000; WeCom takes more for 3,000.

        Raises:
            UsageError: An id of another kind, or a limit out of range.
            StillDispatching: WeCom has not told the staff yet (41079).
            Refused: There is no such moment (41060), it is not for this staff to publish (41061), or is not published
                yet (41062).
        """
        request = MomentSentToRequest(moment_id, userid, cursor, limit)
        return await self._session.call(endpoints.MOMENT_SENT_TO, request, MomentSentToPage)

    async def sent_to_pages(
        self, moment_id: str, userid: str, *, cursor: str = "", limit: int = limits.MOMENT_SENT_TO_PAGE
    ) -> AsyncGenerator[MomentSentToPage, None]:
        """Yield every page of `sent_to`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, MomentSentToPage]:
            return self.sent_to(moment_id, userid, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_sent_to(
        self, moment_id: str, userid: str, *, cursor: str = ""
    ) -> AsyncGenerator[MomentViewer, None]:
        """
        Yield every customer who can really see a staff's moment (WeCom documentation 93333).

        Raises:
            UsageError: An id of another kind.
            StillDispatching: WeCom has not told the staff yet (41079).
            Refused: There is no such moment (41060), it is not for this staff to publish (41061), or is not published
                yet (41062).
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.sent_to_pages(moment_id, userid, cursor=cursor)) as pages:
            async for page in pages:
                for viewer in page.customer_list:
                    yield viewer

    async def comments(self, moment_id: str, userid: str) -> MomentComments:
        """
        Return the comments and likes of a staff's moment (WeCom documentation 93333).

        WeCom tells who and when, not the words.

        Args:
            moment_id: of the corp or of a staff.
            userid: the staff who published it.

        Raises:
            UsageError: An id of another kind.
            StillDispatching: WeCom has not told the staff yet (41079).
            Refused: There is no such moment (41060), it is not for this staff to publish (41061), or is not published
                yet (41062).
        """
        request = MomentCommentsRequest(moment_id, userid)
        return await self._session.call(endpoints.MOMENT_COMMENTS, request, MomentComments)

    def __repr__(self) -> str:
        return f"<AsyncMoments of {self._session.corp_id}>"


class Moments(Blocking[AsyncMoments]):
    """Moments of the corp, which staff publish; `AsyncMoments`, blocking."""

    add = blocking(AsyncMoments.add)
    result = blocking(AsyncMoments.result)
    list = blocking(AsyncMoments.list)
    list_pages = blocking_iter(AsyncMoments.list_pages)
    each = blocking_iter(AsyncMoments.each)
    cancel = blocking(AsyncMoments.cancel)
    tasks = blocking(AsyncMoments.tasks)
    task_pages = blocking_iter(AsyncMoments.task_pages)
    each_task = blocking_iter(AsyncMoments.each_task)
    customers = blocking(AsyncMoments.customers)
    customer_pages = blocking_iter(AsyncMoments.customer_pages)
    each_customer = blocking_iter(AsyncMoments.each_customer)
    sent_to = blocking(AsyncMoments.sent_to)
    sent_to_pages = blocking_iter(AsyncMoments.sent_to_pages)
    each_sent_to = blocking_iter(AsyncMoments.each_sent_to)
    comments = blocking(AsyncMoments.comments)
