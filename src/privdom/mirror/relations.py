"""The relations of some customers: read once, changed in memory, and only what differs written back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import attrs

from sqlalchemy import BindParameter, Column, Connection, Delete, Update, bindparam, delete, select, update

from privdom.mirror import tables
from privdom.mirror.report import Changes
from privdom.mirror.values import Follow
from privdom.store import sql


__all__ = ["Relation", "Relations", "Written"]

Pair = tuple[str, str]
S = TypeVar("S", Update, Delete)


@attrs.frozen
class Relation:
    """A row of `tables.follow`. Two are equal if they say the same, whenever they were seen."""

    corp_id: str
    staff_userid: str
    external_userid: str
    seen_at: datetime = attrs.field(eq=False)
    generation: int = attrs.field(eq=False)
    created_at: datetime | None = None
    state: str = ""
    add_way: int | None = None
    remark: str = ""
    description: str = ""
    confirmed: bool = True
    announced_at: datetime | None = None
    deleted_by_customer_at: datetime | None = None
    removed_at: datetime | None = None


@attrs.frozen
class Written:
    """
    What an answer about relations did: the numbers, and which relations are new or gone.

    ``gone`` leaves out those that the customer had ended before, which is known already.
    """

    changes: Changes
    appeared: tuple[Follow, ...] = ()
    gone: tuple[Pair, ...] = ()


_TOLD = ("created_at", "state", "add_way", "remark", "description")
_COLUMNS = tuple(field.name for field in attrs.fields(Relation))
_KEYS = ["corp_id", "staff_userid", "external_userid"]


def _of_pair(statement: S) -> S:
    c = statement.table.c
    return statement.where(
        c.corp_id == bindparam("of_corp"),
        c.staff_userid == bindparam("of_staff"),
        c.external_userid == bindparam("of_customer"),
    )


# Built once: for a single event, building a statement costs more than running it.
_f, _t = tables.follow.c, tables.follow_tag.c
_customers: BindParameter[Any] = bindparam("customers", expanding=True)
_row: list[Column[Any]] = [_f[name] for name in _COLUMNS]
_READ = select(*_row).where(_f.corp_id == bindparam("of_corp"), _f.external_userid.in_(_customers))
_READ_TAGS = select(_t.staff_userid, _t.external_userid, _t.tag_id).where(
    _t.corp_id == bindparam("of_corp"), _t.external_userid.in_(_customers)
)
_TOUCH = _of_pair(update(tables.follow)).values(seen_at=bindparam("at"), generation=bindparam("by"))
_UNTAG = _of_pair(delete(tables.follow_tag)).where(_t.tag_id == bindparam("of_tag"))


class Relations:
    """
    All relations of some customers, in a transaction that holds `tables.lock`.

    Nothing is written before `write`.

    Args:
        generation: The number of the full sync that runs, or ran last.
        asked_at: When WeCom was asked for the answer that is to be compared. Nothing newer is overwritten by it.
    """

    def __init__(
        self, conn: Connection, corp_id: str, external_userids: Iterable[str], *, generation: int, asked_at: datetime
    ) -> None:
        self._conn = conn
        self._corp_id = corp_id
        self._generation = generation
        self._asked_at = asked_at
        self._before: dict[Pair, Relation] = {}
        self._tags_before: defaultdict[Pair, set[str]] = defaultdict(set)
        for chunk in sql.chunks(external_userids):
            some = {"of_corp": corp_id, "customers": chunk}
            for row in conn.execute(_READ, some):
                relation = Relation(*row)
                self._before[relation.staff_userid, relation.external_userid] = relation
            for staff_userid, external_userid, tag_id in conn.execute(_READ_TAGS, some):
                self._tags_before[staff_userid, external_userid].add(tag_id)
        self._now = dict(self._before)
        self._tags: dict[Pair, set[str]] = {}

    def __iter__(self) -> Iterator[Relation]:
        return iter(tuple(self._now.values()))

    def get(self, staff_userid: str, external_userid: str) -> Relation | None:
        """Return a relation as it is after the changes so far, also one that is marked as gone."""
        return self._now.get((staff_userid, external_userid))

    def put(self, follows: Iterable[Follow], *, tell: bool) -> Written:
        """
        Insert or update relations.

        Args:
            follows: What WeCom told.
            tell: Whether the caller tells the event log of relations that appeared.
        """
        new = {(follow.staff_userid, follow.external_userid): follow for follow in follows}
        appeared: list[Follow] = []
        changed = 0
        for pair in sorted(new):
            follow, row = new[pair], self._now.get(pair)
            here = row if row is not None and row.removed_at is None else None
            if row is not None and row.seen_at > self._asked_at:
                if here is not None:
                    self._now[pair] = attrs.evolve(here, generation=self._generation)
                continue
            tags_differ = self._wear(pair, set(follow.tag_ids))
            if here is None:
                appeared.append(follow)
            elif tags_differ or any(getattr(here, name) != getattr(follow, name) for name in _TOLD):
                changed += 1
            self._now[pair] = Relation(
                self._corp_id,
                *pair,
                self._asked_at,
                self._generation,
                created_at=follow.created_at,
                state=follow.state,
                add_way=follow.add_way,
                remark=follow.remark,
                description=follow.description,
                confirmed=follow.confirmed or (here is not None and here.confirmed),
                announced_at=here.announced_at if here else (follow.created_at or self._asked_at) if tell else None,
                deleted_by_customer_at=here.deleted_by_customer_at if here else None,
            )
        return Written(Changes(len(appeared), changed), tuple(appeared))

    def remove(self, pairs: Iterable[Pair], *, at: datetime) -> Written:
        """
        Mark relations as gone since *at*.

        The marks stay until the next full sync, also for relations that were not
        known: an event that comes late must find that they have ended.
        """
        removed = 0
        gone: list[Pair] = []
        for pair in sorted(set(pairs)):
            row = self._now.get(pair)
            if row is not None and (row.removed_at is not None or row.seen_at > self._asked_at):
                continue
            if row is None:
                row = Relation(self._corp_id, *pair, self._asked_at, self._generation)
            else:
                removed += 1
                self._wear(pair, set())
                if row.deleted_by_customer_at is None:
                    gone.append(pair)
            self._now[pair] = attrs.evolve(
                row, remark="", description="", removed_at=at, seen_at=self._asked_at, generation=self._generation
            )
        return Written(Changes(removed=removed), gone=tuple(gone))

    def change(self, relation: Relation) -> None:
        """Put *relation*, which is one of these with other values, in its place."""
        self._now[relation.staff_userid, relation.external_userid] = relation

    def write(self) -> None:
        """Write what differs."""
        rows: list[dict[str, Any]] = []
        touched: list[dict[str, Any]] = []
        for pair in sorted(self._now):
            row, old = self._now[pair], self._before.get(pair)
            if row is old:
                continue
            if old is None or row != old:
                rows.append({name: getattr(row, name) for name in _COLUMNS})
            elif (row.seen_at, row.generation) != (old.seen_at, old.generation):
                touched.append({**self._binds(pair), "at": row.seen_at, "by": row.generation})
        sql.upsert(self._conn, tables.follow, rows, keys=_KEYS)
        if touched:
            self._conn.execute(_TOUCH, touched)
        self._write_tags()

    def _write_tags(self) -> None:
        dropped: list[dict[str, Any]] = []
        worn: list[dict[str, Any]] = []
        for pair in sorted(self._tags):
            before, after = self._tags_before[pair], self._tags[pair]
            dropped += [{**self._binds(pair), "of_tag": one} for one in sorted(before - after)]
            key = dict(zip(_KEYS, (self._corp_id, *pair), strict=True))
            worn += [{**key, "tag_id": one} for one in sorted(after - before)]
        if dropped:
            self._conn.execute(_UNTAG, dropped)
        sql.insert_ignore(self._conn, tables.follow_tag, worn)

    def _wear(self, pair: Pair, tag_ids: set[str]) -> bool:
        """Give a relation these tags; return whether it had others."""
        if tag_ids == self._tags.get(pair, self._tags_before[pair]):
            return False
        self._tags[pair] = tag_ids
        return True

    def _binds(self, pair: Pair) -> dict[str, Any]:
        return {"of_corp": self._corp_id, "of_staff": pair[0], "of_customer": pair[1]}
