"""
Keep under WeCom's call quotas: a limiter that never lets a sliding window overflow, and what to ask it.

WeCom does not say whether its windows slide or stand, so the strict reading
holds: in no span of a minute (an hour) may more than the limit go out. Token
buckets and sliding counters overshoot that; an exact log of 150,000 calls is
heavy. `SubWindows` counts in 60 slices a window and counts the oldest slice
whole, which attains the limit and never passes it.
"""

from __future__ import annotations

import time

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Protocol, runtime_checkable

import attrs

from privdom._facts import limits
from privdom._facts.endpoints import MOMENT_ADD
from privdom._port import Mutex, Port
from privdom.errors import UsageError


__all__ = [
    "MemoryQuotas",
    "QuotaSettings",
    "QuotaStore",
    "SharedQuotaStore",
    "SubWindows",
    "Window",
    "process_quotas",
]

_SLICES = 60


@attrs.frozen
class Window:
    """At most ``limit`` calls in any span of ``seconds``; neither is 0."""

    limit: int
    seconds: float

    def __attrs_post_init__(self) -> None:
        if self.limit < 1 or self.seconds <= 0:
            msg = f"{self} lets nothing through: give at least one call, and a span of time"
            raise UsageError(msg)


@attrs.frozen
class QuotaSettings:
    """
    What WeCom allows, less a margin for jitter on the way (documentation 90312).

    Args:
        per_corp: windows of one corp and one API path.
        per_ip: windows of this machine's address and one API path, over all corps.
        margin: share of each limit that is left unused.
        per_path: further windows of one corp, by API path (moments: 95094).
        in_flight: calls to ``mark_tag`` at the same time, at least 1; WeCom publishes no number.

    Raises:
        UsageError: The margin is no share below 1, or nothing may be in flight.
    """

    per_corp: tuple[Window, ...] = (Window(limits.CALLS_PER_MINUTE, 60), Window(limits.CALLS_PER_HOUR, 3_600))
    per_ip: tuple[Window, ...] = (Window(limits.IP_CALLS_PER_MINUTE, 60), Window(limits.IP_CALLS_PER_HOUR, 3_600))
    per_path: Mapping[str, tuple[Window, ...]] = attrs.field(
        factory=lambda: {MOMENT_ADD.path: (Window(limits.MOMENTS_PER_MINUTE, 60),)}, hash=False
    )
    margin: float = 0.02
    in_flight: int = limits.MARK_TAG_IN_FLIGHT

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.margin < 1:
            msg = f"margin is {self.margin}: give a share from 0 to less than 1"
            raise UsageError(msg)
        if self.in_flight < 1:
            msg = f"in_flight is {self.in_flight}, so that calls would wait without end: give at least 1"
            raise UsageError(msg)

    def keys(self, corp_id: str, host: str, path: str) -> dict[tuple[str, str, str], tuple[Window, ...]]:
        """Return what a call counts towards, and the windows there: of the corp, and of the address (no corp)."""
        return {
            (corp_id, host, path): self._kept([*self.per_corp, *self.per_path.get(path, ())]),
            ("", host, path): self._kept(self.per_ip),
        }

    def _kept(self, windows: Iterable[Window]) -> tuple[Window, ...]:
        keep = 1 - self.margin
        return tuple(attrs.evolve(w, limit=max(1, int(w.limit * keep))) for w in windows)


class SubWindows:
    """Counts of one key against several windows. Pure: time is an argument."""

    __slots__ = ("_counts", "_slices", "_sums", "_windows")

    def __init__(self, windows: Iterable[Window], *, slices: int = _SLICES) -> None:
        self._windows = tuple(windows)
        self._slices = slices
        self._counts: list[OrderedDict[int, int]] = [OrderedDict() for _ in self._windows]
        self._sums = [0] * len(self._windows)

    def wait(self, now: float, n: int = 1) -> float:
        """Return how many seconds to wait before *n* calls fit, 0.0 when they do. Takes nothing."""
        longest = 0.0
        for i, window in enumerate(self._windows):
            width = window.seconds / self._slices
            current, counts = int(now // width), self._counts[i]
            while counts:
                oldest = next(iter(counts))
                if oldest >= current - self._slices:
                    break
                self._sums[i] -= counts.pop(oldest)
            excess = self._sums[i] + n - window.limit
            if excess <= 0:
                continue
            if n > window.limit:
                msg = f"{n} calls never fit a quota of {window.limit} in {window.seconds:g} s"
                raise ValueError(msg)
            for slice_, count in counts.items():
                excess -= count
                if excess <= 0:
                    longest = max(longest, (slice_ + self._slices + 1) * width - now, 1e-4)
                    break
        return longest

    def take(self, now: float, n: int = 1) -> None:
        """Count *n* calls."""
        for i, window in enumerate(self._windows):
            slice_ = int(now // (window.seconds / self._slices))
            self._counts[i][slice_] = self._counts[i].get(slice_, 0) + n
            self._sums[i] += n

    def room(self, now: float) -> int:
        """Return how many calls fit now."""
        self.wait(now)
        return min(window.limit - taken for window, taken in zip(self._windows, self._sums, strict=True))

    def give_back(self, then: float, n: int) -> None:
        """Count *n* calls no more that were counted *then*, and never made."""
        for i, window in enumerate(self._windows):
            slice_ = int(then // (window.seconds / self._slices))
            given = min(n, self._counts[i].get(slice_, 0))
            if given:
                self._counts[i][slice_] -= given
                self._sums[i] -= given

    @property
    def width(self) -> float:
        """Seconds of the shortest sub-window."""
        return min(window.seconds for window in self._windows) / self._slices

    def lapses(self, now: float) -> float:
        """Return when the first of the sub-windows that hold *now* ends."""
        widths = (window.seconds / self._slices for window in self._windows)
        return min((now // width + 1) * width for width in widths)

    def dump(self) -> dict[str, dict[str, int]]:
        """Return the counts as JSON-able data, by length of the window and number of the sub-window."""
        return {
            f"{window.seconds:g}": {str(slice_): n for slice_, n in counts.items() if n}
            for window, counts in zip(self._windows, self._counts, strict=True)
        }

    def load(self, data: Mapping[str, Mapping[str, int]], now: float) -> bool:
        """
        Take over what `dump` gave; return whether the clock has been set back since.

        Then what lies ahead is counted as if it were taken now: later than it was, so
        that no limit is passed, and no longer than a window, so that nobody waits until
        the clock has caught up.
        """
        set_back = False
        for i, window in enumerate(self._windows):
            current = int(now // (window.seconds / self._slices))
            counts = self._counts[i] = OrderedDict()
            for slice_, n in sorted((int(key), n) for key, n in data.get(f"{window.seconds:g}", {}).items()):
                set_back = set_back or slice_ > current
                counts[min(slice_, current)] = counts.get(min(slice_, current), 0) + n
            self._sums[i] = sum(counts.values())
        return set_back


class QuotaStore(Protocol):
    """Where calls are counted: in this process, or in a place that several processes share."""

    @property
    def settings(self) -> QuotaSettings:
        """What is allowed."""
        ...

    async def take(self, corp_id: str, host: str, path: str) -> float:
        """Count one call and return 0.0, or count nothing and return the seconds to wait."""
        ...


@runtime_checkable
class SharedQuotaStore(Protocol):
    """Counts in a place that several processes share, which takes waiting: each client gets a `QuotaStore` of its own."""

    @property
    def settings(self) -> QuotaSettings:
        """What is allowed."""
        ...

    def on(self, port: Port) -> QuotaStore:
        """Return the counts as the clients of a port reach them."""
        ...


class MemoryQuotas:
    """Counts in this process, over all its threads. Share one object between all clients."""

    def __init__(
        self, settings: QuotaSettings | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings or QuotaSettings()
        self._monotonic = monotonic
        self._mutex = Mutex()
        self._counts: dict[tuple[str, str, str], SubWindows] = {}
        self._keys = cache(self.settings.keys)

    async def take(self, corp_id: str, host: str, path: str) -> float:
        """Count one call and return 0.0, or count nothing and return the seconds to wait."""
        with self._mutex:
            now = self._monotonic()
            counts = [self._of(key, windows) for key, windows in self._keys(corp_id, host, path).items()]
            wait = max(count.wait(now) for count in counts)
            if wait == 0.0:
                for count in counts:
                    count.take(now)
            return wait

    def _of(self, key: tuple[str, str, str], windows: Iterable[Window]) -> SubWindows:
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = SubWindows(windows)
        return counts

    def __repr__(self) -> str:
        return f"<MemoryQuotas of {len(self._counts)} keys>"


@cache
def process_quotas() -> MemoryQuotas:
    """Return the counts that all clients of this process share by default: they share an address, too."""
    return MemoryQuotas()
