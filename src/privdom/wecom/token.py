"""Where access tokens come from: the protocol, and the source that asks WeCom and remembers in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import attrs

from privdom._port import Port
from privdom.errors import WrongSecret


__all__ = ["MemoryTokens", "Token", "TokenSource"]

# A token is replaced this long before it ends, so that no call starts with one
# that ends on the way.
_EARLY = timedelta(minutes=5)
# After a wrong secret, nothing is asked for this long: many failures lock the
# address out for an hour, and all apps behind it suffer.
_PAUSE_SECONDS = 300.0


@attrs.frozen
class Token:
    """An access token and the moment it ends (WeCom documentation 91039)."""

    value: str = attrs.field(repr=False)
    ends_at: datetime


class TokenSource(Protocol):
    """
    Gives out access tokens.

    Write one to use a token service of your own, or the token of a third-party
    suite; hand it to the client as ``token_source``.
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


class MemoryTokens:
    """Asks WeCom once for all threads or tasks of a client, and remembers until shortly before the end."""

    def __init__(self, port: Port, fetch: Callable[[], Awaitable[Token]]) -> None:
        self._port = port
        self._fetch = fetch
        self._lock = port.lock()
        self._held: Token | None = None
        self._wrong: tuple[WrongSecret, float] | None = None

    def _valid(self, refused: str | None) -> Token | None:
        held = self._held
        if held is None or held.value == refused or held.ends_at - _EARLY <= self._port.now():
            return None
        return held

    async def token(self, refused: str | None = None) -> str:
        """
        Return a valid token.

        Raises:
            WrongSecret: WeCom does not accept the secret; it is not asked again for five minutes.
        """
        held = self._valid(refused)
        if held is not None:
            return held.value
        async with self._lock:
            held = self._valid(refused)
            if held is None:
                held = self._held = await self._ask()
        return held.value

    async def _ask(self) -> Token:
        if self._wrong is not None and self._port.monotonic() - self._wrong[1] < _PAUSE_SECONDS:
            raise self._wrong[0]
        try:
            return await self._fetch()
        except WrongSecret as e:
            self._wrong = e, self._port.monotonic()
            raise

    def __repr__(self) -> str:
        return f"<MemoryTokens {'holding one' if self._held else 'empty'}>"
