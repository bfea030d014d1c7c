"""The endpoints of WeCom that are built here: verb, path, documentation number, effect and client method."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


__all__ = ["ENDPOINTS", "Effect", "Endpoint"]


class Effect(StrEnum):
    """What repeating a call would do, which decides what an unknown outcome means."""

    READ = "read"
    """Changes nothing: repeat at will."""
    IDEMPOTENT = "idempotent"
    """Leads to the same state however often it arrives: repeat at will."""
    GUARDED = "guarded"
    """WeCom itself refuses the second one."""
    RECONCILABLE = "reconcilable"
    """A second one does harm: look up what became of the first before anything else."""
    ONE_SHOT = "one_shot"
    """A second one does harm and nothing tells what became of the first: never repeat."""


class Endpoint(NamedTuple):
    """
    One endpoint of WeCom.

    ``method`` is the HTTP verb, ``path`` starts with ``/cgi-bin/``, ``doc`` is
    the number of WeCom's documentation page, ``client`` names the method that
    calls it, as in ``wecom.contacts.get``.
    """

    method: str
    path: str
    doc: int
    effect: Effect
    client: str

    @property
    def url(self) -> str:
        """The page of WeCom's documentation."""
        return f"https://developer.work.weixin.qq.com/document/path/{self.doc}"


_CONTACT = "/cgi-bin/externalcontact/"
_ACQUISITION = _CONTACT + "customer_acquisition/"
_MEDIA = "/cgi-bin/media/"

GETTOKEN = Endpoint("GET", "/cgi-bin/gettoken", 91039, Effect.READ, "token")
CALLBACK_IPS = Endpoint("GET", "/cgi-bin/getcallbackip", 90930, Effect.READ, "network.callback_ips")
API_IPS = Endpoint("GET", "/cgi-bin/get_api_domain_ip", 92520, Effect.READ, "network.api_ips")
USER_GET = Endpoint("GET", "/cgi-bin/user/get", 90196, Effect.READ, "staff.get")
USER_LIST = Endpoint("GET", "/cgi-bin/user/list", 90201, Effect.READ, "staff.list")
USER_SIMPLE_LIST = Endpoint("GET", "/cgi-bin/user/simplelist", 90200, Effect.READ, "staff.simple_list")
USER_IDS = Endpoint("POST", "/cgi-bin/user/list_id", 96067, Effect.READ, "staff.ids")
DEPARTMENT_LIST = Endpoint("GET", "/cgi-bin/department/list", 90208, Effect.READ, "departments.list")
DEPARTMENT_SIMPLE_LIST = Endpoint(
    "GET", "/cgi-bin/department/simplelist", 95350, Effect.READ, "departments.simple_list"
)
DEPARTMENT_GET = Endpoint("GET", "/cgi-bin/department/get", 95351, Effect.READ, "departments.get")
# A code works once: WeCom refuses the second call with it.
OAUTH_USER = Endpoint("GET", "/cgi-bin/auth/getuserinfo", 91023, Effect.GUARDED, "oauth.user")
OAUTH_DETAIL = Endpoint("POST", "/cgi-bin/auth/getuserdetail", 95833, Effect.READ, "oauth.detail")
FOLLOW_USER_LIST = Endpoint("GET", _CONTACT + "get_follow_user_list", 92571, Effect.READ, "staff.serving")
CONTACT_LIST = Endpoint("GET", _CONTACT + "list", 92113, Effect.READ, "contacts.list")
CONTACT_GET = Endpoint("GET", _CONTACT + "get", 92114, Effect.READ, "contacts.get")
CONTACT_BATCH = Endpoint("POST", _CONTACT + "batch/get_by_user", 92994, Effect.READ, "contacts.batch")
REMARK = Endpoint("POST", _CONTACT + "remark", 92115, Effect.IDEMPOTENT, "contacts.remark")
CONTACT_SERVED = Endpoint("POST", _CONTACT + "contact_list", 99434, Effect.READ, "contacts.served")
STRATEGY_LIST = Endpoint("POST", _CONTACT + "customer_strategy/list", 94883, Effect.READ, "strategies.list")
STRATEGY_GET = Endpoint("POST", _CONTACT + "customer_strategy/get", 94883, Effect.READ, "strategies.get")
STRATEGY_RANGE = Endpoint("POST", _CONTACT + "customer_strategy/get_range", 94883, Effect.READ, "strategies.range")
STRATEGY_CREATE = Endpoint(
    "POST", _CONTACT + "customer_strategy/create", 94883, Effect.RECONCILABLE, "strategies.create"
)
STRATEGY_EDIT = Endpoint("POST", _CONTACT + "customer_strategy/edit", 94883, Effect.IDEMPOTENT, "strategies.edit")
STRATEGY_DELETE = Endpoint("POST", _CONTACT + "customer_strategy/del", 94883, Effect.IDEMPOTENT, "strategies.delete")
ID_OPENID = Endpoint("POST", _CONTACT + "convert_to_openid", 92323, Effect.READ, "ids.openid")
ID_FROM_TMP = Endpoint("POST", "/cgi-bin/idconvert/convert_tmp_external_userid", 98729, Effect.READ, "ids.from_tmp")
ID_CUSTOMER = Endpoint("POST", _CONTACT + "from_service_external_userid", 95884, Effect.READ, "ids.customer")
ID_STAFF = Endpoint("POST", "/cgi-bin/batch/openuserid_to_userid", 95884, Effect.READ, "ids.staff")
TAG_LIST = Endpoint("POST", _CONTACT + "get_corp_tag_list", 92117, Effect.READ, "tags.list")
TAG_ADD = Endpoint("POST", _CONTACT + "add_corp_tag", 92117, Effect.RECONCILABLE, "tags.add")
TAG_EDIT = Endpoint("POST", _CONTACT + "edit_corp_tag", 92117, Effect.IDEMPOTENT, "tags.edit")
TAG_DELETE = Endpoint("POST", _CONTACT + "del_corp_tag", 92117, Effect.IDEMPOTENT, "tags.delete")
STRATEGY_TAG_LIST = Endpoint("POST", _CONTACT + "get_strategy_tag_list", 94882, Effect.READ, "strategy_tags.list")
STRATEGY_TAG_ADD = Endpoint("POST", _CONTACT + "add_strategy_tag", 94882, Effect.RECONCILABLE, "strategy_tags.add")
STRATEGY_TAG_EDIT = Endpoint("POST", _CONTACT + "edit_strategy_tag", 94882, Effect.IDEMPOTENT, "strategy_tags.edit")
STRATEGY_TAG_DELETE = Endpoint("POST", _CONTACT + "del_strategy_tag", 94882, Effect.IDEMPOTENT, "strategy_tags.delete")
MARK_TAG = Endpoint("POST", _CONTACT + "mark_tag", 92118, Effect.IDEMPOTENT, "tags.mark")
GROUP_LIST = Endpoint("POST", _CONTACT + "groupchat/list", 92120, Effect.READ, "groups.list")
GROUP_GET = Endpoint("POST", _CONTACT + "groupchat/get", 92122, Effect.READ, "groups.get")
GROUP_BY_OPENGID = Endpoint("POST", _CONTACT + "opengid_to_chatid", 94822, Effect.READ, "groups.chat_id_of")
JOIN_WAY_ADD = Endpoint("POST", _CONTACT + "groupchat/add_join_way", 92229, Effect.RECONCILABLE, "join_ways.add")
JOIN_WAY_GET = Endpoint("POST", _CONTACT + "groupchat/get_join_way", 92229, Effect.READ, "join_ways.get")
JOIN_WAY_UPDATE = Endpoint("POST", _CONTACT + "groupchat/update_join_way", 92229, Effect.IDEMPOTENT, "join_ways.update")
JOIN_WAY_DELETE = Endpoint("POST", _CONTACT + "groupchat/del_join_way", 92229, Effect.IDEMPOTENT, "join_ways.delete")
CODE_ADD = Endpoint("POST", _CONTACT + "add_contact_way", 92228, Effect.RECONCILABLE, "codes.add")
CODE_GET = Endpoint("POST", _CONTACT + "get_contact_way", 92228, Effect.READ, "codes.get")
CODE_LIST = Endpoint("POST", _CONTACT + "list_contact_way", 92228, Effect.READ, "codes.list")
CODE_UPDATE = Endpoint("POST", _CONTACT + "update_contact_way", 92228, Effect.IDEMPOTENT, "codes.update")
CODE_DELETE = Endpoint("POST", _CONTACT + "del_contact_way", 92228, Effect.IDEMPOTENT, "codes.delete")
TEMP_CHAT_CLOSE = Endpoint("POST", _CONTACT + "close_temp_chat", 92228, Effect.GUARDED, "codes.close_temp_chat")
ACQUISITION_LIST = Endpoint("POST", _ACQUISITION + "list_link", 97297, Effect.READ, "acquisition.list")
ACQUISITION_GET = Endpoint("POST", _ACQUISITION + "get", 97297, Effect.READ, "acquisition.get")
ACQUISITION_CREATE = Endpoint("POST", _ACQUISITION + "create_link", 97297, Effect.RECONCILABLE, "acquisition.create")
ACQUISITION_UPDATE = Endpoint("POST", _ACQUISITION + "update_link", 97297, Effect.IDEMPOTENT, "acquisition.update")
ACQUISITION_DELETE = Endpoint("POST", _ACQUISITION + "delete_link", 97297, Effect.IDEMPOTENT, "acquisition.delete")
ACQUISITION_CUSTOMERS = Endpoint("POST", _ACQUISITION + "customer", 97298, Effect.READ, "acquisition.customers")
ACQUISITION_QUOTA = Endpoint("GET", _CONTACT + "customer_acquisition_quota", 97375, Effect.READ, "acquisition.quota")
ACQUISITION_STATISTICS = Endpoint("POST", _ACQUISITION + "statistic", 97375, Effect.READ, "acquisition.statistics")
ACQUISITION_CHAT_INFO = Endpoint("POST", _ACQUISITION + "get_chat_info", 100130, Effect.READ, "acquisition.chat_info")
TRANSFER = Endpoint("POST", _CONTACT + "transfer_customer", 92125, Effect.RECONCILABLE, "transfers.start")
TRANSFER_RESULT = Endpoint("POST", _CONTACT + "transfer_result", 94088, Effect.READ, "transfers.result")
UNASSIGNED_LIST = Endpoint("POST", _CONTACT + "get_unassigned_list", 92124, Effect.READ, "transfers.unassigned")
RESIGNED_TRANSFER = Endpoint(
    "POST", _CONTACT + "resigned/transfer_customer", 94081, Effect.RECONCILABLE, "transfers.start_resigned"
)
RESIGNED_TRANSFER_RESULT = Endpoint(
    "POST", _CONTACT + "resigned/transfer_result", 94082, Effect.READ, "transfers.result_resigned"
)
GROUP_TRANSFER = Endpoint("POST", _CONTACT + "groupchat/onjob_transfer", 95703, Effect.RECONCILABLE, "groups.transfer")
GROUP_TRANSFER_RESIGNED = Endpoint(
    "POST", _CONTACT + "groupchat/transfer", 92127, Effect.RECONCILABLE, "groups.transfer_resigned"
)
MESSAGE_ADD = Endpoint("POST", _CONTACT + "add_msg_template", 92135, Effect.RECONCILABLE, "messages.add")
MESSAGE_LIST = Endpoint("POST", _CONTACT + "get_groupmsg_list_v2", 93338, Effect.READ, "messages.list")
MESSAGE_TASKS = Endpoint("POST", _CONTACT + "get_groupmsg_task", 93338, Effect.READ, "messages.tasks")
MESSAGE_RESULTS = Endpoint("POST", _CONTACT + "get_groupmsg_send_result", 93338, Effect.READ, "messages.results")
MESSAGE_REMIND = Endpoint("POST", _CONTACT + "remind_groupmsg_send", 97610, Effect.ONE_SHOT, "messages.remind")
MESSAGE_CANCEL = Endpoint("POST", _CONTACT + "cancel_groupmsg_send", 97611, Effect.IDEMPOTENT, "messages.cancel")
WELCOME = Endpoint("POST", _CONTACT + "send_welcome_msg", 92137, Effect.GUARDED, "messages.welcome")
GROUP_WELCOME_ADD = Endpoint(
    "POST", _CONTACT + "group_welcome_template/add", 92366, Effect.RECONCILABLE, "group_welcomes.add"
)
GROUP_WELCOME_EDIT = Endpoint(
    "POST", _CONTACT + "group_welcome_template/edit", 92366, Effect.IDEMPOTENT, "group_welcomes.edit"
)
GROUP_WELCOME_GET = Endpoint("POST", _CONTACT + "group_welcome_template/get", 92366, Effect.READ, "group_welcomes.get")
GROUP_WELCOME_DELETE = Endpoint(
    "POST", _CONTACT + "group_welcome_template/del", 92366, Effect.IDEMPOTENT, "group_welcomes.delete"
)
MOMENT_ADD = Endpoint("POST", _CONTACT + "add_moment_task", 95094, Effect.RECONCILABLE, "moments.add")
MOMENT_RESULT = Endpoint("GET", _CONTACT + "get_moment_task_result", 95094, Effect.READ, "moments.result")
MOMENT_LIST = Endpoint("POST", _CONTACT + "get_moment_list", 93333, Effect.READ, "moments.list")
MOMENT_STRATEGY_LIST = Endpoint("POST", _CONTACT + "moment_strategy/list", 94890, Effect.READ, "moment_strategies.list")
MOMENT_STRATEGY_GET = Endpoint("POST", _CONTACT + "moment_strategy/get", 94890, Effect.READ, "moment_strategies.get")
MOMENT_STRATEGY_RANGE = Endpoint(
    "POST", _CONTACT + "moment_strategy/get_range", 94890, Effect.READ, "moment_strategies.range"
)
MOMENT_STRATEGY_CREATE = Endpoint(
    "POST", _CONTACT + "moment_strategy/create", 94890, Effect.RECONCILABLE, "moment_strategies.create"
)
MOMENT_STRATEGY_EDIT = Endpoint(
    "POST", _CONTACT + "moment_strategy/edit", 94890, Effect.IDEMPOTENT, "moment_strategies.edit"
)
MOMENT_STRATEGY_DELETE = Endpoint(
    "POST", _CONTACT + "moment_strategy/del", 94890, Effect.IDEMPOTENT, "moment_strategies.delete"
)
PRODUCT_ADD = Endpoint("POST", _CONTACT + "add_product_album", 95096, Effect.RECONCILABLE, "products.add")
PRODUCT_GET = Endpoint("POST", _CONTACT + "get_product_album", 95096, Effect.READ, "products.get")
PRODUCT_LIST = Endpoint("POST", _CONTACT + "get_product_album_list", 95096, Effect.READ, "products.list")
PRODUCT_UPDATE = Endpoint("POST", _CONTACT + "update_product_album", 95096, Effect.IDEMPOTENT, "products.update")
PRODUCT_DELETE = Endpoint("POST", _CONTACT + "delete_product_album", 95096, Effect.IDEMPOTENT, "products.delete")
INTERCEPT_ADD = Endpoint("POST", _CONTACT + "add_intercept_rule", 95097, Effect.RECONCILABLE, "intercept_rules.add")
INTERCEPT_LIST = Endpoint("GET", _CONTACT + "get_intercept_rule_list", 95097, Effect.READ, "intercept_rules.list")
INTERCEPT_GET = Endpoint("POST", _CONTACT + "get_intercept_rule", 95097, Effect.READ, "intercept_rules.get")
INTERCEPT_UPDATE = Endpoint(
    "POST", _CONTACT + "update_intercept_rule", 95097, Effect.IDEMPOTENT, "intercept_rules.update"
)
INTERCEPT_DELETE = Endpoint("POST", _CONTACT + "del_intercept_rule", 95097, Effect.IDEMPOTENT, "intercept_rules.delete")
MOMENT_CANCEL = Endpoint("POST", _CONTACT + "cancel_moment_task", 97612, Effect.IDEMPOTENT, "moments.cancel")
MOMENT_TASKS = Endpoint("POST", _CONTACT + "get_moment_task", 93333, Effect.READ, "moments.tasks")
MOMENT_CUSTOMERS = Endpoint("POST", _CONTACT + "get_moment_customer_list", 93333, Effect.READ, "moments.customers")
MOMENT_SENT_TO = Endpoint("POST", _CONTACT + "get_moment_send_result", 93333, Effect.READ, "moments.sent_to")
MOMENT_COMMENTS = Endpoint("POST", _CONTACT + "get_moment_comments", 93333, Effect.READ, "moments.comments")
STAFF_STATISTICS = Endpoint("POST", _CONTACT + "get_user_behavior_data", 92132, Effect.READ, "statistics.staff")
GROUP_STATISTICS = Endpoint("POST", _CONTACT + "groupchat/statistic", 92133, Effect.READ, "statistics.groups")
GROUP_STATISTICS_BY_DAY = Endpoint(
    "POST", _CONTACT + "groupchat/statistic_group_by_day", 92133, Effect.READ, "statistics.groups_by_day"
)
# No list tells which app messages there are, so nothing shows what became of one whose answer is lost.
APP_MESSAGE_SEND = Endpoint("POST", "/cgi-bin/message/send", 90236, Effect.ONE_SHOT, "app_messages.send")
# The same with the duplicate check: WeCom does not deliver equal content twice.
APP_MESSAGE_SEND_CHECKED = APP_MESSAGE_SEND._replace(effect=Effect.GUARDED)
APP_MESSAGE_RECALL = Endpoint("POST", "/cgi-bin/message/recall", 94867, Effect.IDEMPOTENT, "app_messages.recall")
# A response_code works once: WeCom refuses the second call with it.
APP_CARD_UPDATE = Endpoint(
    "POST", "/cgi-bin/message/update_template_card", 94888, Effect.GUARDED, "app_messages.update_card"
)
TICKET_CORP = Endpoint("GET", "/cgi-bin/get_jsapi_ticket", 90506, Effect.READ, "tickets.corp")
TICKET_APP = Endpoint("GET", "/cgi-bin/ticket/get", 90506, Effect.READ, "tickets.app")
# A second temporary medium is seen by nobody and gone in three days; an image for good is one of few a day.
MEDIA_UPLOAD = Endpoint("POST", _MEDIA + "upload", 90253, Effect.IDEMPOTENT, "media.upload")
MEDIA_ATTACHMENT = Endpoint("POST", _MEDIA + "upload_attachment", 95098, Effect.IDEMPOTENT, "media.upload_attachment")
MEDIA_IMAGE = Endpoint("POST", _MEDIA + "uploadimg", 90256, Effect.RECONCILABLE, "media.upload_image")
MEDIA_GET = Endpoint("GET", _MEDIA + "get", 90254, Effect.READ, "media.download")
MEDIA_GET_JSSDK = Endpoint("GET", _MEDIA + "get/jssdk", 90255, Effect.READ, "media.download_jssdk")
MEDIA_BY_URL = Endpoint("POST", _MEDIA + "upload_by_url", 96219, Effect.IDEMPOTENT, "media.upload_by_url")
MEDIA_BY_URL_RESULT = Endpoint(
    "POST", _MEDIA + "get_upload_by_url_result", 96219, Effect.READ, "media.upload_by_url_result"
)

ENDPOINTS: tuple[Endpoint, ...] = (
    GETTOKEN,
    CALLBACK_IPS,
    API_IPS,
    USER_GET,
    USER_LIST,
    USER_SIMPLE_LIST,
    USER_IDS,
    DEPARTMENT_LIST,
    DEPARTMENT_SIMPLE_LIST,
    DEPARTMENT_GET,
    OAUTH_USER,
    OAUTH_DETAIL,
    FOLLOW_USER_LIST,
    CONTACT_LIST,
    CONTACT_GET,
    CONTACT_BATCH,
    REMARK,
    CONTACT_SERVED,
    STRATEGY_LIST,
    STRATEGY_GET,
    STRATEGY_RANGE,
    STRATEGY_CREATE,
    STRATEGY_EDIT,
    STRATEGY_DELETE,
    ID_OPENID,
    ID_FROM_TMP,
    ID_CUSTOMER,
    ID_STAFF,
    TAG_LIST,
    TAG_ADD,
    TAG_EDIT,
    TAG_DELETE,
    STRATEGY_TAG_LIST,
    STRATEGY_TAG_ADD,
    STRATEGY_TAG_EDIT,
    STRATEGY_TAG_DELETE,
    MARK_TAG,
    GROUP_LIST,
    GROUP_GET,
    GROUP_BY_OPENGID,
    JOIN_WAY_ADD,
    JOIN_WAY_GET,
    JOIN_WAY_UPDATE,
    JOIN_WAY_DELETE,
    CODE_ADD,
    CODE_GET,
    CODE_LIST,
    CODE_UPDATE,
    CODE_DELETE,
    TEMP_CHAT_CLOSE,
    ACQUISITION_LIST,
    ACQUISITION_GET,
    ACQUISITION_CREATE,
    ACQUISITION_UPDATE,
    ACQUISITION_DELETE,
    ACQUISITION_CUSTOMERS,
    ACQUISITION_QUOTA,
    ACQUISITION_STATISTICS,
    ACQUISITION_CHAT_INFO,
    TRANSFER,
    TRANSFER_RESULT,
    UNASSIGNED_LIST,
    RESIGNED_TRANSFER,
    RESIGNED_TRANSFER_RESULT,
    GROUP_TRANSFER,
    GROUP_TRANSFER_RESIGNED,
    MESSAGE_ADD,
    MESSAGE_LIST,
    MESSAGE_TASKS,
    MESSAGE_RESULTS,
    MESSAGE_REMIND,
    MESSAGE_CANCEL,
    WELCOME,
    GROUP_WELCOME_ADD,
    GROUP_WELCOME_EDIT,
    GROUP_WELCOME_GET,
    GROUP_WELCOME_DELETE,
    MOMENT_ADD,
    MOMENT_RESULT,
    MOMENT_LIST,
    MOMENT_STRATEGY_LIST,
    MOMENT_STRATEGY_GET,
    MOMENT_STRATEGY_RANGE,
    MOMENT_STRATEGY_CREATE,
    MOMENT_STRATEGY_EDIT,
    MOMENT_STRATEGY_DELETE,
    PRODUCT_ADD,
    PRODUCT_GET,
    PRODUCT_LIST,
    PRODUCT_UPDATE,
    PRODUCT_DELETE,
    INTERCEPT_ADD,
    INTERCEPT_LIST,
    INTERCEPT_GET,
    INTERCEPT_UPDATE,
    INTERCEPT_DELETE,
    MOMENT_CANCEL,
    MOMENT_TASKS,
    MOMENT_CUSTOMERS,
    MOMENT_SENT_TO,
    MOMENT_COMMENTS,
    STAFF_STATISTICS,
    GROUP_STATISTICS,
    GROUP_STATISTICS_BY_DAY,
    APP_MESSAGE_SEND,
    APP_MESSAGE_RECALL,
    APP_CARD_UPDATE,
    TICKET_CORP,
    TICKET_APP,
    MEDIA_UPLOAD,
    MEDIA_ATTACHMENT,
    MEDIA_IMAGE,
    MEDIA_GET,
    MEDIA_GET_JSSDK,
    MEDIA_BY_URL,
    MEDIA_BY_URL_RESULT,
)
"""Every endpoint this library can call, in the order of the documentation's chapters."""
