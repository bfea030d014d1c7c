"""The tables of live codes, and the statements on them. Each works in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple

import attrs

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    exists,
    func,
    or_,
    select,
)

from privdom.livecodes.definition import dump, load
from privdom.livecodes.report import ChannelDay, CodeStatus, Creation
from privdom.livecodes.rules import ChannelCode, local_day
from privdom.mirror import tables as mirror
from privdom.mirror import tag_ids
from privdom.store import JsonText, UtcTime, metadata, sql


__all__ = ["CodeRows", "CodeTarget", "SavedCode", "Scan"]

# How a customer came who was transferred: not by a scan, whatever mark the relation bears.
_ASSIGNED = 202

_code = Table(
    "privdom_code",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("id", String(30), primary_key=True),
    Column("definition", JsonText, nullable=False),
    Column("tag_ids", JsonText, nullable=False),
    Column("creation", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("config_id", String(64)),
    Column("qr_code", Text, nullable=False),
    # What WeCom last acknowledged; NULL while that is not known.
    Column("acknowledged", JsonText),
    # When to look again; NULL: not before something happens.
    Column("due_at", UtcTime),
    Column("failures", Integer, nullable=False),
    Column("problem", Text),
    Index(None, "corp_id", "due_at"),
)

_count = Table(
    "privdom_code_count",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("code_id", String(30), primary_key=True),
    Column("staff_userid", String(64), primary_key=True),
    # The code's own day: a cap is today's row, so nothing has to be reset.
    Column("day", String(10), primary_key=True),
    Column("adds", Integer, nullable=False),
)

_scan = Table(
    "privdom_code_scan",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("code_id", String(30), primary_key=True),
    Column("staff_userid", String(64), primary_key=True),
    Column("external_userid", String(64), primary_key=True),
    Column("created_at", UtcTime, primary_key=True),
    # When the relation ended, so that the customer counts again if they come again.
    Column("ended_at", UtcTime),
)
_OPEN = _scan.c.ended_at.is_(None)
# WeCom reports one add up to three times, at different seconds: asked for, confirmed, and in its lists.
Index(
    "uq_privdom_code_scan_open",
    _scan.c.corp_id,
    _scan.c.code_id,
    _scan.c.staff_userid,
    _scan.c.external_userid,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
Index("ix_privdom_code_scan_relation", _scan.c.corp_id, _scan.c.staff_userid, _scan.c.external_userid)

_off = Table(
    "privdom_code_off",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("staff_userid", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
)

_welcome = Table(
    "privdom_code_welcome",
    metadata,
    Column("corp_id", String(64), primary_key=True),
    Column("staff_userid", String(64), primary_key=True),
    Column("external_userid", String(64), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("code_id", String(30), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("errcode", Integer),
    Index(None, "corp_id", "code_id", "at"),
)


class CodeTarget(NamedTuple):
    """What a contact way should be like: the part of it that changes."""

    user: tuple[str, ...]
    skip_verify: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {"user": list(self.user), "skip_verify": self.skip_verify}

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> CodeTarget | None:
        """Read what was stored."""
        return None if data is None else cls(tuple(data["user"]), data["skip_verify"])


@attrs.frozen
class SavedCode:
    """A code and where it stands."""

    code: ChannelCode
    tag_ids: tuple[str, ...]
    creation: Creation
    attempt: int
    config_id: str | None
    acknowledged: CodeTarget | None
    failures: int


class Scan(NamedTuple):
    """That a customer came by a code."""

    code_id: str
    staff_userid: str
    external_userid: str
    at: datetime


class CodeRows:
    """The codes of one corp."""

    def __init__(self, corp_id: str) -> None:
        self._corp_id = corp_id
        self._ids = {"corp_id": corp_id}

    def _mine(self, table: Table) -> ColumnElement[bool]:
        column: ColumnElement[str] = table.c.corp_id
        return column == self._corp_id

    def _one(self, code_id: str) -> ColumnElement[bool]:
        return and_(self._mine(_code), _code.c.id == code_id)

    def resolve_tags(self, conn: Connection, tags: Sequence[str]) -> tuple[str, ...]:
        """
        Return the ids of *tags*, which are names or ids.

        Raises:
            UsageError: There is no such tag in the mirror, or several have the name.
        """
        tag = mirror.corp_tag.c
        known = set(conn.scalars(select(tag.tag_id).where(self._mine(mirror.corp_tag), tag.tag_id.in_(tags))))
        by_name = tag_ids(conn, self._corp_id, [one for one in tags if one not in known])
        return tuple(one if one in known else by_name[one] for one in tags)

    def insert(self, conn: Connection, code: ChannelCode, tags: Sequence[str], target: CodeTarget) -> bool:
        """Store a new code; return False if there is one of its id."""
        row = {
            **self._ids,
            "id": code.id,
            "definition": dump(code),
            "tag_ids": list(tags),
            "creation": Creation.PENDING,
            "attempt": 1,
            "qr_code": "",
            "acknowledged": target.as_json(),
            "failures": 0,
        }
        return sql.insert_ignore(conn, _code, [row]) == 1

    def recreate(self, conn: Connection, code_id: str, attempt: int, target: CodeTarget) -> None:
        """Let a code that WeCom refused be made again."""
        values = {"creation": Creation.PENDING, "attempt": attempt, "acknowledged": target.as_json(), "problem": None}
        conn.execute(_code.update().where(self._one(code_id)).values(values))

    def change(self, conn: Connection, code: ChannelCode, tags: Sequence[str], now: datetime) -> None:
        """Replace the definition of a code."""
        changed = {"definition": dump(code), "tag_ids": list(tags)}
        conn.execute(_code.update().where(self._one(code.id)).values(changed))
        self.wake(conn, now, code.id)

    def created(self, conn: Connection, code_id: str, config_id: str, qr_code: str, now: datetime) -> None:
        """Record what WeCom made of a code."""
        values = {"creation": Creation.LIVE, "config_id": config_id, "qr_code": qr_code, "problem": None}
        conn.execute(_code.update().where(self._one(code_id)).values({**values, "due_at": now}))

    def not_created(self, conn: Connection, code_id: str, creation: Creation, problem: str) -> None:
        """Record why WeCom has not made a code."""
        unmade = and_(self._one(code_id), _code.c.config_id.is_(None))
        conn.execute(_code.update().where(unmade).values(creation=creation, problem=problem))

    def wake(self, conn: Connection, now: datetime, code_id: str | None = None) -> None:
        """Have one code, or all, looked at again."""
        which = self._mine(_code) if code_id is None else self._one(code_id)
        conn.execute(_code.update().where(which, _code.c.config_id.is_not(None)).values(due_at=now))

    def take_due(self, conn: Connection, now: datetime, limit: int) -> tuple[SavedCode, ...]:
        """Return codes to look at now; until the end of the transaction nobody else gets them."""
        query = select(_code).where(self._mine(_code), _code.c.due_at <= now, _code.c.config_id.is_not(None))
        query = query.order_by(_code.c.due_at, _code.c.id).limit(limit).with_for_update(skip_locked=True)
        return tuple(map(_saved, conn.execute(query)))

    def next_due(self, conn: Connection) -> datetime | None:
        """Return when a code is to be looked at next."""
        query = select(func.min(_code.c.due_at)).where(self._mine(_code), _code.c.config_id.is_not(None))
        due: datetime | None = conn.scalar(query)
        return due

    def keep(self, conn: Connection, code_id: str, due_at: datetime | None, problem: str | None) -> None:
        """Record that nothing had to be pushed."""
        values = {"due_at": due_at, "problem": problem, "failures": 0}
        conn.execute(_code.update().where(self._one(code_id)).values(values))

    def pushing(self, conn: Connection, code_id: str, due_at: datetime) -> None:
        """Record that from now on nobody knows what WeCom has, until the outbox tells, and when to look again."""
        conn.execute(_code.update().where(self._one(code_id)).values(acknowledged=None, due_at=due_at))

    def pushed(self, conn: Connection, code_id: str, target: CodeTarget, now: datetime) -> None:
        """Record what WeCom has acknowledged, and have the code looked at: much may have changed meanwhile."""
        values = {"acknowledged": target.as_json(), "failures": 0, "problem": None, "due_at": now}
        conn.execute(_code.update().where(self._one(code_id)).values(values))

    def push_failed(self, conn: Connection, saved: SavedCode, retry_at: datetime, problem: str) -> None:
        """Record a failure, to be tried again; a code that was changed meanwhile is looked at before that."""
        mine, due_at = self._one(saved.code.id), _code.c.due_at
        values = {"failures": saved.failures + 1, "problem": problem}
        conn.execute(_code.update().where(mine).values(values))
        conn.execute(_code.update().where(mine, or_(due_at.is_(None), due_at > retry_at)).values(due_at=retry_at))

    def find(self, conn: Connection, code_id: str) -> SavedCode | None:
        """Return a code, or None."""
        row = conn.execute(select(_code).where(self._one(code_id))).one_or_none()
        return None if row is None else _saved(row)

    def statuses(self, conn: Connection) -> tuple[CodeStatus, ...]:
        """Return all codes, by id."""
        rows = conn.execute(select(_code).where(self._mine(_code)).order_by(_code.c.id))
        return tuple(map(_status, rows))

    def switched_off(self, conn: Connection) -> frozenset[str]:
        """Return the staff who take no customers for now."""
        return frozenset(conn.scalars(select(_off.c.staff_userid).where(self._mine(_off))))

    def switch(self, conn: Connection, staff: Iterable[str], now: datetime, *, on: bool) -> None:
        """Let staff take customers, or not."""
        for chunk in sql.chunks(staff):
            if on:
                conn.execute(_off.delete().where(self._mine(_off), _off.c.staff_userid.in_(chunk)))
            else:
                sql.insert_ignore(conn, _off, [{**self._ids, "staff_userid": one, "at": now} for one in chunk])

    def counts(self, conn: Connection, code_id: str, day: date) -> dict[str, int]:
        """Return how many customers each staff got by a code on a day of it."""
        query = select(_count.c.staff_userid, _count.c.adds).where(self._mine(_count), _count.c.code_id == code_id)
        rows = conn.execute(query.where(_count.c.day == day.isoformat()))
        return {row.staff_userid: row.adds for row in rows}

    def add_scan(self, conn: Connection, scan: Scan, zone: tzinfo) -> bool:
        """Record and count a scan; return False if this add is known already."""
        relation = {**self._ids, "code_id": scan.code_id, "staff_userid": scan.staff_userid}
        key = and_(*(_scan.c[name] == value for name, value in relation.items()))
        key = and_(key, _scan.c.external_userid == scan.external_userid)
        # A relation that ended later than this one began is this one, told of late.
        if conn.scalar(select(exists().where(key, or_(_OPEN, _scan.c.ended_at >= scan.at)))):
            return False
        row = {**relation, "external_userid": scan.external_userid, "created_at": scan.at}
        if not sql.insert_ignore(conn, _scan, [row]):
            return False
        counter = {**relation, "day": local_day(scan.at, zone).isoformat()}
        sql.insert_ignore(conn, _count, [{**counter, "adds": 0}])
        mine = (_count.c[name] == value for name, value in counter.items())
        conn.execute(_count.update().where(*mine).values(adds=_count.c.adds + 1))
        return True

    def end_scans(self, conn: Connection, staff_userid: str, external_userid: str, at: datetime) -> None:
        """Record that a relation ended."""
        relation = (_scan.c.staff_userid == staff_userid, _scan.c.external_userid == external_userid)
        ended = (self._mine(_scan), *relation, _OPEN, _scan.c.created_at <= at)
        conn.execute(_scan.update().where(*ended).values(ended_at=at))

    def uncounted(self, conn: Connection, limit: int, after: tuple[str, str]) -> tuple[Scan, ...]:
        """Return relations of the mirror that came by a code and were never counted, behind the relation *after*."""
        follow = mirror.follow.c
        known = exists().where(
            self._mine(_scan),
            _scan.c.code_id == follow.state,
            _scan.c.staff_userid == follow.staff_userid,
            _scan.c.external_userid == follow.external_userid,
            or_(_OPEN, _scan.c.ended_at >= follow.created_at),
        )
        behind = or_(
            follow.staff_userid > after[0],
            and_(follow.staff_userid == after[0], follow.external_userid > after[1]),
        )
        query = select(follow.state, follow.staff_userid, follow.external_userid, follow.created_at).where(
            self._mine(mirror.follow),
            follow.removed_at.is_(None),
            follow.created_at.is_not(None),
            follow.add_way.is_distinct_from(_ASSIGNED),
            follow.state.in_(select(_code.c.id).where(self._mine(_code))),
            ~known,
            behind,
        )
        rows = conn.execute(query.order_by(follow.staff_userid, follow.external_userid).limit(limit))
        return tuple(Scan(*row) for row in rows)

    def put_welcome(self, conn: Connection, scan: Scan, outcome: str, errcode: int | None) -> None:
        """Record what became of a welcome message."""
        row = {**self._ids, **scan._asdict(), "outcome": outcome, "errcode": errcode}
        sql.upsert(conn, _welcome, [row], keys=["corp_id", "staff_userid", "external_userid", "at"])

    def welcomes(self, conn: Connection, code_id: str) -> dict[str, int]:
        """Return how many welcome messages of a code came to which end."""
        mine = (self._mine(_welcome), _welcome.c.code_id == code_id)
        query = select(_welcome.c.outcome, func.count()).where(*mine).group_by(_welcome.c.outcome)
        return {row[0]: row[1] for row in conn.execute(query)}

    def channel_days(self, conn: Connection, start: date | None, end: date | None) -> tuple[ChannelDay, ...]:
        """Return the adds of each channel and day, both ends included."""
        channels = {row.id: row.definition["channel"] for row in conn.execute(select(_code).where(self._mine(_code)))}
        query = select(_count.c.code_id, _count.c.day, func.sum(_count.c.adds)).where(self._mine(_count))
        if start is not None:
            query = query.where(_count.c.day >= start.isoformat())
        if end is not None:
            query = query.where(_count.c.day <= end.isoformat())
        totals: dict[tuple[str, str], int] = {}
        for code_id, day, adds in conn.execute(query.group_by(_count.c.code_id, _count.c.day)):
            key = (channels[code_id], day)
            totals[key] = totals.get(key, 0) + int(adds)
        return tuple(
            ChannelDay(channel, date.fromisoformat(day), totals[channel, day]) for channel, day in sorted(totals)
        )

    def customer_name(self, conn: Connection, external_userid: str) -> str:
        """Return the name of a customer, empty if the mirror does not have it."""
        customer = mirror.customer.c
        query = select(customer.name).where(self._mine(mirror.customer), customer.external_userid == external_userid)
        return conn.execute(query).scalar_one_or_none() or ""


def _saved(row: Row[Any]) -> SavedCode:
    return SavedCode(
        load(row.definition),
        tuple(row.tag_ids),
        Creation(row.creation),
        row.attempt,
        row.config_id,
        CodeTarget.of(row.acknowledged),
        row.failures,
    )


def _status(row: Row[Any]) -> CodeStatus:
    target = CodeTarget.of(row.acknowledged) if row.config_id else None
    return CodeStatus(
        code=load(row.definition),
        creation=Creation(row.creation),
        config_id=row.config_id or "",
        qr_code=row.qr_code,
        staff=target.user if target else None,
        next_look_at=row.due_at,
        problem=row.problem,
    )
