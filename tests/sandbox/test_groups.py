"""Customer groups."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import Api


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
