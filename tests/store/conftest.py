"""Databases without tables: how these come about is what is tested here."""

from __future__ import annotations

from tests.postgres import empty_database as database
from tests.postgres import postgresql_server, store


__all__ = ["database", "postgresql_server", "store"]
