"""The example of a suite, as somebody has it who copied it."""

from __future__ import annotations

import shutil

from pathlib import Path

import pytest


pytest_plugins = ["pytester"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"


def test_the_shop_of_the_examples(pytester: pytest.Pytester) -> None:
    """Its folder alone is a suite that passes, each kind of fault included."""
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-v")

    assert {"passed"} == set(result.parseoutcomes())
    for kind in ("lost_response", "late_acceptance", "connect_refused", "busy-after", "quota", "expired_token"):
        result.stdout.fnmatch_lines_random([f"*test_news_reaches_nobody_twice?{kind}?*PASSED*"])
