"""What people do in their clients and the console; unlike API calls, these acts fire callbacks."""

from __future__ import annotations

import hashlib

from collections.abc import Sequence
from typing import Final, Literal

import attrs

from privdom.sandbox import sending
from privdom.sandbox.chance import digest, pick
from privdom.sandbox.handlers import codes, tags
from privdom.sandbox.handlers.groups import seal_group
from privdom.sandbox.record import TagEntry
from privdom.sandbox.state import ContactWay, Follow, Group, GroupMember, Medium, Tag, WebFile, WelcomeTicket
from privdom.sandbox.world import World


__all__ = ["Scanned"]

_WECHAT: Final = 1
_BY_SCAN: Final = 1
# Of AMR, a second.
_FRAMES: Final = 50
STAFF, EXTERNAL = 1, 2


@attrs.frozen
class Scanned:
    """A customer who scanned a code; ``welcome_code`` is empty where the two were connected before."""

    external_userid: str
    staff_userid: str
    state: str
    welcome_code: str


def known(world: World, userid: str) -> str:
    """Return the userid of staff who exist."""
    staff = world.state.member(userid)
    if staff is None:
        msg = f"no staff has the userid {userid!r}: add them with add_staff"
        raise ValueError(msg)
    return staff.userid


def relation(world: World, userid: str, external_userid: str) -> Follow:
    """Return a relation that exists."""
    follow = world.state.follow(known(world, userid), external_userid)
    if follow is None:
        msg = f"{userid} does not follow {external_userid}"
        raise ValueError(msg)
    return follow


def group_of(world: World, chat_id: str) -> Group:
    """Return a group that exists."""
    group = world.state.groups.get(chat_id)
    if group is None or group.dismissed:
        msg = f"there is no group {chat_id!r}"
        raise ValueError(msg)
    return group


def _way(world: World, config_id_or_state: str) -> ContactWay:
    ways = world.state.ways
    way = ways.get(config_id_or_state) or next((w for w in ways.values() if w.state == config_id_or_state), None)
    if way is None:
        msg = f"no code has the config_id or state {config_id_or_state!r}"
        raise ValueError(msg)
    if not codes.open_to_scans(world, way):
        msg = "this temporary code was used or has expired"
        raise ValueError(msg)
    return way


def welcome_ticket(world: World, follow: Follow) -> str:
    """Return a new welcome code; for customers on WeChat only."""
    if world.state.customers[follow.external_userid].type != _WECHAT:
        return ""
    code = digest(world.seed, world.new_id("welcome", follow.userid, follow.external_userid))
    world.state.tickets[code] = WelcomeTicket(code, follow.userid, follow.external_userid, world.timestamp)
    return code


def scan(world: World, config_id_or_state: str, external_userid: str) -> Scanned:
    """Have a customer, who exists, scan a code."""
    way = _way(world, config_id_or_state)
    state = world.state
    behind = codes.staff_of(world, way.users, way.parties)
    follows = state.customers[external_userid].follows
    if way.is_exclusive and any(userid in follows for userid in behind):
        behind = [userid for userid in behind if userid in follows]
    room = [userid for userid in behind if userid in follows or not state.full(state.staff[userid])]
    if not room:
        msg = "all staff behind this code have as many customers as they can take"
        raise ValueError(msg)
    userid = room[pick(len(room), world.seed, "scan", way.config_id, external_userid)]
    way.used = True
    follow = follows.get(userid)
    if follow is not None and not follow.left_by_customer:
        return Scanned(external_userid, userid, way.state, "")
    return Scanned(external_userid, userid, way.state, befriend(world, userid, external_userid, _BY_SCAN, way.state))


def befriend(world: World, userid: str, external_userid: str, add_way: int, channel: str) -> str:
    """Connect two, or reconnect them; fire the event and return its welcome code."""
    state = world.state
    old = state.follow(userid, external_userid)
    if old is not None:
        state.disconnect(old)
    follow = Follow(
        state.number(),
        userid,
        external_userid,
        world.timestamp,
        add_way,
        channel,
        external_userid,
        remark=state.customers[external_userid].name,
    )
    state.connect(follow)
    code = welcome_ticket(world, follow)
    more = [("State", channel)] if channel else []
    if code:
        more.append(("WelcomeCode", code))
    world.emit_contact("add_external_contact", follow, *more)
    return code


def leave(world: World, follow: Follow) -> None:
    """Have the customer delete the staff: the relation stays, one-sided."""
    follow.left_by_customer = True
    world.emit_contact("del_follow_user", follow)


def drop(world: World, follow: Follow) -> None:
    """Have the staff delete the customer."""
    world.state.disconnect(follow)
    world.emit_contact("del_external_contact", follow)


def edit(world: World, follow: Follow, remark: str | None, add_tags: Sequence[str], remove_tags: Sequence[str]) -> None:
    """Have the staff change the remark or the tags in the client."""
    unknown = [tag for tag in (*add_tags, *remove_tags) if tag not in world.state.tags]
    if unknown:
        msg = f"there are no tags {unknown}"
        raise ValueError(msg)
    if remark is not None:
        follow.remark = remark
    new = tuple(tag for tag in add_tags if tag not in follow.tags)
    gone = tuple(tag for tag in remove_tags if tag in follow.tags)
    follow.tags = {tag: None for tag in (*follow.tags, *new) if tag not in gone}
    if new or gone:
        entry = TagEntry(follow.userid, follow.external_userid, new, gone, by_api=False, at=world.now)
        world.record.tag_changes.append(entry)
    world.emit_contact("edit_external_contact", follow)


def tag_event(world: World, change_type: str, thing_id: str, kind: Literal["tag", "tag_group"]) -> None:
    """Fire a change_external_tag event."""
    world.emit("change_external_tag", change_type, [("Id", thing_id), ("TagType", kind)])


def add_tags(world: World, group_name: str, names: Sequence[str]) -> dict[str, str]:
    """Have an admin create tags; return name to id."""
    groups = world.state.tag_groups.values()
    group = next((g for g in groups if g.name == group_name and not g.deleted), None)
    is_new = group is None
    group, made = tags.add_tags(world, group, group_name, 0, dict.fromkeys(names, 0), by_app=False)
    if is_new:
        tag_event(world, "create", group.id, "tag_group")
    for tag in made:
        tag_event(world, "create", tag.id, "tag")
    return {tag.name: tag.id for tag in made}


def tag_of(world: World, tag_id: str) -> Tag:
    """Return a tag that exists."""
    tag = world.state.tags.get(tag_id)
    if tag is None or tag.deleted:
        msg = f"there is no tag {tag_id!r}"
        raise ValueError(msg)
    return tag


def change_members(world: World, group: Group, ids: Sequence[str], *, joined: bool, scene: int) -> None:
    """Let people join or leave, and fire the event."""
    for member_id in ids:
        if joined:
            kind = STAFF if member_id in world.state.staff else EXTERNAL
            group.members[member_id] = GroupMember(member_id, kind, world.timestamp, scene)
        elif group.members.pop(member_id, None) is None:
            msg = f"{member_id} is not in the group"
            raise ValueError(msg)
    old, new = seal_group(world, group)
    world.emit(
        "change_external_chat",
        "update",
        [
            ("ChatId", group.chat_id),
            ("UpdateDetail", "add_member" if joined else "del_member"),
            ("JoinScene" if joined else "QuitScene", scene if joined else 0),
            ("MemChangeCnt", len(ids)),
            ("MemChangeList", list(ids)),
            ("LastMemVer", old),
            ("CurMemVer", new),
        ],
    )


def staff_sends(world: World, userid: str, text: str, external_userids: Sequence[str]) -> str:
    """Have staff send a mass message of their own; it counts towards the customers' caps. Return its msgid."""
    targets, _ = sending.customers_of(world, userid, list(external_userids), [])
    if not targets:
        msg = f"{userid} follows none of them"
        raise ValueError(msg)
    return sending.create(world, "single", text, [], targets, [], creator=userid).msgid


def confirm(world: World, msgid: str, userid: str) -> None:
    """Have staff confirm their task."""
    message = world.state.messages.get(msgid)
    if message is None or userid not in message.tasks:
        msg = f"{userid} has no task of a message {msgid!r}"
        raise ValueError(msg)
    sending.confirm(world, message, userid)


def record_voice(world: World, userid: str, seconds: int) -> str:
    """Have staff record a voice in a page; WeCom keeps it in two forms."""
    voice = bytes.fromhex(digest(world.seed, "voice", userid, seconds, world.timestamp))
    media_id = world.new_id("3", "voice", userid, seconds, world.timestamp)
    amr = b"#!AMR\n" + (b"\x3c" + voice * 2)[:32] * _FRAMES * seconds
    speex = b"Speex   " + voice * _FRAMES * 4 * seconds
    name = f"{media_id[:8]}.amr"
    world.state.media[media_id] = Medium(media_id, "voice", "jssdk", name, amr, world.timestamp, speex)
    return media_id


def put_on_web(world: World, url: str, size: int, *, ranges: bool) -> str:
    """Put a file on a server, and return its MD5."""
    # No multiple of 16 bytes, so that parts of it differ.
    seed = b"-" + b"".join(bytes.fromhex(digest(world.seed, "web", url, i)) for i in range(64))
    file = WebFile(seed, size, "", ranges)
    md5 = hashlib.md5(file.content(), usedforsecurity=False).hexdigest()
    world.state.web[url] = attrs.evolve(file, md5=md5)
    return md5
