"""What template cards are made of (WeCom documentation 90236)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Model, OpenInt


__all__ = [
    "CardButton",
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
    "buttons",
    "check_unique",
    "fields",
    "jumps",
    "needed",
    "paragraphs",
    "selects",
]

M = TypeVar("M", bound=Model)


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


def _votes(values: Iterable[CardOption]) -> tuple[CardOption, ...]:
    # WeCom wants to be told of each option of a vote whether it is ticked.
    return tuple(attrs.evolve(option, is_checked=bool(option.is_checked)) for option in _tuple_of(values))


def fields(values: Iterable[CardField]) -> tuple[CardField, ...]:
    """Return lines of a name and a value as a tuple."""
    return _tuple_of(values)


def jumps(values: Iterable[CardJump]) -> tuple[CardJump, ...]:
    """Return lines that lead somewhere as a tuple."""
    return _tuple_of(values)


def paragraphs(values: Iterable[CardParagraph]) -> tuple[CardParagraph, ...]:
    """Return headings as a tuple."""
    return _tuple_of(values)


def buttons(values: Iterable[CardButton]) -> tuple[CardButton, ...]:
    """Return buttons as a tuple."""
    return _tuple_of(values)


def selects(values: Iterable[CardSelect]) -> tuple[CardSelect, ...]:
    """Return questions as a tuple."""
    return _tuple_of(values)


def needed(value: str, name: str) -> None:
    """Check that a text is there."""
    if not value:
        msg = f"{name} is empty: the card needs one"
        raise UsageError(msg)


def check_link(link: CardLink, url: str, appid: str, name: str) -> None:
    _values.check_choice(link, f"{name}.type")
    if link is CardLink.URL:
        needed(url, f"{name}.url")
    if link is CardLink.MINI_PROGRAM:
        needed(appid, f"{name}.appid")


def check_unique(values: Iterable[str], name: str) -> None:
    """Check that no value stands there twice."""
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
        needed(self.text, "text")
        _values.check_bytes(self.key, "key", limits.CARD_KEY_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class CardMenu(Model):
    """The menu in a card's upper right corner: 1 to 3 entries, each with a key of its own."""

    action_list: tuple[CardMenuItem, ...] = attrs.field(converter=_menu_items)
    desc: str = ""

    def __attrs_post_init__(self) -> None:
        _values.check_count(self.action_list, "action_list", at_least=1, at_most=limits.CARD_MENU_ITEMS)
        check_unique((item.key for item in self.action_list), "key")


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
        check_link(self.type, self.url, self.appid, "quote_area")


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
        needed(self.keyname, "keyname")
        names = {CardFieldType.URL: "url", CardFieldType.FILE: "media_id", CardFieldType.STAFF: "userid"}
        name = names.get(self.type)
        if name is not None:
            needed(getattr(self, name), name)


@attrs.frozen(repr=False, weakref_slot=False)
class CardJump(Model):
    """A line at the foot of a card that leads somewhere."""

    title: str
    type: CardLink = attrs.field(default=CardLink.NOWHERE, converter=CardLink)
    url: str = ""
    appid: str = ""
    pagepath: str = ""

    def __attrs_post_init__(self) -> None:
        needed(self.title, "title")
        check_link(self.type, self.url, self.appid, "jump_list")


@attrs.frozen(repr=False, weakref_slot=False)
class CardTarget(Model):
    """Where a click on the card leads."""

    type: CardLink = attrs.field(converter=CardLink)
    url: str = ""
    appid: str = ""
    pagepath: str = ""

    def __attrs_post_init__(self) -> None:
        check_link(self.type, self.url, self.appid, "card_action")


@attrs.frozen(repr=False, weakref_slot=False)
class CardImage(Model):
    """A picture; its width over its height is 1.3, WeCom's default, to 2.25."""

    url: str
    aspect_ratio: float | None = None

    def __attrs_post_init__(self) -> None:
        needed(self.url, "card_image.url")
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
        needed(self.image_url, "image_text_area.image_url")
        check_link(self.type, self.url, self.appid, "image_text_area")


@attrs.frozen(repr=False, weakref_slot=False)
class CardParagraph(Model):
    """A heading and a few words under it."""

    title: str
    desc: str = ""

    def __attrs_post_init__(self) -> None:
        needed(self.title, "title")


@attrs.frozen(repr=False, weakref_slot=False)
class CardOption(Model):
    """
    One of several answers.

    Args:
        id: what you are called back with, 1 to 128 bytes.
        text: what staff read.
        is_checked: whether it is ticked at first; votes only, where the default is that it is not.
    """

    id: str
    text: str
    is_checked: bool | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.id, "id", limits.CARD_OPTION_ID_BYTES, at_least=1)
        needed(self.text, "text")


def _check_options(options: tuple[CardOption, ...], at_most: int) -> None:
    _values.check_count(options, "option_list", at_least=1, at_most=at_most)
    check_unique((option.id for option in options), "id")


@attrs.frozen(repr=False, weakref_slot=False)
class CardSelect(Model):
    """
    A question with 1 to 10 answers, one of which is chosen.

    Args:
        question_key: what you are called back with, 1 to 1,024 bytes.
        option_list: the answers, each with an id of its own.
        title: what stands beside or above it.
        selected_id: the answer that is chosen at first; by default the first.
        disable: the answer cannot be changed any more; of a `MultipleInteraction`, and only in `update_card`.
    """

    question_key: str
    option_list: tuple[CardOption, ...] = attrs.field(converter=_options)
    title: str = ""
    selected_id: str = ""
    disable: bool | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.question_key, "question_key", limits.CARD_KEY_BYTES, at_least=1)
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
        key: what you are called back with, 1 to 1,024 bytes, another one for each button.
        url: leads there instead of calling you back.
        style: one of WeCom's four looks, 1 to 4.
        type: URL for a button with a url.
    """

    text: str
    key: str = ""
    url: str = ""
    style: int = 1
    type: CardLink = attrs.field(default=CardLink.NOWHERE, converter=CardLink)

    def __attrs_post_init__(self) -> None:
        needed(self.text, "text")
        _values.check_range(self.style, "style", 1, limits.CARD_BUTTON_STYLES)
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
        needed(self.text, "text")
        _values.check_bytes(self.key, "key", limits.CARD_KEY_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class CardCheckbox(Model):
    """
    A vote on 1 to 20 options.

    Args:
        question_key: what you are called back with, 1 to 1,024 bytes.
        option_list: the options, each with an id of its own.
        mode: with 1 several may be ticked.
        disable: the vote cannot be changed any more; only in `update_card`.
    """

    question_key: str
    option_list: tuple[CardOption, ...] = attrs.field(converter=_votes)
    mode: int = 0
    disable: bool | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.question_key, "question_key", limits.CARD_KEY_BYTES, at_least=1)
        _values.check_range(self.mode, "mode", 0, 1)
        _check_options(self.option_list, limits.CARD_VOTES)
