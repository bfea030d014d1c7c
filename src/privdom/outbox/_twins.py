"""Twins of methods that work in the caller's transaction, and so block on both sides."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from privdom._port import Blocking, core_of


__all__ = ["same"]

P = ParamSpec("P")
T = TypeVar("T")


def same(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Make the twin of a method that blocks on both sides."""

    @wraps(method)
    def twin(self: Blocking[Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(core_of(self), *args, **kwargs)

    return twin
