"""Which calls the drivers make, as `calls.txt` keeps them: peer, method, endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from tests.conformance.mistakes import MISTAKES, Mistake


__all__ = ["CALLS", "FILE", "Call", "Totals", "totals"]

FILE: Final = Path(__file__).with_name("calls.txt")


class Call(NamedTuple):
    """A method of a peer and the endpoint that it is meant for."""

    peer: str
    method: str
    endpoint: str

    @property
    def mistake(self) -> Mistake | None:
        """Why it does not go well, if so."""
        return MISTAKES.get((self.peer, self.method))

    @property
    def callback(self) -> bool:
        """Whether it is the sandbox that calls."""
        return self.endpoint.startswith("/cgi-bin/callback/")


class Totals(NamedTuple):
    """How much goes well: (client, endpoint) pairs, endpoints, clients; callbacks aside."""

    pairs: int
    endpoints: int
    clients: int


def totals(calls: list[Call]) -> Totals:
    """Count *calls* that go well."""
    pairs = {(call.peer, call.endpoint) for call in calls if not call.callback}
    return Totals(len(pairs), len({endpoint for _, endpoint in pairs}), len({peer for peer, _ in pairs}))


CALLS: Final = [Call(*line.split("\t")) for line in FILE.read_text("utf-8").splitlines()] if FILE.exists() else []
