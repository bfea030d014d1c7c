"""Intercept rules: made, read, changed and deleted, and what they keep staff from writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from privdom.errors import BadRequest, UsageError
from privdom.wecom import parse_response, unstructure
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.intercept_rules import (
    DeleteInterceptRuleRequest,
    ExtraRule,
    GetInterceptRuleRequest,
    InterceptRange,
    InterceptRule,
    InterceptType,
    NewInterceptRule,
    Semantics,
    UpdateInterceptRuleRequest,
)
from tests.chapters.conftest import Corp


ANNA = InterceptRange(["anna"])


def _new(**more: Any) -> NewInterceptRule:
    return NewInterceptRule(
        **{"rule_name": "飞单", "word_list": ["加我微信"], "intercept_type": 1, "applicable_range": ANNA, **more}
    )


def test_a_rule_is_made_changed_and_deleted(corp: Corp) -> None:
    """The whole life of a rule, read back at each step."""
    shop = corp.box.add_department("门店")

    async def scenario(wecom: AsyncWeCom) -> list[Any]:
        made = await wecom.intercept_rules.add(_new(semantics_list=[Semantics.PHONE_NUMBER]))
        before = await wecom.intercept_rules.get(made.rule_id)
        listed = await wecom.intercept_rules.list()
        await wecom.intercept_rules.update(
            made.rule_id,
            rule_name="私单",
            word_list=["私下", "转账"],
            semantics_list=[],
            intercept_type=InterceptType.WARN,
            add_applicable_range=InterceptRange(["ben"], [shop]),
            remove_applicable_range=ANNA,
        )
        after = await wecom.intercept_rules.get(made.rule_id)
        await wecom.intercept_rules.delete(made.rule_id)
        with pytest.raises(BadRequest, match="41071"):
            await wecom.intercept_rules.delete(made.rule_id)
        return [made, before, listed, after, await wecom.intercept_rules.list()]

    made, before, listed, after, left = corp(scenario)

    assert (made.rule_id, "飞单", ("加我微信",)) == (before.rule_id, before.rule_name, before.word_list)
    assert ((Semantics.PHONE_NUMBER,), InterceptType.BLOCK, ANNA) == (
        before.semantics,
        before.intercept_type,
        before.applicable_range,
    )
    assert [(made.rule_id, "飞单", before.create_time)] == [(r.rule_id, r.rule_name, r.create_time) for r in listed]
    assert ("私单", ("私下", "转账"), (), InterceptType.WARN, InterceptRange(["ben"], [shop])) == (
        after.rule_name,
        after.word_list,
        after.semantics,
        after.intercept_type,
        after.applicable_range,
    )
    assert () == left


def test_what_is_not_given_stays(corp: Corp) -> None:
    """An update of the words leaves the rest alone."""

    async def scenario(wecom: AsyncWeCom) -> tuple[InterceptRule, InterceptRule]:
        made = await wecom.intercept_rules.add(_new(semantics_list=[2], intercept_type=2))
        before = await wecom.intercept_rules.get(made.rule_id)
        await wecom.intercept_rules.update(made.rule_id, word_list=["x"])
        return before, await wecom.intercept_rules.get(made.rule_id)

    before, after = corp(scenario)

    assert (("x",), before.semantics, before.intercept_type, before.applicable_range) == (
        after.word_list,
        after.semantics,
        after.intercept_type,
        after.applicable_range,
    )


def test_a_rule_keeps_a_message_of_staff_from_customers(corp: Corp) -> None:
    """Whoever is not in its range sends what they like."""
    customer = corp.box.add_customer(staff=["anna", "ben"])

    async def scenario(wecom: AsyncWeCom) -> str:
        return (await wecom.intercept_rules.add(_new())).rule_id

    rule_id = corp(scenario)
    sent = [bool(corp.box.staff_sends(userid, "加我微信吧", [customer])) for userid in ("anna", "ben")]

    assert [False, True] == sent
    assert [(rule_id, "anna", ("加我微信",), True)] == [
        (entry.rule_id, entry.staff, entry.words, entry.blocked) for entry in corp.box.record.interceptions
    ]
    assert ["ben"] == [entry.staff for entry in corp.box.record.deliveries]


@pytest.mark.parametrize("where", ['"semantics_list": [1, 3]', '"extra_rule": {"semantics_list": [1, 3]}'])
def test_semantics_are_found_in_either_place(where: str) -> None:
    """The documentation shows both."""
    body = f'{{"errcode": 0, "rule": {{"rule_id": 7, {where}}}}}'
    answer = parse_response("/cgi-bin/externalcontact/get_intercept_rule", body)

    assert ("7", (Semantics.PHONE_NUMBER, Semantics.RED_PACKET)) == (answer.rule.rule_id, answer.rule.semantics)
    assert () == InterceptRule("7").semantics


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no name": (lambda: _new(rule_name=""), "rule_name has 0 characters"),
    "a long name": (lambda: _new(rule_name="长" * 21), "1 to 20"),
    "no words": (lambda: _new(word_list=[]), "word_list is empty"),
    "one bare word": (lambda: _new(word_list="x"), "put it in brackets"),
    "301 words": (lambda: _new(word_list=["x"] * 301), "takes 300 at a time"),
    "an empty word": (lambda: _new(word_list=["x", ""]), "word_list[1] has 0 characters"),
    "a long word": (lambda: _new(word_list=["长" * 33]), "1 to 32"),
    "a fourth meaning": (lambda: _new(semantics_list=[4]), "semantics_list is 4"),
    "a third type": (lambda: _new(intercept_type=3), "intercept_type is 3"),
    "nobody": (InterceptRange, "the range is empty"),
    "1001 staff": (lambda: InterceptRange([f"s{i}" for i in range(1_001)]), "takes 1000 at a time"),
    "1001 departments": (lambda: InterceptRange((), range(1_001)), "takes 1000 at a time"),
    "no rule": (lambda: GetInterceptRuleRequest(""), "rule_id is empty"),
    "nothing to change": (lambda: UpdateInterceptRuleRequest("r"), "there is nothing to change"),
    "nothing to be changed": (lambda: UpdateInterceptRuleRequest("", "n"), "rule_id is empty"),
    "words taken away": (lambda: UpdateInterceptRuleRequest("r", word_list=[]), "word_list is empty"),
    "another fourth meaning": (lambda: UpdateInterceptRuleRequest("r", extra_rule=ExtraRule([4])), "semantics_list"),
    "another third type": (lambda: UpdateInterceptRuleRequest("r", intercept_type=3), "intercept_type is 3"),
    "staff added and removed": (
        lambda: UpdateInterceptRuleRequest("r", add_applicable_range=ANNA, remove_applicable_range=ANNA),
        "stands both in",
    ),
    "a department added and removed": (
        lambda: UpdateInterceptRuleRequest(
            "r", add_applicable_range=InterceptRange((), [1]), remove_applicable_range=InterceptRange(["a"], [1])
        ),
        "stands both in",
    ),
    "nothing to delete": (lambda: DeleteInterceptRuleRequest(""), "rule_id is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(case: str) -> None:
    """The message says what is wrong."""
    make, message = REFUSED[case]

    with pytest.raises(UsageError) as caught:
        make()

    assert message in str(caught.value)


def test_what_can_succeed_is_sent_as_it_is() -> None:
    """What was not given is left out; an empty semantics_list clears what was there."""
    assert {
        "rule_name": "飞单",
        "word_list": ["加我微信"],
        "intercept_type": 1,
        "applicable_range": {"user_list": ["anna"]},
    } == unstructure(_new())
    assert {"rule_id": "r", "extra_rule": {"semantics_list": []}} == unstructure(
        UpdateInterceptRuleRequest("r", extra_rule=ExtraRule([]))
    )


def test_the_chapter_says_whose_it_is(corp: Corp) -> None:
    """And no secret."""

    async def scenario(wecom: AsyncWeCom) -> str:
        return repr(wecom.intercept_rules)

    assert f"<AsyncInterceptRules of {corp.box.corp_id}>" == corp(scenario)
