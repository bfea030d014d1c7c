"""
What a tick costs when many more are enrolled: pages (PostgreSQL) and steps of its machine (SQLite), not seconds.

1,000 customers are due. With each customer enrolled come a step that waits for
a later day, a message of the past in the ledger, and an event; with each 1,000
a call of the past. A tick is all that a worker would do: ask when to work,
advance the journeys, tick the outbox, and take in what came of it.

PRIVDOM_BENCH_ENROLLED=1000000 makes it shorter than 10,000,000 do.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from sqlalchemy import Connection, event
from tests.postgres import new_database, running_server

from bench.harness import Figure
from bench.outbox import answer
from privdom import WeCom
from privdom.outbox import Outbox
from privdom.sop import Journey, Journeys, Step
from privdom.store import Store, metadata
from privdom.store.engine import make_engine


__all__ = ["cost", "fill"]

_FEW, _MANY = 100_000, int(os.environ.get("PRIVDOM_BENCH_ENROLLED", "10000000"))
_LIMIT = 1.3
_CORP = "ww1"
_DUE = 1000
_STAFF = 5
_NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)  # 10:00 in China
_JOURNEY = Journey("welcome", [Step("hello", timedelta(hours=1), "你好"), Step("later", timedelta(days=40), "还好吗")])
_FILLED = [metadata.tables[f"privdom_{name}"] for name in ("journey_step", "journey_enrolment", "ledger", "event")]
_HOUR, _DAY = 3_600_000_000, 86_400_000_000

_SERIES = {
    "sqlite": "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i + 1 < {n})",
    "postgresql": "WITH s AS (SELECT i FROM generate_series(0, {n} - 1) AS i)",
}
_CUSTOMER = {"sqlite": "printf('wm%010d', i)", "postgresql": "'wm' || lpad(i::text, 10, '0')"}
# The customers who are due stand all over the tables, not next to each other.
_IS_DUE = "i % ({n} / {due}) = 0"
_FILL = (
    # Due in an hour, or on one of the 30 days after tomorrow.
    (
        "INSERT INTO privdom_journey_step (corp_id, journey_id, step_id, external_userid, occurrence, rotation, version, "
        "staff_userid, due_at, window_end, state, reason, unit_id, at) {series} SELECT '{corp}', 'welcome', 'hello', "
        "{customer}, 0, 0, 1, CASE WHEN {is_due} THEN 'staff' || CAST(i / ({n} / {due}) % {staff} AS TEXT) "
        "ELSE 'other' || CAST(i % 500 AS TEXT) END, {due_at}, {due_at} + {day}, 'waiting', '', NULL, {now} FROM s"
    ),
    (
        "INSERT INTO privdom_journey_enrolment (corp_id, journey_id, external_userid, rotation, version, staff_userid, "
        "occurrence, enrolled_at, ends_at, state, reason, at) {series} SELECT '{corp}', 'welcome', {customer}, 0, 1, "
        "CASE WHEN {is_due} THEN 'staff' || CAST(i / ({n} / {due}) % {staff} AS TEXT) "
        "ELSE 'other' || CAST(i % 500 AS TEXT) END, 0, {now}, {due_at} + 41 * {day}, 'active', '', {now} FROM s"
    ),
    # One message each in the days before.
    (
        "INSERT INTO privdom_ledger (corp_id, step, subject, occurrence, unit_id, state, code, reach, category, at) {series} "
        "SELECT '{corp}', 'before', {customer}, '', 'u' || CAST(i / 1000 AS TEXT), 'sent', NULL, {true}, 'marketing', "
        "{now} - i / ({n} / {due}) % 20 * {day} FROM s"
    ),
    "INSERT INTO privdom_event (corp_id, kind, data) {series} SELECT '{corp}', 'journey_entered', '{{}}' FROM s",
    (
        "INSERT INTO privdom_unit (id, corp_id, kind, owner, category, lane, state, policy, request, fingerprint, nonce, attempt, "
        "fence, created_at, lookups, suspect, remote_id, settled_at) {units} SELECT 'u' || CAST(i AS TEXT), '{corp}', "
        "'broadcast', 'sop', 'marketing', 'message:other' || CAST(i % 500 AS TEXT), 'confirmed', 'park', '{{}}', "
        "CAST(i AS TEXT), '', 1, 1, {now}, 0, {false}, CAST(i AS TEXT), {now} FROM s"
    ),
    "INSERT INTO privdom_event_cursor (corp_id, consumer, seq) SELECT '{corp}', 'sop', 0",
)


class _Clock:
    def __init__(self) -> None:
        self.time = _NOW

    def now(self) -> datetime:
        return self.time


def fill(conn: Connection, enrolled: int) -> None:
    """Write what *enrolled* customers leave in the tables; the steps of 1,000 of them fall due in an hour."""
    dialect = conn.dialect.name
    true, false = ("1", "0") if dialect == "sqlite" else ("true", "false")
    values: dict[str, Any] = {
        "corp": _CORP,
        "customer": _CUSTOMER[dialect],
        "day": _DAY,
        "due": _DUE,
        "false": false,
        "n": enrolled,
        "now": int(_NOW.timestamp()) * 1_000_000,
        "series": _SERIES[dialect].format(n=enrolled),
        "staff": _STAFF,
        "true": true,
        "units": _SERIES[dialect].format(n=enrolled // 1000),
    }
    values["is_due"] = _IS_DUE.format_map(values)
    values["due_at"] = "({now} + CASE WHEN {is_due} THEN {hour} ELSE {day} + i % 30 * {day} + i % 1000 END)".format_map(
        {**values, "hour": _HOUR}
    )
    for statement in _FILL:
        conn.exec_driver_sql(
            statement.format_map(values).replace("%", "%%") if dialect != "sqlite" else statement.format_map(values)
        )


def cost(url: str, enrolled: int, *, analysed: bool = True) -> Counter[str]:
    """
    Return what each statement of a tick costs with so many *enrolled*, in pages or in steps.

    *analysed* is whether somebody had SQLite count its rows with ANALYZE, which it
    does not do by itself; PostgreSQL does.
    """
    clock = _Clock()
    with WeCom(_CORP, "secret", transport=httpx.MockTransport(answer), clock=clock) as wecom:
        _fill(url, wecom, enrolled, analysed=analysed)
        meter = _Steps(url) if url.startswith("sqlite") else _Pages(url)
        with Store(meter.engine) as store:
            outbox = Outbox(wecom, store)
            journeys = Journeys(wecom, store, outbox)

            def tick() -> tuple[int, int]:
                planned = journeys.advance().planned
                confirmed = outbox.tick().confirmed
                journeys.advance()
                journeys.next_at()
                with store.read() as conn:
                    outbox.next_at(conn)
                return planned, confirmed

            # Nothing is due yet: this opens connections and fills caches.
            assert tick() == (0, 0)
            meter.counts.clear()
            clock.time += timedelta(hours=1)
            assert tick() == (_DUE, _STAFF)
        meter.engine.dispose()
        return meter.counts


def _fill(url: str, wecom: WeCom, enrolled: int, *, analysed: bool) -> None:
    with Store(url) as store:
        Journeys(wecom, store, Outbox(wecom, store)).save(_JOURNEY)
    engine = make_engine(url)
    with engine.connect() as conn:
        if conn.dialect.name == "sqlite":
            for setting in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -500000"):
                conn.exec_driver_sql(f"PRAGMA {setting}")
            conn.exec_driver_sql("BEGIN")
        else:
            conn.exec_driver_sql("SET maintenance_work_mem = '500MB'")
        # Sorted at the end, they are written much faster than row by row.
        indexes = [index for table in _FILLED for index in table.indexes if not index.unique]
        for index in indexes:
            index.drop(conn)
        fill(conn, enrolled)
        for index in indexes:
            index.create(conn)
        conn.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("VACUUM ANALYZE")
        elif analysed:
            conn.exec_driver_sql("ANALYZE")
    engine.dispose()


class _Steps:
    """Counts the steps of SQLite's virtual machine."""

    def __init__(self, url: str) -> None:
        self.counts: Counter[str] = Counter()
        self.engine = make_engine(url)
        self._statement = ""
        event.listen(self.engine, "connect", self._connected)
        event.listen(self.engine, "before_cursor_execute", self._executes)

    def _connected(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.set_progress_handler(self._step, 1)

    def _executes(self, _conn: object, _cursor: object, statement: str, *_: object) -> None:
        self._statement = statement

    def _step(self) -> int:
        self.counts[self._statement] += 1
        return 0


class _Pages:
    """Counts the pages that PostgreSQL looks at, in its buffers or not, by the plans that it explains itself."""

    def __init__(self, url: str) -> None:
        self.counts: Counter[str] = Counter()
        self.engine = make_engine(url)
        event.listen(self.engine, "connect", self._connected)

    def _connected(self, connection: Any, _record: object) -> None:
        connection.add_notice_handler(self._notice)
        connection.execute("LOAD 'auto_explain'")
        for setting in ("min_duration = 0", "analyze = on", "buffers = on", "timing = off", "format = json"):
            connection.execute(f"SET auto_explain.log_{setting}")
        connection.execute("SET auto_explain.log_level = notice")
        connection.commit()

    def _notice(self, notice: Any) -> None:
        said = notice.message_primary or ""
        _, found, plan = said.partition("plan:\n")
        if found:
            read = json.loads(plan)
            top = read["Plan"]
            self.counts[read["Query Text"]] += top["Shared Hit Blocks"] + top["Shared Read Blocks"]


@contextmanager
def _sqlite_database() -> Generator[str, None, None]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'privdom.db'}"


def figures() -> list[Figure]:
    """Measure a tick with few and with many enrolled."""
    found: list[Figure] = []
    with running_server() as server:
        fresh: list[tuple[str, Any]] = [("steps", _sqlite_database)]
        if server is not None:
            fresh.append(("pages", lambda: new_database(server)))
        for unit, database in fresh:
            totals: list[int] = []
            for enrolled in (_FEW, _MANY):
                with database() as url:
                    totals.append(cost(url, enrolled).total())
            few, many = totals
            name = f"a tick with {_DUE:,} due, {_MANY:,} enrolled (with {_FEW:,})"
            found.append(Figure(name, many, few, unit, many / few, _LIMIT))
    return found
