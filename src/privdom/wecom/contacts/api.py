"""Ask about customers and the staff who follow them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import NotACustomer
from privdom.wecom._pages import blocks, follow_cursor
from privdom.wecom._values import Done
from privdom.wecom.contacts.models import (
    BatchContactsRequest,
    BatchPage,
    ContactFollow,
    CustomerIds,
    CustomerPage,
    FollowUser,
    GetContactRequest,
    ListContactsRequest,
    RemarkRequest,
    ServedContact,
    ServedContactsRequest,
    ServedPage,
)


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = ["AsyncContacts", "Contacts"]

# What WeCom answers for a staff without customers, and for one who lost this customer.
_NO_RELATION = 84061


class AsyncContacts:
    """
    Customers (客户) and the staff who follow them.

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, and
    `ApiError` with `NoPermission` for staff outside the app's visible range.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, userid: str) -> tuple[str, ...]:
        """
        Return the ids of all customers of one staff (WeCom documentation 92113).

        WeCom answers 84061 for a staff without customers; here that is an empty tuple.

        Raises:
            UsageError: *userid* is not the id of a staff.
            BadRequest: There is no such staff (60111).
        """
        request = ListContactsRequest(userid)
        try:
            answer = await self._session.call(endpoints.CONTACT_LIST, request, CustomerIds)
        except NotACustomer as e:
            if e.errcode != _NO_RELATION:
                raise
            return ()
        return answer.external_userid

    async def get(self, external_userid: str, *, cursor: str = "") -> CustomerPage:
        """
        Return a customer and up to 500 of the staff who follow them (WeCom documentation 92114).

        Only staff in the app's visible range are told. `followers` reads all pages.

        Args:
            external_userid: the customer, ``wm...`` or ``wo...``.
            cursor: the ``next_cursor`` of the page before.

        Raises:
            UsageError: *external_userid* is not the id of a customer.
            NotACustomer: Nobody follows them any more (84061), or the id is another app's (40096).
        """
        request = GetContactRequest(external_userid, cursor)
        return await self._session.call(endpoints.CONTACT_GET, request, CustomerPage)

    async def get_pages(self, external_userid: str, *, cursor: str = "") -> AsyncGenerator[CustomerPage, None]:
        """Yield every page of `get`, from *cursor* on, for callers that store pages and cursors together."""
        async with aclosing(follow_cursor(lambda at: self.get(external_userid, cursor=at), cursor)) as pages:
            async for page in pages:
                yield page

    async def followers(self, external_userid: str, *, cursor: str = "") -> AsyncGenerator[FollowUser, None]:
        """
        Yield every staff who follows a customer (WeCom documentation 92114).

        Raises:
            UsageError: *external_userid* is not the id of a customer.
            NotACustomer: Nobody follows them any more.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.get_pages(external_userid, cursor=cursor)) as pages:
            async for page in pages:
                for follow in page.follow_user:
                    yield follow

    async def batch(self, userids: Sequence[str], *, cursor: str = "", limit: int = limits.BATCH_PAGE) -> BatchPage:
        """
        Return a page of the customers of up to 100 staff, with the relation (WeCom documentation 92994).

        A customer comes once for each of these staff. A page may hold fewer
        than *limit*: only an empty ``next_cursor`` is the end.

        Args:
            userids: 1 to 100 staff.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 100.

        Raises:
            UsageError: Too many or no staff, an id of another kind, a limit out of range.
            BadRequest: There is no such staff (60111), or the cursor came with other staff (50100).
        """
        request = BatchContactsRequest(userids, cursor, limit)
        return await self._session.call(endpoints.CONTACT_BATCH, request, BatchPage)

    async def batch_pages(
        self, userids: Sequence[str], *, cursor: str = "", limit: int = limits.BATCH_PAGE
    ) -> AsyncGenerator[BatchPage, None]:
        """
        Yield every page of `batch`, from *cursor* on, for callers that store pages and cursors together.

        Any number of staff, asked for in blocks of 100. A cursor belongs to its
        block: to resume, leave out the staff of the blocks whose last page has come.

        Raises:
            UsageError: An id of another kind, or one twice; a limit out of range.
            CursorLoop: WeCom sent a cursor twice.
        """
        for block in blocks(userids, limits.BATCH_USERS):
            fetch = self._batch_of(block, limit)
            async with aclosing(follow_cursor(fetch, cursor)) as pages:
                async for page in pages:
                    yield page
            cursor = ""

    def _batch_of(self, userids: Sequence[str], limit: int) -> Callable[[str], Coroutine[Any, Any, BatchPage]]:
        return lambda cursor: self.batch(userids, cursor=cursor, limit=limit)

    async def each(self, userids: Sequence[str], *, cursor: str = "") -> AsyncGenerator[ContactFollow, None]:
        """
        Yield every customer of *userids*, once for each of these staff (WeCom documentation 92994).

        Any number of staff, asked for in blocks of 100. Staff without a licence
        (apps of providers only) are left out; `batch_pages` names them.

        Raises:
            UsageError: An id of another kind, or one twice.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.batch_pages(userids, cursor=cursor)) as pages:
            async for page in pages:
                for contact in page.external_contact_list:
                    yield contact

    async def remark(
        self,
        userid: str,
        external_userid: str,
        *,
        remark: str | None = None,
        description: str | None = None,
        remark_company: str | None = None,
        remark_mobiles: Iterable[str] | None = None,
        remark_pic_mediaid: str | None = None,
    ) -> None:
        """
        Change one staff's notes on one customer (WeCom documentation 92115).

        None leaves a note as it is; an empty one clears it. WeCom sends no event for it.

        Args:
            userid: the staff.
            external_userid: a customer of that staff.
            remark: the name the staff sees, at most 20 characters.
            description: at most 150 characters.
            remark_company: at most 20 characters, only for WeChat users; read back as ``remark_corp_name``.
            remark_mobiles: replaces the phone numbers; an empty list clears them.
            remark_pic_mediaid: a picture that was uploaded.

        Raises:
            UsageError: Nothing to note, or a note too long.
            NotACustomer: The staff does not follow this customer (84061), or the id is another app's (40096).
            BadRequest: The picture is not one (40007), or has expired (40145).
        """
        request = RemarkRequest(
            userid, external_userid, remark, description, remark_company, remark_mobiles, remark_pic_mediaid
        )
        await self._session.call(endpoints.REMARK, request, Done)

    async def served(self, *, cursor: str = "", limit: int = limits.SERVED_PAGE) -> ServedPage:
        """
        Return a page of everybody whom the corp has served, customers or not (WeCom documentation 99434).

        Only for a corp's own apps. A traversal that begins anew gives everybody
        another ``tmp_openid``; a cursor lives 4 hours, so do not store it.

        Args:
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000.

        Raises:
            UsageError: A limit out of range.
            BadRequest: The cursor is older than 4 hours (50100).
        """
        return await self._session.call(endpoints.CONTACT_SERVED, ServedContactsRequest(cursor, limit), ServedPage)

    async def served_pages(
        self, *, cursor: str = "", limit: int = limits.SERVED_PAGE
    ) -> AsyncGenerator[ServedPage, None]:
        """
        Yield every page of `served`, from *cursor* on.

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(follow_cursor(lambda at: self.served(cursor=at, limit=limit), cursor)) as pages:
            async for page in pages:
                yield page

    async def each_served(self, *, cursor: str = "") -> AsyncGenerator[ServedContact, None]:
        """
        Yield everybody whom the corp has served, once for each staff and each group (WeCom documentation 99434).

        One person has the same ``tmp_openid`` throughout, and another one the next time.

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.served_pages(cursor=cursor)) as pages:
            async for page in pages:
                for contact in page.info_list:
                    yield contact

    def __repr__(self) -> str:
        return f"<AsyncContacts of {self._session.corp_id}>"


class Contacts(Blocking[AsyncContacts]):
    """Customers and the staff who follow them; `AsyncContacts`, blocking."""

    list = blocking(AsyncContacts.list)
    get = blocking(AsyncContacts.get)
    get_pages = blocking_iter(AsyncContacts.get_pages)
    followers = blocking_iter(AsyncContacts.followers)
    batch = blocking(AsyncContacts.batch)
    batch_pages = blocking_iter(AsyncContacts.batch_pages)
    each = blocking_iter(AsyncContacts.each)
    remark = blocking(AsyncContacts.remark)
    served = blocking(AsyncContacts.served)
    served_pages = blocking_iter(AsyncContacts.served_pages)
    each_served = blocking_iter(AsyncContacts.each_served)
