"""
The only module that knows whether we block or await.

Everything above is written once, as ``async def`` functions that await nothing
but a `Port`, and each other. On an `AsyncPort` they are ordinary coroutines. On
a `BlockingPort` nothing ever suspends, so `run` drives a coroutine to its result
in the caller's own thread, without an event loop.
"""

from __future__ import annotations

from privdom._port.awaits import AsyncPort
from privdom._port.blocks import BlockingPort
from privdom._port.protocol import Bell, Clock, Port, SystemClock, maybe_await
from privdom._port.streams import Incoming, Outgoing
from privdom._port.threads import Mutex, in_thread
from privdom._port.twins import Blocking, blocking, blocking_iter, core_of, run


__all__ = [
    "AsyncPort",
    "Bell",
    "Blocking",
    "BlockingPort",
    "Clock",
    "Incoming",
    "Mutex",
    "Outgoing",
    "Port",
    "SystemClock",
    "blocking",
    "blocking_iter",
    "core_of",
    "in_thread",
    "maybe_await",
    "run",
]
