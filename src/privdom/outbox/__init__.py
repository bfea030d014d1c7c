"""
The outbox: calls to WeCom that must happen once, and the tags that modules want.

::

    with store.begin() as conn:
        report = outbox.plan(conn, BROADCAST, NewMessage(...), owner="shop", subjects=[Subject("wm...", "hello")])
    outbox.tick()
"""

from __future__ import annotations

from privdom.outbox.budgets import Budget, Forecast, Touch, TouchForecast
from privdom.outbox.gate import MARKETING, SERVICE, FrequencyRule, Gate, QuietHours, ReachCap
from privdom.outbox.kind import Kind
from privdom.outbox.kinds import BROADCAST, CONTACT_WAY, CORP_TAG, TRANSFER, WELCOME
from privdom.outbox.parked import AsyncParked, AuditEntry, Inspection, Parked
from privdom.outbox.service import AsyncOutbox, Outbox
from privdom.outbox.settings import OutboxSettings, Policy
from privdom.outbox.staff_sends import StaffSends
from privdom.outbox.tags import AsyncDesiredTags, DesiredTags, PushReport, TagCounts
from privdom.outbox.units import GateReport, ItemResult, ItemState, Subject, TickReport, Unit, UnitState
from privdom.outbox.worker import AsyncWorker, Worker, WorkReport


__all__ = [
    "BROADCAST",
    "CONTACT_WAY",
    "CORP_TAG",
    "MARKETING",
    "SERVICE",
    "TRANSFER",
    "WELCOME",
    "AsyncDesiredTags",
    "AsyncOutbox",
    "AsyncParked",
    "AsyncWorker",
    "AuditEntry",
    "Budget",
    "DesiredTags",
    "Forecast",
    "FrequencyRule",
    "Gate",
    "GateReport",
    "Inspection",
    "ItemResult",
    "ItemState",
    "Kind",
    "Outbox",
    "OutboxSettings",
    "Parked",
    "Policy",
    "PushReport",
    "QuietHours",
    "ReachCap",
    "StaffSends",
    "Subject",
    "TagCounts",
    "TickReport",
    "Touch",
    "TouchForecast",
    "Unit",
    "UnitState",
    "WorkReport",
    "Worker",
]
