"""Figures on staff and groups, counted from what happened here, by days of UTC+8 (92132, 92133)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from privdom._facts import limits
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.codes import staff_of
from privdom.sandbox.state import Happening
from privdom.sandbox.world import Call, World


__all__ = ["by_day", "of_groups", "of_staff"]

_DAY = 86_400
_OFFSET = 8 * 3_600
_SENT = 1
_NAMES = (
    "new_chat_cnt",
    "chat_total",
    "chat_has_msg",
    "new_member_cnt",
    "member_total",
    "member_has_msg",
    "msg_total",
)
_ORDERS = ("new_chat_cnt", "chat_total", "new_member_cnt", "member_total")


def _midnight(moment: int) -> int:
    return (moment + _OFFSET) // _DAY * _DAY - _OFFSET


def _window(world: World, body: Fields, first: str, last: str, *, default_last: bool) -> tuple[int, int]:
    start = _midnight(body.integer(first, absent=40063))
    end = _midnight(body.integer(last, start, absent=None if default_last else 40063))
    oldest = _midnight(world.timestamp) - limits.STATISTICS_KEPT_DAYS * _DAY
    if not 0 <= end - start <= limits.STATISTICS_SPAN_DAYS * _DAY or start < oldest:
        raise WeComError(40058)
    return start, end


# Staff.


def of_staff(world: World, call: Call) -> dict[str, object]:
    """Answer get_user_behavior_data: one row for each day that is over, summed over everybody asked for."""
    body = call.body
    users = body.texts("userid", most=limits.STATISTICS_STAFF)
    parties = body.integers("partyid")
    if not users and not parties:
        raise WeComError(40063)
    if len(parties) > limits.STATISTICS_PARTIES:
        raise WeComError(40058)
    start, end = _window(world, body, "start_time", "end_time", default_last=False)
    known = [world.need_staff(userid).userid for userid in users]
    if any(party not in world.state.departments for party in parties):
        raise WeComError(60003)
    staff = set(staff_of(world, known, parties))
    # Figures are counted when a day is over. The page on groups says so, the one on staff is silent.
    end = min(end, _midnight(world.timestamp) - _DAY)
    happened = [h for h in _all(world) if h.who in staff and start <= h.at < end + _DAY]
    days: dict[int, list[Happening]] = defaultdict(list)
    for happening in happened:
        days[_midnight(happening.at)].append(happening)
    return {"behavior_data": [_staff_day(day, days[day]) for day in range(start, end + _DAY, _DAY)]}


def _all(world: World) -> list[Happening]:
    """Return what happened, in the order of time."""
    return sorted([*world.state.happened, *_mass_messages(world)], key=lambda happening: happening.at)


def _mass_messages(world: World) -> Iterator[Happening]:
    if not world.rules.mass_messages_counted:
        return
    for message in world.state.messages.values():
        for task in message.tasks.values():
            for recipient in task.recipients:
                if recipient.status == _SENT:
                    kind: Literal["wrote in group", "sent"] = (
                        "wrote in group" if message.chat_type == "group" else "sent"
                    )
                    yield Happening(recipient.sent, kind, task.userid, recipient.id)


def _staff_day(day: int, happened: list[Happening]) -> dict[str, object]:
    written = [h for h in happened if h.kind in ("staff wrote", "sent")]
    row: dict[str, object] = {
        "stat_time": day,
        "chat_cnt": len({(h.who, h.whom) for h in written}),
        "message_cnt": len(written),
        "negative_feedback_cnt": sum(h.kind == "left by customer" for h in happened),
        # Nobody here asks a customer to connect: customers come.
        "new_apply_cnt": 0,
        "new_contact_cnt": sum(h.kind == "added" for h in happened),
    }
    return {**row, **_replies(happened)}


def _replies(happened: list[Happening]) -> dict[str, object]:
    chats: dict[tuple[str, str], list[Happening]] = defaultdict(list)
    for h in happened:
        if h.kind in ("staff wrote", "customer wrote"):
            chats[h.who, h.whom].append(h)
    begun = [chat for chat in chats.values() if chat[0].kind == "customer wrote"]
    if not begun:
        return {}
    waits = [next((h.at - chat[0].at for h in chat if h.kind == "staff wrote"), None) for chat in begun]
    answered = [wait for wait in waits if wait is not None]
    share: dict[str, object] = {"reply_percentage": round(100 * len(answered) / len(begun), 2)}
    # Where nobody got an answer there is no time to tell.
    return {**share, "avg_reply_time": sum(answered) // len(answered) // 60} if answered else share


# Groups.

Figures = dict[str, int]


def _lives(world: World) -> list[list[Happening]]:
    groups: dict[str, list[Happening]] = {chat_id: [] for chat_id in world.state.groups}
    for happening in _all(world):
        if happening.whom in groups:
            groups[happening.whom].append(happening)
    return list(groups.values())


def _group(life: list[Happening], start: int, end: int) -> tuple[str, Figures] | None:
    """Return a group's owner at *end*, and its figures; None where it was not opened yet, or is dissolved."""
    opened, owner, joined, said = -1, "", 0, 0
    members: set[str] = set()
    writers: set[str] = set()
    for h in life:
        if h.at >= end:
            break
        if h.kind == "group opened":
            opened = h.at
        elif h.kind == "group owned":
            owner = h.who
        elif h.kind == "group dismissed":
            return None
        elif h.kind == "left":
            members.discard(h.who)
        elif h.kind == "wrote in group":
            writers.add(h.who)
            said += 1
        else:
            members.add(h.who)
            # In the sample of the documentation, two new groups have six members and none is new.
            joined += h.kind == "joined" and h.at >= start
    if opened < 0:
        return None
    return owner, {
        "new_chat_cnt": int(opened >= start),
        "chat_total": 1,
        "chat_has_msg": int(said > 0),
        "new_member_cnt": joined,
        "member_total": len(members),
        "member_has_msg": len(writers & members),
        "msg_total": said,
    }


def _by_owner(lives: list[list[Happening]], start: int, end: int) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for owner, figures in filter(None, (_group(life, start, end) for life in lives)):
        mine = found.setdefault(owner, dict.fromkeys(_NAMES, 0))
        for name, number in figures.items():
            mine[name] += number
    return found


def _owners(world: World, body: Fields) -> list[str]:
    chosen = body.child("owner_filter")
    userids = chosen.texts("userid_list", most=limits.GROUP_OWNERS) if chosen else []
    if not userids and len(world.state.staff) > limits.STATISTICS_UNFILTERED_STAFF:
        raise WeComError(81017)
    return list(dict.fromkeys(world.need_staff(userid).userid for userid in userids)) or list(world.state.staff)


def _days(world: World, body: Fields) -> tuple[int, int]:
    start, end = _window(world, body, "day_begin_time", "day_end_time", default_last=True)
    if end >= _midnight(world.timestamp):
        raise WeComError(40058)
    return start, end


def of_groups(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/statistic: owners with groups, what is new in the days and the totals on the last of them."""
    body = call.body
    start, end = _days(world, body)
    owners = _owners(world, body)
    order = _ORDERS[body.integer("order_by", 1, low=1, high=len(_ORDERS)) - 1]
    ascending = body.integer("order_asc", low=0, high=1) == 1
    offset = body.integer("offset", low=0)
    limit = body.integer("limit", limits.STATISTICS_PAGE_DEFAULT, low=1, high=limits.STATISTICS_PAGE)
    found = _by_owner(_lives(world), start, end + _DAY)
    listed = sorted((o for o in owners if o in found), key=lambda o: found[o][order], reverse=not ascending)
    items = [{"owner": owner, "data": found[owner]} for owner in listed[offset : offset + limit]]
    return {"total": len(listed), "next_offset": min(offset + limit, len(listed)), "items": items}


def by_day(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/statistic_group_by_day: one row a day, summed over all owners."""
    start, end = _days(world, call.body)
    owners, lives = set(_owners(world, call.body)), _lives(world)
    return {
        "items": [
            {"stat_time": day, "data": _sum(_by_owner(lives, day, day + _DAY), owners)}
            for day in range(start, end + _DAY, _DAY)
        ]
    }


def _sum(found: dict[str, Figures], owners: set[str]) -> Figures:
    return {name: sum(found[owner][name] for owner in owners & found.keys()) for name in _NAMES}
