"""Other people's clients work against the sandbox, over HTTP, with their files as they came."""

from __future__ import annotations

import pytest

from tests.conformance.heard import good, verdicts
from tests.conformance.install import digest
from tests.conformance.ledger import CALLS, Call, totals
from tests.conformance.page import GOAL
from tests.conformance.table import FOLDER, PEERS, Peer


def _name(call: Call) -> str:
    said = f"{call.peer}: {call.method} {call.endpoint.removeprefix('/cgi-bin/')}"
    return f"{said}, where {call.mistake.because}" if call.mistake else said


def _holds(call: Call) -> None:
    verdict = verdicts(call.peer)[call]
    if verdict.outcome == "missing":
        pytest.skip(f"this sandbox does not have {call.endpoint}")
    assert ("ok", "") == (verdict.outcome, verdict.reason)


@pytest.mark.parametrize("call", [call for call in CALLS if not call.mistake], ids=_name)
def test_works(call: Call) -> None:
    """The peer's method reaches its endpoint, is accepted, and what comes back is what the sandbox holds."""
    _holds(call)


@pytest.mark.parametrize("call", [call for call in CALLS if call.mistake and not call.mistake.old], ids=_name)
def test_peer_is_wrong(call: Call) -> None:
    """The peer does what WeCom refuses or does not read, and the sandbox answers as WeCom does."""
    _holds(call)


@pytest.mark.parametrize("call", [call for call in CALLS if call.mistake and call.mistake.old], ids=_name)
def test_peer_is_old(call: Call) -> None:
    """The peer calls an endpoint that has been replaced, which the sandbox does not have."""
    _holds(call)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_all_calls_are_listed(peer: Peer) -> None:
    """A driver makes the calls that `calls.txt` lists, in that order, and ends well."""
    assert [call for call in CALLS if call.peer == peer.name] == list(verdicts(peer.name))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_files_are_unchanged(peer: Peer) -> None:
    """After the run, every file of the peer and of what it needs is as it was installed."""
    assert FOLDER is not None
    verdicts(peer.name)
    home = peer.home(FOLDER)

    assert (home / "installed").read_text().splitlines()[-1] == digest(peer, home)


def test_enough() -> None:
    """The numbers of the manual are those of this run, and reach the goal."""
    found = totals(good())

    assert found == totals([call for call in CALLS if not call.mistake])
    assert all(many >= wanted for many, wanted in zip(found, GOAL, strict=True))
