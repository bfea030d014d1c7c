"""The people of the corp: added by a test, or acting in their clients and the console."""

from __future__ import annotations

import threading

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from privdom._facts import limits
from privdom.sandbox import acts, identities, links, publishing
from privdom.sandbox.acts import Opened, Scanned
from privdom.sandbox.chance import identifier
from privdom.sandbox.handlers import tags
from privdom.sandbox.handlers.groups import seal_group
from privdom.sandbox.state import Customer, Department, Follow, Group, GroupMember, Happening, Reaction, Staff
from privdom.sandbox.world import AGENT_ID, World


__all__ = ["ROOT", "People"]

ROOT: Final = 1
"""The id of the root department."""


class People:
    """
    What a test may have people be and do.

    Adding people is silent; what they do in their clients or in the console
    fires callbacks, unlike calls of the API.
    """

    def __init__(self, world: World, lock: threading.RLock) -> None:
        self._world = world
        self._lock = lock

    @property
    def seed(self) -> int:
        """What everything here depends on."""
        return self._world.seed

    @property
    def agent_id(self) -> int:
        """The agentid of the corp's one app."""
        return AGENT_ID

    def add_department(self, name: str, *, parent: int = ROOT, department_id: int | None = None) -> int:
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
        department: int | Sequence[int] = ROOT,
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
                    state.departments[number] = Department(number, f"部门{number}", ROOT)
            state.staff[userid] = Staff(userid, name or userid, numbers, capacity, position, confirm_delay, serving)
            links.watch(self._world)
            return userid

    def set_staff(
        self,
        userid: str,
        *,
        capacity: int | None = None,
        confirm_delay: timedelta | Literal["never"] | None = None,
        serving: bool | None = None,
    ) -> None:
        """
        Change settings of staff; what is None stays.

        WeCom tells of acquisition links behind which nobody can take a customer any more.
        """
        with self._lock:
            staff = self._world.state.staff[acts.known(self._world, userid)]
            staff.capacity = staff.capacity if capacity is None else capacity
            staff.confirm_delay = staff.confirm_delay if confirm_delay is None else confirm_delay
            staff.serving = staff.serving if serving is None else serving
            links.watch(self._world)

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
                world.state.happened.append(Happening(when, "added", userid, external_userid))
            return external_userid

    def _need_room(self, userid: str) -> None:
        state = self._world.state
        if state.full(state.staff[userid]):
            msg = f"{userid} has as many customers as their capacity allows"
            raise ValueError(msg)

    def add_link_uses(self, count: int, *, expires: datetime | None = None) -> None:
        """Add uses of acquisition links, which a corp has none of at first; they expire in a year by default."""
        with self._lock:
            self._buy(count, expires)

    def _buy(self, count: int, expires: datetime | None) -> None:
        when = expires or self._world.now + timedelta(days=365)
        if count < 1 or when <= self._world.now:
            msg = "give at least one use, and a time to come"
            raise ValueError(msg)
        links.buy(self._world, count, when)

    # What people do in their clients; these fire callbacks.

    def scan(self, config_id_or_state: str, name: str | None = None, *, external_userid: str | None = None) -> Scanned:
        """Have a customer scan a code: one of its staff becomes theirs. A new customer, if no id is given."""
        with self._lock:
            if external_userid is None or external_userid not in self._world.state.customers:
                external_userid = self.add_customer(external_userid, name)
            return acts.scan(self._world, config_id_or_state, external_userid)

    def open_link(
        self,
        link_id_or_url: str,
        customer_channel: str = "",
        name: str | None = None,
        *,
        external_userid: str | None = None,
        adds: bool = True,
    ) -> Opened:
        """
        Have a customer open an acquisition link and add the staff it shows; a new customer, if no id is given.

        The channel may stand in the URL. With ``adds=False`` they only look. Each
        who is added takes one of the uses that `add_link_uses` gives.
        """
        with self._lock:
            if external_userid is None or external_userid not in self._world.state.customers:
                external_userid = self.add_customer(external_userid, name)
            return acts.open_link(self._world, link_id_or_url, external_userid, customer_channel, adds=adds)

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
            acts.write(self._world, acts.relation(self._world, userid, external_userid), by_customer=True)

    def staff_writes(self, userid: str, external_userid: str) -> None:
        """Have staff chat with a customer of theirs."""
        with self._lock:
            acts.write(self._world, acts.relation(self._world, userid, external_userid), by_customer=False)

    def staff_sends(self, userid: str, text: str, external_userids: Sequence[str]) -> str:
        """
        Have staff send a mass message of their own, at once; return its msgid.

        It is empty where an intercept rule for these staff blocked the message. Either way the record tells what
        was found, in ``interceptions``.
        """
        with self._lock:
            return acts.staff_sends(self._world, acts.known(self._world, userid), text, external_userids)

    def staff_resigns(self, userid: str) -> None:
        """Have staff leave the corp: their customers wait to be assigned, their groups for a new owner."""
        with self._lock:
            acts.resign(self._world, acts.known(self._world, userid))

    def staff_records(self, userid: str, *, seconds: int = 3) -> str:
        """Have staff record a voice in a page that uses WeCom's JS-SDK; return its media id."""
        with self._lock:
            return acts.record_voice(self._world, acts.known(self._world, userid), seconds)

    def add_web_file(self, url: str, size: int, *, ranges: bool = True) -> str:
        """
        Put a file where WeCom can fetch it; return its MD5.

        ``ranges=False`` is a server that does not know ``Range``.
        """
        with self._lock:
            return acts.put_on_web(self._world, url, size, ranges=ranges)

    def staff_confirms(self, msgid: str, userid: str) -> None:
        """Have staff confirm their task of a mass message now."""
        with self._lock:
            acts.confirm(self._world, msgid, acts.known(self._world, userid))

    def staff_publishes(self, moment_id: str, userid: str) -> None:
        """Have staff publish a moment of the corp now."""
        with self._lock:
            acts.publish(self._world, moment_id, acts.known(self._world, userid))

    def staff_posts(self, userid: str, text: str) -> str:
        """Have staff publish a moment of their own, for all their customers; return its moment_id."""
        with self._lock:
            return publishing.post(self._world, acts.known(self._world, userid), text).moment_id

    def customer_likes(self, external_userid: str, moment_id: str, userid: str) -> None:
        """Have a customer like a moment that *userid* published and they can see; once, however often they do it."""
        with self._lock:
            task = acts.seen(self._world, moment_id, userid, external_userid)
            acts.like(task, Reaction(external_userid, "", self._world.timestamp))

    def customer_comments(self, external_userid: str, moment_id: str, userid: str) -> None:
        """Have a customer comment on a moment that *userid* published and they can see."""
        with self._lock:
            task = acts.seen(self._world, moment_id, userid, external_userid)
            task.comments.append(Reaction(external_userid, "", self._world.timestamp))

    def staff_likes(self, userid: str, moment_id: str) -> None:
        """Have staff like the moment that they published."""
        with self._lock:
            task = acts.published(self._world, moment_id, userid)
            acts.like(task, Reaction("", userid, self._world.timestamp))

    def staff_comments(self, userid: str, moment_id: str) -> None:
        """Have staff comment on the moment that they published."""
        with self._lock:
            task = acts.published(self._world, moment_id, userid)
            task.comments.append(Reaction("", userid, self._world.timestamp))

    def sign_in(self, person: str, *, private: bool = False, shares: Sequence[str] | None = None) -> str:
        """
        Have a staff or a customer sign in to a page of the app; return the code that the browser comes back with.

        ``private`` is the scope snsapi_privateinfo; ``shares`` is what staff agree to show then, everything by
        default: gender, avatar, qr_code, mobile, email, biz_mail, address.
        """
        with self._lock:
            return identities.sign_in(self._world, person, private=private, shares=shares)

    def tmp_id(self, external_userid: str, *, business_type: int = 2) -> str:
        """Have a customer come to a meeting (1), fill in a form (2) or open a document (3); return their id there."""
        with self._lock:
            return identities.tmp_id(self._world, external_userid, business_type)

    def alias(self, person: str, *, agent_id: int) -> str:
        """Return the id of a staff or a customer in a provider's app, which has this agentid in the corp."""
        with self._lock:
            return identities.alias(self._world, person, agent_id)

    # What admins do in the console; these fire callbacks too.

    def admin_adds_tags(self, group_name: str, names: Sequence[str]) -> dict[str, str]:
        """Have an admin create tags; return name to tag id."""
        with self._lock:
            return acts.add_tags(self._world, group_name, names)

    def admin_edits_tag(self, tag_id: str, *, name: str) -> None:
        """Have an admin rename a tag."""
        with self._lock:
            acts.rename_tag(self._world, tag_id, name)

    def admin_deletes_tag(self, tag_id: str) -> None:
        """Have an admin delete a tag; no customer wears it any more."""
        with self._lock:
            tags.delete_tag(self._world, acts.tag_of(self._world, tag_id))
            acts.tag_event(self._world, "delete", tag_id, "tag")

    def admin_buys_link_uses(self, count: int, *, expires: datetime | None = None) -> None:
        """Have an admin buy uses of acquisition links; they expire in a year by default."""
        with self._lock:
            none_left = not links.balance(self._world)
            self._buy(count, expires)
            if none_left:
                links.report(self._world, "balance_increased")

    def admin_deletes_link(self, link_id: str) -> None:
        """Have an admin delete an acquisition link."""
        with self._lock:
            if self._world.state.links.pop(link_id, None) is None:
                msg = f"there is no link {link_id!r}"
                raise ValueError(msg)
            links.report(self._world, "delete_link", ("LinkId", link_id))

    # No event tells of these.

    def admin_adds_product(
        self, description: str, price: int, *, pictures: Sequence[str] = ("media",), product_sn: str = ""
    ) -> str:
        """Have an admin add a product, which the app can read and not change; return the product_id."""
        with self._lock:
            return acts.add_product(self._world, description, price, pictures, product_sn)

    def admin_adds_intercept_rule(
        self,
        rule_name: str,
        words: Sequence[str],
        *,
        users: Sequence[str] = (),
        departments: Sequence[int] = (),
        blocks: bool = True,
    ) -> str:
        """Have an admin make an intercept rule, which the app can read and not change; return the rule_id."""
        with self._lock:
            return acts.add_intercept_rule(self._world, rule_name, words, users, departments, blocks=blocks)

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
            happened = world.state.happened
            happened.append(Happening(when, "group opened", owner, chat_id))
            happened.append(Happening(when, "group owned", owner, chat_id))
            for member_id in dict.fromkeys((owner, *members)):
                kind = acts.STAFF if member_id in world.state.staff else acts.EXTERNAL
                group.members[member_id] = GroupMember(member_id, kind, when, 1, owner)
                happened.append(Happening(when, "there", member_id, chat_id))
            seal_group(world, group)
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
            group = acts.group_of(self._world, chat_id)
            group.dismissed = True
            self._world.state.happened.append(Happening(self._world.timestamp, "group dismissed", group.owner, chat_id))
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

    def member_writes(self, chat_id: str, member_id: str) -> None:
        """Have somebody who is in a group write there."""
        with self._lock:
            world = self._world
            if member_id not in acts.group_of(world, chat_id).members:
                msg = f"{member_id} is not in the group"
                raise ValueError(msg)
            world.state.happened.append(Happening(world.timestamp, "wrote in group", member_id, chat_id))

    def open_mini_program(self, chat_id: str) -> str:
        """Have somebody open a mini program in a group; return the opengid by which it knows the group."""
        with self._lock:
            world = self._world
            opengid = identifier("oG", world.seed, "opengid", acts.group_of(world, chat_id).chat_id)
            world.state.opengids[opengid] = chat_id
            return opengid

    def rename_group(self, chat_id: str, name: str) -> None:
        """Have the owner give a group another name."""
        with self._lock:
            acts.group_of(self._world, chat_id).name = name
            fields = [("ChatId", chat_id), ("UpdateDetail", "change_name")]
            self._world.emit("change_external_chat", "update", fields)
