"""Chance that depends only on the seed and on what it is about, so that no call order can change it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b


__all__ = ["digest", "fraction", "identifier", "pick"]

_TOP = float(2**64)


def _hash(seed: int, parts: tuple[object, ...], size: int) -> bytes:
    text = "\x1f".join([str(seed), *map(str, parts)])
    return blake2b(text.encode(), digest_size=size).digest()


def fraction(seed: int, *parts: object) -> float:
    """Return a number in [0, 1)."""
    return int.from_bytes(_hash(seed, parts, 8), "big") / _TOP


def pick(count: int, seed: int, *parts: object) -> int:
    """Return a number in [0, *count*)."""
    return int.from_bytes(_hash(seed, parts, 8), "big") % count


def digest(seed: int, *parts: object) -> str:
    """Return 32 hex digits."""
    return _hash(seed, parts, 16).hex()


def identifier(prefix: str, seed: int, *parts: object) -> str:
    """Return an id as WeCom makes them: *prefix* and 30 characters."""
    text = urlsafe_b64encode(_hash(seed, parts, 24)).decode().replace("-", "A").replace("_", "B")
    return prefix + text[:30]
