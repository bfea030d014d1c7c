"""Contact ways that are deleted, and temporary chats that end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privdom.errors import BadRequest, NotACustomer, UsageError
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.codes import (
    CloseTempChatRequest,
    Conclusions,
    ContactWay,
    ContactWayType,
    ContactWayUpdate,
    CreatedContactWay,
    DeleteCodeRequest,
    NewContactWay,
)
from privdom.wecom.messages import Image, Text
from privdom.wecom.wire import unstructure
from tests.chapters.conftest import Corp


def test_a_deleted_code_is_gone(corp: Corp) -> None:
    """Nobody can read or scan it any more, and deleting it again is refused."""

    async def scenario(wecom: AsyncWeCom) -> str:
        made = await wecom.codes.add(NewContactWay(type=ContactWayType.SINGLE, user=["anna"]))
        await wecom.codes.delete(made.config_id)
        for again in (wecom.codes.delete, wecom.codes.get):
            with pytest.raises(BadRequest, match="41044"):
                await again(made.config_id)
        return made.config_id

    with pytest.raises(ValueError, match="no code"):
        corp.box.scan(corp(scenario))


def test_a_temporary_chat_ends_with_closing_words(corp: Corp) -> None:
    """It ends once; a second call finds no such chat."""

    async def make(wecom: AsyncWeCom) -> CreatedContactWay:
        words = Conclusions(Text("再见"))
        return await wecom.codes.add(
            NewContactWay(type=ContactWayType.SINGLE, user=["anna"], is_temp=True, conclusions=words)
        )

    async def close(wecom: AsyncWeCom) -> None:
        await wecom.codes.close_temp_chat("anna", customer)

    customer = corp.box.scan(corp(make).config_id).external_userid
    corp(close)

    assert [("anna", customer, "再见")] == [
        (entry.staff, entry.external_userid, entry.text) for entry in corp.box.record.conclusions
    ]
    with pytest.raises(NotACustomer, match="84061"):
        corp(close)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DeleteCodeRequest(""), "config_id is empty"),
        (lambda: CloseTempChatRequest("", "wm1"), "userid is empty"),
        (lambda: CloseTempChatRequest("anna", "ben"), "must begin with wm or wo"),
        (lambda: Conclusions(""), "closing words are empty"),
        (lambda: Conclusions(Text("")), "closing words are empty"),
    ],
)
def test_what_wecom_would_refuse(make: Callable[[], object], message: str) -> None:
    """Each mistake is named before anything is sent."""
    with pytest.raises(UsageError, match=message):
        make()


def test_closing_words_are_a_text_like_any_other() -> None:
    """A bare text will do, and an empty one beside a picture is not sent: WeCom refuses empty objects."""
    assert Conclusions(Text("再见")) == Conclusions("再见")
    assert {"image": {"media_id": "m"}} == unstructure(Conclusions(Text(""), Image("m")))


@pytest.mark.parametrize(
    "way",
    [
        ContactWay("c1", unionid="o-private"),
        ContactWayUpdate("c1", unionid="o-private"),
        NewContactWay(type=ContactWayType.SINGLE, user=["anna"], is_temp=True, unionid="o-private"),
    ],
)
def test_a_unionid_is_not_printed(way: object) -> None:
    """It tells a person from all others."""
    assert "o-private" not in repr(way)
    assert "unionid=<hidden>" in repr(way)
