"""Tags of customer strategies (94882)."""

from __future__ import annotations

from privdom.sandbox.errors import WeComError
from privdom.sandbox.handlers import strategies, tags
from privdom.sandbox.state import Tag, TagGroup
from privdom.sandbox.world import Call, World


__all__ = ["add", "delete", "edit", "library"]


def _group(group: TagGroup, found: list[Tag]) -> dict[str, object]:
    return {
        "group_id": group.id,
        "group_name": group.name,
        "create_time": group.created,
        "order": group.order,
        "tag": tags.shown_tags(found),
    }


def library(world: World, call: Call) -> dict[str, object]:
    """Answer get_strategy_tag_list; where both filters are given, only group_id counts. Deleted ones are unknown."""
    body = call.body
    tag_ids, group_ids = body.texts("tag_id"), body.texts("group_id")
    groups = {g.id: g for g in tags.shelf(world, of_strategies=True).values() if not g.deleted}
    if "strategy_id" in body:
        strategy = strategies.find(world, strategies.CUSTOMERS, body.integer("strategy_id"))
        groups = {g.id: g for g in groups.values() if g.strategy_id == strategy.id}
    wanted: set[str] | None = None
    if group_ids:
        if any(group_id not in groups for group_id in group_ids):
            raise WeComError(40068)
        groups = {group_id: groups[group_id] for group_id in dict.fromkeys(group_ids)}
    elif tag_ids:
        picked = tags.pick(world, groups, tag_ids)
        if any(tag.deleted for tag in picked):
            raise WeComError(40068)
        wanted = {tag.id for tag in picked}
    rows: list[dict[str, object]] = []
    for group in sorted(groups.values(), key=lambda g: -g.order):
        found = [t for t in group.tags.values() if not t.deleted and (wanted is None or t.id in wanted)]
        if found:
            rows.append({**_group(group, found), "strategy_id": group.strategy_id})
    return {"tag_group": rows}


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_strategy_tag: only at the top of the tree, where no errcode is documented for the rest of it."""
    body = call.body
    strategy = strategies.find(world, strategies.CUSTOMERS, body.integer("strategy_id", absent=40063))
    if strategy.parent_id:
        raise WeComError(40058, "tags belong to strategies without a parent")
    group_id, group_name = body.text("group_id"), body.text("group_name")
    order = body.integer("order", low=0, high=tags.ORDER_HIGH)
    wanted = tags.wanted_tags(body.children("tag"))
    groups = [g for g in world.state.tag_groups.values() if g.strategy_id == strategy.id and not g.deleted]
    if group_id:
        group = next((g for g in groups if g.id == group_id), None)
        if group is None:
            raise WeComError(40068)
    else:
        group_name = tags.check_name(group_name, absent=40063)
        group = next((g for g in groups if g.name == group_name), None)
    group, made = tags.add_tags(world, group, group_name, order, wanted, by_app=True, strategy_id=strategy.id)
    return {"tag_group": _group(group, made)}


def edit(world: World, call: Call) -> dict[str, object]:
    """Answer edit_strategy_tag."""
    tags.change(world, call.body, tags.shelf(world, of_strategies=True))
    return {}


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer del_strategy_tag."""
    tags.drop(world, call.body, tags.shelf(world, of_strategies=True))
    return {}
