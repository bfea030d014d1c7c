"""Blocking twins of async classes: their coroutines are driven to the end in the caller's own thread."""

from __future__ import annotations

import inspect

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar


__all__ = ["Blocking", "blocking", "blocking_iter", "core_of", "run"]

C = TypeVar("C")
T = TypeVar("T")
P = ParamSpec("P")


def run(coro: Coroutine[Any, Any, T]) -> T:
    """
    Return the result of *coro*, which must not suspend.

    Raises:
        RuntimeError: It awaited something other than a blocking port.
    """
    try:
        coro.send(None)
    except StopIteration as e:
        result: T = e.value
        return result
    finally:
        coro.close()
    name = getattr(coro, "__qualname__", "this coroutine")
    msg = f"{name} awaited something other than its port, so it cannot run without an event loop"
    raise RuntimeError(msg)


class Blocking(Generic[C]):
    """Base of the blocking classes: holds the async twin that they run."""

    def __init__(self, core: C) -> None:
        self._core = core

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, method in vars(cls).items():
            if hasattr(method, "__wrapped__"):
                method.__qualname__ = f"{cls.__qualname__}.{name}"
                method.__module__ = cls.__module__

    def __repr__(self) -> str:
        return repr(self._core).replace("<Async", "<", 1)


def core_of(twin: Blocking[C]) -> C:
    """Return the async core of a blocking object."""
    return twin._core  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """Make the blocking twin of an async *method*."""

    @wraps(method)
    def twin(self: Blocking[Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(method(core_of(self), *args, **kwargs))

    return twin


async def _next(source: AsyncGenerator[T, None]) -> T:
    return await source.__anext__()


def blocking_iter(
    method: Callable[Concatenate[Any, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """Make the blocking twin of an async generator *method*."""

    @wraps(method)
    def twin(self: Blocking[Any], /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        source = method(core_of(self), *args, **kwargs)
        try:
            while True:
                try:
                    yield run(_next(source))
                except StopAsyncIteration:
                    return
        finally:
            run(source.aclose())

    # help() should promise what the twin returns.
    shape = inspect.signature(method)
    answer = str(shape.return_annotation).replace("AsyncGenerator[", "Iterator[").replace(", None]", "]")
    twin.__signature__ = shape.replace(return_annotation=answer)  # type: ignore[attr-defined]
    return twin
