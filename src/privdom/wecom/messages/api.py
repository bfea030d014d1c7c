"""Make mass messages, follow them, and welcome new customers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.wecom._content import Attachment
from privdom.wecom._pages import follow_cursor
from privdom.wecom._values import Done
from privdom.wecom.messages.models import (
    CancelMessageRequest,
    ChatType,
    CreatorFilter,
    ListMessagesRequest,
    MessageCreated,
    MessagePage,
    MessageRecord,
    MessageTask,
    NewMessage,
    RemindRequest,
    ResultPage,
    ResultsRequest,
    SendResult,
    TaskPage,
    TasksRequest,
    WelcomeRequest,
)


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = ["AsyncMessages", "Messages"]


class AsyncMessages:
    """
    Mass messages (群发), which staff confirm, and welcome messages (欢迎语).

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, message: NewMessage) -> MessageCreated:
        """
        Make a mass message (WeCom documentation 92135).

        Nothing is sent yet: each staff concerned gets a task and confirms it in
        the client. A customer of several staff gets it from the one who
        chatted last. What passes a customer's limit is told by `results`, as 3.

        Raises:
            MayHaveArrived: Look for it with `each` before you repeat; it lists neither sender nor customers.
            Refused: Nobody is left to send to (41048), a media id is not valid (40007) ...
        """
        return await self._session.call(endpoints.MESSAGE_ADD, message, MessageCreated)

    async def list(
        self,
        chat_type: ChatType | str,
        start: datetime,
        end: datetime,
        *,
        creator: str | None = None,
        filter_type: CreatorFilter | int = CreatorFilter.BOTH,
        cursor: str = "",
        limit: int = limits.MESSAGE_LIST_PAGE,
    ) -> MessagePage:
        """
        Return a page of mass messages (WeCom documentation 93338).

        Args:
            chat_type: to customers or to groups.
            start: the first moment, aware.
            end: aware, at most a month after *start*.
            creator: only of this staff; what is made by API has none.
            filter_type: made by the corp, by staff, or both.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 100; WeCom takes more for 50.

        Raises:
            UsageError: A window too long, a time without a zone, a limit out of range.
            StillDispatching: WeCom is not done with a new one (41063).
        """
        request = ListMessagesRequest(chat_type, start, end, creator, filter_type, limit, cursor)
        return await self._session.call(endpoints.MESSAGE_LIST, request, MessagePage)

    async def list_pages(
        self,
        chat_type: ChatType | str,
        start: datetime,
        end: datetime,
        *,
        creator: str | None = None,
        filter_type: CreatorFilter | int = CreatorFilter.BOTH,
        cursor: str = "",
        limit: int = limits.MESSAGE_LIST_PAGE,
    ) -> AsyncGenerator[MessagePage, None]:
        """Yield every page of `list`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, MessagePage]:
            return self.list(chat_type, start, end, creator=creator, filter_type=filter_type, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each(
        self,
        chat_type: ChatType | str,
        start: datetime,
        end: datetime,
        *,
        creator: str | None = None,
        filter_type: CreatorFilter | int = CreatorFilter.BOTH,
        cursor: str = "",
    ) -> AsyncGenerator[MessageRecord, None]:
        """
        Yield every mass message of a window of at most a month (WeCom documentation 93338).

        Raises:
            UsageError: A window too long, a time without a zone.
            StillDispatching: WeCom is not done with a new one (41063).
            CursorLoop: WeCom sent a cursor twice.
        """
        source = self.list_pages(chat_type, start, end, creator=creator, filter_type=filter_type, cursor=cursor)
        async with aclosing(source) as pages:
            async for page in pages:
                for record in page.group_msg_list:
                    yield record

    async def tasks(self, msgid: str, *, cursor: str = "", limit: int = limits.MESSAGE_RECORD_PAGE) -> TaskPage:
        """
        Return a page of the staff of a mass message, and whether each has confirmed (WeCom documentation 93338).

        Args:
            msgid: of the message.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000; WeCom takes more for 500.

        Raises:
            UsageError: *msgid* is empty, or a limit out of 1 to 1,000.
            StillDispatching: WeCom has not told the staff yet (41063).
            Refused: It was cancelled (41093), or there is none (41047).
        """
        return await self._session.call(endpoints.MESSAGE_TASKS, TasksRequest(msgid, limit, cursor), TaskPage)

    async def task_pages(
        self, msgid: str, *, cursor: str = "", limit: int = limits.MESSAGE_RECORD_PAGE
    ) -> AsyncGenerator[TaskPage, None]:
        """Yield every page of `tasks`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, TaskPage]:
            return self.tasks(msgid, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_task(self, msgid: str, *, cursor: str = "") -> AsyncGenerator[MessageTask, None]:
        """
        Yield every staff of a mass message, and whether they have confirmed (WeCom documentation 93338).

        Raises:
            StillDispatching: WeCom has not told the staff yet (41063).
            Refused: It was cancelled (41093), or there is none (41047).
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.task_pages(msgid, cursor=cursor)) as pages:
            async for page in pages:
                for task in page.task_list:
                    yield task

    async def results(
        self, msgid: str, userid: str, *, cursor: str = "", limit: int = limits.MESSAGE_RECORD_PAGE
    ) -> ResultPage:
        """
        Return a page of what became of one staff's mass message, by customer or group (WeCom documentation 93338).

        Groups are listed only once it was sent to them.

        Args:
            msgid: of the message.
            userid: one of its staff, as `tasks` tells them.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000; WeCom takes more for 500.

        Raises:
            UsageError: An id of another kind, or a limit out of 1 to 1,000.
            StillDispatching: WeCom has not told the staff yet (41063).
            Refused: It was cancelled (41093), or there is none (41047).
        """
        request = ResultsRequest(msgid, userid, limit, cursor)
        return await self._session.call(endpoints.MESSAGE_RESULTS, request, ResultPage)

    async def result_pages(
        self, msgid: str, userid: str, *, cursor: str = "", limit: int = limits.MESSAGE_RECORD_PAGE
    ) -> AsyncGenerator[ResultPage, None]:
        """Yield every page of `results`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, ResultPage]:
            return self.results(msgid, userid, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_result(self, msgid: str, userid: str, *, cursor: str = "") -> AsyncGenerator[SendResult, None]:
        """
        Yield what became of one staff's mass message, by customer or group (WeCom documentation 93338).

        Raises:
            StillDispatching: WeCom has not told the staff yet (41063).
            Refused: It was cancelled (41093), or there is none (41047).
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.result_pages(msgid, userid, cursor=cursor)) as pages:
            async for page in pages:
                for result in page.send_list:
                    yield result

    async def remind(self, msgid: str) -> None:
        """
        Remind the staff who have not sent a mass message yet (WeCom documentation 97610).

        Three times in 24 hours for each message. Nothing tells afterwards
        whether they were reminded, so never repeat a call that may have arrived.

        Raises:
            UsageError: *msgid* is empty.
            MayHaveArrived: Perhaps they were reminded.
            Refused: There is no such message (41047), it was stopped (41093), or reminded of too often (41094).
        """
        await self._session.call(endpoints.MESSAGE_REMIND, RemindRequest(msgid), Done)

    async def cancel(self, msgid: str) -> None:
        """
        Stop a mass message for the staff who have not confirmed it (WeCom documentation 97611).

        What was sent stays sent.

        Raises:
            UsageError: *msgid* is empty.
            Refused: There is no such message (41047), or it was stopped before (41093).
        """
        await self._session.call(endpoints.MESSAGE_CANCEL, CancelMessageRequest(msgid), Done)

    async def welcome(self, welcome_code: str, *, text: str = "", attachments: Iterable[Attachment] = ()) -> None:
        """
        Send a new customer's welcome message (WeCom documentation 92137).

        Within 20 seconds of the event that brought the code, and once: of
        several apps the first one wins. Text and attachments arrive as several
        messages.

        Args:
            welcome_code: of the event.
            text: at most 4,000 bytes in UTF-8.
            attachments: at most 9.

        Raises:
            UsageError: Nothing to send, or a limit passed.
            Refused: Too late or used (41050), already welcomed (41051), another app is at it (41096).
        """
        request = WelcomeRequest(welcome_code, text, attachments)
        await self._session.call(endpoints.WELCOME, request, Done)

    def __repr__(self) -> str:
        return f"<AsyncMessages of {self._session.corp_id}>"


class Messages(Blocking[AsyncMessages]):
    """Mass messages, which staff confirm, and welcome messages; `AsyncMessages`, blocking."""

    add = blocking(AsyncMessages.add)
    list = blocking(AsyncMessages.list)
    list_pages = blocking_iter(AsyncMessages.list_pages)
    each = blocking_iter(AsyncMessages.each)
    tasks = blocking(AsyncMessages.tasks)
    task_pages = blocking_iter(AsyncMessages.task_pages)
    each_task = blocking_iter(AsyncMessages.each_task)
    results = blocking(AsyncMessages.results)
    result_pages = blocking_iter(AsyncMessages.result_pages)
    each_result = blocking_iter(AsyncMessages.each_result)
    remind = blocking(AsyncMessages.remind)
    cancel = blocking(AsyncMessages.cancel)
    welcome = blocking(AsyncMessages.welcome)
