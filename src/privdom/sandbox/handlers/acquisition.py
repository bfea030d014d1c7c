"""Customer acquisition links (获客助手): 97297, 97298, 97375, 100130."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from privdom._facts import limits
from privdom.sandbox import links
from privdom.sandbox.chance import identifier
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.codes import staff_of
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.state import AcquisitionLink
from privdom.sandbox.world import Call, World


__all__ = ["chat_info", "create", "customers", "delete", "get", "listing", "quota", "statistics", "update"]

_WHOLE_CORP, _NAMED = 1, 2
_NOT_WRITTEN, _HAS_WRITTEN = 0, 1


def _find(world: World, body: Fields) -> AcquisitionLink:
    # No errcode is published for a link that is not there.
    link = world.state.links.get(body.text("link_id", absent=40058))
    if link is None:
        raise WeComError(40058, "invalid link_id")
    return link


def _name(body: Fields) -> str:
    return body.text("link_name", absent=40058, chars=limits.ACQUISITION_NAME_CHARS)


def _range(world: World, body: Fields) -> tuple[list[str], list[int]]:
    chosen = body.child("range") or Fields({})
    asked = chosen.texts("user_list", most=limits.ACQUISITION_STAFF)
    parties = chosen.integers("department_list")
    if not asked and not parties:
        raise WeComError(40058, "range is empty")
    users = list(dict.fromkeys(world.need_staff(userid, serving=True).userid for userid in asked))
    if any(party not in world.state.departments for party in parties):
        raise WeComError(60003)
    if len(staff_of(world, users, parties)) > limits.ACQUISITION_STAFF:
        raise WeComError(40058, f"range covers more than {limits.ACQUISITION_STAFF} users")
    return users, parties


def _priority(world: World, body: Fields) -> tuple[int, list[str]]:
    chosen = body.child("priority_option")
    if chosen is None:
        return 0, []
    if not world.rules.special_trade:
        raise WeComError(41200)
    kind = chosen.integer("priority_type", absent=40058, low=_WHOLE_CORP, high=_NAMED)
    asked = chosen.texts("priority_userid_list", most=limits.ACQUISITION_PRIORITY_STAFF)
    if kind == _WHOLE_CORP:
        return kind, []
    if not asked:
        raise WeComError(40058, "priority_userid_list is empty")
    return kind, list(dict.fromkeys(world.need_staff(userid).userid for userid in asked))


def _head(link: AcquisitionLink) -> dict[str, object]:
    return {
        "link_name": link.name,
        "url": f"https://work.weixin.qq.com/ca/{link.link_id}",
        "create_time": link.created,
    }


def create(world: World, call: Call) -> dict[str, object]:
    """Answer create_link."""
    body = call.body
    name = _name(body)
    users, parties = _range(world, body)
    priority, preferred = _priority(world, body)
    skip_verify, mark_source = body.flag("skip_verify", default=True), body.flag("mark_source", default=True)
    if len(world.state.links) >= world.rules.links_per_corp:
        raise WeComError(41095)
    link_id = identifier("cawcde", world.seed, world.new_id("link", name, *users, *parties))
    link = AcquisitionLink(
        number=world.state.number(),
        link_id=link_id,
        name=name,
        created=world.timestamp,
        users=users,
        parties=parties,
        skip_verify=skip_verify,
        mark_source=mark_source,
        priority=priority,
        preferred=preferred,
    )
    world.state.links[link_id] = link
    return {"link": {"link_id": link_id, **_head(link)}}


def get(world: World, call: Call) -> dict[str, object]:
    """Answer get; as in today's documentation, the link in it has no id."""
    link = _find(world, call.body)
    shown: dict[str, object] = {
        "link": {**_head(link), "skip_verify": link.skip_verify, "mark_source": link.mark_source},
        "range": {"user_list": list(link.users), "department_list": list(link.parties)},
    }
    if link.priority:
        option: dict[str, object] = {"priority_type": link.priority}
        if link.priority == _NAMED:
            option["priority_userid_list"] = list(link.preferred)
        shown["priority_option"] = option
    return shown


def update(world: World, call: Call) -> dict[str, object]:
    """Answer update_link; range and priority_option replace the whole of what was there."""
    body = call.body
    link = _find(world, body)
    name = _name(body) if "link_name" in body else link.name
    users, parties = _range(world, body) if "range" in body else (link.users, link.parties)
    priority, preferred = _priority(world, body) if "priority_option" in body else (link.priority, link.preferred)
    skip_verify = body.flag("skip_verify", default=link.skip_verify)
    mark_source = body.flag("mark_source", default=link.mark_source)
    link.name, link.users, link.parties = name, users, parties
    link.priority, link.preferred = priority, preferred
    link.skip_verify, link.mark_source = skip_verify, mark_source
    return {}


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer delete_link, of which no event tells."""
    del world.state.links[_find(world, call.body).link_id]
    return {}


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer list_link; how long a page is by default is not published, so it is as long as it may be."""
    limit = call.body.integer("limit", low=0, high=limits.ACQUISITION_PAGE) or limits.ACQUISITION_PAGE
    cursors = Cursors(world.seed, call.path)
    found, following = page(
        ((link.number, link.link_id) for link in world.state.links.values()), limit, cursors, call.body.text("cursor")
    )
    return {"link_id_list": found, "next_cursor": following}


def customers(world: World, call: Call) -> dict[str, object]:
    """Answer customer: who came by a link, also if they have parted again."""
    body = call.body
    link = _find(world, body)
    limit = body.integer("limit", low=0, high=limits.ACQUISITION_CUSTOMER_PAGE) or limits.ACQUISITION_CUSTOMER_PAGE
    cursors = Cursors(world.seed, call.path, link.link_id)
    rows = (
        (
            came.number,
            {
                "external_userid": came.external_userid,
                "userid": came.userid,
                "chat_status": _HAS_WRITTEN if came.written else _NOT_WRITTEN,
                "state": came.state,
            },
        )
        for came in world.state.link_customers.values()
        if came.link_id == link.link_id
    )
    found, following = page(rows, limit, cursors, body.text("cursor"))
    return {"customer_list": found, "next_cursor": following}


def _day(timestamp: int) -> date:
    return datetime.fromtimestamp(timestamp, CHINA).date()


def quota(world: World, call: Call) -> dict[str, object]:
    """Answer customer_acquisition_quota."""
    del call
    left: dict[date, int] = {}
    for uses in sorted(world.state.uses, key=lambda uses: uses.expires):
        if uses.left:
            left[_day(uses.expires)] = left.get(_day(uses.expires), 0) + uses.left
    bought = sum(uses.bought for uses in world.state.uses)
    return {
        "total": bought if world.rules.link_total == "bought" else world.state.uses_spent,
        "balance": links.balance(world),
        "quota_list": [
            {"expire_date": int(datetime.combine(day, time(), CHINA).timestamp()), "balance": count}
            for day, count in left.items()
        ],
    }


def statistics(world: World, call: Call) -> dict[str, object]:
    """Answer statistic: whole days of UTC+8, both ends included."""
    body = call.body
    link = _find(world, body)
    start, end = (_day(body.integer(name, absent=40058, low=0)) for name in ("start_time", "end_time"))
    oldest = world.now.astimezone(CHINA).date() - timedelta(days=limits.ACQUISITION_HISTORY_DAYS)
    if not 0 <= (end - start).days <= limits.ACQUISITION_STATISTICS_DAYS or start < oldest:
        raise WeComError(40058)
    clicked = {
        click.external_userid
        for click in world.state.link_clicks
        if click.link_id == link.link_id and start <= _day(click.at) <= end
    }
    won = {
        came.external_userid
        for came in world.state.link_customers.values()
        if came.link_id == link.link_id and start <= _day(came.at) <= end
    }
    return {"click_link_customer_cnt": len(clicked), "new_customer_cnt": len(won)}


def chat_info(world: World, call: Call) -> dict[str, object]:
    """Answer get_chat_info, for half an hour after the event."""
    ticket = world.state.chat_tickets.get(call.body.text("chat_key", absent=41201))
    if ticket is None or world.timestamp > ticket.created + limits.CHAT_KEY_SECONDS:
        raise WeComError(41201)
    return {
        "userid": ticket.userid,
        "external_userid": ticket.external_userid,
        "chat_info": {"recv_msg_cnt": ticket.count, "link_id": ticket.link_id, "state": ticket.state},
    }
