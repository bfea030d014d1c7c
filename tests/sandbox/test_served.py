"""Everybody who was ever served."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import Api, sign_in


HOUR = timedelta(hours=1)


def _all(api: Api) -> list[dict[str, Any]]:
    return sign_in(api.box, api.client).post("contact_list")["info_list"]


def _who(rows: list[dict[str, Any]]) -> list[tuple[bool, str, str, str, str]]:
    return [
        (r["is_customer"], r.get("external_userid", ""), r.get("name", ""), r["follow_userid"], r.get("chat_id", ""))
        for r in rows
    ]


def test_rows(api: Api) -> None:
    """A row for each staff and each group; who is nobody's customer has a masked name and no id."""
    a = api.box.add_customer("wmA", "安娜", staff=["anna"])
    b = api.box.add_customer("wmB", "王小开")
    group = api.box.add_group(owner="chen", members=[a])
    api.box.join_group(group, [b, "wmStranger", "ben"])

    assert [
        (True, a, "", "anna", ""),
        (True, a, "", "chen", group),
        (False, "", "***开", "chen", group),
        (False, "", "***", "chen", group),
    ] == _who(_all(api))


def test_the_first_time_counts(api: Api) -> None:
    """Who comes again was served since the first time."""
    start = int(api.box.clock.now().timestamp())
    customer = api.box.add_customer(staff=["anna"])
    group = api.box.add_group(owner="anna", members=[customer])
    api.box.advance(HOUR)
    api.box.staff_deletes_customer("anna", customer)
    api.box.befriend("anna", customer)
    api.box.leave_group(group, [customer])
    api.box.join_group(group, [customer])

    assert [start, start] == [row["add_time"] for row in _all(api)]


def test_parted(corp: Callable[..., Api]) -> None:
    """Who has parted is kept, as nobody's customer; or not, under another rule."""
    for keeps in (True, False):
        api = corp(served_after_parting=keeps)
        customer = api.box.add_customer("wmA", "安娜", staff=["anna"])
        group, gone = (
            api.box.add_group(owner="ben", members=[customer]),
            api.box.add_group(owner="ben", members=["wmX"]),
        )
        assert 3 == len(_all(api))
        api.box.staff_deletes_customer("anna", customer)
        api.box.leave_group(group, [customer])
        api.box.dismiss_group(gone)

        expected = [
            (False, "", "***娜", "anna", ""),
            (False, "", "***娜", "ben", group),
            (False, "", "***", "ben", gone),
        ]
        assert (expected if keeps else []) == _who(_all(api))


def test_a_transfer_serves_too(api: Api) -> None:
    """Whoever takes over serves the customer, and the other did."""
    customer = api.box.add_customer(staff=["anna"])
    body = {"handover_userid": "anna", "takeover_userid": "ben", "external_userid": [customer]}
    api.post("transfer_customer", **body)
    api.box.advance(24 * HOUR)

    assert ["anna", "ben"] == [row["follow_userid"] for row in _all(api)]


def test_traversals(api: Api) -> None:
    """The pages of one traversal agree on who is who, those of two do not."""
    a, b = (api.box.add_customer(one, staff=["anna", "ben"]) for one in ("wmA", "wmB"))

    def walk() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {a: set(), b: set()}
        cursor, sizes = "", []
        while True:
            page = api.post("contact_list", limit=3, cursor=cursor)
            sizes.append(len(page["info_list"]))
            for row in page["info_list"]:
                found[row["external_userid"]].add(row["tmp_openid"])
            cursor = page["next_cursor"]
            if not cursor:
                assert [3, 1] == sizes
                return found

    first, second = walk(), walk()

    assert [1, 1, 1, 1] == [len(ids) for one in (first, second) for ids in one.values()]
    assert 4 == len(first[a] | first[b] | second[a] | second[b])


def test_cursors_live_four_hours(api: Api) -> None:
    """A cursor is good for 4 hours, and made-up ones never."""
    for one in ("wmA", "wmB"):
        api.box.add_customer(one, staff=["anna"])
    cursor = api.post("contact_list", limit=1)["next_cursor"]
    api.box.advance(4 * HOUR)
    api = sign_in(api.box, api.client)
    assert 0 == api.post("contact_list", limit=1, cursor=cursor)["errcode"]
    api.box.advance(timedelta(seconds=1))
    late = api.post("contact_list", limit=1, cursor=cursor)

    assert (50100, []) == (late["errcode"], late["info_list"])
    assert 50100 == api.post("contact_list", cursor="x")["errcode"]


@pytest.mark.parametrize(("errcode", "limit"), [(0, 0), (0, 1_000), (40058, 1_001), (40058, -1)])
def test_limits(api: Api, errcode: int, limit: int) -> None:
    """A page holds up to 1,000; 0 stands for that."""
    assert errcode == api.post("contact_list", limit=limit)["errcode"]
