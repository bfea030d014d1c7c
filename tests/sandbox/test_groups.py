"""Customer groups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in


def test_listing(api: Api) -> None:
    """Groups are listed by owner, page by page; a limit is required; dissolved ones are gone."""
    groups = [api.box.add_group(name=f"g{i}", owner="anna") for i in range(3)]
    api.box.add_group(owner="ben")
    body = {"limit": 2, "owner_filter": {"userid_list": ["anna"]}}
    first = api.post("groupchat/list", **body)
    last = api.post("groupchat/list", **body, cursor=first["next_cursor"])

    assert [{"chat_id": g, "status": 0} for g in groups] == first["group_chat_list"] + last["group_chat_list"]
    assert 4 == len(api.post("groupchat/list", limit=10)["group_chat_list"])
    assert [] == api.post("groupchat/list", limit=10, status_filter=1)["group_chat_list"]
    api.box.dismiss_group(groups[0])
    assert 3 == len(api.post("groupchat/list", limit=10)["group_chat_list"])
    assert [40058, 40058] == [api.post("groupchat/list", limit=n)["errcode"] for n in (None, 1001)]


def test_get(api: Api) -> None:
    """A group shows its members, with names on request, and a version that changes with them."""
    customer = api.box.add_customer(name="王五", staff=["anna"], unionid="o1")
    group = api.box.create_group("福利群", owner="anna", members=["ben", "stranger"])
    before = api.post("groupchat/get", chat_id=group)["group_chat"]
    api.box.join_group(group, [customer])
    after = api.post("groupchat/get", chat_id=group, need_name=1)["group_chat"]

    assert [("anna", 1), ("ben", 1), ("stranger", 2)] == [(m["userid"], m["type"]) for m in before["member_list"]]
    assert "name" not in before["member_list"][0]
    assert ["Anna", "Ben", "", "王五"] == [m["name"] for m in after["member_list"]]
    assert (3, "o1") == (after["member_list"][3]["join_scene"], after["member_list"][3]["unionid"])
    assert before["member_version"] != after["member_version"]


def test_life(api: Api) -> None:
    """People leave, the name changes, the group is dissolved: each fires an event."""
    group = api.box.create_group(owner="anna", members=["ben"])
    api.box.leave_group(group, ["ben"])
    api.box.rename_group(group, "VIP群")
    assert ("VIP群", ["anna"]) == (
        api.post("groupchat/get", chat_id=group)["group_chat"]["name"],
        [m["userid"] for m in api.post("groupchat/get", chat_id=group)["group_chat"]["member_list"]],
    )
    api.box.dismiss_group(group)

    assert 4 == api.box.pending_callbacks
    assert [49008, 40050, 86201] == [api.post("groupchat/get", chat_id=i)["errcode"] for i in (group, "wrNo", "")]


def test_mistakes(api: Api) -> None:
    """A group needs staff who own it, and nobody leaves who is not in it."""
    group = api.box.add_group("wrX", owner="anna")
    for wrong in (
        lambda: api.box.add_group("wrX", owner="anna"),
        lambda: api.box.add_group(owner="nobody"),
        lambda: api.box.leave_group(group, ["ben"]),
        lambda: api.box.rename_group("wrNo", "x"),
    ):
        with pytest.raises(ValueError):
            wrong()


def _events(api: Api, group: str) -> list[dict[str, str]]:
    told = (dict(event.fields) for event in api.box.record.events if event.event == "change_external_chat")
    return [fields for fields in told if fields["ChatId"] == group and "UpdateDetail" in fields]


def _members(api: Api, group: str) -> dict[str, tuple[int, int, str]]:
    rows = sign_in(api.box, api.client).post("groupchat/get", chat_id=group)["group_chat"]["member_list"]
    return {m["userid"]: (m["join_time"], m["join_scene"], m.get("invitor", {}).get("userid", "")) for m in rows}


def test_how_people_join(api: Api) -> None:
    """The event tells only invited or scanned, by numbers of its own; the group tells who was invited, how and by whom."""
    group = api.box.add_group(owner="anna")
    now = int(api.box.clock.now().timestamp())
    for scene, who in enumerate(("wmA", "wmB", "wmC"), start=1):
        api.box.join_group(group, [who], scene=scene)

    assert ["0", "0", "3"] == [event["JoinScene"] for event in _events(api, group)]
    members = _members(api, group)
    assert [(now, 1, "anna"), (now, 2, "anna"), (now, 3, "")] == [members[who] for who in ("wmA", "wmB", "wmC")]
    with pytest.raises(ValueError, match="scene"):
        api.box.join_group(group, ["wmD"], scene=0)


def test_who_is_there_does_not_join(api: Api) -> None:
    """Nobody joins twice: they came when they came, and no event counts them."""
    group = api.box.add_group(owner="anna", members=["wmA"])
    before = _members(api, group)["wmA"]
    api.box.advance(timedelta(hours=1))
    api.box.join_group(group, ["wmA"])
    assert [] == _events(api, group)
    api.box.join_group(group, ["wmA", "wmB", "wmB"])

    [event] = _events(api, group)
    assert ("1", "wmB") == (event["MemChangeCnt"], event["MemChangeList"])
    assert before == _members(api, group)["wmA"]


def test_how_people_leave(api: Api) -> None:
    """By themselves, or because an admin removes them; if one of them is not there, nobody leaves."""
    group = api.box.add_group(owner="anna", members=["wmA", "wmB"])
    with pytest.raises(ValueError, match="wmC is not in the group"):
        api.box.leave_group(group, ["wmA", "wmC"])
    assert [] == _events(api, group)
    assert {"anna", "wmA", "wmB"} == set(_members(api, group))
    api.box.leave_group(group, ["wmA"])
    api.box.leave_group(group, ["wmB", "wmB"], scene=1)

    assert [("0", "1"), ("1", "1")] == [(event["QuitScene"], event["MemChangeCnt"]) for event in _events(api, group)]
    with pytest.raises(ValueError, match="scene"):
        api.box.leave_group(group, ["anna"], scene=3)


def test_owner_and_notice_by_hand(api: Api) -> None:
    """The owner gives the group to staff who are in it, and writes a notice: each fires its event, without members."""
    group = api.box.add_group(owner="anna", members=["ben", "wmA"])
    api.box.change_group_owner(group, "ben")
    api.box.change_group_notice(group, "周五上新")
    shown = sign_in(api.box, api.client).post("groupchat/get", chat_id=group)["group_chat"]

    assert ("ben", "周五上新") == (shown["owner"], shown["notice"])
    assert [
        {"ChatId": group, "UpdateDetail": "change_owner"},
        {"ChatId": group, "UpdateDetail": "change_notice"},
    ] == _events(api, group)
    for wrong in ("wmA", "chen", "nobody", "ben"):
        with pytest.raises(ValueError):
            api.box.change_group_owner(group, wrong)


def test_a_mistake_changes_nothing(corp: Callable[..., Api]) -> None:
    """Where one of several is not in the group, or it cannot hold them all, nobody leaves or joins."""
    api = corp(group_size=3)
    group = api.box.add_group(owner="anna", members=["ben"])
    with pytest.raises(ValueError, match="chen is not in the group"):
        api.box.leave_group(group, ["ben", "chen"])
    with pytest.raises(ValueError, match="full"):
        api.box.join_group(group, ["chen", "wmX"])

    assert ["anna", "ben"] == [
        m["userid"] for m in api.post("groupchat/get", chat_id=group)["group_chat"]["member_list"]
    ]
    assert [] == api.box.record.events


def test_too_many_owners_to_list(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more staff are visible than 1,000, owners must be named."""
    monkeypatch.setattr(limits, "GROUPS_UNFILTERED_STAFF", 2)
    group = api.box.add_group(owner="anna")
    named = {"owner_filter": {"userid_list": ["anna"]}}

    assert 81017 == api.post("groupchat/list", limit=9)["errcode"]
    assert 81017 == api.post("groupchat/list", limit=9, owner_filter={"userid_list": []})["errcode"]
    assert [group] == [row["chat_id"] for row in api.post("groupchat/list", limit=9, **named)["group_chat_list"]]


def _give(api: Api, *groups: str, to: str) -> dict[str, int]:
    answer = sign_in(api.box, api.client).post("groupchat/onjob_transfer", chat_id_list=list(groups), new_owner=to)
    assert answer["errcode"] == 0, answer
    return {row["chat_id"]: row["errcode"] for row in answer["failed_chat_list"]}


def _owner(api: Api, group: str) -> str:
    return sign_in(api.box, api.client).post("groupchat/get", chat_id=group)["group_chat"]["owner"]


def test_give(api: Api) -> None:
    """Groups get a new owner at once, without an event; those that cannot are named, each with an errcode."""
    groups = [api.box.add_group(owner="anna") for _ in range(3)]
    bens = api.box.add_group(owner="ben")
    api.box.dismiss_group(groups[2])

    assert {groups[2]: 49008, bens: 90504, "wrNo": 90501} == _give(api, *groups, bens, "wrNo", to="ben")
    assert ["ben", "ben"] == [_owner(api, group) for group in groups[:2]]
    members = api.post("groupchat/get", chat_id=groups[0])["group_chat"]["member_list"]
    assert [("anna", 1), ("ben", 1)] == [(m["userid"], m["type"]) for m in members]
    assert [0, 0, 49008, 90504, 90501] == [entry.errcode for entry in api.box.record.group_transfers]
    assert 1 == api.box.pending_callbacks


def test_give_later(corp: Callable[..., Api]) -> None:
    """Where WeCom takes its time, the group is on its way until then."""
    api = corp(group_transfer_time=timedelta(hours=1))
    group = api.box.add_group(owner="anna")

    assert {} == _give(api, group, to="ben")
    assert ("anna", {group: 90507}) == (_owner(api, group), _give(api, group, to="ben"))
    api.box.advance(timedelta(hours=1))
    assert "ben" == _owner(api, group)


def test_give_limits(corp: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice in 90 days for each group, and so many of one owner a day."""
    monkeypatch.setattr(limits, "GROUP_TRANSFERS_PER_OWNER_AND_DAY", 2)
    api = corp()
    groups = [api.box.add_group(owner="anna") for _ in range(3)]

    assert {groups[2]: 45009} == _give(api, *groups, to="ben")
    api.box.advance(timedelta(days=1))
    assert {} == _give(api, groups[2], to="ben")
    assert {} == _give(api, groups[0], to="anna")
    assert {groups[0]: 40128} == _give(api, groups[0], to="ben")
    api.box.advance(timedelta(days=90))
    assert {} == _give(api, groups[0], to="ben")


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40063, {"chat_id_list": []}),
        (40058, {"chat_id_list": ["wr"] * 101}),
        (41009, {"new_owner": ""}),
        (60111, {"new_owner": "nobody"}),
        (84074, {"new_owner": "dora"}),
    ],
)
def test_give_nothing(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Some mistakes refuse the whole call."""
    api.box.add_staff("dora", serving=False)

    assert (
        errcode
        == api.post("groupchat/onjob_transfer", **{"chat_id_list": ["wr"], "new_owner": "ben", **change})["errcode"]
    )
