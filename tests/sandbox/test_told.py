"""What the sandbox's people do is told as WeCom documents it, and the library's own parser leaves nothing over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from privdom.sandbox import Sandbox
from privdom.wecom.callbacks import UnknownEvent, parse_event
from tests.sandbox.conftest import Api, sign_in, staffed


# On the pages of their own chapters only: 97299 and 96219.
ELSEWHERE = {
    ("customer_acquisition", "del_follow_user", ""): ({"UserID", "ExternalUserID", "LinkId", "State"}, {"State"}),
    ("upload_media_job_finish", "", ""): ({"JobId"}, set[str]()),
}
# Nobody is half added here; chat archiving, the order of tags, the directory and the app itself are nobody's.
NOT_TOLD = {"add_half_external_contact", "msg_audit_approved", "tag_shuffle"}

Kind = tuple[str, str, str]


def documented(shared: Path) -> dict[Kind, tuple[set[str], set[str]]]:
    """Return the fields of each kind of event, and those of them that may be absent."""
    told: dict[Kind, tuple[set[str], set[str]]] = dict(ELSEWHERE)
    for event in yaml.safe_load((shared / "wecom/events.yaml").read_text("utf-8"))["events"]:
        fields: list[dict[str, Any]] = event["fields"]
        if event["envelope"] == "app" or event["event"] == "change_contact" or event["id"] in NOT_TOLD:
            continue
        detail = next((field["note"] for field in fields if field["name"] == "UpdateDetail"), "")
        optional = {field["name"] for field in fields if field.get("optional")}
        told[event["event"], event["change_type"], detail] = {field["name"] for field in fields}, optional
    return told


def everything(box: Sandbox, api: Api) -> None:
    """Have people do whatever is told of."""
    box.on_callback(lambda params, body: 200)
    customer = box.add_customer("wmA", staff=["anna"])
    tags = box.admin_adds_tags("等级", ["x", "y"])
    box.admin_edits_tag(tags["x"], name="z")
    box.admin_deletes_tag(tags["x"])
    box.staff_edits_customer("anna", customer, remark="x", add_tags=[tags["y"]])
    box.befriend("ben", customer, state="card")
    box.befriend("chen", customer)
    box.staff_deletes_customer("ben", customer)
    box.customer_deletes_staff(customer, "chen")
    group = box.create_group(owner="anna", members=["ben"])
    box.join_group(group, [customer])
    box.leave_group(group, [customer])
    box.change_group_owner(group, "ben")
    box.rename_group(group, "x")
    box.change_group_notice(group, "x")
    box.dismiss_group(group)
    link = api.post("customer_acquisition/create_link", link_name="门店", range={"user_list": ["ben"]})["link"][
        "link_id"
    ]
    other = api.post("customer_acquisition/create_link", link_name="他", range={"user_list": ["anna"]})["link"][
        "link_id"
    ]
    box.admin_buys_link_uses(20, expires=box.clock.now() + timedelta(days=10))
    opened = [box.open_link(link, channel) for channel in ["door", "", *"abcdefghijklmnopqr"]]
    for _ in range(3):
        box.customer_writes(opened[0].external_userid, "ben")
    box.customer_deletes_staff(opened[0].external_userid, "ben")
    box.customer_deletes_staff(opened[1].external_userid, "ben")
    box.add_link_uses(3, expires=box.clock.now() + timedelta(days=10))
    box.set_staff("ben", serving=False)
    box.admin_deletes_link(other)
    box.set_staff("ben", serving=True)
    for takeover in ("ben", "chen"):
        who = box.add_customer(staff=["anna"])
        body = {"handover_userid": "anna", "takeover_userid": takeover, "external_userid": [who]}
        assert api.post("transfer_customer", **body)["customer"][0]["errcode"] == 0
        if takeover == "chen":
            box.set_staff("chen", capacity=0)
    api.client.post(
        "/cgi-bin/media/upload_by_url",
        params={"access_token": api.token},
        json={"scene": 1, "type": "file", "filename": "a.pdf", "url": "https://x.example/a.pdf", "md5": "0" * 32},
    )
    box.advance(timedelta(days=5))


def test_what_is_told_has_wecoms_fields(shared: Path) -> None:
    """Every event has all the fields that its kind must have and no others, and each kind that people here can cause comes."""
    with staffed(special_trade=True) as box:
        with httpx.Client(transport=box.transport, base_url="https://qyapi.weixin.qq.com") as client:
            everything(box, sign_in(box, client))
        known, seen = documented(shared), set[Kind]()
        for event in box.record.events:
            fields = dict(event.fields)
            kind = event.event, event.change_type, fields.get("UpdateDetail", "")
            named, optional = known[kind]
            assert named - optional <= set(fields) <= named, kind
            assert "" not in fields.values(), kind
            seen.add(kind)

        assert set(known) == seen
        assert len(box.record.callbacks) == len(box.record.events)
        for callback in box.record.callbacks:
            parsed = parse_event(callback.xml)
            assert not isinstance(parsed, UnknownEvent), callback.xml
            assert {} == parsed.extra, callback.xml
            assert bool(callback.change_type) == ("<ChangeType>" in callback.xml), callback.xml
            assert (box.corp_id, "sys", "event") == (parsed.corp_id, parsed.from_user_name, parsed.msg_type)
