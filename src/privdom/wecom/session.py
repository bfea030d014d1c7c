"""Carry one call to WeCom and its answer back: token, quota, one HTTP exchange, and repeats where they do no harm."""

from __future__ import annotations

import logging
import re

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

import attrs
import httpx
import tenacity

from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._facts.endpoints import Endpoint
from privdom._port import Incoming, Outgoing, Port, maybe_await
from privdom.errors import ApiError, MayHaveArrived, NotSent, NotUnderstood, PrivdomError, StoreError, TokenRejected
from privdom.wecom._values import Done
from privdom.wecom.answer import is_file, read_answer
from privdom.wecom.quota import QuotaStore, SharedQuotaStore
from privdom.wecom.retry import Retry, wait_before_repeat
from privdom.wecom.token import MemoryTokens, Token, TokenSource, TokenStore
from privdom.wecom.wire import NO_EXTRA, Extra, dumps, unstructure


__all__ = ["CallInfo", "Download", "Hook", "Parcel", "Session"]

T = TypeVar("T")

_log = logging.getLogger("privdom.wecom")
# Nothing of these has reached WeCom: the connection was never there, or the
# proxy refused to open it.
_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
# JSON with an errcode, or the page of a proxy, has less.
_LONGEST_REFUSAL = 65_536
# A query of ours: there is none without a token, but for the one with the secret.
_OUR_QUERY = re.compile(r"\?[^\s\"']*(?:access_token|corpsecret)=[^\s\"']*")


class _MaskQueries(logging.Filter):
    """httpx logs whole URLs, in which WeCom's tokens, secrets, and the ids of customers stand."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        masked = _OUR_QUERY.sub("?***", text)
        if masked != text:
            record.msg, record.args = masked, ()
        return True


_MASK = _MaskQueries()


def _never_left(error: httpx.HTTPError) -> bool:
    """Return whether nothing of a request has reached WeCom."""
    why = error.__cause__ or error.__context__
    # Other transports translate the errors of their own libraries, some of which say so too when the answer breaks off.
    return isinstance(error, _NEVER_LEFT) and (why is None or type(why).__module__.startswith("httpcore"))


@attrs.frozen
class CallInfo:
    """What the request hook is told about each HTTP exchange."""

    path: str
    attempt: int
    seconds: float
    errcode: int | None
    """WeCom's errcode; None where no answer could be read."""
    error: str | None
    """Name of the error's class, None on success."""


Hook = Callable[[CallInfo], Awaitable[object] | object]


class Parcel(Protocol):
    """A file on its way to WeCom: its headers, and its body, made anew for each attempt."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What stands at the head of the request, the length of the body included."""
        ...

    def pieces(self) -> Generator[bytes, None, None]:
        """Yield the body from its beginning; none of the pieces is empty."""
        ...


class Download:
    """A file on its way from WeCom."""

    def __init__(self, path: str, host: str, incoming: Incoming) -> None:
        self.status = incoming.status
        self.headers: Mapping[str, str] = incoming.headers
        self._path, self._host, self._incoming = path, host, incoming

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """
        Yield the bytes of the file, as they come.

        Raises:
            MayHaveArrived: The connection broke, or fewer bytes came than were promised.
        """
        came = 0
        try:
            async for chunk in self._incoming.chunks:
                came += len(chunk)
                yield chunk
        except httpx.HTTPError as e:
            why = type(e).__name__
        else:
            promised = self.headers.get("Content-Length", "")
            if "Content-Encoding" in self.headers or not promised.isdecimal() or int(promised) == came:
                return
            why = f"{promised} were promised"
        msg = f"{self._path}: the file from {self._host} broke off after {came} bytes ({why}): ask for it again"
        raise MayHaveArrived(msg)

    def __repr__(self) -> str:
        return f"<Download {self._path}>"


Make = Callable[[str], httpx.Request]
"""Makes the request for a URL; called anew for each attempt."""
Read = Callable[[httpx.Request], Coroutine[Any, Any, T]]
"""Sends a request and reads what comes back."""


def _request(endpoint: Endpoint, body: bytes, url: str) -> httpx.Request:
    if endpoint.method == "GET":
        return httpx.Request("GET", url)
    return httpx.Request(endpoint.method, url, content=body, headers={"Content-Type": "application/json"})


@attrs.frozen
class _TokenRequest:
    corpid: str
    corpsecret: str = attrs.field(repr=False)


@attrs.frozen
class AccessToken:
    """Answer of gettoken (WeCom documentation 91039): a token and how many seconds it lives."""

    access_token: str = attrs.field(repr=False)
    expires_in: int = 7_200
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False, repr=False)


class Session:
    """The way to WeCom for one corp and one app."""

    def __init__(
        self,
        port: Port,
        corp_id: str,
        secret: str,
        *,
        base_url: str,
        quotas: QuotaStore | SharedQuotaStore,
        retry: Retry,
        token_source: TokenSource | TokenStore | None = None,
        hook: Hook | None = None,
    ) -> None:
        logging.getLogger("httpx").addFilter(_MASK)
        self.port = port
        self.corp_id = corp_id
        self.retry = retry
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).netloc
        self._quotas = quotas.on(port) if isinstance(quotas, SharedQuotaStore) else quotas
        self._hook = hook
        self._tokens: TokenSource
        if isinstance(token_source, TokenStore):
            self._tokens = token_source.source(port, corp_id, secret, self._fetch_token)
        else:
            self._tokens = token_source or MemoryTokens(port, self._fetch_token)
        self._queue = port.lock()
        self._mark_tag_slots = port.slots(quotas.settings.in_flight)

    async def token(self) -> str:
        """Return the access token in use (WeCom documentation 91039), fetching one if need be."""
        return await self._tokens.token()

    async def call(self, endpoint: Endpoint, request: object, answer: type[T]) -> T:
        """
        Call *endpoint* and return its typed answer, repeating where the effect class allows it.

        Raises:
            NotSent: Nothing reached WeCom, in any attempt.
            MayHaveArrived: No answer, and repeating could do harm or did not help.
            ApiError: WeCom answered with an errcode.
        """
        fields = unstructure(request) if request is not None else {}
        params, body = (fields, b"") if endpoint.method == "GET" else ({}, dumps(fields))
        return await self._repeating(endpoint, params, partial(_request, endpoint, body), self._whole(endpoint, answer))

    async def upload(self, endpoint: Endpoint, request: object, file: Parcel, answer: type[T]) -> T:
        """
        Send *file* to *endpoint*, with *request* in the query, and return the typed answer, repeating as `call` does.

        Raises:
            NotSent: Nothing reached WeCom, in any attempt.
            MayHaveArrived: No answer, and repeating could do harm or did not help.
            ApiError: WeCom answered with an errcode.
        """
        params = unstructure(request) if request is not None else {}

        def make(url: str) -> httpx.Request:
            # A stream brings no headers of its own.
            headers = {"Host": httpx.URL(url).netloc.decode(), **file.headers}
            return httpx.Request(endpoint.method, url, headers=headers, stream=Outgoing(self.port, file.pieces))

        return await self._repeating(endpoint, params, make, self._whole(endpoint, answer))

    @asynccontextmanager
    async def download(
        self, endpoint: Endpoint, request: object, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Download, None]:
        """
        Call *endpoint*, which answers with a file, and give its head; the bytes are read within the block.

        What fails before the first byte is repeated. What breaks off later is not.

        Raises:
            NotSent: Nothing reached WeCom, in any attempt.
            MayHaveArrived: No answer, or another than a file or JSON.
            ApiError: WeCom answered with an errcode.
        """

        def make(url: str) -> httpx.Request:
            return httpx.Request(endpoint.method, url, headers=headers)

        async with AsyncExitStack() as kept_open:

            async def read(request: httpx.Request) -> Download:
                async with AsyncExitStack() as open_answer:
                    incoming = await open_answer.enter_async_context(self.port.stream(request))
                    if is_file(incoming.status, incoming.headers):
                        kept_open.push_async_exit(open_answer.pop_all())
                        return Download(endpoint.path, self._host, incoming)
                    body = b""
                    async for chunk in incoming.chunks:
                        body += chunk
                        if len(body) > _LONGEST_REFUSAL:
                            break
                read_answer(endpoint, body, Done, status=incoming.status)
                msg = f"{endpoint.path} answered HTTP {incoming.status} with JSON where a file was due"
                raise NotUnderstood(msg)

            yield await self._repeating(endpoint, unstructure(request), make, read)

    def _whole(self, endpoint: Endpoint, answer: type[T]) -> Read[T]:
        async def read(request: httpx.Request) -> T:
            response = await self.port.send(request)
            return read_answer(endpoint, response.content, answer, status=response.status_code)

        return read

    async def _repeating(self, endpoint: Endpoint, params: dict[str, Any], make: Make, read: Read[T]) -> T:
        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            again = failure and wait_before_repeat(failure, endpoint.effect, state.attempt_number, self.retry)
            return again or 0.0

        def may_repeat(state: tenacity.RetryCallState) -> bool:
            failure = state.outcome.exception() if state.outcome else None
            return (
                failure is not None
                and wait_before_repeat(failure, endpoint.effect, state.attempt_number, self.retry) is not None
            )

        async for attempt in tenacity.AsyncRetrying(
            sleep=self.port.sleep, retry=may_repeat, wait=wait, stop=tenacity.stop_never, reraise=True
        ):
            with attempt:
                number = attempt.retry_state.attempt_number
                return await self._with_token(endpoint, params, make, read, number)
        raise AssertionError  # tenacity returns or raises

    async def once(self, endpoint: Endpoint, body: bytes, answer: type[T], *, until: float | None = None) -> T:
        """
        Write exactly these bytes exactly once, whatever happens.

        For calls that a ledger keeps track of: nothing is repeated at any
        layer, not even after a refused token.

        Args:
            until: a moment of ``port.monotonic()`` after which nothing is
                written any more, checked right before the socket.

        Raises:
            NotSent: Too late, or no connection: WeCom never saw it.
            MayHaveArrived: It was written and its fate is unknown.
            Refused: WeCom did not carry it out.
        """
        try:
            token = await self._tokens.token()
        except (MayHaveArrived, StoreError) as e:
            # It is the question for a token whose fate is unknown, not the call.
            msg = f"{endpoint.path} was not written: no token was to be had ({type(e).__name__})"
            failure = NotSent(msg)
        else:
            try:
                params = {"access_token": token}
                read = self._whole(endpoint, answer)
                return await self._exchange(endpoint, params, partial(_request, endpoint, body), read, 1, until)
            except TokenRejected:
                # For the next call. If that fails, it will be told then: what matters here is the refusal.
                with suppress(PrivdomError):
                    await self._tokens.token(refused=token)
                raise
            except StoreError as e:
                # Where calls are counted, before one is written.
                msg = f"{endpoint.path} was not written: it could not be counted ({type(e).__name__})"
                failure = NotSent(msg)
        raise failure

    async def _with_token(
        self, endpoint: Endpoint, params: dict[str, Any], make: Make, read: Read[T], attempt: int
    ) -> T:
        token = await self._tokens.token()
        try:
            return await self._exchange(endpoint, {**params, "access_token": token}, make, read, attempt)
        except TokenRejected:
            token = await self._tokens.token(refused=token)
        return await self._exchange(endpoint, {**params, "access_token": token}, make, read, attempt)

    async def _fetch_token(self) -> Token:
        request = _TokenRequest(self.corp_id, self._secret)
        asked_at = self.port.now()
        make, read = partial(_request, E.GETTOKEN, b""), self._whole(E.GETTOKEN, AccessToken)
        answer = await self._exchange(E.GETTOKEN, unstructure(request), make, read, 1)
        return Token(answer.access_token, asked_at + timedelta(seconds=answer.expires_in))

    async def _exchange(
        self,
        endpoint: Endpoint,
        params: dict[str, Any],
        make: Make,
        read: Read[T],
        attempt: int,
        until: float | None = None,
    ) -> T:
        await self._wait_for_quota(endpoint, until)
        if endpoint is E.MARK_TAG:
            async with self._mark_tag_slots:
                return await self._told(endpoint, params, make, read, attempt, until)
        return await self._told(endpoint, params, make, read, attempt, until)

    async def _wait_for_quota(self, endpoint: Endpoint, until: float | None) -> None:
        if await self._quotas.take(self.corp_id, self._host, endpoint.path) == 0.0:
            return
        # One of many sleeps and asks again, instead of all of them.
        async with self._queue:
            while wait := await self._quotas.take(self.corp_id, self._host, endpoint.path):
                if until is not None and self.port.monotonic() + wait > until:
                    msg = (
                        f"{endpoint.path} was not written: the quota has room again in {wait:.1f} s, which is too late"
                    )
                    raise NotSent(msg)
                await self.port.sleep(wait)

    async def _told(
        self,
        endpoint: Endpoint,
        params: dict[str, Any],
        make: Make,
        read: Read[T],
        attempt: int,
        until: float | None,
    ) -> T:
        began = self.port.monotonic()
        errcode: int | None = 0
        error: str | None = None
        try:
            return await self._send(endpoint, params, make, read, until)
        except PrivdomError as e:
            errcode, error = (e.errcode if isinstance(e, ApiError) else None), type(e).__name__
            raise
        finally:
            seconds = self.port.monotonic() - began
            _log.debug("%s attempt %d: %s after %.3f s", endpoint.path, attempt, error or "ok", seconds)
            await self._tell(CallInfo(endpoint.path, attempt, seconds, errcode, error))

    async def _tell(self, info: CallInfo) -> None:
        if self._hook is None:
            return
        try:
            await maybe_await(self._hook(info))
        except Exception as e:  # noqa: BLE001 - what came of the call counts, not what came of telling
            _log.error("the hook failed after %s: %s", info.path, type(e).__name__)

    async def _send(
        self, endpoint: Endpoint, params: dict[str, Any], make: Make, read: Read[T], until: float | None
    ) -> T:
        query = {k: int(v) if isinstance(v, bool) else v for k, v in params.items()}
        request = make(f"{self._base_url}{endpoint.path}?{urlencode(query)}")
        if until is not None and self.port.monotonic() > until:
            msg = f"{endpoint.path} was not written: too much time had passed since the intent was stored"
            raise NotSent(msg)
        # Raised below, outside of the except blocks: httpx's errors hold the
        # URL, and with it the token, and must not hang on ours as context.
        failure: PrivdomError
        try:
            return await read(request)
        except httpx.HTTPError as e:
            if _never_left(e):
                failure = NotSent(f"{endpoint.path}: no connection to {self._host} ({type(e).__name__})")
            else:
                failure = MayHaveArrived(f"{endpoint.path}: no answer from {self._host} ({type(e).__name__})")
        raise failure

    def __repr__(self) -> str:
        return f"<Session of {self.corp_id} at {self._host}>"
