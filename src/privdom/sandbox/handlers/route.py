"""What the router knows of a handler."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from privdom.sandbox.world import Call, World


__all__ = ["Handler", "Route"]

Handler = Callable[[World, Call], dict[str, object]]


@attrs.frozen
class Route:
    """A handler, and the list fields that its error answers hold, empty."""

    handle: Handler
    lists: tuple[str, ...] = ()
