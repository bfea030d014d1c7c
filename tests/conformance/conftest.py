"""Without the peers' environments, which ``nox -s conformance`` makes, there is nothing to collect here."""

from __future__ import annotations

import pytest

from tests.conformance.table import FOLDER


collect_ignore_glob = [] if FOLDER else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the table of clients and endpoints at the end."""
    if FOLDER is None:
        return
    from tests.conformance.heard import good, report
    from tests.conformance.ledger import totals

    terminalreporter.section("clients and endpoints")
    for line in report():
        terminalreporter.write_line(line)
    terminalreporter.write_line("")
    found = totals(good())
    terminalreporter.write_line(f"{found.pairs} pairs, {found.endpoints} endpoints, {found.clients} clients go well")
