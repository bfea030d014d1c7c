"""Units that wait for a person: what is known of each, and the three decisions one can take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from sqlalchemy import Connection, select

from privdom._port import Blocking, blocking
from privdom.errors import PrivdomError, UsageError
from privdom.outbox import transitions
from privdom.outbox.context import Context
from privdom.outbox.kind import Candidate, Found, Unclear
from privdom.outbox.rules import describe
from privdom.outbox.tables import audit, check_length, unit
from privdom.outbox.units import ItemResult, ItemState, Unit, UnitState, counted


__all__ = ["AsyncParked", "AuditEntry", "Inspection", "Parked"]


@attrs.frozen
class AuditEntry:
    """One decision on a unit in doubt: by the engine, or by a person."""

    at: datetime
    by: str
    action: str
    remote_id: str | None
    note: str


@attrs.frozen
class Inspection:
    """All that is known of a unit."""

    unit: Unit
    items: tuple[ItemResult, ...] = attrs.field(repr=counted)
    candidates: tuple[Candidate, ...]
    """What WeCom shows just now that could be this unit, other units' own tasks included; see ``trouble``."""
    trouble: str | None
    """Why WeCom could not be asked, or not completely."""
    history: tuple[AuditEntry, ...]


class AsyncParked:
    """Parked units of the corp; reached as ``outbox.parked``."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def list(self, *, limit: int = 100) -> tuple[Unit, ...]:
        """Return the parked units, oldest first."""
        where = (unit.c.corp_id == self._ctx.corp_id, unit.c.state == UnitState.PARKED)
        return tuple(await self._ctx.read(lambda conn: transitions.load(conn, *where, limit=limit)))

    async def inspect(self, unit_id: str) -> Inspection:
        """
        Ask WeCom once more, and return all that is known of a unit. It changes nothing.

        Raises:
            UsageError: There is no such unit.
        """
        ctx = self._ctx

        def known(conn: Connection) -> tuple[Unit, tuple[ItemResult, ...], tuple[AuditEntry, ...]]:
            query = select(audit.c.at, audit.c.by, audit.c.action, audit.c.remote_id, audit.c.note)
            rows = conn.execute(query.where(audit.c.unit_id == unit_id).order_by(audit.c.seq))
            held = self._load(conn, unit_id)
            return held, transitions.items(conn, unit_id), tuple(AuditEntry(*row) for row in rows)

        held, items, history = await ctx.read(known)
        if held.armed_at is None:
            return Inspection(held, items, (), "it was never called", history)
        try:
            finding = await ctx.kind_of(held).find(ctx.wecom, held, ctx.request_of(held), ctx.settings.clock_skew)
        except PrivdomError as e:
            return Inspection(held, items, (), describe(e), history)
        trouble = None if isinstance(finding, Found) else finding.reason
        candidates = finding.candidates if isinstance(finding, Found | Unclear) else ()
        return Inspection(held, items, candidates, trouble, history)

    async def confirm(self, unit_id: str, remote_id: str | None, by: str) -> None:
        """
        Record that WeCom has this unit.

        Args:
            unit_id: The unit.
            remote_id: Its id at WeCom: the msgid, the jobid or the moment's id, the config id of a way. None for the
                kinds to which WeCom gives none: transfers of customers and of groups, reminders, corp tags, changes
                of ways and of remarks.
            by: Who decides.

        Raises:
            UsageError: The unit is not parked, another unit is known to be *remote_id*, there is an id where WeCom
                gives none or none where it gives one, or WeCom shows none of the corp tags.
            PrivdomError: A way or a tag is read at WeCom, which does not have it or cannot be asked.
        """
        ctx = self._ctx
        now = ctx.port.now()
        parked = await ctx.read(lambda conn: self._parked(conn, unit_id))
        kind = ctx.kind_of(parked)
        if not kind.gives_id and remote_id is not None:
            msg = f"WeCom gives a {kind.name} no id: pass None"
            raise UsageError(msg)
        if kind.gives_id and not remote_id:
            msg = f"a {kind.name} is confirmed by its id at WeCom: pass it as remote_id, or use resend() or drop()"
            raise UsageError(msg)
        if remote_id is None:
            done = await kind.known_without_id(ctx.wecom, ctx.request_of(parked))
        else:
            check_length(unit.c.remote_id, "remote_id", remote_id)
            done = await kind.known(ctx.wecom, remote_id)

        def work(conn: Connection, held: Unit) -> None:
            if remote_id is not None and transitions.taken(conn, held, [remote_id]):
                msg = f"{remote_id} belongs to another unit of this kind: look again with inspect()"
                raise UsageError(msg)
            # It counts since it was parked: whoever finds out later does not make it later.
            transitions.confirm(
                conn, held, done, now=now, at=None, settle=ctx.settings.settle, since=[UnitState.PARKED]
            )
            ctx.tell(conn, [(held, UnitState.CONFIRMED)])

        await self._decide(unit_id, by, "confirmed", work, now, remote_id)

    async def resend(self, unit_id: str, by: str) -> None:
        """
        Let this unit be called again, with the same bytes: right if WeCom certainly does not have it.

        Raises:
            UsageError: The unit is not parked.
        """
        now = self._ctx.port.now()

        def work(conn: Connection, held: Unit) -> None:
            transitions.transit(
                conn, held, to=UnitState.READY, since=[UnitState.PARKED], due_at=now, settled_at=None, reason=None
            )
            transitions.set_items(conn, held.id, ItemState.PLANNED, now)

        await self._decide(unit_id, by, "resent", work, now)

    async def drop(self, unit_id: str, by: str) -> None:
        """
        Give this unit up. Its subjects keep their rows in the ledger, so that nothing plans the same again.

        Raises:
            UsageError: The unit is not parked.
        """
        now = self._ctx.port.now()

        def work(conn: Connection, held: Unit) -> None:
            transitions.transit(conn, held, to=UnitState.DROPPED, since=[UnitState.PARKED], settled_at=now)
            transitions.set_items(conn, held.id, ItemState.DROPPED, None)
            self._ctx.tell(conn, [(held, UnitState.DROPPED)])

        await self._decide(unit_id, by, "dropped", work, now)

    async def _decide(
        self,
        unit_id: str,
        by: str,
        action: str,
        work: Callable[[Connection, Unit], None],
        now: datetime,
        remote_id: str | None = None,
    ) -> None:
        if not by or by == "engine":
            msg = "by= names the person who decides: it stands in the audit"
            raise UsageError(msg)
        check_length(audit.c.by, "by", by)

        def transaction(conn: Connection) -> None:
            held = self._parked(conn, unit_id, lock=True)
            note = f"was parked: {held.reason}"
            transitions.append_audit(conn, held, at=now, by=by, action=action, note=note, remote_id=remote_id)
            work(conn, held)

        await self._ctx.write(transaction)

    def _parked(self, conn: Connection, unit_id: str, *, lock: bool = False) -> Unit:
        held = self._load(conn, unit_id, lock=lock)
        if held.state is not UnitState.PARKED:
            msg = f"unit {unit_id} is {held.state}, not parked: there is nothing to decide"
            raise UsageError(msg)
        return held

    def _load(self, conn: Connection, unit_id: str, *, lock: bool = False) -> Unit:
        found = transitions.load(conn, unit.c.corp_id == self._ctx.corp_id, unit.c.id == unit_id, lock=lock)
        if not found:
            msg = f"there is no unit {unit_id} of this corp"
            raise UsageError(msg)
        return found[0]

    def __repr__(self) -> str:
        return f"<AsyncParked of {self._ctx.corp_id}>"


class Parked(Blocking[AsyncParked]):
    """Parked units of the corp; reached as ``outbox.parked``."""

    list = blocking(AsyncParked.list)
    inspect = blocking(AsyncParked.inspect)
    confirm = blocking(AsyncParked.confirm)
    resend = blocking(AsyncParked.resend)
    drop = blocking(AsyncParked.drop)
