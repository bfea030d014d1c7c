"""Drives weixin-work-reborn, which reads its settings from the environment."""

from __future__ import annotations

from driver import Driver
from weixin_work_reborn.client import WeChatWorkClient


call = Driver(WeChatWorkClient())

call("token_manager.get_app_access_token", "gettoken")
call("get_user", "user/get", "anna")
