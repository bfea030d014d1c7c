"""User code of the chapters beside customer contact, which mypy and pyright must understand; it is read, not run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from typing import assert_type

from privdom.wecom import (
    AppMessageSent,
    Article,
    AsyncWeCom,
    ButtonInteraction,
    CardButton,
    CardTarget,
    CardTitle,
    CardUpdated,
    ConvertedStaff,
    ConvertedTmpIds,
    Department,
    DepartmentPlace,
    JsSignature,
    JsTicket,
    Markdown,
    News,
    SignedIn,
    SimpleStaff,
    StaffDetail,
    StaffIdPage,
    TextNotice,
    TmpIdBusiness,
    WeCom,
    js_signature,
)


def blocking(wecom: WeCom) -> None:
    assert_type(wecom.staff.simple_list(1), tuple[SimpleStaff, ...])
    assert_type(wecom.staff.ids(limit=5), StaffIdPage)
    assert_type(wecom.staff.id_pages(cursor="c"), Iterator[StaffIdPage])
    assert_type(wecom.staff.each_id(), Iterator[str])
    assert_type(wecom.departments.list(), tuple[Department, ...])
    assert_type(wecom.departments.simple_list(3), tuple[DepartmentPlace, ...])
    assert_type(wecom.departments.get(3), Department)
    assert_type(wecom.network.callback_ips(), tuple[str, ...])
    assert_type(wecom.tickets.corp(), JsTicket)
    assert_type(wecom.tickets.app().ends_at, datetime)
    assert_type(wecom.tickets.sign("https://x", agent_id=1), JsSignature)
    assert_type(js_signature("t", "n", 1, "https://x"), str)
    assert_type(wecom.oauth.login_url("https://x", scope="snsapi_base"), str)
    assert_type(wecom.oauth.user("c"), SignedIn)
    assert_type(wecom.oauth.detail("t"), StaffDetail)
    assert_type(wecom.ids.openid("wm1"), str)
    assert_type(wecom.ids.from_tmp(["ou1"], business_type=TmpIdBusiness.FORM), ConvertedTmpIds)
    assert_type(wecom.ids.customer("wm1", 7), str)
    assert_type(wecom.ids.staff(["wo1"], 7), ConvertedStaff)
    app = wecom.app_messages
    assert_type(app.send("hi", agent_id=1, touser=["a"]), AppMessageSent)
    app.send(Markdown("**hi**"), agent_id=1, toparty=[1, 2], enable_duplicate_check=True)
    app.send(News([Article("t", "u")]), agent_id=1, totag=[1])
    notice = TextNotice(main_title="t", card_action="https://x")
    assert_type(notice.main_title, CardTitle | None)
    assert_type(notice.card_action, CardTarget | None)
    buttons = ButtonInteraction(main_title="t", button_list=[CardButton("b", "k")], task_id="t")
    assert_type(app.send(buttons, agent_id=1, touser=["a"]).invaliduser[0], str)
    app.recall("m")
    assert_type(app.update_card("c", agent_id=1, atall=True, card=notice), CardUpdated)


async def awaited(wecom: AsyncWeCom) -> None:
    assert_type(await wecom.tickets.sign("https://x"), JsSignature)
    assert_type(wecom.staff.each_id(), AsyncGenerator[str, None])
    assert_type(wecom.oauth.login_url("https://x"), str)


def mistakes(wecom: WeCom) -> None:
    wecom.app_messages.send("hi", touser=["a"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    wecom.app_messages.send(5, agent_id=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TextNotice("t")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
