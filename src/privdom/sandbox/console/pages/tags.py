"""Tags (标签) and strategies (规则组)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from privdom.sandbox.console.forms import button, entry, form
from privdom.sandbox.console.html import Child, Html, el, join, table
from privdom.sandbox.console.links import counted, ident, link, to
from privdom.sandbox.console.parts import Page, View, acts, brief, card, chips, facts, people, search, when
from privdom.sandbox.state import Strategy, TagGroup


__all__ = ["many", "strategies", "strategy"]

_TREES = {"customers": "of customers 客户", "moments": "of moments 朋友圈"}
_STAFF = 1


def _group(view: View, group: TagGroup, wearing: Counter[str]) -> Html:
    rows = (
        (
            el("b", tag.name),
            f"{wearing[tag.id]:,}",
            ident(tag.id),
            "the app" if tag.by_app else "an admin",
            acts(
                form("edit_tag", entry("name", "new name", required=True), say="Rename 改名", tag=tag.id),
                button("delete_tag", "Delete 删除", tag=tag.id),
            ),
        )
        for tag in group.tags.values()
        if not tag.deleted and view.fits(tag.name, tag.id, group.name)
    )
    heads = ("tag 标签", "worn by 客户", "id", "made by", "an admin …")
    whose = f" · strategy {group.strategy_id}" if group.strategy_id else ""
    title = join((group.name, el("span", f" {group.id}{whose}", class_="fine")))
    return card(title, table(heads, rows, empty="No tag like this.", numbers=("worn by 客户",)))


def many(view: View) -> Page:
    """Return the groups of tags, with how many relations have each."""
    wearing = Counter(tag for c in view.state.customers.values() for f in c.follows.values() for tag in f.tags)
    found = [
        group
        for group in view.state.tag_groups.values()
        if not group.deleted and view.fits(group.name, *(name for t in group.tags.values() for name in (t.name, t.id)))
    ]
    add = form(
        "add_tags",
        entry("group", "group 标签组", required=True),
        entry("names", "names, with spaces 标签", required=True),
        say="Admin adds 添加",
    )
    empty = el("p", "Nothing like this." if view.words else "No tag yet.", class_="empty")
    cards = [_group(view, group, wearing) for group in found]
    return "Tags 标签", join((el("div", search(view, "name, id 搜索"), add, class_="bar"), *(cards or [empty])))


def _tree(view: View, kind: str) -> dict[int, Strategy]:
    return view.state.customer_strategies if kind == "customers" else view.state.moment_strategies


def _below(book: dict[int, Strategy], parent: int, level: int = 0) -> Iterator[tuple[int, Strategy]]:
    for found in book.values():
        if found.parent_id == parent and not found.deleted:
            yield level, found
            yield from _below(book, found.id, level + 1)


def _range(view: View, found: Strategy, most: int = 5) -> Html:
    users = [str(node) for kind, node in found.nodes if kind == _STAFF]
    return people(view, users, [int(node) for kind, node in found.nodes if kind != _STAFF], most=most)


def strategies(view: View) -> Page:
    """Return the two trees of strategies."""

    def rows(kind: str) -> Iterator[tuple[Child, ...]]:
        for level, found in _below(_tree(view, kind), 0):
            yield (
                join(("\u2003" * level, to("strategies", f"{kind}-{found.id}", el("b", brief(found.name))))),
                str(found.id),
                people(view, found.admins),
                _range(view, found),
                when(found.created),
            )

    heads = ("name", "strategy_id", "admins 负责人", "range 管理范围", "made")
    empty = {
        "customers": "None yet: make one with strategies.create.",
        "moments": "None yet: make one with moment_strategies.create.",
    }
    cards = (card(f"Strategies {title}", table(heads, rows(kind), empty=empty[kind])) for kind, title in _TREES.items())
    return "Strategies 规则组", join(cards)


def strategy(view: View, thing: str) -> Page:
    """Return the page of one strategy: ``customers-1``, or ``moments-1``."""
    kind, _, number = thing.partition("-")
    if kind not in _TREES or not number.isdigit() or int(number) not in _tree(view, kind):
        raise KeyError(thing)
    book = _tree(view, kind)
    found = top = book[int(number)]
    while top.parent_id:
        top = book[top.parent_id]
    children = [s for s in book.values() if s.parent_id == found.id and not s.deleted]
    parent = to("strategies", f"{kind}-{found.parent_id}", book[found.parent_id].name) if found.parent_id else ""
    granted = [name for name, may in top.rights.items() if may]
    groups = [g.name for g in view.state.tag_groups.values() if g.strategy_id == found.id and not g.deleted]
    about = facts(
        ("strategy_id", str(found.id)),
        ("under", parent),
        ("above", join((to("strategies", f"{kind}-{child.id}", child.name) for child in children), ", ")),
        ("admins 负责人", people(view, found.admins, most=20)),
        ("range 管理范围", _range(view, found, most=50)),
        (f"rights 权限, {len(granted)} of {len(top.rights)}", chips(el("code", name) for name in granted)),
        *((("tag groups 标签组", join((link("/tags", chips(groups)),))),) if kind == "customers" and groups else ()),
        ("made", when(found.created)),
        *((("state", "deleted"),) if found.deleted else ()),
    )
    note = "The rights are those of the top of the tree, and bind nobody in the sandbox."
    title = f"Strategy {_TREES[kind]}, {counted(len(found.nodes), 'node')}"
    return found.name, join((card(title, about), el("p", note, class_="empty")))
