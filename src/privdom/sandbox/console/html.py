"""Make HTML of which nothing can be forgotten to be escaped."""

from __future__ import annotations

import re

from collections.abc import Collection, Iterable
from html import escape
from typing import Final, TypeAlias


__all__ = ["Child", "Html", "el", "join", "say", "table"]


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child: TypeAlias = object
"""What can stand inside: HTML as it is, anything else as escaped text; None and the empty text are nothing."""

_VOID: Final = frozenset({"br", "input", "link", "meta"})
_GAP: Final = re.compile(r"\{(\w+)\}")


def _inside(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Html) else escape(str(child))


def el(tag: str, *children: Child, **attributes: str | bool | None) -> Html:
    """Return an element; ``class_`` is the attribute class, an attribute that is None or False is left out."""
    parts = [tag]
    for name, value in attributes.items():
        if value is True:
            parts.append(name)
        elif value is not None and value is not False:
            parts.append(f'{name.rstrip("_").replace("_", "-")}="{escape(value)}"')
    inside = "".join(map(_inside, children))
    return Html(f"<{' '.join(parts)}>" if tag in _VOID else f"<{' '.join(parts)}>{inside}</{tag}>")


def join(children: Iterable[Child], between: Child = "") -> Html:
    """Return *children* one after the other."""
    return Html(_inside(between).join(map(_inside, children)))


def say(sentence: str, **parts: Child) -> Html:
    """Return a sentence, with *parts* in the place of their names in braces."""
    pieces = _GAP.split(sentence)
    return join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def table(
    heads: Iterable[str], rows: Iterable[Iterable[Child]], *, empty: str = "—", numbers: Collection[str] = ()
) -> Html:
    """Return a table, and a line that says so where it has no rows; *numbers* are the heads of columns of numbers."""
    kinds = [(head, "num" if head in numbers else None) for head in heads]
    lines = [
        el("tr", *(el("td", cell, class_=kind) for cell, (_, kind) in zip(row, kinds, strict=True))) for row in rows
    ]
    if not lines:
        return el("p", empty, class_="empty")
    head = el("tr", *(el("th", head, class_=kind, scope="col") for head, kind in kinds))
    return el("div", el("table", el("thead", head), el("tbody", *lines)), class_="scroll")
