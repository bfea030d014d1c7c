"""The purchases of the CDNOW customers, as events that can be scored."""

from __future__ import annotations

import gzip

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby, islice
from pathlib import Path

import attrs


__all__ = ["Purchase", "purchases_of", "read_purchases"]

_FILE = Path(__file__).parents[1] / "data" / "CDNOW_master.txt.gz"


@attrs.frozen
class Purchase:
    """One order: a stable id, who, when, how many CDs, how much."""

    id: str
    buyer: str
    at: datetime
    items: int
    amount: Decimal


def read_purchases() -> Iterator[Purchase]:
    """Yield all purchases in the order of the file: by buyer, then by date."""
    with gzip.open(_FILE, "rt", encoding="ascii") as file:
        next(file)  # the names of the columns
        for number, line in enumerate(file, 1):
            buyer, day, items, amount = line.split()
            at = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
            yield Purchase(f"cdnow-{number}", buyer, at, int(items), Decimal(amount))


def purchases_of(customers: Sequence[str]) -> Iterator[tuple[str, Purchase]]:
    """
    Yield ``(customer, purchase)``: the n-th customer gets the purchases of the n-th buyer.

    With more customers than the 23,570 buyers, the buyers start again, and
    the ids of their purchases tell the rounds apart.
    """
    buyers = groupby(read_purchases(), key=lambda purchase: purchase.buyer)
    histories = [list(purchases) for _, purchases in islice(buyers, len(customers))]
    for n, customer in enumerate(customers):
        turn, i = divmod(n, len(histories))
        for purchase in histories[i]:
            yield customer, attrs.evolve(purchase, id=f"{purchase.id}.{turn}" if turn else purchase.id)
