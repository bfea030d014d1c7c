"""One call to WeCom and back: tokens, repeats, what is never repeated, and what never leaks."""

from __future__ import annotations

import json
import logging
import pickle

from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs
import httpcore
import httpx
import pytest

from privdom import AsyncWeCom, UsageError, WeCom
from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._facts.endpoints import Endpoint
from privdom._port import Mutex, Port
from privdom.errors import (
    Busy,
    MayHaveArrived,
    NotSent,
    NotUnderstood,
    QuotaExceeded,
    Refused,
    TokenRejected,
    WrongSecret,
    api_error,
)
from privdom.wecom.quota import MemoryQuotas, QuotaSettings, Window
from privdom.wecom.retry import Retry
from privdom.wecom.session import AccessToken, CallInfo
from privdom.wecom.token import MemoryTokens, Token
from privdom.wecom.wire import NO_EXTRA, Extra
from tests.conftest import OnPort


QUICK = Retry(first_wait=0.001, longest_wait=0.002, blocked_wait=0.001)
NEW_TAG = E.TAG_ADD
READ = E.TAG_LIST


@attrs.frozen
class Ask:
    """A request with a query of each type."""

    word: str = "x"
    flag: bool = True


@attrs.frozen
class Nothing:
    """An answer without fields."""

    extra: Extra = NO_EXTRA


class Server:
    """WeCom as these tests need it: tokens that can be revoked, and answers from a script."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.tokens = 0
        self.valid = ""
        self.secret_is_wrong = False
        self.transport = httpx.MockTransport(self._handle)
        self._mutex = Mutex()

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == E.GETTOKEN.path:
            with self._mutex:
                self.tokens += 1
                self.valid = f"SECRETTOKEN{self.tokens}"
            if self.secret_is_wrong:
                return self._json(40001)
            return httpx.Response(
                200, json={"errcode": 0, "errmsg": "ok", "access_token": self.valid, "expires_in": 7200}
            )
        self.requests.append(request)
        self.bodies.append(request.content)
        if request.url.params["access_token"] != self.valid:
            return self._json(42001)
        step = self.script.pop(0) if self.script else 0
        if isinstance(step, Exception):
            raise step
        if isinstance(step, int):
            return self._json(step)
        assert isinstance(step, str)
        return httpx.Response(502, text=step)

    @staticmethod
    def _json(errcode: int) -> httpx.Response:
        return httpx.Response(200, json={"errcode": errcode, "errmsg": "ok" if errcode == 0 else "no"})


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def on(port: Port, **options: Any) -> AsyncWeCom:
    options = {"retry": QUICK, "quotas": MemoryQuotas()} | options
    return AsyncWeCom.on(port, "ww1", "SECRETSECRET", **options)


def calling(endpoint: Endpoint, times: int = 1, **options: Any) -> Callable[[Port], Coroutine[Any, Any, None]]:
    async def scenario(port: Port) -> None:
        wecom = on(port, **options)
        for _ in range(times):
            await wecom.session.call(endpoint, Ask(), Nothing)

    return scenario


def once(**options: Any) -> Callable[[Port], Coroutine[Any, Any, None]]:
    async def scenario(port: Port) -> None:
        await on(port, **options).session.once(NEW_TAG, b'{"a":1}', Nothing)

    return scenario


def test_a_token_is_fetched_once_and_used_again(on_port: OnPort) -> None:
    """Many calls need one gettoken."""
    server = Server()

    on_port(calling(READ, times=5), transport=server.transport)

    assert (1, 5) == (server.tokens, len(server.requests))


def test_sixteen_callers_at_once_fetch_one_token(on_port: OnPort) -> None:
    """Threads or tasks that start together wait for the same token."""
    server = Server()

    async def scenario(port: Port) -> None:
        wecom = on(port)

        async def ask(_: int) -> None:
            await wecom.session.call(READ, Ask(), Nothing)

        async for _ in port.map(ask, range(16), 16):
            pass

    on_port(scenario, transport=server.transport)

    assert 1 == server.tokens


@pytest.mark.parametrize(("left", "tokens"), [(301, 1), (300, 2)])
def test_a_token_is_replaced_before_it_ends(on_port: OnPort, left: int, tokens: int) -> None:
    """Five minutes before its end a token is not used any more."""
    server, clock = Server(), Clock()

    async def scenario(port: Port) -> None:
        wecom = on(port)
        await wecom.session.call(READ, Ask(), Nothing)
        clock.time += timedelta(seconds=7200 - left)
        await wecom.session.call(READ, Ask(), Nothing)

    on_port(scenario, transport=server.transport, clock=clock)

    assert tokens == server.tokens


def test_a_refused_token_is_replaced_and_the_call_repeated_once(on_port: OnPort) -> None:
    """42001 costs one gettoken and one repeat, for every effect class: WeCom had not carried the call out."""
    server = Server()

    async def scenario(port: Port) -> None:
        wecom = on(port)
        await wecom.token()
        server.valid = "another"
        await wecom.session.call(NEW_TAG, Ask(), Nothing)

    on_port(scenario, transport=server.transport)

    assert (2, 2) == (server.tokens, len(server.requests))


def test_a_token_that_stays_refused_is_an_error(on_port: OnPort) -> None:
    """After one refresh WeCom's answer stands."""
    server = Server(42001, 42001, 42001)

    with pytest.raises(TokenRejected):
        on_port(calling(READ), transport=server.transport)

    assert 2 == server.tokens


def test_a_late_refusal_does_not_throw_a_fresh_token_away(on_port: OnPort) -> None:
    """Refusing an old token leaves the one that has replaced it."""
    server = Server()

    async def scenario(port: Port) -> None:
        wecom = on(port)
        old = await wecom.token()
        source = wecom.session._tokens
        fresh = await source.token(refused=old)
        assert fresh == await source.token(refused=old)

    on_port(scenario, transport=server.transport)

    assert 2 == server.tokens


def test_a_wrong_secret_is_asked_for_once(on_port: OnPort) -> None:
    """40001 is never repeated, not even by later calls: WeCom locks the address out."""
    server = Server()
    server.secret_is_wrong = True

    async def scenario(port: Port) -> None:
        wecom = on(port)
        for _ in range(5):
            with pytest.raises(WrongSecret):
                await wecom.session.call(READ, Ask(), Nothing)

    on_port(scenario, transport=server.transport)

    assert (1, 0) == (server.tokens, len(server.requests))


class Steered:
    """A port whose seconds are told, and whose lock lets somebody else go first."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.seconds = 0.0
        self.entered = 0
        self.first: Callable[[], Awaitable[object]] | None = None

    def now(self) -> datetime:
        return self._port.now()

    def monotonic(self) -> float:
        return self.seconds

    def lock(self) -> Steered:
        return self

    async def __aenter__(self) -> None:
        self.entered += 1
        if self.first is not None:
            await self.first()

    async def __aexit__(self, *_: object) -> None:
        pass


class Counted:
    """Makes tokens and counts them, or fails."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.asked = 0
        self.error: WrongSecret | None = None

    async def __call__(self) -> Token:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return Token(f"SECRETTOKEN{self.asked}", self.port.now() + timedelta(hours=2))


def test_a_wrong_secret_is_asked_for_again_after_five_minutes(on_port: OnPort) -> None:
    """Whoever repaired the secret need not start the process anew, nor is WeCom asked before."""

    async def scenario(port: Port) -> None:
        steered, fetch = Steered(port), Counted(port)
        tokens = MemoryTokens(cast("Port", steered), fetch)
        fetch.error = cast("WrongSecret", api_error(40001))
        for seconds, asked in ((1000.0, 1), (1299.9, 1), (1300.0, 2), (1599.9, 2)):
            steered.seconds = seconds
            with pytest.raises(WrongSecret):
                await tokens.token()
            assert asked == fetch.asked
        steered.seconds, fetch.error = 1600.0, None
        assert "SECRETTOKEN3" == await tokens.token()

    on_port(scenario)


def test_whoever_waited_takes_the_token_of_who_came_first(on_port: OnPort) -> None:
    """A caller that had to wait for another one's token does not ask for a second."""

    async def scenario(port: Port) -> None:
        steered, fetch = Steered(port), Counted(port)
        tokens = MemoryTokens(cast("Port", steered), fetch)

        async def other() -> None:
            steered.first = None
            assert "SECRETTOKEN1" == await tokens.token()

        steered.first = other
        assert "SECRETTOKEN1" == await tokens.token()
        assert 1 == fetch.asked

    on_port(scenario)


def test_a_token_at_hand_needs_no_lock(on_port: OnPort) -> None:
    """While one caller asks for a new token, nobody with a good one waits."""

    async def scenario(port: Port) -> None:
        steered, fetch = Steered(port), Counted(port)
        tokens = MemoryTokens(cast("Port", steered), fetch)
        assert {"SECRETTOKEN1"} == {await tokens.token() for _ in range(5)}
        assert 1 == steered.entered

    on_port(scenario)


def test_a_token_source_tells_whether_it_has_one(on_port: OnPort) -> None:
    """Its repr helps to find a fault, and gives no token away."""

    async def scenario(port: Port) -> None:
        tokens = MemoryTokens(port, Counted(port))
        assert "<MemoryTokens empty>" == repr(tokens)
        await tokens.token()
        assert "<MemoryTokens holding one>" == repr(tokens)

    on_port(scenario)


@pytest.mark.parametrize(
    ("endpoint", "trouble", "calls"),
    [
        (READ, httpx.ReadTimeout("x"), 2),
        (READ, -1, 2),
        (READ, "<html>", 2),
        (READ, httpx.ConnectError("x"), 2),
        (READ, 45009, 2),
        (E.MARK_TAG, httpx.ReadError("x"), 2),
        (E.MARK_TAG, 45035, 2),
        (E.WELCOME, httpx.ReadTimeout("x"), 2),
        (NEW_TAG, httpx.ConnectTimeout("x"), 2),
        (NEW_TAG, 45033, 2),
    ],
)
def test_what_does_no_harm_is_repeated(on_port: OnPort, endpoint: Endpoint, trouble: object, calls: int) -> None:
    """Errcode class and effect class decide, and the second attempt succeeds."""
    server = Server(trouble)

    on_port(calling(endpoint), transport=server.transport)

    assert calls == len(server.requests)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (httpx.ReadTimeout("x"), MayHaveArrived),
        (httpx.WriteError("x"), MayHaveArrived),
        (httpx.RemoteProtocolError("x"), MayHaveArrived),
        (-1, Busy),
        ("<html>bad gateway", NotUnderstood),
        ('{"errcode": 0, "errm', NotUnderstood),
        ('{"hello": 1}', NotUnderstood),
        ('{"errcode": "x"}', NotUnderstood),
        ("[]", NotUnderstood),
        ("", NotUnderstood),
        (40071, Refused),
    ],
)
def test_a_call_that_may_have_arrived_is_never_repeated(
    on_port: OnPort, trouble: object, error: type[Exception]
) -> None:
    """Where a second arrival would do harm, an unknown outcome goes to the caller after one attempt."""
    server = Server(trouble)

    with pytest.raises(error):
        on_port(calling(NEW_TAG), transport=server.transport)

    assert 1 == len(server.requests)


def test_repeats_end(on_port: OnPort) -> None:
    """After as many attempts as the settings allow the last error is raised."""
    server = Server(*[-1] * 10)

    with pytest.raises(Busy):
        on_port(calling(READ), transport=server.transport)

    assert QUICK.attempts == len(server.requests)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (httpx.ConnectError("x"), NotSent),
        (httpx.ReadTimeout("x"), MayHaveArrived),
        (-1, Busy),
        (45009, QuotaExceeded),
        (42001, TokenRejected),
        ("<html>", NotUnderstood),
    ],
)
def test_once_is_once(on_port: OnPort, trouble: object, error: type[Exception]) -> None:
    """A call on a ledger's behalf makes one HTTP exchange, whatever comes of it."""
    server = Server(trouble)

    with pytest.raises(error):
        on_port(once(), transport=server.transport)

    assert 1 == len(server.requests)


def test_once_writes_exactly_the_given_bytes(on_port: OnPort) -> None:
    """What was frozen is what goes out."""
    server = Server()

    on_port(once(), transport=server.transport)

    assert [b'{"a":1}'] == server.bodies


def test_once_writes_nothing_after_its_time(on_port: OnPort) -> None:
    """A process that was paused between intent and write does not write."""
    server = Server()

    async def scenario(port: Port) -> None:
        wecom = on(port)
        await wecom.token()
        await wecom.session.once(NEW_TAG, b"{}", Nothing, until=port.monotonic() - 0.001)

    with pytest.raises(NotSent, match="too much time"):
        on_port(scenario, transport=server.transport)

    assert [] == server.requests


def test_once_does_not_wait_for_a_quota_beyond_its_time(on_port: OnPort) -> None:
    """A call whose quota has room only after its time says at once that it was not sent."""
    server = Server()
    quotas = MemoryQuotas(QuotaSettings(per_corp=(Window(1, 3600),), margin=0.0))

    async def scenario(port: Port) -> None:
        wecom = on(port, quotas=quotas)
        await wecom.session.once(NEW_TAG, b"{}", Nothing, until=port.monotonic() + 60)
        await wecom.session.once(NEW_TAG, b"{}", Nothing, until=port.monotonic() + 60)

    with pytest.raises(NotSent, match="quota"):
        on_port(scenario, transport=server.transport)

    assert 1 == len(server.requests)


def test_moments_have_a_quota_of_their_own(on_port: OnPort) -> None:
    """Ten a minute for a corp, less the margin, and nothing else is held up by it."""

    async def scenario(port: Port) -> list[list[bool]]:
        quotas = MemoryQuotas(monotonic=lambda: 0.0)
        paths = (E.MOMENT_ADD.path, READ.path)
        return [[await quotas.take("ww1", "host", path) > 0 for _ in range(11)] for path in paths]

    assert [[*[False] * 9, True, True], [False] * 11] == on_port(scenario)


def test_after_a_refused_token_once_has_a_fresh_one(on_port: OnPort) -> None:
    """The refused call is not repeated, but the next one succeeds."""
    server = Server()

    async def scenario(port: Port) -> None:
        wecom = on(port)
        await wecom.token()
        server.valid = "another"
        with pytest.raises(TokenRejected):
            await wecom.session.once(NEW_TAG, b"{}", Nothing)
        await wecom.session.once(NEW_TAG, b"{}", Nothing)

    on_port(scenario, transport=server.transport)

    assert 2 == len(server.requests)


def test_a_lost_answer_of_gettoken_is_not_a_lost_call(on_port: OnPort) -> None:
    """Without a token nothing was written, so the call itself is not in doubt."""

    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("x", request=request)

    with pytest.raises(NotSent, match="no token"):
        on_port(once(), transport=httpx.MockTransport(handle))


def test_a_refusal_stands_even_if_no_new_token_can_be_had(on_port: OnPort) -> None:
    """A refused token means that the call was not carried out, whatever becomes of the refresh."""
    server = Server()

    async def scenario(port: Port) -> None:
        wecom = on(port)
        await wecom.token()
        server.valid, server.secret_is_wrong = "another", True
        await wecom.session.once(NEW_TAG, b"{}", Nothing)

    with pytest.raises(TokenRejected):
        on_port(scenario, transport=server.transport)


def test_no_token_and_no_secret_leaks(on_port: OnPort, caplog: pytest.LogCaptureFixture) -> None:
    """Neither logs, reprs, errors nor what hangs on an error hold the token or the secret, and logs no query at all."""
    caplog.set_level(logging.DEBUG)
    server = Server(httpx.ReadTimeout("x", request=httpx.Request("GET", "http://x/?access_token=SECRETTOKEN1")))

    async def scenario(port: Port) -> str:
        wecom = on(port)
        await wecom.token()
        try:
            await wecom.session.call(NEW_TAG, Ask(), Nothing)
        except MayHaveArrived as e:
            return f"{wecom!r} {wecom.session!r} {e!r} {e} {e.__cause__!r} {e.__context__!r} {e.__dict__}"
        return "no error"

    async def ask_about_anna(port: Port) -> None:
        await on(port).session.call(READ, Ask("wmanna"), Nothing)

    text = on_port(scenario, transport=server.transport)
    on_port(ask_about_anna, transport=server.transport)

    assert "SECRET" not in text
    assert "SECRET" not in caplog.text
    assert f"{READ.path}?***" in caplog.text
    assert "wmanna" not in caplog.text
    assert "SECRET" not in repr(AccessToken("SECRET"))


def test_the_hook_is_told_of_each_exchange(on_port: OnPort) -> None:
    """Path, attempt, errcode and error of every HTTP exchange reach the user's hook, plain or async."""
    told: list[CallInfo] = []
    server = Server(-1, httpx.ReadTimeout("x"))

    async def hook(info: CallInfo) -> None:
        told.append(info)

    on_port(calling(READ, hook=hook), transport=server.transport)

    assert [
        (E.GETTOKEN.path, 1, 0, None),
        (READ.path, 1, -1, "Busy"),
        (READ.path, 2, None, "MayHaveArrived"),
        (READ.path, 3, 0, None),
    ] == [(i.path, i.attempt, i.errcode, i.error) for i in told]


@pytest.mark.parametrize("trouble", [NotSent("a call of its own"), RuntimeError("SECRET")], ids=["ours", "another"])
def test_a_hook_that_fails_changes_nothing(
    on_port: OnPort, caplog: pytest.LogCaptureFixture, trouble: Exception
) -> None:
    """What came of a call is what WeCom answered, whatever becomes of telling it to somebody."""
    server = Server()

    def hook(info: CallInfo) -> None:
        raise trouble

    on_port(once(hook=hook), transport=server.transport)

    assert 1 == len(server.requests)
    assert f"the hook failed after {NEW_TAG.path}: {type(trouble).__name__}" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(("why", "error"), [(httpcore.ConnectError(), NotSent), (OSError(), MayHaveArrived)])
def test_only_a_known_cause_tells_that_nothing_left(on_port: OnPort, why: Exception, error: type[Exception]) -> None:
    """A transport may call any loss of its library's a connect error: only httpx's own word is taken for it."""
    trouble = httpx.ConnectTimeout("x")
    trouble.__cause__ = why

    with pytest.raises(error):
        on_port(once(), transport=Server(trouble).transport)


def test_calls_wait_for_the_quota(on_port: OnPort) -> None:
    """A call over the quota goes out later instead of being refused."""
    server = Server()
    quotas = MemoryQuotas(QuotaSettings(per_corp=(Window(2, 0.05),), margin=0.0))
    answered: list[int] = []

    on_port(
        calling(READ, times=5, quotas=quotas, hook=lambda i: answered.append(i.attempt)), transport=server.transport
    )

    assert 5 == len(server.requests)


def test_mark_tag_keeps_few_in_flight(on_port: OnPort) -> None:
    """However many callers there are, only as many mark_tag calls as the setting says run at once."""
    now = {"inside": 0, "most": 0}
    mutex = Mutex()
    quotas = MemoryQuotas(QuotaSettings(in_flight=2))

    async def scenario(port: Port) -> None:
        class Slow:
            async def send(self, request: httpx.Request) -> httpx.Response:
                with mutex:
                    now["inside"] += request.url.path == E.MARK_TAG.path
                    now["most"] = max(now["most"], now["inside"])
                await port.sleep(0.003)
                with mutex:
                    now["inside"] -= request.url.path == E.MARK_TAG.path
                text = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200}
                return httpx.Response(200, content=json.dumps(text))

        wecom = on(port, quotas=quotas)
        port.send = Slow().send  # type: ignore[method-assign]

        async def mark(_: int) -> None:
            await wecom.session.call(E.MARK_TAG, Ask(), Nothing)

        async for _ in port.map(mark, range(12), 8):
            pass

    on_port(scenario)

    assert 2 == now["most"]


def test_a_get_request_puts_its_fields_in_the_query(on_port: OnPort) -> None:
    """Texts stay texts, truth values become 0 and 1, and there is no body."""
    server = Server()

    on_port(calling(E.USER_LIST), transport=server.transport)

    request = server.requests[0]
    assert ("x", "1") == (request.url.params["word"], request.url.params["flag"])
    assert b"" == request.content


@pytest.mark.parametrize("client", [WeCom, AsyncWeCom])
def test_a_client_says_what_it_lacks(client: type[WeCom] | type[AsyncWeCom]) -> None:
    """An empty corp id or secret is refused at once, with the place to find it."""
    with pytest.raises(UsageError, match="corp_id"):
        client("", "s")
    with pytest.raises(UsageError, match="secret"):
        client("ww1", "")


@pytest.mark.parametrize("client", [WeCom, AsyncWeCom])
def test_a_client_cannot_be_pickled_and_says_what_to_do(client: type[WeCom] | type[AsyncWeCom]) -> None:
    """Connections do not travel between processes; the error names the way."""
    with pytest.raises(TypeError, match="make a client there"):
        pickle.dumps(client("ww1", "s"))


def test_a_client_is_a_context_manager() -> None:
    """Leaving the block closes the connections; the client opens again when it is used again."""
    server = Server()

    with WeCom("ww1", "SECRETSECRET", transport=server.transport, quotas=MemoryQuotas()) as wecom:
        assert wecom.token() == wecom.token()
    assert "SECRETTOKEN1" == wecom.token()
    wecom.close()

    assert "<WeCom of ww1 at qyapi.weixin.qq.com>" == repr(wecom)
    assert "ww1" == wecom.corp_id


def test_an_async_client_is_an_async_context_manager() -> None:
    """The same, awaited."""
    import anyio

    server = Server()

    async def main() -> str:
        async with AsyncWeCom("ww1", "SECRETSECRET", transport=server.transport, quotas=MemoryQuotas()) as wecom:
            token = await wecom.token()
            await wecom.aclose()
            return token

    assert "SECRETTOKEN1" == anyio.run(main)


def test_a_token_source_of_ones_own_replaces_the_secret(on_port: OnPort) -> None:
    """With a token service, no secret is needed and gettoken is not called."""
    server = Server()
    server.valid = "mine"

    class Service:
        async def token(self, refused: str | None = None) -> str:
            return "mine"

    async def scenario(port: Port) -> None:
        wecom = AsyncWeCom.on(port, "ww1", "", token_source=Service(), quotas=MemoryQuotas(), retry=QUICK)
        await wecom.session.call(READ, None, Nothing)

    on_port(scenario, transport=server.transport)

    assert 0 == server.tokens
