"""What the mirror holds, as frozen values, and how WeCom's answers become them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from privdom.wecom.contacts import ExternalContact, FollowInfo, FollowUser
    from privdom.wecom.groups import GroupChat
    from privdom.wecom.staff import Staff as WireStaff
    from privdom.wecom.tags import TagGroup


__all__ = ["CorpTag", "Customer", "Follow", "Group", "Member", "Staff"]


def _hidden(text: str) -> str:
    return repr(text[:1] + "***" if text else "")


def _clean(text: str) -> str:
    # PostgreSQL takes every character that customers type into their names but this one.
    return text.replace("\0", "")


@attrs.frozen
class Customer:
    """A person outside the corp whom staff follow. ``type`` is 1 for a WeChat user, 2 for a WeCom user."""

    external_userid: str
    name: str = attrs.field(default="", repr=_hidden)
    type: int | None = None
    gender: int | None = None
    unionid: str = attrs.field(default="", repr=False)
    corp_name: str = ""

    @classmethod
    def of(cls, contact: ExternalContact) -> Customer:
        """Read WeCom's answer."""
        return cls(
            external_userid=contact.external_userid,
            name=_clean(contact.name),
            type=int(contact.type),
            gender=int(contact.gender),
            unionid=contact.unionid,
            corp_name=_clean(contact.corp_name),
        )


@attrs.frozen
class Follow:
    """
    That a staff follows a customer; remark and tags live here, on the pair.

    Attributes:
        state: the mark of the code or link that the customer came by.
        confirmed: False while the staff has not accepted the customer yet.
        deleted_by_customer_at: when the customer deleted the staff, who still sees the customer.
    """

    staff_userid: str
    external_userid: str
    created_at: datetime | None = None
    state: str = ""
    add_way: int | None = None
    remark: str = attrs.field(default="", repr=_hidden)
    description: str = attrs.field(default="", repr=_hidden)
    tag_ids: tuple[str, ...] = ()
    confirmed: bool = True
    deleted_by_customer_at: datetime | None = None

    @classmethod
    def of(cls, external_userid: str, info: FollowInfo | FollowUser, tag_ids: Iterable[str]) -> Follow:
        """Read one of WeCom's two answers; they tell tags differently. A personal tag has no id."""
        return cls(
            staff_userid=info.userid,
            external_userid=external_userid,
            created_at=info.createtime,
            state=_clean(info.state),
            add_way=int(info.add_way),
            remark=_clean(info.remark),
            description=_clean(info.description),
            tag_ids=tuple(sorted({tag_id for tag_id in tag_ids if tag_id})),
        )


@attrs.frozen
class Staff:
    """A member of the corp who may talk to customers. ``status`` is 1 for an active one, None if the app may not see it."""

    staff_userid: str
    name: str = attrs.field(default="", repr=_hidden)
    status: int | None = None

    @classmethod
    def of(cls, staff: WireStaff) -> Staff:
        """Read WeCom's answer."""
        return cls(staff.userid, _clean(staff.name), int(staff.status))


@attrs.frozen
class CorpTag:
    """A tag of the corp, and the group of tags that it belongs to."""

    tag_id: str
    name: str
    group_id: str
    group_name: str
    position: int = 0
    group_position: int = 0

    @classmethod
    def of(cls, groups: Iterable[TagGroup]) -> tuple[CorpTag, ...]:
        """Read WeCom's answer, which also tells of deleted tags."""
        return tuple(
            cls(tag.id, _clean(tag.name), group.group_id, _clean(group.group_name), tag.order, group.order)
            for group in groups
            for tag in group.tag
            if not group.deleted and not tag.deleted
        )


@attrs.frozen
class Member:
    """Somebody in a customer group: a staff (``type`` 1) or a person outside the corp (2)."""

    member_id: str
    type: int | None = None
    joined_at: datetime | None = None
    join_scene: int | None = None
    state: str = ""


@attrs.frozen
class Group:
    """A customer group."""

    chat_id: str
    name: str = ""
    owner: str = ""
    created_at: datetime | None = None
    member_version: str = ""
    members: tuple[Member, ...] = attrs.field(default=(), repr=lambda members: f"<{len(members)}>")

    @classmethod
    def of(cls, chat: GroupChat) -> Group:
        """Read WeCom's answer."""
        members = (
            Member(one.userid, int(one.type), one.join_time, int(one.join_scene), _clean(one.state))
            for one in chat.member_list
        )
        return cls(chat.chat_id, _clean(chat.name), chat.owner, chat.create_time, chat.member_version, tuple(members))
