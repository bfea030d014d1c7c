"""Departments (90208, 95350, 95351)."""

from __future__ import annotations

from privdom.sandbox.errors import WeComError
from privdom.sandbox.handlers.staff import number
from privdom.sandbox.state import Department
from privdom.sandbox.world import Call, World


__all__ = ["get", "places", "tree"]

_ROOT = 1


def _found(world: World, department_id: int) -> Department:
    department = world.state.departments.get(department_id)
    if department is None:
        raise WeComError(60003)
    return department


def _below(world: World, call: Call) -> list[Department]:
    root = _found(world, number(call.query, "id") or _ROOT).id
    return [world.state.departments[department_id] for department_id in world.state.subdepartments(root)]


def _place(department: Department) -> dict[str, object]:
    return {"id": department.id, "parentid": department.parent, "order": 0}


def _shown(department: Department) -> dict[str, object]:
    return {**_place(department), "name": department.name, "name_en": "", "department_leader": []}


def tree(world: World, call: Call) -> dict[str, object]:
    """Answer department/list."""
    return {"department": [_shown(department) for department in _below(world, call)]}


def places(world: World, call: Call) -> dict[str, object]:
    """Answer department/simplelist, whose list is called department_id."""
    return {"department_id": [_place(department) for department in _below(world, call)]}


def get(world: World, call: Call) -> dict[str, object]:
    """Answer department/get."""
    return {"department": _shown(_found(world, number(call.query, "id", absent=41019)))}
