"""What the gate asks the database: which rows count, for whom, and up to which moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sqlalchemy import Connection, insert, select

from privdom.errors import UsageError
from privdom.outbox import gate_store
from privdom.outbox.gate import Bound, Decision
from privdom.outbox.gate_store import LATE
from privdom.outbox.tables import ledger, suppression
from privdom.outbox.tables import unit as unit_table
from privdom.outbox.units import ItemState, UnitState
from privdom.store import Store


NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
START, END = NOW - DAY, NOW + DAY
COUNTING = {ItemState.PLANNED, ItemState.SENT, ItemState.UNSEEN, ItemState.PARKED, ItemState.DROPPED}


def _bound(limit: int = 1, start: datetime = START, end: datetime = END, **whose: str) -> Bound:
    return Bound("the rule", start, end, limit, end, **whose)


def _row(
    conn: Connection,
    subject: str = "wm1",
    at: datetime = NOW,
    state: ItemState = ItemState.SENT,
    *,
    occurrence: str = "",
    **values: Any,
) -> None:
    row = {
        "corp_id": "ww1",
        "step": "hello",
        "subject": subject,
        "occurrence": occurrence,
        "unit_id": "u1",
        "state": state,
        "code": None,
        "reach": True,
        "category": "news",
        "at": at,
    }
    conn.execute(insert(ledger).values(row | values))


def _unit(conn: Connection, unit_id: str, state: UnitState, *, suspect: bool = False) -> None:
    row = {
        "id": unit_id,
        "corp_id": "ww1",
        "kind": "broadcast",
        "owner": "x",
        "category": "news",
        "lane": unit_id,
        "state": state,
        "policy": "park",
        "request": "{}",
        "fingerprint": unit_id,
        "nonce": "n",
        "attempt": 1,
        "fence": 0,
        "created_at": NOW,
        "lookups": 0,
        "suspect": suspect,
    }
    conn.execute(insert(unit_table).values(row))


def _counts(conn: Connection, *bounds: Bound, who: list[str] | None = None, **options: Any) -> dict[str, Any]:
    options.setdefault("now", NOW)
    return gate_store.counts(conn, "ww1", who or ["wm1"], bounds or [_bound()], **options)


class _Conn:
    """A connection that keeps what it is told."""

    def __init__(self, name: str) -> None:
        self.dialect = SimpleNamespace(name=name)
        self.told: list[tuple[str, Any]] = []

    def execute(self, statement: Any, values: Any) -> None:
        self.told.append((str(statement), values))


def test_lock() -> None:
    """Nobody else of a corp passes the gate meanwhile: PostgreSQL is told so by a key of the corp, SQLite needs nothing."""
    postgres, lite = _Conn("postgresql"), _Conn("sqlite")
    for conn in (postgres, lite):
        gate_store.lock(conn, "ww1")  # type: ignore[arg-type]

    said = "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"
    assert [(said, {"key": "privdom outbox gate ww1"})] == postgres.told
    assert [] == lite.told


@pytest.mark.parametrize("state", ItemState)
def test_states_that_count(store: Store, state: ItemState) -> None:
    """What is planned counts, and what is or may be at WeCom; what it refused or the gate held back does not."""
    with store.begin() as conn:
        _row(conn, state=state)
        _row(conn, "wm2", state=state, reach=False)
        _row(conn, "wm3", state=state, corp_id="ww2")

        counted = {"wm1": (1,)} if state in COUNTING else {}
        assert counted == _counts(conn, who=["wm1", "wm2", "wm3", "wm4"])
        had = {"wm1": [(NOW, "news")]} if state in COUNTING else {}
        assert had == gate_store.moments(conn, "ww1", ["wm1", "wm2", "wm3", "wm4"], START, NOW)


@pytest.mark.parametrize(
    ("at", "sent", "planned"),
    [
        (START - LATE - MOMENT, 0, 0),
        (START - LATE, 0, 1),
        (START - MOMENT, 0, 1),
        (START, 1, 1),
        (END - MOMENT, 1, 1),
        (END, 1, 0),
    ],
)
def test_this_window(store: Store, at: datetime, sent: int, planned: int) -> None:
    """What was sent counts from the start of a window on; what is planned and late will land in it."""
    with store.begin() as conn:
        _row(conn, "wm1", at)
        _row(conn, "wm2", at, ItemState.PLANNED)

        found = _counts(conn, who=["wm1", "wm2"])
        assert (sent, planned) == (sum(found.get("wm1", ())), sum(found.get("wm2", ())))


@pytest.mark.parametrize("now", [START - MOMENT, START])
def test_later_window(store: Store, now: datetime) -> None:
    """In a window that has not begun only what is planned for it counts; at its first moment, what is late as well."""
    with store.begin() as conn:
        _row(conn, "wm1", START - MOMENT, ItemState.PLANNED)
        _row(conn, "wm2", START, ItemState.PLANNED)
        _row(conn, "wm3", END, ItemState.PLANNED)

        found = _counts(conn, who=["wm1", "wm2", "wm3"], now=now)
        assert [int(now == START), 1, 0] == [sum(found.get(name, ())) for name in ("wm1", "wm2", "wm3")]


@pytest.mark.parametrize(
    ("state", "suspect", "counts"),
    [
        (UnitState.READY, False, 0),
        (UnitState.READY, True, 1),
        (UnitState.CALLING, False, 1),
        (UnitState.UNCERTAIN, False, 1),
        (UnitState.CONFIRMED, False, 0),
    ],
)
def test_before_a_call(store: Store, state: UnitState, suspect: bool, counts: int) -> None:
    """Right before a call only what is under way or in doubt counts of what is planned elsewhere, at any moment."""
    slack = timedelta(minutes=3)
    with store.begin() as conn:
        _unit(conn, "u1", state, suspect=suspect)
        _unit(conn, "another", UnitState.CALLING)
        _row(conn, "wm1", END + DAY, ItemState.PLANNED)
        _row(conn, "wm2", START - LATE - slack, ItemState.PLANNED)
        _row(conn, "wm3", START - LATE - slack - MOMENT, ItemState.PLANNED)
        _row(conn, "wm4", START)
        _row(conn, "wm5", START - MOMENT)
        _row(conn, "wm6", START, unit_id=None)

        found = _counts(conn, who=[f"wm{i}" for i in range(1, 7)], slack=slack)
        assert [counts, counts, 0, 1, 0, 1] == [sum(found.get(f"wm{i}", ())) for i in range(1, 7)]


def test_whose(store: Store) -> None:
    """A limit may count one category, or all but one; each limit counts by itself."""
    with store.begin() as conn:
        for i, category in enumerate(["news", "news", "service", ""]):
            _row(conn, category=category, occurrence=str(i))
        bounds = [_bound(), _bound(only="news"), _bound(spared="service"), _bound(start=NOW + MOMENT)]

        assert {"wm1": (4, 2, 3, 0)} == _counts(conn, *bounds)


def test_own_rows(store: Store) -> None:
    """A unit's own rows can be left out; those of staff, which have no unit, stay."""
    with store.begin() as conn:
        _row(conn, occurrence="1")
        _row(conn, occurrence="2", unit_id="u2")
        _row(conn, occurrence="3", unit_id=None)

        assert {"wm1": (3,)} == _counts(conn)
        assert {"wm1": (2,)} == _counts(conn, but="u1")


def test_reached(store: Store) -> None:
    """Asked for those who have reached a limit, it names just them, be it one of several."""
    with store.begin() as conn:
        for name, times in (("wm1", 1), ("wm2", 2), ("wm3", 3)):
            for i in range(times):
                _row(conn, name, occurrence=str(i), category="news" if i else "survey")
        names = ["wm1", "wm2", "wm3"]

        assert {"wm2": (2,), "wm3": (3,)} == _counts(conn, _bound(2), who=names, reached=True)
        some = _counts(conn, _bound(3), _bound(1, only="news"), who=names, reached=True)
        assert {"wm2": (2, 1), "wm3": (3, 2)} == some
        assert {"wm1", "wm2", "wm3"} == set(_counts(conn, _bound(2), who=names))


@pytest.mark.parametrize(
    ("limit", "slack", "expected"),
    [
        (1, None, Decision((), ("wm1",), ("wm3",))),
        (0, None, Decision((), ("wm1", "wm2"), ("wm3",))),
        (2, None, Decision((), (), ("wm3",))),
        (None, None, Decision((), (), ("wm3",))),
        (1, HOUR, Decision((), ("wm1",), ("wm3",))),
    ],
)
def test_held_back(store: Store, limit: int | None, slack: timedelta | None, expected: Decision) -> None:
    """Of a unit's planned subjects those are named who had too much or opted out; its own rows do not count."""
    with store.begin() as conn:
        for i in (3, 2, 1):
            _row(conn, f"wm{i}", state=ItemState.PLANNED)
        _row(conn, "wm4", state=ItemState.CAPPED)
        for i in (1, 4, 5):
            _row(conn, f"wm{i}", unit_id="u2", occurrence="2")
        _row(conn, "wm5", state=ItemState.PLANNED, unit_id="u2", occurrence="3")
        gate_store.suppress(conn, "ww1", ["wm3", "wm5"], "asked not to", NOW, None)
        bounds = [] if limit is None else [_bound(limit)]

        found = gate_store.held_back(conn, "ww1", "u1", category="news", bounds=bounds, now=NOW, slack=slack)
        assert (expected.capped, expected.suppressed) == (found.capped, found.suppressed)


def test_held_back_at_once(store: Store) -> None:
    """What is planned elsewhere holds back a plan, but not a call: two units could each give way to the other."""
    with store.begin() as conn:
        _unit(conn, "u2", UnitState.READY)
        _row(conn, "wm1", state=ItemState.PLANNED)
        _row(conn, "wm1", NOW + HOUR, ItemState.PLANNED, unit_id="u2", occurrence="2")
        same: dict[str, Any] = {"category": "news", "bounds": [_bound()], "now": NOW}

        assert ("wm1",) == gate_store.held_back(conn, "ww1", "u1", **same).capped
        assert () == gate_store.held_back(conn, "ww1", "u1", **same, slack=HOUR).capped


def test_held_back_of_a_category(store: Store) -> None:
    """Who opted out of one category, or of all, or at another corp, is asked for by name."""
    with store.begin() as conn:
        for i in range(1, 5):
            _row(conn, f"wm{i}", state=ItemState.PLANNED)
        gate_store.suppress(conn, "ww1", ["wm1"], "x", NOW, "news")
        gate_store.suppress(conn, "ww1", ["wm2"], "x", NOW, "survey")
        gate_store.suppress(conn, "ww1", ["wm3"], "x", NOW, None)
        gate_store.suppress(conn, "ww2", ["wm4"], "x", NOW, None)
        names = [f"wm{i}" for i in range(1, 5)]

        assert {"wm1", "wm3"} == gate_store.suppressed(conn, "ww1", names, "news")
        assert {"wm3"} == gate_store.suppressed(conn, "ww1", names, "other")
        assert {"wm1"} == gate_store.suppressed(conn, "ww1", names[:2], "news")
        found = gate_store.held_back(conn, "ww1", "u1", category="news", bounds=[], now=NOW)
        assert ("wm1", "wm3") == found.suppressed


def test_hold(store: Store) -> None:
    """Whom a decision holds back is marked, in this unit only, and what was held back before stays as it was."""
    with store.begin() as conn:
        for i in range(1, 5):
            _row(conn, f"wm{i}", state=ItemState.CAPPED if i == 4 else ItemState.PLANNED)
        _row(conn, "wm1", state=ItemState.PLANNED, unit_id="u2", occurrence="2")
        gate_store.hold(conn, "u1", Decision(("wm3",), ("wm1",), ("wm2", "wm4")))

        query = select(ledger.c.subject, ledger.c.unit_id, ledger.c.state).order_by(ledger.c.subject, ledger.c.unit_id)
        assert [
            ("wm1", "u1", "capped"),
            ("wm1", "u2", "planned"),
            ("wm2", "u1", "suppressed"),
            ("wm3", "u1", "planned"),
            ("wm4", "u1", "capped"),
        ] == [tuple(row) for row in conn.execute(query)]
        assert {"wm3"} == gate_store.waiting(conn, "u1")
        gate_store.hold(conn, "u1", Decision((), ("wm3",), ()), values={"unit_id": None, "at": END})
        assert set() == gate_store.waiting(conn, "u1")
        held = conn.execute(select(ledger.c.unit_id, ledger.c.at).where(ledger.c.subject == "wm3")).one()
        assert (None, END) == tuple(held)


@pytest.mark.parametrize(("late", "moved"), [(LATE, False), (LATE + MOMENT, True)])
def test_postpone(store: Store, late: timedelta, moved: bool) -> None:
    """The rows of a unit that is called late by more than an hour count by the moment of the call."""
    due = NOW - late
    with store.begin() as conn:
        _row(conn, "wm1", due, ItemState.PLANNED)
        _row(conn, "wm2", due, ItemState.CAPPED)
        _row(conn, "wm3", due, ItemState.PLANNED, unit_id="u2")
        gate_store.postpone(conn, "u1", NOW)
        gate_store.postpone(conn, "nothing", NOW)

        at = list(conn.scalars(select(ledger.c.at).order_by(ledger.c.subject)))
        assert [NOW if moved else due, due, due] == at


def test_postpone_by_what_waits(store: Store) -> None:
    """Rows that were held back before say nothing of how late a unit is."""
    with store.begin() as conn:
        _row(conn, "wm1", NOW - DAY, ItemState.CAPPED)
        _row(conn, "wm2", NOW - HOUR / 2, ItemState.PLANNED)
        gate_store.postpone(conn, "u1", NOW)

        assert [NOW - DAY, NOW - HOUR / 2] == list(conn.scalars(select(ledger.c.at).order_by(ledger.c.subject)))


def test_moments(store: Store) -> None:
    """Messages are told with their moment and category, late plans as of now, from an hour before the window on."""
    with store.begin() as conn:
        _row(conn, "wm1", NOW - HOUR, ItemState.PLANNED, category="survey")
        _row(conn, "wm1", NOW - HOUR, occurrence="2")
        _row(conn, "wm1", NOW + HOUR, ItemState.PLANNED, occurrence="3")
        _row(conn, "wm2", START - LATE)
        _row(conn, "wm3", START - LATE - MOMENT)
        _row(conn, "wm4")

        found = gate_store.moments(conn, "ww1", ["wm1", "wm2", "wm3"], START, NOW)
        assert {
            "wm1": [(NOW - HOUR, "news"), (NOW, "survey"), (NOW + HOUR, "news")],
            "wm2": [(START - LATE, "news")],
        } == {name: sorted(had) for name, had in found.items()}


def test_too_long_for_the_list(store: Store) -> None:
    """An id that cannot be one is refused, whichever it is, before anybody is listed; nobody at all is fine."""
    with store.begin() as conn:
        gate_store.suppress(conn, "ww1", [], "x", NOW, None)
        with pytest.raises(UsageError, match="a subject has 65 characters, and at most 64 fit"):
            gate_store.suppress(conn, "ww1", ["wm1", "a" * 65], "x", NOW, None)
        assert [] == conn.scalars(select(suppression.c.subject)).all()


def test_list(store: Store) -> None:
    """Who is suppressed stands there once with the last reason and moment, and can be taken off for one category."""
    columns = [suppression.c[name] for name in ("corp_id", "subject", "category", "reason", "at")]
    query = select(*columns).order_by(suppression.c.corp_id, suppression.c.subject, suppression.c.category)
    with store.begin() as conn:
        gate_store.suppress(conn, "ww1", ["wm2", "wm1", "wm2"], "first", NOW, None)
        gate_store.suppress(conn, "ww1", ["wm1"], "last", END, None)
        gate_store.suppress(conn, "ww1", ["wm1"], "surveys", NOW, "survey")
        gate_store.suppress(conn, "ww2", ["wm1"], "there", NOW, None)

        assert [
            ("ww1", "wm1", "", "last", END),
            ("ww1", "wm1", "survey", "surveys", NOW),
            ("ww1", "wm2", "", "first", NOW),
            ("ww2", "wm1", "", "there", NOW),
        ] == [tuple(row) for row in conn.execute(query)]
        gate_store.allow(conn, "ww1", ["wm1"], None)
        assert [("wm1", "survey"), ("wm2", ""), ("wm1", "")] == [(r.subject, r.category) for r in conn.execute(query)]
        gate_store.allow(conn, "ww1", ["wm1", "wm2"], "survey")
        assert [("ww1", "wm2"), ("ww2", "wm1")] == [(r.corp_id, r.subject) for r in conn.execute(query)]
