"""Decide whether a failed call may be repeated, and when. Pure: the session does the waiting."""

from __future__ import annotations

import attrs

from privdom._facts.endpoints import Effect
from privdom.errors import ApiError, MayHaveArrived, NotSent, UsageError


__all__ = ["Retry", "wait_before_repeat"]

_BLOCKED = 60
# Doublings after which every wait is the longest one.
_DOUBLINGS = 60
_HARMLESS = (Effect.READ, Effect.IDEMPOTENT, Effect.GUARDED)


@attrs.frozen
class Retry:
    """
    How patiently the client repeats what may be repeated.

    Args:
        attempts: calls in all, the first one included. WeCom asks for at most 3 repeats.
        first_wait: seconds before the first repeat; each further one waits twice as long.
        longest_wait: seconds that a wait never exceeds.
        blocked_wait: seconds to wait when WeCom has blocked the API for a minute (45009 and its like).

    Raises:
        UsageError: No call at all, or a wait below 0.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 8.0
    blocked_wait: float = 60.0

    def __attrs_post_init__(self) -> None:
        if self.attempts < 1:
            msg = f"attempts is {self.attempts}: give at least 1, which repeats nothing"
            raise UsageError(msg)
        for name in ("first_wait", "longest_wait", "blocked_wait"):
            if getattr(self, name) < 0:
                msg = f"{name} is {getattr(self, name)}: give 0 or more seconds"
                raise UsageError(msg)

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait after the given attempt, counted from 1."""
        return min(self.longest_wait, self.first_wait * 2.0 ** min(attempt - 1, _DOUBLINGS))


def wait_before_repeat(error: BaseException, effect: Effect, attempt: int, retry: Retry) -> float | None:
    """
    Return the seconds to wait before repeating a call, or None where it must not be repeated.

    What was never sent may always be repeated. What may have arrived is
    repeated only where a second arrival does no harm. What was refused is
    repeated where the errcode passes within a minute; `ApiError.wait` says which
    do. A wrong secret is never repeated: WeCom locks the address out.
    """
    if attempt >= retry.attempts or not isinstance(error, NotSent | MayHaveArrived | ApiError):
        return None
    if isinstance(error, MayHaveArrived) and effect not in _HARMLESS:
        return None
    if not isinstance(error, ApiError):
        return retry.wait(attempt)
    if error.wait is None:
        return None
    return retry.blocked_wait if error.wait >= _BLOCKED else max(float(error.wait), retry.wait(attempt))
