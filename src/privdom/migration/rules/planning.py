"""
Who moves to whom, and in which wave; pure.

Nothing here reads a clock, a database or the order of its input: the same
customers and the same policy give the same draft on every machine.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from hashlib import blake2b

import attrs

from privdom._facts.limits import (
    CUSTOMERS_PER_STAFF,
    TRANSFER_CUSTOMERS,
    TRANSFER_MSG_CHARS,
    TRANSFER_WAIT_SECONDS,
    TRANSFER_WINDOW_DAYS,
    TRANSFERS_PER_CUSTOMER,
)
from privdom.errors import UsageError


__all__ = [
    "Batch",
    "Draft",
    "Estimate",
    "Follow",
    "LeftOut",
    "LeftOutReason",
    "Move",
    "Policy",
    "Takeover",
    "VipLast",
    "batches",
    "estimate",
    "plan_items",
]


def _a_share(_: object, __: object, value: float) -> None:
    if not 0 <= value <= 1:
        msg = f"share is a fraction from 0 to 1, not {value!r}: give 0.8 for 80 %"
        raise UsageError(msg)


def _at_least(least: int) -> Callable[[object, attrs.Attribute[int], int], None]:
    def check(_: object, attribute: attrs.Attribute[int], value: int) -> None:
        if value < least:
            msg = f"{attribute.name} must be at least {least}, not {value!r}"
            raise UsageError(msg)

    return check


def _positive(_: object, attribute: attrs.Attribute[timedelta], value: timedelta) -> None:
    if value <= timedelta(0):
        msg = f"{attribute.name} must be longer than nothing, not {value!r}"
        raise UsageError(msg)


def _a_message(_: object, __: object, value: str) -> None:
    if len(value) > TRANSFER_MSG_CHARS:
        msg = f"success_msg holds at most {TRANSFER_MSG_CHARS} characters, not {len(value)}"
        raise UsageError(msg)


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    if isinstance(values, str):
        msg = f"values are a list of what the fact may be: give [{values!r}]"
        raise UsageError(msg)
    return tuple(map(str, values))


@attrs.frozen
class VipLast:
    """Customers whose *fact* has one of *values* move in the last waves, when the others have shown how it goes."""

    fact: str
    values: tuple[str, ...] = attrs.field(converter=_texts)


@attrs.frozen(kw_only=True)
class Policy:
    """
    How a migration treats customers.

    Attributes:
        share: the fraction of the movable customers that moves, 0 to 1.
        wave_size: customers in one wave; the next starts when it has settled, a day later at the earliest.
        capacity: customers a takeover staff may have, where the plan gives no number of their own.
        keep_existing_friend: leave out customers whom one of the takeover staff already follows.
        vip_last: who moves last, or None.
        exclude_suppressed: leave out customers who are on the suppression list.
        success_msg: what the customer reads when the transfer is done, at most 200 characters; WeCom's text if empty.
        max_transfers: starts of a transfer that a customer may see within *window_days* (92125: 2 in 90).
        window_days: see there.
        poll_every: the least time between two looks at an item whose result is overdue; later ones are farther apart.
        patience: how long after its due time an item waits for a result before it counts as failed.
    """

    share: float = attrs.field(default=0.8, validator=_a_share)
    wave_size: int = attrs.field(default=1000, validator=_at_least(1))
    capacity: int = attrs.field(default=CUSTOMERS_PER_STAFF, validator=_at_least(0))
    keep_existing_friend: bool = True
    vip_last: VipLast | None = None
    exclude_suppressed: bool = True
    success_msg: str = attrs.field(default="", validator=_a_message)
    max_transfers: int = attrs.field(default=TRANSFERS_PER_CUSTOMER, validator=_at_least(1))
    window_days: int = attrs.field(default=TRANSFER_WINDOW_DAYS, validator=_at_least(1))
    poll_every: timedelta = attrs.field(default=timedelta(minutes=10), validator=_positive)
    patience: timedelta = attrs.field(default=timedelta(days=3), validator=_positive)


@attrs.frozen
class Takeover:
    """A staff who takes customers over: *capacity* in all, *load* of them taken already."""

    userid: str
    capacity: int
    load: int = 0

    @property
    def free(self) -> int:
        """How many more customers fit."""
        return max(0, self.capacity - self.load)


@attrs.frozen
class Follow:
    """
    A customer of a handover staff, with what the policy asks about.

    Attributes:
        friends: staff who follow the customer too.
        gone: whether the customer deleted the staff; WeCom reports the transfer of such a one as refused.
        moving: whether another plan is about to move the customer.
    """

    handover_userid: str
    external_userid: str
    friends: tuple[str, ...] = ()
    vip: bool = False
    gone: bool = False
    suppressed: bool = False
    moving: bool = False


class LeftOutReason(StrEnum):
    """Why a customer is not part of the migration."""

    ALREADY_FRIEND = "already_friend"
    GONE = "gone"
    SUPPRESSED = "suppressed"
    MOVING = "moving"
    COOLDOWN = "cooldown"
    OTHER_STAFF = "other_staff"
    OUTSIDE_SHARE = "outside_share"
    NO_CAPACITY = "no_capacity"


@attrs.frozen
class Move:
    """One planned transfer."""

    external_userid: str
    handover_userid: str
    takeover_userid: str
    wave: int


@attrs.frozen
class LeftOut:
    """One customer who stays, why, and for a cooldown until when; *takeover_userid* is the friend they have."""

    external_userid: str
    handover_userid: str
    reason: LeftOutReason
    free_at: datetime | None = None
    takeover_userid: str = ""


@attrs.frozen
class Draft:
    """What a plan would do."""

    items: tuple[Move, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        waves = max((item.wave for item in self.items), default=0)
        return f"<Draft: {len(self.items)} move in {waves} waves, {len(self.left_out)} stay, warnings {self.warnings}>"


def plan_items(
    follows: Iterable[Follow],
    takeovers: Sequence[Takeover],
    policy: Policy,
    history: Mapping[str, Sequence[datetime]],
    now: datetime,
) -> Draft:
    """
    Decide which of *follows* move to which of *takeovers*, and in which wave.

    Args:
        follows: the customers of the handover staff, in any order.
        takeovers: in any order, each once.
        policy: the rules.
        history: for each customer, when transfers of them started.
        now: the moment of the decision.
    """
    movable: list[Follow] = []
    left_out: list[LeftOut] = []
    chosen: set[str] = set()
    named = {takeover.userid for takeover in takeovers}
    # A customer of two handover staff can be in one transfer only (40129), and which one must not depend on the order.
    for follow in sorted(
        follows, key=lambda f: (_hash(f.external_userid), _hash(f.handover_userid), f.handover_userid)
    ):
        stays = _stays(follow, named, policy, history, now)
        if stays is None and follow.external_userid in chosen:
            stays = LeftOut(follow.external_userid, follow.handover_userid, LeftOutReason.OTHER_STAFF)
        if stays is not None:
            left_out.append(stays)
            continue
        chosen.add(follow.external_userid)
        movable.append(follow)

    warnings: list[str] = []
    # By way of its text, because 0.29 * 100 is less than 29.
    share = int(Fraction(str(policy.share)) * len(movable))
    room = sum(takeover.free for takeover in takeovers)
    if share > room:
        warnings.append(f"capacity short by {share - room}: name more takeover staff, or move a smaller share")
    moving, rest = movable[: min(share, room)], movable[min(share, room) :]
    for i, follow in enumerate(rest, len(moving)):
        reason = LeftOutReason.NO_CAPACITY if i < share else LeftOutReason.OUTSIDE_SHARE
        left_out.append(LeftOut(follow.external_userid, follow.handover_userid, reason))
    return Draft(_assign(moving, takeovers, policy), tuple(left_out), tuple(warnings))


def _hash(text: str) -> bytes:
    """Return what stands for chance: fixed for a text, without a pattern over texts."""
    return blake2b(text.encode(), digest_size=8).digest()


def _stays(
    follow: Follow, named: set[str], policy: Policy, history: Mapping[str, Sequence[datetime]], now: datetime
) -> LeftOut | None:
    def stays(reason: LeftOutReason, free_at: datetime | None = None, friend: str = "") -> LeftOut:
        return LeftOut(follow.external_userid, follow.handover_userid, reason, free_at, friend)

    friends = named.intersection(follow.friends)
    if policy.keep_existing_friend and friends:
        return stays(LeftOutReason.ALREADY_FRIEND, friend=min(friends))
    if follow.gone:
        return stays(LeftOutReason.GONE)
    if policy.exclude_suppressed and follow.suppressed:
        return stays(LeftOutReason.SUPPRESSED)
    if follow.moving:
        return stays(LeftOutReason.MOVING)
    window = timedelta(days=policy.window_days)
    recent = sorted(at for at in history.get(follow.external_userid, ()) if at + window > now)
    if len(recent) >= policy.max_transfers:
        # Free again when the first of the last `max_transfers` leaves the window.
        return stays(LeftOutReason.COOLDOWN, recent[-policy.max_transfers] + window)
    return None


def _assign(moving: Sequence[Follow], takeovers: Sequence[Takeover], policy: Policy) -> tuple[Move, ...]:
    """
    Give each takeover staff their part, and each move its wave.

    Handover by handover, filling one takeover after the other, makes the fewest pairs of staff. Calls and result pages
    are per pair, and a pair that shares many customers has fewer things to tell each other.
    """
    parts = _parts(len(moving), takeovers)
    takers = [userid for userid in sorted(parts) for _ in range(parts[userid])]
    by_handover = sorted(moving, key=lambda f: (f.handover_userid, _hash(f.external_userid), f.external_userid))
    taker_of = {follow.external_userid: taker for follow, taker in zip(by_handover, takers, strict=True)}
    moves: list[Move] = []
    first = 1
    for vip in (False, True):
        group = [follow for follow in moving if follow.vip is vip]
        moves += [
            Move(f.external_userid, f.handover_userid, taker_of[f.external_userid], first + i // policy.wave_size)
            for i, f in enumerate(group)
        ]
        first += -(-len(group) // policy.wave_size)
    return tuple(moves)


def _parts(count: int, takeovers: Sequence[Takeover]) -> dict[str, int]:
    """Split *count*, which fits, in proportion to what is free; the largest remainders get the odd ones."""
    room = sum(takeover.free for takeover in takeovers)
    if not room:
        return {}
    parts = {t.userid: count * t.free // room for t in takeovers}
    by_remainder = sorted(takeovers, key=lambda t: (-(count * t.free % room), t.userid))
    for takeover in by_remainder[: count - sum(parts.values())]:
        parts[takeover.userid] += 1
    return parts


@attrs.frozen
class Batch:
    """The customers of one call of transfer_customer."""

    handover_userid: str
    takeover_userid: str
    external_userids: tuple[str, ...]


def batches(moves: Iterable[Move]) -> tuple[Batch, ...]:
    """Return the calls that *moves* take: one pair of staff and at most 100 customers in each."""
    pairs: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for move in moves:
        pairs[move.handover_userid, move.takeover_userid].append(move.external_userid)
    return tuple(
        Batch(handover, takeover, tuple(customers[start : start + TRANSFER_CUSTOMERS]))
        for (handover, takeover), customers in sorted((pair, sorted(found)) for pair, found in pairs.items())
        for start in range(0, len(customers), TRANSFER_CUSTOMERS)
    )


@attrs.frozen
class Estimate:
    """What a plan costs: calls that start transfers, waves, and days, since every wave waits for WeCom's 24 hours."""

    calls: int
    waves: int
    days: int


def estimate(items: Iterable[Move]) -> Estimate:
    """Return what *items* cost."""
    customers = Counter((item.wave, item.handover_userid, item.takeover_userid) for item in items)
    waves = len({wave for wave, _, _ in customers})
    calls = sum(-(-n // TRANSFER_CUSTOMERS) for n in customers.values())
    return Estimate(calls, waves, waves * TRANSFER_WAIT_SECONDS // 86_400)
