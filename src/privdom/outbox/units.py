"""The values the outbox hands out: units of work, their items, and reports."""

from __future__ import annotations

from collections.abc import Sized
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import attrs

from privdom.outbox.settings import Policy


__all__ = ["HELD", "GateReport", "ItemResult", "ItemState", "Subject", "TickReport", "Unit", "UnitState", "counted"]


def counted(values: Sized) -> str:
    """Return how many there are, for reprs: who they are is nobody's business."""
    return f"<{len(values)}>"


class UnitState(StrEnum):
    """Where a unit of work stands."""

    READY = "ready"
    """Planned, not called."""
    CALLING = "calling"
    """The intent to call is stored; the call may be under way, or its fate unknown."""
    UNCERTAIN = "uncertain"
    """Nobody waits for an answer any more; WeCom is being asked what became of the call."""
    CONFIRMED = "confirmed"
    """WeCom has it, once."""
    REFUSED = "refused"
    """WeCom said no, for a reason that repeating does not change."""
    PARKED = "parked"
    """Nobody can tell by machine; a person decides."""
    DROPPED = "dropped"
    """Given up: by its owner or for want of recipients before the call, or by a person after parking."""

    @property
    def settled(self) -> bool:
        """Whether the engine is done with it, so that the next unit of its lane may go."""
        return self not in _OPEN


_OPEN = frozenset({UnitState.READY, UnitState.CALLING, UnitState.UNCERTAIN})


class ItemState(StrEnum):
    """What became of one subject of a unit: one row of the ledger."""

    PLANNED = "planned"
    SENT = "sent"
    """The call was accepted for this subject."""
    FAILED = "failed"
    """WeCom left this subject out; ``code`` says why where WeCom does."""
    UNSEEN = "unseen"
    """A look-up found the call, but WeCom does not show this subject in it."""
    CAPPED = "capped"
    """Held back by the reach cap, the reserve or a rule, when it was planned or right before the call."""
    SUPPRESSED = "suppressed"
    """On the list of those who must not be messaged, when it was planned or right before the call."""
    REFUSED = "refused"
    PARKED = "parked"
    DROPPED = "dropped"


HELD = (ItemState.CAPPED, ItemState.SUPPRESSED)
"""Held back by the gate: never part of a call."""


class Subject(NamedTuple):
    """
    Whom a unit is about, and why: one row of the ledger, which can exist only once.

    ``step`` names what is done (a step of a journey, a wave), ``occurrence`` which
    time, where the same step may come to the same subject again.
    """

    subject: str
    step: str
    occurrence: str = ""


@attrs.frozen
class ItemResult:
    """What became of one subject. ``code`` is WeCom's errcode for it, where there is one."""

    subject: str
    step: str
    occurrence: str
    state: ItemState
    code: int | None
    at: datetime


@attrs.frozen
class Unit:
    """
    One call to WeCom that must happen once.

    ``request`` is the exact JSON text that is sent; it holds personal data, as
    ``answer`` may, and neither shows in the repr.
    """

    id: str
    corp_id: str
    kind: str
    owner: str
    category: str = attrs.field(repr=False)
    lane: str = attrs.field(repr=False)
    state: UnitState
    policy: Policy = attrs.field(repr=False)
    request: str = attrs.field(repr=False)
    fingerprint: str = attrs.field(repr=False)
    nonce: str = attrs.field(repr=False)
    attempt: int
    fence: int = attrs.field(repr=False)
    created_at: datetime = attrs.field(repr=False)
    due_at: datetime | None = attrs.field(repr=False)
    """When the engine next has something to do with it."""
    armed_at: datetime | None = attrs.field(repr=False)
    """When the first call was armed of those that WeCom may have carried out."""
    absent_seen: datetime | None = attrs.field(repr=False)
    """When a complete look-up first found nothing."""
    lookups: int = attrs.field(repr=False)
    suspect: bool = attrs.field(repr=False)
    """Whether its fate was unknown once, so that a second task may turn up."""
    prepared: str | None = attrs.field(repr=False)
    """What the kind read before that call, for the look-up."""
    remote_id: str | None
    answer: str | None = attrs.field(repr=False)
    """WeCom's answer as JSON text, or what a look-up found in its place."""
    reason: str | None
    settled_at: datetime | None = attrs.field(repr=False)


@attrs.frozen
class GateReport:
    """
    What became of a plan.

    ``unit_id`` is None if nobody was left to make a unit for. Each subject of the
    plan stands in exactly one of the four tuples; all but ``already`` have their
    row in the ledger now.
    """

    unit_id: str | None
    planned: tuple[Subject, ...] = attrs.field(default=(), repr=counted)
    capped: tuple[Subject, ...] = attrs.field(default=(), repr=counted)
    suppressed: tuple[Subject, ...] = attrs.field(default=(), repr=counted)
    already: tuple[Subject, ...] = attrs.field(default=(), repr=counted)
    """Planned before under the same key; nothing was changed for these."""
    due_at: datetime | None = None
    """The moment the call may be made: ``not_before``, moved out of quiet hours."""


@attrs.frozen
class TickReport:
    """What one tick did, in units."""

    confirmed: int = 0
    refused: int = 0
    held: int = 0
    """Not called, since the gate holds all their recipients back by now."""
    parked: int = 0
    released: int = 0
    """Not carried out by WeCom for now, and ready again later."""
    unknown: int = 0
    """Called, fate unknown; a later tick looks them up."""
    looked_up: int = 0
    """Looked up without a decision yet."""
    swept: int = 0
    cancelled: int = 0
    """Second tasks found and cancelled."""

    @property
    def done(self) -> int:
        """How many units this tick had in hand."""
        settled = self.confirmed + self.refused + self.held + self.parked
        return settled + self.released + self.unknown + self.looked_up + self.swept

    def __add__(self, other: TickReport) -> TickReport:
        mine, theirs = attrs.astuple(self), attrs.astuple(other)
        return TickReport(*(a + b for a, b in zip(mine, theirs, strict=True)))

    def __bool__(self) -> bool:
        return self.done > 0
