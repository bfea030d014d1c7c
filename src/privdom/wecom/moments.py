"""Moments (客户朋友圈) of the corp, which staff publish: WeCom documentation 95094, 93333."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._content import Image, OtherAttachment, Text, Video, as_text
from privdom.wecom._pages import follow_cursor
from privdom.wecom._values import Model, OpenInt
from privdom.wecom.messages.models import CreateType, CreatorFilter
from privdom.wecom.wire import NO_EXTRA, Extra, tell_apart


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncMoments",
    "JobStatus",
    "ListMomentsRequest",
    "MomentAttachment",
    "MomentCustomers",
    "MomentJob",
    "MomentJobRequest",
    "MomentJobResult",
    "MomentLink",
    "MomentLocation",
    "MomentMedia",
    "MomentPage",
    "MomentRecord",
    "MomentResult",
    "MomentSenders",
    "Moments",
    "NewMoment",
    "VisibleRange",
    "VisibleType",
]


class JobStatus(OpenInt):
    """How far WeCom is with making a moment."""

    STARTED = 1
    RUNNING = 2
    FINISHED = 3


class VisibleType(OpenInt):
    """Who sees a moment."""

    PARTLY = 0
    """Customers with certain tags."""
    PUBLIC = 1
    """All customers of the staff who publish it."""


@attrs.frozen(repr=False, weakref_slot=False)
class MomentLink(Model):
    """
    A web page in a moment.

    Args:
        title: at most 128 bytes in UTF-8.
        url: at most 2,048 bytes.
        media_id: of a cover, uploaded for moments. Read back, there is none.
    """

    msgtype: ClassVar[str] = "link"
    title: str = ""
    url: str = ""
    media_id: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.title, "title", limits.LINK_TITLE_BYTES)
        _values.check_bytes(self.url, "url", limits.LINK_URL_BYTES, at_least=1)
        _values.text_id(self.media_id, "media_id")


MomentAttachment: TypeAlias = Image | MomentLink | Video | OtherAttachment
"""What can hang on a moment."""

tell_apart(MomentAttachment, "msgtype", (Image, MomentLink, Video), OtherAttachment)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentSenders(Model):
    """Staff and departments who publish: at most 100,000 staff."""

    user_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    department_list: tuple[int, ...] = attrs.field(default=(), converter=_values.numbers)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.staff_ids(self.user_list, "user_list", at_most=limits.MOMENT_SENDERS)
        if not self.user_list and not self.department_list:
            msg = "nobody is to publish it: give user_list or department_list, or leave the senders out for everybody"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentCustomers(Model):
    """Customers who have one of these corp tags."""

    tag_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.ids(self.tag_list, "tag_list", at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class VisibleRange(Model):
    """
    Who publishes a moment, and who sees it.

    Senders alone: all their customers see it. Customers alone: the staff in the
    app's visible range who follow them publish it. Both: only those of the
    senders who follow such customers. A list of customers cannot be given.
    """

    sender_list: MomentSenders | None = None
    external_contact_list: MomentCustomers | None = None

    def __attrs_post_init__(self) -> None:
        if self.sender_list is None and self.external_contact_list is None:
            msg = "the visible range is empty: give senders or tags, or leave it out for everybody"
            raise UsageError(msg)


def _attachments(values: Iterable[MomentAttachment]) -> tuple[MomentAttachment, ...]:
    if isinstance(values, Model):
        msg = "one attachment was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(values)


@attrs.frozen(repr=False, weakref_slot=False)
class NewMoment(Model):
    """
    A moment to make; staff publish it afterwards.

    Args:
        text: at most 2,000 characters and 4,000 bytes in UTF-8; a text or attachments must be there.
        attachments: up to 9 images, or one video, or one link. Images by ``media_id``.
        visible_range: who publishes it and who sees it; by default all staff in the app's visible range publish it
            to all their customers.

    Raises:
        UsageError: On construction: nothing to publish, a limit passed, kinds of attachments mixed.
    """

    text: Text | None = attrs.field(default=None, converter=as_text)
    attachments: tuple[MomentAttachment, ...] = attrs.field(default=(), converter=_attachments)
    visible_range: VisibleRange | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_chars(self.text.content if self.text else None, "text", limits.MOMENT_TEXT_CHARS)
        if not self.attachments and (self.text is None or not self.text.content):
            msg = "there is nothing to publish: give a text or attachments"
            raise UsageError(msg)
        kinds = {item.msgtype for item in self.attachments}
        if not kinds <= {"image", "video", "link"}:
            msg = "this version cannot publish such an attachment: give Images, a Video or a MomentLink"
            raise UsageError(msg)
        if len(kinds) > 1:
            msg = "a moment holds images, or a video, or a link: leave the others out"
            raise UsageError(msg)
        at_most = limits.MOMENT_IMAGES if kinds == {"image"} else 1
        _values.check_count(self.attachments, "attachments", at_most=at_most)
        if any(isinstance(item, Image) and not item.media_id for item in self.attachments):
            msg = "a moment takes an image by media_id: upload it first"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentJob(Model):
    """A moment that WeCom is making; `moments.result` takes the id for 24 hours. Keep it: nothing else leads back."""

    jobid: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentResult(Model):
    """What became of a job: an errcode of its own, and the moment."""

    errcode: int = 0
    errmsg: str = ""
    moment_id: str = ""
    invalid_sender_list: MomentSenders | None = None
    """Who cannot publish it: unknown, or outside the app's visible range."""
    invalid_external_contact_list: MomentCustomers | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentJobResult(Model):
    """How far WeCom is; ``result`` counts once the job is finished."""

    status: JobStatus
    type: str = ""
    result: MomentResult | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentMedia(Model):
    """A picture or a video of a moment that was published."""

    media_id: str = ""
    thumb_media_id: str = ""
    """Of a video only."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentLocation(Model):
    """Where a staff was."""

    latitude: str = ""
    longitude: str = ""
    name: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentRecord(Model):
    """A moment as WeCom remembers it: neither its senders nor its tags."""

    moment_id: str
    creator: str = ""
    """Empty for what was made by API."""
    create_time: datetime | None = None
    create_type: CreateType = CreateType.CORP
    visible_type: VisibleType = VisibleType.PUBLIC
    text: Text | None = None
    image: tuple[MomentMedia, ...] = ()
    video: MomentMedia | None = None
    link: MomentLink | None = None
    location: MomentLocation | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentPage(Model):
    """Up to 20 moments; an empty ``next_cursor`` is the end."""

    moment_list: tuple[MomentRecord, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentJobRequest(Model):
    """Of which job to read the result."""

    jobid: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.jobid, "jobid")


@attrs.frozen(repr=False, weakref_slot=False)
class ListMomentsRequest(Model):
    """Which moments to list: a window of at most 30 days, 1 to 20 a page."""

    start_time: datetime
    end_time: datetime
    creator: str | None = None
    filter_type: CreatorFilter = attrs.field(default=CreatorFilter.BOTH, converter=CreatorFilter)
    cursor: str = ""
    limit: int = limits.MOMENT_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.filter_type, "filter_type")
        _values.check_window(self.start_time, self.end_time, days=limits.MOMENT_LIST_DAYS)
        _values.check_range(self.limit, "limit", 1, limits.MOMENT_PAGE)
        if self.creator is not None:
            _values.staff_id(self.creator, "creator")


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

        Raises:
            UsageError: A window too long, a time without a zone.
            CursorLoop: WeCom sent a cursor twice.
        """
        source = self.list_pages(start, end, creator=creator, filter_type=filter_type, cursor=cursor)
        async with aclosing(source) as pages:
            async for page in pages:
                for record in page.moment_list:
                    yield record

    def __repr__(self) -> str:
        return f"<AsyncMoments of {self._session.corp_id}>"


class Moments(Blocking[AsyncMoments]):
    """Moments of the corp, which staff publish; `AsyncMoments`, blocking."""

    add = blocking(AsyncMoments.add)
    result = blocking(AsyncMoments.result)
    list = blocking(AsyncMoments.list)
    list_pages = blocking_iter(AsyncMoments.list_pages)
    each = blocking_iter(AsyncMoments.each)
