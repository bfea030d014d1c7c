"""
``python -m mutation outbox.rules wecom.token``: mutate these modules, print their scores and what survives.

Fails where a module's score is below the limit, and where a mutant survives
that survivors.toml does not list. Without modules, all that pyproject.toml names.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from collections import Counter
from pathlib import Path

from mutation.harness import Change, Mutant, out_of_reach, results, survivors_listed


LIMIT = 85.0
"""Percent of the mutants of a file that tests must notice."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help="such as outbox, outbox.rules or wecom.token")
    parser.add_argument("--processes", type=int, default=2, help="how many run at once (2)")
    parser.add_argument("--go-on", action="store_true", help="run only what was not run, or survived, before")
    parser.add_argument("--only-report", action="store_true", help="run nothing, report what an earlier run found")
    args = parser.parse_args(argv)

    # mutmut notices that code has changed, not that a test has.
    if not (args.go_on or args.only_report):
        shutil.rmtree("mutants", ignore_errors=True)
    if not args.only_report:
        _run(args.modules, args.processes, go_on=args.go_on)

    mutants = results(args.modules)
    unfinished = sum(m.status in {"not checked", "check was interrupted by user"} for m in mutants)
    if unfinished:
        print(f"{unfinished} of {len(mutants)} mutants were not run: --go-on runs them")
        return 1
    if not mutants:
        parser.error("nothing was mutated: name modules as in outbox.rules")
    low = _print_scores(mutants)
    unlisted, gone = _compare(mutants)
    for change in unlisted:
        print(f"\nsurvives, and is not listed:\n{change.as_toml()}")
    for change in gone:
        print(f"\nlisted, but does not survive:\n{change.as_toml()}")
    return 1 if low or unlisted else 0


def _run(modules: list[str], processes: int, *, go_on: bool) -> None:
    names = (
        [m.name for m in results(modules) if not m.killed] if go_on else [f"privdom.{module}.*" for module in modules]
    )
    subprocess.run(["mutmut", "run", "--max-children", str(processes), *names], check=True)


def _print_scores(mutants: list[Mutant]) -> bool:
    """Print a line for each file; return whether one is below the limit."""
    low = False
    print(f"\n{'file':<32}{'mutants':>9}{'killed':>8}{'survived':>10}{'score':>9}{'out of reach':>14}")
    files = sorted({m.file for m in mutants})
    for chosen in (*([file] for file in files), files):
        mine = [m for m in mutants if m.file in chosen]
        killed = sum(m.killed for m in mine)
        score = 100 * killed / len(mine)
        low = low or score < LIMIT
        name = chosen[0] if len(chosen) == 1 else "all"
        outside = sum(map(out_of_reach, chosen))
        print(f"{name:<32}{len(mine):>9}{killed:>8}{len(mine) - killed:>10}{score:>8.1f}%{outside:>14}")
    return low


def _compare(mutants: list[Mutant]) -> tuple[list[Change], list[Change]]:
    """Return what survives and is not listed, and what is listed for these files and does not survive."""
    files = {m.file for m in mutants}
    listed = survivors_listed(Path(__file__).with_name("survivors.toml"))
    allowed = Counter(change for change in listed if change.file in files)
    survived = Counter(m.change() for m in mutants if not m.killed)
    return list((survived - allowed).elements()), list((allowed - survived).elements())


if __name__ == "__main__":
    sys.exit(main())
