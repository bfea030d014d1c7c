"""
All that a sandbox is, as plain JSON and back.

Lists, texts, numbers and objects stand as they are. What JSON has no word for is
an object with one key that begins with ``$``. An attrs class is ``{"$": its name,
field: value ...}``; one that several others hold stands in full where it comes
first, numbered by ``#``, and as ``{"@": number}`` after that, so that it is one
thing again when it is read.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

import attrs

from attrs.validators import deep_iterable, instance_of

from privdom.sandbox import state as things
from privdom.sandbox.callbacks import CallbackDue, Pending, Queue
from privdom.sandbox.clock import Agenda, Job
from privdom.sandbox.door import Token
from privdom.sandbox.faults import Chance, Fault, FaultPlan
from privdom.sandbox.handlers.codes import TempChatEnd
from privdom.sandbox.handlers.groups import GroupTransferEnd
from privdom.sandbox.handlers.media import Fetching
from privdom.sandbox.handlers.moments import MomentMaking
from privdom.sandbox.handlers.transfers import TransferEnd
from privdom.sandbox.links import UsesEnd, UsesWarning
from privdom.sandbox.publishing import Publishing
from privdom.sandbox.record import Record
from privdom.sandbox.router import LateCall, Request
from privdom.sandbox.rules import Quota, Rules
from privdom.sandbox.sending import Confirmation
from privdom.sandbox.state import State


__all__ = ["FORMAT", "Snapshot", "from_json", "to_json"]

FORMAT: Final = 1
"""What this release writes and reads."""


@attrs.frozen
class Snapshot:
    """All that a sandbox is, but for who receives its callbacks, and for quotas, which count real time."""

    corp_id: str
    secret: str = attrs.field(repr=False)
    seed: int
    callback_token: str = attrs.field(repr=False)
    encoding_aes_key: str = attrs.field(repr=False)
    now: datetime = attrs.field(validator=instance_of(datetime))
    rules: Rules = attrs.field(validator=instance_of(Rules))
    state: State = attrs.field(validator=instance_of(State), repr=False)
    record: Record = attrs.field(validator=instance_of(Record), repr=False)
    names: dict[str, int] = attrs.field(repr=False)
    refusals: int
    tokens: list[Token] = attrs.field(validator=deep_iterable(instance_of(Token)), repr=False)
    agenda: Agenda = attrs.field(validator=instance_of(Agenda), repr=False)
    callbacks: Queue = attrs.field(validator=instance_of(Queue), repr=False)
    faults: FaultPlan = attrs.field(validator=instance_of(FaultPlan))


_CLASSES: Final[Mapping[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        Agenda,
        CallbackDue,
        Chance,
        Confirmation,
        Fault,
        FaultPlan,
        Fetching,
        GroupTransferEnd,
        Job,
        LateCall,
        MomentMaking,
        Pending,
        Publishing,
        Queue,
        Quota,
        Request,
        Rules,
        Snapshot,
        TempChatEnd,
        Token,
        TransferEnd,
        UsesEnd,
        UsesWarning,
        *(getattr(things, name) for name in things.__all__),
    )
}


def to_json(snapshot: Snapshot) -> dict[str, object]:
    """Return *snapshot* as plain JSON-able data that shares nothing with it."""
    return {"format": FORMAT, **_Writer().object(snapshot)}


def from_json(data: Mapping[str, object]) -> Snapshot:
    """
    Return what `to_json` described.

    Raises:
        ValueError: it is no snapshot, or one of a format that this release does not read.
    """
    if data.get("format") != FORMAT:
        msg = f"this is no snapshot of format {FORMAT}, the one that this release of privdom reads: take it anew"
        raise ValueError(msg)
    try:
        snapshot = _Reader().value({name: value for name, value in data.items() if name != "format"})
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        msg = f"this snapshot cannot be read: {e!r}"
        raise ValueError(msg) from e
    if not isinstance(snapshot, Snapshot):
        msg = "this is data of a sandbox, but no snapshot of a whole one"
        raise ValueError(msg)
    return snapshot


class _Writer:
    def __init__(self) -> None:
        self._written: dict[int, dict[str, object]] = {}
        self._shared = 0

    def value(self, value: object) -> object:
        match value:
            case None | bool() | int() | float() | str():
                return value
            case list():
                return [self.value(item) for item in cast("list[object]", value)]
            case dict():
                return self._dict(cast("dict[object, object]", value))
            case tuple():
                return {"$tuple": [self.value(item) for item in cast("tuple[object, ...]", value)]}
            case set() | frozenset():
                kind = "$set" if isinstance(value, set) else "$frozenset"
                return {kind: sorted(cast("set[str]", value))}
            case bytes():
                return {"$bytes": b64encode(value).decode()}
            case datetime():
                return {"$time": value.isoformat()}
            case timedelta():
                return {"$seconds": value.total_seconds()}
            case Record():
                return {"$record": value.as_json()}
            case _:
                return self.object(value)

    def _dict(self, value: dict[object, object]) -> dict[str, object]:
        if all(isinstance(key, str) and not key.startswith(("$", "#", "@")) for key in value):
            return {str(key): self.value(item) for key, item in value.items()}
        return {"$pairs": [[self.value(key), self.value(item)] for key, item in value.items()]}

    def object(self, value: object) -> dict[str, object]:
        before = self._written.get(id(value))
        if before is not None:
            if "#" not in before:
                self._shared += 1
                before["#"] = self._shared
            return {"@": before["#"]}
        name = type(value).__name__
        if _CLASSES.get(name) is not type(value):
            msg = f"{name} is nothing that a snapshot can hold"
            raise TypeError(msg)
        row = self._written[id(value)] = {"$": name}
        for field in attrs.fields(type(value)):  # type: ignore[arg-type] # pyright: ignore[reportArgumentType, reportUnknownVariableType]
            row[field.name] = self.value(getattr(value, field.name))
        return row


class _Reader:
    def __init__(self) -> None:
        self._shared: dict[int, object] = {}

    def value(self, value: object) -> object:
        if isinstance(value, list):
            return [self.value(item) for item in cast("list[object]", value)]
        if not isinstance(value, dict):
            return value
        row = cast("dict[str, Any]", value)
        if "$" in row:
            return self._object(row)
        if "@" in row:
            return self._shared[row["@"]]
        if len(row) == 1:
            (name, content), *_ = row.items()
            if name.startswith("$"):
                return self._special(name, content)
        return {name: self.value(item) for name, item in row.items()}

    def _special(self, name: str, content: Any) -> object:
        match name:
            case "$tuple":
                return tuple(map(self.value, content))
            case "$pairs":
                return {self.value(key): self.value(item) for key, item in content}
            case "$set":
                return set(content)
            case "$frozenset":
                return frozenset(content)
            case "$bytes":
                return b64decode(content)
            case "$time":
                return datetime.fromisoformat(content)
            case "$seconds":
                return timedelta(seconds=content)
            case "$record":
                return Record.from_json(content)
            case _:
                raise KeyError(name)

    def _object(self, row: dict[str, Any]) -> object:
        fields: dict[str, Any] = {name: self.value(item) for name, item in row.items() if name not in ("$", "#")}
        kind: Callable[..., object] = _CLASSES[row["$"]]
        made = kind(**fields)
        if "#" in row:
            self._shared[row["#"]] = made
        return made
