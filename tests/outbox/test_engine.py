"""The engine alone, with a kind that is told what to say: what is recorded, counted and told of each outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import attrs
import pytest

from sqlalchemy import select, update

from privdom._port import Port
from privdom.errors import MayHaveArrived, NotSent, api_error
from privdom.events import EventLog, UnitSettled
from privdom.outbox import CONTACT_WAY, AsyncOutbox, AuditEntry, OutboxSettings, Policy, TickReport, Unit, UnitState
from privdom.outbox.kind import Again, Candidate, Finding, Found, Lapsed, NotYet, Unclear
from privdom.outbox.tables import audit, ledger
from privdom.outbox.tables import unit as unit_table
from privdom.outbox.verdicts import Confirm, Done, Doubt, Park, Refuse, Release, Verdict
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from tests.conftest import OnPort
from tests.outbox.corp import SETTLE, Corp, plan, unit


SECOND = timedelta(seconds=1)
Step = Callable[[], Awaitable[object]]


class Told(type(CONTACT_WAY)):  # type: ignore[misc]
    """Says of its calls and look-ups what it was told, and does something meanwhile."""

    name = "told"
    patience = timedelta(seconds=30)

    def __init__(self, *, prepares: bool = False) -> None:
        self.prepares = prepares
        self.trouble: Exception | None = None
        self.verdict: Verdict | None = None
        self.verdicts: dict[str, Verdict] = {}
        self.findings: dict[str, Finding] = {}
        self.doubt: str | None = None
        self.finding: Finding | Exception = Found()
        self.undone: list[str] = []
        self.can_undo: bool | Exception = True
        self.meanwhile: Step | None = None
        self.asked: tuple[object, ...] = ()

    async def _wait(self) -> None:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()

    async def prepare(self, wecom: Any, request: Any) -> str:
        self.asked = (wecom, request)
        await self._wait()
        if self.trouble is not None:
            raise self.trouble
        return "prepared"

    def judge(self, error: Any, held: Unit, now: Any) -> Verdict | None:
        self.asked = (type(error), held.id, held.attempt, now)
        return self.verdicts.get(held.id, self.verdict)

    def read(self, request: Any, answer: Any) -> Done:
        self.asked = (request, answer.config_id)
        return Done(answer.config_id, None)

    def doubts(self, unit: Unit, answer: Any) -> str | None:
        self.asked = (answer.config_id,)
        return self.doubt

    async def find(self, wecom: Any, held: Unit, request: Any, skew: timedelta) -> Finding:
        self.asked = (wecom, held.id, request, skew)
        await self._wait()
        finding = self.findings.get(held.id, self.finding)
        if isinstance(finding, Exception):
            raise finding
        return finding

    async def undo(self, wecom: Any, remote_id: str) -> bool:
        self.undone.append(remote_id)
        if isinstance(self.can_undo, Exception):
            raise self.can_undo
        return self.can_undo


def _outbox(corp: Corp, port: Port, store: Store, kind: Told, **settings: Any) -> AsyncOutbox:
    return AsyncOutbox(corp.wecom(port), store, OutboxSettings(**{"settle": SETTLE, **settings}), kinds=[kind])


def _put(store: Store, unit_id: str, **values: Any) -> None:
    with store.begin() as conn:
        conn.execute(update(unit_table).where(unit_table.c.id == unit_id).values(values))


def _plan(corp: Corp, store: Store, outbox: AsyncOutbox, kind: Told, unit_id: str = "it", **values: Any) -> Unit:
    plan(store, outbox, kind, NewContactWay(type=1, user=["zhang"]), unit_id=unit_id, owner="me")
    if values:
        _put(store, unit_id, **values)
    return unit(store, outbox, unit_id)


def _log(store: Store, unit_id: str = "it") -> list[AuditEntry]:
    with store.read() as conn:
        rows = conn.execute(select(audit).where(audit.c.unit_id == unit_id).order_by(audit.c.seq))
        return [AuditEntry(r.at, r.by, r.action, r.remote_id, r.note) for r in rows]


def _told(store: Store, corp: Corp) -> list[UnitSettled]:
    with store.begin() as conn:
        return [event for _, event in EventLog.read(conn, corp.box.corp_id, "test") if isinstance(event, UnitSettled)]


DONE = Done("way1", "{}")


@pytest.mark.parametrize(
    ("verdict", "report", "state", "action"),
    [
        (Confirm(DONE), TickReport(confirmed=1), UnitState.CONFIRMED, None),
        (Refuse("why", 40096), TickReport(refused=1), UnitState.REFUSED, None),
        (Park("why"), TickReport(parked=1), UnitState.PARKED, "parked"),
        (Release(SECOND, "why"), TickReport(released=1), UnitState.READY, None),
        (Doubt("why"), TickReport(unknown=1), UnitState.CALLING, None),
        (None, TickReport(released=1), UnitState.READY, None),
    ],
)
def test_called(
    on_port: OnPort, store: Store, verdict: Verdict | None, report: TickReport, state: UnitState, action: str | None
) -> None:
    """Each outcome of a call is counted as what it is; an end is told to the owner, and doubt put on record."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        _plan(corp, store, outbox, kind)
        kind.verdict = verdict
        corp.box.faults.add(Fault("connect_refused", "add_contact_way"))
        now = corp.box.clock.now()
        assert report == await outbox.tick(1)
        assert state == unit(store, outbox, "it").state
        ended = state not in {UnitState.READY, UnitState.CALLING}
        assert ([UnitSettled("it", "me", state.value, now)] if ended else []) == _told(store, corp)
        assert ([AuditEntry(now, "engine", action, None, "why")] if action else []) == _log(store)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_called_together(on_port: OnPort, store: Store) -> None:
    """Calls made at once are each recorded and counted, whatever becomes of the others."""
    corp = Corp()
    verdicts: list[Verdict] = [Confirm(Done(None, None)), Refuse("x"), Park("x"), Release(SECOND, "x"), Doubt("x")]

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind, in_flight=20)
        for i, verdict in enumerate(2 * verdicts):
            _plan(corp, store, outbox, kind, f"{i}")
            kind.verdicts[f"{i}"] = verdict
        corp.box.faults.add(Fault("connect_refused", "add_contact_way", times=0))
        assert TickReport(confirmed=2, refused=2, parked=2, released=2, unknown=2) == await outbox.tick(10)
        states = [unit(store, outbox, f"{i}").state for i in range(5)]
        assert ["confirmed", "refused", "parked", "ready", "calling"] == states
        assert 2 * ["confirmed", "refused", "parked"] == [event.state for event in _told(store, corp)]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_asked_about_a_call(on_port: OnPort, store: Store) -> None:
    """A kind judges its own errors, reads its own answers, and says what in one may be the doing of an earlier call."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        now = corp.box.clock.now()
        held = _plan(corp, store, outbox, kind)
        request = NewContactWay(type=1, user=["zhang"], remark=f"#{held.nonce}")
        corp.box.faults.add(Fault("connect_refused", "add_contact_way"))
        await outbox.tick(1)
        assert (NotSent, "it", 1, now) == kind.asked
        assert now + SECOND == unit(store, outbox, "it").due_at
        corp.box.advance(SECOND)
        await outbox.tick(1)
        (made,) = [config_id async for config_id in outbox._ctx.wecom.codes.each()]
        assert (request, made) == kind.asked
        held = unit(store, outbox, "it")
        assert (UnitState.CONFIRMED, made) == (held.state, held.remote_id)

        kind.doubt = "perhaps the first"
        _plan(corp, store, outbox, kind, "sure")
        _plan(corp, store, outbox, kind, "doubtful", suspect=True)
        assert TickReport(confirmed=1, unknown=1) == await outbox.tick(2)
        held = unit(store, outbox, "doubtful")
        assert (UnitState.CALLING, "perhaps the first", corp.box.clock.now()) == (held.state, held.reason, held.due_at)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(("suspect", "state"), [(False, UnitState.REFUSED), (True, UnitState.PARKED)])
def test_refused(on_port: OnPort, store: Store, suspect: bool, state: UnitState) -> None:
    """A refusal is the end of a unit, unless an earlier call may have arrived."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        plan(store, outbox, kind, NewContactWay(type=1, user=["nobody"]), unit_id="it")
        _put(store, "it", suspect=suspect)
        await outbox.tick(1)
        assert state == unit(store, outbox, "it").state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


class Broken(Told):
    """Cannot read an answer."""

    def read(self, request: Any, answer: Any) -> Done:
        raise ZeroDivisionError


def test_broken(on_port: OnPort, store: Store) -> None:
    """A fault of ours after a call leaves its fate open, on record, and comes out once the others are settled."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Broken()
        outbox = _outbox(corp, port, store, kind)
        _plan(corp, store, outbox, kind)
        with pytest.raises(ZeroDivisionError):
            await outbox.tick(1)
        held = unit(store, outbox, "it")
        assert (UnitState.CALLING, True) == (held.state, held.suspect)
        assert "ZeroDivisionError while it was called" == held.reason

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_counts_from(on_port: OnPort, store: Store) -> None:
    """A call counts by the last moment at which it can have arrived: if there was one only, not later than that."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        ctx, now = outbox._ctx, corp.box.clock.now()
        held = _plan(corp, store, outbox, kind)
        end = ctx.horizon + SETTLE
        for attempt, armed_at, moment, expected in (
            (0, None, now, now),
            (1, now, now + SECOND, now + SECOND),
            (1, now, now + end, now + end),
            (1, now, now + end + SECOND, now + end),
            (2, now, now + end + SECOND, now + end + SECOND),
        ):
            assert expected == ctx.counts_from(attrs.evolve(held, attempt=attempt, armed_at=armed_at), moment)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize("lost", [False, True])
def test_counts(on_port: OnPort, store: Store, lost: bool) -> None:
    """Whom a call reached counts from when it can have arrived, not from when it was planned or looked up."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        planned = corp.box.clock.now()
        _plan(corp, store, outbox, kind)
        row = {"corp_id": corp.box.corp_id, "unit_id": "it", "state": "planned", "reach": False, "at": planned}
        with store.begin() as conn:
            conn.execute(ledger.insert().values(**row, step="x", subject="wm1", occurrence="", category="x"))
        corp.box.advance(timedelta(hours=2))
        if lost:
            corp.box.faults.add(Fault("lost_response", "add_contact_way"))
            assert TickReport(unknown=1) == await outbox.tick(1)
            corp.box.advance(timedelta(hours=2))
            kind.finding = Found((Candidate(DONE, certain=True),))
        assert TickReport(confirmed=1) == await outbox.tick(1)
        with store.read() as conn:
            (item,) = outbox.items(conn, "it")
        called = planned + timedelta(hours=2)
        assert (called + outbox._ctx.horizon + SETTLE if lost else called) == item.at

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    ("verdict", "note", "remote_id"),
    [
        (None, "WeCom's answer came after its look-up had begun", "made"),
        (Refuse("why", 40096), "the call ended after its look-up had begun: why", None),
        (Park("why"), "the call ended after its look-up had begun: why", None),
        (Release(SECOND, "why"), "the call ended after its look-up had begun: why", None),
        (Doubt("why"), None, None),
    ],
)
def test_called_too_late(
    on_port: OnPort, store: Store, verdict: Verdict | None, note: str | None, remote_id: str | None
) -> None:
    """A worker that was overtaken changes nothing; what it learned, and nobody else can, is put on record."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        _plan(corp, store, outbox, kind)
        send = port.send

        async def overtaken(request: Any) -> Any:
            response = await send(request) if verdict is None else None
            if request.url.path.endswith("add_contact_way"):
                _put(store, "it", fence=7, state=UnitState.UNCERTAIN)
                if verdict is not None:
                    raise NotSent("x")
            return response or await send(request)

        await outbox._ctx.wecom.token()
        port.send = overtaken  # type: ignore[method-assign]
        kind.verdict = verdict
        assert TickReport() == await outbox.tick(1)
        assert UnitState.UNCERTAIN == unit(store, outbox, "it").state
        assert [] == _told(store, corp)
        made = [config_id async for config_id in outbox._ctx.wecom.codes.each()]
        expected = made[0] if remote_id else None
        now = corp.box.clock.now()
        assert ([AuditEntry(now, "engine", "late_answer", expected, note)] if note else []) == _log(store)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    ("trouble", "suspect", "report", "state"),
    [
        (None, False, TickReport(confirmed=1), UnitState.CONFIRMED),
        (MayHaveArrived("x"), False, TickReport(released=1), UnitState.READY),
        (api_error(40096), False, TickReport(refused=1), UnitState.REFUSED),
        (api_error(40096), True, TickReport(parked=1), UnitState.PARKED),
    ],
)
def test_prepared(
    on_port: OnPort, store: Store, trouble: Exception | None, suspect: bool, report: TickReport, state: UnitState
) -> None:
    """What is read before the call is kept for the look-up; without it there is no call."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told(prepares=True)
        outbox = _outbox(corp, port, store, kind)
        held = _plan(corp, store, outbox, kind, suspect=suspect, attempt=2)
        kind.trouble = trouble
        assert report == await outbox.tick(1)
        after = unit(store, outbox, "it")
        if trouble is not None:
            request = NewContactWay(type=1, user=["zhang"], remark=f"#{held.nonce}")
            assert (outbox._ctx.wecom, request) == kind.asked
        assert (state, "prepared" if trouble is None else None) == (after.state, after.prepared)
        if state is UnitState.READY:
            # As after three attempts.
            assert held.created_at + 40 * SECOND == after.due_at

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert (0 if trouble else 1) == corp.calls("add_contact_way")


def test_prepared_too_late(on_port: OnPort, store: Store) -> None:
    """What a worker could not read does not matter to a unit that another one has called meanwhile."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        slow, kind = Told(prepares=True), Told()
        outbox, other = _outbox(corp, port, store, slow), _outbox(corp, port, store, kind)
        _plan(corp, store, outbox, slow)

        async def meanwhile() -> None:
            assert 1 == (await other.tick(1)).confirmed

        slow.meanwhile, slow.trouble = meanwhile, api_error(40096)
        assert TickReport() == await outbox.tick(1)
        assert UnitState.CONFIRMED == unit(store, outbox, "it").state
        assert [] == _log(store)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_patience(on_port: OnPort, store: Store) -> None:
    """A kind may have a look-up begin sooner than the end of all time-outs."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        held = _plan(corp, store, outbox, kind)
        corp.box.faults.add(Fault("lost_response", "add_contact_way"))
        assert TickReport(unknown=1) == await outbox.tick(1)
        after = unit(store, outbox, "it")
        assert (held.created_at, held.created_at + kind.patience) == (after.armed_at, after.due_at)
        with store.read() as conn:
            assert outbox._ctx.worker == conn.scalar(select(unit_table.c.worker))

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


FOUND = Candidate(DONE, certain=True)


def _question(outbox: AsyncOutbox, held: Unit) -> tuple[object, ...]:
    """What a kind is asked about a unit: as whom, for what call, and how far the clocks may differ."""
    request = NewContactWay(type=1, user=["zhang"], remark=f"#{held.nonce}")
    return outbox._ctx.wecom, held.id, request, outbox.settings.clock_skew


@pytest.mark.parametrize(
    ("finding", "report", "state", "entry"),
    [
        (Found((FOUND,)), TickReport(confirmed=1), UnitState.CONFIRMED, ("found", "way1", "a look-up found it")),
        (Unclear("why"), TickReport(parked=1), UnitState.PARKED, ("parked", None, "why")),
        (Lapsed("why"), TickReport(refused=1), UnitState.REFUSED, ("refused", None, "why")),
        (Again(SECOND, "why"), TickReport(released=1), UnitState.READY, ("resent", None, "why")),
        (NotYet("why"), TickReport(looked_up=1), UnitState.UNCERTAIN, None),
        (Found(), TickReport(looked_up=1), UnitState.UNCERTAIN, None),
        (MayHaveArrived("x"), TickReport(looked_up=1), UnitState.UNCERTAIN, None),
    ],
)
@pytest.mark.parametrize("overtaken", [False, True])
def test_looked_up(
    on_port: OnPort,
    store: Store,
    finding: Finding | Exception,
    report: TickReport,
    state: UnitState,
    entry: tuple[str, str | None, str] | None,
    overtaken: bool,
) -> None:
    """Each outcome of a look-up is counted, put on record and told as what it is, by who holds the unit."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        held = _plan(corp, store, outbox, kind, state=UnitState.CALLING, fence=1)
        kind.finding = finding

        async def meanwhile() -> None:
            _put(store, "it", fence=7)

        kind.meanwhile = meanwhile if overtaken else None
        assert (TickReport() if overtaken else report) == await outbox.tick(1)
        after, now = unit(store, outbox, "it"), corp.box.clock.now()
        assert (UnitState.UNCERTAIN if overtaken else state) == after.state
        ended = not overtaken and state not in {UnitState.READY, UnitState.UNCERTAIN}
        assert ([UnitSettled("it", "me", state.value, now)] if ended else []) == _told(store, corp)
        noted = [] if entry is None or overtaken else [AuditEntry(now, "engine", *entry)]
        assert noted == _log(store)
        assert _question(outbox, held) == kind.asked
        if overtaken:
            assert held.due_at != after.due_at
        elif isinstance(finding, MayHaveArrived):
            assert "look-up failed: MayHaveArrived: x" == after.reason
        if state is UnitState.CONFIRMED and not overtaken:
            assert ("way1", now + SETTLE) == (after.remote_id, after.due_at)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_looked_up_together(on_port: OnPort, store: Store) -> None:
    """Look-ups made at once are each recorded and counted, whatever becomes of the others."""
    corp = Corp()
    findings: list[Finding] = [
        Found((Candidate(Done(None, None), certain=True),)),
        Unclear("x"),
        Lapsed("x"),
        Again(SECOND, "x"),
        NotYet("x"),
    ]

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind, in_flight=30)
        for i, finding in enumerate(2 * findings):
            confirmed = {"state": UnitState.CONFIRMED, "suspect": True, "settled_at": corp.box.clock.now()}
            _plan(corp, store, outbox, kind, f"swept {i}", **confirmed)
            _plan(corp, store, outbox, kind, f"overtaken {i}", state=UnitState.CALLING)
            _plan(corp, store, outbox, kind, f"{i}", state=UnitState.CALLING)
            kind.findings[f"{i}"] = finding

        async def meanwhile() -> None:
            for i in range(10):
                _put(store, f"overtaken {i}", fence=7)

        kind.meanwhile, kind.finding = meanwhile, NotYet("x")
        expected = TickReport(confirmed=2, parked=2, refused=2, released=2, looked_up=2, swept=10)
        assert expected == await outbox.tick(30)
        states = [unit(store, outbox, f"{i}").state for i in range(5)]
        assert ["confirmed", "parked", "refused", "ready", "uncertain"] == states
        assert 2 * ["confirmed", "parked", "refused"] == [event.state for event in _told(store, corp)]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    ("failures", "absent", "resent", "policy", "finding", "state"),
    [
        (3, None, 0, Policy.PARK, MayHaveArrived("x"), UnitState.UNCERTAIN),
        (4, None, 0, Policy.PARK, MayHaveArrived("x"), UnitState.PARKED),
        (0, 59, 0, Policy.PARK, Found(), UnitState.UNCERTAIN),
        (0, 60, 0, Policy.PARK, Found(), UnitState.PARKED),
        # Called again at once.
        (0, 60, 1, Policy.RESEND, Found(), UnitState.CONFIRMED),
        (0, 60, 2, Policy.RESEND, Found(), UnitState.PARKED),
    ],
)
def test_circumstances(
    on_port: OnPort,
    store: Store,
    failures: int,
    absent: int | None,
    resent: int,
    policy: Policy,
    finding: Finding | Exception,
    state: UnitState,
) -> None:
    """A look-up is judged by those before it, by how often the unit was sent again, and by the unit's own policy."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        now = corp.box.clock.now()
        seen = None if absent is None else now - absent * SECOND
        values = {"lookups": failures, "absent_seen": seen, "policy": policy, "state": UnitState.CALLING}
        _plan(corp, store, outbox, kind, **values)
        with store.begin() as conn:
            for _ in range(resent):
                entry = {"corp_id": corp.box.corp_id, "unit_id": "it", "at": now, "by": "engine", "note": ""}
                conn.execute(audit.insert().values(**entry, action="resent"))
        kind.finding = finding
        await outbox.tick(1)
        assert state == unit(store, outbox, "it").state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_lease(on_port: OnPort, store: Store) -> None:
    """While one worker looks up, another one finds nothing to do until the lease is over."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        slow, kind = Told(), Told()
        lease = timedelta(minutes=7)
        outbox, other = (_outbox(corp, port, store, k, lookup_lease=lease) for k in (slow, kind))
        _plan(corp, store, outbox, slow, state=UnitState.CALLING)

        async def meanwhile() -> None:
            assert corp.box.clock.now() + lease == unit(store, outbox, "it").due_at
            with store.read() as conn:
                assert outbox._ctx.worker == conn.scalar(select(unit_table.c.worker))
            corp.box.advance(lease - SECOND)
            assert TickReport() == await other.tick(1)

        slow.meanwhile, slow.finding = meanwhile, Found((FOUND,))
        assert TickReport(confirmed=1) == await outbox.tick(1)
        # Judged by the time at which the look-up ended.
        assert corp.box.clock.now() == unit(store, outbox, "it").settled_at

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_budget(on_port: OnPort, store: Store) -> None:
    """A tick looks up and calls as many units as it is told to, however few at a time."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind, in_flight=2)
        for i in range(6):
            state = UnitState.CALLING if i % 2 else UnitState.READY
            _plan(corp, store, outbox, kind, f"{i}", state=state)
        kind.finding = NotYet("busy")
        assert TickReport(confirmed=1, looked_up=1) == await outbox.tick(1)
        assert TickReport(confirmed=2, looked_up=2) == await outbox.tick(3)
        assert TickReport() == await outbox.tick(3)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def _second(remote_id: str | None, **changes: Any) -> Candidate:
    return attrs.evolve(Candidate(Done(remote_id, None), certain=True), **changes)


FIRST = _second("first")


@pytest.mark.parametrize(
    ("candidates", "attempt", "cancelled", "noted"),
    [
        ((FIRST, _second("second")), 2, ["second"], []),
        ((_second("second"), FIRST), 2, ["second"], []),
        ((FIRST, _second("second"), _second("third")), 3, ["second", "third"], []),
        # One call makes one task.
        ((FIRST, _second("second")), 1, [], ["second"]),
        # Customers could be left with none.
        ((_second("second"),), 2, [], ["second"]),
        ((attrs.evolve(FIRST, gone=True), _second("second")), 2, [], ["second"]),
        # It may be anybody's, unless all that can be compared is the same.
        ((FIRST, _second("second", certain=False)), 2, [], ["second"]),
        ((FIRST, _second("second", certain=False, whole=True)), 2, ["second"], []),
        # What is known already, and what has no id.
        ((FIRST, _second("cancelled before")), 2, [], []),
        ((FIRST, _second("suspected before")), 1, [], []),
        ((FIRST, _second("suspected before")), 2, ["suspected before"], []),
        ((FIRST, _second("another unit's")), 2, [], []),
        ((FIRST, _second(None)), 2, [], []),
        ((FIRST,), 2, [], []),
        ((), 2, [], []),
    ],
)
@pytest.mark.parametrize("can_undo", [True, False, api_error(45009)])
def test_second(
    on_port: OnPort,
    store: Store,
    candidates: tuple[Candidate, ...],
    attempt: int,
    cancelled: list[str],
    noted: list[str],
    can_undo: bool | Exception,
) -> None:
    """A second one is taken back only where it is surely one; else it is put on record, once."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        now = corp.box.clock.now()
        _plan(corp, store, outbox, kind, "other", state=UnitState.CONFIRMED, remote_id="another unit's", due_at=None)
        values = {"remote_id": "first", "suspect": True, "attempt": attempt, "settled_at": now - SETTLE}
        held = _plan(corp, store, outbox, kind, state=UnitState.CONFIRMED, **values)
        with store.begin() as conn:
            for action, remote_id in (
                ("cancelled_second", "cancelled before"),
                ("suspected_second", "suspected before"),
            ):
                entry = {"corp_id": corp.box.corp_id, "unit_id": "it", "at": now, "by": "engine", "note": ""}
                conn.execute(audit.insert().values(**entry, action=action, remote_id=remote_id))
        kind.finding, kind.can_undo = Found(candidates), can_undo
        report = await outbox.tick(1)
        assert cancelled == kind.undone
        if can_undo is True:
            expected = [("cancelled_second", i, "a second task of this unit was cancelled") for i in cancelled]
        else:
            suspected = [i for i in cancelled if i != "suspected before"]
            expected = [("suspected_second", i, "this could be a second task of this unit") for i in suspected]
        expected += [("suspected_second", i, "this could be a second task of this unit") for i in noted]
        assert [AuditEntry(now, "engine", *entry) for entry in expected] == _log(store)[2:]
        assert TickReport(swept=1, cancelled=len(cancelled) if can_undo is True else 0) == report
        assert attrs.evolve(held, fence=1, due_at=now + SETTLE) == unit(store, outbox, "it")
        assert [] == _told(store, corp)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    ("first", "can_undo", "undone", "log", "remote_id"),
    [
        (FIRST, True, ["first"], ["cancelled_second first", "took_second second"], "second"),
        (attrs.evolve(FIRST, gone=True), True, [], ["took_second second"], "second"),
        # Neither can be taken back.
        (FIRST, False, ["first", "second"], ["suspected_second second"], "first"),
        (attrs.evolve(FIRST, sent=True), True, ["second"], ["cancelled_second second"], "first"),
    ],
)
def test_staff_sent_the_second(
    on_port: OnPort,
    store: Store,
    first: Candidate,
    can_undo: bool,
    undone: list[str],
    log: list[str],
    remote_id: str,
) -> None:
    """Where staff have sent the second one and not the first, the first is taken back, and the unit is the second."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        values = {"remote_id": "first", "suspect": True, "attempt": 2, "settled_at": corp.box.clock.now()}
        _plan(corp, store, outbox, kind, state=UnitState.CONFIRMED, **values)
        second = Candidate(Done("second", "its answer"), certain=True, sent=True)
        kind.finding, kind.can_undo = Found((first, second)), can_undo
        assert 1 == (await outbox.tick(1)).swept
        assert undone == kind.undone
        assert log == [f"{entry.action} {entry.remote_id}" for entry in _log(store)]
        held = unit(store, outbox, "it")
        assert (UnitState.CONFIRMED, remote_id) == (held.state, held.remote_id)
        assert ("its answer" if remote_id == "second" else None) == held.answer
        if remote_id == "second":
            assert "staff have sent this one, the first is cancelled" == _log(store)[-1].note

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_second_or_rival(on_port: OnPort, store: Store) -> None:
    """With a unit of the same content in doubt, what is the same in all that can be compared may be that one's."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        _plan(corp, store, outbox, kind, "rival", state=UnitState.PARKED, due_at=None)
        values = {"remote_id": "first", "suspect": True, "attempt": 2, "settled_at": corp.box.clock.now()}
        _plan(corp, store, outbox, kind, state=UnitState.CONFIRMED, **values)
        kind.finding = Found((FIRST, _second("second", certain=False, whole=True), _second("third")))
        assert TickReport(swept=1, cancelled=1) == await outbox.tick(1)
        assert ["third"] == kind.undone
        assert ["suspected_second", "cancelled_second"] == [entry.action for entry in _log(store)]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    ("finding", "after"),
    [
        *((finding, (1, 2, 4, 8, 16)) for finding in (Unclear("x"), NotYet("x"), Found())),
        (MayHaveArrived("x"), range(1, 17)),
    ],
)
def test_sweeps(on_port: OnPort, store: Store, finding: Finding | Exception, after: Sequence[int]) -> None:
    """A confirmed unit that was in doubt is looked at again, each time after twice as long; soon where that failed."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind, sweep_for=timedelta(minutes=16))
        now = corp.box.clock.now()
        values = {"remote_id": "first", "suspect": True, "settled_at": now, "due_at": now + SETTLE}
        _plan(corp, store, outbox, kind, state=UnitState.CONFIRMED, **values)
        kind.finding = finding
        ages: list[timedelta] = []
        while (due := unit(store, outbox, "it").due_at) is not None and len(ages) < 20:
            ages.append(due - now)
            corp.box.advance_to(due)
            assert TickReport(swept=1) == await outbox.tick(1)
        assert [n * SETTLE for n in after] == ages
        assert TickReport() == await outbox.tick(1)
        assert UnitState.CONFIRMED == unit(store, outbox, "it").state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    ("finding", "candidates", "trouble"),
    [
        (Found((FIRST,)), (FIRST,), None),
        (Unclear("why", (FIRST,)), (FIRST,), "why"),
        (NotYet("why"), (), "why"),
        (Lapsed("why"), (), "why"),
        (Again(SECOND, "why"), (), "why"),
    ],
)
def test_inspected(
    on_port: OnPort, store: Store, finding: Finding, candidates: tuple[Candidate, ...], trouble: str | None
) -> None:
    """A person sees what a look-up finds, and why it decides nothing."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        _plan(corp, store, outbox, kind, state=UnitState.PARKED, armed_at=corp.box.clock.now())
        kind.finding = finding
        seen = await outbox.parked.inspect("it")
        assert (candidates, trouble) == (seen.candidates, seen.trouble)
        assert _question(outbox, seen.unit) == kind.asked

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_never_taken_for_anothers(on_port: OnPort, store: Store) -> None:
    """What is known to be another unit's is no find, and one that could be a rival's proves nothing."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        kind = Told()
        outbox = _outbox(corp, port, store, kind)
        _plan(corp, store, outbox, kind, "other", state=UnitState.CONFIRMED, remote_id="theirs", due_at=None)
        _plan(corp, store, outbox, kind, state=UnitState.CALLING)
        kind.finding = Found((_second("theirs"),))
        assert TickReport(looked_up=1) == await outbox.tick(1)

        _plan(corp, store, outbox, kind, "rival", state=UnitState.PARKED, due_at=None)
        _put(store, "it", due_at=corp.box.clock.now())
        kind.finding = Found((_second("found", certain=False),))
        assert TickReport(parked=1) == await outbox.tick(1)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
