"""
A pytest plugin for the runs of mutants.

The tests that take least time come first, since the first failure ends the
run. And what an earlier test has built is forgotten: it was not built by the
mutant, and a test that takes it would not count among those of its builder.
"""

from __future__ import annotations

import pytest

from mutmut.state import state

from privdom.outbox.transitions import built_any_claimable, built_heads


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    took = state().duration_by_test
    items.sort(key=lambda item: took.get(item.nodeid, 0))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    built_heads.cache_clear()
    built_any_claimable.cache_clear()
