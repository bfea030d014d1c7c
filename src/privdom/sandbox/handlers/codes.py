"""Contact ways (联系我): the QR codes that lead customers to staff (92228)."""

from __future__ import annotations

import json

from datetime import timedelta

import attrs

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers.media import check_noted
from privdom.sandbox.paging import Cursors, page
from privdom.sandbox.record import ConclusionEntry
from privdom.sandbox.state import ContactWay, TempChat
from privdom.sandbox.world import Call, World


__all__ = [
    "TempChatEnd",
    "add",
    "close_temp_chat",
    "delete",
    "end_temp_chat",
    "get",
    "listing",
    "need_room",
    "open_temp_chat",
    "open_to_scans",
    "staff_of",
    "update",
]

_DAY = 86_400
_SINGLE, _MINI_PROGRAM, _QR = 1, 1, 2
_STYLES = {1: 3, 2: 2}
_WEEK = 7 * _DAY


def staff_of(world: World, users: list[str], parties: list[int]) -> list[str]:
    """Return the staff behind a code, departments expanded; who has resigned is nobody's choice any more."""
    state = world.state
    wanted = {number for party in parties for number in state.subdepartments(party)}
    inside = [staff.userid for staff in state.staff.values() if wanted & set(staff.departments)]
    return [userid for userid in dict.fromkeys([*users, *inside]) if userid in state.staff]


def open_to_scans(world: World, way: ContactWay) -> bool:
    """Tell whether a code still works; a temporary one serves one customer within its time."""
    return not way.is_temp or (not way.used and world.timestamp < way.created + way.expires_in)


def _need_room_today(world: World) -> None:
    # Which errcode says so is documented nowhere; this is the one for too many codes.
    today = str(world.now.astimezone(CHINA).date())
    made = world.state.temp_codes_by_day.get(today, 0)
    if made >= limits.TEMP_CODES_PER_DAY:
        raise WeComError(41045)
    world.state.temp_codes_by_day[today] = made + 1


def need_room(world: World) -> None:
    """Refuse one more way; contact ways and join ways share their number."""
    state = world.state
    if sum(not way.is_temp for way in state.ways.values()) + len(state.join_ways) >= limits.CODES_PER_CORP:
        raise WeComError(41045)


def _people(world: World, kind: int, body: Fields, users: list[str], parties: list[int]) -> tuple[list[str], list[int]]:
    # Only what is given is looked at: whoever was behind the code already may have left, or serve nobody any more.
    if "user" in body:
        users = [world.need_staff(userid, serving=True).userid for userid in dict.fromkeys(body.texts("user"))]
    if "party" in body:
        parties = body.integers("party") if kind != _SINGLE else []
    if any(party not in world.state.departments for party in parties):
        raise WeComError(60003)
    if kind == _SINGLE and len(users) != 1:
        raise WeComError(41041 if users else 40063)
    behind = staff_of(world, users, parties)
    if len(behind) > limits.CODE_STAFF:
        raise WeComError(41041)
    if not behind:
        raise WeComError(40063)
    return users, parties


def _conclusions(world: World, body: Fields) -> dict[str, object] | None:
    said = body.child("conclusions")
    if said is None:
        return None
    kept = said.raw()
    text, image, link, program = (said.child(kind) for kind in ("text", "image", "link", "miniprogram"))
    words = text.text("content", octets=limits.MESSAGE_TEXT_BYTES) if text is not None else ""
    if not words and image is link is program is None:
        raise WeComError(40063)
    if image is not None:
        media_id = image.text("media_id", absent=41006)
        check_noted(world, media_id)
        # Written as a media id, read back as an address.
        kept["image"] = {"pic_url": f"https://p.qpic.cn/pic_wework/{media_id}"}
    if link is not None:
        link.text("title", octets=limits.LINK_TITLE_BYTES)
        link.text("desc", octets=limits.LINK_DESC_BYTES)
    if program is not None:
        program.text("title", octets=limits.MINIPROGRAM_TITLE_BYTES)
        check_noted(world, program.text("pic_media_id"))
    return kept


def add(world: World, call: Call) -> dict[str, object]:
    """Answer add_contact_way."""
    body = call.body
    kind = body.integer("type", absent=41037)
    scene = body.integer("scene", absent=41038)
    if kind not in _STYLES:
        raise WeComError(41039)
    if scene not in (_MINI_PROGRAM, _QR):
        raise WeComError(41040)
    style = body.integer("style", 1)
    if scene == _MINI_PROGRAM and not 1 <= style <= _STYLES[kind]:
        raise WeComError(41042)
    remark = body.text("remark", chars=limits.CODE_REMARK_CHARS)
    state = body.text("state", chars=limits.STATE_CHARS)
    is_temp = body.flag("is_temp", default=False)
    if is_temp and kind != _SINGLE:
        raise WeComError(40058)
    users, parties = _people(world, kind, body, [], [])
    way = ContactWay(
        number=0,
        config_id="",
        created=world.timestamp,
        type=kind,
        scene=scene,
        style=style,
        remark=remark,
        skip_verify=body.flag("skip_verify", default=True),
        state=state,
        users=users,
        parties=parties,
        is_temp=is_temp,
        is_exclusive=body.flag("is_exclusive", default=False),
        mark_source=body.flag("mark_source", default=True),
        expires_in=body.integer("expires_in", _WEEK, low=1, high=limits.TEMP_CODE_SECONDS),
        chat_expires_in=body.integer("chat_expires_in", _DAY, low=1, high=limits.TEMP_CODE_SECONDS),
        unionid=body.text("unionid"),
        conclusions=_conclusions(world, body),
    )
    if is_temp:
        _need_room_today(world)
    else:
        need_room(world)
    way.number = world.state.number()
    way.config_id = digest(world.seed, world.new_id("way", state, remark, *users, *parties))
    world.state.ways[way.config_id] = way
    return {"config_id": way.config_id, **_qr_code(world, way)}


def _qr_code(world: World, way: ContactWay) -> dict[str, object]:
    if way.scene != _QR:
        return {}
    return {"qr_code": f"https://wework.qpic.cn/wwpic/{digest(world.seed, 'qr', way.config_id)}/0"}


def _find(world: World, body: Fields) -> ContactWay:
    way = world.state.ways.get(body.text("config_id", absent=41043))
    if way is None:
        raise WeComError(41044)
    return way


def get(world: World, call: Call) -> dict[str, object]:
    """Answer get_contact_way."""
    way = _find(world, call.body)
    shown: dict[str, object] = {
        "config_id": way.config_id,
        "type": way.type,
        "scene": way.scene,
        "remark": way.remark,
        "skip_verify": way.skip_verify,
        "state": way.state,
        "user": list(way.users),
        "party": list(way.parties),
        "is_temp": way.is_temp,
        "mark_source": way.mark_source,
        "is_exclusive": way.is_exclusive,
        **_qr_code(world, way),
    }
    if way.scene == _MINI_PROGRAM:
        shown["style"] = way.style
    if way.is_temp:
        shown |= {"expires_in": way.expires_in, "chat_expires_in": way.chat_expires_in, "unionid": way.unionid}
    if way.conclusions is not None:
        shown["conclusions"] = way.conclusions
    return {"contact_way": shown}


def listing(world: World, call: Call) -> dict[str, object]:
    """Answer list_contact_way: ids only, temporary ones never."""
    body = call.body
    end = body.integer("end_time") or world.timestamp
    start = body.integer("start_time") or world.timestamp - limits.CODE_LIST_DAYS * _DAY
    if start > end:
        raise WeComError(40058)
    limit = min(body.integer("limit", low=0) or limits.CODE_PAGE_DEFAULT, limits.CODE_PAGE)
    cursors = Cursors(world.seed, call.path, body.integer("start_time"), body.integer("end_time"))
    ways = (
        (way.number, {"config_id": way.config_id})
        for way in world.state.ways.values()
        if start <= way.created <= end and not way.is_temp
    )
    found, following = page(ways, limit, cursors, body.text("cursor"))
    return {"contact_way": found, "next_cursor": following}


def update(world: World, call: Call) -> dict[str, object]:
    """Answer update_contact_way; user and party replace the whole list."""
    body = call.body
    way = _find(world, body)
    if not open_to_scans(world, way):
        raise WeComError(41044)
    style = body.integer("style", way.style)
    if way.scene == _MINI_PROGRAM and not 1 <= style <= _STYLES[way.type]:
        raise WeComError(41042)
    users, parties = way.users, way.parties
    if "user" in body or "party" in body:
        users, parties = _people(world, way.type, body, users, parties)
    changed = attrs.evolve(
        way,
        remark=body.text("remark", chars=limits.CODE_REMARK_CHARS) if "remark" in body else way.remark,
        state=body.text("state", chars=limits.STATE_CHARS) if "state" in body else way.state,
        style=style,
        users=users,
        parties=parties,
        skip_verify=body.flag("skip_verify", default=way.skip_verify),
        mark_source=body.flag("mark_source", default=way.mark_source),
        conclusions=_conclusions(world, body) if "conclusions" in body else way.conclusions,
    )
    if way.is_temp:
        changed = attrs.evolve(
            changed,
            expires_in=body.integer("expires_in", way.expires_in, low=1, high=limits.TEMP_CODE_SECONDS),
            chat_expires_in=body.integer("chat_expires_in", way.chat_expires_in, low=1, high=limits.TEMP_CODE_SECONDS),
            unionid=body.text("unionid") or way.unionid,
        )
    world.state.ways[way.config_id] = changed
    return {}


def delete(world: World, call: Call) -> dict[str, object]:
    """Answer del_contact_way."""
    del world.state.ways[_find(world, call.body).config_id]
    return {}


def open_temp_chat(world: World, way: ContactWay, userid: str, external_userid: str) -> None:
    """Begin the temporary chat of a customer who scanned a temporary code."""
    chat = TempChat(userid, external_userid, world.timestamp + way.chat_expires_in, way.conclusions)
    world.state.temp_chats[userid, external_userid] = chat
    when = world.now + timedelta(seconds=way.chat_expires_in)
    world.agenda.book(when, f"1:temp chat:{userid}:{external_userid}", TempChatEnd(chat))


@attrs.frozen
class TempChatEnd:
    """A temporary chat whose time is over."""

    chat: TempChat

    def run(self, world: World) -> None:
        """End it, unless it has ended."""
        end_temp_chat(world, self.chat)


def end_temp_chat(world: World, chat: TempChat) -> None:
    """End a temporary chat with its closing words; nothing says that the two part, so they stay connected."""
    pair = (chat.userid, chat.external_userid)
    if world.state.temp_chats.get(pair) is not chat:
        return
    del world.state.temp_chats[pair]
    follow = world.state.follow(*pair)
    if chat.conclusions is None or follow is None or follow.left_by_customer:
        return
    said = Fields(chat.conclusions)
    text = said.child("text")
    # Of several, WeCom sends the first of these.
    shown = next((kind for kind in ("image", "link", "miniprogram") if kind in said), "")
    attachment = json.dumps({shown: chat.conclusions[shown]}, ensure_ascii=False) if shown else ""
    entry = ConclusionEntry(*pair, text.text("content") if text else "", attachment, world.now)
    world.record.conclusions.append(entry)


def close_temp_chat(world: World, call: Call) -> dict[str, object]:
    """Answer close_temp_chat."""
    userid, external_userid = call.body.text("userid", absent=41009), call.body.text("external_userid", absent=41035)
    follow = world.need_follow(userid, external_userid)
    chat = world.state.temp_chats.get((follow.userid, follow.external_userid))
    if chat is None:
        raise WeComError(world.rules.no_temp_chat_errcode)
    end_temp_chat(world, chat)
    return {}
