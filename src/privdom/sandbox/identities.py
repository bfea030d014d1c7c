"""Who people are elsewhere: at a sign-in, in WeChat, in the apps of providers, in meetings and forms."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from privdom.sandbox.chance import digest, identifier, pick
from privdom.sandbox.state import OAuthCode
from privdom.sandbox.world import World


__all__ = ["PRIVATE_FIELDS", "alias", "detail_of", "known", "openid_of", "sign_in", "tmp_id"]

PRIVATE_FIELDS: Final = ("gender", "avatar", "qr_code", "mobile", "email", "biz_mail", "address")
"""What staff may agree to show at a sign-in (95833)."""


def known(world: World, external_userid: str) -> str:
    """Return the external_userid of a customer who exists."""
    if external_userid not in world.state.customers:
        msg = f"there is no customer {external_userid!r}: add them with add_customer"
        raise ValueError(msg)
    return external_userid


def sign_in(world: World, person: str, *, private: bool, shares: Collection[str] | None) -> str:
    """Return the code that the browser of a staff or a customer comes back with."""
    unknown = set(shares or ()) - set(PRIVATE_FIELDS)
    if unknown:
        msg = f"staff can show {', '.join(PRIVATE_FIELDS)}, not {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    staff = world.state.member(person)
    userid, external_userid = (staff.userid, "") if staff else ("", known(world, person))
    text = digest(world.seed, world.new_id("oauth code", person))
    shown = frozenset(PRIVATE_FIELDS if shares is None else shares)
    world.state.oauth_codes[text] = OAuthCode(userid, external_userid, private, shown, world.timestamp)
    return text


def openid_of(world: World, external_userid: str) -> str:
    """Return what WeChat calls a customer towards this corp; it never changes."""
    return identifier("o", world.seed, "openid", world.corp_id, external_userid)[:28]


def detail_of(world: World, userid: str) -> dict[str, str]:
    """Return what staff would show if they agreed to everything; always the same for one staff."""
    mark = digest(world.seed, "detail", userid)
    return {
        "gender": str(1 + pick(2, world.seed, "gender", userid)),
        "avatar": f"https://wework.qpic.cn/wwhead/{mark}/0",
        "qr_code": f"https://open.work.weixin.qq.com/wwopen/userQRCode?vcode={mark[:16]}",
        "mobile": f"+86-199{pick(10**8, world.seed, 'mobile', userid):08}",
        "email": f"{userid}@example.com",
        "biz_mail": f"{userid}@corp.example.com",
        "address": f"示例路{1 + pick(999, world.seed, 'address', userid)}号",
    }


def tmp_id(world: World, external_userid: str, business_type: int) -> str:
    """Return the temporary id under which this app meets a customer in a meeting, a form or a document."""
    text = identifier("ou", world.seed, "tmp id", known(world, external_userid), business_type)
    world.state.tmp_ids[text] = business_type, external_userid
    return text


def alias(world: World, person: str, agent_id: int) -> str:
    """Return what a provider's app calls a staff or a customer of this corp."""
    staff = world.state.member(person)
    its_id = staff.userid if staff else known(world, person)
    text = identifier("wo" if staff else its_id[:2], world.seed, "alias", agent_id, its_id)
    world.state.aliases[agent_id, text] = its_id
    return text
