"""
A world in which everything that can go wrong does, by one seed: network, processes, clocks.

The engine in it is the unmodified one; so is the sandbox, whose own record judges in the end.
"""

from __future__ import annotations

import heapq
import random

from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import attrs
import httpx

from privdom._facts.endpoints import ENDPOINTS, GETTOKEN, Effect
from privdom.errors import PrivdomError
from privdom.sandbox import Fault, Rules, Sandbox
from tests.simulation.port import Crash, Point, Process, SimPort, Step, Wait, point, wait


__all__ = ["CALL_TIMEOUT", "SETTLE", "WRITE_BUDGET", "Chances", "World"]

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
SETTLE, CALL_TIMEOUT, WRITE_BUDGET = 60.0, 20.0, 5.0
# What the fault model gives to acceptance, and to the list of what was accepted: together within settle.
_LATEST, _LAG = 0.6 * SETTLE, 0.39 * SETTLE

Fate = Literal[
    "well",
    "slow",
    "refused",
    "lost_request",
    "lost_response",
    "late",
    "busy_before",
    "busy_after",
    "html_after",
    "quota",
    "expired_token",
]
Style = Literal["mixed", "sleepy", "edge", "tardy"]
_FATES: tuple[Fate, ...] = tuple(fate for fate in get_args(Fate) if fate != "well")


@attrs.frozen
class Chances:
    """How likely what is, in one run."""

    style: Style = "mixed"
    crash: float = 0.0
    pause: float = 0.0
    fates: tuple[tuple[Fate, float], ...] = ()
    """Of an exchange, each with its weight; the rest goes well."""
    writes_only: bool = False
    """Whether only writes go wrong, or are worth a pause, so that look-ups come when they are due."""
    first: Fate = "well"
    """What befalls the first write, whatever the chances."""
    pauses: tuple[float, ...] = (0.5, 4.9, 5.5, 19.0, 40.0, 100.0, 400.0, 1000.0)
    late: float = _LATEST
    """The latest acceptance, in seconds after the deadline of the call."""
    lag: float = 0.0
    """How late the list of messages shows one."""
    dispatch: float = 0.0
    """How long WeCom answers 41063."""
    skew: float = 0.0
    """How far two clocks of workers are apart at the most."""
    clocks: Literal["steady", "jumpy", "stepped"] = "steady"
    """Who is always fast would always be the first: clocks may jump, or all step forward once a call is late."""
    within: bool = True
    """Whether all this keeps to the fault model."""

    @classmethod
    def by(cls, rng: random.Random, *, within: bool) -> Chances:
        """Return chances that differ from run to run, since each bug shows in a weather of its own."""
        styles: tuple[Style, ...] = ("mixed", "sleepy", "edge" if within else "tardy")
        style = rng.choices(styles, (0.55, 0.2, 0.25))[0]
        chosen = rng.sample(_FATES, rng.choice([1, 2, 3, 4]))
        mixed = cls(
            style=style,
            crash=rng.choice([0.0, 0.004, 0.01, 0.02]),
            pause=rng.choice([0.0, 0.005, 0.02]),
            fates=tuple((fate, rng.choice([0.03, 0.08, 0.15])) for fate in chosen),
            late=_LATEST if within else rng.choice([_LATEST, 5 * SETTLE, 30 * SETTLE]),
            lag=rng.choice([0.0, 0.2, 1.0]) * (_LAG if within else 40 * SETTLE),
            dispatch=rng.choice([0.0, 0.0, 30.0, 3 * SETTLE]),
            skew=rng.choice([0.0, 0.0, 0.99]) * SETTLE,
            within=within,
        )
        if style == "sleepy":
            # Who sleeps long while others go on must not believe, on waking up, that all is as it was.
            fates: tuple[tuple[Fate, float], ...] = (("quota", 0.3), ("lost_request", 0.1), ("lost_response", 0.3))
            # About when the second call of a unit is made, and until it is looked up.
            pauses = (95.0, 150.0, 170.0, 200.0, 230.0, 1000.0)
            return attrs.evolve(mixed, crash=0.0, pause=0.05, pauses=pauses, fates=fates, writes_only=True)
        if style == "tardy":
            # Too late for the look-ups of one unit, in time for those of the next.
            fates = (("late", 0.3), ("lost_request", 0.2))
            return attrs.evolve(mixed, crash=0.0, fates=fates, late=3 * SETTLE, lag=0.0, dispatch=0.0, writes_only=True)
        if style == "edge":
            # All that the model allows at once: nothing must be a second too early.
            return attrs.evolve(
                mixed,
                crash=0.0,
                pause=0.1,
                pauses=(4.9,),
                fates=(("late", 0.5), ("lost_request", 0.1)),
                writes_only=True,
                lag=_LAG,
                dispatch=0.0,
                skew=0.99 * SETTLE,
                clocks=rng.choice(["jumpy", "stepped"]),
            )
        return mixed


@attrs.define(order=True)
class _Arrival:
    at: float
    number: int
    request: httpx.Request = attrs.field(order=False)
    fault: Fault | None = attrs.field(order=False)
    response: httpx.Response | None = attrs.field(order=False, default=None)
    done: bool = attrs.field(order=False, default=False)


Program = Callable[[SimPort], Coroutine[Any, Any, None]]


class World:
    """Virtual time, a network, WeCom, and the processes that are at work."""

    def __init__(
        self, seed: int, chances: Chances, changes: Callable[[], int], *, crash_at: tuple[int, ...] = ()
    ) -> None:
        self.changes = changes
        self.rng = random.Random(seed)
        self.chances = chances
        rules = Rules(
            list_lag=timedelta(seconds=chances.lag),
            dispatch_time=timedelta(seconds=chances.dispatch),
            transfer_copies_tags=True,
        )
        self.box = Sandbox(seed, START, rules=rules, monotonic=self.seconds)
        self.counts: Counter[str] = Counter()
        """What happened: points, crashes, pauses, and what befell exchanges."""
        self._crash_at = crash_at
        self._now = 0.0
        self._stepped = False
        self._network: list[_Arrival] = []
        self._programs: list[tuple[Process, Program]] = []

    # Time.

    def seconds(self) -> float:
        """Return virtual seconds since the beginning."""
        return self._now

    def now(self) -> datetime:
        """Return virtual civil time, as WeCom has it."""
        return self.box.clock.now()

    def move(self, until: float) -> None:
        """Let time pass, and what is under way arrive."""
        while self._network and self._network[0].at <= until:
            arrival = heapq.heappop(self._network)
            self._set(arrival.at)
            self._arrive(arrival)
        self._set(until)

    def _set(self, at: float) -> None:
        if at > self._now:
            self._now = at
            self.box.advance_to(START + timedelta(seconds=at))

    # Chance.

    def choose(self, n: int) -> int:
        """Return one of *n* numbers by chance."""
        return self.rng.randrange(n) if n > 1 else 0

    # The network.

    def changed(self, process: Process) -> None:
        """Take note that *process* has just changed the database."""
        process.heat = max(process.heat, 1)

    def begins(self, process: Process, request: httpx.Request) -> None:
        """Take note that *process* is about to write *request*."""
        if request.url.path in _WRITES:
            process.heat = _HEAT
        elif request.url.path != GETTOKEN.path and not self.chances.writes_only:
            process.heat = max(process.heat, _HEAT // 2)

    async def exchange(self, process: Process, request: httpx.Request, checked_at: float) -> httpx.Response:
        """Write *request*, and give the answer or fail, after a time that both may take."""
        fate = self._fate(request)
        self.counts[f"exchange {fate}"] += 1
        began = self._now
        patience = began + CALL_TIMEOUT
        if fate == "refused":
            await wait(self.rng.uniform(0, 3))
            raise httpx.ConnectError("refused", request=request)
        if fate == "lost_request":
            await wait(CALL_TIMEOUT)
            raise httpx.ReadTimeout("lost", request=request)
        latest = checked_at + CALL_TIMEOUT + self.chances.late
        if fate == "late":
            # Often at the last moment, where what is a second too early shows.
            share = self.rng.choice([self.rng.random(), 1.0, 1.0])
            self._write(request, began + share * max(latest - began, 0.0))
            self._step_clocks()
            await wait(self.rng.choice([0.5, CALL_TIMEOUT]))
            raise httpx.ReadTimeout("nothing yet", request=request)
        takes = self.rng.uniform(0.5, 0.9) * CALL_TIMEOUT if fate == "slow" else self.rng.uniform(0.01, 0.3)
        arrival = self._write(request, min(began + takes, max(latest, began)), _FAULTS.get(fate))
        await wait(arrival.at - began)
        await point("http:accepted")
        assert arrival.done
        await wait(min(self.rng.uniform(0.01, 0.3), max(patience - self._now, 0.0)))
        if fate == "lost_response" or arrival.response is None:
            raise httpx.ReadError("cut", request=request)
        return arrival.response

    def _fate(self, request: httpx.Request) -> Fate:
        if request.url.path in _WRITES:
            self.counts["writes"] += 1
            if self.counts["writes"] == 1 and self.chances.first != "well":
                return self.chances.first
        elif self.chances.writes_only:
            return "well"
        share = self.rng.random()
        for fate, weight in self.chances.fates if self.counts["faults"] < _ENOUGH else ():
            share -= weight
            if share < 0:
                self.counts["faults"] += 1
                return fate
        return "well"

    def _write(self, request: httpx.Request, at: float, fault: Fault | None = None) -> _Arrival:
        arrival = _Arrival(at, self.counts["written"], request, fault)
        self.counts["written"] += 1
        heapq.heappush(self._network, arrival)
        return arrival

    def _arrive(self, arrival: _Arrival) -> None:
        if arrival.fault is not None:
            self.box.faults.add(arrival.fault)
        try:
            arrival.response = self.box.transport.handle_request(arrival.request)
        except httpx.HTTPError:
            arrival.response = None
        self.box.faults.clear()
        arrival.done = True

    # Processes.

    def start(self, name: str, program: Program) -> None:
        """Have a process run *program*, again and again until it once comes to its end."""
        self._programs.append((Process(name, self._skew()), program))

    def _skew(self) -> timedelta:
        # Those that jump or step do so from end to end, where the bounds show.
        ends = {"steady": [-0.5, 0.0, 0.5], "jumpy": [-0.5, 0.5], "stepped": [0.5 if self._stepped else -0.5]}
        return timedelta(seconds=self.rng.choice(ends[self.chances.clocks]) * self.chances.skew)

    def _step_clocks(self) -> None:
        self._stepped = True
        if self.chances.clocks == "stepped":
            # Whoever pauses from now on would be seconds late for what happens too early.
            self.chances = attrs.evolve(self.chances, pause=0.0)
            for process, _ in self._programs:
                process.skew = self._skew()

    def run(self, most: int = 60_000) -> bool:
        """Let all processes come to their end; return whether they did within so many points."""
        alive = dict(self._programs)
        for process, program in self._programs:
            process.coroutine = program(SimPort(self, process))
        while alive:
            if self.counts["points"] > most:
                self._stop(alive)
                return False
            ready = [p for p in alive if p.wake <= self._now]
            if not ready:
                self.move(min(p.wake for p in alive))
                continue
            process = ready[self.choose(len(ready))]
            self.move(self._now + self.rng.uniform(0, 0.02))
            if not self._step(process, alive[process]):
                del alive[process]
        return True

    def _step(self, process: Process, program: Program) -> bool:
        assert process.coroutine is not None
        try:
            step: Step = process.coroutine.send(None)
        except StopIteration:
            return False
        except PrivdomError as e:
            # No token is to be had, for instance: a supervisor starts it again.
            self.counts[f"ended by {type(e).__name__}"] += 1
            self._restart(process, program, 1.0)
            return True
        if isinstance(step, Wait):
            process.wake = self._now + step.seconds
            if self.chances.clocks == "jumpy" and self.rng.random() < 0.3:
                process.skew = self._skew()
            return True
        self._decide(process, program, step)
        return True

    def _decide(self, process: Process, program: Program, here: Point) -> None:
        self.counts["points"] += 1
        self.counts[here.name] += 1
        number = self.counts["points"]
        # What surrounds an exchange matters; between two looks at an idle database little can go wrong.
        likely = 6.0 if process.heat else 1.0
        process.heat = max(process.heat - 1, 0)
        if self.counts["crashes"] + self.counts["pauses"] > _ENOUGH:
            # Every storm ends, or some runs would never.
            likely = 0.0
        if number in self._crash_at or (not self._crash_at and self.rng.random() < self.chances.crash * likely):
            self.counts["crashes"] += 1
            self.counts[f"crash at {here.name}"] += 1
            self._kill(process)
            self._restart(process, program, self.rng.choice([0.0, 0.5, 30.0]))
        elif self.rng.random() < self.chances.pause * likely:
            self.counts["pauses"] += 1
            seconds = self.rng.choice(self.chances.pauses)
            if self.chances.within and here.name == "http:before":
                # The model: between the last look at the clock and the first byte, less than settle.
                seconds = min(seconds, 0.4 * SETTLE)
            process.wake = self._now + seconds

    def _kill(self, process: Process) -> None:
        assert process.coroutine is not None
        try:
            process.coroutine.throw(Crash())
        except (Crash, StopIteration):
            return
        msg = "a process that died went on"
        raise AssertionError(msg)

    def _restart(self, process: Process, program: Program, after: float) -> None:
        process.wake = self._now + after
        process.coroutine = program(SimPort(self, process))

    def _stop(self, alive: dict[Process, Program]) -> None:
        for process in alive:
            assert process.coroutine is not None
            process.coroutine.close()


# For so many points from a write on, half as many from a reading or a change of the database on.
_HEAT = 6
_ENOUGH = 25
_WRITES = frozenset(endpoint.path for endpoint in ENDPOINTS if endpoint.effect is not Effect.READ)

_FAULTS: dict[str, Fault] = {
    "busy_before": Fault("busy"),
    "busy_after": Fault("busy", after_change=True),
    "html_after": Fault("html", after_change=True),
    "quota": Fault("quota"),
    "expired_token": Fault("expired_token"),
}
