"""The values the outbox hands out, and what its settings allow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from privdom.errors import UsageError
from privdom.outbox import OutboxSettings, Policy, TickReport, UnitState
from privdom.outbox.tags import PushReport
from privdom.outbox.units import counted


@pytest.mark.parametrize(("cls", "apart"), [(TickReport, {"cancelled"}), (PushReport, set())])
def test_reports(cls: Any, apart: set[str]) -> None:
    """Reports add up field by field, and say how much was in hand: a second task cancelled was swept with its unit."""
    names = [field.name for field in attrs.fields(cls)]
    powers = cls(*(10**i for i in range(len(names))))

    assert cls(*(11 * 10**i for i in range(len(names)))) == powers + cls(*(10 ** (i + 1) for i in range(len(names))))
    assert sum(10**i for i, name in enumerate(names) if name not in apart) == powers.done
    assert not cls()
    for name in names:
        assert bool(cls(**{name: 1})) == (name not in apart)


def test_other_reports() -> None:
    """Reports of different things do not add up."""
    units: Any = TickReport(confirmed=1)
    tags: Any = PushReport(pushed=1)
    for one, other in ((units, tags), (tags, units)):
        with pytest.raises(ValueError, match="argument 2"):
            one + other


def test_counted() -> None:
    """Reprs say how many there are, not who."""
    assert "<2>" == counted(["wm1", "wm2"])


def test_settled() -> None:
    """Settled is all but what is ready, under way or in doubt."""
    still_open = {UnitState.READY, UnitState.CALLING, UnitState.UNCERTAIN}

    assert still_open == {state for state in UnitState if not state.settled}


@pytest.mark.parametrize("name", ["in_flight", "tags_in_flight", "lookup_failures"])
def test_at_least_one(name: str) -> None:
    """One at once, and one failure, is the least."""
    values: dict[str, Any] = {name: 0}
    with pytest.raises(UsageError, match="at least 1"):
        OutboxSettings(**values)
    assert 1 == getattr(OutboxSettings(**{name: 1}), name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["settle", "write_budget", "call_timeout", "lookup_lease", "clock_skew", "sweep_for"])
def test_longer_than_nothing(name: str) -> None:
    """A time that is not longer than nothing is refused by name; the shortest there is, is not."""
    values: dict[str, Any] = {name: timedelta(0)}
    with pytest.raises(UsageError, match=f"{name} must be longer than nothing, not 0:00:00"):
        OutboxSettings(**values)
    values = {name: timedelta(microseconds=1)}
    assert timedelta(microseconds=1) == getattr(OutboxSettings(**values), name)


def test_resends() -> None:
    """Units may be called again not once, but not less often."""
    assert 0 == OutboxSettings(resends=0).resends
    with pytest.raises(UsageError, match="resends must not be negative"):
        OutboxSettings(resends=-1)


def test_policy() -> None:
    """A policy may be given by its name; another name is refused."""
    assert Policy.RESEND is OutboxSettings(policy="resend").policy
    with pytest.raises(UsageError, match="no policy 'retry': give"):
        OutboxSettings(policy="retry")


def test_longest_call() -> None:
    """A call is taken to last four times the client's time-out, unless somebody knows better."""
    assert timedelta(seconds=40) == OutboxSettings().longest_call(10)
    assert timedelta(seconds=7) == OutboxSettings(call_timeout=timedelta(seconds=7)).longest_call(10)
