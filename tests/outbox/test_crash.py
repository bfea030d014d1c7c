"""A process may die at any point: another one finishes its work, once."""

from __future__ import annotations

import contextlib

from typing import Any

import pytest

from privdom._port import Port
from privdom.outbox import BROADCAST, TRANSFER, Policy, UnitState
from privdom.store import Store
from tests.conftest import OnPort
from tests.outbox.corp import (
    Corp,
    Crash,
    HookedPort,
    HookedStore,
    Points,
    plan,
    run_out,
    text_message,
    transfer,
    unit,
)


def _dies_at(on_port: OnPort, store: Store, point: int, policy: Policy) -> tuple[bool, Corp, dict[str, Any]]:
    """Have a process die at *point*; return whether it did, and what another one made of it."""
    corp = Corp(seed=point)
    points = Points(point)

    async def dying(port: Port) -> list[str | None]:
        hooked: Any = HookedPort(port, points)
        safe = corp.outbox(port, store, policy=policy)
        units = [
            plan(store, safe, BROADCAST, text_message(corp)).unit_id,
            plan(store, safe, TRANSFER, transfer(corp), subjects=[(c, "wave", "") for c in corp.customers[:3]]).unit_id,
        ]
        outbox = corp.outbox(hooked, HookedStore(store, points), policy=policy)
        with contextlib.suppress(Crash, BaseExceptionGroup):
            await run_out(corp, store, outbox, hours=1)
        return units

    units = on_port(dying, transport=corp.box.transport, clock=corp.box.clock)

    async def surviving(port: Port) -> dict[str, Any]:
        outbox = corp.outbox(port, store, policy=policy)
        await run_out(corp, store, outbox)
        held = [unit(store, outbox, unit_id) for unit_id in units]
        return {u.kind: u for u in held}

    return (
        points.passed >= point,
        corp,
        on_port(surviving, transport=corp.box.transport, clock=corp.box.clock),
    )


@pytest.mark.parametrize("policy", Policy)
def test_each_point(on_port: OnPort, store: Store, policy: Policy) -> None:
    """Whatever transaction or exchange was the last, nothing happens twice, and what did not happen is parked or made."""
    point, died = 0, True
    while died:
        point += 1
        died, corp, held = _dies_at(on_port, store, point, policy)

        happened = {"broadcast": len(corp.messages()), "transfer": corp.calls("transfer_customer")}
        ends = {kind: u.state for kind, u in held.items()}
        if policy is Policy.RESEND:
            assert {"broadcast": 1, "transfer": 1} == happened, f"died at point {point}"
            assert {UnitState.CONFIRMED} == set(ends.values()), f"died at point {point}"
        else:
            expected = {kind: int(state is UnitState.CONFIRMED) for kind, state in ends.items()}
            assert expected == happened, f"died at point {point}"
            assert set(ends.values()) <= {UnitState.CONFIRMED, UnitState.PARKED}, f"died at point {point}"

    assert point > 10
