"""What the chapters share: how a model prints, enums that stay open, and checks of what callers pass in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from enum import Enum, IntEnum, StrEnum
from typing import Any, TypeVar, cast

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom.wire import NO_EXTRA, Extra


__all__ = [
    "HIDDEN",
    "Done",
    "Model",
    "OpenInt",
    "OpenText",
    "chat_id",
    "check_bytes",
    "check_chars",
    "check_choice",
    "check_range",
    "check_window",
    "customer_id",
    "customer_ids",
    "ids",
    "masked_name",
    "numbers",
    "numbers_or_none",
    "personal",
    "staff_id",
    "staff_ids",
    "text_id",
    "texts",
    "texts_or_none",
]

T = TypeVar("T")

_MANY = 5
_LONG = 60
# Staff ids of apps made by a provider begin with "wo" and are as long as a
# customer's, so only "wm" gives a customer away.
_LONG_ID = 20


def masked_name(value: Any) -> str:
    """Return the first character of a person's name."""
    return f"{value[:1]}*"


def _hidden(value: Any) -> str:
    return f"<{len(value)} hidden>" if value.__class__ is tuple else "<hidden>"


HIDDEN = {"show": _hidden}
"""Metadata of a field that no repr shows."""


def personal(default: Any = "", *, show: Callable[[Any], str] = _hidden) -> Any:
    """Declare a field with personal data, which no repr shows."""
    return attrs.field(default=default, metadata={"show": show})


def _shown(value: Any) -> str:
    if value.__class__ is tuple:
        items: tuple[Any, ...] = value
        if len(items) > _MANY:
            return f"<{len(items)} {type(items[0]).__name__}>"
        return f"({', '.join(map(_shown, items))}{',' if len(items) == 1 else ''})"
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, datetime):
        return str(value)
    if isinstance(value, str) and len(value) > _LONG:
        return f"{value[:_LONG]!r}..."
    return repr(value)


class Model:
    """
    Base of all values of WeCom.

    Prints what is there and leaves out what is at its default; names are cut to
    a character, phone numbers and the like hidden; long lists are counted. What
    WeCom sent and this version does not know is kept in ``extra``, which takes no
    part in comparisons.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        parts: list[str] = []
        for a in attrs.fields(cast("type[attrs.AttrsInstance]", type(self))):
            value = getattr(self, a.name)
            if a.name != "extra" and a.repr and value != a.default:
                parts.append(f"{a.name}={a.metadata.get('show', _shown)(value)}")
        return f"{type(self).__name__}({', '.join(parts)})"


@attrs.frozen(repr=False, weakref_slot=False)
class Done(Model):
    """WeCom did it, and had nothing to tell."""

    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


class OpenInt(IntEnum):
    """An enum that keeps numbers it does not know, under the name ``UNKNOWN_<number>``."""

    @classmethod
    def _missing_(cls, value: object) -> OpenInt | None:
        if type(value) is not int:
            return None
        member = int.__new__(cls, value)
        member._name_, member._value_ = f"UNKNOWN_{value}", value
        return member

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (type(self), (self.value,))


class OpenText(StrEnum):
    """An enum that keeps texts it does not know, under the name ``UNKNOWN_<text>``."""

    @classmethod
    def _missing_(cls, value: object) -> OpenText | None:
        if type(value) is not str:
            return None
        member = str.__new__(cls, value)
        member._name_, member._value_ = f"UNKNOWN_{value}", value
        return member

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return (type(self), (self.value,))


def texts(values: Iterable[str]) -> tuple[str, ...]:
    """Return a list of texts as a tuple; one bare text is a slip that would become its letters."""
    if isinstance(values, str):
        msg = "one text was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(values)


def texts_or_none(values: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the same, and None for None."""
    return None if values is None else texts(values)


def numbers(values: Iterable[int]) -> tuple[int, ...]:
    """Return a list of numbers as a tuple; a text is a slip that would become its digits."""
    if isinstance(values, str):
        msg = "a text was given where a list of numbers is due: put the number in brackets, without quotes"
        raise UsageError(msg)
    return tuple(values)


def numbers_or_none(values: Iterable[int] | None) -> tuple[int, ...] | None:
    """Return the same, and None for None."""
    return None if values is None else numbers(values)


# --- Checks: each returns the value as it is to be sent, or raises UsageError


def text_id(value: str, name: str) -> str:
    """Check an id whose form WeCom does not tell."""
    if not isinstance(value, str) or not value:  # pyright: ignore[reportUnnecessaryIsInstance]
        msg = f"{name} is empty: give an id, as text"
        raise UsageError(msg)
    return value


def staff_id(value: str, name: str = "userid") -> str:
    """Check the userid of a staff (1 to 64 bytes, WeCom documentation 90196)."""
    text_id(value, name)
    if len(value.encode()) > limits.USERID_BYTES:
        msg = f"{name} is longer than {limits.USERID_BYTES} bytes: give the userid of a staff"
        raise UsageError(msg)
    if value.startswith("wm") and len(value) > _LONG_ID:
        msg = f"{name} looks like the id of a customer ({value[:6]}...): give the userid of a staff"
        raise UsageError(msg)
    return value


def customer_id(value: str, name: str = "external_userid") -> str:
    """Check the id of a customer: ``wm...`` for WeChat users, ``wo...`` for WeCom users."""
    if not isinstance(value, str) or not value.startswith(("wm", "wo")):  # pyright: ignore[reportUnnecessaryIsInstance]
        text_id(value, name)
        msg = f"{name} must begin with wm or wo: give the external_userid of a customer, not a staff's userid or a unionid"
        raise UsageError(msg)
    return value


def chat_id(value: str, name: str = "chat_id") -> str:
    """Check the id of a customer group (``wr...``)."""
    text_id(value, name)
    if not value.startswith("wr"):
        msg = f"{name} must begin with wr: give the chat_id of a customer group"
        raise UsageError(msg)
    return value


def ids(
    values: Iterable[str],
    name: str,
    check: Callable[[str, str], str] = text_id,
    *,
    at_least: int = 0,
    at_most: int | None = None,
) -> tuple[str, ...]:
    """Check a list of ids: neither a bare text, nor too few or too many, nor one twice."""
    checked = tuple(values)
    try:
        for value in checked:
            check(value, name)
    except UsageError:
        # Once more, to say which: naming ten thousand that are right costs more than checking them.
        for i, value in enumerate(checked):
            check(value, f"{name}[{i}]")
        raise
    check_count(checked, name, at_least=at_least, at_most=at_most)
    if len(set(checked)) != len(checked):
        msg = f"{name} names the same id twice: give each once"
        raise UsageError(msg)
    return checked


def staff_ids(values: Iterable[str], name: str, *, at_least: int = 0, at_most: int | None = None) -> tuple[str, ...]:
    """Check a list of staff userids."""
    return ids(values, name, staff_id, at_least=at_least, at_most=at_most)


def customer_ids(values: Iterable[str], name: str, *, at_least: int = 0, at_most: int | None = None) -> tuple[str, ...]:
    """Check a list of customer ids."""
    return ids(values, name, customer_id, at_least=at_least, at_most=at_most)


def check_count(values: Collection[object], name: str, *, at_least: int = 0, at_most: int | None = None) -> None:
    """Check how many there are."""
    if len(values) < at_least:
        msg = f"{name} is empty: give at least {at_least}"
        raise UsageError(msg)
    if at_most is not None and len(values) > at_most:
        msg = f"{name} holds {len(values)}, and WeCom takes {at_most} at a time: split them"
        raise UsageError(msg)


def check_chars(value: str | None, name: str, at_most: int, *, at_least: int = 0) -> None:
    """Check how many characters a text has."""
    if value is not None and not at_least <= len(value) <= at_most:
        msg = f"{name} has {len(value)} characters: it must have {at_least} to {at_most}"
        raise UsageError(msg)


def check_bytes(value: str | None, name: str, at_most: int, *, at_least: int = 0) -> None:
    """Check how many bytes a text has in UTF-8, where a Chinese character has three."""
    size = len((value or "").encode("utf-8", "surrogatepass"))
    if not at_least <= size <= at_most:
        msg = f"{name} has {size} bytes in UTF-8: it must have {at_least} to {at_most} (a Chinese character has three)"
        raise UsageError(msg)


def check_range(value: int | None, name: str, low: int, high: int) -> None:
    """Check that a number lies between *low* and *high*, both included."""
    if value is not None and not low <= value <= high:
        msg = f"{name} is {value}: it must be from {low} to {high}"
        raise UsageError(msg)


def check_choice(value: OpenInt | OpenText, name: str) -> None:
    """Check that a value of an open enum is one that this version knows."""
    members = type(value).__members__.values()
    if value not in members:
        msg = f"{name} is {value.value!r}: it must be one of {', '.join(str(m) for m in members)}"
        raise UsageError(msg)


def check_window(start: datetime | None, end: datetime | None, *, days: int | None = None) -> None:
    """Check a window of time: aware, in order, and not longer than *days*."""
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and moment.tzinfo is None:
            msg = f"{name} has no time zone: give a datetime such as datetime(2026, 1, 2, tzinfo=UTC)"
            raise UsageError(msg)
    if start is None or end is None:
        return
    if start >= end:
        msg = "start is not before end: exchange them"
        raise UsageError(msg)
    if days is not None and end - start > timedelta(days=days):
        msg = f"the window is longer than {days} days: ask for one part after the other"
        raise UsageError(msg)
