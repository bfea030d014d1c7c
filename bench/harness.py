"""Figures: medians of repeats that alternate between ours and a reference."""

from __future__ import annotations

import gc
import statistics
import time

from collections.abc import Callable
from typing import Literal

import attrs


__all__ = ["Figure", "compare", "seconds_of", "table"]


@attrs.frozen
class Figure:
    """
    One measurement beside its reference.

    ``ratio`` is measured, pair by pair, and so not exactly ``ours / reference``:
    what slows the machine down for a moment slows both halves of a pair.
    """

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
    limit: float
    better: Literal["lower", "higher"] = "lower"

    @property
    def ok(self) -> bool:
        """Whether the ratio keeps to its limit."""
        return self.ratio <= self.limit if self.better == "lower" else self.ratio >= self.limit


def seconds_of(fn: Callable[[], object], calls: int = 1) -> float:
    """Return the seconds that one of *calls* calls of *fn* takes on average."""
    start = time.perf_counter()
    for _ in range(calls):
        fn()
    return (time.perf_counter() - start) / calls


def compare(
    name: str,
    ours: Callable[[], float],
    reference: Callable[[], float],
    *,
    limit: float,
    unit: str,
    better: Literal["lower", "higher"] = "lower",
    repeats: int = 9,
) -> Figure:
    """
    Return the medians of *repeats* pairs of measurements.

    *ours* and *reference* measure once each and return the number, for instance
    with `seconds_of`. Which goes first alternates, and the garbage collector
    runs between them, not inside.
    """
    pairs: list[tuple[float, float]] = []
    for i in range(repeats):
        a = b = 0.0
        for which in ("ours", "reference") if i % 2 else ("reference", "ours"):
            gc.collect()
            gc.disable()
            try:
                if which == "ours":
                    a = ours()
                else:
                    b = reference()
            finally:
                gc.enable()
        pairs.append((a, b))
    return Figure(
        name,
        ours=statistics.median(a for a, _ in pairs),
        reference=statistics.median(b for _, b in pairs),
        unit=unit,
        ratio=statistics.median(a / b for a, b in pairs),
        limit=limit,
        better=better,
    )


def table(figures: list[Figure]) -> str:
    """Return *figures* as lines to read: ours, reference, ratio, limit, and whether it is kept."""
    width = max((len(f.name) for f in figures), default=4)
    lines = [f"{'':{width}}  {'ours':>10}  {'reference':>10}  {'unit':<14}  {'ratio':>7}  {'limit':>8}"]
    for f in figures:
        sign = "<=" if f.better == "lower" else ">="
        verdict = "ok" if f.ok else "TOO SLOW"
        lines.append(
            f"{f.name:{width}}  {f.ours:>10.4g}  {f.reference:>10.4g}  {f.unit:<14}  "
            f"{f.ratio:>7.3f}  {sign}{f.limit:>6.3g}  {verdict}"
        )
    return "\n".join(lines)
