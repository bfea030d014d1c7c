"""Every snippet of the README and of the manual runs, and does what its page says."""

from __future__ import annotations

from collections.abc import Iterable
from doctest import ELLIPSIS
from pathlib import Path

import pytest

from sybil import Document, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser


ROOT = Path(__file__).parents[2]
PAGES = [page for page in (ROOT / "README.md", ROOT / "README.zh-CN.md") if page.exists()]
PAGES += sorted((ROOT / "docs").glob("*.md"))


class SessionParser:
    """Finds ``pycon`` blocks: sessions whose answers are compared; ``...`` stands for anything."""

    def __init__(self) -> None:
        self._blocks = CodeBlockParser("pycon")
        self._examples = DocTestStringParser(DocTestEvaluator(ELLIPSIS))

    def __call__(self, document: Document) -> Iterable[Region]:
        for block in self._blocks(document):
            for example in self._examples(block.parsed, document.path):
                example.adjust(block, block.parsed)
                yield example


SYBIL = Sybil([PythonCodeBlockParser(), SessionParser()], path=str(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets of a page run from top to bottom, in a namespace and a folder of their own."""
    monkeypatch.chdir(tmp_path)
    examples = list(SYBIL.parse(page).examples())

    assert examples
    for example in examples:
        # One test for the whole page: its snippets build on each other, and workers must not share them out.
        example.evaluate()
