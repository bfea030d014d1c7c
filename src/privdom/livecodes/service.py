"""The service of live codes: makes them once, keeps the right staff behind them, and counts who comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from hashlib import sha256
from logging import getLogger
from typing import TypeVar

from sqlalchemy import Connection

from privdom._port import Blocking, blocking, core_of
from privdom.errors import UsageError
from privdom.events import CodeScanned, EventLog, FollowRemoved, Handler, UnitSettled
from privdom.livecodes.handlers import CodeHandler, WelcomeHandler
from privdom.livecodes.report import ChannelDay, CodeStatus, Creation, RefreshReport, WelcomeOutcome
from privdom.livecodes.rules import ChannelCode, Desired, desired_staff, local_day
from privdom.livecodes.store import CodeRows, CodeTarget, SavedCode, Scan
from privdom.mirror import facts, set_facts
from privdom.outbox import CONTACT_WAY, CONTACT_WAY_UPDATE, AsyncDesiredTags, AsyncOutbox, Outbox, Unit, UnitState
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom, WeCom
from privdom.wecom.codes import ContactWayType, ContactWayUpdate, CreatedContactWay, NewContactWay
from privdom.wecom.wire import loads, structure


__all__ = ["AsyncLiveCodes", "LiveCodes"]

R = TypeVar("R")

_CONSUMER = "livecodes"
_OWNER = "livecodes:"
_REMARK_CHARS = 18
_PAGE = 100
# How long to wait for the outbox before the code is looked at again, if only to take in what it has told.
_LOOK_AGAIN = timedelta(minutes=5)
_OPEN = (UnitState.READY, UnitState.CALLING, UnitState.UNCERTAIN)
_RETRY_FIRST, _RETRY_MOST = timedelta(seconds=10), timedelta(hours=1)
_NOBODY = "nobody may take customers now: the staff of before remain"

_log = getLogger("privdom.livecodes")


class AsyncLiveCodes:
    """
    The channel codes of one corp.

    A code is made once and lives as long as it is printed somewhere; only the staff
    behind it change. Nothing runs by itself: call `refresh` from a loop or a
    queue, `next_at` says when, and let a `privdom.events.Dispatcher` work ``handlers``.

    Args:
        wecom: The corp.
        store: The database.
        outbox: Makes and changes the codes; its ``tick`` is yours to call.
        welcome_pause: Seconds between two tries of a welcome message.
    """

    def __init__(self, wecom: AsyncWeCom, store: Store, outbox: AsyncOutbox, *, welcome_pause: float = 0.5) -> None:
        self._wecom = wecom
        self._port = wecom.port
        self._corp_id = wecom.corp_id
        self._store = store
        self._outbox = outbox
        self._rows = CodeRows(wecom.corp_id)
        self._tags = AsyncDesiredTags(wecom, store)
        self._log = EventLog(store)
        self._handlers: tuple[Handler, Handler] = (
            WelcomeHandler(wecom, store, self._rows, pause=welcome_pause),
            CodeHandler(self._take),
        )

    @property
    def handlers(self) -> tuple[Handler, Handler]:
        """The handlers for a dispatcher: welcome messages, which belong first, and all else."""
        return self._handlers

    async def create(self, code: ChannelCode) -> None:
        """
        Store *code* and have the outbox make it, once; creating the same again changes nothing.

        A code that WeCom refused is made again with what *code* says now.

        Raises:
            UsageError: There is a code of this id that differs (`change` it), or a tag is not in the mirror.
        """

        def work(conn: Connection) -> None:
            now = self._port.now()
            tags = self._rows.resolve_tags(conn, code.tags)
            # A new code cannot be empty: if nobody is on duty, its own staff begin.
            desired = self._desired(conn, code, now)
            target = CodeTarget(desired.staff or code.staff, code.auto_accept)
            if self._rows.insert(conn, code, tags, target):
                self._plan(conn, code, 1, target)
                return
            saved = self._rows.find(conn, code.id)
            assert saved is not None
            if saved.creation in {Creation.REFUSED, Creation.DROPPED}:
                self._rows.change(conn, code, tags, now)
                self._rows.recreate(conn, code.id, saved.attempt + 1, target)
                self._plan(conn, code, saved.attempt + 1, target)
            elif saved.code != code:
                msg = f"there is a code {code.id!r} that differs: use change(), or another id"
                raise UsageError(msg)

        await self._write(work)

    async def change(self, code: ChannelCode) -> None:
        """
        Give the code of this id another definition; printed codes stay valid, the next `refresh` tells WeCom.

        Raises:
            UsageError: There is no code of this id, or a tag is not in the mirror.
        """

        def work(conn: Connection) -> None:
            self._find(conn, code.id)
            self._rows.change(conn, code, self._rows.resolve_tags(conn, code.tags), self._port.now())

        await self._write(work)

    async def switch_off(self, *staff: str) -> None:
        """Let *staff* take no customers by any code until they are switched on."""
        await self._switch(staff, on=False)

    async def switch_on(self, *staff: str) -> None:
        """Let *staff* take customers again."""
        await self._switch(staff, on=True)

    async def codes(self) -> tuple[CodeStatus, ...]:
        """Return all codes and where they stand, by id."""
        return await self._read(self._rows.statuses)

    async def get(self, code_id: str) -> CodeStatus:
        """
        Return one code and where it stands.

        Raises:
            UsageError: There is none.
        """
        for status in await self.codes():
            if status.code.id == code_id:
                return status
        msg = f"there is no code {code_id!r}"
        raise UsageError(msg)

    async def report(self, start: date | None = None, end: date | None = None) -> tuple[ChannelDay, ...]:
        """Return how many customers each channel brought on each day, from *start* to *end*, both included."""
        return await self._read(lambda conn: self._rows.channel_days(conn, start, end))

    async def welcomes(self, code_id: str) -> dict[WelcomeOutcome, int]:
        """Return how many welcome messages of a code came to which end."""
        found = await self._read(lambda conn: self._rows.welcomes(conn, code_id))
        return {WelcomeOutcome(outcome): count for outcome, count in found.items()}

    async def settle(self) -> int:
        """Take in what the outbox and the mirror have told since; return how many events. `refresh` does it too."""
        return (await self._settle())[0]

    async def _settle(self) -> tuple[int, tuple[str, ...]]:
        """Return the number of events, and the codes whose changes WeCom refused."""
        failed: list[str] = []

        def work() -> int:
            refused: list[str] = []
            with self._log.batch(self._corp_id, _CONSUMER, [UnitSettled.kind, FollowRemoved.kind]) as batch:
                for _, event in batch.events:
                    match event:
                        case UnitSettled(unit_id=unit_id, owner=owner) if owner.startswith(_OWNER):
                            code_id = owner.removeprefix(_OWNER)
                            if self._unit_settled(batch.connection, code_id, unit_id):
                                refused.append(code_id)
                        case FollowRemoved(staff_userid=staff, external_userid=customer, at=at):
                            self._rows.end_scans(batch.connection, staff, customer, at)
                        case _:
                            pass
                count = len(batch.events)
            failed.extend(refused)
            return count

        total = 0
        while count := await self._store.offload(self._port, work):
            total += count
        return total, tuple(failed)

    async def refresh(self) -> RefreshReport:
        """
        Put the right staff behind every code whose answer may have changed: plan only differences, for the outbox.

        WeCom is told by the outbox's next ``tick``, one change of a code after
        the other, so that the staff of an earlier change never come back. What
        WeCom refuses is planned again later. Safe to be called at any time, also
        several times at once.
        """
        _, failed = await self._settle()
        total = RefreshReport(failed=failed)
        while True:
            found, report = await self._write(self._look)
            if not found:
                return total
            total += report

    async def next_at(self) -> datetime | None:
        """Return when `refresh` has something to do by the clock, None if never; it may be past."""
        return await self._read(self._rows.next_due)

    async def reconcile(self) -> int:
        """
        Count and tag customers who came by a code while callbacks were lost; return how many.

        Call it after a full sync of the mirror: the relations there tell their code.
        """
        await self.settle()
        total = 0
        after = ("", "")

        def work(conn: Connection) -> tuple[int, tuple[str, str] | None]:
            scans = self._rows.uncounted(conn, _PAGE, after)
            last = (scans[-1].staff_userid, scans[-1].external_userid) if scans else None
            return self._take(conn, scans), last

        while True:
            counted, last = await self._write(work)
            total += counted
            if last is None:
                return total
            after = last

    # Inside a transaction.

    def _plan(self, conn: Connection, code: ChannelCode, attempt: int, target: CodeTarget) -> None:
        way = NewContactWay(
            type=ContactWayType.MULTIPLE,
            remark=code.channel[:_REMARK_CHARS],
            skip_verify=target.skip_verify,
            state=code.id,
            user=target.user,
        )
        # Planned under the same id again, a unit stays as it is: no code is made twice.
        unit_id = "code-" + sha256(f"{self._corp_id}/{code.id}/{attempt}".encode()).hexdigest()[:32]
        self._outbox.plan(conn, CONTACT_WAY, way, owner=_OWNER + code.id, unit_id=unit_id)

    def _unit_settled(self, conn: Connection, code_id: str, unit_id: str) -> bool:
        """Return whether it is a change that WeCom has refused."""
        unit = self._outbox.unit(conn, unit_id)
        if unit.kind == CONTACT_WAY_UPDATE.name:
            return self._push_settled(conn, code_id, unit)
        if unit.state is UnitState.CONFIRMED:
            made = structure(loads((unit.answer or "").encode()), CreatedContactWay)
            self._rows.created(conn, code_id, made.config_id, made.qr_code, self._port.now())
        elif unit.state.settled:
            self._rows.not_created(conn, code_id, Creation(unit.state.value), unit.reason or "")
        return False

    def _push_settled(self, conn: Connection, code_id: str, unit: Unit) -> bool:
        saved = self._rows.find(conn, code_id)
        if saved is None or self._planned(conn, saved) is not None:
            # A later change is under way: what becomes of that one counts.
            return False
        now = self._port.now()
        if unit.state is UnitState.CONFIRMED:
            self._rows.pushed(conn, code_id, _target(unit), now)
        elif unit.state is UnitState.REFUSED:
            _log.warning("code %s: %s", code_id, unit.reason)
            retry_at = now + min(_RETRY_FIRST * (1 << min(saved.failures, 12)), _RETRY_MOST)
            self._rows.push_failed(conn, saved, retry_at, unit.reason or "")
            return True
        else:
            # Given up by somebody in the outbox: the code still needs its staff.
            self._rows.wake(conn, now, code_id)
        return False

    def _planned(self, conn: Connection, saved: SavedCode) -> Unit | None:
        """Return the last change of a code that the outbox is still to make."""
        assert saved.config_id is not None
        lane = CONTACT_WAY_UPDATE.lane(ContactWayUpdate(saved.config_id, state=saved.code.id))
        units = self._outbox.units(conn, owner=_OWNER + saved.code.id, lane=lane, states=_OPEN)
        return units[-1] if units else None

    def _push(self, conn: Connection, saved: SavedCode, target: CodeTarget, planned: Unit | None) -> None:
        assert saved.config_id is not None
        # All of it, so that whichever change is the last decides alone.
        change = ContactWayUpdate(saved.config_id, user=target.user, skip_verify=target.skip_verify)
        # Not before the one that was planned last, whoever planned that by whichever clock.
        after = planned.due_at if planned is not None and planned.state is UnitState.READY else None
        self._outbox.plan(conn, CONTACT_WAY_UPDATE, change, owner=_OWNER + saved.code.id, not_before=after)

    def _desired(self, conn: Connection, code: ChannelCode, now: datetime) -> Desired:
        counts = self._rows.counts(conn, code.id, local_day(now, code.zone))
        return desired_staff(code, now, counts, self._rows.switched_off(conn))

    def _look(self, conn: Connection) -> tuple[int, RefreshReport]:
        now = self._port.now()
        due = self._rows.take_due(conn, now, _PAGE)
        report = RefreshReport()
        for saved in due:
            code, planned = saved.code, self._planned(conn, saved)
            known = saved.acknowledged if planned is None else _target(planned)
            desired = self._desired(conn, code, now)
            problem = None
            staff = desired.staff
            if not staff:
                # WeCom refuses an empty code, and a customer who scans it would find nobody.
                _log.warning("code %s: %s", code.id, _NOBODY)
                problem = _NOBODY
                staff = known.user if known else code.staff
                report += RefreshReport(kept=(code.id,))
            target = CodeTarget(staff, code.auto_accept)
            if known == target and planned is None:
                self._rows.keep(conn, code.id, desired.next_change_at, problem)
                report += RefreshReport(unchanged=() if problem else (code.id,))
                continue
            self._rows.pushing(conn, code.id, min(desired.next_change_at or now + _LOOK_AGAIN, now + _LOOK_AGAIN))
            if known == target:
                report += RefreshReport(waiting=(code.id,))
            else:
                self._push(conn, saved, target, planned)
                report += RefreshReport((code.id,))
        return len(due), report

    def _take(self, conn: Connection, scans: Iterable[Scan]) -> int:
        """Count each of *scans* that is new, and tell of it; return how many."""
        told: list[CodeScanned] = []
        for scan in scans:
            saved = self._rows.find(conn, scan.code_id)
            if saved is None:
                continue
            # Also for a known scan: WeCom refuses tags until the staff has confirmed the customer, which fires
            # another add event.
            wanted = [(scan.staff_userid, scan.external_userid, tag_id, True) for tag_id in saved.tag_ids]
            self._tags.want(conn, self._corp_id, _OWNER + scan.code_id, wanted)
            if self._rows.add_scan(conn, scan, saved.code.zone):
                self._counted(conn, saved.code, scan)
                told.append(
                    CodeScanned(scan.code_id, saved.code.channel, scan.staff_userid, scan.external_userid, scan.at)
                )
        self._log.append(conn, self._corp_id, *told)
        return len(told)

    def _counted(self, conn: Connection, code: ChannelCode, scan: Scan) -> None:
        now = self._port.now()
        today = local_day(now, code.zone)
        if code.daily_add_cap is not None and local_day(scan.at, code.zone) == today:
            counts = self._rows.counts(conn, code.id, today)
            if counts[scan.staff_userid] >= code.daily_add_cap:
                self._rows.wake(conn, now, code.id)
        customer = {scan.external_userid: code.channel}
        set_facts(conn, self._corp_id, "channel", customer, scan.at)
        # Where a customer came from first is where they come from.
        if not facts(conn, self._corp_id, ["source"], [scan.external_userid]):
            set_facts(conn, self._corp_id, "source", customer, scan.at)

    def _find(self, conn: Connection, code_id: str) -> SavedCode:
        saved = self._rows.find(conn, code_id)
        if saved is None:
            msg = f"there is no code {code_id!r}: create it first"
            raise UsageError(msg)
        return saved

    # Outside.

    async def _switch(self, staff: tuple[str, ...], *, on: bool) -> None:
        def work(conn: Connection) -> None:
            now = self._port.now()
            self._rows.switch(conn, staff, now, on=on)
            self._rows.wake(conn, now)

        await self._write(work)

    async def _write(self, fn: Callable[[Connection], R]) -> R:
        def work() -> R:
            with self._store.begin() as conn:
                return fn(conn)

        return await self._store.offload(self._port, work)

    async def _read(self, fn: Callable[[Connection], R]) -> R:
        def work() -> R:
            with self._store.read() as conn:
                return fn(conn)

        return await self._store.offload(self._port, work)

    def __repr__(self) -> str:
        return f"<AsyncLiveCodes of {self._corp_id}>"


def _target(unit: Unit) -> CodeTarget:
    """Return what a change makes of a code."""
    change = structure(loads(unit.request.encode()), ContactWayUpdate)
    return CodeTarget(change.user or (), bool(change.skip_verify))


class LiveCodes(Blocking[AsyncLiveCodes]):
    """The channel codes of one corp, blocking; see `AsyncLiveCodes`."""

    def __init__(self, wecom: WeCom, store: Store, outbox: Outbox, *, welcome_pause: float = 0.5) -> None:
        super().__init__(AsyncLiveCodes(core_of(wecom), store, core_of(outbox), welcome_pause=welcome_pause))

    @property
    def handlers(self) -> tuple[Handler, Handler]:
        """The handlers for a dispatcher: welcome messages, which belong first, and all else."""
        return self._core.handlers

    create = blocking(AsyncLiveCodes.create)
    change = blocking(AsyncLiveCodes.change)
    switch_off = blocking(AsyncLiveCodes.switch_off)
    switch_on = blocking(AsyncLiveCodes.switch_on)
    codes = blocking(AsyncLiveCodes.codes)
    get = blocking(AsyncLiveCodes.get)
    report = blocking(AsyncLiveCodes.report)
    welcomes = blocking(AsyncLiveCodes.welcomes)
    settle = blocking(AsyncLiveCodes.settle)
    refresh = blocking(AsyncLiveCodes.refresh)
    next_at = blocking(AsyncLiveCodes.next_at)
    reconcile = blocking(AsyncLiveCodes.reconcile)
