"""``python -m tests.conformance.page`` writes the manual's page on conformance from the tables here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.conformance.ledger import CALLS, Call, Totals, totals
from tests.conformance.table import PEERS


__all__ = ["FILE", "GOAL", "text"]

FILE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"
GOAL: Final = Totals(pairs=60, endpoints=40, clients=5)

_WAYS: Final = {
    "argument": "an argument",
    "constant": "a constant, set from outside",
    "environment": "an environment variable",
    "none": "nothing to point",
    "proxy": "a local proxy that answers for WeCom's host",
}


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def _well(peer: str) -> list[Call]:
    return [call for call in CALLS if call.peer == peer and not call.mistake]


def text() -> str:
    """Return the page."""
    found = totals([call for call in CALLS if not call.mistake])
    callbacks = len({call.peer for call in CALLS if call.callback})
    peers = [
        (
            f"{peer.name} {peer.version}",
            _WAYS[peer.way],
            peer.led,
            str(totals(_well(peer.name)).pairs),
            "yes" if any(call.callback for call in _well(peer.name)) else "",
        )
        for peer in PEERS
    ]
    marks = [peer.name for peer in PEERS if totals(_well(peer.name)).pairs]
    endpoints = dict.fromkeys(call.endpoint for call in CALLS if not call.mistake and not call.callback)
    pairs = {(call.peer, call.endpoint) for call in CALLS if not call.mistake}
    grid = [
        (f"`{path.removeprefix('/cgi-bin/')}`", *("✓" if (name, path) in pairs else "" for name in marks))
        for path in sorted(endpoints)
    ]
    mistakes = [
        (call.peer, f"`{call.method}`", f"`{call.endpoint.removeprefix('/cgi-bin/')}`", call.mistake.because)
        for call in CALLS
        if call.mistake and not call.mistake.old
    ]
    old = [(call.peer, f"`{call.method}`", call.mistake.because) for call in CALLS if call.mistake and call.mistake.old]
    notes = [f"* **{peer.name}**: {peer.note}." for peer in PEERS if peer.note]
    return "\n".join(
        [
            "# Conformance (一致性)",
            "",
            "The sandbox is a WeCom only if clients that were written for WeCom work with it. So others' clients are",
            "installed from PyPI and npm, their files as they came, and driven against it over HTTP. Each call is judged",
            "twice: by what came back, and by what the sandbox holds right after it.",
            "",
            f"**{found.pairs} (client, endpoint) pairs, {found.endpoints} endpoints and {found.clients} clients** get",
            f"what they expect, and {callbacks} read its callbacks.",
            "",
            "```console",
            "$ python -m nox -s conformance",
            "```",
            "",
            "makes an environment for each client, runs them all, and ends with the whole table. Python and pip do for the",
            "Python clients; those of npm want Node.js 20.",
            "",
            "A client of your own needs an address and a secret:",
            "",
            "```python",
            "import httpx",
            "",
            "from privdom.sandbox import Sandbox",
            "",
            "sandbox = Sandbox()",
            'sandbox.add_staff("zhangsan")',
            "",
            "with sandbox.serving() as base_url, httpx.Client(base_url=base_url) as client:",
            '    secret = {"corpid": sandbox.corp_id, "corpsecret": sandbox.secret}',
            '    token = client.get("/cgi-bin/gettoken", params=secret).json()["access_token"]',
            '    answer = client.get("/cgi-bin/user/get", params={"userid": "zhangsan", "access_token": token})',
            "",
            'assert answer.json()["userid"] == "zhangsan"',
            'assert [call.path for call in sandbox.record.calls] == ["/cgi-bin/gettoken", "/cgi-bin/user/get"]',
            "```",
            "",
            "## How each is pointed at the sandbox",
            "",
            *_table(("client", "by", "which is", "endpoints", "callbacks"), peers),
            "",
            *notes,
            "",
            "## Which endpoints",
            "",
            *_table(("", *marks), grid),
            "",
            "## Where a client is wrong",
            "",
            "By WeCom's documentation, whose page stands in brackets. The sandbox answers them as WeCom does.",
            "",
            *_table(("client", "method", "meant for", "but"), mistakes),
            "",
            "These call endpoints that WeCom has replaced and still answers, and the sandbox does not have:",
            "",
            *_table(("client", "method", "which"), old),
            "",
            "The page is made by `python -m tests.conformance.page`; a test compares the two.",
            "",
        ]
    )


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
