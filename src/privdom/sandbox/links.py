"""How acquisition links win customers: who takes them, what it uses up, and what WeCom reports of it (97299)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import attrs

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.handlers.codes import staff_of
from privdom.sandbox.state import AcquisitionLink, ChatTicket, Customer, Follow, LinkCustomer, Uses
from privdom.sandbox.world import World


__all__ = [
    "UsesEnd",
    "UsesWarning",
    "balance",
    "buy",
    "candidates",
    "cut",
    "find",
    "friend",
    "report",
    "spend",
    "takes",
    "watch",
    "write",
]

_WHOLE_CORP: Final = 1
_WECHAT: Final = 1


def report(world: World, change_type: str, *fields: tuple[str, object]) -> None:
    """Queue a customer_acquisition callback; a field without a value stays away."""
    world.emit("customer_acquisition", change_type, [field for field in fields if field[1] != ""])


# Uses.


def balance(world: World) -> int:
    """Return how many uses are left."""
    return sum(uses.left for uses in world.state.uses)


def buy(world: World, count: int, expires: datetime) -> None:
    """Add uses, and book the warnings and the end of what will be left of them."""
    uses = Uses(world.state.number(), count, count, int(expires.timestamp()))
    world.state.uses.append(uses)
    for days in limits.ACQUISITION_WARNING_DAYS:
        when = expires - timedelta(days=days)
        if when > world.now:
            world.agenda.book(when, f"4:uses:{uses.number:012}:{days}", UsesWarning(uses))
    world.agenda.book(expires, f"4:uses:{uses.number:012}", UsesEnd(uses))


@attrs.frozen
class UsesWarning:
    """Uses that end soon."""

    uses: Uses

    def run(self, world: World) -> None:
        """Tell of what is left of them."""
        if self.uses.left:
            fields = ("ExpireTime", self.uses.expires), ("ExpireQuotaNum", self.uses.left)
            report(world, "quota_expire_soon", *fields)


@attrs.frozen
class UsesEnd:
    """Uses at their end."""

    uses: Uses

    def run(self, world: World) -> None:
        """Take what is left of them."""
        _take(world, self.uses, self.uses.left)


def _take(world: World, uses: Uses, count: int) -> None:
    if not count:
        return
    before = balance(world)
    uses.left -= count
    after = before - count
    if after == 0:
        report(world, "balance_exhausted")
    elif after < limits.ACQUISITION_LOW_BALANCE <= before:
        report(world, "balance_low")


def spend(world: World) -> None:
    """Take one use, of those that expire first."""
    left = [uses for uses in world.state.uses if uses.left]
    if left:
        world.state.uses_spent += 1
        _take(world, min(left, key=lambda uses: (uses.expires, uses.number)), 1)


# Staff.


def cut(channel: str) -> str:
    """Return what WeCom keeps of a channel."""
    return channel.encode()[: limits.ACQUISITION_CHANNEL_BYTES].decode("utf-8", "ignore")


def find(world: World, link_id_or_url: str) -> tuple[AcquisitionLink | None, str]:
    """Return a link by its id or its address, and the channel in the address."""
    parts = urlsplit(link_id_or_url)
    channel = parse_qs(parts.query).get("customer_channel", [""])[0]
    return world.state.links.get(parts.path.rpartition("/")[2]), cut(channel)


def takes(world: World, userid: str) -> bool:
    """Tell whether this staff may serve customers, and has room for one more."""
    staff = world.state.staff[userid]
    return staff.serving and not world.state.full(staff)


def friend(world: World, link: AcquisitionLink, customer: Customer) -> Follow | None:
    """Return the relation that the link prefers to a new one: the oldest, in the corp or with the named staff."""
    if not link.priority:
        return None
    known = [
        follow
        for follow in customer.follows.values()
        if not follow.left_by_customer and (link.priority == _WHOLE_CORP or follow.userid in link.preferred)
    ]
    return min(known, key=lambda follow: follow.number, default=None)


def candidates(world: World, link: AcquisitionLink, customer: Customer) -> list[str]:
    """Return the staff behind the link who can take this customer, or have them already."""
    behind = staff_of(world, link.users, link.parties)
    return [userid for userid in behind if userid in customer.follows or takes(world, userid)]


def watch(world: World) -> None:
    """Tell of links behind which nobody can take a customer any more, once."""
    for link in world.state.links.values():
        unavailable = not any(takes(world, userid) for userid in staff_of(world, link.users, link.parties))
        if unavailable and not link.unavailable:
            report(world, "link_unavailable", ("LinkId", link.link_id))
        link.unavailable = unavailable


# What customers write.


def write(world: World, came: LinkCustomer) -> None:
    """Count a message of a customer who came by a link; tell of the 1st, 3rd, 5th and 10th of WeChat users."""
    came.written += 1
    if world.state.customers[came.external_userid].type != _WECHAT:
        return
    if came.written == 1:
        pair = (("UserID", came.userid), ("ExternalUserID", came.external_userid))
        report(world, "customer_start_chat", *pair, ("LinkId", came.link_id))
    if came.written in limits.ACQUISITION_TOLD_MESSAGES:
        key = digest(world.seed, "chat key", came.link_id, came.userid, came.external_userid, came.written)
        world.state.chat_tickets[key] = ChatTicket(
            came.userid, came.external_userid, came.link_id, came.state, came.written, world.timestamp
        )
        report(world, "message_from_customer", ("LinkId", came.link_id), ("ChatKey", key))
