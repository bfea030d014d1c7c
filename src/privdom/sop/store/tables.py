"""The tables of journeys."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Connection, Index, Integer, String, Table, Text, func, select

from privdom.sop.rules import EnrolmentState, StepState
from privdom.store import JsonText, UtcTime, metadata


__all__ = ["enrolment", "journey", "lock", "step", "version"]

# The first of PostgreSQL's two advisory lock keys: any number that no other part of the library uses.
_LOCK = 0x736F_7000

journey = Table(
    "privdom_journey",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("journey_id", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("paused", Boolean, nullable=False),
)

version = Table(
    "privdom_journey_version",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("journey_id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("definition", JsonText, nullable=False),
    Column("saved_at", UtcTime, nullable=False),
)

enrolment = Table(
    "privdom_journey_enrolment",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("journey_id", String(64), primary_key=True),
    Column("external_userid", String(64), primary_key=True),
    Column("rotation", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("staff_userid", String(64), nullable=False),
    # The occurrence of its steps; one more is a step planned again.
    Column("occurrence", Integer, nullable=False),
    Column("enrolled_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
Index(
    "ix_privdom_journey_enrolment_open",
    enrolment.c.corp_id,
    enrolment.c.ends_at,
    sqlite_where=enrolment.c.state == EnrolmentState.ACTIVE.value,
    postgresql_where=enrolment.c.state == EnrolmentState.ACTIVE.value,
)
Index("ix_privdom_journey_enrolment_customer", enrolment.c.corp_id, enrolment.c.external_userid)

step = Table(
    "privdom_journey_step",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("journey_id", String(64), primary_key=True),
    Column("step_id", String(64), primary_key=True),
    Column("external_userid", String(64), primary_key=True),
    Column("occurrence", Integer, primary_key=True),
    Column("rotation", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("staff_userid", String(64), nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("window_end", UtcTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("unit_id", String(64)),
    Column("at", UtcTime, nullable=False),
)
_IN_HAND = step.c.state.in_([StepState.PLANNED.value, StepState.CONFIRMED.value])
# The cost of looking for work grows with what is due, not with all that ever was.
Index(
    "ix_privdom_journey_step_due",
    step.c.corp_id,
    step.c.due_at,
    sqlite_where=step.c.state == StepState.WAITING.value,
    postgresql_where=step.c.state == StepState.WAITING.value,
)
Index(
    "ix_privdom_journey_step_open",
    step.c.corp_id,
    step.c.state,
    step.c.window_end,
    sqlite_where=_IN_HAND,
    postgresql_where=_IN_HAND,
)
# Without those that never were in a unit: they are most, and what SQLite knows of an index is its average.
Index(
    "ix_privdom_journey_step_unit",
    step.c.corp_id,
    step.c.unit_id,
    sqlite_where=step.c.unit_id.is_not(None),
    postgresql_where=step.c.unit_id.is_not(None),
)
Index("ix_privdom_journey_step_customer", step.c.corp_id, step.c.external_userid)


def lock(conn: Connection, corp_id: str) -> None:
    """
    Let this transaction alone change the journeys of a corp, until it ends.

    Its work is short and decides on sets of rows, so one worker at a time is simpler than locks of rows, and as fast.
    SQLite has one writer anyway.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(corp_id))))
