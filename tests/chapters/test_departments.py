"""Departments, and all staff of the corp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from privdom.errors import BadRequest, CursorLoop, NoPermission, UsageError
from privdom.wecom import structure
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.departments import Department, DepartmentPlace, GetDepartmentRequest, ListDepartmentsRequest
from privdom.wecom.staff import (
    ListStaffIdsRequest,
    ListStaffRequest,
    SimpleListStaffRequest,
    SimpleStaff,
    Staff,
    StaffDepartment,
    StaffIdPage,
)
from tests.chapters.conftest import Corp, Scripted


def test_departments_are_listed_with_all_below_them(corp: Corp) -> None:
    """Whole, or only where they stand; one is read alone."""
    east = corp.box.add_department("华东")
    shop = corp.box.add_department("门店", parent=east)

    async def scenario(
        wecom: AsyncWeCom,
    ) -> tuple[tuple[Department, ...], tuple[DepartmentPlace, ...], Department, int]:
        chapter = wecom.departments
        everything = await chapter.list()
        return await chapter.list(east), await chapter.simple_list(east), await chapter.get(shop), len(everything)

    tree, places, alone, everything = corp(scenario)

    assert (Department(east, "华东", parentid=1), Department(shop, "门店", parentid=east)) == tree
    assert (DepartmentPlace(east, 1), DepartmentPlace(shop, east)) == places
    assert tree[1] == alone
    assert 3 == everything


def test_there_is_no_such_department(corp: Corp) -> None:
    """The error is WeCom's."""

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.departments.get(99)

    with pytest.raises(BadRequest) as caught:
        corp(scenario)
    assert 60003 == caught.value.errcode


def test_staff_of_a_department_in_short(corp: Corp) -> None:
    """Only those directly in it; their names are masked in a repr."""
    shop = corp.box.add_department("门店")
    corp.box.add_staff("dora", "朵拉", department=[1, shop])

    async def scenario(wecom: AsyncWeCom) -> tuple[SimpleStaff, ...]:
        return await wecom.staff.simple_list(shop)

    (dora,) = corp(scenario)

    assert SimpleStaff("dora", "朵拉", (1, shop)) == dora
    assert "朵拉" not in repr(dora)


def test_every_userid_comes_once(corp: Corp) -> None:
    """However many departments they are in, and over how many pages."""
    shop = corp.box.add_department("门店")
    corp.box.add_staff("dora", department=[1, shop])

    async def scenario(wecom: AsyncWeCom) -> tuple[list[str], list[int], StaffIdPage]:
        every = [userid async for userid in wecom.staff.each_id()]
        pages = [len(page.dept_user) async for page in wecom.staff.id_pages(limit=3)]
        return every, pages, await wecom.staff.ids(limit=3)

    every, pages, first = corp(scenario)

    assert ["anna", "ben", "chen", "dora"] == every
    assert [3, 2] == pages
    assert (StaffDepartment("anna", 1), True) == (first.dept_user[0], bool(first.next_cursor))


def test_reading_userids_goes_on_where_it_stopped(corp: Corp) -> None:
    """A cursor that was stored is taken up."""

    async def scenario(wecom: AsyncWeCom) -> list[str]:
        first = await wecom.staff.ids(limit=2)
        return [userid async for userid in wecom.staff.each_id(cursor=first.next_cursor)]

    assert ["chen"] == corp(scenario)


def test_userids_do_not_go_in_circles(scripted: Callable[..., Any]) -> None:
    """A cursor that comes twice is an error."""

    async def scenario(wecom: AsyncWeCom) -> list[str]:
        return [userid async for userid in wecom.staff.each_id()]

    with pytest.raises(CursorLoop):
        scripted(scenario, Scripted(list_id=[{"dept_user": [{"userid": "a", "department": 1}], "next_cursor": "x"}]))


def test_an_app_may_not_list_all_userids(corp: Corp) -> None:
    """Only 通讯录同步 may."""
    corp.box.change_rules(contacts_sync=False)

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.staff.ids()

    with pytest.raises(NoPermission):
        corp(scenario)


def test_a_profile_is_not_told() -> None:
    """What staff show outside, such as a number to call, stands in no repr."""
    attr = [
        {"type": 0, "name": "手机", "text": {"value": "13800000000"}},
        {"type": 1, "name": "主页", "web": {"url": "https://anna.example.com", "title": "t"}},
    ]
    profile = {"wechat_channels": {"nickname": "安娜的频道", "status": 1}, "external_attr": attr}
    staff = structure({"userid": "anna", "external_profile": profile, "extattr": {"attrs": attr}}, Staff)
    shown = repr(staff) + repr(staff.extattr)

    assert "手机" in shown
    assert not [text for text in ("13800000000", "anna.example.com", "安娜的频道") if text in shown]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: ListDepartmentsRequest(0), "department_id is 0: it must be from 1"),
        (lambda: GetDepartmentRequest(0), "department_id is 0"),
        (lambda: SimpleListStaffRequest(0), "department_id is 0"),
        (lambda: ListStaffRequest(0), "department_id is 0"),
        (lambda: ListStaffRequest(1, 2), "fetch_child is 2: it must be from 0 to 1"),
        (lambda: ListStaffIdsRequest(limit=0), "limit is 0: it must be from 1 to 10000"),
        (lambda: ListStaffIdsRequest(limit=10_001), "limit is 10001"),
    ],
)
def test_what_cannot_succeed_is_refused(make: Callable[[], object], what: str) -> None:
    """On construction, with what to do instead."""
    with pytest.raises(UsageError, match=what):
        make()
