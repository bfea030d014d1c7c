"""Customers and the staff who follow them: WeCom documentation 92113, 92114, 92994, 92115."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import NotACustomer, UsageError
from privdom.wecom import _values
from privdom.wecom._pages import blocks, follow_cursor
from privdom.wecom._profile import ExternalProfile
from privdom.wecom._values import Done, Model, OpenInt, masked_name, personal
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AddWay",
    "AsyncContacts",
    "BatchContactsRequest",
    "BatchPage",
    "ChannelsSource",
    "ContactFollow",
    "ContactType",
    "Contacts",
    "CustomerIds",
    "CustomerPage",
    "ExternalContact",
    "FailInfo",
    "FollowInfo",
    "FollowTag",
    "FollowUser",
    "Gender",
    "GetContactRequest",
    "ListContactsRequest",
    "RemarkRequest",
    "SubscriberInfo",
    "TagType",
    "WechatChannels",
]

# What WeCom answers for a staff without customers, and for one who lost this customer.
_NO_RELATION = 84061


class ContactType(OpenInt):
    """Where a customer lives."""

    UNKNOWN = 0
    WECHAT = 1
    WECOM = 2


class Gender(OpenInt):
    """0 also where the app may not see it."""

    UNKNOWN = 0
    MALE = 1
    FEMALE = 2


class AddWay(OpenInt):
    """How a customer and a staff met."""

    UNKNOWN = 0
    SCANNED_QR_CODE = 1
    SEARCHED_PHONE = 2
    CARD_SHARED = 3
    GROUP_CHAT = 4
    PHONE_ADDRESS_BOOK = 5
    WECHAT_CONTACT = 6
    INSTALLED_APP = 8
    SEARCHED_EMAIL = 9
    WECHAT_CHANNELS = 10
    SCHEDULE_PARTICIPANT = 11
    MEETING_PARTICIPANT = 12
    WECHAT_FRIEND_ON_WECOM = 13
    SMART_HARDWARE = 14
    ON_SITE_SERVICE = 15
    ACQUISITION_LINK = 16
    CUSTOM_DEVELOPMENT = 17
    DEMAND_REPLY = 18
    THIRD_PARTY_PRESALES = 21
    POSSIBLE_PARTNER = 22
    ACCEPTED_IN_WECHAT = 24
    SHARED_BY_STAFF = 201
    ASSIGNED_BY_ADMIN = 202


class TagType(OpenInt):
    """Who made a tag."""

    UNKNOWN = 0
    CORP = 1
    PERSONAL = 2
    STRATEGY = 3


class ChannelsSource(OpenInt):
    """Where in WeChat Channels (视频号) a customer was met."""

    UNKNOWN = 0
    HOME_PAGE = 1
    LIVE_ROOM = 2
    LEAD_COLLECTION = 3


@attrs.frozen(repr=False, weakref_slot=False)
class SubscriberInfo(Model):
    """What a school-home contact (家校联系人) is known by."""

    tag_id: tuple[str, ...] = ()
    remark_mobiles: tuple[str, ...] = personal(())
    remark: str = personal()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ExternalContact(Model):
    """A customer, the same for every staff; empty is what WeCom does not tell."""

    external_userid: str
    """``wm...`` for WeChat users, ``wo...`` for WeCom users; another one for each provider's apps."""
    name: str = personal(show=masked_name)
    position: str = ""
    avatar: str = personal()
    corp_name: str = ""
    corp_full_name: str = ""
    type: ContactType = ContactType.UNKNOWN
    gender: Gender = Gender.UNKNOWN
    unionid: str = ""
    """The WeChat user across the apps of one WeChat developer account; empty unless one is bound."""
    external_profile: ExternalProfile | None = None
    foreign_key: str = ""
    """Only of school-home contacts, as ``is_subscribe`` and ``subscriber_info``."""
    is_subscribe: bool | None = None
    subscriber_info: SubscriberInfo | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class WechatChannels(Model):
    """The channel (视频号) a customer came from; only with `AddWay.WECHAT_CHANNELS`."""

    nickname: str = ""
    source: ChannelsSource = ChannelsSource.UNKNOWN
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FollowTag(Model):
    """A tag that one staff has put on one customer, with its names."""

    group_name: str = ""
    tag_name: str = ""
    tag_id: str = ""
    """Empty for a personal tag."""
    type: TagType = TagType.UNKNOWN
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FollowUser(Model):
    """One staff's relation to a customer, as `contacts.get` tells it: tags with names."""

    userid: str
    remark: str = personal(show=masked_name)
    description: str = personal()
    createtime: datetime | None = None
    """When the staff added the customer. WeCom writes it without an underscore."""
    tags: tuple[FollowTag, ...] = ()
    remark_corp_name: str = ""
    remark_mobiles: tuple[str, ...] = personal(())
    oper_userid: str = ""
    """Who started it: the staff, the customer, or who shared or assigned."""
    add_way: AddWay = AddWay.UNKNOWN
    state: str = ""
    """The channel: the ``state`` of a contact way, or the channel of an acquisition link."""
    wechat_channels: WechatChannels | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FollowInfo(Model):
    """One staff's relation to a customer, as `contacts.batch` tells it: ids of corp and strategy tags only."""

    userid: str
    remark: str = personal(show=masked_name)
    description: str = personal()
    createtime: datetime | None = None
    tag_id: tuple[str, ...] = ()
    remark_corp_name: str = ""
    remark_mobiles: tuple[str, ...] = personal(())
    oper_userid: str = ""
    add_way: AddWay = AddWay.UNKNOWN
    state: str = ""
    wechat_channels: WechatChannels | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CustomerIds(Model):
    """The customers of one staff."""

    external_userid: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CustomerPage(Model):
    """A customer and up to 500 of the staff who follow them."""

    external_contact: ExternalContact
    follow_user: tuple[FollowUser, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ContactFollow(Model):
    """A customer and one staff who follows them."""

    external_contact: ExternalContact
    follow_info: FollowInfo
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FailInfo(Model):
    """Staff whose customers are left out, for want of a licence; only in apps of providers."""

    unlicensed_userid_list: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class BatchPage(Model):
    """Up to 100 relations; an empty ``next_cursor`` is the end."""

    external_contact_list: tuple[ContactFollow, ...] = ()
    next_cursor: str = ""
    fail_info: FailInfo | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ListContactsRequest(Model):
    """Whose customers to list."""

    userid: str

    def __attrs_post_init__(self) -> None:
        _values.staff_id(self.userid)


@attrs.frozen(repr=False, weakref_slot=False)
class GetContactRequest(Model):
    """Which customer to read, and from which follower on."""

    external_userid: str
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        _values.customer_id(self.external_userid)


@attrs.frozen(repr=False, weakref_slot=False)
class BatchContactsRequest(Model):
    """Whose relations to read: 1 to 100 staff, 1 to 100 relations a page."""

    userid_list: tuple[str, ...] = attrs.field(converter=_values.texts)
    cursor: str = ""
    limit: int = limits.BATCH_PAGE

    def __attrs_post_init__(self) -> None:
        _values.staff_ids(self.userid_list, "userids", at_least=1, at_most=limits.BATCH_USERS)
        _values.check_range(self.limit, "limit", 1, limits.BATCH_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class RemarkRequest(Model):
    """A staff's notes on a customer; None leaves a note as it is, an empty one clears it."""

    userid: str
    external_userid: str
    remark: str | None = personal(None)
    description: str | None = personal(None)
    remark_company: str | None = None
    remark_mobiles: tuple[str, ...] | None = personal(None)
    remark_pic_mediaid: str | None = None

    def __attrs_post_init__(self) -> None:
        _values.staff_id(self.userid)
        _values.customer_id(self.external_userid)
        notes = (self.remark, self.description, self.remark_company, self.remark_mobiles, self.remark_pic_mediaid)
        if all(note is None for note in notes):
            msg = "there is nothing to note: give at least one of remark, description, remark_company ..."
            raise UsageError(msg)
        _values.check_chars(self.remark, "remark", limits.REMARK_CHARS)
        _values.check_chars(self.description, "description", limits.DESCRIPTION_CHARS)
        _values.check_chars(self.remark_company, "remark_company", limits.REMARK_COMPANY_CHARS)


class AsyncContacts:
    """
    Customers and the staff who follow them.

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
            UsageError: An id of another kind, a limit out of range.
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
            UsageError: An id of another kind.
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
            NotACustomer: The staff does not follow this customer (84061).
        """
        # WeCom takes an empty list for no change, and one empty number for none.
        mobiles = None if remark_mobiles is None else _values.texts(remark_mobiles) or ("",)
        request = RemarkRequest(
            userid, external_userid, remark, description, remark_company, mobiles, remark_pic_mediaid
        )
        await self._session.call(endpoints.REMARK, request, Done)

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
