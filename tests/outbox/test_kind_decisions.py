"""What each kind decides by itself: what it takes for the same, what an answer says, and what a lost call leaves."""

from __future__ import annotations

import json

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from privdom._port import BlockingPort, run
from privdom.errors import ApiError, MayHaveArrived, NotSent, PrivdomError, UsageError, api_error
from privdom.outbox import (
    CONTACT_WAY_UPDATE,
    CORP_TAG,
    GROUP_TRANSFER,
    JOIN_WAY,
    JOIN_WAY_UPDATE,
    MOMENT,
    REMARK,
    REMIND,
    WELCOME,
    Kind,
    UnitState,
)
from privdom.outbox.kind import Again, Candidate, Found, Lapsed, Unclear
from privdom.outbox.kinds._windows import windows
from privdom.outbox.rules import describe
from privdom.outbox.units import ItemState
from privdom.outbox.verdicts import Confirm, Done, Doubt, Item, Refuse, Release
from privdom.wecom._content import Image
from privdom.wecom._values import Done as Nothing
from privdom.wecom.codes import ContactWayUpdate
from privdom.wecom.contacts import RemarkRequest
from privdom.wecom.groups import FailedGroup, GroupsTransferred, TransferGroupsRequest
from privdom.wecom.join_ways import CreatedJoinWay, JoinWayUpdate, NewJoinWay
from privdom.wecom.messages import RemindRequest, WelcomeRequest
from privdom.wecom.moments import MomentJob, NewMoment
from privdom.wecom.tags import AddedTags, AddTagsRequest, Tag, TagGroup
from tests.outbox.corp import NOON, Corp, HookedPort, Points, bare_unit


WAY = NewJoinWay(chat_id_list=["wr1"], remark="海报")
GROUPS = TransferGroupsRequest(["wr1", "wr2"], "Li")
TAGS = AddTagsRequest(["甲", "乙"], group_name="等级")
CODE = WelcomeRequest("CODE", "欢迎")
GROUP = TagGroup("g1", "等级", tag=(Tag("t1", "甲"),))

EACH: dict[str, tuple[Kind[Any, Any], Any, Any, str | None]] = {
    "join_way": (JOIN_WAY, WAY, CreatedJoinWay("c1"), "c1"),
    "moment": (MOMENT, NewMoment("新品"), MomentJob("j1"), "j1"),
    "corp_tag": (CORP_TAG, TAGS, AddedTags(GROUP), None),
    "group_transfer": (GROUP_TRANSFER, GROUPS, GroupsTransferred(), None),
    "remind": (REMIND, RemindRequest("m1"), Nothing(), None),
    "remark": (REMARK, RemarkRequest("Zhang", "wm1", remark="新"), Nothing(), None),
    "contact_way_update": (CONTACT_WAY_UPDATE, ContactWayUpdate("c1", remark="新"), Nothing(), None),
    "join_way_update": (JOIN_WAY_UPDATE, JoinWayUpdate("c1", chat_id_list=["wr1"]), Nothing(), None),
    "welcome": (WELCOME, CODE, Nothing(), None),
}
ANSWERS: dict[str, Any] = {
    "join_way": {"config_id": "c1"},
    "moment": {"jobid": "j1"},
    "corp_tag": {"group_id": "g1", "group_name": "等级"},
    "group_transfer": [],
}


@pytest.mark.parametrize("what", EACH)
def test_read(what: str) -> None:
    """WeCom's answer is kept, and its id where it belongs to this call alone."""
    kind, request, answer, remote_id = EACH[what]

    done = kind.read(request, answer)

    assert (remote_id, {}) == (done.remote_id, done.items)
    assert kind.gives_id == (remote_id is not None)
    kept = json.loads(done.answer or "")
    match what:
        case "corp_tag":
            assert ANSWERS[what] == {name: kept["tag_group"][name] for name in ANSWERS[what]}
            assert [("t1", "甲")] == [(tag["id"], tag["name"]) for tag in kept["tag_group"]["tag"]]
        case "group_transfer":
            assert [] == kept.get("failed_chat_list", [])
        case _:
            assert ANSWERS.get(what, {}) == kept


def test_groups_that_failed() -> None:
    """A transfer's answer names the groups that stay, with the errcode of each."""
    answer = GroupsTransferred((FailedGroup("wr2", 90503),))

    done = GROUP_TRANSFER.read(GROUPS, answer)

    assert {"wr2": Item(ItemState.FAILED, 90503)} == done.items
    assert ["wr2"] == [group["chat_id"] for group in json.loads(done.answer or "")["failed_chat_list"]]


def test_lanes() -> None:
    """What must not be under way at once shares a lane; ids of staff have no case, secrets and contents stay out."""
    lanes = {what: kind.lane(request) for what, (kind, request, _, _) in EACH.items()}
    code = lanes.pop("welcome")

    assert {
        "join_way": None,
        "moment": "moment",
        "corp_tag": "corp_tag:等级",
        "group_transfer": "group_transfer",
        "remind": "remind:m1",
        "remark": "remark:zhang:wm1",
        "contact_way_update": "contact_way_update:c1",
        "join_way_update": "join_way_update:c1",
    } == lanes
    assert code is not None
    assert code.startswith("welcome:")
    assert "CODE" not in code
    assert len("welcome:") + 32 == len(code)
    assert code == WELCOME.lane(attrs.evolve(CODE, text="别的"))
    assert code != WELCOME.lane(WelcomeRequest("CODE2", "欢迎"))


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (GROUP_TRANSFER, GROUPS, TransferGroupsRequest(["wr2", "wr1"], "LI"), True),
        (GROUP_TRANSFER, GROUPS, TransferGroupsRequest(["wr1", "wr2"], "wang"), False),
        (GROUP_TRANSFER, GROUPS, TransferGroupsRequest(["wr1"], "li"), False),
        (WELCOME, CODE, WelcomeRequest("CODE", "别的"), True),
        (WELCOME, CODE, WelcomeRequest("CODE2", "欢迎"), False),
        (REMIND, RemindRequest("m1"), RemindRequest("m1"), True),
        (REMIND, RemindRequest("m1"), RemindRequest("m2"), False),
        (JOIN_WAY, WAY, attrs.evolve(WAY, remark="墙"), False),
        (MOMENT, NewMoment("一"), NewMoment("二"), False),
        (CONTACT_WAY_UPDATE, ContactWayUpdate("c1", remark="一"), ContactWayUpdate("c1", remark="二"), False),
        (CONTACT_WAY_UPDATE, ContactWayUpdate("c1", remark="一"), ContactWayUpdate("c2", remark="一"), False),
    ],
)
def test_same(kind: Kind[Any, Any], one: Any, other: Any, same: bool) -> None:
    """What a look-up can tell apart differs, and nothing else."""
    assert same == (kind.fingerprint(one) == kind.fingerprint(other))
    assert kind.fingerprint(one) == kind.fingerprint(attrs.evolve(one))


def test_shape_of_fingerprints() -> None:
    """Parts stay apart, so that no two requests run into one."""
    assert "li/wr1/wr2" == GROUP_TRANSFER.fingerprint(GROUPS)
    assert "corp_tag:等级/乙/甲" == CORP_TAG.fingerprint(TAGS)
    assert WELCOME.lane(CODE) == WELCOME.fingerprint(CODE)
    assert "m1" == REMIND.fingerprint(RemindRequest("m1"))
    lane, body = CONTACT_WAY_UPDATE.fingerprint(ContactWayUpdate("c1", remark="新")).split("/", 1)
    assert ("contact_way_update:c1", {"config_id": "c1", "remark": "新"}) == (lane, json.loads(body))
    assert "海报" == json.loads(JOIN_WAY.fingerprint(WAY))["remark"]
    assert "新品" == json.loads(MOMENT.fingerprint(NewMoment("新品")))["text"]["content"]


@pytest.mark.parametrize("chars", [200, 201])
def test_longest_id(chars: int) -> None:
    """An id of WeCom's may have 200 characters."""
    requests: list[tuple[Kind[Any, Any], Any]] = [
        (REMIND, RemindRequest("m" * chars)),
        (CONTACT_WAY_UPDATE, ContactWayUpdate("c" * chars, remark="x")),
        (JOIN_WAY_UPDATE, JoinWayUpdate("c" * chars, chat_id_list=["wr1"])),
    ]
    for kind, request in requests:
        if chars > 200:
            with pytest.raises(UsageError, match="201 characters"):
                kind.check(request, [])
        else:
            kind.check(request, [])


def test_whom_it_concerns() -> None:
    """A remark and a welcome may name their customer, or nobody."""
    remark = RemarkRequest("zhang", "wm1", remark="新")
    for subjects in ([], ["wm1"]):
        REMARK.check(remark, subjects)
        WELCOME.check(CODE, subjects)
    with pytest.raises(UsageError, match="one customer"):
        WELCOME.check(CODE, ["wm1", "wm2"])
    with pytest.raises(UsageError, match="name its customer"):
        REMARK.check(remark, ["wm1", "wm2"])


LOST = MayHaveArrived("no answer")
IN_WINDOW = timedelta(seconds=19)
TOO_LATE = timedelta(seconds=20)
USED = "the welcome code was used, or is older than 20 seconds"
PERHAPS = "too late, or used by an attempt that got no answer: nobody can tell"
_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("error", "after", "suspect", "expected"),
    [
        (api_error(41051), IN_WINDOW, False, Confirm(Done(None, None))),
        (api_error(41050), IN_WINDOW, False, Refuse(USED, 41050)),
        (api_error(41050), IN_WINDOW, True, Refuse(PERHAPS, 41050)),
        (LOST, IN_WINDOW, False, Release(_SECOND, "MayHaveArrived: no answer", doubt=True)),
        (LOST, TOO_LATE, True, Refuse(PERHAPS, None)),
        (NotSent("no route"), IN_WINDOW, False, Release(_SECOND, "NotSent: no route", doubt=False)),
        (NotSent("no route"), TOO_LATE, False, Refuse(USED, None)),
        (api_error(41096), IN_WINDOW, False, Release(_SECOND, describe(api_error(41096)), doubt=False)),
        (api_error(41096), TOO_LATE, False, Refuse(USED, 41096)),
        (api_error(40003), IN_WINDOW, True, Refuse(describe(api_error(40003)), 40003)),
        (api_error(45009), IN_WINDOW, False, Release(timedelta(minutes=8), describe(api_error(45009)))),
    ],
)
def test_welcome(error: PrivdomError, after: timedelta, suspect: bool, expected: Any) -> None:
    """Within 20 seconds a welcome is tried again every second; then it is over, whatever became of it."""
    unit = bare_unit(WELCOME, CODE, suspect=suspect, attempt=4)

    assert expected == WELCOME.judge(error, unit, NOON + after)


def test_tag_exists() -> None:
    """A tag that exists may be the doing of an earlier call, and is looked up at once."""
    unit = bare_unit(CORP_TAG, TAGS)

    assert Doubt("a tag of this name exists: looked up", timedelta(0)) == CORP_TAG.judge(api_error(40071), unit, NOON)
    assert CORP_TAG.judge(api_error(40068), unit, NOON) is None
    assert CORP_TAG.judge(LOST, unit, NOON) is None


def test_moments_in_a_crowd() -> None:
    """Too many jobs at once take a minute, then two."""
    crowd = api_error(41078)
    for attempt in (1, 2):
        verdict = MOMENT.judge(crowd, bare_unit(MOMENT, NewMoment("x"), attempt=attempt), NOON)
        assert Release(timedelta(minutes=attempt), describe(crowd)) == verdict
    assert MOMENT.judge(api_error(40003), bare_unit(MOMENT, NewMoment("x")), NOON) is None
    assert MOMENT.judge(LOST, bare_unit(MOMENT, NewMoment("x")), NOON) is None


def test_change_refused() -> None:
    """A change that is refused after a lost call says so, and keeps WeCom's errcode; any other verdict is as usual."""
    error, request = api_error(84061), RemarkRequest("zhang", "wm1", remark="新")
    said = describe(error)

    assert Refuse(said, 84061) == REMARK.judge(error, bare_unit(REMARK, request), NOON)
    assert Refuse(f"{said}; an earlier call of it may have been carried out", 84061) == REMARK.judge(
        error, bare_unit(REMARK, request, suspect=True), NOON
    )
    assert Doubt("MayHaveArrived: no answer") == REMARK.judge(LOST, bare_unit(REMARK, request, suspect=True), NOON)
    waits = Release(timedelta(seconds=4), "NotSent: x")
    assert waits == REMARK.judge(NotSent("x"), bare_unit(REMARK, request, attempt=3), NOON)


@pytest.mark.parametrize(
    ("errcode", "before", "doubts"),
    [
        (90504, {"wr1": "zhang", "wr2": "zhang"}, True),
        (90507, {"wr1": "zhang", "wr2": "zhang"}, True),
        (90504, {"wr1": "zhang", "wr2": "li"}, False),
        (90507, {"wr1": "zhang", "wr2": "li"}, False),
        (90504, None, True),
        (90503, {"wr1": "zhang", "wr2": "zhang"}, False),
    ],
)
def test_groups_in_doubt(errcode: int, before: dict[str, str] | None, doubts: bool) -> None:
    """Groups that have moved since the first call may be its doing; those that the new owner had before are not."""
    prepared = None if before is None else json.dumps(before)
    unit = bare_unit(GROUP_TRANSFER, GROUPS, prepared=prepared)

    said = GROUP_TRANSFER.doubts(unit, GroupsTransferred((FailedGroup("wr2", errcode), FailedGroup("wr1", 49008))))

    assert ("some groups have moved already, perhaps by an earlier call: looked up" if doubts else None) == said


def _find(kind: Kind[Any, Any], request: Any, corp: Corp | None = None, **values: Any) -> Any:
    corp = corp or Corp()
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)
    values.setdefault("created_at", corp.box.clock.now())
    values.setdefault("armed_at", corp.box.clock.now())
    unit = bare_unit(kind, request, **values)
    return run(kind.find(corp.wecom(port), unit, request, timedelta(seconds=60)))


@pytest.mark.parametrize("seconds", [0, 19, 20])
@pytest.mark.parametrize("suspect", [True, False])
def test_find_welcome(seconds: int, suspect: bool) -> None:
    """A lost welcome is sent again at once within its 20 seconds, and is over then."""
    corp = Corp()
    then = corp.box.clock.now() - timedelta(seconds=seconds)
    again = Again(timedelta(0), "WeCom sends a welcome message only once: called again")

    found = _find(WELCOME, CODE, corp, created_at=then, suspect=suspect)

    assert (again if seconds < 20 else Lapsed(PERHAPS if suspect else USED)) == found


def test_find_nothing() -> None:
    """What nothing tells is left to a person, or made again where a second one harms nobody or changes nothing."""
    again = Again(timedelta(seconds=4), "a second one leads to the same state: called again", ordered=True)

    assert Unclear("nothing at WeCom tells whether the staff were reminded") == _find(REMIND, RemindRequest("m1"))
    assert Unclear("WeCom lists no join ways", harmless=True) == _find(JOIN_WAY, WAY)
    assert again == _find(REMARK, RemarkRequest("zhang", "wm1", remark="新"), attempt=3)
    expected = Unclear("a lost job cannot be found again, nor a moment without a text")
    assert expected == _find(MOMENT, NewMoment("", [Image("m")]))


def _tagged(corp: Corp, names: list[str], group: str) -> str:
    answer: Any = corp.ask("add_corp_tag", group_name=group, tag=[{"name": name} for name in names])
    return str(answer["tag_group"]["group_id"])


@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize(
    ("there", "group", "found"),
    [
        (["甲", "乙"], "等级", 2),
        (["甲", "乙", "丙"], "等级", 2),
        (["甲", "丙"], "等级", 1),
        (["丙"], "等级", 0),
        (["甲", "乙"], "别的", 0),
    ],
)
def test_find_tags(there: list[str], group: str, found: int, by_id: bool) -> None:
    """All of the tags in their group are the call's, a part of them is for a person, and other groups do not count."""
    corp = Corp()
    group_id = _tagged(corp, there, group)
    other = _tagged(corp, ["丁"], "又一个")
    wanted = group_id if group == "等级" else other
    request = AddTagsRequest(["甲", "乙"], **({"group_id": wanted} if by_id else {"group_name": "等级"}))

    finding = _find(CORP_TAG, request, corp)

    if found == 2:
        (candidate,) = finding.candidates
        kept = json.loads(candidate.done.answer)["tag_group"]
        assert (True, None, group_id, ["甲", "乙"]) == (
            candidate.certain,
            candidate.done.remote_id,
            kept["group_id"],
            sorted(tag["name"] for tag in kept["tag"])[::-1],
        )
        assert Found((attrs.evolve(candidate),)) == finding
    else:
        assert (Unclear("only some of the tags exist") if found else Found()) == finding


BEFORE = {"wra": "zhang", "wrb": "zhang", "wrc": "li"}
KEPT = {"wrc": Item(ItemState.FAILED, 90504)}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (BEFORE, {"wra": "li", "wrb": "Li", "wrc": "li"}, KEPT),
        (BEFORE, {"wra": "li", "wrb": "zhang", "wrc": "li"}, {"wrb": Item(ItemState.UNSEEN), **KEPT}),
        (BEFORE, {"wra": "li", "wrb": "wang", "wrc": "li"}, {"wrb": Item(ItemState.UNSEEN), **KEPT}),
        (BEFORE, {"wra": "zhang", "wrb": "zhang", "wrc": "li"}, None),
        (BEFORE, {"wra": "zhang", "wrb": "wang", "wrc": "li"}, "somebody else"),
        (BEFORE, {"wra": "zhang", "wrb": None, "wrc": "li"}, None),
        (
            {"wra": "li", "wrb": "li", "wrc": "li"},
            {"wra": "li", "wrb": "li", "wrc": "li"},
            dict.fromkeys(["wra", "wrb", "wrc"], KEPT["wrc"]),
        ),
        ({"wra": "zhang", "wrc": "zhang"}, {"wra": "zhang", "wrb": "wang", "wrc": "zhang"}, "somebody else"),
        ({"wra": "zhang", "wrb": "li", "wrc": "li"}, {"wra": "zhang", "wrb": "zhang", "wrc": "li"}, "somebody else"),
    ],
)
def test_find_groups(before: dict[str, str], now: dict[str, str | None], expected: Any) -> None:
    """Groups that the new owner has got since the call are moved by it; whose owner changed otherwise, by others."""
    corp = Corp()
    corp.box.add_staff("wang")
    for chat_id, owner in now.items():
        if owner is not None:
            corp.box.add_group(chat_id, owner=owner.lower())

    finding = _find(
        GROUP_TRANSFER, TransferGroupsRequest(["wra", "wrb", "wrc"], "LI"), corp, prepared=json.dumps(before)
    )

    match expected:
        case str():
            reason = "somebody else has changed the owner of some groups meanwhile: a repeat would undo that"
            assert Unclear(reason) == finding
        case None:
            assert Found() == finding
        case _:
            assert Found((Candidate(Done(None, None, expected), certain=True),)) == finding


def test_groups_unread() -> None:
    """Where nobody knows who owned the groups before, nothing can be told; once told, it is not asked again."""
    unread = _find(GROUP_TRANSFER, GROUPS)
    settled = _find(GROUP_TRANSFER, GROUPS, state=UnitState.CONFIRMED, prepared="{}")

    assert Unclear("it is not known who owned the groups before the call") == unread
    assert Found() == settled


def test_owners_before() -> None:
    """Before the call it is read who owns each group, without case; groups that are gone are left out."""
    corp = Corp()
    corp.box.add_staff("Wang")
    corp.box.add_group("wr1", owner="Wang")
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)

    assert {"wr1": "wang"} == json.loads(run(GROUP_TRANSFER.prepare(corp.wecom(port), GROUPS)))


def test_find_moments() -> None:
    """Of the corp's moments since the call those of its text are shown to a person; blanks make no difference."""
    corp = Corp(moment_job_time=timedelta(0))
    began = corp.box.clock.now()
    for text in ("新品 到店", "新品\n到店", "别的"):
        corp.ask("add_moment_task", text={"content": text})
        corp.box.advance(timedelta(days=20))

    found = _find(MOMENT, NewMoment("新品  到店"), corp, armed_at=began)

    mine = sorted(m.moment_id for m in corp.box.record.moments[:2])
    assert mine == sorted(c.done.remote_id for c in found.candidates)
    assert all(c == Candidate(Done(c.done.remote_id, None), certain=False) for c in found.candidates)
    assert "a lost job cannot be found again; moments of its text that WeCom shows: 2" == found.reason


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0, []), (1, [(0, 1)]), (48, [(0, 48)]), (49, [(0, 48), (48, 49)]), (96, [(0, 48), (48, 96)])],
)
def test_windows(hours: int, expected: list[tuple[int, int]]) -> None:
    """A time is cut into windows without a gap, none of them longer than asked."""

    def at(hour: int) -> datetime:
        return NOON + timedelta(hours=hour)

    assert [(at(a), at(b)) for a, b in expected] == list(windows(NOON, at(hours), days=2))


def test_known_join_way() -> None:
    """A join way that a person names is recorded as if WeCom had answered; one that WeCom does not have is refused."""
    corp = Corp()
    config_id = str(corp.ask("groupchat/add_join_way", scene=2, chat_id_list=corp.groups)["config_id"])
    port = BlockingPort(transport=corp.box.transport, clock=corp.box.clock)

    done = run(JOIN_WAY.known(corp.wecom(port), config_id))

    assert (config_id, {"config_id": config_id}) == (done.remote_id, json.loads(done.answer or ""))
    with pytest.raises(ApiError):
        run(JOIN_WAY.known(corp.wecom(port), "nothing"))


def test_what_most_share() -> None:
    """A kind that says nothing of its own prepares nothing, marks nothing, doubts nothing and undoes nothing."""
    corp = Corp()
    wecom = corp.wecom(BlockingPort(transport=corp.box.transport, clock=corp.box.clock))
    request = RemindRequest("m1")

    assert request is REMIND.narrow(request, set())
    assert request is REMIND.mark(request, "NONCE")
    assert JOIN_WAY.lane(WAY) is None
    assert "" == run(REMIND.prepare(wecom, request))
    assert REMIND.doubts(bare_unit(REMIND, request), Nothing()) is None
    assert REMIND.judge(LOST, bare_unit(REMIND, request), NOON) is None
    assert Done("x", None) == run(REMIND.known(wecom, "x"))
    assert run(REMIND.undo(wecom, "x")) is False


class _Listed(HookedPort):
    """A port that keeps what the lists of moments were asked."""

    def __init__(self, port: Any) -> None:
        super().__init__(port, Points())
        self.asked: list[tuple[int, int, int | None]] = []

    async def send(self, request: Any) -> Any:
        if request.url.path.endswith("get_moment_list"):
            body = json.loads(request.content)
            self.asked.append((body["start_time"], body["end_time"], body.get("filter_type")))
        return await self._port.send(request)


def test_where_moments_are_sought() -> None:
    """The list is asked for all the time since the call, further by the clocks' difference, without a gap of a second."""
    corp = Corp()
    began = corp.box.clock.now()
    corp.box.advance(timedelta(days=40))
    port: Any = _Listed(BlockingPort(transport=corp.box.transport, clock=corp.box.clock))
    unit = bare_unit(MOMENT, NewMoment("新品"), armed_at=began)

    run(MOMENT.find(corp.wecom(port), unit, NewMoment("新品"), timedelta(seconds=60)))

    first, last = int(began.timestamp()) - 60, int(corp.box.clock.now().timestamp()) + 60
    between = first + 29 * 24 * 3600
    assert [(first - 1, between, 0), (between - 1, last, 0)] == port.asked


def test_groups_left() -> None:
    """Of a transfer of groups those remain that were not planned before, and the new owner stays."""
    assert TransferGroupsRequest(["wr2"], "Li") == GROUP_TRANSFER.narrow(GROUPS, {"wr2", "wr3"})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (CONTACT_WAY_UPDATE, "a change of a contact way concerns no customer: leave subjects= out"),
        (JOIN_WAY_UPDATE, "a change of a join way concerns no customer: leave subjects= out"),
        (CORP_TAG, "making tags concerns no customer: leave subjects= out"),
        (MOMENT, "a moment is aimed at staff and tags, never at customers by name: leave subjects= out, and give a"),
    ],
)
def test_nobody_to_name(kind: Kind[Any, Any], said: str) -> None:
    """What concerns no customer says so, and what to do instead."""
    with pytest.raises(UsageError, match=f"^{said}.* unit_id to plan it only once$"):
        kind.check(EACH[kind.name][1], ["wm1"])
