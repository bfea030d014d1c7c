"""The rows behind desired tags: what is claimed, what is to be done, and what is left when it is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from sqlalchemy import Connection, select, update

from privdom.outbox import wishes
from privdom.outbox.wish_rules import Claimed, Pushed, Task, WishState
from privdom.outbox.wishes import push as push_table
from privdom.outbox.wishes import wish as wish_table
from privdom.store import Store


NOW = datetime(2026, 1, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = 10 * MINUTE


def _want(conn: Connection, owner: str, *tags: str, staff: str = "s", customer: str = "wm1", corp: str = "ww1") -> None:
    """Want these tags; those that begin with a minus no longer."""
    changes = [(staff, customer, tag.removeprefix("-"), not tag.startswith("-")) for tag in tags]
    wishes.want(conn, corp, owner, changes, NOW)


def _wishes(conn: Connection) -> dict[tuple[str, str], tuple[Any, ...]]:
    """By tag and owner: wanted, state, added, code."""
    rows = conn.execute(select(wish_table).order_by(wish_table.c.tag_id, wish_table.c.owner))
    return {(row.tag_id, row.owner): (row.wanted, row.state, row.added, row.code) for row in rows}


def _pushes(conn: Connection) -> list[tuple[Any, ...]]:
    """Staff, customer, changes, fence, attempt and when it is due."""
    columns = [c for c in push_table.c if c.name != "corp_id"]
    return [tuple(row) for row in conn.execute(select(*columns).order_by(push_table.c.staff, push_table.c.customer))]


def _claim(conn: Connection, now: datetime = NOW, limit: int = 10, corp: str = "ww1") -> list[Claimed]:
    return wishes.claim(conn, corp, now=now, lease=LEASE, limit=limit)


def _task(conn: Connection, now: datetime = NOW) -> Task:
    (claimed,) = _claim(conn, now)
    (task,) = wishes.take(conn, "ww1", [claimed])
    return task


def _record(conn: Connection, *results: Pushed, now: datetime = NOW) -> list[Pushed]:
    return wishes.record(conn, "ww1", results, now)


def _done(conn: Connection, **values: Any) -> Task:
    """Carry out what is to be done, and record that it was."""
    task = _task(conn)
    _record(conn, Pushed(task, frozenset((*task.add, *task.remove)), **values))
    return task


def test_wanted(store: Store) -> None:
    """A wish waits for its push, which is due at once; wanted again it costs nothing, and the last word counts."""
    with store.begin() as conn:
        _want(conn, "x", "a", "b", "-b", "-c")
        assert {("a", "x"): (True, "pending", False, None)} == _wishes(conn)
        assert [("s", "wm1", 1, 0, 0, NOW)] == _pushes(conn)
        _want(conn, "x", "a")
        assert [("s", "wm1", 1, 0, 0, NOW)] == _pushes(conn)
        _want(conn, "x", "-a")
        assert {("a", "x"): (False, "pending", False, None)} == _wishes(conn)
        assert [("s", "wm1", 2, 0, 0, NOW)] == _pushes(conn)
        _want(conn, "x", "-a")
        assert [("s", "wm1", 2, 0, 0, NOW)] == _pushes(conn)
        _want(conn, "x", "a")
        assert {("a", "x"): (True, "pending", False, None)} == _wishes(conn)
        assert [("s", "wm1", 3, 0, 0, NOW)] == _pushes(conn)


def test_each_for_itself(store: Store) -> None:
    """An owner takes back only what it wants itself, on this relation, at this corp."""
    with store.begin() as conn:
        for owner, where in (
            ("x", {}),
            ("y", {}),
            ("x", {"staff": "t"}),
            ("x", {"customer": "wm2"}),
            ("x", {"corp": "b"}),
        ):
            _want(conn, owner, "a", "b", **where)
        _want(conn, "x", "-a")

        query = select(wish_table).where(~wish_table.c.wanted)
        (row,) = conn.execute(query)
        assert ("ww1", "s", "wm1", "a", "x", "pending", False, None) == (
            row.corp_id,
            row.staff,
            row.customer,
            row.tag_id,
            row.owner,
            row.state,
            row.added,
            row.code,
        )
        assert {"pending": 8} == wishes.count(conn, "ww1")
        assert {"pending": 2} == wishes.count(conn, "b")
        assert {} == wishes.count(conn, "c")


def test_wanted_again(store: Store) -> None:
    """What failed or lost its relation is tried again when it is wanted again; what was pushed is not."""
    with store.begin() as conn:
        _want(conn, "x", "a", "b", "c")
        for tag, state in (("a", WishState.FAILED), ("b", WishState.NO_RELATION), ("c", WishState.PUSHED)):
            values = {"state": state, "code": 7, "added": True}
            conn.execute(update(wish_table).where(wish_table.c.tag_id == tag).values(values))
        _want(conn, "x", "a", "b", "c")

        assert {
            ("a", "x"): (True, "pending", True, None),
            ("b", "x"): (True, "pending", True, None),
            ("c", "x"): (True, "pushed", True, 7),
        } == _wishes(conn)
        conn.execute(update(wish_table).values(state=WishState.FAILED, code=7))
        _want(conn, "x", "-a")
        assert (False, "pending", True, None) == _wishes(conn)["a", "x"]


def test_claimed(store: Store) -> None:
    """Relations are claimed in the order in which they fell due, at most as many as asked, each for its lease."""
    with store.begin() as conn:
        for staff, customer in (("t", "wm1"), ("s", "wm2"), ("s", "wm1"), ("u", "wm1"), ("v", "wm1")):
            _want(conn, "x", "a", staff=staff, customer=customer)
        _want(conn, "x", "a", corp="ww2")
        conn.execute(update(push_table).where(push_table.c.staff == "u").values(due_at=NOW - MINUTE))
        conn.execute(update(push_table).where(push_table.c.staff == "v").values(due_at=NOW + MINUTE))
        conn.execute(update(push_table).where(push_table.c.staff == "t").values(fence=4, changes=3, attempt=2))

        assert NOW - MINUTE == wishes.next_at(conn, "ww1")
        first, second = _claim(conn, limit=2), _claim(conn)
        end = NOW + LEASE
        assert [Claimed("u", "wm1", 1, 1, 0, end), Claimed("s", "wm1", 1, 1, 0, end)] == first
        assert [Claimed("s", "wm2", 1, 1, 0, end), Claimed("t", "wm1", 5, 3, 2, end)] == second
        assert [] == _claim(conn)
        assert {"s": NOW + LEASE, "t": NOW + LEASE, "u": NOW + LEASE, "v": NOW + MINUTE} == {
            row[0]: row[5] for row in _pushes(conn) if row[0] != "ww2"
        }
        assert NOW + MINUTE == wishes.next_at(conn, "ww1")
        assert NOW == wishes.next_at(conn, "ww2")
        assert wishes.next_at(conn, "ww3") is None
        assert [Claimed("v", "wm1", 1, 1, 0, end + MINUTE)] == _claim(conn, NOW + MINUTE)


def test_new_wish_under_a_lease(store: Store) -> None:
    """A wish that comes in during a push is counted, and leaves the lease alone."""
    with store.begin() as conn:
        _want(conn, "x", "a")
        _claim(conn)
        _want(conn, "x", "b")

        assert [("s", "wm1", 2, 1, 0, NOW + LEASE)] == _pushes(conn)


def test_to_do(store: Store) -> None:
    """A tag goes on if somebody waits for it and nobody has it, off if nobody wants it and we may have put it on."""
    with store.begin() as conn:
        _want(conn, "x", "ours", "shared", "had", "kept")
        _want(conn, "y", "shared", "kept")
        _done(conn)
        _want(conn, "x", "new", "also", "-ours", "-shared", "never")
        _want(conn, "y", "new", "had")
        _want(conn, "x", "-never")
        before = {key for key, row in _wishes(conn).items() if row[2]}
        task = _task(conn)

        assert ("also", "new") == task.add
        assert ("ours",) == task.remove
        assert ("had", "never", "shared") == task.idle
        assert {("also", "x"), ("new", "x"), ("new", "y"), ("had", "y")} == task.fresh
        after = {key for key, row in _wishes(conn).items() if row[2]}
        assert task.fresh == after - before


def test_two_relations(store: Store) -> None:
    """Each claimed relation has its own task."""
    with store.begin() as conn:
        _want(conn, "x", "a")
        _want(conn, "x", "b", customer="wm2")
        _want(conn, "x", "c", customer="wm3")
        claimed = _claim(conn, limit=2)
        tasks = wishes.take(conn, "ww1", claimed)

        assert [(claimed[0], ("a",)), (claimed[1], ("b",))] == [(t.claimed, t.add) for t in tasks]
        assert [True, True, False] == [row[2] for row in _wishes(conn).values()]


def test_recorded(store: Store) -> None:
    """What was done is over, what failed keeps its errcode, and what is gone is nobody's wish any more."""
    with store.begin() as conn:
        _want(conn, "x", "old")
        _done(conn)
        _want(conn, "x", "a", "bad", "-old", "unwanted")
        _want(conn, "x", "-unwanted")
        task = _task(conn)
        result = Pushed(task, frozenset({"a", "old"}), {"bad": 40068})

        assert [result] == _record(conn, result)
        assert {("a", "x"): (True, "pushed", True, None), ("bad", "x"): (True, "failed", False, 40068)} == _wishes(conn)
        assert [] == _pushes(conn)


def test_to_be_tried_again(store: Store) -> None:
    """What has to wait is due then and counts its attempts; what is done of it is done, the rest is as it was."""
    with store.begin() as conn:
        _want(conn, "x", "a", "b", "c")
        _want(conn, "x", "-c")
        task = _task(conn)
        result = Pushed(task, frozenset({"a"}), wait=MINUTE)

        assert [result] == _record(conn, result)
        assert {
            ("a", "x"): (True, "pushed", True, None),
            ("b", "x"): (True, "pending", False, None),
            ("c", "x"): (False, "pending", False, None),
        } == _wishes(conn)
        assert [("s", "wm1", 2, 1, 1, NOW + MINUTE)] == _pushes(conn)


def test_unsure(store: Store) -> None:
    """A call of unknown fate leaves what it may have put on as ours."""
    with store.begin() as conn:
        _want(conn, "x", "a", "bad")
        _record(conn, Pushed(_task(conn), failed={"bad": 1}, wait=MINUTE, unsure=True))

        assert {("a", "x"): (True, "pending", True, None), ("bad", "x"): (True, "failed", False, 1)} == _wishes(conn)


def test_put_off(store: Store) -> None:
    """A push that was not even begun is due at once, and is no attempt."""
    with store.begin() as conn:
        _want(conn, "x", "a")
        conn.execute(update(push_table).values(attempt=3))
        _record(conn, Pushed(_task(conn), wait=timedelta(0)))

        assert [("s", "wm1", 1, 1, 0, NOW)] == _pushes(conn)


def test_no_relation(store: Store) -> None:
    """With a relation all its tags are gone: none is ours, and what was to go has gone."""
    with store.begin() as conn:
        _want(conn, "x", "old", "kept")
        _done(conn)
        _want(conn, "x", "a", "-old")
        _record(conn, Pushed(_task(conn), no_relation=True))

        gone = (True, "no_relation", False, None)
        assert {("a", "x"): gone, ("kept", "x"): gone} == _wishes(conn)
        assert [] == _pushes(conn)


def test_taken_over(store: Store) -> None:
    """Whose lease another one has taken over records nothing; of several results the others are recorded."""
    with store.begin() as conn:
        _want(conn, "x", "a")
        _want(conn, "x", "b", customer="wm2")
        _want(conn, "x", "c", customer="wm3")
        tasks = wishes.take(conn, "ww1", _claim(conn))
        conn.execute(update(push_table).where(push_table.c.customer == "wm1").values(fence=2))
        results = [Pushed(task, frozenset(task.add)) for task in tasks]
        conn.execute(push_table.delete().where(push_table.c.customer == "wm3"))

        assert [results[1]] == _record(conn, *results)
        states = [row[1] for row in _wishes(conn).values()]
        assert ["pending", "pushed", "pending"] == states
        assert [("s", "wm1", 1, 2, 0, NOW + LEASE)] == _pushes(conn)


@pytest.mark.parametrize("wait", [None, MINUTE])
def test_slept_until_the_relation_began_anew(store: Store, wait: timedelta | None) -> None:
    """Who slept past its lease decides nothing for a claim that is like its own, of a relation that began anew."""
    with store.begin() as conn:
        _want(conn, "x", "a")
        slept = _task(conn)
        over = NOW + LEASE
        other = _task(conn, over)
        assert 1 == len(_record(conn, Pushed(other, frozenset(other.add)), now=over))
        _want(conn, "x", "-a")
        third = _task(conn, over)
        held = _pushes(conn)

        assert [] == _record(conn, Pushed(slept, frozenset({"a"}), wait=wait), now=over)
        assert {("a", "x"): (False, "pending", True, None)} == _wishes(conn)
        assert held == _pushes(conn)
        assert 1 == len(_record(conn, Pushed(third, frozenset(third.remove)), now=over))
        assert {} == _wishes(conn)


def test_lease_to_the_microsecond(store: Store) -> None:
    """A lease is still ours whatever the microseconds and the zone of our clock."""
    now = datetime(2026, 1, 2, 8, 0, 0, 123457, timezone(timedelta(hours=8)))
    with store.begin() as conn:
        _want(conn, "x", "a")
        task = _task(conn, now)

        assert 1 == len(_record(conn, Pushed(task, frozenset(task.add)), now=now))
        assert [] == _pushes(conn)


@pytest.mark.parametrize("wait", [None, MINUTE])
def test_overtaken(store: Store, wait: timedelta | None) -> None:
    """Where a wish came in during the push, all is made again, at once or when the call cannot land any more."""
    with store.begin() as conn:
        _want(conn, "x", "a", "bad")
        task = _task(conn)
        _want(conn, "x", "-a", "b")
        failed = {} if wait else {"bad": 1}
        result = Pushed(task, frozenset({"a"}), failed, wait=wait)

        assert [Pushed(task, wait=wait or timedelta(0))] == _record(conn, result)
        assert {
            ("a", "x"): (False, "pending", True, None),
            ("b", "x"): (True, "pending", False, None),
            ("bad", "x"): (True, "pending", False, None),
        } == _wishes(conn)
        assert [("s", "wm1", 2, 1, 1 if wait else 0, NOW + (wait or timedelta(0)))] == _pushes(conn)


def test_settled_badly_before(store: Store) -> None:
    """What failed for one owner stays so when another one's wish for the same is withdrawn."""
    with store.begin() as conn:
        _want(conn, "x", "bad")
        _record(conn, Pushed(_task(conn), failed={"bad": 5}))
        _want(conn, "y", "bad")
        _want(conn, "y", "-bad")
        task = _task(conn)
        assert (("bad",), (), ()) == (task.idle, task.add, task.remove)
        _record(conn, Pushed(task))

        assert {("bad", "x"): (True, "failed", False, 5)} == _wishes(conn)


@pytest.mark.parametrize("unsure", [False, True])
def test_left_to_others(store: Store, unsure: bool) -> None:
    """Who takes back a wish that put a tag on leaves the tag to whoever wants it still, though WeCom refused theirs."""
    with store.begin() as conn:
        _want(conn, "crm", "a", "b")
        _record(conn, Pushed(_task(conn), failed={"a": 40144, "b": 40144}))
        _want(conn, "shop", "a")
        task = _task(conn)
        if unsure:
            _record(conn, Pushed(task, wait=timedelta(0), unsure=True))
        else:
            _record(conn, Pushed(task, frozenset({"a"})))
        _want(conn, "shop", "-a")
        assert ("a",) == _done(conn).idle
        assert {
            ("a", "crm"): (True, "failed", True, 40144),
            ("b", "crm"): (True, "failed", False, 40144),
        } == _wishes(conn)

        _want(conn, "crm", "-a", "-b")
        task = _done(conn)
        assert (("a",), ("b",)) == (task.remove, task.idle)
        assert {} == _wishes(conn)


def test_left_to_nobody(store: Store) -> None:
    """A tag that none of our calls put on is nobody's to take off, whoever takes back a wish for it."""
    with store.begin() as conn:
        _want(conn, "crm", "a")
        _record(conn, Pushed(_task(conn), failed={"a": 40144}))
        _want(conn, "shop", "a")
        _record(conn, Pushed(_task(conn), failed={"a": 40144}))
        _want(conn, "shop", "-a")
        _done(conn)

        assert {("a", "crm"): (True, "failed", False, 40144)} == _wishes(conn)


CLAIMED = Claimed("s", "wm1", 1, 1, 0, NOW + LEASE)


@pytest.mark.parametrize(
    ("values", "off"),
    [
        ({}, True),
        ({"done": frozenset({"a"})}, False),
        ({"done": frozenset({"b"})}, True),
        ({"unsure": True}, False),
        ({"unsure": True, "failed": {"a": 1}}, True),
        ({"unsure": True, "no_relation": True}, True),
        ({"done": frozenset({"a"}), "no_relation": True}, True),
    ],
)
def test_kept_off(values: dict[str, Any], off: bool) -> None:
    """A tag cannot be there if no call put it on, WeCom refused it, or the relation is gone."""
    assert off == Pushed(Task(CLAIMED, add=("a",)), **values).kept_off("a")


def test_idle_is_there() -> None:
    """What needed no call is there already."""
    result = Pushed(Task(CLAIMED, idle=("a",)))

    assert not result.kept_off("a")
    assert attrs.evolve(result, no_relation=True).kept_off("a")


def test_moved(store: Store) -> None:
    """A wish that meets another is wanted if one of them is, ours if one of them was, and pushed anew."""
    with store.begin() as conn:
        _want(conn, "x", "a", "b", "c", "d", staff="old")
        _want(conn, "y", "a", staff="old")
        _want(conn, "x", "a", "b", "d", staff="new")
        _want(conn, "x", "a", staff="other")
        _want(conn, "x", "a", staff="old", customer="wm2")
        _want(conn, "x", "a", staff="old", corp="ww2")
        mine = (wish_table.c.corp_id == "ww1", wish_table.c.customer == "wm1")
        of = {name: (*mine, wish_table.c.staff == name) for name in ("old", "new")}
        values = {"state": WishState.FAILED, "code": 9}
        conn.execute(update(wish_table).where(*of["old"], wish_table.c.owner == "x").values(added=True, **values))
        conn.execute(update(wish_table).where(*of["old"], wish_table.c.tag_id == "d").values(added=False))
        conn.execute(update(wish_table).where(*of["new"]).values(**values))
        conn.execute(update(wish_table).where(*of["new"], wish_table.c.tag_id == "d").values(added=True))
        conn.execute(update(wish_table).where(*of["new"], wish_table.c.tag_id == "a").values(wanted=False))
        conn.execute(update(wish_table).where(*of["old"], wish_table.c.tag_id == "b").values(wanted=False))
        later = NOW + MINUTE

        assert 5 == wishes.move(conn, "ww1", {"wm1": ("old", "new")}, later)
        assert 0 == wishes.move(conn, "ww1", {"wm1": ("old", "new"), "wm9": ("old", "new")}, later)
        assert {
            ("a", "x"): (True, "pending", True, None),
            ("a", "y"): (True, "pending", False, None),
            ("b", "x"): (True, "pending", True, None),
            ("c", "x"): (True, "pending", True, None),
            ("d", "x"): (True, "pending", True, None),
        } == {
            (row.tag_id, row.owner): (row.wanted, row.state, row.added, row.code)
            for row in conn.execute(select(wish_table).where(*of["new"]))
        }
        assert [] == list(conn.execute(select(wish_table).where(*of["old"])))
        everywhere = select(wish_table.c.corp_id, wish_table.c.staff, wish_table.c.customer).distinct()
        assert {("ww1", "new", "wm1"), ("ww1", "other", "wm1"), ("ww1", "old", "wm2"), ("ww2", "old", "wm1")} == {
            tuple(row) for row in conn.execute(everywhere)
        }
        query = select(push_table).where(push_table.c.corp_id == "ww1", push_table.c.staff == "new")
        (row,) = conn.execute(query)
        assert (2, NOW) == (row.changes, row.due_at)


def test_moved_to_nobody_yet(store: Store) -> None:
    """Wishes that come to a relation without any are due from then on."""
    with store.begin() as conn:
        _want(conn, "x", "a", staff="old")
        later = NOW + MINUTE

        assert 1 == wishes.move(conn, "ww1", {"wm1": ("old", "new")}, later)
        assert ("new", "wm1", 1, 0, 0, later) in _pushes(conn)


def test_several_results(store: Store) -> None:
    """Of results that come together each is recorded: what was done, what was overtaken, and what failed before."""
    with store.begin() as conn:
        _want(conn, "x", "bad")
        _record(conn, Pushed(_task(conn), failed={"bad": 5}))
        for customer in ("wm1", "wm2", "wm3", "wm4"):
            _want(conn, "x", "a", customer=customer)
        tasks = wishes.take(conn, "ww1", _claim(conn))
        _want(conn, "x", "b", customer="wm1")
        _want(conn, "x", "b", customer="wm3")
        refused = {"a": 9}
        results = [
            Pushed(tasks[0], frozenset({"a"})),
            Pushed(tasks[1], frozenset({"a"})),
            Pushed(tasks[2], failed=refused),
            Pushed(tasks[3], failed=refused),
        ]

        again = timedelta(0)
        assert [Pushed(tasks[0], wait=again), results[1], Pushed(tasks[2], wait=again), results[3]] == _record(
            conn, *results
        )
        order = (wish_table.c.customer, wish_table.c.tag_id)
        assert [
            ("wm1", "a", "pending", True, None),
            ("wm1", "b", "pending", False, None),
            ("wm1", "bad", "failed", False, 5),
            ("wm2", "a", "pushed", True, None),
            ("wm3", "a", "pending", False, None),
            ("wm3", "b", "pending", False, None),
            ("wm4", "a", "failed", False, 9),
        ] == [
            (row.customer, row.tag_id, row.state, row.added, row.code)
            for row in conn.execute(select(wish_table).order_by(*order))
        ]
        assert ["wm1", "wm3"] == [row[1] for row in _pushes(conn)]
