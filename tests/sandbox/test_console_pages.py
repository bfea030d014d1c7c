"""The console's pages of one subject each, and what people do on them."""

from __future__ import annotations

import re

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.sandbox.conftest import staffed
from tests.sandbox.consoles import Console, serving


@pytest.fixture
def console() -> Iterator[Console]:
    """Return the console of a corp with three staff."""
    with serving(staffed()) as console:
        yield console


def test_links(console: Console) -> None:
    """Acquisition links show whom they won and what uses are left; somebody opens one, an admin buys and deletes."""
    link = console.call(
        "externalcontact/customer_acquisition/create_link", link_name="门店", range={"user_list": ["anna"]}
    )["link"]["link_id"]
    refused = console.do("open_link", link=link, name="晚了")
    console.do("buy_uses", count="3")
    won = console.do("open_link", link=link, channel="door", name="小李").url.path
    customer = won.rpartition("/")[2]
    console.do("writes", external_userid=customer, userid="anna")
    every, one = console.seen("/links"), console.seen(f"/links/{link}")
    story = console.seen(won)
    console.do("delete_link", link=link)

    assert 400 == refused.status_code
    assert "Opened, but nobody was added" in refused.text
    assert f"门店 {link} Anna 2 1 2026-01-05 17:00" in every
    assert "2 uses left, 1 taken" in every
    assert "opened 2 times, 1 customer" in one
    assert "小李 Anna door 1 2026-01-05 17:00" in one
    assert "小李 opened the link 门店 and added Anna" in story
    assert "小李, who came by the link 门店, wrote to Anna" in story
    assert "opened a link 获客链接 门店" in story
    assert 404 == console.browser.get(f"/links/{link}").status_code
    assert "an admin deleted the link" in console.seen("/log")


def test_codes_and_join_ways(console: Console) -> None:
    """Codes show who stands behind them and how many came, join ways into which groups they lead."""
    code = console.code("door")
    console.do("scan", code=code, name="米")
    group = console.box.create_group("福利群", owner="ben")
    console.call("externalcontact/groupchat/add_join_way", scene=2, chat_id_list=[group], state="table_7")

    assert "door" in console.seen("/codes?q=DOOR")
    assert f"{code} Anna QR code 1 2026-01-05 17:00" in console.seen("/codes")
    assert "Nothing like this." in console.seen("/codes?q=window")
    assert "table_7" in console.seen("/join-ways")
    assert "QR code 福利群" in console.seen("/join-ways")


def test_moments(console: Console) -> None:
    """A moment shows who shall publish it and who has, who can see it, and who liked and commented."""
    box = console.box
    customer = box.add_customer(None, "米", staff=["anna"])
    job = console.call("externalcontact/add_moment_task", text={"content": "秋茶上市"})["jobid"]
    making = console.seen("/moments")
    by_job = console.seen(f"/moments/{job}")
    box.advance(timedelta(seconds=10))
    moment = box.record.moments[0]
    pair = {"moment_id": moment.moment_id, "userid": "anna"}
    console.do("publish", **pair)
    console.do("like", external_userid=customer, **pair)
    console.do("comment", external_userid=customer, **pair)
    console.do("staff_likes", **pair)
    console.do("staff_comments", **pair)
    page = console.seen(f"/moments/{moment.moment_id}")
    own = console.do("post", userid="ben", text="下雨了").url.path

    assert "being made" in making
    assert "秋茶上市" in by_job
    assert "Anna published 已发表 2026-01-05 17:00 1 of 1 米, Anna 米, Anna" in page
    assert "Ben has not published" in page
    assert "1 of 3" in page
    assert "Ben published" in console.seen(own)
    assert "Anna published the moment 秋茶上市" in console.seen(f"/customers/{customer}")
    assert 404 == console.browser.get("/moments/none").status_code


def test_messages(console: Console) -> None:
    """A mass message shows its tasks and each recipient; staff confirm, or send one of their own."""
    customer = console.box.add_customer(None, "米", staff=["anna"])
    msgid = console.api.send("新品到店", sender="anna", external_userid=[customer])
    before = console.seen(f"/messages/{msgid}")
    console.do("confirm", msgid=msgid, userid="anna")
    after, every = console.seen(f"/messages/{msgid}"), console.seen("/messages")
    own = console.do("sends", userid="anna", text="自己写的", ids=customer).url.path

    assert "Anna has not confirmed" in before
    assert "米 Anna not sent yet —" in before
    assert "米 Anna received 已收到 2026-01-05 17:00" in after
    assert "1 of 1 1 of 1" in every
    assert "自己写的" in console.seen(own)


def test_what_is_sent_at_once_is_one_line(console: Console) -> None:
    """In the log a message to many customers is one line, and in the story of each customer their own."""
    ids = [console.box.add_customer(None, name, staff=["anna"]) for name in "米麦豆"]
    console.box.customer_deletes_staff(ids[1], "anna")
    msgid = console.api.send("新品到店", sender="anna", external_userid=ids)
    console.do("confirm", msgid=msgid, userid="anna")

    assert "Anna sent to 3 customers: 新品到店 1 × no friend any more" in console.seen("/log?kind=delivery")
    assert "Anna sent to 3 customers: 新品到店" in console.seen("/staff/anna")
    assert "米 got from Anna: 新品到店" in console.seen(f"/customers/{ids[0]}")
    assert "麦 did not get from Anna: 新品到店 no friend any more" in console.seen(f"/customers/{ids[1]}")


def test_app_messages(console: Console) -> None:
    """What staff got from the app stands on a page, with what became of it."""
    sent = console.call(
        "message/send",
        touser="anna|ben",
        msgtype="text",
        agentid=console.box.agent_id,
        text={"content": "今天有 3 位客户"},
    )
    console.call("message/recall", msgid=sent["msgid"])
    page = console.seen("/app-messages")

    assert f"今天有 3 位客户 text Anna, Ben 2026-01-05 17:00 {sent['msgid']}" in page
    assert "taken back" in page
    assert "Anna, Ben got from your program: 今天有 3 位客户 text" in console.seen("/log?kind=app+message")


def test_groups_and_welcomes(console: Console) -> None:
    """Members of a group join, write and leave on its page; group welcomes stand on one of their own."""
    customer = console.box.add_customer(None, "米", staff=["anna"])
    group = console.do("create_group", name="群", owner="anna").url.path.rpartition("/")[2]
    console.do("join", chat_id=group, ids=customer)
    console.do("writes_in_group", chat_id=group, id=customer)
    inside = console.seen(f"/groups/{group}")
    console.do("leave", chat_id=group, ids=customer)
    console.do("dismiss", chat_id=group)
    after = console.seen(f"/groups/{group}")

    assert "米 customer 客户 scanned a code 扫码 2026-01-05 17:00" in inside
    assert "米 wrote in the group 群" in inside
    assert "米 left the group 群" in after
    assert "dissolved" in after


def test_what_owners_do(console: Console) -> None:
    """On the page of their group they write a notice, choose what greets who joins, and give the group away."""
    template_id = console.call("externalcontact/group_welcome_template/add", text={"content": "欢迎加入"})[
        "template_id"
    ]
    group = console.box.create_group("群", owner="anna", members=["ben"])
    alone = console.seen(f"/groups/{console.box.create_group('独', owner='anna')}")
    console.do("notice", chat_id=group, notice="周五上新")
    console.do("greet", chat_id=group, welcome=template_id)
    console.do("join", chat_id=group, ids=console.box.add_customer(None, "米"))
    console.do("give", chat_id=group, userid="ben")
    page, log = console.seen(f"/groups/{group}"), console.seen("/log")
    console.do("greet", chat_id=group, welcome="")

    assert "owner 群主 Ben notice 公告 周五上新 welcome 入群欢迎语 欢迎加入 members 成员 3" in page
    assert "群 welcomed 米: 欢迎加入" in page
    assert "Give away" in page
    assert "Give away" not in alone
    assert "the group 群 has a new notice" in log
    assert "the group 群 has a new owner" in log
    assert "welcome 入群欢迎语 — members" in console.seen(f"/groups/{group}")
    assert "欢迎加入 — told 2026-01-05 17:00" in console.seen("/welcomes")


def test_strategies(console: Console) -> None:
    """Strategies show their trees: who leads them, over whom, and with which rights."""
    make = "externalcontact/customer_strategy/create"
    reach = [{"type": 2, "partyid": 1}, {"type": 1, "userid": "ben"}]
    top = console.call(make, strategy_name="华东", admin_list=["anna"], range=reach)["strategy_id"]
    console.call(make, parent_id=top, strategy_name="上海", admin_list=["ben"], range=reach[1:])
    console.call("externalcontact/moment_strategy/create", strategy_name="圈", admin_list=["chen"], range=reach)
    every, one = console.seen("/strategies"), console.seen(f"/strategies/customers-{top}")

    assert "华东 1 Anna Ben, 总部 2026-01-05 17:00" in every
    assert "上海 2 Ben Ben 2026-01-05 17:00" in every
    assert "圈 1 Chen" in every
    assert "above 上海" in one
    assert "view_customer_list" in one
    for nothing in ("customers-9", "moments-x", "others-1"):
        assert 404 == console.browser.get(f"/strategies/{nothing}").status_code


def test_products_and_rules(console: Console) -> None:
    """An admin adds a product and an intercept rule; the page of rules tells what they found."""
    customer = console.box.add_customer(None, "米", staff=["anna"])
    console.do("add_product", description="大红袍", price="12800", sn="TEA1")
    console.do("add_rule", name="飞单", words="加我微信 转账", users="anna ben", type="block")
    console.do("add_rule", name="脏话", words="笨蛋", users="anna", type="warn")
    blocked = console.do("sends", userid="anna", text="有事加我微信", ids=customer)
    console.do("sends", userid="anna", text="你这个笨蛋", ids=customer)
    page = console.seen("/intercept-rules")

    assert "大红袍 ¥128.00 TEA1 1" in console.seen("/products")
    assert "飞单 blocks 拦截 加我微信转账 Anna, Ben" in page
    assert "脏话 warns 警告 笨蛋 Anna" in page
    assert "An intercept rule kept the message from being sent" in blocked.text
    assert "Anna was kept from sending 有事加我微信 飞单: 加我微信" in page
    assert "Anna was warned of 你这个笨蛋 脏话: 笨蛋" in page


def test_media(console: Console) -> None:
    """Media show how they came and until when they last; staff record a voice, a file is put on the web and fetched."""
    console.do("voice", userid="anna", seconds="2")
    console.do("web_file", url="https://cdn.example.com/a.mp4", size="20000")
    [md5] = re.findall(r"<code>([0-9a-f]{32})</code>", console.page("/media"))
    url = {"url": "https://cdn.example.com/a.mp4", "filename": "a.mp4", "md5": md5}
    console.call("media/upload_by_url", scene=1, type="video", **url)
    runs = console.seen("/media")
    console.box.advance(timedelta(seconds=10))
    done = console.seen("/media")
    console.box.advance(timedelta(days=4))

    assert "voice 3,206 bytes recorded in a page 2026-01-05 17:00 2026-01-08 17:00" in runs
    assert "a.mp4 https://cdn.example.com/a.mp4 2026-01-05 17:00 runs" in runs
    assert "a.mp4 video 20 KB media/upload_by_url" in done
    assert "expired" in console.seen("/media")


def test_staff(console: Console) -> None:
    """Staff lose and get the customers' right, and resign; who has resigned is still found."""
    console.box.create_group("群", owner="anna")
    console.box.add_customer("wmMeow", "米", staff=["anna"])
    console.do("serve", userid="anna", serving="no")
    without = console.seen("/staff/anna")
    console.do("serve", userid="anna", serving="yes")
    console.do("resign", userid="anna")

    assert "has no customers' right" in without
    assert "resigned 离职 2026-01-05 17:00" in console.seen("/staff/anna")
    assert "Anna anna 总部 0" in console.seen("/staff")
    assert '<a href="/staff/anna" title="anna" class="name">Anna</a>' in console.page("/groups")
    assert "Nobody follows this customer" in console.seen("/customers/wmMeow")
    assert 404 == console.browser.get("/staff/nobody").status_code


def test_tags(console: Console) -> None:
    """An admin renames and deletes tags; each tells how many customers wear it."""
    [vip, _] = console.api.add_tags("VIP", "普通")
    console.box.add_customer(None, "米", staff=["anna"], tags=[vip])
    console.do("edit_tag", tag=vip, name="SVIP")
    renamed = console.seen("/tags")
    console.do("delete_tag", tag=vip)

    assert f"SVIP 1 {vip} the app" in renamed
    assert "SVIP" not in console.seen("/tags")
    assert "普通" in console.seen("/tags")
    assert "Nothing like this." in console.seen("/tags?q=none")
    assert "an admin changed the tag SVIP" in console.seen("/log?kind=event")


def test_a_customer_with_two_staff(console: Console) -> None:
    """Each relation of a customer stands by itself, with its tags and whether the customer ended it."""
    box = console.box
    [tag] = box.admin_adds_tags("等级", ["VIP"]).values()
    customer = box.add_customer(None, "米", staff=["anna", "ben"])
    console.do("edit", userid="anna", external_userid=customer, add=tag, remark="老米")
    console.do("customer_deletes", userid="ben", external_userid=customer)
    console.do("answers", userid="anna", external_userid=customer)
    page = console.seen(f"/customers/{customer}")
    console.do("edit", userid="anna", external_userid=customer, remove=tag)

    assert "Followed by Anna remark 备注 老米 tags 标签 VIP" in page
    assert "Followed by Ben deleted by the customer" in page
    assert "米 deleted Ben" in page
    assert "Anna wrote to 米" in page
    assert "Anna untagged 米 −VIP in the client" in console.seen(f"/customers/{customer}")


def test_log(console: Console) -> None:
    """The log has pages, and its kinds are chosen one at a time; failures stand out."""
    for i in range(200):
        console.box.rename_group(console.box.add_group(f"wr{i}", f"群{i}", owner="anna"), f"新群{i}")
    console.api.post("mark_tag", userid="anna", external_userid="wmNobody", add_tag=["x"])
    newest, older, calls = console.page("/log"), console.seen("/log?from=200"), console.seen("/log?kind=call")

    assert 200 == newest.count("<tr")
    assert '<a href="?from=200">older →</a>' in newest
    assert "the group 新群0 has a new name" in older
    assert "新群199" not in older
    assert "your program called externalcontact/mark_tag errcode 40096" in calls
    assert "新群" not in calls
    assert 1 == console.page("/log?kind=call").count('class="failed"')


@pytest.mark.parametrize(
    ("kind", "told"),
    [("lost_callback", "your program was not told of create #1 lost"), ("duplicate_callback", "#1 duplicated after 2")],
)
def test_callbacks(console: Console, kind: str, told: str) -> None:
    """The story of a group tells whether the program heard of it."""
    console.box.on_callback(lambda _, __: 200)
    console.do("fault", kind=kind)
    group = console.box.create_group("群", owner="anna")
    console.do("deliver")

    assert told in console.seen(f"/groups/{group}")


def test_long_stories_are_cut(console: Console) -> None:
    """Of a long story the last part is told, and that there was more."""
    customer = console.box.add_customer(None, "米", staff=["anna"])
    for _ in range(101):
        console.box.customer_writes(customer, "anna")
    page = console.seen(f"/customers/{customer}")

    assert 100 == page.count("米 wrote to Anna")
    assert "What was before the last 100 is left out." in page
