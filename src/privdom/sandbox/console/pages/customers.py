"""Customers (客户): who follows them, and their story."""

from __future__ import annotations

from privdom.sandbox.console.forms import button, entry, form, grouped
from privdom.sandbox.console.html import Child, Html, el, join, say
from privdom.sandbox.console.links import counted, ident, to, to_link, to_staff
from privdom.sandbox.console.pages.ways_in import opening, scanning
from privdom.sandbox.console.parts import (
    Page,
    View,
    acts,
    card,
    chips,
    facts,
    listing,
    search,
    story,
    tag_names,
    when,
)
from privdom.sandbox.console.words import ADD_WAYS
from privdom.sandbox.state import Customer, Follow


__all__ = ["many", "one"]


def _fits(view: View, customer: Customer, userid: str) -> bool:
    if userid and userid not in customer.follows:
        return False
    if not view.words:
        return True
    texts = [customer.name, customer.external_userid]
    for follow in customer.follows.values():
        texts += [follow.state, follow.remark, *tag_names(view.state, follow)]
    return view.fits(*texts)


def many(view: View) -> Page:
    """Return the list of customers, newest first."""
    userid = view.query.get("staff", "").strip()
    found = (c for c in reversed(view.state.customers.values()) if _fits(view, c, userid))

    def row(who: Customer) -> tuple[Child, ...]:
        follows = who.follows.values()
        return (
            to("customers", who.external_userid, el("b", who.name)),
            ident(who.external_userid),
            join((to_staff(view.state, f.userid) for f in follows), ", ") or el("span", "nobody", class_="empty"),
            chips(dict.fromkeys(name for f in follows for name in tag_names(view.state, f))),
            chips(dict.fromkeys(f.state for f in follows if f.state)),
            when(max((f.created for f in follows), default=0)),
        )

    staff = el("input", name="staff", value=userid or None, placeholder="userid 成员", aria_label="staff")
    add = form("add_customer", entry("name", "name 昵称"), entry("staff", "userids 成员"), say="Add silently 添加")
    heads = ("name 昵称", "external_userid", "followed by 跟进人", "tags 标签", "state 渠道", "added 添加时间")
    empty = "No customer yet: have one scan a code, or add one."
    return "Customers 客户", join(
        (
            el("div", search(view, "name, id, tag, state 搜索", staff), add, class_="bar"),
            el("p", counted(len(view.state.customers), "customer"), ", newest first", class_="empty"),
            listing(view, heads, found, row, empty="Nothing like this." if userid else empty),
        )
    )


def _tagging(view: View, follow: Follow) -> tuple[Html | None, Html | None]:
    """Return the forms that tag and untag."""
    pair = {"userid": follow.userid, "external_userid": follow.external_userid}
    groups = [
        (group.name, {t.id: t.name for t in group.tags.values() if not t.deleted and t.id not in follow.tags})
        for group in view.state.tag_groups.values()
        if not group.deleted
    ]
    worn = {tag: view.state.tags[tag].name for tag in follow.tags if tag in view.state.tags}
    add = form("edit", grouped("add", groups, "tag"), say="Tag 打标签", **pair) if any(t for _, t in groups) else None
    take = form("edit", grouped("remove", [("worn", worn)], "tag"), say="Untag 去标签", **pair) if worn else None
    return add, take


def _relation(view: View, follow: Follow) -> Html:
    pair = {"userid": follow.userid, "external_userid": follow.external_userid}
    came: Child = ADD_WAYS.get(follow.add_way, f"add_way {follow.add_way}")
    if follow.link_id:
        came = join((came, " ", to_link(view.state, follow.link_id)))
    title = say("Followed by {staff}", staff=to_staff(view.state, follow.userid))
    gone = el("span", "deleted by the customer 已被客户删除", class_="chip bad") if follow.left_by_customer else None
    return card(
        join((title, " ", gone)),
        facts(
            ("remark 备注", follow.remark),
            ("tags 标签", chips(tag_names(view.state, follow))),
            ("state 渠道", chips([follow.state]) if follow.state else ""),
            ("came by 来源", came),
            ("since 添加时间", when(follow.created)),
        ),
        acts(
            *_tagging(view, follow),
            form("edit", entry("remark", "remark 备注", required=True), say="Remark 改备注", **pair),
        ),
        acts(
            button("writes", "Customer writes 客户发消息", **pair),
            button("answers", "Staff writes 成员发消息", **pair),
            button("customer_deletes", "Customer deletes staff 删除成员", **pair)
            if not follow.left_by_customer
            else None,
            button("staff_deletes", "Staff deletes customer 删除客户", **pair),
        ),
    )


def one(view: View, external_userid: str) -> Page:
    """Return the page of one customer."""
    who = view.state.customers[external_userid]
    genders = {1: "man 男", 2: "woman 女"}
    about = facts(
        ("external_userid", el("code", external_userid)),
        ("kind 类型", "WeChat 微信" if who.type == 1 else f"WeCom 企业微信 {who.corp_name}"),
        *((("gender 性别", genders[who.gender]),) if who.gender in genders else ()),
        *((("unionid", el("code", who.unionid)),) if who.unionid else ()),
    )
    nobody = None if who.follows else card("Nobody follows this customer 无人跟进")
    relations = (_relation(view, follow) for follow in who.follows.values())
    more = card("Comes again 再来一次", acts(scanning(view, external_userid), opening(view, external_userid)))
    return who.name, join((card("Customer 客户", about), story(view, external_userid), *relations, nobody, more))
