"""
What changes the mirror: each function compares an answer of WeCom with what is there, and writes the difference.

They all run in the caller's transaction, which holds `tables.lock`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import attrs

from sqlalchemy import Connection, Delete, Row, Table, Update, bindparam, delete, select, update

from privdom.mirror import tables
from privdom.mirror.report import Changes
from privdom.mirror.values import CorpTag, Customer, Follow, Group, Staff
from privdom.store import sql


__all__ = [
    "Written",
    "current_generation",
    "put",
    "put_follows",
    "put_group",
    "remove_follows",
    "remove_group",
    "remove_tags",
]

Pair = tuple[str, str]
S = TypeVar("S", Update, Delete)

_follow = tables.follow.c
_tag = tables.follow_tag.c
_PAIR = ["corp_id", "staff_userid", "external_userid"]
_TOLD = ("created_at", "state", "add_way", "remark", "description")


@attrs.frozen
class Written:
    """
    What an answer about relations did: the numbers, and which relations are new or gone.

    ``gone`` leaves out those that the customer had ended before, which is known already.
    """

    changes: Changes
    appeared: tuple[Follow, ...] = ()
    gone: tuple[Pair, ...] = ()


def current_generation(conn: Connection, corp_id: str) -> int:
    """Return the number of the full sync that runs, or ran last; 0 before the first."""
    query = select(tables.sync.c.generation).where(tables.sync.c.corp_id == corp_id)
    return conn.execute(query).scalar() or 0


def put(
    conn: Connection, table: Table, corp_id: str, values: Iterable[Staff | Customer | CorpTag], generation: int
) -> Changes:
    """Insert or update staff, customers or tags, each in its own *table*."""
    key = list(table.primary_key)[1]
    rows = {row[key.name]: row for row in map(attrs.asdict, values)}
    known = differ = 0
    for chunk in sql.chunks(rows):
        for old in conn.execute(select(table).where(table.c.corp_id == corp_id, key.in_(chunk))).mappings():
            known += 1
            differ += any(old[name] != value for name, value in rows[old[key.name]].items())
    written = [{"corp_id": corp_id, "generation": generation, **rows[one]} for one in sorted(rows)]
    sql.upsert(conn, table, written, keys=["corp_id", key.name])
    return Changes(added=len(rows) - known, changed=differ)


def put_follows(
    conn: Connection, corp_id: str, follows: Iterable[Follow], generation: int, *, asked_at: datetime, tell: bool
) -> Written:
    """
    Insert or update relations, unless something newer than *asked_at* is known of them.

    Args:
        asked_at: When WeCom was asked for this answer.
        tell: Whether the caller tells the event log of relations that appeared.
    """
    new = {(follow.staff_userid, follow.external_userid): follow for follow in follows}
    old, old_tags = _known(conn, corp_id, {external_userid for _, external_userid in new})
    rows: list[dict[str, Any]] = []
    touched: list[dict[str, Any]] = []
    retag: list[Follow] = []
    appeared: list[Follow] = []
    changed = 0
    for pair in sorted(new):
        follow, row = new[pair], old.get(pair)
        if row is not None and row.seen_at > asked_at:
            if row.removed_at is None:
                touched.append(_binds(corp_id, pair))
            continue
        tags_differ = set(follow.tag_ids) != old_tags[pair]
        if tags_differ:
            retag.append(follow)
        here = row if row is not None and row.removed_at is None else None
        if here is None:
            appeared.append(follow)
        elif tags_differ or any(getattr(here, name) != getattr(follow, name) for name in _TOLD):
            changed += 1
        rows.append(
            _key(corp_id, pair)
            | {name: getattr(follow, name) for name in _TOLD}
            | {
                "confirmed": follow.confirmed or (here is not None and here.confirmed),
                "announced_at": here.announced_at if here else (follow.created_at or asked_at) if tell else None,
                "deleted_by_customer_at": here.deleted_by_customer_at if here else None,
                "removed_at": None,
                "seen_at": asked_at,
                "generation": generation,
            }
        )
    sql.upsert(conn, tables.follow, rows, keys=_PAIR)
    _put_tags(conn, corp_id, retag)
    if touched:
        conn.execute(_where_pair(update(tables.follow)).values(generation=generation), touched)
    return Written(Changes(len(appeared), changed), tuple(appeared))


def remove_follows(
    conn: Connection, corp_id: str, pairs: Iterable[Pair], generation: int, *, asked_at: datetime, at: datetime
) -> Written:
    """
    Mark relations as gone since *at*, unless something newer than *asked_at* is known of them.

    The marks stay until the next full sync, also for relations that were not
    known: an event that comes late must find that they have ended.
    """
    wanted = set(pairs)
    old, _ = _known(conn, corp_id, {external_userid for _, external_userid in wanted})
    marks: list[dict[str, Any]] = []
    removed: list[Pair] = []
    gone: list[Pair] = []
    for pair in sorted(wanted):
        row = old.get(pair)
        if row is not None and (row.removed_at is not None or row.seen_at > asked_at):
            continue
        if row is not None:
            removed.append(pair)
            if row.deleted_by_customer_at is None:
                gone.append(pair)
        marks.append(
            _key(corp_id, pair)
            | {"state": "", "remark": "", "description": "", "confirmed": True}
            | {"removed_at": at, "seen_at": asked_at, "generation": generation}
        )
    sql.upsert(
        conn, tables.follow, marks, keys=_PAIR, update=["remark", "description", "removed_at", "seen_at", "generation"]
    )
    if removed:
        conn.execute(_where_pair(delete(tables.follow_tag)), [_binds(corp_id, pair) for pair in removed])
    return Written(Changes(removed=len(removed)), gone=tuple(gone))


def put_group(conn: Connection, corp_id: str, group: Group, generation: int, *, asked_at: datetime) -> Changes:
    """Insert or update a group with its members, unless something newer than *asked_at* is known of it."""
    g, m = tables.group_chat, tables.group_member
    query = select(g).where(g.c.corp_id == corp_id, g.c.chat_id == group.chat_id)
    old = conn.execute(query).mappings().one_or_none()
    if old is not None and old["seen_at"] > asked_at:
        return Changes()
    told = attrs.asdict(group, filter=lambda field, _: field.name != "members")
    row = {"corp_id": corp_id, **told, "removed_at": None, "seen_at": asked_at, "generation": generation}
    sql.upsert(conn, g, [row], keys=["corp_id", "chat_id"])
    here = {"corp_id": corp_id, "chat_id": group.chat_id}
    members = {member.member_id: {**here, **attrs.asdict(member)} for member in group.members}
    of_group = (m.c.corp_id == corp_id, m.c.chat_id == group.chat_id)
    before = {row["member_id"]: dict(row) for row in conn.execute(select(m).where(*of_group)).mappings()}
    for chunk in sql.chunks(before.keys() - members.keys()):
        conn.execute(delete(m).where(*of_group, m.c.member_id.in_(chunk)))
    changed = [members[one] for one in sorted(members) if members[one] != before.get(one)]
    sql.upsert(conn, m, changed, keys=["corp_id", "chat_id", "member_id"])
    if old is None or old["removed_at"] is not None:
        return Changes(added=1)
    differs = before != members or any(old[name] != value for name, value in told.items())
    return Changes(changed=int(differs))


def remove_group(conn: Connection, corp_id: str, chat_id: str, generation: int, *, asked_at: datetime) -> None:
    """Mark a group as dissolved and drop its members, unless something newer than *asked_at* is known of it."""
    g, m = tables.group_chat, tables.group_member
    old = conn.execute(select(g.c.seen_at).where(g.c.corp_id == corp_id, g.c.chat_id == chat_id)).scalar()
    if old is not None and old > asked_at:
        return
    mark = {
        "corp_id": corp_id,
        "chat_id": chat_id,
        "name": "",
        "owner": "",
        "member_version": "",
        "removed_at": asked_at,
        "seen_at": asked_at,
        "generation": generation,
    }
    sql.upsert(conn, g, [mark], keys=["corp_id", "chat_id"])
    conn.execute(delete(m).where(m.c.corp_id == corp_id, m.c.chat_id == chat_id))


def remove_tags(conn: Connection, corp_id: str, tag_ids: Iterable[str]) -> int:
    """Drop tags of the corp, also from the relations that have them; return how many there were."""
    count = 0
    for chunk in sql.chunks(tag_ids):
        for table in (tables.follow_tag, tables.corp_tag):
            rows = conn.execute(delete(table).where(table.c.corp_id == corp_id, table.c.tag_id.in_(chunk))).rowcount
        count += rows
    return count


def _known(
    conn: Connection, corp_id: str, external_userids: Iterable[str]
) -> tuple[dict[Pair, Row[*tuple[Any, ...]]], defaultdict[Pair, set[str]]]:
    follows: dict[Pair, Row[*tuple[Any, ...]]] = {}
    tag_ids: defaultdict[Pair, set[str]] = defaultdict(set)
    for chunk in sql.chunks(external_userids):
        for row in conn.execute(
            select(tables.follow).where(_follow.corp_id == corp_id, _follow.external_userid.in_(chunk))
        ):
            follows[row.staff_userid, row.external_userid] = row
        for row in conn.execute(
            select(tables.follow_tag).where(_tag.corp_id == corp_id, _tag.external_userid.in_(chunk))
        ):
            tag_ids[row.staff_userid, row.external_userid].add(row.tag_id)
    return follows, tag_ids


def _put_tags(conn: Connection, corp_id: str, follows: Sequence[Follow]) -> None:
    if not follows:
        return
    pairs = [(follow.staff_userid, follow.external_userid) for follow in follows]
    conn.execute(_where_pair(delete(tables.follow_tag)), [_binds(corp_id, pair) for pair in pairs])
    rows = [
        _key(corp_id, pair) | {"tag_id": one}
        for pair, follow in zip(pairs, follows, strict=True)
        for one in follow.tag_ids
    ]
    sql.insert_ignore(conn, tables.follow_tag, rows)


def _key(corp_id: str, pair: Pair) -> dict[str, Any]:
    return dict(zip(_PAIR, (corp_id, *pair), strict=True))


def _binds(corp_id: str, pair: Pair) -> dict[str, Any]:
    return {"of_corp": corp_id, "of_staff": pair[0], "of_customer": pair[1]}


def _where_pair(statement: S) -> S:
    c = statement.table.c
    return statement.where(
        c.corp_id == bindparam("of_corp"),
        c.staff_userid == bindparam("of_staff"),
        c.external_userid == bindparam("of_customer"),
    )
