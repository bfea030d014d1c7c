"""A sandbox with a browser in front of its console."""

from __future__ import annotations

import html
import re

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx

from privdom.sandbox import Sandbox
from tests.sandbox.conftest import sign_in


class Console:
    """A sandbox, a browser without scripts, and a client of the API."""

    def __init__(self, box: Sandbox, url: str) -> None:
        self.box = box
        self.browser = httpx.Client(base_url=url, follow_redirects=True)
        self.api = sign_in(box, self.browser)

    def page(self, path: str) -> str:
        answer = self.browser.get(path)
        assert 200 == answer.status_code, answer.text
        return answer.text

    def seen(self, path: str) -> str:
        """Return what a person reads in the middle of a page: its text, without the marks around it."""
        inside = self.page(path).partition("<main")[2].partition("</main>")[0].partition(">")[2]
        inline = re.sub(r"</?(a|b|q|span|code|progress)\b[^>]*>", "", inside)
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", inline)))

    def do(self, action: str, **fields: str) -> httpx.Response:
        return self.browser.post(f"/do/{action}", data=fields, headers={"referer": "http://here/log?kind=event"})

    def code(self, state: str = "store") -> str:
        return str(self.api.post("add_contact_way", type=1, scene=2, user=["anna"], state=state)["config_id"])

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """Call an API that has any path, and succeeds."""
        query = {"access_token": self.api.token}
        answer: dict[str, Any] = self.browser.post(f"/cgi-bin/{path}", params=query, json=body).json()
        assert 0 == answer["errcode"], answer
        return answer


@contextmanager
def serving(box: Sandbox) -> Generator[Console, None, None]:
    with box.serving() as url:
        console = Console(box, url)
        yield console
        console.browser.close()
