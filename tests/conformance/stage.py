"""The corp that every peer finds, made anew for each, and what its driver is told of it."""

from __future__ import annotations

import json
import struct
import zlib

from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import httpx

from privdom.sandbox import Sandbox
from privdom.sandbox.router import Request


__all__ = ["Stage", "Watched"]

_DAY = 86_400
_CHINA = 8 * 3_600


class Watched(Sandbox):
    """A sandbox that keeps what came over the wire."""

    requests: list[Request]

    def arriving(self, request: Request) -> Any:
        """Carry a request out, and remember it."""
        self.__dict__.setdefault("requests", []).append(request)
        return super().arriving(request)


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + b"".join(bytes((x * 4, y * 4, 128)) for x in range(64)) for y in range(64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@attrs.define
class Stage:
    """A corp with people, and their ids by the names that drivers use."""

    box: Watched
    told: dict[str, Any]

    @classmethod
    def set_up(cls, folder: Path) -> Stage:
        """Make the corp; *folder* is for files that peers upload."""
        box = Watched()
        department = box.add_department("门店")
        for userid in ("anna", "ben", "chen", "dora"):
            box.add_staff(userid, department=[1, department] if userid == "ben" else 1)
        customers = [box.add_customer(name=name, staff=["anna"]) for name in ("安", "贝", "陈", "丁")]
        box.add_customer(name="戴", staff=["ben"])
        left = [box.add_customer(name=name, staff=["dora"]) for name in ("费", "高")]
        groups = [box.add_group(name=name, owner="anna", members=customers[:2]) for name in ("一群", "二群")]
        left_group = box.add_group(name="三群", owner="dora", members=left)
        picture = folder / "picture.png"
        picture.write_bytes(_png())
        told: dict[str, Any] = {
            "corp_id": box.corp_id,
            "secret": box.secret,
            "token": box.callback_token,
            "aes_key": box.encoding_aes_key,
            "agent_id": getattr(box, "agent_id", 1_000_002),
            "department": department,
            "customers": customers,
            "left_customers": left,
            "groups": groups,
            "left_group": left_group,
            "picture": str(picture),
            "web_url": "https://example.com/files/manual.pdf",
        }
        stage = cls(box, told)
        stage._begin()
        # Figures are there for days that are over.
        box.advance(timedelta(days=2))
        now = int(box.clock.now().timestamp())
        told["now"] = now
        told["day"] = (now + _CHINA) // _DAY * _DAY - _CHINA - 2 * _DAY
        told["sign_in_code"] = stage._acts("sign_in", "anna", private=True)
        del box.requests[:]
        return stage

    def _acts(self, name: str, *args: Any, **kwargs: Any) -> Any:
        # A sandbox that does not play this yet gets peers that go without.
        act = getattr(self.box, name, None)
        return act(*args, **kwargs) if act else ""

    def _begin(self) -> None:
        box, told = self.box, self.told
        way = {"type": 1, "scene": 2, "user": ["ben"]}
        told["code"] = self.call("externalcontact/add_contact_way", {**way, "state": "door"})["config_id"]
        temporary = self.call(
            "externalcontact/add_contact_way", {**way, "user": ["anna"], "is_temp": True, "chat_expires_in": 1_000_000}
        )
        told["temp_chat"] = box.scan(temporary["config_id"], "临时").external_userid
        told["opengid"] = self._acts("open_mini_program", told["groups"][0])
        told["voice"] = self._acts("staff_records", "anna")
        told["web_md5"] = self._acts("add_web_file", told["web_url"], 2_000)
        self._acts("add_link_uses", 10)
        made = self.call(
            "externalcontact/customer_acquisition/create_link",
            {"link_name": "海报", "range": {"user_list": ["ben"]}},
        )
        told["link"] = made.get("link", {}).get("link_id", "")
        if told["link"]:
            self._acts("open_link", told["link"], "metro", "链接")
        self._acts("staff_resigns", "dora")

    def call(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """Call the API in process; {} where the sandbox does not have it."""
        with httpx.Client(transport=self.box.transport, base_url="https://sandbox/cgi-bin") as client:
            who = {"corpid": self.box.corp_id, "corpsecret": self.box.secret}
            token = client.get("/gettoken", params=who).json()["access_token"]
            method = "GET" if body is None else "POST"
            answer = client.request(method, f"/{path}", params={**query, "access_token": token}, json=body)
        return {} if answer.status_code == 404 else dict(json.loads(answer.content))
