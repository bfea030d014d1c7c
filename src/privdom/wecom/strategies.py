"""Customer strategies (客户联系规则组): who manages which staff's customers, with which rights: WeCom documentation 94883."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _strategies, _values
from privdom.wecom._pages import follow_cursor
from privdom.wecom._strategies import (
    CreatedStrategy,
    DeleteStrategyRequest,
    GetStrategyRequest,
    ListStrategiesRequest,
    RangeNode,
    RangePage,
    RangeType,
    StrategyId,
    StrategyPage,
    StrategyRangeRequest,
)
from privdom.wecom._values import Done, Model
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncStrategies",
    "CreatedStrategy",
    "CustomerPrivilege",
    "CustomerStrategy",
    "CustomerStrategyAnswer",
    "DeleteStrategyRequest",
    "EditCustomerStrategyRequest",
    "GetStrategyRequest",
    "ListStrategiesRequest",
    "NewCustomerStrategy",
    "RangeNode",
    "RangePage",
    "RangeType",
    "Strategies",
    "StrategyId",
    "StrategyPage",
    "StrategyRangeRequest",
]

_BASIC = ("view_customer_list", "view_customer_data", "view_room_list", "contact_me", "join_room")


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class CustomerPrivilege(Model):
    """
    What the admins and staff of a customer strategy may do.

    None is what nobody told; in a new strategy WeCom takes it as true. The
    first five are basic rights, which cannot be withdrawn.
    """

    view_customer_list: bool | None = None
    view_customer_data: bool | None = None
    view_room_list: bool | None = None
    contact_me: bool | None = None
    join_room: bool | None = None
    share_customer: bool | None = None
    """Share customers with other staff."""
    oper_resign_customer: bool | None = None
    """Assign the customers of staff who resigned."""
    oper_resign_group: bool | None = None
    """Assign the groups of staff who resigned."""
    send_customer_msg: bool | None = None
    edit_welcome_msg: bool | None = None
    view_behavior_data: bool | None = None
    view_room_data: bool | None = None
    send_group_msg: bool | None = None
    room_deduplication: bool | None = None
    rapid_reply: bool | None = None
    onjob_customer_transfer: bool | None = None
    edit_anti_spam_rule: bool | None = None
    export_customer_list: bool | None = None
    export_customer_data: bool | None = None
    export_customer_group_list: bool | None = None
    manage_customer_tag: bool | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)

    def __attrs_post_init__(self) -> None:
        withdrawn = [name for name in _BASIC if getattr(self, name) is False]
        if withdrawn:
            msg = f"{', '.join(withdrawn)}: a basic right cannot be withdrawn: leave it out"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class CustomerStrategy(Model):
    """A customer strategy; `strategies.range` tells whom it covers."""

    strategy_id: int
    parent_id: int = 0
    """0 at the top."""
    strategy_name: str = ""
    create_time: datetime | None = None
    admin_list: tuple[str, ...] = ()
    privilege: CustomerPrivilege = attrs.Factory(CustomerPrivilege)
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CustomerStrategyAnswer(Model):
    """The strategy that was asked for."""

    strategy: CustomerStrategy
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False, kw_only=True)
class NewCustomerStrategy(Model):
    """
    A customer strategy to make.

    Args:
        strategy_name: how it is called.
        admin_list: 1 to 20 staff who manage it; a super admin of the corp cannot be one.
        range: 1 to 100 nodes; more are added with `strategies.edit`, up to 3,000 in all.
        parent_id: the strategy above it, none at the top. At most five levels; the range lies within the parent's,
            and the rights are the parent's.
        privilege: only at the top; WeCom's default for each right is true.
    """

    parent_id: int | None = None
    strategy_name: str
    admin_list: tuple[str, ...] = attrs.field(converter=_values.texts)
    privilege: CustomerPrivilege | None = None
    range: tuple[RangeNode, ...] = attrs.field(converter=_strategies.as_nodes)

    def __attrs_post_init__(self) -> None:
        _strategies.check_new(
            self.parent_id,
            self.strategy_name,
            self.admin_list,
            self.privilege,
            self.range,
            at_most=limits.STRATEGY_NODES_PER_CALL,
        )


@attrs.frozen(repr=False, weakref_slot=False)
class EditCustomerStrategyRequest(Model):
    """What to change of a customer strategy; None leaves it as it is."""

    strategy_id: int
    strategy_name: str | None = None
    admin_list: tuple[str, ...] | None = attrs.field(default=None, converter=_values.texts_or_none)
    privilege: CustomerPrivilege | None = None
    range_add: tuple[RangeNode, ...] = attrs.field(default=(), converter=_strategies.as_nodes)
    range_del: tuple[RangeNode, ...] = attrs.field(default=(), converter=_strategies.as_nodes)

    def __attrs_post_init__(self) -> None:
        _strategies.check_strategy_id(self.strategy_id)
        _strategies.check_edit(
            self.strategy_name,
            self.admin_list,
            self.privilege,
            self.range_add,
            self.range_del,
            at_most=limits.STRATEGY_NODES_PER_CALL,
            basic=_BASIC,
        )


class AsyncStrategies:
    """
    Customer strategies: who manages which staff's customers, with which rights.

    An app sees and manages only what it made itself. Every method raises what
    a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        # WeCom takes one create or edit at a time, and no second one beside it.
        self._turn = session.port.lock()

    async def list(self, *, cursor: str = "", limit: int = limits.STRATEGY_PAGE) -> StrategyPage:
        """
        Return a page of the ids of strategies (WeCom documentation 94883).

        Args:
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000.

        Raises:
            UsageError: A limit out of range.
        """
        return await self._session.call(endpoints.STRATEGY_LIST, ListStrategiesRequest(cursor, limit), StrategyPage)

    async def list_pages(
        self, *, cursor: str = "", limit: int = limits.STRATEGY_PAGE
    ) -> AsyncGenerator[StrategyPage, None]:
        """Yield every page of `list`, from *cursor* on, for callers that store pages and cursors together."""
        async with aclosing(follow_cursor(lambda at: self.list(cursor=at, limit=limit), cursor)) as pages:
            async for page in pages:
                yield page

    async def each(self, *, cursor: str = "") -> AsyncGenerator[int, None]:
        """
        Yield the id of every strategy (WeCom documentation 94883).

        Raises:
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.list_pages(cursor=cursor)) as pages:
            async for page in pages:
                for strategy in page.strategy:
                    yield strategy.strategy_id

    async def get(self, strategy_id: int) -> CustomerStrategy:
        """
        Return a strategy without its range (WeCom documentation 94883).

        Raises:
            UsageError: *strategy_id* is no id.
            BadRequest: There is no such strategy, or another app made it.
        """
        request = GetStrategyRequest(strategy_id)
        answer = await self._session.call(endpoints.STRATEGY_GET, request, CustomerStrategyAnswer)
        return answer.strategy

    async def range(self, strategy_id: int, *, cursor: str = "", limit: int = limits.STRATEGY_PAGE) -> RangePage:
        """
        Return a page of the staff and departments that a strategy covers (WeCom documentation 94883).

        Args:
            strategy_id: the strategy.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000.

        Raises:
            UsageError: A limit out of range, or *strategy_id* is no id.
            BadRequest: There is no such strategy.
        """
        request = StrategyRangeRequest(strategy_id, cursor, limit)
        return await self._session.call(endpoints.STRATEGY_RANGE, request, RangePage)

    async def range_pages(
        self, strategy_id: int, *, cursor: str = "", limit: int = limits.STRATEGY_PAGE
    ) -> AsyncGenerator[RangePage, None]:
        """Yield every page of `range`, from *cursor* on, for callers that store pages and cursors together."""

        def fetch(at: str) -> Coroutine[Any, Any, RangePage]:
            return self.range(strategy_id, cursor=at, limit=limit)

        async with aclosing(follow_cursor(fetch, cursor)) as pages:
            async for page in pages:
                yield page

    async def each_in_range(self, strategy_id: int, *, cursor: str = "") -> AsyncGenerator[RangeNode, None]:
        """
        Yield every staff and department that a strategy covers (WeCom documentation 94883).

        Raises:
            UsageError: *strategy_id* is no id.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.range_pages(strategy_id, cursor=cursor)) as pages:
            async for page in pages:
                for node in page.range:
                    yield node

    async def create(self, strategy: NewCustomerStrategy) -> CreatedStrategy:
        """
        Make a strategy (WeCom documentation 94883).

        WeCom takes no two creations or edits at once; those of one client wait for each other.

        Raises:
            MayHaveArrived: Look for the name with `each` and `get` before you repeat.
            BadRequest: Staff or a department is unknown (60111, 60003), or it is too deep.
            NoPermission: A node lies beyond the visible range, or outside the parent's (60030).
            Conflict: Another process writes at the same time (45035).
        """
        async with self._turn:
            return await self._session.call(endpoints.STRATEGY_CREATE, strategy, CreatedStrategy)

    async def edit(
        self,
        strategy_id: int,
        *,
        strategy_name: str | None = None,
        admin_list: Iterable[str] | None = None,
        privilege: CustomerPrivilege | None = None,
        range_add: Iterable[RangeNode] = (),
        range_del: Iterable[RangeNode] = (),
    ) -> None:
        """
        Change a strategy; None leaves a part as it is (WeCom documentation 94883).

        WeCom takes no two creations or edits at once; those of one client wait for each other.

        Args:
            strategy_id: a strategy that this app made.
            strategy_name: another name.
            admin_list: 1 to 20 staff, instead of those before.
            privilege: all rights, instead of those before: change what `get` tells with ``attrs.evolve``. Under a
                parent WeCom ignores it.
            range_add: nodes to add.
            range_del: nodes to take away; at most 100 together with those to add.

        Raises:
            UsageError: Nothing to change, too many nodes or admins, a right not told.
            BadRequest: There is no such strategy; staff or a department is unknown (60111, 60003).
            NoPermission: A node lies beyond the visible range, or outside the parent's (60030).
            Conflict: Another process writes at the same time (45035).
        """
        request = EditCustomerStrategyRequest(strategy_id, strategy_name, admin_list, privilege, range_add, range_del)
        async with self._turn:
            await self._session.call(endpoints.STRATEGY_EDIT, request, Done)

    async def delete(self, strategy_id: int) -> None:
        """
        Delete a strategy (WeCom documentation 94883).

        Raises:
            UsageError: *strategy_id* is no id.
            BadRequest: There is no such strategy, perhaps any more.
        """
        await self._session.call(endpoints.STRATEGY_DELETE, DeleteStrategyRequest(strategy_id), Done)

    def __repr__(self) -> str:
        return f"<AsyncStrategies of {self._session.corp_id}>"


class Strategies(Blocking[AsyncStrategies]):
    """Customer strategies: who manages which staff's customers, with which rights; `AsyncStrategies`, blocking."""

    list = blocking(AsyncStrategies.list)
    list_pages = blocking_iter(AsyncStrategies.list_pages)
    each = blocking_iter(AsyncStrategies.each)
    get = blocking(AsyncStrategies.get)
    range = blocking(AsyncStrategies.range)
    range_pages = blocking_iter(AsyncStrategies.range_pages)
    each_in_range = blocking_iter(AsyncStrategies.each_in_range)
    create = blocking(AsyncStrategies.create)
    edit = blocking(AsyncStrategies.edit)
    delete = blocking(AsyncStrategies.delete)
