"""Staff of the corp, and which of them serve customers: WeCom documentation 90196, 90201, 90200, 96067, 92571."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.wecom import _values
from privdom.wecom._pages import follow_cursor
from privdom.wecom._profile import ExternalProfile, ProfileAttr
from privdom.wecom._values import HIDDEN, Model, OpenInt, masked_name, personal
from privdom.wecom.contacts import Gender
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncStaffs",
    "GetStaffRequest",
    "ListStaffIdsRequest",
    "ListStaffRequest",
    "ServingStaff",
    "SimpleListStaffRequest",
    "SimpleStaff",
    "SimpleStaffList",
    "Staff",
    "StaffAttrs",
    "StaffDepartment",
    "StaffIdPage",
    "StaffList",
    "StaffStatus",
    "Staffs",
]

_LAST_DEPARTMENT = 2**32 - 1


class StaffStatus(OpenInt):
    """Whether a staff can work."""

    UNKNOWN = 0
    ACTIVE = 1
    DISABLED = 2
    NOT_ACTIVATED = 4
    LEFT = 5


@attrs.frozen(repr=False, weakref_slot=False)
class StaffAttrs(Model):
    """Attributes that the corp defined itself."""

    extra: Extra = attrs.field(default=NO_EXTRA, eq=False, kw_only=True)
    attrs: tuple[ProfileAttr, ...] = ()


@attrs.frozen(repr=False, weakref_slot=False)
class Staff(Model):
    """
    A staff of the corp; only ``userid`` is sure.

    Apps made since June 2022 are not told avatar, gender, mobile, email, biz_mail,
    qr_code and address.
    """

    userid: str
    """1 to 64 bytes; WeCom does not tell upper from lower case."""
    name: str = personal(show=masked_name)
    english_name: str = personal(show=masked_name)
    alias: str = personal(show=masked_name)
    department: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    """The place in each of ``department``; greater comes first."""
    is_leader_in_dept: tuple[bool, ...] = ()
    """Whether they lead each of ``department``."""
    direct_leader: tuple[str, ...] = ()
    main_department: int | None = None
    position: str = ""
    gender: Gender = Gender.UNKNOWN
    status: StaffStatus = StaffStatus.UNKNOWN
    mobile: str = personal()
    telephone: str = personal()
    email: str = personal()
    biz_mail: str = personal()
    address: str = personal()
    avatar: str = personal()
    thumb_avatar: str = personal()
    qr_code: str = personal()
    open_userid: str = ""
    extattr: StaffAttrs | None = attrs.field(default=None, metadata=HIDDEN)
    external_position: str = ""
    external_profile: ExternalProfile | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class StaffList(Model):
    """The staff of a department."""

    userlist: tuple[Staff, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class SimpleStaff(Model):
    """A staff of a department, in short."""

    userid: str
    name: str = personal(show=masked_name)
    department: tuple[int, ...] = ()
    open_userid: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class SimpleStaffList(Model):
    """The staff of a department, in short."""

    userlist: tuple[SimpleStaff, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class StaffDepartment(Model):
    """One staff in one of their departments."""

    userid: str
    department: int
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class StaffIdPage(Model):
    """Up to 10,000 pairs of staff and department; an empty ``next_cursor`` is the end."""

    dept_user: tuple[StaffDepartment, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ServingStaff(Model):
    """The userids of staff who may serve customers."""

    follow_user: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GetStaffRequest(Model):
    """Which staff to read."""

    userid: str

    def __attrs_post_init__(self) -> None:
        _values.staff_id(self.userid)


@attrs.frozen(repr=False, weakref_slot=False)
class ListStaffRequest(Model):
    """Which department's staff to read; ``fetch_child`` is 1 for the departments below it too."""

    department_id: int
    fetch_child: int = 0

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.department_id, "department_id", 1, _LAST_DEPARTMENT)
        _values.check_range(self.fetch_child, "fetch_child", 0, 1)


@attrs.frozen(repr=False, weakref_slot=False)
class SimpleListStaffRequest(Model):
    """Which department's staff to read in short."""

    department_id: int

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.department_id, "department_id", 1, _LAST_DEPARTMENT)


@attrs.frozen(repr=False, weakref_slot=False)
class ListStaffIdsRequest(Model):
    """Where to go on in the list of all staff, 1 to 10,000 a page."""

    cursor: str = ""
    limit: int = limits.STAFF_ID_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.limit, "limit", 1, limits.STAFF_ID_PAGE)


class AsyncStaffs:
    """
    Staff (成员) of the corp, and which of them serve customers.

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, userid: str) -> Staff:
        """
        Return one staff (WeCom documentation 90196).

        Raises:
            UsageError: *userid* is not the id of a staff.
            NoPermission: The staff is outside the app's visible range (60011).
            BadRequest: There is no such staff (60111).
        """
        return await self._session.call(endpoints.USER_GET, GetStaffRequest(userid), Staff)

    async def list(self, department_id: int, *, fetch_child: bool = False) -> tuple[Staff, ...]:
        """
        Return the staff of a department, all in one answer (WeCom documentation 90201).

        Args:
            department_id: 1 is the whole corp's.
            fetch_child: the departments below it too. No longer documented; WeCom refuses answers
                that grow too large (45029), then ask department by department.

        Raises:
            UsageError: *department_id* is no department's.
            NoPermission: The department is outside the app's visible range (60011).
            BadRequest: There is no such department (60003, 60123), or the answer would be too large (45029).
        """
        request = ListStaffRequest(department_id, int(fetch_child))
        answer = await self._session.call(endpoints.USER_LIST, request, StaffList)
        return answer.userlist

    async def simple_list(self, department_id: int) -> tuple[SimpleStaff, ...]:
        """
        Return the staff of a department in short, all in one answer (WeCom documentation 90200).

        Only those who are directly in it; `departments.simple_list` tells which departments are below.

        Raises:
            UsageError: *department_id* is no department's.
            NoPermission: The department is outside the app's visible range (60011), or the secret is that of
                通讯录同步 and came from a new address (48009).
            BadRequest: There is no such department (60003, 60123).
        """
        request = SimpleListStaffRequest(department_id)
        answer = await self._session.call(endpoints.USER_SIMPLE_LIST, request, SimpleStaffList)
        return answer.userlist

    async def ids(self, *, cursor: str = "", limit: int = limits.STAFF_ID_PAGE) -> StaffIdPage:
        """
        Return a page of all userids of the corp, once for each of their departments (WeCom documentation 96067).

        Only a client with the secret of 通讯录同步 may call it.

        Args:
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 10,000.

        Raises:
            UsageError: *limit* is out of range.
            NoPermission: The secret is that of an app (48002).
        """
        return await self._session.call(endpoints.USER_IDS, ListStaffIdsRequest(cursor, limit), StaffIdPage)

    async def id_pages(
        self, *, cursor: str = "", limit: int = limits.STAFF_ID_PAGE
    ) -> AsyncGenerator[StaffIdPage, None]:
        """Yield every page of `ids`, from *cursor* on, for callers that store pages and cursors together."""
        async with aclosing(follow_cursor(lambda at: self.ids(cursor=at, limit=limit), cursor)) as pages:
            async for page in pages:
                yield page

    async def each_id(self, *, cursor: str = "") -> AsyncGenerator[str, None]:
        """
        Yield every userid of the corp, once (WeCom documentation 96067).

        Raises:
            NoPermission: The secret is that of an app, not of 通讯录同步 (48002).
            CursorLoop: WeCom sent a cursor twice.
        """
        seen: set[str] = set()
        async with aclosing(self.id_pages(cursor=cursor)) as pages:
            async for page in pages:
                for row in page.dept_user:
                    if row.userid not in seen:
                        seen.add(row.userid)
                        yield row.userid

    async def serving(self) -> tuple[str, ...]:
        """
        Return the userids of staff who may serve customers, all in one answer (WeCom documentation 92571).

        Only those in the app's visible range.

        Raises:
            NoPermission: The app is not listed under 客户联系 > 可调用接口的应用 (48002).
        """
        answer = await self._session.call(endpoints.FOLLOW_USER_LIST, None, ServingStaff)
        return answer.follow_user

    def __repr__(self) -> str:
        return f"<AsyncStaffs of {self._session.corp_id}>"


class Staffs(Blocking[AsyncStaffs]):
    """Staff of the corp, and which of them serve customers; `AsyncStaffs`, blocking."""

    get = blocking(AsyncStaffs.get)
    list = blocking(AsyncStaffs.list)
    simple_list = blocking(AsyncStaffs.simple_list)
    ids = blocking(AsyncStaffs.ids)
    id_pages = blocking_iter(AsyncStaffs.id_pages)
    each_id = blocking_iter(AsyncStaffs.each_id)
    serving = blocking(AsyncStaffs.serving)
