"""WeCom's quirks are absorbed, and what is no quirk is refused with the way to it."""

from __future__ import annotations

import copy
import pickle

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import NotUnderstood, UsageError
from privdom.wecom import messages
from privdom.wecom._values import Model, OpenInt, OpenText
from privdom.wecom.contacts import AddWay, BatchPage, CustomerPage, ExternalContact, FollowInfo, FollowUser
from privdom.wecom.messages import Attachment, Image, Link, MessageRecord, OtherAttachment
from privdom.wecom.parse import CLASSES
from privdom.wecom.staff import Staff
from privdom.wecom.transfers import TransferRecord, TransferStatus
from privdom.wecom.wire import NO_EXTRA, Extra, structure, unstructure


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@attrs.frozen
class Plain:
    """Has a slot for weak references, so it is not filled in as a draft."""

    name: str
    tags: list[str] = attrs.field(factory=list)
    extra: Extra = NO_EXTRA


def follow(**fields: Any) -> FollowInfo:
    return structure({"userid": "rocky", **fields}, FollowInfo)


def test_unknown_fields_are_kept_aside() -> None:
    """They stand in ``extra``, take no part in comparisons, and come back with unstructure."""
    value = follow(mood="good", added={"a": [1]})

    assert {"mood": "good", "added": {"a": [1]}} == dict(value.extra)
    assert 2 == len(value.extra)
    assert "good" not in repr(value.extra)
    assert follow() == value
    assert hash(follow()) == hash(value)
    assert "good" == unstructure(value)["mood"]
    assert "mood" not in repr(value)


def test_without_unknown_fields_nothing_is_kept() -> None:
    """All values without unknown fields share one empty ``extra``, nulls or not."""
    assert NO_EXTRA is follow().extra
    assert NO_EXTRA is follow(remark=None).extra
    assert "<Extra nothing>" == repr(NO_EXTRA)


@pytest.mark.parametrize("sent", [{}, {"tag_id": None}, {"tag_id": []}, {"tag_id": [None]}])
def test_a_list_that_is_missing_is_empty(sent: dict[str, Any]) -> None:
    """Absent, null, empty, or full of nulls: there is an empty tuple."""
    assert () == follow(**sent).tag_id


def test_a_bare_value_stands_for_a_list_of_one() -> None:
    """WeCom sends one item without its list now and then."""
    assert ("et1",) == follow(tag_id="et1").tag_id
    page = structure({"external_contact": {"external_userid": "wm1"}, "follow_user": {"userid": "a"}}, CustomerPage)

    assert (FollowUser("a"),) == page.follow_user


def test_null_text_is_empty() -> None:
    """It never becomes the word None."""
    assert "" == follow(remark=None).remark


def test_numbers_sent_as_text_are_numbers() -> None:
    """And text sent as numbers is text."""
    assert AddWay.GROUP_CHAT == follow(add_way="4").add_way
    assert AddWay.UNKNOWN == follow(add_way=" ").add_way
    assert "12" == follow(remark=12).remark
    assert ("12", "a") == follow(tag_id=[12, "a"]).tag_id
    assert (1, 2) == structure({"userid": "a", "department": ["1", 2.0]}, Staff).department


@pytest.mark.parametrize(("sent", "expected"), [(1, True), (0, False), (" 1 ", True), ("false", False), ("TRUE", True)])
def test_flags_sent_as_numbers_are_flags(sent: object, expected: bool) -> None:
    """0 and 1, as numbers or as text, and the words, are true and false."""
    assert expected is structure({"external_userid": "wm1", "is_subscribe": sent}, ExternalContact).is_subscribe


def test_unix_seconds_are_aware_moments() -> None:
    """0, in whatever form, says that there is none."""
    assert datetime(2018, 5, 8, 11, 43, 32, tzinfo=UTC) == follow(createtime=1525779812).createtime
    assert datetime(2018, 5, 8, 11, 43, 32, tzinfo=UTC) == follow(createtime="1525779812").createtime
    assert follow(createtime=0).createtime is None
    assert follow(createtime="0").createtime is None


def test_moments_are_sent_as_unix_seconds_of_any_zone() -> None:
    """A datetime without a zone would mean another moment on another machine, and is refused."""
    china = timezone(timedelta(hours=8))

    assert (
        1525779812
        == unstructure(FollowInfo("a", createtime=datetime(2018, 5, 8, 19, 43, 32, tzinfo=china)))["createtime"]
    )
    with pytest.raises(UsageError, match="time zone"):
        unstructure(FollowInfo("a", createtime=datetime(2018, 5, 8)))  # noqa: DTZ001


def test_values_of_tomorrow_are_kept() -> None:
    """An unknown number or text of an enum stays what it is, and its name says that it is unknown."""
    way = follow(add_way=99).add_way

    assert 99 == way
    assert isinstance(way, AddWay)
    assert "<AddWay.UNKNOWN_99: 99>" == repr(way)
    assert 99 == unstructure(follow(add_way=99))["add_way"]
    assert way == pickle.loads(pickle.dumps(way))
    assert "<ChatType.UNKNOWN_robot: 'robot'>" == repr(messages.ChatType("robot"))
    assert messages.ChatType("robot") == pickle.loads(pickle.dumps(messages.ChatType("robot")))


@pytest.mark.parametrize(("cls", "wrong"), [(OpenInt, "1"), (OpenText, 1)])
def test_an_open_enum_takes_only_its_own_type(cls: Any, wrong: object) -> None:
    """Text for a number, or a number for text, is a mistake in code."""
    enum = cls("E", {"A": 0 if cls is OpenInt else "a"})

    with pytest.raises(ValueError, match="is not a valid"):
        enum(wrong)


@pytest.mark.parametrize(
    ("cls", "sent", "message"),
    [
        (BatchPage, [], "BatchPage: the answer is not an object"),
        (BatchPage, {"external_contact_list": [{}]}, "external_contact_list[0].external_contact is missing"),
        (CustomerPage, {"external_contact": 1}, "external_contact is not an object"),
        (FollowInfo, {"userid": ["a"]}, "userid is not text"),
        (FollowInfo, {"userid": "a", "createtime": "soon"}, "createtime is not a time in unix seconds"),
        (FollowInfo, {"userid": "a", "createtime": -5}, "createtime is not a time in unix seconds"),
        (FollowInfo, {"userid": "a", "add_way": {}}, "add_way is not a whole number"),
        (FollowInfo, {"userid": "a", "add_way": "1_0"}, "add_way is not a whole number"),
        (FollowInfo, {"userid": "a", "tag_id": ["x", {}]}, "tag_id[1] is not text"),
        (ExternalContact, {"external_userid": "wm1", "is_subscribe": "secret"}, "is_subscribe is neither true nor"),
        (MessageRecord, {"msgid": "m", "attachments": ["secret"]}, "attachments[0] is not an object"),
        (MessageRecord, {"msgid": "m", "attachments": [{"msgtype": "link", "link": {}}]}, "[0].link.title is missing"),
    ],
)
def test_another_shape_is_refused_with_the_way_to_it(cls: type, sent: object, message: str) -> None:
    """The error names the field and never the value."""
    with pytest.raises(NotUnderstood) as caught:
        structure(sent, cls)

    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_the_fourth_follower_is_named() -> None:
    """A path holds the position in lists."""
    users = [{"userid": "a"}, {"userid": "b"}, {"userid": "c"}, {"userid": "d", "createtime": []}]

    with pytest.raises(NotUnderstood, match=r"follow_user\[3\]\.createtime is not a time"):
        structure({"external_contact": {"external_userid": "wm1"}, "follow_user": users}, CustomerPage)


def test_attachments_are_told_apart_by_their_kind() -> None:
    """A kind of tomorrow is kept whole, and comes back as it was."""
    sent = [
        {"msgtype": "link", "link": {"title": "t", "url": "https://u"}},
        {"msgtype": "hologram", "hologram": {"depth": 3}, "more": 1},
        {"msgtype": "image", "image": None},
    ]
    record = structure({"msgid": "m", "attachments": sent}, MessageRecord)

    assert Link("t", "https://u") == record.attachments[0]
    assert OtherAttachment("hologram", {"hologram": {"depth": 3}, "more": 1}) == record.attachments[1]
    assert OtherAttachment("image", {"image": None}) == record.attachments[2]
    assert "OtherAttachment(msgtype='hologram')" == repr(record.attachments[1])
    assert sent == unstructure(record)["attachments"]
    assert isinstance(hash(record), int)


def test_a_sample_that_breaks_wecoms_own_rules_is_understood() -> None:
    """Structuring calls no checks: those are for what users make."""
    both = {"msgid": "m", "attachments": [{"msgtype": "image", "image": {"media_id": "a", "pic_url": "b"}}]}

    (image,) = structure(both, MessageRecord).attachments

    assert isinstance(image, Image)
    assert ("a", "b") == (image.media_id, image.pic_url)


def test_a_value_survives_pickle_and_copy() -> None:
    """With its unknown fields and its unknown enum values."""
    value = follow(add_way=99, mood="good", createtime=5, tag_id=["a"])

    for twin in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
        assert value == twin
        assert dict(value.extra) == dict(twin.extra)


def test_values_are_frozen_for_good() -> None:
    """What was structured can be changed as little as what was constructed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        follow().remark = "x"  # type: ignore[misc]


def test_a_class_with_a_slot_for_weak_references_works_too() -> None:
    """Any slotted attrs class can be structured; its default factories make a new value each time."""
    first, second = structure({"name": "a"}, Plain), structure({"name": "a", "x": 1}, Plain)

    assert Plain("a") == first
    assert first.tags is not second.tags
    assert {"x": 1} == dict(second.extra)


@pytest.mark.parametrize("cls", sorted({c.answer for c in CLASSES.values()}, key=lambda c: c.__name__))
@given(data=st.data())
def test_no_json_makes_it_crash(cls: type[Any], data: st.DataObject) -> None:
    """Whatever comes is understood, or refused as not understood."""
    names = [a.name for a in attrs.fields(cls)]
    sent = data.draw(JSON | st.dictionaries(st.sampled_from(names), JSON))
    try:
        value = structure(sent, cls)
    except NotUnderstood:
        return

    assert isinstance(value, cls)
    assert repr(value)
    assert value == structure(unstructure(value), cls)


@given(status=st.integers(1, 50), seconds=st.integers(0, 2**33))
def test_what_is_unstructured_is_structured_again(status: int, seconds: int) -> None:
    """Back and forth a value stays the same."""
    moment = datetime.fromtimestamp(seconds, UTC) if seconds else None
    record = TransferRecord("wm1", TransferStatus(status), moment)

    assert record == structure(unstructure(record), TransferRecord)


def test_a_repr_tells_without_telling_on_people() -> None:
    """Names are cut to one character, numbers and texts about people hidden; ids and counts stay."""
    contact = ExternalContact("wm1", "李四", avatar="http://x", unionid="oz1")
    info = follow(remark="王部长", description="爱喝茶", remark_mobiles=["13800000001"], state="门店", createtime=5)

    assert "ExternalContact(external_userid='wm1', name=李*, avatar=<hidden>, unionid=<hidden>)" == repr(contact)
    assert (
        "FollowInfo(userid='rocky', remark=王*, description=<hidden>, createtime=1970-01-01 00:00:05+00:00,"
        " remark_mobiles=<1 hidden>, state='门店')" == repr(info)
    )
    assert "AddWay.GROUP_CHAT" in repr(follow(add_way=4))
    assert "(FollowUser(userid='a'),)" in repr(CustomerPage(contact, (FollowUser("a"),)))
    assert "<7 FollowUser>" in repr(CustomerPage(contact, (FollowUser("a"),) * 7))
    assert "'" + "a" * 60 + "'..." in repr(messages.Text("a" * 100))


def test_what_a_customer_tells_of_themselves_is_hidden() -> None:
    """A profile's text may be a phone number or a postal address."""
    profile = {"external_attr": [{"type": 0, "name": "电话", "text": {"value": "13800000001"}}]}
    contact = structure({"external_userid": "wo1", "external_profile": profile}, ExternalContact)

    assert "13800000001" not in repr(contact)
    assert "电话" in repr(contact)


def test_every_answer_class_keeps_what_it_does_not_know() -> None:
    """Each has ``extra``, printed by nobody and compared by nobody, and prints as a model does."""

    def classes(cls: type) -> list[type]:
        return [cls, *(c for sub in cls.__subclasses__() for c in classes(sub))]

    requests = {c.request for c in CLASSES.values()}
    for cls in {c for c in classes(Model) if attrs.has(c)} - requests:
        fields = {a.name: a for a in attrs.fields(cls)}
        assert Model.__repr__ is cls.__repr__
        if "extra" in fields:
            assert fields["extra"].eq is False
        if cls in {c.answer for c in CLASSES.values()}:
            assert "extra" in fields


def test_the_kinds_of_attachments_are_the_union() -> None:
    """`Attachment` is what can stand in ``attachments``."""
    assert isinstance(Image(media_id="m"), Attachment)
