"""Departments of the corp: WeCom documentation 90208, 95350, 95351."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints
from privdom._port import Blocking, blocking
from privdom.wecom import _values
from privdom.wecom._values import Model
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncDepartments",
    "Department",
    "DepartmentAnswer",
    "DepartmentList",
    "DepartmentPlace",
    "DepartmentPlaces",
    "Departments",
    "GetDepartmentRequest",
    "ListDepartmentsRequest",
]

_MOST = 2**32 - 1


@attrs.frozen(repr=False, weakref_slot=False)
class Department(Model):
    """A department; that with the id 1 is the whole corp."""

    id: int
    name: str = ""
    name_en: str = ""
    department_leader: tuple[str, ...] = ()
    """Userids of those who lead it."""
    parentid: int | None = None
    order: int = 0
    """The place among its siblings; greater comes first."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class DepartmentList(Model):
    """A department and all below it."""

    department: tuple[Department, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class DepartmentAnswer(Model):
    """The department that was asked for."""

    department: Department
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class DepartmentPlace(Model):
    """Where a department stands in the tree."""

    id: int
    parentid: int | None = None
    order: int = 0
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class DepartmentPlaces(Model):
    """The places of a department and of all below it."""

    department_id: tuple[DepartmentPlace, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ListDepartmentsRequest(Model):
    """Which department to begin at; None is everything that the app may see."""

    id: int | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.id, "department_id", 1, _MOST)


@attrs.frozen(repr=False, weakref_slot=False)
class GetDepartmentRequest(Model):
    """Which department to read."""

    id: int

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.id, "department_id", 1, _MOST)


class AsyncDepartments:
    """
    Departments of the corp (部门).

    An app is told only of those in its visible range. Every method raises what
    a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, department_id: int | None = None) -> tuple[Department, ...]:
        """
        Return a department and all below it, all in one answer (WeCom documentation 90208).

        Slow in large corps: WeCom advises `simple_list`, and `get` for what is new.

        Args:
            department_id: where to begin; None is everything that the app may see.

        Raises:
            UsageError: *department_id* is no department's.
            NoPermission: It is outside the app's visible range (60011), or the secret is that of 通讯录同步
                and came from a new address (48009).
            BadRequest: There is no such department (60003, 60123).
        """
        request = ListDepartmentsRequest(department_id)
        answer = await self._session.call(endpoints.DEPARTMENT_LIST, request, DepartmentList)
        return answer.department

    async def simple_list(self, department_id: int | None = None) -> tuple[DepartmentPlace, ...]:
        """
        Return the ids of a department and of all below it, all in one answer (WeCom documentation 95350).

        Args:
            department_id: where to begin; None is everything that the app may see.

        Raises:
            UsageError: *department_id* is no department's.
            NoPermission: It is outside the app's visible range (60011).
            BadRequest: There is no such department (60003, 60123).
        """
        request = ListDepartmentsRequest(department_id)
        answer = await self._session.call(endpoints.DEPARTMENT_SIMPLE_LIST, request, DepartmentPlaces)
        return answer.department_id

    async def get(self, department_id: int) -> Department:
        """
        Return one department (WeCom documentation 95351).

        Raises:
            UsageError: *department_id* is no department's.
            NoPermission: It is outside the app's visible range (60011), or the secret is that of 通讯录同步
                and came from a new address (48009).
            BadRequest: There is no such department (60003, 60123).
        """
        request = GetDepartmentRequest(department_id)
        answer = await self._session.call(endpoints.DEPARTMENT_GET, request, DepartmentAnswer)
        return answer.department

    def __repr__(self) -> str:
        return f"<AsyncDepartments of {self._session.corp_id}>"


class Departments(Blocking[AsyncDepartments]):
    """Departments of the corp; `AsyncDepartments`, blocking."""

    list = blocking(AsyncDepartments.list)
    simple_list = blocking(AsyncDepartments.simple_list)
    get = blocking(AsyncDepartments.get)
