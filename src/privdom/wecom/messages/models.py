"""Mass messages and welcome messages, what became of them, and what is asked of WeCom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._content import (
    Attachment,
    Text,
    as_attachments,
    as_text,
    check_content,
)
from privdom.wecom._values import Model, OpenInt, OpenText
from privdom.wecom.wire import NO_EXTRA, Extra


__all__ = [
    "CancelMessageRequest",
    "ChatType",
    "CreateType",
    "CreatorFilter",
    "ListMessagesRequest",
    "MessageCreated",
    "MessagePage",
    "MessageRecord",
    "MessageTask",
    "NewMessage",
    "RemindRequest",
    "ResultPage",
    "ResultsRequest",
    "SendResult",
    "SendStatus",
    "TagFilter",
    "TagFilterGroup",
    "TaskPage",
    "TaskStatus",
    "TasksRequest",
    "WelcomeRequest",
]


class ChatType(OpenText):
    """Whom a mass message goes to."""

    SINGLE = "single"
    """Customers, one by one."""
    GROUP = "group"
    """Customer groups."""


class CreateType(OpenInt):
    """Who made a mass message."""

    CORP = 0
    STAFF = 1


class CreatorFilter(OpenInt):
    """Whose mass messages to list."""

    CORP = 0
    STAFF = 1
    BOTH = 2


class TaskStatus(OpenInt):
    """Whether a staff has confirmed; never proof that a customer got it."""

    NOT_SENT = 0
    SENT = 2


class SendStatus(OpenInt):
    """What became of a mass message for one customer or group."""

    NOT_SENT = 0
    SENT = 1
    NOT_A_FRIEND = 2
    OVER_LIMIT = 3


@attrs.frozen(repr=False, weakref_slot=False)
class TagFilterGroup(Model):
    """Customers with any of at most 100 tags."""

    tag_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        _values.ids(self.tag_list, "tag_list", at_least=1, at_most=limits.MESSAGE_TAGS_PER_GROUP)


def _groups(values: Iterable[TagFilterGroup]) -> tuple[TagFilterGroup, ...]:
    return tuple(values)


@attrs.frozen(repr=False, weakref_slot=False)
class TagFilter(Model):
    """Customers who have a tag of each group."""

    group_list: tuple[TagFilterGroup, ...] = attrs.field(default=(), converter=_groups)

    def __attrs_post_init__(self) -> None:
        _values.check_count(self.group_list, "group_list", at_least=1)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewMessage(Model):
    """
    A mass message to make: one content for all, sent once the staff confirm.

    Args:
        text: at most 4,000 bytes in UTF-8; a text or attachments must be there.
        attachments: at most 9.
        chat_type: to customers, or to customer groups.
        external_userid: at most 10,000 customers; switches the tag filter off.
        chat_id_list: at most 2,000 groups; else the sender picks them.
        tag_filter: customers by tags.
        sender: the staff who sends it; needed for groups. Alone it stands for all of that staff's customers.
        allow_select: whether staff may change the choice of customers.

    Raises:
        UsageError: On construction: nothing to send, nobody to send it to, a limit passed.
    """

    text: Text | None = attrs.field(default=None, converter=as_text)
    attachments: tuple[Attachment, ...] = attrs.field(default=(), converter=as_attachments)
    chat_type: ChatType = attrs.field(default=ChatType.SINGLE, converter=ChatType)
    external_userid: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    chat_id_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    tag_filter: TagFilter | None = None
    sender: str | None = None
    allow_select: bool | None = None

    def __attrs_post_init__(self) -> None:
        check_content(self.text, self.attachments)
        _values.check_choice(self.chat_type, "chat_type")
        _values.customer_ids(self.external_userid, "external_userid", at_most=limits.MESSAGE_CUSTOMERS)
        _values.ids(self.chat_id_list, "chat_id_list", _values.chat_id, at_most=limits.MESSAGE_GROUPS)
        if self.sender is not None:
            _values.staff_id(self.sender, "sender")
        if self.chat_type is ChatType.GROUP:
            self._check_groups()
        else:
            self._check_customers()

    def _check_groups(self) -> None:
        if self.sender is None:
            msg = "a message to groups needs the staff who sends it: give sender"
            raise UsageError(msg)
        if self.external_userid or self.tag_filter is not None or self.allow_select:
            msg = "external_userid, tag_filter and allow_select are for messages to customers: leave them out"
            raise UsageError(msg)

    def _check_customers(self) -> None:
        if self.chat_id_list:
            msg = "chat_id_list is for messages to groups: give chat_type='group', or leave it out"
            raise UsageError(msg)
        if self.sender is None and not self.external_userid and self.tag_filter is None:
            msg = "the message goes to nobody: give sender, external_userid or tag_filter"
            raise UsageError(msg)
        if self.external_userid and self.tag_filter is not None:
            msg = "WeCom ignores tag_filter where external_userid is given: leave one out"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class MessageCreated(Model):
    """A mass message that waits for staff to confirm it."""

    msgid: str
    fail_list: tuple[str, ...] = ()
    """Customers or groups whom it cannot go to."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MessageRecord(Model):
    """A mass message as WeCom remembers it: neither its sender nor whom it goes to."""

    msgid: str
    creator: str = ""
    """Empty for what was made by API."""
    create_time: datetime | None = None
    create_type: CreateType = CreateType.CORP
    text: Text | None = None
    attachments: tuple[Attachment, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MessagePage(Model):
    """Up to 100 mass messages; an empty ``next_cursor`` is the end."""

    group_msg_list: tuple[MessageRecord, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class MessageTask(Model):
    """Whether one staff has confirmed a mass message."""

    userid: str
    status: TaskStatus
    send_time: datetime | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class TaskPage(Model):
    """Up to 1,000 staff; an empty ``next_cursor`` is the end."""

    task_list: tuple[MessageTask, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class SendResult(Model):
    """What became of a mass message for one customer or one group."""

    userid: str
    status: SendStatus
    external_userid: str = ""
    chat_id: str = ""
    send_time: datetime | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ResultPage(Model):
    """Up to 1,000 customers or groups; an empty ``next_cursor`` is the end."""

    send_list: tuple[SendResult, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ListMessagesRequest(Model):
    """Which mass messages to list: a window of at most a month, 1 to 100 a page."""

    chat_type: ChatType = attrs.field(converter=ChatType)
    start_time: datetime
    end_time: datetime
    creator: str | None = None
    filter_type: CreatorFilter = attrs.field(default=CreatorFilter.BOTH, converter=CreatorFilter)
    limit: int = limits.MESSAGE_LIST_PAGE
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.chat_type, "chat_type")
        _values.check_choice(self.filter_type, "filter_type")
        _values.check_window(self.start_time, self.end_time, days=limits.MESSAGE_LIST_DAYS)
        _values.check_range(self.limit, "limit", 1, limits.MESSAGE_LIST_PAGE)
        if self.creator is not None:
            _values.staff_id(self.creator, "creator")


@attrs.frozen(repr=False, weakref_slot=False)
class TasksRequest(Model):
    """Of which mass message to list the staff, 1 to 1,000 a page."""

    msgid: str
    limit: int = limits.MESSAGE_RECORD_PAGE
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.msgid, "msgid")
        _values.check_range(self.limit, "limit", 1, limits.MESSAGE_RECORD_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class ResultsRequest(Model):
    """Of which mass message and staff to list the results, 1 to 1,000 a page."""

    msgid: str
    userid: str
    limit: int = limits.MESSAGE_RECORD_PAGE
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.msgid, "msgid")
        _values.staff_id(self.userid)
        _values.check_range(self.limit, "limit", 1, limits.MESSAGE_RECORD_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class RemindRequest(Model):
    """Of which mass message to remind the staff who have not sent it."""

    msgid: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.msgid, "msgid")


@attrs.frozen(repr=False, weakref_slot=False)
class CancelMessageRequest(Model):
    """Which mass message to stop."""

    msgid: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.msgid, "msgid")


@attrs.frozen(repr=False, weakref_slot=False)
class WelcomeRequest(Model):
    """A welcome message: a text, attachments, or both."""

    welcome_code: str = attrs.field(metadata=_values.HIDDEN)
    text: Text | None = attrs.field(default=None, converter=as_text)
    attachments: tuple[Attachment, ...] = attrs.field(default=(), converter=as_attachments)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.welcome_code, "welcome_code")
        check_content(self.text, self.attachments)
