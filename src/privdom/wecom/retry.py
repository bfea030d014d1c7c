"""Decide whether a failed call may be repeated, and when. Pure: the session does the waiting."""

from __future__ import annotations

import attrs

from privdom._facts.endpoints import Effect
from privdom.errors import Busy, Conflict, MayHaveArrived, NotSent, PrivdomError, QuotaExceeded


__all__ = ["Retry", "wait_before_repeat"]

_BLOCKED = 45009


@attrs.frozen
class Retry:
    """
    How patiently the client repeats what may be repeated.

    Args:
        attempts: calls in all, the first one included. WeCom asks for at most 3 repeats.
        first_wait: seconds before the first repeat; each further one waits twice as long.
        longest_wait: seconds that a wait never exceeds.
        blocked_wait: seconds to wait when WeCom has blocked the API for a minute (45009).
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    blocked_wait: float = 60.0

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait after the given attempt, counted from 1."""
        return min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))


def wait_before_repeat(error: BaseException, effect: Effect, attempt: int, retry: Retry) -> float | None:
    """
    Return the seconds to wait before repeating a call, or None where it must not be repeated.

    What was never sent, or was refused only for the moment, may always be
    repeated. What may have arrived is repeated only where a second arrival does
    no harm. A wrong secret is never repeated: WeCom locks the address out.
    """
    if not isinstance(error, PrivdomError) or attempt >= retry.attempts:
        return None
    if isinstance(error, QuotaExceeded):
        return retry.blocked_wait if error.errcode == _BLOCKED else retry.wait(attempt)
    if isinstance(error, NotSent | Conflict):
        return retry.wait(attempt)
    harmless = effect in (Effect.READ, Effect.IDEMPOTENT, Effect.GUARDED)
    if isinstance(error, Busy | MayHaveArrived) and harmless:
        return retry.wait(attempt)
    return None
