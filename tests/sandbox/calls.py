"""Calls of any chapter of the API, by their whole path."""

from __future__ import annotations

from typing import Any

from tests.sandbox.conftest import Api


def get(api: Api, path: str, **query: Any) -> dict[str, Any]:
    answer = api.client.get(f"/cgi-bin/{path}", params={"access_token": api.token, **query})
    return dict(answer.json())


def post(api: Api, path: str, **body: Any) -> dict[str, Any]:
    answer = api.client.post(f"/cgi-bin/{path}", params={"access_token": api.token}, json=body)
    return dict(answer.json())
