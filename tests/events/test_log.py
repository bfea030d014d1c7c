"""The log gives each consumer every event, in order and once, whatever commits when."""

from __future__ import annotations

import threading

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from privdom.errors import UsageError
from privdom.events import (
    CodeScanned,
    CustomerMoved,
    DomainEvent,
    EventLog,
    FollowAdded,
    FollowRemoved,
    JourneyEntered,
    JourneyLeft,
    PointsCrossed,
    StepSent,
    TierChanged,
    TransferFailed,
    TransferRefused,
    UnitSettled,
    UnknownDomainEvent,
    WaveFinished,
)
from privdom.events.log import cursor_table, event_table
from privdom.events.types import dump, load
from privdom.store import Store


AT = datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)
CORP = "ww1"
EVENTS: list[DomainEvent] = [
    FollowAdded("zhangsan", "wo1", "c1", AT),
    FollowRemoved("zhangsan", "wo1", "customer", AT),
    CustomerMoved("wo1", "zhangsan", "lisi", AT),
    TransferRefused("wo1", "lisi", "refused"),
    TransferFailed("wo1", "lisi", "customer_refused"),
    TierChanged("value", "wo1", None, "vip", "payment: none -> first"),
    PointsCrossed("main", "wo1", "super", 1000),
    UnitSettled("u1", "migration:m1", "confirmed"),
    JourneyEntered("j1", "wo1", AT),
    JourneyLeft("j1", "wo1", "bought", AT),
    StepSent("j1", "day-3", "wo1", AT),
    CodeScanned("c1", "地铁海报", "zhangsan", "wo1", AT),
    WaveFinished("m1", 2),
    UnknownDomainEvent("shop.order", {"order": 17, "customer": "wo1"}),
]


def waiting(store: Store, consumer: str, **options: object) -> list[DomainEvent]:
    with store.begin() as conn:
        return [event for _, event in EventLog.read(conn, CORP, consumer, **options)]  # type: ignore[arg-type]


def test_every_kind_comes_back_equal(store: Store) -> None:
    """Each class survives the database, microseconds and Chinese text included, in the order of logging."""
    with store.begin() as conn:
        EventLog.append(conn, CORP, *EVENTS)

    assert waiting(store, "crm") == EVENTS


def test_a_moment_keeps_its_instant_in_any_zone(store: Store) -> None:
    """What was 17:00 in Shanghai is the same instant when it is read."""
    shanghai = AT.astimezone(timezone(timedelta(hours=8)))
    with store.begin() as conn:
        EventLog.append(conn, CORP, JourneyEntered("j1", "wo1", shanghai))

    assert waiting(store, "crm") == [JourneyEntered("j1", "wo1", AT)]


def test_each_consumer_has_its_own_cursor(store: Store) -> None:
    """One consumer's progress is nobody else's, and a cursor never moves back."""
    with store.begin() as conn:
        EventLog.append(conn, CORP, *EVENTS[:3])
        ids = [id_ for id_, _ in EventLog.read(conn, CORP, "crm")]
        EventLog.advance(conn, CORP, "crm", ids[1])
        EventLog.advance(conn, CORP, "crm", ids[0])

    assert waiting(store, "crm") == EVENTS[2:3]
    assert waiting(store, "sop") == EVENTS[:3]


def test_only_wanted_kinds_of_the_own_corp_are_read(store: Store) -> None:
    """Kinds and the limit choose; another corp's events are never seen."""
    with store.begin() as conn:
        EventLog.append(conn, CORP, *EVENTS)
        EventLog.append(conn, "ww2", WaveFinished("other", 1))
        EventLog.append(conn, CORP)

    assert waiting(store, "crm", kinds=["unit_settled", "wave_finished"]) == [EVENTS[7], EVENTS[12]]
    assert waiting(store, "crm", limit=2) == EVENTS[:2]


def test_a_batch_moves_the_cursor_when_it_ends(store: Store) -> None:
    """What is acted upon in a batch is not seen again, and an empty batch is fine."""
    log = EventLog(store)
    with store.begin() as conn:
        log.append(conn, CORP, *EVENTS[:3])
    with log.batch(CORP, "crm", limit=2) as batch:
        first = [event for _, event in batch.events]
    with log.batch(CORP, "crm") as batch:
        second = [event for _, event in batch.events]
    with log.batch(CORP, "crm") as batch:
        third = batch.events

    assert (first, second, third) == (EVENTS[:2], EVENTS[2:3], ())


def test_a_batch_that_fails_is_seen_again(store: Store) -> None:
    """The cursor and the consumer's work share a fate."""
    log = EventLog(store)
    with store.begin() as conn:
        log.append(conn, CORP, EVENTS[0])
    with pytest.raises(ZeroDivisionError), log.batch(CORP, "crm"):
        raise ZeroDivisionError

    assert waiting(store, "crm") == EVENTS[:1]


def test_an_event_whose_producer_failed_never_was(store: Store) -> None:
    """Events are logged with the thing they tell of, or not at all."""
    with pytest.raises(ZeroDivisionError), store.begin() as conn:
        EventLog.append(conn, CORP, EVENTS[0])
        raise ZeroDivisionError

    assert waiting(store, "crm") == []


def test_producers_that_commit_out_of_turn_leave_no_gap(store: Store) -> None:
    """While one producer's transaction is open, a reader never passes an event that is numbered but not visible."""
    appended, release = threading.Event(), threading.Event()
    log = EventLog(store)
    seen: list[DomainEvent] = []

    def slow() -> None:
        with store.begin() as conn:
            log.append(conn, CORP, WaveFinished("slow", 1))
            appended.set()
            release.wait(10)

    def fast() -> None:
        appended.wait(10)
        with store.begin() as conn:
            log.append(conn, CORP, WaveFinished("fast", 1))

    def consume() -> None:
        with log.batch(CORP, "crm") as batch:
            seen.extend(event for _, event in batch.events)

    threads = [threading.Thread(target=work) for work in (slow, fast)]
    for thread in threads:
        thread.start()
    appended.wait(10)
    if store.dialect == "postgresql":  # SQLite's readers of this kind wait for the writer
        consume()
    release.set()
    for thread in threads:
        thread.join()
    consume()

    assert seen == [WaveFinished("slow", 1), WaveFinished("fast", 1)]


def test_two_workers_of_one_consumer_share_the_events(store: Store) -> None:
    """However many workers follow the log in the same name, each event is acted upon once."""
    log = EventLog(store)
    expected: list[DomainEvent] = [WaveFinished("m1", n) for n in range(60)]
    with store.begin() as conn:
        log.append(conn, CORP, *expected)
    seen: list[DomainEvent] = []

    def work() -> None:
        while True:
            with log.batch(CORP, "crm", limit=7) as batch:
                seen.extend(event for _, event in batch.events)
            if not batch.events:
                return

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == expected


def test_a_limit_below_one_is_refused(store: Store) -> None:
    """Zero events would never end."""
    with pytest.raises(UsageError, match="at least 1"):
        waiting(store, "crm", limit=0)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("brand_new", {"a": 1}),
        ("wave_finished", {"plan_id": "m1"}),
        ("journey_entered", {"journey_id": "j1", "external_userid": "wo1", "at": "soon"}),
        ("journey_entered", {"journey_id": "j1", "external_userid": "wo1", "at": "2026-03-01T09:00:00"}),
    ],
)
def test_what_another_release_wrote_is_kept_whole(kind: str, data: dict[str, object]) -> None:
    """A kind or a shape that is not known comes back as it is, to be logged again unchanged."""
    event = load(kind, data)

    assert event == UnknownDomainEvent(kind, data)
    assert dump(event) == data


def test_fields_that_a_later_release_adds_do_not_matter() -> None:
    """A known event with one more field is still that event."""
    assert load("wave_finished", {"plan_id": "m1", "wave": 2, "new": True}) == WaveFinished("m1", 2)


@given(
    st.builds(FollowAdded, st.text(), st.text(), st.text(), st.datetimes(timezones=st.just(UTC)))
    | st.builds(TierChanged, st.text(), st.text(), st.none() | st.text(), st.none() | st.text(), st.text())
    | st.builds(PointsCrossed, st.text(), st.text(), st.text(), st.integers())
)
def test_any_values_survive(event: DomainEvent) -> None:
    """Loading is the inverse of dumping."""
    assert load(event.kind, dump(event)) == event


def test_the_repr_says_where_the_events_are(store: Store) -> None:
    """It names the store."""
    assert repr(EventLog(store)).startswith(f"<EventLog in <Store {store.dialect}")


def test_what_a_consumer_does_not_want_is_passed_once(store: Store) -> None:
    """Where nothing wanted is left, the cursor moves to the end of the corp's events; what comes later is seen."""
    log = EventLog(store)
    with store.begin() as conn:
        log.append(conn, CORP, *EVENTS[:3])
        log.append(conn, "ww2", WaveFinished("other", 1))
    wanted = {"kinds": ["wave_finished"]}

    assert [] == waiting(store, "crm", **wanted)
    with store.read() as conn:
        newest = conn.scalar(select(func.max(event_table.c.seq)).where(event_table.c.corp_id == CORP))
        assert newest == conn.scalar(select(cursor_table.c.seq).where(cursor_table.c.consumer == "crm"))
    with store.begin() as conn:
        log.append(conn, CORP, WaveFinished("m1", 3), *EVENTS[:2])
    assert [WaveFinished("m1", 3)] == waiting(store, "crm", **wanted)
    # It was not acted upon yet, so it is seen again.
    assert [WaveFinished("m1", 3)] == waiting(store, "crm", **wanted)
