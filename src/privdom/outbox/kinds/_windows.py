"""Windows of time that WeCom's listings take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta


__all__ = ["windows"]


def windows(start: datetime, end: datetime, *, days: int) -> Iterator[tuple[datetime, datetime]]:
    """Cut the time from *start* to *end* into windows of at most *days*; a person may resend after months."""
    longest = timedelta(days=days)
    while start < end:
        yield start, min(end, start + longest)
        start += longest
