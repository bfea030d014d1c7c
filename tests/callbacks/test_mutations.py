"""Callbacks that somebody has tampered with: refused by name, or still what WeCom has sent."""

from __future__ import annotations

from tests.callbacks.mutations import attack


def test_nothing_forged_is_accepted_and_nothing_else_is_raised() -> None:
    """Whatever is changed in a callback, it is refused as the documentation says, and what is kept is what WeCom has sent."""
    tally = attack(seed=0, count=3_000)

    assert [] == tally.wrong
    assert {"outside: accepted", "inside: accepted", "outside: MalformedXml", "ciphertext: BadSignature"} <= set(
        tally.outcomes
    )
