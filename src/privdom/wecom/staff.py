"""Staff of the corp, and which of them serve customers: WeCom documentation 90196, 90201, 92571."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints
from privdom._port import Blocking, blocking
from privdom.wecom import _values
from privdom.wecom._profile import ExternalProfile, ProfileAttr
from privdom.wecom._values import HIDDEN, Model, OpenInt, masked_name, personal
from privdom.wecom.contacts import Gender
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncStaffs",
    "GetStaffRequest",
    "ListStaffRequest",
    "ServingStaff",
    "Staff",
    "StaffAttrs",
    "StaffList",
    "StaffStatus",
    "Staffs",
]

_MOST_DEPARTMENTS = 2**32 - 1


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
        _values.check_range(self.department_id, "department_id", 1, _MOST_DEPARTMENTS)


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
            BadRequest: There is no such department (60123), or the answer would be too large (45029).
        """
        request = ListStaffRequest(department_id, int(fetch_child))
        answer = await self._session.call(endpoints.USER_LIST, request, StaffList)
        return answer.userlist

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
    serving = blocking(AsyncStaffs.serving)
