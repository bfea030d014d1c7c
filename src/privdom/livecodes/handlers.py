"""What happens when a customer comes by a live code: the welcome message at once, all else after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeAlias

from sqlalchemy import Connection

from privdom._facts import endpoints
from privdom._facts.limits import WELCOME_SECONDS
from privdom.errors import (
    ApiError,
    AuthError,
    Conflict,
    MayHaveArrived,
    NotSent,
    PrivdomError,
    QuotaExceeded,
    TokenRejected,
)
from privdom.events import Write
from privdom.livecodes.report import WelcomeOutcome
from privdom.livecodes.rules import personal_text
from privdom.livecodes.store import CodeRows, SavedCode, Scan
from privdom.store import Store
from privdom.wecom._values import Done
from privdom.wecom.callbacks import CustomerAdded, CustomerHalfAdded, Event
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.messages import WelcomeRequest
from privdom.wecom.wire import dumps, unstructure


__all__ = ["CodeHandler", "WelcomeHandler"]

_Outcome: TypeAlias = tuple[WelcomeOutcome, int | None]

_WINDOW = timedelta(seconds=WELCOME_SECONDS)
# WeCom has the last word on its window, since our clock may be off; but after an
# outage nobody should ask it about hours of old codes.
_HOPELESS = timedelta(minutes=1)
_USED_OR_EXPIRED, _DELIVERED = 41050, 41051


class WelcomeHandler:
    """
    Sends the welcome message of a code, within the 20 seconds that WeCom gives (92137).

    It may be repeated at will: WeCom delivers one, and refuses the second with 41051.
    """

    name = "livecodes.welcome"

    def __init__(self, wecom: AsyncWeCom, store: Store, rows: CodeRows, *, pause: float) -> None:
        self._wecom = wecom
        self._port = wecom.port
        self._store = store
        self._rows = rows
        self._pause = pause

    async def handle(self, event: Event) -> Write | None:
        """Greet the customer of an add event that came by a code with a welcome message."""
        if not isinstance(event, CustomerAdded | CustomerHalfAdded) or not event.welcome_code or not event.state:
            return None
        saved, name = await self._look(event.state, event.external_user_id)
        if saved is None or not saved.code.greets:
            return None
        code = saved.code
        if not name and "{name}" in code.welcome:
            name = await self._ask_name(event.external_user_id)
        text = personal_text(code.welcome, name)
        request = WelcomeRequest(event.welcome_code, text=text, attachments=code.attachments)
        outcome, errcode = await self._send(dumps(unstructure(request)), event)
        scan = Scan(code.id, event.user_id, event.external_user_id, event.create_time)
        return lambda conn: self._rows.put_welcome(conn, scan, outcome, errcode)

    async def _look(self, code_id: str, external_userid: str) -> tuple[SavedCode | None, str]:
        def work() -> tuple[SavedCode | None, str]:
            with self._store.read() as conn:
                return self._rows.find(conn, code_id), self._rows.customer_name(conn, external_userid)

        return await self._store.offload(self._port, work)

    async def _ask_name(self, external_userid: str) -> str:
        try:
            page = await self._wecom.contacts.get(external_userid)
        except PrivdomError:
            return ""  # a greeting without a name is better than none
        return page.external_contact.name

    async def _send(self, body: bytes, event: CustomerAdded | CustomerHalfAdded) -> _Outcome:
        left = event.create_time + _WINDOW - self._port.now()
        if left < -_HOPELESS:
            return WelcomeOutcome.EXPIRED, None
        until = self._port.monotonic() + left.total_seconds()
        while True:
            try:
                await self._wecom.session.once(endpoints.WELCOME, body, Done)
            except PrivdomError as e:
                end = _end(e, last=self._port.monotonic() + self._pause >= until)
            else:
                end = (WelcomeOutcome.SENT, None)
            if end is not None:
                return end
            await self._port.sleep(self._pause)

    def __repr__(self) -> str:
        return f"<WelcomeHandler of {self._wecom.corp_id}>"


def _end(error: PrivdomError, *, last: bool) -> _Outcome | None:
    """Return what a failed try comes to, or None if it is worth another."""
    errcode = error.errcode if isinstance(error, ApiError) else None
    if errcode == _DELIVERED:
        return WelcomeOutcome.SENT, errcode
    if errcode == _USED_OR_EXPIRED:
        return WelcomeOutcome.EXPIRED, errcode
    # A conflict is another app that is sending one (41096), and may yet fail.
    if isinstance(error, NotSent | MayHaveArrived | QuotaExceeded | Conflict | TokenRejected):
        if not last:
            return None
        return WelcomeOutcome.UNKNOWN if isinstance(error, MayHaveArrived) else WelcomeOutcome.EXPIRED, errcode
    if errcode is None or isinstance(error, AuthError):
        raise error  # says nothing about the message: the dispatcher keeps it and comes again
    return WelcomeOutcome.REFUSED, errcode


class CodeHandler:
    """Counts the customers of a code, tells where they came from, and wants the code's tags on them."""

    name = "livecodes.scan"

    def __init__(self, take: Callable[[Connection, Sequence[Scan]], int]) -> None:
        self._take = take

    def handle(self, event: Event) -> Write | None:
        """Act on an add event that came by a code, or by anything else that sets a state."""
        if not isinstance(event, CustomerAdded | CustomerHalfAdded) or not event.state:
            return None
        scan = Scan(event.state, event.user_id, event.external_user_id, event.create_time)

        def write(conn: Connection) -> None:
            self._take(conn, [scan])

        return write

    def __repr__(self) -> str:
        return "<CodeHandler>"
