"""Quotas that processes share: the limit holds over all of them, and no permit is stranded."""

from __future__ import annotations

import bisect
import json
import random

from datetime import timedelta
from typing import Any, cast

import attrs
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from privdom import AsyncWeCom, UsageError
from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._port import Port, run
from privdom.errors import NotSent, StoreError
from privdom.sandbox import Sandbox
from privdom.shared import RedisQuotas, SqlQuotas
from privdom.shared.places import Change
from privdom.shared.quotas import _Counted
from privdom.store import Store
from privdom.wecom._values import Done
from privdom.wecom.quota import QuotaSettings, QuotaStore, SubWindows, Window
from privdom.wecom.retry import Retry
from tests.conftest import OnPort
from tests.shared.places import Place


PATH = "/cgi-bin/p"


@attrs.define
class World:
    """One clock for the place and, from another beginning, for the ports of all processes."""

    now: float = 0.0
    texts: dict[str, str] = attrs.field(factory=dict)
    delay: float = 0.0
    """How long a question takes on its way there, and back."""
    questions: int = 0
    shift: float = 0.0
    """By how much the place's clock was set."""
    away: bool = False

    # As a port.

    def monotonic(self) -> float:
        return self.now + 1_000

    def lock(self) -> World:
        return self

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass

    async def offload(self, fn: Any) -> Any:
        return fn()

    # As a place.

    def read(self, name: str) -> str | None:
        return self.texts.get(name)

    def change(self, name: str, corp_id: str, change: Change[Any], keep: float) -> Any:
        if self.away:
            raise StoreError("away")
        self.questions += 1
        self.now += self.delay
        new, result = change(self.texts.get(name), self.now + self.shift)
        if new is not None:
            self.texts[name] = new
        self.now += self.delay
        return result

    def process(self, *windows: Window, address: str = "", per_ip: Window | None = None) -> QuotaStore:
        allowed = QuotaSettings(per_corp=windows, per_ip=(per_ip or Window(10**9, 60),), per_path={}, margin=0.0)
        return _Counted(cast("Port", self), self, allowed, address)


def _take(quotas: QuotaStore, corp: str = "ww1") -> float:
    return run(quotas.take(corp, "host", PATH))


def _most_in(window: float, sent: list[float]) -> int:
    """The most calls in any span of the window."""
    return max((i + 1 - bisect.bisect_right(sent, t - window * (1 - 1e-9)) for i, t in enumerate(sent)), default=0)


def _drive(world: World, processes: list[QuotaStore], seconds: float, gap: float, rng: random.Random) -> list[float]:
    """Have all processes call as fast as they may, one each *gap*; return when they called."""
    sent: list[float] = []
    ready = [world.now] * len(processes)
    end = world.now + seconds
    while (now := min(ready)) < end:
        world.now = max(world.now, now)
        i = ready.index(now)
        wait = _take(processes[i])
        if not wait:
            sent.append(world.now)
        ready[i] = world.now + (wait or gap * rng.uniform(0.5, 1.5))
    return sent


@pytest.mark.parametrize("processes", [1, 4, 16])
@pytest.mark.parametrize("rate", [1.2, 3.0])
def test_processes_attain_the_limit(processes: int, rate: float) -> None:
    """However many they are, and whether they come in a burst or evenly, they use what there is and no more."""
    world = World(delay=0.002)
    window = Window(3_000, 60)

    sent = _drive(
        world,
        [world.process(window) for _ in range(processes)],
        300,
        gap=processes / (rate * 50),
        rng=random.Random(1),
    )

    assert 3_000 >= _most_in(60, sent)
    # Five windows of 61 sub-windows fit into five minutes but for the last four seconds.
    assert 0.98 * 5 * 3_000 * 60 / 61 <= len(sent)
    # One for the corp and one for the address at a time, and a few of them in a sub-window.
    assert world.questions <= 2 * 5 * processes * 300


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.floats(6, 100),
    st.integers(1, 5),
    st.floats(0, 0.3),
    st.lists(st.tuples(st.integers(0, 4), st.one_of(st.just(0.0), st.floats(0, 20))), min_size=1, max_size=150),
)
def test_no_span_holds_more_than_the_limit(
    limit: int, seconds: float, processes: int, delay: float, steps: list[tuple[int, float]]
) -> None:
    """Whoever asks whenever, any span as long as the window holds at most the limit."""
    # A question that takes longer than a sub-window can never be answered in time.
    world = World(delay=delay * seconds / 60 / 2)
    all_ = [world.process(Window(limit, seconds)) for _ in range(processes)]
    sent = list[float]()
    for who, gap in steps:
        world.now += gap
        while wait := _take(all_[who % processes]):
            world.now += wait
        sent.append(world.now)

    assert limit >= _most_in(seconds, sent)


def test_the_last_permits_are_not_stranded() -> None:
    """What is left goes out one by one, to whoever asks."""
    world = World()
    one, two = world.process(Window(100, 60)), world.process(Window(100, 60))

    taken = [sum(_take(quotas) == 0.0 for quotas in (one, two)) for _ in range(60)]

    assert 100 == sum(taken)


def test_who_stops_strands_little() -> None:
    """A process that dies takes with it half of what it used in a second, not what it might have used."""
    world = World()
    window = Window(1_000, 60)
    dying = world.process(window)
    for _ in range(40):
        assert 0.0 == _take(dying)
    other, left = world.process(window), 0
    while _take(other) == 0.0:
        left += 1

    assert left >= 1_000 - 40 - 20


def test_who_calls_seldom_strands_nothing() -> None:
    """A call a minute takes one permit, also after it had been many."""
    world = World()
    window = Window(100, 3_600)
    quotas = world.process(window)
    for _ in range(20):
        _take(quotas)
    for _ in range(40):
        world.now += 60.5
        assert 0.0 == _take(quotas)
    other, left = world.process(window), 0
    while _take(other) == 0.0:
        left += 1

    assert 100 - 20 - 40 - 10 <= left <= 100 - 20 - 40


def test_what_was_not_used_is_given_back() -> None:
    """Permits that lapsed with their sub-window do not count any more once their process asks again."""
    world = World()
    window = Window(1_000, 60)
    one = world.process(window)
    for _ in range(100):
        _take(one)
    world.now += 1.0
    _take(one)
    counts = SubWindows([window])
    stored = json.loads(world.texts["quota:ww1:host:/cgi-bin/p"])
    counts.load(stored, world.now)

    assert 100 == stored["60"]["0"]
    assert 1_000 - 101 - 50 <= counts.room(world.now) <= 1_000 - 101


def test_a_permit_lapses_with_its_sub_window() -> None:
    """A block that was taken in one second is not used in the next, when it might be one too many."""
    world = World(now=10.9)
    quotas = world.process(Window(1_000, 60))
    for _ in range(50):
        _take(quotas)
    asked = world.questions
    world.now = 11.0
    _take(quotas)

    assert world.questions > asked


def test_a_clock_that_is_set_back_blocks_for_one_window_at_most() -> None:
    """What was counted ahead counts as of now: nobody waits until the clock has caught up."""
    world = World(now=100_000.0)
    quotas = world.process(Window(10, 60))
    for _ in range(10):
        assert 0.0 == _take(quotas)
    world.shift = -50_000.0
    wait = _take(quotas)
    assert 59 <= wait <= 61
    world.now += wait

    assert 0.0 == _take(quotas)


def test_the_address_has_a_count_of_its_own() -> None:
    """Corps share the quota of their address, and processes at another address do not take from it."""
    world = World()
    many, few = Window(100, 60), Window(3, 60)
    here, there = (world.process(many, address=a, per_ip=few) for a in ("here", "there"))

    assert [True, True, True, False] == [_take(here, corp) == 0.0 for corp in ("a", "b", "a", "b")]
    assert 0.0 == _take(there, "a")


def test_a_corp_without_room_keeps_none_of_the_address() -> None:
    """Who must wait for the one count takes nothing of the other."""
    world = World()
    quotas = world.process(Window(1, 60), per_ip=Window(3, 60))

    assert [True, False, False, False] == [_take(quotas, "a") == 0.0 for _ in range(4)]
    assert [True, True] == [_take(quotas, corp) == 0.0 for corp in ("b", "c")]


def test_a_place_that_is_away_grants_nothing() -> None:
    """Without the shared count no call goes out, and when it is back, all goes on."""
    world = World(away=True)
    quotas = world.process(Window(10, 60))
    with pytest.raises(StoreError):
        _take(quotas)
    world.away = False

    assert 0.0 == _take(quotas)


def test_processes_share_a_count(on_port: OnPort, place: Place) -> None:
    """On each place, several processes together get what one would, and know how long to wait."""
    allowed = QuotaSettings(per_corp=(Window(20, 3_600),), margin=0.0)

    async def scenario(port: Port) -> None:
        processes = [place.quotas(allowed).on(port) for _ in range(3)]

        async def take(i: int) -> float:
            return await processes[i % 3].take("ww1", "host", PATH)

        waits = [wait async for wait in port.map(take, range(30), 6)]
        assert 20 == waits.count(0.0)
        assert all(3_500 < wait <= 3_661 for wait in waits if wait)
        assert 0.0 == await processes[0].take("ww2", "host", PATH)

    on_port(scenario)


def test_clients_share_a_count(on_port: OnPort, place: Place) -> None:
    """Two clients with one store of counts stay below the limit together."""
    box = Sandbox()
    box.add_staff("a")
    allowed = QuotaSettings(per_corp=(Window(3, 3_600),), margin=0.0)

    async def scenario(port: Port) -> None:
        quotas = place.quotas(allowed)
        one, two = (AsyncWeCom.on(port, box.corp_id, box.secret, quotas=quotas) for _ in range(2))
        await one.staff.serving()
        await two.staff.serving()
        await one.staff.serving()
        with pytest.raises(NotSent, match="quota"):
            await two.session.once(E.FOLLOW_USER_LIST, b"", Done, until=port.monotonic() + 1)

    on_port(scenario, transport=box.transport, clock=box.clock)

    assert 3 == sum(call.path == E.FOLLOW_USER_LIST.path for call in box.record.calls)


def test_a_ledger_learns_that_nothing_was_written(on_port: OnPort) -> None:
    """Where a call cannot be counted because the place is away, a call on a ledger's behalf was not sent."""
    box = Sandbox()

    class Tokens:
        async def token(self, refused: str | None = None) -> str:
            return "t"

    async def scenario(port: Port) -> None:
        quotas = SqlQuotas(Store("sqlite:////nowhere/at/all.db"))
        client = AsyncWeCom.on(port, "ww1", "s", token_source=Tokens(), quotas=quotas, retry=Retry(attempts=1))
        with pytest.raises(NotSent, match="StoreError"):
            await client.session.once(E.TAG_ADD, b"{}", Done)

    on_port(scenario, transport=box.transport)

    assert [] == box.record.calls


def test_mistakes_are_told() -> None:
    """A joined store, a client that awaits and an endless name are refused."""
    store = Store("sqlite://")
    with store.begin() as conn, pytest.raises(UsageError, match="SqlQuotas commits"):
        SqlQuotas(store.joined(conn))
    with pytest.raises(UsageError, match="address"):
        SqlQuotas(store, address="x" * 65)
    assert "<SqlQuotas>" == repr(SqlQuotas(store))
    store.close()
    awaiting = pytest.importorskip("redis.asyncio")

    with pytest.raises(UsageError, match="plain"):
        RedisQuotas(awaiting.Redis())


def test_a_text_of_redis_lapses(redis_url: str) -> None:
    """What is stored for nothing any more goes by itself."""
    import redis

    quotas = RedisQuotas(redis_url)

    async def scenario(port: Port) -> None:
        assert 0.0 == await quotas.on(port).take("ww1", "host", PATH)

    from privdom._port import BlockingPort

    run(scenario(BlockingPort()))

    with redis.Redis.from_url(redis_url) as client:
        lives = [timedelta(milliseconds=client.pttl(key)) for key in client.scan_iter()]
    assert 2 == len(lives)
    assert all(timedelta(hours=1) < life <= timedelta(hours=2) for life in lives)
