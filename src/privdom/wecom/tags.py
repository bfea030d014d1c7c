"""Corp tags, and which of them stand on a staff's customer: WeCom documentation 92117, 92118."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._values import Done, Model
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AddTagsRequest",
    "AddedTags",
    "AsyncTags",
    "DeleteTagsRequest",
    "EditTagRequest",
    "ListTagsRequest",
    "MarkTagRequest",
    "NewTag",
    "Tag",
    "TagGroup",
    "TagGroups",
    "Tags",
]


@attrs.frozen(repr=False, weakref_slot=False)
class Tag(Model):
    """A corp tag (企业标签) or a strategy tag (规则组标签); greater ``order`` comes first."""

    id: str
    name: str = ""
    create_time: datetime | None = None
    order: int = 0
    deleted: bool | None = None
    """None where WeCom does not tell: only a question that names tags or groups lists deleted ones."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class TagGroup(Model):
    """A group of corp tags; greater ``order`` comes first."""

    group_id: str
    group_name: str = ""
    create_time: datetime | None = None
    order: int = 0
    deleted: bool | None = None
    """None where WeCom does not tell: only a question that names tags does."""
    tag: tuple[Tag, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class TagGroups(Model):
    """The corp tags, by group."""

    tag_group: tuple[TagGroup, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class AddedTags(Model):
    """The group with the tags that were made."""

    tag_group: TagGroup
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


def check_order(order: int | None) -> None:
    """Check where a tag or a group stands among the others."""
    _values.check_range(order, "order", 0, limits.TAG_ORDER_END - 1)


@attrs.frozen(repr=False, weakref_slot=False)
class NewTag(Model):
    """
    A tag to make.

    Args:
        name: 1 to 30 characters.
        order: 0 to 2**32 - 1; greater comes first.
    """

    name: str
    order: int | None = None

    def __attrs_post_init__(self) -> None:
        _values.check_chars(self.name, "name", limits.TAG_NAME_CHARS, at_least=1)
        check_order(self.order)


def new_tags(names: Iterable[str | NewTag]) -> tuple[NewTag, ...]:
    """Return tags to make, some of which are names only."""
    if isinstance(names, str):
        msg = "one name was given where a list is due: put it in brackets"
        raise UsageError(msg)
    return tuple(NewTag(name) if isinstance(name, str) else name for name in names)


def check_new_tags(tag: tuple[NewTag, ...], group_id: str | None, group_name: str | None, order: int | None) -> None:
    """Check tags to make, and the group they go to."""
    _values.check_count(tag, "names", at_least=1)
    if group_id is not None and (group_name is not None or order is not None):
        msg = "WeCom ignores group_name and order where group_id is given: leave them out, or call edit for the group"
        raise UsageError(msg)
    if group_id is None and group_name is None:
        msg = "the tags need a group: give group_id, or group_name for a new one"
        raise UsageError(msg)
    if group_id is not None:
        _values.text_id(group_id, "group_id")
    _values.check_chars(group_name, "group_name", limits.TAG_NAME_CHARS, at_least=1)
    check_order(order)


@attrs.frozen(repr=False, weakref_slot=False)
class ListTagsRequest(Model):
    """Which tags or groups to read; all, where neither is named."""

    tag_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    group_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        if self.tag_id and self.group_id:
            msg = "WeCom ignores tag_ids where group_ids are given: ask for one after the other"
            raise UsageError(msg)
        _values.ids(self.tag_id, "tag_ids")
        _values.ids(self.group_id, "group_ids")


@attrs.frozen(repr=False, weakref_slot=False)
class AddTagsRequest(Model):
    """
    Tags to make, in a group that exists (by id, or by name) or in a new one.

    Args:
        agentid: only for old suites with several apps; leave it out.
    """

    tag: tuple[NewTag, ...] = attrs.field(converter=new_tags)
    group_id: str | None = None
    group_name: str | None = None
    order: int | None = None
    agentid: int | None = None

    def __attrs_post_init__(self) -> None:
        check_new_tags(self.tag, self.group_id, self.group_name, self.order)


@attrs.frozen(repr=False, weakref_slot=False)
class EditTagRequest(Model):
    """
    Another name or order for a tag or a group; None leaves it as it is.

    Args:
        agentid: only for old suites with several apps; leave it out.
    """

    id: str
    name: str | None = None
    order: int | None = None
    agentid: int | None = None

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.id, "id")
        if self.name is None and self.order is None:
            msg = "there is nothing to change: give a name or an order"
            raise UsageError(msg)
        _values.check_chars(self.name, "name", limits.TAG_NAME_CHARS, at_least=1)
        check_order(self.order)


@attrs.frozen(repr=False, weakref_slot=False)
class DeleteTagsRequest(Model):
    """
    Which tags and whole groups to delete.

    Args:
        agentid: only for old suites with several apps; leave it out.
    """

    tag_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    group_id: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    agentid: int | None = None

    def __attrs_post_init__(self) -> None:
        _values.ids(self.tag_id, "tag_ids")
        _values.ids(self.group_id, "group_ids")
        if not self.tag_id and not self.group_id:
            msg = "there is nothing to delete: give tag_ids or group_ids"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class MarkTagRequest(Model):
    """Tags to put on a staff's customer, and tags to take off."""

    userid: str
    external_userid: str
    add_tag: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)
    remove_tag: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        _values.staff_id(self.userid)
        _values.customer_id(self.external_userid)
        _values.ids(self.add_tag, "add")
        _values.ids(self.remove_tag, "remove")
        if not self.add_tag and not self.remove_tag:
            msg = "there is nothing to mark: give tags to add or to remove"
            raise UsageError(msg)
        if not set(self.add_tag).isdisjoint(self.remove_tag):
            msg = "a tag stands both in add and in remove: leave it out of one"
            raise UsageError(msg)


class AsyncTags:
    """
    Corp tags (企业客户标签), and which of them stand on a staff's customer.

    An app edits and deletes only tags that it made itself; it reads and marks all.
    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, *, tag_ids: Iterable[str] = (), group_ids: Iterable[str] = ()) -> tuple[TagGroup, ...]:
        """
        Return the corp tags by group, all in one answer (WeCom documentation 92117).

        Args:
            tag_ids: only these, deleted ones included.
            group_ids: only these groups, with all their tags.

        Raises:
            UsageError: Both are given; WeCom would ignore the tags.
            BadRequest: An id does not exist (40068).
        """
        request = ListTagsRequest(tag_ids, group_ids)
        answer = await self._session.call(endpoints.TAG_LIST, request, TagGroups)
        return answer.tag_group

    async def add(
        self,
        names: Sequence[str | NewTag],
        *,
        group_id: str | None = None,
        group_name: str | None = None,
        order: int | None = None,
    ) -> TagGroup:
        """
        Make tags, and return their group with what was made (WeCom documentation 92117).

        A corp has at most 10,000 tags, and a name only once in a group.

        Args:
            names: at least one; each 1 to 30 characters.
            group_id: the group they go to.
            group_name: or the name of one, which is made if need be.
            order: of a new group, 0 to 2**32 - 1; greater comes first.

        Raises:
            UsageError: No names, a name too long, not exactly one of group_id and group_name.
            BadRequest: The name exists (40071), the group does not (40068), the corp is full (40126).
            MayHaveArrived: Look for the names with `list` before you repeat.
        """
        request = AddTagsRequest(names, group_id, group_name, order)
        answer = await self._session.call(endpoints.TAG_ADD, request, AddedTags)
        return answer.tag_group

    async def edit(self, id: str, *, name: str | None = None, order: int | None = None) -> None:  # noqa: A002 - WeCom's name
        """
        Give a tag or a group another name or order (WeCom documentation 92117).

        Args:
            id: of a tag or a group that this app made.
            name: 1 to 30 characters.
            order: 0 to 2**32 - 1; greater comes first.

        Raises:
            UsageError: Nothing to change, a name too long, an order out of range.
            BadRequest: Another one has the name (40071), or the id is unknown (40068).
            NoPermission: Another app made it (81011).
        """
        await self._session.call(endpoints.TAG_EDIT, EditTagRequest(id, name, order), Done)

    async def delete(self, *, tag_ids: Iterable[str] = (), group_ids: Iterable[str] = ()) -> None:
        """
        Delete tags and whole groups that this app made (WeCom documentation 92117).

        A group goes with its last tag.

        Args:
            tag_ids: tags, off every customer too.
            group_ids: whole groups, with all their tags.

        Raises:
            UsageError: Nothing to delete.
            BadRequest: An id is unknown (40068).
            NoPermission: Another app made it (81011).
        """
        await self._session.call(endpoints.TAG_DELETE, DeleteTagsRequest(tag_ids, group_ids), Done)

    async def mark(
        self, userid: str, external_userid: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> None:
        """
        Put tags on a staff's customer, and take tags off (WeCom documentation 92118).

        Tags stand on the pair of staff and customer, at most 3,000 of them. Strategy
        tags are for staff in the strategy's range only. WeCom sends no event for it.

        Args:
            userid: the staff.
            external_userid: a customer of that staff.
            add: tags to put on.
            remove: tags to take off.

        Raises:
            UsageError: Nothing to mark, a tag in both lists, an id of another kind.
            NotACustomer: The staff does not follow this customer (84061), or the id is another app's (40096).
            BadRequest: A tag is unknown (40068), or there are too many (40144).
            Conflict: Somebody else writes to the same pair (45035).
        """
        request = MarkTagRequest(userid, external_userid, add, remove)
        await self._session.call(endpoints.MARK_TAG, request, Done)

    def __repr__(self) -> str:
        return f"<AsyncTags of {self._session.corp_id}>"


class Tags(Blocking[AsyncTags]):
    """Corp tags, and which of them stand on a staff's customer; `AsyncTags`, blocking."""

    list = blocking(AsyncTags.list)
    add = blocking(AsyncTags.add)
    edit = blocking(AsyncTags.edit)
    delete = blocking(AsyncTags.delete)
    mark = blocking(AsyncTags.mark)
