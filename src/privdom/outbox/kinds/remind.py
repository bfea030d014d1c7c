"""remind_groupmsg_send: remind staff of a mass message (WeCom documentation 97610)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from privdom._facts import endpoints
from privdom.errors import UsageError
from privdom.outbox.kind import Finding, Kind, Unclear
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Done
from privdom.wecom._values import Done as Nothing
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.messages import RemindRequest
from privdom.wecom.wire import dumps, unstructure


__all__ = ["REMIND", "Remind"]

_ID_CHARS = 200


class Remind(Kind[RemindRequest, Nothing]):
    """
    Remind the staff who have not sent a mass message yet, three times in 24 hours at most.

    Nothing at WeCom tells whether they were reminded. A lost call is therefore
    never repeated, under either policy, but parked: a person may let it go, or
    have it called again. A fourth reminder in 24 hours (41094) ends as refused:
    hours later it would say something else.
    """

    name = "remind"
    endpoint = endpoints.MESSAGE_REMIND
    request = RemindRequest
    answer = Nothing
    gives_id = False

    def check(self, request: RemindRequest, subjects: Sequence[str]) -> None:
        if subjects:
            msg = "a reminder goes to staff, not to customers: leave subjects= out, and give a unit_id to plan it once"
            raise UsageError(msg)
        if len(request.msgid) > _ID_CHARS:
            msg = f"msgid has {len(request.msgid)} characters: give the id that WeCom gave"
            raise UsageError(msg)

    def lane(self, request: RemindRequest) -> str:
        return f"remind:{request.msgid}"

    def fingerprint(self, request: RemindRequest) -> str:
        return request.msgid

    def read(self, request: RemindRequest, answer: Nothing) -> Done:
        return Done(None, dumps(unstructure(answer)).decode())

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: RemindRequest, skew: timedelta) -> Finding:
        return Unclear("nothing at WeCom tells whether the staff were reminded")


REMIND = Remind()
