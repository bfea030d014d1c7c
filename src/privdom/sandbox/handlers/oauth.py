"""Sign-in (91023, 95833)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.identities import detail_of, openid_of
from privdom.sandbox.state import UserTicket
from privdom.sandbox.world import Call, World


__all__ = ["detail", "user"]


def user(world: World, call: Call) -> dict[str, object]:
    """Answer auth/getuserinfo: the fields of staff, or those of somebody from outside."""
    text = call.query.get("code", "")
    if not text:
        raise WeComError(41008)
    code = world.state.oauth_codes.get(text)
    if code is None:
        raise WeComError(40029)
    # 40029 too speaks of used codes; 42022 is the newer, and speaks of nothing else.
    if code.used:
        raise WeComError(42022)
    if code.created + limits.OAUTH_CODE_SECONDS <= world.timestamp:
        raise WeComError(42003)
    code.used = True
    if code.userid:
        shown: dict[str, object] = {"userid": code.userid}
        if code.private:
            ticket = digest(world.seed, world.new_id("user ticket", text))
            world.state.user_tickets[ticket] = UserTicket(code.userid, code.shares, world.timestamp)
            shown["user_ticket"] = ticket
        return shown
    customer = world.state.customers[code.external_userid]
    shown = {"openid": openid_of(world, customer.external_userid)}
    if customer.follows:
        shown["external_userid"] = customer.external_userid
    return shown


def detail(world: World, call: Call) -> dict[str, object]:
    """Answer auth/getuserdetail: what was not agreed to is absent, but for gender and avatar."""
    ticket = world.state.user_tickets.get(call.body.text("user_ticket", absent=84015))
    if ticket is None:
        raise WeComError(84015)
    if ticket.created + limits.USER_TICKET_SECONDS <= world.timestamp:
        raise WeComError(84014)
    world.need_staff(ticket.userid)
    return {
        "userid": ticket.userid,
        "gender": "0",
        "avatar": "https://wework.qpic.cn/wwhead/default/0",
        **{name: value for name, value in detail_of(world, ticket.userid).items() if name in ticket.shares},
    }
