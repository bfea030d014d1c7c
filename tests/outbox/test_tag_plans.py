"""What desired tags cost the database: the relations in hand, not all wishes of the corp."""

from __future__ import annotations

import re

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sqlalchemy import event, insert, text

from privdom.outbox import wishes
from privdom.outbox.wish_rules import Pushed
from privdom.outbox.wishes import push, wish
from privdom.store import Store


NOW = datetime(2026, 1, 2, tzinfo=UTC)
CORP = "ww1"
Plan = list[str]
# Of a smaller table PostgreSQL reads all: it is cheaper.
MANY = 20_000
_RELATION = re.compile("staff.*customer")


def _fill(store: Store, count: int) -> None:
    """Wishes of *count* relations, all due at once."""
    who = [{"corp_id": CORP, "staff": f"staff{i % 7}", "customer": f"wm{i:06}"} for i in range(count)]
    with store.begin() as conn:
        rest = {"tag_id": "t", "owner": "x", "wanted": True, "state": "pending", "added": False}
        conn.execute(insert(wish), [one | rest for one in who])
        conn.execute(insert(push), [one | {"changes": 1, "fence": 0, "attempt": 0, "due_at": NOW} for one in who])


@contextmanager
def _explained(store: Store) -> Iterator[dict[str, Plan]]:
    """The plan of each SELECT, UPDATE and DELETE of the block, by its text, as the database makes it at that moment."""
    plans: dict[str, Plan] = {}
    sqlite = store.dialect == "sqlite"

    def explain(_conn: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not statement.startswith(("SELECT", "UPDATE", "DELETE")):
            return
        other = cursor.connection.cursor()
        prefix = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN (COSTS OFF)"
        other.execute(f"{prefix} {statement}", parameters[0] if many else parameters)
        plans[statement] = [str(row[-1]) for row in other.fetchall()]

    event.listen(store._engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(store._engine, "before_cursor_execute", explain)


def _by_relation(plan: Plan) -> bool:
    """Whether a plan looks at tables of ours only by the key of a relation."""
    looks = [line for line in plan if re.search(r"(SCAN|SEARCH|Scan using \w+ on|(Seq|Heap) Scan on) privdom_", line)]
    found = [line for line in plan if ("SEARCH" in line or "Index Cond" in line) and _RELATION.search(line)]
    return 0 < len(looks) == len(found)


@pytest.mark.parametrize("known", [None, 10], ids=["as it is", "with the statistics of a small corp"])
def test_by_relation(store: Store, known: int | None) -> None:
    """Each statement but the claim finds its rows by staff and customer, whatever the database knows of the tables."""
    _fill(store, known or MANY)
    with store.begin() as conn:
        if known or store.dialect == "postgresql":
            conn.execute(text("ANALYZE"))
    if known:
        with store.begin() as conn:
            conn.execute(wish.delete())
            conn.execute(push.delete())
        _fill(store, MANY)
    here = [("staff0", "wm000000", "t", False), ("staff1", "wm000001", "u", True), ("staff2", "wm000002", "t", True)]
    with _explained(store) as plans, store.begin() as conn:
        wishes.want(conn, CORP, "x", here, NOW)
        wishes.move(conn, CORP, {"wm000001": ("staff1", "staff2")}, NOW)
        claimed = wishes.claim(conn, CORP, now=NOW, lease=timedelta(minutes=5), limit=10)
        tasks = wishes.take(conn, CORP, claimed)
        results = [Pushed(task, frozenset((*task.add, *task.remove))) for task in tasks[:5]]
        results += [Pushed(task, wait=timedelta(1)) for task in tasks[5:]]
        assert len(results) == len(wishes.record(conn, CORP, results, NOW))

    rest = {statement: plan for statement, plan in plans.items() if "LIMIT" not in statement}
    assert {} == {statement: plan for statement, plan in rest.items() if not _by_relation(plan)}
    # Both tables are locked, and both are changed and deleted from.
    assert {"SELECT", "UPDATE", "DELETE"} == {statement.split()[0] for statement in rest}
    assert len(rest) >= 7


def test_claim_in_order(store: Store) -> None:
    """A claim takes the first of many that are due at once from the index, without sorting them."""
    _fill(store, MANY)
    with store.begin() as conn:
        conn.execute(text("ANALYZE"))

    with _explained(store) as plans, store.begin() as conn:
        first = wishes.claim(conn, CORP, now=NOW, lease=timedelta(minutes=5), limit=3)

    [plan] = [plan for statement, plan in plans.items() if "LIMIT" in statement]
    whole = "\n".join(plan)
    assert "ix_privdom_tag_push_due" in whole
    assert "TEMP B-TREE" not in whole
    assert "Sort" not in whole
    assert ["wm000000", "wm000007", "wm000014"] == [c.customer for c in first]


def test_next_in_order(store: Store) -> None:
    """When the next push is due stands at the beginning of the index."""
    _fill(store, MANY)
    with store.begin() as conn:
        conn.execute(text("ANALYZE"))

    with _explained(store) as plans, store.read() as conn:
        assert NOW == wishes.next_at(conn, CORP)

    [plan] = plans.values()
    assert "ix_privdom_tag_push_due" in "\n".join(plan)
