"""
Run the simulation by hand.

``simulation COUNT [FROM]``: run so many seeds and print what happened.
``stress SECONDS COUNT``: the same on all processors, for so long and at least so many seeds.
``first FROM COUNT``: stop at the first run that breaks the promise, print its seed and what went wrong, and exit with 3.
``bugs COUNT [NAME ...]``: plant each bug in turn, and print which of COUNT seeds shows it first.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.bugs import BUGS, CAUGHT, first_catch
from tests.simulation.run import Verdict, plan_of, simulate, worst


_BLOCK = 500


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("what", choices=["simulation", "stress", "first", "bugs"])
    parser.add_argument("numbers", nargs="+")
    args = parser.parse_args(argv)
    match args.what, args.numbers:
        case "bugs", [count, *names]:
            return _bugs(int(count), names)
        case "first", [start, count]:
            return _first(int(start), int(count))
        case "stress", [seconds, count]:
            return _report(_in_parallel(float(seconds), int(count)))
        case "simulation", [count]:
            return _report(_one_by_one(range(int(count))))
        case "simulation", [count, start]:
            return _report(_one_by_one(range(int(start), int(start) + int(count))))
        case _:
            return parser.error("these numbers do not fit: see --help")


def _first(start: int, count: int) -> int:
    for seed in range(start, start + count):
        try:
            verdict = simulate(plan_of(seed))
        except Exception as e:  # noqa: BLE001 - a bug may show itself by breaking something
            print(seed, f"{type(e).__name__}: {e}")
            return CAUGHT
        if not verdict.ok:
            print(seed, "; ".join(verdict.faults))
            return CAUGHT
    return 0


def _simulate(seed: int) -> Verdict:
    return simulate(plan_of(seed))


def _one_by_one(seeds: Iterable[int]) -> Iterator[Verdict]:
    return map(_simulate, seeds)


def _in_parallel(seconds: float, count: int) -> Iterator[Verdict]:
    """Yield what comes of the seeds from 0 on, for so many seconds, and at least of *count*."""
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for block in itertools.count():
            if block * _BLOCK >= count and time.monotonic() - began > seconds:
                return
            yield from pool.map(_simulate, range(block * _BLOCK, (block + 1) * _BLOCK), chunksize=10)


def _report(verdicts: Iterable[Verdict]) -> int:
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    done = bad = 0
    for verdict in verdicts:
        done += 1
        counts += verdict.counts
        counts.update(
            f"{verdict.plan.weather}: {kind.partition('-')[0]} {state}" for kind, state in verdict.states.items()
        )
        if not verdict.ok:
            bad += 1
            print(worst([verdict]), flush=True)
        if done % 1000 == 0:
            print(f"{done:,} seeds, {bad} bad, {done / (time.perf_counter() - began):.1f} a second", flush=True)
    print(f"{done:,} seeds, {bad} bad, {done / (time.perf_counter() - began):.1f} a second; covered:")
    for name, number in sorted(counts.items()):
        print(f"  {name:32} {number:>12,}")
    return 1 if bad else 0


def _bugs(count: int, names: list[str]) -> int:
    missed = 0
    for bug in BUGS:
        if names and bug.name not in names:
            continue
        catch = first_catch(bug, range(count))
        missed += catch is None
        print(
            f"{bug.name:24} {'not caught' if catch is None else f'seed {catch.seed}: {catch.fault[:120]}'}", flush=True
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
