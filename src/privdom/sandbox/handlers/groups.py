"""Customer groups (92120, 92122, 95703)."""

from __future__ import annotations

from datetime import datetime

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.record import GroupTransferEntry
from privdom.sandbox.state import Group, GroupMember
from privdom.sandbox.world import Call, World


__all__ = ["get", "listing", "seal_group", "transfer"]

_STATUSES = 3
_AT_WORK, _RESIGNED = 0, 1
_STAFF = 1
_BY_STAFF = 1


def seal_group(world: World, group: Group) -> tuple[str, str]:
    """Give the member list of *group* a new version; return the old and the new one."""
    old = group.version
    group.version = digest(world.seed, "members", group.chat_id, old, *group.members)
    for member in group.members.values():
        if member.type != _STAFF:
            world.state.note_served(member.id, chat_id=group.chat_id, at=member.joined)
    return old, group.version


def _status(world: World, group: Group) -> int:
    return _AT_WORK if group.owner in world.state.staff else _RESIGNED


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/list; status_filter 0 is for all groups."""
    body = call.body
    status = body.integer("status_filter", low=0, high=_STATUSES)
    limit = body.integer("limit", absent=40058, low=1, high=limits.GROUP_PAGE)
    chosen = body.child("owner_filter")
    userids = chosen.texts("userid_list", most=limits.GROUP_OWNERS) if chosen else []
    owners = {world.need_staff(userid).userid for userid in userids}
    cursors = Cursors(world.seed, call.path, status, *sorted(owners))
    groups = (
        (group.number, {"chat_id": group.chat_id, "status": _status(world, group)})
        for group in world.state.groups.values()
        if not group.dismissed and status in (0, _status(world, group)) and (not owners or group.owner in owners)
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


def _obstacle(world: World, chat_id: str, new_owner: str) -> int:
    # In the order of these checks. The errcodes of the two limits are documented nowhere; these are our guess.
    group = world.state.groups.get(chat_id)
    if group is None:
        return 90501
    if group.dismissed:
        return 49008
    if _status(world, group) == _RESIGNED:
        return 90502
    if group.owner == new_owner:
        return 90504
    if group.heir:
        return 90507
    today = world.now.astimezone(CHINA).date()
    days = [(today - datetime.fromtimestamp(when, CHINA).date()).days for when in group.given]
    if sum(day < limits.TRANSFER_WINDOW_DAYS for day in days) >= limits.TRANSFERS_PER_GROUP:
        return 40128
    if world.state.given_groups.get((group.owner, str(today)), 0) >= limits.GROUP_TRANSFERS_PER_OWNER_AND_DAY:
        return 45009
    return 0


def transfer(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/onjob_transfer: 0 even if every group fails; no event tells of a new owner."""
    chat_ids = call.body.texts("chat_id_list", most=limits.TRANSFER_GROUPS)
    if not chat_ids:
        raise WeComError(40063)
    new_owner = world.need_staff(call.body.text("new_owner"), serving=True).userid
    failed: list[dict[str, object]] = []
    for chat_id in dict.fromkeys(chat_ids):
        group, errcode = world.state.groups.get(chat_id), _obstacle(world, chat_id, new_owner)
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
    group.given.append(world.timestamp)
    group.heir = new_owner
    if world.rules.group_transfer_time:
        when = world.now + world.rules.group_transfer_time
        world.agenda.book(when, f"1:group transfer:{group.chat_id}", lambda: _inherit(world, group))
    else:
        _inherit(world, group)


def _inherit(world: World, group: Group) -> None:
    group.owner, group.heir = group.heir, ""
    if group.owner not in group.members:
        group.members[group.owner] = GroupMember(group.owner, _STAFF, world.timestamp, _BY_STAFF)
        seal_group(world, group)
