"""What a full sync of the mirror did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs


__all__ = ["KINDS", "Changes", "SyncReport"]

_SHOWN = 3
KINDS = ("staff", "tags", "customers", "follows", "groups")


@attrs.frozen
class Changes:
    """How many rows of a kind were added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(self.added + other.added, self.changed + other.changed, self.removed + other.removed)

    def __str__(self) -> str:
        return f"+{self.added:,} ~{self.changed:,} -{self.removed:,}"


@attrs.frozen
class SyncReport:
    """
    What one full sync changed in the mirror, in all the runs that it took.

    Attributes:
        generation: its number: how many full syncs this corp has had.
        started_at: when its first run began.
        staff, tags, customers, follows, groups: the rows added, changed and removed.
        left_out: what could not be read, and why: ``groups`` if the app lacks the right, or ``staff <userid>``.
            Nothing was removed there.
    """

    generation: int
    started_at: datetime
    staff: Changes
    tags: Changes
    customers: Changes
    follows: Changes
    groups: Changes
    left_out: Mapping[str, str]

    def __repr__(self) -> str:
        parts = [f"{kind} {getattr(self, kind)}" for kind in KINDS]
        if self.left_out:
            some = list(self.left_out)[:_SHOWN]
            more = len(self.left_out) - len(some)
            parts.append(f"left out: {', '.join(some)}{f' and {more:,} more' if more else ''}")
        return f"<SyncReport {self.generation}: {', '.join(parts)}>"
