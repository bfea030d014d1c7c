"""
What the outbox costs: plan, gate, arm and confirm mass messages, against the same statements written by hand.

By hand means sqlite3 and psycopg without SQLAlchemy: the same tables, the same
rows, the same checks, the same transactions, and the same bytes for WeCom, which
answers at once. PRIVDOM_BENCH_RECIPIENTS=30000 makes it shorter.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
import time
import uuid

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import httpx
import psycopg

from tests.postgres import new_database, running_server

from bench.harness import Figure, compare
from privdom import WeCom
from privdom.outbox import BROADCAST, Outbox, Subject
from privdom.store import Store
from privdom.store.engine import _set_up
from privdom.wecom.messages import Link, NewMessage
from privdom.wecom.wire import dumps


_RECIPIENTS = int(os.environ.get("PRIVDOM_BENCH_RECIPIENTS", "300000"))
_BATCH = 10_000
_LIMIT = 1.7
_CORP, _STEP, _OWNER = "ww1", "wave/1", "bench"
_TEXT, _TITLE, _URL = "新品到店，欢迎来看看。", "新品", "https://shop.example/new?from=wecom"
_CAP = 31
_IN_FLIGHT = 8


@attrs.frozen
class _Batch:
    sender: str
    customers: list[str]


def _batches() -> list[_Batch]:
    """Return one batch for each of as many senders as it takes."""
    names = [f"wmAJ2GCAAAXtWyujaWJHDD{i:010}" for i in range(_RECIPIENTS)]
    return [_Batch(f"staff{n}", names[i : i + _BATCH]) for n, i in enumerate(range(0, _RECIPIENTS, _BATCH))]


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("gettoken"):
        return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200})
    return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "fail_list": [], "msgid": uuid.uuid4().hex})


def _ours(url: str, batches: Sequence[_Batch]) -> float:
    wecom = WeCom(_CORP, "secret", transport=httpx.MockTransport(answer))
    with wecom, Store(url) as store:
        outbox = Outbox(wecom, store)
        with store.begin():
            pass
        wecom.token()
        start = time.perf_counter()
        for batch in batches:
            message = NewMessage(
                text=_TEXT,
                attachments=[Link(_TITLE, _URL)],
                sender=batch.sender,
                external_userid=batch.customers,
            )
            with store.begin() as conn:
                subjects = [Subject(customer, _STEP) for customer in batch.customers]
                outbox.plan(conn, BROADCAST, message, owner=_OWNER, subjects=subjects)
        outbox.drain()
        return time.perf_counter() - start


# --- By hand.


_LEDGER = "corp_id, step, subject, occurrence, unit_id, state, code, reach, category, at"
_UNIT = (
    "id, corp_id, kind, owner, category, lane, state, policy, request, fingerprint, nonce, attempt, fence, created_at, "
    "due_at, lookups, suspect"
)
_MINE = "SELECT subject FROM privdom_ledger WHERE unit_id = ? AND state = 'planned'"
_SUPPRESSED = (
    "SELECT subject FROM privdom_suppression WHERE corp_id = ? AND category IN ('', 'marketing') "
    f"AND subject IN ({_MINE})"
)
# Who has had as many as the cap allows.
_USED = (
    "SELECT l.subject, {count} FROM privdom_ledger l {join} WHERE l.corp_id = ? "
    f"AND l.subject IN ({_MINE}) "
    "AND l.at >= ? AND l.reach AND l.state IN ('sent', 'unseen', 'parked', 'dropped', 'planned') "
    "AND l.unit_id IS DISTINCT FROM ? GROUP BY l.subject HAVING {count} >= ?"
)
_USED_AT_PLAN = _USED.format(
    count="sum(CASE WHEN l.state <> 'planned' AND l.at >= {start} OR l.state = 'planned' AND l.at < {end} THEN 1 END)",
    join="",
)
_USED_AT_ARM = _USED.format(
    count=(
        "sum(CASE WHEN l.state <> 'planned' AND l.at >= {start} "
        "OR l.state = 'planned' AND (u.state IN ('calling', 'uncertain') OR u.suspect) THEN 1 END)"
    ),
    join="LEFT JOIN privdom_unit u ON u.id = l.unit_id AND l.state = 'planned'",
)
_INSERT_UNIT = f"INSERT INTO privdom_unit ({_UNIT}) VALUES ({', '.join('?' * 17)})"
_ANY_LOST = (
    "SELECT EXISTS (SELECT 1 FROM privdom_unit WHERE corp_id = ? AND due_at <= ? AND kind = 'broadcast' "
    "AND state IN ('calling', 'uncertain', 'confirmed'))"
)
_HEAD = """
    FROM privdom_unit u WHERE u.corp_id = ? AND u.state = 'ready' AND u.kind = 'broadcast' AND u.due_at <= ?
    AND NOT EXISTS (
        SELECT 1 FROM privdom_unit o WHERE o.corp_id = u.corp_id AND o.lane = u.lane AND o.seq <> u.seq
        AND o.state IN ('ready', 'calling', 'uncertain') AND (o.state <> 'ready' OR
            (CASE WHEN o.attempt > 0 THEN 0 ELSE 1 END, o.due_at, o.seq)
            < (CASE WHEN u.attempt > 0 THEN 0 ELSE 1 END, u.due_at, u.seq)))"""
_HEADS = f"SELECT u.id {_HEAD} ORDER BY u.due_at, u.seq LIMIT {_IN_FLIGHT}"
_FREE = f"SELECT u.id {_HEAD} AND u.id IN ({', '.join('?' * _IN_FLIGHT)}) ORDER BY u.due_at, u.seq"
_FIRST_AT = "SELECT at FROM privdom_ledger WHERE unit_id = ? AND state = 'planned' LIMIT 1"
_ARM = (
    "UPDATE privdom_unit SET state = 'calling', fence = fence + 1, attempt = attempt + 1, worker = 'w', "
    "armed_at = ?, due_at = ?, absent_seen = NULL, lookups = 0, reason = NULL "
    "WHERE id = ? AND state = 'ready' RETURNING id, request, fence, owner"
)
_CONFIRM = (
    "UPDATE privdom_unit SET state = 'confirmed', remote_id = ?, answer = ?, reason = NULL, settled_at = ?, "
    "due_at = NULL WHERE id = ? AND fence = ? AND state = 'calling'"
)
_CONFIRM_ITEMS = (
    "UPDATE privdom_ledger SET state = 'sent', code = NULL, at = ? "
    "WHERE unit_id = ? AND state NOT IN ('capped', 'suppressed')"
)
_EVENT = "INSERT INTO privdom_event (corp_id, kind, data) VALUES (?, 'unit_settled', ?)"


class _Sqlite:
    def __init__(self, path: str) -> None:
        self._conn = sqlite3.connect(path)
        _set_up(self._conn, None)
        self._conn.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[None]:
        self._conn.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        yield
        self._conn.execute("COMMIT")

    def run(self, statement: str, *values: Any) -> Any:
        return self._conn.execute(statement.replace("IS DISTINCT FROM", "IS NOT"), values)

    def lock(self, what: str) -> None:
        """Do nothing: there is only one writer anyway."""

    def insert_ledger(self, names: list[str], unit_id: str, at: int) -> int:
        statement = (
            f"INSERT INTO privdom_ledger ({_LEDGER}) VALUES (?, ?, ?, '', ?, 'planned', NULL, 1, 'marketing', ?)"
        )
        rows = [(_CORP, _STEP, name, unit_id, at) for name in names]
        return self._conn.executemany(f"{statement} ON CONFLICT DO NOTHING", rows).rowcount

    def close(self) -> None:
        self._conn.close()


class _Postgresql:
    def __init__(self, url: str) -> None:
        self._conn = psycopg.connect(url)

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[None]:
        with self._conn.transaction():
            yield

    def run(self, statement: str, *values: Any) -> Any:
        return self._conn.execute(statement.replace("?", "%s").encode(), values)

    def lock(self, what: str) -> None:
        self._conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [what])

    def insert_ledger(self, names: list[str], unit_id: str, at: int) -> int:
        statement = (
            f"INSERT INTO privdom_ledger ({_LEDGER}) SELECT %s, %s, subject, '', %s, 'planned', NULL, true, "
            "'marketing', %s FROM unnest(%s::text[]) AS subject ON CONFLICT DO NOTHING"
        )
        return self._conn.execute(statement.encode(), (_CORP, _STEP, unit_id, at, names)).rowcount

    def close(self) -> None:
        self._conn.close()


_Database: TypeAlias = _Sqlite | _Postgresql


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _window(now: datetime) -> tuple[int, int]:
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _micros(start), _micros(start + timedelta(days=31))


def _held_back(db: _Database, unit_id: str, used: str, now: datetime) -> set[str]:
    """Ask the gate who must not get this message."""
    start, end = _window(now)
    held = {row[0] for row in db.run(_SUPPRESSED, _CORP, unit_id)}
    query = used.format(start=start, end=end)
    held.update(row[0] for row in db.run(query, _CORP, unit_id, start - 3_600_000_000, unit_id, _CAP))
    return held


def _plan_by_hand(db: _Database, batch: _Batch) -> None:
    now = datetime.now(UTC)
    at = _micros(now)
    assert len(set(batch.customers)) == len(batch.customers)
    assert all(name.startswith(("wm", "wo")) for name in batch.customers)
    unit_id = uuid.uuid4().hex
    nonce = hashlib.sha256(f"{_CORP}/{unit_id}".encode()).hexdigest()[:10]
    with db.transaction(write=True):
        db.lock(f"privdom outbox gate {_CORP}")
        assert db.insert_ledger(sorted(batch.customers), unit_id, at) == len(batch.customers)
        held = _held_back(db, unit_id, _USED_AT_PLAN, now)
        request = {
            "text": {"content": _TEXT},
            "attachments": [{"msgtype": "link", "link": {"title": _TITLE, "url": f"{_URL}&pd={nonce}"}}],
            "chat_type": "single",
            "external_userid": [name for name in batch.customers if name not in held],
            "sender": batch.sender,
        }
        fingerprint = hashlib.sha256(f"{_TEXT}{_TITLE}{_URL}{batch.sender}".encode()).hexdigest()
        lane = f"message:{batch.sender}"
        values = [unit_id, _CORP, "broadcast", _OWNER, "marketing", lane, "ready", "park", dumps(request).decode()]
        db.run(_INSERT_UNIT, *values, fingerprint, nonce, 0, 0, at, at, 0, False)


def _tick_by_hand(db: _Database, client: httpx.Client) -> bool:
    now = datetime.now(UTC)
    at = _micros(now)
    with db.transaction(write=False):
        db.run(_ANY_LOST, _CORP, at).fetchone()
    with db.transaction(write=False):
        ids = [row[0] for row in db.run(_HEADS, _CORP, at)]
    if not ids:
        return False
    armed: list[tuple[str, str, int, str]] = []
    with db.transaction(write=True):
        db.lock(f"privdom outbox gate {_CORP}")
        padded = [*ids, *[""] * (_IN_FLIGHT - len(ids))]
        for (unit_id,) in db.run(_FREE, _CORP, at, *padded).fetchall():
            assert not _held_back(db, unit_id, _USED_AT_ARM, now)
            assert db.run(_FIRST_AT, unit_id).fetchone()[0] > at - 3_600_000_000
            armed += db.run(_ARM, at, at + 105_000_000, unit_id).fetchall()
    answers = [
        client.post(
            "https://qyapi.weixin.qq.com/cgi-bin/externalcontact/add_msg_template?access_token=t",
            content=request.encode(),
            headers={"Content-Type": "application/json"},
        ).json()
        for _, request, _, _ in armed
    ]
    at = _micros(datetime.now(UTC))
    with db.transaction(write=True):
        settled: list[str] = []
        for (unit_id, _, fence, owner), answer in zip(armed, answers, strict=True):
            kept = dumps({"msgid": answer["msgid"]}).decode()
            if db.run(_CONFIRM, answer["msgid"], kept, at, unit_id, fence).rowcount == 1:
                db.run(_CONFIRM_ITEMS, at, unit_id)
                settled.append(dumps({"unit_id": unit_id, "owner": owner, "state": "confirmed", "at": at}).decode())
        db.lock(f"privdom events {_CORP}")
        for data in settled:
            db.run(_EVENT, _CORP, data)
    return True


def _by_hand(url: str, batches: Sequence[_Batch]) -> float:
    # The tables and indexes are those of the library.
    with Store(url) as store, store.begin():
        pass
    db = _Sqlite(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else _Postgresql(url)
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        start = time.perf_counter()
        for batch in batches:
            _plan_by_hand(db, batch)
        while _tick_by_hand(db, client):
            pass
        seconds = time.perf_counter() - start
    db.close()
    return seconds


def _check(url: str) -> None:
    """Both must have done the same work."""
    with Store(url) as store, store.read() as conn:
        query = "SELECT state, count(*) FROM privdom_ledger WHERE reach GROUP BY state"
        states = [tuple(row) for row in conn.exec_driver_sql(query)]
        assert [("sent", _RECIPIENTS)] == states, states
        query = "SELECT count(*), count(remote_id) FROM privdom_unit WHERE state = 'confirmed'"
        units = len(range(0, _RECIPIENTS, _BATCH))
        assert [(units, units)] == [tuple(row) for row in conn.exec_driver_sql(query)]
        assert [(units,)] == [tuple(row) for row in conn.exec_driver_sql("SELECT count(*) FROM privdom_event")]


@contextmanager
def _sqlite_database() -> Generator[str, None, None]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'privdom.db'}"


def figures() -> list[Figure]:
    """Measure recipients a second, from the plan to the confirmation."""
    batches = _batches()

    def measure(fresh: Callable[[], Any], do: Callable[[str, Sequence[_Batch]], float]) -> float:
        with fresh() as url:
            seconds = do(url, batches)
            _check(url)
        return _RECIPIENTS / seconds

    def figure(name: str, fresh: Callable[[], Any]) -> Figure:
        return compare(
            f"{_RECIPIENTS:,} recipients by the outbox (raw SQL), {name}",
            lambda: measure(fresh, _ours),
            lambda: measure(fresh, _by_hand),
            limit=1 / _LIMIT,
            unit="a second",
            better="higher",
            repeats=5,
        )

    found = [figure("SQLite", _sqlite_database)]
    with running_server() as server:
        if server is not None:
            found.append(figure("PostgreSQL", lambda: new_database(server)))
    return found
