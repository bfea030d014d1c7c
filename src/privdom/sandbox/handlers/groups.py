"""Customer groups (92120, 92122)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.errors import WeComError
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.state import Group, GroupMember
from privdom.sandbox.world import Call, World


__all__ = ["get", "listing"]

_STATUSES = 3
_STAFF = 1


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer groupchat/list; all owners here are at work, so only the statuses 0 and "all" find something."""
    body = call.body
    status = body.integer("status_filter", low=0, high=_STATUSES)
    limit = body.integer("limit", absent=40058, low=1, high=limits.GROUP_PAGE)
    chosen = body.child("owner_filter")
    userids = chosen.texts("userid_list", most=limits.GROUP_OWNERS) if chosen else []
    owners = {world.need_staff(userid).userid for userid in userids}
    cursors = Cursors(world.seed, call.path, status, *sorted(owners))
    groups = (
        (group.number, {"chat_id": group.chat_id, "status": 0})
        for group in world.state.groups.values()
        if not group.dismissed and status == 0 and (not owners or group.owner in owners)
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
        staff = world.state.staff.get(member.id) if member.type == _STAFF else None
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
