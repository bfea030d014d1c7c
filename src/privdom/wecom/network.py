"""Addresses of WeCom's servers, for firewalls: WeCom documentation 90930, 92520."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints
from privdom._port import Blocking, blocking
from privdom.wecom._values import Model
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = ["AsyncNetwork", "IpList", "Network"]


@attrs.frozen(repr=False, weakref_slot=False)
class IpList(Model):
    """Addresses, or ranges of them such as ``101.226.103.*``."""

    ip_list: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


class AsyncNetwork:
    """
    Addresses of WeCom's servers (企业微信服务器), for firewalls.

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def callback_ips(self) -> tuple[str, ...]:
        """
        Return the addresses that callbacks come from (WeCom documentation 90930).

        Each is an address, or a range such as ``101.226.103.*``. They change:
        ask once a day, and let both the old and the new ones in for a while.
        """
        answer = await self._session.call(endpoints.CALLBACK_IPS, None, IpList)
        return answer.ip_list

    async def api_ips(self) -> tuple[str, ...]:
        """Return the addresses of WeCom's API, where calls go to (WeCom documentation 92520)."""
        answer = await self._session.call(endpoints.API_IPS, None, IpList)
        return answer.ip_list

    def __repr__(self) -> str:
        return f"<AsyncNetwork of {self._session.corp_id}>"


class Network(Blocking[AsyncNetwork]):
    """Addresses of WeCom's servers, for firewalls; `AsyncNetwork`, blocking."""

    callback_ips = blocking(AsyncNetwork.callback_ips)
    api_ips = blocking(AsyncNetwork.api_ips)
