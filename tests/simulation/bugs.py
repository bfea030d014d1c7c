"""
Planted bugs: each breaks one thing that the promise stands on, and the simulation must notice.

A bug is a change of a few characters of the engine's source, made in a copy of it. The world that judges stays as it
is: what a bug changes by patching names in memory, the fault model could lose as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

import privdom


__all__ = ["BUGS", "Bug", "Catch", "first_catch"]

ROOT = Path(__file__).parents[2]
CAUGHT = 3
"""The exit status that says so; Python's own failures have others."""


@attrs.frozen
class Bug:
    """One thing done wrong."""

    name: str
    file: str
    """Below ``privdom``."""
    changes: tuple[tuple[str, str], ...]
    """What stands in the file, once, and what stands there instead."""
    why: str
    """What somebody who makes this mistake may have thought."""
    seen: int = 0
    """A seed that shows it, at which short runs begin."""
    guarded: bool = False
    """Whether another guard covers it, so that 200 seeds do not show it; the one after it lacks that guard too."""


BUGS: tuple[Bug, ...] = (
    Bug(
        "blind_retry",
        "outbox/recovery.py",
        (
            (
                "finding = await kind.find(ctx.wecom, unit, ctx.request_of(unit), ctx.settings.clock_skew)",
                "finding = Found()",
            ),
        ),
        "no answer came, so it is sent again",
    ),
    Bug(
        "incomplete_listing",
        "outbox/recovery.py",
        (("        return _Looked(unit, e)\n", "        return _Looked(unit, Found())\n"),),
        "a look-up that failed found nothing",
        seen=3,
    ),
    Bug(
        "no_fence",
        "outbox/transitions.py",
        (
            (
                ".where(unit.c.id == held.id, unit.c.fence == held.fence, unit.c.state.in_(since))",
                ".where(unit.c.id == held.id, unit.c.state.in_(since))",
            ),
        ),
        "the state alone tells whose a unit is",
        seen=87,
    ),
    Bug(
        "no_fence_on_arm",
        "outbox/transitions.py",
        (
            (
                "            fence=unit.c.fence + 1,\n            attempt",
                "            fence=unit.c.fence,\n            attempt",
            ),
        ),
        "taking over counts, calling does not",
        guarded=True,
    ),
    Bug(
        "no_fence_on_arm_nor_claim",
        "outbox/transitions.py",
        (
            (
                "            fence=unit.c.fence + 1,\n            attempt",
                "            fence=unit.c.fence,\n            attempt",
            ),
            ('"fence": unit.c.fence + 1, "worker"', '"fence": unit.c.fence, "worker"'),
        ),
        "nobody will be paused for that long",
        seen=87,
    ),
    Bug(
        "one_shot_called_again",
        "outbox/kinds/remind.py",
        (
            ("return Unclear(", "return Again(timedelta(0), "),
            ("import Finding, Kind, Unclear", "import Again, Finding, Kind"),
        ),
        "a reminder more will not hurt",
    ),
    Bug(
        "overtaken_change",
        "outbox/kinds/updates.py",
        (('return f"remark:{request.userid.lower()}:{request.external_userid}"', 'return f"remark:{request.remark}"'),),
        "changes of one customer need no order",
        seen=10,
    ),
    Bug(
        "no_settle",
        "outbox/arming.py",
        (("(kind.patience or ctx.horizon + ctx.settings.settle)", "(kind.patience or ctx.horizon)"),),
        "when the time-out has passed, the call is over",
        seen=6,
    ),
    Bug(
        "looked_once",
        "outbox/rules.py",
        (
            ("if lookup.absent_seen is None:", "if lookup.now is None:"),
            ("rest = lookup.absent_seen + settings.settle - lookup.now", "rest = timedelta(0)"),
        ),
        "what is not listed is not there",
        seen=1,
    ),
    Bug(
        "no_write_budget",
        "outbox/context.py",
        (("return self.settings.write_budget + self", "return self"),),
        "the time-out begins when the intent is stored",
        seen=140,
    ),
    Bug(
        "no_check_at_the_socket",
        "wecom/session.py",
        (("if until is not None and self.port.monotonic() > until:", "if until is None and until:"),),
        "between the intent and the call no time passes",
        seen=283,
    ),
    Bug(
        "timeout_is_refusal",
        "wecom/session.py",
        (
            (
                "httpx.ProxyError, httpx.UnsupportedProtocol)",
                "httpx.ProxyError, httpx.UnsupportedProtocol, httpx.ReadTimeout)",
            ),
        ),
        "who does not answer has not heard",
        seen=1,
    ),
    Bug(
        "timeout_is_success",
        "outbox/rules.py",
        (
            (
                "        case MayHaveArrived():\n            return Doubt(reason)",
                "        case MayHaveArrived():\n            return Confirm(Done(None, None))",
            ),
            ("import Confirm, Doubt,", "import Confirm, Done, Doubt,"),
        ),
        "it was written, so it will be done",
        seen=6,
    ),
    Bug(
        "busy_is_refusal",
        "outbox/rules.py",
        (
            ("        case MayHaveArrived():\n", "        case MayHaveArrived() if not isinstance(error, ApiError):\n"),
            ("        case NotSent():\n", "        case NotSent() | MayHaveArrived():\n"),
        ),
        "-1 says that nothing was done",
        seen=3,
    ),
    Bug(
        "intent_not_stored",
        "outbox/transitions.py",
        (("            state=UnitState.CALLING,\n", "            state=UnitState.READY,\n"),),
        "the answer will come before the crash",
    ),
    Bug(
        "recomputed_after_crash",
        "outbox/calling.py",
        (
            (
                "unit.request.encode(), kind.answer",
                'unit.request.replace(unit.nonce, f"{unit.attempt:010}").encode(), kind.answer',
            ),
        ),
        "a second call gets a request of its own",
        seen=1,
    ),
    Bug(
        "planned_twice",
        "outbox/planning.py",
        (("    return {Subject(*row) for row in conn.execute(mine)}\n", "    return set(rows)\n"),),
        "what stands in the ledger is planned again under another unit",
        seen=8,
    ),
    Bug(
        "dispatching_is_absent",
        "outbox/kinds/broadcast.py",
        (
            (
                "            raise\n        return Candidate(Done(record.msgid, answer, unseen), certain=marked, gone=True)",
                "            return None\n        return Candidate(Done(record.msgid, answer, unseen), certain=marked, gone=True)",
            ),
        ),
        "a message that cannot be read is another one",
        seen=204,
    ),
    Bug(
        "any_text_will_do",
        "outbox/rules.py",
        (("[c for c in candidates if c.done.remote_id not in lookup.taken]", "list(candidates)"),),
        "what looks like it is it, whosever it is",
        seen=44,
    ),
    Bug(
        "rivals_ignored",
        "outbox/rules.py",
        (("    if candidates and lookup.rivals:\n", "    if candidates and lookup is None:\n"),),
        "of two lost messages of one text, the one found is this one",
        seen=66,
    ),
    Bug(
        "gives_up",
        "outbox/rules.py",
        (
            (
                '        return Release(timedelta(0), "WeCom did not show it in two complete look-ups: sent again")',
                '        return Refuse("WeCom did not show it")',
            ),
        ),
        "what did not arrive is over",
    ),
    Bug(
        "no_clock_skew",
        "outbox/kinds/broadcast.py",
        (("unit.armed_at - skew, wecom.port.now() + skew", "unit.armed_at, wecom.port.now()"),),
        "all clocks show the same",
    ),
    Bug(
        "no_sweep",
        "outbox/transitions.py",
        (("due_at=now + settle if held.suspect else None", "due_at=None"),),
        "what is confirmed is over",
        seen=14,
    ),
)


@attrs.frozen
class Catch:
    """The first run that shows a bug."""

    seed: int
    fault: str


def first_catch(bug: Bug, seeds: Sequence[int]) -> Catch | None:
    """Return the first of *seeds* that shows *bug*, running the simulation in a process of its own."""
    with TemporaryDirectory() as folder:
        _plant(bug, Path(folder))
        command = [sys.executable, "-m", "tests.simulation", "first", str(seeds[0]), str(len(seeds))]
        path = os.pathsep.join([folder, str(ROOT)])
        env = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, check=False, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    if done.returncode != CAUGHT:
        raise RuntimeError(done.stderr)
    seed, _, fault = done.stdout.strip().partition(" ")
    return Catch(int(seed), fault)


def _plant(bug: Bug, folder: Path) -> None:
    source = Path(privdom.__file__).parent
    shutil.copytree(source, folder / "privdom", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "privdom" / bug.file
    text = file.read_text(encoding="utf-8")
    for old, new in bug.changes:
        if text.count(old) != 1:
            msg = f"{bug.name}: {bug.file} has {text.count(old)} places like {old!r}: the bug must follow the code"
            raise LookupError(msg)
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
