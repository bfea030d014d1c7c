"""
Every error this library raises, and what each asks of you.

::

    PrivdomError
    ├── UsageError (ValueError)         the input is wrong; nothing was sent or stored
    ├── NotSent                         DNS, connection or TLS failed: WeCom never saw the call
    ├── MayHaveArrived                  the call left, its fate is unknown: look before repeating
    │   ├── Busy (also an ApiError)     errcode -1
    │   └── NotUnderstood               an answer came that is not WeCom's: HTML, cut JSON ...
    ├── ApiError                        WeCom answered with an errcode
    │   ├── Busy                        -1: WeCom asks for patience
    │   └── Refused                     the call was not carried out
    │       ├── AuthError
    │       │   ├── WrongSecret         40001, 40091: do not repeat, the IP gets locked out
    │       │   ├── TokenRejected       40014, 42001 again after a refresh
    │       │   └── IpNotAllowed        60020: put the address on the app's trusted list
    │       ├── NoPermission            the app lacks a right, or the staff is out of its range
    │       ├── QuotaExceeded           45009, 45033 ...: wait
    │       ├── Conflict                45035, 6000: two writes to one record at once
    │       ├── NotACustomer            84061, 40096: there is no such relation
    │       ├── StillDispatching        41063, 41079: the record is not ready, ask again later
    │       └── BadRequest              WeCom found a parameter wrong
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
from typing import Any


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
_SECRET = re.compile(r"(?i)(access_token|corpsecret|secret)=?[^\s&,]*")


class Outcome(StrEnum):
    """What is known of a call that failed."""

    NOT_SENT = "not_sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


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
    """

    outcome = Outcome.REFUSED

    def __init__(self, errcode: int, errmsg: str = "", *, path: str = "", doc_url: str = "") -> None:
        from privdom._facts.errcodes import ERRCODES  # noqa: PLC0415 - 369 rows that only an error needs

        fact = ERRCODES.get(errcode)
        hint, ip = _HINT.search(errmsg), _IP.search(errmsg)
        self.errcode = errcode
        self.errmsg = _SECRET.sub(r"\1=***", _TAIL.sub("", errmsg))
        self.hint = hint[1] if hint else None
        self.ip = ip[1] if ip else None
        self.path = path
        self.doc_url = doc_url
        self.meaning = fact.meaning if fact else "not in the documentation this library knows"
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
    """errcode -1: WeCom's back end was busy, and does not say whether it did the work."""

    outcome = Outcome.UNKNOWN


class Refused(ApiError):
    """WeCom did not carry the call out."""


class AuthError(Refused):
    """WeCom does not accept who is calling."""


class WrongSecret(AuthError):
    """The secret is wrong, was reset, or belongs to another corp. Repeating locks the IP out for an hour."""


class TokenRejected(AuthError):
    """The access token is not valid, even after one refresh."""


class IpNotAllowed(AuthError):
    """The address in ``ip`` is not on the app's list of trusted addresses (企业可信IP)."""


class NoPermission(Refused):
    """The app lacks the right, or the staff or department is outside its visible range."""


class QuotaExceeded(Refused):
    """Too many calls: wait as long as the window that was exceeded, a minute or an hour."""


class Conflict(Refused):
    """Two writes to one record at once: repeat after a moment."""


class NotACustomer(Refused):
    """The staff and the external contact are not connected, or the id belongs to another corp."""


class StillDispatching(Refused):
    """The message (41063) or the moment (41079) is still being dispatched: neither absent nor broken, ask again later."""


class BadRequest(Refused):
    """WeCom found a parameter wrong; the same request cannot succeed."""


_CLASSES: dict[int, type[ApiError]] = {
    -1: Busy,
    45029: BadRequest,
    40001: WrongSecret,
    40091: WrongSecret,
    40014: TokenRejected,
    42001: TokenRejected,
    40013: AuthError,
    41001: AuthError,
    60020: IpNotAllowed,
    40003: BadRequest,
    40096: NotACustomer,
    84061: NotACustomer,
    41063: StillDispatching,
    41079: StillDispatching,
    45035: Conflict,
    6000: Conflict,
    **dict.fromkeys((45009, 45011, 45033, 45036), QuotaExceeded),
    **dict.fromkeys((48001, 48002, 48006, 48009, 48011, 50002, 50003, 60011, 60021, 60030, 81011, 84074), NoPermission),
}
_BY_CATEGORY: dict[str, type[ApiError]] = {
    "permission": NoPermission,
    "auth": AuthError,
    "rate": QuotaExceeded,
    "concurrency": Conflict,
    "system": Busy,
    "parameter": BadRequest,
}


def api_error(errcode: int, errmsg: str = "", *, path: str = "", doc_url: str = "") -> ApiError:
    """Return the error of the class that fits *errcode*; an unknown one is a `Refused`."""
    from privdom._facts.errcodes import ERRCODES  # noqa: PLC0415

    cls = _CLASSES.get(errcode)
    if cls is None:
        fact = ERRCODES.get(errcode)
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
