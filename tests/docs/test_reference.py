"""The generated pages hold every endpoint, every field and every errcode of the code."""

from __future__ import annotations

import importlib.util
import re

from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from privdom import errors
from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._facts.endpoints import ENDPOINTS, Endpoint
from privdom._facts.errcodes import ERRCODES, UNLISTED
from privdom.errors import api_error
from privdom.wecom import BatchContactsRequest, ListMessagesRequest, NewJoinWay, NewMoment
from privdom.wecom.parse import CLASSES


DOCS = Path(__file__).parents[2] / "docs"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "_ext" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = _load()
CHAPTERS = {chapter.name: chapter for chapter in REFERENCE.chapters()}
PAGES = REFERENCE.pages()


def test_the_page_of_endpoints() -> None:
    """Each endpoint has one row with method, path, effect, sandbox and documentation, and each chapter its page."""
    page = REFERENCE.fill((DOCS / "endpoints.md").read_text(encoding="utf-8"))
    rows = re.findall(
        r"^\| \[`([\w.]+)`\]\(#[\w-]+\) \| (\w+) `(\S+)` \| (\w+) \| (yes|no) \| \[(\d+)\]", page, re.MULTILINE
    )
    expected = [
        (e.client, e.method, e.path.removeprefix("/cgi-bin/"), str(e.effect), "yes", str(e.doc)) for e in ENDPOINTS
    ]

    assert sorted(expected) == sorted(rows)
    assert [f"api/{name}.md" for name in CHAPTERS] == re.findall(r"\((api/\w+\.md)\)", page)


@pytest.mark.parametrize("chapter", CHAPTERS.values(), ids=lambda chapter: chapter.name)
def test_a_chapter_has_a_chinese_name(chapter: Any) -> None:
    """Who knows WeCom by its own terms finds the chapter: its class or its module has the term."""
    assert re.fullmatch(r"[\u4e00-\u9fff、]+", chapter.chinese)
    assert chapter.says.endswith(".")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.client)
def test_the_section_of_an_endpoint(endpoint: Any) -> None:
    """Its chapter's page has its method, path, documentation, and its request and its answer, or a link to them."""
    chapter = CHAPTERS[endpoint.client.rpartition(".")[0] or "client"]
    section = PAGES[chapter.name].partition(f"\n## {endpoint.client}\n")[2].partition("\n## ")[0]

    assert f"`{endpoint.path}`" in section
    assert endpoint.url in section
    assert f".. automethod:: {REFERENCE.public(chapter.cls)}.{endpoint.client.rpartition('.')[2]}\n" in section
    for cls in CLASSES[endpoint.path]:
        assert cls is None or REFERENCE.public(cls) in section


@pytest.mark.parametrize("cls", REFERENCE.values(), ids=lambda cls: cls.__name__)
def test_the_table_of_a_value(cls: type[Any]) -> None:
    """Each class stands on one page, with a row for each field or member."""
    holding = [text for text in PAGES.values() if f".. autoclass:: {REFERENCE.public(cls)}\n" in text]
    assert len(holding) == 1

    shown = holding[0].partition(f".. autoclass:: {REFERENCE.public(cls)}\n")[2].partition(".. auto")[0]
    rows = re.findall(r"^\| `(\w+)` \|", shown, re.MULTILINE)
    names = [a.name for a in attrs.fields(cls) if a.name != "extra"] if attrs.has(cls) else list(cls.__members__)
    assert names == rows


@pytest.mark.parametrize(
    ("cls", "name", "demand"),
    [
        (NewJoinWay, "remark", "at most 30 characters"),
        (NewJoinWay, "chat_id_list", "1 to 5; begins with wr"),
        (BatchContactsRequest, "userid_list", "1 to 100; userid of a staff"),
        (BatchContactsRequest, "limit", "1 to 100"),
        (ListMessagesRequest, "end_time", "a window of at most 31 days"),
        (NewMoment, "text", "at most 2,000 characters"),
        (NewMoment, "visible_range", ""),
    ],
)
def test_limits_are_read_from_the_checks(cls: type[Any], name: str, demand: str) -> None:
    """What construction refuses is what the page says."""
    assert demand == REFERENCE.limits(cls, name)


@pytest.mark.parametrize(
    ("endpoint", "name", "said"),
    [
        (E.TAG_ADD, "tag", "at least one; each 1 to 30 characters."),
        (E.TAG_ADD, "agentid", "only for old suites with several apps; leave it out."),
        (E.MARK_TAG, "add_tag", "tags to put on."),
        (E.TAG_DELETE, "group_id", "whole groups, with all their tags."),
        (E.MESSAGE_LIST, "end_time", "aware, at most a month after *start*."),
        (E.MESSAGE_TASKS, "cursor", "the ``next_cursor`` of the page before."),
        (E.CONTACT_BATCH, "userid_list", "1 to 100 staff."),
        (E.REMARK, "remark_pic_mediaid", "a picture that was uploaded."),
    ],
)
def test_a_field_means_what_its_argument_means(endpoint: Endpoint, name: str, said: str) -> None:
    """Where a method takes a field under another name, the page still says what it is."""
    chapter, _, method = endpoint.client.rpartition(".")
    taken_by = getattr(REFERENCE.core(CHAPTERS[chapter].cls), method)

    assert said == REFERENCE.meaning(CLASSES[endpoint.path].request, name, taken_by)


@pytest.mark.parametrize(
    ("what", "returns", "expected"),
    [
        ("method", "BatchPage", ("(userids)", "BatchPage")),
        (
            "method",
            "~collections.abc.AsyncGenerator[~privdom.BatchPage, None]",
            ("(userids)", "Iterator[~privdom.BatchPage]"),
        ),
        ("class", None, ("", None)),
    ],
)
def test_signatures_are_those_of_the_blocking_client(what: str, returns: str | None, expected: Any) -> None:
    """A method that yields is shown as an iterator, and a model by its fields alone."""
    assert expected == REFERENCE.signature(None, what, "name", object, None, "(userids)", returns)


def test_the_page_of_errors() -> None:
    """Each class has its section, and what `outcome` can be is told by its values."""
    page = PAGES["errors"]

    names = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]
    assert names == [name for name in re.findall(r"^## (\w+)$", page, re.MULTILINE) if name != "api_error"]
    assert [("NOT_SENT", "not_sent"), ("REFUSED", "refused"), ("UNKNOWN", "unknown")] == re.findall(
        r"^\| `(\w+)` \| `'(\w+)'` \|", page, re.MULTILINE
    )


def test_the_page_of_errcodes() -> None:
    """Each errcode has one row with its class, its advice and its meaning, below a heading of its topic."""
    page = REFERENCE.fill((DOCS / "errcodes.md").read_text(encoding="utf-8"))
    rows = re.findall(
        r"^\| \[\]\{#errcode-(-?\d+)\}(-?\d+) \| (?:\{py:class\}`~privdom\.errors\.(\w+)`|no error) \| (.+?) \| .+ \|$",
        page,
        re.MULTILINE,
    )
    facts = ERRCODES | UNLISTED
    expected = {
        (str(code), str(code), type(api_error(code)).__name__ if code else "", REFERENCE.advice(fact))
        for code, fact in facts.items()
    }

    assert len(facts) == len(rows)
    assert expected == set(rows)
    assert {fact.category for fact in facts.values()} == set(REFERENCE.TOPICS)


@pytest.mark.parametrize(
    ("errcode", "advice"),
    [
        (40003, "no"),
        (42001, "with a fresh token: the client, once"),
        (45033, "after a moment: the client"),
        (45009, "after 60 s: the client"),
        (41210, "later: you"),
    ],
)
def test_advice_in_words(errcode: int, advice: str) -> None:
    """The page tells who waits, and how long."""
    assert advice == REFERENCE.advice(ERRCODES[errcode])


def test_marks_are_known() -> None:
    """Each mark in the manual is one that can be replaced, and all that can be made is asked for."""
    marks = [
        mark
        for page in DOCS.glob("*.md")
        for mark in re.findall(r"<!-- reference: (.*?) -->", page.read_text(encoding="utf-8"))
    ]

    assert sorted(REFERENCE.FILLS) == sorted(marks)
    assert REFERENCE.fill("text\n") == "text\n"


def test_pages_are_written_where_they_changed(tmp_path: Path) -> None:
    """A second build touches nothing that is as it was, and removes the page of a chapter that is gone."""
    folder = tmp_path / "api"
    REFERENCE.write_pages(folder)
    first = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    (folder / "gone.md").write_text("# gone", encoding="utf-8")
    REFERENCE.write_pages(folder)

    assert {f"{name}.md" for name in PAGES} == set(first)
    assert first == {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
