"""add_contact_way: a QR code or button with staff behind it (WeCom documentation 92228)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import attrs

from privdom._facts import endpoints
from privdom._facts.limits import CODE_REMARK_CHARS
from privdom.errors import ApiError, UsageError
from privdom.outbox.kind import Candidate, Finding, Found, Kind, Unclear
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Done
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.codes import CreatedContactWay, NewContactWay
from privdom.wecom.wire import dumps, unstructure


__all__ = ["CONTACT_WAY", "ContactWayKind"]

# " #" and ten characters.
_MARK_CHARS = 12
_NO_SUCH_WAY = 41044


class ContactWayKind(Kind[NewContactWay, CreatedContactWay]):
    """
    Make a contact way; ``remote_id`` is its config id, ``answer`` has its QR code.

    Its remark ends in a mark, by which the look-up knows it: it lists the ways
    made in the window of the call, and reads each. It cannot tell:

    * temporary ways, which WeCom never lists: such a unit is parked;
    * a way whose remark somebody has changed in the meantime;
    * whether ways of other apps are listed too: they are read in vain, one call each.
    """

    name = "contact_way"
    endpoint = endpoints.CODE_ADD
    request = NewContactWay
    answer = CreatedContactWay

    def check(self, request: NewContactWay, subjects: Sequence[str]) -> None:
        if subjects:
            msg = "a contact way concerns no customer yet: leave subjects= out, and give a unit_id to plan it only once"
            raise UsageError(msg)
        room = CODE_REMARK_CHARS - _MARK_CHARS
        if len(request.remark or "") > room:
            msg = f"the remark must leave room for the mark of the look-up: at most {room} characters"
            raise UsageError(msg)

    def mark(self, request: NewContactWay, nonce: str) -> NewContactWay:
        return attrs.evolve(request, remark=f"{request.remark or ''} #{nonce}".strip())

    def fingerprint(self, request: NewContactWay) -> str:
        return dumps(unstructure(request)).decode()

    def read(self, request: NewContactWay, answer: CreatedContactWay) -> Done:
        return Done(answer.config_id, dumps(unstructure(answer)).decode())

    async def known(self, wecom: AsyncWeCom, remote_id: str) -> Done:
        return _done(remote_id, (await wecom.codes.get(remote_id)).qr_code)

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: NewContactWay, skew: timedelta) -> Finding:
        assert unit.armed_at is not None
        if request.is_temp:
            return Unclear("WeCom lists no temporary contact ways")
        start, end = unit.armed_at - skew, wecom.port.now() + skew
        candidates: list[Candidate] = []
        async for config_id in wecom.codes.each(start=start, end=end):
            try:
                way = await wecom.codes.get(config_id)
            except ApiError as e:
                # Deleted between the list and the reading.
                if e.errcode == _NO_SUCH_WAY:
                    continue
                raise
            if way.remark.endswith(f"#{unit.nonce}"):
                candidates.append(Candidate(_done(config_id, way.qr_code), certain=True))
        return Found(tuple(candidates))


def _done(config_id: str, qr_code: str) -> Done:
    return Done(config_id, dumps(unstructure(CreatedContactWay(config_id, qr_code))).decode())


CONTACT_WAY = ContactWayKind()
