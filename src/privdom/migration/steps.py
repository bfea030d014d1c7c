"""The steps of a migration, each inside one transaction: fold the news, judge results, submit what is next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from sqlalchemy import Connection

from privdom._facts.limits import TRANSFER_WAIT_SECONDS
from privdom.events import (
    CustomerMoved,
    DomainEvent,
    EventLog,
    TransferFailed,
    TransferRefused,
    UnitSettled,
    WaveFinished,
)
from privdom.migration import store as tables
from privdom.migration.report import Item
from privdom.migration.rules import (
    Fact,
    ItemState,
    Move,
    Policy,
    ResultRecord,
    batches,
    errcode_reason,
    fact_of_errcode,
    fact_of_records,
    next_state,
    takeover_time_of,
)
from privdom.mirror import move_follows
from privdom.outbox import TRANSFER, AsyncDesiredTags, AsyncOutbox, ItemResult, Unit, UnitState
from privdom.outbox import ItemState as LedgerState
from privdom.wecom.transfers import TransferRequest


__all__ = ["CONSUMER", "Submitted", "fold_news", "judge_results", "owner_of", "submit"]

Key = tuple[str, str, str]

CONSUMER = "migration"
_OWNER = "migration:"
_NEWS = (UnitSettled.kind, TransferFailed.kind)
_BATCH = 500
_WAIT = timedelta(seconds=TRANSFER_WAIT_SECONDS)
_PLANNED_BEFORE = "the outbox has a call for this customer under this plan's name already"
_FAIL_REASONS = {"customer_refused": Fact.REFUSED, "customer_limit_exceed": Fact.FULL}


def owner_of(plan_id: str) -> str:
    """Return the name under which the units of a plan stand in the outbox."""
    return _OWNER + plan_id


def _key(item: Item) -> Key:
    return item.plan_id, item.external_userid, item.handover_userid


def _learn(item: Item, fact: Fact, now: datetime, *, errcode: int | None = None, reason: str = "") -> Item:
    state = next_state(item.state, fact)
    item = attrs.evolve(item, state=state, parked=False, reason=reason)
    if errcode is not None:
        item = attrs.evolve(item, errcode=errcode, reason=reason or errcode_reason(errcode))
    return attrs.evolve(item, settled_at=now, poll_at=None) if state.settled else item


def _started(item: Item, at: datetime, takeover_time: datetime) -> Item:
    item = _learn(item, Fact.STARTED, at, errcode=0)
    return attrs.evolve(item, started_at=at, takeover_time=takeover_time, poll_at=takeover_time)


def fold_news(conn: Connection, outbox: AsyncOutbox, corp_id: str, now: datetime) -> tuple[int, bool]:
    """
    Fold what the event log says of transfers since the last time, of all plans, and move the cursor.

    Returns:
        How many items settled, and whether there may be more.
    """
    news = EventLog.read(conn, corp_id, CONSUMER, _NEWS, limit=_BATCH)
    if not news:
        return 0, False
    ours = [e.unit_id for _, e in news if isinstance(e, UnitSettled) and e.owner.startswith(_OWNER)]
    refused = [e.external_userid for _, e in news if isinstance(e, TransferFailed)]
    before = {_key(item): item for item in _lock_items(conn, corp_id, ours, refused)}
    after = dict(before)
    of_unit: defaultdict[str | None, list[Key]] = defaultdict(list)
    of_customer: defaultdict[str, list[Key]] = defaultdict(list)
    for key, item in before.items():
        of_unit[item.unit_id].append(key)
        of_customer[item.external_userid].append(key)
    for _, event in news:
        if isinstance(event, TransferFailed):
            for key in of_customer[event.external_userid]:
                after[key] = _failed(after[key], event, now)
        elif isinstance(event, UnitSettled) and of_unit[event.unit_id]:
            unit = outbox.unit(conn, event.unit_id)
            results = {result.subject: result for result in outbox.items(conn, event.unit_id)}
            for key in of_unit[event.unit_id]:
                after[key] = _answered(after[key], unit, results.get(after[key].external_userid), now)
    changed = [item for key, item in after.items() if item != before[key]]
    tables.save_items(conn, corp_id, changed)
    EventLog.advance(conn, corp_id, CONSUMER, news[-1][0])
    _announce(conn, corp_id, changed, now)
    return sum(item.state.settled for item in changed), len(news) == _BATCH


def _announce(conn: Connection, corp_id: str, changed: Iterable[Item], now: datetime) -> None:
    """Log what ended. The last thing in a transaction: others who log wait for its end."""
    events: list[DomainEvent] = []
    for item in changed:
        if item.state is ItemState.SUCCEEDED:
            events.append(_moved(item))
        elif item.state.settled:
            events.append(TransferRefused(item.external_userid, item.takeover_userid, item.state, now))
    EventLog.append(conn, corp_id, *events)


def _moved(item: Item) -> CustomerMoved:
    assert item.takeover_time is not None
    return CustomerMoved(item.external_userid, item.handover_userid, item.takeover_userid, item.takeover_time)


def _lock_items(conn: Connection, corp_id: str, units: list[str], customers: list[str]) -> list[Item]:
    def find() -> list[Item]:
        return tables.items_of_units(conn, corp_id, units) + tables.items_of_transfers(conn, corp_id, customers)

    # Read again under the locks, which everybody takes in this order.
    for plan_id in sorted({item.plan_id for item in find()}):
        tables.lock_plan(conn, corp_id, plan_id)
    return find()


def _answered(item: Item, unit: Unit, result: ItemResult | None, now: datetime) -> Item:
    """Return what the end of *unit*, with *result* for this customer, makes of *item*."""
    if item.state is not ItemState.SUBMITTED:
        return item
    if unit.state is UnitState.PARKED:
        return attrs.evolve(item, parked=True, poll_at=now, reason=f"parked: {unit.reason}")
    if unit.state is not UnitState.CONFIRMED:
        code = None if result is None else result.code
        return _learn(item, Fact.BROKEN, now, errcode=code, reason=f"{unit.state}: {unit.reason}")
    if result is None or result.state is LedgerState.UNSEEN:
        return _learn(item, Fact.BROKEN, now, reason="the call arrived, but WeCom shows no transfer of this customer")
    if result.code:
        return _learn(item, fact_of_errcode(result.code), now, errcode=result.code)
    # Of the moments between which it started, the later for the days of rest, the earlier for the first look.
    return _started(item, now, (unit.armed_at or now) + _WAIT)


def _failed(item: Item, event: TransferFailed, now: datetime) -> Item:
    """Return what *event*, which names the takeover but no handover staff, makes of *item*."""
    if item.takeover_userid != event.takeover_userid or item.state.settled or item.submitted_at is None:
        return item
    if event.at is not None and event.at < item.submitted_at.replace(microsecond=0):
        return item
    return _learn(item, _FAIL_REASONS.get(event.reason, Fact.BROKEN), now, reason=event.reason)


def judge_results(
    conn: Connection,
    tags: AsyncDesiredTags,
    corp_id: str,
    plan_id: str,
    pair: tuple[str, str],
    records: Iterable[ResultRecord],
    now: datetime,
) -> int:
    """
    Apply what transfer_result shows for *pair* to the items that wait for it; return how many settled.

    A success moves the relation in the mirror and the wished-for tags, and is announced, in the same transaction.
    """
    row = tables.lock_plan(conn, corp_id, plan_id)
    assert row is not None
    by_customer: defaultdict[str, list[ResultRecord]] = defaultdict(list)
    for record in records:
        by_customer[record.external_userid].append(record)
    due = tables.due_items(conn, corp_id, plan_id, pair, now)
    changed = [_judged(item, by_customer[item.external_userid], row.policy, now) for item in due]
    succeeded = [_moved(item) for item in changed if item.state is ItemState.SUCCEEDED]
    if succeeded:
        move_follows(conn, corp_id, succeeded)
        tags.move(conn, corp_id, [(move.external_userid, *pair) for move in succeeded])
    tables.save_items(conn, corp_id, changed)
    _announce(conn, corp_id, changed, now)
    return sum(item.state.settled for item in changed)


def _judged(item: Item, records: list[ResultRecord], policy: Policy, now: datetime) -> Item:
    submitted_at, due = item.submitted_at, item.takeover_time
    assert submitted_at is not None
    shown = takeover_time_of(records, submitted_at)
    fact = fact_of_records(records, submitted_at, accepted=item.state is ItemState.WAITING)
    if fact is Fact.STARTED:
        assert shown is not None
        return _started(item, shown - _WAIT, shown)
    if fact is not None:
        return _learn(attrs.evolve(item, takeover_time=shown or due), fact, now)
    # A call may be made again days after it was made first: then the answer tells when it took effect at the latest.
    latest = max(due or submitted_at, item.started_at + _WAIT) if item.started_at else due or submitted_at
    # What is long overdue is looked at ever less often.
    wait = max(policy.poll_every, (now - latest) / 2)
    again = max(now + wait, shown or now)
    if due is None:
        # Parked: only a person can end it, and looking goes on only as long as it may show something new.
        return attrs.evolve(item, poll_at=again if now < submitted_at + _WAIT + policy.patience else None)
    due = max(due, shown or due)
    if now < max(due, latest) + policy.patience:
        return attrs.evolve(item, takeover_time=due, poll_at=again)
    return _learn(item, Fact.BROKEN, now, reason="WeCom shows no result")


@attrs.frozen
class Submitted:
    """What `submit` did; *again*: there is news to fold first."""

    items: int = 0
    waves_finished: tuple[int, ...] = ()
    finished: bool = False
    again: bool = False


def submit(conn: Connection, outbox: AsyncOutbox, corp_id: str, plan_id: str, now: datetime) -> Submitted:
    """
    Hand the next wave to the outbox, if the one before has settled; finish the plan if nothing is left.

    A wave has settled when each of its items has, or is parked: a person has to look at those, and the others do not
    wait for that.
    """
    # A failure that stands in the log by now is of an earlier attempt, and must not be taken for one of this wave.
    if EventLog.read(conn, corp_id, CONSUMER, _NEWS, limit=1):
        return Submitted(again=True)
    row = tables.lock_plan(conn, corp_id, plan_id)
    assert row is not None
    if row.finished_at is not None:
        return Submitted(finished=True)
    if tables.unsettled(conn, corp_id, plan_id, parked=False):
        return Submitted()
    wave = tables.next_wave(conn, corp_id, plan_id)
    items = 0 if wave is None else _submit_wave(conn, outbox, corp_id, plan_id, row.policy, wave, now)
    over = wave is None and not tables.unsettled(conn, corp_id, plan_id, parked=True)
    ended = (row.wave,) if row.waves_finished < row.wave else ()
    after = attrs.evolve(row, wave=wave or row.wave, waves_finished=row.wave, finished_at=now if over else None)
    tables.save_row(conn, corp_id, plan_id, after)
    EventLog.append(conn, corp_id, *(WaveFinished(plan_id, number, now) for number in ended))
    return Submitted(items, ended, over)


def _submit_wave(
    conn: Connection, outbox: AsyncOutbox, corp_id: str, plan_id: str, policy: Policy, wave: int, now: datetime
) -> int:
    planned = {item.external_userid: item for item in tables.planned_up_to(conn, corp_id, plan_id, wave)}
    moves = [Move(i.external_userid, i.handover_userid, i.takeover_userid, i.wave) for i in planned.values()]
    submitted: list[Item] = []
    for batch in batches(moves):
        request = TransferRequest(
            handover_userid=batch.handover_userid,
            takeover_userid=batch.takeover_userid,
            external_userid=batch.external_userids,
            transfer_success_msg=policy.success_msg,
        )
        report = outbox.plan(
            conn,
            TRANSFER,
            request,
            owner=owner_of(plan_id),
            subjects=[(customer, owner_of(plan_id), batch.handover_userid) for customer in batch.external_userids],
        )
        planned_before = {subject.subject for subject in report.already}
        for customer in batch.external_userids:
            item = _learn(planned[customer], Fact.SUBMITTED, now)
            if customer in planned_before:
                # Nobody would ever tell this item how that call ended.
                submitted.append(_learn(item, Fact.BROKEN, now, reason=_PLANNED_BEFORE))
            else:
                submitted.append(attrs.evolve(item, unit_id=report.unit_id, submitted_at=now))
    tables.save_items(conn, corp_id, submitted)
    _announce(conn, corp_id, submitted, now)
    return len(submitted)
