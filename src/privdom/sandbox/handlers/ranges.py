"""Whom the range of a strategy covers: its staff and departments, expanded."""

from __future__ import annotations

from typing import Final

from privdom.sandbox.handlers.codes import staff_of
from privdom.sandbox.world import World


__all__ = ["DEPARTMENT", "STAFF", "Node", "Nodes", "departments_in", "staff_in"]

STAFF: Final = 1
DEPARTMENT: Final = 2

Node = tuple[int, str | int]
Nodes = dict[Node, int]


def departments_in(world: World, nodes: Nodes) -> set[int]:
    """Return the departments in a range, with those under them."""
    parties = [node for kind, node in nodes if kind == DEPARTMENT and isinstance(node, int)]
    return {number for party in parties for number in world.state.subdepartments(party)}


def staff_in(world: World, nodes: Nodes) -> set[str]:
    """Return the staff in a range, departments expanded."""
    users = [node for kind, node in nodes if kind == STAFF and isinstance(node, str)]
    return set(staff_of(world, users, list(departments_in(world, nodes))))
