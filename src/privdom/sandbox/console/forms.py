"""Forms: what is written or chosen, and a button that has it happen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from privdom.sandbox.console.html import Child, Html, el


__all__ = ["also", "button", "choice", "entry", "form", "grouped", "tick"]

# From here on characters are as wide as two.
_WIDE: Final = "\u2e80"
_MOST: Final = 36


def form(action: str, *inside: Child, say: str, **hidden: str) -> Html:
    """Return a form that carries out *action*; *say* stands on its button."""
    kept = (el("input", type="hidden", name=name, value=value) for name, value in hidden.items())
    return el("form", *kept, *inside, el("button", say), method="post", action=f"/do/{action}")


def also(action: str, say: str) -> Html:
    """Return a button that carries out something else with the fields of the form that it stands in."""
    return el("button", say, formaction=f"/do/{action}")


def button(action: str, say: str, **hidden: str) -> Html:
    """Return a form of nothing but its button."""
    return form(action, say=say, **hidden)


def entry(
    name: str,
    hint: str,
    *,
    required: bool = False,
    kind: str = "text",
    value: str | None = None,
    least: int | None = None,
    step: str | None = None,
) -> Html:
    """Return a field to write in."""
    at_least = None if least is None else str(least)
    width = str(min(sum(1 + (c >= _WIDE) for c in hint) + 1, _MOST)) if kind != "number" else None
    return el(
        "input",
        name=name,
        placeholder=hint,
        aria_label=hint,
        title=hint,
        type=kind,
        size=width,
        required=required,
        value=value,
        min=at_least,
        step=step,
    )


def choice(name: str, options: Mapping[str, str], hint: str) -> Html:
    """Return a field to choose from; *options* are what is sent and what is shown."""
    shown = (el("option", text, value=sent) for sent, text in options.items())
    return el("select", *shown, name=name, aria_label=hint)


def grouped(name: str, groups: Iterable[tuple[str, Mapping[str, str]]], hint: str) -> Html:
    """Return a field to choose from, with headings."""
    parts = (
        el("optgroup", *(el("option", text, value=sent) for sent, text in options.items()), label=heading)
        for heading, options in groups
        if options
    )
    return el("select", *parts, name=name, aria_label=hint)


def tick(name: str, text: str, value: str = "on") -> Html:
    """Return a box to tick."""
    return el("label", el("input", type="checkbox", name=name, value=value), text)
