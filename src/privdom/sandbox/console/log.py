"""What happened, newest first: the record of the sandbox, and what people wrote to each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from heapq import merge
from operator import attrgetter
from typing import Any, Final

import attrs

from privdom.sandbox.clock import CHINA
from privdom.sandbox.console import words
from privdom.sandbox.console.words import Said
from privdom.sandbox.record import CallbackEntry, EventEntry, Record
from privdom.sandbox.state import Happening, State


__all__ = ["KINDS", "Line", "lines"]


@attrs.frozen(kw_only=True)
class Line(Said):
    """One thing that happened, when, and of which kind."""

    kind: str
    at: datetime


@attrs.frozen
class _Kind:
    """Where entries of a kind stand, whom one of them concerns, and how it is told."""

    entries: Callable[[Record, State], Iterable[Any]]
    tell: Callable[[Any, State, Record], Said]
    about: Callable[[Any, Record], Collection[str]] | None = None


_WHO: Final = ("UserID", "ExternalUserID", "ChatId", "LinkId", "Id")
_CHAT: Final = ("customer wrote", "staff wrote", "wrote in group")


def _of_event(entry: EventEntry, record: Record) -> Collection[str]:
    del record
    return [text for name, text in entry.fields if name in _WHO]


def _of_callback(entry: CallbackEntry, record: Record) -> Collection[str]:
    event = words.event_of(entry, record)
    return _of_event(event, record) if event else ()


def _of(*names: str) -> Callable[[Any, Record], Collection[str]]:
    """Return a function that gives the ids which stand in fields of an entry, one or more in each."""

    def ids(entry: Any, record: Record) -> Iterator[str]:
        del record
        for name in names:
            value: str | tuple[str, ...] = getattr(entry, name)
            yield from (value,) if isinstance(value, str) else value

    return lambda entry, record: tuple(ids(entry, record))


def _recorded(name: str) -> Callable[[Record, State], Iterable[Any]]:
    return lambda record, _: reversed(getattr(record, name))


def _chats(record: Record, state: State) -> Iterable[Happening]:
    del record
    return (happening for happening in reversed(state.happened) if happening.kind in _CHAT)


_PAIR: Final = ("staff", "external_userid")
# Where two things happen at one moment, what follows from the other stands above it.
_KINDS: Final[dict[str, _Kind]] = {
    "reminder": _Kind(_recorded("reminders"), words.reminder, _of("staff", "msgid")),
    "delivery": _Kind(_recorded("deliveries"), words.delivery, _of("staff", "target", "msgid")),
    "message": _Kind(_recorded("messages"), words.message, _of("senders", "msgid")),
    "app message": _Kind(_recorded("app_messages"), words.app_message, _of("staff", "dropped", "msgid")),
    "publication": _Kind(_recorded("publications"), words.publication, _of("staff", "seen_by", "moment_id")),
    "moment": _Kind(_recorded("moments"), words.moment, _of("senders", "moment_id")),
    "intercept": _Kind(_recorded("interceptions"), words.intercept, _of("staff")),
    "group transfer": _Kind(_recorded("group_transfers"), words.group_transfer, _of("chat_id", "owner", "new_owner")),
    "transfer": _Kind(_recorded("transfers"), words.transfer, _of("handover", "takeover", "external_userid")),
    "conclusion": _Kind(_recorded("conclusions"), words.conclusion, _of(*_PAIR)),
    "tags": _Kind(_recorded("tag_changes"), words.tags, _of(*_PAIR)),
    "welcome": _Kind(_recorded("welcomes"), words.welcome, _of(*_PAIR)),
    "call": _Kind(_recorded("calls"), words.call),
    "callback": _Kind(_recorded("callbacks"), words.callback, _of_callback),
    "event": _Kind(_recorded("events"), words.event, _of_event),
    "chat": _Kind(_chats, words.chat, _of("who", "whom")),
}
KINDS: Final = tuple(_KINDS)


def _at(entry: Any) -> datetime:
    at: datetime | int = entry.at
    return datetime.fromtimestamp(at, CHINA) if isinstance(at, int) else at


def lines(record: Record, state: State, *, kinds: Iterable[str] = KINDS, about: str = "") -> Iterator[Line]:
    """Yield what happened, newest first, of some kinds, and about one id."""

    def of(name: str) -> Iterator[Line]:
        kind = _KINDS[name]
        whom = kind.about
        if about and whom is None:
            return
        for entry in kind.entries(record, state):
            if about and whom is not None and about not in whom(entry, record):
                continue
            said = kind.tell(entry, state, record)
            yield Line(said.what, said.fine, said.failed, kind=name, at=_at(entry))

    return merge(*map(of, kinds), key=attrgetter("at"), reverse=True)
