"""Customer groups (客户群) and what those who join are told (入群欢迎语)."""

from __future__ import annotations

from privdom.sandbox.console.forms import button, choice, entry, form
from privdom.sandbox.console.html import Child, el, join
from privdom.sandbox.console.links import ident, to, to_person, to_staff
from privdom.sandbox.console.parts import Page, View, acts, brief, card, facts, listing, search, story, when
from privdom.sandbox.state import Group, GroupMember, GroupWelcome


__all__ = ["many", "one", "welcomes"]

_STAFF = 1
_SCENES = {1: "invited by staff 邀请", 2: "by a link 链接", 3: "scanned a code 扫码"}


def _name(view: View, userid: str) -> str:
    return view.state.staff[userid].name if userid in view.state.staff else userid


def many(view: View) -> Page:
    """Return the list of groups."""

    def row(group: Group) -> tuple[Child, ...]:
        return (
            to("groups", group.chat_id, el("b", group.name or "(no name)")),
            ident(group.chat_id),
            to_staff(view.state, group.owner),
            f"{len(group.members):,}",
            when(group.created),
            el("span", "dissolved 已解散", class_="chip bad") if group.dismissed else "",
        )

    make = form(
        "create_group",
        entry("name", "name 群名"),
        entry("owner", "userid of the owner 群主", required=True),
        say="Open a group 建群",
    )
    found = (g for g in view.state.groups.values() if view.fits(g.name, g.chat_id, g.owner))
    heads = ("name 群名", "chat_id", "owner 群主", "members 成员", "opened", "")
    rows = listing(view, heads, found, row, empty="No group yet.", numbers=("members 成员",))
    return "Groups 客户群", join((el("div", search(view, "name, chat_id, owner 搜索"), make, class_="bar"), rows))


def one(view: View, chat_id: str) -> Page:
    """Return the page of one group, with its members."""
    group = view.state.groups[chat_id]

    def row(member: GroupMember) -> tuple[Child, ...]:
        deeds = acts(
            button("writes_in_group", "Writes 发言", chat_id=chat_id, id=member.id),
            button("leave", "Leaves 退群", chat_id=chat_id, ids=member.id),
        )
        return (
            to_person(view.state, member.id),
            "staff 成员" if member.type == _STAFF else "customer 客户",
            _SCENES.get(member.scene, f"scene {member.scene}"),
            when(member.joined),
            "" if group.dismissed else deeds,
        )

    said = view.state.group_welcomes
    greetings = {"": "none", **{w.template_id: brief(w.text) or w.template_id for w in said.values()}}
    colleagues = {m.id: _name(view, m.id) for m in group.members.values() if m.type == _STAFF and m.id != group.owner}
    deeds = acts(
        form("join", entry("ids", "ids of customers or staff", required=True), say="Join 入群", chat_id=chat_id),
        form("rename", entry("name", "new name 群名", required=True), say="Rename 改名", chat_id=chat_id),
        form("notice", entry("notice", "notice 公告"), say="Write a notice 发公告", chat_id=chat_id),
        form("greet", choice("welcome", greetings, "group welcome"), say="Welcome 入群欢迎语", chat_id=chat_id),
        form("give", choice("userid", colleagues, "new owner"), say="Give away 转让群主", chat_id=chat_id)
        if colleagues
        else None,
        button("dismiss", "Dissolve 解散", chat_id=chat_id),
    )
    about = facts(
        ("chat_id", el("code", chat_id)),
        ("owner 群主", to_staff(view.state, group.owner)),
        ("notice 公告", group.notice),
        ("welcome 入群欢迎语", brief(said[group.welcome].text) or group.welcome if group.welcome in said else ""),
        ("members 成员", f"{len(group.members):,}"),
        ("opened", when(group.created)),
        *((("state", "dissolved 已解散"),) if group.dismissed else ()),
    )
    members = listing(
        view, ("who", "kind", "came", "joined", ""), group.members.values(), row, empty="Nobody is in this group."
    )
    return group.name or "(no name)", join(
        (
            card("Group 客户群", about, None if group.dismissed else deeds),
            card("Members 成员", members),
            story(view, chat_id),
        )
    )


def welcomes(view: View) -> Page:
    """Return the list of group welcomes."""

    def row(welcome: GroupWelcome) -> tuple[Child, ...]:
        return (
            ident(welcome.template_id),
            el("span", brief(welcome.text, 120) or "—", class_="said"),
            str((welcome.attachment or {}).get("msgtype", "—")),
            "told" if welcome.notified else "not told",
            when(welcome.created),
        )

    found = (w for w in reversed(view.state.group_welcomes.values()) if view.fits(w.text, w.template_id))
    heads = ("template_id", "text", "with", "staff", "made")
    rows = listing(view, heads, found, row, empty="No group welcome yet: make one with group_welcomes.add.")
    note = el("p", "A group says the one that its owner chose, on the page of the group.", class_="empty")
    return "Group welcomes 入群欢迎语", join((search(view, "text, template_id 搜索"), rows, note))
