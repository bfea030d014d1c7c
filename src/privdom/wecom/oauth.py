"""People sign in to your pages with WeCom (网页授权登录): WeCom documentation 91022, 91023, 95833."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import HIDDEN, Model, OpenText, personal
from privdom.wecom.contacts import Gender
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncOAuth",
    "OAuth",
    "OAuthScope",
    "SignedIn",
    "SignedInRequest",
    "StaffDetail",
    "StaffDetailRequest",
]

_AUTHORIZE = "https://open.weixin.qq.com/connect/oauth2/authorize"
_STATE = re.compile(rf"[0-9A-Za-z]{{0,{limits.OAUTH_STATE_CHARS}}}")


class OAuthScope(OpenText):
    """How much a sign-in tells."""

    BASE = "snsapi_base"
    """Who it is, without asking them."""
    PRIVATE = "snsapi_privateinfo"
    """What they agree to show as well: mobile, e-mail and the like."""


@attrs.frozen(repr=False, weakref_slot=False)
class SignedIn(Model):
    """Who has signed in: a staff, or somebody from outside."""

    userid: str = ""
    """The staff; ``CorpId/userid`` for one of a linked corp. Empty for anybody else."""
    user_ticket: str = attrs.field(default="", metadata=HIDDEN)
    """What `detail` takes, for 30 minutes; only with the scope PRIVATE and for staff in the app's visible range."""
    user_doc_ticket: str = attrs.field(default="", metadata=HIDDEN)
    openid: str = personal()
    """Of somebody who is no staff."""
    external_userid: str = ""
    """Of a customer whom a staff in the app's visible range follows."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class StaffDetail(Model):
    """What a staff agreed to show, out of what the admin chose; the rest is empty."""

    userid: str
    gender: Gender = Gender.UNKNOWN
    avatar: str = personal()
    qr_code: str = personal()
    mobile: str = personal()
    email: str = personal()
    biz_mail: str = personal()
    address: str = personal()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class SignedInRequest(Model):
    """The code that came back to the redirect_uri."""

    code: str = attrs.field(metadata=HIDDEN)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.code, "code")


@attrs.frozen(repr=False, weakref_slot=False)
class StaffDetailRequest(Model):
    """The ticket of a sign-in."""

    user_ticket: str = attrs.field(metadata=HIDDEN)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.user_ticket, "user_ticket")


class AsyncOAuth:
    """
    People sign in to your pages with WeCom.

    Every method that calls WeCom raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def login_url(
        self,
        redirect_uri: str,
        *,
        state: str = "",
        scope: OAuthScope | str = OAuthScope.BASE,
        agent_id: int | None = None,
    ) -> str:
        """
        Return where to send the browser, which then comes back to *redirect_uri* (WeCom documentation 91022).

        It comes back with ``code`` and ``state`` in its query. Works inside the
        clients of WeCom and WeChat only. Nothing is called.

        Args:
            redirect_uri: a page under the app's trusted domain (可信域名).
            state: what comes back, to be compared with what was sent: at most 128 letters and digits.
            scope: who it is, or what they agree to show as well.
            agent_id: of the app; needed for the scope PRIVATE, and WeCom advises it for both.

        Raises:
            UsageError: *redirect_uri* is no whole address, *state* holds other characters, no *agent_id* for PRIVATE.
        """
        scope = OAuthScope(scope)
        _values.check_choice(scope, "scope")
        _values.check_range(agent_id, "agent_id", 0, 2**31 - 1)
        if not redirect_uri.startswith(("https://", "http://")):
            msg = "redirect_uri must be a whole address, from https:// on"
            raise UsageError(msg)
        if _STATE.fullmatch(state) is None:
            msg = f"state must be at most {limits.OAUTH_STATE_CHARS} letters and digits"
            raise UsageError(msg)
        if scope is OAuthScope.PRIVATE and agent_id is None:
            msg = "the scope snsapi_privateinfo needs agent_id: without it WeCom takes it for snsapi_base"
            raise UsageError(msg)
        query = {"appid": self._session.corp_id, "redirect_uri": redirect_uri, "response_type": "code", "scope": scope}
        if state:
            query["state"] = state
        if agent_id is not None:
            query["agentid"] = str(agent_id)
        return f"{_AUTHORIZE}?{urlencode(query, quote_via=quote, safe='')}#wechat_redirect"

    async def user(self, code: str) -> SignedIn:
        """
        Return who has signed in (WeCom documentation 91023).

        A code lives five minutes and works once. Where the answer is lost the
        client asks again, and may then be told that the code was used: send
        the browser to `login_url` again.

        Raises:
            UsageError: *code* is empty.
            BadRequest: The code is wrong (40029), too old (42003) or used (42022).
            NoPermission: The redirect_uri was not under the trusted domain of this app (50001).
        """
        return await self._session.call(endpoints.OAUTH_USER, SignedInRequest(code), SignedIn)

    async def detail(self, user_ticket: str) -> StaffDetail:
        """
        Return what a staff agreed to show at their sign-in (WeCom documentation 95833).

        Raises:
            UsageError: *user_ticket* is empty.
            BadRequest: The ticket is older than 30 minutes (84014), or none (84015).
        """
        return await self._session.call(endpoints.OAUTH_DETAIL, StaffDetailRequest(user_ticket), StaffDetail)

    def __repr__(self) -> str:
        return f"<AsyncOAuth of {self._session.corp_id}>"


class OAuth(Blocking[AsyncOAuth]):
    """People sign in to your pages with WeCom; `AsyncOAuth`, blocking."""

    def login_url(
        self,
        redirect_uri: str,
        *,
        state: str = "",
        scope: OAuthScope | str = OAuthScope.BASE,
        agent_id: int | None = None,
    ) -> str:
        """
        Return where to send the browser, which then comes back to *redirect_uri* (WeCom documentation 91022).

        It comes back with ``code`` and ``state`` in its query. Works inside the
        clients of WeCom and WeChat only. Nothing is called.

        Args:
            redirect_uri: a page under the app's trusted domain (可信域名).
            state: what comes back, to be compared with what was sent: at most 128 letters and digits.
            scope: who it is, or what they agree to show as well.
            agent_id: of the app; needed for the scope PRIVATE, and WeCom advises it for both.

        Raises:
            UsageError: *redirect_uri* is no whole address, *state* holds other characters, no *agent_id* for PRIVATE.
        """
        return self._core.login_url(redirect_uri, state=state, scope=scope, agent_id=agent_id)

    user = blocking(AsyncOAuth.user)
    detail = blocking(AsyncOAuth.detail)
