"""Tickets of the JS-SDK, and signatures of pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from privdom.errors import MayHaveArrived, QuotaExceeded, UsageError
from privdom.sandbox import Fault, Quota
from privdom.wecom import js_signature, unstructure
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.retry import Retry
from privdom.wecom.tickets import JsSignature, JsTicket, TicketAnswer
from tests.chapters.conftest import Corp, Scripted


# WeCom documentation 90506.
TICKET = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
NONCE = "Wm3WZYTPz0wzccnW"
PAGE = "https://crm.example.com/sidebar?tab=1"


@pytest.mark.parametrize(
    ("signature", "url"),
    [
        ("0f9de62fce790f9a083d5c99e95740ceb90c27ed", "http://mp.weixin.qq.com?params=value"),
        ("0f9de62fce790f9a083d5c99e95740ceb90c27ed", "http://mp.weixin.qq.com?params=value#/customers/1#2"),
        ("f4d90daf4b3bca3078ab155816175ba34c443a7b", "http://mp.weixin.qq.com"),
    ],
)
def test_signatures_of_the_documentation(signature: str, url: str) -> None:
    """WeCom's own examples; what stands behind a # takes no part."""
    assert signature == js_signature(TICKET, NONCE, 1414587457, url)


def asked(corp: Corp, path: str) -> int:
    return sum(call.path.endswith(path) for call in corp.box.record.calls)


def test_a_page_is_signed_for_corp_and_app(corp: Corp) -> None:
    """Each with its own ticket, at the present time, under the names of the JS-SDK."""

    async def scenario(wecom: AsyncWeCom) -> tuple[JsSignature, JsSignature, JsTicket, JsTicket]:
        tickets = wecom.tickets
        page = await tickets.sign(PAGE, nonce="n")
        app = await tickets.sign(PAGE, agent_id=corp.box.agent_id, nonce="n")
        return page, app, await tickets.corp(), await tickets.app()

    page, app, corp_ticket, app_ticket = corp(scenario)
    now = int(corp.box.clock.now().timestamp())

    assert JsSignature(corp.box.corp_id, now, "n", js_signature(corp_ticket.ticket, "n", now, PAGE)) == page
    assert js_signature(app_ticket.ticket, "n", now, PAGE) == app.signature
    assert corp.box.agent_id == app.agentid
    assert {"appId", "timestamp", "nonceStr", "signature"} == set(unstructure(page))


def test_each_page_has_a_nonce_of_its_own(corp: Corp) -> None:
    """Nobody can guess it."""

    async def scenario(wecom: AsyncWeCom) -> set[str]:
        return {(await wecom.tickets.sign(PAGE)).nonceStr for _ in range(5)}

    assert 5 == len(corp(scenario))


def test_tickets_are_remembered(corp: Corp) -> None:
    """WeCom is asked once for each kind, and again five minutes before the end."""

    async def scenario(wecom: AsyncWeCom) -> list[JsTicket]:
        first = [await wecom.tickets.corp() for _ in range(3)]
        await wecom.tickets.app()
        corp.box.advance(timedelta(seconds=6_899))
        last = await wecom.tickets.corp()
        corp.box.advance(timedelta(seconds=1))
        return [*first, last, await wecom.tickets.corp()]

    seen = corp(scenario)

    assert 1 == len({ticket.ticket for ticket in seen})
    assert (2, 1) == (asked(corp, "get_jsapi_ticket"), asked(corp, "ticket/get"))


def test_the_last_minutes_of_a_ticket_are_not_asked_for_each_page(corp: Corp) -> None:
    """Where WeCom gives the same ticket until it ends, half of what is left is waited out."""

    async def scenario(wecom: AsyncWeCom) -> set[str]:
        seen = {(await wecom.tickets.corp()).ticket}
        corp.box.advance(timedelta(seconds=6_900))
        for _ in range(330):
            seen.add((await wecom.tickets.corp()).ticket)
            corp.box.advance(timedelta(seconds=1))
        return seen

    assert 2 == len(corp(scenario))
    assert asked(corp, "get_jsapi_ticket") < 15


def test_many_at_once_ask_once(corp: Corp) -> None:
    """A page that everybody opens costs one ticket."""

    async def scenario(wecom: AsyncWeCom) -> set[str]:
        async def one(_: int) -> str:
            return (await wecom.tickets.app()).ticket

        return {ticket async for ticket in wecom.port.map(one, range(20), 10)}

    assert 1 == len(corp(scenario))
    assert 1 == asked(corp, "ticket/get")


def test_a_lost_answer_is_asked_for_again(corp: Corp) -> None:
    """To read a ticket twice does no harm; what cannot be had is not remembered."""
    corp.box.faults.add(Fault("lost_response", "get_jsapi_ticket"))

    async def scenario(wecom: AsyncWeCom) -> JsTicket:
        wecom.session.retry = Retry(first_wait=0.0)
        return await wecom.tickets.corp()

    assert corp(scenario).ticket
    corp.box.faults.add(Fault("lost_response", "get_jsapi_ticket", times=2))

    async def impatient(wecom: AsyncWeCom) -> JsTicket:
        wecom.session.retry = Retry(attempts=1)
        for _ in range(2):
            with pytest.raises(MayHaveArrived):
                await wecom.tickets.corp()
        return await wecom.tickets.corp()

    assert corp(impatient).ticket


def test_tickets_are_scarce(corp: Corp) -> None:
    """WeCom gives 100 an hour, and says when they are used up."""
    corp.box.change_rules(ticket_quota=Quota(1, 3_600))

    async def scenario(wecom: AsyncWeCom) -> object:
        wecom.session.retry = Retry(attempts=1)
        await wecom.tickets.corp()
        return await wecom.tickets.app()

    with pytest.raises(QuotaExceeded):
        corp(scenario)


def test_tickets_are_secrets(scripted: Callable[..., Any]) -> None:
    """No repr shows one."""

    async def scenario(wecom: AsyncWeCom) -> str:
        return repr(await wecom.tickets.corp()) + repr(wecom.tickets) + repr(TicketAnswer("hush"))

    shown = scripted(scenario, Scripted(get_jsapi_ticket=[{"ticket": "hush", "expires_in": 7200}]))

    assert "<hidden>" in shown
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"url": "crm.example.com"}, "from https:// on"),
        ({"url": PAGE, "agent_id": -1}, "agent_id is -1"),
        ({"url": PAGE, "nonce": ""}, "nonce is empty"),
    ],
)
def test_what_cannot_be_signed_is_refused(corp: Corp, arguments: dict[str, Any], what: str) -> None:
    """Before anything is asked."""

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.tickets.sign(**arguments)

    with pytest.raises(UsageError, match=what):
        corp(scenario)
    assert [] == corp.box.record.calls
