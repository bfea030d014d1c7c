"""What one corp consists of: staff, customers, follow relations, groups, codes, tags, messages, transfers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import attrs


__all__ = [
    "ContactWay",
    "Customer",
    "Department",
    "Follow",
    "Group",
    "GroupMember",
    "JoinWay",
    "Medium",
    "Message",
    "Moment",
    "Recipient",
    "SendTask",
    "Staff",
    "State",
    "Tag",
    "TagGroup",
    "Transfer",
    "UploadJob",
    "WebFile",
    "WelcomeTicket",
]

# Times in here are unix seconds, as WeCom's answers have them.


@attrs.frozen
class Department:
    """A department; the root has id 1 and no parent."""

    id: int
    name: str
    parent: int


@attrs.define
class Staff:
    """A member of the corp."""

    userid: str
    name: str
    departments: list[int]
    capacity: int
    position: str = ""
    confirm_delay: timedelta | Literal["never"] | None = None
    serving: bool = True


@attrs.define
class Follow:
    """The relation of one staff to one customer; remarks and tags live here."""

    number: int
    userid: str
    external_userid: str
    created: int
    add_way: int = 0
    state: str = ""
    oper_userid: str = ""
    remark: str = ""
    description: str = ""
    remark_company: str = ""
    remark_mobiles: list[str] = attrs.Factory(list[str])
    tags: dict[str, None] = attrs.Factory(dict[str, None])
    left_by_customer: bool = False
    last_chat: int = 0


@attrs.define
class Customer:
    """An external contact and those who follow them."""

    external_userid: str
    name: str
    gender: int = 0
    type: int = 1
    unionid: str = ""
    corp_name: str = ""
    follows: dict[str, Follow] = attrs.Factory(dict[str, Follow])


@attrs.define
class Tag:
    """A corp tag."""

    id: str
    name: str
    group_id: str
    created: int
    order: int
    by_app: bool
    deleted: bool = False


@attrs.define
class TagGroup:
    """A group of corp tags."""

    id: str
    name: str
    created: int
    order: int
    by_app: bool
    tags: dict[str, Tag] = attrs.Factory(dict[str, Tag])
    deleted: bool = False


@attrs.define
class GroupMember:
    """Somebody in a customer group; ``type`` is 1 for staff, 2 for external contacts."""

    id: str
    type: int
    joined: int
    scene: int
    invitor: str = ""
    state: str = ""


@attrs.define
class Group:
    """A customer group."""

    number: int
    chat_id: str
    name: str
    owner: str
    created: int
    notice: str = ""
    admins: list[str] = attrs.Factory(list[str])
    members: dict[str, GroupMember] = attrs.Factory(dict[str, GroupMember])
    version: str = ""
    dismissed: bool = False
    given: list[int] = attrs.Factory(list[int])
    """When the API gave it to a new owner."""
    heir: str = ""
    """Who will own it soon."""


@attrs.define
class ContactWay:
    """A contact way (联系我): the WeCom object behind staff codes."""

    number: int
    config_id: str
    created: int
    type: int
    scene: int
    style: int
    remark: str
    skip_verify: bool
    state: str
    users: list[str]
    parties: list[int]
    is_temp: bool
    is_exclusive: bool
    mark_source: bool
    expires_in: int
    chat_expires_in: int
    unionid: str
    conclusions: dict[str, object] | None
    used: bool = False


@attrs.define
class JoinWay:
    """A join way (加入群聊): a code or a button that leads into groups."""

    config_id: str
    scene: int
    remark: str
    auto_create_room: int
    room_base_name: str
    room_base_id: int | None
    chat_ids: list[str]
    state: str
    mark_source: bool


@attrs.define
class Recipient:
    """A customer or group of a send task; 0 not sent, 1 sent, 2 no friend any more, 3 over the cap."""

    id: str
    status: int = 0
    sent: int = 0


@attrs.define
class SendTask:
    """What one staff has to send for one message; 0 not sent, 2 sent."""

    number: int
    userid: str
    recipients: list[Recipient]
    status: int = 0
    sent: int = 0


@attrs.define
class Message:
    """A mass message."""

    number: int
    msgid: str
    chat_type: str
    text: str
    attachments: list[dict[str, object]]
    created: int
    create_type: int
    creator: str
    tasks: dict[str, SendTask]
    cancelled: bool = False
    reminded: list[int] = attrs.Factory(list[int])


@attrs.define
class Moment:
    """A moment, or the job that makes it; an errcode says why there is none."""

    number: int
    jobid: str
    moment_id: str
    asked: int
    created: int
    text: str
    attachments: list[dict[str, object]]
    senders: list[str]
    partly: bool
    invalid_users: list[str]
    invalid_departments: list[int]
    invalid_tags: list[str]
    errcode: int = 0


@attrs.frozen
class Medium:
    """A temporary file; ``source`` is how it came: only some ways lead to some uses."""

    media_id: str
    kind: str
    source: Literal["media", "moment", "album", "url", "jssdk"]
    filename: str
    content: bytes = attrs.field(repr=False)
    created: int
    speex: bytes = attrs.field(default=b"", repr=False)
    """The better of the two forms of a voice that was recorded in a page."""


@attrs.frozen
class WebFile:
    """A file on a server somewhere, made of a few bytes over and over."""

    seed: bytes
    size: int
    md5: str
    ranges: bool

    def content(self) -> bytes:
        """Return all of it."""
        return (self.seed * (self.size // len(self.seed) + 1))[: self.size]


@attrs.define
class UploadJob:
    """A file that WeCom fetches from a URL; an errcode says why it could not."""

    jobid: str
    kind: str
    filename: str
    url: str
    md5: str
    asked: int
    done: int = 0
    media_id: str = ""
    errcode: int = 0


@attrs.define
class Transfer:
    """One attempt to hand over a customer; 1 done, 2 waiting, 3 refused, 4 takeover is full."""

    number: int
    handover: str
    takeover: str
    external_userid: str
    started: int
    status: int
    takeover_time: int
    message: str
    errcode: int = 0


@attrs.define
class WelcomeTicket:
    """Permission to welcome one customer, once."""

    code: str
    userid: str
    external_userid: str
    created: int
    used: bool = False


@attrs.define
class State:
    """Everything, by id."""

    departments: dict[int, Department] = attrs.Factory(dict[int, Department])
    staff: dict[str, Staff] = attrs.Factory(dict[str, Staff])
    customers: dict[str, Customer] = attrs.Factory(dict[str, Customer])
    followed: dict[str, dict[str, Follow]] = attrs.Factory(dict[str, dict[str, Follow]])
    tag_groups: dict[str, TagGroup] = attrs.Factory(dict[str, TagGroup])
    tags: dict[str, Tag] = attrs.Factory(dict[str, Tag])
    groups: dict[str, Group] = attrs.Factory(dict[str, Group])
    ways: dict[str, ContactWay] = attrs.Factory(dict[str, ContactWay])
    messages: dict[str, Message] = attrs.Factory(dict[str, Message])
    transfers: list[Transfer] = attrs.Factory(list[Transfer])
    transfers_of: dict[str, list[Transfer]] = attrs.Factory(dict[str, list[Transfer]])
    join_ways: dict[str, JoinWay] = attrs.Factory(dict[str, JoinWay])
    given_groups: dict[tuple[str, str], int] = attrs.Factory(dict[tuple[str, str], int])
    """How many groups of an owner the API gave away, by day."""
    moments: dict[str, Moment] = attrs.Factory(dict[str, Moment])
    """By job."""
    moments_by_month: dict[str, int] = attrs.Factory(dict[str, int])
    media: dict[str, Medium] = attrs.Factory(dict[str, Medium])
    image_urls: list[str] = attrs.Factory(list[str])
    """Of images that stay."""
    image_times: list[int] = attrs.Factory(list[int])
    """When they were uploaded, in the last 30 days."""
    upload_jobs: dict[str, UploadJob] = attrs.Factory(dict[str, UploadJob])
    web: dict[str, WebFile] = attrs.Factory(dict[str, WebFile])
    """Files that WeCom can fetch, by URL."""
    tickets: dict[str, WelcomeTicket] = attrs.Factory(dict[str, WelcomeTicket])
    received: dict[tuple[str, str], int] = attrs.Factory(dict[tuple[str, str], int])
    numbers: int = 0

    def number(self) -> int:
        """Return the next number; it orders listings and gives positions to cursors."""
        self.numbers += 1
        return self.numbers

    def member(self, userid: str) -> Staff | None:
        """Return staff by userid, which is case-insensitive."""
        if userid in self.staff:
            return self.staff[userid]
        lower = userid.lower()
        return next((staff for name, staff in self.staff.items() if name.lower() == lower), None)

    def follow(self, userid: str, external_userid: str) -> Follow | None:
        """Return the relation, or None."""
        return self.followed.get(userid, {}).get(external_userid)

    def follows_of(self, userid: str) -> dict[str, Follow]:
        """Return the relations of one staff, oldest first."""
        return self.followed.get(userid, {})

    def connect(self, follow: Follow) -> None:
        """Add a relation."""
        self.customers[follow.external_userid].follows[follow.userid] = follow
        self.followed.setdefault(follow.userid, {})[follow.external_userid] = follow

    def disconnect(self, follow: Follow) -> None:
        """Remove a relation."""
        del self.customers[follow.external_userid].follows[follow.userid]
        del self.followed[follow.userid][follow.external_userid]

    def full(self, staff: Staff) -> bool:
        """Tell whether *staff* can take no more customers."""
        return len(self.follows_of(staff.userid)) >= staff.capacity

    def book_transfer(self, transfer: Transfer) -> None:
        """Keep an attempt."""
        self.transfers.append(transfer)
        self.transfers_of.setdefault(transfer.external_userid, []).append(transfer)

    def subdepartments(self, root: int) -> Iterator[int]:
        """Yield *root* and all departments under it."""
        yield root
        for department in self.departments.values():
            if department.parent == root:
                yield from self.subdepartments(department.id)
