"""What the engine asks of a kind of call: how to freeze it, read its answer, and look it up."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias, TypeVar

import attrs

from privdom._facts.endpoints import Endpoint
from privdom.errors import PrivdomError
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Done, Verdict
from privdom.wecom.client import AsyncWeCom


__all__ = ["Again", "Candidate", "Finding", "Found", "Kind", "Lapsed", "NotYet", "Unclear"]

Q = TypeVar("Q")
A = TypeVar("A")


@attrs.frozen
class Candidate:
    """Something at WeCom that may be the lost call."""

    done: Done
    certain: bool
    """Whether nothing else can look like it."""
    whole: bool = False
    """Whether all that can be compared is the same, recipients included."""
    gone: bool = False
    """Whether it was taken back already, by whomever."""
    sent: bool = False
    """Whether staff have sent it, so that it cannot be taken back any more."""


@attrs.frozen
class Found:
    """A complete look-up: all that match. Empty: WeCom shows nothing like it."""

    candidates: tuple[Candidate, ...] = ()


@attrs.frozen
class NotYet:
    """WeCom is still working on it: neither there nor absent."""

    reason: str


@attrs.frozen
class Unclear:
    """This call cannot be looked up, or not completely."""

    reason: str
    candidates: tuple[Candidate, ...] = ()
    """What a person may want to see before deciding; the engine draws no conclusion from it."""
    harmless: bool = False
    """Whether a second one harms nobody, so that it may be called again where the policy is to resend."""


@attrs.frozen
class Again:
    """A second call leads to nothing more, or WeCom refuses it by itself: repeating is the look-up."""

    wait: timedelta
    reason: str
    ordered: bool = False
    """Whether the first one, landing after what comes next, would undo it: then nothing comes for another settle."""


@attrs.frozen
class Lapsed:
    """Too late to be worth anything, whatever became of it."""

    reason: str


Finding: TypeAlias = Found | NotYet | Unclear | Again | Lapsed


class Kind(Protocol[Q, A]):
    """
    One kind of call that must happen once.

    Inherit from it: what most kinds share has a body here.
    """

    name: str
    """Stored with each unit; never change it."""
    endpoint: Endpoint
    request: type[Q]
    answer: type[A]
    reaches: bool = False
    """Whether it sends something to the subjects, and so must pass the gate."""
    prepares: bool = False
    """Whether `prepare` has something to read before the call."""
    undoes: bool = False
    """Whether `undo` can take a second one back."""
    gives_id: bool = True
    """Whether WeCom gives what the call makes an id, the ``remote_id``, by which a person confirms it."""
    patience: timedelta | None = None
    """How long to wait for an answer before the look-up; None: until the call cannot be on its way any more."""

    def check(self, request: Q, subjects: Sequence[str]) -> None:
        """
        Check that this request can be looked up, and is about just these subjects.

        Raises:
            UsageError: It is not; the message says what to change.
        """

    def narrow(self, request: Q, subjects: Set[str]) -> Q:
        """Return the request for those of its subjects that passed the gate."""
        return request

    def mark(self, request: Q, nonce: str) -> Q:
        """Return the request with *nonce* where WeCom's listings will show it, if there is such a place."""
        return request

    def lane(self, request: Q) -> str | None:
        """Return the lane that this request must take, or None if any will do."""
        return None

    def fingerprint(self, request: Q) -> str:
        """
        Return what a look-up can tell apart: units that share it may be taken for each other.

        Of a kind that reaches, it does not depend on the subjects: the gate may
        leave some out right before the call.
        """
        ...

    async def prepare(self, wecom: AsyncWeCom, request: Q) -> str:
        """Read what the look-up will need to know about the time before the call."""
        return ""

    def read(self, request: Q, answer: A) -> Done:
        """Return what WeCom's answer says."""
        ...

    def doubts(self, unit: Unit, answer: A) -> str | None:
        """Return what in the answer to a second attempt may be the doing of the first; None: it speaks for itself."""
        return None

    def judge(self, error: PrivdomError, unit: Unit, now: datetime) -> Verdict | None:
        """Return the verdict on an error that means something special here, or None."""
        return None

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: Q, skew: timedelta) -> Finding:
        """
        Look for what became of the call.

        Raises:
            PrivdomError: The look-up failed.
        """
        ...

    async def known(self, wecom: AsyncWeCom, remote_id: str) -> Done:
        """
        Return what is to be recorded of something that a person names.

        Raises:
            PrivdomError: WeCom does not have it, or cannot be asked.
        """
        return Done(remote_id, None)

    async def known_without_id(self, wecom: AsyncWeCom, request: Q) -> Done:
        """
        Return what is to be recorded of a call that a person confirms, of a kind that gives no id.

        Raises:
            PrivdomError: WeCom does not have it, or cannot be asked.
        """
        return Done(None, None)

    async def undo(self, wecom: AsyncWeCom, remote_id: str) -> bool:
        """Take a second one back; return whether that is possible."""
        return False
