"""What WeCom reports of acquisition links and their uses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from privdom.wecom.callbacks import (
    AcquisitionEvent,
    CustomerEvent,
    LinkBalanceExhausted,
    LinkBalanceIncreased,
    LinkBalanceLow,
    LinkChatStarted,
    LinkDeleted,
    LinkEvent,
    LinkFriendRequested,
    LinkMessagesReceived,
    LinkOpened,
    LinkQuotaExpiring,
    LinkStaffDeleted,
    LinkUnavailable,
    UnknownEvent,
    parse_event,
)
from tests.callbacks.test_events import AT, PAIR, own, suite


LINK = "<LinkId>ca1</LinkId>"
KINDS = [
    (LinkBalanceLow, "balance_low", ""),
    (LinkBalanceExhausted, "balance_exhausted", ""),
    (LinkBalanceIncreased, "balance_increased", ""),
    (LinkQuotaExpiring, "quota_expire_soon", "<ExpireTime>1767225600</ExpireTime>"),
    (LinkUnavailable, "link_unavailable", LINK),
    (LinkDeleted, "delete_link", LINK),
    (LinkOpened, "open_profile", LINK),
    (LinkFriendRequested, "friend_request", LINK),
    (LinkChatStarted, "customer_start_chat", LINK + PAIR),
    (LinkMessagesReceived, "message_from_customer", LINK + "<ChatKey>k</ChatKey>"),
    (LinkStaffDeleted, "del_follow_user", LINK + PAIR),
]


@pytest.mark.parametrize(("cls", "change_type", "inner"), KINDS)
@pytest.mark.parametrize("envelope", [own, suite])
def test_each_kind_has_its_class(cls: type[AcquisitionEvent], change_type: str, inner: str, envelope: type) -> None:
    """In both envelopes, and none of them passes for the event of a customer, who is not meant."""
    event = parse_event(envelope("customer_acquisition", change_type, inner))

    assert cls is type(event)
    assert ("ww1", AT, change_type) == (event.corp_id, event.create_time, event.change_type)
    assert not isinstance(event, CustomerEvent)
    assert not event.extra


@pytest.mark.parametrize(("cls", "change_type", "inner"), [kind for kind in KINDS if LINK in kind[2]])
def test_an_event_of_no_link_is_unknown(cls: type[AcquisitionEvent], change_type: str, inner: str) -> None:
    """It is kept whole, but nobody takes it for what it is not."""
    event = parse_event(own("customer_acquisition", change_type, inner.replace(LINK, "")))

    assert issubclass(cls, LinkEvent)
    assert isinstance(event, UnknownEvent)


def test_what_they_tell() -> None:
    """The channel, the key, the uses that expire; what WeCom no longer sends is read where it comes."""
    many = PAIR + "<State>door</State>"
    left = parse_event(own("customer_acquisition", "del_follow_user", LINK + many))
    soon = parse_event(
        own(
            "customer_acquisition",
            "quota_expire_soon",
            "<ExpireTime>1767225600</ExpireTime><ExpireQuotaNum>20</ExpireQuotaNum>",
        )
    )
    inner = LINK + PAIR + "<ChatKey>secret-key</ChatKey><ChatSeq>3</ChatSeq>"
    wrote = parse_event(own("customer_acquisition", "message_from_customer", inner))
    opened = parse_event(own("customer_acquisition", "open_profile", LINK + "<State>door</State>"))
    asked = parse_event(own("customer_acquisition", "friend_request", LINK))

    assert isinstance(left, LinkStaffDeleted)
    assert ("zhangsan", "wo1", "ca1", "door") == (left.user_id, left.external_user_id, left.link_id, left.state)
    assert isinstance(soon, LinkQuotaExpiring)
    assert (datetime(2026, 1, 1, tzinfo=UTC), 20) == (soon.expire_time, soon.expire_quota_num)
    assert isinstance(wrote, LinkMessagesReceived)
    assert ("secret-key", "zhangsan", "wo1", 3) == (
        wrote.chat_key,
        wrote.user_id,
        wrote.external_user_id,
        wrote.chat_seq,
    )
    assert "secret-key" not in repr(wrote)
    assert isinstance(opened, LinkOpened)
    assert isinstance(asked, LinkFriendRequested)
    assert ("door", "") == (opened.state, asked.state)
