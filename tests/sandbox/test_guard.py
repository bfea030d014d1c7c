"""The sandbox and the websites that are open in the same browser."""

from __future__ import annotations

import asyncio

from collections.abc import Iterator

import httpx
import pytest

from privdom.sandbox import Sandbox
from privdom.sandbox.server import serve
from tests.sandbox.conftest import staffed


@pytest.fixture
def served() -> Iterator[tuple[Sandbox, str]]:
    """Return a sandbox and its URL."""
    box = staffed()
    with box.serving() as url:
        yield box, url


ACTS = ["/do/add_staff?userid=eve", "/_sandbox/add_staff"]


@pytest.mark.parametrize("path", ACTS)
@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", ""])
def test_pages_of_other_websites_do_not_act(served: tuple[Sandbox, str], path: str, origin: str) -> None:
    """A form or script of another website is refused, also one that hides where it comes from."""
    box, url = served
    before = box.state()

    answer = httpx.post(url + path, content='{"userid": "eve"}', headers={"origin": origin})

    assert 403 == answer.status_code
    assert "other websites" in answer.text
    assert before == box.state()


@pytest.mark.parametrize("path", ["/", "/customers", "/version", "/_sandbox/settings", *ACTS])
@pytest.mark.parametrize(
    "host", ["evil.example:8700", "evil.example.", "127.0.0.1.evil.example", "[::1", "a@evil.example"]
)
def test_names_that_lead_here_are_not_enough(served: tuple[Sandbox, str], path: str, host: str) -> None:
    """A website whose own name was made to lead to this machine sees nothing and does nothing."""
    box, url = served
    method = "POST" if path in ACTS else "GET"

    answer = httpx.request(method, url + path, headers={"host": host, "origin": f"http://{host}"})

    assert 403 == answer.status_code
    assert box.secret not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost:8700", "LOCALHOST", "box.localhost", "127.0.0.1", "[::1]:8700", "wecom:80"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_own_pages_act(served: tuple[Sandbox, str], host: str, scheme: str) -> None:
    """An address, localhost and a name without a dot, as containers have, are no stranger's."""
    box, url = served
    headers = {"host": host, "origin": f"{scheme}://{host}"}

    assert 200 == httpx.get(url, headers=headers).status_code
    assert 303 == httpx.post(f"{url}/do/add_staff", data={"userid": "dora"}, headers=headers).status_code
    assert "dora" in str(box.state())


def test_names_that_are_given() -> None:
    """A name with dots is served once it is given."""

    async def main() -> list[int]:
        stop, found = asyncio.Event(), asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(staffed(), names=["WeCom.test"], ready=found.set_result, stop=stop))
        url: str = await found
        async with httpx.AsyncClient(base_url=url) as client:
            answers = [await client.get("/", headers={"host": host}) for host in ("wecom.test:80", "other.test")]
        stop.set()
        await serving
        return [answer.status_code for answer in answers]

    assert [200, 403] == asyncio.run(main())


def test_pictures_do_not_act(served: tuple[Sandbox, str]) -> None:
    """What acts is sent by POST; a GET, as for a picture in somebody's page, only reads."""
    box, url = served
    before = box.state()
    answers = {name: httpx.get(f"{url}/_sandbox/{name}").status_code for name in ("populate", "faults/clear", "record")}

    assert {"populate": 405, "faults/clear": 405, "record": 200} == answers
    assert before == box.state()


def test_api_takes_any_host(served: tuple[Sandbox, str]) -> None:
    """The API answers under any name: a client may be told that this machine is WeCom."""
    box, url = served
    query = {"corpid": box.corp_id, "corpsecret": box.secret}
    answer = httpx.get(f"{url}/cgi-bin/gettoken", params=query, headers={"host": "qyapi.weixin.qq.com"})

    assert 0 == answer.json()["errcode"]


def test_every_command_is_answered(served: tuple[Sandbox, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails in a way that nobody expects is answered too, and says what failed."""
    box, url = served
    monkeypatch.setattr(box, "populate", lambda: {}["surprise"])
    answer = httpx.post(f"{url}/_sandbox/populate")

    assert 500 == answer.status_code
    assert "surprise" in answer.json()["error"]
