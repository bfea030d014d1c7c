"""Join ways of groups."""

from __future__ import annotations

import pytest

from privdom._facts import limits
from tests.sandbox.conftest import Api, staffed


def _add(api: Api, *chat_ids: str, **body: object) -> str:
    answer = api.post("groupchat/add_join_way", **{"scene": 2, "chat_id_list": list(chat_ids), **body})
    assert answer["errcode"] == 0, answer
    return answer["config_id"]


def test_life(api: Api) -> None:
    """A join way is made, read with its picture, overwritten as a whole and deleted."""
    group = api.box.add_group(owner="anna")
    way = {"remark": "r" * 40, "room_base_name": "福利", "room_base_id": 3, "state": "door", "auto_create_room": 0}
    config_id = _add(api, group, **way)
    made = api.post("groupchat/get_join_way", config_id=config_id)["join_way"]
    assert api.post("groupchat/update_join_way", config_id=config_id, scene=2, chat_id_list=[group])["errcode"] == 0
    after = api.post("groupchat/get_join_way", config_id=config_id)["join_way"]
    assert {config_id} == set(api.box.state()["join_ways"])  # type: ignore[call-overload]
    gone = [api.post(f"groupchat/{verb}_join_way", config_id=config_id)["errcode"] for verb in ("del", "del", "get")]

    assert ("r" * 30, "door", 0, 3) == (
        made["remark"],
        made["state"],
        made["auto_create_room"],
        made["room_base_id"],
    )
    assert made["qr_code"]
    assert ("", "", 1, "") == (after["remark"], after["state"], after["auto_create_room"], after["room_base_name"])
    assert made["qr_code"] == after["qr_code"]
    assert [0, 41044, 41044] == gone


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (41038, {"scene": None}),
        (41040, {"scene": 3}),
        (40063, {"chat_id_list": []}),
        (41091, {"chat_id_list": [f"wr{i}" for i in range(6)]}),
        (90501, {"chat_id_list": ["wrNo"]}),
        (40058, {"state": "x" * 31}),
        (40058, {"room_base_name": "x" * 41}),
        (40058, {"auto_create_room": 2}),
    ],
)
def test_mistakes(api: Api, errcode: int, change: dict[str, object]) -> None:
    """Each mistake has its errcode."""
    body = {"scene": 2, "chat_id_list": [api.box.add_group(owner="anna")], **change}

    assert errcode == api.post("groupchat/add_join_way", **body)["errcode"]


def test_dissolved(api: Api) -> None:
    """No way leads into a group that is gone."""
    group = api.box.add_group(owner="anna")
    api.box.dismiss_group(group)

    assert 49008 == api.post("groupchat/add_join_way", scene=2, chat_id_list=[group])["errcode"]


def test_shared_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Join ways and contact ways share their number."""
    import httpx

    from tests.sandbox.conftest import sign_in

    monkeypatch.setattr(limits, "CODES_PER_CORP", 2)
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        group = box.add_group(owner="anna")
        _add(api, group)
        way = {"type": 1, "scene": 2, "user": ["anna"]}
        codes = [api.post("add_contact_way", **way)["errcode"] for _ in range(2)]
        join = api.post("groupchat/add_join_way", scene=2, chat_id_list=[group])["errcode"]

    assert [0, 41045, 41045] == [*codes, join]
