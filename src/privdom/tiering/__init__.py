"""Tiers (分层): every customer in one tier of a declared scheme, with history, tags and events on change."""

from __future__ import annotations

from privdom.tiering.report import Distribution, TierChange, TierReport
from privdom.tiering.rules import (
    Band,
    Category,
    Decision,
    Dimension,
    Previous,
    Tier,
    TierRule,
    TierScheme,
    evaluate,
    suggest_bands,
)
from privdom.tiering.service import AsyncTiering, Tiering


__all__ = [
    "AsyncTiering",
    "Band",
    "Category",
    "Decision",
    "Dimension",
    "Distribution",
    "Previous",
    "Tier",
    "TierChange",
    "TierReport",
    "TierRule",
    "TierScheme",
    "Tiering",
    "evaluate",
    "suggest_bands",
]
