"""Groups found by what a mini program knows, and groups whose owners left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from privdom.errors import BadRequest, UsageError
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.groups import FailedGroup, GroupByOpengidRequest, GroupsTransferred
from tests.chapters.conftest import Corp, Scripted


def test_a_group_is_found_by_what_a_mini_program_knows(corp: Corp) -> None:
    """The id that it gets leads to that of the group; another leads nowhere."""
    group = corp.box.add_group(owner="anna")
    opengid = corp.box.open_mini_program(group)

    async def scenario(wecom: AsyncWeCom) -> str:
        with pytest.raises(BadRequest, match="90511"):
            await wecom.groups.chat_id_of("oGnothing")
        return await wecom.groups.chat_id_of(opengid)

    assert group == corp(scenario)


def test_groups_of_owners_at_work_stay(corp: Corp) -> None:
    """They are for the transfer of serving owners, and are named."""
    group = corp.box.add_group(owner="anna")

    async def scenario(wecom: AsyncWeCom) -> GroupsTransferred:
        return await wecom.groups.transfer_resigned([group], "ben")

    failed = corp(scenario).failed_chat_list

    assert [(group, 90500)] == [(item.chat_id, item.errcode) for item in failed]


def test_groups_of_owners_who_left_are_given_by_one_call(scripted: Callable[..., Any]) -> None:
    """Those that fail are named, even if that is all of them."""
    row = {"chat_id": "wr2", "errcode": 90507, "errmsg": "inheriting"}
    script = Scripted(transfer=[{"failed_chat_list": [row]}])

    async def scenario(wecom: AsyncWeCom) -> GroupsTransferred:
        return await wecom.groups.transfer_resigned(["wr1", "wr2"], "ben")

    assert GroupsTransferred((FailedGroup("wr2", 90507, "inheriting"),)) == scripted(scenario, script)
    assert [b'{"chat_id_list":["wr1","wr2"],"new_owner":"ben"}'] == script.bodies


@pytest.mark.parametrize(
    ("opengid", "message"), [("", "opengid is empty"), ("wr1", "opengid looks like a chat_id already")]
)
def test_what_cannot_succeed_is_refused(opengid: str, message: str) -> None:
    """The message says what is wrong and what to do."""
    with pytest.raises(UsageError, match=message):
        GroupByOpengidRequest(opengid)
