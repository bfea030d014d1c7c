"""Customer groups (客户群) and their members: WeCom documentation 92120, 92122, 94822, 95703, 92127."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking, blocking_iter
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._pages import blocks, follow_cursor
from privdom.wecom._values import Model, OpenInt, masked_name, personal
from privdom.wecom.wire import NO_EXTRA, Extra


if TYPE_CHECKING:
    from privdom.wecom.session import Session


__all__ = [
    "AsyncGroups",
    "FailedGroup",
    "GetGroupRequest",
    "GroupAdmin",
    "GroupAnswer",
    "GroupByOpengidRequest",
    "GroupChat",
    "GroupFilter",
    "GroupId",
    "GroupInvitor",
    "GroupMember",
    "GroupPage",
    "GroupStatus",
    "GroupSummary",
    "Groups",
    "GroupsTransferred",
    "JoinScene",
    "ListGroupsRequest",
    "MemberType",
    "OwnerFilter",
    "TransferGroupsRequest",
]


class GroupStatus(OpenInt):
    """Whether a group has an owner who still works here."""

    OWNER_ACTIVE = 0
    OWNER_RESIGNED = 1
    HANDOVER_RUNNING = 2
    HANDOVER_DONE = 3


class GroupFilter(OpenInt):
    """Which groups to list."""

    ALL = 0
    OWNER_RESIGNED = 1
    HANDOVER_RUNNING = 2
    HANDOVER_DONE = 3


class MemberType(OpenInt):
    """Whether a member belongs to the corp; tells what its ``userid`` is."""

    UNKNOWN = 0
    STAFF = 1
    CUSTOMER = 2


class JoinScene(OpenInt):
    """How a member came into a group."""

    UNKNOWN = 0
    INVITED_BY_STAFF = 1
    INVITE_LINK = 2
    SCANNED_QR_CODE = 3


@attrs.frozen(repr=False, weakref_slot=False)
class GroupSummary(Model):
    """A group in a list."""

    chat_id: str
    status: GroupStatus = GroupStatus.OWNER_ACTIVE
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupPage(Model):
    """Up to 1,000 groups; an empty ``next_cursor`` is the end."""

    group_chat_list: tuple[GroupSummary, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupInvitor(Model):
    """The staff who invited a member."""

    userid: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupMember(Model):
    """A member of a group."""

    userid: str
    """A staff's userid, or the external_userid of anybody else; ``type`` tells."""
    type: MemberType = MemberType.UNKNOWN
    unionid: str = personal()
    join_time: datetime | None = None
    join_scene: JoinScene = JoinScene.UNKNOWN
    invitor: GroupInvitor | None = None
    """Only where a staff invited them."""
    group_nickname: str = personal(show=masked_name)
    name: str = personal(show=masked_name)
    """Only where names were asked for."""
    state: str = ""
    """The ``state`` of the join way (加入群聊) they came through (92229)."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupAdmin(Model):
    """A staff who administers a group."""

    userid: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupChat(Model):
    """A group with its members."""

    chat_id: str
    name: str = ""
    """Empty for a group that nobody named."""
    owner: str = ""
    create_time: datetime | None = None
    notice: str = ""
    member_list: tuple[GroupMember, ...] = ()
    admin_list: tuple[GroupAdmin, ...] = ()
    member_version: str = ""
    """Changes with the members, and stands in the events of a group too."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupAnswer(Model):
    """The group that was asked for."""

    group_chat: GroupChat
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupId(Model):
    """The group that a mini program was opened in."""

    chat_id: str
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class OwnerFilter(Model):
    """Only the groups of these owners, at most 100."""

    userid_list: tuple[str, ...] = attrs.field(default=(), converter=_values.texts)

    def __attrs_post_init__(self) -> None:
        _values.staff_ids(self.userid_list, "owners", at_least=1, at_most=limits.GROUP_OWNERS)


@attrs.frozen(repr=False, weakref_slot=False)
class ListGroupsRequest(Model):
    """Which groups to list, 1 to 1,000 a page."""

    status_filter: GroupFilter = attrs.field(default=GroupFilter.ALL, converter=GroupFilter)
    owner_filter: OwnerFilter | None = None
    cursor: str = ""
    limit: int = limits.GROUP_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_choice(self.status_filter, "status")
        _values.check_range(self.limit, "limit", 1, limits.GROUP_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class GetGroupRequest(Model):
    """Which group to read; ``need_name`` is 1 for the names of members."""

    chat_id: str
    need_name: int = 0

    def __attrs_post_init__(self) -> None:
        _values.chat_id(self.chat_id)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupByOpengidRequest(Model):
    """In which group a mini program was opened."""

    opengid: str

    def __attrs_post_init__(self) -> None:
        _values.text_id(self.opengid, "opengid")
        if self.opengid.startswith("wr"):
            msg = "opengid looks like a chat_id already: give what wx.getGroupEnterInfo told the mini program"
            raise UsageError(msg)


@attrs.frozen(repr=False, weakref_slot=False)
class TransferGroupsRequest(Model):
    """1 to 100 groups, and the staff who shall own them."""

    chat_id_list: tuple[str, ...] = attrs.field(converter=_values.texts)
    new_owner: str

    def __attrs_post_init__(self) -> None:
        _values.ids(self.chat_id_list, "chat_ids", _values.chat_id, at_least=1, at_most=limits.TRANSFER_GROUPS)
        _values.staff_id(self.new_owner, "new_owner")


@attrs.frozen(repr=False, weakref_slot=False)
class FailedGroup(Model):
    """
    A group that keeps its owner, and why.

    49008 (dissolved), 90500 (the owner has not left) or 90502 (has left), 90501
    (no customer group), 90503 (full, to be confirmed in the client), 90504 (the
    owner would not change), 90507 or 90508 (on its way to another owner, or there) ...
    """

    chat_id: str
    errcode: int
    errmsg: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class GroupsTransferred(Model):
    """The groups that keep their owner; all others have the new one."""

    failed_chat_list: tuple[FailedGroup, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


class AsyncGroups:
    """
    Customer groups (客户群) and their members.

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(
        self,
        *,
        owners: Sequence[str] = (),
        status: GroupFilter = GroupFilter.ALL,
        cursor: str = "",
        limit: int = limits.GROUP_PAGE,
    ) -> GroupPage:
        """
        Return a page of groups (WeCom documentation 92120).

        Args:
            owners: only theirs, at most 100; by default of every owner in the app's visible range. Groups
                of owners who have left are listed only where the owner is named.
            status: only groups in this state.
            cursor: the ``next_cursor`` of the page before.
            limit: 1 to 1,000.

        Raises:
            UsageError: Too many owners, a limit out of range.
            Refused: No owners were named, and more than 1,000 staff are visible (81017): name them.
        """
        owner_filter = OwnerFilter(owners) if owners else None
        request = ListGroupsRequest(status, owner_filter, cursor, limit)
        return await self._session.call(endpoints.GROUP_LIST, request, GroupPage)

    async def list_pages(
        self,
        *,
        owners: Sequence[str] = (),
        status: GroupFilter = GroupFilter.ALL,
        cursor: str = "",
        limit: int = limits.GROUP_PAGE,
    ) -> AsyncGenerator[GroupPage, None]:
        """
        Yield every page of `list`, from *cursor* on, for callers that store pages and cursors together.

        Any number of owners, asked for in blocks of 100. A cursor belongs to its
        block: to resume, leave out the owners of the blocks whose last page has come.

        Raises:
            UsageError: An id of another kind, an owner named twice, a limit out of range.
            Refused: No owners were named, and more than 1,000 staff are visible (81017): name them.
            CursorLoop: WeCom sent a cursor twice.
        """
        for block in blocks(owners, limits.GROUP_OWNERS) if owners else [()]:
            async with aclosing(follow_cursor(self._list_of(block, status, limit), cursor)) as pages:
                async for page in pages:
                    yield page
            cursor = ""

    def _list_of(
        self, owners: Sequence[str], status: GroupFilter, limit: int
    ) -> Callable[[str], Coroutine[Any, Any, GroupPage]]:
        return lambda cursor: self.list(owners=owners, status=status, cursor=cursor, limit=limit)

    async def each(
        self, *, owners: Sequence[str] = (), status: GroupFilter = GroupFilter.ALL, cursor: str = ""
    ) -> AsyncGenerator[GroupSummary, None]:
        """
        Yield every group, of any number of owners (WeCom documentation 92120).

        Raises:
            UsageError: An id of another kind, an owner named twice.
            Refused: No owners were named, and more than 1,000 staff are visible (81017): name them.
            CursorLoop: WeCom sent a cursor twice.
        """
        async with aclosing(self.list_pages(owners=owners, status=status, cursor=cursor)) as pages:
            async for page in pages:
                for group in page.group_chat_list:
                    yield group

    async def get(self, chat_id: str, *, need_name: bool = False) -> GroupChat:
        """
        Return a group with its members (WeCom documentation 92122).

        After an event wait some two seconds: WeCom takes a while to tell what has changed.

        Args:
            chat_id: the group, ``wr...``.
            need_name: the names of members too.

        Raises:
            UsageError: *chat_id* is not the id of a group.
            Refused: There is no such customer group (40050, 90501, 49008), or its owner is not visible.
        """
        request = GetGroupRequest(chat_id, int(need_name))
        answer = await self._session.call(endpoints.GROUP_GET, request, GroupAnswer)
        return answer.group_chat

    async def chat_id_of(self, opengid: str) -> str:
        """
        Return the group in which a mini program was opened (WeCom documentation 94822).

        Only for customer groups of this corp, whose owner is in the app's visible range.

        Args:
            opengid: what ``wx.getGroupEnterInfo`` told the mini program.

        Raises:
            UsageError: *opengid* is empty or a chat_id.
            Refused: It is unknown (90511), of a group that is no customer group (90509) ...
        """
        answer = await self._session.call(endpoints.GROUP_BY_OPENGID, GroupByOpengidRequest(opengid), GroupId)
        return answer.chat_id

    async def transfer(self, chat_ids: Iterable[str], new_owner: str) -> GroupsTransferred:
        """
        Give groups of serving owners to another staff (WeCom documentation 95703).

        A group can be given twice in 90 days, and 300 groups of one owner a
        day. Customers are not asked. Whether it happens at once is documented
        nowhere. Both staff must have logged in within a year.

        Args:
            chat_ids: 1 to 100 groups.
            new_owner: the staff who takes over, verified and in the app's visible range.

        Returns:
            The groups that stay as they are, each with an errcode; WeCom answers 0 even if that is all of them.

        Raises:
            UsageError: Too many groups, an id of another kind.
            MayHaveArrived: Read the ``owner`` of each group with `get` before you repeat.
            Refused: For all of them: not verified (40098), not logged in for a year (40205) ...
        """
        request = TransferGroupsRequest(chat_ids, new_owner)
        return await self._session.call(endpoints.GROUP_TRANSFER, request, GroupsTransferred)

    async def transfer_resigned(self, chat_ids: Iterable[str], new_owner: str) -> GroupsTransferred:
        """
        Give groups whose owners have left the corp to another staff (WeCom documentation 92127).

        300 groups of one owner a day, within a year after they left. Customers
        are not asked. It may take a while: `list` with the owner's name shows how
        far each group is.

        Args:
            chat_ids: 1 to 100 groups.
            new_owner: the staff who takes over, verified, in the app's visible range, and logged in within a year.

        Returns:
            The groups that stay as they are, each with an errcode; WeCom answers 0 even if that is all of them.

        Raises:
            UsageError: Too many groups, an id of another kind.
            MayHaveArrived: Read the ``owner`` of each group with `get` before you repeat.
            Refused: For all of them: not verified (40098), not logged in for a year (40205) ...
        """
        request = TransferGroupsRequest(chat_ids, new_owner)
        return await self._session.call(endpoints.GROUP_TRANSFER_RESIGNED, request, GroupsTransferred)

    def __repr__(self) -> str:
        return f"<AsyncGroups of {self._session.corp_id}>"


class Groups(Blocking[AsyncGroups]):
    """Customer groups and their members; `AsyncGroups`, blocking."""

    list = blocking(AsyncGroups.list)
    list_pages = blocking_iter(AsyncGroups.list_pages)
    each = blocking_iter(AsyncGroups.each)
    get = blocking(AsyncGroups.get)
    chat_id_of = blocking(AsyncGroups.chat_id_of)
    transfer = blocking(AsyncGroups.transfer)
    transfer_resigned = blocking(AsyncGroups.transfer_resigned)
