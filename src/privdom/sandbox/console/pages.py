"""The pages: each reads the state of the sandbox and returns what stands between its head and its foot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from privdom.sandbox.console.forms import FAULT_KINDS, button, choice, entry, form
from privdom.sandbox.console.html import Child, Html, el, join, table
from privdom.sandbox.console.log import KINDS, Line, lines
from privdom.sandbox.state import Customer, Follow, Message
from privdom.sandbox.world import World


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["PAGES", "Page", "View"]

Page = tuple[str, Html]
"""A title and what stands on the page."""

_ROWS: Final = 50
_ADD_WAYS: Final = {1: "scan 扫码", 2: "phone 手机号", 3: "card 名片", 4: "group 群聊"}
_TASKS: Final = {0: "waits for the staff 待确认", 2: "sent 已发送"}
_RECEIVED: Final = {0: "not sent", 1: "received", 2: "no friend", 3: "over the cap"}


class View:
    """One look at the sandbox: who looks holds its lock."""

    def __init__(self, box: Sandbox, world: World, query: Mapping[str, str]) -> None:
        self.box, self.world, self.state, self.query = box, world, world.state, query

    def lines(self, *, kinds: Iterable[str] = KINDS, about: str = "") -> Iterator[Line]:
        """Yield what happened, newest first."""
        return lines(self.world.record, self.state, kinds=kinds, about=about)


def _link(path: str, child: Child) -> Html:
    return el("a", child, href=path)


def _to(chapter: str, thing: str, child: Child = None) -> Html:
    return _link(f"/{chapter}/{quote(thing, safe='')}", child or thing)


def _when(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}" if seconds else "—"


def _card(title: str, *inside: Child, class_: str | None = None) -> Html:
    return el("section", el("h2", title), *inside, class_=class_)


def _chips(texts: Iterable[str]) -> Html:
    return join(el("span", text, class_="chip") for text in texts)


def _facts(**facts: Child) -> Html:
    return el("dl", *(part for name, fact in facts.items() for part in (el("dt", name), el("dd", fact))))


def _log(found: Iterable[Line], *, most: int = 200) -> Html:
    rows = [
        el(
            "tr",
            el("td", f"{line.at:%m-%d %H:%M:%S}", class_="time"),
            el("td", el("span", line.kind, class_=f"kind {line.kind.replace(' ', '-')}")),
            el("td", el("b", line.what), " ", el("span", line.detail, class_="detail")),
            class_="failed" if line.failed else None,
        )
        for line in islice(found, most)
    ]
    return el("table", el("tbody", *rows), class_="log") if rows else el("p", "nothing yet", class_="empty")


def _codes(view: View) -> dict[str, str]:
    return {way.config_id: way.state or way.remark or way.config_id[:8] for way in view.state.ways.values()}


def _scan(view: View, external_userid: str = "") -> Html:
    codes = _codes(view)
    if not codes:
        return el("p", "No code yet: make one with codes.add.", class_="empty")
    code = choice("code", codes, "code")
    if external_userid:
        return form("scan", code, say="Scan 扫码", external_userid=external_userid)
    return form("scan", code, entry("name", "new customer's name 客户昵称"), say="Scan 扫码")


def overview(view: View, _: str) -> Page:
    state, box = view.state, view.box
    groups = sum(not group.dismissed for group in state.groups.values())
    open_tasks = sum(task.status == 0 for m in state.messages.values() if not m.cancelled for task in m.tasks.values())
    counts = (
        ("/staff", len(state.staff), "staff 成员"),
        ("/customers", len(state.customers), "customers 客户"),
        ("/groups", groups, "groups 客户群"),
        ("/codes", len(state.ways), "codes 活码"),
        ("/messages", open_tasks, "tasks to confirm 待确认"),
        ("/log?kind=event", box.pending_callbacks, "callbacks waiting 待回调"),
    )
    tiles = el("div", *(_link(to, join((el("b", f"{n:,}"), what))) for to, n, what in counts), class_="tiles")
    start: Child = None
    if not state.staff:
        start = _card("Start 开始", button("populate", "Fill the corp: 12 staff, 300 customers 填充示例数据"))
    acts = _card(
        "A customer … 客户",
        el("p", "scans a code:"),
        _scan(view),
        el("p", "is there already, without any event:"),
        form("add_customer", entry("name", "name 昵称"), entry("staff", "of staff 成员"), say="Add 添加"),
    )
    connect = _card("How to connect 接入", _facts(**box.settings()))
    return "Overview 总览", join((tiles, start, acts, _card("Just now 最近", _log(view.lines(), most=15)), connect))


def staff(view: View, _: str) -> Page:
    waiting = Counter(
        task.userid
        for message in view.state.messages.values()
        if not message.cancelled
        for task in message.tasks.values()
        if task.status == 0
    )
    rows = (
        (
            el("b", s.name),
            _to("staff", s.userid),
            join((view.state.departments[d].name for d in s.departments), ", "),
            _link(f"/customers?{urlencode({'staff': s.userid})}", f"{len(view.state.follows_of(s.userid)):,}"),
            f"{s.capacity:,}",
            "yes" if s.serving else "no",
            waiting[s.userid] or "",
        )
        for s in view.state.staff.values()
    )
    heads = ("name", "userid", "departments", "customers", "capacity", "serves", "tasks")
    add = form(
        "add_staff",
        entry("userid", "userid", required=True),
        entry("name", "name 姓名"),
        say="Add staff 添加成员",
    )
    return "Staff 成员", join((add, table(heads, rows, empty="No staff yet.")))


def one_staff(view: View, userid: str) -> Page:
    who = view.state.staff[userid]
    facts = _facts(
        userid=who.userid,
        customers=_link(f"/customers?{urlencode({'staff': userid})}", f"{len(view.state.follows_of(userid)):,}"),
        capacity=f"{who.capacity:,}",
        position=who.position or "—",
    )
    return who.name, join((_card("Staff 成员", facts), _card("History 记录", _log(view.lines(about=userid)))))


def _tag_names(view: View, follow: Follow) -> list[str]:
    return [view.state.tags[tag].name for tag in follow.tags if tag in view.state.tags]


def _fits(view: View, customer: Customer, words: str, userid: str) -> bool:
    if userid and userid not in customer.follows:
        return False
    if not words:
        return True
    texts = [customer.name, customer.external_userid]
    for follow in customer.follows.values():
        texts += [follow.state, follow.remark, *_tag_names(view, follow)]
    return any(words in text.lower() for text in texts)


def customers(view: View, _: str) -> Page:
    words, userid = view.query.get("q", "").strip().lower(), view.query.get("staff", "")
    first = int(view.query.get("from") or 0)
    found = (c for c in reversed(view.state.customers.values()) if _fits(view, c, words, userid))
    shown = list(islice(found, first, first + _ROWS + 1))
    rows = (
        (
            _to("customers", c.external_userid, el("b", c.name)),
            el("code", c.external_userid[:14]),
            join((_to("staff", f.userid) for f in c.follows.values()), ", ") or "nobody",
            _chips(dict.fromkeys(name for f in c.follows.values() for name in _tag_names(view, f))),
            _chips(dict.fromkeys(f.state for f in c.follows.values() if f.state)),
            _when(max((f.created for f in c.follows.values()), default=0)),
        )
        for c in shown[:_ROWS]
    )
    more: Child = None
    if len(shown) > _ROWS:
        more = _link(f"/customers?{urlencode({'q': words, 'staff': userid, 'from': first + _ROWS})}", "older →")
    search = el(
        "form",
        el("input", name="q", value=words, placeholder="name, id, tag, state 搜索", aria_label="search"),
        el("input", name="staff", value=userid, placeholder="staff 成员", aria_label="staff"),
        el("button", "Find 搜索"),
    )
    heads = ("name", "external_userid", "followed by", "tags 标签", "state 渠道", "added")
    return "Customers 客户", join((search, table(heads, rows, empty="Nobody like this."), el("p", more)))


def one_customer(view: View, external_userid: str) -> Page:
    who = view.state.customers[external_userid]
    tags = {tag.id: tag.name for tag in view.state.tags.values() if not tag.deleted}
    relations = [
        _card(
            f"Followed by {f.userid}" + (" (deleted by the customer 已被删除)" if f.left_by_customer else ""),
            _facts(
                remark=f.remark or "—",
                tags=_chips(_tag_names(view, f)) or "—",
                state=_chips([f.state]) if f.state else "—",
                came_by=_ADD_WAYS.get(f.add_way, str(f.add_way)),
                since=_when(f.created),
            ),
            el(
                "div",
                form(
                    "edit",
                    choice("add", tags, "tag"),
                    say="Tag 打标签",
                    userid=f.userid,
                    external_userid=external_userid,
                )
                if tags
                else None,
                *(
                    button(action, say, userid=f.userid, external_userid=external_userid)
                    for action, say in (
                        ("writes", "Customer writes 客户发消息"),
                        ("customer_deletes", "Customer deletes staff 删除成员"),
                        ("staff_deletes", "Staff deletes customer 删除客户"),
                    )
                ),
                class_="acts",
            ),
        )
        for f in who.follows.values()
    ]
    facts = _facts(external_userid=el("code", external_userid), kind="WeChat" if who.type == 1 else "WeCom")
    scan = _card("Scans another code 再扫码", _scan(view, external_userid))
    history = _card("History 记录", _log(view.lines(about=external_userid)))
    return who.name, join((_card("Customer 客户", facts), *relations, history, scan))


def groups(view: View, _: str) -> Page:
    rows = (
        (
            _to("groups", g.chat_id, el("b", g.name or "(no name)")),
            el("code", g.chat_id[:14]),
            _to("staff", g.owner),
            f"{len(g.members):,}",
            _when(g.created),
            "dismissed" if g.dismissed else "",
        )
        for g in view.state.groups.values()
    )
    make = form(
        "create_group", entry("name", "name 群名"), entry("owner", "owner 群主", required=True), say="Open a group 建群"
    )
    heads = ("name", "chat_id", "owner 群主", "members", "created", "")
    return "Groups 客户群", join((make, table(heads, rows, empty="No group yet.")))


def one_group(view: View, chat_id: str) -> Page:
    group = view.state.groups[chat_id]
    known = view.state.customers
    members = (
        (
            _to("customers", m.id, known[m.id].name) if m.id in known else _to("staff", m.id),
            "staff" if m.type == 1 else "customer",
            _when(m.joined),
            button("leave", "leaves 退群", chat_id=chat_id, ids=m.id),
        )
        for m in islice(group.members.values(), _ROWS)
    )
    acts = (
        form("join", entry("ids", "ids of customers or staff", required=True), say="Join 入群", chat_id=chat_id),
        form("rename", entry("name", "new name 群名", required=True), say="Rename 改名", chat_id=chat_id),
        button("dismiss", "Dismiss 解散", chat_id=chat_id),
    )
    facts = _facts(chat_id=el("code", chat_id), owner=_to("staff", group.owner), members=f"{len(group.members):,}")
    return group.name or "Group 客户群", join(
        (
            _card("Group 客户群", facts, el("div", *acts, class_="acts")),
            _card("Members 成员", table(("who", "kind", "joined", ""), members)),
            _card("History 记录", _log(view.lines(about=chat_id))),
        )
    )


def codes(view: View, _: str) -> Page:
    rows = (
        (
            el("b", w.state or "—"),
            w.remark,
            el("code", w.config_id[:14]),
            join((_to("staff", userid) for userid in w.users), ", "),
            _when(w.created),
            form("scan", entry("name", "name 客户昵称"), say="Scan 扫码", code=w.config_id),
        )
        for w in view.state.ways.values()
    )
    heads = ("state 渠道", "remark", "config_id", "staff", "made", "a customer …")
    return "Codes 活码", table(heads, rows, empty="No code yet: make one with codes.add.")


def _progress(message: Message) -> Html:
    done = sum(task.status != 0 for task in message.tasks.values())
    return el("progress", value=str(done), max=str(max(len(message.tasks), 1)), title=f"{done} of {len(message.tasks)}")


def messages(view: View, _: str) -> Page:
    rows = (
        (
            _to("messages", m.msgid, el("b", m.text[:40] or "(no text)")),
            m.chat_type,
            m.creator or "API",
            _when(m.created),
            "cancelled" if m.cancelled else _progress(m),
            f"{sum(r.status == 1 for t in m.tasks.values() for r in t.recipients):,} received",
        )
        for m in reversed(view.state.messages.values())
    )
    heads = ("text", "to", "by", "made", "confirmed 已确认", "")
    return "Messages 群发", table(heads, rows, empty="No mass message yet.")


def one_message(view: View, msgid: str) -> Page:
    message = view.state.messages[msgid]
    rows = (
        (
            _to("staff", t.userid),
            _TASKS.get(t.status, t.status),
            _when(t.sent),
            ", ".join(
                f"{n:,} {_RECEIVED.get(status, status)}"
                for status, n in Counter(r.status for r in t.recipients).items()
            ),
            button("confirm", "Confirm 确认发送", msgid=msgid, userid=t.userid)
            if t.status == 0 and not message.cancelled
            else "",
        )
        for t in message.tasks.values()
    )
    facts = _facts(
        msgid=el("code", msgid),
        text=message.text,
        attachments=", ".join(str(a.get("msgtype")) for a in message.attachments) or "—",
        made=_when(message.created),
        state="cancelled" if message.cancelled else "alive",
    )
    tasks = table(("staff", "state", "sent", "recipients", ""), rows)
    return "Message 群发", join((_card("Message 群发", facts), _card("Tasks 任务", tasks)))


def tags(view: View, _: str) -> Page:
    wearing = Counter(tag for c in view.state.customers.values() for f in c.follows.values() for tag in f.tags)
    cards = [
        _card(group.name, _chips(f"{t.name} · {wearing[t.id]:,}" for t in group.tags.values() if not t.deleted))
        for group in view.state.tag_groups.values()
        if not group.deleted
    ]
    add = form(
        "add_tags",
        entry("group", "group 标签组", required=True),
        entry("names", "names, with spaces 标签", required=True),
        say="Admin adds 添加",
    )
    return "Tags 标签", join((add, *cards))


def log(view: View, _: str) -> Page:
    kind = view.query.get("kind", "")
    chosen = (kind,) if kind in KINDS else KINDS
    every = _link("/log", "all") if kind else el("b", "all")
    kinds = (el("b", k) if k == kind else _link(f"/log?{urlencode({'kind': k})}", k) for k in KINDS)
    return "Log 日志", join((el("p", join((every, *kinds), " · ")), _log(view.lines(kinds=chosen), most=500)))


def faults(view: View, _: str) -> Page:
    add = form(
        "fault",
        choice("kind", {kind: kind for kind in FAULT_KINDS}, "kind"),
        entry("path", "path, such as mark_tag; empty: any"),
        entry("subject", "only calls that name …"),
        entry("times", "times, 0: always", kind="number", value="1"),
        el("label", el("input", type="checkbox", name="after"), "after the change"),
        say="Have it happen 注入故障",
    )
    planned = (
        (el("b", fault.kind), fault.path or "any", fault.subject or "any", left or "always")
        for fault, left in view.box.faults.planned()
    )
    rows = table(("fault", "path", "subject", "times left"), planned, empty="Nothing will go wrong.")
    return "Faults 故障", join(
        (_card("Next 注入", add), _card("Planned 待发生", rows, button("clear_faults", "Clear 清除")))
    )


PAGES: Final[Mapping[str, tuple[str, Callable[[View, str], Page], Callable[[View, str], Page] | None]]] = {
    "": ("Overview 总览", overview, None),
    "staff": ("Staff 成员", staff, one_staff),
    "customers": ("Customers 客户", customers, one_customer),
    "groups": ("Groups 客户群", groups, one_group),
    "codes": ("Codes 活码", codes, None),
    "tags": ("Tags 标签", tags, None),
    "messages": ("Messages 群发", messages, one_message),
    "log": ("Log 日志", log, None),
    "faults": ("Faults 故障", faults, None),
}
"""By first part of the path: the name in the menu, the page, and the page of one thing of it."""
