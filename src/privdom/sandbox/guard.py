"""Keep pages of other websites, open in the same browser, from driving the sandbox or reading what is in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit


__all__ = ["refusal"]


def refusal(method: str, headers: Mapping[str, str], names: Collection[str] = ()) -> str:
    """
    Return why a request to the console or to its commands is refused, or an empty text.

    A website whose name is made to lead to this machine (DNS rebinding) is given
    away by its name; a website that sends a form here, by its origin. *names*
    are more hosts that are known to be meant.
    """
    host = headers.get("host", "")
    if host and not _ours(host, names):
        return f"This sandbox is not known as {host}: start it with --name and this name, or use localhost."
    origin = headers.get("origin")
    if method not in ("GET", "HEAD") and origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return "Only pages of this console may act here, not those of other websites."
    return ""


def _ours(host: str, names: Collection[str]) -> bool:
    """Tell whether *host* is a name that no stranger can have registered: an address, localhost, or without a dot."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    return name in names or "." not in name.removesuffix(".localhost") or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
