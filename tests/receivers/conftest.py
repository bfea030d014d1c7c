from __future__ import annotations

from tests.postgres import database, postgresql_server, postgresql_tables, store


__all__ = ["database", "postgresql_server", "postgresql_tables", "store"]
