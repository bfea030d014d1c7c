"""Upload media files and read them back."""

from __future__ import annotations

import re

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import ApiError, NotUnderstood, UsageError
from privdom.wecom._content import File, Image, Video
from privdom.wecom.media.files import (
    MediaSource,
    NewFile,
    Upload,
    check_attachment,
    check_image,
    check_media,
    filename_of,
)
from privdom.wecom.media.models import (
    AttachmentType,
    DownloadMediaRequest,
    MediaType,
    SavedMedia,
    UploadAttachmentRequest,
    UploadByUrlRequest,
    UploadedImage,
    UploadedMedia,
    UploadJob,
    UploadJobRequest,
    UploadJobResult,
    UploadMediaRequest,
)


if TYPE_CHECKING:
    from privdom.wecom.session import Download, Session


__all__ = ["AsyncMedia", "Media"]

_TOO_LARGE: Final = 830002
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class AsyncMedia:
    """
    Media files (素材): temporary ones for messages, attachments for moments and albums, images that stay.

    A file goes out, and comes in, in pieces of 64 KB: its size costs no memory.
    Give it as a `pathlib.Path`, as a file opened with ``"rb"``, which is sent from
    where it stands and stays open, or as bytes with a ``name``. Every method
    raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def _open(self, media: MediaSource, name: str | None) -> Upload:
        return await self._session.port.offload(partial(Upload, media, name))

    async def upload(
        self,
        type: MediaType | str,  # noqa: A002 - WeCom's name
        media: MediaSource,
        *,
        name: str | None = None,
    ) -> UploadedMedia:
        """
        Upload a temporary file for messages to customers or staff, welcomes and the like (WeCom documentation 90253).

        Moments and the product album do not take it: see `upload_attachment`.

        Args:
            type: an image (JPG or PNG, at most 10 MB), a voice (AMR, 2 MB, 60 seconds), a video (MP4, 10 MB), or a
                file (20 MB). Each must have more than 5 bytes.
            media: the file.
            name: what receivers see as its name; by default that of the file.

        Raises:
            UsageError: Too large, too small, a name that does not fit, or nothing that can be read.
            Refused: A broken image (40123), a voice that is no AMR (301017) ...
        """
        request = UploadMediaRequest(type)
        file = await self._open(media, name)
        check_media(file, request.type)
        return await self._session.upload(endpoints.MEDIA_UPLOAD, request, file, UploadedMedia)

    async def upload_attachment(
        self,
        media_type: MediaType | str,
        media: MediaSource,
        *,
        attachment_type: AttachmentType | int = AttachmentType.MOMENT,
        name: str | None = None,
    ) -> UploadedMedia:
        """
        Upload an attachment for a moment or the product album (WeCom documentation 95098).

        Messages do not take it: see `upload`.

        Args:
            media_type: an image (JPG or PNG, at most 10 MB), or for moments a video (MP4, 10 MB, 30 seconds). For
                moments an image has at most 10,800 x 1,080 pixels.
            media: the file.
            attachment_type: moments, or the product album.
            name: its name; by default that of the file.

        Raises:
            UsageError: Too large, too small, too many pixels, a name that does not fit, or nothing that can be read.
            Refused: Too long a video (41082), a broken one (41090) ...
        """
        request = UploadAttachmentRequest(media_type, attachment_type)
        file = await self._open(media, name)
        check = partial(check_attachment, file, request.media_type, request.attachment_type)
        await self._session.port.offload(check)
        return await self._session.upload(endpoints.MEDIA_ATTACHMENT, request, file, UploadedMedia)

    async def upload_image(self, media: MediaSource, *, name: str | None = None) -> UploadedImage:
        """
        Upload an image that stays, for the ``pic_url`` of messages and the text of `MpArticle` (WeCom documentation 90256).

        A corp can upload 1,000 a day and 3,000 a month. Outside WeCom the URL shows nothing.

        Args:
            media: 5 bytes to 2 MB.
            name: its name; by default that of the file.

        Raises:
            UsageError: Too large, too small, or nothing that can be read.
            MayHaveArrived: Nothing tells; a second one costs one of the 1,000 and harms nobody.
            QuotaExceeded: Too many (45009).
        """
        file = await self._open(media, name)
        check_image(file)
        return await self._session.upload(endpoints.MEDIA_IMAGE, None, file, UploadedImage)

    async def image(self, media: MediaSource, *, name: str | None = None) -> Image:
        """Upload a temporary image with `upload`, and return it as what hangs on a message."""
        return Image((await self.upload(MediaType.IMAGE, media, name=name)).media_id)

    async def video(self, media: MediaSource, *, name: str | None = None) -> Video:
        """Upload a temporary video with `upload`, and return it as what hangs on a message."""
        return Video((await self.upload(MediaType.VIDEO, media, name=name)).media_id)

    async def file(self, media: MediaSource, *, name: str | None = None) -> File:
        """Upload a temporary file with `upload`, and return it as what hangs on a message."""
        return File((await self.upload(MediaType.FILE, media, name=name)).media_id)

    async def download(self, media_id: str, *, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """
        Yield the bytes of a temporary file, or of a part of it (WeCom documentation 90254).

        What WeCom finds too large to send at once (830002) is asked for in pieces of 20 MB.

        Args:
            media_id: of any app of the corp, at most three days old.
            start: where to begin, counted from 0.
            stop: where to end, exclusive; None: at the end. Some files WeCom gives only in multiples of 16 bytes.

        Raises:
            UsageError: *media_id* is empty, or there is nothing between *start* and *stop*.
            MayHaveArrived: The connection broke in the middle; ``start`` helps to go on.
            BadRequest: There is no such file (40007) or no more (40145), or no such part of it (40146).
        """
        async with aclosing(self._answers(media_id, start, stop)) as answers:
            async for answer in answers:
                async with aclosing(answer.chunks()) as chunks:
                    async for chunk in chunks:
                        yield chunk

    async def _answers(self, media_id: str, start: int, stop: int | None) -> AsyncGenerator[Download, None]:
        request = DownloadMediaRequest(media_id)
        if start < 0 or (stop is not None and stop <= start):
            msg = "there is nothing between start and stop: count from 0, and leave stop out to read to the end"
            raise UsageError(msg)
        if start == 0 and stop is None:
            try:
                async with self._session.download(endpoints.MEDIA_GET, request) as answer:
                    yield answer
                    return
            except ApiError as e:
                if e.errcode != _TOO_LARGE:
                    raise
        at = start
        while stop is None or at < stop:
            last = at + limits.MEDIA_PIECE_BYTES - 1
            if stop is not None:
                last = min(last, stop - 1)
            headers = {"Range": f"bytes={at}-{last}"}
            async with self._session.download(endpoints.MEDIA_GET, request, headers) as answer:
                told = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
                if told is None or int(told[1]) != at or not at <= int(told[2]) <= last:
                    msg = f"{endpoints.MEDIA_GET.path} answered with another part of the file than was asked for"
                    raise NotUnderstood(msg)
                yield answer
            at = int(told[2]) + 1
            if at >= int(told[3]):
                return

    async def save(self, media_id: str, path: Path) -> SavedMedia:
        """
        Write a temporary file to *path*, and tell what it is (WeCom documentation 90254).

        It appears there, in place of what was there, only when it is complete.

        Raises:
            UsageError: *media_id* is empty, or nothing can be written at *path*.
            MayHaveArrived: The connection broke in the middle; nothing was saved.
            BadRequest: There is no such file (40007) or no more (40145).
        """
        port = self._session.port
        new = await port.offload(partial(NewFile, path))
        kept = False
        content_type = filename = ""
        try:
            async with aclosing(self._answers(media_id, 0, None)) as answers:
                async for answer in answers:
                    content_type = answer.headers.get("Content-Type", "")
                    filename = filename_of(answer.headers.get("Content-Disposition", ""))
                    async with aclosing(answer.chunks()) as chunks:
                        async for chunk in chunks:
                            await port.offload(partial(new.write, chunk))
            await port.offload(new.keep)
            kept = True
        finally:
            if not kept:
                with port.shield():
                    await port.offload(new.drop)
        return SavedMedia(content_type, filename, new.size)

    async def download_jssdk(self, media_id: str) -> AsyncGenerator[bytes, None]:
        """
        Yield the bytes of a voice that was recorded in a page of one's own (WeCom documentation 90255).

        In Speex at 16 kHz, where `download` gives AMR at 8 kHz; recorded with ``uploadVoice`` of WeCom's JS-SDK.

        Raises:
            UsageError: *media_id* is empty.
            MayHaveArrived: The connection broke in the middle.
            BadRequest: There is no such voice (40007) or no more.
        """
        request = DownloadMediaRequest(media_id)
        async with (
            self._session.download(endpoints.MEDIA_GET_JSSDK, request) as answer,
            aclosing(answer.chunks()) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def upload_by_url(
        self,
        type: MediaType | str,  # noqa: A002 - WeCom's name
        url: str,
        *,
        filename: str,
        md5: str,
    ) -> UploadJob:
        """
        Have WeCom fetch a large file for a group welcome (WeCom documentation 96219).

        `UploadJobFinished` tells when it is done, `upload_by_url_result` how it ended.

        Args:
            type: a video (MP4), or a file; 6 bytes to 200 MB.
            url: http or https, at most 1,024 bytes; the server there must know ``Range``.
            filename: what receivers see as its name, at most 128 bytes.
            md5: of the file, 32 hex digits.

        Raises:
            UsageError: Another type, or a text that is too long.
        """
        request = UploadByUrlRequest(type, filename, url, md5)
        return await self._session.call(endpoints.MEDIA_BY_URL, request, UploadJob)

    async def upload_by_url_result(self, jobid: str) -> UploadJobResult:
        """
        Return what came of `upload_by_url` (WeCom documentation 96219); for 60 minutes.

        Raises:
            UsageError: *jobid* is empty.
            Refused: There is no such job (40088), perhaps any more.
        """
        return await self._session.call(endpoints.MEDIA_BY_URL_RESULT, UploadJobRequest(jobid), UploadJobResult)

    def __repr__(self) -> str:
        return f"<AsyncMedia of {self._session.corp_id}>"


class Media(Blocking[AsyncMedia]):
    """Media files (素材): temporary ones, attachments, images that stay; `AsyncMedia`, blocking."""

    upload = blocking(AsyncMedia.upload)
    upload_attachment = blocking(AsyncMedia.upload_attachment)
    upload_image = blocking(AsyncMedia.upload_image)
    image = blocking(AsyncMedia.image)
    video = blocking(AsyncMedia.video)
    file = blocking(AsyncMedia.file)
    download = blocking_iter(AsyncMedia.download)
    save = blocking(AsyncMedia.save)
    download_jssdk = blocking_iter(AsyncMedia.download_jssdk)
    upload_by_url = blocking(AsyncMedia.upload_by_url)
    upload_by_url_result = blocking(AsyncMedia.upload_by_url_result)
