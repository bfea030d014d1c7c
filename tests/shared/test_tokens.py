"""Tokens that processes share: who asks WeCom, who waits, and what is stored."""

from __future__ import annotations

import logging
import re

from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cryptography.fernet import Fernet

from privdom import AsyncWeCom, UsageError
from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._port import Port
from privdom.errors import NotSent, StoreError, WrongSecret, api_error
from privdom.sandbox import Sandbox
from privdom.shared import RedisTokens, SqlTokens
from privdom.store import Store
from privdom.wecom._values import Done
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from privdom.wecom.token import Token, TokenSource
from tests.conftest import OnPort
from tests.shared.places import KEY, Place


SECRET = "SECRETSECRETSECRET"
Scenario = Callable[[Port], Coroutine[Any, Any, None]]


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class WeCom:
    """Makes tokens and counts them; what is in `errors` comes first."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.asked = 0
        self.errors: list[BaseException] = []
        self.same = False
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def __call__(self) -> Token:
        self.asked += 1
        number = 1 if self.same else self.asked
        ends_at = self.port.now() + timedelta(hours=2)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.errors:
            raise self.errors.pop(0)
        return Token(f"PLAINTOKEN{number}", ends_at)

    def process(self, place: Place, *, corp: str = "ww1", secret: str = SECRET, **options: Any) -> TokenSource:
        """The tokens of another process."""
        return place.tokens(**options).source(self.port, corp, secret, self)


def test_one_process_asks_for_all(on_port: OnPort, place: Place) -> None:
    """What one process was given, the others use."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        assert {"PLAINTOKEN1"} == {await wecom.process(place).token() for _ in range(3)}
        assert 1 == wecom.asked

    on_port(scenario)


def test_many_at_once_ask_once(on_port: OnPort, place: Place) -> None:
    """Threads or tasks of several processes that start together wait for the same token."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        wecom.meanwhile = lambda: port.sleep(0.1)
        processes = [wecom.process(place) for _ in range(4)]

        async def ask(i: int) -> str:
            return await processes[i % 4].token()

        assert {"PLAINTOKEN1"} == {token async for token in port.map(ask, range(16), 16)}
        assert 1 == wecom.asked

    on_port(scenario)


def test_a_token_ends_for_all(on_port: OnPort, place: Place) -> None:
    """Five minutes before its end one process replaces it, and the others follow."""
    clock = Clock()

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        one, two = wecom.process(place), wecom.process(place)
        await one.token()
        await two.token()
        clock.time += timedelta(seconds=7200 - 301)
        assert {"PLAINTOKEN1"} == {await one.token(), await two.token()}
        clock.time += timedelta(seconds=1)
        assert {"PLAINTOKEN2"} == {await one.token(), await two.token()}
        assert 2 == wecom.asked

    on_port(scenario, clock=clock)


def test_a_late_refusal_leaves_the_fresh_token(on_port: OnPort, place: Place) -> None:
    """Who was refused the old token, in whichever process, gets the one that has replaced it."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        one, two, three = (wecom.process(place) for _ in range(3))
        old = await one.token()
        assert old == await two.token()
        assert "PLAINTOKEN2" == await one.token(refused=old)
        assert "PLAINTOKEN2" == await one.token(refused=old)
        assert "PLAINTOKEN2" == await two.token(refused=old)
        assert "PLAINTOKEN2" == await three.token(refused=old)
        assert 2 == wecom.asked

    on_port(scenario)


def test_the_same_token_again_is_taken(on_port: OnPort, place: Place) -> None:
    """Where WeCom refuses a token and gives it again, whoever waited takes it, and does not ask too."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        wecom.same = True
        processes = [wecom.process(place) for _ in range(3)]
        for process in processes:
            await process.token()
        wecom.meanwhile = lambda: port.sleep(0.1)

        async def ask(i: int) -> str:
            return await processes[i % 3].token(refused="PLAINTOKEN1")

        assert {"PLAINTOKEN1"} == {token async for token in port.map(ask, range(12), 12)}
        # All wait by then; one that comes later could not know, and would ask once.
        assert wecom.asked <= 1 + len(processes)

    on_port(scenario)


def test_while_one_replaces_a_token_early_the_others_use_it(on_port: OnPort, place: Place) -> None:
    """Nobody waits for a new token as long as the old one is good."""
    clock = Clock()

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        one, two = wecom.process(place), wecom.process(place)
        await one.token()
        clock.time += timedelta(minutes=116)
        given: list[str] = []

        async def other() -> None:
            given.append(await two.token())

        wecom.meanwhile = other
        assert "PLAINTOKEN2" == await one.token()
        assert ["PLAINTOKEN1"] == given
        assert "PLAINTOKEN2" == await two.token()
        assert 2 == wecom.asked

    on_port(scenario, clock=clock)


def test_the_lease_of_a_dead_process_lapses(on_port: OnPort, place: Place) -> None:
    """Who was killed while it asked WeCom is waited for, but not for ever."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        # As a killed process leaves it: the lease is taken, and nothing ends it.
        [name] = await _names(place, wecom)
        place.raw().change(name, "ww1", lambda _, __: ('{"sealed": null, "lease": "dead"}', None), 60)
        began = port.monotonic()
        assert "PLAINTOKEN2" == await wecom.process(place, lease=0.3).token()
        assert port.monotonic() - began >= 0.3

    on_port(scenario)


async def _names(place: Place, wecom: WeCom) -> list[str]:
    await wecom.process(place).token()
    return list(place.texts())


def test_who_was_taken_for_dead_wins_if_faster(on_port: OnPort, place: Place) -> None:
    """Of two that ask because the lease lapsed, the first answer counts for all."""

    async def scenario(port: Port) -> None:
        slow, fast = WeCom(port), WeCom(port)
        one, two, three = slow.process(place), fast.process(place, lease=0.05), fast.process(place)

        async def other() -> None:
            slow.meanwhile = None
            assert "PLAINTOKEN1" == await two.token()

        slow.meanwhile = other
        fast.asked = 0
        await one.token()
        assert (1, 1) == (slow.asked, fast.asked)
        assert "PLAINTOKEN1" == await three.token()
        assert (1, 1) == (slow.asked, fast.asked)

    on_port(scenario)


def test_a_failure_ends_the_lease(on_port: OnPort, place: Place) -> None:
    """After one could not reach WeCom, the next one asks at once."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        wecom.errors = [NotSent("no connection"), KeyboardInterrupt()]
        with pytest.raises(NotSent):
            await wecom.process(place).token()
        with pytest.raises(KeyboardInterrupt):
            await wecom.process(place).token()
        assert "PLAINTOKEN3" == await wecom.process(place).token()

    on_port(scenario)


def test_who_waits_for_a_failure_fails_with_it(on_port: OnPort, place: Place) -> None:
    """While WeCom cannot be reached, those who wait for one that asks do not wait for one another in turn."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        wecom.errors = [NotSent("no connection")]
        wecom.meanwhile = lambda: port.sleep(0.3)
        processes = [wecom.process(place) for _ in range(3)]

        async def ask(process: TokenSource) -> str:
            try:
                return await process.token()
            except NotSent as e:
                return str(e)

        said = {answer async for answer in port.map(ask, processes, 3)}
        assert {"no connection", "no token: another process that was asking WeCom for one had no answer"} == said
        assert 1 == wecom.asked
        assert "PLAINTOKEN2" == await processes[0].token()

    on_port(scenario)


def test_a_wrong_secret_is_asked_for_once_by_all(on_port: OnPort, place: Place) -> None:
    """After 40001 no process asks for five minutes; a new secret is asked for at once."""
    clock = Clock()

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        wrong = api_error(40001, "invalid credential", path="/cgi-bin/gettoken")
        wecom.errors = [wrong, wrong]
        one, two = wecom.process(place), wecom.process(place)
        for process in (one, one, two, two):
            with pytest.raises(WrongSecret) as raised:
                await process.token()
            assert str(wrong) == str(raised.value)
        assert 1 == wecom.asked
        clock.time += timedelta(seconds=299)
        with pytest.raises(WrongSecret):
            await two.token()
        assert 1 == wecom.asked
        clock.time += timedelta(seconds=1)
        with pytest.raises(WrongSecret):
            await two.token()
        assert 2 == wecom.asked
        assert "PLAINTOKEN3" == await wecom.process(place, secret="repaired").token()

    on_port(scenario, clock=clock)


def test_each_secret_has_its_own_token(on_port: OnPort, place: Place) -> None:
    """Neither secrets that begin alike, nor corps, nor parts that run together share a token."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        pairs = [("ww1", SECRET), ("ww1", SECRET + "x"), ("ww1", SECRET[:-1]), ("ww1S", SECRET[1:]), ("ww2", SECRET)]
        tokens = [await wecom.process(place, corp=corp, secret=secret).token() for corp, secret in pairs]
        assert [f"PLAINTOKEN{i}" for i in range(1, 6)] == tokens
        assert tokens == [await wecom.process(place, corp=corp, secret=secret).token() for corp, secret in pairs]

    on_port(scenario)


def test_nothing_stored_can_be_read(on_port: OnPort, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither token nor secret stands in the place, in a log or in a repr."""
    caplog.set_level(logging.DEBUG)

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        process = wecom.process(place)
        await process.token()
        seen = f"{place.texts()} {process!r} {place.tokens()!r} {vars(process)!r} {caplog.text}"
        assert not re.search(f"PLAINTOKEN|{SECRET}|{KEY}", seen)
        assert "<tokens of ww1, holding one>" == repr(process)

    on_port(scenario)


def test_keys_rotate(on_port: OnPort, place: Place) -> None:
    """What an older key sealed is still read, and what follows is sealed by the newest."""
    new = Fernet.generate_key()

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        await wecom.process(place).token()
        both = wecom.process(place, keys=[new, KEY])
        assert "PLAINTOKEN1" == await both.token()
        assert "PLAINTOKEN2" == await both.token(refused="PLAINTOKEN1")
        assert "PLAINTOKEN2" == await wecom.process(place, keys=[new]).token()

    on_port(scenario)


def test_what_cannot_be_decrypted_is_replaced(on_port: OnPort, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A value of a lost key, of another row, or of nobody counts as absent, and the log says so."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        [name] = await _names(place, wecom)
        other = wecom.process(place, keys=[Fernet.generate_key()])
        assert "PLAINTOKEN2" == await other.token()
        assert "cannot be decrypted" in caplog.text
        assert "PLAINTOKEN3" == await wecom.process(place).token()
        for broken in ("not JSON", "[]", '{"sealed": "x"}'):
            place.raw().change(name, "ww1", lambda _, __, broken=broken: (broken, None), 60)
            asked = wecom.asked
            assert f"PLAINTOKEN{asked + 1}" == await wecom.process(place).token()
        moved = place.texts()[name]
        await wecom.process(place, corp="ww2").token()
        [second] = place.texts().keys() - {name}
        place.raw().change(second, "ww2", lambda _, __: (moved, None), 60)
        asked = wecom.asked
        assert f"PLAINTOKEN{asked + 1}" == await wecom.process(place, corp="ww2").token()

    on_port(scenario)


@pytest.mark.parametrize("keys", [[], "abc", ["abc"], [KEY, b"x"]])
def test_keys_are_checked(keys: Any) -> None:
    """No keys, a text instead of a list, and what is no Fernet key are refused, and told without the key."""
    with pytest.raises(UsageError, match="generate_key") as raised:
        SqlTokens(Store("sqlite://"), keys)

    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None


def test_other_mistakes_are_told(on_port: OnPort) -> None:
    """A lease of nothing, a joined store, an empty secret: each is refused with the way out."""
    store = Store("sqlite://")
    with pytest.raises(UsageError, match="lease"):
        SqlTokens(store, [KEY], lease=timedelta(0))
    with store.begin() as conn, pytest.raises(UsageError, match="SqlTokens commits"):
        SqlTokens(store.joined(conn), [KEY])

    async def scenario(port: Port) -> None:
        with pytest.raises(UsageError, match="secret is empty"):
            AsyncWeCom.on(port, "ww1", "", token_source=SqlTokens(store, [KEY]))

    on_port(scenario)
    store.close()


def test_mistakes_with_redis_are_told() -> None:
    """A URL of something else and a client that awaits are refused; what the server says comes as `StoreError`."""
    awaiting = pytest.importorskip("redis.asyncio")

    with pytest.raises(UsageError, match="redis://"):
        RedisTokens("http://user:PASSWORD@host", [KEY])
    with pytest.raises(UsageError, match="plain"):
        RedisTokens(awaiting.Redis(), [KEY])


def test_a_place_that_is_away_is_a_store_error(on_port: OnPort) -> None:
    """Without its place a client does not ask WeCom behind the others' backs, and no error of a library leaks."""
    pytest.importorskip("redis")

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        for tokens in (
            SqlTokens(Store("sqlite:////nowhere/at/all.db"), [KEY]),
            RedisTokens("redis://:PASSWORD@127.0.0.1:9", [KEY]),
        ):
            with pytest.raises(StoreError) as raised:
                await tokens.source(port, "ww1", SECRET, wecom).token()
            assert "PASSWORD" not in str(raised.value)
        assert 0 == wecom.asked

    on_port(scenario)


def test_a_token_that_cannot_be_shared_is_used(on_port: OnPort, tmp_path: Any) -> None:
    """If the place goes away while WeCom answers, whoever asked has a token all the same."""

    async def scenario(port: Port) -> None:
        wecom = WeCom(port)
        place = Place(f"sqlite:///{tmp_path}/{port!r}.db")
        process = wecom.process(place)

        async def away() -> None:
            place.raw()._store._engine.dispose()  # type: ignore[union-attr]
            (tmp_path / f"{port!r}.db").unlink()
            (tmp_path / f"{port!r}.db").mkdir()

        wecom.meanwhile = away
        assert "PLAINTOKEN1" == await process.token()
        assert "PLAINTOKEN1" == await process.token()

    on_port(scenario)


def test_clients_share_a_token(on_port: OnPort, place: Place) -> None:
    """Two clients with one store of tokens ask the sandbox once, and once more after it took the token back."""
    box = Sandbox()
    box.add_staff("a")

    async def scenario(port: Port) -> None:
        tokens = place.tokens()
        clients = [
            AsyncWeCom.on(port, box.corp_id, box.secret, token_source=tokens, quotas=MemoryQuotas()) for _ in range(2)
        ]
        for client in clients:
            assert ("a",) == await client.staff.serving()
        box.revoke_tokens()
        for client in clients:
            assert ("a",) == await client.staff.serving()

    on_port(scenario, transport=box.transport, clock=box.clock)

    assert 2 == sum(call.path == E.GETTOKEN.path for call in box.record.calls)


def test_a_ledger_learns_that_nothing_was_written(on_port: OnPort) -> None:
    """Where no token can be had because its place is away, a call on a ledger's behalf was not sent."""
    tokens = SqlTokens(Store("sqlite:////nowhere/at/all.db"), [KEY])

    async def scenario(port: Port) -> None:
        client = AsyncWeCom.on(port, "ww1", SECRET, token_source=tokens, retry=Retry(attempts=1))
        with pytest.raises(NotSent, match="StoreError"):
            await client.session.once(E.TAG_ADD, b"{}", Done)

    on_port(scenario)
