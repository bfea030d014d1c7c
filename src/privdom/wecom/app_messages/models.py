"""What apps send to staff, what became of it, and what is asked of WeCom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import HIDDEN, Model
from privdom.wecom.app_messages.cards import Card, check_for_sending
from privdom.wecom.wire import NO_EXTRA, Extra, Joined


__all__ = [
    "EVERYONE",
    "AppContent",
    "AppMessageSent",
    "AppText",
    "Article",
    "CardReplacement",
    "CardUpdated",
    "Markdown",
    "News",
    "RecallAppMessageRequest",
    "SendAppMessageRequest",
    "UpdateCardRequest",
]

_NOBODY = Joined()

EVERYONE = "@all"
"""As the only receiver: all staff in the app's visible range."""


@attrs.frozen(repr=False, weakref_slot=False)
class AppText(Model):
    """A text, 1 to 2,048 bytes in UTF-8; WeCom cuts what is longer. Line breaks and ``<a href>`` are understood."""

    content: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.content, "content", limits.APP_MESSAGE_TEXT_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class Markdown(Model):
    """
    A text with marks, 1 to 2,048 bytes in UTF-8.

    Headings, bold, links, code in a line, quotes, and ``<font color="info">``,
    ``comment`` or ``warning``. Not shown where staff read in WeChat.
    """

    content: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.content, "content", limits.APP_MESSAGE_TEXT_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class Article(Model):
    """
    One article of news: a link or a page of a mini program.

    Args:
        title: 1 to 128 bytes in UTF-8.
        url: at most 2,048 bytes.
        description: at most 512 bytes.
        picurl: of a picture, 1068 x 455 for the first and 150 x 150 for the others at best.
        appid: of a mini program that is linked to the app, instead of a url.
        pagepath: at most 128 bytes.
    """

    title: str
    url: str = ""
    description: str = ""
    picurl: str = ""
    appid: str = ""
    pagepath: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.title, "title", limits.ARTICLE_TITLE_BYTES, at_least=1)
        _values.check_bytes(self.url, "url", limits.ARTICLE_URL_BYTES)
        _values.check_bytes(self.description, "description", limits.ARTICLE_DESCRIPTION_BYTES)
        _values.check_bytes(self.picurl, "picurl", limits.ARTICLE_URL_BYTES)
        _values.check_bytes(self.pagepath, "pagepath", limits.ARTICLE_PAGE_BYTES)
        if bool(self.appid) != bool(self.pagepath):
            msg = "a mini program needs both appid and pagepath"
            raise UsageError(msg)
        if bool(self.url) == bool(self.appid):
            msg = "an article needs a url, or appid and pagepath: WeCom ignores url where all are given"
            raise UsageError(msg)


def _articles(values: Iterable[Article]) -> tuple[Article, ...]:
    if isinstance(values, Model):
        msg = "one article was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(values)


@attrs.frozen(repr=False, weakref_slot=False)
class News(Model):
    """1 to 8 articles."""

    articles: tuple[Article, ...] = attrs.field(converter=_articles)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_count(self.articles, "articles", at_least=1, at_most=limits.ARTICLES)


AppContent: TypeAlias = str | AppText | Markdown | News | Card
"""What an app can send; a bare text is an `AppText`."""


def _joined(values: Iterable[str]) -> Joined:
    return Joined(_values.texts(values))


def _joined_numbers(values: Iterable[int]) -> Joined:
    return Joined(str(value) for value in values)


def _check_receivers(touser: Joined, toparty: Joined, totag: Joined) -> None:
    _values.staff_ids(touser, "touser", at_most=limits.APP_MESSAGE_STAFF)
    _values.ids(toparty, "toparty", at_most=limits.APP_MESSAGE_DEPARTMENTS)
    _values.ids(totag, "totag", at_most=limits.APP_MESSAGE_TAGS)
    if any("|" in userid for userid in touser):
        msg = "touser holds several userids joined by bars: give a list of userids"
        raise UsageError(msg)
    if not touser and not toparty and not totag:
        msg = "the message goes to nobody: give touser, toparty or totag"
        raise UsageError(msg)
    if EVERYONE in touser and (len(touser) > 1 or toparty or totag):
        msg = "WeCom ignores other receivers beside @all: leave them out"
        raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class SendAppMessageRequest(Model):
    """A message of an app to staff: `of` makes one. Its kind says which of the four contents it has."""

    touser: Joined = attrs.field(default=_NOBODY, converter=_joined)
    toparty: Joined = attrs.field(default=_NOBODY, converter=_joined_numbers)
    totag: Joined = attrs.field(default=_NOBODY, converter=_joined_numbers)
    msgtype: str
    agentid: int
    text: AppText | None = None
    markdown: Markdown | None = None
    news: News | None = None
    template_card: Card | None = None
    safe: int | None = None
    enable_id_trans: int | None = None
    enable_duplicate_check: int | None = None
    duplicate_check_interval: int | None = None

    def __attrs_post_init__(self) -> None:
        _check_receivers(self.touser, self.toparty, self.totag)
        _values.check_range(self.agentid, "agent_id", 0, 2**31 - 1)
        contents = {
            "text": self.text,
            "markdown": self.markdown,
            "news": self.news,
            "template_card": self.template_card,
        }
        if [self.msgtype] != [kind for kind, content in contents.items() if content is not None]:
            msg = "msgtype must name the one content that is given: text, markdown, news or template_card"
            raise UsageError(msg)
        if self.template_card is not None:
            check_for_sending(self.template_card)
        _values.check_range(self.safe, "safe", 0, 1)
        interval = self.duplicate_check_interval
        _values.check_range(interval, "duplicate_check_interval", 1, limits.DUPLICATE_CHECK_SECONDS)
        if interval is not None and not self.enable_duplicate_check:
            msg = "duplicate_check_interval is of no use without the check: give enable_duplicate_check=True"
            raise UsageError(msg)

    @classmethod
    def of(
        cls,
        content: AppContent,
        *,
        agent_id: int,
        touser: Iterable[str] = (),
        toparty: Iterable[int] = (),
        totag: Iterable[int] = (),
        safe: bool = False,
        enable_id_trans: bool = False,
        enable_duplicate_check: bool = False,
        duplicate_check_interval: int | None = None,
    ) -> SendAppMessageRequest:
        """Return the message with this content; `AsyncAppMessages.send` tells what the arguments mean."""
        text = AppText(content) if isinstance(content, str) else content if isinstance(content, AppText) else None
        markdown = content if isinstance(content, Markdown) else None
        news = content if isinstance(content, News) else None
        card = content if not isinstance(content, str | AppText | Markdown | News) else None
        kinds = {"text": text, "markdown": markdown, "news": news, "template_card": card}
        return cls(
            touser=touser,
            toparty=toparty,
            totag=totag,
            msgtype=next(kind for kind, value in kinds.items() if value is not None),
            agentid=agent_id,
            text=text,
            markdown=markdown,
            news=news,
            template_card=card,
            # WeCom's defaults are left out.
            safe=1 if safe else None,
            enable_id_trans=1 if enable_id_trans else None,
            enable_duplicate_check=1 if enable_duplicate_check else None,
            duplicate_check_interval=duplicate_check_interval,
        )


@attrs.frozen(repr=False, weakref_slot=False)
class AppMessageSent(Model):
    """
    A message that WeCom took, and whom it cannot go to.

    Nothing here proves that staff got it: more than 30 a minute or 1,000 an hour
    from one app to one staff are dropped without a word.
    """

    msgid: str = ""
    """What `recall` takes, for 24 hours."""
    invaliduser: Joined = _NOBODY
    """Userids in lower case, however they were given."""
    invalidparty: Joined = _NOBODY
    invalidtag: Joined = _NOBODY
    unlicenseduser: Joined = _NOBODY
    """Staff in the visible range who have no licence for the API (基础接口许可)."""
    response_code: str = attrs.field(default="", metadata=HIDDEN)
    """What `update_card` takes, once within 72 hours; only of cards that staff can answer."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class RecallAppMessageRequest(Model):
    """Which message to take back."""

    msgid: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.msgid, "msgid")


@attrs.frozen(repr=False, weakref_slot=False)
class CardReplacement(Model):
    """What stands on the button of an answered card, greyed out."""

    replace_name: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.replace_name, "replace_name")


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class UpdateCardRequest(Model):
    """Which card to change, for whom, and into what: a greyed-out button or a whole new card."""

    userids: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    partyids: tuple[int, ...] = attrs.field(default=(), converter=_values.numbers)
    tagids: tuple[int, ...] = attrs.field(default=(), converter=_values.numbers)
    atall: int | None = None
    agentid: int
    response_code: str = attrs.field(metadata=HIDDEN)
    enable_id_trans: int | None = None
    button: CardReplacement | None = None
    template_card: Card | None = None

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.response_code, "response_code")
        _values.check_range(self.agentid, "agent_id", 0, 2**31 - 1)
        _values.staff_ids(self.userids, "userids", at_most=limits.APP_MESSAGE_STAFF)
        _values.check_count(self.partyids, "partyids", at_most=limits.APP_MESSAGE_DEPARTMENTS)
        _values.check_count(self.tagids, "tagids", at_most=limits.APP_MESSAGE_TAGS)
        if not self.atall and not self.userids and not self.partyids and not self.tagids:
            msg = "the card changes for nobody: give userids, partyids or tagids, or atall=True for all who got it"
            raise UsageError(msg)
        if (self.button is None) == (self.template_card is None):
            msg = "give one of replace_name, for the button, and card, for a whole new one"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class CardUpdated(Model):
    """For whom a card could not be changed: userids in lower case."""

    invaliduser: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)
