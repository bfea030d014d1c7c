"""A sandbox corp whose callbacks reach an inbox, and all that works on it, on one port."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs

from privdom._port import Port
from privdom.events import AsyncDispatcher, EventLog, SqlInbox
from privdom.livecodes import AsyncLiveCodes, ChannelCode, RefreshReport
from privdom.mirror import AsyncMirror, facts
from privdom.outbox import AsyncDesiredTags, AsyncOutbox, TickReport
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.testing import listen
from privdom.wecom.client import AsyncWeCom


UPDATE = "/cgi-bin/externalcontact/update_contact_way"
WELCOME = "/cgi-bin/externalcontact/send_welcome_msg"


class Corp:
    """What a product wires up around live codes."""

    def __init__(self, port: Port, sandbox: Sandbox, store: Store) -> None:
        self.sandbox = sandbox
        self.store = store
        self.wecom = AsyncWeCom.on(port, sandbox.corp_id, sandbox.secret)
        self.outbox = AsyncOutbox(self.wecom, store)
        self.tags = AsyncDesiredTags(self.wecom, store)
        self.mirror = AsyncMirror(self.wecom, store)
        self.codes = AsyncLiveCodes(self.wecom, store, self.outbox, welcome_pause=0.001)
        self.dispatcher = AsyncDispatcher(self.wecom, store, self.codes.handlers, first_in_flight=4)
        listen(sandbox, SqlInbox(store))

    async def live(self, code: ChannelCode) -> str:
        """Create *code* and return its config id."""
        await self.codes.create(code)
        await self.outbox.drain()
        await self.codes.refresh()
        return (await self.codes.get(code.id)).config_id

    async def push(self) -> RefreshReport:
        """Refresh, have the outbox make the calls, and hear of them; return what was planned and what was refused."""
        planned = await self.codes.refresh()
        await self.outbox.drain()
        heard = await self.codes.refresh()
        return attrs.evolve(planned, failed=planned.failed + heard.failed)

    async def work(self) -> int:
        """Deliver callbacks and handle them."""
        self.sandbox.deliver()
        return await self.dispatcher.run()

    async def behind(self, config_id: str) -> tuple[str, ...]:
        """Return who stands behind a code at WeCom."""
        return (await self.wecom.codes.get(config_id)).user

    def calls(self, path: str) -> int:
        """Count the calls that WeCom has carried out."""
        return sum(call.path == path and call.accepted for call in self.sandbox.record.calls)

    def advance(self, **span: float) -> None:
        """Let time pass."""
        self.sandbox.advance(timedelta(**span))

    def now(self) -> datetime:
        """Return the sandbox's time."""
        return self.sandbox.clock.now()

    def facts(self, *names: str) -> dict[str, dict[str, Any]]:
        """Return facts about customers."""
        with self.store.read() as conn:
            return facts(conn, self.sandbox.corp_id, list(names))

    def told(self, consumer: str, kind: str) -> list[Any]:
        """Return new events of a kind."""
        with EventLog(self.store).batch(self.sandbox.corp_id, consumer, [kind]) as batch:
            return [event for _, event in batch.events]

    async def drain(self) -> TickReport:
        """Make all calls that are due."""
        return await self.outbox.drain()
