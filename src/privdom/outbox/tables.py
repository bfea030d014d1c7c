"""The tables of the outbox."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from privdom.errors import UsageError
from privdom.store import BigId, UtcTime, metadata


__all__ = ["audit", "check_length", "ledger", "staff_reading", "suppression", "unit"]

unit = Table(
    "privdom_unit",
    metadata,
    # The order of what falls due at one time: ids of our own or of the caller's choice do not sort.
    Column("seq", BigId, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("corp_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("category", String(32), nullable=False),
    Column("lane", String(255), nullable=False),
    Column("state", String(12), nullable=False),
    Column("policy", String(8), nullable=False),
    Column("request", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("nonce", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("worker", String(64)),
    Column("created_at", UtcTime, nullable=False),
    # When the engine has something to do: ready, not before; calling, deadline and settle; uncertain, the next
    # look-up; confirmed, the next sweep. NULL: never.
    Column("due_at", UtcTime),
    Column("armed_at", UtcTime),
    Column("absent_seen", UtcTime),
    Column("lookups", Integer, nullable=False),
    Column("suspect", Boolean, nullable=False),
    Column("prepared", Text),
    Column("remote_id", String(128)),
    Column("answer", Text),
    Column("reason", Text),
    Column("settled_at", UtcTime),
)
_OPEN = unit.c.state.in_(["ready", "calling", "uncertain"])
_IN_FLIGHT = unit.c.state.in_(["calling", "uncertain"])
Index(
    "ix_privdom_unit_due",
    unit.c.corp_id,
    unit.c.due_at,
    sqlite_where=unit.c.due_at.is_not(None),
    postgresql_where=unit.c.due_at.is_not(None),
)
Index("ix_privdom_unit_lane", unit.c.corp_id, unit.c.lane, unit.c.seq, sqlite_where=_OPEN, postgresql_where=_OPEN)
# By constraint, whatever two workers do at once: one unit of a lane in flight ...
Index(
    "uq_privdom_unit_lane",
    unit.c.corp_id,
    unit.c.lane,
    unique=True,
    sqlite_where=_IN_FLIGHT,
    postgresql_where=_IN_FLIGHT,
)
# ... and one unit for what WeCom made of it.
Index(
    "uq_privdom_unit_remote",
    unit.c.corp_id,
    unit.c.kind,
    unit.c.remote_id,
    unique=True,
    sqlite_where=unit.c.remote_id.is_not(None),
    postgresql_where=unit.c.remote_id.is_not(None),
)
Index("ix_privdom_unit_fingerprint", unit.c.corp_id, unit.c.fingerprint)

ledger = Table(
    "privdom_ledger",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("step", String(128), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Column("occurrence", String(64), primary_key=True),
    Column("unit_id", String(64)),
    Column("state", String(12), nullable=False),
    Column("code", Integer),
    # Whether it counts towards caps and rules once it is planned or sent, and as what. What staff send on their own
    # has rows without a unit and a category.
    Column("reach", Boolean, nullable=False),
    Column("category", String(32), nullable=False),
    # Planned, when it is due; then when that came about.
    Column("at", UtcTime, nullable=False),
)
Index("ix_privdom_ledger_unit", ledger.c.unit_id)
Index("ix_privdom_ledger_reach", ledger.c.corp_id, ledger.c.subject, ledger.c.at)

suppression = Table(
    "privdom_suppression",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("subject", String(64), primary_key=True),
    # Empty: nothing at all.
    Column("category", String(32), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

# How far what staff send on their own has been read.
staff_reading = Table(
    "privdom_staff_reading",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("chat_type", String(16), primary_key=True),
    Column("read_to", UtcTime, nullable=False),
)

audit = Table(
    "privdom_audit",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=True),
    Column("corp_id", String(64), nullable=False),
    Column("unit_id", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("remote_id", String(128)),
    Column("note", Text, nullable=False),
)
Index("ix_privdom_audit_unit", audit.c.unit_id)


def check_length(column: Column[Any], name: str, value: str) -> None:
    """
    Check that *value* fits into *column*: PostgreSQL would refuse what is too long, SQLite would take it.

    Raises:
        UsageError: It does not; the message calls it by *name*.
    """
    longest = column.type.length if isinstance(column.type, String) else None
    if longest is not None and len(value) > longest:
        msg = f"{name} has {len(value)} characters, and at most {longest} fit"
        raise UsageError(msg)
