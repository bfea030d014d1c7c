"""What a migration tells: the plan before anything happens, one step's progress, the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from privdom.migration.rules import Estimate, ItemState, LeftOutReason, Policy


__all__ = ["Item", "MigrationReport", "Plan", "PlanPart", "Progress", "Tally"]


@attrs.frozen(kw_only=True)
class Item:
    """
    One customer of a migration.

    Attributes:
        wave: counts from 1; 0 for a customer who is left out.
        parked: whether the outbox cannot tell if the call arrived, and waits for a human.
        errcode: WeCom's answer for this customer, or for the whole call; None before there is one.
            takeover_time: when the transfer takes effect, 24 hours after its start.
        poll_at: when the results of its pair of staff are looked at next.
    """

    plan_id: str
    external_userid: str
    handover_userid: str
    takeover_userid: str
    wave: int
    state: ItemState
    reason: str
    parked: bool
    errcode: int | None
    unit_id: str | None
    submitted_at: datetime | None
    started_at: datetime | None
    takeover_time: datetime | None
    poll_at: datetime | None
    settled_at: datetime | None

    def __repr__(self) -> str:
        who = f"{self.external_userid} {self.handover_userid} -> {self.takeover_userid or '-'}"
        why = f": {self.reason}" if self.reason else ""
        return f"<Item {who} wave {self.wave} {self.state}{why}>"


@attrs.frozen
class PlanPart:
    """What one takeover staff gets: *takes* customers, *vips* of them, beside the *load* they have."""

    userid: str
    capacity: int
    load: int
    takes: int
    vips: int


@attrs.frozen(kw_only=True)
class Plan:
    """
    A stored plan. Nothing happens before `advance`: read ``print(plan.summary())`` first.

    Attributes:
        parts: what each takeover staff gets.
        moves: how many customers move.
        left_out: how many stay, by reason.
        warnings: what to think about before going on.
        estimate: calls, waves and days.
    """

    plan_id: str
    created_at: datetime
    handover: tuple[str, ...]
    policy: Policy
    parts: tuple[PlanPart, ...]
    moves: int
    left_out: Mapping[LeftOutReason, int]
    warnings: tuple[str, ...]
    estimate: Estimate

    def summary(self) -> str:
        """Return the plan as text: a row for each takeover staff, who stays and why, warnings, cost."""
        stay = sum(self.left_out.values())
        cost = self.estimate
        staff = f"from {len(self.handover)} staff to {len(self.parts)}"
        waves = f"{cost.waves:,} waves of at most {self.policy.wave_size:,}"
        lines = [
            f"Migration {self.plan_id}: {self.moves:,} customers move {staff}, {stay:,} stay",
            "",
            *_table(
                ("takeover", "capacity", "has", "takes", "of them VIP", "then has"),
                [(p.userid, p.capacity, p.load, p.takes, p.vips, p.load + p.takes) for p in self.parts],
            ),
            "",
            *(f"stay, {reason}: {count:,}" for reason, count in self.left_out.items()),
            *(f"WARNING: {warning}" for warning in self.warnings),
            f"{cost.calls:,} calls in {waves}, {cost.days:,} days at least",
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        warnings = f", {len(self.warnings)} warnings" if self.warnings else ""
        return f"<Plan {self.plan_id}: {self.moves:,} move, {sum(self.left_out.values()):,} stay{warnings}>"


@attrs.frozen(kw_only=True)
class Progress:
    """
    What one step did.

    Attributes:
        submitted: transfers handed to the outbox.
        settled: customers of whom the end became known.
        waves_finished: waves that ended.
        finished: whether the whole plan has ended.
        next_at: when the next step can do something; None if nothing is left or somebody must look at parked calls.
    """

    plan_id: str
    submitted: int = 0
    settled: int = 0
    waves_finished: tuple[int, ...] = ()
    finished: bool = False
    next_at: datetime | None = None

    @property
    def done(self) -> int:
        """How much there was to do; 0: nothing until ``next_at``."""
        return self.submitted + self.settled + len(self.waves_finished)

    def __repr__(self) -> str:
        did = f"{self.submitted:,} submitted, {self.settled:,} settled"
        then = f"next at {self.next_at:%Y-%m-%d %H:%M:%S %Z}" if self.next_at else "nothing to wait for"
        return f"<Progress {self.plan_id}: {did}, {'finished' if self.finished else then}>"


@attrs.frozen
class Tally:
    """How many items are in each state; *parked* ones are counted apart from *submitted*."""

    planned: int = 0
    submitted: int = 0
    parked: int = 0
    waiting: int = 0
    succeeded: int = 0
    refused: int = 0
    capacity: int = 0
    cooldown: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(attrs.astuple(self))

    @property
    def moved_percent(self) -> float:
        """Of all, how many were taken over."""
        return self._percent(self.succeeded)

    @property
    def refused_percent(self) -> float:
        """Of all, how many customers refused."""
        return self._percent(self.refused)

    @property
    def capacity_percent(self) -> float:
        """Of all, how many found their takeover staff full."""
        return self._percent(self.capacity)

    def _percent(self, count: int) -> float:
        return 100 * count / self.total if self.total else 0.0


@attrs.frozen(kw_only=True)
class MigrationReport:
    """How far a migration is: in all, by wave and by takeover staff."""

    plan_id: str
    finished: bool
    total: Tally
    waves: Mapping[int, Tally]
    takeovers: Mapping[str, Tally]
    left_out: Mapping[LeftOutReason, int]

    def __repr__(self) -> str:
        heads = [field.name for field in attrs.fields(Tally) if getattr(self.total, field.name)]

        def rows(tallies: Iterable[tuple[object, Tally]]) -> list[tuple[object, ...]]:
            return [(name, tally.total, *(getattr(tally, head) for head in heads)) for name, tally in tallies]

        total = self.total
        state = "finished" if self.finished else "running"
        parts = {"moved": total.moved_percent, "refused": total.refused_percent, "capacity": total.capacity_percent}
        shares = ", ".join(f"{name} {percent:.1f} %" for name, percent in parts.items())
        stay = "".join(f", {reason} {count:,}" for reason, count in self.left_out.items())
        return "\n".join(
            [
                f"<MigrationReport {self.plan_id} {state}: {total.total:,} customers, {shares}",
                *_table(("wave", "all", *heads), rows([*self.waves.items(), ("sum", total)])),
                *_table(("takeover", "all", *heads), rows(self.takeovers.items())),
                f"stay: {sum(self.left_out.values()):,}{stay}>",
            ]
        )


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    cells = [head, *(tuple(f"{c:,}" if isinstance(c, int) else str(c) for c in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
