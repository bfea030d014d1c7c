"""
What an error means for a unit, and what a look-up means: decisions as values.

Pure: errors, findings and moments come in, a verdict comes out.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta

import attrs

from privdom.errors import (
    ApiError,
    AuthError,
    Conflict,
    IpNotAllowed,
    MayHaveArrived,
    NotSent,
    PrivdomError,
    QuotaExceeded,
    StillDispatching,
    TokenRejected,
    WrongSecret,
)
from privdom.outbox.kind import Again, Candidate, Finding, Found, Lapsed, NotYet, Unclear
from privdom.outbox.settings import OutboxSettings, Policy
from privdom.outbox.verdicts import Confirm, Doubt, LookAgain, Park, Refuse, Release, Verdict


__all__ = ["Lookup", "back_off", "decide", "describe", "judge", "judge_preparation", "look_failed"]

_LONGEST_WAIT = timedelta(minutes=15)
# Calls of one API too many at once: no window to sit out, only a crowd (45033).
_CROWDED = 45033


def back_off(attempt: int, first: timedelta = timedelta(seconds=1)) -> timedelta:
    """Return how long to wait after *attempt* tries: *first*, doubled each time, at most 15 minutes."""
    doubled: timedelta = first * 2 ** min(max(attempt - 1, 0), 20)
    return min(doubled, max(first, _LONGEST_WAIT))


def judge(error: PrivdomError, attempt: int, *, suspect: bool = False) -> Verdict:
    """
    Return what *error* of a call means for its unit, of which an earlier call may have arrived if it is *suspect*.

    What is wrong with the app instead of the request (a secret, the IP, the
    token) must not cost planned work: such units wait until somebody has
    repaired it. A wrong secret waits longest, since repeating it gets the IP
    locked out. A quota or a conflict is waited for where it passes soon; one of
    hours or days is a refusal, for whoever planned it to plan it anew.
    """
    reason = describe(error)
    match error:
        case MayHaveArrived():
            return Doubt(reason)
        case NotSent():
            return Release(back_off(attempt), reason)
        case QuotaExceeded() if error.wait is not None:
            crowded = error.errcode == _CROWDED
            return Release(back_off(attempt, timedelta(seconds=1 if crowded else 60)), reason)
        case StillDispatching():
            return Release(back_off(attempt, timedelta(seconds=2)), reason)
        case Conflict() if error.wait is not None:
            return Release(back_off(attempt, timedelta(seconds=2)), reason)
        case TokenRejected():
            return Release(back_off(attempt, timedelta(seconds=2)), reason)
        case WrongSecret():
            return Release(timedelta(hours=1), reason)
        case IpNotAllowed() | AuthError():
            return Release(timedelta(minutes=10), reason)
        case ApiError() if suspect:
            return Park(f"refused now ({reason}), but an earlier call may have arrived")
        case ApiError():
            return Refuse(reason, error.errcode)
        case _:
            return Doubt(reason)


def judge_preparation(error: PrivdomError, attempt: int, *, suspect: bool = False) -> Verdict:
    """Return what *error* of a reading before the call means: the call has not been made, whatever became of that."""
    verdict = judge(error, attempt, suspect=suspect)
    return Release(back_off(attempt, timedelta(seconds=10)), verdict.reason) if isinstance(verdict, Doubt) else verdict


def describe(error: PrivdomError) -> str:
    """Return a reason to store: never WeCom's own text, which may quote what was sent."""
    if isinstance(error, ApiError):
        return f"errcode {error.errcode}: {error.meaning}"
    return f"{type(error).__name__}: {error}"


@attrs.frozen
class Lookup:
    """The circumstances of one look-up."""

    now: datetime
    policy: Policy
    absent_seen: datetime | None
    failures: int
    settings: OutboxSettings
    taken: Set[str]
    """What other units are known to be at WeCom."""
    rivals: bool
    """Whether another unit of the same content has an unknown fate too, and could be what was found."""
    resent: int = 0
    """How often the engine has sent it again."""
    attempts: int = 1
    """How often it was called, by whomever."""
    undoes: bool = False
    """Whether a second one can be taken back."""


def decide(finding: Finding, lookup: Lookup) -> Verdict:
    """Return what *finding* means: one hit confirms, absence must be seen twice, doubt parks."""
    match finding:
        case NotYet(reason):
            return LookAgain(lookup.settings.settle, reason)
        case Unclear(reason, harmless=True) if lookup.policy is Policy.RESEND:
            if lookup.resent >= lookup.settings.resends:
                return Park(f"none of {lookup.resent + 1} calls was answered; {reason}")
            return Release(timedelta(0), f"{reason}; a second one harms nobody: called again")
        case Unclear(reason):
            return Park(reason)
        case Again(wait, reason, ordered):
            # The deadline was set by the clock of one worker and is read by that of another.
            return Release(max(wait, lookup.settings.settle) if ordered else wait, reason)
        case Lapsed(reason):
            return Refuse(reason)
        case Found(candidates):
            return _choose([c for c in candidates if c.done.remote_id not in lookup.taken], lookup)


def _choose(candidates: list[Candidate], lookup: Lookup) -> Verdict:
    certain = [c for c in candidates if c.certain]
    if len(certain) == 1:
        return Confirm(certain[0].done)
    here = [c for c in certain if not c.gone]
    if here and lookup.undoes and len(certain) <= lookup.attempts:
        # Each call made one, since the list showed the first too late. One stays: what staff have sent, if any.
        return Confirm(next((c for c in here if c.sent), here[0]).done, twice=True)
    if certain:
        return Park(f"WeCom shows {len(certain)} tasks of this unit: {_ids(certain)}")
    if len(candidates) > 1:
        return Park(f"WeCom shows {len(candidates)} tasks that could be this unit: {_ids(candidates)}")
    if candidates and lookup.rivals:
        return Park(f"{_ids(candidates)} could be this unit or another one of the same content")
    if candidates and candidates[0].gone:
        return Park(f"{_ids(candidates)} could be this unit, but was cancelled, and WeCom does not tell of whom it was")
    if candidates:
        return Confirm(candidates[0].done)
    settings = lookup.settings
    if lookup.absent_seen is None:
        return LookAgain(settings.settle, "WeCom does not show it", absent=True)
    rest = lookup.absent_seen + settings.settle - lookup.now
    if rest > timedelta(0):
        return LookAgain(rest, "WeCom does not show it", absent=True)
    if lookup.policy is Policy.RESEND and lookup.resent >= settings.resends:
        return Park(f"WeCom shows none of {lookup.resent + 1} calls, though each had its time")
    if lookup.policy is Policy.RESEND:
        return Release(timedelta(0), "WeCom did not show it in two complete look-ups: sent again")
    return Park("WeCom did not show it in two complete look-ups, which does not prove that it never will")


def _ids(candidates: list[Candidate]) -> str:
    return ", ".join(c.done.remote_id or "one without an id" for c in candidates)


def look_failed(error: PrivdomError, lookup: Lookup) -> Verdict:
    """Return what to do when the look-up itself failed: wait for quotas and dispatching, else park if it goes on."""
    reason = f"look-up failed: {describe(error)}"
    passing = isinstance(error, QuotaExceeded | Conflict) and error.wait is not None
    if passing or isinstance(error, StillDispatching):
        return LookAgain(max(lookup.settings.settle, timedelta(seconds=60)), reason)
    if lookup.failures + 1 >= lookup.settings.lookup_failures:
        return Park(reason)
    return LookAgain(back_off(lookup.failures + 1, lookup.settings.settle), reason, failed=True)
