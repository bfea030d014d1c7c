"""What happens to acquisition links and what is paid for them: customer_acquisition (97299)."""

from __future__ import annotations

from datetime import datetime

import attrs

from privdom.wecom.callbacks.events._base import KnownEvent, field, moment, number, secret


__all__ = [
    "AcquisitionBalanceExhausted",
    "AcquisitionBalanceIncreased",
    "AcquisitionBalanceLow",
    "AcquisitionChatStarted",
    "AcquisitionEvent",
    "AcquisitionFriendRequested",
    "AcquisitionLinkDeleted",
    "AcquisitionLinkEvent",
    "AcquisitionLinkUnavailable",
    "AcquisitionMessageReceived",
    "AcquisitionProfileOpened",
    "AcquisitionQuotaExpiring",
    "AcquisitionStaffDeleted",
]


@attrs.frozen(kw_only=True)
class AcquisitionEvent(KnownEvent):
    """Something happened to acquisition links, or to the uses that the corp has bought (customer_acquisition)."""


@attrs.frozen(kw_only=True)
class AcquisitionBalanceLow(AcquisitionEvent):
    """Fewer than 20 uses are left (balance_low)."""


@attrs.frozen(kw_only=True)
class AcquisitionBalanceExhausted(AcquisitionEvent):
    """No uses are left (balance_exhausted)."""


@attrs.frozen(kw_only=True)
class AcquisitionBalanceIncreased(AcquisitionEvent):
    """There are uses again, after none were left (balance_increased)."""


@attrs.frozen(kw_only=True)
class AcquisitionQuotaExpiring(AcquisitionEvent):
    """
    Uses are about to expire; comes 14, 7, 3, 2 days and a day before (quota_expire_soon).

    Attributes:
        expire_time: when.
        expire_quota_num: how many.
    """

    expire_time: datetime = field("ExpireTime", moment)
    expire_quota_num: int = field("ExpireQuotaNum", number)


@attrs.frozen(kw_only=True)
class AcquisitionLinkEvent(AcquisitionEvent):
    """Something happened to one acquisition link, ``link_id``."""

    link_id: str = field("LinkId")


@attrs.frozen(kw_only=True)
class AcquisitionLinkUnavailable(AcquisitionLinkEvent):
    """None of the staff of the link can add customers any more; comes to the app that made it (link_unavailable)."""


@attrs.frozen(kw_only=True)
class AcquisitionLinkDeleted(AcquisitionLinkEvent):
    """A link that the app had made was deleted by hand (delete_link)."""


@attrs.frozen(kw_only=True)
class AcquisitionProfileOpened(AcquisitionLinkEvent):
    """
    Somebody opened the staff's profile through the link; only in some lines of business (open_profile).

    Attributes:
        state: the link's customer_channel, at most 64 bytes of it.
    """

    state: str = field("State", default="")


@attrs.frozen(kw_only=True)
class AcquisitionFriendRequested(AcquisitionLinkEvent):
    """
    Somebody asked through the link to be added; WeCom does not say who (friend_request).

    Attributes:
        state: the link's customer_channel, at most 64 bytes of it.
    """

    state: str = field("State", default="")


@attrs.frozen(kw_only=True)
class AcquisitionChatStarted(AcquisitionLinkEvent):
    """
    A customer on WeChat who came by the link has written to the staff for the first time (customer_start_chat).

    Attributes:
        user_id: the staff.
        external_user_id: the customer.
    """

    user_id: str = field("UserID")
    external_user_id: str = field("ExternalUserID")


@attrs.frozen(kw_only=True)
class AcquisitionMessageReceived(AcquisitionLinkEvent):
    """
    A customer who came by the link has written for the third, fifth or tenth time (message_from_customer).

    Attributes:
        chat_key: the ticket to ask WeCom who and how often, good for 30 minutes.
        user_id, external_user_id, chat_seq: staff, customer, and how often; left out since December 2024.
    """

    chat_key: str = secret("ChatKey")
    user_id: str = field("UserID", default="")
    external_user_id: str = field("ExternalUserID", default="")
    chat_seq: int | None = field("ChatSeq", number, default=None)


@attrs.frozen(kw_only=True)
class AcquisitionStaffDeleted(AcquisitionLinkEvent):
    """
    A customer who came by the link has deleted the staff; a `StaffDeleted` says so too (del_follow_user).

    Attributes:
        user_id: the staff.
        external_user_id: the customer.
        state: the link's customer_channel that they came by.
    """

    user_id: str = field("UserID")
    external_user_id: str = field("ExternalUserID")
    state: str = field("State", default="")
