"""
What wishes ask for on one relation, and what came of a call makes of them.

Pure: wishes and results come in, tasks and states come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import attrs


__all__ = [
    "SETTLED_BADLY",
    "Claimed",
    "Pushed",
    "Settled",
    "Task",
    "Wish",
    "WishState",
    "is_fresh",
    "kept",
    "settle",
    "task_of",
]


class WishState(StrEnum):
    """Where a wish stands."""

    PENDING = "pending"
    PUSHED = "pushed"
    FAILED = "failed"
    """WeCom refused it; ``code`` says why. Wanted again, it is tried again."""
    NO_RELATION = "no_relation"
    """The staff does not follow this customer (any more)."""


SETTLED_BADLY = (WishState.FAILED, WishState.NO_RELATION)


@attrs.frozen
class Wish:
    """What one owner wants of one tag on one relation."""

    corp_id: str
    staff: str
    customer: str
    tag_id: str
    owner: str
    wanted: bool
    state: WishState = attrs.field(converter=WishState)
    added: bool
    """Whether a call of ours may have put the tag there, for this owner or for one who left it to this one."""
    code: int | None


@attrs.frozen
class Claimed:
    """A relation that is this worker's until its lease ends."""

    staff: str
    customer: str
    fence: int
    changes: int
    attempt: int
    until: datetime
    """The end of the lease."""


@attrs.frozen
class Task:
    """What is to be done on one relation."""

    claimed: Claimed
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    """Tags whose wishes are fulfilled without a call."""
    fresh: frozenset[tuple[str, str]] = frozenset()
    """The wishes, by tag and owner, for which no call was ever made before."""


@attrs.frozen
class Pushed:
    """What came of a task."""

    task: Task
    done: frozenset[str] = frozenset()
    failed: Mapping[str, int] = attrs.field(factory=dict[str, int])
    no_relation: bool = False
    wait: timedelta | None = None
    """Not all is settled: try again after this."""
    unsure: bool = False
    """The fate of the last call is unknown: what is neither done nor failed may be there."""

    def kept_off(self, tag: str) -> bool:
        """Whether no call of this task can have put *tag* on."""
        return self.no_relation or tag in self.failed or not (self.unsure or tag in self.done or tag in self.task.idle)


def is_fresh(row: Wish) -> bool:
    """Whether no call was ever made for a wish."""
    return row.wanted and row.state is WishState.PENDING and not row.added


def task_of(claimed: Claimed, wishes: Sequence[Wish]) -> Task:
    """Return what the wishes on a claimed relation ask for."""
    by_tag: dict[str, list[Wish]] = {}
    for row in wishes:
        by_tag.setdefault(row.tag_id, []).append(row)
    add: list[str] = []
    remove: list[str] = []
    idle: list[str] = []
    for tag, rows in sorted(by_tag.items()):
        if all(row.state is not WishState.PENDING for row in rows):
            continue
        wanted = {row.state for row in rows if row.wanted}
        if wanted:
            # What failed is not tried again because somebody else wants it no longer.
            (add if WishState.PENDING in wanted and WishState.PUSHED not in wanted else idle).append(tag)
        else:
            (remove if any(row.added for row in rows) else idle).append(tag)
    fresh = frozenset((row.tag_id, row.owner) for row in wishes if is_fresh(row))
    return Task(claimed, tuple(add), tuple(remove), tuple(idle), fresh)


@attrs.frozen
class Settled:
    """How a wish is to stand."""

    row: Wish
    state: WishState
    code: int | None
    added: bool

    @property
    def changed(self) -> bool:
        """Whether that is news."""
        return (self.state, self.code, self.added) != (self.row.state, self.row.code, self.row.added)

    @property
    def gone(self) -> bool:
        """Whether the wish is over."""
        # What is gone is nobody's wish any more; staff may put the same tag on by hand, and then it is theirs.
        return not self.row.wanted and self.state in {WishState.PUSHED, WishState.NO_RELATION}


def settle(p: Pushed, wishes: Sequence[Wish]) -> list[Settled]:
    """Return how the wishes on a relation stand after a task of it."""
    settled = [_settle(p, row) for row in wishes]
    # Those who want it still may have been refused it themselves; when they go, somebody must know that it is ours.
    left = {s.row.tag_id for s in settled if s.gone and s.added}
    return [attrs.evolve(s, added=True) if s.row.wanted and s.row.tag_id in left else s for s in settled]


def _settle(p: Pushed, row: Wish) -> Settled:
    if p.no_relation:
        # With it went all its tags, also those of which this task was not.
        return Settled(row, WishState.NO_RELATION, None, added=False)
    added = _added(p, row)
    # Another owner's wish for the same tag may be settled already, badly.
    if row.state is WishState.PENDING:
        if row.tag_id in p.failed:
            return Settled(row, WishState.FAILED, p.failed[row.tag_id], added)
        if row.tag_id in p.done or (p.wait is None and row.tag_id in p.task.idle):
            return Settled(row, WishState.PUSHED, None, added)
    return Settled(row, row.state, row.code, added)


def kept(p: Pushed, row: Wish) -> Settled:
    """Return how a wish stands after a task that others have overtaken: as before, but for whose the tag is."""
    return Settled(row, row.state, row.code, _added(p, row))


def _added(p: Pushed, row: Wish) -> bool:
    # Refused for sure, and never called before: what staff put on by hand in the meantime is not ours to take off.
    return row.added and not ((row.tag_id, row.owner) in p.task.fresh and p.kept_off(row.tag_id))
