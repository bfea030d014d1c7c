"""Functions are called for the events they ask for, and are handlers in all else."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

import pytest

from privdom._port import Port
from privdom.errors import UsageError
from privdom.events import AsyncDispatcher, Dispatcher, EventLog, Router, SqlInbox, WaveFinished, Write
from privdom.store import Store
from privdom.wecom.callbacks import (
    CustomerAdded,
    CustomerDeleted,
    CustomerEvent,
    CustomerHalfAdded,
    Event,
    GroupJoined,
    GroupUpdated,
    InboxMessage,
)
from privdom.wecom.client import AsyncWeCom, WeCom
from tests.conftest import OnPort


CORP = "ww1"
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
Seen = list[tuple[str, str]]


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return START


def put(store: Store, *messages: tuple[str, str]) -> None:
    """Store one message about a customer for each kind and id."""
    for change_type, who in messages:
        xml = (
            f"<xml><ToUserName>{CORP}</ToUserName><CreateTime>1403610513</CreateTime>"
            f"<Event>change_external_contact</Event><ChangeType>{change_type}</ChangeType>"
            f"<UserID>zhangsan</UserID><ExternalUserID>{who}</ExternalUserID></xml>"
        ).encode()
        assert SqlInbox(store).put(InboxMessage(CORP, sha256(xml).hexdigest(), xml, START))


def put_group(store: Store, detail: str) -> None:
    xml = (
        f"<xml><ToUserName>{CORP}</ToUserName><CreateTime>1403610513</CreateTime><Event>change_external_chat</Event>"
        f"<ChangeType>update</ChangeType><ChatId>wr1</ChatId><UpdateDetail>{detail}</UpdateDetail></xml>"
    ).encode()
    assert SqlInbox(store).put(InboxMessage(CORP, sha256(xml).hexdigest(), xml, START))


def work(port: Port, store: Store, router: Router) -> AsyncDispatcher:
    return AsyncDispatcher(AsyncWeCom.on(port, CORP, "secret"), store, router.handlers())


class Mirror:
    """A handler that is no function."""

    name = "mirror"

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    def handle(self, event: Event) -> None:
        assert isinstance(event, CustomerEvent)
        self._seen.append(("mirror", event.external_user_id))


def test_a_function_sees_the_events_it_asks_for(on_port: OnPort, store: Store) -> None:
    """Its own class, several classes, or all under a base: plain and async functions, in the order of their definition."""

    async def scenario(port: Port) -> None:
        seen: Seen = []
        router = Router()

        @router.on(CustomerAdded)
        def count(event: CustomerAdded) -> None:
            seen.append(("count", event.external_user_id))

        @router.on(CustomerAdded, CustomerHalfAdded, name="come")
        async def come(event: CustomerAdded | CustomerHalfAdded) -> None:
            seen.append(("come", event.external_user_id))

        @router.on(CustomerEvent)
        def note(event: CustomerEvent) -> None:
            seen.append(("note", event.external_user_id))

        put(store, ("add_external_contact", "wm1"), ("add_half_external_contact", "wm2"), ("del_follow_user", "wm3"))

        assert await work(port, store, router).run() == 3
        assert seen == [
            ("count", "wm1"),
            ("come", "wm1"),
            ("come", "wm2"),
            ("note", "wm1"),
            ("note", "wm2"),
            ("note", "wm3"),
        ]
        assert await work(port, store, router).run() == 0

    on_port(scenario, clock=Still())


def test_a_groups_change_goes_to_its_own_class_and_to_its_base(on_port: OnPort, store: Store) -> None:
    """Who asks for people joining does not hear of a new name, and who asks for changes hears of both."""

    async def scenario(port: Port) -> None:
        seen: Seen = []
        router = Router()

        @router.on(GroupJoined)
        def joined(event: GroupJoined) -> None:
            seen.append(("joined", event.update_detail))

        @router.on(GroupUpdated)
        def changed(event: GroupUpdated) -> None:
            seen.append(("changed", event.update_detail))

        put_group(store, "add_member")
        put_group(store, "change_name")

        assert await work(port, store, router).run() == 2
        assert seen == [("joined", "add_member"), ("changed", "add_member"), ("changed", "change_name")]

    on_port(scenario, clock=Still())


def test_the_welcome_comes_first_and_alone(on_port: OnPort, store: Store) -> None:
    """However late it is defined, it has seen all messages before anything else sees one; other handlers come next."""

    async def scenario(port: Port) -> None:
        seen: Seen = []
        router = Router()

        @router.on(CustomerAdded, name="tag")
        def tag(event: CustomerAdded) -> None:
            seen.append(("tag", event.external_user_id))

        @router.on(CustomerAdded, name="greet", welcome=True)
        def greet(event: CustomerAdded) -> None:
            seen.append(("greet", event.external_user_id))

        put(store, ("add_external_contact", "wm1"), ("add_external_contact", "wm2"))
        wecom = AsyncWeCom.on(port, CORP, "secret")

        assert await AsyncDispatcher(wecom, store, router.handlers(Mirror(seen))).run() == 2
        assert seen == [(name, who) for name in ("greet", "mirror", "tag") for who in ("wm1", "wm2")]
        assert repr(router) == "<Router: greet, tag>"

    on_port(scenario, clock=Still())


def test_what_a_function_writes_commits_with_its_mark(on_port: OnPort, store: Store) -> None:
    """A write that fails leaves neither itself nor the mark; the message comes again, to that function alone."""

    async def scenario(port: Port) -> None:
        seen: Seen = []
        broken = True
        router = Router()

        @router.on(CustomerAdded, name="log")
        def log(event: CustomerAdded) -> Write:
            def write(conn: object) -> None:
                EventLog.append(conn, CORP, WaveFinished(event.external_user_id, 1))  # type: ignore[arg-type]
                if broken:
                    msg = "the disk is full"
                    raise OSError(msg)

            return write

        @router.on(CustomerAdded, name="count")
        def count(event: CustomerAdded) -> None:
            seen.append(("count", event.external_user_id))

        put(store, ("add_external_contact", "wm1"))

        assert await work(port, store, router).run() == 0
        (failing,) = SqlInbox(store).failing(CORP)
        assert failing.error == "log: OSError: the disk is full"
        assert failing.handled_by == {"count"}
        broken = False
        with store.begin() as conn:
            assert EventLog.read(conn, CORP, "t") == []

    on_port(scenario, clock=Still())


def test_the_name_is_the_functions_own_unless_given(store: Store) -> None:
    """It is what stands in the database, so it can be kept when the function moves."""
    router = Router()

    @router.on(CustomerAdded)
    def greet(event: CustomerAdded) -> None: ...

    @router.on(CustomerAdded, name="shop.greet")
    def greet_again(event: CustomerAdded) -> None: ...

    own = f"{__name__}.test_the_name_is_the_functions_own_unless_given.<locals>.greet"
    assert [own, "shop.greet"] == [handler.name for handler in router.handlers()]
    greet(CustomerAdded(corp_id=CORP, create_time=START, user_id="a", external_user_id="wm1"))


def test_a_router_refuses_what_would_go_wrong_later() -> None:
    """Names that are taken or cannot be stored, a second welcome, and what is no event are told at once."""
    router = Router()

    def greet(event: CustomerEvent) -> None: ...

    router.on(CustomerAdded, name="greet", welcome=True)(greet)

    with pytest.raises(UsageError, match="a function greet already"):
        router.on(CustomerDeleted, name="greet")(greet)
    with pytest.raises(UsageError, match="greet does the welcome already"):
        router.on(CustomerHalfAdded, name="other", welcome=True)(greet)
    with pytest.raises(UsageError, match="1 to 128 characters, not 129"):
        router.on(CustomerAdded, name="n" * 129)(greet)
    with pytest.raises(UsageError, match="1 to 128 characters, not 0"):
        router.on(CustomerAdded, name="")(greet)
    with pytest.raises(UsageError, match="partial has no name"):
        router.on(CustomerAdded)(partial(greet))
    with pytest.raises(UsageError, match="name the events"):
        router.on()  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="name the events"):
        router.on(greet)  # type: ignore[call-overload]
    assert ["greet"] == [handler.name for handler in router.handlers()]


def test_the_dispatcher_refuses_a_handler_of_a_functions_name(store: Store) -> None:
    """Functions and other handlers share the names of one table."""
    router = Router()

    @router.on(CustomerAdded, name="mirror")
    def greet(event: CustomerAdded) -> None: ...

    with pytest.raises(UsageError, match="name of its own"):
        Dispatcher(WeCom(CORP, "secret"), store, router.handlers(Mirror([])))
