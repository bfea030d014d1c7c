"""What journeys tell about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from privdom.sop.rules import EnrolmentState, StepState


__all__ = ["AdvanceReport", "CollectReport", "JourneyReport", "StepInstance", "StepReport"]


@attrs.frozen
class AdvanceReport:
    """What one `Journeys.advance` did: events taken in, calls planned, and steps that changed."""

    events: int = 0
    units: int = 0
    planned: int = 0
    capped: int = 0
    missed: int = 0
    exited: int = 0

    @property
    def done(self) -> int:
        """How much there was to do; 0: nothing until `next_at`."""
        return sum(attrs.astuple(self))

    def __add__(self, other: AdvanceReport) -> AdvanceReport:
        mine, theirs = attrs.astuple(self), attrs.astuple(other)
        return AdvanceReport(*(a + b for a, b in zip(mine, theirs, strict=True)))


@attrs.frozen
class CollectReport:
    """
    What one `Journeys.collect` found, in steps of customers.

    Attributes:
        again: Planned once more, since the customer had moved to another staff.
        open: Still with staff who have not sent them.
        unreadable: Tasks whose result WeCom would not tell this time.
    """

    sent: int = 0
    failed: int = 0
    capped: int = 0
    missed: int = 0
    again: int = 0
    open: int = 0
    unreadable: int = 0

    @property
    def done(self) -> int:
        """How many steps of customers changed."""
        return self.sent + self.failed + self.capped + self.missed + self.again

    def __add__(self, other: CollectReport) -> CollectReport:
        mine, theirs = attrs.astuple(self), attrs.astuple(other)
        return CollectReport(*(a + b for a, b in zip(mine, theirs, strict=True)))


@attrs.frozen
class StepReport:
    """How many customers stand where in one step."""

    step_id: str
    counts: Mapping[StepState, int]

    def __getitem__(self, state: StepState) -> int:
        return self.counts.get(state, 0)


@attrs.frozen
class JourneyReport:
    """How a journey goes, over all its versions."""

    journey_id: str
    version: int
    paused: bool
    enrolments: Mapping[EnrolmentState, int]
    steps: tuple[StepReport, ...]

    def __getitem__(self, step_id: str) -> StepReport:
        for step in self.steps:
            if step.step_id == step_id:
                return step
        raise KeyError(step_id)

    def __str__(self) -> str:
        people = ", ".join(f"{count:,} {state}" for state, count in self.enrolments.items()) or "nobody enrolled"
        lines = [f"{self.journey_id} version {self.version}{', paused' if self.paused else ''}: {people}"]
        for step in self.steps:
            counts = ", ".join(f"{count:,} {state}" for state, count in step.counts.items()) or "nothing yet"
            lines.append(f"  {step.step_id}: {counts}")
        return "\n".join(lines)


@attrs.frozen
class StepInstance:
    """
    One step of one customer.

    ``occurrence`` counts the times the step came to the customer: by a second
    enrolment, or by a takeover after the handover could not deliver it. ``at`` is
    when it came to its state; for a sent one, when staff sent it.
    """

    journey_id: str
    version: int
    step_id: str
    external_userid: str
    staff_userid: str
    occurrence: int
    due_at: datetime
    window_end: datetime
    state: StepState = attrs.field(converter=StepState)
    reason: str
    unit_id: str | None
    at: datetime
