"""A small corp, reached in process and over a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import httpx
import pytest

from privdom.sandbox import RemoteSandbox, Rules, Sandbox


Corp = Sandbox | RemoteSandbox
STAFF = ("anna", "ben", "chen")


@attrs.frozen
class Api:
    """A bare client of the API, and the corp it talks to."""

    box: Corp
    client: httpx.Client
    token: str

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        params = {"access_token": self.token, **query}
        return self.client.get(_path(path), params=params).json()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self.client.post(_path(path), params={"access_token": self.token}, json=body).json()

    def add_tags(self, *names: str, group: str = "等级") -> list[str]:
        answer = self.post("add_corp_tag", group_name=group, tag=[{"name": name} for name in names])
        return [tag["id"] for tag in answer["tag_group"]["tag"]]

    def send(self, content: str = "hi", **body: Any) -> str:
        answer = self.post("add_msg_template", text={"content": content}, **body)
        assert answer["errcode"] == 0, answer
        return answer["msgid"]


def _path(path: str) -> str:
    chapters = ("gettoken", "user/")
    return "/cgi-bin/" + (path if path.startswith(chapters) else f"externalcontact/{path}")


def sign_in(box: Corp, client: httpx.Client) -> Api:
    query = {"corpid": box.corp_id, "corpsecret": box.secret}
    return Api(box, client, client.get("/cgi-bin/gettoken", params=query).json()["access_token"])


def staffed(seed: int = 7, **rules: Any) -> Sandbox:
    box = Sandbox(seed, rules=Rules(**rules))
    for userid in STAFF:
        box.add_staff(userid, userid.title())
    return box


@pytest.fixture(params=["in process", "over a socket"])
def corp(request: pytest.FixtureRequest) -> Iterator[Callable[..., Api]]:
    """Return a function that gives a client of a new corp with three staff; its arguments are rules."""
    closing: list[Any] = []

    def make(**rules: Any) -> Api:
        box = staffed(**rules)
        closing.append(box.close)
        if request.param == "in process":
            client = httpx.Client(transport=box.transport, base_url="https://qyapi.weixin.qq.com")
            closing.append(client.close)
            return sign_in(box, client)
        serving = box.serving()
        url = serving.__enter__()
        closing.append(lambda: serving.__exit__(None, None, None))
        remote = RemoteSandbox(url)
        client = httpx.Client(base_url=url)
        closing.extend([remote.close, client.close])
        return sign_in(remote, client)

    yield make
    for close in reversed(closing):
        close()


@pytest.fixture
def api(corp: Callable[..., Api]) -> Api:
    """Return a client of a new corp with three staff, under the default rules."""
    return corp()
