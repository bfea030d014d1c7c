"""What completed transfers mean for the mirror, for many customers at once."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from sqlalchemy import Connection, bindparam, delete

from privdom.events import CustomerMoved
from privdom.mirror import tables
from privdom.mirror.relations import Relation, Relations
from privdom.mirror.writes import current_generation
from privdom.store import sql


__all__ = ["move_follows"]

# The add_way of a relation that was assigned by somebody else than its staff (92114).
_ASSIGNED = 202

_t = tables.follow_tag.c
_UNTAG = delete(tables.follow_tag).where(
    _t.corp_id == bindparam("of_corp"),
    _t.staff_userid == bindparam("of_staff"),
    _t.external_userid == bindparam("of_customer"),
)


def move_follows(conn: Connection, corp_id: str, moves: Iterable[CustomerMoved]) -> None:
    """
    Record that transfers are complete: the takeover follows the customer, the handover no longer does.

    What WeCom carries over to the new relation is not known (its documentation
    does not say), so it begins without remark and tags until WeCom tells of it.
    Tells the event log nothing; log the same events after it, in the same transaction.

    Args:
        moves: In the order in which they happened.
    """
    tables.lock(conn, corp_id)
    generation = current_generation(conn, corp_id)
    for chunk in sql.chunks(moves):
        customers = {move.external_userid for move in chunk}
        latest = max(move.at for move in chunk)
        relations = Relations(conn, corp_id, customers, generation=generation, asked_at=latest)
        # Each move is compared at its own moment, where `put` and `remove` know only the latest.
        changed = [one for move in chunk for one in _apply(relations, corp_id, move, generation)]
        relations.write()
        if changed:
            rows = {(one.staff_userid, one.external_userid) for one in changed}
            conn.execute(_UNTAG, [{"of_corp": corp_id, "of_staff": s, "of_customer": c} for s, c in sorted(rows)])


def _apply(relations: Relations, corp_id: str, move: CustomerMoved, generation: int) -> list[Relation]:
    """End one relation and begin the other, unless something newer is known of them; return what changed."""
    changed: list[Relation] = []
    at, customer = move.at, move.external_userid
    old = relations.get(move.handover_userid, customer)
    if old is None:
        # Marked though it was not known: an event that comes late must find that it has ended.
        old = Relation(corp_id, move.handover_userid, customer, at, generation)
    if old.removed_at is None and old.seen_at <= at:
        gone = attrs.evolve(old, remark="", description="", removed_at=at, seen_at=at, generation=generation)
        changed.append(gone)
        relations.change(gone)
    new = relations.get(move.takeover_userid, customer)
    if new is None or (new.removed_at is not None and new.seen_at <= at):
        began = Relation(
            corp_id,
            move.takeover_userid,
            customer,
            at,
            generation,
            created_at=at,
            announced_at=at,
            add_way=_ASSIGNED,
        )
        changed.append(began)
        relations.change(began)
    return changed
