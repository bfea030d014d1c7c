"""Drives wechatpy.work."""

from __future__ import annotations

from pathlib import Path

from driver import STAGE, Driver, act, receive
from wechatpy.work import WeChatClient
from wechatpy.work.crypto import WeChatCrypto


call = Driver(WeChatClient(STAGE["corp_id"], STAGE["secret"]))
first, second = STAGE["customers"][:2]
day = STAGE["day"]
EXTERNAL = "externalcontact/"

call("fetch_access_token", "gettoken")
call("user.get", "user/get", "anna")
act("revoke_tokens")
call("user.get", "user/get", "ben")
call("user.list", "user/list", 1, fetch_child=True)
call("department.get_users", "user/simplelist", 1)
call("department.list", "department/list")
call("department.simple_list", "department/simplelist")
call("department.get", "department/get", STAGE["department"])
call("misc.get_wechat_ips", "getcallbackip")
call("jsapi.get_ticket", "get_jsapi_ticket")
call("jsapi.get_agent_ticket", "ticket/get")
call("oauth.get_user_info", "auth/getuserinfo", STAGE["sign_in_code"])
call("message.send_text", "message/send", STAGE["agent_id"], ["anna", "ben"], "下午开会")
with Path(STAGE["picture"]).open("rb") as file:
    media = call("media.upload", "media/upload", "image", file).get("media_id", "")
with Path(STAGE["picture"]).open("rb") as file:
    call("media.upload_img", "media/uploadimg", file)
call("media.download", "media/get", media)

CONTACTS = "external_contact."
call(CONTACTS + "get_follow_user_list", EXTERNAL + "get_follow_user_list")
call(CONTACTS + "list", EXTERNAL + "list", "anna")
call(CONTACTS + "batch_get_by_user", EXTERNAL + "batch/get_by_user", "anna")
call(CONTACTS + "get", EXTERNAL + "get", first)
way = call(CONTACTS + "add_contact_way", EXTERNAL + "add_contact_way", 1, 2, user=["anna"], state="py").get(
    "config_id", ""
)
call(CONTACTS + "get_contact_way", EXTERNAL + "get_contact_way", way)
call(CONTACTS + "update_contact_way", EXTERNAL + "update_contact_way", way, "新店", user=["ben"])
call(CONTACTS + "del_contact_way", EXTERNAL + "del_contact_way", way)
template = {
    "chat_type": "single",
    "external_userid": [first],
    "sender": "anna",
    "text": {"content": "周末愉快"},
}
msgid = call(CONTACTS + "add_msg_template", EXTERNAL + "add_msg_template", template).get("msgid", "")
act("staff_confirms", msgid=msgid, userid="anna")
call(CONTACTS + "get_group_msg_result", EXTERNAL + "get_groupmsg_send_result", msgid)
welcome = act("scan", config_id_or_state=STAGE["code"], name="新客")["welcome_code"]
call(
    CONTACTS + "send_welcome_msg",
    EXTERNAL + "send_welcome_msg",
    {"welcome_code": welcome, "text": {"content": "您好"}},
)
call(CONTACTS + "get_user_behavior_data", EXTERNAL + "get_user_behavior_data", ["anna"], day, day)
call(CONTACTS + "get_unassigned_list", EXTERNAL + "get_unassigned_list", page_size=10)
call(CONTACTS + "transfer", EXTERNAL + "transfer_customer", second, "anna", "chen")
tags = call(
    CONTACTS + "add_corp_tag", EXTERNAL + "add_corp_tag", None, "来源", None, [{"name": "广告"}, {"name": "门店"}]
)
advert, shop = (tag["id"] for tag in tags["tag_group"]["tag"])
call(CONTACTS + "get_corp_tag_list", EXTERNAL + "get_corp_tag_list", [advert])
call(CONTACTS + "edit_corp_tag", EXTERNAL + "edit_corp_tag", shop, name="总店")
call(CONTACTS + "mark_tag", EXTERNAL + "mark_tag", "anna", first, [advert, shop])
call(CONTACTS + "del_corp_tag", EXTERNAL + "del_corp_tag", shop)
call(CONTACTS + "get_group_chat_list", EXTERNAL + "groupchat/list", 100)
call(CONTACTS + "get_group_chat_info", EXTERNAL + "groupchat/get", STAGE["groups"][0])
WELCOMES = EXTERNAL + "group_welcome_template/"
made = call(CONTACTS + "add_group_welcome_template", WELCOMES + "add", {"text": {"content": "欢迎"}})
welcome_id = made.get("template_id", "")
call(CONTACTS + "update_group_welcome_template", WELCOMES + "edit", {"text": {"content": "欢迎光临"}}, welcome_id)
call(CONTACTS + "get_group_welcome_template", WELCOMES + "get", welcome_id)
call(CONTACTS + "del_group_welcome_template", WELCOMES + "del", welcome_id)
call(
    "external_contact_group_chat.statistic",
    EXTERNAL + "groupchat/statistic",
    day,
    owner_userid_list=["anna"],
)

crypto = WeChatCrypto(STAGE["token"], STAGE["aes_key"], STAGE["corp_id"])
receive("WeChatCrypto", crypto.check_signature, crypto.decrypt_message)
