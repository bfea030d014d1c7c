"""Tokens, addresses, quotas, and the form of errors."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from privdom._facts.endpoints import ENDPOINTS, GETTOKEN
from privdom.sandbox import Quota, Rules, Sandbox
from privdom.sandbox.handlers import ROUTES
from tests.sandbox.conftest import Api, sign_in


def _client(box: Sandbox) -> httpx.Client:
    return httpx.Client(transport=box.transport, base_url="https://wecom")


def test_all_endpoints() -> None:
    """Every endpoint of the facts has a handler, gettoken being answered at the door."""
    assert {endpoint.path for endpoint in ENDPOINTS} == {*ROUTES, GETTOKEN.path}


@pytest.mark.parametrize(
    ("errcode", "change"),
    [
        (41002, {"corpid": ""}),
        (41004, {"corpsecret": ""}),
        (40013, {"corpid": "wwother"}),
        (40001, {"corpsecret": "wrong"}),
        (0, {}),
    ],
)
def test_gettoken(errcode: int, change: dict[str, str]) -> None:
    """A token needs the corp's id and the app's secret."""
    box = Sandbox()
    query = {"corpid": box.corp_id, "corpsecret": box.secret, **change}
    answer = _client(box).get("/cgi-bin/gettoken", params=query).json()

    assert errcode == answer["errcode"]
    assert (errcode == 0) == (answer.get("expires_in") == 7200)


def test_no_token(api: Api) -> None:
    """A call without a token is 41001, with an unknown one 40014."""
    path = "/cgi-bin/externalcontact/get_follow_user_list"

    assert api.client.get(path).json()["errcode"] == 41001
    assert api.client.get(path, params={"access_token": "x"}).json()["errcode"] == 40014


def test_token_expires(api: Api) -> None:
    """A token lives for 7200 virtual seconds, and is the same until then."""
    again = sign_in(api.box, api.client)
    assert api.token == again.token
    api.box.advance(timedelta(seconds=7199))
    assert api.get("get_follow_user_list")["errcode"] == 0
    api.box.advance(timedelta(seconds=1))

    assert api.get("get_follow_user_list")["errcode"] == 42001
    assert api.token != sign_in(api.box, api.client).token


def test_revoked_token(api: Api) -> None:
    """WeCom may end tokens early: a call is 42001, and a new token is another one."""
    api.box.revoke_tokens()

    assert api.get("get_follow_user_list")["errcode"] == 42001
    assert api.token != sign_in(api.box, api.client).token


def test_trusted_ip() -> None:
    """A call from an address that is not trusted is 60020, with the address in errmsg."""
    box = Sandbox(rules=Rules(trusted_ips=("10.0.0.1",)))
    answer = sign_in(box, _client(box)).get("get_follow_user_list")

    assert answer["errcode"] == 60020
    assert "from ip: 127.0.0.1" in answer["errmsg"]


def test_form_of_errors(api: Api) -> None:
    """An error keeps its list fields, empty, and its errmsg has WeCom's tail."""
    answer = api.get("list", userid="nobody")

    assert (answer["errcode"], answer["external_userid"]) == (60111, [])
    assert answer["errmsg"].startswith("userid not found, hint: [")
    assert answer["errmsg"].endswith("more info at https://open.work.weixin.qq.com/devtool/query?e=60111")


def test_words_of_errors(api: Api) -> None:
    """Every errcode has words, whole ones, also one that WeCom's list lacks."""
    token, file = {"access_token": api.token}, {"media": ("a.mp3", b"#!AMR" * 10)}
    voice = api.client.post("/cgi-bin/media/upload", params={**token, "type": "voice"}, files=file).json()
    card: dict[str, object] = {
        "card_type": "text_notice",
        "card_action": {"type": 1, "url": "https://a"},
        "main_title": {"title": "t"},
    }
    card["horizontal_content_list"] = [{"value": "v"}]
    body = {"touser": "anna", "agentid": 1_000_002, "msgtype": "template_card", "template_card": card}
    sent = api.client.post("/cgi-bin/message/send", params=token, json=body).json()

    assert "Voice file must be AMR" == voice["errmsg"].partition(", hint")[0]
    assert "template_card: horizontal_content_list.keyname is absent" == sent["errmsg"].partition(", hint")[0]


def test_broken_json(api: Api) -> None:
    """Broken JSON does not fail by itself: the fields are absent and errmsg warns."""
    path = "/cgi-bin/externalcontact/mark_tag"
    for content in (b"{", b"[]"):
        answer = api.client.post(path, params={"access_token": api.token}, content=content).json()

        assert answer["errcode"] == 41009
        assert answer["errmsg"].startswith("Warning: wrong json format. ")


def test_wrong_verb(api: Api) -> None:
    """GET where POST is due is a parameter error."""
    assert api.get("mark_tag")["errcode"] == 40058


def test_unknown_path(api: Api) -> None:
    """A path that is not WeCom's is a plain 404."""
    assert api.client.get("/cgi-bin/none").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"userid": 1},
        {"add_tag": "x"},
        {"add_tag": [1]},
    ],
)
def test_wrong_types(api: Api, body: dict[str, object]) -> None:
    """A field of another type is 40058."""
    assert (
        api.post("mark_tag", **{"userid": "anna", "external_userid": "x", "add_tag": ["a"], **body})["errcode"] == 40058
    )


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_quota_slides() -> None:
    """A quota counts any window of real time per path; who exceeds it is locked out for as long."""
    clock = _Clock()
    box = Sandbox(rules=Rules(quotas=(Quota(3, 60),)), monotonic=clock)
    box.add_staff("anna")
    api = sign_in(box, _client(box))
    codes = []
    for clock.now in (0.0, 30.0, 59.0, 59.5, 61.0, 119.0, 119.5):
        codes.append(api.get("get_follow_user_list")["errcode"])

    assert codes == [0, 0, 0, 45009, 45009, 45009, 0]
    assert api.get("user/get", userid="anna")["errcode"] == 0


def _marks(in_flight: int, customers: list[str]) -> list[int]:
    """Put an unknown tag on these customers, all at once, and return the errcodes."""
    import anyio

    box = Sandbox(rules=Rules(latency=0.05, mark_tag_in_flight=in_flight))
    box.add_staff("anna")
    for customer in set(customers):
        box.add_customer(customer, staff=["anna"])
    with _client(box) as client:
        token = sign_in(box, client).token
    codes: list[int] = []

    async def main() -> None:
        async with httpx.AsyncClient(transport=box.transport, base_url="https://wecom") as client:

            async def mark(customer: str) -> None:
                body = {"userid": "anna", "external_userid": customer, "add_tag": ["x"]}
                params = {"access_token": token}
                answer = await client.post("/cgi-bin/externalcontact/mark_tag", params=params, json=body)
                codes.append(answer.json()["errcode"])

            for _ in range(2):
                async with anyio.create_task_group() as tasks:
                    for customer in customers:
                        tasks.start_soon(mark, customer)

    anyio.run(main)
    return sorted(codes)


@pytest.mark.parametrize(
    ("in_flight", "customers", "errcodes"),
    [
        (5, ["wmX", "wmX"], [40068, 45035]),
        (2, ["wmX", "wmY", "wmZ"], [40068, 40068, 45033]),
        (3, ["wmX", "wmY", "wmZ"], [40068, 40068, 40068]),
    ],
)
def test_relations_conflict(in_flight: int, customers: list[str], errcodes: list[int]) -> None:
    """Two writes of tags to one relation at once are 45035, too many in all 45033; when they have ended there is room."""
    assert sorted(errcodes * 2) == _marks(in_flight, customers)
