"""The worker: it drives the outbox until it is told to stop, whatever passes by itself on the way."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import anyio
import pytest

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from privdom import WeCom
from privdom._port import AsyncPort, BlockingPort, Port, run
from privdom.errors import StoreError, UsageError, api_error
from privdom.outbox import BROADCAST, AsyncWorker, DesiredTags, Outbox, TickReport, UnitState, Worker
from privdom.outbox.worker import _name, _Run, _what
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.messages import NewMessage
from tests.conftest import OnPort
from tests.outbox.corp import Corp, plan, text_message, unit


class _Bell:
    """A bell whose waits take no time, but move the clocks of the corp and of the port."""

    def __init__(self, port: _Port) -> None:
        self._port = port
        self.rung = False

    def ring(self) -> None:
        self.rung = True

    async def wait(self, seconds: float) -> bool:
        self._port.pass_time(seconds)
        if len(self._port.waits) >= self._port.most:
            self.ring()
        return self.rung


class _Port:
    """A port with virtual time everywhere; it stops the worker after so many waits."""

    def __init__(self, port: Port, corp: Corp, most: int) -> None:
        self._port, self._corp = port, corp
        self.most = most
        self.waits: list[float] = []
        self._clock = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def monotonic(self) -> float:
        return self._clock

    def bell(self) -> _Bell:
        return _Bell(self)

    def pass_time(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._clock += seconds
        # A moment later, as real waits are.
        self._corp.box.advance(timedelta(seconds=seconds, milliseconds=1))


def _port(port: Port, corp: Corp, waits: int) -> Any:
    return _Port(port, corp, waits)


class _FaultyStore(Store):
    """A store whose transactions raise what is put into ``faults``, one after the other."""

    def __init__(self, store: Store) -> None:
        super().__init__(store._engine)
        self.faults: list[Exception | None] = []

    def _strike(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self._strike()
        with super().begin() as conn:
            yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._strike()
        with super().read() as conn:
            yield conn


def _subjects(corp: Corp, step: str, count: int = 3) -> list[tuple[str, str, str]]:
    return [(customer, step, "") for customer in corp.customers[:count]]


def test_due_now_and_later(on_port: OnPort, store: Store) -> None:
    """What is due is called at once; then the worker waits until the next unit is due, and never longer than a poll."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        timed = _port(port, corp, waits=4)
        outbox = corp.outbox(timed, store)
        plan(store, outbox, BROADCAST, text_message(corp, "一"))
        later = corp.box.clock.now() + timedelta(seconds=2.5)
        plan(store, outbox, BROADCAST, text_message(corp, "二"), subjects=_subjects(corp, "b"), not_before=later)

        report = await AsyncWorker(outbox, poll=timedelta(seconds=1)).run()

        assert [1, 1] == timed.waits[:2]
        assert 0.4 < timed.waits[2] < 0.5
        assert 1 == timed.waits[3]
        assert (2, 0) == (report.units.confirmed, report.failures)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 2 == len(corp.messages())


def test_same_round(on_port: OnPort, store: Store) -> None:
    """What a job plans goes out in the same round; jobs may be plain or async, and are called in every round."""
    corp = Corp()
    calls: list[str] = []

    async def scenario(port: Port) -> None:
        timed = _port(port, corp, waits=3)
        outbox = corp.outbox(timed, store)

        def plain() -> None:
            calls.append("plain")
            plan(store, outbox, BROADCAST, text_message(corp))

        async def awaited() -> None:
            calls.append("async")
            await timed.sleep(0)

        report = await AsyncWorker(outbox, jobs=[plain, awaited]).run()

        # One more round than waits: after something was done there is none.
        assert (4, 1) == (report.rounds, report.units.confirmed)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert ["plain", "async"] * 4 == calls


def test_tags(on_port: OnPort, store: Store) -> None:
    """Desired tags are pushed, and what is to be tried again wakes the worker in time."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        timed = _port(port, corp, waits=2)
        outbox, tags = corp.outbox(timed, store), corp.tags(timed, store)
        tag = (await corp.wecom(port).tags.add(["VIP"], group_name="等级")).tag[0].id
        corp.box.faults.add(Fault("lost_request", "mark_tag"))
        with store.begin() as conn:
            tags.want(conn, corp.box.corp_id, "shop", [("zhang", corp.customers[0], tag, True)])

        report = await AsyncWorker(outbox, tags=tags, poll=timedelta(hours=1)).run()

        assert (1, 1) == (report.tags.later, report.tags.pushed)
        # Four times the client's time-out and twice `settle`, until the lost call cannot be carried out any more.
        assert 160 == timed.waits[0]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_no_busy_loop(on_port: OnPort, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something is due that another worker has in hand, the worker waits for a poll instead of turning at once."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        timed = _port(port, corp, waits=2)
        outbox = corp.outbox(timed, store)
        plan(store, outbox, BROADCAST, text_message(corp))

        async def nothing(*_: object) -> TickReport:
            return TickReport()

        monkeypatch.setattr("privdom.outbox.worker.tick_until", nothing)
        report = await AsyncWorker(outbox, poll=timedelta(seconds=7)).run()

        assert ([7, 7], 2) == (timed.waits, report.rounds)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def _stop_at(port: Port, worker: AsyncWorker, path: str, times: int = 1) -> None:
    """Stop *worker*, so many times, whenever it calls *path*."""
    send = port.send

    async def stopping(request: Any) -> Any:
        if request.url.path.endswith(path):
            for _ in range(times):
                worker.stop()
        return await send(request)

    port.send = stopping  # type: ignore[method-assign]


def test_stop_between_rounds(on_port: OnPort, store: Store) -> None:
    """A stop in the middle of a round of calls lets these finish, and begins no other."""
    corp = Corp()
    staff = [corp.box.add_staff(f"staff{i}") for i in range(6)]

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, in_flight=2)
        for one in staff:
            customer = corp.box.add_customer(staff=[one])
            message = NewMessage(text="你好", sender=one, external_userid=[customer])
            plan(store, outbox, BROADCAST, message)
        worker = AsyncWorker(outbox, jobs=[lambda: None])
        _stop_at(port, worker, "add_msg_template", times=2)
        report = await worker.run()

        assert 2 == report.units.confirmed
        with store.read() as conn:
            states = [one.state for one in outbox.units(conn)]
        assert [UnitState.CONFIRMED] * 2 + [UnitState.READY] * 4 == sorted(states)

        # Stopped once more while nothing runs, it runs again all the same.
        worker.stop()
        assert 2 == (await worker.run()).units.confirmed

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_stop_in_a_lane(on_port: OnPort, store: Store) -> None:
    """A stop between two calls of one lane is heard before the next one."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        for i in range(5):
            plan(store, outbox, BROADCAST, text_message(corp, str(i)), subjects=_subjects(corp, str(i)))
        worker = AsyncWorker(outbox)
        _stop_at(port, worker, "add_msg_template")
        assert 1 == (await worker.run()).units.confirmed
        assert 1 == (await worker.run()).units.confirmed

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert 2 == len(corp.messages())


def test_stop_between_look_ups(on_port: OnPort, store: Store) -> None:
    """A stop in the middle of a round of look-ups lets these finish, and begins no other."""
    corp = Corp()
    staff = [corp.box.add_staff(f"staff{i}") for i in range(6)]

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store, in_flight=2)
        for one in staff:
            customer = corp.box.add_customer(staff=[one])
            plan(store, outbox, BROADCAST, NewMessage(text="你好", sender=one, external_userid=[customer]))
        corp.box.faults.add(Fault("lost_response", "add_msg_template", times=6))
        assert 6 == (await outbox.drain()).unknown
        corp.box.advance(timedelta(hours=1))
        worker = AsyncWorker(outbox)
        _stop_at(port, worker, "get_groupmsg_list_v2")
        assert 2 == (await worker.run()).units.confirmed
        assert 2 == (await worker.run()).units.confirmed

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def _passing(why: str) -> Callable[[Corp, _FaultyStore], None]:
    """Return what makes the outbox fail three times in a row in a way that passes."""

    def strike(corp: Corp, store: _FaultyStore) -> None:
        lost: Exception = OperationalError("SELECT 'wmsecret'", {}, Exception("server closed the connection"))
        faults = {
            "database": [lost, StoreError("no connection got free"), IntegrityError("INSERT", {}, Exception("race"))],
            "token": [],
        }[why]
        store.faults = list(faults)
        if why == "token":
            for _ in range(3):
                corp.box.faults.add(Fault("connect_refused", "gettoken"))

    return strike


@pytest.mark.parametrize("why", ["database", "token"])
def test_passing_faults(on_port: OnPort, store: Store, caplog: pytest.LogCaptureFixture, why: str) -> None:
    """A database that restarts or a WeCom that is down is logged once, and tried again after ever longer pauses."""
    corp = Corp()
    caplog.set_level(logging.INFO, "privdom.outbox")

    async def scenario(port: Port) -> None:
        timed = _port(port, corp, waits=5)
        faulty = _FaultyStore(store)
        outbox = corp.outbox(timed, faulty)
        report = plan(store, outbox, BROADCAST, text_message(corp))
        _passing(why)(corp, faulty)

        done = await AsyncWorker(outbox, poll=timedelta(minutes=1)).run()

        assert [1, 2, 4, 60, 60] == [round(wait) for wait in timed.waits]
        assert (3, 1) == (done.failures, done.units.confirmed)
        assert UnitState.CONFIRMED == unit(store, outbox, report.unit_id).state

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    failed, again = [record.getMessage() for record in caplog.records if record.name == "privdom.outbox"]
    assert "the outbox failed with" in failed
    assert "wmsecret" not in failed
    assert "the outbox works again, after 3 failures" == again


def test_one_part_fails(on_port: OnPort, store: Store) -> None:
    """A job that fails is put off alone, at most a minute; the outbox and other jobs go on meanwhile."""
    corp = Corp()
    tried: list[float] = []
    others: list[float] = []

    async def scenario(port: Port) -> None:
        timed = _port(port, corp, waits=190)
        outbox = corp.outbox(timed, store)

        def broken() -> None:
            tried.append(timed.monotonic())
            raise StoreError("the database is not as this library needs it")

        report = await AsyncWorker(outbox, jobs=[broken, lambda: others.append(timed.monotonic())]).run()

        pauses = [round(b - a) for a, b in pairwise(tried)]
        assert [1, 2, 4, 8, 16, 32, 60, 60] == pauses[:8]
        assert len(tried) == report.failures
        assert len(others) == report.rounds == 190

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    "error",
    [TypeError("oops"), UsageError("oops"), ProgrammingError("SELEKT", {}, Exception("syntax"))],
    ids=lambda error: type(error).__name__,
)
def test_programming_errors(on_port: OnPort, store: Store, error: Exception) -> None:
    """What no time heals ends the worker, and is raised as it is."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        def broken() -> None:
            raise error

        worker = AsyncWorker(corp.outbox(_port(port, corp, waits=3), store), jobs=[broken])
        with pytest.raises(type(error)) as caught:
            await worker.run()
        assert error is caught.value
        assert "not running" in repr(worker)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_settings(on_port: OnPort, store: Store) -> None:
    """A poll or a budget that could do nothing is refused."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(port, store)
        with pytest.raises(UsageError, match="poll"):
            AsyncWorker(outbox, poll=timedelta(0))
        with pytest.raises(UsageError, match="budget"):
            AsyncWorker(outbox, budget=0)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_budget(on_port: OnPort, store: Store) -> None:
    """Jobs get their turn after so many units, however many are due."""
    corp = Corp()
    done: list[int] = []

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(_port(port, corp, waits=1), store)
        for i in range(5):
            plan(store, outbox, BROADCAST, text_message(corp, str(i)), subjects=_subjects(corp, str(i)))

        await AsyncWorker(outbox, budget=2, jobs=[lambda: done.append(len(corp.messages()))]).run()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert [0, 2, 4, 5] == done


def test_repr(on_port: OnPort, store: Store) -> None:
    """The repr says what is driven, and whether it is."""
    corp = Corp()
    seen: list[str] = []

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(_port(port, corp, waits=1), store)
        worker = AsyncWorker(outbox, tags=corp.tags(port, store), jobs=[lambda: seen.append(repr(worker))])
        assert f"<AsyncWorker for {corp.box.corp_id}: the outbox, tags, 1 job; not running>" == repr(worker)
        await worker.run()

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert f"<AsyncWorker for {corp.box.corp_id}: the outbox, tags, 1 job; running>" == seen[0]


def test_signals(on_port: OnPort, store: Store) -> None:
    """A signal stops the run, in the middle of a wait too; afterwards it is handled as before."""
    corp = Corp()
    heard: list[int] = []

    def mine(number: int, _frame: object) -> None:
        heard.append(number)

    async def scenario(port: Port) -> None:
        worker = AsyncWorker(corp.outbox(port, store), poll=timedelta(hours=1))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        report = await worker.run(signals=(signal.SIGALRM, signal.SIGUSR1))
        assert 1 == report.rounds

    before = signal.signal(signal.SIGALRM, mine)
    try:
        on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
        assert [] == heard
        assert (mine, signal.SIG_DFL) == (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGUSR1))
    finally:
        signal.signal(signal.SIGALRM, before)


def _blocking(corp: Corp, store: Store) -> tuple[WeCom, Outbox]:
    wecom = WeCom(corp.box.corp_id, corp.box.secret, transport=corp.box.transport, clock=corp.box.clock)
    return wecom, Outbox(wecom, store)


def _plan(corp: Corp, store: Store, outbox: Outbox, step: str = "a") -> str:
    with store.begin() as conn:
        report = outbox.plan(conn, BROADCAST, text_message(corp, step), owner="test", subjects=_subjects(corp, step))
    assert report.unit_id is not None
    return report.unit_id


def test_background(store: Store) -> None:
    """In the background the worker does what is due until its block is left, and can be used again."""
    corp = Corp()
    wecom, outbox = _blocking(corp, store)
    done = threading.Event()

    def look() -> None:
        with store.read() as conn:
            if not outbox.units(conn, states=[UnitState.READY, UnitState.CALLING]):
                done.set()

    worker = Worker(outbox, tags=DesiredTags(wecom, store), jobs=[look], poll=timedelta(milliseconds=20))
    for step in ("a", "b"):
        done.clear()
        unit_id = _plan(corp, store, outbox, step)
        with worker.background():
            assert done.wait(60)
            assert "running" in repr(worker)
        assert "not running" in repr(worker)
        with store.read() as conn:
            assert UnitState.CONFIRMED == outbox.unit(conn, unit_id).state


def test_background_error(store: Store) -> None:
    """An error that ends a worker in the background surfaces when its block is left."""
    corp = Corp()
    _, outbox = _blocking(corp, store)
    called = threading.Event()

    def broken() -> None:
        called.set()
        raise TypeError("oops")

    with pytest.raises(TypeError, match="oops"), Worker(outbox, jobs=[broken]).background():
        assert called.wait(60)


def test_background_stopped_at_once(store: Store) -> None:
    """A block that is left before the thread has begun ends all the same."""
    corp = Corp()
    _, outbox = _blocking(corp, store)

    for _ in range(20):
        with Worker(outbox, poll=timedelta(hours=1)).background():
            pass

    assert not [thread for thread in threading.enumerate() if thread.name == "privdom-worker"]


def test_signals_in_thread(store: Store) -> None:
    """Signals can be handled in the main thread only, and the error says what to do instead."""
    corp = Corp()
    _, outbox = _blocking(corp, store)
    caught: list[Exception] = []
    before = signal.getsignal(signal.SIGTERM)

    def work() -> None:
        try:
            Worker(outbox).run(signals=[signal.SIGTERM])
        except UsageError as e:
            caught.append(e)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)

    [error] = caught
    assert "main thread" in str(error)
    assert before == signal.getsignal(signal.SIGTERM)


def test_cancelled(store: Store) -> None:
    """Cancelled in the middle of a call, an awaited run records it first."""
    corp = Corp()

    async def main() -> str:
        port = AsyncPort(transport=corp.box.transport, clock=corp.box.clock)
        outbox = corp.outbox(port, store)
        unit_id = plan(store, outbox, BROADCAST, text_message(corp)).unit_id
        worker = AsyncWorker(outbox)
        send = port.send
        async with anyio.create_task_group() as tasks:

            async def cancelling(request: Any) -> Any:
                if request.url.path.endswith("add_msg_template"):
                    tasks.cancel_scope.cancel()
                    await anyio.lowlevel.checkpoint()
                return await send(request)

            port.send = cancelling  # type: ignore[method-assign]
            tasks.start_soon(worker.run)
        assert "not running" in repr(worker)
        return str(unit(store, outbox, unit_id).state)

    assert UnitState.CONFIRMED == anyio.run(main)
    assert 1 == len(corp.messages())


def test_other_thread(on_port: OnPort, store: Store) -> None:
    """A thread that knows nothing of the event loop stops a run that waits for long."""
    corp = Corp()

    async def scenario(port: Port) -> int:
        waiting = threading.Event()
        worker = AsyncWorker(corp.outbox(port, store), jobs=[waiting.set], poll=timedelta(hours=1))
        other = threading.Thread(target=lambda: waiting.wait(60) and worker.stop())
        other.start()
        report = await worker.run()
        other.join(60)
        return report.rounds

    assert 1 == on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_two_workers(store: Store) -> None:
    """Two workers on one database make each call once between them."""
    corp = Corp(latency=0.002)
    staff = [corp.box.add_staff(f"staff{i}") for i in range(8)]
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
    outbox = corp.outbox(port, store)
    for one in staff:
        customer = corp.box.add_customer(staff=[one])
        for i in range(3):
            message = NewMessage(text=f"{one} {i}", sender=one, external_userid=[customer])
            plan(store, outbox, BROADCAST, message, subjects=[(customer, str(i), "")])
    done = threading.Event()

    def look() -> None:
        with store.read() as conn:
            if not outbox.units(conn, states=[UnitState.READY, UnitState.CALLING, UnitState.UNCERTAIN]):
                done.set()

    workers = [
        AsyncWorker(
            corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store),
            jobs=[look],
            poll=timedelta(milliseconds=5),
        )
        for _ in range(2)
    ]
    threads = [threading.Thread(target=lambda worker=worker: run(worker.run())) for worker in workers]
    for thread in threads:
        thread.start()
    assert done.wait(60)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join(60)

    texts = [message.text for message in corp.box.record.messages]
    assert 24 == len(texts) == len(set(texts))


_ENDS = """
import os, signal, sys, threading, time
from datetime import timedelta
from privdom import WeCom
from privdom.outbox import BROADCAST, Outbox, Subject, Worker
from privdom.sandbox import Rules, Sandbox
from privdom.store import Store
from privdom.wecom.messages import NewMessage

how, url = sys.argv[1:]
box = Sandbox(rules=Rules(latency=0.3))
box.add_staff("zhang")
customer = box.add_customer(staff=["zhang"])
wecom = WeCom(box.corp_id, box.secret, transport=box.transport, clock=box.clock)
outbox = Outbox(wecom, Store(url))
with Store(url).begin() as conn:
    outbox.plan(conn, BROADCAST, NewMessage(text="hello", sender="zhang", external_userid=[customer]),
                owner="test", subjects=[Subject(customer, "a")])
called = threading.Event()
handle = type(box.transport).handle_request
def watched(self, request):
    if request.url.path.endswith("add_msg_template"):
        called.set()
    return handle(self, request)
type(box.transport).handle_request = watched
worker = Worker(outbox, poll=timedelta(hours=1))
if how == "signal":
    threading.Thread(target=lambda: called.wait(60) and os.kill(os.getpid(), signal.SIGTERM)).start()
    print(worker.run(signals=[signal.SIGTERM, signal.SIGINT]).units.confirmed)
else:
    background = worker.background()
    background.__enter__()
    called.wait(60)
"""


@pytest.mark.parametrize("how", ["signal", "interpreter"])
def test_process_ends(database: str, how: str) -> None:
    """A process that is told to end, or comes to its end, in the middle of a call records it first."""
    done = subprocess.run(
        [sys.executable, "-c", _ENDS, how, database],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ},
    )

    assert (0, "") == (done.returncode, done.stderr)
    with Store(database) as store, store.read() as conn:
        assert [("confirmed",)] == conn.exec_driver_sql("SELECT state FROM privdom_unit").all()


def test_blocking_twin(store: Store) -> None:
    """The blocking worker drives what it is given, as it is told."""
    corp = Corp()
    wecom = WeCom(corp.box.corp_id, corp.box.secret, transport=corp.box.transport, clock=corp.box.clock)
    outbox, tags, job = Outbox(wecom, store), DesiredTags(wecom, store), list[int]

    core = Worker(outbox, tags=tags, jobs=[job], poll=timedelta(seconds=3), budget=7)._core
    plain = Worker(outbox)._core

    given = (outbox._core, tags._core, (job,), timedelta(seconds=3), 7)
    assert given == (core._outbox, core._tags, core._jobs, core._poll, core._budget)
    assert (None, (), timedelta(seconds=1), 100) == (plain._tags, plain._jobs, plain._poll, plain._budget)


def test_repr_of_several(on_port: OnPort, store: Store) -> None:
    """Several jobs and several runs are counted."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        worker = AsyncWorker(corp.outbox(port, store), jobs=[list, dict])
        what = f"<AsyncWorker for {corp.box.corp_id}: the outbox, 2 jobs; "
        with worker._started(port.bell()):
            assert f"{what}running>" == repr(worker)
            with worker._started(port.bell()):
                assert f"{what}running 2 times>" == repr(worker)
        assert f"{what}not running>" == repr(worker)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_words_of_the_log() -> None:
    """A job is named after its function or its class, an error by its errcode or its class, never by its text."""
    assert "test_words_of_the_log" == _name(test_words_of_the_log)
    assert "partial" == _name(partial(print, "wm1"))
    assert "errcode 45009" == _what(api_error(45009, "wm1"))
    assert "ValueError" == _what(ValueError("wm1"))


def test_parts(on_port: OnPort, store: Store) -> None:
    """A round calls the jobs, pushes tags and ticks the outbox, in this order, and the log calls them by these names."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        parts = _Run(
            corp.outbox(port, store), corp.tags(port, store), [list, dict], timedelta(seconds=1), 1, port.bell()
        )._parts
        assert ["list", "dict", "the push of tags", "the outbox"] == [part.name for part in parts]

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_budget_of_one(on_port: OnPort, store: Store) -> None:
    """A worker that calls one unit a round calls them all in the end."""
    corp = Corp()

    async def scenario(port: Port) -> None:
        outbox = corp.outbox(_port(port, corp, waits=1), store)
        for text in ("一", "二"):
            plan(store, outbox, BROADCAST, text_message(corp, text), subjects=_subjects(corp, text))
        report = await AsyncWorker(outbox, budget=1).run()
        assert (3, 2) == (report.rounds, report.units.confirmed)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
