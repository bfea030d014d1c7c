"""The inbox: callbacks on disk, each once, until every handler has done its part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import attrs

from sqlalchemy import Column, ColumnElement, Connection, Index, Integer, LargeBinary, String, Table, Text, select

from privdom.store import BigId, Store, UtcTime, metadata, sql
from privdom.wecom.callbacks import Event, InboxMessage, keep_event


__all__ = ["HANDLER_CHARS", "Pending", "SqlInbox"]

HANDLER_CHARS = 128
"""The most that the name of a handler may have."""

inbox_table = Table(
    "privdom_inbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("corp_id", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("xml", LargeBinary, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    # When it may be taken (again); NULL once it is handled.
    Column("due_at", UtcTime),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    sqlite_autoincrement=True,
)
Index("uq_privdom_inbox_digest", inbox_table.c.corp_id, inbox_table.c.digest, unique=True)
Index(
    "ix_privdom_inbox_due",
    inbox_table.c.corp_id,
    inbox_table.c.due_at,
    sqlite_where=inbox_table.c.due_at.is_not(None),
    postgresql_where=inbox_table.c.due_at.is_not(None),
)
handled_table = Table(
    "privdom_inbox_handled",
    metadata,
    Column("inbox_id", BigId, primary_key=True, autoincrement=False),
    Column("handler", String(HANDLER_CHARS), primary_key=True),
    Column("at", UtcTime, nullable=False),
)


@attrs.frozen
class Pending:
    """
    A message that some handler has not done yet.

    Attributes:
        id: its number in the inbox.
        xml: the decrypted callback.
        received_at: when it came in.
        attempts: how often a handler of it has failed.
        error: the last failure, or None; what a handler raises may name people, so no repr shows it.
        handled_by: the handlers that are done with it.
    """

    id: int
    xml: bytes = attrs.field(repr=False)
    received_at: datetime
    attempts: int
    error: str | None = attrs.field(repr=False)
    handled_by: frozenset[str]

    @cached_property
    def event(self) -> Event:
        """What it reports; read once for all handlers."""
        return keep_event(self.xml)


class SqlInbox:
    """The inbox of a store: what `privdom.wecom.callbacks.Callbacks` commits to before it acknowledges."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, message: InboxMessage) -> bool:
        """Commit *message*; return False if it is there already."""
        row = {
            "corp_id": message.corp_id,
            "digest": message.digest,
            "xml": message.xml,
            "received_at": message.received_at,
            "due_at": message.received_at,
            "attempts": 0,
            "error": None,
        }
        with self._store.begin() as conn:
            return sql.insert_ignore(conn, inbox_table, [row]) == 1

    def failing(self, corp_id: str, *, limit: int = 100) -> tuple[Pending, ...]:
        """Return messages that a handler has failed on and that are not done yet, the oldest first."""
        with self._store.read() as conn:
            failed = (inbox_table.c.due_at.is_not(None), inbox_table.c.attempts > 0)
            return _load(conn, (inbox_table.c.corp_id == corp_id, *failed), limit)

    def forget(self, corp_id: str, before: datetime) -> int:
        """
        Delete messages that are done and came in before *before*; return how many.

        WeCom repeats a callback within seconds, so what is older than a day is not missed as a mark of replays.
        """
        done = (
            inbox_table.c.corp_id == corp_id,
            inbox_table.c.due_at.is_(None),
            inbox_table.c.received_at < before,
        )
        with self._store.begin() as conn:
            ids = select(inbox_table.c.id).where(*done)
            conn.execute(handled_table.delete().where(handled_table.c.inbox_id.in_(ids)))
            return conn.execute(inbox_table.delete().where(*done)).rowcount

    def __repr__(self) -> str:
        return f"<SqlInbox in {self._store!r}>"


def claim(conn: Connection, corp_id: str, now: datetime, until: datetime, limit: int) -> tuple[Pending, ...]:
    """Take messages that are due; nobody else is given them before *until*."""
    due = select(inbox_table.c.id).where(inbox_table.c.corp_id == corp_id, inbox_table.c.due_at <= now)
    due = due.order_by(inbox_table.c.due_at, inbox_table.c.id).limit(limit).with_for_update(skip_locked=True)
    ids = conn.execute(due).scalars().all()
    taken: list[Pending] = []
    for chunk in sql.chunks(ids):
        these = inbox_table.c.id.in_(chunk)
        conn.execute(inbox_table.update().where(these).values(due_at=until))
        taken += _load(conn, (these,), limit)
    return tuple(sorted(taken, key=lambda message: message.id))


def mark_handled(conn: Connection, messages: Sequence[Pending], handler: str, now: datetime) -> int:
    """Record that *handler* is done with *messages*; return of how many nobody else has recorded it."""
    rows = [{"inbox_id": message.id, "handler": handler, "at": now} for message in messages]
    return sql.insert_ignore(conn, handled_table, rows)


def mark_failed(conn: Connection, message: Pending, failures: Sequence[str], retry_at: datetime) -> None:
    """Count the *failures* of one attempt at *message*, and let it be taken again at *retry_at*."""
    values = {"due_at": retry_at, "attempts": inbox_table.c.attempts + 1, "error": "; ".join(failures)}
    conn.execute(inbox_table.update().where(inbox_table.c.id == message.id).values(values))


def mark_done(conn: Connection, messages: Sequence[Pending]) -> None:
    """Record that no handler has anything left to do with *messages*."""
    for chunk in sql.chunks(message.id for message in messages):
        conn.execute(inbox_table.update().where(inbox_table.c.id.in_(chunk)).values(due_at=None))


def next_due(conn: Connection, corp_id: str) -> datetime | None:
    """Return when the next message may be taken, or None if there is none."""
    due: ColumnElement[datetime] = inbox_table.c.due_at
    waiting = select(due).where(inbox_table.c.corp_id == corp_id, due.is_not(None))
    return conn.execute(waiting.order_by(due).limit(1)).scalar_one_or_none()


def _load(conn: Connection, where: tuple[ColumnElement[bool], ...], limit: int) -> tuple[Pending, ...]:
    columns = [inbox_table.c[name] for name in ("id", "xml", "received_at", "attempts", "error")]
    rows = conn.execute(select(*columns).where(*where).order_by(inbox_table.c.id).limit(limit)).all()
    handled: dict[int, set[str]] = {row.id: set() for row in rows}
    done = select(handled_table.c.inbox_id, handled_table.c.handler)
    for chunk in sql.chunks(handled):
        for inbox_id, handler in conn.execute(done.where(handled_table.c.inbox_id.in_(chunk))):
            handled[inbox_id].add(handler)
    return tuple(
        Pending(row.id, row.xml, row.received_at, row.attempts, row.error, frozenset(handled[row.id])) for row in rows
    )
