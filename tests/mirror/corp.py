"""A small corp in the sandbox, and its mirror told in the sandbox's words."""

from __future__ import annotations

import json

from collections.abc import Callable
from typing import Any

import httpx

from sqlalchemy import select

from privdom._port import Port
from privdom.events import AsyncDispatcher, EventLog, FollowAdded, FollowRemoved
from privdom.mirror import AsyncMirror, MirrorHandler, follows, tables
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.wecom.client import AsyncWeCom


Rule = Callable[[dict[str, Any]], dict[str, Any] | None]


class Door(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Stands before a sandbox and answers some calls itself, as WeCom would where the sandbox knows no such case."""

    def __init__(self, box: Sandbox) -> None:
        self._transport = box.transport
        self.rules: dict[str, Rule] = {}
        self.calls: list[str] = []

    def refuse(self, path: str, errcode: int, when: Callable[[dict[str, Any]], bool] = lambda _: True) -> None:
        self.rules[path] = lambda request: {"errcode": errcode, "errmsg": "no"} if when(request) else None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._answer(request) or self._transport.handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self._answer(request) or await self._transport.handle_async_request(request)

    def _answer(self, request: httpx.Request) -> httpx.Response | None:
        path = request.url.path.removeprefix("/cgi-bin/")
        self.calls.append(path)
        body = json.loads(request.content or "{}") | dict(request.url.params)
        answer = self.rules[path](body) if path in self.rules else None
        return None if answer is None else httpx.Response(200, json={"errcode": 0, "errmsg": "ok", **answer})


def small_corp(*, staff: int = 3, customers: int = 230, groups: int = 3) -> Sandbox:
    """Return a corp whose customers fill several pages."""
    box = Sandbox(seed=7)
    box.populate(staff=staff, customers=customers, groups=groups)
    return box


def client(box: Sandbox, port: Port) -> AsyncWeCom:
    return AsyncWeCom.on(port, box.corp_id, box.secret)


def mirror(box: Sandbox, port: Port, store: Store) -> AsyncMirror:
    return AsyncMirror(client(box, port), store)


async def work(box: Sandbox, port: Port, store: Store) -> int:
    """Deliver what waits, and fold it into the mirror."""
    box.deliver()
    wecom = client(box, port)
    return await AsyncDispatcher(wecom, store, [MirrorHandler(wecom)]).run()


def truth(box: Sandbox) -> dict[str, Any]:
    """Return what the mirror must hold."""
    state: Any = box.state()
    return {
        "staff": {userid: one["name"] for userid, one in state["staff"].items() if one["serving"]},
        "customers": {one: customer["name"] for one, customer in state["customers"].items() if customer["followers"]},
        "follows": {
            (staff, one): (follow["remark"], follow["state"], tuple(sorted(follow["tags"])))
            for one, customer in state["customers"].items()
            for staff, follow in customer["followers"].items()
        },
        "tags": {tag_id: (tag["name"], tag["group"]) for tag_id, tag in state["tags"].items()},
        "groups": {
            chat_id: (group["name"], group["owner"], sorted(group["members"]), group["member_version"])
            for chat_id, group in state["groups"].items()
            if not group["dismissed"]
        },
    }


def mirrored(store: Store, corp_id: str) -> dict[str, Any]:
    """Return what the mirror holds, in the same shape."""
    staff, customer, tag = tables.staff.c, tables.customer.c, tables.corp_tag.c
    group, member = tables.group_chat.c, tables.group_member.c
    with store.read() as conn:
        people = dict(conn.execute(select(staff.staff_userid, staff.name).where(staff.corp_id == corp_id)).all())
        names = select(customer.external_userid, customer.name).where(customer.corp_id == corp_id)
        tags = select(tag.tag_id, tag.name, tag.group_name).where(tag.corp_id == corp_id)
        groups = select(tables.group_chat).where(group.corp_id == corp_id, group.removed_at.is_(None))
        members = select(member.chat_id, member.member_id).where(member.corp_id == corp_id)
        joined: dict[str, list[str]] = {}
        for chat_id, member_id in conn.execute(members.order_by(member.member_id)):
            joined.setdefault(chat_id, []).append(member_id)
        return {
            "staff": people,
            "customers": dict(conn.execute(names).all()),
            "follows": {
                (one.staff_userid, one.external_userid): (one.remark, one.state, one.tag_ids)
                for one in follows(conn, corp_id)
            },
            "tags": {row.tag_id: (row.name, row.group_name) for row in conn.execute(tags)},
            "groups": {
                row.chat_id: (row.name, row.owner, joined.get(row.chat_id, []), row.member_version)
                for row in conn.execute(groups)
            },
        }


def told(store: Store, corp_id: str) -> list[tuple[str, str, str]]:
    """Return what the event log tells of relations: the sign, the staff, the customer."""
    with store.begin() as conn:
        events = [event for _, event in EventLog.read(conn, corp_id, "test", limit=10_000)]
    return [
        ("+" if isinstance(event, FollowAdded) else f"-{event.by}", event.staff_userid, event.external_userid)
        for event in events
        if isinstance(event, FollowAdded | FollowRemoved)
    ]


def dump(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the mirror and the event log."""
    names = ["staff", "customer", "follow", "follow_tag", "corp_tag", "group_chat", "group_member", "sync"]
    with store.read() as conn:
        rows: dict[str, list[tuple[Any, ...]]] = {
            name: sorted((tuple(row) for row in conn.execute(select(getattr(tables, name)))), key=repr)
            for name in names
        }
    corp_ids = {row[0] for row in rows["sync"]}
    return rows | {"events": sorted((told(store, corp_id) for corp_id in corp_ids), key=repr)}  # type: ignore[dict-item]


def shake(box: Sandbox) -> None:
    """Change a bit of everything in the corp, while nobody listens."""
    state: Any = box.state()
    staff = sorted(state["staff"])
    pairs = sorted((one, who) for who, customer in state["customers"].items() for one in customer["followers"])
    for userid, external_userid in pairs[::40]:
        box.staff_deletes_customer(userid, external_userid)
    for userid, external_userid in pairs[1::40]:
        box.staff_edits_customer(userid, external_userid, remark="改了", add_tags=sorted(state["tags"])[:1])
    for number in range(5):
        box.add_customer(f"wmNew{number}", "新\0客", staff=[staff[number % len(staff)]], state="s")
    box.admin_deletes_tag(sorted(state["tags"])[-1])
    box.admin_adds_tags("新组", ["一", "二"])
    chats = sorted(state["groups"])
    box.dismiss_group(chats[0])
    box.join_group(chats[1], ["wmNew1"])
    box.set_staff(staff[-1], serving=False)
