"""Writing tags, codes, transfers and messages, and reading back what became of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from privdom.errors import BadRequest, Refused
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.codes import (
    CodePage,
    ContactWay,
    ContactWayScene,
    ContactWayType,
    ContactWayUpdate,
    CreatedContactWay,
    NewContactWay,
)
from privdom.wecom.groups import FailedGroup, GroupsTransferred
from privdom.wecom.join_ways import JoinWay, JoinWayScene, NewJoinWay
from privdom.wecom.messages import (
    File,
    Image,
    Link,
    MessagePage,
    MessageRecord,
    MessageTask,
    MiniProgram,
    NewMessage,
    SendResult,
    SendStatus,
    TagFilter,
    TagFilterGroup,
    TaskPage,
    TaskStatus,
    Text,
    Video,
)
from privdom.wecom.moments import (
    JobStatus,
    MomentJobResult,
    MomentLink,
    MomentRecord,
    MomentSenders,
    NewMoment,
    VisibleRange,
    VisibleType,
)
from privdom.wecom.tags import NewTag, TagGroup
from privdom.wecom.transfers import TransferItem, TransferPage, TransferRecord, TransferStarted, TransferStatus
from tests.chapters.conftest import Corp, Scripted


DAY = timedelta(days=1)


def test_tags_are_made_changed_marked_and_deleted(corp: Corp) -> None:
    """The whole life of a tag, read back at each step."""
    customer = corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> list[object]:
        seen: list[object] = []
        group = await wecom.tags.add(["金", NewTag("银", order=5)], group_name="等级", order=7)
        seen.append((group.group_name, group.order, sorted(tag.name for tag in group.tag)))
        gold = next(tag.id for tag in group.tag if tag.name == "金")
        await wecom.tags.add(["铜"], group_id=group.group_id)
        await wecom.tags.edit(gold, name="黄金", order=9)
        (listed,) = await wecom.tags.list()
        seen.append([tag.name for tag in sorted(listed.tag, key=lambda tag: -tag.order)][:2])
        await wecom.tags.mark("anna", customer, add=[gold])
        page = await wecom.contacts.get(customer)
        seen.append([tag.tag_id == gold for tag in page.follow_user[0].tags])
        await wecom.tags.mark("anna", customer, remove=[gold])
        seen.append((await wecom.contacts.get(customer)).follow_user[0].tags)
        await wecom.tags.delete(tag_ids=[gold])
        (deleted,) = await wecom.tags.list(tag_ids=[gold])
        seen.append([tag.deleted for tag in deleted.tag if tag.id == gold])
        await wecom.tags.delete(group_ids=[group.group_id])
        seen.append(await wecom.tags.list())
        return seen

    made, renamed, marked, unmarked, deleted, left = corp(scenario)

    assert ("等级", 7, ["金", "银"]) == made
    assert ["黄金", "银"] == renamed
    assert [True] == marked
    assert () == unmarked
    assert [True] == deleted
    assert () == left


def test_a_group_of_tags_is_read_by_its_id(corp: Corp) -> None:
    """A question for one group answers that group with all its tags."""

    async def scenario(wecom: AsyncWeCom) -> tuple[TagGroup, ...]:
        group = await wecom.tags.add(["金"], group_name="等级")
        await wecom.tags.add(["甲"], group_name="品类")
        return await wecom.tags.list(group_ids=[group.group_id])

    assert ["等级"] == [group.group_name for group in corp(scenario)]


def test_an_unknown_tag_is_a_bad_request(corp: Corp) -> None:
    """40068 cannot succeed another time."""

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.tags.edit("etNothing", name="x")

    with pytest.raises(BadRequest, match="40068"):
        corp(scenario)


def test_codes_are_made_listed_changed_and_scanned(corp: Corp) -> None:
    """A code keeps its id and its picture while the staff behind it change."""

    async def scenario(wecom: AsyncWeCom) -> tuple[CreatedContactWay, ContactWay, ContactWay, list[str], CodePage]:
        way = NewContactWay(type=ContactWayType.MULTIPLE, user=["anna", "ben"], state="door", remark="门店")
        made = await wecom.codes.add(way)
        before = await wecom.codes.get(made.config_id)
        await wecom.codes.update(ContactWayUpdate(made.config_id, user=["chen"], skip_verify=False))
        now = corp.box.clock.now()
        page = await wecom.codes.list(start=now - DAY, end=now + DAY, limit=10)
        return made, before, await wecom.codes.get(made.config_id), [c async for c in wecom.codes.each()], page

    made, before, after, listed, page = corp(scenario)

    assert (ContactWayScene.QR_CODE, "door", "门店") == (before.scene, before.state, before.remark)
    assert ("anna", "ben") == before.user
    assert (("chen",), False, "door") == (after.user, after.skip_verify, after.state)
    assert made.qr_code == after.qr_code != ""
    assert [made.config_id] == listed == [way.config_id for way in page.contact_way]
    assert "chen" == corp.box.scan(made.config_id).staff_userid


def test_a_transfer_is_started_and_followed(corp: Corp) -> None:
    """Each customer has an answer; the result waits for a day, and then is done."""
    mine = corp.box.add_customer(staff=["anna"])
    other = corp.box.add_customer(staff=["chen"])

    async def start(wecom: AsyncWeCom) -> tuple[TransferStarted, list[TransferRecord]]:
        started = await wecom.transfers.start("anna", "ben", [mine, other], success_msg="您好")
        return started, [record async for record in wecom.transfers.each_result("anna", "ben")]

    async def result(wecom: AsyncWeCom) -> TransferPage:
        return await wecom.transfers.result("anna", "ben")

    started, waiting = corp(start)
    corp.box.advance(DAY)
    done = corp(result)

    assert (mine,) == started.accepted
    assert [other] == [item.external_userid for item in started.refused]
    assert [TransferRecord(mine, TransferStatus.WAITING, corp.box.clock.now())] == waiting
    assert [TransferStatus.DONE] == [record.status for record in done.customer]


def test_a_refused_transfer_has_no_moment() -> None:
    """WeCom writes 0, which is None here, and an item's errcode 0 is an acceptance."""
    assert TransferRecord("wm1", TransferStatus.CUSTOMER_REFUSED).takeover_time is None
    assert ("wm1",) == TransferStarted((TransferItem("wm1", 0), TransferItem("wm2", 40128))).accepted


def test_a_message_is_made_confirmed_and_followed(corp: Corp) -> None:
    """From the task to what became of it for each customer."""
    customers = [corp.box.add_customer(staff=["anna"]) for _ in range(3)]
    start = corp.box.clock.now() - timedelta(hours=1)

    async def make(wecom: AsyncWeCom) -> tuple[str, TaskPage, list[SendResult]]:
        link = Link("春茶", "https://example.com/tea")
        made = await wecom.messages.add(NewMessage(text="新茶到", attachments=[link], external_userid=customers))
        tasks = await wecom.messages.tasks(made.msgid)
        return made.msgid, tasks, [r async for r in wecom.messages.each_result(made.msgid, "anna")]

    msgid, tasks, before = corp(make)
    corp.box.staff_confirms(msgid, "anna")

    async def follow(wecom: AsyncWeCom) -> tuple[list[MessageTask], list[SendResult], list[MessageRecord], MessagePage]:
        end = start + DAY
        return (
            [task async for task in wecom.messages.each_task(msgid)],
            [result async for result in wecom.messages.each_result(msgid, "anna")],
            [record async for record in wecom.messages.each("single", start, end)],
            await wecom.messages.list("group", start, end),
        )

    done, after, records, groups = corp(follow)

    assert [MessageTask("anna", TaskStatus.NOT_SENT)] == list(tasks.task_list)
    assert {SendStatus.NOT_SENT} == {result.status for result in before}
    assert [TaskStatus.SENT] == [task.status for task in done]
    assert dict.fromkeys(customers, SendStatus.SENT) == {r.external_userid: r.status for r in after}
    assert [msgid] == [record.msgid for record in records]
    assert (Text("新茶到"), (Link("春茶", "https://example.com/tea"),)) == (records[0].text, records[0].attachments)
    assert () == groups.group_msg_list


def test_a_message_is_cancelled_once(corp: Corp) -> None:
    """The second time WeCom refuses."""
    customer = corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> None:
        made = await wecom.messages.add(NewMessage(text="hi", external_userid=[customer]))
        await wecom.messages.cancel(made.msgid)
        await wecom.messages.cancel(made.msgid)

    with pytest.raises(Refused, match="41093"):
        corp(scenario)


def test_staff_are_reminded_of_a_message(corp: Corp) -> None:
    """Until it is reminded of too often."""
    customer = corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> None:
        made = await wecom.messages.add(NewMessage(text="hi", external_userid=[customer]))
        for _ in range(4):
            await wecom.messages.remind(made.msgid)

    with pytest.raises(Refused, match="41094"):
        corp(scenario)

    assert {("anna",)} == {entry.staff for entry in corp.box.record.reminders}


def test_groups_are_given_to_another_owner(corp: Corp) -> None:
    """Those that stay are named, each with an errcode."""
    mine, other = corp.box.add_group(owner="anna"), corp.box.add_group(owner="ben")

    async def scenario(wecom: AsyncWeCom) -> tuple[GroupsTransferred, str]:
        done = await wecom.groups.transfer([mine, other], "ben")
        return done, (await wecom.groups.get(mine)).owner

    done, owner = corp(scenario)

    assert [(other, 90504)] == [(group.chat_id, group.errcode) for group in done.failed_chat_list]
    assert isinstance(done.failed_chat_list[0], FailedGroup)
    assert "ben" == owner


def test_a_join_way_is_made_changed_and_deleted(corp: Corp) -> None:
    """A part is changed by writing the whole; the picture stays."""
    groups = [corp.box.add_group(owner="anna") for _ in range(2)]

    async def scenario(wecom: AsyncWeCom) -> tuple[JoinWay, JoinWay, int]:
        made = await wecom.join_ways.add(NewJoinWay(chat_id_list=groups, remark="门店", state="door"))
        before = await wecom.join_ways.get(made.config_id)
        await wecom.join_ways.update(made.config_id, attrs.evolve(before.as_new(), chat_id_list=groups[:1]))
        after = await wecom.join_ways.get(made.config_id)
        await wecom.join_ways.delete(made.config_id)
        with pytest.raises(BadRequest) as caught:
            await wecom.join_ways.get(made.config_id)
        return before, after, caught.value.errcode

    before, after, gone = corp(scenario)

    assert (JoinWayScene.QR_CODE, "门店", "door") == (after.scene, after.remark, after.state)
    assert attrs.evolve(before, chat_id_list=tuple(groups[:1])) == after
    assert after.qr_code
    assert 41044 == gone


def test_a_moment_is_made_and_found(corp: Corp) -> None:
    """A job tells the moment in the end, and the list shows it."""
    start = corp.box.clock.now() - timedelta(hours=1)
    range_ = VisibleRange(MomentSenders(["anna", "nobody"]))

    async def make(wecom: AsyncWeCom) -> tuple[str, MomentJobResult]:
        made = await wecom.moments.add(NewMoment("新茶到", [MomentLink("春茶", "https://u", "m")], range_))
        return made.jobid, await wecom.moments.result(made.jobid)

    jobid, running = corp(make)
    corp.box.advance(timedelta(minutes=1))

    async def follow(wecom: AsyncWeCom) -> tuple[MomentJobResult, list[MomentRecord], list[MomentRecord]]:
        result = await wecom.moments.result(jobid)
        moments = [moment async for moment in wecom.moments.each(start, start + DAY, filter_type=0)]
        return result, moments, [moment async for moment in wecom.moments.each(start, start + DAY, filter_type=1)]

    done, (moment,), of_staff = corp(follow)

    assert (JobStatus.RUNNING, None) == (running.status, running.result)
    assert done.result is not None
    assert (JobStatus.FINISHED, moment.moment_id) == (done.status, done.result.moment_id)
    assert MomentSenders(["nobody"]) == done.result.invalid_sender_list
    assert (Text("新茶到"), VisibleType.PUBLIC) == (moment.text, moment.visible_type)
    assert moment.link is not None
    assert ("春茶", "https://u") == (moment.link.title, moment.link.url)
    assert [] == of_staff


def test_a_new_customer_is_welcomed_once(corp: Corp) -> None:
    """The code of the event works within its 20 seconds, and only once."""
    customer = corp.box.add_customer()
    code = corp.box.befriend("anna", customer)

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.messages.welcome(code, text="你好", attachments=[Link("t", "https://u")])

    corp(scenario)

    with pytest.raises(Refused):
        corp(scenario)


def test_every_kind_of_content_is_written_as_wecom_wants_it(scripted: Callable[..., Any]) -> None:
    """Each attachment stands under the name of its kind; nothing that was not given is sent."""
    script = Scripted(add_msg_template=[{"msgid": "msg1", "fail_list": ["wmB"]}])
    message = NewMessage(
        text="hi",
        attachments=[
            Image(media_id="m"),
            Link("t", "https://u", desc="d"),
            MiniProgram("t", "m", "wx1", "/p"),
            Video("m"),
            File("m"),
        ],
        sender="anna",
        tag_filter=TagFilter([TagFilterGroup(["et1", "et2"])]),
    )

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.messages.add(message)

    made = scripted(scenario, script)

    assert ("wmB",) == made.fail_list
    assert (
        b'{"text":{"content":"hi"},"attachments":[{"msgtype":"image","image":{"media_id":"m"}},'
        b'{"msgtype":"link","link":{"title":"t","url":"https://u","desc":"d"}},'
        b'{"msgtype":"miniprogram","miniprogram":{"title":"t","pic_media_id":"m","appid":"wx1","page":"/p"}},'
        b'{"msgtype":"video","video":{"media_id":"m"}},{"msgtype":"file","file":{"media_id":"m"}}],'
        b'"chat_type":"single","tag_filter":{"group_list":[{"tag_list":["et1","et2"]}]},"sender":"anna"}'
    ) == script.bodies[0]


def test_windows_are_sent_as_unix_seconds(scripted: Callable[..., Any]) -> None:
    """Whatever the zone of the caller."""
    script = Scripted(get_groupmsg_list_v2=[{"group_msg_list": None}])
    start = datetime(2026, 1, 1, tzinfo=UTC)

    async def scenario(wecom: AsyncWeCom) -> list[MessageRecord]:
        return [r async for r in wecom.messages.each("single", start, start + DAY, creator="anna", filter_type=1)]

    assert [] == scripted(scenario, script)
    assert (
        b'{"chat_type":"single","start_time":1767225600,"end_time":1767312000,"creator":"anna","filter_type":1,"limit":100}'
    ) == script.bodies[0]
