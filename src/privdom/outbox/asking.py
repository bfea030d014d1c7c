"""Ask for budgets: what the gate knows, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from privdom.errors import UsageError
from privdom.outbox import gate_store
from privdom.outbox.budgets import Budget, Forecast, Touch, TouchForecast, budget_of, possible
from privdom.outbox.gate import Gate
from privdom.store import sql
from privdom.wecom._values import texts


__all__ = ["budget", "forecast"]


def budget(
    conn: Connection,
    corp_id: str,
    subjects: Iterable[str],
    *,
    gate: Gate,
    category: str,
    at: datetime | None,
    now: datetime,
) -> dict[str, Budget]:
    """Return what is left to each of *subjects*; see `AsyncOutbox.budget`."""
    if at is not None and at.utcoffset() is None:
        msg = "at must be aware: datetime(..., tzinfo=...)"
        raise UsageError(msg)
    moment = gate.open_at(max(at, now) if at is not None else now)
    bounds = gate.bounds(moment, category)
    nothing = (0,) * len(bounds)
    found: dict[str, Budget] = {}
    for chunk in sql.chunks(dict.fromkeys(texts(subjects))):
        silenced = gate_store.suppressed(conn, corp_id, chunk, category)
        used = gate_store.counts(conn, corp_id, chunk, bounds, now=now) if bounds else {}
        for name in chunk:
            found[name] = budget_of(used.get(name, nothing), bounds, suppressed=name in silenced)
    return found


def forecast(
    conn: Connection, corp_id: str, subjects: Iterable[str], touches: Iterable[Touch], *, gate: Gate, now: datetime
) -> Forecast:
    """Return how many of *touches* could reach *subjects*; see `AsyncOutbox.forecast`."""
    given = list(touches)
    moments = [gate.open_at(max(touch.at, now)) for touch in given]
    order = sorted(range(len(given)), key=moments.__getitem__)
    line = [(given[i], moments[i], gate.bounds(moments[i], given[i].category)) for i in order]
    since = min((bound.start for _, _, bounds in line for bound in bounds), default=None)
    reached = [0] * len(given)
    short: dict[str, int] = {}
    asked = 0
    for chunk in sql.chunks(dict.fromkeys(texts(subjects))):
        asked += len(chunk) * len(given)
        categories = {touch.category for touch in given}
        silenced = {c: gate_store.suppressed(conn, corp_id, chunk, c) for c in sorted(categories)}
        had = gate_store.moments(conn, corp_id, chunk, since, now) if since is not None else {}
        # Most have had the same: nothing.
        known: dict[tuple[object, ...], tuple[bool, ...]] = {}
        for name in chunk:
            mine = tuple(sorted(had.get(name, ())))
            silent = frozenset(c for c, names in silenced.items() if name in names)
            fits = known.get((mine, silent))
            if fits is None:
                fits = known[mine, silent] = possible(mine, line, silent)
            for place, fit in zip(order, fits, strict=True):
                reached[place] += fit
            if not all(fits):
                short[name] = fits.count(False)
    found = tuple(TouchForecast(*of_one) for of_one in zip(given, moments, reached, strict=True))
    return Forecast(asked=asked, possible=sum(reached), touches=found, short=short)
