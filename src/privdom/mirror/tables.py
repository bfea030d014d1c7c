"""The tables of the mirror: what WeCom knows about a corp, and what this library knows about its customers."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import BigInteger, Boolean, Column, Connection, Float, Index, Integer, Table, Text, func, select

from privdom.store import JsonText, UtcTime, metadata


__all__ = [
    "corp_tag",
    "customer",
    "fact",
    "follow",
    "follow_tag",
    "group_chat",
    "group_member",
    "lock",
    "staff",
    "sync",
    "sync_part",
]

# `generation` is the number of the full sync that last saw a row; what a complete
# sync has not seen is gone. `seen_at` is when the answer that a row comes from was
# asked for: an older answer never overwrites a newer one.

staff = Table(
    "privdom_staff",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("staff_userid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", Integer),
    Column("generation", Integer, nullable=False),
)

customer = Table(
    "privdom_customer",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("external_userid", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Integer),
    Column("gender", Integer),
    Column("unionid", Text, nullable=False),
    Column("corp_name", Text, nullable=False),
    Column("generation", Integer, nullable=False),
)

follow = Table(
    "privdom_follow",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("staff_userid", Text, primary_key=True),
    Column("external_userid", Text, primary_key=True),
    Column("created_at", UtcTime),
    Column("state", Text, nullable=False),
    Column("add_way", Integer),
    Column("remark", Text, nullable=False),
    Column("description", Text, nullable=False),
    # False for a customer whom the staff has not accepted yet: WeCom's lists leave such relations out.
    Column("confirmed", Boolean, nullable=False),
    # The last add that was told to the event log.
    Column("announced_at", UtcTime),
    Column("deleted_by_customer_at", UtcTime),
    # Kept until the next full sync, so that late answers and events cannot bring the relation back.
    Column("removed_at", UtcTime),
    Column("seen_at", UtcTime, nullable=False),
    Column("generation", Integer, nullable=False),
    Index(None, "corp_id", "external_userid"),
)

follow_tag = Table(
    "privdom_follow_tag",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("staff_userid", Text, primary_key=True),
    Column("external_userid", Text, primary_key=True),
    Column("tag_id", Text, primary_key=True),
    Index(None, "corp_id", "tag_id"),
)

corp_tag = Table(
    "privdom_corp_tag",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("tag_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("group_name", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("group_position", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
)

group_chat = Table(
    "privdom_group_chat",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("chat_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created_at", UtcTime),
    Column("member_version", Text, nullable=False),
    Column("removed_at", UtcTime),
    Column("seen_at", UtcTime, nullable=False),
    Column("generation", Integer, nullable=False),
)

group_member = Table(
    "privdom_group_member",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("chat_id", Text, primary_key=True),
    # A staff's userid, or an external_userid; `type` says which: 1 or 2.
    Column("member_id", Text, primary_key=True),
    Column("type", Integer),
    Column("joined_at", UtcTime),
    Column("join_scene", Integer),
    Column("state", Text, nullable=False),
    Index(None, "corp_id", "member_id"),
)

fact = Table(
    "privdom_fact",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("external_userid", Text, primary_key=True),
    Column("value", JsonText, nullable=False),
    # The value again where it is a number, so that a database can compare it.
    Column("number", Float),
    Column("at", UtcTime, nullable=False),
    Index(None, "corp_id", "external_userid"),
)

sync = Table(
    "privdom_sync",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    # {kind: [added, changed, removed]}, and what could not be read: {what: reason}.
    Column("counts", JsonText, nullable=False),
    Column("left_out", JsonText, nullable=False),
)

sync_part = Table(
    "privdom_sync_part",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("staff", JsonText, nullable=False),
    Column("cursor", Text, nullable=False),
    Column("done", Boolean, nullable=False),
)


def lock(conn: Connection, corp_id: str) -> None:
    """
    Let this transaction alone change what the mirror of a corp holds, until it ends.

    A page of a sync and an event compare with what is there before they write.
    SQLite has one writer anyway.
    """
    if conn.dialect.name == "postgresql":
        key = int.from_bytes(sha256(f"privdom mirror {corp_id}".encode()).digest()[:8], "big", signed=True)
        conn.execute(select(func.pg_advisory_xact_lock(key)))
