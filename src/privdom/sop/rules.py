"""
What a journey is, and when its steps are due: values and decisions, no I/O.

Journeys never change: another text or time makes another version, and a customer
finishes the version that they began.
"""

from __future__ import annotations

import re

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum

import attrs

from privdom.errors import UsageError
from privdom.wecom.messages import Attachment, NewMessage


__all__ = [
    "CHINA",
    "FINAL",
    "Day",
    "DueStep",
    "EnrolmentState",
    "Journey",
    "Step",
    "StepState",
    "due_times",
]

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""The days of a journey begin at midnight here, unless the service is given another time zone."""

# Ids become parts of fact names and of the ledger's keys, so they stay plain and short.
_ID = re.compile(r"[\w.-]{1,48}")
# As many as the outbox keeps.
_CATEGORY_CHARS = 32
# {name}, {{ customer.name }}, ${name} and %NAME%. Square brackets are emoji in WeChat: [微笑].
_PLACEHOLDER = re.compile(r"\{\{?\s*[\w. -]{1,40}\s*\}\}?|%[A-Z_]{3,}%")


class StepState(StrEnum):
    """Where one step of one customer stands."""

    WAITING = "waiting"
    """Not planned yet: not due, or paused."""
    PLANNED = "planned"
    """Part of a call that the outbox will make."""
    CONFIRMED = "confirmed"
    """WeCom has the task; the staff has not sent it yet."""
    SENT = "sent"
    CAPPED = "capped"
    """Held back by our own gate, or by WeCom since the customer has had too many messages."""
    MISSED = "missed"
    """Its window passed."""
    REFUSED = "refused"
    PARKED = "parked"
    """The outbox cannot tell whether WeCom has it: a human has to look."""
    FAILED = "failed"
    """WeCom could not deliver it."""
    EXITED = "exited"
    """The customer left the journey first."""


FINAL = frozenset(StepState) - {StepState.WAITING, StepState.PLANNED, StepState.CONFIRMED}
"""States in which nothing more happens to a step by itself; a human may still settle a parked one."""


class EnrolmentState(StrEnum):
    """Where a customer stands in a journey."""

    ACTIVE = "active"
    DONE = "done"
    EXITED = "exited"


def _hours_and_minutes(value: time) -> time:
    if value.tzinfo is not None:
        msg = "the time of a Day is local: leave its tzinfo out, and give the service a tz"
        raise UsageError(msg)
    return value


@attrs.frozen(order=True)
class Day:
    """
    A moment some days after the enrolment.

    Args:
        n: Days after the day of enrolment; ``Day(1)`` is the next day. For those who enrol on ``Day(0)`` after *at*,
            the step is missed: it is not sent at a time that nobody chose.
        at: The local time of day.
    """

    n: int
    at: time = attrs.field(default=time(10, 0), converter=_hours_and_minutes)

    def __attrs_post_init__(self) -> None:
        if self.n < 0:
            msg = f"Day({self.n}) is before the enrolment: days count from 0, the day of enrolment"
            raise UsageError(msg)


# Converters of their own: type checkers make nothing of ``converter=tuple``.
def _attachments(values: Iterable[Attachment]) -> tuple[Attachment, ...]:
    return tuple(values)


def _steps(values: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(values)


def _names(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        msg = f"exits= is a list of names: [{values!r}]"
        raise UsageError(msg)
    return tuple(values)


@attrs.frozen
class Step:
    """
    One message of a journey, to each customer once.

    Args:
        id: A plain word, unique in its journey; reports and events call the step by it.
        after: How long after the enrolment it is due: a timedelta, or a `Day` with a time of day.
        text: At most 4,000 bytes of UTF-8, the same for all customers: add_msg_template (92135) knows no
            placeholders.
        attachments: At most 9: ``privdom.wecom.messages.Link`` and its like. A media id lives for three days, the
            ``pic_url`` of an `Image` for good.
        window: How long after its due time it may still be sent. When it closes, what staff have not confirmed
            is cancelled; customers who share a task share the latest of their windows.

    Raises:
        UsageError: A value is out of its limits, or the text holds a placeholder.
    """

    id: str
    after: timedelta | Day
    text: str = ""
    attachments: tuple[Attachment, ...] = attrs.field(default=(), converter=_attachments)
    window: timedelta = timedelta(hours=24)

    def __attrs_post_init__(self) -> None:
        _check_id("step", self.id)
        if isinstance(self.after, timedelta) and self.after < timedelta(0):
            msg = f"step {self.id!r} is due before its enrolment: after= must not be negative"
            raise UsageError(msg)
        if self.window <= timedelta(0):
            msg = f"the window of step {self.id!r} must be longer than nothing"
            raise UsageError(msg)
        if not self.text.strip() and not self.attachments:
            msg = f"step {self.id!r} says nothing: give it a text or an attachment"
            raise UsageError(msg)
        try:
            NewMessage(text=self.text, attachments=self.attachments, sender="staff")
        except UsageError as e:
            msg = f"WeCom would refuse step {self.id!r}: {e}"
            raise UsageError(msg) from None
        if found := _PLACEHOLDER.search(self.text):
            msg = (
                f"step {self.id!r} holds the placeholder {found[0]}: a broadcast has one text for all customers; "
                "only welcome messages can be written for one"
            )
            raise UsageError(msg)


@attrs.frozen
class Journey:
    """
    The steps that a customer is led through.

    Args:
        id: A plain word. Saving a journey of the same id makes its next version.
        steps: In the order in which they are due, whatever the hour at which a customer enrols.
        exits: Names of facts. A customer for whom one of them is set, and neither false, zero nor empty, leaves when
            their next step is due: ``("paid",)``.
        reentry: How long after a customer left or finished they may be enrolled again; None: never.
        category: What the outbox's gate takes its messages for.

    Raises:
        UsageError: No steps, two of one id, or steps out of order.
    """

    id: str
    steps: tuple[Step, ...] = attrs.field(converter=_steps)
    exits: tuple[str, ...] = attrs.field(default=(), converter=_names)
    reentry: timedelta | None = None
    category: str = "marketing"

    def __attrs_post_init__(self) -> None:
        _check_id("journey", self.id)
        if not self.steps:
            msg = f"journey {self.id!r} has no steps"
            raise UsageError(msg)
        ids = [step.id for step in self.steps]
        for id_ in ids:
            if ids.count(id_) > 1:
                msg = f"two steps of journey {self.id!r} are called {id_!r}"
                raise UsageError(msg)
        for earlier, later in zip(self.steps, self.steps[1:], strict=False):
            if not _in_order(earlier.after, later.after):
                msg = (
                    f"step {later.id!r} of journey {self.id!r} is not due after step {earlier.id!r} for everybody: "
                    "order the steps, and keep a day between an offset and a Day"
                )
                raise UsageError(msg)
        if self.reentry is not None and self.reentry < timedelta(0):
            msg = "reentry= must not be negative"
            raise UsageError(msg)
        if not 1 <= len(self.category) <= _CATEGORY_CHARS:
            msg = f"the category of journey {self.id!r} must have 1 to {_CATEGORY_CHARS} characters"
            raise UsageError(msg)

    def step(self, id_: str) -> Step:
        """Return the step called *id_*."""
        return next(step for step in self.steps if step.id == id_)

    def exit_fact(self, facts: Mapping[str, object]) -> str | None:
        """Return the fact that makes a customer of whom *facts* are known leave, None if they stay."""
        return next((name for name in self.exits if facts.get(name)), None)


@attrs.frozen
class DueStep:
    """When one step is due for one enrolment, and until when it may be sent."""

    step_id: str
    due_at: datetime
    window_end: datetime
    state: StepState = StepState.WAITING
    reason: str = ""


PASSED_AT_ENROLMENT = "its time had passed when the customer enrolled"


def due_times(journey: Journey, enrolled_at: datetime, tz: tzinfo = CHINA) -> tuple[DueStep, ...]:
    """
    Return when each step of *journey* is due for somebody who enrols at *enrolled_at* (aware), in UTC.

    Offsets are real hours; a `Day` is the calendar's, whatever the clocks do in
    *tz*: a time that a change to summer time leaves out is taken an hour later,
    one that comes twice is taken the first time.
    """
    if enrolled_at.utcoffset() is None:
        msg = "the time of an enrolment must be aware: datetime(..., tzinfo=...)"
        raise UsageError(msg)
    enrolled_at = enrolled_at.astimezone(UTC)
    today = enrolled_at.astimezone(tz).date()
    due: list[DueStep] = []
    for step in journey.steps:
        if isinstance(step.after, timedelta):
            at = enrolled_at + step.after
        else:
            at = datetime.combine(today + timedelta(days=step.after.n), step.after.at, tz).astimezone(UTC)
        if at < enrolled_at:
            due.append(DueStep(step.id, at, at + step.window, StepState.MISSED, PASSED_AT_ENROLMENT))
        else:
            due.append(DueStep(step.id, at, at + step.window))
    return tuple(due)


def _in_order(earlier: timedelta | Day, later: timedelta | Day) -> bool:
    """Whether *earlier* comes first at whatever hour a customer enrols."""
    if isinstance(earlier, timedelta) and isinstance(later, timedelta):
        return earlier < later
    if isinstance(earlier, Day) and isinstance(later, Day):
        return earlier < later
    return _reach(earlier)[1] <= _reach(later)[0]


def _reach(after: timedelta | Day) -> tuple[timedelta, timedelta]:
    """Return how soon and how late after an enrolment *after* may come; who enrols at midnight waits longest."""
    if isinstance(after, timedelta):
        return after, after
    at = after.at
    longest = timedelta(after.n, at.second, at.microsecond, minutes=at.minute, hours=at.hour)
    return max(longest - timedelta(days=1), timedelta(0)), longest


def _check_id(what: str, value: str) -> None:
    if not _ID.fullmatch(value):
        msg = f"the id of a {what}, {value!r}, must be 1 to 48 letters, digits, '_', '-' or '.'"
        raise UsageError(msg)
