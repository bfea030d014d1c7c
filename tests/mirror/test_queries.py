"""What domain modules ask of the mirror, and the facts they keep in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select

from privdom.errors import UsageError
from privdom.mirror import (
    Customer,
    Follow,
    Group,
    Member,
    Subject,
    Subjects,
    customers,
    drop_facts,
    facts,
    follows,
    queries,
    set_facts,
    tables,
    tag_ids,
)
from privdom.mirror.relations import Relations
from privdom.mirror.values import CorpTag
from privdom.mirror.writes import put, put_group, remove_group
from privdom.store import Store


CORP = "ww1"
AT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def _put(store: Store, *new: Follow, at: datetime = AT) -> None:
    with store.begin() as conn:
        relations = Relations(conn, CORP, {one.external_userid for one in new}, generation=1, asked_at=at)
        relations.put(new, tell=False)
        relations.write()


def _remove(store: Store, staff: str, customer: str, *, at: datetime) -> None:
    with store.begin() as conn:
        relations = Relations(conn, CORP, [customer], generation=1, asked_at=at)
        relations.remove([(staff, customer)], at=at)
        relations.write()


def _all(store: Store) -> list[Follow]:
    with store.read() as conn:
        return list(follows(conn, CORP))


def test_follows_come_by_staff_and_customer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, or those of some staff, some customers, or both; in pages, each with its own tags."""
    monkeypatch.setattr(queries, "_PAGE", 2)
    everyone = [
        Follow(staff, customer, state="s", tag_ids=(staff + customer, "t1"))
        for staff in ("a", "b", "c")
        for customer in ("wm1", "wm2", "wm3")
    ]
    _put(store, *everyone)
    with store.read() as conn:
        found = {
            "all": list(follows(conn, CORP)),
            "staff": list(follows(conn, CORP, ["c", "a", "x"])),
            "customers": list(follows(conn, CORP, customers=["wm3", "wm1", "wm9"])),
            "both": list(follows(conn, CORP, ["a", "b", "c"], ["wm2"])),
            "nobody": list(follows(conn, CORP, [])),
            "elsewhere": list(follows(conn, "ww2")),
        }

    assert everyone == found["all"]
    assert {one for one in everyone if one.staff_userid != "b"} == set(found["staff"])
    assert {one for one in everyone if one.external_userid != "wm2"} == set(found["customers"])
    assert {one for one in everyone if one.external_userid == "wm2"} == set(found["both"])
    assert [] == found["nobody"] == found["elsewhere"]


def test_one_text_is_no_list(store: Store) -> None:
    """A bare id where a list belongs is refused, rather than read letter by letter."""
    with store.read() as conn:
        with pytest.raises(UsageError, match="give a list"):
            list(follows(conn, CORP, "zhangsan"))
        with pytest.raises(UsageError, match="give a list"):
            facts(conn, CORP, "tier.gmv")


def test_customers_come_in_pages(store: Store) -> None:
    """Each page begins behind the last id of the one before."""
    new = [Customer(f"wm{i}", "名字", 1, 2, "o1", "c") for i in range(5)]
    with store.begin() as conn:
        put(conn, tables.customer, CORP, new, 1)
    with store.read() as conn:
        first = customers(conn, CORP, limit=3)
        rest = customers(conn, CORP, after=first[-1].external_userid, limit=3)

    assert new == first + rest
    assert "名字" not in repr(new[0])


def test_an_answer_that_changes_nothing_still_is_the_newest(store: Store) -> None:
    """What WeCom told once more is not overwritten by what it told in between."""
    same = Follow("a", "wm1", remark="same", tag_ids=("t1", "t2"))
    _put(store, same)
    _put(store, same, at=LATER)
    _put(store, Follow("a", "wm1", remark="between"), at=AT + timedelta(minutes=1))
    _remove(store, "a", "wm1", at=AT + timedelta(minutes=1))

    assert [same] == _all(store)


def test_only_the_tags_that_differ_change(store: Store) -> None:
    """A relation wears the tags of the last answer, none once it has ended, and none of before when it comes back."""
    worn: list[tuple[str, ...]] = []
    for minutes, told in enumerate((("t1", "t2"), ("t2", "t3"), None, ("t4",))):
        at = AT + timedelta(minutes=minutes)
        if told is None:
            _remove(store, "a", "wm1", at=at)
        else:
            _put(store, Follow("a", "wm1", tag_ids=told), at=at)
        worn += [one.tag_ids for one in _all(store)]

    assert [("t1", "t2"), ("t2", "t3"), ("t4",)] == worn


def test_an_older_answer_does_not_overwrite_a_newer_one(store: Store) -> None:
    """Relations and groups keep what was asked for last, present or gone."""
    _put(store, Follow("a", "wm1", remark="new"), Follow("a", "wm2"), at=LATER)
    _remove(store, "a", "wm2", at=LATER)
    with store.begin() as conn:
        group = Group("wr1", "new", members=(Member("a", 1),))
        put_group(conn, CORP, group, 1, asked_at=LATER)
        remove_group(conn, CORP, "wr2", 1, asked_at=LATER)
    _put(store, Follow("a", "wm1", remark="old"), Follow("a", "wm2", remark="old"))
    _remove(store, "a", "wm1", at=AT)
    with store.begin() as conn:
        put_group(conn, CORP, Group("wr1", "old"), 1, asked_at=AT)
        put_group(conn, CORP, Group("wr2", "old"), 1, asked_at=AT)
        remove_group(conn, CORP, "wr1", 1, asked_at=AT)
    chat = tables.group_chat.c
    with store.read() as conn:
        groups = conn.execute(select(chat.chat_id, chat.name).where(chat.removed_at.is_(None))).all()
        members = conn.execute(select(tables.group_member.c.member_id)).scalars().all()

    assert [Follow("a", "wm1", remark="new")] == _all(store)
    assert [("wr1", "new")] == groups
    assert ["a"] == members


def test_facts_are_set_replaced_and_forgotten(store: Store) -> None:
    """A fact is any JSON value by customer and name; None forgets it."""
    with store.begin() as conn:
        set_facts(conn, CORP, "tier.gmv", {"wm1": "gold", "wm2": {"x": [1]}, "wm3": 7}, AT)
        set_facts(conn, CORP, "points.a", {"wm1": 12.5, "wm2": False}, AT)
        set_facts(conn, CORP, "tier.gmv", {"wm1": "silver", "wm3": None}, LATER)
        set_facts(conn, "ww2", "tier.gmv", {"wm1": "theirs"}, AT)
    with store.read() as conn:
        everything = facts(conn, CORP, ["tier.gmv", "points.a"])
        some = facts(conn, CORP, ["tier.gmv"], ["wm1", "wm9"])
        numbers = conn.execute(select(tables.fact.c.number).where(tables.fact.c.name == "points.a")).scalars().all()

    assert {"wm1": {"tier.gmv": "silver", "points.a": 12.5}, "wm2": {"tier.gmv": {"x": [1]}, "points.a": False}} == (
        everything
    )
    assert {"wm1": {"tier.gmv": "silver"}} == some
    assert [0.0, 12.5] == sorted(numbers)

    with store.begin() as conn:
        drop_facts(conn, CORP, "points.a", ["wm1"])
        left = facts(conn, CORP, ["points.a"])
        drop_facts(conn, CORP, "points.a")

        assert {"wm2": {"points.a": False}} == left
        assert {} == facts(conn, CORP, ["points.a"])
        with pytest.raises(UsageError, match="needs a name"):
            set_facts(conn, CORP, "", {"wm1": 1}, AT)


def test_tags_are_found_by_name(store: Store) -> None:
    """A name alone if it is the only one, else with its group; a wrong one is refused by name."""
    tags = [CorpTag("t1", "VIP", "g1", "等级"), CorpTag("t2", "VIP", "g2", "群"), CorpTag("t3", "新客", "g2", "群")]
    with store.begin() as conn:
        put(conn, tables.corp_tag, CORP, tags, 1)
    with store.read() as conn:
        assert {"等级/VIP": "t1", "群/VIP": "t2", "新客": "t3"} == tag_ids(conn, CORP, ["等级/VIP", "群/VIP", "新客"])
        with pytest.raises(UsageError, match="group/name"):
            tag_ids(conn, CORP, ["VIP"])
        with pytest.raises(UsageError, match="'老客'"):
            tag_ids(conn, CORP, ["老客"])


def test_subjects_come_from_the_mirror(store: Store) -> None:
    """Every relation that lasts, with the facts asked for; what is not known is None."""
    _put(store, Follow("a", "wm1"), Follow("a", "wm2"), Follow("b", "wm2"))
    f = tables.follow
    with store.begin() as conn:
        set_facts(conn, CORP, "tier.gmv", {"wm2": "gold"}, AT)
        conn.execute(f.update().where(f.c.staff_userid == "b").values(deleted_by_customer_at=AT))
    subjects = Subjects.mirror(facts=["tier.gmv"])
    with store.read() as conn:
        found = list(subjects.read(conn, CORP, needs=["tier.gmv"]))
        plain = list(Subjects.mirror(staff=["a"]).read(conn, CORP))

    assert [Subject("a", "wm1", {"tier.gmv": None}), Subject("a", "wm2", {"tier.gmv": "gold"})] == found
    assert [Subject("a", "wm1"), Subject("a", "wm2")] == plain
    assert "<Subjects: mirror, customers of all staff, facts tier.gmv>" == repr(subjects)


def test_subjects_come_from_a_query_of_the_host(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Select brings its further columns as facts, in pages; a missing column is refused by name."""
    monkeypatch.setattr("privdom.mirror.subjects._PAGE", 2)
    crm = Table("crm", MetaData(), Column("owner", Text), Column("wx", Text), Column("gmv", Integer))
    with store.begin() as conn:
        crm.create(conn)
        conn.execute(insert(crm), [{"owner": "a", "wx": f"wm{i}", "gmv": i} for i in range(5)])
    query = select(crm.c.owner.label("staff_userid"), crm.c.gmv, crm.c.wx.label("external_userid"))
    subjects = Subjects.select(query.where(crm.c.gmv > 0))
    with store.read() as conn:
        assert [Subject("a", f"wm{i}", {"gmv": i}) for i in range(1, 5)] == list(subjects.read(conn, CORP))
        with pytest.raises(UsageError, match="lacks tier"):
            subjects.read(conn, CORP, needs=["gmv", "tier"])
    with pytest.raises(UsageError, match="the query lacks external_userid"):
        Subjects.select(select(crm.c.owner.label("staff_userid"), crm.c.gmv))


def test_subjects_come_from_a_list(store: Store) -> None:
    """Tuples are frozen when they are given; gaps and repeats are refused by row and name."""
    known = {"gmv": 1}
    subjects = Subjects.rows(iter([("a", "wm1", known), ("a", "wm2", {"gmv": 2})]))
    known["gmv"] = 99
    with store.read() as conn:
        found = list(subjects.read(conn, CORP, ["gmv"]))

    assert [Subject("a", "wm1", {"gmv": 1}), Subject("a", "wm2", {"gmv": 2})] == found
    assert "<Subjects: list of 2, facts gmv>" == repr(subjects)
    with pytest.raises(TypeError):
        found[0].facts["gmv"] = 5  # type: ignore[index]
    with pytest.raises(UsageError, match="row 1 lacks gmv"):
        Subjects.rows([("a", "wm1", {"gmv": 1}), ("a", "wm2", {})])
    with pytest.raises(UsageError, match="row 0 lacks staff_userid"):
        Subjects.rows([("", "wm1", {})])
    with pytest.raises(UsageError, match="1 pairs"):
        Subjects.rows([("a", "wm1", {}), ("a", "wm1", {})])
