"""Schemes, tiers of customers and the change log: their tables, and the statements on them."""

from __future__ import annotations

import json
import math

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import cattrs

from cattrs.strategies import configure_tagged_union
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    and_,
    func,
    insert,
    select,
)

from privdom.errors import UsageError
from privdom.mirror import tables as mirror
from privdom.store import BigId, JsonText, UtcTime, metadata, sql
from privdom.tiering.report import TierChange
from privdom.tiering.rules import Category, Dimension, Previous, TierRule, TierScheme


__all__ = [
    "State",
    "SweepAt",
    "TierRows",
    "Wearer",
    "customers_among",
]

_scheme = Table(
    "privdom_tier_scheme",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", JsonText, nullable=False),
    Column("saved_at", UtcTime, nullable=False),
)

_state = Table(
    "privdom_tier_state",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("external_userid", Text, primary_key=True),
    Column("tier", Text, nullable=False),
    Column("labels", JsonText, nullable=False),
    Column("since", UtcTime, nullable=False),
    # The tag that is wanted now: a newer version of the scheme may name another one for the same tier.
    Column("tag_id", Text),
    Index(None, "corp_id", "scheme", "tier"),
    Index(None, "corp_id", "external_userid"),
)

_change = Table(
    "privdom_tier_change",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("corp_id", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("external_userid", Text, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "corp_id", "external_userid", "scheme"),
    Index(None, "corp_id", "scheme", "id"),
)

# How far the sweep of a scheme has come, and the lock that transactions on its states take.
_sweep = Table(
    "privdom_tier_sweep",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    # The last customer judged; empty when no sweep is under way.
    Column("after", Text, nullable=False),
)


@attrs.frozen
class State(Previous):
    """A customer's tier as stored, with the tag that goes with it."""

    tag_id: str | None


@attrs.frozen
class SweepAt:
    """How far a sweep has come: the last customer judged, or "" at the start, and by which version."""

    version: int
    after: str


@attrs.frozen
class Wearer:
    """Which tag a customer wears for a scheme."""

    scheme: str
    external_userid: str
    tag_id: str


class TierRows:
    """The tiering rows of one corp. Each method works on a connection, inside the caller's transaction."""

    def __init__(self, corp_id: str) -> None:
        self._corp_id = corp_id

    def _of(self, table: Table, scheme: str) -> ColumnElement[bool]:
        return and_(table.c.corp_id == self._corp_id, table.c.scheme == scheme)

    def save(self, conn: Connection, scheme: TierScheme, at: datetime) -> int:
        """Write *scheme* as a new version if it differs from the newest; return its version."""
        body = _dump(scheme)
        self.lock(conn, scheme.id)
        newest = conn.execute(
            select(_scheme.c.version, _scheme.c.body)
            .where(self._of(_scheme, scheme.id))
            .order_by(_scheme.c.version.desc())
            .limit(1)
        ).first()
        if newest is not None and newest.body == body:
            return int(newest.version)
        version = 1 if newest is None else int(newest.version) + 1
        row = {"corp_id": self._corp_id, "scheme": scheme.id, "version": version, "body": body, "saved_at": at}
        conn.execute(insert(_scheme), [row])
        return version

    def load(self, conn: Connection, scheme: str, version: int | None = None) -> tuple[TierScheme, int]:
        """Return a scheme and its version, the newest unless one is given."""
        query = select(_scheme.c.body, _scheme.c.version).where(self._of(_scheme, scheme))
        if version is not None:
            query = query.where(_scheme.c.version == version)
        row = conn.execute(query.order_by(_scheme.c.version.desc()).limit(1)).first()
        if row is None:
            which = f"tier scheme {scheme!r}" + ("" if version is None else f" version {version}")
            msg = f"there is no {which} here: save one first"
            raise UsageError(msg)
        return _load(row.body), int(row.version)

    def lock(self, conn: Connection, scheme: str) -> SweepAt:
        """
        Let only one transaction at a time go on with this scheme; return how far its sweep is.

        States are read before they are written, and the consumer of the event log
        must see every tag of those before it.
        """
        row = {"corp_id": self._corp_id, "scheme": scheme, "version": 0, "after": ""}
        sql.insert_ignore(conn, _sweep, [row])
        found = conn.execute(
            select(_sweep.c.version, _sweep.c.after).where(self._of(_sweep, scheme)).with_for_update()
        ).one()
        return SweepAt(int(found.version), str(found.after))

    def lock_all(self, conn: Connection) -> None:
        """Take the locks of all schemes."""
        mine = select(_sweep.c.scheme).where(_sweep.c.corp_id == self._corp_id)
        conn.execute(mine.order_by(_sweep.c.scheme).with_for_update()).all()

    def set_sweep(self, conn: Connection, scheme: str, at: SweepAt) -> None:
        """Write how far the sweep is."""
        row = {"corp_id": self._corp_id, "scheme": scheme, "version": at.version, "after": at.after}
        sql.upsert(conn, _sweep, [row], keys=["corp_id", "scheme"])

    def states(self, conn: Connection, scheme: str, external_userids: Collection[str]) -> dict[str, State]:
        """Return what was decided for these customers before."""
        state = _state.c
        query = select(state.external_userid, state.tier, state.labels, state.since, state.tag_id).where(
            self._of(_state, scheme)
        )
        found: dict[str, State] = {}
        for some in sql.chunks(external_userids):
            rows = conn.execute(query.where(state.external_userid.in_(some)))
            found.update({who: State(tier, labels, since, tag) for who, tier, labels, since, tag in rows})
        return found

    def set_states(self, conn: Connection, scheme: str, states: Mapping[str, State]) -> None:
        """Write the tiers of customers."""
        rows = [
            {
                "corp_id": self._corp_id,
                "scheme": scheme,
                "external_userid": who,
                "tier": state.tier,
                "labels": dict(state.labels),
                "since": state.since,
                "tag_id": state.tag_id,
            }
            for who, state in sorted(states.items())
        ]
        sql.upsert(conn, _state, rows, keys=["corp_id", "scheme", "external_userid"])

    def wearers(self, conn: Connection, external_userids: Collection[str]) -> list[Wearer]:
        """Return the tags that these customers wear, of all schemes."""
        state = _state.c
        query = select(state.scheme, state.external_userid, state.tag_id).where(
            state.corp_id == self._corp_id, state.tag_id.is_not(None)
        )
        found: list[Wearer] = []
        for some in sql.chunks(external_userids):
            rows = conn.execute(query.where(state.external_userid.in_(some)).order_by(state.scheme))
            found += [Wearer(scheme, who, tag) for scheme, who, tag in rows]
        return found

    def log(self, conn: Connection, changes: Sequence[TierChange]) -> None:
        """Write *changes* to the change log."""
        rows = [{"corp_id": self._corp_id, **_columns(change)} for change in changes]
        if rows:
            conn.execute(insert(_change), rows)

    def changes(
        self, conn: Connection, scheme: str, external_userid: str | None, since: datetime | None, limit: int
    ) -> tuple[TierChange, ...]:
        """Return the newest lines of the change log, the newest first."""
        change = _change.c
        query = select(
            change.scheme, change.external_userid, change.before, change.after, change.reason, change.at
        ).where(self._of(_change, scheme))
        if external_userid is not None:
            query = query.where(change.external_userid == external_userid)
        if since is not None:
            query = query.where(change.at >= since)
        return tuple(TierChange(*row) for row in conn.execute(query.order_by(change.id.desc()).limit(limit)))

    def counts(self, conn: Connection, scheme: str) -> Counter[str]:
        """Return how many customers each tier has."""
        query = select(_state.c.tier, func.count()).where(self._of(_state, scheme)).group_by(_state.c.tier)
        return Counter(dict(conn.execute(query).all()))


def _columns(change: TierChange) -> dict[str, Any]:
    return {
        "scheme": change.scheme,
        "external_userid": change.external_userid,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
        "at": change.at,
    }


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(timedelta, lambda span: span.total_seconds())
    converter.register_structure_hook(timedelta, lambda seconds, _: timedelta(seconds=seconds))
    # JSON has no infinity; only the lowest band begins there.
    converter.register_unstructure_hook(float, lambda number: None if number == -math.inf else number)
    converter.register_structure_hook(float, lambda number, _: -math.inf if number is None else float(number))
    converter.register_unstructure_hook(TierRule, lambda rule: {"tier": rule.tier, "labels": dict(rule.labels)})
    converter.register_structure_hook(TierRule, lambda row, _: TierRule(row["tier"], **row["labels"]))
    configure_tagged_union(Dimension | Category, converter)
    return converter


_CONVERTER = _make_converter()


def _dump(scheme: TierScheme) -> Any:
    # Through JSON, so that it equals what is read back.
    return json.loads(json.dumps(_CONVERTER.unstructure(scheme)))


def _load(body: Any) -> TierScheme:
    return _CONVERTER.structure(body, TierScheme)


def customers_among(conn: Connection, corp_id: str, external_userids: Iterable[str]) -> list[str]:
    """Return those of *external_userids* whom the mirror knows."""
    customer = mirror.customer.c
    query = select(customer.external_userid).where(customer.corp_id == corp_id)
    found: list[str] = []
    for some in sql.chunks(external_userids):
        found += conn.execute(query.where(customer.external_userid.in_(some))).scalars()
    return found
