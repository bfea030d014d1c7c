"""transfer_customer: hand customers to another staff (WeCom documentation 92125)."""

from __future__ import annotations

import json

from collections import Counter
from collections.abc import Sequence, Set
from datetime import timedelta

import attrs

from privdom._facts import endpoints
from privdom.errors import UsageError
from privdom.outbox.kind import Candidate, Finding, Found, Kind, Unclear
from privdom.outbox.units import ItemState, Unit
from privdom.outbox.verdicts import Done, Item
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.transfers import TransferRequest, TransferStarted
from privdom.wecom.wire import dumps, unstructure


__all__ = ["TRANSFER", "Transfer"]

_RUNS_ALREADY = frozenset({40100, 40129})


class Transfer(Kind[TransferRequest, TransferStarted]):
    """
    Hand up to 100 customers over; subjects are the customers.

    The look-up compares the pair's transfer_result (94088) with what it was
    right before the call. It cannot tell:

    * whose attempt a new record is: records carry no id, so a transfer of the same customers between the same staff
      that somebody makes elsewhere in the meantime looks like ours. Within this library the lane of the pair keeps
      others away;
    * which customers WeCom refused with an errcode of their own: they may have no record, or one that looks like a
      refusal by the customer. They count as unseen, and the result of the transfer tells the rest;
    * a call of which WeCom refused every customer, from one that never arrived; both may be repeated, which `resend`
      does.
    """

    name = "transfer"
    endpoint = endpoints.TRANSFER
    request = TransferRequest
    answer = TransferStarted
    prepares = True
    gives_id = False

    def check(self, request: TransferRequest, subjects: Sequence[str]) -> None:
        if set(subjects) != set(request.external_userid):
            msg = "subjects= of a transfer are just the customers of its request"
            raise UsageError(msg)

    def narrow(self, request: TransferRequest, subjects: Set[str]) -> TransferRequest:
        left = tuple(customer for customer in request.external_userid if customer in subjects)
        return attrs.evolve(request, external_userid=left)

    def lane(self, request: TransferRequest) -> str:
        # Ids of staff are case-insensitive at WeCom.
        return f"transfer:{request.handover_userid}:{request.takeover_userid}".lower()

    def fingerprint(self, request: TransferRequest) -> str:
        return "/".join((self.lane(request), *sorted(request.external_userid)))

    async def prepare(self, wecom: AsyncWeCom, request: TransferRequest) -> str:
        return json.dumps(await _attempts(wecom, request), sort_keys=True)

    def read(self, request: TransferRequest, answer: TransferStarted) -> Done:
        items = {
            item.external_userid: Item(ItemState.SENT if item.errcode == 0 else ItemState.FAILED, item.errcode)
            for item in answer.customer
        }
        return Done(None, dumps(unstructure(answer)).decode(), items)

    def doubts(self, unit: Unit, answer: TransferStarted) -> str | None:
        if any(item.errcode in _RUNS_ALREADY for item in answer.customer):
            return "a transfer of some customers runs already, perhaps by an earlier call: looked up"
        return None

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: TransferRequest, skew: timedelta) -> Finding:
        if unit.prepared is None:
            return Unclear("it is not known what transfers there were before the call")
        before: dict[str, int] = json.loads(unit.prepared)
        after = await _attempts(wecom, request)
        started = {customer for customer, count in after.items() if count > before.get(customer, 0)}
        if not started:
            return Found()
        items = {customer: Item(ItemState.UNSEEN) for customer in request.external_userid if customer not in started}
        return Found((Candidate(Done(None, None, items), certain=True),))


async def _attempts(wecom: AsyncWeCom, request: TransferRequest) -> dict[str, int]:
    """Return how many attempts the pair has on record for each customer of the request."""
    wanted = set(request.external_userid)
    counts: Counter[str] = Counter()
    async for record in wecom.transfers.each_result(request.handover_userid, request.takeover_userid):
        if record.external_userid in wanted:
            counts[record.external_userid] += 1
    return dict(counts)


TRANSFER = Transfer()
