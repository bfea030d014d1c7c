"""Subjects: the customers that a domain module is to act on, wherever they are listed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import attrs

from sqlalchemy import Connection, Select

from privdom.errors import UsageError
from privdom.mirror.queries import facts as read_facts
from privdom.mirror.queries import follows
from privdom.store import sql


__all__ = ["Subject", "Subjects"]

_KEYS = ("staff_userid", "external_userid")
_PAGE = 1000


def _frozen(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(facts))


def _nothing() -> Mapping[str, Any]:
    return {}


@attrs.frozen
class Subject:
    """A customer, the staff who speaks to them, and what is known: facts by name, None where nothing is."""

    staff_userid: str
    external_userid: str
    facts: Mapping[str, Any] = attrs.field(factory=_nothing, converter=_frozen)


class _Source(Protocol):
    def __call__(self, conn: Connection, corp_id: str, names: Sequence[str]) -> Iterator[Subject]: ...


class Subjects:
    """
    Where the subjects of a plan come from: the mirror, a query of yours, or a list.

    ::

        Subjects.mirror(staff=["zhangsan"], facts=["tier.gmv"])
        Subjects.select(select(crm.c.owner.label("staff_userid"), crm.c.wx_id.label("external_userid"), crm.c.gmv))
        Subjects.rows([("zhangsan", "wmA", {"gmv": 120})])

    It holds no rows yet; `read` does, when a plan freezes them.
    """

    def __init__(self, source: _Source, facts: Sequence[str], describes: str) -> None:
        self._source = source
        self._describes = describes
        self.facts: tuple[str, ...] = tuple(facts)
        """The names of the facts that each subject brings."""

    @classmethod
    def mirror(cls, *, staff: Sequence[str] | None = None, facts: Sequence[str] = ()) -> Subjects:
        """
        Take the relations of the mirror, but for those that the customer has ended.

        Args:
            staff: Only the customers of these; None for all.
            facts: Names of facts to bring along, such as ``tier.gmv``.
        """

        def read(conn: Connection, corp_id: str, names: Sequence[str]) -> Iterator[Subject]:
            there = (one for one in follows(conn, corp_id, staff) if one.deleted_by_customer_at is None)
            for page in sql.chunks(there, _PAGE):
                known = read_facts(conn, corp_id, names, [one.external_userid for one in page]) if names else {}
                for one in page:
                    mine = known.get(one.external_userid, {})
                    yield Subject(one.staff_userid, one.external_userid, {name: mine.get(name) for name in names})

        whose = "all staff" if staff is None else f"{len(staff):,} staff"
        return cls(read, facts, f"mirror, customers of {whose}")

    @classmethod
    def select(cls, query: Select[*tuple[Any, ...]]) -> Subjects:
        """
        Take the rows of a query in the same database, a table of your own for instance.

        Args:
            query: Its columns ``staff_userid`` and ``external_userid`` together are unique; every other one is a fact.

        Raises:
            UsageError: One of these two columns is missing.
        """
        columns = list(query.selected_columns.keys())
        _refuse_missing([name for name in _KEYS if name not in columns], "the query")
        rows = query.subquery()
        keys = [rows.c[name] for name in _KEYS]
        extra = [name for name in columns if name not in _KEYS]

        def read(conn: Connection, corp_id: str, names: Sequence[str]) -> Iterator[Subject]:
            ordered = rows.select().with_only_columns(*keys, *(rows.c[name] for name in names))
            for page in sql.pages(conn, ordered, keys, _PAGE):
                for staff_userid, external_userid, *values in page:
                    yield Subject(staff_userid, external_userid, dict(zip(names, values, strict=True)))

        return cls(read, extra, "query")

    @classmethod
    def rows(cls, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Subjects:
        """
        Take a list of ``(staff_userid, external_userid, facts)``.

        Raises:
            UsageError: A row lacks a fact that another has, or an id, or stands there twice.
        """
        listed = [Subject(*row) for row in rows]
        names = list(dict.fromkeys(name for one in listed for name in one.facts))
        seen: defaultdict[tuple[str, str], int] = defaultdict(int)
        for number, one in enumerate(listed):
            _refuse_missing([key for key in _KEYS if not getattr(one, key)], f"row {number}")
            _refuse_missing([name for name in names if name not in one.facts], f"row {number}")
            seen[one.staff_userid, one.external_userid] += 1
        if repeated := sum(count > 1 for count in seen.values()):
            msg = f"{repeated} pairs of staff and customer are listed more than once: list each once"
            raise UsageError(msg)

        def read(conn: Connection, corp_id: str, names: Sequence[str]) -> Iterator[Subject]:
            yield from (attrs.evolve(one, facts={name: one.facts[name] for name in names}) for one in listed)

        return cls(read, names, f"list of {len(listed):,}")

    def read(self, conn: Connection, corp_id: str, needs: Sequence[str] = ()) -> Iterator[Subject]:
        """
        Yield the subjects as they are now, in pages, so that any number fits in memory.

        Args:
            needs: The facts that the caller goes by.

        Raises:
            UsageError: A fact of *needs* is not among `facts`.
        """
        _refuse_missing([name for name in needs if name not in self.facts], str(self))
        return self._source(conn, corp_id, self.facts)

    def __repr__(self) -> str:
        facts = f", facts {', '.join(self.facts)}" if self.facts else ""
        return f"<Subjects: {self._describes}{facts}>"


def _refuse_missing(names: Sequence[str], where: str) -> None:
    if names:
        msg = f"{where} lacks {', '.join(names)}: add it under this name"
        raise UsageError(msg)
