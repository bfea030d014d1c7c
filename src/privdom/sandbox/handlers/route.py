"""What the router knows of a handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from privdom.sandbox.world import Call, World


__all__ = ["FileAnswer", "Handler", "Route"]


@attrs.frozen
class FileAnswer:
    """An answer that is a file, or a part of one."""

    content: bytes
    content_type: str
    headers: Mapping[str, str]
    status: int = 200


Handler = Callable[[World, Call], dict[str, object] | FileAnswer]


@attrs.frozen
class Route:
    """A handler, and the list fields that its error answers hold, empty."""

    handle: Handler
    lists: tuple[str, ...] = ()
