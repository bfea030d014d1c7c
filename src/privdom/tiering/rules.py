"""
Which tier a customer belongs to: schemes as values, and the pure decision.

A scheme names dimensions, turns a fact of each into a label, and maps every
combination of labels to one tier. A scheme that leaves a combination open cannot
be made.
"""

from __future__ import annotations

import math
import re

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import product

import attrs

from privdom._facts import limits
from privdom.errors import UsageError


__all__ = [
    "Band",
    "Category",
    "Decision",
    "Dimension",
    "Previous",
    "Tier",
    "TierRule",
    "TierScheme",
    "evaluate",
    "suggest_bands",
]

# Ids become parts of fact names and of the owners of tags, 64 characters long, so they stay plain words.
_ID = re.compile(r"[\w.-]{1,56}")
# A table is checked combination by combination; more than these is a scheme nobody can read.
_MOST_COMBINATIONS = 10_000


def _check_tag(what: str, name: str) -> None:
    if not 1 <= len(name) <= limits.TAG_NAME_CHARS:
        msg = f"the {what} must have 1 to {limits.TAG_NAME_CHARS} characters"
        raise UsageError(msg)


def _check_id(what: str, value: str) -> None:
    if not _ID.fullmatch(value):
        msg = f"the {what} {value!r} must be 1 to 56 letters, digits, '_', '-' or '.'"
        raise UsageError(msg)


def _refuse_twice(what: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            msg = f"the {what} {value!r} stands twice"
            raise UsageError(msg)
        seen.add(value)


@attrs.frozen
class Band:
    """
    A range of a number, from *at_least* up to the next band.

    Args:
        label: Its name in the table.
        at_least: Where it begins; the lowest band of a dimension leaves it out, and
            begins at minus infinity.
        leave_below: A customer who is in this band or a higher one stays until the
            number is less than this; at most *at_least*, which is the default. The
            room between the two keeps customers from flapping between tiers.
    """

    label: str
    at_least: float = -math.inf
    leave_below: float | None = None

    def __attrs_post_init__(self) -> None:
        if not self.label:
            msg = "a band needs a label"
            raise UsageError(msg)
        if math.isnan(self.at_least) or self.at_least == math.inf:
            msg = f"at_least of band {self.label!r} must be a number, or left out for the lowest band"
            raise UsageError(msg)
        if self.leave_below is not None and not self.leave_below <= self.at_least:
            msg = f"leave_below of band {self.label!r} must not be above at_least"
            raise UsageError(msg)

    @property
    def floor(self) -> float:
        """Where a customer who is in the band leaves it."""
        return self.at_least if self.leave_below is None else self.leave_below


@attrs.frozen
class Dimension:
    """
    A dimension read from a number, such as what a customer has paid.

    Args:
        name: How the table calls it.
        fact: The fact that holds the number.
        bands: From the lowest to the highest.
        default: The number of a customer who has no such fact.
    """

    name: str
    fact: str
    bands: tuple[Band, ...] = attrs.field(converter=tuple[Band, ...])
    default: float = 0.0

    def __attrs_post_init__(self) -> None:
        _check_dimension(self.name, self.fact)
        if math.isnan(self.default):
            msg = f"the default of dimension {self.name!r} must be a number"
            raise UsageError(msg)
        if not self.bands or self.bands[0].at_least != -math.inf:
            msg = f"the first band of dimension {self.name!r} must leave at_least out: some number would have no label"
            raise UsageError(msg)
        _refuse_twice(f"label of dimension {self.name!r}", self.labels_in_order)
        for low, high in zip(self.bands, self.bands[1:], strict=False):
            if not low.at_least < high.at_least:
                msg = f"the bands of dimension {self.name!r} overlap: {high.label!r} must begin above {low.label!r}"
                raise UsageError(msg)
            if high.floor < low.floor:
                msg = f"band {high.label!r} of dimension {self.name!r} is left below {low.label!r}, under it"
                raise UsageError(msg)

    @property
    def labels_in_order(self) -> tuple[str, ...]:
        """All labels, from the lowest band to the highest."""
        return tuple(band.label for band in self.bands)

    def label(self, value: object, previous: str | None = None) -> str:
        """
        Return the label of *value*, for a customer whose label was *previous*.

        Raises:
            UsageError: The fact holds something other than a number.
        """
        number = self.default if value is None else _number(self.fact, value)
        bands = self.bands
        # Being in a band means having entered every band below it too, so each of
        # these is left at its own floor.
        was = next((i for i, band in enumerate(bands) if band.label == previous), -1)
        for i in range(len(bands) - 1, 0, -1):
            band = bands[i]
            if number >= (band.floor if i <= was else band.at_least):
                return band.label
        return bands[0].label


def _copy(labels: Mapping[str, str]) -> Mapping[str, str]:
    return dict(labels)


@attrs.frozen
class Category:
    """
    A dimension read from a text, such as the channel a customer came from.

    Args:
        name: How the table calls it.
        fact: The fact that holds the text; true and false count as these words.
        labels: From values of the fact to labels; several values may share one.
        default: The label of every other value, and of a customer without the fact.
    """

    name: str
    fact: str
    labels: Mapping[str, str] = attrs.field(converter=_copy, hash=False)
    default: str

    def __attrs_post_init__(self) -> None:
        _check_dimension(self.name, self.fact)
        if not self.default or not all(self.labels.values()):
            msg = f"the labels of dimension {self.name!r} must not be empty"
            raise UsageError(msg)

    @property
    def labels_in_order(self) -> tuple[str, ...]:
        """All labels, the default last unless it is named before."""
        return tuple(dict.fromkeys([*self.labels.values(), self.default]))

    def label(self, value: object, previous: str | None = None) -> str:
        """Return the label of *value*."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return self.default if value is None else self.labels.get(text, self.default)


def _check_dimension(name: str, fact: str) -> None:
    if not name.isidentifier() or name == "tier":
        msg = f"the dimension {name!r} must be named by a word that Python takes for an argument, other than 'tier'"
        raise UsageError(msg)
    if not fact:
        msg = f"dimension {name!r} must name the fact it is read from"
        raise UsageError(msg)


def _number(fact: str, value: object) -> float:
    if isinstance(value, (int, float)) and not math.isnan(value):
        return value
    msg = f"the fact {fact!r} must hold a number; make it a Category to read texts"
    raise UsageError(msg)


@attrs.frozen
class Tier:
    """One tier of a scheme, and the corp tag that its customers wear, if any."""

    id: str
    tag: str | None = None

    def __attrs_post_init__(self) -> None:
        _check_id("id of a tier", self.id)
        if self.tag is not None:
            _check_tag(f"tag of tier {self.id!r}", self.tag)


def _one_or_more(labels: str | Iterable[str]) -> tuple[str, ...]:
    return (labels,) if isinstance(labels, str) else tuple(labels)


@attrs.frozen(init=False, repr=False)
class TierRule:
    """
    A line of the table: the tier of customers whose labels are among those given.

    A dimension that is not named may have any label; so a rule without dimensions
    catches all that is left.

    ::

        TierRule("A", payment=("repeat", "first"), quality="high")
        TierRule("C")
    """

    tier: str
    labels: tuple[tuple[str, tuple[str, ...]], ...]

    def __init__(self, tier: str, **labels: str | Iterable[str]) -> None:
        pairs = tuple((name, _one_or_more(values)) for name, values in labels.items())
        for name, values in pairs:
            if not values:
                msg = f"rule for tier {tier!r} allows no label of {name!r}, so it could never apply"
                raise UsageError(msg)
        self.__attrs_init__(tier, pairs)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Return whether the rule applies to a customer with *labels*, one for each dimension."""
        return all(labels[name] in values for name, values in self.labels)

    def __repr__(self) -> str:
        named = "".join(f", {name}={values[0] if len(values) == 1 else values!r}" for name, values in self.labels)
        return f"TierRule({self.tier!r}{named})"


@attrs.frozen
class TierScheme:
    """
    How customers fall into tiers: dimensions, tiers, and a table from one to the other.

    Args:
        id: Its name; the tier of a customer is the fact ``tier.<id>``.
        dimensions: What counts: numbers (`Dimension`) and texts (`Category`).
        tiers: The best first; only a step to a worse one waits for *dwell*.
        table: Rules in order, the first that covers a customer decides. Every
            combination of labels must be covered, and every rule and tier reached.
        dwell: How long a customer stays in a tier at least before a worse one.
        tag_group: The corp tag group of the tiers' tags.
    """

    id: str
    dimensions: tuple[Dimension | Category, ...] = attrs.field(converter=tuple[Dimension | Category, ...])
    tiers: tuple[Tier, ...] = attrs.field(converter=tuple[Tier, ...])
    table: tuple[TierRule, ...] = attrs.field(converter=tuple[TierRule, ...])
    dwell: timedelta = attrs.field(default=timedelta(0), kw_only=True)
    tag_group: str = attrs.field(default="客户分层", kw_only=True)
    _decided: Mapping[tuple[str, ...], str] = attrs.field(init=False, repr=False, eq=False)
    _rank: Mapping[str, int] = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        _check_id("id of a scheme", self.id)
        if not self.dimensions or not self.tiers:
            msg = f"scheme {self.id!r} needs dimensions and tiers"
            raise UsageError(msg)
        if self.dwell < timedelta(0):
            msg = f"the dwell of scheme {self.id!r} must not be negative"
            raise UsageError(msg)
        _check_tag("tag_group", self.tag_group)
        _refuse_twice("dimension", [d.name for d in self.dimensions])
        _refuse_twice("tier", [tier.id for tier in self.tiers])
        _refuse_twice("tier tag", [tier.tag for tier in self.tiers if tier.tag])
        self._check_names()
        object.__setattr__(self, "_rank", {tier.id: i for i, tier in enumerate(self.tiers)})
        object.__setattr__(self, "_decided", self._decide_all())

    def _check_names(self) -> None:
        known = {d.name: d.labels_in_order for d in self.dimensions}
        tiers = [tier.id for tier in self.tiers]
        for rule in self.table:
            if rule.tier not in tiers:
                msg = f"{rule!r} leads to no tier of scheme {self.id!r}; its tiers are {', '.join(tiers)}"
                raise UsageError(msg)
            for name, values in rule.labels:
                if name not in known:
                    msg = f"{rule!r} names no dimension of scheme {self.id!r}; they are {', '.join(known)}"
                    raise UsageError(msg)
                for value in values:
                    if value not in known[name]:
                        msg = f"{rule!r}: {name} has no label {value!r}; it has {', '.join(known[name])}"
                        raise UsageError(msg)

    def _decide_all(self) -> dict[tuple[str, ...], str]:
        sizes = math.prod(len(d.labels_in_order) for d in self.dimensions)
        if sizes > _MOST_COMBINATIONS:
            msg = f"scheme {self.id!r} has {sizes} combinations of labels; {_MOST_COMBINATIONS} are the most"
            raise UsageError(msg)
        decided: dict[tuple[str, ...], str] = {}
        unused = dict.fromkeys(range(len(self.table)))
        for combination in product(*(d.labels_in_order for d in self.dimensions)):
            labels = dict(zip((d.name for d in self.dimensions), combination, strict=True))
            found = next((i for i, rule in enumerate(self.table) if rule.covers(labels)), None)
            if found is None:
                missing = ", ".join(f"{name}={label}" for name, label in labels.items())
                msg = f"no rule of scheme {self.id!r} covers {missing}; end the table with a TierRule for all the rest"
                raise UsageError(msg)
            decided[combination] = self.table[found].tier
            unused.pop(found, None)
        for i in unused:
            msg = f"{self.table[i]!r} can never apply: rules above it cover all it covers"
            raise UsageError(msg)
        for tier in self.tiers:
            if tier.id not in decided.values():
                msg = f"no rule of scheme {self.id!r} leads to tier {tier.id!r}"
                raise UsageError(msg)
        return decided

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of the facts it reads."""
        return tuple(dict.fromkeys(d.fact for d in self.dimensions))

    def tier_of(self, labels: Mapping[str, str]) -> str:
        """Return the tier of a combination of *labels*, one for each dimension."""
        return self._decided[tuple(labels[d.name] for d in self.dimensions)]

    def is_worse(self, tier: str, than: str) -> bool:
        """Return whether *tier* stands below *than*; never if one of them is not of this scheme."""
        return tier in self._rank and than in self._rank and self._rank[tier] > self._rank[than]


@attrs.frozen
class Previous:
    """What was decided for a customer before."""

    tier: str
    labels: Mapping[str, str] = attrs.field(hash=False)
    since: datetime


@attrs.frozen
class Decision:
    """
    A customer's tier, and why.

    Attributes:
        tier: The tier's id.
        labels: The label of each dimension; hysteresis goes by them next time.
        reason: What led to it, in words.
    """

    tier: str
    labels: Mapping[str, str] = attrs.field(hash=False)
    reason: str


def evaluate(scheme: TierScheme, facts: Mapping[str, object], previous: Previous | None, now: datetime) -> Decision:
    """
    Decide the tier of one customer.

    Args:
        scheme: The scheme.
        facts: The customer's facts by name; those that are missing take the defaults.
        previous: What was decided before, or None.
        now: The present moment, aware.

    Raises:
        UsageError: A fact does not hold what its dimension reads.
    """
    before: Mapping[str, str] = {} if previous is None else previous.labels
    labels = {d.name: d.label(facts.get(d.fact), before.get(d.name)) for d in scheme.dimensions}
    tier = scheme.tier_of(labels)
    if previous is None:
        return Decision(tier, labels, "first: " + ", ".join(f"{name} {label}" for name, label in labels.items()))
    if scheme.is_worse(tier, previous.tier) and now - previous.since < scheme.dwell:
        until = previous.since + scheme.dwell
        return Decision(previous.tier, labels, f"stays until {until:%Y-%m-%d %H:%M %Z}, then {tier}")
    changed = [f"{name} {before.get(name)} -> {label}" for name, label in labels.items() if before.get(name) != label]
    if changed:
        return Decision(tier, labels, ", ".join(changed))
    if tier == previous.tier:
        return Decision(tier, labels, "unchanged")
    # Either the stay is over, or the scheme was changed.
    return Decision(tier, labels, "by " + ", ".join(f"{name} {label}" for name, label in labels.items()))


def suggest_bands(values: Iterable[float], n: int) -> tuple[Band, ...]:
    """
    Return up to *n* bands, ``q1`` the lowest, that split *values* into equally large parts.

    Each begins at a quantile; two at which the values are the same become one.

    Raises:
        UsageError: There are no values, or *n* is less than 2.
    """
    ordered = sorted(values)
    if not ordered or n < 2:
        msg = "suggest_bands needs values, and n of 2 or more"
        raise UsageError(msg)
    cuts = dict.fromkeys(ordered[len(ordered) * i // n] for i in range(1, n))
    starts = [-math.inf, *(cut for cut in cuts if cut > ordered[0])]
    return tuple(Band(f"q{i}", start) for i, start in enumerate(starts, 1))
