"""Contact ways (联系我): QR codes and buttons with staff behind them: WeCom documentation 92228."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._content import Image, Link, MiniProgram, Text, as_text
from privdom.wecom._pages import follow_cursor
from privdom.wecom._values import Done, Model, OpenInt, personal
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncCodes",
    "CloseTempChatRequest",
    "CodePage",
    "CodeSummary",
    "Codes",
    "Conclusions",
    "ContactWay",
    "ContactWayAnswer",
    "ContactWayScene",
    "ContactWayType",
    "ContactWayUpdate",
    "CreatedContactWay",
    "DeleteCodeRequest",
    "GetCodeRequest",
    "ListCodesRequest",
    "NewContactWay",
]


class ContactWayType(OpenInt):
    """How many staff stand behind a contact way."""

    SINGLE = 1
    MULTIPLE = 2


class ContactWayScene(OpenInt):
    """Where a contact way is shown."""

    MINI_PROGRAM = 1
    QR_CODE = 2


@attrs.frozen(repr=False, weakref_slot=False)
class Conclusions(Model):
    """
    Closing words (结束语) of a temporary chat: a text, and one of image, link and mini program.

    Pictures are written by ``media_id`` and read by ``pic_url``.
    """

    text: Text | None = attrs.field(default=None, converter=as_text)
    image: Image | None = None
    link: Link | None = None
    miniprogram: MiniProgram | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        shown = [item for item in (self.image, self.link, self.miniprogram) if item is not None]
        if self.text is None and not shown:
            msg = "the closing words are empty: give a text, an image, a link or a mini program"
            raise UsageError(msg)
        if len(shown) > 1:
            msg = "WeCom sends only one of image, link and miniprogram: leave the others out"
            raise UsageError(msg)
        if self.image is not None and not self.image.media_id:
            msg = "closing words take an image by media_id: upload it first"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class ContactWay(Model):
    """A contact way as WeCom keeps it."""

    config_id: str
    type: ContactWayType = ContactWayType.SINGLE
    scene: ContactWayScene = ContactWayScene.QR_CODE
    style: int | None = None
    """Of the button; only in a mini program."""
    remark: str = ""
    skip_verify: bool | None = None
    state: str = ""
    qr_code: str = ""
    """URL of the picture; only of QR codes."""
    user: tuple[str, ...] = ()
    party: tuple[int, ...] = ()
    is_temp: bool | None = None
    expires_in: int | None = None
    chat_expires_in: int | None = None
    unionid: str = personal()
    is_exclusive: bool | None = None
    mark_source: bool | None = None
    conclusions: Conclusions | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ContactWayAnswer(Model):
    """The contact way that was asked for."""

    contact_way: ContactWay
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CreatedContactWay(Model):
    """A new contact way. Keep the ``config_id``: the console does not show it."""

    config_id: str
    qr_code: str = ""
    """URL of the picture; only of QR codes."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CodeSummary(Model):
    """A contact way in a list."""

    config_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CodePage(Model):
    """Up to 1,000 contact ways; an empty ``next_cursor`` is the end."""

    contact_way: tuple[CodeSummary, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def _check_shared(way: NewContactWay | ContactWayUpdate) -> None:
    _values.check_chars(way.remark, "remark", limits.CODE_REMARK_CHARS)
    _values.check_chars(way.state, "state", limits.STATE_CHARS)
    _values.check_range(way.style, "style", 1, 3)
    _values.check_range(way.expires_in, "expires_in", 1, limits.TEMP_CODE_SECONDS)
    _values.check_range(way.chat_expires_in, "chat_expires_in", 1, limits.TEMP_CODE_SECONDS)
    _values.staff_ids(way.user or (), "user", at_most=limits.CODE_STAFF)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewContactWay(Model):
    """
    A contact way to make. None leaves the choice to WeCom.

    Args:
        type: for one staff, or for several; it never changes.
        scene: a QR code, or a button in a mini program; it never changes.
        user: exactly one staff for a single one; at most 100 otherwise, departments counted by their staff.
        party: departments; only for several staff.
        state: at most 30 characters; comes back with each customer who is added.
        remark: a note, at most 30 characters.
        skip_verify: whether customers are added without being confirmed; WeCom's default is true.
        style: of the button in a mini program: 1 to 3 for one staff, 1 or 2 for several.
        is_exclusive: whether customers of one corp come to the same staff.
        is_temp: a temporary chat (medical trade only): single, unlisted, for one customer.
        expires_in: seconds the temporary code lives, at most 14 days.
        chat_expires_in: seconds the temporary chat lives, at most 14 days.
        unionid: the customer who may use the temporary code.
        conclusions: closing words of the temporary chat.
        mark_source: only for apps of the kind 营销获客; WeCom's default is true.
    """

    type: ContactWayType = attrs.field(converter=ContactWayType)
    scene: ContactWayScene = attrs.field(default=ContactWayScene.QR_CODE, converter=ContactWayScene)
    style: int | None = None
    remark: str | None = None
    skip_verify: bool | None = None
    state: str | None = None
    user: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    party: tuple[int, ...] = attrs.field(default=(), converter=_values.numbers)
    is_temp: bool | None = None
    expires_in: int | None = None
    chat_expires_in: int | None = None
    unionid: str | None = personal(None)
    is_exclusive: bool | None = None
    mark_source: bool | None = None
    conclusions: Conclusions | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.type, "type")
        _values.check_choice(self.scene, "scene")
        _check_shared(self)
        single = self.type is ContactWayType.SINGLE
        if single and (len(self.user) != 1 or self.party):
            msg = "a single contact way has exactly one staff and no departments: give one user, or ContactWayType.MULTIPLE"
            raise UsageError(msg)
        if not self.user and not self.party:
            msg = "nobody stands behind this contact way: give user or party"
            raise UsageError(msg)
        if self.style is not None and self.scene is not ContactWayScene.MINI_PROGRAM:
            msg = "only a button in a mini program has a style: leave it out"
            raise UsageError(msg)
        _values.check_range(self.style, "style", 1, 3 if single else 2)
        self._check_temporary(single)

    def _check_temporary(self, single: bool) -> None:
        only = (self.expires_in, self.chat_expires_in, self.unionid, self.conclusions)
        if not self.is_temp and any(value is not None for value in only):
            msg = "expires_in, chat_expires_in, unionid and conclusions are for temporary chats: give is_temp=True"
            raise UsageError(msg)
        if self.is_temp and not single:
            msg = "a temporary chat is with one staff: give ContactWayType.SINGLE"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class ContactWayUpdate(Model):
    """
    What to change of a contact way; None leaves it as it is.

    ``user`` and ``party`` replace the whole list. Type, scene, is_temp and
    is_exclusive never change; the picture of the code stays the same.
    """

    config_id: str
    remark: str | None = attrs.field(default=None, kw_only=True)
    skip_verify: bool | None = attrs.field(default=None, kw_only=True)
    style: int | None = attrs.field(default=None, kw_only=True)
    state: str | None = attrs.field(default=None, kw_only=True)
    user: tuple[str, ...] | None = attrs.field(default=None, converter=_values.texts_or_none, kw_only=True)
    party: tuple[int, ...] | None = attrs.field(default=None, converter=_values.numbers_or_none, kw_only=True)
    expires_in: int | None = attrs.field(default=None, kw_only=True)
    chat_expires_in: int | None = attrs.field(default=None, kw_only=True)
    unionid: str | None = attrs.field(default=None, kw_only=True, metadata=_values.HIDDEN)
    mark_source: bool | None = attrs.field(default=None, kw_only=True)
    conclusions: Conclusions | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.config_id, "config_id")
        _check_shared(self)
        changes = [
            a.name for a in attrs.fields(type(self)) if a.name != "config_id" and getattr(self, a.name) is not None
        ]
        if not changes:
            msg = "there is nothing to change: give at least one of user, state, remark ..."
            raise UsageError(msg)
        if self.user == () and self.party == ():
            msg = "nobody would stand behind this contact way: give user or party, or leave one of them out"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class GetCodeRequest(Model):
    """Which contact way to read."""

    config_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.config_id, "config_id")


@attrs.frozen(repr=False, weakref_slot=False)
class ListCodesRequest(Model):
    """In which window contact ways were made, 1 to 1,000 a page."""

    start_time: datetime | None = None
    end_time: datetime | None = None
    cursor: str = ""
    limit: int = limits.CODE_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_window(self.start_time, self.end_time)
        _values.check_range(self.limit, "limit", 1, limits.CODE_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteCodeRequest(Model):
    """Which contact way to delete."""

    config_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.config_id, "config_id")


@attrs.frozen(repr=False, weakref_slot=False)
class CloseTempChatRequest(Model):
    """Between whom a temporary chat ends."""

    userid: str
    external_userid: str

    def __attrs_post_init__(self) -> None:
        _values.staff_id(self.userid)
        _values.customer_id(self.external_userid)


class AsyncCodes:
    """
    Contact ways (联系我): QR codes and buttons with staff behind them.

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, way: NewContactWay) -> CreatedContactWay:
        """
        Make a contact way (WeCom documentation 92228).

        A corp can make 500,000 of them, join ways included, and never sees them in its console: keep the id.
        Temporary ones do not count; of these it can make 100,000 a day.

        Raises:
            MayHaveArrived: Look for the ``state`` or ``remark`` with `each` and `get` before you repeat.
            NoPermission: A staff is outside the app's visible range, or not one who serves customers.
            Refused: A staff is not verified (41054), the corp has too many (41045), more than 100 staff are in the
                departments (41041), a unionid needs a WeChat developer account that is bound to the corp (41057) ...
        """
        return await self._session.call(endpoints.CODE_ADD, way, CreatedContactWay)

    async def get(self, config_id: str) -> ContactWay:
        """
        Return a contact way (WeCom documentation 92228).

        Raises:
            UsageError: *config_id* is empty.
            BadRequest: There is no such contact way (41044).
        """
        answer = await self._session.call(endpoints.CODE_GET, GetCodeRequest(config_id), ContactWayAnswer)
        return answer.contact_way

    async def list(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str = "",
        limit: int = limits.CODE_PAGE,
    ) -> CodePage:
        """
        Return a page of the contact ways made in a window (WeCom documentation 92228).

        Temporary ones are never listed, nor those made before 2021-07-10.

        Args:
            start: aware; by default 90 days ago, so give one with an *end* before that.
            end: aware; by default now.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000.

        Raises:
            UsageError: A time without a zone, start after end, a limit out of range.
        """
        request = ListCodesRequest(start, end, cursor, limit)
        return await self._session.call(endpoints.CODE_LIST, request, CodePage)

    async def list_pages(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        cursor: str = "",
        limit: int = limits.CODE_PAGE,
    ) -> AsyncGenerator[CodePage, None]:
        """
        Yield every page of `list`, from *cursor* on, for callers that store pages and cursors together.

        A cursor belongs to its window: give the same *start* and *end* to resume.

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """

        def fetch(at: str) -> Coroutine[Any, Any, CodePage]:
            return self.list(start=start, end=end, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each(
        self, *, start: datetime | None = None, end: datetime | None = None, cursor: str = ""
    ) -> AsyncGenerator[str, None]:
        """
        Yield the config id of every contact way made in a window (WeCom documentation 92228).

        Raises:
            UsageError: A time without a zone, start after end.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.list_pages(start=start, end=end, cursor=cursor)) as pages:
            async for page in pages:
                for way in page.contact_way:
                    yield way.config_id

    async def update(self, change: ContactWayUpdate) -> None:
        """
        Change a contact way (WeCom documentation 92228).

        The printed picture stays valid.

        Raises:
            BadRequest: There is no such contact way (41044).
            NoPermission: A staff is outside the app's visible range.
        """
        await self._session.call(endpoints.CODE_UPDATE, change, Done)

    async def delete(self, config_id: str) -> None:
        """
        Delete a contact way; its picture leads nowhere then (WeCom documentation 92228).

        Raises:
            UsageError: *config_id* is empty.
            BadRequest: There is no such contact way (41044), perhaps any more.
        """
        await self._session.call(endpoints.CODE_DELETE, DeleteCodeRequest(config_id), Done)

    async def close_temp_chat(self, userid: str, external_userid: str) -> None:
        """
        End a temporary chat before its time; the customer gets the closing words first (WeCom documentation 92228).

        Raises:
            UsageError: An id of another kind.
            Refused: There is no temporary chat between the two, perhaps any more.
        """
        await self._session.call(endpoints.TEMP_CHAT_CLOSE, CloseTempChatRequest(userid, external_userid), Done)

    def __repr__(self) -> str:
        return f"<AsyncCodes of {self._session.corp_id}>"


class Codes(Blocking[AsyncCodes]):
    """Contact ways: QR codes and buttons with staff behind them; `AsyncCodes`, blocking."""

    add = blocking(AsyncCodes.add)
    get = blocking(AsyncCodes.get)
    list = blocking(AsyncCodes.list)
    list_pages = blocking_iter(AsyncCodes.list_pages)
    each = blocking_iter(AsyncCodes.each)
    update = blocking(AsyncCodes.update)
    delete = blocking(AsyncCodes.delete)
    close_temp_chat = blocking(AsyncCodes.close_temp_chat)
