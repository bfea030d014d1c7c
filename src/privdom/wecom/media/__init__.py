"""Media files, uploaded for messages, moments and albums, and read back: WeCom documentation 90253 to 90256 and others."""

from __future__ import annotations

from privdom.wecom.media.api import AsyncMedia, Media
from privdom.wecom.media.files import MediaSource
from privdom.wecom.media.models import (
    AttachmentType,
    DownloadMediaRequest,
    MediaType,
    SavedMedia,
    UploadAttachmentRequest,
    UploadByUrlRequest,
    UploadDetail,
    UploadedImage,
    UploadedMedia,
    UploadJob,
    UploadJobRequest,
    UploadJobResult,
    UploadMediaRequest,
    UploadScene,
    UploadStatus,
)


__all__ = [
    "AsyncMedia",
    "AttachmentType",
    "DownloadMediaRequest",
    "Media",
    "MediaSource",
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
