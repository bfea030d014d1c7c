"""Somebody else's client works against the sandbox, and its answers have the keys of WeCom's samples."""

from __future__ import annotations

import json

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from privdom.sandbox import Sandbox
from tests.sandbox.conftest import Api, sign_in, staffed


_WECOM = "https://qyapi.weixin.qq.com"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wechatpy() -> None:
    """The client of wechatpy gets a token, reads customers and marks tags."""
    work = pytest.importorskip("wechatpy.work")
    from requests.adapters import HTTPAdapter

    class Redirected(HTTPAdapter):
        """Leads the client, whose address of gettoken is fixed, to the sandbox."""

        def send(self, request: Any, **options: Any) -> Any:
            request.url = request.url.replace(_WECOM, url)
            return super().send(request, **options)

    box = staffed()
    customer = box.add_customer(name="王五", staff=["anna"])
    with box.serving() as url:
        client = work.WeChatClient(box.corp_id, box.secret)
        client._http.mount(_WECOM, Redirected())
        contacts = client.external_contact

        assert [customer] == contacts.list("anna")["external_userid"]
        assert "王五" == contacts.get(customer)["external_contact"]["name"]
        group = contacts.add_corp_tag(None, "等级", None, [{"name": "VIP"}])["tag_group"]
        tag = group["tag"][0]["id"]
        contacts.mark_tag("anna", customer, [tag], None)
        assert [tag] == [t["tag_id"] for t in contacts.get(customer)["follow_user"][0]["tags"]]
        assert ["anna", "ben", "chen"] == contacts.get_follow_user_list()["follow_user"]
        client._http.close()


# What a sample holds that an own app does not get, or that is another variant's.
_NOT_OURS = {
    "foreign_key", "is_subscribe", "subscriber_info", "external_profile", "wechat_channels", "position",
    "open_userid", "english_name", "mobile", "email", "avatar", "thumb_avatar", "address", "qr_code",
    "attrs", "pic_media_id",
}  # fmt: skip


def _missing(sample: Any, answer: Any, path: str = "") -> list[str]:
    if isinstance(sample, dict):
        assert isinstance(answer, dict), path
        gone = [f"{path}.{name}" for name in sample if name not in answer and name not in _NOT_OURS]
        both = [name for name in sample if name in answer and name not in _NOT_OURS]
        return gone + [m for name in both for m in _missing(sample[name], answer[name], f"{path}.{name}")]
    if isinstance(sample, list):
        assert isinstance(answer, list), path
        if sample and isinstance(sample[0], dict):
            assert answer, f"{path} is empty"
            # Each element of a sample shows other optional fields: together they must be there.
            return _missing(_merged(sample), _merged(answer), path + "[]")
        return []
    assert isinstance(answer, type(sample)), path
    return []


def _merged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, dict):
                merged[name] = _merged([merged.get(name, {}), value])
            elif value or name not in merged:
                merged[name] = value
    return merged


def _answers(api: Api) -> dict[str, dict[str, Any]]:
    box = api.box
    tag = api.add_tags("x")[0]
    rich = {"type": 2, "corp_name": "腾讯", "unionid": "o1", "state": "s", "remark": "r", "tags": [tag]}
    customer = box.add_customer(staff=["anna"], **rich)  # type: ignore[arg-type]
    change = {"remark_company": "腾讯", "remark_mobiles": ["138"]}
    wechat = box.add_customer(staff=["anna"], state="s", tags=[tag])
    api.post("remark", userid="anna", external_userid=wechat, **change)
    for _ in range(2):
        box.add_group(owner="anna")
    conclusions = {
        "text": {"content": "t"},
        "image": {"media_id": "m"},
        "link": {"title": "t", "picurl": "p", "desc": "d", "url": "u"},
        "miniprogram": {"title": "t", "appid": "a", "page": "p", "pic_media_id": "m"},
    }
    way = {"type": 1, "scene": 2, "user": ["anna"], "state": "s", "remark": "r"}
    added = api.post("add_contact_way", **way)
    temporary = api.post("add_contact_way", **way, is_temp=True, conclusions=conclusions, unionid="o")["config_id"]
    files = [
        {"msgtype": "image", "image": {"media_id": "m", "pic_url": "p"}},
        {"msgtype": "link", "link": conclusions["link"]},
        {"msgtype": "miniprogram", "miniprogram": conclusions["miniprogram"]},
        {"msgtype": "video", "video": {"media_id": "m"}},
    ]
    msgid = api.send(external_userid=[customer], attachments=files)
    box.staff_confirms(msgid, "anna")
    box.staff_sends("anna", "own", [wechat])
    body = {"handover_userid": "anna", "takeover_userid": "ben"}
    api.post("transfer_customer", **body, external_userid=[customer])
    moment = api.post("add_moment_task", text={"content": "t"})
    now = int(box.clock.now().timestamp())
    window = {"chat_type": "single", "start_time": now, "end_time": now}
    return {
        "gettoken": api.client.get(
            "/cgi-bin/gettoken", params={"corpid": box.corp_id, "corpsecret": box.secret}
        ).json(),
        "user.get": api.get("user/get", userid="anna"),
        "user.list": api.get("user/list", department_id=1),
        "externalcontact.list": api.get("list", userid="anna"),
        "externalcontact.batch.get_by_user": api.post("batch/get_by_user", userid_list=["anna"]),
        "externalcontact.get_corp_tag_list": api.post("get_corp_tag_list", tag_id=[tag]),
        "externalcontact.add_corp_tag": api.post("add_corp_tag", group_name="B", tag=[{"name": "y"}]),
        "externalcontact.groupchat.list": api.post("groupchat/list", limit=10),
        "externalcontact.add_contact_way": added,
        "externalcontact.get_contact_way": api.post("get_contact_way", config_id=temporary),
        "externalcontact.list_contact_way": api.post("list_contact_way"),
        "externalcontact.transfer_result": api.post("transfer_result", **body),
        "externalcontact.add_moment_task": moment,
        "externalcontact.get_groupmsg_list_v2": api.post("get_groupmsg_list_v2", **window),
        "externalcontact.get_groupmsg_task": api.post("get_groupmsg_task", msgid=msgid),
        "externalcontact.get_groupmsg_send_result": api.post("get_groupmsg_send_result", msgid=msgid, userid="anna"),
    }


def test_samples(shared: Path) -> None:
    """Answers have every key of WeCom's own samples, of the same type, but those listed as absent here."""
    box = staffed()
    expected = {
        # Only scene 1, only groups, never beside a media_id.
        "externalcontact.get_contact_way": [".contact_way.style"],
        "externalcontact.get_groupmsg_send_result": [".send_list[].chat_id"],
        "externalcontact.get_groupmsg_list_v2": [".group_msg_list[].attachments[].image.pic_url"],
    }
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        answers = _answers(sign_in(box, client))
    for name, answer in answers.items():
        sample = json.loads((shared / "wecom" / "samples" / f"{name}.response.json").read_text("utf-8"))

        assert expected.get(name, []) == _missing(sample, answer), name


def test_sample_of_a_customer(shared: Path) -> None:
    """A customer with followers has every key of the sample, but the cursor of a further page."""
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        tag = api.add_tags("x")[0]
        customer = box.add_customer(staff=["anna", "ben"], unionid="o", state="s", corp_name="腾讯", tags=[tag])
        api.post("remark", userid="anna", external_userid=customer, remark_company="腾讯")
        answer = api.get("get", external_userid=customer)
    sample = json.loads((shared / "wecom" / "samples" / "externalcontact.get.response.json").read_text("utf-8"))

    assert [".next_cursor"] == _missing(sample, answer)


def test_long_ago() -> None:
    """A corp can be taken years into the future at once."""
    box = Sandbox()
    box.populate(staff=3, customers=50, groups=2)
    box.advance(timedelta(days=3650))

    assert "2036" in repr(box)
