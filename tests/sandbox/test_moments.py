"""Moments of the corp."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from privdom._facts import limits
from privdom.sandbox import Quota
from tests.sandbox.conftest import Api, sign_in, staffed


JOB = timedelta(seconds=10)


def _add(api: Api, text: str = "新品", **body: Any) -> str:
    answer = api.post("add_moment_task", text={"content": text}, **body)
    assert answer["errcode"] == 0, answer
    return answer["jobid"]


def _listed(api: Api, **body: Any) -> list[dict[str, Any]]:
    now = int(api.box.clock.now().timestamp())
    return api.post("get_moment_list", **{"start_time": now - 60, "end_time": now + 60, **body})["moment_list"]


def test_job(api: Api) -> None:
    """A job runs for a while, then tells the moment, which the list shows from then on."""
    jobid = _add(api)
    before = api.get("get_moment_task_result", jobid=jobid)
    assert [] == _listed(api)
    api.box.advance(JOB)
    after = api.get("get_moment_task_result", jobid=jobid)
    (shown,) = _listed(api)
    api.box.advance(timedelta(hours=24))

    assert (2, "add_moment_task") == (before["status"], before["type"])
    assert (3, 0, shown["moment_id"]) == (after["status"], after["result"]["errcode"], after["result"]["moment_id"])
    assert ("新品", 0, 1) == (shown["text"]["content"], shown["create_type"], shown["visible_type"])
    assert "creator" not in shown
    assert [("新品", ("anna", "ben", "chen"))] == [(m.text, m.senders) for m in api.box.record.moments]
    assert 40088 == sign_in(api.box, api.client).get("get_moment_task_result", jobid=jobid)["errcode"]


def test_range(api: Api) -> None:
    """Senders, departments and tags say who publishes; who cannot is named in the result."""
    tag = api.add_tags("vip")[0]
    api.box.add_customer(staff=["ben"], tags=[tag])
    sales = api.box.add_department("销售")
    api.box.add_staff("dora", department=sales)
    senders = {"user_list": ["anna", "ben", "nobody"], "department_list": [sales, 99]}
    jobs = [
        _add(api, visible_range={"sender_list": senders}),
        _add(api, visible_range={"external_contact_list": {"tag_list": [tag, "etNo"]}}),
        _add(api, visible_range={"sender_list": {"user_list": ["nobody"]}}),
    ]
    api.box.advance(JOB)
    results = [api.get("get_moment_task_result", jobid=jobid)["result"] for jobid in jobs]

    assert {"user_list": ["nobody"], "department_list": [99]} == results[0]["invalid_sender_list"]
    assert {"tag_list": ["etNo"]} == results[1]["invalid_external_contact_list"]
    assert [0, 0, 81013] == [result["errcode"] for result in results]
    assert {("anna", "ben", "dora"), ("ben",)} == {moment.senders for moment in api.box.record.moments}
    assert {0, 1} == {moment["visible_type"] for moment in _listed(api)}


def test_content(corp: Callable[..., Api]) -> None:
    """Attachments come back each under its own name, media under other ids."""
    api = corp(moment_job_time=timedelta(0))
    image = {"msgtype": "image", "image": {"media_id": "m"}}
    _add(api, attachments=[image, image])
    _add(api, attachments=[{"msgtype": "video", "video": {"media_id": "m"}}])
    _add(api, attachments=[{"msgtype": "link", "link": {"title": "t", "url": "https://u", "media_id": "m"}}])
    images, video, link = _listed(api)

    assert 2 == len(images["image"])
    assert "m" != video["video"]["media_id"]
    assert {"title": "t", "url": "https://u"} == link["link"]


def test_pages(corp: Callable[..., Api]) -> None:
    """At most 20 a page; a window is at most 30 days, and open on both sides."""
    api = corp(moment_job_time=timedelta(0), moment_quota=Quota(1000, 60))
    for i in range(25):
        _add(api, str(i))
    now = int(api.box.clock.now().timestamp())
    window = {"start_time": now - 1, "end_time": now + 1, "limit": 100}
    first = api.post("get_moment_list", **window)
    rest = api.post("get_moment_list", **window, cursor=first["next_cursor"])

    assert [20, 5] == [len(first["moment_list"]), len(rest["moment_list"])]
    assert [] == _listed(api, start_time=now)
    assert [] == _listed(api, filter_type=1)
    assert [] == _listed(api, creator="anna")
    assert 40058 == api.post("get_moment_list", start_time=now, end_time=now + 31 * 86_400)["errcode"]


def test_lag(corp: Callable[..., Api]) -> None:
    """The list may show a moment late."""
    api = corp(moment_job_time=timedelta(0), moment_list_lag=timedelta(seconds=30))
    _add(api)
    before = _listed(api)
    api.box.advance(timedelta(seconds=30))

    assert [0, 1] == [len(before), len(_listed(api))]


@pytest.mark.parametrize(
    ("errcode", "body"),
    [
        (41089, {}),
        (40058, {"text": {"content": "x" * 2001}}),
        (41065, {"attachments": [{"msgtype": "file", "file": {"media_id": "m"}}]}),
        (41065, {"attachments": [{"msgtype": "image"}]}),
        (41006, {"attachments": [{"msgtype": "image", "image": {}}]}),
        (41010, {"attachments": [{"msgtype": "link", "link": {"media_id": "m"}}]}),
        (40058, {"attachments": [{"msgtype": "link", "link": {"title": "t" * 65, "url": "u", "media_id": "m"}}]}),
        (41064, {"attachments": [{"msgtype": "image", "image": {"media_id": "m"}}] * 10}),
        (41064, {"attachments": [{"msgtype": "video", "video": {"media_id": "m"}}] * 2}),
        (
            40058,
            {
                "attachments": [
                    {"msgtype": "image", "image": {"media_id": "m"}},
                    {"msgtype": "video", "video": {"media_id": "m"}},
                ]
            },
        ),
    ],
)
def test_mistakes(api: Api, errcode: int, body: dict[str, object]) -> None:
    """Each mistake has its errcode."""
    assert errcode == api.post("add_moment_task", **body)["errcode"]


def test_ten_a_minute(api: Api) -> None:
    """The eleventh within a minute is 45009; other calls are not concerned."""
    codes = [api.post("add_moment_task", text={"content": str(i)})["errcode"] for i in range(11)]

    assert [*[0] * 10, 45009] == codes
    assert 0 == api.get("get_follow_user_list")["errcode"]


def test_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many a month, counted in UTC+8, and no more."""
    monkeypatch.setattr(limits, "MOMENTS_PER_MONTH", 1)
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        codes = []
        for _ in range(3):
            api = sign_in(box, client)
            codes.append(api.post("add_moment_task", text={"content": "x"})["errcode"])
            if len(codes) == 2:
                box.advance(timedelta(days=31))

    assert [0, 41210, 0] == codes
