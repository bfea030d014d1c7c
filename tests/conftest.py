"""Fixtures for all tests: scenarios on both ports, the sandbox, clients of it, databases."""

from __future__ import annotations

import os
import shutil
import tempfile

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio
import pytest

from hypothesis import settings

from privdom._port import AsyncPort, BlockingPort, Clock, Port, run


# What a test stores need not outlive a power cut, and to sync a disk takes longer than all else that most tests do.
_MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 4 * 2**30:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

# The same examples each time, so that what fails was broken by the change at hand. `nox -s stress` looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("fresh", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

pytest_plugins = ["privdom.testing"]

# A scenario runs on each port and on each database. In every way that these can meet: only if this is asked for.
_ALL_PAIRS = "PRIVDOM_ALL_PAIRS" in os.environ
_PAIRS = {("blocking", "sqlite"), ("async", "postgresql")}
# Long, and of code that shorter tests run through as well.
_LONG = (
    "kills/",
    "outbox/test_crash.py",
    "outbox/test_gate_machine.py",
    "outbox/test_tags_machine.py",
    "shared/test_processes.py",
    "simulation/",
    "socket/",
    "sop/test_scale.py",
    "takeover/",
    "testing/",
)
_TESTS = Path(__file__).parent

T = TypeVar("T")
Scenario = Callable[[Port], Coroutine[Any, Any, T]]


class OnPort(Protocol):
    """Runs a scenario on the port the test is parametrised with, and returns its result."""

    kind: str

    def __call__(self, scenario: Scenario[T], *, transport: Any = None, clock: Clock | None = None) -> T: ...


class _OnPort:
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, scenario: Scenario[T], *, transport: Any = None, clock: Clock | None = None) -> T:
        if self.kind == "blocking":
            return run(scenario(BlockingPort(transport=transport, clock=clock)))

        async def main() -> T:
            return await scenario(AsyncPort(transport=transport, clock=clock))

        return anyio.run(main)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out pairs that were not asked for, and mark as ``wide`` what is long, or shows the same somewhere else."""
    left_out = {item for item in items if not _ALL_PAIRS and _pair(item) not in {None, *_PAIRS}}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        params = _params(item)
        elsewhere = params.get("on_port") == "async" or params.get("database") == "postgresql"
        if elsewhere or item.path.relative_to(_TESTS).as_posix().startswith(_LONG):
            item.add_marker(pytest.mark.wide)


def _params(item: pytest.Item) -> dict[str, Any]:
    return item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}


def _pair(item: pytest.Item) -> tuple[Any, Any] | None:
    """Return the port and the database of a scenario; None if it has not both."""
    params = _params(item)
    return (params["on_port"], params["database"]) if params.keys() >= {"on_port", "database"} else None


@pytest.fixture(params=["blocking", "async"])
def on_port(request: pytest.FixtureRequest) -> OnPort:
    """Run ``async def scenario(port)`` on a blocking and on an async port."""
    return _OnPort(request.param)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of WeCom facts; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PRIVDOM_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip("the folder of WeCom facts is not here: set PRIVDOM_SHARED")
    return folder
