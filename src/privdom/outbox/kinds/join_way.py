"""groupchat/add_join_way: make a join way of groups (WeCom documentation 92229)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from privdom._facts import endpoints
from privdom.errors import UsageError
from privdom.outbox.kind import Finding, Kind, Unclear
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Done
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.join_ways import CreatedJoinWay, NewJoinWay
from privdom.wecom.wire import dumps, unstructure


__all__ = ["JOIN_WAY", "JoinWayKind"]


class JoinWayKind(Kind[NewJoinWay, CreatedJoinWay]):
    """
    Make a join way; ``remote_id`` is its config id, by which `join_ways.get` tells its QR code.

    WeCom lists no join ways, so a lost call cannot be looked up at all. A second
    one harms no customer, since nobody has seen the code of the first: it costs
    one more of the 500,000 ways of the corp, for ever. So it is called again
    under `Policy.RESEND`, at most ``resends`` times, and parked under
    `Policy.PARK`. What cannot be told: whether there is such an orphan.
    """

    name = "join_way"
    endpoint = endpoints.JOIN_WAY_ADD
    request = NewJoinWay
    answer = CreatedJoinWay

    def check(self, request: NewJoinWay, subjects: Sequence[str]) -> None:
        if subjects:
            msg = "a join way concerns no customer yet: leave subjects= out, and give a unit_id to plan it only once"
            raise UsageError(msg)

    def fingerprint(self, request: NewJoinWay) -> str:
        return dumps(unstructure(request)).decode()

    def read(self, request: NewJoinWay, answer: CreatedJoinWay) -> Done:
        return Done(answer.config_id, dumps(unstructure(answer)).decode())

    async def known(self, wecom: AsyncWeCom, remote_id: str) -> Done:
        way = await wecom.join_ways.get(remote_id)
        return Done(way.config_id, dumps(unstructure(CreatedJoinWay(way.config_id))).decode())

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: NewJoinWay, skew: timedelta) -> Finding:
        return Unclear("WeCom lists no join ways", harmless=True)


JOIN_WAY = JoinWayKind()
