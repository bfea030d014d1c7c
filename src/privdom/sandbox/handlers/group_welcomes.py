"""Group welcomes (入群欢迎语素材): what staff can have said to those who join (92366)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.messages import attachment
from privdom.sandbox.state import GroupWelcome
from privdom.sandbox.world import Call, World


__all__ = ["add", "delete", "edit", "get"]

_KINDS = ("image", "link", "miniprogram", "file", "video")
"""Of several, the first counts."""


def _read(world: World, body: Fields) -> tuple[str, dict[str, object] | None]:
    said = body.child("text")
    text = said.text("content", octets=limits.GROUP_WELCOME_TEXT_BYTES) if said else ""
    given = {kind: inner for kind in _KINDS if (inner := body.child(kind)) is not None}
    # An object without content is refused, as one SDK's users found out.
    if not all(inner.raw() for inner in (*given.values(), *filter(None, [said]))) or not (text or given):
        raise WeComError(40063)
    for kind, inner in given.items():
        return text, attachment(world, Fields({"msgtype": kind, kind: inner.raw()}))
    return text, None


def add(world: World, call: Call) -> dict[str, object]:
    """Answer group_welcome_template/add."""
    state = world.state
    text, thing = _read(world, call.body)
    notify = call.body.integer("notify", 1, low=0, high=1)
    if len(state.group_welcomes) >= limits.GROUP_WELCOMES_PER_CORP:
        raise WeComError(41055)
    template_id = world.new_id("msg", "group welcome", text)
    state.group_welcomes[template_id] = GroupWelcome(template_id, world.timestamp, text, thing, notify == 1)
    return {"template_id": template_id}


def _find(world: World, body: Fields) -> GroupWelcome:
    welcome = world.state.group_welcomes.get(body.text("template_id", absent=40063))
    if welcome is None:
        raise WeComError(world.rules.unknown_group_welcome_errcode)
    return welcome


def edit(world: World, call: Call) -> dict[str, object]:
    """Answer group_welcome_template/edit, which overwrites the whole of it: nothing says that a part may stay."""
    welcome = _find(world, call.body)
    welcome.text, welcome.attachment = _read(world, call.body)
    return {}


def get(world: World, call: Call) -> dict[str, object]:
    """Answer group_welcome_template/get: only the kinds that were set; an image by its URL."""
    welcome = _find(world, call.body)
    row: dict[str, object] = {"text": {"content": welcome.text}} if welcome.text else {}
    if welcome.attachment is not None:
        kind = str(welcome.attachment["msgtype"])
        row[kind] = welcome.attachment[kind]
        if kind == "image":
            row[kind] = {"pic_url": _url(world, welcome)}
    return row


def _url(world: World, welcome: GroupWelcome) -> str:
    image = Fields(welcome.attachment or {}).child("image") or Fields({})
    media_id = image.text("media_id")
    made = f"https://wework.qpic.cn/wwpic/{digest(world.seed, 'image', media_id)}/0"
    return made if media_id else image.text("pic_url")


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer group_welcome_template/del."""
    del world.state.group_welcomes[_find(world, call.body).template_id]
    return {}
