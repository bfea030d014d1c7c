"""What happens to customer groups: change_external_chat (92130)."""

from __future__ import annotations

import attrs

from privdom.wecom.callbacks.events._base import KnownEvent, field, ids, number


__all__ = [
    "GroupCreated",
    "GroupDismissed",
    "GroupEvent",
    "GroupJoined",
    "GroupLeft",
    "GroupNoticeChanged",
    "GroupOwnerChanged",
    "GroupRenamed",
    "GroupUpdated",
]


@attrs.frozen(kw_only=True)
class GroupEvent(KnownEvent):
    """Something happened to a customer group (change_external_chat); its data may lag by about 2 seconds."""

    chat_id: str = field("ChatId")


@attrs.frozen(kw_only=True)
class GroupCreated(GroupEvent):
    """A customer group came into being (create)."""


@attrs.frozen(kw_only=True)
class GroupUpdated(GroupEvent):
    """
    A customer group changed (update); comes as the class of its ``update_detail``, as itself where that is new.

    Attributes:
        update_detail: add_member, del_member, change_owner, change_name or change_notice.
        join_scene: of `GroupJoined`: 0 invited, 3 scanned the group's code; other numbers occur.
        quit_scene: of `GroupLeft`: 0 left, 1 was removed. WeCom may send one scene beside the other: mind only your own.
        mem_change_cnt: how many members changed.
        mem_change_list: who: userids and external_userids.
        last_mem_ver: the member version before; unless it is the one stored, an event was missed.
        cur_mem_ver: the member version after.
    """

    update_detail: str = field("UpdateDetail", default="")
    join_scene: int | None = field("JoinScene", number, default=None)
    quit_scene: int | None = field("QuitScene", number, default=None)
    mem_change_cnt: int | None = field("MemChangeCnt", number, default=None)
    mem_change_list: tuple[str, ...] = field("MemChangeList", ids, default=())
    last_mem_ver: str = field("LastMemVer", default="")
    cur_mem_ver: str = field("CurMemVer", default="")


@attrs.frozen(kw_only=True)
class GroupJoined(GroupUpdated):
    """People joined the group (add_member)."""


@attrs.frozen(kw_only=True)
class GroupLeft(GroupUpdated):
    """People left the group, or were removed (del_member)."""


@attrs.frozen(kw_only=True)
class GroupOwnerChanged(GroupUpdated):
    """The group has another owner (change_owner)."""


@attrs.frozen(kw_only=True)
class GroupRenamed(GroupUpdated):
    """The group has another name (change_name)."""


@attrs.frozen(kw_only=True)
class GroupNoticeChanged(GroupUpdated):
    """The group has another notice (change_notice)."""


@attrs.frozen(kw_only=True)
class GroupDismissed(GroupEvent):
    """The owner dissolved the customer group (dismiss)."""
