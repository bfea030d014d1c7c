"""What the manual lists is what the library has."""

from __future__ import annotations

import re
import tomllib

from pathlib import Path
from typing import get_args

import pytest

from privdom import errors
from privdom.events import DomainEvent, UnknownDomainEvent
from privdom.outbox.kinds import KINDS


DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "wecom.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_commands_of_the_readme(name: str) -> None:
    """There are two: the first asks for extras that there are and a script that is there, the second is what CI runs."""
    root = DOCS.parent
    commands = re.findall(r"^\$ (.+)$", (root / name).read_text(encoding="utf-8"), re.MULTILINE)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r'"\.\[(.+?)\]"', commands[0])[0].split(",")

    assert len(commands) == 2
    assert set(extras) <= set(project["optional-dependencies"])
    assert (root / commands[0].rpartition(" ")[2]).is_file()
    assert commands[1] in (root / ".ci" / "run").read_text(encoding="utf-8")


def test_the_tree_of_errors() -> None:
    """The client's page draws every error under its base."""
    tree = PAGE[PAGE.index("PrivdomError") :].partition("```")[0]
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in tree.splitlines():
        name = re.search(r"[A-Z]\w+", line)
        assert name is not None
        path = [*path[: name.start() // 4], name[0]]
        drawn.setdefault(name[0], path[-2] if len(path) > 1 else "")

    classes = [error for error in map(errors.__dict__.get, errors.__all__) if isinstance(error, type)]
    bases = {error.__name__: error.__mro__[1].__name__ for error in classes if issubclass(error, errors.PrivdomError)}
    # Busy is both; it stands under each of its bases.
    assert bases | {"PrivdomError": "", "Busy": "MayHaveArrived"} == drawn


def test_the_table_of_event_kinds() -> None:
    """The page on events names every kind that the library logs."""
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    named = {kind for cell in listed for kind in re.findall(r"\w+", cell)}

    kinds = {event.kind for event in get_args(DomainEvent) if event is not UnknownDomainEvent}
    assert kinds == named


def test_the_table_of_kinds() -> None:
    """The outbox page says of every kind how it is looked up: its call, and the documentation of it."""
    page = (DOCS / "outbox.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \((\d+)\) \|", page, re.MULTILINE)

    kinds = [(kind.name, kind.endpoint.path.rpartition("/")[2], str(kind.endpoint.doc)) for kind in KINDS]
    assert kinds == rows
