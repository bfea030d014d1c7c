"""What all events are, and how their elements are read: into declared attributes, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import attrs

from privdom.wecom.callbacks.xml import Node, Tree


__all__ = [
    "Event",
    "KnownEvent",
    "Part",
    "UnknownEvent",
    "decimal",
    "field",
    "flags",
    "hidden",
    "ids",
    "items",
    "masked",
    "moment",
    "number",
    "numbers",
    "part",
    "reader_of",
    "secret",
    "take",
    "text",
]

C = TypeVar("C")

Read: TypeAlias = Callable[[Node], Any]
Reader: TypeAlias = tuple[tuple[str, str, str, Read, bool], ...]
"""For each attribute: its name, its element, another spelling of that, how it is read, whether it must be there."""


@attrs.frozen(kw_only=True)
class Part:
    """What an element with children becomes; ``extra`` holds those that its class does not declare."""

    extra: Mapping[str, Node] = attrs.field(factory=dict[str, Node], repr=False, eq=False)


P = TypeVar("P", bound=Part)


# --- How the text of an element is read; ValueError where it is not of that kind


def text(node: Node) -> str:
    """Read a text as it is."""
    if isinstance(node, str):
        return node
    raise ValueError


def number(node: Node) -> int | None:
    """Read a whole number, which may be empty."""
    digits = text(node).strip()
    return int(digits) if digits else None


def decimal(node: Node) -> float:
    """Read a number with a fraction."""
    return float(text(node))


def moment(node: Node) -> datetime:
    """Read unix seconds."""
    try:
        return datetime.fromtimestamp(int(text(node)), UTC)
    except (OverflowError, OSError):
        raise ValueError from None


def ids(node: Node) -> tuple[str, ...]:
    """Read ids joined by commas, or MemChangeList in its other shapes: Items, or the element repeated."""
    if isinstance(node, str):
        return tuple(part for part in (part.strip() for part in node.split(",")) if part)
    if isinstance(node, list):
        return tuple(one for part in node for one in ids(part))
    if set(node) != {"Item"}:
        raise ValueError
    return ids(node["Item"])


def numbers(node: Node) -> tuple[int, ...]:
    """Read numbers joined by commas."""
    return tuple(int(one) for one in ids(text(node)))


def flags(node: Node) -> tuple[bool, ...]:
    """Read 0 and 1 joined by commas."""
    return tuple(one != 0 for one in numbers(node))


def part(cls: type[P]) -> Callable[[Node], P]:
    """Return what reads an element's children as an object of *cls*."""
    reader = reader_of(cls)

    def read(node: Node) -> P:
        rest = dict(node) if isinstance(node, dict) else {}
        values = take(reader, rest)
        if values is None or not isinstance(node, dict):
            raise ValueError
        return cls(**values, extra=rest)

    return read


def items(element: str, read: Callable[[Node], C]) -> Callable[[Node], tuple[C, ...]]:
    """Return what reads children that are all called *element*."""

    def read_all(node: Node) -> tuple[C, ...]:
        if not node:
            return ()
        if not isinstance(node, dict) or set(node) != {element}:
            raise ValueError
        inner = node[element]
        return tuple(read(one) for one in (inner if isinstance(inner, list) else [inner]))

    return read_all


# --- How attributes are declared


def masked(code: str) -> str:
    """Show the beginning of a ticket: whoever has it whole can act in the staff's name."""
    return repr(code[:4] + "***" if code else "")


def hidden(value: object) -> str:
    """Show that there is something, and not what."""
    return "<hidden>" if value else repr(value)


def field(element: str, read_as: Read = text, *, also: str = "", default: Any = attrs.NOTHING, **options: Any) -> Any:
    """Declare the attribute that holds *element*, which WeCom spells *also* at times."""
    return attrs.field(default=default, metadata={"element": element, "also": also, "read": read_as}, **options)


def secret(element: str, *, default: Any = attrs.NOTHING) -> Any:
    """Declare a ticket, of which no repr shows more than the beginning."""
    return field(element, default=default, repr=masked)


def reader_of(cls: type[Any]) -> Reader:
    """Return how the attributes of *cls* are read."""
    return tuple(
        (a.name, a.metadata["element"], a.metadata["also"], a.metadata["read"], a.default is attrs.NOTHING)
        for a in attrs.fields(cls)
        if "element" in a.metadata
    )


def take(reader: Reader, rest: Tree) -> dict[str, Any] | None:
    """Take the declared elements out of *rest*; None when one is missing that must be there."""
    values: dict[str, Any] = {}
    for name, first, also, read_as, required in reader:
        element = also if also in rest and first not in rest else first
        if element in rest:
            try:
                values[name] = read_as(rest[element])
            except ValueError:
                pass  # stays in rest, and so comes out in `extra`
            else:
                del rest[element]
        if required and values.get(name) in ("", None):
            return None
    return values


# --- The events that all others are kinds of


@attrs.frozen(kw_only=True)
class Event:
    """
    What all events have.

    Attributes:
        corp_id: ToUserName, or AuthCorpId in a suite's envelope.
        create_time: CreateTime or TimeStamp, aware; WeCom gives whole seconds.
        event: Event or InfoType, such as ``change_external_contact``.
        change_type: ChangeType, such as ``add_external_contact``; empty for events of an app.
        from_user_name: FromUserName: ``sys`` for all changes; empty in a suite's envelope.
        msg_type: MsgType: ``event``; empty in a suite's envelope.
        suite_id: SuiteId; empty for a corp's own apps.
        extra: elements that this class does not declare, or whose text it could not read, as they came.
    """

    corp_id: str
    create_time: datetime | None
    event: str = ""
    change_type: str = ""
    from_user_name: str = attrs.field(default="", repr=False)
    msg_type: str = attrs.field(default="", repr=False)
    suite_id: str = ""
    extra: Mapping[str, Node] = attrs.field(factory=dict[str, Node], repr=False, eq=False)


@attrs.frozen(kw_only=True)
class KnownEvent(Event):
    """Any event that there is a class for."""

    create_time: datetime


@attrs.frozen(kw_only=True)
class UnknownEvent(Event):
    """
    Any other callback, or one that lacks what its kind must have: kept whole.

    Attributes:
        raw: the decrypted XML as it came.
        fields: its elements, each text, children, or a list where it stands more than once.
    """

    raw: bytes = attrs.field(repr=False)
    fields: Mapping[str, Node] = attrs.field(repr=lambda fields: f"<{', '.join(fields)}>", eq=False)
