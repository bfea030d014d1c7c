"""Callbacks in the inbox reach every handler, in order, and a bad one harms no other."""

from __future__ import annotations

import sqlite3

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import attrs
import pytest

from sqlalchemy import Connection, text

from privdom._port import Port
from privdom.errors import UsageError
from privdom.events import AsyncDispatcher, Dispatcher, EventLog, SqlInbox, WaveFinished, Write
from privdom.events.dispatcher import Handler
from privdom.store import Store
from privdom.wecom.callbacks import CustomerEvent, Event, InboxMessage, UnknownEvent
from privdom.wecom.client import AsyncWeCom, WeCom
from tests.conftest import OnPort


CORP = "ww1"
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def wait(self, **span: float) -> None:
        self.time += timedelta(**span)


@attrs.define
class Recorder:
    """A handler that writes down whom it sees, and fails on those it is told to."""

    name: str
    seen: list[tuple[str, str]]
    bad: set[str] = attrs.Factory(set)
    log: bool = False

    async def handle(self, event: Event) -> Write | None:
        assert isinstance(event, CustomerEvent)
        self.seen.append((self.name, event.external_user_id))
        if event.external_user_id in self.bad:
            msg = f"cannot greet {event.external_user_id}"
            raise LookupError(msg)
        if not self.log:
            return None
        return lambda conn: EventLog.append(conn, CORP, WaveFinished(event.external_user_id, 1))


def message(who: str, corp_id: str = CORP, received_at: datetime = START) -> InboxMessage:
    xml = (
        f"<xml><ToUserName>{corp_id}</ToUserName><CreateTime>1403610513</CreateTime>"
        "<Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType>"
        f"<UserID>zhangsan</UserID><ExternalUserID>{who}</ExternalUserID></xml>"
    ).encode()
    return InboxMessage(corp_id, sha256(xml).hexdigest(), xml, received_at)


def put(store: Store, *customers: str) -> None:
    for who in customers:
        assert SqlInbox(store).put(message(who))


def logged(store: Store) -> list[str]:
    with store.begin() as conn:
        return [event.plan_id for _, event in EventLog.read(conn, CORP, "t") if isinstance(event, WaveFinished)]


def dispatcher(port: Port, store: Store, *handlers: Handler) -> AsyncDispatcher:
    return AsyncDispatcher(AsyncWeCom.on(port, CORP, "secret"), store, handlers)


def test_a_replayed_message_is_kept_once(store: Store) -> None:
    """Putting says whether the message is new; the same message of another corp is another message."""
    inbox = SqlInbox(store)

    assert [inbox.put(message("wo1")), inbox.put(message("wo1")), inbox.put(message("wo1", "ww2"))] == [
        True,
        False,
        True,
    ]


def test_the_first_handler_sees_all_messages_before_the_second_sees_any(on_port: OnPort, store: Store) -> None:
    """Welcome messages do not wait for slower work on earlier customers; the order of messages is that of arrival."""

    async def scenario(port: Port) -> None:
        seen: list[tuple[str, str]] = []
        put(store, "wo1", "wo2")
        run = dispatcher(port, store, Recorder("welcome", seen), Recorder("mirror", seen)).run

        assert await run() == 2
        assert await run() == 0
        assert seen == [("welcome", "wo1"), ("welcome", "wo2"), ("mirror", "wo1"), ("mirror", "wo2")]

    on_port(scenario, clock=Hand())


def test_a_poison_message_blocks_neither_others_nor_other_handlers(on_port: OnPort, store: Store) -> None:
    """Where one handler fails on one message, all the rest is done, and only that is tried again, later and later."""
    clock = Hand()

    async def scenario(port: Port) -> None:
        seen: list[tuple[str, str]] = []
        welcome = Recorder("welcome", seen, {"wo1"}, log=True)
        work = dispatcher(port, store, welcome, Recorder("mirror", seen))
        put(store, "wo1", "wo2")

        assert await work.run() == 1
        assert len(seen) == 4
        (failing,) = SqlInbox(store).failing(CORP)
        assert (failing.attempts, failing.error) == (1, "welcome: LookupError: cannot greet wo1")
        assert failing.handled_by == {"mirror"}
        assert await work.next_at() == START + timedelta(seconds=2)

        assert await work.run() == 0
        assert len(seen) == 4
        clock.wait(seconds=2)
        assert await work.run() == 0
        assert seen[4:] == [("welcome", "wo1")]
        assert await work.next_at() == clock.now() + timedelta(seconds=4)

        welcome.bad.clear()
        clock.wait(hours=1)
        assert await work.run() == 1
        assert SqlInbox(store).failing(CORP) == ()
        assert await work.next_at() is None
        assert logged(store) == ["wo2", "wo1"]

    on_port(scenario, clock=clock)


def test_retries_are_an_hour_apart_at_most(on_port: OnPort, store: Store) -> None:
    """A message that fails for days is tried once an hour."""
    clock = Hand()

    async def scenario(port: Port) -> None:
        work = dispatcher(port, store, Recorder("welcome", [], {"wo1"}))
        put(store, "wo1")
        for _ in range(20):
            await work.run()
            clock.wait(hours=1)

        assert SqlInbox(store).failing(CORP)[0].attempts == 20

    on_port(scenario, clock=clock)


def test_work_in_the_database_commits_with_the_mark_that_it_is_done(on_port: OnPort, store: Store) -> None:
    """When the write fails, the message is not handled; when it succeeds, it is there once."""
    clock = Hand()

    class Failing:
        name = "writer"
        broken = True

        def handle(self, event: Event) -> Callable[[Connection], None]:
            def write(conn: Connection) -> None:
                EventLog.append(conn, CORP, WaveFinished("wo1", 1))
                if self.broken:
                    conn.execute(text("SELECT * FROM no_such_table"))

            return write

    async def scenario(port: Port) -> None:
        handler = Failing()
        put(store, "wo1")
        work = dispatcher(port, store, handler)

        assert await work.run() == 0
        assert logged(store) == []
        handler.broken = False
        clock.wait(seconds=2)
        assert await work.run() == 1
        assert logged(store) == ["wo1"]

    on_port(scenario, clock=clock)


def test_a_process_that_dies_leaves_its_messages_to_another(on_port: OnPort, store: Store) -> None:
    """What was taken is nobody else's until the lease is over, then handlers that were not done see it again."""
    clock = Hand()

    class Dying:
        name = "mirror"

        def handle(self, event: Event) -> None:
            raise KeyboardInterrupt

    async def scenario(port: Port) -> None:
        seen: list[tuple[str, str]] = []
        put(store, "wo1")
        with pytest.raises(KeyboardInterrupt):
            await dispatcher(port, store, Recorder("welcome", seen, log=True), Dying()).run()
        work = dispatcher(port, store, Recorder("welcome", seen, log=True), Recorder("mirror", seen))

        assert await work.run() == 0
        clock.wait(minutes=5)
        assert await work.run() == 1
        assert seen == [("welcome", "wo1"), ("mirror", "wo1")]
        assert logged(store) == ["wo1"]

    on_port(scenario, clock=clock)


def test_a_worker_that_was_too_slow_changes_nothing_any_more(on_port: OnPort, store: Store) -> None:
    """When another worker has done the message meanwhile, the late one's write is not applied."""
    clock = Hand()

    async def scenario(port: Port) -> None:
        put(store, "wo1")
        other = dispatcher(port, store, Recorder("welcome", [], log=True))

        class Slow:
            name = "welcome"

            async def handle(self, event: Event) -> Write | None:
                clock.wait(minutes=6)
                assert await other.run() == 1
                return lambda conn: EventLog.append(conn, CORP, WaveFinished("late", 1))

        assert await dispatcher(port, store, Slow()).run() == 1
        assert logged(store) == ["wo1"]

    on_port(scenario, clock=clock)


def test_a_worker_that_was_overtaken_still_does_the_rest(on_port: OnPort, store: Store) -> None:
    """Of the messages of one run, those that another worker has done meanwhile are left, the others are done once."""
    clock = Hand()

    async def scenario(port: Port) -> None:
        put(store, "wo1", "wo2", "wo3")
        other = dispatcher(port, store, Recorder("welcome", [], log=True))

        class Slow:
            name = "welcome"

            async def handle(self, event: Event) -> Write | None:
                assert isinstance(event, CustomerEvent)
                if event.external_user_id == "wo2":
                    clock.wait(minutes=6)
                    assert await other.run(limit=2) == 2
                return lambda conn: EventLog.append(conn, CORP, WaveFinished(f"slow {event.external_user_id}", 1))

        assert await dispatcher(port, store, Slow()).run() == 3
        assert logged(store) == ["wo1", "wo2", "slow wo3"]

    on_port(scenario, clock=clock)


def test_a_handler_may_share_what_it_reads_within_a_run(on_port: OnPort, store: Store) -> None:
    """Each run gets a handler of its own, for all of its messages, under the name that it is asked for by."""
    runs: list[list[tuple[str, str]]] = []

    class Sharing(Recorder):
        def for_run(self) -> Handler:
            runs.append([])
            return Recorder(self.name, runs[-1])

    async def scenario(port: Port) -> None:
        runs.clear()
        put(store, "wo1", "wo2", "wo3")
        seen: list[tuple[str, str]] = []
        work = dispatcher(port, store, Sharing("mirror", seen))

        assert [await work.run(limit=2), await work.run()] == [2, 1]
        assert runs == [[("mirror", "wo1"), ("mirror", "wo2")], [("mirror", "wo3")]]
        assert seen == []

    on_port(scenario, clock=Hand())


def test_a_message_that_cannot_be_read_comes_as_unknown(on_port: OnPort, store: Store) -> None:
    """Bytes that are not XML reach the handlers whole, as an unknown event, and do not stop the inbox."""
    seen: list[Event] = []

    class Keep:
        name = "keep"

        def handle(self, event: Event) -> None:
            seen.append(event)

    async def scenario(port: Port) -> None:
        SqlInbox(store).put(InboxMessage(CORP, "d", b"not xml", START))

        assert await dispatcher(port, store, Keep()).run() == 1

    on_port(scenario, clock=Hand())

    assert [b"not xml"] == [event.raw for event in seen if isinstance(event, UnknownEvent)]


def test_the_limit_and_the_corp_choose_the_messages(on_port: OnPort, store: Store) -> None:
    """A run takes the oldest messages of its own corp, as many as it may."""

    async def scenario(port: Port) -> None:
        seen: list[tuple[str, str]] = []
        SqlInbox(store).put(message("other", "ww2"))
        put(store, "wo1", "wo2", "wo3")
        work = dispatcher(port, store, Recorder("welcome", seen))

        assert [await work.run(limit=2), await work.run(limit=2)] == [2, 1]
        assert [who for _, who in seen] == ["wo1", "wo2", "wo3"]
        with pytest.raises(UsageError, match="at least 1"):
            await work.run(limit=0)

    on_port(scenario, clock=Hand())


def test_a_run_takes_more_messages_than_a_statement_has_parameters() -> None:
    """However high the limit is, a run takes so many, in the order of their arrival, and so many can be listed."""
    customers = [f"wo{n:04}" for n in range(1_200)]
    seen: list[tuple[str, str]] = []
    with Store("sqlite://") as store, WeCom(CORP, "secret", clock=Hand()) as wecom:
        with store.begin() as conn:
            driver = conn.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1_010)
        put(store, *customers)

        assert Dispatcher(wecom, store, [Recorder("welcome", seen, set(customers))]).run(limit=5_000) == 0
        assert [who for _, who in seen] == customers
        assert len(SqlInbox(store).failing(CORP, limit=5_000)) == len(customers)


def test_done_messages_are_forgotten_when_told(on_port: OnPort, store: Store) -> None:
    """Old messages go, unless they are not done; their digests go with them."""

    async def scenario(port: Port) -> None:
        put(store, "wo1", "wo2")
        await dispatcher(port, store, Recorder("welcome", [], {"wo2"})).run()
        inbox = SqlInbox(store)

        assert inbox.forget(CORP, START) == 0
        assert inbox.forget(CORP, START + timedelta(days=1)) == 1
        assert [inbox.put(message("wo1")), inbox.put(message("wo2"))] == [True, False]

    on_port(scenario, clock=Hand())


def test_the_first_handler_may_have_several_messages_in_hand(on_port: OnPort, store: Store) -> None:
    """All of them are seen once before the second handler begins, in whatever order, and failures stay apart."""

    async def scenario(port: Port) -> None:
        seen: list[tuple[str, str]] = []
        customers = [f"wo{n}" for n in range(12)]
        put(store, *customers)
        wecom = AsyncWeCom.on(port, CORP, "secret")
        handlers = [Recorder("welcome", seen, {"wo3"}, log=True), Recorder("mirror", seen)]
        work = AsyncDispatcher(wecom, store, handlers, first_in_flight=4)

        assert await work.run() == 11
        assert sorted(seen[:12]) == sorted(("welcome", who) for who in customers)
        assert seen[12:] == [("mirror", who) for who in customers]
        assert sorted(logged(store)) == sorted(set(customers) - {"wo3"})

    on_port(scenario, clock=Hand())


def test_handlers_need_names_of_their_own(store: Store) -> None:
    """Under one name, one handler's mark would hide the other's work."""
    wecom = WeCom(CORP, "secret")

    with pytest.raises(UsageError, match="name of its own"):
        Dispatcher(wecom, store, [Recorder("a", []), Recorder("a", [])])
    with pytest.raises(UsageError, match="needs handlers"):
        Dispatcher(wecom, store, [])
    with pytest.raises(UsageError, match="first_in_flight must be at least 1"):
        Dispatcher(wecom, store, [Recorder("a", [])], first_in_flight=0)


def test_the_blocking_twin_works_the_same(store: Store) -> None:
    """A plain call runs everything in the caller's thread."""
    put(store, "wo1")
    seen: list[tuple[str, str]] = []
    work = Dispatcher(WeCom(CORP, "secret", clock=Hand()), store, [Recorder("welcome", seen)])

    assert work.run() == 1
    assert work.next_at() is None
    assert repr(work) == "<Dispatcher for ww1: welcome>"


def test_reprs_tell_where_and_hide_what(store: Store) -> None:
    """The inbox names its store; a message shows neither its text nor what a handler said of it."""
    put(store, "wo1")
    Dispatcher(WeCom(CORP, "s", clock=Hand()), store, [Recorder("welcome", [], {"wo1"})]).run()
    (failing,) = SqlInbox(store).failing(CORP)

    assert repr(SqlInbox(store)).startswith("<SqlInbox in <Store")
    assert "<xml>" not in repr(failing)
    assert "wo1" not in repr(failing)
