"""
Verifies, decrypts and encrypts callbacks: WeCom's WXBizMsgCrypt scheme.

Documentation 90968 and 90930. A message is AES-256-CBC with the key's own first
16 bytes as IV, so it has no integrity but the signature's: nothing is decrypted
before the signature fits.
"""

from __future__ import annotations

import hmac
import re
import secrets

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha1

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from privdom._facts.limits import AES_KEY_CHARS
from privdom._port import SystemClock
from privdom.errors import BadCiphertext, BadSignature, MalformedXml, UsageError, WrongReceiver
from privdom.wecom.callbacks.xml import MAX_BYTES


__all__ = ["Crypto"]

# The AES block is 16 bytes, but the padding counts to 32: no library's own
# PKCS#7 takes that.
_PAD_BLOCK = 32
_AES_BLOCK = 16
_RANDOM = 16
_HEAD = _RANDOM + 4
_KEY = re.compile(rf"[A-Za-z0-9+/]{{{AES_KEY_CHARS}}}")
# Nobody has signed for the body, only for the text of its Encrypt element. So no
# parser gets to see it: this finds that text, which takes a tenth of the time too.
# It never gives back what it took, or a stranger's body of blanks would cost hours.
_ENCRYPT = re.compile(rb"<Encrypt>\s*+(?:<!\[CDATA\[)?+([A-Za-z0-9+/=]*+)(?:\]\]>)?+\s*+</Encrypt>")
_REPLY = (
    "<xml>\n<Encrypt><![CDATA[{encrypt}]]></Encrypt>\n<MsgSignature><![CDATA[{signature}]]></MsgSignature>\n"
    "<TimeStamp>{timestamp}</TimeStamp>\n<Nonce><![CDATA[{nonce}]]></Nonce>\n</xml>"
)


class Crypto:
    """
    The secrets of one callback address, and what can be done with them.

    Args:
        token: The Token of the callback settings.
        encoding_aes_key: The EncodingAESKey there, 43 characters.
        receive_id: The corp id for a corp's own apps, the suite id for events of a suite.

    Raises:
        UsageError: The key does not have its 43 characters, or the token is empty.
    """

    def __init__(self, token: str, encoding_aes_key: str, receive_id: str) -> None:
        if not token:
            msg = "token is empty: copy it from the app's callback settings"
            raise UsageError(msg)
        if not _KEY.fullmatch(encoding_aes_key):
            msg = (
                f"encoding_aes_key must be {AES_KEY_CHARS} letters and digits, got {len(encoding_aes_key)} characters: "
                "copy EncodingAESKey from the app's callback settings"
            )
            raise UsageError(msg)
        # 43 characters hold 258 bits. The last two are set in most real keys,
        # which strict decoders refuse; Python's ignores them.
        key = b64decode(encoding_aes_key + "=")
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(key[:_AES_BLOCK]))
        self._token = token
        self.receive_id = receive_id

    def verify_url(self, signature: str, timestamp: str, nonce: str, echostr: str) -> str:
        """
        Return what to answer when the callback address is saved: this text, and nothing around it.

        *echostr* is the query parameter after one URL-decoding. Documentation 90930; WeCom waits one second.

        Raises:
            BadSignature, BadCiphertext, WrongReceiver: Answer with HTTP 403.
        """
        self._verify(signature, timestamp, nonce, echostr)
        try:
            return self._open(echostr).decode()
        except UnicodeDecodeError:
            msg = "the decrypted echostr is not UTF-8"
            raise BadCiphertext(msg) from None

    def decrypt(self, signature: str, timestamp: str, nonce: str, body: bytes) -> bytes:
        """
        Return the message inside the *body* of a POST, which is XML.

        *signature*, *timestamp* and *nonce* are the query parameters msg_signature, timestamp and nonce as
        received. Documentation 90930, 90968.

        Raises:
            MalformedXml, BadSignature, BadCiphertext, WrongReceiver: Nothing in it may be trusted.
        """
        found = _ENCRYPT.findall(body) if len(body) <= MAX_BYTES and b"<!DOCTYPE" not in body else ()
        if len(found) != 1:
            msg = f"the body ({len(body)} bytes) is not a callback of WeCom: it needs one Encrypt element, and no DTD"
            raise MalformedXml(msg)
        encrypted = found[0].decode()
        self._verify(signature, timestamp, nonce, encrypted)
        return self._open(encrypted)

    def encrypt(
        self,
        message: str | bytes,
        *,
        timestamp: str | None = None,
        nonce: str | None = None,
        random: bytes | None = None,
    ) -> str:
        """
        Return the packet that carries *message*: a passive reply (90968).

        *random* is 16 bytes; it, *timestamp* and *nonce* are chosen when left out, and given only to reproduce a
        packet.
        """
        timestamp = timestamp or str(int(SystemClock().now().timestamp()))
        nonce = nonce or secrets.token_hex(8)
        random = random or secrets.token_bytes(_RANDOM)
        if len(random) != _RANDOM:
            msg = f"random must be {_RANDOM} bytes, got {len(random)}"
            raise UsageError(msg)
        content = message.encode() if isinstance(message, str) else message
        plain = random + len(content).to_bytes(4, "big") + content + self.receive_id.encode()
        missing = _PAD_BLOCK - len(plain) % _PAD_BLOCK
        encryptor = self._cipher.encryptor()
        sealed = encryptor.update(plain + bytes((missing,)) * missing) + encryptor.finalize()
        encrypt = b64encode(sealed).decode()
        signature = self._sign(timestamp, nonce, encrypt)
        return _REPLY.format(encrypt=encrypt, signature=signature, timestamp=timestamp, nonce=nonce)

    def _sign(self, *values: str) -> str:
        joined = "".join(sorted((self._token, *values)))
        return sha1(joined.encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324 - WeCom's choice

    def _verify(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> None:
        expected = self._sign(timestamp, nonce, encrypted)
        # compare_digest takes text only when it is ASCII.
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            msg = "msg_signature does not fit: check the Token, and that the query was URL-decoded exactly once"
            raise BadSignature(msg)

    def _open(self, encrypted: str) -> bytes:
        try:
            sealed = b64decode(encrypted, validate=True)
        except (NotBase64, ValueError):
            msg = "the encrypted text is not base64"
            raise BadCiphertext(msg) from None
        if not sealed or len(sealed) % _AES_BLOCK:
            msg = f"the encrypted text has {len(sealed)} bytes, not a multiple of {_AES_BLOCK}: it was cut off"
            raise BadCiphertext(msg)
        decryptor = self._cipher.decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
        pad = plain[-1]
        end = len(plain) - pad
        if not (1 <= pad <= _PAD_BLOCK and end >= _HEAD and plain[end:] == plain[-1:] * pad):
            msg = "the padding is wrong: check that EncodingAESKey belongs to this callback address"
            raise BadCiphertext(msg)
        stop = _HEAD + int.from_bytes(plain[_RANDOM:_HEAD], "big")
        if stop > end:
            msg = "the message is shorter than it says: check that EncodingAESKey belongs to this callback address"
            raise BadCiphertext(msg)
        if plain[stop:end] != self.receive_id.encode():
            msg = "the message is meant for another corp or suite: check receive_id"
            raise WrongReceiver(msg)
        return plain[_HEAD:stop]

    def __repr__(self) -> str:
        return f"<Crypto for {self.receive_id!r}>"
