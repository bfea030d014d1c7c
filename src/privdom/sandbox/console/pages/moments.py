"""Moments (朋友圈): who shall publish them, who has, who can see them, and who answered."""

from __future__ import annotations

from collections.abc import Iterator

from privdom.sandbox.console.forms import also, button, choice, form
from privdom.sandbox.console.html import Child, Html, el, join, table
from privdom.sandbox.console.links import to, to_customer, to_staff
from privdom.sandbox.console.pages.sent import progress
from privdom.sandbox.console.parts import Page, View, acts, brief, card, chips, facts, listing, search, when
from privdom.sandbox.state import Moment, Publication, Reaction


__all__ = ["many", "one"]

_VIEWERS = 100


def _state(moment: Moment) -> Child:
    if moment.errcode:
        return el("span", f"failed, errcode {moment.errcode}", class_="chip bad")
    if moment.cancelled:
        return "taken back 已撤回"
    if not moment.created:
        return "being made 创建中"
    tasks = moment.publications.values()
    return progress(sum(task.published != 0 for task in tasks), len(tasks))


def _all(view: View) -> Iterator[Moment]:
    """Yield moments that were made and those that are being made, newest first."""
    made = view.state.made_moments
    yield from (m for m in reversed(view.state.moments.values()) if m.moment_id not in made)
    yield from reversed(made.values())


def many(view: View) -> Page:
    """Return the list of moments."""

    def row(moment: Moment) -> tuple[Child, ...]:
        tasks = moment.publications.values()
        return (
            to("moments", moment.moment_id or moment.jobid, el("b", brief(moment.text) or "(no text)")),
            to_staff(view.state, moment.creator) if moment.creator else "API",
            when(moment.asked),
            _state(moment),
            f"{sum(len(task.seen_by) for task in tasks):,}",
            f"{sum(len(task.likes) for task in tasks):,}",
            f"{sum(len(task.comments) for task in tasks):,}",
        )

    found = (m for m in _all(view) if view.fits(m.text, m.moment_id, m.jobid, *m.publications))
    heads = ("text", "by", "asked for", "published 已发表", "can see it 可见", "likes 点赞", "comments 评论")
    empty = "No moment yet: make one with moments.add, or have a staff post one on their page."
    rows = listing(view, heads, found, row, empty=empty, numbers=heads[4:])
    return "Moments 朋友圈", join((search(view, "text, moment_id, userid 搜索"), rows))


def _find(view: View, thing: str) -> Moment:
    state = view.state
    found = state.made_moments.get(thing) or state.moments.get(thing)
    return found or next(m for m in state.moments.values() if m.moment_id == thing)


def _who(view: View, reactions: list[Reaction]) -> Html:
    names = (
        to_customer(view.state, r.external_userid) if r.external_userid else to_staff(view.state, r.userid)
        for r in reactions
    )
    return join(names, ", ") or Html("—")


def _task(view: View, moment: Moment, task: Publication) -> tuple[Child, ...]:
    pair = {"moment_id": moment.moment_id, "userid": task.userid}
    known = view.state.customers
    viewers = {c: known[c].name for c in task.seen_by[:_VIEWERS] if c in known}
    deeds: Child = None
    if task.published:
        customers = choice("external_userid", viewers, "customer")
        deeds = acts(
            form("comment", customers, also("like", "Likes 点赞"), say="Comments 评论", **pair) if viewers else None,
            form("staff_comments", also("staff_likes", "Staff likes"), say="comments", **pair),
        )
    elif not moment.cancelled:
        deeds = button("publish", "Publish 发表", **pair)
    published: Child = "has not published 待发表"
    if task.published:
        published = join(("published 已发表 ", when(task.published)))
    seen = f"{len(task.seen_by):,} of {len(task.customers):,}" if task.published else "—"
    return to_staff(view.state, task.userid), published, seen, _who(view, task.likes), _who(view, task.comments), deeds


def one(view: View, thing: str) -> Page:
    """Return the page of one moment, by its id or that of its job."""
    try:
        moment = _find(view, thing)
    except StopIteration:
        raise KeyError(thing) from None
    tags = view.state.tags
    chosen = join((tags[tag].name if tag in tags else tag for tag in moment.tags), ", ")
    invalid = [*moment.invalid_users, *moment.invalid_departments, *moment.invalid_tags]
    about = facts(
        ("moment_id", el("code", moment.moment_id)),
        *((("jobid", el("code", moment.jobid)),) if moment.jobid else ()),
        ("text", el("span", moment.text, class_="said")),
        ("with", ", ".join(str(thing.get("msgtype")) for thing in moment.attachments)),
        ("by", to_staff(view.state, moment.creator) if moment.creator else "API"),
        ("for customers with 标签", chosen or "any tags, or none"),
        ("asked for", when(moment.asked)),
        ("made", when(moment.created)),
        ("published 已发表", _state(moment)),
        *((("not valid", chips(invalid)),) if invalid else ()),
    )
    heads = ("staff 成员", "state", "can see it 可见", "likes 点赞", "comments 评论", "")
    rows = table(
        heads,
        (_task(view, moment, task) for task in moment.publications.values()),
        empty="Nobody has to publish it yet.",
    )
    return brief(moment.text, 40) or "(no text)", join((card("Moment 朋友圈", about), card("Tasks 任务", rows)))
