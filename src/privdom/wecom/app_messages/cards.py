"""Template cards (模板卡片): five kinds of card that staff read, answer or vote on (WeCom documentation 90236)."""

from __future__ import annotations

import re

from typing import ClassVar, TypeAlias

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Model
from privdom.wecom.app_messages.card_parts import (
    CardButton,
    CardCheckbox,
    CardEmphasis,
    CardField,
    CardImage,
    CardImageText,
    CardJump,
    CardLink,
    CardMenu,
    CardParagraph,
    CardQuote,
    CardSelect,
    CardSource,
    CardSubmit,
    CardTarget,
    CardTitle,
    buttons,
    check_unique,
    fields,
    jumps,
    needed,
    paragraphs,
    selects,
)
from privdom.wecom.wire import tell_apart_inside


__all__ = [
    "ButtonInteraction",
    "Card",
    "MultipleInteraction",
    "NewsNotice",
    "TextNotice",
    "VoteInteraction",
    "check_for_sending",
]

_TASK_ID = re.compile(rf"[0-9A-Za-z_\-@]{{1,{limits.CARD_TASK_ID_BYTES}}}")


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
    horizontal_content_list: tuple[CardField, ...] = attrs.field(default=(), converter=fields)
    jump_list: tuple[CardJump, ...] = attrs.field(default=(), converter=jumps)
    card_action: CardTarget | None = attrs.field(default=None, converter=_target)
    task_id: str = ""

    def _check(self) -> None:
        _values.check_count(self.horizontal_content_list, "horizontal_content_list", at_most=limits.CARD_FIELDS)
        _values.check_count(self.jump_list, "jump_list", at_most=limits.CARD_JUMPS)
        if self.task_id and _TASK_ID.fullmatch(self.task_id) is None:
            msg = f"task_id must be at most {limits.CARD_TASK_ID_BYTES} of letters, digits and _-@"
            raise UsageError(msg)

    def _check_title(self) -> None:
        needed(self.main_title.title if self.main_title else "", "main_title")

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
    vertical_content_list: tuple[CardParagraph, ...] = attrs.field(default=(), converter=paragraphs)

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
        card_action: where a click beside the buttons leads; need not be there.
        task_id: must be there, to be sent.
        button_list: 1 to 6 buttons.
        button_selection: a question above them.
        replace_text: what stands on the greyed-out button afterwards; only in `update_card`.
    """

    card_type: ClassVar[str] = "button_interaction"
    button_list: tuple[CardButton, ...] = attrs.field(converter=buttons)
    button_selection: CardSelect | None = None
    replace_text: str = ""

    def __attrs_post_init__(self) -> None:
        self._check()
        self._check_title()
        _values.check_count(self.button_list, "button_list", at_least=1, at_most=limits.CARD_BUTTONS)
        check_unique((button.key for button in self.button_list if button.key), "key")


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class VoteInteraction(_Card):
    """
    A card to vote on (投票选择型); what is not told here is as in `ButtonInteraction`.

    The page of WeCom gives it no other parts than these, main_title, source and
    task_id, and does not tell what becomes of others.

    Args:
        checkbox: the question and what may be ticked.
        submit_button: hands it in; must be there, to be sent.
    """

    card_type: ClassVar[str] = "vote_interaction"
    checkbox: CardCheckbox
    submit_button: CardSubmit | None = None
    replace_text: str = ""

    def __attrs_post_init__(self) -> None:
        self._check()
        self._check_title()


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class MultipleInteraction(_Card):
    """
    A card with several questions (多项选择型); what is not told here is as in `VoteInteraction`.

    Args:
        select_list: 1 to 3 questions, each with a key of its own.
        submit_button: hands the answers in; must be there, to be sent.
    """

    card_type: ClassVar[str] = "multiple_interaction"
    select_list: tuple[CardSelect, ...] = attrs.field(converter=selects)
    submit_button: CardSubmit | None = None
    replace_text: str = ""

    def __attrs_post_init__(self) -> None:
        self._check()
        self._check_title()
        _values.check_count(self.select_list, "select_list", at_least=1, at_most=limits.CARD_SELECTS)
        check_unique((select.question_key for select in self.select_list), "question_key")


Card: TypeAlias = TextNotice | NewsNotice | ButtonInteraction | VoteInteraction | MultipleInteraction
"""A template card."""

tell_apart_inside(Card, "card_type", (TextNotice, NewsNotice, ButtonInteraction, VoteInteraction, MultipleInteraction))


def check_for_sending(card: Card) -> None:
    """Check what a new card needs, and one that takes the place of another does not."""
    interactive = not isinstance(card, TextNotice | NewsNotice)
    if (interactive or card.action_menu is not None) and not card.task_id:
        msg = "the card needs a task_id, since staff can answer it: give one that the app has not used yet"
        raise UsageError(msg)
    if isinstance(card, TextNotice | NewsNotice):
        return
    if card.replace_text or _disabled(card):
        msg = "replace_text and disable are for cards that were answered: leave them out, and give them to update_card"
        raise UsageError(msg)
    if not isinstance(card, ButtonInteraction) and card.submit_button is None:
        msg = "the card has no submit_button, so nobody could hand it in: give one"
        raise UsageError(msg)


def _disabled(card: ButtonInteraction | VoteInteraction | MultipleInteraction) -> bool:
    if isinstance(card, VoteInteraction):
        return bool(card.checkbox.disable)
    return isinstance(card, MultipleInteraction) and any(select.disable for select in card.select_list)
