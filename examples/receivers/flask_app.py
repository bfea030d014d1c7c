"""
WeCom's callbacks beside a Flask app, at /wecom.

    flask --app examples.receivers.flask_app run
"""

from __future__ import annotations

import os

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from privdom.events import SqlInbox
from privdom.store import Store
from privdom.wecom.callbacks import Callbacks, Crypto, wsgi


def create_app(store: Store | None = None) -> Flask:
    """Return the app; what it takes in stands in the inbox of *store*, for a worker with a dispatcher."""
    crypto = Crypto(os.environ["WECOM_TOKEN"], os.environ["WECOM_AES_KEY"], os.environ["WECOM_CORP_ID"])
    callbacks = Callbacks(crypto, SqlInbox(store or Store(os.environ["PRIVDOM_STORE"])))
    app = Flask(__name__)
    app.add_url_rule("/", view_func=home)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/wecom": wsgi(callbacks)})  # type: ignore[method-assign] # Flask's own way
    return app


def home() -> str:
    """Answer like the rest of your site."""
    return "the rest of the site"
