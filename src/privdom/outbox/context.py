"""What all parts of the engine work with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs

from sqlalchemy import Connection

from privdom._port import Port
from privdom.errors import UsageError
from privdom.events import EventLog, UnitSettled
from privdom.outbox.kind import Kind
from privdom.outbox.settings import OutboxSettings
from privdom.outbox.units import Unit, UnitState
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.wire import loads, structure


__all__ = ["Context"]

R = TypeVar("R")

# httpx counts its time-out anew for each: a place in the pool, the connection, the request, the answer.
_STEPS_OF_A_CALL = 4


@attrs.frozen
class Context:
    """One worker of one corp: its client, its database, its settings."""

    wecom: AsyncWeCom
    store: Store
    settings: OutboxSettings
    kinds: Mapping[str, Kind[Any, Any]]
    events: EventLog
    worker: str

    @property
    def port(self) -> Port:
        return self.wecom.port

    @property
    def corp_id(self) -> str:
        return self.wecom.corp_id

    @property
    def horizon(self) -> timedelta:
        """
        How long after ARM a call may still be on its way.

        The time allowed between ARM and the socket counts as well as the HTTP
        time-out: without it, a call written late could land after its look-up.
        """
        call_timeout = self.settings.call_timeout or timedelta(seconds=self.wecom.timeout * _STEPS_OF_A_CALL)
        return self.settings.write_budget + call_timeout

    def counts_from(self, unit: Unit, now: datetime) -> datetime:
        """
        Return the moment by which the call of *unit* counts for caps and rules, of which we hear at *now*.

        Never before WeCom may have carried it out, but no later than need be: we may hear of it days later.
        """
        if unit.armed_at is None or unit.attempt != 1:
            return now
        return min(now, unit.armed_at + self.horizon + self.settings.settle)

    def kind_of(self, unit: Unit) -> Kind[Any, Any]:
        """
        Return the kind of a stored unit.

        Raises:
            UsageError: It is not among the kinds this outbox was made with.
        """
        kind = self.kinds.get(unit.kind)
        if kind is None:
            msg = f"this outbox knows no kind {unit.kind!r}: pass it as one of kinds="
            raise UsageError(msg)
        return kind

    def request_of(self, unit: Unit) -> Any:
        """Return the request of a stored unit, as its kind's class."""
        return structure(loads(unit.request.encode()), self.kind_of(unit).request)

    async def write(self, fn: Callable[[Connection], R]) -> R:
        """Return what *fn* returns in one write transaction."""

        def work() -> R:
            with self.store.begin() as conn:
                return fn(conn)

        return await self.store.offload(self.port, work)

    async def read(self, fn: Callable[[Connection], R]) -> R:
        """Return what *fn* returns in one read transaction."""

        def work() -> R:
            with self.store.read() as conn:
                return fn(conn)

        return await self.store.offload(self.port, work)

    def tell(self, conn: Connection, settled: Iterable[tuple[Unit, UnitState]]) -> None:
        """Log which units are settled, last in the transaction that settles them."""
        now = self.port.now()
        self.events.append(
            conn, self.corp_id, *(UnitSettled(unit.id, unit.owner, state.value, now) for unit, state in settled)
        )
