"""Points (积分): an append-only ledger of what customers earn, their balances, and what a balance leads to."""

from __future__ import annotations

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


__all__ = [
    "CHINA",
    "Award",
    "Condition",
    "Crossing",
    "CustomerEvent",
    "PointRule",
    "ScoreRules",
    "Threshold",
    "amount_over",
    "score",
]
