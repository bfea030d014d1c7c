"""Runs a peer's driver against a sandbox of its own, and judges each call before the next."""

from __future__ import annotations

import json
import subprocess
import tempfile

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from privdom._facts.endpoints import ENDPOINTS
from privdom.sandbox.router import Request
from privdom.sandbox.state import State
from tests.conformance.ledger import Call
from tests.conformance.proxy import leading_to
from tests.conformance.stage import Stage
from tests.conformance.table import Peer


__all__ = ["Heard", "Verdict", "run"]

_PATHS = {endpoint.path for endpoint in ENDPOINTS}
_TOKEN = "/cgi-bin/gettoken"


@attrs.frozen
class Heard:
    """One call of a peer: what it sent, what it told, and where the sandbox stands right after it."""

    method: str
    endpoint: str
    answer: Any
    error: str
    requests: tuple[Request, ...]
    errcodes: tuple[int, ...]
    stage: Stage

    @property
    def request(self) -> Request:
        """What it sent to the endpoint that was meant, else what it sent last, tokens aside."""
        return next((r for r in reversed(self.requests) if r.path == self.endpoint), self.requests[-1])

    @property
    def path(self) -> str:
        """Where that went."""
        return self.request.path

    @property
    def sent(self) -> dict[str, Any]:
        """What the request said, in the query and in the body."""
        last = self.request
        query = {name: value for name, value in last.query.items() if name != "access_token"}
        try:
            return {**query, **(json.loads(last.body or b"{}") or {})}
        except ValueError:
            return query

    @property
    def state(self) -> State:
        """What there is in the sandbox; nothing moves until the driver is let go on."""
        with self.stage.box.looking() as world:
            return world.state


@attrs.frozen
class Verdict:
    """What a call was judged: ``missing`` is an endpoint that this sandbox does not have."""

    outcome: str
    reason: str = ""


Judge = Callable[[Heard], None]


def run(peer: Peer, folder: Path, judge: Callable[[Heard], Judge]) -> dict[Call, Verdict]:
    """
    Return the verdicts by call, in the order of the calls.

    *judge* gives what must hold of a call. Where a peer repeats a method for
    the same path, the first bad verdict stays.
    """
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        stage = Stage.set_up(scratch)
        with stage.box.serving() as base_url, leading_to(base_url, scratch) as (proxy, authority):
            settings = {"base_url": base_url, "proxy": proxy, "authority": str(authority)}
            env = peer.environment(folder, **settings, corp_id=stage.box.corp_id, secret=stage.box.secret)
            errors = scratch / "stderr"
            with (
                errors.open("w") as stderr,
                subprocess.Popen(
                    peer.command(folder),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    cwd=scratch,
                    env=env,
                    encoding="utf-8",
                ) as process,
            ):
                try:
                    verdicts = _listen(process, peer, stage, {**stage.told, "base_url": base_url}, judge)
                finally:
                    process.stdin.close()  # type: ignore[union-attr]
                    process.wait(30)
            if process.returncode:
                verdicts[Call(peer.name, "driver", "")] = Verdict("failed", errors.read_text("utf-8")[-2_000:])
        stage.box.close()
    return verdicts


def _listen(
    process: subprocess.Popen[str], peer: Peer, stage: Stage, told: dict[str, Any], judge: Callable[[Heard], Judge]
) -> dict[Call, Verdict]:
    assert process.stdin is not None
    assert process.stdout is not None
    box = stage.box
    verdicts: dict[Call, Verdict] = {}
    calls = len(box.record.calls)
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    for text in process.stdout:
        line = json.loads(text)
        made, box.requests[:] = tuple(box.requests), []
        entries, calls = box.record.calls[calls:], len(box.record.calls)
        wanted = [r for r in made if r.path != _TOKEN] or list(made)
        heard = Heard(
            line["method"],
            line["endpoint"],
            line.get("answer"),
            line.get("error", ""),
            tuple(wanted),
            tuple(entry.errcode for entry in entries if entry.path != _TOKEN or line["endpoint"] == _TOKEN),
            stage,
        )
        call = Call(peer.name, heard.method, heard.endpoint)
        verdict = _verdict(heard, judge)
        calls = len(box.record.calls)
        del box.requests[:]
        if call not in verdicts or verdicts[call].outcome == "ok":
            verdicts[call] = verdict
        try:
            process.stdin.write("\n")
            process.stdin.flush()
        except BrokenPipeError:
            break
    return verdicts


def _verdict(heard: Heard, judge: Callable[[Heard], Judge]) -> Verdict:
    if heard.endpoint not in _PATHS and not heard.endpoint.startswith("/cgi-bin/callback/"):
        return Verdict("missing")
    try:
        judge(heard)(heard)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what was found
        said = heard.error or json.dumps(heard.answer, ensure_ascii=False, default=str)[:400]
        return Verdict("failed", f"{type(error).__name__}: {error}; came back: {said}")
    return Verdict("ok")
