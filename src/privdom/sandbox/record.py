"""The sandbox's own record of what happened: the judge in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeVar, cast

import attrs


__all__ = [
    "AppMessageEntry",
    "CallEntry",
    "CallbackEntry",
    "ConclusionEntry",
    "DeliveryEntry",
    "Entry",
    "EventEntry",
    "GroupTransferEntry",
    "GroupWelcomeEntry",
    "InterceptEntry",
    "MessageEntry",
    "MomentEntry",
    "PublicationEntry",
    "Record",
    "ReminderEntry",
    "TagEntry",
    "TransferEntry",
    "WelcomeEntry",
]


@attrs.frozen
class CallEntry:
    """A call that arrived; ``accepted`` tells whether the state was changed or read, ``fault`` what was injected."""

    path: str
    at: datetime
    accepted: bool
    errcode: int
    fault: str = ""


@attrs.frozen
class MessageEntry:
    """A mass message that was created, or cancelled."""

    msgid: str
    at: datetime
    kind: Literal["created", "cancelled"]
    chat_type: str
    text: str
    senders: tuple[str, ...]
    recipients: tuple[str, ...]
    fail_list: tuple[str, ...] = ()


@attrs.frozen
class DeliveryEntry:
    """What one customer or group got from one message; 1 received, 2 no friend any more, 3 over the cap."""

    msgid: str
    text: str
    staff: str
    target: str
    status: int
    at: datetime


@attrs.frozen
class WelcomeEntry:
    """A welcome message that a customer received."""

    welcome_code: str
    staff: str
    external_userid: str
    text: str
    attachments: tuple[str, ...]
    at: datetime


@attrs.frozen
class GroupWelcomeEntry:
    """A group welcome that somebody got who joined; ``attachment`` is JSON, or empty."""

    template_id: str
    chat_id: str
    external_userid: str
    text: str
    attachment: str
    at: datetime


@attrs.frozen
class ConclusionEntry:
    """Closing words that a customer got at the end of a temporary chat; ``attachment`` is JSON, or empty."""

    staff: str
    external_userid: str
    text: str
    attachment: str
    at: datetime


@attrs.frozen
class TagEntry:
    """A change of a customer's tags, on one relation."""

    staff: str
    external_userid: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    by_api: bool
    at: datetime


@attrs.frozen
class TransferEntry:
    """
    A step of a transfer; ``errcode`` where it was turned down at once, ``resigned`` if handover had left.

    ``message`` is what the customer was told when it was done; empty is WeCom's own text.
    """

    handover: str
    takeover: str
    external_userid: str
    outcome: Literal["started", "rejected", "succeeded", "refused", "full"]
    at: datetime
    errcode: int = 0
    resigned: bool = False
    message: str = ""


@attrs.frozen
class GroupTransferEntry:
    """A group that the API gave to another owner, or would not; ``errcode`` says why not."""

    chat_id: str
    owner: str
    new_owner: str
    at: datetime
    errcode: int = 0


@attrs.frozen
class ReminderEntry:
    """Staff who were reminded of a mass message."""

    msgid: str
    staff: tuple[str, ...]
    at: datetime


@attrs.frozen
class MomentEntry:
    """A moment that was made for staff to publish."""

    jobid: str
    moment_id: str
    text: str
    senders: tuple[str, ...]
    at: datetime


@attrs.frozen
class EventEntry:
    """What happened in a client or in the console and has a callback; ``fields`` are its elements and their texts."""

    number: int
    event: str
    change_type: str
    fields: tuple[tuple[str, str], ...]
    at: datetime


@attrs.frozen
class InterceptEntry:
    """A text in which an intercept rule found something; ``blocked`` where it was not sent."""

    rule_id: str
    staff: str
    text: str
    words: tuple[str, ...]
    semantics: tuple[int, ...]
    blocked: bool
    at: datetime


@attrs.frozen
class PublicationEntry:
    """A moment that one staff published: for which customers, and which of them can see it."""

    moment_id: str
    text: str
    staff: str
    customers: tuple[str, ...]
    seen_by: tuple[str, ...]
    at: datetime


@attrs.frozen
class AppMessageEntry:
    """
    A message of the app to staff, and what became of it.

    ``content`` is the text, or the JSON of anything else, as staff saw it;
    ``staff`` are those who got it, ``dropped`` those who got too many and whom
    no answer names. One that the duplicate check stopped went to nobody.
    """

    msgid: str
    at: datetime
    kind: Literal["sent", "stopped", "recalled", "updated"]
    msgtype: str
    content: str
    staff: tuple[str, ...]
    dropped: tuple[str, ...] = ()


@attrs.frozen
class CallbackEntry:
    """The end of a callback; ``xml`` is the message before encryption."""

    number: int
    event: str
    change_type: str
    xml: str
    outcome: Literal["delivered", "duplicated", "lost"]
    attempts: int
    at: datetime


Entry = (
    CallEntry
    | MessageEntry
    | DeliveryEntry
    | WelcomeEntry
    | GroupWelcomeEntry
    | ConclusionEntry
    | TagEntry
    | TransferEntry
    | GroupTransferEntry
    | ReminderEntry
    | MomentEntry
    | EventEntry
    | InterceptEntry
    | PublicationEntry
    | AppMessageEntry
    | CallbackEntry
)
E = TypeVar("E", bound=Entry)


@attrs.define
class Record:
    """Entries by kind, each in the order they happened."""

    calls: list[CallEntry] = attrs.Factory(list[CallEntry])
    messages: list[MessageEntry] = attrs.Factory(list[MessageEntry])
    deliveries: list[DeliveryEntry] = attrs.Factory(list[DeliveryEntry])
    welcomes: list[WelcomeEntry] = attrs.Factory(list[WelcomeEntry])
    group_welcomes: list[GroupWelcomeEntry] = attrs.Factory(list[GroupWelcomeEntry])
    conclusions: list[ConclusionEntry] = attrs.Factory(list[ConclusionEntry])
    tag_changes: list[TagEntry] = attrs.Factory(list[TagEntry])
    transfers: list[TransferEntry] = attrs.Factory(list[TransferEntry])
    group_transfers: list[GroupTransferEntry] = attrs.Factory(list[GroupTransferEntry])
    reminders: list[ReminderEntry] = attrs.Factory(list[ReminderEntry])
    moments: list[MomentEntry] = attrs.Factory(list[MomentEntry])
    events: list[EventEntry] = attrs.Factory(list[EventEntry])
    interceptions: list[InterceptEntry] = attrs.Factory(list[InterceptEntry])
    publications: list[PublicationEntry] = attrs.Factory(list[PublicationEntry])
    app_messages: list[AppMessageEntry] = attrs.Factory(list[AppMessageEntry])
    callbacks: list[CallbackEntry] = attrs.Factory(list[CallbackEntry])

    @property
    def size(self) -> int:
        """How many entries there are."""
        return sum(map(len, self._parts().values()))

    def as_json(self) -> dict[str, list[dict[str, object]]]:
        """Return plain JSON-able data."""
        return {name: [_plain(entry) for entry in entries] for name, entries in self._parts().items()}

    def restore(self, other: Record) -> None:
        """Hold what *other* holds, and nothing else."""
        for field in attrs.fields(Record):
            getattr(self, field.name)[:] = getattr(other, field.name)

    def _parts(self) -> Mapping[str, Sequence[Entry]]:
        return {
            "calls": self.calls,
            "messages": self.messages,
            "deliveries": self.deliveries,
            "welcomes": self.welcomes,
            "group_welcomes": self.group_welcomes,
            "conclusions": self.conclusions,
            "tag_changes": self.tag_changes,
            "transfers": self.transfers,
            "group_transfers": self.group_transfers,
            "reminders": self.reminders,
            "moments": self.moments,
            "events": self.events,
            "interceptions": self.interceptions,
            "publications": self.publications,
            "app_messages": self.app_messages,
            "callbacks": self.callbacks,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, list[dict[str, object]]]) -> Record:
        """Return the record that `as_json` described."""

        def read(name: str, kind: type[E]) -> list[E]:
            return [_typed(row, kind) for row in data.get(name, [])]

        return cls(
            read("calls", CallEntry),
            read("messages", MessageEntry),
            read("deliveries", DeliveryEntry),
            read("welcomes", WelcomeEntry),
            read("group_welcomes", GroupWelcomeEntry),
            read("conclusions", ConclusionEntry),
            read("tag_changes", TagEntry),
            read("transfers", TransferEntry),
            read("group_transfers", GroupTransferEntry),
            read("reminders", ReminderEntry),
            read("moments", MomentEntry),
            read("events", EventEntry),
            read("interceptions", InterceptEntry),
            read("publications", PublicationEntry),
            read("app_messages", AppMessageEntry),
            read("callbacks", CallbackEntry),
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(entries):,} {name}" for name, entries in self._parts().items())
        return f"<Record {counts}>"


def _plain(entry: Entry) -> dict[str, object]:
    return {field.name: _thawed(getattr(entry, field.name)) for field in attrs.fields(type(entry))}


def _thawed(value: object) -> object:
    if isinstance(value, tuple):
        return [_thawed(item) for item in cast("tuple[object, ...]", value)]
    return value.isoformat() if isinstance(value, datetime) else value


def _typed(row: Mapping[str, object], kind: type[E]) -> E:
    values: dict[str, object] = {}
    for name, value in row.items():
        if name == "at":
            values[name] = datetime.fromisoformat(str(value))
        else:
            values[name] = _frozen(value)
    return kind(**values)  # type: ignore[arg-type]


def _frozen(value: object) -> object:
    return tuple(map(_frozen, cast("list[object]", value))) if isinstance(value, list) else value
