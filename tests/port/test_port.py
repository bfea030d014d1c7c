"""The rules of the two ports: what runs on one runs on the other."""

from __future__ import annotations

import contextvars
import inspect
import signal
import subprocess
import sys
import threading

from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime, timedelta

import anyio
import httpx
import pytest

from privdom._port import (
    AsyncPort,
    Blocking,
    BlockingPort,
    Mutex,
    Port,
    SystemClock,
    blocking,
    blocking_iter,
    core_of,
    in_thread,
    maybe_await,
    run,
)
from tests.conftest import OnPort


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 5, 9, tzinfo=UTC)


class AsyncGreeter:
    """Says hello."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.closed = False

    async def hello(self, name: str, *, times: int = 1) -> str:
        """Greet *name*."""
        await self.port.sleep(0)
        return f"hello {name} " * times

    async def count(self, end: int) -> AsyncGenerator[int, None]:
        """Count up to *end*."""
        try:
            for i in range(end):
                await self.port.sleep(0)
                yield i
        finally:
            self.closed = True

    def __repr__(self) -> str:
        return "<AsyncGreeter>"


class Greeter(Blocking[AsyncGreeter]):
    hello = blocking(AsyncGreeter.hello)
    count = blocking_iter(AsyncGreeter.count)


def test_a_core_method_returns_its_result_without_an_event_loop() -> None:
    """The twin of an async method is an ordinary method."""
    greeter = Greeter(AsyncGreeter(BlockingPort()))

    assert "hello li " == greeter.hello("li")
    assert "<Greeter>" == repr(greeter)
    assert isinstance(core_of(greeter), AsyncGreeter)


def test_a_twin_reads_like_its_core_in_help() -> None:
    """The twin has the parameters, the docstring and the name that help() should show."""
    core, twin = inspect.signature(AsyncGreeter.count), inspect.signature(Greeter.count)

    assert core.parameters == twin.parameters
    assert "Iterator[int]" == twin.return_annotation
    assert "Greeter.hello" == Greeter.hello.__qualname__
    assert "Greet *name*." == Greeter.hello.__doc__


def test_an_abandoned_iteration_closes_its_source() -> None:
    """Leaving the loop early runs the core generator's finally."""
    greeter = Greeter(AsyncGreeter(BlockingPort()))
    numbers = greeter.count(5)

    assert 0 == next(numbers)
    assert isinstance(numbers, Iterator)
    numbers.close()  # type: ignore[attr-defined]

    assert core_of(greeter).closed
    assert [0, 1, 2] == list(greeter.count(3))


def test_a_foreign_await_is_refused_on_the_blocking_port() -> None:
    """Awaiting anything but the port raises an error that names the culprit, instead of hanging."""

    async def core() -> None:
        await anyio.sleep(0.1) if False else await _Foreign()

    with pytest.raises(RuntimeError, match="core awaited something other than its port"):
        run(core())


class _Foreign:
    def __await__(self) -> Iterator[None]:
        yield


def test_map_keeps_order_and_takes_any_iterable(on_port: OnPort) -> None:
    """Results come in the order of the items, which may come from a generator."""

    async def scenario(port: Port) -> list[int]:
        async def double(i: int) -> int:
            await port.sleep(0.001 * (i % 3))
            return 2 * i

        return [r async for r in port.map(double, (i for i in range(50)), 4)]

    assert [2 * i for i in range(50)] == on_port(scenario)


@pytest.mark.parametrize("limit", [1, 3])
def test_map_keeps_at_most_the_limit_in_flight(on_port: OnPort, limit: int) -> None:
    """No more than *limit* items are worked on at the same time, and at least that many where it can."""
    mutex = Mutex()
    state = {"now": 0, "most": 0}

    async def scenario(port: Port) -> None:
        async def work(_: int) -> None:
            with mutex:
                state["now"] += 1
                state["most"] = max(state["most"], state["now"])
            await port.sleep(0.005)
            with mutex:
                state["now"] -= 1

        async for _ in port.map(work, range(12), limit):
            pass

    on_port(scenario)

    assert limit == state["most"]


def test_map_raises_the_first_error_bare_and_starts_nothing_more(on_port: OnPort) -> None:
    """An error inside map comes out as itself, and what has not started is not started any more."""
    started: list[int] = []

    async def scenario(port: Port) -> None:
        async def one(i: int) -> None:
            started.append(i)
            await port.sleep(0.01)
            if i == 0:
                raise KeyError(i)

        async for _ in port.map(one, range(100), 2):
            pass

    with pytest.raises(KeyError):
        on_port(scenario)

    assert len(started) < 10


def test_map_reads_its_items_only_as_it_goes(on_port: OnPort) -> None:
    """An endless iterable works: what nobody consumes is not pulled."""

    def endless() -> Iterator[int]:
        i = 0
        while True:
            yield i
            i += 1

    async def scenario(port: Port) -> int:
        async def same(i: int) -> int:
            return i

        results = port.map(same, endless(), 2)
        last = -1
        async for last in results:
            if last == 100:
                break
        await results.aclose()
        return last

    assert 100 == on_port(scenario)


def test_the_callers_context_reaches_the_workers(on_port: OnPort) -> None:
    """Context variables, such as a request id, are seen inside map."""
    request_id = contextvars.ContextVar("request_id", default="lost")

    async def scenario(port: Port) -> list[str]:
        request_id.set("kept")

        async def read(_: int) -> str:
            return request_id.get()

        return [r async for r in port.map(read, range(3), 2)]

    assert ["kept"] * 3 == on_port(scenario)


def test_offload_returns_what_the_function_returns(on_port: OnPort) -> None:
    """Blocking work is done in the caller's thread on the blocking port, in another one when awaiting."""

    async def scenario(port: Port) -> bool:
        here = threading.get_ident()
        return await port.offload(threading.get_ident) == here

    assert (on_port.kind == "blocking") == on_port(scenario)


def test_a_bell_that_nobody_rings_lets_the_time_pass(on_port: OnPort) -> None:
    """Waiting for a bell ends after the seconds given, and says that it was not rung."""

    async def scenario(port: Port) -> tuple[bool, bool]:
        bell = port.bell()
        return await bell.wait(0.001), bell.rung

    assert (False, False) == on_port(scenario)


def test_a_bell_stays_rung(on_port: OnPort) -> None:
    """Rung before anybody waits, and more than once, it ends every wait at once."""

    async def scenario(port: Port) -> list[bool]:
        bell = port.bell()
        bell.ring()
        bell.ring()
        return [bell.rung, await bell.wait(60), await bell.wait(60)]

    assert [True, True, True] == on_port(scenario)


def test_a_bell_is_heard_from_another_thread_by_all_who_wait(on_port: OnPort) -> None:
    """A thread that knows nothing of the event loop wakes all waiters, long before their time is over."""

    async def scenario(port: Port) -> list[bool]:
        bell = port.bell()
        waiting = threading.Semaphore(0)
        ringer = threading.Thread(target=lambda: [waiting.acquire() for _ in range(3)] and bell.ring())
        ringer.start()

        async def wait(_: int) -> bool:
            waiting.release()
            return await bell.wait(60)

        heard = [h async for h in port.map(wait, range(3), 3)]
        ringer.join(60)
        return heard

    assert [True, True, True] == on_port(scenario)


def test_a_bell_is_heard_from_a_signal_handler(on_port: OnPort) -> None:
    """A handler that interrupts the wait itself may ring."""

    async def scenario(port: Port) -> bool:
        bell = port.bell()
        before = signal.signal(signal.SIGALRM, lambda *_: bell.ring())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            return await bell.wait(60)
        finally:
            signal.signal(signal.SIGALRM, before)

    assert on_port(scenario)


def test_a_bell_may_be_rung_when_its_waiters_are_gone() -> None:
    """Ringing is harmless after a waiter was cancelled, and after the event loop has ended."""
    bell = AsyncPort().bell()

    async def give_up() -> None:
        with anyio.move_on_after(0.001):
            await bell.wait(60)

    anyio.run(give_up)
    bell.ring()

    assert anyio.run(bell.wait, 60)


def test_work_in_a_thread_ends_with_its_block() -> None:
    """The block goes on beside the work; leaving it stops the work, and waits for its end."""
    bell = BlockingPort().bell()
    name = contextvars.ContextVar("name", default="lost")
    name.set("kept")
    seen: list[object] = []

    def work() -> None:
        seen.append(name.get())
        seen.append(run(bell.wait(60)))

    with in_thread(work, bell.ring, "beside"):
        assert "beside" in {thread.name for thread in threading.enumerate()}

    assert ["kept", True] == seen
    assert "beside" not in {thread.name for thread in threading.enumerate()}


def test_what_a_thread_raises_comes_out_of_its_block() -> None:
    """The error surfaces at the end of the block, unless the block has one of its own."""

    def work() -> None:
        raise KeyError("work")

    with pytest.raises(KeyError, match="work"), in_thread(work, lambda: None, "beside"):
        pass
    with pytest.raises(LookupError, match="block"), in_thread(work, lambda: None, "beside"):
        raise IndexError("block")


def test_work_in_a_thread_ends_with_the_interpreter() -> None:
    """A block that is never left: the work is told to stop, can still start threads, and is waited for."""
    script = """
from privdom._port import BlockingPort, in_thread, run
port = BlockingPort()
bell = port.bell()
async def work():
    await bell.wait(60)
    async def one(i):
        return i
    print([i async for i in port.map(one, range(3), 3)])
beside = in_thread(lambda: run(work()), bell.ring, "beside")
beside.__enter__()
"""

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (0, "[0, 1, 2]\n", "") == (done.returncode, done.stdout, done.stderr)


def test_now_is_civil_time_and_may_be_virtual(on_port: OnPort) -> None:
    """now() follows the clock that was given; monotonic() stays real."""

    async def scenario(port: Port) -> tuple[datetime, float]:
        return port.now(), port.monotonic()

    now, real = on_port(scenario, clock=FixedClock())

    assert FixedClock().now() == now
    assert 0 < real
    assert SystemClock().now() - datetime.now(UTC) < timedelta(seconds=5)


def test_a_callback_may_be_plain_or_async(on_port: OnPort) -> None:
    """What a user hands in is called either way."""

    async def given() -> int:
        return 1

    async def scenario(port: Port) -> list[int]:
        return [await maybe_await(given()), await maybe_await(2)]

    assert [1, 2] == on_port(scenario)


def test_locks_and_slots_hold_others_back(on_port: OnPort) -> None:
    """A lock lets one in, slots let as many in as they have."""
    most = {"lock": 0, "slots": 0}
    inside = {"lock": 0, "slots": 0}
    mutex = Mutex()

    async def scenario(port: Port) -> None:
        gates = {"lock": port.lock(), "slots": port.slots(2)}

        async def enter(name: str) -> None:
            async with gates[name]:
                with mutex:
                    inside[name] += 1
                    most[name] = max(most[name], inside[name])
                await port.sleep(0.005)
                with mutex:
                    inside[name] -= 1

        async for _ in port.map(enter, ["lock", "slots"] * 8, 8):
            pass

    on_port(scenario)

    assert {"lock": 1, "slots": 2} == most


def test_what_is_shielded_is_not_cancelled(on_port: OnPort) -> None:
    """A critical step runs to its end although its task is cancelled."""
    done: list[str] = []

    async def scenario(port: Port) -> None:
        async def critical() -> None:
            with port.shield():
                await port.sleep(0.02)
                done.append("confirmed")
            await port.sleep(0.02)
            done.append("left")

        if on_port.kind == "blocking":
            await critical()
            return
        with anyio.move_on_after(0.005):
            await critical()

    on_port(scenario)

    assert "confirmed" == done[0]
    assert (on_port.kind == "blocking") == ("left" in done)


def test_a_client_on_a_second_event_loop_is_refused() -> None:
    """Connections belong to the loop they were opened on; the error says what to do."""
    port = AsyncPort(transport=httpx.MockTransport(lambda _: httpx.Response(200)))

    async def send() -> int:
        return (await port.send(httpx.Request("GET", "http://x/"))).status_code

    assert 200 == anyio.run(send)

    with pytest.raises(RuntimeError, match="one AsyncWeCom for each loop"):
        anyio.run(send)


def test_a_closed_port_opens_again_even_on_another_loop() -> None:
    """After close() the port is as new."""
    port = AsyncPort(transport=httpx.MockTransport(lambda _: httpx.Response(200)))

    async def send() -> int:
        status = (await port.send(httpx.Request("GET", "http://x/"))).status_code
        await port.close()
        return status

    assert [200, 200] == [anyio.run(send), anyio.run(send)]


def test_sixteen_threads_share_one_blocking_port() -> None:
    """Threads that start at once open one client between them, and each gets its own answer."""
    port = BlockingPort(transport=httpx.MockTransport(lambda r: httpx.Response(200, text=r.url.path)))
    start = threading.Barrier(16)
    answers: dict[int, str] = {}

    def ask(i: int) -> None:
        start.wait()
        answers[i] = run(port.send(httpx.Request("GET", f"http://x/{i}"))).text

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(port.close())
    run(port.close())

    assert {i: f"/{i}" for i in range(16)} == answers


_FORK = """
import os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import httpx
from privdom._port import {port_class}, Mutex, run

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def setup(self):
        super().setup()
        self.server.connections += 1
    def do_GET(self):
        body = str(self.server.connections).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.connections = 0
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{{server.server_port}}/"
{body}
"""

_BLOCKING_FORK = """
port, mutex = BlockingPort(), Mutex()
lock = port.lock()
def ask():
    return int(run(port.send(httpx.Request("GET", url))).text)
assert ask() == 1
mutex.__enter__()
run(lock.__aenter__())
pid = os.fork()
if pid == 0:
    async def enter():
        async with lock:
            return True
    with mutex:
        entered = run(enter())
    fine = entered and ask() == 2
    run(port.close())
    os._exit(0 if fine else 1)
assert os.waitpid(pid, 0)[1] == 0
assert ask() == 2, "the parent's own connection must have survived"
"""

_ASYNC_FORK = """
import anyio
port = AsyncPort()
async def parent():
    async def ask():
        return int((await port.send(httpx.Request("GET", url))).text)
    assert await ask() == 1
    pid = os.fork()
    if pid == 0:
        return None
    assert await anyio.to_thread.run_sync(lambda: os.waitpid(pid, 0)[1]) == 0
    assert await ask() == 2, "the parent's own connection must have survived"
    await port.close()
    return pid
import asyncio
loop = asyncio.new_event_loop()
pid = loop.run_until_complete(parent())
if pid is None:
    async def child():
        n = int((await port.send(httpx.Request("GET", url))).text)
        await port.close()
        return n
    asyncio._set_running_loop(None)
    os._exit(0 if asyncio.new_event_loop().run_until_complete(child()) == 2 else 1)
"""


@pytest.mark.parametrize(("port_class", "body"), [("BlockingPort", _BLOCKING_FORK), ("AsyncPort", _ASYNC_FORK)])
def test_after_a_fork_the_child_has_connections_and_locks_of_its_own(port_class: str, body: str) -> None:
    """Parent and child go on, on separate connections, and no lock stays held for ever."""
    script = _FORK.format(port_class=port_class, body=body)

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
