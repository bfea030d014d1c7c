"""
What a live code is, and which staff should stand behind it now: values and decisions, no I/O.

The answer depends on the clock, on today's counts and on who is switched off. It
comes with the next moment at which the clock alone may change it.
"""

from __future__ import annotations

import re

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from string import Formatter
from zoneinfo import ZoneInfo

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom.messages import Attachment


__all__ = ["CHINA", "ChannelCode", "Desired", "Shift", "desired_staff", "local_day", "personal_text"]

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""Shifts and days are in this time zone, unless a code is given another."""

ALL_WEEK = frozenset(range(7))
# Ids become WeCom's `state` and part of the names of facts and owners.
_ID = re.compile(rf"[A-Za-z0-9_.-]{{1,{limits.STATE_CHARS}}}")
# Room for the longest name a customer can have.
_NAME_BYTES = 128
_DAY = timedelta(days=1)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        msg = f"a list is due, not one text: write [{values!r}]"
        raise UsageError(msg)
    return tuple(dict.fromkeys(values))


def _shifts(values: Iterable[Shift]) -> tuple[Shift, ...]:
    return tuple(values)


def _attachments(values: Iterable[Attachment]) -> tuple[Attachment, ...]:
    return tuple(values)


@attrs.frozen
class Shift:
    """
    Hours in which staff are on duty, from *start* up to, but not including, *end*.

    Args:
        start: Local time of day.
        end: Local time of day; not later than *start*, it is the next day's, so that 22:00 to 06:00 is a night and
            00:00 to 00:00 a whole day.
        weekdays: The days on which it starts, Monday is 0. A night that starts on Friday lasts into Saturday.
        staff: Who is on duty; empty: all staff of the code.

    Raises:
        UsageError: A weekday is not 0 to 6, there is none, or a time has a zone of its own.
    """

    start: time
    end: time
    weekdays: frozenset[int] = attrs.field(default=ALL_WEEK, converter=frozenset)
    staff: tuple[str, ...] = attrs.field(default=(), converter=_unique)

    def __attrs_post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= ALL_WEEK:
            msg = f"weekdays are some of 0 (Monday) to 6 (Sunday), not {sorted(self.weekdays)}"
            raise UsageError(msg)
        if self.start.tzinfo or self.end.tzinfo:
            msg = "the times of a shift are local: leave their tzinfo out, and give the code its zone"
            raise UsageError(msg)

    def span(self, day: date, zone: tzinfo) -> tuple[datetime, datetime] | None:
        """Return the half-open range of the shift that starts on *day*, None if none does."""
        if day.weekday() not in self.weekdays:
            return None
        last = day if self.end > self.start else day + _DAY
        return (
            datetime.combine(day, self.start, zone).astimezone(UTC),
            datetime.combine(last, self.end, zone).astimezone(UTC),
        )


@attrs.frozen
class ChannelCode:
    """
    A QR code of a channel (渠道活码): printed once, while the staff behind it change.

    Args:
        id: Plain characters, at most 30: WeCom's ``state``, by which customers of this code are known. It never
            changes.
        channel: Where the code is shown, as reports call it: ``地铁海报``.
        staff: Who takes customers, 1 to 100 userids.
        backup_staff: Who takes them when nobody of *staff* may. The daily cap does not hold for them.
        daily_add_cap: How many customers a staff gets by this code on a day at most.
        shifts: When staff are on duty; none: always.
        tags: Corp tags of each customer: names, ``group/name``, or ids.
        welcome: Text of the welcome message. ``{name}`` becomes the customer's name, ``{{`` and ``}}`` are braces.
        attachments: Of the welcome message, at most 9.
        auto_accept: Whether customers are added without the staff's confirmation.
        zone: Time zone of shifts and days.

    Raises:
        UsageError: A value is out of its limits; the message says which.
    """

    id: str
    channel: str
    staff: tuple[str, ...] = attrs.field(converter=_unique)
    backup_staff: tuple[str, ...] = attrs.field(default=(), converter=_unique, kw_only=True)
    daily_add_cap: int | None = attrs.field(default=None, kw_only=True)
    shifts: tuple[Shift, ...] = attrs.field(default=(), converter=_shifts, kw_only=True)
    tags: tuple[str, ...] = attrs.field(default=(), converter=_unique, kw_only=True)
    welcome: str = attrs.field(default="", kw_only=True)
    attachments: tuple[Attachment, ...] = attrs.field(default=(), converter=_attachments, kw_only=True)
    auto_accept: bool = attrs.field(default=True, kw_only=True)
    zone: ZoneInfo | timezone = attrs.field(default=CHINA, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            msg = f"id {self.id!r} must be 1 to {limits.STATE_CHARS} letters, digits, dots, dashes or underscores"
            raise UsageError(msg)
        if not self.channel.strip():
            msg = f"code {self.id} has no channel: name the place where it is shown"
            raise UsageError(msg)
        for name, staff, least in (("staff", self.staff, 1), ("backup_staff", self.backup_staff, 0)):
            if not least <= len(staff) <= limits.CODE_STAFF or not all(staff):
                msg = f"{name} of code {self.id} must be {least} to {limits.CODE_STAFF} userids, not {len(staff)}"
                raise UsageError(msg)
        strangers = {one for shift in self.shifts for one in shift.staff} - set(self.staff)
        if strangers:
            msg = f"shifts of code {self.id} name {sorted(strangers)}, who are not among its staff"
            raise UsageError(msg)
        if self.daily_add_cap is not None and self.daily_add_cap < 1:
            msg = f"daily_add_cap of code {self.id} must be at least 1, or None for no cap"
            raise UsageError(msg)
        if not isinstance(self.zone, timezone) and not getattr(self.zone, "key", ""):
            msg = f"zone of code {self.id} must be a ZoneInfo or a datetime.timezone, so that it can be stored"
            raise UsageError(msg)
        self._check_welcome()

    def _check_welcome(self) -> None:
        if len(self.attachments) > limits.MESSAGE_ATTACHMENTS:
            msg = f"code {self.id} has {len(self.attachments)} attachments; WeCom takes {limits.MESSAGE_ATTACHMENTS}"
            raise UsageError(msg)
        size = len(self.welcome.encode()) + _NAME_BYTES * self.welcome.count("{name}")
        if size > limits.MESSAGE_TEXT_BYTES:
            msg = f"the welcome text of code {self.id} may reach {size} bytes; WeCom takes {limits.MESSAGE_TEXT_BYTES}"
            raise UsageError(msg)
        try:
            unknown = _placeholders(self.welcome) - {"name"}
        except ValueError:
            msg = f"the welcome text of code {self.id} has a single brace: write {{{{ or }}}} for a brace"
            raise UsageError(msg) from None
        if unknown:
            msg = f"the welcome text of code {self.id} holds {sorted(unknown)}: only {{name}} can be filled in"
            raise UsageError(msg)

    @property
    def greets(self) -> bool:
        """Whether it has a welcome message."""
        return bool(self.welcome or self.attachments)


@attrs.frozen
class Desired:
    """
    Who should stand behind a code.

    Attributes:
        staff: The userids, in the order of the code; empty if nobody may take customers.
        backup: Whether these are the backups.
        next_change_at: When the clock may next change the answer; None: never.
    """

    staff: tuple[str, ...]
    backup: bool
    next_change_at: datetime | None


def desired_staff(
    code: ChannelCode, now: datetime, counts: Mapping[str, int], switched_off: Set[str] = frozenset()
) -> Desired:
    """
    Return who should stand behind *code* at *now*.

    Args:
        code: The code.
        now: Aware.
        counts: Customers that each staff got by this code today, by the code's own day.
        switched_off: Staff who take no customers for now.
    """
    on_duty, boundary = _duty(code, now)
    cap = code.daily_add_cap
    capped = {one for one in code.staff if cap is not None and counts.get(one, 0) >= cap}
    changes = [boundary]
    if capped:
        midnight = datetime.combine(local_day(now, code.zone) + _DAY, time(), code.zone)
        changes.append(midnight.astimezone(UTC))
    next_change_at = min((moment for moment in changes if moment is not None), default=None)
    staff = tuple(one for one in code.staff if one in on_duty and one not in switched_off and one not in capped)
    if staff:
        return Desired(staff, backup=False, next_change_at=next_change_at)
    backups = tuple(one for one in code.backup_staff if one not in switched_off)
    return Desired(backups, backup=bool(backups), next_change_at=next_change_at)


def local_day(moment: datetime, zone: tzinfo) -> date:
    """Return the day of *moment* in *zone*: what counts and caps go by."""
    return moment.astimezone(zone).date()


def personal_text(text: str, name: str) -> str:
    """Return a welcome text with the customer's name in it."""
    return text.format(name=name)


def _duty(code: ChannelCode, now: datetime) -> tuple[Set[str], datetime | None]:
    """Return who is on duty at *now*, and when that next changes."""
    if not code.shifts:
        return frozenset(code.staff), None
    on_duty: set[str] = set()
    boundaries: list[datetime] = []
    for shift, start, end in _spans(code, local_day(now, code.zone)):
        if start <= now < end:
            on_duty.update(shift.staff or code.staff)
        boundaries.extend(moment for moment in (start, end) if moment > now)
    return on_duty, min(boundaries, default=None)


def _spans(code: ChannelCode, today: date) -> Iterator[tuple[Shift, datetime, datetime]]:
    # From yesterday, whose night may last into today, to the same weekday next week.
    for offset in range(-1, 8):
        for shift in code.shifts:
            span = shift.span(today + timedelta(days=offset), code.zone)
            if span is not None:
                yield shift, *span


def _placeholders(text: str) -> set[str]:
    fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    # Anything but a bare name could reach into the value.
    return {name if not spec and not conversion else f"{name}:{spec}!{conversion}" for name, spec, conversion in fields}
