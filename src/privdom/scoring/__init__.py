"""Points (积分): an append-only ledger of what customers earn, their balances, and what a balance leads to."""

from __future__ import annotations

from privdom.scoring.report import Balance, Entry, LedgerCheck, ScoreReport
from privdom.scoring.rules import (
    CHINA,
    Award,
    Condition,
    Crossing,
    CustomerEvent,
    PointRule,
    ScoreRules,
    Threshold,
    amount_over,
    score,
)
from privdom.scoring.service import AsyncScoring, Scoring


__all__ = [
    "CHINA",
    "AsyncScoring",
    "Award",
    "Balance",
    "Condition",
    "Crossing",
    "CustomerEvent",
    "Entry",
    "LedgerCheck",
    "PointRule",
    "ScoreReport",
    "ScoreRules",
    "Scoring",
    "Threshold",
    "amount_over",
    "score",
]
