"""What a journey may be, and when its steps are due."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import UsageError
from privdom.sop import CHINA, Day, Journey, Step, StepState, due_times


BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 2, 12, tzinfo=CHINA)

zones = st.sampled_from([CHINA, UTC, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")])
moments = st.integers(0, 20 * 365 * 24 * 60).flatmap(
    lambda minutes: zones.map((datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).astimezone)
)
times = st.times().map(lambda t: t.replace(second=0, microsecond=0))
offsets = st.timedeltas(timedelta(0), timedelta(days=60))
days = st.builds(Day, st.integers(0, 60), times)
afters = st.one_of(offsets, days)


def step(id_: str = "hello", after: timedelta | Day = timedelta(0), text: str = "您好", **more: object) -> Step:
    return Step(id_, after, text, **more)  # type: ignore[arg-type]


def journeys() -> st.SearchStrategy[Journey]:
    """Journeys whose steps are all offsets, or all days."""
    kinds = st.lists(offsets, min_size=1, max_size=6, unique=True) | st.lists(days, min_size=1, max_size=6, unique=True)
    return kinds.map(lambda found: Journey("welcome", [step(f"s{i}", a) for i, a in enumerate(sorted(found))]))


def test_an_offset_counts_from_the_moment_of_enrolment() -> None:
    """A timedelta is real time after the enrolment."""
    journey = Journey("welcome", [step(after=timedelta(hours=2), window=timedelta(hours=3))])

    [due] = due_times(journey, NOON)

    assert NOON + timedelta(hours=2) == due.due_at
    assert NOON + timedelta(hours=5) == due.window_end


def test_a_day_counts_midnights() -> None:
    """Day(1) is the next calendar day, an hour or 23 after the enrolment."""
    journey = Journey("welcome", [step(after=Day(1, time(10)))])

    for hour in (0, 12, 23):
        [due] = due_times(journey, NOON.replace(hour=hour))

        assert datetime(2026, 3, 3, 10, tzinfo=CHINA) == due.due_at


def test_a_day_is_the_zone_s() -> None:
    """The same moment of enrolment belongs to different days in different zones."""
    journey = Journey("welcome", [step(after=Day(1, time(10)))])
    enrolled_at = datetime(2026, 3, 2, 20, tzinfo=UTC)

    assert [
        datetime(2026, 3, 3, 10, tzinfo=UTC),
        datetime(2026, 3, 4, 10, tzinfo=CHINA),
    ] == [due_times(journey, enrolled_at, tz)[0].due_at for tz in (UTC, CHINA)]


@pytest.mark.parametrize(
    ("enrolled_at", "at", "expected"),
    [
        (datetime(2026, 3, 28, 9, tzinfo=BERLIN), time(2, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 10, 24, 9, tzinfo=BERLIN), time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
    ids=["left out in spring", "twice in autumn"],
)
def test_clock_changes(enrolled_at: datetime, at: time, expected: datetime) -> None:
    """A time that does not exist is taken an hour later, one that comes twice the first time."""
    assert expected == due_times(Journey("welcome", [step(after=Day(1, at))]), enrolled_at, BERLIN)[0].due_at


def test_a_time_that_has_passed_at_enrolment_is_missed() -> None:
    """Whoever enrols in the afternoon does not get the morning's message at once."""
    journey = Journey("welcome", [step("morning", Day(0, time(10))), step("evening", Day(0, time(20)))])

    morning, evening = due_times(journey, NOON)

    assert (morning.state, morning.reason) == (StepState.MISSED, "its time had passed when the customer enrolled")
    assert (evening.state, evening.reason) == (StepState.WAITING, "")


@given(journeys(), moments, zones)
def test_due_times_are_in_order_and_never_before_the_enrolment(
    journey: Journey, enrolled_at: datetime, tz: ZoneInfo
) -> None:
    """Every step comes once, in order but for the hour of a clock change, and waits only for what is still to come."""
    due = due_times(journey, enrolled_at, tz)

    assert [s.id for s in journey.steps] == [d.step_id for d in due]
    hour = timedelta(hours=1)
    assert all(a.due_at < b.due_at + hour for a, b in pairwise(due))
    for d in due:
        assert (d.due_at >= enrolled_at) == (d.state is StepState.WAITING)
        assert timedelta(hours=24) == d.window_end - d.due_at


@given(afters, afters, moments)
def test_steps_that_a_journey_takes_are_in_order_for_everybody(
    first: timedelta | Day, second: timedelta | Day, enrolled_at: datetime
) -> None:
    """Either the journey is refused, or nobody gets the second step before the first."""
    try:
        journey = Journey("welcome", [step("a", first), step("b", second)])
    except UsageError as e:
        assert "step 'b' of journey 'welcome' is not due after step 'a'" in str(e)  # noqa: PT017 - either way is fine
        return

    a, b = due_times(journey, enrolled_at, CHINA)

    assert a.due_at <= b.due_at or StepState.MISSED in {a.state, b.state}


def test_a_naive_enrolment_is_refused() -> None:
    """Without a zone nobody knows which day it is."""
    with pytest.raises(UsageError, match="must be aware"):
        due_times(Journey("welcome", [step()]), NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: step("a b"), "letters, digits"),
        (lambda: step(after=timedelta(seconds=-1)), "before its enrolment"),
        (lambda: Day(-1), "before the enrolment"),
        (lambda: Day(1, time(10, tzinfo=UTC)), "leave its tzinfo out"),
        (lambda: step(window=timedelta(0)), "longer than nothing"),
        (lambda: step(text=" \n"), "says nothing"),
        (lambda: step(text="好" * 1334), "has 4002 bytes"),
        (lambda: step(text="{name}，您好"), r"placeholder \{name\}"),
        (lambda: step(text="{{ 客户昵称 }}，您好"), "placeholder"),
        (lambda: step(text="Dear ${customer.name}"), "placeholder"),
        (lambda: step(text="%NICKNAME% 您好"), "placeholder %NICKNAME%"),
        (lambda: Journey("", [step()]), "journey"),
        (lambda: Journey("welcome", []), "no steps"),
        (lambda: Journey("welcome", [step(), step(after=timedelta(1))]), "two steps .* are called 'hello'"),
        (lambda: Journey("welcome", [step("a", timedelta(2)), step("b", timedelta(1))]), "'b' .* not due after"),
        (lambda: Journey("welcome", [step("a", timedelta(1)), step("b", timedelta(1))]), "'b' .* not due after"),
        (lambda: Journey("welcome", [step()], exits="paid"), "list of names"),
        (lambda: Journey("welcome", [step()], reentry=timedelta(-1)), "reentry= must not be negative"),
        (lambda: Journey("welcome", [step()], category=""), "must have 1 to 32 characters"),
    ],
)
def test_mistakes_are_refused_where_they_are_made(make: object, words: str) -> None:
    """A step or journey that could not be sent as meant cannot be made."""
    with pytest.raises(UsageError, match=words):
        make()  # type: ignore[operator]


def test_texts_that_only_look_odd_pass() -> None:
    """Emoji in brackets, prices, percentages and braces of code are texts."""
    for text in ("[微笑] 您好", "全场 50% OFF", "{}", "100%", "好" * 1333):
        assert text == step(text=text).text


def test_a_journey_is_a_value() -> None:
    """Journeys of equal content are equal, and cannot be changed."""
    journey = Journey("welcome", [step()], exits=["paid"])

    assert Journey("welcome", (step(),), exits=("paid",)) == journey
    with pytest.raises(AttributeError):
        journey.id = "other"  # type: ignore[misc]
