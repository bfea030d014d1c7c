"""Files on this machine: read piece by piece on their way out, and written piece by piece on their way in."""

from __future__ import annotations

import io
import os
import secrets

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from email.message import Message
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, Final, TypeAlias

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom.media.models import AttachmentType, MediaType
from privdom.wecom.media.pictures import pixels


__all__ = ["MediaSource", "NewFile", "Upload", "check_attachment", "check_image", "check_media", "filename_of"]

MediaSource: TypeAlias = Path | BinaryIO | bytes
"""A file to upload: its path, the file itself, opened for reading in binary mode, or its content."""

_PIECE_BYTES: Final = 65_536
_CONTENT_TYPES: Final = {
    ".amr": "audio/amr",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
    ".png": "image/png",
}
# They would end the name, or the line, in the head of the part; WeCom does not tell how to write them.
_NOT_IN_NAMES: Final = frozenset('"\\/') | {chr(i) for i in (*range(32), 127)}


class Upload:
    """
    A file as the one part, named ``media``, of a multipart body.

    Nothing of it is kept in memory but the source. Blocks while it looks at the file.

    Raises:
        UsageError: There is no such file, it cannot be read again, or it has no name.
    """

    def __init__(self, source: MediaSource, name: str | None) -> None:
        if not isinstance(source, (Path, bytes)) and not hasattr(source, "seekable"):
            msg = "this is no file: give a pathlib.Path, a file opened with 'rb', or bytes"
            raise UsageError(msg)
        if isinstance(source, io.TextIOBase):
            msg = "the file was opened as text: open it with 'rb'"
            raise UsageError(msg)
        self._source: Path | BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source
        self._start = 0
        self.name = name if name is not None else _name_of(source)
        # Names on disk that are no UTF-8 hold halves of characters.
        whole = self.name.encode("utf-8", "replace").decode()
        if not self.name or _NOT_IN_NAMES & set(self.name) or self.name != whole:
            msg = (
                f"the file has no name that can be sent ({self.name[:60]!r}): give one with name=,"
                " without quotes, slashes and line breaks"
            )
            raise UsageError(msg)
        self.suffix = PurePosixPath(self.name).suffix.lower()
        self.size = self._measure()
        boundary = secrets.token_hex(16)
        self._opening = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="media"; filename="{self.name}";'
            f" filelength={self.size}\r\nContent-Type: {_CONTENT_TYPES.get(self.suffix, 'application/octet-stream')}"
            "\r\n\r\n"
        ).encode()
        self._closing = f"\r\n--{boundary}--\r\n".encode()
        self.headers: Mapping[str, str] = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._opening) + self.size + len(self._closing)),
        }

    def _measure(self) -> int:
        try:
            if isinstance(self._source, Path):
                with self._source.open("rb") as file:
                    return file.seek(0, io.SEEK_END)
            if not self._source.seekable():
                msg = "the file cannot be read twice, as a repeated call must: give a pathlib.Path or bytes"
                raise UsageError(msg)
            self._start = self._source.tell()
            size = self._source.seek(0, io.SEEK_END) - self._start
            self._source.seek(self._start)
        except UsageError:
            raise
        except (OSError, ValueError) as e:
            msg = f"{self.name!r} cannot be read ({type(e).__name__}): give a file that is there and open"
            raise UsageError(msg) from e
        return size

    def _opened(self) -> AbstractContextManager[BinaryIO]:
        if isinstance(self._source, Path):
            return self._source.open("rb")
        # It is the caller's, and stays open.
        self._source.seek(self._start)
        return nullcontext(self._source)

    def pixels(self) -> tuple[int, int] | None:
        """Return width and height of a picture, or None where they are not told."""
        with self._opened() as file:
            try:
                return pixels(file)
            finally:
                # A caller's own file stands where it stood, for another try.
                file.seek(self._start)

    def pieces(self) -> Generator[bytes, None, None]:
        """
        Yield the body, from its beginning.

        Raises:
            UsageError: The file has become shorter meanwhile, or cannot be read any more.
        """
        yield self._opening
        left = self.size
        try:
            with self._opened() as file:
                while left:
                    piece = file.read(min(left, _PIECE_BYTES))
                    if not piece:
                        msg = f"{self.name!r} became shorter while it was being sent: send it again when it is complete"
                        raise UsageError(msg)
                    left -= len(piece)
                    yield piece
        except OSError as e:
            msg = (
                f"{self.name!r} could not be read to its end ({type(e).__name__}): look at its disk, then send it again"
            )
            raise UsageError(msg) from e
        yield self._closing

    def __repr__(self) -> str:
        return f"<Upload {self.name} {self.size:,} bytes>"


def _name_of(source: MediaSource) -> str:
    path = source if isinstance(source, Path) else getattr(source, "name", "")
    # A file opened by number has that for a name.
    return Path(path).name if isinstance(path, (str, Path)) else ""


def _check_size(file: Upload, at_least: int, at_most: int) -> None:
    if not at_least <= file.size <= at_most:
        msg = f"{file.name!r} has {file.size:,} bytes: it must have {at_least:,} to {at_most:,}"
        raise UsageError(msg)


def _check_suffix(file: Upload, suffixes: tuple[str, ...], kind: MediaType) -> None:
    if file.suffix not in suffixes:
        msg = f"{file.name!r} cannot be used as {kind.value}: its name must end in {', '.join(suffixes)}"
        raise UsageError(msg)


_SUFFIXES: Final = {
    MediaType.IMAGE: limits.MEDIA_IMAGE_SUFFIXES,
    MediaType.VOICE: limits.MEDIA_VOICE_SUFFIXES,
    MediaType.VIDEO: limits.MEDIA_VIDEO_SUFFIXES,
}
_LARGEST: Final = {
    MediaType.IMAGE: limits.MEDIA_IMAGE_BYTES,
    MediaType.VOICE: limits.MEDIA_VOICE_BYTES,
    MediaType.VIDEO: limits.MEDIA_VIDEO_BYTES,
    MediaType.FILE: limits.MEDIA_FILE_BYTES,
}


def check_media(file: Upload, kind: MediaType) -> None:
    """Check size and suffix of a temporary file."""
    if kind in _SUFFIXES:
        _check_suffix(file, _SUFFIXES[kind], kind)
    _check_size(file, limits.MEDIA_MIN_BYTES, _LARGEST[kind])


def check_attachment(file: Upload, kind: MediaType, place: AttachmentType) -> None:
    """Check size, suffix and pixels of an attachment. Blocks, for it looks into pictures."""
    check_media(file, kind)
    if kind is not MediaType.IMAGE or place is not AttachmentType.MOMENT:
        return
    short, long = sorted(file.pixels() or (0, 0))
    if short > limits.ATTACHMENT_IMAGE_SHORT_SIDE or long > limits.ATTACHMENT_IMAGE_LONG_SIDE:
        msg = (
            f"{file.name!r} has {long:,} x {short:,} pixels: on a moment it may have"
            f" {limits.ATTACHMENT_IMAGE_LONG_SIDE:,} x {limits.ATTACHMENT_IMAGE_SHORT_SIDE:,}, make it smaller"
        )
        raise UsageError(msg)


def check_image(file: Upload) -> None:
    """Check the size of an image that is to stay; of which formats WeCom takes, its page says nothing."""
    _check_size(file, limits.IMAGE_MIN_BYTES, limits.IMAGE_BYTES)


def filename_of(disposition: str) -> str:
    """Return the name in a Content-Disposition, without any folders; empty where there is none."""
    head = Message()
    head["Content-Disposition"] = disposition
    name = PureWindowsPath(head.get_filename("")).name
    return "" if name == ".." else name


class NewFile:
    """
    A file that is at *path* only when it is complete; before, it lies beside it. Blocks.

    Raises:
        UsageError: Nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self.size = 0
        if path.is_dir():
            msg = f"{path} is a folder: give the path of the file to write"
            raise UsageError(msg)
        try:
            self._file = self._part.open("xb")
        except OSError as e:
            msg = f"nothing can be written at {path} ({type(e).__name__}): give a path in a folder that is there"
            raise UsageError(msg) from e

    def write(self, piece: bytes) -> None:
        """Append *piece*."""
        self.size += self._file.write(piece)

    def keep(self) -> None:
        """Put it at its path, in place of what was there."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def drop(self) -> None:
        """Remove what was written."""
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<NewFile {self.size:,} bytes>"
