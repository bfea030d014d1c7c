"""Strategy tags (规则组标签), which only the staff in a customer strategy's range can use: WeCom documentation 94882."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._strategies import check_strategy_id
from privdom.wecom._values import Done, Model
from privdom.wecom.tags import NewTag, Tag, check_new_tags, check_order, new_tags
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AddStrategyTagsRequest",
    "AddedStrategyTags",
    "AsyncStrategyTags",
    "DeleteStrategyTagsRequest",
    "EditStrategyTagRequest",
    "ListStrategyTagsRequest",
    "StrategyTagGroup",
    "StrategyTagGroups",
    "StrategyTags",
]


@attrs.frozen(repr=False, weakref_slot=False)
class StrategyTagGroup(Model):
    """A group of tags of one strategy; greater ``order`` comes first."""

    group_id: str
    group_name: str = ""
    create_time: datetime | None = None
    order: int = 0
    strategy_id: int | None = None
    """None where WeCom does not tell: only a list does."""
    tag: tuple[Tag, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class StrategyTagGroups(Model):
    """The strategy tags, by group."""

    tag_group: tuple[StrategyTagGroup, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class AddedStrategyTags(Model):
    """The group with the tags that were made."""

    tag_group: StrategyTagGroup
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ListStrategyTagsRequest(Model):
    """Of which strategy to read the tags, and which of them; all, where nothing is named."""

    strategy_id: int | None = None
    tag_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    group_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        if self.strategy_id is not None:
            check_strategy_id(self.strategy_id)
        if self.tag_id and self.group_id:
            msg = "WeCom ignores tag_ids where group_ids are given: ask for one after the other"
            raise UsageError(msg)
        _values.ids(self.tag_id, "tag_ids")
        _values.ids(self.group_id, "group_ids")


@attrs.frozen(repr=False, weakref_slot=False)
class AddStrategyTagsRequest(Model):
    """Tags to make under a strategy, in a group that exists (by id, or by name) or in a new one."""

    strategy_id: int
    tag: tuple[NewTag, ...] = attrs.field(converter=new_tags)
    group_id: str | None = None
    group_name: str | None = None
    order: int | None = None

    def __attrs_post_init__(self) -> None:
        check_strategy_id(self.strategy_id)
        check_new_tags(self.tag, self.group_id, self.group_name, self.order)


@attrs.frozen(repr=False, weakref_slot=False)
class EditStrategyTagRequest(Model):
    """Another name or order for a tag or a group; None leaves it as it is."""

    id: str
    name: str | None = None
    order: int | None = None

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.id, "id")
        if self.name is None and self.order is None:
            msg = "there is nothing to change: give a name or an order"
            raise UsageError(msg)
        _values.check_chars(self.name, "name", limits.TAG_NAME_CHARS, at_least=1)
        check_order(self.order)


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteStrategyTagsRequest(Model):
    """Which tags and whole groups to delete."""

    tag_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    group_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        _values.ids(self.tag_id, "tag_ids")
        _values.ids(self.group_id, "group_ids")
        if not self.tag_id and not self.group_id:
            msg = "there is nothing to delete: give tag_ids or group_ids"
            raise UsageError(msg)


class AsyncStrategyTags:
    """
    Strategy tags, which only the staff in a customer strategy's range can use.

    `tags.mark` puts them on customers. An app sees and manages only what it
    made itself. Every method raises what a call can raise: `NotSent`,
    `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(
        self, strategy_id: int | None = None, *, tag_ids: Iterable[str] = (), group_ids: Iterable[str] = ()
    ) -> tuple[StrategyTagGroup, ...]:
        """
        Return the tags of a strategy by group, all in one answer (WeCom documentation 94882).

        Args:
            strategy_id: only of this strategy; by default of all.
            tag_ids: only these.
            group_ids: only these groups, with all their tags.

        Raises:
            UsageError: Tags and groups are given; WeCom would ignore the tags.
            BadRequest: An id does not exist (40068).
        """
        request = ListStrategyTagsRequest(strategy_id, tag_ids, group_ids)
        answer = await self._session.call(endpoints.STRATEGY_TAG_LIST, request, StrategyTagGroups)
        return answer.tag_group

    async def add(
        self,
        strategy_id: int,
        names: Sequence[str | NewTag],
        *,
        group_id: str | None = None,
        group_name: str | None = None,
        order: int | None = None,
    ) -> StrategyTagGroup:
        """
        Make tags under a strategy, and return their group with what was made (WeCom documentation 94882).

        A corp has at most 10,000 tags, corp tags included, and a name only once in a group.

        Args:
            strategy_id: a strategy at the top, without a parent.
            names: at least one; each 1 to 30 characters.
            group_id: the group they go to.
            group_name: or the name of one of this strategy, which is made if need be.
            order: of a new group, 0 to 2**32 - 1; greater comes first.

        Raises:
            UsageError: No names, a name too long, not exactly one of group_id and group_name.
            BadRequest: The strategy has a parent, the name exists (40071), the group does not (40068), the corp is
                full (40126).
            MayHaveArrived: Look for the names with `list` before you repeat.
        """
        request = AddStrategyTagsRequest(strategy_id, names, group_id, group_name, order)
        answer = await self._session.call(endpoints.STRATEGY_TAG_ADD, request, AddedStrategyTags)
        return answer.tag_group

    async def edit(self, id: str, *, name: str | None = None, order: int | None = None) -> None:  # noqa: A002 - WeCom's name
        """
        Give a tag or a group another name or order; its strategy stays (WeCom documentation 94882).

        Args:
            id: of a tag or a group that this app made.
            name: 1 to 30 characters.
            order: 0 to 2**32 - 1; greater comes first.

        Raises:
            UsageError: Nothing to change, a name too long, an order out of range.
            BadRequest: Another one has the name (40071), or the id is unknown (40068).
        """
        await self._session.call(endpoints.STRATEGY_TAG_EDIT, EditStrategyTagRequest(id, name, order), Done)

    async def delete(self, *, tag_ids: Iterable[str] = (), group_ids: Iterable[str] = ()) -> None:
        """
        Delete tags and whole groups (WeCom documentation 94882).

        A group goes with its last tag.

        Raises:
            UsageError: Nothing to delete.
            BadRequest: An id is unknown (40068).
        """
        await self._session.call(endpoints.STRATEGY_TAG_DELETE, DeleteStrategyTagsRequest(tag_ids, group_ids), Done)

    def __repr__(self) -> str:
        return f"<AsyncStrategyTags of {self._session.corp_id}>"


class StrategyTags(Blocking[AsyncStrategyTags]):
    """Strategy tags, which only the staff in a customer strategy's range can use; `AsyncStrategyTags`, blocking."""

    list = blocking(AsyncStrategyTags.list)
    add = blocking(AsyncStrategyTags.add)
    edit = blocking(AsyncStrategyTags.edit)
    delete = blocking(AsyncStrategyTags.delete)
