"""Ids turned into other ids (92323, 95884, 98729)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.errors import WeComError
from privdom.sandbox.identities import openid_of
from privdom.sandbox.world import Call, World


__all__ = ["customer", "from_tmp", "openid", "staff"]

_WECHAT = 1
_BUSINESSES = 3
_USER_TYPES = 4
_CUSTOMER = 1


def openid(world: World, call: Call) -> dict[str, object]:
    """Answer convert_to_openid."""
    external_userid = call.body.text("external_userid", absent=41035)
    found = world.state.customers.get(external_userid)
    if external_userid.startswith("wo") or (found is not None and found.type != _WECHAT):
        raise WeComError(41056)
    return {"openid": openid_of(world, world.need_customer(external_userid).external_userid)}


def from_tmp(world: World, call: Call) -> dict[str, object]:
    """Answer convert_tmp_external_userid; there is no other corp here, so only customers are found."""
    body = call.body
    business = body.integer("business_type", absent=40063, low=1, high=_BUSINESSES)
    user_type = body.integer("user_type", absent=40063, low=1, high=_USER_TYPES)
    tmp_ids = body.texts("tmp_external_userid_list", most=limits.CONVERT_TMP_IDS)
    if not tmp_ids:
        raise WeComError(40063)
    results: list[dict[str, object]] = []
    invalid: list[str] = []
    for tmp_id in dict.fromkeys(tmp_ids):
        known = world.state.tmp_ids.get(tmp_id)
        # Only whom staff follow is told.
        if known is None or known[0] != business or user_type != _CUSTOMER or not _followed(world, known[1]):
            invalid.append(tmp_id)
        else:
            results.append({"tmp_external_userid": tmp_id, "external_userid": known[1]})
    return {"results": results, "invalid_tmp_external_userid_list": invalid}


def _followed(world: World, external_userid: str) -> bool:
    found = world.state.customers.get(external_userid)
    return found is not None and bool(found.follows)


def customer(world: World, call: Call) -> dict[str, object]:
    """Answer from_service_external_userid."""
    agent = call.body.integer("source_agentid", absent=41011)
    alias = call.body.text("external_userid", absent=41035)
    found = world.state.aliases.get((agent, alias), "")
    if found not in world.state.customers:
        raise WeComError(40096)
    return {"external_userid": world.need_customer(found).external_userid}


def staff(world: World, call: Call) -> dict[str, object]:
    """Answer openuserid_to_userid."""
    agent = call.body.integer("source_agentid", absent=41011)
    open_userids = call.body.texts("open_userid_list", most=limits.CONVERT_STAFF)
    if not open_userids:
        raise WeComError(40063)
    found = {open_userid: world.state.aliases.get((agent, open_userid), "") for open_userid in open_userids}
    return {
        "userid_list": [
            {"open_userid": open_userid, "userid": userid}
            for open_userid, userid in found.items()
            if userid in world.state.staff
        ],
        "invalid_open_userid_list": [
            open_userid for open_userid, userid in found.items() if userid not in world.state.staff
        ],
    }
