"""What happened, newest first: the record of the sandbox, and what people wrote to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import Any, Final

import attrs

from privdom.sandbox.clock import CHINA
from privdom.sandbox.console import words
from privdom.sandbox.console.words import Said, Sending
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
    """Where entries of a kind stand, perhaps only those about one id, how one is told, and whether it concerns an id."""

    entries: Callable[[Record, State, str], Iterable[Any]]
    tell: Callable[[Any, State, Record], Said]
    concerns: Callable[[Any, Record, str], bool] | None = None


_WHO: Final = ("UserID", "ExternalUserID", "ChatId", "LinkId", "Id")
_CHAT: Final = ("customer wrote", "staff wrote", "wrote in group")


def _in_event(entry: EventEntry, record: Record, about: str) -> bool:
    del record
    return any(text == about and name in _WHO for name, text in entry.fields)


def _in_callback(entry: CallbackEntry, record: Record, about: str) -> bool:
    event = words.event_of(entry, record)
    return event is not None and _in_event(event, record, about)


def _in(*names: str, many: tuple[str, ...] = ()) -> Callable[[Any, Record, str], bool]:
    """Return whether an id stands in one of these fields of an entry, or among those that one of *many* holds."""
    # Named twice, for an attrgetter of one name gives no tuple; it is the fastest way through a long record.
    ids = attrgetter(*names, *names)
    if not many:
        return lambda entry, _, about: about in ids(entry)
    return lambda entry, _, about: about in ids(entry) or any(about in getattr(entry, name) for name in many)


def _recorded(name: str) -> Callable[[Record, State, str], Iterable[Any]]:
    return lambda record, _, __: reversed(getattr(record, name))


def _sendings(record: Record, state: State, about: str) -> Iterator[Sending]:
    """Yield the deliveries that one staff made at once, together."""
    del state
    found = (e for e in reversed(record.deliveries) if not about or about in (e.staff, e.target, e.msgid))
    for _, entries in groupby(found, attrgetter("at", "msgid", "staff")):
        yield Sending(tuple(entries)[::-1])


def _chats(record: Record, state: State, about: str) -> Iterable[Happening]:
    del record, about
    return (happening for happening in reversed(state.happened) if happening.kind in _CHAT)


_PAIR: Final = ("staff", "external_userid")
# Where two things happen at one moment, what follows from the other stands above it.
_KINDS: Final[dict[str, _Kind]] = {
    "reminder": _Kind(_recorded("reminders"), words.reminder, _in("msgid", many=("staff",))),
    "delivery": _Kind(_sendings, words.delivery, _in("staff", "msgid", many=("targets",))),
    "message": _Kind(_recorded("messages"), words.message, _in("msgid", many=("senders",))),
    "app message": _Kind(_recorded("app_messages"), words.app_message, _in("msgid", many=("staff", "dropped"))),
    "publication": _Kind(_recorded("publications"), words.publication, _in("staff", "moment_id", many=("seen_by",))),
    "moment": _Kind(_recorded("moments"), words.moment, _in("moment_id", many=("senders",))),
    "intercept": _Kind(_recorded("interceptions"), words.intercept, _in("staff")),
    "group transfer": _Kind(_recorded("group_transfers"), words.group_transfer, _in("chat_id", "owner", "new_owner")),
    "transfer": _Kind(_recorded("transfers"), words.transfer, _in("handover", "takeover", "external_userid")),
    "conclusion": _Kind(_recorded("conclusions"), words.conclusion, _in(*_PAIR)),
    "tags": _Kind(_recorded("tag_changes"), words.tags, _in(*_PAIR)),
    "welcome": _Kind(_recorded("welcomes"), words.welcome, _in(*_PAIR)),
    "group welcome": _Kind(_recorded("group_welcomes"), words.group_welcome, _in("chat_id", "external_userid")),
    "call": _Kind(_recorded("calls"), words.call),
    "callback": _Kind(_recorded("callbacks"), words.callback, _in_callback),
    "chat": _Kind(_chats, words.chat, _in("who", "whom")),
    "event": _Kind(_recorded("events"), words.event, _in_event),
}
KINDS: Final = tuple(_KINDS)


def _at(entry: Any) -> datetime:
    at: datetime | int = entry.at
    return datetime.fromtimestamp(at, CHINA) if isinstance(at, int) else at


def lines(
    record: Record, state: State, *, kinds: Iterable[str] = KINDS, about: str = "", skip: int = 0
) -> Iterator[Line]:
    """Yield what happened, newest first, of some kinds, and about one id; *skip* leaves out so many of the newest."""

    def of(name: str) -> Iterator[tuple[datetime, str, Any]]:
        kind = _KINDS[name]
        concerns = kind.concerns
        if about and concerns is None:
            return
        for entry in kind.entries(record, state, about):
            if not about or concerns is None or concerns(entry, record, about):
                yield _at(entry), name, entry

    for at, name, entry in islice(merge(*map(of, kinds), key=itemgetter(0), reverse=True), skip, None):
        said = _KINDS[name].tell(entry, state, record)
        yield Line(said.what, said.fine, said.failed, kind=name, at=at)
