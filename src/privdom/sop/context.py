"""What all parts of the service work with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import TypeVar

import attrs

from sqlalchemy import Connection

from privdom._port import Port
from privdom.events import EventLog, JourneyLeft
from privdom.mirror import set_facts
from privdom.outbox import AsyncOutbox
from privdom.sop.rules import EnrolmentState
from privdom.sop.store.tables import lock
from privdom.store import Store
from privdom.wecom import AsyncWeCom


__all__ = ["OWNER", "Context"]

T = TypeVar("T")

OWNER = "sop"
"""The owner of our units, and our name as a consumer of events."""


@attrs.frozen
class Context:
    """One corp: its client, its database, its outbox, its time zone."""

    wecom: AsyncWeCom
    store: Store
    outbox: AsyncOutbox
    tz: tzinfo
    log: EventLog

    @property
    def corp_id(self) -> str:
        return self.wecom.corp_id

    @property
    def port(self) -> Port:
        return self.wecom.port

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns in one read transaction."""

        def transaction() -> T:
            with self.store.read() as conn:
                return work(conn)

        return await self.store.offload(self.port, transaction)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns in one write transaction, while nobody else changes journeys of this corp."""

        def transaction() -> T:
            with self.store.begin() as conn:
                lock(conn, self.corp_id)
                return work(conn)

        return await self.store.offload(self.port, transaction)

    def set_facts(
        self, conn: Connection, whose: Iterable[tuple[str, str]], state: EnrolmentState, now: datetime
    ) -> None:
        """Set the fact ``journey.<id>`` of enrolments, given as (journey, customer)."""
        values: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for journey_id, external_userid in whose:
            values[journey_id][external_userid] = state.value
        for journey_id in sorted(values):
            set_facts(conn, self.corp_id, f"journey.{journey_id}", values[journey_id], now)

    def ended(
        self, conn: Connection, whose: list[tuple[str, str]], state: EnrolmentState, reason: str, now: datetime
    ) -> list[JourneyLeft]:
        """Set the facts of enrolments that have ended, and return the events to log last in the transaction."""
        self.set_facts(conn, whose, state, now)
        return [JourneyLeft(journey_id, external_userid, reason, now) for journey_id, external_userid in whose]
