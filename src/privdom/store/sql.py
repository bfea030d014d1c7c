"""Statements on sets of rows that SQLAlchemy spells differently for each database."""

from __future__ import annotations

import json

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Table,
    Text,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite


__all__ = ["chunks", "insert_each", "insert_ignore", "pages", "upsert"]

T = TypeVar("T")

# Databases limit the parameters of one statement; SQLite's 32,766 is the lowest.
CHUNK = 1000


def upsert(
    conn: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    update: Sequence[str] | None = None,
) -> None:
    """
    Insert *rows*, or where a row of the same *keys* exists, update it.

    All rows have the same columns. If two rows have the same keys, the later one wins.

    Args:
        keys: The columns of the primary key or of a unique constraint.
        update: The columns to overwrite; by default all given ones that are not keys. Empty: leave such rows alone.
    """
    if not rows:
        return
    columns = [name for name in rows[0] if name not in keys] if update is None else update
    conn.execute(_upsert(conn.dialect.name, table, tuple(keys), tuple(columns)), rows)


def insert_ignore(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those of *rows* that break no unique constraint; return how many they are."""
    if not rows:
        return 0
    statement = _upsert(conn.dialect.name, table, None, ())
    # Without the option the cursor of an INSERT is closed before it is asked.
    return conn.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount


def insert_each(conn: Connection, table: Table, same: Mapping[str, Any], each: Mapping[str, Sequence[str]]) -> int:
    """
    Insert a row for each place of the lists, in their order, where no unique constraint forbids it; return how many.

    However long they are, the lists are one parameter each, which for ten thousand
    rows costs a tenth of as many parameters.

    Args:
        same: What all rows have in common, by column.
        each: Texts in which they differ, by column: lists of equal length.
    """
    # A list in which nothing differs is no list; mostly one is left, and then SQLite has least to unpack.
    varied = {name: values for name, values in each.items() if len(set(values)) > 1}
    if not varied:
        varied = dict(list(each.items())[:1])
    common = {**same, **{name: values[0] for name, values in each.items() if name not in varied and values}}
    source, columns = _UNPACKED[conn.dialect.name](varied)
    query = select(*(literal(value, table.c[name].type) for name, value in common.items()), *columns)
    # SQLite would otherwise take ON for part of the FROM.
    query = query.select_from(source).where(literal_column("1 = 1"))
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).from_select([*common, *varied], query).on_conflict_do_nothing()
    return conn.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def _unnested(each: Mapping[str, Sequence[str]]) -> tuple[FromClause, list[ColumnElement[Any]]]:
    lists = [literal(list(values), ARRAY(Text())) for values in each.values()]
    source = func.unnest(*lists).table_valued(*each).render_derived(name="given")
    return source, [source.c[name] for name in each]


def _from_json(each: Mapping[str, Sequence[str]]) -> tuple[FromClause, list[ColumnElement[Any]]]:
    [*lists] = each.values()
    alone = len(lists) == 1
    rows = json.dumps(lists[0] if alone else list(zip(*lists, strict=True)), ensure_ascii=False)
    source = func.json_each(literal(rows, Text())).table_valued("value", name="given")
    if alone:
        return source, [source.c.value]
    return source, [func.json_extract(source.c.value, f"$[{i}]") for i in range(len(lists))]


_UNPACKED = {"postgresql": _unnested, "sqlite": _from_json}


# For a few rows, building a statement costs more than running it.
@lru_cache(maxsize=256)
def _upsert(
    dialect: str, table: Table, keys: tuple[str, ...] | None, update: tuple[str, ...]
) -> postgresql.Insert | sqlite.Insert:
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    if not update:
        return statement.on_conflict_do_nothing(index_elements=keys)
    overwritten = {name: statement.excluded[name] for name in update}
    return statement.on_conflict_do_update(index_elements=keys, set_=overwritten)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut *items* into lists of at most *size*, as long as a list of parameters may be."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def pages(
    conn: Connection, query: Select[*tuple[Any, ...]], keys: Sequence[ColumnElement[Any]], size: int = CHUNK
) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    """
    Yield the rows of *query* in pages of *size*, in the order of *keys*, which it selects first.

    Each page is a statement of its own that starts behind the last key seen, so
    that memory stays bounded and rows may change in between.

    Args:
        keys: Columns that together are unique, and are the first that *query* selects.
    """
    ordered = query.order_by(*keys).limit(size)
    page = conn.execute(ordered).all()
    while page:
        yield page
        if len(page) < size:
            return
        page = conn.execute(ordered.where(tuple_(*keys) > tuple_(*page[-1][: len(keys)]))).all()
