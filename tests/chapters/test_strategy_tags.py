"""Strategy tags: made, listed, marked, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privdom.errors import BadRequest, NoPermission, UsageError
from privdom.wecom import TagType, unstructure
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.strategies import NewCustomerStrategy, RangeNode
from privdom.wecom.strategy_tags import (
    AddStrategyTagsRequest,
    DeleteStrategyTagsRequest,
    EditStrategyTagRequest,
    ListStrategyTagsRequest,
)
from privdom.wecom.tags import NewTag
from tests.chapters.conftest import Corp


async def _strategy(wecom: AsyncWeCom, parent_id: int | None = None) -> int:
    new = NewCustomerStrategy(
        strategy_name="华东", admin_list=["anna"], range=[RangeNode.staff("anna")], parent_id=parent_id
    )
    return (await wecom.strategies.create(new)).strategy_id


def test_strategy_tags_are_made_changed_marked_and_deleted(corp: Corp) -> None:
    """The whole life of a strategy tag, read back at each step."""
    customer = corp.box.add_customer(staff=["anna", "ben"])

    async def scenario(wecom: AsyncWeCom) -> list[object]:
        strategy_id = await _strategy(wecom)
        group = await wecom.strategy_tags.add(strategy_id, ["金", NewTag("银", order=5)], group_name="等级", order=7)
        seen: list[object] = [(group.group_name, group.order, [tag.name for tag in group.tag])]
        gold = next(tag.id for tag in group.tag if tag.name == "金")
        await wecom.strategy_tags.add(strategy_id, ["铜"], group_id=group.group_id)
        await wecom.strategy_tags.edit(gold, name="黄金", order=9)
        (listed,) = await wecom.strategy_tags.list(strategy_id)
        seen.append((listed.strategy_id == strategy_id, [tag.name for tag in listed.tag]))
        await wecom.tags.mark("anna", customer, add=[gold])
        (tag,) = (await wecom.contacts.get(customer)).follow_user[0].tags
        seen.append((tag.type, tag.tag_name, tag.group_name))
        with pytest.raises(NoPermission, match="81011"):
            await wecom.tags.mark("ben", customer, add=[gold])
        seen.append(await wecom.tags.list())
        await wecom.strategy_tags.delete(tag_ids=[gold])
        seen.append([tag.name for (g,) in [await wecom.strategy_tags.list()] for tag in g.tag])
        await wecom.strategy_tags.delete(group_ids=[group.group_id])
        seen.append(await wecom.strategy_tags.list(strategy_id))
        return seen

    made, listed, marked, corp_tags, fewer, none = corp(scenario)

    assert ("等级", 7, ["银", "金"]) == made
    assert (True, ["黄金", "银", "铜"]) == listed
    assert (TagType.STRATEGY, "黄金", "等级") == marked
    assert () == corp_tags
    assert ["银", "铜"] == fewer
    assert () == none


def test_tags_are_listed_by_tag_or_by_group(corp: Corp) -> None:
    """A group comes with all its tags, a tag with its group."""

    async def scenario(wecom: AsyncWeCom) -> list[list[str]]:
        strategy_id = await _strategy(wecom)
        group = await wecom.strategy_tags.add(strategy_id, ["金", "银"], group_name="等级")
        await wecom.strategy_tags.add(strategy_id, ["甲"], group_name="品类")
        by_group = await wecom.strategy_tags.list(group_ids=[group.group_id])
        by_tag = await wecom.strategy_tags.list(strategy_id, tag_ids=[group.tag[0].id])
        return [[tag.name for g in groups for tag in g.tag] for groups in (by_group, by_tag)]

    assert [["金", "银"], ["金"]] == corp(scenario)


def test_tags_belong_to_the_top_of_the_tree(corp: Corp) -> None:
    """A strategy with a parent takes none."""

    async def scenario(wecom: AsyncWeCom) -> None:
        child = await _strategy(wecom, await _strategy(wecom))
        await wecom.strategy_tags.add(child, ["金"], group_name="等级")

    with pytest.raises(BadRequest):
        corp(scenario)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "tags and groups": (lambda: ListStrategyTagsRequest(1, ["st1"], ["et2"]), "WeCom ignores tag_ids"),
    "a tag twice": (lambda: ListStrategyTagsRequest(None, ["st1", "st1"]), "names the same id twice"),
    "tags of no strategy": (lambda: ListStrategyTagsRequest(0), "strategy_id is 0"),
    "no strategy": (lambda: AddStrategyTagsRequest(0, ["a"], group_name="g"), "strategy_id is 0"),
    "no tags": (lambda: AddStrategyTagsRequest(1, [], group_name="g"), "names is empty"),
    "a bare name": (lambda: AddStrategyTagsRequest(1, "金", group_name="g"), "put it in brackets"),
    "no group": (lambda: AddStrategyTagsRequest(1, ["a"]), "the tags need a group"),
    "two groups": (lambda: AddStrategyTagsRequest(1, ["a"], "et1", "g"), "WeCom ignores group_name"),
    "a long group": (lambda: AddStrategyTagsRequest(1, ["a"], group_name="长" * 31), "1 to 30"),
    "nothing to edit": (lambda: EditStrategyTagRequest("st1"), "there is nothing to change"),
    "nothing to be edited": (lambda: EditStrategyTagRequest("", "a"), "id is empty"),
    "a long name": (lambda: EditStrategyTagRequest("st1", "长" * 31), "1 to 30"),
    "an order": (lambda: EditStrategyTagRequest("st1", order=2**32), "order is 4294967296"),
    "nothing to delete": (DeleteStrategyTagsRequest, "there is nothing to delete"),
    "one to delete twice": (lambda: DeleteStrategyTagsRequest(["st1", "st1"]), "names the same id twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(case: str) -> None:
    """The message says what is wrong."""
    make, message = REFUSED[case]

    with pytest.raises(UsageError) as caught:
        make()

    assert message in str(caught.value)


def test_what_can_succeed_is_sent_as_it_is() -> None:
    """What was not given is left out; an order of 0 is an order."""
    assert {"strategy_id": 1, "tag": [{"name": "a"}], "group_name": "g"} == unstructure(
        AddStrategyTagsRequest(1, ["a"], group_name="g")
    )
    assert {"id": "st1", "order": 0} == unstructure(EditStrategyTagRequest("st1", order=0))
    assert {} == unstructure(ListStrategyTagsRequest())


def test_the_chapter_says_whose_it_is(corp: Corp) -> None:
    """And no secret."""

    async def scenario(wecom: AsyncWeCom) -> str:
        return repr(wecom.strategy_tags)

    assert f"<AsyncStrategyTags of {corp.box.corp_id}>" == corp(scenario)
