"""The API of WeCom, one module per chapter: each handler reads a call, changes the state, and returns the answer."""

from __future__ import annotations

from typing import Final

from privdom._facts import endpoints as e
from privdom.sandbox.handlers import (
    acquisition,
    codes,
    contacts,
    groups,
    join_ways,
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
    e.CONTACT_SERVED.path: Route(contacts.served, ("info_list",)),
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
    e.CODE_DELETE.path: Route(codes.delete),
    e.TEMP_CHAT_CLOSE.path: Route(codes.close_temp_chat),
    e.ACQUISITION_LIST.path: Route(acquisition.listing, ("link_id_list",)),
    e.ACQUISITION_GET.path: Route(acquisition.get),
    e.ACQUISITION_CREATE.path: Route(acquisition.create),
    e.ACQUISITION_UPDATE.path: Route(acquisition.update),
    e.ACQUISITION_DELETE.path: Route(acquisition.delete),
    e.ACQUISITION_CUSTOMERS.path: Route(acquisition.customers, ("customer_list",)),
    e.ACQUISITION_QUOTA.path: Route(acquisition.quota, ("quota_list",)),
    e.ACQUISITION_STATISTICS.path: Route(acquisition.statistics),
    e.ACQUISITION_CHAT_INFO.path: Route(acquisition.chat_info),
    e.TRANSFER.path: Route(transfers.start, ("customer",)),
    e.TRANSFER_RESULT.path: Route(transfers.result, ("customer",)),
    e.UNASSIGNED_LIST.path: Route(transfers.unassigned, ("info",)),
    e.RESIGNED_TRANSFER.path: Route(transfers.start_resigned, ("customer",)),
    e.RESIGNED_TRANSFER_RESULT.path: Route(transfers.result_resigned, ("customer",)),
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
}
"""By path; gettoken is answered at the door."""
