"""The schema: where tables register, and how a database gets them and keeps up with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    inspect,
    literal_column,
    select,
    text,
)
from sqlalchemy.schema import CreateSchema

from privdom.errors import StoreError


__all__ = ["UPGRADES", "Upgrade", "metadata", "prepare", "restore_path", "rough_count", "use_schema"]

# Named constraints, so that a later schema upgrade can refer to them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_versions = Table(
    "privdom_schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
)

_FIRST = 1
# Any number would do, as long as it is always the same and nobody else's.
_LOCK = 0x7072_6976_646F_6D


@attrs.frozen
class Upgrade:
    """
    One numbered change to tables that exist already: what *run* does to them.

    It commits together with the record of its number, so that a crash leaves both
    or neither. New tables need none, they are created when they are missed.
    """

    number: int
    name: str
    run: Callable[[Connection], None]


# In order, from 2 on: version 1 is what the first release creates.
UPGRADES: tuple[Upgrade, ...] = ()


def prepare(conn: Connection, schema: str | None, upgrades: Sequence[Upgrade] | None = None) -> int:
    """
    Create what is missing and apply the upgrades that are due; return how many tables are there now.

    Does nothing but look where all is well. Otherwise it works under a lock that
    lasts as long as the caller's write transaction, so that of two processes that
    start at once one waits and finds the work done.

    Raises:
        StoreError: A newer release wrote this database.
    """
    upgrades = UPGRADES if upgrades is None else upgrades
    newest = upgrades[-1].number if upgrades else _FIRST
    tables = list(metadata.sorted_tables)
    if _missing(conn, schema, tables) or _version(conn) != newest:
        if conn.dialect.name == "postgresql":
            conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            if schema is not None and not inspect(conn).has_schema(schema):
                conn.execute(CreateSchema(schema, if_not_exists=True))
        _work(conn, schema, tables, upgrades, newest)
    return len(tables)


def _work(conn: Connection, schema: str | None, tables: list[Table], upgrades: Sequence[Upgrade], newest: int) -> None:
    missing = _missing(conn, schema, tables)
    if _versions in missing:
        metadata.create_all(conn, tables=missing, checkfirst=False)
        conn.execute(_versions.insert(), {"version": newest, "name": "created"})
        return
    version = _version(conn)
    if version > newest:
        msg = (
            f"the database has schema version {version}, this release of privdom knows {newest}: upgrade the package "
            "(pip install -U privdom), or open another database"
        )
        raise StoreError(msg)
    for upgrade in upgrades:
        if upgrade.number > version:
            upgrade.run(conn)
            conn.execute(_versions.insert(), {"version": upgrade.number, "name": upgrade.name})
    metadata.create_all(conn, tables=_missing(conn, schema, tables), checkfirst=False)


def _missing(conn: Connection, schema: str | None, tables: list[Table]) -> list[Table]:
    existing = set(inspect(conn).get_table_names(schema))
    return [table for table in tables if table.name not in existing]


def _version(conn: Connection) -> int:
    return conn.execute(select(func.max(_versions.c.version))).scalar_one() or 0


def use_schema(conn: Connection, schema: str) -> str:
    """
    Let bare names mean *schema* for the rest of the transaction; return what they meant before.

    A search path, and not SQLAlchemy's schema_translate_map: that would also move
    the host's own tables, which share the connection.
    """
    before: str = conn.execute(text("SELECT current_setting('search_path')")).scalar_one()
    conn.execute(
        text("SELECT set_config('search_path', quote_ident(:schema) || ', ' || :before, true)"),
        {"schema": schema, "before": before},
    )
    return before


def restore_path(conn: Connection, path: str) -> None:
    """Undo `use_schema`."""
    conn.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})


def rough_count(conn: Connection, schema: str | None) -> int:
    """Return about how many rows the tables hold, from what the database knows without counting."""
    if conn.dialect.name == "sqlite":
        # The newest row's number; deleted rows are counted too.
        newest: ColumnElement[int | None] = func.max(literal_column("rowid"))
        return sum(
            conn.execute(select(newest).select_from(table)).scalar_one() or 0 for table in metadata.sorted_tables
        )
    query = text(
        "SELECT coalesce(sum(n_live_tup), 0) FROM pg_stat_user_tables "
        "WHERE relname = ANY(:names) AND schemaname = coalesce(:schema, current_schema())"
    )
    return int(conn.execute(query, {"names": list(metadata.tables), "schema": schema}).scalar_one())
