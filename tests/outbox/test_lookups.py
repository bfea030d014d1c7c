"""What each kind of call says of itself: its lane, what it can be told by, what it takes back."""

from __future__ import annotations

import json

from datetime import timedelta
from typing import Any

import attrs
import httpx
import pytest

from privdom._port import Port
from privdom.errors import QuotaExceeded, UsageError
from privdom.outbox import BROADCAST, CONTACT_WAY, CORP_TAG, TRANSFER, ItemState, Kind
from privdom.outbox.kind import Candidate, Found, Unclear
from privdom.outbox.verdicts import Done, Item
from privdom.sandbox import Fault
from privdom.store import Store
from privdom.wecom.codes import CreatedContactWay, NewContactWay
from privdom.wecom.messages import ChatType, File, Image, Link, MessageCreated, MiniProgram, NewMessage
from privdom.wecom.tags import AddTagsRequest
from privdom.wecom.transfers import TransferItem, TransferRequest, TransferStarted
from tests.conftest import OnPort
from tests.outbox.corp import Corp, link_message, plan, text_message, transfer, unit


LINK = Link(title="新品", url="https://shop.example/new?from=wecom#top")
PROGRAM = MiniProgram("商城", pic_media_id="m", appid="wx1", page="pages/index")
MESSAGE = NewMessage(text="你好 朋友", sender="Zhang", attachments=[LINK, PROGRAM], external_userid=["wm1", "wm2"])


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"text": "你好   朋友 "}, True),
        ({"sender": "zhang"}, True),
        ({"external_userid": ("wm3",)}, True),
        ({"text": "你好 朋友们"}, False),
        ({"text": "你好朋友"}, False),
        ({"sender": "li"}, False),
        ({"attachments": (LINK,)}, False),
        ({"attachments": (PROGRAM, LINK)}, False),
        ({"attachments": (attrs.evolve(LINK, title="旧品"), PROGRAM)}, False),
        ({"attachments": (attrs.evolve(LINK, url="https://shop.example/"), PROGRAM)}, False),
        ({"attachments": (attrs.evolve(LINK, desc="便宜"), PROGRAM)}, True),
        ({"attachments": (LINK, attrs.evolve(PROGRAM, appid="wx2"))}, False),
        ({"attachments": (LINK, attrs.evolve(PROGRAM, page="pages/other"))}, False),
        ({"attachments": (LINK, attrs.evolve(PROGRAM, pic_media_id="n"))}, True),
        ({"attachments": (LINK, Image("m"))}, False),
        ({"text": None}, False),
        ({"chat_type": ChatType.GROUP, "external_userid": (), "chat_id_list": ("wr1",)}, False),
    ],
)
def test_same_message(change: dict[str, Any], same: bool) -> None:
    """Messages are the same to a look-up if what WeCom gives back of them is: neither media nor recipients count."""
    other = attrs.evolve(MESSAGE, **change)

    assert same == (BROADCAST.fingerprint(MESSAGE) == BROADCAST.fingerprint(other))


def test_same_media() -> None:
    """Of media only the kind comes back, of a message without a text nothing."""
    one, other, file = (
        BROADCAST.fingerprint(NewMessage(sender="zhang", attachments=[attachment], external_userid=["wm1"]))
        for attachment in (Image("m"), Image("n"), File("m"))
    )

    assert one == other
    assert one != file
    assert ["single", "zhang", "", "image"] == json.loads(one)


def test_lanes() -> None:
    """What a look-up could take for each other is never under way at once; ids of staff have no case."""
    tags = AddTagsRequest(["甲"], group_name="等级")

    assert "message:zhang" == BROADCAST.lane(MESSAGE)
    assert "transfer:zhang:li" == TRANSFER.lane(TransferRequest("Zhang", "LI", ["wm1"]))
    assert "corp_tag:等级" == CORP_TAG.lane(tags)
    assert "corp_tag:g1" == CORP_TAG.lane(AddTagsRequest(["甲"], group_id="g1"))
    assert CONTACT_WAY.lane(NewContactWay(type=1, user=["zhang"])) is None


def test_same_transfer() -> None:
    """Transfers are the same if pair and customers are, in whatever order; making tags, if group and names are."""
    one = TransferRequest("zhang", "li", ["wm1", "wm2"])
    tags = AddTagsRequest(["甲", "乙"], group_name="等级")

    assert TRANSFER.fingerprint(one) == TRANSFER.fingerprint(TransferRequest("ZHANG", "li", ["wm2", "wm1"]))
    assert TRANSFER.fingerprint(one) != TRANSFER.fingerprint(TransferRequest("zhang", "li", ["wm1"]))
    assert TRANSFER.fingerprint(one) != TRANSFER.fingerprint(TransferRequest("zhang", "wang", ["wm1", "wm2"]))
    assert CORP_TAG.fingerprint(tags) == CORP_TAG.fingerprint(AddTagsRequest(["乙", "甲"], group_name="等级"))
    assert CORP_TAG.fingerprint(tags) != CORP_TAG.fingerprint(AddTagsRequest(["甲"], group_name="等级"))
    assert CORP_TAG.fingerprint(tags) != CORP_TAG.fingerprint(AddTagsRequest(["甲", "乙"], group_name="别的"))


def test_same_way() -> None:
    """Contact ways are the same if all that was asked for is."""
    way = NewContactWay(type=1, user=["zhang"], remark="海报")

    assert CONTACT_WAY.fingerprint(way) == CONTACT_WAY.fingerprint(attrs.evolve(way))
    assert CONTACT_WAY.fingerprint(way) != CONTACT_WAY.fingerprint(attrs.evolve(way, user=["li"]))


def test_answers() -> None:
    """WeCom's answer is kept as it came, its id apart, and whom it left out by name."""
    made = MessageCreated(msgid="m1", fail_list=("wm2",))
    started = TransferStarted((TransferItem("wm1", 0), TransferItem("wm2", 40096)))
    way = CreatedContactWay("c1", "https://qr")

    done = BROADCAST.read(MESSAGE, made)
    assert ("m1", {"wm2": Item(ItemState.FAILED)}) == (done.remote_id, done.items)
    assert {"msgid": "m1", "fail_list": ["wm2"]} == json.loads(done.answer or "")

    done = TRANSFER.read(TransferRequest("zhang", "li", ["wm1", "wm2"]), started)
    assert (None, {"wm1": Item(ItemState.SENT, 0), "wm2": Item(ItemState.FAILED, 40096)}) == (
        done.remote_id,
        done.items,
    )
    assert [0, 40096] == [item["errcode"] for item in json.loads(done.answer or "")["customer"]]

    done = CONTACT_WAY.read(NewContactWay(type=1, user=["zhang"]), way)
    assert ("c1", {}, {"config_id": "c1", "qr_code": "https://qr"}) == (
        done.remote_id,
        done.items,
        json.loads(done.answer or ""),
    )


@pytest.mark.parametrize(("errcode", "doubts"), [(0, False), (40096, False), (40100, True), (40129, True)])
def test_runs_already(errcode: int, doubts: bool) -> None:
    """That a transfer runs already may be the doing of an earlier call."""
    whichever: Any = None
    said = TRANSFER.doubts(whichever, TransferStarted((TransferItem("wm1", 0), TransferItem("wm2", errcode))))

    assert (
        "a transfer of some customers runs already, perhaps by an earlier call: looked up" if doubts else None
    ) == said


@pytest.mark.parametrize(
    ("url", "marked"),
    [
        ("https://shop.example/new?from=wecom#top", "https://shop.example/new?from=wecom&pd=NONCE#top"),
        ("https://shop.example/new", "https://shop.example/new?pd=NONCE"),
        ("https://shop.example/?" + "x" * (2048 - 31), "https://shop.example/?" + "x" * (2048 - 31) + "&pd=NONCE"),
        ("https://shop.example/?" + "x" * (2048 - 30), "https://shop.example/?" + "x" * (2048 - 30)),
    ],
)
def test_marked_link(url: str, marked: str) -> None:
    """A link is marked in its query, if it has room."""
    request = BROADCAST.mark(attrs.evolve(MESSAGE, attachments=[attrs.evolve(LINK, url=url)]), "NONCE")

    assert (attrs.evolve(LINK, url=marked),) == request.attachments


def test_marked_once() -> None:
    """One mark is enough: the first attachment that can carry it does, and nothing else changes."""
    image = Image("m")
    two = [image, PROGRAM, LINK]

    request = BROADCAST.mark(attrs.evolve(MESSAGE, attachments=two), "NONCE")
    assert (
        attrs.evolve(MESSAGE, attachments=[image, attrs.evolve(PROGRAM, page="pages/index?pd=NONCE"), LINK]) == request
    )
    assert attrs.evolve(MESSAGE, attachments=[image]) == BROADCAST.mark(attrs.evolve(MESSAGE, attachments=[image]), "N")


@pytest.mark.parametrize(("remark", "marked"), [(None, "#NONCE"), ("", "#NONCE"), ("海报", "海报 #NONCE")])
def test_marked_way(remark: str | None, marked: str) -> None:
    """A contact way is marked at the end of its remark."""
    way = NewContactWay(type=1, user=["zhang"], remark=remark)

    assert attrs.evolve(way, remark=marked) == CONTACT_WAY.mark(way, "NONCE")


def test_longest_remark() -> None:
    """A remark may have 18 characters, so that the mark has room."""
    CONTACT_WAY.check(NewContactWay(type=1, user=["zhang"], remark="十" * 18), [])
    with pytest.raises(UsageError, match="at most 18 characters"):
        CONTACT_WAY.check(NewContactWay(type=1, user=["zhang"], remark="十" * 19), [])


SKEW = timedelta(seconds=60)


async def _find(
    corp: Corp, port: Port, store: Store, kind: Kind[Any, Any], request: Any, make: Any, **held: Any
) -> Any:
    """What a look-up finds for a unit of this request once *make* was done, which is told the unit's mark."""
    outbox, wecom = corp.outbox(port, store), corp.wecom(port)
    names = [*getattr(request, "external_userid", ()), *getattr(request, "chat_id_list", ())]
    report = plan(store, outbox, kind, request, subjects=[(name, "x", "") for name in names])
    planned = attrs.evolve(unit(store, outbox, report.unit_id), armed_at=corp.box.clock.now(), **held)
    await make(wecom, planned)
    corp.box.advance(timedelta(minutes=5))
    return await kind.find(wecom, planned, outbox._ctx.request_of(planned), SKEW)


def _candidate(remote_id: str, unseen: list[str], **flags: bool) -> Candidate:
    items = {customer: Item(ItemState.UNSEEN) for customer in unseen}
    return Candidate(Done(remote_id, json.dumps({"msgid": remote_id}, separators=(",", ":")), items), **flags)


@pytest.mark.parametrize(
    ("sender", "first", "count", "text", "unseen"),
    [
        ("zhang", 0, 3, "你好", 0),
        ("ZHANG", 0, 3, "你好", 0),
        ("zhang", 0, 2, "你好", 1),
        ("zhang", 0, 4, "你好", None),
        ("zhang", 5, 2, "你好", None),
        ("zhang", 0, 3, "再见", None),
        ("li", 0, 3, "你好", None),
    ],
)
def test_find_message(
    on_port: OnPort, store: Store, sender: str, first: int, count: int, text: str, unseen: int | None
) -> None:
    """Without a mark a message is known by text and sender, and by having no other recipients."""
    corp = Corp(never_confirm_rate=1.0)
    for customer in corp.customers:
        corp.box.befriend("li", customer)

    async def scenario(port: Port) -> None:
        made: list[str] = []

        async def make(wecom: Any, _: Any) -> None:
            people = corp.customers[first : first + count]
            made.append((await wecom.messages.add(NewMessage(text=text, sender=sender, external_userid=people))).msgid)

        found = await _find(corp, port, store, BROADCAST, text_message(corp), make)
        left = corp.customers[3 - unseen : 3] if unseen else []
        expected = [] if unseen is None else [_candidate(made[0], left, certain=False, whole=not left)]
        assert Found(tuple(expected)) == found

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("gone", [True, False])
def test_find_marked(on_port: OnPort, store: Store, marked: bool, gone: bool) -> None:
    """A message with the mark is surely the unit's, be it cancelled and whoever else gets it; without, it is not."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        made: list[str] = []

        async def make(wecom: Any, held: Any) -> None:
            message = BROADCAST.mark(link_message(corp), held.nonce if marked else "another")
            message = attrs.evolve(message, text="changed", external_userid=corp.customers[1:5])
            made.append((await wecom.messages.add(message)).msgid)
            if gone:
                await wecom.messages.cancel(made[0])

        found = await _find(corp, port, store, BROADCAST, link_message(corp), make)
        left = corp.customers[:3] if gone else corp.customers[:1]
        assert Found((_candidate(made[0], left, certain=True, gone=gone),) if marked else ()) == found

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_find_staffs_own(on_port: OnPort, store: Store) -> None:
    """What staff send to many by themselves is not the unit's, however like it is."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        async def make(wecom: Any, _: Any) -> None:
            corp.box.staff_sends("zhang", "你好", corp.customers[:3])

        assert Found() == await _find(corp, port, store, BROADCAST, text_message(corp), make)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_find_cancelled(on_port: OnPort, store: Store) -> None:
    """A cancelled message without a mark may be the unit's, and nobody has seen it."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        made: list[str] = []

        async def make(wecom: Any, _: Any) -> None:
            made.append((await wecom.messages.add(text_message(corp))).msgid)
            await wecom.messages.cancel(made[0])

        found = await _find(corp, port, store, BROADCAST, text_message(corp), make)
        assert Found((_candidate(made[0], corp.customers[:3], certain=False, gone=True),)) == found

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize("marked", [True, False])
def test_find_groups(on_port: OnPort, store: Store, marked: bool) -> None:
    """A message to groups is known by its mark, or by text and sender: to which groups it goes WeCom does not show."""
    corp = Corp(never_confirm_rate=1.0)
    groups = [corp.box.add_group(owner="zhang") for _ in range(2)]
    attachments = [LINK] if marked else []
    message = NewMessage(
        text="通知", sender="zhang", chat_type=ChatType.GROUP, chat_id_list=groups, attachments=attachments
    )

    async def scenario(port: Port) -> None:
        made: list[str] = []

        async def make(wecom: Any, held: Any) -> None:
            made.append((await wecom.messages.add(BROADCAST.mark(message, held.nonce))).msgid)

        found = await _find(corp, port, store, BROADCAST, message, make)
        assert Found((_candidate(made[0], [], certain=marked),)) == found

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_find_unseen(on_port: OnPort, store: Store) -> None:
    """A message of which WeCom shows no recipient at all is there, and nobody was seen in it."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        made: list[str] = []

        async def make(wecom: Any, held: Any) -> None:
            made.append((await wecom.messages.add(text_message(corp))).msgid)
            send = port.send

            async def empty(request: Any) -> Any:
                if request.url.path.endswith("get_groupmsg_send_result"):
                    return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "send_list": []})
                return await send(request)

            port.send = empty  # type: ignore[method-assign]

        found = await _find(corp, port, store, BROADCAST, text_message(corp), make)
        assert Found((_candidate(made[0], corp.customers[:3], certain=False),)) == found

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize(
    ("tasks", "asked", "sent"),
    [
        ([{"userid": "Zhang", "status": 2}], "Zhang", True),
        ([{"userid": "Zhang", "status": 0}], "Zhang", False),
        # As it was planned, where WeCom does not say how it writes the name.
        ([], "zhang", False),
        ([{"userid": "li", "status": 2}], "zhang", False),
    ],
)
@pytest.mark.parametrize("to", ["seen", "unseen", "groups"])
def test_find_sent(on_port: OnPort, store: Store, tasks: list[dict[str, Any]], asked: str, sent: bool, to: str) -> None:
    """Whether its sender has sent it is known of a message, and who got it is asked for by WeCom's name of the sender."""
    corp = Corp(never_confirm_rate=1.0)
    message = link_message(corp)
    if to == "groups":
        groups = [corp.box.add_group(owner="zhang")]
        message = attrs.evolve(message, chat_type=ChatType.GROUP, external_userid=(), chat_id_list=groups)

    async def scenario(port: Port) -> None:
        names: list[str] = []

        async def make(wecom: Any, held: Any) -> None:
            await wecom.messages.add(BROADCAST.mark(message, held.nonce))
            send = port.send

            async def changed(request: Any) -> Any:
                if request.url.path.endswith("get_groupmsg_task"):
                    return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "task_list": tasks})
                if request.url.path.endswith("get_groupmsg_send_result"):
                    names.append(json.loads(request.content)["userid"])
                    if to == "unseen":
                        return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "send_list": []})
                return await send(request)

            port.send = changed  # type: ignore[method-assign]

        found = await _find(corp, port, store, BROADCAST, message, make)
        assert [sent] == [candidate.sent for candidate in found.candidates]
        assert [asked] == names

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_find_fails(on_port: OnPort, store: Store) -> None:
    """What goes wrong on reading a message that is there is no find and no absence."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        async def make(wecom: Any, _: Any) -> None:
            await wecom.messages.add(text_message(corp))
            corp.box.faults.add(Fault("quota", "get_groupmsg_task"))

        with pytest.raises(QuotaExceeded):
            await _find(corp, port, store, BROADCAST, text_message(corp), make)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_find_transfer(on_port: OnPort, store: Store) -> None:
    """A transfer is found by new records of its pair since right before the call; who has none was not seen."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        async def nothing(wecom: Any, _: Any) -> None:
            pass

        async def some(wecom: Any, _: Any) -> None:
            await wecom.transfers.start("zhang", "li", corp.customers[:2])

        async def another(wecom: Any, _: Any) -> None:
            await wecom.transfers.start("zhang", "li", corp.customers[7:8])

        unknown = await _find(corp, port, store, TRANSFER, transfer(corp), nothing)
        assert Unclear("it is not known what transfers there were before the call") == unknown
        request = attrs.evolve(transfer(corp), external_userid=corp.customers[:4])
        before = await TRANSFER.prepare(corp.wecom(port), request)
        assert {} == json.loads(before)

        async def find(make: Any, prepared: str, occurrence: str) -> Any:
            outbox, wecom = corp.outbox(port, store), corp.wecom(port)
            subjects = [(c, "x", occurrence) for c in request.external_userid]
            report = plan(store, outbox, TRANSFER, request, subjects=subjects)
            held = attrs.evolve(unit(store, outbox, report.unit_id), prepared=prepared)
            await make(wecom, held)
            return await TRANSFER.find(wecom, held, request, SKEW)

        assert Found() == await find(another, before, "1")
        unseen = {customer: Item(ItemState.UNSEEN) for customer in corp.customers[2:4]}
        assert Found((Candidate(Done(None, None, unseen), certain=True),)) == await find(some, before, "2")
        after = await TRANSFER.prepare(corp.wecom(port), request)
        assert dict.fromkeys(corp.customers[:2], 1) == json.loads(after)
        assert Found() == await find(nothing, after, "3")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_find_second_transfer(on_port: OnPort, store: Store) -> None:
    """A customer who was handed over before is found by one record more."""
    corp = Corp(never_confirm_rate=1.0)
    customer = corp.customers[0]
    records = [{"external_userid": customer, "status": status, "takeover_time": status} for status in (3, 2)]

    async def scenario(port: Port) -> None:
        outbox, wecom = corp.outbox(port, store), corp.wecom(port)
        request = transfer(corp, 1)
        planned = unit(store, outbox, plan(store, outbox, TRANSFER, request).unit_id)
        await wecom.token()

        async def twice(_: Any) -> Any:
            return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", "customer": records, "next_cursor": ""})

        port.send = twice  # type: ignore[method-assign]
        for before, found in ((1, True), (2, False)):
            held = attrs.evolve(planned, prepared=json.dumps({customer: before}))
            expected = Found((Candidate(Done(None, None), certain=True),) if found else ())
            assert expected == await TRANSFER.find(wecom, held, request, SKEW)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_find_way(on_port: OnPort, store: Store) -> None:
    """A contact way is found by the mark at the end of its remark, in the window of the call."""
    corp = Corp(never_confirm_rate=1.0)
    way = NewContactWay(type=1, user=["zhang"], remark="海报")

    async def scenario(port: Port) -> None:
        made: list[CreatedContactWay] = []

        async def make(wecom: Any, held: Any) -> None:
            made.append(await wecom.codes.add(attrs.evolve(way, remark=f"变了 #{held.nonce}")))
            await wecom.codes.add(attrs.evolve(way, remark=f"#{held.nonce} 变了"))
            await wecom.codes.add(way)

        found = await _find(corp, port, store, CONTACT_WAY, way, make)
        answer = json.dumps({"config_id": made[0].config_id, "qr_code": made[0].qr_code}, separators=(",", ":"))
        assert Found((Candidate(Done(made[0].config_id, answer), certain=True),)) == found

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


@pytest.mark.parametrize("errcode", [41044, 45009])
def test_way_gone(on_port: OnPort, store: Store, errcode: int) -> None:
    """A way that is deleted between the list and its reading is no way; another trouble is told."""
    corp = Corp(never_confirm_rate=1.0)
    way = NewContactWay(type=1, user=["zhang"])

    async def scenario(port: Port) -> None:
        send = port.send
        made: list[str] = []

        async def make(wecom: Any, held: Any) -> None:
            for _ in range(2):
                await wecom.codes.add(attrs.evolve(way, remark=f"#{held.nonce}"))
            made.extend([config_id async for config_id in wecom.codes.each()])

            async def gone(request: Any) -> Any:
                if request.url.path.endswith("get_contact_way") and made[0] in request.content.decode():
                    return httpx.Response(200, json={"errcode": errcode, "errmsg": "gone"})
                return await send(request)

            port.send = gone  # type: ignore[method-assign]

        if errcode == 41044:
            found = await _find(corp, port, store, CONTACT_WAY, way, make)
            assert [made[1]] == [candidate.done.remote_id for candidate in found.candidates]
        else:
            with pytest.raises(QuotaExceeded):
                await _find(corp, port, store, CONTACT_WAY, way, make)

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_temporary(on_port: OnPort, store: Store) -> None:
    """A temporary way cannot be looked up, and the reason says so."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        async def nothing(wecom: Any, _: Any) -> None:
            pass

        way = NewContactWay(type=1, user=["zhang"], is_temp=True)
        found = await _find(corp, port, store, CONTACT_WAY, way, nothing)
        assert Unclear("WeCom lists no temporary contact ways") == found

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)


def test_window(on_port: OnPort, store: Store) -> None:
    """A look-up reaches as far beyond the call, on both sides, as the clocks may differ."""
    corp = Corp(never_confirm_rate=1.0)
    way = NewContactWay(type=1, user=["zhang"], remark="海报")

    async def scenario(port: Port, early: timedelta) -> tuple[int, int]:
        counts: list[int] = []
        for kind, request in ((CONTACT_WAY, way), (BROADCAST, link_message(corp))):
            outbox, wecom = corp.outbox(port, store), corp.wecom(port)
            names = [(name, f"{early}", "") for name in getattr(request, "external_userid", ())]
            held = unit(store, outbox, plan(store, outbox, kind, request, subjects=names).unit_id)
            marked = kind.mark(request, held.nonce)
            await (wecom.codes if kind is CONTACT_WAY else wecom.messages).add(marked)
            held = attrs.evolve(held, armed_at=corp.box.clock.now() + early)
            found = await kind.find(wecom, held, marked, SKEW)
            counts.append(len(found.candidates))
        return counts[0], counts[1]

    def count(early: timedelta) -> tuple[int, int]:
        return on_port(lambda port: scenario(port, early), transport=corp.box.transport, clock=corp.box.clock)

    assert (1, 1) == count(SKEW - timedelta(seconds=1))
    assert (0, 0) == count(SKEW + timedelta(seconds=2))


def test_undo(on_port: OnPort, store: Store) -> None:
    """A message is taken back, also where somebody did it before; another trouble is told."""
    corp = Corp(never_confirm_rate=1.0)

    async def scenario(port: Port) -> None:
        wecom = corp.wecom(port)
        msgid = (await wecom.messages.add(text_message(corp))).msgid
        corp.box.faults.add(Fault("quota", "cancel_groupmsg_send"))
        with pytest.raises(QuotaExceeded):
            await BROADCAST.undo(wecom, msgid)
        assert 1 == len(corp.messages())
        assert await BROADCAST.undo(wecom, msgid)
        assert await BROADCAST.undo(wecom, msgid)
        assert not await CONTACT_WAY.undo(wecom, "way")

    on_port(scenario, transport=corp.box.transport, clock=corp.box.clock)
    assert [] == corp.messages()
