"""One corp and what surrounds it: what handlers and client-side acts work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from privdom.sandbox.callbacks import Callbacks
from privdom.sandbox.chance import digest, identifier
from privdom.sandbox.clock import Agenda, VirtualClock
from privdom.sandbox.door import Tokens
from privdom.sandbox.errors import WeComError
from privdom.sandbox.fields import Fields
from privdom.sandbox.multipart import FormFile
from privdom.sandbox.record import Record
from privdom.sandbox.rules import Rules
from privdom.sandbox.state import Customer, Follow, Staff, State


__all__ = ["AGENT_ID", "Call", "World"]

AGENT_ID: Final = 1_000_002
"""The agentid of the corp's one app."""


@attrs.frozen
class Call:
    """A call that passed the door: who is not the question any more, only what."""

    path: str
    query: Mapping[str, str]
    body: Fields
    file: FormFile | None = None
    range: str = ""


@attrs.define
class World:
    """State, clock, agenda, rules, chance and the judge."""

    corp_id: str
    seed: int
    rules: Rules
    clock: VirtualClock
    agenda: Agenda
    state: State
    record: Record
    callbacks: Callbacks
    tokens: Tokens
    names: dict[str, int] = attrs.Factory(dict[str, int])
    refusals: int = 0
    """How many calls were refused; it stands in the hints of error messages."""

    @property
    def now(self) -> datetime:
        """The present moment, virtual."""
        return self.clock.now()

    @property
    def timestamp(self) -> int:
        """The present moment in unix seconds."""
        return self.clock.timestamp()

    def new_id(self, prefix: str, *parts: object) -> str:
        """
        Return an id made from content; the same content again gives another id.

        The counter stands per content, so that other calls do not change ids.
        """
        key = digest(self.seed, prefix, *parts)
        count = self.names[key] = self.names.get(key, 0) + 1
        return identifier(prefix, self.seed, key, count)

    def emit(self, event: str, change_type: str, fields: Sequence[tuple[str, object]]) -> None:
        """Queue a callback."""
        self.callbacks.emit(event, change_type, fields)

    def emit_contact(self, change_type: str, follow: Follow, *more: tuple[str, str]) -> None:
        """Queue a change_external_contact callback about one relation."""
        fields = [("UserID", follow.userid), ("ExternalUserID", follow.external_userid), *more]
        self.emit("change_external_contact", change_type, fields)

    def need_staff(self, userid: str, *, serving: bool = False) -> Staff:
        """
        Return staff.

        Raises:
            WeComError: 41009 absent, 60111 unknown, 84074 without the customer-contact right.
        """
        if not userid:
            raise WeComError(41009)
        staff = self.state.member(userid)
        if staff is None:
            raise WeComError(60111)
        if serving and not staff.serving:
            raise WeComError(84074)
        return staff

    def need_customer(self, external_userid: str) -> Customer:
        """
        Return a customer whom somebody follows.

        Raises:
            WeComError: 41035 absent, 40096 unknown, 84061 nobody follows them.
        """
        if not external_userid:
            raise WeComError(41035)
        customer = self.state.customers.get(external_userid)
        if customer is None:
            raise WeComError(40096)
        if not customer.follows:
            raise WeComError(84061)
        return customer

    def need_follow(self, userid: str, external_userid: str) -> Follow:
        """
        Return a relation.

        Raises:
            WeComError: Staff or customer is unknown, or 84061, they are not connected.
        """
        staff = self.need_staff(userid)
        self.need_customer(external_userid)
        follow = self.state.follow(staff.userid, external_userid)
        if follow is None:
            raise WeComError(84061)
        return follow
