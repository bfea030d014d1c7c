"""send_welcome_msg: the first message to a new customer (WeCom documentation 92137)."""

from __future__ import annotations

import hashlib

from collections.abc import Sequence
from datetime import datetime, timedelta

from privdom._facts import endpoints
from privdom._facts.limits import WELCOME_SECONDS
from privdom.errors import ApiError, MayHaveArrived, NotSent, PrivdomError, UsageError
from privdom.outbox.kind import Again, Finding, Kind, Lapsed
from privdom.outbox.rules import describe, judge
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Confirm, Done, Refuse, Release, Verdict
from privdom.wecom._values import Done as Nothing
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.messages import WelcomeRequest
from privdom.wecom.wire import dumps, unstructure


__all__ = ["WELCOME", "Welcome"]

_WINDOW = timedelta(seconds=WELCOME_SECONDS)
_PAUSE = timedelta(seconds=1)
_DELIVERED, _USED_OR_EXPIRED, _ANOTHER_APP = 41051, 41050, 41096


class Welcome(Kind[WelcomeRequest, Nothing]):
    """
    Send the welcome message of one welcome code, within 20 seconds of planning it.

    WeCom itself refuses the second one, so there is nothing to look up: inside
    the window the call is simply made again. 41051 means that it was delivered,
    41050 that the code is used or expired, 41096 that another app is sending and
    may yet fail. What cannot be told: after an attempt without an answer, 41050
    may mean that this very attempt was delivered, or that all was in vain. Such
    a unit ends as refused, with that reason; nobody could do anything about it.

    Plan it when the event comes in: the window is counted from then, and WeCom
    has the last word on it. Subjects may name the customer, or nobody.
    """

    name = "welcome"
    endpoint = endpoints.WELCOME
    request = WelcomeRequest
    answer = Nothing
    gives_id = False
    # Long waiting would waste the window, and a second call does no harm.
    patience = timedelta(seconds=5)

    def check(self, request: WelcomeRequest, subjects: Sequence[str]) -> None:
        if len(subjects) > 1:
            msg = "a welcome code is for one customer: name that one in subjects=, or nobody"
            raise UsageError(msg)

    def lane(self, request: WelcomeRequest) -> str:
        # Codes are secret for 20 seconds, and longer than a lane's name may be.
        return f"welcome:{hashlib.sha256(request.welcome_code.encode()).hexdigest()[:32]}"

    def fingerprint(self, request: WelcomeRequest) -> str:
        return self.lane(request)

    def judge(self, error: PrivdomError, unit: Unit, now: datetime) -> Verdict:
        if isinstance(error, ApiError) and error.errcode == _DELIVERED:
            return Confirm(Done(None, None))
        if isinstance(error, ApiError) and error.errcode == _USED_OR_EXPIRED:
            return Refuse(_too_late(unit), error.errcode)
        code = error.errcode if isinstance(error, ApiError) else None
        if isinstance(error, MayHaveArrived | NotSent) or code == _ANOTHER_APP:
            if now >= unit.created_at + _WINDOW:
                return Refuse(_too_late(unit), code)
            return Release(_PAUSE, describe(error), doubt=isinstance(error, MayHaveArrived))
        # Whatever became of earlier attempts: after 20 seconds nobody can do anything about it.
        return judge(error, unit.attempt)

    def read(self, request: WelcomeRequest, answer: Nothing) -> Done:
        return Done(None, dumps(unstructure(answer)).decode())

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: WelcomeRequest, skew: timedelta) -> Finding:
        if wecom.port.now() < unit.created_at + _WINDOW:
            return Again(timedelta(0), "WeCom sends a welcome message only once: called again")
        return Lapsed(_too_late(unit))


def _too_late(unit: Unit) -> str:
    if unit.suspect:
        return "too late, or used by an attempt that got no answer: nobody can tell"
    return "the welcome code was used, or is older than 20 seconds"


WELCOME = Welcome()
