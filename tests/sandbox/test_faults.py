"""Faults, before and after the state change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from privdom.sandbox import Fault, FaultKind, Sandbox
from tests.sandbox.conftest import Api, sign_in, staffed


def _tag_names(api: Api) -> list[str]:
    return [tag["name"] for group in api.post("get_corp_tag_list")["tag_group"] for tag in group["tag"]]


@pytest.mark.parametrize(
    ("kind", "done"), [("connect_refused", 0), ("lost_request", 0), ("lost_response", 1), ("late_acceptance", 0)]
)
def test_no_answer(api: Api, kind: FaultKind, done: int) -> None:
    """When the line breaks, the call has been carried out or not; the next one goes well."""
    api.box.faults.add(Fault(kind, "add_corp_tag"))
    with pytest.raises(httpx.TransportError):
        api.add_tags("x")

    assert done == len(_tag_names(api))
    api.add_tags("y")
    assert (kind, bool(done)) == next((c.fault, c.accepted) for c in api.box.record.calls if c.fault)


def test_errors_in_process() -> None:
    """In process a refused connection is a ConnectError, every other lost call a ReadTimeout."""
    box = staffed()
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        for kind, error in (("connect_refused", httpx.ConnectError), ("lost_response", httpx.ReadTimeout)):
            box.faults.add(Fault(kind))  # type: ignore[arg-type]
            with pytest.raises(error):
                api.get("get_follow_user_list")


def test_late_acceptance(api: Api) -> None:
    """A call may be accepted at a later virtual time, when nobody waits for it any more."""
    api.box.faults.add(Fault("late_acceptance", delay=90))
    with pytest.raises(httpx.TransportError):
        api.add_tags("x")
    api.box.advance(timedelta(seconds=89))
    assert [] == _tag_names(api)
    api.box.advance(timedelta(seconds=1))

    assert ["x"] == _tag_names(api)
    assert [("late_acceptance", False), ("accepted_late", True)] == [
        (call.fault, call.accepted) for call in api.box.record.calls if call.fault
    ]


def test_late_without_token(api: Api) -> None:
    """A call that would have been turned away is not accepted later either."""
    api.box.faults.add(Fault("late_acceptance"))
    api.box.revoke_tokens()
    with pytest.raises(httpx.TransportError):
        api.add_tags("x")
    api.box.advance(timedelta(minutes=2))

    assert [] == _tag_names(sign_in(api.box, api.client))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["busy", "html", "truncated"])
def test_bad_answer(api: Api, kind: FaultKind, after: bool) -> None:
    """A bad answer tells nothing about whether the call was carried out."""
    api.box.faults.add(Fault(kind, "/cgi-bin/externalcontact/add_corp_tag", after_change=after))
    body = {"group_name": "A", "tag": [{"name": "x"}]}
    path, params = "/cgi-bin/externalcontact/add_corp_tag", {"access_token": api.token}
    answer = api.client.post(path, params=params, json=body)

    if kind == "busy":
        assert -1 == answer.json()["errcode"]
    else:
        assert ("text/html" in answer.headers["content-type"]) == (kind == "html")
        with pytest.raises(ValueError):
            answer.json()
    assert after == (_tag_names(api) == ["x"])


@pytest.mark.parametrize(("kind", "errcode"), [("quota", 45009), ("expired_token", 42001)])
def test_turned_away(api: Api, kind: FaultKind, errcode: int) -> None:
    """A call over its quota, or with a token that has ended, is never carried out: whoever repeats it does no harm."""
    api.box.faults.add(Fault(kind, "add_corp_tag", after_change=True))
    api.box.faults.random(1.0, [kind], ["edit_corp_tag"])
    x = api.post("add_corp_tag", group_name="A", tag=[{"name": "x"}])
    api = sign_in(api.box, api.client)
    y = api.add_tags("y")[0]
    renamed = [sign_in(api.box, api.client).post("edit_corp_tag", id=y, name=f"z{i}")["errcode"] for i in range(8)]

    assert errcode == x["errcode"]
    assert [errcode] * 8 == renamed
    assert ["y"] == _tag_names(sign_in(api.box, api.client))


def test_expired_token(api: Api) -> None:
    """The token ends at once: the call is 42001 and so is the next, until there is a new one."""
    api.box.faults.add(Fault("expired_token"))
    assert api.token == sign_in(api.box, api.client).token

    assert [42001, 42001] == [api.get("get_follow_user_list")["errcode"] for _ in range(2)]
    assert 0 == sign_in(api.box, api.client).get("get_follow_user_list")["errcode"]


def test_slow(api: Api) -> None:
    """A slow answer comes in the end."""
    api.box.faults.add(Fault("slow", delay=0.01))

    assert 0 == api.get("get_follow_user_list")["errcode"]
    assert ["slow"] == [call.fault for call in api.box.record.calls if call.fault]


def test_aim(api: Api) -> None:
    """A fault strikes only the path and the subject it names, as often as it says."""
    a, b = (api.box.add_customer(staff=["anna"]) for _ in range(2))
    api.box.faults.add(Fault("busy", "get", times=2, subject=a))
    codes = [api.get("get", external_userid=i)["errcode"] for i in (b, a, b, a, a)]

    assert [0, -1, 0, -1, 0] == codes
    api.box.faults.add(Fault("busy", times=0))
    assert [-1] * 3 == [api.get("get", external_userid=a)["errcode"] for _ in range(3)]
    api.box.faults.clear()
    assert 0 == api.get("get", external_userid=a)["errcode"]


def _codes(order: int) -> dict[str, list[int]]:
    box = staffed()
    customers = [box.add_customer(f"wm{i}", staff=["anna"]) for i in range(40)]
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        api = sign_in(box, client)
        box.faults.random(0.3, ["busy", "expired_token"], ["get"])
        found: dict[str, list[int]] = {customer: [] for customer in customers}
        for _ in range(2):
            for customer in customers[::order]:
                found[customer].append(sign_in(box, client).get("get", external_userid=customer)["errcode"])
        assert 0 == api.box.record.calls[0].errcode
    return found


def test_random() -> None:
    """Random faults depend on the content of a call and on how often it came, not on the order of others."""
    found = _codes(1)

    assert found == _codes(-1)
    assert {0, -1, 42001} == {code for codes in found.values() for code in codes}


def test_random_spares(api: Api) -> None:
    """Random faults stay on their paths, and revoke no token where none is given."""
    api.box.faults.random(1.0, ["busy"], ["mark_tag"])
    assert 0 == api.get("get_follow_user_list")["errcode"]
    api.box.faults.clear()
    api.box.faults.random(1.0, ["expired_token"])

    assert api.token == sign_in(api.box, api.client).token


def test_what_has_struck() -> None:
    """The scripted faults that struck are listed in order, as often as they did."""
    box = staffed()
    twice, tag = Fault("busy", "get_follow_user_list", times=2), Fault("quota", "mark_tag")
    with httpx.Client(transport=box.transport, base_url="https://wecom") as client:
        here = sign_in(box, client)
        for fault in (twice, tag, Fault("busy", "remark")):
            box.faults.add(fault)
        assert [] == box.faults.struck()
        here.get("get_follow_user_list")
        here.post("mark_tag")
        here.get("get_follow_user_list")

    assert [twice, tag, twice] == box.faults.struck()


def test_removed() -> None:
    """A fault that is taken back strikes no more; of equal ones the last goes, and what is not there is no matter."""
    faults = staffed().faults
    busy, quota = Fault("busy", "mark_tag"), Fault("quota", "mark_tag")
    for fault in (busy, quota, busy):
        faults.add(fault)
    faults.remove(busy)
    assert [(busy, 1), (quota, 1)] == faults.planned()
    faults.remove(busy)
    faults.remove(busy)

    assert quota is faults.for_call("/cgi-bin/externalcontact/mark_tag", "")
    assert [] == faults.planned()


def test_nonsense(corp: Callable[..., Api]) -> None:
    """Faults that do not exist are refused."""
    box = corp().box
    with pytest.raises(ValueError):
        box.faults.random(2, ["busy"])
    with pytest.raises(ValueError, match="kinds"):
        box.faults.random(0.5, [])
    with pytest.raises(ValueError):
        Fault("boom")  # type: ignore[arg-type]
    assert "<Faults 0 scripted, 0 by chance>" == repr(Sandbox().faults)
