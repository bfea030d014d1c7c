"""The kinds of calls that the outbox makes once."""

from __future__ import annotations

from typing import Any

from privdom.outbox.kind import Kind
from privdom.outbox.kinds.broadcast import BROADCAST
from privdom.outbox.kinds.contact_way import CONTACT_WAY
from privdom.outbox.kinds.corp_tag import CORP_TAG
from privdom.outbox.kinds.transfer import TRANSFER
from privdom.outbox.kinds.welcome import WELCOME


__all__ = ["BROADCAST", "CONTACT_WAY", "CORP_TAG", "KINDS", "TRANSFER", "WELCOME"]

KINDS: tuple[Kind[Any, Any], ...] = (BROADCAST, TRANSFER, CONTACT_WAY, CORP_TAG, WELCOME)
"""All of them."""
