"""The manual lists the callbacks that the library has classes for, and only those."""

from __future__ import annotations

from pathlib import Path

from privdom.wecom import callbacks
from privdom.wecom.callbacks import EVENTS, Event


PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")


def test_the_table_of_callbacks() -> None:
    """Each kind has a row: event, change, class, documentation."""
    rows: list[str] = []
    for kind in EVENTS:
        change = f"{kind.change_type}: {kind.update_detail}" if kind.update_detail else kind.change_type
        rows.append(f"| {kind.event} | {change} | `{kind.cls.__name__}` | [{kind.doc}]({kind.url}) |")

    assert rows == [line for line in PAGE.splitlines() if "/document/path/" in line]


def test_the_bases_of_callbacks() -> None:
    """Every public class that stands for several kinds is named."""
    public = [value for name in callbacks.__all__ if isinstance(value := getattr(callbacks, name), type)]
    kinds = {kind.cls for kind in EVENTS}
    bases = [cls for cls in public if issubclass(cls, Event) and cls not in kinds]

    assert [] == [base.__name__ for base in bases if f"`{base.__name__}`" not in PAGE]
