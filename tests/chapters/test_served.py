"""Everybody whom the corp has served, customers or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from privdom.errors import CursorLoop, UsageError
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.contacts import ServedContact, ServedContactsRequest, ServedPage
from tests.chapters.conftest import Corp, Scripted


def test_served_once_for_each_staff_and_group(corp: Corp) -> None:
    """One person is the same throughout a traversal, and another one in the next."""
    customer = corp.box.add_customer("wmA", "安娜", staff=["anna", "ben"])
    group = corp.box.add_group(owner="chen", members=[customer])
    now = corp.box.clock.now()

    async def scenario(wecom: AsyncWeCom) -> tuple[list[ServedContact], list[ServedPage]]:
        served = [contact async for contact in wecom.contacts.each_served()]
        return served, [page async for page in wecom.contacts.served_pages(limit=2)]

    served, pages = corp(scenario)
    again = [contact for page in pages for contact in page.info_list]

    assert [("anna", ""), ("ben", ""), ("chen", group)] == [(one.follow_userid, one.chat_id) for one in served]
    assert {(True, "wmA", "", now)} == {(o.is_customer, o.external_userid, o.name, o.add_time) for o in served}
    assert [2, 1] == [len(page.info_list) for page in pages]
    assert [1, 1, 2] == [len({one.tmp_openid for one in some}) for some in (served, again, served + again)]


def test_no_cursor_is_followed_twice(scripted: Callable[..., Any]) -> None:
    """A circle ends with an error."""
    script = Scripted(contact_list=[{"info_list": [{"name": "***开", "is_customer": False}], "next_cursor": "2"}])

    async def scenario(wecom: AsyncWeCom) -> list[ServedContact]:
        served = wecom.contacts.each_served()
        found = [await anext(served), await anext(served)]
        with pytest.raises(CursorLoop):
            await anext(served)
        return found

    assert [ServedContact(name="***开")] * 2 == scripted(scenario, script)
    assert [b'{"limit":1000}', b'{"cursor":"2","limit":1000}'] == script.bodies


@pytest.mark.parametrize("limit", [0, 1_001])
def test_a_limit_out_of_range(limit: int) -> None:
    """A page holds 1 to 1,000."""
    with pytest.raises(UsageError, match="limit is"):
        ServedContactsRequest(limit=limit)


def test_names_are_not_printed() -> None:
    """Not even those that WeCom has masked."""
    assert "开" not in repr(ServedContact(name="***开"))
