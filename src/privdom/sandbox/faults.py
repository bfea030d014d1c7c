"""What can go wrong on the way to WeCom and back, scripted or by chance."""

from __future__ import annotations

import hashlib
import threading

from collections.abc import Collection
from typing import Final, Literal, get_args

import attrs

from privdom._facts.endpoints import GETTOKEN
from privdom.sandbox.chance import fraction, pick


__all__ = ["Chance", "Fault", "FaultKind", "FaultPlan", "Faults"]

FaultKind = Literal[
    "connect_refused",
    "lost_request",
    "lost_response",
    "late_acceptance",
    "busy",
    "quota",
    "slow",
    "expired_token",
    "html",
    "truncated",
    "lost_callback",
    "duplicate_callback",
]
KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
_OF_CALLBACKS: Final = ("lost_callback", "duplicate_callback")
# Where the state change has happened by definition, or cannot have: what the door turns away is never carried out.
_AFTER: Final = {
    "lost_response": True,
    "connect_refused": False,
    "lost_request": False,
    "late_acceptance": False,
    "quota": False,
    "expired_token": False,
}


@attrs.frozen
class Fault:
    """
    One thing that goes wrong.

    Attributes:
        kind: ``connect_refused``: nothing arrives. ``lost_request``: no answer, nothing done. ``lost_response``: done, no
            answer. ``late_acceptance``: no answer, done ``delay`` virtual seconds later. ``busy``: errcode -1. ``quota``:
            errcode 45009. ``slow``: the answer takes ``delay`` real seconds. ``expired_token``: the token is revoked
            and the call answered with 42001. ``html``: a proxy's page. ``truncated``: half of the JSON.
            ``lost_callback``, ``duplicate_callback``: of callbacks.
        path: a full path or its end, such as ``mark_tag``; empty: any.
        times: how often; 0: always.
        subject: only calls that name this text, an id for instance, in query or body.
        after_change: whether the call has been carried out when ``busy``, ``html`` or ``truncated`` strikes.
        delay: seconds, real for ``slow``, virtual for ``late_acceptance``.
    """

    kind: FaultKind = attrs.field(validator=attrs.validators.in_(KINDS))
    path: str = ""
    times: int = 1
    subject: str | None = None
    after_change: bool = False
    delay: float = 60.0

    @property
    def changes(self) -> bool:
        """Whether the call is carried out at once."""
        return self.kind == "slow" or _AFTER.get(self.kind, self.after_change)

    def strikes(self, path: str, text: str) -> bool:
        """Tell whether this call is meant."""
        if self.kind == "expired_token" and path == GETTOKEN.path:
            return False
        there = not self.path or path == self.path or path.endswith("/" + self.path.lstrip("/"))
        return there and (self.subject is None or self.subject in text)


@attrs.frozen
class Chance:
    """Faults that strike a share of the calls to some paths; none: to all."""

    rate: float
    kinds: tuple[FaultKind, ...]
    paths: tuple[str, ...]


@attrs.define
class FaultPlan:
    """The faults to come: those that are scripted, with how often each still strikes, and those by chance."""

    scripted: list[tuple[Fault, int]] = attrs.Factory(list[tuple[Fault, int]])
    struck: list[Fault] = attrs.Factory(list[Fault])
    """The scripted ones that came, each as often as it did."""
    chances: list[Chance] = attrs.Factory(list[Chance])
    attempts: dict[bytes, int] = attrs.Factory(dict[bytes, int])
    """How often each content came."""


class Faults:
    """
    The faults to come.

    Random ones are decided by the seed, the path, the content and how often this
    content came before, so they do not depend on the order of different calls.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._plan = FaultPlan()

    def add(self, fault: Fault) -> None:
        """Have *fault* strike the next call that it fits."""
        with self._lock:
            self._plan.scripted.append((fault, fault.times))

    def remove(self, fault: Fault) -> None:
        """Have *fault* strike no more, if it still would; of several equal ones, the one that was added last."""
        with self._lock:
            scripted = self._plan.scripted
            for i in reversed(range(len(scripted))):
                if scripted[i][0] == fault:
                    del scripted[i]
                    return

    def random(self, rate: float, kinds: Collection[FaultKind], paths: Collection[str] = ()) -> None:
        """
        Have one of *kinds* strike a share of the calls to *paths*, all paths by default.

        ``busy``, ``html`` and ``truncated`` strike before and after the change
        alike; ``slow`` takes 50 ms.
        """
        if not 0 <= rate <= 1:
            msg = f"the rate is a share between 0 and 1, not {rate}"
            raise ValueError(msg)
        if not kinds or not set(kinds) <= set(KINDS):
            msg = f"kinds must be some of {', '.join(KINDS)}"
            raise ValueError(msg)
        with self._lock:
            self._plan.chances.append(Chance(rate, tuple(kinds), tuple(paths)))

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        with self._lock:
            self._plan.scripted.clear()
            self._plan.chances.clear()

    def planned(self) -> list[tuple[Fault, int]]:
        """Return the scripted faults that have not struck yet, and how often each still will; 0: always."""
        with self._lock:
            return list(self._plan.scripted)

    def plan(self) -> FaultPlan:
        """Return all that is to come."""
        with self._lock:
            plan = self._plan
            return FaultPlan(list(plan.scripted), list(plan.struck), list(plan.chances), dict(plan.attempts))

    def restore(self, plan: FaultPlan, *, seed: int) -> None:
        """Have what *plan* says go wrong, and nothing else."""
        with self._lock:
            self._plan, self._seed = plan, seed

    def by_chance(self) -> list[Chance]:
        """Return what `random` was asked for."""
        with self._lock:
            return list(self._plan.chances)

    def struck(self) -> list[Fault]:
        """Return the scripted faults that have struck, each as often as it did, in this order."""
        with self._lock:
            return list(self._plan.struck)

    def for_call(self, path: str, text: str) -> Fault | None:
        """Return what befalls this call; *text* is its query, without the token, and its body."""
        return self._next(path, text, callbacks=False)

    def for_callback(self, xml: str) -> str:
        """Return the kind of fault that befalls this callback, or an empty text."""
        fault = self._next("callback", xml, callbacks=True)
        return fault.kind if fault else ""

    def _next(self, path: str, text: str, *, callbacks: bool) -> Fault | None:
        with self._lock:
            return self._script(path, text, callbacks=callbacks) or self._roll(path, text, callbacks=callbacks)

    def _script(self, path: str, text: str, *, callbacks: bool) -> Fault | None:
        for i, (fault, left) in enumerate(self._plan.scripted):
            if (fault.kind in _OF_CALLBACKS) == callbacks and fault.strikes(path, text):
                if left == 1:
                    del self._plan.scripted[i]
                elif left > 1:
                    self._plan.scripted[i] = fault, left - 1
                self._plan.struck.append(fault)
                return fault
        return None

    def _roll(self, path: str, text: str, *, callbacks: bool) -> Fault | None:
        if not self._plan.chances:
            return None
        key = hashlib.blake2b(f"{path}\n{text}".encode(), digest_size=16).digest()
        attempt = self._plan.attempts[key] = self._plan.attempts.get(key, 0) + 1
        for number, chance in enumerate(self._plan.chances):
            kinds: list[FaultKind] = [kind for kind in chance.kinds if (kind in _OF_CALLBACKS) == callbacks]
            if not kinds or not (not chance.paths or any(Fault("slow", p).strikes(path, "") for p in chance.paths)):
                continue
            about = (number, path, key.hex(), attempt)
            if fraction(self._seed, "fault", *about) < chance.rate:
                kind = kinds[pick(len(kinds), self._seed, "fault kind", *about)]
                after = bool(pick(2, self._seed, "fault after", *about))
                if kind == "expired_token" and path == GETTOKEN.path:
                    return None
                return Fault(kind, after_change=after, delay=0.05 if kind == "slow" else 60.0)
        return None

    def __repr__(self) -> str:
        return f"<Faults {len(self._plan.scripted)} scripted, {len(self._plan.chances)} by chance>"
