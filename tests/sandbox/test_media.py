"""Media of the sandbox: what it takes, how it refuses, how long it remembers, and who may use what."""

from __future__ import annotations

import json
import struct

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from privdom.sandbox import Fault
from privdom.sandbox.pictures import pixels
from privdom.sandbox.router import Request
from tests.sandbox.conftest import Api, sign_in, staffed


PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
JPEG = b"\xff\xd8\xff" + bytes(100)
AMR = b"#!AMR\n" + bytes(100)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(100)
MB = 2**20
LONG = timedelta(days=99)
MD5 = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def api(corp: Callable[..., Api]) -> Api:
    """Return a client whose token outlives all media."""
    return corp(token_life=LONG)


def picture(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + struct.pack(">II", width, height) + bytes(20)


def post(api: Api, path: str, content: bytes = PNG, name: str = "a.png", *, field: str = "media", **query: Any) -> Any:
    params = {"access_token": api.token, **query}
    return api.client.post(f"/cgi-bin/media/{path}", params=params, files={field: (name, content)}).json()


def post_json(api: Api, path: str, **body: Any) -> Any:
    return api.client.post(f"/cgi-bin/media/{path}", params={"access_token": api.token}, json=body).json()


def get(api: Api, media_id: str, *, path: str = "get", part: str = "") -> httpx.Response:
    params = {"access_token": api.token, "media_id": media_id}
    return api.client.get(f"/cgi-bin/media/{path}", params=params, headers={"Range": part} if part else {})


def up(api: Api, content: bytes = PNG, name: str = "a.png", kind: str = "image") -> str:
    return str(post(api, "upload", content, name, type=kind)["media_id"])


def attach(api: Api, content: bytes = PNG, name: str = "a.png", kind: str = "image", scene: int = 1) -> str:
    return str(post(api, "upload_attachment", content, name, media_type=kind, attachment_type=scene)["media_id"])


def test_upload_and_get(api: Api) -> None:
    """A file comes back as it was, under its name; times are text here, and there is no errmsg."""
    made = post(api, "upload", PNG, "门店.png", type="image")
    answer = get(api, made["media_id"])

    created = str(int(api.box.clock.now().timestamp()))
    assert {"errcode": 0, "errmsg": "", "type": "image", "media_id": made["media_id"], "created_at": created} == made
    assert PNG == answer.content
    assert ("image/png", str(len(PNG))) == (answer.headers["content-type"], answer.headers["content-length"])
    assert 'attachment; filename="门店.png"' == answer.headers["content-disposition"]


def test_the_same_file_twice(api: Api) -> None:
    """Makes two media, both good."""
    assert up(api) != up(api)
    assert 2 == len(api.box.state()["media"])  # type: ignore[arg-type]


def test_attachments(api: Api) -> None:
    """Times are numbers here; media/get reads them too."""
    made = post(api, "upload_attachment", media_type="image", attachment_type=1)

    assert {"errmsg": "ok", "created_at": int(api.box.clock.now().timestamp())}.items() <= made.items()
    assert made["media_id"].startswith("WWCISP_")
    assert PNG == get(api, made["media_id"]).content
    assert attach(api, MP4, "a.mp4", "video")
    assert attach(api, JPEG, "a.jpeg", scene=2)


UPLOADS: dict[str, tuple[str, str, bytes, int]] = {
    "no kind": ("", "a.png", PNG, 40005),
    "another kind": ("gif", "a.gif", PNG, 40005),
    "empty": ("image", "a.png", b"", 44001),
    "small": ("file", "a.bin", b"12345", 40006),
    "another picture": ("image", "a.gif", b"GIF89a" + bytes(9), 40004),
    "a broken picture": ("image", "a.png", bytes(100), 40123),
    "a large picture": ("image", "a.png", PNG + bytes(10 * MB), 40009),
    "another voice": ("voice", "a.mp3", AMR, 301017),
    "a broken voice": ("voice", "a.amr", bytes(100), 301017),
    "a large voice": ("voice", "a.amr", AMR + bytes(2 * MB), 45001),
    "another video": ("video", "a.mov", MP4, 40004),
    "a broken video": ("video", "a.mp4", bytes(100), 40004),
    "a large video": ("video", "a.mp4", MP4 + bytes(10 * MB), 40011),
    "a large file": ("file", "a.bin", bytes(20 * MB + 1), 45001),
}


@pytest.mark.parametrize(("kind", "name", "content", "errcode"), UPLOADS.values(), ids=UPLOADS)
def test_upload_refused(api: Api, kind: str, name: str, content: bytes, errcode: int) -> None:
    """What is no such file, or too large, is refused and not kept."""
    assert errcode == post(api, "upload", content, name, type=kind)["errcode"]
    assert {} == api.box.state()["media"]


def test_the_largest(api: Api) -> None:
    """Sizes may be reached."""
    for content, name, kind in (
        (PNG + bytes(10 * MB - len(PNG)), "a.png", "image"),
        (AMR + bytes(2 * MB - len(AMR)), "a.amr", "voice"),
        (MP4 + bytes(10 * MB - len(MP4)), "a.mp4", "video"),
        (bytes(20 * MB), "a", "file"),
        (b"123456", "a", "file"),
    ):
        assert content == get(api, up(api, content, name, kind)).content


ATTACHMENTS: dict[str, tuple[dict[str, Any], str, bytes, int]] = {
    "no kind": ({"attachment_type": 1}, "a.png", PNG, 40005),
    "a voice": ({"media_type": "voice", "attachment_type": 1}, "a.amr", AMR, 40005),
    "no place": ({"media_type": "image"}, "a.png", PNG, 40058),
    "another place": ({"media_type": "image", "attachment_type": 3}, "a.png", PNG, 40058),
    "a file on a moment": ({"media_type": "file", "attachment_type": 1}, "a.bin", PNG, 41072),
    "a video in an album": ({"media_type": "video", "attachment_type": 2}, "a.mp4", MP4, 41072),
    "empty": ({"media_type": "image", "attachment_type": 1}, "a.png", b"", 44001),
    "small": ({"media_type": "image", "attachment_type": 1}, "a.png", b"12345", 40006),
    "another picture": ({"media_type": "image", "attachment_type": 2}, "a.gif", PNG, 40004),
    "a broken picture": ({"media_type": "image", "attachment_type": 1}, "a.png", bytes(100), 40123),
    "a large picture": ({"media_type": "image", "attachment_type": 1}, "a.png", PNG + bytes(10 * MB), 41080),
    "a wide picture": ({"media_type": "image", "attachment_type": 1}, "a.png", picture(10_801, 1), 41081),
    "a picture of many pixels": ({"media_type": "image", "attachment_type": 1}, "a.png", picture(1_081, 1_081), 41081),
    "a broken video": ({"media_type": "video", "attachment_type": 1}, "a.mp4", bytes(100), 41090),
    "another video": ({"media_type": "video", "attachment_type": 1}, "a.avi", MP4, 41090),
    "a large video": ({"media_type": "video", "attachment_type": 1}, "a.mp4", MP4 + bytes(10 * MB), 41080),
}


@pytest.mark.parametrize(("query", "name", "content", "errcode"), ATTACHMENTS.values(), ids=ATTACHMENTS)
def test_attachment_refused(api: Api, query: dict[str, Any], name: str, content: bytes, errcode: int) -> None:
    """What does not fit where it is to hang is refused and not kept."""
    assert errcode == post(api, "upload_attachment", content, name, **query)["errcode"]
    assert {} == api.box.state()["media"]


def test_pixels() -> None:
    """The size of a picture stands in its head; a moment takes 1,080 by 10,800 in either direction."""
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 30, 40)
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc4\x00\x02" + frame

    assert (40, 30) == pixels(jpeg)
    assert (10_800, 1_080) == pixels(picture(10_800, 1_080))
    for content in (b"", b"GIF89a", JPEG, b"\xff\xd8\xff\xe0\x00\x04ab", PNG[:16]):
        assert pixels(content) is None


def test_tall_pictures(api: Api) -> None:
    """The longer side may be either."""
    assert attach(api, picture(1_080, 10_800))
    assert attach(api, picture(2_000, 2_000), scene=2)


def multipart(api: Api, body: bytes, content_type: str = "multipart/form-data; boundary=b") -> int:
    answer = api.client.post(
        "/cgi-bin/media/upload",
        params={"access_token": api.token, "type": "image"},
        content=body,
        headers={"Content-Type": content_type},
    )
    return int(answer.json()["errcode"])


def part(head: str, content: bytes = PNG) -> bytes:
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


HEAD = 'Content-Disposition: form-data; name="media"; filename="a.png"'


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (part(f"{HEAD}; filelength={len(PNG)}") + b"--b--\r\n", 0),
        (b"preamble\r\n" + part(f"Content-Type: image/png\r\n{HEAD}") + b"--b--", 0),
        (part('Content-Disposition: form-data; name="x"', b"1") + part(HEAD) + b"--b--", 0),
        (part('content-disposition: form-data; filename=a.png; name=media') + b"--b--", 0),
        (part(f"{HEAD}; filelength=7") + b"--b--\r\n", 40123),
        (part(HEAD), 44001),
        (part('Content-Disposition: form-data; name="media"') + b"--b--", 44001),
        (part('Content-Disposition: form-data; name="media"; filename=""') + b"--b--", 44001),
        (part("Content-Disposition: attachment; filename=a.png") + b"--b--", 44001),
        (part('Content-Disposition: form-data; name="file"; filename="a.png"') + b"--b--", 0),
        (part("Content-Disposition: form-data; name=media; filename*=UTF-8''a.png") + b"--b--", 44001),
        (b"--c\r\n" + HEAD.encode() + b"\r\n\r\n" + PNG + b"\r\n--c--", 44001),
        (b"--b\r\n" + HEAD.encode() + b"\r\n--b--", 44001),
        (b"", 44001),
    ],
    ids=[
        "length", "preamble", "another part first", "bare names", "another length", "cut", "no filename", "empty filename",
        "no form", "another name", "encoded filename", "another boundary", "no gap", "nothing",
    ],
)  # fmt: skip
def test_multipart(api: Api, body: bytes, errcode: int) -> None:
    """The part that is a file has a filename, and the length that it says; some clients do not call it media."""
    assert errcode == multipart(api, body)


def test_no_multipart(api: Api) -> None:
    """A file as JSON, as it is, or without a boundary is none."""
    for content_type in ("application/json", "image/png", "multipart/form-data"):
        assert 44001 == multipart(api, PNG, content_type)


def test_an_image_that_stays(api: Api) -> None:
    """It has an address and no media id, whatever its part is called."""
    made = post(api, "uploadimg", field="fieldNameHere")

    assert {"errcode", "errmsg", "url"} == set(made)
    assert ["", [made["url"]]] == [made["errmsg"], api.box.state()["images"]]
    assert made["url"].startswith("https://p.qpic.cn/pic_wework/")
    assert made["url"] != post(api, "uploadimg")["url"]


@pytest.mark.parametrize(
    ("content", "errcode"), [(b"\xff\xd8\xff1", 40009), (PNG + bytes(2 * MB), 40009), (bytes(99), 40123)]
)
def test_an_image_that_cannot_stay(api: Api, content: bytes, errcode: int) -> None:
    """5 bytes to 2 MB, and a picture."""
    assert errcode == post(api, "uploadimg", content)["errcode"]


def test_images_are_few() -> None:
    """1,000 in 24 hours, and 3,000 in 30 days."""
    box = staffed(token_life=LONG)
    token = sign_in(box, httpx.Client(transport=box.transport, base_url="https://wecom")).token
    headers = {"content-type": "multipart/form-data; boundary=b"}
    request = Request(
        "POST", "/cgi-bin/media/uploadimg", {"access_token": token}, part(HEAD) + b"--b--", headers=headers
    )

    def posted() -> int:
        with box.arriving(request) as reply:
            return int(json.loads(reply.body)["errcode"])

    for _ in range(3):
        assert {0} == {posted() for _ in range(1_000)}
        assert 45009 == posted()
        box.advance(timedelta(days=1))
    assert 45009 == posted()
    box.advance(timedelta(days=27))
    assert 0 == posted()


def test_media_end(api: Api) -> None:
    """After three days a medium is gone, and its answer is JSON."""
    media_id = up(api)

    api.box.advance(timedelta(days=3, seconds=-1))
    assert PNG == get(api, media_id).content
    api.box.advance(timedelta(seconds=1))
    assert 40145 == get(api, media_id).json()["errcode"]
    assert 40007 == get(api, "nothing").json()["errcode"]
    assert 41006 == get(api, "").json()["errcode"]


@pytest.mark.parametrize(
    ("asked", "content", "told"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-99", b"789", "bytes 7-9/10"),
    ],
)
def test_parts(api: Api, asked: str, content: bytes, told: str) -> None:
    """A part comes with its place and the size of the whole."""
    answer = get(api, up(api, b"0123456789", "a", "file"), part=asked)

    assert (206, content, told) == (answer.status_code, answer.content, answer.headers["content-range"])
    assert "bytes" == answer.headers["accept-ranges"]


@pytest.mark.parametrize("asked", ["bytes=10-12", "bytes=5-2", "bytes=-5", "bytes=0-1,3-4", "1-2", "bytes=a-b"])
def test_no_such_part(api: Api, asked: str) -> None:
    """A head that says nothing, or too much."""
    assert 40146 == get(api, up(api, b"0123456789", "a", "file"), part=asked).json()["errcode"]


def test_parts_in_blocks(corp: Callable[..., Api]) -> None:
    """Where media are stored encrypted, parts are multiples of 16 bytes."""
    api = corp(media_in_blocks=True)
    media_id = up(api, bytes(100), "a", "file")

    assert 40146 == get(api, media_id, part="bytes=0-9").json()["errcode"]
    assert 16 == len(get(api, media_id, part="bytes=16-31").content)


def test_voices(api: Api) -> None:
    """A voice recorded in a page has two forms."""
    media_id = api.box.staff_records("anna")
    other = up(api, AMR, "a.amr", "voice")

    assert "voice/amr" == get(api, media_id).headers["content-type"]
    fine = get(api, media_id, path="get/jssdk")
    assert "voice/speex" == fine.headers["content-type"]
    assert len(fine.content) > len(get(api, media_id).content)
    assert 40007 == get(api, other, path="get/jssdk").json()["errcode"]
    assert 41006 == get(api, "", path="get/jssdk").json()["errcode"]
    with pytest.raises(ValueError, match="no staff"):
        api.box.staff_records("nobody")


# By URL.

JOB = {"scene": 1, "type": "file", "filename": "a", "url": "https://a", "md5": MD5}


def job(api: Api, **change: Any) -> Any:
    return post_json(api, "upload_by_url", **{**JOB, **change})


def test_a_file_from_a_url(api: Api) -> None:
    """The job runs, ends with a medium and a callback, and is forgotten after 60 minutes."""
    md5 = api.box.add_web_file("https://a", 1_000)
    jobid = job(api, md5=md5.upper())["jobid"]

    def result() -> Any:
        return post_json(api, "get_upload_by_url_result", jobid=jobid)

    assert {"errcode": 0, "errmsg": "ok", "status": 1} == result()
    api.box.advance(timedelta(seconds=10))
    done = result()
    assert (2, 0) == (done["status"], done["detail"]["errcode"])
    assert str(int(api.box.clock.now().timestamp())) == done["detail"]["created_at"]
    assert 1_000 == len(get(api, done["detail"]["media_id"]).content)
    assert 1 == api.box.pending_callbacks
    api.box.advance(timedelta(minutes=60))
    assert 40088 == result()["errcode"]
    assert 40088 == post_json(api, "get_upload_by_url_result", jobid="nothing")["errcode"]
    assert 40063 == post_json(api, "get_upload_by_url_result")["errcode"]


@pytest.mark.parametrize(
    ("url", "errcode"),
    [("https://nowhere", 830003), ("https://old", 830001), ("https://small", 45001), ("https://changed", 301019)],
)
def test_a_file_that_cannot_be_fetched(corp: Callable[..., Api], url: str, errcode: int) -> None:
    """The job fails, and its detail says why."""
    api = corp(url_upload_time=timedelta(0))
    api.box.add_web_file("https://old", 1_000, ranges=False)
    api.box.add_web_file("https://small", 5)
    api.box.add_web_file("https://changed", 1_000)

    answer = post_json(api, "get_upload_by_url_result", jobid=job(api, url=url)["jobid"])

    assert (3, errcode) == (answer["status"], answer["detail"]["errcode"])
    assert {"errcode", "errmsg"} == set(answer["detail"])
    assert 1 == api.box.pending_callbacks


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"scene": None}, 40063),
        ({"scene": 2}, 40058),
        ({"type": None}, 40063),
        ({"type": "image"}, 40005),
        ({"filename": ""}, 40063),
        ({"filename": "x" * 129}, 40058),
        ({"url": None}, 40063),
        ({"url": "https://" + "x" * 1_017}, 40039),
        ({"url": "a.com/x"}, 45034),
        ({"url": "ftp://a.com/x"}, 40127),
        ({"md5": None}, 40063),
        ({"md5": "x" * 33}, 40058),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_job_refused(api: Api, change: dict[str, Any], errcode: int) -> None:
    """What no server could be asked for is refused at once."""
    assert errcode == job(api, **change)["errcode"]


def test_a_large_file_from_a_url(corp: Callable[..., Api]) -> None:
    """Comes only in parts of at most 20 MB."""
    api = corp(url_upload_time=timedelta(0))
    md5 = api.box.add_web_file("https://a", 20_000_001)
    media_id = post_json(api, "get_upload_by_url_result", jobid=job(api, md5=md5)["jobid"])["detail"]["media_id"]

    assert 830002 == get(api, media_id).json()["errcode"]
    assert 830002 == get(api, media_id, part="bytes=0-20000000").json()["errcode"]
    assert 20_000_000 == len(get(api, media_id, part="bytes=0-19999999").content)
    assert (
        "bytes 20000000-20000000/20000001"
        == get(api, media_id, part="bytes=20000000-29999999").headers["content-range"]
    )


# Who may use what.


def image(media_id: str) -> dict[str, Any]:
    return {"msgtype": "image", "image": {"media_id": media_id}}


def sent(api: Api, customer: str, *attachments: dict[str, Any]) -> int:
    answer = api.post("add_msg_template", sender="anna", external_userid=[customer], attachments=list(attachments))
    return int(answer["errcode"])


def test_media_of_messages(corp: Callable[..., Api]) -> None:
    """What was uploaded for messages, of the right kind, for three days."""
    api = corp(check_media=True, token_life=LONG)
    customer = api.box.add_customer(staff=["anna"])
    picture, video, other = up(api), up(api, MP4, "a.mp4", "video"), up(api, PNG, "a.bin", "file")
    program = {"title": "t", "appid": "wx1", "page": "p"}
    good = [
        image(picture),
        {"msgtype": "video", "video": {"media_id": video}},
        {"msgtype": "file", "file": {"media_id": other}},
        {"msgtype": "miniprogram", "miniprogram": {**program, "pic_media_id": picture}},
        {"msgtype": "image", "image": {"pic_url": "https://p.qpic.cn/1"}},
    ]
    bad = [
        image("nothing"),
        image(video),
        image(attach(api)),
        {"msgtype": "video", "video": {"media_id": picture}},
        {"msgtype": "file", "file": {"media_id": "nothing"}},
        {"msgtype": "miniprogram", "miniprogram": {**program, "pic_media_id": video}},
    ]

    assert 0 == sent(api, customer, *good)
    assert [40007] * len(bad) == [sent(api, customer, item) for item in bad]
    api.box.advance(timedelta(days=3))
    assert 40007 == sent(api, customer, good[0])


def test_media_of_welcomes(corp: Callable[..., Api]) -> None:
    """As those of messages; a welcome that is refused can be sent again."""
    api = corp(check_media=True, token_life=LONG)
    customer = api.box.add_customer()
    code = api.box.befriend("anna", customer)

    assert 40007 == api.post("send_welcome_msg", welcome_code=code, attachments=[image("nothing")])["errcode"]
    assert 0 == api.post("send_welcome_msg", welcome_code=code, attachments=[image(up(api))])["errcode"]


def test_media_of_moments(corp: Callable[..., Api]) -> None:
    """What was uploaded for moments; 41072 for what was uploaded for albums."""
    api = corp(check_media=True, token_life=LONG)
    own, album = attach(api), attach(api, scene=2)
    video = attach(api, MP4, "a.mp4", "video")

    def posted(item: dict[str, Any]) -> int:
        return int(api.post("add_moment_task", attachments=[item])["errcode"])

    link = {"title": "t", "url": "https://a"}
    assert 0 == posted(image(own))
    assert 0 == posted({"msgtype": "video", "video": {"media_id": video}})
    assert 0 == posted({"msgtype": "link", "link": {**link, "media_id": own}})
    assert 41072 == posted(image(album))
    assert [40007] * 4 == [
        posted(item)
        for item in (
            image("nothing"),
            image(up(api)),
            image(video),
            {"msgtype": "link", "link": {**link, "media_id": video}},
        )
    ]
    api.box.advance(timedelta(days=3))
    assert 40007 == posted(image(own))


def test_media_of_products(corp: Callable[..., Api]) -> None:
    """What was uploaded for albums; 41072 for what was uploaded for anything else, 40007 for what never was."""
    api = corp(check_media=True, token_life=LONG)
    own, others = attach(api, scene=2), [attach(api), up(api)]

    def body(media_id: str) -> dict[str, Any]:
        return {"description": "春茶", "price": 1, "attachments": [{"type": "image", "image": {"media_id": media_id}}]}

    def added(media_id: str) -> int:
        return int(api.post("add_product_album", **body(media_id))["errcode"])

    product_id = api.post("add_product_album", **body(own))["product_id"]
    assert [41072, 41072, 40007] == [added(media_id) for media_id in (*others, "nothing")]
    assert 41072 == api.post("update_product_album", product_id=product_id, **body(others[0]))["errcode"]
    api.box.advance(timedelta(days=3))
    assert 40007 == added(own)
    assert 0 == api.post("update_product_album", product_id=product_id, price=2)["errcode"]
    assert api.box.admin_adds_product("春茶", 1)


def test_media_of_remarks_and_closing_words(corp: Callable[..., Api]) -> None:
    """40145 for a picture that is too old, 40007 for what is none."""
    api = corp(check_media=True, token_life=LONG)
    customer = api.box.add_customer(staff=["anna"])
    picture = up(api)

    def remarked(media_id: str) -> int:
        body = {"userid": "anna", "external_userid": customer, "remark_pic_mediaid": media_id}
        return int(api.post("remark", **body)["errcode"])

    def closing(media_id: str) -> int:
        body = {
            "type": 1,
            "scene": 2,
            "user": ["anna"],
            "is_temp": True,
            "conclusions": {"image": {"media_id": media_id}},
        }
        return int(api.post("add_contact_way", **body)["errcode"])

    for errcode in (0, 40145):
        assert [errcode, 40007, errcode, 40007] == [remarked(picture), remarked("x"), closing(picture), closing("x")]
        api.box.advance(timedelta(days=3))


def test_invented_media(api: Api) -> None:
    """Unless asked to, the sandbox takes any media id."""
    customer = api.box.add_customer(staff=["anna"])

    assert 0 == sent(api, customer, image("invented"))


# Faults.


def test_a_fault_of_one_file(api: Api) -> None:
    """Chance and subjects go by what is sent, not by boundaries: a file has its name."""
    api.box.faults.add(Fault("busy", "media/upload", subject="b.png"))

    assert [0, -1, 0] == [
        post(api, "upload", name=name, type="image")["errcode"] for name in ("a.png", "b.png", "b.png")
    ]


def test_half_a_file(api: Api) -> None:
    """Over a line that breaks fewer bytes come than were promised."""
    media_id = up(api)
    api.box.faults.add(Fault("truncated", "media/get", after_change=True))

    try:
        answer = get(api, media_id)
    except httpx.RemoteProtocolError:
        return
    assert len(PNG) // 2 == len(answer.content) < int(answer.headers["content-length"])


def test_the_form_of_requests(api: Api) -> None:
    """Somebody else's multipart body is understood."""
    requests = pytest.importorskip("requests")
    form = requests.Request("POST", "http://x", files={"media": ("a.png", PNG, "image/png")}).prepare()

    assert 0 == multipart(api, form.body, form.headers["Content-Type"])
