"""A WeCom that fits in a test: one corp, a clock that moves when told, and a record of what happened."""

from __future__ import annotations

from privdom.sandbox.acts import Opened, Scanned
from privdom.sandbox.box import Sandbox
from privdom.sandbox.clock import VirtualClock
from privdom.sandbox.faults import Fault, FaultKind, Faults
from privdom.sandbox.joining import Joined
from privdom.sandbox.record import (
    AppMessageEntry,
    CallbackEntry,
    CallEntry,
    ConclusionEntry,
    DeliveryEntry,
    GroupTransferEntry,
    GroupWelcomeEntry,
    MessageEntry,
    MomentEntry,
    Record,
    ReminderEntry,
    TagEntry,
    TransferEntry,
    WelcomeEntry,
)
from privdom.sandbox.remote import RemoteClock, RemoteSandbox
from privdom.sandbox.rules import Quota, Rules


__all__ = [
    "AppMessageEntry",
    "CallEntry",
    "CallbackEntry",
    "ConclusionEntry",
    "DeliveryEntry",
    "Fault",
    "FaultKind",
    "Faults",
    "GroupTransferEntry",
    "GroupWelcomeEntry",
    "Joined",
    "MessageEntry",
    "MomentEntry",
    "Opened",
    "Quota",
    "Record",
    "ReminderEntry",
    "RemoteClock",
    "RemoteSandbox",
    "Rules",
    "Sandbox",
    "Scanned",
    "TagEntry",
    "TransferEntry",
    "VirtualClock",
    "WelcomeEntry",
]
