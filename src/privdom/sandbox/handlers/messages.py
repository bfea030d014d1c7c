"""Mass messages and welcome messages (92135, 93338, 97610, 97611, 92137)."""

from __future__ import annotations

import json

from privdom._facts import limits
from privdom.sandbox import sending
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.media import check_sent
from privdom.sandbox.paging import Cursors, lenient_limit, page
from privdom.sandbox.record import MessageEntry, ReminderEntry, WelcomeEntry
from privdom.sandbox.state import Message
from privdom.sandbox.world import Call, World


__all__ = ["add", "attachment", "cancel", "listing", "remind", "results", "tasks", "welcome"]

_DAY = 86_400
_SENT = 1
_BOTH = 2
_TASK_SENT = 2
_PARTS = {
    "image": ("media_id", "pic_url"),
    "link": ("title", "picurl", "desc", "url"),
    "miniprogram": ("title", "pic_media_id", "appid", "page"),
    "video": ("media_id",),
    "file": ("media_id",),
}


def attachment(world: World, item: Fields) -> dict[str, object]:
    """Return what hangs on a message, as it is kept, checked."""
    kind = item.text("msgtype")
    inner = item.child(kind) if kind in _PARTS else None
    if inner is None:
        raise WeComError(41065)
    kept = {name: part for name in _PARTS[kind] if (part := inner.text(name))}
    if kind == "image":
        if not kept:
            raise WeComError(41006)
        if media_id := kept.get("media_id"):
            kept.pop("pic_url", None)
            check_sent(world, media_id, kind)
    elif kind == "link":
        inner.text("title", absent=41016, octets=limits.LINK_TITLE_BYTES)
        inner.text("url", absent=41010, octets=limits.LINK_URL_BYTES)
        inner.text("desc", octets=limits.LINK_DESC_BYTES)
        inner.text("picurl", octets=limits.LINK_URL_BYTES)
    elif kind == "miniprogram":
        inner.text("title", absent=41016, octets=limits.MINIPROGRAM_TITLE_BYTES)
        for name in ("pic_media_id", "appid", "page"):
            inner.text(name, absent=40063)
        check_sent(world, inner.text("pic_media_id"), "image")
    else:
        check_sent(world, inner.text("media_id", absent=41006), kind)
    return {"msgtype": kind, kind: kept}


def _content(world: World, body: Fields) -> tuple[str, list[dict[str, object]]]:
    said = body.child("text")
    text = said.text("content", octets=limits.MESSAGE_TEXT_BYTES) if said else ""
    items = body.children("attachments")
    if len(items) > limits.MESSAGE_ATTACHMENTS:
        raise WeComError(41064)
    if not text and not items:
        raise WeComError(40063)
    return text, [attachment(world, item) for item in items]


def _chat_type(body: Fields, *, absent: int | None = None) -> str:
    kind = body.text("chat_type", absent=absent) or "single"
    if kind not in ("single", "group"):
        raise WeComError(40058)
    return kind


def _tag_filter(world: World, body: Fields) -> list[list[str]]:
    chosen = body.child("tag_filter")
    groups = [
        group.texts("tag_list", most=limits.MESSAGE_TAGS_PER_GROUP)
        for group in (chosen.children("group_list") if chosen else [])
    ]
    if any(tag not in world.state.tags or world.state.tags[tag].deleted for group in groups for tag in group):
        raise WeComError(40068)
    return [group for group in groups if group]


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_msg_template: staff get tasks, nobody gets a message yet."""
    body = call.body
    chat_type = _chat_type(body)
    text, attachments = _content(world, body)
    sender = body.text("sender")
    if sender:
        sender = world.need_staff(sender, serving=True).userid
    if chat_type == "group":
        if not sender:
            raise WeComError(41009)
        asked = body.texts("chat_id_list", most=limits.MESSAGE_GROUPS)
        targets, fail_list = sending.groups_of(world, sender, asked)
    else:
        asked = body.texts("external_userid", most=limits.MESSAGE_CUSTOMERS)
        tags = [] if asked else _tag_filter(world, body)
        if not sender and not asked and not tags:
            raise WeComError(40063)
        targets, fail_list = sending.customers_of(world, sender, asked, tags)
    if not targets:
        raise WeComError(41048)
    message = sending.create(world, chat_type, text, attachments, targets, fail_list)
    return {"fail_list": fail_list, "msgid": message.msgid}


def _find(world: World, body: Fields) -> Message:
    message = world.state.messages.get(body.text("msgid", absent=41046))
    if message is None:
        raise WeComError(41047)
    return message


def _dispatching(world: World, message: Message) -> bool:
    return world.timestamp < message.created + world.rules.dispatch_time.total_seconds()


def _ready(world: World, body: Fields) -> Message:
    message = _find(world, body)
    if _dispatching(world, message):
        raise WeComError(41063)
    if message.cancelled and world.rules.cancelled_tasks_hidden:
        raise WeComError(41093)
    return message


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer get_groupmsg_list_v2; tasks made by API have no creator."""
    body = call.body
    chat_type = _chat_type(body, absent=40063)
    start, end = body.integer("start_time", absent=40063), body.integer("end_time", absent=40063)
    if not 0 <= end - start <= limits.MESSAGE_LIST_DAYS * _DAY:
        raise WeComError(40058)
    kind = body.integer("filter_type", _BOTH, low=0, high=_BOTH)
    creator = body.text("creator")
    limit = lenient_limit(body, limits.MESSAGE_LIST_PAGE_DEFAULT, limits.MESSAGE_LIST_PAGE)
    cursors = Cursors(world.seed, call.path, chat_type, start, end, kind, creator)
    lag = world.rules.list_lag.total_seconds()
    wanted = [
        message
        for message in world.state.messages.values()
        if message.chat_type == chat_type
        and start <= message.created <= end
        and message.created + lag <= world.timestamp
        and kind in (_BOTH, message.create_type)
        and (not creator or message.creator == creator)
    ]
    errcode = world.rules.list_while_dispatching_errcode
    if errcode and any(_dispatching(world, message) for message in wanted):
        raise WeComError(errcode)
    found, following = page(((message.number, message) for message in wanted), limit, cursors, body.text("cursor"))
    return {"next_cursor": following, "group_msg_list": [_shown(message) for message in found]}


def _shown(message: Message) -> dict[str, object]:
    row: dict[str, object] = {"msgid": message.msgid}
    if message.creator:
        row["creator"] = message.creator
    row |= {"create_time": message.created, "create_type": message.create_type}
    if message.text:
        row["text"] = {"content": message.text}
    return {**row, "attachments": message.attachments}


def tasks(world: World, call: Call) -> dict[str, object]:
    """Answer get_groupmsg_task."""
    message = _ready(world, call.body)
    cursors = Cursors(world.seed, call.path, message.msgid)
    limit = lenient_limit(call.body, limits.MESSAGE_RECORD_PAGE_DEFAULT, limits.MESSAGE_RECORD_PAGE)
    found, following = page(
        ((task.number, task) for task in message.tasks.values()), limit, cursors, call.body.text("cursor")
    )
    rows = [
        {"userid": task.userid, "status": task.status, **({"send_time": task.sent} if task.sent else {})}
        for task in found
    ]
    return {"next_cursor": following, "task_list": rows}


def results(world: World, call: Call) -> dict[str, object]:
    """Answer get_groupmsg_send_result; groups show only once they were sent to."""
    message = _ready(world, call.body)
    staff = world.need_staff(call.body.text("userid"))
    cursors = Cursors(world.seed, call.path, message.msgid, staff.userid)
    limit = lenient_limit(call.body, limits.MESSAGE_RECORD_PAGE_DEFAULT, limits.MESSAGE_RECORD_PAGE)
    task = message.tasks.get(staff.userid)
    to_group = message.chat_type == "group"
    recipients = (
        (i, recipient)
        for i, recipient in enumerate(task.recipients if task else [], 1)
        if recipient.status or not to_group
    )
    found, following = page(recipients, limit, cursors, call.body.text("cursor"))
    name = "chat_id" if to_group else "external_userid"
    rows = [
        {name: r.id, "userid": staff.userid, "status": r.status, **({"send_time": r.sent} if r.status == _SENT else {})}
        for r in found
    ]
    return {"next_cursor": following, "send_list": rows}


def remind(world: World, call: Call) -> dict[str, object]:
    """Answer remind_groupmsg_send: whoever has not sent it yet hears of it again."""
    message = _find(world, call.body)
    if message.cancelled:
        raise WeComError(41093)
    since = world.timestamp - limits.REMINDER_HOURS * 3_600
    if sum(when > since for when in message.reminded) >= limits.REMINDERS_PER_MESSAGE:
        raise WeComError(41094)
    message.reminded.append(world.timestamp)
    waiting = tuple(task.userid for task in message.tasks.values() if task.status != _TASK_SENT)
    world.record.reminders.append(ReminderEntry(message.msgid, waiting, world.now))
    return {}


def cancel(world: World, call: Call) -> dict[str, object]:
    """Answer cancel_groupmsg_send; what was sent stays sent."""
    message = _find(world, call.body)
    if message.cancelled and world.rules.second_cancel_errcode:
        raise WeComError(world.rules.second_cancel_errcode)
    if not message.cancelled:
        message.cancelled = True
        world.record.messages.append(
            MessageEntry(
                message.msgid, world.now, "cancelled", message.chat_type, message.text, tuple(message.tasks), ()
            )
        )
    return {}


def welcome(world: World, call: Call) -> dict[str, object]:
    """Answer send_welcome_msg: within 20 virtual seconds, once."""
    body = call.body
    code = body.text("welcome_code", absent=41049)
    text, attachments = _content(world, body)
    ticket = world.state.tickets.get(code)
    if ticket is None or world.timestamp > ticket.created + limits.WELCOME_SECONDS:
        raise WeComError(41050)
    follow = world.state.follow(ticket.userid, ticket.external_userid)
    if ticket.used or (follow is not None and follow.last_chat):
        raise WeComError(41051)
    ticket.used = True
    shown = tuple(json.dumps(item, ensure_ascii=False) for item in attachments)
    world.record.welcomes.append(WelcomeEntry(code, ticket.userid, ticket.external_userid, text, shown, world.now))
    return {}
