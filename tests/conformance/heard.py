"""
What became of the calls of each peer, whose driver runs once in a session.

``PRIVDOM_PEERS=... python -m tests.conformance.heard`` writes `calls.txt` from
what the drivers do, and shows what did not go well.
"""

from __future__ import annotations

import functools

from collections.abc import Mapping

from tests.conformance.checks import works
from tests.conformance.ledger import CALLS, FILE, Call
from tests.conformance.listen import Heard, Judge, Verdict, run
from tests.conformance.mistakes import MISTAKES
from tests.conformance.table import FOLDER, PEERS, Peer


__all__ = ["good", "report", "verdicts"]


@functools.cache
def verdicts(name: str) -> Mapping[Call, Verdict]:
    """Run the driver of one peer and return the verdicts on its calls, in their order."""
    [peer] = [peer for peer in PEERS if peer.name == name]
    assert FOLDER is not None
    return run(peer, FOLDER, lambda heard: _judge(peer, heard))


def _judge(peer: Peer, heard: Heard) -> Judge:
    mistake = MISTAKES.get((peer.name, heard.method))
    return mistake.shows if mistake else works


def report() -> list[str]:
    """Return the table of clients and endpoints, and what went well in all."""
    lines: list[str] = []
    for peer in PEERS:
        lines += ["", f"{peer.name} {peer.version}"]
        for call, verdict in verdicts(peer.name).items():
            said = verdict.outcome
            if said == "ok" and call.mistake:
                said = f"{'old' if call.mistake.old else 'peer wrong'}: {call.mistake.because}"
            elif said != "ok":
                said = f"{said} {verdict.reason.splitlines()[0] if verdict.reason else ''}".rstrip()
            lines.append(f"  {call.endpoint.removeprefix('/cgi-bin/'):58} {call.method:48} {said}")
    return lines


def good() -> list[Call]:
    """Return the calls that went well."""
    found = [call for peer in PEERS for call, verdict in verdicts(peer.name).items() if verdict.outcome == "ok"]
    return [call for call in found if call in CALLS and call.mistake is None]


if __name__ == "__main__":
    made = [(call, verdict) for peer in PEERS for call, verdict in verdicts(peer.name).items()]
    FILE.write_text("".join("\t".join(call) + "\n" for call, _ in made), "utf-8")
    print(*(f"{call}: {verdict}" for call, verdict in made if verdict.outcome != "ok"), sep="\n")
