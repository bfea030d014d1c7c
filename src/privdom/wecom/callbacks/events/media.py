"""What becomes of files that WeCom fetches by itself: upload_media_job_finish (96219)."""

from __future__ import annotations

import attrs

from privdom.wecom.callbacks.events._base import KnownEvent, field


__all__ = ["UploadJobFinished"]


@attrs.frozen(kw_only=True)
class UploadJobFinished(KnownEvent):
    """WeCom has fetched a file from its URL, or could not; ask how it ended (upload_media_job_finish)."""

    job_id: str = field("JobId")
