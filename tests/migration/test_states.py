"""What each answer means for one customer of a migration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import UsageError
from privdom.migration.rules import (
    Fact,
    ItemState,
    ResultRecord,
    errcode_reason,
    fact_of_errcode,
    fact_of_records,
    next_state,
)


SUBMITTED = datetime(2026, 3, 1, 9, 0, 0, 500_000, tzinfo=UTC)
DUE = SUBMITTED.replace(microsecond=0) + timedelta(days=1)
BEFORE = SUBMITTED - timedelta(days=30)


def records(*pairs: tuple[int, datetime | None]) -> list[ResultRecord]:
    return [ResultRecord("wm1", status, at) for status, at in pairs]


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ([Fact.SUBMITTED, Fact.STARTED, Fact.DONE], ItemState.SUCCEEDED),
        ([Fact.SUBMITTED, Fact.STARTED, Fact.REFUSED], ItemState.REFUSED),
        ([Fact.SUBMITTED, Fact.STARTED, Fact.FULL], ItemState.CAPACITY),
        ([Fact.SUBMITTED, Fact.STARTED, Fact.BROKEN], ItemState.FAILED),
        ([Fact.SUBMITTED, Fact.REFUSED], ItemState.REFUSED),
        ([Fact.SUBMITTED, Fact.FULL], ItemState.CAPACITY),
        ([Fact.SUBMITTED, Fact.TOO_OFTEN], ItemState.COOLDOWN),
        ([Fact.SUBMITTED, Fact.BROKEN], ItemState.FAILED),
        ([Fact.SUBMITTED, Fact.STARTED], ItemState.WAITING),
    ],
)
def test_the_way_of_an_item(path, end):
    """An item goes from planned through submitted and waiting to its end."""
    state = ItemState.PLANNED
    for fact in path:
        state = next_state(state, fact)

    assert end is state
    assert state.settled == (end is not ItemState.WAITING)


@given(st.sampled_from([state for state in ItemState if state.settled]), st.sampled_from(Fact))
def test_nothing_happens_to_a_settled_item(state, fact):
    """A settled item refuses every fact."""
    with pytest.raises(UsageError, match=str(state)):
        next_state(state, fact)


@pytest.mark.parametrize("fact", [fact for fact in Fact if fact is not Fact.SUBMITTED])
def test_a_planned_item_can_only_be_submitted(fact):
    """A planned item refuses everything but its submission."""
    with pytest.raises(UsageError):
        next_state(ItemState.PLANNED, fact)


@pytest.mark.parametrize("fact", [Fact.SUBMITTED, Fact.STARTED, Fact.TOO_OFTEN])
def test_a_waiting_item_does_not_start_again(fact):
    """A waiting item refuses what belongs to the start of a transfer."""
    with pytest.raises(UsageError):
        next_state(ItemState.WAITING, fact)


@pytest.mark.parametrize(
    ("errcode", "fact"),
    [
        (0, Fact.STARTED),
        (40099, Fact.FULL),
        (40128, Fact.TOO_OFTEN),
        (40129, Fact.BROKEN),
        (40100, Fact.BROKEN),
        (40096, Fact.BROKEN),
        (40131, Fact.BROKEN),
        (84061, Fact.BROKEN),
        (123456, Fact.BROKEN),
    ],
)
def test_what_an_errcode_of_one_customer_means(errcode, fact):
    """errcode 0 means started, 40099 full, 40128 too often, and everything else failed."""
    assert fact is fact_of_errcode(errcode)


def test_an_errcode_is_shown_with_its_meaning():
    """The reason names the errcode and, where it is known, its meaning."""
    assert "" == errcode_reason(0)
    assert errcode_reason(40129).startswith("40129: ")
    assert "errcode 999999" == errcode_reason(999999)


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        ([], None),
        ([(1, DUE)], Fact.DONE),
        ([(1, SUBMITTED.replace(microsecond=0))], Fact.DONE),
        ([(2, DUE)], None),
        ([(3, None)], Fact.REFUSED),
        ([(4, DUE)], Fact.FULL),
        ([(4, None)], Fact.FULL),
        ([(5, None)], None),
        ([(9, None)], None),
        # Older attempts of the same pair stand in the list without a mark.
        ([(1, BEFORE)], None),
        ([(1, BEFORE), (3, None)], Fact.REFUSED),
        ([(3, None), (2, DUE)], None),
        ([(3, None), (1, DUE)], Fact.DONE),
        ([(4, BEFORE), (1, DUE)], Fact.DONE),
    ],
)
def test_what_the_records_of_an_accepted_attempt_say(found, fact):
    """For an attempt that WeCom accepted, records with its time come first, then those without a time."""
    assert fact is fact_of_records(records(*found), SUBMITTED, accepted=True)
    assert fact is fact_of_records(records(*reversed(found)), SUBMITTED, accepted=True)


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        ([], None),
        ([(1, DUE)], Fact.DONE),
        ([(2, DUE)], Fact.STARTED),
        ([(4, DUE)], Fact.FULL),
        ([(3, DUE)], Fact.REFUSED),
        ([(3, None)], None),
        ([(4, None)], None),
        ([(1, BEFORE)], None),
    ],
)
def test_what_the_records_of_a_lost_call_say(found, fact):
    """For an attempt whose answer was lost, only records with its time prove anything."""
    assert fact is fact_of_records(records(*found), SUBMITTED, accepted=False)
