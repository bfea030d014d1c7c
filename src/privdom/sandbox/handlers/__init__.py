"""The API of WeCom, one module per chapter: each handler reads a call, changes the state, and returns the answer."""

from __future__ import annotations

from typing import Final

from privdom._facts import endpoints as e
from privdom.sandbox.handlers import (
    codes,
    contacts,
    group_welcomes,
    groups,
    join_ways,
    messages,
    moments,
    staff,
    statistics,
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
    e.GROUP_BY_OPENGID.path: Route(groups.of_opengid),
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
    e.GROUP_TRANSFER_RESIGNED.path: Route(groups.transfer_resigned, ("failed_chat_list",)),
    e.MESSAGE_ADD.path: Route(messages.add, ("fail_list",)),
    e.MESSAGE_LIST.path: Route(messages.listing, ("group_msg_list",)),
    e.MESSAGE_TASKS.path: Route(messages.tasks, ("task_list",)),
    e.MESSAGE_RESULTS.path: Route(messages.results, ("send_list",)),
    e.MESSAGE_REMIND.path: Route(messages.remind),
    e.MESSAGE_CANCEL.path: Route(messages.cancel),
    e.WELCOME.path: Route(messages.welcome),
    e.GROUP_WELCOME_ADD.path: Route(group_welcomes.add),
    e.GROUP_WELCOME_EDIT.path: Route(group_welcomes.edit),
    e.GROUP_WELCOME_GET.path: Route(group_welcomes.get),
    e.GROUP_WELCOME_DELETE.path: Route(group_welcomes.delete),
    e.MOMENT_ADD.path: Route(moments.add),
    e.MOMENT_RESULT.path: Route(moments.result),
    e.MOMENT_LIST.path: Route(moments.listing, ("moment_list",)),
    e.MOMENT_CANCEL.path: Route(moments.cancel),
    e.MOMENT_TASKS.path: Route(moments.tasks, ("task_list",)),
    e.MOMENT_CUSTOMERS.path: Route(moments.customers, ("customer_list",)),
    e.MOMENT_SENT_TO.path: Route(moments.sent_to, ("customer_list",)),
    e.MOMENT_COMMENTS.path: Route(moments.comments, ("comment_list", "like_list")),
    e.STAFF_STATISTICS.path: Route(statistics.of_staff, ("behavior_data",)),
    e.GROUP_STATISTICS.path: Route(statistics.of_groups, ("items",)),
    e.GROUP_STATISTICS_BY_DAY.path: Route(statistics.by_day, ("items",)),
}
"""By path; gettoken is answered at the door."""
