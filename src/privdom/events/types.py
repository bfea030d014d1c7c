"""
What parts of the library, and products around it, tell each other has happened.

Each event is a frozen value with a ``kind``, stored as JSON. A product may log
kinds of its own as `UnknownDomainEvent`; that is also what comes back when
another release wrote a kind or a shape this one does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeAlias, cast, get_args

import attrs

from cattrs import BaseValidationError, Converter


__all__ = [
    "CodeScanned",
    "CustomerMoved",
    "DomainEvent",
    "FollowAdded",
    "FollowRemoved",
    "JourneyEntered",
    "JourneyLeft",
    "PointsCrossed",
    "StepSent",
    "TierChanged",
    "TransferFailed",
    "TransferRefused",
    "UnitSettled",
    "UnknownDomainEvent",
    "WaveFinished",
    "dump",
    "load",
]


@attrs.frozen
class FollowAdded:
    """A staff has a customer now. ``state`` is the mark of the code or link they came by, or empty."""

    kind: ClassVar[str] = "follow_added"
    staff_userid: str
    external_userid: str
    state: str
    at: datetime


@attrs.frozen
class FollowRemoved:
    """A staff has lost a customer. ``by`` says how: ``staff``, ``customer``, ``transfer`` or ``sync``."""

    kind: ClassVar[str] = "follow_removed"
    staff_userid: str
    external_userid: str
    by: str
    at: datetime


@attrs.frozen
class CustomerMoved:
    """A transfer was completed: the customer is with the takeover now."""

    kind: ClassVar[str] = "customer_moved"
    external_userid: str
    handover_userid: str
    takeover_userid: str
    at: datetime


@attrs.frozen
class TransferRefused:
    """A transfer did not come about, and may be tried with another takeover. ``reason`` as in migrations."""

    kind: ClassVar[str] = "transfer_refused"
    external_userid: str
    takeover_userid: str
    reason: str
    at: datetime | None = None


@attrs.frozen
class TransferFailed:
    """WeCom reported by callback that a transfer failed: ``customer_refused`` or ``customer_limit_exceed``."""

    kind: ClassVar[str] = "transfer_failed"
    external_userid: str
    takeover_userid: str
    reason: str
    at: datetime | None = None


@attrs.frozen
class TierChanged:
    """A customer (or a group) is in another tier of a scheme. None: in none."""

    kind: ClassVar[str] = "tier_changed"
    scheme: str
    external_userid: str
    before: str | None
    after: str | None
    reason: str
    at: datetime | None = None


@attrs.frozen
class PointsCrossed:
    """A balance reached a threshold for the first time. ``threshold`` is its id."""

    kind: ClassVar[str] = "points_crossed"
    account: str
    external_userid: str
    threshold: str
    balance: int
    at: datetime | None = None


@attrs.frozen
class UnitSettled:
    """The outbox is done with a unit of work. ``state``: confirmed, refused, parked or dropped."""

    kind: ClassVar[str] = "unit_settled"
    unit_id: str
    owner: str
    state: str
    at: datetime | None = None


@attrs.frozen
class JourneyEntered:
    """A customer (or a group) entered a journey."""

    kind: ClassVar[str] = "journey_entered"
    journey_id: str
    external_userid: str
    at: datetime


@attrs.frozen
class JourneyLeft:
    """A customer (or a group) left a journey, by its end or before."""

    kind: ClassVar[str] = "journey_left"
    journey_id: str
    external_userid: str
    reason: str
    at: datetime


@attrs.frozen
class StepSent:
    """A step of a journey reached its subject."""

    kind: ClassVar[str] = "step_sent"
    journey_id: str
    step: str
    external_userid: str
    at: datetime


@attrs.frozen
class CodeScanned:
    """A customer came by a live code."""

    kind: ClassVar[str] = "code_scanned"
    code_id: str
    channel: str
    staff_userid: str
    external_userid: str
    at: datetime


@attrs.frozen
class WaveFinished:
    """Every customer of a wave of a migration has come to an end."""

    kind: ClassVar[str] = "wave_finished"
    plan_id: str
    wave: int
    at: datetime | None = None


@attrs.frozen
class UnknownDomainEvent:
    """An event of a kind, or in a shape, that this release does not know, kept whole; or one of your own."""

    kind: str
    data: Mapping[str, Any]


DomainEvent: TypeAlias = (
    FollowAdded
    | FollowRemoved
    | CustomerMoved
    | TransferRefused
    | TransferFailed
    | TierChanged
    | PointsCrossed
    | UnitSettled
    | JourneyEntered
    | JourneyLeft
    | StepSent
    | CodeScanned
    | WaveFinished
    | UnknownDomainEvent
)
"""Any of the events; ``kind`` is the name that it is stored and asked for by."""

_BY_KIND: dict[str, type[Any]] = {cls.kind: cls for cls in get_args(DomainEvent) if cls is not UnknownDomainEvent}


def _moment(value: Any, _: object) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() is None:
        msg = "a stored moment has a zone"
        raise ValueError(msg)
    return moment


_converter = Converter()
_converter.register_unstructure_hook(datetime, datetime.isoformat)
_converter.register_structure_hook(datetime, _moment)


def dump(event: DomainEvent) -> dict[str, Any]:
    """Return *event* as JSON, without its kind."""
    if isinstance(event, UnknownDomainEvent):
        return dict(event.data)
    return cast("dict[str, Any]", _converter.unstructure(event))


def load(kind: str, data: Mapping[str, Any]) -> DomainEvent:
    """Return the event that `dump` was given, an `UnknownDomainEvent` where this release has no class that fits."""
    cls = _BY_KIND.get(kind)
    if cls is not None:
        try:
            return cast("DomainEvent", _converter.structure(data, cls))
        except BaseValidationError:
            pass
    return UnknownDomainEvent(kind, data)
