"""How a full sync writes what it has read: each page together with the cursor behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs

from sqlalchemy import Connection

from privdom.errors import CursorLoop, Refused
from privdom.events import EventLog, FollowAdded, FollowRemoved
from privdom.mirror import journal, sweep, tables
from privdom.mirror.journal import Part, Sync
from privdom.mirror.relations import Relations
from privdom.mirror.report import Changes
from privdom.mirror.values import Customer, Follow, Group, Staff
from privdom.mirror.writes import put, put_group
from privdom.wecom.contacts import BatchPage
from privdom.wecom.groups import GroupPage


__all__ = [
    "Cursors",
    "Fetched",
    "concerns_staff",
    "put_customers",
    "put_groups",
    "put_refusal",
    "put_staff",
    "reason",
    "sweep_some",
]

P = TypeVar("P")

_BAD_CURSOR = 50100
# What WeCom answers when one of the staff asked for has left or lost a right; 40058 was seen for too long a list,
# below the documented limit. Asking for fewer finds out who it is.
_ABOUT_STAFF = frozenset({40003, 40031, 40058, 60011, 60021, 60111, 84061, 84074, 84083, 701008})


@attrs.frozen
class Fetched(Generic[P]):
    """WeCom's answer to one page of a part, and when it was asked for."""

    part: Part
    asked_at: datetime
    answer: P | Refused
    groups: tuple[Group, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()


class Cursors:
    """The cursors that one run of a sync has followed, by part."""

    def __init__(self) -> None:
        self._used: defaultdict[int, set[str]] = defaultdict(set)
        self._restarted: set[int] = set()

    def follow(self, part: Part, cursor: str) -> None:
        """Note where *part* goes on; raise `CursorLoop` if it has been there."""
        used = self._used[part.number]
        used.add(part.cursor)
        if cursor and cursor in used:
            msg = f"WeCom sent the same cursor twice, after {len(used)} pages of {part.kind}: call sync() again later"
            raise CursorLoop(msg)

    def restart(self, part: Part) -> bool:
        """Return whether *part* may start again, which it may once in each run."""
        first = part.number not in self._restarted
        self._restarted.add(part.number)
        self._used.pop(part.number, None)
        return first


def concerns_staff(refusal: Refused) -> bool:
    """Whether WeCom refused because of one of the staff asked for, and not because of who asks."""
    return refusal.errcode in _ABOUT_STAFF


def put_staff(conn: Connection, sync: Sync, staff: Sequence[Staff]) -> None:
    """Write some of the staff."""
    if journal.is_at(conn, sync, "staff"):
        journal.count(conn, sync, "staff", put(conn, tables.staff, sync.corp_id, staff, sync.generation))


def put_customers(conn: Connection, sync: Sync, fetched: Fetched[BatchPage], page: BatchPage) -> None:
    """Write a page of customers and relations, and tell the event log of new ones."""
    if not journal.turn_page(conn, sync, fetched.part, page.next_cursor):
        return
    asked_at, told = fetched.asked_at, page.external_contact_list
    customers = {one.external_contact.external_userid: Customer.of(one.external_contact) for one in told}
    changes = put(conn, tables.customer, sync.corp_id, customers.values(), sync.generation)
    follows = [Follow.of(one.external_contact.external_userid, one.follow_info, one.follow_info.tag_id) for one in told]
    relations = Relations(conn, sync.corp_id, customers, generation=sync.generation, asked_at=asked_at)
    written = relations.put(follows, tell=sync.tells)
    relations.write()
    if page.fail_info is not None:
        unlicensed = page.fail_info.unlicensed_userid_list
        _leave_out_staff(conn, sync, "customers", unlicensed, "no licence for this app")
    journal.count(conn, sync, "customers", changes)
    journal.count(conn, sync, "follows", written.changes)
    if sync.tells:
        EventLog.append(
            conn,
            sync.corp_id,
            *(
                FollowAdded(one.staff_userid, one.external_userid, one.state, one.created_at or asked_at)
                for one in written.appeared
            ),
        )


def put_groups(conn: Connection, sync: Sync, fetched: Fetched[GroupPage], page: GroupPage) -> None:
    """Write a page of groups, each with its members."""
    if not journal.turn_page(conn, sync, fetched.part, page.next_cursor):
        return
    changes = Changes()
    for group in fetched.groups:
        changes += put_group(conn, sync.corp_id, group, sync.generation, asked_at=fetched.asked_at)
    for chat_id, why in fetched.unread:
        journal.leave_out(conn, sync, f"group {chat_id}", why)
        sweep.keep_group(conn, sync, chat_id)
    journal.count(conn, sync, "groups", changes)


def put_refusal(conn: Connection, sync: Sync, fetched: Fetched[Any], refusal: Refused, cursors: Cursors) -> None:
    """
    Deal with a page that WeCom refused.

    A cursor may have expired since a run that was broken off: the part starts
    again. If it is about one of the staff, halves are asked for until it is known
    who, and that one is left out; nothing of theirs is removed.

    Raises:
        Refused: It is about something else.
    """
    part = fetched.part
    if refusal.errcode == _BAD_CURSOR and part.cursor and cursors.restart(part):
        journal.turn_page(conn, sync, part, "", restart=True)
    elif not concerns_staff(refusal):
        raise refusal
    elif len(part.staff) > 1:
        cursors.restart(part)
        journal.split(conn, sync, part)
    elif journal.turn_page(conn, sync, part, ""):
        _leave_out_staff(conn, sync, part.kind, part.staff, reason(refusal))


def sweep_some(conn: Connection, sync: Sync, now: datetime) -> bool:
    """Remove some of what is gone, and tell the event log; return whether that was all, and the sync is complete."""
    if not journal.is_at(conn, sync, "sweep"):
        return True
    written, more = sweep.follows(conn, sync)
    journal.count(conn, sync, "follows", written.changes)
    if not more:
        journal.count(conn, sync, "customers", sweep.customers(conn, sync))
        if "groups" not in journal.report(conn, sync).left_out:
            journal.count(conn, sync, "groups", sweep.groups(conn, sync))
        journal.advance(conn, sync, "sweep")
    EventLog.append(conn, sync.corp_id, *(FollowRemoved(*pair, by="sync", at=now) for pair in written.gone))
    return not more


def reason(refusal: Refused) -> str:
    """Return why something was left out, for the report."""
    return f"errcode {refusal.errcode}: {refusal.meaning}"


def _leave_out_staff(conn: Connection, sync: Sync, kind: str, staff: Sequence[str], why: str) -> None:
    for one in staff:
        journal.leave_out(conn, sync, f"{kind} of {one}", why)
    sweep.keep(conn, sync, kind, tuple(staff))
