"""Messages of the app to staff (90236, 94867, 94888)."""

from __future__ import annotations

import json

from collections.abc import Sequence
from typing import Final, Literal

import attrs

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import CHINA
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers import cards
from privdom.sandbox.handlers.media import check_sent
from privdom.sandbox.handlers.names import with_names
from privdom.sandbox.record import AppMessageEntry
from privdom.sandbox.state import AppMessage
from privdom.sandbox.world import AGENT_ID, Call, World


__all__ = ["recall", "send", "update_card"]

_EVERYONE: Final = "@all"
_MEDIA: Final = ("image", "voice", "video", "file")
_CORP_ONLY: Final = 2
# What is longer is cut: in bytes of UTF-8, but for the one kind that is told in characters.
_CUT: Final = {
    "text": {"content": limits.APP_MESSAGE_TEXT_BYTES},
    "markdown": {"content": limits.APP_MESSAGE_TEXT_BYTES},
    "video": {"title": limits.ARTICLE_TITLE_BYTES, "description": limits.ARTICLE_DESCRIPTION_BYTES},
    "news": {"title": limits.ARTICLE_TITLE_BYTES, "description": limits.ARTICLE_DESCRIPTION_BYTES},
    "mpnews": {"title": limits.ARTICLE_TITLE_BYTES, "digest": limits.ARTICLE_DESCRIPTION_BYTES},
}
_CUT_CHARS: Final = {
    "textcard": {
        "title": limits.TEXT_CARD_TITLE_CHARS,
        "description": limits.TEXT_CARD_DESCRIPTION_CHARS,
        "btntxt": limits.TEXT_CARD_BUTTON_CHARS,
    }
}
_WINDOWS: Final = (
    (60, limits.APP_MESSAGES_PER_STAFF_AND_MINUTE),
    (3_600, limits.APP_MESSAGES_PER_STAFF_AND_HOUR),
)


@attrs.frozen
class _Receivers:
    """Who is meant, and what is invalid of what was given."""

    staff: list[str]
    unlicensed: list[str]
    invalid_users: list[str]
    invalid_parties: list[str]
    invalid_tags: list[str]

    def answer(self) -> dict[str, object]:
        return {
            "invaliduser": "|".join(userid.lower() for userid in self.invalid_users),
            "invalidparty": "|".join(self.invalid_parties),
            "invalidtag": "|".join(self.invalid_tags),
            "unlicenseduser": "|".join(userid.lower() for userid in self.unlicensed),
        }


def _check_agent(body: Fields) -> None:
    if body.integer("agentid", absent=41011) != AGENT_ID:
        raise WeComError(301002)


def _resolve(world: World, users: list[str], parties: list[str], tags: list[str]) -> _Receivers:
    state = world.state
    if users == [_EVERYONE]:
        found, unknown, parties, tags = list(state.staff), [], [], []
    else:
        members = {userid: state.member(userid) for userid in users}
        found = [staff.userid for staff in members.values() if staff is not None]
        unknown = [userid for userid, staff in members.items() if staff is None]
    bad_parties = [party for party in parties if not party.isdecimal() or int(party) not in state.departments]
    wanted: set[int] = set()
    for party in parties:
        if party not in bad_parties:
            below = state.subdepartments(int(party)) if world.rules.app_messages_reach_below else [int(party)]
            wanted.update(below)
    found += [staff.userid for staff in state.staff.values() if wanted & set(staff.departments)]
    without = {userid.lower() for userid in world.rules.unlicensed_staff}
    reached = list(dict.fromkeys(found))
    return _Receivers(
        [userid for userid in reached if userid.lower() not in without],
        [userid for userid in reached if userid.lower() in without],
        unknown,
        bad_parties,
        # Staff here wear no tags, so there is none to send to.
        tags,
    )


def _parts(body: Fields, name: str) -> list[str]:
    # WeCom's own samples have blanks around some bars.
    parts = (part.strip() for part in body.text(name).split("|"))
    return list(dict.fromkeys(part for part in parts if part))


def _receivers(world: World, body: Fields) -> _Receivers:
    users, parties, tags = (_parts(body, name) for name in ("touser", "toparty", "totag"))
    if not users and not parties and not tags:
        raise WeComError(82001)
    for given, most, errcode in (
        (users, limits.APP_MESSAGE_STAFF, 40032),
        (parties, limits.APP_MESSAGE_DEPARTMENTS, 82002),
        (tags, limits.APP_MESSAGE_TAGS, 82003),
    ):
        if len(given) > most:
            raise WeComError(errcode)
    return _resolve(world, users, parties, tags)


# Where no errcode names the field, a required one that is absent is 40063, and one that does not fit 40058.


def _url(part: Fields) -> None:
    if not part.text("url", absent=41010, octets=limits.ARTICLE_URL_BYTES).startswith(("http://", "https://")):
        raise WeComError(45034)


def _articles(content: Fields) -> list[Fields]:
    articles = content.children("articles")
    if not articles:
        raise WeComError(40063)
    if len(articles) > limits.ARTICLES:
        raise WeComError(45008)
    for article in articles:
        article.text("title", absent=41016)
    return articles


def _check_news(content: Fields) -> None:
    for article in _articles(content):
        if not article.text("appid") or not article.text("pagepath"):
            _url(article)


def _check_mpnews(world: World, content: Fields) -> None:
    for article in _articles(content):
        check_sent(world, article.text("thumb_media_id", absent=41006), "image")
        if len(article.text("content", absent=40063).encode()) > limits.ARTICLE_CONTENT_BYTES:
            raise WeComError(45002)
        if len(article.text("author").encode()) > limits.ARTICLE_AUTHOR_BYTES:
            raise WeComError(45032)


def _check_textcard(content: Fields) -> None:
    content.text("title", absent=41016)
    content.text("description", absent=41033)
    _url(content)


def _check_notice(body: Fields, content: Fields) -> None:
    content.text("appid", absent=90207)
    for name, absent in (("title", 41016), ("description", None)):
        text = content.text(name, absent=absent, chars=limits.NOTICE_TITLE_CHARS)
        if text and len(text) < limits.NOTICE_TITLE_CHARS_LEAST:
            raise WeComError(40058)
    content.text("page", octets=limits.NOTICE_PAGE_BYTES)
    items = content.children("content_item")
    if len(items) > limits.NOTICE_ITEMS:
        raise WeComError(90201)
    for item in items:
        item.text("key", chars=limits.NOTICE_KEY_CHARS)
        item.text("value", chars=limits.NOTICE_VALUE_CHARS)
    if _EVERYONE in _parts(body, "touser"):
        raise WeComError(40058)


def _check_card(world: World, content: Fields, *, new: bool) -> None:
    cards.check(content, new=new)
    for media_id in cards.files(content):
        check_sent(world, media_id, "file")


def _content(world: World, body: Fields) -> tuple[str, Fields]:
    kind = body.text("msgtype", absent=40008)
    if kind not in ("text", "markdown", "textcard", "news", "mpnews", "miniprogram_notice", "template_card", *_MEDIA):
        raise WeComError(40008)
    content = body.child(kind)
    if content is None:
        raise WeComError(44004 if kind == "text" else 40063)
    if kind in ("text", "markdown"):
        content.text("content", absent=44004 if kind == "text" else 40063)
    elif kind in _MEDIA:
        check_sent(world, content.text("media_id", absent=41006), kind)
    elif kind == "textcard":
        _check_textcard(content)
    elif kind == "news":
        _check_news(content)
    elif kind == "mpnews":
        _check_mpnews(world, content)
    elif kind == "miniprogram_notice":
        _check_notice(body, content)
    else:
        _check_card(world, content, new=True)
    return kind, content


def _check_safe(body: Fields, kind: str) -> None:
    safe = body.integer("safe", low=0, high=_CORP_ONLY)
    if safe and kind == "news":
        raise WeComError(40074)
    if safe == _CORP_ONLY and kind != "mpnews":
        raise WeComError(40058)


def _cut(kind: str, part: Fields) -> dict[str, object]:
    seen = part.raw()
    for name, most in _CUT.get(kind, {}).items():
        if name in part:
            seen[name] = part.text(name).encode()[:most].decode("utf-8", "ignore")
    for name, most in _CUT_CHARS.get(kind, {}).items():
        if name in part:
            seen[name] = part.text(name)[:most]
    return seen


def _as_text(world: World, body: Fields, kind: str, content: Fields) -> str:
    """Return what staff see: the text itself, or the JSON of anything else."""
    if kind in ("news", "mpnews"):
        seen = {**content.raw(), "articles": [_cut(kind, article) for article in content.children("articles")]}
    else:
        seen = _cut(kind, content)
    if body.integer("enable_id_trans", low=0, high=1):
        seen = with_names(world, kind, seen)
    return str(seen["content"]) if kind in ("text", "markdown") else json.dumps(seen, ensure_ascii=False)


def _need_callback(world: World, kind: str, content: Fields) -> bool:
    """Tell whether staff can answer; that needs somebody who is told."""
    if kind != "template_card" or not cards.answerable(content):
        return False
    if not world.callbacks.connected:
        raise WeComError(43012)
    return True


def _first_of(world: World, body: Fields) -> tuple[AppMessage | None, str]:
    """Return the same message of a moment ago, which stops this one, and what tells them apart."""
    if not body.integer("enable_duplicate_check", low=0, high=1):
        return None, ""
    interval = body.integer(
        "duplicate_check_interval",
        limits.DUPLICATE_CHECK_SECONDS_DEFAULT,
        low=1,
        high=limits.DUPLICATE_CHECK_SECONDS,
    )
    key = digest(world.seed, "app message", json.dumps(body.raw()))
    first = world.state.app_messages.get(world.state.app_messages_by_content.get(key, ""))
    stops = first is not None and world.timestamp - first.created < interval
    return (first if stops else None), key


def _count_day(world: World, receivers: int) -> None:
    day = str(world.now.astimezone(CHINA).date())
    counts = world.state.app_messages_by_day
    if counts.get(day, 0) + receivers > world.rules.accounts * limits.APP_MESSAGES_PER_ACCOUNT_AND_DAY:
        raise WeComError(45009)
    counts[day] = counts.get(day, 0) + receivers


def _reaches(world: World, userid: str) -> bool:
    """Count a message to one staff; what is too much is dropped without a word."""
    times = world.state.app_messages_of.setdefault(userid, [])
    if any(sum(world.timestamp - when < seconds for when in times) >= most for seconds, most in _WINDOWS):
        return False
    times.append(world.timestamp)
    return True


def _new_code(world: World, message: AppMessage) -> str:
    code = digest(world.seed, world.new_id("response code", message.msgid))
    world.state.response_codes[code] = message.msgid
    return code


def _note(
    world: World,
    message: AppMessage,
    kind: Literal["sent", "stopped", "recalled", "updated"],
    content: str,
    staff: Sequence[str],
    dropped: Sequence[str] = (),
) -> None:
    entry = AppMessageEntry(message.msgid, world.now, kind, message.msgtype, content, tuple(staff), tuple(dropped))
    world.record.app_messages.append(entry)


def send(world: World, call: Call) -> dict[str, object]:
    """Answer message/send. In which order WeCom looks is documented nowhere: from the envelope to the content."""
    body = call.body
    receivers = _receivers(world, body)
    # A notice of a mini program comes from the one app that is linked to it: its page has no agentid.
    if body.text("msgtype") != "miniprogram_notice" or "agentid" in body:
        _check_agent(body)
    kind, content = _content(world, body)
    _check_safe(body, kind)
    first, key = _first_of(world, body)
    # Of no use is a receiver without licence too: the page counts it among the rights.
    if not receivers.staff:
        raise WeComError(81013)
    answers = _need_callback(world, kind, content)
    seen = _as_text(world, body, kind, content)
    msgid = digest(world.seed, world.new_id("app message", kind, json.dumps(body.raw())))
    message = AppMessage(msgid, kind, world.timestamp, [], interactive=_interactive(kind, content))
    if first is not None:
        _note(world, message, "stopped", seen, [])
        return {**receivers.answer(), "msgid": first.msgid if world.rules.duplicates_keep_msgid else msgid}
    task_id = content.text("task_id") if kind == "template_card" else ""
    if task_id in world.state.task_ids:
        raise WeComError(42014)
    _count_day(world, len(receivers.staff))
    if task_id:
        world.state.task_ids.add(task_id)
    message.staff = [userid for userid in receivers.staff if _reaches(world, userid)]
    world.state.app_messages[msgid] = message
    if key:
        world.state.app_messages_by_content[key] = msgid
    dropped = [userid for userid in receivers.staff if userid not in message.staff]
    _note(world, message, "sent", seen, message.staff, dropped)
    code = {"response_code": _new_code(world, message)} if answers else {}
    return {**receivers.answer(), "msgid": msgid, **code}


def _interactive(kind: str, content: Fields) -> bool:
    return kind == "template_card" and content.text("card_type") in cards.INTERACTIVE


def recall(world: World, call: Call) -> dict[str, object]:
    """Answer message/recall."""
    message = world.state.app_messages.get(call.body.text("msgid", absent=40063))
    if message is None:
        raise WeComError(40058)
    if world.timestamp - message.created > limits.APP_MESSAGE_RECALL_SECONDS:
        raise WeComError(42052)
    if message.recalled:
        if world.rules.second_recall_errcode:
            raise WeComError(world.rules.second_recall_errcode)
        return {}
    message.recalled = True
    _note(world, message, "recalled", "", message.staff)
    return {}


def _whose_cards(world: World, body: Fields, message: AppMessage) -> tuple[list[str], list[str]]:
    """Return who of the given has the card, and who has not."""
    if body.integer("atall", low=0, high=1):
        return message.staff, []
    users = body.texts("userids", most=limits.APP_MESSAGE_STAFF)
    parties = [str(number) for number in body.integers("partyids")]
    tags = body.integers("tagids")
    if not users and not parties and not tags:
        raise WeComError(82101)
    if len(parties) > limits.APP_MESSAGE_DEPARTMENTS or len(tags) > limits.APP_MESSAGE_TAGS:
        raise WeComError(40058)
    meant = _resolve(world, users, parties, [])
    named = {staff.userid for staff in map(world.state.member, users) if staff is not None}
    reached = [userid for userid in message.staff if userid in meant.staff]
    missing = [*meant.invalid_users, *(userid for userid in meant.staff if userid in named - set(reached))]
    return reached, [userid.lower() for userid in missing]


def _new_face(world: World, body: Fields, message: AppMessage) -> str:
    """Return what stands on the button from now on, or the JSON of the new card."""
    button, card = body.child("button"), body.child("template_card")
    if (button is None) == (card is None):
        raise WeComError(40063)
    if card is not None:
        _check_card(world, card, new=False)
        return _as_text(world, body, "template_card", card)
    name = button.text("replace_name", absent=40063) if button else ""
    # Only cards with buttons have one that can be greyed out.
    if not message.interactive:
        raise WeComError(40058)
    return name


def update_card(world: World, call: Call) -> dict[str, object]:
    """Answer update_template_card; a code is used up by the first call that WeCom carries out."""
    body = call.body
    code = body.text("response_code", absent=60140)
    message = world.state.app_messages.get(world.state.response_codes.get(code, ""))
    if message is None or world.timestamp - message.created > limits.CARD_UPDATE_SECONDS:
        raise WeComError(60140)
    _check_agent(body)
    content = _new_face(world, body, message)
    reached, missing = _whose_cards(world, body, message)
    del world.state.response_codes[code]
    _note(world, message, "updated", content, reached)
    return {"invaliduser": missing}
