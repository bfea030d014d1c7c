"""Tags that several owners want and no longer want, while staff tag by hand."""

from __future__ import annotations

from sqlalchemy import Connection

from privdom.outbox import AsyncDesiredTags
from tests.simulation.orders import Corp


__all__ = ["Wishes"]


class Wishes:
    """What two owners want of one relation, step by step, and what must be there in the end."""

    def __init__(self, corp: Corp) -> None:
        self._corp = corp
        self._customer = corp.customers["zhang"][1]
        made = corp.ask("add_corp_tag", group_name="意向", tag=[{"name": name} for name in "甲乙丙"])
        self._a, self._b, self._c = (tag["id"] for tag in made["tag_group"]["tag"])
        corp.box.staff_edits_customer("zhang", self._customer, add_tags=[self._c])
        # Each by one owner; counted in the transaction that stores it, as a host would keep a cursor.
        self._steps = (
            ("crm", {self._a: True, self._b: True}),
            ("shop", {self._a: True}),
            ("crm", {self._a: False, self._b: False}),
            ("crm", {self._b: True}),
            ("shop", {self._a: False}),
        )
        self.taken = 0

    @property
    def all_taken(self) -> bool:
        """Whether there is no further step."""
        return self.taken == len(self._steps)

    def take(self, conn: Connection, tags: AsyncDesiredTags) -> None:
        """Take the next step."""
        owner, wanted = self._steps[self.taken]
        changes = [("zhang", self._customer, tag, present) for tag, present in wanted.items()]
        tags.want(conn, self._corp.box.corp_id, owner, changes)
        self.taken += 1

    def faults(self) -> list[str]:
        """Return what is wrong in the end: one owner wants the second tag, and staff have put the third on."""
        names = {self._a: "甲", self._b: "乙", self._c: "丙"}
        there = {names[tag] for tag in self._corp.box._world.state.customers[self._customer].follows["zhang"].tags}
        return [] if there == {"乙", "丙"} else [f"the tags are {sorted(there)} in the end"]
