"""Ways in: codes (联系我), acquisition links (获客链接), join ways (加入群聊)."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from privdom.sandbox.console.forms import button, choice, entry, form
from privdom.sandbox.console.html import Child, Html, el, join, table
from privdom.sandbox.console.links import counted, ident, to, to_customer, to_group, to_staff
from privdom.sandbox.console.parts import Page, View, acts, card, chips, facts, listing, people, search, story, when
from privdom.sandbox.state import AcquisitionLink, ContactWay, JoinWay, LinkCustomer


__all__ = ["codes", "join_ways", "link", "links", "opening", "scanning"]

_CHOICES = 100
_PRIORITIES = {1: "whoever of the corp knows the customer", 2: "whoever of the named staff knows the customer"}


def scanning(view: View, external_userid: str = "") -> Html:
    """Return the form in which a customer scans a code: this one, or a new one."""
    newest = islice(reversed(view.state.ways.values()), _CHOICES)
    found = {way.config_id: way.state or way.remark or way.config_id[:8] for way in newest}
    if not found:
        return el("p", "No code yet: make one with codes.add.", class_="empty")
    code = choice("code", found, "code 活码")
    if external_userid:
        return form("scan", code, say="Scans a code 扫码", external_userid=external_userid)
    return form("scan", code, entry("name", "new customer's name 昵称"), say="Scan 扫码")


def opening(view: View, external_userid: str = "") -> Html | None:
    """Return the form in which a customer opens an acquisition link, if there is one."""
    found = {link.link_id: link.name for link in islice(reversed(view.state.links.values()), _CHOICES)}
    if not found:
        return None
    link, channel = choice("link", found, "link 获客链接"), entry("channel", "customer_channel")
    if external_userid:
        return form("open_link", link, channel, say="Opens a link 打开链接", external_userid=external_userid)
    return form("open_link", link, channel, entry("name", "new customer's name 昵称"), say="Open 打开链接")


def _kind(way: ContactWay) -> str:
    words = (
        "mini program" if way.scene == 1 else "QR code",
        "" if way.skip_verify else "staff must agree",
        "temporary" if way.is_temp else "",
        "exclusive" if way.is_exclusive else "",
    )
    return ", ".join(filter(None, words))


def _named(state: str, remark: str) -> Html:
    """Return the state of a code, and the remark where it says something else."""
    shown = chips([state]) if state else Html("—")
    return join((shown, el("div", remark, class_="fine"))) if remark not in ("", state) else shown


def codes(view: View) -> Page:
    """Return the list of codes, newest first."""
    came = Counter(f.state for c in view.state.customers.values() for f in c.follows.values() if f.state)

    def row(way: ContactWay) -> tuple[Child, ...]:
        return (
            _named(way.state, way.remark),
            ident(way.config_id),
            people(view, way.users, way.parties),
            _kind(way),
            f"{came[way.state]:,}" if way.state else "",
            when(way.created),
            form("scan", entry("name", "name 昵称"), say="Scans it 扫码", code=way.config_id),
        )

    found = (w for w in reversed(view.state.ways.values()) if view.fits(w.state, w.remark, w.config_id, *w.users))
    heads = ("state 渠道", "config_id", "staff 成员", "kind", "customers", "made", "a new customer …")
    rows = listing(view, heads, found, row, empty="No code yet: make one with codes.add.", numbers=("customers",))
    return "Codes 活码", join((search(view, "state, remark, config_id, userid 搜索"), rows))


def _uses(view: View) -> Html:
    state = view.state
    batches = (
        (
            when(uses.expires),
            f"{uses.bought:,}",
            f"{uses.left:,}",
            "expired" if uses.expires <= view.world.timestamp else "",
        )
        for uses in state.uses
    )
    left = sum(uses.left for uses in state.uses)
    heads = ("until", "had", "left", "")
    return card(
        "Uses 额度",
        el("p", f"{counted(left, 'use')} left, {state.uses_spent:,} taken: each new customer by a link takes one."),
        table(heads, batches, empty="None was ever bought: links add nobody.", numbers=("had", "left")),
        acts(
            form(
                "buy_uses", entry("count", "how many", kind="number", value="100", least=1), say="Admin buys uses 购买"
            )
        ),
    )


def links(view: View) -> Page:
    """Return the list of acquisition links, newest first, and what uses are left."""
    clicks = Counter(click.link_id for click in view.state.link_clicks)
    came = Counter(customer.link_id for customer in view.state.link_customers.values())

    def row(link: AcquisitionLink) -> tuple[Child, ...]:
        return (
            to("links", link.link_id, el("b", link.name)),
            ident(link.link_id),
            people(view, link.users, link.parties),
            f"{clicks[link.link_id]:,}",
            f"{came[link.link_id]:,}",
            when(link.created),
            el("span", "nobody can take a customer", class_="chip bad") if link.unavailable else "",
        )

    found = (k for k in reversed(view.state.links.values()) if view.fits(k.name, k.link_id, *k.users))
    heads = ("name", "link_id", "staff 成员", "opened 打开", "customers 客户", "made", "")
    empty = "No link yet: make one with acquisition.create."
    rows = listing(view, heads, found, row, empty=empty, numbers=("opened 打开", "customers 客户"))
    return "Links 获客链接", join((search(view, "name, link_id, userid 搜索"), rows, _uses(view)))


def link(view: View, link_id: str) -> Page:
    """Return the page of one acquisition link, with those whom it won."""
    state = view.state
    found = state.links[link_id]
    clicks = sum(click.link_id == link_id for click in state.link_clicks)
    mine = [customer for customer in state.link_customers.values() if customer.link_id == link_id]

    def row(customer: LinkCustomer) -> tuple[Child, ...]:
        return (
            to_customer(state, customer.external_userid),
            to_staff(state, customer.userid),
            chips([customer.state]) if customer.state else "—",
            f"{customer.written:,}",
            when(customer.at),
        )

    about = facts(
        ("link_id", el("code", link_id)),
        ("url", el("code", f"https://work.weixin.qq.com/ca/{link_id}")),
        ("staff 成员", people(view, found.users, found.parties, most=20)),
        ("prefers", join((_PRIORITIES[found.priority], " ", people(view, found.preferred)))
         if found.priority else "nobody"),
        ("friends", "at once" if found.skip_verify else "after staff agree"),
        ("made", when(found.created)),
        ("so far", f"opened {counted(clicks, 'time')}, {counted(len(mine), 'customer')}"),
    )  # fmt: skip
    deeds = acts(
        form(
            "open_link",
            entry("channel", "customer_channel"),
            entry("name", "new customer's name 昵称"),
            say="Somebody opens it 打开",
            link=link_id,
        ),
        button("delete_link", "Admin deletes it 删除", link=link_id),
    )
    heads = ("customer 客户", "staff 成员", "channel 渠道", "messages", "added")
    rows = listing(view, heads, reversed(mine), row, empty="Nobody came by it yet.", numbers=("messages",))
    return found.name, join((card("Link 获客链接", about, deeds), card("Customers 客户", rows), story(view, link_id)))


def join_ways(view: View) -> Page:
    """Return the list of join ways, newest first."""

    def row(way: JoinWay) -> tuple[Child, ...]:
        made = f"as {way.room_base_name} {way.room_base_id or ''}" if way.room_base_name else "yes"
        return (
            _named(way.state, way.remark),
            ident(way.config_id),
            "button" if way.scene == 1 else "QR code",
            join((to_group(view.state, chat_id) for chat_id in (*way.chat_ids, *way.rooms)), ", "),
            made if way.auto_create_room else "no",
            form("scan_join_way", entry("name", "name 昵称"), say="Scans it 扫码", code=way.config_id),
        )

    found = (w for w in reversed(view.state.join_ways.values()) if view.fits(w.state, w.remark, w.config_id))
    heads = ("state 渠道", "config_id", "kind", "groups 客户群", "opens new groups", "a new customer …")
    rows = listing(view, heads, found, row, empty="No join way yet: make one with join_ways.add.")
    return "Join ways 加入群聊", join((search(view, "state, remark, config_id 搜索"), rows))
