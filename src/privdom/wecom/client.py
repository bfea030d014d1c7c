"""The clients: one object per corp and app, with WeCom's chapters as attributes."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

import httpx

from privdom._port import AsyncPort, Blocking, BlockingPort, Clock, Port, blocking
from privdom.errors import UsageError
from privdom.wecom.acquisition import Acquisition, AsyncAcquisition
from privdom.wecom.app_messages import AppMessages, AsyncAppMessages
from privdom.wecom.codes import AsyncCodes, Codes
from privdom.wecom.contacts import AsyncContacts, Contacts
from privdom.wecom.departments import AsyncDepartments, Departments
from privdom.wecom.group_welcomes import AsyncGroupWelcomes, GroupWelcomes
from privdom.wecom.groups import AsyncGroups, Groups
from privdom.wecom.ids import AsyncIds, Ids
from privdom.wecom.intercept_rules import AsyncInterceptRules, InterceptRules
from privdom.wecom.join_ways import AsyncJoinWays, JoinWays
from privdom.wecom.media import AsyncMedia, Media
from privdom.wecom.messages import AsyncMessages, Messages
from privdom.wecom.moment_strategies import AsyncMomentStrategies, MomentStrategies
from privdom.wecom.moments import AsyncMoments, Moments
from privdom.wecom.network import AsyncNetwork, Network
from privdom.wecom.oauth import AsyncOAuth, OAuth
from privdom.wecom.products import AsyncProducts, Products
from privdom.wecom.quota import QuotaStore, SharedQuotaStore, process_quotas
from privdom.wecom.retry import Retry
from privdom.wecom.session import Hook, Session
from privdom.wecom.staff import AsyncStaffs, Staffs
from privdom.wecom.statistics import AsyncStatistics, Statistics
from privdom.wecom.strategies import AsyncStrategies, Strategies
from privdom.wecom.strategy_tags import AsyncStrategyTags, StrategyTags
from privdom.wecom.tags import AsyncTags, Tags
from privdom.wecom.tickets import AsyncTickets, Tickets
from privdom.wecom.token import TokenSource, TokenStore
from privdom.wecom.transfers import AsyncTransfers, Transfers


__all__ = ["AsyncWeCom", "WeCom"]

_BASE_URL = "https://qyapi.weixin.qq.com"


class AsyncWeCom:
    """
    A client of WeCom's customer-contact API (客户联系), awaited; `WeCom` is the same, blocking.

    Opens its connections with the first call. Belongs to one event loop.

    Args:
        corp_id: the corp's id (企业ID, ``ww...``).
        secret: the secret of one app that is listed under 客户联系 > 可调用接口的应用.
        base_url: another address than WeCom's, such as a sandbox's.
        timeout: seconds to wait for each step of one HTTP exchange.
        proxy: URL of a proxy, where WeCom trusts only its address.
        transport: an httpx transport to send through; one that repeats calls by itself must not repeat these.
        token_source: where access tokens come from, such as `privdom.shared.SqlTokens`; by default WeCom is asked with
            the secret, and the answer kept in memory.
        quotas: where calls are counted, such as `privdom.shared.SqlQuotas`; by default all clients of this process share
            one count.
        retry: how patiently to repeat what may be repeated.
        clock: civil time; by default the machine's.
        hook: called after each HTTP exchange with a `CallInfo`; plain or async. If it fails, that is logged.

    Raises:
        UsageError: The corp id or the secret is empty.
    """

    def __init__(
        self,
        corp_id: str,
        secret: str,
        *,
        base_url: str = _BASE_URL,
        timeout: float = 10.0,
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        token_source: TokenSource | TokenStore | None = None,
        quotas: QuotaStore | SharedQuotaStore | None = None,
        retry: Retry | None = None,
        clock: Clock | None = None,
        hook: Hook | None = None,
    ) -> None:
        port = AsyncPort(transport=transport, timeout=timeout, proxy=proxy, clock=clock)
        self._open(port, corp_id, secret, base_url, timeout, token_source, quotas, retry, hook)

    @classmethod
    def on(
        cls,
        port: Port,
        corp_id: str,
        secret: str,
        *,
        base_url: str = _BASE_URL,
        timeout: float = 10.0,
        token_source: TokenSource | TokenStore | None = None,
        quotas: QuotaStore | SharedQuotaStore | None = None,
        retry: Retry | None = None,
        hook: Hook | None = None,
    ) -> AsyncWeCom:
        """Return a client on a port of your own; the arguments are those of the class."""
        self = cls.__new__(cls)
        self._open(port, corp_id, secret, base_url, timeout, token_source, quotas, retry, hook)
        return self

    def _open(
        self,
        port: Port,
        corp_id: str,
        secret: str,
        base_url: str,
        timeout: float,
        token_source: TokenSource | TokenStore | None,
        quotas: QuotaStore | SharedQuotaStore | None,
        retry: Retry | None,
        hook: Hook | None,
    ) -> None:
        if not corp_id:
            msg = "corp_id is empty: copy it from 我的企业 > 企业信息 in the admin console"
            raise UsageError(msg)
        if not secret and token_source is None:
            msg = "secret is empty: copy it from the app's page in the admin console, or give a token_source"
            raise UsageError(msg)
        self.port: Port = port
        self.timeout = timeout
        self.session = Session(
            port,
            corp_id,
            secret,
            base_url=base_url,
            quotas=quotas or process_quotas(),
            retry=retry or Retry(),
            token_source=token_source,
            hook=hook,
        )
        self.staff = AsyncStaffs(self.session)
        self.contacts = AsyncContacts(self.session)
        self.strategies = AsyncStrategies(self.session)
        self.tags = AsyncTags(self.session)
        self.strategy_tags = AsyncStrategyTags(self.session)
        self.groups = AsyncGroups(self.session)
        self.join_ways = AsyncJoinWays(self.session)
        self.codes = AsyncCodes(self.session)
        self.acquisition = AsyncAcquisition(self.session)
        self.transfers = AsyncTransfers(self.session)
        self.messages = AsyncMessages(self.session)
        self.group_welcomes = AsyncGroupWelcomes(self.session)
        self.moments = AsyncMoments(self.session)
        self.moment_strategies = AsyncMomentStrategies(self.session)
        self.products = AsyncProducts(self.session)
        self.intercept_rules = AsyncInterceptRules(self.session)
        self.statistics = AsyncStatistics(self.session)
        self.departments = AsyncDepartments(self.session)
        self.ids = AsyncIds(self.session)
        self.oauth = AsyncOAuth(self.session)
        self.tickets = AsyncTickets(self.session)
        self.app_messages = AsyncAppMessages(self.session)
        self.network = AsyncNetwork(self.session)
        self.media = AsyncMedia(self.session)

    @property
    def corp_id(self) -> str:
        """The corp's id."""
        return self.session.corp_id

    async def token(self) -> str:
        """
        Return the access token in use, fetching one if need be.

        WeCom documentation 91039. A token lives two hours; it is replaced
        five minutes before its end.
        """
        return await self.session.token()

    async def close(self) -> None:
        """Close the connections. The client opens new ones if it is used again."""
        await self.port.close()

    async def aclose(self) -> None:
        """Close the connections; what ``contextlib.aclosing`` calls."""
        await self.close()

    async def __aenter__(self) -> AsyncWeCom:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    def __reduce__(self) -> NoReturn:
        _refuse_pickle()

    def __repr__(self) -> str:
        return repr(self.session).replace("<Session", "<AsyncWeCom")


class WeCom(Blocking[AsyncWeCom]):
    """
    A client of WeCom's customer-contact API (客户联系), blocking; `AsyncWeCom` is the same, awaited.

    Opens its connections with the first call; may be used by many threads.

    Args:
        corp_id: the corp's id (企业ID, ``ww...``).
        secret: the secret of one app that is listed under 客户联系 > 可调用接口的应用.
        base_url: another address than WeCom's, such as a sandbox's.
        timeout: seconds to wait for each step of one HTTP exchange.
        proxy: URL of a proxy, where WeCom trusts only its address.
        transport: an httpx transport to send through; one that repeats calls by itself must not repeat these.
        token_source: where access tokens come from, such as `privdom.shared.SqlTokens`; by default WeCom is asked with
            the secret, and the answer kept in memory.
        quotas: where calls are counted, such as `privdom.shared.SqlQuotas`; by default all clients of this process share
            one count.
        retry: how patiently to repeat what may be repeated.
        clock: civil time; by default the machine's.
        hook: called after each HTTP exchange with a `CallInfo`. If it fails, that is logged.

    Raises:
        UsageError: The corp id or the secret is empty.
    """

    def __init__(
        self,
        corp_id: str,
        secret: str,
        *,
        base_url: str = _BASE_URL,
        timeout: float = 10.0,
        proxy: str | None = None,
        transport: httpx.BaseTransport | None = None,
        token_source: TokenSource | TokenStore | None = None,
        quotas: QuotaStore | SharedQuotaStore | None = None,
        retry: Retry | None = None,
        clock: Clock | None = None,
        hook: Hook | None = None,
    ) -> None:
        port = BlockingPort(transport=transport, timeout=timeout, proxy=proxy, clock=clock)
        core = AsyncWeCom.on(
            port,
            corp_id,
            secret,
            base_url=base_url,
            timeout=timeout,
            token_source=token_source,
            quotas=quotas,
            retry=retry,
            hook=hook,
        )
        super().__init__(core)
        self.staff = Staffs(core.staff)
        self.contacts = Contacts(core.contacts)
        self.strategies = Strategies(core.strategies)
        self.tags = Tags(core.tags)
        self.strategy_tags = StrategyTags(core.strategy_tags)
        self.groups = Groups(core.groups)
        self.join_ways = JoinWays(core.join_ways)
        self.codes = Codes(core.codes)
        self.acquisition = Acquisition(core.acquisition)
        self.transfers = Transfers(core.transfers)
        self.messages = Messages(core.messages)
        self.group_welcomes = GroupWelcomes(core.group_welcomes)
        self.moments = Moments(core.moments)
        self.moment_strategies = MomentStrategies(core.moment_strategies)
        self.products = Products(core.products)
        self.intercept_rules = InterceptRules(core.intercept_rules)
        self.statistics = Statistics(core.statistics)
        self.departments = Departments(core.departments)
        self.ids = Ids(core.ids)
        self.oauth = OAuth(core.oauth)
        self.tickets = Tickets(core.tickets)
        self.app_messages = AppMessages(core.app_messages)
        self.network = Network(core.network)
        self.media = Media(core.media)

    @property
    def corp_id(self) -> str:
        """The corp's id."""
        return self._core.corp_id

    token = blocking(AsyncWeCom.token)
    close = blocking(AsyncWeCom.close)

    def __enter__(self) -> WeCom:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        _refuse_pickle()


def _refuse_pickle() -> NoReturn:
    msg = (
        "a client holds connections and a secret and cannot be pickled: send the corp id to the other process"
        " and make a client there, with the secret from its configuration"
    )
    raise TypeError(msg)
