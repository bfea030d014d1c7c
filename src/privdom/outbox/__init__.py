"""
The outbox: calls to WeCom that must happen once, and the tags that modules want.

::

    with store.begin() as conn:
        report = outbox.plan(conn, BROADCAST, NewMessage(...), owner="shop", subjects=[Subject("wm...", "hello")])
    outbox.tick()
"""

from __future__ import annotations

from privdom._facts.endpoints import Effect, Endpoint
from privdom.outbox.budgets import Budget, Forecast, Touch, TouchForecast
from privdom.outbox.gate import MARKETING, SERVICE, FrequencyRule, Gate, QuietHours, ReachCap
from privdom.outbox.kind import Again, Candidate, Finding, Found, Kind, Lapsed, NotYet, Unclear
from privdom.outbox.kinds import (
    BROADCAST,
    CONTACT_WAY,
    CONTACT_WAY_UPDATE,
    CORP_TAG,
    GROUP_TRANSFER,
    JOIN_WAY,
    JOIN_WAY_UPDATE,
    MOMENT,
    REMARK,
    REMIND,
    TRANSFER,
    WELCOME,
)
from privdom.outbox.parked import AsyncParked, AuditEntry, Inspection, Parked
from privdom.outbox.service import AsyncOutbox, Outbox
from privdom.outbox.settings import OutboxSettings, Policy
from privdom.outbox.staff_sends import StaffSends
from privdom.outbox.tags import AsyncDesiredTags, DesiredTags, PushReport, TagCounts
from privdom.outbox.units import GateReport, ItemResult, ItemState, Subject, TickReport, Unit, UnitState
from privdom.outbox.verdicts import Confirm, Done, Doubt, Item, Park, Refuse, Release, Verdict
from privdom.outbox.worker import AsyncWorker, Worker, WorkReport


__all__ = [
    "BROADCAST",
    "CONTACT_WAY",
    "CONTACT_WAY_UPDATE",
    "CORP_TAG",
    "GROUP_TRANSFER",
    "JOIN_WAY",
    "JOIN_WAY_UPDATE",
    "MARKETING",
    "MOMENT",
    "REMARK",
    "REMIND",
    "SERVICE",
    "TRANSFER",
    "WELCOME",
    "Again",
    "AsyncDesiredTags",
    "AsyncOutbox",
    "AsyncParked",
    "AsyncWorker",
    "AuditEntry",
    "Budget",
    "Candidate",
    "Confirm",
    "DesiredTags",
    "Done",
    "Doubt",
    "Effect",
    "Endpoint",
    "Finding",
    "Forecast",
    "Found",
    "FrequencyRule",
    "Gate",
    "GateReport",
    "Inspection",
    "Item",
    "ItemResult",
    "ItemState",
    "Kind",
    "Lapsed",
    "NotYet",
    "Outbox",
    "OutboxSettings",
    "Park",
    "Parked",
    "Policy",
    "PushReport",
    "QuietHours",
    "ReachCap",
    "Refuse",
    "Release",
    "StaffSends",
    "Subject",
    "TagCounts",
    "TickReport",
    "Touch",
    "TouchForecast",
    "Unclear",
    "Unit",
    "UnitState",
    "Verdict",
    "WorkReport",
    "Worker",
]
