"""
What a customer's doings are worth: point rules and thresholds as values, and the decisions about them.

Pure: events and earlier counts come in, awards come out. Nothing here knows of a
database, a clock or WeCom.
"""

from __future__ import annotations

import re

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum

import attrs

from privdom._facts import limits
from privdom.errors import UsageError


__all__ = [
    "CHINA",
    "Award",
    "Condition",
    "Crossing",
    "CustomerEvent",
    "LimitKey",
    "PointRule",
    "ScoreRules",
    "Threshold",
    "amount_over",
    "candidates",
    "cross",
    "limit",
    "score",
]

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""The day of a daily cap begins at midnight here, unless the rules name another time zone."""

# Ids become parts of fact names, of the owners of tags, 64 characters long, and of unique keys, so they stay plain words.
_ID = re.compile(r"[\w.-]{1,56}")


def _check_tag(what: str, name: str) -> None:
    if not 1 <= len(name) <= limits.TAG_NAME_CHARS:
        msg = f"the {what} must have 1 to {limits.TAG_NAME_CHARS} characters"
        raise UsageError(msg)


def _check_id(what: str, value: str) -> None:
    if not _ID.fullmatch(value):
        msg = f"the {what} {value!r} must be 1 to 56 letters, digits, '_', '-' or '.'"
        raise UsageError(msg)


def _amount(value: Decimal | int | str | None) -> Decimal | None:
    if value is None or (isinstance(value, Decimal) and value.is_finite()):
        return value
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("NaN")
        if amount.is_finite():
            return amount
    msg = "an amount must be a finite Decimal, an int or a str such as '99.90'; a float would not be exact"
    raise UsageError(msg)


@attrs.frozen
class CustomerEvent:
    """
    Something a customer did, told by your shop, your mini program or your staff.

    Args:
        id: Your own id of it, such as the order number: the same id for the same
            customer never brings the same points twice.
        kind: What happened, as the rules name it: ``"purchase"``, ``"share"`` ...
        external_userid: Who did it.
        at: When, aware.
        amount: How much was paid, for events where that counts. Exact: no floats.
    """

    id: str
    kind: str
    external_userid: str
    at: datetime
    amount: Decimal | None = attrs.field(default=None, converter=_amount)

    def __attrs_post_init__(self) -> None:
        if not (self.id and self.kind and self.external_userid):
            msg = "an event needs an id, a kind and an external_userid"
            raise UsageError(msg)
        if len(self.id) > _EVENT_ID_LENGTH or not self.id.isprintable():
            msg = f"the id of an event may have up to {_EVENT_ID_LENGTH} printable characters"
            raise UsageError(msg)
        if self.at.tzinfo is None:
            msg = "the time of an event must be aware: datetime(..., tzinfo=...)"
            raise UsageError(msg)


_EVENT_ID_LENGTH = 128

Condition = Callable[[CustomerEvent], bool]
"""Whether a rule applies to an event of its kind; any function of the event alone, such as `amount_over`."""


@attrs.frozen
class _AmountOver:
    amount: Decimal

    def __call__(self, event: CustomerEvent) -> bool:
        return event.amount is not None and event.amount > self.amount

    def __repr__(self) -> str:
        return f"amount_over({str(self.amount)!r})"


def amount_over(amount: Decimal | int | str) -> Condition:
    """Return the condition that more than *amount* was paid; an event without an amount does not meet it."""
    bound = _amount(amount)
    if bound is None:
        msg = "amount_over needs an amount"
        raise UsageError(msg)
    return _AmountOver(bound)


@attrs.frozen
class PointRule:
    """
    Points for one kind of event.

    Args:
        id: Its name in the ledger. Never give it to another rule: the ledger goes by it.
        on: The kind of event it looks at.
        points: What an event brings; less than nothing to take points away, never 0.
        when: A further condition, such as ``amount_over("100")``.
        once: Only the first such event of each customer counts.
        cap_per_day: How many such events of each customer count per day.
    """

    id: str
    on: str
    points: int
    when: Condition | None = attrs.field(default=None, kw_only=True)
    once: bool = attrs.field(default=False, kw_only=True)
    cap_per_day: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_id("id of a rule", self.id)
        if not self.on:
            msg = f"rule {self.id!r} must name the kind of event it looks at"
            raise UsageError(msg)
        if not _is_int(self.points) or self.points == 0:
            msg = f"the points of rule {self.id!r} must be a whole number other than 0"
            raise UsageError(msg)
        if self.cap_per_day is not None and (not _is_int(self.cap_per_day) or self.cap_per_day < 1):
            msg = f"cap_per_day of rule {self.id!r} must be 1 or more, or None for no cap"
            raise UsageError(msg)
        if self.once and self.cap_per_day is not None:
            msg = f"rule {self.id!r} counts once in all, so it can have no cap_per_day"
            raise UsageError(msg)


@attrs.frozen
class Threshold:
    """
    A balance at which a customer becomes something, such as a super user (超级用户).

    Args:
        id: Its name in the event log and the ledger of crossings.
        at_least: The balance that reaches it.
        tag: The corp tag that is put on every relation of the customer, in the
            group that `ScoreRules` names.
        drop_below: Take the tag away once the balance is less than this; None keeps
            it for good. Reaching the threshold again puts the tag back, but is told
            to nobody a second time.
    """

    id: str
    at_least: int
    tag: str | None = None
    drop_below: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_id("id of a threshold", self.id)
        if not _is_int(self.at_least):
            msg = f"at_least of threshold {self.id!r} must be a whole number"
            raise UsageError(msg)
        if self.tag is not None:
            _check_tag(f"tag of threshold {self.id!r}", self.tag)
        if self.drop_below is not None and (not _is_int(self.drop_below) or self.drop_below > self.at_least):
            msg = f"drop_below of threshold {self.id!r} must be a whole number not above at_least"
            raise UsageError(msg)


@attrs.frozen
class ScoreRules:
    """
    One account of points: what brings them, and what they lead to.

    Args:
        account: The account's name; balances are the facts ``points.<account>``.
        rules: Each event is held against all of them, and may bring points by several.
        thresholds: What a balance leads to.
        tag_group: The corp tag group of the thresholds' tags.
        timezone: Where the days of daily caps begin.
    """

    account: str = "points"
    rules: tuple[PointRule, ...] = attrs.field(default=(), converter=tuple[PointRule, ...])
    thresholds: tuple[Threshold, ...] = attrs.field(default=(), converter=tuple[Threshold, ...])
    tag_group: str = attrs.field(default="积分", kw_only=True)
    timezone: tzinfo = attrs.field(default=CHINA, kw_only=True)
    _by_kind: Mapping[str, tuple[PointRule, ...]] = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        _check_id("name of an account", self.account)
        if not self.rules:
            msg = "give at least one PointRule"
            raise UsageError(msg)
        _check_tag("tag_group", self.tag_group)
        _refuse_twice("rule id", [rule.id for rule in self.rules])
        _refuse_twice("threshold id", [t.id for t in self.thresholds])
        _refuse_twice("threshold at_least", [t.at_least for t in self.thresholds])
        _refuse_twice("threshold tag", [t.tag for t in self.thresholds if t.tag])
        kinds: dict[str, tuple[PointRule, ...]] = {}
        for rule in self.rules:
            kinds[rule.on] = (*kinds.get(rule.on, ()), rule)
        object.__setattr__(self, "_by_kind", kinds)

    def of_kind(self, kind: str) -> tuple[PointRule, ...]:
        """Return the rules that look at events of *kind*, in order."""
        return self._by_kind.get(kind, ())

    def day(self, at: datetime) -> int:
        """Return the day of *at* as a number, counted where these rules' days begin."""
        return at.astimezone(self.timezone).toordinal()


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse_twice(what: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            msg = f"the {what} {value!r} stands twice"
            raise UsageError(msg)
        seen.add(value)


@attrs.frozen
class Award:
    """Points that an event brings by one rule."""

    rule: str
    source_event: str
    external_userid: str
    points: int
    at: datetime
    day: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What the ledger knows it by: rule, source event and customer."""
        return (self.rule, self.source_event, self.external_userid)


def candidates(rules: ScoreRules, events: Iterable[CustomerEvent]) -> list[Award]:
    """Return what *events* bring before limits, each (rule, event, customer) once, in order."""
    awards: dict[tuple[str, str, str], Award] = {}
    for event in events:
        matching = [rule for rule in rules.of_kind(event.kind) if rule.when is None or rule.when(event)]
        if not matching:
            continue
        day = rules.day(event.at)
        for rule in matching:
            award = Award(rule.id, event.id, event.external_userid, rule.points, event.at, day)
            awards.setdefault(award.key, award)
    return list(awards.values())


LimitKey = tuple[str, str, int | None]
"""What a limit counts by: rule, customer, and the day, or None for a rule that counts once in all."""


def limit(rules: ScoreRules, awards: Iterable[Award], used: Mapping[LimitKey, int]) -> tuple[list[Award], list[Award]]:
    """
    Split *awards* into those that the rules' limits let through and those they do not.

    Args:
        rules: Where the limits stand.
        awards: New ones, none of them counted in *used*.
        used: How often each limited rule has paid before; reversed awards count too,
            so that telling the same events again never pays more.
    """
    limited = {rule.id: rule for rule in rules.rules if rule.once or rule.cap_per_day is not None}
    counts = dict(used)
    granted: list[Award] = []
    refused: list[Award] = []
    for award in awards:
        rule = limited.get(award.rule)
        if rule is not None:
            key = (award.rule, award.external_userid, None if rule.once else award.day)
            count = counts.get(key, 0)
            if count >= (rule.cap_per_day or 1):
                refused.append(award)
                continue
            counts[key] = count + 1
        granted.append(award)
    return granted, refused


def score(rules: ScoreRules, events: Iterable[CustomerEvent]) -> list[Award]:
    """
    Return what *events* bring, were they all there is.

    The sums per customer do not depend on the order of the events; which of them a
    limited rule pays for does.
    """
    granted, _ = limit(rules, candidates(rules, events), {})
    return granted


class Crossing(StrEnum):
    """How a balance met a threshold."""

    REACHED = "reached"
    """For the first time: the tag is put on and the event log is told."""
    REGAINED = "regained"
    """Again, after it was lost: the tag is put back."""
    LOST = "lost"
    """It fell under ``drop_below``: the tag is taken away."""


def cross(threshold: Threshold, held: bool | None, balance: int) -> Crossing | None:
    """
    Return what a *balance* means for *threshold*, or None if nothing changes.

    Args:
        threshold: The threshold.
        held: Whether the customer holds it now; None if it was never reached.
        balance: The new balance.
    """
    if held:
        if threshold.drop_below is not None and balance < threshold.drop_below:
            return Crossing.LOST
        return None
    if balance < threshold.at_least:
        return None
    return Crossing.REACHED if held is None else Crossing.REGAINED
