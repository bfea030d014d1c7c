"""Codes that are deleted, and temporary chats that end with closing words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, sign_in, staffed


WORDS = {
    "text": {"content": "再见"},
    "image": {"media_id": "m"},
    "link": {"title": "t", "url": "https://u"},
}


def _temporary(api: Api, **body: Any) -> str:
    way = {"type": 1, "scene": 2, "user": ["anna"], "is_temp": True, "conclusions": WORDS, **body}
    answer = api.post("add_contact_way", **way)
    assert answer["errcode"] == 0, answer
    return answer["config_id"]


def _close(api: Api, customer: str, userid: str = "anna") -> int:
    again = sign_in(api.box, api.client)
    return int(again.post("close_temp_chat", userid=userid, external_userid=customer)["errcode"])


def _said(api: Api) -> list[tuple[str, str, str, str]]:
    return [(e.staff, e.external_userid, e.text, e.attachment) for e in api.box.record.conclusions]


def test_deleted(api: Api) -> None:
    """A deleted code cannot be read, listed or scanned, and makes room for another."""
    config_id = api.post("add_contact_way", type=1, scene=2, user=["anna"])["config_id"]
    gone = [api.post(f"{verb}_contact_way", config_id=config_id)["errcode"] for verb in ("del", "del", "get", "update")]

    assert [0, 41044, 41044, 41044] == gone
    assert [] == api.post("list_contact_way")["contact_way"]
    assert [41043, 41044] == [api.post("del_contact_way", **b)["errcode"] for b in ({}, {"config_id": "x"})]
    with pytest.raises(ValueError, match="no code"):
        api.box.scan(config_id)


def test_deleting_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corp that has too many codes can delete one."""
    import httpx

    monkeypatch.setattr(limits, "CODES_PER_CORP", 1)
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        way = {"type": 1, "scene": 2, "user": ["anna"]}
        config_id = api.post("add_contact_way", **way)["config_id"]
        full = api.post("add_contact_way", **way)["errcode"]
        api.post("del_contact_way", config_id=config_id)

        assert [41045, 0] == [full, api.post("add_contact_way", **way)["errcode"]]


def test_closed_by_a_call(api: Api) -> None:
    """Text and picture go out, the picture before the link; then there is no chat to close any more."""
    customer = api.box.scan(_temporary(api)).external_userid

    assert [0, 84061] == [_close(api, customer, "ANNA"), _close(api, customer)]
    assert [("anna", customer, "再见", '{"image": {"pic_url": "https://p.qpic.cn/pic_wework/m"}}')] == _said(api)
    assert ["anna"] == [one["userid"] for one in api.get("get", external_userid=customer)["follow_user"]]
    api.box.advance(timedelta(days=2))
    assert 1 == len(_said(api))


def test_ends_by_itself(api: Api) -> None:
    """A chat that nobody closes ends in its time, with the same words."""
    customer = api.box.scan(
        _temporary(api, chat_expires_in=60, conclusions={"text": {"content": "bye"}})
    ).external_userid
    api.box.advance(timedelta(seconds=59))
    assert [] == _said(api)
    api.box.advance(timedelta(seconds=1))

    assert [("anna", customer, "bye", "")] == _said(api)
    assert 84061 == _close(api, customer)


def test_nothing_to_say(api: Api) -> None:
    """Without closing words nothing goes out, nor to a customer who has left."""
    silent = api.box.scan(_temporary(api, conclusions=None)).external_userid
    left = api.box.scan(_temporary(api)).external_userid
    api.box.customer_deletes_staff(left, "anna")

    assert [0, 0] == [_close(api, silent), _close(api, left)]
    assert [] == _said(api)


def test_parted(api: Api) -> None:
    """Where the staff has deleted the customer, there is nobody to say farewell to."""
    customer = api.box.scan(_temporary(api)).external_userid
    api.box.staff_deletes_customer("anna", customer)
    assert 84061 == _close(api, customer)
    api.box.advance(timedelta(days=2))

    assert [] == _said(api)


def test_no_such_chat(corp: Callable[..., Api]) -> None:
    """Who came another way has no temporary chat; what the call answers is a matter of rules."""
    api = corp(no_temp_chat_errcode=40058)
    customer = api.box.add_customer(staff=["anna"])
    api.box.scan(_temporary(api), external_userid=customer)

    assert 40058 == _close(api, customer)


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (41009, {"userid": ""}),
        (41035, {"external_userid": ""}),
        (60111, {"userid": "nobody"}),
        (40096, {"external_userid": "wmNo"}),
        (84061, {"userid": "ben"}),
    ],
)
def test_mistakes(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode."""
    customer = api.box.scan(_temporary(api)).external_userid
    body = {"userid": "anna", "external_userid": customer, **change}

    assert errcode == api.post("close_temp_chat", **body)["errcode"]
