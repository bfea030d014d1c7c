"""How much of the mirror changed."""

from __future__ import annotations

import attrs


__all__ = ["Changes"]


@attrs.frozen
class Changes:
    """How many rows of a kind were added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(self.added + other.added, self.changed + other.changed, self.removed + other.removed)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        return f"+{self.added:,} ~{self.changed:,} -{self.removed:,}"
