"""Media files: sent and read in pieces, checked before they are sent, and whole after a repeat."""

from __future__ import annotations

import gc
import io
import tracemalloc

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import anyio
import httpx
import pytest

from privdom._port import Port
from privdom.errors import ApiError, BadRequest, MayHaveArrived, NotUnderstood, Refused, UsageError
from privdom.sandbox import Fault, RemoteSandbox, Sandbox
from privdom.wecom import AsyncWeCom, File, Image, MediaType, Video, WeCom
from privdom.wecom.callbacks import Callbacks, Crypto, Event, InboxMessage, UploadJobFinished, parse_event
from privdom.wecom.media import (
    AttachmentType,
    DownloadMediaRequest,
    SavedMedia,
    UploadAttachmentRequest,
    UploadByUrlRequest,
    UploadDetail,
    UploadedMedia,
    UploadJobRequest,
    UploadMediaRequest,
    UploadStatus,
)
from privdom.wecom.messages import NewMessage
from privdom.wecom.moments import NewMoment
from privdom.wecom.quota import MemoryQuotas
from privdom.wecom.retry import Retry
from tests.chapters.conftest import Corp, Scripted
from tests.conftest import OnPort


T = TypeVar("T")
QUICK = Retry(first_wait=0.001, longest_wait=0.002, blocked_wait=0.001)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(500)
MD5 = "0123456789abcdef0123456789abcdef"
LARGE = 20 * 2**20
PIECE = 65_536


def quick(corp: Corp, scenario: Callable[[AsyncWeCom], Coroutine[Any, Any, T]]) -> T:
    """Run a scenario whose client repeats at once."""

    async def on(port: Port) -> T:
        return await scenario(AsyncWeCom.on(port, corp.box.corp_id, corp.box.secret, retry=QUICK))

    return corp._on_port(on, transport=corp.box.transport, clock=corp.box.clock)


async def read(wecom: AsyncWeCom, media_id: str, **part: int) -> bytes:
    return b"".join([chunk async for chunk in wecom.media.download(media_id, **part)])


# Up.


@pytest.mark.parametrize("how", ["path", "file", "bytes"])
def test_a_file_is_uploaded_and_read_back(corp: Corp, tmp_path: Path, how: str) -> None:
    """By its path, as an open file or as bytes; it comes back as it was, under its name."""
    path = tmp_path / "门店 1.png"
    path.write_bytes(PNG)

    async def scenario(wecom: AsyncWeCom) -> tuple[UploadedMedia, bytes, SavedMedia]:
        if how == "path":
            made = await wecom.media.upload("image", path)
        elif how == "file":
            with path.open("rb") as file:
                made = await wecom.media.upload(MediaType.IMAGE, file)
                assert not file.closed
        else:
            made = await wecom.media.upload(MediaType.IMAGE, PNG, name=path.name)
        saved = await wecom.media.save(made.media_id, tmp_path / "back.png")
        return made, await read(wecom, made.media_id), saved

    made, content, saved = corp(scenario)

    assert (MediaType.IMAGE, corp.box.clock.now()) == (made.type, made.created_at)
    assert PNG == content == (tmp_path / "back.png").read_bytes()
    assert SavedMedia("image/png", "门店 1.png", len(PNG)) == saved
    assert ["back.png", "门店 1.png"] == sorted(p.name for p in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("voice", "a.amr", b"#!AMR\n123"),
        ("video", "a.MP4", MP4),
        ("file", "a", b"123456"),
        ("image", "a.jpg", b"\xff\xd8\xff123"),
    ],
)
def test_every_kind_of_file(corp: Corp, kind: str, name: str, content: bytes) -> None:
    """Voices, videos, images and any other file; six bytes are enough."""

    async def scenario(wecom: AsyncWeCom) -> bytes:
        return await read(wecom, (await wecom.media.upload(kind, content, name=name)).media_id)

    assert content == corp(scenario)


def test_what_hangs_on_a_message_is_made_at_once(corp: Corp) -> None:
    """`image`, `video` and `file` upload and give what a message takes."""
    corp.box.change_rules(check_media=True)
    customer = corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> list[Image | Video | File]:
        hanging: list[Image | Video | File] = [
            await wecom.media.image(PNG, name="a.png"),
            await wecom.media.video(MP4, name="a.mp4"),
            await wecom.media.file(PNG, name="a.bin"),
        ]
        await wecom.messages.add(NewMessage(attachments=hanging, sender="anna", external_userid=[customer]))
        return hanging

    assert [Image, Video, File] == [type(item) for item in corp(scenario)]


def test_an_attachment_hangs_on_a_moment(corp: Corp) -> None:
    """What is uploaded for moments hangs there; what is uploaded for messages does not."""
    corp.box.change_rules(check_media=True)

    async def scenario(wecom: AsyncWeCom) -> None:
        made = await wecom.media.upload_attachment("image", PNG, name="a.png")
        assert corp.box.clock.now() == made.created_at
        await wecom.moments.add(NewMoment("hi", [Image(made.media_id)]))
        album = await wecom.media.upload_attachment("image", PNG, name="a.png", attachment_type=AttachmentType.ALBUM)
        for media_id, errcode in (
            (album.media_id, 41072),
            ((await wecom.media.image(PNG, name="a.png")).media_id, 40007),
        ):
            with pytest.raises(BadRequest) as caught:
                await wecom.moments.add(NewMoment("hi", [Image(media_id)]))
            assert errcode == caught.value.errcode

    corp(scenario)


def test_an_image_that_stays(corp: Corp) -> None:
    """It has a URL, and takes any name."""

    async def scenario(wecom: AsyncWeCom) -> str:
        return (await wecom.media.upload_image(PNG, name="logo")).url

    assert corp(scenario).startswith("https://p.qpic.cn/")


@pytest.mark.parametrize("kind", ["expired_token", "busy", "lost_response", "connect_refused"])
@pytest.mark.parametrize("how", ["path", "file", "bytes"])
def test_a_repeat_sends_the_whole_file_again(corp: Corp, tmp_path: Path, kind: Any, how: str) -> None:
    """After a refused token, -1, or no answer; a file is sent from where it stood."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"head" + bytes(100_000) + b"tail")
    corp.box.faults.add(Fault(kind, "media/upload", times=2 if kind != "expired_token" else 1))

    async def scenario(wecom: AsyncWeCom) -> bytes:
        with path.open("rb") as file:
            file.seek(4)
            source = {"path": path, "file": file, "bytes": path.read_bytes()}[how]
            made = await wecom.media.upload("file", source, name="b.bin")
        return await read(wecom, made.media_id)

    expected = path.read_bytes()[4 if how == "file" else 0 :]
    assert expected == quick(corp, scenario)


def test_an_image_that_stays_is_not_sent_twice(corp: Corp) -> None:
    """A corp has few of them: whether the first arrived is left to the caller."""
    corp.box.faults.add(Fault("lost_response", "media/uploadimg"))

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.media.upload_image(PNG, name="a.png")

    with pytest.raises(MayHaveArrived):
        quick(corp, scenario)

    assert 1 == len(cast("list[str]", corp.box.state()["images"]))


class _Pipe(io.RawIOBase):
    def readable(self) -> bool:
        return True


def test_what_cannot_be_sent_is_refused_before_it_is(corp: Corp, tmp_path: Path) -> None:
    """Files that are not there, that are none, that cannot be read again, that have no name, or one that breaks a head."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    closed = path.open("rb")
    closed.close()
    (tmp_path / "numbered.png").write_bytes(PNG)
    text = (tmp_path / "numbered.png").open(encoding="latin-1")
    refused: list[tuple[Any, str | None, str]] = [
        (tmp_path / "b.png", None, "cannot be read .FileNotFoundError"),
        (tmp_path, "a.png", "cannot be read"),
        (closed, "a.png", "cannot be read .ValueError"),
        (text, "a.png", "opened as text"),
        (str(path), None, "this is no file: give a pathlib.Path"),
        (bytearray(PNG), "a.png", "this is no file"),
        (_Pipe(), "a.png", "cannot be read twice"),
        (PNG, None, "has no name"),
        (PNG, "", "has no name"),
        (PNG, 'a".png', "has no name that can be sent"),
        (PNG, "a\r\n.png", "has no name that can be sent"),
        (PNG, "x/a.png", "has no name that can be sent"),
        (PNG, "\udcff.png", "has no name that can be sent"),
        (io.BytesIO(PNG), None, "has no name"),
    ]

    async def scenario(wecom: AsyncWeCom) -> None:
        for source, name, why in refused:
            with pytest.raises(UsageError, match=why):
                await wecom.media.upload("image", source, name=name)

    corp(scenario)
    text.close()

    assert [] == corp.box.record.calls


@pytest.mark.parametrize(
    ("kind", "name", "size", "why"),
    [
        ("image", "a.gif", 100, "must end in .jpg, .jpeg, .png"),
        ("voice", "a.mp3", 100, "must end in .amr"),
        ("video", "a.mov", 100, "must end in .mp4"),
        ("file", "a", 5, "has 5 bytes: it must have 6 to 20,971,520"),
        ("image", "a.png", 10 * 2**20 + 1, "6 to 10,485,760"),
        ("voice", "a.amr", 2 * 2**20 + 1, "6 to 2,097,152"),
        ("video", "a.mp4", 10 * 2**20 + 1, "6 to 10,485,760"),
        ("file", "a", 20 * 2**20 + 1, "6 to 20,971,520"),
        ("animation", "a.gif", 100, "type is 'animation': it must be one of image"),
    ],
)
def test_what_wecom_would_refuse_is_not_sent(corp: Corp, kind: str, name: str, size: int, why: str) -> None:
    """Sizes and endings that fit no kind, and a kind that there is not."""

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.media.upload(kind, bytes(size), name=name)

    with pytest.raises(UsageError, match=why):
        corp(scenario)

    assert [] == corp.box.record.calls


@pytest.mark.parametrize("size", [4, 2 * 2**20 + 1])
def test_an_image_that_stays_has_5_bytes_to_2_mb(corp: Corp, size: int) -> None:
    """Anything else is refused before it is sent."""

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.media.upload_image(bytes(size), name="a.png")

    with pytest.raises(UsageError, match="5 to 2,097,152"):
        corp(scenario)


def _png(width: int, height: int) -> bytes:
    return PNG[:8] + b"\x00\x00\x00\x0dIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(20)


def _jpeg(width: int, height: int, *, frame: int = 0xC0, before: bytes = b"") -> bytes:
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8" + before + bytes([0xFF, frame]) + b"\x00\x11\x08" + size + bytes(20)


_EXIF = b"\xff\xe1\xff\xff" + bytes(0xFFFD)
_TABLE = b"\xff\xc4\x00\x12" + b"\xff" * 16


@pytest.mark.parametrize(
    ("content", "fits"),
    [
        (_png(1_080, 10_800), True),
        (_png(1_081, 1_081), False),
        (_png(1, 10_801), False),
        (_jpeg(10_800, 1_080), True),
        (_jpeg(10_801, 1), False),
        (_jpeg(1_081, 1_081, frame=0xC2, before=_EXIF * 3 + _TABLE), False),
        (_jpeg(1_080, 1_080, before=_EXIF + _TABLE), True),
        (b"\xff\xd8" + _EXIF, True),
        (PNG[:20], True),
    ],
    ids=["tall", "many", "too tall", "wide", "too wide", "far in", "far in, fits", "does not tell", "cut"],
)
@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_pixels_of_a_moment(corp: Corp, content: bytes, name: str, *, fits: bool) -> None:
    """Are counted before anything is sent, and by WeCom; an album takes any number. The whole file goes out."""
    file = io.BytesIO(b"before" + content)
    file.seek(6)

    async def scenario(wecom: AsyncWeCom) -> bytes:
        if not fits:
            with pytest.raises(UsageError, match="pixels: on a moment it may have 10,800 x 1,080"):
                await wecom.media.upload_attachment("image", file, name=name)
            assert [] == corp.box.record.calls
        place = AttachmentType.MOMENT if fits else AttachmentType.ALBUM
        made = await wecom.media.upload_attachment("image", file, name=name, attachment_type=place)
        return await read(wecom, made.media_id)

    assert content == corp(scenario)


def test_videos_hang_on_moments(corp: Corp) -> None:
    """A video has no pixels to count."""

    async def scenario(wecom: AsyncWeCom) -> UploadedMedia:
        return await wecom.media.upload_attachment("video", MP4, name="a.mp4")

    assert MediaType.VIDEO is corp(scenario).type


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no kind": (lambda: UploadMediaRequest(""), "type is ''"),
    "voice on a moment": (lambda: UploadAttachmentRequest("voice"), "MOMENT takes image or video"),
    "file on a moment": (lambda: UploadAttachmentRequest("file", 1), "uploaded with media.upload"),
    "video in an album": (lambda: UploadAttachmentRequest("video", 2), "ALBUM takes image"),
    "no such place": (lambda: UploadAttachmentRequest("image", 3), "attachment_type is 3"),
    "no such kind": (lambda: UploadAttachmentRequest("gif", 1), "media_type is 'gif'"),
    "nothing to read": (lambda: DownloadMediaRequest(""), "media_id is empty"),
    "image by url": (lambda: UploadByUrlRequest("image", "a", "https://x", MD5), "type is 'image'"),
    "another scene": (lambda: UploadByUrlRequest("file", "a", "https://x", MD5, scene=2), "scene is 2"),
    "no filename": (lambda: UploadByUrlRequest("file", "", "https://x", MD5), "filename has 0 bytes"),
    "long filename": (lambda: UploadByUrlRequest("file", "张" * 43, "https://x", MD5), "filename has 129 bytes"),
    "no scheme": (lambda: UploadByUrlRequest("file", "a", "x/y", MD5), "must begin with http"),
    "long url": (lambda: UploadByUrlRequest("file", "a", "https://" + "x" * 1017, MD5), "url has 1025 bytes"),
    "no md5": (lambda: UploadByUrlRequest("file", "a", "https://x", "MD5"), "md5 must have 32 hex digits"),
    "no job": (lambda: UploadJobRequest(""), "jobid is empty"),
}


@pytest.mark.parametrize(("make", "why"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_cannot_succeed(make: Callable[[], object], why: str) -> None:
    """Is refused on construction, with what to do instead."""
    with pytest.raises(UsageError, match=why):
        make()


class _Shrinking(io.BytesIO):
    """A file that somebody cuts after its size was looked at."""

    name = "a.bin"

    def read(self, size: int | None = -1, /) -> bytes:
        return b""


class _Broken(_Shrinking):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "bad disk")


@pytest.mark.parametrize(("file", "why"), [(_Shrinking, "became shorter"), (_Broken, "could not be read to its end")])
def test_a_file_that_changes_while_it_is_sent(corp: Corp, file: type[io.BytesIO], why: str) -> None:
    """Half a file is not passed off as a whole one."""

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.media.upload("file", file(bytes(1000)))

    with pytest.raises(UsageError, match=why):
        corp(scenario)

    assert {} == corp.box.state()["media"]


# Down.


def test_a_part_of_a_file(corp: Corp) -> None:
    """From and to a byte, as slices count, or to the end."""

    async def scenario(wecom: AsyncWeCom) -> list[bytes]:
        media_id = (await wecom.media.upload("file", b"0123456789", name="a")).media_id
        return [
            await read(wecom, media_id, start=2, stop=5),
            await read(wecom, media_id, start=7),
            await read(wecom, media_id, stop=1),
            await read(wecom, media_id, start=8, stop=100),
        ]

    assert [b"234", b"789", b"0", b"89"] == corp(scenario)


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 5), (0, 0)])
def test_a_part_with_nothing_in_it(corp: Corp, start: int, stop: int | None) -> None:
    """Is refused before anything is sent."""

    async def scenario(wecom: AsyncWeCom) -> None:
        async for _ in wecom.media.download("m", start=start, stop=stop):
            pass

    with pytest.raises(UsageError, match="nothing between"):
        corp(scenario)


def test_a_refusal_is_no_file(corp: Corp, tmp_path: Path) -> None:
    """Where bytes are due WeCom's errcode is an error all the same, and nothing is saved."""
    path = tmp_path / "a.png"

    async def scenario(wecom: AsyncWeCom) -> list[int]:
        made = await wecom.media.upload("image", PNG, name="a.png")
        errcodes: list[int] = []

        async def fails(asking: Coroutine[Any, Any, object]) -> None:
            with pytest.raises(ApiError) as caught:
                await asking
            errcodes.append(caught.value.errcode)

        await fails(read(wecom, "nothing"))
        await fails(read(wecom, made.media_id, start=len(PNG)))
        corp.box.advance(timedelta(days=3))
        await fails(read(wecom, made.media_id))
        await fails(wecom.media.save(made.media_id, path))
        return errcodes

    assert [40007, 40146, 40145, 40145] == corp(scenario)
    assert [] == list(tmp_path.iterdir())


def test_a_file_of_json_is_a_file(corp: Corp) -> None:
    """What tells is the head of the answer, not what is in it."""
    content = b'{"errcode":40007,"errmsg":"invalid media_id"}'

    async def scenario(wecom: AsyncWeCom) -> bytes:
        return await read(wecom, (await wecom.media.upload("file", content, name="a.json")).media_id)

    assert content == corp(scenario)


@pytest.mark.parametrize("kind", ["expired_token", "busy", "lost_request", "html"])
def test_what_fails_before_the_first_byte_is_asked_for_again(corp: Corp, kind: Any) -> None:
    """Reading changes nothing."""
    corp.box.faults.add(Fault(kind, "media/get"))

    async def scenario(wecom: AsyncWeCom) -> bytes:
        return await read(wecom, (await wecom.media.upload("image", PNG, name="a.png")).media_id)

    assert PNG == quick(corp, scenario)


@pytest.mark.parametrize("over_a_socket", [False, True], ids=["in process", "over a socket"])
def test_a_file_that_breaks_off_is_not_kept(on_port: OnPort, tmp_path: Path, over_a_socket: bool) -> None:
    """Fewer bytes than were promised are an error, and the file that was there before stays."""
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    box = Sandbox()

    async def scenario(port: Port) -> None:
        options: dict[str, str] = {"base_url": url} if url else {}
        wecom = AsyncWeCom.on(port, box.corp_id, box.secret, retry=QUICK, quotas=MemoryQuotas(), **options)
        made = await wecom.media.upload("image", PNG, name="a.png")
        box.faults.add(Fault("truncated", "media/get", times=2, after_change=True))
        with pytest.raises(MayHaveArrived, match="broke off after"):
            await wecom.media.save(made.media_id, path)
        with pytest.raises(MayHaveArrived, match="ask for it again"):
            await read(wecom, made.media_id)
        assert b"old" == path.read_bytes()
        await wecom.media.save(made.media_id, path)
        assert PNG == path.read_bytes()
        await wecom.close()

    url = ""
    if over_a_socket:
        with box.serving() as url:
            on_port(scenario)
    else:
        on_port(scenario, transport=box.transport)

    assert [path] == list(tmp_path.iterdir())


def test_a_place_where_nothing_can_be_written(corp: Corp, tmp_path: Path) -> None:
    """Is refused before anything is asked for."""

    async def scenario(wecom: AsyncWeCom) -> None:
        with pytest.raises(UsageError, match="is a folder"):
            await wecom.media.save("m", tmp_path)
        with pytest.raises(UsageError, match="a folder that is there"):
            await wecom.media.save("m", tmp_path / "nowhere" / "a")

    corp(scenario)

    assert [] == corp.box.record.calls


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("passwd", 'attachment; filename="../../etc/passwd"'),
        ("a.txt", r'attachment; filename="C:\a.txt"'),
        ("中.png", "attachment; filename*=UTF-8''%E4%B8%AD.png"),
        ("", 'attachment; filename=".."'),
        ("", "attachment"),
    ],
)
def test_a_name_is_never_a_path(on_port: OnPort, tmp_path: Path, name: str, disposition: str) -> None:
    """What WeCom tells of the name of a file leads to no other folder."""
    headers = {"Content-Type": "text/plain", "Content-Disposition": disposition}
    answers = Answers(httpx.Response(200, headers=headers, content=b"x"))

    async def scenario(port: Port) -> SavedMedia:
        wecom = AsyncWeCom.on(port, "ww1", "secret", quotas=MemoryQuotas())
        return await wecom.media.save("m", tmp_path / "a")

    assert SavedMedia("text/plain", name, 1) == on_port(scenario, transport=answers.transport)


def test_a_voice_that_was_recorded_in_a_page(corp: Corp) -> None:
    """Comes in two forms; another file has none of the better one."""
    media_id = corp.box.staff_records("anna", seconds=2)

    async def better(wecom: AsyncWeCom, media_id: str) -> bytes:
        return b"".join([chunk async for chunk in wecom.media.download_jssdk(media_id)])

    async def scenario(wecom: AsyncWeCom) -> tuple[bytes, bytes]:
        image = await wecom.media.image(PNG, name="a.png")
        with pytest.raises(BadRequest, match="40007"):
            await better(wecom, image.media_id)
        return await read(wecom, media_id), await better(wecom, media_id)

    plain, fine = corp(scenario)

    assert plain.startswith(b"#!AMR")
    assert fine.startswith(b"Speex")


class Answers:
    """A WeCom that answers downloads with what the test says."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/gettoken"):
            return httpx.Response(200, json={"errcode": 0, "access_token": "t", "expires_in": 7200})
        self.asked.append(request.headers.get("Range", ""))
        return self.answers.pop(0)


def page(status: int = 200, content_range: str = "", body: bytes = b"x", kind: str = "image/png") -> httpx.Response:
    headers = {"Content-Type": kind} | ({"Content-Range": content_range} if content_range else {})
    return httpx.Response(status, headers=headers, content=body)


def asking(on_port: OnPort, answers: Answers, **part: int) -> bytes:
    async def scenario(port: Port) -> bytes:
        wecom = AsyncWeCom.on(port, "ww1", "secret", retry=Retry(attempts=1), quotas=MemoryQuotas())
        return await read(wecom, "m", **part)

    return on_port(scenario, transport=answers.transport)


def test_what_is_too_large_comes_in_pieces(on_port: OnPort) -> None:
    """After 830002 a file is asked for in pieces of 20 MB, each from where the one before ended."""
    answers = Answers(
        httpx.Response(200, json={"errcode": 830002, "errmsg": "too large"}),
        page(206, "bytes 0-19999999/30000000", b"a"),
        page(206, "bytes 20000000-29999999/30000000", b"b"),
    )

    assert b"ab" == asking(on_port, answers)
    assert ["", "bytes=0-19999999", "bytes=20000000-39999999"] == answers.asked


@pytest.mark.parametrize(
    "answer",
    [
        lambda: page(206, ""),
        lambda: page(206, "bytes 0-9/10"),
        lambda: page(206, "bytes 5-4/10"),
        lambda: page(206, "bytes 5-9/*"),
        lambda: page(200, ""),
        lambda: page(200, body=b'{"errcode":0}', kind="application/json"),
        lambda: page(502, body=b"<html>", kind="text/html"),
        lambda: page(200, body=b"<html>", kind="text/html"),
        lambda: page(404, body=b"x"),
        lambda: page(200, body=b"[" * 200_000, kind="text/plain; charset=utf-8"),
    ],
    ids=[
        "no range",
        "another part",
        "backwards",
        "no size",
        "all of it",
        "json",
        "a page",
        "a page with 200",
        "404",
        "long",
    ],
)
def test_an_answer_that_is_neither_file_nor_refusal(on_port: OnPort, answer: Callable[[], httpx.Response]) -> None:
    """Is not understood, and no bytes of it are passed off as the file's."""
    with pytest.raises(NotUnderstood):
        asking(on_port, Answers(answer()), start=5)


def test_more_than_was_asked_for_is_not_understood(on_port: OnPort) -> None:
    """The bytes behind the part are not passed off as the part's."""
    with pytest.raises(NotUnderstood):
        asking(on_port, Answers(page(206, "bytes 5-99/100", bytes(95))), start=5, stop=10)


def test_compressed_answers_are_unpacked(on_port: OnPort) -> None:
    """The promised length is that of what came over the wire."""
    import gzip

    packed = gzip.compress(PNG)
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip", "Content-Length": str(len(packed))}

    assert PNG == asking(on_port, Answers(httpx.Response(200, headers=headers, content=packed)))


# Sizes.


class _Zeros(io.RawIOBase):
    """A file of any size that is nowhere, and remembers the longest read."""

    def __init__(self, size: int) -> None:
        self.size, self.at, self.longest, self.reads = size, 0, 0, 0
        self.name = "zeros.bin"

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset if whence == 0 else self.size + offset
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        self.longest, self.reads = max(self.longest, size), self.reads + 1
        size = min(size, self.size - self.at)
        self.at += size
        return bytes(size)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer of any size that is nowhere."""

    def __init__(self, size: int, piece: int) -> None:
        self.size, self.piece, self.closed = size, piece, 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.size // self.piece):
            yield bytes(self.piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


class _Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A line on which bodies are seen piece by piece, and never whole."""

    def __init__(self) -> None:
        self.longest = self.total = 0
        self.told = ""
        self.body = _Body(LARGE, 2**20)

    def _see(self, piece: bytes) -> None:
        self.longest, self.total = max(self.longest, len(piece)), self.total + len(piece)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/gettoken"):
            return httpx.Response(200, json={"errcode": 0, "access_token": "t", "expires_in": 7200})
        if request.url.path.endswith("/media/get"):
            return httpx.Response(200, headers={"Content-Type": "video/mp4"}, stream=self.body)
        self.told = request.headers["Content-Length"]
        return httpx.Response(200, json={"errcode": 0, "type": "file", "media_id": "m", "created_at": "1"})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            for piece in cast("httpx.SyncByteStream", request.stream):
                self._see(piece)
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            async for piece in cast("httpx.AsyncByteStream", request.stream):
                self._see(piece)
        return self._answer(request)


def _peak(work: Callable[[], T]) -> tuple[T, int]:
    gc.collect()
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_large_file_is_never_whole_in_memory(on_port: OnPort, tmp_path: Path) -> None:
    """20 MB go out and come in at most 64 KB at a time, whatever the pieces that WeCom sends."""
    file, wire = _Zeros(LARGE), _Wire()
    lengths: list[int] = []

    async def scenario(port: Port) -> None:
        wecom = AsyncWeCom.on(port, "ww1", "secret", quotas=MemoryQuotas())
        await wecom.media.upload("file", cast("BinaryIO", file))
        lengths.extend([len(chunk) async for chunk in wecom.media.download("m")])
        saved = await wecom.media.save("m", tmp_path / "a.mp4")
        assert SavedMedia("video/mp4", "", LARGE) == saved

    _, peak = _peak(lambda: on_port(scenario, transport=wire))

    assert (PIECE, LARGE // PIECE) == (file.longest, file.reads)
    assert PIECE == wire.longest
    assert wire.told == str(wire.total)
    assert (PIECE, LARGE) == (max(lengths), sum(lengths))
    assert LARGE == (tmp_path / "a.mp4").stat().st_size
    assert peak < 5 * 2**20


def test_who_stops_reading_lets_the_line_go(on_port: OnPort) -> None:
    """A download that is given up closes its answer."""
    wire = _Wire()

    async def scenario(port: Port) -> None:
        chunks = AsyncWeCom.on(port, "ww1", "secret", quotas=MemoryQuotas()).media.download("m")
        await anext(chunks)
        assert 0 == wire.body.closed
        await chunks.aclose()

    on_port(scenario, transport=wire)

    assert wire.body.closed


def test_a_save_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """What was written is removed, cancelled or not, and the line let go."""
    body = _Body(LARGE, 2**20)

    class Wire(_Wire):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            if request.url.path.endswith("/media/get"):
                scopes[0].cancel()
            return answer

    wire = Wire()
    wire.body = body

    async def main() -> None:
        wecom = AsyncWeCom("ww1", "secret", transport=wire, quotas=MemoryQuotas())
        scopes.append(anyio.CancelScope())
        with scopes[0]:
            await wecom.media.save("m", tmp_path / "a.mp4")

    scopes: list[anyio.CancelScope] = []
    anyio.run(main)

    assert scopes[0].cancelled_caught
    assert [] == list(tmp_path.iterdir())
    assert body.closed


def test_20_mb_over_a_socket(on_port: OnPort, tmp_path: Path) -> None:
    """The largest file goes to a real server and comes back, on either port."""
    path = tmp_path / "large.bin"
    path.write_bytes(b"".join(i.to_bytes(4) * 1024 for i in range(LARGE // 4096)))
    box = Sandbox()

    async def scenario(port: Port) -> None:
        wecom = AsyncWeCom.on(port, box.corp_id, box.secret, base_url=url, quotas=MemoryQuotas())
        made = await wecom.media.upload("file", path)
        await wecom.media.save(made.media_id, tmp_path / "back.bin")
        await wecom.close()

    with box.serving() as url:
        on_port(scenario)

    assert path.read_bytes() == (tmp_path / "back.bin").read_bytes()


# By URL.


def test_wecom_fetches_a_large_file(corp: Corp) -> None:
    """It takes its time, then there is a media id, and the file comes back in pieces."""
    size = 41_000_001
    url = "https://cdn.example.com/a.mp4"
    md5 = corp.box.add_web_file(url, size)

    async def scenario(wecom: AsyncWeCom) -> None:
        job = await wecom.media.upload_by_url("video", url, filename="a.mp4", md5=md5)
        assert UploadStatus.RUNNING is (await wecom.media.upload_by_url_result(job.jobid)).status
        corp.box.advance(timedelta(seconds=10))
        result = await wecom.media.upload_by_url_result(job.jobid)
        assert (UploadStatus.DONE, 0, corp.box.clock.now()) == (
            result.status,
            result.detail.errcode,
            result.detail.created_at,
        )
        import hashlib

        digest = hashlib.md5()
        async for chunk in wecom.media.download(result.detail.media_id):
            digest.update(chunk)
        assert md5 == digest.hexdigest()
        corp.box.advance(timedelta(minutes=60))
        with pytest.raises(Refused, match="40088"):
            await wecom.media.upload_by_url_result(job.jobid)

    corp(scenario)

    paths = [entry.path for entry in corp.box.record.calls]
    assert 1 + 3 == paths.count("/cgi-bin/media/get")


def test_wecom_calls_back_when_it_has_fetched(corp: Corp) -> None:
    """The event names the job."""
    corp.box.change_rules(url_upload_time=timedelta(0))
    crypto = Crypto(corp.box.callback_token, corp.box.encoding_aes_key, corp.box.corp_id)
    seen: list[Event] = []

    class Kept:
        """An inbox that keeps nothing."""

        def put(self, message: InboxMessage) -> bool:
            seen.append(parse_event(message.xml))
            return True

    callbacks = Callbacks(crypto, Kept(), clock=corp.box.clock)
    corp.box.on_callback(lambda params, body: 200 if callbacks.handle_post(params, body) else 500)

    async def scenario(wecom: AsyncWeCom) -> str:
        return (await wecom.media.upload_by_url("file", "https://nowhere", filename="a", md5=MD5)).jobid

    jobid = corp(scenario)
    corp.box.deliver()

    [event] = seen
    assert isinstance(event, UploadJobFinished)
    assert (jobid, corp.box.clock.now()) == (event.job_id, event.create_time)


def test_a_fetching_that_failed_says_why(corp: Corp) -> None:
    """The errcode stands in the detail."""
    corp.box.change_rules(url_upload_time=timedelta(0))

    async def scenario(wecom: AsyncWeCom) -> UploadDetail:
        job = await wecom.media.upload_by_url("file", "https://nowhere", filename="a", md5=MD5)
        result = await wecom.media.upload_by_url_result(job.jobid)
        assert UploadStatus.FAILED is result.status
        return result.detail

    assert 830003 == corp(scenario).errcode


def test_a_status_sent_as_text(scripted: Callable[..., Any]) -> None:
    """The table says text and the sample a number: both are read."""
    script = Scripted(
        get_upload_by_url_result=[{"status": "2", "detail": {"media_id": "m", "created_at": "1380000000"}}]
    )

    async def scenario(wecom: AsyncWeCom) -> Any:
        return await wecom.media.upload_by_url_result("j")

    result = scripted(scenario, script)

    assert (UploadStatus.DONE, "m") == (result.status, result.detail.media_id)
    assert datetime(2013, 9, 24, 5, 20, tzinfo=UTC) == result.detail.created_at


def test_the_blocking_client(sandbox: Sandbox, wecom: WeCom, tmp_path: Path) -> None:
    """Has the same methods: a download is an iterator."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    sandbox.change_rules(check_media=True)
    made = wecom.media.upload("image", path)

    assert PNG == b"".join(wecom.media.download(made.media_id))
    assert 6 == len(b"".join(wecom.media.download(made.media_id, start=3, stop=9)))
    assert f"<Media of {sandbox.corp_id}>" == repr(wecom.media)


def test_a_sandbox_far_away() -> None:
    """Voices and files on servers are made over the control interface too."""
    box = Sandbox()
    box.add_staff("anna")
    with box.serving() as url, RemoteSandbox(url) as remote:
        media_id = remote.staff_records("anna", seconds=1)
        md5 = remote.add_web_file("https://a", 100, ranges=False)
        with WeCom(remote.corp_id, remote.secret, base_url=url) as wecom:
            assert b"".join(wecom.media.download(media_id)).startswith(b"#!AMR")

    assert 32 == len(md5)
