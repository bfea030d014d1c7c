"""
The tables behind desired tags, and their SQL.

A wish is what one owner wants of one tag on one relation. A row of the push
table stands for a relation with something to push; its lock keeps two workers
off one relation. Locks are taken in one order, wishes before pushes and each by
key, so that no two transactions wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Any, TypeAlias

import attrs

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from privdom.store import UtcTime, metadata, sql


__all__ = ["Pushed", "Task", "WishState", "claim", "count", "move", "next_at", "record", "take", "want"]

wish = Table(
    "privdom_desired_tag",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("staff", String(64), primary_key=True),
    Column("customer", String(64), primary_key=True),
    Column("tag_id", String(64), primary_key=True),
    Column("owner", String(64), primary_key=True),
    Column("wanted", Boolean, nullable=False),
    Column("state", String(12), nullable=False),
    # Whether a call of ours may have put the tag there for this owner: only then is it ours to take off.
    Column("added", Boolean, nullable=False),
    Column("code", Integer),
)
Index("ix_privdom_desired_tag_state", wish.c.corp_id, wish.c.state)

push = Table(
    "privdom_tag_push",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("staff", String(64), primary_key=True),
    Column("customer", String(64), primary_key=True),
    # Counts the changes of wishes, so that one that comes in during a push is not lost.
    Column("changes", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due_at", UtcTime, nullable=False),
)
Index("ix_privdom_tag_push_due", push.c.corp_id, push.c.due_at)

_WISH_KEYS = ["corp_id", "staff", "customer", "tag_id", "owner"]
_RELATION = tuple_(wish.c.staff, wish.c.customer)
Relation = tuple[str, str]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class WishState(StrEnum):
    """Where a wish stands."""

    PENDING = "pending"
    PUSHED = "pushed"
    FAILED = "failed"
    """WeCom refused it; ``code`` says why. Wanted again, it is tried again."""
    NO_RELATION = "no_relation"
    """The staff does not follow this customer (any more)."""


_SETTLED_BADLY = [WishState.FAILED, WishState.NO_RELATION]


@attrs.frozen
class Task:
    """What is to be done on one relation."""

    staff: str
    customer: str
    fence: int
    changes: int
    attempt: int
    add: tuple[str, ...]
    remove: tuple[str, ...]
    idle: tuple[str, ...]
    """Tags whose wishes are fulfilled without a call."""


@attrs.frozen
class Pushed:
    """What came of a task."""

    task: Task
    done: frozenset[str] = frozenset()
    failed: Mapping[str, int] = attrs.field(factory=dict[str, int])
    no_relation: bool = False
    wait: timedelta | None = None
    """Not all is settled: try again after this."""


def want(
    conn: Connection, corp_id: str, owner: str, changes: Iterable[tuple[str, str, str, bool]], now: datetime
) -> None:
    """Store wishes of one owner; see `AsyncDesiredTags.want`."""
    # The last word on each tag counts.
    latest = {(staff, customer, tag): present for staff, customer, tag, present in changes}
    for chunk in sql.chunks(sorted(latest)):
        wanted = [key for key in chunk if latest[key]]
        unwanted = [key for key in chunk if not latest[key]]
        mine = (wish.c.corp_id == corp_id, wish.c.owner == owner)
        _lock(conn, *mine, _key_in(chunk))
        touched: set[Relation] = set()
        if wanted:
            rows = [
                _row(corp_id, key, owner=owner, wanted=True, state=WishState.PENDING, added=False) for key in wanted
            ]
            statement = _insert(conn, wish)
            statement = statement.on_conflict_do_update(
                index_elements=_WISH_KEYS,
                set_={"wanted": True, "state": WishState.PENDING, "code": None},
                where=or_(~wish.c.wanted, *(wish.c.state == state for state in _SETTLED_BADLY)),
            )
            returned = conn.execute(statement.returning(wish.c.staff, wish.c.customer), rows)
            touched.update((row.staff, row.customer) for row in returned)
        if unwanted:
            changed = conn.execute(
                update(wish)
                .where(*mine, _key_in(unwanted), wish.c.wanted)
                .values(wanted=False, state=WishState.PENDING, code=None)
                .returning(wish.c.staff, wish.c.customer)
            )
            touched.update((row.staff, row.customer) for row in changed)
        _touch(conn, corp_id, touched, now)


def move(conn: Connection, corp_id: str, ways: Mapping[str, tuple[str, str]], now: datetime) -> int:
    """Let all wishes on customers follow them on their *ways* from handover to takeover; return how many."""
    handovers = {(handover, customer) for customer, (handover, _) in ways.items()}
    takeovers = {(takeover, customer) for customer, (_, takeover) in ways.items()}
    # All are locked before the first is written, so that the order of locks holds beyond a chunk.
    locked: list[AnyRow] = []
    for chunk in sql.chunks(sorted(handovers | takeovers)):
        locked += _lock(conn, *_of_relations(corp_id, chunk))
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
    for chunk in sql.chunks(sorted({(row.staff, row.customer) for row in rows})):
        conn.execute(delete(wish).where(*_of_relations(corp_id, chunk)))
    _touch(conn, corp_id, {(row["staff"], row["customer"]) for row in moved}, now)
    return len(rows)


def claim(conn: Connection, corp_id: str, *, now: datetime, lease: timedelta, limit: int) -> Sequence[AnyRow]:
    """Take relations that are due; nobody else gets them before the lease ends."""
    query = (
        select(push.c.staff, push.c.customer)
        .where(push.c.corp_id == corp_id, push.c.due_at <= now)
        .order_by(push.c.due_at, push.c.staff, push.c.customer)
        .limit(limit)
    )
    if conn.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    mine = [(row.staff, row.customer) for row in conn.execute(query)]
    if not mine:
        return []
    claimed = conn.execute(
        update(push)
        .where(push.c.corp_id == corp_id, tuple_(push.c.staff, push.c.customer).in_(mine))
        .values(fence=push.c.fence + 1, due_at=now + lease)
        .returning(push.c.staff, push.c.customer, push.c.fence, push.c.changes, push.c.attempt)
    )
    return claimed.all()


def take(conn: Connection, corp_id: str, claimed: Sequence[AnyRow]) -> list[Task]:
    """Return what is to be done on the claimed relations, and note that it may be done from now on."""
    relations = [(row.staff, row.customer) for row in claimed]
    there = (wish.c.corp_id == corp_id, _RELATION.in_(relations))
    wishes: dict[Relation, list[AnyRow]] = {relation: [] for relation in relations}
    for row in _lock(conn, *there):
        wishes[row.staff, row.customer].append(row)
    # Before the call: if this worker dies after it, the tag is there and ours to take off.
    conn.execute(
        update(wish).where(*there, wish.c.wanted, wish.c.state == WishState.PENDING, ~wish.c.added).values(added=True)
    )
    return [_task(row, wishes[row.staff, row.customer]) for row in claimed]


def _task(claimed: AnyRow, wishes: Sequence[AnyRow]) -> Task:
    by_tag: dict[str, list[AnyRow]] = {}
    for row in wishes:
        by_tag.setdefault(row.tag_id, []).append(row)
    add: list[str] = []
    remove: list[str] = []
    idle: list[str] = []
    for tag, rows in sorted(by_tag.items()):
        if all(row.state != WishState.PENDING for row in rows):
            continue
        if any(row.wanted for row in rows):
            there = any(row.wanted and row.state == WishState.PUSHED for row in rows)
            (idle if there else add).append(tag)
        else:
            (remove if any(row.added for row in rows) else idle).append(tag)
    return Task(
        claimed.staff,
        claimed.customer,
        claimed.fence,
        claimed.changes,
        claimed.attempt,
        tuple(add),
        tuple(remove),
        tuple(idle),
    )


def record(conn: Connection, corp_id: str, results: Sequence[Pushed], now: datetime) -> list[Pushed]:
    """Store what came of tasks; return those that were still ours, as they are stored."""
    relations = [(p.task.staff, p.task.customer) for p in results]
    there = (wish.c.corp_id == corp_id, _RELATION.in_(relations))
    _lock(conn, *there)
    # Read under the locks, behind which a wish would have to wait.
    held = conn.execute(
        select(push.c.staff, push.c.customer, push.c.fence, push.c.changes).where(
            push.c.corp_id == corp_id, tuple_(push.c.staff, push.c.customer).in_(relations)
        )
    )
    current = {(row.staff, row.customer): (row.fence, row.changes) for row in held}
    ours: list[Pushed] = []
    for p in results:
        fence, changes = current.get((p.task.staff, p.task.customer), (0, 0))
        # Somebody who took over may have pushed newer wishes since.
        if fence != p.task.fence:
            continue
        # Wishes came in during the push, and which of them it met is not worth telling: it is made again.
        ours.append(p if changes == p.task.changes else Pushed(p.task, wait=timedelta(0)))
    states = [row for p in ours for row in _wish_states(p)]
    if states:
        _set_wishes(conn, corp_id, states)
        # What is gone is nobody's wish any more; staff may put the same tag on by hand, and then it is theirs.
        gone = wish.c.state.in_([WishState.PUSHED, WishState.NO_RELATION])
        conn.execute(delete(wish).where(*there, ~wish.c.wanted, gone))
    if ours:
        _close(conn, corp_id, ours, now)
    return ours


def _wish_states(p: Pushed) -> list[dict[str, Any]]:
    task = p.task
    who: dict[str, Any] = {"b_staff": task.staff, "b_customer": task.customer}
    if p.no_relation:
        tags = (*task.add, *task.remove, *task.idle)
        return [who | {"b_tag": tag, "b_state": WishState.NO_RELATION, "b_code": None} for tag in tags]
    done = p.done | set(task.idle) if p.wait is None else p.done
    return [
        *(who | {"b_tag": tag, "b_state": WishState.PUSHED, "b_code": None} for tag in sorted(done)),
        *(who | {"b_tag": tag, "b_state": WishState.FAILED, "b_code": code} for tag, code in sorted(p.failed.items())),
    ]


def _set_wishes(conn: Connection, corp_id: str, states: Sequence[Mapping[str, Any]]) -> None:
    there: list[ColumnElement[bool]] = [
        wish.c.corp_id == corp_id,
        wish.c.staff == bindparam("b_staff"),
        wish.c.customer == bindparam("b_customer"),
        wish.c.tag_id == bindparam("b_tag"),
        # Another owner's wish for the same tag may be settled already, badly.
        wish.c.state == WishState.PENDING,
    ]
    conn.execute(update(wish).where(*there).values(state=bindparam("b_state"), code=bindparam("b_code")), list(states))


def _close(conn: Connection, corp_id: str, results: Sequence[Pushed], now: datetime) -> None:
    there = (
        push.c.corp_id == corp_id,
        push.c.staff == bindparam("b_staff"),
        push.c.customer == bindparam("b_customer"),
        push.c.fence == bindparam("b_fence"),
    )
    rows = sorted(results, key=lambda p: (p.task.staff, p.task.customer))
    over = [
        {
            "b_staff": p.task.staff,
            "b_customer": p.task.customer,
            "b_fence": p.task.fence,
            "b_changes": p.task.changes,
        }
        for p in rows
        if p.wait is None
    ]
    if over:
        conn.execute(delete(push).where(*there, push.c.changes == bindparam("b_changes")), over)
    later = [
        {
            "b_staff": p.task.staff,
            "b_customer": p.task.customer,
            "b_fence": p.task.fence,
            "b_due": now + (p.wait or timedelta(0)),
            "b_attempt": p.task.attempt + 1 if p.wait else 0,
        }
        for p in rows
    ]
    conn.execute(update(push).where(*there).values(due_at=bindparam("b_due"), attempt=bindparam("b_attempt")), later)


def count(conn: Connection, corp_id: str) -> dict[str, int]:
    """Return how many wishes are in each state."""
    query = select(wish.c.state, func.count()).where(wish.c.corp_id == corp_id).group_by(wish.c.state)
    return {state: number for state, number in conn.execute(query)}  # noqa: C416 - rows, not pairs


def next_at(conn: Connection, corp_id: str) -> datetime | None:
    """Return when the first relation is due."""
    moment: datetime | None = conn.scalar(select(func.min(push.c.due_at)).where(push.c.corp_id == corp_id))
    return moment


def _lock(conn: Connection, *where: ColumnElement[bool]) -> Sequence[AnyRow]:
    query = select(wish).where(*where).order_by(wish.c.staff, wish.c.customer, wish.c.tag_id, wish.c.owner)
    if conn.dialect.name == "postgresql":
        query = query.with_for_update()
    return conn.execute(query).all()


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
    statement = statement.on_conflict_do_update(
        index_elements=["corp_id", "staff", "customer"], set_={"changes": push.c.changes + 1}
    )
    conn.execute(statement, rows)


def _of_relations(corp_id: str, relations: Collection[Relation]) -> tuple[ColumnElement[bool], ...]:
    staff, customers = ({relation[i] for relation in relations} for i in (0, 1))
    # SQLite reads all wishes of the corp for pairs alone: it finds them in the index by each of the two.
    there = (wish.c.staff.in_(sorted(staff)), wish.c.customer.in_(sorted(customers)))
    return (wish.c.corp_id == corp_id, *there, _RELATION.in_(relations))


def _key_in(keys: Sequence[tuple[str, str, str]]) -> ColumnElement[bool]:
    return tuple_(wish.c.staff, wish.c.customer, wish.c.tag_id).in_(keys)


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
