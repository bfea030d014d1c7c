"""What a person can have happen from the console: each form is one method of the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from privdom.sandbox.faults import Fault, FaultKind


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["act"]

Fields = Mapping[str, str]


def _ids(f: Fields, name: str) -> list[str]:
    return f.get(name, "").replace(",", " ").split()


def _number(f: Fields, name: str, default: str = "") -> int:
    text = f.get(name) or default
    try:
        return int(text)
    except ValueError:
        msg = f"{name} is a whole number, not {text!r}"
        raise ValueError(msg) from None


def _page(chapter: str, thing: str) -> str:
    return f"/{chapter}/{quote(thing, safe='')}"


def _scan(box: Sandbox, f: Fields) -> str:
    scanned = box.scan(f["code"], f.get("name") or None, external_userid=f.get("external_userid") or None)
    return _page("customers", scanned.external_userid)


def _scan_join_way(box: Sandbox, f: Fields) -> str:
    return _page("groups", box.scan_join_way(f["code"], f.get("name") or None).chat_id)


def _open_link(box: Sandbox, f: Fields) -> str | None:
    opened = box.open_link(
        f["link"], f.get("channel", ""), f.get("name") or None, external_userid=f.get("external_userid") or None
    )
    if not opened.staff_userid:
        msg = "Opened, but nobody was added: there are no uses left, or nobody behind the link can take a customer."
        raise ValueError(msg)
    return _page("customers", opened.external_userid)


def _add_customer(box: Sandbox, f: Fields) -> str:
    return _page("customers", box.add_customer(None, f.get("name") or None, staff=_ids(f, "staff")))


def _edit(box: Sandbox, f: Fields) -> None:
    add, remove = _ids(f, "add"), _ids(f, "remove")
    box.staff_edits_customer(
        f["userid"], f["external_userid"], remark=f.get("remark") or None, add_tags=add, remove_tags=remove
    )


def _sends(box: Sandbox, f: Fields) -> str:
    msgid = box.staff_sends(f["userid"], f["text"], _ids(f, "ids"))
    if not msgid:
        msg = "An intercept rule kept the message from being sent: see the log."
        raise ValueError(msg)
    return _page("messages", msgid)


def _fault(box: Sandbox, f: Fields) -> None:
    kind = cast("FaultKind", f["kind"])  # which Fault itself looks at
    box.faults.add(
        Fault(
            kind,
            f.get("path", ""),
            _number(f, "times", "1"),
            f.get("subject") or None,
            after_change="after" in f,
            delay=float(f.get("delay") or 60),
        )
    )


def _chance(box: Sandbox, f: Fields) -> None:
    kinds = cast("list[FaultKind]", _ids(f, "kinds"))
    box.faults.random(float(f.get("percent") or 0) / 100, kinds, _ids(f, "paths"))


def _clear_faults(box: Sandbox, f: Fields) -> None:
    del f
    box.faults.clear()


def _next(box: Sandbox, f: Fields) -> None:
    del f
    when = box.next_at()
    if when is not None:
        box.advance_to(when)


def _voice(box: Sandbox, f: Fields) -> None:
    box.staff_records(f["userid"], seconds=_number(f, "seconds", "3"))


def _rule(box: Sandbox, f: Fields) -> None:
    box.admin_adds_intercept_rule(f["name"], _ids(f, "words"), users=_ids(f, "users"), blocks=f.get("type") != "warn")


_ACTS: Final[dict[str, Callable[[Sandbox, Fields], object]]] = {
    # Time.
    "advance": lambda box, f: box.advance(timedelta(seconds=float(f["seconds"]))),
    "next": _next,
    "deliver": lambda box, _: box.deliver(),
    # Staff.
    "add_staff": lambda box, f: box.add_staff(f["userid"], f.get("name") or None),
    "resign": lambda box, f: box.staff_resigns(f["userid"]),
    "serve": lambda box, f: box.set_staff(f["userid"], serving=f["serving"] == "yes"),
    "sends": _sends,
    "post": lambda box, f: _page("moments", box.staff_posts(f["userid"], f["text"])),
    # Customers.
    "populate": lambda box, f: box.populate(customers=_number(f, "customers", "300")),
    "add_customer": _add_customer,
    "scan": _scan,
    "scan_join_way": _scan_join_way,
    "befriend": lambda box, f: box.befriend(f["userid"], f["external_userid"]),
    "writes": lambda box, f: box.customer_writes(f["external_userid"], f["userid"]),
    "answers": lambda box, f: box.staff_writes(f["userid"], f["external_userid"]),
    "edit": _edit,
    "customer_deletes": lambda box, f: box.customer_deletes_staff(f["external_userid"], f["userid"]),
    "staff_deletes": lambda box, f: box.staff_deletes_customer(f["userid"], f["external_userid"]),
    # Groups.
    "create_group": lambda box, f: _page("groups", box.create_group(f.get("name", ""), owner=f["owner"])),
    "join": lambda box, f: box.join_group(f["chat_id"], _ids(f, "ids")),
    "leave": lambda box, f: box.leave_group(f["chat_id"], _ids(f, "ids")),
    "rename": lambda box, f: box.rename_group(f["chat_id"], f["name"]),
    "notice": lambda box, f: box.change_group_notice(f["chat_id"], f.get("notice", "")),
    "greet": lambda box, f: box.set_group_welcome(f["chat_id"], f.get("welcome", "")),
    "give": lambda box, f: box.change_group_owner(f["chat_id"], f["userid"]),
    "dismiss": lambda box, f: box.dismiss_group(f["chat_id"]),
    "writes_in_group": lambda box, f: box.member_writes(f["chat_id"], f["id"]),
    # Acquisition links.
    "open_link": _open_link,
    "buy_uses": lambda box, f: box.admin_buys_link_uses(_number(f, "count")),
    "delete_link": lambda box, f: box.admin_deletes_link(f["link"]),
    # Messages and moments.
    "confirm": lambda box, f: box.staff_confirms(f["msgid"], f["userid"]),
    "publish": lambda box, f: box.staff_publishes(f["moment_id"], f["userid"]),
    "like": lambda box, f: box.customer_likes(f["external_userid"], f["moment_id"], f["userid"]),
    "comment": lambda box, f: box.customer_comments(f["external_userid"], f["moment_id"], f["userid"]),
    "staff_likes": lambda box, f: box.staff_likes(f["userid"], f["moment_id"]),
    "staff_comments": lambda box, f: box.staff_comments(f["userid"], f["moment_id"]),
    # What admins keep.
    "add_tags": lambda box, f: box.admin_adds_tags(f["group"], _ids(f, "names")),
    "edit_tag": lambda box, f: box.admin_edits_tag(f["tag"], name=f["name"]),
    "delete_tag": lambda box, f: box.admin_deletes_tag(f["tag"]),
    "add_product": lambda box, f: box.admin_adds_product(
        f["description"], _number(f, "price"), product_sn=f.get("sn", "")
    ),
    "add_rule": _rule,
    "voice": _voice,
    "web_file": lambda box, f: box.add_web_file(f["url"], _number(f, "size")),
    # Faults.
    "fault": _fault,
    "chance": _chance,
    "clear_faults": _clear_faults,
    "revoke_tokens": lambda box, _: box.revoke_tokens(),
}


def act(box: Sandbox, action: str, fields: Fields) -> str | None:
    """
    Carry out a form; return the page to show next, or None for the one that it stood on.

    Raises:
        LookupError: There is no such form, or a field of it is missing.
        ValueError: It cannot be done; the message says why.
        OverflowError: A number is too large.
    """
    if action not in _ACTS:
        msg = f"there is no form {action!r}"
        raise ValueError(msg)
    then = _ACTS[action](box, fields)
    return then if isinstance(then, str) and then.startswith("/") else None
