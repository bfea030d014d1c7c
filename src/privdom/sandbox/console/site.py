"""From a request to a page: which page it is, its frame, and what a form does."""

from __future__ import annotations

import base64
import hashlib

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from privdom.sandbox.clock import CHINA
from privdom.sandbox.console.deeds import act
from privdom.sandbox.console.forms import button
from privdom.sandbox.console.html import Child, Html, el
from privdom.sandbox.console.links import counted
from privdom.sandbox.console.pages import MENU, PAGES
from privdom.sandbox.console.parts import View
from privdom.sandbox.router import Reply


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["answer", "is_page"]

_DO: Final = "do"
_VERSION: Final = "version"
_HTML: Final = "text/html; charset=utf-8"
# Looks each second whether something has happened. Whoever is about to write or to copy is told of it, and left alone.
_FRESH: Final = """
const seen = document.body.dataset.version, news = document.getElementById("news");
setInterval(async () => {
  if (document.hidden) return;
  const now = await fetch("/version").then(r => r.text()).catch(() => seen);
  if (now === seen) return;
  const busy = !document.activeElement.matches("body, main") || !getSelection().isCollapsed;
  if (busy) news.hidden = false; else location.reload();
}, 1000);
"""


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_FRESH.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


# Whatever a name may hold, a page runs its own script only, and stands in no other website's frame.
_HEADERS: Final = {
    "Content-Security-Policy": _policy(),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def is_page(path: str) -> bool:
    """Tell whether *path* is one of the console's."""
    return path.removeprefix("/").partition("/")[0] in {*PAGES, _DO, _VERSION}


def answer(
    box: Sandbox, method: str, path: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str]
) -> Reply:
    """Return the page at *path*, or carry out the form that was sent to it."""
    chapter, _, thing = path.removeprefix("/").partition("/")
    if chapter == _VERSION:
        return Reply(_version(box).encode(), content_type="text/plain", headers=_HEADERS)
    if chapter == _DO:
        return _do(box, thing, method, body, headers)
    return _page(box, chapter, unquote(thing), query, headers)


def _version(box: Sandbox) -> str:
    with box.looking() as world:
        parts = (
            box.clock.timestamp(),
            box.record.size,
            box.pending_callbacks,
            world.state.numbers,
            len(world.state.happened),
            len(world.state.staff),
            len(world.state.customers),
            len(box.faults.planned()),
        )
    return ".".join(map(str, parts))


def _back(headers: Mapping[str, str]) -> str:
    """Return the page on which a form stood, never one of another website."""
    stood = urlsplit(headers.get("referer", ""))
    path = "/" + stood.path.lstrip("/")
    if path.startswith(f"/{_DO}/"):
        return "/"
    return f"{path}?{stood.query}" if stood.query else path


def _fields(body: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, text in parse_qsl(body.decode("utf-8", "replace")):
        fields[name] = f"{fields[name]} {text}" if name in fields else text
    return fields


def _do(box: Sandbox, action: str, method: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    back = _back(headers)
    if method != "POST":
        return _failure(box, "Forms are sent from the pages of this console only.", 403, back)
    try:
        then = act(box, action, _fields(body))
    except KeyError as e:
        return _failure(box, f"{e} is missing", 400, back)
    except (ValueError, OverflowError) as e:
        return _failure(box, str(e.args[0]), 400, back)
    return Reply(b"", 303, headers={"Location": then or back})


def _page(box: Sandbox, chapter: str, thing: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
    page = PAGES[chapter]
    with box.looking() as world:
        view = View(box, world, query, headers.get("host", ""))
        try:
            if not thing:
                title, inside = page.many(view)
            elif page.one is not None:
                title, inside = page.one(view, thing)
            else:
                raise KeyError(thing)
        except KeyError:
            return _failure(box, f"There is no {thing!r} here.", 404, f"/{chapter}")
    return Reply(_framed(box, chapter, title, inside).encode(), content_type=_HTML, headers=_HEADERS)


def _failure(box: Sandbox, why: str, status: int, back: str) -> Reply:
    inside = el("section", el("p", why, class_="failure", role="alert"), el("p", el("a", "← back", href=back)))
    # It stays as it is: to load it anew would send the form again.
    return Reply(
        _framed(box, "", "Not found" if status == 404 else "Not done", inside, stays=True).encode(),
        status,
        _HTML,
        headers=_HEADERS,
    )


@cache
def _style() -> Html:
    return Html(files("privdom.sandbox.console").joinpath("style.css").read_text("utf-8"))


def _menu(here: str | None) -> Iterator[Child]:
    for heading, chapters in MENU.items():
        if heading:
            yield el("h3", heading)
        for path, chapter in chapters.items():
            yield el("a", chapter.name, href=f"/{path}", aria_current="page" if path == here else None)


def _soon(due: datetime, now: datetime) -> str:
    """Return a time, with its day where that is not today."""
    there, here = due.astimezone(CHINA), now.astimezone(CHINA)
    return f"{there:%H:%M:%S}" if there.date() == here.date() else f"{there:%m-%d %H:%M}"


def _clock(box: Sandbox) -> Html:
    now, due, waiting = box.clock.now(), box.next_at(), box.pending_callbacks
    steps = (("+1 min", 60), ("+1 h", 3_600), ("+1 day", 86_400))
    return el(
        "div",
        el(
            "time",
            f"{now.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
            el("small", " UTC+8"),
            title=f"{now:%Y-%m-%d %H:%M:%S} UTC",
            datetime=now.isoformat(),
        ),
        *(button("advance", say, seconds=str(seconds)) for say, seconds in steps),
        button("next", f"→ next due {_soon(due, now)}") if due else el("span", "nothing due"),
        button("deliver", f"deliver {counted(waiting, 'callback')}") if waiting else None,
        class_="clock",
    )


def _framed(box: Sandbox, here: str, title: str, inside: Html, *, stays: bool = False) -> str:
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
        el("a", "Skip to the page", href="#page", class_="skip"),
        el("header", el("strong", "WeCom sandbox 沙箱"), el("code", box.corp_id), _clock(box)),
        el("nav", *_menu(None if stays else here), class_="menu", aria_label="pages"),
        el("main", el("h1", title), inside, id="page", tabindex="-1"),
        el("a", "Something has happened: show it", href="", id="news", hidden=True),
        None if stays else el("script", Html(_FRESH)),
        data_version=_version(box),
    )
    return f"<!doctype html>{el('html', head, page, lang='en')}"
