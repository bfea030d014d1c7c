"""The main paths over a real socket, on both ports and both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from privdom._port import Port
from privdom.events import AsyncDispatcher, SqlInbox
from privdom.livecodes import AsyncLiveCodes, ChannelCode
from privdom.migration import AsyncMigration, Policy
from privdom.mirror import AsyncMirror, MirrorHandler, Subjects
from privdom.outbox import AsyncDesiredTags, AsyncOutbox
from privdom.sandbox import Fault, Sandbox
from privdom.sop import AsyncJourneys, Journey, Step
from privdom.store import Store
from privdom.testing import listen
from privdom.wecom import AsyncWeCom
from privdom.wecom.quota import MemoryQuotas
from tests.conftest import OnPort
from tests.postgres import database, postgresql_server, postgresql_tables, store


__all__ = ["database", "postgresql_server", "postgresql_tables", "store"]


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    """Two old staff with 40 customers, and one who takes over."""
    for userid in ("old.a", "old.b", "new"):
        sandbox.add_staff(userid, confirm_delay=timedelta(minutes=5))
    for n in range(40):
        sandbox.add_customer(staff=["old.a" if n % 2 else "old.b"])
    return sandbox


class Job:
    """Everything that works for one corp, over HTTP."""

    def __init__(self, port: Port, sandbox: Sandbox, url: str, store: Store) -> None:
        self.sandbox = sandbox
        self.store = store
        self.wecom = AsyncWeCom.on(port, sandbox.corp_id, sandbox.secret, base_url=url, quotas=MemoryQuotas())
        self.outbox = AsyncOutbox(self.wecom, store)
        self.tags = AsyncDesiredTags(self.wecom, store)
        self.mirror = AsyncMirror(self.wecom, store)
        self.codes = AsyncLiveCodes(self.wecom, store, self.outbox)
        self.journeys = AsyncJourneys(self.wecom, store, self.outbox)
        self.migration = AsyncMigration(self.wecom, store, self.outbox)
        greet, count = self.codes.handlers
        self.dispatcher = AsyncDispatcher(self.wecom, store, [greet, MirrorHandler(self.wecom), count])
        listen(sandbox, SqlInbox(store))

    async def settle(self, plan: str | None = None) -> None:
        """Do what can be done at this moment."""
        for _ in range(4):
            self.sandbox.deliver()
            await self.dispatcher.run()
            await self.codes.settle()
            if plan is not None:
                await self.migration.advance(plan)
            await self.journeys.advance()
            await self.outbox.drain()
            await self.journeys.collect()
            await self.tags.push()

    async def days(self, plan: str, count: int) -> None:
        """Let days pass, four hours at a time."""
        for _ in range(6 * count):
            await self.settle(plan)
            self.sandbox.advance(timedelta(hours=4))
        await self.settle(plan)


def test_a_corp_is_taken_over_over_a_socket(on_port: OnPort, sandbox: Sandbox, store: Store) -> None:
    """Sync, live code, scan, tags, journey and migration work the same over HTTP, with a lost answer on the way."""

    async def scenario(port: Port) -> None:
        with sandbox.serving() as url:
            job = Job(port, sandbox, url, store)
            await job.mirror.sync()
            await job.mirror.ensure_tags("渠道", ["门店"])
            await job.codes.create(ChannelCode("shop", "门店", ["new"], tags=["门店"], welcome="欢迎"))
            await job.settle()
            sandbox.scan("shop", external_userid="wmNEWCOMER")
            await job.settle()

            await job.journeys.save(Journey("hello", [Step("one", timedelta(hours=30), "您好")]))
            assert 41 == await job.journeys.enrol("hello", Subjects.mirror())
            await job.migration.plan("go", handover=["old.a", "old.b"], takeover={"new": None}, policy=Policy(share=1))
            sandbox.faults.add(Fault("lost_response", path="transfer_customer"))
            sandbox.faults.add(Fault("lost_response", path="add_msg_template"))
            await job.days("go", 3)

            report = await job.migration.report("go")
            assert (True, 40) == (report.finished, report.total.succeeded)
            await job.wecom.close()

    on_port(scenario, clock=sandbox.clock)

    received = [d.target for d in sandbox.record.deliveries if d.status == 1]
    assert 41 == len(received) == len(set(received))
    assert ["wmNEWCOMER"] == [w.external_userid for w in sandbox.record.welcomes]
    assert [("wmNEWCOMER", "new")] == [(t.external_userid, t.staff) for t in sandbox.record.tag_changes if t.added]
    started = [t.external_userid for t in sandbox.record.transfers if t.outcome == "started"]
    assert 40 == len(started) == len(set(started))
