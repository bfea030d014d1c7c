"""The blocking twins have what the awaited classes have, and work."""

from __future__ import annotations

import inspect

from typing import Any

import pytest

from privdom.outbox import (
    BROADCAST,
    AsyncDesiredTags,
    AsyncOutbox,
    AsyncParked,
    DesiredTags,
    Outbox,
    OutboxSettings,
    Parked,
)
from privdom.store import Store
from privdom.wecom.client import WeCom
from tests.outbox.corp import FREE, Corp, text_message


def _public(cls: type[Any]) -> dict[str, list[str]]:
    found = {n: m for n, m in vars(cls).items() if not n.startswith("_") and inspect.isfunction(inspect.unwrap(m))}
    return {name: list(inspect.signature(inspect.unwrap(method)).parameters) for name, method in found.items()}


@pytest.mark.parametrize(
    ("core", "twin"), [(AsyncOutbox, Outbox), (AsyncParked, Parked), (AsyncDesiredTags, DesiredTags)]
)
def test_same_names(core: type[Any], twin: type[Any]) -> None:
    """A twin has the same public methods with the same parameters."""
    assert _public(core) == _public(twin)


def test_blocking(store: Store) -> None:
    """In a script: plan, tick, look, decide."""
    corp = Corp()
    wecom = WeCom(corp.box.corp_id, corp.box.secret, transport=corp.box.transport, clock=corp.box.clock)

    class Mine(type(BROADCAST)):  # type: ignore[misc]
        name = "mine"

    mine = Mine()
    settings = OutboxSettings(gate=FREE)
    outbox = Outbox(wecom, store, settings, kinds=[mine])
    with store.begin() as conn:
        subjects = [(c, "hello", "") for c in corp.customers[:3]]
        report = outbox.plan(conn, mine, text_message(corp), owner="me", subjects=subjects)

    assert 1 == outbox.drain().confirmed
    assert report.unit_id is not None
    with store.read() as conn:
        assert 3 == len(outbox.items(conn, report.unit_id))
    assert () == outbox.parked.list()
    assert "<Outbox of ww" in repr(outbox)
    assert outbox.settings.gate == FREE
    assert not DesiredTags(wecom, store).push()
