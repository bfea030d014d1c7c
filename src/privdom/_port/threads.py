"""What both sides need of threads: a lock for a few lines, and a thread of one's own that ends in order."""

from __future__ import annotations

import atexit
import os
import threading
import weakref

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from types import TracebackType


__all__ = ["Mutex", "in_thread"]


class Mutex:
    """A plain lock for a few lines that never wait; it forgets its holder when the process has forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def __enter__(self) -> None:
        if self._pid != os.getpid():
            self._lock, self._pid = threading.Lock(), os.getpid()
        self._lock.acquire()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._lock.release()


class _Thread:
    """A thread that ends when it is told to, or when the interpreter does."""

    def __init__(self, work: Callable[[], object], stop: Callable[[], None], name: str) -> None:
        self.failure: BaseException | None = None
        self._work = work
        self._stop = stop
        self._pid = os.getpid()
        # Threads start with an empty context, but the caller's request ids and loggers live there.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name=name, daemon=True)
        # atexit would be too late: by then ThreadPoolExecutor takes nothing in any more, in the middle of the work. So
        # this is how concurrent.futures itself hears of the end.
        at_exit = getattr(threading, "_register_atexit", atexit.register)
        at_exit(partial(_end, weakref.ref(self)))
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as e:  # noqa: BLE001 - raised again in the caller's thread
            self.failure = e

    def end(self) -> None:
        # After a fork the thread is the parent's.
        if self._pid == os.getpid():
            self._stop()
            self._thread.join()


def _end(thread: weakref.ref[_Thread]) -> None:
    if (alive := thread()) is not None:
        alive.end()


@contextmanager
def in_thread(work: Callable[[], object], stop: Callable[[], None], name: str) -> Generator[None, None, None]:
    """
    Do *work* in a thread beside the block; at its end call *stop*, wait for the thread, and raise what it raised.

    Where the interpreter ends inside the block, *stop* is called and the thread
    waited for while it can still start threads of its own.
    """
    thread = _Thread(work, stop, name)
    try:
        yield
    finally:
        thread.end()
    if thread.failure is not None:
        raise thread.failure
