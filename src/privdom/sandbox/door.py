"""The door of the API: tokens, trusted addresses, quotas, and how much may be in flight."""

from __future__ import annotations

import threading
import time

from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import attrs

from privdom._facts.endpoints import (
    APP_MESSAGE_SEND,
    MARK_TAG,
    MOMENT_ADD,
    MOMENT_STRATEGY_CREATE,
    MOMENT_STRATEGY_EDIT,
    RESIGNED_TRANSFER,
    STRATEGY_CREATE,
    STRATEGY_EDIT,
    TICKET_APP,
    TICKET_CORP,
)
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import VirtualClock
from privdom.sandbox.errors import WeComError
from privdom.sandbox.rules import Quota, Rules


__all__ = ["Gate", "Quotas", "Token", "Tokens"]


@attrs.define
class Token:
    """An access token, and when it ends."""

    text: str = attrs.field(repr=False)
    until: datetime
    revoked: bool = False


class Tokens:
    """The access tokens of one app: one at a time, the same until it ends."""

    def __init__(self, seed: int, corp_id: str, secret: str, clock: VirtualClock) -> None:
        self._seed, self._corp_id, self._secret, self._clock = seed, corp_id, secret, clock
        self._issued: list[Token] = []
        self._by_text: dict[str, Token] = {}

    def issue(self, corp_id: str, secret: str, rules: Rules) -> tuple[str, int]:
        """Return a token and the seconds it has left."""
        if not corp_id:
            raise WeComError(41002)
        if not secret:
            raise WeComError(41004)
        if corp_id != self._corp_id:
            raise WeComError(40013)
        if secret != self._secret:
            raise WeComError(40001)
        now = self._clock.now()
        last = self._issued[-1] if self._issued else None
        if last is None or last.revoked or last.until <= now:
            parts = [digest(self._seed, "token", corp_id, secret, len(self._issued), i) for i in range(4)]
            last = Token("".join(parts)[:107], now + rules.token_life)
            self._issued.append(last)
            self._by_text[last.text] = last
        return last.text, int((last.until - now).total_seconds())

    def check(self, text: str | None) -> None:
        """Let a token pass, or refuse it with 41001, 40014 or 42001."""
        if not text:
            raise WeComError(41001)
        token = self._by_text.get(text)
        if token is None:
            raise WeComError(40014)
        if token.revoked or token.until <= self._clock.now():
            raise WeComError(42001)

    def revoke(self, text: str | None) -> None:
        """End a token before its time, as WeCom may."""
        token = self._by_text.get(text or "")
        if token is not None:
            token.revoked = True

    def issued(self) -> list[Token]:
        """Return all that were ever issued, oldest first."""
        return list(self._issued)

    def restore(self, issued: list[Token], *, seed: int, corp_id: str, secret: str) -> None:
        """Know these tokens, and no others."""
        self._seed, self._corp_id, self._secret = seed, corp_id, secret
        self._issued = issued
        self._by_text = {token.text: token for token in issued}

    def revoke_all(self) -> None:
        """End every token before its time."""
        for token in self._issued:
            token.revoked = True


def _quotas(path: str, rules: Rules) -> list[tuple[str, Quota]]:
    """Return what a call to *path* counts against, and under which name."""
    if path == APP_MESSAGE_SEND.path:  # by staff and by day only (90312)
        return []
    quotas = [(path, quota) for quota in rules.quotas]
    if path == MOMENT_ADD.path:
        quotas.append((path, rules.moment_quota))
    if path in _TICKETS:
        quotas.append(("tickets", rules.ticket_quota))
    return quotas


class Quotas:
    """Calls per API path in sliding windows of real time; who exceeds one is locked out for as long."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._times: dict[tuple[str, Quota], deque[float]] = {}
        self._locked: dict[str, float] = {}

    def count(self, path: str, rules: Rules) -> None:
        """Count a call, or refuse it with 45009."""
        now = self._monotonic()
        with self._lock:
            if now < self._locked.get(path, now):
                raise WeComError(45009)
            quotas = _quotas(path, rules)
            for name, quota in quotas:
                times = self._times.setdefault((name, quota), deque())
                while times and times[0] <= now - quota.seconds:
                    times.popleft()
                if len(times) >= quota.calls:
                    self._locked[path] = now + quota.seconds
                    raise WeComError(45009)
            for name, quota in quotas:
                self._times[name, quota].append(now)


@attrs.define
class Gate:
    """
    What is in flight: some calls bear only one at once for a record (45035), and mark_tag few in all (45033).

    The records are the relation that is tagged, and the staff who resigned. Strategies are made and edited one at a
    time (94883, 94890); what two at once get is documented nowhere, so it is 45035 as well.
    """

    _lock: threading.Lock = attrs.Factory(threading.Lock)
    _records: dict[str, set[tuple[object, ...]]] = attrs.Factory(dict[str, set[tuple[object, ...]]])

    @contextmanager
    def passing(self, path: str, body: Mapping[str, object], rules: Rules) -> Generator[WeComError | None, None, None]:
        """Keep a call in flight; yields the error it is refused with, if any."""
        if path not in _GUARDED:
            yield None
            return
        record = tuple(str(body.get(name)) for name in _GUARDED[path])
        with self._lock:
            error = None
            records = self._records.setdefault(path, set())
            if record in records:
                error = WeComError(45035)
            elif path == MARK_TAG.path and len(records) >= rules.mark_tag_in_flight:
                error = WeComError(45033)
            else:
                records.add(record)
        try:
            yield error
        finally:
            if error is None:
                with self._lock:
                    records.discard(record)


# What their records consist of; nothing: there is one record for all.
_GUARDED: Final[dict[str, tuple[str, ...]]] = {
    MARK_TAG.path: ("userid", "external_userid"),
    RESIGNED_TRANSFER.path: ("handover_userid",),
    STRATEGY_CREATE.path: (),
    STRATEGY_EDIT.path: (),
    MOMENT_STRATEGY_CREATE.path: (),
    MOMENT_STRATEGY_EDIT.path: (),
}
_TICKETS: Final = (TICKET_CORP.path, TICKET_APP.path)
