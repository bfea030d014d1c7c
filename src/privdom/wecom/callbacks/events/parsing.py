"""From the XML of a callback to its event, and which events there are."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from privdom.errors import MalformedXml
from privdom.wecom.callbacks.events import acquisition, app, customers, directory, groups, media, tags
from privdom.wecom.callbacks.events._base import Event, Reader, UnknownEvent, moment, reader_of, take
from privdom.wecom.callbacks.xml import Tree, read


__all__ = ["EVENTS", "EventKind", "keep_event", "parse_event"]


class EventKind(NamedTuple):
    """
    One kind of event: the class it comes as, and how WeCom names it.

    ``event`` is Event or InfoType, ``change_type`` and ``update_detail`` are empty
    where the kind has none, ``doc`` is the number of WeCom's documentation page.
    """

    cls: type[Event]
    event: str
    change_type: str
    update_detail: str
    doc: int

    @property
    def url(self) -> str:
        """The page of WeCom's documentation."""
        return f"https://developer.work.weixin.qq.com/document/path/{self.doc}"


def _kind(
    cls: type[Event], event: str, change_type: str = "", update_detail: str = "", *, doc: int = 92130
) -> EventKind:
    return EventKind(cls, event, change_type, update_detail, doc)


_CONTACT, _CHAT, _TAG = "change_external_contact", "change_external_chat", "change_external_tag"
_LINK, _DIRECTORY = "customer_acquisition", "change_contact"

EVENTS: Final = (
    _kind(customers.CustomerAdded, _CONTACT, "add_external_contact"),
    _kind(customers.CustomerEdited, _CONTACT, "edit_external_contact"),
    _kind(customers.CustomerHalfAdded, _CONTACT, "add_half_external_contact"),
    _kind(customers.CustomerDeleted, _CONTACT, "del_external_contact"),
    _kind(customers.StaffDeleted, _CONTACT, "del_follow_user"),
    _kind(customers.TransferFailed, _CONTACT, "transfer_fail"),
    _kind(customers.MsgAuditApproved, _CONTACT, "msg_audit_approved", doc=92005),
    _kind(groups.GroupCreated, _CHAT, "create"),
    _kind(groups.GroupJoined, _CHAT, "update", "add_member"),
    _kind(groups.GroupLeft, _CHAT, "update", "del_member"),
    _kind(groups.GroupOwnerChanged, _CHAT, "update", "change_owner"),
    _kind(groups.GroupRenamed, _CHAT, "update", "change_name"),
    _kind(groups.GroupNoticeChanged, _CHAT, "update", "change_notice"),
    _kind(groups.GroupDismissed, _CHAT, "dismiss"),
    _kind(tags.TagCreated, _TAG, "create"),
    _kind(tags.TagUpdated, _TAG, "update"),
    _kind(tags.TagDeleted, _TAG, "delete"),
    _kind(tags.TagsShuffled, _TAG, "shuffle"),
    _kind(acquisition.AcquisitionBalanceLow, _LINK, "balance_low", doc=97299),
    _kind(acquisition.AcquisitionBalanceExhausted, _LINK, "balance_exhausted", doc=97299),
    _kind(acquisition.AcquisitionBalanceIncreased, _LINK, "balance_increased", doc=97299),
    _kind(acquisition.AcquisitionLinkUnavailable, _LINK, "link_unavailable", doc=97299),
    _kind(acquisition.AcquisitionLinkDeleted, _LINK, "delete_link", doc=97299),
    _kind(acquisition.AcquisitionQuotaExpiring, _LINK, "quota_expire_soon", doc=97299),
    _kind(acquisition.AcquisitionProfileOpened, _LINK, "open_profile", doc=97299),
    _kind(acquisition.AcquisitionFriendRequested, _LINK, "friend_request", doc=97299),
    _kind(acquisition.AcquisitionChatStarted, _LINK, "customer_start_chat", doc=97299),
    _kind(acquisition.AcquisitionMessageReceived, _LINK, "message_from_customer", doc=97299),
    _kind(acquisition.AcquisitionStaffDeleted, _LINK, "del_follow_user", doc=97299),
    _kind(directory.UserCreated, _DIRECTORY, "create_user", doc=90970),
    _kind(directory.UserUpdated, _DIRECTORY, "update_user", doc=90970),
    _kind(directory.UserDeleted, _DIRECTORY, "delete_user", doc=90970),
    _kind(directory.DepartmentCreated, _DIRECTORY, "create_party", doc=90971),
    _kind(directory.DepartmentUpdated, _DIRECTORY, "update_party", doc=90971),
    _kind(directory.DepartmentDeleted, _DIRECTORY, "delete_party", doc=90971),
    _kind(directory.UserTagUpdated, _DIRECTORY, "update_tag", doc=90240),
    _kind(app.AppSubscribed, "subscribe", doc=90240),
    _kind(app.AppUnsubscribed, "unsubscribe", doc=90240),
    _kind(app.AppEntered, "enter_agent", doc=90240),
    _kind(app.MenuClicked, "click", doc=90240),
    _kind(app.MenuPageOpened, "view", doc=90240),
    _kind(app.MenuMiniProgramOpened, "view_miniprogram", doc=90240),
    _kind(app.LocationReported, "LOCATION", doc=90240),
    _kind(app.BatchJobDone, "batch_job_result", doc=90240),
    _kind(app.CardClicked, "template_card_event", doc=90240),
    _kind(app.CardMenuClicked, "template_card_menu_event", doc=90240),
    _kind(app.AppInactiveAlert, "inactive_alert", doc=90240),
    _kind(app.AppClosed, "close_inactive_agent", doc=90240),
    _kind(app.AppReopened, "reopen_inactive_agent", doc=90240),
    _kind(app.AppLowActiveAlert, "low_active_alert", doc=90240),
    _kind(app.AppLowActive, "low_active", doc=90240),
    _kind(app.AppActivityRestored, "active_restored", doc=90240),
    _kind(app.MsgAuditNotified, "msgaudit_notify", doc=95039),
    _kind(media.UploadJobFinished, "upload_media_job_finish", doc=96219),
)
"""Every kind of event that there is a class for."""

_READERS: Final[dict[tuple[str, str, str], tuple[type[Event], Reader]]] = {
    (kind.event, kind.change_type, kind.update_detail): (kind.cls, reader_of(kind.cls))
    # A change of a group that is new is a change of a group all the same.
    for kind in (*EVENTS, _kind(groups.GroupUpdated, _CHAT, "update"))
}


def parse_event(xml: bytes | str) -> Event:
    """
    Return the event that a decrypted callback reports.

    Anything this library has no class for, or that lacks what its kind must have, comes back as an `UnknownEvent`.

    Raises:
        MalformedXml: It is not XML, or not XML that a callback may hold.
    """
    tree = read(xml)
    rest = dict(tree)
    envelope = _envelope(rest)
    known = _known(envelope["event"], envelope["change_type"], rest)
    if known is not None and envelope["create_time"] is not None:
        cls, reader = known
        values = take(reader, rest)
        if values is not None:
            if rest:
                values["extra"] = rest
            return cls(**envelope, **values)
    raw = xml.encode("utf-8") if isinstance(xml, str) else xml
    return UnknownEvent(**envelope, raw=raw, fields=tree)


def keep_event(xml: bytes) -> Event:
    """
    Return the event of a callback whose signature was right; never an error.

    WeCom does not send again what was acknowledged, so even what cannot be read
    is kept, as an `UnknownEvent` without fields.
    """
    try:
        return parse_event(xml)
    except MalformedXml:
        return UnknownEvent(corp_id="", create_time=None, raw=xml, fields={})


def _known(event: str, change_type: str, rest: Tree) -> tuple[type[Event], Reader] | None:
    detail = rest.get("UpdateDetail", "")
    if detail and isinstance(detail, str) and (found := _READERS.get((event, change_type, detail))) is not None:
        return found
    return _READERS.get((event, change_type, ""))


def _envelope(rest: Tree) -> dict[str, Any]:
    """Take the envelope out of *rest*: a corp's own app's, or a suite's."""

    def take_text(name: str) -> str:
        value = rest.pop(name, "")
        if isinstance(value, str):
            return value
        rest[name] = value  # comes out in `extra`
        return ""

    suite = "InfoType" in rest
    when = take_text("TimeStamp" if suite else "CreateTime")
    try:
        at = moment(when)
    except ValueError:
        at = None
    return {
        "corp_id": take_text("AuthCorpId" if suite else "ToUserName"),
        "create_time": at,
        "event": take_text("InfoType" if suite else "Event"),
        "change_type": take_text("ChangeType"),
        "from_user_name": take_text("FromUserName"),
        "msg_type": take_text("MsgType"),
        "suite_id": take_text("SuiteId"),
    }
