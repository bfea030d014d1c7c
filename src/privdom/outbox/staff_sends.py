"""
What staff send on their own, read from WeCom's records (documentation 93338), so that the gate counts it.

Each message of theirs that reached somebody becomes a row of the ledger, keyed by
its msgid: read twice, it counts once.
"""

from __future__ import annotations

import hashlib

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial

import attrs

from sqlalchemy import Connection, select

from privdom.errors import ApiError, StillDispatching
from privdom.outbox.context import Context
from privdom.outbox.gate import STAFF
from privdom.outbox.tables import ledger, staff_reading
from privdom.outbox.units import ItemState
from privdom.store import sql
from privdom.wecom.messages import ChatType, CreatorFilter, MessageRecord, SendResult, SendStatus


__all__ = ["STEP", "StaffSends", "learn"]

STEP = "@staff"
"""The step under which the ledger keeps what staff send on their own."""
# WeCom lists at most a month at a time; read in days, little is read again after an error.
_SLICE = timedelta(days=1)
_A_SECOND = timedelta(seconds=1)
_OCCURRENCE_CHARS = 64
_CANCELLED = 41093
_NO_SUCH_MESSAGE = 41047


@attrs.frozen
class StaffSends:
    """What was read of the messages that staff sent on their own."""

    tasks: int
    """Mass messages of theirs that were looked at, those that were read before included."""
    learnt: int
    """Messages to one customer or group that were not known yet."""
    up_to: datetime
    """Everything made before this was read."""


async def learn(ctx: Context, overlap: timedelta) -> StaffSends:
    """Read what is new; see `AsyncOutbox.learn_staff_sends`."""
    now = ctx.port.now()
    found = [await _learn_of(ctx, chat_type, overlap, now) for chat_type in (ChatType.SINGLE, ChatType.GROUP)]
    return StaffSends(
        sum(one.tasks for one in found), sum(one.learnt for one in found), min(one.up_to for one in found)
    )


async def _learn_of(ctx: Context, chat_type: ChatType, overlap: timedelta, now: datetime) -> StaffSends:
    read_to = await ctx.read(partial(_read_to, corp_id=ctx.corp_id, chat_type=chat_type))
    since = _earliest(ctx, now)
    if read_to is not None:
        since = max(since, min(read_to, now) - overlap)
    tasks = learnt = 0
    # What WeCom does not tell yet holds the mark back, not the reading.
    unread = now
    for start, end in _slices(since, now):
        source = ctx.wecom.messages.each(chat_type, start, end, filter_type=CreatorFilter.STAFF)
        async with aclosing(source) as records:
            async for record in records:
                new = await _read_one(ctx, record, now)
                tasks += 1
                learnt += new or 0
                if new is None:
                    unread = min(unread, record.create_time or start)
        mark = min(end, unread)
        await ctx.write(partial(_remember, corp_id=ctx.corp_id, chat_type=chat_type, read_to=mark))
    return StaffSends(tasks, learnt, unread)


def _earliest(ctx: Context, now: datetime) -> datetime:
    """Return the start of the longest window that the gate looks at now."""
    gate = ctx.settings.gate
    categories = {STAFF, *(rule.category for rule in gate.rules if rule.category is not None)}
    starts = [bound.start for category in categories for bound in gate.bounds(now, category) if bound.counts(STAFF)]
    return min(starts, default=now)


def _slices(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        # Whether the bounds of a window belong to it is not documented.
        yield start - _A_SECOND, min(start + _SLICE, end)
        start += _SLICE


async def _read_one(ctx: Context, record: MessageRecord, now: datetime) -> int | None:
    """Store whom a message of staff reached; return how many were new, None if WeCom cannot tell yet."""
    messages = ctx.wecom.messages
    new = 0
    try:
        senders = [record.creator] if record.creator else [t.userid async for t in messages.each_task(record.msgid)]
        for sender in senders:
            async with aclosing(messages.result_pages(record.msgid, sender)) as pages:
                async for page in pages:
                    store = partial(_store, corp_id=ctx.corp_id, record=record, results=page.send_list, now=now)
                    new += await ctx.write(store)
    except StillDispatching:
        return None
    except ApiError as e:
        # Cancelled, which hides what was sent, or gone.
        if e.errcode not in {_CANCELLED, _NO_SUCH_MESSAGE}:
            raise
    return new


def _store(conn: Connection, corp_id: str, record: MessageRecord, results: Sequence[SendResult], now: datetime) -> int:
    msgid = record.msgid
    occurrence = msgid if len(msgid) <= _OCCURRENCE_CHARS else hashlib.sha256(msgid.encode()).hexdigest()
    rows = {
        result.external_userid or result.chat_id: {
            "corp_id": corp_id,
            "step": STEP,
            "subject": result.external_userid or result.chat_id,
            "occurrence": occurrence,
            "unit_id": None,
            "state": ItemState.SENT,
            "code": None,
            "reach": True,
            "category": STAFF,
            "at": result.send_time or record.create_time or now,
        }
        for result in results
        if result.status is SendStatus.SENT
    }
    return sql.insert_ignore(conn, ledger, [rows[name] for name in sorted(rows)])


def _read_to(conn: Connection, corp_id: str, chat_type: ChatType) -> datetime | None:
    query = select(staff_reading.c.read_to).where(
        staff_reading.c.corp_id == corp_id, staff_reading.c.chat_type == chat_type.value
    )
    found: datetime | None = conn.scalar(query)
    return found


def _remember(conn: Connection, corp_id: str, chat_type: ChatType, read_to: datetime) -> None:
    row = {"corp_id": corp_id, "chat_type": chat_type.value, "read_to": read_to}
    sql.upsert(conn, staff_reading, [row], keys=["corp_id", "chat_type"])
