"""Commands of the control interface under /_sandbox/: JSON in, JSON out."""

from __future__ import annotations

import json

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

import attrs

from privdom.sandbox.faults import Fault
from privdom.sandbox.rules import Quota, Rules


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["PREFIX", "run"]

PREFIX: Final = "/_sandbox/"
# Methods of Sandbox that take and give plain values.
_METHODS: Final = (
    "add_customer",
    "add_department",
    "add_group",
    "add_link_uses",
    "add_staff",
    "admin_adds_intercept_rule",
    "admin_adds_product",
    "add_web_file",
    "admin_adds_tags",
    "admin_buys_link_uses",
    "admin_deletes_link",
    "admin_deletes_tag",
    "admin_edits_tag",
    "advance",
    "advance_to",
    "alias",
    "befriend",
    "change_group_notice",
    "change_group_owner",
    "create_group",
    "customer_comments",
    "customer_deletes_staff",
    "customer_likes",
    "customer_writes",
    "deliver",
    "dismiss_group",
    "join_group",
    "leave_group",
    "member_writes",
    "next_at",
    "open_link",
    "open_mini_program",
    "populate",
    "rename_group",
    "revoke_tokens",
    "restore",
    "scan",
    "scan_join_way",
    "set_callback",
    "set_group_welcome",
    "set_staff",
    "settings",
    "staff_comments",
    "sign_in",
    "snapshot",
    "staff_confirms",
    "staff_deletes_customer",
    "staff_edits_customer",
    "staff_resigns",
    "staff_likes",
    "staff_posts",
    "staff_publishes",
    "staff_records",
    "staff_sends",
    "staff_writes",
    "state",
    "tmp_id",
    "verify_callback_url",
)

# What changes nothing; a picture in somebody's page is fetched by GET as well, from anywhere.
_READS: Final = ("agent_id", "clock", "next_at", "pending_callbacks", "record", "repr", "settings", "snapshot", "state")

Arguments = dict[str, Any]


# How each kind of argument stands in JSON, and what it is called there.
_PLAIN: Final[Mapping[object, tuple[type | tuple[type, ...], str]]] = {
    str: (str, "a string"),
    int: (int, "an integer"),
    float: ((int, float), "a number"),
    bool: (bool, "true or false"),
    None: (NoneType, "null"),
    NoneType: (NoneType, "null"),
}


def _read(hint: Any, value: object) -> object:
    """Return the argument that JSON's *value* stands for, where *hint* is wanted; ValueError if it is not of that kind."""
    kind = get_origin(hint)
    if kind in (Union, UnionType):
        return _first(get_args(hint), value)
    if kind is Literal and value in get_args(hint):
        return value
    if isinstance(value, list):
        return _array(hint, cast("list[object]", value))
    if kind is Mapping and isinstance(value, dict):
        return cast("dict[str, object]", value)
    if hint is datetime and isinstance(value, str):
        return _moment(value)
    if hint is timedelta:
        return timedelta(seconds=cast("float", _read(float, value)))
    # True is an integer to Python, and none to JSON.
    if hint in _PLAIN and isinstance(value, _PLAIN[hint][0]) and (hint is bool or not isinstance(value, bool)):
        return value
    raise ValueError


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError
    return when


def _array(hint: Any, values: list[object]) -> object:
    if hint is Quota:
        calls, seconds = values
        return Quota(cast("int", _read(int, calls)), cast("float", _read(float, seconds)))
    if get_origin(hint) not in (Sequence, Collection, tuple):
        raise ValueError
    return tuple(_read(get_args(hint)[0], one) for one in values)


def _first(hints: tuple[Any, ...], value: object) -> object:
    for hint in hints:
        with suppress(ValueError):
            return _read(hint, value)
    raise ValueError


def _called(hint: Any) -> list[str]:
    """Return what *hint* is called in JSON, each possibility by itself."""
    if get_origin(hint) in (Union, UnionType):
        return [name for one in get_args(hint) for name in _called(one)]
    if get_origin(hint) is Literal:
        return [json.dumps(one) for one in get_args(hint)]
    if get_origin(hint) is not None:
        return ["an object" if get_origin(hint) is Mapping else "an array"]
    if hint is Quota:
        return ["an array of an integer and a number"]
    return [{datetime: "a time in ISO 8601 with its offset", timedelta: "seconds"}.get(hint) or _PLAIN[hint][1]]


def _arguments(taker: Callable[..., object], given: Arguments) -> Arguments:
    """
    Return the arguments for *taker*: times from ISO 8601, spans from seconds, the rest as it is.

    Raises:
        TypeError: One is not of its kind. Those that *taker* does not have are left for it to refuse.
    """
    hints = get_type_hints(taker)
    read: Arguments = {}
    for name, value in given.items():
        try:
            read[name] = _read(hints[name], value) if name in hints else value
        except (ValueError, OverflowError):
            *others, last = _called(hints[name])
            wanted = f"{', '.join(others)} or {last}" if others else last
            msg = f"{name} must be {wanted}, not {json.dumps(value, ensure_ascii=False)}"
            raise TypeError(msg) from None
    return read


def _add_fault(box: Sandbox, arguments: Arguments) -> object:
    box.faults.add(Fault(**_arguments(Fault, arguments)))
    return None


def _random_faults(box: Sandbox, arguments: Arguments) -> object:
    box.faults.random(**_arguments(box.faults.random, arguments))
    return None


def _clear_faults(box: Sandbox, arguments: Arguments) -> object:
    del arguments
    box.faults.clear()
    return None


def _rules(box: Sandbox, arguments: Arguments) -> object:
    box.change_rules(**_arguments(Rules, arguments))
    return None


_COMMANDS: Final[Mapping[str, Callable[[Sandbox, Arguments], object]]] = {
    "agent_id": lambda box, _: box.agent_id,
    "clock": lambda box, _: {"now": box.clock.now()},
    "faults/add": _add_fault,
    "faults/random": _random_faults,
    "faults/clear": _clear_faults,
    "record": lambda box, _: box.record.as_json(),
    "repr": lambda box, _: repr(box),
    "pending_callbacks": lambda box, _: box.pending_callbacks,
    "rules": _rules,
}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if attrs.has(type(value)):
        return attrs.asdict(value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType, reportUnknownVariableType]
    msg = f"{type(value).__name__} is no JSON"
    raise TypeError(msg)


def run(box: Sandbox, command: str, body: bytes, *, method: str = "POST") -> tuple[int, bytes]:
    """Carry out one command; return the HTTP status and the answer."""
    if method != "POST" and command not in _READS and (command in _METHODS or command in _COMMANDS):
        return 405, json.dumps({"error": f"send {command!r} by POST"}).encode()
    try:
        data: object = json.loads(body or b"{}")
        if not isinstance(data, dict):
            msg = "the arguments of a command are a JSON object"
            raise TypeError(msg)
        given = cast("dict[str, Any]", data)
        special = _COMMANDS.get(command)
        if special is not None:
            result = special(box, given)
        elif command in _METHODS:
            act = getattr(box, command)
            result = act(**_arguments(act, given))
        else:
            return 404, json.dumps({"error": f"there is no command {command!r}"}).encode()
        return 200, json.dumps({"result": result}, default=_plain, ensure_ascii=False).encode()
    except (TypeError, ValueError) as e:
        return 400, json.dumps({"error": str(e)}, ensure_ascii=False).encode()
