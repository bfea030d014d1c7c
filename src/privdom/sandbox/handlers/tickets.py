"""Tickets of the JS-SDK (90506)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.state import JsTicket
from privdom.sandbox.world import Call, World


__all__ = ["app", "corp"]


def _issue(world: World, kind: str) -> dict[str, object]:
    # As with access tokens: the same one until it ends.
    held = world.state.js_tickets.get(kind)
    if held is None or held.until <= world.timestamp:
        name = world.new_id("ticket", kind)
        text = "".join(digest(world.seed, name, i) for i in range(3))[:86]
        held = world.state.js_tickets[kind] = JsTicket(text, world.timestamp + limits.TICKET_SECONDS)
    return {"ticket": held.text, "expires_in": held.until - world.timestamp}


def corp(world: World, call: Call) -> dict[str, object]:
    """Answer get_jsapi_ticket, which takes no type."""
    if call.query.get("type"):
        raise WeComError(91040)
    return _issue(world, "corp")


def app(world: World, call: Call) -> dict[str, object]:
    """Answer ticket/get, which knows one type."""
    if call.query.get("type") != "agent_config":
        raise WeComError(91040)
    return _issue(world, "app")
