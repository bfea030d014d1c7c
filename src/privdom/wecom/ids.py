"""Ids turned into other ids, as far as a corp's own app may: WeCom documentation 92323, 95884, 98729."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Model, OpenInt, personal
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncIds",
    "ConvertCustomerRequest",
    "ConvertStaffRequest",
    "ConvertTmpIdsRequest",
    "ConvertedCustomer",
    "ConvertedStaff",
    "ConvertedStaffId",
    "ConvertedTmpId",
    "ConvertedTmpIds",
    "Ids",
    "OpenId",
    "OpenIdRequest",
    "TmpIdBusiness",
    "TmpIdUser",
]


class TmpIdBusiness(OpenInt):
    """Where a temporary id comes from."""

    MEETING = 1
    FORM = 2
    """收集表."""
    DOCUMENT = 3
    """A document or a smart sheet."""


class TmpIdUser(OpenInt):
    """Who stands behind a temporary id."""

    CUSTOMER = 1
    CORP_GROUP = 2
    """企业互联."""
    CHAIN = 3
    """上下游."""
    LINKED_CORP = 4
    """互联企业."""


@attrs.frozen(repr=False, weakref_slot=False)
class OpenId(Model):
    """The openid that WeChat's payment calls take."""

    openid: str = personal()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertedTmpId(Model):
    """What stands behind one temporary id: a customer, or else a corp and one of its staff."""

    tmp_external_userid: str
    external_userid: str = ""
    corpid: str = ""
    userid: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertedTmpIds(Model):
    """What stands behind temporary ids, and those that are none or none of this app's."""

    results: tuple[ConvertedTmpId, ...] = ()
    invalid_tmp_external_userid_list: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertedCustomer(Model):
    """A customer under the id that the corp's own apps have for them."""

    external_userid: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertedStaffId(Model):
    """A staff under the id of a provider's app, and under their userid."""

    open_userid: str
    userid: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertedStaff(Model):
    """Staff under their userids, and ids that are none of that app's."""

    userid_list: tuple[ConvertedStaffId, ...] = ()
    invalid_open_userid_list: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class OpenIdRequest(Model):
    """Whose openid to read: a customer on WeChat."""

    external_userid: str

    def __attrs_post_init__(self) -> None:
        _values.customer_id(self.external_userid)
        if self.external_userid.startswith("wo"):
            msg = "external_userid begins with wo, a user of WeCom: only customers on WeChat (wm...) have an openid"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertTmpIdsRequest(Model):
    """1 to 100 temporary ids of one kind."""

    business_type: TmpIdBusiness = attrs.field(converter=TmpIdBusiness)
    user_type: TmpIdUser = attrs.field(converter=TmpIdUser)
    tmp_external_userid_list: tuple[str, ...] = attrs.field(converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.business_type, "business_type")
        _values.check_choice(self.user_type, "user_type")
        _values.ids(self.tmp_external_userid_list, "tmp_external_userids", at_least=1, at_most=limits.CONVERT_TMP_IDS)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertCustomerRequest(Model):
    """A customer under the id of a provider's app, and which app that is."""

    external_userid: str
    source_agentid: int

    def __attrs_post_init__(self) -> None:
        _values.customer_id(self.external_userid)
        _values.check_range(self.source_agentid, "source_agent_id", 0, 2**31 - 1)


@attrs.frozen(repr=False, weakref_slot=False)
class ConvertStaffRequest(Model):
    """1 to 1,000 staff under the ids of a provider's app, and which app that is."""

    open_userid_list: tuple[str, ...] = attrs.field(converter=_values.texts)
    source_agentid: int

    def __attrs_post_init__(self) -> None:
        _values.ids(self.open_userid_list, "open_userids", at_least=1, at_most=limits.CONVERT_STAFF)
        _values.check_range(self.source_agentid, "source_agent_id", 0, 2**31 - 1)


class AsyncIds:
    """
    Ids turned into other ids (账号转换), as far as a corp's own app may.

    Customers and staff have other ids in the apps of each provider. Every
    method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def openid(self, external_userid: str) -> str:
        """
        Return the openid of a customer on WeChat, for WeChat's payment calls (WeCom documentation 92323).

        The unionid, which is the same in all apps of the corp, stands in `contacts.get`.

        Raises:
            UsageError: It is not the id of a customer, or of one on WeCom (``wo...``).
            NotACustomer: Nobody follows them (84061), or the id is another app's (40096).
        """
        answer = await self._session.call(endpoints.ID_OPENID, OpenIdRequest(external_userid), OpenId)
        return answer.openid

    async def from_tmp(
        self,
        tmp_external_userids: Iterable[str],
        *,
        business_type: TmpIdBusiness | int,
        user_type: TmpIdUser | int = TmpIdUser.CUSTOMER,
    ) -> ConvertedTmpIds:
        """
        Tell who stands behind temporary ids of meetings, forms and documents (WeCom documentation 98729).

        Only the app that was told a temporary id may ask.

        Args:
            tmp_external_userids: 1 to 100.
            business_type: where they come from, all of them.
            user_type: who is meant; customers by default.

        Raises:
            UsageError: Too many or no ids, one twice, a kind that is none.
        """
        request = ConvertTmpIdsRequest(
            TmpIdBusiness(business_type), TmpIdUser(user_type), _values.texts(tmp_external_userids)
        )
        return await self._session.call(endpoints.ID_FROM_TMP, request, ConvertedTmpIds)

    async def customer(self, external_userid: str, source_agent_id: int) -> str:
        """
        Return a customer's id here, from their id in a provider's app (WeCom documentation 95884).

        Args:
            external_userid: what the provider's app was told.
            source_agent_id: the agentid that the provider's app has in this corp.

        Raises:
            UsageError: It is not the id of a customer.
            NotACustomer: It is not an id of that app (40096).
        """
        request = ConvertCustomerRequest(external_userid, source_agent_id)
        answer = await self._session.call(endpoints.ID_CUSTOMER, request, ConvertedCustomer)
        return answer.external_userid

    async def staff(self, open_userids: Iterable[str], source_agent_id: int) -> ConvertedStaff:
        """
        Return staff's userids, from their ids in a provider's app (WeCom documentation 95884).

        Args:
            open_userids: 1 to 1,000 of what the provider's app was told.
            source_agent_id: the agentid that the provider's app has in this corp.

        Raises:
            UsageError: Too many or no ids, one twice.
        """
        request = ConvertStaffRequest(_values.texts(open_userids), source_agent_id)
        return await self._session.call(endpoints.ID_STAFF, request, ConvertedStaff)

    def __repr__(self) -> str:
        return f"<AsyncIds of {self._session.corp_id}>"


class Ids(Blocking[AsyncIds]):
    """Ids turned into other ids, as far as a corp's own app may; `AsyncIds`, blocking."""

    openid = blocking(AsyncIds.openid)
    from_tmp = blocking(AsyncIds.from_tmp)
    customer = blocking(AsyncIds.customer)
    staff = blocking(AsyncIds.staff)
