"""From a request to a page: which page it is, its frame, and what a form does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from privdom.sandbox.console.forms import act, button
from privdom.sandbox.console.html import Html, el, join
from privdom.sandbox.console.pages import PAGES, View
from privdom.sandbox.router import Reply


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["answer", "is_page"]

_DO: Final = "do"
_VERSION: Final = "version"
_HTML: Final = "text/html; charset=utf-8"
# Looks each second whether something has happened, and leaves people alone who are about to write.
_FRESH: Final = """
const seen = document.body.dataset.version;
setInterval(async () => {
  if (document.activeElement !== document.body || document.hidden) return;
  const now = await fetch("/version").then(r => r.text()).catch(() => seen);
  if (now !== seen) location.reload();
}, 1000);
"""


def is_page(path: str) -> bool:
    """Tell whether *path* is one of the console's."""
    return path.removeprefix("/").partition("/")[0] in {*PAGES, _DO, _VERSION}


def answer(
    box: Sandbox, method: str, path: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str]
) -> Reply:
    """Return the page at *path*, or carry out the form that was sent to it."""
    chapter, _, thing = path.removeprefix("/").partition("/")
    if chapter == _VERSION:
        return Reply(_version(box).encode(), content_type="text/plain")
    if chapter == _DO:
        return _do(box, thing, method, body, headers)
    return _page(box, chapter, unquote(thing), query)


def _version(box: Sandbox) -> str:
    return f"{box.clock.now().timestamp():.0f}.{box.record.size}.{box.pending_callbacks}"


def _do(box: Sandbox, action: str, method: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    # A page of somebody else in the same browser must not act here.
    origin = urlsplit(headers.get("origin", "")).netloc
    if method != "POST" or (origin and origin != headers.get("host", "")):
        return _failure(box, "Forms are sent from the pages of this console only.", 403)
    fields = dict(parse_qsl(body.decode("utf-8", "replace")))
    try:
        then = act(box, action, fields)
    except (KeyError, ValueError) as e:
        return _failure(box, str(e.args[0]) if isinstance(e, ValueError) else f"{e} is missing", 400)
    back = urlsplit(headers.get("referer", ""))
    target = then or f"{back.path or '/'}{'?' if back.query else ''}{back.query}"
    return Reply(b"", 303, headers={"Location": target})


def _page(box: Sandbox, chapter: str, thing: str, query: Mapping[str, str]) -> Reply:
    _, many, one = PAGES[chapter]
    with box.looking() as world:
        view = View(box, world, query)
        try:
            title, inside = many(view, thing) if not thing or one is None else one(view, thing)
        except KeyError:
            return _failure(box, f"There is no {thing!r} here.", 404)
        return Reply(_framed(box, chapter, title, inside).encode(), content_type=_HTML)


def _failure(box: Sandbox, why: str, status: int) -> Reply:
    inside = join((el("p", why, class_="failure"), el("p", el("a", "← back", href="/"))))
    return Reply(_framed(box, "", "Not done", inside).encode(), status, _HTML)


@cache
def _style() -> Html:
    return Html(files("privdom.sandbox.console").joinpath("style.css").read_text("utf-8"))


def _framed(box: Sandbox, here: str, title: str, inside: Html) -> str:
    menu = (
        el("a", name, href=f"/{chapter}", class_="here" if chapter == here else None)
        for chapter, (name, _, _) in PAGES.items()
    )
    due = box.next_at()
    clock = el(
        "div",
        el("time", f"{box.clock.now():%Y-%m-%d %H:%M:%S} UTC"),
        *(
            button("advance", say, seconds=str(seconds))
            for say, seconds in (("+1 min", 60), ("+1 h", 3_600), ("+1 day", 86_400))
        ),
        button("next", f"next event {due:%m-%d %H:%M}") if due else None,
        button("deliver", f"deliver {box.pending_callbacks:,} callbacks") if box.pending_callbacks else None,
        class_="clock",
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width"),
        # None, so that browsers do not ask for one.
        el("link", rel="icon", href="data:,"),
        el("title", f"{title} · WeCom sandbox"),
        el("style", _style()),
    )
    page = el(
        "body",
        el("header", el("strong", "WeCom sandbox 沙箱"), el("code", box.corp_id), clock),
        el("nav", *menu),
        el("main", el("h1", title), inside),
        el("script", Html(_FRESH)),
        data_version=_version(box),
    )
    return f"<!doctype html>{el('html', head, page, lang='en')}"
