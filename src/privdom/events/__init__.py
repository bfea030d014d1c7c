"""Events: callbacks worked from an inbox, and a durable log by which parts and products hear of each other."""

from __future__ import annotations

from privdom.events.dispatcher import AsyncDispatcher, Dispatcher, Handler, RunHandler, Write
from privdom.events.inbox import Pending, SqlInbox
from privdom.events.log import Batch, EventLog
from privdom.events.router import Router
from privdom.events.types import (
    CodeScanned,
    CustomerMoved,
    DomainEvent,
    FollowAdded,
    FollowRemoved,
    JourneyEntered,
    JourneyLeft,
    PointsCrossed,
    StepSent,
    TierChanged,
    TransferFailed,
    TransferRefused,
    UnitSettled,
    UnknownDomainEvent,
    WaveFinished,
)


__all__ = [
    "AsyncDispatcher",
    "Batch",
    "CodeScanned",
    "CustomerMoved",
    "Dispatcher",
    "DomainEvent",
    "EventLog",
    "FollowAdded",
    "FollowRemoved",
    "Handler",
    "JourneyEntered",
    "JourneyLeft",
    "Pending",
    "PointsCrossed",
    "Router",
    "RunHandler",
    "SqlInbox",
    "StepSent",
    "TierChanged",
    "TransferFailed",
    "TransferRefused",
    "UnitSettled",
    "UnknownDomainEvent",
    "WaveFinished",
    "Write",
]
