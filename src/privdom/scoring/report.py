"""What scoring answers: entries, balances and counts, made to be read in a REPL."""

from __future__ import annotations

from datetime import datetime

import attrs


__all__ = ["Balance", "Entry", "LedgerCheck", "ScoreReport"]


@attrs.frozen
class Entry:
    """
    One line of the ledger; it never changes.

    Attributes:
        id: Its number.
        external_userid: Whose points these are.
        rule: The rule that gave them.
        source_event: The id of the event they are for.
        points: How many; less than nothing where they were taken away.
        at: When the event took place, or the entry was reversed.
        reason: Why it was reversed; empty for entries that rules made.
        reverses: The number of the entry that this one takes back, or None.
    """

    id: int
    external_userid: str
    rule: str
    source_event: str
    points: int
    at: datetime
    reason: str = ""
    reverses: int | None = None


@attrs.frozen
class Balance:
    """What a customer has now."""

    external_userid: str
    points: int


@attrs.frozen(repr=False)
class ScoreReport:
    """
    What `record` did.

    Attributes:
        account: The account.
        events: Events that were told.
        new: Entries written to the ledger.
        known: Entries that were there already: their events had been told before.
        capped: Entries that a rule's limit kept out.
        points: The sum of the new entries.
        crossed: Customers times thresholds reached for the first time.
    """

    account: str
    events: int = 0
    new: int = 0
    known: int = 0
    capped: int = 0
    points: int = 0
    crossed: int = 0

    def __add__(self, other: ScoreReport) -> ScoreReport:
        return ScoreReport(
            self.account,
            self.events + other.events,
            self.new + other.new,
            self.known + other.known,
            self.capped + other.capped,
            self.points + other.points,
            self.crossed + other.crossed,
        )

    def __repr__(self) -> str:
        rows = [
            ("events", self.events, "told"),
            ("new", self.new, "entries written"),
            ("known", self.known, "entries that were there already"),
            ("capped", self.capped, "entries kept out by a limit"),
            ("points", self.points, "given in all"),
            ("crossed", self.crossed, "thresholds reached for the first time"),
        ]
        lines = [f"  {name:<8}{count:>13,}  {what}" for name, count, what in rows]
        return "\n".join([f"ScoreReport of {self.account!r}", *lines])


@attrs.frozen(repr=False)
class LedgerCheck:
    """
    Whether the balances are what the ledger adds up to.

    Attributes:
        account: The account.
        customers: How many customers have entries or a balance.
        points: What the ledger adds up to in all.
        off: Where the two differ: customer, sum of the ledger, balance.
    """

    account: str
    customers: int
    points: int
    off: tuple[tuple[str, int, int], ...]

    @property
    def ok(self) -> bool:
        """Whether they agree for every customer."""
        return not self.off

    def __repr__(self) -> str:
        head = f"LedgerCheck of {self.account!r}: {self.customers:,} customers, {self.points:,} points, "
        if self.ok:
            return head + "balances agree"
        lines = [f"  {who}: ledger {ledger:,}, balance {balance:,}" for who, ledger, balance in self.off[:10]]
        more = [f"  ... and {len(self.off) - 10:,} more"] if len(self.off) > 10 else []
        return "\n".join([head + f"{len(self.off):,} off", *lines, *more])
