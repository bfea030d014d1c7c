"""
Every error this library raises, and what each asks of you.

::

    PrivdomError
    ├── UsageError (ValueError)         the input is wrong; nothing was sent or stored
    ├── NotSent                         DNS, connection or TLS failed: WeCom never saw the call
    ├── MayHaveArrived                  the call left, its fate is unknown: look before repeating
    │   ├── Busy (also an ApiError)     -1: WeCom's own failure
    │   └── NotUnderstood               an answer came that is not WeCom's: HTML, cut JSON ...
    ├── ApiError                        WeCom answered with an errcode
    │   ├── Busy                        -1: WeCom asks for patience
    │   └── Refused                     the call was not carried out
    │       ├── AuthError
    │       │   ├── WrongSecret         40001, 40091 ...: do not repeat, the IP gets locked out
    │       │   ├── TokenRejected       40014, 42001 ... again after a refresh
    │       │   └── IpNotAllowed        60020, 301042: put the address on the trusted list
    │       ├── NoPermission            the app, corp or staff lacks a right, or is out of range
    │       ├── QuotaExceeded           45009, 45033 ...: wait
    │       ├── Conflict                45035, 6000 ...: something else is under way with the same record
    │       ├── NotACustomer            84061, 40096 ...: there is no such relation
    │       ├── StillDispatching        41063, 41079: the record is not ready, ask again later
    │       └── BadRequest              a parameter, or the state of what it names, is wrong
    ├── CallbackError                   a callback that must not be trusted
    │   ├── BadSignature
    │   ├── BadCiphertext
    │   ├── WrongReceiver
    │   └── MalformedXml
    ├── CursorLoop                      WeCom sent the same cursor twice
    └── StoreError                      the database is not as this library needs it, or is away

Three questions decide what to do after a failed write, and ``outcome`` answers
them: was it refused, may it have arrived, or was it never sent?
"""

from __future__ import annotations

import re

from enum import StrEnum
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from privdom._facts.errcodes import ErrcodeFact, Retry

__all__ = [
    "ApiError",
    "AuthError",
    "BadCiphertext",
    "BadRequest",
    "BadSignature",
    "Busy",
    "CallbackError",
    "Conflict",
    "CursorLoop",
    "IpNotAllowed",
    "MalformedXml",
    "MayHaveArrived",
    "NoPermission",
    "NotACustomer",
    "NotSent",
    "NotUnderstood",
    "Outcome",
    "PrivdomError",
    "QuotaExceeded",
    "Refused",
    "StillDispatching",
    "StoreError",
    "TokenRejected",
    "UsageError",
    "WrongReceiver",
    "WrongSecret",
    "api_error",
]

# errmsg ends in: hint: [123_4_5], from ip: 1.2.3.4, more info at https://...
_HINT = re.compile(r"hint:\s*\[([^\]]*)\]")
_IP = re.compile(r"from ip:\s*([0-9A-Fa-f.:]+)")
_TAIL = re.compile(r",?\s*(hint:|from ip:|more info at).*$", re.DOTALL)
_SECRET = re.compile(r"(?i)(access_token|corpsecret|secret)[\"']?\s*[=:\[][\s\"'\[]*[^\s&,]+")


class Outcome(StrEnum):
    """What is known of a call that failed."""

    NOT_SENT = "not_sent"
    """WeCom never saw it."""
    REFUSED = "refused"
    """WeCom did not carry it out."""
    UNKNOWN = "unknown"
    """WeCom may have carried it out: look before you repeat it."""


class PrivdomError(Exception):
    """Base of all errors of this library."""


class UsageError(PrivdomError, ValueError):
    """The input is wrong. Raised before anything is sent or stored; the message says what to do."""


class NotSent(PrivdomError):
    """
    DNS, connection or TLS failed before the first byte of the request left.

    WeCom never saw the call, so it is always safe to repeat.
    """

    outcome = Outcome.NOT_SENT


class MayHaveArrived(PrivdomError):
    """The call left and no answer came: it may or may not have been carried out."""

    outcome = Outcome.UNKNOWN


class NotUnderstood(MayHaveArrived):
    """Something answered that is not WeCom's JSON: a proxy's page, cut-off text, another shape."""


def _fact(errcode: int) -> ErrcodeFact | None:
    from privdom._facts.errcodes import ERRCODES, UNLISTED  # noqa: PLC0415 - hundreds of rows that only an error needs

    return ERRCODES.get(errcode) or UNLISTED.get(errcode)


class ApiError(PrivdomError):
    """
    WeCom answered with an errcode.

    Attributes:
        errcode: WeCom's number.
        errmsg: WeCom's text, without its tail; never match on it, it changes.
        hint: what Tencent's support asks for, or None.
        ip: the address WeCom saw the call come from, where it says so.
        path: the endpoint's path.
        doc_url: the endpoint's page in WeCom's documentation.
        meaning: what the errcode means.
        retry: whether the same call can succeed another time: ``never``, ``immediate``, ``after_wait``, or
            ``after_token_refresh``. An unknown errcode is ``never``.
        wait: the seconds that the client waits before it repeats such a call by itself, where its effect allows it;
            None where it does not, and it is yours to come back later, or never.
    """

    outcome = Outcome.REFUSED

    def __init__(self, errcode: int, errmsg: str = "", *, path: str = "", doc_url: str = "") -> None:
        fact = _fact(errcode)
        hint, ip = _HINT.search(errmsg), _IP.search(errmsg)
        self.errcode = errcode
        self.errmsg = _SECRET.sub(r"\1=***", _TAIL.sub("", errmsg))
        self.hint = hint[1] if hint else None
        self.ip = ip[1] if ip else None
        self.path = path
        self.doc_url = doc_url
        self.meaning = fact.meaning if fact else "not in the documentation this library knows"
        self.retry: Retry = fact.retry if fact else "never"
        self.wait = fact.wait if fact else None
        super().__init__(errcode, self.errmsg)

    @property
    def help_url(self) -> str:
        """WeCom's page on this errcode."""
        return f"https://open.work.weixin.qq.com/devtool/query?e={self.errcode}"

    def __str__(self) -> str:
        where = f" from {self.path}" if self.path else ""
        hint = f" [hint {self.hint}]" if self.hint else ""
        said = f" WeCom said: {self.errmsg[:200]!r}." if self.errmsg and self.errmsg != "ok" else ""
        return f"errcode {self.errcode}{where}: {self.meaning}{said}{hint} See {self.help_url}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(cls: type[ApiError], state: dict[str, Any]) -> ApiError:
    error = cls.__new__(cls)
    Exception.__init__(error, state["errcode"], state["errmsg"])
    error.__dict__.update(state)
    return error


class Busy(ApiError, MayHaveArrived):
    """errcode -1 and its like: WeCom's back end was busy or failed, and does not say whether it did the work."""

    outcome = Outcome.UNKNOWN


class Refused(ApiError):
    """WeCom did not carry the call out."""


class AuthError(Refused):
    """WeCom does not accept who is calling."""


class WrongSecret(AuthError):
    """The secret of the app or suite is wrong, was reset, or is another corp's. Repeating locks the IP out for an hour."""


class TokenRejected(AuthError):
    """The access token, or a provider's suite token, is not valid, even after one refresh."""


class IpNotAllowed(AuthError):
    """The address in ``ip`` is not on the app's list of trusted addresses (企业可信IP), or on that of message archiving."""


class NoPermission(Refused):
    """
    The app, the corp or the staff lacks the right, or the staff or department is outside the app's visible range.

    The right may be a licence, a feature that the corp has not opened, or that over what another app made.
    """


class QuotaExceeded(Refused):
    """
    Too many calls, jobs, transfers or reminders in a window of time: wait as long as that window.

    ``wait`` is None where the client does not wait that long by itself.
    """


class Conflict(Refused):
    """
    Something else is under way with the same record: another write, a transfer, an import, another app's welcome.

    Repeat when it has ended: after a moment, or where ``wait`` is None after minutes or hours.
    """


class NotACustomer(Refused):
    """The staff and the external contact are not connected, or the id belongs to another corp."""


class StillDispatching(Refused):
    """The mass message (41063) or moment (41079) is still being dispatched: neither absent nor broken, ask again later."""


class BadRequest(Refused):
    """WeCom found a parameter wrong, or what it names absent, full or in another state; the same request cannot succeed."""


# What one would catch is not always what the topic of an errcode says.
_CLASSES: dict[int, type[ApiError]] = {
    45029: BadRequest,
    **dict.fromkeys((40001, 40080, 40091), WrongSecret),
    **dict.fromkeys((40014, 40082, 42001, 42009), TokenRejected),
    # The ticket of somebody who signs in is a parameter: the app itself is in order.
    **dict.fromkeys((84014, 84015), BadRequest),
    **dict.fromkeys((40096, 40131, 84061, 84084, 610004), NotACustomer),
    **dict.fromkeys((41063, 41079), StillDispatching),
    **dict.fromkeys((40100, 40129, 41096, 45035, 90507), Conflict),
    **dict.fromkeys((40128, 41078, 41094, 41210, 85004), QuotaExceeded),
    **dict.fromkeys((41057, 41058, 41098, 41200, 41211, 41305, 84062, 84083, 301052, 301053), NoPermission),
    830003: Refused,
}
_BY_CATEGORY: dict[str, type[ApiError]] = {
    "auth": AuthError,
    "concurrency": Conflict,
    "licence": NoPermission,
    "network": IpNotAllowed,
    "permission": NoPermission,
    "rate": QuotaExceeded,
    "system": Busy,
    "transport": Refused,
}


def api_error(errcode: int, errmsg: str = "", *, path: str = "", doc_url: str = "") -> ApiError:
    """
    Return the error of the class that fits *errcode*; an unknown one is a `Refused`.

    Raises:
        UsageError: *errcode* is 0, which is no error.
    """
    if errcode == 0:
        msg = "errcode 0 says that WeCom carried the call out: make an error of the others only"
        raise UsageError(msg)
    cls = _CLASSES.get(errcode)
    if cls is None:
        fact = _fact(errcode)
        cls = _BY_CATEGORY.get(fact.category, BadRequest) if fact else Refused
    return cls(errcode, errmsg, path=path, doc_url=doc_url)


class CallbackError(PrivdomError):
    """A callback that must not be trusted; nothing of it was stored. Answer with HTTP 403 or 400."""


class BadSignature(CallbackError):
    """msg_signature does not fit: another token, or somebody else's request."""


class BadCiphertext(CallbackError):
    """The text cannot be decrypted with this EncodingAESKey."""


class WrongReceiver(CallbackError):
    """Decrypted well, but meant for another corp or suite."""


class MalformedXml(CallbackError):
    """Not the XML of a callback, or XML that a callback may not hold: DTDs, entities, great depth or size."""


class CursorLoop(PrivdomError):
    """WeCom sent a cursor that was used before; following it would never end."""


class StoreError(PrivdomError):
    """The database is not as this library needs it, or cannot be reached; the message says what to do."""
