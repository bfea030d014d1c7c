"""What each answer of WeCom means for one customer of a migration; pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum, StrEnum

import attrs

from privdom._facts.errcodes import ERRCODES
from privdom.errors import UsageError


__all__ = [
    "Fact",
    "ItemState",
    "ResultRecord",
    "ResultStatus",
    "errcode_reason",
    "fact_of_errcode",
    "fact_of_records",
    "next_state",
    "takeover_time_of",
]


class ItemState(StrEnum):
    """
    Where one customer of a migration is.

    ::

        planned -> submitted -> waiting (24 h) -> succeeded | refused | capacity | failed
                             -> cooldown, and the same
        left_out: never part of it
    """

    PLANNED = "planned"
    SUBMITTED = "submitted"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    CAPACITY = "capacity"
    COOLDOWN = "cooldown"
    FAILED = "failed"
    LEFT_OUT = "left_out"

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to the item."""
        return self not in _OPEN


_OPEN = frozenset({ItemState.PLANNED, ItemState.SUBMITTED, ItemState.WAITING})


class Fact(StrEnum):
    """What became known about an item."""

    SUBMITTED = "submitted"
    STARTED = "started"
    DONE = "done"
    REFUSED = "refused"
    FULL = "full"
    TOO_OFTEN = "too_often"
    BROKEN = "broken"


_ENDS = {
    Fact.DONE: ItemState.SUCCEEDED,
    Fact.REFUSED: ItemState.REFUSED,
    Fact.FULL: ItemState.CAPACITY,
    Fact.BROKEN: ItemState.FAILED,
}
_NEXT: dict[ItemState, dict[Fact, ItemState]] = {
    ItemState.PLANNED: {Fact.SUBMITTED: ItemState.SUBMITTED},
    # The customer's answer can overtake ours: a lost response, found again a day later.
    ItemState.SUBMITTED: {
        Fact.STARTED: ItemState.WAITING,
        Fact.TOO_OFTEN: ItemState.COOLDOWN,
        **_ENDS,
    },
    ItemState.WAITING: _ENDS,
}


def next_state(state: ItemState, fact: Fact) -> ItemState:
    """
    Return the state that *fact* leads to.

    Raises:
        UsageError: The fact cannot happen in this state.
    """
    try:
        return _NEXT[state][fact]
    except KeyError:
        msg = f"an item that is {state} cannot become {fact}"
        raise UsageError(msg) from None


_ERRCODE_FACTS = {0: Fact.STARTED, 40099: Fact.FULL, 40128: Fact.TOO_OFTEN}


def fact_of_errcode(errcode: int) -> Fact:
    """Return what the errcode of one customer in the answer of transfer_customer means (92125)."""
    return _ERRCODE_FACTS.get(errcode, Fact.BROKEN)


def errcode_reason(errcode: int) -> str:
    """Return the sentence to show for *errcode*; empty for 0."""
    if not errcode:
        return ""
    fact = ERRCODES.get(errcode)
    return f"{errcode}: {fact.meaning}" if fact else f"errcode {errcode}"


class ResultStatus(IntEnum):
    """The statuses of transfer_result (94088)."""

    DONE = 1
    WAITING = 2
    REFUSED = 3
    FULL = 4


@attrs.frozen
class ResultRecord:
    """One record of transfer_result; WeCom keeps one for every attempt and does not say which attempt it is."""

    external_userid: str
    status: int
    takeover_time: datetime | None


def fact_of_records(records: Iterable[ResultRecord], submitted_at: datetime, *, accepted: bool) -> Fact | None:
    """
    Return what *records*, all of one pair and one customer, say of the attempt of *submitted_at*; None if nothing yet.

    A customer is in one transfer at a time, so a time of take-over after the submission is this attempt's. Refusals
    carry no time: they count when WeCom had *accepted* the attempt and no record says that it is done or waiting.
    """
    records = list(records)
    timed = {r.status for r in records if _is_ours(r, submitted_at)}
    if ResultStatus.DONE in timed:
        return Fact.DONE
    if ResultStatus.WAITING in timed:
        return None if accepted else Fact.STARTED
    found = timed | {r.status for r in records if accepted and r.takeover_time is None}
    if ResultStatus.FULL in found:
        return Fact.FULL
    if ResultStatus.REFUSED in found:
        return Fact.REFUSED
    return None


def takeover_time_of(records: Iterable[ResultRecord], submitted_at: datetime) -> datetime | None:
    """Return when the attempt of *submitted_at* takes or took effect, where *records* say."""
    return max((r.takeover_time for r in records if r.takeover_time and _is_ours(r, submitted_at)), default=None)


def _is_ours(record: ResultRecord, submitted_at: datetime) -> bool:
    # WeCom's times are whole seconds.
    return record.takeover_time is not None and record.takeover_time >= submitted_at.replace(microsecond=0)
