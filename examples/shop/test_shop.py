"""Tests of the shop. The sandbox's record is the judge: what customers have, whatever the shop believes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from shop import BUYER, Order, Shop

from privdom import WeCom
from privdom.errors import MayHaveArrived
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.testing import Failing, Fault, FaultKind, every_fault
from privdom.wecom.callbacks import CustomerAdded, Event


Days = Callable[[int], None]
ORDER = Order("2026-0001", "wmANNA", "zhangsan")
BOTH = ["wmANNA", "wmBEN"]


def tags_of(wecom: WeCom, customer: str) -> list[str]:
    [relation] = wecom.contacts.get(customer).follow_user
    return [tag.tag_name for tag in relation.tags]


def received(sandbox: Sandbox) -> Counter[tuple[str, str]]:
    """Return how often each customer received each text."""
    return Counter((delivery.target, delivery.text) for delivery in sandbox.record.deliveries if delivery.status == 1)


def welcomed(sandbox: Sandbox) -> list[str]:
    return [welcome.external_userid for welcome in sandbox.record.welcomes]


# A paid order.


def test_a_buyer_is_tagged(shop: Shop, wecom: WeCom, days: Days) -> None:
    shop.paid(ORDER)
    shop.paid(ORDER)
    days(1)

    assert tags_of(wecom, "wmANNA") == [BUYER]
    assert tags_of(wecom, "wmBEN") == []


@every_fault("mark_tag")
def test_a_buyer_is_tagged_whatever_happens(
    shop: Shop, wecom: WeCom, days: Days, failing: Failing, fault: Fault
) -> None:
    shop.paid(ORDER)
    with failing(fault):
        shop.work()
    days(1)

    assert tags_of(wecom, "wmANNA") == [BUYER]


def test_the_tag_is_made_once(shop: Shop, wecom: WeCom, failing: Failing) -> None:
    with failing("lost_response", "add_corp_tag"), pytest.raises(MayHaveArrived):
        shop.paid(ORDER)
    shop.paid(ORDER)  # as whoever tells of orders does again, having got an error

    assert [tag.name for group in wecom.tags.list() for tag in group.tag] == [BUYER]


# News.


def test_news_reaches_everybody_once(sandbox: Sandbox, shop: Shop, days: Days) -> None:
    shop.announce("spring", "新品到店", "zhangsan", BOTH)
    shop.announce("spring", "新品到店", "zhangsan", BOTH)
    days(1)

    assert received(sandbox) == {(customer, "新品到店"): 1 for customer in BOTH}


@every_fault("add_msg_template")
def test_news_reaches_nobody_twice(sandbox: Sandbox, shop: Shop, days: Days, failing: Failing, fault: Fault) -> None:
    shop.announce("spring", "新品到店", "zhangsan", BOTH)
    with failing(fault):
        shop.work()
    days(1)

    if shop.unsure():
        assert not received(sandbox)
    else:
        assert received(sandbox) == {(customer, "新品到店"): 1 for customer in BOTH}


def test_a_restart_in_the_middle(sandbox: Sandbox, shop: Shop, days: Days, wecom: WeCom, store: Store) -> None:
    shop.announce("spring", "新品到店", "zhangsan", BOTH)
    shop.work()
    another = Shop(wecom, store)
    another.announce("spring", "新品到店", "zhangsan", BOTH)
    another.work()
    days(1)

    assert received(sandbox) == {(customer, "新品到店"): 1 for customer in BOTH}


# Newcomers.


def befriend(sandbox: Sandbox) -> None:
    sandbox.befriend("zhangsan", sandbox.add_customer("wmCHEN", "阿晨"), state="poster")


@pytest.mark.parametrize(("kind", "expected"), [("duplicate_callback", ["wmCHEN"]), ("lost_callback", [])])
def test_a_newcomer_is_welcomed_once(
    sandbox: Sandbox, shop: Shop, failing: Failing, kind: FaultKind, expected: list[str]
) -> None:
    befriend(sandbox)
    with failing(kind):
        sandbox.deliver()
    shop.work()

    assert welcomed(sandbox) == expected


@every_fault("send_welcome_msg")
def test_a_newcomer_is_welcomed_whatever_happens(sandbox: Sandbox, shop: Shop, failing: Failing, fault: Fault) -> None:
    befriend(sandbox)
    sandbox.deliver()
    with failing(fault):
        shop.work()

    assert welcomed(sandbox) == ["wmCHEN"]


def test_what_wecom_tells_of_a_newcomer(sandbox: Sandbox, callbacks: list[Event]) -> None:
    befriend(sandbox)
    sandbox.deliver()

    [event] = callbacks
    assert isinstance(event, CustomerAdded)
    assert (event.external_user_id, event.state) == ("wmCHEN", "poster")
