"""The outbox itself: when there is something to do, how much of it a tick does, and what a drop leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from sqlalchemy import select, update

from privdom._port import BlockingPort, run
from privdom.errors import UsageError
from privdom.events import EventLog, UnitSettled
from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    AsyncOutbox,
    Gate,
    OutboxSettings,
    Policy,
    QuietHours,
    Subject,
    TickReport,
    UnitState,
)
from privdom.outbox.gate import CHINA
from privdom.outbox.kinds.contact_way import ContactWayKind
from privdom.outbox.tables import ledger, suppression
from privdom.outbox.tables import unit as unit_table
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from tests.outbox.corp import Corp, items, plan, text_message, unit


NOON = datetime(2026, 3, 31, 12, tzinfo=CHINA)
DAY = timedelta(days=1)
WAY = NewContactWay(type=1, user=["zhang"])


class _Other(ContactWayKind):
    name = "other"


@pytest.fixture
def corp() -> Corp:
    corp = Corp()
    corp.box.advance_to(NOON)
    return corp


def _outbox(corp: Corp, store: Store, *, kinds: Any = (), **settings: Any) -> AsyncOutbox:
    wecom = corp.wecom(BlockingPort(transport=corp.box.transport, clock=corp.box.clock))
    return AsyncOutbox(wecom, store, OutboxSettings(**settings), kinds=kinds)


def _next_at(store: Store, outbox: AsyncOutbox) -> datetime | None:
    with store.read() as conn:
        return outbox.next_at(conn)


def test_next_at(corp: Corp, store: Store) -> None:
    """The next moment is the earliest of what waits; quiet hours hold up messages, and nothing else."""
    outbox = _outbox(corp, store, gate=Gate(quiet=QuietHours(time(22), time(8))))
    night = NOON.replace(hour=23)

    assert _next_at(store, outbox) is None
    plan(store, outbox, BROADCAST, text_message(corp), not_before=night)
    assert NOON.replace(hour=8) + DAY == _next_at(store, outbox)
    plan(store, outbox, CONTACT_WAY, WAY, unit_id="way", not_before=night + timedelta(minutes=1))
    assert night + timedelta(minutes=1) == _next_at(store, outbox)
    corp.box.advance_to(night + timedelta(hours=1))
    assert night + timedelta(minutes=1) == _next_at(store, outbox)
    with store.begin() as conn:
        values = {"state": UnitState.UNCERTAIN, "due_at": night + 3 * DAY}
        conn.execute(update(unit_table).where(unit_table.c.id == "way").values(values))
    assert NOON.replace(hour=8) + DAY == _next_at(store, outbox)
    with store.begin() as conn:
        conn.execute(update(unit_table).where(unit_table.c.id == "way").values(due_at=night))
    assert night == _next_at(store, outbox)
    corp.box.advance_to(NOON.replace(hour=9) + DAY)
    with store.begin() as conn:
        conn.execute(update(unit_table).where(unit_table.c.id == "way").values(due_at=None))
    assert NOON.replace(hour=9) + DAY == _next_at(store, outbox)


def test_kinds_of_others(corp: Corp, store: Store) -> None:
    """What only another outbox can call is none of this one's business, whatever its state."""
    mine, other = _outbox(corp, store), _outbox(corp, store, kinds=[_Other()])
    plan(store, other, _Other(), WAY, unit_id="u1")

    assert _next_at(store, mine) is None
    assert NOON == _next_at(store, other)
    with store.begin() as conn:
        conn.execute(update(unit_table).values(state=UnitState.UNCERTAIN))
    assert _next_at(store, mine) is None
    assert NOON == _next_at(store, other)


def test_moments_of_others(corp: Corp, store: Store) -> None:
    """What waits at another corp is none of this one's business."""
    stranger = Corp(1)
    stranger.box.advance_to(NOON)
    theirs, mine = _outbox(stranger, store), _outbox(corp, store)
    plan(store, theirs, CONTACT_WAY, WAY, unit_id="u1")
    with store.begin() as conn:
        conn.execute(update(unit_table).values(state=UnitState.UNCERTAIN))

    assert [None, NOON] == [_next_at(store, mine), _next_at(store, theirs)]


class _Scripted(AsyncOutbox):
    """An outbox whose ticks do what is written."""

    script: Sequence[TickReport] = (TickReport(confirmed=2), TickReport(confirmed=1, parked=1), TickReport())

    async def tick(self, budget: int = 100) -> TickReport:
        done, *self.script = self.script
        return done


def test_drain(corp: Corp, store: Store) -> None:
    """Drained, an outbox tells what all its ticks did, up to the first that had nothing to do."""
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)

    assert TickReport(confirmed=3, parked=1) == run(_Scripted(corp.wecom(port), store).drain())


@pytest.mark.parametrize(
    ("budget", "in_flight", "confirmed"), [(0, 2, 0), (1, 2, 1), (3, 2, 3), (9, 2, 5), (100, 8, 5), (2, 1, 2)]
)
def test_budget(corp: Corp, store: Store, budget: int, in_flight: int, confirmed: int) -> None:
    """A tick calls as many units as its budget says, in rounds of what may be in flight; by default a hundred."""
    outbox = _outbox(corp, store, in_flight=in_flight)
    for _ in range(5):
        plan(store, outbox, CONTACT_WAY, WAY)

    assert confirmed == run(outbox.tick(budget)).confirmed
    assert 5 - confirmed == run(outbox.drain()).confirmed
    assert not run(outbox.drain())


def _planned(corp: Corp, store: Store, outbox: AsyncOutbox, *, suspect: bool) -> str:
    """A unit of three of which one is held back, perhaps after a call that may have arrived, and a stranger's."""
    report = plan(store, outbox, BROADCAST, text_message(corp), owner="sop")
    plan(store, outbox, BROADCAST, text_message(corp, "二"), subjects=[Subject(c, "b") for c in corp.customers[:3]])
    assert report.unit_id is not None
    with store.begin() as conn:
        conn.execute(update(unit_table).where(unit_table.c.id == report.unit_id).values(suspect=suspect))
        one = (ledger.c.unit_id == report.unit_id, ledger.c.subject == corp.customers[0])
        conn.execute(update(ledger).where(*one).values(state="capped"))
    return report.unit_id


@pytest.mark.parametrize("suspect", [False, True])
def test_drop(corp: Corp, store: Store, suspect: bool) -> None:
    """Dropped rows go, so that the same can be planned again, but for those whom a call may have reached."""
    outbox = _outbox(corp, store)
    unit_id = _planned(corp, store, outbox, suspect=suspect)
    corp.box.advance(timedelta(minutes=1))
    now = corp.box.clock.now()
    with store.begin() as conn:
        assert outbox.drop(conn, unit_id)
        at = list(conn.scalars(select(ledger.c.at).where(ledger.c.unit_id == unit_id)))

    left = dict.fromkeys(corp.customers[1:3], ("dropped", None)) if suspect else {}
    assert left == items(store, outbox, unit_id)
    assert [now] * len(left) == at
    held = unit(store, outbox, unit_id)
    assert (UnitState.DROPPED, None, now) == (held.state, held.due_at, held.settled_at)
    with store.begin() as conn:
        assert 3 == len(list(conn.execute(select(ledger).where(ledger.c.unit_id.is_distinct_from(unit_id)))))
        told = [event for _, event in EventLog.read(conn, corp.box.corp_id, "test")]
    assert [UnitSettled(unit_id, "sop", "dropped", now)] == told


@pytest.mark.parametrize("state", [s for s in UnitState if s is not UnitState.READY])
def test_no_drop(corp: Corp, store: Store, state: UnitState) -> None:
    """What was called, or is settled, is not dropped."""
    outbox = _outbox(corp, store)
    plan(store, outbox, CONTACT_WAY, WAY, unit_id="u1")
    with store.begin() as conn:
        conn.execute(update(unit_table).values(state=state))
        assert not outbox.drop(conn, "u1")
        assert not outbox.drop(conn, "u2")
    assert state == unit(store, outbox, "u1").state


def test_found_by_all_at_once(corp: Corp, store: Store) -> None:
    """Units are found by owner, lane and state together, the oldest first, a thousand at most."""
    outbox = _outbox(corp, store)
    for i, (owner, lane) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("a", "x")]):
        plan(store, outbox, CONTACT_WAY, WAY, unit_id=f"u{i}", owner=owner, lane=lane)
    with store.begin() as conn:
        conn.execute(update(unit_table).where(unit_table.c.id == "u3").values(state=UnitState.PARKED))

        def found(**options: Any) -> list[str]:
            return [held.id for held in outbox.units(conn, **options)]

        assert ["u0", "u1", "u2", "u3"] == found()
        assert ["u0", "u3"] == found(owner="a", lane="x")
        assert ["u0"] == found(owner="a", lane="x", states=[UnitState.READY, UnitState.CALLING])
        assert [] == found(owner="")
        assert [] == found(lane="")
        assert [] == found(states=[])
        assert ["u0", "u1"] == found(limit=2)


def test_policy(corp: Corp, store: Store) -> None:
    """A unit has the policy it names, or that of the settings."""
    outbox = _outbox(corp, store, policy=Policy.RESEND)

    assert Policy.RESEND == outbox.settings.policy
    policies = [
        unit(store, outbox, plan(store, outbox, CONTACT_WAY, WAY, policy=policy).unit_id).policy
        for policy in (None, Policy.PARK)
    ]
    assert [Policy.RESEND, Policy.PARK] == policies


def test_suppressed_row(corp: Corp, store: Store) -> None:
    """Who is put on the list stands there with the reason and the moment, for one category or for all."""
    outbox = _outbox(corp, store)
    with store.begin() as conn:
        outbox.suppress(conn, ["wm1"], reason="asked not to")
        outbox.suppress(conn, ["wm1"], reason="no news", category="news")
        outbox.allow(conn, ["wm1"], category="survey")
        rows = [tuple(row) for row in conn.execute(select(suppression).order_by(suppression.c.category))]

        corp_id = corp.box.corp_id
        assert [(corp_id, "wm1", "", "asked not to", NOON), (corp_id, "wm1", "news", "no news", NOON)] == rows
        outbox.allow(conn, ["wm1"], category="news")
        assert [""] == list(conn.scalars(select(suppression.c.category)))


def test_one_name_for_a_list(corp: Corp, store: Store) -> None:
    """One bare id where a list is due is refused, instead of being taken for a list of its letters."""
    outbox = _outbox(corp, store)
    with store.begin() as conn:
        for ask in (
            lambda: outbox.suppress(conn, "wm1", reason="asked not to"),
            lambda: outbox.allow(conn, "wm1"),
            lambda: outbox.budget(conn, "wm1"),
            lambda: outbox.forecast(conn, "wm1", []),
        ):
            with pytest.raises(UsageError, match="put it in brackets"):
                ask()
        assert [] == conn.execute(select(suppression)).all()


def test_empty_category(corp: Corp, store: Store) -> None:
    """An empty category is none: it neither silences a customer for everything nor lifts that."""
    outbox = _outbox(corp, store)
    with store.begin() as conn:
        outbox.suppress(conn, ["wm1"], reason="asked not to")
        with pytest.raises(UsageError, match="give None for all messages"):
            outbox.suppress(conn, ["wm2"], reason="asked not to", category="")
        with pytest.raises(UsageError, match="give None for all messages"):
            outbox.allow(conn, ["wm1"], category="")
        assert ["wm1"] == list(conn.scalars(select(suppression.c.subject)))


@pytest.mark.parametrize(("field", "longest"), [("subject", 64), ("category", 32)])
def test_longest_on_the_list(corp: Corp, store: Store, field: str, longest: int) -> None:
    """What would not fit into the list is refused by name, on every database; what just fits is taken, and taken back."""
    outbox = _outbox(corp, store)

    def put(text: str, *, allow: bool = False) -> None:
        subjects = ["wm1", text] if field == "subject" else ["wm1"]
        category = text if field == "category" else None
        with store.begin() as conn:
            if allow:
                outbox.allow(conn, subjects, category=category)
            else:
                outbox.suppress(conn, subjects, reason="r" * 1000, category=category)

    said = "a subject" if field == "subject" else field
    for allow in (False, True):
        with pytest.raises(UsageError, match=rf"^{said} has {longest + 1} characters, and at most {longest} fit$"):
            put("x" * (longest + 1), allow=allow)
        put("x" * longest, allow=allow)
    with store.read() as conn:
        assert [] == conn.execute(select(suppression)).all()


def test_shown(corp: Corp, store: Store) -> None:
    """An outbox shows its corp and its store."""
    outbox = _outbox(corp, store)

    assert f"<AsyncOutbox of {corp.box.corp_id} in {store!r}>" == repr(outbox)
    assert 16 == len(outbox._ctx.worker)
    assert outbox._ctx.worker != _outbox(corp, store)._ctx.worker
