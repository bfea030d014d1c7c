"""A small corp written straight into the mirror, and what is wanted of its tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from privdom.mirror import tables
from privdom.store import Store, metadata, sql


_SEEN = datetime(2026, 1, 1, tzinfo=UTC)


def follow(store: Store, corp_id: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Let the mirror know customers and who follows them, as (staff, customer)."""
    pairs = list(pairs)
    customers = [
        {"corp_id": corp_id, "external_userid": who, "name": "", "unionid": "", "corp_name": "", "generation": 1}
        for who in dict.fromkeys(who for _, who in pairs)
    ]
    follows = [
        {
            "corp_id": corp_id,
            "staff_userid": staff,
            "external_userid": who,
            "state": "",
            "remark": "",
            "description": "",
            "confirmed": True,
            "seen_at": _SEEN,
            "generation": 1,
        }
        for staff, who in pairs
    ]
    with store.begin() as conn:
        sql.upsert(conn, tables.customer, customers, keys=["corp_id", "external_userid"])
        sql.upsert(conn, tables.follow, follows, keys=["corp_id", "staff_userid", "external_userid"])


def known_tags(store: Store, corp_id: str, group: str, tags: Mapping[str, str]) -> None:
    """Let the mirror know corp tags, as {name: id}."""
    rows = [
        {"corp_id": corp_id, "tag_id": tag_id, "name": name, "group_id": "g", "group_name": group}
        | {"position": 0, "group_position": 0, "generation": 1}
        for name, tag_id in tags.items()
    ]
    with store.begin() as conn:
        sql.upsert(conn, tables.corp_tag, rows, keys=["corp_id", "tag_id"])


def wanted_tags(conn: Connection, corp_id: str) -> set[tuple[str, str, str, bool]]:
    """Return what was asked of the tags of relations: staff, customer, tag, and whether it shall be there."""
    table = metadata.tables["privdom_desired_tag"]
    query = select(table.c.staff, table.c.customer, table.c.tag_id, table.c.wanted)
    return {tuple(row) for row in conn.execute(query.where(table.c.corp_id == corp_id))}
