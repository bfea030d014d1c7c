"""
The database: transactions, the schema, and the few helpers that every table needs.

::

    store = Store("sqlite:///privdom.db")
    with store.begin() as conn:
        sql.upsert(conn, table, rows, keys=["corp_id", "id"])

Tables stay with the module that owns them, and register on `metadata`.
"""

from __future__ import annotations

from privdom.store import sql
from privdom.store.columns import BigId, JsonText, UtcTime
from privdom.store.database import Store
from privdom.store.schema import metadata


__all__ = ["BigId", "JsonText", "Store", "UtcTime", "metadata", "sql"]
