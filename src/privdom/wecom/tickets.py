"""Tickets of the JS-SDK, and the signatures that pages in WeCom need: WeCom documentation 90506, 90514."""

from __future__ import annotations

import hashlib
import secrets

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from privdom._facts import endpoints, limits
from privdom._facts.endpoints import Endpoint
from privdom._port import Blocking, Port, blocking
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import HIDDEN, Model
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AppTicketRequest",
    "AsyncTickets",
    "JsSignature",
    "JsTicket",
    "TicketAnswer",
    "Tickets",
    "js_signature",
]

# A ticket is replaced this long before it ends, so that no page is signed with one that ends on the way.
_EARLY = timedelta(minutes=5)


def js_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """
    Return the signature of a page: 40 hex digits (WeCom documentation 90506). Pure.

    Args:
        ticket: the corp's for wx.config, the app's for wx.agentConfig.
        nonce: the ``nonceStr`` that the page gives.
        timestamp: seconds since 1970, the ``timestamp`` that the page gives.
        url: the address of the page, its query included, as the browser has it; what stands behind a ``#`` is cut.
    """
    page, _, _ = url.partition("#")
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}"
    # WeCom's choice. Whoever sees a signature sees what was signed too, but for the ticket.
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@attrs.frozen(repr=False, weakref_slot=False)
class JsTicket(Model):
    """A ticket and the moment it ends. A secret: it never goes to a page."""

    ticket: str = attrs.field(metadata=HIDDEN)
    ends_at: datetime


@attrs.frozen(repr=False, weakref_slot=False)
class TicketAnswer(Model):
    """A ticket and how many seconds it lives."""

    ticket: str = attrs.field(metadata=HIDDEN)
    expires_in: int = limits.TICKET_SECONDS
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class AppTicketRequest(Model):
    """The ticket of the app whose token it is; WeCom knows no other type."""

    type: str = "agent_config"


@attrs.frozen(repr=False, weakref_slot=False)
class JsSignature(Model):
    """
    What a page gives to the JS-SDK, under the names that it has there (WeCom documentation 90506, 90514).

    Without ``agentid`` for wx.config and ``getConfigSignature`` of ww.register;
    with it for wx.agentConfig, where ``appId`` is called ``corpid``, and for
    ``getAgentConfigSignature``. `privdom.wecom.unstructure` makes it plain.
    """

    appId: str  # noqa: N815 - WeCom's name
    """The corp's id."""
    timestamp: int
    nonceStr: str  # noqa: N815 - WeCom's name
    signature: str
    agentid: int | None = None


class _Memory:
    """Asks once for all threads or tasks of a client, and remembers until shortly before the end."""

    def __init__(self, port: Port, ask: Callable[[], Coroutine[Any, Any, TicketAnswer]]) -> None:
        self._port = port
        self._ask = ask
        self._lock = port.lock()
        self._held: JsTicket | None = None
        self._fresh_until: datetime | None = None

    def _fresh(self) -> JsTicket | None:
        return self._held if self._fresh_until is not None and self._port.now() < self._fresh_until else None

    async def get(self) -> JsTicket:
        held = self._fresh()
        if held is not None:
            return held
        async with self._lock:
            held = self._fresh()
            if held is None:
                asked_at = self._port.now()
                answer = await self._ask()
                life = timedelta(seconds=answer.expires_in)
                # WeCom may give the same ticket until it ends. To ask for it at every page of its last minutes would
                # use up the 100 calls of the hour.
                self._fresh_until = asked_at + max(life - _EARLY, life / 2)
                held = self._held = JsTicket(answer.ticket, asked_at + life)
        return held


class AsyncTickets:
    """
    Tickets of the JS-SDK, and signatures made with them (票据、签名).

    WeCom gives out 100 tickets an hour to an app and 400 to a corp, so they are
    remembered until shortly before their end, for all threads or tasks of the
    client. Every method raises what a call can raise: `NotSent`,
    `MayHaveArrived`, `ApiError`, of which `QuotaExceeded` where those are used
    up (45009).
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._corp = _Memory(session.port, lambda: self._ask(endpoints.TICKET_CORP, None))
        self._app = _Memory(session.port, lambda: self._ask(endpoints.TICKET_APP, AppTicketRequest()))

    async def _ask(self, endpoint: Endpoint, request: AppTicketRequest | None) -> TicketAnswer:
        return await self._session.call(endpoint, request, TicketAnswer)

    async def corp(self) -> JsTicket:
        """Return the corp's ticket, which signs for wx.config (WeCom documentation 90506)."""
        return await self._corp.get()

    async def app(self) -> JsTicket:
        """Return the ticket of the app whose secret the client has, which signs for wx.agentConfig (90506)."""
        return await self._app.get()

    async def sign(self, url: str, *, agent_id: int | None = None, nonce: str | None = None) -> JsSignature:
        """
        Sign a page of yours, so that it may use the JS-SDK (WeCom documentation 90506).

        A sidebar (聊天侧边栏) needs both: one without and one with *agent_id*, for the same *url*.

        Args:
            url: the address of the page as the browser has it, query included, under the app's trusted domain
                (可信域名). What stands behind a ``#`` takes no part.
            agent_id: of the app whose secret the client has, for the identity of the app (wx.agentConfig); without
                it, that of the corp (wx.config).
            nonce: a text of your own; a random one by default.

        Raises:
            UsageError: *url* is no whole address.
        """
        if not url.startswith(("https://", "http://")):
            msg = "url must be the whole address of the page, from https:// on: give location.href"
            raise UsageError(msg)
        _values.check_range(agent_id, "agent_id", 0, 2**31 - 1)
        nonce = secrets.token_hex(8) if nonce is None else _values.text_id(nonce, "nonce")
        held = await (self.corp() if agent_id is None else self.app())
        timestamp = int(self._session.port.now().timestamp())
        signature = js_signature(held.ticket, nonce, timestamp, url)
        return JsSignature(self._session.corp_id, timestamp, nonce, signature, agent_id)

    def __repr__(self) -> str:
        return f"<AsyncTickets of {self._session.corp_id}>"


class Tickets(Blocking[AsyncTickets]):
    """Tickets of the JS-SDK, and signatures made with them; `AsyncTickets`, blocking."""

    corp = blocking(AsyncTickets.corp)
    app = blocking(AsyncTickets.app)
    sign = blocking(AsyncTickets.sign)
