"""Plans, opt-outs, faults and jumps of the clock in any order, judged by what the sandbox accepted."""

from __future__ import annotations

import os

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import attrs

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import select

from privdom._port import BlockingPort, run
from privdom.outbox import BROADCAST, SERVICE, AsyncOutbox, FrequencyRule, Gate, Policy, QuietHours, ReachCap, Subject
from privdom.outbox.gate import CHINA, STAFF
from privdom.outbox.tables import ledger, unit
from privdom.sandbox import Fault, Sandbox
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.messages import NewMessage
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from tests.outbox.corp import OutboxSettings


EXAMPLES = int(os.environ.get("PRIVDOM_EXAMPLES", "30"))
ZONES = [CHINA, UTC, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Europe/Berlin")]
# Before the ends of months and weeks, and before clocks change in those zones.
STARTS = [
    datetime(2026, 2, 28, 15, 30, tzinfo=UTC),
    datetime(2026, 3, 8, 3, tzinfo=UTC),
    datetime(2026, 3, 28, 21, tzinfo=UTC),
    datetime(2026, 10, 24, 22, tzinfo=UTC),
    datetime(2026, 12, 31, 15, 59, 50, tzinfo=UTC),
]
CATEGORIES = ["marketing", "survey", SERVICE]
CUSTOMERS = [f"wmcustomer{i}" for i in range(4)]
GROUPS = ["wrgroup1", "wrgroup2"]
JUMPS = [
    timedelta(seconds=1),
    timedelta(seconds=50),
    timedelta(minutes=9),
    timedelta(hours=1),
    timedelta(hours=7),
    timedelta(days=1),
    timedelta(days=4),
    timedelta(days=20),
]

THERE = {"sent", "unseen", "parked", "dropped"}

limits = st.integers(0, 3)
spans = st.sampled_from(["day", "week", "month", timedelta(hours=36), timedelta(days=7)])
rules = st.builds(FrequencyRule, limits, spans, st.sampled_from([None, *CATEGORIES]))
quiets = st.sampled_from([None, (22, 8), (13, 14), (23, 1), (2, 3)]).map(
    lambda hours: hours and QuietHours(time(hours[0]), time(hours[1], 30))
)
caps = st.one_of(
    st.none(),
    st.builds(ReachCap, st.sampled_from(["day", "week", "month"]), st.one_of(st.none(), st.integers(0, 4))),
)
gates = st.tuples(caps, quiets, st.sampled_from(ZONES), st.lists(rules, max_size=2), st.integers(0, 2)).map(
    lambda t: Gate(t[0], t[1], t[2], t[3], t[4] if t[0] else 0)
)
some_customers = st.lists(st.sampled_from(CUSTOMERS), min_size=1, unique=True)
some_groups = st.lists(st.sampled_from(GROUPS), min_size=1, unique=True)


@attrs.frozen
class Reached:
    """A message to one customer or group: when, and of which category."""

    at: datetime
    category: str


@attrs.frozen
class Planned:
    """What one plan promised."""

    unit_id: str
    text: str
    category: str
    not_before: datetime
    subjects: tuple[str, ...]


def same_window(per: str | timedelta, one: datetime, other: datetime, zone: tzinfo) -> bool:
    """Whether *one*, which comes first, counts where *other* does."""
    if isinstance(per, timedelta):
        return timedelta(0) <= other - one < per
    a, b = one.astimezone(zone).date(), other.astimezone(zone).date()
    return {
        "day": a == b,
        "week": a.isocalendar()[:2] == b.isocalendar()[:2],
        "month": (a.year, a.month) == (b.year, b.month),
    }[per]


def room(gate: Gate, had: Iterable[Reached], at: datetime, category: str) -> bool:
    """Whether one more message fits: the rules in other words than the gate's."""
    had = list(had)
    if gate.cap is not None:
        month = (at.astimezone(CHINA).replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        own = {"day": 1, "week": 7, "month": month.day}[gate.cap.per]
        limit = own if gate.cap.limit is None else gate.cap.limit
        here = [r for r in had if same_window(gate.cap.per, r.at, at, CHINA)]
        if len(here) >= limit:
            return False
        if category != SERVICE and gate.reserve:
            others = sum(r.category != SERVICE for r in here)
            if others >= limit - gate.reserve:
                return False
    for each in gate.rules:
        if each.category in {None, category}:
            counted = [r for r in had if each.category in {None, r.category}]
            if sum(same_window(each.per, r.at, at, gate.zone) for r in counted) >= each.limit:
                return False
    return True


class Machine(RuleBasedStateMachine):
    """One corp: two staff who share their customers, and a group each."""

    box: Sandbox

    @initialize(gate=gates, start=st.sampled_from(STARTS), policy=st.sampled_from(Policy))
    def begin(self, gate: Gate, start: datetime, policy: Policy) -> None:
        self.box = Sandbox(3, now=start)
        for name in ("zhang", "li"):
            self.box.add_staff(name)
        for customer in CUSTOMERS:
            self.box.add_customer(customer, staff=["zhang", "li"])
        for chat_id, owner in zip(GROUPS, ("zhang", "li"), strict=True):
            self.box.add_group(chat_id, owner=owner, members=CUSTOMERS)
        self.gate = gate
        self.store = Store("sqlite://")
        self.wecom = AsyncWeCom.on(
            BlockingPort(transport=self.box.transport, clock=self.box.clock),
            self.box.corp_id,
            self.box.secret,
            quotas=MemoryQuotas(),
            retry=Retry(attempts=1),
        )
        self.outbox = AsyncOutbox(self.wecom, self.store, OutboxSettings(gate=gate, policy=policy))
        self.plans: dict[str, Planned] = {}
        self.silent: set[tuple[str, str | None]] = set()
        self.unread: list[tuple[str, Reached]] = []
        self.learnt: list[tuple[str, Reached]] = []
        self.dropped: set[str] = set()
        self.judged = self.count = 0
        self.reached: dict[str, list[Reached]] = {}
        self.by_text: dict[str, list[str]] = {}

    @property
    def now(self) -> datetime:
        return self.box.clock.now()

    # What happens.

    @rule(customers=some_customers, sender=st.sampled_from(["zhang", "li"]), data=st.data())
    def plan_customers(self, customers: list[str], sender: str, data: st.DataObject) -> None:
        self.plan(customers, data, sender=sender, external_userid=customers)

    @rule(index=st.integers(0, 1), data=st.data())
    def plan_group(self, index: int, data: st.DataObject) -> None:
        chat = [GROUPS[index]]
        self.plan(chat, data, sender=("zhang", "li")[index], chat_type="group", chat_id_list=chat)

    def plan(self, names: Sequence[str], data: st.DataObject, **request: object) -> None:
        category = data.draw(st.sampled_from(CATEGORIES), "category")
        not_before = self.now + data.draw(st.sampled_from([timedelta(0), *JUMPS]), "in")
        self.count += 1
        text = f"{category} {self.count}"
        due = self.due(not_before)
        # What is late may go out first or not: it is counted again when it does.
        at_best = {name: room(self.gate, self.committed(name, late=False), due, category) for name in names}
        at_worst = {name: room(self.gate, self.committed(name), due, category) for name in names}
        with self.store.begin() as conn:
            report = self.outbox.plan(
                conn,
                BROADCAST,
                NewMessage(text=text, **request),  # type: ignore[arg-type]
                owner="test",
                subjects=[Subject(name, text) for name in names],
                category=category,
                not_before=not_before,
            )
        if report.unit_id is not None:
            planned = tuple(s.subject for s in report.planned)
            self.plans[text] = Planned(report.unit_id, text, category, not_before, planned)
        assert due == report.due_at
        for subject in report.planned:
            assert not self.is_silent(subject.subject, category)
            assert at_best[subject.subject]
        for subject in report.capped:
            assert not at_worst[subject.subject]
        for subject in report.suppressed:
            assert self.is_silent(subject.subject, category)

    @rule(names=st.one_of(some_customers, some_groups), category=st.sampled_from([None, *CATEGORIES]))
    def opt_out(self, names: list[str], category: str | None) -> None:
        with self.store.begin() as conn:
            self.outbox.suppress(conn, names, reason="asked", category=category)
        self.silent |= {(name, category) for name in names}

    @rule(names=st.one_of(some_customers, some_groups), category=st.sampled_from([None, *CATEGORIES]))
    def opt_in(self, names: list[str], category: str | None) -> None:
        with self.store.begin() as conn:
            self.outbox.allow(conn, names, category=category)
        self.silent -= {(name, category) for name in names}

    @rule(customers=some_customers)
    def staff_send(self, customers: list[str]) -> None:
        before = len(self.box.record.deliveries)
        self.box.staff_sends("zhang", f"own {len(self.box.record.messages)}", customers)
        # WeCom counts in seconds.
        at = self.now.replace(microsecond=0)
        self.unread += [(d.target, Reached(at, STAFF)) for d in self.box.record.deliveries[before:] if d.status == 1]

    @rule()
    def learn(self) -> None:
        run(self.outbox.learn_staff_sends(overlap=timedelta(days=40)))
        self.learnt += self.unread
        self.unread.clear()

    @rule(jump=st.sampled_from(JUMPS))
    def jump(self, jump: timedelta) -> None:
        self.box.advance(jump)

    @rule()
    def jump_to_next(self) -> None:
        with self.store.read() as conn:
            at = self.outbox.next_at(conn)
        if at is not None:
            self.box.advance_to(at)

    @rule(kind=st.sampled_from(["lost_response", "lost_request", "quota", "connect_refused"]))
    def fault(self, kind: str) -> None:
        self.box.faults.add(Fault(kind, "add_msg_template"))  # type: ignore[arg-type]

    @rule()
    def tick(self) -> None:
        before = self.held()
        run(self.outbox.tick())
        self.judge()
        for text, name, state in self.held() - before:
            plan = self.plans[text]
            if state == "suppressed":
                assert self.is_silent(name, plan.category)
            else:
                assert not room(self.gate, self.possible(name), self.now, plan.category)

    @rule(data=st.data())
    def decide(self, data: st.DataObject) -> None:
        parked = run(self.outbox.parked.list())
        if parked:
            one = data.draw(st.sampled_from(sorted(unit.id for unit in parked)), "unit")
            if data.draw(st.booleans(), "again"):
                run(self.outbox.parked.resend(one, by="chen"))
            else:
                run(self.outbox.parked.drop(one, by="chen"))
                self.dropped.add(one)

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        if self.plans:
            one = self.plans[data.draw(st.sampled_from(sorted(self.plans)), "plan")].unit_id
            with self.store.begin() as conn:
                if self.outbox.drop(conn, one):
                    self.dropped.add(one)

    # What is known besides, in other words than the outbox's.

    def due(self, at: datetime) -> datetime:
        """The first moment from *at* on, by the minute, that is not quiet."""
        while self.is_quiet(at):
            at = (at + timedelta(minutes=1)).replace(second=0, microsecond=0)
        return at

    def is_quiet(self, at: datetime) -> bool:
        return self.gate.quiet is not None and self.gate.quiet.contain(at.astimezone(self.gate.zone).time())

    def is_silent(self, name: str, category: str) -> bool:
        return bool({(name, None), (name, category)} & self.silent)

    def held(self) -> set[tuple[str, str, str]]:
        """Whom the gate held back right before a call: text, name, state."""
        query = select(ledger.c.step, ledger.c.subject, ledger.c.state).where(
            ledger.c.state.in_(["capped", "suppressed"]), ledger.c.unit_id.is_not(None)
        )
        with self.store.read() as conn:
            return {(text, name, state) for text, name, state in conn.execute(query).all()}

    def rows(self, name: str) -> Iterator[tuple[str, str, str, datetime, bool, bool]]:
        """What stands in the ledger: text, category, state, moment, whether it was ever called, whether in doubt."""
        query = (
            select(ledger.c.step, ledger.c.category, ledger.c.state, ledger.c.at, unit.c.attempt > 0, unit.c.suspect)
            .join_from(ledger, unit, unit.c.id == ledger.c.unit_id)
            .where(ledger.c.subject == name)
        )
        with self.store.read() as conn:
            yield from (tuple(row) for row in conn.execute(query).all())  # type: ignore[misc]

    def possible(self, name: str) -> list[Reached]:
        """What reached somebody, or may have done so."""
        found = [r for who, r in self.learnt if who == name]
        for text, category, state, at, called, suspect in self.rows(name):
            if state in THERE:
                found.append(Reached(self.moment(text, at, suspect=suspect), category))
            elif state == "planned" and called:
                found.append(Reached(self.now, category))
        return found

    def moment(self, text: str, at: datetime, *, suspect: bool) -> datetime:
        """When the sandbox took a message; where the call was in doubt, the ledger's word for it."""
        if suspect or text not in self.by_text:
            return at
        return next(m.at for m in self.box.record.messages if m.text == text and m.kind == "created")

    def committed(self, name: str, *, late: bool = True) -> list[Reached]:
        """What counts for a plan: what reached somebody or may have done so, and what is planned."""
        found = [r for who, r in self.learnt if who == name]
        for text, category, state, at, _, suspect in self.rows(name):
            if state in THERE:
                found.append(Reached(self.moment(text, at, suspect=suspect), category))
            elif state == "planned" and (late or at >= self.now):
                found.append(Reached(max(at, self.now), category))
        return found

    # The judge.

    def judge(self) -> None:
        made = [m for m in self.box.record.messages if m.kind == "created" and not m.text.startswith("own")]
        for message in made[self.judged :]:
            plan = self.plans[message.text]
            assert not self.is_quiet(message.at)
            assert plan.not_before <= message.at
            for name in message.recipients:
                assert name in plan.subjects
                assert not self.is_silent(name, plan.category)
                had = [*self.reached.get(name, ()), *(r for who, r in self.learnt if who == name)]
                assert room(self.gate, had, message.at, plan.category)
                self.reached.setdefault(name, []).append(Reached(message.at, plan.category))
                self.by_text.setdefault(message.text, []).append(name)
        self.judged = len(made)

    def teardown(self) -> None:
        if not hasattr(self, "box"):
            return
        self.box.faults.clear()
        # Nobody is blocked: whatever stands before them, all come to an end.
        for _ in range(200):
            self.tick()
            with self.store.read() as conn:
                at = self.outbox.next_at(conn)
            if at is None:
                break
            self.box.advance_to(max(at, self.now))
        with self.store.read() as conn:
            states = {unit.id: unit.state for unit in self.outbox.units(conn)}
            items = {p.text: self.outbox.items(conn, p.unit_id) for p in self.plans.values()}
        assert all(state.settled for state in states.values())
        for text, plan in self.plans.items():
            sent = Counter(self.by_text.get(text, ()))
            assert set(sent.values()) <= {1}
            for item in items[text]:
                assert item.state not in {"planned", "failed", "refused"}
                assert sent[item.subject] == 1 or item.state != "sent"
                assert not sent[item.subject] or item.state in THERE
            assert items[text] or plan.unit_id in self.dropped
        self.store.close()


TestGate = Machine.TestCase
TestGate.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
