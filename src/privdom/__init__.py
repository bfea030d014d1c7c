"""
Run customers on WeCom (企业微信): typed clients, domain modules and a sandbox.

::

    from privdom import WeCom

    wecom = WeCom(corp_id, secret)
    for customer in wecom.contacts.each(["zhangsan"]):
        ...

The names here are loaded when they are first used; the database and the domain
modules are packages of their own (``privdom.store``, ``privdom.migration`` ...).
"""

from __future__ import annotations


# Type checkers know the name; importing typing for it would take longer than all the rest of this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from privdom.errors import (
        ApiError,
        CallbackError,
        MayHaveArrived,
        NotSent,
        NotUnderstood,
        PrivdomError,
        Refused,
        UsageError,
    )
    from privdom.wecom.client import AsyncWeCom, WeCom

__all__ = [
    "ApiError",
    "AsyncWeCom",
    "CallbackError",
    "MayHaveArrived",
    "NotSent",
    "NotUnderstood",
    "PrivdomError",
    "Refused",
    "UsageError",
    "WeCom",
    "__version__",
]

__version__ = "0.1.0"

_HOMES = {
    "privdom.errors": (
        "ApiError",
        "CallbackError",
        "MayHaveArrived",
        "NotSent",
        "NotUnderstood",
        "PrivdomError",
        "Refused",
        "UsageError",
    ),
    "privdom.wecom.client": ("AsyncWeCom", "WeCom"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module  # noqa: PLC0415 - only when a name is first used

            value: object = getattr(import_module(home), name)
            globals()[name] = value
            return value
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
