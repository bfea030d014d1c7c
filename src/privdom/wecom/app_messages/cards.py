"""Template cards (模板卡片): five kinds of card that staff read, answer or vote on (WeCom documentation 90236)."""

from __future__ import annotations

import re

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar, TypeAlias, TypeVar

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Model, OpenInt
from privdom.wecom.wire import tell_apart_inside


__all__ = [
    "ButtonInteraction",
    "Card",
    "CardButton",
    "CardButtonStyle",
    "CardCheckbox",
    "CardColor",
    "CardEmphasis",
    "CardField",
    "CardFieldType",
    "CardImage",
    "CardImageText",
    "CardJump",
    "CardLink",
    "CardMenu",
    "CardMenuItem",
    "CardOption",
    "CardParagraph",
    "CardQuote",
    "CardSelect",
    "CardSource",
    "CardSubmit",
    "CardTarget",
    "CardTitle",
    "MultipleInteraction",
    "NewsNotice",
    "TextNotice",
    "VoteInteraction",
    "check_for_sending",
]

M = TypeVar("M", bound=Model)
_TASK_ID = re.compile(rf"[0-9A-Za-z_\-@]{{1,{limits.CARD_TASK_ID_BYTES}}}")


class CardColor(OpenInt):
    """Of the text that names a card's source."""

    GREY = 0
    BLACK = 1
    RED = 2
    GREEN = 3


class CardLink(OpenInt):
    """Where a click leads."""

    NOWHERE = 0
    URL = 1
    MINI_PROGRAM = 2


class CardFieldType(OpenInt):
    """What the value of a field is."""

    TEXT = 0
    URL = 1
    FILE = 2
    STAFF = 3


class CardButtonStyle(OpenInt):
    """How a button looks, and how loud."""

    BLUE = 1
    GREY = 2
    RED = 3
    WHITE = 4


def _tuple_of(values: Iterable[M]) -> tuple[M, ...]:
    if isinstance(values, Model):
        msg = "one part of a card was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(values)


# One for each kind of part, since a type checker does not follow a type variable through a converter.


def _menu_items(values: Iterable[CardMenuItem]) -> tuple[CardMenuItem, ...]:
    return _tuple_of(values)


def _options(values: Iterable[CardOption]) -> tuple[CardOption, ...]:
    return _tuple_of(values)


def _fields(values: Iterable[CardField]) -> tuple[CardField, ...]:
    return _tuple_of(values)


def _jumps(values: Iterable[CardJump]) -> tuple[CardJump, ...]:
    return _tuple_of(values)


def _paragraphs(values: Iterable[CardParagraph]) -> tuple[CardParagraph, ...]:
    return _tuple_of(values)


def _buttons(values: Iterable[CardButton]) -> tuple[CardButton, ...]:
    return _tuple_of(values)


def _selects(values: Iterable[CardSelect]) -> tuple[CardSelect, ...]:
    return _tuple_of(values)


def _needed(value: str, name: str) -> None:
    if not value:
        msg = f"{name} is empty: the card needs one"
        raise UsageError(msg)


def _check_link(link: CardLink, url: str, appid: str, name: str) -> None:
    _values.check_choice(link, f"{name}.type")
    if link is CardLink.URL:
        _needed(url, f"{name}.url")
    if link is CardLink.MINI_PROGRAM:
        _needed(appid, f"{name}.appid")


def _check_unique(values: Iterable[str], name: str) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        msg = f"{name} {twice[0]!r} stands there twice: give each its own"
        raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class CardSource(Model):
    """Who a card is from: a small picture and a few words, 20 characters at best."""

    desc: str = ""
    icon_url: str = ""
    desc_color: CardColor = attrs.field(default=CardColor.GREY, converter=CardColor)

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.desc_color, "desc_color")


@attrs.frozen(repr=False, weakref_slot=False)
class CardMenuItem(Model):
    """One entry of a card's menu; a click calls you back with the key, 1 to 1,024 bytes."""

    text: str
    key: str

    def __attrs_post_init__(self) -> None:
        _needed(self.text, "text")
        _values.check_bytes(self.key, "key", limits.CARD_KEY_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class CardMenu(Model):
    """The menu in a card's upper right corner: 1 to 3 entries, each with a key of its own."""

    action_list: tuple[CardMenuItem, ...] = attrs.field(converter=_menu_items)
    desc: str = ""

    def __attrs_post_init__(self) -> None:
        _values.check_count(self.action_list, "action_list", at_least=1, at_most=limits.CARD_MENU_ITEMS)
        _check_unique((item.key for item in self.action_list), "key")


@attrs.frozen(repr=False, weakref_slot=False)
class CardTitle(Model):
    """A title and what stands under it."""

    title: str = ""
    desc: str = ""


@attrs.frozen(repr=False, weakref_slot=False)
class CardEmphasis(Model):
    """A figure in large type and what it counts."""

    title: str = ""
    desc: str = ""


@attrs.frozen(repr=False, weakref_slot=False)
class CardQuote(Model):
    """A quotation, which may lead somewhere."""

    quote_text: str = ""
    title: str = ""
    type: CardLink = attrs.field(default=CardLink.NOWHERE, converter=CardLink)
    url: str = ""
    appid: str = ""
    pagepath: str = ""

    def __attrs_post_init__(self) -> None:
        _check_link(self.type, self.url, self.appid, "quote_area")


@attrs.frozen(repr=False, weakref_slot=False)
class CardField(Model):
    """A line of a name and a value, which may be a link, a file or a staff."""

    keyname: str
    value: str = ""
    type: CardFieldType = attrs.field(default=CardFieldType.TEXT, converter=CardFieldType)
    url: str = ""
    media_id: str = ""
    userid: str = ""

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.type, "type")
        _needed(self.keyname, "keyname")
        needed = {CardFieldType.URL: "url", CardFieldType.FILE: "media_id", CardFieldType.STAFF: "userid"}
        name = needed.get(self.type)
        if name is not None:
            _needed(getattr(self, name), name)


@attrs.frozen(repr=False, weakref_slot=False)
class CardJump(Model):
    """A line at the foot of a card that leads somewhere."""

    title: str
    type: CardLink = attrs.field(default=CardLink.NOWHERE, converter=CardLink)
    url: str = ""
    appid: str = ""
    pagepath: str = ""

    def __attrs_post_init__(self) -> None:
        _needed(self.title, "title")
        _check_link(self.type, self.url, self.appid, "jump_list")


@attrs.frozen(repr=False, weakref_slot=False)
class CardTarget(Model):
    """Where a click on the card leads."""

    type: CardLink = attrs.field(converter=CardLink)
    url: str = ""
    appid: str = ""
    pagepath: str = ""

    def __attrs_post_init__(self) -> None:
        _check_link(self.type, self.url, self.appid, "card_action")


@attrs.frozen(repr=False, weakref_slot=False)
class CardImage(Model):
    """A picture; its width over its height is 1.3, WeCom's default, to 2.25."""

    url: str
    aspect_ratio: float | None = None

    def __attrs_post_init__(self) -> None:
        _needed(self.url, "card_image.url")
        least, most = limits.CARD_RATIO_LEAST, limits.CARD_RATIO_MOST
        if self.aspect_ratio is not None and not least <= self.aspect_ratio <= most:
            msg = f"aspect_ratio is {self.aspect_ratio}: it must be from {least} to {most}"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class CardImageText(Model):
    """A picture on the left, words on the right, which may lead somewhere."""

    image_url: str
    title: str = ""
    desc: str = ""
    type: CardLink = attrs.field(default=CardLink.NOWHERE, converter=CardLink)
    url: str = ""
    appid: str = ""
    pagepath: str = ""

    def __attrs_post_init__(self) -> None:
        _needed(self.image_url, "image_text_area.image_url")
        _check_link(self.type, self.url, self.appid, "image_text_area")


@attrs.frozen(repr=False, weakref_slot=False)
class CardParagraph(Model):
    """A heading and a few words under it."""

    title: str
    desc: str = ""

    def __attrs_post_init__(self) -> None:
        _needed(self.title, "title")


@attrs.frozen(repr=False, weakref_slot=False)
class CardOption(Model):
    """
    One of several answers.

    Args:
        id: what you are called back with, 1 to 128 bytes.
        text: what staff read.
        is_checked: whether it is ticked at first; votes only.
    """

    id: str
    text: str
    is_checked: bool | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.id, "id", limits.CARD_OPTION_ID_BYTES, at_least=1)
        _needed(self.text, "text")


def _check_options(options: tuple[CardOption, ...], at_most: int) -> None:
    _values.check_count(options, "option_list", at_least=1, at_most=at_most)
    _check_unique((option.id for option in options), "id")


@attrs.frozen(repr=False, weakref_slot=False)
class CardSelect(Model):
    """A question with 1 to 10 answers, one of which is chosen."""

    question_key: str
    option_list: tuple[CardOption, ...] = attrs.field(converter=_options)
    title: str = ""
    selected_id: str = ""

    def __attrs_post_init__(self) -> None:
        _needed(self.question_key, "question_key")
        _check_options(self.option_list, limits.CARD_OPTIONS)
        if self.selected_id and self.selected_id not in {option.id for option in self.option_list}:
            msg = "selected_id is the id of no option: give one of option_list"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class CardButton(Model):
    """
    A button.

    Args:
        text: what staff read.
        key: what you are called back with, 1 to 1,024 bytes.
        url: leads there instead of calling you back.
        style: how loud it is.
        type: URL for a button with a url.
    """

    text: str
    key: str = ""
    url: str = ""
    style: CardButtonStyle = attrs.field(default=CardButtonStyle.BLUE, converter=CardButtonStyle)
    type: CardLink = attrs.field(default=CardLink.NOWHERE, converter=CardLink)

    def __attrs_post_init__(self) -> None:
        _needed(self.text, "text")
        _values.check_choice(self.style, "style")
        if self.type not in {CardLink.NOWHERE, CardLink.URL} or (self.type is CardLink.URL) != bool(self.url):
            msg = "a button that leads somewhere needs a url and type=CardLink.URL: give both, or none of them"
            raise UsageError(msg)
        if bool(self.key) == bool(self.url):
            msg = "a button calls you back or leads somewhere: give one of key and url"
            raise UsageError(msg)
        _values.check_bytes(self.key, "key", limits.CARD_KEY_BYTES)


@attrs.frozen(repr=False, weakref_slot=False)
class CardSubmit(Model):
    """The button that hands the answers in; you are called back with the key."""

    text: str
    key: str

    def __attrs_post_init__(self) -> None:
        _needed(self.text, "text")
        _values.check_bytes(self.key, "key", limits.CARD_KEY_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class CardCheckbox(Model):
    """A vote on 1 to 20 options; with ``mode`` 1 several may be ticked."""

    question_key: str
    option_list: tuple[CardOption, ...] = attrs.field(converter=_options)
    mode: int = 0

    def __attrs_post_init__(self) -> None:
        _needed(self.question_key, "question_key")
        _values.check_range(self.mode, "mode", 0, 1)
        _check_options(self.option_list, limits.CARD_VOTES)


def _title(value: str | CardTitle | None) -> CardTitle | None:
    return CardTitle(value) if isinstance(value, str) else value


def _target(value: str | CardTarget | None) -> CardTarget | None:
    return CardTarget(CardLink.URL, value) if isinstance(value, str) else value


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class _Card(Model):
    # What all cards may have. WeCom tells them apart by card_type, beside the content.
    main_title: CardTitle | None = attrs.field(default=None, converter=_title)
    source: CardSource | None = None
    action_menu: CardMenu | None = None
    quote_area: CardQuote | None = None
    sub_title_text: str = ""
    horizontal_content_list: tuple[CardField, ...] = attrs.field(default=(), converter=_fields)
    jump_list: tuple[CardJump, ...] = attrs.field(default=(), converter=_jumps)
    card_action: CardTarget | None = attrs.field(default=None, converter=_target)
    task_id: str = ""

    def _check(self) -> None:
        _values.check_count(self.horizontal_content_list, "horizontal_content_list", at_most=limits.CARD_FIELDS)
        _values.check_count(self.jump_list, "jump_list", at_most=limits.CARD_JUMPS)
        if self.task_id and _TASK_ID.fullmatch(self.task_id) is None:
            msg = f"task_id must be at most {limits.CARD_TASK_ID_BYTES} of letters, digits and _-@"
            raise UsageError(msg)

    def _check_title(self) -> None:
        _needed(self.main_title.title if self.main_title else "", "main_title")

    def _check_target(self) -> None:
        if self.card_action is None or self.card_action.type is CardLink.NOWHERE:
            msg = "card_action leads nowhere: give a URL, or a CardTarget with type URL or MINI_PROGRAM"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class TextNotice(_Card):
    """
    A card of words (文本通知型).

    Args:
        main_title: a title, or a `CardTitle`; it or sub_title_text must be there.
        card_action: where a click leads, as a URL or a `CardTarget`; must be there.
        emphasis_content: a figure in large type.
        source: who it is from.
        action_menu: in the upper right corner; needs a task_id.
        quote_area: a quotation.
        sub_title_text: plain words.
        horizontal_content_list: at most 6 lines of a name and a value.
        jump_list: at most 3 lines that lead somewhere.
        task_id: what you are called back with, at most 128 of letters, digits and _-@, each only once in an app.
    """

    card_type: ClassVar[str] = "text_notice"
    emphasis_content: CardEmphasis | None = None

    def __attrs_post_init__(self) -> None:
        self._check()
        if not self.sub_title_text:
            self._check_title()
        self._check_target()


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewsNotice(_Card):
    """
    A card of pictures and words (图文展示型); what is not told here is as in `TextNotice`.

    Args:
        main_title: must be there.
        card_action: where a click leads; must be there.
        card_image: a large picture; it or image_text_area must be there.
        image_text_area: a small picture beside words.
        vertical_content_list: at most 4 headings with words under them.
    """

    card_type: ClassVar[str] = "news_notice"
    card_image: CardImage | None = None
    image_text_area: CardImageText | None = None
    vertical_content_list: tuple[CardParagraph, ...] = attrs.field(default=(), converter=_paragraphs)

    def __attrs_post_init__(self) -> None:
        self._check()
        self._check_title()
        self._check_target()
        _values.check_count(self.vertical_content_list, "vertical_content_list", at_most=limits.CARD_PARAGRAPHS)
        if self.card_image is None and self.image_text_area is None:
            msg = "the card has no picture: give card_image or image_text_area"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class ButtonInteraction(_Card):
    """
    A card with buttons (按钮交互型); what is not told here is as in `TextNotice`.

    Args:
        main_title: must be there.
        task_id: must be there, to be sent.
        button_list: 1 to 6 buttons.
        button_selection: a question above them.
        replace_text: what stands on the greyed-out button afterwards; only in `update_card`.
    """

    card_type: ClassVar[str] = "button_interaction"
    button_list: tuple[CardButton, ...] = attrs.field(converter=_buttons)
    button_selection: CardSelect | None = None
    replace_text: str = ""

    def __attrs_post_init__(self) -> None:
        self._check()
        self._check_title()
        _values.check_count(self.button_list, "button_list", at_least=1, at_most=limits.CARD_BUTTONS)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class VoteInteraction(_Card):
    """
    A card to vote on (投票选择型); what is not told here is as in `ButtonInteraction`.

    Args:
        checkbox: the question and what may be ticked.
        submit_button: hands it in.
    """

    card_type: ClassVar[str] = "vote_interaction"
    checkbox: CardCheckbox
    submit_button: CardSubmit
    replace_text: str = ""

    def __attrs_post_init__(self) -> None:
        self._check()
        self._check_title()


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class MultipleInteraction(_Card):
    """
    A card with several questions (多项选择型); what is not told here is as in `ButtonInteraction`.

    Args:
        select_list: 1 to 3 questions.
        submit_button: hands the answers in.
    """

    card_type: ClassVar[str] = "multiple_interaction"
    select_list: tuple[CardSelect, ...] = attrs.field(converter=_selects)
    submit_button: CardSubmit
    replace_text: str = ""

    def __attrs_post_init__(self) -> None:
        self._check()
        self._check_title()
        _values.check_count(self.select_list, "select_list", at_least=1, at_most=limits.CARD_SELECTS)
        _check_unique((select.question_key for select in self.select_list), "question_key")


Card: TypeAlias = TextNotice | NewsNotice | ButtonInteraction | VoteInteraction | MultipleInteraction
"""A template card."""

tell_apart_inside(Card, "card_type", (TextNotice, NewsNotice, ButtonInteraction, VoteInteraction, MultipleInteraction))


def check_for_sending(card: Card) -> None:
    """Check what a new card needs, and one that takes the place of another does not."""
    interactive = not isinstance(card, TextNotice | NewsNotice)
    if (interactive or card.action_menu is not None) and not card.task_id:
        msg = "the card needs a task_id, since staff can answer it: give one that the app has not used yet"
        raise UsageError(msg)
    if not isinstance(card, TextNotice | NewsNotice) and card.replace_text:
        msg = "replace_text is for cards that were answered: leave it out, and give it to update_card"
        raise UsageError(msg)
