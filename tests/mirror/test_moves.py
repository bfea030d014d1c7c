"""Completed transfers in the mirror, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from privdom.events import CustomerMoved
from privdom.mirror import Follow, follows, move_follows, tables
from privdom.mirror.relations import Relations
from privdom.store import Store


CORP = "ww1"
AT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = AT + timedelta(hours=1)

staff = st.sampled_from(["a", "b", "c"])
customers = st.sampled_from(["wm1", "wm2", "wm3"])
moments = st.integers(0, 3).map(lambda hours: AT + timedelta(hours=hours))


def put(conn: Connection, follows: Iterable[Follow], *, at: datetime) -> None:
    relations = Relations(conn, CORP, [one.external_userid for one in follows], generation=0, asked_at=at)
    relations.put(follows, tell=False)
    relations.write()


def remove(conn: Connection, staff: str, customer: str, *, at: datetime) -> None:
    relations = Relations(conn, CORP, [customer], generation=0, asked_at=at)
    relations.remove([(staff, customer)], at=at)
    relations.write()


def test_a_move_ends_one_relation_and_begins_the_other(store: Store) -> None:
    """The takeover follows the customer without remark or tags; doing it twice changes nothing."""
    before = [
        Follow("old", "wm1", remark="r", tag_ids=("t",)),
        Follow("old", "wm2"),
        Follow("new", "wm2", remark="x", tag_ids=("t",)),
    ]
    with store.begin() as conn:
        put(conn, before, at=AT)
    for _ in range(2):
        with store.begin() as conn:
            move_follows(conn, CORP, [CustomerMoved(one, "old", "new", LATER) for one in ("wm1", "wm2")])
    with store.read() as conn:
        after = list(follows(conn, CORP))

    assert [
        Follow("new", "wm1", created_at=LATER, add_way=202),
        Follow("new", "wm2", remark="x", tag_ids=("t",)),
    ] == after


def test_more_moves_than_a_statement_takes(store: Store) -> None:
    """Each customer of thousands moves to its own takeover, at its own moment; nobody else does."""
    moves = [CustomerMoved(f"wm{i:04}", f"old{i % 7}", f"new{i % 5}", AT + timedelta(seconds=i)) for i in range(2100)]
    stay = Follow("old0", "wm-stays", tag_ids=("t",))
    with store.begin() as conn:
        put(conn, [*(Follow(m.handover_userid, m.external_userid, tag_ids=("t",)) for m in moves), stay], at=AT)
        move_follows(conn, CORP, moves)
    with store.read() as conn:
        after = set(follows(conn, CORP))

    assert {stay} | {Follow(m.takeover_userid, m.external_userid, created_at=m.at, add_way=202) for m in moves} == after


def test_no_move() -> None:
    """No move changes nothing."""
    with Store("sqlite://") as store, store.begin() as conn:
        put(conn, [Follow("a", "wm1")], at=AT)
        move_follows(conn, CORP, [])

        assert [Follow("a", "wm1")] == list(follows(conn, CORP))


@settings(max_examples=60, deadline=None)
@given(
    known=st.lists(st.tuples(staff, customers, moments, st.booleans(), st.booleans())),
    moves=st.lists(st.builds(CustomerMoved, customers, staff, staff, moments)),
)
def test_many_at_once_are_one_after_another(
    known: list[tuple[str, str, datetime, bool, bool]], moves: list[CustomerMoved]
) -> None:
    """Each move means what it means alone: it ends and begins a relation unless something newer is known of it."""
    with Store("sqlite://") as together, Store("sqlite://") as apart:
        for store in (together, apart):
            with store.begin() as conn:
                for one, customer, at, tagged, gone in known:
                    put(conn, [Follow(one, customer, remark="r", tag_ids=("t",) if tagged else ())], at=at)
                    if gone:
                        remove(conn, one, customer, at=at)
        with together.begin() as conn:
            move_follows(conn, CORP, moves)
        with apart.begin() as conn:
            for move in moves:
                relations = Relations(conn, CORP, [move.external_userid], generation=0, asked_at=move.at)
                relations.remove([(move.handover_userid, move.external_userid)], at=move.at)
                there = relations.get(move.takeover_userid, move.external_userid)
                if there is None or there.removed_at is not None:
                    new = Follow(move.takeover_userid, move.external_userid, created_at=move.at, add_way=202)
                    relations.put([new], tell=True)
                relations.write()

        assert rows(apart) == rows(together)


def rows(store: Store) -> list[Sequence[Any]]:
    """All that is stored of relations, and their tags."""
    with store.read() as conn:
        return [conn.execute(select(t).order_by(*t.primary_key)).all() for t in (tables.follow, tables.follow_tag)]
