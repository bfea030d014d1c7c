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
_MEDIA = "/cgi-bin/media/"

GETTOKEN = Endpoint("GET", "/cgi-bin/gettoken", 91039, Effect.READ, "token")
USER_GET = Endpoint("GET", "/cgi-bin/user/get", 90196, Effect.READ, "staff.get")
USER_LIST = Endpoint("GET", "/cgi-bin/user/list", 90201, Effect.READ, "staff.list")
FOLLOW_USER_LIST = Endpoint("GET", _CONTACT + "get_follow_user_list", 92571, Effect.READ, "staff.serving")
CONTACT_LIST = Endpoint("GET", _CONTACT + "list", 92113, Effect.READ, "contacts.list")
CONTACT_GET = Endpoint("GET", _CONTACT + "get", 92114, Effect.READ, "contacts.get")
CONTACT_BATCH = Endpoint("POST", _CONTACT + "batch/get_by_user", 92994, Effect.READ, "contacts.batch")
REMARK = Endpoint("POST", _CONTACT + "remark", 92115, Effect.IDEMPOTENT, "contacts.remark")
TAG_LIST = Endpoint("POST", _CONTACT + "get_corp_tag_list", 92117, Effect.READ, "tags.list")
TAG_ADD = Endpoint("POST", _CONTACT + "add_corp_tag", 92117, Effect.RECONCILABLE, "tags.add")
TAG_EDIT = Endpoint("POST", _CONTACT + "edit_corp_tag", 92117, Effect.IDEMPOTENT, "tags.edit")
TAG_DELETE = Endpoint("POST", _CONTACT + "del_corp_tag", 92117, Effect.IDEMPOTENT, "tags.delete")
MARK_TAG = Endpoint("POST", _CONTACT + "mark_tag", 92118, Effect.IDEMPOTENT, "tags.mark")
GROUP_LIST = Endpoint("POST", _CONTACT + "groupchat/list", 92120, Effect.READ, "groups.list")
GROUP_GET = Endpoint("POST", _CONTACT + "groupchat/get", 92122, Effect.READ, "groups.get")
JOIN_WAY_ADD = Endpoint("POST", _CONTACT + "groupchat/add_join_way", 92229, Effect.RECONCILABLE, "join_ways.add")
JOIN_WAY_GET = Endpoint("POST", _CONTACT + "groupchat/get_join_way", 92229, Effect.READ, "join_ways.get")
JOIN_WAY_UPDATE = Endpoint("POST", _CONTACT + "groupchat/update_join_way", 92229, Effect.IDEMPOTENT, "join_ways.update")
JOIN_WAY_DELETE = Endpoint("POST", _CONTACT + "groupchat/del_join_way", 92229, Effect.IDEMPOTENT, "join_ways.delete")
CODE_ADD = Endpoint("POST", _CONTACT + "add_contact_way", 92228, Effect.RECONCILABLE, "codes.add")
CODE_GET = Endpoint("POST", _CONTACT + "get_contact_way", 92228, Effect.READ, "codes.get")
CODE_LIST = Endpoint("POST", _CONTACT + "list_contact_way", 92228, Effect.READ, "codes.list")
CODE_UPDATE = Endpoint("POST", _CONTACT + "update_contact_way", 92228, Effect.IDEMPOTENT, "codes.update")
TRANSFER = Endpoint("POST", _CONTACT + "transfer_customer", 92125, Effect.RECONCILABLE, "transfers.start")
TRANSFER_RESULT = Endpoint("POST", _CONTACT + "transfer_result", 94088, Effect.READ, "transfers.result")
GROUP_TRANSFER = Endpoint("POST", _CONTACT + "groupchat/onjob_transfer", 95703, Effect.RECONCILABLE, "groups.transfer")
MESSAGE_ADD = Endpoint("POST", _CONTACT + "add_msg_template", 92135, Effect.RECONCILABLE, "messages.add")
MESSAGE_LIST = Endpoint("POST", _CONTACT + "get_groupmsg_list_v2", 93338, Effect.READ, "messages.list")
MESSAGE_TASKS = Endpoint("POST", _CONTACT + "get_groupmsg_task", 93338, Effect.READ, "messages.tasks")
MESSAGE_RESULTS = Endpoint("POST", _CONTACT + "get_groupmsg_send_result", 93338, Effect.READ, "messages.results")
MESSAGE_REMIND = Endpoint("POST", _CONTACT + "remind_groupmsg_send", 97610, Effect.ONE_SHOT, "messages.remind")
MESSAGE_CANCEL = Endpoint("POST", _CONTACT + "cancel_groupmsg_send", 97611, Effect.IDEMPOTENT, "messages.cancel")
WELCOME = Endpoint("POST", _CONTACT + "send_welcome_msg", 92137, Effect.GUARDED, "messages.welcome")
MOMENT_ADD = Endpoint("POST", _CONTACT + "add_moment_task", 95094, Effect.RECONCILABLE, "moments.add")
MOMENT_RESULT = Endpoint("GET", _CONTACT + "get_moment_task_result", 95094, Effect.READ, "moments.result")
MOMENT_LIST = Endpoint("POST", _CONTACT + "get_moment_list", 93333, Effect.READ, "moments.list")
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
    USER_GET,
    USER_LIST,
    FOLLOW_USER_LIST,
    CONTACT_LIST,
    CONTACT_GET,
    CONTACT_BATCH,
    REMARK,
    TAG_LIST,
    TAG_ADD,
    TAG_EDIT,
    TAG_DELETE,
    MARK_TAG,
    GROUP_LIST,
    GROUP_GET,
    JOIN_WAY_ADD,
    JOIN_WAY_GET,
    JOIN_WAY_UPDATE,
    JOIN_WAY_DELETE,
    CODE_ADD,
    CODE_GET,
    CODE_LIST,
    CODE_UPDATE,
    TRANSFER,
    TRANSFER_RESULT,
    GROUP_TRANSFER,
    MESSAGE_ADD,
    MESSAGE_LIST,
    MESSAGE_TASKS,
    MESSAGE_RESULTS,
    MESSAGE_REMIND,
    MESSAGE_CANCEL,
    WELCOME,
    MOMENT_ADD,
    MOMENT_RESULT,
    MOMENT_LIST,
    MEDIA_UPLOAD,
    MEDIA_ATTACHMENT,
    MEDIA_IMAGE,
    MEDIA_GET,
    MEDIA_GET_JSSDK,
    MEDIA_BY_URL,
    MEDIA_BY_URL_RESULT,
)
"""Every endpoint this library can call, in the order of the documentation's chapters."""
