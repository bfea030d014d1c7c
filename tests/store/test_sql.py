"""Statements on sets of rows."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, Table, Text, delete, select

from privdom.store import Store, metadata, sql


stock = Table(
    "privdom_test_stock",
    metadata,
    Column("shop", Text, primary_key=True),
    Column("item", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("note", Text),
)
_KEYS = ["shop", "item"]
_rows = st.lists(
    st.fixed_dictionaries(
        {"shop": st.sampled_from("ab"), "item": st.integers(0, 3), "count": st.integers(0, 9), "note": st.just("n")}
    )
)


def _all(store: Store) -> list[tuple[Any, ...]]:
    with store.read() as conn:
        return [tuple(row) for row in conn.execute(select(stock).order_by(stock.c.shop, stock.c.item))]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_rows, second=_rows)
def test_upsert_leaves_what_a_dict_would(
    store: Store, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    """Rows of the same keys replace each other, the last one wins; within one call too."""
    with store.begin() as conn:
        conn.execute(delete(stock))
        sql.upsert(conn, stock, first, keys=_KEYS)
        sql.upsert(conn, stock, second, keys=_KEYS)
    expected = {
        (row["shop"], row["item"]): tuple(row[name] for name in ("shop", "item", "count", "note"))
        for row in first + second
    }

    assert [expected[key] for key in sorted(expected)] == _all(store)


def test_upsert_overwrites_only_what_it_is_told_to(store: Store) -> None:
    """Columns that are not named stay; with none named, so does the row."""
    row = {"shop": "a", "item": 1, "count": 1, "note": "old"}
    with store.begin() as conn:
        sql.upsert(conn, stock, [row], keys=_KEYS)
        sql.upsert(conn, stock, [row | {"count": 2, "note": "new"}], keys=_KEYS, update=["count"])
        sql.upsert(conn, stock, [row | {"count": 3, "note": "new"}], keys=_KEYS, update=[])

    assert [("a", 1, 2, "old")] == _all(store)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_rows, second=_rows)
def test_insert_ignore_counts_what_is_new(
    store: Store, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    """It returns how many rows there are more than before, and changes none of the others."""
    with store.begin() as conn:
        conn.execute(delete(stock))
        one = sql.insert_ignore(conn, stock, first)
        two = sql.insert_ignore(conn, stock, second)
    keys = [{(row["shop"], row["item"]) for row in rows} for rows in (first, first + second)]

    assert [len(keys[0]), len(keys[1])] == [one, one + two]
    assert len(keys[1]) == len(_all(store))


def test_many_rows_fit(store: Store) -> None:
    """Sets larger than a database takes parameters are stored, counted and read in pages."""
    rows = [{"shop": "a", "item": i, "count": i % 7, "note": None} for i in range(5_000)]
    with store.begin() as conn:
        sql.upsert(conn, stock, rows, keys=_KEYS)
        again = sql.insert_ignore(conn, stock, [*rows, {"shop": "b", "item": 1, "count": 0, "note": None}])
    query = select(stock.c.shop, stock.c.item).where(stock.c.count == 0)
    with store.read() as conn:
        pages = list(sql.pages(conn, query, [stock.c.shop, stock.c.item], size=100))
        none = list(sql.pages(conn, query.where(stock.c.count == 8), [stock.c.shop, stock.c.item]))

    assert 1 == again
    assert [("a", i) for i in range(0, 5_000, 7)] + [("b", 1)] == [tuple(row) for page in pages for row in page]
    assert {100} == {len(page) for page in pages[:-1]}
    assert [] == none


@given(items=st.lists(st.integers()), size=st.integers(1, 5))
def test_chunks_lose_nothing(items: list[int], size: int) -> None:
    """The parts together are the whole, and only the last is shorter."""
    parts = list(sql.chunks(items, size))

    assert items == [item for part in parts for item in part]
    assert all(len(part) == size for part in parts[:-1])
    assert all(parts)


label = Table(
    "privdom_test_label",
    metadata,
    Column("shop", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("colour", Text, primary_key=True),
    Column("count", Integer),
)
_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.tuples(_texts, _texts)),
    rows=st.lists(st.tuples(_texts, _texts)),
    count=st.one_of(st.none(), st.integers(0, 9)),
)
def test_insert_each_writes_what_is_not_there(
    store: Store, before: list[tuple[str, str]], rows: list[tuple[str, str]], count: int | None
) -> None:
    """A row for each place of the lists, whatever they hold; what is there stays, and the number of new ones comes back."""

    def insert(given: list[tuple[str, str]], count: int | None) -> int:
        each = {"name": [name for name, _ in given], "colour": [colour for _, colour in given]}
        with store.begin() as conn:
            return sql.insert_each(conn, label, {"shop": "a", "count": count}, each)

    with store.begin() as conn:
        conn.execute(delete(label))

    assert len(set(before)) == insert(before, -1)
    assert len(set(rows) - set(before)) == insert(rows, count)
    with store.read() as conn:
        found = {tuple(row) for row in conn.execute(select(label))}
    expected = {("a", *row): count for row in rows} | {("a", *row): -1 for row in before}
    assert {(*row, count) for row, count in expected.items()} == found
