"""The API of WeCom, one module per chapter: each handler reads a call, changes the state, and returns the answer."""

from __future__ import annotations

from typing import Final

from privdom._facts import endpoints as e
from privdom.sandbox.handlers import (
    app_messages,
    codes,
    contacts,
    departments,
    groups,
    ids,
    join_ways,
    messages,
    moments,
    network,
    oauth,
    staff,
    tags,
    tickets,
    transfers,
)
from privdom.sandbox.handlers.route import Route


__all__ = ["ROUTES", "Route"]

ROUTES: Final[dict[str, Route]] = {
    e.CALLBACK_IPS.path: Route(network.addresses, ("ip_list",)),
    e.API_IPS.path: Route(network.addresses, ("ip_list",)),
    e.USER_GET.path: Route(staff.get),
    e.USER_LIST.path: Route(staff.of_department, ("userlist",)),
    e.USER_SIMPLE_LIST.path: Route(staff.in_short, ("userlist",)),
    e.USER_IDS.path: Route(staff.ids, ("dept_user",)),
    e.DEPARTMENT_LIST.path: Route(departments.tree, ("department",)),
    e.DEPARTMENT_SIMPLE_LIST.path: Route(departments.places, ("department_id",)),
    e.DEPARTMENT_GET.path: Route(departments.get),
    e.OAUTH_USER.path: Route(oauth.user),
    e.OAUTH_DETAIL.path: Route(oauth.detail),
    e.FOLLOW_USER_LIST.path: Route(staff.serving, ("follow_user",)),
    e.CONTACT_LIST.path: Route(contacts.of_staff, ("external_userid",)),
    e.CONTACT_GET.path: Route(contacts.get, ("follow_user",)),
    e.CONTACT_BATCH.path: Route(contacts.batch, ("external_contact_list",)),
    e.REMARK.path: Route(contacts.remark),
    e.ID_OPENID.path: Route(ids.openid),
    e.ID_FROM_TMP.path: Route(ids.from_tmp, ("results", "invalid_tmp_external_userid_list")),
    e.ID_CUSTOMER.path: Route(ids.customer),
    e.ID_STAFF.path: Route(ids.staff, ("userid_list", "invalid_open_userid_list")),
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
    e.APP_MESSAGE_SEND.path: Route(app_messages.send),
    e.APP_MESSAGE_RECALL.path: Route(app_messages.recall),
    e.APP_CARD_UPDATE.path: Route(app_messages.update_card),
    e.TICKET_CORP.path: Route(tickets.corp),
    e.TICKET_APP.path: Route(tickets.app),
}
"""By path; gettoken is answered at the door."""
