"""What happens between staff and customers: change_external_contact (92130, 92005)."""

from __future__ import annotations

import attrs

from privdom.wecom.callbacks.events._base import KnownEvent, field, secret


__all__ = [
    "CustomerAdded",
    "CustomerDeleted",
    "CustomerEdited",
    "CustomerEvent",
    "CustomerHalfAdded",
    "MsgAuditApproved",
    "StaffDeleted",
    "TransferFailed",
]


@attrs.frozen(kw_only=True)
class CustomerEvent(KnownEvent):
    """
    Something happened between a staff and a customer (change_external_contact).

    Attributes:
        user_id: the staff.
        external_user_id: the customer.
    """

    user_id: str = field("UserID")
    external_user_id: str = field("ExternalUserID")


@attrs.frozen(kw_only=True)
class CustomerAdded(CustomerEvent):
    """
    A staff added the customer, or confirmed them (add_external_contact, 92130).

    Attributes:
        state: the mark of the contact way or link that the customer came by; empty without one.
        welcome_code: good for one welcome message within 20 seconds; empty where none can be sent.
    """

    state: str = field("State", default="")
    welcome_code: str = secret("WelcomeCode", default="")


@attrs.frozen(kw_only=True)
class CustomerHalfAdded(CustomerEvent):
    """
    The customer added a staff who accepts without asking, and who has not confirmed yet (add_half_external_contact).

    A `CustomerAdded` may follow for the same pair. ``state`` and ``welcome_code`` are as there.
    """

    state: str = field("State", default="")
    welcome_code: str = secret("WelcomeCode", default="")


@attrs.frozen(kw_only=True)
class CustomerEdited(CustomerEvent):
    """A staff changed the remark or the tags by hand; read the customer again (edit_external_contact)."""


@attrs.frozen(kw_only=True)
class CustomerDeleted(CustomerEvent):
    """
    The staff deleted the customer (del_external_contact).

    Attributes:
        source: ``DELETE_BY_TRANSFER`` when the customer moved to another staff, else empty.
    """

    source: str = field("Source", default="")

    @property
    def by_transfer(self) -> bool:
        """Whether the customer was moved to another staff rather than lost."""
        return self.source == "DELETE_BY_TRANSFER"


@attrs.frozen(kw_only=True)
class StaffDeleted(CustomerEvent):
    """The customer deleted the staff, whose own side of the relation remains (del_follow_user)."""


@attrs.frozen(kw_only=True)
class TransferFailed(CustomerEvent):
    """
    A transfer did not come about (transfer_fail).

    ``user_id`` is the staff who should have taken over; WeCom does not say from whom.

    Attributes:
        fail_reason: ``customer_refused`` or ``customer_limit_exceed``.
    """

    fail_reason: str = field("FailReason")


@attrs.frozen(kw_only=True)
class MsgAuditApproved(CustomerEvent):
    """The customer agreed to the archiving of chats (msg_audit_approved, 92005)."""

    welcome_code: str = secret("WelcomeCode", default="")
