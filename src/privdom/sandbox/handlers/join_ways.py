"""Join ways (加入群聊): the codes that lead customers into groups (92229)."""

from __future__ import annotations

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.codes import need_room
from privdom.sandbox.state import JoinWay
from privdom.sandbox.world import Call, World


__all__ = ["add", "delete", "get", "update"]

_MINI_PROGRAM, _QR = 1, 2


def _read(world: World, config_id: str, body: Fields) -> JoinWay:
    # What is left out takes its default, in an update too.
    scene = body.integer("scene", absent=41038)
    if scene not in (_MINI_PROGRAM, _QR):
        raise WeComError(41040)
    chat_ids = list(dict.fromkeys(body.texts("chat_id_list")))
    if not chat_ids:
        raise WeComError(40063)
    if len(chat_ids) > limits.JOIN_WAY_GROUPS:
        raise WeComError(41091)
    for chat_id in chat_ids:
        group = world.state.groups.get(chat_id)
        if group is None:
            raise WeComError(90501)
        if group.dismissed:
            raise WeComError(49008)
    return JoinWay(
        config_id,
        scene,
        body.text("remark")[: limits.JOIN_WAY_REMARK_CHARS],
        body.integer("auto_create_room", 1, low=0, high=1),
        body.text("room_base_name", chars=limits.ROOM_NAME_CHARS),
        body.integer("room_base_id") if "room_base_id" in body else None,
        chat_ids,
        body.text("state", chars=limits.STATE_CHARS),
        body.flag("mark_source", default=True),
    )


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_join_way."""
    way = _read(world, "", call.body)
    need_room(world)
    way.config_id = digest(world.seed, world.new_id("join way", way.state, way.remark, *way.chat_ids))
    world.state.join_ways[way.config_id] = way
    return {"config_id": way.config_id}


def _find(world: World, body: Fields) -> JoinWay:
    way = world.state.join_ways.get(body.text("config_id", absent=41043))
    if way is None:
        raise WeComError(41044)
    return way


def get(world: World, call: Call) -> dict[str, object]:
    """Answer get_join_way."""
    way = _find(world, call.body)
    shown: dict[str, object] = {
        "config_id": way.config_id,
        "scene": way.scene,
        "remark": way.remark,
        "auto_create_room": way.auto_create_room,
        "room_base_name": way.room_base_name,
        "chat_id_list": list(way.chat_ids),
        "qr_code": f"https://wework.qpic.cn/wwpic/{digest(world.seed, 'qr', way.config_id)}/0",
        "state": way.state,
        "mark_source": way.mark_source,
    }
    return {"join_way": shown if way.room_base_id is None else {**shown, "room_base_id": way.room_base_id}}


def update(world: World, call: Call) -> dict[str, object]:
    """Answer update_join_way, which overwrites the whole of it."""
    old = _find(world, call.body)
    new = _read(world, old.config_id, call.body)
    # What becomes of groups that it opened is documented nowhere: with the same names it goes on, with others anew.
    if (new.room_base_name, new.room_base_id) == (old.room_base_name, old.room_base_id):
        new.rooms = old.rooms
    world.state.join_ways[old.config_id] = new
    return {}


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer del_join_way."""
    del world.state.join_ways[_find(world, call.body).config_id]
    return {}
