"""Codes are made once, have the right staff behind them, and cost WeCom no call without a reason."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from privdom.errors import UsageError
from privdom.events import EventLog, UnitSettled
from privdom.livecodes import ChannelCode, Creation, LiveCodes, RefreshReport, Shift
from privdom.outbox import Outbox, UnitState
from privdom.sandbox import Fault, Sandbox
from privdom.store import Store
from privdom.wecom.client import WeCom
from privdom.wecom.messages import Image, Link
from tests.livecodes.conftest import Play
from tests.livecodes.corp import UPDATE, Corp


ADD = "/cgi-bin/externalcontact/add_contact_way"
METRO = ChannelCode("metro", "地铁海报", ("ann", "bob"))


def test_a_code_is_made_once_with_its_staff_and_state(play: Play) -> None:
    """WeCom has one contact way of that state; creating the same again makes no second."""

    async def scenario(corp: Corp) -> None:
        await corp.codes.create(METRO)
        assert (await corp.codes.get("metro")).creation is Creation.PENDING
        await corp.codes.create(METRO)
        await corp.drain()
        await corp.codes.refresh()
        await corp.codes.create(METRO)
        await corp.drain()
        status = await corp.codes.get("metro")
        way = await corp.wecom.codes.get(status.config_id)

        assert corp.calls(ADD) == 1
        assert corp.calls(UPDATE) == 0
        assert (status.creation, status.staff, status.problem) == (Creation.LIVE, ("ann", "bob"), None)
        assert status.qr_code == way.qr_code
        assert (way.state, way.user, way.skip_verify) == ("metro", ("ann", "bob"), True)
        assert way.remark.startswith("地铁海报")

    play(scenario)


def test_a_code_whose_answer_was_lost_is_found_and_not_made_again(play: Play) -> None:
    """The outbox looks it up by its mark; the printed code is the one WeCom made first."""

    async def scenario(corp: Corp) -> None:
        corp.sandbox.faults.add(Fault("lost_response", ADD))
        await corp.codes.create(METRO)
        await corp.drain()
        await corp.codes.refresh()
        assert (await corp.codes.get("metro")).config_id == ""
        corp.advance(hours=1)
        await corp.drain()
        await corp.codes.refresh()

        assert corp.calls(ADD) == 1
        assert await corp.behind((await corp.codes.get("metro")).config_id) == ("ann", "bob")

    play(scenario)


def test_a_refused_code_says_why_and_may_be_created_again(play: Play) -> None:
    """A stranger among the staff is refused by WeCom; corrected under the same id it is made."""

    async def scenario(corp: Corp) -> None:
        await corp.codes.create(ChannelCode("metro", "地铁海报", ("nobody",)))
        await corp.drain()
        await corp.codes.refresh()
        status = await corp.codes.get("metro")
        assert status.creation is Creation.REFUSED
        assert status.problem

        assert await corp.live(METRO)
        assert (await corp.codes.get("metro")).problem is None

    play(scenario)


def test_another_definition_under_a_known_id_is_refused(play: Play) -> None:
    """Only change() changes a code, and only one that is there."""

    async def scenario(corp: Corp) -> None:
        await corp.codes.create(METRO)
        with pytest.raises(UsageError, match="differs"):
            await corp.codes.create(ChannelCode("metro", "地铁海报", ("cat",)))
        with pytest.raises(UsageError, match="create it first"):
            await corp.codes.change(ChannelCode("bus", "公交", ("cat",)))
        with pytest.raises(UsageError, match="there is no code 'bus'"):
            await corp.codes.get("bus")
        with pytest.raises(UsageError, match="0 tags are called"):
            await corp.codes.create(ChannelCode("bus", "公交", ("cat",), tags=("新客",)))

    play(scenario)


def test_only_differences_are_pushed(play: Play) -> None:
    """A refresh without a change calls WeCom no more; a change is one call for the code it concerns."""

    async def scenario(corp: Corp) -> None:
        metro = await corp.live(METRO)
        bus = await corp.live(ChannelCode("bus", "公交", ("cat",)))
        assert await corp.push() == RefreshReport()
        assert await corp.codes.next_at() is None

        await corp.codes.change(ChannelCode("metro", "地铁海报", ("ann", "dan"), auto_accept=False))
        assert await corp.push() == RefreshReport(pushed=("metro",))
        assert await corp.behind(metro) == ("ann", "dan")
        assert (await corp.wecom.codes.get(metro)).skip_verify is False
        assert await corp.behind(bus) == ("cat",)

        await corp.codes.change(ChannelCode("metro", "地铁", ("ann", "dan"), auto_accept=False, welcome="你好"))
        assert await corp.push() == RefreshReport(unchanged=("metro",))
        assert corp.calls(UPDATE) == 1

    play(scenario)


def test_shifts_change_at_the_booked_moment(play: Play) -> None:
    """next_at books the boundary; a refresh there swaps the staff, and none before does anything."""

    async def scenario(corp: Corp) -> None:
        day, night = Shift(time(9), time(18, 30), staff=("ann",)), Shift(time(18, 30), time(9), staff=("bob",))
        config_id = await corp.live(ChannelCode("metro", "地铁海报", ("ann", "bob"), shifts=(day, night)))
        assert await corp.behind(config_id) == ("ann",)
        evening = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
        assert await corp.codes.next_at() == evening

        corp.sandbox.advance_to(evening - timedelta(seconds=1))
        assert await corp.push() == RefreshReport()
        corp.advance(seconds=1)
        assert await corp.push() == RefreshReport(pushed=("metro",))
        assert await corp.behind(config_id) == ("bob",)
        assert await corp.codes.next_at() == datetime(2026, 3, 3, 1, 0, tzinfo=UTC)

    play(scenario)


def test_staff_who_are_switched_off_leave_all_codes(play: Play) -> None:
    """One switch empties every place of a staff; when nobody is left the backup comes, and all return."""

    async def scenario(corp: Corp) -> None:
        one = await corp.live(METRO)
        two = await corp.live(ChannelCode("bus", "公交", ("bob",), backup_staff=("cat",)))
        await corp.codes.switch_off("bob")
        assert await corp.push() == RefreshReport(pushed=("bus", "metro"))
        assert (await corp.behind(one), await corp.behind(two)) == (("ann",), ("cat",))
        await corp.codes.switch_on("bob")
        await corp.push()
        assert (await corp.behind(one), await corp.behind(two)) == (("ann", "bob"), ("bob",))

    play(scenario)


def test_an_empty_set_is_never_pushed(play: Play) -> None:
    """When nobody may take customers the last staff stay, and the status says so until somebody can."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(METRO)
        await corp.codes.switch_off("ann", "bob")
        assert await corp.push() == RefreshReport(kept=("metro",))
        assert corp.calls(UPDATE) == 0
        assert "nobody may take customers" in str((await corp.codes.get("metro")).problem)
        await corp.codes.switch_on("bob")
        await corp.push()
        assert (await corp.codes.get("metro")).problem is None
        assert await corp.behind(config_id) == ("bob",)

    play(scenario)


def test_a_code_made_off_duty_begins_with_its_own_staff(play: Play) -> None:
    """A new code needs somebody: before its first shift it has its staff, and the next look keeps them."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(ChannelCode("metro", "地铁海报", ("ann",), shifts=(Shift(time(20), time(21)),)))

        assert await corp.behind(config_id) == ("ann",)
        assert "nobody may take customers" in str((await corp.codes.get("metro")).problem)

    play(scenario)


def test_a_code_that_fails_holds_up_no_other_and_is_tried_again(play: Play) -> None:
    """A refusal is kept as the problem and repeated later and later, until it is mended."""

    async def scenario(corp: Corp) -> None:
        metro, bus = await corp.live(METRO), await corp.live(ChannelCode("bus", "公交", ("ann",)))
        await corp.codes.change(ChannelCode("bus", "公交", ("nobody",)))
        await corp.codes.change(ChannelCode("metro", "地铁海报", ("cat",)))
        report = await corp.push()
        assert (report.pushed, report.failed) == (("bus", "metro"), ("bus",))
        status = await corp.codes.get("bus")
        assert (status.staff, await corp.behind(bus)) == (None, ("ann",))
        assert status.problem
        assert await corp.behind(metro) == ("cat",)

        assert await corp.push() == RefreshReport()
        corp.advance(seconds=10)
        assert await corp.push() == RefreshReport(pushed=("bus",), failed=("bus",))
        corp.advance(seconds=10)
        assert await corp.push() == RefreshReport()
        await corp.codes.change(ChannelCode("bus", "公交", ("dan",)))
        assert await corp.push() == RefreshReport(pushed=("bus",))
        assert (await corp.codes.get("bus")).problem is None

    play(scenario)


def test_a_push_without_an_answer_is_made_again_before_any_other(play: Play) -> None:
    """What WeCom has is unknown after a lost answer, so the old staff are pushed rather than believed, in their turn."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(METRO)
        corp.sandbox.faults.add(Fault("lost_response", UPDATE))
        await corp.codes.switch_off("bob")
        assert await corp.push() == RefreshReport(pushed=("metro",))
        assert (await corp.codes.get("metro")).staff is None
        assert await corp.behind(config_id) == ("ann",)
        await corp.codes.switch_on("bob")
        assert await corp.push() == RefreshReport(pushed=("metro",))
        assert await corp.behind(config_id) == ("ann",)
        corp.advance(minutes=2)
        await corp.drain()
        corp.advance(minutes=1)
        await corp.push()
        assert await corp.behind(config_id) == ("ann", "bob")
        assert (await corp.codes.get("metro")).staff == ("ann", "bob")
        assert corp.calls(UPDATE) == 3

    play(scenario)


def test_a_lost_push_never_lands_after_a_newer_one(play_on_databases: Play) -> None:
    """However late WeCom carries a lost push out, the printed code has the right staff in the end."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(METRO)
        corp.sandbox.faults.add(Fault("late_acceptance", UPDATE, delay=60))
        await corp.codes.switch_off("bob")
        await corp.push()
        await corp.codes.switch_on("bob")
        await corp.codes.switch_off("ann")
        for _ in range(6):
            await corp.push()
            corp.advance(minutes=1)

        assert await corp.behind(config_id) == ("bob",)
        assert (await corp.codes.get("metro")).staff == ("bob",)
        assert await corp.codes.next_at() is None

    play_on_databases(scenario)


def test_a_push_that_waits_is_not_planned_again(play: Play) -> None:
    """While the outbox has not told WeCom yet, a refresh adds nothing, unless the answer has changed."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(METRO)
        await corp.codes.switch_off("bob")
        assert await corp.codes.refresh() == RefreshReport(pushed=("metro",))
        await corp.codes.switch_off("cat")
        assert await corp.codes.refresh() == RefreshReport(waiting=("metro",))
        assert await corp.codes.next_at() == corp.now() + timedelta(minutes=5)
        await corp.codes.switch_on("bob")
        assert await corp.codes.refresh() == RefreshReport(pushed=("metro",))
        await corp.push()
        assert await corp.behind(config_id) == ("ann", "bob")
        assert corp.calls(UPDATE) == 2

    play(scenario)


def test_a_shift_that_ends_while_a_push_waits(play: Play) -> None:
    """The next moment of the code stays booked."""

    async def scenario(corp: Corp) -> None:
        early, late = Shift(time(9), time(9, 2), staff=("ann", "bob")), Shift(time(9, 2), time(9), staff=("cat",))
        await corp.live(ChannelCode("metro", "地铁海报", ("ann", "bob", "cat"), shifts=(early, late)))
        await corp.codes.switch_off("bob")
        await corp.codes.refresh()

        assert await corp.codes.next_at() == corp.now() + timedelta(minutes=2)

    play(scenario)


def test_a_push_that_somebody_gave_up_is_planned_anew(play: Play) -> None:
    """What is dropped in the outbox leaves the code without its staff, so the next refresh plans again."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(METRO)
        await corp.codes.switch_off("bob")
        await corp.codes.refresh()
        with corp.store.begin() as conn:
            (planned,) = corp.outbox.units(conn, owner="livecodes:metro", states=[UnitState.READY])
            assert corp.outbox.drop(conn, planned.id)
        assert await corp.push() == RefreshReport(pushed=("metro",))
        assert await corp.behind(config_id) == ("ann",)

    play(scenario)


def test_a_refusal_does_not_delay_a_change_that_came_meanwhile(play: Play) -> None:
    """A code that was corrected before its refusal was heard of is pushed at once, not after the wait of the refusal."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(METRO)
        await corp.codes.change(ChannelCode("metro", "地铁海报", ("nobody",)))
        await corp.codes.refresh()
        await corp.drain()
        await corp.codes.change(ChannelCode("metro", "地铁海报", ("dan",)))
        assert await corp.codes.refresh() == RefreshReport(pushed=("metro",), failed=("metro",))
        await corp.push()
        assert await corp.behind(config_id) == ("dan",)
        assert (await corp.codes.get("metro")).problem is None

    play(scenario)


def test_a_change_during_a_push_is_not_forgotten(play: Play) -> None:
    """When the code changes while WeCom is being told, the next refresh tells the rest."""

    async def scenario(corp: Corp) -> None:
        config_id = await corp.live(METRO)
        await corp.codes.switch_off("bob")
        assert await corp.codes.refresh() == RefreshReport(pushed=("metro",))
        await corp.codes.switch_off("ann")
        await corp.codes.switch_on("bob")
        await corp.drain()
        assert await corp.push() == RefreshReport(pushed=("metro",))
        assert await corp.behind(config_id) == ("bob",)

    play(scenario)


def test_a_whole_definition_survives_the_database(play: Play) -> None:
    """Shifts, zones, attachments and all come back equal."""

    async def scenario(corp: Corp) -> None:
        corp.sandbox.admin_adds_tags("渠道", ["地铁"])
        await corp.mirror.sync()
        whole = ChannelCode(
            "metro",
            "地铁海报",
            ("ann", "bob"),
            backup_staff=("cat",),
            daily_add_cap=50,
            shifts=(Shift(time(22), time(6, 30), weekdays=[4, 5], staff=("bob",)), Shift(time(9), time(18))),
            tags=("地铁",),
            welcome="你好 {name}",
            attachments=(Link("单页", "https://example.com/"), Image(pic_url="https://example.com/a.png")),
            auto_accept=False,
            zone=ZoneInfo("Europe/Berlin"),
        )
        await corp.codes.create(whole)
        await corp.codes.create(ChannelCode("bus", "公交", ("ann",)))

        assert (await corp.codes.get("metro")).code == whole
        assert [status.code.id for status in await corp.codes.codes()] == ["bus", "metro"]

    play(scenario)


def test_the_blocking_twin_works_the_same(sandbox: Sandbox, store: Store) -> None:
    """Plain calls, in the caller's thread."""
    wecom = WeCom(sandbox.corp_id, sandbox.secret, transport=sandbox.transport, clock=sandbox.clock)
    outbox = Outbox(wecom, store)
    codes = LiveCodes(wecom, store, outbox)
    codes.create(METRO)
    outbox.drain()

    with store.begin() as conn:
        EventLog.append(conn, sandbox.corp_id, UnitSettled("u", "sop:j1", "confirmed"))

    assert codes.settle() == 2
    assert codes.get("metro").creation is Creation.LIVE
    assert [handler.name for handler in codes.handlers] == ["livecodes.welcome", "livecodes.scan"]
    assert [repr(handler) for handler in codes.handlers] == [f"<WelcomeHandler of {sandbox.corp_id}>", "<CodeHandler>"]
    assert repr(codes) == f"<LiveCodes of {sandbox.corp_id}>"
