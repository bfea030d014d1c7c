"""What people do in their clients and the console; unlike API calls, these acts fire callbacks."""

from __future__ import annotations

import hashlib

from collections.abc import Sequence
from typing import Final, Literal

import attrs

from privdom.sandbox import links, publishing, sending
from privdom.sandbox.chance import digest, pick
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers import codes, intercept_rules, products, tags
from privdom.sandbox.record import TagEntry
from privdom.sandbox.state import (
    AcquisitionLink,
    ContactWay,
    Customer,
    Follow,
    Group,
    Happening,
    LinkClick,
    LinkCustomer,
    Medium,
    Publication,
    Reaction,
    Tag,
    WebFile,
    WelcomeTicket,
)
from privdom.sandbox.world import World


__all__ = ["Opened", "Scanned"]

_WECHAT: Final = 1
_BY_SCAN: Final = 1
_BY_LINK: Final = 16
# Of AMR, a second.
_FRAMES: Final = 50


@attrs.frozen
class Scanned:
    """A customer who scanned a code; ``welcome_code`` is empty where the two were connected before."""

    external_userid: str
    staff_userid: str
    state: str
    welcome_code: str


@attrs.frozen
class Opened:
    """
    A customer who opened an acquisition link.

    ``staff_userid`` is empty where nobody took them: no uses were left, nobody
    had room, or they only looked. ``welcome_code`` is empty there too, and where
    the two were connected before.
    """

    external_userid: str
    staff_userid: str
    link_id: str
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


def way_of(world: World, config_id_or_state: str) -> ContactWay:
    """Return a code that exists and can be scanned."""
    way = world.state.way(config_id_or_state)
    if way is None:
        msg = f"no code has the config_id or state {config_id_or_state!r}"
        raise ValueError(msg)
    if not codes.open_to_scans(world, way):
        msg = "this temporary code was used or has expired"
        raise ValueError(msg)
    return way


def welcome_ticket(world: World, follow: Follow) -> str:
    """Return a new welcome code; for customers on WeChat only, and where the two have not chatted."""
    if world.state.customers[follow.external_userid].type != _WECHAT or follow.last_chat:
        return ""
    code = digest(world.seed, world.new_id("welcome", follow.userid, follow.external_userid))
    world.state.tickets[code] = WelcomeTicket(code, follow.userid, follow.external_userid, world.timestamp)
    return code


def _acquainted(world: World, customer: Customer, userids: list[str]) -> list[str]:
    """Return those who follow the customer, or else people of the same corp; all of them where nobody does."""
    corp = customer.corp_name
    colleagues = [c for c in world.state.customers.values() if c.corp_name == corp] if corp else []
    own = [userid for userid in userids if userid in customer.follows]
    return own or [userid for userid in userids if any(userid in c.follows for c in colleagues)] or userids


def scan(world: World, way: ContactWay, external_userid: str) -> Scanned:
    """Have a customer, who exists, scan a code."""
    state = world.state
    customer = state.customers[external_userid]
    if way.unionid and way.unionid != customer.unionid:
        msg = "this temporary code is for somebody else, whose unionid it names"
        raise ValueError(msg)
    behind = codes.staff_of(world, way.users, way.parties)
    room = [userid for userid in behind if userid in customer.follows or links.takes(world, userid)]
    if not room:
        msg = "all staff behind this code have left, may serve nobody, or have as many customers as they can take"
        raise ValueError(msg)
    if way.is_exclusive:
        room = _acquainted(world, customer, room)
    userid = room[pick(len(room), world.seed, "scan", way.config_id, external_userid)]
    follow = customer.follows.get(userid)
    if follow is not None and not follow.left_by_customer:
        return Scanned(external_userid, userid, way.state, "")
    way.used = True
    code = befriend(world, userid, external_userid, _BY_SCAN, way.state)
    if way.is_temp:
        codes.open_temp_chat(world, way, userid, external_userid)
    return Scanned(external_userid, userid, way.state, code)


def link_of(world: World, link_id_or_url: str) -> tuple[AcquisitionLink, str]:
    """Return a link that exists, and the channel in its address."""
    link, channel = links.find(world, link_id_or_url)
    if link is None:
        msg = f"there is no link {link_id_or_url!r}"
        raise ValueError(msg)
    return link, channel


def open_link(world: World, link: AcquisitionLink, external_userid: str, channel: str, *, adds: bool) -> Opened:
    """Have a customer, who exists, open a link, and add whom it shows."""
    state = world.state
    customer = state.customers[external_userid]
    state.link_clicks.append(LinkClick(link.link_id, external_userid, world.timestamp))
    marks = (("LinkId", link.link_id), ("State", channel))
    if customer.type == _WECHAT and world.rules.special_trade:
        links.report(world, "open_profile", *marks)
    links.watch(world)
    nobody = Opened(external_userid, "", link.link_id, channel, "")
    if not adds:
        return nobody
    friend = links.friend(world, link, customer)
    behind = [friend.userid] if friend else links.candidates(world, link, customer)
    if not behind:
        return nobody
    userid = behind[pick(len(behind), world.seed, "link", link.link_id, external_userid)]
    follow = customer.follows.get(userid)
    if follow is not None and not follow.left_by_customer:
        return attrs.evolve(nobody, staff_userid=userid)
    if not links.balance(world) and not world.rules.exhausted_links_add:
        return nobody
    if customer.type == _WECHAT:
        links.report(world, "friend_request", *marks)
    code = befriend(world, userid, external_userid, _BY_LINK, channel, link.link_id)
    key = (link.link_id, userid, external_userid)
    came = LinkCustomer(state.number(), link.link_id, userid, external_userid, channel, world.timestamp)
    state.link_customers.setdefault(key, came)
    links.spend(world)
    return attrs.evolve(nobody, staff_userid=userid, welcome_code=code)


def befriend(world: World, userid: str, external_userid: str, add_way: int, channel: str, link_id: str = "") -> str:
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
        last_chat=old.last_chat if old else 0,
        link_id=link_id,
    )
    state.connect(follow)
    state.happened.append(Happening(world.timestamp, "added", userid, external_userid))
    code = welcome_ticket(world, follow)
    more = [("State", channel)] if channel else []
    if code:
        more.append(("WelcomeCode", code))
    world.emit_contact("add_external_contact", follow, *more)
    links.watch(world)
    return code


def leave(world: World, follow: Follow) -> None:
    """Have the customer delete the staff: the relation stays, one-sided."""
    if follow.left_by_customer:
        msg = f"{follow.external_userid} has deleted {follow.userid} already"
        raise ValueError(msg)
    follow.left_by_customer = True
    world.state.happened.append(Happening(world.timestamp, "left by customer", follow.userid, follow.external_userid))
    world.emit_contact("del_follow_user", follow)
    if follow.link_id:
        pair = (("UserID", follow.userid), ("ExternalUserID", follow.external_userid))
        links.report(world, "del_follow_user", *pair, ("LinkId", follow.link_id), ("State", follow.state))


def resign(world: World, userid: str) -> None:
    """
    Have staff leave the corp.

    Apps of the corp hear nothing of it: change_contact goes to the contacts
    assistant only. Codes, links and groups keep naming who left.
    """
    world.state.resign(world.state.staff[userid], world.timestamp)
    links.watch(world)


def drop(world: World, follow: Follow) -> None:
    """Have the staff delete the customer."""
    world.state.disconnect(follow)
    world.emit_contact("del_external_contact", follow)
    links.watch(world)


def edit(world: World, follow: Follow, remark: str | None, add_tags: Sequence[str], remove_tags: Sequence[str]) -> None:
    """Have the staff change the remark or the tags in the client."""
    if not all(tags.usable(world, tag_of(world, tag), follow.userid) for tag in (*add_tags, *remove_tags)):
        msg = f"{follow.userid} is not in the range of the strategy that these tags belong to"
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


def write(world: World, follow: Follow, *, by_customer: bool) -> None:
    """Have one of the two write to the other."""
    follow.last_chat = world.timestamp
    kind: Literal["customer wrote", "staff wrote"] = "customer wrote" if by_customer else "staff wrote"
    world.state.happened.append(Happening(world.timestamp, kind, follow.userid, follow.external_userid))
    came = world.state.link_customers.get((follow.link_id, follow.userid, follow.external_userid))
    if by_customer and came is not None:
        links.write(world, came)


def tag_event(world: World, change_type: str, thing_id: str, kind: Literal["tag", "tag_group"]) -> None:
    """Fire a change_external_tag event."""
    world.emit("change_external_tag", change_type, [("Id", thing_id), ("TagType", kind)])


def add_tags(world: World, group_name: str, names: Sequence[str]) -> dict[str, str]:
    """Have an admin create tags; return name to id."""
    groups = tags.shelf(world, of_strategies=False).values()
    group = next((g for g in groups if g.name == group_name and not g.deleted), None)
    is_new = group is None
    if not names:
        msg = "there are no groups without tags: give at least one name"
        raise ValueError(msg)
    try:
        for name in (group_name, *names):
            tags.check_name(name, absent=40072)
        group, made = tags.add_tags(world, group, group_name, 0, dict.fromkeys(names, 0), by_app=False)
    except WeComError as e:
        raise ValueError(e.text) from e
    if is_new:
        tag_event(world, "create", group.id, "tag_group")
    for tag in made:
        tag_event(world, "create", tag.id, "tag")
    return {tag.name: tag.id for tag in made}


def rename_tag(world: World, tag_id: str, name: str) -> None:
    """Have an admin rename a tag."""
    tag = tag_of(world, tag_id)
    of_strategies = bool(world.state.tag_groups[tag.group_id].strategy_id)
    try:
        tags.rename(tag, name, tags.shelf(world, of_strategies=of_strategies))
    except WeComError as e:
        raise ValueError(e.text) from e
    tag_event(world, "update", tag_id, "tag")


def tag_of(world: World, tag_id: str) -> Tag:
    """Return a tag that exists."""
    tag = world.state.tags.get(tag_id)
    if tag is None or tag.deleted:
        msg = f"there is no tag {tag_id!r}"
        raise ValueError(msg)
    return tag


def add_product(world: World, description: str, price: int, pictures: Sequence[str], product_sn: str) -> str:
    """Have an admin add a product; return its id."""
    attachments = [{"type": "image", "image": {"media_id": media_id}} for media_id in pictures]
    body = {"description": description, "price": price, "product_sn": product_sn, "attachments": attachments}
    try:
        return products.create(world, Fields(body), by_app=False).id
    except WeComError as e:
        raise ValueError(e.text) from e


def add_intercept_rule(
    world: World,
    rule_name: str,
    words: Sequence[str],
    users: Sequence[str],
    departments: Sequence[int],
    *,
    blocks: bool,
) -> str:
    """Have an admin make an intercept rule; return its id."""
    body = {
        "rule_name": rule_name,
        "word_list": list(words),
        "intercept_type": 1 if blocks else 2,
        "applicable_range": {"user_list": list(users), "department_list": list(departments)},
    }
    try:
        return intercept_rules.create(world, Fields(body), by_app=False).id
    except WeComError as e:
        raise ValueError(e.text) from e


def group_event(world: World, group: Group, detail: str) -> None:
    """Fire the event of a change that is none of members."""
    world.emit("change_external_chat", "update", [("ChatId", group.chat_id), ("UpdateDetail", detail)])


def give_group(world: World, group: Group, userid: str) -> None:
    """Have the owner give the group to staff who are in it, and fire the event."""
    if userid not in group.members or userid == group.owner:
        msg = f"{userid} is not another member of the group"
        raise ValueError(msg)
    group.owner = userid
    world.state.happened.append(Happening(world.timestamp, "group owned", userid, group.chat_id))
    group_event(world, group, "change_owner")


def staff_sends(world: World, userid: str, text: str, external_userids: Sequence[str]) -> str:
    """Have staff send a mass message of their own; it counts towards the customers' caps. Return its msgid, empty where it was blocked."""
    targets, _ = sending.customers_of(world, userid, list(external_userids), [])
    if not targets:
        msg = f"{userid} follows none of them"
        raise ValueError(msg)
    if intercept_rules.blocks(world, userid, text):
        return ""
    return sending.create(world, "single", text, [], targets, [], creator=userid).msgid


def confirm(world: World, msgid: str, userid: str) -> None:
    """Have staff confirm their task."""
    message = world.state.messages.get(msgid)
    if message is None or userid not in message.tasks:
        msg = f"{userid} has no task of a message {msgid!r}"
        raise ValueError(msg)
    sending.confirm(world, message, userid)


def publish(world: World, moment_id: str, userid: str) -> None:
    """Have staff publish a moment of the corp."""
    moment = world.state.made_moments.get(moment_id)
    if moment is None or userid not in moment.publications:
        msg = f"{userid} has no task of a moment {moment_id!r}"
        raise ValueError(msg)
    publishing.publish(world, moment, userid)


def published(world: World, moment_id: str, userid: str) -> Publication:
    """Return a moment that this staff published."""
    moment = world.state.made_moments.get(moment_id)
    task = moment.publications.get(userid) if moment else None
    if task is None or not task.published:
        msg = f"{userid} has published no moment {moment_id!r}"
        raise ValueError(msg)
    return task


def seen(world: World, moment_id: str, userid: str, external_userid: str) -> Publication:
    """Return the same, if this customer can see it."""
    task = published(world, moment_id, userid)
    if external_userid not in task.seen_by:
        msg = f"{external_userid} cannot see the moment {moment_id!r} of {userid}"
        raise ValueError(msg)
    return task


def like(task: Publication, reaction: Reaction) -> None:
    """Add a like; nobody likes the same twice."""
    who = (reaction.external_userid, reaction.userid)
    if who not in {(other.external_userid, other.userid) for other in task.likes}:
        task.likes.append(reaction)


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
