"""
Journeys (SOP): steps that reach customers over time, each once or with a reason why not.

::

    welcome = Journey("welcome", [
        Step("hello", timedelta(hours=2), "感谢关注！"),
        Step("offer", Day(3, time(10)), "新客专享", attachments=[Link("九折", "https://example.com/9")]),
    ])
    journeys = Journeys(wecom, store, outbox)
    journeys.save(welcome)
    journeys.enrol("welcome", [("zhangsan", "wmCUSTOMER")])
    while True:  # or from cron, or a queue
        journeys.advance()
        outbox.tick()
        journeys.advance()
        journeys.collect()
"""

from __future__ import annotations

from privdom.sop.report import AdvanceReport, CollectReport, JourneyReport, StepInstance, StepReport
from privdom.sop.rules import CHINA, FINAL, Day, DueStep, EnrolmentState, Journey, Step, StepState, due_times
from privdom.sop.service import AsyncJourneys, Journeys


__all__ = [
    "CHINA",
    "FINAL",
    "AdvanceReport",
    "AsyncJourneys",
    "CollectReport",
    "Day",
    "DueStep",
    "EnrolmentState",
    "Journey",
    "JourneyReport",
    "Journeys",
    "Step",
    "StepInstance",
    "StepReport",
    "StepState",
    "due_times",
]
