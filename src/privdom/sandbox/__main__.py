"""Run the sandbox as a server: python -m privdom.sandbox --port 8700."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys

from datetime import UTC, datetime
from pathlib import Path

from privdom.sandbox.box import Sandbox
from privdom.sandbox.server import serve


__all__ = ["main"]


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m privdom.sandbox", description="A whole WeCom corp on localhost.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--name", action="append", default=[], help="a host by which browsers reach the console")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corp-id", default=None)
    parser.add_argument("--secret", default="sandbox-secret")
    parser.add_argument("--now", type=_time, default=None, help="where the clock starts, ISO 8601, UTC by default")
    parser.add_argument("--callback-url", default=None)
    parser.add_argument("--callback-token", default=None)
    parser.add_argument("--encoding-aes-key", default=None)
    parser.add_argument("--populate", action="store_true", help="start with people in it")
    parser.add_argument("--snapshot", type=Path, default=None, help="start as the snapshot in this JSON file says")
    return parser


async def _run(box: Sandbox, host: str, port: int, names: list[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ready(url: str) -> None:
        sys.stdout.write(f"listening on {url}\n")
        sys.stdout.flush()

    await serve(box, host=host, port=port, names=names, ready=ready, stop=stop)


def main(arguments: list[str] | None = None) -> None:
    """
    Serve until interrupted.

    Raises:
        SystemExit: 2 where an argument is wrong, 1 where the address cannot be listened on.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        box = Sandbox(
            given.seed,
            **({"now": given.now} if given.now else {}),
            corp_id=given.corp_id,
            secret=given.secret,
            callback_token=given.callback_token,
            encoding_aes_key=given.encoding_aes_key,
        )
    except ValueError as e:
        parser.error(str(e))
    if given.populate:
        box.populate()
    if given.snapshot:
        try:
            box.restore(json.loads(given.snapshot.read_bytes()))
        except (OSError, ValueError, AttributeError) as e:
            sys.exit(f"{given.snapshot} is no snapshot of a sandbox: {e}")
    box.callback_url = given.callback_url
    try:
        asyncio.run(_run(box, given.host, given.port, given.name))
    except OSError as e:
        parser.exit(1, f"cannot listen on {given.host} port {given.port}: {e.strerror}\n")


if __name__ == "__main__":
    main()
