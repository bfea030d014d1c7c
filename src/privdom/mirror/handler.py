"""Folds callbacks into the mirror, and tells the event log of relations that begin and end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import attrs

from sqlalchemy import Connection, select

from privdom._port import core_of
from privdom.errors import BadRequest, NotACustomer, Refused
from privdom.events import EventLog, TransferFailed, Write
from privdom.mirror import tables
from privdom.mirror.fold import fold_customer
from privdom.mirror.sync import GROUP_GONE
from privdom.mirror.values import CorpTag, Customer, Follow, Group
from privdom.mirror.writes import current_generation, put, put_group, remove_group, remove_tags
from privdom.wecom import callbacks as wire
from privdom.wecom.client import WeCom


if TYPE_CHECKING:
    from privdom.wecom.client import AsyncWeCom


__all__ = ["MirrorHandler"]

# WeCom's pages say that part of a group's data is written about two seconds after the event.
_GROUP_LAG = 2.0


@attrs.frozen
class _Answer:
    """What WeCom tells of a customer: nothing if it knows of no relation."""

    asked_at: datetime
    customer: Customer | None = None
    follows: tuple[Follow, ...] = ()


class MirrorHandler:
    """
    A handler for the dispatcher that keeps the mirror up to date.

    ::

        Dispatcher(wecom, store, [welcome, MirrorHandler(wecom)])

    A callback only says where to look: what is stored is WeCom's present answer.
    So events that come twice, late or in another order end in the same mirror.
    It logs ``follow_added``, ``follow_removed`` and ``transfer_failed`` in the same transaction.
    """

    name = "mirror"

    def __init__(self, wecom: AsyncWeCom | WeCom) -> None:
        self._wecom = core_of(wecom) if isinstance(wecom, WeCom) else wecom
        self._port = self._wecom.port
        self._corp_id = self._wecom.corp_id

    async def handle(self, event: wire.Event) -> Write | None:
        """Read what *event* is about, and return what is to be written."""
        match event:
            case wire.TransferFailed():
                return self._log_failure(event)
            case wire.MsgAuditApproved():
                return None
            case wire.CustomerEvent():
                return await self._customer(event)
            case wire.GroupEvent():
                return await self._group(event)
            case wire.TagEvent():
                return await self._tags(event)
            case _:
                return None

    def for_run(self) -> MirrorHandler:
        """Return a handler for one run of the dispatcher, which asks for each customer once."""
        return _RunOfMirror(self._wecom)

    async def _customer(self, event: wire.CustomerEvent) -> Write:
        answer = await self._read_customer(event.external_user_id)
        return self._in_turn(
            partial(
                fold_customer,
                event=event,
                asked_at=answer.asked_at,
                customer=answer.customer,
                follows=answer.follows,
            )
        )

    async def _read_customer(self, external_userid: str) -> _Answer:
        asked_at = self._port.now()
        customer: Customer | None = None
        follows: list[Follow] = []
        try:
            async with aclosing(self._wecom.contacts.get_pages(external_userid)) as pages:
                async for page in pages:
                    customer = Customer.of(page.external_contact)
                    tagged = ((one, (tag.tag_id for tag in one.tags)) for one in page.follow_user)
                    follows += [Follow.of(external_userid, one, tag_ids) for one, tag_ids in tagged]
        except NotACustomer:
            # Nobody follows them, or only staff who have not confirmed them yet.
            return _Answer(asked_at)
        return _Answer(asked_at, customer, tuple(follows))

    async def _group(self, event: wire.GroupEvent) -> Write:
        asked_at = self._port.now()
        group = None if isinstance(event, wire.GroupDismissed) else await self._read_group(event.chat_id)
        if group is not None and isinstance(event, wire.GroupUpdated) and _is_stale(group, event):
            await self._port.sleep(_GROUP_LAG)
            asked_at = self._port.now()
            group = await self._read_group(event.chat_id)

        def write(conn: Connection, corp_id: str) -> None:
            generation = current_generation(conn, corp_id)
            if group is None:
                remove_group(conn, corp_id, event.chat_id, generation, asked_at=asked_at)
            else:
                put_group(conn, corp_id, group, generation, asked_at=asked_at)

        return self._in_turn(write)

    async def _read_group(self, chat_id: str) -> Group | None:
        try:
            return Group.of(await self._wecom.groups.get(chat_id))
        except Refused as e:
            if e.errcode not in GROUP_GONE:
                raise
            return None

    async def _tags(self, event: wire.TagEvent) -> Write:
        # A shuffle without an id moved the groups themselves.
        of_tag = event.tag_type == "tag"
        tag_ids, group_ids = ((event.id,), ()) if of_tag else ((), (event.id,) if event.id else ())
        try:
            told = CorpTag.of(await self._wecom.tags.list(tag_ids=tag_ids, group_ids=group_ids))
        except BadRequest:
            told = ()  # there is no such tag or group any more

        def write(conn: Connection, corp_id: str) -> None:
            c = tables.corp_tag.c
            about = c.tag_id == event.id if of_tag else c.group_id == event.id
            known = conn.execute(select(c.tag_id).where(c.corp_id == corp_id, about)).scalars()
            remove_tags(conn, corp_id, set(known) - {tag.tag_id for tag in told})
            put(conn, tables.corp_tag, corp_id, told, current_generation(conn, corp_id))

        return self._in_turn(write)

    def _in_turn(self, write: Callable[[Connection, str], None]) -> Write:
        def work(conn: Connection) -> None:
            tables.lock(conn, self._corp_id)
            write(conn, self._corp_id)

        return work

    def _log_failure(self, event: wire.TransferFailed) -> Write:
        failure = TransferFailed(event.external_user_id, event.user_id, event.fail_reason, event.create_time)
        return lambda conn: EventLog.append(conn, self._corp_id, failure)

    def __repr__(self) -> str:
        return f"<MirrorHandler of {self._corp_id}>"


class _RunOfMirror(MirrorHandler):
    """A transfer tells of each customer twice, an import of tags many times: one answer will do for all."""

    def __init__(self, wecom: AsyncWeCom | WeCom) -> None:
        super().__init__(wecom)
        self._answers: dict[str, _Answer] = {}

    async def _read_customer(self, external_userid: str) -> _Answer:
        if external_userid not in self._answers:
            self._answers[external_userid] = await super()._read_customer(external_userid)
        return self._answers[external_userid]


def _is_stale(group: Group, event: wire.GroupUpdated) -> bool:
    before, after = event.last_mem_ver, event.cur_mem_ver
    return bool(before) and before != after and group.member_version == before
