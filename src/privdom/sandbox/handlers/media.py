"""Media files: uploaded, fetched from a URL, and read back (90253, 95098, 90256, 90254, 90255, 96219)."""

from __future__ import annotations

import re

from bisect import bisect_right
from pathlib import PurePosixPath
from typing import Final, Literal

import attrs

from privdom._facts import limits
from privdom.sandbox.chance import digest
from privdom.sandbox.errors import WeComError
from privdom.sandbox.handlers.route import FileAnswer
from privdom.sandbox.multipart import FormFile
from privdom.sandbox.pictures import JPEG, PNG, pixels
from privdom.sandbox.state import Medium, UploadJob
from privdom.sandbox.world import Call, World


__all__ = [
    "Fetching",
    "check_attached",
    "check_noted",
    "check_sent",
    "get",
    "get_jssdk",
    "upload",
    "upload_attachment",
    "upload_by_url",
    "upload_by_url_result",
    "upload_image",
]

_DAY: Final = 86_400
_KINDS: Final = ("image", "voice", "video", "file")
_MOMENT, _ALBUM = 1, 2
_ATTACHED: Final = {_MOMENT: ("image", "video"), _ALBUM: ("image",)}
_ENOUGH: Final = limits.MEDIA_MIN_BYTES
_CONTENT_TYPES: Final = {
    ".amr": "voice/amr",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
    ".png": "image/png",
}
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{1,15})")
_RUNNING, _DONE, _FAILED = 1, 2, 3
_BLOCK: Final = 16


def _file(call: Call) -> FormFile:
    file = call.file
    # No errcode is told for a body without a file; an empty one has this. The part should be called media; clients
    # that call it otherwise are in use.
    if file is None or not file.content:
        raise WeComError(44001)
    return file


def _suffix(file: FormFile) -> str:
    return PurePosixPath(file.filename).suffix.lower()


def _is_picture(content: bytes) -> bool:
    return content.startswith((PNG, JPEG))


def _is_mp4(content: bytes) -> bool:
    return content[4:8] == b"ftyp"


def _keep(world: World, file: FormFile, kind: str, source: Literal["media", "moment", "album"]) -> Medium:
    prefix = "3" if source == "media" else "WWCISP_"
    media_id = world.new_id(prefix, "medium", kind, file.filename, file.md5)
    medium = Medium(media_id, kind, source, file.filename, file.content, world.timestamp)
    world.state.media[media_id] = medium
    return medium


# Which of the codes for sizes answers what is told nowhere: those that name a kind are taken for it.


def _check_image(file: FormFile, too_large: int) -> None:
    size = len(file.content)
    if _suffix(file) not in limits.MEDIA_IMAGE_SUFFIXES:
        raise WeComError(40004)
    if size > limits.MEDIA_IMAGE_BYTES:
        raise WeComError(too_large)
    if not _is_picture(file.content) or file.filelength not in (None, size):
        raise WeComError(40123)


def _check_voice(file: FormFile) -> None:
    if len(file.content) > limits.MEDIA_VOICE_BYTES:
        raise WeComError(45001)
    if _suffix(file) not in limits.MEDIA_VOICE_SUFFIXES or not file.content.startswith(b"#!AMR"):
        raise WeComError(301017)


def _check_video(file: FormFile, too_large: int, broken: int) -> None:
    if len(file.content) > limits.MEDIA_VIDEO_BYTES:
        raise WeComError(too_large)
    if _suffix(file) not in limits.MEDIA_VIDEO_SUFFIXES or not _is_mp4(file.content):
        raise WeComError(broken)


def upload(world: World, call: Call) -> dict[str, object]:
    """Answer media/upload."""
    kind = call.query.get("type", "")
    if kind not in _KINDS:
        raise WeComError(40005)
    file = _file(call)
    if len(file.content) < _ENOUGH:
        raise WeComError(40006)
    if kind == "image":
        _check_image(file, 40009)
    elif kind == "voice":
        _check_voice(file)
    elif kind == "video":
        _check_video(file, 40011, 40004)
    elif len(file.content) > limits.MEDIA_FILE_BYTES:
        raise WeComError(45001)
    medium = _keep(world, file, kind, "media")
    return {"errmsg": "", "type": kind, "media_id": medium.media_id, "created_at": str(medium.created)}


def upload_attachment(world: World, call: Call) -> dict[str, object]:
    """Answer media/upload_attachment."""
    kind, scene = call.query.get("media_type", ""), call.query.get("attachment_type", "")
    if kind not in ("image", "video", "file"):
        raise WeComError(40005)
    if scene not in (str(_MOMENT), str(_ALBUM)):
        raise WeComError(40058)
    if kind not in _ATTACHED[int(scene)]:
        raise WeComError(41072)
    file = _file(call)
    if len(file.content) < _ENOUGH:
        raise WeComError(40006)
    if kind == "image":
        _check_image(file, 41080)
        sides = sorted(pixels(file.content) or (0, 0))
        if scene == str(_MOMENT) and (
            sides[0] > limits.ATTACHMENT_IMAGE_SHORT_SIDE or sides[1] > limits.ATTACHMENT_IMAGE_LONG_SIDE
        ):
            raise WeComError(41081)
    else:
        _check_video(file, 41080, 41090)
    medium = _keep(world, file, kind, "moment" if scene == str(_MOMENT) else "album")
    return {"type": kind, "media_id": medium.media_id, "created_at": medium.created}


def upload_image(world: World, call: Call) -> dict[str, object]:
    """Answer media/uploadimg: an address that stays, and no media id."""
    file = _file(call)
    if not limits.IMAGE_MIN_BYTES <= len(file.content) <= limits.IMAGE_BYTES:
        raise WeComError(40009)
    if not _is_picture(file.content):
        raise WeComError(40123)
    # "A day" and "30 days" are read as sliding windows.
    times, now = world.state.image_times, world.timestamp
    del times[: bisect_right(times, now - 30 * _DAY)]
    today = len(times) - bisect_right(times, now - _DAY)
    if len(times) >= limits.IMAGES_PER_30_DAYS or today >= limits.IMAGES_PER_DAY:
        raise WeComError(45009)
    times.append(now)
    url = f"https://p.qpic.cn/pic_wework/{digest(world.seed, world.new_id('image', file.md5))}/0"
    world.state.image_urls.append(url)
    return {"errmsg": "", "url": url}


def _gone(world: World, medium: Medium) -> bool:
    return world.timestamp >= medium.created + limits.MEDIA_SECONDS


def _find(world: World, call: Call) -> Medium:
    media_id = call.query.get("media_id", "")
    if not media_id:
        raise WeComError(41006)
    medium = world.state.media.get(media_id)
    if medium is None:
        raise WeComError(40007)
    if _gone(world, medium):
        raise WeComError(40145)
    return medium


def _disposition(filename: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{filename}"'}


def get(world: World, call: Call) -> FileAnswer:
    """Answer media/get, with the file or a part of it."""
    medium = _find(world, call)
    content = medium.content
    kind = _CONTENT_TYPES.get(PurePosixPath(medium.filename).suffix.lower(), "application/octet-stream")
    headers = _disposition(medium.filename)
    if not call.range:
        # Told of files that were fetched from a URL; of others only that it occurs.
        if medium.source == "url" and len(content) > limits.MEDIA_PIECE_BYTES:
            raise WeComError(830002)
        return FileAnswer(content, kind, headers)
    asked = _RANGE.fullmatch(call.range)
    first, last = (int(asked[1]), int(asked[2])) if asked else (1, 0)
    length = last - first + 1
    if length < 1 or first >= len(content) or (world.rules.media_in_blocks and length % _BLOCK):
        raise WeComError(40146)
    if length > limits.MEDIA_PIECE_BYTES:
        raise WeComError(830002)
    part = content[first : last + 1]
    headers |= {
        "Accept-Ranges": "bytes",
        "Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(content)}",
    }
    return FileAnswer(part, kind, headers, 206)


def get_jssdk(world: World, call: Call) -> FileAnswer:
    """Answer media/get/jssdk, for voices that were recorded in a page."""
    medium = _find(world, call)
    if not medium.speex:
        raise WeComError(40007)
    name = str(PurePosixPath(medium.filename).with_suffix(".speex"))
    return FileAnswer(medium.speex, "voice/speex", _disposition(name))


def upload_by_url(world: World, call: Call) -> dict[str, object]:
    """Answer media/upload_by_url: a job that is done later."""
    body = call.body
    if body.integer("scene", absent=40063) != 1:
        raise WeComError(40058)
    kind = body.text("type", absent=40063)
    if kind not in ("video", "file"):
        raise WeComError(40005)
    filename = body.text("filename", absent=40063, octets=limits.URL_MEDIA_NAME_BYTES)
    url = body.text("url", absent=40063)
    if len(url.encode()) > limits.URL_MEDIA_URL_BYTES:
        raise WeComError(40039)
    scheme, there, _ = url.partition("://")
    if not there:
        raise WeComError(45034)
    if scheme not in ("http", "https"):
        raise WeComError(40127)
    md5 = body.text("md5", absent=40063, octets=32)
    job = UploadJob(world.new_id("job", "upload", url, md5), kind, filename, url, md5.lower(), world.timestamp)
    world.state.upload_jobs[job.jobid] = job
    if world.rules.url_upload_time:
        world.agenda.book(world.now + world.rules.url_upload_time, f"1:upload:{job.jobid}", Fetching(job))
    else:
        _fetch(world, job)
    return {"jobid": job.jobid}


@attrs.frozen
class Fetching:
    """A file whose turn it is to be fetched from its URL."""

    job: UploadJob

    def run(self, world: World) -> None:
        """Fetch it."""
        _fetch(world, self.job)


def _fetch(world: World, job: UploadJob) -> None:
    page = world.state.web.get(job.url)
    if page is None:
        job.errcode = 830003
    elif not page.ranges:
        job.errcode = 830001
    elif not _ENOUGH <= page.size <= limits.URL_MEDIA_BYTES:
        job.errcode = 45001
    elif page.md5 != job.md5:
        job.errcode = 301019
    else:
        job.media_id = world.new_id("3", "medium", job.kind, job.filename, job.md5)
        world.state.media[job.media_id] = Medium(
            job.media_id, job.kind, "url", job.filename, page.content(), world.timestamp
        )
    job.done = world.timestamp
    world.emit("upload_media_job_finish", "", [("JobId", job.jobid)])


def upload_by_url_result(world: World, call: Call) -> dict[str, object]:
    """Answer media/get_upload_by_url_result, for 60 minutes."""
    job = world.state.upload_jobs.get(call.body.text("jobid", absent=40063))
    if job is None or world.timestamp > job.asked + limits.URL_MEDIA_JOB_SECONDS:
        raise WeComError(40088)
    if not job.done:
        return {"status": _RUNNING}
    if job.errcode:
        return {"status": _FAILED, "detail": {"errcode": job.errcode, "errmsg": WeComError(job.errcode).text}}
    detail: dict[str, object] = {"errcode": 0, "errmsg": "ok"}
    return {"status": _DONE, "detail": {**detail, "media_id": job.media_id, "created_at": str(job.done)}}


# What others that take a media id ask.


def check_sent(world: World, media_id: str, kind: str) -> None:
    """Refuse what no message can carry with 40007: unknown, too old, of another kind, or uploaded for something else."""
    medium = world.state.media.get(media_id)
    if world.rules.check_media and (
        medium is None or _gone(world, medium) or medium.kind != kind or medium.source != "media"
    ):
        raise WeComError(40007)


def check_attached(world: World, media_id: str, kind: str, place: Literal["moment", "album"]) -> None:
    """Refuse what cannot hang there: 40007, or 41072 for what was uploaded for the other place; in albums, for anything."""
    if not world.rules.check_media:
        return
    medium = world.state.media.get(media_id)
    if medium is not None and medium.source != place and (place == "album" or medium.source == "album"):
        raise WeComError(41072)
    if medium is None or _gone(world, medium) or medium.kind != kind or medium.source != place:
        raise WeComError(40007)


def check_noted(world: World, media_id: str) -> None:
    """Refuse a picture of a remark or of closing words: 40145 for one that is too old, 40007 for any other."""
    if not world.rules.check_media:
        return
    medium = world.state.media.get(media_id)
    if medium is not None and _gone(world, medium):
        raise WeComError(40145)
    check_sent(world, media_id, "image")
