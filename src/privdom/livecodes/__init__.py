"""Live codes (活码): QR codes that are printed once, while the staff behind them change."""

from __future__ import annotations

from privdom.livecodes.handlers import CodeHandler, WelcomeHandler
from privdom.livecodes.report import ChannelDay, CodeStatus, Creation, RefreshReport, WelcomeOutcome
from privdom.livecodes.rules import CHINA, ChannelCode, Desired, Shift, desired_staff
from privdom.livecodes.service import AsyncLiveCodes, LiveCodes


__all__ = [
    "CHINA",
    "AsyncLiveCodes",
    "ChannelCode",
    "ChannelDay",
    "CodeHandler",
    "CodeStatus",
    "Creation",
    "Desired",
    "LiveCodes",
    "RefreshReport",
    "Shift",
    "WelcomeHandler",
    "WelcomeOutcome",
    "desired_staff",
]
