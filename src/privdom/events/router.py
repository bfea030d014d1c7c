"""Functions as handlers: each says which events it wants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, overload

import attrs

from privdom.errors import UsageError
from privdom.events.dispatcher import Handler, Write
from privdom.events.inbox import HANDLER_CHARS
from privdom.wecom.callbacks import Event


__all__ = ["Router"]

_Outcome: TypeAlias = Awaitable[Write | None] | Write | None

E1 = TypeVar("E1", bound=Event)
E2 = TypeVar("E2", bound=Event)
E3 = TypeVar("E3", bound=Event)
R = TypeVar("R", bound=_Outcome)


@attrs.frozen
class _Function:
    """A handler that calls a function for the events it is for, and is done with all others."""

    name: str
    kinds: tuple[type[Event], ...] = attrs.field(repr=False)
    function: Callable[[Any], _Outcome] = attrs.field(repr=False)

    def handle(self, event: Event) -> _Outcome:
        return self.function(event) if isinstance(event, self.kinds) else None


class Router:
    """
    Collects functions that act on callbacks, for a dispatcher to call.

    ::

        router = Router()


        @router.on(CustomerAdded, CustomerHalfAdded, welcome=True)
        def greet(event: CustomerAdded | CustomerHalfAdded) -> None: ...


        dispatcher = Dispatcher(wecom, store, router.handlers(MirrorHandler(wecom)))

    What is promised to a `Handler` holds for a function: it sees an event at least once, and the `Write` that it may
    return is committed together with the row that says it is done.
    """

    def __init__(self) -> None:
        self._functions: list[_Function] = []
        self._welcome: _Function | None = None

    @overload
    def on(
        self, kind: type[E1], /, *, name: str | None = None, welcome: bool = False
    ) -> Callable[[Callable[[E1], R]], Callable[[E1], R]]: ...

    @overload
    def on(
        self, kind: type[E1], second: type[E2], /, *, name: str | None = None, welcome: bool = False
    ) -> Callable[[Callable[[E1 | E2], R]], Callable[[E1 | E2], R]]: ...

    @overload
    def on(
        self, kind: type[E1], second: type[E2], third: type[E3], /, *, name: str | None = None, welcome: bool = False
    ) -> Callable[[Callable[[E1 | E2 | E3], R]], Callable[[E1 | E2 | E3], R]]: ...

    def on(
        self, /, *kinds: type[Event], name: str | None = None, welcome: bool = False
    ) -> Callable[[Callable[[Any], R]], Callable[[Any], R]]:
        """
        Return a decorator that has a function, plain or async, called for events of *kinds* and of their subclasses.

        Args:
            kinds: One to three classes of events; a base such as `CustomerEvent` stands for all under it.
            name: What is stored with each message that the function is done with, at most 128 characters; by default
                its module and qualified name. A function that is moved or renamed later sees only what comes after
                that, unless it keeps its name.
            welcome: It sees all messages of a run before any other function or handler sees one: for what has 20
                seconds.

        Raises:
            UsageError: Something is no class of events; or the name is taken, empty or too long; or there is a
                function for the welcome already.
        """
        if not kinds or not all(map(_is_event, kinds)):
            msg = "name the events that the function is for: @router.on(CustomerAdded)"
            raise UsageError(msg)

        def register(function: Callable[[Any], R]) -> Callable[[Any], R]:
            handler = _Function(_checked(name if name is not None else _name_of(function)), kinds, function)
            if any(handler.name == other.name for other in self.handlers()):
                msg = f"there is a function {handler.name} already: give this one another name="
                raise UsageError(msg)
            if not welcome:
                self._functions.append(handler)
            elif self._welcome is None:
                self._welcome = handler
            else:
                msg = f"{self._welcome.name} does the welcome already, and only one can come first"
                raise UsageError(msg)
            return function

        return register

    def handlers(self, *others: Handler) -> tuple[Handler, ...]:
        """
        Return the handlers for a dispatcher: the function of the welcome, *others*, then the functions as defined.

        *others*, such as the mirror's handler, are in place before the functions look at what they keep.
        """
        first = () if self._welcome is None else (self._welcome,)
        return (*first, *others, *self._functions)

    def __repr__(self) -> str:
        return f"<Router: {', '.join(handler.name for handler in self.handlers())}>"


def _is_event(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Event)


def _name_of(function: Callable[[Any], _Outcome]) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if module is None or name is None:
        msg = f"a {type(function).__name__} has no name of its own: give it one, @router.on(..., name=...)"
        raise UsageError(msg)
    return f"{module}.{name}"


def _checked(name: str) -> str:
    if not 1 <= len(name) <= HANDLER_CHARS:
        msg = f"the name of a handler has 1 to {HANDLER_CHARS} characters, not {len(name)}: give it one with name="
        raise UsageError(msg)
    return name
