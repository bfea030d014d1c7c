"""The peers: other people's clients, how each is installed, and how each is led to the sandbox."""

from __future__ import annotations

import os
import sys

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs


__all__ = ["FOLDER", "PEERS", "VARIABLE", "Peer"]

VARIABLE: Final = "PRIVDOM_PEERS"
"""The environment variable that names the folder of the peers' environments."""

_HERE: Final = Path(__file__).parent


@attrs.frozen
class Peer:
    """
    One client that somebody else wrote.

    ``driver`` is a file in `peers`; ``requires`` is what pip or npm is asked
    for; ``way`` and ``led`` say how it is pointed at the sandbox; ``env`` is
    what its process gets, with {base_url}, {proxy}, {authority}, {corp_id}
    and {secret} filled in.
    """

    name: str
    driver: str
    requires: tuple[str, ...]
    way: str
    led: str
    env: Mapping[str, str] = attrs.field(factory=dict[str, str])
    note: str = ""

    @property
    def node(self) -> bool:
        """Whether it is JavaScript."""
        return self.driver.endswith(".mjs")

    @property
    def version(self) -> str:
        """The release that is tried."""
        return self.requires[0].rpartition("@" if self.node else "==")[2]

    def home(self, folder: Path) -> Path:
        """Its own environment."""
        return folder / self.name.removeprefix("@").replace("/", "-")

    def command(self, folder: Path) -> list[str]:
        """What runs its driver."""
        script = str(_HERE / "peers" / self.driver)
        if self.node:
            return ["node", script]
        # -P keeps the drivers' folder out of the path: they are called as their clients are.
        return [str(python_of(self.home(folder))), "-P", "-W", "ignore", script]

    def environment(self, folder: Path, **settings: str) -> dict[str, str]:
        """The variables of its process: no proxy but ours, and no files written beside its packages."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        ours = {
            "PEER_HOME": str(self.home(folder)),
            "PYTHONPATH": str(_HERE / "peers" / "shared"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
        }
        return {**kept, **ours, **{name: value.format(**settings) for name, value in self.env.items()}}


def python_of(home: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


PEERS: Final = (
    Peer(
        "wechatpy",
        "wechatpy.py",
        ("wechatpy==2.0.0a26", "cryptography"),
        "proxy",
        "`HTTPS_PROXY` and `REQUESTS_CA_BUNDLE`: some of its addresses are constants inside functions",
        {"HTTPS_PROXY": "{proxy}", "REQUESTS_CA_BUNDLE": "{authority}", "NO_PROXY": "127.0.0.1"},
        note="its last stable release, 1.8.18, knows enterprise accounts of before WeCom only, "
        "and cannot be imported without cryptography or pycryptodome, which it does not ask for",
    ),
    Peer("wecom-crm-mcp", "wecom-crm-mcp.py", ("wecom-crm-mcp==0.1.0",), "argument", "`WecomConfig(base_url=...)`"),
    Peer("wecomkit", "wecomkit.py", ("wecomkit==0.2.0",), "argument", "`WeComConfig(base_url=...)`"),
    Peer(
        "py-wecom-toolkit", "py-wecom-toolkit.py", ("py-wecom-toolkit==4.0.11",), "argument", "`Client(base_url=...)`"
    ),
    Peer(
        "weixin-work-reborn",
        "weixin-work-reborn.py",
        ("weixin-work-reborn==0.2.1",),
        "environment",
        "`WEIXIN_WORK_BASE_URL`",
        {
            "WEIXIN_WORK_BASE_URL": "{base_url}",
            "WEIXIN_WORK_CORP_ID": "{corp_id}",
            "WEIXIN_WORK_APP_SECRET": "{secret}",
            "WEIXIN_WORK_CONTACTS_SYNC_SECRET": "{secret}",
            "WEIXIN_WORK_DOC_SECRET": "{secret}",
        },
    ),
    Peer("pten", "pten.py", ("pten==0.4.22",), "constant", "`pten.wwapi.AbstractApi.BASE_URL`, set from outside"),
    Peer(
        "node-easywechat",
        "node-easywechat.mjs",
        ("node-easywechat@3.6.2", "node-socialite@1.4.1"),
        "argument",
        "`new Work({http: {baseURL: ...}})`",
        note="its client takes any path: the driver names the paths, "
        "the client has the token, the encoding and the reading. With node-socialite 1.5, which it allows, it cannot be "
        "loaded: \"Cannot find module 'node-socialite/dist/Core/ProviderInterface'\", so 1.4.1 is asked for",
    ),
    Peer(
        "@wecom/crypto",
        "wecom-crypto.mjs",
        ("@wecom/crypto@1.0.1",),
        "none",
        "calls nothing: the sandbox posts its callbacks to it",
    ),
)

FOLDER: Final = Path(os.environ[VARIABLE]).resolve() if os.environ.get(VARIABLE) else None
