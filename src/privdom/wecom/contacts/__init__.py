"""Customers and the staff who follow them: WeCom documentation 92113, 92114, 92994, 92115, 99434."""

from __future__ import annotations

from privdom.wecom.contacts.api import AsyncContacts, Contacts
from privdom.wecom.contacts.models import (
    AddWay,
    BatchContactsRequest,
    BatchPage,
    ChannelsSource,
    ContactFollow,
    ContactType,
    CustomerIds,
    CustomerPage,
    ExternalContact,
    FailInfo,
    FollowInfo,
    FollowTag,
    FollowUser,
    Gender,
    GetContactRequest,
    ListContactsRequest,
    RemarkRequest,
    ServedContact,
    ServedContactsRequest,
    ServedPage,
    SubscriberInfo,
    TagType,
    WechatChannels,
)


__all__ = [
    "AddWay",
    "AsyncContacts",
    "BatchContactsRequest",
    "BatchPage",
    "ChannelsSource",
    "ContactFollow",
    "ContactType",
    "Contacts",
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
