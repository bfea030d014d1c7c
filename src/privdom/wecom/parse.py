"""Which classes an endpoint takes and gives, and how to read an answer that came another way."""

from __future__ import annotations

from typing import Any, NamedTuple

from privdom._facts import endpoints as E  # noqa: N812 - a table of constants
from privdom._facts.endpoints import ENDPOINTS, Effect, Endpoint
from privdom.errors import UsageError
from privdom.wecom import codes, contacts, groups, join_ways, media, messages, moments, staff, tags, transfers
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
    E.USER_GET: Classes(staff.GetStaffRequest, staff.Staff),
    E.USER_LIST: Classes(staff.ListStaffRequest, staff.StaffList),
    E.FOLLOW_USER_LIST: Classes(None, staff.ServingStaff),
    E.CONTACT_LIST: Classes(contacts.ListContactsRequest, contacts.CustomerIds),
    E.CONTACT_GET: Classes(contacts.GetContactRequest, contacts.CustomerPage),
    E.CONTACT_BATCH: Classes(contacts.BatchContactsRequest, contacts.BatchPage),
    E.REMARK: Classes(contacts.RemarkRequest, Done),
    E.TAG_LIST: Classes(tags.ListTagsRequest, tags.TagGroups),
    E.TAG_ADD: Classes(tags.AddTagsRequest, tags.AddedTags),
    E.TAG_EDIT: Classes(tags.EditTagRequest, Done),
    E.TAG_DELETE: Classes(tags.DeleteTagsRequest, Done),
    E.MARK_TAG: Classes(tags.MarkTagRequest, Done),
    E.GROUP_LIST: Classes(groups.ListGroupsRequest, groups.GroupPage),
    E.GROUP_GET: Classes(groups.GetGroupRequest, groups.GroupAnswer),
    E.JOIN_WAY_ADD: Classes(join_ways.NewJoinWay, join_ways.CreatedJoinWay),
    E.JOIN_WAY_GET: Classes(join_ways.GetJoinWayRequest, join_ways.JoinWayAnswer),
    E.JOIN_WAY_UPDATE: Classes(join_ways.JoinWayUpdate, Done),
    E.JOIN_WAY_DELETE: Classes(join_ways.DeleteJoinWayRequest, Done),
    E.CODE_ADD: Classes(codes.NewContactWay, codes.CreatedContactWay),
    E.CODE_GET: Classes(codes.GetCodeRequest, codes.ContactWayAnswer),
    E.CODE_LIST: Classes(codes.ListCodesRequest, codes.CodePage),
    E.CODE_UPDATE: Classes(codes.ContactWayUpdate, Done),
    E.TRANSFER: Classes(transfers.TransferRequest, transfers.TransferStarted),
    E.TRANSFER_RESULT: Classes(transfers.TransferResultRequest, transfers.TransferPage),
    E.GROUP_TRANSFER: Classes(groups.TransferGroupsRequest, groups.GroupsTransferred),
    E.MESSAGE_ADD: Classes(messages.NewMessage, messages.MessageCreated),
    E.MESSAGE_LIST: Classes(messages.ListMessagesRequest, messages.MessagePage),
    E.MESSAGE_TASKS: Classes(messages.TasksRequest, messages.TaskPage),
    E.MESSAGE_RESULTS: Classes(messages.ResultsRequest, messages.ResultPage),
    E.MESSAGE_REMIND: Classes(messages.RemindRequest, Done),
    E.MESSAGE_CANCEL: Classes(messages.CancelMessageRequest, Done),
    E.WELCOME: Classes(messages.WelcomeRequest, Done),
    E.MOMENT_ADD: Classes(moments.NewMoment, moments.MomentJob),
    E.MOMENT_RESULT: Classes(moments.MomentJobRequest, moments.MomentJobResult),
    E.MOMENT_LIST: Classes(moments.ListMomentsRequest, moments.MomentPage),
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
