"""Statements on journeys and their versions."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, cast

import cattrs

from sqlalchemy import Connection, func, insert, select, update

from privdom.errors import UsageError
from privdom.sop.report import JourneyReport, StepReport
from privdom.sop.rules import Day, EnrolmentState, Journey, StepState
from privdom.sop.store.tables import enrolment, journey, step, version
from privdom.store import sql
from privdom.wecom import wire
from privdom.wecom.messages import Attachment


__all__ = ["find", "load", "pause", "report", "save"]

_converter = cattrs.Converter(detailed_validation=False)


@_converter.register_unstructure_hook
def _offset(value: timedelta) -> dict[str, Any]:
    return {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}


@_converter.register_unstructure_hook
def _day(value: Day) -> dict[str, Any]:
    return {"day": value.n, "at": value.at.isoformat()}


def _when(value: dict[str, Any], _: object) -> timedelta | Day:
    return Day(value["day"], time.fromisoformat(value["at"])) if "day" in value else timedelta(**value)


@_converter.register_unstructure_hook
def _attachment(value: Attachment) -> dict[str, Any]:
    fields: dict[str, Any] = wire.converter.unstructure(value, Attachment)
    return fields


@_converter.register_structure_hook
def _kept_attachment(value: dict[str, Any], _: object) -> Attachment:
    # A union is no type[T].
    return cast("Attachment", wire.converter.structure(value, cast("Any", Attachment)))


for _type in (timedelta, timedelta | Day):
    _converter.register_structure_hook(_type, _when)


def save(conn: Connection, corp_id: str, value: Journey, at: datetime) -> int:
    """Store *value* unless it is the latest version already; return its version."""
    sql.insert_ignore(conn, journey, [{"corp_id": corp_id, "journey_id": value.id, "version": 0, "paused": False}])
    latest, _ = find(conn, corp_id, value.id)
    if latest and load(conn, corp_id, value.id, latest) == value:
        return latest
    conn.execute(
        insert(version).values(
            corp_id=corp_id,
            journey_id=value.id,
            version=latest + 1,
            definition=_converter.unstructure(value),
            saved_at=at,
        )
    )
    conn.execute(
        update(journey).where(journey.c.corp_id == corp_id, journey.c.journey_id == value.id).values(version=latest + 1)
    )
    return latest + 1


def find(conn: Connection, corp_id: str, journey_id: str) -> tuple[int, bool]:
    """
    Return the latest version of a journey, and whether it is paused.

    Raises:
        UsageError: There is none.
    """
    query = select(journey.c.version, journey.c.paused)
    row = conn.execute(query.where(journey.c.corp_id == corp_id, journey.c.journey_id == journey_id)).first()
    if row is None:
        msg = f"there is no journey {journey_id!r}: save it first"
        raise UsageError(msg)
    return row.version, row.paused


def load(conn: Connection, corp_id: str, journey_id: str, number: int) -> Journey:
    """Return one version of a journey."""
    query = select(version.c.definition).where(
        version.c.corp_id == corp_id, version.c.journey_id == journey_id, version.c.version == number
    )
    return _converter.structure(conn.execute(query).scalar_one(), Journey)


def pause(conn: Connection, corp_id: str, journey_id: str, paused: bool) -> None:
    """Set whether steps of a journey are planned."""
    find(conn, corp_id, journey_id)
    conn.execute(
        update(journey).where(journey.c.corp_id == corp_id, journey.c.journey_id == journey_id).values(paused=paused)
    )


def report(conn: Connection, corp_id: str, journey_id: str) -> JourneyReport:
    """Return how many customers stand where in a journey."""
    number, paused = find(conn, corp_id, journey_id)
    latest = load(conn, corp_id, journey_id, number)
    e, s = enrolment.c, step.c
    people = select(e.state, func.count()).where(e.corp_id == corp_id, e.journey_id == journey_id).group_by(e.state)
    query = select(s.step_id, s.state, func.count()).where(s.corp_id == corp_id, s.journey_id == journey_id)
    counts: dict[str, dict[StepState, int]] = {one.id: {} for one in latest.steps}
    for step_id, state, count in conn.execute(query.group_by(s.step_id, s.state).order_by(s.step_id)):
        counts.setdefault(step_id, {})[StepState(state)] = count
    return JourneyReport(
        journey_id,
        number,
        paused,
        {EnrolmentState(state): count for state, count in conn.execute(people)},
        tuple(StepReport(step_id, states) for step_id, states in counts.items()),
    )
