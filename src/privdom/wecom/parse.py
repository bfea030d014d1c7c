"""Which classes an endpoint takes and gives, and how to read an answer that came another way."""

from __future__ import annotations

from typing import Any, NamedTuple

from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._facts.endpoints import ENDPOINTS, Effect, Endpoint
from privdom.errors import UsageError
from privdom.wecom import (
    acquisition,
    app_messages,
    codes,
    contacts,
    departments,
    group_welcomes,
    groups,
    ids,
    intercept_rules,
    join_ways,
    media,
    messages,
    moment_strategies,
    moments,
    network,
    oauth,
    products,
    staff,
    statistics,
    strategies,
    strategy_tags,
    tags,
    tickets,
    transfers,
)
from privdom.wecom._values import Done
from privdom.wecom.answer import read_answer
from privdom.wecom.session import AccessToken


__all__ = ["CLASSES", "ENDPOINTS", "Classes", "Effect", "Endpoint", "parse_response"]


class Classes(NamedTuple):
    """The classes of one endpoint; ``request`` is None where it takes nothing that is ours to give."""

    request: type[Any] | None
    answer: type[Any]


_BY_ENDPOINT: dict[Endpoint, Classes] = {
    E.GETTOKEN: Classes(None, AccessToken),
    E.CALLBACK_IPS: Classes(None, network.IpList),
    E.API_IPS: Classes(None, network.IpList),
    E.USER_GET: Classes(staff.GetStaffRequest, staff.Staff),
    E.USER_LIST: Classes(staff.ListStaffRequest, staff.StaffList),
    E.USER_SIMPLE_LIST: Classes(staff.SimpleListStaffRequest, staff.SimpleStaffList),
    E.USER_IDS: Classes(staff.ListStaffIdsRequest, staff.StaffIdPage),
    E.DEPARTMENT_LIST: Classes(departments.ListDepartmentsRequest, departments.DepartmentList),
    E.DEPARTMENT_SIMPLE_LIST: Classes(departments.ListDepartmentsRequest, departments.DepartmentPlaces),
    E.DEPARTMENT_GET: Classes(departments.GetDepartmentRequest, departments.DepartmentAnswer),
    E.OAUTH_USER: Classes(oauth.SignedInRequest, oauth.SignedIn),
    E.OAUTH_DETAIL: Classes(oauth.StaffDetailRequest, oauth.StaffDetail),
    E.FOLLOW_USER_LIST: Classes(None, staff.ServingStaff),
    E.CONTACT_LIST: Classes(contacts.ListContactsRequest, contacts.CustomerIds),
    E.CONTACT_GET: Classes(contacts.GetContactRequest, contacts.CustomerPage),
    E.CONTACT_BATCH: Classes(contacts.BatchContactsRequest, contacts.BatchPage),
    E.REMARK: Classes(contacts.RemarkRequest, Done),
    E.CONTACT_SERVED: Classes(contacts.ServedContactsRequest, contacts.ServedPage),
    E.STRATEGY_LIST: Classes(strategies.ListStrategiesRequest, strategies.StrategyPage),
    E.STRATEGY_GET: Classes(strategies.GetStrategyRequest, strategies.CustomerStrategyAnswer),
    E.STRATEGY_RANGE: Classes(strategies.StrategyRangeRequest, strategies.RangePage),
    E.STRATEGY_CREATE: Classes(strategies.NewCustomerStrategy, strategies.CreatedStrategy),
    E.STRATEGY_EDIT: Classes(strategies.EditCustomerStrategyRequest, Done),
    E.STRATEGY_DELETE: Classes(strategies.DeleteStrategyRequest, Done),
    E.ID_OPENID: Classes(ids.OpenIdRequest, ids.OpenId),
    E.ID_FROM_TMP: Classes(ids.ConvertTmpIdsRequest, ids.ConvertedTmpIds),
    E.ID_CUSTOMER: Classes(ids.ConvertCustomerRequest, ids.ConvertedCustomer),
    E.ID_STAFF: Classes(ids.ConvertStaffRequest, ids.ConvertedStaff),
    E.TAG_LIST: Classes(tags.ListTagsRequest, tags.TagGroups),
    E.TAG_ADD: Classes(tags.AddTagsRequest, tags.AddedTags),
    E.TAG_EDIT: Classes(tags.EditTagRequest, Done),
    E.TAG_DELETE: Classes(tags.DeleteTagsRequest, Done),
    E.STRATEGY_TAG_LIST: Classes(strategy_tags.ListStrategyTagsRequest, strategy_tags.StrategyTagGroups),
    E.STRATEGY_TAG_ADD: Classes(strategy_tags.AddStrategyTagsRequest, strategy_tags.AddedStrategyTags),
    E.STRATEGY_TAG_EDIT: Classes(strategy_tags.EditStrategyTagRequest, Done),
    E.STRATEGY_TAG_DELETE: Classes(strategy_tags.DeleteStrategyTagsRequest, Done),
    E.MARK_TAG: Classes(tags.MarkTagRequest, Done),
    E.GROUP_LIST: Classes(groups.ListGroupsRequest, groups.GroupPage),
    E.GROUP_GET: Classes(groups.GetGroupRequest, groups.GroupAnswer),
    E.GROUP_BY_OPENGID: Classes(groups.GroupByOpengidRequest, groups.GroupId),
    E.JOIN_WAY_ADD: Classes(join_ways.NewJoinWay, join_ways.CreatedJoinWay),
    E.JOIN_WAY_GET: Classes(join_ways.GetJoinWayRequest, join_ways.JoinWayAnswer),
    E.JOIN_WAY_UPDATE: Classes(join_ways.JoinWayUpdate, Done),
    E.JOIN_WAY_DELETE: Classes(join_ways.DeleteJoinWayRequest, Done),
    E.CODE_ADD: Classes(codes.NewContactWay, codes.CreatedContactWay),
    E.CODE_GET: Classes(codes.GetCodeRequest, codes.ContactWayAnswer),
    E.CODE_LIST: Classes(codes.ListCodesRequest, codes.CodePage),
    E.CODE_UPDATE: Classes(codes.ContactWayUpdate, Done),
    E.CODE_DELETE: Classes(codes.DeleteCodeRequest, Done),
    E.TEMP_CHAT_CLOSE: Classes(codes.CloseTempChatRequest, Done),
    E.ACQUISITION_LIST: Classes(acquisition.ListLinksRequest, acquisition.AcquisitionLinkPage),
    E.ACQUISITION_GET: Classes(acquisition.GetLinkRequest, acquisition.AcquisitionLinkDetails),
    E.ACQUISITION_CREATE: Classes(acquisition.NewAcquisitionLink, acquisition.CreatedAcquisitionLink),
    E.ACQUISITION_UPDATE: Classes(acquisition.AcquisitionLinkUpdate, Done),
    E.ACQUISITION_DELETE: Classes(acquisition.DeleteLinkRequest, Done),
    E.ACQUISITION_CUSTOMERS: Classes(acquisition.LinkCustomersRequest, acquisition.LinkCustomerPage),
    E.ACQUISITION_QUOTA: Classes(None, acquisition.AcquisitionQuota),
    E.ACQUISITION_STATISTICS: Classes(acquisition.LinkStatisticsRequest, acquisition.LinkStatistics),
    E.ACQUISITION_CHAT_INFO: Classes(acquisition.ChatInfoRequest, acquisition.LinkChat),
    E.TRANSFER: Classes(transfers.TransferRequest, transfers.TransferStarted),
    E.TRANSFER_RESULT: Classes(transfers.TransferResultRequest, transfers.TransferPage),
    E.UNASSIGNED_LIST: Classes(transfers.UnassignedRequest, transfers.UnassignedPage),
    E.RESIGNED_TRANSFER: Classes(transfers.ResignedTransferRequest, transfers.TransferStarted),
    E.RESIGNED_TRANSFER_RESULT: Classes(transfers.TransferResultRequest, transfers.TransferPage),
    E.GROUP_TRANSFER: Classes(groups.TransferGroupsRequest, groups.GroupsTransferred),
    E.GROUP_TRANSFER_RESIGNED: Classes(groups.TransferGroupsRequest, groups.GroupsTransferred),
    E.MESSAGE_ADD: Classes(messages.NewMessage, messages.MessageCreated),
    E.MESSAGE_LIST: Classes(messages.ListMessagesRequest, messages.MessagePage),
    E.MESSAGE_TASKS: Classes(messages.TasksRequest, messages.TaskPage),
    E.MESSAGE_RESULTS: Classes(messages.ResultsRequest, messages.ResultPage),
    E.MESSAGE_REMIND: Classes(messages.RemindRequest, Done),
    E.MESSAGE_CANCEL: Classes(messages.CancelMessageRequest, Done),
    E.WELCOME: Classes(messages.WelcomeRequest, Done),
    E.GROUP_WELCOME_ADD: Classes(group_welcomes.NewGroupWelcome, group_welcomes.CreatedGroupWelcome),
    E.GROUP_WELCOME_EDIT: Classes(group_welcomes.GroupWelcomeUpdate, Done),
    E.GROUP_WELCOME_GET: Classes(group_welcomes.GetGroupWelcomeRequest, group_welcomes.GroupWelcome),
    E.GROUP_WELCOME_DELETE: Classes(group_welcomes.DeleteGroupWelcomeRequest, Done),
    E.MOMENT_ADD: Classes(moments.NewMoment, moments.MomentJob),
    E.MOMENT_RESULT: Classes(moments.MomentJobRequest, moments.MomentJobResult),
    E.MOMENT_LIST: Classes(moments.ListMomentsRequest, moments.MomentPage),
    E.MOMENT_STRATEGY_LIST: Classes(strategies.ListStrategiesRequest, strategies.StrategyPage),
    E.MOMENT_STRATEGY_GET: Classes(strategies.GetStrategyRequest, moment_strategies.MomentStrategyAnswer),
    E.MOMENT_STRATEGY_RANGE: Classes(strategies.StrategyRangeRequest, strategies.RangePage),
    E.MOMENT_STRATEGY_CREATE: Classes(moment_strategies.NewMomentStrategy, strategies.CreatedStrategy),
    E.MOMENT_STRATEGY_EDIT: Classes(moment_strategies.EditMomentStrategyRequest, Done),
    E.MOMENT_STRATEGY_DELETE: Classes(strategies.DeleteStrategyRequest, Done),
    E.PRODUCT_ADD: Classes(products.NewProduct, products.CreatedProduct),
    E.PRODUCT_GET: Classes(products.GetProductRequest, products.ProductAnswer),
    E.PRODUCT_LIST: Classes(products.ListProductsRequest, products.ProductPage),
    E.PRODUCT_UPDATE: Classes(products.UpdateProductRequest, Done),
    E.PRODUCT_DELETE: Classes(products.DeleteProductRequest, Done),
    E.INTERCEPT_ADD: Classes(intercept_rules.NewInterceptRule, intercept_rules.CreatedInterceptRule),
    E.INTERCEPT_LIST: Classes(None, intercept_rules.InterceptRuleList),
    E.INTERCEPT_GET: Classes(intercept_rules.GetInterceptRuleRequest, intercept_rules.InterceptRuleAnswer),
    E.INTERCEPT_UPDATE: Classes(intercept_rules.UpdateInterceptRuleRequest, Done),
    E.INTERCEPT_DELETE: Classes(intercept_rules.DeleteInterceptRuleRequest, Done),
    E.MOMENT_CANCEL: Classes(moments.CancelMomentRequest, Done),
    E.MOMENT_TASKS: Classes(moments.MomentTasksRequest, moments.MomentTaskPage),
    E.MOMENT_CUSTOMERS: Classes(moments.MomentCustomersRequest, moments.MomentCustomerPage),
    E.MOMENT_SENT_TO: Classes(moments.MomentSentToRequest, moments.MomentSentToPage),
    E.MOMENT_COMMENTS: Classes(moments.MomentCommentsRequest, moments.MomentComments),
    E.STAFF_STATISTICS: Classes(statistics.StaffStatisticsRequest, statistics.StaffStatistics),
    E.GROUP_STATISTICS: Classes(statistics.GroupStatisticsRequest, statistics.GroupStatisticsPage),
    E.GROUP_STATISTICS_BY_DAY: Classes(statistics.GroupDaysRequest, statistics.GroupDays),
    E.APP_MESSAGE_SEND: Classes(app_messages.SendAppMessageRequest, app_messages.AppMessageSent),
    E.APP_MESSAGE_RECALL: Classes(app_messages.RecallAppMessageRequest, Done),
    E.APP_CARD_UPDATE: Classes(app_messages.UpdateCardRequest, app_messages.CardUpdated),
    E.TICKET_CORP: Classes(None, tickets.TicketAnswer),
    E.TICKET_APP: Classes(tickets.AppTicketRequest, tickets.TicketAnswer),
    E.MEDIA_UPLOAD: Classes(media.UploadMediaRequest, media.UploadedMedia),
    E.MEDIA_ATTACHMENT: Classes(media.UploadAttachmentRequest, media.UploadedMedia),
    E.MEDIA_IMAGE: Classes(None, media.UploadedImage),
    # Files, and JSON only where WeCom refuses.
    E.MEDIA_GET: Classes(media.DownloadMediaRequest, Done),
    E.MEDIA_GET_JSSDK: Classes(media.DownloadMediaRequest, Done),
    E.MEDIA_BY_URL: Classes(media.UploadByUrlRequest, media.UploadJob),
    E.MEDIA_BY_URL_RESULT: Classes(media.UploadJobRequest, media.UploadJobResult),
}

CLASSES: dict[str, Classes] = {endpoint.path: classes for endpoint, classes in _BY_ENDPOINT.items()}
"""The classes of every endpoint in `ENDPOINTS`, by path."""

_BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}


def parse_response(path: str, body: bytes | str) -> Any:
    """
    Return the typed answer in *body*, which WeCom gave at *path*.

    Args:
        path: such as ``/cgi-bin/externalcontact/get``; one of `ENDPOINTS`.
        body: the whole HTTP body.

    Raises:
        UsageError: No endpoint of this library has this path.
        ApiError: WeCom answered with an errcode other than 0.
        NotUnderstood: It is no answer of WeCom: a web page, cut JSON, another shape.
    """
    endpoint = _BY_PATH.get(path)
    if endpoint is None:
        msg = f"{path[:100]!r} is no endpoint of this library: give a path of privdom.wecom.ENDPOINTS"
        raise UsageError(msg)
    return read_answer(endpoint, body, CLASSES[path].answer)
