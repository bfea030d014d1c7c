"""What apps can send to staff besides cards (WeCom documentation 90236)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeAlias, TypeVar

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._content import File, Image, Video
from privdom.wecom._values import Model, OpenInt
from privdom.wecom.app_messages.cards import Card
from privdom.wecom.wire import NO_EXTRA, Extra


__all__ = [
    "AppContent",
    "AppSafety",
    "AppText",
    "AppVideo",
    "Article",
    "Markdown",
    "MiniProgramNotice",
    "MpArticle",
    "MpNews",
    "News",
    "NoticeItem",
    "PlainContent",
    "TextCard",
    "Voice",
]

T = TypeVar("T", bound=Model)


class AppSafety(OpenInt):
    """Whether staff can pass a message on."""

    OPEN = 0
    CONFIDENTIAL = 1
    """They cannot, and it is shown with a watermark."""
    CORP_ONLY = 2
    """Within the corp only; of an `MpNews`."""


def _check_link(url: str) -> None:
    _values.check_bytes(url, "url", limits.ARTICLE_URL_BYTES)
    if not url.startswith(("http://", "https://")):
        msg = "url must begin with http:// or https://"
        raise UsageError(msg)


def _tuple_of(values: Iterable[T], what: str) -> tuple[T, ...]:
    if isinstance(values, Model):
        msg = f"one {what} was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(values)


@attrs.frozen(repr=False, weakref_slot=False)
class AppText(Model):
    """A text, 1 to 2,048 bytes in UTF-8; WeCom cuts what is longer. Line breaks and ``<a href>`` are understood."""

    msgtype: ClassVar[str] = "text"
    content: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.content, "content", limits.APP_MESSAGE_TEXT_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class Voice(Model):
    """A voice, by the media id of a file uploaded in the last three days."""

    msgtype: ClassVar[str] = "voice"
    media_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.media_id, "media_id")


@attrs.frozen(repr=False, weakref_slot=False)
class AppVideo(Model):
    """
    A video and what stands beside it.

    Args:
        media_id: of a file uploaded in the last three days.
        title: at most 128 bytes in UTF-8.
        description: at most 512 bytes.
    """

    msgtype: ClassVar[str] = "video"
    media_id: str
    title: str = ""
    description: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.media_id, "media_id")
        _values.check_bytes(self.title, "title", limits.ARTICLE_TITLE_BYTES)
        _values.check_bytes(self.description, "description", limits.ARTICLE_DESCRIPTION_BYTES)


@attrs.frozen(repr=False, weakref_slot=False)
class TextCard(Model):
    """
    A title, a few words and a button that leads somewhere (文本卡片).

    Args:
        title: 1 to 128 characters.
        description: 1 to 512 characters; ``<br>`` and ``<div class="gray">``, ``highlight`` or ``normal`` are understood.
        url: where a click leads, http or https, at most 2,048 bytes.
        btntxt: what stands on the button, at most 4 characters; 详情 by default.
    """

    msgtype: ClassVar[str] = "textcard"
    title: str
    description: str
    url: str
    btntxt: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_chars(self.title, "title", limits.TEXT_CARD_TITLE_CHARS, at_least=1)
        _values.check_chars(self.description, "description", limits.TEXT_CARD_DESCRIPTION_CHARS, at_least=1)
        _check_link(self.url)
        _values.check_chars(self.btntxt, "btntxt", limits.TEXT_CARD_BUTTON_CHARS)


@attrs.frozen(repr=False, weakref_slot=False)
class Article(Model):
    """
    One article of news: a link or a page of a mini program.

    Args:
        title: 1 to 128 bytes in UTF-8.
        url: http or https, at most 2,048 bytes.
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
        _values.check_bytes(self.description, "description", limits.ARTICLE_DESCRIPTION_BYTES)
        _values.check_bytes(self.picurl, "picurl", limits.ARTICLE_URL_BYTES)
        _values.check_bytes(self.pagepath, "pagepath", limits.ARTICLE_PAGE_BYTES)
        if bool(self.appid) != bool(self.pagepath):
            msg = "a mini program needs both appid and pagepath"
            raise UsageError(msg)
        if bool(self.url) == bool(self.appid):
            msg = "an article needs a url, or appid and pagepath: WeCom ignores url where all are given"
            raise UsageError(msg)
        if self.url:
            _check_link(self.url)


def _articles(values: Iterable[Article]) -> tuple[Article, ...]:
    return _tuple_of(values, "article")


@attrs.frozen(repr=False, weakref_slot=False)
class News(Model):
    """1 to 8 articles."""

    msgtype: ClassVar[str] = "news"
    articles: tuple[Article, ...] = attrs.field(converter=_articles)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_count(self.articles, "articles", at_least=1, at_most=limits.ARTICLES)


@attrs.frozen(repr=False, weakref_slot=False)
class MpArticle(Model):
    """
    One article whose text WeCom keeps.

    Args:
        title: 1 to 128 bytes in UTF-8.
        thumb_media_id: of a picture uploaded in the last three days.
        content: HTML, 1 to 666,000 bytes; its pictures from `media.upload_image`.
        author: at most 64 bytes.
        content_source_url: where 阅读原文 leads.
        digest: what stands under the title, at most 512 bytes.
    """

    title: str
    thumb_media_id: str
    content: str
    author: str = ""
    content_source_url: str = ""
    digest: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.title, "title", limits.ARTICLE_TITLE_BYTES, at_least=1)
        _values.text_id(self.thumb_media_id, "thumb_media_id")
        _values.check_bytes(self.content, "content", limits.ARTICLE_CONTENT_BYTES, at_least=1)
        _values.check_bytes(self.author, "author", limits.ARTICLE_AUTHOR_BYTES)
        _values.check_bytes(self.digest, "digest", limits.ARTICLE_DESCRIPTION_BYTES)


def _mp_articles(values: Iterable[MpArticle]) -> tuple[MpArticle, ...]:
    return _tuple_of(values, "article")


@attrs.frozen(repr=False, weakref_slot=False)
class MpNews(Model):
    """1 to 8 articles whose text WeCom keeps (mpnews); each sending is counted as other articles."""

    msgtype: ClassVar[str] = "mpnews"
    articles: tuple[MpArticle, ...] = attrs.field(converter=_mp_articles)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_count(self.articles, "articles", at_least=1, at_most=limits.ARTICLES)


@attrs.frozen(repr=False, weakref_slot=False)
class Markdown(Model):
    """
    A text with marks, 1 to 2,048 bytes in UTF-8.

    Headings, bold, links, code in a line, quotes, and ``<font color="info">``,
    ``comment`` or ``warning``. Not shown where staff read in WeChat.
    """

    msgtype: ClassVar[str] = "markdown"
    content: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.content, "content", limits.APP_MESSAGE_TEXT_BYTES, at_least=1)


@attrs.frozen(repr=False, weakref_slot=False)
class NoticeItem(Model):
    """A line of a notice: a name of at most 10 characters and a value of at most 30."""

    key: str
    value: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_chars(self.key, "key", limits.NOTICE_KEY_CHARS)
        _values.check_chars(self.value, "value", limits.NOTICE_VALUE_CHARS)
        if not self.key and not self.value:
            msg = "key and value are empty: WeCom leaves such a line out"
            raise UsageError(msg)


def _items(values: Iterable[NoticeItem]) -> tuple[NoticeItem, ...]:
    return _tuple_of(values, "line")


@attrs.frozen(repr=False, weakref_slot=False)
class MiniProgramNotice(Model):
    """
    A notice that opens a mini program (小程序通知); not to ``@all``. Not shown where staff read in WeChat.

    Args:
        appid: of the mini program, which must be linked to the app.
        title: 4 to 12 characters.
        page: where a click leads, at most 1,024 bytes; without it, nowhere.
        description: 4 to 12 characters.
        emphasis_first_item: the first line in large type.
        content_item: at most 10 lines.
    """

    msgtype: ClassVar[str] = "miniprogram_notice"
    appid: str
    title: str
    page: str = ""
    description: str = ""
    emphasis_first_item: bool | None = None
    content_item: tuple[NoticeItem, ...] = attrs.field(default=(), converter=_items)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        least, most = limits.NOTICE_TITLE_CHARS_LEAST, limits.NOTICE_TITLE_CHARS
        _values.text_id(self.appid, "appid")
        _values.check_chars(self.title, "title", most, at_least=least)
        _values.check_bytes(self.page, "page", limits.NOTICE_PAGE_BYTES)
        if self.description:
            _values.check_chars(self.description, "description", most, at_least=least)
        _values.check_count(self.content_item, "content_item", at_most=limits.NOTICE_ITEMS)


PlainContent: TypeAlias = (
    AppText | Image | Voice | AppVideo | File | TextCard | News | MpNews | Markdown | MiniProgramNotice
)
"""What an app can send besides cards."""

AppContent: TypeAlias = str | PlainContent | Video | Card
"""What an app can send; a bare text is an `AppText`, a `Video` is an `AppVideo` without a title."""
