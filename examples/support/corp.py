"""The other company's WeCom: a sandbox in a process of its own, which outlives this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import httpx

from privdom.sandbox.remote import RemoteSandbox


__all__ = ["attach", "stop"]


def attach(folder: Path, *, seed: int, now: datetime) -> RemoteSandbox:
    """Return the sandbox whose log is in *folder*, starting it if it does not run."""
    log = folder / "sandbox.log"
    if not log.exists():
        with log.open("w") as out:
            command = [sys.executable, "-m", "privdom.sandbox", "--seed", str(seed), "--now", now.isoformat()]
            # A session of its own: what kills this program must not kill WeCom.
            process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        (folder / "sandbox.pid").write_text(str(process.pid))
    for _ in range(300):
        url = log.read_text().partition("listening on ")[2].strip()
        if url:
            break
        time.sleep(0.05)
    else:
        sys.exit(f"the sandbox did not start; see {log}")
    # Nobody else moves its clock, so there is no need to ask for the time again.
    sandbox = RemoteSandbox(url, clock_max_age=3600)
    try:
        sandbox.settings()
    except httpx.TransportError:
        sys.exit(f"the sandbox of this run is gone, and its corp with it: delete {folder} and start again")
    return sandbox


def stop(folder: Path) -> None:
    """End the sandbox of *folder*, if there is one."""
    pid = folder / "sandbox.pid"
    if pid.exists():
        with suppress(ProcessLookupError):
            os.kill(int(pid.read_text()), signal.SIGTERM)
        pid.unlink()
