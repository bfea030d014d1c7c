"""Mass messages, which staff confirm, and welcome messages: WeCom documentation 92135, 93338, 97610, 97611, 92137."""

from __future__ import annotations

from privdom.wecom._content import Attachment, File, Image, Link, MiniProgram, OtherAttachment, Text, Video
from privdom.wecom.messages.api import AsyncMessages, Messages
from privdom.wecom.messages.models import (
    CancelMessageRequest,
    ChatType,
    CreateType,
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
    SendStatus,
    TagFilter,
    TagFilterGroup,
    TaskPage,
    TasksRequest,
    TaskStatus,
    WelcomeRequest,
)


__all__ = [
    "AsyncMessages",
    "Attachment",
    "CancelMessageRequest",
    "ChatType",
    "CreateType",
    "CreatorFilter",
    "File",
    "Image",
    "Link",
    "ListMessagesRequest",
    "MessageCreated",
    "MessagePage",
    "MessageRecord",
    "MessageTask",
    "Messages",
    "MiniProgram",
    "NewMessage",
    "OtherAttachment",
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
    "Text",
    "Video",
    "WelcomeRequest",
]
