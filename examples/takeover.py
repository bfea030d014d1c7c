"""
Take over the running of another company's WeCom corp, from the first look to the report.

A sandbox plays the corp: a few thousand customers of twelve staff. The team
brings staff of its own, moves most customers to them in waves, knows each
customer by channel, points and tier, and leads them through a journey of three
messages, over eight virtual days. The purchases are real (see data/README.md).

    python examples/takeover.py [--customers 3000]

Kill it at any moment and start it again: it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import shutil

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table as ScreenTable
from sqlalchemy import Column, MetaData, String, Table, select
from support import corp
from support.purchases import purchases_of
from support.receiver import listening
from support.report import Chapter, Story, write_report
from support.report import Table as ReportTable

from privdom import WeCom
from privdom.events import Dispatcher, SqlInbox
from privdom.livecodes import ChannelCode, LiveCodes
from privdom.migration import LeftOutReason, Migration, MigrationReport, Policy, VipLast
from privdom.mirror import Mirror, MirrorHandler, Subjects, customers, follows, set_facts
from privdom.outbox import DesiredTags, Outbox
from privdom.outbox.gate import CHINA
from privdom.scoring import CustomerEvent, PointRule, ScoreRules, Scoring, Threshold, amount_over
from privdom.sop import Day, Journey, Journeys, Step, StepState
from privdom.store import JsonText, Store
from privdom.tiering import Band, Category, Dimension, Tier, Tiering, TierRule, TierScheme
from privdom.wecom.callbacks import Callbacks, Crypto


BEGIN = datetime(2026, 1, 5, 1, tzinfo=UTC)  # a Monday, 09:00 in China
END = BEGIN + timedelta(days=8)

# The team's own staff, and how many customers each may have.
TEAM = {"team.anna": 5000, "team.bo": 5000, "team.chen": 5000, "team.dai": 5000}
SMALL_TEAM_MATE = "team.dai"  # will turn out to have less room than the plan believes
REFUSAL_RATE = 0.06
LAZINESS = 0.08  # share of messages that staff never confirm

CHANNELS = {"shop": "门店海报", "parcel": "包裹卡", "friend": "老客推荐"}
SCANS_AT = (1, 2, 5, 7)  # hours after the beginning

SUPER_USER = 100
POINTS = ScoreRules(
    "points",
    rules=[
        PointRule("buy", on="purchase", points=10),
        PointRule("big_order", on="purchase", points=15, when=amount_over(Decimal(100))),
        PointRule("share", on="share", points=20),
    ],
    thresholds=[Threshold("super_user", at_least=SUPER_USER, tag="超级用户")],
)

SCHEME = TierScheme(
    "value",
    dimensions=[
        Category("source", "source", labels=dict.fromkeys(CHANNELS.values(), "own"), default="inherited"),
        Dimension("quality", "points.points", bands=[Band("low"), Band("mid", 30, 25), Band("high", 80, 70)]),
        Dimension("payment", "orders", bands=[Band("none"), Band("first", 1), Band("repeat", 2)]),
    ],
    tiers=[Tier("A", tag="A 高价值"), Tier("B", tag="B 成长"), Tier("C", tag="C 首单"), Tier("D", tag="D 待激活")],
    table=[
        TierRule("A", quality="high", payment="repeat"),
        TierRule("B", payment="repeat"),
        TierRule("B", quality=["mid", "high"], payment="first"),
        TierRule("C", payment="first"),
        TierRule("C", source="own", payment="none"),
        TierRule("D"),
    ],
)

JOURNEY = Journey(
    "welcome",
    steps=[
        Step("hello", Day(1, time(10)), text="您好，我们是您的新服务团队，有任何问题随时找我。"),
        Step(
            "care", Day(3, time(10)), text="本周新品已上架，回复“新品”看看为您挑选的内容。", window=timedelta(hours=30)
        ),
        Step("offer", Day(6, time(19)), text="老朋友专享：本周下单立减，仅限企业微信好友。"),
    ],
)
PLAN = "takeover"

R = TypeVar("R")

_meta = MetaData()
_stage = Table("takeover_stage", _meta, Column("name", String(64), primary_key=True), Column("result", JsonText))


class Takeover:
    """The whole job. Each stage may be run again: what was done is not done twice."""

    def __init__(self, folder: Path, size: int, progress: Progress) -> None:
        self.folder = folder
        self.size = size
        self.progress = progress
        self.sandbox = corp.attach(folder, seed=7, now=BEGIN)
        secrets = self.sandbox.settings()
        self.corp_id = secrets["corp_id"]
        self.wecom = WeCom(self.corp_id, secrets["secret"], base_url=self.sandbox.base_url, clock=self.sandbox.clock)
        self.store = Store(f"sqlite:///{folder / 'privdom.db'}")
        with self.store.begin() as conn:
            _meta.create_all(conn)
        self.outbox = Outbox(self.wecom, self.store)
        self.tags = DesiredTags(self.wecom, self.store)
        self.mirror = Mirror(self.wecom, self.store)
        self.codes = LiveCodes(self.wecom, self.store, self.outbox)
        self.scoring = Scoring(self.wecom, self.store, POINTS)
        self.tiering = Tiering(self.wecom, self.store)
        self.journeys = Journeys(self.wecom, self.store, self.outbox)
        self.migration = Migration(self.wecom, self.store, self.outbox)
        greet, count = self.codes.handlers
        self.dispatcher = Dispatcher(
            self.wecom,
            self.store,
            [greet, MirrorHandler(self.wecom), count],
            lease=timedelta(seconds=5),  # one process works here: what it held when it died is free again soon
        )
        self.crypto = Crypto(secrets["callback_token"], secrets["encoding_aes_key"], self.corp_id)
        self.inbox = SqlInbox(self.store)

    def run(self) -> Story:
        """Do everything, and return what there is to tell."""
        with listening(Callbacks(self.crypto, self.inbox, clock=self.sandbox.clock)) as url:
            self.sandbox.set_callback(url)
            self.once("populate", self.populate)
            self.once("sync", self.sync)
            self.once("codes", self.make_codes)
            self.days = self.progress.add_task("the days go by", total=1.0)
            for hour in SCANS_AT:
                self.until(BEGIN + timedelta(hours=hour))
                self.once(f"scans {hour}", partial(self.scan, hour))
            self.until(BEGIN + timedelta(hours=8))
            before = self.once("first sweep", partial(self.score_and_tier, date(1997, 9, 30)))
            self.once("plan", self.plan)
            self.until(END)
            after = self.once("second sweep", partial(self.score_and_tier, date(1998, 12, 31)))
            self.once("last sync", self.sync)
            return self.tell(before, after)

    # --- The stages -----------------------------------------------------------

    def populate(self) -> None:
        """Make the other company's corp, and bring our own staff into it."""
        if not self.staff():
            self.sandbox.populate(staff=12, customers=self.size, groups=30)
        there = self.staff()
        for userid, capacity in TEAM.items():
            if userid not in there:
                room = self.size // 10 if userid == SMALL_TEAM_MATE else capacity
                self.sandbox.add_staff(userid, capacity=room)
        self.sandbox.change_rules(refusal_rate=REFUSAL_RATE, never_confirm_rate=LAZINESS)

    def sync(self) -> None:
        """Read all staff, customers, groups and tags into the mirror."""
        bars: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in bars:
                bars[stage] = self.progress.add_task(f"read {stage}")
            self.progress.update(bars[stage], completed=done, total=done if total is None else total)

        self.mirror.sync(progress=show)

    def make_codes(self) -> None:
        """One live code for each channel, with its tag and its welcome message; and the other tags we need."""
        self.scoring.ensure_tags()
        self.tiering.save(SCHEME)
        self.tiering.ensure_tags(SCHEME.id)
        self.mirror.ensure_tags("渠道", CHANNELS.values())
        for channel, name in CHANNELS.items():
            self.codes.create(
                ChannelCode(
                    channel,
                    channel=name,
                    staff=[userid for userid in TEAM if userid != SMALL_TEAM_MATE],
                    tags=[name],
                    welcome=f"欢迎！您通过{name}添加了我们，有问题随时问我。",
                )
            )
        self.settle()

    def scan(self, hour: int) -> None:
        """New customers scan the codes; one in three was brought by a friend, who gets points for it."""
        shares: list[CustomerEvent] = []
        friends = self.buyers()
        for n in range(max(self.size // 200, 3)):
            channel = list(CHANNELS)[n % len(CHANNELS)]
            newcomer = f"wmNEW{hour:02}{n:05}".ljust(32, "x")
            self.sandbox.scan(channel, external_userid=newcomer)
            if channel == "friend":
                friend = friends[(hour * 31 + n) % len(friends)]
                shares.append(CustomerEvent(f"share-{newcomer}", "share", friend, self.now))
        self.settle()
        self.scoring.record(shares)

    def score_and_tier(self, until: date) -> dict[str, int]:
        """Score the purchases up to a day, put every customer into a tier, and return how many are in each."""
        orders: Counter[str] = Counter()
        events: list[CustomerEvent] = []
        for customer, purchase in purchases_of(self.buyers()):
            if purchase.at.date() <= until:
                orders[customer] += 1
                events.append(CustomerEvent(purchase.id, "purchase", customer, purchase.at, purchase.amount))
        self.scoring.record(events)
        with self.store.begin() as conn:
            set_facts(conn, self.corp_id, "orders", orders, self.now)
        self.tiering.sweep(SCHEME.id)
        self.settle()
        return dict(self.tiering.distribution(SCHEME.id).counts)

    def plan(self) -> None:
        """Decide who moves to whom in which wave, and put everybody on the journey."""
        with self.store.read() as conn:
            old_staff = sorted({f.staff_userid for f in follows(conn, self.corp_id)} - set(TEAM))
        self.migration.plan(
            PLAN,
            handover=old_staff,
            takeover=dict(TEAM),
            policy=Policy(share=0.8, wave_size=-(-self.size * 8 // 30), vip_last=VipLast("tier.value", ["A"])),
        )
        self.journeys.save(JOURNEY)
        self.journeys.enrol(JOURNEY.id, Subjects.mirror())

    # --- Virtual time -----------------------------------------------------------

    def until(self, when: datetime) -> None:
        """Let the days pass: everything that falls due is done at its moment."""
        while self.now < when:
            self.journeys.collect()
            self.settle()
            moments = [m for m in self.next_moments() if m > self.now]
            self.sandbox.advance_to(min([*moments, when]))
            local = f"{self.now.astimezone(CHINA):%a %d %b, %H:%M}"
            self.progress.update(self.days, completed=(self.now - BEGIN) / (END - BEGIN), description=local)
        self.journeys.collect()
        self.settle()

    def settle(self) -> None:
        """Do all that can be done at this moment; with nothing left to do, the clock may move on."""
        while True:
            worked = self.sandbox.deliver() + self.dispatcher.run() + self.codes.settle()
            if self.done("plan"):
                worked += self.migration.advance(PLAN).done + self.journeys.advance().done
            worked += self.outbox.drain().done
            worked += self.scoring.advance() + self.tiering.advance() + self.tags.push().done
            if not worked:
                return

    def next_moments(self) -> Iterator[datetime]:
        """Yield when each part has something to do next."""
        with self.store.read() as conn:
            asked = [self.outbox.next_at(conn), self.tags.next_at(conn)]
        asked += [self.sandbox.next_at(), self.dispatcher.next_at(), self.codes.next_at(), self.journeys.next_at()]
        if self.done("plan"):
            asked.append(self.migration.next_at(PLAN))
        yield from (moment for moment in asked if moment is not None)

    # --- The end --------------------------------------------------------------------

    def tell(self, before: dict[str, int], after: dict[str, int]) -> Story:
        """Gather what the report shows."""
        moved = self.migration.report(PLAN)
        record = self.sandbox.record
        sends: dict[date, Counter[str]] = {}
        for delivery in record.deliveries:
            if delivery.status == 1:
                step = next(step.id for step in JOURNEY.steps if step.text == delivery.text)
                sends.setdefault(delivery.at.astimezone(CHINA).date(), Counter())[step] += 1
        outcome = {
            "moved": moved.total.succeeded,
            "refused": moved.total.refused,
            "takeover full": moved.total.capacity,
            "failed": moved.total.failed + moved.total.cooldown,
            "parked": moved.total.parked,
            "stay: outside the share": moved.left_out.get(LeftOutReason.OUTSIDE_SHARE, 0),
            "stay: move with another staff": moved.left_out.get(LeftOutReason.OTHER_STAFF, 0),
        }
        balances = [balance.points for balance in self.scoring.top(self.size * 2)]
        sent = sum(count for day in sends.values() for count in day.values())
        return Story(
            title="Takeover of a WeCom corp (企业微信)",
            lead=f"{self.size:,} customers, {BEGIN:%d %B} to {END:%d %B %Y}, on a sandbox; purchases: CDNOW.",
            tiles=(
                (f"{moved.total.succeeded:,}", "customers moved"),
                (f"{sent:,}", "messages delivered"),
                (f"{sum(points >= SUPER_USER for points in balances):,}", "super users (超级用户)"),
                (f"{len(record.welcomes):,}", "newcomers welcomed"),
                (f"{len(record.calls):,}", "calls to WeCom"),
            ),
            funnel=(("relations of the old staff", sum(outcome.values())), *((k, n) for k, n in outcome.items() if n)),
            tiers_before=before,
            tiers_after=after,
            sends=sends,
            points=balances,
            points_threshold=SUPER_USER,
            chapters=(self.tell_takeovers(moved), self.tell_journey(), self.tell_channels()),
        )

    def tell_takeovers(self, moved: MigrationReport) -> Chapter:
        """What each of the team got."""
        rows = [
            (userid, tally.total, tally.succeeded, tally.refused, tally.capacity, f"{tally.moved_percent:.0f} %")
            for userid, tally in sorted(moved.takeovers.items())
        ]
        head = ("takeover staff", "planned", "moved", "refused", "full", "share")
        note = f"{SMALL_TEAM_MATE} had less room than the plan believed; the plan went on without them."
        return Chapter("Takeover staff (接替人)", note, ReportTable(head, tuple(rows)))

    def tell_journey(self) -> Chapter:
        """How each step went; whatever was not sent has its reason."""
        steps = self.journeys.report(JOURNEY.id).steps
        states = [state for state in StepState if any(step[state] for step in steps)]
        rows: list[tuple[str | int, ...]] = [
            (step.step_id, sum(step.counts.values()), *(step[state] for state in states)) for step in steps
        ]
        head = ("step", "due", *(str(state) for state in states))
        note = "Customers by step. Nobody got a step twice: the ledger has one row for each step and customer."
        return Chapter("Journey (SOP)", note, ReportTable(head, tuple(rows)))

    def tell_channels(self) -> Chapter:
        """Where the new customers came from."""
        added: Counter[str] = Counter()
        for day in self.codes.report():
            added[day.channel] += day.adds
        rows = tuple((channel, count) for channel, count in added.most_common())
        note = "New customers by live code; each was welcomed within 20 seconds and tagged by channel."
        return Chapter("Channels (渠道活码)", note, ReportTable(("channel", "customers"), rows))

    def keep_record(self, path: Path) -> None:
        """Write down what the sandbox itself has seen, for whoever wants to check."""
        welcomed = sorted(welcome.external_userid for welcome in self.sandbox.record.welcomes)
        record = {"corp_id": self.corp_id, "welcomed": welcomed, "state": self.sandbox.state()}
        path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")

    # --- Bookkeeping ----------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The moment it is in the corp's world."""
        return self.sandbox.clock.now()

    def staff(self) -> dict[str, object]:
        """The staff of the corp, as the sandbox knows them."""
        return cast("dict[str, object]", self.sandbox.state()["staff"])

    def done(self, name: str) -> bool:
        """Whether a stage was finished."""
        with self.store.read() as conn:
            return conn.scalar(select(_stage.c.name).where(_stage.c.name == name)) is not None

    def once(self, name: str, stage: Callable[[], R]) -> R:
        """Run a stage unless it was finished before; return its result."""
        with self.store.read() as conn:
            found = conn.execute(select(_stage.c.result).where(_stage.c.name == name)).first()
        if found is not None:
            return cast("R", found.result)
        result = stage()
        with self.store.begin() as conn:
            conn.execute(_stage.insert().values(name=name, result=result))
        return result

    def buyers(self) -> list[str]:
        """The customers who have bought before: those the corp had when we came, by id."""
        found: list[str] = []
        with self.store.read() as conn:
            while page := customers(conn, self.corp_id, after=found[-1] if found else ""):
                found += [customer.external_userid for customer in page]
        return [customer for customer in found if not customer.startswith("wmNEW")]


def main() -> None:
    """Run, or go on."""
    parser = argparse.ArgumentParser(description="Take over a WeCom corp, in a sandbox.")
    parser.add_argument("--customers", type=int, default=3000, metavar="N", help="how many the corp has (3000)")
    size = parser.parse_args().customers
    folder = Path("takeover-run")
    if (folder / "finished").exists():
        corp.stop(folder)
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    console = Console()
    columns = (TextColumn("{task.description:28}"), BarColumn(40), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        takeover = Takeover(folder, size, progress)
        story = takeover.run()
    page = Path("takeover-report.html")
    write_report(story, page)
    takeover.keep_record(folder / "record.json")
    (folder / "finished").touch()
    corp.stop(folder)
    console.print(summary(story))
    console.print(f"The report is in [bold]{page}[/].")


def summary(story: Story) -> ScreenTable:
    """The story in a few rows."""
    table = ScreenTable(title=story.title, show_header=False, title_justify="left")
    for number, what in story.tiles:
        table.add_row(what, number)
    for state, count in story.funnel[1:]:
        table.add_row(f"migration: {state}", f"{count:,}")
    return table


if __name__ == "__main__":
    main()
