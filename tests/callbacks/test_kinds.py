"""Each kind of event that WeCom documents has a class, which holds all that WeCom tells and shows nobody's data."""

from __future__ import annotations

import pickle

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from privdom.wecom import callbacks
from privdom.wecom.callbacks import (
    EVENTS,
    AcquisitionBalanceLow,
    AcquisitionChatStarted,
    AcquisitionMessageReceived,
    AcquisitionQuotaExpiring,
    AcquisitionStaffDeleted,
    AppEvent,
    AppInactiveAlert,
    AppSubscribed,
    BatchJob,
    BatchJobDone,
    CardClicked,
    CustomerEvent,
    DepartmentCreated,
    DepartmentUpdated,
    Event,
    EventKind,
    GroupJoined,
    GroupOwnerChanged,
    GroupUpdated,
    KnownEvent,
    LocationReported,
    MenuClicked,
    SelectedItem,
    UnknownEvent,
    UploadJobFinished,
    UserAttr,
    UserAttrText,
    UserAttrWeb,
    UserCreated,
    UserTagUpdated,
    UserUpdated,
    parse_event,
)
from privdom.wecom.callbacks.xml import Node, read


AT = datetime(2014, 6, 24, 11, 48, 33, tzinfo=UTC)
ENVELOPE = {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "ChangeType"}


def xml(event: str, inner: str = "", *, change_type: str = "", sender: str = "sys") -> str:
    kind = f"<ChangeType>{change_type}</ChangeType>" if change_type else ""
    return (
        f"<xml><ToUserName>ww1</ToUserName><FromUserName>{sender}</FromUserName><CreateTime>1403610513</CreateTime>"
        f"<MsgType>event</MsgType><Event>{event}</Event>{kind}{inner}</xml>"
    )


# Each on the page of its own chapter only.
ELSEWHERE = (AcquisitionStaffDeleted, UploadJobFinished)
LISTED = [kind for kind in EVENTS if kind.cls not in ELSEWHERE]


def documented(shared: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load((shared / "wecom/events.yaml").read_text(encoding="utf-8"))
    events: list[dict[str, Any]] = content["events"]
    assert content["meta"]["count"] == len(events) == 52
    return events


def update_detail(event: dict[str, Any]) -> str:
    return next((field["note"] for field in event["fields"] if field["name"] == "UpdateDetail"), "")


def elements(cls: type[Any]) -> set[str]:
    return {a.metadata["element"] for a in attrs.fields(cls) if "element" in a.metadata}


def a_value(field: dict[str, Any]) -> str:
    """Return the text of an element of a documented kind."""
    name, kind = field["name"], field["type"]
    if name == "UpdateDetail":
        return str(field["note"])
    if name == "BatchJob":
        return "<JobId>j</JobId><JobType>sync_user</JobType><ErrCode>0</ErrCode><ErrMsg>ok</ErrMsg>"
    if name == "SelectedItems":
        options = "<OptionIds><OptionId>a</OptionId><OptionId>b</OptionId></OptionIds>"
        return f"<SelectedItem><QuestionKey>q</QuestionKey>{options}</SelectedItem>"
    if name == "ExtAttr":
        return "<Item><Name>n</Name><Type>0</Type><Text><Value>v</Value></Text></Item>"
    if kind.startswith("list of"):
        return "<Item>a</Item><Item>b</Item>"
    return {"int": "7", "float": "1.5"}.get(kind, "1")


def test_each_documented_event_has_its_class(shared: Path) -> None:
    """Each of the 52 has a row with its names and its page, and a class of its own."""
    rows = [
        (event["event"], event.get("change_type", ""), update_detail(event), int(event["doc"].removeprefix("path/")))
        for event in documented(shared)
    ]

    assert rows == [tuple(kind[1:]) for kind in LISTED]
    assert len({kind.cls for kind in EVENTS}) == 52 + len(ELSEWHERE)
    assert {kind.cls.__name__ for kind in EVENTS} <= set(callbacks.__all__)


def test_each_class_declares_all_elements_of_its_event(shared: Path) -> None:
    """What the documentation lists for an event is an attribute of its class."""
    for event, kind in zip(documented(shared), LISTED, strict=True):
        listed = {field["name"] for field in event["fields"]}

        assert listed <= elements(kind.cls), event["id"]
        assert issubclass(kind.cls, AppEvent) is (event["envelope"] == "app"), event["id"]


@pytest.mark.parametrize("full", [True, False], ids=["full", "least"])
def test_each_documented_event_is_read(shared: Path, full: bool) -> None:
    """With all of its elements, and with only those it must have, an event comes as its class with nothing left over."""
    for event, kind in zip(documented(shared), LISTED, strict=True):
        fields = [field for field in event["fields"] if full or not field.get("optional")]
        inner = "".join(f"<{field['name']}>{a_value(field)}</{field['name']}>" for field in fields)
        parsed = parse_event(xml(event["event"], inner, change_type=event.get("change_type", "")))

        assert type(parsed) is kind.cls, event["id"]
        assert parsed.extra == {}, event["id"]
        assert (parsed.create_time, parsed.event) == (AT, event["event"])
        assert parsed == pickle.loads(pickle.dumps(parsed))


def test_who_came_by_a_link_and_leaves() -> None:
    """A customer who deletes the staff is told of twice, the second time with the link that they came by."""
    inner = "<LinkId>ca1</LinkId><UserID>zhang</UserID><ExternalUserID>wm1</ExternalUserID><State>live</State>"
    left = parse_event(xml("customer_acquisition", inner, change_type="del_follow_user"))

    assert isinstance(left, AcquisitionStaffDeleted)
    assert ("ca1", "zhang", "wm1", "live") == (left.link_id, left.user_id, left.external_user_id, left.state)
    assert {} == left.extra


def leaves(node: Node) -> list[str]:
    if isinstance(node, str):
        return [node]
    return [leaf for child in (node.values() if isinstance(node, dict) else node) for leaf in leaves(child)]


def texts(value: object) -> Iterator[str]:
    """Yield the texts that a value may have had in the XML."""
    if isinstance(value, datetime):
        yield str(int(value.timestamp()))
    elif isinstance(value, tuple):
        yield ",".join(str(int(one)) if isinstance(one, bool) else str(one) for one in value)
        for one in value:
            yield from texts(one)
    elif isinstance(value, str | int):
        yield str(value)
    elif attrs.has(type(value)):
        for a in attrs.fields(type(value)):  # type: ignore[arg-type]
            yield from texts(getattr(value, a.name))


def test_every_value_of_the_official_samples_has_an_attribute(shared: Path) -> None:
    """Nothing of a sample of the documentation is only to be found in `extra`."""
    samples = sorted((shared / "wecom/samples").glob("event.*.xml"))
    for sample in samples:
        event = parse_event(sample.read_bytes())

        assert not isinstance(event, UnknownEvent), sample.name
        assert not event.extra, sample.name
        assert set(leaves(read(sample.read_bytes()))) <= set(texts(event)), sample.name

    assert len(samples) == 17


USER = """<UserID>zhangsan</UserID><NewUserID>zhangsan001</NewUserID><Name>张三</Name><Department>1,2,3</Department>
<MainDepartment>1</MainDepartment><IsLeaderInDept>1,0,0</IsLeaderInDept><DirectLeader>lisi,wangwu</DirectLeader>
<Position>产品经理</Position><Mobile>13800000000</Mobile><Gender>1</Gender><Email>zhangsan@example.com</Email>
<BizMail>zs@example.com</BizMail><Status>1</Status><Avatar>http://example.com/0</Avatar><Alias>zs</Alias>
<Telephone>020-123456</Telephone><Address>广州市</Address><ExtAttr><Item><Name>爱好</Name><Type>0</Type>
<Text><Value>旅游</Value></Text></Item><Item><Name>卡号</Name><Type>1</Type><Web><Title>企业微信</Title>
<Url>https://work.weixin.qq.com</Url></Web></Item></ExtAttr>"""


def test_a_staffs_data_are_typed() -> None:
    """Lists that come as text are lists, flags are flags, and attributes of the corp's own have their values."""
    event = parse_event(xml("change_contact", USER, change_type="update_user"))

    assert isinstance(event, UserUpdated)
    assert (event.user_id, event.new_user_id, event.name, event.position) == (
        "zhangsan",
        "zhangsan001",
        "张三",
        "产品经理",
    )
    assert (event.department, event.main_department) == ((1, 2, 3), 1)
    assert (event.is_leader_in_dept, event.direct_leader) == ((True, False, False), ("lisi", "wangwu"))
    assert (event.gender, event.status) == (1, 1)
    assert event.ext_attr == (
        UserAttr(name="爱好", type=0, text=UserAttrText(value="旅游")),
        UserAttr(name="卡号", type=1, web=UserAttrWeb(title="企业微信", url="https://work.weixin.qq.com")),
    )


def test_what_did_not_change_is_none_and_what_was_emptied_is_empty() -> None:
    """An update tells only what changed; an element that is there and empty says that the value is gone."""
    inner = "<UserID>a</UserID><Position></Position><Department></Department><NewUserId>b</NewUserId><ExtAttr/>"
    event = parse_event(xml("change_contact", inner, change_type="update_user"))

    assert isinstance(event, UserUpdated)
    assert (event.name, event.mobile, event.main_department, event.direct_leader) == (None, None, None, None)
    assert (event.position, event.department, event.ext_attr) == ("", (), ())
    assert event.new_user_id == "b"
    assert event.extra == {}


def test_what_is_new_inside_an_element_is_kept() -> None:
    """An element unknown inside a known one is in the `extra` of its part; a shape that is none in the event's."""
    new = "<Item><Name>n</Name><Type>2</Type><Colour>red</Colour></Item>"
    event = parse_event(xml("change_contact", f"<UserID>a</UserID><ExtAttr>{new}</ExtAttr>", change_type="create_user"))
    other = parse_event(
        xml("change_contact", f"<UserID>a</UserID><ExtAttr>{new}<New/></ExtAttr>", change_type="create_user")
    )
    flat = parse_event(xml("change_contact", "<UserID>a</UserID><ExtAttr>x</ExtAttr>", change_type="create_user"))

    assert isinstance(event, UserCreated)
    assert event.ext_attr is not None
    assert [part.extra for part in event.ext_attr] == [{"Colour": "red"}]
    assert isinstance(other, UserCreated)
    assert (other.ext_attr, set(other.extra)) == (None, {"ExtAttr"})
    assert {"ExtAttr": "x"} == flat.extra


def test_departments_and_tags_of_staff_are_typed() -> None:
    """Ids of departments are numbers, wherever WeCom puts them into a text."""
    made = parse_event(
        xml("change_contact", "<Id>2</Id><ParentId><![CDATA[1]]></ParentId>", change_type="create_party")
    )
    moved = parse_event(xml("change_contact", "<Id>2</Id><ParentId>3</ParentId>", change_type="update_party"))
    tagged = "<TagId>1</TagId><AddUserItems>a,b</AddUserItems><AddPartyItems>1,2</AddPartyItems>"
    tag = parse_event(xml("change_contact", tagged, change_type="update_tag"))

    assert isinstance(made, DepartmentCreated)
    assert (made.id, made.parent_id, made.name, made.order) == (2, 1, None, None)
    assert isinstance(moved, DepartmentUpdated)
    assert (moved.parent_id, moved.name) == (3, None)
    assert isinstance(tag, UserTagUpdated)
    assert (tag.tag_id, tag.add_user_items, tag.add_party_items) == (1, ("a", "b"), (1, 2))
    assert (tag.del_user_items, tag.del_party_items) == ((), ())


def test_events_of_an_app_name_the_app_and_the_staff() -> None:
    """The staff is the sender of the message."""
    entered = parse_event(xml("subscribe", "<AgentID>7</AgentID><EventKey/>", sender="zhangsan"))
    clicked = parse_event(xml("click", "<AgentID>7</AgentID><EventKey>menu1</EventKey>", sender="zhangsan"))
    alert = parse_event(xml("inactive_alert", "<AgentID>7</AgentID><EffectTime>1403610513</EffectTime>"))

    assert isinstance(entered, AppSubscribed)
    assert (entered.agent_id, entered.from_user_name, entered.event_key) == (7, "zhangsan", "")
    assert isinstance(clicked, MenuClicked)
    assert clicked.event_key == "menu1"
    assert isinstance(alert, AppInactiveAlert)
    assert (alert.effect_time, alert.from_user_name) == (AT, "sys")


def test_a_place_a_job_and_a_card_are_typed() -> None:
    """Numbers with fractions, a job's outcome and what was chosen on a card have attributes."""
    where = "<Latitude>23.104</Latitude><Longitude>113.320</Longitude><Precision>65.000</Precision>"
    place = parse_event(xml("LOCATION", f"<AgentID>7</AgentID>{where}<AppType>wxwork</AppType>"))
    job = parse_event(
        xml(
            "batch_job_result", "<BatchJob><JobId>j1</JobId><JobType>sync_user</JobType><ErrCode>0</ErrCode></BatchJob>"
        )
    )
    one = "<SelectedItem><QuestionKey>q1</QuestionKey><OptionIds><OptionId>a</OptionId></OptionIds></SelectedItem>"
    two = "<SelectedItem><QuestionKey>q2</QuestionKey><OptionIds><OptionId>b</OptionId><OptionId>c</OptionId></OptionIds></SelectedItem>"
    keys = (
        "<EventKey>k</EventKey><TaskId>t</TaskId><CardType>vote_interaction</CardType><ResponseCode>rc</ResponseCode>"
    )
    card = parse_event(xml("template_card_event", f"{keys}<SelectedItems>{one}{two}</SelectedItems>"))

    assert isinstance(place, LocationReported)
    assert (place.latitude, place.longitude, place.precision, place.app_type) == (23.104, 113.32, 65.0, "wxwork")
    assert isinstance(job, BatchJobDone)
    assert job.batch_job == BatchJob(job_id="j1", job_type="sync_user", err_code=0)
    assert job.agent_id is None
    assert isinstance(card, CardClicked)
    assert card.selected_items == (
        SelectedItem(question_key="q1", option_ids=("a",)),
        SelectedItem(question_key="q2", option_ids=("b", "c")),
    )


def test_events_of_acquisition_links_are_typed() -> None:
    """Moments are aware, and who is not told is empty."""
    soon = parse_event(
        xml(
            "customer_acquisition",
            "<ExpireTime>1403610513</ExpireTime><ExpireQuotaNum>30</ExpireQuotaNum>",
            change_type="quota_expire_soon",
        )
    )
    chat = parse_event(
        xml(
            "customer_acquisition",
            "<UserID>a</UserID><ExternalUserID>wm1</ExternalUserID><LinkId>l</LinkId>",
            change_type="customer_start_chat",
        )
    )
    wrote = parse_event(
        xml("customer_acquisition", "<LinkId>l</LinkId><ChatKey>k</ChatKey>", change_type="message_from_customer")
    )

    assert isinstance(soon, AcquisitionQuotaExpiring)
    assert (soon.expire_time, soon.expire_quota_num) == (AT, 30)
    assert isinstance(chat, AcquisitionChatStarted)
    assert (chat.user_id, chat.external_user_id, chat.link_id) == ("a", "wm1", "l")
    # The mirror reads again whom a CustomerEvent names, and this says nothing new of them.
    assert not isinstance(chat, CustomerEvent)
    assert isinstance(wrote, AcquisitionMessageReceived)
    assert (wrote.user_id, wrote.external_user_id, wrote.chat_seq) == ("", "", None)


@pytest.mark.parametrize(
    ("detail", "cls"),
    [
        ("add_member", GroupJoined),
        ("change_owner", GroupOwnerChanged),
        ("change_colour", GroupUpdated),
        ("", GroupUpdated),
    ],
)
def test_a_groups_change_comes_as_the_class_of_its_detail(detail: str, cls: type[Event]) -> None:
    """A detail that is new, or none, is still a change of the group."""
    inner = f"<ChatId>wr1</ChatId><UpdateDetail>{detail}</UpdateDetail>"
    event = parse_event(xml("change_external_chat", inner, change_type="update"))

    assert cls is type(event)
    assert isinstance(event, GroupUpdated)
    assert detail == event.update_detail


def test_a_suite_gets_the_new_kinds_too() -> None:
    """The envelope of a provider's suite is recognised for every kind."""
    event = parse_event(
        "<xml><SuiteId>ws1</SuiteId><AuthCorpId>ww1</AuthCorpId><InfoType>customer_acquisition</InfoType>"
        "<TimeStamp>1403610513</TimeStamp><ChangeType>balance_low</ChangeType></xml>"
    )

    assert (
        AcquisitionBalanceLow(
            corp_id="ww1", create_time=AT, event="customer_acquisition", change_type="balance_low", suite_id="ws1"
        )
        == event
    )


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (
            xml("change_contact", USER, change_type="update_user"),
            ["张三", "138", "example.com", "zs", "020-", "广州", "旅游", "work.weixin"],
        ),
        (
            xml("LOCATION", "<Latitude>23.104</Latitude><Longitude>113.320</Longitude><Precision>65.5</Precision>"),
            ["23.1", "113", "65.5"],
        ),
        (
            xml(
                "template_card_event",
                "<EventKey>k</EventKey><TaskId>t</TaskId><CardType>c</CardType><ResponseCode>TICKET12</ResponseCode>"
                "<SelectedItems><SelectedItem><OptionIds><OptionId>pregnant</OptionId></OptionIds></SelectedItem></SelectedItems>",
            ),
            ["TICKET12", "pregnant"],
        ),
        (
            xml(
                "customer_acquisition",
                "<LinkId>l</LinkId><ChatKey>TICKET34</ChatKey>",
                change_type="message_from_customer",
            ),
            ["TICKET34"],
        ),
    ],
    ids=["staff", "place", "card", "chat"],
)
def test_reprs_hide_people_and_tickets(text: str, secrets: list[str]) -> None:
    """Logs may hold any event: neither who somebody is nor what could be done in their name stands in it."""
    event = parse_event(text)

    assert isinstance(event, KnownEvent)
    assert [] == [secret for secret in secrets if secret in repr(event)]


def test_a_kind_links_to_its_page() -> None:
    """From the table of kinds one gets to WeCom's documentation."""
    kind = EVENTS[0]

    assert isinstance(kind, EventKind)
    assert kind.url == "https://developer.work.weixin.qq.com/document/path/92130"
