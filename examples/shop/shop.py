"""
What a shop wants of WeCom: newcomers are welcomed, buyers get a tag, and news reaches each customer once.

A small service of the kind that imports privdom. How it is tested stands beside it: copy the folder, and run

    pytest
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from privdom import WeCom
from privdom.errors import Refused
from privdom.events import Dispatcher, Router
from privdom.outbox import BROADCAST, DesiredTags, Outbox, Subject
from privdom.store import Store
from privdom.wecom.callbacks import CustomerAdded
from privdom.wecom.messages import NewMessage


OWNER = "shop"
BUYER = "已下单"


@dataclass(frozen=True)
class Order:
    """An order that was paid: of whom, and who of the staff looks after them."""

    number: str
    customer: str
    staff: str


class Shop:
    """The service. Make another one on the same store, and it goes on where this one was."""

    def __init__(self, wecom: WeCom, store: Store) -> None:
        self.wecom, self.store = wecom, store
        self.outbox = Outbox(wecom, store)
        self.tags = DesiredTags(wecom, store)
        router = Router()
        router.on(CustomerAdded, name="shop.welcome", welcome=True)(self._welcome)
        self.dispatcher = Dispatcher(wecom, store, router.handlers())

    def paid(self, order: Order) -> None:
        """Have the customer tagged as a buyer; an order that is told twice changes nothing."""
        tag = self._buyer_tag()
        with self.store.begin() as conn:
            self.tags.want(conn, self.wecom.corp_id, OWNER, [(order.staff, order.customer, tag, True)])

    def announce(self, news: str, text: str, staff: str, customers: Sequence[str]) -> None:
        """Have *staff* send *text*; a customer gets the same *news* once, however often it is announced."""
        message = NewMessage(text=text, sender=staff, external_userid=customers)
        subjects = [Subject(customer, news) for customer in customers]
        with self.store.begin() as conn:
            self.outbox.plan(conn, BROADCAST, message, owner=OWNER, subjects=subjects)

    def unsure(self) -> list[str]:
        """Return what a person must look into: nobody can tell whether WeCom has it."""
        return [unit.id for unit in self.outbox.parked.list()]

    def work(self) -> None:
        """Do what is due; in production a loop calls this, or a `privdom.outbox.Worker` does the same."""
        self.dispatcher.run()
        self.tags.push()
        self.outbox.tick()

    def _welcome(self, event: CustomerAdded) -> None:
        if event.welcome_code:
            with suppress(Refused):  # another app was faster, or this event was handled before
                self.wecom.messages.welcome(event.welcome_code, text="欢迎光临")

    def _buyer_tag(self) -> str:
        known = {tag.name: tag.id for group in self.wecom.tags.list() for tag in group.tag}
        return known[BUYER] if BUYER in known else self.wecom.tags.add([BUYER], group_name="客户阶段").tag[0].id
