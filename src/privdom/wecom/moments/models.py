"""What moments consist of, and what is asked and answered about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, TypeAlias

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._content import Image, OtherAttachment, Text, Video, as_text
from privdom.wecom._values import Model, OpenInt
from privdom.wecom.messages.models import CreateType, CreatorFilter
from privdom.wecom.wire import NO_EXTRA, Extra, tell_apart


__all__ = [
    "CancelMomentRequest",
    "JobStatus",
    "ListMomentsRequest",
    "MomentAttachment",
    "MomentComments",
    "MomentCommentsRequest",
    "MomentCustomer",
    "MomentCustomerPage",
    "MomentCustomers",
    "MomentCustomersRequest",
    "MomentJob",
    "MomentJobRequest",
    "MomentJobResult",
    "MomentLink",
    "MomentLocation",
    "MomentMedia",
    "MomentPage",
    "MomentReaction",
    "MomentRecord",
    "MomentResult",
    "MomentSenders",
    "MomentSentToPage",
    "MomentSentToRequest",
    "MomentTask",
    "MomentTaskPage",
    "MomentTasksRequest",
    "MomentViewer",
    "NewMoment",
    "PublishStatus",
    "VisibleRange",
    "VisibleType",
]


class JobStatus(OpenInt):
    """How far WeCom is with making a moment."""

    STARTED = 1
    RUNNING = 2
    FINISHED = 3


class PublishStatus(OpenInt):
    """Whether a staff has published a moment."""

    NOT_PUBLISHED = 0
    PUBLISHED = 1


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
        title: at most 64 characters and 128 bytes in UTF-8.
        url: must be there.
        media_id: of a cover, uploaded for moments. Read back, there is none.
    """

    msgtype: ClassVar[str] = "link"
    title: str = ""
    url: str = ""
    media_id: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_chars(self.title, "title", limits.MOMENT_LINK_TITLE_CHARS)
        _values.check_bytes(self.title, "title", limits.LINK_TITLE_BYTES)
        _values.text_id(self.url, "url")
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
class MomentTask(Model):
    """Whether one staff has published a moment of the corp."""

    userid: str
    publish_status: PublishStatus
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentTaskPage(Model):
    """Up to 1,000 staff; an empty ``next_cursor`` is the end."""

    task_list: tuple[MomentTask, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentCustomer(Model):
    """A customer for whom a staff published a moment, whether it can be seen or not."""

    external_userid: str
    userid: str = ""
    """The staff who published it."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentCustomerPage(Model):
    """Up to 1,000 customers; an empty ``next_cursor`` is the end."""

    customer_list: tuple[MomentCustomer, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentViewer(Model):
    """A customer who can really see a moment."""

    external_userid: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentSentToPage(Model):
    """Up to 5,000 customers; an empty ``next_cursor`` is the end."""

    customer_list: tuple[MomentViewer, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentReaction(Model):
    """A comment or a like: of a customer, or of a staff. WeCom does not tell the words of a comment."""

    external_userid: str = ""
    userid: str = ""
    """Either of the two is empty."""
    create_time: datetime | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentComments(Model):
    """The comments and likes that one staff's moment got."""

    comment_list: tuple[MomentReaction, ...] = ()
    like_list: tuple[MomentReaction, ...] = ()
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


@attrs.frozen(repr=False, weakref_slot=False)
class CancelMomentRequest(Model):
    """Which moment to stop."""

    moment_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.moment_id, "moment_id")


@attrs.frozen(repr=False, weakref_slot=False)
class MomentTasksRequest(Model):
    """Of which moment to list the staff, 1 to 1,000 a page."""

    moment_id: str
    cursor: str = ""
    limit: int = limits.MOMENT_RECORD_PAGE

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.moment_id, "moment_id")
        _values.check_range(self.limit, "limit", 1, limits.MOMENT_RECORD_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentCustomersRequest(Model):
    """For whom a staff published a moment, 1 to 1,000 a page."""

    moment_id: str
    userid: str
    cursor: str = ""
    limit: int = limits.MOMENT_RECORD_PAGE

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.moment_id, "moment_id")
        _values.staff_id(self.userid)
        _values.check_range(self.limit, "limit", 1, limits.MOMENT_RECORD_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentSentToRequest(Model):
    """Who can see a staff's moment, 1 to 5,000 a page."""

    moment_id: str
    userid: str
    cursor: str = ""
    limit: int = limits.MOMENT_SENT_TO_PAGE

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.moment_id, "moment_id")
        _values.staff_id(self.userid)
        _values.check_range(self.limit, "limit", 1, limits.MOMENT_SENT_TO_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class MomentCommentsRequest(Model):
    """Of which moment, and of which staff's, to read comments and likes."""

    moment_id: str
    userid: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.moment_id, "moment_id")
        _values.staff_id(self.userid)
