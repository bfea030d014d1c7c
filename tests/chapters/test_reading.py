"""Reading staff, customers and groups from a corp, page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from privdom.errors import CursorLoop, NoPermission, NotACustomer, PrivdomError, Refused, UsageError
from privdom.sandbox import Sandbox
from privdom.wecom.client import AsyncWeCom, WeCom
from privdom.wecom.contacts import AddWay, BatchPage, ContactFollow, CustomerPage, FailInfo, FollowUser
from privdom.wecom.groups import GroupChat, GroupFilter, GroupPage, GroupStatus, MemberType
from privdom.wecom.staff import Staff
from tests.chapters.conftest import Corp, Scripted


START = datetime(2026, 1, 1, tzinfo=UTC)


def test_staff_are_read_one_by_one_by_department_and_by_role(corp: Corp) -> None:
    """One staff, all staff of the corp, and the userids of those who serve customers."""

    async def scenario(wecom: AsyncWeCom) -> tuple[Staff, tuple[Staff, ...], tuple[str, ...]]:
        return await wecom.staff.get("anna"), await wecom.staff.list(1, fetch_child=True), await wecom.staff.serving()

    anna, everybody, serving = corp(scenario)

    assert ("anna", "Anna") == (anna.userid, anna.name)
    assert {"anna", "ben", "chen"} == {staff.userid for staff in everybody}
    assert {"anna", "ben", "chen"} == set(serving)


def test_an_unknown_staff_is_refused(corp: Corp) -> None:
    """The error is WeCom's, with its errcode."""

    async def scenario(wecom: AsyncWeCom) -> Staff:
        return await wecom.staff.get("nobody")

    with pytest.raises(Refused) as caught:
        corp(scenario)

    assert "/cgi-bin/user/get" == caught.value.path


def test_a_staff_without_customers_has_an_empty_list(corp: Corp) -> None:
    """WeCom's 84061 is an answer here, not an error."""
    customer = corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> list[tuple[str, ...]]:
        return [await wecom.contacts.list("anna"), await wecom.contacts.list("ben")]

    assert [(customer,), ()] == corp(scenario)


def test_another_refusal_of_a_list_is_an_error(scripted: Callable[..., Any]) -> None:
    """Only 84061 means that there is nobody."""

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.contacts.list("anna")

    with pytest.raises(NotACustomer):
        scripted(scenario, Scripted(list=[{"errcode": 40096, "errmsg": "invalid external userid"}]))
    with pytest.raises(NoPermission):
        scripted(scenario, Scripted(list=[{"errcode": 48002, "errmsg": "api forbidden"}]))


def test_a_customer_is_read_with_all_followers(corp: Corp) -> None:
    """Followers come with their tags by name, how they met, and the channel."""
    tags = corp.box.admin_adds_tags("等级", ["金"])
    customer = corp.box.add_customer(name="李四", staff=["anna", "ben"], state="door", tags=list(tags.values()))

    async def scenario(wecom: AsyncWeCom) -> tuple[CustomerPage, list[FollowUser]]:
        page = await wecom.contacts.get(customer)
        return page, [follow async for follow in wecom.contacts.followers(customer)]

    page, followers = corp(scenario)

    assert ("李四", customer) == (page.external_contact.name, page.external_contact.external_userid)
    assert ["anna", "ben"] == [follow.userid for follow in followers]
    assert AddWay.SCANNED_QR_CODE is followers[0].add_way
    assert ("door", ["金"]) == (followers[0].state, [tag.tag_name for tag in followers[0].tags])
    assert corp.box.clock.now() == followers[0].createtime


def test_a_stranger_is_not_a_customer(corp: Corp) -> None:
    """Reading somebody whom nobody follows is an error of its own class."""

    async def scenario(wecom: AsyncWeCom) -> CustomerPage:
        return await wecom.contacts.get("wmNobody")

    with pytest.raises(NotACustomer):
        corp(scenario)


def test_each_yields_every_relation_once(corp: Corp) -> None:
    """Over pages of 100, and once for each staff who follows."""
    made = {corp.box.add_customer(staff=["anna"]) for _ in range(130)} | {corp.box.add_customer(staff=["anna", "ben"])}

    async def scenario(wecom: AsyncWeCom) -> list[ContactFollow]:
        return [contact async for contact in wecom.contacts.each(["anna", "ben"])]

    found = corp(scenario)

    assert 132 == len(found)
    assert made == {contact.external_contact.external_userid for contact in found}


def test_reading_goes_on_where_it_stopped(corp: Corp) -> None:
    """Pages come with the cursor to store beside them, and a later run takes it up."""
    for _ in range(7):
        corp.box.add_customer(staff=["anna"])

    async def first(wecom: AsyncWeCom) -> BatchPage:
        pages = wecom.contacts.batch_pages(["anna"], limit=3)
        page = await anext(pages)
        await pages.aclose()
        return page

    page = corp(first)

    async def rest(wecom: AsyncWeCom) -> list[int]:
        pages = wecom.contacts.batch_pages(["anna"], limit=3, cursor=page.next_cursor)
        return [len(page.external_contact_list) async for page in pages]

    assert 3 == len(page.external_contact_list)
    assert [3, 1] == corp(rest)


def test_more_staff_than_one_call_takes_are_asked_for_in_blocks(scripted: Callable[..., Any]) -> None:
    """Each block of 100 starts without a cursor, except the first, which takes up the given one."""
    script = Scripted(get_by_user=[{"next_cursor": "b"}, {"next_cursor": ""}, {"fail_info": None, "next_cursor": ""}])
    userids = [f"staff{i}" for i in range(120)]

    async def scenario(wecom: AsyncWeCom) -> list[BatchPage]:
        return [page async for page in wecom.contacts.batch_pages(userids, cursor="a")]

    pages = scripted(scenario, script)

    assert 3 == len(pages)
    assert [b'"cursor":"a"' in script.bodies[0], b'"cursor":"b"' in script.bodies[1]] == [True, True]
    assert b"cursor" not in script.bodies[2]
    assert [b"staff99" in body for body in script.bodies] == [True, True, False]
    assert b"staff119" in script.bodies[2]


def test_staff_without_a_licence_are_named(scripted: Callable[..., Any]) -> None:
    """A page tells whose customers are left out."""
    script = Scripted(get_by_user=[{"fail_info": {"unlicensed_userid_list": ["ben"]}}])

    async def scenario(wecom: AsyncWeCom) -> BatchPage:
        return await wecom.contacts.batch(["anna", "ben"])

    assert FailInfo(("ben",)) == scripted(scenario, script).fail_info


@pytest.mark.parametrize(
    ("path", "listing"),
    [
        ("get", lambda w: w.contacts.followers("wmA")),
        ("get_by_user", lambda w: w.contacts.each(["anna"])),
        ("list", lambda w: w.groups.each()),
        ("list_contact_way", lambda w: w.codes.each()),
        ("transfer_result", lambda w: w.transfers.each_result("anna", "ben")),
        ("get_groupmsg_task", lambda w: w.messages.each_task("msg1")),
        ("get_groupmsg_send_result", lambda w: w.messages.each_result("msg1", "anna")),
        ("get_moment_list", lambda w: w.moments.each(START, START + timedelta(days=1))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_cursor_that_comes_twice_ends_the_listing(
    scripted: Callable[..., Any], path: str, listing: Callable[[AsyncWeCom], Any]
) -> None:
    """Every iterator stops with an error instead of reading for ever."""
    pages = [{"next_cursor": c, "external_contact": {"external_userid": "wmA"}} for c in ("a", "b", "a")]
    script = Scripted(**{path: pages})

    async def scenario(wecom: AsyncWeCom) -> None:
        async for _ in listing(wecom):
            pass

    with pytest.raises(CursorLoop):
        scripted(scenario, script)

    assert 3 == len(script.bodies)


def test_a_cursor_of_another_listing_is_refused(corp: Corp) -> None:
    """WeCom's own error comes through."""
    corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> None:
        async for _ in wecom.contacts.each(["anna"], cursor="nonsense"):
            pass

    with pytest.raises(PrivdomError, match="50100"):
        corp(scenario)


def test_a_remark_is_read_back(corp: Corp) -> None:
    """What is not given stays; an empty list of numbers clears them."""
    customer = corp.box.add_customer(staff=["anna"])

    async def scenario(wecom: AsyncWeCom) -> list[FollowUser]:
        await wecom.contacts.remark("anna", customer, remark="李总", remark_mobiles=["13800000001"])
        before = await wecom.contacts.get(customer)
        await wecom.contacts.remark("anna", customer, description="爱喝茶", remark_company="腾讯", remark_mobiles=[])
        after = await wecom.contacts.get(customer)
        return [before.follow_user[0], after.follow_user[0]]

    before, after = corp(scenario)

    assert ("李总", ("13800000001",)) == (before.remark, before.remark_mobiles)
    assert ("李总", "爱喝茶", "腾讯") == (after.remark, after.description, after.remark_corp_name)
    assert () == tuple(filter(None, after.remark_mobiles))


def test_clearing_numbers_sends_what_wecom_takes_for_none(scripted: Callable[..., Any]) -> None:
    """An empty list would change nothing, so one empty number is sent; an empty remark is sent as it is."""
    script = Scripted(remark=[{}])

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.contacts.remark("anna", "wmA", remark="", remark_mobiles=())

    scripted(scenario, script)

    assert b'{"userid":"anna","external_userid":"wmA","remark":"","remark_mobiles":[""]}' == script.bodies[0]


def test_groups_are_listed_and_read(corp: Corp) -> None:
    """All groups or some owners', and one with its members."""
    customer = corp.box.add_customer(staff=["anna"])
    chat_id = corp.box.add_group(name="福利群", owner="anna", members=[customer], notice="欢迎")
    other = corp.box.add_group(owner="ben")

    async def scenario(wecom: AsyncWeCom) -> tuple[list[str], GroupPage, GroupChat, GroupChat]:
        every = [group.chat_id async for group in wecom.groups.each()]
        bens = await wecom.groups.list(owners=["ben"], status=GroupFilter.ALL, limit=1)
        return every, bens, await wecom.groups.get(chat_id), await wecom.groups.get(chat_id, need_name=True)

    every, bens, plain, named = corp(scenario)

    assert {chat_id, other} == set(every)
    assert [(other, GroupStatus.OWNER_ACTIVE)] == [(g.chat_id, g.status) for g in bens.group_chat_list]
    assert ("福利群", "anna", "欢迎") == (plain.name, plain.owner, plain.notice)
    assert {"anna": MemberType.STAFF, customer: MemberType.CUSTOMER} == {m.userid: m.type for m in plain.member_list}
    assert not any(member.name for member in plain.member_list)
    assert all(member.name for member in named.member_list)
    assert plain.member_version


def test_groups_of_many_owners_are_asked_for_in_blocks(scripted: Callable[..., Any]) -> None:
    """WeCom takes 100 owners at a time."""
    script = Scripted(list=[{"group_chat_list": [{"chat_id": "wr1", "status": 9}]}])

    async def scenario(wecom: AsyncWeCom) -> list[str]:
        return [group.chat_id async for group in wecom.groups.each(owners=[f"s{i}" for i in range(101)])]

    assert ["wr1", "wr1"] == scripted(scenario, script)
    assert b'{"status_filter":0,"owner_filter":{"userid_list":["s100"]},"limit":1000}' == script.bodies[1]


MANY = [f"staff{i}" for i in range(100)]


@pytest.mark.parametrize("before", [[], MANY], ids=["in the first block", "in the second block"])
@pytest.mark.parametrize("userids", [["anna", "anna"], ["anna", ""], ["wm" + "A" * 30], ["x" * 65]])
def test_bad_lists_of_staff_are_refused_before_anything_is_sent(
    scripted: Callable[..., Any], before: list[str], userids: list[str]
) -> None:
    """An id twice, none, a customer's, one too long, wherever it stands."""
    _refused_at_once(scripted, lambda w: w.contacts.each([*before, *userids]))


@pytest.mark.parametrize(
    "listing",
    [
        lambda w: w.contacts.each("anna"),
        lambda w: w.contacts.each([*MANY, "staff0"]),
        lambda w: w.groups.each(owners=[*MANY, "staff0"]),
        lambda w: w.statistics.each_group([*MANY, "staff0"], start=START),
    ],
    ids=["a bare text", "customers of", "groups of", "statistics of"],
)
def test_a_staff_who_is_named_twice_is_not_read_twice(
    scripted: Callable[..., Any], listing: Callable[[AsyncWeCom], Any]
) -> None:
    """Also where the two would be asked for in different calls, and everything of theirs would come twice."""
    _refused_at_once(scripted, listing)


def _refused_at_once(scripted: Callable[..., Any], listing: Callable[[AsyncWeCom], Any]) -> None:
    script = Scripted(get_by_user=[{}], list=[{}], statistic=[{}])

    async def scenario(wecom: AsyncWeCom) -> None:
        async for _ in listing(wecom):
            pass

    with pytest.raises(UsageError):
        scripted(scenario, script)

    assert [] == script.bodies


def test_chapters_say_whose_they_are(corp: Corp) -> None:
    """The repr of a chapter names the corp."""

    async def scenario(wecom: AsyncWeCom) -> list[str]:
        chapters = (wecom.staff, wecom.contacts, wecom.tags, wecom.groups, wecom.join_ways, wecom.codes)
        chapters = (*chapters, wecom.transfers, wecom.messages, wecom.moments)
        return [repr(chapter) for chapter in chapters]

    names = corp(scenario)

    assert f"<AsyncStaffs of {corp.box.corp_id}>" == names[0]
    assert all(corp.box.corp_id in name for name in names)


def test_the_blocking_client_reads_the_same(sandbox: Sandbox, wecom: WeCom) -> None:
    """A plain for loop over a blocking client, stopped half way."""
    sandbox.add_staff("anna", "Anna")
    customer = sandbox.add_customer(staff=["anna"])

    for contact in wecom.contacts.each(["anna"]):
        assert customer == contact.external_contact.external_userid
        break
    assert (customer,) == wecom.contacts.list("anna")
    assert "<Contacts of" in repr(wecom.contacts)
