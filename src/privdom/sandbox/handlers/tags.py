"""Corp tags (92117), what they share with strategy tags (94882), and who wears either (92118)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.ranges import staff_in
from privdom.sandbox.record import TagEntry
from privdom.sandbox.state import Tag, TagGroup
from privdom.sandbox.world import Call, World


__all__ = [
    "ORDER_HIGH",
    "add",
    "add_tags",
    "change",
    "check_name",
    "delete",
    "delete_group",
    "delete_tag",
    "drop",
    "edit",
    "library",
    "mark",
    "pick",
    "rename",
    "shelf",
    "shown_tags",
    "usable",
    "wanted_tags",
]

ORDER_HIGH = limits.TAG_ORDER_END - 1


def shelf(world: World, *, of_strategies: bool) -> dict[str, TagGroup]:
    """Return the groups of corp tags, or those of strategies; deleted ones, too."""
    return {group.id: group for group in world.state.tag_groups.values() if bool(group.strategy_id) == of_strategies}


def pick(world: World, groups: dict[str, TagGroup], tag_ids: list[str]) -> list[Tag]:
    """Return tags of *groups*, each once, or refuse with 40068."""
    found = [world.state.tags.get(tag_id) for tag_id in dict.fromkeys(tag_ids)]
    mine = [tag for tag in found if tag is not None and tag.group_id in groups]
    if len(mine) < len(found):
        raise WeComError(40068)
    return mine


def _shown(tag: Tag, *, deleted: bool) -> dict[str, object]:
    row: dict[str, object] = {"id": tag.id, "name": tag.name, "create_time": tag.created, "order": tag.order}
    if deleted:
        row["deleted"] = tag.deleted
    return row


def _group(
    group: TagGroup, tags: list[Tag], *, group_deleted: bool = False, deleted: bool = False
) -> dict[str, object]:
    row: dict[str, object] = {
        "group_id": group.id,
        "group_name": group.name,
        "create_time": group.created,
        "order": group.order,
    }
    if group_deleted:
        row["deleted"] = group.deleted
    row["tag"] = shown_tags(tags, deleted=deleted)
    return row


def shown_tags(tags: list[Tag], *, deleted: bool = False) -> list[dict[str, object]]:
    """Return the rows of tags, a larger order first."""
    return [_shown(tag, deleted=deleted) for tag in sorted(tags, key=lambda t: -t.order)]


def library(world: World, call: Call) -> dict[str, object]:
    """Answer get_corp_tag_list; where both filters are given, only group_id counts."""
    groups = shelf(world, of_strategies=False)
    tag_ids, group_ids = call.body.texts("tag_id"), call.body.texts("group_id")
    if group_ids:
        if any(group_id not in groups for group_id in group_ids):
            raise WeComError(40068)
        chosen = [groups[group_id] for group_id in dict.fromkeys(group_ids)]
        return {"tag_group": [_group(group, list(group.tags.values()), deleted=True) for group in chosen]}
    if tag_ids:
        by_group: dict[str, list[Tag]] = {}
        for tag in pick(world, groups, tag_ids):
            by_group.setdefault(tag.group_id, []).append(tag)
        found = [
            _group(groups[group_id], tags, group_deleted=True, deleted=True) for group_id, tags in by_group.items()
        ]
        return {"tag_group": found}
    there = sorted((group for group in groups.values() if not group.deleted), key=lambda g: -g.order)
    return {"tag_group": [_group(g, [t for t in g.tags.values() if not t.deleted]) for g in there]}


def check_name(text: str, *, absent: int) -> str:
    """Return a name of a tag or a group that is neither missing nor too long."""
    if not text:
        raise WeComError(absent)
    if len(text) > limits.TAG_NAME_CHARS:
        raise WeComError(40072)
    return text


def add_tags(
    world: World,
    group: TagGroup | None,
    group_name: str,
    order: int,
    tags: dict[str, int],
    *,
    by_app: bool,
    strategy_id: int = 0,
) -> tuple[TagGroup, list[Tag]]:
    """Create *tags*, a name and an order each, in *group* or in a new one; those of strategies count, too."""
    state = world.state
    if group is not None and any(not tag.deleted and tag.name in tags for tag in group.tags.values()):
        raise WeComError(40071)
    if sum(not tag.deleted for tag in state.tags.values()) + len(tags) > limits.TAGS_PER_CORP:
        raise WeComError(40126)
    if group is None:
        group = TagGroup(
            world.new_id("et", "group", group_name),
            group_name,
            world.timestamp,
            order,
            by_app,
            strategy_id=strategy_id,
        )
        state.tag_groups[group.id] = group
    made: list[Tag] = []
    prefix = "st" if group.strategy_id else "et"
    for name, number in tags.items():
        tag = Tag(world.new_id(prefix, "tag", group.id, name), name, group.id, world.timestamp, number, by_app)
        group.tags[tag.id] = state.tags[tag.id] = tag
        made.append(tag)
    return group, made


def wanted_tags(items: list[Fields]) -> dict[str, int]:
    """Return the names to make, each with its order; what is given twice counts once."""
    if not items:
        raise WeComError(41018)
    wanted: dict[str, int] = {}
    for item in items:
        name = check_name(item.text("name", absent=41018), absent=41018)
        wanted.setdefault(name, item.integer("order", low=0, high=ORDER_HIGH))
    return wanted


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_corp_tag; a name given twice is created once, one that exists is 40071."""
    body = call.body
    group_id, group_name = body.text("group_id"), body.text("group_name")
    order = body.integer("order", low=0, high=ORDER_HIGH)
    wanted = wanted_tags(body.children("tag"))
    groups = shelf(world, of_strategies=False)
    if group_id:
        group = groups.get(group_id)
        if group is None or group.deleted:
            raise WeComError(40068)
    else:
        group_name = check_name(group_name, absent=40063)
        group = next((g for g in groups.values() if g.name == group_name and not g.deleted), None)
    group, made = add_tags(world, group, group_name, order, wanted, by_app=True)
    return {"tag_group": _group(group, made)}


def _mine(world: World, thing: Tag | TagGroup) -> None:
    if not thing.by_app and not world.rules.edit_foreign_tags:
        raise WeComError(81011)


def edit(world: World, call: Call) -> dict[str, object]:
    """Answer edit_corp_tag."""
    change(world, call.body, shelf(world, of_strategies=False))
    return {}


def change(world: World, body: Fields, groups: dict[str, TagGroup]) -> None:
    """Give a tag of *groups*, or one of them, another name or order."""
    thing_id = body.text("id", absent=40068)
    tag = world.state.tags.get(thing_id)
    thing = tag if tag is not None and tag.group_id in groups else groups.get(thing_id)
    if thing is None or thing.deleted:
        raise WeComError(40068)
    _mine(world, thing)
    order = body.integer("order", thing.order, low=0, high=ORDER_HIGH)
    if name := body.text("name"):
        rename(thing, name, groups)
    thing.order = order


def rename(thing: Tag | TagGroup, name: str, groups: dict[str, TagGroup]) -> None:
    """Give a tag of *groups*, or one of them, a name that none of its like has."""
    check_name(name, absent=40072)
    peers: list[Tag] | list[TagGroup] = (
        list(groups[thing.group_id].tags.values())
        if isinstance(thing, Tag)
        else [group for group in groups.values() if group.strategy_id == thing.strategy_id]
    )
    if any(p.name == name and p.id != thing.id and not p.deleted for p in peers):
        raise WeComError(40071)
    thing.name = name


def delete_tag(world: World, tag: Tag) -> None:
    """Delete a tag, off every customer too, those who wait to be assigned included; a group goes with its last tag."""
    state = world.state
    tag.deleted = True
    for follows in state.followed.values():
        for follow in follows.values():
            follow.tags.pop(tag.id, None)
    for waiting in state.unassigned.values():
        waiting.follow.tags.pop(tag.id, None)
    group = state.tag_groups[tag.group_id]
    group.deleted = group.deleted or all(peer.deleted for peer in group.tags.values())


def delete_group(world: World, group: TagGroup) -> None:
    """Delete a group and its tags."""
    group.deleted = True
    for tag in group.tags.values():
        if not tag.deleted:
            delete_tag(world, tag)


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer del_corp_tag."""
    drop(world, call.body, shelf(world, of_strategies=False))
    return {}


def drop(world: World, body: Fields, groups: dict[str, TagGroup]) -> None:
    """Delete tags of *groups*, and whole ones of them."""
    tag_ids, group_ids = body.texts("tag_id"), body.texts("group_id")
    if not tag_ids and not group_ids:
        raise WeComError(40063)
    tags = pick(world, groups, tag_ids)
    if any(group_id not in groups for group_id in group_ids):
        raise WeComError(40068)
    chosen = [groups[group_id] for group_id in group_ids]
    things: list[Tag | TagGroup] = [*tags, *chosen]
    for thing in things:
        _mine(world, thing)
    for tag in tags:
        if not tag.deleted:
            delete_tag(world, tag)
    for group in chosen:
        delete_group(world, group)


def usable(world: World, tag: Tag, userid: str) -> bool:
    """Tell whether staff can use a tag: one of a strategy, only in its range."""
    strategy_id = world.state.tag_groups[tag.group_id].strategy_id
    return not strategy_id or userid in staff_in(world, world.state.customer_strategies[strategy_id].nodes)


def mark(world: World, call: Call) -> dict[str, object]:
    """Answer mark_tag."""
    body = call.body
    userid, external_userid = body.text("userid", absent=41009), body.text("external_userid", absent=41035)
    added, removed = body.texts("add_tag"), body.texts("remove_tag")
    if not added and not removed:
        raise WeComError(40063)
    follow = world.need_follow(userid, external_userid)
    for tag_id in (*added, *removed):
        tag = world.state.tags.get(tag_id)
        if tag is None or tag.deleted:
            raise WeComError(40068)
        if not usable(world, tag, follow.userid):
            # Which errcode it is, is documented nowhere; this is the one for tags of others.
            raise WeComError(81011)
    before = dict(follow.tags)
    after = {**before, **dict.fromkeys(added)}
    for tag_id in removed:
        after.pop(tag_id, None)
    if len(after) > limits.TAGS_PER_FOLLOW:
        raise WeComError(40144)
    follow.tags = after
    new = tuple(tag_id for tag_id in after if tag_id not in before)
    gone = tuple(tag_id for tag_id in before if tag_id not in after)
    world.record.tag_changes.append(TagEntry(follow.userid, external_userid, new, gone, by_api=True, at=world.now))
    return {}
