"""
WeCom's callbacks in a Starlette app, at /wecom.

    uvicorn --factory examples.receivers.starlette_app:create_app
"""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from privdom.events import SqlInbox
from privdom.store import Store
from privdom.wecom.callbacks import Callbacks, Crypto, asgi


def create_app(store: Store | None = None) -> Starlette:
    """Return the app; what it takes in stands in the inbox of *store*, for a worker with a dispatcher."""
    crypto = Crypto(os.environ["WECOM_TOKEN"], os.environ["WECOM_AES_KEY"], os.environ["WECOM_CORP_ID"])
    callbacks = Callbacks(crypto, SqlInbox(store or Store(os.environ["PRIVDOM_STORE"])))
    return Starlette(routes=[Route("/", home), Route("/wecom", asgi(callbacks))])


async def home(request: Request) -> PlainTextResponse:
    """Answer like the rest of your site."""
    return PlainTextResponse("the rest of the site")
