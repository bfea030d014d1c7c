"""
Processes that share tokens or quotas, and the nursery that forks them.

``python -m tests.shared.worker`` is the nursery: it imports everything once,
reads a `Task` a line from standard input, forks a process for each, and writes
to standard output who began and who ended. At the end of its input it kills
them all and ends.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import selectors
import signal
import struct
import sys
import threading
import time
import traceback

from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import httpx

from privdom import WeCom
from privdom._facts.endpoints import GETTOKEN
from privdom.wecom.quota import MemoryQuotas, QuotaSettings, Window
from tests.shared.places import Place


@attrs.frozen(kw_only=True)
class Task:
    """What a process is to do, and with what."""

    slot: int
    place: str
    base_url: str
    corp_id: str
    secret: str
    board: str
    threads: int
    lease: float = 15.0
    """Of tokens."""
    dies: float = 0.0
    """How likely it kills itself while it asks for a token."""
    limit: int = 0
    """Of the shared quota; 0: none is shared."""
    seconds: float = 60.0


class Board:
    """A few numbers that all processes see: civil time, the round, and which round each thread has finished."""

    def __init__(self, path: Path, size: int) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * (size + 2)))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._size = size

    @property
    def current(self) -> int:
        """The number of the round."""
        return int(self._get(1))

    def begin(self, number: int) -> None:
        self._put(1, number)

    def now(self) -> datetime:
        return datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(seconds=self._get(0))

    def advance(self, seconds: float) -> None:
        self._put(0, self._get(0) + seconds)

    def finish(self, thread: int, number: int) -> None:
        self._put(2 + thread, number)

    def slowest(self) -> int:
        """The round that all threads have finished."""
        return int(min(self._get(2 + thread) for thread in range(self._size)))

    def _get(self, i: int) -> float:
        value: float = struct.unpack_from("d", self._map, 8 * i)[0]
        return value

    def _put(self, i: int, value: float) -> None:
        struct.pack_into("d", self._map, 8 * i, value)

    def close(self) -> None:
        self._map.close()


class DyingTransport(httpx.HTTPTransport):
    """Kills its process before it asks for a token, or after it was given one that nobody else knows yet."""

    def __init__(self, dies: float) -> None:
        # Certificates take long to load, and nobody shows one.
        super().__init__(verify=False)
        self._dies = dies
        self._rng = random.Random(os.getpid())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asks = request.url.path == GETTOKEN.path
        if asks and self._rng.random() < self._dies / 2:
            os.kill(os.getpid(), signal.SIGKILL)
        response = super().handle_request(request)
        if asks and self._rng.random() < self._dies / 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return response


def work(task: Task) -> None:
    """Call WeCom in all threads for ever."""
    place = Place(task.place)
    board = Board(Path(task.board), 0)
    allowed = QuotaSettings(per_corp=(Window(task.limit, task.seconds),)) if task.limit else None
    wecom = WeCom(
        task.corp_id,
        task.secret,
        base_url=task.base_url,
        transport=DyingTransport(task.dies),
        clock=board,
        token_source=place.tokens(lease=task.lease),
        quotas=place.quotas(allowed) if allowed else MemoryQuotas(),
    )

    def call(thread: int) -> None:
        try:
            while True:
                began = board.current
                wecom.staff.serving()
                board.finish(task.slot * task.threads + thread, began)
                if not allowed:
                    time.sleep(0.005)
        except BaseException:  # noqa: BLE001 - into the log
            traceback.print_exc()
            os._exit(1)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(task.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def tell(**event: int) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def nurse() -> None:
    """Fork a process for each line of the input, and tell who began and ended."""
    heard, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: set[int] = set()
    pending = b""
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    waiting.register(heard, selectors.EVENT_READ)
    while True:
        ready = {key.fd for key, _ in waiting.select()}
        if heard in ready:
            os.read(heard, 4096)
            while children:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                children.discard(pid)
                tell(ended=pid, code=os.waitstatus_to_exitcode(status))
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
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    work(task)
                children.add(pid)
                tell(began=pid, slot=task.slot)


if __name__ == "__main__":
    sys.exit(nurse())
