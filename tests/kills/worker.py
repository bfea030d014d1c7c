"""
The programs that are killed: a worker, a planner, and the nursery that forks them.

``python -m tests.kills.worker`` is the nursery. It imports everything once, so
that a new process costs a fork instead of a second. It reads a `Task` a line
from standard input, and writes what becomes of its children a line to standard
output; when its input ends, it kills them and ends.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import signal
import sys
import time
import traceback

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import httpx

from sqlalchemy import Connection, func, select

from privdom import WeCom
from privdom.errors import PrivdomError
from privdom.outbox import DesiredTags, Gate, Outbox, OutboxSettings, Policy
from privdom.outbox.tables import unit
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.store.engine import make_engine
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.session import CallInfo
from tests.kills import job


POLL = 0.02
# Enough that some lanes are free while others wait for a look-up.
BACKLOG = 60
CALLS = ("add_msg_template", "transfer_customer", "add_contact_way", "add_corp_tag")
LOOK_UPS = ("get_groupmsg_list_v2", "transfer_result", "list_contact_way", "get_corp_tag_list")
NOWHERE = "http://127.0.0.1:9"


@attrs.frozen(kw_only=True)
class Times:
    """The settings of the outbox in seconds: as short as a busy machine with two cores allows."""

    settle: float = 1.0
    write_budget: float = 0.5
    call_timeout: float = 1.0
    lease: float = 1.0
    in_flight: int = 4

    @property
    def horizon(self) -> float:
        """How long after ARM a call may be on its way."""
        return self.write_budget + self.call_timeout

    @property
    def look_up(self) -> float:
        """How long after ARM a lost call is looked up."""
        return self.horizon + self.settle

    def settings(self, policy: Policy) -> OutboxSettings:
        return OutboxSettings(
            policy=policy,
            settle=timedelta(seconds=self.settle),
            write_budget=timedelta(seconds=self.write_budget),
            call_timeout=timedelta(seconds=self.call_timeout),
            lookup_lease=timedelta(seconds=self.lease),
            # WeCom counts in whole seconds.
            clock_skew=timedelta(seconds=1),
            # Whoever is killed so often is not to be given up for it.
            resends=1_000,
            lookup_failures=1_000,
            in_flight=self.in_flight,
            gate=Gate(cap=None),
        )


@attrs.frozen(kw_only=True)
class Task:
    """What a process is to do, and with what."""

    role: str
    slot: int
    database: str
    corp_id: str
    secret: str
    policy: Policy = attrs.field(converter=Policy)
    log: str
    base_url: str = NOWHERE
    times: Times = attrs.field(factory=Times, converter=lambda t: t if isinstance(t, Times) else Times(**t))
    tag_ids: list[str] = attrs.field(factory=list)
    waves: int = 0
    """Of a planner: plan so many and end; 0: plan on and on."""
    freeze_at: str = ""
    """Of a worker: where to stop itself once."""

    def tools(self) -> tuple[Store, Outbox, DesiredTags]:
        """The store, and what works on it."""
        freezer = Freezer(self.freeze_at)
        wecom = WeCom(
            self.corp_id,
            self.secret,
            base_url=self.base_url,
            # httpx counts it for each of four steps.
            timeout=self.times.call_timeout / 4,
            transport=FreezingTransport(freezer),
            quotas=FreezingQuotas(freezer),
            hook=self._heard,
        )
        store = FreezingStore(self.database, freezer)
        settings = self.times.settings(self.policy)
        return store, Outbox(wecom, store, settings), DesiredTags(wecom, store, settings)

    def _heard(self, call: CallInfo) -> None:
        if call.error:
            self.note("call", call.path, call.error, f"{call.seconds:.3f} s")

    def note(self, *words: object) -> None:
        """Append a line to the log; one that is cut off by a kill does no harm."""
        line = " ".join(str(word) for word in (self.role, self.slot, os.getpid(), *words))
        with Path(self.log).open("ab", buffering=0) as log:
            log.write(line.encode() + b"\n")


class Freezer:
    """Stops its own process at one of its points, once: a SIGSTOP that nobody could time from outside."""

    def __init__(self, point: str) -> None:
        self._point = point

    def at(self, point: str) -> None:
        if point == self._point:
            self._point = ""
            os.kill(os.getpid(), signal.SIGSTOP)


class FreezingStore(Store):
    """Freezes right after ARM."""

    def __init__(self, database: str, freezer: Freezer) -> None:
        super().__init__(database)
        self._freezer = freezer

    @contextlib.contextmanager
    def begin(self) -> Generator[Connection, None, None]:
        with super().begin() as conn:
            yield conn
            armed = conn.scalar(select(func.count()).select_from(unit).where(unit.c.state == "calling"))
        if armed:
            self._freezer.at("after_arm")


class FreezingQuotas(MemoryQuotas):
    """Freezes before the last check that a call must pass."""

    def __init__(self, freezer: Freezer) -> None:
        super().__init__()
        self._freezer = freezer

    async def take(self, corp_id: str, host: str, path: str) -> float:
        wait = await super().take(corp_id, host, path)
        if path.endswith(CALLS):
            self._freezer.at("before_check")
        return wait


class FreezingTransport(httpx.HTTPTransport):
    """Freezes between that check and the socket, before the answer is read, or in the middle of a look-up."""

    def __init__(self, freezer: Freezer) -> None:
        # Certificates take long to load, and nobody shows one.
        super().__init__(verify=False)
        self._freezer = freezer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(CALLS):
            self._freezer.at("at_socket")
        response = super().handle_request(request)
        if request.url.path.endswith(CALLS):
            self._freezer.at("after_call")
        elif request.url.path.endswith(LOOK_UPS):
            self._freezer.at("in_look_up")
        return response


def work(task: Task) -> None:
    """Tick for ever."""
    _, outbox, tags = task.tools()
    while True:
        began = time.time()
        task.note("begins", began)
        try:
            idle = not outbox.tick()
            task.note("tick", began, time.time())
            tags.push(20)
        except PrivdomError as e:
            task.note("failed", began, time.time())
            task.note("error", type(e).__name__, e)
            idle = True
        if idle:
            time.sleep(POLL)


def plan(task: Task) -> None:
    """Plan the next waves whenever little is left to call, from where the database says that somebody stopped."""
    while True:
        try:
            return _plan(task)
        except PrivdomError as e:
            task.note("error", type(e).__name__, e)
            time.sleep(POLL)


def _plan(task: Task) -> None:
    store, outbox, tags = task.tools()
    if task.waves:
        for wave in range(task.waves):
            job.plan(store, outbox, tags, task.corp_id, task.tag_ids, wave)
        return
    with store.read() as conn:
        begun = (conn.scalar(select(func.count()).select_from(unit)) or 0) // job.UNITS
    # A little is planned again each time.
    for wave in itertools.count(max(0, begun - 2)):
        while True:
            with store.read() as conn:
                left = conn.scalar(select(func.count()).select_from(unit).where(unit.c.state == "ready")) or 0
            if left < BACKLOG:
                break
            time.sleep(POLL)
        job.plan(store, outbox, tags, task.corp_id, task.tag_ids, wave)


ROLES = {"worker": work, "planner": plan}


def child(task: Task) -> None:
    """Live as what the task says, and never return."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = 1
    try:
        ROLES[task.role](task)
        status = 0
    except Exception:  # noqa: BLE001 - into the log
        task.note("ended", traceback.format_exc())
    finally:
        os._exit(status)


def tell(**event: Any) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def warm_up() -> None:
    """Do the job once in memory, so that no child has to import or compile what all of them need."""
    box = Sandbox()
    tag_ids = job.corp(box, 1)
    with Store("sqlite://") as store, WeCom(box.corp_id, box.secret, transport=box.transport) as wecom:
        outbox, tags = Outbox(wecom, store), DesiredTags(wecom, store)
        job.plan(store, outbox, tags, box.corp_id, tag_ids, 0)
        outbox.drain()
        tags.push()
    make_engine("postgresql://").dispose()
    with httpx.Client(transport=httpx.HTTPTransport(verify=False)) as client, contextlib.suppress(httpx.HTTPError):
        client.get(NOWHERE)


def nurse() -> None:
    """Fork a process for each line of the input, and tell who began, stopped and ended."""
    heard, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: set[int] = set()
    pending = b""
    warm_up()
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    waiting.register(heard, selectors.EVENT_READ)
    while True:
        ready = {key.fd for key, _ in waiting.select()}
        if heard in ready:
            os.read(heard, 4096)
            while children:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
                if pid == 0:
                    break
                if os.WIFSTOPPED(status):
                    tell(event="stopped", pid=pid)
                    continue
                children.discard(pid)
                tell(event="ended", pid=pid, code=os.waitstatus_to_exitcode(status))
        if 0 in ready:
            data = os.read(0, 65_536)
            if not data:
                for pid in children:
                    os.kill(pid, signal.SIGKILL)
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                task = Task(**json.loads(line))
                pid = os.fork()
                if pid == 0:
                    os.close(heard)
                    os.close(woken)
                    child(task)
                children.add(pid)
                tell(event="began", pid=pid, slot=task.slot)


if __name__ == "__main__":
    sys.exit(nurse())
