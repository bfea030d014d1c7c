"""Encrypt and sign callbacks (documentation 90968), written apart from the library's own code on purpose."""

from __future__ import annotations

import base64
import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from privdom._facts import limits


__all__ = ["checked", "decrypt", "encrypt", "new_key", "sign"]

_PADDED_TO = 32


def checked(key: str) -> str:
    """Return *key*, if it can be an EncodingAESKey."""
    if len(key) != limits.AES_KEY_CHARS or not (key.isascii() and key.isalnum()):
        msg = f"encoding_aes_key must be {limits.AES_KEY_CHARS} letters and digits, not {len(key)} characters"
        raise ValueError(msg)
    return key


def new_key(digest: str) -> str:
    """Return an EncodingAESKey, 43 letters and digits, from 32 or more hex digits."""
    text = base64.b64encode(hashlib.sha256(digest.encode()).digest()).decode()
    return text.replace("+", "x").replace("/", "y").rstrip("=")[:43]


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Return msg_signature."""
    return hashlib.sha1("".join(sorted((token, timestamp, nonce, encrypted))).encode()).hexdigest()  # noqa: S324 - WeCom's choice


def _cipher(key: str) -> Cipher[modes.CBC]:
    raw = base64.b64decode(key + "=")
    return Cipher(algorithms.AES(raw), modes.CBC(raw[:16]))


def encrypt(key: str, message: bytes, receive_id: str, random: bytes) -> str:
    """Return *message* encrypted, in base64; *random* are 16 bytes."""
    plain = random + struct.pack(">I", len(message)) + message + receive_id.encode()
    short = _PADDED_TO - len(plain) % _PADDED_TO
    work = _cipher(key).encryptor()
    return base64.b64encode(work.update(plain + bytes([short]) * short) + work.finalize()).decode()


def decrypt(key: str, encrypted: str) -> tuple[bytes, str]:
    """Return the message in *encrypted* and the id it is meant for."""
    work = _cipher(key).decryptor()
    plain = work.update(base64.b64decode(encrypted)) + work.finalize()
    plain = plain[: -plain[-1]]
    (size,) = struct.unpack(">I", plain[16:20])
    return plain[20 : 20 + size], plain[20 + size :].decode()
