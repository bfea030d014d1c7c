"""A store on both databases."""

from __future__ import annotations

from tests.postgres import database, postgresql_server, store


__all__ = ["database", "postgresql_server", "store"]
