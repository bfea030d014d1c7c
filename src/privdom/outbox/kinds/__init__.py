"""The kinds of calls that the outbox makes once."""

from __future__ import annotations

from typing import Any

from privdom.outbox.kind import Kind
from privdom.outbox.kinds.broadcast import BROADCAST
from privdom.outbox.kinds.contact_way import CONTACT_WAY
from privdom.outbox.kinds.corp_tag import CORP_TAG
from privdom.outbox.kinds.group_transfer import GROUP_TRANSFER
from privdom.outbox.kinds.join_way import JOIN_WAY
from privdom.outbox.kinds.moment import MOMENT
from privdom.outbox.kinds.remind import REMIND
from privdom.outbox.kinds.transfer import TRANSFER
from privdom.outbox.kinds.updates import CONTACT_WAY_UPDATE, JOIN_WAY_UPDATE, REMARK
from privdom.outbox.kinds.welcome import WELCOME


__all__ = [
    "BROADCAST",
    "CONTACT_WAY",
    "CONTACT_WAY_UPDATE",
    "CORP_TAG",
    "GROUP_TRANSFER",
    "JOIN_WAY",
    "JOIN_WAY_UPDATE",
    "KINDS",
    "MOMENT",
    "REMARK",
    "REMIND",
    "TRANSFER",
    "WELCOME",
]

KINDS: tuple[Kind[Any, Any], ...] = (
    BROADCAST,
    REMIND,
    MOMENT,
    TRANSFER,
    GROUP_TRANSFER,
    CONTACT_WAY,
    CONTACT_WAY_UPDATE,
    JOIN_WAY,
    JOIN_WAY_UPDATE,
    CORP_TAG,
    REMARK,
    WELCOME,
)
"""All of them."""
