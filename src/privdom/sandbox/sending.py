"""How a mass message reaches people: who sends to whom, when staff confirm, and what the caps let through."""

from __future__ import annotations

import calendar
import json

from datetime import timedelta
from typing import Final

import attrs

from privdom.sandbox.chance import digest, fraction
from privdom.sandbox.clock import CHINA
from privdom.sandbox.record import DeliveryEntry, MessageEntry
from privdom.sandbox.state import Customer, Follow, Message, Recipient, SendTask
from privdom.sandbox.world import World


__all__ = ["Confirmation", "confirm", "confirm_delay", "create", "customers_of", "groups_of"]

Targets = dict[str, list[str]]

_CORP: Final = 0
_SENT, _NO_FRIEND, _OVER_CAP = 1, 2, 3
_TASK_SENT = 2
_A_WEEK, _A_DAY = 7, 1


def groups_of(world: World, sender: str, chat_ids: list[str]) -> tuple[Targets, list[str]]:
    """Return the groups that *sender* owns, of *chat_ids* or all, and those that cannot be sent to."""
    groups = world.state.groups
    asked = dict.fromkeys(chat_ids) or [group.chat_id for group in groups.values() if group.owner == sender]
    mine = [chat_id for chat_id in asked if chat_id in groups and groups[chat_id].owner == sender]
    mine = [chat_id for chat_id in mine if not groups[chat_id].dismissed]
    reached = set(mine)
    fail_list = [chat_id for chat_id in dict.fromkeys(chat_ids) if chat_id not in reached]
    return ({sender: mine} if mine else {}), fail_list


def _wears(follow: Follow, tags: list[list[str]]) -> bool:
    return all(any(tag in follow.tags for tag in group) for group in tags)


def _speaker(customer: Customer) -> Follow:
    # Who chatted last; with no chat, the newest relation.
    return max(customer.follows.values(), key=lambda follow: (follow.last_chat, follow.number))


def customers_of(
    world: World, sender: str, external_userids: list[str], tags: list[list[str]]
) -> tuple[Targets, list[str]]:
    """Return who of the staff sends to which customers, and the customers that cannot be sent to."""
    state = world.state
    fail_list: list[str] = []
    targets: Targets = {}
    if external_userids:
        for external_userid in dict.fromkeys(external_userids):
            customer = state.customers.get(external_userid)
            if customer is None or not customer.follows or (sender and sender not in customer.follows):
                fail_list.append(external_userid)
                continue
            userid = sender or _speaker(customer).userid
            targets.setdefault(userid, []).append(external_userid)
    elif sender:
        mine = [follow.external_userid for follow in state.follows_of(sender).values() if _wears(follow, tags)]
        if mine:
            targets[sender] = mine
    else:
        for customer in state.customers.values():
            if any(_wears(follow, tags) for follow in customer.follows.values()):
                targets.setdefault(_speaker(customer).userid, []).append(customer.external_userid)
    return targets, fail_list


def create(
    world: World,
    chat_type: str,
    text: str,
    attachments: list[dict[str, object]],
    targets: Targets,
    fail_list: list[str],
    *,
    creator: str = "",
) -> Message:
    """Create a message and hand each sender a task; with a *creator* it is the staff's own and goes out at once."""
    state = world.state
    content = digest(world.seed, text, json.dumps(attachments, sort_keys=True, ensure_ascii=False))
    tasks = {
        userid: SendTask(state.number(), userid, [Recipient(target) for target in ids])
        for userid, ids in targets.items()
    }
    msgid = world.new_id("msg", content, *sorted(targets))
    message = Message(
        state.number(), msgid, chat_type, text, attachments, world.timestamp, 1 if creator else _CORP, creator, tasks
    )
    state.messages[msgid] = message
    recipients = tuple(target for ids in targets.values() for target in ids)
    world.record.messages.append(
        MessageEntry(msgid, world.now, "created", chat_type, text, tuple(targets), recipients, tuple(fail_list))
    )
    for userid in targets:
        if creator:
            confirm(world, message, userid)
        else:
            _book(world, message, userid, content)
    return message


def confirm_delay(world: World, userid: str, content: str) -> timedelta | None:
    """Return how long staff take to do what they are asked to do with *content*; None: they never do it."""
    delay = world.state.staff[userid].confirm_delay
    rules = world.rules
    if delay == "never" or (
        delay is None and fraction(world.seed, "never confirms", userid, content) < rules.never_confirm_rate
    ):
        return None
    if delay is None:
        spread = max(rules.confirm_within - rules.confirm_after, timedelta(0))
        delay = rules.confirm_after + spread * fraction(world.seed, "confirms", userid, content)
        delay = timedelta(seconds=int(delay.total_seconds()))
    return delay


@attrs.frozen
class Confirmation:
    """Staff who get round to a task."""

    message: Message
    userid: str

    def run(self, world: World) -> None:
        """Have them confirm it."""
        confirm(world, self.message, self.userid)


def _book(world: World, message: Message, userid: str, content: str) -> None:
    delay = confirm_delay(world, userid, content)
    if delay is None:
        return
    key = f"2:confirm:{userid}:{message.msgid}"
    world.agenda.book(world.now + delay, key, Confirmation(message, userid))


def _period(world: World) -> tuple[str, int]:
    today = world.now.astimezone(CHINA).date()
    if world.rules.receive_cap == "day":
        return f"day {today}", _A_DAY
    if world.rules.receive_cap == "week":
        year, week, _ = today.isocalendar()
        return f"week {year}-{week}", _A_WEEK
    return f"month {today:%Y-%m}", calendar.monthrange(today.year, today.month)[1]


def _deliver(world: World, message: Message, userid: str, target: str) -> int:
    if message.chat_type == "group":
        group = world.state.groups[target]
        if group.dismissed or group.owner != userid:
            return _NO_FRIEND
    else:
        follow = world.state.follow(userid, target)
        if follow is None or follow.left_by_customer:
            return _NO_FRIEND
    period, most = _period(world)
    if world.rules.receive_cap_number is not None:
        most = world.rules.receive_cap_number
    received = world.state.received.get((target, period), 0)
    if received >= most:
        return _OVER_CAP
    world.state.received[target, period] = received + 1
    return _SENT


def confirm(world: World, message: Message, userid: str) -> None:
    """Have staff confirm their task: everybody in it gets the message now, or never will."""
    task = message.tasks[userid]
    if message.cancelled or task.status == _TASK_SENT or userid not in world.state.staff:
        return
    task.status, task.sent = _TASK_SENT, world.timestamp
    for recipient in task.recipients:
        recipient.status = _deliver(world, message, userid, recipient.id)
        if recipient.status == _SENT:
            recipient.sent = world.timestamp
        world.record.deliveries.append(
            DeliveryEntry(message.msgid, message.text, userid, recipient.id, recipient.status, world.now)
        )
