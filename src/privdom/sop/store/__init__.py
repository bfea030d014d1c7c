"""The tables of journeys, and the statements on them; all but the reading ones follow `tables.lock`."""

from __future__ import annotations

from privdom.sop.store import enrolments, journeys, steps, tables


__all__ = ["enrolments", "journeys", "steps", "tables"]
