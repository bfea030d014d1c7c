"""The settings of the outbox, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import attrs

from privdom._facts.limits import MARK_TAG_IN_FLIGHT
from privdom.errors import UsageError
from privdom.outbox.gate import Gate


__all__ = ["OutboxSettings", "Policy", "policy_of"]


# httpx counts its time-out anew for each: a place in the pool, the connection, the request, the answer.
_STEPS_OF_A_CALL = 4


class Policy(StrEnum):
    """What to do with a call that WeCom still does not show after two complete look-ups."""

    PARK = "park"
    """Leave it to a person, since absence is never proven."""
    RESEND = "resend"
    """Call again: right as long as WeCom shows what it accepted within ``settle``."""


def policy_of(value: str) -> Policy:
    """
    Return the policy of this name.

    Raises:
        UsageError: There is none.
    """
    try:
        return Policy(value)
    except ValueError:
        msg = f"there is no policy {value!r}: give Policy.PARK or Policy.RESEND"
        raise UsageError(msg) from None


def _positive(_: object, attribute: attrs.Attribute[timedelta], value: timedelta) -> None:
    if value <= timedelta(0):
        msg = f"{attribute.name} must be longer than nothing, not {value}"
        raise UsageError(msg)


@attrs.frozen
class OutboxSettings:
    """
    How the outbox behaves.

    Raises:
        UsageError: A time is not positive, a number too small, or there is no such policy.
    """

    policy: Policy = attrs.field(default=Policy.PARK, converter=policy_of)
    """For units that do not name a policy of their own."""
    settle: timedelta = attrs.field(default=timedelta(seconds=60), validator=_positive)
    """How long after the latest possible end of a call WeCom may still carry it out or begin to show it."""
    write_budget: timedelta = attrs.field(default=timedelta(seconds=5), validator=_positive)
    """How long after ARM the call may still be written to the socket; later it is not written at all."""
    call_timeout: timedelta | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    """
    How long after it was begun WeCom may still act on a call: an estimate of the
    longest exchange, by which the request is written in full and accepted. What
    takes longer is left to ``settle``. By default four times the client's
    time-out, which httpx counts anew for a place in the pool, the connection, the
    request and the answer. It counts anew for each piece of these, too: an answer
    that trickles in may take longer, which changes nothing at WeCom. The unit is
    looked up meanwhile, and the answer is noted in the audit.
    """
    resends: int = 2
    """Under `Policy.RESEND`: how often a unit is called again before it is parked, since something is wrong."""
    lookup_lease: timedelta = attrs.field(default=timedelta(minutes=5), validator=_positive)
    """How long a look-up may take before another worker begins one of its own."""
    lookup_failures: int = 5
    """After so many failed look-ups in a row a unit is parked."""
    clock_skew: timedelta = attrs.field(default=timedelta(seconds=60), validator=_positive)
    """How far WeCom's clock may be from ours: look-ups reach so much further on both sides."""
    sweep_for: timedelta = attrs.field(default=timedelta(days=1), validator=_positive)
    """How long to watch out for a second task of a unit that was in doubt once."""
    in_flight: int = 8
    """How many calls, of different lanes, are made at once."""
    tags_in_flight: int = MARK_TAG_IN_FLIGHT
    """How many mark_tag calls are made at once."""
    gate: Gate = attrs.field(factory=Gate)
    """The rules that messages to customers must pass."""

    def __attrs_post_init__(self) -> None:
        if self.resends < 0:
            msg = "resends must not be negative"
            raise UsageError(msg)
        if min(self.in_flight, self.tags_in_flight, self.lookup_failures) < 1:
            msg = "in_flight, tags_in_flight and lookup_failures are at least 1"
            raise UsageError(msg)

    def longest_call(self, timeout: float) -> timedelta:
        """Return for how long WeCom may act on an exchange of a client with this *timeout*, in seconds: an estimate."""
        if self.call_timeout is not None:
            return self.call_timeout
        return timedelta(seconds=timeout * _STEPS_OF_A_CALL)
