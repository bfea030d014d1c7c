"""
WeCom's callbacks in a FastAPI app, mounted at /wecom/: tell WeCom the address with the slash at its end.

    uvicorn --factory examples.receivers.fastapi_app:create_app
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from privdom.events import SqlInbox
from privdom.store import Store
from privdom.wecom.callbacks import Callbacks, Crypto, asgi


def create_app(store: Store | None = None) -> FastAPI:
    """Return the app; what it takes in stands in the inbox of *store*, for a worker with a dispatcher."""
    crypto = Crypto(os.environ["WECOM_TOKEN"], os.environ["WECOM_AES_KEY"], os.environ["WECOM_CORP_ID"])
    callbacks = Callbacks(crypto, SqlInbox(store or Store(os.environ["PRIVDOM_STORE"])))
    app = FastAPI()
    app.add_api_route("/", home, response_class=PlainTextResponse)
    app.mount("/wecom", asgi(callbacks))
    return app


async def home() -> str:
    """Answer like the rest of your site."""
    return "the rest of the site"
