"""What shall become of a unit: the outcome of a call or a look-up, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

import attrs

from privdom.outbox.units import ItemState, counted


__all__ = ["Confirm", "Done", "Doubt", "Item", "LookAgain", "Park", "Refuse", "Release", "Skip", "Verdict"]


@attrs.frozen
class Item:
    """What a call achieved for one subject."""

    state: ItemState
    code: int | None = None


@attrs.frozen
class Done:
    """
    What a call achieved.

    ``remote_id`` belongs to this call alone, or is None. Subjects that ``items``
    does not name were accepted like the call as a whole.
    """

    remote_id: str | None
    answer: str | None = attrs.field(repr=False)
    items: Mapping[str, Item] = attrs.field(factory=dict[str, Item], repr=counted)


@attrs.frozen
class Confirm:
    """WeCom has it."""

    done: Done
    twice: bool = False
    """Whether it has a second one too, which is to be taken back."""


@attrs.frozen
class Release:
    """It can be called again after *wait*: WeCom does not have it, or refuses a second one by itself."""

    wait: timedelta
    reason: str
    doubt: bool = False
    """Whether WeCom may have it."""


@attrs.frozen
class Refuse:
    """WeCom said no for good."""

    reason: str
    code: int | None = None


@attrs.frozen
class Doubt:
    """Its fate is unknown: stays in ``calling`` until the deadline, or is looked up after *look_after*."""

    reason: str
    look_after: timedelta | None = None


@attrs.frozen
class LookAgain:
    """No decision yet: look again after *wait*."""

    wait: timedelta
    reason: str
    absent: bool = False
    """A complete look-up found nothing."""
    failed: bool = False
    """The look-up itself failed."""


@attrs.frozen
class Park:
    """Nobody can tell by machine."""

    reason: str


@attrs.frozen
class Skip:
    """It is not called: nobody is left whom it may reach."""

    reason: str


Verdict: TypeAlias = Confirm | Release | Refuse | Doubt | LookAgain | Park | Skip
