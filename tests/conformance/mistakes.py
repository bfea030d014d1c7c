"""Where a peer is wrong by WeCom's documentation, and how it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import attrs


if TYPE_CHECKING:
    from tests.conformance.listen import Heard


__all__ = ["MISTAKES", "Mistake"]


@attrs.frozen
class Mistake:
    """
    A call of a peer that does not go well here.

    ``because`` is a sentence, ``shows`` fails if it is not so. ``old`` is an
    endpoint that WeCom has replaced, still answers, and this sandbox does not
    have; everything else is an error of the peer.
    """

    because: str
    shows: Callable[[Heard], None]
    old: bool = False


def _goes_to(path: str) -> Callable[[Heard], None]:
    def shows(heard: Heard) -> None:
        assert f"/cgi-bin/{path}" == heard.requests[-1].path != heard.endpoint
        assert "404" in heard.error or "None" in heard.error, heard.error

    return shows


def _on_the_job_group(heard: Heard) -> None:
    assert "/cgi-bin/externalcontact/groupchat/transfer" == heard.requests[-1].path
    assert [90500] == [row["errcode"] for row in heard.answer["failed_chat_list"]], "the owner has not resigned"
    assert "anna" == heard.state.groups[heard.stage.told["groups"][1]].owner


def _left_group(heard: Heard) -> None:
    assert "/cgi-bin/externalcontact/groupchat/onjob_transfer" == heard.requests[-1].path
    assert [90502] == [row["errcode"] for row in heard.answer["failed_chat_list"]], "the owner has resigned"
    assert "dora" == heard.state.groups[heard.stage.told["left_group"]].owner


def _link_inside(heard: Heard) -> None:
    assert {"link"} == set(heard.sent)
    assert "40058" in heard.error, heard.error
    assert all(link.name == "海报" for link in heard.state.links.values())


def _change_inside(heard: Heard) -> None:
    assert {"link_id", "link"} == set(heard.sent)
    # WeCom reads no such field: all goes well, and nothing has changed.
    assert 0 == heard.answer["errcode"]
    assert heard.sent["link"]["link_name"] != heard.state.links[heard.sent["link_id"]].name


def _one_userid(heard: Heard) -> None:
    assert "anna" == heard.sent["userid"]
    assert "userid_list" not in heard.sent
    assert "40063" in heard.error, heard.error


def _one_tag(heard: Heard) -> None:
    assert isinstance(heard.sent["tag_id"], str)
    assert "40058" in heard.error, heard.error
    assert not heard.state.tags[heard.sent["tag_id"]].deleted


MISTAKES: Final[Mapping[tuple[str, str], Mistake]] = {
    ("wecom-crm-mcp", "transfer_active.group_chat_transfer"): Mistake(
        "it swaps the two group transfers: groups of staff at work go to the endpoint for staff who left (95703, 92127)",
        _on_the_job_group,
    ),
    ("wecom-crm-mcp", "transfer_resigned.groupchat_transfer"): Mistake(
        "it swaps the two group transfers: groups of staff who left go to the endpoint for staff at work (92127, 95703)",
        _left_group,
    ),
    ("wecom-crm-mcp", "acquisition.create_link"): Mistake(
        "it wraps the fields in an object `link`, and WeCom wants them bare (97297)", _link_inside
    ),
    ("wecom-crm-mcp", "acquisition.update_link"): Mistake(
        "it wraps the fields in an object `link`, which WeCom does not read: nothing changes (97297)", _change_inside
    ),
    ("wecom-crm-mcp", "acquisition.get_quota"): Mistake(
        "it calls customer_acquisition_quota/get_quota_info, which does not exist (97375)",
        _goes_to("externalcontact/customer_acquisition_quota/get_quota_info"),
    ),
    ("wechatpy", "external_contact.batch_get_by_user"): Mistake(
        "it sends `userid`, and WeCom wants `userid_list` (92994)", _one_userid
    ),
    ("wechatpy", "external_contact.del_corp_tag"): Mistake(
        "its tag_id is one id as text, and WeCom wants a list (92117)", _one_tag
    ),
    ("wechatpy", "external_contact.get_group_msg_result"): Mistake(
        "get_group_msg_result is for messages made before 2020-11-17 (93338)",
        _goes_to("externalcontact/get_group_msg_result"),
        old=True,
    ),
    ("wechatpy", "external_contact.transfer"): Mistake(
        "externalcontact/transfer moved one customer, and has been replaced (92125)",
        _goes_to("externalcontact/transfer"),
        old=True,
    ),
    ("wechatpy", "oauth.get_user_info"): Mistake(
        "user/getuserinfo is the older path of sign-in, whose answer has other names (91023)",
        _goes_to("user/getuserinfo"),
        old=True,
    ),
}
"""By peer and method."""
