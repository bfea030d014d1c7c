"""What cannot succeed is refused on construction, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from privdom.errors import UsageError
from privdom.wecom.codes import (
    Conclusions,
    ContactWayType,
    ContactWayUpdate,
    GetCodeRequest,
    ListCodesRequest,
    NewContactWay,
)
from privdom.wecom.contacts import BatchContactsRequest, GetContactRequest, ListContactsRequest, RemarkRequest
from privdom.wecom.groups import GetGroupRequest, GroupFilter, ListGroupsRequest, OwnerFilter, TransferGroupsRequest
from privdom.wecom.join_ways import DeleteJoinWayRequest, GetJoinWayRequest, JoinWay, JoinWayUpdate, NewJoinWay
from privdom.wecom.messages import (
    CancelMessageRequest,
    File,
    Image,
    Link,
    ListMessagesRequest,
    MiniProgram,
    NewMessage,
    OtherAttachment,
    RemindRequest,
    ResultsRequest,
    TagFilter,
    TagFilterGroup,
    TasksRequest,
    Text,
    Video,
    WelcomeRequest,
)
from privdom.wecom.moments import (
    ListMomentsRequest,
    MomentCustomers,
    MomentJobRequest,
    MomentLink,
    MomentSenders,
    NewMoment,
    VisibleRange,
)
from privdom.wecom.staff import GetStaffRequest, ListStaffRequest
from privdom.wecom.tags import (
    AddTagsRequest,
    DeleteTagsRequest,
    EditTagRequest,
    ListTagsRequest,
    MarkTagRequest,
    NewTag,
)
from privdom.wecom.transfers import TransferRequest, TransferResultRequest
from privdom.wecom.wire import unstructure


START = datetime(2026, 1, 1, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what is to be refused
SINGLE, MULTIPLE = ContactWayType.SINGLE, ContactWayType.MULTIPLE
TAGS = TagFilter([TagFilterGroup(["et1"])])


def customers(count: int) -> list[str]:
    return [f"wm{i}" for i in range(count)]


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no staff": (lambda: GetStaffRequest(""), "userid is empty"),
    "staff as a number": (lambda: GetStaffRequest(5), "give an id, as text"),  # type: ignore[arg-type]
    "staff too long": (lambda: GetStaffRequest("张" * 22), "longer than 64 bytes"),
    "a customer as staff": (lambda: ListContactsRequest("wm" + "A" * 30), "looks like the id of a customer"),
    "department 0": (lambda: ListStaffRequest(0), "department_id is 0: it must be from 1"),
    "staff as a customer": (lambda: GetContactRequest("zhangsan"), "must begin with wm or wo"),
    "no customer": (lambda: GetContactRequest(""), "external_userid is empty"),
    "nobody in a batch": (lambda: BatchContactsRequest([]), "userids is empty: give at least 1"),
    "a bare userid": (lambda: BatchContactsRequest("anna"), "put it in brackets"),
    "too many in a batch": (lambda: BatchContactsRequest([f"s{i}" for i in range(101)]), "takes 100 at a time"),
    "batch limit": (lambda: BatchContactsRequest(["a"], limit=101), "limit is 101: it must be from 1 to 100"),
    "a bare department": (lambda: MomentSenders(department_list="12"), "a text was given"),  # type: ignore[arg-type]
    "a bare department of a code": (
        lambda: ContactWayUpdate("c", party="12"),  # type: ignore[arg-type]
        "a text was given",
    ),
    "nothing to remark": (lambda: RemarkRequest("a", "wm1"), "there is nothing to note"),
    "long remark": (lambda: RemarkRequest("a", "wm1", remark="长" * 21), "remark has 21 characters"),
    "long description": (lambda: RemarkRequest("a", "wm1", description="长" * 151), "0 to 150"),
    "long company": (lambda: RemarkRequest("a", "wm1", remark_company="长" * 21), "remark_company has 21"),
    "tags and groups": (lambda: ListTagsRequest(["et1"], ["et2"]), "WeCom ignores tag_ids"),
    "no tags": (lambda: AddTagsRequest([], group_name="g"), "names is empty"),
    "a bare name": (lambda: AddTagsRequest("金", group_name="g"), "put it in brackets"),
    "tags without group": (lambda: AddTagsRequest(["a"]), "the tags need a group"),
    "tags with two groups": (lambda: AddTagsRequest(["a"], "et1", "g"), "WeCom ignores group_name"),
    "an empty group": (lambda: AddTagsRequest(["a"], group_id=""), "group_id is empty"),
    "long group": (lambda: AddTagsRequest(["a"], group_name="长" * 31), "1 to 30"),
    "empty tag": (lambda: NewTag(""), "name has 0 characters"),
    "tag order": (lambda: NewTag("a", 2**32), "order is 4294967296"),
    "nothing to edit": (lambda: EditTagRequest("et1"), "there is nothing to change"),
    "edit order": (lambda: EditTagRequest("et1", order=-1), "order is -1"),
    "nothing to delete": (DeleteTagsRequest, "there is nothing to delete"),
    "nothing to mark": (lambda: MarkTagRequest("a", "wm1"), "there is nothing to mark"),
    "mark and unmark": (lambda: MarkTagRequest("a", "wm1", ["et1"], ["et1"]), "both in add and in remove"),
    "mark twice": (lambda: MarkTagRequest("a", "wm1", ["et1", "et1"]), "names the same id twice"),
    "no owners": (lambda: OwnerFilter([]), "owners is empty"),
    "too many owners": (lambda: OwnerFilter([f"s{i}" for i in range(101)]), "takes 100"),
    "unknown filter": (lambda: ListGroupsRequest(GroupFilter(9)), "status is 9: it must be one of"),
    "group limit": (lambda: ListGroupsRequest(limit=0), "limit is 0"),
    "no group": (lambda: GetGroupRequest("ww1"), "must begin with wr"),
    "nobody on a code": (lambda: NewContactWay(type=MULTIPLE), "nobody stands behind"),
    "two on a single code": (lambda: NewContactWay(type=1, user=["a", "b"]), "exactly one staff"),
    "party on a single code": (lambda: NewContactWay(type=SINGLE, user=["a"], party=[1]), "exactly one staff"),
    "a third type": (lambda: NewContactWay(type=3, user=["a"]), "type is 3"),
    "a third scene": (lambda: NewContactWay(type=SINGLE, scene=3, user=["a"]), "scene is 3"),
    "style of a QR code": (lambda: NewContactWay(type=SINGLE, user=["a"], style=1), "only a button"),
    "third style of many": (lambda: NewContactWay(type=MULTIPLE, scene=1, user=["a"], style=3), "style is 3"),
    "long state": (lambda: NewContactWay(type=SINGLE, user=["a"], state="长" * 31), "state has 31"),
    "long note": (lambda: NewContactWay(type=SINGLE, user=["a"], remark="长" * 31), "remark has 31"),
    "101 on a code": (lambda: NewContactWay(type=MULTIPLE, user=[f"s{i}" for i in range(101)]), "takes 100"),
    "life without temp": (lambda: NewContactWay(type=SINGLE, user=["a"], expires_in=60), "give is_temp=True"),
    "temp for many": (lambda: NewContactWay(type=MULTIPLE, user=["a"], is_temp=True), "with one staff"),
    "long life": (
        lambda: NewContactWay(type=SINGLE, user=["a"], is_temp=True, expires_in=15 * 86_400),
        "expires_in is 1296000",
    ),
    "no last words": (Conclusions, "the closing words are empty"),
    "two last words": (
        lambda: Conclusions(image=Image(media_id="m"), link=Link("t", "u")),
        "only one of image, link and miniprogram",
    ),
    "last words by url": (lambda: Conclusions(image=Image(pic_url="u")), "by media_id"),
    "nothing to update": (lambda: ContactWayUpdate("c1"), "there is nothing to change"),
    "nobody left": (lambda: ContactWayUpdate("c1", user=[], party=[]), "nobody would stand"),
    "update of nothing": (lambda: ContactWayUpdate("", state="s"), "config_id is empty"),
    "no code": (lambda: GetCodeRequest(""), "config_id is empty"),
    "window backwards": (lambda: ListCodesRequest(START, START), "start is not before end"),
    "start without zone": (lambda: ListCodesRequest(NAIVE), "start has no time zone"),
    "end without zone": (lambda: ListCodesRequest(None, NAIVE), "end has no time zone"),
    "code limit": (lambda: ListCodesRequest(limit=1001), "limit is 1001"),
    "same staff": (lambda: TransferRequest("Anna", "anna", ["wm1"]), "the same staff"),
    "no customers": (lambda: TransferRequest("anna", "ben", []), "external_userids is empty"),
    "101 customers": (lambda: TransferRequest("anna", "ben", customers(101)), "takes 100 at a time"),
    "a customer twice": (lambda: TransferRequest("anna", "ben", ["wm1", "wm1"]), "the same id twice"),
    "no takeover": (lambda: TransferResultRequest("anna", ""), "takeover_userid is empty"),
    "a long farewell": (lambda: TransferRequest("anna", "ben", ["wm1"], "长" * 201), "success_msg has 201"),
    "nothing to send": (lambda: NewMessage(sender="anna"), "there is nothing to send"),
    "nobody to send to": (lambda: NewMessage(text="hi"), "goes to nobody"),
    "long text": (lambda: NewMessage(text="长" * 1334, sender="anna"), "text has 4002 bytes"),
    "ten attachments": (lambda: NewMessage(attachments=[Video("m")] * 10, sender="anna"), "takes 9"),
    "a bare attachment": (lambda: NewMessage(attachments=Video("m"), sender="anna"), "put it in brackets"),  # type: ignore[arg-type]
    "an unknown attachment": (lambda: NewMessage(attachments=[OtherAttachment("x", {})], sender="anna"), "cannot send"),
    "customers and tags": (
        lambda: NewMessage(text="hi", external_userid=["wm1"], tag_filter=TAGS),
        "WeCom ignores tag_filter",
    ),
    "groups to customers": (lambda: NewMessage(text="hi", sender="a", chat_id_list=["wr1"]), "for messages to groups"),
    "customers to groups": (
        lambda: NewMessage(text="hi", sender="a", chat_type="group", external_userid=["wm1"]),
        "for messages to customers",
    ),
    "groups without sender": (lambda: NewMessage(text="hi", chat_type="group", chat_id_list=["wr1"]), "give sender"),
    "an unknown chat": (lambda: NewMessage(text="hi", sender="a", chat_type="robot"), "chat_type is 'robot'"),
    "10,001 customers": (lambda: NewMessage(text="hi", external_userid=customers(10_001)), "takes 10000"),
    "101 tags": (lambda: TagFilterGroup([f"et{i}" for i in range(101)]), "takes 100"),
    "no tag groups": (lambda: TagFilter([]), "group_list is empty"),
    "image of nothing": (Image, "one of media_id and pic_url"),
    "image twice": (lambda: Image("m", "u"), "one of media_id and pic_url"),
    "long title": (lambda: Link("长" * 43, "u"), "title has 129 bytes"),
    "no url": (lambda: Link("t", ""), "url has 0 bytes"),
    "long desc": (lambda: Link("t", "u", desc="d" * 513), "desc has 513"),
    "long cover": (lambda: Link("t", "u", picurl="d" * 2049), "picurl has 2049"),
    "long program": (lambda: MiniProgram("长" * 22, "m", "wx", "/p"), "title has 66 bytes"),
    "program without page": (lambda: MiniProgram("t", "m", "wx"), "page is empty"),
    "no video": (lambda: Video(""), "media_id is empty"),
    "no file": (lambda: File(""), "media_id is empty"),
    "long list window": (lambda: ListMessagesRequest("single", START, START + timedelta(days=32)), "longer than 31"),
    "list limit": (lambda: ListMessagesRequest("single", START, START + timedelta(days=1), limit=101), "limit is 101"),
    "odd creator filter": (
        lambda: ListMessagesRequest("single", START, START + timedelta(days=1), filter_type=3),
        "filter_type is 3",
    ),
    "creator": (lambda: ListMessagesRequest("single", START, START + timedelta(days=1), ""), "creator is empty"),
    "tasks of nothing": (lambda: TasksRequest(""), "msgid is empty"),
    "tasks limit": (lambda: TasksRequest("m", 1001), "limit is 1001"),
    "results of nobody": (lambda: ResultsRequest("m", ""), "userid is empty"),
    "results limit": (lambda: ResultsRequest("m", "a", 0), "limit is 0"),
    "cancel nothing": (lambda: CancelMessageRequest(""), "msgid is empty"),
    "remind of nothing": (lambda: RemindRequest(""), "msgid is empty"),
    "no groups to give": (lambda: TransferGroupsRequest([], "a"), "chat_ids is empty"),
    "101 groups to give": (lambda: TransferGroupsRequest([f"wr{i}" for i in range(101)], "a"), "takes 100 at a time"),
    "a group twice": (lambda: TransferGroupsRequest(["wr1", "wr1"], "a"), "the same id twice"),
    "groups to nobody": (lambda: TransferGroupsRequest(["wr1"], ""), "new_owner is empty"),
    "a way nowhere": (lambda: NewJoinWay(chat_id_list=[]), "chat_id_list is empty"),
    "six groups": (lambda: NewJoinWay(chat_id_list=[f"wr{i}" for i in range(6)]), "takes 5 at a time"),
    "a way of a third scene": (lambda: NewJoinWay(chat_id_list=["wr1"], scene=3), "scene is 3"),
    "long note on a way": (lambda: NewJoinWay(chat_id_list=["wr1"], remark="长" * 31), "remark has 31"),
    "long state of a way": (lambda: NewJoinWay(chat_id_list=["wr1"], state="长" * 31), "state has 31"),
    "long room": (lambda: NewJoinWay(chat_id_list=["wr1"], room_base_name="长" * 41), "room_base_name has 41"),
    "odd room": (lambda: NewJoinWay(chat_id_list=["wr1"], auto_create_room=2), "auto_create_room is 2"),
    "no way": (lambda: GetJoinWayRequest(""), "config_id is empty"),
    "no way to change": (lambda: JoinWayUpdate("", chat_id_list=["wr1"]), "config_id is empty"),
    "no way to delete": (lambda: DeleteJoinWayRequest(""), "config_id is empty"),
    "no moment": (NewMoment, "nothing to publish"),
    "long moment": (lambda: NewMoment("x" * 2001), "text has 2001"),
    "ten pictures": (lambda: NewMoment("", [Image("m")] * 10), "takes 9"),
    "two videos": (lambda: NewMoment("", [Video("m")] * 2), "takes 1"),
    "mixed": (lambda: NewMoment("", [Video("m"), Image("m")]), "images, or a video, or a link"),
    "a bare picture": (lambda: NewMoment("", Image("m")), "put it in brackets"),  # type: ignore[arg-type]
    "a picture by url": (lambda: NewMoment("", [Image(pic_url="u")]), "by media_id"),
    "a file in a moment": (lambda: NewMoment("", [OtherAttachment("file", {})]), "cannot publish"),
    "no cover": (lambda: MomentLink("t", "u"), "media_id is empty"),
    "no address of a moment": (lambda: MomentLink("t", "", "m"), "url is empty"),
    "long title in a moment": (lambda: MomentLink("t" * 65, "u", "m"), "title has 65 characters"),
    "wide title in a moment": (lambda: MomentLink("标" * 43, "u", "m"), "title has 129 bytes"),
    "no senders": (MomentSenders, "nobody is to publish"),
    "no tags to see it": (lambda: MomentCustomers([]), "tag_list is empty"),
    "an empty range": (VisibleRange, "visible range is empty"),
    "no job": (lambda: MomentJobRequest(""), "jobid is empty"),
    "long window of moments": (lambda: ListMomentsRequest(START, START + timedelta(days=31)), "longer than 30"),
    "moments limit": (lambda: ListMomentsRequest(START, START + timedelta(days=1), limit=21), "limit is 21"),
    "moments creator": (lambda: ListMomentsRequest(START, START + timedelta(days=1), ""), "creator is empty"),
    "welcome without code": (lambda: WelcomeRequest("", "hi"), "welcome_code is empty"),
    "welcome with nothing": (lambda: WelcomeRequest("c"), "there is nothing to send"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(case: str) -> None:
    """The message says what is wrong and what to do."""
    make, message = REFUSED[case]

    with pytest.raises(UsageError) as caught:
        make()

    assert message in str(caught.value)


ACCEPTED: dict[str, tuple[Callable[[], object], dict[str, Any]]] = {
    "a userid of a provider's app": (lambda: GetStaffRequest("wo" + "A" * 30), {"userid": "wo" + "A" * 30}),
    "a short userid with wm": (lambda: GetStaffRequest("wmiller"), {"userid": "wmiller"}),
    "texts at their limits": (
        lambda: Link("长" * 42 + "ab", "u", desc="d" * 512),
        {"title": "长" * 42 + "ab", "url": "u", "desc": "d" * 512},
    ),
    "a moment's link at its limits": (
        lambda: MomentLink("长" * 42, "u" * 2049, "m"),
        {"title": "长" * 42, "url": "u" * 2049, "media_id": "m"},
    ),
    "a single code": (
        lambda: NewContactWay(type=SINGLE, user=["a"], state="长" * 30),
        {"type": 1, "scene": 2, "state": "长" * 30, "user": ["a"]},
    ),
    "a button": (
        lambda: NewContactWay(type=SINGLE, scene=1, user=["a"], style=3),
        {"type": 1, "scene": 1, "style": 3, "user": ["a"]},
    ),
    "departments": (lambda: NewContactWay(type=2, party=[3]), {"type": 2, "scene": 2, "party": [3]}),
    "a temporary chat": (
        lambda: NewContactWay(
            type=SINGLE,
            user=["a"],
            is_temp=True,
            expires_in=60,
            conclusions=Conclusions(text=Text("再见"), miniprogram=MiniProgram("t", "m", "wx", "/p")),
        ),
        {
            "type": 1,
            "scene": 2,
            "user": ["a"],
            "is_temp": True,
            "expires_in": 60,
            "conclusions": {
                "text": {"content": "再见"},
                "miniprogram": {"title": "t", "pic_media_id": "m", "appid": "wx", "page": "/p"},
            },
        },
    ),
    "an emptied list": (
        lambda: ContactWayUpdate("c1", user=(), party=[5], remark="", skip_verify=False),
        {"config_id": "c1", "remark": "", "skip_verify": False, "user": [], "party": [5]},
    ),
    "all customers of a staff": (
        lambda: NewMessage(text=Text("hi"), sender="anna"),
        {"text": {"content": "hi"}, "chat_type": "single", "sender": "anna"},
    ),
    "groups": (
        lambda: NewMessage(text="hi", chat_type="group", sender="anna", chat_id_list=["wr1"]),
        {"text": {"content": "hi"}, "chat_type": "group", "chat_id_list": ["wr1"], "sender": "anna"},
    ),
    "an attachment alone": (
        lambda: WelcomeRequest("c", "", [File("m")]),
        {"welcome_code": "c", "attachments": [{"msgtype": "file", "file": {"media_id": "m"}}]},
    ),
    "a page limit": (lambda: TasksRequest("m"), {"msgid": "m", "limit": 1000}),
    "a join way as it is": (
        lambda: NewJoinWay(chat_id_list=["wr1"], auto_create_room=0),
        {"scene": 2, "auto_create_room": 0, "chat_id_list": ["wr1"]},
    ),
    "the whole of a join way": (
        lambda: JoinWayUpdate.of("c1", NewJoinWay(chat_id_list=["wr1"])),
        {
            "config_id": "c1",
            "scene": 2,
            "remark": "",
            "auto_create_room": 1,
            "room_base_name": "",
            "chat_id_list": ["wr1"],
            "state": "",
        },
    ),
    "a join way read and written back": (
        lambda: JoinWayUpdate.of(
            "c1", JoinWay("c1", remark="r", auto_create_room=0, room_base_id=3, chat_id_list=("wr1",)).as_new()
        ),
        {
            "config_id": "c1",
            "scene": 2,
            "remark": "r",
            "auto_create_room": 0,
            "room_base_name": "",
            "room_base_id": 3,
            "chat_id_list": ["wr1"],
            "state": "",
        },
    ),
    "a moment for some": (
        lambda: NewMoment("hi", [Image("m")], VisibleRange(MomentSenders(["a"], [2]), MomentCustomers(["et1"]))),
        {
            "text": {"content": "hi"},
            "attachments": [{"msgtype": "image", "image": {"media_id": "m"}}],
            "visible_range": {
                "sender_list": {"user_list": ["a"], "department_list": [2]},
                "external_contact_list": {"tag_list": ["et1"]},
            },
        },
    ),
    "numbers cleared": (
        lambda: RemarkRequest("a", "wm1", remark_mobiles=[]),
        {"userid": "a", "external_userid": "wm1", "remark_mobiles": [""]},
    ),
    "an emptied list of staff, where departments stay": (
        lambda: ContactWayUpdate("c1", user=[]),
        {"config_id": "c1", "user": []},
    ),
    "many departments, which may be small": (
        lambda: NewContactWay(type=MULTIPLE, party=range(1, 102)),
        {"type": 2, "scene": 2, "party": list(range(1, 102))},
    ),
    "half a window": (lambda: ListCodesRequest(START), {"start_time": 1767225600, "limit": 1000}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_can_succeed_is_sent_as_it_is(case: str) -> None:
    """What was not given is left out; what was given is sent, empty or not."""
    make, expected = ACCEPTED[case]

    assert expected == unstructure(make())


def test_requests_hide_what_is_about_people() -> None:
    """A request in a log shows neither notes nor the welcome code."""
    assert "RemarkRequest(userid='a', external_userid='wm1', remark=<hidden>)" == repr(
        RemarkRequest("a", "wm1", remark="李总")
    )
    assert "secretcode" not in repr(WelcomeRequest("secretcode", "hi"))
    assert "external_userid=<10 str>" in repr(NewMessage(text="hi", external_userid=customers(10)))
