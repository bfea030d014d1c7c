"""Who stands behind a code: shifts, caps, switches and backups."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import UsageError
from privdom.livecodes import CHINA, ChannelCode, Desired, Shift, desired_staff
from privdom.livecodes.rules import local_day, personal_text
from privdom.wecom.messages import Image


# A Monday.
MONDAY = datetime(2026, 3, 2, tzinfo=CHINA)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of the week of MONDAY, in China."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def code(**options: Any) -> ChannelCode:
    staff = options.pop("staff", ("a", "b", "c"))
    return ChannelCode("metro", "地铁海报", staff, **options)


def now_staff(of: ChannelCode, moment: datetime, counts: dict[str, int] | None = None, *off: str) -> tuple[str, ...]:
    return desired_staff(of, moment, counts or {}, frozenset(off)).staff


def test_without_shifts_everybody_stands_behind_it_for_ever() -> None:
    """A plain code has all its staff, in their order, and no moment at which that changes."""
    assert desired_staff(code(), at(0, 9), {}) == Desired(("a", "b", "c"), backup=False, next_change_at=None)


def test_a_shift_begins_at_its_first_minute_and_ends_before_its_last() -> None:
    """Ranges are half-open: at 18:00 the day shift is over and the evening shift has begun, never both or neither."""
    both = code(
        shifts=[Shift(time(9, 30), time(18), staff=("a",)), Shift(time(18), time(21), staff=("b",))], backup_staff=["z"]
    )

    assert now_staff(both, at(0, 9, 29)) == ("z",)
    assert now_staff(both, at(0, 9, 30)) == ("a",)
    assert now_staff(both, at(0, 17, 59)) == ("a",)
    assert now_staff(both, at(0, 18)) == ("b",)
    assert now_staff(both, at(0, 21)) == ("z",)


def test_the_next_change_is_the_next_boundary_to_the_minute() -> None:
    """The clock has to be looked at again exactly when a shift begins or ends."""
    half_hours = code(shifts=[Shift(time(9, 30), time(18, 45))])

    assert desired_staff(half_hours, at(0, 9), {}).next_change_at == at(0, 9, 30)
    assert desired_staff(half_hours, at(0, 9, 30), {}).next_change_at == at(0, 18, 45)
    assert desired_staff(half_hours, at(0, 18, 45), {}).next_change_at == at(1, 9, 30)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    """22:00 to 06:00 on Friday lasts into Saturday, and Friday's early hours are not part of it."""
    friday_night = code(shifts=[Shift(time(22), time(6), weekdays=[4], staff=("a",))])

    assert now_staff(friday_night, at(4, 3)) == ()
    assert now_staff(friday_night, at(4, 22)) == ("a",)
    assert now_staff(friday_night, at(5, 5, 59)) == ("a",)
    assert now_staff(friday_night, at(5, 6)) == ()
    assert now_staff(friday_night, at(5, 22)) == ()
    assert desired_staff(friday_night, at(5, 6), {}).next_change_at == at(11, 22)


def test_equal_times_are_a_whole_day() -> None:
    """00:00 to 00:00 is that day and no other, and does not hide an earlier shift."""
    whole = code(shifts=[Shift(time(9), time(12), staff=("b",)), Shift(time(0), time(0), weekdays=[1], staff=("a",))])

    assert now_staff(whole, at(0, 10)) == ("b",)
    assert now_staff(whole, at(1, 0)) == ("a",)
    assert now_staff(whole, at(1, 10)) == ("a", "b")
    assert now_staff(whole, at(1, 23, 59)) == ("a",)
    assert now_staff(whole, at(2, 0)) == ()


def test_shifts_of_a_weekday_do_not_apply_on_others() -> None:
    """A weekend shift is empty on Friday, and its next change is Saturday."""
    weekend = code(shifts=[Shift(time(10), time(20), weekdays=[5, 6])])

    assert now_staff(weekend, at(4, 12)) == ()
    assert desired_staff(weekend, at(4, 12), {}).next_change_at == at(5, 10)
    assert now_staff(weekend, at(6, 12)) == ("a", "b", "c")


def test_a_staff_at_the_cap_pauses_until_the_codes_own_midnight() -> None:
    """Today's count decides; who has reached it comes back when the day ends, and only then is midnight a change."""
    capped = code(daily_add_cap=5)

    assert desired_staff(capped, at(0, 23), {"a": 4, "b": 5, "x": 9}) == Desired(
        ("a", "c"), backup=False, next_change_at=at(1, 0)
    )
    assert desired_staff(capped, at(0, 23), {"a": 4}).next_change_at is None


def test_backups_stand_in_only_when_nobody_else_can() -> None:
    """All capped or switched off: the backups take over, without a cap of their own; a single one left is enough."""
    guarded = code(staff=("a", "b"), daily_add_cap=1, backup_staff=("y", "z"))

    assert desired_staff(guarded, at(0, 9), {"a": 1, "b": 1, "y": 50}) == Desired(
        ("y", "z"), backup=True, next_change_at=at(1, 0)
    )
    assert now_staff(guarded, at(0, 9), {"a": 1}, "y") == ("b",)
    assert now_staff(guarded, at(0, 9), {"a": 1}, "b", "y") == ("z",)


def test_nobody_at_all_is_an_empty_answer() -> None:
    """It is the service that must not push it."""
    assert desired_staff(code(staff=("a",)), at(0, 9), {}, {"a"}) == Desired((), backup=False, next_change_at=None)


def test_days_and_shifts_follow_the_zone_of_the_code() -> None:
    """A night in New York that the clocks cut short ends at six by the clocks."""
    new_york = ZoneInfo("America/New_York")
    night = code(shifts=[Shift(time(22), time(6))], zone=new_york)
    before = datetime(2026, 3, 8, 5, 0, tzinfo=UTC)  # midnight; at two the clocks go forward

    assert now_staff(night, before) == ("a", "b", "c")
    assert desired_staff(night, before, {}).next_change_at == datetime(2026, 3, 8, 10, 0, tzinfo=UTC)
    assert local_day(datetime(2026, 3, 8, 3, 0, tzinfo=UTC), new_york) == date(2026, 3, 7)


times = st.times().map(lambda t: t.replace(second=0, microsecond=0))
shifts = st.lists(
    st.builds(
        Shift, times, times, st.frozensets(st.integers(0, 6), min_size=1), st.lists(st.sampled_from("abc")).map(tuple)
    ),
    max_size=4,
)
moments = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(2026, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(
    shifts,
    moments,
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)),
    st.frozensets(st.sampled_from("abcz")),
    st.sampled_from([CHINA, ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=-9, minutes=-30))]),
)
def test_nothing_changes_before_the_next_change(
    some: list[Shift], moment: datetime, counts: dict[str, int], off: frozenset[str], zone: Any
) -> None:
    """Whatever the shifts, the answer is the same until right before the moment that comes with it."""
    of = code(shifts=some, daily_add_cap=2, backup_staff=("z",), zone=zone)
    desired = desired_staff(of, moment, counts, off)
    last = desired.next_change_at or moment + timedelta(days=400)

    assert last > moment
    assert not off & set(desired.staff)
    for part in (0.25, 0.5, 0.999999):
        later = desired_staff(of, moment + (last - moment) * part, counts, off)
        assert (later.staff, later.backup) == (desired.staff, desired.backup)


def test_a_name_is_filled_in_and_doubled_braces_are_braces() -> None:
    """A customer's name is text, whatever is in it."""
    assert personal_text("你好 {name}{{微笑}}", "{x} %s") == "你好 {x} %s{微笑}"


class Mars(tzinfo):
    """A zone that no database could name."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"staff": ()}, "staff of code metro must be 1 to 100"),
        ({"staff": tuple(f"u{n}" for n in range(101))}, "not 101"),
        ({"staff": "zhangsan"}, "a list is due"),
        ({"staff": ("",)}, "staff of code metro"),
        ({"backup_staff": tuple(f"u{n}" for n in range(101))}, "backup_staff of code metro"),
        ({"daily_add_cap": 0}, "at least 1"),
        ({"shifts": [Shift(time(9), time(18), staff=("x",))]}, "'x'.*not among its staff"),
        ({"welcome": "你好 {phone}"}, "only {name}"),
        ({"welcome": "{name.__class__}"}, "only {name}"),
        ({"welcome": "{name!r}"}, "only {name}"),
        ({"welcome": "{"}, "single brace"),
        ({"welcome": "好" * 1334}, "4002 bytes"),
        ({"welcome": "x" * 3900 + "{name}"}, "4034 bytes"),
        ({"zone": Mars()}, "ZoneInfo or a datetime.timezone"),
        ({"attachments": [Image(media_id="m")] * 10}, "10 attachments"),
    ],
)
def test_a_code_out_of_its_limits_is_refused(options: dict[str, Any], message: str) -> None:
    """The message says which value is wrong before anything is stored."""
    with pytest.raises(UsageError, match=message):
        code(**options)


@pytest.mark.parametrize(("id_", "channel"), [("", "x"), ("a" * 31, "x"), ("a/b", "x"), ("地铁", "x"), ("a", " ")])
def test_ids_are_plain_and_channels_are_named(id_: str, channel: str) -> None:
    """The id becomes WeCom's state of 30 characters."""
    with pytest.raises(UsageError):
        ChannelCode(id_, channel, ("a",))


@pytest.mark.parametrize(
    "options", [{"weekdays": []}, {"weekdays": [7]}, {"start": time(9, tzinfo=UTC)}, {"end": time(9, tzinfo=UTC)}]
)
def test_a_shift_out_of_its_limits_is_refused(options: dict[str, Any]) -> None:
    """Weekdays are 0 to 6, and times are local."""
    with pytest.raises(UsageError):
        Shift(**{"start": time(9), "end": time(18), **options})


def test_doubles_are_dropped_and_greeting_is_told() -> None:
    """Staff are a set in the order given; a code greets if it has anything to say."""
    assert code(staff=("b", "a", "b")).staff == ("b", "a")
    assert [code().greets, code(welcome="x").greets, code(attachments=[Image(media_id="m")]).greets] == [
        False,
        True,
        True,
    ]
