"""The ledger of points: its tables, and the statements on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    literal,
    select,
    union_all,
)

from privdom.scoring.report import Balance, Entry, LedgerCheck
from privdom.scoring.rules import Award, Crossing, LimitKey, ScoreRules, Threshold
from privdom.store import BigId, UtcTime, metadata, sql


__all__ = ["Ledger"]

_account = Table(
    "privdom_points_account",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("account", Text, primary_key=True),
)

_entry = Table(
    "privdom_points_entry",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("corp_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("external_userid", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("source_event", Text, nullable=False),
    # The number of the entry taken back, or 0: NULLs would not be equal to each other in the constraint.
    Column("reverses", BigInteger, nullable=False, default=0),
    Column("points", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("at", UtcTime, nullable=False),
    Column("day", Integer, nullable=False),
    # No event pays twice by one rule, and no entry is taken back twice.
    UniqueConstraint(
        "corp_id",
        "account",
        "source_event",
        "external_userid",
        "rule",
        "reverses",
        name="uq_privdom_points_entry",
    ),
    # The history of a customer, and the counts that limits go by.
    Index(None, "corp_id", "account", "external_userid", "rule", "day"),
)

_balance = Table(
    "privdom_points_balance",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("external_userid", Text, primary_key=True),
    Column("points", BigInteger, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Index(None, "corp_id", "account", "points"),
)

_crossing = Table(
    "privdom_points_crossing",
    metadata,
    Column("corp_id", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("threshold", Text, primary_key=True),
    Column("external_userid", Text, primary_key=True),
    Column("held", Boolean, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "corp_id", "account", "external_userid"),
)


class Ledger:
    """The rows of one account of one corp. Each method works on a connection, inside the caller's transaction."""

    def __init__(self, corp_id: str, account: str) -> None:
        self._corp_id = corp_id
        self._account = account
        self._ids = {"corp_id": corp_id, "account": account}

    def _mine(self, table: Table) -> ColumnElement[bool]:
        return and_(table.c.corp_id == self._corp_id, table.c.account == self._account)

    def lock(self, conn: Connection) -> None:
        """
        Let only one transaction at a time go on with this account.

        Limits, balances and crossings are read before they are written, and the
        consumer of the event log must see every crossing of those before it.
        """
        sql.insert_ignore(conn, _account, [self._ids])
        conn.execute(select(_account.c.account).where(self._mine(_account)).with_for_update())

    def known(self, conn: Connection, awards: Sequence[Award]) -> set[tuple[str, str, str]]:
        """Return the keys of the entries that stem from the events of *awards*."""
        entry = _entry.c
        query = select(entry.rule, entry.source_event, entry.external_userid).where(
            self._mine(_entry), entry.reverses == 0
        )
        found: set[tuple[str, str, str]] = set()
        for events in sql.chunks(dict.fromkeys(award.source_event for award in awards)):
            rows = conn.execute(query.where(entry.source_event.in_(events)))
            found.update((rule, event, who) for rule, event, who in rows)
        return found

    def used(self, conn: Connection, rules: ScoreRules, awards: Sequence[Award]) -> dict[LimitKey, int]:
        """Return how often the limited rules among *awards* have paid these customers before."""
        wanted = {award.rule for award in awards}
        once = [rule.id for rule in rules.rules if rule.once and rule.id in wanted]
        capped = [rule.id for rule in rules.rules if rule.cap_per_day is not None and rule.id in wanted]
        counts: dict[LimitKey, int] = {}
        entry = _entry.c
        if once:
            customers = dict.fromkeys(award.external_userid for award in awards if award.rule in once)
            query = select(entry.rule, entry.external_userid, func.count()).where(
                self._mine(_entry), entry.reverses == 0, entry.rule.in_(once)
            )
            for some in sql.chunks(customers):
                rows = conn.execute(
                    query.where(entry.external_userid.in_(some)).group_by(entry.rule, entry.external_userid)
                )
                counts.update({(rule, who, None): count for rule, who, count in rows})
        if capped:
            mine = [award for award in awards if award.rule in capped]
            days = [award.day for award in mine]
            query2 = select(entry.rule, entry.external_userid, entry.day, func.count()).where(
                self._mine(_entry),
                entry.reverses == 0,
                entry.rule.in_(capped),
                entry.day.between(min(days), max(days)),
            )
            for some in sql.chunks(dict.fromkeys(award.external_userid for award in mine)):
                rows2 = conn.execute(
                    query2.where(entry.external_userid.in_(some)).group_by(entry.rule, entry.external_userid, entry.day)
                )
                counts.update({(rule, who, day): count for rule, who, day, count in rows2})
        return counts

    def add(self, conn: Connection, awards: Iterable[Award]) -> None:
        """Write *awards*, none of which is known."""
        rows = [
            {
                **self._ids,
                "external_userid": award.external_userid,
                "rule": award.rule,
                "source_event": award.source_event,
                "reverses": 0,
                "points": award.points,
                "reason": "",
                "at": award.at,
                "day": award.day,
            }
            for award in awards
        ]
        if rows:
            conn.execute(_entry.insert(), rows)

    def entries(self, conn: Connection, *, number: int | None = None, source_event: str | None = None) -> list[Entry]:
        """Return the entries with this number, or those that rules made for this event."""
        query = select(_entry).where(self._mine(_entry))
        if number is not None:
            query = query.where(_entry.c.id == number)
        if source_event is not None:
            query = query.where(_entry.c.source_event == source_event, _entry.c.reverses == 0)
        return [_to_entry(row) for row in conn.execute(query.order_by(_entry.c.id))]

    def reverse(self, conn: Connection, entries: Sequence[Entry], reason: str, at: datetime, day: int) -> list[Entry]:
        """Take *entries* back that were not before; return those that this did take back."""
        done = select(_entry.c.reverses).where(
            self._mine(_entry), _entry.c.source_event.in_({entry.source_event for entry in entries})
        )
        reversed_before = set(conn.execute(done).scalars())
        fresh = [entry for entry in entries if entry.id not in reversed_before]
        rows = [
            {
                **self._ids,
                "external_userid": entry.external_userid,
                "rule": entry.rule,
                "source_event": entry.source_event,
                "reverses": entry.id,
                "points": -entry.points,
                "reason": reason,
                "at": at,
                "day": day,
            }
            for entry in fresh
        ]
        if rows:
            conn.execute(_entry.insert(), rows)
        return fresh

    def history(self, conn: Connection, external_userid: str, limit: int) -> tuple[Entry, ...]:
        """Return the newest entries of a customer, the newest first."""
        query = (
            select(_entry)
            .where(self._mine(_entry), _entry.c.external_userid == external_userid)
            .order_by(_entry.c.id.desc())
            .limit(limit)
        )
        return tuple(_to_entry(row) for row in conn.execute(query))

    def balances(self, conn: Connection, external_userids: Collection[str]) -> dict[str, int]:
        """Return the balances of customers; those without entries are absent."""
        balance = _balance.c
        query = select(balance.external_userid, balance.points).where(self._mine(_balance))
        found: dict[str, int] = {}
        for some in sql.chunks(external_userids):
            rows = conn.execute(query.where(balance.external_userid.in_(some)))
            found.update(dict(rows.all()))
        return found

    def set_balances(self, conn: Connection, balances: Mapping[str, int], at: datetime) -> None:
        """Write new balances."""
        rows = [
            {**self._ids, "external_userid": who, "points": points, "changed_at": at}
            for who, points in sorted(balances.items())
        ]
        sql.upsert(conn, _balance, rows, keys=["corp_id", "account", "external_userid"])

    def top(self, conn: Connection, n: int) -> tuple[Balance, ...]:
        """Return the *n* highest balances."""
        query = (
            select(_balance.c.external_userid, _balance.c.points)
            .where(self._mine(_balance))
            .order_by(_balance.c.points.desc(), _balance.c.external_userid)
            .limit(n)
        )
        return tuple(Balance(who, points) for who, points in conn.execute(query))

    def crossings(self, conn: Connection, external_userids: Collection[str]) -> dict[tuple[str, str], bool]:
        """Return by (threshold, customer) whether it is held; those never reached are absent."""
        crossing = _crossing.c
        query = select(crossing.threshold, crossing.external_userid, crossing.held).where(self._mine(_crossing))
        found: dict[tuple[str, str], bool] = {}
        for some in sql.chunks(external_userids):
            rows = conn.execute(query.where(crossing.external_userid.in_(some)))
            found.update({(threshold, who): held for threshold, who, held in rows})
        return found

    def set_crossings(
        self, conn: Connection, crossed: Iterable[tuple[Threshold, str, Crossing, int]], at: datetime
    ) -> None:
        """Write which thresholds are held now: threshold, customer, how, and the balance."""
        rows = [
            {
                **self._ids,
                "threshold": threshold.id,
                "external_userid": who,
                "held": crossing is not Crossing.LOST,
                "balance": balance,
                "at": at,
            }
            for threshold, who, crossing, balance in crossed
        ]
        sql.upsert(conn, _crossing, rows, keys=["corp_id", "account", "threshold", "external_userid"])

    def check(self, conn: Connection) -> LedgerCheck:
        """Compare the balances with the sums of the ledger."""
        entry, balance = _entry.c, _balance.c
        ledger = (
            select(entry.external_userid, func.sum(entry.points).label("points"))
            .where(self._mine(_entry))
            .group_by(entry.external_userid)
            .subquery()
        )
        kept = select(balance.external_userid, balance.points).where(self._mine(_balance)).subquery()
        same = ledger.c.external_userid == kept.c.external_userid
        differ = (
            select(ledger.c.external_userid, ledger.c.points, func.coalesce(kept.c.points, 0))
            .join_from(ledger, kept, same, isouter=True)
            .where(ledger.c.points != func.coalesce(kept.c.points, 0))
        )
        unfounded = (
            select(kept.c.external_userid, literal(0), kept.c.points)
            .join_from(kept, ledger, same, isouter=True)
            .where(ledger.c.external_userid.is_(None))
        )
        off = sorted((who, int(was), int(now)) for who, was, now in conn.execute(union_all(differ, unfounded)))
        customers, points = conn.execute(select(func.count(), func.coalesce(func.sum(ledger.c.points), 0))).one()
        return LedgerCheck(self._account, int(customers), int(points), tuple(off))


def _to_entry(row: Row[Any]) -> Entry:
    return Entry(
        row.id, row.external_userid, row.rule, row.source_event, row.points, row.at, row.reason, row.reverses or None
    )
