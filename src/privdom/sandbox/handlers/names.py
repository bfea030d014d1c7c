"""Names that WeCom puts into messages of the app in place of ids (id转译, 90236)."""

from __future__ import annotations

import re

from functools import partial
from typing import Final, cast

from privdom.sandbox.world import World


__all__ = ["with_names"]

_FIELDS: Final = {
    "text": ("content",),
    "textcard": ("title", "description"),
    "news": ("articles.title", "articles.description"),
    "mpnews": ("articles.title", "articles.digest", "articles.content"),
    "miniprogram_notice": ("title", "description", "content_item.value"),
    "template_card": (
        "source.desc",
        "main_title.title",
        "main_title.desc",
        "sub_title_text",
        "horizontal_content_list.value",
    ),
}
# As many digits as the id of a department has at the most.
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_PLACE: Final = re.compile(r"\$(userName|userAlias|userAliasOrName|departmentName)=([^$]+)\$")


def with_names(world: World, kind: str, content: dict[str, object]) -> dict[str, object]:
    """Return the content of a message with names in it, where its kind may have them; what names nobody stays."""
    for path in _FIELDS.get(kind, ()):
        content = cast("dict[str, object]", _replaced(world, content, path.split(".")))
    return content


def _replaced(world: World, value: object, path: list[str]) -> object:
    if isinstance(value, list):
        return [_replaced(world, item, path) for item in cast("list[object]", value)]
    if not path:
        return _PLACE.sub(partial(_name, world), value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, object]", value)
    name, *rest = path
    return {**fields, name: _replaced(world, fields[name], rest)} if name in fields else fields


def _name(world: World, place: re.Match[str]) -> str:
    kind, wanted = place[1], place[2]
    if kind == "departmentName":
        department = world.state.departments.get(int(wanted)) if _NUMBER.fullmatch(wanted) else None
        return department.name if department else place[0]
    staff = world.state.member(wanted)
    # Nobody here has an alias.
    return staff.name if staff and kind != "userAlias" else place[0]
