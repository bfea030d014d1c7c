"""Corp tags, and who wears them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.sandbox.conftest import Api, sign_in


def test_library(api: Api) -> None:
    """Groups and tags come with the larger order first."""
    api.post("add_corp_tag", group_name="A", order=1, tag=[{"name": "x"}, {"name": "y", "order": 9}])
    api.post("add_corp_tag", group_name="B", order=5, tag=[{"name": "x"}, {"name": "x"}])
    groups = api.post("get_corp_tag_list")["tag_group"]

    assert [(group["group_name"], [tag["name"] for tag in group["tag"]]) for group in groups] == [
        ("B", ["x"]),
        ("A", ["y", "x"]),
    ]
    assert "deleted" not in groups[0]


def test_add_to_group(api: Api) -> None:
    """Tags join a group by its id or its name; the answer lists only the new ones."""
    first = api.post("add_corp_tag", group_name="A", tag=[{"name": "x"}])["tag_group"]
    by_id = api.post("add_corp_tag", group_id=first["group_id"], tag=[{"name": "y"}])["tag_group"]
    by_name = api.post("add_corp_tag", group_name="A", tag=[{"name": "z"}])["tag_group"]

    assert [[tag["name"] for tag in group["tag"]] for group in (by_id, by_name)] == [["y"], ["z"]]
    assert first["group_id"] == by_id["group_id"] == by_name["group_id"]


def test_add_refused(api: Api) -> None:
    """A name that exists is 40071, one too long 40072, none 41018, an unknown group 40068."""
    api.add_tags("x", group="A")

    def code(**body: object) -> int:
        return api.post("add_corp_tag", **body)["errcode"]

    assert code(group_name="A", tag=[{"name": "x"}]) == 40071
    assert code(group_name="A", tag=[{"name": "x" * 31}]) == 40072
    assert code(group_name="A", tag=[]) == 41018
    assert code(group_name="A", tag=[{}]) == 41018
    assert code(tag=[{"name": "x"}]) == 40063
    assert code(group_id="etNo", tag=[{"name": "x"}]) == 40068
    assert code(group_name="A", tag=[{"name": "z", "order": 2**32}]) == 40058
    assert code(group_name="A", tag=["z"]) == 40058


def test_edit(api: Api) -> None:
    """Tags and groups are renamed and re-ordered; a name taken is 40071."""
    x, y = api.add_tags("x", "y", group="A")
    group = api.post("get_corp_tag_list")["tag_group"][0]["group_id"]

    assert api.post("edit_corp_tag", id=x, name="z", order=3)["errcode"] == 0
    assert api.post("edit_corp_tag", id=group, name="B")["errcode"] == 0
    assert api.post("edit_corp_tag", id=y, name="z")["errcode"] == 40071
    assert api.post("edit_corp_tag", id="etNo", name="z")["errcode"] == 40068
    assert _names(api) == ("B", ["z", "y"])
    assert api.box.pending_callbacks == 0


def _names(api: Api) -> tuple[str, list[str]]:
    group = api.post("get_corp_tag_list")["tag_group"][0]
    return group["group_name"], [tag["name"] for tag in group["tag"]]


def test_delete(api: Api) -> None:
    """A deleted tag falls off every customer; the last one takes its group with it; ids still answer."""
    x, y = api.add_tags("x", "y", group="A")
    customer = api.box.add_customer(staff=["anna"], tags=[x, y])
    assert api.post("del_corp_tag", tag_id=[x])["errcode"] == 0
    assert [y] == [tag["tag_id"] for tag in api.get("get", external_userid=customer)["follow_user"][0]["tags"]]
    assert api.post("del_corp_tag", tag_id=[y])["errcode"] == 0

    assert api.post("get_corp_tag_list")["tag_group"] == []
    group = api.post("get_corp_tag_list", tag_id=[x])["tag_group"][0]
    assert (group["deleted"], group["tag"][0]["deleted"]) == (True, True)
    assert api.post("mark_tag", userid="anna", external_userid=customer, add_tag=[x])["errcode"] == 40068


def test_delete_group(api: Api) -> None:
    """Deleting a group deletes its tags; asking by group lists them, deleted."""
    api.add_tags("x", "y", group="A")
    group = api.post("get_corp_tag_list")["tag_group"][0]["group_id"]
    assert api.post("del_corp_tag", group_id=[group])["errcode"] == 0

    listed = api.post("get_corp_tag_list", group_id=[group], tag_id=["ignored"])["tag_group"][0]
    assert [tag["deleted"] for tag in listed["tag"]] == [True, True]
    assert [
        api.post("del_corp_tag", tag_id=["etNo"])["errcode"],
        api.post("get_corp_tag_list", tag_id=["etNo"])["errcode"],
        api.post("del_corp_tag")["errcode"],
        api.post("get_corp_tag_list", group_id=["etNo"])["errcode"],
    ] == [40068, 40068, 40063, 40068]


def test_foreign_tags(corp: Callable[..., Api]) -> None:
    """The app may not touch tags that an admin made, unless the rules let it; it may put them on customers."""
    api = corp()
    tag = api.box.admin_adds_tags("A", ["x"])["x"]
    customer = api.box.add_customer(staff=["anna"])

    assert api.post("edit_corp_tag", id=tag, name="z")["errcode"] == 81011
    assert api.post("del_corp_tag", tag_id=[tag])["errcode"] == 81011
    assert api.post("mark_tag", userid="anna", external_userid=customer, add_tag=[tag])["errcode"] == 0
    api.box.change_rules(edit_foreign_tags=True)
    assert api.post("edit_corp_tag", id=tag, name="z")["errcode"] == 0


def test_deleted_before_assigned(corp: Callable[..., Api]) -> None:
    """A tag that was deleted while a customer waited to be assigned does not come back with them."""
    api = corp(transfer_copies_tags=True)
    x, y = api.add_tags("x", "y", group="A")
    customer = api.box.add_customer(staff=["anna"], tags=[x, y])
    api.box.staff_resigns("anna")
    api.post("del_corp_tag", tag_id=[x])
    body = {"handover_userid": "anna", "takeover_userid": "ben", "external_userid": [customer]}
    assert 0 == api.post("resigned/transfer_customer", **body)["customer"][0]["errcode"]
    api.box.advance(timedelta(hours=24))

    [follow] = sign_in(api.box, api.client).get("get", external_userid=customer)["follow_user"]
    assert ("ben", [y]) == (follow["userid"], [tag["tag_id"] for tag in follow["tags"]])


def test_deleted_by_hand(api: Api) -> None:
    """Staff cannot put a tag on a customer that was deleted."""
    x = api.add_tags("x")[0]
    customer = api.box.add_customer(staff=["anna"])
    api.post("del_corp_tag", tag_id=[x])

    with pytest.raises(ValueError, match=x):
        api.box.staff_edits_customer("anna", customer, add_tags=[x])
    assert [] == api.get("get", external_userid=customer)["follow_user"][0]["tags"]


def test_mark(api: Api) -> None:
    """Tags stand on one relation; putting one on twice changes nothing, and no event is fired."""
    x, y = api.add_tags("x", "y")
    customer = api.box.add_customer(staff=["anna", "ben"])
    for change in ({"add_tag": [x, y]}, {"add_tag": [x]}, {"remove_tag": [y]}):
        assert api.post("mark_tag", userid="anna", external_userid=customer, **change)["errcode"] == 0

    state = api.box.state()["customers"][customer]["followers"]
    assert ([x], ["x"], []) == (state["anna"]["tags"], state["anna"]["tag_names"], state["ben"]["tags"])
    assert [((x, y), ()), ((), ()), ((), (y,))] == [(e.added, e.removed) for e in api.box.record.tag_changes]
    assert api.box.pending_callbacks == 0


def test_mark_refused(api: Api) -> None:
    """mark_tag needs a relation, tags that exist, and something to do."""
    x = api.add_tags("x")[0]
    customer = api.box.add_customer(staff=["anna"])

    def code(**change: object) -> int:
        return api.post("mark_tag", **{"userid": "anna", "external_userid": customer, "add_tag": [x], **change})[
            "errcode"
        ]

    assert code(userid="ben") == 84061
    assert code(userid="nobody") == 60111
    assert code(external_userid="wmNo") == 40096
    assert code(add_tag=["etNo"]) == 40068
    assert code(add_tag=[]) == 40063
    assert code(userid=None) == 41009
    assert code(external_userid="") == 41035


def test_staff_in_any_case(api: Api) -> None:
    """An id of staff is the same in capitals or not, however the staff were named at first."""
    api.box.add_staff("ZhangSan")
    customer = api.box.add_customer(staff=["ZhangSan"])
    (tag,) = api.add_tags("x", group="A")

    for spelling in ("zhangsan", "ZHANGSAN", "ZhangSan"):
        assert 0 == api.post("mark_tag", userid=spelling, external_userid=customer, add_tag=[tag])["errcode"]


def test_admins_keep_to_the_limits_too(api: Api) -> None:
    """A name that is missing, too long or taken is refused in the console as well, and nothing is made or told."""
    tags = api.box.admin_adds_tags("等级", ["a", "b"])
    told = len(api.box.record.events)
    for wrong in (
        lambda: api.box.admin_adds_tags("等级", ["a"]),
        lambda: api.box.admin_adds_tags("等级", []),
        lambda: api.box.admin_adds_tags("等级", ["x" * 31]),
        lambda: api.box.admin_adds_tags("", ["c"]),
        lambda: api.box.admin_adds_tags("来源", ["c", ""]),
        lambda: api.box.admin_edits_tag(tags["a"], name="b"),
        lambda: api.box.admin_edits_tag(tags["a"], name=""),
        lambda: api.box.admin_edits_tag(tags["a"], name="x" * 31),
    ):
        with pytest.raises(ValueError):
            wrong()

    assert {"a", "b"} == {tag["name"] for tag in api.post("get_corp_tag_list")["tag_group"][0]["tag"]}
    assert told == len(api.box.record.events)
