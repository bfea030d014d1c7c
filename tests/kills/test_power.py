"""The power fails under SQLite: what was not synced is lost, and what was promised holds all the same."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from privdom._port import BlockingPort, run
from privdom.outbox import Policy, Subject
from privdom.sandbox import Fault
from privdom.store import Store
from tests.kills.power import JOURNALS, Disk, PowerLoss, engine_on, prepared, save
from tests.outbox.corp import REQUESTS, Corp, plan, run_out


STEP = int(os.environ.get("PRIVDOM_POWER_STEP", "37"))
"""Work goes on after a power loss at every so many changes of the disk."""
KINDS = ("link", "transfer", "contact_way", "corp_tag")


def _corp() -> Corp:
    """A corp that leaves two calls in doubt: one that was made, and one that was not."""
    corp = Corp()
    corp.box.faults.add(Fault("lost_response", "transfer_customer"))
    corp.box.faults.add(Fault("lost_request", "add_contact_way"))
    return corp


def _work(corp: Corp, store: Store) -> None:
    """Plan and make a call of each kind."""
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
    outbox = corp.outbox(port, store, policy=Policy.RESEND, in_flight=2, sweep_for=timedelta(minutes=1))
    for name in KINDS:
        kind, make, _ = REQUESTS[name]
        request = make(corp)
        subjects = [Subject(customer, name) for customer in getattr(request, "external_userid", ())]
        plan(store, outbox, kind, request, subjects=subjects, unit_id=name)
    run(run_out(corp, store, outbox, hours=1))


def _work_on_disk(
    corp: Corp, files: dict[str, bytes], watch: Callable[[Disk], None], journal: str, synchronous: str | None = None
) -> Disk:
    disk = Disk(files, watch)
    engine = engine_on(disk, journal, synchronous)
    with contextlib.suppress(PowerLoss):
        _work(corp, Store(engine))
    # WAL is written back when the last connection closes, where the power may fail too.
    with contextlib.suppress(PowerLoss):
        engine.dispose()
    disk.close()
    return disk


def _happened(corp: Corp) -> Counter[str]:
    return Counter({name: n for name in KINDS if (n := corp.calls(REQUESTS[name][2]))})


def _asked(corp: Corp) -> Counter[str]:
    """How often WeCom was asked for each call, whether the answer came or not."""
    asked = Counter(call.path.rpartition("/")[2] for call in corp.box.record.calls)
    return Counter({name: asked[REQUESTS[name][2]] for name in KINDS})


def _wrong_with(files: dict[str, bytes], asked: Counter[str], folder: Path) -> list[str]:
    """What a surviving file has wrong: it is not sound, or does not know of a call that WeCom was asked for."""
    save(files, folder)
    try:
        with contextlib.closing(sqlite3.connect(folder / "privdom.db")) as conn:
            health = [text for (text,) in conn.execute("PRAGMA integrity_check(3)") if text != "ok"]
            attempts: dict[str, int] = dict(conn.execute("SELECT id, attempt FROM privdom_unit").fetchall())
    except sqlite3.DatabaseError as e:
        return [str(e)]
    return health + [f"{name} is not known" for name, times in asked.items() if times > attempts.get(name, 0)]


def _watch_all(folder: Path, journal: str, synchronous: str | None = None) -> tuple[int, list[str]]:
    """Look before each change of the disk what a power loss would leave; return how often, and what went wrong."""
    corp, found = _corp(), []
    seen: set[object] = set()

    def watch(disk: Disk) -> None:
        asked = _asked(corp)
        for chance in (None, random.Random(disk.changes)):
            left = disk.left(chance)
            key = (*sorted(left.items()), *sorted(asked.items()))
            if key not in seen:
                seen.add(key)
                found.extend(f"at change {disk.changes}: {text}" for text in _wrong_with(left, asked, folder / "left"))

    disk = _work_on_disk(corp, prepared(folder), watch, journal, synchronous)
    assert Counter(KINDS) == _happened(corp)
    return disk.changes, found


@pytest.mark.parametrize("journal", JOURNALS)
def test_every_call_is_known(tmp_path: Path, journal: str) -> None:
    """Whenever the power fails, the file is sound, and knows of each call that was made so far."""
    changes, found = _watch_all(tmp_path, journal)

    assert not found
    assert changes > 100


@pytest.mark.parametrize(("journal", "synchronous"), [("truncate", "OFF"), ("wal", "NORMAL"), ("delete", "FULL")])
def test_the_test_has_teeth(tmp_path: Path, journal: str, synchronous: str) -> None:
    """With a sync less, calls are made of which nothing would be known."""
    _, found = _watch_all(tmp_path, journal, synchronous)

    assert any("is not known" in text for text in found)


@pytest.mark.parametrize("chance", [False, True], ids=["only_synced", "some_unsynced"])
@pytest.mark.parametrize("journal", JOURNALS)
def test_work_goes_on(tmp_path: Path, journal: str, chance: bool) -> None:
    """Whenever the power fails, who goes on with what is left makes each call once in the end."""
    files = prepared(tmp_path)
    changes = _work_on_disk(_corp(), files, lambda _: None, journal).changes

    for point in range(1, changes + 1, STEP):
        corp, left = _corp(), {}

        def fail(disk: Disk, point: int = point, left: dict[str, bytes] = left) -> None:
            if disk.changes == point:
                left |= disk.left(random.Random(point) if chance else None)
                raise PowerLoss

        _work_on_disk(corp, files, fail, journal)
        with Store(save(left, tmp_path / "left")) as store:
            _work(corp, store)

        assert Counter(KINDS) == _happened(corp), f"the power failed at change {point} of {changes}"
