"""Sources of tokens in memory: a service of one's own, and how long a token is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from privdom import AsyncWeCom, WeCom
from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._port import Port
from privdom.errors import NotSent, WrongSecret, api_error
from privdom.sandbox import Sandbox
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from privdom.wecom.token import HeldToken, ServiceTokens, Token, TokenSource
from tests.conftest import OnPort


START = datetime(2026, 1, 5, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time


class Service:
    """Gives out tokens in order, and remembers what it was told."""

    def __init__(self, give: Callable[[int], Any] = "token {}".format) -> None:
        self.asked: list[str | None] = []
        self._give = give

    def __call__(self, refused: str | None) -> Any:
        self.asked.append(refused)
        return self._give(len(self.asked))


async def _unused() -> Token:
    raise AssertionError


def _source(port: Port, fetch: Any, **options: Any) -> TokenSource:
    return ServiceTokens(fetch, **options).source(port, "ww1", "", _unused)


@pytest.mark.parametrize(
    ("left", "early"), [(7200, 300), (3000, 300), (2999, 299.9), (600, 60), (10, 1), (0, 0)], ids=str
)
def test_a_token_is_used_for_most_of_its_time(left: int, early: float) -> None:
    """It is replaced five minutes before its end, but not before nine tenths of what it had left."""
    ends_at = START + timedelta(seconds=left)

    assert ends_at - timedelta(seconds=early) == HeldToken.of(Token("a", ends_at), START, None).renew_at


def test_the_same_token_again_is_used_to_its_end() -> None:
    """Where WeCom gives no new token before the end of the old one, it is not asked again until then."""
    ends_at = START + timedelta(seconds=300)
    before = HeldToken.of(Token("a", ends_at), START - timedelta(hours=1), None)

    assert ends_at == HeldToken.of(Token("a", ends_at), START, before).renew_at
    assert START + timedelta(seconds=270) == HeldToken.of(Token("b", ends_at), START, before).renew_at


def test_the_last_minutes_of_a_token_cost_one_question(on_port: OnPort, sandbox: Sandbox) -> None:
    """With a WeCom that gives the same token until it ends, gettoken is called once before and once after."""
    sandbox.add_staff("a")

    async def scenario(port: Port) -> None:
        client = AsyncWeCom.on(port, sandbox.corp_id, sandbox.secret, quotas=MemoryQuotas())
        for _ in range(365):
            await client.staff.serving()
            await client.staff.serving()
            sandbox.advance(timedelta(seconds=20))

    on_port(scenario, transport=sandbox.transport, clock=sandbox.clock)

    assert 3 == sum(call.path == E.GETTOKEN.path for call in sandbox.record.calls)


def test_a_service_is_asked_once_a_minute(on_port: OnPort) -> None:
    """A text, whose end nobody tells, is used for a minute, shared by all who call meanwhile."""
    clock, service = Clock(), Service()

    async def scenario(port: Port) -> None:
        source = _source(port, service)

        async def ask(_: int) -> str:
            return await source.token()

        assert {"token 1"} == {token async for token in port.map(ask, range(8), 8)}
        clock.time += timedelta(seconds=53)
        assert "token 1" == await source.token()
        clock.time += timedelta(seconds=1)
        assert "token 2" == await source.token()

    on_port(scenario, clock=clock)

    assert [None, None] == service.asked


def test_a_service_may_tell_the_end(on_port: OnPort) -> None:
    """A `Token` is used until shortly before its end."""
    clock = Clock()
    service = Service(lambda n: Token(f"token {n}", clock.time + timedelta(hours=2)))

    async def scenario(port: Port) -> None:
        source = _source(port, service)
        for seconds, expected in ((0, "token 1"), (6_899, "token 1"), (1, "token 2")):
            clock.time += timedelta(seconds=seconds)
            assert expected == await source.token()

    on_port(scenario, clock=clock)


def test_a_service_hears_what_was_refused(on_port: OnPort) -> None:
    """A refused token is asked about once; a late refusal of an older one is not."""
    service = Service()

    async def scenario(port: Port) -> None:
        source = _source(port, service)
        old = await source.token()
        assert "token 2" == await source.token(refused=old)
        assert "token 2" == await source.token(refused=old)

    on_port(scenario)

    assert [None, "token 1"] == service.asked


def test_a_service_may_await() -> None:
    """A function that awaits does so on the client's event loop, and is told too which token was refused."""

    async def fetch(refused: str | None) -> str:
        await anyio.lowlevel.checkpoint()
        return f"mine, not {refused}"

    async def main() -> tuple[str, str]:
        async with AsyncWeCom("ww1", "", token_source=ServiceTokens(fetch)) as client:
            source = _source(client.port, fetch)
            first = await client.token()
            assert first == await source.token()
            return first, await source.token(first)

    assert ("mine, not None", "mine, not mine, not None") == anyio.run(main)
    with pytest.raises(NotSent, match="no token"):
        WeCom("ww1", "", token_source=ServiceTokens(fetch)).token()


def test_a_service_shows_nothing() -> None:
    """Its repr holds no token."""
    assert "<ServiceTokens>" == repr(ServiceTokens(lambda _: "token"))


def test_a_failing_service_is_a_call_that_was_not_sent(on_port: OnPort, sandbox: Sandbox) -> None:
    """Its text, which may hold a secret, does not come out; the call is repeated as after any lost connection."""

    def fail(refused: str | None) -> str:
        raise ValueError("https://tokens.internal/?key=SECRET")

    async def scenario(port: Port) -> None:
        client = AsyncWeCom.on(port, "ww1", "", token_source=ServiceTokens(fail), retry=Retry(attempts=2, first_wait=0))
        with pytest.raises(NotSent, match="ValueError") as raised:
            await client.staff.serving()
        assert "SECRET" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None

    on_port(scenario, transport=sandbox.transport)

    assert [] == sandbox.record.calls


def test_an_error_of_this_library_comes_out_as_it_is(on_port: OnPort) -> None:
    """A service that says that the secret is wrong is believed."""

    def fail(refused: str | None) -> str:
        raise api_error(40001)

    async def scenario(port: Port) -> None:
        with pytest.raises(WrongSecret):
            await _source(port, fail).token()

    on_port(scenario)


def test_reprs_hold_no_token(on_port: OnPort) -> None:
    """They tell whether there is a token, and not which."""

    async def scenario(port: Port) -> None:
        source = _source(port, Service())
        await source.token()
        assert "token 1" not in f"{source!r}{ServiceTokens(Service())!r}"
        assert "token 1" not in repr(HeldToken.of(Token("token 1", START), START, None))

    on_port(scenario)
