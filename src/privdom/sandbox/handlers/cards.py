"""What a template card must have (90236, 94888)."""

from __future__ import annotations

import re

from privdom._facts import limits
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields


__all__ = ["INTERACTIVE", "answerable", "check", "files"]

_NOTICES = ("text_notice", "news_notice")
INTERACTIVE = ("button_interaction", "vote_interaction", "multiple_interaction")
_URL, _MINI_PROGRAM = 1, 2
_FILE, _STAFF = 2, 3
_TASK_ID = re.compile(r"[0-9A-Za-z_\-@]+")
_COLORS = 3


def answerable(card: Fields) -> bool:
    """Tell whether staff can answer a card, so that it can be changed."""
    return card.text("card_type") in INTERACTIVE or card.child("action_menu") is not None


def files(card: Fields) -> list[str]:
    """Return the media ids of the files that hang on a card."""
    rows = card.children("horizontal_content_list")
    return [row.text("media_id") for row in rows if row.integer("type") == _FILE]


def _link(part: Fields, *, needed: int | None = None) -> None:
    kind = part.integer("type")
    if kind == _URL:
        part.text("url", absent=42028)
    elif kind == _MINI_PROGRAM:
        part.text("appid", absent=42030)
    elif needed is not None:
        raise WeComError(needed)
    elif kind != 0:
        raise WeComError(40058)


def _unique(values: list[str], errcode: int) -> None:
    if len(set(values)) != len(values):
        raise WeComError(errcode)


def _options(question: Fields, most: int) -> None:
    question.text("question_key", absent=40058, octets=limits.CARD_KEY_BYTES)
    options = question.children("option_list")
    if not 1 <= len(options) <= most:
        raise WeComError(42037)
    _unique([option.text("id", absent=40058, octets=limits.CARD_OPTION_ID_BYTES) for option in options], 40058)
    for option in options:
        option.text("text", absent=40058)


def _submit(card: Fields, *, needed: bool) -> None:
    button = card.child("submit_button")
    if button is None:
        if needed:
            raise WeComError(40058)
        return
    button.text("text", absent=42038)
    button.text("key", absent=42039, octets=limits.CARD_KEY_BYTES)


def _check_common(card: Fields) -> None:
    source = card.child("source")
    if source is not None:
        source.integer("desc_color", low=0, high=_COLORS)
    menu = card.child("action_menu")
    if menu is not None:
        items = menu.children("action_list")
        if not 1 <= len(items) <= limits.CARD_MENU_ITEMS:
            raise WeComError(40058)
        for item in items:
            item.text("text", absent=40058)
        _unique([item.text("key", absent=40058, octets=limits.CARD_KEY_BYTES) for item in items], 42051)
    quote = card.child("quote_area")
    if quote is not None:
        _link(quote)
    rows = card.children("horizontal_content_list")
    if len(rows) > limits.CARD_FIELDS:
        raise WeComError(42035)
    for row in rows:
        row.text("keyname", absent=42027)
        kind = row.integer("type", low=0, high=_STAFF)
        if kind == _URL:
            row.text("url", absent=42028)
        elif kind == _FILE:
            row.text("media_id", absent=42029)
        elif kind == _STAFF:
            row.text("userid", absent=40058)
    jumps = card.children("jump_list")
    if len(jumps) > limits.CARD_JUMPS:
        raise WeComError(42042)
    for jump in jumps:
        jump.text("title", absent=42033)
        _link(jump)


def _check_notice(card: Fields, kind: str, *, titled: bool) -> None:
    if not titled and (kind == "news_notice" or not card.text("sub_title_text")):
        raise WeComError(42033)
    action = card.child("card_action")
    if action is None:
        raise WeComError(42045)
    _link(action, needed=42045)
    if kind == "text_notice":
        return
    image, beside = card.child("card_image"), card.child("image_text_area")
    if image is None and beside is None:
        raise WeComError(42044)
    if image is not None:
        image.text("url", absent=42044)
    if beside is not None:
        beside.text("image_url", absent=40058)
        _link(beside)
    paragraphs = card.children("vertical_content_list")
    if len(paragraphs) > limits.CARD_PARAGRAPHS:
        raise WeComError(42036)
    for paragraph in paragraphs:
        paragraph.text("title", absent=42033)


def _check_interactive(card: Fields, kind: str, *, new: bool) -> None:
    if kind == "button_interaction":
        action = card.child("card_action")
        if action is not None:
            _link(action)
        buttons = card.children("button_list")
        if not 1 <= len(buttons) <= limits.CARD_BUTTONS:
            raise WeComError(40058)
        keys: list[str] = []
        for button in buttons:
            button.text("text", absent=42038)
            # Any number will do: WeCom takes one that is no style for the first.
            button.integer("style", 1)
            if button.integer("type", low=0, high=_URL) == _URL:
                button.text("url", absent=42028)
            else:
                keys.append(button.text("key", absent=42039, octets=limits.CARD_KEY_BYTES))
        _unique(keys, 42039)
        question = card.child("button_selection")
        if question is not None:
            _options(question, limits.CARD_OPTIONS)
        return
    if kind == "vote_interaction":
        box = card.child("checkbox")
        if box is None:
            raise WeComError(40058)
        box.integer("mode", low=0, high=1)
        _options(box, limits.CARD_VOTES)
    else:
        questions = card.children("select_list")
        if not 1 <= len(questions) <= limits.CARD_SELECTS:
            raise WeComError(42047)
        _unique([question.text("question_key") for question in questions], 40058)
        for question in questions:
            _options(question, limits.CARD_OPTIONS)
    _submit(card, needed=new)


def check(card: Fields, *, new: bool) -> None:
    """Refuse a card that lacks something; one that takes the place of another needs neither task_id nor submit_button."""
    kind = card.text("card_type", absent=42031)
    if kind not in (*_NOTICES, *INTERACTIVE):
        raise WeComError(42031)
    task_id = card.text("task_id")
    if (task_id and not _TASK_ID.fullmatch(task_id)) or len(task_id) > limits.CARD_TASK_ID_BYTES:
        raise WeComError(42014)
    if new and answerable(card) and not task_id:
        raise WeComError(42014)
    _check_common(card)
    title = card.child("main_title")
    titled = title is not None and bool(title.text("title"))
    if kind in _NOTICES:
        _check_notice(card, kind, titled=titled)
    elif not titled:
        raise WeComError(42033)
    else:
        _check_interactive(card, kind, new=new)
