"""What tiering answers: changes, distributions and counts, made to be read in a REPL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs


__all__ = ["Distribution", "TierChange", "TierReport"]


@attrs.frozen
class TierChange:
    """
    One line of the change log.

    Attributes:
        scheme: The scheme.
        external_userid: Whose tier changed.
        before: The tier before, or None where this is the first.
        after: The tier since.
        reason: The labels that led to it.
        at: When it was decided.
    """

    scheme: str
    external_userid: str
    before: str | None
    after: str
    reason: str
    at: datetime


@attrs.frozen(repr=False)
class Distribution:
    """
    How many customers each tier has, the best tier first.

    Attributes:
        scheme: The scheme.
        counts: Customers by tier, the empty tiers too.
    """

    scheme: str
    counts: Mapping[str, int] = attrs.field(hash=False)

    @property
    def customers(self) -> int:
        """How many customers have a tier."""
        return sum(self.counts.values())

    def __getitem__(self, tier: str) -> int:
        return self.counts[tier]

    def __repr__(self) -> str:
        most = max(self.counts.values(), default=0)
        total = self.customers
        width = max((len(tier) for tier in self.counts), default=0)
        lines = [
            f"  {tier:<{width}}  {count:>11,}  {count / total if total else 0:>6.1%}  {_bar(count, most)}".rstrip()
            for tier, count in self.counts.items()
        ]
        return "\n".join([f"Distribution of {self.scheme!r}: {total:,} customers", *lines])


def _bar(count: int, most: int, width: int = 30) -> str:
    return "█" * max(1, round(width * count / most)) if count else ""


@attrs.frozen(repr=False)
class TierReport:
    """
    What a sweep did.

    Attributes:
        scheme: The scheme.
        version: The version of the scheme that it judged by.
        customers: Customers judged in this run.
        changed: Those among them whose tier changed, or is their first.
        moves: How many took which step: (before, after) and a count; before is None for a first tier.
        unreadable: Customers left as they were, because a fact does not hold what its dimension reads.
        resumed: Whether it went on where an earlier sweep had been cut short.
    """

    scheme: str
    version: int
    customers: int = 0
    changed: int = 0
    moves: Mapping[tuple[str | None, str], int] = attrs.field(factory=dict[tuple[str | None, str], int], hash=False)
    unreadable: int = 0
    resumed: bool = False

    def __add__(self, other: TierReport) -> TierReport:
        moves = dict(self.moves)
        for move, count in other.moves.items():
            moves[move] = moves.get(move, 0) + count
        return TierReport(
            self.scheme,
            other.version,
            self.customers + other.customers,
            self.changed + other.changed,
            moves,
            self.unreadable + other.unreadable,
            self.resumed or other.resumed,
        )

    def __repr__(self) -> str:
        unreadable = f", {self.unreadable:,} unreadable" if self.unreadable else ""
        resumed = ", resumed" if self.resumed else ""
        head = (
            f"TierReport of {self.scheme!r} v{self.version}: {self.customers:,} customers judged, "
            f"{self.changed:,} changed{unreadable}{resumed}"
        )
        ordered = sorted(self.moves.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1]))
        return "\n".join([head, *(f"  {before or '-'} -> {after}  {count:>11,}" for (before, after), count in ordered)])
