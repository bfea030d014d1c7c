"""What a full sync has not seen is gone: removed once everything has been read, some at a time."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, or_, select, tuple_, update

from privdom.mirror import tables
from privdom.mirror.journal import Sync
from privdom.mirror.relations import Written
from privdom.mirror.report import Changes
from privdom.mirror.writes import remove_tags
from privdom.store import sql


__all__ = ["customers", "follows", "groups", "keep", "keep_group", "seen_staff", "staff", "tags"]

_SOME = 1000


def seen_staff(conn: Connection, sync: Sync) -> set[str]:
    """Return the staff whom this sync has read already."""
    c = tables.staff.c
    query = select(c.staff_userid).where(c.corp_id == sync.corp_id, c.generation == sync.generation)
    return set(conn.execute(query).scalars())


def staff(conn: Connection, sync: Sync) -> Changes:
    """Remove staff who no longer serve customers."""
    return Changes(removed=conn.execute(delete(tables.staff).where(*_unseen(tables.staff, sync))).rowcount)


def tags(conn: Connection, sync: Sync) -> Changes:
    """Remove tags that no longer exist."""
    unseen = conn.execute(select(tables.corp_tag.c.tag_id).where(*_unseen(tables.corp_tag, sync))).scalars().all()
    return Changes(removed=remove_tags(conn, sync.corp_id, unseen))


def follows(conn: Connection, sync: Sync) -> tuple[Written, bool]:
    """
    Remove some of the relations that are gone; return what that did, and whether there may be more.

    Also drops the marks of those that ended before this sync. A relation that the
    staff has not confirmed is in no list of WeCom's, and so proves nothing by being absent.
    """
    f = tables.follow.c
    ended = f.removed_at.is_not(None)
    query = select(f.staff_userid, f.external_userid, f.removed_at, f.deleted_by_customer_at).where(
        *_unseen(tables.follow, sync)
    )
    rows = conn.execute(
        query.where(or_(f.confirmed, ended)).order_by(f.staff_userid, f.external_userid).limit(_SOME)
    ).all()
    pairs = [(row.staff_userid, row.external_userid) for row in rows]
    for table in (tables.follow_tag, tables.follow):
        key = tuple_(table.c.staff_userid, table.c.external_userid)
        for chunk in sql.chunks(pairs):
            conn.execute(delete(table).where(table.c.corp_id == sync.corp_id, key.in_(chunk)))
    live = [(pair, row) for pair, row in zip(pairs, rows, strict=True) if row.removed_at is None]
    gone = tuple(pair for pair, row in live if row.deleted_by_customer_at is None)
    return Written(Changes(removed=len(live)), gone=gone), len(rows) == _SOME


def customers(conn: Connection, sync: Sync) -> Changes:
    """Remove customers whom nobody follows any more; facts about them stay."""
    c, f = tables.customer.c, tables.follow.c
    followed = exists().where(f.corp_id == c.corp_id, f.external_userid == c.external_userid, f.removed_at.is_(None))
    statement = delete(tables.customer).where(*_unseen(tables.customer, sync), ~followed)
    return Changes(removed=conn.execute(statement).rowcount)


def groups(conn: Connection, sync: Sync) -> Changes:
    """Remove groups that no longer exist, with their members."""
    g, m = tables.group_chat.c, tables.group_member.c
    rows = conn.execute(select(g.chat_id, g.removed_at).where(*_unseen(tables.group_chat, sync))).all()
    for chunk in sql.chunks(row.chat_id for row in rows):
        conn.execute(delete(tables.group_member).where(m.corp_id == sync.corp_id, m.chat_id.in_(chunk)))
        conn.execute(delete(tables.group_chat).where(g.corp_id == sync.corp_id, g.chat_id.in_(chunk)))
    return Changes(removed=sum(row.removed_at is None for row in rows))


def keep(conn: Connection, sync: Sync, kind: str, staff: tuple[str, ...]) -> None:
    """Let nothing be removed of staff whose customers or groups WeCom does not tell."""
    table, who = (tables.follow, "staff_userid") if kind == "customers" else (tables.group_chat, "owner")
    for chunk in sql.chunks(staff):
        mine = and_(table.c.corp_id == sync.corp_id, table.c[who].in_(chunk))
        conn.execute(update(table).where(mine).values(generation=sync.generation))


def keep_group(conn: Connection, sync: Sync, chat_id: str) -> None:
    """Let a group stay whose details WeCom does not tell."""
    g = tables.group_chat.c
    mine = and_(g.corp_id == sync.corp_id, g.chat_id == chat_id)
    conn.execute(update(tables.group_chat).where(mine).values(generation=sync.generation))


def _unseen(table: Table, sync: Sync) -> tuple[ColumnElement[bool], ...]:
    return (table.c.corp_id == sync.corp_id, table.c.generation < sync.generation)
