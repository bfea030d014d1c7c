"""Where access tokens come from: the protocols, and the sources that remember tokens in memory."""

from __future__ import annotations

import inspect

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, runtime_checkable

import attrs

from privdom._port import Port, maybe_await
from privdom.errors import NotSent, PrivdomError, WrongSecret


__all__ = ["FetchToken", "HeldToken", "MemoryTokens", "ServiceTokens", "Token", "TokenSource", "TokenStore"]

# A token is replaced this long before it ends, so that no call starts with one
# that ends on the way.
_EARLY = timedelta(minutes=5)
# Or this share of what it has left, where that is less: it must be used for
# most of its time.
_EARLY_SHARE = 0.1
# After a wrong secret, nothing is asked for this long: many failures lock the
# address out for an hour, and all apps behind it suffer.
PAUSE = timedelta(minutes=5)


@attrs.frozen
class Token:
    """An access token and the moment it ends (WeCom documentation 91039)."""

    value: str = attrs.field(repr=False)
    ends_at: datetime


FetchToken = Callable[[], Awaitable[Token]]
"""Asks WeCom for a token with the client's secret, once."""


class TokenSource(Protocol):
    """
    Gives out access tokens.

    Write one to use the token of a third-party suite; hand it to the client as
    ``token_source``. For a token service of your own there is `ServiceTokens`.
    """

    async def token(self, refused: str | None = None) -> str:
        """
        Return a token that should be valid.

        Args:
            refused: a token that WeCom has just turned down. Replace it only
                if it is still the one you hold: a late refusal must not throw
                a fresh token away.
        """
        ...


@runtime_checkable
class TokenStore(Protocol):
    """Where clients keep their tokens: one for many clients, of which each gets a `TokenSource` of its own."""

    def source(self, port: Port, corp_id: str, secret: str, fetch: FetchToken) -> TokenSource:
        """Return the source of a client; *fetch* asks WeCom."""
        ...


@attrs.frozen
class HeldToken:
    """A token, and the moment from which it is replaced."""

    token: Token
    renew_at: datetime

    @classmethod
    def of(cls, token: Token, asked_at: datetime, before: HeldToken | None) -> HeldToken:
        """
        Return a *token* that was asked for at *asked_at* in place of another.

        Where WeCom gives the same one again, asking early brings nothing, and it
        is used to its end.
        """
        if before is not None and before.token.value == token.value:
            return cls(token, token.ends_at)
        return cls(token, token.ends_at - min(_EARLY, (token.ends_at - asked_at) * _EARLY_SHARE))


class _Remembering(ABC):
    """Asks once for all threads or tasks of a client, and remembers until shortly before the end."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._lock = port.lock()
        self._held: HeldToken | None = None

    def _valid(self, refused: str | None, before: HeldToken | None) -> HeldToken | None:
        held = self._held
        if held is None or held.renew_at <= self._port.now():
            return None
        # What came while this caller waited is the best there is, even if it is the same again.
        return None if held.token.value == refused and held is before else held

    async def token(self, refused: str | None = None) -> str:
        """Return a valid token."""
        before = self._held
        held = self._valid(refused, before)
        if held is not None:
            return held.token.value
        async with self._lock:
            held = self._valid(refused, before)
            if held is None:
                asked_at = self._port.now()
                held = self._held = HeldToken.of(await self._ask(refused), asked_at, self._held)
        return held.token.value

    @abstractmethod
    async def _ask(self, refused: str | None) -> Token:
        """Return a new token in place of the one that was refused, if any was."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'holding one' if self._held else 'empty'}>"


class MemoryTokens(_Remembering):
    """
    Asks WeCom once for all threads or tasks of a client, and remembers until shortly before the end.

    Raises `WrongSecret` where WeCom does not accept the secret, which is not asked
    for again for five minutes.
    """

    def __init__(self, port: Port, fetch: FetchToken) -> None:
        super().__init__(port)
        self._fetch = fetch
        self._wrong: tuple[WrongSecret, float] | None = None

    async def _ask(self, refused: str | None) -> Token:
        del refused  # WeCom has no use for it
        if self._wrong is not None and self._port.monotonic() - self._wrong[1] < PAUSE.total_seconds():
            raise self._wrong[0]
        try:
            return await self._fetch()
        except WrongSecret as e:
            self._wrong = e, self._port.monotonic()
            raise


_Given = Token | str


class ServiceTokens:
    """
    Asks a token service of your own, once for all threads or tasks of a client.

    ::

        def fetch(refused: str | None) -> str:
            return requests.get("https://tokens.internal/wecom", params={"refused": refused}).text


        wecom = WeCom(corp_id, "", token_source=ServiceTokens(fetch))

    Args:
        fetch: a plain function, which runs in a thread where the client awaits, or an async one, for `AsyncWeCom`. It
            gets the token that WeCom has just turned down, or None, and returns a valid token: a `Token`, which is
            remembered until shortly before its end, or a text, which is remembered for ``keep``. The service should
            replace a refused token only if it is still its newest.
        keep: how long a text is used before the service is asked again.

    A failure of the function comes out as `NotSent`, without its text, unless it is an error of this library.
    """

    def __init__(
        self,
        fetch: Callable[[str | None], Awaitable[_Given]] | Callable[[str | None], _Given],
        *,
        keep: timedelta = timedelta(minutes=1),
    ) -> None:
        self._fetch = fetch
        self._keep = keep

    def source(self, port: Port, corp_id: str, secret: str, fetch: FetchToken) -> TokenSource:
        """Return the source of a client."""
        del corp_id, secret, fetch
        return _Asking(port, self._fetch, self._keep)

    def __repr__(self) -> str:
        return "<ServiceTokens>"


class _Asking(_Remembering):
    """The tokens of a service, as one client remembers them."""

    def __init__(self, port: Port, fetch: Callable[[str | None], Awaitable[_Given] | _Given], keep: timedelta) -> None:
        super().__init__(port)
        self._fetch = fetch
        self._keep = keep

    async def _ask(self, refused: str | None) -> Token:
        # Raised below, outside of the except block: the texts of others may hold tokens.
        given: _Given
        try:
            if inspect.iscoroutinefunction(self._fetch):
                given = await self._fetch(refused)
            else:
                given = await maybe_await(await self._port.offload(partial(self._fetch, refused)))
        except PrivdomError:
            raise
        except Exception as e:  # noqa: BLE001 - whatever it is, nothing has reached WeCom
            kind = type(e).__name__
        else:
            return given if isinstance(given, Token) else Token(given, self._port.now() + self._keep)
        msg = f"the token service gave no token ({kind})"
        raise NotSent(msg)
