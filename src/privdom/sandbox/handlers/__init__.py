"""The API of WeCom, one module per chapter: each handler reads a call, changes the state, and returns the answer."""

from __future__ import annotations

from typing import Final

from privdom._facts import endpoints as e
from privdom.sandbox.handlers import (
    codes,
    contacts,
    groups,
    join_ways,
    media,
    messages,
    moments,
    staff,
    tags,
    transfers,
)
from privdom.sandbox.handlers.route import Route


__all__ = ["ROUTES", "Route"]

ROUTES: Final[dict[str, Route]] = {
    e.USER_GET.path: Route(staff.get),
    e.USER_LIST.path: Route(staff.of_department, ("userlist",)),
    e.FOLLOW_USER_LIST.path: Route(staff.serving, ("follow_user",)),
    e.CONTACT_LIST.path: Route(contacts.of_staff, ("external_userid",)),
    e.CONTACT_GET.path: Route(contacts.get, ("follow_user",)),
    e.CONTACT_BATCH.path: Route(contacts.batch, ("external_contact_list",)),
    e.REMARK.path: Route(contacts.remark),
    e.TAG_LIST.path: Route(tags.library, ("tag_group",)),
    e.TAG_ADD.path: Route(tags.add),
    e.TAG_EDIT.path: Route(tags.edit),
    e.TAG_DELETE.path: Route(tags.delete),
    e.MARK_TAG.path: Route(tags.mark),
    e.GROUP_LIST.path: Route(groups.listing, ("group_chat_list",)),
    e.GROUP_GET.path: Route(groups.get),
    e.JOIN_WAY_ADD.path: Route(join_ways.add),
    e.JOIN_WAY_GET.path: Route(join_ways.get),
    e.JOIN_WAY_UPDATE.path: Route(join_ways.update),
    e.JOIN_WAY_DELETE.path: Route(join_ways.delete),
    e.CODE_ADD.path: Route(codes.add),
    e.CODE_GET.path: Route(codes.get),
    e.CODE_LIST.path: Route(codes.listing, ("contact_way",)),
    e.CODE_UPDATE.path: Route(codes.update),
    e.TRANSFER.path: Route(transfers.start, ("customer",)),
    e.TRANSFER_RESULT.path: Route(transfers.result, ("customer",)),
    e.GROUP_TRANSFER.path: Route(groups.transfer, ("failed_chat_list",)),
    e.MESSAGE_ADD.path: Route(messages.add, ("fail_list",)),
    e.MESSAGE_LIST.path: Route(messages.listing, ("group_msg_list",)),
    e.MESSAGE_TASKS.path: Route(messages.tasks, ("task_list",)),
    e.MESSAGE_RESULTS.path: Route(messages.results, ("send_list",)),
    e.MESSAGE_REMIND.path: Route(messages.remind),
    e.MESSAGE_CANCEL.path: Route(messages.cancel),
    e.WELCOME.path: Route(messages.welcome),
    e.MOMENT_ADD.path: Route(moments.add),
    e.MOMENT_RESULT.path: Route(moments.result),
    e.MOMENT_LIST.path: Route(moments.listing, ("moment_list",)),
    e.MEDIA_UPLOAD.path: Route(media.upload),
    e.MEDIA_ATTACHMENT.path: Route(media.upload_attachment),
    e.MEDIA_IMAGE.path: Route(media.upload_image),
    e.MEDIA_GET.path: Route(media.get),
    e.MEDIA_GET_JSSDK.path: Route(media.get_jssdk),
    e.MEDIA_BY_URL.path: Route(media.upload_by_url),
    e.MEDIA_BY_URL_RESULT.path: Route(media.upload_by_url_result),
}
"""By path; gettoken is answered at the door."""
