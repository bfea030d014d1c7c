"""Group welcomes: made, read, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from privdom.errors import MayHaveArrived, NoPermission, UsageError
from privdom.sandbox import Fault
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.group_welcomes import (
    DeleteGroupWelcomeRequest,
    GetGroupWelcomeRequest,
    GroupWelcome,
    GroupWelcomeUpdate,
    NewGroupWelcome,
)
from privdom.wecom.messages import File, Image, Link, MiniProgram, Text, Video
from privdom.wecom.wire import unstructure
from tests.chapters.conftest import Corp, Scripted


LINK = Link("群规", "https://example.com/rules")


def test_a_group_welcome_is_made_changed_and_deleted(corp: Corp) -> None:
    """A part is changed by writing the whole."""

    async def scenario(wecom: AsyncWeCom) -> tuple[GroupWelcome, GroupWelcome, int]:
        made = await wecom.group_welcomes.add(NewGroupWelcome("欢迎 %NICKNAME%", link=LINK))
        before = await wecom.group_welcomes.get(made.template_id)
        await wecom.group_welcomes.edit(made.template_id, attrs.evolve(before.as_new(), text="你好"))
        after = await wecom.group_welcomes.get(made.template_id)
        await wecom.group_welcomes.delete(made.template_id)
        with pytest.raises(NoPermission) as caught:
            await wecom.group_welcomes.get(made.template_id)
        return before, after, caught.value.errcode

    before, after, gone = corp(scenario)

    assert GroupWelcome(Text("欢迎 %NICKNAME%"), link=LINK) == before
    assert GroupWelcome(Text("你好"), link=LINK) == after
    assert 41058 == gone


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("link", LINK),
        ("miniprogram", MiniProgram("商城", "m", "wx1", "/index")),
        ("file", File("m")),
        ("video", Video("m")),
    ],
)
def test_each_kind_comes_back_as_it_was(corp: Corp, kind: str, thing: Any) -> None:
    """Alone, without a text."""

    async def scenario(wecom: AsyncWeCom) -> GroupWelcome:
        made = await wecom.group_welcomes.add(NewGroupWelcome(**{kind: thing}))
        return await wecom.group_welcomes.get(made.template_id)

    assert GroupWelcome(**{kind: thing}) == corp(scenario)


def test_an_image_comes_back_by_its_url(corp: Corp) -> None:
    """Whichever way it was given."""

    async def scenario(wecom: AsyncWeCom) -> list[Image | None]:
        images = (Image("m"), Image(pic_url="https://wework.qpic.cn/a"))
        made = [await wecom.group_welcomes.add(NewGroupWelcome(image=image)) for image in images]
        return [(await wecom.group_welcomes.get(welcome.template_id)).image for welcome in made]

    by_media, by_url = corp(scenario)

    assert by_media is not None
    assert by_media.pic_url.startswith("https://")
    assert Image(pic_url="https://wework.qpic.cn/a") == by_url


def test_a_lost_addition_is_told(corp: Corp) -> None:
    """It is not repeated, since a second one would stay beside it."""
    corp.box.faults.add(Fault("lost_response", "group_welcome_template/add"))

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.group_welcomes.add(NewGroupWelcome("hi"))

    with pytest.raises(MayHaveArrived):
        corp(scenario)

    assert 1 == len(corp.box.state()["group_welcomes"])  # type: ignore[arg-type]


def test_each_kind_is_written_under_its_own_name(scripted: Callable[..., Any]) -> None:
    """There is no list of attachments here; what was not given is not sent."""
    answers = {"template_id": "msg1"}
    script = Scripted(add=[answers], edit=[{}], **{"del": [{}]})

    async def scenario(wecom: AsyncWeCom) -> None:
        await wecom.group_welcomes.add(NewGroupWelcome("hi", file=File("m"), notify=0))
        await wecom.group_welcomes.edit("msg1", NewGroupWelcome(video=Video("m"), agentid=5, notify=1))
        await wecom.group_welcomes.delete("msg1", agentid=5)

    scripted(scenario, script)

    assert [
        b'{"text":{"content":"hi"},"file":{"media_id":"m"},"notify":0}',
        b'{"template_id":"msg1","video":{"media_id":"m"},"agentid":5}',
        b'{"template_id":"msg1","agentid":5}',
    ] == script.bodies


def test_an_empty_text_is_not_sent() -> None:
    """WeCom refuses empty objects (40063)."""
    assert {"file": {"media_id": "m"}} == unstructure(NewGroupWelcome(Text(""), file=File("m")))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nothing": (NewGroupWelcome, "the group welcome is empty"),
    "an empty text": (lambda: NewGroupWelcome(Text("")), "the group welcome is empty"),
    "long text": (lambda: NewGroupWelcome("长" * 1001), "text has 3003 bytes"),
    "two kinds": (lambda: NewGroupWelcome("hi", file=File("m"), video=Video("m")), "takes only one of"),
    "odd notice": (lambda: NewGroupWelcome("hi", notify=2), "notify is 2"),
    "change nothing": (lambda: GroupWelcomeUpdate("", text="hi"), "template_id is empty"),
    "change to nothing": (lambda: GroupWelcomeUpdate("msg1"), "the group welcome is empty"),
    "read nothing": (lambda: GetGroupWelcomeRequest(""), "template_id is empty"),
    "delete nothing": (lambda: DeleteGroupWelcomeRequest(""), "template_id is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(case: str) -> None:
    """The message says what is wrong and what to do."""
    ask, message = REFUSED[case]

    with pytest.raises(UsageError, match=message):
        ask()
