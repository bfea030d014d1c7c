"""Drives wecom-crm-mcp."""

from __future__ import annotations

import tempfile

from types import SimpleNamespace

from driver import STAGE, Driver, act
from wecom_crm_mcp.client import WecomClient
from wecom_crm_mcp.config import WecomConfig
from wecom_crm_mcp.modules.acquisition import AcquisitionModule
from wecom_crm_mcp.modules.contact_way import ContactWayModule
from wecom_crm_mcp.modules.customer import CustomerModule
from wecom_crm_mcp.modules.group_chat import GroupChatModule
from wecom_crm_mcp.modules.media import MediaModule
from wecom_crm_mcp.modules.misc import MiscModule
from wecom_crm_mcp.modules.moment import MomentModule
from wecom_crm_mcp.modules.msg_template import MsgTemplateModule
from wecom_crm_mcp.modules.statistics import StatisticsModule
from wecom_crm_mcp.modules.tag import TagModule
from wecom_crm_mcp.modules.transfer_active import TransferActiveModule
from wecom_crm_mcp.modules.transfer_resigned import TransferResignedModule


client = WecomClient(
    WecomConfig(STAGE["corp_id"], STAGE["secret"], base_url=STAGE["base_url"], cache_dir=tempfile.mkdtemp())
)
call = Driver(
    SimpleNamespace(
        client=client,
        acquisition=AcquisitionModule(client),
        contact_way=ContactWayModule(client),
        customer=CustomerModule(client),
        group_chat=GroupChatModule(client),
        media=MediaModule(client),
        misc=MiscModule(client),
        moment=MomentModule(client),
        msg_template=MsgTemplateModule(client),
        statistics=StatisticsModule(client),
        tag=TagModule(client),
        transfer_active=TransferActiveModule(client),
        transfer_resigned=TransferResignedModule(client),
    )
)
first, second, third = STAGE["customers"][:3]
now, day = STAGE["now"], STAGE["day"]
EXTERNAL = "externalcontact/"

call("client.get_access_token", "gettoken")

call("customer.list_followers", EXTERNAL + "get_follow_user_list")
call("customer.list", EXTERNAL + "list", "anna")
act("revoke_tokens")
call("customer.list", EXTERNAL + "list", "ben")
call("customer.get", EXTERNAL + "get", first)
call("customer.batch_get", EXTERNAL + "batch/get_by_user", ["anna", "ben"], limit=2)
call("customer.remark", EXTERNAL + "remark", "anna", first, remark="老客户", remark_mobiles=["13800000000"])

tags = call(
    "tag.add_corp_tag", EXTERNAL + "add_corp_tag", group_name="等级", tag=[{"name": "金"}, {"name": "银", "order": 1}]
)
by_name = {tag["name"]: tag["id"] for tag in tags["tag_group"]["tag"]}
gold, silver = by_name["金"], by_name["银"]
call("tag.list_corp_tags", EXTERNAL + "get_corp_tag_list", tag_id=[gold])
call("tag.edit_corp_tag", EXTERNAL + "edit_corp_tag", silver, name="白银")
call("tag.mark_tag", EXTERNAL + "mark_tag", "anna", first, add_tag=[gold, silver])
call("tag.del_corp_tag", EXTERNAL + "del_corp_tag", tag_id=[silver])

way = call(
    "contact_way.add_contact_way", EXTERNAL + "add_contact_way", 1, 2, user=["anna"], state="crm", remark="门店"
).get("config_id", "")
call("contact_way.get_contact_way", EXTERNAL + "get_contact_way", way)
call("contact_way.list_contact_way", EXTERNAL + "list_contact_way", limit=100)
call("contact_way.update_contact_way", EXTERNAL + "update_contact_way", way, remark="新店", user=["ben"])
call("contact_way.del_contact_way", EXTERNAL + "del_contact_way", way)
call("contact_way.close_temp_chat", EXTERNAL + "close_temp_chat", "anna", STAGE["temp_chat"])

join = call(
    "contact_way.groupchat_add_join_way",
    EXTERNAL + "groupchat/add_join_way",
    scene=2,
    chat_id_list=STAGE["groups"][:1],
    state="crm",
).get("config_id", "")
call("contact_way.groupchat_get_join_way", EXTERNAL + "groupchat/get_join_way", join)
call(
    "contact_way.groupchat_update_join_way",
    EXTERNAL + "groupchat/update_join_way",
    join,
    scene=2,
    chat_id_list=STAGE["groups"][:2],
)
call("contact_way.groupchat_del_join_way", EXTERNAL + "groupchat/del_join_way", join)

call("group_chat.list_groupchats", EXTERNAL + "groupchat/list", owner_filter={"userid_list": ["anna"]})
call("group_chat.get_groupchat", EXTERNAL + "groupchat/get", STAGE["groups"][0])
call("group_chat.opengid_to_chatid", EXTERNAL + "opengid_to_chatid", STAGE["opengid"])

msgid = call(
    "msg_template.add_msg_template",
    EXTERNAL + "add_msg_template",
    "single",
    external_userid=[first, second],
    sender="anna",
    text={"content": "新品到店"},
    attachments=[{"msgtype": "link", "link": {"title": "新品", "url": "https://example.com/new"}}],
).get("msgid", "")
act("staff_confirms", msgid=msgid, userid="anna")
call("msg_template.get_groupmsg_list_v2", EXTERNAL + "get_groupmsg_list_v2", "single", now - 3600, now + 3600)
call("msg_template.get_groupmsg_task", EXTERNAL + "get_groupmsg_task", msgid)
call("msg_template.get_groupmsg_send_result", EXTERNAL + "get_groupmsg_send_result", msgid, "anna")
welcome = act("scan", config_id_or_state=STAGE["code"], name="新客")["welcome_code"]
call("msg_template.send_welcome_msg", EXTERNAL + "send_welcome_msg", welcome, text={"content": "您好"})

job = call(
    "moment.add_moment_task",
    EXTERNAL + "add_moment_task",
    text={"content": "朋友圈"},
    visible_range={"sender_list": {"user_list": ["anna"]}},
).get("jobid", "")
act("advance", by=3600)
made = call("moment.get_moment_task_result", EXTERNAL + "get_moment_task_result", job)
moment = made.get("result", {}).get("moment_id", "")
act("staff_publishes", moment_id=moment, userid="anna")
call("moment.get_moment_list", EXTERNAL + "get_moment_list", now - 3600, now + 7200)
call("moment.get_moment_task", EXTERNAL + "get_moment_task", moment)
call("moment.get_moment_customer_list", EXTERNAL + "get_moment_customer_list", moment, "anna")
call("moment.cancel_moment_task", EXTERNAL + "cancel_moment_task", moment)

call(
    "statistics.get_user_behavior_data",
    EXTERNAL + "get_user_behavior_data",
    userid=["anna"],
    start_time=day,
    end_time=day,
)
call("statistics.groupchat_statistic", EXTERNAL + "groupchat/statistic", day, owner_filter={"userid_list": ["anna"]})
call(
    "statistics.groupchat_statistic_group_by_day",
    EXTERNAL + "groupchat/statistic_group_by_day",
    day,
    day,
    owner_filter={"userid_list": ["anna"]},
)

call("transfer_active.transfer_customer", EXTERNAL + "transfer_customer", "anna", "chen", [third], "由陈接替")
call("transfer_active.transfer_result", EXTERNAL + "transfer_result", "anna", "chen")
call("transfer_active.group_chat_transfer", EXTERNAL + "groupchat/onjob_transfer", STAGE["groups"][1:2], "ben")
call("transfer_resigned.get_unassigned_list", EXTERNAL + "get_unassigned_list", page_size=10)
call(
    "transfer_resigned.resigned_transfer_customer",
    EXTERNAL + "resigned/transfer_customer",
    "dora",
    "chen",
    STAGE["left_customers"][:1],
)
call("transfer_resigned.resigned_transfer_result", EXTERNAL + "resigned/transfer_result", "dora", "chen")
call("transfer_resigned.groupchat_transfer", EXTERNAL + "groupchat/transfer", [STAGE["left_group"]], "ben")

LINKS = EXTERNAL + "customer_acquisition/"
link = STAGE["link"]
call("acquisition.create_link", LINKS + "create_link", {"link_name": "广告", "range": {"user_list": ["anna"]}})
call("acquisition.update_link", LINKS + "update_link", link, {"link_name": "新海报"})
call("acquisition.list_links", LINKS + "list_link", limit=10)
call("acquisition.get_link", LINKS + "get", link)
call("acquisition.list_customers", LINKS + "customer", link, limit=10)
call("acquisition.get_quota", EXTERNAL + "customer_acquisition_quota")
call("acquisition.get_statistic", LINKS + "statistic", link, day, day)
call("acquisition.delete_link", LINKS + "delete_link", link)

picture = call(
    "media.upload_attachment", "media/upload_attachment", STAGE["picture"], media_type="image", attachment_type=2
)
product = call(
    "misc.product_album_add",
    EXTERNAL + "add_product_album",
    {
        "description": "杯子",
        "price": 3000,
        "attachments": [{"type": "image", "image": {"media_id": picture.get("media_id", "media")}}],
    },
).get("product_id", "")
call("misc.product_album_get", EXTERNAL + "get_product_album", product)
call("misc.product_album_list", EXTERNAL + "get_product_album_list", limit=10)
call("misc.product_album_update", EXTERNAL + "update_product_album", {"product_id": product, "price": 2500})
call("misc.product_album_delete", EXTERNAL + "delete_product_album", product)
rule = call(
    "misc.add_intercept_rule",
    EXTERNAL + "add_intercept_rule",
    {
        "rule_name": "敏感",
        "word_list": ["返现"],
        "intercept_type": 1,
        "applicable_range": {"user_list": ["anna"]},
    },
).get("rule_id", "")
call("misc.list_intercept_rule", EXTERNAL + "get_intercept_rule_list")
call("misc.get_intercept_rule", EXTERNAL + "get_intercept_rule", rule)
call("misc.update_intercept_rule", EXTERNAL + "update_intercept_rule", {"rule_id": rule, "rule_name": "敏感词"})
call("misc.del_intercept_rule", EXTERNAL + "del_intercept_rule", rule)
call("media.upload", "media/upload", STAGE["picture"])
