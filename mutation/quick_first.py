"""
A pytest plugin for the runs of mutants.

The tests that take least time come first, since the first failure ends the
run. And what the process before the fork has built is forgotten, since it was
not built by the mutant.
"""

from __future__ import annotations

import pytest

from mutmut.state import state

from privdom.outbox.transitions import built_heads


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    took = state().duration_by_test
    items.sort(key=lambda item: took.get(item.nodeid, 0))
    built_heads.cache_clear()
