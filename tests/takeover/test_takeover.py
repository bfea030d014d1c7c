"""The main job: run undisturbed, run through kills, and everything it says counted again by other means."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import time

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from privdom import WeCom
from privdom.mirror import customers
from privdom.outbox import Outbox
from privdom.scoring import Scoring
from privdom.sop import FINAL, Journeys, StepState
from privdom.store import Store
from privdom.tiering import Tiering


ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))
SIZE = int(os.environ.get("PRIVDOM_TAKEOVER_CUSTOMERS", "150"))


@attrs.frozen
class Run:
    """A finished run: its folder, and what the sandbox has seen."""

    folder: Path
    record: dict[str, Any]
    seconds: float


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "examples" / "takeover.py"), "--customers", str(SIZE)]
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def _finish(folder: Path, began: float) -> Run:
    process = _start(folder)
    assert process.wait(timeout=600) == 0, (folder / "log.txt").read_text()[-3000:]
    record = json.loads((folder / "takeover-run" / "record.json").read_text())
    return Run(folder, record, time.monotonic() - began)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that nobody kills."""
    return _finish(tmp_path_factory.mktemp("undisturbed"), time.monotonic())


@pytest.fixture
def store(undisturbed: Run) -> Iterator[Store]:
    with Store(f"sqlite:///{undisturbed.folder / 'takeover-run' / 'privdom.db'}") as store:
        yield store


@pytest.fixture
def wecom(undisturbed: Run) -> WeCom:
    """A client of the same corp, which is not there any more: only the tables are asked."""
    return WeCom(undisturbed.record["corp_id"], "unused", base_url="http://127.0.0.1:9")


def _relations(record: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Return each relation at the end, without the moments and the order of tags, which a recovery may shift."""
    return {
        (customer, staff): {name: value for name, value in follow.items() if name not in {"created", "tags"}}
        | {"tag_names": sorted(follow["tag_names"])}
        for customer, known in record["state"]["customers"].items()
        for staff, follow in known["followers"].items()
    }


def _sends(record: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Return how often each customer received each text."""
    return Counter(
        (message["text"], customer)
        for message in record["state"]["messages"].values()
        for task in message["tasks"].values()
        for customer, status in task["recipients"].items()
        if status == 1
    )


def _tags(record: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    return {pair: follow["tag_names"] for pair, follow in _relations(record).items()}


def test_killed_five_times_it_ends_as_if_undisturbed(undisturbed: Run, tmp_path: Path) -> None:
    """SIGKILL at random moments changes neither where customers are, nor what they got, nor their tags."""
    moments = random.Random(20260105)
    for _ in range(5):
        process = _start(tmp_path)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1 + moments.uniform(0.02, 0.12) * undisturbed.seconds)
        process.kill()
        process.wait()
    record = _finish(tmp_path, time.monotonic()).record

    assert _relations(undisturbed.record) == _relations(record)
    assert _sends(undisturbed.record) == _sends(record)
    assert _tags(undisturbed.record) == _tags(record)
    assert undisturbed.record["welcomed"] == record["welcomed"]


def test_nobody_receives_a_text_twice(undisturbed: Run) -> None:
    """Each step reaches each customer at most once."""
    assert {1} == set(_sends(undisturbed.record).values())


def test_points_equal_those_counted_straight_from_the_file(undisturbed: Run, wecom: WeCom, store: Store) -> None:
    """10 points a purchase, 15 more over 100, and 20 for each newcomer that a customer brought."""
    from takeover import POINTS

    with store.read() as conn:
        known = [c.external_userid for c in customers(conn, wecom.corp_id, limit=20 * SIZE)]
    buyers = [c for c in known if not c.startswith("wmNEW")]
    expected: Counter[str] = Counter()
    with gzip.open(ROOT / "examples" / "data" / "CDNOW_master.txt.gz", "rt") as file:
        for line in list(file)[1:]:
            buyer, _, _, amount = line.split()
            n = int(buyer) - 1
            if n < len(buyers):
                expected[buyers[n]] += 10 + 15 * (float(amount) > 100)
    scoring = Scoring(wecom, store, POINTS)
    shared = Counter({c: sum(20 for entry in scoring.history(c, limit=1000) if entry.rule == "share") for c in buyers})

    brought = [c for c in _relations(undisturbed.record).values() if c["state"] == "friend"]
    assert expected + shared == Counter({c: scoring.balance(c) for c in buyers})
    assert 20 * len(brought) == shared.total() > 0
    assert scoring.check().ok


def test_the_tags_at_wecom_are_those_the_tiers_ask_for(undisturbed: Run, wecom: WeCom, store: Store) -> None:
    """Each relation wears the tag of its tier and no other, and the super user's tag from 100 points on."""
    from takeover import CHANNELS, POINTS, SCHEME

    tier_tag = {tier.id: tier.tag for tier in SCHEME.tiers}
    ours = {*tier_tag.values(), "超级用户", *CHANNELS.values()}
    tiering, scoring = Tiering(wecom, store), Scoring(wecom, store, POINTS)
    expected: dict[tuple[str, str], set[str]] = {}
    for (customer, staff), follow in _relations(undisturbed.record).items():
        tier = tiering.tier(SCHEME.id, customer)
        assert tier is not None
        expected[customer, staff] = {str(tier_tag[tier])}
        if scoring.balance(customer) >= 100:
            expected[customer, staff].add("超级用户")
        if customer.startswith("wmNEW"):
            expected[customer, staff].add(CHANNELS[follow["state"]])

    assert expected == {pair: ours & set(names) for pair, names in _tags(undisturbed.record).items()}


def test_every_step_was_sent_once_or_says_why_not(undisturbed: Run, wecom: WeCom, store: Store) -> None:
    """Each step of each customer is final: received at the sandbox exactly once, or with a reason."""
    from takeover import JOURNEY

    texts = {step.id: step.text for step in JOURNEY.steps}
    sends = _sends(undisturbed.record)
    journeys = Journeys(wecom, store, Outbox(wecom, store))
    with store.read() as conn:
        known = [c.external_userid for c in customers(conn, wecom.corp_id, limit=20 * SIZE)]
    seen = 0
    for customer in known:
        for step in journeys.steps(customer, JOURNEY.id):
            seen += 1
            assert step.state in FINAL
            sent = step.state is StepState.SENT
            assert sent == (sends.pop((texts[step.step_id], customer), 0) == 1) or not sent
            assert sent or step.reason

    assert seen >= len(JOURNEY.steps) * SIZE
    assert not sends


def test_a_finished_run_starts_afresh(undisturbed: Run) -> None:
    """After the end there is a report, and the next start is a new corp that ends the same way."""
    page = undisturbed.folder / "takeover-report.html"
    before = page.read_text()
    page.unlink()
    again = _finish(undisturbed.folder, time.monotonic())

    assert before.startswith("<!doctype html>")
    assert before == page.read_text()
    assert _relations(undisturbed.record) == _relations(again.record)
