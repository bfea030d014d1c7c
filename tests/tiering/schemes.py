"""The scheme that the tests judge by: source, quality and payment, as the trade does it."""

from __future__ import annotations

from datetime import timedelta

from privdom.tiering.rules import Band, Category, Dimension, Tier, TierRule, TierScheme


SOURCE = Category("source", "channel", {"live": "own", "shop": "own", "ad": "paid"}, default="other")
QUALITY = Dimension("quality", "points.points", (Band("low"), Band("high", 100, 80)))
PAYMENT = Dimension("payment", "orders", (Band("none"), Band("first", 1), Band("repeat", 2)))

TIERS = (Tier("A", "A 高价值"), Tier("B", "B 潜力"), Tier("C", "C 普通"), Tier("D"))

TABLE = (
    TierRule("A", payment="repeat", quality="high"),
    TierRule("B", payment=("repeat", "first"), source=("own", "paid")),
    TierRule("B", quality="high"),
    TierRule("D", payment="none", source="other"),
    TierRule("C"),
)


def scheme(dwell: timedelta = timedelta(0), table: tuple[TierRule, ...] = TABLE) -> TierScheme:
    """Return the scheme, with another dwell or table if given."""
    return TierScheme("value", (SOURCE, QUALITY, PAYMENT), TIERS, table, dwell=dwell)
