"""
The checks, each in an environment that holds what pyproject.toml lists for it.

``nox`` alone runs what CI runs; ``nox -s tests -- tests/wecom -k cursor`` passes
arguments on; ``nox -l`` lists the sessions.
"""

from __future__ import annotations

import os

import nox


nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
# The tests come last, so that their closing line is the last thing to read.
nox.options.sessions = ["lint", "layers", "types", "docs", "wide", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PYPROJECT, name))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, likely bugs, modules that only the port may import, and change notes that can be read."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--diff", "--quiet")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)


@nox.session
def layers(session: nox.Session) -> None:
    """What may import what."""
    session.install("-e", ".", *group("layers"))
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Two strict type checkers on the package and on code that users would write."""
    session.install("-e", ".[all]", *group("types"))
    session.run("mypy")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """The manual, where a warning is an error."""
    session.install("-e", ".", *group("docs"))
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")


@nox.session
def tests(session: nox.Session) -> None:
    """Every scenario, blocking and on SQLite, and no less than 95 % of the branches; or whatever pytest is told."""
    session.install("-e", ".[all]", *group("tests"))
    if session.posargs:
        session.run("pytest", *session.posargs)
    else:
        # Those that run long come in clusters: who is idle takes from the other.
        session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", "not wide", "--cov", "--cov-report=term")


@nox.session
def wide(session: nox.Session) -> None:
    """The scenarios awaited and on PostgreSQL, kills, 2,000 simulated runs, a death at each point, planted bugs."""
    session.install("-e", ".[all]", *group("tests"))
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", "wide", *session.posargs)


LONG = (
    "tests/kills",
    "tests/simulation/test_bugs.py",
    "tests/simulation/test_crash_points.py",
    "tests/outbox/test_gate_machine.py",
    "tests/outbox/test_tags_machine.py",
    "tests/shared/test_processes.py",
)


@nox.session(default=False)
def stress(session: nox.Session) -> None:
    """
    Harm for hours: 20,000 simulated runs, all planted bugs, a thousand kills on each database, power losses, a million
    callbacks that were tampered with, tokens and quotas of many processes.

    ``nox -s stress -- simulation 5000`` runs the simulation alone, from seed 0 on; ``-- bugs 5000`` the planted bugs.
    """
    session.install("-e", ".[all]", *group("tests"))
    if session.posargs:
        session.run("python", "-m", "tests.simulation", *session.posargs)
        return
    session.run("python", "-m", "tests.callbacks.mutations", "1000000")
    session.run("python", "-m", "tests.simulation", "stress", "3600", "20000")
    sizes = {
        "HYPOTHESIS_PROFILE": "fresh",
        "PRIVDOM_ALL_PAIRS": "1",
        "PRIVDOM_BUG_SEEDS": "5000",
        "PRIVDOM_EXAMPLES": "300",
        "PRIVDOM_KILLS": "1000",
        "PRIVDOM_PAIRS": "1",
        "PRIVDOM_POWER_STEP": "5",
        "PRIVDOM_QUOTA_MINUTES": "5",
        "PRIVDOM_RESTARTS": "20",
        "PRIVDOM_TOKEN_EXPIRIES": "50",
        "PRIVDOM_TOKEN_KILLS": "30",
        "PRIVDOM_TOKEN_PROCESSES": "16x8",
    }
    # What is set by hand counts. -rP shows what each test has to tell.
    env = {name: os.environ.get(name, size) for name, size in sizes.items()}
    session.run("pytest", "-n", "2", "-rP", *LONG, env=env)


@nox.session(default=False)
def conformance(session: nox.Session) -> None:
    """Other people's clients against the sandbox, each in an environment of its own; installs from PyPI and npm."""
    session.install("-e", ".[all]", *group("tests"))
    folder = session.cache_dir / "peers"
    session.run("python", "-m", "tests.conformance.install", str(folder))
    session.run("pytest", "tests/conformance", *session.posargs, env={"PRIVDOM_PEERS": str(folder)})


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure against the references; fails where a limit is passed."""
    session.install("-e", ".[all]", *group("tests"))
    session.run("python", "-m", "bench", *session.posargs)


@nox.session(default=False)
def mutation(session: nox.Session) -> None:
    """Change outbox, tokens and crypto a little, many times: at least 85 % must fail a test."""
    session.install("-e", ".[all]", *group("mutation"))
    session.run("python", "-m", "mutation", *session.posargs)


@nox.session(default=False)
def dev(session: nox.Session) -> None:
    """Make .venv with everything, for an editor."""
    session.run("python", "-m", "venv", ".venv", external=True)
    session.run(".venv/bin/python", "-m", "pip", "install", "-q", "-e", ".[all]", *group("dev"), external=True)
