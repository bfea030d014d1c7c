"""Callbacks become typed events without losing anything."""

from __future__ import annotations

import pickle

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.wecom.callbacks import (
    CustomerAdded,
    CustomerDeleted,
    CustomerEdited,
    CustomerHalfAdded,
    Event,
    GroupCreated,
    GroupDismissed,
    GroupUpdated,
    MsgAuditApproved,
    StaffDeleted,
    TagCreated,
    TagDeleted,
    TagsShuffled,
    TagUpdated,
    TransferFailed,
    UnknownEvent,
    parse_event,
)
from privdom.wecom.callbacks.xml import read


AT = datetime(2014, 6, 24, 11, 48, 33, tzinfo=UTC)
PAIR = "<UserID>zhangsan</UserID><ExternalUserID>wo1</ExternalUserID>"


def own(event: str, change_type: str, inner: str, *, at: str = "1403610513") -> str:
    return (
        f"<xml><ToUserName><![CDATA[ww1]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event>"
        f"<ChangeType><![CDATA[{change_type}]]></ChangeType>{inner}</xml>"
    )


def suite(event: str, change_type: str, inner: str) -> str:
    return (
        f"<xml><SuiteId>ws1</SuiteId><AuthCorpId>ww1</AuthCorpId><InfoType>{event}</InfoType>"
        f"<TimeStamp>1403610513</TimeStamp><ChangeType>{change_type}</ChangeType>{inner}</xml>"
    )


KINDS = [
    (CustomerAdded, "change_external_contact", "add_external_contact", PAIR),
    (CustomerHalfAdded, "change_external_contact", "add_half_external_contact", PAIR),
    (CustomerEdited, "change_external_contact", "edit_external_contact", PAIR),
    (CustomerDeleted, "change_external_contact", "del_external_contact", PAIR),
    (StaffDeleted, "change_external_contact", "del_follow_user", PAIR),
    (
        TransferFailed,
        "change_external_contact",
        "transfer_fail",
        PAIR + "<FailReason>customer_refused</FailReason>",
    ),
    (MsgAuditApproved, "change_external_contact", "msg_audit_approved", PAIR),
    (GroupCreated, "change_external_chat", "create", "<ChatId>wr1</ChatId>"),
    (GroupUpdated, "change_external_chat", "update", "<ChatId>wr1</ChatId>"),
    (GroupDismissed, "change_external_chat", "dismiss", "<ChatId>wr1</ChatId>"),
    (TagCreated, "change_external_tag", "create", "<Id>et1</Id>"),
    (TagUpdated, "change_external_tag", "update", "<Id>et1</Id>"),
    (TagDeleted, "change_external_tag", "delete", "<Id>et1</Id>"),
    (TagsShuffled, "change_external_tag", "shuffle", ""),
]


@pytest.mark.parametrize(("cls", "event", "change_type", "inner"), KINDS)
@pytest.mark.parametrize("envelope", [own, suite])
def test_each_kind_has_its_class_in_both_envelopes(
    cls: type[Event], event: str, change_type: str, inner: str, envelope: type
) -> None:
    """A corp's own app and a suite get the same event, told apart by suite_id alone."""
    parsed = parse_event(envelope(event, change_type, inner))

    assert cls is type(parsed)
    assert ("ww1", AT, event, change_type) == (parsed.corp_id, parsed.create_time, parsed.event, parsed.change_type)
    assert ("" if envelope is own else "ws1") == parsed.suite_id


def test_events_without_a_class_are_kept_whole(shared: Path) -> None:
    """Changes of something new come out as UnknownEvent, with every element and the text itself."""
    for sample in sorted((shared / "wecom/samples").glob("event.change_contact.*.xml")):
        xml = sample.read_bytes().replace(b"change_contact", b"change_weather")
        event = parse_event(xml)

        assert isinstance(event, UnknownEvent)
        assert xml == event.raw
        assert read(xml) == event.fields
        assert (event.event, event.create_time) == ("change_weather", AT)


@pytest.mark.parametrize(
    "shape",
    [
        "<MemChangeList><Item>Jack</Item><Item>Rose</Item></MemChangeList>",
        "<MemChangeList>Jack</MemChangeList><MemChangeList>Rose</MemChangeList>",
        "<MemChangeList>Jack,Rose</MemChangeList>",
        "<MemChangeList><Item>Jack</Item></MemChangeList><MemChangeList><Item>Rose</Item></MemChangeList>",
    ],
)
def test_changed_members_are_read_in_each_shape(shape: str) -> None:
    """Items, repeated elements and one text with commas all give the same members."""
    event = parse_event(own("change_external_chat", "update", f"<ChatId>wr1</ChatId>{shape}"))

    assert isinstance(event, GroupUpdated)
    assert event.mem_change_list == ("Jack", "Rose")


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ("<Item>Jack</Item><Count>2</Count>", {"Item": "Jack", "Count": "2"}),
        ("<Item><Id>Jack</Id></Item>", {"Item": {"Id": "Jack"}}),
        ("<User>Jack</User>", {"User": "Jack"}),
    ],
)
def test_changed_members_in_a_new_shape_are_kept_aside(shape: str, kept: object) -> None:
    """Of a list of members that holds anything else nobody is guessed and nothing is dropped: all of it is in `extra`."""
    inner = f"<ChatId>wr1</ChatId><MemChangeList>{shape}</MemChangeList>"
    event = parse_event(own("change_external_chat", "update", inner))

    assert isinstance(event, GroupUpdated)
    assert event.mem_change_list == ()
    assert event.extra == {"MemChangeList": kept}


def test_empty_member_fields_are_absent() -> None:
    """A change of the name may carry the member fields empty: there is no number and nobody."""
    inner = "<ChatId>wr1</ChatId><JoinScene></JoinScene><MemChangeCnt/><MemChangeList></MemChangeList>"
    event = parse_event(own("change_external_chat", "update", inner))

    assert isinstance(event, GroupUpdated)
    assert (event.join_scene, event.mem_change_cnt, event.mem_change_list) == (None, None, ())
    assert event.extra == {}


def test_elements_that_are_new_or_unreadable_are_kept_aside() -> None:
    """A new element and a number that is none cost nothing: both are in `extra`."""
    inner = "<ChatId>wr1</ChatId><JoinScene>door</JoinScene><New><A>1</A></New><SuiteId>a</SuiteId><SuiteId>b</SuiteId>"
    event = parse_event(own("change_external_chat", "update", inner))

    assert isinstance(event, GroupUpdated)
    assert event.join_scene is None
    assert event.extra == {"JoinScene": "door", "New": {"A": "1"}, "SuiteId": ["a", "b"]}


@pytest.mark.parametrize(
    "xml",
    [
        own("change_external_contact", "add_external_contact", "<UserID>zhangsan</UserID>"),
        own("change_external_contact", "add_external_contact", PAIR, at="soon"),
        own("change_external_contact", "add_external_contact", PAIR, at="9" * 30),
        own("change_external_contact", "add_external_contact", PAIR.replace("zhangsan", "<A>zhangsan</A>")),
        own("change_external_contact", "brand_new", PAIR),
        own("change_contact", "delete_party", "<Id>\n</Id>"),
        "<xml><MsgType>text</MsgType><Content>hello</Content></xml>",
    ],
)
def test_what_lacks_what_its_kind_must_have_is_unknown(xml: str) -> None:
    """Half an event is not acted upon, and not lost either."""
    event = parse_event(xml)

    assert isinstance(event, UnknownEvent)
    assert xml.encode() == event.raw


def test_a_moved_customer_is_told_from_a_lost_one() -> None:
    """DELETE_BY_TRANSFER means that another staff has the customer now."""
    moved = parse_event(
        own("change_external_contact", "del_external_contact", PAIR + "<Source>DELETE_BY_TRANSFER</Source>")
    )
    lost = parse_event(own("change_external_contact", "del_external_contact", PAIR))

    assert isinstance(moved, CustomerDeleted)
    assert isinstance(lost, CustomerDeleted)
    assert (moved.by_transfer, lost.by_transfer) == (True, False)


def test_the_repr_never_shows_the_welcome_code() -> None:
    """Logs hold the ids, not the ticket to write to the customer, nor what an unknown event tells of people."""
    added = parse_event(
        own("change_external_contact", "add_external_contact", PAIR + "<WelcomeCode>CALLBACK_CODE</WelcomeCode>")
    )
    plain = parse_event(own("change_external_contact", "add_external_contact", PAIR))
    unknown = parse_event(own("change_contact", "create_user", "<Mobile>13800000000</Mobile>"))

    assert isinstance(added, CustomerAdded)
    assert added.welcome_code == "CALLBACK_CODE"
    assert "'zhangsan'" in repr(added)
    assert "welcome_code='CALL***'" in repr(added)
    assert "welcome_code=''" in repr(plain)
    assert "Mobile" in repr(unknown)
    assert "13800000000" not in repr(unknown)


def test_events_pickle() -> None:
    """An event can be handed to a worker of another process."""
    event = parse_event(own("change_external_contact", "add_external_contact", PAIR + "<New>1</New>"))

    assert event == pickle.loads(pickle.dumps(event))


names = st.sampled_from(
    ["UserID", "ExternalUserID", "State", "MemChangeList", "JoinScene", "CreateTime", "Id", "SuiteId"]
)
values = st.text(st.characters(codec="utf-8", exclude_characters="<&>,\r", exclude_categories=["Cc", "Z"]), max_size=8)


def texts(value: object) -> Iterator[str]:
    """Yield each text in *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


@given(st.sampled_from(KINDS), st.lists(st.tuples(names, values)))
def test_arbitrary_elements_never_raise(kind: tuple[object, str, str, str], elements: list[tuple[str, str]]) -> None:
    """Whatever elements stand in a callback, it becomes an event, and each text is still somewhere in it."""
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in elements)
    event = parse_event(own(kind[1], kind[2], inner))
    kept = set(texts([getattr(event, a.name) for a in attrs.fields(type(event))]))
    read_as_number = {"JoinScene"} if isinstance(event, GroupUpdated) and event.join_scene is not None else set()

    assert event.event == kind[1]
    assert {text for name, text in elements if name not in read_as_number and text} <= kept
