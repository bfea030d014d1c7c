"""Group welcomes."""

from __future__ import annotations

import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api


LINK = {"title": "群规", "url": "https://example.com"}


def post(api: Api, verb: str, **body: object) -> dict[str, object]:
    return api.post(f"group_welcome_template/{verb}", **body)


def make(api: Api, **body: object) -> object:
    answer = post(api, "add", **{"text": {"content": "欢迎"}, **body})
    assert answer["errcode"] == 0, answer
    return answer["template_id"]


def shown(api: Api, template_id: object) -> dict[str, object]:
    answer = post(api, "get", template_id=template_id)
    return {name: value for name, value in answer.items() if name not in {"errcode", "errmsg"}}


def test_life(api: Api) -> None:
    """A template is made, read, overwritten as a whole and deleted."""
    template_id = make(api, link=LINK, notify=0)
    before = shown(api, template_id)
    kept = api.box.state()["group_welcomes"]
    assert 0 == post(api, "edit", template_id=template_id, video={"media_id": "m"})["errcode"]
    after = shown(api, template_id)
    gone = [post(api, verb, template_id=template_id)["errcode"] for verb in ("del", "del", "get", "edit")]

    assert {"text": {"content": "欢迎"}, "link": LINK} == before
    assert {template_id: {"text": "欢迎", "attachment": {"msgtype": "link", "link": LINK}, "notified": False}} == kept
    assert {"video": {"media_id": "m"}} == after
    assert [0, 41058, 41058, 41058] == gone
    assert str(template_id).startswith("msg")


def test_first_kind_counts(api: Api) -> None:
    """Of several kinds, one is used: the first of image, link, mini program, file and video."""
    program = {"title": "t", "pic_media_id": "m", "appid": "wx1", "page": "/p"}
    media = {"file": {"media_id": "f"}, "video": {"media_id": "v"}}

    assert {"link", "text"} == shown(api, make(api, link=LINK, miniprogram=program, **media)).keys()
    assert {"miniprogram", "text"} == shown(api, make(api, miniprogram=program, **media)).keys()
    assert {"file", "text"} == shown(api, make(api, **media)).keys()


def test_image(api: Api) -> None:
    """An image comes back by URL; a media id wins over a URL."""
    both = {"media_id": "m", "pic_url": "https://wework.qpic.cn/a"}
    by_media = shown(api, make(api, image=both))["image"]
    by_url = shown(api, make(api, image={"pic_url": "https://wework.qpic.cn/a"}))["image"]

    assert {"pic_url": "https://wework.qpic.cn/a"} == by_url != by_media
    assert ["pic_url"] == list(by_media)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("errcode", "body"),
    [
        (40063, {"text": None}),
        (40063, {"text": {"content": ""}}),
        (40063, {"image": {}}),
        (40063, {"text": {}, "link": LINK}),
        (40063, {"link": LINK, "video": {}}),
        (41006, {"image": {"media_id": ""}}),
        (41016, {"link": {"url": "https://u"}}),
        (41006, {"file": {"media_id": ""}}),
        (40058, {"text": {"content": "长" * 1001}}),
        (40058, {"text": "hi"}),
        (40058, {"notify": 2}),
    ],
)
def test_mistakes(api: Api, errcode: int, body: dict[str, object]) -> None:
    """Each mistake has its errcode."""
    assert errcode == post(api, "add", **{"text": {"content": "hi"}, **body})["errcode"]


def test_no_id(api: Api) -> None:
    """A template that is not named is none."""
    assert [40063] * 3 == [post(api, verb)["errcode"] for verb in ("get", "edit", "del")]


def test_unknown(api: Api) -> None:
    """What an unknown template answers is documented nowhere, and can be set."""
    api.box.change_rules(unknown_group_welcome_errcode=40058)

    assert 40058 == post(api, "get", template_id="msgNo")["errcode"]


def test_a_hundred(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many a corp, and no more until one is deleted."""
    monkeypatch.setattr(limits, "GROUP_WELCOMES_PER_CORP", 1)
    template_id = make(api)
    full = post(api, "add", text={"content": "hi"})["errcode"]
    post(api, "del", template_id=template_id)

    assert 41055 == full
    assert template_id != make(api)


def test_said(api: Api) -> None:
    """Customers who join are greeted by name with what the owner chose, each of them; staff are not."""
    template_id = str(make(api, text={"content": "%NICKNAME% 你好, %NICKNAME%! %nickname%"}, link=LINK))
    group, other = (api.box.add_group(owner="anna") for _ in range(2))
    api.box.set_group_welcome(group, template_id)
    ids = [api.box.add_customer(name=name) for name in ("安娜", "小陈")]
    api.box.join_group(group, ["ben", *ids], scene=1)
    api.box.join_group(other, ids)
    config_id = api.post("groupchat/add_join_way", scene=2, chat_id_list=[group])["config_id"]
    scanned = api.box.scan_join_way(config_id, "老王").external_userid
    said = api.box.record.group_welcomes

    assert [
        (customer, f"{name} 你好, {name}! %nickname%")
        for customer, name in ((ids[0], "安娜"), (ids[1], "小陈"), (scanned, "老王"))
    ] == [(entry.external_userid, entry.text) for entry in said]
    assert {(template_id, group, '{"link": {"title": "群规", "url": "https://example.com"}}')} == {
        (entry.template_id, entry.chat_id, entry.attachment) for entry in said
    }


def test_said_as_it_is_now(api: Api) -> None:
    """An edit shows at once; what was deleted or taken away is not said any more."""
    template_id = str(make(api))
    group = api.box.add_group(owner="anna")
    api.box.set_group_welcome(group, template_id)
    post(api, "edit", template_id=template_id, file={"media_id": "m"})
    api.box.join_group(group, ["wmA"])
    post(api, "del", template_id=template_id)
    api.box.join_group(group, ["wmB"])
    api.box.set_group_welcome(group, str(make(api)))
    api.box.set_group_welcome(group, "")
    api.box.join_group(group, ["wmC"])

    assert [("wmA", "", '{"file": {"media_id": "m"}}')] == [
        (entry.external_userid, entry.text, entry.attachment) for entry in api.box.record.group_welcomes
    ]
    with pytest.raises(ValueError, match="no group welcome"):
        api.box.set_group_welcome(group, template_id)
