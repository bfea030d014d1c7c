"""What an event about a customer means for the mirror, once WeCom's present answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from sqlalchemy import Connection

from privdom.events import EventLog, FollowAdded, FollowRemoved
from privdom.mirror import tables
from privdom.mirror.relations import Relation, Relations
from privdom.mirror.values import Customer, Follow
from privdom.mirror.writes import current_generation, put
from privdom.store import sql
from privdom.wecom import callbacks as wire


__all__ = ["fold_customer"]


def fold_customer(
    conn: Connection,
    corp_id: str,
    event: wire.CustomerEvent,
    *,
    asked_at: datetime,
    customer: Customer | None,
    follows: Sequence[Follow],
) -> None:
    """
    Write what WeCom told of a customer when *event* was looked into, and log which relations began and ended.

    Args:
        asked_at: When WeCom was asked.
        customer: None if WeCom knows of no relation.
        follows: All of the customer's relations that WeCom tells of.
    """
    generation = current_generation(conn, corp_id)
    staff_userid, external_userid, at = event.user_id, event.external_user_id, event.create_time
    relations = Relations(conn, corp_id, [external_userid], generation=generation, asked_at=asked_at)
    before = {relation.staff_userid: relation for relation in relations}
    if customer is not None:
        put(conn, tables.customer, corp_id, [customer], generation)
    present = list(follows)
    told = {follow.staff_userid for follow in follows}
    if staff_userid not in told and isinstance(event, wire.CustomerHalfAdded):
        present += _unconfirmed(conn, corp_id, event, before.get(staff_userid), generation)
    written = relations.put(present, tell=True)

    began = {follow.staff_userid: follow for follow in written.appeared}
    log: list[FollowAdded | FollowRemoved] = [
        FollowAdded(one, external_userid, follow.state, follow.created_at or at) for one, follow in began.items()
    ]
    here = relations.get(staff_userid, external_userid)
    if here is not None and here.removed_at is None:
        if isinstance(event, wire.CustomerAdded | wire.CustomerHalfAdded):
            if staff_userid not in began and _begins_anew(here, at):
                log.append(FollowAdded(staff_userid, external_userid, here.state, at))
            announced_at, deleted_at = max(at, here.announced_at or at), _unless(here, at)
            relations.change(attrs.evolve(here, announced_at=announced_at, deleted_by_customer_at=deleted_at))
        elif isinstance(event, wire.StaffDeleted) and _ends_now(here, at):
            log.append(FollowRemoved(staff_userid, external_userid, "customer", at))
            relations.change(attrs.evolve(here, deleted_by_customer_at=at))

    # Whom WeCom does not tell of is gone, but for those it never tells of.
    absent = {one for one, row in before.items() if row.confirmed and one not in told and row.removed_at is None}
    if isinstance(event, wire.CustomerDeleted) and staff_userid not in told:
        absent.add(staff_userid)
    pairs = [(one, external_userid) for one in absent]
    ended = relations.remove(pairs, at=at)
    relations.write()
    log += [FollowRemoved(one, external_userid, _by(event, one), at) for one, _ in ended.gone]
    EventLog.append(conn, corp_id, *log)


def _unconfirmed(
    conn: Connection, corp_id: str, event: wire.CustomerHalfAdded, row: Relation | None, generation: int
) -> list[Follow]:
    """Return the relation that WeCom does not tell of until the staff confirms it, unless it has ended since."""
    if row is not None and (row.removed_at is None or row.removed_at > event.create_time):
        return []
    unknown = {"corp_id": corp_id, "generation": generation, **attrs.asdict(Customer(event.external_user_id))}
    sql.insert_ignore(conn, tables.customer, [unknown])
    return [
        Follow(
            event.user_id,
            event.external_user_id,
            created_at=event.create_time,
            state=event.state,
            confirmed=False,
        )
    ]


def _begins_anew(row: Relation, at: datetime) -> bool:
    """Whether an add is news: it was not told, or the customer had deleted the staff before."""
    deleted_at = row.deleted_by_customer_at
    return row.announced_at is None or (deleted_at is not None and at >= deleted_at)


def _ends_now(row: Relation, at: datetime) -> bool:
    """Whether a deletion by the customer is news: not known, and no add came after it."""
    return row.deleted_by_customer_at is None and (row.announced_at is None or at >= row.announced_at)


def _unless(row: Relation, at: datetime) -> datetime | None:
    """Return the customer's deletion of the staff that remains after an add at *at*."""
    deleted_at = row.deleted_by_customer_at
    return deleted_at if deleted_at is not None and deleted_at > at else None


def _by(event: wire.CustomerEvent, staff_userid: str) -> str:
    if staff_userid != event.user_id or not isinstance(event, wire.CustomerDeleted):
        return "sync"  # it was not this event that ended it
    return "transfer" if event.by_transfer else "staff"
