"""What messages are made of: a text, and attachments that WeCom tells apart by ``msgtype``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeAlias

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Model
from privdom.wecom.wire import NO_EXTRA, Extra, tell_apart


__all__ = [
    "Attachment",
    "File",
    "Image",
    "Link",
    "MiniProgram",
    "OtherAttachment",
    "Text",
    "Video",
    "as_attachments",
    "as_text",
    "check_content",
]


@attrs.frozen(repr=False, weakref_slot=False)
class Text(Model):
    """A text, at most 4,000 bytes in UTF-8."""

    content: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.content, "text", limits.MESSAGE_TEXT_BYTES)


@attrs.frozen(repr=False, weakref_slot=False)
class Image(Model):
    """
    A picture, by one of two ways.

    Args:
        media_id: of a file uploaded in the last three days.
        pic_url: or a URL that WeCom's media/uploadimg gave.
    """

    msgtype: ClassVar[str] = "image"
    media_id: str = ""
    pic_url: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        if bool(self.media_id) == bool(self.pic_url):
            msg = "an image needs one of media_id and pic_url: WeCom ignores pic_url where both are given"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class Link(Model):
    """
    A web page.

    Args:
        title: 1 to 128 bytes in UTF-8.
        url: at most 2,048 bytes.
        picurl: of a cover, at most 2,048 bytes.
        desc: at most 512 bytes.
    """

    msgtype: ClassVar[str] = "link"
    title: str
    url: str
    picurl: str = ""
    desc: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.title, "title", limits.LINK_TITLE_BYTES, at_least=1)
        _values.check_bytes(self.url, "url", limits.LINK_URL_BYTES, at_least=1)
        _values.check_bytes(self.picurl, "picurl", limits.LINK_URL_BYTES)
        _values.check_bytes(self.desc, "desc", limits.LINK_DESC_BYTES)


@attrs.frozen(repr=False, weakref_slot=False)
class MiniProgram(Model):
    """
    A page of a mini program that is linked to the corp.

    Args:
        title: 1 to 64 bytes in UTF-8.
        pic_media_id: of a cover, 520 x 416 advised. WeCom does not always tell it of what was sent.
        appid: ``wx...``
        page: the path of the page.
    """

    msgtype: ClassVar[str] = "miniprogram"
    title: str
    pic_media_id: str = ""
    appid: str = ""
    page: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_bytes(self.title, "title", limits.MINIPROGRAM_TITLE_BYTES, at_least=1)
        _values.text_id(self.pic_media_id, "pic_media_id")
        _values.text_id(self.appid, "appid")
        _values.text_id(self.page, "page")


@attrs.frozen(repr=False, weakref_slot=False)
class Video(Model):
    """A video, by the media id of a file uploaded in the last three days."""

    msgtype: ClassVar[str] = "video"
    media_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.media_id, "media_id")


@attrs.frozen(repr=False, weakref_slot=False)
class File(Model):
    """A file, by the media id of a file uploaded in the last three days."""

    msgtype: ClassVar[str] = "file"
    media_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.media_id, "media_id")


@attrs.frozen(repr=False, weakref_slot=False)
class OtherAttachment(Model):
    """A kind of attachment that this version does not know, as WeCom sent it."""

    msgtype: str
    content: Mapping[str, Any] = attrs.field(hash=False, repr=False)


Attachment: TypeAlias = Image | Link | MiniProgram | Video | File | OtherAttachment
"""What can hang on a message."""

tell_apart(Attachment, "msgtype", (Image, Link, MiniProgram, Video, File), OtherAttachment)


def as_text(value: str | Text | None) -> Text | None:
    """Return a text as WeCom wants it, and None for an empty one."""
    text = Text(value) if isinstance(value, str) else value
    return text if text and text.content else None


def as_attachments(values: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """Return attachments as a tuple; a single one is a slip."""
    if isinstance(values, Model):
        msg = "one attachment was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(values)


def check_content(text: Text | None, attachments: tuple[Attachment, ...]) -> None:
    """Check that there is something to send, and not more than WeCom takes."""
    _values.check_count(attachments, "attachments", at_most=limits.MESSAGE_ATTACHMENTS)
    if not attachments and (text is None or not text.content):
        msg = "there is nothing to send: give a text or attachments"
        raise UsageError(msg)
    if any(isinstance(item, OtherAttachment) for item in attachments):
        msg = "this version cannot send such an attachment: give an Image, Link, MiniProgram, Video or File"
        raise UsageError(msg)
