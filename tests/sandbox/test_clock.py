"""The clock, and reprs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from privdom.sandbox import Quota, Rules, Sandbox, VirtualClock
from tests.sandbox.conftest import Api, sign_in, staffed


def test_moves_when_told(api: Api) -> None:
    """The clock stands still until told, and never goes back."""
    start = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert start == api.box.clock.now() == api.box.clock.now()
    api.box.advance(timedelta(hours=1))
    api.box.advance_to(start)
    api.box.advance_to(start + timedelta(hours=1))

    assert start + timedelta(hours=1) == api.box.clock.now()


def test_next(api: Api) -> None:
    """The next thing to fall due is known."""
    assert None is api.box.next_at()
    api.box.set_staff("anna", confirm_delay=timedelta(minutes=5))
    api.send(external_userid=[api.box.add_customer(staff=["anna"])])

    assert datetime(2026, 1, 5, 9, 5, tzinfo=UTC) == api.box.next_at()


def test_in_order_of_time() -> None:
    """What falls due on the way happens in order of time, at its own time, whatever the order of calls."""

    def told(order: int) -> list[tuple[str, datetime]]:
        box = staffed()
        for i, userid in enumerate(("anna", "ben", "chen")):
            box.set_staff(userid, confirm_delay=timedelta(hours=3 - i))
        with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
            api = sign_in(box, client)
            for userid in ("anna", "ben", "chen")[::order]:
                api.send(external_userid=[box.add_customer(f"wm{userid}", staff=[userid])])
        box.advance(timedelta(days=1))
        return [(entry.staff, entry.at) for entry in box.record.deliveries]

    start = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    expected = [("chen", 1), ("ben", 2), ("anna", 3)]
    assert [(userid, start + timedelta(hours=h)) for userid, h in expected] == told(1) == told(-1)


def test_naive() -> None:
    """A time without a zone is refused."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="aware"):
        Sandbox(now=naive)
    with pytest.raises(ValueError, match="aware"):
        Sandbox().advance_to(naive)


def test_reprs() -> None:
    """Reprs tell what there is, and no secret."""
    box = Sandbox()
    box.populate()

    assert "<Sandbox ww… 12 staff, 3,000 customers, 30 groups, 2026-01-05 09:00 UTC>" == repr(box)
    assert "<VirtualClock 2026-01-05 09:00:00 UTC>" == repr(VirtualClock(box.clock.now()))
    assert repr(box.record).startswith("<Record 0 calls, 0 messages")
    assert box.secret not in repr(box)


def test_rules_are_checked() -> None:
    """Rules that make no sense are refused; sensible ones can be replaced while it runs."""
    with pytest.raises(ValueError, match="share"):
        Rules(refusal_rate=2)
    with pytest.raises(ValueError, match="negative"):
        Rules(list_lag=timedelta(seconds=-1))
    box = Sandbox()
    box.change_rules(quotas=(Quota(1, 1),))
    assert (Quota(1, 1),) == box.rules.quotas


def test_populate() -> None:
    """The same seed gives the same corp, another seed another one."""
    states = []
    for seed in (1, 1, 2):
        box = Sandbox(seed)
        box.populate(staff=5, customers=200, groups=4)
        states.append(box.state())

    assert states[0] == states[1] != states[2]
    customers = states[0]["customers"]
    assert isinstance(customers, dict)
    assert {1, 2} == {len(customer["followers"]) for customer in customers.values()}


def test_populate_small() -> None:
    """A corp may have a single member of staff, or none; only an empty one is filled."""
    box = Sandbox()
    box.populate(staff=0)
    box.populate(staff=1, customers=3, groups=1)

    assert "1 staff, 3 customers, 1 groups" in repr(box)
    with pytest.raises(ValueError, match="empty"):
        box.populate()


def test_people_mistakes() -> None:
    """Nobody is added twice, over capacity, or to staff who do not exist."""
    box = staffed()
    box.set_staff("anna", capacity=1, serving=True)
    box.add_customer("wmX", staff=["anna"])
    for wrong in (
        lambda: box.add_staff("Anna".lower()),
        lambda: box.add_customer("wmX"),
        lambda: box.add_customer(staff=["anna"]),
        lambda: box.add_customer(staff=["nobody"]),
        lambda: box.add_customer(tags=["etNo"]),
        lambda: box.befriend("anna", "wmX"),
        lambda: box.customer_writes("wmX", "ben"),
        lambda: box.staff_edits_customer("anna", "wmX", add_tags=["etNo"]),
        lambda: box.staff_sends("ben", "x", ["wmX"]),
    ):
        with pytest.raises(ValueError):
            wrong()
