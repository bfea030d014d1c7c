"""Members (90196, 90201, 90200, 96067, 92571)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from privdom._facts import limits
from privdom.sandbox.errors import WeComError
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.state import Staff
from privdom.sandbox.world import Call, World


__all__ = ["get", "ids", "in_short", "number", "of_department", "serving"]


# More departments than this nobody is in, so that each row of a staff has a position of its own.
_ROWS: Final = 1_000


def number(query: Mapping[str, str], name: str, *, absent: int | None = None) -> int:
    """Return a number of the query, 0 where it is absent, unless that is the errcode *absent*."""
    text = query.get(name, "")
    if not text and absent is not None:
        raise WeComError(absent)
    if text and not text.isdecimal():
        raise WeComError(40058)
    return int(text or 0)


def _shown(staff: Staff) -> dict[str, object]:
    # Since 2022 an app gets no avatar, mobile, email, address here, and gender 0.
    return {
        "userid": staff.userid,
        "name": staff.name,
        "department": staff.departments,
        "order": [0] * len(staff.departments),
        "position": staff.position,
        "gender": "0",
        "is_leader_in_dept": [0] * len(staff.departments),
        "direct_leader": [],
        "telephone": "",
        "alias": "",
        "status": 1,
        "main_department": staff.departments[0],
        "extattr": {"attrs": []},
        "external_position": staff.position,
    }


def get(world: World, call: Call) -> dict[str, object]:
    """Answer user/get."""
    return _shown(world.need_staff(call.query.get("userid", "")))


def of_department(world: World, call: Call) -> dict[str, object]:
    """Answer user/list."""
    root = number(call.query, "department_id", absent=41019)
    if root not in world.state.departments:
        raise WeComError(60003)
    wanted = set(world.state.subdepartments(root)) if number(call.query, "fetch_child") else {root}
    return {"userlist": [_shown(s) for s in world.state.staff.values() if wanted & set(s.departments)]}


def in_short(world: World, call: Call) -> dict[str, object]:
    """Answer user/simplelist: those who are directly in the department."""
    department = number(call.query, "department_id", absent=41019)
    if department not in world.state.departments:
        raise WeComError(60003)
    members = [staff for staff in world.state.staff.values() if department in staff.departments]
    return {"userlist": [{"userid": s.userid, "name": s.name, "department": s.departments} for s in members]}


def ids(world: World, call: Call) -> dict[str, object]:
    """Answer user/list_id: a row for each department of each staff."""
    if not world.rules.contacts_sync:
        raise WeComError(48002)
    body = call.body
    limit = body.integer("limit", limits.STAFF_ID_PAGE, low=1, high=limits.STAFF_ID_PAGE)
    rows = (
        (staff.number * _ROWS + i, {"userid": staff.userid, "department": department})
        for staff in world.state.staff.values()
        for i, department in enumerate(staff.departments)
    )
    found, following = page(rows, limit, Cursors(world.seed, call.path), body.text("cursor"))
    return {"next_cursor": following, "dept_user": found}


def serving(world: World, call: Call) -> dict[str, object]:
    """Answer get_follow_user_list."""
    del call
    return {"follow_user": [staff.userid for staff in world.state.staff.values() if staff.serving]}
