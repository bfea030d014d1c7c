"""Drives py-wecom-toolkit."""

from __future__ import annotations

from types import SimpleNamespace

from driver import STAGE, Driver
from py_wecom_toolkit.server.cache import AccessTokenMemoryCache
from py_wecom_toolkit.server.client import Client
from py_wecom_toolkit.server.material.client import Client as Material
from py_wecom_toolkit.server.message.client import Client as Message
from py_wecom_toolkit.server.message.msgtype import TextContent, TextMessage


who = (STAGE["corp_id"], STAGE["secret"])
how = {"base_url": STAGE["base_url"], "cache": AccessTokenMemoryCache()}
agent = STAGE["agent_id"]
call = Driver(SimpleNamespace(server=Client(*who, **how), material=Material(*who, **how), message=Message(*who, **how)))

call("server.get_access_token", "gettoken")
call(
    "message.send",
    "message/send",
    TextMessage(touser="anna", agentid=agent, text=TextContent(content="下午开会")),
    agent,
)
media = call("material.upload", "media/upload", "image", STAGE["picture"])
call("material.upload_img", "media/uploadimg", STAGE["picture"])
call("material.download", "media/get", media.media_id if media else "")
