"""Intercept rules, and what staff who are under one can send."""

from __future__ import annotations

import httpx
import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in, staffed


def _body(**change: object) -> dict[str, object]:
    return {
        "rule_name": "飞单",
        "word_list": ["加我微信"],
        "intercept_type": 1,
        "applicable_range": {"user_list": ["anna"]},
        **change,
    }


def _add(api: Api, **change: object) -> str:
    answer = api.post("add_intercept_rule", **_body(**change))
    assert answer["errcode"] == 0, answer
    return answer["rule_id"]


def test_life(api: Api) -> None:
    """A rule is made, listed, read, changed in part and deleted; a deleted one is told apart from one that never was."""
    rule_id = _add(api, semantics_list=[1, 1, 2])
    made = api.post("get_intercept_rule", rule_id=rule_id)["rule"]
    listed = api.get("get_intercept_rule_list")["rule_list"]
    change = {
        "rule_name": "私单",
        "word_list": ["私下", "私下", "转账"],
        "intercept_type": 2,
        "add_applicable_range": {"user_list": ["BEN"], "department_list": [1]},
        "remove_applicable_range": {"user_list": ["anna"]},
    }
    again = [api.post("update_intercept_rule", rule_id=rule_id, **change)["errcode"] for _ in range(2)]
    after = api.post("get_intercept_rule", rule_id=rule_id)["rule"]
    kept = api.box.state()["intercept_rules"]
    gone = [api.post(f"{verb}_intercept_rule", rule_id=rule_id)["errcode"] for verb in ("del", "del", "get", "update")]
    unknown = [api.post(f"{verb}_intercept_rule", rule_id="no")["errcode"] for verb in ("del", "get", "update")]

    extra = {"semantics_list": [1, 2]}
    nobody = {"department_list": []}
    assert {"rule_id": rule_id, "rule_name": "飞单", "word_list": ["加我微信"], "extra_rule": extra} == {
        name: made[name] for name in ("rule_id", "rule_name", "word_list", "extra_rule")
    }
    assert ({"user_list": ["anna"], **nobody}, 1) == (made["applicable_range"], made["intercept_type"])
    assert [{"rule_id": rule_id, "rule_name": "飞单", "create_time": made["create_time"]}] == listed
    assert [0, 0] == again
    assert {
        **made,
        "rule_name": "私单",
        "word_list": ["私下", "转账"],
        "intercept_type": 2,
        "applicable_range": {"user_list": ["ben"], "department_list": [1]},
    } == after
    assert {
        rule_id: {
            "name": "私单",
            "words": ["私下", "转账"],
            "semantics": [1, 2],
            "type": 2,
            "users": ["ben"],
            "departments": [1],
        }
    } == kept
    assert [0, 41071, 41071, 41071] == gone
    assert [41070] * 3 == unknown
    assert [] == api.get("get_intercept_rule_list")["rule_list"]


def test_staff_who_resigned(api: Api) -> None:
    """A rule shows only staff whom the app can see."""
    rule_id = _add(api, applicable_range={"user_list": ["anna", "ben"]})
    api.box.staff_resigns("ben")

    shown = api.post("get_intercept_rule", rule_id=rule_id)["rule"]["applicable_range"]
    assert {"user_list": ["anna"], "department_list": []} == shown


def test_a_change_of_some(api: Api) -> None:
    """What is left out stays, an empty list of words is ignored, an empty semantics_list clears it."""
    rule_id = _add(api, semantics_list=[1])
    before = api.post("get_intercept_rule", rule_id=rule_id)["rule"]
    same = [
        api.post("update_intercept_rule", rule_id=rule_id, **change)["errcode"]
        for change in ({}, {"word_list": []}, {"extra_rule": {}})
    ]
    after = api.post("get_intercept_rule", rule_id=rule_id)["rule"]
    cleared = api.post("update_intercept_rule", rule_id=rule_id, extra_rule={"semantics_list": []})["errcode"]

    assert [0, 0, 0, 0] == [*same, cleared]
    assert before == after
    assert [] == api.post("get_intercept_rule", rule_id=rule_id)["rule"]["extra_rule"]["semantics_list"]


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (40063, {"rule_name": ""}),
        (40058, {"rule_name": "长" * 21}),
        (41077, {"rule_name": "taken"}),
        (40063, {"word_list": []}),
        (41068, {"word_list": ["x"] * 301}),
        (41083, {"word_list": [""]}),
        (41083, {"word_list": ["长" * 33]}),
        (41084, {"semantics_list": [4]}),
        (40063, {"intercept_type": None}),
        (40058, {"intercept_type": 3}),
        (40063, {"applicable_range": None}),
        (40063, {"applicable_range": {"user_list": []}}),
        (41076, {"applicable_range": {"user_list": ["anna"] * 1_001}}),
        (41076, {"applicable_range": {"department_list": [1] * 1_001}}),
        (60111, {"applicable_range": {"user_list": ["nobody"]}}),
        (60003, {"applicable_range": {"department_list": [99]}}),
    ],
)
def test_mistakes(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode."""
    _add(api, rule_name="taken")

    assert errcode == api.post("add_intercept_rule", **_body(**change))["errcode"]


def test_mistakes_of_a_change(api: Api) -> None:
    """Each has its errcode, and changes nothing."""
    _add(api, rule_name="taken")
    rule_id = _add(api)
    before = api.post("get_intercept_rule", rule_id=rule_id)["rule"]

    def code(**change: object) -> int:
        return api.post("update_intercept_rule", **{"rule_id": rule_id, "rule_name": "neu", **change})["errcode"]

    assert [40063, 41077, 40058, 41068, 41083, 41084, 40058, 60111, 60003, 40063] == [
        code(rule_id=None),
        code(rule_name="taken"),
        code(rule_name="长" * 21),
        code(word_list=["x"] * 301),
        code(word_list=["长" * 33]),
        code(extra_rule={"semantics_list": [0]}),
        code(intercept_type=0),
        code(add_applicable_range={"user_list": ["nobody"]}),
        code(remove_applicable_range={"department_list": [99]}),
        code(remove_applicable_range={"user_list": ["anna"]}),
    ]
    assert before == api.post("get_intercept_rule", rule_id=rule_id)["rule"]


def test_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corp has so many rules, a rule so many staff; what was deleted does not count."""
    monkeypatch.setattr(limits, "INTERCEPT_RULES", 1)
    monkeypatch.setattr(limits, "INTERCEPT_STAFF", 1)
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        rule_id = _add(api)
        more = {"user_list": ["ben"]}
        codes = [
            api.post("add_intercept_rule", **_body(rule_name="b"))["errcode"],
            api.post("update_intercept_rule", rule_id=rule_id, add_applicable_range=more)["errcode"],
            api.post("del_intercept_rule", rule_id=rule_id)["errcode"],
            api.post("add_intercept_rule", **_body(rule_name="飞单"))["errcode"],
        ]

    assert [41069, 41076, 0, 0] == codes


def test_blocked(api: Api) -> None:
    """A rule that blocks keeps the message from everybody, and the record tells what was found in it."""
    rule_id = _add(api, word_list=["微信", "转账", "现金"], semantics_list=[1, 2, 3])
    customer = api.box.add_customer(staff=["anna"])
    text = "加微信转账, 13812345678 或 an.na@example.com"
    before = api.box.clock.now()
    msgid = api.box.staff_sends("ANNA", text, [customer])

    (entry,) = api.box.record.interceptions
    assert ("", [], []) == (msgid, api.box.record.messages, api.box.record.deliveries)
    assert (rule_id, "anna", text, ("微信", "转账"), (1, 2), True, before) == (
        entry.rule_id,
        entry.staff,
        entry.text,
        entry.words,
        entry.semantics,
        entry.blocked,
        entry.at,
    )


def test_warned(api: Api) -> None:
    """A rule that only warns lets the message through."""
    _add(api, intercept_type=2, applicable_range={"department_list": [1]})
    customer = api.box.add_customer(staff=["anna"])
    msgid = api.box.staff_sends("anna", "请加我微信", [customer])

    assert [False] == [entry.blocked for entry in api.box.record.interceptions]
    assert [(msgid, 1)] == [(entry.msgid, entry.status) for entry in api.box.record.deliveries]


@pytest.mark.parametrize(
    ("userid", "text"),
    [
        ("ben", "加我微信"),
        ("anna", "你好"),
        ("anna", "订单 2138123456789 已发货"),
    ],
)
def test_nothing_found(api: Api, userid: str, text: str) -> None:
    """Staff out of its range, other words, and digits that are no phone number are not concerned."""
    _add(api, semantics_list=[1, 2, 3])
    customer = api.box.add_customer(staff=["anna", "ben"])

    assert api.box.staff_sends(userid, text, [customer])
    assert [] == api.box.record.interceptions


def test_deleted(api: Api) -> None:
    """A rule that was deleted finds nothing any more; of two, each tells what it found."""
    first, second = _add(api), _add(api, rule_name="b", word_list=["微信"], intercept_type=2)
    customer = api.box.add_customer(staff=["anna"])
    assert not api.box.staff_sends("anna", "加我微信", [customer])
    api.post("del_intercept_rule", rule_id=first)
    assert api.box.staff_sends("anna", "加我微信", [customer])

    assert [(first, True), (second, False), (second, False)] == [
        (entry.rule_id, entry.blocked) for entry in api.box.record.interceptions
    ]


def test_the_rule_of_an_admin(api: Api) -> None:
    """It works like any other; the app reads it and may not change it."""
    rule_id = api.box.admin_adds_intercept_rule("红线", ["返现"], departments=[1], blocks=False)
    codes = [
        api.post("update_intercept_rule", rule_id=rule_id, rule_name="x")["errcode"],
        api.post("del_intercept_rule", rule_id=rule_id)["errcode"],
        api.post("add_intercept_rule", **_body(rule_name="红线"))["errcode"],
    ]
    customer = api.box.add_customer(staff=["ben"])

    assert [60011, 60011, 41077] == codes
    assert ["红线"] == [rule["rule_name"] for rule in api.get("get_intercept_rule_list")["rule_list"]]
    assert 2 == api.post("get_intercept_rule", rule_id=rule_id)["rule"]["intercept_type"]
    assert api.box.staff_sends("ben", "满百返现", [customer])
    assert [(rule_id, ("返现",), False)] == [(e.rule_id, e.words, e.blocked) for e in api.box.record.interceptions]
    with pytest.raises(ValueError, match="name"):
        api.box.admin_adds_intercept_rule("红线", ["x"], users=["anna"])
    assert 0 == api.box.pending_callbacks
