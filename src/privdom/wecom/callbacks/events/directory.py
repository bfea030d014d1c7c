"""
What happens to the corp's own people, departments and tags of people: change_contact (90970, 90971, 90240).

They come to the contacts-sync assistant, to apps that a provider develops for the
corp, and to apps shared by an upstream corp; to no other. The assistant does not
hear of changes that it made by API itself.
"""

from __future__ import annotations

import attrs

from privdom.wecom.callbacks.events._base import (
    KnownEvent,
    Part,
    field,
    flags,
    hidden,
    ids,
    items,
    number,
    numbers,
    part,
)


__all__ = [
    "DepartmentCreated",
    "DepartmentDeleted",
    "DepartmentEvent",
    "DepartmentUpdated",
    "DirectoryEvent",
    "UserAttr",
    "UserAttrText",
    "UserAttrWeb",
    "UserCreated",
    "UserDeleted",
    "UserEvent",
    "UserTagUpdated",
    "UserUpdated",
]


@attrs.frozen(kw_only=True)
class UserAttrText(Part):
    """A text."""

    value: str = field("Value", default="", repr=hidden)


@attrs.frozen(kw_only=True)
class UserAttrWeb(Part):
    """A web page."""

    title: str = field("Title", default="", repr=hidden)
    url: str = field("Url", default="", repr=hidden)


@attrs.frozen(kw_only=True)
class UserAttr(Part):
    """
    One of the attributes that the corp defined itself.

    Attributes:
        name: what the corp calls it.
        type: 0 for ``text``, 1 for ``web``.
        text, web: its value; the other one is None.
    """

    name: str = field("Name", default="")
    type: int | None = field("Type", number, default=None)
    text: UserAttrText | None = field("Text", part(UserAttrText), default=None)
    web: UserAttrWeb | None = field("Web", part(UserAttrWeb), default=None)


@attrs.frozen(kw_only=True)
class DirectoryEvent(KnownEvent):
    """Something happened to the corp's own people, departments or their tags (change_contact)."""


@attrs.frozen(kw_only=True)
class UserEvent(DirectoryEvent):
    """Something happened to a staff, ``user_id``."""

    user_id: str = field("UserID")


@attrs.frozen(kw_only=True)
class _Described(UserEvent):
    """What WeCom tells of a staff's data."""

    name: str | None = field("Name", default=None, repr=hidden)
    department: tuple[int, ...] | None = field("Department", numbers, default=None)
    main_department: int | None = field("MainDepartment", number, default=None)
    is_leader_in_dept: tuple[bool, ...] | None = field("IsLeaderInDept", flags, default=None)
    direct_leader: tuple[str, ...] | None = field("DirectLeader", ids, default=None)
    position: str | None = field("Position", default=None)
    mobile: str | None = field("Mobile", default=None, repr=hidden)
    gender: int | None = field("Gender", number, default=None)
    email: str | None = field("Email", default=None, repr=hidden)
    biz_mail: str | None = field("BizMail", default=None, repr=hidden)
    status: int | None = field("Status", number, default=None)
    avatar: str | None = field("Avatar", default=None, repr=hidden)
    alias: str | None = field("Alias", default=None, repr=hidden)
    telephone: str | None = field("Telephone", default=None, repr=hidden)
    address: str | None = field("Address", default=None, repr=hidden)
    ext_attr: tuple[UserAttr, ...] | None = field("ExtAttr", items("Item", part(UserAttr)), default=None, repr=hidden)


@attrs.frozen(kw_only=True)
class UserCreated(_Described):
    """
    A staff was added to the corp (create_user, 90970).

    None stands where WeCom says nothing. Where the assistant's address was saved after 2022-08-15 only ``user_id``
    and ``department`` are told.

    Attributes:
        department: the departments that the app may see.
        main_department: the one they belong to in the first place.
        is_leader_in_dept: whether they lead each of ``department``, in its order.
        direct_leader: userids.
        gender: 0 unknown or not to be seen, 1 male, 2 female.
        status: 1 active, 2 disabled, 4 not activated, 5 left.
        ext_attr: what the corp defined itself.
    """


@attrs.frozen(kw_only=True)
class UserUpdated(_Described):
    """
    A staff's data changed (update_user, 90970).

    None stands for what did not change; the rest is as in `UserCreated`. Where the assistant's address was saved
    after 2022-08-15 it comes only for departments and userids.

    Attributes:
        new_user_id: the userid from now on, None if it stays; ``user_id`` is the one before.
        status: 4 also when somebody left the corp, or was enabled again without ever having been active.
    """

    new_user_id: str | None = field("NewUserID", also="NewUserId", default=None)


@attrs.frozen(kw_only=True)
class UserDeleted(UserEvent):
    """A staff was deleted; the customers are to be given to somebody (delete_user, 90970)."""


@attrs.frozen(kw_only=True)
class DepartmentEvent(DirectoryEvent):
    """Something happened to a department, ``id``."""

    id: int = field("Id", number)


@attrs.frozen(kw_only=True)
class DepartmentCreated(DepartmentEvent):
    """
    A department was created (create_party, 90971); None stands where WeCom says nothing.

    Attributes:
        parent_id: the department above it.
        order: its place among its siblings.
    """

    parent_id: int = field("ParentId", number)
    name: str | None = field("Name", default=None)
    order: int | None = field("Order", number, default=None)


@attrs.frozen(kw_only=True)
class DepartmentUpdated(DepartmentEvent):
    """A department was renamed or moved (update_party, 90971); None stands for what did not change."""

    name: str | None = field("Name", default=None)
    parent_id: int | None = field("ParentId", number, default=None)


@attrs.frozen(kw_only=True)
class DepartmentDeleted(DepartmentEvent):
    """A department was deleted (delete_party, 90971)."""


@attrs.frozen(kw_only=True)
class UserTagUpdated(DirectoryEvent):
    """
    A tag of staff, not of customers, is on others now (update_tag).

    Attributes:
        tag_id: the tag.
        add_user_items, del_user_items: userids that got it and lost it.
        add_party_items, del_party_items: departments that got it and lost it.
    """

    tag_id: int = field("TagId", number)
    add_user_items: tuple[str, ...] = field("AddUserItems", ids, default=())
    del_user_items: tuple[str, ...] = field("DelUserItems", ids, default=())
    add_party_items: tuple[int, ...] = field("AddPartyItems", numbers, default=())
    del_party_items: tuple[int, ...] = field("DelPartyItems", numbers, default=())
