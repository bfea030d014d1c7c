"""
The tables behind desired tags, and their SQL.

A wish is what one owner wants of one tag on one relation. A row of the push
table stands for a relation with something to push; its lock keeps two workers
off one relation. Locks are taken in one order, wishes before pushes and each by
key, so that no two transactions wait for each other.
"""

from __future__ import annotations

import json

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Index,
    Integer,
    Row,
    String,
    Table,
    and_,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from privdom.outbox.wish_rules import (
    SETTLED_BADLY,
    Claimed,
    Pushed,
    Settled,
    Task,
    Wish,
    WishState,
    is_fresh,
    kept,
    settle,
    task_of,
)
from privdom.store import UtcTime, metadata, sql


__all__ = ["ID_CHARS", "claim", "count", "move", "next_at", "record", "take", "want"]

ID_CHARS = 64

wish = Table(
    "privdom_desired_tag",
    metadata,
    Column("corp_id", String(ID_CHARS), primary_key=True),
    Column("staff", String(ID_CHARS), primary_key=True),
    Column("customer", String(ID_CHARS), primary_key=True),
    Column("tag_id", String(ID_CHARS), primary_key=True),
    Column("owner", String(ID_CHARS), primary_key=True),
    Column("wanted", Boolean, nullable=False),
    Column("state", String(12), nullable=False),
    # Whether a call of ours may have put the tag there: only then is it ours to take off.
    Column("added", Boolean, nullable=False),
    Column("code", Integer),
)
Index("ix_privdom_desired_tag_state", wish.c.corp_id, wish.c.state)

push = Table(
    "privdom_tag_push",
    metadata,
    Column("corp_id", String(ID_CHARS), primary_key=True),
    Column("staff", String(ID_CHARS), primary_key=True),
    Column("customer", String(ID_CHARS), primary_key=True),
    # Counts the changes of wishes, so that one that comes in during a push is not lost.
    Column("changes", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due_at", UtcTime, nullable=False),
)
# The whole order of claims, so that none has to sort what fell due in one moment, which may be all of a corp.
Index("ix_privdom_tag_push_due", push.c.corp_id, push.c.due_at, push.c.staff, push.c.customer)

_WISH_KEYS = ["corp_id", "staff", "customer", "tag_id", "owner"]
_PUSH_KEYS = ["corp_id", "staff", "customer"]
Relation = tuple[str, str]


def want(
    conn: Connection, corp_id: str, owner: str, changes: Iterable[tuple[str, str, str, bool]], now: datetime
) -> None:
    """Store wishes of one owner; see `AsyncDesiredTags.want`."""
    # The last word on each tag counts.
    latest = {(staff, customer, tag): present for staff, customer, tag, present in changes}
    touched: set[Relation] = set()
    for chunk in sql.chunks(sorted(latest)):
        mine = _lock_wishes(conn, corp_id, [wish.c.staff, wish.c.customer, wish.c.tag_id], chunk, wish.c.owner == owner)
        wanted = [key for key in chunk if latest[key]]
        if wanted:
            rows = [
                _row(corp_id, key, owner=owner, wanted=True, state=WishState.PENDING, added=False) for key in wanted
            ]
            statement = _insert(conn, wish)
            statement = statement.on_conflict_do_update(
                index_elements=_WISH_KEYS,
                set_={"wanted": True, "state": WishState.PENDING, "code": None},
                where=or_(~wish.c.wanted, *(wish.c.state == state for state in SETTLED_BADLY)),
            )
            returned = conn.execute(statement.returning(wish.c.staff, wish.c.customer), rows)
            touched.update((row.staff, row.customer) for row in returned)
        back = [row for row in mine if row.wanted and not latest[row.staff, row.customer, row.tag_id]]
        _update_wishes(conn, back, wanted=False, state=WishState.PENDING, code=None)
        touched.update((row.staff, row.customer) for row in back)
    # Wishes of all chunks before the first of the relations, so that the order of locks holds.
    _touch(conn, corp_id, touched, now)


def move(conn: Connection, corp_id: str, ways: Mapping[str, tuple[str, str]], now: datetime) -> int:
    """Let all wishes on customers follow them on their *ways* from handover to takeover; return how many."""
    handovers = {(handover, customer) for customer, (handover, _) in ways.items()}
    takeovers = {(takeover, customer) for customer, (_, takeover) in ways.items()}
    # All are locked before the first is written, so that the order of locks holds beyond a chunk.
    locked: list[Wish] = []
    for chunk in sql.chunks(sorted(handovers | takeovers)):
        locked += _lock_wishes(conn, corp_id, [wish.c.staff, wish.c.customer], chunk)
    rows = [row for row in locked if (row.staff, row.customer) in handovers]
    if not rows:
        return 0
    moved = [
        _row(
            corp_id,
            (ways[row.customer][1], row.customer, row.tag_id),
            owner=row.owner,
            wanted=row.wanted,
            state=WishState.PENDING,
            added=row.added,
        )
        for row in rows
    ]
    statement = _insert(conn, wish)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=_WISH_KEYS,
            set_={
                "wanted": or_(wish.c.wanted, statement.excluded.wanted),
                "added": or_(wish.c.added, statement.excluded.added),
                "state": WishState.PENDING,
                "code": None,
            },
        ),
        sorted(moved, key=itemgetter(*_WISH_KEYS)),
    )
    _delete_wishes(conn, rows)
    _touch(conn, corp_id, {(row["staff"], row["customer"]) for row in moved}, now)
    return len(rows)


def claim(conn: Connection, corp_id: str, *, now: datetime, lease: timedelta, limit: int) -> list[Claimed]:
    """Take relations that are due; nobody else gets them before the lease ends."""
    query = (
        select(push)
        .where(push.c.corp_id == corp_id, push.c.due_at <= now)
        .order_by(push.c.due_at, push.c.staff, push.c.customer)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    until = now + lease
    claimed = [
        Claimed(row.staff, row.customer, row.fence + 1, row.changes, row.attempt, until) for row in conn.execute(query)
    ]
    if claimed:
        changed = update(push).where(*_this(push, _PUSH_KEYS)).values(fence=push.c.fence + 1, due_at=until)
        conn.execute(changed, [{"b_corp_id": corp_id, "b_staff": c.staff, "b_customer": c.customer} for c in claimed])
    return claimed


def take(conn: Connection, corp_id: str, claimed: Sequence[Claimed]) -> list[Task]:
    """Return what is to be done on those relations that are still ours, and note that it may be done from now on."""
    wishes = _wishes_on(conn, corp_id, [(c.staff, c.customer) for c in claimed])
    held = _held(conn, corp_id, claimed)
    ours = [c for c in claimed if c in held]
    # Before the call: if this worker dies after it, the tag is there and ours to take off.
    fresh = [row for c in ours for row in wishes[c.staff, c.customer] if is_fresh(row)]
    _update_wishes(conn, fresh, added=True)
    return [task_of(c, wishes[c.staff, c.customer]) for c in ours]


def record(conn: Connection, corp_id: str, results: Sequence[Pushed], now: datetime) -> list[Pushed]:
    """Store what came of tasks; return those that were still ours, as they are stored."""
    wishes = _wishes_on(conn, corp_id, [(p.task.claimed.staff, p.task.claimed.customer) for p in results])
    held = _held(conn, corp_id, [p.task.claimed for p in results])
    ours: list[Pushed] = []
    settled: list[Settled] = []
    for p in results:
        claimed = p.task.claimed
        mine = wishes[claimed.staff, claimed.customer]
        if claimed not in held:
            # Somebody who took over may have pushed newer wishes since.
            continue
        if held[claimed] == claimed.changes:
            ours.append(p)
            settled += settle(p, mine)
        else:
            # Wishes came in during the push, and which of them it met is not worth telling: it is made again. What may
            # still land must do so before.
            ours.append(Pushed(p.task, wait=p.wait or timedelta(0)))
            settled += [kept(p, w) for w in mine]
    _write(conn, settled)
    _close(conn, corp_id, ours, now)
    return ours


def _wishes_on(conn: Connection, corp_id: str, relations: Sequence[Relation]) -> dict[Relation, list[Wish]]:
    """Return the wishes on each relation, locked."""
    wishes: dict[Relation, list[Wish]] = {relation: [] for relation in relations}
    for row in _lock_wishes(conn, corp_id, [wish.c.staff, wish.c.customer], relations):
        wishes[row.staff, row.customer].append(row)
    return wishes


def _held(conn: Connection, corp_id: str, claimed: Sequence[Claimed]) -> dict[Claimed, int]:
    """
    Return those claims that hold still, and how often the wishes on each were changed by now.

    Asked after the wishes are locked: one that they do not show is then among the changes, or still waits.
    """
    relations = [(c.staff, c.customer) for c in claimed]
    rows = _lock_rows(conn, push, corp_id, [push.c.staff, push.c.customer], relations, _PUSH_KEYS)
    # A row that was deleted and made again counts its claims anew; but a lease begins when the one before it is over and
    # so ends later, unless clocks differ by more than its length.
    leases = {(row.staff, row.customer, row.fence, row.due_at): row.changes for row in rows}
    keys = {c: (c.staff, c.customer, c.fence, c.until) for c in claimed}
    return {c: leases[key] for c, key in keys.items() if key in leases}


def _write(conn: Connection, settled: Sequence[Settled]) -> None:
    _delete_wishes(conn, [s.row for s in settled if s.gone])
    changed = [s for s in settled if s.changed and not s.gone]
    if changed:
        values: dict[str, Any] = {name: bindparam(f"v_{name}") for name in ("state", "code", "added")}
        conn.execute(
            update(wish).where(*_this(wish, _WISH_KEYS)).values(values),
            [_key(s.row, _WISH_KEYS) | {"v_state": s.state, "v_code": s.code, "v_added": s.added} for s in changed],
        )


def _close(conn: Connection, corp_id: str, results: Sequence[Pushed], now: datetime) -> None:
    this = _this(push, _PUSH_KEYS)
    keys = [
        {"b_corp_id": corp_id, "b_staff": c.staff, "b_customer": c.customer} for c in (p.task.claimed for p in results)
    ]
    over = [key for p, key in zip(results, keys, strict=True) if p.wait is None]
    if over:
        conn.execute(delete(push).where(*this), over)
    later = [
        key | {"v_due_at": now + p.wait, "v_attempt": p.task.claimed.attempt + 1 if p.wait else 0}
        for p, key in zip(results, keys, strict=True)
        if p.wait is not None
    ]
    if later:
        values: dict[str, Any] = {"due_at": bindparam("v_due_at"), "attempt": bindparam("v_attempt")}
        conn.execute(update(push).where(*this).values(values), later)


def count(conn: Connection, corp_id: str) -> dict[str, int]:
    """Return how many wishes are in each state."""
    query = select(wish.c.state, func.count()).where(wish.c.corp_id == corp_id).group_by(wish.c.state)
    return {state: number for state, number in conn.execute(query)}  # noqa: C416 - rows, not pairs


def next_at(conn: Connection, corp_id: str) -> datetime | None:
    """Return when the first relation is due."""
    moment: datetime | None = conn.scalar(select(func.min(push.c.due_at)).where(push.c.corp_id == corp_id))
    return moment


def _lock_wishes(
    conn: Connection,
    corp_id: str,
    columns: Sequence[Column[Any]],
    keys: Sequence[tuple[str, ...]],
    *where: ColumnElement[bool],
) -> list[Wish]:
    rows = _lock_rows(conn, wish, corp_id, columns, keys, _WISH_KEYS, *where)
    # The columns of the table are the fields, in their order.
    return [Wish(*row) for row in rows]


def _lock_rows(
    conn: Connection,
    table: Table,
    corp_id: str,
    columns: Sequence[Column[Any]],
    keys: Sequence[tuple[str, ...]],
    order: Sequence[str],
    *where: ColumnElement[bool],
) -> list[Row[*tuple[Any, ...]]]:
    """Return the rows of which *columns* are among *keys*, locked in their order."""
    given, values = _given(conn, keys)
    found = and_(table.c.corp_id == corp_id, *(c == v for c, v in zip(columns, values, strict=True)), *where)
    query = (
        select(table)
        .select_from(given)
        # SQLite goes through the tables of an outer join in their order; of an inner one, through all rows of the corp.
        .join(table, found, isouter=conn.dialect.name == "sqlite")
        .order_by(*(table.c[name] for name in order))
        .with_for_update(of=table)
    )
    return [row for row in conn.execute(query) if row.corp_id is not None]


def _given(conn: Connection, keys: Sequence[tuple[str, ...]]) -> tuple[FromClause, list[ColumnElement[str]]]:
    """
    Return *keys* as a table to join, and its columns.

    A list of row values after IN would have SQLite before 3.45 read all rows of
    the corp, and lists of each column the product of them.
    """
    width = range(len(keys[0]))
    if conn.dialect.name == "postgresql":
        arrays = (cast(literal([key[i] for key in keys], ARRAY(String)), ARRAY(String)) for i in width)
        table = func.unnest(*arrays).table_valued(*(f"k{i}" for i in width)).render_derived("given")
        return table, [table.c[f"k{i}"] for i in width]
    each = func.json_each(json.dumps(keys)).table_valued(column("value", String), name="given")
    return each, [func.json_extract(each.c.value, f"$[{i}]", type_=String) for i in width]


def _touch(conn: Connection, corp_id: str, relations: Collection[Relation], now: datetime) -> None:
    if not relations:
        return
    rows = [
        {
            "corp_id": corp_id,
            "staff": staff,
            "customer": customer,
            "changes": 1,
            "fence": 0,
            "attempt": 0,
            "due_at": now,
        }
        for staff, customer in sorted(relations)
    ]
    statement = _insert(conn, push)
    # Where it stands already, only the change is counted: a push may be under way, whose lease must not end early.
    statement = statement.on_conflict_do_update(index_elements=_PUSH_KEYS, set_={"changes": push.c.changes + 1})
    conn.execute(statement, rows)


def _this(table: Table, keys: Sequence[str]) -> list[ColumnElement[bool]]:
    return [table.c[name] == bindparam(f"b_{name}") for name in keys]


def _key(row: Wish, keys: Sequence[str]) -> dict[str, Any]:
    return {f"b_{name}": value for name, value in zip(keys, attrgetter(*keys)(row), strict=True)}


def _update_wishes(conn: Connection, rows: Sequence[Wish], **values: Any) -> None:
    if rows:
        conn.execute(update(wish).where(*_this(wish, _WISH_KEYS)).values(values), [_key(r, _WISH_KEYS) for r in rows])


def _delete_wishes(conn: Connection, rows: Sequence[Wish]) -> None:
    if rows:
        conn.execute(delete(wish).where(*_this(wish, _WISH_KEYS)), [_key(r, _WISH_KEYS) for r in rows])


def _row(
    corp_id: str, key: tuple[str, str, str], *, owner: str, wanted: bool, state: WishState, added: bool
) -> dict[str, Any]:
    staff, customer, tag = key
    return {
        "corp_id": corp_id,
        "staff": staff,
        "customer": customer,
        "tag_id": tag,
        "owner": owner,
        "wanted": wanted,
        "state": state,
        "added": added,
        "code": None,
    }


def _insert(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)
