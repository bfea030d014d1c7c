"""The sandbox as such: an overview, the log, and what shall go wrong."""

from __future__ import annotations

from urllib.parse import urlencode

from privdom.sandbox.console.forms import button, choice, entry, form, tick
from privdom.sandbox.console.html import Child, Html, el, join, table
from privdom.sandbox.console.links import link
from privdom.sandbox.console.log import KINDS
from privdom.sandbox.console.pages.ways_in import opening, scanning
from privdom.sandbox.console.parts import Page, View, acts, card, facts, happened
from privdom.sandbox.faults import FaultKind


__all__ = ["faults", "log", "overview"]

_LOG = 200

_FAULTS: dict[FaultKind, tuple[str, str, str]] = {
    "connect_refused": ("no connection", "no", "the client finds no connection"),
    "lost_request": ("the request is lost", "no", "no answer"),
    "lost_response": ("the answer is lost", "yes", "no answer"),
    "late_acceptance": ("carried out late", "after the delay, of the sandbox's time", "no answer"),
    "busy": ("WeCom is busy", "if ticked", "errcode -1"),
    "html": ("a proxy answers", "if ticked", "a page of HTML"),
    "truncated": ("the answer is cut", "if ticked", "half of the JSON"),
    "quota": ("too many calls", "no", "errcode 45009"),
    "expired_token": ("the token ends", "no", "errcode 42001; the token is gone"),
    "slow": ("a slow answer", "yes", "the answer, after the delay, in real time"),
    "lost_callback": ("a callback is lost", "—", "your program is never told"),
    "duplicate_callback": ("a callback comes twice", "—", "your program is told twice"),
}


def _tiles(view: View) -> Html:
    state = view.state
    groups = sum(not group.dismissed for group in state.groups.values())
    alive = (message for message in state.messages.values() if not message.cancelled)
    to_confirm = sum(task.status == 0 for message in alive for task in message.tasks.values())
    counts = (
        ("/customers", len(state.customers), "customer 客户", "customers 客户"),
        ("/staff", len(state.staff), "staff 成员", "staff 成员"),
        ("/groups", groups, "group 客户群", "groups 客户群"),
        ("/codes", len(state.ways), "code 活码", "codes 活码"),
        ("/messages", to_confirm, "task to confirm 待确认", "tasks to confirm 待确认"),
        ("/log?kind=event", view.box.pending_callbacks, "callback waiting 待回调", "callbacks waiting 待回调"),
    )
    tiles = (link(to, join((el("b", f"{n:,}"), one if n == 1 else many))) for to, n, one, many in counts)
    return el("div", *tiles, class_="tiles")


def overview(view: View) -> Page:
    """Return what there is, what happened last, and how to connect."""
    start: Child = None
    if not view.state.staff:
        start = card(
            "Start 开始",
            el("p", "The corp is empty. Fill it, or add staff on their page."),
            button("populate", "Fill the corp: 12 staff, 300 customers 填充示例数据"),
        )
    deeds = card(
        "Have a customer come 新客户",
        el(
            "p", "They scan a code, or open a link: your program is told, and can welcome and tag them.", class_="empty"
        ),
        acts(scanning(view), opening(view)),
    )
    settings = [(name, el("code", text) if text else "") for name, text in view.box.settings().items()]
    connect = card(
        "How to connect 接入",
        facts(("base_url", el("code", f"http://{view.host}")), *settings, ("agent_id", el("code", view.box.agent_id))),
    )
    last = card("Just now 最近", happened(view.lines(), most=15), el("p", link("/log", "all of it →")))
    return "Overview 总览", join((_tiles(view), start, deeds, last, connect))


def log(view: View) -> Page:
    """Return what happened, newest first, of all kinds or of one."""
    kind = view.query.get("kind", "")
    chosen = [kind] if kind in KINDS else KINDS
    first = view.first
    found = list(view.lines(kinds=chosen, skip=first, most=_LOG + 1))
    kinds = (
        el("a", name or "all", href=f"/log?{urlencode({'kind': name})}" if name else "/log", class_="chip",
           aria_current="true" if name == kind else None)
        for name in ("", *KINDS)
    )  # fmt: skip
    ways = (
        el("a", "← newer", href=view.at(**{"from": str(max(first - _LOG, 0) or "")})) if first else None,
        el("a", "older →", href=view.at(**{"from": str(first + _LOG)})) if len(found) > _LOG else None,
    )
    return "Log 日志", join(
        (
            el("nav", *kinds, class_="kinds", aria_label="kinds"),
            card("Newest first", happened(found, most=_LOG), el("p", *ways, class_="pager")),
        )
    )


def faults(view: View) -> Page:
    """Return what shall go wrong, and the forms that plan it."""
    told: dict[str, str] = {kind: f"{kind}: {what}" for kind, (what, _, _) in _FAULTS.items()}
    add = form(
        "fault",
        choice("kind", told, "kind of fault"),
        entry("path", "path, such as mark_tag; empty: any"),
        entry("subject", "only calls that name this id"),
        el("label", "times, 0: always", entry("times", "times", kind="number", value="1", least=0)),
        el("label", "delay in seconds", entry("delay", "delay", kind="number", value="60", least=0, step="any")),
        tick("after", "once the call is carried out"),
        say="Have it happen 注入故障",
    )
    chance = form(
        "chance",
        el("label", entry("percent", "percent", kind="number", value="5", least=0, step="any"), "% of the calls"),
        entry("paths", "to these paths; empty: any"),
        el("span", *(tick("kinds", kind, kind) for kind in _FAULTS), class_="ticks"),
        say="Have them happen by chance 随机故障",
    )
    planned = (
        (
            el("b", fault.kind),
            fault.path or "any",
            fault.subject or "any",
            "—" if "callback" in fault.kind else "yes" if fault.changes else "no",
            f"{left:,}" if left else "always",
        )
        for fault, left in view.box.faults.planned()
    )
    random = (
        (f"{chance.rate * 100:g} %", ", ".join(chance.kinds), ", ".join(chance.paths) or "any")
        for chance in view.box.faults.by_chance()
    )
    rows = table(("fault", "path", "subject", "carried out", "times left"), planned, empty="Nothing is planned.")
    dice = table(("of the calls", "faults", "paths"), random, empty="Nothing goes wrong by chance.")
    guide = table(
        ("kind", "carried out?", "what is seen"),
        ((join((el("b", kind), el("span", f" {what}", class_="fine"))), done, seen)
         for kind, (what, done, seen) in _FAULTS.items()),
    )  # fmt: skip
    clear = button("clear_faults", "Clear everything 清除"), button("revoke_tokens", "End all tokens now 令牌失效")
    return "Faults 故障", join(
        (
            card("Planned 待发生", rows, acts(add)),
            card("By chance 随机", dice, acts(chance)),
            card("At once 立即", acts(*clear)),
            card("What they do 说明", guide),
        )
    )
