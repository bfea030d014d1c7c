"""What goes wrong on the way to WeCom and back: nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from privdom._port import Port
from privdom.outbox import WELCOME, AsyncOutbox, Kind, Policy, Subject, UnitState
from privdom.sandbox import Fault
from privdom.store import Store
from tests.conftest import OnPort
from tests.outbox.corp import BLIND, REQUESTS, UPDATES, Corp, items, names_of, plan, run_out, unit, welcome


ARRIVES = {
    "refused": Fault("connect_refused"),
    "lost_response": Fault("lost_response"),
    "late": Fault("late_acceptance", delay=60),
    "busy_after": Fault("busy", after_change=True),
    "html_after": Fault("html", after_change=True),
    "cut_short": Fault("truncated", after_change=True),
    "quota": Fault("quota"),
    "expired_token": Fault("expired_token"),
}
VANISHES = {
    "lost_request": Fault("lost_request"),
    "busy_before": Fault("busy"),
    "html_before": Fault("html"),
}


Requests = dict[str, tuple[Kind[Any, Any], Callable[..., Any], str]]


def _strike(corp: Corp, fault: Fault, requests: Requests = REQUESTS) -> None:
    """Have *fault* strike the first call for each unit."""
    for what, (_, _, path) in requests.items():
        subject = {"text": "你好", "link": "看看"}.get(what)
        corp.box.faults.add(attrs.evolve(fault, path=path, subject=subject))


def _plan_all(
    corp: Corp, store: Store, outbox: AsyncOutbox, requests: Requests = REQUESTS, **options: Any
) -> dict[str, str]:
    """Plan a unit of each kind, and return their ids."""
    units: dict[str, str] = {}
    for what, (kind, make, _) in requests.items():
        request = make(corp, **options)
        report = plan(store, outbox, kind, request, subjects=[Subject(name, what) for name in names_of(request)])
        assert report.unit_id is not None
        units[what] = report.unit_id
    return units


PATHS = [path for _, _, path in REQUESTS.values()]


@pytest.mark.parametrize("fault", ARRIVES.values(), ids=ARRIVES)
@pytest.mark.parametrize("policy", Policy)
def test_arrives(on_port: OnPort, store: Store, fault: Fault, policy: Policy) -> None:
    """A call that WeCom carries out, now or late, or that can be made again, is confirmed once, of whatever kind."""
    corp = Corp()

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store, policy=policy)
        units = _plan_all(corp, store, outbox)
        _strike(corp, fault)
        await run_out(corp, store, outbox)
        held = {what: unit(store, outbox, unit_id) for what, unit_id in units.items()}
        return held, {what: items(store, outbox, unit_id) for what, unit_id in units.items()}

    held, became = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert dict.fromkeys(REQUESTS, (UnitState.CONFIRMED, None)) == {w: (u.state, u.reason) for w, u in held.items()}
    assert [PATHS.count(path) for path in PATHS] == [corp.calls(path) for path in PATHS]
    assert {"sent"} == {state for subjects in became.values() for state, _ in subjects.values()}


@pytest.mark.parametrize("fault", VANISHES.values(), ids=VANISHES)
@pytest.mark.parametrize("policy", Policy)
def test_vanishes(on_port: OnPort, store: Store, fault: Fault, policy: Policy) -> None:
    """A call that never arrived is parked, or under `resend` made again once, of whatever kind."""
    corp = Corp()

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store, policy=policy)
        units = _plan_all(corp, store, outbox)
        _strike(corp, fault)
        await run_out(corp, store, outbox)
        return {what: unit(store, outbox, unit_id) for what, unit_id in units.items()}

    held = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    end = (UnitState.CONFIRMED, 2) if policy is Policy.RESEND else (UnitState.PARKED, 1)
    assert dict.fromkeys(REQUESTS, end) == {what: (u.state, u.attempt) for what, u in held.items()}
    expected = [PATHS.count(path) if policy is Policy.RESEND else 0 for path in PATHS]
    assert expected == [corp.calls(path) for path in PATHS]


@pytest.mark.parametrize("fault", (ARRIVES | VANISHES).values(), ids=ARRIVES | VANISHES)
@pytest.mark.parametrize("policy", Policy)
def test_updates(on_port: OnPort, store: Store, fault: Fault, policy: Policy) -> None:
    """A change whose fate is unknown is made again, under either policy, and none planned later is ever overtaken."""
    corp = Corp()

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store, policy=policy)
        units = [_plan_all(corp, store, outbox, UPDATES, remark=remark) for remark in ("一", "二")]
        _strike(corp, fault, UPDATES)
        await run_out(corp, store, outbox)
        return [{what: unit(store, outbox, unit_id) for what, unit_id in plans.items()} for plans in units]

    first, second = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert dict.fromkeys(UPDATES, "二") == {what: corp.remark(what) for what in UPDATES}
    assert dict.fromkeys(UPDATES, (UnitState.CONFIRMED, None)) == {w: (u.state, u.reason) for w, u in first.items()}
    assert dict.fromkeys(UPDATES, (UnitState.CONFIRMED, 1)) == {w: (u.state, u.attempt) for w, u in second.items()}
    assert all(first[what].settled_at <= second[what].armed_at for what in UPDATES)


# What becomes of those that nothing tells about, by fault, under `park` and under `resend`: state and attempts.
UNKNOWN = {"lost_response", "late", "busy_after", "html_after", "cut_short", *VANISHES}


@pytest.mark.parametrize("name", ARRIVES | VANISHES)
@pytest.mark.parametrize("policy", Policy)
def test_blind(on_port: OnPort, store: Store, name: str, policy: Policy) -> None:
    """What cannot be looked up is parked, never repeated unless that harms nobody; what never left is made again."""
    corp = Corp()

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store, policy=policy)
        units = _plan_all(corp, store, outbox, BLIND)
        _strike(corp, (ARRIVES | VANISHES)[name], BLIND)
        await run_out(corp, store, outbox)
        return {what: unit(store, outbox, unit_id) for what, unit_id in units.items()}

    held = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    parked, made = (UnitState.PARKED, 1), (UnitState.CONFIRMED, 2)
    again = made if policy is Policy.RESEND else parked
    expected = (
        {"join_way": again, "moment": parked, "remind": parked} if name in UNKNOWN else dict.fromkeys(BLIND, made)
    )
    assert expected == {what: (u.state, u.attempt) for what, u in held.items()}
    once = 0 if name in VANISHES else 1
    orphan = 1 if name not in UNKNOWN else once + (policy is Policy.RESEND)
    assert {"join_way": orphan, "moment": once, "remind": once} == {
        what: corp.calls(path) for what, (_, _, path) in BLIND.items()
    }
    assert once == len(corp.box.record.reminders)


@pytest.mark.parametrize("name", ARRIVES | VANISHES)
def test_welcome(on_port: OnPort, store: Store, name: str) -> None:
    """A welcome message is tried again within its 20 seconds, and reaches the customer once."""
    corp = Corp()
    request = welcome(corp)

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, WELCOME, request)
        corp.box.faults.add(attrs.evolve((ARRIVES | VANISHES)[name], path="send_welcome_msg"))
        await run_out(corp, store, outbox)
        return unit(store, outbox, report.unit_id)

    held = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    # A block for a minute (45009) outlasts the window.
    assert held.state.settled
    assert len(corp.box.record.welcomes) == (0 if name == "quota" else 1)
    if name in {"refused", "expired_token", *VANISHES}:
        assert UnitState.CONFIRMED == held.state
