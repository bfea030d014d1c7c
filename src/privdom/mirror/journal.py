"""How far a full sync has come, as rows: what lets the next run go on after a crash at any point."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from privdom.mirror import tables
from privdom.mirror.report import KINDS, Changes, SyncReport
from privdom.store import sql


__all__ = [
    "STAGES",
    "Part",
    "Sync",
    "advance",
    "begin",
    "count",
    "leave_out",
    "open_parts",
    "plan_parts",
    "report",
    "split",
    "turn_page",
]

STAGES = ("staff", "tags", "customers", "groups", "sweep", "done")
# WeCom answers for so many staff at once.
PART = 100

_s = tables.sync.c
_p = tables.sync_part.c


@attrs.frozen
class Sync:
    """A full sync that is under way."""

    corp_id: str
    generation: int
    stage: str
    started_at: datetime

    @property
    def tells(self) -> bool:
        """Whether it tells the event log of relations it finds: the first one finds what was there all along."""
        return self.generation > 1


@attrs.frozen
class Part:
    """Up to 100 staff whose customers or groups are read page by page; *cursor* is where the next page begins."""

    kind: str
    number: int
    staff: tuple[str, ...]
    cursor: str


def begin(conn: Connection, corp_id: str, now: datetime) -> Sync:
    """Take up the sync that was broken off, or start the next one."""
    old = conn.execute(select(tables.sync).where(_s.corp_id == corp_id)).one_or_none()
    if old is not None and old.stage != "done":
        return Sync(corp_id, old.generation, old.stage, old.started_at)
    new = Sync(corp_id, 1 if old is None else old.generation + 1, STAGES[0], now)
    row: dict[str, Any] = {**attrs.asdict(new), "counts": {}, "left_out": {}}
    sql.upsert(conn, tables.sync, [row], keys=["corp_id"])
    conn.execute(delete(tables.sync_part).where(_p.corp_id == corp_id))
    return new


def advance(conn: Connection, sync: Sync, stage: str) -> None:
    """Record that *stage* is complete, unless another process has."""
    after = STAGES[STAGES.index(stage) + 1]
    conn.execute(update(tables.sync).where(*_at(sync, stage)).values(stage=after))


def is_at(conn: Connection, sync: Sync, stage: str) -> bool:
    """Whether this sync is still in *stage*: several processes may work on one."""
    return conn.execute(select(_s.generation).where(*_at(sync, stage))).first() is not None


def count(conn: Connection, sync: Sync, kind: str, changes: Changes) -> None:
    """Add to the numbers of the report."""
    counts = dict(conn.execute(select(_s.counts).where(_s.corp_id == sync.corp_id)).scalar_one())
    counts[kind] = attrs.astuple(Changes(*counts.get(kind, ())) + changes)
    conn.execute(update(tables.sync).where(_s.corp_id == sync.corp_id).values(counts=counts))


def leave_out(conn: Connection, sync: Sync, what: str, why: str) -> None:
    """Record that something cannot be read, and so must not be taken for gone."""
    left_out = dict(conn.execute(select(_s.left_out).where(_s.corp_id == sync.corp_id)).scalar_one())
    left_out[what] = why
    conn.execute(update(tables.sync).where(_s.corp_id == sync.corp_id).values(left_out=left_out))


def report(conn: Connection, sync: Sync) -> SyncReport:
    """Return what this sync has done so far."""
    row = conn.execute(select(tables.sync).where(_s.corp_id == sync.corp_id)).one()
    changes = {kind: Changes(*row.counts.get(kind, ())) for kind in KINDS}
    return SyncReport(sync.generation, sync.started_at, **changes, left_out=row.left_out)


def plan_parts(conn: Connection, sync: Sync, kind: str, staff: Sequence[str]) -> None:
    """Cut the staff whose customers or groups are to be read into parts."""
    rows = [_row(sync, kind, number, part) for number, part in enumerate(sql.chunks(staff, PART))]
    sql.insert_ignore(conn, tables.sync_part, rows)


def open_parts(conn: Connection, sync: Sync, kind: str) -> list[Part]:
    """Return the parts that are not complete."""
    query = select(_p.kind, _p.part, _p.staff, _p.cursor).order_by(_p.part)
    rows = conn.execute(query.where(_p.corp_id == sync.corp_id, _p.kind == kind, _p.done.is_(False)))
    return [Part(kind, number, tuple(staff), cursor) for kind, number, staff, cursor in rows]


def turn_page(conn: Connection, sync: Sync, part: Part, cursor: str, *, restart: bool = False) -> bool:
    """
    Record where the next page of *part* begins; an empty *cursor* completes it, or restarts it.

    Returns:
        Whether this page is yours to write. Another process may have been faster.
    """
    if not is_at(conn, sync, part.kind):
        return False
    values = {"cursor": cursor, "done": not cursor and not restart}
    return conn.execute(update(tables.sync_part).where(*_of(sync, part)).values(**values)).rowcount == 1


def split(conn: Connection, sync: Sync, part: Part) -> None:
    """Halve a part that WeCom refuses as a whole; both halves start at their first page."""
    half = len(part.staff) // 2
    statement = update(tables.sync_part).where(*_of(sync, part))
    if (
        not is_at(conn, sync, part.kind)
        or not conn.execute(statement.values(staff=list(part.staff[:half]), cursor="")).rowcount
    ):
        return
    numbers = select(func.max(_p.part)).where(_p.corp_id == sync.corp_id, _p.kind == part.kind)
    row = _row(sync, part.kind, conn.execute(numbers).scalar_one() + 1, part.staff[half:])
    sql.insert_ignore(conn, tables.sync_part, [row])


def _row(sync: Sync, kind: str, number: int, staff: Sequence[str]) -> dict[str, Any]:
    return {
        "corp_id": sync.corp_id,
        "kind": kind,
        "part": number,
        "staff": list(staff),
        "cursor": "",
        "done": False,
    }


def _at(sync: Sync, stage: str) -> tuple[ColumnElement[bool], ...]:
    return (_s.corp_id == sync.corp_id, _s.generation == sync.generation, _s.stage == stage)


def _of(sync: Sync, part: Part) -> tuple[ColumnElement[bool], ...]:
    # With the cursor and the staff as they were read: of two processes, one turns the page.
    mine = (_p.corp_id == sync.corp_id, _p.kind == part.kind, _p.part == part.number)
    return (*mine, _p.staff == list(part.staff), _p.cursor == part.cursor, _p.done.is_(False))
