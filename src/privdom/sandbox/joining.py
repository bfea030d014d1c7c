"""How people come into groups and leave them: invited, by a scan, through a join way (92229), and what greets them (92366)."""

from __future__ import annotations

import json

from collections.abc import Sequence
from typing import Final

import attrs

from privdom.sandbox.handlers.groups import seal_group
from privdom.sandbox.record import GroupWelcomeEntry
from privdom.sandbox.state import Group, GroupMember, Happening, JoinWay
from privdom.sandbox.world import World


__all__ = ["Joined", "choose_welcome", "join", "leave", "open_group", "scan"]

_STAFF, _EXTERNAL = 1, 2
_BY_STAFF, _SCANNED = 1, 3
# As groupchat/get has them: invited, invited by a link, scanned.
_JOIN_SCENES: Final = (_BY_STAFF, 2, _SCANNED)
# Left, was removed.
_QUIT_SCENES: Final = (0, 1)
_INVITED: Final = 0
"""What events say of everybody who did not scan a code."""
_NICKNAME: Final = "%NICKNAME%"


@attrs.frozen
class Joined:
    """A customer who scanned a join way, and the group of it that they are in."""

    external_userid: str
    chat_id: str
    state: str


def _kind(world: World, member_id: str) -> int:
    return _STAFF if member_id in world.state.staff else _EXTERNAL


def open_group(
    world: World,
    name: str,
    owner: str,
    *,
    chat_id: str | None = None,
    members: Sequence[str] = (),
    notice: str = "",
    when: int | None = None,
) -> Group:
    """Make a group in which *members* are from the start, and its owner."""
    chat_id = chat_id or world.new_id("wr", "group", name, owner)
    if chat_id in world.state.groups:
        msg = f"there is a group {chat_id} already"
        raise ValueError(msg)
    when = world.timestamp if when is None else when
    group = Group(world.state.number(), chat_id, name, owner, when, notice)
    happened = world.state.happened
    happened.append(Happening(when, "group opened", owner, chat_id))
    happened.append(Happening(when, "group owned", owner, chat_id))
    for member_id in dict.fromkeys((owner, *members)):
        group.members[member_id] = GroupMember(member_id, _kind(world, member_id), when, _BY_STAFF, owner)
        happened.append(Happening(when, "there", member_id, chat_id))
    seal_group(world, group)
    world.state.groups[chat_id] = group
    return group


def join(world: World, group: Group, ids: Sequence[str], *, scene: int, state: str = "") -> None:
    """Let those join who are not in the group yet; fire the event, and greet who is from outside."""
    if scene not in _JOIN_SCENES:
        msg = f"scene must be 1 (invited), 2 (by an invite link) or 3 (by the group's code), not {scene}"
        raise ValueError(msg)
    new = [member_id for member_id in dict.fromkeys(ids) if member_id not in group.members]
    if not new:
        return
    if len(group.members) + len(new) > world.rules.group_size:
        msg = f"the group is full: it has {len(group.members)} members, and can have {world.rules.group_size}"
        raise ValueError(msg)
    for member_id in new:
        kind, invitor = _kind(world, member_id), "" if scene == _SCANNED else group.owner
        group.members[member_id] = GroupMember(member_id, kind, world.timestamp, scene, invitor, state)
        world.state.happened.append(Happening(world.timestamp, "joined", member_id, group.chat_id))
    _tell(world, group, "add_member", ("JoinScene", scene if scene == _SCANNED else _INVITED), new)
    for member_id in new:
        _greet(world, group, group.members[member_id])


def leave(world: World, group: Group, ids: Sequence[str], *, scene: int) -> None:
    """Let people leave, and fire the event."""
    if scene not in _QUIT_SCENES:
        msg = f"scene must be 0 (by themselves) or 1 (removed), not {scene}"
        raise ValueError(msg)
    missing = [member_id for member_id in ids if member_id not in group.members]
    if missing:
        msg = f"{missing[0]} is not in the group"
        raise ValueError(msg)
    gone = list(dict.fromkeys(ids))
    if not gone:
        return
    for member_id in gone:
        del group.members[member_id]
        world.state.happened.append(Happening(world.timestamp, "left", member_id, group.chat_id))
    _tell(world, group, "del_member", ("QuitScene", scene), gone)


def _tell(world: World, group: Group, detail: str, scene: tuple[str, int], ids: list[str]) -> None:
    old, new = seal_group(world, group)
    fields: list[tuple[str, object]] = [
        ("ChatId", group.chat_id),
        ("UpdateDetail", detail),
        scene,
        ("MemChangeCnt", len(ids)),
        ("MemChangeList", ids),
        ("LastMemVer", old),
        ("CurMemVer", new),
    ]
    world.emit("change_external_chat", "update", fields)


# Group welcomes.


def choose_welcome(world: World, group: Group, template_id: str) -> None:
    """Have those who join greeted; with nothing, if *template_id* is empty."""
    if template_id and template_id not in world.state.group_welcomes:
        msg = f"there is no group welcome {template_id!r}"
        raise ValueError(msg)
    group.welcome = template_id


def _greet(world: World, group: Group, member: GroupMember) -> None:
    welcome = world.state.group_welcomes.get(group.welcome)
    if welcome is None or member.type == _STAFF:
        return
    customer = world.state.customers.get(member.id)
    text = welcome.text.replace(_NICKNAME, customer.name if customer else "")
    attachment = ""
    if welcome.attachment is not None:
        kind = str(welcome.attachment["msgtype"])
        attachment = json.dumps({kind: welcome.attachment[kind]}, ensure_ascii=False)
    entry = GroupWelcomeEntry(welcome.template_id, group.chat_id, member.id, text, attachment, world.now)
    world.record.group_welcomes.append(entry)


# Join ways.


def scan(world: World, config_id_or_state: str, external_userid: str) -> Joined:
    """
    Have a customer, who exists, scan a join way.

    Which of several groups takes them is documented nowhere: here the first that has room.
    """
    way = world.state.join_way(config_id_or_state)
    if way is None:
        msg = f"no join way has the config_id or state {config_id_or_state!r}"
        raise ValueError(msg)
    groups = [world.state.groups[chat_id] for chat_id in (*way.chat_ids, *way.rooms)]
    groups = [group for group in groups if not group.dismissed]
    there = next((group for group in groups if external_userid in group.members), None)
    roomy = (group for group in groups if len(group.members) < world.rules.group_size)
    group = there or next(roomy, None) or _open_room(world, way, groups)
    join(world, group, [external_userid], scene=_SCANNED, state=way.state)
    return Joined(external_userid, group.chat_id, way.state)


def _open_room(world: World, way: JoinWay, groups: list[Group]) -> Group:
    if not way.auto_create_room:
        msg = "all groups of this join way are full or dissolved"
        raise ValueError(msg)
    # Whose it is, and with which number they begin where none is given, is documented nowhere.
    owner = next((group.owner for group in groups if group.owner in world.state.staff), None)
    if owner is None:
        msg = "no owner is left who could have a new group for this join way"
        raise ValueError(msg)
    number = (1 if way.room_base_id is None else way.room_base_id) + len(way.rooms)
    group = open_group(world, f"{way.room_base_name}{number}" if way.room_base_name else "", owner)
    way.rooms.append(group.chat_id)
    world.emit("change_external_chat", "create", [("ChatId", group.chat_id)])
    return group
