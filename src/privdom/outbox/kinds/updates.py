"""Calls that write a state: however often one arrives, the state is the same, but a late one undoes a newer one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from privdom._facts import endpoints
from privdom.errors import PrivdomError, UsageError
from privdom.outbox.kind import Again, Finding, Kind
from privdom.outbox.rules import back_off, judge
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Done, Refuse, Verdict
from privdom.wecom._values import Done as Nothing
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.codes import ContactWayUpdate
from privdom.wecom.contacts import RemarkRequest
from privdom.wecom.join_ways import JoinWayUpdate
from privdom.wecom.wire import dumps, unstructure


__all__ = [
    "CONTACT_WAY_UPDATE",
    "JOIN_WAY_UPDATE",
    "REMARK",
    "ContactWayUpdateKind",
    "JoinWayUpdateKind",
    "RemarkKind",
]

Q = TypeVar("Q")

_ID_CHARS = 200


class _Update(Kind[Q, Nothing]):
    """
    What such calls share.

    A lost one is made again, for as long as it takes, under either policy: but
    not before it cannot land any more, and before any other of its lane.
    """

    answer = Nothing
    gives_id = False

    @abstractmethod
    def lane(self, request: Q) -> str: ...

    def fingerprint(self, request: Q) -> str:
        return f"{self.lane(request)}/{dumps(unstructure(request)).decode()}"

    def judge(self, error: PrivdomError, unit: Unit, now: datetime) -> Verdict:
        verdict = judge(error, unit.attempt)
        # Not parked: a person who let it be called again later would undo what was written since.
        if isinstance(verdict, Refuse) and unit.suspect:
            return Refuse(f"{verdict.reason}; an earlier call of it may have been carried out", verdict.code)
        return verdict

    def read(self, request: Q, answer: Nothing) -> Done:
        return Done(None, dumps(unstructure(answer)).decode())

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: Q, skew: timedelta) -> Finding:
        return Again(back_off(unit.attempt), "a second one leads to the same state: called again", ordered=True)


def _nobody(subjects: Sequence[str], what: str) -> None:
    if subjects:
        msg = f"a change of {what} concerns no customer: leave subjects= out, and give a unit_id to plan it only once"
        raise UsageError(msg)


def _check_id(config_id: str) -> None:
    if len(config_id) > _ID_CHARS:
        msg = f"config_id has {len(config_id)} characters: give the id that WeCom gave"
        raise UsageError(msg)


class ContactWayUpdateKind(_Update[ContactWayUpdate]):
    """
    Change a contact way, one change of it after the other as they fall due.

    A lost change is made again once it cannot land any more; a later one waits
    for it, so that what fell due last is what stays. If a repeat is refused,
    the unit ends as refused, and its reason says that an earlier call may have
    been carried out. What cannot be told: whether the lost call had arrived,
    which makes no difference; and changes that somebody makes elsewhere
    (`codes.update`, another app), which a repeat undoes.
    """

    name = "contact_way_update"
    endpoint = endpoints.CODE_UPDATE
    request = ContactWayUpdate

    def check(self, request: ContactWayUpdate, subjects: Sequence[str]) -> None:
        _nobody(subjects, "a contact way")
        _check_id(request.config_id)

    def lane(self, request: ContactWayUpdate) -> str:
        return f"contact_way_update:{request.config_id}"


class JoinWayUpdateKind(_Update[JoinWayUpdate]):
    """
    Overwrite a join way, one change of it after the other as they fall due; make it with `JoinWayUpdate.of`.

    A lost change is made again once it cannot land any more; a later one waits
    for it, so that what fell due last is what stays. If a repeat is refused,
    the unit ends as refused, and its reason says that an earlier call may have
    been carried out. What cannot be told: whether the lost call had arrived,
    which makes no difference; and changes that somebody makes elsewhere
    (`join_ways.update`), which a repeat undoes.
    """

    name = "join_way_update"
    endpoint = endpoints.JOIN_WAY_UPDATE
    request = JoinWayUpdate

    def check(self, request: JoinWayUpdate, subjects: Sequence[str]) -> None:
        _nobody(subjects, "a join way")
        _check_id(request.config_id)

    def lane(self, request: JoinWayUpdate) -> str:
        return f"join_way_update:{request.config_id}"


class RemarkKind(_Update[RemarkRequest]):
    """
    Change a staff's notes on a customer, one change of a relation after the other as they fall due.

    A lost change is made again once it cannot land any more; a later one waits
    for it, so that what fell due last is what stays. If a repeat is refused,
    the unit ends as refused, and its reason says that an earlier call may have
    been carried out. What cannot be told: whether the lost call had arrived,
    which makes no difference; and notes that the staff write by themselves in
    the meantime, which a repeat overwrites. Subjects may name the customer, or nobody.
    """

    name = "remark"
    endpoint = endpoints.REMARK
    request = RemarkRequest

    def check(self, request: RemarkRequest, subjects: Sequence[str]) -> None:
        if set(subjects) - {request.external_userid}:
            msg = "subjects= of a remark name its customer, or nobody"
            raise UsageError(msg)

    def lane(self, request: RemarkRequest) -> str:
        # Ids of staff are case-insensitive at WeCom.
        return f"remark:{request.userid.lower()}:{request.external_userid}"


CONTACT_WAY_UPDATE = ContactWayUpdateKind()
JOIN_WAY_UPDATE = JoinWayUpdateKind()
REMARK = RemarkKind()
