"""Many processes at one WeCom: how often it is asked for a token, and whether its quota holds, by its own record."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import attrs
import pytest

from privdom._facts.endpoints import FOLLOW_USER_LIST, GETTOKEN
from privdom.sandbox import Quota, Rules, Sandbox
from privdom.sandbox.router import Reply, Request
from privdom.sandbox.server import serving
from tests.shared.places import Place
from tests.shared.worker import Board, Task


ROOT = Path(__file__).parents[2]
# Generous: it is only reached where something is wrong.
PATIENCE = 120.0
PROCESSES, THREADS = (int(n) for n in os.environ.get("PRIVDOM_TOKEN_PROCESSES", "4x4").split("x"))
EXPIRIES = int(os.environ.get("PRIVDOM_TOKEN_EXPIRIES", "4"))
KILLS = int(os.environ.get("PRIVDOM_TOKEN_KILLS", "2"))
LEASE = 4.0
"""Short enough to wait for after each kill, and long enough for whoever lives on a busy machine."""
FULL = "PRIVDOM_QUOTA_MINUTES" in os.environ
LIMIT = int(os.environ.get("PRIVDOM_QUOTA_LIMIT", "10000" if FULL else "400"))
WINDOW = 60.0 if FULL else 8.0
WINDOWS = int(os.environ.get("PRIVDOM_QUOTA_MINUTES", "2"))
SHARE = 0.96


class Nursery:
    """The process that forks all others, and what it tells."""

    def __init__(self, log: Path) -> None:
        # Who is killed writes no coverage: measuring would only slow them down.
        env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        self.log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.shared.worker"],
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.events: queue.Queue[dict[str, int]] = queue.Queue()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.put(json.loads(line))

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


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Forks the processes of all tests, since it takes a second to start."""
    nursery = Nursery(tmp_path_factory.mktemp("nursery") / "errors.txt")
    yield nursery
    nursery.close()


class Corp:
    """A WeCom for many processes: its door, its clock, and whoever kills them."""

    def __init__(
        self, nursery: Nursery, place: Place, folder: Path, *, processes: int, rules: Rules | None = None, **task: Any
    ) -> None:
        self.box = Sandbox(rules=rules)
        self.box.add_staff("a")
        self.processes, self.threads = processes, task["threads"]
        self.board = Board(folder / "board", processes * self.threads)
        self.arrivals: list[float] = []
        self.kills = 0
        self._nursery, self._place, self._folder, self._task = nursery, place, folder, task
        self._alive: dict[int, int] = {}
        self._started = 0
        self._closing = False
        self._lock = threading.Lock()

    @contextmanager
    def arriving(self, request: Request) -> Generator[Reply, None, None]:
        """A request at the door. The clock stands still meanwhile, here and in all processes."""
        with ExitStack() as stack:
            with self._lock:
                reply = stack.enter_context(self.box.arriving(request))
                if request.path == FOLLOW_USER_LIST.path:
                    self.arrivals.append(time.monotonic())
            # Long enough that all others ask meanwhile.
            yield attrs.evolve(reply, delay=0.05) if request.path == GETTOKEN.path else reply

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.board.close)
            self._base_url = stack.enter_context(serving(self))  # type: ignore[arg-type] - all it needs of a sandbox
            stack.callback(self._end)
            for slot in range(self.processes):
                self._start(slot)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _end(self) -> None:
        self._closing = True
        self.live(lambda: len(self._alive) == self._started, "all have begun")
        for pid in self._alive:
            # One may have killed itself, and nobody has heard of it yet.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.live(lambda: not self._alive, "all have ended")

    def _start(self, slot: int) -> None:
        self._started += 1
        self._nursery.start(
            Task(
                slot=slot,
                place=self._place.url,
                base_url=self._base_url,
                corp_id=self.box.corp_id,
                secret=self.box.secret,
                board=str(self._folder / "board"),
                **self._task,
            )
        )

    def live(self, until: Callable[[], bool], what: str) -> None:
        """Let all work until something is true, and replace whoever was killed."""
        end = time.monotonic() + max(PATIENCE, 2 * WINDOW * WINDOWS)
        while not until():
            with suppress(queue.Empty):
                self._hear(self._nursery.events.get(timeout=0.02))
            if time.monotonic() > end:
                raise AssertionError(f"too late: {what}; {len(self._alive)} alive")

    def _hear(self, event: dict[str, int]) -> None:
        if "began" in event:
            self._alive[event["began"]] = event["slot"]
            return
        slot = self._alive.pop(event["ended"])
        self._started -= 1
        if self._closing:
            return
        assert -signal.SIGKILL == event["code"], self._nursery.log.read_text()
        self.kills += 1
        self._start(slot)

    def next_round(self) -> None:
        """Wait until each thread has called in this round, and begin another."""
        self.live(lambda: self.board.slowest() >= self.board.current, "each thread makes a call")
        self.board.begin(self.board.current + 1)

    def let_expire(self) -> None:
        """End the token for all at once: its time is up, or WeCom takes it back."""
        with self._lock:
            if self.board.current % 2:
                self.board.advance(7_200)
                self.box.advance(timedelta(hours=2))
            else:
                self.box.revoke_tokens()

    def kill(self, rng: random.Random) -> None:
        """Kill whichever process in the hardest way."""
        if self._alive:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(list(self._alive)), signal.SIGKILL)

    def good(self) -> bool:
        """Whether nobody was told to have called too often."""
        with self._lock:
            return 45009 not in {call.errcode for call in self.box.record.calls[-1_000:]}

    def asked(self) -> int:
        """How often the sandbox was asked for a token."""
        return sum(call.path == GETTOKEN.path for call in self.box.record.calls)


def test_one_question_an_expiry(nursery: Nursery, place: Place, tmp_path: Path) -> None:
    """However many processes and threads find at once that a token has ended, WeCom is asked for one new one."""
    with Corp(nursery, place, tmp_path, processes=PROCESSES, threads=THREADS, lease=60.0) as corp:
        corp.board.begin(1)
        for _ in range(EXPIRIES):
            corp.next_round()
            corp.let_expire()
        corp.next_round()

        assert 1 + EXPIRIES == corp.asked()
        assert 0 == corp.kills


def test_kills_cost_one_question_each(nursery: Nursery, place: Place, tmp_path: Path) -> None:
    """Where those who ask are killed, others take over, and WeCom is asked once more for each of them at most."""
    rng = random.Random(1)
    with Corp(nursery, place, tmp_path, processes=PROCESSES, threads=THREADS, lease=LEASE, dies=0.5) as corp:
        corp.board.begin(1)
        expiries = 0
        while corp.kills < KILLS:
            corp.next_round()
            corp.let_expire()
            expiries += 1
            if rng.random() < 0.3:
                # At any moment, whether it is asking or not.
                time.sleep(rng.uniform(0, 0.1))
                corp.kill(rng)
        corp.next_round()

        assert 1 + expiries <= corp.asked() <= 1 + expiries + corp.kills


def test_quotas_hold_and_are_attained(nursery: Nursery, place: Place, tmp_path: Path) -> None:
    """Four processes that call as fast as they may use nearly all of a quota, and are never told that it was too much."""
    rules = Rules(quotas=(Quota(LIMIT, WINDOW),))
    with Corp(nursery, place, tmp_path, processes=4, threads=2, limit=LIMIT, seconds=WINDOW, rules=rules) as corp:
        goal = SHARE * LIMIT * WINDOWS
        corp.live(lambda: len(corp.arrivals) >= goal or not corp.good(), "the share of the quota is attained")
        took = corp.arrivals[-1] - corp.arrivals[0]
        print(f"{len(corp.arrivals)} calls, {SHARE:.0%} of the limit, in {took:.1f} s of {WINDOW * WINDOWS:.0f} s")

        assert corp.good()
        # How fast a machine is that has other things to do tells nothing in a short run.
        assert took <= WINDOW * WINDOWS or not FULL
