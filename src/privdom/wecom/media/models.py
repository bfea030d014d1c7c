"""What is asked of WeCom about media files, and what it answers."""

from __future__ import annotations

import re

from datetime import datetime

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Model, OpenInt, OpenText
from privdom.wecom.wire import NO_EXTRA, Extra


__all__ = [
    "AttachmentType",
    "DownloadMediaRequest",
    "MediaType",
    "SavedMedia",
    "UploadAttachmentRequest",
    "UploadByUrlRequest",
    "UploadDetail",
    "UploadJob",
    "UploadJobRequest",
    "UploadJobResult",
    "UploadMediaRequest",
    "UploadScene",
    "UploadStatus",
    "UploadedImage",
    "UploadedMedia",
]

_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class MediaType(OpenText):
    """What a file is to be used as."""

    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"


class AttachmentType(OpenInt):
    """Where an attachment is to hang (附件资源)."""

    MOMENT = 1
    ALBUM = 2


class UploadScene(OpenInt):
    """What a file fetched from a URL is for."""

    GROUP_WELCOME = 1


class UploadStatus(OpenInt):
    """How far WeCom is with fetching a file."""

    RUNNING = 1
    DONE = 2
    FAILED = 3


@attrs.frozen(repr=False, weakref_slot=False)
class UploadMediaRequest(Model):
    """What the temporary file that is sent along is to be used as."""

    type: MediaType = attrs.field(converter=MediaType)

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.type, "type")


_ATTACHED = {
    AttachmentType.MOMENT: (MediaType.IMAGE, MediaType.VIDEO),
    AttachmentType.ALBUM: (MediaType.IMAGE,),
}


@attrs.frozen(repr=False, weakref_slot=False)
class UploadAttachmentRequest(Model):
    """
    What the attachment that is sent along is, and where it is to hang.

    Moments take images and videos, the product album takes images.
    """

    media_type: MediaType = attrs.field(converter=MediaType)
    attachment_type: AttachmentType = attrs.field(default=AttachmentType.MOMENT, converter=AttachmentType)

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.attachment_type, "attachment_type")
        _values.check_choice(self.media_type, "media_type")
        taken = _ATTACHED[self.attachment_type]
        if self.media_type not in taken:
            msg = (
                f"media_type is {self.media_type.value!r}: {self.attachment_type.name} takes {' or '.join(taken)};"
                " what hangs on a message is uploaded with media.upload"
            )
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class UploadedMedia(Model):
    """
    An uploaded file. WeCom forgets it three days after ``created_at``.

    Args:
        type: as it was asked for.
        media_id: good for all apps of the corp.
        created_at: when it was uploaded.
    """

    type: MediaType
    media_id: str
    created_at: datetime | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class UploadedImage(Model):
    """An image that stays. Its URL is shown only within WeCom; there is no media id."""

    url: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class DownloadMediaRequest(Model):
    """Which file to read."""

    media_id: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.media_id, "media_id")


@attrs.frozen(repr=False, weakref_slot=False)
class SavedMedia(Model):
    """
    A file that was read and saved.

    Args:
        content_type: as WeCom told it, such as ``image/png``; empty where it told none.
        filename: the name it was uploaded under, never a path; empty where WeCom told none.
        size: how many bytes were saved.
    """

    content_type: str
    filename: str
    size: int


@attrs.frozen(repr=False, weakref_slot=False)
class UploadByUrlRequest(Model):
    """
    A file for WeCom to fetch.

    Args:
        type: `MediaType.VIDEO`, which must be MP4, or `MediaType.FILE`.
        filename: the name that receivers see, 1 to 128 bytes.
        url: http or https, at most 1,024 bytes; the server there must know ``Range``.
        md5: of the file, 32 hex digits.
        scene: the only use there is.
    """

    scene: UploadScene = attrs.field(default=UploadScene.GROUP_WELCOME, converter=UploadScene, kw_only=True)
    type: MediaType = attrs.field(converter=MediaType)
    filename: str
    url: str
    md5: str

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.scene, "scene")
        if self.type not in (MediaType.VIDEO, MediaType.FILE):
            msg = f"type is {self.type.value!r}: WeCom fetches a video or a file; upload the others"
            raise UsageError(msg)
        _values.check_bytes(self.filename, "filename", limits.URL_MEDIA_NAME_BYTES, at_least=1)
        if not self.url.startswith(("http://", "https://")):
            msg = "url must begin with http:// or https://"
            raise UsageError(msg)
        _values.check_bytes(self.url, "url", limits.URL_MEDIA_URL_BYTES)
        if not _MD5.fullmatch(self.md5):
            msg = "md5 must have 32 hex digits: give hashlib.md5(...).hexdigest() of the file"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class UploadJob(Model):
    """WeCom is fetching a file. It can be asked for 60 minutes how that goes."""

    jobid: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class UploadJobRequest(Model):
    """Which fetching to ask about."""

    jobid: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.jobid, "jobid")


@attrs.frozen(repr=False, weakref_slot=False)
class UploadDetail(Model):
    """
    What came of it: a media id for three days, or an errcode.

    830001: the server does not know ``Range``; 830003: it did not give the file;
    45001: not 6 bytes to 200 MB; 301019: the MD5 is another.
    """

    errcode: int = 0
    errmsg: str = ""
    media_id: str = ""
    created_at: datetime | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class UploadJobResult(Model):
    """How far it is; ``detail`` once it is done or has failed."""

    status: UploadStatus
    detail: UploadDetail = UploadDetail()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)
