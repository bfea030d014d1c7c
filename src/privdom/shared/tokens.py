"""
Tokens that several processes share: of all of them, one asks WeCom.

Who finds no valid token takes a lease and asks; the others wait, and look again.
Each change of what is stored compares first, so that nothing late undoes it. A
lease has no time in it: who waits takes it over once it has seen the same one
for long enough by its own clock, so that clocks need not agree.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import attrs

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from privdom._port import Port
from privdom.errors import NotSent, PrivdomError, StoreError, UsageError, WrongSecret, api_error
from privdom.shared.places import Place, RedisClient, RedisPlace, SqlPlace
from privdom.store import Store
from privdom.wecom.token import PAUSE, FetchToken, HeldToken, Token, TokenSource


__all__ = ["RedisTokens", "SqlTokens"]

R = TypeVar("R")

_log = logging.getLogger("privdom.shared")
_LEASE = timedelta(seconds=15)
# How often who waits for a token looks whether it has come.
_FIRST_LOOK, _LAST_LOOK = 0.02, 0.25
# Longer than any token lives; what is older is of no use to anybody.
_KEEP_SECONDS = 86_400.0


class _Tokens:
    """What both stores of tokens have in common."""

    def __init__(self, place: Place, keys: Sequence[str | bytes], lease: timedelta) -> None:
        if isinstance(keys, str | bytes) or not keys:
            msg = "keys is a list of Fernet keys, the newest first: make one with cryptography.fernet.Fernet.generate_key()"
            raise UsageError(msg)
        try:
            self._seal = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            # Without its cause, which may quote a key.
            msg = "one of keys is no Fernet key: make one with cryptography.fernet.Fernet.generate_key()"
            raise UsageError(msg) from None
        if lease <= timedelta(0):
            msg = "lease must be longer than nothing: it is how long others wait for one who asks WeCom"
            raise UsageError(msg)
        self._place = place
        self._lease = lease.total_seconds()

    def source(self, port: Port, corp_id: str, secret: str, fetch: FetchToken) -> TokenSource:
        """Return the source of a client."""
        if not secret:
            msg = "secret is empty: whoever finds no valid token asks WeCom with it"
            raise UsageError(msg)
        return _Source(port, self._place, corp_id, secret, fetch, self._seal, self._lease)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class SqlTokens(_Tokens):
    """
    Tokens in a table of a `Store`: give it to every client of every process as ``token_source``.

    They are encrypted with ``keys``, and kept by corp id and a hash of the whole
    secret. What cannot be decrypted counts as absent.

    Args:
        store: where; not one that is joined to a transaction.
        keys: Fernet keys (``cryptography.fernet.Fernet.generate_key()``). The first one encrypts, all decrypt: to change
            the key, put a new one in front in all processes, and drop the old one a day later.
        lease: how long others wait for one who asks WeCom, before they take it for dead. Longer than a call takes.

    Raises:
        UsageError: A key is none, or the store is joined.
    """

    def __init__(self, store: Store, keys: Sequence[str | bytes], *, lease: timedelta = _LEASE) -> None:
        super().__init__(SqlPlace(store, "SqlTokens"), keys, lease)


class RedisTokens(_Tokens):
    """
    Tokens in Redis or Valkey: give it to every client of every process as ``token_source``.

    All as `SqlTokens`, but for where they are.

    Args:
        redis: a plain (not async) client, such as ``redis.Redis(...)``, or the URL of a server.
        keys: Fernet keys; the first one encrypts, all decrypt.
        lease: how long others wait for one who asks WeCom.
        prefix: what the names of the keys in Redis begin with.

    Raises:
        UsageError: A key is none, the client awaits, or the extra ``redis`` is not installed.
    """

    def __init__(
        self,
        redis: RedisClient | str,
        keys: Sequence[str | bytes],
        *,
        lease: timedelta = _LEASE,
        prefix: str = "privdom:",
    ) -> None:
        super().__init__(RedisPlace(redis, prefix), keys, lease)


@attrs.frozen
class _Entry:
    """What is stored: something sealed, who is about to replace it, and who could not."""

    sealed: str | None = attrs.field(default=None, repr=False)
    lease: str | None = None
    failed: str | None = None

    @classmethod
    def parse(cls, text: str | None) -> _Entry:
        try:
            data: Any = json.loads(text or "{}")
            return cls(data.get("sealed"), data.get("lease"), data.get("failed"))
        except (ValueError, AttributeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps(attrs.asdict(self))


@attrs.frozen
class _Wrong:
    """That WeCom did not accept the secret, and until when nobody asks again."""

    error: WrongSecret
    until: datetime


class _Source:
    """The tokens of one client."""

    def __init__(
        self,
        port: Port,
        place: Place,
        corp_id: str,
        secret: str,
        fetch: FetchToken,
        seal: MultiFernet,
        lease: float,
    ) -> None:
        self._port, self._place, self._fetch, self._seal, self._lease = port, place, fetch, seal, lease
        self._corp_id = corp_id
        # Whole and together, so that neither two secrets of one corp nor parts that run together are the same.
        self._name = f"token:{corp_id}:{hashlib.sha256(json.dumps([corp_id, secret]).encode()).hexdigest()}"
        self._lock = port.lock()
        self._held: HeldToken | None = None
        # The lease of somebody else, and since when it is seen.
        self._seen: tuple[str, float] | None = None

    async def token(self, refused: str | None = None) -> str:
        """
        Return a valid token.

        Raises:
            WrongSecret: WeCom did not accept the secret, here or in another process, within the last five minutes.
            NotSent: Another process asked, and had no answer.
            StoreError: The place that the token is kept in cannot be reached.
        """
        before = self._held
        held = self._valid(refused, before)
        if held is not None:
            return held.token.value
        async with self._lock:
            held = self._valid(refused, before) or await self._shared(refused)
        return held.token.value

    def _valid(self, refused: str | None, before: HeldToken | None) -> HeldToken | None:
        held = self._held
        if held is None or held.renew_at <= self._port.now():
            return None
        # What came while this caller waited is the best there is, even if it is the same again.
        return None if held.token.value == refused and held is before else held

    async def _shared(self, refused: str | None) -> HeldToken:
        """Return the token that all processes use next."""
        look = _FIRST_LOOK
        first: _Entry | None = None
        waited_for: str | None = None
        while True:
            entry = _Entry.parse(await self._do(partial(self._place.read, self._name)))
            first = first or entry
            kept = self._opened(entry)
            # The same token, put there since this caller asked, is the best there is.
            other = not isinstance(kept, HeldToken) or kept.token.value != refused or entry.sealed != first.sealed
            now = self._port.now()
            match kept:
                case _Wrong(error, until) if now < until:
                    raise error
                case HeldToken(renew_at=renew_at) if other and now < renew_at:
                    self._held = kept
                    return kept
                case _:
                    pass
            if waited_for is not None and waited_for == entry.failed:
                # Or one after the other would wait as long as it did, while WeCom cannot be reached.
                msg = "no token: another process that was asking WeCom for one had no answer"
                raise NotSent(msg)
            if self._is_free(entry):
                mine = _Entry(entry.sealed, uuid.uuid4().hex)
                if await self._swap(entry.__eq__, mine):
                    if entry.sealed is not None and kept is None:
                        _log.warning("the stored token of %s cannot be decrypted, and is replaced", self._corp_id)
                    return await self._refresh(mine, kept if isinstance(kept, HeldToken) else None)
                continue
            if isinstance(kept, HeldToken) and other and now < kept.token.ends_at:
                # Somebody replaces it early; until then it is good.
                return kept
            waited_for = entry.lease
            await self._port.sleep(look)
            look = min(look * 1.5, _LAST_LOOK)

    def _is_free(self, entry: _Entry) -> bool:
        """Whether nobody has the lease, or whoever had it is dead."""
        if entry.lease is None:
            return True
        now = self._port.monotonic()
        if self._seen is None or self._seen[0] != entry.lease:
            self._seen = entry.lease, now
        return now - self._seen[1] >= self._lease

    async def _refresh(self, mine: _Entry, before: HeldToken | None) -> HeldToken:
        """Ask WeCom, and put the answer where all find it."""
        asked_at = self._port.now()
        try:
            held = HeldToken.of(await self._fetch(), asked_at, before)
        except WrongSecret as e:
            wrong = _Wrong(e, self._port.now() + PAUSE)
            await self._put(mine, wrong)
            raise
        except BaseException as e:
            # Or the others would wait for nothing.
            failed = mine.lease if isinstance(e, PrivdomError) else None
            await self._end(lambda seen: seen == mine, _Entry(mine.sealed, failed=failed))
            raise
        await self._put(mine, held)
        self._held = held
        return held

    async def _put(self, mine: _Entry, what: HeldToken | _Wrong) -> None:
        # Also where somebody else has the lease, who took this one for dead: the first answer counts.
        await self._end(lambda seen: seen.sealed == mine.sealed, _Entry(self._sealed(what)))

    async def _end(self, expected: Callable[[_Entry], bool], new: _Entry) -> None:
        with self._port.shield(), suppress(StoreError):
            # A token is good also where it cannot be shared, and who cannot be told waits for the lease.
            await self._swap(expected, new)

    async def _swap(self, expected: Callable[[_Entry], bool], new: _Entry) -> bool:
        def change(text: str | None, _: float) -> tuple[str | None, bool]:
            fits = expected(_Entry.parse(text))
            return (str(new) if fits else None), fits

        return await self._do(partial(self._place.change, self._name, self._corp_id, change, _KEEP_SECONDS))

    async def _do(self, fn: Callable[[], R]) -> R:
        return await self._port.offload(fn)

    def _sealed(self, what: HeldToken | _Wrong) -> str:
        if isinstance(what, _Wrong):
            data = {
                "name": self._name,
                "errcode": what.error.errcode,
                "errmsg": what.error.errmsg,
                "path": what.error.path,
                "doc_url": what.error.doc_url,
                "until": what.until.isoformat(),
            }
        else:
            data = {
                "name": self._name,
                "token": what.token.value,
                "ends_at": what.token.ends_at.isoformat(),
                "renew_at": what.renew_at.isoformat(),
            }
        return self._seal.encrypt(json.dumps(data).encode()).decode()

    def _opened(self, entry: _Entry) -> HeldToken | _Wrong | None:
        if entry.sealed is None:
            return None
        try:
            data: dict[str, Any] = json.loads(self._seal.decrypt(entry.sealed))
            if data["name"] != self._name:
                # Moved here by somebody who can write, but not decrypt.
                return None
            if "errcode" in data:
                error = api_error(data["errcode"], data["errmsg"], path=data["path"], doc_url=data["doc_url"])
                assert isinstance(error, WrongSecret)
                return _Wrong(error, datetime.fromisoformat(data["until"]))
            ends_at, renew_at = (datetime.fromisoformat(data[name]) for name in ("ends_at", "renew_at"))
            return HeldToken(Token(data["token"], ends_at), renew_at)
        except (InvalidToken, ValueError, KeyError):
            return None

    def __repr__(self) -> str:
        return f"<tokens of {self._corp_id}, {'holding one' if self._held else 'empty'}>"
