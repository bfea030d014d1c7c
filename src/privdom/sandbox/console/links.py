"""Links to those whom a page speaks of, by their names."""

from __future__ import annotations

from urllib.parse import quote

from privdom.sandbox.console.html import Child, Html, el
from privdom.sandbox.state import State


__all__ = ["counted", "ident", "link", "to", "to_customer", "to_group", "to_link", "to_person", "to_staff"]


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with the word for so many."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ident(text: str) -> Html:
    """Return an id, of which the beginning is seen and all is copied."""
    return el("code", text, class_="id", title=text)


def link(path: str, child: Child) -> Html:
    """Return a link to a page."""
    return el("a", child, href=path)


def to(chapter: str, thing: str, child: Child) -> Html:
    """Return a link to the page of one thing, by its name or what else is seen; its id is told to who points at it."""
    return el(
        "a",
        child,
        href=f"/{chapter}/{quote(thing, safe='')}",
        title=thing,
        class_=None if isinstance(child, Html) else "name",
    )


def to_staff(state: State, userid: str) -> Html:
    """Return the name of a staff, or the userid of one who never was."""
    staff = state.staff.get(userid) or state.former.get(userid)
    return to("staff", userid, staff.name) if staff else el("code", userid)


def to_customer(state: State, external_userid: str) -> Html:
    """Return the name of a customer, or the id of one who never was."""
    customer = state.customers.get(external_userid)
    return to("customers", external_userid, customer.name) if customer else ident(external_userid)


def to_person(state: State, person: str) -> Html:
    """Return the name of a staff or of a customer."""
    return to_customer(state, person) if person in state.customers else to_staff(state, person)


def to_group(state: State, chat_id: str) -> Html:
    """Return the name of a group."""
    group = state.groups.get(chat_id)
    return to("groups", chat_id, group.name or "(no name)") if group else ident(chat_id)


def to_link(state: State, link_id: str) -> Html:
    """Return the name of an acquisition link, or the id of one that is gone."""
    found = state.links.get(link_id)
    return to("links", link_id, found.name) if found else ident(link_id)
