"""What happened, as lines to read: the record of the sandbox in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from heapq import merge
from operator import attrgetter
from typing import Any, Final

import attrs

from privdom.sandbox.record import (
    CallbackEntry,
    CallEntry,
    DeliveryEntry,
    Entry,
    EventEntry,
    GroupTransferEntry,
    InterceptEntry,
    MessageEntry,
    MomentEntry,
    PublicationEntry,
    Record,
    ReminderEntry,
    TagEntry,
    TransferEntry,
    WelcomeEntry,
)
from privdom.sandbox.state import State


__all__ = ["KINDS", "Line", "lines"]


@attrs.frozen
class Line:
    """One thing that happened; ``about`` holds the ids of those whom it concerns."""

    at: datetime
    kind: str
    what: str
    detail: str
    about: frozenset[str]
    failed: bool = False


_DELIVERED: Final = {1: "received", 2: "no friend any more", 3: "over the cap"}
_ABOUT: Final = ("UserID", "ExternalUserID", "ChatId", "Id")


def _call(entry: CallEntry, state: State) -> Line:
    del state
    said = " ".join(filter(None, [f"errcode {entry.errcode}" if entry.errcode else "ok", entry.fault]))
    return Line(entry.at, "call", entry.path.removeprefix("/cgi-bin/"), said, frozenset(), failed=not entry.accepted)


def _event(entry: EventEntry, state: State) -> Line:
    del state
    fields = dict(entry.fields)
    detail = " ".join(f"{name}={text}" for name, text in entry.fields if text)
    about = frozenset(fields[name] for name in _ABOUT if name in fields)
    return Line(entry.at, "event", entry.change_type or entry.event, detail, about)


def _callback(entry: CallbackEntry, state: State) -> Line:
    del state
    what = f"#{entry.number} {entry.change_type or entry.event}"
    detail = f"{entry.outcome} after {entry.attempts} attempts" if entry.attempts != 1 else entry.outcome
    return Line(entry.at, "callback", what, detail, frozenset(), failed=entry.outcome == "lost")


def _tags(entry: TagEntry, state: State) -> Line:
    def named(ids: Iterable[str], sign: str) -> Iterator[str]:
        return (f"{sign}{state.tags[tag].name if tag in state.tags else tag}" for tag in ids)

    detail = " ".join([*named(entry.added, "+"), *named(entry.removed, "−")])
    by = "by API" if entry.by_api else f"by {entry.staff}"
    return Line(entry.at, "tags", detail, by, frozenset({entry.staff, entry.external_userid}))


def _welcome(entry: WelcomeEntry, state: State) -> Line:
    del state
    detail = f"from {entry.staff}" + (f", with {', '.join(entry.attachments)}" if entry.attachments else "")
    return Line(entry.at, "welcome", entry.text or "(no text)", detail, frozenset({entry.staff, entry.external_userid}))


def _message(entry: MessageEntry, state: State) -> Line:
    del state
    detail = f"{entry.kind}, {entry.chat_type}, {len(entry.senders)} senders, {len(entry.recipients)} recipients"
    return Line(entry.at, "message", entry.text or "(no text)", detail, frozenset(entry.senders))


def _delivery(entry: DeliveryEntry, state: State) -> Line:
    del state
    detail = f"from {entry.staff}: {_DELIVERED.get(entry.status, entry.status)}"
    about = frozenset({entry.staff, entry.target})
    return Line(entry.at, "delivery", entry.text or "(no text)", detail, about, failed=entry.status != 1)


def _transfer(entry: TransferEntry, state: State) -> Line:
    del state
    about = frozenset({entry.handover, entry.takeover, entry.external_userid})
    said = f" errcode {entry.errcode}" if entry.errcode else ""
    failed = entry.outcome in ("rejected", "refused", "full")
    return Line(
        entry.at, "transfer", entry.outcome + said, f"{entry.handover} → {entry.takeover}", about, failed=failed
    )


def _group_transfer(entry: GroupTransferEntry, state: State) -> Line:
    del state
    said = f"errcode {entry.errcode}" if entry.errcode else "given"
    detail = f"{entry.owner} → {entry.new_owner}"
    about = frozenset({entry.chat_id, entry.owner, entry.new_owner})
    return Line(entry.at, "group transfer", said, detail, about, failed=bool(entry.errcode))


def _reminder(entry: ReminderEntry, state: State) -> Line:
    del state
    return Line(entry.at, "reminder", ", ".join(entry.staff), "", frozenset(entry.staff))


def _moment(entry: MomentEntry, state: State) -> Line:
    del state
    detail = f"for {len(entry.senders)} staff"
    return Line(entry.at, "moment", entry.text or "(no text)", detail, frozenset(entry.senders))


def _publication(entry: PublicationEntry, state: State) -> Line:
    del state
    detail = f"by {entry.staff}, seen by {len(entry.seen_by)} of {len(entry.customers)} customers"
    return Line(entry.at, "publication", entry.text or "(no text)", detail, frozenset({entry.staff, *entry.seen_by}))


def _interception(entry: InterceptEntry, state: State) -> Line:
    rule = state.intercept_rules[entry.rule_id].name
    what = f"{'blocked' if entry.blocked else 'warned'}: {entry.text}"
    return Line(
        entry.at, "interception", what, f"{entry.staff}, by rule {rule}", frozenset({entry.staff}), failed=entry.blocked
    )


# Where two things happen at one moment, what follows from the other stands above it.
_LINES: Final[dict[str, tuple[str, Callable[[Any, State], Line]]]] = {
    "reminder": ("reminders", _reminder),
    "delivery": ("deliveries", _delivery),
    "message": ("messages", _message),
    "interception": ("interceptions", _interception),
    "publication": ("publications", _publication),
    "moment": ("moments", _moment),
    "group transfer": ("group_transfers", _group_transfer),
    "transfer": ("transfers", _transfer),
    "tags": ("tag_changes", _tags),
    "welcome": ("welcomes", _welcome),
    "call": ("calls", _call),
    "callback": ("callbacks", _callback),
    "event": ("events", _event),
}
KINDS: Final = tuple(_LINES)


def lines(record: Record, state: State, *, kinds: Iterable[str] = KINDS, about: str = "") -> Iterator[Line]:
    """Yield what happened, newest first, of some kinds, and about one id."""

    def of(kind: str) -> Iterator[Line]:
        name, line = _LINES[kind]
        entries: list[Entry] = getattr(record, name)
        return (line(entry, state) for entry in reversed(entries))

    merged = merge(*map(of, kinds), key=attrgetter("at"), reverse=True)
    return (line for line in merged if not about or about in line.about)
