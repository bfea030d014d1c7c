"""What a person can have happen from the console: forms, each of which is one method of the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from privdom.sandbox.console.html import Child, Html, el
from privdom.sandbox.faults import KINDS, Fault, FaultKind


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["FAULT_KINDS", "act", "button", "choice", "entry", "form"]

FAULT_KINDS: Final = KINDS

Fields = Mapping[str, str]


def form(action: str, *inside: Child, say: str, **hidden: str) -> Html:
    """Return a form that carries out *action*; *say* stands on its button."""
    kept = (el("input", type="hidden", name=name, value=value) for name, value in hidden.items())
    return el("form", *kept, *inside, el("button", say), method="post", action=f"/do/{action}")


def button(action: str, say: str, **hidden: str) -> Html:
    """Return a form of nothing but its button."""
    return form(action, say=say, **hidden)


def entry(name: str, hint: str, *, required: bool = False, kind: str = "text", value: str | None = None) -> Html:
    """Return a field to write in."""
    return el("input", name=name, placeholder=hint, aria_label=hint, type=kind, required=required, value=value)


def choice(name: str, options: Mapping[str, str], hint: str) -> Html:
    """Return a field to choose from; *options* are what is sent and what is shown."""
    return el(
        "select", *(el("option", shown, value=sent) for sent, shown in options.items()), name=name, aria_label=hint
    )


def _ids(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _scan(box: Sandbox, f: Fields) -> str:
    scanned = box.scan(f["code"], f.get("name") or None, external_userid=f.get("external_userid") or None)
    return f"/customers/{scanned.external_userid}"


def _add_staff(box: Sandbox, f: Fields) -> None:
    box.add_staff(f["userid"], f.get("name") or None)


def _add_customer(box: Sandbox, f: Fields) -> str:
    return f"/customers/{box.add_customer(None, f.get('name') or None, staff=_ids(f.get('staff', '')))}"


def _edit(box: Sandbox, f: Fields) -> None:
    add, remove = _ids(f.get("add", "")), _ids(f.get("remove", ""))
    box.staff_edits_customer(
        f["userid"], f["external_userid"], remark=f.get("remark") or None, add_tags=add, remove_tags=remove
    )


def _fault(box: Sandbox, f: Fields) -> None:
    kind = cast("FaultKind", f["kind"])  # which Fault itself looks at
    times, subject = int(f.get("times") or 1), f.get("subject") or None
    box.faults.add(Fault(kind, f.get("path", ""), times, subject, after_change="after" in f))


def _clear_faults(box: Sandbox, f: Fields) -> None:
    del f
    box.faults.clear()


def _next(box: Sandbox, f: Fields) -> None:
    del f
    when = box.next_at()
    if when is not None:
        box.advance_to(when)


_ACTS: Final[dict[str, Callable[[Sandbox, Fields], object]]] = {
    "advance": lambda box, f: box.advance(timedelta(seconds=float(f["seconds"]))),
    "next": _next,
    "deliver": lambda box, _: box.deliver(),
    "scan": _scan,
    "add_staff": _add_staff,
    "add_customer": _add_customer,
    "populate": lambda box, _: box.populate(customers=300),
    "writes": lambda box, f: box.customer_writes(f["external_userid"], f["userid"]),
    "edit": _edit,
    "customer_deletes": lambda box, f: box.customer_deletes_staff(f["external_userid"], f["userid"]),
    "staff_deletes": lambda box, f: box.staff_deletes_customer(f["userid"], f["external_userid"]),
    "confirm": lambda box, f: box.staff_confirms(f["msgid"], f["userid"]),
    "add_tags": lambda box, f: box.admin_adds_tags(f["group"], _ids(f["names"])),
    "create_group": lambda box, f: f"/groups/{box.create_group(f.get('name', ''), owner=f['owner'])}",
    "join": lambda box, f: box.join_group(f["chat_id"], _ids(f["ids"])),
    "leave": lambda box, f: box.leave_group(f["chat_id"], _ids(f["ids"])),
    "rename": lambda box, f: box.rename_group(f["chat_id"], f["name"]),
    "dismiss": lambda box, f: box.dismiss_group(f["chat_id"]),
    "fault": _fault,
    "clear_faults": _clear_faults,
}


def act(box: Sandbox, action: str, fields: Fields) -> str | None:
    """
    Carry out a form; return the page to show next, or None for the one that it stood on.

    Raises:
        KeyError: There is no such form, or a field of it is missing.
        ValueError: It cannot be done; the message says why.
    """
    then = _ACTS[action](box, fields)
    return then if isinstance(then, str) else None
