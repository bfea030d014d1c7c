"""``python -m tests.conformance.install FOLDER`` gives each peer an environment of its own; what is there stays."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv

from pathlib import Path

from tests.conformance.table import PEERS, Peer, python_of


__all__ = ["digest", "main"]


def digest(peer: Peer, home: Path) -> str:
    """Return a digest of every file that came with the peer and with what it needs."""
    found = hashlib.sha256()
    top = home / "node_modules" if peer.node else next(home.glob("[Ll]ib/**/site-packages"))
    for path in sorted(path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        found.update(path.relative_to(top).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def _python(peer: Peer, home: Path) -> None:
    venv.create(home, with_pip=True, clear=True)
    command = [str(python_of(home)), "-m", "pip", "install", "-q", "--disable-pip-version-check", *peer.requires]
    subprocess.run(command, check=True)


def _node(peer: Peer, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "package.json").write_text('{"private": true}\n')
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(f"{peer.name} needs Node.js: install version 20 or later, so that npm is on the path")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *peer.requires]
    subprocess.run(command, check=True, cwd=home)


def main(folder: Path) -> None:
    """Install every peer below *folder*."""
    for peer in PEERS:
        home = peer.home(folder)
        done = home / "installed"
        wanted = "".join(f"{requirement}\n" for requirement in peer.requires)
        if done.exists() and done.read_text().startswith(wanted):
            continue
        print(f"installing {peer.name} {peer.version}", flush=True)
        (_node if peer.node else _python)(peer, home)
        done.write_text(wanted + digest(peer, home))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
