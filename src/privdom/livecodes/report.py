"""What live codes answer: values to read in a REPL."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import attrs

from privdom.livecodes.rules import ChannelCode


__all__ = ["ChannelDay", "CodeStatus", "Creation", "RefreshReport", "WelcomeOutcome"]


class Creation(StrEnum):
    """Whether WeCom has made a code."""

    PENDING = "pending"
    """The outbox has it, or is looking for it after a lost answer."""
    LIVE = "live"
    REFUSED = "refused"
    """WeCom said no: correct the cause and create it again."""
    PARKED = "parked"
    """Nobody can tell by machine: decide in the outbox."""
    DROPPED = "dropped"
    """Given up in the outbox; may be created again."""


class WelcomeOutcome(StrEnum):
    """What became of a welcome message."""

    SENT = "sent"
    """Sent, or WeCom says that the customer has one already."""
    EXPIRED = "expired"
    """Its 20 seconds were over."""
    REFUSED = "refused"
    """WeCom would not take it, whenever."""
    UNKNOWN = "unknown"
    """The last try got no answer before the 20 seconds were over."""


@attrs.frozen
class CodeStatus:
    """
    Where a code stands.

    Attributes:
        code: Its definition.
        creation: Whether WeCom has made it.
        config_id: WeCom's id of it, empty until then.
        qr_code: The URL of its picture, empty until then.
        staff: Who stands behind it, as WeCom last acknowledged; None while that is not known.
        next_look_at: When `refresh` looks at it next by the clock; None: not before something happens.
        problem: What is wrong, if anything.
    """

    code: ChannelCode
    creation: Creation
    config_id: str
    qr_code: str = attrs.field(repr=False)
    staff: tuple[str, ...] | None
    next_look_at: datetime | None
    problem: str | None


@attrs.frozen
class RefreshReport:
    """
    What a refresh did, each by the ids of codes.

    Attributes:
        pushed: The outbox is to tell WeCom of other staff or settings; its next ``tick`` does.
        waiting: The outbox was to tell WeCom already, and has not managed to yet.
        unchanged: WeCom has it right.
        kept: Nobody may take customers, so the staff of before remain.
        failed: WeCom refused, and will be asked again later; see `CodeStatus.problem`.
    """

    pushed: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __add__(self, other: RefreshReport) -> RefreshReport:
        mine, theirs = attrs.astuple(self, recurse=False), attrs.astuple(other, recurse=False)
        return RefreshReport(*(a + b for a, b in zip(mine, theirs, strict=True)))


@attrs.frozen
class ChannelDay:
    """How many customers a channel brought on a day."""

    channel: str
    day: date
    adds: int
