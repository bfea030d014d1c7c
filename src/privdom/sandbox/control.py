"""Commands of the control interface under /_sandbox/: JSON in, JSON out."""

from __future__ import annotations

import json

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from privdom.sandbox.faults import Fault
from privdom.sandbox.rules import Quota, Rules


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["PREFIX", "run"]

PREFIX: Final = "/_sandbox/"
_TIMES: Final = ("when", "created", "expires")
_SPANS: Final = ("by", "confirm_delay")
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
    "scan",
    "set_callback",
    "set_staff",
    "settings",
    "staff_comments",
    "sign_in",
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
_READS: Final = ("clock", "next_at", "pending_callbacks", "record", "repr", "settings", "state")

Arguments = dict[str, Any]


def _add_fault(box: Sandbox, arguments: Arguments) -> object:
    box.faults.add(Fault(**arguments))
    return None


def _random_faults(box: Sandbox, arguments: Arguments) -> object:
    box.faults.random(**arguments)
    return None


def _clear_faults(box: Sandbox, arguments: Arguments) -> object:
    del arguments
    box.faults.clear()
    return None


def _rules(box: Sandbox, arguments: Arguments) -> object:
    box.change_rules(**{name: _rule(name, value) for name, value in arguments.items()})
    return None


def _rule(name: str, value: Any) -> object:
    default = getattr(Rules(), name, None)
    if isinstance(default, timedelta):
        return timedelta(seconds=value)
    if name == "callback_retries":
        return tuple(timedelta(seconds=seconds) for seconds in value)
    if isinstance(default, Quota):
        return Quota(*value)
    if name == "quotas":
        return tuple(Quota(calls, seconds) for calls, seconds in value)
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


_COMMANDS: Final[Mapping[str, Callable[[Sandbox, Arguments], object]]] = {
    "clock": lambda box, _: {"now": box.clock.now()},
    "faults/add": _add_fault,
    "faults/random": _random_faults,
    "faults/clear": _clear_faults,
    "record": lambda box, _: box.record.as_json(),
    "repr": lambda box, _: repr(box),
    "pending_callbacks": lambda box, _: box.pending_callbacks,
    "rules": _rules,
}


def _argument(name: str, value: Any) -> object:
    if name in _TIMES and isinstance(value, str):
        return datetime.fromisoformat(value)
    if name in _SPANS and isinstance(value, (int, float)):
        return timedelta(seconds=value)
    return value


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
            result = getattr(box, command)(**{name: _argument(name, value) for name, value in given.items()})
        else:
            return 404, json.dumps({"error": f"there is no command {command!r}"}).encode()
        return 200, json.dumps({"result": result}, default=_plain, ensure_ascii=False).encode()
    except (TypeError, ValueError, KeyError, OverflowError) as e:
        return 400, json.dumps({"error": str(e)}, ensure_ascii=False).encode()
