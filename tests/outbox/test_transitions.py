"""The steps of a unit's life: each looks at state and fence, and touches nobody else's unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from sqlalchemy import Connection, insert, select, update

from privdom.outbox import (
    CONTACT_WAY,
    TRANSFER,
    Gate,
    ItemResult,
    ItemState,
    Policy,
    Subject,
    Unit,
    UnitState,
    planning,
    transitions,
)
from privdom.outbox.tables import audit, ledger, unit
from privdom.outbox.verdicts import Confirm, Done, Doubt, Item, LookAgain, Park, Refuse, Release, Skip, Verdict
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from privdom.wecom.transfers import TransferRequest


NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
KINDS = ["contact_way", "transfer"]
IN_FLIGHT = [UnitState.CALLING, UnitState.UNCERTAIN]


@pytest.fixture
def conn(store: Store) -> Iterator[Connection]:
    with store.begin() as conn:
        yield conn


def put(
    conn: Connection,
    unit_id: str,
    *,
    corp: str = "ww1",
    lane: str | None = None,
    due: timedelta = timedelta(0),
    **values: Any,
) -> Unit:
    """Plan a contact way, and bring it into the state that *values* tell."""
    way = NewContactWay(type=1, user=["zhang"])
    options: Any = {
        "gate": Gate(cap=None),
        "not_before": None,
        "policy": Policy.PARK,
        "owner": "o",
        "category": "x",
        "subjects": (),
    }
    planning.plan(conn, corp, CONTACT_WAY, way, now=NOW, unit_id=unit_id, lane=lane, **options)
    conn.execute(update(unit).where(unit.c.id == unit_id).values({"due_at": NOW + due, **values}))
    return get(conn, unit_id)


def put_transfer(conn: Connection, unit_id: str, *customers: str, corp: str = "ww1", **values: Any) -> Unit:
    options: Any = {
        "gate": Gate(cap=None),
        "not_before": None,
        "policy": Policy.PARK,
        "owner": "o",
        "category": "x",
        "lane": None,
    }
    request = TransferRequest("zhang", "li", list(customers))
    subjects = [Subject(customer, "wave", unit_id) for customer in customers]
    planning.plan(conn, corp, TRANSFER, request, now=NOW, unit_id=unit_id, subjects=subjects, **options)
    if values:
        conn.execute(update(unit).where(unit.c.id == unit_id).values(values))
    return get(conn, unit_id)


def get(conn: Connection, unit_id: str) -> Unit:
    (found,) = transitions.load(conn, unit.c.id == unit_id)
    return found


def heads(conn: Connection, corp: str = "ww1", kinds: list[str] = KINDS) -> list[str]:
    return [row.id for row in conn.execute(transitions.heads(corp, kinds), {"now": NOW + 999 * MINUTE, "limit": 100})]


def test_one_of_each_lane(conn: Connection) -> None:
    """The first of each lane may be called, the most urgent lane first; of equals, who was planned first."""
    put(conn, "third", lane="a", due=2 * MINUTE)
    put(conn, "waits", lane="a", due=3 * MINUTE)
    put(conn, "waits too", lane="a", due=2 * MINUTE)
    put(conn, "second", lane="b", due=MINUTE)
    put(conn, "first", lane="c")
    put(conn, "last", lane="d", due=2 * MINUTE)

    assert ["first", "second", "third", "last"] == heads(conn)


def test_lanes_of_others(conn: Connection) -> None:
    """A lane belongs to one corp, but to all kinds of calls."""
    put(conn, "ours", lane="a", due=MINUTE)
    put(conn, "theirs", lane="a", corp="ww2")

    assert (["ours"], ["theirs"]) == (heads(conn), heads(conn, "ww2"))
    assert [] == heads(conn, kinds=["transfer"])

    conn.execute(update(unit).where(unit.c.id == "theirs").values(corp_id="ww1", kind="transfer"))
    assert [] == heads(conn, kinds=["contact_way"])


@pytest.mark.parametrize("state", list(UnitState))
@pytest.mark.parametrize("earlier", [True, False])
def test_lane_in_flight(conn: Connection, state: UnitState, earlier: bool) -> None:
    """While one unit of a lane is in flight, whichever was planned first, the others wait."""
    if earlier:
        put(conn, "other", lane="a", state=state)
    put(conn, "it", lane="a", due=MINUTE if state is UnitState.READY else timedelta(0))
    if not earlier:
        put(conn, "other", lane="a", state=state)

    expected = ["other"] if state is UnitState.READY else [] if state in IN_FLIGHT else ["it"]
    assert expected == heads(conn)


def test_turn(conn: Connection) -> None:
    """Who was called before keeps the turn, though others of the lane are due sooner; of two such, who is due."""
    put(conn, "new", lane="a")
    put(conn, "old", lane="a", due=MINUTE, attempt=1)

    assert ["old"] == heads(conn)

    put(conn, "older", lane="a", attempt=2)
    assert ["older"] == heads(conn)


def test_peek(conn: Connection) -> None:
    """Heads can be called from the moment they are due, as many as asked for."""
    for i in range(3):
        put(conn, f"{i}", due=i * SECOND)
    put(conn, "theirs", corp="ww2")

    assert ["0"] == [u.id for u in transitions.peek(conn, "ww1", KINDS, NOW, 10)]
    assert ["0", "1"] == [u.id for u in transitions.peek(conn, "ww1", KINDS, NOW + SECOND, 10)]
    assert ["0", "1"] == [u.id for u in transitions.peek(conn, "ww1", KINDS, NOW + MINUTE, 2)]
    assert [] == transitions.peek(conn, "ww1", ["transfer"], NOW + MINUTE, 2)


def test_load(conn: Connection) -> None:
    """Units come in the order in which they were planned, as many as asked for, as values."""
    put(conn, "b", lane="x", due=MINUTE)
    put(conn, "a", lane="y")

    assert ["b", "a"] == [u.id for u in transitions.load(conn)]
    assert ["b"] == [u.id for u in transitions.load(conn, limit=1)]
    assert ["a"] == [u.id for u in transitions.load(conn, unit.c.lane == "y", lock=True)]
    assert (UnitState.READY, Policy.PARK, NOW) == ((held := get(conn, "a")).state, held.policy, held.due_at)
    assert isinstance(held.policy, Policy)
    assert isinstance(held.state, UnitState)


def arm(conn: Connection, *peeked: Unit, **prepared: str) -> list[Unit]:
    due = {"contact_way": NOW + MINUTE, "transfer": NOW + 2 * MINUTE}
    free = transitions.free(conn, "ww1", peeked, NOW)
    return transitions.arm(conn, free, now=NOW, due_at=due, worker="me", prepared=prepared)


def test_arm(conn: Connection) -> None:
    """A head that nobody touched is armed: fence, attempt and deadline stand before anything is sent."""
    before = put(conn, "it", reason="x", absent_seen=NOW, lookups=3)
    before_too = put_transfer(conn, "too", "wm1")
    bystander = put(conn, "bystander")
    armed = arm(conn, before, before_too, it="noted")

    expected = attrs.evolve(
        before,
        state=UnitState.CALLING,
        fence=1,
        attempt=1,
        due_at=NOW + MINUTE,
        armed_at=NOW,
        reason=None,
        absent_seen=None,
        lookups=0,
        prepared="noted",
    )
    assert [expected, NOW + 2 * MINUTE] == [armed[0], armed[1].due_at]
    assert armed == [get(conn, "it"), get(conn, "too")]
    assert ["me", "me", None] == list(conn.scalars(select(unit.c.worker).order_by(unit.c.seq)))
    assert bystander == get(conn, "bystander")


def test_arm_nothing(conn: Connection) -> None:
    """A unit is armed once; what was touched since it was seen, is no head any more or not due, is left alone."""
    seen = [put(conn, "it"), put(conn, "moved"), put(conn, "second", lane="a"), put(conn, "early", due=SECOND)]
    conn.execute(update(unit).where(unit.c.id == "moved").values(fence=1))
    put(conn, "first", lane="a", attempt=1)

    assert ["it"] == [u.id for u in arm(conn, *seen)]
    assert [] == arm(conn, *seen)
    assert [] == arm(conn)
    assert (1, 1) == ((held := get(conn, "it")).fence, held.attempt)
    assert {UnitState.READY} == {get(conn, u.id).state for u in seen[1:]}


def test_armed_by_another(conn: Connection) -> None:
    """A unit that was armed since it was found free is not armed a second time."""
    it = put(conn, "it")
    free = transitions.free(conn, "ww1", [it], NOW)

    assert ["it"] == [u.id for u in arm(conn, it)]
    assert [] == transitions.arm(conn, free, now=NOW, due_at={"contact_way": NOW}, worker="other", prepared={})
    assert 1 == get(conn, "it").attempt


def test_arm_again(conn: Connection) -> None:
    """What an earlier attempt may have made stays in the window of the look-up; a clean start begins a new one."""
    states: dict[str, Any] = {"armed_at": NOW - MINUTE, "prepared": "before", "attempt": 1}
    suspect = put(conn, "suspect", suspect=True, **states)
    clean = put(conn, "clean", **states)
    bare = put(conn, "bare", suspect=True)
    armed = {u.id: u for u in arm(conn, suspect, clean, bare, suspect="now", clean="now", bare="now")}

    assert ("before", NOW - MINUTE) == (armed["suspect"].prepared, armed["suspect"].armed_at)
    assert ("now", NOW) == (armed["clean"].prepared, armed["clean"].armed_at)
    assert ("now", NOW) == (armed["bare"].prepared, armed["bare"].armed_at)
    assert 2 == armed["suspect"].attempt


def claim(conn: Connection, now: datetime = NOW, limit: int = 10, worker: str = "me") -> list[Unit]:
    return transitions.claim(conn, "ww1", KINDS, now=now, lease=5 * MINUTE, worker=worker, limit=limit)


@pytest.mark.parametrize("state", list(UnitState))
def test_claim(conn: Connection, state: UnitState) -> None:
    """A call past its deadline becomes uncertain and suspect, a confirmed unit stays one; the holder before loses."""
    before = put(conn, "it", state=state, fence=4)
    due = state in {*IN_FLIGHT, UnitState.CONFIRMED}
    lost = attrs.evolve(before, state=UnitState.UNCERTAIN, suspect=True) if state in IN_FLIGHT else before
    expected = [attrs.evolve(lost, fence=5, due_at=NOW + 5 * MINUTE)] if due else []

    assert due == transitions.any_to_claim(conn, "ww1", KINDS, NOW)
    assert expected == claim(conn)
    assert [] == claim(conn)
    assert get(conn, "it") == (expected or [before])[0]


def test_claim_due(conn: Connection) -> None:
    """Only what is due, of this corp and these kinds, is claimed, the oldest first."""
    others: list[Unit] = [
        put(conn, "early", state=UnitState.CALLING, due=SECOND),
        put(conn, "theirs", corp="ww2", state=UnitState.CALLING),
        put(conn, "other kind", kind="broadcast", state=UnitState.CALLING),
        put(conn, "other confirmed", kind="broadcast", state=UnitState.CONFIRMED),
        put(conn, "early confirmed", state=UnitState.CONFIRMED, due=SECOND),
    ]
    assert not transitions.any_to_claim(conn, "ww1", KINDS, NOW)
    put(conn, "second", state=UnitState.CONFIRMED, due=-SECOND)
    put(conn, "first", state=UnitState.CALLING, due=-MINUTE)
    assert transitions.any_to_claim(conn, "ww1", KINDS, NOW)

    assert ["first"] == [u.id for u in claim(conn, limit=1)]
    assert ["second"] == [u.id for u in claim(conn)]
    assert others == [get(conn, u.id) for u in others]
    assert {"me", None} == set(conn.scalars(select(unit.c.worker)))


def test_claimed_at_once(conn: Connection) -> None:
    """What one worker has claimed another one does not get, though both ask at the same moment."""
    put(conn, "a", state=UnitState.CALLING)
    assert ["a"] == [u.id for u in claim(conn)]
    put(conn, "b", state=UnitState.CALLING)

    assert ["b"] == [u.id for u in claim(conn, worker="other")]


def test_transit(conn: Connection) -> None:
    """A step is taken if the unit is in the state and has the fence it was seen with; other units stay."""
    it, other = put(conn, "it", state=UnitState.CALLING, fence=2), put(conn, "other", state=UnitState.CALLING, fence=2)

    assert not transitions.transit(conn, attrs.evolve(it, fence=1), to=UnitState.PARKED)
    assert not transitions.transit(conn, it, to=UnitState.PARKED, since=[UnitState.READY])
    assert it == get(conn, "it")
    assert transitions.transit(conn, it, to=UnitState.PARKED, reason="x")
    assert attrs.evolve(it, state=UnitState.PARKED, reason="x") == get(conn, "it")
    assert not transitions.transit(conn, it, to=UnitState.PARKED)
    assert other == get(conn, "other")


DONE = Done("msg1", "{}", {"wm2": Item(ItemState.FAILED, 40096), "wm1": Item(ItemState.SENT)})
LATER = NOW + 10 * MINUTE
COUNTS = NOW + 5 * MINUTE


@pytest.mark.parametrize(
    ("verdict", "before", "after", "to"),
    [
        (
            Confirm(DONE),
            {"reason": "x"},
            {
                "state": UnitState.CONFIRMED,
                "remote_id": "msg1",
                "answer": "{}",
                "due_at": None,
                "settled_at": LATER,
                "reason": None,
            },
            None,
        ),
        (
            Confirm(Done(None, None)),
            {"suspect": True},
            {"state": UnitState.CONFIRMED, "due_at": LATER + MINUTE, "settled_at": LATER},
            (ItemState.SENT, None, COUNTS),
        ),
        (
            # The other one is to be cancelled, before staff send it.
            Confirm(Done(None, None), twice=True),
            {"suspect": True},
            {"state": UnitState.CONFIRMED, "due_at": LATER, "settled_at": LATER},
            (ItemState.SENT, None, COUNTS),
        ),
        (
            Refuse("no", 40096),
            {},
            {"state": UnitState.REFUSED, "reason": "no", "due_at": None, "settled_at": LATER},
            (ItemState.REFUSED, 40096, LATER),
        ),
        (
            Park("who knows"),
            {},
            {"state": UnitState.PARKED, "reason": "who knows", "due_at": None, "settled_at": LATER},
            (ItemState.PARKED, None, NOW),
        ),
        (
            Park("who knows"),
            {"attempt": 1},
            {"state": UnitState.PARKED, "reason": "who knows", "due_at": None, "settled_at": LATER},
            (ItemState.PARKED, None, COUNTS),
        ),
        (
            Skip("nobody left"),
            {},
            {"state": UnitState.DROPPED, "reason": "nobody left", "due_at": None, "settled_at": LATER},
            (ItemState.PLANNED, None, NOW),
        ),
        (
            Release(MINUTE, "busy"),
            {},
            {"state": UnitState.READY, "reason": "busy", "due_at": LATER + MINUTE},
            (ItemState.PLANNED, None, NOW),
        ),
        (
            Release(MINUTE, "busy", doubt=True),
            {},
            {"state": UnitState.READY, "reason": "busy", "due_at": LATER + MINUTE, "suspect": True},
            (ItemState.PLANNED, None, NOW),
        ),
        (
            Release(MINUTE, "busy"),
            {"suspect": True},
            {"state": UnitState.READY, "reason": "busy", "due_at": LATER + MINUTE},
            (ItemState.PLANNED, None, NOW),
        ),
        (Doubt("lost"), {}, {"reason": "lost", "suspect": True}, (ItemState.PLANNED, None, NOW)),
        (
            Doubt("lost", look_after=MINUTE),
            {},
            {"reason": "lost", "suspect": True, "due_at": LATER + MINUTE},
            (ItemState.PLANNED, None, NOW),
        ),
        (
            LookAgain(MINUTE, "not yet"),
            {"lookups": 2, "absent_seen": NOW},
            {"reason": "not yet", "due_at": LATER + MINUTE, "lookups": 0, "absent_seen": None},
            (ItemState.PLANNED, None, NOW),
        ),
        (
            LookAgain(MINUTE, "not there", absent=True),
            {"lookups": 2},
            {"reason": "not there", "due_at": LATER + MINUTE, "lookups": 0, "absent_seen": LATER},
            (ItemState.PLANNED, None, NOW),
        ),
        (
            LookAgain(MINUTE, "not there", absent=True),
            {"absent_seen": NOW},
            {"reason": "not there", "due_at": LATER + MINUTE, "absent_seen": NOW},
            (ItemState.PLANNED, None, NOW),
        ),
        (
            LookAgain(MINUTE, "failed", failed=True),
            {"lookups": 2, "absent_seen": NOW},
            {"reason": "failed", "due_at": LATER + MINUTE, "lookups": 3, "absent_seen": NOW},
            (ItemState.PLANNED, None, NOW),
        ),
    ],
)
@pytest.mark.parametrize("state", [UnitState.READY, *IN_FLIGHT])
def test_apply(
    conn: Connection,
    state: UnitState,
    verdict: Verdict,
    before: dict[str, Any],
    after: dict[str, Any],
    to: tuple[ItemState, int | None, datetime] | None,
) -> None:
    """A verdict does what it says to the unit and its subjects, once, where state and fence are as they were seen."""
    held = put_transfer(conn, "it", "wm1", "wm2", **before, state=state, fence=1)
    other = put_transfer(conn, "other", "wm1", "wm2", corp="ww2", state=state, fence=1)
    others = transitions.items(conn, "other")
    wrong = [UnitState.PARKED] if state is UnitState.READY else [UnitState.READY]

    def apply(unit_: Unit, **since: Any) -> bool:
        return transitions.apply(conn, unit_, verdict, now=LATER, at=COUNTS, settle=MINUTE, **since)

    assert not apply(held, since=wrong)
    assert not apply(attrs.evolve(held, fence=0), since=[state])
    assert held == get(conn, "it")
    assert (ItemState.PLANNED, NOW) == ((items := transitions.items(conn, "it"))[0].state, items[0].at)
    assert (state in IN_FLIGHT) == apply(held)
    if state not in IN_FLIGHT:
        assert apply(held, since=[state])

    assert attrs.evolve(held, **after) == get(conn, "it")
    expected = [to, to] if to else [(ItemState.SENT, None, COUNTS), (ItemState.FAILED, 40096, COUNTS)]
    assert expected == [(item.state, item.code, item.at) for item in transitions.items(conn, "it")]
    assert (other, others) == (get(conn, "other"), transitions.items(conn, "other"))


def test_items(conn: Connection) -> None:
    """What became of each subject comes sorted by subject, step and occurrence."""
    put_transfer(conn, "it", "wm3", "wm1", "wm2")
    conn.execute(
        insert(ledger),
        [
            {
                "corp_id": "ww1",
                "unit_id": "it",
                "state": "sent",
                "code": 1,
                "reach": False,
                "at": LATER,
                "category": "x",
            }
            | {"subject": "wm2", "step": step, "occurrence": occurrence}
            for step, occurrence in [("wave", "a"), ("wave", "b"), ("a", "z")]
        ],
    )
    put_transfer(conn, "other", "wm1", corp="ww2")

    planned = {"state": ItemState.PLANNED, "code": None, "at": NOW}
    sent = {"state": ItemState.SENT, "code": 1, "at": LATER}
    assert (
        ItemResult("wm1", "wave", "it", **planned),
        ItemResult("wm2", "a", "z", **sent),
        ItemResult("wm2", "wave", "a", **sent),
        ItemResult("wm2", "wave", "b", **sent),
        ItemResult("wm2", "wave", "it", **planned),
        ItemResult("wm3", "wave", "it", **planned),
    ) == transitions.items(conn, "it")


def test_taken(conn: Connection) -> None:
    """What another unit of this corp and kind is at WeCom is taken; what others are, or the unit itself, is not."""
    it = put(conn, "it", remote_id="mine")
    put(conn, "other", remote_id="taken")
    put(conn, "theirs", corp="ww2", remote_id="theirs")
    put(conn, "kind", kind="broadcast", remote_id="kind")

    assert {"taken"} == transitions.taken(conn, it, ["mine", "taken", "theirs", "kind", "unknown"])
    assert set() == transitions.taken(conn, it, ["mine"])


@pytest.mark.parametrize("state", list(UnitState))
@pytest.mark.parametrize("suspect", [True, False])
def test_rivals(conn: Connection, state: UnitState, suspect: bool) -> None:
    """Another unit of the same content is a rival while nobody knows what became of its call."""
    it = put(conn, "it", state=UnitState.UNCERTAIN, suspect=True)
    assert not transitions.rivals(conn, it)

    put(conn, "theirs", corp="ww2", state=UnitState.PARKED)
    put(conn, "different", fingerprint="other", state=UnitState.PARKED)
    assert not transitions.rivals(conn, it)

    put(conn, "other", state=state, suspect=suspect)
    doubtful = state in {UnitState.CALLING, UnitState.UNCERTAIN, UnitState.PARKED}
    perhaps = suspect and state in {UnitState.READY, UnitState.DROPPED}
    assert (doubtful or perhaps) == transitions.rivals(conn, it)


def test_audit(conn: Connection) -> None:
    """Decisions are recorded in full; only what the engine sent again counts, and only of this unit."""
    it, other = put(conn, "it"), put(conn, "other")
    for held, by, action, remote_id in (
        (it, "engine", "resent", None),
        (it, "engine", "resent", None),
        (it, "ann", "resent", None),
        (it, "engine", "parked", "msg1"),
        (it, "engine", "found", "msg2"),
        (it, "engine", "late_answer", None),
        (other, "engine", "resent", None),
        (other, "engine", "parked", "msg3"),
    ):
        transitions.append_audit(conn, held, at=NOW, by=by, action=action, note="why", remote_id=remote_id)

    assert (2, 1) == (transitions.resent(conn, it), transitions.resent(conn, other))
    assert 0 == transitions.resent(conn, put(conn, "third"))
    assert {"msg1"} == transitions.audited(conn, "it", ["parked", "resent"])
    assert {"msg1", "msg2"} == transitions.audited(conn, "it", ["parked", "found"])
    rows = conn.execute(select(audit).where(audit.c.remote_id == "msg1")).mappings()
    assert [{"corp_id": "ww1", "unit_id": "it", "at": NOW, "by": "engine", "action": "parked", "note": "why"}] == [
        {name: row[name] for name in ("corp_id", "unit_id", "at", "by", "action", "note")} for row in rows
    ]


@pytest.mark.parametrize("state", [ItemState.CAPPED, ItemState.SUPPRESSED])
def test_held_items(conn: Connection, state: ItemState) -> None:
    """Whom the gate held back stays so, whatever becomes of the others of the unit."""
    put_transfer(conn, "it", "wm1", "wm2")
    conn.execute(update(ledger).where(ledger.c.subject == "wm1").values(state=state))
    transitions.set_items(conn, "it", ItemState.SENT, LATER)

    assert [(state, NOW), (ItemState.SENT, LATER)] == [(i.state, i.at) for i in transitions.items(conn, "it")]


def test_set_items(conn: Connection) -> None:
    """All rows of a unit are set at once; without a moment the old one stays, and an old code goes."""
    put_transfer(conn, "it", "wm1", "wm2")
    put_transfer(conn, "other", "wm3", corp="ww2")
    others = transitions.items(conn, "other")
    transitions.set_items(conn, "it", ItemState.REFUSED, LATER, code=7)
    refused = [(i.state, i.code, i.at) for i in transitions.items(conn, "it")]
    transitions.set_items(conn, "it", ItemState.DROPPED, None)

    assert 2 * [(ItemState.REFUSED, 7, LATER)] == refused
    assert 2 * [(ItemState.DROPPED, None, LATER)] == [(i.state, i.code, i.at) for i in transitions.items(conn, "it")]
    assert others == transitions.items(conn, "other")
