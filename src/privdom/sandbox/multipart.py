"""Read the one file of a multipart body, as strictly as the documentation of uploads says (90253)."""

from __future__ import annotations

import hashlib
import re

from typing import Final

import attrs


__all__ = ["FormFile", "file_in"]

_BOUNDARY: Final = re.compile(r'boundary="?([^";,\s]{1,70})"?')
_PARAMETER: Final = re.compile(r';\s*(\w+)\s*=\s*(?:"([^"]*)"|([^;\s]*))')


@attrs.frozen
class FormFile:
    """A part that is a file; ``filelength`` is what its head says of the size, or None."""

    name: str
    filename: str
    filelength: int | None
    content: bytes = attrs.field(repr=False)

    @property
    def md5(self) -> str:
        """Of the content, in hex."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


def file_in(content_type: str, body: bytes) -> FormFile | None:
    """Return the first part with a filename, or None where there is none or the body is cut."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    line = b"--" + found[1].encode("latin-1")
    at = 0 if body.startswith(line) else body.find(b"\r\n" + line) + 2
    while body.startswith(line + b"\r\n", at):
        begin = at + len(line) + 2
        end = body.find(b"\r\n" + line, begin)
        head, gap, _ = body[begin : min(begin + 8_192, end)].partition(b"\r\n\r\n")
        if end < 0 or not gap:
            return None
        part = _part(head, body, begin + len(head) + 4, end)
        if part is not None:
            return part
        at = end + 2
    return None


def _part(head: bytes, body: bytes, begin: int, end: int) -> FormFile | None:
    for header in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = header.partition(":")
        if name.strip().lower() != "content-disposition" or not value.strip().lower().startswith("form-data"):
            continue
        told = {key.lower(): quoted or bare for key, quoted, bare in _PARAMETER.findall(value)}
        if told.get("filename"):
            length = told.get("filelength", "")
            return FormFile(
                told.get("name", ""), told["filename"], int(length) if length.isdecimal() else None, body[begin:end]
            )
    return None
