"""Planning: once, frozen, in the caller's transaction."""

from __future__ import annotations

import hashlib
import json

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from sqlalchemy import select, update

from privdom._port import BlockingPort, Port, run
from privdom.errors import UsageError
from privdom.outbox import (
    BROADCAST,
    CONTACT_WAY,
    CORP_TAG,
    MOMENT,
    TRANSFER,
    WELCOME,
    AsyncOutbox,
    FrequencyRule,
    Gate,
    GateReport,
    Kind,
    Policy,
    Subject,
    UnitState,
)
from privdom.outbox.kinds.contact_way import ContactWayKind
from privdom.outbox.staff_sends import STEP
from privdom.outbox.tables import ledger, suppression
from privdom.outbox.tables import unit as outbox_unit
from privdom.store import Store
from privdom.wecom.codes import NewContactWay
from privdom.wecom.messages import ChatType, Link, MiniProgram, NewMessage, WelcomeRequest
from privdom.wecom.tags import AddTagsRequest
from tests.conftest import OnPort
from tests.outbox.corp import Corp, bare_unit, items, link_message, plan, run_out, text_message, transfer, unit


@pytest.fixture
def corp() -> Corp:
    return Corp()


@pytest.fixture
def outbox(corp: Corp, store: Store) -> AsyncOutbox:
    return corp.outbox(BlockingPort(transport=corp.box.transport, clock=corp.box.clock), store)


def test_planned_twice(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A subject planned before under the same key is left out; the new ones form a unit of their own."""
    first = plan(store, outbox, BROADCAST, text_message(corp, count=3))
    again = plan(store, outbox, BROADCAST, text_message(corp, count=3))
    more = plan(store, outbox, BROADCAST, text_message(corp, count=5))

    assert (3, None, 3) == (len(first.planned), again.unit_id, len(again.already))
    assert (3, 2) == (len(more.already), len(more.planned))
    run(run_out(corp, store, outbox))
    assert [3, 2] == [len(r) for r in corp.messages()]


def test_own_id(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A unit planned again under an id of the caller's stays as it is."""
    way = NewContactWay(type=1, user=["zhang"])
    first = plan(store, outbox, CONTACT_WAY, way, unit_id="poster-7")
    again = plan(store, outbox, CONTACT_WAY, attrs.evolve(way, remark="另一个"), unit_id="poster-7")

    assert "poster-7" == first.unit_id == again.unit_id
    assert "另一个" not in unit(store, outbox, "poster-7").request


def test_rolled_back(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A plan goes with the caller's transaction."""
    with pytest.raises(ZeroDivisionError), store.begin() as conn:
        outbox.plan(conn, BROADCAST, text_message(corp), owner="x", subjects=[(c, "s", "") for c in corp.customers[:3]])
        raise ZeroDivisionError

    with store.read() as conn:
        assert () == outbox.units(conn)
        assert outbox.next_at(conn) is None


def _planned(store: Store, outbox: AsyncOutbox, request: NewMessage) -> dict[str, Any]:
    report = plan(store, outbox, BROADCAST, request)
    return json.loads(unit(store, outbox, report.unit_id).request)


def test_marks(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """The mark goes into the query of the first link that has room, or into a mini program's page."""
    program = MiniProgram("商城", pic_media_id="m", appid="wx1", page="pages/index")
    link = Link(title="新品", url="https://shop.example/new?from=wecom#top")
    long = Link(title="长", url="https://shop.example/?" + "x" * 2020)
    bodies: list[str] = []
    for i, attachments in enumerate([[link, program], [long, link], [program]]):
        message = NewMessage(attachments=attachments, sender="zhang", external_userid=[corp.customers[i]])
        bodies.append(json.dumps(_planned(store, outbox, message)))

    assert ["from=wecom&pd=" in bodies[0], "#top" in bodies[0], "pages/index?pd=" in bodies[0]] == [True, True, False]
    assert ["xxx&pd" in bodies[1], "from=wecom&pd=" in bodies[1]] == [False, True]
    assert "pages/index?pd=" in bodies[2]


@pytest.mark.parametrize(
    ("kind", "request_", "subjects", "message"),
    [
        (BROADCAST, NewMessage(text="x", external_userid=["wm1"]), ["wm1"], "name the sender"),
        (BROADCAST, NewMessage(text="x", sender="zhang"), [], "name the recipients"),
        (BROADCAST, NewMessage(text="x", sender="zhang", external_userid=["wm1"]), ["wm2"], "just the recipients"),
        (BROADCAST, NewMessage(text="x", sender="z", external_userid=["wm1"]), ["wm1", "wm1"], "stands twice"),
        (CONTACT_WAY, NewContactWay(type=1, user=["zhang"], remark="十" * 19), [], "at most 18"),
        (CONTACT_WAY, NewContactWay(type=1, user=["zhang"]), ["wm1"], "no customer"),
        (CORP_TAG, AddTagsRequest(["a"], group_name="b"), ["wm1"], "no customer"),
        (WELCOME, WelcomeRequest("code", "hi"), ["wm1", "wm2"], "for one customer"),
    ],
)
def test_refused(
    store: Store, outbox: AsyncOutbox, kind: Kind[Any, Any], request_: Any, subjects: list[str], message: str
) -> None:
    """A request that could not be looked up, or is about somebody else, is refused before anything is stored."""
    with pytest.raises(UsageError, match=message):
        plan(store, outbox, kind, request_, subjects=[Subject(s, "a") for s in subjects])
    with store.read() as conn:
        assert () == outbox.units(conn)


def test_wrong_request(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A request of another kind is refused before anything is stored: a message to one must not become a moment."""
    with pytest.raises(UsageError, match=r"^a moment takes a NewMoment, not a NewMessage$"):
        plan(store, outbox, MOMENT, text_message(corp), subjects=[])
    with pytest.raises(UsageError, match=r"^a welcome takes a WelcomeRequest, not a dict$"):
        plan(store, outbox, WELCOME, {"welcome_code": "code"})
    with store.read() as conn:
        assert () == outbox.units(conn)


def test_policy_by_name(store: Store, outbox: AsyncOutbox) -> None:
    """A policy may be given by its name, and is the same then."""
    way = NewContactWay(type=1, user=["zhang"])

    assert Policy.RESEND is unit(store, outbox, plan(store, outbox, CONTACT_WAY, way, policy="resend").unit_id).policy


def test_refused_transfer(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A transfer is about just its customers, and in the lane of its pair."""
    with pytest.raises(UsageError, match="just the customers"):
        plan(store, outbox, TRANSFER, transfer(corp), subjects=[])
    with pytest.raises(UsageError, match="leave lane= out"):
        plan(store, outbox, TRANSFER, transfer(corp), lane="mine")


def test_unknown_kind(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A kind that nobody registered cannot be planned."""

    class Other(type(BROADCAST)):  # type: ignore[misc]
        name = "other"

    with pytest.raises(UsageError, match="knows no kind 'other'"):
        plan(store, outbox, Other(), text_message(corp))


def test_drop(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A unit that was not called can be dropped, once and alone, and the same planned again."""
    report = plan(store, outbox, BROADCAST, text_message(corp))
    other = plan(store, outbox, TRANSFER, transfer(corp), subjects=[(c, "wave", "") for c in corp.customers[:3]])
    assert report.unit_id is not None
    with store.begin() as conn:
        assert outbox.drop(conn, report.unit_id)
        assert not outbox.drop(conn, report.unit_id)
    dropped = unit(store, outbox, report.unit_id)
    assert (UnitState.DROPPED, None, corp.box.clock.now()) == (dropped.state, dropped.due_at, dropped.settled_at)
    assert UnitState.READY == unit(store, outbox, other.unit_id).state
    again = plan(store, outbox, BROADCAST, text_message(corp))
    run(run_out(corp, store, outbox))

    assert 3 == len(again.planned)
    assert 1 == len(corp.messages())
    assert UnitState.DROPPED == unit(store, outbox, report.unit_id).state
    assert 3 == len(items(store, outbox, other.unit_id))
    with store.begin() as conn:
        assert not outbox.drop(conn, again.unit_id or "")


def test_drop_in_doubt(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Dropped after a call that may have arrived, the same cannot be planned again."""
    report = plan(store, outbox, BROADCAST, text_message(corp))
    with store.begin() as conn:
        conn.execute(update(outbox_unit).values(suspect=True))
        assert outbox.drop(conn, report.unit_id or "")

    assert dict.fromkeys(corp.customers[:3], ("dropped", None)) == items(store, outbox, report.unit_id)
    assert not plan(store, outbox, BROADCAST, text_message(corp)).planned


def test_another_corps(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """What one corp of a database has planned, suppressed or parked, another one neither sees nor touches."""
    stranger = Corp(1)
    theirs = stranger.outbox(BlockingPort(transport=stranger.box.transport, clock=corp.box.clock), store)
    report = plan(store, outbox, BROADCAST, text_message(corp))
    assert report.unit_id is not None
    with store.begin() as conn:
        outbox.suppress(conn, corp.customers[3:5], reason="asked not to")
        theirs.allow(conn, corp.customers[3:5])
        assert not theirs.drop(conn, report.unit_id)
        assert (1, 0) == (len(outbox.units(conn)), len(theirs.units(conn)))
        assert theirs.next_at(conn) is None
        with pytest.raises(UsageError, match="no unit"):
            theirs.unit(conn, report.unit_id)
        planned = theirs.plan(
            conn, BROADCAST, text_message(corp, count=5), owner="x", subjects=[(c, "b", "") for c in corp.customers[:5]]
        )
    assert (5, 0) == (len(planned.planned), len(planned.suppressed))
    assert 2 == len(plan(store, outbox, BROADCAST, text_message(corp, count=5)).suppressed)


def test_suppressed_again(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Who is suppressed twice has the last reason, and one word lifts it, for them alone."""
    with store.begin() as conn:
        outbox.suppress(conn, corp.customers[:2], reason="first")
        outbox.suppress(conn, corp.customers[:1], reason="last")
        assert ["last", "first"] == list(conn.scalars(select(suppression.c.reason).order_by(suppression.c.subject)))
        outbox.allow(conn, corp.customers[:1])

    report = plan(store, outbox, BROADCAST, text_message(corp))
    assert [corp.customers[1]] == [s.subject for s in report.suppressed]


def test_narrowed(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A request goes out for those only who were not planned before, and else as it was: groups and transfers too."""
    groups = [corp.box.add_group(owner="zhang") for _ in range(3)]
    for count in (1, 3):
        message = NewMessage(text="通知", sender="zhang", chat_type=ChatType.GROUP, chat_id_list=groups[:count])
        sent = plan(store, outbox, BROADCAST, message)
        subjects = [(c, "wave", "") for c in corp.customers[:count]]
        handed = plan(store, outbox, TRANSFER, transfer(corp, count), subjects=subjects)
    request = json.loads(unit(store, outbox, sent.unit_id).request)
    moved = json.loads(unit(store, outbox, handed.unit_id).request)

    assert ("通知", groups[1:]) == (request["text"]["content"], request["chat_id_list"])
    assert ("zhang", "li", corp.customers[1:3]) == (
        moved["handover_userid"],
        moved["takeover_userid"],
        moved["external_userid"],
    )


def test_units(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Units are found by owner, lane and state; an unknown id says so; reprs show neither content nor people."""
    plan(store, outbox, BROADCAST, link_message(corp), owner="sop")
    report = plan(store, outbox, TRANSFER, transfer(corp), subjects=[(c, "wave", "") for c in corp.customers[:3]])
    with store.read() as conn:
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, owner="sop")]
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, lane="message:zhang")]
        assert ["broadcast", "transfer"] == [u.kind for u in outbox.units(conn, states=[UnitState.READY])]
        assert [] == list(outbox.units(conn, states=[UnitState.CALLING]))
        assert ["broadcast"] == [u.kind for u in outbox.units(conn, limit=1)]
        shown = repr((outbox.units(conn), report, outbox))
        with pytest.raises(UsageError, match="no unit nothing"):
            outbox.unit(conn, "nothing")
    assert not [secret for secret in ("看看", "shop.example", corp.customers[0]) if secret in shown]
    assert "<3>" in shown


def test_not_before(corp: Corp, store: Store, on_port: OnPort) -> None:
    """A unit is not called before its time."""
    later = corp.box.clock.now() + timedelta(hours=3)

    async def scenario(port: Port) -> GateReport:
        outbox = corp.outbox(port, store)
        report = plan(store, outbox, BROADCAST, text_message(corp), not_before=later)
        assert not await outbox.tick()
        with store.read() as conn:
            assert later == outbox.next_at(conn)
        corp.box.advance_to(later)
        assert 1 == (await outbox.tick()).confirmed
        assert {("sent", None)} == set(items(store, outbox, report.unit_id).values())
        return report

    assert later == on_port(scenario, transport=corp.box.transport, clock=corp.box.clock).due_at


# What is stored.


def test_row(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A unit begins unarmed, untried and due at once, with its policy and a mark of its own."""
    now = corp.box.clock.now()
    way = NewContactWay(type=1, user=["zhang"])
    report = plan(store, outbox, CONTACT_WAY, way, unit_id="u1", owner="sop", category="news", policy=Policy.RESEND)

    held, ours = unit(store, outbox, "u1"), f"{corp.box.corp_id}/u1"
    nonce = hashlib.sha256(ours.encode()).hexdigest()[:10]
    words = f"contact_way/{CONTACT_WAY.fingerprint(way)}"
    assert GateReport("u1", due_at=now) == report
    assert json.loads(held.request)["remark"] == f"#{nonce}"
    assert (
        bare_unit(
            CONTACT_WAY,
            way,
            corp_id=corp.box.corp_id,
            owner="sop",
            state=UnitState.READY,
            policy=Policy.RESEND,
            request=held.request,
            fingerprint=hashlib.sha256(words.encode()).hexdigest(),
            nonce=nonce,
            attempt=0,
            created_at=now,
            due_at=now,
            armed_at=None,
        )
        == held
    )


def test_ledger_rows(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A row says of whom, for what, when and whether it counts: a message in its category, a transfer in none."""
    now = corp.box.clock.now()
    later = now + timedelta(days=1)
    sent = plan(store, outbox, BROADCAST, text_message(corp, count=2), category="news", not_before=later)
    moved = plan(
        store, outbox, TRANSFER, transfer(corp, 1), subjects=[(corp.customers[0], "wave", "1")], category="news"
    )
    with store.read() as conn:
        columns = [c for c in ledger.c if c.name != "corp_id"]
        rows = [tuple(row) for row in conn.execute(select(*columns).order_by(ledger.c.step, ledger.c.subject))]
        categories = {u.kind: (u.category, u.lane) for u in outbox.units(conn)}
        assert {corp.box.corp_id} == set(conn.scalars(select(ledger.c.corp_id)))

    assert [
        *(("hello", c, "", sent.unit_id, "planned", None, True, "news", later) for c in sorted(corp.customers[:2])),
        ("wave", corp.customers[0], "1", moved.unit_id, "planned", None, False, "", now),
    ] == rows
    assert {"broadcast": ("news", "message:zhang"), "transfer": ("", "transfer:zhang:li")} == categories


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("unit_id", 64),
        ("owner", 64),
        ("category", 32),
        ("lane", 255),
        ("subject", 64),
        ("step", 128),
        ("occurrence", 64),
    ],
)
def test_longest_keys(corp: Corp, store: Store, outbox: AsyncOutbox, field: str, longest: int) -> None:
    """What would not fit into its column is refused by name, on every database; what just fits is planned."""
    short = {"subject": "wm", "step": "s", "occurrence": "o"}

    def planned(text: str) -> GateReport:
        subjects: list[tuple[str, str, str]] = []
        options: dict[str, Any] = {}
        request: Any = WelcomeRequest("code", "hi")
        kind: Kind[Any, Any] = WELCOME
        if field in short:
            subjects = [Subject(**(short | {field: text}))]
        elif field == "lane":
            request, kind, options = NewContactWay(type=1, user=["zhang"]), CONTACT_WAY, {"lane": text}
        else:
            options = {field: text}
        return plan(store, outbox, kind, request, subjects=subjects, **options)

    said = f"the {field} of a subject" if field in short else field
    with pytest.raises(UsageError, match=f"^{said} has {longest + 1} characters, and at most {longest} fit$"):
        planned("x" * (longest + 1))
    assert planned("x" * longest).unit_id is not None


def test_longest_of_a_kind(corp: Corp, store: Store) -> None:
    """A name or a lane of a kind of one's own that would not fit into its column is refused, on every database."""

    class Named(ContactWayKind):
        name = "n" * 33

    class Laned(ContactWayKind):
        name = "laned"

        def lane(self, request: NewContactWay) -> str:
            return "l" * 256

    kinds = [Named(), Laned()]
    wecom = corp.wecom(BlockingPort(transport=corp.box.transport, clock=corp.box.clock))
    outbox = AsyncOutbox(wecom, store, kinds=kinds)
    for kind, said in zip(kinds, ("name of this kind has 33", "lane of this request has 256"), strict=True):
        with pytest.raises(UsageError, match=f"^the {said} characters, and at most"):
            plan(store, outbox, kind, NewContactWay(type=1, user=["zhang"]))


def test_longest_of_several(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Of several subjects the longest counts, wherever it stands."""
    rows = [Subject(c, step) for c, step in zip(corp.customers[:3], ("t", "s" * 129, "u"), strict=True)]

    with pytest.raises(UsageError, match="the step of a subject has 129 characters"):
        plan(store, outbox, BROADCAST, text_message(corp), subjects=rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit_id": ""}, "unit_id is empty"),
        ({"category": ""}, "the category is empty"),
        ({"not_before": datetime(2026, 8, 3)}, "must be aware"),  # noqa: DTZ001
        ({"lane": "mine"}, "takes the lane 'message:zhang': leave lane= out"),
        ({"policy": "retry"}, "no policy 'retry': give Policy.PARK or Policy.RESEND"),
        ({"policy": ""}, "no policy ''"),
    ],
)
def test_mistakes(corp: Corp, store: Store, outbox: AsyncOutbox, options: dict[str, Any], message: str) -> None:
    """What means nothing is refused, and nothing is stored."""
    with pytest.raises(UsageError, match=message):
        plan(store, outbox, BROADCAST, text_message(corp), **options)
    with store.read() as conn:
        assert () == outbox.units(conn)
        assert [] == list(conn.execute(select(ledger)))


def test_step_of_staff(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """The step of what staff send on their own is not for plans, be it of one subject only."""
    rows = [Subject(c, step) for c, step in zip(corp.customers[:3], ("a", STEP, "b"), strict=True)]

    with pytest.raises(UsageError, match="call yours otherwise"):
        plan(store, outbox, BROADCAST, text_message(corp), subjects=rows)


def test_named_lane(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A lane may be named where the kind leaves it open, and where it is the kind's own; else it is the unit's."""
    way = NewContactWay(type=1, user=["zhang"])
    lanes = [
        unit(store, outbox, plan(store, outbox, kind, request, **options).unit_id).lane
        for kind, request, options in (
            (CONTACT_WAY, way, {"lane": "mine"}),
            (BROADCAST, text_message(corp), {"lane": "message:zhang"}),
            (CONTACT_WAY, way, {"unit_id": "u1"}),
        )
    ]

    assert ["mine", "message:zhang", "u1"] == lanes


@pytest.mark.parametrize("step", ["hello", "another"])
def test_own_id_at_once(corp: Corp, store: Store, outbox: AsyncOutbox, step: str) -> None:
    """Planned under one id in two transactions at once, the second one finds the unit there, and writes nothing."""
    rows = tuple(Subject(c, step) for c in corp.customers[1:4])
    request = attrs.evolve(transfer(corp), external_userid=tuple(row.subject for row in rows))
    first = [Subject(c, "hello") for c in corp.customers[:3]]

    with ThreadPoolExecutor(1) as pool:
        with store.begin() as conn:
            assert outbox.plan(conn, TRANSFER, transfer(corp), owner="x", subjects=first, unit_id="u1").planned
            second = pool.submit(plan, store, outbox, TRANSFER, request, subjects=rows, unit_id="u1")
            # Until it waits for this transaction: in SQLite for the file, in PostgreSQL for a row.
            with suppress(FutureTimeout):
                second.result(timeout=0.5)
        report = second.result(timeout=60)

    assert GateReport("u1", already=rows) == report
    assert set(corp.customers[:3]) == set(items(store, outbox, "u1"))
    assert json.loads(unit(store, outbox, "u1").request)["external_userid"] == corp.customers[:3]
    with store.read() as conn:
        assert 3 == len(conn.execute(select(ledger)).all())


def test_own_id_of_two_corps(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Of two corps that plan under one id at once, the second one is told so."""
    stranger = Corp(1)
    theirs = stranger.outbox(BlockingPort(transport=stranger.box.transport, clock=stranger.box.clock), store)
    way = NewContactWay(type=1, user=["zhang"])

    with ThreadPoolExecutor(1) as pool:
        with store.begin() as conn:
            outbox.plan(conn, CONTACT_WAY, way, owner="x", unit_id="u1")
            second = pool.submit(plan, store, theirs, CONTACT_WAY, way, unit_id="u1")
            with suppress(FutureTimeout):
                second.result(timeout=0.5)
        with pytest.raises(UsageError, match="another corp of this database has a unit 'u1'"):
            second.result(timeout=60)


@pytest.mark.parametrize("held", [1, 3])
def test_own_id_held_back(corp: Corp, store: Store, outbox: AsyncOutbox, held: int) -> None:
    """Under an id of the caller's a unit is for those who pass the gate, and there is none if nobody does."""
    with store.begin() as conn:
        outbox.suppress(conn, corp.customers[:held], reason="asked not to")
    report = plan(store, outbox, BROADCAST, text_message(corp), unit_id="u1")

    with store.read() as conn:
        units = outbox.units(conn)
    if held == 3:
        assert (None, ()) == (report.unit_id, units)
    else:
        same = plan(store, outbox, BROADCAST, text_message(corp, count=3), subjects=_again(corp), unit_id="u1")
        assert ("u1", 3) == (same.unit_id, len(same.already))
        assert [corp.customers[1:3]] == [json.loads(u.request)["external_userid"] for u in units]


def test_own_id_narrowed(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Under an id of the caller's a transfer is known by those whom it is for in the end."""
    plan(store, outbox, TRANSFER, transfer(corp, 1))
    plan(store, outbox, TRANSFER, transfer(corp), unit_id="u1")
    left = attrs.evolve(transfer(corp), external_userid=tuple(corp.customers[1:3]))
    words = f"transfer/{TRANSFER.fingerprint(left)}"

    assert hashlib.sha256(words.encode()).hexdigest() == unit(store, outbox, "u1").fingerprint


def test_own_id_narrowed_mark(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Under an id of the caller's a message keeps its mark when it goes to fewer."""
    plan(store, outbox, BROADCAST, link_message(corp, count=1))
    plan(store, outbox, BROADCAST, link_message(corp), unit_id="u1")
    planned = unit(store, outbox, "u1")
    request = json.loads(planned.request)

    assert corp.customers[1:3] == request["external_userid"]
    assert planned.nonce in request["attachments"][0]["link"]["url"]


def _again(corp: Corp) -> list[Subject]:
    return [Subject(c, "hello", "2") for c in corp.customers[:3]]


def test_own_id_again(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """Planned again under an id of the caller's, all subjects are there already; another corp's id is refused."""
    rows = tuple(Subject(c, "hello") for c in corp.customers[:3])
    first = plan(store, outbox, BROADCAST, text_message(corp), unit_id="u1")
    stranger = Corp(1)
    theirs = stranger.outbox(BlockingPort(transport=stranger.box.transport, clock=stranger.box.clock), store)

    assert rows == first.planned
    assert GateReport("u1", already=rows) == plan(store, outbox, BROADCAST, text_message(corp), unit_id="u1")
    with pytest.raises(UsageError, match="another corp of this database has a unit 'u1'"):
        plan(store, theirs, BROADCAST, text_message(corp), unit_id="u1")


def test_due(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """What is not to be called before a moment that is past is due now."""
    now = corp.box.clock.now()

    assert now == plan(store, outbox, BROADCAST, text_message(corp), not_before=now - timedelta(hours=1)).due_at


def test_who_is_left(corp: Corp, store: Store, outbox: AsyncOutbox) -> None:
    """A report names each subject once, in the order given, and what is held back has a row without a unit."""
    first = plan(store, outbox, BROADCAST, text_message(corp, count=1))
    with store.begin() as conn:
        outbox.suppress(conn, [corp.customers[2]], reason="asked not to")
    rows = [Subject(c, "hello") for c in reversed(corp.customers[:4])]
    report = plan(store, outbox, BROADCAST, text_message(corp, count=4), subjects=rows)

    assert (corp.box.clock.now(), (rows[0], rows[2])) == (report.due_at, report.planned)
    assert ((rows[1],), (rows[3],), ()) == (report.suppressed, report.already, report.capped)
    request = json.loads(unit(store, outbox, report.unit_id).request)
    assert {corp.customers[1], corp.customers[3]} == set(request["external_userid"])
    with store.read() as conn:
        of = {row.subject: row.unit_id for row in conn.execute(select(ledger))}
    assert {
        corp.customers[0]: first.unit_id,
        corp.customers[1]: report.unit_id,
        corp.customers[2]: None,
        corp.customers[3]: report.unit_id,
    } == of


def test_by_category(corp: Corp, store: Store) -> None:
    """A message passes the rules and the list of its own category; a call that reaches nobody passes no gate."""
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
    outbox = corp.outbox(port, store, gate=Gate(cap=None, rules=[FrequencyRule(0, "day", "survey")]))
    with store.begin() as conn:
        outbox.suppress(conn, corp.customers[:1], reason="no news", category="news")
        outbox.suppress(conn, corp.customers[1:2], reason="nothing at all")

    def planned(kind: Kind[Any, Any], request: Any, category: str) -> list[str]:
        rows = [Subject(c, kind.name, category) for c in corp.customers[:3]]
        report = plan(store, outbox, kind, request, subjects=rows, category=category)
        return [s.subject for s in report.planned]

    assert [] == planned(BROADCAST, text_message(corp), "survey")
    assert corp.customers[2:3] == planned(BROADCAST, text_message(corp), "news")
    assert [corp.customers[0], corp.customers[2]] == planned(BROADCAST, text_message(corp), "offers")
    assert corp.customers[:3] == planned(TRANSFER, transfer(corp), "survey")
