"""One run: a planner and some workers in a world, and the verdict on what they did."""

from __future__ import annotations

import random
import sqlite3
import uuid

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, partial
from unittest.mock import patch

import attrs

from privdom._port import BlockingPort
from privdom._port import run as run_blocking
from privdom.outbox import AsyncDesiredTags, AsyncOutbox, Gate, OutboxSettings, Policy, Unit, UnitState
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from tests.simulation.orders import KINDS, Corp, Order, orders_of
from tests.simulation.port import SimPort, wait
from tests.simulation.wishes import Wishes
from tests.simulation.world import CALL_TIMEOUT, SETTLE, START, WRITE_BUDGET, Chances, World


__all__ = ["Plan", "Verdict", "Weather", "plan_of", "simulate", "worst"]


class Weather(StrEnum):
    """What a run is to show."""

    RESEND = "resend"
    """Within the fault model, what is absent is called again: nothing twice, nothing lost."""
    PARK = "park"
    """Within the fault model, what is absent is left to a person."""
    STORM = "storm"
    """Outside of the fault model, under park: nothing twice, and what is affected is parked."""
    SWEEP = "sweep"
    """Listings later than settle, under resend: the second message is cancelled before staff confirm it."""


@attrs.frozen
class Plan:
    """What a run is about: everything that its seed decides, but for the chances of each moment."""

    seed: int
    weather: Weather
    chances: Chances
    kinds: tuple[str, ...]
    workers: int = 2
    patience: float = 600.0
    """How many seconds a worker rests at the most."""
    tags: bool = False
    """Whether tags are wanted too."""
    sweep_for: float = 100.0
    """For how many seconds a second one is looked for."""

    @property
    def policy(self) -> Policy:
        return Policy.RESEND if self.weather in {Weather.RESEND, Weather.SWEEP} else Policy.PARK


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


_SHARES = {Weather.RESEND: 0.5, Weather.PARK: 0.15, Weather.STORM: 0.25, Weather.SWEEP: 0.1}


def plan_of(seed: int, weather: Weather | None = None) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(f"plan {seed}")
    chosen = rng.choices(tuple(_SHARES), tuple(_SHARES.values()))[0]
    weather = weather or chosen
    chances = Chances.by(rng, within=weather is not Weather.STORM)
    kinds = tuple(sorted(rng.sample(tuple(KINDS), rng.choice([2, 3, 4, 5]))))
    if chances.style == "edge":
        # Only messages are listed as late as the model allows.
        kinds = ("link", "link", "text", kinds[0])
    if chances.style == "tardy":
        # Two of one content, of which the first may arrive when the second is looked for.
        kinds = ("twins", *(kind for kind in kinds if kind != "twins"))
    if weather is Weather.SWEEP:
        # Only what carries a mark can be told apart for certain, and only messages can be taken back.
        kinds = ("link",) * rng.choice([1, 2])
        chances = attrs.evolve(chances, lag=rng.uniform(1, 4) * SETTLE)
    return Plan(
        sweep_for=3600.0 if weather is Weather.SWEEP else 100.0,
        seed=seed,
        weather=weather,
        chances=chances,
        kinds=kinds,
        tags=weather is not Weather.SWEEP and rng.random() < 0.3,
        workers=rng.choice([1, 2, 2, 3]),
        patience=rng.choice([60.0, 600.0]),
    )


@cache
def _store() -> tuple[Store, sqlite3.Connection]:
    """Return a store in memory for all runs, since it remembers compiled statements, and what is in it at first."""
    store = Store("sqlite://")
    with store.begin():
        pass
    empty = sqlite3.connect(":memory:", check_same_thread=False)
    _raw(store).backup(empty)
    return store, empty


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
        resends=1000,
        lookup_failures=1000,
        sweep_for=timedelta(seconds=plan.sweep_for),
        in_flight=3,
        gate=Gate(cap=None),
    )


class _Run:
    def __init__(self, plan: Plan, crash_at: tuple[int, ...]) -> None:
        self.plan = plan
        self.store, empty = _store()
        raw = _raw(self.store)
        empty.backup(raw)
        self.world = World(plan.seed, plan.chances, lambda: raw.total_changes, crash_at=crash_at)
        self.corp = Corp(self.world.box)
        self.orders = orders_of(self.corp, plan.kinds)
        self.wishes = Wishes(self.corp) if plan.tags else None
        self.planned = False

    def wecom(self, port: SimPort | BlockingPort) -> AsyncWeCom:
        box = self.world.box
        quotas = MemoryQuotas(monotonic=self.world.seconds)
        return AsyncWeCom.on(port, box.corp_id, box.secret, quotas=quotas, retry=Retry(attempts=1))

    def outbox(self, port: SimPort | BlockingPort) -> AsyncOutbox:
        return AsyncOutbox(self.wecom(port), self.store, _settings(self.plan))

    async def planner(self, port: SimPort) -> None:
        outbox = self.outbox(port)
        for order in self.orders:
            await port.offload(partial(self._plan_one, outbox, order))
        tags = AsyncDesiredTags(self.wecom(port), self.store, _settings(self.plan))
        while self.wishes is not None and not self.wishes.all_taken:
            await wait(self.world.rng.choice([0.1, 40.0]))
            await port.offload(partial(self._want, tags, self.wishes))
        self.planned = True

    def _plan_one(self, outbox: AsyncOutbox, order: Order) -> None:
        with self.store.begin() as conn:
            order.plan(conn, outbox, START)

    def _want(self, tags: AsyncDesiredTags, wishes: Wishes) -> None:
        with self.store.begin() as conn:
            wishes.take(conn, tags)

    async def worker(self, port: SimPort) -> None:
        wecom = self.wecom(port)
        outbox = AsyncOutbox(wecom, self.store, _settings(self.plan))
        tags = AsyncDesiredTags(wecom, self.store, _settings(self.plan))
        while True:
            if await outbox.tick() or (self.wishes is not None and await tags.push()):
                continue
            # Asked before: what is planned while this one looks is not its to leave behind.
            planned = self.planned
            at = await port.offload(partial(self._next_at, outbox, tags))
            if at is None and planned:
                return
            rest = 20.0 if at is None else (at - port.now()).total_seconds()
            # Others may plan and fail meanwhile; but who looks every second sees little else.
            await wait(min(max(rest, 0.05), 60.0 if not self.planned else self.plan.patience))

    def _next_at(self, outbox: AsyncOutbox, tags: AsyncDesiredTags) -> datetime | None:
        with self.store.read() as conn:
            moments = [outbox.next_at(conn), tags.next_at(conn)]
        return min((moment for moment in moments if moment is not None), default=None)

    def units(self, outbox: AsyncOutbox) -> dict[str, Unit]:
        with self.store.read() as conn:
            return {u.owner: u for u in outbox.units(conn)}


def simulate(plan: Plan, *, crash_at: tuple[int, ...] = ()) -> Verdict:
    """Return what comes of *plan*; processes die at the points *crash_at*, or by chance if none are given."""
    with patch("uuid.uuid4", _ids(plan.seed)):
        return _simulate(plan, crash_at)


def _ids(seed: int) -> Callable[[], uuid.UUID]:
    rng = random.Random(f"ids {seed}")
    return lambda: uuid.UUID(int=rng.getrandbits(128), version=4)


def _simulate(plan: Plan, crash_at: tuple[int, ...]) -> Verdict:
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
    if plan.weather in {Weather.RESEND, Weather.PARK} and any(m.kind == "cancelled" for m in world.box.record.messages):
        # Well that it was; but within the fault model there is none to cancel.
        faults.append("a second message was made, and cancelled")
    # A call that lands later than the model allows may undo a newer one.
    if run.wishes is not None and ended and plan.weather is not Weather.STORM:
        faults += run.wishes.faults()
    faults += _resolve(run, outbox) if ended else []
    states = {name: str(unit.state) for name, unit in units.items()}
    return Verdict(plan, tuple(faults), states, world.counts)


def _judge(plan: Plan, order: Order, unit: Unit | None) -> list[str]:
    if unit is None:
        return [f"{order.name} was never planned"]
    times, state = order.happened(), unit.state
    faults: list[str] = []
    twice_is_fine = order.harmless and plan.policy is Policy.RESEND
    if times > 1 and not twice_is_fine:
        faults.append(f"{order.name} happened {times} times")
    # A change that lands later than the model allows may undo a newer one: nothing is sent by it, and nothing can tell.
    undone = order.changes and plan.weather is Weather.STORM
    if state is UnitState.CONFIRMED and times == 0 and not undone and not order.overtaken:
        faults.append(f"{order.name} is confirmed, and never happened")
    if not state.settled or state is UnitState.DROPPED:
        faults.append(f"{order.name} is {state} in the end")
    if state is UnitState.REFUSED and not order.deadline:
        faults.append(f"{order.name} is refused, though nobody refused it: {unit.reason}")
    # What else may be parked: a twin, and what cannot be looked up.
    sure = not (order.ambiguous or order.deadline or order.blind)
    if plan.weather is Weather.RESEND and sure and state is not UnitState.CONFIRMED:
        faults.append(f"{order.name} is {state} within the fault model: {unit.reason}")
    return faults


def _resolve(run: _Run, outbox: AsyncOutbox) -> list[str]:
    """Have a person who knows what happened decide on what is parked; return what goes wrong then."""
    faults: list[str] = []
    by_name = {order.name: order for order in run.orders}
    for unit in run_blocking(outbox.parked.list()):
        order = by_name[unit.owner]
        if order.happened():
            run_blocking(outbox.parked.drop(unit.id, "judge"))
        else:
            run_blocking(outbox.parked.resend(unit.id, "judge"))
    run.world.chances = Chances()
    run_blocking(outbox.drain())
    for name, unit in run.units(outbox).items():
        order = by_name[name]
        times = order.happened()
        undone = order.changes and run.plan.weather is Weather.STORM
        fine = {1} | ({0} if order.deadline or order.overtaken or undone else set())
        if times not in fine and not (times > 1 and order.harmless and run.plan.policy is Policy.RESEND):
            faults.append(f"{name} happened {times} times after a person's decision ({unit.state})")
    return faults


def worst(verdicts: Sequence[Verdict]) -> str:
    """Return the first fault of each bad run, as lines to read."""
    return "\n".join(f"seed {v.plan.seed} {v.plan.weather}: {'; '.join(v.faults)}" for v in verdicts if not v.ok)
