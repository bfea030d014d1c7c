"""``python -m tests.conformance.install FOLDER`` gives each peer an environment of its own; what is there stays."""

from __future__ import annotations

import os
import subprocess
import sys
import venv

from pathlib import Path

from tests.conformance.table import PEERS, Peer, python_of


__all__ = ["main"]


def _python(peer: Peer, home: Path) -> None:
    venv.create(home, with_pip=True)
    command = [str(python_of(home)), "-m", "pip", "install", "-q", "--disable-pip-version-check", *peer.requires]
    subprocess.run(command, check=True)


def _node(peer: Peer, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "package.json").write_text('{"private": true}\n')
    npm = "npm.cmd" if os.name == "nt" else "npm"
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *peer.requires]
    subprocess.run(command, check=True, cwd=home)


def main(folder: Path) -> None:
    """Install every peer below *folder*."""
    for peer in PEERS:
        home = peer.home(folder)
        done = home / "installed"
        if done.exists() and done.read_text() == "\n".join(peer.requires):
            continue
        print(f"installing {peer.name} {peer.version}", flush=True)
        (_node if peer.node else _python)(peer, home)
        done.write_text("\n".join(peer.requires))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
