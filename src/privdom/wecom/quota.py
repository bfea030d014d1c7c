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
from typing import Protocol

import attrs

from privdom._facts import limits
from privdom._facts.endpoints import MOMENT_ADD
from privdom._port import Mutex


__all__ = ["MemoryQuotas", "QuotaSettings", "QuotaStore", "SubWindows", "Window", "process_quotas"]

_SLICES = 60


@attrs.frozen
class Window:
    """At most ``limit`` calls in any span of ``seconds``."""

    limit: int
    seconds: float


@attrs.frozen
class QuotaSettings:
    """
    What WeCom allows, less a margin for jitter on the way (documentation 90312).

    Args:
        per_corp: windows of one corp and one API path.
        per_ip: windows of this machine's address and one API path, over all corps.
        margin: share of each limit that is left unused.
        per_path: further windows of one corp, by API path (moments: 95094).
        in_flight: calls to ``mark_tag`` at the same time; WeCom publishes no number.
    """

    per_corp: tuple[Window, ...] = (Window(limits.CALLS_PER_MINUTE, 60), Window(limits.CALLS_PER_HOUR, 3_600))
    per_ip: tuple[Window, ...] = (Window(limits.IP_CALLS_PER_MINUTE, 60), Window(limits.IP_CALLS_PER_HOUR, 3_600))
    per_path: Mapping[str, tuple[Window, ...]] = attrs.field(
        factory=lambda: {MOMENT_ADD.path: (Window(limits.MOMENTS_PER_MINUTE, 60),)}, hash=False
    )
    margin: float = 0.02
    in_flight: int = limits.MARK_TAG_IN_FLIGHT


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


class QuotaStore(Protocol):
    """Where calls are counted: in this process, or in a place that several processes share."""

    @property
    def settings(self) -> QuotaSettings:
        """What is allowed."""
        ...

    async def take(self, corp_id: str, host: str, path: str) -> float:
        """Count one call and return 0.0, or count nothing and return the seconds to wait."""
        ...


class MemoryQuotas:
    """Counts in this process, over all its threads. Share one object between all clients."""

    def __init__(
        self, settings: QuotaSettings | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings or QuotaSettings()
        self._monotonic = monotonic
        self._mutex = Mutex()
        self._counts: dict[tuple[str, ...], SubWindows] = {}
        self._per_corp = self._kept(self.settings.per_corp)
        self._per_ip = self._kept(self.settings.per_ip)
        self._per_path = {path: self._kept(windows) for path, windows in self.settings.per_path.items()}

    def _kept(self, windows: Iterable[Window]) -> list[Window]:
        keep = 1 - self.settings.margin
        return [attrs.evolve(w, limit=max(1, int(w.limit * keep))) for w in windows]

    async def take(self, corp_id: str, host: str, path: str) -> float:
        """Count one call and return 0.0, or count nothing and return the seconds to wait."""
        with self._mutex:
            now = self._monotonic()
            mine = self._of((corp_id, host, path), [*self._per_corp, *self._per_path.get(path, ())])
            ours = self._of((host, path), self._per_ip)
            wait = max(mine.wait(now), ours.wait(now))
            if wait == 0.0:
                mine.take(now)
                ours.take(now)
            return wait

    def _of(self, key: tuple[str, ...], windows: list[Window]) -> SubWindows:
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
