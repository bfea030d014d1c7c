"""What strategies of customers and of moments share: ranges, admins, rights, pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import cast

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Model, OpenInt
from privdom.wecom.wire import NO_EXTRA, Extra


__all__ = [
    "CreatedStrategy",
    "DeleteStrategyRequest",
    "GetStrategyRequest",
    "ListStrategiesRequest",
    "RangeNode",
    "RangePage",
    "RangeType",
    "StrategyId",
    "StrategyPage",
    "StrategyRangeRequest",
    "as_nodes",
    "check_edit",
    "check_new",
    "check_strategy_id",
]

_GREATEST_ID = 2**32 - 1


class RangeType(OpenInt):
    """What a node of a range is."""

    STAFF = 1
    DEPARTMENT = 2


@attrs.frozen(repr=False, weakref_slot=False)
class RangeNode(Model):
    """
    A staff or a department in the range of a strategy.

    ``RangeNode.staff("zhangsan")`` and ``RangeNode.department(2)`` make them.
    """

    type: RangeType = attrs.field(converter=RangeType)
    userid: str = ""
    partyid: int | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.type, "type")
        if self.type is RangeType.STAFF:
            _values.staff_id(self.userid)
            if self.partyid is not None:
                msg = "a node is a staff or a department: make one of each"
                raise UsageError(msg)
            return
        if self.userid or self.partyid is None:
            msg = "a node for a department needs a partyid and no userid: make one with RangeNode.department"
            raise UsageError(msg)
        _values.check_range(self.partyid, "partyid", 1, _GREATEST_ID)

    @classmethod
    def staff(cls, userid: str) -> RangeNode:
        """Return the node of one staff."""
        return cls(RangeType.STAFF, userid)

    @classmethod
    def department(cls, partyid: int) -> RangeNode:
        """Return the node of one department."""
        return cls(RangeType.DEPARTMENT, partyid=partyid)


@attrs.frozen(repr=False, weakref_slot=False)
class StrategyId(Model):
    """A strategy, of which a list tells the id only."""

    strategy_id: int
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class StrategyPage(Model):
    """Up to 1,000 strategies; an empty ``next_cursor`` is the end."""

    strategy: tuple[StrategyId, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class RangePage(Model):
    """Up to 1,000 nodes of a strategy's range; an empty ``next_cursor`` is the end."""

    range: tuple[RangeNode, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CreatedStrategy(Model):
    """A new strategy."""

    strategy_id: int
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def check_strategy_id(value: int, name: str = "strategy_id") -> None:
    """Check the id of a strategy, a number from 1."""
    _values.check_range(value, name, 1, _GREATEST_ID)


def as_nodes(values: Iterable[RangeNode]) -> tuple[RangeNode, ...]:
    """Return nodes as a tuple; a single one is a slip."""
    if isinstance(values, Model):
        msg = "one node was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(values)


def _check_name(value: str) -> None:
    if not value:
        msg = "strategy_name is empty: give the strategy a name"
        raise UsageError(msg)


def _check_nodes(values: tuple[RangeNode, ...], name: str) -> None:
    if len(set(values)) != len(values):
        msg = f"{name} names the same node twice: give each once"
        raise UsageError(msg)


def check_new(
    parent_id: int | None,
    strategy_name: str,
    admin_list: tuple[str, ...],
    privilege: Model | None,
    nodes: tuple[RangeNode, ...],
    *,
    at_most: int,
) -> None:
    """Check a strategy to make, with at most so many nodes."""
    _values.check_range(parent_id, "parent_id", 0, _GREATEST_ID)
    if parent_id and privilege is not None:
        msg = "a strategy has the rights of its parent, and WeCom ignores others: leave privilege out"
        raise UsageError(msg)
    _check_name(strategy_name)
    _values.staff_ids(admin_list, "admin_list", at_least=1, at_most=limits.STRATEGY_ADMINS)
    _values.check_count(nodes, "range", at_least=1, at_most=at_most)
    _check_nodes(nodes, "range")


def _check_whole(privilege: Model, basic: Collection[str]) -> None:
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(privilege)))
    names = [a.name for a in fields if a.name != "extra" and a.name not in basic]
    missing = [name for name in names if getattr(privilege, name) is None]
    if missing:
        msg = (
            f"privilege does not tell {', '.join(missing)}: WeCom replaces all rights,"
            " so change what get tells with attrs.evolve, and give each of them"
        )
        raise UsageError(msg)


def check_edit(
    strategy_name: str | None,
    admin_list: tuple[str, ...] | None,
    privilege: Model | None,
    added: tuple[RangeNode, ...],
    removed: tuple[RangeNode, ...],
    *,
    at_most: int | None = None,
    basic: Collection[str] = (),
) -> None:
    """Check a change of a strategy, with at most so many nodes in one call; *basic* rights need not be told."""
    if strategy_name is None and admin_list is None and privilege is None and not added and not removed:
        msg = "there is nothing to change: give a name, admins, rights or nodes"
        raise UsageError(msg)
    if strategy_name is not None:
        _check_name(strategy_name)
    if admin_list is not None:
        _values.staff_ids(admin_list, "admin_list", at_least=1, at_most=limits.STRATEGY_ADMINS)
    if privilege is not None:
        _check_whole(privilege, basic)
    _values.check_count(added, "range_add", at_most=limits.STRATEGY_NODES)
    _values.check_count(removed, "range_del", at_most=limits.STRATEGY_NODES)
    _values.check_count((*added, *removed), "range_add and range_del", at_most=at_most)
    _check_nodes(added, "range_add")
    _check_nodes(removed, "range_del")
    if not set(added).isdisjoint(removed):
        msg = "a node stands both in range_add and in range_del: leave it out of one"
        raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class ListStrategiesRequest(Model):
    """Which page of strategies to read."""

    cursor: str = ""
    limit: int = limits.STRATEGY_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.limit, "limit", 1, limits.STRATEGY_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class GetStrategyRequest(Model):
    """Which strategy to read."""

    strategy_id: int

    def __attrs_post_init__(self) -> None:
        check_strategy_id(self.strategy_id)


@attrs.frozen(repr=False, weakref_slot=False)
class StrategyRangeRequest(Model):
    """Of which strategy to read a page of the range."""

    strategy_id: int
    cursor: str = ""
    limit: int = limits.STRATEGY_PAGE

    def __attrs_post_init__(self) -> None:
        check_strategy_id(self.strategy_id)
        _values.check_range(self.limit, "limit", 1, limits.STRATEGY_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteStrategyRequest(Model):
    """Which strategy to delete."""

    strategy_id: int

    def __attrs_post_init__(self) -> None:
        check_strategy_id(self.strategy_id)
