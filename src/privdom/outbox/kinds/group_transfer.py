"""groupchat/onjob_transfer: give groups to another owner (WeCom documentation 95703)."""

from __future__ import annotations

import json

from collections.abc import Sequence, Set
from datetime import timedelta

import attrs

from privdom._facts import endpoints
from privdom.errors import ApiError, UsageError
from privdom.outbox.kind import Candidate, Finding, Found, Kind, Unclear
from privdom.outbox.units import ItemState, Unit, UnitState
from privdom.outbox.verdicts import Done, Item
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.groups import GroupsTransferred, TransferGroupsRequest
from privdom.wecom.wire import dumps, loads, structure, unstructure


__all__ = ["GROUP_TRANSFER", "GroupTransfer"]

_OWNER_UNCHANGED, _RUNNING = 90504, 90507
# No such group, or none any more: WeCom leaves it out of the transfer too.
_NO_GROUP = frozenset({40050, 49008, 90501, 90509})


class GroupTransfer(Kind[TransferGroupsRequest, GroupsTransferred]):
    """
    Give up to 100 groups to another owner; subjects are the groups.

    The look-up reads the owner of each group and compares it with what it was
    right before the call. Groups that the new owner has got since count as sent,
    the others as unseen. If none has moved, the call may be repeated, but only
    while nobody else has moved one of them: otherwise the unit is parked, since
    repeating would undo that. It cannot tell:

    * who moved a group: one that somebody else gives to the same staff in the meantime looks like ours. Within this
      library such calls wait for each other;
    * why a group did not move: a lost answer's errcodes are lost;
    * a call of which WeCom refused every group, from one that never arrived; both may be repeated, which `resend` does;
    * a change of owner that comes later than ``settle``: whether it happens at once is documented nowhere. A repeat of
      such a call changes nothing more, WeCom answering 90504 for each group that has moved by then.
    """

    name = "group_transfer"
    endpoint = endpoints.GROUP_TRANSFER
    request = TransferGroupsRequest
    answer = GroupsTransferred
    prepares = True
    gives_id = False

    def check(self, request: TransferGroupsRequest, subjects: Sequence[str]) -> None:
        if set(subjects) != set(request.chat_id_list):
            msg = "subjects= of a group transfer are just the groups of its request"
            raise UsageError(msg)

    def narrow(self, request: TransferGroupsRequest, subjects: Set[str]) -> TransferGroupsRequest:
        return attrs.evolve(request, chat_id_list=tuple(chat for chat in request.chat_id_list if chat in subjects))

    def lane(self, request: TransferGroupsRequest) -> str:
        # The request does not name the old owner, and the same group may stand in transfers to several new ones: of
        # two such calls under way at once, the earlier could land last.
        return "group_transfer"

    def fingerprint(self, request: TransferGroupsRequest) -> str:
        # Ids of staff are case-insensitive at WeCom.
        return "/".join((request.new_owner.lower(), *sorted(request.chat_id_list)))

    async def prepare(self, wecom: AsyncWeCom, request: TransferGroupsRequest) -> str:
        return json.dumps(await _owners(wecom, request), sort_keys=True)

    def read(self, request: TransferGroupsRequest, answer: GroupsTransferred) -> Done:
        failed = {group.chat_id: Item(ItemState.FAILED, group.errcode) for group in answer.failed_chat_list}
        return Done(None, dumps(unstructure(answer)).decode(), failed)

    def doubts(self, unit: Unit, answer: GroupsTransferred) -> str | None:
        # Not of groups that the new owner had before the first call: those were never on their way.
        before: dict[str, str] = json.loads(unit.prepared or "{}")
        wanted = structure(loads(unit.request.encode()), TransferGroupsRequest).new_owner.lower()
        moved = [group for group in answer.failed_chat_list if group.errcode in {_OWNER_UNCHANGED, _RUNNING}]
        if any(before.get(group.chat_id) != wanted for group in moved):
            return "some groups have moved already, perhaps by an earlier call: looked up"
        return None

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: TransferGroupsRequest, skew: timedelta) -> Finding:
        if unit.state is UnitState.CONFIRMED:
            # A second one changes nothing more, and has no id to be known by: not worth a hundred readings a sweep.
            return Found()
        if unit.prepared is None:
            return Unclear("it is not known who owned the groups before the call")
        before: dict[str, str] = json.loads(unit.prepared)
        after = await _owners(wecom, request)
        wanted = request.new_owner.lower()
        # What the new owner had anyway is no trace of the call: WeCom answers 90504 for it.
        kept = {chat for chat, owner in after.items() if owner == wanted == before.get(chat)}
        moved = {chat for chat, owner in after.items() if owner == wanted} - kept
        rest = set(request.chat_id_list) - kept - moved
        if moved or not rest:
            items = {chat: Item(ItemState.UNSEEN) for chat in rest}
            items |= {chat: Item(ItemState.FAILED, _OWNER_UNCHANGED) for chat in kept}
            return Found((Candidate(Done(None, None, items), certain=True),))
        if any(chat in after and after[chat] != before.get(chat) for chat in rest):
            return Unclear("somebody else has changed the owner of some groups meanwhile: a repeat would undo that")
        return Found()


async def _owners(wecom: AsyncWeCom, request: TransferGroupsRequest) -> dict[str, str]:
    """Return who owns each group, in lower case; groups that are gone are left out."""
    owners: dict[str, str] = {}
    for chat_id in request.chat_id_list:
        try:
            owners[chat_id] = (await wecom.groups.get(chat_id)).owner.lower()
        except ApiError as e:
            if e.errcode not in _NO_GROUP:
                raise
    return owners


GROUP_TRANSFER = GroupTransfer()
