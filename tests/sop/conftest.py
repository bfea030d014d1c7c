from __future__ import annotations

import pytest

from tests.postgres import database, postgresql_server, postgresql_tables

from privdom.sandbox import Sandbox


__all__ = ["database", "postgresql_server", "postgresql_tables", "sandbox"]


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    """A corp with the staff ann and bob."""
    sandbox.add_staff("ann")
    sandbox.add_staff("bob")
    return sandbox
