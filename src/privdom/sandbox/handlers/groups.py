"""Customer groups (92120, 92122, 94822, 95703, 92127)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.record import GroupTransferEntry
from privdom.sandbox.state import Group, GroupMember, Happening
from privdom.sandbox.world import Call, World


__all__ = ["GroupTransferEnd", "get", "listing", "of_opengid", "seal_group", "transfer", "transfer_resigned"]

_DAY = 86_400
_STATUSES = 3
_STAFF = 1
_BY_STAFF = 1
_ALL, _OWNED, _ORPHANED, _INHERITING, _INHERITED = 0, 0, 1, 2, 3


def seal_group(world: World, group: Group) -> tuple[str, str]:
    """Give the member list of *group* a new version; return the old and the new one."""
    old = group.version
    group.version = digest(world.seed, "members", group.chat_id, old, *group.members)
    for member in group.members.values():
        if member.type != _STAFF:
            world.state.note_served(member.id, chat_id=group.chat_id, at=member.joined)
    return old, group.version


def _resigned(world: World, userid: str) -> bool:
    return userid not in world.state.staff


def _status(world: World, group: Group) -> int:
    if _resigned(world, group.owner):
        return _INHERITING if group.heir else _ORPHANED
    return _INHERITED if group.inherited else _OWNED


def _owners(world: World, userid: str) -> set[str]:
    # Whoever resigned is known by the groups they left behind.
    owning = {group.owner for group in world.state.groups.values() if group.owner.lower() == userid.lower()}
    return owning or {world.need_staff(userid).userid}


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/list; groups of owners who resigned come only where the owner is named."""
    body = call.body
    status = body.integer("status_filter", low=0, high=_STATUSES)
    limit = body.integer("limit", absent=40058, low=1, high=limits.GROUP_PAGE)
    chosen = body.child("owner_filter")
    userids = chosen.texts("userid_list", most=limits.GROUP_OWNERS) if chosen else []
    if not userids and len(world.state.staff) > limits.GROUPS_UNFILTERED_STAFF:
        raise WeComError(81017)
    owners = {owner for userid in userids for owner in _owners(world, userid)}
    cursors = Cursors(world.seed, call.path, status, *sorted(owners))
    groups = (
        (group.number, {"chat_id": group.chat_id, "status": _status(world, group)})
        for group in world.state.groups.values()
        if not group.dismissed
        and status in (_ALL, _status(world, group))
        and (group.owner in owners if owners else not _resigned(world, group.owner))
    )
    found, following = page(groups, limit, cursors, body.text("cursor"))
    return {"group_chat_list": found, "next_cursor": following}


def _member(world: World, member: GroupMember, *, named: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "userid": member.id,
        "type": member.type,
        "join_time": member.joined,
        "join_scene": member.scene,
        "group_nickname": "",
    }
    if member.invitor:
        row["invitor"] = {"userid": member.invitor}
    if member.state:
        row["state"] = member.state
    customer = world.state.customers.get(member.id)
    if customer is not None and customer.unionid:
        row["unionid"] = customer.unionid
    if named:
        known = world.state.staff.get(member.id) or world.state.former.get(member.id)
        staff = known if member.type == _STAFF else None
        row["name"] = staff.name if staff else customer.name if customer else ""
    return row


def _shown(world: World, group: Group, *, named: bool) -> dict[str, object]:
    return {
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": group.owner,
        "create_time": group.created,
        "notice": group.notice,
        "member_list": [_member(world, member, named=named) for member in group.members.values()],
        "admin_list": [{"userid": userid} for userid in group.admins],
        "member_version": group.version,
    }


def get(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/get."""
    group = world.state.groups.get(call.body.text("chat_id", absent=86201))
    if group is None:
        raise WeComError(40050)
    if group.dismissed:
        raise WeComError(49008)
    return {"group_chat": _shown(world, group, named=call.body.flag("need_name", default=False))}


def of_opengid(world: World, call: Call) -> dict[str, object]:
    """Answer opengid_to_chatid."""
    chat_id = world.state.opengids.get(call.body.text("opengid", absent=40063))
    if chat_id is None:
        raise WeComError(90511)
    if world.state.groups[chat_id].dismissed:
        raise WeComError(49008)
    return {"chat_id": chat_id}


def _obstacle(world: World, chat_id: str, new_owner: str) -> int:
    # In the order of these checks. The errcodes of the two limits are documented nowhere; these are our guess.
    group = world.state.groups.get(chat_id)
    if group is None:
        return 90501
    if group.dismissed:
        return 49008
    if _resigned(world, group.owner):
        return 90502
    if group.owner == new_owner:
        return 90504
    if group.heir:
        return 90507
    today = world.now.astimezone(CHINA).date()
    days = [(today - datetime.fromtimestamp(when, CHINA).date()).days for when in group.given]
    if sum(day < limits.TRANSFER_WINDOW_DAYS for day in days) >= limits.TRANSFERS_PER_GROUP:
        return 40128
    return _quota(world, group)


def _quota(world: World, group: Group) -> int:
    day = (group.owner, str(world.now.astimezone(CHINA).date()))
    return 45009 if world.state.given_groups.get(day, 0) >= limits.GROUP_TRANSFERS_PER_OWNER_AND_DAY else 0


def _obstacle_resigned(world: World, chat_id: str, new_owner: str) -> int:
    # Whoever is at work cannot be the owner who resigned.
    del new_owner
    group = world.state.groups.get(chat_id)
    if group is None:
        return 90501
    if group.dismissed:
        return 49008
    if not _resigned(world, group.owner):
        return 90508 if group.inherited else 90500
    if group.heir:
        return 90507
    if world.timestamp > world.state.former[group.owner].resigned + limits.RESIGNED_DAYS * _DAY:
        # As for customers: the one errcode that speaks of that year.
        return 40205
    return _quota(world, group)


def transfer(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/onjob_transfer: 0 even if every group fails; no event tells of a new owner."""
    return _transfer(world, call, _obstacle)


def transfer_resigned(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/transfer, for owners who resigned: 0 even if every group fails."""
    return _transfer(world, call, _obstacle_resigned)


def _transfer(world: World, call: Call, obstacle: Callable[[World, str, str], int]) -> dict[str, object]:
    chat_ids = call.body.texts("chat_id_list", most=limits.TRANSFER_GROUPS)
    if not chat_ids:
        raise WeComError(40063)
    new_owner = world.need_staff(call.body.text("new_owner"), serving=True).userid
    failed: list[dict[str, object]] = []
    for chat_id in dict.fromkeys(chat_ids):
        group, errcode = world.state.groups.get(chat_id), obstacle(world, chat_id, new_owner)
        owner = group.owner if group else ""
        world.record.group_transfers.append(GroupTransferEntry(chat_id, owner, new_owner, world.now, errcode))
        if errcode or group is None:
            failed.append({"chat_id": chat_id, "errcode": errcode, "errmsg": WeComError(errcode).text})
        else:
            _give(world, group, new_owner)
    return {"failed_chat_list": failed}


def _give(world: World, group: Group, new_owner: str) -> None:
    day = (group.owner, str(world.now.astimezone(CHINA).date()))
    world.state.given_groups[day] = world.state.given_groups.get(day, 0) + 1
    # Two transfers in 90 days are documented for owners at work only.
    if not _resigned(world, group.owner):
        group.given.append(world.timestamp)
    group.heir = new_owner
    if world.rules.group_transfer_time:
        when = world.now + world.rules.group_transfer_time
        world.agenda.book(when, f"1:group transfer:{group.chat_id}", GroupTransferEnd(group))
    else:
        _inherit(world, group)


@attrs.frozen
class GroupTransferEnd:
    """A group whose new owner takes over."""

    group: Group

    def run(self, world: World) -> None:
        """Give it to them."""
        _inherit(world, self.group)


def _inherit(world: World, group: Group) -> None:
    group.inherited = _resigned(world, group.owner)
    group.owner, group.heir = group.heir, ""
    happened = world.state.happened
    happened.append(Happening(world.timestamp, "group owned", group.owner, group.chat_id))
    if group.owner not in group.members:
        group.members[group.owner] = GroupMember(group.owner, _STAFF, world.timestamp, _BY_STAFF)
        happened.append(Happening(world.timestamp, "joined", group.owner, group.chat_id))
        seal_group(world, group)
