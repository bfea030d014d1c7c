"""
The durable log of domain events, which consumers follow with a cursor each.

A producer appends in the transaction that makes the thing happen. A consumer
reads a batch, acts on it in the database and moves its cursor, in one
transaction too, so that each event takes effect exactly once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import attrs

from sqlalchemy import BigInteger, Column, Connection, Index, String, Table, func, select

from privdom.errors import UsageError
from privdom.events.types import DomainEvent, dump, load
from privdom.store import BigId, JsonText, Store, metadata, sql


__all__ = ["Batch", "EventLog"]

event_table = Table(
    "privdom_event",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=True),
    Column("corp_id", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("data", JsonText, nullable=False),
    Index(None, "corp_id", "seq"),
    # Numbers are never given twice, even when the newest events have been deleted.
    sqlite_autoincrement=True,
)
cursor_table = Table(
    "privdom_event_cursor",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("consumer", String(128), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

# The first of PostgreSQL's two advisory lock keys: any number, always the same.
_LOCK = 0x7072_6976


@attrs.frozen
class Batch:
    """Events to act on, and the transaction to do so in."""

    connection: Connection
    events: tuple[tuple[int, DomainEvent], ...]


class EventLog:
    """The events of a database. All but `batch` work in a transaction of the caller's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def append(conn: Connection, corp_id: str, *events: DomainEvent) -> None:
        """
        Log *events*, in this order; they are there once the transaction is committed.

        Do it last in a transaction: on PostgreSQL it waits for whoever else is logging for this corp.
        """
        if not events:
            return
        if conn.dialect.name == "postgresql":
            # PostgreSQL numbers rows when they are inserted but shows them when
            # they are committed. Were 7 committed before 6, a reader would move
            # its cursor past 6 and never see it. Holding this lock until the
            # commit makes both orders one, per corp. (Comparing transaction ids
            # would need no lock, but every long transaction of the host would
            # hold up all consumers.) SQLite has a single writer anyway.
            conn.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(corp_id))))
        rows = [{"corp_id": corp_id, "kind": event.kind, "data": dump(event)} for event in events]
        conn.execute(event_table.insert(), rows)

    @staticmethod
    def read(
        conn: Connection, corp_id: str, consumer: str, kinds: Sequence[str] | None = None, limit: int = 1000
    ) -> list[tuple[int, DomainEvent]]:
        """
        Return the next events behind the cursor of *consumer*, each with its id, oldest first.

        *conn* is a write transaction, in which `advance` follows; until it ends, another worker of the same consumer
        waits here. *kinds* are the only ones wanted; by default all. If there are none, the cursor moves past the others.
        """
        if limit < 1:
            msg = f"limit must be at least 1, not {limit}"
            raise UsageError(msg)
        cursor = cursor_table.c
        sql.insert_ignore(conn, cursor_table, [{"corp_id": corp_id, "consumer": consumer, "seq": 0}])
        mine = (cursor.corp_id == corp_id, cursor.consumer == consumer)
        seen: int = conn.execute(select(cursor.seq).where(*mine).with_for_update()).scalar_one()
        new = (event_table.c.corp_id == corp_id, event_table.c.seq > seen)
        # Asked first: an event that is committed in between is not passed by unseen.
        newest: int | None = None if kinds is None else conn.scalar(select(func.max(event_table.c.seq)).where(*new))
        query = select(event_table.c.seq, event_table.c.kind, event_table.c.data).where(*new)
        if kinds is not None:
            query = query.where(event_table.c.kind.in_(kinds))
        rows = conn.execute(query.order_by(event_table.c.seq).limit(limit)).all()
        if not rows and newest is not None:
            # Or those that nobody here wants would be looked through each time.
            EventLog.advance(conn, corp_id, consumer, newest)
        return [(seq, load(kind, data)) for seq, kind, data in rows]

    @staticmethod
    def advance(conn: Connection, corp_id: str, consumer: str, seq: int) -> None:
        """Move the cursor of *consumer* to the event *seq*, the last one handled; a cursor never moves back."""
        cursor = cursor_table.c
        sql.insert_ignore(conn, cursor_table, [{"corp_id": corp_id, "consumer": consumer, "seq": 0}])
        mine = (cursor.corp_id == corp_id, cursor.consumer == consumer, cursor.seq < seq)
        conn.execute(cursor_table.update().where(*mine).values(seq=seq))

    @contextmanager
    def batch(
        self, corp_id: str, consumer: str, kinds: Sequence[str] | None = None, limit: int = 1000
    ) -> Generator[Batch, None, None]:
        """
        Open a transaction with the next events in it; its end moves the cursor past them.

        ::

            with log.batch(corp_id, "my-crm", ["follow_added"]) as batch:
                for _, event in batch.events:
                    batch.connection.execute(...)
        """
        with self._store.begin() as conn:
            events = self.read(conn, corp_id, consumer, kinds, limit)
            yield Batch(conn, tuple(events))
            if events:
                self.advance(conn, corp_id, consumer, events[-1][0])

    def __repr__(self) -> str:
        return f"<EventLog in {self._store!r}>"
