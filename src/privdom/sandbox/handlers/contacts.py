"""Customers and their followers (92113, 92114, 92994, 92115), and all who were served (99434)."""

from __future__ import annotations

from collections.abc import Iterator

from privdom._facts import limits
from privdom.sandbox.chance import digest, identifier
from privdom.sandbox.errors import WeComError
from privdom.sandbox.handlers.media import check_noted
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.state import Customer, Follow, Served, ServedCursor
from privdom.sandbox.world import Call, World


__all__ = ["batch", "get", "of_staff", "remark", "served"]

_USER_SHIFT = 40
_CORP_TAG, _STRATEGY_TAG = 1, 3


def of_staff(world: World, call: Call) -> dict[str, object]:
    """Answer externalcontact/list."""
    staff = world.need_staff(call.query.get("userid", ""))
    found = list(world.state.follows_of(staff.userid))
    if not found and world.rules.empty_list_errcode:
        raise WeComError(world.rules.empty_list_errcode)
    return {"external_userid": found}


def _profile(world: World, customer: Customer) -> dict[str, object]:
    shown: dict[str, object] = {
        "external_userid": customer.external_userid,
        "name": customer.name,
        "type": customer.type,
        "avatar": f"http://wx.qlogo.cn/mmhead/{digest(world.seed, 'avatar', customer.external_userid)}/0",
        "gender": customer.gender,
    }
    if customer.unionid:
        shown["unionid"] = customer.unionid
    if customer.corp_name:
        shown["corp_name"] = customer.corp_name
        shown["corp_full_name"] = customer.corp_name + "有限公司"
    return shown


def _relation(follow: Follow) -> dict[str, object]:
    shown: dict[str, object] = {
        "userid": follow.userid,
        "remark": follow.remark,
        "description": follow.description,
        "createtime": follow.created,
        "remark_mobiles": list(follow.remark_mobiles),
        "add_way": follow.add_way,
        "oper_userid": follow.oper_userid,
    }
    if follow.remark_company:
        shown["remark_corp_name"] = follow.remark_company
    if follow.state:
        shown["state"] = follow.state
    return shown


def _named_tags(world: World, follow: Follow) -> list[dict[str, object]]:
    state = world.state
    rows: list[dict[str, object]] = []
    for tag_id in follow.tags:
        tag = state.tags[tag_id]
        group = state.tag_groups[tag.group_id]
        kind = _STRATEGY_TAG if group.strategy_id else _CORP_TAG
        rows.append({"group_name": group.name, "tag_name": tag.name, "tag_id": tag.id, "type": kind})
    return rows


def get(world: World, call: Call) -> dict[str, object]:
    """Answer externalcontact/get; its last page has no next_cursor at all."""
    customer = world.need_customer(call.query.get("external_userid", ""))
    cursors = Cursors(world.seed, call.path, customer.external_userid)
    follows = ((follow.number, follow) for follow in sorted(customer.follows.values(), key=lambda f: f.number))
    found, following = page(follows, limits.FOLLOWERS_PER_PAGE, cursors, call.query.get("cursor", ""))
    answer: dict[str, object] = {
        "external_contact": _profile(world, customer),
        "follow_user": [{**_relation(follow), "tags": _named_tags(world, follow)} for follow in found],
    }
    if following:
        answer["next_cursor"] = following
    return answer


def batch(world: World, call: Call) -> dict[str, object]:
    """Answer batch/get_by_user; a limit that is too large is cut."""
    userids = call.body.texts("userid_list", most=limits.BATCH_USERS)
    if not userids:
        raise WeComError(40063)
    cursor = call.body.text("cursor")
    limit = call.body.integer("limit", limits.BATCH_PAGE_DEFAULT, low=0) or limits.BATCH_PAGE_DEFAULT
    staff = [world.need_staff(userid) for userid in userids]
    cursors = Cursors(world.seed, call.path, *userids)
    position = cursors.read(cursor)
    first = position >> _USER_SHIFT

    def follows() -> Iterator[tuple[int, Follow]]:
        for i in range(first, len(staff)):
            for follow in world.state.follows_of(staff[i].userid).values():
                yield (i << _USER_SHIFT) + follow.number, follow

    found, following = page(follows(), min(limit, limits.BATCH_PAGE), cursors, cursor, after=position)
    rows = [
        {
            "external_contact": _profile(world, world.state.customers[follow.external_userid]),
            "follow_info": {**_relation(follow), "tag_id": list(follow.tags)},
        }
        for follow in found
    ]
    return {"external_contact_list": rows, "next_cursor": following}


def remark(world: World, call: Call) -> dict[str, object]:
    """Answer externalcontact/remark."""
    body = call.body
    userid, external_userid = body.text("userid", absent=41009), body.text("external_userid", absent=41035)
    text = body.text("remark", chars=limits.REMARK_CHARS)
    description = body.text("description", chars=limits.DESCRIPTION_CHARS)
    company = body.text("remark_company", chars=limits.REMARK_COMPANY_CHARS)
    mobiles = body.texts("remark_mobiles")
    names = ("remark", "description", "remark_company", "remark_mobiles", "remark_pic_mediaid")
    if not any(name in body for name in names):
        raise WeComError(40058)
    follow = world.need_follow(userid, external_userid)
    if picture := body.text("remark_pic_mediaid"):
        check_noted(world, picture)
    if "remark" in body:
        follow.remark = text
    if "description" in body:
        follow.description = description
    if "remark_company" in body and world.state.customers[external_userid].type == 1:
        follow.remark_company = company
    if mobiles:
        # One empty number clears them. An empty list does nothing: the documentation names no other way than that.
        follow.remark_mobiles = [mobile for mobile in mobiles if mobile]
    return {}


def _still(world: World, one: Served) -> bool:
    if one.userid:
        return world.state.follow(one.userid, one.external_userid) is not None
    group = world.state.groups[one.chat_id]
    return not group.dismissed and one.external_userid in group.members


def _served_row(world: World, one: Served, traversal: str) -> dict[str, object]:
    customer = world.state.customers.get(one.external_userid)
    is_customer = customer is not None and bool(customer.follows)
    row: dict[str, object] = {
        "is_customer": is_customer,
        "tmp_openid": identifier("wo", world.seed, "tmp", traversal, one.external_userid),
    }
    if is_customer:
        row["external_userid"] = one.external_userid
    else:
        row["name"] = f"***{customer.name[-1:]}" if customer else "***"
    row["follow_userid"] = one.userid or world.state.groups[one.chat_id].owner
    if one.chat_id:
        row["chat_id"] = one.chat_id
    return {**row, "add_time": one.at}


def served(world: World, call: Call) -> dict[str, object]:
    """Answer contact_list: each traversal has ids of its own, and each of its cursors lives 4 hours."""
    state = world.state
    limit = call.body.integer("limit", low=0, high=limits.SERVED_PAGE) or limits.SERVED_PAGE
    cursor = call.body.text("cursor")
    at = state.served_cursors.get(cursor)
    if not cursor:
        at = ServedCursor(world.new_id("traversal", world.timestamp), 0, world.timestamp)
    if at is None or world.timestamp > at.issued + limits.SERVED_SECONDS:
        raise WeComError(50100)
    known = [
        one
        for one in state.served.values()
        if one.number > at.position and (world.rules.served_after_parting or _still(world, one))
    ]
    found = known[:limit]
    following = ""
    if len(known) > limit:
        following = digest(world.seed, "served", at.traversal, found[-1].number)
        state.served_cursors[following] = ServedCursor(at.traversal, found[-1].number, world.timestamp)
    return {"info_list": [_served_row(world, one, at.traversal) for one in found], "next_cursor": following}
