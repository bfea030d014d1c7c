"""The web console of the sandbox: pages for people, made on the server."""

from __future__ import annotations

from privdom.sandbox.console.site import answer, is_page


__all__ = ["answer", "is_page"]
