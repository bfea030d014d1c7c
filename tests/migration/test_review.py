"""Ways in which a customer of a migration could be stuck or recorded wrongly, each closed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from privdom.migration import ItemState
from privdom.outbox import TRANSFER
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.transfers import TransferRequest
from tests.conftest import OnPort
from tests.migration.corp import PLAN, Corp, fill_mirror, new_sandbox, policy
from tests.outbox.corp import HookedPort, Points


def test_a_call_under_the_same_name(on_port: OnPort) -> None:
    """A customer for whom the outbox has a call under the plan's name fails with that reason; the others move."""
    store = Store("sqlite://")
    box = new_sandbox({"ann": 3}, takeover={"tom": 100})
    fill_mirror(store, box)
    customer = "wm-ann-000"

    async def scenario(port: Any) -> tuple[Any, list[str]]:
        corp = Corp.on(port, box, store)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy(share=1.0, wave_size=1))
        request = TransferRequest("ann", "tom", [customer])
        with store.begin() as conn:
            subjects = [(customer, f"migration:{PLAN}", "ann")]
            corp.outbox.plan(conn, TRANSFER, request, owner="shop", subjects=subjects)
        await corp.drive()
        failed = [item.reason async for item in corp.migration.items(PLAN, ItemState.FAILED)]
        return await corp.migration.report(PLAN), failed

    report, failed = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (True, 2, 1) == (report.finished, report.total.succeeded, report.total.failed)
    (reason,) = failed
    assert "already" in reason


class _Forgetful(HookedPort):
    """A port by which WeCom shows no transfers while it is *blind*."""

    blind = False

    async def send(self, request: Any) -> Any:
        response = await self._port.send(request)
        if self.blind and request.url.path.endswith("transfer_result"):
            return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "customer": []})
        return response


def test_a_call_made_again_after_days(on_port: OnPort) -> None:
    """The patience with a transfer counts from the answer that started it, not from a first call that got lost."""
    store = Store("sqlite://")
    box = new_sandbox({"ann": 2}, takeover={"tom": 100})
    fill_mirror(store, box)
    box.faults.add(Fault("lost_request", "transfer_customer"))

    async def scenario(port: Any) -> Any:
        forgetful: Any = _Forgetful(port, Points())
        corp = Corp.on(forgetful, box, store)
        await corp.migration.plan(PLAN, handover=["ann"], takeover={"tom": None}, policy=policy(share=1.0))
        await corp.drive()
        box.advance(timedelta(days=9))
        (unit,) = await corp.outbox.parked.list()
        await corp.outbox.parked.resend(unit.id, by="eve")
        forgetful.blind = True
        await corp.outbox.drain()
        await corp.step()
        forgetful.blind = False
        await corp.drive()
        return await corp.migration.report(PLAN)

    report = on_port(scenario, transport=box.transport, clock=box.clock)

    assert (True, 2) == (report.finished, report.total.succeeded)
