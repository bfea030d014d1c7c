"""What pages are made of: links, cards, lists with pages, and times as they are told in the corp."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from urllib.parse import urlencode

from privdom.sandbox.clock import CHINA
from privdom.sandbox.console.forms import entry
from privdom.sandbox.console.html import Child, Html, el, join, table
from privdom.sandbox.console.links import to_staff
from privdom.sandbox.console.log import KINDS, Line, lines
from privdom.sandbox.state import Follow, State
from privdom.sandbox.world import World


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = [
    "Page",
    "View",
    "acts",
    "brief",
    "card",
    "chips",
    "facts",
    "happened",
    "listing",
    "people",
    "search",
    "story",
    "tag_names",
    "when",
]

T = TypeVar("T")
Page: TypeAlias = "tuple[str, Html]"
"""A title and what stands on the page."""

ROWS: Final = 50
_STORY: Final = 100


class View:
    """One look at the sandbox, at an address: who looks holds its lock."""

    def __init__(self, box: Sandbox, world: World, query: Mapping[str, str], host: str) -> None:
        self.box, self.world, self.state, self.query, self.host = box, world, world.state, query, host

    @property
    def first(self) -> int:
        """How many rows of a long list stand on the pages before."""
        text = self.query.get("from", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    @property
    def words(self) -> str:
        """What is searched for, in lower case."""
        return self.query.get("q", "").strip().lower()

    def fits(self, *texts: str) -> bool:
        """Tell whether one of *texts* holds what is searched for."""
        return not self.words or any(self.words in text.lower() for text in texts)

    def at(self, **query: str) -> str:
        """Return the address of this page with another query; what is empty is left out."""
        return "?" + urlencode({name: text for name, text in {**self.query, **query}.items() if text})

    def lines(
        self, *, kinds: Iterable[str] = KINDS, about: str = "", skip: int = 0, most: int | None = None
    ) -> Iterator[Line]:
        """Yield what happened, newest first."""
        return islice(lines(self.world.record, self.state, kinds=kinds, about=about, skip=skip), most)


def when(seconds: int) -> Html:
    """Return a moment as it is told in the corp."""
    if not seconds:
        return Html("—")
    return el("span", f"{datetime.fromtimestamp(seconds, CHINA):%Y-%m-%d %H:%M}", class_="when")


def brief(text: str, most: int = 60) -> str:
    """Return the beginning of a text, for lists."""
    return text if len(text) <= most else text[: most - 1] + "…"


def card(title: Child, *inside: Child) -> Html:
    """Return a part of a page."""
    return el("section", el("h2", title), *inside)


def acts(*forms: Child) -> Html:
    """Return forms beside each other."""
    return el("div", *forms, class_="acts")


def chips(texts: Iterable[Child]) -> Html:
    """Return short texts that stand for themselves, such as tags."""
    return join(el("span", text, class_="chip", title=text if type(text) is str else None) for text in texts)


def facts(*pairs: tuple[str, Child]) -> Html:
    """Return names and what they stand for."""
    return el("dl", *(part for name, fact in pairs for part in (el("dt", name), el("dd", fact or "—"))))


def people(view: View, userids: Iterable[str], departments: Iterable[int] = (), *, most: int = 5) -> Html:
    """Return staff and departments, the first ones by name."""
    known = view.state.departments
    names: list[Child] = [to_staff(view.state, userid) for userid in userids]
    names += [known[number].name if number in known else f"department {number}" for number in departments]
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most:,} more"]
    return join(names, ", ") or Html("—")


def tag_names(state: State, follow: Follow) -> list[str]:
    """Return the names of the tags that a relation has."""
    return [state.tags[tag].name for tag in follow.tags if tag in state.tags]


def search(view: View, hint: str, *more: Child) -> Html:
    """Return the field to search a list by."""
    field = entry("q", hint, kind="search", value=view.query.get("q"))
    return el("form", field, *more, el("button", "Find 搜索"), role="search")


def listing(
    view: View,
    heads: Iterable[str],
    things: Iterable[T],
    row: Callable[[T], Iterable[Child]],
    *,
    empty: str,
    numbers: Collection[str] = (),
) -> Html:
    """Return some rows of a long list, and the way to the others."""
    first = view.first
    shown = list(islice(things, first, first + ROWS + 1))
    found = table(heads, map(row, shown[:ROWS]), empty="Nothing like this." if view.words else empty, numbers=numbers)
    if not first and len(shown) <= ROWS:
        return found
    ways = (
        el("a", "← back", href=view.at(**{"from": str(max(first - ROWS, 0) or "")})) if first else None,
        f"{first + 1:,}–{first + len(shown[:ROWS]):,}" if shown else None,
        el("a", "on →", href=view.at(**{"from": str(first + ROWS)})) if len(shown) > ROWS else None,
    )
    return join((found, el("p", *ways, class_="pager")))


def _rows(found: Iterable[Line]) -> list[Html]:
    return [
        el(
            "tr",
            el("td", f"{line.at.astimezone(CHINA):%m-%d %H:%M:%S}", class_="time"),
            el("td", el("span", line.kind, class_=f"kind {line.kind.replace(' ', '-')}")),
            el("td", line.what, " ", el("div" if "=" in line.fine else "span", line.fine, class_="fine")),
            class_="failed" if line.failed else None,
        )
        for line in found
    ]


def _log(rows: list[Html], empty: str) -> Html:
    if not rows:
        return el("p", empty, class_="empty")
    return el("div", el("table", el("tbody", *rows), class_="log"), class_="scroll")


def happened(found: Iterable[Line], *, most: int = 50, empty: str = "Nothing yet.") -> Html:
    """Return what happened, newest first."""
    return _log(_rows(islice(found, most)), empty)


def story(view: View, about: str) -> Html:
    """Return all that happened to somebody, from the first to the last."""
    newest = list(islice(view.lines(about=about), _STORY + 1))
    told = _log(_rows(reversed(newest[:_STORY])), "Nothing has happened yet.")
    left_out = el("p", f"What was before the last {_STORY} is left out.", class_="empty")
    return card("Story 经过", left_out if len(newest) > _STORY else None, told)
