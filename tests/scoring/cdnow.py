"""Reads purchases of CDNOW's customers (Fader and Hardie): customer, date, number of CDs, dollars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from privdom.scoring import CustomerEvent


HERE = Path(__file__).parent
SMALL = HERE / "cdnow_200.txt"
LARGE = "data/CDNOW_master.txt"


def rows(path: Path) -> Iterator[tuple[str, str, Decimal]]:
    """Yield customer, date and dollars of each line."""
    for line in path.read_text().splitlines():
        customer, date, _, dollars = line.split()
        if customer.isdigit():
            yield customer, date, Decimal(dollars)


def purchases(path: Path) -> Iterator[CustomerEvent]:
    """Yield each line as a purchase; its number in the file is the order number."""
    for number, (customer, date, dollars) in enumerate(rows(path)):
        at = datetime(int(date[:4]), int(date[4:6]), int(date[6:]), 4, tzinfo=UTC)
        yield CustomerEvent(f"order-{number}", "purchase", f"wm{customer}", at, dollars)


def counted(path: Path) -> Counter[str]:
    """Return each customer's points under "+10 a purchase, +15 over 100", counted straight from the file."""
    points: Counter[str] = Counter()
    for customer, _, dollars in rows(path):
        points[f"wm{customer}"] += 25 if dollars > 100 else 10
    return points
