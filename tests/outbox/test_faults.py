"""What goes wrong on the way to WeCom and back: nothing twice, nothing lost."""

from __future__ import annotations

from typing import Any

import pytest

from privdom._port import Port
from privdom.outbox import WELCOME, Policy, UnitState
from privdom.sandbox import Fault
from privdom.store import Store
from tests.conftest import OnPort
from tests.outbox.corp import REQUESTS, RESEND, Corp, items, plan, run_out, unit, welcome


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


def _fault(name: str, path: str) -> Fault:
    fault = (ARRIVES | VANISHES)[name]
    return Fault(fault.kind, path, after_change=fault.after_change, delay=fault.delay)


@pytest.mark.parametrize("what", REQUESTS)
@pytest.mark.parametrize("fault", ARRIVES)
def test_arrives(on_port: OnPort, store: Store, what: str, fault: str) -> None:
    """A call that WeCom carries out, now or late, or can be made again, is confirmed once."""
    kind, make, path = REQUESTS[what]
    corp = Corp()

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, kind, make(corp))
        corp.box.faults.add(_fault(fault, path))
        await run_out(corp, store, outbox)
        return unit(store, outbox, report.unit_id), items(store, outbox, report.unit_id)

    held, became = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert (UnitState.CONFIRMED, None) == (held.state, held.reason)
    assert 1 == corp.calls(path)
    assert all(state == "sent" for state, _ in became.values())


@pytest.mark.parametrize("what", REQUESTS)
@pytest.mark.parametrize("fault", VANISHES)
@pytest.mark.parametrize("policy", Policy)
def test_vanishes(on_port: OnPort, store: Store, what: str, fault: str, policy: Policy) -> None:
    """A call that never arrived is parked, or under `resend` made again once."""
    kind, make, path = REQUESTS[what]
    corp = Corp()

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store, policy=policy)
        report = plan(store, outbox, kind, make(corp))
        corp.box.faults.add(_fault(fault, path))
        await run_out(corp, store, outbox)
        return unit(store, outbox, report.unit_id)

    held = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    if policy is RESEND:
        assert (UnitState.CONFIRMED, 2, 1) == (held.state, held.attempt, corp.calls(path))
    else:
        assert (UnitState.PARKED, 1, 0) == (held.state, held.attempt, corp.calls(path))


@pytest.mark.parametrize("fault", ARRIVES | VANISHES)
def test_welcome(on_port: OnPort, store: Store, fault: str) -> None:
    """A welcome message is tried again within its 20 seconds, and reaches the customer once."""
    corp = Corp()
    request = welcome(corp)

    async def scenario(port: Port) -> Any:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, WELCOME, request)
        corp.box.faults.add(_fault(fault, "send_welcome_msg"))
        await run_out(corp, store, outbox)
        return unit(store, outbox, report.unit_id)

    held = on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)

    assert held.state.settled
    assert len(corp.box.record.welcomes) == (0 if fault == "quota" else 1)
    if fault in {"refused", "expired_token", *VANISHES}:
        assert UnitState.CONFIRMED == held.state
