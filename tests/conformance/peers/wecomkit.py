"""Drives wecomkit."""

from __future__ import annotations

from driver import STAGE, Driver, act
from wecomkit import AsyncWeComClient, WeComConfig
from wecomkit.types import auth, department, message
from wecomkit.types import media as media_types
from wecomkit.types import user as user_types


call = Driver(
    AsyncWeComClient(WeComConfig(corp_id=STAGE["corp_id"], corp_secret=STAGE["secret"], base_url=STAGE["base_url"]))
)
agent = STAGE["agent_id"]

call("auth.get_access_token", "gettoken")
user = call("auth.get_user_info_by_code", "auth/getuserinfo", STAGE["sign_in_code"], reads=auth.UserIdentity)
call("auth.get_user_detail", "auth/getuserdetail", user.get("user_ticket", ""), reads=auth.UserDetail)
call("users.get", "user/get", "anna", reads=user_types.UserInfo)
call("users.list_by_department", "user/list", 1, reads=user_types.UserListResp)
call("users.simple_list_by_department", "user/simplelist", 1, reads=user_types.SimpleUserListResp)
call("users.list_id", "user/list_id", limit=2, reads=user_types.UserIdListResp)
call("departments.list", "department/list", reads=department.DepartmentListResp)
call("departments.simple_list", "department/simplelist")
call("departments.get", "department/get", STAGE["department"])
call("messages.send_text", "message/send", agent, "下午开会", to_user="anna", reads=message.MessageResponse)
card = {
    "card_type": "button_interaction",
    "main_title": {"title": "请确认"},
    "button_list": [{"text": "好", "key": "yes"}],
    "task_id": "task-1",
}
# WeCom takes cards with buttons from apps that receive callbacks only.
act("set_callback", url="http://127.0.0.1:9/")
sent = call("messages.send_template_card", "message/send", agent, card, to_user="anna")
call(
    "messages.update_template_card",
    "message/update_template_card",
    agent,
    sent.get("response_code", ""),
    userids=["anna"],
    button={"replace_name": "已确认"},
)
media = call("media.upload", "media/upload", STAGE["picture"], "image", reads=media_types.MediaUploadResponse).get(
    "media_id", ""
)
call("media.get", "media/get", media)
call("media.upload_image", "media/uploadimg", STAGE["picture"], reads=media_types.MediaUploadImageResponse)
call("media.upload_attachment", "media/upload_attachment", STAGE["picture"], reads=media_types.MediaUploadResponse)
call("media.get_jssdk_voice", "media/get/jssdk", STAGE["voice"])
call("media.upload_by_url", "media/upload_by_url", 1, "file", "手册.pdf", STAGE["web_url"], STAGE["web_md5"])
