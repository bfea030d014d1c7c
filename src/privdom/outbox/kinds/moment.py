"""add_moment_task: a moment that staff publish (WeCom documentation 95094)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from privdom._facts import endpoints
from privdom._facts.limits import MOMENT_LIST_DAYS
from privdom.errors import ApiError, PrivdomError, UsageError
from privdom.outbox.kind import Candidate, Finding, Kind, Unclear
from privdom.outbox.kinds._windows import windows
from privdom.outbox.rules import back_off, describe
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Done, Release, Verdict
from privdom.wecom._content import Text
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.messages import CreatorFilter
from privdom.wecom.moments import MomentJob, MomentRecord, NewMoment
from privdom.wecom.wire import dumps, unstructure


__all__ = ["MOMENT", "Moment"]

_TOO_MANY_JOBS = 41078
_SECOND = timedelta(seconds=1)


class Moment(Kind[NewMoment, MomentJob]):
    """
    Have WeCom make a moment; ``remote_id`` is the jobid, which `moments.result` takes for 24 hours.

    "Confirmed" means that WeCom has the job: whether a moment came of it, and
    who could not publish it, stands in its result. A lost jobid cannot be
    recovered, and a second moment reaches customers twice, so such a unit is
    parked under either policy. The look-up still reads the moments that the corp
    made since the call (93333), and names those of the same text for a person
    to see in `inspect`; confirmed by one, the unit has its moment id as
    ``remote_id``. It cannot tell:

    * whose moment one of equal text is: the list shows neither senders nor tags, nor the app;
    * moments without a text: media come back under other ids, so they are not compared;
    * that a moment was not made: whether those that nobody has published are listed is documented nowhere.
    """

    name = "moment"
    endpoint = endpoints.MOMENT_ADD
    request = NewMoment
    answer = MomentJob

    def check(self, request: NewMoment, subjects: Sequence[str]) -> None:
        if subjects:
            msg = (
                "a moment is aimed at staff and tags, never at customers by name: leave subjects= out, and give a"
                " unit_id to plan it only once"
            )
            raise UsageError(msg)

    def lane(self, request: NewMoment) -> str:
        # Ten a minute; and what a look-up shows should not be the next one's.
        return "moment"

    def fingerprint(self, request: NewMoment) -> str:
        return dumps(unstructure(request)).decode()

    def judge(self, error: PrivdomError, unit: Unit, now: datetime) -> Verdict | None:
        if isinstance(error, ApiError) and error.errcode == _TOO_MANY_JOBS:
            return Release(back_off(unit.attempt, timedelta(seconds=60)), describe(error))
        return None

    def read(self, request: NewMoment, answer: MomentJob) -> Done:
        return Done(answer.jobid, dumps(unstructure(answer)).decode())

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: NewMoment, skew: timedelta) -> Finding:
        assert unit.armed_at is not None
        text = _text(request.text)
        if not text:
            return Unclear("a lost job cannot be found again, nor a moment without a text")
        found: dict[str, Candidate] = {}
        for start, end in windows(unit.armed_at - skew, wecom.port.now() + skew, days=MOMENT_LIST_DAYS - 1):
            # WeCom's windows are open on both sides, so two that only touch would miss a second.
            moments = wecom.moments.each(start - _SECOND, end, filter_type=CreatorFilter.CORP)
            found |= {m.moment_id: _candidate(m) async for m in moments if _text(m.text) == text}
        reason = f"a lost job cannot be found again; moments of its text that WeCom shows: {len(found)}"
        return Unclear(reason, tuple(found.values()))


def _candidate(moment: MomentRecord) -> Candidate:
    return Candidate(Done(moment.moment_id, None), certain=False)


def _text(text: Text | None) -> str:
    return " ".join(text.content.split()) if text is not None else ""


MOMENT = Moment()
