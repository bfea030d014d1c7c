"""Strategies (规则组) of customers and of moments: trees of ranges (94883, 94890)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from privdom._facts import limits
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.ranges import DEPARTMENT, STAFF, Node, Nodes, departments_in, staff_in
from privdom.sandbox.handlers.tags import delete_group
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.state import State, Strategy
from privdom.sandbox.world import Call, World


__all__ = ["CUSTOMERS", "MOMENTS", "Kind", "create", "delete", "edit", "find", "get", "listing", "reach"]


def _customers(state: State) -> dict[int, Strategy]:
    return state.customer_strategies


def _moments(state: State) -> dict[int, Strategy]:
    return state.moment_strategies


@attrs.frozen
class Kind:
    """One of the two trees: where it stands, its rights, and which of them nobody can withdraw."""

    book: Callable[[State], dict[int, Strategy]]
    rights: tuple[str, ...]
    basic: tuple[str, ...] = ()
    nodes_per_call: int | None = None


_BASIC: Final = ("view_customer_list", "view_customer_data", "view_room_list", "contact_me", "join_room")
CUSTOMERS: Final = Kind(
    _customers,
    (
        *_BASIC,
        "share_customer",
        "oper_resign_customer",
        "oper_resign_group",
        "send_customer_msg",
        "edit_welcome_msg",
        "view_behavior_data",
        "view_room_data",
        "send_group_msg",
        "room_deduplication",
        "rapid_reply",
        "onjob_customer_transfer",
        "edit_anti_spam_rule",
        "export_customer_list",
        "export_customer_data",
        "export_customer_group_list",
        "manage_customer_tag",
    ),
    _BASIC,
    limits.STRATEGY_NODES_PER_CALL,
)
MOMENTS: Final = Kind(_moments, ("view_moment_list", "send_moment", "manage_moment_cover_and_sign"))


def find(world: World, kind: Kind, strategy_id: int) -> Strategy:
    """Return a strategy that exists; no errcode is documented for one that does not."""
    strategy = kind.book(world.state).get(strategy_id)
    if strategy is None or strategy.deleted:
        raise WeComError(40058, "invalid strategy_id")
    return strategy


def _named(world: World, kind: Kind, body: Fields) -> Strategy:
    return find(world, kind, body.integer("strategy_id", absent=40063))


def _parent(world: World, kind: Kind, strategy: Strategy) -> Strategy | None:
    return kind.book(world.state)[strategy.parent_id] if strategy.parent_id else None


def _children(world: World, kind: Kind, strategy: Strategy) -> Iterator[Strategy]:
    for other in list(kind.book(world.state).values()):
        if other.parent_id == strategy.id and not other.deleted:
            yield other


def _outside(world: World, nodes: Nodes, parent: Strategy) -> list[Node]:
    staff, departments = staff_in(world, parent.nodes), departments_in(world, parent.nodes)
    # Whoever resigned is named on, as behind codes, and covered by no strategy.
    staff |= {node for what, node in nodes if what == STAFF and isinstance(node, str) and node not in world.state.staff}
    return [key for key in nodes if key[1] not in (staff if key[0] == STAFF else departments)]


def _check_range(world: World, nodes: Nodes, parent: Strategy | None) -> None:
    # The page names no errcodes; 60030 is what the table of errcodes has for strategies.
    if parent is not None and _outside(world, nodes, parent):
        raise WeComError(60030)
    if len(nodes) > limits.STRATEGY_NODES:
        raise WeComError(40058, "too many nodes in the range")


def _admins(world: World, body: Fields) -> list[str]:
    admins = body.texts("admin_list", most=limits.STRATEGY_ADMINS)
    return [world.need_staff(userid).userid for userid in dict.fromkeys(admins)]


def _nodes(world: World, items: list[Fields], named: Nodes | None = None) -> list[Node]:
    """Return nodes that exist, or that stand in *named* already."""
    found: list[Node] = []
    for item in items:
        kind = item.integer("type", absent=40063, low=STAFF, high=DEPARTMENT)
        if kind == STAFF:
            node = (kind, item.text("userid"))
            found.append(node if named and node in named else (kind, world.need_staff(node[1]).userid))
            continue
        party = item.integer("partyid", absent=40063)
        if party not in world.state.departments:
            raise WeComError(60003)
        found.append((kind, party))
    return found


def _rights(kind: Kind, chosen: Fields) -> dict[str, bool]:
    # What is left out takes its default, and a basic right stays whatever is asked for: "cannot be withdrawn".
    given = {name: chosen.flag(name, default=True) for name in kind.rights}
    return {**given, **dict.fromkeys(kind.basic, True)}


def listing(kind: Kind, world: World, call: Call) -> dict[str, object]:
    """Answer list; the last page has no next_cursor at all."""
    limit = call.body.integer("limit", limits.STRATEGY_PAGE, low=1, high=limits.STRATEGY_PAGE)
    cursors = Cursors(world.seed, call.path)
    rows = ((s.id, {"strategy_id": s.id}) for s in kind.book(world.state).values() if not s.deleted)
    found, following = page(rows, limit, cursors, call.body.text("cursor"))
    return {"strategy": found, **({"next_cursor": following} if following else {})}


def get(kind: Kind, world: World, call: Call) -> dict[str, object]:
    """Answer get; the rights are those of the top."""
    strategy = top = _named(world, kind, call.body)
    while (parent := _parent(world, kind, top)) is not None:
        top = parent
    shown = {
        "strategy_id": strategy.id,
        "parent_id": strategy.parent_id,
        "strategy_name": strategy.name,
        "create_time": strategy.created,
        "admin_list": list(strategy.admins),
        "privilege": dict(top.rights),
    }
    return {"strategy": shown}


def reach(kind: Kind, world: World, call: Call) -> dict[str, object]:
    """Answer get_range; the last page has no next_cursor at all."""
    strategy = _named(world, kind, call.body)
    limit = call.body.integer("limit", limits.STRATEGY_PAGE, low=1, high=limits.STRATEGY_PAGE)
    cursors = Cursors(world.seed, call.path, strategy.id)
    rows = (
        (number, {"type": what, "userid" if what == STAFF else "partyid": node})
        for (what, node), number in strategy.nodes.items()
    )
    found, following = page(rows, limit, cursors, call.body.text("cursor"))
    return {"range": found, **({"next_cursor": following} if following else {})}


def create(kind: Kind, world: World, call: Call) -> dict[str, object]:
    """Answer create; under a parent the rights are the parent's."""
    body, book = call.body, kind.book(world.state)
    parent_id = body.integer("parent_id")
    name = body.text("strategy_name", absent=40063)
    if not body.texts("admin_list"):
        raise WeComError(40063)
    items = body.children("range", most=kind.nodes_per_call)
    if not items:
        raise WeComError(40063)
    admins = _admins(world, body)
    rights = _rights(kind, body.child("privilege") or Fields({}))
    parent = find(world, kind, parent_id) if parent_id else None
    level, above = 1, parent
    while above is not None:
        level, above = level + 1, _parent(world, kind, above)
    if level > limits.STRATEGY_LEVELS:
        raise WeComError(40058, "too many levels of strategies")
    nodes = {node: world.state.number() for node in dict.fromkeys(_nodes(world, items))}
    _check_range(world, nodes, parent)
    strategy = Strategy(len(book) + 1, parent_id, name, world.timestamp, admins, rights, nodes)
    book[strategy.id] = strategy
    return {"strategy_id": strategy.id}


def edit(kind: Kind, world: World, call: Call) -> dict[str, object]:
    """Answer edit: what is empty stays; nodes that are there already, or not any more, are no mistake."""
    body = call.body
    strategy = _named(world, kind, body)
    name, admins, chosen = body.text("strategy_name"), _admins(world, body), body.child("privilege")
    added, removed = body.children("range_add"), body.children("range_del")
    if kind.nodes_per_call is not None and len(added) + len(removed) > kind.nodes_per_call:
        raise WeComError(40058, f"field `range_add` exceed max length {kind.nodes_per_call}")
    rights = _rights(kind, chosen) if chosen is not None and chosen.raw() else strategy.rights
    nodes = dict(strategy.nodes)
    for node in _nodes(world, added):
        nodes.setdefault(node, world.state.number())
    for node in _nodes(world, removed, nodes):
        nodes.pop(node, None)
    _check_range(world, nodes, _parent(world, kind, strategy))
    strategy.name = name or strategy.name
    strategy.admins = admins or strategy.admins
    strategy.rights, strategy.nodes = rights, nodes
    _shrink(world, kind, strategy)
    return {}


def _shrink(world: World, kind: Kind, strategy: Strategy) -> None:
    # "Always a subset" of the parent's range: what the parent loses, those under it lose.
    for child in _children(world, kind, strategy):
        for node in _outside(world, child.nodes, strategy):
            del child.nodes[node]
        _shrink(world, kind, child)


def delete(kind: Kind, world: World, call: Call) -> dict[str, object]:
    """Answer del."""
    strategy = _named(world, kind, call.body)
    if not world.rules.delete_parent_strategies and any(_children(world, kind, strategy)):
        raise WeComError(40058, "there are strategies under this one")
    _delete(world, kind, strategy)
    return {}


def _delete(world: World, kind: Kind, strategy: Strategy) -> None:
    for child in _children(world, kind, strategy):
        _delete(world, kind, child)
    strategy.deleted = True
    if kind is CUSTOMERS:
        # Nobody is in its range any more, so nobody could use its tags.
        for group in list(world.state.tag_groups.values()):
            if group.strategy_id == strategy.id and not group.deleted:
                delete_group(world, group)
