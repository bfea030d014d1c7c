"""
What changes the mirror: each function compares an answer of WeCom with what is there, and writes the difference.

They all run in the caller's transaction, which holds `tables.lock`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

import attrs

from sqlalchemy import Connection, Select, Table, Update, bindparam, delete, select, update

from privdom.mirror import tables
from privdom.mirror.report import Changes
from privdom.mirror.values import CorpTag, Customer, Group, Staff
from privdom.store import sql


__all__ = ["current_generation", "put", "put_group", "remove_group", "remove_tags"]

_GENERATION = select(tables.sync.c.generation).where(tables.sync.c.corp_id == bindparam("of_corp"))


def current_generation(conn: Connection, corp_id: str) -> int:
    """Return the number of the full sync that runs, or ran last; 0 before the first."""
    return conn.execute(_GENERATION, {"of_corp": corp_id}).scalar() or 0


def put(
    conn: Connection, table: Table, corp_id: str, values: Iterable[Staff | Customer | CorpTag], generation: int
) -> Changes:
    """Insert or update staff, customers or tags, each in its own *table*."""
    read, touch, key = _of_table(table)
    rows = {row[key]: row for row in map(attrs.asdict, values)}
    written = dict(rows)
    unseen: list[str] = []
    differ = 0
    for chunk in sql.chunks(rows):
        for old in conn.execute(read, {"of_corp": corp_id, "some": chunk}).mappings():
            if all(old[name] == value for name, value in rows[old[key]].items()):
                del written[old[key]]
                if old["generation"] != generation:
                    unseen.append(old[key])
            else:
                differ += 1
    sql.upsert(
        conn,
        table,
        [{"corp_id": corp_id, "generation": generation, **written[one]} for one in sorted(written)],
        keys=["corp_id", key],
    )
    for chunk in sql.chunks(unseen):
        conn.execute(touch, {"of_corp": corp_id, "some": chunk, "by": generation})
    return Changes(added=len(written) - differ, changed=differ)


@cache
def _of_table(table: Table) -> tuple[Select[*tuple[Any, ...]], Update, str]:
    """Return the statements that read some rows of *table* and that move their generation, and the name of its key."""
    key = list(table.primary_key)[1]
    mine = (table.c.corp_id == bindparam("of_corp"), key.in_(bindparam("some", expanding=True)))
    return select(table).where(*mine), update(table).where(*mine).values(generation=bindparam("by")), key.name


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
