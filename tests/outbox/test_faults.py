"""What goes wrong on the way to WeCom and back: nothing twice, nothing lost."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from privdom._port import Port
from privdom.outbox import WELCOME, AsyncOutbox, Policy, Subject, UnitState
from privdom.sandbox import Fault
from privdom.store import Store
from tests.conftest import OnPort
from tests.outbox.corp import REQUESTS, Corp, items, plan, run_out, unit, welcome


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


def _strike(corp: Corp, fault: Fault) -> None:
    """Have *fault* strike the first call for each unit."""
    for what, (_, _, path) in REQUESTS.items():
        subject = {"text": "你好", "link": "看看"}.get(what)
        corp.box.faults.add(attrs.evolve(fault, path=path, subject=subject))


def _plan_all(corp: Corp, store: Store, outbox: AsyncOutbox) -> dict[str, str]:
    """Plan a unit of each kind, and return their ids."""
    units: dict[str, str] = {}
    for what, (kind, make, _) in REQUESTS.items():
        request = make(corp)
        names = getattr(request, "external_userid", ())
        report = plan(store, outbox, kind, request, subjects=[Subject(name, what) for name in names])
        assert report.unit_id is not None
        units[what] = report.unit_id
    return units


PATHS = [path for _, _, path in REQUESTS.values()]


@pytest.mark.parametrize("fault", ARRIVES.values(), ids=ARRIVES)
def test_arrives(on_port: OnPort, store: Store, fault: Fault) -> None:
    """A call that WeCom carries out, now or late, or that can be made again, is confirmed once, of whatever kind."""
    corp = Corp()

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store)
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
