"""The tables of migrations, and the statements on them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import cattrs

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from privdom.migration.report import Item, MigrationReport, Plan, PlanPart, Tally
from privdom.migration.rules import Draft, Estimate, ItemState, LeftOutReason, Policy
from privdom.store import JsonText, UtcTime, metadata, sql


__all__ = [
    "PlanRow",
    "Standing",
    "add_plan",
    "due_items",
    "due_pairs",
    "find_plan",
    "history",
    "incoming",
    "item_table",
    "items_of_transfers",
    "items_of_units",
    "lock_plan",
    "lock_planning",
    "moving",
    "next_wave",
    "page_of_items",
    "plan_row",
    "plan_table",
    "planned_up_to",
    "report",
    "save_items",
    "save_row",
    "standing",
    "unsettled",
]

plan_table = Table(
    "privdom_migration_plan",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("plan_id", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("policy", JsonText, nullable=False),
    Column("outline", JsonText, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("waves_finished", Integer, nullable=False),
    Column("finished_at", UtcTime),
)

item_table = Table(
    "privdom_migration_item",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("plan_id", String(64), primary_key=True),
    Column("external_userid", String(64), primary_key=True),
    Column("handover_userid", String(64), primary_key=True),
    Column("takeover_userid", String(64), nullable=False),
    Column("wave", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("errcode", Integer),
    Column("unit_id", String(64)),
    Column("submitted_at", UtcTime),
    Column("started_at", UtcTime),
    Column("takeover_time", UtcTime),
    Column("poll_at", UtcTime),
    Column("settled_at", UtcTime),
    Index(None, "corp_id", "plan_id", "state", "wave"),
    Index(None, "corp_id", "plan_id", "poll_at"),
    Index(None, "corp_id", "external_userid"),
    Index(None, "corp_id", "unit_id"),
)

# How this release writes a plan; a later one reads it to know what it has before it.
_VERSION = 1
_OPEN = [state for state in ItemState if not state.settled]
_ITEM: list[Column[Any]] = [item_table.c[field.name] for field in attrs.fields(Item)]
_KEYS = ("plan_id", "external_userid", "handover_userid")

_converter = cattrs.Converter(detailed_validation=False)


@_converter.register_unstructure_hook
def _seconds(value: timedelta) -> float:
    return value.total_seconds()


@_converter.register_structure_hook
def _timedelta(value: float, _: type) -> timedelta:
    return timedelta(seconds=value)


@attrs.frozen
class _Outline:
    """What a plan was when it was made; kept, so that it can be read again when its items have moved on."""

    handover: tuple[str, ...]
    parts: tuple[PlanPart, ...]
    moves: int
    left_out: dict[LeftOutReason, int]
    warnings: tuple[str, ...]
    estimate: Estimate


@attrs.frozen
class PlanRow:
    """Where a plan is: the last wave that was started, the last that was announced as finished."""

    policy: Policy
    wave: int
    waves_finished: int
    finished_at: datetime | None


def lock_planning(conn: Connection, corp_id: str) -> None:
    """Let only this transaction make plans, until it ends: two at once could both choose a customer."""
    # SQLite has a single writer anyway.
    if conn.dialect.name == "postgresql":
        key = f"privdom migration {corp_id}"
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def add_plan(conn: Connection, corp_id: str, plan: Plan, draft: Draft) -> None:
    """Store *plan* with the items of *draft*."""
    outline = _Outline(plan.handover, plan.parts, plan.moves, dict(plan.left_out), plan.warnings, plan.estimate)
    row = {
        "corp_id": corp_id,
        "plan_id": plan.plan_id,
        "version": _VERSION,
        "policy": _converter.unstructure(plan.policy),
        "outline": _converter.unstructure(outline),
        "created_at": plan.created_at,
        "wave": 0,
        "waves_finished": 0,
    }
    conn.execute(insert(plan_table), row)
    fixed = {"corp_id": corp_id, "plan_id": plan.plan_id, "parked": False}
    moves = (
        {
            **fixed,
            "external_userid": move.external_userid,
            "handover_userid": move.handover_userid,
            "takeover_userid": move.takeover_userid,
            "wave": move.wave,
            "state": ItemState.PLANNED,
            "reason": "",
        }
        for move in draft.items
    )
    stays = (
        {
            **fixed,
            "external_userid": left.external_userid,
            "handover_userid": left.handover_userid,
            "takeover_userid": left.takeover_userid,
            "wave": 0,
            "state": ItemState.LEFT_OUT,
            "reason": f"{left.reason} until {left.free_at:%Y-%m-%d}" if left.free_at else left.reason,
            "settled_at": plan.created_at,
        }
        for left in draft.left_out
    )
    for rows in (moves, stays):
        for chunk in sql.chunks(rows):
            conn.execute(insert(item_table), chunk)


def find_plan(conn: Connection, corp_id: str, plan_id: str) -> Plan | None:
    """Return the plan as it was made."""
    row = conn.execute(select(plan_table).where(_of(plan_table, corp_id, plan_id))).one_or_none()
    if row is None:
        return None
    outline = _converter.structure(row.outline, _Outline)
    return Plan(
        plan_id=plan_id,
        created_at=row.created_at,
        policy=_converter.structure(row.policy, Policy),
        **{field.name: getattr(outline, field.name) for field in attrs.fields(_Outline)},
    )


def plan_row(conn: Connection, corp_id: str, plan_id: str) -> PlanRow | None:
    """Return where the plan is."""
    return _plan_row(conn, corp_id, plan_id, lock=False)


def lock_plan(conn: Connection, corp_id: str, plan_id: str) -> PlanRow | None:
    """Return where the plan is, and make everybody else who wants to change it wait."""
    return _plan_row(conn, corp_id, plan_id, lock=True)


def _plan_row(conn: Connection, corp_id: str, plan_id: str, *, lock: bool) -> PlanRow | None:
    query = select(plan_table).where(_of(plan_table, corp_id, plan_id))
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return PlanRow(_converter.structure(row.policy, Policy), row.wave, row.waves_finished, row.finished_at)


def save_row(conn: Connection, corp_id: str, plan_id: str, row: PlanRow) -> None:
    """Store where the plan is."""
    values = {"wave": row.wave, "waves_finished": row.waves_finished, "finished_at": row.finished_at}
    conn.execute(update(plan_table).where(_of(plan_table, corp_id, plan_id)).values(values))


def save_items(conn: Connection, corp_id: str, items: Sequence[Item]) -> None:
    """Store what became of *items*."""
    if not items:
        return
    keys = and_(item_table.c.corp_id == corp_id, *(item_table.c[key] == bindparam(f"key_{key}") for key in _KEYS))
    rows: list[dict[str, Any]] = []
    for item in items:
        values = attrs.asdict(item)
        rows.append({f"key_{key}": values.pop(key) for key in _KEYS} | {f"new_{k}": v for k, v in values.items()})
    names = [column.name for column in _ITEM if column.name not in _KEYS]
    conn.execute(update(item_table).where(keys).values({name: bindparam(f"new_{name}") for name in names}), rows)


def history(conn: Connection, corp_id: str, since: datetime) -> dict[str, list[datetime]]:
    """Return for each customer when transfers of them started, after *since*."""
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    query = select(item_table.c.external_userid, item_table.c.started_at).where(
        item_table.c.corp_id == corp_id, item_table.c.started_at > since
    )
    for external_userid, started_at in conn.execute(query):
        found[external_userid].append(started_at)
    return found


def moving(conn: Connection, corp_id: str) -> set[str]:
    """Return the customers who are about to move in some plan."""
    query = select(item_table.c.external_userid).where(item_table.c.corp_id == corp_id, item_table.c.state.in_(_OPEN))
    return set(conn.execute(query).scalars())


def incoming(conn: Connection, corp_id: str) -> dict[str, int]:
    """Return for each takeover staff how many customers are about to come."""
    query = (
        select(item_table.c.takeover_userid, func.count())
        .where(item_table.c.corp_id == corp_id, item_table.c.state.in_(_OPEN))
        .group_by(item_table.c.takeover_userid)
    )
    return dict(conn.execute(query).all())


def planned_up_to(conn: Connection, corp_id: str, plan_id: str, wave: int) -> list[Item]:
    """Return what is planned and not submitted, up to *wave*."""
    return _items(conn, _of(item_table, corp_id, plan_id), _is(ItemState.PLANNED), item_table.c.wave <= wave)


def next_wave(conn: Connection, corp_id: str, plan_id: str) -> int | None:
    """Return the first wave with something planned."""
    query = select(func.min(item_table.c.wave)).where(_of(item_table, corp_id, plan_id), _is(ItemState.PLANNED))
    wave: int | None = conn.execute(query).scalar_one()
    return wave


def unsettled(conn: Connection, corp_id: str, plan_id: str, *, parked: bool) -> int:
    """Return how many submitted items are not settled; without *parked* ones, or with them."""
    query = select(func.count()).where(
        _of(item_table, corp_id, plan_id),
        _is(ItemState.SUBMITTED, ItemState.WAITING),
        true() if parked else ~item_table.c.parked,
    )
    return conn.execute(query).scalar_one()


def items_of_units(conn: Connection, corp_id: str, unit_ids: Sequence[str]) -> list[Item]:
    """Return the items of these units that still wait for their answer, of any plan."""
    return _items(conn, item_table.c.corp_id == corp_id, item_table.c.unit_id.in_(unit_ids), _is(ItemState.SUBMITTED))


def items_of_transfers(conn: Connection, corp_id: str, external_userids: Sequence[str]) -> list[Item]:
    """Return the items of these customers whose transfer may be running, of any plan."""
    return _items(
        conn,
        item_table.c.corp_id == corp_id,
        item_table.c.external_userid.in_(external_userids),
        _is(ItemState.SUBMITTED, ItemState.WAITING),
    )


def due_pairs(conn: Connection, corp_id: str, plan_id: str, now: datetime) -> list[tuple[str, str]]:
    """Return the pairs of handover and takeover whose results are worth a look."""
    columns = item_table.c.handover_userid, item_table.c.takeover_userid
    query = select(*columns).distinct().where(_of(item_table, corp_id, plan_id), item_table.c.poll_at <= now)
    return [(handover, takeover) for handover, takeover in conn.execute(query.order_by(*columns))]


def due_items(conn: Connection, corp_id: str, plan_id: str, pair: tuple[str, str], now: datetime) -> list[Item]:
    """Return the items of *pair* whose results are worth a look."""
    return _items(
        conn,
        _of(item_table, corp_id, plan_id),
        item_table.c.poll_at <= now,
        item_table.c.handover_userid == pair[0],
        item_table.c.takeover_userid == pair[1],
    )


def page_of_items(
    conn: Connection, corp_id: str, plan_id: str, state: ItemState | None, after: Item | None, size: int
) -> list[Item]:
    """Return the next *size* items behind *after*, by customer."""
    keys = item_table.c.external_userid, item_table.c.handover_userid
    query = select(*_ITEM).where(
        _of(item_table, corp_id, plan_id),
        true() if state is None else _is(state),
        true()
        if after is None
        else or_(
            keys[0] > after.external_userid,
            and_(keys[0] == after.external_userid, keys[1] > after.handover_userid),
        ),
    )
    return [_item(row) for row in conn.execute(query.order_by(*keys).limit(size)).mappings()]


@attrs.frozen
class Standing:
    """What may happen next: results to ask for, calls to wait for, a wave to submit or a plan to finish."""

    next_poll: datetime | None
    units: tuple[str, ...]
    can_submit: bool


def standing(conn: Connection, corp_id: str, plan_id: str) -> Standing | None:
    """Return what may happen next; None if the plan is finished."""
    row = plan_row(conn, corp_id, plan_id)
    if row is None or row.finished_at is not None:
        return None
    mine = _of(item_table, corp_id, plan_id)
    polls = select(item_table.c.poll_at).where(mine, item_table.c.poll_at.is_not(None))
    units = select(item_table.c.unit_id).distinct().where(mine, _is(ItemState.SUBMITTED), ~item_table.c.parked)
    idle = not unsettled(conn, corp_id, plan_id, parked=False)
    # A wave that ended is still to be announced, even if all that is left is parked.
    more = next_wave(conn, corp_id, plan_id) is not None or row.waves_finished < row.wave
    return Standing(
        next_poll=conn.execute(polls.order_by(item_table.c.poll_at).limit(1)).scalar_one_or_none(),
        units=tuple(unit_id for unit_id in conn.scalars(units) if unit_id is not None),
        can_submit=idle and (more or not unsettled(conn, corp_id, plan_id, parked=True)),
    )


def report(conn: Connection, corp_id: str, outline: Plan) -> MigrationReport:
    """Return how far the plan is."""
    row = plan_row(conn, corp_id, outline.plan_id)
    plan_id = outline.plan_id
    by = item_table.c.wave, item_table.c.takeover_userid, item_table.c.state, item_table.c.parked
    query = select(*by, func.count()).where(_of(item_table, corp_id, plan_id), ~_is(ItemState.LEFT_OUT)).group_by(*by)
    total: Counter[str] = Counter()
    waves: defaultdict[int, Counter[str]] = defaultdict(Counter)
    takeovers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for wave, takeover, state, parked, count in conn.execute(query):
        for tally in (total, waves[wave], takeovers[takeover]):
            tally["parked" if parked else state] += count
    return MigrationReport(
        plan_id=plan_id,
        finished=row is not None and row.finished_at is not None,
        total=Tally(**total),
        waves={wave: Tally(**waves[wave]) for wave in sorted(waves)},
        takeovers={takeover: Tally(**takeovers[takeover]) for takeover in sorted(takeovers)},
        left_out=outline.left_out,
    )


def _items(conn: Connection, *conditions: ColumnElement[bool]) -> list[Item]:
    order = item_table.c.plan_id, item_table.c.external_userid, item_table.c.handover_userid
    return [_item(row) for row in conn.execute(select(*_ITEM).where(*conditions).order_by(*order)).mappings()]


def _item(row: RowMapping) -> Item:
    values: dict[str, Any] = {**row}
    values["state"] = ItemState(values["state"])
    return Item(**values)


def _of(table: Table, corp_id: str, plan_id: str) -> ColumnElement[bool]:
    return and_(table.c.corp_id == corp_id, table.c.plan_id == plan_id)


def _is(*states: ItemState) -> ColumnElement[bool]:
    return item_table.c.state.in_(states)
