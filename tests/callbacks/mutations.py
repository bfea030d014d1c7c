"""
Callbacks that somebody has tampered with, made from genuine ones by chance and a seed.

``python -m tests.callbacks.mutations 1000000`` tries so many on all processors, and prints what came of them and how memory grew.
"""

from __future__ import annotations

import random
import resource
import sys
import time

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import attrs

from privdom.errors import CallbackError, MalformedXml
from privdom.wecom.callbacks import Callbacks, Crypto, InboxMessage, parse_event


__all__ = ["Tally", "attack"]

_TOKEN, _KEY, _CORP = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7"
_STRANGER: Final = Crypto("another", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", _CORP)
_CRYPTO: Final = Crypto(_TOKEN, _KEY, _CORP)
_STEPS: Final = 10


def _xml(change_type: str, *more: tuple[str, str]) -> bytes:
    head = (("ToUserName", _CORP), ("FromUserName", "sys"), ("MsgType", "event"), ("Event", "change_external_contact"))
    fields = (*head, ("ChangeType", change_type), ("UserID", "zhangsan"), ("ExternalUserID", "wmEXAMPLE"), *more)
    inside = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields)
    return f"<xml>{inside}<CreateTime>1403610513</CreateTime></xml>".encode()


_MESSAGES: Final = (
    _xml("add_external_contact", ("State", "门店"), ("WelcomeCode", "CODE")),
    _xml("del_external_contact"),
    _xml("edit_external_contact"),
    _xml("transfer_fail", ("FailReason", "customer_refused")),
    b"<xml><ToUserName>wx</ToUserName><CreateTime>1</CreateTime><Event>change_external_chat</Event><ChatId>w</ChatId>\
<ChangeType>update</ChangeType><MemChangeList><Item>a</Item><Item>b</Item></MemChangeList></xml>",
    "<xml><InfoType>change_auth</InfoType><SuiteId>ww</SuiteId><AuthCorpId>wx</AuthCorpId><X>值</X></xml>".encode(),
)
_PIECES: Final = (
    b"<!DOCTYPE xml>", b"<!ENTITY a 'b'>", b"&a;", b"&amp;", b"<xml>", b"</xml>", b"]]>", b"<![CDATA[", b"<Encrypt>",
    b"</Encrypt>", b"\x00", b"\xff\xfe", b"<a>" * 40, b"=", b"<CreateTime>99999999999999999999</CreateTime>", "汉".encode(),
)  # fmt: skip


@attrs.define
class Tally:
    """What came of the attempts; ``wrong`` are those that should not have come out like this."""

    outcomes: Counter[str] = attrs.Factory(Counter[str])
    wrong: list[str] = attrs.Factory(list[str])
    grown: int = 0
    """How many bytes of memory more the process had at the end than after the first tenth."""


def _tampered(rng: random.Random, data: bytes) -> bytes:
    """Return *data* with one to three changes: bytes changed, cut out, doubled, moved, or something put in."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice((1, 1, 2, 16, 200)))
        match rng.randrange(6):
            case 0 if at < len(data):
                data = data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]
            case 1:
                data = data[:at] + data[to:]
            case 2:
                data = data[:to] + data[at:to] + data[to:]
            case 3:
                data = data[:at] + rng.choice(_PIECES) + data[at:]
            case 4:
                data = data[to:] + data[at:to] + data[:at]
            case _ if at < len(data):
                data = data[:at] + bytes((data[at] ^ (1 << rng.randrange(8)),)) + data[at + 1 :]
    return data


def _packet(crypto: Crypto, rng: random.Random, message: bytes) -> tuple[dict[str, str], bytes]:
    timestamp, nonce = str(rng.randrange(10**10)), str(rng.randrange(10**10))
    packet = crypto.encrypt(message, timestamp=timestamp, nonce=nonce, random=rng.randbytes(16))
    signature = packet.partition("<MsgSignature><![CDATA[")[2].partition("]")[0]
    return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}, packet.encode()


def _tampered_query(rng: random.Random, params: dict[str, str]) -> dict[str, str]:
    changed, name = dict(params), rng.choice(list(params))
    if rng.random() < 0.2:
        del changed[name]
    else:
        changed[name] = _tampered(rng, changed[name].encode()).decode("utf-8", "surrogateescape")
    return changed


class _Inbox:
    """Keeps the last message only, so that memory shows what the library keeps."""

    def __init__(self) -> None:
        self.last: InboxMessage | None = None

    def put(self, message: InboxMessage) -> bool:
        self.last = message
        return True


def _outside(rng: random.Random, inbox: _Inbox, message: bytes) -> str:
    """Somebody on the way changes body or query: it is refused, or it is still what WeCom has sent."""
    params, body = _packet(_CRYPTO, rng, message)
    if rng.random() < 0.7:
        body = _tampered(rng, body)
    else:
        params = _tampered_query(rng, params)
    return _taken(inbox, params, body, message)


def _ciphertext(rng: random.Random, inbox: _Inbox, message: bytes) -> str:
    """Somebody without the token changes the encrypted text and keeps it well-formed."""
    params, body = _packet(_CRYPTO, rng, message)
    head, _, rest = body.partition(b"<Encrypt><![CDATA[")
    text, _, tail = rest.partition(b"]")
    sealed = bytearray(b64decode(text))
    sealed[rng.randrange(len(sealed))] ^= 1 << rng.randrange(8)
    forged = b64encode(bytes(sealed))
    return _taken(inbox, params, head + b"<Encrypt><![CDATA[" + forged + b"]" + tail, None)


def _strangers(rng: random.Random, inbox: _Inbox, message: bytes) -> str:
    """Somebody with secrets of their own sends a message that they made."""
    params, body = _packet(_STRANGER, rng, _tampered(rng, message))
    return _taken(inbox, params, body, None)


def _inside(rng: random.Random, inbox: _Inbox, message: bytes) -> str:
    """WeCom itself sends something odd, signed well: it is kept whole, and read or named unreadable."""
    odd = _tampered(rng, message)
    params, body = _packet(_CRYPTO, rng, odd)
    said = _taken(inbox, params, body, odd)
    try:
        parse_event(odd)
    except MalformedXml:
        return f"{said}, unreadable"
    return said


def _taken(inbox: _Inbox, params: dict[str, str], body: bytes, allowed: bytes | None) -> str:
    inbox.last = None
    try:
        Callbacks(_CRYPTO, inbox).handle_post(params, body)
    except CallbackError as e:
        if inbox.last is not None:
            return "WRONG: refused and kept"
        return type(e).__name__
    kept = inbox.last
    if kept is None:
        return "WRONG: accepted and not kept"
    return "accepted" if kept.xml == allowed else "WRONG: accepted what WeCom has not sent"


_ATTACKS: Final[tuple[Callable[[random.Random, _Inbox, bytes], str], ...]] = (
    _outside,
    _outside,
    _ciphertext,
    _strangers,
    _inside,
    _inside,
)


def attack(seed: int, count: int) -> Tally:
    """Try *count* callbacks, which depend on *seed*."""
    rng, inbox, tally = random.Random(seed), _Inbox(), Tally()
    before = 0
    for i in range(count):
        if i == count // _STEPS:
            before = _memory()
        kind, message = rng.choice(_ATTACKS), rng.choice(_MESSAGES)
        try:
            said = kind(rng, inbox, message)
        except Exception as e:  # noqa: BLE001 - what must not happen is what is looked for
            said = f"WRONG: {type(e).__name__}"
        tally.outcomes[f"{kind.__name__.strip('_')}: {said}"] += 1
        if said.startswith("WRONG") and len(tally.wrong) < _STEPS:
            tally.wrong.append(f"seed {seed}, attempt {i}, {kind.__name__}: {said}")
    tally.grown = _memory() - before
    return tally


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _attack(seed: int) -> Tally:
    return attack(seed, _BLOCK)


_BLOCK = 50_000
_FLAT: Final = 8 * 2**20


def main() -> int:
    count = int(sys.argv[1])
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    grown = done = 0
    began = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        for tally in pool.map(_attack, range(-(-count // _BLOCK))):
            outcomes += tally.outcomes
            wrong += tally.wrong
            grown = max(grown, tally.grown)
            done += _BLOCK
    seconds = time.perf_counter() - began
    print(f"{done:,} callbacks in {seconds:.0f} s; memory grew by {grown / 2**20:.1f} MiB in {_BLOCK:,} at the most")
    for outcome, number in sorted(outcomes.items()):
        print(f"  {outcome:48} {number:>10,}")
    for line in wrong:
        print(line)
    return 1 if wrong or grown > _FLAT else 0


if __name__ == "__main__":
    sys.exit(main())
