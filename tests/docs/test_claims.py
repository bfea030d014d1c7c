"""What the page on crashes claims is shown by tests that exist."""

from __future__ import annotations

import ast
import re

from pathlib import Path

import pytest


ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = (ROOT / "docs" / name for name in ("crashes.md", "crashes.zh-CN.md"))
_ID = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _ids(page: Path) -> list[tuple[str, str]]:
    return _ID.findall(page.read_text(encoding="utf-8"))


def _claims(page: Path) -> list[str]:
    """Return the rows of the tables, headings left out."""
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    headings = {lines[i - 1] for i, line in enumerate(lines) if line.startswith("|---")}
    return [row for row in rows if row not in headings]


def _names(file: Path) -> set[str]:
    """Return the names that a module gives to what pytest collects."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
            case _:
                pass
    return names


@pytest.mark.parametrize("test", sorted(set(_ids(ENGLISH))), ids="::".join)
def test_ids(test: tuple[str, str]) -> None:
    """Each id names a test that pytest collects."""
    file, name = test

    assert (ROOT / file).is_file()
    assert name.startswith(("test_", "Test"))
    assert name in _names(ROOT / file)


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda page: page.name)
def test_each_claim(page: Path) -> None:
    """No claim stands without a test."""
    claims = _claims(page)

    assert len(claims) > 20
    assert [] == [claim for claim in claims if not _ID.search(claim)]


def test_translation() -> None:
    """The Chinese page makes the same claims, in the same order."""
    assert _ids(ENGLISH) == _ids(CHINESE)
