"""One run: a planner and some workers in a world, and the verdict on what they did."""

from __future__ import annotations

import random
import sqlite3

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache, partial

import attrs

from privdom._port import BlockingPort
from privdom._port import run as run_blocking
from privdom.outbox import AsyncOutbox, Gate, OutboxSettings, Policy, Unit, UnitState
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from tests.simulation.orders import Corp, Order, orders_of
from tests.simulation.port import SimPort, wait
from tests.simulation.world import CALL_TIMEOUT, SETTLE, START, WRITE_BUDGET, Chances, World


__all__ = ["Plan", "Verdict", "plan_of", "simulate"]


@attrs.frozen
class Plan:
    """What a run is about: everything that its seed decides, but for the chances of each moment."""

    seed: int
    policy: Policy
    chances: Chances
    kinds: tuple[str, ...]
    workers: int = 2
    patience: float = 600.0
    """How many seconds a worker rests at the most."""


@attrs.frozen
class Verdict:
    """What a run came to."""

    plan: Plan
    faults: tuple[str, ...]
    """What should not have happened, in words; none is what is wanted."""
    states: dict[str, str]
    counts: Counter[str] = attrs.field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the promise was kept."""
        return not self.faults


def plan_of(seed: int, policy: Policy | None = None, *, within: bool | None = None) -> Plan:
    """Return the plan of a seed: half of them resend, within the fault model; a quarter leave it, and park."""
    rng = random.Random(f"plan {seed}")
    lot = rng.random()
    chosen = policy or (Policy.RESEND if lot < 0.5 else Policy.PARK)
    inside = within if within is not None else chosen is Policy.RESEND or lot < 0.75
    names = ["text", "link", "twin", "twin", "transfer", "way", "tag", "welcome"]
    kinds = tuple(sorted(rng.sample(names, rng.choice([2, 3, 4, 5]))))
    return Plan(seed, chosen, Chances.by(rng, within=inside), kinds, rng.choice([1, 2, 2, 3]), rng.choice([60.0, 600.0, 600.0]))


@cache
def _store() -> tuple[Store, bytes]:
    """Return a store in memory for all runs, since it remembers compiled statements, and what is in it at first."""
    store = Store("sqlite://")
    with store.begin():
        pass
    return store, _raw(store).serialize()


def _raw(store: Store) -> sqlite3.Connection:
    connection = store._engine.raw_connection()
    raw = connection.driver_connection
    connection.close()
    assert isinstance(raw, sqlite3.Connection)
    return raw


def _settings(plan: Plan) -> OutboxSettings:
    return OutboxSettings(
        policy=plan.policy,
        settle=timedelta(seconds=SETTLE),
        call_timeout=timedelta(seconds=CALL_TIMEOUT),
        write_budget=timedelta(seconds=WRITE_BUDGET),
        lookup_lease=timedelta(seconds=30),
        # Bad luck alone must not be what parks a unit here.
        resends=50,
        lookup_failures=50,
        sweep_for=timedelta(minutes=10),
        in_flight=3,
        gate=Gate(cap=None),
    )


class _Run:
    def __init__(self, plan: Plan, crash_at: tuple[int, ...]) -> None:
        self.plan = plan
        self.world = World(plan.seed, plan.chances, crash_at=crash_at)
        self.corp = Corp(self.world.box)
        self.orders = orders_of(self.corp, plan.kinds)
        self.store, empty = _store()
        _raw(self.store).deserialize(empty)
        self.planned = False

    def outbox(self, port: SimPort | BlockingPort) -> AsyncOutbox:
        box = self.world.box
        quotas = MemoryQuotas(monotonic=self.world.seconds)
        wecom = AsyncWeCom.on(port, box.corp_id, box.secret, quotas=quotas, retry=Retry(attempts=1))
        return AsyncOutbox(wecom, self.store, _settings(self.plan))

    async def planner(self, port: SimPort) -> None:
        outbox = self.outbox(port)
        for order in self.orders:
            await port.offload(partial(self._plan_one, outbox, order))
        self.planned = True

    def _plan_one(self, outbox: AsyncOutbox, order: Order) -> None:
        with self.store.begin() as conn:
            order.plan(conn, outbox, START)

    async def worker(self, port: SimPort) -> None:
        outbox = self.outbox(port)
        while True:
            if await outbox.tick():
                continue
            at = await port.offload(partial(self._next_at, outbox))
            if at is None and self.planned:
                return
            rest = 1.0 if at is None else (at - port.now()).total_seconds()
            # Others may plan and fail meanwhile; but who looks every second sees little else.
            await wait(min(max(rest, 0.05), 5.0 if not self.planned else self.plan.patience))

    def _next_at(self, outbox: AsyncOutbox) -> datetime | None:
        with self.store.read() as conn:
            return outbox.next_at(conn)

    def units(self, outbox: AsyncOutbox) -> dict[str, Unit]:
        with self.store.read() as conn:
            return {u.id: u for u in outbox.units(conn)}


def simulate(plan: Plan, *, crash_at: tuple[int, ...] = ()) -> Verdict:
    """Return what comes of *plan*; processes die at the points *crash_at*, or by chance if none are given."""
    run = _Run(plan, crash_at)
    world = run.world
    world.start("planner", run.planner)
    for i in range(plan.workers):
        world.start(f"worker {i}", run.worker)
    ended = world.run()
    # What is still on its way arrives; the judge must not come before.
    world.move(world.seconds() + 100 * SETTLE)
    port = BlockingPort(transport=world.box.transport, clock=world.box.clock)
    outbox = run.outbox(port)
    units = run.units(outbox)
    faults = [] if ended else ["the work did not come to an end"]
    faults += [fault for order in run.orders for fault in _judge(plan, order, units.get(order.name))]
    faults += _resolve(run, outbox) if ended else []
    states = {name: str(unit.state) for name, unit in units.items()}
    return Verdict(plan, tuple(faults), states, world.counts)


def _judge(plan: Plan, order: Order, unit: Unit | None) -> list[str]:
    times = order.happened()
    if unit is None:
        return [f"{order.name} was never planned"]
    faults: list[str] = []
    if times > 1:
        faults.append(f"{order.name} happened {times} times")
    if unit.state is UnitState.CONFIRMED and times == 0:
        faults.append(f"{order.name} is confirmed, and never happened")
    if not unit.state.settled:
        faults.append(f"{order.name} is {unit.state} in the end")
    if unit.state is UnitState.REFUSED and not order.deadline:
        faults.append(f"{order.name} is refused, though nobody refused it")
    if unit.state is UnitState.REFUSED and times and not order.deadline:
        faults.append(f"{order.name} is refused, and happened")
    if unit.state is UnitState.DROPPED:
        faults.append(f"{order.name} is dropped")
    expected = plan.policy is Policy.RESEND and plan.chances.within and not (order.ambiguous or order.deadline)
    if expected and unit.state is not UnitState.CONFIRMED:
        faults.append(f"{order.name} is {unit.state} within the fault model: {unit.reason}")
    return faults


def _resolve(run: _Run, outbox: AsyncOutbox) -> list[str]:
    """Have a person who knows what happened decide on what is parked; return what goes wrong then."""
    faults: list[str] = []
    by_name = {order.name: order for order in run.orders}
    for unit in run_blocking(outbox.parked.list()):
        order = by_name[unit.id]
        if order.happened():
            run_blocking(outbox.parked.drop(unit.id, "judge"))
        else:
            run_blocking(outbox.parked.resend(unit.id, "judge"))
    run.world.chances = Chances()
    run_blocking(outbox.drain())
    for name, unit in run.units(outbox).items():
        order = by_name[name]
        times = order.happened()
        if times != 1 and not (order.deadline and times == 0):
            faults.append(f"{name} happened {times} times after a person's decision ({unit.state})")
    return faults


def worst(verdicts: Sequence[Verdict]) -> str:
    """Return the first fault of each bad run, as lines to read."""
    return "\n".join(f"seed {v.plan.seed} {v.plan.policy} within={v.plan.chances.within}: {'; '.join(v.faults)}" for v in verdicts if not v.ok)
