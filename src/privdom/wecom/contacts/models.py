"""Customers, the staff who follow them, and what is asked of WeCom about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from privdom._facts import limits
from privdom.errors import UsageError
from privdom.wecom import _values
from privdom.wecom._profile import ExternalProfile
from privdom.wecom._values import Model, OpenInt, masked_name, personal
from privdom.wecom.wire import NO_EXTRA, Extra


__all__ = [
    "AddWay",
    "BatchContactsRequest",
    "BatchPage",
    "ChannelsSource",
    "ContactFollow",
    "ContactType",
    "CustomerIds",
    "CustomerPage",
    "ExternalContact",
    "FailInfo",
    "FollowInfo",
    "FollowTag",
    "FollowUser",
    "Gender",
    "GetContactRequest",
    "ListContactsRequest",
    "RemarkRequest",
    "ServedContact",
    "ServedContactsRequest",
    "ServedPage",
    "SubscriberInfo",
    "TagType",
    "WechatChannels",
]


class ContactType(OpenInt):
    """Where a customer lives."""

    UNKNOWN = 0
    WECHAT = 1
    WECOM = 2


class Gender(OpenInt):
    """0 also where the app may not see it."""

    UNKNOWN = 0
    MALE = 1
    FEMALE = 2


class AddWay(OpenInt):
    """How a customer and a staff met."""

    UNKNOWN = 0
    SCANNED_QR_CODE = 1
    SEARCHED_PHONE = 2
    CARD_SHARED = 3
    GROUP_CHAT = 4
    PHONE_ADDRESS_BOOK = 5
    WECHAT_CONTACT = 6
    INSTALLED_APP = 8
    SEARCHED_EMAIL = 9
    WECHAT_CHANNELS = 10
    SCHEDULE_PARTICIPANT = 11
    MEETING_PARTICIPANT = 12
    WECHAT_FRIEND_ON_WECOM = 13
    SMART_HARDWARE = 14
    ON_SITE_SERVICE = 15
    ACQUISITION_LINK = 16
    CUSTOM_DEVELOPMENT = 17
    DEMAND_REPLY = 18
    THIRD_PARTY_PRESALES = 21
    POSSIBLE_PARTNER = 22
    ACCEPTED_IN_WECHAT = 24
    SHARED_BY_STAFF = 201
    ASSIGNED_BY_ADMIN = 202


class TagType(OpenInt):
    """Who made a tag."""

    UNKNOWN = 0
    CORP = 1
    PERSONAL = 2
    STRATEGY = 3


class ChannelsSource(OpenInt):
    """Where in WeChat Channels (视频号) a customer was met."""

    UNKNOWN = 0
    HOME_PAGE = 1
    LIVE_ROOM = 2
    LEAD_COLLECTION = 3


@attrs.frozen(repr=False, weakref_slot=False)
class SubscriberInfo(Model):
    """What a school-home contact (家校联系人) is known by."""

    tag_id: tuple[str, ...] = ()
    remark_mobiles: tuple[str, ...] = personal(())
    remark: str = personal()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ExternalContact(Model):
    """A customer, the same for every staff; empty is what WeCom does not tell."""

    external_userid: str
    """``wm...`` for WeChat users, ``wo...`` for WeCom users; another one for each provider's apps."""
    name: str = personal(show=masked_name)
    position: str = ""
    avatar: str = personal()
    corp_name: str = ""
    corp_full_name: str = ""
    type: ContactType = ContactType.UNKNOWN
    gender: Gender = Gender.UNKNOWN
    unionid: str = personal()
    """The WeChat user across the apps of one WeChat developer account; empty unless one is bound."""
    external_profile: ExternalProfile | None = None
    foreign_key: str = ""
    """Only of school-home contacts, as ``is_subscribe`` and ``subscriber_info``."""
    is_subscribe: bool | None = None
    subscriber_info: SubscriberInfo | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class WechatChannels(Model):
    """The channel (视频号) a customer came from; only with `AddWay.WECHAT_CHANNELS`."""

    nickname: str = ""
    source: ChannelsSource = ChannelsSource.UNKNOWN
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FollowTag(Model):
    """A tag that one staff has put on one customer, with its names."""

    group_name: str = ""
    tag_name: str = ""
    tag_id: str = ""
    """Empty for a personal tag."""
    type: TagType = TagType.UNKNOWN
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FollowUser(Model):
    """One staff's relation to a customer, as `contacts.get` tells it: tags with names."""

    userid: str
    remark: str = personal(show=masked_name)
    description: str = personal()
    createtime: datetime | None = None
    """When the staff added the customer. WeCom writes it without an underscore."""
    tags: tuple[FollowTag, ...] = ()
    remark_corp_name: str = ""
    remark_mobiles: tuple[str, ...] = personal(())
    oper_userid: str = ""
    """Who started it: the staff, the customer, or who shared or assigned."""
    add_way: AddWay = AddWay.UNKNOWN
    state: str = ""
    """The channel: the ``state`` of a contact way, or the channel of an acquisition link."""
    wechat_channels: WechatChannels | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FollowInfo(Model):
    """One staff's relation to a customer, as `contacts.batch` tells it: ids of corp and strategy tags only."""

    userid: str
    remark: str = personal(show=masked_name)
    description: str = personal()
    createtime: datetime | None = None
    tag_id: tuple[str, ...] = ()
    remark_corp_name: str = ""
    remark_mobiles: tuple[str, ...] = personal(())
    oper_userid: str = ""
    add_way: AddWay = AddWay.UNKNOWN
    state: str = ""
    wechat_channels: WechatChannels | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CustomerIds(Model):
    """The customers of one staff."""

    external_userid: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class CustomerPage(Model):
    """A customer and up to 500 of the staff who follow them."""

    external_contact: ExternalContact
    follow_user: tuple[FollowUser, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ContactFollow(Model):
    """A customer and one staff who follows them."""

    external_contact: ExternalContact
    follow_info: FollowInfo
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class FailInfo(Model):
    """Staff whose customers are left out, for want of a licence; only in apps of providers."""

    unlicensed_userid_list: tuple[str, ...] = ()
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class BatchPage(Model):
    """Up to 100 relations; an empty ``next_cursor`` is the end."""

    external_contact_list: tuple[ContactFollow, ...] = ()
    next_cursor: str = ""
    fail_info: FailInfo | None = None
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ServedContact(Model):
    """Somebody whom the corp has served: once for each staff who added them, and for each group they came into."""

    is_customer: bool = False
    tmp_openid: str = ""
    """Who it is, but only within one traversal, and for 4 hours."""
    external_userid: str = ""
    """Only of customers."""
    name: str = personal(show=masked_name)
    """Only of others; WeCom masks it itself."""
    follow_userid: str = ""
    """The staff who added them, or who owns the group."""
    chat_id: str = ""
    """The group, where it is a customer group."""
    chat_name: str = ""
    """The group, where it is none."""
    add_time: datetime | None = None
    """When they were first added, or first joined."""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ServedPage(Model):
    """Up to 1,000 of those who were served; an empty ``next_cursor`` is the end, and each lives 4 hours."""

    info_list: tuple[ServedContact, ...] = ()
    next_cursor: str = ""
    extra: Extra = attrs.field(default=NO_EXTRA, eq=False)


@attrs.frozen(repr=False, weakref_slot=False)
class ServedContactsRequest(Model):
    """Which page of those who were served to read, 1 to 1,000 a page."""

    cursor: str = ""
    limit: int = limits.SERVED_PAGE

    def __attrs_post_init__(self) -> None:
        _values.check_range(self.limit, "limit", 1, limits.SERVED_PAGE)


@attrs.frozen(repr=False, weakref_slot=False)
class ListContactsRequest(Model):
    """Whose customers to list."""

    userid: str

    def __attrs_post_init__(self) -> None:
        _values.staff_id(self.userid)


@attrs.frozen(repr=False, weakref_slot=False)
class GetContactRequest(Model):
    """Which customer to read, and from which follower on."""

    external_userid: str
    cursor: str = ""

    def __attrs_post_init__(self) -> None:
        _values.customer_id(self.external_userid)


@attrs.frozen(repr=False, weakref_slot=False)
class BatchContactsRequest(Model):
    """Whose relations to read: 1 to 100 staff, 1 to 100 relations a page."""

    userid_list: tuple[str, ...] = attrs.field(converter=_values.texts)
    cursor: str = ""
    limit: int = limits.BATCH_PAGE

    def __attrs_post_init__(self) -> None:
        _values.staff_ids(self.userid_list, "userids", at_least=1, at_most=limits.BATCH_USERS)
        _values.check_range(self.limit, "limit", 1, limits.BATCH_PAGE)


def _mobiles(values: Iterable[str] | None) -> tuple[str, ...] | None:
    # WeCom takes an empty list for no change, and one empty number for none.
    return None if values is None else _values.texts(values) or ("",)


@attrs.frozen(repr=False, weakref_slot=False)
class RemarkRequest(Model):
    """A staff's notes on a customer; None leaves a note as it is, an empty one clears it, as an empty list does numbers."""

    userid: str
    external_userid: str
    remark: str | None = personal(None)
    description: str | None = personal(None)
    remark_company: str | None = None
    remark_mobiles: tuple[str, ...] | None = attrs.field(default=None, converter=_mobiles, metadata=_values.HIDDEN)
    remark_pic_mediaid: str | None = None

    def __attrs_post_init__(self) -> None:
        _values.staff_id(self.userid)
        _values.customer_id(self.external_userid)
        notes = (self.remark, self.description, self.remark_company, self.remark_mobiles, self.remark_pic_mediaid)
        if all(note is None for note in notes):
            msg = "there is nothing to note: give at least one of remark, description, remark_company ..."
            raise UsageError(msg)
        _values.check_chars(self.remark, "remark", limits.REMARK_CHARS)
        _values.check_chars(self.description, "description", limits.DESCRIPTION_CHARS)
        _values.check_chars(self.remark_company, "remark_company", limits.REMARK_COMPANY_CHARS)
