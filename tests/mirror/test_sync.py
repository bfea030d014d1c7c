"""A full sync makes the mirror equal to the corp, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from shutil import copy

import pytest

from attrs import evolve
from sqlalchemy import Connection, select

from privdom._port import BlockingPort, Port, run
from privdom.errors import BadRequest, CursorLoop, Refused, UsageError
from privdom.mirror import Changes, Mirror, SyncReport, journal, tables
from privdom.sandbox import Sandbox
from privdom.store import Store
from privdom.wecom.client import WeCom
from tests.conftest import OnPort
from tests.mirror.corp import Door, dump, mirror, mirrored, shake, small_corp, told, truth


class Killed(BaseException):
    """The process dies: nothing catches it."""


class MortalStore(Store):
    """Dies in the n-th write transaction, before or after its commit."""

    def __init__(self, store: Store, dies_at: int, *, committed: bool) -> None:
        self.__dict__.update(store.__dict__)
        self.count = 0
        self.dies_at = dies_at
        self.committed = committed

    @contextmanager
    def begin(self) -> Generator[Connection, None, None]:
        self.count += 1
        with super().begin() as conn:
            yield conn
            if self.count == self.dies_at and not self.committed:
                raise Killed
        if self.count == self.dies_at:
            raise Killed


def is_complete(store: Store, generation: int) -> bool:
    with store.read() as conn:
        row = conn.execute(select(tables.sync.c.generation, tables.sync.c.stage)).one()
    return tuple(row) == (generation, "done")


def without_nul(told: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    names = {one: str(name).replace("\0", "") for one, name in told["customers"].items()}
    follows = {
        pair: tuple(part.replace("\0", "") if isinstance(part, str) else part for part in follow)  # type: ignore[attr-defined]
        for pair, follow in told["follows"].items()
    }
    return {**told, "customers": dict(names), "follows": dict(follows)}


def test_a_sync_makes_the_mirror_equal_to_the_corp(on_port: OnPort, store: Store) -> None:
    """The first sync reads all of it, tells the log of nothing, and counts what it read."""
    box = small_corp()

    async def scenario(port: Port) -> SyncReport:
        return await mirror(box, port, store).sync()

    report = on_port(scenario, transport=box.transport, clock=box.clock)

    assert truth(box) == mirrored(store, box.corp_id)
    assert Changes(added=3) == report.staff
    assert Changes(added=230) == report.customers
    assert Changes(added=len(truth(box)["follows"])) == report.follows
    assert Changes(added=3) == report.groups
    assert "<SyncReport 1: staff +3 ~0 -0, tags +13 ~0 -0, customers +230 ~0 -0" in repr(report)
    assert [] == told(store, box.corp_id)


def test_the_next_sync_follows_the_changes(on_port: OnPort, store: Store) -> None:
    """Another sync ends equal again, counts the differences, and tells the log of each relation once."""
    box = small_corp()

    async def scenario(port: Port) -> tuple[SyncReport, SyncReport]:
        await mirror(box, port, store).sync()
        shake(box)
        box.clock.move(box.clock.now() + timedelta(hours=1))
        return await mirror(box, port, store).sync(), await mirror(box, port, store).sync()

    before = set(truth(box)["follows"])
    second, third = on_port(scenario, transport=box.transport, clock=box.clock)
    after = {pair for pair in truth(box)["follows"] if pair[0] in truth(box)["staff"]}
    wanted = without_nul(truth(box))
    wanted["follows"] = {pair: follow for pair, follow in wanted["follows"].items() if pair in after}
    held = mirrored(store, box.corp_id)

    assert wanted["follows"] == held["follows"]
    assert wanted["tags"] == held["tags"]
    assert wanted["staff"] == held["staff"]
    assert {one for _, one in after} == set(held["customers"])
    assert len(after - before) == second.follows.added
    assert len(before - after) == second.follows.removed
    assert second.follows.changed > 0
    assert Changes(removed=1) == second.staff
    assert {("+", *pair) for pair in after - before} | {("-sync", *pair) for pair in before - after} == set(
        told(store, box.corp_id)
    )
    assert (Changes(),) * 5 == (third.staff, third.tags, third.customers, third.follows, third.groups)


def test_progress_is_told_by_plain_and_async_callbacks(on_port: OnPort, store: Store) -> None:
    """Each stage reports how far it is."""
    box = small_corp()
    plain: list[tuple[str, int, int | None]] = []
    awaited: list[tuple[str, int, int | None]] = []

    async def tell(stage: str, done: int, total: int | None) -> None:
        awaited.append((stage, done, total))

    async def scenario(port: Port) -> None:
        await mirror(box, port, store).sync(lambda *told: plain.append(told))
        await mirror(box, port, store).sync(tell)

    on_port(scenario, transport=box.transport, clock=box.clock)

    assert plain == awaited
    assert ("staff", 3, 3) in plain
    assert ("customers", len(truth(box)["follows"]), None) in plain
    assert ["staff", "tags", "customers", "groups", "sweep"] == list(dict.fromkeys(stage for stage, _, _ in plain))


@pytest.mark.parametrize("committed", [False, True])
def test_a_kill_at_any_transaction_changes_nothing(
    committed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that dies before or after any of its commits ends, once called again, as one that never died."""
    monkeypatch.setattr(journal, "PART", 2)
    box = small_corp(customers=110, groups=2)
    port = BlockingPort(transport=box.transport, clock=box.clock)
    with Store(f"sqlite:///{tmp_path}/first.db") as store:
        run(mirror(box, port, store).sync())
    shake(box)
    box.clock.move(box.clock.now() + timedelta(hours=1))
    expected = None
    for dies_at in count():
        copy(tmp_path / "first.db", tmp_path / "copy.db")
        with Store(f"sqlite:///{tmp_path}/copy.db") as store:
            mortal = MortalStore(store, dies_at, committed=committed)
            try:
                run(mirror(box, port, mortal).sync())
            except Killed:
                if not is_complete(store, 2):
                    run(mirror(box, port, store).sync())
            found = dump(store)
        expected = expected or found

        assert expected == found
        if mortal.count < dies_at:
            break

    assert dies_at > 12


def test_a_sync_that_dies_again_and_again_gets_there(on_port: OnPort, store: Store) -> None:
    """Each run goes on where the one before was killed, even if none of them gets far."""
    box = small_corp()

    async def scenario(port: Port) -> int:
        for deaths in count(1):
            with pytest.raises(Killed):
                await mirror(box, port, MortalStore(store, 4, committed=True)).sync()
            if is_complete(store, 1):
                return deaths
        raise AssertionError

    deaths = on_port(scenario, transport=box.transport, clock=box.clock)

    assert deaths > 3
    assert truth(box) == mirrored(store, box.corp_id)


def test_several_processes_share_one_sync(on_port: OnPort, store: Store) -> None:
    """Of two syncs of one corp that run in turns, neither undoes the other's pages."""
    box = small_corp()

    async def scenario(port: Port) -> None:
        other = mirror(box, port, store)

        async def meanwhile(stage: str, done: int, total: int | None) -> None:
            if (stage, done) in {("staff", 3), ("customers", 100)}:
                await other.sync()

        await mirror(box, port, store).sync(meanwhile)

    on_port(scenario, transport=box.transport, clock=box.clock)

    assert truth(box) == mirrored(store, box.corp_id)


def test_syncs_at_the_same_time_write_each_page_once(store: Store) -> None:
    """Workers that sync one corp at once share its pages, and none is counted twice."""
    box = small_corp(staff=7, customers=300)
    port = BlockingPort(transport=box.transport, clock=box.clock)
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: run(mirror(box, port, store).sync()), range(3)))

    assert truth(box) == mirrored(store, box.corp_id)
    assert 300 >= max(report.customers.added for report in reports)


def test_what_the_app_may_not_read_is_left_as_it_is(on_port: OnPort, store: Store) -> None:
    """Without the right to tags or groups the rest is read, the report says so, and nothing of them is removed."""
    box = small_corp()
    door = Door(box)

    async def scenario(port: Port) -> SyncReport:
        await mirror(box, port, store).sync()
        door.refuse("externalcontact/get_corp_tag_list", 48002)
        door.refuse("externalcontact/groupchat/list", 48002)
        return await mirror(box, port, store).sync()

    report = on_port(scenario, transport=door, clock=box.clock)

    assert repr(evolve(report, left_out=dict.fromkeys("abcde", ""))).endswith("left out: a, b, c and 2 more>")
    assert {"tags", "groups"} == set(report.left_out)
    assert repr(report).endswith(", left out: groups, tags>")
    assert truth(box) == mirrored(store, box.corp_id)


def test_one_staff_who_left_does_not_stop_the_rest(on_port: OnPort, store: Store) -> None:
    """WeCom refuses a whole list for one userid; that one is found and left out, and nothing of theirs is removed."""
    box = small_corp()
    door = Door(box)
    someone = sorted(truth(box)["staff"])[1]

    async def scenario(port: Port) -> SyncReport:
        await mirror(box, port, store).sync()
        door.refuse("externalcontact/batch/get_by_user", 40003, lambda request: someone in request["userid_list"])
        door.refuse(
            "externalcontact/groupchat/list", 60111, lambda request: someone in request["owner_filter"]["userid_list"]
        )
        door.refuse("user/get", 60111, lambda request: request["userid"] == someone)
        return await mirror(box, port, store).sync()

    report = on_port(scenario, transport=door, clock=box.clock)
    held, wanted = mirrored(store, box.corp_id), truth(box)

    assert {f"customers of {someone}", f"groups of {someone}"} == set(report.left_out)
    assert "" == held["staff"].pop(someone)
    wanted["staff"].pop(someone)
    assert wanted == held


def test_staff_without_a_licence_keep_their_customers(on_port: OnPort, store: Store) -> None:
    """Where WeCom names staff whose customers it leaves out, the mirror keeps what it has of them."""
    box = small_corp(staff=1)
    door = Door(box)
    someone = next(iter(truth(box)["staff"]))

    async def scenario(port: Port) -> SyncReport:
        await mirror(box, port, store).sync()
        unlicensed = {"fail_info": {"unlicensed_userid_list": [someone]}, "next_cursor": ""}
        door.rules["externalcontact/batch/get_by_user"] = lambda request: unlicensed
        return await mirror(box, port, store).sync()

    report = on_port(scenario, transport=door, clock=box.clock)

    assert {f"customers of {someone}": "no licence for this app"} == report.left_out
    assert truth(box) == mirrored(store, box.corp_id)


@pytest.mark.parametrize(
    "path",
    [
        "user/get",
        "externalcontact/batch/get_by_user",
        "externalcontact/groupchat/list",
        "externalcontact/groupchat/get",
    ],
)
def test_other_refusals_end_the_run(on_port: OnPort, store: Store, path: str) -> None:
    """What is not about one of the staff is raised; once it is mended, the next call goes on."""
    box = small_corp()
    door = Door(box)

    async def scenario(port: Port) -> None:
        door.refuse(path, 40035)
        with pytest.raises(Refused):
            await mirror(box, port, store).sync()
        del door.rules[path]
        await mirror(box, port, store).sync()

    on_port(scenario, transport=door, clock=box.clock)

    assert truth(box) == mirrored(store, box.corp_id)


def test_an_expired_cursor_starts_its_part_again(on_port: OnPort, store: Store) -> None:
    """A run that takes up an old cursor which WeCom no longer knows reads that part from its first page."""
    box = small_corp()
    door = Door(box)

    async def scenario(port: Port) -> None:
        door.refuse("externalcontact/batch/get_by_user", 40035, lambda request: bool(request.get("cursor")))
        with pytest.raises(BadRequest):
            await mirror(box, port, store).sync()
        once = iter([True])
        door.refuse("externalcontact/batch/get_by_user", 50100, lambda _: next(once, False))
        await mirror(box, port, store).sync()

    on_port(scenario, transport=door, clock=box.clock)

    assert truth(box) == mirrored(store, box.corp_id)


def test_a_cursor_that_never_works_is_raised(on_port: OnPort, store: Store) -> None:
    """A part starts again only once in a run."""
    box = small_corp()
    door = Door(box)
    door.refuse("externalcontact/batch/get_by_user", 50100, lambda request: bool(request.get("cursor")))

    async def scenario(port: Port) -> None:
        await mirror(box, port, store).sync()

    with pytest.raises(BadRequest):
        on_port(scenario, transport=door, clock=box.clock)


def test_cursors_that_go_in_a_circle_are_refused(on_port: OnPort, store: Store) -> None:
    """The sync ends with an error instead of never."""
    box = small_corp()
    door = Door(box)
    door.rules["externalcontact/batch/get_by_user"] = lambda _: {"external_contact_list": [], "next_cursor": "again"}

    async def scenario(port: Port) -> None:
        await mirror(box, port, store).sync()

    with pytest.raises(CursorLoop, match="call sync"):
        on_port(scenario, transport=door, clock=box.clock)


def test_groups_that_end_or_move_during_the_sync(on_port: OnPort, store: Store) -> None:
    """A group dissolved since it was listed is gone; one that is being inherited stays as it was known."""
    box = small_corp()
    door = Door(box)
    ended, moving, _ = sorted(truth(box)["groups"])
    codes = {ended: 49008, moving: 90507}

    async def scenario(port: Port) -> SyncReport:
        await mirror(box, port, store).sync()
        door.rules["externalcontact/groupchat/get"] = lambda request: (
            {"errcode": codes[request["chat_id"]]} if request["chat_id"] in codes else None
        )
        return await mirror(box, port, store).sync()

    report = on_port(scenario, transport=door, clock=box.clock)
    wanted = truth(box)
    wanted["groups"].pop(ended)

    assert {f"group {moving}"} == set(report.left_out)
    assert wanted == mirrored(store, box.corp_id)


def test_corps_share_a_database(store: Store) -> None:
    """Two corps in one database do not see each other."""
    boxes = [small_corp(customers=20), Sandbox(seed=8)]
    boxes[1].populate(staff=2, customers=15, groups=1)
    for _ in range(2):
        for box in boxes:
            run(mirror(box, BlockingPort(transport=box.transport, clock=box.clock), store).sync())

    assert [truth(box) for box in boxes] == [mirrored(store, box.corp_id) for box in boxes]


def test_a_mirror_says_what_it_is(store: Store) -> None:
    """Its repr names corp and database; wrong settings are refused."""
    box = small_corp(customers=5)
    with WeCom(box.corp_id, box.secret, transport=box.transport, clock=box.clock) as wecom:
        one = Mirror(wecom, store)
        one.sync()

        assert repr(one).startswith(f"<Mirror of {box.corp_id} in <Store {store.dialect}")
        with pytest.raises(UsageError, match="in_flight"):
            Mirror(wecom, store, in_flight=0)
        with store.begin() as conn, pytest.raises(UsageError, match="store of its own"):
            Mirror(wecom, store.joined(conn))
