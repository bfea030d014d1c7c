"""
WeCom's callbacks beside a Django site, at /wecom: the end of its wsgi.py. Neither middleware nor CSRF checks see them.

    gunicorn "examples.receivers.django_app:create_app()"

In an asgi.py it is the same with ``asgi(callbacks)``, and ``scope["path"]`` for where to go.
"""

# Django has no types of its own, which strict checking takes for unknown.
# pyright: basic
from __future__ import annotations

import os

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from privdom.events import SqlInbox
from privdom.store import Store
from privdom.wecom.callbacks import Callbacks, Crypto, wsgi


def create_app(store: Store | None = None) -> WSGIApplication:
    """Return the site; what it takes in stands in the inbox of *store*, for a worker with a dispatcher."""
    crypto = Crypto(os.environ["WECOM_TOKEN"], os.environ["WECOM_AES_KEY"], os.environ["WECOM_CORP_ID"])
    receiver = wsgi(Callbacks(crypto, SqlInbox(store or Store(os.environ["PRIVDOM_STORE"]))))
    if not settings.configured:  # yours has a settings module
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY=os.urandom(32).hex())
    site: Any = get_wsgi_application()

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = receiver if environ["PATH_INFO"] == "/wecom" else site
        return app(environ, start_response)

    return application


def home(request: HttpRequest) -> HttpResponse:
    """Answer like the rest of your site."""
    return HttpResponse(b"the rest of the site")


urlpatterns = [path("", home)]
