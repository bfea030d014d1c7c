"""Every async class has a blocking twin with the same names, parameters and words."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from typing import Any, get_args

import pytest

import privdom

from privdom._port import Blocking


def _all_twins() -> list[type[Blocking[Any]]]:
    for module in pkgutil.walk_packages(privdom.__path__, "privdom."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = [c for c in Blocking.__subclasses__() if c.__module__.startswith("privdom.")]
    return sorted(found, key=lambda c: f"{c.__module__}.{c.__qualname__}")


TWINS = _all_twins()
# How a class is opened and closed differs by nature, `on` makes a core on a
# port of one's own, what only a core needs is not offered to blocking users, and
# what runs beside one's own code is a task or a thread.
OWN = {"on", "aclose", "port", "session", "timeout", "background"}


def _core(twin: type[Blocking[Any]]) -> type:
    (base,) = (b for b in twin.__orig_bases__ if getattr(b, "__origin__", None) is Blocking)  # type: ignore[attr-defined]
    (core,) = get_args(base)
    assert isinstance(core, type)
    return core


def _public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")} - OWN


def _ids(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


@pytest.mark.parametrize("twin", TWINS, ids=_ids)
def test_nothing_is_async_only(twin: type[Blocking[Any]]) -> None:
    """What the awaited class offers, the blocking one offers under the same name, and nothing else."""
    assert _public(_core(twin)) == _public(twin)
    assert f"Async{twin.__name__}" == _core(twin).__name__


@pytest.mark.parametrize("twin", TWINS, ids=_ids)
def test_twins_take_the_same_arguments(twin: type[Blocking[Any]]) -> None:
    """Parameters, their defaults, the docstring and the qualified name are those help() should show."""
    core = _core(twin)
    for name in _public(core):
        ours, theirs = inspect.getattr_static(twin, name), inspect.getattr_static(core, name)
        assert inspect.getdoc(ours), f"{twin.__name__}.{name} has no docstring"
        if not inspect.isfunction(theirs) or not hasattr(ours, "__wrapped__"):
            continue
        a, b = inspect.signature(theirs), inspect.signature(ours)
        assert a.parameters == b.parameters
        assert "Async" not in str(b.return_annotation)
        assert f"{twin.__qualname__}.{name}" == ours.__qualname__
        assert inspect.getdoc(theirs) == inspect.getdoc(ours)


@pytest.mark.parametrize("twin", TWINS, ids=_ids)
def test_twins_are_made_with_the_same_arguments(twin: type[Blocking[Any]]) -> None:
    """The constructors of core and twin have the same parameters, by name."""
    ours = list(inspect.signature(twin).parameters)
    theirs = list(inspect.signature(_core(twin)).parameters)

    assert ours in (theirs, ["core"])
