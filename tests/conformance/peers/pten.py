"""Drives pten, whose address is a constant of a class."""

from __future__ import annotations

import tempfile

from pathlib import Path
from types import SimpleNamespace

from driver import STAGE, Driver, act, receive


folder = Path(tempfile.mkdtemp())
keys = folder / "pten_keys.ini"
keys.write_text(
    f"[globals]\nlog_path={folder / 'pten.log'}\n"
    f"[ww]\ncorpid={STAGE['corp_id']}\napp_secret={STAGE['secret']}\n"
    f"contact_sync_secret={STAGE['secret']}\napp_agentid={STAGE['agent_id']}\nwebhook_key=none\n"
)

from pten import wwapi  # noqa: E402
from pten.wwcontact import Contact  # noqa: E402
from pten.wwcrypt import WXBizMsgCrypt  # noqa: E402
from pten.wwmessager import AppMsgSender  # noqa: E402


wwapi.AbstractApi.BASE_URL = STAGE["base_url"]
api = wwapi.CorpApi(str(keys))
call = Driver(SimpleNamespace(api=api, contact=Contact(str(keys)), sender=AppMsgSender(str(keys))))

call("api.refresh_access_token", "gettoken")
call("contact.get_user", "user/get", "anna")
act("revoke_tokens")
call("contact.get_user", "user/get", "ben")
call("contact.get_user_list", "user/list", 1)
call("contact.get_user_simple_list", "user/simplelist", 1)
call("contact.get_user_id_list", "user/list_id")
call("contact.get_department_list", "department/list")
call("contact.get_department_simplelist", "department/simplelist")
call("contact.get_department_detail", "department/get", STAGE["department"])
user = call("contact.auth_get_user_info", "auth/getuserinfo", STAGE["sign_in_code"])
call("contact.auth_get_user_detail", "auth/getuserdetail", user.get("user_ticket", ""))
call("api.get_corp_jsapi_ticket", "get_jsapi_ticket")
call("api.get_app_jsapi_ticket", "ticket/get")
call("sender.send_text", "message/send", "下午开会", touser=["anna", "ben"])
call("sender.send_image", "media/upload", STAGE["picture"], touser=["anna"])


def done(outcome: tuple[int, object]) -> object:
    """Return what came out, where the code that comes with it says that it went well."""
    code, text = outcome
    if code != 0:
        raise ValueError(code)
    return text


crypto = WXBizMsgCrypt(STAGE["token"], STAGE["aes_key"], STAGE["corp_id"])
receive(
    "WXBizMsgCrypt",
    lambda *packet: done(crypto.VerifyURL(*packet)),
    lambda *packet: done(crypto.DecryptMsg(*packet)),
)
