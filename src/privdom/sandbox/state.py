"""What one corp consists of: staff, customers, follow relations, groups, codes, tags, messages, transfers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Literal, TypeVar

import attrs


__all__ = [
    "AcquisitionLink",
    "AppMessage",
    "ChatTicket",
    "ContactWay",
    "Customer",
    "Department",
    "Follow",
    "Group",
    "GroupMember",
    "GroupWelcome",
    "Happening",
    "InterceptRule",
    "JoinWay",
    "JsTicket",
    "LinkClick",
    "LinkCustomer",
    "Medium",
    "Message",
    "Moment",
    "OAuthCode",
    "Product",
    "Publication",
    "Reaction",
    "Recipient",
    "SendTask",
    "Served",
    "ServedCursor",
    "Staff",
    "State",
    "Strategy",
    "Tag",
    "TagGroup",
    "TempChat",
    "Transfer",
    "Unassigned",
    "UploadJob",
    "UserTicket",
    "Uses",
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
    resigned: int = 0
    """When; 0: at work."""
    number: int = 0


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
    link_id: str = ""
    """The acquisition link that led the customer here."""


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
    """A group of corp tags, or of the tags of a strategy."""

    id: str
    name: str
    created: int
    order: int
    by_app: bool
    tags: dict[str, Tag] = attrs.Factory(dict[str, Tag])
    deleted: bool = False
    strategy_id: int = 0
    """Whose tags they are; 0 for corp tags."""


@attrs.define
class Strategy:
    """
    A strategy (规则组) of customers or of moments.

    ``nodes`` are its staff (1, userid) and departments (2, number), each with the
    number that orders it; ``rights`` count only at the top.
    """

    id: int
    parent_id: int
    name: str
    created: int
    admins: list[str]
    rights: dict[str, bool]
    nodes: dict[tuple[int, str | int], int]
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
    inherited: bool = False
    """Whether its owner has it from somebody who resigned."""
    welcome: str = ""
    """Which group welcome those get who join."""


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
class TempChat:
    """A chat that ends by itself or by a call, with closing words."""

    userid: str
    external_userid: str
    until: int
    conclusions: dict[str, object] | None


@attrs.define
class AcquisitionLink:
    """A customer acquisition link (获客链接)."""

    number: int
    link_id: str
    name: str
    created: int
    users: list[str]
    parties: list[int]
    skip_verify: bool
    mark_source: bool
    priority: int = 0
    """1 whole corp, 2 the named staff; 0 none."""
    preferred: list[str] = attrs.Factory(list[str])
    unavailable: bool = False
    """Whether it was told that nobody behind it can take a customer."""


@attrs.frozen
class LinkClick:
    """A customer who opened a link."""

    link_id: str
    external_userid: str
    at: int


@attrs.define
class LinkCustomer:
    """A customer whom a link led to one staff."""

    number: int
    link_id: str
    userid: str
    external_userid: str
    state: str
    at: int
    written: int = 0
    """How many messages the staff got."""


@attrs.define
class Uses:
    """Uses of acquisition links that were bought together, and expire together."""

    number: int
    bought: int
    left: int
    expires: int


@attrs.frozen
class ChatTicket:
    """What a chat key stands for, for half an hour."""

    userid: str
    external_userid: str
    link_id: str
    state: str
    count: int
    created: int


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
    rooms: list[str] = attrs.Factory(list[str])
    """The groups that were opened because all others were full."""


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
class GroupWelcome:
    """A welcome for those who join a group: a text, and at most one thing of the kind that ``msgtype`` names."""

    template_id: str
    created: int
    text: str
    attachment: dict[str, object] | None
    notified: bool


@attrs.frozen
class Reaction:
    """A comment or a like, of a customer or of a staff."""

    external_userid: str
    userid: str
    at: int


@attrs.define
class Publication:
    """A moment of one staff, to be published or published: for whom, who can see it, and what they did."""

    number: int
    userid: str
    published: int = 0
    customers: list[str] = attrs.Factory(list[str])
    seen_by: list[str] = attrs.Factory(list[str])
    comments: list[Reaction] = attrs.Factory(list[Reaction])
    likes: list[Reaction] = attrs.Factory(list[Reaction])


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
    tags: list[str] = attrs.Factory(list[str])
    creator: str = ""
    """The staff who made it themselves; they have no job."""
    cancelled: bool = False
    publications: dict[str, Publication] = attrs.Factory(dict[str, Publication])
    """By staff, from when it was made."""


@attrs.define
class Product:
    """A product of the album (商品图册)."""

    number: int
    id: str
    created: int
    description: str
    price: int
    sn: str
    pictures: list[str]
    by_app: bool
    deleted: bool = False


@attrs.define
class InterceptRule:
    """An intercept rule (敏感词); 1 blocks, 2 only warns."""

    id: str
    name: str
    created: int
    words: list[str]
    semantics: list[int]
    type: int
    users: list[str]
    departments: list[int]
    by_app: bool
    deleted: bool = False


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
    resigned: bool = False
    """Whether handover had resigned."""


@attrs.define
class Unassigned:
    """A customer of staff who resigned, with the relation that was."""

    number: int
    follow: Follow
    resigned: int


@attrs.frozen
class Served:
    """Somebody who came to staff or into a group, for the first time."""

    number: int
    external_userid: str
    userid: str
    chat_id: str
    at: int


@attrs.frozen
class ServedCursor:
    """Where a traversal of all who were served goes on."""

    traversal: str
    position: int
    issued: int


@attrs.define
class WelcomeTicket:
    """Permission to welcome one customer, once."""

    code: str
    userid: str
    external_userid: str
    created: int
    used: bool = False


@attrs.frozen
class Happening:
    """
    What the statistics count: *who* (staff, or anybody in a group) and *whom* (a customer, or a group) it concerns.

    Whoever was in a group from the start was ``there``, and did not join; ``sent`` is a mass message.
    """

    at: int
    kind: Literal[
        "added",
        "left by customer",
        "staff wrote",
        "sent",
        "customer wrote",
        "group opened",
        "group owned",
        "group dismissed",
        "there",
        "joined",
        "left",
        "wrote in group",
    ]
    who: str
    whom: str


@attrs.define
class OAuthCode:
    """What a browser comes back with from a sign-in: of staff, or of somebody from outside."""

    userid: str
    external_userid: str
    private: bool
    shares: frozenset[str]
    """What staff agreed to show."""
    created: int
    used: bool = False


@attrs.frozen
class UserTicket:
    """Permission to read what staff agreed to show."""

    userid: str
    shares: frozenset[str]
    created: int


@attrs.frozen
class JsTicket:
    """A ticket of the JS-SDK."""

    text: str
    until: int


@attrs.define
class AppMessage:
    """A message of the app, and the staff who got it."""

    msgid: str
    msgtype: str
    created: int
    staff: list[str]
    interactive: bool = False
    """Whether it is one with buttons."""
    recalled: bool = False


W = TypeVar("W", ContactWay, JoinWay)


def _by_id_or_state(ways: Mapping[str, W], wanted: str) -> W | None:
    # An empty state is none: many ways have it.
    return ways.get(wanted) or next((way for way in ways.values() if way.state and way.state == wanted), None)


@attrs.define
class State:
    """Everything, by id."""

    departments: dict[int, Department] = attrs.Factory(dict[int, Department])
    staff: dict[str, Staff] = attrs.Factory(dict[str, Staff])
    former: dict[str, Staff] = attrs.Factory(dict[str, Staff])
    """Staff who resigned."""
    unassigned: dict[tuple[str, str], Unassigned] = attrs.Factory(dict[tuple[str, str], Unassigned])
    """By (who resigned, customer)."""
    served: dict[tuple[str, str], Served] = attrs.Factory(dict[tuple[str, str], Served])
    """By (customer, staff or group)."""
    served_cursors: dict[str, ServedCursor] = attrs.Factory(dict[str, ServedCursor])
    customers: dict[str, Customer] = attrs.Factory(dict[str, Customer])
    followed: dict[str, dict[str, Follow]] = attrs.Factory(dict[str, dict[str, Follow]])
    tag_groups: dict[str, TagGroup] = attrs.Factory(dict[str, TagGroup])
    tags: dict[str, Tag] = attrs.Factory(dict[str, Tag])
    groups: dict[str, Group] = attrs.Factory(dict[str, Group])
    ways: dict[str, ContactWay] = attrs.Factory(dict[str, ContactWay])
    temp_codes_by_day: dict[str, int] = attrs.Factory(dict[str, int])
    """How many temporary ways were made on each day."""
    temp_chats: dict[tuple[str, str], TempChat] = attrs.Factory(dict[tuple[str, str], TempChat])
    links: dict[str, AcquisitionLink] = attrs.Factory(dict[str, AcquisitionLink])
    link_clicks: list[LinkClick] = attrs.Factory(list[LinkClick])
    link_customers: dict[tuple[str, str, str], LinkCustomer] = attrs.Factory(dict[tuple[str, str, str], LinkCustomer])
    """By (link, staff, customer)."""
    uses: list[Uses] = attrs.Factory(list[Uses])
    uses_spent: int = 0
    chat_tickets: dict[str, ChatTicket] = attrs.Factory(dict[str, ChatTicket])
    messages: dict[str, Message] = attrs.Factory(dict[str, Message])
    transfers: list[Transfer] = attrs.Factory(list[Transfer])
    transfers_of: dict[str, list[Transfer]] = attrs.Factory(dict[str, list[Transfer]])
    join_ways: dict[str, JoinWay] = attrs.Factory(dict[str, JoinWay])
    given_groups: dict[tuple[str, str], int] = attrs.Factory(dict[tuple[str, str], int])
    """How many groups of an owner the API gave away, by day."""
    moments: dict[str, Moment] = attrs.Factory(dict[str, Moment])
    """By job."""
    made_moments: dict[str, Moment] = attrs.Factory(dict[str, Moment])
    """By id, those of staff too."""
    moments_by_month: dict[str, int] = attrs.Factory(dict[str, int])
    customer_strategies: dict[int, Strategy] = attrs.Factory(dict[int, Strategy])
    moment_strategies: dict[int, Strategy] = attrs.Factory(dict[int, Strategy])
    products: dict[str, Product] = attrs.Factory(dict[str, Product])
    intercept_rules: dict[str, InterceptRule] = attrs.Factory(dict[str, InterceptRule])
    moments_seen: dict[tuple[str, str], int] = attrs.Factory(dict[tuple[str, str], int])
    """How many moments a customer saw, by customer and period."""
    group_welcomes: dict[str, GroupWelcome] = attrs.Factory(dict[str, GroupWelcome])
    opengids: dict[str, str] = attrs.Factory(dict[str, str])
    """Groups by what a mini program knows of them."""
    happened: list[Happening] = attrs.Factory(list[Happening])
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
    oauth_codes: dict[str, OAuthCode] = attrs.Factory(dict[str, OAuthCode])
    user_tickets: dict[str, UserTicket] = attrs.Factory(dict[str, UserTicket])
    js_tickets: dict[str, JsTicket] = attrs.Factory(dict[str, JsTicket])
    """By whose they are: corp or app."""
    tmp_ids: dict[str, tuple[int, str]] = attrs.Factory(dict[str, tuple[int, str]])
    """Where a temporary id comes from, and the customer behind it."""
    aliases: dict[tuple[int, str], str] = attrs.Factory(dict[tuple[int, str], str])
    """Staff and customers, by the agentid of a provider's app and the id that it knows."""
    app_messages: dict[str, AppMessage] = attrs.Factory(dict[str, AppMessage])
    app_messages_by_content: dict[str, str] = attrs.Factory(dict[str, str])
    """The last msgid of each content that was sent with the duplicate check."""
    app_messages_by_day: dict[str, int] = attrs.Factory(dict[str, int])
    app_messages_of: dict[str, list[int]] = attrs.Factory(dict[str, list[int]])
    """When each staff got one."""
    response_codes: dict[str, str] = attrs.Factory(dict[str, str])
    """The msgid of the card that a code changes; a used code is gone."""
    task_ids: set[str] = attrs.Factory(set[str])
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

    def way(self, config_id_or_state: str) -> ContactWay | None:
        """Return a code by either."""
        return _by_id_or_state(self.ways, config_id_or_state)

    def join_way(self, config_id_or_state: str) -> JoinWay | None:
        """Return a join way by either."""
        return _by_id_or_state(self.join_ways, config_id_or_state)

    def left(self, userid: str) -> Staff | None:
        """Return staff who resigned, by userid; whoever is at work under the same one wins."""
        if self.member(userid) is not None:
            return None
        lower = userid.lower()
        return next((staff for name, staff in self.former.items() if name.lower() == lower), None)

    def resign(self, staff: Staff, when: int) -> None:
        """Take staff out of the directory; their customers wait to be assigned."""
        staff.resigned = when
        self.former[staff.userid] = self.staff.pop(staff.userid)
        for follow in list(self.follows_of(staff.userid).values()):
            self.disconnect(follow)
            self.unassigned[staff.userid, follow.external_userid] = Unassigned(self.number(), follow, when)

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
        self.note_served(follow.external_userid, userid=follow.userid, at=follow.created)

    def disconnect(self, follow: Follow) -> None:
        """Remove a relation."""
        del self.customers[follow.external_userid].follows[follow.userid]
        del self.followed[follow.userid][follow.external_userid]

    def note_served(self, external_userid: str, *, userid: str = "", chat_id: str = "", at: int) -> None:
        """Remember who was served; only the first time counts."""
        key = (external_userid, userid or chat_id)
        if key not in self.served:
            self.served[key] = Served(self.number(), external_userid, userid, chat_id, at)

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
