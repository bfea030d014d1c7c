"""Join ways of groups."""

from __future__ import annotations

from collections.abc import Callable

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


def _group(api: Api, chat_id: str) -> dict[str, object]:
    return api.post("groupchat/get", chat_id=chat_id)["group_chat"]


def _told(api: Api) -> list[tuple[str, str]]:
    """Return what was told of groups, and of which."""
    events = [event for event in api.box.record.events if event.event == "change_external_chat"]
    return [
        (dict(event.fields).get("UpdateDetail", event.change_type), dict(event.fields)["ChatId"]) for event in events
    ]


def test_scan(api: Api) -> None:
    """Who scans a join way is in its first group, by code and with its state, and the app is told."""
    groups = [api.box.add_group(owner="anna") for _ in range(2)]
    _add(api, *groups, state="door")
    joined = api.box.scan_join_way("door", "新客")
    member = _group(api, groups[0])["member_list"][-1]  # type: ignore[index]

    assert (groups[0], "door") == (joined.chat_id, joined.state)
    assert (joined.external_userid, 2, 3, "door") == tuple(
        member[name] for name in ("userid", "type", "join_scene", "state")
    )
    assert [("add_member", groups[0])] == _told(api)
    event = dict(api.box.record.events[-1].fields)
    assert ("3", "1", joined.external_userid) == tuple(event[n] for n in ("JoinScene", "MemChangeCnt", "MemChangeList"))


def test_scan_again(api: Api) -> None:
    """Who is in one of the groups stays there, and nobody is told; the rest of the way is left as it is."""
    groups = [api.box.add_group(owner="anna") for _ in range(2)]
    customer = api.box.add_customer()
    api.box.join_group(groups[1], [customer])
    config_id = _add(api, *groups)

    assert groups[1] == api.box.scan_join_way(config_id, external_userid=customer).chat_id
    assert [("add_member", groups[1])] == _told(api)


def test_scan_next_group(corp: Callable[..., Api]) -> None:
    """Where a group is full or dissolved, the next one of the way is joined; in the end there is none."""
    api = corp(group_size=2)
    groups = [api.box.add_group(owner="anna") for _ in range(3)]
    config_id = _add(api, *groups, auto_create_room=0)
    api.box.dismiss_group(groups[0])

    assert groups[1:] == [api.box.scan_join_way(config_id, f"c{i}").chat_id for i in range(2)]
    with pytest.raises(ValueError, match="full"):
        api.box.scan_join_way(config_id)
    for wrong in ("nowhere", ""):
        with pytest.raises(ValueError, match="no join way"):
            api.box.scan_join_way(wrong)


def test_new_rooms(corp: Callable[..., Api]) -> None:
    """Where all groups are full, WeCom opens more, named by prefix and number, and tells of them."""
    api = corp(group_size=2)
    group = api.box.add_group(owner="ben", members=["chen"])
    config_id = _add(api, group, room_base_name="福利", room_base_id=10, state="door")
    rooms = [api.box.scan_join_way(config_id, f"c{i}").chat_id for i in range(2)]
    shown = [_group(api, room) for room in rooms]

    assert [("福利10", "ben"), ("福利11", "ben")] == [(room["name"], room["owner"]) for room in shown]
    assert ["door", "door"] == [room["member_list"][-1]["state"] for room in shown]  # type: ignore[index]
    assert [(what, room) for room in rooms for what in ("create", "add_member")] == _told(api)
    assert [group] == api.post("groupchat/get_join_way", config_id=config_id)["join_way"]["chat_id_list"]
    assert {group, *rooms} == {row["chat_id"] for row in api.post("groupchat/list", limit=9)["group_chat_list"]}
    assert rooms == api.box.state()["join_ways"][config_id]["rooms"]  # type: ignore[index]


def test_new_rooms_take_more(corp: Callable[..., Api]) -> None:
    """A room that was opened is filled before another one is; an update with the same names goes on counting."""
    api = corp(group_size=3)
    group = api.box.add_group(owner="ben", members=["anna", "chen"])
    body = {"scene": 2, "chat_id_list": [group], "room_base_name": "福利"}
    config_id = _add(api, group, room_base_name="福利")
    rooms = [api.box.scan_join_way(config_id, f"c{i}").chat_id for i in range(2)]
    api.post("groupchat/update_join_way", config_id=config_id, **body, remark="r")
    rooms += [api.box.scan_join_way(config_id, f"d{i}").chat_id for i in range(2)]
    api.post("groupchat/update_join_way", config_id=config_id, **{**body, "room_base_name": "VIP"})
    rooms.append(api.box.scan_join_way(config_id).chat_id)

    assert [rooms[0]] * 2 + [rooms[2]] * 2 == rooms[:4]
    assert ["福利1", "福利2", "VIP1"] == [_group(api, room)["name"] for room in dict.fromkeys(rooms)]


def test_new_rooms_without_a_name(corp: Callable[..., Api]) -> None:
    """Without a prefix a new room has no name; where no owner is left, there is no room."""
    api = corp(group_size=1)
    config_id = _add(api, api.box.add_group(owner="anna"), room_base_id=3)
    api.box.change_rules(group_size=2)
    api.box.scan_join_way(config_id)
    room = api.box.scan_join_way(config_id).chat_id
    api.box.staff_resigns("anna")

    assert "" == _group(api, room)["name"]
    with pytest.raises(ValueError, match="owner"):
        api.box.scan_join_way(config_id)
