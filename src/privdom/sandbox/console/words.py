"""How things that happened are told: in a sentence, and what a programmer wants to know besides."""

from __future__ import annotations

import json

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs

from privdom.sandbox.console.html import Child, Html, el, join, say
from privdom.sandbox.console.links import counted, ident, to, to_customer, to_group, to_link, to_person, to_staff
from privdom.sandbox.record import (
    AppMessageEntry,
    CallbackEntry,
    CallEntry,
    ConclusionEntry,
    DeliveryEntry,
    EventEntry,
    GroupTransferEntry,
    GroupWelcomeEntry,
    InterceptEntry,
    MessageEntry,
    MomentEntry,
    PublicationEntry,
    Record,
    ReminderEntry,
    TagEntry,
    TransferEntry,
    WelcomeEntry,
)
from privdom.sandbox.state import Follow, Happening, State


__all__ = ["ADD_WAYS", "Said", "Sending", "event_of"]

ADD_WAYS: Final = {
    0: "in an unknown way 未知",
    1: "scanned a code 扫码",
    2: "found by phone number 手机号",
    3: "from a card 名片",
    4: "from a group 群聊",
    5: "from a phone book 通讯录",
    6: "from WeChat contacts 微信联系人",
    13: "a WeChat friend on WeCom 微信好友",
    16: "opened a link 获客链接",
    201: "shared by staff 内部分享",
    202: "assigned by an admin 管理员分配",
}
_MOST: Final = 120


@attrs.frozen
class Said:
    """A sentence, and in small print what stands behind it."""

    what: Html
    fine: str = ""
    failed: bool = False


def _quoted(text: str) -> Html:
    if not text:
        return Html("(no text)")
    return el("q", _cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else text[:_MOST] + "…"


def _list(state: State, people: Iterable[str], most: int = 3) -> Html:
    found = list(people)
    names: list[Child] = [to_person(state, person) for person in found[:most]]
    return join([*names, f"{len(found) - most:,} more"] if len(found) > most else names, ", ") or Html("nobody")


def chat(entry: Happening, state: State, _: Record) -> Said:
    if entry.kind == "wrote in group":
        return Said(
            say("{who} wrote in the group {group}", who=to_person(state, entry.who), group=to_group(state, entry.whom))
        )
    pair = (to_staff(state, entry.who), to_customer(state, entry.whom))
    first, second = pair if entry.kind == "staff wrote" else reversed(pair)
    return Said(say("{first} wrote to {second}", first=first, second=second))


def call(entry: CallEntry, _: State, __: Record) -> Said:
    said = f"errcode {entry.errcode}" if entry.errcode else "ok" if entry.accepted else "not carried out"
    what = say("your program called {path}", path=el("code", entry.path.removeprefix("/cgi-bin/")))
    return Said(what, " · ".join(filter(None, [said, entry.fault])), failed=not entry.accepted or entry.errcode != 0)


def event_of(entry: CallbackEntry, record: Record) -> EventEntry | None:
    """Return the event that a callback told."""
    i = entry.number - 1
    found = record.events[i] if 0 <= i < len(record.events) else None
    return found if found is not None and found.number == entry.number else None


def callback(entry: CallbackEntry, _: State, __: Record) -> Said:
    name, lost = el("code", entry.change_type or entry.event), entry.outcome == "lost"
    tries = f" after {counted(entry.attempts, 'attempt')}" if entry.attempts != 1 else ""
    sentence = "your program was not told of {name}" if lost else "your program was told of {name}"
    return Said(say(sentence, name=name), f"#{entry.number} {entry.outcome}{tries}", failed=lost)


_EVENTS: Final = {
    "change_external_contact edit_external_contact": "{staff} edited {customer}",
    "change_external_contact del_external_contact": "{staff} deleted {customer}",
    "change_external_contact del_follow_user": "{customer} deleted {staff}",
    "change_external_contact transfer_fail": "{customer} did not go over to {staff}",
    "change_external_chat create": "the group {group} was opened",
    "change_external_chat dismiss": "the group {group} was dissolved",
    "change_external_chat change_name": "the group {group} has a new name",
    "change_external_chat change_notice": "the group {group} has a new notice",
    "change_external_chat change_owner": "the group {group} has a new owner",
    "change_external_chat add_member": "{members} joined the group {group}",
    "change_external_chat del_member": "{members} left the group {group}",
    "change_external_tag create": "an admin made {tag}",
    "change_external_tag update": "an admin changed {tag}",
    "change_external_tag delete": "an admin deleted {tag}",
    "customer_acquisition open_profile": "somebody opened the link {link}",
    "customer_acquisition friend_request": "somebody asked to be added by the link {link}",
    "customer_acquisition customer_start_chat": "{customer}, who came by the link {link}, wrote to {staff}",
    "customer_acquisition message_from_customer": "somebody who came by the link {link} wrote",
    "customer_acquisition del_follow_user": "{customer}, who came by the link {link}, deleted {staff}",
    "customer_acquisition link_unavailable": "nobody behind the link {link} can take a customer",
    "customer_acquisition delete_link": "an admin deleted the link {link}",
    "customer_acquisition balance_low": "few uses of acquisition links are left",
    "customer_acquisition balance_exhausted": "no uses of acquisition links are left",
    "customer_acquisition balance_increased": "an admin bought uses of acquisition links",
    "customer_acquisition quota_expire_soon": "uses of acquisition links expire soon",
    "upload_media_job_finish": "a file was fetched from its address, or could not be",
}
# What the sentences name already.
_NAMED: Final = frozenset({"UserID", "ExternalUserID", "ChatId", "LinkId", "UpdateDetail", "MemChangeList"})


def _came(entry: EventEntry, state: State, fields: dict[str, str]) -> str:
    """Return how a customer was added, as far as the relation still tells."""
    follow = state.follow(fields.get("UserID", ""), fields.get("ExternalUserID", ""))
    fresh: Follow | None = follow if follow and follow.created == int(entry.at.timestamp()) else None
    if fresh and fresh.link_id:
        return "{customer} opened the link {link} and added {staff}"
    if fresh and fresh.add_way == 1:
        return "{customer} scanned the code {state} and added {staff}"
    return "{customer} and {staff} are connected"


def _tag(state: State, thing: str) -> Html:
    found, kind = (state.tags.get(thing), "tag") if thing in state.tags else (state.tag_groups.get(thing), "tag group")
    return say("the {kind} {name}", kind=kind, name=el("b", found.name) if found else ident(thing))


def event(entry: EventEntry, state: State, _: Record) -> Said:
    fields = dict(entry.fields)
    name = entry.change_type or entry.event
    key = " ".join(filter(None, [entry.event, fields.get("UpdateDetail") or entry.change_type]))
    added = name == "add_external_contact"
    sentence = _came(entry, state, fields) if added else _EVENTS.get(key, "{name}")
    link_id = fields.get("LinkId", "")
    if added:
        follow = state.follow(fields.get("UserID", ""), fields.get("ExternalUserID", ""))
        link_id = follow.link_id if follow else ""
    what = say(
        sentence,
        name=name,
        staff=to_staff(state, fields.get("UserID", "")),
        customer=to_customer(state, fields.get("ExternalUserID", "")),
        group=to_group(state, fields.get("ChatId", "")),
        link=to_link(state, link_id),
        tag=_tag(state, fields.get("Id", "")),
        members=_list(state, fields.get("MemChangeList", "").split(",")),
        state=el("span", fields.get("State") or "without a state", class_="chip"),
    )
    named = _NAMED if sentence != "{name}" else frozenset[str]()
    return Said(what, " ".join([name, *(f"{k}={text}" for k, text in entry.fields if text and k not in named)]))


def tags(entry: TagEntry, state: State, _: Record) -> Said:
    def chips(ids: Iterable[str], sign: str) -> list[Html]:
        names = (state.tags[tag].name if tag in state.tags else tag for tag in ids)
        return [el("span", sign + name, class_="chip") for name in names]

    by = Html("your program") if entry.by_api else to_staff(state, entry.staff)
    changed = join([*chips(entry.added, "+"), *chips(entry.removed, "−")], " ")
    verb = "tagged" if entry.added else "untagged"
    customer = to_customer(state, entry.external_userid)
    return Said(
        say("{by} {verb} {customer} {changed}", by=by, verb=verb, customer=customer, changed=changed),
        f"by API, for {entry.staff}" if entry.by_api else "in the client",
    )


def welcome(entry: WelcomeEntry, state: State, _: Record) -> Said:
    what = say(
        "{staff} welcomed {customer}: {text}",
        staff=to_staff(state, entry.staff),
        customer=to_customer(state, entry.external_userid),
        text=_quoted(entry.text),
    )
    return Said(what, f"with {', '.join(entry.attachments)}" if entry.attachments else "send_welcome_msg")


def _hung(attachment: str) -> str:
    return f"with {next(iter(json.loads(attachment)))}" if attachment else ""


def group_welcome(entry: GroupWelcomeEntry, state: State, _: Record) -> Said:
    what = say(
        "{group} welcomed {customer}: {text}",
        group=to_group(state, entry.chat_id),
        customer=to_person(state, entry.external_userid),
        text=_quoted(entry.text),
    )
    return Said(what, _hung(entry.attachment))


def conclusion(entry: ConclusionEntry, state: State, _: Record) -> Said:
    what = say(
        "the chat of {customer} with {staff} ended: {text}",
        staff=to_staff(state, entry.staff),
        customer=to_customer(state, entry.external_userid),
        text=_quoted(entry.text),
    )
    return Said(what, _hung(entry.attachment))


def message(entry: MessageEntry, state: State, _: Record) -> Said:
    title = to("messages", entry.msgid, _cut(entry.text) or "(no text)")
    if entry.kind == "cancelled":
        return Said(say("the mass message {title} was taken back", title=title))
    receivers = counted(len(entry.recipients), "group" if entry.chat_type == "group" else "customer")
    what = say("{staff} shall send {title}", staff=_list(state, entry.senders), title=title)
    failed = f", {counted(len(entry.fail_list), 'other')} not possible" if entry.fail_list else ""
    return Said(what, f"to {receivers}{failed}")


def reminder(entry: ReminderEntry, state: State, _: Record) -> Said:
    title = to("messages", entry.msgid, "a mass message")
    return Said(say("{staff} were reminded of {title}", staff=_list(state, entry.staff), title=title))


@attrs.frozen
class Sending:
    """What one staff sent at once: one message, to some customers or groups."""

    deliveries: tuple[DeliveryEntry, ...]

    @property
    def at(self) -> datetime:
        """When."""
        return self.deliveries[0].at

    @property
    def msgid(self) -> str:
        """What was sent."""
        return self.deliveries[0].msgid

    @property
    def staff(self) -> str:
        """Who sent it."""
        return self.deliveries[0].staff

    @property
    def targets(self) -> tuple[str, ...]:
        """To whom."""
        return tuple(delivery.target for delivery in self.deliveries)


_GOT: Final = 1
_STATUS: Final = {2: "no friend any more", 3: "over the cap"}


def delivery(entry: Sending, state: State, _: Record) -> Said:
    first, many = entry.deliveries[0], len(entry.deliveries)
    statuses = Counter(delivery.status for delivery in entry.deliveries)
    thing = "group" if first.target in state.groups else "customer"
    target = to_group(state, first.target) if thing == "group" else to_customer(state, first.target)
    sentence = "{staff} sent to {many}: {title}"
    if many == 1:
        sentence = (
            "{target} got from {staff}: {title}"
            if first.status == _GOT
            else "{target} did not get from {staff}: {title}"
        )
    what = say(
        sentence,
        target=target,
        many=counted(many, thing),
        staff=to_staff(state, first.staff),
        title=to("messages", first.msgid, el("q", _cut(first.text)) if first.text else "(no text)"),
    )
    missed = {status: n for status, n in statuses.items() if status != _GOT}
    fine = ", ".join(f"{n:,} × {_STATUS[status]}" if many > 1 else _STATUS[status] for status, n in missed.items())
    return Said(what, fine, failed=bool(missed))


def moment(entry: MomentEntry, state: State, _: Record) -> Said:
    title = to("moments", entry.moment_id, _cut(entry.text) or "(no text)")
    return Said(say("{staff} shall publish the moment {title}", staff=_list(state, entry.senders), title=title))


def publication(entry: PublicationEntry, state: State, _: Record) -> Said:
    title = to("moments", entry.moment_id, _cut(entry.text) or "(no text)")
    seen = f"for {counted(len(entry.customers), 'customer')}, {len(entry.seen_by):,} can see it"
    return Said(say("{staff} published the moment {title}", staff=to_staff(state, entry.staff), title=title), seen)


_APP: Final = {
    "sent": "{staff} got from your program: {text}",
    "stopped": "a repetition was stopped: {text}",
    "recalled": "your program took back: {text}",
    "updated": "your program changed a card of {staff}: {text}",
}


def app_message(entry: AppMessageEntry, state: State, _: Record) -> Said:
    what = say(_APP[entry.kind], staff=_list(state, entry.staff), text=_quoted(entry.content))
    dropped = f" · too many for {counted(len(entry.dropped), 'staff', 'staff')}" if entry.dropped else ""
    return Said(what, entry.msgtype + dropped, failed=bool(entry.dropped))


def intercept(entry: InterceptEntry, state: State, _: Record) -> Said:
    sentence = "{staff} was kept from sending {text}" if entry.blocked else "{staff} was warned of {text}"
    rule = state.intercept_rules.get(entry.rule_id)
    found = ", ".join(
        [*entry.words, *({1: "a phone number", 2: "an e-mail address"}.get(k, "") for k in entry.semantics)]
    )
    what = say(sentence, staff=to_staff(state, entry.staff), text=_quoted(entry.text))
    return Said(what, f"{rule.name if rule else entry.rule_id}: {found}", failed=entry.blocked)


_TRANSFERS: Final = {
    "started": "{customer} shall go from {giver} to {taker}",
    "rejected": "{customer} cannot go from {giver} to {taker}",
    "succeeded": "{customer} went from {giver} to {taker}",
    "refused": "{customer} refused to go from {giver} to {taker}",
    "full": "{taker} has no room for {customer}, who stays with {giver}",
}


def transfer(entry: TransferEntry, state: State, _: Record) -> Said:
    what = say(
        _TRANSFERS[entry.outcome],
        customer=to_customer(state, entry.external_userid),
        giver=to_staff(state, entry.handover),
        taker=to_staff(state, entry.takeover),
    )
    fine = " · ".join(
        filter(None, [f"errcode {entry.errcode}" if entry.errcode else "", "resigned" if entry.resigned else ""])
    )
    return Said(what, fine, failed=entry.outcome in ("rejected", "refused", "full"))


def group_transfer(entry: GroupTransferEntry, state: State, _: Record) -> Said:
    what = say(
        "{group} stays with {giver}" if entry.errcode else "{group} went from {giver} to {taker}",
        group=to_group(state, entry.chat_id),
        giver=to_staff(state, entry.owner),
        taker=to_staff(state, entry.new_owner),
    )
    return Said(what, f"errcode {entry.errcode}" if entry.errcode else "", failed=bool(entry.errcode))
