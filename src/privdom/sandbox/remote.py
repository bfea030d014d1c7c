"""A sandbox in another process, driven by the same method names."""

from __future__ import annotations

import threading
import time

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Self, cast

import httpx

from privdom._facts import limits
from privdom.sandbox.acts import Opened, Scanned
from privdom.sandbox.control import PREFIX
from privdom.sandbox.faults import Fault, FaultKind
from privdom.sandbox.joining import Joined
from privdom.sandbox.record import Record
from privdom.sandbox.rules import Quota
from privdom.sandbox.world import AGENT_ID


__all__ = ["RemoteClock", "RemoteFaults", "RemoteSandbox"]


class _Line:
    """Sends commands."""

    def __init__(self, base_url: str) -> None:
        # Years to pass, or 300,000 customers to make, take as long as they take.
        patience = httpx.Timeout(None, connect=10.0)
        self._client = httpx.Client(base_url=base_url, timeout=patience, trust_env=False)

    def ask(self, command: str, **arguments: object) -> Any:
        sent = {name: _plain(value) for name, value in arguments.items()}
        answer = self._client.post(PREFIX + command, json=sent)
        if answer.is_server_error:
            raise RuntimeError(answer.text)
        data = cast("dict[str, Any]", answer.json())
        if answer.is_error:
            raise ValueError(data["error"])
        return data["result"]

    def close(self) -> None:
        self._client.close()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Quota):
        return [value.calls, value.seconds]
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return value


class RemoteClock:
    """
    The sandbox's clock, asked for at most once in ``max_age`` real seconds.

    Moving the clock through the same `RemoteSandbox` shows at once; moved by
    another process it shows after ``max_age``.
    """

    def __init__(self, line: _Line, max_age: float) -> None:
        self._line, self._max_age = line, max_age
        self._lock = threading.Lock()
        self._now: datetime | None = None
        self._asked = 0.0

    def now(self) -> datetime:
        """Return the present moment, aware."""
        with self._lock:
            if self._now is None or time.monotonic() - self._asked > self._max_age:
                self._now = datetime.fromisoformat(self._line.ask("clock")["now"])
                self._asked = time.monotonic()
            return self._now

    def forget(self) -> None:
        """Ask again the next time."""
        with self._lock:
            self._now = None

    def __repr__(self) -> str:
        return "<RemoteClock>"


class RemoteFaults:
    """The faults of the sandbox."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def add(self, fault: Fault) -> None:
        """Have *fault* strike the next call that it fits."""
        self._line.ask(
            "faults/add",
            kind=fault.kind,
            path=fault.path,
            times=fault.times,
            subject=fault.subject,
            after_change=fault.after_change,
            delay=fault.delay,
        )

    def random(self, rate: float, kinds: Collection[FaultKind], paths: Collection[str] = ()) -> None:
        """Have one of *kinds* strike a share of the calls to *paths*, all paths by default."""
        self._line.ask("faults/random", rate=rate, kinds=list(kinds), paths=list(paths))

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        self._line.ask("faults/clear")


class RemoteSandbox:
    """The sandbox that listens at *base_url*; each method does what `Sandbox`'s does."""

    def __init__(self, base_url: str, *, clock_max_age: float = 0.01) -> None:
        self.base_url = base_url.rstrip("/")
        self._line = _Line(self.base_url)
        self.clock = RemoteClock(self._line, clock_max_age)
        self.faults = RemoteFaults(self._line)

    def settings(self) -> dict[str, str]:
        """Return corp_id, secret, callback_token, encoding_aes_key and callback_url."""
        return cast("dict[str, str]", self._line.ask("settings"))

    @property
    def corp_id(self) -> str:
        """The corp's id."""
        return self.settings()["corp_id"]

    @property
    def agent_id(self) -> int:
        """The agentid of the corp's one app."""
        return AGENT_ID

    @property
    def secret(self) -> str:
        """The app's secret."""
        return self.settings()["secret"]

    @property
    def callback_token(self) -> str:
        """The token that signs callbacks."""
        return self.settings()["callback_token"]

    @property
    def encoding_aes_key(self) -> str:
        """The key that encrypts callbacks."""
        return self.settings()["encoding_aes_key"]

    @property
    def callback_url(self) -> str | None:
        """Where callbacks are posted."""
        return self.settings()["callback_url"] or None

    @callback_url.setter
    def callback_url(self, url: str | None) -> None:
        self.set_callback(url)

    def set_callback(self, url: str | None, *, token: str | None = None, encoding_aes_key: str | None = None) -> None:
        """Change where callbacks go and how they are signed and encrypted."""
        self._line.ask("set_callback", url=url or "", token=token, encoding_aes_key=encoding_aes_key)

    def verify_callback_url(self) -> bool:
        """Ask the callback URL to prove itself."""
        return bool(self._line.ask("verify_callback_url"))

    @property
    def pending_callbacks(self) -> int:
        """How many callbacks wait to be delivered."""
        return int(self._line.ask("pending_callbacks"))

    def deliver(self) -> int:
        """Try every pending callback once, in order; return how many were taken."""
        return int(self._line.ask("deliver"))

    def advance_to(self, when: datetime) -> None:
        """Move the clock to *when*, running what falls due on the way."""
        self._line.ask("advance_to", when=when)
        self.clock.forget()

    def advance(self, by: timedelta) -> None:
        """Move the clock forward *by* this much."""
        self._line.ask("advance", by=by)
        self.clock.forget()

    def next_at(self) -> datetime | None:
        """Return when the next thing falls due, or None."""
        text = self._line.ask("next_at")
        return datetime.fromisoformat(text) if text else None

    def revoke_tokens(self) -> None:
        """End all access tokens before their time."""
        self._line.ask("revoke_tokens")

    def change_rules(self, **changes: object) -> None:
        """Replace some of the rules by name."""
        self._line.ask("rules", **changes)

    def add_department(self, name: str, *, parent: int = 1, department_id: int | None = None) -> int:
        """Add a department and return its id."""
        return int(self._line.ask("add_department", name=name, parent=parent, department_id=department_id))

    def add_staff(
        self,
        userid: str,
        name: str | None = None,
        *,
        department: int | Sequence[int] = 1,
        capacity: int = limits.CUSTOMERS_PER_STAFF,
        confirm_delay: timedelta | Literal["never"] | None = None,
        position: str = "",
        serving: bool = True,
    ) -> str:
        """Add staff and return the userid."""
        return str(
            self._line.ask(
                "add_staff",
                userid=userid,
                name=name,
                department=department,
                capacity=capacity,
                confirm_delay=confirm_delay,
                position=position,
                serving=serving,
            )
        )

    def set_staff(
        self,
        userid: str,
        *,
        capacity: int | None = None,
        confirm_delay: timedelta | Literal["never"] | None = None,
        serving: bool | None = None,
    ) -> None:
        """Change settings of staff; what is None stays."""
        self._line.ask("set_staff", userid=userid, capacity=capacity, confirm_delay=confirm_delay, serving=serving)

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
        return str(
            self._line.ask(
                "add_customer",
                external_userid=external_userid,
                name=name,
                staff=list(staff),
                state=state,
                add_way=add_way,
                gender=gender,
                type=type,
                unionid=unionid,
                corp_name=corp_name,
                created=created,
                tags=list(tags),
                remark=remark,
            )
        )

    def populate(self, *, staff: int = 12, customers: int = 3_000, groups: int = 30, overlap: float = 0.08) -> None:
        """Fill the corp, the same for the same seed."""
        self._line.ask("populate", staff=staff, customers=customers, groups=groups, overlap=overlap)

    def scan(self, config_id_or_state: str, name: str | None = None, *, external_userid: str | None = None) -> Scanned:
        """Have a customer scan a code."""
        found = self._line.ask(
            "scan", config_id_or_state=config_id_or_state, name=name, external_userid=external_userid
        )
        return Scanned(**found)

    def add_link_uses(self, count: int, *, expires: datetime | None = None) -> None:
        """Add uses of acquisition links."""
        self._line.ask("add_link_uses", count=count, expires=expires)

    def open_link(
        self,
        link_id_or_url: str,
        customer_channel: str = "",
        name: str | None = None,
        *,
        external_userid: str | None = None,
        adds: bool = True,
    ) -> Opened:
        """Have a customer open an acquisition link and add the staff it shows."""
        found = self._line.ask(
            "open_link",
            link_id_or_url=link_id_or_url,
            customer_channel=customer_channel,
            name=name,
            external_userid=external_userid,
            adds=adds,
        )
        return Opened(**found)

    def befriend(self, userid: str, external_userid: str, *, add_way: int = 2, state: str = "") -> str:
        """Have staff and an existing customer connect; return the welcome code."""
        return str(
            self._line.ask("befriend", userid=userid, external_userid=external_userid, add_way=add_way, state=state)
        )

    def customer_deletes_staff(self, external_userid: str, userid: str) -> None:
        """Have a customer delete staff."""
        self._line.ask("customer_deletes_staff", external_userid=external_userid, userid=userid)

    def staff_deletes_customer(self, userid: str, external_userid: str) -> None:
        """Have staff delete a customer."""
        self._line.ask("staff_deletes_customer", userid=userid, external_userid=external_userid)

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
        self._line.ask(
            "staff_edits_customer",
            userid=userid,
            external_userid=external_userid,
            remark=remark,
            add_tags=list(add_tags),
            remove_tags=list(remove_tags),
        )

    def customer_writes(self, external_userid: str, userid: str) -> None:
        """Have a customer chat with staff."""
        self._line.ask("customer_writes", external_userid=external_userid, userid=userid)

    def staff_writes(self, userid: str, external_userid: str) -> None:
        """Have staff chat with a customer of theirs."""
        self._line.ask("staff_writes", userid=userid, external_userid=external_userid)

    def staff_sends(self, userid: str, text: str, external_userids: Sequence[str]) -> str:
        """Have staff send a mass message of their own; return its msgid, empty where an intercept rule blocked it."""
        return str(self._line.ask("staff_sends", userid=userid, text=text, external_userids=list(external_userids)))

    def staff_resigns(self, userid: str) -> None:
        """Have staff leave the corp."""
        self._line.ask("staff_resigns", userid=userid)

    def staff_records(self, userid: str, *, seconds: int = 3) -> str:
        """Have staff record a voice in a page that uses WeCom's JS-SDK; return its media id."""
        return str(self._line.ask("staff_records", userid=userid, seconds=seconds))

    def add_web_file(self, url: str, size: int, *, ranges: bool = True) -> str:
        """Put a file where WeCom can fetch it; return its MD5."""
        return str(self._line.ask("add_web_file", url=url, size=size, ranges=ranges))

    def staff_confirms(self, msgid: str, userid: str) -> None:
        """Have staff confirm their task of a mass message now."""
        self._line.ask("staff_confirms", msgid=msgid, userid=userid)

    def staff_publishes(self, moment_id: str, userid: str) -> None:
        """Have staff publish a moment of the corp now, unless it was stopped or a strategy withdraws their right to."""
        self._line.ask("staff_publishes", moment_id=moment_id, userid=userid)

    def staff_posts(self, userid: str, text: str) -> str:
        """Have staff publish a moment of their own; return its moment_id."""
        return str(self._line.ask("staff_posts", userid=userid, text=text))

    def customer_likes(self, external_userid: str, moment_id: str, userid: str) -> None:
        """Have a customer like a moment that *userid* published and they can see."""
        self._line.ask("customer_likes", external_userid=external_userid, moment_id=moment_id, userid=userid)

    def customer_comments(self, external_userid: str, moment_id: str, userid: str) -> None:
        """Have a customer comment on a moment that *userid* published and they can see."""
        self._line.ask("customer_comments", external_userid=external_userid, moment_id=moment_id, userid=userid)

    def staff_likes(self, userid: str, moment_id: str) -> None:
        """Have staff like the moment that they published."""
        self._line.ask("staff_likes", userid=userid, moment_id=moment_id)

    def staff_comments(self, userid: str, moment_id: str) -> None:
        """Have staff comment on the moment that they published."""
        self._line.ask("staff_comments", userid=userid, moment_id=moment_id)

    def sign_in(self, person: str, *, private: bool = False, shares: Sequence[str] | None = None) -> str:
        """Have a staff or a customer sign in; return the code that the browser comes back with."""
        given = None if shares is None else list(shares)
        return str(self._line.ask("sign_in", person=person, private=private, shares=given))

    def tmp_id(self, external_userid: str, *, business_type: int = 2) -> str:
        """Have a customer come to a meeting, fill in a form or open a document; return their id there."""
        return str(self._line.ask("tmp_id", external_userid=external_userid, business_type=business_type))

    def alias(self, person: str, *, agent_id: int) -> str:
        """Return the id of a staff or a customer in a provider's app."""
        return str(self._line.ask("alias", person=person, agent_id=agent_id))

    def admin_adds_tags(self, group_name: str, names: Sequence[str]) -> dict[str, str]:
        """Have an admin create tags; return name to tag id."""
        return cast("dict[str, str]", self._line.ask("admin_adds_tags", group_name=group_name, names=list(names)))

    def admin_edits_tag(self, tag_id: str, *, name: str) -> None:
        """Have an admin rename a tag."""
        self._line.ask("admin_edits_tag", tag_id=tag_id, name=name)

    def admin_deletes_tag(self, tag_id: str) -> None:
        """Have an admin delete a tag."""
        self._line.ask("admin_deletes_tag", tag_id=tag_id)

    def admin_buys_link_uses(self, count: int, *, expires: datetime | None = None) -> None:
        """Have an admin buy uses of acquisition links."""
        self._line.ask("admin_buys_link_uses", count=count, expires=expires)

    def admin_deletes_link(self, link_id: str) -> None:
        """Have an admin delete an acquisition link."""
        self._line.ask("admin_deletes_link", link_id=link_id)

    def admin_adds_product(
        self, description: str, price: int, *, pictures: Sequence[str] = ("media",), product_sn: str = ""
    ) -> str:
        """Have an admin add a product; return the product_id."""
        return str(
            self._line.ask(
                "admin_adds_product",
                description=description,
                price=price,
                pictures=list(pictures),
                product_sn=product_sn,
            )
        )

    def admin_adds_intercept_rule(
        self,
        rule_name: str,
        words: Sequence[str],
        *,
        users: Sequence[str] = (),
        departments: Sequence[int] = (),
        blocks: bool = True,
    ) -> str:
        """Have an admin make an intercept rule; return the rule_id."""
        return str(
            self._line.ask(
                "admin_adds_intercept_rule",
                rule_name=rule_name,
                words=list(words),
                users=list(users),
                departments=list(departments),
                blocks=blocks,
            )
        )

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
        """Add a customer group, without any event, and return the chat_id."""
        return str(
            self._line.ask(
                "add_group",
                chat_id=chat_id,
                name=name,
                owner=owner,
                members=list(members),
                notice=notice,
                created=created,
            )
        )

    def create_group(self, name: str = "", *, owner: str, members: Sequence[str] = ()) -> str:
        """Have staff open a customer group."""
        return str(self._line.ask("create_group", name=name, owner=owner, members=list(members)))

    def dismiss_group(self, chat_id: str) -> None:
        """Have the owner dissolve a group."""
        self._line.ask("dismiss_group", chat_id=chat_id)

    def join_group(self, chat_id: str, ids: Sequence[str], *, scene: int = 3) -> None:
        """Have people join a group who are not in it yet."""
        self._line.ask("join_group", chat_id=chat_id, ids=list(ids), scene=scene)

    def scan_join_way(
        self, config_id_or_state: str, name: str | None = None, *, external_userid: str | None = None
    ) -> Joined:
        """Have a customer scan a join way, and be in one of its groups."""
        found = self._line.ask(
            "scan_join_way", config_id_or_state=config_id_or_state, name=name, external_userid=external_userid
        )
        return Joined(**found)

    def set_group_welcome(self, chat_id: str, template_id: str) -> None:
        """Have the owner choose the group welcome that customers get who join from now on."""
        self._line.ask("set_group_welcome", chat_id=chat_id, template_id=template_id)

    def leave_group(self, chat_id: str, ids: Sequence[str], *, scene: int = 0) -> None:
        """Have people leave a group."""
        self._line.ask("leave_group", chat_id=chat_id, ids=list(ids), scene=scene)

    def member_writes(self, chat_id: str, member_id: str) -> None:
        """Have somebody who is in a group write there."""
        self._line.ask("member_writes", chat_id=chat_id, member_id=member_id)

    def open_mini_program(self, chat_id: str) -> str:
        """Have somebody open a mini program in a group; return the opengid by which it knows the group."""
        return str(self._line.ask("open_mini_program", chat_id=chat_id))

    def rename_group(self, chat_id: str, name: str) -> None:
        """Have the owner give a group another name."""
        self._line.ask("rename_group", chat_id=chat_id, name=name)

    def change_group_notice(self, chat_id: str, notice: str) -> None:
        """Have the owner write the notice of a group."""
        self._line.ask("change_group_notice", chat_id=chat_id, notice=notice)

    def change_group_owner(self, chat_id: str, userid: str) -> None:
        """Have the owner give a group to other staff who are in it."""
        self._line.ask("change_group_owner", chat_id=chat_id, userid=userid)

    @property
    def record(self) -> Record:
        """What happened so far: a copy."""
        return Record.from_json(self._line.ask("record"))

    def state(self) -> dict[str, object]:
        """Return what there is, by id, as plain JSON-able data to look at; `snapshot` returns what can be restored."""
        return cast("dict[str, object]", self._line.ask("state"))

    def snapshot(self) -> dict[str, object]:
        """Return all of it as plain JSON-able data, for `restore` here and elsewhere."""
        return cast("dict[str, object]", self._line.ask("snapshot"))

    def restore(self, data: Mapping[str, object]) -> None:
        """
        Have it be what `snapshot` described, with its corp, its secret and its time.

        Raises:
            ValueError: it is no snapshot, or of another release's format; nothing has changed.
        """
        self._line.ask("restore", data=data)
        self.clock.forget()

    def close(self) -> None:
        """Close the connection; the sandbox goes on."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RemoteSandbox {self.base_url}>"
