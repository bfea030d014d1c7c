"""How many pixels a picture has: read from the head of PNG and JPEG files."""

from __future__ import annotations

from typing import BinaryIO, Final


__all__ = ["pixels"]

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8"
# The segments of a JPEG that begin a frame, and so tell its size; C4, C8 and CC, in between, do not.
_FRAMES: Final = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))


def pixels(file: BinaryIO) -> tuple[int, int] | None:
    """Return width and height of the picture that begins where *file* stands; None where it does not tell."""
    head = file.read(24)
    if head.startswith(_PNG) and head[12:16] == b"IHDR" and len(head) == 24:
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if not head.startswith(_JPEG):
        return None
    file.seek(len(_JPEG) - len(head), 1)
    while len(segment := file.read(9)) == 9 and segment[0] == 0xFF:
        if segment[1] in _FRAMES:
            return int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")
        # The length of a segment counts itself, and not the two bytes before it.
        file.seek(2 + int.from_bytes(segment[2:4], "big") - len(segment), 1)
    return None
