"""
Hands the callbacks of the inbox to their handlers: in order, at least once.

Each handler's work in the database commits together with the row that says it is
done. What it does outside may happen twice if the process dies in between.
Messages that are handled in one run share that transaction.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from logging import getLogger
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from sqlalchemy import Connection

from privdom._port import Blocking, blocking, core_of, maybe_await
from privdom.errors import UsageError
from privdom.events import inbox
from privdom.events.inbox import Pending
from privdom.store import Store
from privdom.wecom.callbacks import Event


if TYPE_CHECKING:
    from privdom.wecom.client import AsyncWeCom, WeCom


__all__ = ["AsyncDispatcher", "Dispatcher", "Handler", "RunHandler", "Write"]

Write = Callable[[Connection], None]
"""A handler's work in the database, done in the transaction that records the message as handled."""

_Outcome: TypeAlias = tuple[Pending, str]

_log = getLogger("privdom.events")
# Longer than the slowest handler of a whole run, since then somebody else may start on the message.
_LEASE = timedelta(minutes=5)
_RETRY_FIRST, _RETRY_MOST = timedelta(seconds=2), timedelta(hours=1)
_ERROR_CHARS = 500


class Handler(Protocol):
    """
    Something that acts on callbacks.

    ``name`` is stored with each message that is done; a handler under a new name
    sees only messages that come after it was added.
    """

    @property
    def name(self) -> str:
        """Its name, not longer than 128 characters."""
        ...

    def handle(self, event: Event) -> Awaitable[Write | None] | Write | None:
        """
        Act on *event*; plain or async.

        Calls to WeCom belong in here, writes to the database in the function it
        returns. It may see an event again, so it must not mind.
        """
        ...


@runtime_checkable
class RunHandler(Handler, Protocol):
    """A handler that may use for one message what it has read for another of the same run."""

    def for_run(self) -> Handler:
        """
        Return a handler of the same name for the messages of one run.

        All of them came in before this is called, so what it reads from now on is
        new enough for each of them.
        """
        ...


class _Overtaken(Exception):
    """Another worker has recorded some of these messages."""


class AsyncDispatcher:
    """
    Works the inbox of one corp.

    A handler that fails does not keep others from the message, nor the message from
    holding up others: it is tried again after a while, at most an hour, by the handlers
    that are not done with it.

    Args:
        wecom: The client whose corp it is.
        store: Where the inbox is.
        handlers: In the order in which they see each message. The first sees every message of a run before the second
            sees any: put the one that sends welcome messages there, which has 20 seconds.
        first_in_flight: How many messages the first handler has in hand at a time; with more than one it sees them in no
            certain order. A burst of customers is greeted in time only if their welcome messages do not queue.
        lease: How long a message taken by a process that died stays taken.

    Raises:
        UsageError: There are no handlers, or two of one name, or ``first_in_flight`` is less than 1.
    """

    def __init__(
        self,
        wecom: AsyncWeCom,
        store: Store,
        handlers: Sequence[Handler],
        *,
        first_in_flight: int = 1,
        lease: timedelta = _LEASE,
    ) -> None:
        names = [handler.name for handler in handlers]
        if not names or len(set(names)) < len(names):
            msg = f"a dispatcher needs handlers, each with a name of its own, not {names}"
            raise UsageError(msg)
        _check_positive("first_in_flight", first_in_flight)
        self._port = wecom.port
        self._corp_id = wecom.corp_id
        self._store = store
        self._handlers = tuple(handlers)
        self._in_flight = first_in_flight
        self._lease = lease

    async def run(self, limit: int = 100) -> int:
        """Handle at most *limit* messages that are due; return how many are done with now."""
        _check_positive("limit", limit)
        now = self._port.now()

        def claim() -> tuple[Pending, ...]:
            with self._store.begin() as conn:
                return inbox.claim(conn, self._corp_id, now, now + self._lease, limit)

        messages = await self._store.offload(self._port, claim)
        failures: dict[int, list[str]] = {message.id: [] for message in messages}
        for i, one in enumerate(self._handlers):
            handler = one.for_run() if isinstance(one, RunHandler) else one
            todo = [message for message in messages if handler.name not in message.handled_by]
            outcomes = self._at_once(handler, todo) if i == 0 and self._in_flight > 1 else self._in_turn(handler, todo)
            async for message, failure in outcomes:
                if failure:
                    failures[message.id].append(failure)

        def settle() -> None:
            with self._store.begin() as conn:
                inbox.mark_done(conn, [message for message in messages if not failures[message.id]])
                for message in messages:
                    if failed := failures[message.id]:
                        inbox.mark_failed(conn, message, failed, _retry_at(self._port.now(), message.attempts))

        if messages:
            await self._store.offload(self._port, settle)
        return sum(not failed for failed in failures.values())

    async def next_at(self) -> datetime | None:
        """Return when `run` next has something to do, None if nothing waits; new callbacks aside."""

        def look() -> datetime | None:
            with self._store.read() as conn:
                return inbox.next_due(conn, self._corp_id)

        return await self._store.offload(self._port, look)

    async def _in_turn(self, handler: Handler, messages: Sequence[Pending]) -> AsyncGenerator[_Outcome, None]:
        ready: list[tuple[Pending, Write | None]] = []
        for message in messages:
            try:
                ready.append((message, await self._ask(handler, message)))
            except Exception as e:  # noqa: BLE001 - whatever it is, it is kept, and others go on
                yield _failed(handler, message, e)
        try:
            # A commit costs more than most writes, so all of them share one ...
            await self._record(handler, ready)
        except Exception:  # noqa: BLE001 - told again below, by the one that raises it
            # ... unless one fails or was recorded by another worker, and must not take the others along.
            for message, write in ready:
                try:
                    await self._record(handler, [(message, write)])
                except Exception as e:  # noqa: BLE001 - whatever it is, it is kept, and others go on
                    yield _failed(handler, message, e)

    def _at_once(self, handler: Handler, messages: Sequence[Pending]) -> AsyncGenerator[_Outcome, None]:
        async def one(message: Pending) -> _Outcome:
            try:
                await self._record(handler, [(message, await self._ask(handler, message))])
            except Exception as e:  # noqa: BLE001 - whatever it is, it is kept, and others go on
                return _failed(handler, message, e)
            return message, ""

        return self._port.map(one, messages, self._in_flight)

    async def _ask(self, handler: Handler, message: Pending) -> Write | None:
        return await maybe_await(handler.handle(message.event))

    async def _record(self, handler: Handler, done: Sequence[tuple[Pending, Write | None]]) -> None:
        def record() -> None:
            with self._store.begin() as conn:
                messages = [message for message, _ in done]
                mine = inbox.mark_handled(conn, messages, handler.name, self._port.now())
                if mine < len(done):
                    if len(done) > 1:
                        raise _Overtaken
                    return
                for _, write in done:
                    if write is not None:
                        write(conn)

        if done:
            await self._store.offload(self._port, record)

    def __repr__(self) -> str:
        return f"<AsyncDispatcher for {self._corp_id}: {', '.join(handler.name for handler in self._handlers)}>"


class Dispatcher(Blocking[AsyncDispatcher]):
    """Works the inbox of one corp, blocking; see `AsyncDispatcher`."""

    def __init__(
        self,
        wecom: WeCom,
        store: Store,
        handlers: Sequence[Handler],
        *,
        first_in_flight: int = 1,
        lease: timedelta = _LEASE,
    ) -> None:
        core = AsyncDispatcher(core_of(wecom), store, handlers, first_in_flight=first_in_flight, lease=lease)
        super().__init__(core)

    run = blocking(AsyncDispatcher.run)
    next_at = blocking(AsyncDispatcher.next_at)


def _failed(handler: Handler, message: Pending, error: Exception) -> _Outcome:
    _log.warning("%s failed on message %d: %s", handler.name, message.id, type(error).__name__)
    return message, f"{handler.name}: {type(error).__name__}: {error}"[:_ERROR_CHARS]


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        msg = f"{name} must be at least 1, not {value}"
        raise UsageError(msg)


def _retry_at(now: datetime, attempts: int) -> datetime:
    # Doubling: a passing fault costs seconds, a lasting one is tried once an hour.
    return now + min(_RETRY_FIRST * (1 << min(attempts, 16)), _RETRY_MOST)
