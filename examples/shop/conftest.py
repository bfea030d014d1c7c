"""What all tests of the shop start from: a corp with two customers, the shop, and days that pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shop import Shop

from privdom import WeCom
from privdom.events import SqlInbox
from privdom.sandbox import Sandbox
from privdom.store import Store


pytest_plugins = ["privdom.testing"]


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Sandbox:
    """The plugin's corp, with a member of the staff and two customers."""
    sandbox.add_staff("zhangsan")
    sandbox.add_customer("wmANNA", "安娜", staff=["zhangsan"])
    sandbox.add_customer("wmBEN", "阿本", staff=["zhangsan"])
    return sandbox


@pytest.fixture
def shop(wecom: WeCom, store: Store, inbox: SqlInbox) -> Shop:
    """The shop, in whose inbox WeCom's callbacks arrive."""
    return Shop(wecom, store)


@pytest.fixture
def days(sandbox: Sandbox, shop: Shop) -> Callable[[int], None]:
    """Let days pass, in which the shop works every three hours."""

    def pass_by(count: int) -> None:
        for _ in range(8 * count):
            sandbox.advance(timedelta(hours=3))
            shop.work()

    return pass_by
