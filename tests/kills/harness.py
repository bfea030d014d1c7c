"""
A WeCom whose clients get killed, and the judge of what they left.

The harness holds the sandbox, and serves it to each worker at a door of its own,
so that it knows whom to kill in the middle of a call. Workers and planners are
forked by a nursery, see `tests.kills.worker`.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time

from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import attrs

from sqlalchemy import select

from privdom import WeCom
from privdom.outbox import DesiredTags, Outbox, Policy, Unit, UnitState
from privdom.outbox.tables import audit
from privdom.sandbox import Sandbox
from privdom.sandbox.router import Reply, Request
from privdom.sandbox.server import serving
from privdom.store import Store
from tests.kills import job
from tests.kills.worker import CALLS, LOOK_UPS, NOWHERE, Task, Times


ROOT = Path(__file__).parents[2]
# Generous: it is only reached where something is wrong.
PATIENCE = 120.0
PHASES = ("never_arrives", "before_accepting", "after_accepting", "before_answering", "after_answering")
READS = (*LOOK_UPS, "get_groupmsg_task", "get_groupmsg_send_result", "get_contact_way")


@attrs.frozen
class Tick:
    """A tick of a worker, and whether it came to its end."""

    began: datetime
    ended: datetime
    whole: bool


@attrs.frozen
class Kill:
    """Who was killed when, and in the middle of what."""

    at: datetime
    phase: str


@attrs.define
class Odds:
    """How likely what is killed; nothing by default."""

    call: float = 0.0
    look_up: float = 0.0
    """A share of what a look-up asks."""
    pause: tuple[int, int] | None = None
    """How many requests between kills at random moments, of workers and planners."""
    phases: tuple[str, ...] = PHASES


@attrs.define
class Judgement:
    """What came of a run: the counts to tell, and the findings, of which there should be none."""

    kills: dict[str, int]
    units: int
    parked: int
    calls: int
    look_ups: int
    verdicts: dict[str, int]
    duplicates: Counter[str]
    """What WeCom has more often than it was planned."""
    lost: Counter[str]
    """What was planned, and is neither at WeCom nor parked."""
    wrong: Counter[str]
    """What the database says otherwise than WeCom's record."""
    unharmed: list[Unit]
    """Parked, though nobody was killed while its call was under way."""
    tags_differ: bool
    late: list[str]
    """In doubt for longer than it may take."""
    measured: int = 0
    """How many doubts could be measured."""

    @property
    def clean(self) -> bool:
        return not (self.duplicates or self.lost or self.wrong or self.unharmed or self.tags_differ or self.late)

    def __str__(self) -> str:
        counts = f"{self.units} units, {self.calls} calls, {self.look_ups} look-up requests, {self.parked} parked"
        ends = (
            f"{self.duplicates.total()} duplicates, {self.lost.total()} lost, {len(self.late)} late of {self.measured}"
        )
        return f"{sum(self.kills.values())} kills {self.kills}; {counts}; verdicts {self.verdicts}; {ends}"


class Door:
    """One worker's way to WeCom. The sandbox's clock shows real time whenever somebody enters."""

    def __init__(self, harness: Harness, number: int) -> None:
        self._harness, self._number = harness, number
        self._rng = random.Random(f"{harness.seed}/{number}")
        self.on_request: Callable[[Request], None] | None = None
        self.url = ""

    @contextmanager
    def arriving(self, request: Request) -> Generator[Reply, None, None]:
        if self.on_request is not None:
            self.on_request(request)
        self._harness.box.advance_to(datetime.now(UTC))
        phase = self._fate(request.path.rpartition("/")[2])
        if phase in {"look_up", "never_arrives", "before_accepting"}:
            self._harness.kill(self._number, phase)
        if phase == "never_arrives":
            # As if it had been killed before the socket: what WeCom and the database see is the same.
            yield Reply(dropped="lost")
            return
        with self._harness.box.arriving(request) as reply:
            if phase == "after_accepting":
                self._harness.kill(self._number, phase)
            yield attrs.evolve(reply, delay=self._rng.uniform(0, 0.01))
            if phase == "before_answering":
                self._harness.kill(self._number, phase)
        if phase == "after_answering":
            # The answer is written right after this.
            asyncio.get_running_loop().call_later(self._rng.choice([0, 0.005]), self._harness.kill, self._number, phase)

    def _fate(self, name: str) -> str:
        odds = self._harness.odds
        if name in CALLS and self._rng.random() < odds.call:
            return self._rng.choice(odds.phases)
        return "look_up" if name in READS and self._rng.random() < odds.look_up else ""


class Nursery:
    """The process that forks workers and planners, and what it tells."""

    def __init__(self, log: Path) -> None:
        # Who is killed writes no coverage: measuring would only slow them down.
        env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kills.worker"],
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.put(json.loads(line))
        self.events.put({"event": "closed"})

    def start(self, task: Task) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(attrs.asdict(task)).encode() + b"\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE)
        self._ear.join()
        self._process.stdout.close()


class Harness:
    """
    One corp, some workers, a planner, and whoever kills them.

    Args:
        nursery: Who forks them.
        database: URL of a fresh database.
        folder: For the log.
        workers: How many processes tick at once.
        policy: Of the outbox.
        waves: How many the corp has customers for.
    """

    def __init__(
        self,
        nursery: Nursery,
        database: str,
        folder: Path,
        *,
        workers: int,
        policy: Policy,
        seed: int = 0,
        waves: int = 600,
        times: Times | None = None,
    ) -> None:
        self.nursery, self.database, self.policy, self.seed = nursery, database, policy, seed
        self.times = times or Times()
        self.odds = Odds()
        self.kills: list[Kill] = []
        self._doubts: defaultdict[str, set[datetime]] = defaultdict(set)
        self.log = folder / "log.txt"
        self.box = Sandbox(seed, now=datetime.now(UTC))
        self.tag_ids = job.corp(self.box, waves)
        self.waves = 0
        self._most = waves
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._alive: dict[int, int] = {}
        self._stopped: set[int] = set()
        self._killed: dict[int, datetime] = {}
        self._wanted: dict[int, Task] = {}
        self._finished: set[int] = set()
        self._expected: set[int] = set()
        self._next_kill: tuple[int, float] | None = None
        self._stack = ExitStack()
        self.doors = [Door(self, number) for number in range(workers)]

    def __enter__(self) -> Self:
        with self._stack:
            self.log.touch()
            self.store = self._stack.enter_context(Store(self.database))
            with self.store.begin():
                pass
            for door in self.doors:
                door.url = self._stack.enter_context(serving(door))  # type: ignore[arg-type] - all it needs of one
            self._stack.callback(self._end_all)
            self.outbox = Outbox(self.wecom(), self.store, self.times.settings(self.policy))
            self.tags = DesiredTags(self.wecom(), self.store)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def wecom(self, clock: Any = None) -> WeCom:
        return WeCom(self.box.corp_id, self.box.secret, transport=self.box.transport, clock=clock)

    # Whoever works.

    def task(self, role: str, slot: int, **options: Any) -> Task:
        return Task(
            role=role,
            slot=slot,
            database=self.database,
            corp_id=self.box.corp_id,
            secret=self.box.secret,
            policy=self.policy,
            log=str(self.log),
            times=self.times,
            tag_ids=self.tag_ids,
            base_url=self.doors[slot].url if role == "worker" else NOWHERE,
            **options,
        )

    @property
    def planner(self) -> int:
        """The slot of the planner."""
        return len(self.doors)

    def want(self, slot: int, task: Task | None) -> None:
        """Have a process of this task in a slot from now on, and a new one whenever it dies; None: none any more."""
        if task is None:
            self._wanted.pop(slot, None)
            return
        self._wanted[slot] = task
        self._finished.discard(slot)
        if slot not in self._alive and slot not in self._expected:
            self._start(slot)

    def _start(self, slot: int) -> None:
        self._expected.add(slot)
        self.nursery.start(self._wanted[slot])

    def want_workers(self) -> None:
        for slot in range(len(self.doors)):
            self.want(slot, self.task("worker", slot))

    def kill(self, slot: int, phase: str) -> bool:
        """End a process in the hardest way; return whether there was one."""
        with self._lock:
            pid = self._alive.get(slot)
            if pid is None or pid in self._killed:
                return False
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                # Ended by itself; the news of it is on its way.
                return False
            self._killed[pid] = datetime.now(UTC)
            self.kills.append(Kill(self._killed[pid], phase))
        self._note_doubts()
        return True

    def _note_doubts(self) -> None:
        # A unit that is called again later forgets when its first call was armed.
        with self.store.read() as conn:
            for u in self.outbox.units(conn, states=[UnitState.CALLING], limit=1_000_000):
                if u.armed_at is not None:
                    self._doubts[u.id].add(u.armed_at)

    def signal(self, slot: int, number: int) -> None:
        """Send a process a signal that it survives."""
        os.kill(self._alive[slot], number)
        if number == signal.SIGCONT:
            self._stopped.discard(slot)

    def is_stopped(self, slot: int) -> bool:
        return slot in self._stopped

    # Time.

    def live(self, until: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        """Let everybody work until something is true; replace whoever dies, and kill at random moments."""
        end = time.monotonic() + patience
        while not until():
            if time.monotonic() > end:
                raise AssertionError(f"not within {patience} s: {what}\n{self.diagnosis()}")
            self._hear()
            self._maybe_kill()

    def _maybe_kill(self) -> None:
        if self.odds.pause is None:
            return
        # By requests, since on a slow machine nothing would ever get done between kills by the clock; but the clock
        # too, so that one can hit a process that has not got as far as a request.
        asked, now = len(self.box.record.calls), time.monotonic()
        if self._next_kill is not None:
            requests, moment = self._next_kill
            if asked < requests and now < moment:
                return
            time.sleep(self._rng.uniform(0, 0.05))
            slot = self._rng.choice(list(self._alive) or [0])
            self.kill(slot, self._name(slot))
        self._next_kill = (asked + self._rng.randint(*self.odds.pause), now + self._rng.uniform(1, 4))

    def _name(self, slot: int) -> str:
        return "any_moment_planning" if slot == self.planner else "any_moment"

    def _hear(self) -> None:
        try:
            event = self.nursery.events.get(timeout=0.02)
        except queue.Empty:
            return
        match event["event"]:
            case "began":
                self._expected.discard(event["slot"])
                with self._lock:
                    self._alive[event["slot"]] = event["pid"]
            case "stopped":
                self._stopped.update(slot for slot, pid in self._alive.items() if pid == event["pid"])
            case "ended":
                self._ended(event["pid"], event["code"])
            case _:
                raise AssertionError(f"the nursery ended\n{self.diagnosis()}")

    def _ended(self, pid: int, code: int) -> None:
        with self._lock:
            [slot] = [slot for slot, alive in self._alive.items() if alive == pid]
            del self._alive[slot]
            killed = pid in self._killed
        if not killed and code != 0:
            raise AssertionError(f"process {pid} ended by itself: {code}\n{self.diagnosis()}")
        if not killed:
            self._finished.add(slot)
            self._wanted.pop(slot, None)
        elif slot in self._wanted:
            self._start(slot)

    def restart(self, restart: Callable[[], object]) -> None:
        """Have everybody work for a while, and restart the database in the middle of it."""
        self.want_workers()
        self.want(self.planner, self.task("planner", self.planner))
        goal = len(self.box.record.calls) + self._rng.randint(20, 60)
        self.live(lambda: len(self.box.record.calls) >= goal, "calls are made")
        self.kills.append(Kill(datetime.now(UTC), "restart_begins"))
        restart()
        self.kills.append(Kill(datetime.now(UTC), "restart_ends"))

    def errors(self) -> Counter[str]:
        """Which errors workers and planners got, and went on."""
        lines = [line.split() for line in self.log.read_text(errors="replace").splitlines()]
        return Counter(words[4] for words in lines if len(words) > 4 and words[3] == "error")

    def run(self, kills: int, odds: Odds) -> None:
        """Work on a growing heap of steps until so many kills have happened."""
        goal = len(self.kills) + kills
        self.want_workers()
        self.want(self.planner, self.task("planner", self.planner))
        self.odds = odds
        self.live(lambda: len(self.kills) >= goal, f"{kills} kills", patience=PATIENCE + kills)
        self.odds = Odds()

    def plan(self, waves: int) -> None:
        """Plan so many waves here, undisturbed."""
        for wave in range(self.waves, self.waves + waves):
            job.plan(self.store, self.outbox, self.tags, self.box.corp_id, self.tag_ids, wave)
        self.waves += waves

    def finish_planning(self) -> None:
        """Plan the last wave that was begun to its end."""
        self.want(self.planner, None)
        if self.planner in self._alive:
            self.kill(self.planner, "the_end")
        self.live(lambda: self.planner not in self._alive, "the planner is gone")
        with self.store.read() as conn:
            units = len(self.outbox.units(conn, limit=1_000_000))
        self.waves = -(-units // job.UNITS)
        assert self.waves <= self._most, "make the corp larger: customers were planned that it does not have"
        self.want(self.planner, self.task("planner", self.planner, waves=self.waves))
        self.live(lambda: self.planner in self._finished, "everything is planned")

    def finish(self) -> None:
        """Let everybody work until no call is left, undisturbed."""
        self.want_workers()
        self.live(lambda: not self.open(), "no call is left")
        # What is measured against the first tick that begins now, and another a settle time later, needs to see both.
        self.live_through_ticks(range(len(self.doors)))
        end = time.monotonic() + self.times.settle
        self.live(lambda: time.monotonic() > end, "time goes by")
        self.live_through_ticks(range(len(self.doors)))
        self._end_all()
        self._push_tags()

    def live_through_ticks(self, slots: Iterable[int]) -> None:
        """Wait until each of these workers has ended the tick that it is in, and a whole one."""
        before = {slot: self._tick_count(slot) for slot in slots}
        self.live(lambda: all(self._tick_count(slot) >= n + 2 for slot, n in before.items()), f"{slots} tick")

    def _tick_count(self, slot: int) -> int:
        start = f"worker {slot} {self._alive.get(slot)} tick "
        return sum(line.startswith(start) for line in self.log.read_text(errors="replace").splitlines())

    def _end_all(self) -> None:
        for slot in range(len(self.doors) + 1):
            self.want(slot, None)
        self.live(lambda: not self._expected, "whoever was to begin has begun")
        for slot in list(self._alive):
            self.kill(slot, "the_end")
        self.live(lambda: not self._alive, "all processes are gone")
        self.kills = [kill for kill in self.kills if kill.phase != "the_end"]

    def due(self) -> int:
        """How many calls are due for a look-up."""
        now = datetime.now(UTC)
        with self.store.read() as conn:
            called = self.outbox.units(conn, states=[UnitState.CALLING, UnitState.UNCERTAIN], limit=1_000_000)
        return sum(u.due_at is not None and u.due_at < now for u in called)

    def open(self) -> int:
        """How many units are not settled."""
        open_states = [UnitState.READY, UnitState.CALLING, UnitState.UNCERTAIN]
        with self.store.read() as conn:
            return len(self.outbox.units(conn, states=open_states, limit=1_000_000))

    def _push_tags(self) -> None:
        # Who was killed holds its relations for a quarter of an hour.
        class Later:
            def now(self) -> datetime:
                return datetime.now(UTC) + timedelta(minutes=16)

        with self.wecom(Later()) as wecom:
            tags = DesiredTags(wecom, self.store)
            while tags.push():
                pass
            with self.store.read() as conn:
                counts = tags.pending(conn)
        assert (0, 0, 0) == (counts.pending, counts.failed, counts.no_relation), counts

    # What came of it.

    def units(self) -> tuple[Unit, ...]:
        with self.store.read() as conn:
            return self.outbox.units(conn, limit=1_000_000)

    def unit(self, unit_id: str) -> Unit:
        with self.store.read() as conn:
            return self.outbox.unit(conn, unit_id)

    def verdicts(self) -> dict[str, list[tuple[str, datetime]]]:
        """What was decided about units in doubt, and when, by id."""
        found: dict[str, list[tuple[str, datetime]]] = {}
        with self.store.read() as conn:
            for row in conn.execute(select(audit.c.unit_id, audit.c.action, audit.c.at).order_by(audit.c.seq)):
                found.setdefault(row.unit_id, []).append((row.action, row.at))
        return found

    def ticks(self) -> list[Tick]:
        """All ticks of the workers, also those that a kill or an error cut short."""
        begun: dict[int, datetime] = {}
        found: list[Tick] = []
        for line in self.log.read_text(errors="replace").splitlines():
            match line.split():
                case ["worker", _, pid, "begins", began]:
                    begun[int(pid)] = _moment(began)
                case ["worker", _, pid, "tick" | "failed" as how, began, ended]:
                    begun.pop(int(pid), None)
                    found.append(Tick(_moment(began), _moment(ended), how == "tick"))
                case _:
                    pass
        return found + [Tick(began, self._killed[pid], whole=False) for pid, began in begun.items()]

    def judge(self) -> Judgement:
        """Compare what was planned with what WeCom has by its own record, and with what the database says."""
        expected, done = job.expected(self.waves), job.done(self.box)
        units, verdicts = self.units(), self.verdicts()
        confirmed = Counter(mark for u in units if u.state is UnitState.CONFIRMED for mark in job.marks(u))
        parked = [u for u in units if u.state is UnitState.PARKED]
        left = Counter(mark for u in parked for mark in job.marks(u))
        doubts = Counter(action for history in verdicts.values() for action, _ in history)
        horizon = timedelta(seconds=self.times.horizon)
        judgement = Judgement(
            kills=self.count_kills(),
            units=len(units),
            parked=len(parked),
            calls=sum(call.path.endswith(CALLS) for call in self.box.record.calls),
            look_ups=sum(call.path.endswith(READS) for call in self.box.record.calls),
            verdicts=dict(doubts),
            duplicates=done - expected,
            lost=expected - done - left,
            wrong=(done - confirmed) + (confirmed - done) + (left & done) + (expected - confirmed - left),
            unharmed=[
                u
                for u in parked
                if u.armed_at is None or not any(u.armed_at <= kill.at <= u.armed_at + horizon for kill in self.kills)
            ],
            tags_differ=job.worn(self.box) != job.wished(self.waves, self.tag_ids),
            late=[],
        )
        self._measure(units, verdicts, judgement)
        print(judgement)
        return judgement

    def _measure(
        self, units: Sequence[Unit], verdicts: Mapping[str, list[tuple[str, datetime]]], judgement: Judgement
    ) -> None:
        """
        Find units in doubt that were left in doubt too long.

        A lost call is due for its look-up a settle time after its horizon. The first tick that begins then looks it
        up, or one that runs at that time. Absence needs a second look-up a settle time later, by the same rule. Where
        a tick was cut short meanwhile, nothing can be said: what it had claimed waits for the end of a lease.
        """
        ticks = self.ticks()
        settle = timedelta(seconds=self.times.settle)

        def tick_after(due: datetime) -> datetime | None:
            first = min((tick.ended for tick in ticks if tick.began >= due and tick.whole), default=None)
            if first is None:
                return None
            return max(tick.ended for tick in ticks if tick.began <= first and tick.ended >= due)

        for u, armed_at, action, at in self._doubts_and_verdicts(units, verdicts):
            due = armed_at + timedelta(seconds=self.times.look_up)
            limit = tick_after(due)
            if limit is not None and (action != "found" or u.absent_seen is not None):
                limit = tick_after(limit + settle)
            if limit is None or any(not t.whole and t.began <= limit and t.ended >= due for t in ticks):
                continue
            judgement.measured += 1
            if at > limit:
                judgement.late.append(f"{u} {action} {at - due} after it was due, the limit was {limit - due}")

    def _doubts_and_verdicts(
        self, units: Sequence[Unit], verdicts: Mapping[str, list[tuple[str, datetime]]]
    ) -> Iterator[tuple[Unit, datetime, str, datetime]]:
        """Yield each verdict of a look-up, and when the call was armed that it is about, where that is known."""
        for u in units:
            armed = self._doubts[u.id] | ({u.armed_at} if u.armed_at else set())
            since = u.created_at
            for action, at in verdicts.get(u.id, ()):
                if action in {"found", "parked", "resent"}:
                    mine = max((moment for moment in armed if since <= moment < at), default=None)
                    if mine is not None:
                        yield u, mine, action, at
                    since = at

    def diagnosis(self) -> str:
        """What to know when something went wrong."""
        units = self.units()
        lines = [f"units: {dict(Counter(u.state.value for u in units))}", f"kills: {self.count_kills()}"]
        lines += [f"{u} due {u.due_at}: {u.reason}" for u in units if not u.state.settled or u.state == "parked"][:20]
        log = [
            line
            for line in self.log.read_text(errors="replace").splitlines()
            if " tick " not in line and " begins " not in line
        ]
        return "\n".join([*lines, f"alive: {self._alive}, now {datetime.now(UTC)}", *log[-30:]])

    def count_kills(self) -> dict[str, int]:
        return dict(sorted(Counter(kill.phase for kill in self.kills).items()))


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
