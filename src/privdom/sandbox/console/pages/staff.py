"""Staff (成员): who they are, what waits for them, and what they can do."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlencode

from privdom.sandbox.console.forms import button, entry, form
from privdom.sandbox.console.html import Child, Html, el, join
from privdom.sandbox.console.links import link, to
from privdom.sandbox.console.parts import Page, View, acts, card, facts, listing, search, story, when
from privdom.sandbox.state import Staff


__all__ = ["many", "one"]


def _customers(view: View, userid: str) -> Html:
    return link(f"/customers?{urlencode({'staff': userid})}", f"{len(view.state.follows_of(userid)):,}")


def _waiting(view: View) -> Counter[str]:
    """Return how much each staff has to confirm or to publish."""
    messages = (message for message in view.state.messages.values() if not message.cancelled)
    waiting = Counter(task.userid for message in messages for task in message.tasks.values() if task.status == 0)
    for moment in view.state.made_moments.values():
        if not moment.cancelled:
            waiting.update(task.userid for task in moment.publications.values() if not task.published)
    return waiting


def _status(staff: Staff) -> Child:
    if staff.resigned:
        return join(("resigned 离职 ", when(staff.resigned)))
    return "serves customers" if staff.serving else "has no customers' right"


def many(view: View) -> Page:
    """Return the list of staff, those who resigned at its end."""
    waiting = _waiting(view)
    state = view.state

    def row(staff: Staff) -> tuple[Child, ...]:
        return (
            to("staff", staff.userid, el("b", staff.name)),
            el("code", staff.userid),
            ", ".join(state.departments[number].name for number in staff.departments),
            _customers(view, staff.userid),
            f"{staff.capacity:,}",
            f"{waiting[staff.userid]:,}" if waiting[staff.userid] else "",
            _status(staff),
        )

    add = form(
        "add_staff", entry("userid", "userid", required=True), entry("name", "name 姓名"), say="Add staff 添加成员"
    )
    found = (s for s in (*state.staff.values(), *state.former.values()) if view.fits(s.userid, s.name))
    heads = ("name 姓名", "userid", "departments 部门", "customers 客户", "capacity 上限", "to confirm 待办", "status")
    numbers = ("customers 客户", "capacity 上限", "to confirm 待办")
    rows = listing(view, heads, found, row, empty="No staff yet.", numbers=numbers)
    return "Staff 成员", join((el("div", search(view, "name, userid 搜索"), add, class_="bar"), rows))


def one(view: View, userid: str) -> Page:
    """Return the page of one staff."""
    state = view.state
    who = state.staff.get(userid) or state.former[userid]
    about = facts(
        ("userid", el("code", who.userid)),
        ("departments 部门", ", ".join(state.departments[number].name for number in who.departments)),
        ("position 职务", who.position),
        ("customers 客户", join((_customers(view, userid), f" of {who.capacity:,}"))),
        ("status", _status(who)),
    )
    deeds: Child = None
    if not who.resigned:
        deeds = acts(
            form(
                "post",
                entry("text", "text of a moment 朋友圈", required=True),
                say="Posts a moment 发表",
                userid=userid,
            ),
            form(
                "sends",
                entry("text", "text 内容", required=True),
                entry("ids", "ids of customers", required=True),
                say="Sends a message 群发",
                userid=userid,
            ),
            button("serve", "Loses the customers' right", userid=userid, serving="no")
            if who.serving
            else button("serve", "Gets the customers' right", userid=userid, serving="yes"),
            button("resign", "Resigns 离职", userid=userid),
        )
    return who.name, join((card("Staff 成员", about, deeds), story(view, userid)))
