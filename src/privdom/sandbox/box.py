"""A whole WeCom corp on one's own machine."""

from __future__ import annotations

import threading
import time

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import attrs

from privdom._facts import limits
from privdom.sandbox import acts, populate, snapshot
from privdom.sandbox.acts import Scanned
from privdom.sandbox.callbacks import Callbacks, Receiver
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import Agenda, VirtualClock
from privdom.sandbox.crypto import new_key
from privdom.sandbox.door import Tokens
from privdom.sandbox.faults import Faults
from privdom.sandbox.handlers import tags
from privdom.sandbox.record import Record
from privdom.sandbox.router import Reply, Request, Router
from privdom.sandbox.rules import Rules
from privdom.sandbox.state import Customer, Department, Follow, Group, GroupMember, Staff, State
from privdom.sandbox.transport import SandboxTransport
from privdom.sandbox.world import World


__all__ = ["Sandbox"]

_START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_ROOT: Final = 1


class Sandbox:
    """
    One WeCom corp: its state, its clock, its callbacks, and its own record of what happened.

    Nothing moves by itself. Calls of the API change the state at once; what takes
    time (staff confirming, transfers, callback retries) happens in `advance` and
    `advance_to`. Behaviour depends on the seed, on whom it concerns and on
    virtual time, never on the order of calls.

    Args:
        seed: the same seed gives the same people, ids and decisions.
        now: where the clock starts, aware.
        corp_id: default: made from the seed.
        secret: the app's secret.
        rules: answers to what WeCom's documentation leaves open.
        callback_token: default: made from the seed, as is encoding_aes_key.
        monotonic: real seconds, for the quotas.
    """

    def __init__(
        self,
        seed: int = 0,
        now: datetime = _START,
        *,
        corp_id: str | None = None,
        secret: str = "sandbox-secret",  # noqa: S107 - a made-up corp
        rules: Rules | None = None,
        callback_token: str | None = None,
        encoding_aes_key: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seed = seed
        self.corp_id = corp_id or "ww" + digest(seed, "corp")[:16]
        self.secret = secret
        self.clock = VirtualClock(now)
        self.faults = Faults(seed)
        self.record = Record()
        self._lock = threading.RLock()
        self._advancing = threading.RLock()
        self._agenda = Agenda()
        self._url: str | None = None
        self._callbacks = Callbacks(
            corp_id=self.corp_id,
            seed=seed,
            token=callback_token or digest(seed, "callback token"),
            encoding_aes_key=encoding_aes_key or new_key(digest(seed, "callback key")),
            clock=self.clock,
            agenda=self._agenda,
            record=self.record,
            rules=lambda: self.rules,
            faults=self.faults,
            lock=self._lock,
        )
        state = State(departments={_ROOT: Department(_ROOT, "总部", 0)})
        self._world = World(
            self.corp_id, seed, rules or Rules(), self.clock, self._agenda, state, self.record, self._callbacks
        )
        self._tokens = Tokens(seed, self.corp_id, secret, self.clock)
        self._router = Router(
            self._world, tokens=self._tokens, faults=self.faults, lock=self._lock, monotonic=monotonic
        )
        self.transport = SandboxTransport(self.arriving)

    # The way in.

    def arriving(self, request: Request) -> AbstractContextManager[Reply]:
        """Carry a request out and give the reply; it counts as in flight until the block ends."""
        return self._router.arriving(request)

    @property
    def rules(self) -> Rules:
        """How this WeCom behaves; may be replaced at any time."""
        return self._world.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._world.rules = rules

    def revoke_tokens(self) -> None:
        """End all access tokens before their time, as WeCom may."""
        with self._lock:
            self._tokens.revoke_all()

    # Time.

    def advance_to(self, when: datetime) -> None:
        """Move the clock to *when*, running what falls due on the way, in order of time; a past time does nothing."""
        if when.tzinfo is None:
            msg = "the time must be aware: give it a tzinfo, such as datetime.UTC"
            raise ValueError(msg)
        with self._advancing:
            if when <= self.clock.now():
                return
            while self._step(when):
                pass
            self.clock.move(when)

    def _step(self, until: datetime) -> bool:
        with self._lock:
            job = self._agenda.due(until)
            if job is None:
                return False
            self.clock.move(job.when)
            if not job.unlocked:
                job.action()
                return True
        job.action()
        return True

    def advance(self, by: timedelta) -> None:
        """Move the clock forward *by* this much."""
        with self._advancing:
            self.advance_to(self.clock.now() + by)

    def next_at(self) -> datetime | None:
        """Return when the next thing falls due, or None."""
        with self._lock:
            return self._agenda.next_at()

    # Callbacks.

    @property
    def callback_token(self) -> str:
        """The token that signs callbacks."""
        return self._callbacks.token

    @property
    def encoding_aes_key(self) -> str:
        """The key that encrypts callbacks."""
        return self._callbacks.encoding_aes_key

    @property
    def callback_url(self) -> str | None:
        """Where callbacks are posted."""
        return self._url

    @callback_url.setter
    def callback_url(self, url: str | None) -> None:
        self._url = url
        if url is None:
            self._callbacks.receive(None)
        else:
            self._callbacks.post_to(url)

    def set_callback(self, url: str | None, *, token: str | None = None, encoding_aes_key: str | None = None) -> None:
        """Change where callbacks go and how they are signed and encrypted."""
        self._callbacks.token = token or self._callbacks.token
        self._callbacks.encoding_aes_key = encoding_aes_key or self._callbacks.encoding_aes_key
        self.callback_url = url

    def verify_callback_url(self) -> bool:
        """Ask the callback URL to prove itself, as WeCom does when an admin saves it."""
        if self._url is None:
            msg = "set callback_url first"
            raise ValueError(msg)
        return self._callbacks.verify(self._url)

    def on_callback(self, receiver: Receiver | None) -> None:
        """Deliver callbacks to a function of this process: parameters and body in, HTTP status out."""
        self._url = None
        self._callbacks.receive(receiver)

    @property
    def pending_callbacks(self) -> int:
        """How many callbacks wait to be delivered."""
        return self._callbacks.pending

    def deliver(self) -> int:
        """Try every pending callback once, in order; return how many were taken."""
        return self._callbacks.deliver()

    # People.

    def add_department(self, name: str, *, parent: int = _ROOT, department_id: int | None = None) -> int:
        """Add a department and return its id."""
        with self._lock:
            departments = self._world.state.departments
            number = department_id or max(departments) + 1
            departments[number] = Department(number, name, parent)
            return number

    def add_staff(
        self,
        userid: str,
        name: str | None = None,
        *,
        department: int | Sequence[int] = _ROOT,
        capacity: int = limits.CUSTOMERS_PER_STAFF,
        confirm_delay: timedelta | Literal["never"] | None = None,
        position: str = "",
        serving: bool = True,
    ) -> str:
        """
        Add staff and return the userid.

        ``confirm_delay`` is how long they take to confirm a mass message;
        ``serving=False`` takes the customer-contact right away.
        """
        with self._lock:
            state = self._world.state
            if state.member(userid) is not None:
                msg = f"there is staff with the userid {userid!r} already"
                raise ValueError(msg)
            numbers = [department] if isinstance(department, int) else list(department)
            for number in numbers:
                if number not in state.departments:
                    state.departments[number] = Department(number, f"部门{number}", _ROOT)
            state.staff[userid] = Staff(userid, name or userid, numbers, capacity, position, confirm_delay, serving)
            return userid

    def set_staff(
        self,
        userid: str,
        *,
        capacity: int | None = None,
        confirm_delay: timedelta | Literal["never"] | None = None,
        serving: bool | None = None,
    ) -> None:
        """Change settings of staff; what is None stays."""
        with self._lock:
            staff = self._world.state.staff[acts.known(self._world, userid)]
            staff.capacity = staff.capacity if capacity is None else capacity
            staff.confirm_delay = staff.confirm_delay if confirm_delay is None else confirm_delay
            staff.serving = staff.serving if serving is None else serving

    def add_customer(
        self,
        external_userid: str | None = None,
        name: str | None = None,
        *,
        staff: Sequence[str] = (),
        state: str = "",
        add_way: int = 1,
        gender: int = 0,
        type: int = 1,  # noqa: A002 - WeCom's name
        unionid: str = "",
        corp_name: str = "",
        created: datetime | None = None,
        tags: Sequence[str] = (),
        remark: str = "",
    ) -> str:
        """Add a customer whom all of *staff* follow, without any event, and return the external_userid."""
        with self._lock:
            world = self._world
            known = world.state.customers
            if external_userid is None:
                external_userid = world.new_id("wm", "customer", name or "")
            if external_userid in known:
                msg = f"there is a customer {external_userid} already"
                raise ValueError(msg)
            userids = [acts.known(world, userid) for userid in staff]
            for userid in userids:
                self._need_room(userid)
            for tag in tags:
                acts.tag_of(world, tag)
            known[external_userid] = Customer(
                external_userid, name or f"客户{len(known) + 1}", gender, type, unionid, corp_name
            )
            when = int(created.timestamp()) if created else world.timestamp
            for userid in userids:
                follow = Follow(
                    world.state.number(),
                    userid,
                    external_userid,
                    when,
                    add_way,
                    state,
                    external_userid,
                    remark=remark or known[external_userid].name,
                    tags=dict.fromkeys(tags),
                )
                world.state.connect(follow)
            return external_userid

    def _need_room(self, userid: str) -> None:
        state = self._world.state
        if state.full(state.staff[userid]):
            msg = f"{userid} has as many customers as their capacity allows"
            raise ValueError(msg)

    def populate(self, *, staff: int = 12, customers: int = 3_000, groups: int = 30, overlap: float = 0.08) -> None:
        """
        Fill the corp: departments, staff, tags, codes, customers, groups; the same for the same seed.

        *overlap* is the share of customers whom two staff follow.
        """
        with self._lock:
            populate.fill(self, self._world, staff, customers, groups, overlap)

    # What people do in their clients; these fire callbacks.

    def scan(self, config_id_or_state: str, name: str | None = None, *, external_userid: str | None = None) -> Scanned:
        """Have a customer scan a code: one of its staff becomes theirs. A new customer, if no id is given."""
        with self._lock:
            if external_userid is None or external_userid not in self._world.state.customers:
                external_userid = self.add_customer(external_userid, name)
            return acts.scan(self._world, config_id_or_state, external_userid)

    def befriend(self, userid: str, external_userid: str, *, add_way: int = 2, state: str = "") -> str:
        """Have staff and an existing customer connect in another way; return the welcome code."""
        with self._lock:
            userid = acts.known(self._world, userid)
            follow = self._world.state.follow(userid, external_userid)
            if follow is not None and not follow.left_by_customer:
                msg = f"{userid} follows {external_userid} already"
                raise ValueError(msg)
            if follow is None:
                self._need_room(userid)
            return acts.befriend(self._world, userid, external_userid, add_way, state)

    def customer_deletes_staff(self, external_userid: str, userid: str) -> None:
        """Have a customer delete staff; the relation stays one-sided."""
        with self._lock:
            acts.leave(self._world, acts.relation(self._world, userid, external_userid))

    def staff_deletes_customer(self, userid: str, external_userid: str) -> None:
        """Have staff delete a customer; the relation is gone."""
        with self._lock:
            acts.drop(self._world, acts.relation(self._world, userid, external_userid))

    def staff_edits_customer(
        self,
        userid: str,
        external_userid: str,
        *,
        remark: str | None = None,
        add_tags: Sequence[str] = (),
        remove_tags: Sequence[str] = (),
    ) -> None:
        """Have staff change remark or tags by hand."""
        with self._lock:
            follow = acts.relation(self._world, userid, external_userid)
            acts.edit(self._world, follow, remark, add_tags, remove_tags)

    def customer_writes(self, external_userid: str, userid: str) -> None:
        """Have a customer chat with staff: mass messages without a sender go through whoever chatted last."""
        with self._lock:
            acts.relation(self._world, userid, external_userid).last_chat = self._world.timestamp

    def staff_sends(self, userid: str, text: str, external_userids: Sequence[str]) -> str:
        """Have staff send a mass message of their own, at once; return its msgid."""
        with self._lock:
            return acts.staff_sends(self._world, acts.known(self._world, userid), text, external_userids)

    def staff_confirms(self, msgid: str, userid: str) -> None:
        """Have staff confirm their task of a mass message now."""
        with self._lock:
            acts.confirm(self._world, msgid, acts.known(self._world, userid))

    # What admins do in the console; these fire callbacks too.

    def admin_adds_tags(self, group_name: str, names: Sequence[str]) -> dict[str, str]:
        """Have an admin create tags; return name to tag id."""
        with self._lock:
            return acts.add_tags(self._world, group_name, names)

    def admin_edits_tag(self, tag_id: str, *, name: str) -> None:
        """Have an admin rename a tag."""
        with self._lock:
            acts.tag_of(self._world, tag_id).name = name
            acts.tag_event(self._world, "update", tag_id, "tag")

    def admin_deletes_tag(self, tag_id: str) -> None:
        """Have an admin delete a tag; no customer wears it any more."""
        with self._lock:
            tags.delete_tag(self._world, acts.tag_of(self._world, tag_id))
            acts.tag_event(self._world, "delete", tag_id, "tag")

    # Groups.

    def add_group(
        self,
        chat_id: str | None = None,
        name: str = "",
        *,
        owner: str,
        members: Sequence[str] = (),
        notice: str = "",
        created: datetime | None = None,
    ) -> str:
        """Add a customer group, without any event, and return the chat_id; *owner* is always a member."""
        with self._lock:
            world = self._world
            owner = acts.known(world, owner)
            chat_id = chat_id or world.new_id("wr", "group", name, owner)
            if chat_id in world.state.groups:
                msg = f"there is a group {chat_id} already"
                raise ValueError(msg)
            when = int(created.timestamp()) if created else world.timestamp
            group = Group(world.state.number(), chat_id, name, owner, when, notice)
            for member_id in dict.fromkeys((owner, *members)):
                kind = acts.STAFF if member_id in world.state.staff else acts.EXTERNAL
                group.members[member_id] = GroupMember(member_id, kind, when, 1, owner)
            acts.seal_group(world, group)
            world.state.groups[chat_id] = group
            return chat_id

    def create_group(self, name: str = "", *, owner: str, members: Sequence[str] = ()) -> str:
        """Have staff open a customer group."""
        with self._lock:
            chat_id = self.add_group(None, name, owner=owner, members=members)
            self._world.emit("change_external_chat", "create", [("ChatId", chat_id)])
            return chat_id

    def dismiss_group(self, chat_id: str) -> None:
        """Have the owner dissolve a group."""
        with self._lock:
            acts.group_of(self._world, chat_id).dismissed = True
            self._world.emit("change_external_chat", "dismiss", [("ChatId", chat_id)])

    def join_group(self, chat_id: str, ids: Sequence[str], *, scene: int = 3) -> None:
        """Have people join a group; scene 3 is a scan of the group's code."""
        with self._lock:
            group = acts.group_of(self._world, chat_id)
            acts.change_members(self._world, group, ids, joined=True, scene=scene)

    def leave_group(self, chat_id: str, ids: Sequence[str]) -> None:
        """Have people leave a group."""
        with self._lock:
            group = acts.group_of(self._world, chat_id)
            acts.change_members(self._world, group, ids, joined=False, scene=0)

    def rename_group(self, chat_id: str, name: str) -> None:
        """Have the owner give a group another name."""
        with self._lock:
            acts.group_of(self._world, chat_id).name = name
            fields = [("ChatId", chat_id), ("UpdateDetail", "change_name")]
            self._world.emit("change_external_chat", "update", fields)

    # What there is.

    def state(self) -> dict[str, object]:
        """Return everything as plain JSON-able data."""
        with self._lock:
            return snapshot.of(self._world)

    def settings(self) -> dict[str, str]:
        """Return what a client needs to connect: ids, secret, callback token and key."""
        return {
            "corp_id": self.corp_id,
            "secret": self.secret,
            "callback_token": self.callback_token,
            "encoding_aes_key": self.encoding_aes_key,
            "callback_url": self.callback_url or "",
        }

    def change_rules(self, **changes: object) -> None:
        """Replace some of the rules by name."""
        self.rules = attrs.evolve(self.rules, **changes)

    def __repr__(self) -> str:
        state = self._world.state
        groups = sum(not group.dismissed for group in state.groups.values())
        return (
            f"<Sandbox {self.corp_id[:2]}… {len(state.staff):,} staff, {len(state.customers):,} customers, "
            f"{groups:,} groups, {self.clock.now():%Y-%m-%d %H:%M} UTC>"
        )
