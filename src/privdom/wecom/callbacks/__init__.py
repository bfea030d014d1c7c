"""Callbacks of WeCom: verified, decrypted, typed and kept before they are acknowledged."""

from __future__ import annotations

from privdom.wecom.callbacks.crypto import Crypto
from privdom.wecom.callbacks.events import (
    CustomerAdded,
    CustomerDeleted,
    CustomerEdited,
    CustomerEvent,
    CustomerHalfAdded,
    Event,
    GroupCreated,
    GroupDismissed,
    GroupEvent,
    GroupUpdated,
    MsgAuditApproved,
    StaffDeleted,
    TagCreated,
    TagDeleted,
    TagEvent,
    TagsShuffled,
    TagUpdated,
    TransferFailed,
    UnknownEvent,
    UploadJobFinished,
    keep_event,
    parse_event,
)
from privdom.wecom.callbacks.receiver import Callbacks, Inbox, InboxMessage


__all__ = [
    "Callbacks",
    "Crypto",
    "CustomerAdded",
    "CustomerDeleted",
    "CustomerEdited",
    "CustomerEvent",
    "CustomerHalfAdded",
    "Event",
    "GroupCreated",
    "GroupDismissed",
    "GroupEvent",
    "GroupUpdated",
    "Inbox",
    "InboxMessage",
    "MsgAuditApproved",
    "StaffDeleted",
    "TagCreated",
    "TagDeleted",
    "TagEvent",
    "TagUpdated",
    "TagsShuffled",
    "TransferFailed",
    "UnknownEvent",
    "UploadJobFinished",
    "keep_event",
    "parse_event",
]
