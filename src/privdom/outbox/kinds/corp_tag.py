"""add_corp_tag: make tags of a group (WeCom documentation 92117)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from privdom._facts import endpoints
from privdom.errors import ApiError, PrivdomError, UsageError
from privdom.outbox.kind import Candidate, Finding, Found, Kind, Unclear
from privdom.outbox.units import Unit
from privdom.outbox.verdicts import Done, Doubt, Verdict
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.tags import AddedTags, AddTagsRequest, TagGroup
from privdom.wecom.wire import dumps, unstructure


__all__ = ["CORP_TAG", "CorpTag"]

_NAME_EXISTS = 40071


class CorpTag(Kind[AddTagsRequest, AddedTags]):
    """
    Make tags in a group; the ids are in ``answer``, as the JSON of `AddedTags`.

    The look-up reads the group and finds tags by name, which WeCom keeps unique
    in a group. It cannot tell who made them: a tag that somebody else made under
    the same name counts as made, which is what the caller wants it for. If only
    some of the names exist, the unit is parked. Confirmed by a person, it has in
    its ``answer`` the ids of those that exist by then.
    """

    name = "corp_tag"
    endpoint = endpoints.TAG_ADD
    request = AddTagsRequest
    answer = AddedTags
    gives_id = False

    def check(self, request: AddTagsRequest, subjects: Sequence[str]) -> None:
        if subjects:
            msg = "making tags concerns no customer: leave subjects= out, and give a unit_id to plan it only once"
            raise UsageError(msg)

    def lane(self, request: AddTagsRequest) -> str:
        # Two calls at once could each make a group of this name.
        return f"corp_tag:{request.group_id or request.group_name}"

    def fingerprint(self, request: AddTagsRequest) -> str:
        return "/".join((self.lane(request), *sorted(tag.name for tag in request.tag)))

    def judge(self, error: PrivdomError, unit: Unit, now: datetime) -> Verdict | None:
        if isinstance(error, ApiError) and error.errcode == _NAME_EXISTS:
            # Perhaps made by an earlier attempt of this very unit.
            return Doubt("a tag of this name exists: looked up", look_after=timedelta(0))
        return None

    def read(self, request: AddTagsRequest, answer: AddedTags) -> Done:
        return _done(answer.tag_group)

    async def known_without_id(self, wecom: AsyncWeCom, request: AddTagsRequest) -> Done:
        made = await _made(wecom, request)
        if not made:
            msg = "WeCom shows none of these tags: make them there, or let the unit be called again, or drop it"
            raise UsageError(msg)
        return _done(max(made, key=lambda group: len(group.tag)))

    async def find(self, wecom: AsyncWeCom, unit: Unit, request: AddTagsRequest, skew: timedelta) -> Finding:
        made = await _made(wecom, request)
        whole = [group for group in made if {tag.name for tag in group.tag} == {tag.name for tag in request.tag}]
        if made and not whole:
            return Unclear("only some of the tags exist")
        return Found(tuple(Candidate(_done(group), certain=True) for group in whole))


async def _made(wecom: AsyncWeCom, request: AddTagsRequest) -> list[TagGroup]:
    """Return the group of the request with those of its tags that exist; more than one where WeCom shows more."""
    wanted = {tag.name for tag in request.tag}
    groups = [
        group
        for group in await wecom.tags.list()
        if (group.group_id == request.group_id if request.group_id else group.group_name == request.group_name)
    ]
    matches = [attrs.evolve(g, tag=tuple(t for t in g.tag if t.name in wanted)) for g in groups]
    return [group for group in matches if group.tag]


def _done(group: TagGroup) -> Done:
    # Without a remote id: the group's belongs to other units too.
    return Done(None, dumps(unstructure(AddedTags(group))).decode())


CORP_TAG = CorpTag()
