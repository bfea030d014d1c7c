"""The scheme of WXBizMsgCrypt: what fits is opened, anything else is refused by name."""

from __future__ import annotations

import re
import subprocess
import sys

from base64 import b64decode, b64encode
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from privdom._port import SystemClock
from privdom.errors import BadCiphertext, BadSignature, CallbackError, MalformedXml, UsageError, WrongReceiver
from privdom.wecom.callbacks import Crypto
from privdom.wecom.callbacks.xml import MAX_BYTES


TOKEN, KEY, CORP = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7"
CRYPTO = Crypto(TOKEN, KEY, CORP)
TIMESTAMP, NONCE = "1409659813", "1372623149"
AES = b64decode(KEY + "=")

# Worked example of documentation 90968, echostr of go-workwx, and a reply of wechatpy whose random part is fixed.
OFFICIAL = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3"
    "TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gs"
    "ijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUa"
    "x5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIG"
    "HBZZIs2pDBS8R07+qN+E7Q=="
)
OFFICIAL_SIGNATURE = "477715d11cdb4164915debcba66cb864d751f3e6"
ECHO = Crypto("kjr2TKI8umCBfVF3wAHk8JiPwma5VBme", "4Ma3YBrSBbX2aez8MJpXGBne5LSDwgGqHbhM9WPYIws", "ww6a112864f8022910")
ECHOSTR = "6KmUQuPVu7UhjyVqRdbo5SfcRqaHvbUlKSHFvBV2ZuR6TIlKsygcfeSd1GDplg1C5KSKr6UPHCaC/nIX3ZNt9w=="
REPLIER = Crypto("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
REPLY_SIGNATURE = "407518b7649e86ef23978113f92d27afa9296533"


def body_of(encrypt: str) -> bytes:
    return f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode()


def sign(encrypt: str) -> str:
    return sha1("".join(sorted((TOKEN, TIMESTAMP, NONCE, encrypt))).encode()).hexdigest()


def seal(plain: bytes) -> tuple[str, bytes]:
    """Encrypt *plain* as it is, padding and all, and sign it well."""
    encryptor = Cipher(algorithms.AES(AES), modes.CBC(AES[:16])).encryptor()
    encrypt = b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
    return sign(encrypt), body_of(encrypt)


def test_the_worked_example_of_the_documentation_is_opened() -> None:
    """The message of documentation 90968, whose key is not canonical base64, comes out as it is printed there."""
    xml = CRYPTO.decrypt(OFFICIAL_SIGNATURE, TIMESTAMP, NONCE, body_of(OFFICIAL))

    assert len(xml) == 284
    assert xml.startswith(b"<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName>\n<FromUserName>")


def test_an_echostr_is_answered_with_its_text() -> None:
    """The check of a callback address is answered with the decrypted text alone."""
    assert ECHO.verify_url("1ba3cb09c0d2c2b3ed6900d37f91a6efae6cb011", "1583940690", "VHh7ymSeb0jc4lSb", ECHOSTR) == (
        "94966531020182955848408"
    )


def test_a_reply_is_reproduced_byte_by_byte() -> None:
    """With a known random part, the packet has the signature that another implementation computed."""
    message = (
        "<xml>\n<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[test]]></Content>\n"
        "<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>\n<ToUserName><![CDATA[messense]]></ToUserName>\n"
        "<AgentID>1</AgentID>\n<CreateTime>1411525903</CreateTime>\n</xml>"
    )
    packet = REPLIER.encrypt(message, timestamp="1411525903", nonce="461056294", random=b"1234567890123456")

    assert f"<MsgSignature><![CDATA[{REPLY_SIGNATURE}]]></MsgSignature>\n<TimeStamp>1411525903</TimeStamp>" in packet


def test_every_known_vector_holds(shared: Path) -> None:
    """Messages, echo strings and replies of five implementations come out, and the replies go in, byte for byte."""
    vectors: list[dict[str, Any]] = yaml.safe_load((shared / "wecom/crypto.yaml").read_text("utf-8"))["test_vectors"]
    seen: list[str] = []
    for vector in vectors:
        crypto = Crypto(vector["token"], vector["encoding_aes_key"], vector["receive_id"])
        signed = (vector["msg_signature"], vector["timestamp"], vector["nonce"])
        seen.append(vector["kind"])
        if vector["kind"] == "echostr":
            assert vector["plaintext"] == crypto.verify_url(*signed, vector["encrypt"]), vector["id"]
        else:
            assert vector["plaintext"].encode() == crypto.decrypt(*signed, body_of(vector["encrypt"])), vector["id"]
        random = bytes.fromhex(vector["random_16_hex"])
        packet = crypto.encrypt(vector["plaintext"], timestamp=signed[1], nonce=signed[2], random=random)
        assert vector["encrypt"] in packet, vector["id"]
        assert vector["msg_signature"] in packet, vector["id"]
        assert vector.get("reply_packet", packet).strip() == packet, vector["id"]

    assert {"message", "echostr", "reply_encrypt"} == set(seen)


@pytest.mark.parametrize("query", [(TIMESTAMP, "\ud800"), ("\udfff", NONCE)])
def test_a_query_that_is_no_text_is_refused(query: tuple[str, str]) -> None:
    """What a query held that was no UTF-8 does not fit either, and is no other error."""
    with pytest.raises(BadSignature):
        CRYPTO.decrypt(OFFICIAL_SIGNATURE, *query, body_of(OFFICIAL))


@pytest.mark.parametrize("signature", ["", "477715d11cdb4164915debcba66cb864d751f3e7", "签名", "\ud800"])
def test_a_wrong_signature_is_refused_before_anything_is_decrypted(signature: str) -> None:
    """A signature that does not fit is a BadSignature, whatever characters it holds."""
    with pytest.raises(BadSignature, match="check the Token"):
        CRYPTO.decrypt(signature, TIMESTAMP, NONCE, body_of(OFFICIAL))


def test_a_nonce_with_one_digit_changed_is_refused() -> None:
    """Timestamp and nonce are part of what is signed."""
    with pytest.raises(BadSignature):
        CRYPTO.decrypt(OFFICIAL_SIGNATURE, TIMESTAMP, "1372623148", body_of(OFFICIAL))


@pytest.mark.parametrize(
    ("encrypt", "message"),
    [
        ("", "has 0 bytes, .* cut off"),
        (OFFICIAL[:-24], "padding is wrong"),
        (OFFICIAL[:40], "has 30 bytes, .* cut off"),
        ("QUJD", "has 3 bytes, .* cut off"),
        ("A===", "not base64"),
    ],
)
def test_a_truncated_ciphertext_is_refused(encrypt: str, message: str) -> None:
    """Text that was cut off cannot be opened even when somebody signed it."""
    with pytest.raises(BadCiphertext, match=message):
        CRYPTO.decrypt(sign(encrypt), TIMESTAMP, NONCE, body_of(encrypt))


def test_an_echostr_with_a_character_too_many_is_refused() -> None:
    """Characters that base64 does not have are not skipped: what is opened is just what was signed."""
    packet = CRYPTO.encrypt("echo")
    encrypt = packet.partition("<Encrypt><![CDATA[")[2].partition("]")[0]
    spoilt = f"{encrypt[:8]} {encrypt[8:]}"

    assert "echo" == CRYPTO.verify_url(sign(encrypt), TIMESTAMP, NONCE, encrypt)
    with pytest.raises(BadCiphertext, match="not base64"):
        CRYPTO.verify_url(sign(spoilt), TIMESTAMP, NONCE, spoilt)


def message(content: bytes, *, length: int | None = None, receiver: bytes = CORP.encode()) -> bytes:
    size = len(content) if length is None else length
    return b"r" * 16 + size.to_bytes(4, "big") + content + receiver


@pytest.mark.parametrize(
    ("plain", "problem"),
    [
        (message(b"x" * 15).ljust(63, b"\x00") + b"\x00", "padding is wrong"),  # pad 0
        (message(b"x" * 15).ljust(63, b"\x21") + b"\x21", "padding is wrong"),  # pad 33
        (message(b"x" * 24)[:60] + b"\x01\x04\x04\x04", "padding is wrong"),  # pad bytes that differ
        (b"\x20" * 32, "padding is wrong"),  # nothing but padding
        (message(b"x", length=4_000_000_000).ljust(48, b"\x09")[:48], "shorter than it says"),
        (message(b"x" * 5, length=80) + b"\x05" * 5, "shorter than it says"),
    ],
)
def test_text_that_is_not_laid_out_as_a_message_is_refused(plain: bytes, problem: str) -> None:
    """Wrong padding and a length beyond the end are a BadCiphertext, not another error and not a partial message."""
    signature, body = seal(plain)

    with pytest.raises(BadCiphertext, match=problem):
        CRYPTO.decrypt(signature, TIMESTAMP, NONCE, body)


def test_a_message_for_another_corp_is_refused() -> None:
    """Two corps of one provider may share a token and a key, never a message."""
    packet = Crypto(TOKEN, KEY, "ww0000000000000000").encrypt("<xml/>", timestamp=TIMESTAMP, nonce=NONCE)
    signature = packet.partition("<MsgSignature><![CDATA[")[2][:40]

    with pytest.raises(WrongReceiver, match="another corp"):
        CRYPTO.decrypt(signature, TIMESTAMP, NONCE, packet.encode())


def test_an_echostr_that_is_not_text_is_refused() -> None:
    """Bytes that are not UTF-8 cannot be an answer."""
    plain = message(b"\xff\xfe")
    _, body = seal(plain + bytes([32 - len(plain) % 32]) * (32 - len(plain) % 32))
    echostr = body.decode().partition("<Encrypt><![CDATA[")[2].partition("]")[0]

    with pytest.raises(BadCiphertext, match="UTF-8"):
        CRYPTO.verify_url(sign(echostr), TIMESTAMP, NONCE, echostr)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html>502 Bad Gateway</html>",
        body_of(OFFICIAL) * 2,
        b"<!DOCTYPE xml [<!ENTITY a 'a'>]>" + body_of(OFFICIAL),
        body_of(OFFICIAL).replace(b"<xml>", b"<xml>" + b"<a>" * 100_000),
    ],
)
def test_a_body_that_is_no_callback_is_refused(body: bytes) -> None:
    """Another document, two Encrypt elements, a DTD or a giant are MalformedXml."""
    with pytest.raises(MalformedXml, match="not a callback of WeCom"):
        CRYPTO.decrypt(OFFICIAL_SIGNATURE, TIMESTAMP, NONCE, body)


def test_a_body_may_be_as_large_as_the_limit() -> None:
    """The limit itself is allowed, one byte more is not."""
    body = body_of(OFFICIAL).ljust(MAX_BYTES)

    assert 284 == len(CRYPTO.decrypt(OFFICIAL_SIGNATURE, TIMESTAMP, NONCE, body))
    with pytest.raises(MalformedXml):
        CRYPTO.decrypt(OFFICIAL_SIGNATURE, TIMESTAMP, NONCE, body + b" ")


_PATIENCE = 60
_LARGEST = f"""
from privdom.errors import MalformedXml
from privdom.wecom.callbacks import Crypto
for filling in (" ", "\\n", "A", "=", "<Encrypt>", "<Encrypt> ", "<Encrypt><![CDATA[", "]]>", "<Encrypt>A]]> "):
    body = ("<Encrypt>" + filling * {MAX_BYTES})[:{MAX_BYTES}].encode()
    try:
        Crypto({TOKEN!r}, {KEY!r}, {CORP!r}).decrypt("", "", "", body)
    except MalformedXml:
        print("refused")
"""


def test_no_body_takes_long_to_refuse() -> None:
    """Nobody has signed for a body when it is looked through: the largest is refused at once, whatever fills it."""
    # Backtracking over one of these takes a quarter of an hour, so the bound tells nothing of the machine.
    done = subprocess.run(
        [sys.executable, "-c", _LARGEST], capture_output=True, text=True, check=True, timeout=_PATIENCE
    )

    assert ["refused"] * 9 == done.stdout.split()


def test_encrypt_may_stand_bare() -> None:
    """CDATA is WeCom's habit, not a rule."""
    body = f"<xml>\n  <Encrypt>\n{OFFICIAL}\n</Encrypt>\n</xml>".encode()

    assert len(CRYPTO.decrypt(OFFICIAL_SIGNATURE, TIMESTAMP, NONCE, body)) == 284


@pytest.mark.parametrize("key", ["", KEY[:-1], KEY + "=", KEY[:-1] + "-"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    """A wrong EncodingAESKey is found when the object is made, and is not in the message."""
    with pytest.raises(UsageError, match="encoding_aes_key must be 43") as caught:
        Crypto(TOKEN, key, CORP)

    assert KEY[:-1] not in str(caught.value)


def test_an_empty_token_is_refused() -> None:
    """Without a token a signature proves nothing."""
    with pytest.raises(UsageError, match="token is empty"):
        Crypto("", KEY, CORP)


def test_a_random_part_of_another_length_is_refused() -> None:
    """The random part is 16 bytes, or the message would be read at the wrong place."""
    with pytest.raises(UsageError, match="16 bytes, got 3"):
        CRYPTO.encrypt("x", random=b"abc")


def test_the_repr_shows_no_secret() -> None:
    """A traceback with the object in it gives nothing away."""
    assert repr(CRYPTO) == "<Crypto for 'wx5823bf96d3bd56c7'>"


def test_a_packet_has_a_time_and_a_nonce_of_its_own() -> None:
    """What is not given is chosen: the present in unix seconds, and 16 digits that nobody can foresee."""
    before = int(SystemClock().now().timestamp())
    timestamps, nonces = zip(*(_parts(CRYPTO.encrypt("x"))[1:] for _ in range(2)), strict=True)
    after = int(SystemClock().now().timestamp())

    assert all(before <= int(timestamp) <= after for timestamp in timestamps)
    assert 2 == len(set(nonces))
    assert all(re.fullmatch("[0-9a-f]{16}", nonce) for nonce in nonces)


def _parts(packet: str) -> tuple[str, str, str]:
    """Return signature, timestamp and nonce of a packet."""
    signature, timestamp, nonce = (
        packet.partition(f"<{name}>")[2].partition("</")[0].removeprefix("<![CDATA[").removesuffix("]]>")
        for name in ("MsgSignature", "TimeStamp", "Nonce")
    )
    return signature, timestamp, nonce


@given(st.text() | st.binary())
def test_what_is_encrypted_comes_out_again(content: str | bytes) -> None:
    """Any text or bytes survive the round trip, with a timestamp, nonce and random part of their own."""
    packet = CRYPTO.encrypt(content)
    signature, timestamp, nonce = _parts(packet)
    expected = content.encode() if isinstance(content, str) else content

    assert expected == CRYPTO.decrypt(signature, timestamp, nonce, packet.encode())


@pytest.mark.parametrize("receive_id", ["", CORP])
@pytest.mark.parametrize("length", range(33))
def test_every_length_comes_out_again(length: int, receive_id: str) -> None:
    """However much padding a message needs, and be it and its receiver empty, it is opened as it was."""
    crypto = Crypto(TOKEN, KEY, receive_id)
    packet = crypto.encrypt(b"x" * length)

    assert b"x" * length == crypto.decrypt(*_parts(packet), packet.encode())


@given(st.text(), st.text(), st.text(), st.binary() | st.binary(max_size=64).map(lambda b: body_of(b.hex())))
def test_arbitrary_requests_raise_callback_errors_only(signature: str, timestamp: str, nonce: str, body: bytes) -> None:
    """Whatever a stranger sends, the error is one that the caller knows to answer with 403."""
    with pytest.raises(CallbackError):
        CRYPTO.decrypt(signature, timestamp, nonce, body)


@given(st.text())
def test_arbitrary_echo_strings_raise_callback_errors_only(echostr: str) -> None:
    """The same for the check of the address, even when it is signed."""
    with pytest.raises(CallbackError):
        CRYPTO.verify_url(sign(echostr), TIMESTAMP, NONCE, echostr)


@given(st.binary(min_size=2, max_size=8))
def test_arbitrary_signed_plaintexts_raise_callback_errors_or_open(blocks: bytes) -> None:
    """Even who has the key cannot make decryption fail with anything else."""
    signature, body = seal(b"".join(bytes([b]) * 16 for b in blocks))

    with pytest.raises(CallbackError):
        CRYPTO.decrypt(signature, TIMESTAMP, NONCE, body)
