"""
What WeCom reports by callback, as typed events.

Documentation 92130 (customers, groups, tags), 92005 (msg_audit_approved), 96219
(upload_media_job_finish), 92277 and 101456 (the envelope of a third-party suite). WeCom's own names, in Python's
spelling: ``UserID`` is ``user_id``, ``ExternalUserID`` is ``external_user_id``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import attrs

from privdom.errors import MalformedXml
from privdom.wecom.callbacks.xml import Node, Tree, read


__all__ = [
    "CustomerAdded",
    "CustomerDeleted",
    "CustomerEdited",
    "CustomerEvent",
    "CustomerHalfAdded",
    "Event",
    "GroupCreated",
    "GroupDismissed",
    "GroupEvent",
    "GroupUpdated",
    "MsgAuditApproved",
    "StaffDeleted",
    "TagCreated",
    "TagDeleted",
    "TagEvent",
    "TagUpdated",
    "TagsShuffled",
    "TransferFailed",
    "UnknownEvent",
    "UploadJobFinished",
    "keep_event",
    "parse_event",
]

_NO_FIELDS: Final[Mapping[str, Node]] = MappingProxyType({})


def _text(node: Node) -> str:
    if isinstance(node, str):
        return node
    raise ValueError


def _number(node: Node) -> int | None:
    text = _text(node).strip()
    return int(text) if text else None


def _moment(node: Node) -> datetime:
    try:
        return datetime.fromtimestamp(int(_text(node)), UTC)
    except (OverflowError, OSError):
        raise ValueError from None


def _ids(node: Node) -> tuple[str, ...]:
    """Read MemChangeList in each of its shapes: Items, the element repeated, or ids joined by commas."""
    if isinstance(node, str):
        return tuple(part for part in (part.strip() for part in node.split(",")) if part)
    if isinstance(node, list):
        return tuple(one for part in node for one in _ids(part))
    return _ids(node.get("Item", ""))


def _masked(code: str) -> str:
    # Whoever has the code can greet the customer in the staff's name.
    return repr(code[:4] + "***" if code else "")


def _field(
    element: str, read_as: Callable[[Node], Any] = _text, *, default: Any = attrs.NOTHING, **options: Any
) -> Any:
    return attrs.field(default=default, metadata={"element": element, "read": read_as}, **options)


@attrs.frozen(kw_only=True)
class Event:
    """
    What all events have.

    Attributes:
        corp_id: ToUserName, or AuthCorpId in a suite's envelope.
        create_time: CreateTime or TimeStamp, aware; WeCom gives whole seconds.
        event: Event or InfoType, such as ``change_external_contact``.
        change_type: ChangeType, such as ``add_external_contact``.
        from_user_name: FromUserName: ``sys`` for all changes; empty in a suite's envelope.
        msg_type: MsgType: ``event``; empty in a suite's envelope.
        suite_id: SuiteId; empty for a corp's own apps.
        extra: elements that this class does not declare, or whose text it could not read, as they came.
    """

    corp_id: str
    create_time: datetime | None
    event: str = ""
    change_type: str = ""
    from_user_name: str = attrs.field(default="", repr=False)
    msg_type: str = attrs.field(default="", repr=False)
    suite_id: str = ""
    extra: Mapping[str, Node] = attrs.field(default=_NO_FIELDS, repr=False, eq=False)


@attrs.frozen(kw_only=True)
class _Known(Event):
    create_time: datetime


@attrs.frozen(kw_only=True)
class CustomerEvent(_Known):
    """
    Something happened between a staff and a customer (change_external_contact).

    Attributes:
        user_id: the staff.
        external_user_id: the customer.
    """

    user_id: str = _field("UserID")
    external_user_id: str = _field("ExternalUserID")


@attrs.frozen(kw_only=True)
class CustomerAdded(CustomerEvent):
    """
    A staff added the customer, or confirmed them (add_external_contact, 92130).

    Attributes:
        state: the mark of the contact way or link that the customer came by; empty without one.
        welcome_code: good for one welcome message within 20 seconds; empty where none can be sent.
    """

    state: str = _field("State", default="")
    welcome_code: str = _field("WelcomeCode", default="", repr=_masked)


@attrs.frozen(kw_only=True)
class CustomerHalfAdded(CustomerEvent):
    """
    The customer added a staff who accepts without asking, and who has not confirmed yet (add_half_external_contact).

    A `CustomerAdded` may follow for the same pair. ``state`` and ``welcome_code`` are as there.
    """

    state: str = _field("State", default="")
    welcome_code: str = _field("WelcomeCode", default="", repr=_masked)


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

    source: str = _field("Source", default="")

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

    fail_reason: str = _field("FailReason")


@attrs.frozen(kw_only=True)
class MsgAuditApproved(CustomerEvent):
    """The customer agreed to the archiving of chats (msg_audit_approved, 92005)."""

    welcome_code: str = _field("WelcomeCode", default="", repr=_masked)


@attrs.frozen(kw_only=True)
class GroupEvent(_Known):
    """Something happened to a customer group (change_external_chat); its data may lag by about 2 seconds."""

    chat_id: str = _field("ChatId")


@attrs.frozen(kw_only=True)
class GroupCreated(GroupEvent):
    """A customer group came into being (create)."""


@attrs.frozen(kw_only=True)
class GroupUpdated(GroupEvent):
    """
    A customer group changed (update).

    Attributes:
        update_detail: add_member, del_member, change_owner, change_name or change_notice.
        join_scene: add_member only: 0 invited, 3 scanned the group's code; other numbers occur.
        quit_scene: del_member only: 0 left, 1 was removed.
        mem_change_cnt: how many members changed.
        mem_change_list: who: userids and external_userids.
        last_mem_ver: the member version before; unless it is the one stored, an event was missed.
        cur_mem_ver: the member version after.
    """

    update_detail: str = _field("UpdateDetail", default="")
    join_scene: int | None = _field("JoinScene", _number, default=None)
    quit_scene: int | None = _field("QuitScene", _number, default=None)
    mem_change_cnt: int | None = _field("MemChangeCnt", _number, default=None)
    mem_change_list: tuple[str, ...] = _field("MemChangeList", _ids, default=())
    last_mem_ver: str = _field("LastMemVer", default="")
    cur_mem_ver: str = _field("CurMemVer", default="")


@attrs.frozen(kw_only=True)
class GroupDismissed(GroupEvent):
    """The owner dissolved the customer group (dismiss)."""


@attrs.frozen(kw_only=True)
class TagEvent(_Known):
    """
    Something happened to a corp tag or a group of them (change_external_tag); read the list again.

    Attributes:
        id: of the tag or the group.
        tag_type: ``tag`` or ``tag_group``; empty for a shuffle.
        strategy_id: the rule group; only WeCom's own customer contact app gets it.
    """

    id: str = _field("Id")
    tag_type: str = _field("TagType", default="")
    strategy_id: str = _field("StrategyId", default="")


@attrs.frozen(kw_only=True)
class TagCreated(TagEvent):
    """A tag or a group was created (create)."""


@attrs.frozen(kw_only=True)
class TagUpdated(TagEvent):
    """A tag or a group was changed (update)."""


@attrs.frozen(kw_only=True)
class TagDeleted(TagEvent):
    """A tag or a group was deleted; the tags of a group go without an event of their own (delete)."""


@attrs.frozen(kw_only=True)
class TagsShuffled(TagEvent):
    """Tags were put in another order (shuffle); ``id`` is the group, empty when the groups were moved."""

    id: str = _field("Id", default="")


@attrs.frozen(kw_only=True)
class UploadJobFinished(_Known):
    """WeCom has fetched a file from its URL, or could not; ask how it ended (upload_media_job_finish, 96219)."""

    job_id: str = _field("JobId")


@attrs.frozen(kw_only=True)
class UnknownEvent(Event):
    """
    Any other callback, or one that lacks what its kind must have: kept whole.

    Attributes:
        raw: the decrypted XML as it came.
        fields: its elements, each text, children, or a list where it stands more than once.
    """

    raw: bytes = attrs.field(repr=False)
    fields: Mapping[str, Node] = attrs.field(repr=lambda fields: f"<{', '.join(fields)}>", eq=False)


_EVENTS: dict[tuple[str, str], type[Event]] = {
    ("change_external_contact", "add_external_contact"): CustomerAdded,
    ("change_external_contact", "add_half_external_contact"): CustomerHalfAdded,
    ("change_external_contact", "edit_external_contact"): CustomerEdited,
    ("change_external_contact", "del_external_contact"): CustomerDeleted,
    ("change_external_contact", "del_follow_user"): StaffDeleted,
    ("change_external_contact", "transfer_fail"): TransferFailed,
    ("change_external_contact", "msg_audit_approved"): MsgAuditApproved,
    ("change_external_chat", "create"): GroupCreated,
    ("change_external_chat", "update"): GroupUpdated,
    ("change_external_chat", "dismiss"): GroupDismissed,
    ("change_external_tag", "create"): TagCreated,
    ("change_external_tag", "update"): TagUpdated,
    ("change_external_tag", "delete"): TagDeleted,
    ("change_external_tag", "shuffle"): TagsShuffled,
    ("upload_media_job_finish", ""): UploadJobFinished,
}


def _reader(cls: type[Event]) -> tuple[tuple[str, str, Callable[[Node], Any], bool], ...]:
    declared = (a for a in attrs.fields(cls) if "element" in a.metadata)
    return tuple((a.name, a.metadata["element"], a.metadata["read"], a.default is attrs.NOTHING) for a in declared)


_READERS = {cls: _reader(cls) for cls in _EVENTS.values()}


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
    cls = _EVENTS.get((envelope["event"], envelope["change_type"]))
    if cls is not None and envelope["create_time"] is not None:
        values = _values(_READERS[cls], rest)
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
        return UnknownEvent(corp_id="", create_time=None, raw=xml, fields=_NO_FIELDS)


def _envelope(rest: Tree) -> dict[str, Any]:
    """Take the envelope out of *rest*: a corp's own app's, or a suite's."""

    def take(name: str) -> str:
        value = rest.pop(name, "")
        if isinstance(value, str):
            return value
        rest[name] = value  # comes out in `extra`
        return ""

    suite = "InfoType" in rest
    when = take("TimeStamp" if suite else "CreateTime")
    moment: datetime | None
    try:
        moment = _moment(when)
    except ValueError:
        moment = None
    return {
        "corp_id": take("AuthCorpId" if suite else "ToUserName"),
        "create_time": moment,
        "event": take("InfoType" if suite else "Event"),
        "change_type": take("ChangeType"),
        "from_user_name": take("FromUserName"),
        "msg_type": take("MsgType"),
        "suite_id": take("SuiteId"),
    }


def _values(reader: tuple[tuple[str, str, Callable[[Node], Any], bool], ...], rest: Tree) -> dict[str, Any] | None:
    """Take the declared elements out of *rest*; None when one is missing that must be there."""
    values: dict[str, Any] = {}
    for name, element, read_as, required in reader:
        node = rest.get(element, "")
        if required and not node:
            return None
        if element not in rest:
            continue
        try:
            values[name] = read_as(node)
        except ValueError:
            if required:
                return None
            continue  # stays in rest, and so comes out in `extra`
        del rest[element]
    return values
