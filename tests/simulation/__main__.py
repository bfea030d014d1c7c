"""
Run the simulation by hand.

``seeds FROM COUNT``: run them all and print what happened.
``first FROM COUNT``: stop at the first run that breaks the promise, print its seed and what went wrong, and exit with 1.
``bugs COUNT [NAME ...]``: plant each bug in turn, and print which of COUNT seeds shows it first.
"""

from __future__ import annotations

import argparse
import sys
import time

from collections import Counter

from tests.simulation.bugs import BUGS, first_catch
from tests.simulation.run import Verdict, plan_of, simulate, worst


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("what", choices=["seeds", "first", "bugs"])
    parser.add_argument("numbers", nargs="+")
    args = parser.parse_args(argv)
    if args.what == "bugs":
        return _bugs(int(args.numbers[0]), args.numbers[1:])
    start, count = map(int, args.numbers)
    return _first(start, count) if args.what == "first" else _seeds(start, count)


def _first(start: int, count: int) -> int:
    for seed in range(start, start + count):
        try:
            verdict = simulate(plan_of(seed))
        except Exception as e:  # noqa: BLE001 - a bug may show itself by breaking something
            print(seed, f"{type(e).__name__}: {e}")
            return 1
        if not verdict.ok:
            print(seed, "; ".join(verdict.faults))
            return 1
    return 0


def _seeds(start: int, count: int) -> int:
    began = time.perf_counter()
    counts: Counter[str] = Counter()
    states: Counter[str] = Counter()
    bad: list[Verdict] = []
    for seed in range(start, start + count):
        verdict = simulate(plan_of(seed))
        counts += verdict.counts
        states.update(f"{verdict.plan.weather} {state}" for state in verdict.states.values())
        if not verdict.ok:
            bad.append(verdict)
            print(worst([verdict]), flush=True)
    seconds = time.perf_counter() - began
    print(f"{count:,} seeds, {len(bad)} bad, {count / seconds:.1f} a second")
    for name, number in sorted((counts + states).items()):
        print(f"  {name:32} {number:>12,}")
    return 1 if bad else 0


def _bugs(count: int, names: list[str]) -> int:
    missed = 0
    for bug in BUGS:
        if names and bug.name not in names:
            continue
        catch = first_catch(bug, range(count))
        missed += catch is None
        print(f"{bug.name:24} {'not caught' if catch is None else f'seed {catch.seed}: {catch.fault[:120]}'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
