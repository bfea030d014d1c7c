"""Tiers (分层): every customer in one tier of a declared scheme, with history, tags and events on change."""

from __future__ import annotations

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


__all__ = [
    "Band",
    "Category",
    "Decision",
    "Dimension",
    "Previous",
    "Tier",
    "TierRule",
    "TierScheme",
    "evaluate",
    "suggest_bands",
]
