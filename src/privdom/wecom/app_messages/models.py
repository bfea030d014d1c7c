"""What apps send to staff, what became of it, and what is asked of WeCom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._content import File, Image, Video
from privdom.wecom._values import HIDDEN, Model
from privdom.wecom.app_messages.cards import Card, check_for_sending
from privdom.wecom.app_messages.contents import (
    AppContent,
    AppSafety,
    AppText,
    AppVideo,
    Markdown,
    MiniProgramNotice,
    MpNews,
    News,
    PlainContent,
    TextCard,
    Voice,
)
from privdom.wecom.wire import NO_EXTRA, Extra, Joined


__all__ = [
    "EVERYONE",
    "AppMessageSent",
    "CardReplacement",
    "CardUpdated",
    "RecallAppMessageRequest",
    "SendAppMessageRequest",
    "UpdateCardRequest",
]

_NOBODY = Joined()

EVERYONE = "@all"
"""As the only receiver: all staff in the app's visible range."""

_KINDS: Final = (
    "text",
    "image",
    "voice",
    "video",
    "file",
    "textcard",
    "news",
    "mpnews",
    "markdown",
    "miniprogram_notice",
    "template_card",
)
# The page of WeCom tells of ``safe`` and of ``enable_id_trans`` for these; the others would ignore them.
_SAFE: Final = frozenset({"text", "image", "video", "file", "mpnews"})
_WITH_NAMES: Final = frozenset({"text", "textcard", "news", "mpnews", "miniprogram_notice", "template_card"})


def _joined(values: Iterable[str]) -> Joined:
    return Joined(_values.texts(values))


def _joined_numbers(values: Iterable[int]) -> Joined:
    if isinstance(values, str):
        msg = "one text was given where numbers are due: give a list of departments or tags, such as [1, 2]"
        raise UsageError(msg)
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
    """A message of an app to staff: `of` makes one. ``msgtype`` says which of the contents it has."""

    touser: Joined = attrs.field(default=_NOBODY, converter=_joined)
    toparty: Joined = attrs.field(default=_NOBODY, converter=_joined_numbers)
    totag: Joined = attrs.field(default=_NOBODY, converter=_joined_numbers)
    msgtype: str
    agentid: int
    text: AppText | None = None
    image: Image | None = None
    voice: Voice | None = None
    video: AppVideo | None = None
    file: File | None = None
    textcard: TextCard | None = None
    news: News | None = None
    mpnews: MpNews | None = None
    markdown: Markdown | None = None
    miniprogram_notice: MiniProgramNotice | None = None
    template_card: Card | None = None
    safe: int | None = None
    enable_id_trans: int | None = None
    enable_duplicate_check: int | None = None
    duplicate_check_interval: int | None = None

    def __attrs_post_init__(self) -> None:
        _check_receivers(self.touser, self.toparty, self.totag)
        _values.check_range(self.agentid, "agent_id", 0, 2**31 - 1)
        if [self.msgtype] != [kind for kind in _KINDS if getattr(self, kind) is not None]:
            msg = f"msgtype must name the one content that is given: one of {', '.join(_KINDS)}"
            raise UsageError(msg)
        if self.template_card is not None:
            check_for_sending(self.template_card)
        if self.image is not None and not self.image.media_id:
            msg = "an app sends an image by its media_id, not by pic_url: upload it with media.image"
            raise UsageError(msg)
        if self.miniprogram_notice is not None and EVERYONE in self.touser:
            msg = "WeCom sends no notice of a mini program to @all: name the receivers"
            raise UsageError(msg)
        self._check_switches()
        interval = self.duplicate_check_interval
        _values.check_range(interval, "duplicate_check_interval", 1, limits.DUPLICATE_CHECK_SECONDS)
        if interval is not None and not self.enable_duplicate_check:
            msg = "duplicate_check_interval is of no use without the check: give enable_duplicate_check=True"
            raise UsageError(msg)

    def _check_switches(self) -> None:
        _values.check_range(self.safe, "safe", AppSafety.OPEN, AppSafety.CORP_ONLY)
        if self.safe and self.msgtype not in _SAFE:
            msg = (
                f"WeCom knows no confidential {self.msgtype}: leave safe out, or send one of {', '.join(sorted(_SAFE))}"
            )
            raise UsageError(msg)
        if self.safe == AppSafety.CORP_ONLY and self.msgtype != MpNews.msgtype:
            msg = "only mpnews can be kept within the corp: give safe=AppSafety.CONFIDENTIAL"
            raise UsageError(msg)
        if self.enable_id_trans and self.msgtype not in _WITH_NAMES:
            msg = f"WeCom puts no names into {self.msgtype}: leave enable_id_trans out, and write the names yourself"
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
        safe: AppSafety | int = AppSafety.OPEN,
        enable_id_trans: bool = False,
        enable_duplicate_check: bool = False,
        duplicate_check_interval: int | None = None,
    ) -> SendAppMessageRequest:
        """Return the message with this content; `AsyncAppMessages.send` tells what the arguments mean."""
        if isinstance(content, str):
            content = AppText(content)
        elif isinstance(content, Video):
            content = AppVideo(content.media_id)
        kind = content.msgtype if isinstance(content, PlainContent) else "template_card"
        if not isinstance(content, PlainContent | Card):  # pyright: ignore[reportUnnecessaryIsInstance]
            msg = f"an app cannot send a {type(content).__name__}: give a text, an Image, a News, a card ..."
            raise UsageError(msg)
        made: dict[str, Any] = {kind: content}
        return cls(
            touser=touser,
            toparty=toparty,
            totag=totag,
            msgtype=kind,
            agentid=agent_id,
            # WeCom's defaults are left out.
            safe=int(safe) or None,
            enable_id_trans=1 if enable_id_trans else None,
            enable_duplicate_check=1 if enable_duplicate_check else None,
            duplicate_check_interval=duplicate_check_interval,
            **made,
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
