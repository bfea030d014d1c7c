"""Groups whose owners left, and groups by what a mini program knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in, staffed


@pytest.fixture
def orphaned() -> Iterator[Api]:
    """Return a client of a corp in process, from which staff can be taken."""
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://qyapi.weixin.qq.com") as client:
        yield sign_in(box, client)


def give(api: Api, *groups: str, to: str = "ben", path: str = "groupchat/transfer") -> dict[str, int]:
    answer = sign_in(api.box, api.client).post(path, chat_id_list=list(groups), new_owner=to)
    assert answer["errcode"] == 0, answer
    return {row["chat_id"]: row["errcode"] for row in answer["failed_chat_list"]}


def status(api: Api, *owners: str, **body: object) -> dict[str, int]:
    chosen = {"owner_filter": {"userid_list": list(owners)}} if owners else {}
    rows = sign_in(api.box, api.client).post("groupchat/list", limit=100, **chosen, **body)["group_chat_list"]
    return {row["chat_id"]: row["status"] for row in rows}


def test_inherit(orphaned: Api) -> None:
    """Groups of owners who left go to another, without an event; what cannot go is named with an errcode."""
    group, gone, bens = (orphaned.box.add_group(owner=owner) for owner in ("anna", "anna", "ben"))
    orphaned.box.dismiss_group(gone)
    orphaned.box.staff_resigns("anna")

    assert {gone: 49008, bens: 90500, "wrNo": 90501} == give(orphaned, group, gone, bens, "wrNo")
    assert "ben" == orphaned.post("groupchat/get", chat_id=group)["group_chat"]["owner"]
    assert {group: 90508} == give(orphaned, group, to="chen")
    assert [0, 49008, 90500, 90501, 90508] == [entry.errcode for entry in orphaned.box.record.group_transfers]
    assert 1 == orphaned.box.pending_callbacks


def test_status(orphaned: Api) -> None:
    """The list shows how far a group is; with an owner who left, only where the owner is named."""
    orphaned.box.change_rules(group_transfer_time=timedelta(hours=1))
    group, bens = orphaned.box.add_group(owner="anna"), orphaned.box.add_group(owner="ben")
    orphaned.box.staff_resigns("anna")
    waiting = status(orphaned, "anna")
    assert {bens: 0} == status(orphaned)
    assert {} == give(orphaned, group)
    assert {group: 90507} == give(orphaned, group)
    running = status(orphaned, "anna", status_filter=2)
    assert {} == status(orphaned, "anna", status_filter=1)
    orphaned.box.advance(timedelta(hours=1))

    assert ({group: 1}, {group: 2}) == (waiting, running)
    assert {group: 3, bens: 0} == status(orphaned, "ben")
    assert {group: 3} == status(orphaned, status_filter=3)
    nobody = sign_in(orphaned.box, orphaned.client).post(
        "groupchat/list", limit=1, owner_filter={"userid_list": ["anna"]}
    )
    assert 60111 == nobody["errcode"]


def test_owners_in_any_case(orphaned: Api) -> None:
    """Who left is known by the userid in upper and lower case, as who is at work."""
    group = orphaned.box.add_group(owner="anna")
    orphaned.box.staff_resigns("anna")

    assert {group: 1} == status(orphaned, "ANNA")
    orphaned.box.add_staff("ANNA")
    assert {group: 1} == status(orphaned, "anna")
    assert {} == give(orphaned, group)


def test_after_a_year(orphaned: Api) -> None:
    """Groups of owners who left more than a year ago stay where they are."""
    groups = [orphaned.box.add_group(owner="anna") for _ in range(2)]
    orphaned.box.staff_resigns("anna")
    orphaned.box.advance(timedelta(days=365))
    assert {} == give(orphaned, groups[0])
    orphaned.box.advance(timedelta(seconds=1))

    assert {groups[1]: 40205} == give(orphaned, groups[1])


def test_the_other_transfer(orphaned: Api) -> None:
    """Owners who left have a call of their own."""
    group = orphaned.box.add_group(owner="anna")
    orphaned.box.staff_resigns("anna")

    assert {group: 90502} == give(orphaned, group, path="groupchat/onjob_transfer")


def test_many_a_day(orphaned: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many groups of one owner a day."""
    monkeypatch.setattr(limits, "GROUP_TRANSFERS_PER_OWNER_AND_DAY", 1)
    groups = [orphaned.box.add_group(owner="anna") for _ in range(2)]
    orphaned.box.staff_resigns("anna")

    assert {groups[1]: 45009} == give(orphaned, *groups)
    orphaned.box.advance(timedelta(days=1))
    assert {} == give(orphaned, groups[1])


def test_who_left_publishes_nothing(orphaned: Api) -> None:
    """Whoever leaves while a moment is made has no task of it, and whoever leaves later does not do theirs."""
    jobid = orphaned.post("add_moment_task", text={"content": "hi"})["jobid"]
    orphaned.box.staff_resigns("anna")
    orphaned.box.advance(timedelta(seconds=10))
    moment_id = orphaned.get("get_moment_task_result", jobid=jobid)["result"]["moment_id"]
    orphaned.box.staff_resigns("ben")
    orphaned.box.advance(timedelta(hours=3))

    tasks = sign_in(orphaned.box, orphaned.client).post("get_moment_task", moment_id=moment_id)["task_list"]
    assert [("ben", 0), ("chen", 1)] == [(task["userid"], task["publish_status"]) for task in tasks]


def test_an_inherited_group_can_be_given_twice(orphaned: Api) -> None:
    """What a group went through without its owner is none of the two transfers in 90 days."""
    group = orphaned.box.add_group(owner="anna")
    orphaned.box.staff_resigns("anna")
    onjob = "groupchat/onjob_transfer"

    assert {} == give(orphaned, group)
    assert [{}, {}] == [give(orphaned, group, to=to, path=onjob) for to in ("chen", "ben")]
    assert {group: 40128} == give(orphaned, group, to="chen", path=onjob)


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
def test_mistakes(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Some mistakes refuse the whole call."""
    api.box.add_staff("dora", serving=False)
    body = {"chat_id_list": ["wr"], "new_owner": "ben", **change}

    assert errcode == api.post("groupchat/transfer", **body)["errcode"]


def test_at_work(api: Api) -> None:
    """Groups of owners at work stay."""
    group = api.box.add_group(owner="anna")

    assert {group: 90500} == give(api, group)


def test_opengid(api: Api) -> None:
    """A mini program knows the same group by the same id, which leads to the group while there is one."""
    group, other = api.box.add_group(owner="anna"), api.box.add_group(owner="anna")
    opengid = api.box.open_mini_program(group)
    found = api.post("opengid_to_chatid", opengid=opengid)["chat_id"]
    again = api.box.open_mini_program(group)
    different = api.box.open_mini_program(other)
    api.box.dismiss_group(group)

    assert group == found
    assert opengid == again != different
    codes = [api.post("opengid_to_chatid", opengid=i)["errcode"] for i in (opengid, "oGno", "")]
    assert [49008, 90511, 40063] == codes
    with pytest.raises(ValueError):
        api.box.open_mini_program(group)
