"""Both databases, and a fresh corp with workers on each."""

from __future__ import annotations

from tests.postgres import database, postgresql_server


__all__ = ["database", "postgresql_server"]
