"""User code of the chapters, which mypy and pyright must understand; it is read, not run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from pathlib import Path
from typing import assert_type

from privdom.wecom import (
    AddWay,
    AsyncWeCom,
    BatchPage,
    ChatType,
    ContactFollow,
    ContactWay,
    ContactWayUpdate,
    CreatedContactWay,
    CreatedGroupWelcome,
    CreatedJoinWay,
    CustomerPage,
    FollowUser,
    GroupChat,
    GroupDay,
    GroupOwnerFigures,
    GroupPage,
    GroupStatisticsPage,
    GroupsTransferred,
    GroupSummary,
    GroupWelcome,
    Image,
    JoinWay,
    Link,
    MediaType,
    MessageCreated,
    MessageRecord,
    MessageTask,
    MomentComments,
    MomentCustomer,
    MomentJob,
    MomentJobResult,
    MomentRecord,
    MomentTask,
    MomentTaskPage,
    MomentViewer,
    NewContactWay,
    NewGroupWelcome,
    NewJoinWay,
    NewMessage,
    NewMoment,
    SavedMedia,
    SendResult,
    Staff,
    StaffDay,
    TagGroup,
    Text,
    TransferRecord,
    TransferStarted,
    TransferStatus,
    UploadedImage,
    UploadedMedia,
    UploadJob,
    UploadJobResult,
    WeCom,
)


def blocking(wecom: WeCom, start: datetime, end: datetime) -> None:
    assert_type(wecom.staff.get("a"), Staff)
    assert_type(wecom.staff.list(1, fetch_child=True), tuple[Staff, ...])
    assert_type(wecom.staff.serving(), tuple[str, ...])
    assert_type(wecom.contacts.list("a"), tuple[str, ...])
    assert_type(wecom.contacts.get("wm1", cursor="c"), CustomerPage)
    assert_type(wecom.contacts.followers("wm1"), Iterator[FollowUser])
    assert_type(wecom.contacts.batch(["a"], limit=3), BatchPage)
    assert_type(wecom.contacts.batch_pages(("a",)), Iterator[BatchPage])
    assert_type(wecom.contacts.each(["a"]), Iterator[ContactFollow])
    assert_type(wecom.tags.list(), tuple[TagGroup, ...])
    assert_type(wecom.tags.add(["x"], group_name="g"), TagGroup)
    assert_type(wecom.groups.list(owners=["a"]), GroupPage)
    assert_type(wecom.groups.each(), Iterator[GroupSummary])
    assert_type(wecom.groups.get("wr1", need_name=True), GroupChat)
    assert_type(wecom.codes.add(NewContactWay(type=1, user=["a"])), CreatedContactWay)
    assert_type(wecom.codes.get("c"), ContactWay)
    assert_type(wecom.codes.each(start=start, end=end), Iterator[str])
    wecom.codes.update(ContactWayUpdate("c", user=["a", "b"]))
    assert_type(wecom.join_ways.add(NewJoinWay(chat_id_list=["wr1"])), CreatedJoinWay)
    assert_type(wecom.join_ways.get("c"), JoinWay)
    wecom.join_ways.update("c", NewJoinWay(chat_id_list=["wr1"], scene=2))
    assert_type(wecom.groups.transfer(["wr1"], "a"), GroupsTransferred)
    assert_type(wecom.moments.add(NewMoment("hi", [Image("m")])), MomentJob)
    assert_type(wecom.moments.result("j"), MomentJobResult)
    assert_type(wecom.moments.each(start, end), Iterator[MomentRecord])
    wecom.messages.remind("m")
    assert_type(wecom.media.upload("image", Path("a.png")), UploadedMedia)
    with Path("a.png").open("rb") as file:
        assert_type(wecom.media.upload_attachment(MediaType.IMAGE, file, attachment_type=2), UploadedMedia)
    assert_type(wecom.media.upload_image(b"", name="a.png"), UploadedImage)
    assert_type(wecom.media.image(Path("a.png")), Image)
    assert_type(wecom.media.download("m", start=5), Iterator[bytes])
    assert_type(wecom.media.download_jssdk("m"), Iterator[bytes])
    assert_type(wecom.media.save("m", Path("a.png")), SavedMedia)
    assert_type(wecom.media.upload_by_url("file", "https://a", filename="a", md5="0"), UploadJob)
    assert_type(wecom.media.upload_by_url_result("j"), UploadJobResult)
    assert_type(wecom.transfers.start("a", "b", ["wm1"]), TransferStarted)
    assert_type(wecom.transfers.each_result("a", "b"), Iterator[TransferRecord])
    message = NewMessage(text="hi", attachments=[Link("t", "u")], external_userid=["wm1"], chat_type="single")
    assert_type(message.text, Text | None)
    assert_type(message.external_userid, tuple[str, ...])
    assert_type(message.chat_type, ChatType)
    assert_type(wecom.messages.add(message), MessageCreated)
    assert_type(wecom.messages.each("single", start, end), Iterator[MessageRecord])
    assert_type(wecom.messages.each_task("m"), Iterator[MessageTask])
    assert_type(wecom.messages.each_result("m", "a"), Iterator[SendResult])
    wecom.messages.welcome("code", text="hi", attachments=[Link("t", "u")])
    for contact in wecom.contacts.each(["a"]):
        assert_type(contact.follow_info.add_way, AddWay)
        assert_type(contact.follow_info.createtime, datetime | None)
        assert_type(contact.external_contact.name, str)


def followed_and_counted(wecom: WeCom, start: datetime, end: datetime) -> None:
    wecom.moments.cancel("mom1")
    assert_type(wecom.moments.tasks("mom1"), MomentTaskPage)
    assert_type(wecom.moments.each_task("mom1"), Iterator[MomentTask])
    assert_type(wecom.moments.each_customer("mom1", "a"), Iterator[MomentCustomer])
    assert_type(wecom.moments.each_sent_to("mom1", "a"), Iterator[MomentViewer])
    assert_type(wecom.moments.comments("mom1", "a"), MomentComments)
    assert_type(wecom.group_welcomes.add(NewGroupWelcome("hi", link=Link("t", "u"))), CreatedGroupWelcome)
    assert_type(wecom.group_welcomes.get("msg1"), GroupWelcome)
    wecom.group_welcomes.edit("msg1", NewGroupWelcome("hi"))
    assert_type(wecom.statistics.staff(["a"], start=start, end=end.date()), tuple[StaffDay, ...])
    assert_type(wecom.statistics.groups(["a"], start, order_by=2), GroupStatisticsPage)
    assert_type(wecom.statistics.each_group(["a"], start), Iterator[GroupOwnerFigures])
    assert_type(wecom.statistics.groups_by_day(["a"], start, end), tuple[GroupDay, ...])
    assert_type(wecom.groups.chat_id_of("oG"), str)
    assert_type(wecom.groups.transfer_resigned(["wr1"], "a"), GroupsTransferred)


async def awaited(wecom: AsyncWeCom) -> None:
    assert_type(await wecom.staff.get("a"), Staff)
    assert_type(wecom.contacts.each(["a"]), AsyncGenerator[ContactFollow, None])
    assert_type(wecom.media.download("m"), AsyncGenerator[bytes, None])
    async for record in wecom.transfers.each_result("a", "b"):
        assert_type(record.status, TransferStatus)
        assert_type(record.takeover_time, datetime | None)


def mistakes(wecom: WeCom) -> None:
    wecom.contacts.get(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    wecom.media.upload("image", "a.png")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    wecom.tags.list(tags=["x"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    NewContactWay()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
