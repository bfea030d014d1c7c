"""Tags of customer strategies."""

from __future__ import annotations

import httpx
import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in, staffed
from tests.sandbox.test_strategies import ANNA, BEN, create, party


def _add(api: Api, strategy_id: int, *names: str, group: str = "等级") -> list[str]:
    answer = api.post(
        "add_strategy_tag", strategy_id=strategy_id, group_name=group, tag=[{"name": name} for name in names]
    )
    assert answer["errcode"] == 0, answer
    return [tag["id"] for tag in answer["tag_group"]["tag"]]


def _groups(api: Api, **query: object) -> list[tuple[str, list[str]]]:
    groups = api.post("get_strategy_tag_list", **query)["tag_group"]
    return [(group["group_name"], [tag["name"] for tag in group["tag"]]) for group in groups]


def test_add(api: Api) -> None:
    """Tags go to a new group, to one of this name in this strategy, or to one by id; names given twice count once."""
    one, other = create(api, "customer_strategy"), create(api, "customer_strategy")
    answer = api.post(
        "add_strategy_tag",
        strategy_id=one,
        group_name="A",
        order=3,
        tag=[{"name": "x", "order": 1}, {"name": "x"}, {"name": "y", "order": 2}],
    )["tag_group"]
    _add(api, one, "z", group="A")
    _add(api, other, "x", group="A")
    body = {"strategy_id": one, "group_id": answer["group_id"], "group_name": "ignored", "tag": [{"name": "w"}]}
    assert 0 == api.post("add_strategy_tag", **body)["errcode"]

    assert ("A", 3, ["y", "x"]) == (answer["group_name"], answer["order"], [tag["name"] for tag in answer["tag"]])
    assert {"st"} == {tag["id"][:2] for tag in answer["tag"]}
    assert [("A", ["y", "x", "z", "w"])] == _groups(api, strategy_id=one)
    assert [("A", ["x"])] == _groups(api, strategy_id=other)
    assert {one, other} == {group["strategy_id"] for group in api.post("get_strategy_tag_list")["tag_group"]}


def test_add_refused(api: Api) -> None:
    """Only a strategy at the top takes tags, and only its own groups."""
    one, other = create(api, "customer_strategy"), create(api, "customer_strategy")
    child = create(api, "customer_strategy", parent_id=one)
    _add(api, one, "x", group="A")
    _add(api, other, "x", group="B")
    foreign = api.post("get_strategy_tag_list", strategy_id=other)["tag_group"][0]["group_id"]

    def code(**change: object) -> int:
        body = {"strategy_id": one, "group_name": "A", "tag": [{"name": "z"}], **change}
        return api.post("add_strategy_tag", **body)["errcode"]

    assert [40063, 40058, 40058, 40071, 40072, 41018, 40063, 40068, 40058] == [
        code(strategy_id=None),
        code(strategy_id=99),
        code(strategy_id=child),
        code(tag=[{"name": "x"}]),
        code(tag=[{"name": "z" * 31}]),
        code(tag=[]),
        code(group_name=""),
        code(group_id=foreign),
        code(order=2**32),
    ]


def test_list(api: Api) -> None:
    """A group comes with all its tags, a tag alone; with both, the tag is ignored; a larger order comes first."""
    strategy_id = create(api, "customer_strategy")
    x, _ = _add(api, strategy_id, "x", "y", group="A")
    _add(api, strategy_id, "z", group="B")
    groups = {g["group_name"]: g["group_id"] for g in api.post("get_strategy_tag_list")["tag_group"]}
    assert 0 == api.post("edit_strategy_tag", id=groups["B"], order=9)["errcode"]

    assert [("B", ["z"]), ("A", ["x", "y"])] == _groups(api)
    assert [("A", ["x"])] == _groups(api, tag_id=[x])
    assert [("B", ["z"])] == _groups(api, tag_id=[x], group_id=[groups["B"]])
    assert [40068, 40068, 40058] == [
        api.post("get_strategy_tag_list", tag_id=["stNo"])["errcode"],
        api.post("get_strategy_tag_list", group_id=["etNo"])["errcode"],
        api.post("get_strategy_tag_list", strategy_id=99)["errcode"],
    ]


def test_edit(api: Api) -> None:
    """Names are unique within a group, and groups within a strategy."""
    one, other = create(api, "customer_strategy"), create(api, "customer_strategy")
    x, y = _add(api, one, "x", "y", group="A")
    _add(api, other, "x", group="B")
    group = api.post("get_strategy_tag_list", strategy_id=one)["tag_group"][0]["group_id"]
    _add(api, one, "v", group="C")
    codes = [
        api.post("edit_strategy_tag", id=x, name="y")["errcode"],
        api.post("edit_strategy_tag", id=group, name="C")["errcode"],
        api.post("edit_strategy_tag", id="stNo", name="z")["errcode"],
        api.post("edit_strategy_tag", name="z")["errcode"],
        api.post("edit_strategy_tag", id=group, name="B")["errcode"],
        api.post("edit_strategy_tag", id=y, name="z", order=4)["errcode"],
    ]

    assert [40071, 40071, 40068, 40068, 0, 0] == codes
    assert [("B", ["z", "x"]), ("C", ["v"])] == _groups(api, strategy_id=one)
    assert 0 == api.box.pending_callbacks


def test_delete(api: Api) -> None:
    """A deleted tag falls off every customer; the last one takes its group with it; then both are unknown."""
    strategy_id = create(api, "customer_strategy")
    x, y = _add(api, strategy_id, "x", "y", group="A")
    _add(api, strategy_id, "z", group="B")
    groups = {g["group_name"]: g["group_id"] for g in api.post("get_strategy_tag_list")["tag_group"]}
    customer = api.box.add_customer(staff=["anna"], tags=[x, y])
    assert 0 == api.post("del_strategy_tag", tag_id=[x])["errcode"]
    worn = [tag["tag_id"] for tag in api.get("get", external_userid=customer)["follow_user"][0]["tags"]]
    left = _groups(api)
    codes = [
        api.post("get_strategy_tag_list", tag_id=[x])["errcode"],
        api.post("del_strategy_tag", tag_id=[y], group_id=[groups["B"]])["errcode"],
        api.post("get_strategy_tag_list", tag_id=[x])["errcode"],
        api.post("get_strategy_tag_list", group_id=[groups["A"]])["errcode"],
        api.post("del_strategy_tag", tag_id=["stNo"])["errcode"],
        api.post("del_strategy_tag")["errcode"],
    ]

    assert [y] == worn
    assert [("A", ["y"]), ("B", ["z"])] == left
    assert [40068, 0, 40068, 40068, 40068, 40063] == codes
    assert [] == _groups(api)


def test_apart_from_corp_tags(api: Api) -> None:
    """Neither call knows the tags of the other, and the same name of a group stands for two."""
    strategy_id = create(api, "customer_strategy")
    (x,) = _add(api, strategy_id, "x", group="A")
    (y,) = api.add_tags("x", group="A")
    z = api.box.admin_adds_tags("A", ["z"])["z"]
    group = api.post("get_strategy_tag_list")["tag_group"][0]["group_id"]
    codes = [
        api.post("get_corp_tag_list", tag_id=[x])["errcode"],
        api.post("get_corp_tag_list", group_id=[group])["errcode"],
        api.post("edit_corp_tag", id=x, name="w")["errcode"],
        api.post("del_corp_tag", tag_id=[x])["errcode"],
        api.post("del_corp_tag", group_id=[group])["errcode"],
        api.post("add_corp_tag", group_id=group, tag=[{"name": "w"}])["errcode"],
        api.post("edit_strategy_tag", id=y, name="w")["errcode"],
        api.post("del_strategy_tag", tag_id=[z])["errcode"],
    ]

    assert [40068] * 8 == codes
    assert [[y, z]] == [[tag["id"] for tag in g["tag"]] for g in api.post("get_corp_tag_list")["tag_group"]]


def test_mark(api: Api) -> None:
    """Only staff in the strategy's range use its tags, departments expanded; such a tag is of type 3."""
    shop = api.box.add_department("门店")
    api.box.add_staff("dai", department=shop)
    strategy_id = create(api, "customer_strategy", ANNA, party(shop))
    (x,) = _add(api, strategy_id, "x")
    customer = api.box.add_customer(staff=["anna", "ben", "dai"])

    def mark(userid: str, **change: object) -> int:
        return api.post("mark_tag", userid=userid, external_userid=customer, **change)["errcode"]

    codes = [mark(userid, add_tag=[x]) for userid in ("anna", "dai", "ben")]
    shown = {
        follow["userid"]: [(tag["tag_id"], tag["type"]) for tag in follow["tags"]]
        for follow in api.get("get", external_userid=customer)["follow_user"]
    }
    with pytest.raises(ValueError, match="not in the range"):
        api.box.staff_edits_customer("ben", customer, add_tags=[x])
    api.box.staff_edits_customer("dai", customer, remove_tags=[x])
    api.post("customer_strategy/edit", strategy_id=strategy_id, range_add=[BEN], range_del=[ANNA])

    assert [0, 0, 81011] == codes
    assert {"anna": [(x, 3)], "ben": [], "dai": [(x, 3)]} == shown
    assert [81011, 0] == [mark("anna", remove_tag=[x]), mark("ben", add_tag=[x])]


def test_a_strategy_takes_its_tags_along(api: Api) -> None:
    """Nobody is in its range any more."""
    one, other = create(api, "customer_strategy"), create(api, "customer_strategy")
    (x,) = _add(api, one, "x")
    _add(api, other, "y")
    customer = api.box.add_customer(staff=["anna"], tags=[x])
    assert 0 == api.post("customer_strategy/del", strategy_id=one)["errcode"]

    assert [("等级", ["y"])] == _groups(api)
    assert [] == api.get("get", external_userid=customer)["follow_user"][0]["tags"]
    assert 40058 == api.post("get_strategy_tag_list", strategy_id=one)["errcode"]


def test_messages_and_moments(api: Api) -> None:
    """A mass message goes by strategy tags as well, a moment by corp tags only."""
    strategy_id = create(api, "customer_strategy")
    (x,) = _add(api, strategy_id, "x")
    api.box.add_customer("wmX", staff=["anna"], tags=[x])
    api.box.add_customer("wmY", staff=["anna"])
    api.send(sender="anna", tag_filter={"group_list": [{"tag_list": [x]}]})
    chosen = {"external_contact_list": {"tag_list": [x]}}
    job = api.post("add_moment_task", text={"content": "hi"}, visible_range=chosen)["jobid"]
    when = api.box.next_at()
    assert when is not None
    api.box.advance_to(when)
    result = api.get("get_moment_task_result", jobid=job)["result"]

    assert [("wmX",)] == [message.recipients for message in api.box.record.messages]
    assert [x] == result["invalid_external_contact_list"]["tag_list"]


def test_shared_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corp tags and strategy tags share their number."""
    monkeypatch.setattr(limits, "TAGS_PER_CORP", 2)
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        strategy_id = create(api, "customer_strategy")
        _add(api, strategy_id, "x")
        api.add_tags("y")
        body = {"group_name": "B", "tag": [{"name": "z"}]}
        codes = [
            api.post("add_strategy_tag", strategy_id=strategy_id, **body)["errcode"],
            api.post("add_corp_tag", **body)["errcode"],
        ]

    assert [40126, 40126] == codes
