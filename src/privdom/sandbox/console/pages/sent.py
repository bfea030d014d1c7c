"""Mass messages (群发) and messages of the app (应用消息): who shall send what, and who got it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from privdom.sandbox.console.forms import button
from privdom.sandbox.console.html import Child, Html, el, join, table
from privdom.sandbox.console.links import ident, to, to_customer, to_group, to_staff
from privdom.sandbox.console.parts import Page, View, brief, card, chips, facts, listing, people, search, when
from privdom.sandbox.record import AppMessageEntry
from privdom.sandbox.state import Message, Recipient, SendTask


__all__ = ["app_messages", "message", "messages", "progress"]

_RECEIVED = {0: "not sent yet", 1: "received 已收到", 2: "no friend any more 非好友", 3: "over the cap 超上限"}
_GOT, _WAITS = 1, 0


def progress(done: int, of: int) -> Html:
    """Return how much of something is done."""
    bar = el("progress", value=str(done), max=str(max(of, 1)), aria_label="done")
    return el("span", bar, f" {done:,} of {of:,}", class_="when")


def messages(view: View) -> Page:
    """Return the list of mass messages, newest first."""

    def row(found: Message) -> tuple[Child, ...]:
        tasks = found.tasks.values()
        all_of_them = [recipient.status for task in tasks for recipient in task.recipients]
        return (
            to("messages", found.msgid, el("b", brief(found.text) or "(no text)")),
            "groups 客户群" if found.chat_type == "group" else "customers 客户",
            to_staff(view.state, found.creator) if found.creator else "API",
            when(found.created),
            "taken back 已撤回" if found.cancelled else progress(sum(t.status != _WAITS for t in tasks), len(tasks)),
            f"{all_of_them.count(_GOT):,} of {len(all_of_them):,}",
        )

    found = (m for m in reversed(view.state.messages.values()) if view.fits(m.text, m.msgid, *m.tasks))
    heads = ("text", "to", "by", "made", "confirmed 已确认", "received 已收到")
    empty = "No mass message yet: make one with messages.add."
    rows = listing(view, heads, found, row, empty=empty, numbers=("received 已收到",))
    return "Messages 群发", join((search(view, "text, msgid, userid 搜索"), rows))


def _tasks(view: View, found: Message) -> Html:
    def counts(task: SendTask) -> str:
        statuses = Counter(recipient.status for recipient in task.recipients)
        return ", ".join(f"{n:,} {_RECEIVED.get(status, status)}" for status, n in statuses.items())

    rows = (
        (
            to_staff(view.state, task.userid),
            join(("sent 已发送 ", when(task.sent))) if task.status else "has not confirmed 待确认",
            counts(task),
            button("confirm", "Confirm 确认发送", msgid=found.msgid, userid=task.userid)
            if task.status == _WAITS and not found.cancelled
            else "",
        )
        for task in found.tasks.values()
    )
    return table(("staff 成员", "state", "recipients", ""), rows, empty="Nobody has to send it.")


def message(view: View, msgid: str) -> Page:
    """Return the page of one mass message, with its tasks and recipients."""
    found = view.state.messages[msgid]
    grouped = found.chat_type == "group"

    def recipients() -> Iterator[tuple[SendTask, Recipient]]:
        return ((task, recipient) for task in found.tasks.values() for recipient in task.recipients)

    def row(pair: tuple[SendTask, Recipient]) -> tuple[Child, ...]:
        task, recipient = pair
        named = to_group if grouped else to_customer
        return (
            named(view.state, recipient.id),
            to_staff(view.state, task.userid),
            _RECEIVED.get(recipient.status, recipient.status),
            when(recipient.sent),
        )

    about = facts(
        ("msgid", el("code", msgid)),
        ("text", el("span", found.text, class_="said")),
        ("with", ", ".join(str(thing.get("msgtype")) for thing in found.attachments)),
        ("by", to_staff(view.state, found.creator) if found.creator else "API"),
        ("made", when(found.created)),
        ("state", "taken back 已撤回" if found.cancelled else "with the staff"),
    )
    heads = ("group 客户群" if grouped else "customer 客户", "from", "", "when")
    to_whom = listing(view, heads, recipients(), row, empty="To nobody.")
    return brief(found.text, 40) or "(no text)", join(
        (card("Message 群发", about), card("Tasks 任务", _tasks(view, found)), card("Recipients", to_whom))
    )


_FATES = {"stopped": "stopped as a repetition", "recalled": "taken back 已撤回", "updated": "card changed"}


def app_messages(view: View) -> Page:
    """Return what staff got from the app, newest first."""

    def row(entry: AppMessageEntry) -> tuple[Child, ...]:
        dropped = join(("not ", people(view, entry.dropped), ": too many")) if entry.dropped else ""
        return (
            el("span", brief(entry.content, 240), class_="said"),
            chips([entry.msgtype]),
            people(view, entry.staff),
            dropped or _FATES.get(entry.kind, ""),
            when(int(entry.at.timestamp())),
            ident(entry.msgid),
        )

    entries = reversed(view.world.record.app_messages)
    found = (entry for entry in entries if view.fits(entry.content, entry.msgid, entry.msgtype, *entry.staff))
    heads = ("content 内容", "kind", "staff who got it 成员", "", "when", "msgid")
    rows = listing(view, heads, found, row, empty="No message of the app yet: send one with app_messages.send.")
    return "App messages 应用消息", join((search(view, "content, userid, msgid 搜索"), rows))
